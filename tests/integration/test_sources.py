# SPDX-License-Identifier: Apache-2.0
"""Where drivers come from: print servers over TLS, devices, the generic driver, and their order."""
import base64
import gzip
import http.server
import os
import pathlib
import re
import socket
import ssl
import struct
import subprocess
import threading
import unittest

import ipp
from harness import BUILD, SANITIZED, Guest, Host, Lab, SERVERBIN, Spooler, VENDOR_PPD, free_port, pdf, vendor_ppd, wait_for
from test_fetch import give

PPD = VENDOR_PPD.replace("{model}", "Laser 100").encode("latin-1")
HOST_NAME = "printserver.local"  # as /etc/hosts has it for what runs in our mount namespace


class Server(http.server.ThreadingHTTPServer):
    """A print server or a device that answers as `answer(handler)` says, over TLS with a `cert`."""
    daemon_threads = True

    def __init__(self, lab, answer, cert=None, path="/printers/q", scheme=None):
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                self.server.requests.append((self.path, self.headers.get("Authorization")))
                answer(self)

            def do_POST(self):
                self.body = self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *args):
                pass
        self.requests = []
        super().__init__(("127.0.0.1", 0), Handler)
        if cert:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert.pem, cert.key)
            self.socket = context.wrap_socket(self.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server_address[1]
        self.uri = f"{scheme or ('ipps' if cert else 'ipp')}://127.0.0.1:{self.port}{path}"
        threading.Thread(target=self.serve_forever, daemon=True).start()
        lab.closers.append(lambda: (self.shutdown(), self.server_close()))

    def handle_error(self, request, client_address):
        pass  # a client that hangs up is what some of these tests are about


class Certificate:
    """A self-signed certificate for 127.0.0.1, and the pin of its key."""

    def __init__(self, lab, name, alt=f"IP:127.0.0.1,DNS:{HOST_NAME}"):
        self.pem, self.key = lab.dir / f"{name}.pem", lab.dir / f"{name}.key"
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", self.key, "-out", self.pem, "-days", "2", "-subj", f"/CN={name}",
                        "-addext", f"subjectAltName={alt}"], check=True, capture_output=True)
        public = subprocess.run(["openssl", "x509", "-in", self.pem, "-pubkey", "-noout"], check=True, capture_output=True)
        der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "DER"], input=public.stdout, check=True,
                             capture_output=True).stdout
        digest = subprocess.run(["openssl", "dgst", "-sha256", "-binary"], input=der, check=True, capture_output=True).stdout
        self.pin = "sha256//" + base64.b64encode(digest).decode()


def device(lab, name="Driverless 7", *options):
    """A simulated IPP Everywhere device; returns its URI. It wants a D-Bus, and avahi behind it."""
    bus(lab)
    port = free_port()
    lab.start("ippeveprinter", ["ippeveprinter", "-p", str(port), "-r", "off", "-d", lab.dir, *options, name],
              env=dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=lab.bus))

    def answers():
        with socket.socket() as s:
            return s.connect_ex(("127.0.0.1", port)) == 0
    wait_for(answers, "the device")
    return f"ipp://127.0.0.1:{port}/ipp/print"


def bus(lab, service=None):
    """A D-Bus and an avahi of the test's own. The avahi has a network of its own, so that nothing is announced outside;
    its `service` is a static one."""
    if hasattr(lab, "bus"):
        return
    path, config = lab.dir / "dbus.sock", lab.dir / "dbus.conf"
    config.write_text(f"""<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth><policy context="default">
<allow user="*"/><allow own="*"/><allow send_type="method_call"/><allow send_type="signal"/>
<allow send_requested_reply="true" send_type="method_return"/><allow send_requested_reply="true" send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="method_return"/><allow receive_type="error"/>
<allow receive_type="signal"/></policy></busconfig>""")
    lab.start("dbus", ["dbus-daemon", "--nofork", f"--config-file={config}"])
    wait_for(path.exists, "the bus")
    lab.bus = f"unix:path={path}"
    services, conf = lab.dir / "services", lab.dir / "avahi.conf"
    services.mkdir()
    if service:
        (services / "test.service").write_text(service)
    conf.write_text(f"[server]\nhost-name={HOST_NAME.split('.')[0]}\nallow-interfaces=lo\n")
    lab.start("avahi", ["unshare", "--mount", "--net", "sh", "-c", f"""ip link set lo up && ip link set lo multicast on &&
mkdir -p /run/avahi-daemon && mount -t tmpfs none /run/avahi-daemon && mount --bind {services} /etc/avahi/services &&
exec avahi-daemon --no-drop-root --no-chroot --no-rlimits -f {conf}"""], env=dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=lab.bus))
    wait_for(lambda: "Server startup complete" in lab.log("avahi"), "avahi")


class SourceTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.store = self.lab.dir / "store"
        self.store.mkdir()

    def fetch(self, uri, *options, socket="/nonexistent", queue="q", binds=(), timeout=100):
        """Runs platen-fetch by hand, with files bound over others in a mount namespace of its own."""
        argv = [BUILD / "platen-fetch", self.store, "--queue", queue, "--uri", uri, "--cups-socket", socket, *options]
        if binds:
            mounts = " && ".join(f"mount --bind {a} {b}" for a, b in binds)
            argv = ["unshare", "--mount", "sh", "-c", f'{mounts} && exec "$@"', "sh", *argv]
        p = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=timeout,
                           env=dict(os.environ, DBUS_SYSTEM_BUS_ADDRESS=getattr(self.lab, "bus", "unix:path=/nonexistent")))
        self.assertEqual(len(p.stdout.splitlines()), 1, p.stdout + p.stderr)
        return p.returncode, p.stdout.strip()

    def driver(self):
        found, = self.store.glob("*.ppd.gz")
        return gzip.decompress(found.read_bytes()).decode()

    def drivers(self):
        return list(self.store.glob("*.ppd.gz"))

    def credentials(self, text="clerk:geheim\n", mode=0o600):
        path = self.lab.dir / "credentials"
        path.write_text(text)
        path.chmod(mode)
        return path

    def only(self, name):
        return ("--drivers", name)


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


def attribute(tag, name, *values):
    """As ipp.attribute(), with values as bytes or text of any content."""
    out = b""
    for i, value in enumerate(values):
        data = value if isinstance(value, bytes) else value.encode()
        label = name.encode() if i == 0 else b""
        out += struct.pack(">BH", tag, len(label)) + label + struct.pack(">H", len(data)) + data
    return out


KEYWORD, TEXT, MIME, URI, INTEGER, RESOLUTION, ENUM = 0x44, 0x41, 0x49, 0x45, 0x21, 0x32, 0x23
MEDIA = ("iso_a4_210x297mm", "iso_a3_297x420mm", "na_letter_8.5x11in")
BASE = (attribute(MIME, "document-format-supported", "application/pdf") + attribute(KEYWORD, "media-default", MEDIA[0]) +
        attribute(KEYWORD, "media-supported", *MEDIA))


def answer_of(*attributes, status=0):
    return (struct.pack(">BBHI", 2, 0, status, 1) + b"\x01" + attribute(0x47, "attributes-charset", "utf-8") +
            attribute(0x48, "attributes-natural-language", "en") + b"\x04" + b"".join(attributes) + b"\x03")


def says(*attributes, status=0):
    return give(answer_of(*attributes, status=status), "application/ipp")


