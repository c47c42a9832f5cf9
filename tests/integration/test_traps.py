# SPDX-License-Identifier: Apache-2.0
"""The spooler's traps: what somebody does by hand on the host to a job while Platen fills it.

The document is cut off by a stopped submit worker, so that the held job is there for as long as the
test needs it. Whatever happens, the device gets the whole document once, or nothing of it.
"""
import os
import signal
import unittest

from harness import Guest, Host, Lab, Sink, Spooler, vendor_ppd, wait_for

HELD, CANCELED, COMPLETED = 4, 7, 9
DATA = os.urandom(1 << 20) * 24


class TrapsTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.device, self.other = Sink(self.lab), Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True,
                               env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        ppd = vendor_ppd(self.lab.dir / "vendor.ppd")
        self.spooler.add_queue("laser", self.device.uri, ppd)
        self.spooler.add_queue("other", self.other.uri, ppd)
        self.host = Host(self.lab, self.spooler).start()
        self.guest = Guest(self.lab, self.host).start()
        wait_for(lambda: sum(p["guest"] == "ready" for p in
                             self.host.ask("printers", workspace="box")["data"]["printers"]) == 2, "the queues")

    def signal_workers(self, number):
        for pid, argv in self.host.children("platen-spool"):
            if argv[1] == "submit":
                os.kill(pid, number)

    def filling(self):
        """A guest's job, and the host's held job that is being filled and goes no further."""
        number = self.guest.print("laser", DATA, "-o", "document-format=application/vnd.cups-raw")
        wait_for(self.spooler.jobs, "the job on the host")
        self.signal_workers(signal.SIGSTOP)
        self.addCleanup(self.signal_workers, signal.SIGCONT)
        job = self.spooler.jobs()[-1]
        self.assertEqual(job["job-state"], HELD, "it was filled before it could be stopped")
        return number, f"laser-{job['job-id']}"

    def settled(self, number):
        """The guest's job has ended or is held, and the host prints nothing more."""
        self.signal_workers(signal.SIGCONT)
        wait_for(lambda: (self.guest.job(number) or {}).get("job-state", COMPLETED) in (HELD, CANCELED, 8, COMPLETED)
                 and not [j for j in self.spooler.jobs("not-completed") if j["job-state"] in (3, 5)],
                 f"the job to be settled, it is {self.guest.job(number)}", 60)
        return (self.guest.job(number) or {}).get("job-state")

    def whole_or_nothing(self, number):
        state = self.settled(number)
        if state == COMPLETED:  # a device notes a document when its connection has ended
            wait_for(lambda: self.device.received + self.other.received, "what the guest was told was printed")
        printed = self.device.received + self.other.received
        self.assertLessEqual(len(printed), 1)
        for document in printed:
            self.assertTrue(document == DATA, f"{len(document)} bytes of {len(DATA)} came out")

    def test_released_early(self):
        number, job = self.filling()
        self.spooler.run("lp", "-i", job, "-H", "resume")
        self.whole_or_nothing(number)

    def test_cancelled(self):
        number, job = self.filling()
        self.spooler.run("cancel", job)
        self.whole_or_nothing(number)

    def test_purged(self):
        number, job = self.filling()
        self.spooler.run("cancel", "-x", job)
        self.whole_or_nothing(number)

    def test_moved(self):
        number, job = self.filling()
        self.spooler.run("lpmove", job, "other")
        self.whole_or_nothing(number)

    def test_printer_paused(self):
        number, _ = self.filling()
        self.spooler.run("cupsdisable", "laser")
        self.signal_workers(signal.SIGCONT)
        self.spooler.run("cupsenable", "laser")
        self.whole_or_nothing(number)

    def test_printer_rejects(self):
        number, _ = self.filling()
        self.spooler.run("cupsreject", "laser")
        self.whole_or_nothing(number)


if __name__ == "__main__":
    unittest.main()
