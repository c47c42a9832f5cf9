# SPDX-License-Identifier: Apache-2.0
"""platenctl at a terminal, in a pipe and in a shell's completion.

The other end is a small stand-in of the control socket with fixed answers, for what is looked at
here is how they are shown. What the real platend answers is tested in its own modules.
"""
import json
import os
import pathlib
import pty
import re
import socket
import shutil
import stat
import subprocess
import tempfile
import threading
import time
import unittest

BUILD = os.environ["PLATEN_BUILD"]
SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PLATENCTL = os.path.join(BUILD, "platenctl")

TODAY = int(time.time())
LONG_AGO = 1577880000  # 2020-01-01 12:00 UTC

DATA = {
    "status": {
        "version": "0.1.0", "host": "alpha", "mode": "network",
        "libvirt": {"up": True, "text": "libvirt 9.0.0, qemu:///system"},
        "spooler": {"up": False, "text": "no cupsd at /run/cups/cups.sock"},
        "counts": {"workspaces": 3, "connected": 2, "printers": 12, "drivers": 11, "jobs": 1},
        "faults": ["spooler: no cupsd at /run/cups/cups.sock"],
    },
    "workspaces": {"workspaces": [
        {"name": "win11", "uuid": "5f1a1d0c-7d38-4a0e-9a3f-0d1c6f2b7a11", "state": "running",
         "mode": "all", "mode_from": "workspace", "owner": "alice", "channel": "virtio",
         "link": "connected", "agent": "platen-agent 0.1.0", "offered": 3, "ready": 2, "jobs": 1,
         "text": "", "restart": "to restart, for splix", "kept": {"options": 12, "jobs": 0, "connections": 3, "lines": 0}},
        {"name": "Büro", "uuid": "5f1a1d0c-7d38-4a0e-9a3f-0d1c6f2b7a12", "state": "shut-off",
         "mode": "network", "mode_from": "host", "owner": "B_ro", "channel": "none",
         "link": "no-channel", "agent": "", "offered": 0, "ready": 0, "jobs": 0,
         "text": "the domain has no Platen channel"},
    ]},
    "printers": {"workspace": None, "printers": [
        {"name": "office", "kind": "network", "state": "idle", "accepting": True,
         "driver": "server", "driver_sha256": "ab" * 32, "driver_text": "from print.example",
         "info": "Office", "location": "2nd floor", "make_model": "Vendor 9000", "offered": None,
         "guest": "-", "text": ""},
        {"name": "old", "kind": "local", "state": "stopped", "accepting": False,
         "driver": "missing", "driver_sha256": "", "driver_text": "no source has a driver",
         "info": "", "location": "", "make_model": "", "offered": None, "guest": "-", "text": "x"},
    ]},
    "printers win11": {"workspace": "win11", "printers": [
        {"name": "office", "kind": "network", "state": "processing", "accepting": True,
         "driver": "server", "driver_sha256": "ab" * 32, "driver_text": "", "info": "",
         "location": "", "make_model": "", "offered": True, "guest": "name-taken",
         "text": "a queue of that name was made by hand"},
        {"name": "usb", "kind": "local", "state": "idle", "accepting": True, "driver": "host",
         "driver_sha256": "cd" * 32, "driver_text": "", "info": "", "location": "",
         "make_model": "", "offered": False, "guest": "-", "text": "local, and mode is network"},
    ]},
    "jobs": {"jobs": [
        {"name": "0a1b2c3d/1", "uuid": "0a1b2c3d-0000-4000-8000-000000000001", "file": 1, "workspace": "win11",
         "printer": "office", "host_job": 41, "title": "Rechnung März.pdf", "user": "bob",
         "owner": "alice", "phase": "transfer", "bytes": 524288, "size": 1048576, "pages": 0,
         "opened": TODAY, "ended": 0, "text": "waiting for the host"},
        {"name": "0a1b2c3d/12", "uuid": "0a1b2c3d-0000-4000-8000-000000000002", "file": 12, "workspace": "win11",
         "printer": "office", "host_job": 0, "title": "", "user": "bob", "owner": "alice",
         "phase": "completed", "size": 999, "pages": 7, "opened": LONG_AGO, "ended": LONG_AGO,
         "text": ""},
    ]},
    "job win11": {"workspace": "win11", "uuid": "0a1b2c3d-0000-4000-8000-000000000001", "file": 1, "action": "retry",
                  "printer": "office", "title": "a\tb", "guest_job": 7, "told": False, "text": "it is away"},
    "mode": {"workspace": None, "mode": "network", "mode_from": "host"},
    "mode win11": {"workspace": "win11", "mode": "all", "mode_from": "workspace"},
    "mode Büro": {"workspace": "Büro", "mode": "network", "mode_from": "host"},
    "attach win11": {"text": "attached, in force now", "live": True},
    "detach win11": {"text": "detached; libvirt cannot do it live: shut the workspace down and start it", "live": False},
    "doctor": {"checks": [
        {"link": "libvirt", "workspace": None, "state": "ok", "text": "libvirt 9.0.0", "fix": ""},
        {"link": "agent", "workspace": "win11", "state": "fault", "text": "no agent answers",
         "fix": "in the workspace: install platen-guest"},
        {"link": "queues", "workspace": "win11", "state": "skipped", "text": "", "fix": ""},
    ]},
    "explain usb win11": {
        "printer": "usb", "workspace": "win11", "offered": False, "fix": "`platenctl mode win11 all`",
        "steps": [{"state": "ok", "text": "the host's spooler has it"},
                  {"state": "no", "text": "mode is network: local printers are not offered"}]},
}


