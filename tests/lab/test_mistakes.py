# SPDX-License-Identifier: Apache-2.0
"""Each mistake that one easily makes in the workspace in the first minutes is made, and doctor's line about it read.

Those of the host: test_doctor.py, test_confined.py.
"""
import unittest

from lab import wait_for
from stock import StockTest

TIMEOUT = 500
LAB_ONLY = "a container and a workspace, some minutes; tests/integration/test_ctl.py has what doctor says"


class MistakesTest(StockTest):
    def test_mistakes_in_the_workspace(self):
        host = self.host
        host.install(self.debs, "host", "tools")
        self.add_printer()
        deb, = self.debs.glob("platen-guest_*.deb")
        guest = self.boot_guest({f"root/{deb.name}": deb})
        self.assertIn("platenctl attach", self.checks("accounting")[2])
        host.run("platenctl attach accounting")
        self.told("agent", "fault", "no agent has answered", "install platen-guest")
        guest.run("dpkg -i /root/platen-guest_*.deb", timeout=120)
        self.green("accounting")
        guest.run("systemctl stop cups.service cups.socket cups.path")
        self.told("guest-spooler", "fault", "does not answer", "systemctl start cups")
        guest.run("systemctl start cups.socket cups.path cups.service")
        self.green("accounting")
        guest.run("systemctl stop platen-agent")
        self.told("agent", "fault", "was here and has gone", "systemctl start platen-agent")
        guest.run("systemctl start platen-agent")
        self.green("accounting")
        # A queue of a person's has the name.
        guest.run("systemctl stop platen-agent; lpadmin -x laser; lpadmin -p laser -E -v ipp://192.0.2.1/printers/other")
        guest.run("systemctl start platen-agent")
        self.told("queues", "fault", "0 of 1 ready", "platenctl explain")
        wait_for(lambda: "made by hand" in host.out("platenctl explain laser accounting", check=False), "explain to say why", 30)
        guest.run("lpadmin -x laser")
        self.green("accounting")
        host.run("virsh destroy accounting")
        self.told("domain", "skipped", "virsh start accounting")
        wait_for(lambda: not any(c["link"] == "agent" for c in self.checks()[1]), "nothing more to be said")


if __name__ == "__main__":
    unittest.main()
