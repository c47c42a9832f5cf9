# SPDX-License-Identifier: Apache-2.0
"""Drivers that an admin adds by hand: from a raw queue without one to the options in the guest, and back."""
import gzip
import hashlib
import json
import os
import pathlib
import subprocess
import time
import unittest

from test_fetch import Server, give
from harness import Guest, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for

COMPLETED = 9


class ByHandTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.device = Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.ppd = vendor_ppd(self.lab.dir / "vendor.ppd")
        self.spooler.add_queue("bare", self.device.uri)
        self.host = Host(self.lab, self.spooler).start()
        self.guest = Guest(self.lab, self.host).start()
        wait_for(lambda: self.row("bare")["driver"] == "missing", "the lack of a driver to be known")

    def ctl(self, *words, code=0, user=None):
        command = [self.lab.programs / "platenctl", "--socket", self.host.control, *words]
        if user:
            command = ["setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups", *command]
        p = subprocess.run(command, capture_output=True, text=True, timeout=60)
        self.assertEqual(p.returncode, code, p.stdout + p.stderr)
        return p.stdout + p.stderr

    def row(self, name):
        rows = self.host.ask("printers", workspace="box")["data"]["printers"]
        return next((p for p in rows if p["name"] == name), {"driver": "", "guest": ""})

    def there(self, name="bare"):
        wait_for(lambda: self.row(name)["guest"] == "ready", f"{name} in the guest", 20)

    def test_added_used_removed(self):
        self.assertIn("driver-missing", self.row("bare")["text"])
        self.assertNotIn("bare", self.guest.spooler.queues())
        said = self.ctl("driver", "add", str(self.ppd), "--printer", "bare")
        self.assertIn("Acme Laser 100", said)
        self.assertIn("statements kept", said)
        self.there()
        self.assertIn("StapleLocation", self.guest.spooler.run("lpoptions", "-p", "bare", "-l").stdout)
        number = self.guest.print("bare", pdf(1), "-o", "StapleLocation=UpperLeft")
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "the job to end", 30)
        self.assertEqual(self.spooler.jobs()[-1]["StapleLocation"], "UpperLeft")
        self.assertIn("manual", self.ctl("driver", "list"))
        shown = self.ctl("driver", "show", "bare", "--diff")
        self.assertRegex(shown, r"(?m)^checked +20\d\d-\d\d-\d\d \d\d:\d\d from by hand$")
        self.assertRegex(shown, r"line \d+: \*cupsFilter.*: ")
        # It wins over what the host's own queue has, and outlives platend.
        other = vendor_ppd(self.lab.dir / "other.ppd", "Other 7")
        self.spooler.run("lpadmin", "-p", "bare", "-P", other)
        self.host.stop()
        self.host.start()
        wait_for(self.host.control.exists, "platend to listen")
        wait_for(lambda: self.row("bare")["driver"] == "manual", "the driver to hold over a restart", 20)
        self.there()
        self.ctl("driver", "remove", "--printer", "bare")
        wait_for(lambda: self.row("bare")["driver"] == "host", "the host's own driver", 20)
        self.spooler.run("lpadmin", "-p", "bare", "-m", "raw")
        self.assertIn("no driver was added", self.ctl("driver", "remove", "--printer", "bare", code=5))

    def test_removed_without_another(self):
        self.ctl("driver", "add", str(self.ppd), "--printer", "bare")
        self.there()
        self.ctl("driver", "remove", "--printer", "bare")
        wait_for(lambda: "bare" not in self.guest.spooler.queues(), "the queue to go", 20)
        wait_for(lambda: self.row("bare")["driver"] == "missing", "the lack of a driver to be known", 20)

    def test_for_a_make_and_model(self):
        model = self.row("bare")["make_model"]
        self.assertTrue(model)
        self.spooler.add_queue("second", "socket://127.0.0.1:9")
        self.ctl("driver", "add", str(self.ppd), "--model", model.upper())
        self.there("bare")
        self.there("second")
        self.assertIn("for each", self.ctl("driver", "list"))
        self.ctl("driver", "remove", "--model", model)
        wait_for(lambda: not set(self.guest.spooler.queues()) & {"bare", "second"}, "both to go", 20)

    def test_for_a_model_by_its_device_id(self):
        """Names differ, the device id does not: that of a queue's driver, or of a USB device's URI."""
        def with_id(name, model, says):
            path = vendor_ppd(self.lab.dir / name, model)
            return path, path.write_bytes(path.read_bytes() + f'*1284DeviceID: "{says}"\n'.encode())
        theirs, _ = with_id("theirs.ppd", "Jet Series", "MFG:Acme;MDL:Jet 5;CMD:PCL,PS;SN:1;")
        self.spooler.add_queue("same", "socket://127.0.0.1:9", theirs)
        theirs, _ = with_id("pcl.ppd", "Jet Series", "MFG:Acme;MDL:Jet 5;CMD:PCL;")
        self.spooler.add_queue("another-language", "socket://127.0.0.1:9", theirs)
        self.spooler.add_queue("usb", "usb://Acme/Jet%205?serial=2")
        for name, driver in ("same", "host"), ("another-language", "host"), ("usb", "missing"):
            wait_for(lambda: self.row(name)["driver"] == driver, name)
        ours, _ = with_id("ours.ppd", "Jet 5 better", "MANUFACTURER:ACME;MODEL:Jet 5;COMMAND SET:PS;")
        self.ctl("driver", "add", str(ours), "--model", "Whatever It Is")
        for name in "same", "usb":
            wait_for(lambda: self.row(name)["driver"] == "manual", name)
        self.assertEqual(self.row("another-language")["driver"], "host")
        self.ctl("driver", "remove", "--model", "Whatever It Is")
        wait_for(lambda: (self.row("same")["driver"], self.row("usb")["driver"]) == ("host", "missing"), "both to go back")
        # The other way round: the model that was named is what the device says it is.
        self.ctl("driver", "add", str(self.ppd), "--model", "acme jet 5")
        for name in "same", "another-language", "usb":
            wait_for(lambda: self.row(name)["driver"] == "manual", name)
        self.assertEqual(self.row("bare")["driver"], "missing")
        self.host.stop()
        self.host.start()
        wait_for(self.host.control.exists, "platend to listen")
        wait_for(lambda: self.row("usb")["driver"] == "manual", "it to hold over a restart", 20)

    def test_another_cleaner_cleans_it_anew(self):
        self.ctl("driver", "add", str(self.ppd), "--printer", "bare")
        self.there()
        kept = self.host.state_dir / "manual.json"
        cleaner = json.loads(kept.read_text())[0]["cleaner"]
        stored = json.loads(self.ctl("driver", "show", "bare", "--json"))["path"]
        for original in True, False:  # an older Platen did not keep what was added
            with self.subTest(original=original):
                self.host.stop()
                rows = json.loads(kept.read_text())
                del rows[0]["cleaner"]
                kept.write_text(json.dumps(rows))
                originals = list((pathlib.Path(stored).parent / "originals").glob("*.gz"))
                self.assertEqual(len(originals), 1)
                if not original:
                    originals[0].unlink()
                self.host.start()
                wait_for(lambda: json.loads(kept.read_text())[0].get("cleaner") == cleaner, "it to be cleaned anew", 20)
                wait_for(lambda: self.row("bare")["driver"] == "manual", "the driver", 20)
                self.assertEqual(json.loads(self.ctl("driver", "show", "bare", "--json"))["path"], stored)

    def test_what_no_printer_uses_goes_but_what_was_added_stays(self):
        self.spooler.add_queue("office", "socket://127.0.0.1:9", vendor_ppd(self.lab.dir / "o.ppd", "Office 1"))
        self.spooler.add_queue("old", "socket://127.0.0.1:9", vendor_ppd(self.lab.dir / "p.ppd", "Old 2"))
        self.ctl("driver", "add", str(self.ppd), "--model", "Nobody Has It")
        for name in "office", "old":
            wait_for(lambda: self.row(name)["driver"] == "host", "its driver")
        store = {name: pathlib.Path(json.loads(self.ctl("driver", "show", name, "--json"))["path"]) for name in ("office", "old")}
        folder = store["old"].parent
        added = folder / (json.loads(self.ctl("driver", "list", "--json"))["manual"][0]["sha256"] + ".ppd.gz")
        self.host.stop()
        self.spooler.run("lpadmin", "-x", "old")
        for path in *store.values(), added:
            month_ago = time.time() - 31 * 86400
            os.utime(path, (month_ago, month_ago))
        self.host.start()
        wait_for(lambda: "1 driver removed" in self.lab.log("platend"), "the old driver to be removed", 40)
        self.assertFalse(store["old"].exists())
        self.assertTrue(store["office"].exists())
        self.assertTrue(added.exists())
        self.assertFalse(store["old"].with_name(store["old"].name.replace(".ppd.gz", ".json")).exists())
        self.assertLess(time.time() - added.stat().st_mtime, 86400)
        self.assertEqual(len(list((folder / "originals").iterdir())), 1)

    def test_another_cleaner_and_a_source_that_does_not_answer(self):
        """What an older cleaner let through goes, even if the source cannot be asked."""
        server = Server(self.lab, give(self.ppd.read_bytes()))
        self.spooler.add_queue("far", server.uri)
        wait_for(lambda: self.row("far")["driver"] == "server", "its driver")
        stored = pathlib.Path(json.loads(self.ctl("driver", "show", "far", "--json"))["path"])
        record = next(r for r in (stored.parent / "sources").glob("*.json") if server.uri.split("/")[2] in r.read_text())
        self.host.stop()
        self.host.control.unlink(missing_ok=True)
        server.shutdown()
        server.server_close()
        text = gzip.decompress(stored.read_bytes()).replace(b"Laser 100", b"Laser 99") + b'*FoomaticRIPCommandLine: "x"\n'
        digest, data = hashlib.sha256(text).hexdigest(), gzip.compress(text)
        stored.with_name(f"{digest}.ppd.gz").write_bytes(data)
        said = json.loads(record.read_text())
        del said["cleaner"]
        record.write_text(json.dumps(dict(said, sha256=digest, packed_size=len(data))))
        self.host.start()
        wait_for(self.host.control.exists, "platend to listen")
        wait_for(lambda: "cleaned anew" in self.row("far").get("driver_text", ""), "it to be cleaned", 20)
        self.assertEqual(self.row("far")["driver"], "server")
        now = pathlib.Path(json.loads(self.ctl("driver", "show", "far", "--json"))["path"])
        clean = gzip.decompress(now.read_bytes())
        self.assertNotIn(b"Foomatic", clean)
        self.assertIn(b"Laser 99", clean)

    def test_what_is_refused(self):
        bad = self.lab.dir / "bad.ppd"
        bad.write_text("<html>")
        self.assertIn("this is no PPD", self.ctl("driver", "add", str(bad), "--printer", "bare", code=2))
        bad.write_bytes(b"*PPD-Adobe: \"4.3\"\n" + b"x" * (5 << 20))
        self.assertIn("larger than 4 MiB", self.ctl("driver", "add", str(bad), "--printer", "bare", code=2))
        self.assertIn("No such file", self.ctl("driver", "add", "/nonexistent", "--printer", "bare", code=2))
        self.assertIn("no printer none", self.ctl("driver", "add", str(self.ppd), "--printer", "none", code=5))
        self.ppd.chmod(0o644)
        self.assertIn("lpadmin", self.ctl("driver", "add", str(self.ppd), "--printer", "bare", code=4, user="nobody"))
        self.assertIn("bare", self.ctl("driver", "list", user="nobody"))
        self.assertEqual(self.row("bare")["driver"], "missing")

    def test_refresh(self):
        self.spooler.add_queue("office", "socket://127.0.0.1:9", self.ppd)
        wait_for(lambda: self.row("office")["driver"] == "host", "the host's driver")
        said = self.ctl("driver", "refresh", code=7)
        self.assertRegex(said, r"(?m)^office: unchanged \(host\), ")
        self.assertRegex(said, r"(?m)^bare: failed, driver-missing: .*the host's queue bare has no driver")
        self.assertRegex(self.ctl("driver", "refresh", "office"), r"^office: unchanged \(host\), .*\n$")
        self.assertEqual(self.results("office"), [("office", "unchanged", "host")])
        self.assertEqual(sorted(self.results(code=7)), [("bare", "failed", "missing"), ("office", "unchanged", "host")])
        self.assertIn("no printer none", self.ctl("driver", "refresh", "none", code=5))
        self.ctl("driver", "add", str(self.ppd), "--printer", "office")
        wait_for(lambda: self.row("office")["driver"] == "manual", "the one by hand")
        self.assertEqual(self.results("office"), [("office", "unchanged", "manual")])

    def results(self, *names, code=0):
        said = json.loads(self.ctl("driver", "refresh", "--json", *names, code=code))
        self.assertEqual(list(said), ["printers"])
        return [(r["printer"], r["result"], r["driver"]) for r in said["printers"]]

    def test_refresh_from_a_server_that_changes(self):
        """fetched, unchanged, refused, and not answering: the driver that was there is kept, and that is said."""
        ppd = self.ppd.read_bytes()
        answers = {"body": ppd}
        server = Server(self.lab, lambda handler: give(answers["body"])(handler))
        self.spooler.add_queue("far", server.uri)
        wait_for(lambda: self.row("far")["driver"] == "server", "its driver")
        self.assertEqual(self.results("far"), [("far", "unchanged", "server")])
        answers["body"] = ppd.replace(b"Laser 100", b"Laser 200")
        self.assertRegex(self.ctl("driver", "refresh", "far"), r"^far: fetched \(server\), ")
        server.shutdown()
        server.server_close()
        self.assertRegex(self.ctl("driver", "refresh", "far", code=7),
                         r"^far: failed, the driver it has \(server\) is kept: .*127\.0\.0\.1")
        self.assertEqual(self.results("far", code=7), [("far", "failed", "server")])
        self.assertEqual(self.row("far")["driver"], "server")

    def test_refresh_of_what_is_refused(self):
        server = Server(self.lab, give(b"<html>"))
        self.spooler.add_queue("far", server.uri)
        wait_for(lambda: self.row("far")["driver"] in ("refused", "host"), "its fate")
        self.assertRegex(self.ctl("driver", "refresh", "far", code=7), r"^far: failed, driver refused: .*no PPD")
        self.assertIn("driver refused", self.row("far")["text"])


if __name__ == "__main__":
    unittest.main()
