# SPDX-License-Identifier: Apache-2.0
"""Two real spoolers, the real programs between them, and everything that can be done to them.

The devices keep each job's bytes durably. The library of inject.c is in every program. The spools and
platend's state lie on small file systems of their own, in a mount namespace of this process, so that each
can be full.
"""
import ctypes
import mmap
import os
import pathlib
import signal
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "integration"))
from cable import cabled  # noqa: E402
from harness import Host, Lab, Spooler, vendor_ppd, wait_for  # noqa: E402
from judge import COMPLETED, PROCESSING, STOPPED  # noqa: E402
from power import Power, parents  # noqa: E402

PRINTERS = ("one", "two", "three")
QUEUES = (*PRINTERS, "pool")  # the last is a class of them
PATIENCE = 8  # seconds
SYNCS = 4096  # of inject.c
ROOM = "768m"  # of each file system that can be full

# A device that has a whole job or nothing: it keeps the bytes under the job's title, number and its own process.
# What .break says is done to one job, for run --control; .linger keeps it from ending when it has printed, .slow (seconds) from beginning to.
DEVICE = """#!/bin/sh
[ $# -eq 0 ] && exit 0
[ -e {out}/.slow ] && sleep "$(cat {out}/.slow)"
piece=$(mktemp {out}/.piece.XXXXXX) || exit 1
cat ${{6:+"$6"}} >"$piece" && sync "$piece" || exit 1
what=
[ -e {out}/.break ] && what=$(cat {out}/.break) && rm -f {out}/.break
case $what in
truncate) truncate -s -1 "$piece" ;;
drop) rm -f "$piece"; exit 0 ;;
repeat) cp "$piece" "{out}/$3.$1.$$.again" ;;
esac
mv "$piece" "{out}/$3.$1.$$" || exit 1
while [ -e {out}/.linger ]; do sleep 0.02; done
exit 0
"""

PROCESSES = ("backend", "agent", "platen-channel", "watch", "submit", "platend", "guest-cupsd", "host-cupsd", "queues",
             "notifier")
FULL = ("full-spool", "full-state", "full-guest")
FAULTS = PROCESSES + FULL + ("host-cupsd-term", "guest-cupsd-term", "cut", "stall", "stale", "stop", "both", "inject",
                             "release", "nospace", "power", "power-some", "sealed")
ENDS = ("agent", "platend", "guest-cupsd", "host-cupsd")
# What each of them really calls in a job's life; others would never be hit.
CALLS = {"platend": ("sendmsg", "pwrite64", "fdatasync"), "platen-agent": ("write", "sendmsg", "fdatasync"),
         "platen-channel": ("write", "sendmsg"), "platen-spool": ("write", "send", "sendmsg", "connect", "fsync"),
         "platen-backend": ("sendmsg",)}
# The backend is installed under its scheme's name.
COMM = {"platen-backend": "platen"}

LIBC = ctypes.CDLL(None, use_errno=True)
CLONE_NEWNS, MS_REC, MS_PRIVATE, MS_REMOUNT, MNT_DETACH = 0x20000, 0x4000, 0x40000, 0x20, 2


def checked(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def own_mounts():
    """Mounts made from now on are this process's and its children's."""
    checked(LIBC.unshare(CLONE_NEWNS))
    checked(LIBC.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))


class Room:
    """A folder with a file system of its own, which can be full. What is in it stays."""

    def __init__(self, lab, path):
        self.path = str(path).encode()
        path.mkdir(parents=True, exist_ok=True)
        st = path.stat()
        self.options = f"mode={st.st_mode & 0o7777:o},uid={st.st_uid},gid={st.st_gid},size="
        subprocess.run(["cp", "-a", f"{path}/.", path.parent / ".moving"], check=True)
        checked(LIBC.mount(b"tmpfs", self.path, b"tmpfs", 0, (self.options + ROOM).encode()))
        subprocess.run(["cp", "-a", f"{path.parent}/.moving/.", path], check=True)
        subprocess.run(["rm", "-r", path.parent / ".moving"], check=True)
        lab.closers.append(self.close)

    def size(self, size):
        return LIBC.mount(b"tmpfs", self.path, b"tmpfs", MS_REMOUNT, f"size={size}".encode())

    def fill(self, left):
        """Leaves so many bytes of room, about."""
        for _ in range(100):
            st = os.statvfs(self.path)
            if self.size((st.f_blocks - st.f_bfree) * st.f_frsize + left + 4096) == 0:
                return
            left += 16384  # it fills as fast
        raise OSError(ctypes.get_errno(), "the file system cannot be made small")

    def empty(self):
        checked(self.size(ROOM))

    def close(self):
        LIBC.umount2(self.path, MNT_DETACH)


