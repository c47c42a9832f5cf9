# SPDX-License-Identifier: Apache-2.0
"""Jobs for a class, which the spooler hands to one of its members: printed once, whatever is killed meanwhile."""
import signal
import time
import unittest

from harness import wait_for
from traps import COMPLETED, DATA, HELD, RAW, TrapsCase


class PoolTest(TrapsCase):
    def add_pool(self):
        self.spooler.run("lpadmin", "-p", "laser", "-c", "pool")
        self.spooler.run("lpadmin", "-p", "other", "-c", "pool")
        self.spooler.run("cupsenable", "pool")
        self.spooler.run("cupsaccept", "pool")
        wait_for(lambda: any(p["name"] == "pool" and p["guest"] == "ready" for p in
                             self.host.ask("printers", workspace="box")["data"]["printers"]), "the pool in the guest")

    def saved(self):
        """A job of the pool's that waits, and is over in the guest as cupsd has saved it."""
        self.add_pool()
        self.settings("DirtyCleanInterval 1")
        self.spooler.run("cupsdisable", "laser", "other")
        number = self.guest.print("pool", b"a page", *RAW)
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"its end, it is {self.guest.job(number)}", 20)

    def test_a_job_of_a_class_that_cupsd_forgets(self):
        """It is over in the guest when it has ended, or cupsd has it on disk: a person is asked when it is lost before."""
        self.add_pool()
        self.settings("DirtyCleanInterval 300")
        self.spooler.run("cupsdisable", "laser", "other")
        number = self.guest.print("pool", b"a page", *RAW)
        wait_for(lambda: [j for j in self.host.ask("jobs")["data"]["jobs"] if j["phase"] == "pending"], "it to be released")
        time.sleep(2)  # that it does not end can only be waited for
        self.assertEqual(self.guest.job(number)["job-state"], 5)
        self.spooler.stop(signal.SIGKILL)
        self.spooler.start()
        wait_for(lambda: self.guest.job(number)["job-state"] == HELD, f"a person, it is {self.guest.job(number)}", 20)
        self.assertIn("It is not known whether this was printed", self.why(number))

    def test_a_job_of_a_class_that_cupsd_has_saved(self):
        """It is over in the guest while it waits on the host, and is printed once whatever is killed then."""
        self.saved()
        self.spooler.stop(signal.SIGKILL)
        self.host.stop(signal.SIGKILL)
        self.spooler.start()
        self.start_platend()
        self.spooler.run("cupsenable", "laser", "other")
        wait_for(lambda: self.device.received + self.other.received, "the page")
        wait_for(lambda: self.host.ask("jobs", all=True)["data"]["jobs"][0]["phase"] == "completed", "its end")
        self.assertEqual(self.device.received + self.other.received, [b"a page"])

    def test_a_job_of_a_class_that_cupsd_had_saved_and_loses(self):
        """With the host's power, as it syncs nothing: it is over in the guest, and asked about on the host, where a
        person has the guest print it again."""
        self.saved()
        self.host.stop(signal.SIGKILL)
        self.spooler.stop(signal.SIGKILL)
        for path in self.spooler.dir.glob("spool/[cd]0*"):
            path.unlink()
        self.spooler.start()
        self.start_platend()
        self.spooler.run("cupsenable", "laser", "other")
        row, = wait_for(lambda: [j for j in self.host.ask("jobs")["data"]["jobs"] if j["phase"] == "ask"], "the question", 30)
        self.assertEqual(self.device.received + self.other.received, [])
        wait_for(lambda: self.host.ask("workspaces")["data"]["workspaces"][0]["link"] == "connected", "the workspace")
        self.assertTrue(self.host.ask("job", action="retry", workspace="box", job=f"{row['uuid'][:8]}/{row['file']}")["ok"])
        wait_for(lambda: self.device.received + self.other.received, "the page")
        wait_for(lambda: [j["phase"] for j in self.host.ask("jobs", all=True)["data"]["jobs"]] == ["completed"], "its end")
        self.assertEqual(self.device.received + self.other.received, [b"a page"])

    def test_a_class_that_is_deleted_with_a_job_that_is_over_in_the_guest(self):
        """Nobody comes with it again: a person is asked."""
        self.saved()
        self.spooler.run("lpadmin", "-x", "pool")
        row, = wait_for(lambda: [j for j in self.host.ask("jobs")["data"]["jobs"] if j["phase"] == "ask"], "the question", 30)
        self.assertIn("The printer was deleted on the host before this was printed", row["text"])
        self.assertEqual(self.device.received + self.other.received, [])

    def test_a_class_hands_it_to_a_member(self):
        """Once, to one of them; also when platend is killed meanwhile, and when the member goes away."""
        self.add_pool()
        pages = [b"page %d" % n for n in range(4)]
        for n, page in enumerate(pages):
            number = self.guest.print("pool", page, *RAW)
            if n % 2:
                # Before its release nobody could tell whether the spooler forgot it: a person would be asked.
                wait_for(lambda: sum(j["job-state"] != 4 for j in self.spooler.jobs()) > n, "it to be released on the host")
                self.host.stop(signal.SIGKILL)
                self.start_platend()
            wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"its end, it is {self.guest.job(number)}", 30)
        wait_for(lambda: len(self.device.received + self.other.received) == 4, "all to be printed")
        self.assertEqual(sorted(self.device.received + self.other.received), pages)
        wait_for(lambda: [j["phase"] for j in self.host.ask("jobs", all=True)["data"]["jobs"]] == ["completed"] * 4,
                 "all to have ended in the ledger")
        self.assertEqual({j["printer"] for j in self.host.ask("jobs", all=True)["data"]["jobs"]}, {"pool"})
        self.spooler.run("cupsdisable", "laser", "other")
        number = self.guest.print("pool", DATA[:1 << 20], *RAW)
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 3], "it to wait in the class")
        self.spooler.run("lpadmin", "-x", "laser")
        self.spooler.run("cupsenable", "other")
        wait_for(lambda: self.host.ask("jobs", all=True)["data"]["jobs"][0]["phase"] == "completed", "its end", 60)
        wait_for(lambda: DATA[:1 << 20] in self.other.received, "the document")
        self.assertEqual((self.device.received + self.other.received).count(DATA[:1 << 20]), 1)
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "its end in the guest")


if __name__ == "__main__":
    unittest.main()
