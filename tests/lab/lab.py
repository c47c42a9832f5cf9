# SPDX-License-Identifier: Apache-2.0
"""A real workspace: a Debian 12 guest under a libvirtd of our own.

The machine's own libvirt is not touched: a private mount namespace puts our folders over libvirt's.
The image is built once by mmdebstrap from the machine's own package sources and kept by the hash of
what it is made of; Platen's guest programs are put in for each run. Commands run in the guest through
a second virtio-serial port, so nothing of what is tested is used to test it.
"""
import base64
import ctypes
import fcntl
import hashlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest
import uuid

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
from harness import BUILD, SOURCE, Host, Lab, Sink, Spooler, patience, vendor_ppd, wait_for  # noqa: E402

CACHE = pathlib.Path(os.environ.get("PLATEN_LAB_CACHE", "/var/cache/platen-lab"))
PACKAGES = ("systemd,systemd-sysv,udev,dbus,initramfs-tools,linux-image-cloud-amd64,cups-daemon,cups-client,"
            "libcups2,libprotobuf-c1,libinih1,libxxhash0,libnettle8,zlib1g,libsystemd0")
OVER = ("/run/libvirt", "/var/lib/libvirt", "/etc/libvirt", "/var/log/libvirt", "/var/cache/libvirt")
CLONE_NEWNS, CLONE_NEWNET, MS_REC, MS_PRIVATE, MS_BIND = 0x20000, 0x40000000, 0x4000, 0x40000, 0x1000

CONSOLE = r"""#!/bin/bash
# The lab's console: one base64 command a line in, its exit code and base64 output out.
exec 3<>/dev/virtio-ports/org.platen.lab.0 || exit 1
while IFS= read -r line <&3; do
	out=$(base64 -d <<<"$line" | bash 2>&1 </dev/stdin)
	code=$?
	printf '%s %s\n' "$code" "$(printf %s "$out" | base64 -w0)" >&3
done
"""

CONSOLE_UNIT = """[Unit]
Description=Console of the tests
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/local/sbin/lab-console
Restart=always
RestartSec=0.2
TimeoutStopSec=2
[Install]
WantedBy=multi-user.target
"""

# On a busy machine an emulated timer's ticks come so late that the kernel takes it for broken and stands still
# ("8254 timer not connected to IO-APIC"): no_timer_check; and a disk may take longer than systemd waits for it.
DOMAIN = """<domain type='{kind}'>
  <name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>768</memory><vcpu>2</vcpu>
  <os><type arch='x86_64' machine='q35'>hvm</type><kernel>{kernel}</kernel><initrd>{initrd}</initrd>
    <cmdline>root=/dev/vda rw console=ttyS0 quiet no_timer_check systemd.show_status=auto systemd.default_timeout_start_sec=600</cmdline></os>
  <features><acpi/><apic/></features><cpu mode='{cpu}'/>
  <on_poweroff>destroy</on_poweroff><on_reboot>restart</on_reboot><on_crash>destroy</on_crash>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'><driver name='qemu' type='raw' cache='unsafe'/><source file='{disk}'/>
      <target dev='vda' bus='virtio'/></disk>
    <controller type='virtio-serial' index='0'/>
    <channel type='unix'><source mode='bind' path='{console}'/><target type='virtio' name='org.platen.lab.0'/></channel>
    {channel}
    <serial type='file'><source path='{log}'/><target port='0'/></serial>
    <rng model='virtio'><backend model='random'>/dev/urandom</backend></rng>
  </devices>
</domain>"""
CHANNEL = "<channel type='unix'><target type='virtio' name='org.platen.0'/></channel>"


def own_namespace(net=False):
    """Gives this process a mount namespace of its own (and a network, with loopback only)."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(CLONE_NEWNS | (CLONE_NEWNET if net else 0)) < 0:
        raise OSError(ctypes.get_errno(), "unshare: root is needed")
    if libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) < 0:
        raise OSError(ctypes.get_errno(), "mount: cannot make / private (is it the root of a chroot and no mount point?)")
    if net:
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def mount_over(folder, place):
    """Puts an empty folder of ours over one of the machine's."""
    own = folder / place.strip("/").replace("/", "-")
    own.mkdir(parents=True)
    pathlib.Path(place).mkdir(parents=True, exist_ok=True)
    bind(own, place)


bound = []


def unbind():
    """Takes what was put over the machine's folders away, for the next test of this process."""
    libc = ctypes.CDLL(None, use_errno=True)
    while bound:
        libc.umount2(bound.pop().encode(), 2)  # MNT_DETACH


