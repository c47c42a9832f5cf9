# SPDX-License-Identifier: Apache-2.0
"""A running workspace is migrated to another libvirt host and back, in the middle of its jobs."""
import hashlib
import re
import subprocess
import time
import unittest

import lab as vm
from harness import wait_for
from second import SecondHost, SecondLibvirt

TIMEOUT = 700
LAB_ONLY = "it migrates a workspace four times, some minutes; tests/integration/test_migrate.py shows the same without VMs"
HELD, COMPLETED = 4, 9
SIZE = 24 << 20  # bytes
MANY = """while [ ! -e /var/tmp/enough ]; do head -c 300000 /dev/urandom >/var/tmp/next
read digest _ < <(sha256sum /var/tmp/next)
read _ _ _ number _ < <(lp -d laser -t $digest -o document-format=application/vnd.cups-raw /var/tmp/next)
echo $number $digest >>/var/tmp/many
sleep 0.3
done"""
RAW = "-o document-format=application/vnd.cups-raw"


class Wanderer(vm.Workspace):
    """A workspace whose console is at another place on each host: the QEMU that it leaves takes its own socket away."""

    def __init__(self, lab, libvirt, image):
        super().__init__(lab, libvirt, image)
        self.moves = 0

    def migrate(self, target, *options):
        """Starts the migration; returns virsh's process."""
        self.moves += 1
        xml = self.lab.dir / f"move-{self.moves}.xml"
        fresh = self.lab.dir / f"{self.name}-{self.moves}.console"
        text = self.libvirt.virsh("dumpxml", "--migratable", self.name).stdout
        xml.write_text(text.replace(str(self.console_path), str(fresh)))
        self.fresh, self.target = fresh, target
        return subprocess.Popen(["virsh", "-q", "-c", self.libvirt.uri, "migrate", "--live", "--p2p", "--persistent", "--undefinesource",
                                 "--unsafe", "--xml", str(xml), *options, self.name, target.uri, f"tcp://127.0.0.1:{49300 + self.moves}"],
                                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def arrived(self, virsh, seconds=180):
        begin = time.monotonic()
        out, _ = virsh.communicate(timeout=seconds)
        if virsh.returncode:
            raise AssertionError(f"virsh migrate: {out}\n{self.lab.logs()[-4000:]}")
        self.console_path, self.libvirt = self.fresh, self.target
        self.leave()
        vm.say(f"migrated, {time.monotonic() - begin:.0f} s")


class MigrateTest(vm.WorkspaceCase):
    SETTINGS = "keepalive-msec = 1000\nraw = yes"

    def setUp(self):
        super().setUp()
        self.libvirt.uri = f"qemu+unix:///system?socket={self.lab.dir}/libvirt/run-libvirt/libvirt-sock"  # from both hosts
        self.libvirt_two = SecondLibvirt(self.lab)
        self.two = SecondHost(self.lab, self.libvirt_two, self.SETTINGS)
        self.two.add_queue("laser", self.two.device.uri)
        self.two.add_queue("attic", "file:///dev/null")
        self.two.start()

    def row(self, host):
        rows = host.ask("workspaces")["data"]["workspaces"]
        return rows[0] if rows else None

    def here(self, host, seconds=60):
        wait_for(lambda: (self.row(host) or {}).get("link") == "connected", "the workspace to be connected", seconds)
        wait_for(lambda: any(p["name"] == "laser" and p["guest"] == "ready" for p in
                             host.ask("printers", workspace="workspace")["data"]["printers"]), "the printers", seconds)

    def make(self, name, size=SIZE):
        return self.guest.run(f"head -c {size} /dev/urandom >/var/tmp/{name}; sha256sum /var/tmp/{name}").split()[0]

    def submit(self, name):
        return self.guest.run(f"lp -d laser {RAW} -t {name} /var/tmp/{name}").split("request id is ")[1].split()[0]

    def completed(self, number, seconds=90):
        wait_for(lambda: number in self.guest.run("lpstat -W completed -o").split(), f"{number} to be completed in the guest", seconds)

    def waits(self, number):
        """What the guest's spooler says of a job that is not completed."""
        text = "\n" + self.guest.run("lpstat -l -o")
        return next((job for job in re.split(r"\n(?=\S)", text) if job.startswith(f"{number} ")), "")

    def is_held(self, number):
        return "Held: " in self.waits(number)

    @staticmethod
    def copies(device, digest):
        return [hashlib.sha256(d).hexdigest() for d in device.received].count(digest)

    def printed(self, device, digest):
        wait_for(lambda: self.copies(device, digest), "the document at the device")
        self.assertEqual(self.copies(self.device, digest) + self.copies(self.two.device, digest), 1)

    def decide(self, host, number, printed):
        row, = wait_for(lambda: [j for j in host.ask("jobs")["data"]["jobs"] if j["phase"] == "ask" and
                                 number == f"laser-{j['guest_job']}"], "the question")
        action = {"action": "forget", "printed": True} if printed else {"action": "retry"}
        answer = host.ask("job", workspace="workspace", job=f"{row['uuid'][:8]}/{row['file']}", **action)
        self.assertTrue(answer["ok"] and answer["data"]["told"], answer)
        self.completed(number)

    def half_done(self):
        """A job of which the first host has a part: the second has it from the start."""
        digest = self.make("half")
        pids = self.stall(self.host)
        number = self.submit("half")
        wait_for(lambda: self.spooler.jobs("not-completed") or self.host.ask("jobs")["data"]["jobs"], "the job at the first host")
        self.guest.arrived(self.guest.migrate(self.libvirt_two))
        self.go_on(pids)
        self.here(self.two)
        self.completed(number)
        self.printed(self.two.device, digest)
        wait_for(lambda: self.row(self.host) is None, "the first host to see it gone")
        vm.say("half done at the first host: printed by the second")

    def settings_and_printers(self):
        row = self.row(self.two)
        self.assertEqual((row["name"], row["uuid"], row["mode"], row["mode_from"], row["owner"]),
                         ("workspace", self.guest.uuid, "all", "workspace", "anna"))
        wait_for(lambda: sorted(self.guest.run("lpstat -e").split()) == ["attic", "laser"], "the printers of the second host", 20)

    def released(self):
        """A job that the second host has, and has not printed when the workspace goes back: a person is asked there."""
        self.two.spooler.run("cupsdisable", "laser")
        wait_for(lambda: "disabled" in self.guest.run("lpstat -p laser"), "the pause")
        self.guest.run("cupsenable laser")
        digest = self.make("released")
        number = self.submit("released")
        wait_for(lambda: [j for j in self.two.ask("jobs")["data"]["jobs"] if j["phase"] == "pending"], "the release", 30)
        self.guest.arrived(self.guest.migrate(self.libvirt))
        self.here(self.host)
        wait_for(lambda: self.is_held(number), "the job to be held", 30)
        self.assertIn("another host", self.waits(number))
        self.two.spooler.run("cupsenable", "laser")
        self.printed(self.two.device, digest)
        self.decide(self.host, number, printed=True)
        self.printed(self.two.device, digest)
        wait_for(lambda: sorted(self.guest.run("lpstat -e").split()) == ["laser", "usb"], "the printers of the first host", 20)
        vm.say("released by the second host, and not acknowledged: asked about, printed once")

    def aborted(self):
        """A migration that is given up: the workspace never was at the other host."""
        before = self.lab.log("platend-second").count("connected: ")
        digest = self.make("stays")
        virsh = self.guest.migrate(self.libvirt_two, "--bandwidth", "1")
        wait_for(lambda: (self.row(self.two) or {}).get("state") == "paused", "the second host to see it come", 30)
        number = self.submit("stays")
        self.completed(number)
        self.assertEqual(self.row(self.two)["link"], "waiting")
        self.libvirt.virsh("domjobabort", "workspace")
        virsh.communicate(timeout=60)
        self.assertNotEqual(virsh.returncode, 0)
        wait_for(lambda: self.row(self.two) is None, "the second host to see it go")
        self.assertEqual(self.row(self.host)["link"], "connected")
        self.printed(self.device, digest)
        self.assertEqual(self.lab.log("platend-second").count("connected: "), before)
        vm.say("a migration that was given up: nobody noticed")

    def many(self):
        """Jobs one after the other, while it is migrated."""
        self.guest.run(f"systemd-run -q --unit=many bash -c '{MANY}'")
        wait_for(lambda: self.guest.run("cat /var/tmp/many", check=False)[1], "the first of many jobs", 30)
        self.guest.arrived(self.guest.migrate(self.libvirt_two))
        self.guest.run("touch /var/tmp/enough")
        self.here(self.two)
        wait_for(lambda: self.guest.run("systemctl is-active many", check=False)[0], "the last of them", 60)
        jobs = [line.split() for line in self.guest.run("cat /var/tmp/many").splitlines()]
        asked = 0
        for number, digest in jobs:
            wait_for(lambda n=number: n in self.guest.run("lpstat -W completed -o").split() or self.is_held(n), f"an end of {number}", 60)
            if self.is_held(number):
                asked += 1
                wait_for(lambda: all(j["job-state"] == HELD for j in self.spooler.jobs("not-completed")), "the first host to be done")
                self.decide(self.two, number, printed=any(j["job-state"] == COMPLETED and j["job-name"] == digest for
                                                          j in self.spooler.jobs()))
            wait_for(lambda d=digest: self.copies(self.device, d) + self.copies(self.two.device, d), f"{number} at a device")
        total = [(self.copies(self.device, d), self.copies(self.two.device, d)) for _, d in jobs]
        self.assertEqual([a + b for a, b in total], [1] * len(jobs))
        vm.say(f"{len(jobs)} jobs while it was migrated: {sum(a for a, _ in total)} printed by the first host, "
               f"{sum(b for _, b in total)} by the second, {asked} asked about")

    def test_migrated_in_the_middle_of_jobs(self):
        self.guest = Wanderer(self.lab, self.libvirt, self.image)
        self.guest.start()
        self.guest.wait_up()
        self.ready(60)
        self.libvirt.virsh("metadata", "workspace", "--uri", "https://platen-print.org/xmlns/workspace/1", "--key", "platen",
                           "--set", "<workspace mode='all' owner='anna'/>", "--live", "--config")
        wait_for(lambda: "usb" in self.guest.run("lpstat -e"), "the local printer in mode all")
        self.half_done()
        self.settings_and_printers()
        self.released()
        self.aborted()
        self.many()
        wait_for(lambda: not self.spooler.jobs("not-completed") and not self.two.spooler.jobs("not-completed"),
                 "what was half done to be taken away", 90)


if __name__ == "__main__":
    unittest.main()
