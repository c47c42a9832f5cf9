# SPDX-License-Identifier: Apache-2.0
"""Disks that are full in the middle of a job, and a document that is too long for the channel's patience.

Small file systems in a mount namespace of this process. A job is never lost by it, and prints once, whole,
when there is room again, without anybody's help.
"""
import hashlib
import os
import pathlib
import re
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "crash"))
from cable import cabled
from harness import Host, Lab, Sink, Spooler, vendor_ppd, wait_for
from world import Room, own_mounts

COMPLETED = 9
RAW = ("-o", "document-format=application/vnd.cups-raw")
DOCUMENT = os.urandom(1 << 20) * 40
HASHES = """#!/bin/sh
[ $# -eq 0 ] && exit 0
cat ${{6:+"$6"}} | sha256sum >>{out}
"""


def setUpModule():
    own_mounts()


class RoomTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.device = Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"},
                               extra="DirtyCleanInterval 0\nPreserveJobFiles No")
        self.spooler.add_queue("laser", self.device.uri + "/?snmp=false", vendor_ppd(self.lab.dir / "vendor.ppd"))
        self.host = Host(self.lab, self.spooler)
        self.host.state_dir.mkdir()

    def begin(self, **rooms):
        """Starts all, with rooms of their own for what is named."""
        folders = {"spool": self.spooler.dir / "spool", "state": self.host.state_dir, "notes": self.lab.dir / "guest-box-state"}
        self.spooler.stop()
        self.rooms = {name: Room(self.lab, folders[name]) for name in rooms}
        self.spooler.start()
        self.host.start()
        self.cable, self.guest = cabled(self.lab, self.host)
        self.guest.start()
        self.ready()

    def ready(self):
        wait_for(lambda: any(p["guest"] == "ready" for p in self.host.ask("printers", workspace="box")["data"]["printers"]),
                 "the queue in the guest")

    def ended(self, number, seconds=70):
        wait_for(lambda: (self.guest.job(number) or {}).get("job-state") == COMPLETED,
                 f"the job to end, it is {self.guest.job(number)}", seconds)

    def printed_once(self, document):
        wait_for(lambda: self.device.received, "the document")
        wait_for(lambda: not self.spooler.jobs("not-completed"), "the host to be done")
        self.assertEqual(len(self.device.received), 1)
        self.assertTrue(self.device.received[0] == document, "it is another document")

    def test_the_hosts_spool_fills_while_a_job_arrives(self):
        self.begin(spool=True)
        self.rooms["spool"].fill(20 << 20)  # half of it fits
        number = self.guest.print("laser", DOCUMENT, *RAW)
        wait_for(lambda: "not taken" in self.lab.log("platend"), "the host to say that it cannot take it")
        self.assertEqual(self.guest.job(number)["job-state"], 5)
        self.assertEqual(self.device.received, [])
        self.rooms["spool"].empty()
        self.ended(number)
        self.printed_once(DOCUMENT)

    def test_platends_state_is_full(self):
        """A job is not released before the ledger has it: none prints until there is room, and platend goes on."""
        self.begin(state=True)
        self.rooms["state"].fill(0)
        number = self.guest.print("laser", DOCUMENT[:1 << 20], *RAW)
        wait_for(lambda: "full or broken" in str(self.guest.job(number)), "the guest to be told")
        self.assertEqual(self.device.received, [])
        self.assertIsNone(self.host.process.poll())
        self.says_that_it_is_full()
        self.rooms["state"].empty()
        self.ended(number)
        self.printed_once(DOCUMENT[:1 << 20])

    def says_that_it_is_full(self):
        """The file, what is the matter with its disk, and the way out; never the database's own words for it."""
        path = self.host.state_dir / "ledger.db"
        self.assertRegex(self.lab.log("platend"), f"{path} cannot be (written|opened): its disk is full: make room there "
                         rf"\(df {self.host.state_dir}\)")
        self.assertNotIn("Input/output error", self.lab.log("platend"))

    def test_the_last_bytes_of_platends_disk(self):
        """However little is left, it is called a full disk, at a job and at a start, and all goes on by itself."""
        self.begin(state=True)
        for n, left in enumerate((0, 4096, 16384, 40000, 70000)):
            with self.subTest(left=left):
                self.rooms["state"].fill(left)
                number = self.guest.print("laser", b"%d" % left, *RAW)
                wait_for(lambda: (self.guest.job(number) or {}).get("job-state") == COMPLETED
                         or "full or broken" in str(self.guest.job(number)), "it to be printed, or the guest to be told")
                self.host.stop(signal.SIGKILL if n % 2 else signal.SIGTERM)
                process = self.host.process = self.lab.start(
                    "platend", [self.lab.programs / "platend", "-c", self.host.config])
                wait_for(lambda: self.answers() or "cannot be opened" in self.lab.log("platend"), "it to be ready, or to wait")
                self.assertIsNone(process.poll())
                self.rooms["state"].empty()
                self.ended(number)
                self.assertNotIn("Input/output error", self.lab.log("platend"))
        wait_for(lambda: len(self.device.received) == 5, "all to be printed")
        self.assertEqual(sorted(self.device.received), sorted(b"%d" % n for n in (0, 4096, 16384, 40000, 70000)))

    def answers(self):
        try:
            return self.host.ask("status")
        except OSError:
            return None

    def test_platend_is_started_without_room(self):
        """It names the disk, waits for room, forgets nothing, and goes on by itself when there is some."""
        self.begin(state=True)
        first = self.guest.print("laser", DOCUMENT[:1 << 20], *RAW)
        self.ended(first)
        self.host.stop()
        self.rooms["state"].fill(0)
        second = self.guest.print("laser", DOCUMENT[:1000], *RAW)
        process = self.lab.start("platend", [self.lab.programs / "platend", "-c", self.host.config])
        self.host.process = process
        wait_for(lambda: "ledger.db cannot be opened" in self.lab.log("platend"), "it to say so")
        self.says_that_it_is_full()
        self.assertIsNone(process.poll())
        self.rooms["state"].empty()
        self.ended(second)
        self.assertIn("its disk has room again", self.lab.log("platend"))
        wait_for(lambda: len(self.device.received) == 2, "both documents")
        self.assertEqual(len(self.host.ask("jobs", all=True)["data"]["jobs"]), 2)

    def test_the_guests_spool_fills_while_jobs_wait(self):
        """What the guest's spooler took is printed; what it cannot take it refuses, to the person's face."""
        self.begin()
        self.cable.flow.clear()  # they wait
        room = Room.__new__(Room)  # made after the spooler began: it is stopped for it
        self.guest.spooler.stop()
        room.__init__(self.lab, self.guest.spooler.dir / "spool")
        self.guest.spooler.start()
        number = self.guest.print("laser", DOCUMENT[:1 << 20], *RAW)
        room.fill(0)
        with self.assertRaises(AssertionError):
            self.guest.print("laser", DOCUMENT[:1 << 20], *RAW)
        self.cable.flow.set()
        self.ended(number)
        room.empty()
        self.printed_once(DOCUMENT[:1 << 20])

    def test_the_agents_disk_has_no_room_for_its_notes(self):
        self.begin(notes=True)
        self.guest.stop()
        (self.lab.dir / "guest-box-state/handed").unlink(missing_ok=True)
        self.rooms["notes"].fill(0)
        self.guest.start()
        self.ready()
        number = self.guest.print("laser", DOCUMENT, *RAW)
        wait_for(lambda: "this workspace's disk" in (self.guest.job(number) or {}).get("job-printer-state-message", ""),
                 "the person to read why it waits")
        self.assertEqual(self.device.received, [])
        self.rooms["notes"].empty()
        self.ended(number)
        self.printed_once(DOCUMENT)

    def written_back(self):
        """Whether a worker has the file of a document that is not whole: it sends it to the disk meanwhile."""
        unfinished = re.compile(re.escape(str(self.spooler.dir / "spool")) + r"/[0-9a-f]{8}")
        for program in pathlib.Path("/proc").glob("[0-9]*/comm"):
            try:
                if program.read_text() == "platen-spool\n" and any(
                        unfinished.fullmatch(os.readlink(fd)) for fd in (program.parent / "fd").iterdir()):
                    return True
            except OSError:
                pass  # it has ended
        return False

    def test_a_gigabyte_over_a_channel_that_breaks(self):
        """Every 100 MB. A transfer goes on where it stopped: no byte is sent twice but those under way."""
        self.begin()
        out = self.lab.dir / "hashes"
        out.touch()
        out.chmod(0o666)
        backend = self.spooler.dir / "bin/backend/socket"
        backend.write_text(HASHES.format(out=out))
        backend.chmod(0o755)
        block, digest = os.urandom(1 << 20), hashlib.sha256()
        big = self.lab.dir / "big"
        with open(big, "wb") as f:
            for n in range(1024):
                piece = n.to_bytes(4, "big") + block[4:]
                digest.update(piece)
                f.write(piece)
        self.cable.every = 100_000_000
        self.cable.cut()
        self.guest.spooler.run("lp", "-d", "laser", *RAW, big, timeout=120)
        big.unlink()
        wait_for(self.written_back, "the file that cupsd writes to be with the worker", 60)
        wait_for(out.read_text, "a gigabyte to be printed", 150)
        wait_for(lambda: self.guest.spooler.jobs()[-1]["job-state"] == COMPLETED, "the job to end")
        self.assertEqual([line.split()[0] for line in out.read_text().splitlines()], [digest.hexdigest()])
        self.assertGreaterEqual(self.cable.cuts, 10)
        self.assertEqual(len(self.spooler.jobs()), 1, "it was begun anew")
        self.assertIn("goes on at byte", self.lab.log("platend"))


if __name__ == "__main__":
    unittest.main()
