# SPDX-License-Identifier: Apache-2.0
"""Guests of another kind of machine: Debian's packages for arm64, built on this one, and the workspace's half for arm64 at
work (qemu-user) with a host of this machine's own; against musl, another libc, every source of that half compiles.

Debian has no library for musl that it could be linked with. qemu-user has no seccomp(2), so that platen-install, whose
filter is a must, is not tried there.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import unittest

import lab as vm
from harness import BUILD, SOURCE, Lab

TIMEOUT = 900
LAB_ONLY = "it fetches a compiler and libraries of another architecture, and what runs there is emulated"
ARCH, TRIPLET = "arm64", "aarch64-linux-gnu"
TOOLS = ("build-essential,crossbuild-essential-arm64,debhelper,dh-apparmor,cmake,ninja-build,pkg-config,protobuf-c-compiler,"
         "qemu-user-static,musl-tools,pkgconf:arm64")
LIBRARIES = ("libprotobuf-c-dev libsystemd-dev libseccomp-dev libsqlite3-dev libinih-dev libjansson-dev libxxhash-dev nettle-dev "
             "libxml2-dev libcurl4-openssl-dev zlib1g-dev libcups2-dev libvirt-dev libcupsfilters-dev check").split()
TOOLCHAIN = f"""set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_C_COMPILER {TRIPLET}-gcc)
set(PKG_CONFIG_EXECUTABLE /usr/bin/{TRIPLET}-pkg-config)
set(CMAKE_LIBRARY_ARCHITECTURE {TRIPLET})
"""
GUEST = ("platen-agent", "platen-queues", "platen-backend")
# Of nothing but what both machines must see the same: frames, checksums, structures, texts.
UNIT = ("frame", "message-wire", "message", "session", "outbox", "text", "uuid", "agent-job", "options")
WORK = ("test_queue_looks_like_the_printer", "test_every_document_type", "test_several_files_and_standard_input",
        "test_options_title_owner_and_user_arrive", "test_agent_killed_in_mid_job", "test_channel_killed_in_mid_job",
        "test_added_changed_paused_removed_live", "test_cancel_on_the_host_reaches_the_guest", "test_a_driver_crosses_once")
MUSL = r"""cd /src
for f in proto/*.c proto/base/*.c guest/*.c guest/*/*.c /build/generated/*.c; do
	echo "$f"
	musl-gcc -std=gnu17 -D_GNU_SOURCE -DPLATEN_VERSION='"0"' -I. -I/build/generated -idirafter /usr/include/TRIPLET \
		-idirafter /usr/include -Wall -Wextra -Werror -c "$f" -o /dev/null || exit 1
done
""".replace("TRIPLET", TRIPLET)


class CrossImage(vm.Image):
    """Compilers of this machine, libraries of the other."""

    def __init__(self):
        super().__init__(",".join([TOOLS] + [f"{name}:{ARCH}" for name in LIBRARIES]), "cross")

    def build(self):
        vm.say("building the cross image (once, some minutes)")
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        excludes = [f"--dpkgopt=path-exclude=/usr/share/{p}/*" for p in ("doc", "man", "locale", "info")]
        native = subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip()
        p = subprocess.run(["mmdebstrap", "--variant=apt", "--mode=root", f"--architectures={native},{ARCH}",
                            f"--include={self.packages}", *excludes, "--aptopt=Acquire::Languages \"none\"", "bookworm",
                            str(self.root)], capture_output=True, text=True)
        if p.returncode:
            raise AssertionError(f"mmdebstrap: {p.stderr[-2000:]}")
        (self.dir / "done").write_text("")


class CrossTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        vm.own_namespace()
        if subprocess.run(["dpkg", "--print-architecture"], capture_output=True, text=True, check=True).stdout.strip() == ARCH:
            raise unittest.SkipTest(f"this machine is of {ARCH} itself")
        cls.lab = Lab()
        cls.addClassCleanup(cls.lab.close)
        cls.addClassCleanup(vm.unbind)
        cls.cache = CrossImage().root
        cls.disk, cls.root = cls.lab.dir / "disk", cls.lab.dir / "cross"
        for folder in (cls.disk, cls.root):
            folder.mkdir()
        cls.mount("-t", "tmpfs", "tmpfs", cls.disk)  # one overlay cannot lie upon another
        for folder in ("upper", "work"):
            (cls.disk / folder).mkdir()
        cls.mount("-t", "overlay", "overlay", "-o", f"lowerdir={cls.cache},upperdir={cls.disk}/upper,workdir={cls.disk}/work", cls.root)
        for place in ("src", "build", "debs"):
            (cls.root / place).mkdir()
        cls.mount("--bind", "-o", "ro", SOURCE, cls.root / "src")
        cls.mount("-t", "proc", "proc", cls.root / "proc")
        (cls.root / "toolchain.cmake").write_text(TOOLCHAIN)

    @classmethod
    def mount(cls, *argv):
        subprocess.run(["mount", *map(str, argv)], check=True)
        cls.addClassCleanup(subprocess.run, ["umount", "-l", str(argv[-1])], check=True)

    def there(self, command, timeout=600):
        p = subprocess.run(["env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "chroot", self.root, "sh", "-c", command],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=timeout, stdin=subprocess.DEVNULL)
        self.assertEqual(p.returncode, 0, f"{command}:\n{p.stdout[-3000:]}")
        return p.stdout

    def programs(self):
        self.there("cmake -G Ninja -S /src -B /build -DCMAKE_TOOLCHAIN_FILE=/toolchain.cmake -DPLATEN_WERROR=ON")
        self.there("nice ninja -C /build " + " ".join([*GUEST, *(f"test-{name}" for name in UNIT)]))

    def emulated(self):
        """A folder as a build's: the host's programs are this machine's, the workspace's are the other's."""
        qemu, sysroot, mixed = self.root / "usr/bin/qemu-aarch64-static", self.lab.dir / "sysroot", self.lab.dir / "mixed"
        (sysroot / "lib").mkdir(parents=True)
        (sysroot / "lib" / TRIPLET).symlink_to(self.root / "usr/lib" / TRIPLET)
        (sysroot / "lib/ld-linux-aarch64.so.1").symlink_to(self.root / "usr/lib" / TRIPLET / "ld-linux-aarch64.so.1")
        mixed.mkdir()
        for program in BUILD.glob("platen*"):
            (mixed / program.name).symlink_to(program)
        for name in GUEST:
            (mixed / name).unlink()
            (mixed / name).write_text(f'#!/bin/sh\nexec {qemu} -0 "$0" -L {sysroot} {self.root}/build/{name} "$@"\n')
            (mixed / name).chmod(0o755)
        return mixed

    def test_arm64(self):
        self.programs()
        for name in GUEST:
            self.assertEqual((self.root / "build" / name).read_bytes()[18], 183, name)  # EM_AARCH64 of elf(5)
        vm.say(f"the workspace's programs are compiled for {ARCH}")
        for name in UNIT:
            self.there(f"cd /src/tests/unit && qemu-aarch64-static /build/test-{name}", 200)
        vm.say(f"{len(UNIT)} unit tests of theirs pass")
        env = dict(os.environ, PLATEN_BUILD=str(self.emulated()))
        env.pop("PLATEN_STEPS", None)
        p = subprocess.run(["unshare", "--net", "sh", "-c", 'ip link set lo up; exec "$@"', "sh", sys.executable, "-m", "unittest", "-v",
                            *(f"test_print.PrintTest.{name}" for name in WORK)], cwd=SOURCE / "tests/integration", env=env,
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
        self.assertEqual(p.returncode, 0, p.stdout[-6000:])
        self.assertEqual(len(re.findall(r"(?m)\.\.\. ok$", p.stdout)), len(WORK), p.stdout[-6000:])
        vm.say(f"a workspace of {ARCH}: {len(WORK)} tests of printing pass")

    def test_packages_for_arm64(self):
        self.there(f"nice /src/packaging/build-deb --arch {ARCH} -o /debs", 900)
        found = {}
        for deb in (self.root / "debs").glob("platen-*.deb"):
            fields = subprocess.run(["dpkg-deb", "-f", deb, "Package", "Architecture", "Depends"], capture_output=True, text=True, check=True).stdout
            found.update({re.search(r"Package: (.*)", fields)[1]: fields})
        self.assertLessEqual({"platen-host", "platen-guest", "platen-tools"}, set(found))
        for fields in found.values():
            self.assertIn(f"Architecture: {ARCH}", fields)
        self.assertNotIn("libvirt", found["platen-guest"])

    def test_sources_compile_against_musl(self):
        self.programs()
        out = self.there(MUSL)
        self.assertGreater(len(out.splitlines()), 40, out)
        self.assertTrue(pathlib.Path(self.root / "usr/lib/x86_64-linux-musl").exists())


if __name__ == "__main__":
    unittest.main()
