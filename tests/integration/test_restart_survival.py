# SPDX-License-Identifier: Apache-2.0
"""What a restart must not lose: needs and deferrals when programs are killed, documents on their way, printers.

The workspace without a VM, and the fakes, of test_restart.py.
"""
import signal
import unittest
import uuid

from harness import pdf, wait_for
from test_restart import Case

TIMEOUT = 360


class SurvivalTest(Case):
    def start_host(self):
        self.up_again()
        wait_for(lambda: self.row()["ready"] == 1, "laser to be ready", 30)

    def test_killed_on_both_sides(self):
        """As when the host loses power: nobody has a moment to write anything down."""
        self.inhibit("shutdown block\n")
        self.need("driver-a", "workspace driver a was installed")
        wait_for(lambda: "holds it up" in self.row()["restart"], "the inhibitor to be told", 20)
        self.assertEqual(self.command("--later", "2h").communicate(timeout=20)[1], "")
        self.wait_state("deferred")
        before = self.restart()
        self.assertEqual((before["state"], before["who"]), ("deferred", "root"))
        self.need("driver-b", "workspace driver b was installed")
        wait_for(lambda: len(self.restart()["needs"]) == 2, "the second need", 20)
        self.host.stop(signal.SIGKILL)
        self.need("driver-c", "workspace driver c was installed")  # while the host is away
        wait_for(lambda: "driver c was installed" in self.lab.log("guest-box-agent"), "the third need", 20)
        self.guest.stop(signal.SIGKILL)
        self.guest.start()
        self.start_host()
        wait_for(lambda: len(self.restart()["needs"]) == 3, "the third need to be told", 20)
        after = self.restart()
        self.assertEqual([after[k] for k in ("state", "who", "until", "limit")], [before[k] for k in ("state", "who", "until", "limit")])
        self.assertEqual([n["reason"] for n in after["needs"]], [f"driver {x} was installed" for x in "abc"])
        # Also in the midst of the restart, which then ends with its word.
        self.inhibit("")
        self.restart(action="now")
        self.wait_state("restarting")
        self.host.stop(signal.SIGKILL)
        self.up_again()
        self.assertEqual(self.restart()["state"], "restarting")
        self.reboot()
        wait_for(lambda: self.restart()["text"] == "restarted; its printers are there: 1", "the restart to be over", 20)
        self.assertEqual(self.restart()["needs"], [])

    def test_draining_and_killed_is_decided_anew(self):
        """It had begun because nothing ran there; now something does."""
        self.need("driver-a", "workspace driver a was installed")
        self.wait_state("draining")
        self.host.stop(signal.SIGKILL)
        self.inhibit("shutdown block\n")
        self.start_host()
        wait_for(lambda: "holds it up" in self.row()["restart"], "it to be held back", 20)
        self.assertEqual(self.restart()["state"], "needed")

    def test_printers_missing_afterwards(self):
        self.need("driver-a", "workspace driver a was installed")
        self.wait_state("restarting")
        self.guest.spooler.stop()
        self.guest.stop()
        self.boot_id.write_text(f"{uuid.uuid4()}\n")
        self.guest.start()
        self.wait_state("checking")
        wait_for(lambda: self.restart()["state"] == "none", "the host to give the printers up", 150)
        data = self.restart()
        self.assertEqual((data["needs"], data["fault"], data["text"]), ([], True, "restarted; of its printers are missing: laser"))
        self.assertTrue(any("are missing: laser" in f for f in self.host.ask("status")["data"]["faults"]))
        self.guest.spooler.start()
        wait_for(lambda: self.restart()["text"] == "restarted; its printers are there, late", "the printer", 60)
        self.assertFalse(self.restart()["fault"])


class JobsTest(Case):
    """A document in a restart's way: 12 MiB come at once, the rest at 0.2 MiB a second."""

    settings = "mib-per-minute = 12\n"

    def setUp(self):
        super().setUp()
        self.spooler.add_queue("photo", self.device.uri, self.lab.dir / "vendor.ppd")
        self.printers = 2
        wait_for(lambda: self.row()["ready"] == 2, "photo to be ready", 30)

    def printed(self):
        return sorted((j["job-name"], j["job-state"]) for j in self.spooler.jobs())

    def begin(self, pad):
        big = self.guest.print("laser", pdf(1, "big", pad), title="big")
        wait_for(lambda: self.printed(), "the job at the host", 30)
        self.restart(action="now")
        self.wait_state("draining")
        small = self.guest.print("photo", pdf(1, "small"), title="small")
        wait_for(lambda: "about to restart" in self.guest.job(small).get("job-printer-state-message", ""), "the second to wait", 20)
        return big, small

    def end(self, big, small):
        self.reboot()
        for job in big, small:
            wait_for(lambda: self.guest.job(job)["job-state"] == 9, f"job {job} to be printed", 60)
        wait_for(lambda: self.restart()["text"] == "restarted; its printers are there: 2", "the restart to be over", 20)
        self.assertEqual([name for name, state in self.printed() if state == 9], ["big", "small"], self.printed())
        self.assertEqual(len(self.device.received), 2)

    def test_jobs_under_way_are_let_finish(self):
        jobs = self.begin(16 << 20)
        wait_for(lambda: self.restart()["state"] == "restarting", "the restart", 40)
        self.assertEqual([name for name, state in self.printed() if state in (5, 9)], ["big"])
        self.end(*jobs)

    def test_jobs_that_take_too_long_are_resumed(self):
        jobs = self.begin(40 << 20)
        wait_for(lambda: self.restart()["state"] == "restarting", "the restart", 90)
        self.assertEqual(self.device.received, [])
        self.host.stop(signal.SIGKILL)
        self.host.config.write_text(self.host.config.read_text().replace(self.settings, ""))
        self.up_again()
        self.end(*jobs)


if __name__ == "__main__":
    unittest.main()
