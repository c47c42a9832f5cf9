# SPDX-License-Identifier: Apache-2.0
"""Changes of printers that the host's spooler tells by hints: each is noticed, and none costs more than it may."""
import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import unittest

import ipp
from harness import BUILD, Guest, Host, Lab, Spooler, vendor_ppd, wait_for

POLICY = """
<Policy {}>
  JobPrivateAccess all
  JobPrivateValues none
  SubscriptionPrivateAccess all
  SubscriptionPrivateValues none
  <Limit {}>
    AuthType Default
    Require user root
    Order deny,allow
  </Limit>
  <Limit All>
    Order deny,allow
  </Limit>
</Policy>
"""
POLICIES = ("AccessLogLevel all\n" + POLICY.format("nobody-cancels", "Cancel-Job") +
            POLICY.format("strict", "Get-Printer-Attributes"))


class WatchTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"}, extra=POLICIES)
        self.ppd = vendor_ppd(self.lab.dir / "vendor.ppd")
        for name in ("laser", "other"):
            self.spooler.add_queue(name, "file:///dev/null", self.ppd)
        self.host = Host(self.lab, self.spooler, settings="mode = all\n").start()
        wait_for(lambda: set(self.printers()) == {"laser", "other"}, "the printers")
        self.change("-p", "laser", "-L", "heard")
        wait_for(lambda: self.printers()["laser"]["location"] == "heard", "the first change")

    def printers(self):
        return {p["name"]: p for p in self.host.ask("printers")["data"]["printers"]}

    def change(self, *argv):
        self.spooler.run("lpadmin", *argv)

    def asked(self, operation):
        return len(re.findall(rf" {operation} ", (self.spooler.dir / "log/access").read_text()))

    def hint(self, sock, printer):
        """As the notifier sends it, and anybody may. False: there is no room."""
        try:
            sock.sendto(struct.pack("=IIIII128s", 0, 0, 0, 0, 0, printer.encode()), str(self.host.run_dir / "events"))
        except BlockingIOError:
            return False
        return True

    def test_default_moves(self):
        self.change("-d", "laser")
        guest = Guest(self.lab, self.host)
        guest.start()
        wait_for(lambda: "laser" in guest.spooler.run("lpstat", "-d").stdout, "the default")
        self.change("-d", "other")
        wait_for(lambda: "other" in guest.spooler.run("lpstat", "-d").stdout, "the other default")

    def test_a_members_device_is_the_class_s(self):
        self.change("-p", "laser", "-c", "pool")
        wait_for(lambda: "pool" in self.printers(), "the class")
        self.assertEqual(self.printers()["pool"]["kind"], "local")
        self.change("-p", "laser", "-v", "socket://192.0.2.1")
        wait_for(lambda: self.printers()["pool"]["kind"] == "pool", "the class to be more than this machine")

    def test_restricted_and_released(self):
        """cupsd leaves a printer that is not for us out of its list, and yet tells of it when asked for it alone."""
        for users in ("allow:alice", "deny:platen"):
            with self.subTest(users=users):
                self.change("-p", "laser", "-u", users)
                wait_for(lambda: set(self.printers()) == {"other"}, "the printer to go")
                self.change("-p", "laser", "-u", "allow:all")
                wait_for(lambda: set(self.printers()) == {"laser", "other"}, "the printer to come back")

    def test_deleted_before_it_is_read(self):
        watch, = [pid for pid, argv in self.host.children("platen-spool") if "watch" in argv]
        os.kill(watch, signal.SIGSTOP)
        try:
            self.change("-p", "laser", "-L", "elsewhere")
            self.change("-x", "laser")
        finally:
            os.kill(watch, signal.SIGCONT)
        wait_for(lambda: set(self.printers()) == {"other"}, "the printer to go")

    def test_a_printer_that_may_not_be_asked_for(self):
        """cupsd refuses by HTTP: it is in the list all the same, and cupsd has not gone."""
        self.change("-p", "laser", "-o", "printer-op-policy=strict")
        before = self.asked("Get-Subscription-Attributes")
        for place in ("one", "two", "three"):
            self.change("-p", "laser", "-L", place)
            wait_for(lambda: self.printers()["laser"]["location"] == place, "the change")
        self.assertEqual(self.asked("Get-Subscription-Attributes"), before)

    def test_hints_of_what_is_not_there(self):
        """Anybody may hint: however many names, at once all printers are read once."""
        watch, = [pid for pid, argv in self.host.children("platen-spool") if "watch" in argv]
        sent = 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            os.kill(watch, signal.SIGSTOP)
            try:
                while sent < 200 and self.hint(sock, f"nowhere{sent}"):
                    sent += 1
                before = self.asked("CUPS-Get-Printers")
            finally:
                os.kill(watch, signal.SIGCONT)
        self.assertGreater(sent, 8)
        self.change("-p", "laser", "-L", "after")
        wait_for(lambda: self.printers()["laser"]["location"] == "after", "a change behind the hints")
        self.assertIn(self.asked("CUPS-Get-Printers") - before, (1, 2))


    def test_a_cancel_that_is_refused(self):
        """cupsd refuses it by HTTP and hangs up: the job stays, and nothing is listed again and again for it."""
        guest = Guest(self.lab, self.host).start()
        wait_for(lambda: self.printers_in_the_workspace().get("laser") == "ready", "the printer in the workspace")
        self.change("-p", "laser", "-o", "printer-op-policy=nobody-cancels", "-v", "socket://127.0.0.1:9")
        number = guest.print("laser", b"page", "-o", "document-format=application/vnd.cups-raw")
        wait_for(self.spooler.jobs, "the job on the host")
        guest.spooler.run("cancel", str(number))
        wait_for(lambda: "was not cancelled" in self.lab.log("platend"), "the refusal")
        before = self.asked("CUPS-Get-Printers")
        for place in ("here", "there", "nowhere"):
            self.change("-p", "other", "-L", place)
            wait_for(lambda: self.printers()["other"]["location"] == place, "a change behind it")
        self.assertLess(self.asked("CUPS-Get-Printers") - before, 4)
        self.assertLess(self.lab.log("platend").count("was not cancelled"), 5)
        self.spooler.run("cancel", "-a", "laser")  # who may
        wait_for(lambda: "cancelled: cancelled on the host" in self.lab.log("guest-box-agent"), "its end in the workspace")

    def printers_in_the_workspace(self):
        return {p["name"]: p["guest"] for p in self.host.ask("printers", workspace="box")["data"]["printers"]}


