# SPDX-License-Identifier: Apache-2.0
"""A workspace is copied as virt-clone does it, with a job that waits on its disk: the copy is a workspace of its own.

tests/integration/test_clone.py has the same without VMs, with more of what may be on the disk.
"""
import unittest

import lab as vm
from harness import wait_for

TIMEOUT = 600
LAB_ONLY = "three boots of a VM; tests/integration/test_clone.py shows the rules without one"


class CloneTest(vm.WorkspaceCase):
    SETTINGS = "raw = yes"

    def test_a_copy_is_a_workspace_of_its_own(self):
        box = vm.Workspace(self.lab, self.libvirt, self.image, "box")
        box.start()
        box.wait_up()
        self.ready(60, "box")
        self.assertTrue(self.host.ask("mode", workspace="box", mode="all")["ok"])
        wait_for(lambda: "usb" in box.run("lpstat -e"), "the local printer in mode all", 10)
        first = self.make(box, "first")
        self.completed(box, self.submit(box, "first"))
        # One is queued while the host is away. Then it is shut off, and copied.
        self.host.stop()
        waits = self.make(box, "waits")
        number = self.submit(box, "waits")
        box.run("systemctl stop cups.socket cups.path cups; sync")  # it saves its queues at its end
        self.libvirt.virsh("destroy", "box")
        copy = box.copy("copy")
        vm.say("copied")
        # The copy is the first that meets the host.
        self.start_host()
        copy.start()
        copy.wait_up()
        self.ready(60, "copy")
        wait_for(lambda: "copy of" in copy.run("lpstat -l -W not-completed -o; journalctl -u platen-agent -o cat --no-pager"),
                 "the copy to say what it is", 30)
        wait_for(lambda: number in copy.run("lpstat -W not-completed -o"), "the other's job to be held", 10)
        self.assertEqual(self.owners(), [("box", "first")])
        vm.say("the copy has its printers, and holds the other's job")
        box.start()
        box.wait_up()
        self.ready(60, "box")
        self.completed(box, number)
        self.printed(first, waits)
        self.assertEqual(self.owners(), [("box", "first"), ("box", "waits")])
        vm.say("the first one printed it, once")
        self.two_workspaces(box, copy, [first, waits])
        # A person there wants it, too.
        copy.run(f"lp -i {number} -H resume")
        self.completed(copy, number)
        self.assertEqual(self.owners()[-1], ("copy", "waits"))

    def two_workspaces(self, box, copy, before):
        rows = self.rows()
        self.assertEqual({n: (r["link"], r["mode"]) for n, r in rows.items()}, {n: ("connected", "all") for n in ("box", "copy")})
        paths = {name: self.libvirt.virsh("dumpxml", name).stdout.split("<target type='virtio' name='org.platen.0'")[0]
                 .rsplit("path='", 1)[1].split("'")[0] for name in rows}
        self.assertNotEqual(paths["box"], paths["copy"])
        for guest in (box, copy):
            self.assertEqual(sorted(guest.run("lpstat -e").split()), ["laser", "usb"])
        # The mode followed with the metadata, and is each one's own from here.
        self.assertTrue(self.host.ask("mode", workspace="copy", mode="network")["ok"])
        wait_for(lambda: copy.run("lpstat -e").split() == ["laser"], "the local printer to go", 10)
        self.assertEqual(sorted(box.run("lpstat -e").split()), ["laser", "usb"])
        # At the same time, under the same numbers.
        digests = {guest: self.make(guest, f"by-{guest.name}") for guest in (box, copy)}
        numbers = {guest: self.submit(guest, f"by-{guest.name}") for guest in (box, copy)}
        self.assertEqual(len(set(numbers.values())), 1)
        for guest, number in numbers.items():
            self.completed(guest, number)
        self.printed(*before, *digests.values())
        self.assertEqual(sorted(self.owners()[2:]), [("box", "by-box"), ("copy", "by-copy")])
        vm.say("both printed at once, each its own")


if __name__ == "__main__":
    unittest.main()
