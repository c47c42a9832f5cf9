# SPDX-License-Identifier: Apache-2.0
"""Each mistake that one easily makes on the host in the first minutes is made, and doctor's line about it read.

Those of the workspace: test_mistakes.py. A denial of AppArmor wants a kernel that has it: test_confined.py; that of SELinux
is made here as auditd would have written it, for neither runs here.
"""
import time
import unittest

from lab import wait_for
from stock import StockTest

TIMEOUT = 500
DENIED = ('type=AVC msg=audit({}.123:41): avc:  denied  {{ connectto }} for  pid=2431 comm="platen" path="/run/cups/platen/events" '
          'scontext=system_u:system_r:cupsd_t:s0-s0:c0.c1023 tcontext=system_u:system_r:unconfined_service_t:s0 '
          'tclass=unix_stream_socket permissive={}\n')
SPOOLER = "cups.service cups.socket cups.path"
LIBVIRT = "libvirtd.service libvirtd.socket libvirtd-ro.socket libvirtd-admin.socket"


class DoctorTest(StockTest):
    def test_mistakes_on_the_host(self):
        host = self.host
        host.install(self.debs, "host", "tools")
        # No printers, and none that is offered.
        self.told("printers", "fault", "has no printers", "lpadmin -p")
        self.add_printer()
        uri = self.device.uri
        host.run("cp /usr/lib/cups/backend/{socket,usb}; lpadmin -p laser -v usb://Test/Laser")
        self.told("printers", "fault", "all printers are local", "platenctl mode --default all")
        host.run(f"lpadmin -p laser -v {uri}; lpadmin -p raw -E -v {uri}")
        self.told("drivers", "fault", "without a driver: raw", "platenctl printers")
        host.run("lpadmin -x raw")
        # No channel: of the one domain that there is, and of all.
        self.told("domain", "fault", "no domain has a Platen channel", "platenctl attach", "virsh list")
        host.run("virsh define /root/bare.xml")
        code, _, text = self.checks("bare")
        self.assertEqual(code, 5)
        self.assertIn("platenctl attach", text)
        # Domain off; paused; nobody in it; redirection off.
        host.run("platenctl attach bare")
        self.told("domain", "skipped", "shut off", "virsh start bare")
        self.green()  # which is no fault
        host.run("virsh start bare")
        self.told("agent", "fault", "no agent", "install platen-guest")
        host.run("platenctl mode bare off")
        self.told("agent", "skipped", "is off", "platenctl mode bare network")
        host.run("platenctl mode bare unset; virsh suspend bare")
        self.told("domain", "skipped", "paused", "virsh resume bare")
        host.run("virsh destroy bare")
        self.green()
        # Spooler and libvirt off.
        host.run(f"systemctl stop {SPOOLER}")
        self.told("spooler", "fault", "systemctl start cups")
        host.run("systemctl start cups.socket cups.path cups.service")
        self.green()
        host.run(f"systemctl stop {LIBVIRT}")
        self.told("libvirt", "fault", "systemctl start libvirtd")
        host.run("systemctl start libvirtd.socket libvirtd")
        self.green()

    def test_wrong_group(self):
        host = self.host
        host.install(self.debs, "host", "tools")
        host.run("useradd -m person")
        self.told("rights", "skipped", "lpadmin", "usermod -aG lpadmin", user="person")
        self.told("confinement", "skipped", "sudo platenctl doctor", user="person")
        p = host.run("runuser -u person -- platenctl mode --default all", check=False)
        self.assertEqual(p.returncode, 4)
        self.assertIn("lpadmin", p.stderr)
        host.run("usermod -aG lpadmin person")
        host.run("runuser -u person -- platenctl mode --default all")
        self.assertIn("ok", {c["state"] for c in self.checks(user="person")[1] if c["link"] == "rights"})

    def test_no_vsock(self):
        host = self.host
        if host.run("test -e /dev/vhost-vsock", check=False).returncode == 0:
            self.skipTest("this kernel's vhost_vsock is in the container: nothing is missing")
        host.install(self.debs, "host", "tools")
        host.run("virsh define /root/bare.xml && platenctl attach bare --vsock")
        self.told("vsock", "fault", "modprobe vhost_vsock", "platenctl detach bare")
        p = host.run("virsh start bare", check=False)
        self.assertIn("vsock", p.stderr)
        # What the line advises.
        host.run("platenctl detach bare && platenctl attach bare && virsh start bare")
        self.assertEqual([c for c in self.checks()[1] if c["link"] == "vsock"], [])

    def test_a_denial_that_auditd_has(self):
        host = self.host
        host.install(self.debs, "host", "tools")
        log = host.root / "var/log/audit/audit.log"
        log.parent.mkdir(exist_ok=True)
        log.write_text(DENIED.format(int(time.time()) - 3600, 0) + DENIED.format(int(time.time()), 1))  # before its start; only noted

        def refused():
            return [c for c in self.checks()[1] if c["link"] == "confinement"]
        self.assertEqual(refused(), [])
        with log.open("a") as more:
            more.write(DENIED.format(int(time.time()), 0))
        self.told("confinement", "fault", "SELinux refused platen: connectto /run/cups/platen/events", "ausearch -m avc -c platen [|] audit2allow")

    def test_settings_that_are_not_in_force(self):
        host = self.host
        host.install(self.debs, "host", "tools")
        pid = host.prop("platend", "MainPID")
        host.run("mkdir -p /etc/platen/policy.d; printf '[host]\\nmode = sideways\\n' >/etc/platen/policy.d/own.conf")
        self.assertNotEqual(host.run("systemctl reload platend", check=False).returncode, 0)
        self.assertIn("own.conf:2: mode = sideways", host.out("journalctl --no-pager -u platend -o cat"))
        # Told without systemd's asking first: the same, and doctor has it.
        host.run("systemctl kill -s HUP --kill-whom=main platend")
        self.told("settings", "fault", "own.conf:2: mode = sideways", "systemctl reload platend")
        host.run("printf '[host]\\nmode = all\\nadmin-group = users\\n' >/etc/platen/policy.d/own.conf; systemctl reload platend")
        self.told("settings", "fault", "admin-group", "systemctl restart platend")
        self.assertIn("mode all", host.out("platenctl status", check=False))
        self.assertEqual(host.prop("platend", "MainPID"), pid)
        host.run("systemctl restart platend")
        wait_for(lambda: {c["state"] for c in self.checks()[1] if c["link"] == "settings"} == {"ok"}, "all to be in force", 30)

    def test_removed_with_a_domain_attached(self):
        host = self.host
        host.install(self.debs, "host", "tools")
        host.run("virsh define /root/bare.xml && platenctl attach bare")
        self.told("domain", "skipped", "shut off")
        p = host.run("apt-get -q -y remove platen-host")
        self.assertIn("the domain bare keeps its channel", p.stdout + p.stderr)
        host.install(self.debs, "host", "tools")
        wait_for(lambda: host.run("platenctl detach bare", check=False).returncode == 0, "it to be detached", 30)
        self.assertNotIn("keeps its channel", (lambda p: p.stdout + p.stderr)(host.run("apt-get -q -y purge platen-host")))

    def test_platend_off(self):
        host = self.host
        host.install(self.debs, "host", "tools")
        host.run("systemctl stop platend.socket platend")
        code, checks, text = self.checks()
        self.assertEqual(code, 3, text)
        self.assertEqual([c["link"] for c in checks], ["platend"])
        self.assertIn("systemctl start platend", checks[0]["fix"])
        # Settings that it does not take.
        host.run("mkdir /etc/platen/policy.d && printf '[host]\\nmode = sideways\\n' >/etc/platen/policy.d/own.conf")
        host.run("systemctl start platend.socket; systemctl start platend", check=False)
        code, checks, text = self.checks()
        self.assertIn(code, (3, 6), text)
        self.assertIn("platend --check", checks[0]["fix"])
        p = host.run("platend --check", check=False)
        self.assertNotEqual(p.returncode, 0)
        self.assertIn("own.conf:2: ", p.stdout + p.stderr)
        # Mended: it starts, without another word to systemd, unless it was tried too often in ten seconds.
        host.run("rm /etc/platen/policy.d/own.conf")
        wait_for(lambda: host.run("systemctl start platend", check=False).returncode == 0, "platend to start", 30)
        self.told("printers", "fault", "has no printers")
        host.run("apt-get -q -y purge platen-host")
        code, checks, _ = self.checks()
        self.assertEqual((code, checks[0]["fix"]), (3, "install platen-host"))


if __name__ == "__main__":
    unittest.main()