class Platend:
    """Answers each connection with the data for its verb and names, as host/control.c does."""

    def __init__(self, folder, data, progress=()):
        self.path = os.path.join(folder, "control")
        self.data, self.progress = data, progress
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            connection, _ = self.listener.accept()
            with connection:
                line = connection.makefile("rb").readline(4096)
                if not line:
                    return  # close() came to end us
                request = json.loads(line)
                words = [request["verb"]] + [request[k] for k in ("printer", "workspace") if request.get(k)]
                for text in self.progress:
                    connection.sendall(json.dumps({"progress": text}).encode() + b"\n")
                answer = self.data.get(" ".join(words))
                connection.sendall(json.dumps(
                    {"ok": True, "data": answer} if answer is not None else
                    {"ok": False, "code": "not-found", "error": f"no workspace named {words[-1]}",
                     "hint": "`platenctl workspaces` lists them"}).encode() + b"\n")

    def close(self):
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(self.path)
        self.thread.join()
        self.listener.close()
        os.unlink(self.path)


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="ctl")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def platend(self, data=None, progress=()):
        platend = Platend(self.folder, DATA if data is None else data, progress)
        self.addCleanup(platend.close)
        return platend

    def environment(self, **more):
        return {"PATH": f"{BUILD}:/usr/sbin:/usr/bin:/sbin:/bin", "TZ": "UTC", "LC_ALL": "C",
            "PLATEN_CONTROL": os.path.join(self.folder, "control"), **more}

    def ctl(self, *words, env=None, program=PLATENCTL, **more):
        return subprocess.run([program, *words], env=env or self.environment(),
            stdin=subprocess.DEVNULL, stdout=more.pop("stdout", subprocess.PIPE),
            stderr=subprocess.PIPE, text=True, timeout=30, check=False, **more)

    def at_terminal(self, *words, **env):
        """What a terminal gets."""
        master, slave = pty.openpty()
        process = subprocess.Popen([PLATENCTL, *words], env=self.environment(**env),
            stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        text = b""
        while True:
            try:
                piece = os.read(master, 65536)
            except OSError:  # EIO: the last one has closed it
                break
            if not piece:
                break
            text += piece
        os.close(master)
        process.wait(30)
        return text.decode()


class Shown(Case):
    """Each verb's answer as a person reads it; columns line up, exit codes say how it is."""

    WANT = {
        "status": (0, """\
platend 0.1.0 on alpha, mode network
  libvirt     up    libvirt 9.0.0, qemu:///system
  spooler     down  no cupsd at /run/cups/cups.sock
  workspaces  3, 2 connected
  printers    12, 11 with a driver
  jobs        1 on their way
  fault       spooler: no cupsd at /run/cups/cups.sock
"""),
        "workspaces": (0, """\
NAME   STATE     MODE       CHANNEL  LINK        PRINTERS  JOBS  OWNER  NOTE
win11  running   all (own)  virtio   connected   2/3       1     alice  platen-agent 0.1.0
    to restart, for splix; kept from it: 12 options that are not a workspace's to set, 3 connections beyond a quota
Büro   shut-off  network    none     no-channel  0/0       0     B_ro   the domain has no Platen channel
"""),
        "printers": (0, """\
NAME    KIND     STATE               DRIVER   MODEL        LOCATION   NOTE
office  network  idle                server   Vendor 9000  2nd floor  -
old     local    stopped, rejecting  missing  -            -          driver-missing: no source has a driver
"""),
        "printers win11": (0, """\
NAME    KIND     STATE       DRIVER  OFFERED  THERE       NOTE
office  network  processing  server  yes      name-taken  a queue of that name was made by hand
usb     local    idle        host    no       -           local, and mode is network
"""),
        "jobs": (0, """\
JOB          WORKSPACE  PRINTER  PHASE         HOST JOB  SIZE     PAGES  USER  OWNER  OPENED            TITLE
0a1b2c3d/1   win11      office   transfer 50%  41        1.0 MiB  0      bob   alice  TODAY             Rechnung März.pdf
    waiting for the host
0a1b2c3d/12  win11      office   completed     -         999 B    7      bob   alice  2020-01-01 12:00  -
"""),
        "job retry win11 0a1b": (0, "a\\x09b (office): sent again; it is away (`lp -i 7 -H resume` there)\n"),
        "mode": (0, "host's default: network\n"),
        "mode --default": (0, "host's default: network\n"),
        "mode win11": (0, "win11: all\n"),
        "mode win11 all": (0, "win11: all\n"),
        "mode Büro": (0, "Büro: network (the host's default)\n"),
        "attach win11": (0, "win11: attached, in force now\n"),
        "detach win11": (0, "win11: detached; libvirt cannot do it live: shut the workspace down and start it\n"),
        "doctor": (1, """\
STATE    LINK     WORKSPACE  FOUND
ok       libvirt  -          libvirt 9.0.0
fault    agent    win11      no agent answers
    in the workspace: install platen-guest
skipped  queues   win11      -

1 fault
"""),
        "explain usb win11": (1, """\
usb is not offered to win11
  ok  the host's spooler has it
  no  mode is network: local printers are not offered
What to do: `platenctl mode win11 all`
"""),
    }

    def test_tables(self):
        self.platend()
        for line, (code, want) in self.WANT.items():
            with self.subTest(line):
                run = self.ctl(*line.split())
                shown = re.sub(r"\d\d:\d\d:\d\d ", "TODAY    ", run.stdout)
                self.assertEqual((shown, run.stderr), (want, ""))
                self.assertEqual(run.returncode, code)

    def test_json_is_the_data(self):
        self.platend()
        for line, (code, _) in self.WANT.items():
            key = line.replace(" retry win11 0a1b", " win11").replace(" --default", "").replace(" win11 all", " win11")
            with self.subTest(line):
                run = self.ctl("--json", *line.split())
                self.assertEqual(json.loads(run.stdout), DATA[key])
                self.assertTrue(run.stdout.isascii())
                self.assertEqual(run.returncode, code)
                self.assertEqual(self.ctl(*line.split(), "--json").stdout, run.stdout)

    def test_nothing_to_show(self):
        self.platend({"workspaces": {"workspaces": []}, "printers": {"printers": []},
            "jobs": {"jobs": []}})
        self.assertIn("platenctl attach", self.ctl("workspaces").stdout)
        self.assertIn("platenctl doctor", self.ctl("printers").stdout)
        self.assertEqual(self.ctl("jobs").stdout, "no jobs on their way\n")

    def test_fault_has_a_hint(self):
        self.platend()
        run = self.ctl("printers", "nobody")
        self.assertEqual(run.returncode, 5)
        self.assertEqual(run.stdout, "")
        self.assertEqual(run.stderr,
            "platenctl: no workspace named nobody\n  `platenctl workspaces` lists them\n")

    def test_progress_on_stderr(self):
        self.platend(progress=("asking libvirt", "waiting for the agent"))
        run = self.ctl("attach", "win11")
        self.assertEqual(run.stdout, "win11: attached, in force now\n")
        self.assertEqual(run.stderr, "asking libvirt\nwaiting for the agent\n")
        self.assertEqual(self.ctl("attach", "win11", "--json").stderr, "")


class Terminal(Case):
    """Colour where it is wanted and nowhere else; nothing else of an escape sequence, ever."""

    def test_colour(self):
        self.platend()
        self.assertIn("\033[32mup\033[0m", self.at_terminal("status", TERM="xterm"))
        self.assertIn("\033[31mfault\033[0m", self.at_terminal("doctor", TERM="xterm"))
        plain = self.ctl("status").stdout
        for env in ({"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}, {}):
            self.assertEqual(self.at_terminal("status", **env).replace("\r", ""), plain)
        self.assertNotIn("\033", self.ctl("status", env=self.environment(TERM="xterm")).stdout)
        # no-color.org: an empty NO_COLOR is none.
        self.assertIn("\033[32m", self.at_terminal("status", TERM="xterm", NO_COLOR=""))

    def test_colour_does_not_shift(self):
        self.platend()
        for line in ("workspaces", "printers", "doctor"):
            coloured = self.at_terminal(line, TERM="xterm").replace("\r", "")
            self.assertEqual(re.sub(r"\033\[[0-9]*m", "", coloured), self.ctl(line).stdout)

    def test_hostile_text(self):
        evil = "\033]0;owned\007\033[2J\u009b31m\u202e\r\nroot#"
        hostile = json.loads(json.dumps(DATA).replace("win11", json.dumps(evil)[1:-1]))
        data = {key.replace(evil, "win11"): value for key, value in hostile.items()}
        data["jobs"]["jobs"][0]["title"] = data["status"]["host"] = evil
        data["status"]["faults"] = [evil]
        self.platend(data, progress=(evil,))
        for line in Shown.WANT:
            shown = self.at_terminal(*line.split())
            self.assertNotRegex(shown, "[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]", line)
            self.assertNotRegex(shown, "\r[^\n]|\nroot#", line)
        shown = self.at_terminal("printers", evil)
        self.assertNotRegex(shown, "[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f\u202e]")


class NotThere(Case):
    """platend does not run, is not for us, or is at another place."""

    def test_not_running(self):
        run = self.ctl("status")
        self.assertEqual(run.returncode, 3)
        self.assertEqual(run.stderr,
            f"platenctl: platend does not run: nobody listens at {self.folder}/control "
            "(No such file or directory)\n"
            "  look at `systemctl status platend`; if it listens elsewhere: --socket PATH\n")

    def test_socket_of_a_dead_one(self):
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(os.path.join(self.folder, "control"))
        run = self.ctl("status")
        self.assertEqual(run.returncode, 3)
        self.assertIn("(Connection refused)", run.stderr)

    @unittest.skipIf(os.geteuid() != 0, "needs root to be somebody else")
    def test_not_permitted(self):
        self.platend()
        self.assertFalse(os.stat(self.folder).st_mode & stat.S_IXOTH)
        with tempfile.TemporaryDirectory() as anybodys:  # the build may lie in a home of mode 0700
            os.chmod(anybodys, 0o755)
            program = shutil.copy(PLATENCTL, anybodys)
            run = self.ctl("status", program=program, user=65534, group=65534, extra_groups=[])
        self.assertEqual(run.returncode, 4)
        self.assertIn("Permission denied", run.stderr)

    def test_socket_by_option_and_environment(self):
        platend = self.platend()
        nowhere = self.environment(PLATEN_CONTROL="/nowhere/control")
        self.assertEqual(self.ctl("status", env=nowhere).returncode, 3)
        self.assertEqual(self.ctl("--socket", platend.path, "status", env=nowhere).returncode, 0)
        self.assertEqual(self.ctl("status", f"--socket={platend.path}", env=nowhere).returncode, 0)

    def test_default_socket(self):
        env = self.environment(PLATEN_CONTROL="")
        if not os.path.exists("/run/platen/control"):
            self.assertIn("at /run/platen/control ", self.ctl("status", env=env).stderr)

    def test_closed_without_an_answer(self):
        """As platend does when it has too many clients."""
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.join(self.folder, "control"))
            listener.listen()
            closer = threading.Thread(target=lambda: listener.accept()[0].close())
            closer.start()
            run = self.ctl("status")
            closer.join()
        self.assertEqual(run.returncode, 6)
        self.assertIn("without an answer", run.stderr)

    def test_output_that_cannot_be_written(self):
        self.platend()
        with open("/dev/full", "w", encoding="ascii") as full:
            run = self.ctl("printers", stdout=full)
        self.assertEqual(run.returncode, 7)
        self.assertIn("standard output cannot be written", run.stderr)


class Completion(Case):
    """What a shell offers for a line that is being typed."""

    def bash(self, line):
        script = """
            source "$1"
            shift
            COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
            complete -p platenctl | grep -q -- '-F _platenctl ' || exit 1
            _platenctl
            printf '%s\\n' "${COMPREPLY[@]}"
        """
        run = subprocess.run(["bash", "-c", script, "bash",
            os.path.join(SOURCE, "packaging/completions/platenctl.bash"), *line],
            env=self.environment(LC_ALL="C.UTF-8"), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, check=True, timeout=30)
        self.assertEqual(run.stderr, "")
        return run.stdout.split()

    def test_verbs_are_those_of_the_help(self):
        verbs = re.findall(r"^  ([a-z]+)\b.*\n      ", self.ctl("--help").stdout, re.M)
        self.assertGreater(len(verbs), 8)
        self.assertEqual(self.bash(["platenctl", ""]), verbs)
        self.assertEqual(self.bash(["platenctl", "wo"]), ["workspaces"])
        self.assertEqual(self.bash(["platenctl", "--json", "e"]), ["explain"])
        with open(os.path.join(SOURCE, "packaging/completions/_platenctl"), encoding="utf-8") as f:
            self.assertEqual(re.findall(r"^    '([a-z]+):", f.read(), re.M), verbs)
        with open(os.path.join(SOURCE, "packaging/man/platenctl.1"), encoding="utf-8") as f:
            self.assertEqual(re.findall(r"^\.It Cm ([a-z]+)", f.read(), re.M), verbs)

    def test_options_are_those_of_the_help(self):
        with open(os.path.join(SOURCE, "packaging/completions/_platenctl"), encoding="utf-8") as f:
            zsh = f.read()
        for verb, usage in re.findall(r"^  ([a-z]+)\b(.*)\n      ", self.ctl("--help").stdout, re.M):
            branch = re.search(rf"(?ms)^        (?:[a-z]+\|)*{verb}(?:\|[a-z]+)*\)(.*?);;$", zsh)
            offered = self.bash(["platenctl", verb, "-"])
            for option in re.findall(r"--[a-z]+", usage):
                self.assertIn(option, offered, verb)
                self.assertIn(option, branch[1] if branch else "", verb)

    def test_options(self):
        self.assertEqual(self.bash(["platenctl", "--v"]), ["--version"])
        self.assertIn("--all", self.bash(["platenctl", "jobs", "-"]))
        self.assertEqual(self.bash(["platenctl", "attach", "x", "--v"]), ["--virtio", "--vsock"])
        self.assertNotIn("--all", self.bash(["platenctl", "status", "-"]))

    def test_names(self):
        platend = self.platend()
        self.assertEqual(self.bash(["platenctl", "doctor", ""]), ["win11", "Büro"])
        self.assertEqual(self.bash(["platenctl", "mode", "w"]), ["win11"])
        self.assertEqual(self.bash(["platenctl", "mode", "win11", "n"]), ["network"])
        self.assertEqual(self.bash(["platenctl", "mode", "--default", "a"]), ["all"])
        self.assertEqual(self.bash(["platenctl", "job", "f"]), ["forget"])
        self.assertEqual(self.bash(["platenctl", "job", "retry", "w"]), ["win11"])
        self.assertEqual(self.bash(["platenctl", "job", "retry", "win11", ""]), ["0a1b2c3d/1", "0a1b2c3d/12"])
        self.assertEqual(self.bash(["platenctl", "explain", "o"]), ["office", "old"])
        self.assertEqual(self.bash(["platenctl", "explain", "office", "B"]), ["Büro"])
        self.assertEqual(self.bash(["platenctl", "explain", "office", "Büro", ""]), [])
        self.assertEqual(self.bash(["platenctl", "--socket", "/nowhere", "doctor", ""]), [])
        self.assertEqual(self.bash(["platenctl", "--socket", platend.path, "printers", "w"]), ["win11"])
        # As bash splits --socket=PATH and --policy=.
        self.assertEqual(self.bash(["platenctl", "--socket", "=", platend.path, "printers", "w"]), ["win11"])
        self.assertEqual(self.bash(["platenctl", "restart", "win11", "--policy", "="]), ["auto", "ask", "never", "unset"])
        self.assertEqual(self.bash(["platenctl", "restart", "win11", "--policy", "=", "n"]), ["never"])

    def test_files(self):
        for name in ("a driver.ppd", "other.ppd"):
            pathlib.Path(self.folder, name).touch()
        for words in (["driver", "add"], ["driver", "package", "add"], ["--socket"]):
            self.assertEqual(" ".join(self.bash(["platenctl", *words, f"{self.folder}/a"])), f"{self.folder}/a driver.ppd")

    def test_a_name_is_no_command(self):
        data = {"workspaces": {"workspaces": [{"name": "$(touch x)"}]}}
        self.platend(data)
        self.assertEqual(" ".join(self.bash(["platenctl", "doctor", ""])), "\\$\\(touch\\ x\\)")

    def test_without_platend(self):
        self.assertEqual(self.bash(["platenctl", "doctor", ""]), [])

    def test_zsh(self):
        """The function is sound, and its names come from platend."""
        self.platend()
        script = """
            autoload -Uz compinit && compinit -u -d "$1/dump"
            compadd() { shift; print -rl -- "$@" }
            typeset -A opt_args
            path=($2 $path)
            functions[_platenctl_whole]="$(<$3)"
            _arguments() { return 1 }
            _platenctl_whole
            _platenctl_names workspaces
        """
        run = subprocess.run(["zsh", "-f", "-c", script, "zsh", self.folder, BUILD,
            os.path.join(SOURCE, "packaging/completions/_platenctl")],
            env=self.environment(LC_ALL="C.UTF-8", HOME=self.folder), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, check=False, timeout=30)
        self.assertEqual((run.stdout.split(), run.stderr), (["win11", "Büro"], ""))


if __name__ == "__main__":
    unittest.main()