class Synced(ctypes.Structure):
    _fields_ = [("inode", ctypes.c_uint64), ("size", ctypes.c_uint64), ("number", ctypes.c_uint32),
                ("is_folder", ctypes.c_uint32)]


class Arm(ctypes.Structure):
    """struct arm of inject.c"""
    _fields_ = [("program", ctypes.c_char * 32), ("call", ctypes.c_char * 16), ("left", ctypes.c_int),
                ("action", ctypes.c_int), ("waits", ctypes.c_int), ("hit", ctypes.c_int), ("loaded", ctypes.c_int), ("recording", ctypes.c_int),
                ("number", ctypes.c_uint32), ("syncs", ctypes.c_uint32), ("synced", Synced * SYNCS)]


def device(spooler, out):
    """Makes the spooler's `socket` backend a device of ours."""
    path = spooler.dir / "bin/backend/socket"
    path.write_text(DEVICE.format(out=out))
    path.chmod(0o755)


class World:
    def __init__(self, history=True):
        """history: whether the host's spooler keeps jobs that have ended."""
        self.lab, self.history = Lab(), history
        lab = self.lab
        self.out, self.undo = lab.dir / "devices", lab.dir / "undo"
        for folder in (self.out, self.undo):
            folder.mkdir()
            folder.chmod(0o777)
        armed, library = lab.dir / "armed", lab.dir / "inject.so"
        armed.write_bytes(bytes(ctypes.sizeof(Arm)))
        armed.chmod(0o666)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-D_GNU_SOURCE", f'-DARM="{armed}"', f'-DUNDO="{self.undo}"',
                        f'-DSPOOLER="{lab.dir}/host"', "-o", library, HERE / "inject.c", "-ldl"], check=True)
        self.file = open(armed, "r+b")
        self.arm = Arm.from_buffer(mmap.mmap(self.file.fileno(), ctypes.sizeof(Arm)))
        self.order = list(ENDS)
        os.environ["LD_PRELOAD"] = str(library)
        try:
            self.begin()
        except BaseException:
            self.close()
            raise

    def begin(self):
        lab = self.lab
        self.spooler = Spooler(lab, "host", notifier=True, env={"PLATEN_RUNDIR": lab.dir / "platend-run"},
                               extra="PreserveJobFiles 20\n" if self.history else "PreserveJobHistory No\n")
        device(self.spooler, self.out)
        ppd = vendor_ppd(lab.dir / "vendor.ppd")
        for n, name in enumerate(PRINTERS, 1):
            self.spooler.add_queue(name, f"socket://127.0.0.{n}:9", ppd)
            self.spooler.run("lpadmin", "-p", name, "-c", "pool")
        self.spooler.run("cupsenable", "pool")
        self.spooler.run("cupsaccept", "pool")
        # cupsd saves its queues at its dirty interval: a kill before it would forget them.
        self.spooler.stop()
        self.rooms = {"full-spool": Room(lab, self.spooler.dir / "spool")}
        self.spooler.start()
        self.power = Power(self)
        self.host = Host(lab, self.spooler)
        self.host.state_dir.mkdir()
        self.rooms["full-state"] = Room(lab, self.host.state_dir)
        self.host.start()
        self.cable, self.guest = cabled(lab, self.host)
        # What the guest's own spooler forgets when it is killed is not ours to keep.
        self.guest.spooler.stop()
        self.rooms["full-guest"] = Room(lab, self.guest.spooler.dir / "spool")
        self.guest.spooler.extra = "DirtyCleanInterval 0\nPreserveJobFiles 20\n"
        self.guest.spooler.write_config()
        self.guest.spooler.start()
        self.guest.start()
        wait_for(self.ready, "the printers to be in the guest", 40)

    def ready(self):
        listed = self.host.ask("printers", workspace="box")["data"]["printers"]
        return sum(p["guest"] == "ready" for p in listed) == len(QUEUES)

    def close(self):
        os.environ.pop("LD_PRELOAD", None)
        folder = f"{self.lab.dir}/"
        self.lab.close()
        for pid, (_, exe) in parents().items():  # a backend whose cupsd was ended as it started it
            if exe.startswith(folder):
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass

    def victims(self, name):
        if name in ("watch", "submit"):
            return [pid for pid, argv in self.host.children("platen-spool") if argv[1] == name]
        if name == "platen-channel":
            return [pid for pid, _ in self.host.children(name)]
        if name in ("backend", "notifier"):
            program = str((self.guest.spooler if name == "backend" else self.spooler).dir / f"bin/{name}/platen")
            return [pid for pid, (_, exe) in parents().items() if exe == program]
        if name == "queues":
            return [pid for pid, (parent, exe) in parents().items()
                    if parent == self.guest.process.pid and exe.endswith("/platen-queues")]
        return [{"agent": self.guest.process, "platend": self.host.process, "host-cupsd": self.spooler.process,
                 "guest-cupsd": self.guest.spooler.process}[name].pid]

    def signal(self, name, number):
        for pid in self.victims(name):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    # -- the faults; each returns what it was in words

    def fault(self, what, chance):
        special = getattr(self, "do_" + what.replace("-", "_"), None)
        if special:
            return special(chance)
        if what in FULL:
            left = chance.choice((0, chance.randrange(1 << 20)))
            self.rooms[what].fill(left)
            time.sleep(chance.uniform(0.2, 3))
            self.rooms[what].empty()
            return f"{what} for a while, {left} bytes left"
        if what.endswith("-term"):
            self.signal(what[:-5], signal.SIGTERM)
        else:
            self.signal(what, signal.SIGKILL)
        return f"{what} {'terminated' if what.endswith('-term') else 'killed'}"

    def do_cut(self, chance):
        self.cable.left = chance.choice((1, chance.randrange(1, 2000), chance.randrange(1, 20_000_000)))
        return f"cut after {self.cable.left} bytes more"

    def do_stall(self, chance):
        self.cable.flow.clear()
        time.sleep(chance.uniform(0, 3))
        self.cable.flow.set()
        return "stalled"

    def do_stale(self, chance):
        self.cable.replay = True
        self.cable.cut()
        return "cut, and opened again with stale bytes"

    def do_stop(self, chance):
        name = chance.choice(PROCESSES)
        self.signal(name, signal.SIGSTOP)
        time.sleep(chance.uniform(0.2, 3))
        self.signal(name, signal.SIGCONT)
        return f"{name} stopped and continued"

    def do_both(self, chance):
        said = []
        for name in chance.sample(ENDS, 3):
            number = chance.choice((signal.SIGKILL, signal.SIGTERM))
            self.signal(name, number)
            said.append(f"{name} {number.name}")
        chance.shuffle(self.order)
        return ", ".join(said) + "; started: " + ", ".join(self.order)

    def do_power(self, chance):
        return self.power.cut(chance, False)

    def do_power_some(self, chance):
        return self.power.cut(chance, True)

    def inject(self, chance, what):
        nospace = what == "nospace"
        program = {"nospace": chance.choice(("platend", "platend", "platen-spool")),
                   "release": "platen-spool"}.get(what) or chance.choice(list(CALLS))
        call = (chance.choice(CALLS[program]) if not nospace else
                chance.choice(("pwrite64", "fdatasync")) if program == "platend" else "fsync")
        self.arm.program, self.arm.call = COMM.get(program, program).encode(), call.encode()
        self.arm.action = 2 if nospace else chance.randrange(2)
        self.arm.hit, self.arm.left = 0, chance.choice((1, 2, 3, chance.randrange(1, 12)))
        return f"{program}: {call} number {self.arm.left}, " + ("killed before it", "killed after it",
                                                                "no space")[self.arm.action]

    def hold_sealed(self, chance, documents):
        """One of them will wait when the host has it whole and before it asks for the release: a submitter syncs then."""
        self.arm.program, self.arm.call, self.arm.action = b"platen-spool", b"fsync", 3
        self.arm.waits, self.arm.hit, self.arm.left = 1, 0, chance.randrange(1, documents + 1)
        return f"host-cupsd killed between seal {self.arm.left} and its release"

    def kill_when_sealed(self, chance, printed):
        """... and then cupsd is killed, and is back before the release is asked for, or not."""
        back = chance.random() < 0.5
        end = time.monotonic() + 4  # inject.c lets go after 5
        while not self.arm.hit and not printed() and time.monotonic() < end:
            time.sleep(0.002)
        time.sleep(chance.choice((0, chance.uniform(0, 0.1))))  # the others go on
        if self.arm.hit:
            self.signal("host-cupsd", signal.SIGKILL)
            self.spooler.process.wait()
            if back:
                self.recover()
        self.arm.waits = 0
        return ", back before it" if back else ", away at it"

    # -- and after it

    def recover(self):
        """Restarts what has ended, as systemd would; a person enables a queue that cupsd stopped."""
        ends = {"host-cupsd": (self.spooler.process, self.spooler.start), "platend": (self.host.process, self.host.start),
                "guest-cupsd": (self.guest.spooler.process, self.guest.spooler.start),
                "agent": (self.guest.process, self.guest.start)}
        for name in self.order:
            process, start = ends[name]
            if process.poll() is not None:
                self.lab.processes.remove(process)
                start()
        for spooler in (self.spooler, self.guest.spooler):
            for name in QUEUES:
                if (spooler.printer(name) or {}).get("printer-state") == 5:
                    spooler.run("cupsenable", name, check=False)

    def quiet(self, titles):
        """Every document's job has ended or waits for a person, and the host prints nothing more."""
        busy = (3, PROCESSING, STOPPED)
        return (not any(j["job-state"] in busy for j in self.guest.spooler.jobs("not-completed") if j["job-name"] in titles)
                and not any(j["job-state"] in (3, PROCESSING) for j in self.spooler.jobs("not-completed")))

    def settle(self, titles, accepted, seconds):
        """Waits until all is quiet. What the guest accepted and was not printed may yet be: it has PATIENCE seconds."""
        end, quiet, since = time.monotonic() + seconds, 0, None
        while time.monotonic() < end:
            try:
                self.recover()
                quiet = quiet + 1 if self.quiet(titles) else 0
                if quiet >= 3:
                    since = since or time.monotonic()
                    held = {j["job-name"] for j in self.guest.spooler.jobs("not-completed")}
                    if all(t in held or self.copies(t) for t in accepted) or time.monotonic() > since + PATIENCE:
                        return True
            except (OSError, subprocess.SubprocessError):
                quiet = 0  # a spooler that is on its way up
            time.sleep(0.05)
        return False

    def copies(self, title):
        return sorted(self.out.glob(f"{title}.*"))


def plain_spooler_prints_twice():
    """Whether a cupsd without Platen prints a job of its own twice that it is printing when it is stopped: the
    lines of the device's files."""
    lab = Lab()
    preload = os.environ.pop("LD_PRELOAD", None)
    try:
        out = lab.dir / "devices"
        out.mkdir()
        out.chmod(0o777)
        spooler = Spooler(lab, "plain")
        device(spooler, out)
        spooler.add_queue("one", "socket://127.0.0.1:9", vendor_ppd(lab.dir / "vendor.ppd"))
        (out / ".linger").touch()
        (lab.dir / "document").write_bytes(b"plain")
        spooler.run("lp", "-d", "one", "-t", "plain", "-o", "document-format=application/vnd.cups-raw", lab.dir / "document")
        wait_for(lambda: list(out.glob("plain.*")), "the device to have the document")
        spooler.stop()
        (out / ".linger").unlink()
        spooler.start()
        wait_for(lambda: any(j["job-state"] == COMPLETED for j in spooler.jobs()), "the job to end")
        return [p.name for p in sorted(out.glob("plain.*"))]
    finally:
        lab.close()
        if preload:
            os.environ["LD_PRELOAD"] = preload
