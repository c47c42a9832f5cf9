#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs tests of every kind, one line per test, and counts them.

    runner.py checks  NAME=COMMAND...    each command is one test
    runner.py ctest   BUILD-FOLDER       the unit tests that ctest knows, each Check test counted
    runner.py modules FILE[:TEST]...     unittest modules, each test method counted; or CLASS or CLASS.METHOD of one

Options before the first word: --budget SECONDS for all of it, --timeout SECONDS for one command,
program or module (a module may set TIMEOUT itself), --valgrind (ctest only), --jobs N at once,
--own-network: each module has a network of its own, with loopback only, --patience N: a module may
take N times as long; otherwise as the machine's load is when it begins.

The result is appended to the file that --tally names, as "passed failed skipped". A module runs in
a process of its own; what it leaves running is ended by its id, and counts as a failure of its own.
"""
import argparse
import ast
import concurrent.futures
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "integration"))
from patience import patience  # noqa: E402

PR_SET_CHILD_SUBREAPER = 36  # prctl(2)
OWN_NETWORK = ["unshare", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
LOG_TAIL = 20000  # bytes of a failed test's output that are shown
TERM_SECONDS = 10  # for a test to clean up when its time is over


class Tally:
    """Prints a line per test, and counts."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.lock = threading.Lock()

    def tell(self, outcome, name, seconds=None, why=""):
        with self.lock:
            if outcome == "ok":
                self.passed += 1
            elif outcome == "skip":
                self.skipped += 1
            else:
                self.failed += 1
            took = f" ({seconds:.1f} s)" if seconds is not None and seconds >= 0.05 else ""
            print(f"{outcome:4} {name}{took}{': ' + why if why else ''}", flush=True)

    def step(self, module, text, seconds):
        """What a long test has done, and how long that took since its last step."""
        with self.lock:
            print(f"     {seconds:6.1f} s  {module}: {text}", flush=True)

    def show(self, title, text):
        text = text.decode(errors="replace") if isinstance(text, bytes) else text
        text = text.strip("\n")
        if not text:
            return
        if len(text) > LOG_TAIL:
            text = f"[the last {LOG_TAIL} bytes]\n" + text[-LOG_TAIL:]
        with self.lock:
            print(f"     ---- {title}", flush=True)
            for line in text.splitlines():
                print(f"     | {line}")
            print("     ----", flush=True)


def children(pid):
    """The processes whose parent is `pid`."""
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/stat", "rb") as f:
                stat = f.read().decode(errors="replace")
        except OSError:
            continue
        name, fields = stat[stat.index("(") + 1 : stat.rindex(")")], stat[stat.rindex(")") + 2 :].split()
        if int(fields[1]) == pid and fields[0] != "Z":
            found.append((int(entry), name))
    return found


def is_killed(pid):
    """Whether SIGKILL has been sent to it: it is on its way out, or in a system call that has an end."""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as f:
            pending = [int(line.split()[1], 16) for line in f if line.startswith(("SigPnd:", "ShdPnd:"))]
    except (OSError, IndexError):
        return True
    return any(mask >> (signal.SIGKILL - 1) & 1 for mask in pending)


def end_orphans(known):
    """Ends what came to us because its parent ended (we are a subreaper). Returns the names of those that nobody
    had ended."""
    names = []
    for _ in range(20):
        orphans = [(pid, name) for pid, name in children(os.getpid()) if pid not in known]
        if not orphans:
            break
        for pid, name in orphans:
            if not is_killed(pid):
                names.append(f"{name} ({pid})")
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
    return names


def end(process):
    """Ends a test whose time is over: first so that it can clean up, then for certain."""
    for number, seconds in ((signal.SIGTERM, TERM_SECONDS), (signal.SIGKILL, None)):
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:
            pass
        try:
            process.wait(seconds)
            return
        except subprocess.TimeoutExpired:
            continue


