# SPDX-License-Identifier: Apache-2.0
"""platen-queues against a real cupsd: making, changing, marking and removing queues, what it
leaves alone, and cupsd's comings and goings. Where a supply report runs the real backend, a
stand-in answers it for platen-agent (guestside.Supplier)."""
import errno
import gzip
import os
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import uuid

from guestside import (CANCEL_JOB, DEFAULT, DOWN, LIST, NAME, PAUSE, PING, PPD, PRINTER, PUT,
    QUEUES, REMOVE, RESUME, UP, URI, WATCH, Agent, Cupsd, Supplier, Worker, attribute, fixed,
    wait_for)

TIMEOUT = 200
EPERM, ENOENT, EBUSY, EINVAL, ECONNREFUSED = -1, -2, -16, -22, -111
ADD_CLASS = 0x4006

SUPPLIES = dict(names='"Black, XL","Cyan"', types="toner,toner", colors="#000000,#00ffff",
    levels="80,-1", low="5,5", high="100,100")


class Case(unittest.TestCase):
    settings = ""  # more lines for cupsd.conf

    def setUp(self):
        self.cupsd = Cupsd(self.settings)
        self.addCleanup(self.cupsd.close)
        self.worker = None

    def start(self, watch=False):
        self.worker = Worker(self.cupsd.socket)
        self.addCleanup(self.worker.close)
        if watch:
            self.assertEqual(self.worker.request(WATCH)[0].error, 0)
            self.assertEqual(self.worker.next_news(5).kind, UP)
        return self.worker

    def put(self, *args, **kwargs):
        done = self.worker.put(*args, **kwargs)
        self.assertEqual(done.error, 0, done.text)

    def shown(self, name, *wanted):
        """Attributes of a queue, lists of one as their value."""
        got = self.cupsd.queue(name, *wanted)
        return {k: v[0] if len(v) == 1 else v for k, v in got.items() if k}


