# SPDX-License-Identifier: Apache-2.0
"""A spooler that forgot what it was told: a release, a job, or whose number it gave out before; and one that hides jobs."""
import re
import signal
import unittest

from harness import wait_for
from traps import COMPLETED, DATA, HELD, RAW, TrapsCase


SAVED_AS_HELD = b"\x23\x00\x09job-state\x00\x04\x00\x00\x00\x04"  # as cupsd has it on disk: an enum, RFC 8010 3.1.4

# Of a site that shows nobody what others print: but their owner, and who administers the spooler.
HIDING = """DefaultPolicy hiding
<Policy hiding>
  JobPrivateAccess default
  JobPrivateValues all
  SubscriptionPrivateAccess default
  SubscriptionPrivateValues default
  <Limit All>
    Order deny,allow
  </Limit>
</Policy>"""


class LostTest(TrapsCase):
    def saved_as_held(self):
        """A guest's job that waits on the host, released; and what cupsd had saved of it while it was held."""
        self.settings("DirtyCleanInterval 0")
        self.device.paused.clear()
        self.addCleanup(self.device.paused.set)
        number, _ = self.filling()
        job = self.spooler.jobs()[-1]["job-id"]
        path = self.spooler.dir / f"spool/c{job:05d}"
        wait_for(path.exists, "cupsd to save it")
        saved = path.read_bytes()
        self.signal_workers(signal.SIGCONT)
        wait_for(lambda: self.spooler.jobs()[-1]["job-state"] == 5, "it to be printed")
        return number, path, saved

    @staticmethod
    def held_on_disk(path):
        """What cupsd has saved of a job if it is held, or None: it renames the old one away before the new one is there."""
        try:
            saved = path.read_bytes()
        except FileNotFoundError:
            return None
        return saved if SAVED_AS_HELD in saved else None

    def forgets(self, path, saved, platend_too):
        """cupsd dies and has of the job what it had saved; the device takes what it is given from now on."""
        if platend_too:
            self.host.stop(signal.SIGKILL)
        self.spooler.stop(signal.SIGKILL)
        path.write_bytes(saved)
        self.device.paused.set()
        self.spooler.start()
        if platend_too:
            self.start_platend()

    def asked(self, number):
        wait_for(lambda: self.guest.job(number)["job-state"] == HELD, f"a person, it is {self.guest.job(number)}", 20)
        self.assertIn("It is not known whether this was printed", self.why(number))
        wait_for(lambda: not self.spooler.jobs("not-completed"), "the host's job to be gone")
        self.guest.spooler.run("cancel", f"laser-{number}")

    def test_a_spooler_that_forgot_the_release(self):
        """It holds the job again, of which the device may have everything: neither released nor sent again."""
        for platend_too in (False, True):
            with self.subTest(platend_too=platend_too):
                number, path, saved = self.saved_as_held()
                wait_for(lambda: self.host.ask("jobs")["data"]["jobs"][0]["phase"] == "processing", "platend to know")
                self.forgets(path, saved, platend_too)
                self.asked(number)

    def test_a_spooler_that_forgot_that_a_hold_was_over(self):
        """Somebody has held it and let it go on: it is held again, and the device may have all of it."""
        for platend_too in (False, True):
            with self.subTest(platend_too=platend_too):
                self.settings("DirtyCleanInterval 0")
                number = self.waiting()
                first, job = (j["job-id"] for j in self.spooler.jobs("not-completed"))
                path = self.spooler.dir / f"spool/c{job:05d}"
                self.spooler.run("lp", "-i", f"laser-{job}", "-H", "hold")
                saved = wait_for(lambda: self.held_on_disk(path), "cupsd to save it")
                wait_for(lambda: self.noted("held by somebody on the host"), "platend to know of the hold")
                self.spooler.run("lp", "-i", f"laser-{job}", "-H", "resume")
                wait_for(lambda: not self.noted("held by somebody on the host"), "platend to know that it goes on")
                self.spooler.run("cancel", f"laser-{first}")
                wait_for(lambda: [j for j in self.host.ask("jobs")["data"]["jobs"] if j["phase"] == "processing"], "platend to know that it prints")
                self.forgets(path, saved, platend_too)
                self.asked(number)

    def test_a_spooler_that_has_a_job_twice(self):
        """cupsd 2.4.2 loads all jobs once more when its cache names one whose file is gone, as after a loss of power.
        A cancel takes one of the two, and the other stays: a person is asked, not waited for without an end."""
        number, path, saved = self.saved_as_held()
        self.spooler.stop(signal.SIGKILL)
        path.write_bytes(saved)
        job = int(path.name[1:])
        cache = self.spooler.dir / "cache/job.cache"
        text = cache.read_text()
        block = text[text.index(f"<Job {job}>"):]
        block = re.sub(r"State \d", "State 4", block[:block.index("</Job>") + len("</Job>\n")])
        cache.write_text(f"NextJobId {job + 1}\n{block}{block.replace(f'<Job {job}>', f'<Job {job + 100}>')}")
        self.device.paused.set()
        self.spooler.start()
        self.assertEqual([j["job-id"] for j in self.spooler.jobs()], [job, job])
        wait_for(lambda: self.guest.job(number)["job-state"] == HELD, f"a person, it is {self.guest.job(number)}", 90)
        self.assertIn("It is not known whether this was printed", self.why(number))
        self.assertLessEqual(len(self.device.received), 1)

    def test_a_number_that_is_given_out_again(self):
        """cupsd was killed and forgot the job; the next has its number, and its end is not the other's."""
        self.settings("")  # it saves its queues
        number = self.waiting()
        lost = max(j["job-id"] for j in self.spooler.jobs())
        self.host.stop(signal.SIGKILL)
        self.spooler.stop(signal.SIGKILL)
        self.device.paused.set()
        self.spooler.start()
        page = self.lab.dir / "another"
        page.write_bytes(b"another's page")
        while lost not in (found := [j["job-id"] for j in self.spooler.jobs()]):
            self.assertLess(max(found, default=0), lost)
            self.spooler.run("lp", "-d", "laser", *RAW, page)
        wait_for(lambda: not self.spooler.jobs("not-completed"), "the other to be printed")
        self.start_platend()
        wait_for(lambda: self.guest.job(number)["job-state"] == HELD, f"a person, it is {self.guest.job(number)}", 20)
        self.assertIn("It is not known whether this was printed", self.why(number))
        self.assertEqual({j["job-state"] for j in self.spooler.jobs()}, {COMPLETED})

    def test_a_spooler_that_hides_its_jobs(self):
        """It is seen how they end, also by a ledger that is built anew."""
        self.settings(HIDING)
        self.spooler.run("lpadmin", "-p", "laser", "-o", "printer-op-policy=hiding")
        number = self.guest.print("laser", DATA[:1 << 20], *RAW, title="The Title")
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"its end, it is {self.guest.job(number)}", 20)
        self.host.stop()
        for path in self.host.state_dir.glob("ledger.db*"):
            path.unlink()
        self.start_platend()
        row, = wait_for(lambda: self.host.ask("jobs", all=True)["data"]["jobs"], "the ledger to be built anew")
        self.assertEqual((row["phase"], row["title"]), ("completed", "The Title"))
        self.assertEqual(self.device.received, [DATA[:1 << 20]])

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


if __name__ == "__main__":
    unittest.main()
