# SPDX-License-Identifier: Apache-2.0
"""A hostile print server and a hostile device: whatever they send, however they send it, platen-fetch says one clear line,
in bounded time and memory, and nothing reaches the store. (test_fetch.py, test_print_servers.py and test_driverless.py have
what is merely wrong.)"""
import concurrent.futures
import gzip
import os
import pathlib
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import unittest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parent.parent / "integration")]
from harness import BUILD, Lab, VENDOR_PPD  # noqa: E402
from ipp import KEYWORD, attribute  # noqa: E402

PPD = VENDOR_PPD.replace("{model}", "Laser 100").encode("latin-1")
OK = b"HTTP/1.1 200 OK\r\n"
MIME, TEXT, COLLECTION, END_COLLECTION, MEMBER = 0x49, 0x41, 0x34, 0x37, 0x4A
MEMORY_MAX = 100 * 1024 * 1024  # bytes, of platen-fetch or of what it starts
SECONDS_MAX = 75
# Runs a program and says the most memory it had; a fork of the test would count the test's as the child's.
MEASURE = """import os, resource, sys
status = os.spawnv(os.P_WAIT, "/usr/bin/env", ["env", *sys.argv[1:]])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(status)"""
SANITIZED = "asan" in subprocess.run(["ldd", BUILD / "platen-fetch"], capture_output=True, text=True).stdout


class Server:
    """Answers each connection with `answer(connection)`, which writes to the socket what it likes."""

    def __init__(self, lab, answer, context=None):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port, self.answer, self.context, self.count = self.listener.getsockname()[1], answer, context, 0
        threading.Thread(target=self.serve, daemon=True).start()
        lab.closers.append(self.listener.close)

    def serve(self):
        while True:
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            threading.Thread(target=self.one, args=(connection,), daemon=True).start()

    def one(self, connection):
        try:
            if self.context:
                connection = self.context.wrap_socket(connection, server_side=True)
            with connection:
                self.answer(connection)
        except OSError:
            pass  # it was left, which is the point


