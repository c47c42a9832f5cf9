# SPDX-License-Identifier: Apache-2.0
"""Guests of other kinds: one whose init is sysvinit and one whose init is runit, without logind, elogind and a system bus."""
import pathlib
import re
import shutil
import subprocess
import unittest

from container import Container
from harness import wait_for
from test_units import Deployed

TIMEOUT = 600
LAB_ONLY = "three images of its own; packages has the agent without systemd"
SYSVINIT = ("sysvinit-core,initscripts,lsb-base,procps,passwd,cups-daemon,cups-client,libcups2,libprotobuf-c1,libinih1,libxxhash0,"
            "libnettle8,zlib1g,libsystemd0")
RUNIT = SYSVINIT.replace("sysvinit-core", "runit-init,runit")


# nspawn has mounted all that a container has: no file system is checked, and nobody sits at a terminal.
INITTAB = """id:2:initdefault:
si::sysinit:/bin/true
l0:0:wait:/etc/init.d/rc 0
l2:2:wait:/etc/init.d/rc 2
"""


class SysvContainer(Container):
    """One that /sbin/init of sysvinit boots."""
    NAME = "init"

    def start(self, timeout=60):
        self.make_bootable()
        return super().start(timeout)

    def make_bootable(self):
        (self.root / "etc/inittab").write_text(INITTAB)

    def is_booted(self):
        return re.search(r" 2$", self.run("runlevel", check=False).stdout.strip())

    def is_up(self):
        if self.process.poll() is not None:
            raise unittest.SkipTest("init does not boot in a container here: "
                                    + (self.dir / "console.log").read_text(errors="replace")[-500:])
        self.pid = self.pid or self.init()
        return self.pid and self.is_booted()

    def init(self):
        for pid in subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split():
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            if f"Name:\t{self.NAME}\n" in status and re.search(r"(?m)^NSpid:.*\t1$", status):
                return int(pid)
        return None


class RunitContainer(SysvContainer):
    """One that /sbin/init of runit boots; the scripts of sysvinit are run by its second stage."""
    NAME = "runit"

    def make_bootable(self):
        (self.root / "etc/runit/1").write_text("#!/bin/sh\nmkdir -p /run/runit\ninstall -m000 /dev/null /run/runit.stopit\n")

    def is_booted(self):
        return self.run("pgrep -x runsvdir && service cups status", check=False).returncode == 0


class OtherGuestsTest(Deployed):
    def show(self, container):
        if container.name != "host" and container.pid:
            print(container.out("ps ax; cat /var/log/platen-agent.log; lpstat -v", check=False) if self.failed() else "", end="")
        else:
            super().show(container)

    def failed(self):
        return any(t is self for t, _ in self._outcome.result.errors + self._outcome.result.failures)

    def test_sysvinit_without_logind(self):
        self.works(SysvContainer(self, "sysv", packages=SYSVINIT, kind="sysvinit", binds=[(self.channel, "/run/channel")]))

    def test_runit(self):
        self.works(RunitContainer(self, "runit", packages=RUNIT, kind="runit", binds=[(self.channel, "/run/channel")]))

    def works(self, guest):
        host = self.boot_host()
        self.addCleanup(self.show, guest)
        guest.start()
        for program in ("systemctl", "dbus-daemon", "loginctl"):
            self.assertNotEqual(guest.run(f"command -v {program}", check=False).returncode, 0, program)
        target = guest.root / "var/cache/debs"
        target.mkdir(exist_ok=True)
        deb, = self.debs.glob("platen-guest_*.deb")
        shutil.copy(deb, target)
        guest.run(f"apt-get -q -y --no-install-recommends install /var/cache/debs/{deb.name}")
        conf = guest.root / "etc/platen/platen-agent.conf"
        conf.write_text(conf.read_text() + "transport = unix\npath = /run/channel/box\n")
        guest.run("service platen-agent restart && service cups status")
        self.ready(host)
        self.print(guest, "below another init")
        wait_for(lambda: self.device.received == [b"below another init"], "the document at the device", 30)
        # It says what it goes without; people are asked nowhere, and a restart that needs one is not done by itself.
        log = guest.root / "var/log/platen-agent.log"
        wait_for(lambda: "without" in log.read_text(), "the agent to say what it goes without", 20)
        # Its settings are read again; wrong ones are told, and change nothing.
        good = conf.read_text()
        conf.write_text(good + "colour = red\n")
        wrong = guest.run("service platen-agent reload", check=False)
        self.assertNotEqual(wrong.returncode, 0)
        self.assertIn("colour = red: expected", wrong.stdout + wrong.stderr)
        conf.write_text(good)
        guest.run("service platen-agent reload")
        wait_for(lambda: "settings read again, they are the same" in log.read_text(), "the agent to have read its settings", 20)
        # The power goes: after the boot init starts it, and the printer is there.
        guest.stop()
        guest.start()
        self.ready(host)
        self.print(guest, "after the boot")
        wait_for(lambda: self.device.received[1:] == [b"after the boot"], "the second document at the device", 30)
        guest.run("apt-get -q -y purge platen-guest")
        self.assertEqual(guest.out("pgrep -l platen", check=False), "")
        self.assertEqual(guest.out("lpstat -v", check=False), "")
        for place in ("etc/platen", "etc/init.d/platen-agent", "var/lib/platen-agent", "var/log/platen-agent.log"):
            self.assertFalse((guest.root / place).exists(), place)
        self.assertEqual(guest.out("ls /etc/rc?.d | grep platen", check=False), "")


if __name__ == "__main__":
    unittest.main()
