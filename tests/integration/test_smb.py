# SPDX-License-Identifier: Apache-2.0
"""Drivers of a Windows-type print server: a real Samba stands in for it."""
import json
import os
import pathlib
import subprocess
import unittest
import urllib.parse

from harness import BUILD, Guest, Host, Lab, Spooler, VENDOR_PPD, vendor_ppd, wait_for
from samba import PASSWORD, PrintServer, USER

PPD = VENDOR_PPD.replace("{model}", "Laser 100").replace("\n", "\r\n").encode("latin-1")
LIBRARY = b"MZ" + bytes(4096)
POSTSCRIPT = {"PSCRIPT5.DLL": LIBRARY, "LASER.PPD": PPD, "PSCRIPT.NTF": b"fonts", "laser.cat": b"signature"}


class SmbTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.store = self.lab.dir / "store"
        self.store.mkdir()

    def uri(self, server, printer, login=True, password=PASSWORD):
        user = f"{USER}:{urllib.parse.quote(password, safe='')}@" if login else ""
        return f"smb://{user}127.0.0.1:{server.port}/{printer}"

    def fetch(self, uri, *options, socket="/nonexistent", drivers="server", env=None):
        p = subprocess.run([BUILD / "platen-fetch", self.store, "--queue", "q", "--uri", uri, "--cups-socket", socket,
                            "--drivers", drivers, *options], capture_output=True, text=True, timeout=100, env=env)
        self.assertEqual(len(p.stdout.splitlines()), 1, p.stdout + p.stderr)
        self.assertNotIn(PASSWORD, p.stdout + p.stderr)
        return p.returncode, p.stdout.strip()

    def record(self):
        return json.loads(next((self.store / "windows").glob("*.json")).read_text())

    def test_postscript_driver_has_its_ppd_among_its_files(self):
        server = PrintServer(self.lab, "laser")
        server.add_driver("laser", "Laser 100 PS", POSTSCRIPT, "LASER.PPD")
        code, text = self.fetch(self.uri(server, "laser"))
        self.assertEqual(code, 0, text)
        self.assertTrue(text.startswith(f"fetched: smb://127.0.0.1:{server.port}/laser: "), text)
        self.assertEqual(len(list(self.store.glob("*.ppd.gz"))), 1)
        record = self.record()
        self.assertEqual((record["name"], record["version"], record["architecture"], record["signed"], record["catalog"]),
                         ("Laser 100 PS", "type 3", "Windows x64", True, "laser.cat"))
        self.assertEqual(sorted(set(record["files"])), sorted(POSTSCRIPT))
        # The same again is the same driver, and one for another system does not come before it.
        server.add_driver("laser", "Laser 100 PS", {"OLD.DLL": LIBRARY, "OLD.DAT": b"raster"}, "OLD.DAT",
                          "Windows 4.0", "WIN40")
        self.assertEqual(self.fetch(self.uri(server, "laser"))[0], 0)
        self.assertEqual(len(list(self.store.glob("*.ppd.gz"))), 1)
        self.assertEqual(self.record()["architecture"], "Windows x64")

    def test_ppd_of_another_architecture_and_among_the_dependent_files(self):
        server = PrintServer(self.lab, "laser")
        server.add_driver("laser", "Mixed", {"RASTER.DLL": LIBRARY, "RASTER.GPD": b"raster"}, "RASTER.GPD")
        server.add_driver("laser", "Mixed", {"OLD.DLL": LIBRARY, "OLD.DAT": b"x", "OLD.PPD": PPD}, "OLD.DAT",
                          "Windows 4.0", "WIN40")
        code, text = self.fetch(self.uri(server, "laser"))
        self.assertEqual(code, 0, text)
        self.assertEqual(self.record()["architecture"], "Windows 4.0")
        self.assertFalse(self.record()["signed"])

    def test_driver_without_a_ppd_is_recorded_and_the_next_source_used(self):
        server, spooler = PrintServer(self.lab, "ink"), Spooler(self.lab, "host")
        server.add_driver("ink", "Ink 7", {"INK.DLL": LIBRARY, "INK.GPD": b"raster"}, "INK.GPD")
        spooler.add_queue("q", self.uri(server, "ink"), vendor_ppd(self.lab.dir / "v.ppd", "Host 5"))
        code, text = self.fetch(self.uri(server, "ink"))
        self.assertEqual(code, 1)
        self.assertTrue(text.startswith("missing: "), text)
        code, text = self.fetch(self.uri(server, "ink"), socket=spooler.socket, drivers="server,host")
        self.assertEqual(code, 0, text)
        self.assertIn('passed over: print server smb://127.0.0.1', text)
        self.assertIn('its driver "Ink 7" type 3 for Windows x64 (3 files, not signed) is no PostScript driver', text)
        self.assertEqual((self.record()["name"], self.record()["files"]), ("Ink 7", ["INK.DLL", "INK.GPD", "INK.DLL"]))

    def test_who_asks(self):
        server = PrintServer(self.lab, "laser")
        server.add_driver("laser", "Laser 100 PS", POSTSCRIPT, "LASER.PPD")
        for uri in (self.uri(server, "laser", password="wrong"), self.uri(server, "laser", login=False)):
            with self.subTest(uri):
                code, text = self.fetch(uri)
                self.assertEqual(code, 1)
                self.assertIn("it does not let us in: give it other credentials in platen.conf, [server HOST]", text)
        code, text = self.fetch(self.uri(server, "laser", login=False), "--credentials", server.credentials)
        self.assertEqual(code, 0, text)
        # Kerberos where there is no ticket: no password is tried in its stead.
        code, text = self.fetch(self.uri(server, "laser"), "--negotiate")
        self.assertEqual(code, 1, text)

    def test_guests_where_a_server_takes_them(self):
        server = PrintServer(self.lab, "laser", guests=True)
        server.add_driver("laser", "Laser 100 PS", POSTSCRIPT, "LASER.PPD")
        code, text = self.fetch(self.uri(server, "laser", login=False))
        self.assertEqual(code, 0, text)

    def test_password_is_on_no_command_line(self):
        server = PrintServer(self.lab, "laser")
        server.add_driver("laser", "Laser 100 PS", POSTSCRIPT, "LASER.PPD")
        spies = self.lab.dir / "spies"
        spies.mkdir()
        for tool in ("rpcclient", "smbclient"):  # the real ones, whose arguments are written down
            (spies / tool).write_text(f'#!/bin/sh\nprintf "%s\\n" {tool} "$@" >>{spies}/seen\nexec /usr/bin/{tool} "$@"\n')
            (spies / tool).chmod(0o755)
        code, text = self.fetch(self.uri(server, "laser"), env=dict(os.environ, PATH=f"{spies}:{os.environ['PATH']}"))
        self.assertEqual(code, 0, text)
        seen = (spies / "seen").read_text()
        self.assertEqual([line for line in seen.splitlines() if line in ("rpcclient", "smbclient")], ["rpcclient", "smbclient"])
        self.assertNotIn(PASSWORD, seen)
        self.assertIn("--client-protection=sign", seen)

    def test_what_goes_wrong(self):
        server = PrintServer(self.lab, "laser", "bare", "big", "bad")
        server.add_driver("big", "Big", {"A.DLL": LIBRARY, "BIG.PPD": b"*PPD-Adobe: \"4.3\"\n" + b"*% x\n" * 1000000}, "BIG.PPD")
        server.add_driver("bad", "Bad", {"A.DLL": LIBRARY, "BAD.PPD": b"no driver at all"}, "BAD.PPD")
        server.add_driver("laser", "Gone", {"A.DLL": LIBRARY, "GONE.PPD": PPD}, "GONE.PPD")
        (server.share / "x64/3/GONE.PPD").unlink()
        for uri, code, words in (
                (self.uri(server, "nothere"), "missing", "no printer of this name"),
                (self.uri(server, "bare"), "missing", "holds no driver for it"),
                (self.uri(server, "laser"), "failed", "NT_STATUS_OBJECT_NAME_NOT_FOUND"),
                (self.uri(server, "big"), "refused", "larger than a driver may be"),
                (self.uri(server, "bad"), "refused", "the driver was refused"),
                (self.uri(server, "a%22;quit;%22"), "failed", "in plain words"),
                ("smb://127.0.0.1:1/laser", "failed", "NT_STATUS_CONNECTION_REFUSED"),
                ("smb://nosuch.invalid/laser", "failed", "does DNS know its name?")):
            with self.subTest(uri):
                r, text = self.fetch(uri)
                self.assertEqual(r, 1)
                self.assertTrue(text.startswith(code), text)
                self.assertIn(words, text)
        self.assertEqual(list(self.store.glob("*.ppd.gz")), [])

    def test_tools_that_are_missing_or_hang(self):
        server = PrintServer(self.lab, "laser")
        empty = self.lab.dir / "empty"
        empty.mkdir()
        _, text = self.fetch(self.uri(server, "laser"), env=dict(os.environ, PATH=str(empty)))
        self.assertIn("rpcclient is not found", text)
        self.assertIn("install the package smbclient", text)
        # A server that lies: rpcclient is a fake here that prints what such a server would have it print.
        def section(path):
            return f"[Windows x64]\\nPrinter Driver Info 8:\\n\\tDriver Name: [Lie]\\n\\tDatafile: [{path}]\\n"
        for path in (r"\\\\other\\c$\\A.PPD", r"\\\\s\\print$\\..\\..\\A.PPD", r"\\\\s\\print$\\x\\a\";!id;\".PPD", "/etc/passwd.PPD"):
            with self.subTest(path):
                (empty / "rpcclient").write_text(f"#!/bin/sh\nprintf '{section(path)}'\n")
                (empty / "smbclient").write_text(f"#!/bin/sh\n: >{empty}/asked\n")
                for tool in ("rpcclient", "smbclient"):
                    (empty / tool).chmod(0o755)
                r, text = self.fetch(self.uri(server, "laser"), env=dict(os.environ, PATH=f"{empty}:/usr/bin:/bin"))
                self.assertEqual(r, 1)
                self.assertIn('driver "Lie"', text)
                self.assertFalse((empty / "asked").exists())

    def test_printed_in_the_guest_and_out_at_the_print_server(self):
        server = PrintServer(self.lab, "laser")
        server.add_driver("laser", "Laser 100 PS", POSTSCRIPT, "LASER.PPD")
        spooler = Spooler(self.lab, "host")
        spooler.add_queue("office", self.uri(server, "laser"))
        # cupsd tells nobody what user and password a device URI has: the settings say them once more.
        host = Host(self.lab, spooler, settings=f"[server 127.0.0.1]\ncredentials = {server.credentials}\n").start()
        guest = Guest(self.lab, host).start()
        wait_for(lambda: guest.spooler.printer("office"), "the queue in the guest")
        self.assertIn("StapleLocation", guest.spooler.run("lpoptions", "-p", "office", "-l").stdout)
        shown = subprocess.run([BUILD / "platenctl", "--socket", host.control, "driver", "show", "office"], text=True,
                               capture_output=True).stdout
        self.assertIn(f"smb://127.0.0.1:{server.port}/laser", shown)
        self.assertNotIn(urllib.parse.quote(PASSWORD, safe=""), shown)
        guest.print("office", b"%!PS\n% one page\nshowpage\n", "-o", "StapleLocation=UpperLeft")
        wait_for(lambda: list(server.printed.iterdir()), "the paper", 60)
        paper = next(server.printed.iterdir())
        wait_for(lambda: b"showpage" in paper.read_bytes(), "the page")

    def test_credentials_of_the_settings_for_a_workgroups_server(self):
        server = PrintServer(self.lab, "laser")
        server.add_driver("laser", "Laser 100 PS", POSTSCRIPT, "LASER.PPD")
        spooler = Spooler(self.lab, "host")
        spooler.add_queue("office", f"smb://127.0.0.1:{server.port}/laser")
        spooler.add_queue("group", f"smb://TEST/127.0.0.1:{server.port}/laser")
        host = Host(self.lab, spooler, settings=f"[server 127.0.0.1]\ncredentials = {server.credentials}\n").start()

        def drivers():
            return {p["name"]: p["driver"] for p in host.ask("printers")["data"]["printers"]}
        wait_for(lambda: drivers() == {"office": "server", "group": "server"}, "both drivers")