def event(job, state, name="laser", text="Job canceled by \"anna\""):
    """As cupsd writes it to a notifier."""
    return (struct.pack(">BBHI", 2, 0, 0, 1) + b"\x07" + ipp.attribute(ipp.NAME, "printer-name", name) +
            ipp.attribute(ipp.INTEGER, "notify-job-id", job) + ipp.attribute(ipp.ENUM, "job-state", state) +
            ipp.attribute(ipp.KEYWORD, "notify-subscribed-event", "job-state-changed") +
            ipp.attribute(ipp.TEXT, "notify-text", text) + b"\x03")


class NotifierTest(unittest.TestCase):
    """The notifier by itself, with the test as cupsd and as platen-spool."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.path = f"{folder.name}/events"
        self.socket = self.listen()
        self.notifier = subprocess.Popen([BUILD / "platen-notifier", "platen:///", ""], stdin=subprocess.PIPE, bufsize=0,
                                         env=dict(os.environ, PLATEN_RUNDIR=folder.name), stderr=subprocess.DEVNULL)
        self.addCleanup(self.notifier.wait)
        self.addCleanup(self.notifier.kill)
        self.addCleanup(self.notifier.stdin.close)

    def listen(self):
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listening.bind(self.path)
        listening.settimeout(20)
        self.addCleanup(listening.close)
        return listening

    def hear(self):
        """A hint: (job, its state, whether hints were lost)."""
        job, state, _, lost, self.given_up, _ = struct.unpack("=IIIII128s", self.socket.recv(1000))
        return job, state, lost

    def test_a_burst_comes_whole_and_in_order(self):
        """More than a socket takes, and nothing that comes later to push it; a job's newer event takes the older one's place."""
        for job in range(1, 201):
            self.notifier.stdin.write(event(job, 5) + event(job, 9))
        seen = {}
        while len(seen) < 200 or set(seen.values()) != {9}:
            job, state, lost = self.hear()
            self.assertEqual(lost, 0)
            self.assertGreaterEqual(state, seen.get(job, 0))
            seen[job] = state
        self.assertEqual(list(seen), list(range(1, 201)))

    def test_that_a_job_was_printed_is_not_forgotten(self):
        """Whatever else waits: of what is purged platen-spool knows nothing else."""
        for job in range(1, 61):
            self.notifier.stdin.write(event(job, 3) + event(job, 5) + event(job, 3) + event(job, 7) + event(job, 7))
        seen = {}
        while len(seen) < 60 or any(states[-1] != 7 for states in seen.values()):
            job, state, lost = self.hear()
            self.assertEqual(lost, 0)
            seen.setdefault(job, []).append(state)
        self.assertEqual([job for job, states in seen.items() if 5 not in states], [])

    def test_who_cancelled_it(self):
        """Only cupsd's words tell; what it cancels itself nobody has cancelled."""
        for text, given_up in (("Job canceled by \"anna\"", 0), ("Job canceled by user.", 0), ("Job purged by \"anna\"", 0),
                               ("Canceling stuck job after 10800 seconds.", 1), ("Marking stuck job as completed after 9 seconds.", 1),
                               ("Job canceled at printer.", 1), ("", 0)):
            self.notifier.stdin.write(event(1, 7, text=text))
            self.assertEqual(self.hear(), (1, 7, 0))
            self.assertEqual(self.given_up, given_up, text)
        self.notifier.stdin.write(event(1, 5, text="Job canceled at printer."))
        self.hear()
        self.assertEqual(self.given_up, 0)

    def test_what_there_is_no_room_for(self):
        """It is told that some are left out, before anything that comes later."""
        for job in range(1, 1001):
            self.notifier.stdin.write(event(job, 5))
        wait_for(lambda: fcntl.ioctl(self.notifier.stdin, termios.FIONREAD, bytes(4)) == bytes(4), "the notifier to have read all")
        seen, lost_at = [], []
        while not seen or seen[-1] != 2000:
            job, _, lost = self.hear()
            seen.append(job)
            if lost:
                lost_at.append(len(seen))
            if len(seen) == 20:  # there is room again
                self.notifier.stdin.write(event(2000, 7))
        self.assertTrue(lost_at)
        self.assertLess(lost_at[0], len(seen))

    def test_an_event_that_was_cut_off_is_not_the_end_of_it(self):
        self.notifier.stdin.write(event(1, 5) + event(2, 5)[:20] + event(3, 5) * 3)
        self.assertEqual(self.hear(), (1, 5, 0))
        while (hint := self.hear())[2] == 0:
            pass
        self.assertEqual(hint, (0, 0, 1))
        self.assertEqual(self.notifier.wait(20), 0)
        with self.assertRaises(BrokenPipeError):  # by which cupsd finds out, and starts another
            self.notifier.stdin.write(event(4, 5))

    def test_what_waits_at_the_end_is_passed_on(self):
        for job in range(1, 41):
            self.notifier.stdin.write(event(job, 9))
        self.notifier.stdin.close()
        self.assertEqual([self.hear() for _ in range(40)], [(job, 9, 0) for job in range(1, 41)])
        self.assertEqual(self.notifier.wait(20), 0)

    def test_another_one_listens(self):
        self.notifier.stdin.write(event(1, 5))
        self.assertEqual(self.hear(), (1, 5, 0))
        self.socket.close()
        os.unlink(self.path)
        self.socket = self.listen()
        self.notifier.stdin.write(event(2, 5))
        self.assertEqual(self.hear(), (2, 5, 0))


if __name__ == "__main__":
    unittest.main()