# SPDX-License-Identifier: Apache-2.0
"""A workspace with both devices: vsock is preferred, and one takes over when the other goes. A unix socket is its vsock
and a terminal its port; with the real ones: tests/lab/test_devices.py."""
import os
import pty
import socket
import threading
import time
import tty
import unittest

from cable import Cable
from harness import Guest, Host, Lab, Sink, Spooler, vendor_ppd, wait_for

TIMEOUT = 180
SIZE = 8 << 20
COMPLETED = 9
RAW = ("-o", "document-format=application/vnd.cups-raw")


class Port:
    """A terminal at `path` that leads to the unix socket `target` as soon as the guest says something."""

    def __init__(self, path, target):
        self.path, self.target, self.far, self.carried = path, str(target), None, 0
        self.master, self.slave = pty.openpty()
        tty.setraw(self.slave)
        path.symlink_to(os.ttyname(self.slave))
        os.close(self.slave)
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.open = True
        self.thread.start()

    def serve(self):
        while self.open:
            try:
                piece = os.read(self.master, 1 << 16)
            except OSError:  # nobody has it open
                time.sleep(0.05)
                continue
            self.carried += len(piece)
            try:
                if not self.far:
                    self.far = socket.socket(socket.AF_UNIX)
                    self.far.connect(self.target)
                    threading.Thread(target=self.down, args=(self.far,), daemon=True).start()
                self.far.sendall(piece)
            except OSError:
                self.hang_up()

    def hang_up(self):
        if self.far:
            self.far.close()
        self.far = None

    def down(self, far):
        try:
            while piece := far.recv(1 << 12):
                while piece:
                    piece = piece[os.write(self.master, piece):]
        except OSError:
            pass
        if self.far is far:
            self.hang_up()

    def take_away(self):
        self.path.unlink()
        self.open = False
        os.close(self.master)


class DevicesTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.device = Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.spooler.add_queue("laser", self.device.uri, vendor_ppd(self.lab.dir / "vendor.ppd"))
        self.host = Host(self.lab, self.spooler, settings="raw = yes").start()
        self.guest = Guest(self.lab, self.host, program="two-ways-agent")
        text = self.guest.config.read_text()
        self.guest.config.write_text(text.replace("transport = unix", "transport = auto")
                                     .replace(f"path = {self.host.channel('box')}", f"path = {self.lab.dir / 'port'}"))
        self.vsock_path = self.lab.dir / "vsock"
        os.environ["PLATEN_VSOCK"] = str(self.vsock_path)
        self.addCleanup(os.environ.pop, "PLATEN_VSOCK")

    def bring_vsock(self):
        """Under another name first, so that it listens when it appears."""
        cable = Cable(self.lab.dir / "vsock.new", self.host.channel("box"))
        os.rename(self.lab.dir / "vsock.new", self.vsock_path)
        self.lab.closers.append(lambda: cable.server.fileno() < 0 or cable.close())
        return cable

    def bring_port(self):
        return Port(self.lab.dir / "port", self.host.channel("box"))

    def take_vsock(self, cable):
        self.vsock_path.unlink()
        cable.close()

    def ready(self):
        wait_for(lambda: [p["guest"] for p in self.host.ask("printers", workspace="box")["data"]["printers"]] == ["ready"], "the queue")

    def said(self, text, times=1):
        wait_for(lambda: self.lab.log("guest-box-agent").count(text) >= times, f"the agent to say: {text}")

    def print(self, title, size=1000):
        number = self.guest.print("laser", os.urandom(size), *RAW, title=title)
        return number

    def done(self, number, count):
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, f"job {number}", 40)
        wait_for(lambda: len(self.device.received) >= count, "the document")
        self.assertEqual([j["job-state"] for j in self.spooler.jobs()], [COMPLETED] * count)

    def test_each_takes_over(self):
        vsock, port = self.bring_vsock(), self.bring_port()
        self.guest.start()
        self.ready()
        self.done(self.print("by vsock"), 1)
        self.assertEqual(port.carried, 0)
        # vsock goes, in the middle of a job.
        vsock.until_still = 1 << 20
        number = self.print("loses vsock", SIZE)
        wait_for(lambda: not vsock.flow.is_set(), "the document on its way")
        self.take_vsock(vsock)
        self.ready()
        self.done(number, 2)
        self.assertGreater(port.carried, SIZE // 2)
        # It comes back, and the session moves over, in the middle of a job or not.
        vsock = self.bring_vsock()
        self.said("the host is there by vsock, too")
        self.ready()
        carried = port.carried
        self.done(self.print("by vsock again"), 3)
        self.assertEqual(port.carried, carried)
        # The port goes, which nobody minds, and comes again.
        port.take_away()
        self.done(self.print("without a port"), 4)
        port = self.bring_port()
        # The host is away for a while: both are tried, and vsock is what it ends with.
        self.host.stop()
        wait_for(lambda: port.carried, "the port to be tried")
        self.host.start()
        self.said("the host is there by vsock, too", 2)
        self.ready()
        self.done(self.print("after the host's restart"), 5)
        self.assertEqual(self.guest.stop(), 0)

    def test_vsock_that_leads_nowhere(self):
        """Somebody takes the connection and hangs up: the port is used, and vsock is left to rest, longer each time,
        until it leads to the host."""
        vsock, port = Cable(self.vsock_path, self.lab.dir / "nobody"), self.bring_port()
        self.lab.closers.append(vsock.close)
        self.guest.start()
        self.ready()
        self.done(self.print("by the port"), 1)
        # First by itself, then by a trial, which rests one second after it and two after the next.
        wait_for(lambda: len(vsock.nowhere) >= 4, "vsock to be tried again", 30)
        gaps = [after - before for before, after in zip(vsock.nowhere[1:], vsock.nowhere[2:])]
        self.assertGreater(gaps[0], 0.9)
        self.assertGreater(gaps[1], 1.9)
        self.ready()
        vsock.target = str(self.host.channel("box"))
        wait_for(lambda: vsock.pairs, "vsock to be tried once more", 30)
        self.ready()
        carried = port.carried
        self.done(self.print("by vsock"), 2)
        self.assertEqual(port.carried, carried)
        # What it had to rest is forgotten with that: the next session over the port tries at once.
        tried = len(vsock.nowhere)
        vsock.target = str(self.lab.dir / "nobody")
        vsock.cut()
        wait_for(lambda: len(vsock.nowhere) >= tried + 3, "vsock to be tried again", 30)
        self.done(self.print("by the port again"), 3)
        self.assertEqual(self.guest.stop(), 0)

    def test_vsock_that_is_refused_at_first(self):
        """A host that listens only later is found within the same session, and nothing tells of it."""
        vsock, port = Cable(self.vsock_path, self.host.channel("box"), listening=False), self.bring_port()
        self.lab.closers.append(lambda: vsock.pairs and vsock.close())
        self.guest.start()
        self.ready()
        self.done(self.print("by the port"), 1)
        self.assertEqual(vsock.pairs, [])
        vsock.listen()
        self.said("the host is there by vsock, too")
        self.ready()
        carried = port.carried
        self.done(self.print("by vsock"), 2)
        self.assertEqual(port.carried, carried)
        self.assertEqual(self.guest.stop(), 0)


if __name__ == "__main__":
    unittest.main()
