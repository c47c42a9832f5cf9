# SPDX-License-Identifier: Apache-2.0
"""The RPM packages, made by a real rpmbuild, and a real dnf that says when a restart is needed.

Debian's rpm and dnf stand in for those of such a distribution: they are the same programs, and know of no package of
Debian's. So dependencies go unchecked (--nodeps).
"""
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from container import BOOTED, Container
from harness import SOURCE, wait_for
from test_units import Deployed

TIMEOUT = 600
LAB_ONLY = "it builds the RPMs, and a guest from them"
SPEC = SOURCE / "packaging/rpm/platen.spec"
# What one kind of package has by its own habits.
HABITS = re.compile(r"^/usr/(lib/\.build-id|share/(doc|licenses))(/|$)|^/etc/(apparmor\.d/platen|init\.d/platen-agent)$"
                    r"|^/etc/platen$|^/usr/libexec/platen$")
# dnf-utils of such a distribution makes this name of dnf's command; Debian has the command only.
NEEDS_RESTARTING = "#!/bin/sh\nexec dnf -q needs-restarting \"$@\"\n"


def build_rpms(folder):
    for tool in ("rpmbuild", "git"):
        if not shutil.which(tool):
            raise unittest.SkipTest(f"{tool} is missing: apt-get install rpm git")
    version = re.search(r"project\(platen VERSION (\S+)", (SOURCE / "CMakeLists.txt").read_text())[1]
    (folder / "SOURCES").mkdir(parents=True)
    files = subprocess.run(["git", "-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=SOURCE,
                           check=True, capture_output=True).stdout.split(b"\0")
    names = b"\0".join(f for f in files if f and (SOURCE / f.decode()).exists())
    subprocess.run(["tar", "--null", "-T", "-", f"--transform=s,^,platen-{version}/,", "-czf", folder / f"SOURCES/platen-{version}.tar.gz"],
                   cwd=SOURCE, input=names, check=True)
    p = subprocess.run(["rpmbuild", "-bb", "--nodeps", "--define", f"_topdir {folder}", SPEC], capture_output=True, text=True)
    if p.returncode:
        raise AssertionError(f"rpmbuild: {p.stdout[-2000:]}{p.stderr[-3000:]}")
    return sorted((folder / "RPMS").rglob("*.rpm"))


def plain(path):
    """A file's place, whatever the distribution calls it."""
    path = re.sub(r"^/lib/", "/usr/lib/", path)
    path = re.sub(r"(/man/.*)\.gz$", r"\1", path)
    return path.replace("/zsh/vendor-completions/", "/zsh/site-functions/")


class RpmTest(Deployed):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        folder = pathlib.Path(tempfile.mkdtemp(prefix="rpm"))
        cls.addClassCleanup(shutil.rmtree, folder, True)
        cls.rpms = build_rpms(folder / "build")

    def of(self, part):
        return next(p for p in self.rpms if p.name.startswith(f"platen-{part}-"))

    def test_they_hold_what_debs_hold(self):
        self.assertEqual(len(self.rpms), 3)
        for part in ("host", "guest", "tools"):
            with self.subTest(part):
                deb, = self.debs.glob(f"platen-{part}_*.deb")
                listing = subprocess.run(["dpkg-deb", "-c", deb], check=True, capture_output=True, text=True).stdout.splitlines()
                debs = {(plain(line.split()[5][1:]), line[1:10]) for line in listing if not line.startswith("d")}
                lines = subprocess.run(["rpm", "-qp", "--qf", "[%{FILENAMES} %{FILEMODES:perms}\n]", self.of(part)], check=True,
                                       capture_output=True, text=True).stdout.splitlines()
                rpms = {(plain(line.split()[0]), line.split()[1][1:]) for line in lines if not line.split()[1].startswith("d")}
                self.assertEqual({f for f in debs if not HABITS.match(f[0])}, {f for f in rpms if not HABITS.match(f[0])})

    def boot_fedora_like(self):
        guest = Container(self, "rpm-guest", packages=BOOTED + ",dnf,dnf-plugins-core", kind="rpm", binds=[(self.channel, "/run/channel")])
        self.addCleanup(self.show, guest)
        guest.start()
        program = guest.root / "usr/bin/needs-restarting"
        program.write_text(NEEDS_RESTARTING)
        program.chmod(0o755)
        shutil.copy(self.of("guest"), guest.root / "root")
        guest.run("rpm -i --nodeps /root/platen-guest-*.rpm")
        conf = guest.root / "etc/platen/platen-agent.conf"
        conf.write_text(conf.read_text() + "transport = unix\npath = /run/channel/box\n")
        return guest

    def test_a_guest_that_has_it_from_an_rpm(self):
        host = self.boot_host()
        guest = self.boot_fedora_like()
        guest.run("systemctl daemon-reload; systemctl start platen-agent")
        self.ready(host)
        self.print(guest, "from an rpm")
        wait_for(lambda: self.device.received == [b"from an rpm"], "the document at the device", 30)
        # A package of the core newer than the boot: dnf says that this wants a restart, and the agent hears it.
        self.assertEqual(guest.run("needs-restarting -r", check=False).returncode, 0)
        shutil.copy(self.rpm("glibc", "usr/share/glibc-of-the-test", "new"), guest.root / "root/glibc.rpm")
        guest.run("sleep 1; rpm -i --nodeps /root/glibc.rpm")  # dnf counts whole seconds since the boot
        p = guest.run("needs-restarting -r", check=False)
        self.assertEqual(p.returncode, 1, p.stdout + p.stderr)
        self.assertIn("glibc", p.stdout)
        guest.run("systemctl restart platen-agent")

        def reasons():
            p = host.run("platenctl --json restart box", check=False)
            return p.stdout if p.returncode == 0 else ""
        wait_for(lambda: "glibc" in reasons(), "the agent to have heard it", 60)
        self.assertIn("this system says so: glibc", json.dumps(json.loads(reasons())))
        self.no_denial(host, guest)
        # What stops it is a macro of such a distribution's systemd, which Debian's rpm does not have.
        guest.run("systemctl stop platen-agent && rpm -e --nodeps platen-guest")
        self.assertNotIn("platen:", guest.out("lpstat -v", check=False))
        for place in ("/usr/sbin/platen-agent", "/usr/lib/cups/backend/platen", "/usr/lib/systemd/system/platen-agent.service"):
            self.assertFalse((guest.root / place.lstrip("/")).exists(), place)


if __name__ == "__main__":
    unittest.main()