class Runner:
    def __init__(self, options):
        self.options = options
        self.tally = Tally()
        self.ends = time.monotonic() + options.budget
        self.running = {}
        self.lock = threading.RLock()  # a signal may come while it is held

    def seconds(self, wanted):
        return max(0.1, min(wanted, self.ends - time.monotonic()))

    def over(self):
        return time.monotonic() >= self.ends

    def run(self, argv, env, seconds, log, pass_fds=()):
        """The exit status, or None when its time was over (then it is ended)."""
        process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log,
            stderr=subprocess.STDOUT, env=env, start_new_session=True, pass_fds=pass_fds)
        with self.lock:
            self.running[process.pid] = process
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            end(process)
            return None
        finally:
            with self.lock:
                del self.running[process.pid]

    def stop(self):
        with self.lock:
            running = list(self.running.values())
        for process in running:
            end(process)

    def why_over(self, seconds):
        if self.over():
            return f"not over when the tier's {self.options.budget:.0f} s were"
        return f"not over after {seconds:.0f} s"

    # -- commands

    def late(self, name):
        """Whether there is no time to begin it; that counts as a failure."""
        if self.over():
            self.tally.tell("FAIL", name, why=f"not begun: {self.why_over(0)}")
        return self.over()

    def check(self, name, command):
        if self.late(name):
            return
        begun, seconds = time.monotonic(), self.seconds(self.options.timeout)
        with tempfile.TemporaryFile() as log:
            status = self.run(["bash", "-c", command], dict(os.environ), seconds, log)
            log.seek(0)
            text = log.read()
        if status == 0:
            self.tally.tell("ok", name, time.monotonic() - begun)
            return
        why = self.why_over(seconds) if status is None else f"exit status {status}"
        self.tally.tell("FAIL", name, why=why)
        self.tally.show(command, text)

    # -- Check programs

    def program(self, name, argv):
        if self.late(name):
            return
        begun, seconds = time.monotonic(), self.seconds(self.options.timeout)
        with tempfile.TemporaryDirectory(prefix="unit") as folder, tempfile.TemporaryFile() as log:
            tap = os.path.join(folder, "tap")
            env = dict(os.environ, CK_TAP_LOG_FILE_NAME=tap, CK_VERBOSITY="normal",
                CK_TIMEOUT_MULTIPLIER="10")  # Check ends a test after 4 s, which a busy disk may take
            if self.options.valgrind:
                argv = ["valgrind", "-q", "--error-exitcode=99", "--leak-check=full",
                    "--errors-for-leak-kinds=definite", "--track-fds=no",
                    f"--suppressions={os.path.join(HERE, 'valgrind.supp')}"] + argv
            status = self.run(argv, env, seconds, log)
            log.seek(0)
            text = log.read()
            rows = self.tap_rows(tap)
        if self.options.valgrind and b"WARNING: unhandled" in text and b"syscall: " in text:
            self.tally.tell("skip", name, why="this valgrind does not know a system call it makes")
            return
        bad = False
        for test, loops in rows.items():
            faults = [why for passed, why in loops if not passed]
            if not faults:
                self.tally.tell("ok", f"{name}: {test}" + (f" ({len(loops)} rows)" if len(loops) > 1 else ""))
            else:
                bad = True
                self.tally.tell("FAIL", f"{name}: {test}", why=faults[0])
        if status != 0 and not bad:
            bad = True
            self.tally.tell("FAIL", name,
                why=self.why_over(seconds) if status is None else f"exit status {status}")
        elif status == 0 and not rows:
            self.tally.tell("ok", name, time.monotonic() - begun)
        if bad:
            self.tally.show(" ".join(argv), text)

    @staticmethod
    def tap_rows(path):
        """Check's TAP lines, "ok 3 - file.c:case:test: Passed", by test; a test that runs over a
        table has a line per row, and is one test."""
        rows = {}
        try:
            with open(path, encoding="utf-8", errors="replace") as f:
                lines = f.read().splitlines()
        except OSError:
            return rows
        for line in lines:
            match = re.match(r"(not )?ok \d+ - [^:]*:([^:]*):([^:]*): ?(.*)", line)
            if match:
                rows.setdefault(match[3], []).append((not match[1], match[4]))
        return rows

    def ctest(self, folder):
        text = subprocess.run(["ctest", "--test-dir", folder, "--show-only=json-v1"],
            check=True, stdout=subprocess.PIPE).stdout
        tests = [(t["name"], t["command"]) for t in json.loads(text)["tests"] if t.get("command")]
        if not tests:
            self.tally.tell("FAIL", "unit tests", why=f"ctest knows none in {folder}")
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for future in [pool.submit(self.program, *test) for test in sorted(tests)]:
                future.result()
        self.leftovers("unit tests")

    # -- unittest modules

    def module(self, what):
        path = what.split(":")[0]
        short = re.sub(r"^test_|\.py$", "", os.path.basename(path))
        if self.late(f"{short}: module"):
            return
        seconds = self.seconds((self.own_timeout(path) or self.options.timeout) * (self.options.patience or max(2.0, patience())))
        reader, writer = os.pipe()
        rows, log = [], tempfile.TemporaryFile()
        follower = threading.Thread(target=self.follow, args=(reader, short, rows, log))
        follower.start()
        begun = time.monotonic()
        env = dict(os.environ, PYTHONDONTWRITEBYTECODE="1", PYTHONUNBUFFERED="1")
        argv = [sys.executable, os.path.abspath(__file__), "--inside", str(writer), what]
        status = self.run((OWN_NETWORK if self.options.own_network else []) + argv, env, seconds, log, (writer,))
        os.close(writer)
        follower.join(5)
        failed = any(row["outcome"] == "FAIL" for row in rows)
        begun_last = rows[-1]["name"] if rows and rows[-1]["outcome"] == "begin" else None
        if status is None:
            failed = True
            self.tally.tell("FAIL", f"{short}: {begun_last or 'module'}", why=self.why_over(seconds))
        elif status != 0 and not failed:
            failed = True
            self.tally.tell("FAIL", f"{short}: {begun_last or 'module'}", why=f"exit status {status}")
        elif not any(row["outcome"] != "begin" for row in rows):
            failed = True
            self.tally.tell("FAIL", f"{short}: module", why="it has no tests")
        if failed:
            log.seek(0)
            self.tally.show(f"output of {what}, {time.monotonic() - begun:.0f} s", log.read())
        log.close()

    def follow(self, reader, short, rows, log):
        """Reads what the module's process says, a JSON object per line, as it says it."""
        with os.fdopen(reader, encoding="utf-8", errors="replace") as f:
            before = time.monotonic()
            for line in f:
                row, now = json.loads(line), time.monotonic()
                if row["outcome"] == "step":
                    self.tally.step(short, row["name"], now - before)
                    before = now
                    continue
                before = now
                rows.append(row)
                if row["outcome"] == "begin":
                    continue
                self.tally.tell(row["outcome"], f"{short}: {row['name']}", row.get("seconds"),
                    row.get("why", ""))
                if row.get("trace"):
                    self.tally.show(row["name"], row["trace"])

    @staticmethod
    def own_timeout(path):
        """TIMEOUT = number at the module's top, read without running it."""
        try:
            with open(path, encoding="utf-8") as f:
                tree = ast.parse(f.read(), path)
        except (OSError, SyntaxError, UnicodeDecodeError):
            return None  # the module's own process says what is wrong with it
        for node in tree.body:
            if (isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
                    and node.targets[0].id == "TIMEOUT" and isinstance(node.value, ast.Constant)):
                return float(node.value.value)
        return None

    def modules(self, paths):
        # The longest first, as far as they say so: the last one then does not run alone.
        paths = sorted(paths, key=lambda path: -(self.own_timeout(path.split(":")[0]) or 0))
        with concurrent.futures.ThreadPoolExecutor(self.options.jobs) as pool:
            for future in [pool.submit(self.module, path) for path in paths]:
                future.result()
        self.leftovers("modules")

    def leftovers(self, what):
        left = end_orphans(self.running)
        if left:
            self.tally.tell("FAIL", f"{what}: leave no process", why=", ".join(left))


