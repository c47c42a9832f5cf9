# SPDX-License-Identifier: Apache-2.0
"""Jobs that the guest's cupsd calls done although nobody printed them: their backend was killed before it
reached the agent, and cupsd takes that for a good end. The agent gives them back, and no others.

The backend stands behind a script that kills itself as often as it is told to.
"""
import os
import pwd
import re
import signal
import unittest

from harness import Guest, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for

HELD, CANCELED, COMPLETED = 4, 7, 9
RAW = ("-o", "document-format=application/vnd.cups-raw")


class GivenBackTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.device = Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True,
                               env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.spooler.add_queue("laser", self.device.uri + "/?snmp=false", vendor_ppd(self.lab.dir / "vendor.ppd"))
        self.host = Host(self.lab, self.spooler).start()
        self.guest = Guest(self.lab, self.host)
        self.tokens = self.lab.dir / "kill"
        self.tokens.mkdir()
        os.chown(self.tokens, pwd.getpwnam("lp").pw_uid, -1)
        backend = self.guest.spooler.dir / "bin/backend/platen"
        backend.rename(backend.with_name("platen-real"))
        backend.write_text(f"""#!/bin/sh
for token in {self.tokens}/*; do
    [ -e "$token" ] && rm "$token" && kill -$(basename "$token" | cut -d- -f1) $$
done
exec {backend}-real "$@"
""")
        backend.chmod(0o755)
        self.guest.start()
        self.ready()

    def ready(self):
        wait_for(lambda: any(p["guest"] == "ready" for p in
                             self.host.ask("printers", workspace="box")["data"]["printers"]), "the queue")

    def kill_next(self, times=1, number="KILL"):
        for n in range(times):
            (self.tokens / f"{number}-{n}").touch()

    def killed(self, data, **kw):
        """A job whose backend was killed at once."""
        self.kill_next(**kw)
        number = self.guest.print("laser", data, *RAW)
        wait_for(lambda: not list(self.tokens.iterdir()), "the backend to be killed")
        return number

    def state(self, number):
        return (self.guest.job(number) or {}).get("job-state")

    def printed(self, *documents):
        wait_for(lambda: len(self.device.received) >= len(documents), f"{len(documents)} documents", 30)
        wait_for(lambda: not self.spooler.jobs("not-completed") and not self.guest.spooler.jobs("not-completed"), "all to end")
        self.assertEqual(self.device.received, list(documents))

    def looked(self, times=1):
        """The agent has compared once more what the spooler calls done: the request of its worker is in cupsd's log."""
        def looks():
            return self.guest.spooler.error_log().count("Get-Jobs ipp://localhost/")
        before = looks()
        wait_for(lambda: looks() >= before + times, "the agent to look", 30)

    def agent_log(self):
        return self.lab.log("guest-box-agent")

    def again(self):
        return self.agent_log().count("when its backend was killed")

    def test_killed_at_once(self):
        for signal_name in ("KILL", "TERM", "PIPE"):
            with self.subTest(signal_name):
                self.device.received.clear()
                number = self.killed(b"one", number=signal_name)
                self.printed(b"one")
                self.assertEqual(self.state(number), COMPLETED)
        self.assertEqual(self.again(), 3)

    def test_while_the_agent_was_away(self):
        self.guest.stop()
        number = self.killed(b"one")
        wait_for(lambda: self.state(number) == COMPLETED, "cupsd to think that it is done")
        self.assertEqual(self.device.received, [])
        self.guest.start()
        self.printed(b"one")

    def test_what_was_printed_is_left_alone(self):
        """Also by an agent that did not print it itself, and by one that has to do with a spooler that was restarted."""
        self.guest.print("laser", b"one", *RAW)
        self.printed(b"one")
        self.looked()
        self.guest.stop(signal.SIGKILL)
        self.guest.start()
        self.looked()
        self.guest.spooler.stop()
        self.guest.spooler.start()
        self.looked()
        self.killed(b"two")
        self.printed(b"one", b"two")
        self.guest.stop()
        self.guest.start()
        self.looked()
        self.printed(b"one", b"two")
        self.assertEqual(self.again(), 1)

    def test_what_the_agent_never_knew_is_left_alone(self):
        """An agent that runs for the first time, or has lost what it knew: what is done is done."""
        self.guest.stop()
        self.killed(b"one")
        wait_for(lambda: not self.guest.spooler.jobs("not-completed"), "cupsd to think that it is done")
        (self.lab.dir / "guest-box-state/handed").unlink()
        self.guest.start()
        self.looked()
        self.killed(b"two")
        self.printed(b"two")
        self.assertEqual(self.again(), 1)

    def test_cancelled_by_a_person(self):
        self.guest.stop()
        number = self.guest.print("laser", b"one", *RAW)
        wait_for(lambda: self.state(number) == 5, "its backend to wait")
        self.guest.spooler.run("cancel", f"laser-{number}")
        wait_for(lambda: self.state(number) == CANCELED, "the cancel")
        self.guest.start()
        self.looked()
        self.assertEqual(self.state(number), CANCELED)
        self.assertEqual(self.device.received, [])
        self.assertEqual(self.again(), 0)

    def test_killed_each_time(self):
        """It is not run for ever: a person decides."""
        self.kill_next(4)
        number = self.guest.print("laser", b"one", *RAW)
        wait_for(lambda: self.state(number) == HELD, "it to be held", 60)
        wait_for(lambda: self.again() == 4 and "held, as it was before: release it" in self.agent_log(), "the agent's word about it")
        self.assertEqual(self.device.received, [])
        self.guest.spooler.run("lp", "-i", f"laser-{number}", "-H", "resume")
        self.printed(b"one")

    def test_a_spooler_that_keeps_no_files(self):
        """It is said, once, that the document is gone."""
        self.guest.spooler.extra = "PreserveJobFiles No"
        self.guest.spooler.write_config()
        self.guest.spooler.stop()
        self.guest.spooler.start()
        wait_for(lambda: self.agent_log().count("spooler answers") >= 2, "the agent to see it")
        number = self.killed(b"one")
        wait_for(lambda: f"job {number} was not printed, though this spooler says so" in self.agent_log(), "it to be said", 30)
        self.guest.stop()
        self.guest.start()
        self.looked()
        self.assertEqual(self.agent_log().count("print the document anew"), 1)

    def test_one_file_of_several(self):
        """Only what was not printed comes out."""
        for killed in range(3):
            with self.subTest(killed=killed):
                self.device.received.clear()
                self.guest.stop()
                before = len(self.guest.spooler.jobs())
                files = []
                for n in range(3):
                    files.append(self.lab.dir / f"file-{killed}-{n}")
                    files[-1].write_bytes(pdf(n + 1))
                # The agent is away: each backend waits for it, and the one that is to be killed is, by its number.
                backend = self.guest.spooler.dir / "bin/backend/platen"
                script = backend.read_text()
                backend.write_text(script.replace("for token", f"case $6 in *-00{killed + 1}) ;; *) exec {backend}-real \"$@\";; esac\n"
                                                  "for token", 1))
                self.kill_next()
                self.guest.start()
                self.guest.spooler.run("lp", "-d", "laser", *files)
                wait_for(lambda: len(self.device.received) == 3, "all three", 40)
                wait_for(lambda: not self.spooler.jobs("not-completed") and not self.guest.spooler.jobs("not-completed"), "the end")
                backend.write_text(script)
                self.assertEqual(sorted(len(re.findall(rb"/Type /Page\b", d)) for d in self.device.received), [1, 2, 3])
                self.assertEqual(len(self.guest.spooler.jobs()), before + 1)
                self.assertFalse(list(self.tokens.iterdir()))
        self.looked()
        self.assertEqual(self.again(), 3)

    def test_supply_reports_are_no_documents(self):
        """Command files, ours and other people's, are not run again."""
        path = self.lab.dir / "commands"
        path.write_text("#CUPS-COMMAND\nReportLevels\n")
        self.guest.spooler.run("lp", "-d", "laser", "-o", "document-format=application/vnd.cups-command", path)
        wait_for(lambda: not self.guest.spooler.jobs("not-completed"), "its end")
        self.looked(2)
        self.assertEqual(self.again(), 0)

    def test_a_queue_of_a_persons(self):
        sink = Sink(self.lab)
        self.guest.spooler.add_queue("mine", sink.uri)
        self.guest.spooler.run("lp", "-d", "mine", "-o", "raw", "/etc/hostname")
        wait_for(lambda: sink.received, "it to be printed")
        self.killed(b"one")
        self.printed(b"one")
        self.looked()
        self.assertEqual((self.again(), len(sink.received)), (1, 1))


if __name__ == "__main__":
    unittest.main()
