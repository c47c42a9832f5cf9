# SPDX-License-Identifier: Apache-2.0
"""Jobs of several files, and what befalls them before the last: none of the files is lost or printed twice.

cupsd 2.4 gives such a job up when a backend ends otherwise than well before its last file.
"""
import gzip
import os
import re
import signal
import time
import unittest

import ipp
from harness import Guest, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for

TIMEOUT = 480  # for the runner: it waits for minutes, and is begun first
HELD, CANCELED, COMPLETED = 4, 7, 9


class FilesCase(unittest.TestCase):
    """The jobs, of files that cupsd hands on as they are but by no name."""
    FORMAT = "application/vnd.cups-raw"

    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.device = Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.spooler.add_queue("laser", self.device.uri, vendor_ppd(self.lab.dir / "vendor.ppd"))
        self.host = Host(self.lab, self.spooler).start()
        self.guest = Guest(self.lab, self.host).start()
        wait_for(lambda: any(p["guest"] == "ready" for p in
                             self.host.ask("printers", workspace="box")["data"]["printers"]), "the queue")
        self.documents = [os.urandom(20000), os.urandom(30000), os.urandom(100)]

    def state(self, number):
        return (self.guest.job(number) or {}).get("job-state")

    def is_in(self, number, state, timeout=40):
        wait_for(lambda: self.state(number) == state, f"guest job {number} in state {state}: {self.guest.job(number)}", timeout)

    def waiting(self):
        """A job of three files, the first of which waits on the host's stopped printer."""
        self.spooler.run("cupsdisable", "laser")
        wait_for(lambda: self.guest.spooler.printer("laser")["printer-state"] == 5, "the pause", 10)
        self.guest.spooler.run("cupsenable", "laser")
        paths = []
        for i, document in enumerate(self.documents):
            paths.append(self.lab.dir / f"{i}.bin")
            paths[-1].write_bytes(document)
        out = self.guest.spooler.run("lp", "-d", "laser", "-o", "document-format=" + self.FORMAT, *paths).stdout
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 3], "the first on the host")
        return int(out.split("request id is ")[1].split()[0].rsplit("-", 1)[1])

    def go_on(self):
        self.spooler.run("cupsenable", "laser")

    def printed(self, number, *which):
        """Just these files, each once."""
        self.is_in(number, COMPLETED)
        wait_for(lambda: len(self.device.received) >= len(which), "the documents at the device")
        self.assertEqual(sorted(self.device.received), sorted(self.documents[i] for i in which))


class FilesTest(FilesCase):
    def test_the_queue_is_paused(self):
        number = self.waiting()
        self.guest.spooler.run("cupsdisable", "laser")
        wait_for(lambda: self.state(number) == 3, "the job to be paused")
        self.go_on()
        self.guest.spooler.run("cupsenable", "laser")
        self.printed(number, 0, 1, 2)

    def test_it_is_held_by_a_person(self):
        number = self.waiting()
        self.guest.spooler.run("lp", "-i", str(number), "-H", "hold")
        self.is_in(number, HELD)
        self.go_on()
        wait_for(lambda: len(self.device.received), "the first at the device")
        self.guest.spooler.run("lp", "-i", str(number), "-H", "resume")
        self.printed(number, 0, 1, 2)

    def test_a_backend_gets_a_signal_of_somebody_else(self):
        number = self.waiting()
        for pid in (int(p) for p in os.listdir("/proc") if p.isdigit()):
            try:
                with open(f"/proc/{pid}/cmdline", "rb") as line, open(f"/proc/{pid}/environ", "rb") as environ:
                    if line.read().startswith(b"platen:") and bytes(self.lab.dir) in environ.read():
                        os.kill(pid, signal.SIGTERM)
            except OSError:
                continue  # it has ended
        time.sleep(1)  # nothing is to happen
        self.go_on()
        self.printed(number, 0, 1, 2)

    def test_of_the_first_nobody_knows(self):
        number = self.waiting()
        self.spooler.stop()
        for file in (self.spooler.dir / "spool").glob("[cd]0*"):
            file.unlink()
        (self.spooler.dir / "cache/job.cache").unlink(missing_ok=True)
        self.spooler.start()
        self.is_in(number, HELD)
        wait_for(lambda: self.guest.job(number).get("platen-asked"), "the mark")
        self.go_on()
        rows = [j for j in self.host.ask("jobs")["data"]["jobs"] if j["phase"] == "ask"]
        self.assertEqual([r["file"] for r in rows], [1])
        self.host.ask("job", action="retry", workspace="box", job=rows[0]["name"])
        self.printed(number, 0, 1, 2)

    def test_the_first_is_cancelled_on_the_host(self):
        number = self.waiting()
        self.spooler.run("cancel", f"laser-{self.spooler.jobs()[0]['job-id']}")
        self.go_on()
        self.printed(number, 1, 2)

    def test_it_is_cancelled(self):
        number = self.waiting()
        self.guest.spooler.run("cancel", str(number))
        self.is_in(number, CANCELED)
        wait_for(lambda: self.spooler.jobs()[0]["job-state"] == CANCELED, "the host's job to be cancelled")
        self.go_on()
        self.assertEqual(self.device.received, [])

    def test_two_that_are_the_same(self):
        self.documents[1] = self.documents[0]
        number = self.waiting()
        self.go_on()
        self.printed(number, 0, 1, 2)

    def test_two_that_are_the_same_and_the_agent_restarts(self):
        self.documents[2] = self.documents[0]
        number = self.waiting()
        self.guest.stop(signal.SIGKILL)
        self.guest.start()
        self.go_on()
        self.printed(number, 0, 1, 2)

    def test_the_agent_restarts(self):
        number = self.waiting()
        self.guest.stop(signal.SIGKILL)
        self.guest.start()
        self.go_on()
        self.printed(number, 0, 1, 2)


