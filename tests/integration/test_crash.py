# SPDX-License-Identifier: Apache-2.0
"""The crash tier's own eyes: what it says of documents that were lost, doubled or cut on purpose."""
import os
import pathlib
import signal
import subprocess
import sys
import unittest

from harness import wait_for
from patience import patience

CRASH = pathlib.Path(__file__).resolve().parent.parent / "crash"
sys.path.insert(0, str(CRASH))
from judge import COMPLETED, HELD, PROCESSING, judge, runs_of_the_spooler  # noqa: E402

LOG = """D [x] [Job 5] Released by "box".
I [x] [Job 5] Released by "box".
I [x] [Job 5] Started backend /l/socket (PID 100)
I [x] [Job 5] Started backend /l/socket (PID 200)
I [x] [Job 15] Started backend /l/socket (PID 300)
"""


class JudgeTest(unittest.TestCase):
    def test_verdicts(self):
        whole = b"abc"
        for copies, state, verdict in (
                ([whole], COMPLETED, "once"), ([whole], None, "once"), ([whole], HELD, "asked"), ([], HELD, "asked"),
                ([], COMPLETED, "lost"), ([], None, "lost"), ([], 7, "lost"), ([whole, whole], COMPLETED, "doubled"),
                ([whole, whole], HELD, "doubled"), ([b"ab"], COMPLETED, "half"), ([b"ab"], HELD, "half"),
                ([whole, b"ab"], COMPLETED, "half"), ([b""], COMPLETED, "half"), ([b"abcabc"], COMPLETED, "half"),
                ([b"abd"], COMPLETED, "half"), ([], PROCESSING, "unfinished"), ([whole], 3, "unfinished")):
            with self.subTest(copies=copies, state=state):
                self.assertEqual(judge(whole, copies, state), verdict)

    def test_the_spoolers_own_runs(self):
        log = LOG.replace('D [x] [Job 5] Released by "box".\n', "")
        self.assertEqual(len(runs_of_the_spooler(["t.5.100", "t.5.200"], log)), 3)
        for names, text, why in (
                (["t.5.100", "t.6.200"], log, "two jobs of the host"),
                (["t.5.100", "t.5.100.again"], log, "the device repeated it"),
                (["t.5.100", "t.5.300"], log, "the second run is another job's"),
                (["t.5.100", "t.5.400"], log, "cupsd did not begin the second run"),
                (["t.5.100", "t.5.200"], LOG, "it was released twice"),
                (["t.5.100", "t.5.200"], log + 2 * 'I [x] [Job 5] Queued on "one" by "box".\n', "it was made twice"),
                (["t.5.100", "t.5.200"], log.replace("Released", "Restarted"), "somebody restarted it")):
            with self.subTest(why):
                self.assertEqual(runs_of_the_spooler(names, text), [])


class ControlTest(unittest.TestCase):
    def test_a_promise_broken_on_purpose_is_noticed(self):
        p = subprocess.run([CRASH / "run", "--control"], capture_output=True, text=True, timeout=120, env=os.environ)
        self.assertEqual(p.returncode, 0, p.stdout + p.stderr)
        for line in ("nothing: once", "truncate: half", "drop: lost", "repeat: doubled", "again: respooled"):
            self.assertIn(f"control: {line}\n", p.stdout)
        self.assertIn("printed again, or as another type, by a spooler itself: 1\n", p.stdout)
        self.assertTrue(p.stdout.endswith("submitted 5, printed exactly once 1, lost 1, doubled 1, half 1, asked 0\n"), p.stdout)


class EndedTest(unittest.TestCase):
    """A run that is ended says what it found so far, and leaves nothing behind."""

    def ended(self, number, *options):
        # As a shell starts `run &`, which ignores SIGINT then; a session of its own, to find all that is left of it.
        p = subprocess.Popen([CRASH / "run", "--points", "500", "--only", "backend", *options], stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, start_new_session=True,
                             preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
        self.addCleanup(p.stdout.close)
        self.addCleanup(p.kill)
        for line in p.stdout:
            if " documents, " in line:
                break
        p.send_signal(number)
        said = p.communicate(timeout=120 * patience())[0]
        self.assertNotIn("Traceback", said)
        self.assertIn(f"ended by {number.name}\n", said)
        self.assertRegex(said.splitlines()[-1], r"^submitted \d+, printed exactly once \d+, lost 0, doubled 0, half 0, asked \d+$")
        self.assertEqual(p.returncode, 128 + number, said)

        def left():
            rows = subprocess.run(["ps", "-o", "stat=,args=", "-s", str(p.pid)], capture_output=True, text=True).stdout.splitlines()
            return [row for row in rows if row[0] != "Z"]
        wait_for(lambda: not left(), "nothing of it to be left; a killed one may wait for a disk", 10)

    def test_by_a_person(self):
        self.ended(signal.SIGINT)

    def test_by_whoever_started_it(self):
        self.ended(signal.SIGTERM, "--jobs", "2")


if __name__ == "__main__":
    unittest.main()
