# SPDX-License-Identifier: Apache-2.0
"""The spooler's traps: what somebody does by hand on the host to a job while Platen fills it.

The document is cut off by a stopped submit worker, so that the held job is there for as long as the
test needs it. Whatever happens, the device gets the whole document once, or nothing of it.
"""
import os
import pathlib
import signal
import unittest

from cable import Cable
from harness import Guest, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for

HELD, CANCELED, COMPLETED = 4, 7, 9
DATA = os.urandom(1 << 20) * 64


class TrapsTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.device, self.other = Sink(self.lab), Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True,
                               env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        ppd = vendor_ppd(self.lab.dir / "vendor.ppd")
        self.spooler.add_queue("laser", self.device.uri + "/?snmp=false", ppd)
        self.spooler.add_queue("other", self.other.uri + "/?snmp=false", ppd)
        self.host = Host(self.lab, self.spooler).start()
        self.cable = Cable(self.lab.dir / "cable", self.host.channel("box"))
        self.lab.closers.append(self.cable.close)
        self.guest = Guest(self.lab, self.host)
        self.guest.config.write_text(self.guest.config.read_text().replace(
            str(self.host.channel("box")), str(self.lab.dir / "cable")))
        self.guest.start()
        wait_for(lambda: sum(p["guest"] == "ready" for p in
                             self.host.ask("printers", workspace="box")["data"]["printers"]) == 2, "the queues")

    def signal_workers(self, number):
        for pid, argv in self.host.children("platen-spool"):
            if argv[1] == "submit":
                os.kill(pid, number)

    def filling(self):
        """A guest's job, and the host's held job that is being filled and goes no further."""
        self.cable.until_still = len(DATA) // 3
        number = self.guest.print("laser", DATA, "-o", "document-format=application/vnd.cups-raw")
        wait_for(lambda: self.cable.until_still is None, "some of it to be there")
        wait_for(self.spooler.jobs, "the job on the host")
        self.signal_workers(signal.SIGSTOP)
        self.addCleanup(self.signal_workers, signal.SIGCONT)
        self.cable.flow.set()
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

    def waiting(self):
        """A guest's job that is released on the host and waits behind another one, which the device does not take."""
        self.device.paused.clear()
        self.addCleanup(self.device.paused.set)
        first = self.lab.dir / "first"
        first.write_bytes(DATA)
        self.spooler.run("lp", "-d", "laser", "-o", "document-format=application/vnd.cups-raw", first)
        wait_for(lambda: self.spooler.jobs()[0]["job-state"] == 5, "the first job to be printing")
        number = self.guest.print("laser", DATA[:1 << 20], "-o", "document-format=application/vnd.cups-raw")
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 3], "the job to wait on the host")
        return number

    def test_the_spooler_restarts_while_a_job_waits(self):
        """cupsd keeps the job: nobody has to be asked, and it prints once when the printer goes on."""
        number = self.waiting()
        for _ in range(2):
            self.spooler.stop()
            self.spooler.start()
            wait_for(lambda: self.host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")
            self.assertEqual(self.guest.job(number)["job-state"], 5)
        self.device.paused.set()
        wait_for(lambda: (self.guest.job(number) or {}).get("job-state", COMPLETED) in (HELD, COMPLETED), "its end", 20)
        self.assertEqual(self.guest.job(number)["job-state"], COMPLETED)
        wait_for(lambda: DATA[:1 << 20] in self.device.received, "the document")
        self.assertEqual(self.device.received.count(DATA[:1 << 20]), 1)


    # -- the printer is deleted

    def said(self, number, words):
        wait_for(lambda: words in str((self.guest.job(number) or {}).get("job-printer-state-message", "")),
                 f"the guest's job to say: {words}; it says {self.guest.job(number)}", 2)

    def why(self, number):
        """Why it is held: cupsd's own message is wiped when the next job begins."""
        uuid = self.guest.job(number)["job-uuid"].rsplit(":", 1)[1]
        return next(line for line in self.lab.log("guest-box-agent").splitlines()
                    if "held in this workspace" in line and uuid in line)

    def comes_back(self, number):
        """Somebody adds the printer again: what waited for it is printed, once."""
        self.signal_workers(signal.SIGCONT)
        self.spooler.add_queue("laser", self.device.uri + "/?snmp=false", self.lab.dir / "vendor.ppd")
        self.device.paused.set()
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"the job, it is {self.guest.job(number)}", 30)

    def test_printer_deleted_while_it_is_filled(self):
        number, _ = self.filling()
        self.spooler.run("lpadmin", "-x", "laser")
        wait_for(lambda: "the printer was deleted on the host" in self.lab.log("platend"), "platend to say why", 5)
        self.said(number, "Waiting for the host to offer this printer")
        self.comes_back(number)
        wait_for(lambda: self.device.received, "the document")
        self.assertTrue(self.device.received == [DATA])

    def test_printer_deleted_while_a_job_waits(self):
        """The host's job goes with it, unprinted: the guest keeps it."""
        number = self.waiting()
        self.spooler.run("lpadmin", "-x", "laser")
        self.said(number, "Waiting for the host to offer this printer")
        self.comes_back(number)
        wait_for(lambda: DATA[:1 << 20] in self.device.received, "the document")
        self.assertEqual(self.device.received.count(DATA[:1 << 20]), 1)

    def test_printer_deleted_while_it_prints(self):
        """Nobody knows how much came out: a person decides."""
        self.device.paused.clear()
        self.addCleanup(self.device.paused.set)
        number = self.guest.print("laser", DATA, "-o", "document-format=application/vnd.cups-raw")
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 5], "it to be printing")
        wait_for(lambda: "host" in str(self.guest.job(number)), "the guest to know")
        self.spooler.run("lpadmin", "-x", "laser")
        wait_for(lambda: self.guest.job(number)["job-state"] == HELD, f"the job to be held, it is {self.guest.job(number)}", 5)
        self.assertIn("The printer was deleted", self.why(number))

    # -- the guest's backend is killed

    @staticmethod
    def signal_program(program, number):
        for p in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(p / "exe") == str(program):
                    os.kill(int(p.name), number)
            except OSError:
                pass  # it has ended

    def killed_backend(self):
        """A job of which cupsd thinks that it is printed, as its backend was killed (for want of memory, say)."""
        number, _ = self.filling()
        self.signal_program(self.guest.spooler.dir / "bin/backend/platen", signal.SIGKILL)
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "cupsd to think so", 5)
        return number

    def printed_once(self):
        wait_for(lambda: self.device.received, "the document", 20)
        wait_for(lambda: not self.spooler.jobs("not-completed"), "the host's jobs to end")
        self.assertTrue(self.device.received == [DATA])

    def test_a_killed_backend(self):
        number = self.killed_backend()
        wait_for(lambda: self.guest.job(number)["job-state"] == 5, "the job to be run again", 5)
        self.signal_workers(signal.SIGCONT)
        self.printed_once()
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "its end")

    def test_a_killed_backend_of_a_spooler_that_keeps_no_files(self):
        self.guest.spooler.extra = "PreserveJobFiles No"
        self.guest.spooler.write_config()
        self.guest.spooler.stop()
        self.guest.spooler.start()
        self.killed_backend()
        self.signal_workers(signal.SIGCONT)
        self.printed_once()

    # -- what cupsd tells, or forgets to tell

    def test_a_killed_spooler_that_remembers_us(self):
        """It has the subscription and not the job, and takes connections all the time (cups.socket): a person is asked."""
        self.spooler.stop()
        self.spooler.start()
        wait_for(lambda: self.host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")
        number = self.waiting()
        watch = next(pid for pid, argv in self.host.children("platen-spool") if argv[1] == "watch")
        os.kill(watch, signal.SIGSTOP)
        try:
            self.spooler.stop(signal.SIGKILL)
            self.spooler.start()
        finally:
            os.kill(watch, signal.SIGCONT)
        wait_for(lambda: self.guest.job(number)["job-state"] == HELD, f"the job to be held, it is {self.guest.job(number)}", 10)
        self.assertIn("It is not known whether this was printed", self.why(number))

    def test_a_list_of_subscriptions_that_was_cut_short(self):
        """By a loss of power. cupsd dies when it is asked for the subscriptions of one user then, again and again."""
        self.spooler.stop()
        conf = self.spooler.dir / "etc/subscriptions.conf"
        conf.write_text("NextSubscriptionId 4\n<Subscription 3>\nEvents printer-state-changed printer-restarted job-")
        self.spooler.start()
        wait_for(lambda: self.host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")
        number = self.guest.print("laser", b"short", "-o", "document-format=application/vnd.cups-raw")
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "the job to be printed")
        self.assertIsNone(self.spooler.process.poll())

    def events_that_are_lost(self):
        """A job of the guest's that is printed while cupsd's notifier takes the events to its grave."""
        number = self.waiting()
        notifier = self.spooler.dir / "bin/notifier/platen"
        self.signal_program(notifier, signal.SIGSTOP)
        self.device.paused.set()
        wait_for(lambda: not self.spooler.jobs("not-completed"), "the host's jobs to end")
        self.assertEqual(self.guest.job(number)["job-state"], 5)
        self.signal_program(notifier, signal.SIGKILL)
        return number

    def test_a_killed_notifier(self):
        number = self.events_that_are_lost()
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "the guest to hear of it", 15)

    def test_a_killed_notifier_of_a_spooler_that_keeps_no_history(self):
        """How the job ended, nobody can tell any more."""
        self.spooler.extra = "PreserveJobHistory No"
        self.spooler.write_config()
        self.spooler.stop()
        self.spooler.start()
        wait_for(lambda: self.host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")
        number = self.events_that_are_lost()
        wait_for(lambda: self.guest.job(number)["job-state"] == HELD, "a person to be asked", 20)
        self.assertIn("It is not known whether this was printed", self.why(number))

    def test_no_history(self):
        """Jobs that are purged as soon as they end are known to have ended, however short they were."""
        self.spooler.extra = "PreserveJobHistory No"
        self.spooler.write_config()
        self.spooler.stop()
        self.spooler.start()
        wait_for(lambda: self.host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")
        for n in range(20):
            number = self.guest.print("laser", b"short", "-o", "document-format=application/vnd.cups-raw")
            if n % 2:
                watch = next(pid for pid, argv in self.host.children("platen-spool") if argv[1] == "watch")
                os.kill(watch, signal.SIGSTOP)
                wait_for(lambda: len(self.device.received) > n, "it to be printed")
                os.kill(watch, signal.SIGCONT)
            wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "its end", 4)

    def test_events_while_we_do_not_listen(self):
        """More than a socket takes: what was left out is looked up."""
        number = self.waiting()
        watch = next(pid for pid, argv in self.host.children("platen-spool") if argv[1] == "watch")
        os.kill(watch, signal.SIGSTOP)
        try:
            for n in range(330):
                self.spooler.run("cupsdisable", "-r", str(n), "other")
                self.spooler.run("cupsenable", "other")
            self.spooler.run("cancel", "-a", "laser")
            wait_for(lambda: "laser" not in self.spooler.run("lpstat", "-o").stdout, "the jobs to be cancelled")
        finally:
            os.kill(watch, signal.SIGCONT)
        wait_for(lambda: self.guest.job(number)["job-state"] == CANCELED, f"the cancel, it is {self.guest.job(number)}", 10)

    def test_filters_that_fail(self):
        """cupsd stops such a job and leaves it to a person: the guest holds it, with the reason, and prints the next."""
        for n, script in enumerate(("exit 1", "kill -SEGV $$")):
            with self.subTest(script=script):
                name = f"filter-{n}"
                path = self.lab.dir / name
                path.write_text(f"#!/bin/sh\ncat >/dev/null\n[ \"$3\" = good ] && exit 0\n{script}\n")
                path.chmod(0o755)
                ppd = self.lab.dir / f"{name}.ppd"
                ppd.write_bytes((self.lab.dir / "vendor.ppd").read_bytes().replace(
                    b'"application/vnd.cups-pdf application/pdf 0 -"', f'"application/pdf application/pdf 0 {path}"'.encode()))
                self.spooler.add_queue(name, self.device.uri, ppd)
                wait_for(lambda: any(p["name"] == name and p["guest"] == "ready" for p in
                                     self.host.ask("printers", workspace="box")["data"]["printers"]), "the queue")
                bad = self.guest.print(name, pdf(1), title="bad")
                good = self.guest.print(name, pdf(1), title="good")
                wait_for(lambda: self.guest.job(bad)["job-state"] == HELD, f"it to be held, {self.guest.job(bad)}", 10)
                self.assertIn("filter", self.why(bad))
                wait_for(lambda: self.guest.job(good)["job-state"] == COMPLETED, f"the next, {self.guest.job(good)}", 10)
                wait_for(lambda: not self.spooler.jobs("not-completed"), "the host's job to go", 5)


if __name__ == "__main__":
    unittest.main()
