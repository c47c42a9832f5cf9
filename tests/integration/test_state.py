# SPDX-License-Identifier: Apache-2.0
"""What a stop is, and what a cancel is: a queue stopped, a spooler restarted, a host that is away,
each in the middle of a job. Real cupsds, real programs, no VM."""
import unittest

from harness import Guest, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for

TIMEOUT = 180
PENDING, HELD, PROCESSING, CANCELED, COMPLETED = 3, 4, 5, 7, 9

# A device that prints when the file "go" is there, and counts what came out whole.
DEVICE = """#!/bin/sh
[ $# -eq 0 ] && exit 0
trap exit TERM
while [ ! -e {0}/go ]; do sleep 0.1; done
cat "${{6:--}}" >/dev/null && echo printed >>{0}/printed
"""


class StopTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.spooler = Spooler(self.lab, "host", notifier=True,
            env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.device = self.spooler.dir / "out"
        backend = self.spooler.dir / "bin/backend/fakedev"
        backend.write_text(DEVICE.format(self.device))
        backend.chmod(0o755)
        self.spooler.add_queue("slow", "fakedev://x", vendor_ppd(self.lab.dir / "vendor.ppd"))
        self.host = Host(self.lab, self.spooler, settings="mode = all").start()
        self.guest = Guest(self.lab, self.host).start()
        wait_for(lambda: any(p["name"] == "slow" and p["guest"] == "ready"
            for p in self.host.ask("printers", workspace="box")["data"]["printers"]), "the queue")

    def print(self):
        """A job that the host's device has begun."""
        number = self.guest.print("slow", pdf(1))
        wait_for(lambda: [j["job-state"] for j in self.spooler.jobs()] == [PROCESSING],
            "the host to process the job")
        return number

    def go(self):
        (self.device / "go").touch()

    def queue(self):
        return self.guest.spooler.printer("slow")

    def wait_job(self, number, state, seconds=20):
        wait_for(lambda: self.guest.job(number)["job-state"] == state,
            f"guest job {number} in state {state}", seconds)

    def printed_once(self, number):
        self.wait_job(number, COMPLETED)
        self.assertEqual([j["job-state"] for j in self.spooler.jobs()], [COMPLETED])
        self.assertEqual((self.device / "printed").read_text(), "printed\n")

    def test_stopped_on_the_host(self):
        """The guest's queue stops with the real one, and its job goes on with it: not cancelled."""
        number = self.print()
        self.spooler.run("cupsdisable", "slow")
        wait_for(lambda: self.queue()["printer-state"] == 5, "the guest's queue to be stopped", 3)
        self.wait_job(number, PENDING)
        self.assertNotIn(CANCELED, [j["job-state"] for j in self.spooler.jobs()])
        self.go()
        self.spooler.run("cupsenable", "slow")
        self.printed_once(number)
        self.assertNotEqual(self.queue()["printer-state"], 5)

    def test_stopped_in_the_guest(self):
        """A person pauses the queue in the guest: the host's job is not cancelled, and the guest's
        ends well once the queue goes on."""
        number = self.print()
        self.guest.spooler.run("cupsdisable", "slow")
        self.wait_job(number, PENDING)
        self.go()
        wait_for(lambda: (self.device / "printed").exists(), "the host to print")
        self.assertEqual(self.queue()["printer-state"], 5)
        self.guest.spooler.run("cupsenable", "slow")
        self.printed_once(number)

    def test_guest_spooler_restarts(self):
        number = self.print()
        self.guest.spooler.stop()
        self.guest.spooler.start()
        self.go()
        self.printed_once(number)

    def test_cancelled_in_the_guest(self):
        number = self.print()
        self.guest.spooler.run("cancel", f"slow-{number}")
        self.wait_job(number, CANCELED)
        wait_for(lambda: [j["job-state"] for j in self.spooler.jobs()] == [CANCELED],
            "the host's job to be cancelled")
        wait_for(lambda: self.queue()["printer-state"] == 3, "the backend to end", 5)

    def test_away(self):
        """The host goes away: the queue says so, also after a job of its own was cancelled, by
        which cupsd wipes that away; and nothing of it is left when the host is back."""
        self.away()

    def test_away_and_a_backend_that_takes_its_time_to_end(self):
        """The same when cupsd wipes it away long after the agent was done with the job."""
        backend = self.guest.spooler.dir / "bin/backend/platen"
        backend.rename(backend.with_name("platen-real"))
        backend.write_text(f"""#!/bin/sh
trap : TERM
{backend}-real "$@"
code=$?
[ $# -eq 0 ] || sleep 5
exit $code
""")
        backend.chmod(0o755)
        self.away()

    def test_away_and_a_backend_that_never_comes(self):
        """The same when the backend is ended before it has reached the agent."""
        backend = self.guest.spooler.dir / "bin/backend/platen"
        backend.rename(backend.with_name("platen-real"))
        backend.write_text(f"""#!/bin/sh
[ $# -eq 0 ] || exec sleep 60
exec {backend}-real "$@"
""")
        backend.chmod(0o755)
        self.away()

    def away(self):
        def says(reason):
            return lambda: reason in self.queue()["printer-state-reasons"]

        self.host.stop()
        wait_for(says("offline-report"), "the queue to say that the host is away", 10)
        number = self.guest.print("slow", pdf(1))
        self.wait_job(number, PROCESSING)
        self.guest.spooler.run("cancel", f"slow-{number}")
        self.wait_job(number, CANCELED)
        wait_for(lambda: self.queue()["printer-state"] == 3, "the backend to end", 10)
        wait_for(says("offline-report"), "the queue to say so again", 5)
        wait_for(lambda: self.queue()["printer-state-message"], "its message", 5)
        self.host.start()
        wait_for(says("none"), "the queue to say that all is well", 15)


if __name__ == "__main__":
    unittest.main()