def bind(own, place):
    libc = ctypes.CDLL(None, use_errno=True)
    bound.append(str(place))
    if libc.mount(str(own).encode(), str(place).encode(), None, MS_BIND, None) < 0:
        raise OSError(ctypes.get_errno(), f"cannot mount over {place}")


def say(text):
    """A step was done: whoever runs the test shows it with the time since the last one."""
    if "PLATEN_STEPS" in os.environ:
        os.write(int(os.environ["PLATEN_STEPS"]), (json.dumps({"outcome": "step", "name": text}) + "\n").encode())
    else:
        print(f"  {text}", file=sys.stderr, flush=True)


class Image:
    """A root: a folder in the cache, and from it a disk for each run."""

    def __init__(self, packages=PACKAGES, kind="guest"):
        self.packages, self.kind = packages, kind
        key = hashlib.sha256((packages + CONSOLE + CONSOLE_UNIT + pathlib.Path(__file__).read_text()
                              .split("def build")[1].split("def disk")[0]).encode()).hexdigest()[:16]
        self.dir = CACHE / f"{kind}-{key}"
        self.root = self.dir / "root"
        CACHE.mkdir(parents=True, exist_ok=True)
        with open(CACHE / "lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (self.dir / "done").exists():
                self.build()

    def build(self):
        say(f"building the {self.kind} image (once, some minutes)")
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        excludes = [f"--dpkgopt=path-exclude=/usr/share/{p}/*" for p in ("doc", "man", "locale", "info")]
        p = subprocess.run(["mmdebstrap", "--variant=minbase", "--mode=root", f"--include={self.packages}", *excludes,
                            "--aptopt=Acquire::Languages \"none\"", "bookworm", str(self.root)],
                           capture_output=True, text=True)
        if p.returncode:
            raise AssertionError(f"mmdebstrap: {p.stderr[-2000:]}")
        self.write("usr/local/sbin/lab-console", CONSOLE, 0o755)
        self.write("etc/systemd/system/lab-console.service", CONSOLE_UNIT)
        self.write("etc/hostname", "workspace\n")
        self.write("etc/fstab", "/dev/vda / ext4 rw 0 1\n")
        wants = self.root / "etc/systemd/system/multi-user.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (wants / "lab-console.service").symlink_to("/etc/systemd/system/lab-console.service")
        for unit in ("serial-getty@ttyS0.service", "getty@tty1.service", "apt-daily.timer", "apt-daily-upgrade.timer",
                     "systemd-resolved.service", "systemd-timesyncd.service"):
            (self.root / "etc/systemd/system" / unit).symlink_to("/dev/null")
        (self.dir / "done").write_text("")

    def write(self, place, text, mode=0o644):
        path = self.root / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)

    def boot_files(self):
        return sorted((self.root / "boot").glob("vmlinuz-*"))[-1], sorted((self.root / "boot").glob("initrd.img-*"))[-1]

    def disk(self, path, files, size="1400M"):
        """A disk of the root with `files` ({place: source path or text}) put in; units among them are enabled."""
        tree = path.with_suffix(".tree")
        subprocess.run(["cp", "-a", "--reflink=auto", str(self.root), str(tree)], check=True)
        for place, source in files.items():
            target = tree / place
            target.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(source, pathlib.Path):
                shutil.copy(source, target)
                target.chmod(0o755 if os.access(source, os.X_OK) else 0o644)
            else:
                target.write_text(source)
        wants = tree / "etc/systemd/system/multi-user.target.wants"
        for place in files:
            # The agent's is not enabled by its package either: udev starts it when a channel appears.
            if place.startswith("lib/systemd/system/") and place.endswith(".service") and "platen-agent" not in place:
                (wants / os.path.basename(place)).symlink_to("/" + place)
        subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", str(tree), str(path), size],
                       check=True, capture_output=True)
        shutil.rmtree(tree)


def guest_files():
    """What platen-guest installs."""
    packaging, unit = SOURCE / "packaging", "platen-agent.service"
    hardening = f"{unit}.d/10-hardening.conf"
    return {"usr/sbin/platen-agent": BUILD / "platen-agent", "usr/libexec/platen/platen-queues": BUILD / "platen-queues",
            "usr/libexec/platen/platen-install": BUILD / "platen-install",
            "usr/lib/cups/backend/platen": BUILD / "platen-backend",
            f"lib/systemd/system/{unit}": (packaging / "systemd" / unit).read_text(),
            f"lib/systemd/system/{hardening}": (packaging / "systemd" / hardening).read_text(),
            "lib/udev/rules.d/60-platen-guest.rules": (packaging / "udev/60-platen-guest.rules").read_text()}


