# SPDX-License-Identifier: Apache-2.0
"""What the benchmarks of queues compare with and look through: plain libcups, and a tap in the channel.

`Cups` is one connection to a spooler by libcups itself (through ctypes, without a line of Platen's), which adds queues
as any program would: one CUPS-Add-Modify-Printer each, with the driver as its document. `Tap` stands between an agent
and the host's end of its channel and counts what crosses, by message.
"""
import ast
import collections
import ctypes
import ctypes.util
import os
import select
import signal
import socket
import struct
import time

OPERATION, PRINTER = 1, 4
ENUM, BOOLEAN, TEXT, NAME, URI = 0x23, 0x22, 0x41, 0x42, 0x45
ADD_MODIFY_PRINTER = 0x4003
IDLE = 3


class Cups:
    def __init__(self, path):
        self.lib = lib = ctypes.CDLL(ctypes.util.find_library("cups"))
        for name in ("httpConnect2", "ippNewRequest", "ippAddString", "cupsDoFileRequest", "cupsLastErrorString"):
            getattr(lib, name).restype = ctypes.c_void_p
        lib.cupsLastErrorString.restype = ctypes.c_char_p
        self.http = ctypes.c_void_p(lib.httpConnect2(os.fsencode(path), 0, None, 0, 0, 1, 30000, None))
        if not self.http:
            raise OSError(f"no cupsd answers at {path}")
        lib.httpSetAuthString(self.http, b"PeerCred", b"root")

    def close(self):
        self.lib.httpClose(self.http)

    def put(self, queue, driver=None, device=None, **texts):
        """Adds a queue, or changes one."""
        lib = self.lib
        request = ctypes.c_void_p(lib.ippNewRequest(ADD_MODIFY_PRINTER))

        def add(group, tag, name, value):
            lib.ippAddString(request, group, tag, name.encode(), None, value.encode())
        add(OPERATION, URI, "printer-uri", f"ipp://localhost/printers/{queue}")
        add(OPERATION, NAME, "requesting-user-name", "root")
        for name, value in texts.items():
            add(PRINTER, TEXT, name.replace("_", "-"), value)
        if device:
            add(PRINTER, URI, "device-uri", device)
            lib.ippAddBoolean(request, PRINTER, b"printer-is-accepting-jobs", ctypes.c_char(1))
            lib.ippAddInteger(request, PRINTER, ENUM, b"printer-state", IDLE)
        answer = lib.cupsDoFileRequest(self.http, request, b"/admin/", os.fsencode(driver) if driver else None)
        lib.ippDelete(ctypes.c_void_p(answer))
        if lib.cupsLastError() > 2:
            raise OSError(f"{queue}: {lib.cupsLastErrorString().decode()}")


class Counter:
    """The frames of one direction (proto/frame.h: magic, size, checksum, payload), by the number of their message."""

    def __init__(self):
        self.data, self.messages, self.sizes, self.total = b"", collections.Counter(), collections.Counter(), 0

    def take(self, data):
        self.total += len(data)
        self.data += data
        while (at := self.data.find(b"PLF1")) >= 0 and len(self.data) >= at + 17:
            size = struct.unpack("<I", self.data[at + 4:at + 8])[0]
            if len(self.data) < at + 16 + size:
                return
            key = self.data[at + 16] & 127  # a message's field is below 32, so that its key has two bytes at most
            if self.data[at + 16] & 128:
                key |= self.data[at + 17] << 7
            self.messages[key >> 3] += 1
            self.sizes[key >> 3] += size
            self.data = self.data[at + 16 + size:]


class Tap:
    """A process of its own, at `path`; ends with what it counted."""

    def __init__(self, path, channel):
        self.path = path
        self.read, write = os.pipe()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen(1)
        self.pid = os.fork()
        if self.pid == 0:
            try:
                signal.signal(signal.SIGTERM, lambda *_: self.tell(write))
                self.serve(listener, str(channel))
            finally:
                os._exit(1)
        os.close(write)
        listener.close()

    def tell(self, write):
        text = repr([(dict(c.messages), dict(c.sizes), c.total) for c in (self.down, self.up)]).encode()
        while text:
            text = text[os.write(write, text):]
        os._exit(0)

    def serve(self, listener, channel):
        self.down, self.up = Counter(), Counter()
        while True:
            guest, _ = listener.accept()
            host = self.connect(channel)
            ways = {host: (guest, self.down), guest: (host, self.up)}
            while ways:
                for one in select.select(list(ways), [], [])[0]:
                    other, counter = ways[one]
                    data = one.recv(1 << 18)
                    if not data:
                        ways = {}
                        break
                    other.sendall(data)
                    counter.take(data)
            guest.close()
            host.close()

    @staticmethod
    def connect(channel):
        while True:  # the host listens again a moment after a session's end
            host = socket.socket(socket.AF_UNIX)
            try:
                host.connect(channel)
                return host
            except OSError:
                host.close()
                time.sleep(0.01)

    def end(self):
        """(messages, sizes, bytes) of what went to the guest, and of what went to the host."""
        os.kill(self.pid, signal.SIGTERM)
        with os.fdopen(self.read) as pipe:
            text = pipe.read()
        os.waitpid(self.pid, 0)
        return ast.literal_eval(text)
