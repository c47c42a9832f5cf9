# SPDX-License-Identifier: Apache-2.0
"""Rendering in the guest: the driver whole, its package, and falling back to the host.

Real spoolers and programs, no VM. The filter is a script that puts marks around what it reads, the
package a real .deb whose content is that script; what installs it is FAKE_MANAGER, which stands in for
the guest's package manager: it unpacks with dpkg-deb into the private ServerBin, for a test must not
change the machine's packages.
"""
import hashlib
import json
import pathlib
import subprocess
import unittest

from gate import Gate
from harness import BUILD, Guest, Host, Lab, Sink, Spooler, VENDOR_PPD, pdf, wait_for

COMPLETED, HELD = 9, 4
ADD_MODIFY = 0x4003  # CUPS-Add-Modify-Printer

FILTER = """#!/bin/sh
# A driver's filter of the tests: marks, the options that it was given, and what it reads.
printf 'DEVICE-BEGIN %s\\n' "$5"
cat ${6:+"$6"}
printf 'DEVICE-END\\n'
"""

FAKE_MANAGER = """#!/bin/sh
# FAKE package manager of the tests: unpacks a package into a private folder.
echo "fake package manager: $1" >> {log}
{before}
dpkg-deb -x "$1" {root}.unpacked || exit 1
for f in {root}.unpacked/usr/lib/cups/filter/*; do
	[ -e "$f" ] || continue
	install -m 755 "$f" {bin}/filter/
done
echo "Setting up"
"""


def driver(path, lines, model="Laser 100"):
    text = VENDOR_PPD.replace("{model}", model).replace(
        '*cupsFilter2: "application/vnd.cups-pdf application/pdf 0 -"\n', "".join(f"{line}\n" for line in lines))
    pathlib.Path(path).write_bytes(text.encode("latin-1"))
    return path


