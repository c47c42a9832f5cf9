# SPDX-License-Identifier: Apache-2.0
"""Which of several drivers by hand holds: a printer's own before its model's, the last one added, and after a restart."""
import subprocess
import unittest

from harness import Guest, Host, Lab, Spooler, vendor_ppd, wait_for


class PrecedenceTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.files = {n: vendor_ppd(self.lab.dir / f"{n}.ppd", f"Laser {n}") for n in (100, 200, 300)}
        for name in ("one", "two"):
            self.spooler.add_queue(name, "socket://127.0.0.1:9")
        self.host = Host(self.lab, self.spooler).start()
        self.guest = Guest(self.lab, self.host).start()
        for name in ("one", "two"):
            wait_for(lambda: self.row(name)["driver"] == "missing", f"{name}'s lack of a driver to be known")
        self.model = self.row("one")["make_model"]

    def ctl(self, *words):
        p = subprocess.run(
            [self.lab.programs / "platenctl", "--socket", self.host.control, "driver", *map(str, words)],
            capture_output=True, text=True, timeout=60)
        self.assertEqual(p.returncode, 0, p.stderr)
        return p.stdout

    def row(self, name):
        rows = self.host.ask("printers", workspace="box")["data"]["printers"]
        return next((p for p in rows if p["name"] == name), {"driver": "", "guest": ""})

    def has(self, name, number):
        wait_for(lambda: self.row(name)["driver"] == "manual", f"{name} to have a driver by hand", 20)
        wait_for(lambda: f"Laser {number}," in self.ctl("show", name), f"{name} to have driver {number}", 20)
        wait_for(lambda: self.row(name)["guest"] == "ready", f"{name} in the guest", 20)

    def test_printer_before_model(self):
        self.ctl("add", self.files[100], "--model", self.model)
        self.has("one", 100)
        self.has("two", 100)
        self.ctl("add", self.files[200], "--printer", "one")
        self.has("one", 200)
        self.has("two", 100)
        self.host.stop()
        self.host.start()
        wait_for(self.host.control.exists, "platend to listen")
        self.has("one", 200)
        self.has("two", 100)
        self.ctl("remove", "--printer", "one")
        self.has("one", 100)

    def test_order_of_adding_is_no_matter(self):
        self.ctl("add", self.files[200], "--printer", "one")
        self.ctl("add", self.files[100], "--model", self.model)
        self.has("two", 100)
        self.has("one", 200)

    def test_the_last_one_added(self):
        self.ctl("add", self.files[100], "--printer", "one")
        self.has("one", 100)
        self.ctl("add", self.files[300], "--printer", "one")
        self.has("one", 300)
        self.ctl("remove", "--printer", "one")
        wait_for(lambda: "one" not in self.guest.spooler.queues(), "the queue to go", 20)
        wait_for(lambda: self.row("one")["driver"] == "missing", "the lack of a driver to be known", 20)

    def test_one_file_for_two_printers(self):
        self.ctl("add", self.files[100], "--printer", "one")
        self.ctl("add", self.files[100], "--printer", "two")
        self.has("one", 100)
        self.has("two", 100)
        self.assertEqual(self.row("one")["driver_sha256"], self.row("two")["driver_sha256"])
        self.ctl("remove", "--printer", "one")
        wait_for(lambda: "one" not in self.guest.spooler.queues(), "the queue to go", 20)
        self.has("two", 100)


if __name__ == "__main__":
    unittest.main()
