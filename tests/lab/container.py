# SPDX-License-Identifier: Apache-2.0
"""A Debian 12 that is booted: systemd as process 1 in a container, the packages installed as a user would.

It shares the kernel with this machine, so there is no virtio port, no vsock and no AppArmor in it; all else of systemd is
real: units with their sandboxes, sockets, users, journal. It is up in a second, where a VM takes twenty.
"""
import ctypes
import fcntl
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

from lab import CLONE_NEWNET, SOURCE, Image, own_namespace, wait_for

PACKAGES = ("systemd,systemd-sysv,udev,dbus,passwd,cups-daemon,cups-client,libcups2,libprotobuf-c1,libinih1,"
            "libxxhash0,libnettle8,zlib1g,libsystemd0,libcupsfilters1,libcurl4,libjansson4,libseccomp2,libsqlite3-0,"
            "libvirt0,libxml2")
# A machine that people log in at. rpm: for a package of a guest of that family.
BOOTED = PACKAGES + ",libpam-systemd,login,rpm"
ENV = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive"}


def build_packages(folder, *options):
    """The packages, in `folder`; without options once for all tests of a run, in PLATEN_DEBS."""
    for tool in ("dh", "dpkg-buildpackage", "lintian", "mmdebstrap"):
        if not shutil.which(tool):
            raise unittest.SkipTest(f"{tool} is missing: apt-get install debhelper dpkg-dev fakeroot lintian mmdebstrap")
    shared = os.environ.get("PLATEN_DEBS") if not options else None
    if shared:
        with open(pathlib.Path(shared) / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (pathlib.Path(shared) / "debs").exists():
                make_packages(pathlib.Path(shared) / "new")
                (pathlib.Path(shared) / "new").rename(pathlib.Path(shared) / "debs")
        return pathlib.Path(shared) / "debs"
    return make_packages(folder, *options)


def make_packages(folder, *options):
    p = subprocess.run([SOURCE / "packaging/build-deb", *options, "-o", folder], capture_output=True, text=True)
    if p.returncode:
        raise AssertionError(f"build-deb: {p.stdout[-3000:]}{p.stderr[-3000:]}")
    return folder


class Container:
    """One booted root: the image with a layer of its own upon it."""

    def __init__(self, test, name, packages=BOOTED, kind="booted", binds=()):
        if not shutil.which("systemd-nspawn"):
            raise unittest.SkipTest("systemd-nspawn is missing: apt-get install systemd-container")
        self.name, self.process, self.pid = name, None, None
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix=f"container-{name}"))
        test.addCleanup(shutil.rmtree, self.dir, True)
        for folder in ("disk", "root"):
            (self.dir / folder).mkdir()
        # The upper folder on a file system of its own: one overlay cannot lie upon another.
        subprocess.run(["mount", "-t", "tmpfs", "tmpfs", self.dir / "disk"], check=True)
        test.addCleanup(subprocess.run, ["umount", "-l", self.dir / "disk"])
        for folder in ("upper", "work"):
            (self.dir / "disk" / folder).mkdir()
        self.root = self.dir / "root"
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o", f"lowerdir={Image(packages, kind).root},"
                        f"upperdir={self.dir}/disk/upper,workdir={self.dir}/disk/work", self.root], check=True)
        test.addCleanup(subprocess.run, ["umount", "-l", self.root])
        test.addCleanup(self.stop)
        (self.root / "etc/systemd/system/multi-user.target.wants/lab-console.service").unlink()  # of VMs
        self.binds = [f"--bind={source}:{place}" for source, place in binds]

    def start(self, timeout=60):
        log = open(self.dir / "console.log", "ab")
        self.process = subprocess.Popen(
            ["systemd-nspawn", "--quiet", "--register=no", "--keep-unit", "--private-network", "--console=pipe",
             f"--machine=platen-{self.name}-{os.getpid()}", *self.binds, "-D", self.root, "--boot"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        log.close()
        wait_for(self.is_up, f"the container {self.name} to boot", timeout)
        return self

    def is_up(self):
        if self.process.poll() is not None:
            raise unittest.SkipTest("systemd does not boot in a container here: "
                                    + (self.dir / "console.log").read_text(errors="replace")[-500:])
        self.pid = self.pid or self.init()
        return self.pid and self.run("systemctl is-system-running", check=False).stdout.strip() in ("running", "degraded")

    def init(self):
        """Process 1 in there; on the way to it nspawn has children that end."""
        for pid in subprocess.run(["pgrep", "-P", str(self.process.pid)], capture_output=True, text=True).stdout.split():
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                continue
            if "Name:\tsystemd\n" in status and re.search(r"(?m)^NSpid:.*\t1$", status):
                return int(pid)
        return None

    def stop(self):
        """Ends it as a power cut does: process 1 of the container goes, and all with it."""
        if not self.process or self.process.poll() is not None:
            return
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)
        else:
            self.process.kill()
        self.process.wait(20)
        self.process = self.pid = None

    def argv(self, *argv):
        return ["nsenter", "-t", str(self.pid), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "env", "-i",
                *[f"{k}={v}" for k, v in ENV.items()], *argv]

    def run(self, command, check=True, timeout=180):
        p = subprocess.run(self.argv("bash", "-c", command), capture_output=True, text=True, timeout=timeout)
        if check and p.returncode:
            raise AssertionError(f"in {self.name}: {command}: {p.returncode}\n{p.stdout[-3000:]}{p.stderr[-3000:]}")
        return p

    def out(self, command, **kw):
        return self.run(command, **kw).stdout.strip()

    def install(self, debs, *names):
        target = self.root / "var/cache/debs"
        target.mkdir(exist_ok=True)
        paths = []
        for name in names:
            for deb in pathlib.Path(debs).glob(f"platen-{name}_*.deb"):
                shutil.copy(deb, target)
                paths.append(f"/var/cache/debs/{deb.name}")
        return self.run("apt-get -q -y --no-install-recommends --reinstall --allow-downgrades -o Dpkg::Options::=--force-confold install "
                        + " ".join(paths))

    def prop(self, unit, name):
        return self.out(f"systemctl show -P {name} {unit}")

    def journal(self, unit, *options):
        """Its lines, as dictionaries."""
        text = self.out(f"journalctl -o json --no-pager -u {unit} " + " ".join(options))
        return [json.loads(line) for line in text.splitlines()]

    def on_network(self, make):
        """What `make` returns, made in the container's network: sockets stay where they were made."""
        made = []

        def there():
            with open(f"/proc/{self.pid}/ns/net", "rb") as ns:
                if ctypes.CDLL(None, use_errno=True).setns(ns.fileno(), CLONE_NEWNET) < 0:
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(make())
        thread = threading.Thread(target=there)
        thread.start()
        thread.join()
        return made[0]


__all__ = ["BOOTED", "Container", "PACKAGES", "build_packages", "own_namespace"]
