# SPDX-License-Identifier: Apache-2.0
"""A print server that wants Kerberos (RFC 4559): a real realm with a key distribution centre of its own."""
import base64
import os
import subprocess
import unittest

import gssapi
from harness import BUILD, Lab, VENDOR_PPD, free_port, wait_for
from sources import Certificate, Server
from test_fetch import give

PPD = VENDOR_PPD.replace("{model}", "Laser 100").encode("latin-1")
REALM, PERSON = "PLATEN.TEST", "clerk"


class Realm:
    """krb5kdc on a loopback port, a person with a ticket, and a service with a key."""

    def __init__(self, lab):
        self.dir = lab.dir / "realm"
        self.dir.mkdir()
        self.keytab, self.tickets, port = self.dir / "keytab", self.dir / "tickets", free_port()
        conf, kdc = self.dir / "krb5.conf", self.dir / "kdc.conf"
        conf.write_text(f"""[libdefaults]
default_realm = {REALM}
dns_lookup_kdc = false
dns_lookup_realm = false
dns_canonicalize_hostname = false
rdns = false
[realms]
{REALM} = {{
  kdc = 127.0.0.1:{port}
}}
[domain_realm]
127.0.0.1 = {REALM}
""")
        kdc.write_text(f"""[kdcdefaults]
kdc_listen = 127.0.0.1:{port}
kdc_tcp_listen = 127.0.0.1:{port}
[realms]
{REALM} = {{
  database_name = {self.dir}/principal
  key_stash_file = {self.dir}/stash
  acl_file = {self.dir}/acl
}}
[logging]
kdc = STDERR
""")
        self.env = dict(os.environ, KRB5_CONFIG=str(conf), KRB5_KDC_PROFILE=str(kdc), KRB5CCNAME=f"FILE:{self.tickets}",
                        PATH=os.environ["PATH"] + ":/usr/sbin")
        self.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        for command in (f"addprinc -pw secret {PERSON}", "addprinc -randkey HTTP/127.0.0.1",
                        f"ktadd -k {self.keytab} HTTP/127.0.0.1"):
            self.run("kadmin.local", "-r", REALM, "-q", command)
        lab.start("krb5kdc", ["krb5kdc", "-n", "-r", REALM, "-P", self.dir / "pid"], env=self.env)
        wait_for(lambda: self.run("kinit", PERSON, input="secret\n", check=False).returncode == 0, "the realm")

    def run(self, *argv, check=True, **kw):
        return subprocess.run([str(a) for a in argv], env=self.env, text=True, capture_output=True, check=check, timeout=30, **kw)

    def server_name(self):
        """Whom the service's key speaks for."""
        return gssapi.Credentials(usage="accept", store={b"keytab": f"FILE:{self.keytab}".encode()})


class KerberosTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.store = self.lab.dir / "store"
        self.store.mkdir()
        self.realm = Realm(self.lab)
        self.cert = Certificate(self.lab, "own")
        self.asked = []

    def answer(self, handler):
        """As a print server does that takes tickets only."""
        header = handler.headers.get("Authorization") or ""
        if not header.startswith("Negotiate "):
            return give(b"", status=401, WWW_Authenticate="Negotiate")(handler)
        try:
            context = gssapi.SecurityContext(creds=self.realm.server_name(), usage="accept")
            context.step(base64.b64decode(header.split()[1]))
            self.asked.append(str(context.initiator_name))
        except gssapi.exceptions.GSSError as e:
            self.asked.append(f"refused: {e}")
            return give(b"", status=401, WWW_Authenticate="Negotiate")(handler)
        give(PPD)(handler)

    def fetch(self, uri, *options, env=None):
        p = subprocess.run([BUILD / "platen-fetch", self.store, "--queue", "q", "--uri", uri, "--cups-socket", "/nonexistent",
                            "--drivers", "server", "--pin", self.cert.pin, *options], capture_output=True, text=True, timeout=100,
                           env=env or self.realm.env)
        self.assertEqual(len(p.stdout.splitlines()), 1, p.stdout + p.stderr)
        return p.returncode, p.stdout.strip()

    def test_ticket_opens_the_print_server(self):
        # The key of the service is read by this process; its settings are not those of the machine.
        os.environ["KRB5_CONFIG"] = self.realm.env["KRB5_CONFIG"]
        self.addCleanup(os.environ.pop, "KRB5_CONFIG")
        server = Server(self.lab, self.answer, self.cert)
        code, text = self.fetch(server.uri, "--negotiate")
        self.assertEqual(code, 0, f"{text}; {self.asked}; {self.lab.log('krb5kdc')[-800:]}")
        self.assertEqual(self.asked, [f"{PERSON}@{REALM}"])
        self.assertEqual(len(list(self.store.glob("*.ppd.gz"))), 1)
        # Only if the settings say so, and never in clear.
        self.asked.clear()
        self.assertEqual(self.fetch(server.uri)[0], 1)
        clear = Server(self.lab, self.answer)
        self.assertEqual(self.fetch(clear.uri, "--negotiate")[0], 1)
        self.assertEqual(self.asked, [])
        self.assertFalse(any(authorization for _, authorization in clear.requests), clear.requests)
        # Without the ticket it is one line that says so.
        self.realm.tickets.unlink()
        code, text = self.fetch(server.uri, "--negotiate")
        self.assertEqual(code, 1)
        self.assertIn("it does not let us in", text)


if __name__ == "__main__":
    unittest.main()
