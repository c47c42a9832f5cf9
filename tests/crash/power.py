# SPDX-License-Identifier: Apache-2.0
"""A loss of the host's power: platend, its workers and cupsd end at once, and what was not synced is gone.

The model is ext4 with data=ordered and delayed allocation, taken at its worst:
  - What a file held at its last fsync() or fdatasync() is there.
  - Names (made, renamed, taken away) come onto the disk in the order in which they were done, so that
    some point in that order is what is there afterwards. Any fsync() of a file of cupsd's commits all
    names up to it; one of the ledger's does so, too, if it lies in the same file system, which is a
    matter of chance here. fdatasync() commits none.
  - What was not synced of a file may be there or not: nothing of it ("power"), or ("power-some") all of
    it, its beginning, or its length with pages of zeros in it. A control file may so come through
    whole and the document that belongs to it may not.
  - What was there before the point began has long been written.
Of platend's ledger a change that was not synced is taken back wholly, or any of its writes is.
printers.conf is left as it is: whoever loses that loses queues, and no job. What the guest has lies in the
workspace, whose own loss of power is another matter; its programs are killed along with the host's in half
of the points.
"""
import os
import pathlib
import signal
import struct
import time

PAGE = 4096
FOLDERS = ("spool", "cache", "etc")
CUPSD = ("DirtyCleanInterval 0\n", "DirtyCleanInterval 1\n", "")  # "": 30 s


def parents():
    """{pid: (its parent, its program)} of all processes."""
    found = {}
    for p in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            fields = (p / "stat").read_text()
            found[int(p.name)] = (int(fields.rsplit(")", 1)[1].split()[1]), os.readlink(p / "exe"))
        except OSError:
            pass  # it has ended
    return found


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            pass


def stop_all(roots):
    """Stops these processes and all below them, also those that are being made. Returns all."""
    stopped = set()
    while True:
        tree, new = parents(), set(roots) - stopped
        for _ in range(8):
            new |= {pid for pid, (parent, _) in tree.items() if parent in stopped | new} - stopped
        if not new:
            return stopped
        send(new, signal.SIGSTOP)
        stopped |= new


