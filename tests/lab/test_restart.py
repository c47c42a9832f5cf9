# SPDX-License-Identifier: Apache-2.0
"""Restarts of a real guest: nobody there, so at once; a person with an application, so asked, deferred, accepted."""
import time
import unittest

import lab as vm
from harness import BUILD, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for

TIMEOUT = 1200
PACKAGES = vm.PACKAGES + ",libpam-systemd,dbus-user-session"


class Case(unittest.TestCase):
    def setUp(self):
        vm.own_namespace()
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.addCleanup(self.show_logs)
        self.device = Sink(self.lab)
        self.libvirt = vm.Libvirt(self.lab)
        image = vm.Image(PACKAGES, "restart")
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.spooler.add_queue("laser", self.device.uri, vendor_ppd(self.lab.dir / "vendor.ppd"))
        self.host = Host(self.lab, self.spooler, workspaces=(), libvirt=self.libvirt.uri).start()
        files = vm.guest_files() | {"usr/libexec/platen/platen-ask": BUILD / "platen-ask", "usr/bin/platen-ask": BUILD / "platen-ask"}
        self.guest = vm.Workspace(self.lab, self.libvirt, image, files=files)
        self.guest.start()
        self.guest.wait_up()
        self.guest.run("useradd -m -s /bin/bash anna; useradd -m -s /bin/bash otto")
        wait_for(lambda: self.row()["ready"] == 1, "laser to be ready", 60)

    def show_logs(self):
        if any(t is self for t, _ in self._outcome.result.errors + self._outcome.result.failures):
            print(self.lab.logs()[-8000:])
            try:
                print(self.guest.run("journalctl -u platen-agent -u user@* -n 60 --no-pager; loginctl", check=False)[1])
            except Exception as error:  # the guest may be in any state
                print(error)

    def row(self):
        rows = self.host.ask("workspaces")["data"]["workspaces"]
        return rows[0] if rows else {"ready": 0}

    def restart(self, **what):
        answer = self.host.ask("restart", workspace="workspace", **what)
        self.assertTrue(answer["ok"], answer)
        return answer["data"]

    def boot(self):
        return self.guest.run("cat /proc/sys/kernel/random/boot_id").strip()

    def need(self, name, text):
        self.guest.run(f"echo '{text}' > /var/lib/platen-agent/needs.d/{name}")

    def wait_restarted(self, boot, since):
        """Another boot, and the host has found the printers there."""
        wait_for(lambda: self.restart()["last"] > since and self.restart()["state"] == "none", "the restart to be over", 300)
        self.guest.wait_up()
        self.assertNotEqual(self.boot(), boot)
        data = self.restart()
        self.assertEqual((data["needs"], data["fault"], data["text"]), ([], False, "restarted; its printers are there: 1"))

    def prints(self, count):
        self.guest.put("/tmp/doc.pdf", pdf(1, f"document {count}"))
        self.guest.run("lp -d laser /tmp/doc.pdf")
        wait_for(lambda: len(self.device.received) == count, "the document at the device", 60)

    def log_in(self, user, tty, command="sleep infinity"):
        """SendSIGHUP, as for a session: a shell that waits does not heed SIGTERM, and would hold a shutdown up."""
        self.guest.run(f"systemd-run -q --unit {user}-login -p User={user} -p PAMName=login -p TTYPath=/dev/{tty} "
                       f"-p StandardInput=tty -p StandardOutput=tty -p SendSIGHUP=yes {command}")
        wait_for(lambda: user in self.guest.run("loginctl list-sessions --no-legend"), f"{user}'s session", 20)
        self.wait_for_user_manager(user)

    def wait_for_user_manager(self, user):
        wait_for(lambda: self.as_user(user, "systemctl --user is-system-running", check=False)[1].strip() in ("running", "degraded"),
                 f"{user}'s manager", 20)

    def as_user(self, user, command, check=True):
        return self.guest.run(f"runuser -u {user} -- env XDG_RUNTIME_DIR=/run/user/$(id -u {user}) {command}", check)


class RestartTest(Case):
    def test_nobody_then_a_person(self):
        # Nobody is logged in: it restarts without a question, once for both needs.
        boot, begin = self.boot(), int(time.time()) - 1
        self.need("driver-a", "workspace driver a was installed")
        self.need("driver-b", "workspace driver b was installed")
        wait_for(lambda: len(self.restart()["needs"]) == 2, "both needs to be known", 3)
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
