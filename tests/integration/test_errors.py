# SPDX-License-Identifier: Apache-2.0
"""Bad input: one clear line that names the thing, and nothing lost. Real programs throughout; the guest
that breaks the protocol is a few bytes of our own."""
import ctypes
import os
import pathlib
import socket
import struct
import subprocess
import unittest

import xxhash

from harness import BUILD, SANITIZED, Guest, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for

TIMEOUT = 400


def frame(payload):
    return b"PLF1" + struct.pack("<IQ", len(payload), xxhash.xxh3_64_intdigest(payload)) + payload


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, value):
    """One protobuf field: an int, text or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def hello(low=1, high=1):
    return frame(field(1, field(1, low) + field(2, high) + field(3, "peer 1")))


class Peer:
    """The guest's side of a channel by hand: synchronised, and then whatever is sent."""

    def __init__(self, host, workspace="box"):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(60)
        self.sock.connect(str(host.channel(workspace)))
        resync = b""  # zeros, then the token that asks for a session
        while b"PLS\xff" not in resync or len(resync) - resync.index(b"PLS\xff") < 48:
            resync += self.sock.recv(65536)
        host_nonce = resync[resync.index(b"PLS\xff") + 32:][:16]
        self.sock.sendall(b"PLS\xff" + struct.pack("<I", 1) + b"\xffplaten1" + os.urandom(16) + host_nonce)

    def send(self, data):
        self.sock.sendall(data)

    def close(self):
        self.sock.close()


class ErrorsTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)

    def host(self, **kw):
        self.device = Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.spooler.add_queue("laser", self.device.uri, vendor_ppd(self.lab.dir / "vendor.ppd"))
        return Host(self.lab, self.spooler, **kw).start()

    def whole(self):
        host = self.host()
        guest = Guest(self.lab, host).start()
        wait_for(lambda: any(p["guest"] == "ready" for p in host.ask("printers", workspace="box")["data"]["printers"]),
                 "the printer in the guest")
        return host, guest

    def completed(self, guest, number, timeout=60):
        wait_for(lambda: guest.job(number)["job-state"] == 9, f"guest job {number} to be completed", timeout)

    # -- settings

    def test_wrong_settings_name_file_line_and_what_was_expected(self):
        path = self.lab.dir / "x.conf"
        for program, text, line, words in (
                ("platend", "[host]\nmode = maybe\n", 2, "off, network or all"),
                ("platend", "[host]\n\nno-such = 1\n", 3, "platen.conf(5)"),
                ("platend", "[host]\nvsock-port = many\n", 2, "a port number"),
                ("platend", "[host]\nledger-jobs = some\n", 2, "1000 or more"),
                ("platend", "[host]\nrun-dir = here\n", 2, "an absolute path"),
                ("platend", "[workspace w]\nuuid = 12\n", 2, "a UUID"),
                ("platend", "hello\n", 1, "[section]"),
                ("platen-agent", "[agent]\ntransport = pigeon\n", 2, "auto, virtio, vsock or unix"),
                ("platen-agent", "[agent]\nfoo = 1\n", 2, "platen-agent.conf(5)")):
            with self.subTest(text=text):
                path.write_text(text)
                p = subprocess.run([BUILD / program, "-c", path], capture_output=True, text=True, timeout=10)
                self.assertEqual(p.returncode, 2)
                self.assertEqual(len(p.stderr.splitlines()), 1, p.stderr)
                self.assertIn(f"{path}:{line}: ", p.stderr)
                self.assertIn(words, p.stderr)

    # -- what is not there

    def test_no_libvirt(self):
        host = self.host(libvirt="qemu+unix:///system?socket=/nonexistent")
        wait_for(lambda: "libvirt does not answer" in self.lab.log("platend"), "a line about libvirt")
        doctor = {c["link"]: c for c in host.ask("doctor")["data"]["checks"]}
        self.assertEqual(doctor["libvirt"]["state"], "fault")
        self.assertIn("systemctl start libvirtd", doctor["libvirt"]["fix"])

    def test_no_cupsd_on_the_host(self):
        host = self.host()
        self.spooler.stop()
        wait_for(lambda: "the spooler does not answer" in self.lab.log("platend"), "a line about the spooler")
        doctor = {c["link"]: c for c in host.ask("doctor")["data"]["checks"]}
        self.assertIn("systemctl start cups", doctor["spooler"]["fix"])
        self.spooler.start()
        wait_for(lambda: host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")

    def test_spool_folder_that_is_not_the_spoolers(self):
        """Before a page is lost to it, where the folder is missing; at the first page, where it is somebody else's."""
        host, guest = self.whole()
        spool = f"cups-spool = {self.spooler.dir}/spool"
        documents = lambda: next(c for c in host.ask("doctor")["data"]["checks"] if c["link"] == "documents")  # noqa: E731
        self.assertEqual(documents()["state"], "ok")
        for folder, words in (("/nonexistent", "No such file or directory"), (self.lab.dir, "documents elsewhere")):
            with self.subTest(folder=folder):
                host.stop()
                settings = host.config.read_text()
                host.config.write_text(settings.replace(spool, f"cups-spool = {folder}"))
                host.start()
                wait_for(lambda: any(p["guest"] == "ready" for p in host.ask("printers", workspace="box")["data"]["printers"]),
                         "the printer in the guest")
                self.completed(guest, guest.print("laser", b"page", "-o", "document-format=application/vnd.cups-raw"))
                host.config.write_text(settings)
                self.assertEqual(documents()["state"], "fault")
                self.assertIn(words, documents()["text"])
                self.assertIn("RequestRoot of cups-files.conf", documents()["fix"])

    def test_what_to_do_has_names_in_it(self):
        host, guest = self.whole()
        self.spooler.add_queue("usb", "file:///dev/null", None)
        wait_for(lambda: any(p["name"] == "usb" for p in host.ask("printers")["data"]["printers"]), "the local printer")
        fix = lambda printer: host.ask("explain", printer=printer, workspace="box")["data"]["fix"]  # noqa: E731
        self.assertEqual(fix("laser"), "")
        self.assertIn("`platenctl mode box all`", fix("usb"))
        guest.stop()
        wait_for(lambda: "`platenctl doctor box`" in fix("laser"), "what to do about an agent that is gone")
        host.ask("mode", workspace="box", mode="off")
        self.assertIn("`platenctl mode box network`", fix("laser"))

    def test_events_that_do_not_arrive(self):
        """No notifier, or one that is kept from us as AppArmor would: all works, a second later, and doctor says so."""
        for notifier, words in ((False, "is the notifier platen in its ServerBin"), (True, "does AppArmor let cupsd write")):
            with self.subTest(notifier=notifier):
                lab = Lab()
                try:
                    spooler = Spooler(lab, "host", notifier=notifier, env={"PLATEN_RUNDIR": "/nonexistent"})
                    host = Host(lab, spooler).start()
                    for name in ("one", "two"):
                        spooler.add_queue(name, "socket://127.0.0.1:1", vendor_ppd(lab.dir / "vendor.ppd"))
                        wait_for(lambda: any(p["name"] == name for p in host.ask("printers")["data"]["printers"]), name, 4)
                    def events():
                        return {c["link"]: c for c in host.ask("doctor")["data"]["checks"]}["events"]
                    wait_for(lambda: events()["state"] == "fault", "doctor to tell", 4)
                    self.assertIn(words, events()["text"])
                    spooler.run("lpadmin", "-x", "one")
                    wait_for(lambda: [p["name"] for p in host.ask("printers")["data"]["printers"]] == ["two"], "one to go", 4)
                finally:
                    lab.close()

    def test_no_cupsd_in_the_guest(self):
        host, guest = self.whole()
        guest.spooler.stop()
        wait_for(lambda: any(c["link"] == "guest-spooler" and c["state"] == "fault"
                             for c in host.ask("doctor")["data"]["checks"]), "doctor to tell of the guest's spooler")
        guest.spooler.start()
        number = guest.print("laser", pdf(1))
        self.completed(guest, number)

    def test_platenctl_without_platend(self):
        p = subprocess.run([BUILD / "platenctl", "--socket", self.lab.dir / "none", "status"], capture_output=True, text=True)
        self.assertEqual(p.returncode, 3)
        self.assertIn("platend", p.stderr)

    # -- a peer that breaks the protocol

    def ends(self, host, *data, word):
        peer = Peer(host)
        for piece in data:
            peer.send(piece)
            answer = b""
            while piece is not data[-1] and b"PLF1" not in answer:  # WELCOME: nothing may be sent before it
                answer += peer.sock.recv(65536)
        wait_for(lambda: word in self.lab.log("platend"), f"the log to say: {word}")
        peer.close()
        self.assertIsNone(host.process.poll())

    def test_a_host_that_ends_says_goodbye(self):
        host = self.host()
        peer = Peer(host)
        peer.send(hello())
        heard = b""
        while b"PLF1" not in heard:  # WELCOME: whom it has not greeted it owes no reason
            heard += peer.sock.recv(65536)
        self.assertEqual(host.stop(), 0)
        while piece := peer.sock.recv(65536):
            heard += piece
        self.assertIn(b"the host's platend is closing", heard)
        peer.close()

    def test_an_agent_of_another_version(self):
        host = self.host()
        self.ends(host, hello(7, 9), word="install the same version of Platen on both")
        agent = {c["link"]: c for c in host.ask("doctor", workspace="box")["data"]["checks"]}["agent"]
        self.assertEqual(agent["state"], "fault")
        self.assertIn("speaks protocol 7 to 9", agent["text"])
        self.assertIn("install the platen-guest that belongs to this host", agent["fix"])

    def test_a_frame_over_the_maximum(self):
        self.ends(self.host(), hello(), b"PLF1" + struct.pack("<IQ", 1 << 20, 0), word="session over: ")

    def test_an_unknown_message(self):
        self.ends(self.host(), hello(), frame(field(99, b"x")), word="unknown type")

    def test_a_printer_that_was_never_offered(self):
        job = field(1, 1) + field(2, 77) + field(3, os.urandom(16)) + field(4, 1) + field(5, 1) + field(7, 10) \
            + field(8, "t") + field(9, "u") + field(10, "text/plain")
        self.ends(self.host(), hello(), frame(field(14, job)), word="never offered")
        self.assertEqual(self.spooler.jobs(), [])

    # -- documents and words

    def test_awkward_titles_and_options(self):
        host, guest = self.whole()
        for title in ('two  "quotes" & \'more\'', "line\nbreak\ttab \x1b[31m", "ü" * 127, "x" * 255, "$(reboot) `id` ;"):
            with self.subTest(title=title):
                number = guest.print("laser", pdf(1), "-o", "page-border=single\nPPD: evil", "-o", "job-billing=a 'b' \"c\" {d}",
                                     "-o", "StapleLocation=UpperLeft", title=title)
                self.completed(guest, number)
                job = self.spooler.jobs()[-1]
                self.assertNotIn("\n", job["job-name"])
                self.assertNotIn("\x1b", job["job-name"])
                self.assertEqual(job["StapleLocation"], "UpperLeft")
        self.assertNotIn("\x1b", self.lab.log("platend"))

    def test_awkward_queue_names(self):
        """Names as cupsd takes them, to 127 bytes of UTF-8, print; one that Platen does not take is named in a line."""
        host = self.host()
        names = ["Büro-Süd", "x" * 127, "ü" * 63, "a;b$(c)`d`", "50%"]
        for name in [*names, "a&b"]:
            self.spooler.add_queue(name, self.device.uri + "/?snmp=false", self.lab.dir / "vendor.ppd")
        guest = Guest(self.lab, host).start()
        for n, name in enumerate(names, 1):
            with self.subTest(name=name):
                wait_for(lambda: any(p["name"] == name and p["guest"] == "ready"
                                     for p in host.ask("printers", workspace="box")["data"]["printers"]), "it in the guest")
                self.completed(guest, guest.print(name, pdf(1)))
                wait_for(lambda: len(self.device.received) == n, "the document at the device")
        self.assertNotIn("a&b", guest.spooler.queues())
        self.assertIn("give it another: a&b", self.lab.log("platend"))

    def test_options_that_are_not_the_guests_to_set(self):
        host, guest = self.whole()
        number = guest.print("laser", pdf(1), "-o", "platen-job-uuid=mine", "-o", "platen-owner=root",
                             "-o", "requesting-user-name=root", "-o", "job-originating-user-name=root")
        self.completed(guest, number)
        job = self.spooler.jobs()[-1]
        self.assertEqual((job["job-originating-user-name"], job["platen-owner"]), ("box", "box"))
        self.assertNotEqual(job["platen-job-uuid"], "mine")

    def test_a_document_of_no_bytes(self):
        host, guest = self.whole()
        empty = self.lab.dir / "empty"
        empty.write_bytes(b"")
        guest.spooler.run("lp", "-d", "laser", "-o", "document-format=text/plain", empty, check=False)
        number = guest.print("laser", pdf(1))
        self.completed(guest, number)
        self.assertEqual(len([j for j in self.spooler.jobs() if j["job-state"] == 9]), 1)

    def test_the_hosts_disk_is_full(self):
        libc = ctypes.CDLL(None, use_errno=True)
        self.assertEqual(libc.unshare(0x20000), 0)
        libc.mount(b"none", b"/", None, 0x44000, None)
        host, guest = self.whole()
        spool = self.spooler.dir / "spool"
        self.spooler.stop()
        self.assertEqual(libc.mount(b"tmpfs", str(spool).encode(), b"tmpfs", 0, b"size=1m,mode=710,gid=7"), 0)
        (spool / "tmp").mkdir()
        os.chown(spool / "tmp", 7, 7)
        (spool / "tmp").chmod(0o1770)
        self.spooler.start()
        wait_for(lambda: host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")
        document = os.urandom(1 << 16) * 80
        number = guest.print("laser", document, "-o", "document-format=application/vnd.cups-raw")
        wait_for(lambda: "not taken" in self.lab.log("platend"), "the host to say that it cannot take it", 40)
        self.assertNotEqual(guest.job(number)["job-state"], 9)
        self.assertEqual(libc.mount(b"tmpfs", str(spool).encode(), b"tmpfs", 32, b"size=100m,mode=710,gid=7"), 0)
        self.completed(guest, number, 100)
        wait_for(lambda: self.device.received, "the document at the device")
        self.assertEqual(self.device.received, [document])

    def test_the_guests_disk_is_full(self):
        libc = ctypes.CDLL(None, use_errno=True)
        self.assertEqual(libc.unshare(0x20000), 0)
        libc.mount(b"none", b"/", None, 0x44000, None)
        host = self.host()
        guest = Guest(self.lab, host)
        state = self.lab.dir / "guest-box-state"
        state.mkdir()
        self.assertEqual(libc.mount(b"tmpfs", str(state).encode(), b"tmpfs", 0, b"size=1m,mode=755"), 0)
        (state / "filler").write_bytes(bytes(1 << 20))
        guest.start()
        wait_for(lambda: "could not be kept" in self.lab.log("guest-box-agent"), "a line about the full disk")
        (state / "filler").unlink()
        wait_for(lambda: "laser" in guest.spooler.queues(), "the queue when there is room", 30)
        self.completed(guest, guest.print("laser", pdf(1)))

    @unittest.skipIf(SANITIZED, "a sanitizer's shadow is memory, too")
    def test_a_gigabyte_and_little_memory(self):
        host, guest = self.whole()
        self.spooler.add_queue("null", "file:///dev/null", vendor_ppd(self.lab.dir / "null.ppd"))
        host.ask("mode", workspace="box", mode="all")
        wait_for(lambda: "null" in guest.spooler.queues(), "the queue")
        big = self.lab.dir / "big"
        block = os.urandom(1 << 20)
        with open(big, "wb") as f:
            for _ in range(1024):
                f.write(block)
        guest.spooler.run("lp", "-d", "null", "-o", "document-format=application/vnd.cups-raw", big, timeout=120)
        big.unlink()
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 9], "a gigabyte to be printed", 200)
        pids = [guest.process.pid, host.process.pid] + [pid for p in ("platen-channel", "platen-spool", "platen-virt")
                                                        for pid, _ in host.children(p)]
        for pid in pids:
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            peak = int(status.split("VmHWM:")[1].split()[0])
            self.assertLess(peak, 32 * 1024, pathlib.Path(f"/proc/{pid}/cmdline").read_text())


if __name__ == "__main__":
    unittest.main()