class Case(unittest.TestCase):
    settings = "[printer laser]\nrendering = guest\n"
    lines = ('*cupsFilter: "application/pdf 0 rastertomarks"', '*Marks BandSize: "128"')

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.addCleanup(self.show_logs)
        self.device = Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.private_filters(self.spooler)
        self.put_filter(self.spooler)  # cupsd does not print to a queue whose filter is missing
        self.ppd = driver(self.lab.dir / "vendor.ppd", self.lines)
        self.spooler.add_queue("laser", self.device.uri, self.ppd)
        self.host = Host(self.lab, self.spooler, settings=self.settings).start()
        wait_for(lambda: self.host.ask("printers")["data"]["printers"], "the host's printer")
        self.guest = Guest(self.lab, self.host)
        self.private_filters(self.guest.spooler)
        self.log = self.lab.dir / "manager.log"
        self.manager()

    def private_filters(self, spooler):
        """Makes ServerBin/filter a folder of its own with links to the machine's filters."""
        folder = spooler.dir / "bin/filter"
        real = folder.resolve()
        folder.unlink()
        folder.mkdir()
        for entry in real.iterdir():
            (folder / entry.name).symlink_to(entry)

    def put_filter(self, spooler, name="rastertomarks"):
        path = spooler.dir / "bin/filter" / name
        path.write_text(FILTER)
        path.chmod(0o755)

    def manager(self, before=""):
        path = self.lab.dir / "fake-package-manager"
        path.write_text(FAKE_MANAGER.format(log=self.log, root=self.lab.dir / "fake", bin=self.guest.spooler.dir / "bin",
                                            before=before))
        path.chmod(0o755)
        text = self.guest.config.read_text()
        if "package-manager" not in text:
            self.guest.config.write_text(text + f"package-manager = {path}\ncups-server-bin = {self.guest.spooler.dir}/bin\n")

    def package(self, name="platen-test-driver", content="rastertomarks"):
        tree = self.lab.dir / f"{name}-tree"
        (tree / "DEBIAN").mkdir(parents=True)
        (tree / "DEBIAN/control").write_text(f"Package: {name}\nVersion: 1.0\nArchitecture: all\nMaintainer: Test <t@example.org>\n"
                                             "Description: a filter of the tests\n")
        (tree / "usr/lib/cups/filter").mkdir(parents=True)
        (tree / "usr/lib/cups/filter" / content).write_text(FILTER)
        path = self.lab.dir / f"{name}_1.0_all.deb"
        subprocess.run(["dpkg-deb", "--root-owner-group", "-b", tree, path], check=True, capture_output=True)
        return path

    def ctl(self, *words, code=0):
        p = subprocess.run([BUILD / "platenctl", "--socket", self.host.control, *words], capture_output=True, text=True)
        self.assertEqual(p.returncode, code, p.stdout + p.stderr)
        return p.stdout + p.stderr

    def show_logs(self):
        errors = self._outcome.result.errors + self._outcome.result.failures
        if any(t is self for t, _ in errors):
            print(self.lab.logs()[-14000:])
            print(f"at the device: {[d[:40] for d in self.device.received]}")
            print("".join(line for line in self.spooler.error_log().splitlines(True) if "[Job " in line)[-12000:])

    def row(self, name="laser"):
        rows = self.host.ask("printers", workspace="box")["data"]["printers"]
        return next((p for p in rows if p["name"] == name), dict.fromkeys(("guest", "rendering_there"), None) | {"text": ""})

    def there(self, rendering, timeout=20):
        """The printer is ready in the guest and rendered where it should be."""
        wait_for(lambda: (self.row()["guest"], self.row()["rendering_there"]) == ("ready", rendering),
                 f"laser rendered in the {rendering}: {self.row()}", timeout)
        return self.row()

    def says(self, words, timeout=20):
        wait_for(lambda: words in self.row()["text"], f"{words!r} in {self.row()['text']!r}", timeout)

    def print(self, data, *options, state=COMPLETED, **kw):
        count = len(self.device.received)
        number = self.guest.print("laser", data, *options, **kw)
        wait_for(lambda: (self.guest.job(number) or {}).get("job-state") == state,
                 f"job {number} in state {state}: {self.guest.job(number)}", 30)
        if state == COMPLETED:
            wait_for(lambda: len(self.device.received) > count, f"the bytes at the device, which has {count} documents")
            self.assertEqual(len(self.device.received), count + 1, [d[:40] for d in self.device.received])
        return number

    def rendered(self, data, there, host):
        """What the device got last: what the guest's filter made, and not the host's as well."""
        got = self.device.received[-1]
        self.assertEqual(got.count(b"DEVICE-BEGIN"), 1, got[:300])
        self.assertIn(data, got)
        job = self.spooler.jobs()[-1]
        kind = job.get("document-format-supplied", job.get("document-format"))
        self.assertEqual(kind == "application/vnd.cups-raw", there, job)
        self.assertEqual(host, job["job-originating-user-name"])
        return got, job


