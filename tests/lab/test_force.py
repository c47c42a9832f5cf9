# SPDX-License-Identifier: Apache-2.0
"""Restarts of a real guest by the system's own word, past terminals, and one that does not shut itself down."""
import time
import unittest

from harness import wait_for
from restarts import Case

TIMEOUT = 1200
LAB_ONLY = "two more boots; tests/integration/test_restart_libvirt.py has the reset, test_restart_people.py who is there"


class ForceTest(Case):
    """What the system says itself, terminals, and a guest that does not shut itself down."""

    def wait_activity(self, state, text=""):
        wait_for(lambda: self.restart()["activity"] == state and text in self.restart()["activity_text"], f"{state} {text}", 90)

    def test_word_of_the_system_terminals_and_force(self):
        self.restart(policy="never")
        self.assertIn('restart="never"', self.libvirt.virsh("dumpxml", "workspace").stdout.replace("'", '"'))
        # Debian's mark is the system's own word.
        boot, begin = self.boot(), int(time.time()) - 1
        self.guest.run("echo linux-image-cloud-amd64 > /run/reboot-required.pkgs; echo '*** System restart required ***' > /run/reboot-required")
        wait_for(lambda: [n["reason"] for n in self.restart()["needs"]] == ["this system says so: linux-image-cloud-amd64"], "the need", 60)
        # A shell that waits on a terminal is no application; what runs on another is, without any unit of its own.
        self.wait_activity("nobody")
        self.log_in("anna", "tty3", "bash -i")
        self.wait_activity("idle")
        self.log_in("otto", "tty4")
        self.wait_activity("applications", "sleep in session-")
        self.guest.run("systemctl stop otto-login")
        self.wait_activity("idle")
        self.assertEqual(self.boot(), boot)
        # By the policy of the host: a person without an application is not asked.
        self.restart(policy="unset")
        self.wait_restarted(boot, begin)
        self.prints(1)
        # A guest that ignores the request is reset after the minute that the settings give it, and prints again.
        self.guest.run("mkdir -p /run/systemd/logind.conf.d; printf '[Login]\\nHandlePowerKey=ignore\\n' > /run/systemd/logind.conf.d/deaf.conf; "
                       "systemctl restart systemd-logind")
        self.host.stop()
        self.host.config.write_text(self.host.config.read_text().replace("vsock-port = 0\n", "vsock-port = 0\nrestart-force = 1\n"))
        self.host.start()
        wait_for(self.host.control.exists, "platend's control socket", 20)
        wait_for(lambda: self.row()["ready"] == 1, "laser to be ready again", 60)
        boot, begin = self.boot(), int(time.time())
        self.restart(action="now")
        wait_for(lambda: self.restart()["state"] == "restarting", "the request", 60)
        asked = time.time()
        wait_for(lambda: "did not restart within 1 minutes: it is reset" in self.lab.log("platend"), "the reset", 120)
        self.assertGreater(time.time() - asked, 50)
        self.assertEqual(self.lab.log("platend").count("is reset"), 1)  # not so the first time
        self.wait_restarted(boot, begin)
        self.prints(2)


if __name__ == "__main__":
    unittest.main()
