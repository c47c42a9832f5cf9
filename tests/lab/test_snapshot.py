# SPDX-License-Identifier: Apache-2.0
"""libvirt's own snapshots of a running workspace, taken and reverted to in the middle of its jobs."""
import hashlib
import subprocess
import unittest

import lab as vm
from harness import wait_for

TIMEOUT = 500
LAB_ONLY = "three minutes; life puts a workspace back as well"
HELD = 4
SIZE = 24 << 20  # bytes: more than is on its way at once
RAW = "-o document-format=application/vnd.cups-raw"


class Kept(vm.Workspace):
    """A workspace whose disk can keep snapshots."""

    def __init__(self, lab, libvirt, image):
        super().__init__(lab, libvirt, image, domain=vm.DOMAIN.replace("type='raw'", "type='qcow2'"))
        raw = lab.dir / f"{self.name}.raw"
        disk = lab.dir / f"{self.name}.img"
        disk.rename(raw)
        subprocess.run(["qemu-img", "convert", "-O", "qcow2", str(raw), str(disk)], check=True)
        raw.unlink()

    def snapshot(self, name):
        self.libvirt.virsh("snapshot-create-as", self.name, name)
        vm.say(f"snapshot {name}")

    def revert(self, name):
        self.libvirt.virsh("snapshot-revert", self.name, name)
        self.wait_up()
        vm.say(f"reverted to {name}")


class SnapshotTest(vm.WorkspaceCase):
    SETTINGS = "keepalive-msec = 1000\nraw = yes"

    def make(self, name):
        return self.guest.run(f"head -c {SIZE} /dev/urandom >/var/tmp/{name}; sha256sum /var/tmp/{name}").split()[0]

    def submit(self, name):
        return self.guest.run(f"lp -d laser {RAW} -t {name} /var/tmp/{name}").split("request id is ")[1].split()[0]

    def is_completed(self, number):
        return number in self.guest.run("lpstat -W completed -o").split()

    def completed(self, number, seconds=120):
        wait_for(lambda: self.is_completed(number), f"{number} to be completed in the guest", seconds)

    def printed(self, *digests):
        """These documents, whole and each once, and nothing else came out so far."""
        wait_for(lambda: len(self.device.received) >= len(digests), "the documents at the device")
        self.assertEqual(sorted(hashlib.sha256(d).hexdigest() for d in self.device.received), sorted(digests))

    def stalled(self, name):
        """A job on its way that goes no further: its number, and who goes on when they are told."""
        pids = self.stall(self.host)
        number = self.submit(name)
        wait_for(lambda: [j for j in self.host.ask("jobs")["data"]["jobs"] if j["title"] == name], "the job at the host", 30)
        return number, pids

    def test_reverted_in_the_middle_of_jobs(self):
        self.guest = Kept(self.lab, self.libvirt, self.image)
        self.guest.start()
        self.guest.wait_up()
        self.ready(60)

        # One was on its way when the snapshot was taken, and has come out since.
        one = self.make("one")
        number, pids = self.stalled("one")
        self.guest.snapshot("half")
        self.go_on(pids)
        self.completed(number)
        self.printed(one)
        self.guest.revert("half")
        self.completed(number)
        self.ready(60)
        self.printed(one)
        vm.say("reverted to when it was half sent: not printed again")

        # Another is on its way when it is reverted to a state that does not know it: it never was, there.
        two = self.make("two")
        number, pids = self.stalled("two")
        self.guest.revert("half")
        self.go_on(pids)
        self.ready(60)
        self.assertNotIn("two", self.guest.run("ls /var/tmp"))
        three = self.make("three")
        number = self.submit("three")
        self.completed(number)
        self.printed(one, three)
        self.assertNotEqual(two, three)
        wait_for(lambda: not self.spooler.jobs("not-completed"), "the half to be taken away", 90)
        self.printed(one, three)
        vm.say("reverted with another half sent: that one never was, and the next has its number")


if __name__ == "__main__":
    unittest.main()
