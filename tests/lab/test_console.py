# SPDX-License-Identifier: Apache-2.0
"""The lab's own waiting: on a console that is silent, speaks without an end or answers late, it ends at its limit.

The guest is a thread of this process; no VM is started.
"""
import base64
import itertools
import pathlib
import socket
import tempfile
import threading
import time
import types
import unittest
from unittest import mock

import lab as vm

TIMEOUT = 60


class ConsoleTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="console")
        self.addCleanup(folder.cleanup)
        self.dir = pathlib.Path(folder.name)
        self.guest = object.__new__(vm.Workspace)
        self.guest.lab, self.guest.name = types.SimpleNamespace(dir=self.dir), "box"
        self.guest.console_path = self.dir / "box.console"
        self.guest.sock, self.guest.buffer, self.guest.lock = None, b"", threading.Lock()
        self.addCleanup(self.guest.leave)
        (self.dir / "box-serial.log").write_text("a line\nKernel panic - not syncing\n")
        patience = mock.patch.object(vm, "patience", lambda: 1)
        patience.start()
        self.addCleanup(patience.stop)

    def serve(self, answer):
        """A guest: `answer` is called with each connection, in a thread."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.guest.console_path))
        listener.listen(1)
        self.addCleanup(listener.close)

        def loop():
            for number in itertools.count():
                try:
                    s = listener.accept()[0]
                except OSError:
                    return
                try:
                    answer(s, number)
                except OSError:
                    pass
                s.close()
        threading.Thread(target=loop, daemon=True).start()

    def asked(self, s):
        data = b""
        while not data.endswith(b"\n"):
            piece = s.recv(4096)
            if not piece:
                raise ConnectionError
            data += piece
        return base64.b64decode(data).decode()

    def reply(self, s, question, text="", code=0):
        word = question.split("\n")[0].removeprefix("echo ")
        s.sendall(f"{code} ".encode() + base64.b64encode(f"{word}\n{text}".encode()) + b"\n")

    def not_up(self, seconds):
        begun = time.monotonic()
        with self.assertRaisesRegex(AssertionError, "box did not come up(.|\n)*Kernel panic"):
            self.guest.wait_up(seconds)
        self.assertLess(time.monotonic() - begun, seconds + 15)

    def test_nobody_listens(self):
        self.not_up(1)

    def test_silent(self):
        self.serve(lambda s, number: s.recv(1 << 16) and s.recv(1))
        self.not_up(1)

    def test_speaks_without_an_end(self):
        def talk(s, number):
            while True:
                s.sendall(b"0 bm8=\n" if number % 2 else b"no end of a line")
                time.sleep(0.01)
        self.serve(talk)
        self.not_up(1)

    def test_up_at_last(self):
        self.serve(lambda s, number: number >= 2 and self.reply(s, self.asked(s)))
        self.guest.wait_up(20)

    def test_an_answer_that_comes_late(self):
        late = []

        def talk(s, number):
            if number == 0:
                late.append(self.asked(s))
                s.recv(1)  # until it is given up
                return
            question = self.asked(s)
            s.sendall(b"x")  # the rest of a line
            s.sendall(b"\n")
            self.reply(s, late[0], "of the first")
            self.reply(s, question, "of the second", 3)
        self.serve(talk)
        with self.assertRaisesRegex(TimeoutError, "first(.|\n)*Kernel panic"):
            self.guest.run("first", timeout=0.3)
        self.assertEqual(self.guest.run("second", check=False), (3, "of the second"))


if __name__ == "__main__":
    unittest.main()
