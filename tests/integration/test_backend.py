# SPDX-License-Identifier: Apache-2.0
"""The backend `platen`: run by hand, and by a real cupsd. At the agent's socket is a stand-in
(guestside.Agent), not platen-agent, for most of these conversations a sound agent never has."""
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import unittest

from guestside import (BACKEND, BOOLEAN, CANCEL, CANCEL_JOB, INTEGER, KEYWORD, NAME, OPEN, PAUSE,
    RESUME, SUPPLIES, TEXT, Agent, Cupsd, attribute, wait_for)
from patience import patience

TIMEOUT = 200
OK, FAILED, HOLD, STOP, CANCELED, RETRY_CURRENT = 0, 1, 3, 4, 5, 7
PENDING, HELD, PROCESSING, ENDED_CANCELED, COMPLETED = 3, 4, 5, 7, 9
CREATE_JOB, SEND_DOCUMENT, RESTART_JOB, HOLD_JOB = 0x05, 0x06, 0x0E, 0x0C
UUID = "01234567-89ab-cdef-0123-456789abcdef"
OPTIONS = f"job-uuid=urn:uuid:{UUID} number-up=2"
PDF = b"%PDF-1.4\n" + bytes(range(256)) * 400 + b"\n%%EOF\n"


class ByHand(unittest.TestCase):
    """Started as cupsd would, without one."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="b")
        self.addCleanup(shutil.rmtree, self.folder)
        self.agent = Agent(self.folder)
        self.addCleanup(self.agent.close)
        self.process = None
        self.addCleanup(self.end)

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.communicate()

    def run_it(self, *argv, options=OPTIONS, title="Title", env=None, stdin=subprocess.DEVNULL):
        words = argv or ("42", "anna", title, "2", options)
        self.process = subprocess.Popen([BACKEND, *words], stdin=stdin, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=dict({"DEVICE_URI": "platen:/Laser",
                "CONTENT_TYPE": "text/plain", "PLATEN_AGENT_RUNDIR": self.folder,
                "TMPDIR": self.folder}, **(env or {})))
        return self.process

    def ended(self, seconds=10):
        out, err = self.process.communicate(timeout=seconds * patience())
        self.assertEqual(out, b"")
        return self.process.returncode, err.decode()

    def test_discovery(self):
        """Lists nothing: queues are the agent's to make."""
        got = subprocess.run([BACKEND], capture_output=True)
        self.assertEqual((got.returncode, got.stdout, got.stderr), (0, b"", b""))

    def test_awkward_title(self):
        """One line, cut at a character's border."""
        for title, expected in (("a\nERROR: b\r\x1b[2J", "a ERROR: b  [2J"), ("ü" * 200, "ü" * 127),
                ("x" * 400, "x" * 255), (b"\xff\xfe x", "   x"), ("", "")):
            with self.subTest(title):
                self.run_it("42", "anna", title, "1", OPTIONS)
                connection = self.agent.accept()
                handed = connection.handed()
                connection.end(OK)
                self.assertEqual(self.ended(), (OK, ""))
                self.assertEqual(handed.title, expected)

    def test_wrong_count(self):
        for words in (("1",), ("1", "2", "3", "4"), tuple("12345678")):
            got = subprocess.run([BACKEND, *words], capture_output=True)
            self.assertEqual((got.returncode, got.stdout), (FAILED, b""))
            self.assertIn(b"Usage", got.stderr)

    def test_standard_input(self):
        """Is kept in a file without a name, and handed over from its start."""
        with tempfile.TemporaryFile() as f:
            f.write(PDF)
            f.seek(0)
            self.run_it(stdin=f)
        connection = self.agent.accept()
        handed = connection.handed()
        self.assertEqual(handed.kind, OPEN)
        self.assertEqual((handed.printer, handed.user, handed.title, handed.copies, handed.guest_job,
            handed.file, handed.format), ("Laser", "anna", "Title", 2, 42, 1, "text/plain"))
        self.assertEqual((handed.uuid, handed.options), (UUID, {"number-up": "2"}))
        self.assertEqual(handed.document(), PDF)
        self.assertEqual(os.fstat(handed.fd).st_nlink, 0)
        self.assertEqual(os.listdir(self.folder), ["backend"])
        connection.end(OK)
        self.assertEqual(self.ended(), (OK, ""))

    def test_pipe(self):
        """A filter's pipe, in pieces, and an empty one."""
        for document in (PDF * 10, b""):
            with self.subTest(len(document)):
                process = self.run_it(stdin=subprocess.PIPE)
                process.stdin.write(document)
                process.stdin.close()
                process.stdin = None
                connection = self.agent.accept()
                self.assertEqual(connection.handed().document(), document)
                connection.end(OK)
                self.assertEqual(self.ended()[0], OK)

    def test_full_disk(self):
        """Said once, waited out, nothing lost."""
        small = f"{self.folder}/small"
        os.mkdir(small)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "none", small], check=True)
        self.addCleanup(subprocess.run, ["umount", "-l", small], check=True)
        with open(f"{small}/filler", "wb") as f:
            f.write(bytes(64 * 1024))
        process = self.run_it(stdin=subprocess.PIPE, env={"TMPDIR": small})
        process.stdin.write(PDF)
        process.stdin.close()
        process.stdin = None
        line = process.stderr.readline().decode()
        self.assertRegex(line, r"^ERROR: .*small.*No space left.*room")
        os.unlink(f"{small}/filler")
        connection = self.agent.accept()
        self.assertEqual(connection.handed().document(), PDF)
        connection.end(OK)
        self.assertEqual(self.ended(), (OK, "INFO: The document is kept\n"))

    def test_full_disk_stopped(self):
        small = f"{self.folder}/nowhere"
        process = self.run_it(stdin=subprocess.PIPE, env={"TMPDIR": small})
        self.assertRegex(process.stderr.readline().decode(), r"^ERROR: .*nowhere")
        process.terminate()
        process.stdin.close()
        process.stdin = None
        self.assertEqual(self.ended()[0], RETRY_CURRENT)

    def test_no_document(self):
        self.run_it("42", "anna", "T", "1", OPTIONS, f"{self.folder}/d00042-001")
        status, text = self.ended()
        self.assertEqual(status, HOLD)
        self.assertRegex(text, r"\AERROR: [^\n]*No such file[^\n]*\n\Z")

    def test_no_uuid(self):
        for options in ("", "job-uuid=x", f"{OPTIONS} {OPTIONS}"):
            self.run_it(options=options)
            status, text = self.ended()
            self.assertEqual(status, HOLD)
            self.assertRegex(text, r"\AERROR: [^\n]*job-uuid[^\n]*\n\Z")

    def test_bad_uri(self):
        self.run_it(env={"DEVICE_URI": "socket://printer"})
        status, text = self.ended()
        self.assertEqual(status, STOP)
        self.assertRegex(text, r"\AERROR: [^\n]*platen:/[^\n]*\n\Z")

    def test_exit_codes(self):
        """Each code of the agent's; what is none is tried again. Those that make cupsd start us
        again at once are waited with."""
        for code, status, word in ((OK, OK, "INFO"), (HOLD, HOLD, "ERROR: Held"), (STOP, STOP, "ERROR"),
                (CANCELED, CANCELED, "ERROR"), (FAILED, FAILED, "ERROR"),
                (RETRY_CURRENT, RETRY_CURRENT, "ERROR"), (200, RETRY_CURRENT, "ERROR")):
            with self.subTest(code):
                self.run_it()
                connection = self.agent.accept()
                connection.handed()
                connection.end(code, "why\tso")
                self.assertEqual(self.ended(), (status, f"{word}: why so\n"))

    def test_lines(self):
        """What the agent says becomes lines of our own making; what is unsound none."""
        self.run_it(env={"PRINTER_STATE_REASONS": "media-low"})
        connection = self.agent.accept()
        connection.handed()
        connection.status("Sending", "connecting-to-device,media-low,paused", progress=7)
        connection.status("Sending", "door-open", progress=100, pages=3, names="\"it's, so\",B",
            types="toner,toner", colors="#000000,none", levels="80,-1")
        connection.status("a\nPPD: x=y")
        connection.status(b"\xff")
        connection.status("x" * 512)
        connection.status(names="a\nSTATE: +paused")
        connection.status(progress=101)
        connection.end(OK)
        self.assertEqual(self.ended(), (OK, "INFO: Sending\n"
            "STATE: +connecting-to-device\n"
            "ATTR: job-media-progress=7\n"
            "STATE: -connecting-to-device\n"
            "STATE: +door-open\n"
            "ATTR: job-media-progress=100\n"
            "PAGE: total 3\n"
            "ATTR: marker-names='it\\\\\\'s\\\\, so,B'\n"
            "ATTR: marker-types='toner,toner'\n"
            "ATTR: marker-colors='#000000,none'\n"
            "ATTR: marker-levels='80,-1'\n"
            "STATE: -door-open\n"))

    def test_agent_comes_late(self):
        """Not there: said once, waited for, and noticed at once when it comes."""
        self.agent.close()
        process = self.run_it()
        self.assertEqual(process.stderr.readline(), b"STATE: +connecting-to-device\n")
        self.assertRegex(process.stderr.readline(), rb"^INFO: Waiting for platen-agent")
        self.agent.listen()
        connection = self.agent.accept()
        connection.handed()
        connection.end(OK)
        self.assertEqual(self.ended(), (OK, "STATE: -connecting-to-device\nINFO: \n"))

    def test_agent_without_a_folder(self):
        self.agent.close()
        os.rmdir(self.folder)
        process = self.run_it(env={"TMPDIR": "/tmp"})
        self.assertEqual(process.stderr.readline(), b"STATE: +connecting-to-device\n")
        os.mkdir(self.folder)
        self.agent.listen()
        connection = self.agent.accept()
        connection.handed()
        connection.end(OK)
        self.assertEqual(self.ended()[0], OK)

    def test_may_not_reach_the_agent(self):
        """Another user, or a security module: what to look at is said, and it goes on when it may."""
        os.chmod(self.folder, 0o711)
        os.chmod(f"{self.folder}/backend", 0o600)
        program = shutil.copy(BACKEND, tempfile.mkdtemp(prefix="b"))
        self.addCleanup(shutil.rmtree, os.path.dirname(program))
        os.chmod(os.path.dirname(program), 0o755)
        self.process = process = subprocess.Popen([program, "42", "anna", "Title", "1", OPTIONS], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, user=65534, group=65534, extra_groups=[],
            env={"DEVICE_URI": "platen:/Laser", "CONTENT_TYPE": "text/plain", "PLATEN_AGENT_RUNDIR": self.folder, "TMPDIR": "/tmp"})
        self.assertEqual(process.stderr.readline(), b"STATE: +connecting-to-device\n")
        line = process.stderr.readline().decode()
        for word in ("INFO: ", "spooler-user", "SELinux or AppArmor", "journalctl"):
            self.assertIn(word, line)
        os.chmod(f"{self.folder}/backend", 0o666)
        connection = self.agent.accept()
        connection.handed()
        connection.end(OK)
        self.assertEqual(self.ended(), (OK, "STATE: -connecting-to-device\nINFO: \n"))

    def test_agent_dies(self):
        """In the middle, twice: the same job is handed over again, from the document's start."""
        with tempfile.TemporaryFile() as f:
            f.write(PDF)
            f.seek(0)
            self.run_it(stdin=f)
        for turn in range(3):
            connection = self.agent.accept()
            handed = connection.handed()
            self.assertEqual((handed.uuid, handed.document()), (UUID, PDF))
            if turn < 2:
                connection.status("Sending", "media-low")
                self.agent.close()
                connection.close()
                self.agent.listen()
        connection.end(OK)
        status, text = self.ended()
        self.assertEqual(status, OK)
        self.assertEqual(text.count("Waiting for platen-agent"), 2)
        self.assertTrue(text.endswith("STATE: -connecting-to-device\nINFO: \n"), text)

    def test_turned_away(self):
        """An agent that hangs up each time is not run against in a circle."""
        self.run_it()
        for _ in range(3):
            connection = self.agent.accept()
            connection.handed()
            connection.close()
        connection = self.agent.accept()
        connection.handed()
        connection.end(OK)
        status, text = self.ended()
        self.assertEqual((status, text.count("INFO: Waiting")), (OK, 1))

    def test_other_build(self):
        """Messages of another size, or of no known kind, are not taken for anything."""
        self.run_it()
        connection = self.agent.accept()
        connection.handed()
        connection.sock.send(b"\x04\0\0\0\x0c\0\0\0\0\0\0\0")
        connection.sock.send(b"\x63\0\0\0\x08\0\0\0")
        connection.end(OK)
        self.assertEqual(self.ended(), (OK, ""))

    def test_supplies(self):
        """A command file asks for levels, and waits for nobody."""
        self.run_it(env={"CONTENT_TYPE": "application/vnd.cups-command"})
        connection = self.agent.accept()
        handed = connection.handed()
        self.assertEqual((handed.kind, handed.fd), (SUPPLIES, None))
        connection.status(levels="5")
        connection.end(OK)
        self.assertEqual(self.ended(), (OK, "ATTR: marker-levels='5'\n"))
        self.agent.close()
        self.run_it(env={"CONTENT_TYPE": "application/vnd.cups-command"})
        self.assertEqual(self.ended(), (OK, ""))

    def test_stopped_without_a_spooler(self):
        """SIGTERM, and nobody to ask what it means: not a cancel, for that would lose the job."""
        self.run_it()
        connection = self.agent.accept()
        connection.handed()
        self.process.terminate()
        self.assertIsNone(connection.kind())
        connection.close()
        self.assertEqual(self.ended(), (RETRY_CURRENT, ""))

    def test_no_leaks(self):
        """However often the agent comes and goes, the same descriptors are open."""
        self.run_it()
        counts = set()
        for _ in range(5):
            connection = self.agent.accept()
            connection.handed()
            counts.add(len(os.listdir(f"/proc/{self.process.pid}/fd")))
            self.agent.close()
            connection.close()
            self.agent.listen()
        self.assertEqual(len(counts), 1, counts)
        connection = self.agent.accept()
        connection.handed()
        connection.end(OK)
        self.assertEqual(self.ended()[0], OK)


