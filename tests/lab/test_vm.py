# SPDX-License-Identifier: Apache-2.0
"""A real guest under a real libvirtd: printers appear, a page is printed, also after a reboot."""
import time
import unittest

import lab as vm
from harness import pdf, wait_for

TIMEOUT = 700


class VmTest(vm.WorkspaceCase):
    def print_and_compare(self, count):
        document = pdf(3, f"document {count}")
        self.guest.put("/tmp/doc.pdf", document)
        number = self.guest.run("lp -d laser -n 2 -o sides=two-sided-long-edge -o StapleLocation=UpperLeft -t 'From the VM'"
                                " /tmp/doc.pdf").split("request id is ")[1].split()[0]
        wait_for(lambda: number in self.guest.run("lpstat -W completed -o"), f"{number} to be completed in the guest", 60)
        job = self.spooler.jobs()[-1]
        self.assertEqual(len(self.spooler.jobs()), count)
        self.assertEqual((job["job-state"], job["job-name"], job["copies"]), (9, "From the VM", 2))
        self.assertEqual(job["StapleLocation"], "UpperLeft")
        self.assertEqual(job["job-originating-user-name"], "workspace")
        self.assertEqual(job["platen-guest-user"], "root")
        wait_for(lambda: len(self.device.received) == count, "the document at the device")

    def what_the_boot_shows(self):
        """Said, but for one thing: no unit of the boot waits for the agent."""
        wait_for(lambda: self.guest.run("systemctl is-system-running", check=False)[1].strip() in ("running", "degraded"), "the boot's end", 90)
        self.assertNotIn("platen", self.guest.run("systemd-analyze critical-chain multi-user.target"))
        total = self.guest.run("systemd-analyze time").splitlines()[0]
        show = dict(line.split("=") for line in self.guest.run(
            "systemctl show -p CPUUsageNSec -p InactiveExitTimestampMonotonic -p ActiveEnterTimestampMonotonic platen-agent").splitlines())
        took = (int(show["ActiveEnterTimestampMonotonic"]) - int(show["InactiveExitTimestampMonotonic"])) / 1000
        vm.say(f"{total}; the agent, beside it: {int(show['CPUUsageNSec']) / 1e6:.0f} ms of processor, ready {took:.0f} ms after its start")

    def test_attach_to_a_running_workspace(self):
        self.guest = vm.Workspace(self.lab, self.libvirt, self.image, channel=False)
        self.guest.start()
        self.guest.wait_up()
        # Without a port nobody has started the agent; udev does when it appears.
        self.assertEqual(self.guest.run("systemctl is-active platen-agent", check=False)[1].strip(), "inactive")
        self.assertEqual(self.host.ask("workspaces")["data"]["workspaces"], [])
        self.assertIn("platenctl attach", self.host.ask("explain", printer="laser", workspace="workspace")["hint"])
        answer = self.host.ask("attach", workspace="workspace", device="virtio")
        self.assertTrue(answer["ok"] and answer["data"]["live"], answer)
        self.ready(30)
        self.print_and_compare(1)
        answer = self.host.ask("detach", workspace="workspace")
        self.assertTrue(answer["ok"] and answer["data"]["live"], answer)
        for which in (["--inactive"], []):
            xml = self.libvirt.virsh("dumpxml", *which, "workspace").stdout
            self.assertNotIn("org.platen.0", xml)
            self.assertNotIn("platen-print", xml)
        wait_for(lambda: self.host.ask("workspaces")["data"]["workspaces"] == [], "the workspace to be none", 30)

    def test_print_reboot_print(self):
        self.guest = vm.Workspace(self.lab, self.libvirt, self.image)
        begin = time.monotonic()
        self.guest.start()
        self.guest.wait_up()
        vm.say(f"the guest answers after {time.monotonic() - begin:.0f} s")
        self.ready(60)
        vm.say(f"the printer is there after {time.monotonic() - begin:.0f} s")
        self.what_the_boot_shows()
        self.assertNotIn("usb", self.guest.run("lpstat -e"))
        self.print_and_compare(1)
        # The mode lives in the domain's metadata, and is toggled live.
        self.assertTrue(self.host.ask("mode", workspace="workspace", mode="all")["ok"])
        self.assertIn('mode="all"', self.libvirt.virsh("dumpxml", "workspace").stdout.replace("'", '"'))
        wait_for(lambda: "usb" in self.guest.run("lpstat -e"), "the local printer in mode all", 30)
        self.libvirt.virsh("metadata", "workspace", "https://platen-print.org/xmlns/workspace/1")
        # libvirtd goes and comes: the session does not notice, and the domain is found again.
        self.lab.stop(self.libvirt.process)
        self.print_and_compare(2)
        self.libvirt.start()
        # The guest's own reboot.
        begin = time.monotonic()
        self.libvirt.virsh("reboot", "workspace")
        wait_for(lambda: self.host.ask("workspaces")["data"]["workspaces"][0]["link"] != "connected", "the guest to go down", 60)
        self.guest.wait_up()
        self.ready(60)
        vm.say(f"rebooted, and the printer is there, after {time.monotonic() - begin:.0f} s")
        self.print_and_compare(3)
        doctor = self.host.ask("doctor", workspace="workspace")["data"]["checks"]
        self.assertEqual([c for c in doctor if c["state"] == "fault"], [])


if __name__ == "__main__":
    unittest.main()