class Power:
    def __init__(self, world):
        self.world, self.arm, self.undo = world, world.arm, world.undo
        self.folders = [world.spooler.dir / name for name in FOLDERS]
        self.since = 0
        for folder in self.folders:
            (folder / ".kept").mkdir(exist_ok=True)

    def begin(self, chance):
        """From now on it is noted what is synced. cupsd gets one of the settings that matter."""
        w = self.world
        extra = ("PreserveJobFiles 20\n" if w.history else "PreserveJobHistory No\n") + chance.choice(CUPSD)
        sync = chance.random() < 0.5
        conf = w.spooler.dir / "etc/cups-files.conf"
        if w.spooler.extra != extra or ("SyncOnClose Yes" in conf.read_text()) != sync:
            w.spooler.stop()
            w.spooler.extra = extra
            w.spooler.write_config()
            if sync:
                conf.write_text(conf.read_text().replace("SyncOnClose No", "SyncOnClose Yes"))
            w.spooler.start()
            w.lab.processes = [p for p in w.lab.processes if p.poll() is None]
        self.clean()
        (w.out / ".slow").write_text(f"{chance.choice((0, chance.uniform(0, 2))):.2f}")
        self.arm.syncs = self.arm.number = 0
        self.since = time.time_ns()
        self.arm.recording = 1
        dirty = extra.split()[-1] if "Dirty" in extra else "30"
        return f"DirtyCleanInterval {dirty}, SyncOnClose {'Yes' if sync else 'No'}: "

    def clean(self):
        self.arm.recording = 0
        (self.undo / "names").unlink(missing_ok=True)
        for folder in self.folders:
            for kept in (folder / ".kept").iterdir():
                kept.unlink()

    def cut(self, chance, some):
        """Everything of the host's ends at once, and what was not synced is gone, or some of it."""
        w = self.world
        roots, said = {w.host.process.pid, w.spooler.process.pid}, "no power for the host"
        if chance.random() < 0.5:
            roots |= {w.guest.process.pid, w.guest.spooler.process.pid}
            said += " and the workspace"
        pids = stop_all(roots)
        send(pids, signal.SIGKILL)
        for process in list(w.lab.processes):
            if process.pid in roots:
                process.wait()
        self.arm.recording = 0
        (w.out / ".slow").unlink()
        names, lost = self.lose_names(chance, some), self.lose_bytes(chance, some)
        gone = self.take_back(chance, some)
        self.clean()
        chance.shuffle(w.order)
        return f"{said}; {gone} writes of platend, {names} names and {lost} files of cupsd are gone"

    def synced(self):
        return self.arm.synced[:min(self.arm.syncs, len(self.arm.synced))]

    def lose_names(self, chance, some):
        try:
            lines = [line.split("\t") for line in (self.undo / "names").read_text().splitlines()]
        except OSError:
            return 0
        changes = sorted((int(number), what, pathlib.Path(path), to) for what, number, path, to in lines)
        ours = {p.stat().st_ino for folder in self.folders for p in (folder, *folder.iterdir())}
        one = chance.random() < 0.5  # one file system with the ledger
        floor = max((s.number for s in self.synced() if one or s.inode in ours), default=0)
        cut = chance.randint(floor, max(floor, changes[-1][0])) if some else floor
        count = 0
        for number, what, path, to in reversed(changes):
            if number <= cut:
                break
            count += 1
            kept = pathlib.Path(to if what == "R" else path).parent / ".kept" / str(number)
            if what == "C":
                path.unlink(missing_ok=True)
            elif what == "R":
                os.rename(to, path)
                if kept.exists():
                    os.rename(kept, to)
            elif kept.exists():
                os.rename(kept, path)
        return count

    def lose_bytes(self, chance, some):
        sizes, count = {}, 0
        for s in self.synced():
            sizes[s.inode] = max(s.size, sizes.get(s.inode, 0))
        for folder in self.folders:
            for path in sorted(folder.iterdir()):
                st = path.lstat()
                if not path.is_file() or st.st_mtime_ns < self.since or path.name.startswith("printers.conf"):
                    continue
                safe = min(sizes.get(st.st_ino, 0), st.st_size)
                if safe == st.st_size:
                    continue
                count += self.lose(path, safe, st.st_size, chance if some else None)
        return count

    @staticmethod
    def lose(path, safe, size, chance):
        """What is behind `safe` in a file is lost, or some of it. Returns whether any is."""
        what = chance.choice(("all", "nothing", "end", "pages")) if chance else "all"
        if what == "nothing":
            return False
        if what != "pages":
            os.truncate(path, safe if what == "all" else chance.randint(safe, size))
            return True
        with open(path, "r+b") as f:
            for at in range(safe - safe % PAGE, size, PAGE):
                if chance.random() < 0.3:
                    f.seek(max(at, safe))
                    f.write(bytes(min(at + PAGE, size) - max(at, safe)))
        return True

    def take_back(self, chance, some):
        """Makes platend's files what they were when they were synced last, or any of the writes since is lost."""
        count = 0
        for undo in self.undo.iterdir():
            if undo.name == "names":
                continue
            data, changes, at = undo.read_bytes(), [], 0
            while at + 24 <= len(data):
                where, size, whole = struct.unpack_from("=QQQ", data, at)
                changes.append((where, data[at + 24:at + 24 + size], whole))
                at += 24 + size
            path = self.world.host.state_dir / undo.name
            undo.unlink()
            if not path.exists():
                continue
            with open(path, "r+b") as f:
                for where, old, whole in reversed(changes):
                    if some and chance.random() < 0.5:
                        continue
                    count += 1
                    f.seek(where)
                    f.write(old)
                    if not some:
                        f.truncate(whole)
        return count
