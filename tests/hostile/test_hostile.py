# SPDX-License-Identifier: Apache-2.0
"""A hostile guest: each lie ends in a refusal, a closed session or a bounded wait; never in a crash, in a
log line of the guest's making, or in a page."""
import multiprocessing
import os
import pathlib
import re
import struct
import subprocess
import sys
import threading
import time
import unittest

import xxhash

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent), str(pathlib.Path(__file__).resolve().parent.parent / "integration")]
from guest import (ACTIVITY, BYE, COMPLETED, DRIVER_GET, GUEST_STATUS, HELLO, JOB_ACCEPT, JOB_CANCEL, JOB_CLOSE, JOB_CREDIT,  # noqa: E402
                   JOB_DATA, JOB_OPEN, JOB_SEAL, JOB_STATE, OFFER_BEGIN, PACKAGE_GET, PING, PONG, PRINTER,
                   PRINTER_REPORT, REFUSED, RESTART_ANSWER, RESTART_NEED, WELCOME, Closed, Guest, field, frame, message)
from harness import SANITIZED, SOURCE, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for  # noqa: E402

TIMEOUT = 500
PAGES = 3 if SANITIZED else 7  # of which the median counts


class HostileCase(unittest.TestCase):
    settings = ""

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.device = Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.spooler.add_queue("laser", self.device.uri + "/?snmp=false", vendor_ppd(self.lab.dir / "vendor.ppd"))
        self.host = Host(self.lab, self.spooler, workspaces=("box", "other"), settings=self.settings).start()
        wait_for(lambda: [p for p in self.host.ask("printers")["data"]["printers"] if p["driver"] == "host"], "the printer")
        self.platend = self.host.process.pid

    def guest(self, workspace="box"):
        guest = Guest(self.host, workspace)
        self.addCleanup(guest.close)
        return guest

    def sound(self, pages=0):
        """platend is the one that it was, another workspace prints, and nothing else came out."""
        self.assertIsNone(self.host.process.poll())
        other = self.guest("other").greet()
        self.assertEqual(other.print(pdf(1))[2], [COMPLETED])
        wait_for(lambda: len(self.device.received) >= pages + 1, "the page")
        other.close()
        self.assertEqual(len(self.device.received), pages + 1)
        for line in self.lab.log("platend").splitlines():
            self.assertRegex(line, r"^<[0-7]>platen(d|-[a-z]+): ", "a line that a guest made")
            self.assertTrue(line.isprintable(), line)


