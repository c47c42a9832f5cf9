# SPDX-License-Identifier: Apache-2.0
"""The guest's half for tests of platen-queues and of the backend: a private cupsd,
platen-queues at a socketpair, and a stand-in for platen-agent at the backend's socket.

The stand-in is not platen-agent: it answers a backend as a test tells it to, so that each
conversation can be had, also those that a sound agent never has. The fixed messages are those of
guest/queues/queues.h and guest/backend/backend.h.
"""
import array
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import threading
import uuid

import ipp
from harness import BUILD, Lab, Spooler, wait_for
from patience import patience

QUEUES = str(BUILD / "platen-queues")
BACKEND = str(BUILD / "platen-backend")

# The head that makes a queue without filters (LAB: */* 0 - and its companions), and some options.
PPD = """*PPD-Adobe: "4.3"
*FormatVersion: "4.3"
*FileVersion: "1.0"
*LanguageVersion: English
*LanguageEncoding: UTF-8
*PCFileName: "PLATEN.PPD"
*Manufacturer: "Platen"
*Product: "(Test)"
*ModelName: "Platen Test"
*ShortNickName: "Platen Test"
*NickName: "Platen Test @NUMBER@"
*PSVersion: "(3010.000) 0"
*LanguageLevel: "3"
*ColorDevice: True
*DefaultColorSpace: RGB
*FileSystem: False
*cupsFilter: "*/* 0 -"
*cupsSingleFile: True
*APRemoteQueueID: ""
*cupsManualCopies: False
*cupsSNMPSupplies: False
*OpenUI *PageSize/Media Size: PickOne
*OrderDependency: 10 AnySetup *PageSize
*DefaultPageSize: A4
*PageSize A4/A4: "<</PageSize[595 842]>>setpagedevice"
*PageSize Letter/US Letter: "<</PageSize[612 792]>>setpagedevice"
*CloseUI: *PageSize
*OpenUI *PageRegion: PickOne
*OrderDependency: 10 AnySetup *PageRegion
*DefaultPageRegion: A4
*PageRegion A4/A4: "<</PageSize[595 842]>>setpagedevice"
*PageRegion Letter/US Letter: "<</PageSize[612 792]>>setpagedevice"
*CloseUI: *PageRegion
*DefaultImageableArea: A4
*ImageableArea A4/A4: "18 36 577 806"
*ImageableArea Letter/US Letter: "18 36 594 756"
*DefaultPaperDimension: A4
*PaperDimension A4/A4: "595 842"
*PaperDimension Letter/US Letter: "612 792"
*OpenUI *Duplex/2-Sided Printing: PickOne
*OrderDependency: 20 AnySetup *Duplex
*DefaultDuplex: None
*Duplex None/Off: ""
*Duplex DuplexNoTumble/Long-Edge: ""
*Duplex DuplexTumble/Short-Edge: ""
*CloseUI: *Duplex
*OpenUI *StapleLocation/Staple: PickOne
*OrderDependency: 30 AnySetup *StapleLocation
*DefaultStapleLocation: None
*StapleLocation None/Off: ""
*StapleLocation UpperLeft/Upper Left: ""
*CloseUI: *StapleLocation
"""

# -- IPP: what ipp.py has, and operations with documents and rights

ENUM, BOOLEAN, INTEGER, KEYWORD, NAME, URI = (ipp.ENUM, ipp.BOOLEAN, ipp.INTEGER, ipp.KEYWORD,
    ipp.NAME, ipp.URI)
TEXT, MIME = 0x41, 0x49
OPERATION, JOB, END, PRINTER = 1, 2, 3, 4
PRINT_JOB, CANCEL_JOB, GET_JOB, GET_JOBS, GET_PRINTER = 0x02, 0x08, 0x09, 0x0A, 0x0B
PAUSE, RESUME = 0x10, 0x11
GET_PRINTERS, ADD_PRINTER = 0x4002, 0x4003
attribute = ipp.attribute


class Refused(Exception):
    def __init__(self, status, text):
        super().__init__(f"{status:#06x} {text}")
        self.status = status