class PackedTest(FilesCase):
    """Files that are compressed, each by itself: cupsd unpacks them, and tells the backend no names."""

    def waiting(self):
        """One job: Create-Job, and a Send-Document with compression for each."""
        self.spooler.run("cupsdisable", "laser")
        wait_for(lambda: self.guest.spooler.printer("laser")["printer-state"] == 5, "the pause", 10)
        self.guest.spooler.run("cupsenable", "laser")
        socket, uri = self.guest.spooler.socket, "ipp://localhost/printers/laser"
        status, groups = ipp.ask(socket, "Create-Job", uri=uri)
        self.assertLess(status, 0x100)
        number = next(g for kind, g in groups if kind == "job")["job-id"]
        for i, document in enumerate(self.documents):
            status, _ = ipp.ask(socket, "Send-Document", ipp.attribute(ipp.INTEGER, "job-id", number),
                                ipp.attribute(ipp.MIME, "document-format", self.FORMAT),
                                ipp.attribute(ipp.KEYWORD, "compression", "none" if i == self.PLAIN else "gzip"),
                                ipp.attribute(ipp.BOOLEAN, "last-document", i == len(self.documents) - 1), uri=uri,
                                data=document if i == self.PLAIN else gzip.compress(document))
            self.assertLess(status, 0x100)
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 3], "the first on the host")
        return number

    PLAIN = 1

    def test_all(self):
        number = self.waiting()
        self.go_on()
        self.printed(number, 0, 1, 2)

    def test_it_is_held_by_a_person(self):
        number = self.waiting()
        self.guest.spooler.run("lp", "-i", str(number), "-H", "hold")
        self.is_in(number, HELD)
        self.go_on()
        wait_for(lambda: len(self.device.received), "the first at the device")
        self.guest.spooler.run("lp", "-i", str(number), "-H", "resume")
        self.printed(number, 0, 1, 2)

    def test_two_that_are_the_same_and_the_agent_restarts(self):
        self.documents[2] = self.documents[0]
        number = self.waiting()
        self.guest.stop(signal.SIGKILL)
        self.guest.start()
        self.go_on()
        self.printed(number, 0, 1, 2)


class PackedDocumentsTest(PackedTest):
    """The same with documents that the host makes pages of, by `lp`, which leaves it to cupsd to see what they are."""
    PLAIN = None
    FORMAT = "application/pdf"

    def setUp(self):
        super().setUp()
        self.documents = [pdf(n + 1, pad=10000) for n in range(3)]

    def printed(self, number, *which):
        self.is_in(number, COMPLETED)
        wait_for(lambda: len(self.device.received) >= len(which), "the documents at the device")
        pages = sorted(len(re.findall(rb"/Type /Page\b", d)) for d in self.device.received)
        self.assertEqual(pages, sorted(len(re.findall(rb"/Type /Page\b", self.documents[i])) for i in which))

    def waiting(self):
        self.documents = [gzip.compress(d) for d in self.documents]
        try:
            return FilesCase.waiting(self)
        finally:
            self.documents = [gzip.decompress(d) for d in self.documents]


class NamedTest(FilesTest):
    """The same where cupsd tells the backend each file's name, for no filter is in between."""
    FORMAT = "application/pdf"

    def setUp(self):
        super().setUp()
        self.documents = [pdf(n + 1, pad=10000) for n in range(3)]

    def printed(self, number, *which):
        """As many; the host's filters made pages of them."""
        self.is_in(number, COMPLETED)
        wait_for(lambda: len(self.device.received) >= len(which), "the documents at the device")
        self.assertEqual(len(self.device.received), len(which))


if __name__ == "__main__":
    unittest.main()
