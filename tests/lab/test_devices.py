# SPDX-License-Identifier: Apache-2.0
"""A stock host whose workspace has both devices: vsock is preferred, and one takes over when the other is taken away from
the running workspace, with a job on its way.

It begins as test_vsock.py does; tests/integration/test_devices.py shows the same by doubles of both.
"""
import unittest
import xml.etree.ElementTree

import lab as vm
import test_vsock
from harness import wait_for
from test_host import confined

TIMEOUT = 800
LAB_ONLY = "it begins as vsock does, and takes as long once more"
SIZE = 12 << 20  # bytes: on its way while the device goes


class DevicesTest(test_vsock.Deployment):
    @test_vsock.on_emulated_kvm
    def test_one_takes_over_when_the_other_goes(self):
        self.deploy()
        self.both()
        self.vsock_goes_and_comes()
        self.by_settings()
        self.port_goes()
        confined(self, self.vm, "platen-spool", "platen-virt", "platen-channel")

    def find(self, path):
        """A device of the running domain, as libvirt has it."""
        return xml.etree.ElementTree.fromstring(self.vm.run("virsh dumpxml inner")).find(path)

    def take_away(self, path):
        device = xml.etree.ElementTree.tostring(self.find(path)).decode()
        self.vm.run(f"cat >/root/device.xml <<'EOF'\n{device}\nEOF\nvirsh detach-device inner /root/device.xml --live", timeout=120)
        # virsh returns when the guest was asked; only when it has let go another can be attached.
        wait_for(lambda: self.find(path) is None, "the device to be gone", 60)

    def both(self):
        self.vm.run("platenctl attach inner --virtio")
        self.submit("by-both")
        self.printed(2)
        self.connected("vsock", 5)
        vm.say("with both devices it prints over vsock")

    def vsock_goes_and_comes(self):
        self.submit("loses-vsock", SIZE)
        self.take_away("./devices/vsock")
        self.connected("virtio", 60)
        self.printed(3)
        vm.say("vsock was taken away: it goes on over the port")
        self.refused_by_apparmor()
        self.assertIn("in force now", self.vm.run("platenctl attach inner --vsock", timeout=120))
        self.connected("vsock", 60)
        self.assertNotIn("not to the domain as it runs", self.vm.run("platenctl doctor", check=False)[1])
        vm.say("vsock came back: it is preferred")

    def refused_by_apparmor(self):
        """libvirt's own profile for a workspace lets it have a vsock that comes while it runs only where an admin has
        allowed that, as platenctl(1) tells."""
        self.assertRegex(self.vm.run("platenctl attach inner --vsock", timeout=120), "cannot do it live .*: shut the workspace down and start it")
        told = self.vm.run("platenctl doctor", check=False)[1]
        self.assertRegex(told, "fault +vsock +inner +vsock is attached, but not to the domain as it runs: AppArmor")
        self.assertIn("/dev/vhost-vsock", self.vm.run("journalctl -k --no-pager | grep DENIED"))
        self.vm.run("echo '/dev/vhost-vsock rw,' >>/etc/apparmor.d/local/abstractions/libvirt-qemu; "
                    "apparmor_parser -r /etc/apparmor.d/libvirt/libvirt-$(virsh domuuid inner | head -n 1)")

    def by_settings(self):
        """The port alone, because somebody wants it so; and as it was."""
        self.inner("mkdir -p /etc/platen; printf '[agent]\\ntransport = virtio\\n' >/etc/platen/platen-agent.conf; systemctl restart platen-agent")
        self.connected("virtio", 60)
        self.inner("rm /etc/platen/platen-agent.conf; systemctl restart platen-agent")
        self.connected("vsock", 60)
        vm.say("the port alone by settings, and both again")

    def port_goes(self):
        self.take_away("./devices/channel/target[@name='org.platen.0']/..")
        self.submit("without-port")
        self.printed(4)
        self.connected("vsock", 5)
        vm.say("the port was taken away: vsock alone goes on")


if __name__ == "__main__":
    unittest.main()