class Lies(HostileCase):
    def ends(self, send, words="", greet=True):
        with self.subTest(words=words):
            guest = self.guest()
            (guest.greet if greet else guest.sync)()
            try:
                send(guest)
            except OSError:
                pass  # closed while we still spoke
            self.assertIn(words, guest.is_over())
            guest.close()

    def test_what_ends_a_session(self):
        def job(guest, **how):
            guest.open_job(1, 1000, **how)
            guest.until(lambda kind, f: kind == JOB_ACCEPT)
        self.ends(lambda g: g.raw(b"PLF1" + struct.pack("<IQ", 1 << 30, 0)))
        self.ends(lambda g: g.raw(b"PLF1" + struct.pack("<IQ", 0xFFFFFFFF, 0)))
        self.ends(lambda g: g.raw(frame(b"")))
        self.ends(lambda g: g.raw(frame(b"\xff" * 100)))
        self.ends(lambda g: g.raw(frame(field(99, b"x"))), "unknown")
        self.ends(lambda g: g.raw(frame(message(PING, f1=1) + message(PONG, f1=1))))  # two bodies
        self.ends(lambda g: g.send(WELCOME, f1=1, f2=1, f3="h", f4="w"))  # the host's to say
        self.ends(lambda g: g.send(OFFER_BEGIN, f1=1))
        self.ends(lambda g: g.send(HELLO, f1=1, f2=1, f3="again"))
        self.ends(lambda g: g.send(JOB_STATE, f1=1, f2=5))
        self.ends(lambda g: g.send(JOB_OPEN, f1=1), greet=False)
        self.ends(lambda g: g.send(HELLO, f1=1, f2=1, f3="x" * 10000), greet=False)
        self.ends(lambda g: g.send(HELLO, f1=1, f2=1, f3="a\nb"), greet=False)
        self.ends(lambda g: g.send(HELLO, f1=5, f2=1, f3="x"), greet=False)
        self.ends(lambda g: g.open_job(1, 10, printer=77), "never offered")
        self.ends(lambda g: g.open_job(1, 10, printer=0xFFFFFFFF))
        self.ends(lambda g: g.open_job(1, 10, job=b"short"))
        self.ends(lambda g: g.open_job(1, 10, file=0))
        self.ends(lambda g: g.open_job(1, 10, copies=0))
        self.ends(lambda g: g.open_job(1, 10, copies=1 << 31))
        self.ends(lambda g: g.open_job(1, 10, title="\x1b]0;evil\x07"))
        self.ends(lambda g: g.open_job(1, 10, title="a\nb"))
        self.ends(lambda g: g.open_job(1, 10, title=b"\xff\xfe"))
        self.ends(lambda g: g.open_job(1, 10, title="x" * 256))
        self.ends(lambda g: g.open_job(1, 10, user="../../root"))
        self.ends(lambda g: g.open_job(1, 10, kind="no/type\r\nx: y"))
        self.ends(lambda g: g.open_job(1, 10, options=[("a", "b")] * 257))
        self.ends(lambda g: g.open_job(1, 10, options=[("a b", "c")]))
        self.ends(lambda g: g.open_job(1, 10, options=[("a", "b\nc")]))
        self.ends(lambda g: g.open_job(1, 10, options=[("x" * 128, "c")]))
        self.ends(lambda g: (job(g), g.open_job(1, 10)), "in use")
        self.ends(lambda g: g.send(JOB_DATA, f1=5, f2=0, f3=b"x"), "JobData")
        self.ends(lambda g: (job(g), g.send(JOB_DATA, f1=1, f2=7, f3=b"x")), "offset")
        self.ends(lambda g: (job(g), g.send(JOB_DATA, f1=1, f2=1 << 63, f3=b"x")), "offset")
        self.ends(lambda g: (job(g), g.send(JOB_DATA, f1=1, f2=0)))
        self.ends(lambda g: (job(g), g.send(JOB_DATA, f1=1, f2=0, f3=bytes(1001))), "JobOpen's size")
        self.ends(lambda g: (job(g), g.send(JOB_DATA, f1=1, f2=0, f3=bytes(999)), g.send(JOB_SEAL, f1=1, f2=999, f3=bytes(16))),
                  "JobOpen's")
        self.ends(lambda g: (job(g), g.send(JOB_SEAL, f1=1, f2=999, f3=b"0" * 16)), "JobSeal")
        self.ends(lambda g: (job(g), g.send(JOB_SEAL, f1=1, f2=0, f3=b"0" * 3)))
        self.ends(lambda g: g.send(JOB_SEAL, f1=9, f2=1, f3=b"0" * 16), "JobSeal")
        self.ends(lambda g: g.send(JOB_CANCEL, f1=9), "JobCancel")
        self.ends(lambda g: g.send(JOB_CLOSE, f1=9), "JobClose")
        self.ends(lambda g: g.send(DRIVER_GET, f1=b"0" * 31))
        self.ends(lambda g: g.send(PRINTER_REPORT, f1=0, f2=999, f3="x"))
        self.ends(lambda g: g.send(PRINTER_REPORT, f1=0, f2=1, f3="a\x1b[2Jb"))
        self.ends(lambda g: g.send(GUEST_STATUS, f1=1, f2=1, f3=1, f4="\x07"))
        self.sound()

    def test_credit_exceeded(self):
        guest = self.guest().greet()
        guest.open_job(1, 1 << 30)
        guest.until(lambda kind, f: kind == JOB_ACCEPT)
        sent = 0
        try:  # what follows is read and thrown away
            while sent < 64 << 20:
                guest.send(JOB_DATA, f1=1, f2=sent, f3=b"x" * 65536)
                sent += 65536
        except OSError:
            pass
        self.assertIn("credit", guest.is_over())
        self.sound()

    def test_more_jobs_than_may_be_open(self):
        guest = self.guest().greet()
        try:
            for ref in range(1, 10001):
                guest.open_job(ref, 1000)
        except OSError:
            pass
        self.assertIn("too many jobs", guest.is_over(60))
        guest.close()
        wait_for(lambda: not [j for j in self.spooler.jobs("not-completed") if j["job-state"] != 4], "nothing to print")
        self.sound()

    def test_a_driver_that_was_not_offered(self):
        guest = self.guest().greet()
        guest.send(DRIVER_GET, f1=os.urandom(32))
        answer = guest.until(lambda kind, f: kind == 13)
        self.assertNotIn(2, answer)  # a total of 0: there is none
        self.sound()

    def test_wrong_digest(self):
        guest = self.guest().greet()
        document = pdf(1)
        for ref, digest in enumerate((bytes(16), xxhash.xxh3_128_digest(document[1:]), xxhash.xxh3_128_digest(document)[::-1]), 1):
            guest.open_job(ref, len(document))
            guest.until(lambda kind, f: kind == JOB_ACCEPT)
            guest.send(JOB_DATA, f1=ref, f2=0, f3=document)
            guest.send(JOB_SEAL, f1=ref, f2=len(document), f3=digest)
            state = guest.until(lambda kind, f: kind == JOB_STATE and f.get(2) == [REFUSED])
            self.assertEqual(state[3], [6])  # MISMATCH
            guest.send(JOB_CLOSE, f1=ref)
        self.sound()

    def test_options_that_are_not_the_guests(self):
        """They do not reach the host's job; the job itself is printed as anybody's."""
        guest = self.guest().greet()
        evil = [("job-hold-until", "no-hold"), ("platen-job-uuid", "x"), ("requesting-user-name", "root"), ("job-priority", "100"),
                ("outputorder", "reverse"), ("job-originating-user-name", "root"), ("document-format", "application/vnd.cups-raw"),
                ("notify-recipient-uri", "mailto:a@b"), ("job-uuid", "urn:uuid:0"), ("printer-uri", "ipp://x/"), ("raw", "true"),
                ("job-cancel-after", "1"), ("compression", "gzip"), ("job-password", "1"), ("platen-x", "1"), ("sides", "two-sided-long-edge")]
        self.assertEqual(guest.print(pdf(1), options=evil)[2], [COMPLETED])
        job = self.spooler.jobs()[-1]
        self.assertEqual(job["job-originating-user-name"], "box")
        self.assertEqual(job["sides"], "two-sided-long-edge")
        self.assertEqual(job["job-priority"], 50)
        self.assertNotEqual(job["platen-job-uuid"], "x")
        self.assertNotIn("outputorder", job)
        row, = [w for w in self.host.ask("workspaces")["data"]["workspaces"] if w["name"] == "box"]
        self.assertEqual(row["kept"]["options"], len(evil) - 1)  # all but sides
        wait_for(lambda: len(self.device.received) == 1, "the page")
        self.sound(1)

    def test_a_document_that_is_not_what_it_says(self):
        guest = self.guest().greet()
        document = b"\x89PNG\r\n\x1a\n" + os.urandom(5000)
        guest.open_job(1, len(document), kind="image/png")
        guest.until(lambda kind, f: kind == JOB_ACCEPT)
        guest.send(JOB_DATA, f1=1, f2=0, f3=document)
        guest.send(JOB_SEAL, f1=1, f2=len(document), f3=xxhash.xxh3_128_digest(document))
        guest.until(lambda kind, f: kind == JOB_STATE and f[2][0] == 9 and f.get(4))  # the host's filter gave it up: it is asked about
        self.sound()

    def test_same_job_again(self):
        """A job's UUID prints once, also with another document behind it."""
        guest = self.guest().greet()
        job = os.urandom(16)
        self.assertEqual(guest.print(pdf(1), job=job)[2], [COMPLETED])
        guest.send(JOB_CLOSE, f1=1)
        self.assertEqual(guest.print(pdf(2), ref=2, job=job)[2], [COMPLETED])
        self.assertEqual(len(self.spooler.jobs()), 1)
        wait_for(lambda: self.device.received, "the page")
        self.sound(1)


