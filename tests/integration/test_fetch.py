# SPDX-License-Identifier: Apache-2.0
"""platen-fetch against a real CUPS print server, and against servers that misbehave."""
import email.utils
import gzip
import hashlib
import http.server
import json
import os
import pathlib
import subprocess
import threading
import time
import unittest

from harness import BUILD, Lab, Spooler, VENDOR_PPD, vendor_ppd


class Server(http.server.ThreadingHTTPServer):
    """A print server that answers as `answer(handler)` says."""
    daemon_threads = True

    def __init__(self, lab, answer):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                self.server.requests.append((self.path, self.headers.get("If-Modified-Since")))
                answer(self)

            def log_message(self, *args):
                pass
        self.requests = []
        super().__init__(("127.0.0.1", 0), Handler)
        self.uri = f"ipp://127.0.0.1:{self.server_address[1]}/printers/q"
        threading.Thread(target=self.serve_forever, daemon=True).start()
        lab.closers.append(lambda: (self.shutdown(), self.server_close()))

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is what some of these tests are about


def give(body, kind="application/vnd.cups-ppd", status=200, **headers):
    def answer(handler):
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        handler.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.end_headers()
        handler.wfile.write(body)
    return answer


PPD = VENDOR_PPD.replace("{model}", "Laser 100").encode("latin-1")


class FetchTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.store = self.lab.dir / "store"
        self.store.mkdir()

    def fetch(self, uri, socket="/nonexistent", queue="q"):
        p = subprocess.run([BUILD / "platen-fetch", self.store, "--queue", queue, "--uri", uri, "--cups-socket", socket],
                           capture_output=True, text=True, timeout=100)
        self.assertEqual(len(p.stdout.splitlines()), 1, p.stdout + p.stderr)
        return p.returncode, p.stdout.strip()

    def drivers(self):
        return sorted(self.store.glob("*.ppd.gz"))

    def clean(self, data):
        path = self.lab.dir / "in.ppd"
        path.write_bytes(data)
        p = subprocess.run([BUILD / "platen-fetch", "--clean", path], capture_output=True)
        return p.returncode, p.stdout.decode(), p.stderr.decode()

    def test_from_a_real_print_server_and_once(self):
        server = Spooler(self.lab, "server", extra="AccessLogLevel all")
        server.add_queue("q", "file:///dev/null", vendor_ppd(self.lab.dir / "v.ppd"))
        uri = f"ipp://127.0.0.1:{server.port}/printers/q"
        os.utime(server.dir / "etc/ppd/q.ppd", (1e9, 1e9))
        code, text = self.fetch(uri)
        self.assertEqual(code, 0, text)
        self.assertTrue(text.startswith("fetched"), text)
        driver, = self.drivers()
        clean = gzip.decompress(driver.read_bytes())
        self.assertEqual(hashlib.sha256(clean).hexdigest() + ".ppd.gz", driver.name)
        code, text = self.fetch(uri)
        self.assertTrue(text.startswith("unchanged"), text)
        self.assertIn('" 304 ', (server.dir / "log/access").read_text())

    def test_another_cleaner_fetches_anew_and_provenance_follows(self):
        server = Server(self.lab, give(PPD, Last_Modified="Sat, 01 Jan 2022 00:00:00 GMT"))
        self.assertEqual(self.fetch(server.uri)[0], 0)
        record, = (self.store / "sources").glob("*.json")
        driver, = self.drivers()
        provenance = driver.with_name(driver.name.split(".")[0] + ".json")
        first = json.loads(provenance.read_text())
        self.assertEqual((first["provenance"], list(first["sources"])), ("server", [first["source"]]))
        code, text = self.fetch(server.uri)
        self.assertTrue(text.startswith("unchanged"), text)
        self.assertEqual([since for _, since in server.requests], [None, "Sat, 01 Jan 2022 00:00:00 GMT"])
        for path in record, provenance:  # an older Platen's, whose cleaning had no number
            said = json.loads(path.read_text())
            del said["cleaner"]
            path.write_text(json.dumps(dict(said, checked=1)))
        code, text = self.fetch(server.uri)
        self.assertTrue(text.startswith("fetched"), text)
        self.assertEqual(server.requests[-1][1], None)
        now = json.loads(provenance.read_text())
        self.assertEqual(now["cleaner"], first["cleaner"])
        self.assertGreaterEqual(now["checked"], first["checked"])

    def test_a_change_in_the_same_second_is_seen(self):
        now = email.utils.formatdate(usegmt=True)
        server = Server(self.lab, give(PPD, Last_Modified=now, Date=now))
        self.assertTrue(self.fetch(server.uri)[1].startswith("fetched"))
        self.fetch(server.uri)
        self.assertEqual([since for _, since in server.requests], [None, None])
        old = Server(self.lab, give(PPD, Last_Modified="Mon, 01 Jan 2024 00:00:00 GMT"))
        self.fetch(old.uri)
        self.fetch(old.uri)
        self.assertEqual([since for _, since in old.requests], [None, "Mon, 01 Jan 2024 00:00:00 GMT"])

    def test_else_from_the_hosts_own_queue(self):
        host = Spooler(self.lab, "host")
        host.add_queue("q", "socket://127.0.0.1:9", vendor_ppd(self.lab.dir / "v.ppd"))
        code, text = self.fetch("socket://127.0.0.1:9", host.socket)
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"))
        host.add_queue("rawq", "socket://127.0.0.1:9")
        code, text = self.fetch("socket://127.0.0.1:9", host.socket, "rawq")
        self.assertEqual((code, text.split(":")[0]), (1, "missing"))
        self.assertIn("lpadmin -p rawq", text)

    def test_what_must_not_pass_does_not_and_options_do(self):
        code, out, err = self.clean(PPD)
        self.assertEqual(code, 0, err)
        for word in ("Foomatic", "rm -rf", "JCLBegin", "PJL", "setpagedevice", "cupsFilter2", "userdict"):
            self.assertNotIn(word, out)
        for line in ('*cupsFilter: "*/* 0 -"', "*cupsSingleFile: True", "*DefaultStapleLocation: None",
                     "*UIConstraints: *PageSize A3 *StapleLocation UpperLeft", '*PaperDimension A3: "842 1191"',
                     "*OpenUI *StapleLocation/Heftung längs: PickOne"):
            self.assertIn(line, out)
        self.assertIn("*FoomaticRIPCommandLine: not known", err)

    def test_forms_of_a_ppd_that_are_taken(self):
        _, plain, _ = self.clean(PPD)
        for name, data in (("CRLF", PPD.replace(b"\n", b"\r\n")), ("CR", PPD.replace(b"\n", b"\r")),
                           ("gzip", gzip.compress(PPD)), ("byte order mark", b"\xef\xbb\xbf" + PPD)):
            with self.subTest(name):
                code, out, err = self.clean(data)
                self.assertEqual((code, out), (0, plain), err)

    def test_forms_of_a_ppd_that_are_refused(self):
        for name, data, word in (("no PPD", b"hello", "is no PPD"), ("empty", b"", "is no PPD"),
                                 ("cut in a value", PPD[:PPD.index(b"setpagedevice")], "cut"),
                                 ("too large", PPD + b"*% pad\n" * 700000, "larger than 4 MiB"),
                                 ("a long line", PPD + b"*X: " + b"y" * 70000 + b"\n", "too long"),
                                 ("gzip cut", gzip.compress(PPD)[:-40], "damaged or cut"),
                                 ("a bomb", gzip.compress(PPD + b"\n" * 50_000_000), "larger than 4 MiB"),
                                 ("100,000 options", PPD + b"".join(b"*OpenUI *O%d/x: PickOne\n*CloseUI: *O%d\n" % (i, i)
                                                                    for i in range(60000)), "more options"),
                                 ("NUL", PPD + b"\0", "NUL")):
            with self.subTest(name):
                code, out, err = self.clean(data)
                self.assertEqual((code, out), (1, ""), err)
                self.assertIn(word, err)
                self.assertEqual(len(err.splitlines()), 1, err)

    def test_servers_that_misbehave(self):
        elsewhere = Server(self.lab, give(PPD))

        def endless(handler):
            handler.send_response(200)
            handler.end_headers()
            try:
                while True:
                    handler.wfile.write(b"*" * 65536)
            except OSError:
                pass
        for name, answer, word in (
                ("a web page", give(b"<html>hello", "text/html"), "web page"),
                ("a redirect", give(b"", status=302, Location=f"http://127.0.0.1:{elsewhere.server_address[1]}/x.ppd"),
                 "redirects elsewhere"),
                ("rubbish", give(b"\1\2\3" * 100), "is no PPD"), ("an error", give(b"", status=500), "status 500"),
                ("no end", endless, "more than 4 MiB")):
            with self.subTest(name):
                code, text = self.fetch(Server(self.lab, answer).uri)
                self.assertEqual(code, 1)
                self.assertIn(word, text)
                self.assertEqual(self.drivers(), [])
        self.assertEqual(elsewhere.requests, [])

    def test_a_server_that_is_not_there(self):
        begin = time.monotonic()
        code, text = self.fetch("ipp://127.0.0.1:9/printers/q")
        self.assertEqual((code, text.split(":")[0]), (1, "failed"))
        self.assertLess(time.monotonic() - begin, 20)

    def test_credentials_are_not_told(self):
        code, text = self.fetch("ipp://user:geheim@127.0.0.1:9/printers/q")
        self.assertNotIn("geheim", text)
        self.assertEqual([p for p in pathlib.Path(self.store).rglob("*") if p.is_file() and b"geheim" in p.read_bytes()], [])

    def test_disk_full(self):
        # A file size limit stands in for the disk here: write(2) fails the same way, in the same place.
        server = Server(self.lab, give(PPD))
        p = subprocess.run(["bash", "-c", f"trap '' XFSZ; ulimit -f 0; exec {BUILD}/platen-fetch {self.store} --queue q "
                            f"--uri {server.uri} --cups-socket /nonexistent"], capture_output=True, text=True)
        self.assertEqual(p.returncode, 1)
        self.assertEqual([f for f in self.store.rglob("*") if f.is_file()], [])


if __name__ == "__main__":
    unittest.main()
