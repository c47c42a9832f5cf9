# SPDX-License-Identifier: Apache-2.0
"""Real spoolers, devices and Platen programs, private to one test.

Everything lives below one temporary folder and ends by its process id when the test does, also when
it fails. Nothing of the machine's own CUPS is read or changed.
"""
import atexit
import json
import os
import pathlib
import pwd
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid

import ipp
from patience import patience

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("PLATEN_BUILD", SOURCE / "build"))
CACHE = BUILD / "CMakeCache.txt"
# A sanitizer traces and forks, and so has no sandbox around it.
SANITIZED = CACHE.exists() and "PLATEN_SANITIZE:STRING=\n" not in CACHE.read_text()
SERVERBIN = pathlib.Path("/usr/lib/cups")


def wait_for(condition, what, timeout=20.0):
    """Polls `condition` until it is true and returns its value; fails with `what` otherwise. `timeout`: seconds on a
    quiet machine."""
    begun = time.monotonic()
    while True:
        value = condition()
        if value:
            return value
        waited = time.monotonic() - begun
        if waited > timeout * patience():
            raise AssertionError(f"waited {waited:.0f} s ({timeout:g} s on a quiet machine) for: {what}")
        time.sleep(0.02)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


JOB_ATTRIBUTES = ("job-id", "job-name", "job-state", "job-state-reasons", "job-originating-user-name", "job-printer-uri",
                  "job-hold-until", "job-impressions-completed", "job-printer-state-message", "platen-job-uuid",
                  "platen-workspace-uuid", "platen-guest-user", "platen-owner", "platen-asked", "copies", "number-up", "sides",
                  "page-ranges", "StapleLocation", "InputSlot", "PageSize", "document-format", "document-format-supplied",
                  "job-sheets", "job-uuid", "job-priority", "outputorder", "media")


