# SPDX-License-Identifier: Apache-2.0
"""Many printers at once: more than the queue between two programs takes, each with a driver of its own."""
import unittest

import ipp
from cable import cabled
from harness import Guest, Host, Lab, Spooler, pdf, vendor_ppd, wait_for

PRINTERS = 160  # of 2.7 KB each, the offer is more than twice what a socket takes
PADDING = 65536 + 1024 + 16  # FRAME_MAX of proto/limits.h: with so many zeros a session begins


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


class AgainTest(unittest.TestCase):
    """A session after another: what the guest holds already does not cross the channel again."""
    COUNT = 20

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"},
                               extra="LogLevel warn\n")
        for i in range(self.COUNT):
            self.spooler.add_queue(f"many{i}", "file:///dev/null", vendor_ppd(self.lab.dir / "vendor.ppd"))
        self.host = Host(self.lab, self.spooler, settings="mode = all\n").start()
        self.cable, self.guest = cabled(self.lab, self.host)
        self.guest.spooler.stop()
        self.guest.spooler.extra = "DirtyCleanInterval 1\n"  # not half a minute
        self.guest.spooler.write_config()
        self.guest.spooler.start()
        self.guest.start()
        self.ready(1)

    def ready(self, sessions):
        """That so many sessions began, and all printers are there in this one."""
        def all_of_them():
            printers = self.host.ask("printers", workspace="box")["data"]["printers"]
            return sum(p["guest"] == "ready" for p in printers) == self.COUNT
        wait_for(lambda: self.lab.log("platend").count(" connected: ") >= sessions and all_of_them(),
                 f"all printers in session {sessions}", 60)

    def test_nothing_but_a_digest_where_nothing_changed(self):
        self.assertGreater(self.cable.told, PADDING + self.COUNT * 100)
        self.cable.told = 0
        self.cable.cut()
        self.ready(2)
        self.assertLess(self.cable.told, PADDING + 1024)
        number = self.guest.print("many7", pdf(1))  # by the index of the session before
        wait_for(lambda: self.guest.job(number)["job-state"] == 9, "the job", 40)
        self.spooler.run("lpadmin", "-p", "many7", "-L", "a shelf")
        wait_for(lambda: self.guest.spooler.printer("many7").get("printer-location") == "a shelf", "the change")
        self.cable.told = 0
        self.cable.cut()
        self.ready(3)
        self.assertLess(self.cable.told, PADDING + 1024)
        lines = [line for line in self.lab.log("platend").splitlines() if f"{self.COUNT} printers ready" in line]
        self.assertEqual(len(lines), 3, lines)

    def test_what_changed_meanwhile_is_told(self):
        for sessions, command in enumerate((("lpadmin", "-p", "many3", "-L", "a shelf"), ("cupsdisable", "-r", "Jam", "many3"),
                                            ("lpadmin", "-d", "many5"), ("lpadmin", "-x", "many4")), 2):
            self.cable.flow.clear()
            self.cable.cut()
            self.spooler.run(*command)
            self.COUNT -= command[1] == "-x"
            self.cable.flow.set()
            self.ready(sessions)
        printer = self.guest.spooler.printer
        wait_for(lambda: printer("many3").get("printer-location") == "a shelf", "the place")
        wait_for(lambda: printer("many3")["printer-state"] == 5, "the stop")
        wait_for(lambda: "many4" not in self.guest.spooler.queues(), "the end of the one that is gone")


    def files(self):
        """What lies in the guest, but the logs: a file that was written is another one, or has another time."""
        folders = [self.guest.spooler.dir / sub for sub in ("etc", "cache", "spool")] + [self.lab.dir / f"{self.guest.name}-state"]
        return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for folder in folders for path in folder.rglob("*")
                if path.is_file()}

    def rested(self):
        """Both have written what they had to. cupsd writes what it was told so long after it (DirtyCleanInterval)."""
        conf = self.guest.spooler.dir / "etc/printers.conf"
        wait_for(lambda: (self.lab.dir / f"{self.guest.name}-state/offer").exists(), "the kept offer")
        wait_for(lambda: conf.exists() and conf.read_text().count("Printer many") == self.COUNT, "cupsd's file", 60)
        return self.files()

    def test_nothing_is_written_where_nothing_changed(self):
        """Neither in a second session, nor by another agent, which has the offer of the one before."""
        before, sessions = self.rested(), 1
        for restart in (False, True, True, False):
            self.cable.told, sessions = 0, sessions + 1
            if restart:
                self.assertEqual(self.guest.stop(), 0)
                self.guest.start()
            else:
                self.cable.cut()
            self.ready(sessions)
            self.assertLess(self.cable.told, PADDING + 1024)
        after = self.files()
        self.assertEqual([str(path) for path in before | after if before.get(path) != after.get(path)], [])
        number = self.guest.print("many7", pdf(1))  # by the index of an agent before
        wait_for(lambda: self.guest.job(number)["job-state"] == 9, "the job", 40)

    def test_what_changed_while_no_agent_was_there_is_told(self):
        self.rested()
        self.assertEqual(self.guest.stop(), 0)
        self.spooler.run("lpadmin", "-p", "many3", "-L", "a shelf")
        self.spooler.run("lpadmin", "-x", "many4")
        self.COUNT -= 1
        self.guest.start()
        self.ready(2)
        wait_for(lambda: self.guest.spooler.printer("many3").get("printer-location") == "a shelf", "the place")
        wait_for(lambda: "many4" not in self.guest.spooler.queues(), "the end of the one that is gone")

    def test_a_kept_offer_that_is_damaged_comes_anew(self):
        self.rested()
        self.assertEqual(self.guest.stop(), 0)
        path = self.lab.dir / f"{self.guest.name}-state/offer"
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
        self.cable.told = 0
        self.guest.start()
        self.ready(2)
        self.assertGreater(self.cable.told, PADDING + self.COUNT * 100)
        said = [line for line in self.lab.log(f"{self.guest.name}-agent").splitlines() if "comes anew" in line]
        self.assertEqual(len(said), 1, said)
        self.assertIn(str(path), said[0])
        self.assertTrue(path.exists() or wait_for(path.exists, "a new one"))


class ManyJobsTest(unittest.TestCase):
    def test_a_job_behind_five_hundred_others_is_found_again(self):
        """cupsd tells of the oldest 500 when it is asked for all: a platend that begins anew must see the newest."""
        lab = Lab()
        self.addCleanup(lab.close)
        spooler = Spooler(lab, "host", notifier=True, env={"PLATEN_RUNDIR": lab.dir / "platend-run"}, extra="LogLevel warn\n")
        spooler.add_queue("laser", "socket://127.0.0.1:9",  # where nobody answers
                          vendor_ppd(lab.dir / "vendor.ppd"))
        spooler.add_queue("raw", "file:///dev/null")
        for _ in range(510):
            ipp.ask(spooler.socket, "Print-Job", uri="ipp://localhost/printers/raw", data=b"page")
        host = Host(lab, spooler, settings="mode = all\n").start()
        guest = Guest(lab, host).start()
        wait_for(lambda: guest.spooler.queues() == ["laser"], "the queue", 30)
        number = guest.print("laser", pdf(1))
        wait_for(lambda: [job["job-state"] for job in spooler.jobs("not-completed")] == [5], "the job on the host", 30)
        host.stop()
        host.start()
        spooler.run("cancel", "-a")
        wait_for(lambda: guest.job(number)["job-state"] == 7, "the end of the job in the guest", 40)


if __name__ == "__main__":
    unittest.main()
