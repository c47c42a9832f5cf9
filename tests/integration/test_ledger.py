# SPDX-License-Identifier: Apache-2.0
"""A ledger that is damaged while platend is dead: what had been handed over is not printed again.

The ledger's file is overwritten with garbage between a kill of platend and its next start. What the
new one knows it has from the host's spooler.
"""
import json
import os
import signal
import subprocess
import time
import unittest

from gate import Gate
from harness import Guest, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for

HELD, CANCELED, COMPLETED = 4, 7, 9
SEND_DOCUMENT = 0x06
DATA = os.urandom(1 << 20) * 8


class LedgerTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.device = Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.spooler.add_queue("laser", self.device.uri, vendor_ppd(self.lab.dir / "vendor.ppd"))
        self.host = Host(self.lab, self.spooler).start()
        self.guest = Guest(self.lab, self.host).start()
        self.ready()
        self.ledger = self.host.state_dir / "ledger.db"

    def ready(self):
        wait_for(lambda: any(p["guest"] == "ready" for p in
                             self.host.ask("printers", workspace="box")["data"]["printers"]), "the queue")

    def is_in(self, number, state, timeout=40):
        wait_for(lambda: (self.guest.job(number) or {}).get("job-state") == state,
                 f"guest job {number} in state {state}: {self.guest.job(number)}", timeout)

    def damage(self, meanwhile=lambda: None):
        """platend dies, its ledger becomes garbage, and it starts again."""
        self.host.stop(signal.SIGKILL)
        for pid, _ in self.host.children("platen-spool"):
            wait_for(lambda p=pid: not os.path.exists(f"/proc/{p}"), "the workers to end")
        meanwhile()
        self.ledger.write_bytes(os.urandom(self.ledger.stat().st_size))
        for end in ("-wal", "-shm"):
            log = self.ledger.with_name(self.ledger.name + end)
            if log.exists():
                log.write_bytes(os.urandom(log.stat().st_size))
        self.host.start()
        wait_for(lambda: "the ledger was built anew" in self.lab.log("platend"), "the new ledger")

    def held_up(self):
        """A document of the guest that the host prints, at a device that takes no more bytes for now."""
        self.device.paused.clear()
        number = self.guest.print("laser", DATA, "-o", "document-format=application/vnd.cups-raw")
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 5], "the host to print")
        wait_for(lambda: self.host.ask("jobs")["data"]["jobs"][0]["phase"] == "processing", "platend to know")
        return number

    def printed_once(self, number):
        self.is_in(number, COMPLETED)
        wait_for(lambda: self.device.received, "the document at the device")
        self.assertEqual(len(self.device.received), 1)
        self.assertTrue(self.device.received[0] == DATA)
        self.assertEqual(len([j for j in self.spooler.jobs() if j["job-state"] == COMPLETED]), 1)

    def start(self):
        """platend again; the socket of one that was killed is still there."""
        def answers():
            try:
                return self.host.ask("status")
            except OSError:
                return None
        self.host.start()
        wait_for(answers, "platend to answer")

    def check(self, link):
        return {c["link"]: c for c in self.host.ask("doctor")["data"]["checks"]}[link]

    def test_a_job_in_flight(self):
        self.assertEqual(self.check("ledger")["state"], "ok")
        number = self.held_up()
        self.damage()
        self.ready()
        self.device.paused.set()
        self.printed_once(number)
        self.assertIn("ledger.db was damaged", self.lab.log("platend"))
        self.assertIn("the ledger was built anew: 1 jobs", self.lab.log("platend"))
        fault = self.check("ledger")
        self.assertEqual(fault["state"], "fault")
        self.assertIn("ledger.db.damaged", fault["text"])
        self.ledger.with_name("ledger.db.damaged").unlink()
        self.assertEqual(self.check("ledger")["state"], "ok")

    def test_a_job_that_ends_meanwhile(self):
        number = self.held_up()

        def goes_on():
            self.device.paused.set()
            wait_for(lambda: self.spooler.jobs()[0]["job-state"] == COMPLETED, "the host to have printed it")
        self.damage(goes_on)
        self.printed_once(number)
        row = self.host.ask("jobs", all=True)["data"]["jobs"][0]
        self.assertEqual((row["phase"], row["title"], row["user"], row["owner"], row["guest_job"], row["printer"]),
                         ("completed", self.spooler.jobs()[0]["job-name"], "root", "box", number, "laser"))
        self.assertGreater(row["ended"], row["opened"] - 1)
        self.assertGreaterEqual(row["size"], len(DATA))

    def test_a_job_that_was_never_released(self):
        """The host's held job is the rest of an attempt: it goes, and the guest sends again."""
        way = self.lab.dir / "gate"
        gate = Gate(way, self.spooler, SEND_DOCUMENT)
        self.lab.closers.append(gate.close)
        self.host.stop()
        self.host.config.write_text(self.host.config.read_text().replace(str(self.spooler.socket), str(way)))
        self.start()
        self.ready()
        number = self.guest.print("laser", DATA, "-o", "document-format=application/vnd.cups-raw")
        self.assertTrue(gate.seen[SEND_DOCUMENT].wait(20), "nothing is sent")
        self.assertEqual(self.spooler.jobs()[0]["job-state"], HELD)
        self.host.stop(signal.SIGKILL)
        gate.open[SEND_DOCUMENT].set()
        self.damage()
        self.device.paused.set()
        self.is_in(number, COMPLETED)
        wait_for(lambda: self.device.received, "the document at the device")
        self.assertTrue(self.device.received == [DATA])

    def test_a_job_that_was_cancelled_on_the_host(self):
        number = self.held_up()

        def cancelled():
            self.spooler.run("cancel", f"laser-{self.spooler.jobs()[0]['job-id']}")
            self.device.paused.set()
        self.damage(cancelled)
        self.is_in(number, CANCELED)
        self.assertEqual([j["job-state"] for j in self.spooler.jobs()], [CANCELED])

    def test_a_job_that_the_spooler_does_not_have_either(self):
        """Printed, and purged: only the guest knows that it had handed it over. A person is asked."""
        number = self.held_up()

        def purged():
            self.device.paused.set()
            wait_for(lambda: self.spooler.jobs()[0]["job-state"] == COMPLETED, "the host to have printed it")
            self.spooler.run("cancel", "-a", "-x", "laser")
        self.damage(purged)
        self.is_in(number, HELD)
        self.assertEqual(self.check("jobs")["state"], "fault")
        rows = self.host.ask("jobs")["data"]["jobs"]
        self.assertEqual([r["phase"] for r in rows], ["ask"])
        self.host.ask("job", action="forget", printed=True, workspace="box", job=rows[0]["name"])
        self.is_in(number, COMPLETED)
        self.assertEqual(len(self.device.received), 1)
        self.assertEqual(self.check("jobs")["state"], "ok")

    def forgotten_by_all(self, printed):
        """Its ledger damaged, its spooler without the job, and the agent another one: what is known is in the guest."""
        number = self.held_up()
        uuid = self.guest.job(number)["job-uuid"].rsplit(":", 1)[1]
        handed = self.lab.dir / "guest-box-state/handed"
        self.assertRegex(handed.read_text(), rf"(?m)^S [0-9a-f]{{8}} {uuid} 001 ")

        def purged():
            self.guest.stop(signal.SIGKILL)
            if printed:
                self.device.paused.set()
            else:
                self.spooler.run("cancel", "-a", "laser")  # one that is printed cannot be purged
            wait_for(lambda: not self.spooler.jobs("not-completed"), "the host's job to end")
            self.spooler.run("cancel", "-a", "-x", "laser")
            self.device.paused.set()
            wait_for(lambda: not self.spooler.jobs(), "it to be purged")
        self.damage(purged)
        self.guest.start()
        self.is_in(number, HELD)
        self.assertEqual([r["phase"] for r in self.host.ask("jobs")["data"]["jobs"]], ["ask"])
        wait_for(lambda: self.guest.job(number).get("platen-asked"), "the mark")
        return number

    def test_a_job_that_only_an_earlier_agent_handed_over(self):
        number = self.forgotten_by_all(True)
        row, = self.host.ask("jobs")["data"]["jobs"]
        self.host.ask("job", action="forget", printed=True, workspace="box", job=row["name"])
        self.is_in(number, COMPLETED)
        self.assertTrue(self.device.received == [DATA])

    def test_a_job_that_only_an_earlier_agent_handed_over_is_sent_when_a_person_says_so(self):
        number = self.forgotten_by_all(False)
        self.device.received.clear()  # what came out of the one that was cancelled
        self.guest.spooler.run("lp", "-i", str(number), "-H", "resume")
        self.is_in(number, COMPLETED)
        wait_for(lambda: self.device.received, "the document at the device")
        self.assertTrue(self.device.received == [DATA])

    def test_without_a_spooler_no_job_is_taken(self):
        number = self.held_up()
        self.host.stop(signal.SIGKILL)
        self.spooler.stop()
        self.device.paused.set()
        self.ledger.write_bytes(b"")
        self.start()
        wait_for(lambda: self.check("ledger")["state"] == "fault", "doctor to tell")
        self.assertIn("built anew", self.check("ledger")["text"])
        self.spooler.start()
        self.is_in(number, COMPLETED)
        wait_for(lambda: self.check("ledger")["state"] == "ok", "the new ledger")
        wait_for(lambda: [d for d in self.device.received if d == DATA], "the document at the device")
        self.assertEqual(len([d for d in self.device.received if d == DATA]), 1)

    def jobs(self, *options):
        p = subprocess.run([str(self.lab.programs / "platenctl"), "--socket", str(self.host.control), "--json", "jobs", *options],
                           capture_output=True, text=True)
        self.assertEqual(p.returncode, 0, p.stderr)
        return json.loads(p.stdout)["jobs"]

    def test_what_became_of_jobs(self):
        """Who, workspace, printer, title, pages, bytes, times, outcome: of ended jobs too, over a restart."""
        before = int(time.time())
        number = self.guest.print("laser", pdf(4), "-n", "3", "-o", "sides=two-sided-long-edge", title="Büro", user="alice")
        self.is_in(number, COMPLETED)
        wait_for(lambda: [j for j in self.jobs("--all") if j["ended"]], "the end of the first")
        self.host.stop()
        self.start()
        self.ready()
        self.device.paused.clear()
        second = self.guest.print("laser", DATA, "-o", "document-format=application/vnd.cups-raw", title="second", user="bob")
        wait_for(lambda: [j for j in self.jobs() if j["phase"] == "processing"], "the host to print the second")
        self.assertEqual([j["title"] for j in self.jobs()], ["second"])
        self.spooler.run("cancel", f"laser-{self.jobs()[0]['host_job']}")
        self.device.paused.set()
        self.is_in(second, CANCELED)
        rows = wait_for(lambda: (all := self.jobs("--all")) and all[0]["ended"] and all, "the end of the second")
        self.assertEqual([(j["title"], j["user"], j["owner"], j["workspace"], j["printer"], j["phase"], j["guest_job"])
                          for j in rows],
                         [("second", "bob", "box", "box", "laser", "canceled", second),
                          ("Büro", "alice", "box", "box", "laser", "completed", number)])
        first = rows[1]
        self.assertEqual((first["pages"], first["sheets"], first["bytes"]), (12, 6, len(pdf(4))))
        self.assertEqual(rows[0]["bytes"], len(DATA))
        self.assertEqual(first["workspace_uuid"], self.host.uuids["box"])
        for row in rows:
            self.assertTrue(before <= row["opened"] <= row["released"] <= row["ended"] <= time.time(), row)
        self.assertEqual(self.jobs(), [])
        self.assertEqual([j["title"] for j in self.jobs("--all", "--limit", "1")], ["second"])
        self.assertEqual(len(self.jobs("--all", "box")), 2)
        self.assertEqual(self.jobs("--all", "other"), [])

    def test_a_start_with_a_sound_ledger_builds_nothing(self):
        self.is_in(self.guest.print("laser", pdf(1)), COMPLETED)
        before = self.host.ask("jobs", all=True)["data"]["jobs"]
        self.host.stop()
        self.start()
        self.assertEqual(self.host.ask("jobs", all=True)["data"]["jobs"], before)
        self.assertNotIn("built anew", self.lab.log("platend"))


if __name__ == "__main__":
    unittest.main()
