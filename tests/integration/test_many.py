# SPDX-License-Identifier: Apache-2.0
"""Many printers at once: more than the queue between two programs takes, each with a driver of its own."""
import unittest

from harness import Guest, Host, Lab, Spooler, vendor_ppd, wait_for

PRINTERS = 160  # of 2.7 KB each, the offer is more than twice what a socket takes


class ManyTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"},
                               extra="LogLevel warn\n")
        for i in range(PRINTERS):
            ppd = vendor_ppd(self.lab.dir / "vendor.ppd", f"Laser {i}")
            self.spooler.add_queue(f"many{i}", f"socket://192.0.2.{i + 1}", ppd)
        self.host = Host(self.lab, self.spooler, settings="mode = all\n").start()
        wait_for(lambda: self.count("driver", "host") == PRINTERS, "all drivers", 120)

    def count(self, key, value, **args):
        return sum(p.get(key) == value for p in self.host.ask("printers", **args)["data"]["printers"])

    def test_all_drivers_come_also_through_a_full_queue(self):
        """A question for a driver meets a queue that is full of the offer: it is answered when there is room."""
        for number in range(4):
            guest = Guest(self.lab, self.host, name=f"guest{number}")
            guest.start()
            wait_for(lambda: self.count("guest", "ready", workspace="box") == PRINTERS, f"all printers in guest {number}", 120)
            guest.stop()
            guest.spooler.stop()
            wait_for(lambda: self.count("guest", "ready", workspace="box") == 0, "the session's end")

    def test_one_line_for_all_that_are_ready(self):
        """A host that starts does not write a line for each printer of each workspace."""
        guest = Guest(self.lab, self.host)
        guest.start()
        wait_for(lambda: self.count("guest", "ready", workspace="box") == PRINTERS, "all printers", 120)
        line, = self.ready_lines()
        self.assertIn(f"{PRINTERS} printers ready", line)
        self.spooler.add_queue("another", "socket://192.0.2.250", vendor_ppd(self.lab.dir / "vendor.ppd", "Another"))
        wait_for(lambda: self.count("guest", "ready", workspace="box") == PRINTERS + 1, "one more", 60)
        _, line = self.ready_lines()
        self.assertIn("1 printer ready", line)
        self.assertIn("another", line)

    def ready_lines(self):
        return [line for line in self.lab.log("platend").splitlines() if "ready in the workspace" in line]


if __name__ == "__main__":
    unittest.main()