class Queues(Case):
    def test_made_as_asked_for(self):
        self.start()
        self.put("Laser", info="Büro \"Süd\"", location="3. OG", fingerprint="0123456789abcdef",
            defaults={"number-up": "2", "job-sheets": "standard,none", "note": "a b, c"})
        got = self.shown("Laser")
        self.assertEqual(got["device-uri"], "platen:/Laser")
        self.assertEqual(got["printer-info"], "Büro \"Süd\"")
        self.assertEqual(got["printer-location"], "3. OG")
        self.assertEqual(got["printer-make-and-model"], "Platen Test @NUMBER@")
        self.assertEqual(got["printer-state"], 3)
        self.assertEqual(got["printer-error-policy"], "retry-current-job")
        # Or cupsd would cancel a job that waits for the host, after MaxJobTime.
        self.assertEqual(got["job-cancel-after-default"], 315360000)
        self.assertEqual(got["number-up-default"], 2)
        self.assertEqual(got["job-sheets-default"], ["standard", "none"])
        self.assertEqual(got["note-default"], "a b, c")
        self.assertIs(got["printer-is-shared"], False)
        self.assertIs(got["printer-is-accepting-jobs"], True)
        queue = self.worker.list()["Laser"]
        self.assertEqual((queue.ours, queue.uri, queue.fingerprint, queue.jobs, queue.state,
            queue.is_default), (1, "platen:/Laser", "0123456789abcdef", 0, 3, 0))

    def test_changed_only_if_it_is_there(self):
        """A person may have removed it, and made another in its place, of which the agent has not heard."""
        self.start()
        self.assertEqual(self.worker.put("Laser", there=1).error, ENOENT)
        self.assertEqual(self.cupsd.queues(), [])
        self.put("Laser", info="one")
        self.put("Laser", info="two", there=1)
        self.assertEqual(self.shown("Laser")["printer-info"], "two")
        self.cupsd.add("theirs", "file:///dev/null", None)
        self.assertEqual(self.worker.put("theirs", there=1).error, EPERM)

    def test_names(self):
        """Names that need escapes in a URI, and the longest one, lead to the same queue again."""
        self.start()
        for name in ("50%_off", "Bürodrucker", "a+b;c@d", "q" * 127, "漢字"):
            with self.subTest(name):
                self.put(name, fingerprint="1")
                self.put(name, fingerprint="2")
                self.assertEqual(self.worker.list()[name].fingerprint, "2")
                self.assertEqual(self.worker.request(REMOVE, name)[0].error, 0)
                self.assertNotIn(name, self.worker.list())

    def test_bad_names(self):
        self.start()
        for name in ("", "a b", "a/b", "-a", "q#1"):
            with self.subTest(name):
                self.assertEqual(self.worker.put(name).error, EINVAL)
                self.assertEqual(self.worker.request(REMOVE, name)[0].error, EINVAL)
        done = self.worker.put("q", info="a\nb")
        self.assertEqual((done.error, bool(done.text)), (EINVAL, True))
        self.assertEqual(self.cupsd.queues(), [])

    def test_whether_a_job_is_there(self):
        """How the agent learns that a job was purged, whose backend could not say so."""
        self.start()
        self.put("Laser")
        self.cupsd.ask(PAUSE, "Laser", auth=True, resource="/admin/")
        job = self.cupsd.print("Laser")
        mine = uuid.UUID(self.cupsd.job(job, "job-uuid")["job-uuid"][0]).bytes
        self.assertEqual(self.worker.job(job, mine), 0)
        self.assertEqual(self.worker.job(job, bytes(16)), -errno.ENOENT)  # its number was given out again
        self.cupsd.ask(CANCEL_JOB, job=job)
        self.assertEqual(self.worker.job(job, mine), -errno.ECANCELED)
        self.assertEqual(self.worker.job(job + 1, mine), -errno.ENOENT)

    def test_what_was_completed(self):
        """Each job of ours once, unless all are asked for; then it is given back, or held."""
        self.start()
        self.assertEqual(self.worker.ended(), (0, []))
        self.put("Laser")
        self.cupsd.add("theirs", "file:///dev/null", None)
        other = self.cupsd.print("theirs", kind="application/vnd.cups-raw")
        self.cupsd.wait_state(other, 9)
        self.assertEqual(self.worker.ended(), (other, []))

        def killed(job):
            for pid in wait_for(self.cupsd.backends, "its backend"):
                os.kill(pid, signal.SIGKILL)
            self.cupsd.wait_state(job, 9)

        job = self.cupsd.print("Laser")
        killed(job)
        mine = uuid.UUID(self.cupsd.job(job, "job-uuid")["job-uuid"][0])
        self.assertEqual(self.worker.ended(), (job, [(job, 1, mine, "Laser")]))
        self.assertEqual(self.worker.ended(), (job, []))
        self.assertEqual(self.worker.ended(anew=1), (job, [(job, 1, mine, "Laser")]))
        self.assertEqual(self.worker.ended(anew=1, behind=job), (job, []))
        self.assertEqual(self.worker.job(job, mine.bytes), 0)
        self.cupsd.wait_state(job, 5)
        self.assertEqual(self.worker.ended(anew=1), (other, []))
        killed(job)
        self.assertEqual(self.worker.job(job, mine.bytes, hold=1), 0)
        self.cupsd.wait_state(job, 4)
        self.cupsd.ask(CANCEL_JOB, job=job)
        self.assertEqual(self.worker.ended(anew=1), (other, []))
        command = self.cupsd.print("Laser", b"#CUPS-COMMAND\nReportLevels\n", kind="application/vnd.cups-command")
        self.cupsd.wait_state(command, 9)
        self.assertEqual(self.worker.ended(), (command, []))

    def test_again_is_the_same(self):
        """PUT twice: nothing differs, and its job is not disturbed when no driver comes along."""
        self.start()
        self.put("Laser", defaults={"number-up": "2"})
        self.cupsd.ask(PAUSE, "Laser", auth=True, resource="/admin/")
        job = self.cupsd.print("Laser")
        before = self.shown("Laser")
        self.put("Laser", ppd=None, defaults={"number-up": "2"})
        after = self.shown("Laser")
        for key in ("printer-up-time", "printer-config-change-time", "printer-config-change-date-time",
                "printer-current-time"):
            before.pop(key, None), after.pop(key, None)
        self.assertEqual(before, after)
        self.assertEqual(self.cupsd.state(job), 3)

    def test_changed(self):
        self.start()
        self.put("Laser", info="old", defaults={"number-up": "2", "job-sheets": "standard,none"})
        self.put("Laser", info="new", location="there", accepting=0, fingerprint="f2",
            ppd=PPD.replace("@NUMBER@", "Second"), defaults={"note": "new"})
        got = self.shown("Laser")
        self.assertEqual((got["printer-info"], got["printer-location"]), ("new", "there"))
        self.assertEqual(got["printer-make-and-model"], "Platen Test Second")
        self.assertEqual(got["note-default"], "new")
        self.assertIs(got["printer-is-accepting-jobs"], False)
        # Defaults that the host dropped are gone.
        self.assertEqual(got["job-sheets-default"], ["none", "none"])
        self.assertNotEqual(got.get("number-up-default"), 2)

    def test_person_default_stays(self):
        """A default that a person set for a queue of ours survives our changes."""
        self.start()
        self.put("Laser", defaults={"number-up": "2"})
        self.cupsd.run("lpadmin", "-p", "Laser", "-o", "note-default=mine")
        self.put("Laser", fingerprint="f2")
        self.assertEqual(self.shown("Laser")["note-default"], "mine")

    def test_drivers(self):
        """Gzip, CRLF and Latin-1 are taken as cupsd takes them."""
        self.start()
        for number, ppd in enumerate((gzip.compress(PPD.encode()), PPD.replace("\n", "\r\n"),
                PPD.replace("UTF-8", "ISOLatin1").replace("Media Size", "Größe").encode("latin-1"))):
            with self.subTest(number):
                self.put(f"q{number}", ppd=ppd)
                self.assertEqual(self.shown(f"q{number}")["printer-make-and-model"],
                    "Platen Test @NUMBER@")

    def test_driver_refused(self):
        """No PPD, an empty one, a broken one: said in cupsd's words, no queue is left behind, and a
        queue that was there keeps the driver that it had."""
        self.start()
        self.put("Kept")
        for number, (ppd, words) in enumerate((("hello", "PPD"), ("", "line 0"),
                ('*PPD-Adobe: "4.3"\nnonsense\n', "line 2"))):
            with self.subTest(number):
                for name in ("New", "Kept"):
                    done = self.worker.put(name, ppd=ppd, fingerprint="bad")
                    self.assertEqual(done.error, EINVAL, done.text)
                    self.assertIn(words if name == "New" else "", done.text)
                    self.assertTrue(done.text)
                self.assertEqual(self.cupsd.queues(), ["Kept"])
                got = self.shown("Kept")
                self.assertEqual(got["printer-make-and-model"], "Platen Test @NUMBER@")
                self.assertEqual(got["platen-fingerprint-default"], "f1")

    def test_not_ours(self):
        """A person's queue, and a class, with a name that we are told: untouched whatever is asked."""
        self.cupsd.add("Theirs", "file:///dev/null")
        self.cupsd.ask(ADD_CLASS, operation=attribute(URI, "printer-uri",
            "ipp://localhost/classes/Group"), group=bytes([PRINTER]) + attribute(URI, "member-uris",
            "ipp://localhost/printers/Theirs"), resource="/admin/", auth=True)
        self.start()
        before = self.shown("Theirs")
        queues = self.worker.list()
        self.assertEqual((queues["Theirs"].ours, queues["Theirs"].uri), (0, "file:///dev/null"))
        self.assertEqual(queues["Group"].ours, 0)
        for name in ("Theirs", "tHEIRS"):
            for done in (self.worker.put(name), self.worker.put(name, ppd=None),
                    self.worker.request(REMOVE, name)[0], self.worker.request(DEFAULT, name)[0],
                    self.worker.state(name, stopped=1, accepting=0, text="x", levels="5")):
                self.assertEqual(done.error, EPERM)
                self.assertIn(name, done.text)
        for done in (self.worker.put("Group"), self.worker.request(REMOVE, "Group")[0]):
            self.assertLess(done.error, 0)
        after = self.shown("Theirs")
        for key in ("printer-up-time", "printer-current-time"):
            before.pop(key, None), after.pop(key, None)
        self.assertEqual(before, after)
        self.assertEqual(sorted(self.cupsd.queues()), ["Group", "Theirs"])

    def test_removed(self):
        """Not while it has jobs; then it goes, and going again is no fault."""
        self.start()
        self.put("Laser")
        self.cupsd.ask(PAUSE, "Laser", auth=True, resource="/admin/")
        job = self.cupsd.print("Laser")
        done = self.worker.request(REMOVE, "Laser")[0]
        self.assertEqual(done.error, EBUSY)
        self.assertIn("1 job", done.text)
        self.cupsd.ask(CANCEL_JOB, job=job, resource="/jobs/")
        self.assertEqual(self.worker.request(REMOVE, "Laser")[0].error, 0)
        self.assertEqual(self.cupsd.queues(), [])
        self.assertEqual(self.worker.request(REMOVE, "Laser")[0].error, 0)

    def test_default(self):
        self.start()
        self.put("One")
        self.put("Two")
        self.assertEqual(self.worker.request(DEFAULT, "Two")[0].error, 0)
        queues = self.worker.list()
        self.assertEqual((queues["One"].is_default, queues["Two"].is_default), (0, 1))
        self.assertEqual(self.worker.request(DEFAULT, "None")[0].error, ENOENT)

    def test_two_hundred(self):
        """So many are made, found, changed and removed; the time is printed, not judged."""
        self.start()
        names = [f"Printer_{i:03}" for i in range(200)]
        begun = time.monotonic()
        for name in names:
            self.put(name, ppd=PPD + ("*% " + "x" * 200 + "\n") * 130, defaults={"number-up": "2"})
        made = time.monotonic()
        self.assertEqual(sorted(self.worker.list()), names)
        listed = time.monotonic()
        for name in names:
            self.assertEqual(self.worker.state(name).error, 0)
        marked = time.monotonic()
        for name in names:
            self.put(name, ppd=None, info="changed")
        changed = time.monotonic()
        for name in names:
            self.assertEqual(self.worker.request(REMOVE, name)[0].error, 0)
        gone = time.monotonic()
        print(f"200 queues: made in {made - begun:.3f} s, listed in {listed - made:.3f} s, states "
            f"looked at in {marked - listed:.3f} s, changed in {changed - marked:.3f} s, removed in "
            f"{gone - changed:.3f} s")
        self.assertEqual(self.cupsd.queues(), [])