def read_request(connection):
    """The head of a request; its body, if any, is small and comes with it or is left."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connection.recv(65536)
        if not piece:
            break
        data += piece
    return data


def says(*pieces):
    """Answers with the pieces and hangs up. An iterator among them goes on for as long as it is read."""
    def answer(connection):
        read_request(connection)
        for piece in pieces:
            for data in [piece] if isinstance(piece, bytes) else piece:
                connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        connection.recv(65536)
    return answer


def forever(data, seconds=0):
    while True:
        yield data
        if seconds:
            time.sleep(seconds)


def with_length(body, kind=b"application/ipp", head=OK):
    return head + b"Content-Type: " + kind + b"\r\nContent-Length: %d\r\n\r\n" % len(body) + body


IPP = struct.pack(">BBHI", 2, 0, 0, 1) + b"\x04"


def nested(depth, end=True):
    """A collection in a collection in a collection."""
    level = attribute(MEMBER, "", "media-size") + attribute(COLLECTION, "", "")
    return IPP + attribute(MIME, "document-format-supported", "application/pdf") + \
        attribute(COLLECTION, "media-col-database", "") + level * depth + \
        (attribute(END_COLLECTION, "", "") * (depth + 1) + b"\x03" if end else b"")


class ServersCase(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)

    def fetch(self, server, name, path, source, options=(), binds=()):
        """What platen-fetch says of a server, how long it took, and the most memory that it or its helper had."""
        store = self.lab.dir / f"store-{''.join(c if c.isalnum() else '-' for c in name)}"
        store.mkdir()
        scheme = "ipps" if server.context else "ipp"
        argv = [BUILD / "platen-fetch", store, "--queue", "q", "--uri", f"{scheme}://127.0.0.1:{server.port}{path}",
                "--cups-socket", "/nonexistent", "--drivers", source, *options]
        if binds:
            argv = ["unshare", "--mount", "sh", "-c", " && ".join(f"mount --bind {a} {b}" for a, b in binds) + ' && exec "$@"',
                    "sh", *argv]
        begin = time.monotonic()
        p = subprocess.Popen([sys.executable, "-c", MEASURE, *map(str, argv)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(lambda: p.poll() is None and p.kill())
        out, err = p.communicate()
        memory = int(err.splitlines()[-1]) * 1024
        self.assertEqual(len(out.splitlines()), 1, f"{name}: {out}{err}")
        self.assertTrue(out.strip().isprintable(), f"{name}: {out!r}")
        return p.returncode, out.strip(), time.monotonic() - begin, memory, list(store.glob("*.ppd.gz"))

    def refused(self, source, path, rows, context=None, options=(), binds=()):
        """Each row, (name, answer, words), at the same time, for some take as long as they may."""
        servers = [Server(self.lab, answer, context) for _, answer, _ in rows]
        with concurrent.futures.ThreadPoolExecutor(len(rows)) as pool:
            results = list(pool.map(lambda row, server: self.fetch(server, row[0], path, source, options, binds), rows, servers))
        for (name, _, words), (code, text, seconds, memory, drivers) in zip(rows, results):
            print(f"{name}: {text} ({seconds:.1f} s, {memory >> 20} MiB)")
            with self.subTest(name):
                self.assertEqual(code, 1, text)
                self.assertIn(words, text)
                self.assertEqual(drivers, [])
                self.assertLess(seconds, SECONDS_MAX)
                if not SANITIZED:
                    self.assertLess(memory, MEMORY_MAX)


class PrintServerTest(ServersCase):
    def test_what_it_sends_and_how(self):
        bomb = gzip.compress(PPD + b"\n" * 100_000_000)
        chunked = OK + b"Transfer-Encoding: chunked\r\n\r\n"
        self.refused("server", "/printers/q", [
            ("nothing at all", lambda connection: (read_request(connection), connection.recv(1)), "too slow"),
            ("a byte a second of the head", says(OK + b"X: ", forever(b"y", 1)), "too slow"),
            ("a byte a second of the body", says(OK + b"\r\n", forever(b"*", 1)), "too slow"),
            ("a head without an end", says(OK, forever(b"X-More: " + b"y" * 1000 + b"\r\n")), "a head of more than 64 KiB"),
            ("one header without an end", says(OK + b"X-More: ", forever(b"y" * 65536)), "a line that is too long"),
            ("interim answers without an end", says(forever(b"HTTP/1.1 100 Continue\r\n\r\n")), "a head of more than 64 KiB"),
            ("a body without an end", says(OK + b"\r\n", forever(b"*" * 65536)), "more than 4 MiB"),
            ("4 GiB announced", says(OK + b"Content-Length: 4294967296\r\n\r\n", forever(b"*" * 65536)), "more than 4 MiB"),
            ("a length below zero", says(OK + b"Content-Length: -1\r\n\r\n" + PPD), "failed"),
            ("a length that is none", says(OK + b"Content-Length: 99999999999999999999999\r\n\r\n" + PPD), "more than 4 MiB"),
            ("a chunk of 2^64 bytes", says(chunked + b"FFFFFFFFFFFFFFFF\r\n", forever(b"*" * 65536)), "chunked-encoding"),
            ("a chunk beyond all numbers", says(chunked + b"F" * 60 + b"\r\n" + PPD), "failed"),
            ("a chunk's extension without an end", says(chunked + b"5;", forever(b"x" * 65536)), "failed"),
            ("chunks without an end", says(chunked, forever(b"1\r\n*\r\n" * 10000)), "more than 4 MiB"),
            ("chunks that are none", says(chunked + b"hello\r\n" + PPD), "failed"),
            # libcurl 7.88 keeps each line of it: without a bound that was half a gigabyte in seconds.
            ("a trailer without an end",
             says(chunked + b"1\r\n*\r\n0\r\n", forever(b"X-More: " + b"y" * 1000 + b"\r\n")), "a head of more than 64 KiB"),
            ("a bomb as content", says(with_length(bomb, b"application/vnd.cups-ppd")), "larger than 4 MiB"),
            ("a bomb in transfer",
             says(with_length(bomb, b"application/vnd.cups-ppd", OK + b"Content-Encoding: gzip\r\n")), "larger than 4 MiB"),
            ("packed in transfer", says(with_length(bomb, b"x/y", OK + b"Transfer-Encoding: gzip\r\n")), "refused"),
            ("no HTTP", says(b"SSH-2.0-OpenSSH_9.2\r\n", forever(b"x" * 65536)), "failed"),
            ("HTTP/0.9", says(PPD), "failed"),
            ("words for a terminal", says(b"HTTP/1.1 404 \x1b[31m\r\n\r\n"), "no driver"),
            ("hung up", lambda connection: connection.close(), "failed"),
        ])

    def test_redirects(self):
        elsewhere = Server(self.lab, says(with_length(PPD, b"application/vnd.cups-ppd")))
        there = b"Location: http://127.0.0.1:%d/x.ppd\r\nContent-Length: 0\r\n\r\n" % elsewhere.port
        self.refused("server", "/printers/q", [
            (f"status {status}", says(b"HTTP/1.1 %d Elsewhere\r\n" % status + there), "redirects elsewhere")
            for status in (301, 302, 303, 307, 308)])
        self.refused("server", "/printers/q", [
            ("to a file", says(b"HTTP/1.1 302 Elsewhere\r\nLocation: file:///etc/passwd\r\nContent-Length: 0\r\n\r\n"),
             "redirects elsewhere"),
            ("by a refresh", says(with_length(b"", b"text/html", OK + b"Refresh: 0; url=http://127.0.0.1:%d/\r\n" % elsewhere.port)),
             "re"),
        ])
        self.assertEqual(elsewhere.count, 0)


class TlsTest(ServersCase):
    def certificate(self, name, alt="IP:127.0.0.1", days=("-days", "2")):
        pem, key = self.lab.dir / f"{name}.pem", self.lab.dir / f"{name}.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                        "-out", pem, "-subj", f"/CN={name}", "-addext", f"subjectAltName={alt}", *days],
                       check=True, capture_output=True)
        return pem, key

    def expired(self):
        """A certificate whose time is over, of an authority of its own: `openssl ca` can date it."""
        key, request, pem = (self.lab.dir / f"expired.{end}" for end in ("key", "csr", "pem"))
        config = self.lab.dir / "ca.conf"
        (self.lab.dir / "index.txt").write_text("")
        config.write_text(f"[ca]\ndefault_ca=a\n[a]\ndatabase={self.lab.dir}/index.txt\nnew_certs_dir={self.lab.dir}\n"
                          "default_md=sha256\nrand_serial=yes\npolicy=p\ncopy_extensions=copy\n[p]\ncommonName=supplied\n")
        subprocess.run(["openssl", "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key, "-out",
                        request, "-subj", "/CN=expired", "-addext", "subjectAltName=IP:127.0.0.1"], check=True, capture_output=True)
        subprocess.run(["openssl", "ca", "-config", config, "-batch", "-selfsign", "-keyfile", key, "-in", request, "-out", pem,
                        "-notext", "-startdate", "20200101000000Z", "-enddate", "20200201000000Z"], check=True, capture_output=True)
        return pem, key

    def context(self, pem, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pem, key)
        return context

    def test_certificates(self):
        answer = says(with_length(PPD, b"application/vnd.cups-ppd"))
        for name, (pem, key), words in (("expired", self.expired(), "expired"),
                                        ("other", self.certificate("other", "DNS:other.example"), "not trusted")):
            # Each is one that this machine's authorities vouch for: it is refused for what it is.
            self.refused("server", "/printers/q", [(name, answer, words)], self.context(pem, key),
                         binds=[(pem, "/etc/ssl/certs/ca-certificates.crt")])
        self.refused("server", "/printers/q", [("nobody's", answer, "not trusted")], self.context(*self.certificate("own")))

    def test_old_protocols(self):
        pem, key = self.certificate("old")
        context = self.context(pem, key)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version, context.maximum_version = ssl.TLSVersion.MINIMUM_SUPPORTED, ssl.TLSVersion.TLSv1_1
        self.refused("server", "/printers/q", [("TLS 1.1", says(with_length(PPD, b"application/vnd.cups-ppd")), "version")], context,
                     binds=[(pem, "/etc/ssl/certs/ca-certificates.crt")])
        # Neither where the machine's own settings would let it.
        config = self.lab.dir / "openssl.cnf"
        config.write_text("openssl_conf=a\n[a]\nssl_conf=b\n[b]\nsystem_default=c\n[c]\nMinProtocol=TLSv1\nCipherString=ALL:@SECLEVEL=0\n")
        self.refused("server", "/printers/q", [("TLS 1.1 allowed", says(with_length(PPD, b"application/vnd.cups-ppd")), "version")],
                     context, binds=[(pem, "/etc/ssl/certs/ca-certificates.crt"), (config, "/etc/ssl/openssl.cnf")])

    def test_handshakes(self):
        class Plain:  # says "ipps" to platen-fetch, and no TLS to the server
            def wrap_socket(self, connection, server_side):
                return connection
        self.refused("server", "/printers/q", [
            ("no TLS", says(b"HTTP/1.1 200 OK\r\n\r\n"), "failed"),
            ("never ends", lambda connection: (connection.recv(65536), [connection.sendall(b"\x16") or time.sleep(1)
                                                                         for _ in range(100)]), "failed"),
            ("a record of 16 KiB of noise", lambda connection: (connection.recv(65536), connection.sendall(
                b"\x16\x03\x03\x40\x00" + os.urandom(16384)), connection.recv(1)), "failed"),
        ], Plain())


class DeviceTest(ServersCase):
    def test_what_it_says_of_itself(self):
        formats = attribute(MIME, "document-format-supported", "application/pdf")
        lie = struct.pack(">BH", KEYWORD, 5) + b"sides" + struct.pack(">H", 65535) + b"one-sided"
        below = struct.pack(">BH", KEYWORD, 5) + b"sides" + struct.pack(">H", 0x8000) + b"x" * 100
        name = struct.pack(">BH", KEYWORD, 65535) + b"sides"
        number = struct.pack(">BH", 0x21, 6) + b"copies" + struct.pack(">H", 400) + b"\1" * 400
        size = struct.pack(">BH", 0x32, 26) + b"printer-resolution-default" + struct.pack(">H", 3) + b"abc"
        many = IPP + formats + attribute(KEYWORD, "media-supported", "x" * 100) + attribute(KEYWORD, "", "x" * 100) * 45000
        head = OK + b"Content-Type: application/ipp\r\n"
        self.refused("device", "/ipp/print", [
            ("100,000 collections deep", says(with_length(nested(100000))), "driver"),
            ("200,000 collections deep, none ended", says(with_length(nested(200000, False))), "driver could be made"),
            ("a value longer than the answer", says(with_length(IPP + formats + lie + b"\x03")), "not in order"),
            ("a value of 32 KiB that is not there", says(with_length(IPP + formats + below)), "not in order"),
            ("a name longer than the answer", says(with_length(IPP + formats + name)), "not in order"),
            ("a number of 400 bytes", says(with_length(IPP + formats + number + b"\x03")), "not in order"),
            ("a resolution of 3 bytes", says(with_length(IPP + formats + size + b"\x03")), "not in order"),
            ("1 GiB of attributes", says(head + b"\r\n" + many, (b"x" * 65536 for _ in range(16384))), "more than 4 MiB"),
            ("4 MiB of attributes without an end", says(with_length(many[:4_000_000])), "not in order"),
            ("a byte a second", says(head + b"\r\n", forever(b"\x02", 1)), "too slow"),
            ("a text for a terminal", says(with_length(struct.pack(">BBHI", 2, 0, 0x0400, 1) + b"\x01" +
                                                       attribute(TEXT, "status-message", "\x1b[31mred\n") + b"\x03")), "does not tell"),
        ])

    def test_collections_that_mean_nothing(self):
        # What is nested deeper than any attribute is left out; the rest of the answer is as good as without it.
        code, text, _, _, drivers = self.fetch(Server(self.lab, says(with_length(nested(1000)))), "nested", "/ipp/print", "device")
        self.assertEqual((code, text.split(":")[0], len(drivers)), (0, "fetched", 1), text)

    def test_names_without_an_end(self):
        # The catalogue of a device's own names is no reason to have no driver, and none to wait for long.
        attributes = with_length(IPP + attribute(MIME, "document-format-supported", "application/pdf") +
                                 attribute(0x45, "printer-strings-uri", "http://x/names") + b"\x03")

        def answer(connection):
            request = read_request(connection)
            if request.startswith(b"POST"):
                connection.sendall(attributes)
            else:
                connection.sendall(OK + b"Content-Type: text/strings\r\n\r\n")
                for piece in forever(b'"a" = "b";\n' * 5000):
                    connection.sendall(piece)
        code, text, seconds, memory, drivers = self.fetch(Server(self.lab, answer), "names", "/ipp/print", "device")
        self.assertEqual((code, text.split(":")[0], len(drivers)), (0, "fetched", 1), text)
        self.assertLess(seconds, 30)
        if not SANITIZED:
            self.assertLess(memory, MEMORY_MAX)


if __name__ == "__main__":
    unittest.main()
