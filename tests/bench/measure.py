# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks measure with: medians, a spooler's log heard as it is written, processes' time and memory.

Processes are found by the folder of the test in their command line, so that others of the same name, of somebody
else's test, do not count. Memory is the distinct pages of all of them (/proc/PID/pagemap, as root): a page that five
programs share is there once, and counts whole, though programs that are none of ours may share it too. Beside it the
proportional memory (PSS), where those others carry their part, and the resident memory, which counts it five times.
"""
import array
import ctypes
import os
import pathlib
import re
import resource
import statistics
import threading
import time

PROC = pathlib.Path("/proc")
TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1 << 20
PAGE = os.sysconf("SC_PAGE_SIZE")
USER_END = 1 << 47  # of the address space; above is the kernel's


def median(times):
    """The median, and the quartiles."""
    times = sorted(times)
    quarter = len(times) // 4
    return statistics.median(times), times[quarter], times[-1 - quarter]


def until(condition, timeout=600, step=0.001):
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise SystemExit("run: waited too long; see the log below\n")
        time.sleep(step)
    return time.monotonic()


class Log:
    """A log, by which one hears of a spooler without asking: one that answers questions prints later."""

    def __init__(self, path):
        self.path = path
        self.mark()

    def mark(self):
        self.at = self.path.stat().st_size if self.path.exists() else 0

    def times(self, pattern, count=1, step=0.0002, timeout=600):
        """When this pattern stood there, each of the first `count` times after the last mark."""
        end, text, seen, pattern = time.monotonic() + timeout, b"", [], re.compile(pattern.encode())
        with open(self.path, "rb") as log:
            log.seek(self.at)
            while len(seen) < count:
                if time.monotonic() > end:
                    raise SystemExit(f"run: waited too long for {pattern.pattern} in {self.path}")
                more = log.read()
                if not more:
                    time.sleep(step)
                    continue
                text += more
                seen += [time.monotonic()] * (len(pattern.findall(text)) - len(seen))
        return seen

    def until(self, pattern, **kw):
        return self.times(pattern, **kw)[-1]


class Background(threading.Thread):
    """Calls `function` until it is told to end, and keeps what came of it."""

    def __init__(self, function, pause=0.0):
        super().__init__(daemon=True)
        self.function, self.pause, self.over, self.results = function, pause, threading.Event(), []
        self.start()

    def run(self):
        while not self.over.is_set():
            self.results.append(self.function())
            self.over.wait(self.pause)

    def end(self):
        self.over.set()
        self.join()
        return self.results


class Processes:
    """The processes of one test."""

    def __init__(self, lab):
        self.mark = os.fsencode(lab.dir)

    def all(self):
        """Yields (pid, name) of each: the program's name, of cupsd with whose it is, of platen-spool with its life."""
        for process in PROC.glob("[0-9]*"):
            try:
                words = (process / "cmdline").read_bytes().split(b"\0")
                if not any(self.mark in word for word in words) and self.mark not in (process / "environ").read_bytes():
                    continue
                name = pathlib.Path(os.readlink(process / "exe")).name
            except OSError:
                continue
            if name == "cupsd":
                name += " " + words[-2].split(b"/")[-3].decode()
            if name == "platen-spool":
                name += " " + words[1].decode()
            if name.startswith(("plat", "cupsd", "ipp")):
                yield int(process.name), name

    def cpu(self):
        """Processor seconds used so far, by name; of cupsd also those of its children that ended."""
        used = {"clients": sum(resource.getrusage(resource.RUSAGE_CHILDREN)[:2])}
        for pid, name in self.all():
            try:
                nsec = int((PROC / str(pid) / "schedstat").read_text().split()[0])
                fields = (PROC / str(pid) / "stat").read_text().rsplit(") ", 1)[1].split()
            except (OSError, IndexError):
                continue
            used[name] = used.get(name, 0) + nsec / 1e9
            used[name + "'s children"] = used.get(name + "'s children", 0) + (int(fields[13]) + int(fields[14])) / TICKS
        return used

    @staticmethod
    def pages(pid):
        """The page frames that it has in memory."""
        frames = set()
        with open(PROC / str(pid) / "maps") as maps, open(PROC / str(pid) / "pagemap", "rb", buffering=0) as pagemap:
            for line in maps:
                start, end = (int(address, 16) for address in line.split()[0].split("-"))
                if start >= USER_END:
                    continue
                pagemap.seek(start // PAGE * 8)
                entries = array.array("Q", pagemap.read((end - start) // PAGE * 8))
                frames.update(e & (1 << 55) - 1 for e in entries if e >> 63)
        return frames

    def memory(self):
        """Now: (MiB of distinct pages of all Platen processes, {(pid, name): MiB (its own, proportional, resident)})."""
        each, frames = {}, {}
        for pid, name in self.all():
            if not name.startswith("plat"):
                continue
            try:
                lines = (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:]
                frames[pid] = self.pages(pid)
            except OSError:
                continue
            values = {line.split(":")[0]: int(line.split()[1]) / 1024 for line in lines}
            if "Pss" in values:
                each[pid, name] = values["Private_Clean"] + values["Private_Dirty"], values["Pss"], values["Rss"]
        return len(set().union(*frames.values())) * PAGE / MIB, each


class Client:
    """One libcups client: Create-Job and Send-Document with the calls and pieces that serve it best."""

    def __init__(self, socket):
        self.cups = ctypes.CDLL("libcups.so.2")
        self.cups.cupsSetServer(os.fsencode(socket))
        self.cups.cupsSetUser(b"root")
        self.cups.cupsLastErrorString.restype = ctypes.c_char_p
        self.cups.cupsWriteRequestData.argtypes = ctypes.c_void_p, ctypes.c_char_p, ctypes.c_size_t

    def send(self, printer, path, piece=65536):
        default = None  # libcups's own connection
        with open(path, "rb", buffering=0) as document:
            job = self.cups.cupsCreateJob(default, printer.encode(), b"bench", 0, None)
            status = self.cups.cupsStartDocument(default, printer.encode(), job, b"bench", b"application/octet-stream", 1)
            while status == 100 and (data := document.read(piece)):
                status = self.cups.cupsWriteRequestData(default, data, len(data))
            if status != 100 or self.cups.cupsFinishDocument(default, printer.encode()) > 2:
                raise SystemExit(f"run: {self.cups.cupsLastErrorString().decode()}")
