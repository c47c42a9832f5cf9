# SPDX-License-Identifier: Apache-2.0
"""A stock host in use: its workspace has both devices and loses one after the other with a job on its way; every service
is restarted in turn; then the whole host, which starts its workspace by itself, with jobs that wait in both spoolers.

It begins as test_vsock.py does. That it cannot be done without a host VM is plain for its reboot; vsock and KVM are there
only in it.
"""
import unittest
import xml.etree.ElementTree

import lab as vm
import test_vsock
from harness import wait_for
from test_host import confined

TIMEOUT = 1200
LAB_ONLY = "three boots of a workspace under emulated KVM; vsock has the first of them"
VSOCK = "<vsock model='virtio'><cid auto='yes'/></vsock>"


class DeployedTest(test_vsock.Deployment):
    def test_devices_services_and_the_whole_host(self):
        self.deploy()
        self.both_devices()
        self.services()
        self.whole_host()
        confined(self, self.vm, "platen-spool", "platen-virt", "platen-channel")

    def take_away(self, path):
        """A device of the running domain, as libvirt has it."""
        element = xml.etree.ElementTree.fromstring(self.vm.run("virsh dumpxml inner")).find(path)
        self.vm.run(f"cat >/root/device.xml <<'EOF'\n{xml.etree.ElementTree.tostring(element).decode()}\nEOF\n"
                    "virsh detach-device inner /root/device.xml --live")
        # virsh returns when the guest was asked; only when it has let go another can be attached.
        wait_for(lambda: xml.etree.ElementTree.fromstring(self.vm.run("virsh dumpxml inner")).find(path) is None,
                 "the device to be gone", 60)

    def both_devices(self):
        """vsock is preferred; each takes over when the other goes, in the middle of a job."""
        self.vm.run("platenctl attach inner --virtio")
        self.submit("by-both")
        self.printed(2)
        self.connected("vsock", 5)
        self.submit("loses-vsock", 12 << 20)
        self.take_away("./devices/vsock")
        self.connected("virtio", 60)
        self.printed(3)
        vm.say("vsock was taken away: it goes on over the port")
        # Back again, it is used by the next session.
        self.vm.run(f"echo \"{VSOCK}\" >/root/device.xml && virsh attach-device inner /root/device.xml --live && systemctl restart platend",
                    timeout=120)
        self.connected("vsock", 60)
        vm.say("vsock came back: it is preferred")
        self.inner("mkdir -p /etc/platen; printf '[agent]\\ntransport = virtio\\n' >/etc/platen/platen-agent.conf; systemctl restart platen-agent")
        self.connected("virtio", 30)
        self.inner("rm /etc/platen/platen-agent.conf; systemctl restart platen-agent")
        self.connected("vsock", 30)
        self.take_away("./devices/channel/target[@name='org.platen.0']/..")
        self.submit("without-port")
        self.printed(4)
        self.connected("vsock", 5)
        vm.say("the port was taken away: vsock alone goes on")

    def services(self):
        """Every service in turn, without a look at the others."""
        for unit in ("cups", "libvirtd", "virtlogd", "systemd-journald", "platen-fetch", "platend"):
            self.vm.run(f"systemctl restart {unit}", timeout=120)
            self.connected("vsock", 60)
        for unit in ("cups", "systemd-udevd", "platen-agent"):
            self.inner(f"systemctl restart {unit}")
            self.connected("vsock", 60)
        self.submit("after-services")
        self.printed(5)
        vm.say("every service was restarted in turn")

    def whole_host(self):
        """The host goes down with a job in its spooler and one in the workspace's, and comes back with all of it."""
        self.vm.run("virsh autostart inner; cupsdisable laser")
        self.submit("waits-on-the-host")
        wait_for(lambda: "laser" in self.vm.run("lpstat -o"), "the job to be on the host", 30)
        self.vm.run("systemctl stop platend.socket platend")
        self.submit("waits-in-the-workspace")
        boot = self.vm.run("cat /proc/sys/kernel/random/boot_id")
        self.vm.run("systemctl reboot", check=False)
        wait_for(lambda: self.other_boot(boot), "the host to be up again", 300)
        vm.say("the host is up again")
        self.connected("vsock", 250)
        self.vm.run("cupsenable laser")
        self.printed(8, 120)  # with the page that is printed at each boot
        vm.say("the host was rebooted: printers are there, and what waited was printed once")

    def other_boot(self, boot):
        try:
            return self.vm.run("cat /proc/sys/kernel/random/boot_id", timeout=5) != boot
        except OSError:
            return False


if __name__ == "__main__":
    unittest.main()
