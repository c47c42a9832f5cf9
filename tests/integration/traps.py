# SPDX-License-Identifier: Apache-2.0
"""A host with two printers and a workspace behind a cable; a job that is cut off while it is filled, and one that waits.

The document is cut off by a stopped submit worker, so that the held job is there for as long as the
test needs it. Whatever happens, the device gets the whole document once, or nothing of it.
"""
import os
import pathlib
import signal
import unittest

from cable import cabled
from harness import Host, Lab, Sink, Spooler, vendor_ppd, wait_for

HELD, CANCELED, COMPLETED = 4, 7, 9
DATA = os.urandom(1 << 20) * 64
RAW = ("-o", "document-format=application/vnd.cups-raw")


class TrapsCase(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.device, self.other = Sink(self.lab), Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True,
                               env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        ppd = vendor_ppd(self.lab.dir / "vendor.ppd")
        self.spooler.add_queue("laser", self.device.uri + "/?snmp=false", ppd)
        self.spooler.add_queue("other", self.other.uri + "/?snmp=false", ppd)
        self.host = Host(self.lab, self.spooler).start()
        self.cable, self.guest = cabled(self.lab, self.host)
        self.guest.start()
        wait_for(lambda: sum(p["guest"] == "ready" for p in
                             self.host.ask("printers", workspace="box")["data"]["printers"]) == 2, "the queues")

    def signal_workers(self, number, what="submit"):
        for pid, argv in self.host.children("platen-spool"):
            if argv[1] == what:
                os.kill(pid, number)

    def filling(self):
        """A guest's job, and the host's held job that is being filled and goes no further."""
        self.cable.until_still = len(DATA) // 3
        number = self.guest.print("laser", DATA, "-o", "document-format=application/vnd.cups-raw")
        wait_for(lambda: self.cable.until_still is None, "some of it to be there")
        wait_for(self.spooler.jobs, "the job on the host")
        self.signal_workers(signal.SIGSTOP)
        self.addCleanup(self.signal_workers, signal.SIGCONT)
        self.cable.flow.set()
        job = self.spooler.jobs()[-1]
        self.assertEqual(job["job-state"], HELD, "it was filled before it could be stopped")
        return number, f"laser-{job['job-id']}"

    def settled(self, number):
        """The guest's job has ended or is held, and the host prints nothing more."""
        self.signal_workers(signal.SIGCONT)
        wait_for(lambda: (self.guest.job(number) or {}).get("job-state", COMPLETED) in (HELD, CANCELED, 8, COMPLETED)
                 and not [j for j in self.spooler.jobs("not-completed") if j["job-state"] in (3, 5)],
                 f"the job to be settled, it is {self.guest.job(number)}", 60)
        return (self.guest.job(number) or {}).get("job-state")

    def whole_or_nothing(self, number):
        state = self.settled(number)
        if state == COMPLETED:  # a device notes a document when its connection has ended
            wait_for(lambda: self.device.received + self.other.received, "what the guest was told was printed")
        printed = self.device.received + self.other.received
        self.assertLessEqual(len(printed), 1)
        for document in printed:
            self.assertTrue(document == DATA, f"{len(document)} bytes of {len(DATA)} came out")

    def start_platend(self):
        def up():
            try:
                return self.host.ask("status")["data"]["spooler"]["up"]
            except OSError:
                return False  # the socket of the one that was killed is still there
        self.host.start()
        wait_for(up, "platend to be there, and to find the spooler")

    def noted(self, words):
        return any(words in j["text"] for j in self.host.ask("jobs")["data"]["jobs"])

    def settings(self, extra):
        """The spooler again, with these."""
        self.spooler.extra = extra
        self.spooler.write_config()
        self.spooler.stop()
        self.spooler.start()
        wait_for(lambda: self.host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")

    def waiting(self):
        """A guest's job that is released on the host and waits behind another one, which the device does not take."""
        self.device.paused.clear()
        self.addCleanup(self.device.paused.set)
        first = self.lab.dir / "first"
        first.write_bytes(DATA)
        self.spooler.run("lp", "-d", "laser", "-o", "document-format=application/vnd.cups-raw", first)
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 5], "the first job to be printing")
        number = self.guest.print("laser", DATA[:1 << 20], "-o", "document-format=application/vnd.cups-raw")
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 3], "the job to wait on the host")
        return number

    def why(self, number):
        """Why it is held: cupsd's own message is wiped when the next job begins."""
        uuid = self.guest.job(number)["job-uuid"].rsplit(":", 1)[1]
        return next(line for line in self.lab.log("guest-box-agent").splitlines()
                    if "held in this workspace" in line and uuid in line)

    @staticmethod
    def signal_program(program, number):
        for p in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(p / "exe") == str(program):
                    os.kill(int(p.name), number)
            except OSError:
                pass  # it has ended
