# SPDX-License-Identifier: Apache-2.0
"""The Debian packages, in a Debian 12 of their own: what they bring, and what they leave.

The root is a folder of the lab's cache with an overlay for each test, so nothing of this machine is
touched. No service starts there: a root without an init has none; the units are looked at by
systemd-analyze, and at work in test_units.py.
"""
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from container import PACKAGES, build_packages
from lab import SOURCE, Image, own_namespace, say, wait_for

TIMEOUT = 600
# What dpkg, ld.so and systemd note down about any package.
NOTES = re.compile(r"^(var/(lib/dpkg|lib/apt|cache|log)/|etc/ld\.so\.cache|etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$"
                   r"|etc/\.pwd\.lock|var/lib/systemd/deb-systemd-helper|debs|tmp/|proc|dev|sys)")
# Exposure of `systemd-analyze security`, times ten: below 2.0.
SCORES = {"platend.service": 19, "platen-fetch.service": 19, "platen-agent.service": 19}
FILES = {
    "usr/sbin/platend": 0o755, "usr/bin/platenctl": 0o755, "usr/sbin/platen-agent": 0o755,
    "usr/lib/cups/backend/platen": 0o755, "usr/lib/cups/notifier/platen": 0o755,
    "usr/libexec/platen/platen-channel": 0o755, "usr/libexec/platen/platen-queues": 0o755,
    "etc/platen/platen.conf": 0o644, "etc/platen/platen-agent.conf": 0o644,
    "lib/systemd/system/platend.service": 0o644, "lib/systemd/system/platend.socket": 0o644,
    "lib/systemd/system/platen-fetch.service": 0o644, "usr/lib/tmpfiles.d/platen-host.conf": 0o644,
    "lib/systemd/system/platen-agent.service": 0o644, "etc/init.d/platen-agent": 0o755, "etc/apparmor.d/platen": 0o644,
    "usr/lib/systemd/catalog/platen-host.catalog": 0o644, "usr/lib/systemd/catalog/platen-guest.catalog": 0o644,
    "lib/udev/rules.d/60-platen-guest.rules": 0o644, "usr/share/bash-completion/completions/platenctl": 0o644,
    "usr/share/zsh/vendor-completions/_platenctl": 0o644,
}


