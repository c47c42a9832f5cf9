# SPDX-License-Identifier: Apache-2.0
"""platen-spool submit at a socketpair: what it makes of a document that is not as it was announced; and platen-spool sync.

The test is platend here, and the channel that writes into the document's pipe. cupsd is told the length beforehand,
so the last byte must not reach it before the digest is known: whatever goes wrong, no job has a document.
"""
import ctypes
import errno
import os
import pathlib
import re
import select
import signal
import socket
import struct
import subprocess
import tempfile
import time
import unittest
import uuid

import harness
from harness import BUILD, Guest, Host, Lab, Spooler, vendor_ppd, wait_for

QUOTA, MISMATCH = "QUOTA", "MISMATCH"


def numbers(header, enum, first, *prefixes):
    """The names of an enum, from the header that has them; without their prefixes."""
    body = (harness.SOURCE / header).read_text().split(f"enum {enum} {{")[1].split("};")[0]
    names = [m.group(1) for m in re.finditer(r"^\t([A-Z]+_[A-Z_]+)\b", body, re.M)]
    return {name.split("_", 1)[1]: number for number, name in enumerate(names, first) if name.startswith(prefixes)}


SUBMIT = numbers("host/spool/spool.h", "spool_message", 1, "SUBMIT_")
OPEN, QUERY, SEAL, RELEASE = (SUBMIT[name] for name in ("OPEN", "QUERY", "SEAL", "RELEASE"))
READY, OPENED, OFFSET, SEALED = (SUBMIT[name] for name in ("READY", "OPENED", "OFFSET", "SEALED"))
RELEASED, FAILED, PING, PONG = (SUBMIT[name] for name in ("RELEASED", "FAILED", "PING", "PONG"))
UNDER_WAY, WRITE_BACK = SUBMIT["UNDER_WAY"], SUBMIT["WRITE_BACK"]
SPOOL = numbers("host/spool/spool.h", "spool_message", 1, "SPOOL_")
REFUSALS = numbers("proto/message.h", "job_refusal", 0, "REFUSAL_")


def in_memory(path):
    """Whether a file there has no disk behind it."""
    return subprocess.run(["stat", "-f", "-c", "%T", path], check=True, capture_output=True, text=True).stdout.strip() in (
        "tmpfs", "ramfs")


def dirty(fd):
    """Pages of a file that are not on their way to the disk, by cachestat(2); None before Linux 6.5 or in memory."""
    counts = (ctypes.c_uint64 * 5)()
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syscall(451, fd, (ctypes.c_uint64 * 2)(0, 0), counts, 0) < 0 and ctypes.get_errno() == errno.ENOSYS:
        return None
    return counts[1] if not in_memory(f"/proc/{os.getpid()}/fd/{fd}") else None


def written_back(test, fd, older):
    """Waits for a file to be on its way but for its last 12 MiB. The kernel sends it by itself after half a minute, or
    for want of memory, and what is `older` with it: then this shows nothing, or that nobody else did."""
    begun, whole = time.monotonic(), dirty(older)
    expires = int(pathlib.Path("/proc/sys/vm/dirty_expire_centisecs").read_text()) / 100
    wait_for(lambda: dirty(fd) < 12 << 20 >> 12 or dirty(older) < whole, "the disk to get it", expires + 60)
    if dirty(older) < whole:
        test.assertLess(time.monotonic() - begun, expires / 2, "only the kernel has written it")