def reap_daemons(over):
    """QEMUs of libvirtd's are children of this process where it takes orphans in (runner.py), also those that it only asks
    what they can do. It waits 40 seconds for each that has ended and is not gone."""
    while not over.wait(0.1):
        try:
            children = pathlib.Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
        except OSError:
            return  # a kernel without it: it takes its time
        for pid in map(int, children):
            try:
                stat = pathlib.Path(f"/proc/{pid}/stat").read_text()
                state, _, _, session = stat.rsplit(")", 1)[1].split()[:4]
                if "(qemu-system" in stat and state == "Z" and int(session) != os.getsid(0):
                    os.waitpid(pid, os.WNOHANG)
            except (OSError, ValueError):
                continue  # gone, or another's


class Libvirt:
    """A libvirtd and a virtlogd of our own, below lab.dir; needs own_namespace()."""

    def __init__(self, lab):
        self.lab, self.dir = lab, lab.dir / "libvirt"
        lab.closers.append(unbind)
        over = threading.Event()
        threading.Thread(target=reap_daemons, args=(over,), daemon=True).start()
        lab.closers.append(over.set)
        for place in OVER:
            mount_over(self.dir, place)
        # libvirtd looks its users up before it reads that it shall not use them; the package that makes
        # them would also start the machine's own libvirtd.
        for base, user in (("passwd", "libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin\n"),
                           ("group", "libvirt-qemu:x:64055:\nkvm:x:64056:\n")):
            text = pathlib.Path("/etc", base).read_text()
            own = self.dir / base
            own.write_text(text + "".join(f"{line}\n" for line in user.splitlines()
                                          if f"\n{line.split(':')[0]}:" not in text))
            bind(own, f"/etc/{base}")
        (self.dir / "libvirtd.conf").write_text('auth_unix_rw = "none"\nauth_unix_ro = "none"\nunix_sock_group = "root"\n'
                                                'unix_sock_rw_perms = "0777"\nlog_outputs = "3:stderr"\n')
        pathlib.Path("/etc/libvirt/qemu.conf").write_text(
            'user = "root"\ngroup = "root"\nsecurity_driver = "none"\nnamespaces = []\ncgroup_controllers = []\n'
            'remember_owner = 0\nset_process_name = 0\nstdio_handler = "file"\n')
        self.uri = "qemu:///system"
        self.virtlogd = lab.start("virtlogd", ["/usr/sbin/virtlogd", "-p", self.dir / "virtlogd.pid"])
        self.start()

    def start(self):
        self.process = self.lab.start("libvirtd", ["/usr/sbin/libvirtd", "-p", self.dir / "libvirtd.pid", "-f", self.dir / "libvirtd.conf"])
        wait_for(lambda: self.virsh("uri", check=False).returncode == 0, "libvirtd to answer", 30)

    def virsh(self, *argv, check=True):
        p = subprocess.run(["virsh", "-q", "-c", self.uri, *[str(a) for a in argv]], capture_output=True, text=True, timeout=120 * patience())
        if check and p.returncode:
            raise AssertionError(f"virsh {argv}: {p.stderr}\n{self.lab.log('libvirtd')[-2000:]}")
        return p