class Reporter(unittest.TestResult):
    """The result of one module, written as lines of JSON to a descriptor."""

    def __init__(self, out):
        super().__init__()
        self.out = out
        self.begun = 0.0
        self.told = False

    def say(self, **row):
        self.out.write(json.dumps(row) + "\n")
        self.out.flush()

    @staticmethod
    def name(test):
        text = test.id() if hasattr(test, "id") else str(test)
        return text.split(".", 1)[1] if text.count(".") > 1 else text

    def tell(self, outcome, test, why="", trace=""):
        self.told = True
        self.say(outcome=outcome, name=self.name(test), why=why, trace=trace,
            seconds=time.monotonic() - self.begun)

    def startTest(self, test):
        super().startTest(test)
        print(f"==== {self.name(test)}", flush=True)
        self.begun, self.told = time.monotonic(), False
        self.say(outcome="begin", name=self.name(test))

    def addSuccess(self, test):
        if not self.told:
            self.tell("ok", test)

    def addSkip(self, test, reason):
        self.tell("skip", test, reason)

    def fail(self, test, err):
        super().addError(test, err)
        self.tell("FAIL", test, f"{err[0].__name__}: {str(err[1]).splitlines()[0] if str(err[1]) else ''}"[:300],
            self._exc_info_to_string(err, test))

    addError = addFailure = fail

    def addSubTest(self, test, subtest, err):
        if err:
            self.fail(subtest, err)
            self.told = True

    def addExpectedFailure(self, test, err):
        self.tell("skip", test, "expected to fail")

    def addUnexpectedSuccess(self, test):
        self.tell("FAIL", test, "passed, but is marked as an expected failure")