class Lab:
    """The folder and the processes of one test."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="platen-"))
        self.dir.chmod(0o755)
        self.processes = []
        self.closers = []
        atexit.register(self.close)

    @property
    def programs(self):
        """Copies of the programs where any user may execute them: a clone may lie in a home of mode 0700."""
        folder = self.dir / "programs"
        if not folder.exists():
            folder.mkdir(0o755)
            for program in BUILD.glob("platen*"):
                if program.is_file() and os.access(program, os.X_OK):
                    shutil.copy(program, folder)
        return folder

    def start(self, name, argv, **kw):
        log = open(self.dir / f"{name}.log", "ab")
        p = subprocess.Popen([str(a) for a in argv], stdin=subprocess.DEVNULL, stdout=log, stderr=log, **kw)
        log.close()
        p.name = name
        self.processes.append(p)
        return p

    def wrapped(self, *argv):
        """A daemon's command line; with PLATEN_VALGRIND the daemon itself, not its workers, runs under valgrind."""
        if not os.environ.get("PLATEN_VALGRIND"):
            return argv
        return ["valgrind", "-q", "--leak-check=full", "--errors-for-leak-kinds=definite", "--child-silent-after-fork=yes",
                f"--suppressions={SOURCE / 'tests/valgrind.supp'}", f"--log-file={self.dir}/valgrind-%p.log", *argv]

    def stop(self, p, sig=signal.SIGTERM, timeout=10):
        if p.poll() is None:
            p.send_signal(sig)
            try:
                p.wait(timeout * patience())
            except subprocess.TimeoutExpired:
                p.kill()
                p.wait()
        return p.returncode

    def log(self, name):
        path = self.dir / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def logs(self):
        return "".join(f"--- {f.name}\n{f.read_text(errors='replace')[-6000:]}"
                       for f in sorted(self.dir.glob("*.log")))

    def sanitizers(self):
        """What AddressSanitizer and UBSan, or valgrind, have found in any program of a test, where they are used."""
        return "".join(f"--- {f}\n{f.read_text(errors='replace')[-6000:]}" for f in self.dir.rglob("*log*")
                       if f.is_file() and re.search(rb"ERROR: \w+Sanitizer|: runtime error: |^==\d+== ", f.read_bytes(), re.M))

    def close(self):
        for closer in reversed(self.closers):
            closer()
        self.closers.clear()
        for p in reversed(self.processes):
            self.stop(p, timeout=5)
        self.processes.clear()
        found = self.sanitizers()
        if not os.environ.get("PLATEN_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)
        atexit.unregister(self.close)
        if found:
            raise AssertionError(found)


class Spooler:
    """A private cupsd on a unix socket and a loopback port (see the design's measured facts)."""

    def __init__(self, lab, name, *, notifier=False, backend=False, env=None, extra=""):
        self.lab, self.name, self.extra = lab, name, extra
        self.dir = lab.dir / name
        self.port = free_port()
        self.socket = self.dir / "cups.sock"
        self.env = env or {}
        self.process = None
        for sub in ("etc", "etc/ppd", "spool", "spool/tmp", "state", "cache", "log", "bin", "bin/backend", "bin/notifier",
                    "out", "doc"):
            (self.dir / sub).mkdir(parents=True)
        for entry in SERVERBIN.iterdir():
            if entry.name not in ("backend", "notifier"):
                (self.dir / "bin" / entry.name).symlink_to(entry)
        for entry in (SERVERBIN / "backend").iterdir():
            shutil.copy(entry, self.dir / "bin/backend" / entry.name)
            (self.dir / "bin/backend" / entry.name).chmod(0o755)
        if backend:
            self.install(BUILD / "platen-backend", "backend/platen")
        if notifier:
            self.install(BUILD / "platen-notifier", "notifier/platen")
        lp = pwd.getpwnam("lp")
        for sub in ("spool", "spool/tmp", "cache", "out"):
            os.chown(self.dir / sub, lp.pw_uid, lp.pw_gid)
        (self.dir / "spool").chmod(0o710)
        (self.dir / "spool/tmp").chmod(0o1770)
        (self.dir / "cache").chmod(0o770)
        self.write_config()
        self.start()

    def install(self, program, place):
        shutil.copy(program, self.dir / "bin" / place)
        (self.dir / "bin" / place).chmod(0o755)

    def write_config(self):
        d = self.dir
        set_env = "".join(f"SetEnv {k} {v}\n" for k, v in self.env.items())
        (d / "etc/cups-files.conf").write_text(f"""SystemGroup lpadmin root
User lp
Group lp
ServerRoot {d}/etc
ServerBin {d}/bin
DataDir /usr/share/cups
DocumentRoot {d}/doc
RequestRoot {d}/spool
TempDir {d}/spool/tmp
StateDir {d}/state
CacheDir {d}/cache
ServerKeychain {d}/etc
AccessLog {d}/log/access
ErrorLog {d}/log/error
PageLog {d}/log/page
FileDevice Yes
SyncOnClose No
{set_env}""")
        (d / "etc/cupsd.conf").write_text(f"""LogLevel debug
MaxLogSize 0
Listen {self.socket}
Listen 127.0.0.1:{self.port}
Browsing Off
WebInterface No
IdleExitTimeout 0
MaxJobs 0
DefaultShared Yes
{self.extra}
<Location />
  Order allow,deny
  Allow all
</Location>
<Location /admin>
  Order allow,deny
  Allow all
</Location>
<Policy default>
  JobPrivateAccess all
  JobPrivateValues none
  SubscriptionPrivateAccess all
  SubscriptionPrivateValues none
  <Limit Send-Document Send-URI Hold-Job Release-Job Restart-Job Purge-Jobs Set-Job-Attributes Create-Job-Subscription Renew-Subscription Cancel-Subscription Get-Notifications Reprocess-Job Cancel-Current-Job Suspend-Current-Job Resume-Job Cancel-My-Jobs Close-Job CUPS-Move-Job>
    Require user @OWNER @SYSTEM
    Order deny,allow
  </Limit>
  <Limit CUPS-Add-Modify-Printer CUPS-Delete-Printer CUPS-Add-Modify-Class CUPS-Delete-Class CUPS-Set-Default Pause-Printer Resume-Printer Enable-Printer Disable-Printer Hold-New-Jobs Release-Held-New-Jobs CUPS-Accept-Jobs CUPS-Reject-Jobs>
    AuthType Default
    Require user @SYSTEM
    Order deny,allow
  </Limit>
  <Limit Cancel-Job CUPS-Authenticate-Job>
    Require user @OWNER @SYSTEM
    Order deny,allow
  </Limit>
  <Limit All>
    Order deny,allow
  </Limit>
</Policy>
""")

    def start(self):
        d = self.dir
        self.process = self.lab.start(f"{self.name}-cupsd",
                                      ["/usr/sbin/cupsd", "-f", "-c", d / "etc/cupsd.conf", "-s", d / "etc/cups-files.conf"])
        wait_for(lambda: self.run("lpstat", "-r", check=False).stdout.startswith("scheduler is running"),
                 f"cupsd {self.name} to answer")

    def stop(self, sig=signal.SIGTERM):
        self.lab.stop(self.process, sig)

    def run(self, *argv, check=True, timeout=60, **kw):
        # lpoptions -l says nothing on a private socket unless it finds the PPD in the server's own folder.
        env = dict(os.environ, CUPS_SERVER=str(self.socket), CUPS_SERVERROOT=str(self.dir / "etc"), LC_ALL="C.UTF-8",
                   **kw.pop("env", {}))
        p = subprocess.run([str(a) for a in argv], env=env, text=True, capture_output=True, timeout=timeout * patience(), **kw)
        if check and p.returncode:
            raise AssertionError(f"{argv}: {p.returncode}\n{p.stdout}\n{p.stderr}\n{self.error_log()[-3000:]}")
        return p

    def error_log(self):
        path = self.dir / "log/error"
        return path.read_text(errors="replace") if path.exists() else ""

    def add_queue(self, name, uri, ppd=None, *options):
        model = ["-P", ppd] if ppd else ["-m", "raw"]
        self.run("lpadmin", "-p", name, "-E", "-v", uri, *model, *options)

    def jobs(self, which="all"):
        """All jobs, newest last. cupsd leaves most attributes out of "all", so they are named."""
        _, groups = ipp.ask(self.socket, "Get-Jobs", ipp.attribute(ipp.KEYWORD, "requested-attributes", *JOB_ATTRIBUTES),
                            ipp.attribute(ipp.KEYWORD, "which-jobs", which))
        return sorted((g for kind, g in groups if kind == "job"), key=lambda j: j["job-id"])

    def printer(self, name):
        status, groups = ipp.ask(self.socket, "Get-Printer-Attributes", uri=f"ipp://localhost/printers/{name}")
        return next((g for kind, g in groups if kind == "printer"), None) if status < 0x100 else None

    def queues(self):
        return [line.split()[0] for line in self.run("lpstat", "-e", check=False).stdout.splitlines()]


class Sink:
    """A network printer as far as bytes go: a TCP port that keeps each connection's bytes."""

    def __init__(self, lab):
        self.received, self.lock = [], threading.Lock()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = self.server.getsockname()[1]
        self.uri = f"socket://127.0.0.1:{self.port}"
        self.paused = threading.Event()
        self.paused.set()
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        lab.closers.append(self.close)

    def close(self):
        """A thread that waits in accept() is not woken by close(): it took the next test's connection for its own."""
        self.server.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.server.close()

    def serve(self):
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return  # shut down
            threading.Thread(target=self.take, args=(connection,), daemon=True).start()

    def take(self, connection):
        data = bytearray()
        with connection:
            try:
                while True:
                    self.paused.wait()
                    piece = connection.recv(1 << 20)
                    if not piece:
                        break
                    data += piece
            except OSError as error:
                print(f"  device {self.uri}, after {len(data)} bytes: {error}", file=sys.stderr, flush=True)
            with self.lock:  # before it is closed: cupsd's backend waits for that
                self.received.append(bytes(data))


def pdf(pages=3, text="Platen", pad=0):
    """A small valid PDF with one line of text on each page, and `pad` bytes of stream more."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "",
               "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for i in range(pages):
        stream = f"BT /F1 28 Tf 72 {700 - 40 * (i % 3)} Td ({text} page {i + 1} of {pages}) Tj ET\n" + "%" * pad
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
        objects.append(f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents {len(objects)} 0 R "
                       "/Resources << /Font << /F1 3 0 R >> >> >>")
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Count {pages} /Kids [{' '.join(kids)}] >>"
    out, offsets = bytearray(b"%PDF-1.4\n"), []
    for n, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{n} 0 obj\n{body}\nendobj\n".encode()
    xref = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(b"%010d 00000 n \n" % o for o in offsets)
    out += f"trailer << /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{xref}\n%%EOF\n".encode()
    return bytes(out)


VENDOR_PPD = """*PPD-Adobe: "4.3"
*FormatVersion: "4.3"
*FileVersion: "1.0"
*LanguageVersion: English
*LanguageEncoding: ISOLatin1
*PCFileName: "ACME.PPD"
*Manufacturer: "Acme"
*Product: "(Acme Laser)"
*ModelName: "Acme {model}"
*ShortNickName: "Acme {model}"
*NickName: "Acme {model}, 1.0"
*PSVersion: "(3010.000) 0"
*LanguageLevel: "3"
*ColorDevice: True
*DefaultColorSpace: RGB
*FileSystem: False
*Throughput: "30"
*LandscapeOrientation: Plus90
*TTRasterizer: Type42
*cupsVersion: 2.4
*cupsFilter2: "application/vnd.cups-pdf application/pdf 0 -"
*FoomaticRIPCommandLine: "rm -rf /"
*JCLBegin: "<1B>%-12345X@PJL JOB<0A>"
*OpenUI *PageSize/Media Size: PickOne
*OrderDependency: 10 AnySetup *PageSize
*DefaultPageSize: A4
*PageSize A4/A4: "<</PageSize[595 842]/ImagingBBox null>>setpagedevice"
*PageSize Letter/US Letter: "<</PageSize[612 792]/ImagingBBox null>>setpagedevice"
*PageSize A3/A3: "<</PageSize[842 1191]/ImagingBBox null>>setpagedevice"
*CloseUI: *PageSize
*OpenUI *PageRegion/Media Size: PickOne
*OrderDependency: 10 AnySetup *PageRegion
*DefaultPageRegion: A4
*PageRegion A4/A4: "<</PageSize[595 842]/ImagingBBox null>>setpagedevice"
*PageRegion Letter/US Letter: "<</PageSize[612 792]/ImagingBBox null>>setpagedevice"
*PageRegion A3/A3: "<</PageSize[842 1191]/ImagingBBox null>>setpagedevice"
*CloseUI: *PageRegion
*DefaultImageableArea: A4
*ImageableArea A4: "12 12 583 830"
*ImageableArea Letter: "12 12 600 780"
*ImageableArea A3: "12 12 830 1179"
*DefaultPaperDimension: A4
*PaperDimension A4: "595 842"
*PaperDimension Letter: "612 792"
*PaperDimension A3: "842 1191"
*OpenUI *Duplex/Double-Sided Printing: PickOne
*OrderDependency: 20 AnySetup *Duplex
*DefaultDuplex: None
*Duplex None/Off: "<</Duplex false>>setpagedevice"
*Duplex DuplexNoTumble/Long Edge: "<</Duplex true/Tumble false>>setpagedevice"
*Duplex DuplexTumble/Short Edge: "<</Duplex true/Tumble true>>setpagedevice"
*CloseUI: *Duplex
*OpenUI *StapleLocation/Heftung l\xe4ngs: PickOne
*OrderDependency: 30 AnySetup *StapleLocation
*DefaultStapleLocation: None
*StapleLocation None/None: "userdict begin"
*StapleLocation UpperLeft/Upper Left: "userdict begin"
*StapleLocation TwoLeft/Two on the Left: "userdict begin"
*CloseUI: *StapleLocation
*OpenUI *InputSlot/Tray: PickOne
*OrderDependency: 40 AnySetup *InputSlot
*DefaultInputSlot: Auto
*InputSlot Auto/Automatic: ""
*InputSlot Tray1/Tray 1: ""
*InputSlot Tray2/Tray 2: ""
*CloseUI: *InputSlot
*UIConstraints: *PageSize A3 *StapleLocation UpperLeft
*UIConstraints: *StapleLocation UpperLeft *PageSize A3
*DefaultFont: Courier
*Font Courier: Standard "(002.004S)" Standard ROM
"""


def vendor_ppd(path, model="Laser 100"):
    """A vendor-style PPD in Latin-1 with staple and tray options, and things that must not pass."""
    pathlib.Path(path).write_bytes(VENDOR_PPD.replace("{model}", model).encode("latin-1"))
    return path


class Host:
    """platend with the host's spooler."""

    def __init__(self, lab, spooler, *, workspaces=("box",), settings="", user="nobody", name="platend", libvirt=""):
        self.lab, self.spooler, self.name = lab, spooler, name
        self.run_dir = lab.dir / f"{name}-run"
        self.state_dir = lab.dir / f"{name}-state"
        self.config = lab.dir / f"{name}.conf"
        self.control = lab.dir / f"{name}.control"
        self.uuids = {w: str(uuid.uuid4()) for w in workspaces}
        text = f"""[host]
control = {self.control}
run-dir = {self.run_dir}
state-dir = {self.state_dir}
libexec-dir = {lab.programs}
cups-socket = {spooler.socket}
cups-spool = {spooler.dir}/spool
libvirt-uri = {libvirt}
worker-user = {user}
vsock-port = 0
{settings}
"""
        for w in workspaces:
            text += f"[workspace {w}]\nuuid = {self.uuids[w]}\nsocket = {self.channel(w)}\n"
        self.config.write_text(text)
        self.process = None

    def channel(self, workspace):
        return self.lab.dir / f"{workspace}.channel"

    def start(self):
        before = self.lab.log(self.name).count("ready, mode")
        self.process = self.lab.start(self.name, self.lab.wrapped(BUILD / "platend", "-c", self.config))
        wait_for(lambda: self.lab.log(self.name).count("ready, mode") > before or self.process.poll() is not None,
                 "platend to be ready")
        assert self.process.poll() is None, self.lab.log(self.name)
        return self

    def stop(self, sig=signal.SIGTERM):
        return self.lab.stop(self.process, sig)

    def ask(self, verb, **args):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(30 * patience())
            s.connect(str(self.control))
            s.sendall((json.dumps(dict(args, verb=verb)) + "\n").encode())
            data = b""
            while not data.endswith(b"\n"):
                piece = s.recv(1 << 16)
                if not piece:
                    break
                data += piece
        return json.loads(data)

    def children(self, program):
        found = []
        for p in pathlib.Path("/proc").iterdir():
            if not p.name.isdigit():
                continue
            try:
                parent = int((p / "stat").read_text().rsplit(")", 1)[1].split()[1])
                argv = (p / "cmdline").read_bytes().split(b"\0")
            except (OSError, IndexError, ValueError):
                continue
            if parent == self.process.pid and argv[0].decode().endswith("/" + program):
                found.append((int(p.name), [a.decode() for a in argv if a]))
        return found


class Guest:
    """A workspace without a VM: a guest spooler of its own and the agent on a unix socket."""

    def __init__(self, lab, host, workspace="box", name=None, program="platen-agent"):
        self.lab, self.host, self.workspace, self.program = lab, host, workspace, program
        self.name = name or f"guest-{workspace}"
        self.run_dir = lab.dir / f"{self.name}-run"
        self.spooler = Spooler(lab, self.name, backend=True, env={"PLATEN_AGENT_RUNDIR": self.run_dir})
        self.config = lab.dir / f"{self.name}.conf"
        self.config.write_text(f"""[agent]
transport = unix
path = {host.channel(workspace)}
cups-socket = {self.spooler.socket}
run-dir = {self.run_dir}
state-dir = {lab.dir / (self.name + "-state")}
libexec-dir = {lab.programs}
cups-server-bin = {self.spooler.dir}/bin
""")
        self.process = None

    def start(self):
        self.process = self.lab.start(f"{self.name}-agent", self.lab.wrapped(BUILD / self.program, "-c", self.config))
        return self

    def stop(self, sig=signal.SIGTERM):
        return self.lab.stop(self.process, sig)

    def print(self, queue, data, *options, title="Test", user=None):
        path = self.lab.dir / f"doc-{uuid.uuid4().hex}"
        path.write_bytes(data)
        argv = ["lp", "-d", queue, "-t", title, *(["-U", user] if user else []), *options, path]
        out = self.spooler.run(*argv).stdout
        return int(out.split("request id is ")[1].split()[0].rsplit("-", 1)[1])

    children = Host.children

    def job(self, number):
        return next((j for j in self.spooler.jobs() if j["job-id"] == number), None)
