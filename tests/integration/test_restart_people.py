# SPDX-License-Identifier: Apache-2.0
"""A person who is asked, defers, is reminded, and goes: with sessions of logind that are files of this test.

FAKE: no logind runs here. The agent has a mount namespace in which /run/systemd is a folder of the test, with the files
that sd-login(3) reads there; notifications are those of fakebus.py. Real sessions are in tests/lab/test_restart.py.
"""
import os
import unittest

from harness import BUILD, Guest, wait_for
from test_restart import Case

TIMEOUT = 360


class SessionGuest(Guest):
    """A workspace whose agent sees the sessions of a folder."""

    def __init__(self, lab, host):
        super().__init__(lab, host)
        self.folder = lab.dir / "systemd"
        for sub in ("sessions", "users", "seats", "machines"):
            (self.folder / sub).mkdir(parents=True)

    def start(self):
        self.process = self.lab.start(f"{self.name}-agent", ["unshare", "--mount", "sh", "-c",
            'mkdir -p /run/systemd && mount --bind "$0" /run/systemd && exec "$@"', self.folder, BUILD / "platen-agent", "-c", self.config])
        return self

    def log_in(self):
        new = self.folder / "sessions" / ".1"
        new.write_text("UID=0\nUSER=root\nACTIVE=1\nSTATE=active\nREMOTE=0\nTYPE=x11\nCLASS=user\nSCOPE=session-1.scope\nLEADER=1\n")
        new.rename(new.with_name("1"))

    def log_out(self):
        (self.folder / "sessions" / "1").unlink()


class PeopleTest(Case):
    """The limit of a deferral is a minute, so the reminder comes after half of it."""

    settings = "restart-limit = 1\n"

    def make_guest(self):
        os.environ["PLATEN_ASK_BUS"] = self.bus.address
        self.addCleanup(lambda: os.environ.pop("PLATEN_ASK_BUS"))
        return SessionGuest(self.lab, self.host)

    def press(self, keys):
        (self.bus.dir / "press").write_text(keys)

    def summaries(self):
        return [n["summary"] for n in self.bus.said("notified")]

    def begin(self, keys):
        """A person with a program that must not be ended, who answers so."""
        self.press(keys)
        self.guest.log_in()
        self.inhibit("shutdown block\n")
        self.need("driver-a", "workspace driver a was installed")
        wait_for(lambda: self.restart()["state"] == "deferred", "the answer", 20)
        self.assertEqual(self.restart()["who"], "root")

    def test_deferred_reminded_and_then_the_limit(self):
        self.begin("later 4h")
        self.assertEqual(self.summaries(), ["This workspace needs a restart", "Restart this workspace later"])
        # None of it hangs on a program that goes on.
        self.host.stop()
        self.guest.stop()
        self.guest.start()
        self.host.start()
        wait_for(lambda: "This workspace restarts soon" in self.summaries(), "the reminder", 60)
        self.assertEqual(self.restart()["state"], "asked")
        reminder = self.bus.said("notified")[-1]
        self.assertIn("driver a was installed", reminder["body"])
        self.assertIn("restarts by itself in 1 min", reminder["body"])
        wait_for(lambda: self.restart()["state"] == "restarting", "the limit", 90)
        self.assertIn("the limit of its deferral has passed", self.lab.log("platend"))
        self.assertEqual(self.summaries().count("This workspace restarts soon"), 1)
        wait_for(lambda: self.bus.said("closed"), "the reminder to be taken away", 20)

    def test_the_end_of_the_session(self):
        self.begin("later session")
        self.inhibit("")
        self.need("driver-b", "workspace driver b was installed")
        wait_for(lambda: self.restart()["activity"] == "idle" and len(self.restart()["needs"]) == 2, "the program to be ended", 20)
        self.assertEqual(self.restart()["state"], "deferred")
        self.assertIn("until the end of the session", self.row()["restart"])
        self.guest.log_out()
        self.wait_state("restarting")
        self.assertIn("nobody is logged in", self.lab.log("platend"))

    def test_accepted(self):
        self.press("now")
        self.guest.log_in()
        self.inhibit("shutdown block\n")
        self.need("driver-a", "workspace driver a was installed")
        self.wait_state("restarting")
        self.assertIn("about its restart, root says: now", self.lab.log("platend"))

    def test_policies(self):
        # Never: nobody is asked, and nothing happens, with or without people.
        self.restart(policy="never")
        self.need("driver-a", "workspace driver a was installed")
        wait_for(lambda: "the policy is never" in self.row()["restart"], "the need to be known", 20)
        wait_for(lambda: self.restart()["activity"] == "nobody", "nobody to be there", 20)
        # Ask: also a person who runs nothing is asked.
        self.guest.log_in()
        wait_for(lambda: self.restart()["activity"] == "idle", "the session to be seen", 20)
        self.assertEqual(self.bus.said("notified"), [])
        self.restart(policy="ask")
        wait_for(lambda: self.summaries() == ["This workspace needs a restart"], "the question", 20)
        self.assertEqual(self.restart()["state"], "asked")
        # Auto: not any more, and the question goes.
        self.restart(policy="auto")
        self.wait_state("restarting")
        wait_for(lambda: self.bus.said("closed"), "the question to be taken away", 20)


if __name__ == "__main__":
    unittest.main()
