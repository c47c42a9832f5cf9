# SPDX-License-Identifier: Apache-2.0
"""What libvirt tells too early, and what it cannot do live.

FAKE: the domains are of libvirt's own test driver; libvirt-by-hand.c keeps its events back, and refuses devices as
AppArmor does. Real ones: tests/lab/test_migrate.py, test_devices.py.
"""
import os
import shutil
import socket
import unittest
import uuid

from harness import BUILD, Host, Lab, Spooler, wait_for

NODE = """<node>
  <domain type='test'><name>box</name><uuid>{uuid}</uuid><memory>65536</memory><os><type>hvm</type></os>
    <devices>{devices}</devices>{label}</domain>
</node>
"""
PORT = "<controller type='virtio-serial'/><channel type='unix'><source path='/nonexistent'/><target type='virtio' name='org.platen.0'/></channel>"
VSOCK = "<vsock model='virtio'><cid auto='no' address='7'/></vsock>"
CONFINED = "<seclabel type='dynamic' model='apparmor' relabel='yes'/>"


class LibvirtTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.spooler = Spooler(self.lab, "host")
        shutil.copy(BUILD / "libvirt-by-hand", self.lab.programs / "platen-virt")

    def make_host(self, devices="", label="", settings=""):
        node = self.lab.dir / "node.xml"
        node.write_text(NODE.format(uuid=uuid.uuid4(), devices=devices, label=label))
        self.orders = self.lab.dir / "node.xml.orders"
        os.mkfifo(self.orders)
        self.orders.chmod(0o666)
        self.host = Host(self.lab, self.spooler, workspaces=(), settings=settings, libvirt=f"test://{node}").start()
        wait_for(lambda: "libvirt answers" in self.lab.log("platend"), "libvirt")

    def order(self, line):
        self.orders.write_text(line + "\n")

    def states(self):
        return {row["name"]: row["state"] for row in self.host.ask("workspaces")["data"]["workspaces"]}

    def looks(self):
        return self.lab.log("platend").count("looked at all")

    def checks(self, link):
        return [c for c in self.host.ask("doctor")["data"]["checks"] if c["link"] == link]

    # -- a domain that went to another host

    def migrated(self):
        """The source of a migration: told that it has stopped, it is still there when it is looked at."""
        self.make_host(PORT)
        wait_for(lambda: self.states() == {"box": "running"}, "the domain")
        self.assertEqual(self.looks(), 1)
        self.order("migrated box")
        wait_for(lambda: self.states() == {"box": "shut-off"}, "the domain to be shut off", 10)

    def is_gone(self, seconds):
        wait_for(lambda: "undefined box" in self.lab.log("platend"), "the domain to be undefined", 5)
        wait_for(lambda: self.states() == {}, "the workspace to be gone", seconds)

    def test_undefined_after_the_event(self):
        self.migrated()
        self.order("undefine box")
        self.is_gone(20)
        self.assertIn(self.looks(), (2, 3))  # 3: it took the machine more than the second that it is waited for

    def test_undefined_late(self):
        """On a busy host later than a second: it is looked for once more, and then no more."""
        self.migrated()
        wait_for(lambda: self.looks() == 2, "the first look", 5)
        self.order("undefine box")
        self.is_gone(20)
        self.assertEqual(self.looks(), 3)

    # -- the port for vsock

    def test_a_vsock_port_that_is_not_to_be_had_yet(self):
        """Another program's, as here, or kept from platend by a security module: said once, and tried until it is."""
        try:
            other = socket.socket(socket.AF_VSOCK)
        except OSError as fault:
            self.skipTest(f"this kernel has no vsock: {fault}")
        self.addCleanup(other.close)
        other.bind((socket.VMADDR_CID_ANY, socket.VMADDR_PORT_ANY))
        other.listen(1)
        port = other.getsockname()[1]
        self.make_host(PORT + VSOCK, settings=f"vsock-port = {port}")
        wait_for(lambda: self.states() == {"box": "running"}, "the domain")
        line, = self.checks("vsock")
        self.assertEqual((line["state"], line["text"]), ("fault", "platend does not listen for vsock: Address already in use"))
        self.assertIn("ss -l --vsock", line["fix"])
        other.close()
        wait_for(lambda: self.checks("vsock") == [], "platend to listen", 30)
        log = self.lab.log("platend")
        self.assertEqual((log.count("vsock is not available here"), log.count(f"vsock is available now, at port {port}")), (1, 1))
        another = socket.socket(socket.AF_VSOCK)
        self.addCleanup(another.close)
        self.assertRaises(OSError, another.bind, (socket.VMADDR_CID_ANY, port))

    # -- a device that comes with the next start

    def attached(self, device):
        answer = self.host.ask("attach", workspace="box", device=device)
        self.assertTrue(answer["ok"], answer)
        self.assertFalse(answer["data"]["live"])
        self.assertIn("shut the workspace down and start it", answer["data"]["text"])

    def test_vsock_refused_below_apparmor(self):
        self.make_host(label=CONFINED)
        self.assertEqual(self.states(), {})
        self.attached("vsock")
        self.assertEqual(self.states(), {"box": "running"})
        line, = [c for c in self.checks("vsock") if "next start" in c["fix"]]
        self.assertEqual((line["workspace"], line["state"]), ("box", "fault"))
        self.assertIn("AppArmor", line["text"])
        for words in ("/dev/vhost-vsock rw,", "/etc/apparmor.d/local/abstractions/libvirt-qemu", "`virsh start box`"):
            self.assertIn(words, line["fix"])
        self.assertEqual(self.checks("channel"), [])  # told once
        self.assertEqual(self.host.ask("doctor")["data"]["vsock"], ["box"])
        # What the line says.
        self.order("migrated box")
        wait_for(lambda: self.states() == {"box": "shut-off"}, "the domain to be shut off", 10)
        self.order("start box")
        wait_for(lambda: self.states() == {"box": "running"}, "the domain to run", 10)
        self.assertEqual([c for c in self.checks("vsock") if "next start" in c["fix"]], [])

    def test_vsock_refused_beside_a_port(self):
        """The port goes on, and the line does not say AppArmor where none confines the domain."""
        self.make_host(PORT)
        self.attached("vsock")
        line, = [c for c in self.checks("vsock") if "next start" in c["fix"]]
        self.assertNotIn("AppArmor", line["text"] + line["fix"])
        self.assertNotIn("apparmor", line["fix"])
        self.assertEqual([c["text"] for c in self.checks("domain")], ["running"])

    def test_port_refused(self):
        self.make_host(label=CONFINED)
        self.attached("virtio")
        line, = self.checks("channel")
        self.assertIn("next start", line["fix"])
        self.assertNotIn("AppArmor", line["text"] + line["fix"])
        self.assertEqual(self.host.ask("workspaces")["data"]["workspaces"][0]["link"], "no-channel")

    # -- a device that stays until the next start

    def test_port_not_taken(self):
        self.make_host(PORT)
        wait_for(lambda: self.states() == {"box": "running"}, "the domain")
        answer = self.host.ask("detach", workspace="box")
        self.assertTrue(answer["ok"], answer)
        self.assertFalse(answer["data"]["live"])
        self.assertIn("shut the workspace down and start it; a reboot does not", answer["data"]["text"])


if __name__ == "__main__":
    unittest.main()
