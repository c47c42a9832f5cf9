# SPDX-License-Identifier: Apache-2.0
"""Where drivers come from, simulated: print servers, with or without TLS, and devices; and platen-fetch, run by hand."""
import base64
import gzip
import http.server
import os
import socket
import ssl
import subprocess
import threading
import unittest

from harness import BUILD, VENDOR_PPD, Lab, free_port, wait_for

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