class Spooled(unittest.TestCase):
    """Run by a real cupsd."""

    def setUp(self):
        self.cupsd = Cupsd()
        self.addCleanup(self.cupsd.close)
        self.agent = Agent(self.cupsd.agent_dir)
        self.addCleanup(self.agent.close)
        self.cupsd.add("Laser", "platen:/Laser",
            more=attribute(NAME, "printer-error-policy", "retry-current-job")
            + attribute(TEXT, "platen-fingerprint-default", "f1"))

    def admin(self, op):
        self.cupsd.ask(op, "Laser", auth=True, resource="/admin/")

    def take(self, *args, **kwargs):
        """Prints, and returns the job, the connection of its backend, and what came over it."""
        job = self.cupsd.print("Laser", *args, **kwargs)
        connection = self.agent.accept()
        return job, connection, connection.handed()

    def wait_reasons(self, reasons):
        wait_for(lambda: self.cupsd.queue("Laser", "printer-state-reasons")["printer-state-reasons"]
            == reasons, f"the queue's reasons to be {reasons}", 3)

    def wait_no_backend(self):
        wait_for(lambda: not self.cupsd.backends(), "the backend to end")

    def test_file(self):
        """The file itself, with everything that cupsd knows about it."""
        job, connection, handed = self.take(PDF, title="Quarterly", user="bob",
            options=attribute(INTEGER, "copies", 3) + attribute(INTEGER, "number-up", 2)
            + attribute(KEYWORD, "sides", "two-sided-long-edge")
            + attribute(NAME, "StapleLocation", "UpperLeft"))
        attributes = self.cupsd.job(job)
        self.assertEqual(f"urn:uuid:{handed.uuid}", attributes["job-uuid"][0])
        self.assertEqual((handed.printer, handed.title, handed.user, handed.copies, handed.guest_job,
            handed.file, handed.format), ("Laser", "Quarterly", "bob", 3, job, 1, "application/pdf"))
        self.assertEqual(handed.document(), PDF)
        for name, value in (("number-up", "2"), ("sides", "two-sided-long-edge"),
                ("StapleLocation", "UpperLeft"), ("Duplex", "DuplexNoTumble")):
            self.assertEqual(handed.options.get(name), value, handed.options)
        # Our own marks, and what is said elsewhere, are no options.
        self.assertFalse([n for n in handed.options if n.startswith("platen-") or n == "job-uuid"])
        connection.end(OK)
        self.cupsd.wait_state(job, COMPLETED)

    def test_awkward_options(self):
        values = {"note-a": "two words", "note-b": "it's \"so\"", "note-c": "back\\slash",
            "note-d": "{open brace", "note-e": "comma, and = sign", "note-f": "'", "note-g": "Büro 漢字",
            "note-h": "tab\there", "note-i": "line\nPPD: x", "note-j": "", "note-k": "{a=1 b={c=2}}"}
        options = b"".join(attribute(NAME, n, v) for n, v in values.items())
        options += attribute(BOOLEAN, "fit-to-page", 1) + attribute(BOOLEAN, "collate", 0)
        options += attribute(KEYWORD, "many", "one", "two words", "three")
        job, connection, handed = self.take(options=options)
        for name, value in values.items():
            self.assertEqual(handed.options.get(name),
                None if name in ("note-h", "note-i") else value, name)
        self.assertEqual(handed.options["fit-to-page"], "true")
        self.assertEqual(handed.options["collate"], "false")
        self.assertEqual(handed.options["many"], "one,two words,three")
        connection.end(OK)
        self.cupsd.wait_state(job, COMPLETED)
        self.assertRegex(self.cupsd.error_log(), r"2 job options cannot be passed on")

    def test_awkward_titles(self):
        """As they are; one with a newline or an escape cupsd itself makes "Untitled"."""
        for title, expected in (("it's \"quoted\" \\ -o x", None), ("ü" * 127, None),
                ("漢" * 85, None), ("x" * 255, None), ("line\nERROR: one", "Untitled"),
                ("\x1b[31mred", "Untitled")):
            with self.subTest(title):
                job, connection, handed = self.take(title=title)
                connection.end(OK)
                self.cupsd.wait_state(job, COMPLETED)
                self.assertEqual(handed.title, expected or title)

    def test_several_files(self):
        """Each file of a job comes by itself, told apart by its number."""
        operation = attribute(NAME, "job-name", "two")
        job = self.cupsd.ask(CREATE_JOB, "Laser", user="anna", operation=operation)[-1]["job-id"][0]
        for last, document in ((0, b"%PDF-1.4 one"), (1, b"%PDF-1.4 two")):
            self.cupsd.ask(SEND_DOCUMENT, job=job, user="anna", document=document,
                operation=attribute(0x49, "document-format", "application/pdf")
                + attribute(BOOLEAN, "last-document", last))
        uuids = set()
        for number, document in ((1, b"%PDF-1.4 one"), (2, b"%PDF-1.4 two")):
            connection = self.agent.accept()
            handed = connection.handed()
            uuids.add(handed.uuid)
            self.assertEqual((handed.file, handed.document()), (number, document))
            connection.end(OK)
        self.cupsd.wait_state(job, COMPLETED)
        self.assertEqual(len(uuids), 1)

    def test_types(self):
        """The real type of each document arrives, and its bytes unchanged."""
        for kind, document in (("text/plain", b"plain\n"), ("application/postscript", b"%!PS\nshowpage\n"),
                ("image/jpeg", b"\xff\xd8\xff\xe0 no picture"), ("image/pwg-raster", b"RaS2PwgRaster\0"),
                ("application/vnd.cups-raw", b"\x1b%-12345X@PJL\n")):
            with self.subTest(kind):
                job, connection, handed = self.take(document, kind=kind)
                self.assertEqual((handed.format, handed.document()), (kind, document))
                connection.end(OK)
                self.cupsd.wait_state(job, COMPLETED)

    def test_shown(self):
        """State, progress and pages are visible while it prints; what was added is gone after."""
        job, connection, _ = self.take()
        connection.status("Sending to the host", "offline-report,media-low", progress=40, pages=2,
            names="\"Black, XL\"", types="toner", colors="#000000", levels="42")
        wait_for(lambda: self.cupsd.queue("Laser").get("marker-levels") == [42], "the levels", 2)
        queue = self.cupsd.queue("Laser")
        self.assertEqual(queue["marker-names"], ["Black, XL"])
        self.assertEqual(queue["printer-state-message"], ["Sending to the host"])
        self.assertEqual(sorted(queue["printer-state-reasons"]), ["media-low", "offline-report"])
        self.assertEqual(self.cupsd.job(job)["job-impressions-completed"], [2])
        connection.end(OK)
        self.cupsd.wait_state(job, COMPLETED)
        queue = self.cupsd.queue("Laser")
        self.assertEqual(queue["printer-state-reasons"], ["none"])
        self.assertEqual(queue["marker-levels"], [42])

    def test_ends(self):
        """What cupsd makes of each way to end."""
        for code, state, queue in ((OK, COMPLETED, 3), (HOLD, HELD, 3), (CANCELED, ENDED_CANCELED, 3),
                (STOP, PENDING, 5)):
            with self.subTest(code):
                job, connection, _ = self.take()
                connection.end(code, "as the agent says")
                self.cupsd.wait_state(job, state)
                self.assertEqual(self.cupsd.queue("Laser", "printer-state")["printer-state"], [queue])
                self.cupsd.ask(CANCEL_JOB, job=job, resource="/jobs/",
                    operation=attribute(BOOLEAN, "purge-job", 1))
        self.admin(RESUME)
        for code in (FAILED, RETRY_CURRENT):
            with self.subTest(code):
                job, connection, handed = self.take()
                connection.end(code, "again")
                connection = self.agent.accept()  # cupsd tries again by itself
                self.assertEqual(connection.handed().uuid, handed.uuid)
                connection.end(OK)
                self.cupsd.wait_state(job, COMPLETED)

    def test_cancel(self):
        job, connection, _ = self.take()
        self.cupsd.ask(CANCEL_JOB, job=job, user="anna", resource="/jobs/")
        self.assertEqual(connection.kind(), CANCEL)
        connection.end(CANCELED)
        self.cupsd.wait_state(job, ENDED_CANCELED)
        self.wait_no_backend()

    def test_purge(self):
        """cupsd kills the backend then, without a word: the agent hears a hang-up only."""
        job, connection, _ = self.take()
        self.cupsd.ask(CANCEL_JOB, job=job, user="root", resource="/jobs/",
            operation=attribute(BOOLEAN, "purge-job", 1))
        self.assertIsNone(connection.kind())
        connection.close()
        self.wait_no_backend()

    def test_cancel_reaches_a_new_agent(self):
        """Cancelled while the agent is away: the next one hears of it."""
        job, connection, handed = self.take()
        self.agent.close()
        connection.close()
        self.wait_reasons(["connecting-to-device"])
        self.cupsd.ask(CANCEL_JOB, job=job, user="anna", resource="/jobs/")
        self.agent.listen()
        connection = self.agent.accept()
        self.assertEqual(connection.handed().uuid, handed.uuid)
        self.assertEqual(connection.kind(), CANCEL)
        connection.end(CANCELED)
        self.wait_no_backend()

    def test_stop_is_no_cancel(self):
        """A stopped queue: the backend hangs up, and the job comes again, whole, with its UUID."""
        job, connection, handed = self.take(PDF)
        self.admin(PAUSE)
        self.assertIsNone(connection.kind())
        connection.close()
        self.cupsd.wait_state(job, PENDING)
        self.wait_no_backend()
        self.admin(RESUME)
        connection = self.agent.accept()
        again = connection.handed()
        self.assertEqual((again.uuid, again.document()), (handed.uuid, PDF))
        connection.end(OK)
        self.cupsd.wait_state(job, COMPLETED)

    def test_hold_is_no_cancel(self):
        job, connection, _ = self.take()
        self.cupsd.ask(HOLD_JOB, job=job, user="anna", resource="/jobs/")
        self.assertIsNone(connection.kind())
        connection.close()
        self.cupsd.wait_state(job, HELD)

    def test_spooler_restarts(self):
        """cupsd ends and comes back: no cancel, and the job comes again."""
        job, connection, handed = self.take(PDF)
        self.cupsd.end()
        self.assertIsNone(connection.kind())
        connection.close()
        self.wait_no_backend()
        self.cupsd.start()
        connection = self.agent.accept()
        again = connection.handed()
        self.assertEqual((again.uuid, again.document()), (handed.uuid, PDF))
        connection.end(OK)
        self.cupsd.wait_state(job, COMPLETED)

    def test_spooler_killed(self):
        """Nobody is left to print for: the backend goes too, without a cancel."""
        _, connection, _ = self.take()
        self.cupsd.end(signal.SIGKILL)
        self.assertIsNone(connection.kind())
        connection.close()
        self.wait_no_backend()

    def test_agent_dies(self):
        """The queue says so, the job stays, and goes on with the next agent."""
        job, connection, handed = self.take(PDF)
        connection.status("Sending", "media-low")
        self.wait_reasons(["media-low"])
        self.agent.close()
        connection.close()
        self.wait_reasons(["connecting-to-device"])
        self.assertIn("platen-agent", self.cupsd.queue("Laser")["printer-state-message"][0])
        self.assertEqual(self.cupsd.state(job), PROCESSING)
        self.agent.listen()
        connection = self.agent.accept()
        again = connection.handed()
        self.assertEqual((again.uuid, again.document()), (handed.uuid, PDF))
        connection.status("Sending")
        self.wait_reasons(["none"])
        connection.end(OK)
        self.cupsd.wait_state(job, COMPLETED)

    def test_user_is_not_root(self):
        """The backend runs as the spooler's user, with no more than that."""
        job, connection, _ = self.take()
        (pid,) = self.cupsd.backends()
        self.assertEqual(os.stat(f"/proc/{pid}").st_uid, pwd.getpwnam("lp").pw_uid)
        connection.end(OK)
        self.cupsd.wait_state(job, COMPLETED)


if __name__ == "__main__":
    unittest.main()
