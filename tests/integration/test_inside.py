# SPDX-License-Identifier: Apache-2.0
"""What the real programs may do once their sandboxes are up, tried from inside them: a running process is made to
make the call. tests/unit/test-sandbox.c tries many more, with the same sandboxes around a process of the test's."""
import errno
import os
import pathlib
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from harness import BUILD, SANITIZED, Guest, Host, Lab, Spooler, wait_for  # noqa: E402
from inside import CAN, Inside, Killed, in_poll, unix_address  # noqa: E402

CHANNEL_START = 1000
AF_UNIX, AF_INET, STREAM = 1, 2, 1
REFUSED = {-errno.EPERM, -errno.EACCES, -errno.ENOSYS, -errno.EAFNOSUPPORT}


def filtered(pid):
    return "Seccomp:\t2" in pathlib.Path(f"/proc/{pid}/status").read_text()


def parent(pid):
    try:
        return int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
    except (OSError, IndexError):
        return 0


class Silent:
    """A print server that takes a connection and says nothing."""

    def __init__(self, lab):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = []
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()
        lab.closers.append(self.close)

    def serve(self):
        try:
            while True:
                self.connections.append(self.listener.accept()[0])
        except OSError:
            pass

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for c in self.connections:
            c.close()
        self.thread.join(5)


