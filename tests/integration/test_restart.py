# SPDX-License-Identifier: Apache-2.0
"""Restarts without a VM: the question on a session bus, and what platend makes of needs and orders.

Notifications, logind and systemd are fakes here (fakebus.py), and the restart itself is that of the agent under
another boot id: what is real is in tests/lab/test_restart.py.
"""
import json
import os
import pathlib
import pwd
import socket
import struct
import subprocess
import sys
import time
import unittest
import uuid

import test_rendering
from harness import BUILD, Guest, Host, Lab, Sink, Spooler, vendor_ppd, wait_for

TIMEOUT = 360
QUESTION, PUT, ANSWER, REPLY, WHO, NAME = 1, 2, 3, 4, 5, 6
NOW, LATER, SESSION_END = 1, 2, 3
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>session</type><listen>{}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/><allow own="*"/></policy>
</busconfig>"""


class Bus:
    """A private bus with the fakes on it."""

    def __init__(self, lab):
        self.dir = lab.dir / "bus"
        self.dir.mkdir()
        self.address = f"unix:path={self.dir}/socket"
        (self.dir / "conf").write_text(BUS.format(self.address))
        lab.start("dbus", ["dbus-daemon", f"--config-file={self.dir}/conf", "--nofork"])
        wait_for((self.dir / "socket").exists, "the bus")
        lab.start("fakebus", [sys.executable, pathlib.Path(__file__).with_name("fakebus.py"), self.dir],
                  env=dict(os.environ, DBUS_SESSION_BUS_ADDRESS=self.address))
        wait_for((self.dir / "up").exists, "the fakes")

    def said(self, name):
        path = self.dir / name
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


class AskTest(unittest.TestCase):
    """platen-ask in a session, as the agent starts it."""

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.bus = Bus(self.lab)

    def ask(self, keys, desktop=1, tty="", address=None, uid=0, message=None):
        (self.bus.dir / "press").write_text(keys)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.settimeout(60)
        body = struct.pack("<IIII512s", 3600, 0, desktop, uid, b"driver c was installed") + tty.encode().ljust(8 * 32, b"\0")
        ours.send(message or struct.pack("<II", QUESTION, len(body) + 8) + body)
        code = f"import os; os.dup2({theirs.fileno()}, 3); os.execv({str(BUILD / 'platen-ask')!r}, ['platen-ask', '--worker'])"
        p = subprocess.Popen([sys.executable, "-c", code], pass_fds=(theirs.fileno(),),
                             env=dict(os.environ, PLATEN_ASK_BUS=address or self.bus.address))
        self.addCleanup(p.wait)
        self.addCleanup(p.kill)
        theirs.close()
        self.addCleanup(ours.close)
        return ours, p

    def wait_put(self, sock):
        """It says who the person is, and when the question is seen."""
        message = sock.recv(4096)
        self.assertEqual((struct.unpack("<I", message[:4])[0], message[8:].split(b"\0")[0]), (NAME, b"root"))
        self.assertEqual(struct.unpack("<I", sock.recv(4096)[:4]), (PUT,))

    def answer(self, keys):
        sock, p = self.ask(keys)
        self.wait_put(sock)
        kind, _, choice, after = struct.unpack("<IIII", sock.recv(4096))
        self.assertEqual((kind, p.wait(10)), (ANSWER, 0))
        return choice, after

    def test_buttons(self):
        self.assertEqual(self.answer("now"), (NOW, 0))
        first = self.bus.said("notified")[0]
        self.assertEqual(first["actions"], ["now", "Restart now", "later", "Later"])
        self.assertIn("driver c was installed", first["body"])
        self.assertIn("60 min", first["body"])
        self.assertEqual(self.answer("later 1h"), (LATER, 3600))
        self.assertEqual(self.bus.said("notified")[-1]["actions"][::2], ["1h", "4h", "tonight", "session"])
        self.assertEqual(self.answer("later 4h"), (LATER, 4 * 3600))
        self.assertEqual(self.answer("later session"), (SESSION_END, 0))
        choice, after = self.answer("later tonight")
        self.assertTrue(choice == LATER and 0 < after <= 24 * 3600 + 1800)

    def test_end_of_the_question_takes_the_notification_away(self):
        sock, p = self.ask("")
        self.wait_put(sock)
        sock.close()
        self.assertEqual(p.wait(10), 0)
        wait_for(lambda: self.bus.said("closed"), "the notification to be closed")

    def test_terminal_without_a_desktop(self):
        master, slave = os.openpty()
        sock, p = self.ask("", address="unix:path=/nonexistent", tty=os.ttyname(slave)[len("/dev/"):])
        self.wait_put(sock)
        text = os.read(master, 4096).decode()
        self.assertIn("driver c was installed", text)
        self.assertIn("platen-ask --later 1h", text)
        self.assertEqual(p.wait(10), 0)

    def test_who(self):
        for uid, name in (0, "root"), (pwd.getpwnam("nobody").pw_uid, "nobody"):
            sock, p = self.ask("", message=struct.pack("<III", WHO, 12, uid))
            self.assertEqual(sock.recv(4096), struct.pack("<II", NAME, 8 + 64) + name.encode().ljust(64, b"\0"))
            self.assertEqual(p.wait(10), 0)
        for message in (struct.pack("<III", WHO, 12, 0x7ffffff0), struct.pack("<II", PUT, 8)):  # no such user; no request
            sock, p = self.ask("", message=message)
            self.assertEqual(sock.recv(4096), b"")
            self.assertNotEqual(p.wait(10), 0)

    def test_it_becomes_the_user(self):
        nobody = pwd.getpwnam("nobody")
        sock, p = self.ask("", uid=nobody.pw_uid)
        self.assertEqual(sock.recv(4096)[8:].split(b"\0")[0], b"nobody")
        self.assertEqual(struct.unpack("<I", sock.recv(4096)[:4]), (PUT,))
        status = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{p.pid}/status").read_text().splitlines())
        self.assertEqual(status["Uid"].split(), [str(nobody.pw_uid)] * 4)
        self.assertEqual(status["Gid"].split(), [str(nobody.pw_gid)] * 4)
        self.assertEqual(status["Groups"].split(), [])


class Case(unittest.TestCase):
    settings, printers = "", 1

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.bus = Bus(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.device = Sink(self.lab)
        self.spooler.add_queue("laser", self.device.uri, vendor_ppd(self.lab.dir / "vendor.ppd"))
        self.host = self.make_host()
        self.guest = self.make_guest()
        self.boot_id = self.lab.dir / "boot_id"
        self.mark = self.lab.dir / "run" / "reboot-required"
        self.mark.parent.mkdir()
        env = {"DBUS_SYSTEM_BUS_ADDRESS": self.bus.address, "PLATEN_BOOT_ID": str(self.boot_id), "PLATEN_REBOOT_REQUIRED": str(self.mark)}
        os.environ.update(env)
        self.addCleanup(lambda: [os.environ.pop(k) for k in env])
        self.boot()

    def make_host(self):
        return Host(self.lab, self.spooler, settings=self.settings).start()

    def make_guest(self):
        return Guest(self.lab, self.host)

    def boot(self):
        self.boot_id.write_text(f"{uuid.uuid4()}\n")
        self.guest.start()
        wait_for(lambda: self.row()["ready"] == self.printers, "the printers to be ready", 30)

    def reboot(self):
        """Another boot: /run is empty, and the agent begins anew."""
        self.guest.stop()
        self.mark.unlink(missing_ok=True)
        pathlib.Path(f"{self.mark}.pkgs").unlink(missing_ok=True)
        self.boot()

    def up_again(self):
        """platend after a kill, which leaves its socket behind."""
        self.host.control.unlink(missing_ok=True)
        self.host.start()
        wait_for(self.host.control.exists, "platend")

    def row(self):
        return self.host.ask("workspaces")["data"]["workspaces"][0]

    def restart(self, **what):
        answer = self.host.ask("restart", workspace="box", **what)
        self.assertTrue(answer["ok"], answer)
        return answer["data"]

    def wait_state(self, state):
        wait_for(lambda: self.restart()["state"] == state, state, 20)

    def need(self, name, text):
        folder = self.lab.dir / "guest-box-state" / "needs.d"
        (folder / f".{name}").write_text(text + "\n")
        (folder / f".{name}").rename(folder / name)

    def command(self, *argv):
        return subprocess.Popen([BUILD / "platen-ask", "--socket", self.guest.run_dir / "ask", *argv], text=True,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def inhibit(self, text):
        (self.bus.dir / "inhibitors").write_text(text)


class RestartTest(Case):
    def test_inhibited_then_restarted(self):
        self.inhibit("shutdown:sleep block\n")
        self.need("driver-a", "workspace driver a was installed")
        wait_for(lambda: "holds it up" in self.row()["restart"], "the inhibitor to be told", 20)
        self.assertEqual(self.restart()["activity"], "applications")
        self.inhibit("shutdown delay\n")
        self.wait_state("restarting")
        wait_for(lambda: "by hand" in self.lab.log("platend"), "the word that it is to be done by hand")
        self.reboot()
        self.wait_state("none")
        data = self.restart()
        self.assertEqual((data["needs"], data["fault"], data["text"]), ([], False, "restarted; its printers are there: 1"))
        # The same need soon after: not met, an error, and no other restart.
        self.need("driver-a", "workspace driver a was installed")
        wait_for(lambda: self.restart()["fault"], "the error", 20)
        self.assertTrue(any("did not meet" in f for f in self.host.ask("status")["data"]["faults"]))
        self.assertEqual(self.restart()["state"], "none")

    def test_orders_hold_over_restarts(self):
        self.assertEqual(self.restart(policy="never")["policy"], "never")
        self.need("driver-a", "workspace driver a was installed")
        self.wait_state("needed")
        self.assertIn("never", self.restart()["text"])
        until = self.restart(action="defer", seconds=7200)["until"]
        self.assertAlmostEqual(until, time.time() + 7200, delta=30)
        self.restart(policy="unset")
        self.host.stop()
        self.host.start()
        wait_for(self.host.control.exists, "platend")
        wait_for(lambda: self.row()["ready"] == 1, "laser to be ready", 30)
        data = self.restart()
        self.assertEqual((data["state"], data["who"], data["until"]), ("deferred", "an administrator", until))
        self.assertEqual(data["needs"][0]["reason"], "driver a was installed")
        p = subprocess.run([BUILD / "platenctl", "--socket", self.host.control, "restart", "box", "--cancel"],
                           text=True, capture_output=True)
        self.assertEqual((p.returncode, p.stderr), (0, ""))
        self.assertIn("driver a was installed", p.stdout)
        wait_for(lambda: "called off" in self.restart()["text"], "it to be called off")
        self.restart(action="now")
        self.wait_state("restarting")

    def test_spooler_level(self):
        self.need("driver-s", "spooler driver s was installed")
        wait_for(lambda: self.bus.said("restarted") == ["cups.service"], "cupsd to be restarted", 20)
        wait_for(lambda: "is met: driver s" in self.lab.log("platend"), "the need to be met", 20)
        self.assertEqual(self.restart()["needs"], [])

    def test_spooler_level_waits_for_what_prints_on_any_queue(self):
        device = Sink(self.lab)
        self.guest.spooler.add_queue("mine", device.uri)
        device.paused.clear()
        self.guest.print("mine", b"x" * (8 << 20), "-o", "raw")  # more than sockets hold
        wait_for(lambda: self.guest.spooler.printer("mine")["printer-state"] == 4, "the job to print")
        self.need("driver-s", "spooler driver s was installed")
        wait_for(lambda: "restarted when its jobs are printed" in self.lab.log("guest-box-agent"), "the agent to wait", 20)
        wait_for(lambda: [n["level"] for n in self.restart()["needs"]] == ["spooler"], "the host to know", 5)
        self.assertEqual(self.bus.said("restarted"), [])
        device.paused.set()
        wait_for(lambda: device.received, "the job at the device")
        wait_for(lambda: self.bus.said("restarted") == ["cups.service"], "cupsd to be restarted", 20)
        wait_for(lambda: self.restart()["needs"] == [], "the need to be met", 20)
        self.assertEqual([len(data) for data in device.received], [8 << 20])

    def test_spooler_that_systemd_does_not_restart_is_an_error(self):
        (self.bus.dir / "refuse").write_text("")
        self.need("driver-s", "spooler driver s was installed")
        wait_for(lambda: self.restart()["fault"], "the error", 20)
        self.assertEqual(self.restart()["needs"][0]["state"], "unmet")
        self.assertIn("this unit is not there", self.lab.log("guest-box-agent"))
        self.assertEqual(self.bus.said("restarted"), ["cups.service"])

    def set_mark(self, *packages):
        """As Debian's notify-reboot-required does."""
        self.mark.write_text("*** System restart required ***\n")
        with open(f"{self.mark}.pkgs", "a") as file:
            file.write("".join(f"{p}\n" for p in packages))

    def reasons(self):
        return [(n["state"], n["reason"]) for n in self.restart()["needs"]]

    def wait_reasons(self, *wanted, seconds=20):
        wait_for(lambda: self.reasons() == list(wanted), f"the needs {wanted}", seconds)

    def test_mark_of_the_system(self):
        self.inhibit("shutdown block\n")
        self.set_mark("libc6")
        self.wait_reasons(("open", "this system says so: libc6"))
        # More packages are the same need, with another reason; without the mark there is none.
        self.set_mark("linux-image-amd64")
        self.wait_reasons(("open", "this system says so: libc6,linux-image-amd64"))
        self.mark.unlink()
        self.wait_reasons()
        self.set_mark()
        self.wait_reasons(("open", "this system says so: libc6,linux-image-amd64"))
        # A restart meets it; the same word again soon was not met by it, and causes no other restart.
        self.inhibit("")
        self.wait_state("restarting")
        self.reboot()
        wait_for(lambda: self.restart()["text"] == "restarted; its printers are there: 1", "the restart to be over", 20)
        self.wait_reasons()
        self.set_mark("libc6", "linux-image-amd64")
        wait_for(lambda: self.restart()["fault"], "the error", 20)
        self.assertEqual(self.reasons(), [("unmet", "this system says so: libc6,linux-image-amd64")])
        self.assertEqual(self.restart()["state"], "none")
        # Also for an agent that was started again since; another word is a new need.
        self.guest.stop()
        self.guest.start()
        wait_for(lambda: self.row()["ready"] == 1, "laser to be ready", 30)
        self.assertEqual(self.reasons()[0][0], "unmet")
        self.set_mark("dbus")
        self.wait_reasons(("open", "this system says so: libc6,linux-image-amd64,dbus"))
        self.assertFalse(self.restart()["fault"])

    def test_needs_restarting(self):
        """FAKE: this machine has no RPM; a script of this test stands in for `needs-restarting` of dnf-utils."""
        program = self.lab.dir / "needs-restarting"
        said = self.lab.dir / "needs-restarting.said"

        def says(status, text):
            said.write_text(text)
            program.write_text(f"#!/bin/sh\n[ \"$*\" = -r ] || exit 2\ncat {said}\nexit {status}\n")
            program.chmod(0o755)

        def again():
            self.guest.stop()
            self.boot()

        core = "Core libraries or services have been updated since boot-up:\n  * kernel\n  * glibc\n\nReboot is required to fully utilize these updates.\n"
        says(1, core)
        self.guest.config.write_text(self.guest.config.read_text() + f"needs-restarting = {program}\n")
        self.inhibit("shutdown block\n")
        again()
        self.wait_reasons(("open", "this system says so: kernel, glibc"), seconds=40)
        says(0, "No core libraries or services have been updated since boot-up.\n")
        self.guest.stop()
        self.guest.start()  # the same boot: it was taken back
        self.wait_reasons(seconds=40)
        # What fails ends with status 1, too, and is no word.
        says(1, "Error: Failed to download metadata for repo 'appstream'\n")
        again()
        wait_for(lambda: "needs-restarting was asked in vain" in self.lab.log("guest-box-agent"), "it to be asked", 40)
        self.assertIn("Failed to download metadata", self.lab.log("guest-box-agent"))
        self.assertEqual(self.reasons(), [])
        # A restart that it is not content with.
        says(1, core)
        again()
        self.wait_reasons(("open", "this system says so: kernel, glibc"), seconds=40)
        again()
        self.wait_reasons(("unmet", "this system says so: kernel, glibc"), seconds=40)
        self.assertTrue(self.restart()["fault"])

    def test_command(self):
        self.inhibit("shutdown block\n")
        self.need("driver-a", "workspace driver a was installed")
        wait_for(lambda: "holds it up" in self.row()["restart"], "the inhibitor to be told", 20)
        self.assertEqual(self.command("--later", "2h").communicate(timeout=20), ("The host was told.\n", ""))
        self.wait_state("deferred")
        data = self.restart()
        self.assertEqual((data["state"], data["who"]), ("deferred", "root"))
        self.assertAlmostEqual(data["until"], time.time() + 7200, delta=30)

    def test_command_while_names_are_not_to_be_had(self):
        """The user database does not answer: a platen-ask that blocks stands in for it."""
        program = self.lab.programs / "platen-ask"
        program.unlink()
        program.write_text("#!/bin/sh\nexec sleep 100\n")
        program.chmod(0o755)
        self.inhibit("shutdown block\n")
        self.need("driver-a", "workspace driver a was installed")
        wait_for(lambda: "holds it up" in self.row()["restart"], "the inhibitor to be told", 20)
        commands = [self.command("--later", f"{hours}h") for hours in (2, 3)]
        self.need("driver-b", "workspace driver b was installed")  # it goes on meanwhile
        for p in commands:
            self.assertEqual(p.communicate(timeout=20), ("The host was told.\n", ""))
        wait_for(lambda: self.restart()["who"] == "user 0", "the answer", 5)
        log = self.lab.log("platend")
        self.assertLess(log.index("driver b was installed"), log.index("about its restart, user 0 says: later"))


