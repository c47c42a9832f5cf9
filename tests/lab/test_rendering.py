# SPDX-License-Identifier: Apache-2.0
"""A real driver package in a real guest: Debian's printer-driver-splix, installed by apt under systemd, its filter run
by the guest's cupsd, its bytes at the host's device. The host does not have the driver at all.

The guest has no network. What the package depends on (CUPS with its filters, Ghostscript, JBIG) is in the image, as it
is in any workspace that prints; the package itself comes over the channel only.
"""
import hashlib
import os
import subprocess
import time
import unittest

import lab as vm
from harness import BUILD, Host, Lab, Sink, Spooler, pdf, wait_for

TIMEOUT = 560
PACKAGE = "printer-driver-splix"
NEEDS = ",cups,cups-filters,ghostscript,libjbig0,libcupsimage2,poppler-utils"
MODEL = "ml1610.ppd"  # Samsung ML-1610: rastertoqpdl


def package():
    """The package as Debian has it, kept beside the images."""
    folder = vm.CACHE / PACKAGE
    folder.mkdir(parents=True, exist_ok=True)
    if not list(folder.glob("*.deb")):
        subprocess.run(["apt-get", "download", PACKAGE], cwd=folder, check=True, capture_output=True)
    return next(folder.glob("*.deb"))


def model(lab, deb):
    """The PPD of one of its models, as an admin of the host would have it from another computer."""
    tree, out = lab.dir / "splix", lab.dir / "ppds"
    subprocess.run(["dpkg-deb", "-x", deb, tree], check=True)
    for name in os.listdir(tree / "usr/share/cups/drv"):
        subprocess.run(["ppdc", "-d", out, tree / "usr/share/cups/drv" / name], check=True, capture_output=True)
    return out / MODEL


class RenderingVmTest(unittest.TestCase):
    def setUp(self):
        vm.own_namespace()
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.addCleanup(self.show_logs)
        self.deb = package()
        self.device = Sink(self.lab)
        self.libvirt = vm.Libvirt(self.lab)
        self.image = vm.Image(packages=vm.PACKAGES + NEEDS, kind="rendering")
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.spooler.add_queue("samsung", self.device.uri, model(self.lab, self.deb))
        self.host = Host(self.lab, self.spooler, workspaces=(), libvirt=self.libvirt.uri).start()

    def show_logs(self):
        if any(t is self for t, _ in self._outcome.result.errors + self._outcome.result.failures):
            print(self.lab.logs()[-8000:])
            if getattr(self, "guest", None):
                print(self.guest.run("journalctl -b --no-pager -u platen-agent -u cups | tail -60", check=False)[1])
                print(self.guest.run("tail -60 /var/log/cups/error_log", check=False)[1])

    def ctl(self, *words):
        p = subprocess.run([BUILD / "platenctl", "--socket", self.host.control, *words], capture_output=True, text=True)
        self.assertEqual(p.returncode, 0, p.stdout + p.stderr)
        return p.stdout

    def row(self):
        rows = self.host.ask("printers", workspace="workspace")
        return next((p for p in rows["data"]["printers"] if p["name"] == "samsung"), {}) if rows["ok"] else {}

    def there(self, rendering, timeout):
        wait_for(lambda: (self.row().get("guest"), self.row().get("rendering_there")) == ("ready", rendering),
                 f"the printer rendered in the {rendering}", timeout)

    def test_splix(self):
        wait_for(lambda: self.host.ask("printers")["data"]["printers"], "the host's printer")
        self.ctl("rendering", "samsung", "guest")
        self.guest = vm.Workspace(self.lab, self.libvirt, self.image, size="2000M")
        self.guest.start()
        self.guest.wait_up()
        self.there("host", 90)
        self.assertIn("the filter rastertoqpdl is not in this workspace", self.row()["text"])
        self.assertNotEqual(self.guest.run(f"dpkg -s {PACKAGE}", check=False)[0], 0)
        begin = time.monotonic()
        self.ctl("driver", "package", "add", str(self.deb), "--printer", "samsung", "--restart", "none")
        self.there("guest", 240)
        vm.say(f"installed and in use {time.monotonic() - begin:.0f} s after it was added")
        self.assertNotIn("the host renders", self.row()["text"])
        self.assertIn("Status: install ok installed", self.guest.run(f"dpkg -s {PACKAGE}"))
        ppd = self.guest.run("cat /etc/cups/ppd/samsung.ppd")
        self.assertIn('*cupsFilter: "application/vnd.cups-raster 0 rastertoqpdl"', ppd)
        self.print_a_page()
        # The agent's next life does not install it again: its filter is there.
        self.guest.run("systemctl restart platen-agent")
        wait_for(lambda: self.row().get("rendering_there") == "guest", "the printer to be back", 60)
        self.assertEqual(self.guest.run("ls /var/lib/platen-agent/packages").split(),
                         [hashlib.sha256(self.deb.read_bytes()).hexdigest() + ".installed"])
        self.assertEqual(self.guest.run("grep -c 'status installed printer-driver-splix' /var/log/dpkg.log").strip(), "1")

    def print_a_page(self):
        self.guest.put("/tmp/doc.pdf", pdf(2, "QPDL"))
        number = self.guest.run("lp -d samsung -n 2 -t 'From the VM' /tmp/doc.pdf").split("request id is ")[1].split()[0]
        wait_for(lambda: number in self.guest.run("lpstat -W completed -o"), f"{number} to be completed in the guest", 120)
        wait_for(lambda: self.device.received, "the bytes at the device")
        data, = self.device.received
        vm.say(f"the device has {len(data)} bytes of QPDL")
        self.assertTrue(data.startswith(b"\x1b%-12345X"), data[:80])
        self.assertIn(b"ENTER LANGUAGE = QPDL", data.replace(b"LANGUAGE=", b"LANGUAGE = "))
        job, = self.spooler.jobs()
        self.assertEqual((job["job-state"], job["job-name"], job.get("copies", 1)), (9, "From the VM", 1))
        self.assertEqual(job.get("document-format-supplied", job.get("document-format")), "application/vnd.cups-raw")


if __name__ == "__main__":
    unittest.main()