class DeviceTest(SourceTest):
    def options(self, guest, queue):
        """What lpoptions -l shows: option → choices."""
        shown = {}
        for line in guest.spooler.run("lpoptions", "-p", queue, "-l").stdout.splitlines():
            head, choices = line.split(": ", 1)
            shown[head.split("/")[0]] = {c.lstrip("*") for c in choices.split()}
        return shown

    def test_simulated_device_with_all_that_it_has(self):
        attributes = self.lab.dir / "device.attrs"
        attributes.write_text("""
ATTR keyword media-source-supported auto,main,manual,by-pass-tray,tray-1,tray-2
ATTR keyword output-bin-supported face-down,stacker-1,mailbox-3
ATTR keyword output-bin-default face-down
ATTR enum finishings-supported 3,4,5,20,28,70
ATTR enum finishings-default 3
ATTR keyword media-type-supported stationery,labels,photographic-glossy
ATTR keyword media-default iso_a4_210x297mm
ATTR keyword media-supported iso_a4_210x297mm,iso_a3_297x420mm,na_letter_8.5x11in,om_small-photo_100x150mm
ATTR collection media-size-supported {MEMBER integer x-dimension 21000 MEMBER integer y-dimension 29700},{MEMBER integer x-dimension 29700 MEMBER integer y-dimension 42000},{MEMBER integer x-dimension 21590 MEMBER integer y-dimension 27940},{MEMBER integer x-dimension 10000 MEMBER integer y-dimension 15000}
ATTR resolution printer-resolution-supported 300dpi,600dpi,1200x600dpi
ATTR resolution printer-resolution-default 600dpi
ATTR mimeMediaType document-format-supported application/pdf,image/jpeg
ATTR mimeMediaType document-format-default application/pdf
ATTR keyword sides-supported one-sided,two-sided-long-edge,two-sided-short-edge
ATTR keyword sides-default one-sided
ATTR keyword print-color-mode-supported monochrome,color
ATTR keyword print-color-mode-default color
ATTR text printer-make-and-model "Acme Everything"
""")
        uri = device(self.lab, "Everything", "-a", attributes)
        spooler = Spooler(self.lab, "host")
        spooler.add_queue("hall", uri)  # raw: the device itself is the only one that knows its options
        guest = Guest(self.lab, Host(self.lab, spooler, settings="mode = all").start()).start()
        wait_for(lambda: guest.spooler.printer("hall"), "the queue in the guest")
        self.assertIn("Acme Everything", guest.spooler.printer("hall")["printer-make-and-model"])
        shown = self.options(guest, "hall")
        self.assertLessEqual({"A4", "A3", "Letter"}, shown["PageSize"])
        self.assertEqual(len(shown["PageSize"] - {"Custom.WIDTHxHEIGHT"}), 4)
        self.assertEqual(shown["InputSlot"], {"Auto", "Main", "Manual", "ByPassTray", "Tray1", "Tray2"})
        self.assertEqual(shown["OutputBin"], {"FaceDown", "Stacker1", "Mailbox3"})
        self.assertEqual(shown["MediaType"], {"Stationery", "Labels", "PhotographicGlossy"})
        self.assertEqual(shown["Resolution"], {"300dpi", "600dpi", "1200x600dpi"})
        self.assertEqual(shown["Duplex"], {"None", "DuplexNoTumble", "DuplexTumble"})
        self.assertEqual(shown["StapleLocation"], {"None", "SingleAuto", "SinglePortrait", "DualPortrait"})
        self.assertEqual(shown["PunchMedia"], {"None", "SingleAuto", "SinglePortrait"})
        self.assertIn("RGB", shown["ColorModel"])

    def test_choices_reach_the_device_by_its_own_words(self):
        """The host's queue has no driver that would know the words of the one in the guest."""
        attributes = self.lab.dir / "device.attrs"
        attributes.write_text("""
ATTR keyword media-source-supported auto,main,tray-1,tray-2
ATTR keyword media-type-supported stationery,photographic-glossy
ATTR keyword output-bin-supported face-down,mailbox-3
ATTR enum finishings-supported 3,4,16,20,28,70
ATTR enum finishings-default 3
ATTR keyword media-default iso_a4_210x297mm
ATTR keyword media-supported iso_a4_210x297mm,iso_a3_297x420mm
ATTR collection media-size-supported {MEMBER integer x-dimension 21000 MEMBER integer y-dimension 29700},{MEMBER integer x-dimension 29700 MEMBER integer y-dimension 42000}
ATTR mimeMediaType document-format-supported application/pdf,image/urf,image/pwg-raster
ATTR mimeMediaType document-format-default application/pdf
ATTR keyword sides-supported one-sided,two-sided-long-edge
ATTR keyword sides-default one-sided
ATTR keyword print-color-mode-supported monochrome,color
ATTR keyword print-color-mode-default monochrome
ATTR text printer-make-and-model "Acme Everything"
""")
        said, command = self.lab.dir / "said", self.lab.dir / "command"
        said.mkdir(mode=0o777)
        command.write_text(f"#!/bin/sh\nenv >{said}/$$.new && mv {said}/$$.new {said}/$$.job\n")
        command.chmod(0o755)
        uri = device(self.lab, "Everything", "-a", attributes, "-c", command)
        spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        spooler.add_queue("hall", uri)
        guest = Guest(self.lab, Host(self.lab, spooler, settings="mode = all\ndrivers = device\n").start()).start()
        wait_for(lambda: guest.spooler.printer("hall"), "the queue in the guest")
        options = [f"-o{o}" for o in ("InputSlot=Tray1", "MediaType=PhotographicGlossy", "StapleLocation=SinglePortrait",
                                      "PunchMedia=SinglePortrait", "Laminate=True", "Duplex=DuplexNoTumble", "PageSize=A3",
                                      "ColorModel=RGB", "OutputBin=Mailbox3")]
        expected = {"SIDES": {"two-sided-long-edge"}, "PRINT_COLOR_MODE": {"color"}, "OUTPUT_BIN": {"mailbox-3"},
                    "FINISHINGS": {"staple-top-left", "punch-top-left", "laminate"},
                    "MEDIA_COL": {"{media-size={x-dimension=29700 y-dimension=42000} media-source=tray-1 media-type=photographic-glossy}"}}
        guest.print("hall", pdf(1), *options)
        wait_for(lambda: list(said.glob("*.job")), "the job at the device", 30)
        job = dict(line.split("=", 1) for line in next(said.glob("*.job")).read_text().splitlines() if line.startswith("IPP_"))
        self.assertEqual({name: set(job.get("IPP_" + name, "").split(",")) for name in expected}, expected)

    def finishings(self, ppd):
        """What the PPD has a choice for: enum → (option, choice)."""
        found = {}
        for value, option, choice in re.findall(r'(?m)^\*cupsIPPFinishings (\d+)/[a-z0-9-]+: "\*(\w+) (\w+)"$', ppd):
            self.assertRegex(ppd, rf"(?m)^\*{option} {choice}[/:]")
            self.assertEqual(len(re.findall(rf"(?m)^\*OpenUI \*{option}[/:]", ppd)), 1)
            found[int(value)] = (option, choice)
        return found

    def having(self, *values):
        return BASE + attribute(ENUM, "finishings-supported", *[struct.pack(">i", v) for v in values])

    def device_with(self, *values, more=b""):
        return Server(self.lab, says(self.having(*values), more), path="/ipp/print").uri

    def test_every_finishing_of_a_device_is_in_its_driver(self):
        """All that PWG 5100.1 and libcups have a name for, together and each alone; each is a choice of its own."""
        every = [*range(4, 17), *range(20, 36), *range(50, 54), *range(60, 64), *range(70, 102)]
        code, text = self.fetch(self.device_with(3, *every), *self.only("device"))
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"), text)
        found = self.finishings(self.driver())
        self.assertEqual(sorted(found), every)
        self.assertEqual(len(set(found.values())), len(every))
        original = self.driver()
        for value in every:
            with self.subTest(value):
                p = subprocess.run([BUILD / "platen-device", "device"], input=answer_of(self.having(3, value)), capture_output=True)
                self.assertEqual(p.returncode, 0, p.stderr)
                self.assertEqual(self.finishings(p.stdout.decode()), {value: found[value]})
        checked = subprocess.run(["cupstestppd", "-W", "all", "-I", "filters", "-"], input=original.encode(), capture_output=True)
        self.assertEqual(checked.returncode, 0, checked.stdout.decode())

    def test_apples_finishings_are_the_same_choices(self):
        punches, folds = [*range(0x40000046, 0x40000056)], [*range(0x4000005A, 0x40000065)]
        code, text = self.fetch(self.device_with(3, *punches, *folds), *self.only("device"))
        self.assertEqual(code, 0, text)
        self.assertEqual(sorted(self.finishings(self.driver())), punches + folds)

    def test_finishing_presets(self):
        presets = b"".join(attribute(0x34, "finishings-col-database" if i == 0 else "", b"") +
                           struct.pack(">BHH", 0x4A, 0, 18) + b"finishing-template" +
                           struct.pack(">BHH", KEYWORD, 0, len(name)) + name + struct.pack(">BHH", 0x37, 0, 0)
                           for i, name in enumerate((b"none", b"acme-report", b"acme-booklet", b"x y: z")))
        code, text = self.fetch(self.device_with(3, 4, more=presets), *self.only("device"))
        self.assertEqual(code, 0, text)
        self.assertEqual(re.findall(r"(?m)^\*cupsFinishingTemplate ([^/]+)/", self.driver()), ["none", "acme-report", "acme-booklet"])
        self.assertNotIn("*cupsUIResolver", self.driver())

    def test_hostile_model(self):
        # CVE-2024-47175: what follows the newline became a statement of the PPD, here one that runs a command.
        evil = 'Evil"\n*FoomaticRIPCommandLine: "touch /tmp/owned"\n*cupsFilter2 : "application/pdf application/vnd.x 0 foomatic-rip'
        code, text = self.fetch(Server(self.lab, says(BASE, attribute(TEXT, "printer-make-and-model", evil)), path="/ipp/print").uri)
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"), text)
        ppd = self.driver()
        self.assertEqual([line for line in ppd.splitlines() if line.startswith(("*Foomatic", "*cupsFilter2"))], [])
        self.assertEqual([line for line in ppd.splitlines() if line.startswith("*cupsFilter")], ['*cupsFilter: "*/* 0 -"'])
        nick, = (line for line in ppd.splitlines() if line.startswith("*NickName"))
        self.assertEqual(nick.count('"'), 2)

    def test_hostile_words_and_addresses(self):
        elsewhere = Server(self.lab, give(b'"media" = "X";\n', "text/strings"))
        code, text = self.fetch(Server(self.lab, says(
            BASE, attribute(KEYWORD, "media-source-supported", "tray-1", "tray-2", 'x"\n*Evil: "y', "tray 3", "-tray", b"\xff\xfe"),
            attribute(KEYWORD, "output-bin-supported", "face-up", "a/b: c", "$(id)", "face-down"),
            attribute(URI, "printer-strings-uri", f"http://127.0.0.1:{elsewhere.port}/en.strings"),
            attribute(URI, "printer-more-info", 'http://x/"\n*FoomaticRIPCommandLine: "z'),
            attribute(URI, "printer-icons", f"http://127.0.0.1:{elsewhere.port}/icon.png")), path="/ipp/print").uri)
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"), text)
        ppd = self.driver()
        for word in ("Evil", "Foomatic", "$(", "http:"):
            self.assertNotIn(word, ppd)
        self.assertIn("*InputSlot Tray2", ppd)
        self.assertIn("*OutputBin FaceUp", ppd)
        self.assertEqual(elsewhere.requests, [])

    def test_the_devices_own_names(self):
        # They are asked of the device, whatever host it says, and go over the same rules.
        elsewhere = Server(self.lab, give(b""))
        strings = ('"media-source.tray-1" = "Oberes Fach";\n"media-source.tray-2" = "Evil\\"\\n*Foomatic: \\"x";\n"x' + "y" * 5000 +
                   '" = "z";\n"output-bin" = "Ablage"\n/* no line */\n').encode()
        attributes = says(BASE, attribute(KEYWORD, "media-source-supported", "tray-1", "tray-2"),
                          attribute(URI, "printer-strings-uri", f"http://127.0.0.1:{elsewhere.port}/names.strings"))

        def answer(handler):
            (give(strings, "text/strings") if handler.path == "/names.strings" else attributes)(handler)
        code, text = self.fetch(Server(self.lab, answer, path="/ipp/print").uri)
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"), text)
        ppd = self.driver()
        self.assertIn("*InputSlot Tray1/Oberes Fach", ppd)
        self.assertIn("*InputSlot Tray2/Evil", ppd)
        self.assertEqual([line for line in ppd.splitlines() if line.startswith("*Foomatic")], [])
        self.assertEqual(elsewhere.requests, [])

    def device_in_languages(self, catalogues, offered, body=BASE):
        """A device with a catalogue for each language, at a place that it tells only in that language."""
        def answer(handler):
            if not handler.path.startswith("/ipp"):
                return give(catalogues[handler.path.split("/")[-1]], "text/strings")(handler)
            asked = re.search(rb"natural-language\x00.([a-z-]+)", handler.body)[1].decode()
            asked = asked if asked in catalogues else "en"
            says(body, attribute(KEYWORD, "media-source-supported", "tray-1", "tray-2"),
                 attribute(KEYWORD, "media-type-supported", "stationery", "x-fancy"),
                 attribute(ENUM, "finishings-supported", *[struct.pack(">i", v) for v in (3, 4, 16, 20)]),
                 attribute(0x48, "printer-strings-languages-supported", *offered),
                 attribute(URI, "printer-strings-uri", f"http://elsewhere.example/names/{asked}"))(handler)
        return Server(self.lab, answer, path="/ipp/print")

    def in_languages(self, catalogues, offered, wanted, body=BASE):
        server = self.device_in_languages(catalogues, offered, body)
        code, text = self.fetch(server.uri, *self.only("device"), *(["--languages", wanted] if wanted else []))
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"), text)
        return self.driver(), [path for path, _ in server.requests]

    GERMAN = ('"media-source" = "Zuführung";\n"media-source.tray-1" = "Oberes Fach";\n"media-source.tray-2" = "Unteres Fach";\n'
              '"media-type.x-fancy" = "Büttenpapier";\n"finishings.4" = "Klammern";\n"finishings.16" = "Laminieren";\n').encode()
    CHINESE = '"media-source.tray-1" = "紙匣 1";\n'.encode()
    ENGLISH = b'"media-source.tray-1" = "Upper";\n"media-source.tray-2" = "Lower";\n"media-type.x-fancy" = "Handmade"'

    def test_names_in_the_languages_that_are_wanted_and_there(self):
        catalogues = {"en": self.ENGLISH, "de-de": self.GERMAN, "zh-tw": self.CHINESE, "fr": b'"media-source.tray-1" = "Bac";'}
        ppd, requests = self.in_languages(catalogues, ("en", "fr", "de-de", "zh-tw"), "de,zh-TW,it")
        self.assertEqual(requests, ["/ipp/print", "/names/en", "/ipp/print", "/names/de-de", "/ipp/print", "/names/zh-tw"])
        for line in ("*InputSlot Tray1/Upper: ", "*MediaType XFancy/Handmade: ", "*de.InputSlot Tray1/Oberes Fach: ",
                     "*de.InputSlot Tray2/Unteres Fach: ", "*de.MediaType XFancy/Büttenpapier: ",
                     "*de.StapleLocation SingleAuto/Klammern: ", "*de.Translation Laminate/Laminieren: ",
                     "*zh_TW.InputSlot Tray1/紙匣 1: ", '*cupsLanguages: "en de zh_TW"'):
            self.assertIn("\n" + line, ppd)
        self.assertNotIn("Bac", ppd)
        checked = subprocess.run(["cupstestppd", "-W", "all", "-I", "filters", "-"], input=ppd.encode(), capture_output=True)
        self.assertEqual(checked.returncode, 0, checked.stdout.decode())

    def test_names_in_the_language_of_the_settings_reach_the_guest(self):
        server = self.device_in_languages({"en": self.ENGLISH, "de": self.GERMAN}, ("en", "de"))
        spooler = Spooler(self.lab, "host")
        spooler.add_queue("hall", server.uri)
        guest = Guest(self.lab, Host(self.lab, spooler, settings="mode = all\ndrivers = device\nlanguages = de\n").start()).start()
        wait_for(lambda: guest.spooler.printer("hall"), "the queue in the guest")
        ppd = (guest.spooler.dir / "etc/ppd/hall.ppd").read_text()
        self.assertIn("*InputSlot Tray1/Upper", ppd)
        self.assertIn("*de.InputSlot Tray1/Oberes Fach", ppd)

    def test_no_language_wanted_or_none_there(self):
        for offered, wanted in ((("en", "de"), ""), (("en",), "de"), ((), "de")):
            with self.subTest(offered=offered, wanted=wanted):
                ppd, requests = self.in_languages({"en": self.ENGLISH, "de": self.GERMAN}, offered or ("x y",), wanted)
                self.assertEqual(requests, ["/ipp/print", "/names/en"])
                self.assertNotIn("*de.", ppd)
                for path in self.store.rglob("*.*"):
                    path.unlink()

    def test_hostile_names_in_languages(self):
        evil = (b'"media-source.tray-1" = "A\\"\\n*cupsFilter2: \\"x";\n\x01fr\n"media-source.tray-2" = "Falsch";\n\x01../x\n' +
                b'"media-source.tray-2" = "B<0A>*Evil: x";\n' + b'"a" = "' + b"z" * 5000 + b'";\n"media-source" = "C')
        ppd, _ = self.in_languages({"en": self.ENGLISH, "de": evil}, ("en", "de", "de\n*Evil: x", "../../x"), "de")
        self.assertEqual([line for line in ppd.splitlines() if not line.startswith("*") or "Evil:" in line or ".." in line], [])
        self.assertEqual([line for line in ppd.splitlines() if line.startswith("*cupsFilter2")], [])
        self.assertIn("*de.InputSlot Tray2/Lower", ppd)  # what it has no name for
        self.assertEqual([line for line in ppd.splitlines() if line.startswith("*cupsFilter")], ['*cupsFilter: "*/* 0 -"'])
        self.assertIn("*InputSlot Tray1/Upper", ppd)

    def test_names_that_are_too_many_or_not_there(self):
        large = b"".join(b'"media-type.x-%d" = "%s";\n' % (i, b"n" * 100) for i in range(20000))  # 2.4 MB
        ppd, _ = self.in_languages({"en": self.ENGLISH, "de": large, "fr": self.GERMAN}, ("en", "de", "fr"), "de,fr")
        self.assertNotIn("*de.", ppd)
        self.assertIn("*fr.InputSlot Tray1/Oberes Fach", ppd)

    def test_names_and_thousands_of_media(self):
        """Eight languages of a device with very many papers end in time."""
        media = [f"custom_m{i}_{100 + i / 10:g}x{200 + i / 10:g}mm" for i in range(1000)]
        many = {language: self.GERMAN for language in ("de", "fr", "it", "es", "nl", "pl", "cs", "da")}
        body = (attribute(MIME, "document-format-supported", "application/pdf") + attribute(KEYWORD, "media-default", media[0]) +
                attribute(KEYWORD, "media-supported", *media))
        ppd, _ = self.in_languages({"en": self.ENGLISH, **many}, ("en", *many), ",".join(many), body=body)
        self.assertIn("*de.InputSlot Tray1/Oberes Fach", ppd)
        self.assertGreater(ppd.count("*PageSize "), 900)

    def test_thousands_of_media_and_of_the_same_attribute(self):
        media = [f"custom_m{i}_{100 + i / 10:g}x{200 + i / 10:g}mm" for i in range(5000)]
        code, text = self.fetch(Server(self.lab, says(
            attribute(MIME, "document-format-supported", "application/pdf"), attribute(KEYWORD, "media-default", media[0]),
            attribute(KEYWORD, "media-supported", *media),
            *[attribute(KEYWORD, "sides-supported", "one-sided")] * 5000), path="/ipp/print").uri)
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"), text)
        self.assertLessEqual(self.driver().count("*PageSize "), 1002)

    def test_answers_that_are_no_printers(self):
        depth = b"".join(struct.pack(">BHHBH", 0x34, 0, 0, 0x4A, 0) + struct.pack(">H", 1) + b"x" for _ in range(100000))
        for name, answer, word in (
                ("a web page", give(b"<html>", "text/html"), "does not answer in IPP"),
                ("rubbish", give(b"\xff" * 5000, "application/ipp"), "not in order"),
                ("nothing", give(b"", "application/ipp"), "status 200"),
                ("cut off", give(says.__globals__["BASE"][:40], "application/ipp"), "not in order"),
                ("an error", says(BASE, status=0x0405), "does not tell"),
                ("no formats", says(attribute(KEYWORD, "media-supported", *MEDIA)), "driver of its own"),
                ("deep collections", give(struct.pack(">BBHI", 2, 0, 0, 1) + b"\x04" + attribute(0x34, "media-col-database", b"") + depth,
                                          "application/ipp"), "driver could be made"),
                ("a redirect", give(b"", status=302, Location="http://127.0.0.1:1/"), "redirects elsewhere"),
                ("not there", give(b"", status=404), "no driver")):
            with self.subTest(name):
                code, text = self.fetch(Server(self.lab, answer, path="/ipp/print").uri, *self.only("device"))
                self.assertEqual(code, 1, text)
                self.assertIn(word, text)
                self.assertEqual(self.drivers(), [])

    def test_device_over_tls_is_checked_too(self):
        cert = Certificate(self.lab, "own")
        server = Server(self.lab, says(BASE), cert, path="/ipp/print")
        code, text = self.fetch(server.uri, *self.only("device"))
        self.assertEqual((code, text.split(":")[0]), (1, "refused"), text)
        code, text = self.fetch(server.uri, *self.only("device"), "--pin", cert.pin)
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"), text)

    @unittest.skipIf(SANITIZED, "a sanitizer leaves the filters out")
    def test_the_maker_has_no_network_and_starts_nothing(self):
        status = subprocess.run([BUILD / "platen-device", "device"], stdin=subprocess.DEVNULL, capture_output=True, text=True)
        self.assertEqual(status.returncode, 1)
        p = subprocess.Popen([BUILD / "platen-device", "device"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
                             stderr=subprocess.DEVNULL)
        try:
            state = pathlib.Path(f"/proc/{p.pid}/status")
            wait_for(lambda: "Seccomp:\t2" in state.read_text(), "the sandbox")
        finally:
            p.stdin.close()
            p.wait(10)


class GenericTest(SourceTest):
    def test_says_what_is_missing_and_has_the_papers(self):
        host = Spooler(self.lab, "host")
        host.add_queue("plain", "socket://127.0.0.1:9", vendor_ppd(self.lab.dir / "v.ppd"))
        code, text = self.fetch("socket://127.0.0.1:9", *self.only("generic"), socket=host.socket, queue="plain")
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"), text)
        self.assertIn("vendor options are missing", text)
        ppd = self.driver()
        nick, = (line for line in ppd.splitlines() if line.startswith("*NickName"))
        self.assertIn("(generic driver, vendor options are missing)", nick)
        for paper in ("A4", "A3"):
            self.assertIn(f"*PageSize {paper}", ppd)

    def test_raw_queue(self):
        host = Spooler(self.lab, "host")
        host.add_queue("rawq", "socket://127.0.0.1:9")
        code, text = self.fetch("socket://127.0.0.1:9", *self.only("generic"), socket=host.socket, queue="rawq")
        self.assertEqual((code, text.split(":")[0]), (0, "fetched"), text)
        self.assertIn("*PageSize A4", self.driver())


class OrderTest(SourceTest):
    """The policy, by hand and in platend."""

    def test_first_that_has_one_wins(self):
        host, server = Spooler(self.lab, "host"), Server(self.lab, give(PPD))
        host.add_queue("q", server.uri, vendor_ppd(self.lab.dir / "v.ppd", "Host 5"))
        for order, model in (("server, host", "Laser 100"), ("host,server", "Host 5"), ("device, host", "Host 5"),
                             ("generic, host", "generic driver")):
            with self.subTest(order):
                for driver in self.store.glob("*.*"):
                    driver.unlink()
                code, text = self.fetch(server.uri, "--drivers", order, socket=host.socket)
                self.assertEqual(code, 0, text)
                self.assertIn(model, self.driver())

    def stop(self, host):
        host.stop()
        host.control.unlink(missing_ok=True)

    def again(self, host):
        host.start()
        wait_for(host.control.exists, "the control socket")

    def printer(self, host, name):
        return next((p for p in host.ask("printers")["data"]["printers"] if p["name"] == name), None)

    def became(self, host, name, driver):
        wait_for(lambda: (self.printer(host, name) or {}).get("driver") == driver, f"driver {driver} of {name}")
        return self.printer(host, name)

    def test_settings_say_the_order_and_a_printer_its_own(self):
        spooler, server = Spooler(self.lab, "host"), Server(self.lab, give(PPD))
        for name in ("one", "other"):
            spooler.add_queue(name, server.uri, vendor_ppd(self.lab.dir / "v.ppd", "Host 5"))
        host = Host(self.lab, spooler, settings="drivers = host, server\n[printer other]\ndrivers = server\n").start()
        self.became(host, "one", "host")
        self.became(host, "other", "server")
        self.stop(host)
        # Another policy takes effect at the next start, also for drivers that are known.
        host.config.write_text(host.config.read_text().replace("drivers = host, server", "drivers = server, host")
                               .replace("drivers = server\n", "drivers = generic\n"))
        self.again(host)
        self.became(host, "one", "server")
        self.became(host, "other", "generic")

    def test_server_that_fails_does_not_change_the_source(self):
        spooler, server = Spooler(self.lab, "host"), Server(self.lab, give(PPD))
        spooler.add_queue("one", server.uri, vendor_ppd(self.lab.dir / "v.ppd", "Host 5"))
        host = Host(self.lab, spooler).start()
        before = self.became(host, "one", "server")["driver_sha256"]
        self.stop(host)
        server.shutdown()
        server.server_close()
        self.again(host)
        wait_for(lambda: "the old one is kept" in self.lab.log("platend"), "the failed fetch")
        now = self.printer(host, "one")
        self.assertEqual((now["driver"], now["driver_sha256"]), ("server", before))

    def test_missing_and_generic_in_the_guest(self):
        spooler = Spooler(self.lab, "host")
        spooler.add_queue("none", "socket://127.0.0.1:9")
        spooler.add_queue("plain", "socket://127.0.0.1:9", vendor_ppd(self.lab.dir / "v.ppd"))
        host = Host(self.lab, spooler, settings="[printer plain]\ndrivers = generic\n").start()
        guest = Guest(self.lab, host).start()
        wait_for(lambda: guest.spooler.printer("plain"), "the generic queue")
        self.assertIn("(generic driver, vendor options are missing)", guest.spooler.printer("plain")["printer-make-and-model"])
        self.assertEqual(guest.spooler.queues(), ["plain"])
        missing = self.became(host, "none", "missing")
        self.assertIn("lpadmin -p none", missing["driver_text"])

        def explain(name):
            p = subprocess.run([BUILD / "platenctl", "--socket", host.control, "explain", name, "box"],
                               capture_output=True, text=True)
            return p.stdout
        self.assertRegex(explain("none"), r"none is not offered to box\n(.*\n)* +no +driver-missing: the host's queue none has no driver")
        self.assertIn("What to do: `platenctl driver add FILE --printer none`", explain("none"))
        self.assertIn("vendor options are missing", explain("plain"))
        for words in ("printers",), ("printers", "box"):
            printers = subprocess.run([BUILD / "platenctl", "--socket", host.control, *words], capture_output=True, text=True)
            self.assertRegex(printers.stdout, r"(?m)^plain .* vendor options are missing")
            self.assertRegex(printers.stdout, r"(?m)^none .* driver-missing: the host's queue none has no driver")
        self.assertEqual(guest.spooler.queues(), ["plain"])  # and nothing half-working
        self.stop(host)  # what was said is said again after a restart, when nothing is fetched anew
        self.again(host)
        wait_for(lambda: self.printer(host, "plain"), "the printer")
        wait_for(lambda: "vendor options are missing" in explain("plain"), "the words")

    def test_credentials_and_pin_of_the_settings(self):
        cert = Certificate(self.lab, "own")
        right = "Basic " + base64.b64encode(b"clerk:geheim").decode()

        def answer(handler):
            return give(PPD if handler.headers.get("Authorization") == right else b"", status=200 if
                        handler.headers.get("Authorization") == right else 401, WWW_Authenticate='Basic realm="CUPS"')(handler)
        spooler, server = Spooler(self.lab, "host"), Server(self.lab, answer, cert)
        spooler.add_queue("one", server.uri)
        path = self.credentials()
        host = Host(self.lab, spooler, settings=f"[server 127.0.0.1]\npin = {cert.pin}\ncredentials = {path}\n").start()
        self.became(host, "one", "server")
        self.assertNotIn("geheim", self.lab.logs())
        path.chmod(0o644)
        spooler.run("lpadmin", "-p", "one", "-L", "elsewhere", "-v", server.uri.replace("/q", "/r"))
        wait_for(lambda: "chmod 600" in self.lab.log("platend"), "the refusal of the file")

    def test_settings_that_cannot_be(self):
        for text, words in (("[host]\ndrivers = server, sambda\n", "drivers = server, sambda: expected server, device, host"),
                            ("[host]\nlanguages = de, german\n", "languages = de, german: expected none, or at most 8 languages such as de"),
                            ("[host]\ndriver-days = a month\n", "driver-days = a month: expected a number of days, 0 for ever"),
                            ("[host]\ndrivers = host, host\n", "at most once"), ("[host]\ndrivers =\n", "expected server"),
                            ("[printer a]\ndrivers = x\n", ":2: drivers = x"), ("[printer a]\ndriver = host\n", "key"),
                            ("[server h]\npin = md5//x\n", "sha256//BASE64"),
                            ("[server h]\ncredentials = geheim\n", "mode 0600"),
                            ("[server h]\nnegotiate = maybe\n", "yes or no"), ("[servers h]\nx = y\n", "[server HOST]")):
            with self.subTest(text):
                path = self.lab.dir / "bad.conf"
                path.write_text(text)
                p = subprocess.run([BUILD / "platend", "-c", path, "--check"], capture_output=True, text=True)
                self.assertEqual(p.returncode, 2)
                self.assertIn(words, p.stderr)
                self.assertIn(f"{path}:2: ", p.stderr)

    def test_none_concerns_the_printer(self):
        code, text = self.fetch("socket://127.0.0.1:9", "--drivers", "server, device")
        self.assertEqual((code, text.split(":")[0]), (1, "missing"), text)
        self.assertIn("platen.conf", text)


if __name__ == "__main__":
    unittest.main()
