# SPDX-License-Identifier: Apache-2.0
"""The workspace's CUPS in every state: late, away, without cups-filters, restarted and killed while it prints; and a
channel that is added while it is not even up."""
import unittest

import lab as vm
from harness import wait_for

TIMEOUT = 520
LAB_ONLY = "the guest's spooler is restarted eight times in a VM: minutes"
SIZE = 24 << 20  # bytes: long enough on its way to be met there
HELD = 4
LATE = """[Service]
TimeoutStartSec=infinity
ExecStartPre=/bin/bash -c 'until [ -e /run/cups-may-start ]; do sleep 0.2; done'
"""


class SpoolerTest(vm.WorkspaceCase):
    SETTINGS = "raw = yes"

    def seen(self):
        return [p["guest"] for p in self.host.ask("printers", workspace="workspace")["data"]["printers"] if p["name"] == "laser"]

    def on_its_way(self):
        wait_for(lambda: any(j["job-state"] == HELD for j in self.spooler.jobs("not-completed")), "the job on its way", 30)

    def test_late_away_restarted_killed(self):
        files = vm.guest_files() | {"etc/systemd/system/cups.service.d/late.conf": LATE}
        guest = vm.Workspace(self.lab, self.libvirt, self.image, channel=False, files=files)
        guest.start()
        guest.wait_up()
        # The channel comes before the spooler is up; its socket takes connections that nobody answers yet.
        answer = self.host.ask("attach", workspace="workspace", device="virtio")
        self.assertTrue(answer["ok"] and answer["data"]["live"], answer)
        wait_for(lambda: guest.run("systemctl show -P ActiveState cups", check=False)[1].strip() == "activating", "CUPS to be about to start", 30)
        self.assertNotEqual(self.seen(), ["ready"])
        guest.run("touch /run/cups-may-start")
        self.ready(60)
        vm.say("the channel came first, CUPS late: the printer is there")
        self.without_filters(guest)
        self.away(guest)
        digests = []
        for name, deed in (("restarted", "systemctl restart cups"), ("killed", "pkill -KILL -x cupsd"),
                           ("agent", "systemctl restart platen-agent")):
            digests.append(self.make(guest, name, SIZE))
            # A spooler that is killed has only what it had saved.
            guest.run("systemctl kill -s HUP cups; sleep 1") if name == "killed" else None
            number = self.submit(guest, name)
            self.on_its_way()
            guest.run(deed)
            self.ready(60)
            if name == "killed" and number not in guest.run("lpstat -W all -o"):
                digests.pop()  # cupsd itself forgot the job: then nothing of it may come out
                continue
            self.completed(guest, number)
            vm.say(f"{name} in the middle of a job: printed once")
        self.printed(self.page, *digests)

    def without_filters(self, guest):
        """Nothing that renders is there, and a page is printed all the same: the host renders it."""
        self.assertNotEqual(guest.run("dpkg -s cups-filters", check=False)[0], 0)
        self.assertNotEqual(guest.run("ls /usr/lib/cups/filter/pdftopdf", check=False)[0], 0)
        self.page = self.make(guest, "page")
        self.completed(guest, self.submit(guest, "page"))
        self.printed(self.page)

    def away(self, guest):
        """The agent is up without a spooler, says so on the host, and finds it when it comes."""
        guest.run("systemctl mask --runtime cups.service cups.socket cups.path; systemctl stop cups.path cups.socket cups.service;"
                  "systemctl restart platen-agent")
        wait_for(lambda: self.seen() not in ([], ["ready"]), "the host to know that the spooler is down", 30)
        wait_for(lambda: self.rows()["workspace"]["link"] == "connected", "the agent to be connected", 30)
        guest.run("systemctl unmask --runtime cups.service cups.socket cups.path; systemctl start cups.socket cups.path cups")
        self.ready(60)
        vm.say("CUPS was away while the agent started: found when it came")


if __name__ == "__main__":
    unittest.main()
