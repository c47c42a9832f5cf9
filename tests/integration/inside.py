# SPDX-License-Identifier: Apache-2.0
"""Makes a running process make a system call, as one that took it over would: by ptrace(2), on x86-64 as root.

The process is stopped where it waits, in a system call; it then executes the same instruction again with other
registers. What it passes by address is written below its stack."""
import ctypes
import os
import platform
import signal
import struct
import time

CAN = platform.machine() == "x86_64" and os.geteuid() == 0

GETREGS, SETREGS, SINGLESTEP, ATTACH, DETACH = 12, 13, 9, 16, 17
NAMES = ("r15 r14 r13 r12 rbp rbx r11 r10 r9 r8 rax rcx rdx rsi rdi orig_rax rip cs eflags rsp ss fs_base gs_base "
         "ds es fs gs").split()
NUMBERS = {"open": 2, "mmap": 9, "mprotect": 10, "socket": 41, "connect": 42, "bind": 49, "clone": 56, "fork": 57,
           "execve": 59, "kill": 62, "ptrace": 101, "setrlimit": 160, "prctl": 157, "mount": 165, "tgkill": 234,
           "openat": 257, "unshare": 272, "process_vm_readv": 310, "bpf": 321, "io_uring_setup": 425,
           "pidfd_open": 434}
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
libc.ptrace.restype = ctypes.c_long


class Killed(Exception):
    """The call killed the process, by this signal."""


def ptrace(request, pid, data=None):
    if libc.ptrace(request, pid, None, data) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace {request} of {pid}")


def in_poll(pid):
    """Whether it waits in poll(2) or ppoll(2)."""
    with open(f"/proc/{pid}/syscall", encoding="ascii") as f:
        return f.read().split()[0] in ("7", "271")


class Inside:
    def __init__(self, pid):
        self.pid = pid
        for _ in range(500):
            ptrace(ATTACH, pid)
            self.wait()
            with open(f"/proc/{pid}/mem", "rb") as f:
                f.seek(self.registers()["rip"] - 2)
                if f.read(2) == b"\x0f\x05":
                    return
            ptrace(DETACH, pid)
            time.sleep(0.01)  # it was at work
        raise AssertionError("it does not wait in a system call")

    def wait(self):
        _, status = os.waitpid(self.pid, 0)
        if os.WIFSIGNALED(status):
            raise Killed(os.WTERMSIG(status))
        assert os.WIFSTOPPED(status), status
        return os.WSTOPSIG(status)

    def registers(self):
        buffer = ctypes.create_string_buffer(8 * len(NAMES))
        ptrace(GETREGS, self.pid, buffer)
        return dict(zip(NAMES, struct.unpack(f"<{len(NAMES)}Q", buffer.raw)))

    def load(self, name, args):
        """Makes the call its next instruction. Returns the one after it."""
        registers = self.registers()
        place, values = registers["rsp"] - 8192, []
        with open(f"/proc/{self.pid}/mem", "r+b", buffering=0) as f:
            for arg in args:
                if isinstance(arg, bytes):
                    f.seek(place)
                    f.write(arg)
                    values.append(place)
                    place += (len(arg) + 15) & ~15
                else:
                    values.append(arg & (1 << 64) - 1)
        there = registers["rip"]
        registers.update(zip(("rdi", "rsi", "rdx", "r10", "r8", "r9"), values))
        registers.update(rax=NUMBERS[name], orig_rax=(1 << 64) - 1, rip=there - 2)
        ptrace(SETREGS, self.pid, struct.pack(f"<{len(NAMES)}Q", *(registers[n] for n in NAMES)))
        return there

    def leave(self, name, *args):
        """Lets it go on its own into the call: its parent hears of its end first, as ever."""
        self.load(name, args)
        ptrace(DETACH, self.pid)

    def call(self, name, *args):
        """The call's result, or minus errno."""
        there = self.load(name, args)
        ptrace(SINGLESTEP, self.pid)
        while self.wait() != signal.SIGTRAP:
            ptrace(SINGLESTEP, self.pid)
        registers = self.registers()
        assert registers["rip"] == there or name == "execve", "it went elsewhere"
        return ctypes.c_int64(registers["rax"]).value


def unix_address(path):
    return struct.pack("<H", 1) + os.fsencode(str(path)) + b"\0"