class Pages(HostileCase):
    settings = "raw = no\n"

    def test_printer_commands_where_policy_forbids_them(self):
        guest = self.guest().greet()
        pjl = b"\x1b%-12345X@PJL SET SERVICEMODE=HPBOISEID\r\n" + b"x" * 1000
        for ref, (kind, document) in enumerate((
                ("application/vnd.cups-raw", b"anything"), ("application/octet-stream", pjl), ("application/postscript", pjl),
                ("text/plain", pjl), ("application/pdf", pjl), ("application/octet-stream", b"\x1bE\x1b&l1T reset"),
                ("application/vnd.hp-pcl", b"\x1bE"), ("application/vnd.cups-command", b"#CUPS-COMMAND\nClean all\n")), 1):
            with self.subTest(kind=kind, document=document[:10]):
                state = guest.print(document, ref=ref, kind=kind)
                self.assertEqual((state[2], state[3]), ([REFUSED], [9]))  # POLICY
                guest.send(JOB_CLOSE, f1=ref)
        self.sound()


def open_and_close(guest):
    for ref in range(1, 200):
        guest.open_job(ref, 10)
        guest.send(JOB_CLOSE, f1=ref)


def send_documents(guest):
    """A document as fast as there is credit for it, and from the start again."""
    guest.open_job(1, 1 << 30)
    credit, at, data = guest.until(lambda kind, f: kind == JOB_ACCEPT)[2][0], 0, bytes(65536)
    while True:
        while credit < len(data):
            credit += guest.until(lambda kind, f: kind == JOB_CREDIT)[2][0]
        guest.send(JOB_DATA, f1=1, f2=at, f3=data)
        at, credit = at + len(data), credit - len(data)


