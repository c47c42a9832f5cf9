# SPDX-License-Identifier: Apache-2.0
"""The guest's half for tests of platen-queues and of the backend: a private cupsd, IPP without a
library, platen-queues at a socketpair, and a stand-in for platen-agent at the backend's socket.

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
import time
import uuid

BUILD = os.environ.get("PLATEN_BUILD", os.path.join(os.path.dirname(__file__), "../../build"))
SERVER_BIN = "/usr/lib/cups"
QUEUES = os.path.join(BUILD, "platen-queues")
BACKEND = os.path.join(BUILD, "platen-backend")

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

CONF = """LogLevel debug
MaxLogSize 0
Listen {socket}
Browsing Off
WebInterface No
IdleExitTimeout 0
MaxJobs 0
DefaultShared No
PreserveJobHistory Yes
<Location />
  Order allow,deny
</Location>
<Location /admin>
  Order allow,deny
</Location>
<Policy default>
  JobPrivateAccess default
  JobPrivateValues default
  SubscriptionPrivateAccess default
  SubscriptionPrivateValues default
  <Limit Send-Document Send-URI Hold-Job Release-Job Restart-Job Cancel-Job Close-Job Cancel-My-Jobs Set-Job-Attributes>
    Require user @OWNER @SYSTEM
    Order deny,allow
  </Limit>
  <Limit CUPS-Add-Modify-Printer CUPS-Delete-Printer CUPS-Add-Modify-Class CUPS-Delete-Class CUPS-Set-Default>
    AuthType Default
    Require user @SYSTEM
    Order deny,allow
  </Limit>
  <Limit Pause-Printer Resume-Printer Enable-Printer Disable-Printer CUPS-Accept-Jobs CUPS-Reject-Jobs>
    AuthType Default
    Require user @SYSTEM
    Order deny,allow
  </Limit>
  <Limit All>
    Order deny,allow
  </Limit>