class Hash(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


def digest(data):
    """XXH3-128 in its canonical form."""
    xxhash = ctypes.CDLL("libxxhash.so.0")
    xxhash.XXH3_128bits.restype = Hash
    value = xxhash.XXH3_128bits(data, ctypes.c_size_t(len(data)))
    return struct.pack(">QQ", value.high, value.low)


class Worker:
    def __init__(self, *argv):
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen([BUILD / "platen-spool", *argv], close_fds=False,
                                        preexec_fn=lambda: os.dup2(theirs.fileno(), 3))
        theirs.close()
        self.sock.settimeout(20)
        self.pipe = None

    def close(self):
        self.end_pipe()
        self.sock.close()
        self.process.wait(20)

    def end_pipe(self):
        if self.pipe is not None:
            os.close(self.pipe)
        self.pipe = None

    def open(self, size, printer="held", readable=True):
        reader, self.pipe = os.pipe()
        if not readable:
            os.close(reader)
            reader = os.open("/", os.O_RDONLY)
        message = struct.pack("=II6IQ16s16s128s64s64s256s128sI16384s4x", OPEN, 17104, 1, 1, 0, 7, 0, 0, size, uuid.uuid4().bytes,
                              uuid.uuid4().bytes, printer.encode(), b"anna", b"anna", b"Test", b"application/octet-stream", 0, b"")
        socket.send_fds(self.sock, [message], [reader])
        os.close(reader)

    def say(self, kind):
        self.sock.send(struct.pack("=II", kind, 8))

    def seal(self, size, value):
        self.sock.send(struct.pack("=IIQ16s", SEAL, 32, size, value))

    def heard(self, *kinds):
        """The next message of one of these kinds."""
        while True:
            message = self.sock.recv(65536)
            if not message:
                raise AssertionError("platen-spool ended")
            kind = struct.unpack("=I", message[:4])[0]
            if kind in kinds:
                return kind, message


class SubmitTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.spooler = Spooler(self.lab, "host")
        self.spooler.add_queue("held", f"file://{self.lab.dir}/host/out/paper")
        self.worker = Worker("submit", self.spooler.socket)
        self.addCleanup(self.worker.close)
        self.worker.heard(READY)

    def documents(self):
        """Names of the documents that cupsd has for its jobs."""
        return sorted(p.name for p in (self.spooler.dir / "spool").glob("d*"))

    def refused(self, message):
        number = struct.unpack("=II3I", message[:20])[2]
        return next(name for name, n in REFUSALS.items() if n == number)

    def test_a_document_that_may_not_be_read(self):
        """As a security module would have it: told at once, not after the minutes that a silent guest has."""
        self.worker.open(100000, readable=False)
        kind, message = self.worker.heard(FAILED, SEALED)
        self.assertEqual((kind, self.refused(message)), (FAILED, "FAILED"))
        self.assertIn(b"the document cannot be read: Is a directory", message)
        self.worker.heard(READY)
        self.worker.end_pipe()
        # The next is taken.
        self.worker.open(5)
        self.worker.heard(OPENED)
        os.write(self.worker.pipe, b"hello")
        self.worker.seal(5, digest(b"hello"))
        self.assertEqual(self.worker.heard(SEALED, FAILED)[0], SEALED)

    def test_whole_documents(self):
        for size in (1, 2047, 2048, 65535, 65536, 65537, 131072, 300001):
            with self.subTest(size=size):
                data = os.urandom(size)
                self.worker.open(size)
                self.worker.heard(OPENED)
                os.write(self.worker.pipe, data[:65536])
                for at in range(65536, size, 65536):
                    os.write(self.worker.pipe, data[at:at + 65536])
                self.worker.seal(size, digest(data))
                kind, message = self.worker.heard(SEALED, FAILED)
                self.assertEqual(kind, SEALED)
                number = struct.unpack("=II2IQ", message)[2]
                self.assertEqual((self.spooler.dir / f"spool/d{number:05d}-001").read_bytes(), data)
                self.worker.say(RELEASE)
                self.worker.heard(RELEASED)
                self.worker.heard(READY)
                self.worker.end_pipe()

    def test_what_is_not_as_announced_is_no_document(self):
        data = os.urandom(70000)
        other = digest(b"something else")
        rows = ((70000, 70000, 70000, other, MISMATCH), (70001, 70000, 70000, None, MISMATCH),
                (69999, 70000, 70000, None, MISMATCH), (140000, 70000, 140000, None, MISMATCH),
                (70000, 65536, 70000, None, MISMATCH), (70000, 70000, 69999, None, MISMATCH),
                (1, 70000, 70000, None, MISMATCH), (0, 0, 0, None, QUOTA), ((1 << 50) + 1, 10, 10, None, QUOTA),
                ((1 << 63) + 1, 10, 10, None, QUOTA), ((1 << 64) - 1, 10, 10, None, QUOTA))
        for announced, sent, sealed, value, why in rows:
            with self.subTest(announced=announced, sent=sent, sealed=sealed):
                self.worker.open(announced)
                try:
                    for at in range(0, sent, 65536):
                        os.write(self.worker.pipe, data[at:min(at + 65536, sent)])
                except BrokenPipeError:
                    pass  # more than was announced is not read
                self.worker.end_pipe()
                self.worker.seal(sealed, value or digest(data[:sent]))
                kind, message = self.worker.heard(SEALED, FAILED)
                self.assertEqual(kind, FAILED)
                self.assertEqual(self.refused(message), why)
                self.worker.heard(READY)
                self.assertEqual(self.documents(), [])
                wait_for(lambda: not self.spooler.jobs("not-completed"), "the held job to go")

    def test_the_last_piece_waits_for_the_digest(self):
        """All bytes are there, and no seal: cupsd has no document, also when the worker dies then."""
        self.worker.open(70000)
        self.worker.heard(OPENED)
        os.write(self.worker.pipe, bytes(65536))
        os.write(self.worker.pipe, bytes(70000 - 65536))

        def offset():
            self.worker.say(QUERY)
            return struct.unpack("=II2IQ", self.worker.heard(OFFSET)[1])[4]

        wait_for(lambda: offset() == 70000, "the worker to have all of it")
        self.assertEqual(self.documents(), [])
        self.worker.process.send_signal(signal.SIGKILL)
        self.worker.process.wait(10)
        request = lambda: [p for p in (self.spooler.dir / "spool").iterdir() if len(p.name) == 8]  # noqa: E731
        wait_for(lambda: not request(), "cupsd to throw away what it had of it")
        self.assertEqual(self.documents(), [])
        job = self.spooler.jobs("not-completed")[0]
        self.assertEqual(job["job-state"], 4)  # held, for good

    def test_a_large_document_goes_to_the_disk_while_it_comes(self):
        size = 33 << 20
        whole = os.urandom(1 << 20) * 33
        self.worker.open(size)
        self.worker.heard(OPENED)
        out = memoryview(whole)
        for _ in range(12):
            os.write(self.worker.pipe, out[:1 << 20])
            out = out[1 << 20:]
        told = struct.unpack("=II2IQ", self.worker.heard(UNDER_WAY)[1])[4]
        self.assertTrue(8 << 20 <= told <= 12 << 20, told)
        file = [p for p in (self.spooler.dir / "spool").iterdir() if re.fullmatch("[0-9a-f]{8}", p.name)]
        self.assertEqual(len(file), 1)
        held = os.open(file[0], os.O_RDONLY)
        self.addCleanup(os.close, held)
        self.worker.say(WRITE_BACK)  # one that the kernel would not hand over, which is no reason to end
        socket.send_fds(self.worker.sock, [struct.pack("=II", WRITE_BACK, 8)], [held])
        theirs = pathlib.Path(f"/proc/{self.worker.process.pid}/fd")
        wait_for(lambda: file[0] in map(pathlib.Path.readlink, theirs.iterdir()), "the worker to have the file")
        with open(self.spooler.dir / "older", "w+b") as older:
            older.write(whole[:8 << 20])
            older.flush()
            while len(out) > 1 << 20:
                os.write(self.worker.pipe, out[:1 << 20])
                out = out[1 << 20:]
            if dirty(held) is not None:  # at least to the last 8 MiB and what was in the pipe
                written_back(self, held, older.fileno())
        os.write(self.worker.pipe, out)
        self.worker.seal(size, digest(whole))
        self.worker.heard(SEALED)
        self.worker.say(RELEASE)
        self.worker.heard(RELEASED)
        self.worker.heard(READY)
        self.assertFalse([fd for fd in theirs.iterdir() if "/spool/" in os.readlink(fd)])

    def test_a_spooler_that_stands_still(self):
        """While it takes the document the worker looks up from that, and not while it does not: so platend can tell."""
        self.worker.open(1 << 24)
        self.worker.heard(OPENED)
        self.worker.say(PING)
        self.worker.heard(PONG)
        self.spooler.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.spooler.process.send_signal, signal.SIGCONT)
        os.set_blocking(self.worker.pipe, False)

        def full():
            try:
                while True:
                    os.write(self.worker.pipe, bytes(65536))
            except BlockingIOError:
                return not select.select([], [self.worker.pipe], [], 1)[1]

        wait_for(full, "the worker to have more than it can hand on")
        self.worker.say(PING)
        self.worker.sock.settimeout(2)
        self.assertRaises(TimeoutError, self.worker.heard, PONG)
        self.spooler.process.send_signal(signal.SIGCONT)
        self.worker.sock.settimeout(20)
        self.worker.heard(PONG)

    def test_a_number_that_was_given_out_again_is_not_released(self):
        """cupsd forgets a job that it has not saved when it is killed, and gives its number to another."""
        data = os.urandom(1000)
        self.worker.open(1000)
        os.write(self.worker.pipe, data)
        self.worker.seal(1000, digest(data))
        number = struct.unpack("=II2IQ", self.worker.heard(SEALED)[1])[2]
        self.spooler.stop(signal.SIGKILL)
        for path in (self.spooler.dir / "spool").glob("[cd]0*"):
            path.unlink()  # what was not on the disk, after a loss of power
        self.spooler.start()
        self.spooler.add_queue("held", f"file://{self.lab.dir}/host/out/paper")  # it was not saved either
        self.spooler.run("lp", "-d", "held", "-o", "raw", "-H", "indefinite", "-U", "anna", harness.__file__)
        job = self.spooler.jobs("not-completed")[0]
        self.assertEqual((job["job-id"], job["job-state"]), (number, 4))
        self.worker.say(RELEASE)
        kind, message = self.worker.heard(RELEASED, FAILED)
        self.assertEqual(kind, FAILED)
        self.assertEqual(struct.unpack("=II3I", message[:20])[3], 0)  # no release was asked for
        self.worker.heard(READY)
        self.assertEqual(self.spooler.jobs()[0]["job-state"], 4)


