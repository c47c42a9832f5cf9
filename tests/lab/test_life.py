# SPDX-License-Identifier: Apache-2.0
"""A workspace is suspended, saved, restored and put back to an earlier state, in the middle of its jobs."""
import hashlib
import shutil
import unittest

import lab as vm
from harness import wait_for

TIMEOUT = 520
HELD, COMPLETED = 4, 9
SIZE = 24 << 20  # bytes: long enough on its way to be met there
RAW = "-o document-format=application/vnd.cups-raw"


class LifeTest(vm.WorkspaceCase):
    SETTINGS = "keepalive-msec = 1000\nraw = yes"

    def link(self):
        return self.host.ask("workspaces")["data"]["workspaces"][0]["link"]

    def make(self, name):
        """A document of its own in the guest. Returns its digest."""
        return self.guest.run(f"head -c {SIZE} /dev/urandom >/var/tmp/{name}; sha256sum /var/tmp/{name}").split()[0]

    def submit(self, name, *options):
        return self.guest.run(f"lp -d laser {' '.join(options)} {RAW} -t {name} /var/tmp/{name}").split("request id is ")[1].split()[0]

    def completed(self, number, seconds=90):
        wait_for(lambda: number in self.guest.run("lpstat -W completed -o").split(), f"{number} to be completed in the guest", seconds)

    def printed(self, *digests):
        """These documents, whole and each once, and nothing else came out so far."""
        wait_for(lambda: len(self.device.received) >= len(digests), "the documents at the device")
        self.assertEqual(sorted(hashlib.sha256(d).hexdigest() for d in self.device.received), sorted(digests))

    def on_its_way(self):
        """Waits for a job that the host has begun to take."""
        wait_for(lambda: any(j["job-state"] == HELD for j in self.spooler.jobs("not-completed")), "the job on its way", 30)

    def test_suspended_saved_and_put_back(self):
        self.guest = vm.Workspace(self.lab, self.libvirt, self.image)
        self.guest.start()
        self.guest.wait_up()
        self.ready(60)

        # Suspended with a job on its way, for longer than the host waits for a sign of life.
        one = self.make("one")
        number = self.submit("one")
        self.on_its_way()
        self.libvirt.virsh("suspend", "workspace")
        wait_for(lambda: self.link() != "connected", "the host to notice", 40)
        self.libvirt.virsh("resume", "workspace")
        self.completed(number)
        self.printed(one)
        vm.say("suspended and resumed: printed once")

        # Saved with a job on its way, and restored in a QEMU of its own.
        two = self.make("two")
        number = self.submit("two")
        self.on_its_way()
        self.libvirt.virsh("managedsave", "workspace")
        wait_for(lambda: self.link() != "connected", "the host to notice", 40)
        self.guest.start()
        self.guest.wait_up()
        self.completed(number)
        self.ready(60)
        self.printed(one, two)
        vm.say("saved and restored: printed once")

        # Put back to a state in which a job was still to be printed that has been since.
        three, disk, kept = self.make("three"), self.lab.dir / "workspace.img", self.lab.dir / "kept"
        number = self.submit("three", "-H hold")
        self.libvirt.virsh("save", "workspace", kept)
        shutil.copy(disk, self.lab.dir / "kept.img")
        self.libvirt.virsh("restore", kept)
        self.guest.wait_up()
        self.guest.run(f"lp -i {number} -H resume")
        self.completed(number)
        self.printed(one, two, three)
        self.libvirt.virsh("destroy", "workspace")
        shutil.copy(self.lab.dir / "kept.img", disk)
        self.libvirt.virsh("restore", kept)
        self.guest.wait_up()
        self.assertNotIn(number, self.guest.run("lpstat -W completed -o").split())
        self.guest.run(f"lp -i {number} -H resume")
        self.completed(number)
        self.printed(one, two, three)
        vm.say("put back to before it was printed: not printed again")
        four = self.make("four")
        self.completed(self.submit("four"))
        self.printed(one, two, three, four)


if __name__ == "__main__":
    unittest.main()
