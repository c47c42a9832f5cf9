# SPDX-License-Identifier: Apache-2.0
"""A small IPP client over a unix socket (RFC 8010), for looking at spoolers from tests.

It knows nothing of libcups, so that a test does not look through the eyes of what it tests.
"""
import http.client
import socket
import struct

from patience import patience

GROUPS = {1: "operation", 2: "job", 4: "printer", 5: "unsupported", 6: "subscription"}
OPERATIONS = {"Print-Job": 0x02, "Create-Job": 0x05, "Send-Document": 0x06, "Get-Jobs": 0x0A, "Get-Job-Attributes": 0x09, "Get-Printer-Attributes": 0x0B,
              "CUPS-Get-Printers": 0x4002, "CUPS-Get-Default": 0x4001}
INTEGER, BOOLEAN, ENUM, RANGE, URI, KEYWORD, NAME, TEXT, MIME = 0x21, 0x22, 0x23, 0x33, 0x45, 0x44, 0x42, 0x41, 0x49


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost", timeout=30 * patience())
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(30 * patience())
        self.sock.connect(str(self.path))


def attribute(tag, name, *values):
    out = b""
    for i, value in enumerate(values):
        if tag in (INTEGER, ENUM):
            data = struct.pack(">i", value)
        elif tag == BOOLEAN:
            data = bytes([value])
        else:
            data = value.encode()
        key = name.encode() if i == 0 else b""
        out += struct.pack(">BH", tag, len(key)) + key + struct.pack(">H", len(data)) + data
    return out


def decode_value(tag, data):
    if tag in (INTEGER, ENUM):
        return struct.unpack(">i", data)[0]
    if tag == BOOLEAN:
        return data != b"\0"
    if tag == RANGE:
        return struct.unpack(">ii", data)
    if tag in (0x30, 0x31, 0x32, 0x34, 0x37):
        return data
    return data.decode(errors="replace")


def parse(body):
    """The status and the groups, each a dict of name to value or list of values."""
    status = struct.unpack(">H", body[2:4])[0]
    groups, at, current, name = [], 8, None, None
    while at < len(body):
        tag = body[at]
        at += 1
        if tag == 3:
            break
        if tag < 0x10:
            current = {}
            groups.append((GROUPS.get(tag, str(tag)), current))
            continue
        size = struct.unpack(">H", body[at:at + 2])[0]
        if size:
            name = body[at + 2:at + 2 + size].decode()
        at += 2 + size
        length = struct.unpack(">H", body[at:at + 2])[0]
        value = decode_value(tag, body[at + 2:at + 2 + length])
        at += 2 + length
        if size:
            current[name] = value
        elif isinstance(current.get(name), list):
            current[name].append(value)
        else:
            current[name] = [current[name], value]
    return status, groups


def ask(path, operation, *attributes, uri="ipp://localhost/", data=b""):
    request = struct.pack(">BBHI", 2, 0, OPERATIONS[operation], 1) + b"\x01"
    request += attribute(0x47, "attributes-charset", "utf-8") + attribute(0x48, "attributes-natural-language", "en")
    if not operation.startswith("CUPS-"):
        request += attribute(URI, "printer-uri", uri)
    request += attribute(NAME, "requesting-user-name", "root") + b"".join(attributes) + b"\x03" + data
    connection = UnixConnection(path)
    try:
        connection.request("POST", "/", request, {"Content-Type": "application/ipp"})
        return parse(connection.getresponse().read())
    finally:
        connection.close()
