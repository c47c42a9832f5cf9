# SPDX-License-Identifier: Apache-2.0
"""Restarts of a real guest: nobody there, so at once; a person with an application, so asked, deferred, accepted."""
import time
import unittest

import lab as vm
from harness import wait_for
from restarts import Case

TIMEOUT = 1200


class RestartTest(Case):
    def test_nobody_then_a_person(self):
        # Nobody is logged in: it restarts without a question, once for both needs.
        boot, begin = self.boot(), int(time.time()) - 1
        # With one command: each takes a while here, and a need that comes later is not of this restart.
        self.guest.run("cd /var/lib/platen-agent/needs.d; for x in a b; do echo \"workspace driver $x was installed\" >driver-$x; done")
        wait_for(lambda: len(self.restart()["needs"]) == 2, "both needs to be known", 20)
        self.wait_restarted(boot, begin)
        vm.say(f"restarted without a question, and its printer is there, after {time.time() - begin:.0f} s")
        self.prints(1)
        # A person with an application is asked, on the terminal, and nothing happens by itself.
        self.log_in("anna", "tty3")
        self.as_user("anna", "systemd-run -q --user --unit=app-editor.service --slice=app.slice sleep infinity")
        boot, begin = self.boot(), int(time.time())
        self.need("driver-c", "workspace driver c was installed")
        wait_for(lambda: self.restart()["state"] == "asked", "the question", 20)
        # The login itself counts, as a process of a session: the application's unit may be seen a moment later.
        wait_for(lambda: "app-editor.service" in self.restart()["activity_text"],
                 f"the application to be told of, not only: {self.restart()['activity_text']}", 40)
        self.assertEqual(self.restart()["activity"], "applications")
        wait_for(lambda: "driver c was installed" in self.guest.run("tr -d '\\0' < /dev/vcs3"), "the question on anna's terminal", 20)
        self.assertIn("platen-ask --later 1h", self.guest.run("tr -d '\\0' < /dev/vcs3"))
        # Whoever has no session is not heard.
        code, out = self.guest.run("runuser -u otto -- platen-ask --now", check=False)
        self.assertNotEqual(code, 0, out)
        # Deferred, also when the agent and platend were restarted since.
        self.as_user("anna", "platen-ask --later 1h")
        wait_for(lambda: self.restart()["state"] == "deferred", "the deferral", 10)
        until = self.restart()["until"]
        self.assertAlmostEqual(until, time.time() + 3600, delta=30)
        self.guest.run("systemctl restart platen-agent")
        self.host.stop()
        self.host.start()
        wait_for(self.host.control.exists, "platend's control socket", 20)
        wait_for(lambda: self.row()["ready"] == 1, "laser to be ready again", 60)
        data = self.restart()
        self.assertEqual((data["state"], data["who"], data["until"]), ("deferred", "anna", until))
        self.assertIn("deferred by anna", self.row()["restart"])
        self.assertIn("driver c was installed", self.host.ask("status")["data"]["restarts"][0])
        self.assertEqual(self.boot(), boot)
        # Accepted.
        self.as_user("anna", "platen-ask --now")
        self.wait_restarted(boot, begin)
        self.prints(2)
        # A need that the restart did not meet is an error, and no second restart.
        boot = self.boot()
        self.need("driver-c", "workspace driver c was installed")
        wait_for(lambda: self.restart()["fault"], "the error", 20)
        self.assertIn("did not meet", self.row()["restart"])
        # Of level spooler: the agent restarts cupsd by itself.
        pid = self.guest.run("systemctl show -P MainPID cups.service")
        self.need("driver-d", "spooler driver d was installed")
        wait_for(lambda: self.guest.run("systemctl show -P MainPID cups.service") not in (pid, "0", "0\n"), "another cupsd", 30)
        wait_for(lambda: all(n["level"] == "workspace" for n in self.restart()["needs"]), "the need to be met", 20)
        self.assertEqual(self.boot(), boot)


if __name__ == "__main__":
    unittest.main()
