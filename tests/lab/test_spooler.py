# SPDX-License-Identifier: Apache-2.0
"""The workspace's CUPS in every state: late, away, without cups-filters, restarted and killed while it prints; and a
channel that is added while it is not even up."""
import unittest

import lab as vm
from harness import wait_for

TIMEOUT = 520
LAB_ONLY = "the guest's spooler is restarted eleven times in a VM: minutes"
SIZE = 24 << 20  # bytes: long enough on its way to be met there
HELD, PROCESSING = 4, 5
LATE = """[Service]
TimeoutStartSec=infinity
ExecStartPre=/bin/bash -c 'until [ -e /run/cups-may-start ]; do sleep 0.2; done'
"""


class SpoolerTest(vm.WorkspaceCase):
    SETTINGS = "raw = yes"

    def seen(self):
        return [p["guest"] for p in self.host.ask("printers", workspace="workspace")["data"]["printers"] if p["name"] == "laser"]

    def on_its_way(self):
        return any(j["job-state"] == HELD for j in self.spooler.jobs("not-completed"))

    def half_there(self):
        """The host's spooler has a part of the job, and gets no more: once it has all of it, it prints it whatever the
        workspace does. Returns what is to go on."""
        wait_for(self.on_its_way, "the job on its way", 30)
        pids = self.stall(self.host)
        self.assertTrue(pids and self.on_its_way(), "the whole job was there before the host could be made to stand still")
        return pids

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
        digests = [self.killed_with_the_job_saved(guest)]
        for name, deed in (("restarted", "systemctl restart cups"), ("killed", "pkill -KILL -x cupsd"),
                           ("agent", "systemctl restart platen-agent")):
            digests.append(self.make(guest, name, SIZE))
            # A spooler that is killed has only what it had saved.
            guest.run("systemctl kill -s HUP cups; sleep 1") if name == "killed" else None
            number = self.submit(guest, name)
            pids = self.half_there()
            guest.run(deed)
            self.go_on(pids)
            if name == "killed" and not self.knows(guest, number):
                self.ready(60)
                digests.pop()  # cupsd itself forgot the job: then nothing of it may come out
                vm.say("killed before it had saved the job: forgotten")
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

    def saved(self, guest, number):
        """Whether the job is on cupsd's disk as one that prints, with its document: in job.cache, and in a file of its own."""
        number = int(number.rpartition("-")[2])
        cache = guest.run("cat /var/cache/cups/job.cache", check=False)[1]
        job = next((j for j in cache.split("<Job ")[1:] if j.startswith(f"{number}>")), "")
        return (f"\nState {PROCESSING}\n" in job and "\nNumFiles 1\n" in job and
                guest.run(f"test -s /var/spool/cups/c{number:05} && test -s /var/spool/cups/d{number:05}-001 && pgrep -x platen", check=False)[0] == 0)

    @staticmethod
    def knows(guest, number):
        """Whether cupsd knows the job, when it answers again."""
        wait_for(lambda: guest.run("lpstat -W all -o", check=False)[0] == 0, "cupsd to answer again", 60)
        return number in guest.run("lpstat -W all -o")

    def killed_with_the_job_saved(self, guest):
        """It knows the job again, of which the host has a part: cupsd is made to save at once what it saves within half a
        minute, and the host's half stands still until cupsd is killed."""
        guest.run("cp /etc/cups/cupsd.conf /root/; echo 'DirtyCleanInterval 0' >>/etc/cups/cupsd.conf; systemctl restart cups")
        self.ready(60)
        digest = self.make(guest, "saved", SIZE)
        number = self.submit(guest, "saved")
        pids = self.half_there()
        wait_for(lambda: self.saved(guest, number), "the job to be on cupsd's disk, and its backend to run", 30)
        guest.run("pkill -KILL -x cupsd")
        self.go_on(pids)
        self.assertTrue(self.knows(guest, number))
        self.completed(guest, number)
        self.printed(self.page, digest)
        guest.run("cp /root/cupsd.conf /etc/cups/; systemctl restart cups")
        self.ready(60)
        vm.say("killed in the middle of a job that it had saved: printed once")
        return digest

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
