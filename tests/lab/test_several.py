# SPDX-License-Identifier: Apache-2.0
"""Several workspaces at once: different modes, one without an agent, one whose agent is older.

The older agent is today's that knows nothing beyond version 1 of the protocol (`older-agent`, built beside the others),
not one of an earlier release: that is the same everywhere, also where the sources came without their history. PLATEN_OLDER
names the folder of another build, whose programs the workspace then has.
"""
import os
import pathlib
import unittest

import lab as vm
from harness import BUILD, wait_for

TIMEOUT = 600
LAB_ONLY = "three VMs at once; tests/integration/test_several.py has the same without them"


def older_files():
    files, folder = vm.guest_files(), os.environ.get("PLATEN_OLDER")
    if not folder:
        return files | {"usr/sbin/platen-agent": BUILD / "older-agent"}
    return {place: pathlib.Path(folder, source.name) if isinstance(source, pathlib.Path) else source for place, source in files.items()}


class SeveralTest(vm.WorkspaceCase):
    SETTINGS = "raw = yes"

    def test_modes_and_agents(self):
        young = vm.Workspace(self.lab, self.libvirt, self.image, "young")
        elder = vm.Workspace(self.lab, self.libvirt, self.image, "elder", files=older_files())
        bare = vm.Workspace(self.lab, self.libvirt, self.image, "bare", files={})
        for guest in (young, elder, bare):
            guest.start()
        for guest in (young, elder):
            guest.wait_up()
            self.ready(90, guest.name)
        vm.say("both agents are connected, their printer is there")
        # Each has the mode that it was given.
        self.assertTrue(self.host.ask("mode", workspace="elder", mode="all")["ok"])
        wait_for(lambda: sorted(elder.run("lpstat -e").split()) == ["laser", "usb"], "the local printer in mode all", 10)
        self.assertEqual(young.run("lpstat -e").split(), ["laser"])
        # The one without an agent says so, and is nobody's trouble.
        bare.wait_up()
        rows = self.rows()
        self.assertEqual({name: row["link"] == "connected" for name, row in rows.items()}, {"young": True, "elder": True, "bare": False})
        self.assertIn("is platen-agent installed and running in the workspace?", rows["bare"]["text"])
        doctor = self.host.ask("doctor", workspace="bare")["data"]["checks"]
        self.assertTrue(any("platen-agent" in str(check) for check in doctor), doctor)
        # At the same time, a document each.
        digests = {guest: self.make(guest, f"by-{guest.name}", 8 << 20) for guest in (young, elder)}
        numbers = {guest: self.submit(guest, f"by-{guest.name}") for guest in digests}
        for guest, number in numbers.items():
            self.completed(guest, number)
        self.printed(*digests.values())
        self.assertEqual(sorted(self.owners()), [("elder", "by-elder"), ("young", "by-young")])
        vm.say("both printed at once, each its own")
        # A mode that is off takes one's printers away, and no other's.
        self.assertTrue(self.host.ask("mode", workspace="young", mode="off")["ok"])
        wait_for(lambda: young.run("lpstat -e").split() == [], "the printers of mode off to go", 10)
        self.assertEqual(sorted(elder.run("lpstat -e").split()), ["laser", "usb"])
        # The older one finds a host that was restarted, and the younger one its printers.
        self.host.stop()
        self.start_host()
        self.ready(60, "elder")
        self.assertTrue(self.host.ask("mode", workspace="young", mode="network")["ok"])
        self.ready(30, "young")
        # The missing agent is installed.
        for place, source in vm.guest_files().items():
            data = source.read_bytes() if isinstance(source, pathlib.Path) else source.encode()
            bare.run(f"mkdir -p /{os.path.dirname(place)}")
            bare.put(f"/{place}", data)
            if isinstance(source, pathlib.Path) and os.access(source, os.X_OK):
                bare.run(f"chmod 755 /{place}")
        bare.run("systemctl daemon-reload; udevadm control --reload; udevadm trigger --subsystem-match=virtio-ports")
        self.ready(60, "bare")
        vm.say("the agent was installed in the one that had none: its printer is there")
        self.assertEqual({name: row["protocol"] for name, row in self.rows().items()}, {"young": 2, "elder": 1, "bare": 2})


if __name__ == "__main__":
    unittest.main()
