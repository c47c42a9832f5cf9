# SPDX-License-Identifier: Apache-2.0
"""The spooler's traps: what somebody does by hand on the host, or to the guest's backend, while Platen fills a job.

Whatever happens, the device gets the whole document once, or nothing of it.
"""
import signal
import unittest

from harness import wait_for
from traps import COMPLETED, DATA, HELD, RAW, TrapsCase


class TrapsTest(TrapsCase):
    def test_released_early(self):
        number, job = self.filling()
        self.spooler.run("lp", "-i", job, "-H", "resume")
        self.whole_or_nothing(number)

    def test_released_early_with_a_banner(self):
        """Then the host's job has a file to print, and is over with that: the document comes in another one, once."""
        self.spooler.run("lpadmin", "-p", "laser", "-o", "job-sheets-default=standard,none")
        number, job = self.filling()
        self.spooler.run("lp", "-i", job, "-H", "resume")
        wait_for(lambda: self.spooler.jobs()[-1]["job-state"] > 5, "the host's job to be over", 30)
        self.signal_workers(signal.SIGCONT)
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"its end, it is {self.guest.job(number)}", 30)
        self.assertEqual(sum(DATA in document for document in self.device.received), 1)

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

    def test_restarted(self):
        """A held job by "lp -H restart" is as one that is released early."""
        number, job = self.filling()
        self.spooler.run("lp", "-i", job, "-H", "restart", check=False)
        self.whole_or_nothing(number)

    def test_restarted_when_it_was_printed(self):
        """By whoever wants it once more: that is nobody's but the spooler's, and the guest's job stays over."""
        number = self.guest.print("laser", DATA[:1 << 20], *RAW)
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "its end")
        rows = self.host.ask("jobs", all=True)["data"]["jobs"]
        self.spooler.run("lp", "-i", f"laser-{rows[0]['host_job']}", "-H", "restart")
        wait_for(lambda: len(self.device.received) == 2, "the copy that was asked for")
        wait_for(lambda: not self.spooler.jobs("not-completed"), "the host's job to end")
        self.assertEqual(self.host.ask("jobs", all=True)["data"]["jobs"], rows)
        self.assertEqual(self.guest.job(number)["job-state"], COMPLETED)
        self.assertEqual(len(self.guest.spooler.jobs()), 1)

    def test_held_by_hand_when_it_is_released(self):
        """And released again, also over a restart of platend and of cupsd: no person is asked."""
        number = self.waiting()
        job = next(j["job-id"] for j in self.spooler.jobs() if j["job-state"] == 3)
        self.spooler.run("lp", "-i", f"laser-{job}", "-H", "hold")
        wait_for(lambda: self.noted("held by somebody"), "platend to have noted it")
        self.host.stop()
        self.spooler.stop()
        self.spooler.start()
        self.start_platend()
        self.assertEqual(next(j["job-state"] for j in self.spooler.jobs() if j["job-id"] == job), HELD)
        self.assertEqual(self.guest.job(number)["job-state"], 5)
        self.spooler.run("lp", "-i", f"laser-{job}", "-H", "resume")
        self.device.paused.set()
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"its end, it is {self.guest.job(number)}", 30)
        wait_for(lambda: self.device.received.count(DATA[:1 << 20]) == 1, "the document")

    def said(self, number, words):
        wait_for(lambda: words in str((self.guest.job(number) or {}).get("job-printer-state-message", "")),
                 f"the guest's job to say: {words}; it says {self.guest.job(number)}", 2)

    def comes_back(self, number):
        """Somebody adds the printer again: what waited for it is printed, once."""
        self.signal_workers(signal.SIGCONT)
        self.spooler.add_queue("laser", self.device.uri + "/?snmp=false", self.lab.dir / "vendor.ppd")
        self.device.paused.set()
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"the job, it is {self.guest.job(number)}", 30)

    def test_printer_deleted_while_it_is_filled(self):
        number, _ = self.filling()
        self.spooler.run("lpadmin", "-x", "laser")
        self.said(number, "Waiting for the host to offer this printer")
        self.assertIn("not taken", self.lab.log("platend"))  # by whoever heard of it first, the watch or the one that fills it
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

    def unseen(self, *deeds):
        """A job is being printed and the deeds are done before platen-spool looks; the job's number, when it is settled."""
        self.device.paused.clear()
        self.addCleanup(self.device.paused.set)
        self.signal_workers(signal.SIGSTOP, "watch")
        self.addCleanup(self.signal_workers, signal.SIGCONT, "watch")
        number = self.guest.print("laser", DATA, "-o", "document-format=application/vnd.cups-raw")
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 5], "it to be printing")
        for deed in deeds:
            deed()
        self.signal_workers(signal.SIGCONT, "watch")
        wait_for(lambda: not (job := self.guest.job(number)) or job["job-state"] not in (3, 5), "it to be settled", 10)
        return number

    def test_printer_deleted_before_its_job_was_looked_at(self):
        """Of the job platend hears first, as it was before, and finds it cancelled: by nobody, it went with its printer."""
        number = self.unseen(lambda: self.spooler.run("lpadmin", "-x", "laser"))
        self.assertIn("The printer was deleted", self.why(number))

    def test_printer_deleted_and_its_job_forgotten_before_it_was_looked_at(self):
        """cupsd forgets the attributes of what is over, and without the printer it cannot read them again."""
        def forgotten():
            self.spooler.run("lpstat", "-r")
            return "Unloading..." in (self.spooler.dir / "log/error").read_text(errors="replace")
        number = self.unseen(lambda: self.spooler.run("lpadmin", "-x", "laser"),
                             lambda: wait_for(forgotten, "cupsd to forget its attributes"))
        self.assertEqual(self.guest.job(number)["job-state"], HELD)
        self.assertIn("The printer was deleted", self.why(number))

    def test_printer_made_again_before_its_job_was_looked_at(self):
        """And one of that name is there all the time, as far as anybody saw."""
        number = self.unseen(lambda: self.spooler.run("lpadmin", "-x", "laser"),
                             lambda: self.spooler.add_queue("laser", self.device.uri + "/?snmp=false", self.lab.dir / "vendor.ppd"))
        self.assertEqual(self.guest.job(number)["job-state"], HELD)
        self.assertIn("It is not known whether this was printed", self.why(number))

    def test_cancelled_before_it_was_looked_at(self):
        """By a person, and an option of its printer was set: it is over for the workspace, too."""
        number = self.unseen(lambda: self.spooler.run("lpadmin", "-p", "laser", "-o", "printer-error-policy=retry-job"),
                             lambda: self.spooler.run("cancel", "-a", "laser"))
        self.assertEqual(self.guest.job(number)["job-state"], 7)

    def given_up(self, text, mend):
        """It is held, as nobody has cancelled it; when all is in order again a person releases it, and it is printed."""
        number = self.guest.print("laser", DATA[:1 << 20], *RAW)
        wait_for(lambda: self.guest.job(number)["job-state"] not in (3, 5), f"its end, it is {self.guest.job(number)}", 30)
        self.assertEqual(self.guest.job(number)["job-state"], HELD)
        self.assertIn("The host's spooler or the printer gave it up" + text, self.why(number))
        wait_for(lambda: self.guest.job(number).get("platen-asked"), "the mark on the held job")
        mend()
        self.guest.spooler.run("lp", "-i", f"laser-{number}", "-H", "resume")
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"its end, it is {self.guest.job(number)}", 30)
        self.assertIn(DATA[:1 << 20], self.device.received)  # and what the device had before, for which a person looks

    def test_the_device_refuses_it(self):
        """Which cupsd calls a cancel; the person in the workspace has not asked for any."""
        script = self.lab.dir / "refuses"
        script.write_text("#!/bin/sh\ncat >/dev/null\necho 'ERROR: It has no such tray.' >&2\nexit 5\n")
        self.spooler.install(script, "backend/lpd")
        self.spooler.run("lpadmin", "-p", "laser", "-v", "lpd://127.0.0.1/laser")
        self.given_up(": It has no such tray.", lambda: self.spooler.run("lpadmin", "-p", "laser", "-v", self.device.uri + "/?snmp=false"))

    def test_the_spooler_gives_it_up(self):
        """Where its queue does so instead of being stopped: a person has it printed when the printer is mended."""
        mended = self.lab.dir / "mended"
        script = self.lab.dir / "jams"
        script.write_text(f"#!/bin/sh\n[ -e {mended} ] && exec cat \"$6\" >{self.spooler.dir}/out/paper\n"
                          "echo 'ERROR: Paper jam.' >&2\nexit 1\n")
        self.spooler.install(script, "backend/lpd")
        self.spooler.run("lpadmin", "-p", "laser", "-v", "lpd://127.0.0.1/laser", "-o", "printer-error-policy=abort-job")
        number = self.guest.print("laser", DATA[:1 << 20], *RAW)
        wait_for(lambda: self.guest.job(number).get("platen-asked"), f"it to be held, it is {self.guest.job(number)}", 30)
        self.assertIn("release it to print it again", self.why(number))
        mended.touch()
        self.guest.spooler.run("lp", "-i", f"laser-{number}", "-H", "resume")
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"its end, it is {self.guest.job(number)}", 30)
        self.assertEqual((self.spooler.dir / "out/paper").read_bytes(), DATA[:1 << 20])

    def held_by_the_spooler(self, script, why):
        """A job that cupsd holds itself, over restarts of cupsd and of platend: nobody is asked, it prints when it is released."""
        mended = self.lab.dir / "mended"
        path = self.lab.dir / "holds"
        path.write_text(f"#!/bin/sh\n[ -e {mended} ] && exec cat \"$6\" >>{self.spooler.dir}/out/paper\n{script}\n")
        self.spooler.install(path, "backend/lpd")
        self.spooler.run("lpadmin", "-p", "laser", "-v", "lpd://127.0.0.1/laser", "-o", "printer-error-policy=retry-job")
        number = self.guest.print("laser", DATA[:1 << 20], *RAW)
        wait_for(lambda: why in str(self.guest.job(number)), f"the guest to know why, it is {self.guest.job(number)}", 20)
        self.spooler.stop()
        self.spooler.start()
        wait_for(lambda: self.host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")
        self.host.stop(signal.SIGKILL)
        self.start_platend()
        wait_for(lambda: self.noted("held on the host"), "platend to have looked at it")
        mended.touch()
        self.spooler.run("lp", "-i", f"laser-{self.spooler.jobs()[-1]['job-id']}", "-H", "resume")
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"its end, it is {self.guest.job(number)}", 30)
        self.assertEqual((self.spooler.dir / "out/paper").read_bytes(), DATA[:1 << 20])

    def test_the_device_wants_a_password(self):
        self.held_by_the_spooler("echo 'ATTR: auth-info-required=username,password' >&2\nexit 2",
                                 "the host's printer wants a user's name and password")

    def test_the_spooler_tries_again_later(self):
        self.held_by_the_spooler("exit 1", "the host's spooler could not send it, and tries again later")

    def test_the_spooler_has_waited_long_enough(self):
        """For a device that is off over night: cupsd cancels what takes longer than three hours."""
        self.settings("MaxJobTime 3")
        self.device.paused.clear()
        self.addCleanup(self.device.paused.set)
        self.given_up("", self.device.paused.set)

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


if __name__ == "__main__":
    unittest.main()
