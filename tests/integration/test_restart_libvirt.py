# SPDX-License-Identifier: Apache-2.0
"""Restarts by libvirt: requested, requested again, and a reset only where the settings allow it.

FAKE: the domain is one of libvirt's own test driver, which says yes to a reboot and does nothing; the agent is that of
test_restart.py, and its other boot is another boot id. Real ones are in tests/lab/test_restart.py.
"""
import signal
import unittest

from harness import Host, wait_for
import test_restart

TIMEOUT = 360

NODE = """<node>
  <domain type='test'><name>box</name><uuid>{}</uuid><memory>65536</memory><os><type>hvm</type></os>
    <devices><vsock model='virtio'><cid auto='no' address='42'/></vsock></devices></domain>
</node>
"""


class Case(test_restart.Case):
    def make_host(self):
        host = Host(self.lab, self.spooler, settings=self.settings, libvirt=f"test://{self.lab.dir}/node.xml")
        (self.lab.dir / "node.xml").write_text(NODE.format(host.uuids["box"]))
        host.start()
        wait_for(lambda: host.ask("workspaces")["data"]["workspaces"][0]["state"] == "running", "the domain", 20)
        return host

    def requests(self):
        return self.lab.log("platend").count("platend: restarts workspace=box")

    def wait_over(self):
        wait_for(lambda: self.restart()["text"] == "restarted; its printers are there: 1", "the restart to be over", 20)


class ByLibvirtTest(Case):
    def test_requested_and_back(self):
        self.need("driver-a", "workspace driver a was installed")
        self.wait_state("restarting")
        wait_for(lambda: self.requests() == 1, "the request", 5)
        self.assertNotIn("by hand", self.lab.log("platend"))
        self.reboot()
        self.wait_over()
        self.assertEqual((self.restart()["needs"], self.requests()), ([], 1))

    def test_a_request_that_was_lost_is_made_again(self):
        self.restart(action="now")
        self.wait_state("restarting")
        self.host.stop(signal.SIGKILL)
        self.up_again()
        wait_for(lambda: self.row()["ready"] == 1, "laser to be ready", 30)
        self.assertEqual((self.restart()["state"], self.requests()), ("restarting", 1))
        wait_for(lambda: self.requests() == 2, "the second request", 60)
        self.reboot()
        self.wait_over()
        self.assertNotIn("is reset", self.lab.log("platend"))

    def test_policy_is_kept_with_the_domain(self):
        data = self.restart(policy="never")
        self.assertEqual((data["policy"], data["policy_from"]), ("never", "workspace"))
        self.need("driver-a", "workspace driver a was installed")
        wait_for(lambda: "the policy is never" in self.row()["restart"], "the need to be known", 20)
        self.assertEqual(self.restart(policy="unset")["policy_from"], "host")
        self.wait_state("restarting")


class ForceTest(Case):
    settings = "restart-force = 1\n"

    def test_reset_after_the_limit(self):
        self.restart(action="now")
        wait_for(lambda: self.requests() == 1, "the request", 20)
        self.assertNotIn("is reset", self.lab.log("platend"))
        # Not sooner for a platend that was started again: half a minute later it requests once more, and then the
        # minute begins anew.
        self.host.stop()
        self.host.start()
        wait_for(lambda: "did not restart within 1 minutes: it is reset" in self.lab.log("platend"), "the reset", 150)
        self.assertEqual(self.restart()["state"], "restarting")
        self.reboot()
        self.wait_over()
        self.assertEqual(self.lab.log("platend").count("is reset"), 1)


if __name__ == "__main__":
    unittest.main()