class Packages(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        own_namespace()
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="packages"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, True)
        cls.debs = build_packages(cls.dir / "debs", "--lintian")
        cls.image = Image(PACKAGES, "packages")

    def setUp(self):
        base = pathlib.Path(tempfile.mkdtemp(dir=self.dir))
        for name in ("disk", "root"):
            (base / name).mkdir()
        # The upper folder on a file system of its own: one overlay cannot lie upon another.
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", base / "disk"], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", base / "disk"])
        for name in ("upper", "work"):
            (base / "disk" / name).mkdir()
        self.root = base / "root"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={self.image.root},upperdir={base}/disk/upper,workdir={base}/disk/work", self.root], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.root])
        (self.root / "debs").mkdir()
        for deb in self.debs.glob("*.deb"):
            shutil.copy(deb, self.root / "debs")

    def run_in(self, *argv, check=True):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}
        p = subprocess.run(["chroot", self.root, *argv], env=env, capture_output=True, text=True, timeout=180)
        if check and p.returncode:
            raise AssertionError(f"{' '.join(argv)}: {p.stdout[-2000:]}{p.stderr[-2000:]}")
        return p

    def apt(self, *argv):
        return self.run_in("apt-get", "-q", "-y", "--no-install-recommends", *argv)

    def install(self, *names):
        self.apt("install", *[f"/debs/{p.name}" for n in names for p in self.debs.glob(f"platen-{n}_*.deb")])

    def listing(self):
        found = set()
        for folder, folders, files in os.walk(self.root):
            for name in folders + files:
                path = os.path.relpath(os.path.join(folder, name), self.root)
                if not NOTES.match(path):
                    found.add(path)
        return found

    def test_install_and_purge_leave_nothing(self):
        before, users = self.listing(), (self.root / "etc/passwd").read_text()
        groups = (self.root / "etc/group").read_text()
        self.install("host", "guest", "tools")
        for path, mode in FILES.items():
            with self.subTest(path):
                self.assertEqual((self.root / path).stat().st_mode & 0o7777, mode)
        self.assertRegex((self.root / "etc/passwd").read_text(), r"(?m)^platen:.*nologin$")
        self.run_in("platend", "--check")
        for program in ("platenctl", "platend", "platen-agent"):
            self.run_in(program, "--version")
        (self.root / "var/lib/platen/drivers").mkdir(parents=True)
        (self.root / "var/lib/platen-agent").mkdir()
        self.apt("purge", "platen-host", "platen-guest", "platen-tools")
        self.assertEqual(self.listing() - before, set())
        self.assertEqual(before - self.listing(), set())
        self.assertEqual((self.root / "etc/passwd").read_text(), users)
        self.assertEqual((self.root / "etc/group").read_text(), groups)

    def test_settings_and_state_outlive_an_upgrade(self):
        self.install("host", "tools")
        conf, state = self.root / "etc/platen/platen.conf", self.root / "var/lib/platen/ledger.db"
        conf.write_text(conf.read_text() + "\n# of the admin\n")
        state.parent.mkdir(exist_ok=True)
        state.write_text("a ledger")
        self.apt("install", "--reinstall", *[f"/debs/{p.name}" for p in self.debs.glob("platen-host_*.deb")])
        self.assertIn("# of the admin", conf.read_text())
        self.assertEqual(state.read_text(), "a ledger")
        self.apt("remove", "platen-host")
        self.assertTrue(conf.exists() and state.exists())

    def test_the_guest_stands_alone(self):
        self.install("guest")
        for program in ("usr/sbin/platen-agent", "usr/lib/cups/backend/platen", "usr/libexec/platen/platen-queues"):
            libraries = self.run_in("ldd", f"/{program}").stdout
            self.assertNotIn("libvirt", libraries)
            self.assertNotIn("not found", libraries)
        self.assertFalse((self.root / "usr/sbin/platend").exists())

    def processes(self, name):
        """Of those in the root, by the beginning of their name."""
        found = []
        for folder in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(folder / "root") == str(self.root) and (folder / "comm").read_text().startswith(name):
                    found.append(int(folder.name))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue
        return found

    def test_the_agent_without_systemd(self):
        """Below an init that runs scripts: it starts, waits for its channel, answers for its state, and ends."""
        self.install("guest")
        conf = self.root / "etc/platen/platen-agent.conf"
        conf.write_text(conf.read_text() + "transport = virtio\n")
        script = "/etc/init.d/platen-agent"
        subprocess.run(["mount", "-t", "proc", "proc", self.root / "proc"], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", self.root / "proc"])
        self.addCleanup(self.run_in, script, "stop", check=False)
        self.assertEqual(self.run_in(script, "status", check=False).returncode, 3)
        self.run_in(script, "start")
        log = self.root / "var/log/platen-agent.log"
        wait_for(lambda: log.exists() and "no channel to the host yet" in log.read_text(), "the agent to wait for its channel")
        self.run_in(script, "status")
        pid = (self.root / "run/platen-agent.pid").read_text().strip()
        self.run_in(script, "restart")
        self.assertNotEqual((self.root / "run/platen-agent.pid").read_text().strip(), pid)
        self.run_in(script, "stop")
        self.assertEqual(self.run_in(script, "status", check=False).returncode, 3)
        wait_for(lambda: not self.processes("platen-"), "the agent and its worker to have ended")
        for _ in range(10):  # whoever stops it at once stops it
            self.run_in("sh", "-c", f"{script} start && {script} stop")
            self.assertEqual(self.processes("platen-agent"), [])
        self.assertEqual(len([p for p in os.listdir(self.root / "etc/rc2.d") if p.endswith("platen-agent")]), 1)

    def test_units(self):
        self.install("host", "guest", "tools")
        for unit, most in SCORES.items():
            with self.subTest(unit):
                p = self.run_in("systemd-analyze", "verify", "--man=no", f"/lib/systemd/system/{unit}", check=False)
                self.assertEqual([line for line in p.stderr.splitlines() if "platen" in line], [])
                p = subprocess.run(["systemd-analyze", "security", "--offline=yes", f"--root={self.root}",
                                    f"--threshold={most}", unit], capture_output=True, text=True)
                say(p.stdout.strip().splitlines()[-1])
                self.assertEqual(p.returncode, 0, p.stdout + p.stderr)

    def test_the_same_sources_make_the_same_packages(self):
        again = self.dir / "again"
        subprocess.run([SOURCE / "packaging/build-deb", "-o", again], check=True, capture_output=True)
        for deb in self.debs.glob("*.deb"):
            self.assertEqual(deb.read_bytes(), (again / deb.name).read_bytes(), deb.name)


if __name__ == "__main__":
    unittest.main()