class Cupsd(Spooler):
    """A private cupsd with the backend `platen`, run as the real one is: root, its jobs as lp."""

    def __init__(self, settings=""):
        lab = Lab()
        self.agent_dir = f"{lab.dir}/agent"
        self.other_socket = f"{lab.dir}/other/cups.sock"  # a folder with nothing else in it
        os.mkdir(f"{lab.dir}/other")
        os.mkdir(self.agent_dir)
        super().__init__(lab, "guest", backend=True, env={"PLATEN_AGENT_RUNDIR": self.agent_dir},
            extra=f"Listen {self.other_socket}\n{settings}")

    def end(self, number=signal.SIGTERM):
        self.lab.stop(self.process, number, 30)

    def close(self):
        self.end()
        self.lab.close()

    def backends(self):
        """Process ids of backends that run."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if os.readlink(f"/proc/{pid}/exe") == f"{self.dir}/bin/backend/platen":
                    found.append(int(pid))
            except OSError:
                pass
        return found

    def ask(self, op, queue=None, job=None, user="root", operation=b"", group=b"", document=b"",
            resource="/", auth=False):
        """The groups of the answer, each a dictionary of lists with its tag at ""; or Refused."""
        uri = b""
        if queue is not None:
            uri = attribute(URI, "printer-uri", f"ipp://localhost/printers/{queue}")
        if job is not None:
            uri = attribute(URI, "job-uri", f"ipp://localhost/jobs/{job}")
        body = (struct.pack(">BBHIB", 2, 0, op, 1, OPERATION)
            + attribute(0x47, "attributes-charset", "utf-8")
            + attribute(0x48, "attributes-natural-language", "en") + uri
            + attribute(NAME, "requesting-user-name", user) + operation + group + bytes([END])
            + document)
        headers = {"Content-Type": "application/ipp"}
        if auth:
            headers["Authorization"] = "PeerCred root"
        connection = ipp.UnixConnection(self.socket)
        try:
            connection.request("POST", resource, body, headers)
            response = connection.getresponse()
            if response.status != 200:
                raise ValueError(f"HTTP {response.status}")
            status, groups = ipp.parse(response.read())
        finally:
            connection.close()
        if status > 0xFF:
            raise Refused(status, groups[0][1].get("status-message", "") if groups else "")
        tags = {name: tag for tag, name in ipp.GROUPS.items()}
        return [{"": tags[kind], **{k: v if isinstance(v, list) else [v] for k, v in group.items()}}
            for kind, group in groups]

    def queue(self, name, *wanted):
        """A queue's attributes, each a list."""
        operation = attribute(KEYWORD, "requested-attributes", *(wanted or ("all",)))
        return self.ask(GET_PRINTER, name, operation=operation)[-1]

    def queues(self):
        operation = attribute(KEYWORD, "requested-attributes", "printer-name")
        try:
            return [g["printer-name"][0] for g in self.ask(GET_PRINTERS, operation=operation)
                if g[""] == PRINTER]
        except Refused:
            return []

    def job(self, number, *wanted):
        operation = attribute(KEYWORD, "requested-attributes", *(wanted or ("all",)))
        return self.ask(GET_JOB, job=number, operation=operation)[-1]

    def state(self, number):
        return self.job(number, "job-state")["job-state"][0]

    def wait_state(self, number, state, seconds=15):
        wait_for(lambda: self.state(number) == state, f"job {number} to be in state {state}", seconds)

    def jobs(self, which="all"):
        operation = (attribute(URI, "printer-uri", "ipp://localhost/")
            + attribute(KEYWORD, "which-jobs", which)
            + attribute(KEYWORD, "requested-attributes", "job-id", "job-name", "job-state"))
        return [g for g in self.ask(GET_JOBS, operation=operation) if g[""] == JOB]

    def print(self, queue, document=b"%PDF-1.4\n", title="test", user="anna", options=b"",
            kind="application/pdf"):
        operation = attribute(NAME, "job-name", title) + attribute(MIME, "document-format", kind)
        group = bytes([JOB]) + options if options else b""
        return self.ask(PRINT_JOB, queue, user=user, operation=operation, group=group,
            document=document)[-1]["job-id"][0]

    def add(self, name, uri, ppd=PPD, more=b""):
        """A queue as a person makes one."""
        group = bytes([PRINTER]) + attribute(URI, "device-uri", uri) + attribute(ENUM, "printer-state", 3) \
            + attribute(BOOLEAN, "printer-is-accepting-jobs", 1) + more
        self.ask(ADD_PRINTER, name, group=group, document=ppd.encode() if ppd else b"",
            resource="/admin/", auth=True)


