# SPDX-License-Identifier: Apache-2.0
"""Guests of another kind of machine: Debian's packages for arm64, built on this one, and the workspace's half for arm64 at
work (qemu-user) with a host of this machine's own; its filters on a kernel for arm64 (qemu-system), for qemu-user has no
seccomp(2); against musl, another libc, every source of that half compiles.

There is no libsystemd for musl that it could be linked with.
"""
import os
import pathlib
import re
import shutil
import stat
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


# Each is run as a daemon would be on that machine; what it may and may not do is by that kernel's own numbers of calls.
FILTERS = ("test-sandbox", "test-install")
INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev; mount -t tmpfs tmp /tmp; mount -t tmpfs run /run
ip link set lo up
cd /src/tests/unit
for name in FILTERS; do CK_TIMEOUT_MULTIPLIER=20 /build/$name; echo "$name ended with $?"; done
echo "that is all"
poweroff -f
""".replace("FILTERS", " ".join(FILTERS))


class KernelImage(vm.Image):
    """A kernel of that architecture, and a shell for it: unpacked only."""

    def __init__(self):
        super().__init__(f"linux-image-{ARCH},busybox-static", f"kernel-{ARCH}")

    def build(self):
        vm.say(f"fetching a kernel for {ARCH} (once)")
        shutil.rmtree(self.dir, ignore_errors=True)
        self.dir.mkdir(parents=True)
        p = subprocess.run(["mmdebstrap", "--variant=extract", "--mode=root", f"--architectures={ARCH}", f"--include={self.packages}",
                            "bookworm", str(self.root)], capture_output=True, text=True)
        if p.returncode:
            raise AssertionError(f"mmdebstrap: {p.stderr[-2000:]}")
        (self.dir / "done").write_text("")

    def kernel(self):
        return sorted((self.root / "boot").glob("vmlinuz-*"))[-1]


def cpio(entries):
    """An initramfs of {path: bytes, a folder's None, or a link's ("->", target)}: "newc" of the kernel's buffer-format.rst."""
    out = bytearray()
    for number, (name, what) in enumerate([*entries.items(), ("TRAILER!!!", b"")], 1):
        data, mode = (b"", stat.S_IFDIR | 0o755) if what is None else (what, stat.S_IFREG | 0o755)
        if isinstance(what, tuple):
            data, mode = what[1].encode(), stat.S_IFLNK | 0o777
        head = (number, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name.encode()) + 1, 0)
        out += b"070701" + b"".join(b"%08X" % n for n in head) + name.encode() + b"\0"
        out += bytes(-len(out) % 4) + data
        out += bytes(-len(out) % 4)
    return bytes(out)


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

    def programs(self, *more):
        self.there("cmake -G Ninja -S /src -B /build -DCMAKE_TOOLCHAIN_FILE=/toolchain.cmake -DPLATEN_WERROR=ON")
        self.there("nice ninja -C /build " + " ".join([*GUEST, *(f"test-{name}" for name in UNIT), *more]))

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

    def with_libraries(self, programs):
        """{place: bytes} of programs and of all that ld.so would load for them."""
        there, wanted = {}, [self.root / "build" / name for name in programs]
        entries = {f"build/{path.name}": path.read_bytes() for path in wanted}
        while wanted:
            says = subprocess.run(["readelf", "-d", wanted.pop()], capture_output=True, text=True, check=True).stdout
            for name in re.findall(r"\(NEEDED\).*\[(.*)\]", says):
                if name in there:
                    continue
                there[name] = next(iter(sorted((self.root / "usr/lib" / TRIPLET).rglob(name))))
                wanted.append(there[name])
        entries.update({f"lib/{name}": path.resolve().read_bytes() for name, path in there.items()})
        return entries

    def test_filters_on_a_kernel_for_arm64(self):
        if not shutil.which("qemu-system-aarch64"):
            raise unittest.SkipTest("qemu-system-aarch64 is missing: tests/install-packages cross")
        self.programs(*FILTERS, "platen-install")
        image = KernelImage()
        entries = {name: None for name in ("bin", "build", "dev", "etc", "lib", "proc", "run", "src", "src/tests", "src/tests/unit",
                                           "sys", "tmp", "usr", "usr/bin", "var", "var/lib", "var/lib/platen")}
        entries |= self.with_libraries([*FILTERS, "platen-install"])
        entries |= {"init": INIT.encode(), "bin/busybox": (image.root / "bin/busybox").read_bytes(), "bin/sh": ("->", "busybox"),
                    "etc/passwd": b"root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n",
                    "etc/group": b"root:x:0:\nnogroup:x:65534:\n"}
        initrd = self.lab.dir / "initrd"
        initrd.write_bytes(cpio(entries))
        vm.say(f"an initramfs of {initrd.stat().st_size >> 20} MiB")
        p = subprocess.run(["qemu-system-aarch64", "-M", "virt", "-cpu", "cortex-a57", "-m", "1024", "-nodefaults", "-display", "none",
                            "-serial", "stdio", "-no-reboot", "-kernel", image.kernel(), "-initrd", initrd,
                            "-append", "console=ttyAMA0 panic=-1 quiet"],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, timeout=500)
        said = p.stdout.decode(errors="replace").replace("\r", "")
        self.assertIn("that is all", said, said[-4000:])
        for name in FILTERS:
            self.assertIn(f"{name} ended with 0\n", said, said[-6000:])
        self.assertIn("platen-install: what is to be refused was", said)
        vm.say(f"on a kernel for {ARCH}: " + "; ".join(re.findall(r"100%: .*", said)))

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
