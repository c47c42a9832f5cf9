# SPDX-License-Identifier: Apache-2.0
"""A way to a spooler on which a request can be kept for as long as a test needs."""
import os
import re
import socket
import threading

# The end of the HTTP header, perhaps a chunk's size, the version and the operation (RFC 8010 3.4).
REQUEST = re.compile(rb"\r\n\r\n(?:[0-9a-fA-F]+\r\n)?[\x01\x02].([\x00\x40][\x00-\xff])", re.S)


class Gate:
    """A way to a spooler on which requests of some operations wait. `seen` and `open`: events for each of them."""

    def __init__(self, path, spooler, *operations):
        self.spooler = spooler
        self.seen = {op: threading.Event() for op in operations}
        self.open = {op: threading.Event() for op in operations}
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        os.chmod(path, 0o666)
        self.listener.listen(64)
        self.closed, self.threads, self.sockets = False, [], []
        self.run(self.accept)

    def run(self, function, *args):
        thread = threading.Thread(target=function, args=args, daemon=True)
        self.threads.append(thread)
        thread.start()

    def close(self):
        self.closed = True
        for event in self.open.values():
            event.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        for s in self.sockets:
            self.shut(s, socket.SHUT_RDWR)
        for thread in self.threads:
            thread.join()
        for s in (*self.sockets, self.listener):
            s.close()

    @staticmethod
    def shut(s, how):
        try:
            s.shutdown(how)
        except OSError:
            pass  # the other side was first

    def accept(self):
        while not self.closed:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            self.sockets += (client, server)
            try:
                server.connect(str(self.spooler.socket))
            except OSError:
                self.shut(client, socket.SHUT_RDWR)
                continue
            self.run(self.pump, client, server, True)
            self.run(self.pump, server, client, False)

    def pump(self, source, target, is_request):
        last = b""
        try:
            while piece := source.recv(1 << 16):
                if is_request:
                    self.look_at(last, piece)
                    last = (last + piece)[-64:]
                target.sendall(piece)
        except OSError:
            pass  # a worker that was killed
        self.shut(target, socket.SHUT_WR)

    def look_at(self, last, piece):
        """Waits if a request that has to begins, or has its operation, in this piece."""
        for match in REQUEST.finditer(last + piece):
            op = int.from_bytes(match[1], "big")
            if match.end() > len(last) and op in self.open:
                self.seen[op].set()
                self.open[op].wait()