class State(Case):
    def setUp(self):
        super().setUp()
        self.agent = Agent(self.cupsd.agent_dir)
        self.supplier = Supplier(self.agent, {})
        self.addCleanup(self.supplier.close)
        self.start()
        self.put("Laser")

    def set(self, **kwargs):
        done = self.worker.state("Laser", **kwargs)
        self.assertEqual(done.error, 0, done.text)

    def wait_message(self, text, seconds):
        wait_for(lambda: self.shown("Laser")["printer-state-message"] == text, f"the message {text}",
            seconds)

    def markers(self, name="Laser"):
        return self.shown(name, "marker-levels").get("marker-levels")

    def test_shown(self):
        self.set(reasons="media-empty,door-open", text="Open the door", accepting=0)
        got = self.shown("Laser")
        self.assertEqual(got["printer-state-reasons"], ["media-empty", "door-open"])
        self.assertEqual(got["printer-state-message"], "Open the door")
        self.assertIs(got["printer-is-accepting-jobs"], False)
        self.assertEqual(got["printer-state"], 3)
        text = self.cupsd.run("lpstat", "-l", "-p", "Laser").stdout
        self.assertIn("Open the door", text)
        self.assertIn("Alerts: media-empty door-open", text)
        self.set()
        got = self.shown("Laser")
        self.assertEqual((got["printer-state-reasons"], got["printer-state-message"]), ("none", ""))
        self.assertIs(got["printer-is-accepting-jobs"], True)

    def test_stopped(self):
        """Stopped with the real one, and going on with it; `paused` among reasons stops nothing."""
        self.set(reasons="paused,media-low")
        self.assertEqual(self.shown("Laser")["printer-state"], 3)
        self.set(stopped=1, reasons="paused", text="Stopped by hand there")
        got = self.shown("Laser")
        self.assertEqual((got["printer-state"], got["printer-state-reasons"]), (5, "paused"))
        self.set(stopped=1, reasons="media-jam")
        got = self.shown("Laser")
        self.assertEqual(got["printer-state"], 5)
        self.assertEqual(sorted(got["printer-state-reasons"]), ["media-jam", "paused"])
        self.set(stopped=0, reasons="media-jam")
        got = self.shown("Laser")
        self.assertEqual((got["printer-state"], got["printer-state-reasons"]), (3, "media-jam"))

    def test_person_paused(self):
        """A queue that a person paused here stays so, whatever the real one does."""
        self.cupsd.ask(PAUSE, "Laser", auth=True, resource="/admin/")
        for stopped in (0, 1, 0):
            self.set(stopped=stopped, reasons="media-low", text="x")
            got = self.shown("Laser")
            self.assertEqual(got["printer-state"], 5)
            self.assertIn("paused", got["printer-state-reasons"])

    def test_person_resumed(self):
        """One that stopped with the real one and was resumed here stays so, until that stops anew."""
        self.set(stopped=1)
        self.cupsd.ask(RESUME, "Laser", auth=True, resource="/admin/")
        self.set(stopped=1, text="x")
        self.assertEqual(self.shown("Laser")["printer-state"], 3)
        self.set(stopped=0)
        self.assertEqual(self.shown("Laser")["printer-state"], 3)
        self.set(stopped=1)
        self.assertEqual(self.shown("Laser")["printer-state"], 5)

    def test_supplies(self):
        """Levels appear within 2 s, with nothing left in the list of jobs, and the message and
        reasons, which the report wipes away, are there again."""
        self.supplier.levels["Laser"] = SUPPLIES
        begun = time.monotonic()
        self.set(reasons="offline-report,media-low", text="Tray 2 is low", **SUPPLIES)
        wait_for(self.markers, "the supply levels", 2)
        took = time.monotonic() - begun
        wait_for(lambda: not self.cupsd.jobs(), "the report to be purged", 2)
        self.wait_message("Tray 2 is low", 2)
        print(f"supply levels shown after {took * 1000:.0f} ms, all at rest after "
            f"{(time.monotonic() - begun) * 1000:.0f} ms")
        got = self.shown("Laser")
        self.assertEqual(got["marker-names"], ["Black, XL", "Cyan"])
        self.assertEqual(got["marker-levels"], [80, -1])
        self.assertEqual(got["marker-low-levels"], [5, 5])
        self.assertEqual(got["marker-high-levels"], [100, 100])
        self.assertEqual(got["marker-colors"], ["#000000", "#00ffff"])
        self.assertEqual(got["marker-types"], ["toner", "toner"])
        self.assertEqual(got["printer-state-reasons"], ["offline-report", "media-low"])
        self.assertEqual(self.supplier.asked, ["Laser"])

    def test_supplies_only_when_they_change(self):
        self.supplier.levels["Laser"] = SUPPLIES
        self.set(**SUPPLIES)
        wait_for(self.markers, "the supply levels", 2)
        self.set(text="Something else", **SUPPLIES)
        self.set()
        self.supplier.levels["Laser"] = dict(SUPPLIES, levels="70,-1")
        self.set(**self.supplier.levels["Laser"])
        wait_for(lambda: self.markers() == [70, -1], "the new levels", 2)
        self.assertEqual(self.supplier.asked, ["Laser", "Laser"])

    def test_supplies_wait_for_a_job(self):
        """No report while a job prints; it comes when that is over."""
        job = self.cupsd.print("Laser")
        connection, _ = wait_for(lambda: self.supplier.others, "the job to be handed over")[0]
        self.supplier.levels["Laser"] = SUPPLIES
        self.set(reasons="media-low", **SUPPLIES)
        self.assertEqual(self.shown("Laser")["printer-state-reasons"], "media-low")
        self.assertEqual(self.worker.request(PING)[0].error, 0)
        self.assertEqual([j["job-id"][0] for j in self.cupsd.jobs()], [job])
        connection.end(0)
        self.cupsd.wait_state(job, 9)
        wait_for(self.markers, "the supply levels", 2)
        self.assertEqual(self.supplier.asked, ["Laser"])

    def test_state_after_a_job(self):
        """What the end of a job wipes away is set again, when the agent tells the state then."""
        self.set(reasons="offline-report", text="Waiting for the host")
        job = self.cupsd.print("Laser")
        connection, _ = wait_for(lambda: self.supplier.others, "the job to be handed over")[0]
        self.set(reasons="offline-report", text="Waiting for the host")
        connection.end(0)
        self.cupsd.wait_state(job, 9)
        self.wait_message("Waiting for the host", 2)
        self.assertEqual(self.shown("Laser")["printer-state-reasons"], "offline-report")

    def test_supplies_wait_for_a_pause(self):
        """A paused queue is left alone: no job of ours waits in it."""
        self.cupsd.ask(PAUSE, "Laser", auth=True, resource="/admin/")
        self.supplier.levels["Laser"] = SUPPLIES
        self.set(**SUPPLIES)
        self.assertEqual(self.worker.request(PING)[0].error, 0)
        self.assertEqual(self.cupsd.jobs(), [])
        self.cupsd.ask(RESUME, "Laser", auth=True, resource="/admin/")
        self.set(**SUPPLIES)
        wait_for(self.markers, "the supply levels", 2)

    def test_supplies_without_an_agent(self):
        """Nobody answers the backend: it ends at once, and no job is left."""
        self.supplier.close()
        self.set(text="Still here", **SUPPLIES)
        wait_for(lambda: not self.cupsd.jobs(), "the report to be purged", 5)
        self.wait_message("Still here", 5)
        self.assertIsNone(self.markers())

    def test_supplies_of_many(self):
        """Forty queues at once: all are shown, and a job in between is not kept waiting long."""
        names = [f"q{i}" for i in range(40)]
        for name in names:
            self.put(name)
            self.supplier.levels[name] = SUPPLIES
        begun = time.monotonic()
        for name in names:
            self.assertEqual(self.worker.state(name, text="Hm", **SUPPLIES).error, 0)
        wait_for(lambda: all(self.markers(name) for name in names), "all levels", 10)
        wait_for(lambda: not self.cupsd.jobs(), "the report to be purged", 5)
        print(f"supply levels of 40 queues shown after {time.monotonic() - begun:.2f} s")
        self.assertEqual(sorted(self.supplier.asked), sorted(names))

    def test_removed_with_a_report(self):
        """A report under way does not keep a queue from being removed."""
        self.supplier.levels["Laser"] = SUPPLIES
        self.set(**SUPPLIES)
        self.assertEqual(self.worker.request(REMOVE, "Laser")[0].error, 0)
        self.assertEqual(self.cupsd.queues(), [])

    def test_left_reports_are_purged(self):
        """What a worker that was killed has left in the list of jobs goes with the next one."""
        job = self.cupsd.print("Laser", b"#CUPS-COMMAND\nReportLevels\n", kind="application/vnd.cups-command",
            options=attribute(NAME, "platen-report", "1"))
        self.cupsd.wait_state(job, 9)
        self.assertEqual(len(self.cupsd.jobs()), 1)
        self.assertEqual(self.worker.request(WATCH)[0].error, 0)
        self.assertEqual(self.worker.next_news(5).kind, UP)
        wait_for(lambda: not self.cupsd.jobs(), "the report to be purged", 5)

    def test_unknown_queue(self):
        self.assertEqual(self.worker.state("None").error, ENOENT)


