# SPDX-License-Identifier: Apache-2.0
"""The sources of drivers among each other: the generic driver, the settings' order, and what the workspace sees of it."""
import base64
import subprocess
import unittest

from harness import BUILD, Guest, Host, Spooler, vendor_ppd, wait_for
from sources import PPD, Certificate, Server, SourceTest
from test_fetch import give


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
