# SPDX-License-Identifier: Apache-2.0
"""The spooler's traps: what somebody does by hand on the host to a job while Platen fills it.

The document is cut off by a stopped submit worker, so that the held job is there for as long as the
test needs it. Whatever happens, the device gets the whole document once, or nothing of it.
"""
import os
import pathlib
import re
import signal
import subprocess
import time
import unittest

from cable import Cable
from harness import Guest, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for

HELD, CANCELED, COMPLETED = 4, 7, 9
DATA = os.urandom(1 << 20) * 64
RAW = ("-o", "document-format=application/vnd.cups-raw")


class TrapsTest(unittest.TestCase):
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
        self.cable = Cable(self.lab.dir / "cable", self.host.channel("box"))
        self.lab.closers.append(self.cable.close)
        self.guest = Guest(self.lab, self.host)
        self.guest.config.write_text(self.guest.config.read_text().replace(
            str(self.host.channel("box")), str(self.lab.dir / "cable")))
        self.guest.start()
        wait_for(lambda: sum(p["guest"] == "ready" for p in
                             self.host.ask("printers", workspace="box")["data"]["printers"]) == 2, "the queues")

    def signal_workers(self, number):
        for pid, argv in self.host.children("platen-spool"):
            if argv[1] == "submit":
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

    def test_released_early(self):
        number, job = self.filling()
        self.spooler.run("lp", "-i", job, "-H", "resume")
        self.whole_or_nothing(number)

    def test_cancelled(self):
        number, job = self.filling()
        self.spooler.run("cancel", job)
        self.whole_or_nothing(number)

    def test_purged(self):
        number, job = self.filling()
        self.spooler.run("cancel", "-x", job)
        self.whole_or_nothing(number)

    def test_moved(self):
        number, job = self.filling()
        self.spooler.run("lpmove", job, "other")
        self.whole_or_nothing(number)

    def test_printer_paused(self):
        number, _ = self.filling()
        self.spooler.run("cupsdisable", "laser")
        self.signal_workers(signal.SIGCONT)
        self.spooler.run("cupsenable", "laser")
        self.whole_or_nothing(number)

    def test_printer_rejects(self):
        number, _ = self.filling()
        self.spooler.run("cupsreject", "laser")
        self.whole_or_nothing(number)

    def test_restarted(self):
        """A held job by "lp -H restart" is as one that is released early."""
        number, job = self.filling()
        self.spooler.run("lp", "-i", job, "-H", "restart", check=False)
        self.whole_or_nothing(number)

    def test_restarted_when_it_was_printed(self):
        """By whoever wants it once more: that is nobody's but the spooler's, and the guest's job stays over."""
        number = self.guest.print("laser", DATA[:1 << 20], *RAW)
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "its end")
        rows = self.host.ask("jobs", all=True)["data"]["jobs"]
        self.spooler.run("lp", "-i", f"laser-{rows[0]['host_job']}", "-H", "restart")
        wait_for(lambda: len(self.device.received) == 2, "the copy that was asked for")
        wait_for(lambda: not self.spooler.jobs("not-completed"), "the host's job to end")
        self.assertEqual(self.host.ask("jobs", all=True)["data"]["jobs"], rows)
        self.assertEqual(self.guest.job(number)["job-state"], COMPLETED)
        self.assertEqual(len(self.guest.spooler.jobs()), 1)

    def test_held_by_hand_when_it_is_released(self):
        """And released again, also over a restart of platend and of cupsd: no person is asked."""
        number = self.waiting()
        job = next(j["job-id"] for j in self.spooler.jobs() if j["job-state"] == 3)
        self.spooler.run("lp", "-i", f"laser-{job}", "-H", "hold")
        wait_for(lambda: self.noted("held by somebody"), "platend to have noted it")
        self.host.stop()
        self.spooler.stop()
        self.spooler.start()
        self.start_platend()
        self.assertEqual(next(j["job-state"] for j in self.spooler.jobs() if j["job-id"] == job), HELD)
        self.assertEqual(self.guest.job(number)["job-state"], 5)
        self.spooler.run("lp", "-i", f"laser-{job}", "-H", "resume")
        self.device.paused.set()
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"its end, it is {self.guest.job(number)}", 30)
        wait_for(lambda: self.device.received.count(DATA[:1 << 20]) == 1, "the document")

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

    def saved_as_held(self):
        """A guest's job that waits on the host, released; and what cupsd had saved of it while it was held."""
        self.settings("DirtyCleanInterval 0")
        self.device.paused.clear()
        self.addCleanup(self.device.paused.set)
        number, _ = self.filling()
        job = self.spooler.jobs()[-1]["job-id"]
        path = self.spooler.dir / f"spool/c{job:05d}"
        wait_for(path.exists, "cupsd to save it")
        saved = path.read_bytes()
        self.signal_workers(signal.SIGCONT)
        wait_for(lambda: self.spooler.jobs()[-1]["job-state"] == 5, "it to be printed")
        return number, path, saved

    def test_a_spooler_that_forgot_the_release(self):
        """It holds the job again, of which the device may have everything: neither released nor sent again."""
        for platend_too in (False, True):
            with self.subTest(platend_too=platend_too):
                number, path, saved = self.saved_as_held()
                wait_for(lambda: self.host.ask("jobs")["data"]["jobs"][0]["phase"] == "processing", "platend to know")
                if platend_too:
                    self.host.stop(signal.SIGKILL)
                self.spooler.stop(signal.SIGKILL)
                path.write_bytes(saved)
                self.device.paused.set()
                self.spooler.start()
                if platend_too:
                    self.start_platend()
                wait_for(lambda: self.guest.job(number)["job-state"] == HELD, f"a person, it is {self.guest.job(number)}", 20)
                self.assertIn("It is not known whether this was printed", self.why(number))
                wait_for(lambda: not self.spooler.jobs("not-completed"), "the host's job to be gone")
                self.guest.spooler.run("cancel", f"laser-{number}")

    def test_a_spooler_that_has_a_job_twice(self):
        """cupsd 2.4.2 loads all jobs once more when its cache names one whose file is gone, as after a loss of power.
        A cancel takes one of the two, and the other stays: a person is asked, not waited for without an end."""
        number, path, saved = self.saved_as_held()
        self.spooler.stop(signal.SIGKILL)
        path.write_bytes(saved)
        job = int(path.name[1:])
        cache = self.spooler.dir / "cache/job.cache"
        text = cache.read_text()
        block = text[text.index(f"<Job {job}>"):]
        block = re.sub(r"State \d", "State 4", block[:block.index("</Job>") + len("</Job>\n")])
        cache.write_text(f"NextJobId {job + 1}\n{block}{block.replace(f'<Job {job}>', f'<Job {job + 100}>')}")
        self.device.paused.set()
        self.spooler.start()
        self.assertEqual([j["job-id"] for j in self.spooler.jobs()], [job, job])
        wait_for(lambda: self.guest.job(number)["job-state"] == HELD, f"a person, it is {self.guest.job(number)}", 90)
        self.assertIn("It is not known whether this was printed", self.why(number))
        self.assertLessEqual(len(self.device.received), 1)

    def test_a_number_that_is_given_out_again(self):
        """cupsd was killed and forgot the job; the next has its number, and its end is not the other's."""
        self.settings("")  # it saves its queues
        number = self.waiting()
        lost = max(j["job-id"] for j in self.spooler.jobs())
        self.host.stop(signal.SIGKILL)
        self.spooler.stop(signal.SIGKILL)
        self.device.paused.set()
        self.spooler.start()
        page = self.lab.dir / "another"
        page.write_bytes(b"another's page")
        while lost not in (found := [j["job-id"] for j in self.spooler.jobs()]):
            self.assertLess(max(found, default=0), lost)
            self.spooler.run("lp", "-d", "laser", *RAW, page)
        wait_for(lambda: not self.spooler.jobs("not-completed"), "the other to be printed")
        self.start_platend()
        wait_for(lambda: self.guest.job(number)["job-state"] == HELD, f"a person, it is {self.guest.job(number)}", 20)
        self.assertIn("It is not known whether this was printed", self.why(number))
        self.assertEqual({j["job-state"] for j in self.spooler.jobs()}, {COMPLETED})

    # -- cupsd's timeout and limits

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

    # -- what it syncs of a job, which is nothing

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
        worker = [pid for pid, argv in self.host.children("platen-spool") if argv[1] == "submit"]
        log = self.lab.dir / "calls"
        tracer = subprocess.Popen(["strace", "-f", "-y", "-s", "64", "-e", "trace=fsync,sendto", "-o", log,
                                   *[f"-p{pid}" for pid in worker]], stderr=subprocess.DEVNULL)
        self.addCleanup(tracer.wait)
        self.addCleanup(tracer.terminate)
        wait_for(lambda: all("TracerPid:\t0\n" not in pathlib.Path(f"/proc/{pid}/status").read_text() for pid in worker),
                 "the workers to be traced")
        number = self.guest.print("laser", b"page", *RAW)
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "its end")
        tracer.terminate()
        tracer.wait()
        # IPP 2.0, Release-Job (0x000D), as strace writes it
        lines = [line for line in log.read_text().splitlines() if "fsync(" in line or '"\\2\\0\\0\\r' in line]
        self.assertEqual(len(lines), 2, log.read_text())
        self.assertIn(f"{self.spooler.dir}/spool/d0", lines[0])
        self.assertIn("= 0", lines[0])

    # -- a class

    def add_pool(self):
        self.spooler.run("lpadmin", "-p", "laser", "-c", "pool")
        self.spooler.run("lpadmin", "-p", "other", "-c", "pool")
        self.spooler.run("cupsenable", "pool")
        self.spooler.run("cupsaccept", "pool")
        wait_for(lambda: any(p["name"] == "pool" and p["guest"] == "ready" for p in
                             self.host.ask("printers", workspace="box")["data"]["printers"]), "the pool in the guest")

    def test_a_job_of_a_class_that_cupsd_forgets(self):
        """It is over in the guest when it has ended, or cupsd has it on disk: a person is asked when it is lost before."""
        self.add_pool()
        self.settings("DirtyCleanInterval 30")
        self.spooler.run("cupsdisable", "laser", "other")
        number = self.guest.print("pool", b"a page", *RAW)
        wait_for(lambda: [j for j in self.host.ask("jobs")["data"]["jobs"] if j["phase"] == "pending"], "it to be released")
        time.sleep(2)  # that it does not end can only be waited for
        self.assertEqual(self.guest.job(number)["job-state"], 5)
        self.spooler.stop(signal.SIGKILL)
        self.spooler.start()
        wait_for(lambda: self.guest.job(number)["job-state"] == HELD, f"a person, it is {self.guest.job(number)}", 20)
        self.assertIn("It is not known whether this was printed", self.why(number))

    def test_a_job_of_a_class_that_cupsd_has_saved(self):
        """It is over in the guest while it waits on the host, and is printed once whatever is killed then."""
        self.add_pool()
        self.settings("DirtyCleanInterval 1")
        self.spooler.run("cupsdisable", "laser", "other")
        number = self.guest.print("pool", b"a page", *RAW)
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"its end, it is {self.guest.job(number)}", 20)
        self.spooler.stop(signal.SIGKILL)
        self.host.stop(signal.SIGKILL)
        self.spooler.start()
        self.start_platend()
        self.spooler.run("cupsenable", "laser", "other")
        wait_for(lambda: self.device.received + self.other.received, "the page")
        wait_for(lambda: self.host.ask("jobs", all=True)["data"]["jobs"][0]["phase"] == "completed", "its end")
        self.assertEqual(self.device.received + self.other.received, [b"a page"])

    def test_a_job_of_a_class_that_cupsd_had_saved_and_loses(self):
        """With the host's power, as it syncs nothing: it is over in the guest, and asked about on the host, where a
        person has the guest print it again."""
        self.add_pool()
        self.settings("DirtyCleanInterval 1")
        self.spooler.run("cupsdisable", "laser", "other")
        number = self.guest.print("pool", b"a page", *RAW)
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"its end, it is {self.guest.job(number)}", 20)
        self.host.stop(signal.SIGKILL)
        self.spooler.stop(signal.SIGKILL)
        for path in self.spooler.dir.glob("spool/[cd]0*"):
            path.unlink()
        self.spooler.start()
        self.start_platend()
        self.spooler.run("cupsenable", "laser", "other")
        row, = wait_for(lambda: [j for j in self.host.ask("jobs")["data"]["jobs"] if j["phase"] == "ask"], "the question", 30)
        self.assertEqual(self.device.received + self.other.received, [])
        wait_for(lambda: self.host.ask("workspaces")["data"]["workspaces"][0]["link"] == "connected", "the workspace")
        self.assertTrue(self.host.ask("job", action="retry", workspace="box", job=f"{row['uuid'][:8]}/{row['file']}")["ok"])
        wait_for(lambda: self.device.received + self.other.received, "the page")
        wait_for(lambda: [j["phase"] for j in self.host.ask("jobs", all=True)["data"]["jobs"]] == ["completed"], "its end")
        self.assertEqual(self.device.received + self.other.received, [b"a page"])

    def test_a_class_hands_it_to_a_member(self):
        """Once, to one of them; also when platend is killed meanwhile, and when the member goes away."""
        self.add_pool()
        pages = [b"page %d" % n for n in range(4)]
        for n, page in enumerate(pages):
            number = self.guest.print("pool", page, *RAW)
            if n % 2:
                # Before its release nobody could tell whether the spooler forgot it: a person would be asked.
                wait_for(lambda: sum(j["job-state"] != 4 for j in self.spooler.jobs()) > n, "it to be released on the host")
                self.host.stop(signal.SIGKILL)
                self.start_platend()
            wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"its end, it is {self.guest.job(number)}", 30)
        wait_for(lambda: len(self.device.received + self.other.received) == 4, "all to be printed")
        self.assertEqual(sorted(self.device.received + self.other.received), pages)
        wait_for(lambda: [j["phase"] for j in self.host.ask("jobs", all=True)["data"]["jobs"]] == ["completed"] * 4,
                 "all to have ended in the ledger")
        self.assertEqual({j["printer"] for j in self.host.ask("jobs", all=True)["data"]["jobs"]}, {"pool"})
        self.spooler.run("cupsdisable", "laser", "other")
        number = self.guest.print("pool", DATA[:1 << 20], *RAW)
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 3], "it to wait in the class")
        self.spooler.run("lpadmin", "-x", "laser")
        self.spooler.run("cupsenable", "other")
        wait_for(lambda: self.host.ask("jobs", all=True)["data"]["jobs"][0]["phase"] == "completed", "its end", 60)
        wait_for(lambda: DATA[:1 << 20] in self.other.received, "the document")
        self.assertEqual((self.device.received + self.other.received).count(DATA[:1 << 20]), 1)
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "its end in the guest")

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

    def test_the_spooler_restarts_while_a_job_waits(self):
        """cupsd keeps the job: nobody has to be asked, and it prints once when the printer goes on."""
        number = self.waiting()
        for _ in range(2):
            self.spooler.stop()
            self.spooler.start()
            wait_for(lambda: self.host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")
            self.assertEqual(self.guest.job(number)["job-state"], 5)
        self.device.paused.set()
        wait_for(lambda: (self.guest.job(number) or {}).get("job-state", COMPLETED) in (HELD, COMPLETED), "its end", 20)
        self.assertEqual(self.guest.job(number)["job-state"], COMPLETED)
        wait_for(lambda: DATA[:1 << 20] in self.device.received, "the document")
        self.assertEqual(self.device.received.count(DATA[:1 << 20]), 1)


    # -- the printer is deleted

    def said(self, number, words):
        wait_for(lambda: words in str((self.guest.job(number) or {}).get("job-printer-state-message", "")),
                 f"the guest's job to say: {words}; it says {self.guest.job(number)}", 2)

    def why(self, number):
        """Why it is held: cupsd's own message is wiped when the next job begins."""
        uuid = self.guest.job(number)["job-uuid"].rsplit(":", 1)[1]
        return next(line for line in self.lab.log("guest-box-agent").splitlines()
                    if "held in this workspace" in line and uuid in line)

    def comes_back(self, number):
        """Somebody adds the printer again: what waited for it is printed, once."""
        self.signal_workers(signal.SIGCONT)
        self.spooler.add_queue("laser", self.device.uri + "/?snmp=false", self.lab.dir / "vendor.ppd")
        self.device.paused.set()
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"the job, it is {self.guest.job(number)}", 30)

    def test_printer_deleted_while_it_is_filled(self):
        number, _ = self.filling()
        self.spooler.run("lpadmin", "-x", "laser")
        self.said(number, "Waiting for the host to offer this printer")
        self.assertIn("not taken", self.lab.log("platend"))  # by whoever heard of it first, the watch or the one that fills it
        self.comes_back(number)
        wait_for(lambda: self.device.received, "the document")
        self.assertTrue(self.device.received == [DATA])

    def test_printer_deleted_while_a_job_waits(self):
        """The host's job goes with it, unprinted: the guest keeps it."""
        number = self.waiting()
        self.spooler.run("lpadmin", "-x", "laser")
        self.said(number, "Waiting for the host to offer this printer")
        self.comes_back(number)
        wait_for(lambda: DATA[:1 << 20] in self.device.received, "the document")
        self.assertEqual(self.device.received.count(DATA[:1 << 20]), 1)

    def test_printer_deleted_while_it_prints(self):
        """Nobody knows how much came out: a person decides."""
        self.device.paused.clear()
        self.addCleanup(self.device.paused.set)
        number = self.guest.print("laser", DATA, "-o", "document-format=application/vnd.cups-raw")
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 5], "it to be printing")
        wait_for(lambda: "host" in str(self.guest.job(number)), "the guest to know")
        self.spooler.run("lpadmin", "-x", "laser")
        wait_for(lambda: self.guest.job(number)["job-state"] == HELD, f"the job to be held, it is {self.guest.job(number)}", 5)
        self.assertIn("The printer was deleted", self.why(number))

    # -- the guest's backend is killed

    @staticmethod
    def signal_program(program, number):
        for p in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if os.readlink(p / "exe") == str(program):
                    os.kill(int(p.name), number)
            except OSError:
                pass  # it has ended

    def killed_backend(self):
        """A job of which cupsd thinks that it is printed, as its backend was killed (for want of memory, say)."""
        number, _ = self.filling()
        self.signal_program(self.guest.spooler.dir / "bin/backend/platen", signal.SIGKILL)
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "cupsd to think so", 5)
        return number

    def printed_once(self):
        wait_for(lambda: self.device.received, "the document", 20)
        wait_for(lambda: not self.spooler.jobs("not-completed"), "the host's jobs to end")
        self.assertTrue(self.device.received == [DATA])

    def test_a_killed_backend(self):
        number = self.killed_backend()
        wait_for(lambda: self.guest.job(number)["job-state"] == 5, "the job to be run again", 5)
        self.signal_workers(signal.SIGCONT)
        self.printed_once()
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "its end")

    def test_a_killed_backend_of_a_spooler_that_keeps_no_files(self):
        self.guest.spooler.extra = "PreserveJobFiles No"
        self.guest.spooler.write_config()
        self.guest.spooler.stop()
        self.guest.spooler.start()
        self.killed_backend()
        self.signal_workers(signal.SIGCONT)
        self.printed_once()

    # -- what cupsd tells, or forgets to tell

    def test_a_killed_spooler_that_remembers_us(self):
        """It has the subscription and not the job, and takes connections all the time (cups.socket): a person is asked."""
        self.spooler.stop()
        self.spooler.start()
        wait_for(lambda: self.host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")
        number = self.waiting()
        watch = next(pid for pid, argv in self.host.children("platen-spool") if argv[1] == "watch")
        os.kill(watch, signal.SIGSTOP)
        try:
            self.spooler.stop(signal.SIGKILL)
            self.spooler.start()
        finally:
            os.kill(watch, signal.SIGCONT)
        wait_for(lambda: self.guest.job(number)["job-state"] == HELD, f"the job to be held, it is {self.guest.job(number)}", 10)
        self.assertIn("It is not known whether this was printed", self.why(number))

    def test_a_list_of_subscriptions_that_was_cut_short(self):
        """By a loss of power. cupsd dies when it is asked for the subscriptions of one user then, again and again."""
        self.spooler.stop()
        conf = self.spooler.dir / "etc/subscriptions.conf"
        conf.write_text("NextSubscriptionId 4\n<Subscription 3>\nEvents printer-state-changed printer-restarted job-")
        self.spooler.start()
        wait_for(lambda: self.host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")
        number = self.guest.print("laser", b"short", "-o", "document-format=application/vnd.cups-raw")
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "the job to be printed")
        self.assertIsNone(self.spooler.process.poll())

    def events_that_are_lost(self):
        """A job of the guest's that is printed while cupsd's notifier takes the events to its grave."""
        number = self.waiting()
        notifier = self.spooler.dir / "bin/notifier/platen"
        self.signal_program(notifier, signal.SIGSTOP)
        self.device.paused.set()
        wait_for(lambda: not self.spooler.jobs("not-completed"), "the host's jobs to end")
        self.assertEqual(self.guest.job(number)["job-state"], 5)
        self.signal_program(notifier, signal.SIGKILL)
        return number

    def test_a_killed_notifier(self):
        number = self.events_that_are_lost()
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "the guest to hear of it", 15)

    def test_a_killed_notifier_of_a_spooler_that_keeps_no_history(self):
        """How the job ended, nobody can tell any more."""
        self.spooler.extra = "PreserveJobHistory No"
        self.spooler.write_config()
        self.spooler.stop()
        self.spooler.start()
        wait_for(lambda: self.host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")
        number = self.events_that_are_lost()
        wait_for(lambda: self.guest.job(number)["job-state"] == HELD, "a person to be asked", 20)
        self.assertIn("It is not known whether this was printed", self.why(number))

    def test_no_history(self):
        """Jobs that are purged as soon as they end are known to have ended, however short they were."""
        self.spooler.extra = "PreserveJobHistory No"
        self.spooler.write_config()
        self.spooler.stop()
        self.spooler.start()
        wait_for(lambda: self.host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")
        for n in range(20):
            number = self.guest.print("laser", b"short", "-o", "document-format=application/vnd.cups-raw")
            if n % 2:
                watch = next(pid for pid, argv in self.host.children("platen-spool") if argv[1] == "watch")
                os.kill(watch, signal.SIGSTOP)
                wait_for(lambda: len(self.device.received) > n, "it to be printed")
                os.kill(watch, signal.SIGCONT)
            wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "its end", 4)

    def test_events_while_we_do_not_listen(self):
        """More than a socket takes: what was left out is looked up."""
        number = self.waiting()
        watch = next(pid for pid, argv in self.host.children("platen-spool") if argv[1] == "watch")
        os.kill(watch, signal.SIGSTOP)
        try:
            for n in range(330):
                self.spooler.run("cupsdisable", "-r", str(n), "other")
                self.spooler.run("cupsenable", "other")
            self.spooler.run("cancel", "-a", "laser")
            wait_for(lambda: "laser" not in self.spooler.run("lpstat", "-o").stdout, "the jobs to be cancelled")
        finally:
            os.kill(watch, signal.SIGCONT)
        wait_for(lambda: self.guest.job(number)["job-state"] == CANCELED, f"the cancel, it is {self.guest.job(number)}", 10)

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
