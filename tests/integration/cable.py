# SPDX-License-Identifier: Apache-2.0
"""The channel of a workspace with a hand on the cable: cut, stalled, with stale bytes in it."""
import socket
import threading
import time

from harness import Guest


class Cable:
    """A unix socket at `path` that leads to the one at `target`.

    `left`: bytes that still pass, both directions together, before it is cut; None: no end.
    `every`: `left` for each connection anew. `until_still`: bytes that pass before `flow` stops. `told`: bytes that
    went to the guest so far. `nowhere`: when a connection was hung up because nobody was at `target`. One that is
    not `listening` refuses what connects until it is told to listen().
    """

    def __init__(self, path, target, every=None, listening=True):
        self.target, self.pairs, self.stale, self.replay = str(target), [], b"", False
        self.left, self.every, self.cuts, self.flow = None, every, 0, threading.Event()
        self.flow.set()
        self.until_still, self.told, self.nowhere = None, 0, []
        self.server = socket.socket(socket.AF_UNIX)
        self.server.bind(str(path))
        if listening:
            self.listen()

    def listen(self):
        self.server.listen(16)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                near, _ = self.server.accept()
            except OSError:
                return
            far = socket.socket(socket.AF_UNIX)
            try:
                far.connect(self.target)
                if self.replay:
                    self.replay = False
                    far.sendall(self.stale)
            except OSError:
                self.nowhere.append(time.monotonic())
                near.close()
                far.close()
                continue
            if self.every:
                self.left = self.every
            self.pairs.append((near, far))
            threading.Thread(target=self.carry, args=(near, far), daemon=True).start()

    def carry(self, near, far):
        with near, far:
            down = threading.Thread(target=self.copy, args=(far, near, False), daemon=True)
            down.start()
            self.copy(near, far, True)
            down.join()

    def copy(self, source, sink, upwards):
        try:
            while piece := source.recv(1 << 16):
                self.flow.wait()
                if self.until_still is not None:
                    self.until_still -= len(piece)
                    if self.until_still <= 0:
                        self.until_still = None
                        self.flow.clear()
                if not upwards:
                    self.told += len(piece)
                if upwards:
                    self.stale = piece[len(piece) // 3:][:4096]
                if self.left is not None:
                    piece, self.left = piece[:self.left], self.left - len(piece)
                    if self.left <= 0:
                        self.left = None
                        self.cuts += 1
                        sink.sendall(piece)
                        break
                sink.sendall(piece)
        except OSError:
            pass  # the other direction was cut
        for s in (source, sink):
            try:
                s.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def cut(self):
        for pair in self.pairs:
            for s in pair:
                try:
                    s.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.pairs = []

    def close(self):
        self.flow.set()
        self.cut()
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()


def cabled(lab, host):
    """A cable to the host's channel of the workspace box, and a guest, not started yet, that is at its other end."""
    path, channel = lab.dir / "cable", host.channel("box")
    cable = Cable(path, channel)
    lab.closers.append(cable.close)
    guest = Guest(lab, host)
    guest.config.write_text(guest.config.read_text().replace(str(channel), str(path)))
    return cable, guest
