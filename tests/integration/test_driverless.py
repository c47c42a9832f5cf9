# SPDX-License-Identifier: Apache-2.0
"""Drivers that are made of what a device says about itself: all that it has, in its own words, and nothing that it lies."""
import pathlib
import re
import struct
import subprocess
import unittest

from harness import BUILD, SANITIZED, Guest, Host, Spooler, pdf, wait_for
from sources import Certificate, Server, SourceTest, device
from test_fetch import give


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


if __name__ == "__main__":
    unittest.main()
