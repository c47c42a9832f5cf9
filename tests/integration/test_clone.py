# SPDX-License-Identifier: Apache-2.0
"""A workspace whose disk was copied: the copy is a workspace of its own, whatever was on the disk. Real cupsds,
real programs, no VM: the spooler's folders and the agent's state are what is copied."""
import subprocess
import time
import unittest

from harness import Guest, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for

TIMEOUT = 180
HELD, CANCELED, COMPLETED = 4, 7, 9


class CloneTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.device = Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.spooler.add_queue("laser", self.device.uri, vendor_ppd(self.lab.dir / "vendor.ppd"))
        self.host = Host(self.lab, self.spooler, workspaces=("box", "copy")).start()
        self.box = Guest(self.lab, self.host).start()
        self.ready("box")

    def ready(self, workspace):
        wait_for(lambda: [p["guest"] for p in self.host.ask("printers", workspace=workspace)["data"]["printers"]] == ["ready"],
                 f"the queue in {workspace}")

    def shut_off(self):
        """The workspace, as a power cut does it, once its spooler has written down what it has."""
        self.box.spooler.stop()
        self.box.stop()

    def copy(self):
        """Another workspace with a copy of the first one's disk."""
        copy = Guest(self.lab, self.host, workspace="copy")
        copy.spooler.stop()
        here, there = self.box.spooler.dir, copy.spooler.dir
        for source, target in ((here / "spool", there), (here / "cache", there), (here / "etc/ppd", there / "etc"),
                               (here / "etc/printers.conf", there / "etc")):
            subprocess.run(["cp", "-a", source, target], check=True)
        subprocess.run(["cp", "-a", self.lab.dir / "guest-box-state", self.lab.dir / "guest-copy-state"], check=True)
        return copy

    def start(self, guest):
        guest.spooler.start()
        guest.start()

    def of(self, workspace):
        return [(j["job-name"], j["job-state"]) for j in self.spooler.jobs() if j["job-originating-user-name"] == workspace]

    def test_jobs_that_waited_are_printed_by_one(self):
        printed = self.box.print("laser", pdf(1, "printed"), title="printed")
        wait_for(lambda: self.box.job(printed)["job-state"] == COMPLETED, "the first job")
        # Two that wait, one that was cancelled meanwhile, and a person's own hold.
        self.host.stop()
        waits = self.box.print("laser", pdf(1, "waits"), title="waits")
        held = self.box.print("laser", pdf(1, "held"), "-H", "hold", title="held")
        time.sleep(1.1)  # the copy is made, and found out, in another second
        self.shut_off()
        copy = self.copy()
        self.host.start()
        # The copy is the first that meets the host.
        self.start(copy)
        self.ready("copy")
        wait_for(lambda: copy.job(waits)["job-state"] == HELD, "the other's job to be held")
        self.assertEqual([j["job-name"] for j in self.spooler.jobs()], ["printed"])
        self.start(self.box)
        self.ready("box")
        wait_for(lambda: self.box.job(waits)["job-state"] == COMPLETED, "the job that waited")
        self.assertEqual(self.of("box"), [("printed", COMPLETED), ("waits", COMPLETED)])
        # No queue twice, and none is missing.
        self.assertEqual((copy.spooler.queues(), self.box.spooler.queues()), (["laser"], ["laser"]))
        # Its own are its own, though their numbers are the same.
        time.sleep(1.1)
        numbers = [(g, g.print("laser", pdf(1, g.workspace), title=f"by {g.workspace}")) for g in (copy, self.box)]
        self.assertEqual(numbers[0][1], numbers[1][1])
        for guest, number in numbers:
            wait_for(lambda g=guest, n=number: g.job(n)["job-state"] == COMPLETED, f"the job of {guest.workspace}")
        self.assertEqual(self.of("copy"), [("by copy", COMPLETED)])
        # A person's hold is the person's; released there, it says first whose it is, and then prints.
        copy.spooler.run("lp", "-i", f"laser-{held}", "-H", "resume")
        wait_for(lambda: "held in this workspace: From the workspace" in self.lab.log("guest-copy-agent"), "it to be said")
        for number in (held, waits):
            wait_for(lambda n=number: copy.job(n).get("platen-asked") or copy.job(n)["job-state"] == HELD, "it to be held")
        self.released(copy, waits)
        self.released(copy, held)
        self.assertEqual(sorted(self.of("copy")), [("by copy", COMPLETED), ("held", COMPLETED), ("waits", COMPLETED)])
        # Restarts change nothing of it.
        copy.stop()
        copy.start()
        self.ready("copy")
        self.assertEqual(len(self.device.received), 6)

    def released(self, guest, number):
        """By a person in the workspace; the mark may take a moment longer than the hold."""
        def done():
            if guest.job(number)["job-state"] == HELD:
                guest.spooler.run("lp", "-i", f"laser-{number}", "-H", "resume", check=False)
            return guest.job(number)["job-state"] == COMPLETED
        wait_for(done, f"job {number} to be printed", 30)

    def test_cancels_are_not_the_copys_to_tell(self):
        """The host has the job whole; the workspace cancels it while the host is away, and is copied."""
        self.device.paused.clear()
        number = self.box.print("laser", pdf(1, "cancelled", 4 << 20), title="cancelled")
        wait_for(lambda: self.box.spooler.jobs()[-1]["job-state"] == 5 and self.of("box"), "the host to have it")
        wait_for(lambda: "Printing" in str(self.spooler.jobs()) or self.spooler.jobs()[0]["job-state"] == 5, "the host to print it")
        self.host.stop()
        self.box.spooler.run("cancel", f"laser-{number}")
        state = self.lab.dir / "guest-box-state/cancels"
        wait_for(state.exists, "the cancel to be written down")
        time.sleep(1.1)
        self.shut_off()
        copy = self.copy()
        self.host.start()
        self.start(copy)
        self.ready("copy")
        self.assertFalse((self.lab.dir / "guest-copy-state/cancels").exists())
        self.start(self.box)
        wait_for(lambda: self.of("box") == [("cancelled", CANCELED)], "the cancel to reach the host")
        wait_for(lambda: not state.exists(), "the cancel to be settled")
        self.device.paused.set()


if __name__ == "__main__":
    unittest.main()