class Patience(Case):
    settings = "MaxJobTime 1"

    def test_a_job_may_wait(self):
        """cupsd gives up a job that takes longer than MaxJobTime, three hours as it comes: not
        those of our queues, for the host may be away that long."""
        agent = Agent(self.cupsd.agent_dir)
        self.addCleanup(agent.close)
        self.start()
        self.put("Laser")
        self.cupsd.add("Other", "platen:/Other")
        jobs = [self.cupsd.print(name) for name in ("Laser", "Other")]
        connections = [agent.accept(), agent.accept()]
        by_printer = {}
        for connection in connections:
            handed = connection.handed()
            by_printer[handed.printer] = connection
            self.assertNotIn("job-cancel-after", handed.options)
        self.cupsd.wait_state(jobs[1], 7)
        self.assertEqual(self.cupsd.state(jobs[0]), 5)
        by_printer["Other"].end(5)
        by_printer["Laser"].end(0)
        self.cupsd.wait_state(jobs[0], 9)


class Watch(Case):
    def news(self, kind, seconds=10):
        news = self.worker.next_news(seconds)
        self.assertEqual(news.kind, kind, news.text)
        return news

    def test_restart(self):
        """cupsd ends and comes back: DOWN, then UP, and the queues are as they were."""
        self.start(watch=True)
        self.put("Laser")
        self.cupsd.end()
        news = self.news(DOWN)
        self.assertIn(str(self.cupsd.socket), news.text)
        done = self.worker.put("Other")
        self.assertEqual(done.error, ECONNREFUSED)
        self.cupsd.start()
        begun = time.monotonic()
        self.assertEqual(self.news(UP).text, "CUPS/2.4")
        print(f"cupsd's return noticed {(time.monotonic() - begun) * 1000:.0f} ms after its first answer")
        self.assertEqual(list(self.worker.list()), ["Laser"])

    def test_killed(self):
        """Killed and back: the socket's file was never gone, and still it is noticed."""
        self.start(watch=True)
        self.cupsd.end(signal.SIGKILL)
        self.news(DOWN)
        self.cupsd.start()
        self.news(UP)

    def test_killed_between_requests(self):
        """Back before anybody looked: UP is told again, for that cupsd may have forgotten things."""
        self.start(watch=True)
        os.kill(self.worker.process.pid, signal.SIGSTOP)
        self.cupsd.end(signal.SIGKILL)
        self.cupsd.start()
        os.kill(self.worker.process.pid, signal.SIGCONT)
        self.news(UP)

    def test_none_at_first(self):
        """Started before cupsd, and before the folder of its socket."""
        folder = os.path.dirname(self.cupsd.other_socket)
        self.cupsd.end()
        os.rename(folder, folder + ".away")
        self.worker = Worker(self.cupsd.other_socket)
        self.addCleanup(self.worker.close)
        self.worker.request(WATCH)
        self.news(DOWN)
        self.assertEqual(self.worker.request(LIST)[0].error, ECONNREFUSED)
        os.rename(folder + ".away", folder)
        self.cupsd.start()
        self.news(UP)
        self.put("Laser")

    def test_rest(self):
        """At rest, up or down, it does nothing."""
        def turns():
            with open(f"/proc/{self.worker.process.pid}/status", encoding="ascii") as f:
                return [l for l in f if l.startswith("voluntary")]

        self.start(watch=True)
        self.put("Laser")
        self.assertEqual(self.worker.state("Laser").error, 0)
        for _ in range(20):
            before = turns()
            time.sleep(0.1)
            if turns() == before:
                break
        time.sleep(1)
        self.assertEqual(turns(), before)

    def test_other_build(self):
        """A message of another size: it ends, and says why."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, tempfile.TemporaryFile() as err:
            process = subprocess.Popen(["sh", "-c", 'exec "$0" "$1" 3<&"$2"', QUEUES,
                str(self.cupsd.socket), str(theirs.fileno())], pass_fds=(theirs.fileno(),), stderr=err)
            theirs.close()
            ours.send(fixed(PUT, "I", 1))
            self.assertEqual(process.wait(10), 1)
            err.seek(0)
            self.assertIn(b"platen-agent", err.read())

    def test_words(self):
        for word, status in (("--help", 0), ("--version", 0), ("relative", 2)):
            got = subprocess.run([QUEUES, word], capture_output=True)
            self.assertEqual(got.returncode, status)
            self.assertTrue(got.stdout or got.stderr)


if __name__ == "__main__":
    unittest.main()
