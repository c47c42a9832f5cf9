# SPDX-License-Identifier: Apache-2.0
"""A guest that speaks the real protocol by hand, and lies where it is told to.

Nothing of Platen's own code is used: frames and protobuf are put together here from PROTOCOL.md, so
that what a hostile guest could send can be sent.
"""
import os
import select
import socket
import struct
import time

import xxhash

(HELLO, WELCOME, BYE, PING, PONG, OFFER_BEGIN, PRINTER, PRINTER_GONE, OFFER_END, PRINTER_STATE, PRINTER_REPORT, DRIVER_GET,
 DRIVER_DATA, JOB_OPEN, JOB_ACCEPT, JOB_DATA, JOB_CREDIT, JOB_SEAL, JOB_STATE, JOB_CANCEL, JOB_CLOSE, GUEST_STATUS,
 RESTART_NEED, ACTIVITY, RESTART_ANSWER) = range(1, 26)
PACKAGE_GET = 29
REFUSED, COMPLETED = 8, 5


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


def message(kind, **fields):
    """An Envelope: its fields as f1=…, f2=…; a list is a repeated field."""
    body = b""
    for name, value in fields.items():
        for one in value if isinstance(value, list) else [value]:
            body += field(int(name[1:]), one)
    return field(kind, body)


def frame(payload):
    return b"PLF1" + struct.pack("<IQ", len(payload), xxhash.xxh3_64_intdigest(payload)) + payload


def parse(data):
    """A protobuf message as {field: [values]}."""
    fields, at = {}, 0

    def number():
        nonlocal at
        n = shift = 0
        while True:
            byte = data[at]
            at += 1
            n |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return n
    while at < len(data):
        key = number()
        if key & 7 == 0:
            value = number()
        else:
            size = number()
            value = data[at:at + size]
            at += size
        fields.setdefault(key >> 3, []).append(value)
    return fields


class Closed(Exception):
    pass


class Guest:
    def __init__(self, host, workspace="box", timeout=20):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(str(host.channel(workspace)))
        self.data = b""
        self.printers, self.seen = {}, []

    def more(self):
        piece = self.sock.recv(1 << 16)
        if not piece:
            raise Closed()
        self.data += piece

    def sync(self):
        """Asks for a session, as the host's nonce allows."""
        while b"PLS\xff" not in self.data or len(self.data) - self.data.index(b"PLS\xff") < 48:
            self.more()
        self.host_nonce = self.data[self.data.index(b"PLS\xff") + 32:][:16]
        self.data = b""
        self.ask_for_session()
        return self

    def ask_for_session(self):
        self.raw(self.token())

    def token(self):
        return b"PLS\xff" + struct.pack("<I", 1) + b"\xffplaten1" + os.urandom(16) + self.host_nonce

    def greet(self):
        self.sync()
        self.send(HELLO, f1=1, f2=1, f3="hostile 1")
        self.until(lambda kind, f: kind == OFFER_END)
        return self

    def raw(self, data):
        self.sock.sendall(data)

    def send(self, kind, **fields):
        self.raw(frame(message(kind, **fields)))

    def next(self):
        """The next message: (kind, its fields)."""
        while True:
            at = self.data.find(b"PLF1")
            if at >= 0 and len(self.data) >= at + 16:
                size = struct.unpack("<I", self.data[at + 4:at + 8])[0]
                if len(self.data) >= at + 16 + size:
                    payload = self.data[at + 16:at + 16 + size]
                    self.data = self.data[at + 16 + size:]
                    (kind, (body,)), = parse(payload).items()
                    fields = parse(body)
                    self.seen.append((kind, fields))
                    if kind == PRINTER:
                        self.printers[fields[7][0].decode()] = fields.get(1, [0])[0]
                    if kind == PING:
                        self.send(PONG, f1=fields.get(1, [0])[0])
                    return kind, fields
            self.more()

    def until(self, wanted):
        while True:
            kind, fields = self.next()
            if wanted(kind, fields):
                return fields

    def is_over(self, timeout=20):
        """The session ends: a BYE, another session's token, or the end of the channel. Its words."""
        end = time.monotonic() + timeout
        while time.monotonic() < end:
            try:
                if b"PLS\xff" in self.data:
                    return "asked for a new session"
                kind, fields = self.next()
                if kind == BYE:
                    return fields.get(2, [b""])[0].decode()
            except (Closed, OSError):
                return "closed"
        raise AssertionError("the session goes on")

    def readable(self, seconds):
        return bool(self.data) or bool(select.select([self.sock], [], [], seconds)[0])

    def open_job(self, ref, size, printer="laser", job=None, file=1, copies=1, title="t", user="u", kind="application/pdf",
                 options=()):
        self.send(JOB_OPEN, f1=ref, f2=self.printers.get(printer, 0) if isinstance(printer, str) else printer,
                  f3=job or os.urandom(16), f4=file, f5=copies, f6=1, f7=size, f8=title, f9=user, f10=kind,
                  f11=[field(1, n) + field(2, v) for n, v in options])

    def print(self, document, ref=1, **how):
        """A whole job, in order, to its last state."""
        self.open_job(ref, len(document), **how)
        kind, fields = JOB_STATE, {}
        while kind != JOB_ACCEPT:
            kind, fields = self.next()
            if kind == JOB_STATE and fields.get(4):
                return fields
            if kind == JOB_STATE and fields.get(2) == [REFUSED]:
                return fields
        credit, at = fields[2][0], fields.get(3, [0])[0]
        while at < len(document):
            while credit <= 0:
                credit += self.until(lambda kind, f: kind == JOB_CREDIT)[2][0]
            piece = document[at:at + min(credit, 65536)]
            self.send(JOB_DATA, f1=ref, f2=at, f3=piece)
            at += len(piece)
            credit -= len(piece)
        self.send(JOB_SEAL, f1=ref, f2=len(document), f3=xxhash.xxh3_128_digest(document))
        return self.until(lambda kind, f: kind == JOB_STATE and (f.get(4) or f.get(2) == [REFUSED]))

    def close(self):
        self.sock.close()
