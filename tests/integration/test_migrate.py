# SPDX-License-Identifier: Apache-2.0
"""A workspace that moves from one host to another, in the middle of its jobs.

Two hosts, each with a spooler, devices and a ledger of its own, and one agent whose channel leads to
the other host from some byte on, as it does when a running VM is migrated. Whatever the byte, each
document comes out once, at the one host or the other, or a person is asked; never twice, never none.
"""
import os
import unittest

from cable import cabled
from harness import Host, Lab, Sink, Spooler, vendor_ppd, wait_for

TIMEOUT = 410  # for the runner: it waits for minutes, and is begun first
HELD, PROCESSING, COMPLETED = 4, 5, 9
RAW = ("-o", "document-format=application/vnd.cups-raw")
SIZE = 200000  # bytes: four pieces, and less than a window
LARGE = 4 << 20  # bytes: it cannot be sealed before much of it has passed


class Side(Host):
    """A host of the same workspace: two have their channels at places of their own."""

    def __init__(self, lab, name):
        self.device = Sink(lab)
        ppd = vendor_ppd(lab.dir / f"{name}.ppd")
        spooler = Spooler(lab, f"{name}-spooler", notifier=True, env={"PLATEN_RUNDIR": lab.dir / f"{name}-run"})
        spooler.add_queue("laser", self.device.uri, ppd)
        spooler.add_queue(f"only-{name}", self.device.uri, ppd)
        super().__init__(lab, spooler, name=name, settings="raw = yes")

    def channel(self, workspace):
        return self.lab.dir / f"{self.name}-{workspace}.channel"

    def ready(self, name="laser"):
        answer = self.ask("printers", workspace="box")
        return answer["ok"] and any(p["name"] == name and p["guest"] == "ready" for p in answer["data"]["printers"])

    def asked(self):
        return [j for j in self.ask("jobs")["data"]["jobs"] if j["phase"] == "ask"]

    def copies(self, data):
        return self.device.received.count(data)

    def unfinished(self):
        return self.spooler.jobs("not-completed")


class MigrateTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.one, self.two = Side(self.lab, "one"), Side(self.lab, "two")
        self.two.config.write_text(self.two.config.read_text().replace(self.two.uuids["box"], self.one.uuids["box"]))
        self.one.start()
        self.two.start()
        self.cable, self.guest = cabled(self.lab, self.one)
        self.guest.start()
        wait_for(self.one.ready, "the queue")

    def move(self, side, left=None):
        """The channel leads to `side`, now or when `left` more bytes have passed."""
        self.cable.target = str(side.channel("box"))
        if left is None:
            self.cable.left = None
            self.cable.cut()
            self.here(side)
        else:
            self.cable.left = left

    def here(self, side):
        wait_for(lambda: side.ask("workspaces")["data"]["workspaces"][0]["link"] == "connected", f"{side.name} to be connected")
        wait_for(side.ready, f"the queue of {side.name}")

    def state(self, number):
        return (self.guest.job(number) or {}).get("job-state")

    def is_in(self, number, state):
        wait_for(lambda: self.state(number) == state, f"guest job {number} in state {state}: {self.guest.job(number)}", 30)

    def copies(self, data):
        return self.one.copies(data) + self.two.copies(data)

    def printed_by(self, side, data):
        wait_for(lambda: side.copies(data), f"the document at {side.name}")
        self.assertEqual(self.copies(data), 1)

    def decide(self, side, number, printed):
        """A person who has looked at the printers says so at the host that asks."""
        row, = wait_for(side.asked, "the question")
        self.assertIn("another host", row["text"] if "text" in row else self.guest.job(number)["job-printer-state-message"])
        action = {"action": "forget", "printed": True} if printed else {"action": "retry"}
        answer = side.ask("job", workspace="box", job=f"{row['uuid'][:8]}/{row['file']}", **action)
        self.assertTrue(answer["ok"], answer)
        self.is_in(number, COMPLETED)
        self.assertEqual(side.asked(), [])

    def settled(self, number, source, target, data):
        """Printed once, or asked about at the new host; then as a person decides. Returns whether it was asked."""
        wait_for(lambda: self.state(number) in (COMPLETED, HELD), f"an end of {number}: {self.guest.job(number)}", 30)
        asked = self.state(number) == HELD
        if asked:
            self.assertEqual(target.copies(data), 0)
            wait_for(lambda: all(j["job-state"] == HELD for j in source.unfinished()), "the end of what was released")
            wait_for(lambda: source.copies(data) or not [j for j in source.spooler.jobs() if j["job-state"] == COMPLETED and
                                                         j["job-name"] == f"doc {number}"], "its bytes at the device")
            self.decide(target, number, printed=source.copies(data) == 1)
        wait_for(lambda: self.copies(data), "the document")
        self.assertEqual(self.copies(data), 1, f"at {source.name} {source.copies(data)}, at {target.name} {target.copies(data)}")
        return asked

    def test_printers_become_those_of_the_new_host(self):
        self.assertIn("only-one", self.guest.spooler.queues())
        self.move(self.two)
        wait_for(lambda: sorted(self.guest.spooler.queues()) == ["laser", "only-two"], "the printers of the new host")
        self.move(self.one)
        wait_for(lambda: sorted(self.guest.spooler.queues()) == ["laser", "only-one"], "those of the first")

    def test_at_every_byte(self):
        """Moved to and fro, after ever more bytes of a job's conversation."""
        here, there, asked, documents = self.one, self.two, 0, []
        points = [0, 1, 200, 500, 900, 1500, 30000, 66000, 120000, 199000, 200500, 200800, 200900, 201000, 201100, 201200,
                  201300, 201500, 202000]
        for number, left in enumerate(points, 1):
            data = os.urandom(SIZE)
            documents.append(data)
            self.move(there, left)
            job = self.guest.print("laser", data, *RAW, title=f"doc {number}")
            self.assertEqual(job, number)
            wait_for(lambda: self.cable.left is None or self.state(job) == COMPLETED, "the move, or the job's end", 30)
            if self.cable.left is not None:
                self.move(there)
            asked += self.settled(job, here, there, data)
            self.here(there)
            here, there = there, here
        self.assertEqual([self.copies(d) for d in documents], [1] * len(documents))
        print(f"  {len(points)} moves, {asked} asked about", flush=True)
        # What was half done is not kept for ever, and did not print.
        wait_for(lambda: not self.one.unfinished() and not self.two.unfinished(), "the halves to be taken away", 80)
        self.assertEqual(len(self.one.device.received) + len(self.two.device.received), len(documents))

    def test_before_it_is_opened(self):
        """It waits in the guest, because its host is away: the new one takes it."""
        self.one.stop()
        data = os.urandom(SIZE)
        job = self.guest.print("laser", data, *RAW)
        wait_for(lambda: self.state(job) == PROCESSING, "the guest's spooler to have begun")
        self.move(self.two)
        self.is_in(job, COMPLETED)
        self.printed_by(self.two, data)
        self.one.start()
        wait_for(self.one.control.exists, "the first host to answer")
        self.move(self.one)
        self.assertEqual((self.copies(data), self.one.unfinished()), (1, []))

    def released(self):
        """A job that the first host has released, and that waits there for its stopped printer."""
        self.one.spooler.run("cupsdisable", "laser")
        wait_for(lambda: self.guest.spooler.printer("laser")["printer-state"] == 5, "the pause")
        self.guest.spooler.run("cupsenable", "laser")
        data = os.urandom(SIZE)
        job = self.guest.print("laser", data, *RAW)
        wait_for(lambda: [j for j in self.one.ask("jobs")["data"]["jobs"] if j["phase"] == "pending"], "the release")
        return job, data

    def test_released_and_not_acknowledged(self):
        job, data = self.released()
        self.move(self.two)
        self.is_in(job, HELD)
        self.assertIn("another host", self.guest.job(job)["job-printer-state-message"])
        self.one.spooler.run("cupsenable", "laser")
        self.printed_by(self.one, data)
        self.decide(self.two, job, printed=True)
        self.assertEqual(self.copies(data), 1)

    def test_released_and_the_workspace_comes_back(self):
        """The host that has it answers, whatever the other one asked meanwhile: released by hand, it is not sent again."""
        job, data = self.released()
        self.move(self.two)
        self.is_in(job, HELD)
        self.one.spooler.run("cupsenable", "laser")
        self.printed_by(self.one, data)
        self.move(self.one)
        wait_for(lambda: self.guest.job(job).get("platen-asked"), "the mark on the held job")
        self.guest.spooler.run("lp", "-i", f"laser-{job}", "-H", "resume")
        self.is_in(job, COMPLETED)
        self.assertEqual(self.copies(data), 1)

    def test_a_person_wants_it_here(self):
        """Cancelled at the old host before it came out, and released in the workspace: the new one prints it."""
        job, data = self.released()
        self.move(self.two)
        self.is_in(job, HELD)
        self.one.spooler.run("cancel", f"laser-{self.one.unfinished()[0]['job-id']}")
        self.one.spooler.run("cupsenable", "laser")
        wait_for(lambda: self.guest.job(job).get("platen-asked"), "the mark on the held job")
        self.guest.spooler.run("lp", "-i", f"laser-{job}", "-H", "resume")
        self.is_in(job, COMPLETED)
        self.printed_by(self.two, data)

    def test_a_half_that_the_other_host_has_whole(self):
        """Half at the first, handed over whole to the second, and back while the first still keeps its half."""
        data = os.urandom(LARGE)
        self.two.spooler.run("cupsdisable", "laser")
        self.move(self.two, LARGE // 3)
        job = self.guest.print("laser", data, *RAW)
        wait_for(lambda: self.cable.left is None, "the move in the middle")
        self.here(self.two)
        half, = self.one.unfinished()
        self.assertEqual(half["job-state"], HELD)
        wait_for(lambda: self.guest.spooler.printer("laser")["printer-state"] == 5, "the pause")
        self.guest.spooler.run("cupsenable", "laser")
        wait_for(lambda: [j for j in self.two.ask("jobs")["data"]["jobs"] if j["phase"] == "pending"], "the release")
        self.move(self.one)
        self.is_in(job, HELD)
        wait_for(lambda: not self.one.unfinished(), "the half to go")
        self.two.spooler.run("cupsenable", "laser")
        self.printed_by(self.two, data)
        self.decide(self.one, job, printed=True)
        self.assertEqual(self.copies(data), 1)

    def test_a_host_that_is_restarted_is_the_same(self):
        """Only another ledger makes another host: what this one has not released is sent again without a question."""
        data = os.urandom(LARGE)
        self.move(self.one, LARGE // 2)
        job = self.guest.print("laser", data, *RAW)
        wait_for(lambda: self.cable.left is None, "the cut")
        self.one.stop()
        self.one.start()
        self.is_in(job, COMPLETED)
        self.printed_by(self.one, data)
        self.assertEqual(self.one.asked(), [])


if __name__ == "__main__":
    unittest.main()
