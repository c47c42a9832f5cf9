# SPDX-License-Identifier: Apache-2.0
"""What the spooler tells, or forgets to tell: events that are lost, its notifier killed, its list of subscriptions cut."""
import os
import signal
import unittest

from harness import wait_for
from traps import CANCELED, COMPLETED, HELD, TrapsCase


class EventsTest(TrapsCase):
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


if __name__ == "__main__":
    unittest.main()
