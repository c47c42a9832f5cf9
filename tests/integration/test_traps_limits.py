# SPDX-License-Identifier: Apache-2.0
"""The spooler's timeouts and limits, what it does not sync, and filters of its that fail."""
import os
import pathlib
import signal
import subprocess
import time
import unittest

from harness import pdf, wait_for
from traps import COMPLETED, DATA, HELD, RAW, TrapsCase

TIMEOUT = 420  # for the runner: it waits for minutes, and is begun first


class LimitsTest(TrapsCase):
    def test_a_whole_document_after_the_operation_timeout(self):
        """cupsd prints a first document by itself when nothing follows; a held one it does not."""
        self.settings("MultipleOperationTimeout 1")
        self.cable.until_still = len(DATA) - 100_000
        number = self.guest.print("laser", DATA, *RAW)
        wait_for(lambda: self.cable.until_still is None, "most of it to be there")
        os.kill(self.host.process.pid, signal.SIGSTOP)
        try:
            self.cable.flow.set()
            wait_for(lambda: [j for j in self.spooler.jobs()], "the job on the host")
            time.sleep(3)  # that nothing happens can only be waited for
            self.assertEqual(self.device.received, [])
            self.assertEqual(self.spooler.jobs()[-1]["job-state"], HELD)
        finally:
            os.kill(self.host.process.pid, signal.SIGCONT)
        self.whole_or_nothing(number)
        self.assertEqual(self.guest.job(number)["job-state"], COMPLETED)
        self.assertEqual(len(self.device.received), 1)

    def test_a_part_of_a_document_after_the_operation_timeout(self):
        """The worker that fills it stands still for longer: cupsd gives such a job up, or waits, and prints nothing."""
        self.settings("MultipleOperationTimeout 1")
        number, _ = self.filling()
        time.sleep(3)  # as above
        self.assertEqual(self.device.received, [])
        self.whole_or_nothing(number)
        self.assertEqual(self.guest.job(number)["job-state"], COMPLETED)
        self.assertEqual(len(self.device.received), 1)

    def test_a_spooler_that_stands_still(self):
        """cupsd takes no more of a document, and says nothing: it is not waited for for ever, and the job comes again."""
        self.cable.until_still = len(DATA) // 3
        number = self.guest.print("laser", DATA, *RAW)
        wait_for(lambda: self.cable.until_still is None, "some of it to be there")
        wait_for(self.spooler.jobs, "the job on the host")
        os.kill(self.spooler.process.pid, signal.SIGSTOP)
        try:
            self.cable.flow.set()
            wait_for(lambda: "the host's spooler does not answer; tried again" in self.lab.log("platend"), "an end of patience", 120)
            self.assertNotIn(self.guest.job(number)["job-state"], (HELD, COMPLETED))
        finally:
            os.kill(self.spooler.process.pid, signal.SIGCONT)
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"its end, it is {self.guest.job(number)}", 60)
        wait_for(lambda: self.device.received, "the document")
        wait_for(lambda: not self.spooler.jobs("not-completed"), "what was left of the first attempt to go", 20)
        self.assertTrue(self.device.received == [DATA])

    def test_no_room_among_the_hosts_jobs(self):
        """MaxJobs: ended ones are purged for new ones; when all are active the guest's waits, and comes when one ends."""
        self.settings("MaxJobs 2")
        for n in range(4):
            number = self.guest.print("laser", b"page %d" % n, *RAW)
            wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "its end")
        self.assertLessEqual(len(self.spooler.jobs()), 2)
        rows = self.host.ask("jobs", all=True)["data"]["jobs"]
        self.assertEqual([r["phase"] for r in rows], ["completed"] * 4)
        first = self.waiting()
        second = self.guest.print("other", b"the third", *RAW)
        wait_for(lambda: "not taken" in self.lab.log("platend"), "the host to refuse it for now")
        self.assertEqual(self.other.received, [])
        self.device.paused.set()
        for number in (first, second):
            wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"its end, it is {self.guest.job(number)}", 60)
        wait_for(lambda: self.other.received == [b"the third"], "it")
        self.assertEqual(self.device.received.count(DATA[:1 << 20]), 1)

    def test_documents_that_cannot_be_synced(self):
        """Where platend does not find the spooler's files it says so once, with what to do, and prints."""
        self.host.stop()
        config = self.host.config.read_text()
        self.host.config.write_text(config.replace(f"cups-spool = {self.spooler.dir}/spool", "cups-spool = /nonexistent"))
        self.start_platend()
        for n in range(2):
            number = self.guest.print("laser", b"page", *RAW)
            wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "its end")
        lines = [line for line in self.lab.log("platend").splitlines() if "cannot be synced" in line]
        self.assertEqual(len(lines), 1, lines)
        self.assertIn("/nonexistent/d0", lines[0])
        self.assertIn("is cups-spool in platen.conf the RequestRoot of cups-files.conf?", lines[0])

    def test_documents_are_synced_before_their_release(self):
        """As the kernel sees it: the worker syncs the spooler's file, then asks for the release."""
        self.assertEqual(self.synced(), 1)

    def test_documents_behind_a_banner_are_synced(self):
        """A banner is the first of the job's files, and another may be the last."""
        self.spooler.run("lpadmin", "-p", "laser", "-o", "job-sheets-default=standard,standard")
        self.assertEqual(self.synced(), 3)

    def synced(self):
        """How many of its files were synced, each before the release."""
        worker = [pid for pid, argv in self.host.children("platen-spool") if argv[1] == "submit"]
        log = self.lab.dir / "calls"
        tracer = subprocess.Popen(["strace", "-f", "-y", "-s", "64", "-e", "trace=fsync,sendto", "-o", log,
                                   *[f"-p{pid}" for pid in worker]], stderr=subprocess.DEVNULL)
        self.addCleanup(tracer.wait)
        self.addCleanup(tracer.terminate)
        wait_for(lambda: all("TracerPid:\t0\n" not in pathlib.Path(f"/proc/{pid}/status").read_text() for pid in worker),
                 "the workers to be traced")
        number = self.guest.print("laser", b"page", *RAW)
        wait_for(lambda: self.guest.job(number)["job-state"] not in (3, 5), "its end")
        tracer.terminate()
        tracer.wait()
        # IPP 2.0, Release-Job (0x000D), as strace writes it
        lines = [line for line in log.read_text().splitlines() if "fsync(" in line or '"\\2\\0\\0\\r' in line]
        for line in lines[:-1]:
            self.assertIn(f"{self.spooler.dir}/spool/d0", line)
            self.assertIn("= 0", line)
        self.assertIn("sendto(", lines[-1])
        return len({line.split("/spool/d0")[1][:8] for line in lines[:-1]})

    def test_filters_that_fail(self):
        """cupsd stops such a job and leaves it to a person: the guest holds it, with the reason, and prints the next."""
        for n, script in enumerate(("exit 1", "kill -SEGV $$")):
            with self.subTest(script=script):
                name = f"filter-{n}"
                path = self.lab.dir / name
                path.write_text(f"#!/bin/sh\ncat >/dev/null\n[ \"$3\" = good ] && exit 0\n{script}\n")
                path.chmod(0o755)
                ppd = self.lab.dir / f"{name}.ppd"
                ppd.write_bytes((self.lab.dir / "vendor.ppd").read_bytes().replace(
                    b'"application/vnd.cups-pdf application/pdf 0 -"', f'"application/pdf application/pdf 0 {path}"'.encode()))
                self.spooler.add_queue(name, self.device.uri, ppd)
                wait_for(lambda: any(p["name"] == name and p["guest"] == "ready" for p in
                                     self.host.ask("printers", workspace="box")["data"]["printers"]), "the queue")
                bad = self.guest.print(name, pdf(1), title="bad")
                good = self.guest.print(name, pdf(1), title="good")
                wait_for(lambda: self.guest.job(bad)["job-state"] == HELD, f"it to be held, {self.guest.job(bad)}", 10)
                self.assertIn("filter", self.why(bad))
                wait_for(lambda: self.guest.job(good)["job-state"] == COMPLETED, f"the next, {self.guest.job(good)}", 10)
                wait_for(lambda: not self.spooler.jobs("not-completed"), "the host's job to go", 5)


if __name__ == "__main__":
    unittest.main()