def kvm_works():
    """Whether a VM really starts under KVM: the device may be there and be of no use."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return False
    p = subprocess.Popen(["qemu-system-x86_64", "-machine", "q35,accel=kvm", "-cpu", "host", "-nodefaults", "-display", "none",
                          "-monitor", "stdio", "-S"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        out, _ = p.communicate(b"cont\ninfo status\nquit\n", timeout=10)
    except subprocess.TimeoutExpired:
        p.kill()
        p.communicate()
        return False
    return p.returncode == 0 and b"running" in out


class Workspace:
    """One domain and its console."""

    def __init__(self, lab, libvirt, image, name="workspace", channel=True, files=None, domain=None, size="1400M"):
        self.lab, self.libvirt, self.name = lab, libvirt, name
        self.uuid = str(uuid.uuid4())
        self.console_path = lab.dir / f"{name}.console"
        self.sock, self.buffer = None, b""
        self.lock = threading.Lock()
        disk = lab.dir / f"{name}.img"
        image.disk(disk, guest_files() if files is None else files, size)
        kernel, initrd = image.boot_files()
        kvm = kvm_works()
        say(f"the workspace runs under {'KVM' if kvm else 'emulation'}")
        xml = lab.dir / f"{name}.xml"
        xml.write_text((domain or DOMAIN).format(kind="kvm" if kvm else "qemu", name=name, uuid=self.uuid, kernel=kernel, initrd=initrd,
                                     cpu="host-passthrough" if kvm else "maximum", disk=disk, console=self.console_path,
                                     log=lab.dir / f"{name}-serial.log", channel=CHANNEL if channel else ""))
        libvirt.virsh("define", xml)
        lab.closers.append(self.kill)

    def copy(self, name):
        """Another domain, of a copy of this one's disk, as virt-clone(1) makes it: a name, a UUID and paths of its own,
        all else as it is, the metadata too. This one is shut off."""
        other = object.__new__(Workspace)
        other.lab, other.libvirt, other.name, other.uuid = self.lab, self.libvirt, name, str(uuid.uuid4())
        other.console_path = self.lab.dir / f"{name}.console"
        other.sock, other.buffer, other.lock = None, b"", threading.Lock()
        subprocess.run(["cp", "--sparse=always", "--reflink=auto", self.lab.dir / f"{self.name}.img", self.lab.dir / f"{name}.img"],
                       check=True)
        xml = self.libvirt.virsh("dumpxml", "--inactive", self.name).stdout
        for old, new in ((f"<name>{self.name}</name>", f"<name>{name}</name>"), (self.uuid, other.uuid),
                         *((str(self.lab.dir / f"{self.name}{end}"), str(self.lab.dir / f"{name}{end}"))
                           for end in (".img", ".console", "-serial.log"))):
            assert old in xml, (old, xml)
            xml = xml.replace(old, new)
        path = self.lab.dir / f"{name}.xml"
        path.write_text(xml)
        self.libvirt.virsh("define", path)
        self.lab.closers.append(other.kill)
        return other

    def start(self):
        self.libvirt.virsh("start", self.name)

    def kill(self):
        """Ends QEMU by its process id, whatever state libvirtd is in."""
        if self.sock:
            self.sock.close()
        try:
            os.kill(int(pathlib.Path(f"/run/libvirt/qemu/{self.name}.pid").read_text()), signal.SIGKILL)
        except (OSError, ValueError):
            pass  # it was not started, or has ended

    def connect(self, end):
        self.sock, self.buffer = socket.socket(socket.AF_UNIX), b""
        self.sock.settimeout(max(0.1, min(5, end - time.monotonic())))
        self.sock.connect(str(self.console_path))

    def line(self, end):
        """The console's next line, if it comes before `end`: bytes that go on for ever are no line either."""
        while b"\n" not in self.buffer:
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError("no answer")
            self.sock.settimeout(left)
            piece = self.sock.recv(65536)
            if not piece:
                raise ConnectionError("the console closed")
            self.buffer += piece
        line, self.buffer = self.buffer.split(b"\n", 1)
        return line.decode(errors="replace")

    def ask(self, command, end):
        """A command's exit code and output. A word of its own goes before, for the answer to an earlier one, which was
        given up, may come late."""
        word = uuid.uuid4().hex
        if not self.sock:
            self.connect(end)
        self.sock.settimeout(max(0.1, end - time.monotonic()))
        self.sock.sendall(base64.b64encode(f"echo {word}\n{command}".encode()) + b"\n")
        while True:
            code, _, out = self.line(end).partition(" ")
            try:
                own, _, out = base64.b64decode(out + "==").decode(errors="replace").partition("\n")
            except ValueError:
                continue  # the end of what was for an earlier connection
            if own == word:
                return code, out

    def leave(self):
        if self.sock:
            self.sock.close()
        self.sock = None

    def run(self, command, check=True, timeout=60):
        """Runs a shell command in the guest: its output, or its exit code with check=False. `timeout`: on a quiet machine."""
        seconds = timeout * patience()
        with self.lock:
            try:
                code, out = self.ask(command, time.monotonic() + seconds)
            except OSError as error:
                self.leave()
                raise type(error)(f"in the guest {self.name}, within {seconds:.0f} s: {command}: {error}\n{self.state()}") from None
        if check and code != "0":
            raise AssertionError(f"in the guest: {command}: {code}: {out}")
        return out if check else (int(code), out)

    def wait_up(self, timeout=180):
        """Until the guest answers on its console. A guest that is not up yet leaves a question unanswered: each try has
        more patience than the last, for a console that was left takes a while to begin anew. It ends when its time is over,
        whatever comes from the console."""
        begun, seconds, most = time.monotonic(), timeout * patience(), 4
        end = begun + seconds
        with self.lock:
            while True:
                self.leave()
                try:
                    self.ask("true", min(end, time.monotonic() + most))
                    return
                except OSError as error:
                    last = error
                if time.monotonic() >= end:
                    raise AssertionError(f"the guest {self.name} did not come up in {time.monotonic() - begun:.0f} s "
                                         f"({timeout} s on a quiet machine): {last}\n{self.state()}")
                most = min(most * 1.5, 40)
                time.sleep(0.1)  # a console that nobody listens at refuses at once

    def state(self):
        """What is to be seen of it from without: the last that its console showed, and whether QEMU lives and works."""
        told = []
        try:
            pid = int(pathlib.Path(f"/run/libvirt/qemu/{self.name}.pid").read_text())
            fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            told.append(f"QEMU {pid}: state {fields[0]}, {(int(fields[11]) + int(fields[12])) // os.sysconf('SC_CLK_TCK')} s of processor")
        except (OSError, ValueError):
            told.append("no QEMU of it is seen from here")
        told.append("load " + " ".join(f"{x:.1f}" for x in os.getloadavg()))
        for log in (self.lab.dir / f"{self.name}-serial.log", pathlib.Path(f"/var/log/libvirt/qemu/{self.name}.log")):
            try:
                text = log.read_text(errors="replace").strip("\n")
            except OSError:
                continue
            lines = [line for line in text.splitlines() if not line.startswith("-")]  # which are QEMU's arguments
            told.append(f"-- {log.name}\n" + ("\n".join(lines[-25:])[-3000:] or "(nothing)"))
        return "\n".join(told)

    def put(self, place, data):
        self.run(f"base64 -d > {place} <<'EOF'\n{base64.encodebytes(data).decode()}EOF\n")