@unittest.skipUnless(CAN, "needs root and x86-64")
@unittest.skipIf(SANITIZED, "a sanitizer leaves the filters out")
class InsideTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        # Where each could go to: a socket that listens, as libvirt's and the control socket do.
        self.way = self.lab.dir / "libvirt-sock"
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.way))
        self.listener.listen(64)
        self.listener.setblocking(False)
        self.addCleanup(self.listener.close)
        # Whom they try it on: never a process, or the mounts, of this machine.
        victim = self.lab.start("victim", ["sleep", "1000"]).pid
        self.attempts = {
            "socket": ("socket", AF_UNIX, STREAM, 0),
            "socket to the internet": ("socket", AF_INET, STREAM, 0),
            "bind": ("bind", 0, unix_address(self.lab.dir / "bound"), 110),
            "open": ("open", b"/etc/passwd\0", os.O_RDONLY),
            "write": ("openat", -100, os.fsencode(self.lab.dir / "made") + b"\0", os.O_WRONLY | os.O_CREAT, 0o600),
            "own memory": ("open", b"/proc/self/mem\0", os.O_RDWR),
            "execve": ("execve", b"/bin/true\0", 0, 0),
            "fork": ("fork",),
            "kill": ("kill", victim, 0),
            "ptrace": ("ptrace", 16, victim),
            "mmap": ("mmap", 0, 4096, 7, 0x22, -1, 0),
            "mprotect": ("mprotect", 0, 4096, 5),
            "prctl": ("prctl", 4, 1),
            "process_vm_readv": ("process_vm_readv", os.getpid(), 0, 0, 0, 0, 0),
            "unshare": ("unshare", 0x20000),
            "mount": ("mount", 0, os.fsencode(self.lab.dir / "nothing") + b"\0", 0, 0x44000, 0),
            "bpf": ("bpf", 0, 0, 0),
            "io_uring_setup": ("io_uring_setup", 1, 0),
            "pidfd_open": ("pidfd_open", os.getpid(), 0),
            "tgkill": ("tgkill", os.getpid(), os.getpid(), 0),
        }

    # -- processes

    def worker(self, connection, program, *args):
        """As platend starts it: the connection at descriptor 3."""
        p = subprocess.Popen([BUILD / program, *args], stderr=subprocess.DEVNULL, close_fds=False,
                             preexec_fn=lambda: os.dup2(connection.fileno(), 3))
        self.addCleanup(self.end, p)
        return p

    def channel(self, start=True):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        guest, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(lambda: [s.close() for s in (ours, theirs, guest, far)])
        p = self.worker(theirs, "platen-channel")
        if start:
            message = struct.pack("<IIIIQ", CHANNEL_START, 24, 5000, 0, 0)
            socket.send_fds(ours, [message], [far.fileno()])
            wait_for(lambda: filtered(p.pid), "the channel's sandbox")
        wait_for(lambda: "platen-channel" in os.readlink(f"/proc/{p.pid}/exe") and in_poll(p.pid), "the channel to wait")
        return p

    def spool(self):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(lambda: [s.close() for s in (ours, theirs)])
        p = self.worker(theirs, "platen-spool", "submit", self.lab.dir / "none")
        ours.recv(65536)  # it is ready
        self.assertTrue(filtered(p.pid))
        wait_for(lambda: in_poll(p.pid), "the spooler's worker to wait")
        return p

    def fetch(self):
        server = Silent(self.lab)
        (self.lab.dir / "store").mkdir(exist_ok=True)
        p = subprocess.Popen([BUILD / "platen-fetch", self.lab.dir / "store", "--queue", "q", "--uri",
                              f"ipp://127.0.0.1:{server.port}/printers/x", "--drivers", "server"],
                             stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             env=dict(os.environ, TMPDIR=str(self.lab.dir / "store")))
        self.addCleanup(self.end, p)
        wait_for(lambda: server.connections, "the connection")
        wait_for(lambda: filtered(p.pid) and in_poll(p.pid), "the fetch to wait")
        return p

    @staticmethod
    def end(p):
        p.kill()
        try:
            p.wait(10)
        except ChildProcessError:
            pass

    def outcome(self, make, name):
        """None when it succeeded, minus errno, or what it was killed by."""
        p = make()
        try:
            result = Inside(p.pid).call(*self.attempts[name])
        except Killed as killed:
            p.returncode = -killed.args[0]  # the tracer has heard of its end, nobody is left to
            return killed.args[0]
        return result if result < 0 else None

    def refuses(self, make, names):
        for name in names:
            with self.subTest(name):
                what = self.outcome(make, name)
                self.assertTrue(what == signal.SIGSYS or what in REFUSED, f"{name}: {what}")

    # -- tests

    def test_the_attempts_would_succeed(self):
        """In a channel that has no sandbox yet: what is refused below is refused by it."""
        fails = {"bind": -errno.ENOTSOCK, "ptrace": None, "mprotect": -errno.ENOMEM, "bpf": -errno.EINVAL,
                 "io_uring_setup": -errno.EFAULT}
        for name in self.attempts:
            with self.subTest(name):
                what = self.outcome(lambda: self.channel(False), name)
                if name in ("bpf", "io_uring_setup", "unshare", "mount", "ptrace"):
                    self.assertNotEqual(what, signal.SIGSYS)  # a container may forbid it
                else:
                    self.assertEqual(what, fails.get(name))

    def test_channel(self):
        for name in self.attempts:
            with self.subTest(name):
                self.assertEqual(self.outcome(self.channel, name), signal.SIGSYS)

    def test_spool(self):
        self.refuses(self.spool, set(self.attempts) - {"open", "socket"})

    def test_fetch(self):
        self.refuses(self.fetch, set(self.attempts) - {"open", "own memory", "socket to the internet", "fork", "mprotect"})

    def test_fetch_has_no_way_to_a_unix_socket(self):
        inside = Inside(self.fetch().pid)
        self.assertIn(inside.call("socket", AF_UNIX, STREAM, 0), REFUSED)
        self.assertIn(inside.call("socket", (1 << 32) + AF_UNIX, STREAM, 0), REFUSED)
        for fd in map(int, os.listdir(f"/proc/{inside.pid}/fd")):  # nor by any that it has
            inside.call("connect", fd, unix_address(self.way), 110)
        with self.assertRaises(BlockingIOError):
            self.listener.accept()

    def test_a_spooler_worker_has_that_way(self):
        """The control: the same call gets through where unix sockets are needed."""
        inside = Inside(self.spool().pid)
        fd = inside.call("socket", AF_UNIX, STREAM, 0)
        self.assertGreaterEqual(fd, 0)
        self.assertEqual(inside.call("connect", fd, unix_address(self.way), 110), 0)
        self.listener.accept()[0].close()

    def test_fetch_under_platend_and_what_it_runs(self):
        """In its file system there is no control socket, and none of libvirt's."""
        server = Silent(self.lab)
        spooler = Spooler(self.lab, "host")
        spooler.add_queue("away", f"ipp://127.0.0.1:{server.port}/printers/x")
        host = Host(self.lab, spooler, libvirt=f"test:///default?socket={self.way}").start()
        wait_for(lambda: host.children("platen-fetch") and server.connections, "the fetch")
        pid = host.children("platen-fetch")[0][0]
        wait_for(lambda: in_poll(pid), "the fetch to wait")
        self.assertTrue(stat.S_ISSOCK(os.stat(host.control).st_mode))
        for path in (host.control, self.way):
            self.assertFalse(stat.S_ISSOCK(os.stat(f"/proc/{pid}/root{path}").st_mode), path)
            script = f"import socket; socket.socket(socket.AF_UNIX).connect({str(path)!r})"
            self.assertEqual(subprocess.run([sys.executable, "-c", script]).returncode, 0, "the control")
            p = subprocess.run(["nsenter", "-t", str(pid), "-m", "-r", sys.executable, "-c", script], capture_output=True, text=True)
            self.assertIn("ConnectionRefusedError", p.stderr)
        inside = Inside(pid)
        self.assertIn(inside.call("socket", AF_UNIX, STREAM, 0), REFUSED)
        inside.leave(*self.attempts["ptrace"])
        wait_for(lambda: "platen-fetch ended without an answer (killed by its system call filter (SIGSYS)" in self.lab.log("platend"),
                 "the log to say who did what")

    def test_the_log_names_it(self):
        spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        host = Host(self.lab, spooler).start()
        peer = socket.socket(socket.AF_UNIX)
        self.addCleanup(peer.close)
        peer.connect(str(host.channel("box")))
        wait_for(lambda: host.children("platen-channel"), "the channel")
        for program, words in (("platen-channel", "platen-channel ended"), ("platen-spool", "platen-spool watch")):
            pid = next(pid for pid, argv in host.children(program) if "submit" not in argv)
            wait_for(lambda: filtered(pid) and in_poll(pid), f"{program} to wait")
            Inside(pid).leave("execve", b"/bin/true\0", 0, 0)
            wait_for(lambda: any(words in line and "killed by its system call filter (SIGSYS)" in line
                                 for line in self.lab.log("platend").splitlines()), f"the log to name {program}")

    def test_virt(self):
        """It may do what libvirt's client needs, and that is no business of another process."""
        host = Host(self.lab, Spooler(self.lab, "host"), libvirt="test:///default").start()
        wait_for(lambda: "libvirt answers" in self.lab.log("platend"), "libvirt")
        pid = host.children("platen-virt")[0][0]
        for name in ("ptrace", "process_vm_readv", "mount", "unshare", "bpf", "io_uring_setup"):
            with self.subTest(name):
                Inside(pid).leave(*self.attempts[name])
                wait_for(lambda: not pathlib.Path(f"/proc/{pid}").exists(), "its end")
                wait_for(lambda: host.children("platen-virt"), "the next")
                pid = host.children("platen-virt")[0][0]
                wait_for(lambda: filtered(pid) and in_poll(pid), "it to wait")

    def test_the_guests_workers_are_confined(self):
        host = Host(self.lab, Spooler(self.lab, "host")).start()
        guest = Guest(self.lab, host).start()
        wait_for(lambda: host.ask("workspaces")["data"]["workspaces"][0]["link"] == "connected", "the channel")
        agent = guest.process.pid
        pids = [p.name for p in pathlib.Path("/proc").iterdir() if p.name.isdigit() and parent(p.name) == agent]
        self.assertTrue(pids)
        for pid in pids:
            self.assertIn("platen-queues", os.readlink(f"/proc/{pid}/exe"))
            self.assertIn("NoNewPrivs:\t1", pathlib.Path(f"/proc/{pid}/status").read_text())
            limits = pathlib.Path(f"/proc/{pid}/limits").read_text()
            self.assertRegex(limits, r"Max core file size +0 +0 ")
            self.assertRegex(limits, r"Max address space +268435456 +268435456 ")


if __name__ == "__main__":
    unittest.main()
