# SPDX-License-Identifier: Apache-2.0
"""The units at work: both halves installed from packages, each in a booted Debian 12, a unix socket between them.

Nothing is loosened for the tests: each program runs below its unit's sandbox, filter and limits.
"""
import json
import pathlib
import shutil
import tempfile
import unittest

from container import Container, build_packages, own_namespace
from harness import Lab, Sink, vendor_ppd, wait_for

TIMEOUT = 400
UUID = "5f1a1d0c-7d38-4a0e-9a3f-0d1c6f2b7a11"
HOST_CONF = f"""
[workspace box]
uuid = {UUID}
socket = /run/channel/box
"""
CHANNEL = """[Service]
ReadWritePaths=/run/channel
"""


class Deployed(unittest.TestCase):
    """A host and a workspace, each a container, which see one folder both."""

    @classmethod
    def setUpClass(cls):
        own_namespace()
        cls.dir = pathlib.Path(tempfile.mkdtemp(prefix="units"))
        cls.addClassCleanup(shutil.rmtree, cls.dir, True)
        cls.debs = build_packages(cls.dir / "debs")

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.channel = self.lab.dir / "channel"
        self.channel.mkdir()

    def show(self, container):
        if container.pid and any(t is self for t, _ in self._outcome.result.errors + self._outcome.result.failures):
            print(f"--- {container.name}\n" + container.out("platenctl printers box; platenctl printers; platenctl doctor; lpstat -v; journalctl --no-pager -o short-precise -n 120", check=False))

    def boot(self, name):
        c = Container(self, name, binds=[(self.channel, "/run/channel")])
        self.addCleanup(self.show, c)
        return c.start()

    def boot_host(self):
        host = self.boot("host")
        host.install(self.debs, "host", "tools")
        with open(host.root / "etc/platen/platen.conf", "a") as conf:
            conf.write(HOST_CONF)
        self.drop_in(host, "platend.service", CHANNEL)
        self.device = host.on_network(lambda: Sink(self.lab))
        # Of the package cups, which is large.
        shutil.copy("/usr/lib/cups/backend/socket", host.root / "usr/lib/cups/backend/socket")
        vendor_ppd(host.root / "tmp.ppd")
        host.run(f"lpadmin -p laser -E -v {self.device.uri} -P /tmp.ppd && systemctl restart platend")
        return host

    def boot_guest(self):
        guest = self.boot("guest")
        guest.install(self.debs, "guest")
        conf = guest.root / "etc/platen/platen-agent.conf"
        conf.write_text(conf.read_text() + "transport = unix\npath = /run/channel/box\n")
        guest.run("systemctl restart platen-agent")
        return guest

    def drop_in(self, container, unit, text):
        folder = container.root / f"etc/systemd/system/{unit}.d"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "of-the-test.conf").write_text(text)
        container.run("systemctl daemon-reload")

    def ctl(self, host, *argv):
        return json.loads(host.out("platenctl --json " + " ".join(argv)))

    def ready(self, host, name="laser"):
        def look():
            found = host.run("platenctl --json printers box", check=False)
            if found.returncode:
                return False
            rows = json.loads(found.stdout)
            rows = rows.get("data", rows)["printers"]
            return any(p["name"] == name and p["guest"] == "ready" for p in rows)
        wait_for(look, f"{name} to be ready in the workspace", 40)

    def print(self, guest, text):
        """As it is: there is no filter for pages in so small a host."""
        guest.run(f"echo -n '{text}' | lp -d laser -o document-format=application/vnd.cups-raw")

    def no_denial(self, *containers):
        """Nothing of ours was ended by a filter, restarted, or refused by its sandbox."""
        for c in containers:
            text = c.out("journalctl --no-pager -o cat")
            for word in ("SIGSYS", "status=31/SYS", "Operation not permitted", "Permission denied", "Read-only file system"):
                self.assertEqual([line for line in text.splitlines() if word in line and "platen" in line], [], word)
            for unit in ("platend", "platen-agent"):
                self.assertIn(c.prop(unit, "NRestarts"), ("0", ""))


class UnitsTest(Deployed):
    def test_a_page_from_the_workspace_through_both_sandboxes(self):
        host, guest = self.boot_host(), self.boot_guest()
        self.ready(host)
        for count in (1, 2):
            self.print(guest, f"document {count}")
            wait_for(lambda: len(self.device.received) == count, "the document at the device", 30)
            self.assertEqual(self.device.received[-1], f"document {count}".encode())
        self.assertEqual(host.prop("platend", "ActiveState"), "active")
        self.no_denial(host, guest)
        # platend and what it starts have no network; what fetches drivers is a unit of its own.
        pid = host.prop("platend", "MainPID")
        self.assertNotEqual(host.out(f"readlink /proc/{pid}/ns/net"), host.out("readlink /proc/1/ns/net"))
        self.assertNotIn("platen-fetch", host.out("systemctl show -P ExecMainStartTimestamp platend; pgrep -P " + pid + " -l"))
        self.assertIn("platen-fetch.socket", host.prop("platen-fetch.service", "TriggeredBy"))
        self.assertNotEqual(host.prop("platen-fetch.service", "ExecMainStartTimestampMonotonic"), "0")


if __name__ == "__main__":
    unittest.main()
