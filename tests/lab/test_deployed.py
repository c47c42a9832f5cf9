# SPDX-License-Identifier: Apache-2.0
"""A stock host in use, its workspace with both devices: every service is restarted in turn; then the whole host, which
starts its workspace by itself, with jobs that wait in both spoolers.

It begins as test_vsock.py does. That it cannot be done without a host VM is plain for its reboot.
"""
import unittest

import lab as vm
import test_vsock
from harness import wait_for
from test_host import confined

TIMEOUT = 900
LAB_ONLY = "three boots of a workspace under emulated KVM; vsock has the first of them"


class DeployedTest(test_vsock.Deployment):
    @test_vsock.on_emulated_kvm
    def test_services_and_the_whole_host(self):
        self.deploy()
        self.vm.run("platenctl attach inner --virtio")
        self.services()
        self.whole_host()
        confined(self, self.vm, "platen-spool", "platen-virt", "platen-channel")

    def services(self):
        """Every service in turn, without a look at the others."""
        for unit in ("cups", "libvirtd", "virtlogd", "systemd-journald", "platen-fetch", "platend"):
            self.vm.run(f"systemctl restart {unit}", timeout=120)
            self.connected("vsock", 60)
            vm.say(f"{unit} was restarted on the host")
        for unit in ("cups", "systemd-udevd", "platen-agent"):
            self.inner(f"systemctl restart {unit}")
            self.connected("vsock", 60)
            vm.say(f"{unit} was restarted in the workspace")
        self.submit("after-services")
        self.printed(2)

    def whole_host(self):
        """The host goes down with a job in its spooler and one in the workspace's, and comes back with all of it."""
        self.vm.run("virsh autostart inner; cupsdisable laser")
        # Its twin in the workspace is stopped as well; somebody there has it go on.
        wait_for(lambda: "disabled" in self.inner("lpstat -p laser"), "the pause in the workspace", 30)
        self.inner("cupsenable laser")
        self.submit("waits-on-the-host")
        wait_for(lambda: "laser" in self.vm.run("lpstat -o"), "the job to be on the host", 30)
        self.vm.run("systemctl stop platend.socket platend")
        self.submit("waits-in-the-workspace")
        boot = self.vm.run("cat /proc/sys/kernel/random/boot_id")
        self.vm.run("systemctl reboot", check=False)
        wait_for(lambda: self.other_boot(boot), "the host to be up again", 300)
        vm.say("the host is up again")
        wait_for(lambda: "running" in self.vm.run("virsh domstate inner", check=False)[1], "the workspace to be started by libvirtd", 150)
        self.began()
        self.connected("vsock", 250)
        self.vm.run("cupsenable laser")
        self.printed(5, 120)  # with the page that is printed at each boot
        vm.say("the host was rebooted: printers are there, and what waited was printed once")

    def other_boot(self, boot):
        try:
            return self.vm.run("cat /proc/sys/kernel/random/boot_id", timeout=5) != boot
        except OSError:
            return False


if __name__ == "__main__":
    unittest.main()
