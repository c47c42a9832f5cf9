# SPDX-License-Identifier: Apache-2.0
"""A real workspace with two people in it, below a private libvirt, that is to be restarted."""
import unittest

import lab as vm
from harness import BUILD, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for

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
