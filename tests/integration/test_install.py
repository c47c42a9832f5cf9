# SPDX-License-Identifier: Apache-2.0
"""platen-install, started by hand: what the package manager that it starts has, and what it may not.

The package manager is a program of the test's that tells what it finds, or dpkg itself with folders of its own.
"""
import hashlib
import json
import os
import pathlib
import platform
import shutil
import socket
import struct
import subprocess
import unittest

from harness import BUILD, Lab, wait_for

REQUEST, RESULT = "=IIII32s256s108s108s", "=IIiI"
SECONDS, FILE_MAX = 840, 1 << 32

# Each call is made so that without the filter it would fail with another error and change nothing.
PROBE = """#!/usr/bin/python3
import ctypes, errno, json, os, resource, sys
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *args):
    ctypes.set_errno(0)
    return errno.errorcode.get(ctypes.get_errno(), "0") if getattr(libc, name)(*args) < 0 else "0"
status = dict(line.split(":", 1) for line in open("/proc/self/status").read().splitlines())
print(file=open("OUT", "w"), end=json.dumps({
    "argv": sys.argv[1:], "environment": dict(os.environ), "fds": sorted(map(int, os.listdir("/proc/self/fd")))[:-1],
    "stdin": os.readlink("/proc/self/fd/0"), "cwd": os.getcwd(), "umask": os.umask(0),
    "session": os.getsid(0) == os.getpid(), "new-privileges": status["NoNewPrivs"].strip(),
    "limits": {n: resource.getrlimit(getattr(resource, "RLIMIT_" + n)) for n in ("CPU", "FSIZE", "CORE", "NOFILE")},
    "calls": {"init_module": call("syscall", 175, 0, 0, 0), "reboot": call("syscall", 169, 0, 0, 0, 0),
              "swapoff": call("swapoff", b"/nonexistent"), "clock_settime": call("syscall", 227, 99, 0),
              "mount": call("mount", b"none", b"/nonexistent", b"none", 0, None), "ptrace": call("ptrace", 7, 1, 0, 0),
              "setns": call("setns", -1, 0), "chown": call("chown", b"/nonexistent", 0, 0)}}))
"""


class InstallTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        if pathlib.Path("/run/systemd/system").exists():
            self.skipTest("systemd would start it: tests/lab tries that")

    def install(self, package, manager, **more):
        """Returns (the error, what an admin is told, what went into the log)."""
        data = package.read_bytes()
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        log = self.lab.dir / "install.log"
        with ours, theirs, open(log, "wb") as out:
            # fd 9 is left open to see that the package manager does not get it
            p = subprocess.Popen([BUILD / "platen-install"], stdin=subprocess.DEVNULL, stderr=out, stdout=out, close_fds=False,
                                 env=dict(os.environ, LD_LIBRARY_PATH="/nowhere", SECRET="of the agent's"),
                                 preexec_fn=lambda: (os.dup2(theirs.fileno(), 3), os.dup2(out.fileno(), 9)))
            theirs.close()
            ours.send(struct.pack(REQUEST, 1, struct.calcsize(REQUEST), 0, 0, hashlib.sha256(data).digest(), bytes(package),
                                  bytes(manager), b""))
            answer = ours.recv(4096)
            self.assertEqual(p.wait(10), 0)
        _, _, error, _ = struct.unpack_from(RESULT, answer)
        return error, answer[struct.calcsize(RESULT):].split(b"\0")[0].decode(), log.read_text()

    def script(self, text):
        path = self.lab.dir / "manager"
        path.write_text(text)
        path.chmod(0o755)
        return path

    def package(self):
        path = self.lab.dir / "driver.deb"
        path.write_bytes(b"a package")
        return path

    @unittest.skipUnless(platform.machine() == "x86_64", "the probe knows no other machine's numbers of calls")
    def test_what_the_package_manager_has(self):
        package = self.package()
        out = self.lab.dir / "found"
        error, text, log = self.install(package, self.script(PROBE.replace("OUT", str(out))))
        self.assertEqual((error, text), (0, ""), log)
        found = json.loads(out.read_text())
        self.assertEqual(found["argv"], [str(package)])
        self.assertEqual({k: v for k, v in found["environment"].items() if k != "LC_CTYPE"},
                         {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
                          "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"})
        self.assertEqual(found["fds"][:3], [0, 1, 2])
        self.assertNotIn(9, found["fds"])
        self.assertEqual((found["stdin"], found["cwd"], found["umask"], found["session"], found["new-privileges"]),
                         ("/dev/null", "/", 0o022, True, "1"))
        self.assertEqual(found["limits"], {"CPU": [SECONDS] * 2, "FSIZE": [FILE_MAX] * 2, "CORE": [0, 0], "NOFILE": [1024] * 2})
        self.assertEqual(found["calls"].pop("chown"), "ENOENT")
        self.assertEqual(set(found["calls"].values()), {"EPERM"}, found["calls"])

    def test_a_package_manager_that_writes_without_end(self):
        """SIGXFSZ, or EFBIG: it fails, and an admin is told so."""
        out = self.lab.dir / "endless"
        error, text, _ = self.install(self.package(), self.script(f"#!/bin/sh\ndd if=/dev/zero of={out} bs=1 count=1 "
                                                                  f"seek={FILE_MAX} status=none 2>&1 || exit 1\n"))
        self.assertLess(error, 0)
        self.assertIn("the workspace's package manager says:", text)
        self.assertFalse(out.exists() and out.stat().st_size > FILE_MAX)

    def test_dpkg_itself_needs_none_of_it(self):
        """A real package with scripts that become another user, by the real dpkg, below folders of the test's."""
        if not shutil.which("dpkg-deb"):
            self.skipTest("there is no dpkg")
        tree, root = self.lab.dir / "tree", self.lab.dir / "root"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "opt/driver").mkdir(parents=True)
        (tree / "opt/driver/filter").write_text("#!/bin/sh\ncat\n")
        (tree / "opt/driver/filter").chmod(0o4755)
        (tree / "DEBIAN/control").write_text("Package: platen-test-driver\nVersion: 1\nArchitecture: all\n"
                                             "Maintainer: nobody <nobody@localhost>\nDescription: a test\n")
        said = self.lab.dir / "said"
        said.touch()
        said.chmod(0o666)
        (tree / "DEBIAN/postinst").write_text(f"#!/bin/sh\nset -e\nchown lp \"$DPKG_ROOT/opt/driver\"\n"
                                              f"setpriv --reuid=lp --regid=lp --clear-groups id -un >{said}\n")
        (tree / "DEBIAN/postinst").chmod(0o755)
        package = self.lab.dir / "driver.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, package], check=True, stdout=subprocess.DEVNULL)
        (root / "var/lib/dpkg/updates").mkdir(parents=True)
        (root / "var/lib/dpkg/info").mkdir()
        (root / "var/lib/dpkg/status").touch()
        error, text, log = self.install(package, self.script(
            f"#!/bin/sh\nexec dpkg --root={root} --force-script-chrootless --log=/dev/null -i \"$1\"\n"))
        self.assertEqual((error, text), (0, ""), log)
        wait_for(lambda: said.read_text() == "lp\n", "its script to have run")
        st = (root / "opt/driver/filter").stat()
        self.assertEqual((st.st_mode & 0o7777, st.st_uid), (0o4755, 0))

    def test_a_package_that_is_another(self):
        package = self.package()
        ran = self.lab.dir / "ran"
        data = package.read_bytes()
        self.assertEqual(len(data), 9)
        manager = self.script(f"#!/bin/sh\ntouch {ran}\n")
        original = hashlib.sha256
        try:
            hashlib.sha256 = lambda _: original(b"another")
            error, text, _ = self.install(package, manager)
        finally:
            hashlib.sha256 = original
        self.assertLess(error, 0)
        self.assertIn("is not what the host offered", text)
        self.assertFalse(ran.exists())


if __name__ == "__main__":
    unittest.main()
