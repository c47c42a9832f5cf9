# SPDX-License-Identifier: Apache-2.0
"""platen-fetch served at a socket, as its unit has it: platend asks there and starts none."""
import os
import pathlib
import socket
import struct
import subprocess
import unittest

from harness import BUILD, Guest, Host, Lab, Sink, Spooler, vendor_ppd, wait_for


def has_ended(pid):
    """Also one that nobody has reaped: the runner adopts whom its parent left."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


class ServeTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.path = self.lab.dir / "fetch"
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(self.listener.close)
        self.listener.bind(str(self.path))
        self.listener.listen(16)

    def serve(self, store, user=None):
        """As systemd does: the listening socket at descriptor 3."""
        number = self.listener.fileno()
        return self.lab.start("fetch", [self.lab.programs / "platen-fetch", store, "--serve"],
                              preexec_fn=lambda: os.set_inheritable(3, True) if number == 3 else os.dup2(number, 3), close_fds=False, user=user)

    def children(self, process):
        return pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()

    def connect(self):
        s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.addCleanup(s.close)
        s.settimeout(20)
        s.connect(str(self.path))
        return s

    def test_platend_has_its_drivers_from_there(self):
        device = Sink(self.lab)
        spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        spooler.add_queue("laser", device.uri, vendor_ppd(self.lab.dir / "vendor.ppd"))
        host = Host(self.lab, spooler)
        (host.state_dir / "drivers").mkdir(parents=True)
        os.chown(host.state_dir / "drivers", 65534, 65534)
        server = self.serve(host.state_dir / "drivers", "nobody")
        host.process = self.lab.start("platend", [BUILD / "platend", "-c", host.config, "--fetch", self.path])
        wait_for(host.control.exists, "platend's control socket")
        Guest(self.lab, host).start()

        def ready():
            found = host.ask("printers", workspace="box")
            return found["ok"] and [p["guest"] for p in found["data"]["printers"]] == ["ready"]
        wait_for(ready, "laser to be ready")
        self.assertEqual(host.children("platen-fetch"), [])
        driver, = (host.state_dir / "drivers").glob("*.ppd.gz")
        self.assertEqual(driver.stat().st_uid, 65534)
        wait_for(lambda: self.children(server) == [], "no fetch to be left")
        # Gone, it is as any failure: said, and tried again.
        self.lab.stop(server)
        self.listener.close()
        self.path.unlink()
        spooler.add_queue("other", device.uri, vendor_ppd(self.lab.dir / "vendor.ppd"))
        wait_for(lambda: f"cannot start platen-fetch by {self.path}: " in self.lab.log("platend"), "what is wrong to be said")

    def test_a_fetch_ends_with_its_connection(self):
        server = self.serve(self.lab.dir)
        one = self.connect()
        wait_for(lambda: len(self.children(server)) == 1, "a process for the connection")
        child, = self.children(server)
        one.close()
        wait_for(lambda: self.children(server) == [], "it to be ended")
        self.assertFalse(pathlib.Path(f"/proc/{child}").exists())

    def test_nonsense_ends_one_and_no_more_than_eight_run(self):
        server = self.serve(self.lab.dir)
        kept = [self.connect() for _ in range(8)]
        wait_for(lambda: len(self.children(server)) == 8, "eight processes")
        self.assertEqual(self.connect().recv(100), b"")
        kept[0].send(struct.pack("II", 99, 8))
        self.assertEqual(kept[0].recv(100), b"")
        wait_for(lambda: len(self.children(server)) == 7, "one of them to end")
        late = self.connect()
        wait_for(lambda: len(self.children(server)) == 8, "room for another")
        late.close()
        self.assertEqual(self.lab.stop(server), 0)

    def test_told_to_end_it_leaves_none(self):
        server = self.serve(self.lab.dir)
        kept = self.connect()
        wait_for(lambda: len(self.children(server)) == 1, "a process")
        child, = self.children(server)
        self.assertEqual(self.lab.stop(server), 0)
        wait_for(lambda: has_ended(child), "it to be gone")
        self.assertEqual(kept.recv(100), b"")

    def test_without_a_socket(self):
        p = subprocess.run([BUILD / "platen-fetch", self.lab.dir, "--serve"], capture_output=True, text=True)
        self.assertEqual(p.returncode, 1)
        self.assertIn("is platen-fetch.socket started?", p.stderr)


if __name__ == "__main__":
    unittest.main()