# -- Fixed messages

PING, LIST, PUT, REMOVE, STATE, DEFAULT, WATCH, QUEUE, DONE, UP, DOWN, ASK_JOB, ASK_HELD, ASK_ENDED, JOB_ENDED = range(1, 16)
OPEN, CANCEL, STATUS, ENDED, SUPPLIES = range(1, 6)
LISTS = "512s512s1024s512s512s256s256s256s"  # reasons, text (or text, reasons), marker-*


def fixed(kind, layout, *values):
    size = 8 + struct.calcsize("=" + layout)
    values = [v.encode() if isinstance(v, str) else v for v in values]
    return struct.pack("=II" + layout, kind, size, *values)


def string(data):
    return data.split(b"\0")[0].decode()


def packed(options):
    return b"".join(k.encode() + b"\0" + v.encode() + b"\0" for k, v in options.items())


class Done:
    def __init__(self, message):
        self.kind, _, self.serial, self.error, self.made, name, text = struct.unpack("=IIIiI128s512s", message)
        self.name, self.text = string(name), string(text)


class Listed:
    def __init__(self, message):
        (_, _, self.ours, self.is_default, self.jobs, self.state, name, uri, fingerprint,
            text) = struct.unpack("=IIIIII128s1024s40s512s", message)
        self.name, self.uri, self.fingerprint, self.text = map(string, (name, uri, fingerprint, text))


class EndedJob:
    def __init__(self, message):
        _, _, _, self.number, _, self.files, job, name = struct.unpack("=IIIIII16s128s", message)
        self.uuid, self.name = uuid.UUID(bytes=job), string(name)


class Worker:
    """platen-queues at the other end of a socketpair."""

    def __init__(self, cups_socket):
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen(["sh", "-c", 'exec "$0" "$1" 3<&"$2"', QUEUES, str(cups_socket),
            str(theirs.fileno())], pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL)
        theirs.close()
        self.sock.settimeout(60 * patience())
        self.serial = 0
        self.news = []  # UP and DOWN that came between answers

    def close(self):
        """Its end is orderly when ours is."""
        self.sock.close()
        status = self.process.wait(10 * patience())
        assert status == 0, f"platen-queues ended with {status}"

    def send(self, message, fd=None):
        anc = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))] if fd is not None else []
        self.sock.sendmsg([message], anc)

    def answer(self):
        """The next DONE, and the queues that came before it."""
        queues = []
        while True:
            message = self.sock.recv(65536)
            assert message, "platen-queues ended"
            kind = struct.unpack("=I", message[:4])[0]
            if kind == QUEUE:
                queues.append(Listed(message))
            elif kind == JOB_ENDED:
                queues.append(EndedJob(message))
            elif kind == DONE:
                done = Done(message)
                assert done.serial == self.serial
                return done, queues
            else:
                self.news.append(Done(message))

    def next_news(self, seconds):
        if self.news:
            return self.news.pop(0)
        self.sock.settimeout(seconds and seconds * patience())
        try:
            return Done(self.sock.recv(65536))
        finally:
            self.sock.settimeout(60)

    def request(self, kind, name=""):
        self.serial += 1
        self.send(fixed(kind, "I128s", self.serial, name))
        return self.answer()

    def job(self, number, uuid, hold=0):
        """What platen-queues says of the job of this number and job-uuid."""
        self.serial += 1
        self.send(fixed(ASK_JOB, "III16s", self.serial, number, hold, uuid))
        return self.answer()[0].error

    def ended(self, behind=0, anew=0):
        """The number of the newest job of all, and what is new of those that were completed: number, files, UUID, queue."""
        self.serial += 1
        self.send(fixed(ASK_ENDED, "IIII16s128s", self.serial, behind, anew, 0, b"", ""))
        done, jobs = self.answer()
        assert done.error == 0, done.text
        assert jobs[0].uuid.int == 0
        return jobs[0].number, sorted((j.number, j.files, j.uuid, j.name) for j in jobs[1:])

    def list(self):
        done, queues = self.request(LIST)
        assert done.error == 0, done.text
        return {q.name: q for q in queues}

    def put(self, name, ppd=PPD, info="", location="", accepting=1, fingerprint="f1", defaults=None, there=0):
        self.serial += 1
        options = packed(defaults or {})
        message = fixed(PUT, "III128s256s256s40sI2048s", self.serial, accepting, there, name, info, location,
            fingerprint, len(options), options)
        if ppd is None:
            self.send(message)
        else:
            with tempfile.TemporaryFile() as f:
                f.write(ppd if isinstance(ppd, bytes) else ppd.encode())
                f.flush()
                self.send(message, f.fileno())
        return self.answer()[0]

    def state(self, name, stopped=0, accepting=1, reasons="", text="", names="", types="", colors="",
            levels="", low="", high=""):
        self.serial += 1
        self.send(fixed(STATE, "III128s" + LISTS, self.serial, stopped, accepting, name, reasons,
            text, names, types, colors, levels, low, high))
        return self.answer()[0]


