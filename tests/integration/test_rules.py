# SPDX-License-Identifier: Apache-2.0
"""The rules that tests/run checks are really checked, and manuals say what the programs know."""
import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

BUILD = os.environ["PLATEN_BUILD"]
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TESTS = os.path.join(SOURCE, "tests")


def run(*words, **more):
    return subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, check=False, timeout=60, **more)


def read(*path):
    with open(os.path.join(SOURCE, *path), encoding="utf-8") as f:
        return f.read()


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="rules")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, path, text):
        path = os.path.join(self.folder, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        return path


class Includes(Case):
    # A file, what it includes, and whether it may.
    ROWS = (
        ("proto/base/a.c", '"proto/base/text.h"', True),
        ("proto/base/a.c", '"proto/limits.h"', False),
        ("proto/a.c", '"proto/base/text.h"', True),
        ("proto/a.c", '"host/host.h"', False),
        ("proto/a.c", '"platen.pb-c.h"', False),
        ("proto/message-decode.c", '"platen.pb-c.h"', True),
        ("proto/message-encode.c", '"platen.pb-c.h"', True),
        ("host/a.c", '"proto/message.h"', True),
        ("host/a.c", '"guest/agent.h"', False),
        ("host/a.c", "<libvirt/libvirt.h>", False),
        ("host/a.c", "<cups/cups.h>", False),
        ("host/virt/a.c", "<libvirt/libvirt.h>", True),
        ("host/virt/a.c", "<cups/cups.h>", False),
        ("host/spool/a.c", "<cups/http.h>", True),
        ("host/spool/a.c", "  <libvirt/libvirt.h>", False),
        ("host/a.c", '"worker.h"', False),
        ("guest/a.c", '"host/host.h"', False),
        ("guest/a.c", "<cups/cups.h>", False),
        ("guest/queues/a.c", "<cups/cups.h>", True),
        ("proto/a.c", "<cups/cups.h>", False),
        ("proto/ipp/a.c", "<cups/cups.h>", True),
        ("proto/a.c", '"proto/ipp/exchange.h"', False),
        ("guest/a.c", '"proto/ipp/exchange.h"', False),
        ("guest/queues/a.c", '"proto/ipp/exchange.h"', True),
        ("drivers-fetch/a.c", '"proto/base/fetch.h"', True),
        ("drivers-fetch/a.c", '"proto/message.h"', False),
        ("host/a.c", '"tests/unit/pair.h"', False),
        ("tests/unit/a.c", '"host/host.h"', True),
    )

    def test_each_rule(self):
        for path, name, may in self.ROWS:
            with self.subTest(f"{path}: {name}"):
                shutil.rmtree(os.path.join(self.folder, path.split("/")[0]), ignore_errors=True)
                self.write(path, f"#include <stdio.h>\n#include {name}\n")
                result = run(os.path.join(TESTS, "check-includes"), self.folder)
                self.assertEqual(result.returncode == 0, may, result.stdout)
                if not may:
                    self.assertIn(f"{path}:2: ", result.stdout)
                os.unlink(os.path.join(self.folder, path))

    def test_nothing_there(self):
        self.assertEqual(run(os.path.join(TESTS, "check-includes"), self.folder).returncode, 1)


class Links(Case):
    def test_a_wrong_library_shows(self):
        """platen-spool links libcups; in the place of platen-channel that is a fault."""
        check = os.path.join(TESTS, "check-links")
        for path in glob.glob(os.path.join(BUILD, "platen*")):
            if os.path.isfile(path):
                shutil.copy(path, self.folder)
        self.assertEqual(run(check, self.folder).stdout, "")
        shutil.copy(os.path.join(BUILD, "platen-spool"), os.path.join(self.folder, "platen-channel"))
        result = run(check, self.folder)
        self.assertEqual(result.returncode, 1)
        self.assertIn("platen-channel: links libcups.so.2", result.stdout)
        os.unlink(os.path.join(self.folder, "platend"))
        self.assertIn("platend: not built", run(check, self.folder).stdout)


class Files(Case):
    def copy(self):
        os.makedirs(os.path.join(self.folder, "tests"))
        shutil.copy(os.path.join(TESTS, "check-files"), os.path.join(self.folder, "tests"))
        shutil.copy(os.path.join(SOURCE, ".clang-format"), self.folder)
        return os.path.join(self.folder, "tests", "check-files")

    def test_each_rule(self):
        check = self.copy()
        self.write("host/a.c", "/* SPDX-License-Identifier: Apache-2.0 */\nint a;\n")
        for rule in ("format", "spdx", "top"):
            self.assertEqual(run(check, rule).returncode, 0, run(check, rule).stdout)
        self.write("host/b.c", "int  b;\n")
        self.write("src/c.c", "/* SPDX-License-Identifier: Apache-2.0 */\n")
        self.write("packaging/man/d.8", ".Dd today\n.Dt D 8\n.Os\n.Sh NAME\n.Xx\n")
        for rule, says in (("format", "host/b.c:1"), ("spdx", "host/b.c: no line"),
                ("top", "src: does not belong"), ("manuals", "man/d.8:")):
            result = run(check, rule)
            self.assertNotEqual(result.returncode, 0, rule)
            self.assertIn(says, result.stdout)
        self.assertEqual(run(check, "paper").returncode, 2)


class Runner(Case):
    """A failing, hanging or untidy test is told, counted, and ended."""

    def runner(self, text, *options):
        path = self.write("test_x.py", text)
        return run(sys.executable, os.path.join(TESTS, "runner.py"), *options, "modules", path)

    def test_counts(self):
        result = self.runner("""
import unittest
class T(unittest.TestCase):
    def test_good(self): pass
    def test_bad(self): print("seen"); self.assertEqual(1, 2)
    def test_skip(self): self.skipTest("why not")
    def test_sub(self):
        for i in range(3):
            with self.subTest(i): self.assertNotEqual(i, 1)
""")
        self.assertIn("ok   x: T.test_good\n", result.stdout)
        self.assertIn("FAIL x: T.test_bad", result.stdout)
        self.assertIn("| seen", result.stdout)
        self.assertIn("skip x: T.test_skip: why not\n", result.stdout)
        self.assertTrue(result.stdout.endswith("\n1 passed, 2 failed\n"), result.stdout)
        self.assertEqual(result.returncode, 1)

    def test_hangs(self):
        result = self.runner("""
import unittest, time
TIMEOUT = 1
class T(unittest.TestCase):
    def tearDown(self): print("cleaned up", flush=True)
    def test_a(self): pass
    def test_b(self): time.sleep(600)
""")
        self.assertRegex(result.stdout, r"FAIL x: T.test_b: not over after \d+ s")  # more on a busy machine
        self.assertIn("| cleaned up", result.stdout)
        self.assertTrue(result.stdout.endswith("\n1 passed, 1 failed\n"), result.stdout)

    def test_leaves_a_process(self):
        result = self.runner("""
import unittest, subprocess
class T(unittest.TestCase):
    def test_a(self): subprocess.Popen(["sleep", "600"], start_new_session=True)
""")
        self.assertRegex(result.stdout, r"FAIL x: leaves no process: sleep \(\d+\)")
        pid = re.search(r"sleep \((\d+)\)", result.stdout)[1]
        self.assertFalse(os.path.exists(f"/proc/{pid}"))

    def test_dies(self):
        for text in ("import os; os._exit(0)", "import nothing_of_that_name", "x = 1", "("):
            result = self.runner(text)
            self.assertEqual(result.returncode, 1, text)
            self.assertRegex(result.stdout, r"\n?\d passed, [12] failed\n$")

    def test_budget(self):
        result = self.runner("import unittest\nclass T(unittest.TestCase):\n  def test_a(self): pass\n",
            "--budget", "0")
        self.assertIn("FAIL x: module: not begun", result.stdout)


class Manuals(Case):
    """What a program knows is in its manual, and the other way round."""

    def keys(self, path, pattern):
        return sorted(re.findall(pattern, read(path), re.M))

    def test_settings(self):
        for source, manual, example, section in (
                ("host/config.c", "platen.conf.5", "platen.conf", "[host]"),
                ("guest/config.c", "platen-agent.conf.5", "platen-agent.conf", "[agent]")):
            text = read(source)
            known = re.findall(r'^\t\{"([a-z-]+)", ', text, re.M)
            known += re.findall(r'strcmp\(name, "([a-z-]+)"\) == 0', text)
            said = re.findall(r"^\.It Cm ([a-z-]+) Ns =", read("packaging/man", manual), re.M)
            self.assertEqual(sorted(known), sorted(said), manual)
            shown = re.findall(r"^#?([a-z-]+) = ", read("packaging", example), re.M)
            self.assertEqual(sorted(shown), sorted(said), example)
            self.assertIn(section, read("packaging", example))

    def test_examples_are_in_order(self):
        """As they are, and with every comment sign of a setting taken away."""
        text = read("packaging/platen.conf")
        for text in (text, re.sub(r"^#(?=[a-z\[])", "", text, flags=re.M)):
            result = run(os.path.join(BUILD, "platend"), "--check", "-c", self.write("platen.conf", text))
            self.assertEqual(result.returncode, 0, result.stdout)

    def test_defaults(self):
        """A value that an example has as the default is the default."""
        for source, example in (("host/config.c", "platen.conf"), ("guest/config.c", "platen-agent.conf")):
            text = read(source) + read("proto/limits.h")
            head = read("packaging", example).split("[workspace")[0]
            for key, value in re.findall(r"^#([a-z-]+) = (.*)$", head, re.M):
                value = value.rsplit("org.platen.0")[0]
                self.assertIn(value, text, f"{example}: {key}")

    def test_each_program_has_one(self):
        names = {os.path.basename(p).rsplit(".", 1)[0] for p in glob.glob(SOURCE + "/packaging/man/*")}
        programs = re.findall(r"^platen_program\(([a-z-]+)", read("CMakeLists.txt"), re.M)
        self.assertGreater(len(programs), 8)
        # The notifier has no life of its own: platen-spool(8) tells of it.
        self.assertEqual(set(programs) - {"platen-notifier"} - names, set())

    def test_opens_with_what_it_may_not(self):
        for path in glob.glob(SOURCE + "/packaging/man/*"):
            first = re.split(r"^\.Pp$|^\.Sh", read(path).split(".Sh DESCRIPTION\n")[1], flags=re.M)[0]
            self.assertTrue(first.startswith(".Nm\nmay not "), path)

    def test_exit_codes(self):
        """Those of platenctl(1), of its help, and of ctl.h are the same numbers."""
        enum = re.search(r"enum ctl_exit \{(.*?)\};", read("host/ctl/ctl.h"), re.S)[1]
        codes = sorted(re.findall(r"= (\d)", enum))
        manual = read("packaging/man/platenctl.1").split(".Sh EXIT STATUS")[1].split(".Sh ")[0]
        self.assertEqual(sorted(re.findall(r"^\.It (\d)", manual, re.M)), codes)
        help_text = run(os.path.join(BUILD, "platenctl"), "--help").stdout.split("Exit codes:")[1]
        self.assertEqual(sorted(re.findall(r"\b(\d) [a-z]", help_text)), codes)

    def test_readme(self):
        """One screen before the details; what it links to, and commands that it tells, exist."""
        text = read("README.md")
        self.assertLessEqual(text.split("\n---\n")[0].count("\n"), 45)
        for path in re.findall(r"\]\(([^)#]+)\)", text):
            self.assertTrue(os.path.exists(os.path.join(SOURCE, path)), path)
        for path in re.findall(r"sudo ([a-z/-]+/[a-z/-]+)", text):
            self.assertTrue(os.access(os.path.join(SOURCE, path), os.X_OK), path)
        heads = [re.sub(r" ", "-", head.lower()) for head in re.findall(r"^## (.*)$", text, re.M)]
        for anchor in re.findall(r"\]\(#([^)]+)\)", text):
            self.assertIn(anchor, heads)

    def test_options(self):
        """Each option that a program's help names is in its manual."""
        for program in ("platend", "platen-agent", "platen-fetch", "platenctl"):
            manual = glob.glob(f"{SOURCE}/packaging/man/{program}.[18]")[0]
            said = set(re.findall(r"Fl -([a-z-]+)", read(manual)))
            help_text = run(os.path.join(BUILD, program), "--help").stdout
            self.assertEqual(set(re.findall(r"--([a-z-]+)", help_text)) - said, set(), program)


if __name__ == "__main__":
    unittest.main()
