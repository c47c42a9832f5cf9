# SPDX-License-Identifier: Apache-2.0
"""The units at work: both halves installed from packages, each in a booted Debian 12, a unix socket between them.

Nothing is loosened for the tests: each program runs below its unit's sandbox, filter and limits.
"""
import fcntl
import json
import os
import pathlib
import re
import select
import shutil
import struct
import subprocess
import tempfile
import time
import unittest

from container import Container, build_packages, own_namespace
from harness import SOURCE, VENDOR_PPD, Lab, Sink, wait_for
from lab import say

TIMEOUT = 600
TIOCSPTLCK, TIOCGPTN = 0x40045431, 0x80045430  # of linux/tty.h, which Python does not have
OLDER = "0.0.9"
UUID = "5f1a1d0c-7d38-4a0e-9a3f-0d1c6f2b7a11"
HOST_CONF = f"""
[workspace box]
uuid = {UUID}
socket = /run/channel/box
"""
ID = dict(re.findall(r'#define (LOG_ID_\w+)\s+"(\w+)"', (SOURCE / "proto/base/log-ids.h").read_text()))
CHANNEL = """[Service]
ReadWritePaths=/run/channel
"""


class Deployed(unittest.TestCase):
    """A host and a workspace, each a container, which see one folder both."""

    @classmethod
    def setUpClass(cls):
        own_namespace()
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="units"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, True)
        cls.debs = build_packages(cls.dir / "debs")

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.channel = self.lab.dir / "channel"
        self.channel.mkdir()

    def show(self, container):
        if container.pid and any(t is self for t, _ in self._outcome.result.errors + self._outcome.result.failures):
            print(f"--- {container.name}\n" + container.out("platenctl printers box; platenctl printers; platenctl doctor; lpstat -v; journalctl --no-pager -o short-precise | grep -E 'platen|cups' | tail -n 120", check=False))

    def boot(self, name):
        c = Container(self, name, binds=[(self.channel, "/run/channel")])
        self.addCleanup(self.show, c)
        return c.start()

    def boot_host(self, change=lambda ppd: ppd):
        """With a printer; `change` is what becomes of its PPD."""
        host = self.boot("host")
        host.install(self.debs, "host", "tools")
        with open(host.root / "etc/platen/platen.conf", "a") as conf:
            conf.write(HOST_CONF)
        self.drop_in(host, "platend.service", CHANNEL)
        self.device = host.on_network(lambda: Sink(self.lab))
        # Of the package cups, which is large.
        shutil.copy("/usr/lib/cups/backend/socket", host.root / "usr/lib/cups/backend/socket")
        (host.root / "laser.ppd").write_bytes(change(VENDOR_PPD.replace("{model}", "Laser 100")).encode("latin-1"))
        host.run(f"lpadmin -p laser -E -v {self.device.uri} -P /laser.ppd && systemctl restart platend")
        return host

    def boot_guest(self):
        guest = self.boot("guest")
        guest.install(self.debs, "guest")
        conf = guest.root / "etc/platen/platen-agent.conf"
        conf.write_text(conf.read_text() + "transport = unix\npath = /run/channel/box\n")
        guest.run("systemctl restart platen-agent")
        return guest

    def boot_guest_with(self, host):
        """One that is connected, and has its printer."""
        guest = self.boot_guest()
        self.ready(host)
        return guest

    def drop_in(self, container, unit, text):
        folder = container.root / f"etc/systemd/system/{unit}.d"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "of-the-test.conf").write_text(text)
        container.run("systemctl daemon-reload")

    def ctl(self, host, *argv):
        return json.loads(host.out("platenctl --json " + " ".join(argv)))

    def ready(self, host, name="laser"):
        def look():
            found = host.run("platenctl --json printers box", check=False)
            if found.returncode:
                return False
            rows = json.loads(found.stdout)
            rows = rows.get("data", rows)["printers"]
            return any(p["name"] == name and p["guest"] == "ready" for p in rows)
        wait_for(look, f"{name} to be ready in the workspace", 40)

    def print(self, guest, text):
        """As it is: there is no filter for pages in so small a host."""
        guest.run(f"echo -n '{text}' | lp -d laser -o document-format=application/vnd.cups-raw")

    def no_denial(self, *containers):
        """Nothing of ours was ended by a filter, restarted, or refused by its sandbox."""
        for c in containers:
            text = c.out("journalctl --no-pager -o cat")
            for word in ("SIGSYS", "status=31/SYS", "Operation not permitted", "Permission denied", "Read-only file system"):
                self.assertEqual([line for line in text.splitlines() if word in line and "platen" in line], [], word)
            for unit in ("platend", "platen-agent"):
                self.assertIn(c.prop(unit, "NRestarts"), ("0", ""))

    def rpm(self, name, path, content):
        """An RPM of one file."""
        build = self.lab.dir / "rpmbuild"
        build.mkdir()
        (build / "filter").write_text(content)
        (build / "driver.spec").write_text(f"""Name: {name}
Version: 1.0
Release: 1
Summary: a driver of the tests
License: Apache-2.0
BuildArch: noarch
AutoReqProv: no
%description
A driver of the tests.
%install
install -D -m 755 {build}/filter %{{buildroot}}/{path}
%files
/{path}
""")
        subprocess.run(["rpmbuild", "--define", f"_topdir {build}", "-bb", build / "driver.spec"], check=True, capture_output=True)
        return build / f"RPMS/noarch/{name}-1.0-1.noarch.rpm"