class Handed:
    """A job as a backend handed it over."""

    def __init__(self, message, fd):
        (self.kind, size, self.file, self.copies, self.guest_job, _, _, _, _, job, printer, _, title, user, kind,
            used, options) = struct.unpack("=IIIIIIII128s16s128sQ256s64s128sI16384s4x", message)
        assert size == len(message)
        self.uuid = str(uuid.UUID(bytes=job))
        self.printer, self.title, self.user, self.format = map(string, (printer, title, user, kind))
        words = options[:used].split(b"\0")[:-1]
        self.options = dict(zip((w.decode() for w in words[::2]), (w.decode() for w in words[1::2])))
        self.fd = fd

    def document(self):
        """Its bytes from the descriptor's offset on, which has to be the start."""
        with os.fdopen(os.dup(self.fd), "rb") as f:
            return f.read()


class Connection:
    """A stand-in's connection to one backend."""

    def __init__(self, sock):
        self.sock = sock
        self.sock.settimeout(30 * patience())
        self.fds = []

    def receive(self):
        message, anc, _, _ = self.sock.recvmsg(65536, socket.CMSG_SPACE(4))
        fd = None
        for level, kind, data in anc:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                fd = struct.unpack("=i", data[:4])[0]
                self.fds.append(fd)
        return message, fd

    def handed(self):
        message, fd = self.receive()
        assert message, "the backend hung up"
        return Handed(message, fd)

    def kind(self):
        """The type of the next message; None when the backend has hung up."""
        message = self.receive()[0]
        return struct.unpack("=I", message[:4])[0] if message else None

    def status(self, text="", reasons="", progress=0, pages=0, names="", types="", colors="",
            levels="", low="", high=""):
        self.sock.send(fixed(STATUS, "II" + LISTS, progress, pages, text, reasons, names, types,
            colors, levels, low, high))

    def end(self, code, text=""):
        self.sock.send(fixed(ENDED, "I512s", code, text))
        self.close()

    def close(self):
        self.sock.close()
        for fd in self.fds:
            os.close(fd)
        self.fds = []


class Agent:
    """A stand-in for platen-agent: the socket that backends come to."""

    def __init__(self, folder):
        self.path = f"{folder}/backend"
        self.listener = None
        self.listen()

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(self.path)
        shutil.chown(self.path, "root", "lp")
        os.chmod(self.path, 0o660)
        self.listener.listen(128)

    def accept(self, seconds=30):
        self.listener.settimeout(seconds and seconds * patience())
        return Connection(self.listener.accept()[0])

    def close(self):
        if self.listener:
            self.listener.close()
            os.unlink(self.path)
        self.listener = None


class Supplier(threading.Thread):
    """Answers backends that ask for supply levels, as platen-agent does, until it is closed."""

    def __init__(self, agent, levels):
        super().__init__()
        self.agent, self.levels, self.asked, self.others = agent, levels, [], []
        self.closing = False
        self.start()

    def run(self):
        while True:
            connection = self.agent.accept(None)
            if self.closing:
                connection.close()
                return
            message, fd = connection.receive()
            if not message:  # its job was purged meanwhile
                connection.close()
                continue
            handed = Handed(message, fd)
            if handed.kind != SUPPLIES:
                self.others.append((connection, handed))
                continue
            self.asked.append(handed.printer)
            connection.status(**self.levels.get(handed.printer, {}))
            connection.end(0)

    def close(self):
        if self.closing:
            return
        self.closing = True
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
            s.connect(self.agent.path)  # wakes accept()
            self.join()
        self.agent.close()
