# SPDX-License-Identifier: Apache-2.0
"""A domain that was attached and detached is as it was: its definition and, while it ran, its devices, line by line.

The domains have nothing to boot, which libvirt does not mind: a second each.
"""
import re
import unittest

import lab as vm

TIMEOUT = 200
BARE = """<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>
<os><type arch='x86_64' machine='q35'>hvm</type></os>
<devices><emulator>/usr/bin/qemu-system-x86_64</emulator>{devices}</devices></domain>"""
AGENT = "<channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>"
# libvirt adds an empty slot when there is none left, and never takes one out.
SLOT = re.compile(r" *<controller type='pci' index='\d+' model='pcie-root-port'>.*?</controller>\n", re.S)


class AttachTest(vm.WorkspaceCase):
    maxDiff = None

    def define(self, name, devices=""):
        path = self.lab.dir / f"{name}.xml"
        path.write_text(BARE.format(name=name, devices=devices))
        self.libvirt.virsh("define", path)
        self.lab.closers.append(lambda: self.libvirt.virsh("destroy", name, check=False))

    def xml(self, name, *options):
        # libvirt keeps the empty element in which ours was, and puts controllers into an order of its own.
        return sorted(line for line in self.dump(name, *options).splitlines() if line != "  <metadata/>")

    def dump(self, name, *options):
        return SLOT.sub("", self.libvirt.virsh("dumpxml", name, *options).stdout)

    def attach_and_detach(self, name, *devices):
        for device in devices:
            answer = self.host.ask("attach", workspace=name, device=device)
            self.assertTrue(answer["ok"], answer)
        self.assertTrue(self.host.ask("mode", workspace=name, mode="all")["ok"])
        self.assertIn("platen-print", self.dump(name, "--inactive"))
        answer = self.host.ask("detach", workspace=name)
        self.assertTrue(answer["ok"], answer)

    def test_shut_off(self):
        for name, present in (("plain", ""), ("others", AGENT)):
            self.define(name, present)
            for devices in (["virtio"], ["vsock"], ["virtio", "vsock"]):
                before = self.xml(name, "--inactive")
                self.attach_and_detach(name, *devices)
                self.assertEqual(self.xml(name, "--inactive"), before, f"{name}: {devices}")

    def test_running(self):
        """Nobody is in it who would let a device go, so what is taken away live stays until the end; the definition is as
        it was at once, and so is the next start. (A guest lets its port go: test_vm.)"""
        self.define("runs", AGENT)
        self.libvirt.virsh("start", "runs")
        before = self.xml("runs", "--inactive")
        self.attach_and_detach("runs", "virtio")
        self.assertEqual(self.xml("runs", "--inactive"), before)
        self.libvirt.virsh("destroy", "runs")
        self.libvirt.virsh("start", "runs")
        live = self.dump("runs")
        self.assertNotIn("platen", re.sub(r"/\S*platen\S*", "", live))


if __name__ == "__main__":
    unittest.main()