class WorkspaceCase(unittest.TestCase):
    """A host with a network printer and a local one, and a libvirtd of its own; the workspace is a test's to start."""
    SETTINGS = ""

    def setUp(self):
        own_namespace()
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.addCleanup(self.show_logs)
        self.device = Sink(self.lab)
        self.libvirt = Libvirt(self.lab)
        self.image = Image()
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.spooler.add_queue("laser", self.device.uri, vendor_ppd(self.lab.dir / "vendor.ppd"))
        self.spooler.add_queue("usb", "file:///dev/null", vendor_ppd(self.lab.dir / "local.ppd"))
        self.host = Host(self.lab, self.spooler, workspaces=(), libvirt=self.libvirt.uri, settings=self.SETTINGS).start()

    def show_logs(self):
        if any(t is self for t, _ in self._outcome.result.errors + self._outcome.result.failures):
            print(self.lab.logs()[-8000:])

    def ready(self, timeout, workspace="workspace"):
        def look():
            answer = self.host.ask("printers", workspace=workspace)
            return answer["ok"] and any(p["name"] == "laser" and p["guest"] == "ready" for p in answer["data"]["printers"])
        wait_for(look, f"laser to be ready in {workspace}", timeout)

    def start_host(self):
        """platend again, after it was stopped."""
        self.host.start()
        wait_for(self.host.control.exists, "platend's control socket", 20)

    def rows(self):
        """What `platenctl workspaces` shows, by name."""
        return {row["name"]: row for row in self.host.ask("workspaces")["data"]["workspaces"]}

    def stall(self, host):
        """The workers that take documents into the host's spooler stand still."""
        pids = [pid for pid, argv in host.children("platen-spool") if argv[1] == "submit"]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        self.addCleanup(self.go_on, pids)
        return pids

    @staticmethod
    def go_on(pids):
        for pid in pids:
            try:
                os.kill(pid, signal.SIGCONT)
            except ProcessLookupError:
                pass

    def make(self, guest, name, size=4096):
        """A document of its own in the guest. Returns its digest."""
        return guest.run(f"head -c {size} /dev/urandom >/var/tmp/{name}; sha256sum /var/tmp/{name}").split()[0]

    def submit(self, guest, name, *options):
        raw = "-o document-format=application/vnd.cups-raw"
        return guest.run(f"lp -d laser {' '.join(options)} {raw} -t {name} /var/tmp/{name}").split("request id is ")[1].split()[0]

    def completed(self, guest, number, seconds=90):
        wait_for(lambda: number in guest.run("lpstat -W completed -o").split(), f"{number} to be completed in {guest.name}", seconds)

    def printed(self, *digests):
        """These documents, whole and each once, and nothing else came out so far."""
        wait_for(lambda: len(self.device.received) >= len(digests), "the documents at the device")
        self.assertEqual(sorted(hashlib.sha256(d).hexdigest() for d in self.device.received), sorted(digests))

    def owners(self):
        """Who printed what on the host, in its order."""
        return [(job["job-originating-user-name"], job["job-name"]) for job in self.spooler.jobs()]