class InstallTest(test_rendering.Case):
    """Driver packages that need a restart, by the fake package manager of test_rendering.py."""

    settings = test_rendering.Case.settings + "[printer photo]\nrendering = guest\n"

    def setUp(self):
        super().setUp()
        boot_id = self.lab.dir / "boot_id"
        boot_id.write_text(f"{uuid.uuid4()}\n")
        env = {"DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent", "PLATEN_BOOT_ID": str(boot_id)}
        os.environ.update(env)
        self.addCleanup(lambda: [os.environ.pop(k) for k in env])
        self.spooler.add_queue("photo", self.device.uri, self.ppd)

    def restart(self):
        return self.host.ask("restart", workspace="box")["data"]

    def test_two_drivers_are_one_restart_that_cuts_neither_off(self):
        go = self.lab.dir / "go"
        self.manager(f"while [ ! -e {go} ]; do sleep 0.05; done")
        self.ctl("driver", "package", "add", str(self.package("driver-a")), "--printer", "laser", "--restart", "workspace")
        self.ctl("driver", "package", "add", str(self.package("driver-b")), "--printer", "photo", "--restart", "workspace")
        self.guest.start()
        wait_for(self.log.exists, "the package manager")
        wait_for(lambda: self.restart()["installing"] == 2, "both packages on their way")
        self.ctl("restart", "box", "--now")
        wait_for(lambda: "is being installed" in self.restart()["text"], "the order to wait")
        self.assertEqual(self.restart()["state"], "needed")
        self.manager("sleep 1.5")  # the second takes its time
        go.write_text("")
        wait_for(lambda: self.restart()["state"] == "restarting", "the restart", 30)
        self.assertEqual(sorted((n["level"], n["state"], n["reason"]) for n in self.restart()["needs"]),
                         [("workspace", "open", f"the driver package driver-{x}_1.0_all.deb was installed") for x in "ab"])
        self.assertEqual(len(self.log.read_text().splitlines()), 2)
        self.assertEqual(self.lab.log("platend").count("is to restart, for"), 1)


if __name__ == "__main__":
    unittest.main()
