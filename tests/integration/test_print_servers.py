# SPDX-License-Identifier: Apache-2.0
"""Drivers from print servers: certificates, pins and passwords, redirects and lies, classes, names found by DNS-SD."""
import base64
import subprocess
import unittest

from harness import BUILD, SERVERBIN, Spooler, vendor_ppd, wait_for
from sources import HOST_NAME, PPD, Certificate, Server, SourceTest, bus
from test_fetch import give


class PrintServerTest(SourceTest):
    def test_certificate_of_an_authority_of_the_system(self):
        cert = Certificate(self.lab, "good")
        code, text = self.fetch(Server(self.lab, give(PPD), cert).uri,
                                binds=[(cert.pem, "/etc/ssl/certs/ca-certificates.crt")])
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"), text)

    def test_certificate_of_nobody_is_refused(self):
        server = Server(self.lab, give(PPD), Certificate(self.lab, "own"))
        code, text = self.fetch(server.uri)
        self.assertEqual((code, text.split(":")[0]), (1, "refused"), text)
        self.assertIn("its certificate is not trusted", text)
        self.assertEqual((server.requests, self.drivers()), ([], []))

    def test_certificate_for_another_host_is_refused(self):
        cert = Certificate(self.lab, "other", "DNS:elsewhere.example")
        server = Server(self.lab, give(PPD), cert)
        code, text = self.fetch(server.uri, binds=[(cert.pem, "/etc/ssl/certs/ca-certificates.crt")])
        self.assertEqual((code, text.split(":")[0]), (1, "refused"), text)
        self.assertEqual(server.requests, [])

    def test_pinned_key_and_wrong_pin(self):
        cert, other = Certificate(self.lab, "own"), Certificate(self.lab, "another")
        server = Server(self.lab, give(PPD), cert)
        code, text = self.fetch(server.uri, "--pin", other.pin, "--credentials", self.credentials())
        self.assertEqual((code, text.split(":")[0]), (1, "refused"), text)
        self.assertIn("not the one that is pinned", text)
        self.assertEqual(server.requests, [])
        code, text = self.fetch(server.uri, "--pin", cert.pin)
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"), text)

    def wanting(self, scheme="Basic", right="clerk:geheim"):
        def answer(handler):
            if handler.headers.get("Authorization") == "Basic " + base64.b64encode(right.encode()).decode():
                return give(PPD)(handler)
            handler.send_response(401)
            handler.send_header("WWW-Authenticate", f'{scheme} realm="CUPS"' if scheme == "Basic" else scheme)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
        return answer

    def test_password_over_tls(self):
        cert = Certificate(self.lab, "own")
        server = Server(self.lab, self.wanting(), cert)
        code, text = self.fetch(server.uri, "--pin", cert.pin, "--credentials", self.credentials())
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"), text)
        self.assertNotIn("geheim", text)
        told = [p for p in self.store.rglob("*") if p.is_file() and b"geheim" in p.read_bytes()]
        self.assertEqual(told, [])

    def test_wrong_password(self):
        cert = Certificate(self.lab, "own")
        server = Server(self.lab, self.wanting(), cert)
        code, text = self.fetch(server.uri, "--pin", cert.pin, "--credentials", self.credentials("clerk:falsch\n"))
        self.assertEqual((code, text.split(":")[0]), (1, "failed"), text)
        self.assertIn("does not let us in", text)
        self.assertNotIn("falsch", text)

    def test_password_is_never_sent_in_clear(self):
        server = Server(self.lab, self.wanting())
        code, text = self.fetch(server.uri, "--credentials", self.credentials())
        self.assertEqual((code, text.split(":")[0]), (1, "failed"), text)
        self.assertIn("use ipps://", text)
        self.assertEqual([authorization for _, authorization in server.requests], [None])

    def test_credentials_that_others_may_read_are_not_used(self):
        p = subprocess.run([BUILD / "platen-fetch", self.store, "--queue", "q", "--uri", "ipp://127.0.0.1:9/printers/q",
                            "--credentials", self.credentials(mode=0o644)], capture_output=True, text=True)
        self.assertEqual(p.returncode, 2)
        self.assertIn("chmod 600", p.stderr)
        self.assertNotIn("geheim", p.stderr)

    def test_negotiate_without_a_ticket(self):
        # There is no Kerberos realm here: what is shown is that the offer is understood, and nothing else is sent.
        cert = Certificate(self.lab, "own")
        server = Server(self.lab, self.wanting("Negotiate"), cert)
        code, text = self.fetch(server.uri, "--pin", cert.pin, "--negotiate")
        self.assertEqual((code, text.split(":")[0]), (1, "failed"), text)
        self.assertTrue(all(a is None or a.startswith("Negotiate") for _, a in server.requests), server.requests)

    def test_redirect_over_tls_is_not_followed(self):
        cert = Certificate(self.lab, "own")
        elsewhere = Server(self.lab, give(PPD), cert)
        server = Server(self.lab, give(b"", status=302, Location=f"https://127.0.0.1:{elsewhere.port}/x.ppd"), cert)
        code, text = self.fetch(server.uri, "--pin", cert.pin, "--credentials", self.credentials())
        self.assertEqual((code, text.split(":")[0]), (1, "refused"), text)
        self.assertIn("redirects elsewhere", text)
        self.assertEqual(elsewhere.requests, [])

    def test_length_that_is_a_lie(self):
        def more(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", str(len(PPD) + 1000))
            handler.end_headers()
            handler.wfile.write(PPD)
            handler.close_connection = True
        code, text = self.fetch(Server(self.lab, more).uri)
        self.assertEqual((code, text.split(":")[0]), (1, "failed"), text)
        self.assertIn("another length than it sends", text)

        def less(handler):
            handler.send_response(200)
            handler.send_header("Content-Length", "60")
            handler.end_headers()
            handler.wfile.write(PPD)
            handler.close_connection = True
        code, text = self.fetch(Server(self.lab, less).uri)
        self.assertEqual((code, text.split(":")[0]), (1, "refused"), text)
        self.assertEqual(self.drivers(), [])

    def test_class_of_a_print_server(self):
        server = Spooler(self.lab, "server")
        server.add_queue("rawone", "file:///dev/null")
        server.add_queue("second", "file:///dev/null", vendor_ppd(self.lab.dir / "v.ppd"))
        for name in ("rawone", "second"):
            server.run("lpadmin", "-p", name, "-c", "both")
        server.run("lpadmin", "-p", "rawone", "-c", "rawclass")
        code, text = self.fetch(f"ipp://127.0.0.1:{server.port}/classes/both")
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"), text)
        self.assertIn("StapleLocation", self.driver())
        code, text = self.fetch(f"ipp://127.0.0.1:{server.port}/classes/rawclass", *self.only("server"))
        self.assertEqual((code, text.split(":")[0]), (1, "missing"), text)

    def test_server_found_by_dns_sd(self):
        server = Server(self.lab, give(PPD))  # a cupsd takes no other name than localhost on loopback
        bus(self.lab, f"""<?xml version="1.0"?><!DOCTYPE service-group SYSTEM "avahi-service.dtd"><service-group>
<name>Office Laser @ server</name><service><type>_ipp._tcp</type><port>{server.port}</port>
<txt-record>rp=printers/q</txt-record></service></service-group>""")
        wait_for(lambda: "successfully established" in self.lab.log("avahi"), "the service")
        hosts = self.lab.dir / "hosts"
        hosts.write_text(f"127.0.0.1 localhost {HOST_NAME}\n")
        code, text = self.fetch("dnssd://Office%20Laser%20%40%20server._ipp._tcp.local/cups?uuid=1",
                                *self.only("server"), binds=[(hosts, "/etc/hosts")])
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"), text)
        code, text = self.fetch("dnssd://Nobody._ipp._tcp.local/cups", *self.only("server"))
        self.assertEqual(code, 1, text)
        self.assertIn("nobody on the network answers", text)

    def test_what_answers_for_a_name_is_not_believed(self):
        # A fake ippfind stands in for a network that answers with something else than an address.
        folder = self.lab.dir / "bin"
        folder.mkdir()
        for said in ("http://evil/x", "ipp://user:pw@evil/printers/q", "ipp://evil/printers/../admin", "ipp://ev il/p",
                     "file:///etc/passwd", "-x", ""):
            with self.subTest(said):
                (folder / "ippfind").write_text(f"#!/bin/sh\necho '{said}'\n")
                (folder / "ippfind").chmod(0o755)
                p = subprocess.run([BUILD / "platen-fetch", self.store, "--queue", "q", "--cups-socket", "/nonexistent",
                                    "--uri", "dnssd://Q._ipp._tcp.local/cups", "--drivers", "server"],
                                   capture_output=True, text=True, env={"PATH": f"{folder}:/usr/bin:/bin"})
                self.assertEqual(p.returncode, 1)
                self.assertIn("no proper address", p.stdout)

    def test_implicit_class_has_its_driver_on_the_hosts_queue(self):
        # cups-browsed loads the PPD of one of the remote queues into the host's own queue, and its URI names no server.
        host = Spooler(self.lab, "host")
        host.install(SERVERBIN / "backend/socket", "backend/implicitclass")
        host.add_queue("cluster", "implicitclass://cluster/", vendor_ppd(self.lab.dir / "v.ppd"))
        code, text = self.fetch("implicitclass://cluster/", socket=host.socket, queue="cluster")
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"), text)


if __name__ == "__main__":
    unittest.main()