def inside(descriptor, what):
    """In the module's own process: runs its tests."""
    path, _, test = what.partition(":")
    folder, name = os.path.split(os.path.abspath(path))
    sys.path.insert(0, folder)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    # SIGTERM as KeyboardInterrupt, so that tearDown and context managers clean up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with os.fdopen(descriptor, "w", encoding="utf-8") as out:
        os.set_inheritable(descriptor, False)
        os.environ["PLATEN_STEPS"] = str(descriptor)  # for this process alone: a test may tell of its steps
        reporter = Reporter(out)
        suite = unittest.defaultTestLoader.loadTestsFromName(name[:-3] + ("." + test if test else ""))
        suite.run(reporter)
        left = end_orphans({})
        if left:
            reporter.say(outcome="FAIL", name="leaves no process", why=", ".join(left))
            return 1
    return 0 if not reporter.errors and not reporter.failures else 1


def main():
    parser = argparse.ArgumentParser(description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budget", type=float, default=1200)
    parser.add_argument("--timeout", type=float, default=300)
    parser.add_argument("--patience", type=float)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--valgrind", action="store_true")
    parser.add_argument("--own-network", action="store_true")
    parser.add_argument("--tally")
    parser.add_argument("kind", choices=("checks", "ctest", "modules"))
    parser.add_argument("what", nargs="+")
    options = parser.parse_args()

    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    runner = Runner(options)

    def on_signal(number, frame):
        runner.stop()
        end_orphans({})
        os._exit(128 + number)

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, on_signal)
    if options.kind == "checks":
        for word in options.what:
            runner.check(*word.split("=", 1))
    elif options.kind == "ctest":
        runner.ctest(options.what[0])
    else:
        runner.modules(options.what)
    tally = runner.tally
    if options.tally:
        with open(options.tally, "a", encoding="ascii") as f:
            f.write(f"{tally.passed} {tally.failed} {tally.skipped}\n")
    else:
        print(f"{tally.passed} passed, {tally.failed} failed")
    return 1 if tally.failed else 0


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "--inside":
        sys.exit(inside(int(sys.argv[2]), sys.argv[3]))
    sys.exit(main())