</Policy>
"""

FILES = """SystemGroup root
User lp
Group lp
ServerRoot {top}/etc
ServerBin {top}/lib
DataDir /usr/share/cups
DocumentRoot /usr/share/cups/doc-root
RequestRoot {top}/spool
TempDir {top}/spool/tmp
StateDir {top}/run
CacheDir {top}/cache
ServerKeychain {top}/etc/ssl
ErrorLog {top}/error_log
AccessLog {top}/access_log
PageLog {top}/page_log
FileDevice Yes
SyncOnClose No
SetEnv PLATEN_AGENT_RUNDIR {top}/agent
"""


def wait_for(what, seconds=10.0, pause=0.01):
    """Waits for what() to be true and returns it: for what has no event of its own."""
    end = time.monotonic() + seconds
    while True:
        got = what()
        if got:
            return got
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {getattr(what, '__doc__', None) or what}")
        time.sleep(pause)


# -- IPP (RFC 8010)

INTEGER, BOOLEAN, ENUM, TEXT, NAME, KEYWORD, URI = 0x21, 0x22, 0x23, 0x41, 0x42, 0x44, 0x45
OPERATION, JOB, END, PRINTER = 1, 2, 3, 4
PRINT_JOB, CANCEL_JOB, GET_JOB, GET_JOBS, GET_PRINTER = 0x02, 0x08, 0x09, 0x0A, 0x0B
HOLD_JOB, RELEASE_JOB, PAUSE, RESUME = 0x0C, 0x0D, 0x10, 0x11
GET_DEFAULT, GET_PRINTERS, ADD_PRINTER, DELETE_PRINTER = 0x4001, 0x4002, 0x4003, 0x4004


def attribute(tag, name, *values):
    out = b""
    for i, value in enumerate(values):
        if tag in (INTEGER, ENUM):
            data = struct.pack(">i", value)
        elif tag == BOOLEAN:
            data = bytes([value])
        else:
            data = value if isinstance(value, bytes) else value.encode()
        key = b"" if i else name.encode()
        out += struct.pack(">BH", tag, len(key)) + key + struct.pack(">H", len(data)) + data
    return out


class Refused(Exception):
    def __init__(self, status, text):
        super().__init__(f"{status:#06x} {text}")
        self.status = status


def parse(body):
    """The groups of an answer, each a dictionary of lists."""
    status, at = struct.unpack(">H", body[2:4])[0], 8
    groups, group, name = [], None, None
    while at < len(body):
        tag = body[at]
        at += 1
        if tag < 0x10:
            if tag == END:
                break
            group = {"": tag}
            groups.append(group)
            continue
        (size,) = struct.unpack(">H", body[at : at + 2])
        if size:
            name = body[at + 2 : at + 2 + size].decode()
        at += 2 + size
        (size,) = struct.unpack(">H", body[at : at + 2])
        data = body[at + 2 : at + 2 + size]
        at += 2 + size
        if tag in (INTEGER, ENUM):
            data = struct.unpack(">i", data)[0]
        elif tag == BOOLEAN:
            data = bool(data[0])
        elif tag >= 0x40:
            data = data.decode(errors="replace")
        group.setdefault(name, []).append(data)
    if status > 0xFF:
        raise Refused(status, groups[0].get("status-message", [""])[0] if groups else "")
    return groups


class Cupsd:
    """A private cupsd with the backend `platen`, run as the real one is: root, its jobs as lp."""

    def __init__(self):
        self.top = tempfile.mkdtemp(prefix="g")
        os.chmod(self.top, 0o755)
        self.socket = f"{self.top}/run/cups.sock"
        self.agent_dir = f"{self.top}/agent"
        self.process = None
        for folder in ("etc", "etc/ppd", "lib", "lib/backend", "spool", "spool/tmp", "run",
                "run/certs", "cache", "agent"):
            os.mkdir(f"{self.top}/{folder}")
        for name in os.listdir(SERVER_BIN):
            if name != "backend":
                os.symlink(f"{SERVER_BIN}/{name}", f"{self.top}/lib/{name}")
        shutil.copy(BACKEND, f"{self.top}/lib/backend/platen")
        os.chmod(f"{self.top}/lib/backend/platen", 0o755)
        shutil.chown(f"{self.top}/spool", "root", "lp")
        os.chmod(f"{self.top}/spool", 0o710)
        shutil.chown(f"{self.top}/spool/tmp", "root", "lp")
        os.chmod(f"{self.top}/spool/tmp", 0o1770)
        shutil.chown(self.agent_dir, "root", "lp")
        self.write("etc/cupsd.conf", CONF.format(socket=self.socket))
        self.write("etc/cups-files.conf", FILES.format(top=self.top))
        self.start()

    def write(self, path, text):
        with open(f"{self.top}/{path}", "w", encoding="utf-8") as f:
            f.write(text)

    def start(self):
        self.process = subprocess.Popen(["/usr/sbin/cupsd", "-f", "-c", f"{self.top}/etc/cupsd.conf",
            "-s", f"{self.top}/etc/cups-files.conf"], stdin=subprocess.DEVNULL)
        wait_for(self.answers)

    def answers(self):
        """cupsd answers"""
        try:
            self.ask(GET_PRINTERS, group=b"")
            return True
        except (OSError, ValueError):
            return False
        except Refused:
            return True

    def end(self, number=signal.SIGTERM):
        if self.process:
            self.process.send_signal(number)
            self.process.wait(30)
        self.process = None

    def close(self):
        self.end()
        shutil.rmtree(self.top)

    def log(self):
        with open(f"{self.top}/error_log", encoding="utf-8", errors="replace") as f:
            return f.read()

    def ask(self, op, queue=None, job=None, user="root", operation=b"", group=b"", document=b"",
            resource="/", auth=False):
        uri = b""
        if queue is not None:
            uri = attribute(URI, "printer-uri", f"ipp://localhost/printers/{queue}")
        if job is not None:
            uri = attribute(URI, "job-uri", f"ipp://localhost/jobs/{job}")
        body = (struct.pack(">BBHI", 2, 0, op, 1) + bytes([OPERATION])
            + attribute(0x47, "attributes-charset", "utf-8")
            + attribute(0x48, "attributes-natural-language", "en") + uri
            + attribute(NAME, "requesting-user-name", user) + operation + group + bytes([END])
            + document)
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(60)
            s.connect(self.socket)
            s.sendall(f"POST {resource} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                f"Content-Type: application/ipp\r\nContent-Length: {len(body)}\r\n"
                f"{'Authorization: PeerCred root' + chr(13) + chr(10) if auth else ''}\r\n".encode() + body)
            got = b""
            while True:
                piece = s.recv(65536)
                if not piece:
                    break
                got += piece
        head, _, body = got.partition(b"\r\n\r\n")
        if b"200" not in head.split(b"\r\n")[0]:
            raise ValueError(head.decode(errors="replace"))
        if b"chunked" in head:
            whole = b""
            while body:
                size, _, body = body.partition(b"\r\n")
                size = int(size, 16)
                whole += body[:size]
                body = body[size + 2 :]
            body = whole
        return parse(body)

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
        wait_for(lambda: self.state(number) == state, seconds)

    def jobs(self, which="all"):
        operation = (attribute(URI, "printer-uri", "ipp://localhost/")
            + attribute(KEYWORD, "which-jobs", which)
            + attribute(KEYWORD, "requested-attributes", "job-id", "job-name", "job-state"))
        return [g for g in self.ask(GET_JOBS, operation=operation) if g[""] == JOB]

    def print(self, queue, document=b"%PDF-1.4\n", title="test", user="anna", options=b"",
            kind="application/pdf"):
        operation = (attribute(NAME, "job-name", title) + attribute(0x49, "document-format", kind))
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

PING, LIST, PUT, REMOVE, STATE, DEFAULT, WATCH, QUEUE, DONE, UP, DOWN = range(1, 12)
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
        self.kind, _, self.serial, self.error, name, text = struct.unpack("=IIIi128s512s", message)
        self.name, self.text = string(name), string(text)


class Listed:
    def __init__(self, message):
        (_, _, self.ours, self.is_default, self.jobs, self.state, name, uri, fingerprint,
            text) = struct.unpack("=IIIIII128s1024s40s512s", message)
        self.name, self.uri, self.fingerprint, self.text = map(string, (name, uri, fingerprint, text))


class Worker:
    """platen-queues at the other end of a socketpair."""

    def __init__(self, cups_socket):
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.process = subprocess.Popen(["sh", "-c", 'exec "$0" "$1" 3<&"$2"', QUEUES, cups_socket,
            str(theirs.fileno())], pass_fds=(theirs.fileno(),), stdin=subprocess.DEVNULL)
        theirs.close()
        self.sock.settimeout(60)
        self.serial = 0
        self.news = []  # UP and DOWN that came between answers

    def close(self):
        """Its end is orderly when ours is."""
        self.sock.close()
        status = self.process.wait(10)
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
            elif kind == DONE:
                done = Done(message)
                assert done.serial == self.serial
                return done, queues
            else:
                self.news.append(Done(message))

    def next_news(self, seconds):
        if self.news:
            return self.news.pop(0)
        self.sock.settimeout(seconds)
        try:
            return Done(self.sock.recv(65536))
        finally:
            self.sock.settimeout(60)

    def request(self, kind, name=""):
        self.serial += 1
        self.send(fixed(kind, "I128s", self.serial, name))
        return self.answer()

    def list(self):
        done, queues = self.request(LIST)
        assert done.error == 0, done.text
        return {q.name: q for q in queues}

    def put(self, name, ppd=PPD, info="", location="", accepting=1, fingerprint="f1", defaults=None):
        self.serial += 1
        options = packed(defaults or {})
        message = fixed(PUT, "II128s256s256s40sI2048s", self.serial, accepting, name, info, location,
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
        (self.kind, size, self.file, self.copies, self.guest_job, _, job, printer, title, user, kind,
            used, options) = struct.unpack("=IIIIII16s128s256s64s128sI16384s", message)
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
        self.sock.settimeout(30)
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
        self.listener.settimeout(seconds)
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
            handed = connection.handed()
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
