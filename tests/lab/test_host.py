# SPDX-License-Identifier: Apache-2.0
"""A stock host as a VM: systemd, libvirtd, cupsd and AppArmor of Debian's, and the packages installed by dpkg.

What runs is confined by unit and profile, does its work so, and goes without a trace.
"""
import re
import time
import unittest

import lab as vm
from container import build_packages
from harness import Lab, vendor_ppd, wait_for

TIMEOUT = 650
HOST_PACKAGES = ("systemd,systemd-sysv,udev,dbus,polkitd,initramfs-tools,linux-image-cloud-amd64,cups-daemon,cups-client,"
                 "libvirt-daemon-system,libvirt-clients,qemu-system-x86,libcups2,libprotobuf-c1,libinih1,libxxhash0,"
                 "libnettle8,zlib1g,libsystemd0,libjansson4,libsqlite3-0,libcurl4,libxml2,libseccomp2,libcupsfilters1,passwd,"
                 "apparmor")
# The host's printer here is a file, which is a local one.
POLICY = """[host]
mode = all
"""
# A domain with nothing in it: its channel is there all the same.
BARE = """<domain type='qemu'><name>bare</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator></devices></domain>"""


def confined(test, host, *workers, but="/nothing"):
    """Each program runs below its profile, and none was refused anything by it `but` what the test had it refused."""
    test.assertEqual(host.run("aa-enabled").strip(), "Yes")
    found = host.run("for p in $(pgrep plate); do echo $(cat /proc/$p/comm) $(tr -d '\\0' </proc/$p/attr/current); done")
    for line in ["platend platend (enforce)"] + [f"{w} {w}//&platend (enforce)" for w in workers]:
        test.assertIn(line, found)
    # libvirtd asks /proc who its client is, which its own profile refuses it; it goes on without.
    denied = [line for line in host.run("journalctl -k --no-pager | grep DENIED || true").splitlines() if 'profile="plate' in line and but not in line]
    test.assertEqual(denied, [])
    test.assertEqual(host.run("systemctl show -P NRestarts platend").strip(), "0")
    test.assertRegex(host.run("platenctl doctor || true"), r"ok +events +- +of cupsd arrive")


class HostVm(unittest.TestCase):
    """Has no tests of its own."""
    IMAGE = (HOST_PACKAGES, "host")

    def more_files(self):
        """What else is on its disk."""
        return {}

    def setUp(self):
        vm.own_namespace()
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        files = {"etc/platen/policy.d/lab.conf": POLICY, "root/vendor.ppd": vendor_ppd(self.lab.dir / "vendor.ppd"),
                 "root/bare.xml": BARE}
        for deb in build_packages(self.lab.dir / "debs").glob("platen-*.deb"):
            files[f"srv/{deb.name}"] = deb
        files |= self.more_files()
        begin = time.monotonic()
        domain = vm.DOMAIN.replace("<memory unit='MiB'>768", "<memory unit='MiB'>1024")
        self.host = vm.Workspace(self.lab, vm.Libvirt(self.lab), vm.Image(*self.IMAGE), "outer", channel=False, files=files,
                                 domain=domain, size="2600M")
        self.host.start()
        self.host.wait_up(300)
        vm.say(f"the host is up after {time.monotonic() - begin:.0f} s")
        self.addCleanup(self.show)

    def show(self):
        if any(t is self for t, _ in self._outcome.result.errors + self._outcome.result.failures):
            print(self.host.run("platenctl doctor; journalctl --no-pager -u platend -u platen-fetch | tail -40; "
                                "journalctl -k --no-pager | grep DENIED | tail", check=False)[1])


class HostTest(HostVm):
    def test_installed_used_and_purged(self):
        host = self.host
        host.run("cd /srv; dpkg -i platen-host_*.deb platen-tools_*.deb", timeout=400)
        # Where cupsd's own profile lets it write.
        host.run("echo 'FileDevice Yes' >> /etc/cups/cups-files.conf; systemctl restart cups; touch /var/spool/cups/out;"
                 "lpadmin -p laser -E -v file:///var/spool/cups/out -P /root/vendor.ppd;"
                 "lpadmin -p net -E -v ipp://127.0.0.1:631/printers/laser -P /root/vendor.ppd", timeout=120)
        wait_for(lambda: host.run("virsh list", check=False)[0] == 0, "the host's libvirtd", 90)
        host.run("virsh define /root/bare.xml; platenctl attach bare --virtio; virsh start bare", timeout=120)
        wait_for(lambda: re.search(r"ok +channel +bare +open", host.run("platenctl doctor || true")), "the domain's channel to be open", 60)
        # Over the network, by the unit that has one; of what platend itself starts none could.
        wait_for(lambda: "server" in host.run("platenctl printers | grep ^net"), "a driver of a print server", 60)
        confined(self, host, "platen-spool", "platen-virt", "platen-channel")
        # Settings are read again below the profile that the unit has.
        host.run("systemctl reload platend", timeout=90)
        wait_for(lambda: "settings read again" in host.run("journalctl -u platend --no-pager"), "the settings to be read again", 60)
        # Ending what hangs, and all of it.
        host.run("P=$(systemctl show -P MainPID platend); pkill -STOP -P $P platen-virt; systemctl restart platend", timeout=90)
        self.assertEqual(host.run("systemctl show -P Result platend").strip(), "success")
        wait_for(lambda: re.search(r"ok +libvirt", host.run("platenctl doctor || true")), "libvirt to answer", 60)
        confined(self, host, "platen-spool", "platen-virt")
        host.run("virsh destroy bare; platenctl detach bare")
        self.assertNotIn("platen", host.run("virsh dumpxml bare"))
        host.run("dpkg -P platen-host platen-tools", timeout=120)
        self.assertEqual(host.run("pgrep -a plate; getent passwd platen; getent group platen; "
                                  "ls -d /etc/platen /var/lib/platen /run/platen /run/cups/platen /etc/apparmor.d/platen "
                                  "/etc/apparmor.d/local/platen 2>/dev/null; aa-status | grep platen; true"), "")
        # cupsd writes it down when it has the time.
        wait_for(lambda: host.run("grep platen /etc/cups/subscriptions.conf", check=False)[0] == 1, "the spooler to have forgotten us", 60)
        self.assertEqual(host.run("systemctl --failed --no-legend").strip(), "")


if __name__ == "__main__":
    unittest.main()