class RenderingTest(Case):
    # -- where the filters are here already

    def test_job_arrives_ready_and_once(self):
        self.put_filter(self.guest.spooler)
        self.guest.start()
        self.there("guest")
        data = pdf(3)
        self.print(data, "-n", "3", "-o", "StapleLocation=UpperLeft", title="From the guest", user="alice")
        got, job = self.rendered(data, True, "box")
        self.assertIn(b"StapleLocation=UpperLeft", got)
        self.assertEqual(job["job-name"], "From the guest")
        self.assertEqual(job["platen-guest-user"], "alice")
        # The guest's filters had the copies and the options: the host applies none of them again.
        self.assertEqual((job.get("copies", 1), "StapleLocation" in job), (1, False))
        self.assertEqual(len(self.spooler.jobs()), 1)
        self.assertEqual(self.row()["rendering"], "guest")
        self.assertFalse(self.log.exists())  # nothing was installed
        explain = self.ctl("explain", "laser", "box")
        self.assertIn("rendering = guest (platen.conf), filters rastertomarks, package none", explain)

    def test_banners_are_the_hosts(self):
        self.put_filter(self.guest.spooler)
        self.guest.start()
        self.there("guest")
        self.print(pdf(1), "-o", "job-sheets=standard,none")
        self.assertEqual(self.spooler.jobs()[-1]["job-sheets"], ["standard", "none"])

    def test_several_files_are_one_document(self):
        self.put_filter(self.guest.spooler)
        self.guest.start()
        self.there("guest")
        first, second = pdf(1, "first"), pdf(2, "second")
        paths = []
        for i, data in enumerate((first, second)):
            paths.append(self.lab.dir / f"file{i}")
            paths[-1].write_bytes(data)
        self.guest.spooler.run("lp", "-d", "laser", *paths)
        wait_for(lambda: self.device.received, "the document at the device")
        got = self.device.received[0]
        self.assertTrue(first in got and second in got)
        self.assertEqual(len(self.spooler.jobs()), 1)

    def test_restarts_on_the_way_print_once(self):
        self.put_filter(self.guest.spooler)
        self.guest.start()
        self.there("guest")
        self.spooler.run("cupsdisable", "laser")
        wait_for(lambda: self.guest.spooler.printer("laser")["printer-state"] == 5, "the pause in the guest", 5)
        self.spooler.run("cupsenable", "laser")
        wait_for(lambda: self.guest.spooler.printer("laser")["printer-state"] == 3, "the printer to be idle", 5)
        self.host.stop(9)
        data = pdf(2, pad=400000)
        number = self.guest.print("laser", data)
        wait_for(lambda: self.guest.job(number)["job-state"] == 5, "the job to wait")
        self.guest.stop(9)
        self.guest.start()
        self.host.start()
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "the job to end", 40)
        wait_for(lambda: self.device.received, "the document at the device")
        self.assertEqual(len(self.device.received), 1)
        self.rendered(data, True, "box")

    def test_toggled_live(self):
        self.put_filter(self.guest.spooler)
        self.guest.start()
        self.there("guest")
        self.assertIn("laser: host (platenctl)", self.ctl("rendering", "laser", "host"))
        self.there("host")
        data = pdf(1)
        self.print(data)
        self.rendered(data, False, "box")
        self.host.stop()
        self.host.start()  # what was said holds over a restart
        wait_for(self.host.control.exists, "platend to listen")
        self.assertIn("laser: host (platenctl)", self.ctl("rendering", "laser"))
        self.assertIn("laser: guest (platen.conf)", self.ctl("rendering", "laser", "unset"))
        self.there("guest")
        self.print(data)
        self.rendered(data, True, "box")

    def test_rendered_for_a_printer_that_is_the_hosts_again(self):
        """What waits, rendered, when the printer is set back, is not taken: nobody can undo it. Where the queue's new
        driver comes first, the spooler begins the job anew, and it is printed as what it is."""
        self.put_filter(self.guest.spooler)
        self.guest.start()
        self.there("guest")
        self.host.stop()
        number = self.guest.print("laser", pdf(1))
        wait_for(lambda: self.guest.job(number)["job-state"] == 5, "the job to wait")
        state = self.host.state_dir / "printers.json"
        state.write_text(json.dumps({"laser": {"rendering": "host"}}))
        self.host.start()
        wait_for(lambda: self.guest.job(number)["job-state"] in (HELD, COMPLETED), "the job to be held, or printed", 30)
        if self.guest.job(number)["job-state"] == COMPLETED:
            wait_for(lambda: self.device.received, "the document at the device")
            return self.rendered(b"%PDF", False, "box")
        self.assertEqual(self.device.received, [])
        self.there("host")
        self.guest.spooler.run("lp", "-i", f"laser-{number}", "-H", "resume")
        wait_for(lambda: self.guest.job(number)["job-state"] == COMPLETED, "it to print after all", 30)
        self.rendered(b"%PDF", False, "box")

    # -- where they come by a package

    def test_package_is_installed_once(self):
        package = self.package()
        self.assertIn("platen-test-driver_1.0_all.deb", self.ctl("driver", "package", "add", str(package), "--printer", "laser",
                                                                 "--restart", "workspace"))
        kept, = (self.host.state_dir / "drivers/packages").iterdir()
        self.assertEqual(kept.name, hashlib.sha256(package.read_bytes()).hexdigest() + ".deb")
        self.assertEqual(kept.read_bytes(), package.read_bytes())
        self.assertIn("workspace", self.ctl("driver", "package", "list"))
        self.guest.start()
        self.there("guest")
        self.assertEqual(self.row()["text"], "")
        data = pdf(2)
        self.print(data)
        self.rendered(data, True, "box")
        self.assertEqual(len(self.log.read_text().splitlines()), 1)
        needs = wait_for(lambda: self.host.ask("restart", workspace="box")["data"]["needs"], "the need of a restart")
        self.assertEqual([(n["level"], "platen-test-driver_1.0_all.deb" in n["reason"]) for n in needs], [("workspace", True)])
        # Neither the agent's nor the host's restart has it installed again.
        self.guest.stop()
        self.guest.start()
        self.there("guest")
        # Not even when somebody took the filter away: that is told, and the host renders.
        self.guest.stop()
        (self.guest.spooler.dir / "bin/filter/rastertomarks").unlink()
        self.guest.start()
        self.there("host")
        self.says("though the package was installed")
        self.assertEqual(len(self.log.read_text().splitlines()), 1)
        self.ctl("driver", "package", "remove", "--printer", "laser")
        self.assertEqual(list((self.host.state_dir / "drivers/packages").iterdir()), [])
        self.assertIn("has no package", self.ctl("driver", "package", "remove", "--printer", "laser", code=5))

    def test_printer_is_usable_meanwhile(self):
        """While the package manager works the host renders; then the guest does."""
        go = self.lab.dir / "go"
        self.manager(f"while [ ! -e {go} ]; do sleep 0.05; done")
        self.ctl("driver", "package", "add", str(self.package()), "--printer", "laser")
        self.guest.start()
        self.there("host")
        self.says("until the package with the filter rastertomarks is installed")
        data = pdf(1)
        self.print(data)
        self.rendered(data, False, "box")
        go.write_text("")
        self.there("guest")
        self.print(data)
        self.rendered(data, True, "box")

    def test_installed_while_the_queue_is_made(self):
        """The answer to a request for the host's rendering is not taken for the guest's: the queue is made anew."""
        way = self.lab.dir / "gate"
        gate = Gate(way, self.guest.spooler, ADD_MODIFY)
        self.lab.closers.append(gate.close)
        self.guest.config.write_text(self.guest.config.read_text().replace(str(self.guest.spooler.socket), str(way)))
        go = self.lab.dir / "go"
        self.manager(f"while [ ! -e {go} ]; do sleep 0.05; done")
        self.ctl("driver", "package", "add", str(self.package()), "--printer", "laser")
        self.guest.start()
        self.assertTrue(gate.seen[ADD_MODIFY].wait(20), "the queue is not made")
        go.write_text("")
        wait_for(lambda: "_all.deb is installed" in self.lab.log("guest-box-agent"), "the package to be installed")
        self.assertEqual(self.guest.spooler.queues(), [])
        gate.open[ADD_MODIFY].set()
        self.there("guest")
        data = pdf(1)
        self.print(data)
        self.rendered(data, True, "box")

    def test_package_added_live(self):
        self.guest.start()
        self.there("host")
        self.says("the filter rastertomarks is not in this workspace, and no package brings it")
        self.assertIn("rastertomarks is not in this workspace", self.ctl("printers", "box"))
        self.assertIn("the host renders", self.ctl("explain", "laser", "box", code=1))
        self.ctl("driver", "package", "add", str(self.package()), "--printer", "laser", "--restart", "none")
        self.there("guest")

    def test_installation_fails(self):
        self.manager('echo "E: Unmet dependencies: libnothing"; exit 100')
        self.ctl("driver", "package", "add", str(self.package()), "--printer", "laser")
        self.guest.start()
        self.there("host")
        self.says("E: Unmet dependencies: libnothing")
        data = pdf(1)
        self.print(data)
        self.rendered(data, False, "box")
        self.assertEqual(len(self.log.read_text().splitlines()), 1)
        # Another package is another try.
        self.manager()
        self.ctl("driver", "package", "add", str(self.package("platen-better-driver")), "--printer", "laser")
        self.there("guest")

    def test_package_without_the_filter(self):
        self.ctl("driver", "package", "add", str(self.package(content="rastertoother")), "--printer", "laser")
        self.guest.start()
        self.says("though the package was installed")
        self.there("host")

    def test_rpm(self):
        """An RPM goes to the package manager as such; here there is none, and the host renders."""
        path = self.lab.dir / "driver-1.0-1.noarch.rpm"
        path.write_bytes(b"\xed\xab\xee\xdb\x03\x00" + bytes(3000))
        self.ctl("driver", "package", "add", str(path), "--printer", "laser")
        self.guest.start()
        self.says("could not be installed")
        self.there("host")
        line, = self.log.read_text().splitlines()
        self.assertEqual(line.rsplit(".")[-1], "rpm")

    def test_package_that_was_changed(self):
        self.ctl("driver", "package", "add", str(self.package()), "--printer", "laser")
        kept, = (self.host.state_dir / "drivers/packages").iterdir()
        data = bytearray(kept.read_bytes())
        data[-1] ^= 1
        kept.write_bytes(data)
        self.guest.start()
        self.says("what the host sent is not the package that it offered")
        self.there("host")
        self.assertFalse(self.log.exists())

    # -- what is not a package, who may not, what is not there

    def test_settings(self):
        for text, words in (("[printer laser]\nrendering = both\n", ":2: rendering = both: expected host or guest"),
                            ("[printer laser]\ncolour = red\n", ":2: colour = red: expected one of the keys"),
                            ("[printer a/b]\nrendering = host\n", ":2: [printer] = a/b: expected the name of a queue")):
            path = self.lab.dir / "faulty.conf"
            path.write_text(text)
            p = subprocess.run([BUILD / "platend", "--check", "-c", path], capture_output=True, text=True)
            self.assertNotEqual(p.returncode, 0)
            self.assertIn(words, p.stdout + p.stderr)
        self.assertIn("laser: guest (platen.conf)", self.ctl("rendering", "laser"))
        self.assertIn("no printer none", self.ctl("rendering", "none", "guest", code=5))

    def test_what_is_refused(self):
        other = self.lab.dir / "other.deb"
        other.write_bytes(b"#!/bin/sh\nrm -rf /\n")
        self.assertIn("neither a .deb nor an .rpm", self.ctl("driver", "package", "add", str(other), "--printer", "laser", code=2))
        self.assertIn("no plain file", self.ctl("driver", "package", "add", "/dev/null", "--printer", "laser", code=2))
        self.assertIn("no printer none", self.ctl("driver", "package", "add", str(other), "--printer", "none", code=5))
        self.assertIn("no restart level", self.ctl("driver", "package", "add", str(other), "--printer", "laser", "--restart", "x",
                                                   code=2))
        large = self.lab.dir / "large.deb"
        large.write_bytes(b"!<arch>\ndebian-binary   ")
        with open(large, "r+b") as file:
            file.truncate(256 * 1024 * 1024 + 1)
        self.assertIn("larger than 256 MiB", self.ctl("driver", "package", "add", str(large), "--printer", "laser", code=2))
        p = subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", BUILD / "platenctl", "--socket",
                            self.host.control, "driver", "package", "add", str(self.package()), "--printer", "laser"],
                           capture_output=True, text=True)
        self.assertEqual(p.returncode, 4, p.stderr)
        self.assertEqual(json.loads(self.ctl("--json", "driver", "package", "list")), {"packages": []})
        folder = self.host.state_dir / "drivers/packages"
        self.assertEqual(list(folder.iterdir()) if folder.exists() else [], [])


class HostByDefaultTest(Case):
    """Without the setting, nothing of it crosses the channel."""
    settings = ""

    def test_host_renders(self):
        self.put_filter(self.guest.spooler)
        self.guest.start()
        row = self.there("host")
        self.assertEqual((row["rendering"], row["rendering_from"], row["text"]), ("host", "default", ""))
        ppd = (self.guest.spooler.dir / "etc/ppd/laser.ppd").read_text()
        self.assertNotIn("rastertomarks", ppd)
        data = pdf(1)
        self.print(data)
        self.rendered(data, False, "box")


class DriverOfCommandsTest(Case):
    """A driver whose filter is a command line has nothing that a workspace may run."""
    lines = ('*cupsFilter: "application/pdf 0 foomatic-rip"', '*FoomaticRIPCommandLine: "cat"')

    def test_host_renders(self):
        self.guest.start()
        self.there("host")
        self.says("its driver has no filter that a workspace could run")
        self.assertIn("its driver has no filter that a workspace could run", self.ctl("explain", "laser", "box", code=1))


if __name__ == "__main__":
    unittest.main()