class UnitsTest(Deployed):
    def test_a_page_from_the_workspace_through_both_sandboxes(self):
        host, guest = self.boot_host(), self.boot_guest()
        self.ready(host)
        for count in (1, 2):
            self.print(guest, f"document {count}")
            wait_for(lambda: len(self.device.received) == count, "the document at the device", 30)
            self.assertEqual(self.device.received[-1], f"document {count}".encode())
        self.assertEqual(host.prop("platend", "ActiveState"), "active")
        self.no_denial(host, guest)
        # The journal has them by kind and by job, with their unit.
        job, = {line["PLATEN_JOB"] for line in host.journal("platend", "MESSAGE_ID=" + ID["LOG_ID_JOB_ENDED"])[-1:]}
        lines = host.journal("platend", f"PLATEN_JOB={job}")
        self.assertIn(ID["LOG_ID_JOB_RELEASED"], [line.get("MESSAGE_ID") for line in lines])
        self.assertEqual({(line["PLATEN_WORKSPACE"], line["PLATEN_PRINTER"], line["SYSLOG_IDENTIFIER"]) for line in lines},
                         {("box", "laser", "platend")})
        ended, = wait_for(lambda: guest.journal("platen-agent", f"PLATEN_JOB={job}", "MESSAGE_ID=" + ID["LOG_ID_AGENT_JOB_ENDED"]),
                          "the agent's word")
        self.assertTrue(ended["MESSAGE"].startswith("done job="), ended["MESSAGE"])
        # platend and what it starts have no network; what fetches drivers is a unit of its own.
        pid = host.prop("platend", "MainPID")
        self.assertNotEqual(host.out(f"readlink /proc/{pid}/ns/net"), host.out("readlink /proc/1/ns/net"))
        self.assertNotIn("platen-fetch", host.out("systemctl show -P ExecMainStartTimestamp platend; pgrep -P " + pid + " -l"))
        self.assertIn("platen-fetch.socket", host.prop("platen-fetch.service", "TriggeredBy"))
        self.assertNotEqual(host.prop("platen-fetch.service", "ExecMainStartTimestampMonotonic"), "0")

    def package(self, name, path, content, mode="755"):
        """A .deb of one file."""
        tree = self.lab.dir / f"{name}-tree"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN/control").write_text(f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: Test <t@example.org>\n"
                                             "Description: a driver of the tests\n")
        (tree / path).parent.mkdir(parents=True)
        (tree / path).write_text(content)
        (tree / path).chmod(int(mode, 8))
        deb = self.lab.dir / f"{name}_1.0_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, deb], check=True, capture_output=True)
        return deb

    def test_the_packages_own_test(self):
        """What autopkgtest would run in its testbed, in this one."""
        machine = self.boot("testbed")
        machine.install(self.debs, "host", "guest", "tools")
        shutil.copy(SOURCE / "packaging/debian/tests/installed", machine.root / "root/installed")
        before = machine.out("cat /etc/platen/*.conf")
        said = machine.run("/root/installed", check=False)
        self.assertEqual((said.returncode, said.stdout.splitlines()[-1:]), (0, ["all of it"]), said.stdout + said.stderr)
        self.assertEqual(machine.out("cat /etc/platen/*.conf"), before)
        self.assertNotIn("autopkgtest", machine.out("lpstat -v", check=False))

    def test_a_driver_package_is_installed_below_the_sandbox(self):
        line = '*cupsFilter2: "application/vnd.cups-pdf application/pdf 0 -"'
        host = self.boot_host(lambda ppd: ppd.replace(line, '*cupsFilter: "application/vnd.cups-raw 0 rastertotest"'))
        host.run("mkdir -p /usr/lib/cups/filter && ln -s /bin/cat /usr/lib/cups/filter/rastertotest")
        guest = self.boot_guest()
        self.ready(host)
        deb = self.package("platen-test-driver", "usr/lib/cups/filter/rastertotest", '#!/bin/sh\nexec cat ${6:+"$6"}\n')
        shutil.copy(deb, host.root / "var/cache/driver.deb")
        spooler = guest.prop("cups", "MainPID")
        host.run("platenctl driver package add /var/cache/driver.deb --printer laser --restart spooler")
        host.run("platenctl rendering laser guest")
        wait_for(lambda: "install ok installed" in guest.out("dpkg -s platen-test-driver", check=False), "the package in the guest", 60)
        self.assertTrue((guest.root / "usr/lib/cups/filter/rastertotest").exists())
        wait_for(lambda: guest.prop("cups", "MainPID") not in (spooler, "0"), "the spooler to be restarted", 40)
        self.ready(host)
        self.print(guest, "after the package")
        wait_for(lambda: self.device.received == [b"after the package"], "the document at the device", 30)
        self.no_denial(host, guest)

    def test_an_rpm_is_installed_by_the_guests_own_manager(self):
        """Debian's rpm stands in for a guest of that family: it warns, and installs."""
        line = '*cupsFilter2: "application/vnd.cups-pdf application/pdf 0 -"'
        host = self.boot_host(lambda ppd: ppd.replace(line, '*cupsFilter: "application/vnd.cups-raw 0 rastertorpm"'))
        host.run("mkdir -p /usr/lib/cups/filter && ln -s /bin/cat /usr/lib/cups/filter/rastertorpm")
        guest = self.boot_guest()
        self.ready(host)
        rpm = self.rpm("platen-test-driver", "usr/lib/cups/filter/rastertorpm", '#!/bin/sh\necho rendered here\nexec cat ${6:+"$6"}\n')
        shutil.copy(rpm, host.root / "var/cache/driver-1.0-1.noarch.rpm")
        host.run("platenctl driver package add /var/cache/driver-1.0-1.noarch.rpm --printer laser")
        host.run("platenctl rendering laser guest")
        wait_for(lambda: "platen-test-driver-1.0-1" in guest.out("rpm -q platen-test-driver", check=False), "the package in the guest", 60)
        wait_for(lambda: any(p["name"] == "laser" and p["rendering_there"] == "guest" for p in
                             json.loads(host.out("platenctl --json printers box"))["printers"]), "the printer to be rendered for there", 30)
        self.print(guest, "after the rpm")
        wait_for(lambda: self.device.received == [b"rendered here\nafter the rpm"], "the document at the device", 30)
        self.no_denial(host, guest)

    def terminal(self, container):
        """A terminal of the container's, as a program there would open one: our end, and its name there."""
        ours = os.open(f"/proc/{container.pid}/root/dev/pts/ptmx", os.O_RDWR | os.O_NOCTTY)
        self.addCleanup(os.close, ours)
        fcntl.ioctl(ours, TIOCSPTLCK, struct.pack("i", 0))
        number, = struct.unpack("i", fcntl.ioctl(ours, TIOCGPTN, struct.pack("i", 0)))
        return ours, f"/dev/pts/{number}"

    def log_in(self, guest, *options):
        """A person, through PAM, with a bus of their own, and an application that would lose something."""
        guest.run("id person 2>/dev/null || useradd -m -s /bin/bash person")
        guest.run("systemd-run --unit=login-of-person -p User=person -p PAMName=login " + " ".join(options) +
                  " bash -c 'dbus-daemon --session --fork --address=unix:path=/run/user/$UID/bus; sleep infinity'")
        wait_for(lambda: "person" in guest.out("loginctl list-sessions --no-legend"), "the session")
        bus = f"/run/user/{guest.out('id -u person')}/bus"
        wait_for(lambda: guest.run(f"test -S {bus}", check=False).returncode == 0, "the person's bus")
        guest.run("systemd-run systemd-inhibit --what=shutdown --who=editor sleep infinity")
        wait_for(lambda: "editor" in guest.out("systemd-inhibit --list"), "the application")
        return bus

    def test_a_person_at_a_terminal_is_asked_and_answers(self):
        host, guest = self.boot_host(), self.boot_guest()
        self.ready(host)
        ours, name = self.terminal(guest)
        self.log_in(guest, "-p StandardInput=tty", f"-p TTYPath={name}")
        host.run("platenctl restart box --ask")
        said = b""
        deadline = time.monotonic() + 30
        while b"platen-ask --now" not in said:
            self.assertLess(time.monotonic(), deadline, said)
            if select.select([ours], [], [], 1)[0]:
                said += os.read(ours, 4096)
        self.assertEqual("The host was told.", guest.out("runuser -u person -- platen-ask --later 1h"))
        wait_for(lambda: "person says: later" in host.out("journalctl --no-pager -u platend"), "the answer on the host")
        self.no_denial(host, guest)

    def test_a_person_at_a_desktop_is_asked(self):
        host, guest = self.boot_host(), self.boot_guest()
        self.ready(host)
        bus = self.log_in(guest, "--setenv=XDG_SESSION_TYPE=wayland")
        guest.run(f"systemd-run --unit=ear -p User=person dbus-monitor --address unix:path={bus}")
        host.run("platenctl restart box --ask")
        wait_for(lambda: "member=Notify" in guest.out("journalctl -u ear --no-pager -o cat"), "the question on the person's bus", 30)
        self.assertIn("This workspace needs a restart", guest.out("journalctl -u ear --no-pager -o cat"))
        self.no_denial(host, guest)

    def test_settings_are_read_again(self):
        """By systemd: who is connected stays so, and wrong ones fail the reload alone."""
        host = self.boot_host()
        guest = self.boot_guest_with(host)
        pids = [host.prop("platend", "MainPID"), host.out("pgrep platen-channel"), guest.prop("platen-agent", "MainPID")]
        conf = host.root / "etc/platen/platen.conf"
        good = conf.read_text()
        conf.write_text(good.replace("[host]\n", "[host]\nmode = all\n", 1))
        host.run("systemctl reload platend")
        wait_for(lambda: "mode all" in host.out("platenctl status", check=False), "the settings to be in force", 20)
        conf.write_text(good + "colour = red\n")
        self.assertNotEqual(host.run("systemctl reload platend", check=False).returncode, 0)
        self.assertEqual(host.prop("platend", "ActiveState"), "active")
        conf.write_text(good)
        host.run("systemctl reload platend")
        wait_for(lambda: host.journal("platend", "MESSAGE_ID=" + ID["LOG_ID_HOST_SETTINGS"])[-1]["MESSAGE"]
                 == "settings read again, mode network", "the settings of before to be in force", 20)
        self.assertIn("settings change nothing: those before stay in force", host.out("journalctl -x --no-pager -u platend MESSAGE_ID=" + ID["LOG_ID_HOST_SETTINGS"]))
        conf = guest.root / "etc/platen/platen-agent.conf"
        good = conf.read_text()
        conf.write_text(good + "colour = red\n")
        self.assertNotEqual(guest.run("systemctl reload platen-agent", check=False).returncode, 0)
        conf.write_text(good)
        guest.run("systemctl reload platen-agent")
        self.assertEqual([host.prop("platend", "MainPID"), host.out("pgrep platen-channel"), guest.prop("platen-agent", "MainPID")], pids)
        self.print(guest, "after all of it")
        wait_for(lambda: self.device.received == [b"after all of it"], "the document at the device", 30)
        self.no_denial(host, guest)

    def test_power_cuts(self):
        """Each in turn loses its power; after the boot printers are there without a hand."""
        host, guest = self.boot_host(), self.boot_guest()
        guest.run("systemctl enable platen-agent")  # its channel is no device that udev would see
        host.run("systemctl restart cups")  # it saves queues at its end, or half a minute later
        self.ready(host)
        for c, unit in ((host, "platend"), (guest, "platen-agent")):
            c.stop()
            c.start()
            wait_for(lambda: c.prop(unit, "ActiveState") == "active", f"{unit} after the boot", 30)
            self.ready(host)
            self.assertEqual(c.out("systemctl --failed --no-legend"), "")
        self.no_denial(host, guest)

    def test_what_the_agent_costs(self):
        """Said, not judged: its memory when idle, and how long it takes to be ready; the boot does not wait for it."""
        guest = self.boot_guest_with(self.boot_host())
        pss = guest.out("cat $(for p in $(pgrep platen-); do echo /proc/$p/smaps_rollup; done) | awk '/^Pss:/ {n += $2} END {print n}'")
        since = [int(guest.prop("platen-agent", f"{what}TimestampMonotonic")) for what in ("InactiveExit", "ActiveEnter")]
        say(f"the agent and its workers: {int(pss) / 1024:.1f} MiB idle (PSS), ready {(since[1] - since[0]) / 1000:.0f} ms after its start")
        # Started by udev beside the boot: nothing that a boot needs waits for it.
        self.assertEqual(guest.out("systemctl list-dependencies --reverse --plain --no-legend platen-agent").split(), ["platen-agent.service"])

    def test_a_host_without_libvirt(self):
        """Which is no fault of a host of containers, once it is told so."""
        host = self.boot_host()

        def libvirt():
            checks = json.loads(host.out("platenctl --json doctor", check=False))["checks"]
            return next((c["state"], c["fix"]) for c in checks if c["link"] == "libvirt")
        wait_for(lambda: libvirt()[0] == "fault", "doctor to tell of libvirt", 30)
        self.assertRegex(libvirt()[1], "install libvirt-daemon-system.*libvirt-uri")
        host.run("mkdir -p /etc/platen/policy.d && printf '[host]\\nlibvirt-uri =\\n' >/etc/platen/policy.d/containers.conf && systemctl restart platend")
        wait_for(lambda: libvirt() == ("skipped", ""), "doctor to be content", 30)

    def test_the_control_socket_is_there_before_platend(self):
        host = self.boot_host()
        host.run("systemctl stop platend")
        self.assertEqual(host.prop("platend", "ActiveState"), "inactive")
        self.assertIn("spooler", host.out("platenctl status", check=False))
        self.assertEqual(host.prop("platend", "ActiveState"), "active")
        # While it is started again, who asks waits.
        host.run("systemctl restart --no-block platend")
        self.assertIn("spooler", host.out("platenctl status", check=False))

    def test_what_hangs_is_started_again(self):
        host, guest = self.boot_host(), self.boot_guest()
        for c, unit in ((host, "platend"), (guest, "platen-agent")):
            text = "[Service]\nWatchdogSec=5\n" + (CHANNEL if unit == "platend" else "")
            self.drop_in(c, f"{unit}.service", text)
            c.run(f"systemctl restart {unit} && systemctl kill -s STOP --kill-whom=main {unit}")
            wait_for(lambda: int(c.prop(unit, "NRestarts") or 0) >= 1 and c.prop(unit, "SubState") == "running", f"{unit} to be started again", 30)
            self.assertIn("watchdog", c.out(f"journalctl --no-pager -u {unit} -o cat").lower())
        self.ready(host)
        self.print(guest, "afterwards")
        wait_for(lambda: self.device.received == [b"afterwards"], "the document at the device", 30)

    def test_an_agent_without_a_channel_is_no_failure(self):
        guest = self.boot("guest")
        guest.install(self.debs, "guest")
        conf = guest.root / "etc/platen/platen-agent.conf"
        conf.write_text(conf.read_text() + "transport = virtio\n")
        # Without a port nobody starts it; by hand it waits.
        self.assertEqual(guest.prop("platen-agent", "ActiveState"), "inactive")
        guest.run("systemctl start platen-agent")
        self.assertEqual(guest.prop("platen-agent", "ActiveState"), "active")
        wait_for(lambda: "no channel to the host yet" in guest.out("journalctl --no-pager -u platen-agent -o cat"), "it to say so")
        self.assertEqual(guest.out("systemctl --failed --no-legend"), "")
        self.assertEqual(guest.prop("platen-agent", "NRestarts"), "0")

    def older(self):
        """The same packages under an older version's number, so that dpkg upgrades: nothing older was ever let out."""
        folder = self.lab.dir / "older"
        folder.mkdir()
        for deb in self.debs.glob("platen-*_*.deb"):
            if "-dbgsym_" in deb.name:
                continue
            tree = folder / "tree"
            subprocess.run(["dpkg-deb", "-R", deb, tree], check=True)
            control = tree / "DEBIAN/control"
            version = re.search(r"(?m)^Version: (.*)$", control.read_text())[1]
            control.write_text(control.read_text().replace(version, OLDER))
            subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, folder / deb.name.replace(version, OLDER)], check=True,
                           capture_output=True)
            shutil.rmtree(tree)
        return folder

    def test_an_upgrade_keeps_jobs_and_settings(self):
        self.debs = self.older()
        host, guest = self.boot_host(), self.boot_guest()
        del self.debs  # those of the class again
        for c, name in ((host, "platen-host"), (guest, "platen-guest")):
            self.assertEqual(c.out(f"dpkg-query -W -f '${{Version}}' {name}"), OLDER)
        self.ready(host)
        self.device.paused.clear()
        self.print(guest, "first")
        self.print(guest, "second")
        wait_for(lambda: "laser" in host.out("lpstat -o"), "a job on the host")
        host.run("platenctl mode --default all")
        for c, names, conf in ((host, ("host", "tools"), "platen.conf"), (guest, ("guest",), "platen-agent.conf")):
            pid = c.prop("platend" if c is host else "platen-agent", "MainPID")
            before = (c.root / "etc/platen" / conf).read_text()
            c.install(self.debs, *names)
            self.assertEqual((c.root / "etc/platen" / conf).read_text(), before)
            self.assertNotIn(c.prop("platend" if c is host else "platen-agent", "MainPID"), (pid, "0"))
            self.assertNotIn(OLDER, c.out("dpkg-query -W -f '${Version} ' 'platen-*'"))
        self.device.paused.set()
        wait_for(lambda: sorted(self.device.received) == [b"first", b"second"], "both documents", 60)
        self.ready(host)
        wait_for(lambda: guest.out("lpstat -o") == "", "the guest's jobs to end", 60)
        self.assertEqual(sorted(self.device.received), [b"first", b"second"])
        self.assertIn("mode all", host.out("platenctl status", check=False))

    def test_removed_with_queues_and_jobs(self):
        host, guest = self.boot_host(), self.boot_guest()
        guest.run("lpadmin -p mine -E -v ipp://192.0.2.1/printers/mine")
        self.ready(host)
        self.print(guest, "a page")
        wait_for(lambda: self.device.received, "the document at the device", 30)
        guest.run("apt-get -q -y remove platen-guest")
        self.assertEqual(guest.out("lpstat -v"), "device for mine: ipp://192.0.2.1/printers/mine")
        self.assertEqual(guest.out("ls -d /run/platen-agent", check=False), "")
        self.assertTrue((guest.root / "etc/platen/platen-agent.conf").exists())
        guest.run("apt-get -q -y purge platen-guest")
        for place in ("var/lib/platen-agent", "etc/platen"):
            self.assertFalse((guest.root / place).exists(), place)
        host.run("apt-get -q -y remove platen-host platen-tools")
        self.assertEqual(host.out("pgrep -a platen", check=False), "")
        for place in ("run/platen", "run/cups/platen"):
            self.assertEqual(host.out(f"ls -d /{place}", check=False), "", place)
        self.assertIn("laser", host.out("lpstat -v"))
        self.assertTrue((host.root / "var/lib/platen/ledger.db").exists())
        host.run("apt-get -q -y purge platen-host platen-tools")
        for place in ("var/lib/platen", "etc/platen"):
            self.assertFalse((host.root / place).exists(), place)
        self.assertEqual(host.out("getent passwd platen; getent group platen", check=False), "")
        for c in (host, guest):
            self.assertEqual(c.out("systemctl list-unit-files --no-legend 'platen*'; systemctl --failed --no-legend"), "")


if __name__ == "__main__":
    unittest.main()
