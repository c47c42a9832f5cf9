# SPDX-License-Identifier: Apache-2.0
"""Jobs of which nobody can know whether they were printed: asked about, and decided by a person.

The outcome becomes unknown as it does in life: the ledger says that the job was released, and the
host's spooler, killed, has forgotten it.
"""
import signal
import subprocess
import unittest

from harness import Guest, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for
from test_errors import Peer, hello

HELD, CANCELED, COMPLETED = 4, 7, 9


class DecideTest(unittest.TestCase):
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

    def ctl(self, *words, user=None):
        """platenctl, as root or as somebody else."""
        argv = [self.lab.programs / "platenctl", "--socket", self.host.control, *words]
        if user:
            argv = ["setpriv", f"--reuid={user}", "--regid=nogroup", "--clear-groups", *argv]
        return subprocess.run([str(a) for a in argv], capture_output=True, text=True)

    def state(self, number):
        return (self.guest.job(number) or {}).get("job-state")

    def is_in(self, number, state):
        wait_for(lambda: self.state(number) == state, f"guest job {number} in state {state}: {self.guest.job(number)}", 30)

    def host_forgets(self):
        """The host's spooler comes back without its jobs, as one that was killed before it had saved them."""
        self.spooler.stop()
        for file in (self.spooler.dir / "spool").glob("[cd]0*"):
            file.unlink()
        (self.spooler.dir / "cache/job.cache").unlink(missing_ok=True)
        self.spooler.start()
        wait_for(lambda: self.host.ask("status")["data"]["spooler"]["up"], "the spooler to be found again")

    def pause(self):
        """The host's printer stops, and takes jobs still; the guest's queue hands them over."""
        self.spooler.run("cupsdisable", "laser")
        wait_for(lambda: self.guest.spooler.printer("laser")["printer-state"] == 5, "the pause", 5)
        self.guest.spooler.run("cupsenable", "laser")

    def unknown(self, meanwhile=lambda: None):
        """A job of the guest that waits on the host's stopped printer, and is then lost there."""
        self.pause()
        number = self.guest.print("laser", pdf(1), title="important")
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 3], "the job on the host")
        meanwhile()
        self.host_forgets()
        self.is_in(number, HELD)
        self.spooler.run("cupsenable", "laser")
        return number

    def asked(self):
        """The job's row, once it is asked about, and its name."""
        rows = wait_for(lambda: [j for j in self.host.ask("jobs")["data"]["jobs"] if j["phase"] == "ask"], "the question")
        return rows[0], f"{rows[0]['uuid'][:8]}/{rows[0]['file']}"

    def marked(self, number, before=None):
        return wait_for(lambda: self.guest.job(number).get("platen-asked", before) != before and
                        self.guest.job(number)["platen-asked"], "the mark on the held job", 10)

    def printed_once(self, number):
        self.is_in(number, COMPLETED)
        wait_for(lambda: self.device.received, "the document at the device")
        self.assertEqual(len(self.device.received), 1)
        self.assertEqual([j["phase"] for j in self.host.ask("jobs", all=True)["data"]["jobs"]], ["completed"])

    def test_retry(self):
        number = self.unknown()
        row, name = self.asked()
        self.assertEqual((row["title"], row["guest_job"]), ("important", number))
        self.assertIn("not known", row["text"])
        self.assertIn("not known", self.guest.job(number)["job-printer-state-message"])
        self.assertIn("platenctl job", next(c["fix"] for c in self.host.ask("doctor")["data"]["checks"] if c["link"] == "jobs"))
        p = self.ctl("job", "retry", "box", name)
        self.assertEqual(p.returncode, 0, p.stderr)
        self.assertIn("important", p.stdout)
        self.printed_once(number)
        p = self.ctl("job", "retry", "box", name)
        self.assertEqual(p.returncode, 5, p.stderr)
        self.assertIn("nothing to decide", p.stderr)

    def test_forget(self):
        number = self.unknown()
        _, name = self.asked()
        p = self.ctl("job", "forget", "box", name)
        self.assertEqual(p.returncode, 0, p.stderr)
        self.is_in(number, CANCELED)
        self.assertEqual(self.device.received, [])
        self.assertEqual([j["phase"] for j in self.host.ask("jobs", all=True)["data"]["jobs"]], ["canceled"])
        self.assertEqual(self.host.ask("jobs")["data"]["jobs"], [])

    def test_forget_what_was_printed(self):
        number = self.unknown()
        _, name = self.asked()
        p = self.ctl("--json", "job", "forget", "--printed", "box", name)
        self.assertEqual(p.returncode, 0, p.stderr)
        self.is_in(number, COMPLETED)
        self.assertEqual(self.device.received, [])
        self.assertEqual([j["phase"] for j in self.host.ask("jobs", all=True)["data"]["jobs"]], ["completed"])

    def test_only_administrators(self):
        number = self.unknown()
        _, name = self.asked()
        for action in ("retry", "forget"):
            p = self.ctl("job", action, "box", name, user="nobody")
            self.assertEqual(p.returncode, 4, p.stderr)
            self.assertIn("lpadmin", p.stderr)
        self.assertEqual(self.state(number), HELD)
        self.assertEqual(self.asked()[1], name)

    def test_a_name_that_is_none(self):
        self.unknown()
        row, name = self.asked()
        for job, code in (("zzzz", 2), (row["uuid"][:2], 2), ("00000000/1", 5), (name[:-1] + "7", 5)):
            p = self.ctl("job", "retry", "box", job)
            self.assertEqual(p.returncode, code, p.stderr)
        self.assertEqual(self.ctl("job", "retry", "nobox", name).returncode, 5)
        self.assertEqual(self.ctl("job", "repeat", "box", name).returncode, 2)
        self.assertEqual(self.asked()[1], name)

    def test_released_by_hand_in_the_guest(self):
        """A person there decides as well: it is printed again, and asked about again if need be."""
        number = self.unknown()
        self.asked()
        mark = self.marked(number)
        self.pause()
        self.guest.spooler.run("lp", "-i", str(number), "-H", "resume")
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 3], "the job on the host again")
        self.host_forgets()
        self.is_in(number, HELD)
        self.marked(number, mark)
        self.spooler.run("cupsenable", "laser")
        self.guest.spooler.run("lp", "-i", str(number), "-H", "resume")
        self.printed_once(number)

    def test_a_printer_that_was_deleted_over_it(self):
        """Its job went with it in the midst of printing: a release in the guest prints it on the one that is back."""
        self.device.paused.clear()
        data = bytes(range(256)) * 40000
        number = self.guest.print("laser", data, "-o", "document-format=application/vnd.cups-raw")
        wait_for(lambda: [j for j in self.host.ask("jobs")["data"]["jobs"] if j["phase"] == "processing"], "it to print")
        self.spooler.run("lpadmin", "-x", "laser")
        self.is_in(number, HELD)
        self.asked()
        self.marked(number)
        self.device.paused.set()
        self.spooler.add_queue("laser", self.device.uri, self.lab.dir / "vendor.ppd")
        self.guest.spooler.run("lp", "-i", str(number), "-H", "resume")
        self.is_in(number, COMPLETED)
        wait_for(lambda: data in self.device.received, "the whole document at the device")
        self.assertEqual(self.device.received.count(data), 1)

    def test_cancelled_in_the_guest(self):
        """Then the question is answered, as soon as somebody wants to know."""
        number = self.unknown()
        _, name = self.asked()
        self.guest.spooler.run("cancel", "-x", str(number))
        self.assertEqual(self.ctl("job", "retry", "box", name).returncode, 0)
        wait_for(lambda: [j["phase"] for j in self.host.ask("jobs", all=True)["data"]["jobs"]] == ["canceled"],
                 f"the job to be cancelled: {self.host.ask('jobs', all=True)}", 10)
        self.assertEqual(self.device.received, [])

    def test_a_spooler_that_forgot_the_hold_is_no_person(self):
        """The guest's cupsd, killed before it saved that the job is held, runs it again by itself."""
        def saved():
            self.guest.spooler.stop()
            self.guest.spooler.start()
            wait_for(lambda: came() == 2, "the job to come again", 30)
        def came():
            return self.lab.log("guest-box-agent").count("from the spooler: job")
        number = self.unknown(saved)
        self.guest.spooler.stop(signal.SIGKILL)
        self.guest.spooler.start()
        wait_for(lambda: came() == 3, "the job to come once more", 30)
        self.is_in(number, HELD)
        self.assertEqual(self.device.received, [])
        self.marked(number)
        self.guest.spooler.run("lp", "-i", str(number), "-H", "resume")
        self.printed_once(number)

    def test_a_workspace_that_is_away_hears_later(self):
        number = self.unknown()
        _, name = self.asked()
        self.guest.stop()
        wait_for(lambda: self.host.ask("workspaces")["data"]["workspaces"][0]["link"] == "waiting", "the session's end")
        p = self.ctl("job", "retry", "box", name)
        self.assertEqual(p.returncode, 0, p.stderr)
        self.assertIn("not connected", p.stdout)
        self.assertEqual([j["phase"] for j in self.host.ask("jobs")["data"]["jobs"]], ["retry"])
        self.host.stop(signal.SIGKILL)
        self.host.start()
        self.guest.start()
        self.printed_once(number)

    def test_an_agent_that_is_too_old(self):
        number = self.unknown()
        _, name = self.asked()
        self.guest.stop()
        peer = Peer(self.host)
        peer.send(hello(1, 1))
        wait_for(lambda: self.host.ask("workspaces")["data"]["workspaces"][0]["agent"] == "peer 1", "the old agent")
        p = self.ctl("job", "forget", "box", name)
        self.assertEqual(p.returncode, 0, p.stderr)
        self.assertIn("too old", p.stdout)
        self.assertIn(f"lp -i {number} -H resume", p.stdout)
        peer.close()
        self.guest.start()
        self.is_in(number, CANCELED)


if __name__ == "__main__":
    unittest.main()