def needs(guest):
    guest.raw(b"".join(frame(message(RESTART_NEED, f1=os.urandom(16), f2=2, f3=state, f4="x")) for state in (1, 2) * 100))


def sealed(guest):
    for ref in range(1, 50):
        guest.open_job(ref, 1)
        kind, _ = guest.next()
        while kind not in (JOB_ACCEPT, JOB_STATE):
            kind, _ = guest.next()
        if kind == JOB_ACCEPT:
            guest.send(JOB_DATA, f1=ref, f2=0, f3=b"x")
            guest.send(JOB_SEAL, f1=ref, f2=1, f3=bytes(16))
            guest.send(JOB_CANCEL, f1=ref)
        guest.send(JOB_CLOSE, f1=ref)


def begin(*before):
    """A session that begins with what is sent before it, and a greeting; again and again, at once."""
    hello = frame(message(HELLO, f1=1, f2=2, f3="again"))
    return lambda guest: guest.raw(b"".join(b"".join(before) + guest.token() + hello for _ in range(10)))


def many(kind, count=500, **fields):
    data = frame(message(kind, **fields)) * count
    return lambda guest: guest.raw(data)


# What a guest may say at all (PROTOCOL.md), and one flood for each; what ends a session begins another at once.
FLOODS = {
    "JobData": send_documents,  # first, while it may have jobs
    "Hello": begin(),
    "Bye": begin(frame(message(BYE, f1=1, f2="x"))),
    "Ping": many(PING, f1=1),
    "Pong": many(PONG, f1=1),
    "PrinterReport": lambda guest: guest.raw((frame(message(PRINTER_REPORT, f1=0, f2=1)) +
                                              frame(message(PRINTER_REPORT, f1=0, f2=5, f3="x"))) * 250),
    "DriverGet": many(DRIVER_GET, f1=b"1" * 32),
    "JobOpen": open_and_close,
    "JobClose": open_and_close,
    "JobSeal": sealed,
    "JobCancel": sealed,
    "GuestStatus": many(GUEST_STATUS, f1=1, f2=1, f3=1, f4="x"),
    "RestartNeed": needs,
    "Activity": many(ACTIVITY, f1=b"1" * 16, f2=1, f3=1),
    "RestartAnswer": many(RESTART_ANSWER, f2=1, f4="u"),
    "PackageGet": many(PACKAGE_GET, f1=b"1" * 32),
}
OTHERS = {
    "connections": Guest.close,
    "sessions": lambda guest: [guest.ask_for_session() for _ in range(100)],
}