class SyncTest(unittest.TestCase):
    def test_sync(self):
        """Each file is answered for, one that cannot be synced too; what has no file is no question."""
        worker = Worker("sync")
        self.addCleanup(worker.close)
        reader, writer = os.pipe()
        self.addCleanup(os.close, writer)
        with open(__file__, "rb") as file:
            for number, fd, error in ((17, file.fileno(), 0), (18, reader, errno.EINVAL), (19, file.fileno(), 0)):
                socket.send_fds(worker.sock, [struct.pack("=IIII", SPOOL["SYNC"], 16, number, 0)], [fd])
                self.assertEqual(struct.unpack("=IIII", worker.heard(SPOOL["SYNCED"])[1])[2:], (number, error))
        back = struct.pack("=II", SPOOL["WRITE_BACK"], 8)  # a hint, without an answer
        worker.sock.send(back)  # one that the kernel would not hand over
        socket.send_fds(worker.sock, [back], [reader])
        os.close(reader)
        with tempfile.TemporaryFile() as growing, tempfile.TemporaryFile() as older:
            older.write(bytes(1 << 20))
            growing.write(bytes(33 << 20))
            growing.flush()
            older.flush()
            socket.send_fds(worker.sock, [back], [growing.fileno()])
            if dirty(growing.fileno()) is not None:
                written_back(self, growing.fileno(), older.fileno())
        worker.sock.send(struct.pack("=IIII", SPOOL["SYNC"], 16, 20, 0))
        self.assertRaises(AssertionError, worker.heard, SPOOL["SYNCED"])
        self.assertEqual(worker.process.wait(20), 1)


