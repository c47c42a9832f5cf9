# SPDX-License-Identifier: Apache-2.0
"""The moment of the release: platen-spool dies behind its Release-Job, and nobody on the host knows whether the spooler has it.

What platend's workers say to cupsd goes through a gate, which can keep a request on its way for as long as the test
needs. Whichever of Release-Job and platend's Cancel-Job gets there first, the document comes out once.
"""
import os
import signal
import unittest

from gate import Gate
from harness import Guest, Host, Lab, Sink, Spooler, vendor_ppd, wait_for

HELD, CANCELED, COMPLETED = 4, 7, 9
CANCEL, RELEASE = 0x08, 0x0D
RAW = ("-o", "document-format=application/vnd.cups-raw")


class ReleaseTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.device = Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.spooler.add_queue("laser", self.device.uri + "/?snmp=false", vendor_ppd(self.lab.dir / "vendor.ppd"))
        way = self.lab.dir / "gate"
        self.gate = Gate(way, self.spooler, RELEASE, CANCEL)
        self.lab.closers.append(self.gate.close)
        self.host = Host(self.lab, self.spooler)
        self.host.config.write_text(self.host.config.read_text().replace(str(self.spooler.socket), str(way)))
        self.host.start()
        self.guest = Guest(self.lab, self.host).start()
        wait_for(lambda: any(p["guest"] == "ready" for p in
                             self.host.ask("printers", workspace="box")["data"]["printers"]), "the queue")

    def killed_behind_it(self):
        """A job whose submit worker is killed with its Release-Job on the way; platend sees it held, and cancels it."""
        number = self.guest.print("laser", b"document", *RAW)
        self.assertTrue(self.gate.seen[RELEASE].wait(20))
        self.assertEqual([j["job-state"] for j in self.spooler.jobs()], [HELD])
        workers = [pid for pid, argv in self.host.children("platen-spool") if argv[1] == "submit"]
        for pid in workers:
            os.kill(pid, signal.SIGKILL)
        self.assertTrue(self.gate.seen[CANCEL].wait(20), self.lab.log("platend"))
        return number

    def state(self, number):
        return (self.guest.job(number) or {}).get("job-state")

    def ended(self, number):
        wait_for(lambda: self.state(number) in (HELD, CANCELED, COMPLETED), f"its end, {self.guest.job(number)}", 40)
        wait_for(lambda: not [j for j in self.spooler.jobs("not-completed") if j["job-state"] != HELD], "the host to be done")

    def cancelled_before_it(self):
        """A job that is cancelled while its Release-Job is on its way, of which platend hears."""
        number = self.guest.print("laser", b"document", *RAW)
        self.assertTrue(self.gate.seen[RELEASE].wait(20))
        self.spooler.run("cancel", f"laser-{self.spooler.jobs()[0]['job-id']}")
        wait_for(lambda: not self.spooler.jobs("not-completed"), "the host's job to be gone")
        self.host.ask("doctor")  # the watch has told it, as platend answers in turn
        self.assertNotEqual(self.state(number), CANCELED)
        return number

    def test_cancelled_before_the_release_gets_there(self):
        """As its own worker does when the document cannot be synced, of which platend then hears from the watch first:
        that is no cancel of anybody's, and the workspace sends the document again."""
        number = self.cancelled_before_it()
        self.gate.open[RELEASE].set()
        wait_for(lambda: self.state(number) == COMPLETED, f"its end, {self.guest.job(number)}", 60)
        self.assertEqual(self.device.received, [b"document"])

    def test_cancelled_before_it_and_forgotten(self):
        """The same with a spooler that keeps no history, so that nobody can tell: a person is asked."""
        self.spooler.extra = "PreserveJobHistory No"
        self.spooler.write_config()
        self.spooler.stop()
        self.spooler.start()
        wait_for(lambda: self.host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")
        number = self.cancelled_before_it()
        self.gate.open[RELEASE].set()
        wait_for(lambda: self.state(number) == HELD, f"a person to be asked, {self.guest.job(number)}", 60)
        self.assertEqual(self.device.received, [])

    def test_the_release_gets_there_first(self):
        number = self.killed_behind_it()
        self.gate.open[RELEASE].set()
        wait_for(lambda: self.device.received, "it to be printed")
        wait_for(lambda: self.spooler.jobs()[0]["job-state"] == COMPLETED, "the host's job to end")
        self.gate.open[CANCEL].set()
        self.ended(number)
        self.assertEqual(self.device.received, [b"document"])
        self.assertEqual(self.state(number), COMPLETED)
        self.assertEqual(len(self.spooler.jobs()), 1)

    def test_a_spooler_that_stands_still(self):
        """It has the Release-Job and does not answer: that is waited for for half a minute, and no other is sent."""
        number = self.guest.print("laser", b"document", *RAW)
        self.assertTrue(self.gate.seen[RELEASE].wait(20))
        os.kill(self.spooler.process.pid, signal.SIGSTOP)
        try:
            for gate in self.gate.open.values():
                gate.set()
            wait_for(lambda: "platen-spool submit, which asks cupsd, ended (it did not answer in time)" in self.lab.log("platend"),
                     "an end of patience", 60)
            self.assertNotIn(self.state(number), (HELD, CANCELED, COMPLETED))
        finally:
            os.kill(self.spooler.process.pid, signal.SIGCONT)
        self.ended(number)
        self.assertLessEqual(len(self.device.received), 1)
        self.assertIn(self.state(number), (HELD, COMPLETED))
        self.assertTrue(self.state(number) == HELD or self.device.received == [b"document"])

    def test_it_prints_when_the_cancel_gets_there(self):
        """How much came out nobody knows: a person decides."""
        self.device.paused.clear()
        self.addCleanup(self.device.paused.set)
        number = self.killed_behind_it()
        self.gate.open[RELEASE].set()
        wait_for(lambda: self.spooler.jobs()[0]["job-state"] == 5, "it to be printing")
        self.gate.open[CANCEL].set()
        self.device.paused.set()
        self.ended(number)
        self.assertLessEqual(len(self.device.received), 1)
        self.assertIn(self.state(number), (HELD, COMPLETED))

    def test_the_cancel_gets_there_first(self):
        """The release finds nothing to release, and the guest sends the job again."""
        number = self.killed_behind_it()
        self.gate.open[CANCEL].set()
        wait_for(lambda: self.spooler.jobs()[0]["job-state"] == CANCELED, "the host's job to be cancelled")
        self.gate.open[RELEASE].set()
        self.ended(number)
        wait_for(lambda: self.device.received, "the document")
        self.assertEqual(self.device.received, [b"document"])
        self.assertEqual(self.state(number), COMPLETED)

    def test_platend_dies_too(self):
        """The next one finds the row that was written before the release, and the job released or held."""
        number = self.killed_behind_it()
        self.host.stop(signal.SIGKILL)
        self.gate.open[RELEASE].set()
        wait_for(lambda: self.device.received, "it to be printed")
        self.gate.open[CANCEL].set()
        wait_for(lambda: self.spooler.jobs()[0]["job-state"] == COMPLETED, "the host's job to end")
        self.host.start()
        self.ended(number)
        self.assertEqual(self.device.received, [b"document"])
        self.assertEqual(self.state(number), COMPLETED)


if __name__ == "__main__":
    unittest.main()