def flood(host, name, ready):
    """Floods until it is ended, as a guest of its own: in another process than what is measured."""
    while True:
        try:
            guest = Guest(host, "box", timeout=5)
            guest.greet()
            while True:
                {**FLOODS, **OTHERS}[name](guest)
                ready.set()
                while guest.readable(0):  # what is said to it is taken, so that more is said
                    guest.more()
                    guest.data = guest.data[-65536:]
        except (Closed, OSError, ValueError):
            ready.set()
            guest.close()


class Floods(HostileCase):
    def usual(self, first):
        """Seconds that a page of another workspace takes, from open to completed: the median of some."""
        times = []
        for ref in range(first, first + PAGES):
            begun = time.monotonic()
            self.assertEqual(self.other.print(pdf(1), ref=ref)[2], [COMPLETED])
            times.append(time.monotonic() - begun)
            self.other.send(JOB_CLOSE, f1=ref)
        self.pages += PAGES
        return sorted(times)[len(times) // 2]

    def test_every_message_has_a_flood(self):
        table = (SOURCE / "proto" / "PROTOCOL.md").read_text()
        self.assertEqual(set(re.findall(r"^\| (\w+) \| \d+ \| (?:guest|both) \|", table, re.M)), set(FLOODS))

    def test_others_do_not_notice(self):
        """With one guest that floods with each type of message, another's pages are printed all the same. How much longer each
        took is shown; what makes it so is no matter of time: tests/unit/test-turns.c, test-worker.c (turns), test_measure."""
        self.other, self.pages = self.guest("other").greet(), 0
        context = multiprocessing.get_context("fork")
        self.usual(1)
        for at, name in enumerate([*FLOODS, *OTHERS], 1):
            with self.subTest(name):
                alone = self.usual(at * 20)
                ready = context.Event()
                process = context.Process(target=flood, args=(self.host, name, ready), daemon=True)
                process.start()
                try:
                    ready.wait(30)
                    took = self.usual(at * 20 + 10)
                finally:
                    process.terminate()
                    process.join()
                print(f"  {name}: a page of another workspace took {took * 1000:.0f} ms, alone {alone * 1000:.0f} ms: "
                      f"{took / alone:.2f} times")
        self.other.close()
        self.assertLess(len(self.lab.log("platend").splitlines()), 4096 * 2)
        wait_for(lambda: len(self.device.received) == self.pages, "the pages")
        self.sound(self.pages)

    def test_measure(self):
        """What one guest has platend do is measured, however fast it speaks: so many messages at once, and then 200 a second
        (platen-channel's SAID_BURST and SAID_RATE). Waiting longer is no fault."""
        opens = 6000
        guest = self.guest().greet()
        guest.sock.settimeout(120)
        data = b"".join(frame(message(JOB_OPEN, f1=ref, f2=guest.printers["laser"], f3=b"j" * 16, f4=1, f5=1, f6=1, f7=0, f8="t",
                                      f9="u", f10="application/pdf")) + frame(message(JOB_CLOSE, f1=ref))
                        for ref in range(1, opens + 1))  # each is empty: there is an answer, and no job
        begun = time.monotonic()
        threading.Thread(target=guest.raw, args=(data + frame(message(PING, f1=99)),), daemon=True).start()
        guest.until(lambda kind, f: kind == PONG and f.get(1) == [99])  # all before it were taken
        self.assertGreater(time.monotonic() - begun, (2 * opens - 10000) / 200)
        guest.close()
        self.sound()

    def test_a_byte_a_second(self):
        """A frame that never ends holds nobody up, and a greeting that does not come ends the session."""
        guest = self.guest().sync()
        data = frame(message(HELLO, f1=1, f2=1, f3="slow"))
        guest.raw(data[:20])
        self.sound()
        self.assertTrue(guest.is_over(30))

    def test_credits_never_given(self):
        """A guest that reads nothing: what is meant for it is bounded, and it is given up."""
        guest = self.guest().greet()
        begun = time.monotonic()
        try:
            while time.monotonic() - begun < 5:
                guest.raw(frame(message(PING, f1=1)) * 1000)
        except OSError:
            pass
        for pid, _ in self.host.children("platen-channel"):
            for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmHWM"):
                    self.assertLess(int(line.split()[1]), 32 << 10)
        self.sound()


class Quotas(HostileCase):
    settings = "jobs-per-minute = 3\nheld-mib = 4\nmib-per-minute = 2\n"

    def test_jobs_per_minute(self):
        guest = self.guest().greet()
        for ref in range(1, 4):
            self.assertEqual(guest.print(pdf(1), ref=ref)[2], [COMPLETED])
            guest.send(JOB_CLOSE, f1=ref)
        state = guest.print(pdf(1), ref=4)
        self.assertEqual((state[2], state[3]), ([REFUSED], [5]))  # QUOTA
        self.assertIn(b"3 jobs within a minute", state[8][0])
        row, = [w for w in self.host.ask("workspaces")["data"]["workspaces"] if w["name"] == "box"]
        self.assertEqual(row["kept"]["jobs"], 1)
        wait_for(lambda: len(self.device.received) == 3, "three pages")
        self.sound(3)

    def test_bytes_per_minute(self):
        """Credit is given for what a minute's measure has, at most a window beyond it, and then as time passes."""
        window, measure = 256 << 10, 2 << 20
        guest = self.guest().greet()
        begun, sent = time.monotonic(), 0
        size = window + measure + window + (window >> 1)  # the first window, the measure, what goes beyond it, and 4 s
        guest.open_job(1, size)
        given = guest.until(lambda kind, f: kind == JOB_ACCEPT)[2][0]
        while sent < size:
            piece = min(given - sent, 65536, size - sent)
            if piece:
                guest.send(JOB_DATA, f1=1, f2=sent, f3=bytes(piece))
                sent += piece
            else:
                given += guest.until(lambda kind, f: kind == JOB_CREDIT)[2][0]
        self.assertLessEqual(given - 2 * window, measure * (1 + (time.monotonic() - begun) / 60))
        self.sound()

    def test_log_lines(self):
        """A guest's reports each have a line, until there are too many; that is said, once."""
        reports, first = 6000, 4096  # LINES_BURST, and 60 a minute
        guest = self.guest().greet()
        guest.sock.settimeout(120)
        begun = time.monotonic()
        guest.raw(b"".join(frame(message(PRINTER_REPORT, f1=0, f2=5, f3=f"report {n}")) for n in range(reports)) +
                  frame(message(PING, f1=99)))
        guest.until(lambda kind, f: kind == PONG and f.get(1) == [99])
        wait_for(lambda: "too many lines" in self.lab.log("platend"), "the word about it")
        log = self.lab.log("platend")
        told = log.count("report ")
        self.assertGreaterEqual(told, first - 100)  # connections and the like had some
        self.assertLessEqual(told, first + 60 * ((time.monotonic() - begun) / 60 + 1))
        row, = [w for w in self.host.ask("workspaces")["data"]["workspaces"] if w["name"] == "box"]
        self.assertGreaterEqual(row["kept"]["lines"], reports - told - 100)
        self.assertLessEqual(log.count("too many lines"), 1 + (time.monotonic() - begun))
        guest.close()
        self.sound()

    def test_bytes_that_wait(self):
        self.spooler.run("cupsdisable", "laser")
        guest = self.guest().greet()
        guest.open_job(1, 2800 << 10)
        guest.until(lambda kind, f: kind == JOB_ACCEPT)
        guest.open_job(2, 2800 << 10)
        state = guest.until(lambda kind, f: kind == JOB_STATE and f[1] == [2])
        self.assertEqual((state[2], state[3]), ([REFUSED], [5]))
        guest.send(JOB_CANCEL, f1=1)
        guest.until(lambda kind, f: kind == JOB_STATE and f[1] == [1] and f.get(4))
        guest.send(JOB_CLOSE, f1=1)
        guest.open_job(3, 2800 << 10)
        guest.until(lambda kind, f: kind == JOB_ACCEPT)
        self.spooler.run("cupsenable", "laser")
        guest.close()
        self.sound()


if __name__ == "__main__":
    unittest.main()
