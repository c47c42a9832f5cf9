# SPDX-License-Identifier: Apache-2.0
"""A second libvirt host on one machine, to migrate workspaces to.

What libvirt finds below /run, /var/lib and /etc is another's in another mount namespace, and its host
is one that has a name and a UUID of its own. Programs of that host are started inside; its sockets lie
below the test's folder and are reached from outside as well.
"""
import os
import pathlib
import signal
import subprocess
import uuid

import lab as vm
from harness import Host, Sink, Spooler, vendor_ppd, wait_for


class Place:
    """A mount namespace and a host name. Processes of a Lab are started in it."""

    def __init__(self, lab, name):
        self.lab, self.name = lab, name
        self.holder = lab.start(f"{name}-place", ["unshare", "--mount", "--uts", "--propagation", "private", "sh", "-c",
                                                  f"hostname {name}; exec sleep infinity"])
        wait_for(lambda: self.run("hostname").stdout.strip() == name, "the second host's name")

    def __getattr__(self, name):
        return getattr(self.lab, name)

    def inside(self, argv):
        ns = f"/proc/{self.holder.pid}/ns"
        return ["nsenter", f"--mount={ns}/mnt", f"--uts={ns}/uts", *[str(a) for a in argv]]

    def start(self, name, argv, **kw):
        return self.lab.start(name, self.inside(argv), **kw)

    def run(self, *argv, check=False):
        return subprocess.run(self.inside(argv), capture_output=True, text=True, check=check)


class SecondLibvirt(vm.Libvirt):
    """libvirtd and virtlogd of the second host, below lab.dir/second."""

    def __init__(self, lab):
        self.outer, self.dir = lab, lab.dir / "second"
        self.lab = Place(lab, "platen-second")
        for place in vm.OVER:
            own = self.dir / place.strip("/").replace("/", "-")
            own.mkdir(parents=True)
            self.lab.run("mount", "--bind", own, place, check=True)
        (self.dir / "libvirtd.conf").write_text((lab.dir / "libvirt/libvirtd.conf").read_text() + f'host_uuid = "{uuid.uuid4()}"\n')
        (self.dir / "etc-libvirt/qemu.conf").write_text((lab.dir / "libvirt/etc-libvirt/qemu.conf").read_text())
        self.uri = f"qemu+unix:///system?socket={self.dir}/run-libvirt/libvirt-sock"
        self.virtlogd = self.lab.start("second-virtlogd", ["/usr/sbin/virtlogd", "-p", self.dir / "virtlogd.pid"])
        self.process = self.lab.start("second-libvirtd", ["/usr/sbin/libvirtd", "-p", self.dir / "libvirtd.pid",
                                                          "-f", self.dir / "libvirtd.conf"])
        wait_for(lambda: self.virsh("uri", check=False).returncode == 0, "the second libvirtd to answer", 30)
        lab.closers.append(self.kill_guests)

    def kill_guests(self):
        for pid in (self.dir / "run-libvirt/qemu").glob("*.pid"):
            try:
                os.kill(int(pid.read_text()), signal.SIGKILL)
            except (OSError, ValueError):
                pass  # it has ended


class SecondHost(Host):
    """platend of the second host, with a spooler and a device of its own."""

    def __init__(self, lab, libvirt, settings):
        self.device = Sink(lab)
        spooler = Spooler(lab, "second-host", notifier=True, env={"PLATEN_RUNDIR": lab.dir / "platend-second-run"})
        super().__init__(lab, spooler, workspaces=(), settings=settings, name="platend-second", libvirt="qemu:///system")
        self.lab = libvirt.lab

    def add_queue(self, name, uri):
        self.spooler.add_queue(name, uri, vendor_ppd(pathlib.Path(self.lab.dir) / f"second-{name}.ppd"))
