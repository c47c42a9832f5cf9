# SPDX-License-Identifier: Apache-2.0
"""A domain that was attached and detached is as it was: its definition and, while it ran, its devices, line by line.

The domains have nothing to boot, which libvirt does not mind: a second each.
"""
import re
import unittest

import lab as vm
from harness import wait_for

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

    def test_stored_already(self):
        """The definition has the device for the next start: it is not put there twice, and a running domain gets it now."""
        self.define("stored", AGENT)
        self.libvirt.virsh("start", "stored")
        path = self.lab.dir / "channel.xml"
        path.write_text(vm.CHANNEL)
        self.libvirt.virsh("attach-device", "stored", path, "--config")
        answer = self.host.ask("attach", workspace="stored", device="virtio")
        self.assertTrue(answer["ok"] and answer["data"]["live"], answer)
        for which in (["--inactive"], []):
            self.assertEqual(self.dump("stored", *which).count("name='org.platen.0'"), 1)

    def text_of(self, name):
        return self.rows().get(name, {"text": ""})["text"]

    def test_two_with_one_path(self):
        """A definition was copied with the channel's path in it: neither is taken for the other."""
        channel = f"<channel type='unix'><source mode='bind' path='{self.lab.dir}/one'/><target type='virtio' name='org.platen.0'/></channel>"
        for name in ("first", "second"):
            self.define(name, channel)
            self.libvirt.virsh("start", name)
        # The first may have been opened before there was a second.
        self.host.stop()
        self.start_host()
        for name, other in (("first", "second"), ("second", "first")):
            wait_for(lambda n=name, o=other: f"is {o}'s, too: give each a path of its own" in self.text_of(n),
                     f"{name} to be refused", 20)
        self.libvirt.virsh("destroy", "second")
        self.libvirt.virsh("destroy", "first")
        self.libvirt.virsh("start", "first")
        wait_for(lambda: "waiting for the agent" in self.text_of("first"), "the one that is left", 30)


if __name__ == "__main__":
    unittest.main()
