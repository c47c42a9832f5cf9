# SPDX-License-Identifier: Apache-2.0
"""A stock Debian 12 host as a booted container, with cupsd and libvirtd of Debian's, and a guest under that libvirtd.

The guest is a real VM, emulated; the host costs two seconds instead of a VM's thirty. What is of the kernel (AppArmor,
vhost_vsock) the host shares with this machine: test_host.py has a host that is a VM.
"""
import json
import pathlib
import re
import shutil
import tempfile
import unittest

import lab as vm
from container import Container, build_packages, own_namespace
from harness import VENDOR_PPD, Lab, Sink, wait_for
from test_host import BARE, HOST_PACKAGES

STOCK = HOST_PACKAGES + ",cups,cups-filters"
# root, for the disk is in a folder of the test's; a container has no controllers to give.
QEMU_CONF = 'user = "root"\ngroup = "root"\nsecurity_driver = "none"\ncgroup_controllers = []\nremember_owner = 0\n'
# KVM may work on this machine, its device is not in the container.
EMULATED = vm.DOMAIN.replace("{kind}", "qemu").replace("{cpu}", "maximum")


class Inner:
    """The container's libvirtd, for vm.Workspace."""

    def __init__(self, host):
        self.host = host

    def virsh(self, *argv, check=True):
        return self.host.run("virsh -q " + " ".join(str(a) for a in argv), check=check)


class StockTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        own_namespace()
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="stock"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, True)
        cls.debs = build_packages(cls.dir / "debs")

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.host = Container(self, "host", packages=STOCK, kind="stock", binds=[(self.lab.dir, self.lab.dir)])
        (self.host.root / "etc/libvirt/qemu.conf").write_text(QEMU_CONF)
        (self.host.root / "root/bare.xml").write_text(BARE)
        self.addCleanup(self.show)
        self.host.start()
        wait_for(lambda: self.host.run("virsh list", check=False).returncode == 0, "the host's libvirtd", 60)

    def show(self):
        if self.host.pid and any(t is self for t, _ in self._outcome.result.errors + self._outcome.result.failures):
            print(self.host.out("platenctl printers; platenctl doctor; virsh list --all; journalctl --no-pager | tail -n 60", check=False))

    def add_printer(self):
        """A network printer, as the spooler has it."""
        self.device = self.host.on_network(lambda: Sink(self.lab))
        (self.host.root / "root/laser.ppd").write_text(VENDOR_PPD.replace("{model}", "Laser 100"), encoding="latin-1")
        self.host.run(f"lpadmin -p laser -E -v {self.device.uri} -P /root/laser.ppd")

    def boot_guest(self, files, name="accounting"):
        """A workspace without a channel and without Platen."""
        image = vm.Image()
        boot = [shutil.copy(path, self.lab.dir) for path in image.boot_files()]  # the cache is not in the container
        image.boot_files = lambda: boot
        guest = vm.Workspace(self.lab, Inner(self.host), image, name, channel=False, files=files, domain=EMULATED)
        guest.start()
        guest.wait_up()
        return guest

    def checks(self, *argv, user=None):
        """doctor's exit code and what it found."""
        command = "platenctl --json doctor " + " ".join(argv)
        p = self.host.run(f"runuser -u {user} -- {command}" if user else command, check=False)
        found = json.loads(p.stdout) if p.stdout.strip() else []
        return p.returncode, found["checks"] if isinstance(found, dict) else found, p.stderr

    def told(self, link, state, *words, argv=(), user=None):
        """Waits until doctor has a line of that link and state that says the words, in what it found or what to do."""
        last = []

        def look():
            last[:] = self.checks(*argv, user=user)[1]
            return any(c["link"] == link and c["state"] == state and all(re.search(w, c["text"] + "\n" + c["fix"]) for w in words)
                       and c["fix"] for c in last)
        try:
            wait_for(look, f"doctor to tell of {link}", 60)
        except AssertionError as e:
            raise AssertionError(f"{e}: {json.dumps(last, indent=1)}") from None

    def green(self, *argv):
        last = []

        def look():
            last[:] = self.checks(*argv)
            return last[0] == 0
        try:
            wait_for(look, "doctor to find no fault", 90)
        except AssertionError as e:
            raise AssertionError(f"{e}: {json.dumps(last, indent=1)}") from None
