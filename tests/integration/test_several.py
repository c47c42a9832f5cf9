# SPDX-License-Identifier: Apache-2.0
"""Several workspaces at once: different modes, one without an agent, one whose agent speaks only the first version of
the protocol. The same with VMs: tests/lab/test_several.py."""
import unittest

from harness import Guest, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for

TIMEOUT = 120
COMPLETED = 9


class SeveralTest(unittest.TestCase):
    def test_modes_and_agents(self):
        lab = Lab()
        self.addCleanup(lab.close)
        device = Sink(lab)
        spooler = Spooler(lab, "host", notifier=True, env={"PLATEN_RUNDIR": lab.dir / "platend-run"})
        spooler.add_queue("laser", device.uri, vendor_ppd(lab.dir / "vendor.ppd"))
        spooler.add_queue("usb", "file:///dev/null", vendor_ppd(lab.dir / "local.ppd"))
        host = Host(lab, spooler, workspaces=("young", "elder", "bare")).start()
        young = Guest(lab, host, "young").start()
        elder = Guest(lab, host, "elder", program="older-agent").start()

        def rows():
            return {row["name"]: row for row in host.ask("workspaces")["data"]["workspaces"]}

        def shows(guest, *queues):
            wait_for(lambda: sorted(guest.spooler.queues()) == sorted(queues), f"{queues} in {guest.workspace}")
        shows(young, "laser")
        self.assertTrue(host.ask("mode", workspace="elder", mode="all")["ok"])
        shows(elder, "laser", "usb")
        self.assertEqual({name: row["protocol"] for name, row in rows().items()}, {"young": 2, "elder": 1, "bare": 0})
        self.assertNotEqual(rows()["bare"]["link"], "connected")
        numbers = [(guest, guest.print("laser", pdf(2, guest.workspace), title=guest.workspace)) for guest in (young, elder)]
        for guest, number in numbers:
            wait_for(lambda g=guest, n=number: g.job(n)["job-state"] == COMPLETED, f"the job of {guest.workspace}")
        self.assertEqual(sorted((j["job-originating-user-name"], j["job-name"]) for j in spooler.jobs()),
                         [("elder", "elder"), ("young", "young")])
        self.assertEqual(len(device.received), 2)
        # One that is off loses its printers, and no other does.
        self.assertTrue(host.ask("mode", workspace="young", mode="off")["ok"])
        shows(young)
        shows(elder, "laser", "usb")
        # Each finds a host that was restarted, which knows of a mode only what a domain or its settings say.
        self.assertEqual(host.stop(), 0)
        host.start()
        wait_for(host.control.exists, "platend's control socket")
        wait_for(lambda: {name: row["ready"] for name, row in rows().items()} == {"young": 1, "elder": 1, "bare": 0}, "their printers")
        self.assertEqual((elder.stop(), young.stop()), (0, 0))


if __name__ == "__main__":
    unittest.main()