class SideBySideTest(unittest.TestCase):
    def test_documents_that_are_as_long_go_to_the_disk_too(self):
        """platend cannot tell whose a file is: the submit worker gets none, and the one that serves no job gets all."""
        lab = Lab()
        self.addCleanup(lab.close)
        spooler = Spooler(lab, "host", notifier=True, env={"PLATEN_RUNDIR": lab.dir / "platend-run"})
        spooler.add_queue("laser", "file:///dev/null", vendor_ppd(lab.dir / "vendor.ppd"))
        host = Host(lab, spooler, settings="mode = all\n").start()
        guest = Guest(lab, host).start()
        wait_for(lambda: any(p["guest"] == "ready" for p in host.ask("printers", workspace="box")["data"]["printers"]), "the queue")
        self.assertFalse([pid for pid, argv in host.children("platen-spool") if argv[1] == "sync"])
        with open(lab.dir / "older", "w+b") as older, open(spooler.dir / "spool/0000ffff", "w+b") as another:
            for file, size in ((older, 8), (another, 20)):
                file.write(bytes(size << 20))
                file.flush()
            number = guest.print("laser", os.urandom(1 << 20) * 24, "-o", "document-format=application/vnd.cups-raw")
            wait_for(lambda: (guest.job(number) or {}).get("job-state") == 9, "its end", 60)
            if dirty(another.fileno()) is not None:
                written_back(self, another.fileno(), older.fileno())
        worker, = [pid for pid, argv in host.children("platen-spool") if argv[1] == "sync"]
        theirs = pathlib.Path(f"/proc/{worker}/fd")
        wait_for(lambda: not [fd for fd in theirs.iterdir() if "/spool/" in os.readlink(fd)], "it to let go of the files")


if __name__ == "__main__":
    unittest.main()
