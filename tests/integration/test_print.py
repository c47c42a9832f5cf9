# SPDX-License-Identifier: Apache-2.0
"""A page from a guest's spooler to the host's device: real cupsds, real programs, no VM.

The channel is the unix transport; devices are TCP ports that keep every byte.
"""
import hashlib
import os
import pathlib
import signal
import subprocess
import unittest

from harness import Guest, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for

COMPLETED, CANCELED, HELD = 9, 7, 4


class PrintTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.addCleanup(self.show_logs)
        self.device = Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True,
                               env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.ppd = vendor_ppd(self.lab.dir / "vendor.ppd")
        self.spooler.add_queue("laser", self.device.uri, self.ppd, "-D", "Büro-Laser", "-L", "2nd floor")
        self.host = Host(self.lab, self.spooler).start()
        self.guest = Guest(self.lab, self.host).start()
        self.queue_ready("laser")

    def show_logs(self):
        outcome = getattr(self, "_outcome", None)
        errors = outcome.result.errors + outcome.result.failures if outcome and hasattr(outcome, "result") else []
        if any(t is self for t, _ in errors):
            print(self.lab.logs()[-12000:])

    def queue_ready(self, name, timeout=20):
        wait_for(lambda: any(p["name"] == name and p["guest"] == "ready"
                             for p in self.host.ask("printers", workspace="box")["data"]["printers"]),
                 f"{name} to be ready in the guest", timeout)

    def ended(self, number, state=COMPLETED, timeout=30):
        wait_for(lambda: (self.guest.job(number) or {}).get("job-state") == state,
                 f"guest job {number} in state {state}, it is {self.guest.job(number)}", timeout)

    def host_job(self):
        return self.spooler.jobs()[0]

    def test_options_title_owner_and_user_arrive(self):
        number = self.guest.print("laser", pdf(4), "-n", "2", "-o", "sides=two-sided-long-edge", "-o", "number-up=2",
                                  "-o", "StapleLocation=UpperLeft", title='Quote "x" & more', user="alice")
        self.ended(number)
        job = self.host_job()
        self.assertEqual(job["job-name"], 'Quote "x" & more')
        self.assertEqual(job["job-originating-user-name"], "box")
        self.assertEqual(job["platen-guest-user"], "alice")
        self.assertEqual(job["copies"], 2)
        self.assertEqual(job["number-up"], 2)
        self.assertEqual(job["sides"], "two-sided-long-edge")
        self.assertEqual(job["StapleLocation"], "UpperLeft")
        self.assertEqual(job["document-format-supplied"] if "document-format-supplied" in job else job["document-format"],
                         "application/pdf")
        row = self.host.ask("jobs", all=True)["data"]["jobs"][0]
        self.assertEqual((row["phase"], row["user"], row["owner"]), ("completed", "alice", "box"))
        self.assertGreater(row["pages"], 0)
        self.assertEqual(self.guest.job(number)["job-impressions-completed"], row["pages"])

    def test_banners_are_the_hosts(self):
        number = self.guest.print("laser", pdf(1), "-o", "job-sheets=standard,none")
        wait_for(lambda: self.spooler.jobs(), "the job on the host")
        self.assertEqual(self.spooler.jobs()[0]["job-sheets"], ["standard", "none"])
        self.ended(number)
        self.assertEqual(len(self.spooler.jobs()), 1)

    def test_who_may_command(self):
        def ctl(*words):
            return subprocess.run(["setpriv", "--reuid=nobody", "--regid=nogroup", "--clear-groups", "/bin/sh", "-c",
                                   f"exec {self.lab.programs}/platenctl --socket {self.host.control} " + " ".join(words)],
                                  capture_output=True, text=True)
        self.assertEqual(ctl("printers").returncode, 0)
        p = ctl("mode", "box", "off")
        self.assertEqual(p.returncode, 4, p.stderr)
        self.assertIn("lpadmin", p.stderr)
        self.assertEqual(self.host.ask("mode", workspace="box")["data"]["mode"], "network")

    def test_queue_looks_like_the_printer(self):
        queue = self.guest.spooler.printer("laser")
        self.assertEqual(queue["printer-info"], "Büro-Laser")
        self.assertEqual(queue["printer-location"], "2nd floor")
        self.assertIn("Acme Laser 100", queue["printer-make-and-model"])
        self.assertFalse(queue["printer-is-shared"])
        options = self.guest.spooler.run("lpoptions", "-p", "laser", "-l").stdout
        self.assertEqual(sorted(options.splitlines()),
                         sorted(self.spooler.run("lpoptions", "-p", "laser", "-l").stdout.splitlines()))

    def test_added_changed_paused_removed_live(self):
        other = Sink(self.lab)
        self.spooler.add_queue("second", other.uri, self.ppd)
        self.queue_ready("second", 5)
        self.spooler.run("cupsdisable", "-r", "out of order", "second")
        wait_for(lambda: self.guest.spooler.printer("second")["printer-state"] == 5, "the pause in the guest", 2)
        self.spooler.run("cupsenable", "second")
        wait_for(lambda: self.guest.spooler.printer("second")["printer-state"] == 3, "the resume in the guest", 2)
        self.spooler.run("lpadmin", "-p", "second", "-L", "cellar")
        wait_for(lambda: self.guest.spooler.printer("second")["printer-location"] == "cellar", "the place in the guest", 2)
        self.spooler.run("lpadmin", "-x", "second")
        wait_for(lambda: "second" not in self.guest.spooler.queues(), "the removal in the guest", 2)

    def test_mode_is_toggled_live(self):
        self.host.ask("mode", workspace="box", mode="off")
        wait_for(lambda: "laser" not in self.guest.spooler.queues(), "no queue in mode off", 5)
        self.spooler.add_queue("usb", "file:///dev/null", self.ppd)
        self.host.ask("mode", workspace="box", mode="network")
        self.queue_ready("laser", 5)
        self.assertNotIn("usb", self.guest.spooler.queues())
        self.host.ask("mode", workspace="box", mode="all")
        self.queue_ready("usb", 5)

    def test_cancel_in_the_guest_reaches_the_host(self):
        self.spooler.run("cupsdisable", "laser")
        wait_for(lambda: self.guest.spooler.printer("laser")["printer-state"] == 5, "the pause", 5)
        self.guest.spooler.run("cupsenable", "laser")
        number = self.guest.print("laser", pdf())
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 3], "the job on the host")
        self.guest.spooler.run("cancel", str(number))
        wait_for(lambda: self.host_job()["job-state"] == CANCELED, "the host's job to be cancelled", 10)
        self.ended(number, CANCELED)
        self.assertEqual(self.device.received, [])

    def test_cancel_in_the_guest_waits_for_the_hosts_spooler(self):
        number = self.held_on_the_host()
        self.spooler.stop()
        wait_for(lambda: not self.host.ask("status")["data"]["spooler"]["up"], "platend to notice")
        self.guest.spooler.run("cancel", str(number))
        wait_for(lambda: "cancelled in the workspace" in self.lab.log("platend"), "the cancel to arrive")
        self.spooler.start()
        wait_for(lambda: self.host_job()["job-state"] == CANCELED, "the host's job to be cancelled", 10)
        self.ended(number, CANCELED)
        self.assertEqual(self.device.received, [])

    def test_cancel_on_the_host_reaches_the_guest(self):
        self.spooler.run("cupsdisable", "laser")
        wait_for(lambda: self.guest.spooler.printer("laser")["printer-state"] == 5, "the pause", 5)
        self.guest.spooler.run("cupsenable", "laser")
        number = self.guest.print("laser", pdf())
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 3], "the job on the host")
        self.spooler.run("cancel", f"laser-{self.host_job()['job-id']}")
        self.ended(number, CANCELED)

    def held_on_the_host(self):
        """A job of the guest that waits on the host's stopped printer."""
        self.spooler.run("cupsdisable", "laser")
        wait_for(lambda: self.guest.spooler.printer("laser")["printer-state"] == 5, "the pause", 5)
        self.guest.spooler.run("cupsenable", "laser")
        number = self.guest.print("laser", pdf())
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 3], "the job on the host")
        return number

    def test_purge_in_the_guest_reaches_the_host(self):
        """A purging cupsd kills the backend before it can say anything."""
        number = self.held_on_the_host()
        self.guest.spooler.run("cancel", "-x", str(number))
        wait_for(lambda: self.host_job()["job-state"] == CANCELED, "the host's job to be cancelled", 10)

    def test_a_backend_that_is_killed_cancels_nothing(self):
        number = self.held_on_the_host()
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if (process / "cmdline").read_bytes().startswith(b"platen:") and \
                        bytes(self.lab.dir) in (process / "environ").read_bytes():
                    os.kill(int(process.name), signal.SIGKILL)
            except OSError:
                pass  # it has ended
        wait_for(lambda: "let go by the spooler" in self.lab.log("guest-box-agent"), "the agent to notice", 5)
        self.spooler.run("cupsenable", "laser")
        if self.guest.job(number)["job-state"] != COMPLETED:  # cupsd stops the queue, or runs it again
            self.guest.spooler.run("cupsenable", "laser")
        self.ended(number)
        wait_for(lambda: self.device.received, "the document at the device")
        self.assertEqual(len(self.device.received), 1)
        self.assertEqual(len(self.spooler.jobs()), 1)

    def test_purge_on_the_host_reaches_the_guest(self):
        number = self.held_on_the_host()
        self.spooler.run("cancel", "-x", f"laser-{self.host_job()['job-id']}")
        self.ended(number, CANCELED, 10)

    def test_several_files_and_standard_input(self):
        a, b = self.lab.dir / "a.pdf", self.lab.dir / "b.pdf"
        a.write_bytes(pdf(1, "first"))
        b.write_bytes(pdf(1, "second"))
        out = self.guest.spooler.run("lp", "-d", "laser", a, b).stdout
        number = int(out.split("request id is ")[1].split()[0].rsplit("-", 1)[1])
        self.ended(number)
        self.assertEqual(len(self.spooler.jobs()), 2)
        self.assertEqual(len({j["platen-job-uuid"] for j in self.spooler.jobs()}), 2)
        self.guest.spooler.run("lp", "-d", "laser", input="hello from standard input\n")
        wait_for(lambda: len([j for j in self.spooler.jobs() if j["job-state"] == COMPLETED]) == 3, "three jobs printed")

    def test_queue_of_a_person_is_left_alone(self):
        self.guest.spooler.add_queue("mine", "file:///dev/null", self.ppd, "-D", "mine by hand")
        self.spooler.add_queue("mine", self.device.uri, self.ppd)
        wait_for(lambda: any(p["name"] == "mine" and p["guest"] == "name-taken"
                             for p in self.host.ask("printers", workspace="box")["data"]["printers"]), "the report", 10)
        self.assertEqual(self.guest.spooler.printer("mine")["printer-info"], "mine by hand")
        # When they take it away, the name is free.
        self.guest.spooler.run("lpadmin", "-x", "mine")
        wait_for(lambda: any(p["name"] == "mine" and p["guest"] == "ready"
                             for p in self.host.ask("printers", workspace="box")["data"]["printers"]), "the printer in its place", 10)

    def test_queue_for_the_same_device_is_not_doubled(self):
        other = Sink(self.lab)
        self.guest.spooler.add_queue("byhand", other.uri, self.ppd)
        self.spooler.add_queue("same", other.uri, self.ppd)
        wait_for(lambda: any(p["name"] == "same" and p["guest"] == "device-taken"
                             for p in self.host.ask("printers", workspace="box")["data"]["printers"]), "the report", 10)
        self.assertNotIn("same", self.guest.spooler.queues())

    def test_queue_that_a_person_replaced_is_not_made_again(self):
        """The change of a printer comes before the agent has heard that its queue is another's now."""
        made = 'New printer "laser" added'
        before = self.guest.spooler.error_log().count(made)
        (queues, _), = self.guest.children("platen-queues")
        os.kill(queues, signal.SIGSTOP)
        try:
            self.guest.spooler.run("lpadmin", "-x", "laser")
            self.guest.spooler.add_queue("byhand", self.device.uri, self.ppd)
            self.spooler.run("lpadmin", "-p", "laser", "-L", "elsewhere")
            wait_for(lambda: any(p["name"] == "laser" and p["location"] == "elsewhere"
                                 for p in self.host.ask("printers", workspace="box")["data"]["printers"]), "the change", 10)
        finally:
            os.kill(queues, signal.SIGCONT)
        wait_for(lambda: any(p["name"] == "laser" and p["guest"] == "device-taken"
                             for p in self.host.ask("printers", workspace="box")["data"]["printers"]), "the report", 10)
        self.assertEqual(self.guest.spooler.error_log().count(made), before)

    def test_host_goes_and_comes(self):
        self.host.stop()
        wait_for(lambda: "Waiting for the host" in self.guest.spooler.printer("laser")["printer-state-message"],
                 "the queue to say that the host is away", 5)
        number = self.guest.print("laser", pdf())
        self.host.start()
        self.ended(number)
        self.assertEqual(len(self.device.received), 1)

    def test_state_reasons_and_supplies_show(self):
        backend = self.spooler.dir / "bin/backend/fakedev"
        backend.write_text("""#!/bin/sh
[ $# -eq 0 ] && exit 0
echo 'ATTR: marker-colors=#000000,#00FFFF' >&2
echo 'ATTR: marker-names="\\"Black Toner, XL\\",\\"Cyan Toner\\""' >&2
echo 'ATTR: marker-types=toner,toner' >&2
echo 'ATTR: marker-levels=80,15' >&2
echo 'STATE: +media-empty-warning' >&2
cat >/dev/null
""")
        backend.chmod(0o755)
        self.spooler.add_queue("supplied", "fakedev://x", self.ppd)
        self.host.ask("mode", workspace="box", mode="all")
        self.queue_ready("supplied")
        document = self.lab.dir / "plain.txt"
        document.write_text("hello\n")
        self.spooler.run("lp", "-d", "supplied", "-o", "raw", document)
        wait_for(lambda: self.spooler.printer("supplied").get("marker-levels") == [80, 15], "the levels on the host")
        wait_for(lambda: (self.guest.spooler.printer("supplied") or {}).get("marker-levels") == [80, 15],
                 "the levels in the guest", 3)
        queue = self.guest.spooler.printer("supplied")
        self.assertEqual(queue["marker-types"], ["toner", "toner"])
        self.assertEqual(len(queue["marker-names"]), 2)
        wait_for(lambda: "media-empty-warning" in self.guest.spooler.printer("supplied")["printer-state-reasons"], "the reason", 3)
        wait_for(lambda: self.guest.spooler.jobs() == [], "no job of the levels' own to be left in the list", 5)

    def test_every_document_type(self):
        documents = {"application/pdf": pdf(1), "application/postscript": b"%!PS-Adobe-3.0\nshowpage\n",
                     "text/plain": b"hello\n", "image/jpeg": b"\xff\xd8\xff\xe0\0\x10JFIF\0" + bytes(100),
                     "image/png": b"\x89PNG\r\n\x1a\n" + bytes(100), "image/pwg-raster": b"RaS2PwgRaster\0" + bytes(1800),
                     "application/octet-stream": bytes(range(256)) * 4}
        # A host queue that hands everything to the device as it is, so that the device shows what arrived.
        plain = self.lab.dir / "plain.ppd"
        plain.write_bytes(self.ppd.read_bytes().replace(b'*cupsFilter2: "application/vnd.cups-pdf application/pdf 0 -"',
                                                        b'*cupsFilter: "*/* 0 -"'))
        self.spooler.add_queue("plain", self.device.uri + "/?snmp=false", plain)
        self.queue_ready("plain")
        for n, (kind, data) in enumerate(documents.items(), 1):
            with self.subTest(kind):
                self.guest.print("plain", data, "-o", f"document-format={kind}")
                wait_for(lambda: len(self.device.received) == n, f"{kind} at the device")
                self.assertEqual(self.device.received[-1], data)
                self.assertEqual(self.spooler.jobs()[-1]["document-format"], kind)

    def test_a_document_that_the_host_cannot_make_pages_of(self):
        """It is held in the guest with the reason, gone on the host, and does not keep back what comes behind it."""
        bad = self.guest.print("laser", b"\x89PNG\r\n\x1a\n" + bytes(3000), "-o", "document-format=image/png")
        good = self.guest.print("laser", pdf(1))
        self.ended(bad, 4)
        self.assertIn("Held: Filter failed", self.guest.job(bad)["job-printer-state-message"])
        self.ended(good)
        wait_for(lambda: self.spooler.jobs()[0]["job-state"] in (CANCELED, 8), "the host's job to go", 5)
        wait_for(lambda: len(self.device.received) == 1, "the other document", 10)

    def test_a_queue_with_jobs_is_not_removed_before_they_are_settled(self):
        self.spooler.run("cupsdisable", "laser")
        wait_for(lambda: self.guest.spooler.printer("laser")["printer-state"] == 5, "the pause", 5)
        number = self.guest.print("laser", pdf(1))
        self.spooler.run("lpadmin", "-x", "laser")
        wait_for(lambda: not self.guest.spooler.printer("laser")["printer-is-accepting-jobs"], "the queue to reject jobs")
        self.guest.spooler.run("cancel", str(number))
        wait_for(lambda: "laser" not in self.guest.spooler.queues(), "the removal", 10)

    def test_default_printer_and_a_persons_own_choice(self):
        self.spooler.add_queue("main", self.device.uri, self.ppd)
        self.spooler.run("lpadmin", "-d", "main")
        wait_for(lambda: "main" in self.guest.spooler.run("lpstat", "-d").stdout, "the default in the guest", 5)
        self.guest.spooler.add_queue("own", "file:///dev/null", self.ppd)
        self.guest.spooler.run("lpadmin", "-d", "own")
        self.spooler.run("lpadmin", "-d", "laser")
        self.spooler.run("lpadmin", "-p", "laser", "-L", "elsewhere")
        wait_for(lambda: self.guest.spooler.printer("laser")["printer-location"] == "elsewhere", "the change", 5)
        self.assertIn("own", self.guest.spooler.run("lpstat", "-d").stdout)

    def test_a_driver_crosses_once(self):
        folder = self.lab.dir / "guest-box-state/drivers"
        held = {p.name: p.stat().st_ino for p in folder.iterdir()}
        self.assertEqual(len(held), 1)
        self.spooler.add_queue("twin", self.device.uri, self.ppd)
        self.queue_ready("twin")
        self.guest.stop()
        self.guest.start()
        wait_for(lambda: self.lab.log("platend").count("connected: platen-agent") == 2, "the agent to be back")
        self.queue_ready("twin")
        self.assertEqual({p.name: p.stat().st_ino for p in folder.iterdir()}, held)

    def test_any_order_of_start(self):
        self.host.stop()
        self.guest.stop()
        self.spooler.stop()
        self.guest.spooler.stop()
        self.guest.start()
        self.host.start()
        self.guest.spooler.start()
        number = self.guest.print("laser", pdf(1))
        self.spooler.start()
        self.ended(number, timeout=60)

    def crash(self, kill, size=30_000_000):
        """Kills one program in mid-job: the document is printed once, whole."""
        self.spooler.add_queue("raw", self.device.uri, self.ppd)
        self.queue_ready("raw")
        data = os.urandom(1 << 20) * (size >> 20)
        self.device.paused.clear()
        number = self.guest.print("raw", data, "-o", "document-format=application/vnd.cups-raw")
        kill()
        self.device.paused.set()
        self.ended(number, timeout=60)
        done = [j for j in self.spooler.jobs() if j["job-state"] == COMPLETED]
        self.assertEqual(len(done), 1)
        wait_for(lambda: len(self.device.received) == 1, "the document at the device")
        self.assertEqual(hashlib.sha256(self.device.received[0]).digest(), hashlib.sha256(data).digest())

    def transfer_begins(self):
        wait_for(lambda: self.spooler.jobs(), "the job on the host")

    def test_agent_killed_in_mid_job(self):
        def kill():
            self.transfer_begins()
            self.guest.stop(signal.SIGKILL)
            self.guest.start()
        self.crash(kill)

    def test_channel_killed_in_mid_job(self):
        def kill():
            self.transfer_begins()
            for pid, _ in self.host.children("platen-channel"):
                os.kill(pid, signal.SIGKILL)
        self.crash(kill)

    def test_platend_killed_in_mid_job(self):
        def kill():
            self.transfer_begins()
            self.host.stop(signal.SIGKILL)
            self.host.start()
        self.crash(kill)

    def test_submit_worker_killed_in_mid_job(self):
        def kill():
            self.transfer_begins()
            for pid, argv in self.host.children("platen-spool"):
                if argv[1] == "submit":
                    os.kill(pid, signal.SIGKILL)
        self.crash(kill)

    def test_programs_end_cleanly(self):
        self.assertEqual(self.guest.stop(), 0)
        self.assertEqual(self.host.stop(), 0)


if __name__ == "__main__":
    unittest.main()
