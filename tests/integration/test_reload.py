# SPDX-License-Identifier: Apache-2.0
"""Settings read again while platend and the agent run: who is connected stays so, what is wrong changes nothing, and what
a running platend cannot take over is said. With systemd: tests/lab/test_units.py."""
import signal
import unittest
import uuid

from harness import Guest, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for

TIMEOUT = 180
COMPLETED = 9


class ReloadTest(unittest.TestCase):
    def setUp(self):
        self.lab = Lab()
        self.addCleanup(self.lab.close)
        self.addCleanup(self.show_logs)
        self.device = Sink(self.lab)
        self.spooler = Spooler(self.lab, "host", notifier=True, env={"PLATEN_RUNDIR": self.lab.dir / "platend-run"})
        self.spooler.add_queue("laser", self.device.uri, vendor_ppd(self.lab.dir / "vendor.ppd"))
        self.host = Host(self.lab, self.spooler).start()
        self.guest = Guest(self.lab, self.host).start()
        self.shows(self.guest, "laser")

    def show_logs(self):
        if any(t is self for t, _ in self._outcome.result.errors + self._outcome.result.failures):
            print(self.lab.logs()[-12000:])

    def shows(self, guest, *queues):
        wait_for(lambda: sorted(guest.spooler.queues()) == sorted(queues), f"{queues} in {guest.workspace}")

    def reload(self, change=lambda text: text, whom=None, says="settings read again"):
        whom = whom or self.host
        whom.config.write_text(change(whom.config.read_text()))
        name = whom.name if whom is self.host else f"{whom.name}-agent"
        before = self.lab.log(name).count(says)
        whom.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.lab.log(name).count(says) > before, f"{name}: {says}")
        return self.lab.log(name).splitlines()

    def settings(self):
        return next(c for c in self.host.ask("doctor")["data"]["checks"] if c["link"] == "settings")

    def workspace(self, name="box"):
        return next((w for w in self.host.ask("workspaces")["data"]["workspaces"] if w["name"] == name), None)

    def phases(self):
        return [j["phase"] for j in self.host.ask("jobs")["data"]["jobs"]]

    def channels(self):
        return {pid for pid, _ in self.host.children("platen-channel")}

    def ended(self, guest, number):
        wait_for(lambda: (guest.job(number) or {}).get("job-state") == COMPLETED, f"job {number} of {guest.workspace} to end", 40)

    def test_what_is_in_force_at_once(self):
        self.spooler.add_queue("usb", "file:///dev/null", vendor_ppd(self.lab.dir / "local.ppd"))
        wait_for(lambda: len(self.host.ask("printers")["data"]["printers"]) == 2, "the host to know both")
        channels = self.channels()
        # In the midst of a job.
        self.device.paused.clear()
        number = self.guest.print("laser", pdf(2))
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 5], "the job to be printed")
        self.reload(lambda text: text.replace("[host]\n", "[host]\nmode = all\n"))
        self.assertEqual(self.host.ask("status")["data"]["mode"], "all")
        self.shows(self.guest, "laser", "usb")
        # A printer without a source for its driver any more goes, and comes back with it.
        self.reload(lambda text: text + "[printer usb]\ndrivers = server\n")
        self.shows(self.guest, "laser")
        self.reload(lambda text: text.replace("drivers = server", "drivers = host"))
        self.shows(self.guest, "laser", "usb")
        # Its workspace's own section.
        self.reload(lambda text: text.replace(f"socket = {self.host.channel('box')}\n",
                                              f"socket = {self.host.channel('box')}\nmode = network\nowner = alice\n"))
        self.shows(self.guest, "laser")
        self.device.paused.set()
        self.ended(self.guest, number)
        self.ended(self.guest, self.guest.print("laser", pdf(1, "second")))
        self.assertEqual([j["job-originating-user-name"] for j in sorted(self.spooler.jobs(), key=lambda j: j["job-id"])], ["box", "alice"])
        self.assertEqual(len(self.device.received), 2)
        self.assertLessEqual(channels, self.channels())
        self.assertEqual(self.settings()["state"], "ok")

    def test_what_the_channel_keeps(self):
        """A document that comes slowly by its measure comes fast without one; a guest that says nothing is asked earlier."""
        patient, one = "[host]\nkeepalive-msec = 3600000\n", "[host]\nmib-per-minute = 1\n"
        self.spooler.add_queue("ink", self.device.uri, vendor_ppd(self.lab.dir / "ink.ppd"))
        self.assertEqual(self.host.stop(), 0)
        self.host.config.write_text(self.host.config.read_text().replace("[host]\n", patient))
        self.host.start()
        self.shows(self.guest, "laser", "ink")
        wait_for(lambda: self.workspace()["link"] == "connected", "the agent to be back", 40)
        channels = self.channels()
        self.reload(lambda text: text.replace("[host]\n", one))
        number = self.guest.print("laser", pdf(1) + b"%" * (8 << 20))
        wait_for(lambda: self.phases() == ["transfer"], "the document to come")
        self.ended(self.guest, self.guest.print("ink", pdf(1)))  # as large as what may come at once
        self.assertEqual(self.phases(), ["transfer"])
        self.reload(lambda text: text.replace(one, "[host]\n"))
        self.ended(self.guest, number)
        self.reload(lambda text: text.replace(patient, "[host]\nkeepalive-msec = 100\n"))
        self.guest.process.send_signal(signal.SIGSTOP)
        self.addCleanup(self.guest.process.send_signal, signal.SIGCONT)
        wait_for(lambda: self.workspace()["link"] == "waiting", "its silence to be seen", 40)
        self.guest.process.send_signal(signal.SIGCONT)
        wait_for(lambda: self.workspace()["link"] == "connected", "it to be back", 40)
        self.assertLessEqual(channels, self.channels())

    def test_a_driver_that_is_fetched_meanwhile(self):
        """What was asked of a source that the settings have no more is not taken."""
        fetch, gate, asked = self.lab.programs / "platen-fetch", self.lab.dir / "gate", self.lab.dir / "asked"
        asked.mkdir()
        asked.chmod(0o777)
        fetch.rename(self.lab.programs / "platen-fetch.real")
        fetch.write_text(f"#!/bin/sh\n: >{asked}/$$\nwhile ! [ -e {gate} ]; do /bin/sleep 0.1; done\nexec {fetch}.real \"$@\"\n")
        fetch.chmod(0o755)
        # Its print server is not there: that alone would leave a driver that it has in force.
        self.spooler.add_queue("away", "ipp://127.0.0.1:9/printers/away", vendor_ppd(self.lab.dir / "away.ppd"))
        wait_for(lambda: list(asked.iterdir()), "a driver to be asked for")
        self.reload(lambda text: text + "[printer away]\ndrivers = server\n")
        gate.touch()
        wait_for(lambda: "printer=away" in self.lab.log(self.host.name), "what came of it")
        away = next(p for p in self.host.ask("printers")["data"]["printers"] if p["name"] == "away")
        self.assertEqual(away["driver"], "failed", self.lab.log(self.host.name))
        self.assertNotIn("driver found from the host printer=away", self.lab.log(self.host.name))
        self.shows(self.guest, "laser")

    def test_what_platenctl_set_stays(self):
        self.assertTrue(self.host.ask("mode", workspace="box", mode="off")["ok"])
        self.shows(self.guest)
        self.reload(lambda text: text.replace("[host]\n", "[host]\njobs-per-minute = 7\n"))
        self.assertEqual(self.host.ask("mode", workspace="box")["data"]["mode"], "off")

    def test_wrong_settings_change_nothing(self):
        channels, good = self.channels(), self.host.config.read_text()
        lines = self.reload(lambda text: text.replace("[host]\n", "[host]\nmode = off\nmode = sideways\n"), says="settings are wrong")
        said = [line for line in lines if "settings are wrong" in line]
        self.assertEqual(len(said), 1)
        self.assertIn(f"{self.host.config}:3: mode = sideways: expected off, network or all", said[0])
        self.assertEqual(self.settings()["state"], "fault")
        self.assertIn(":3: mode = sideways", self.settings()["text"])
        self.assertIn("settings: ", str(self.host.ask("status")["data"]["faults"]))
        self.assertIn("systemctl reload platend", self.settings()["fix"])
        self.host.config.unlink()
        self.host.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "No such file" in self.settings()["text"], "it to say that there are none")
        self.host.config.write_text(good)
        self.reload()
        self.assertEqual(self.settings()["state"], "ok")
        self.assertEqual(self.host.ask("status")["data"]["faults"], [])
        self.assertLessEqual(channels, self.channels())
        self.ended(self.guest, self.guest.print("laser", pdf(1)))

    def test_what_wants_a_restart_is_said(self):
        channels, before = self.channels(), self.host.config.read_text()
        lines = self.reload(lambda text: text.replace("worker-user = nobody", "worker-user = daemon\nadmin-group = users")
                            .replace("[host]\n", "[host]\nmode = all\n"))
        said = [line for line in lines if "settings read again" in line]
        self.assertIn("mode all; changed, and in force when platend is started again: worker-user, admin-group: systemctl restart platend", said[0])
        self.assertEqual(self.settings()["state"], "fault")
        self.assertIn("systemctl restart platend", self.settings()["fix"])
        self.assertLessEqual(channels, self.channels())
        self.reload(lambda text: before)
        self.assertEqual(self.settings()["state"], "ok")

    def test_workspaces_come_and_go(self):
        channels, elsewhere = self.channels(), self.lab.dir / "elsewhere.channel"
        section = f"[workspace late]\nuuid = {uuid.uuid4()}\nsocket = {self.host.channel('late')}\n"
        self.reload(lambda text: text + section)
        late = Guest(self.lab, self.host, "late").start()
        self.shows(late, "laser")
        self.ended(late, late.print("laser", pdf(1)))
        # Its socket is elsewhere now: the agent, told so, is connected there.
        self.reload(lambda text: text.replace(str(self.host.channel("late")), str(elsewhere)))
        wait_for(lambda: self.workspace("late")["link"] == "waiting", "its session to be over")
        self.reload(lambda text: text.replace(str(self.host.channel("late")), str(elsewhere)), late, "others are in force now")
        wait_for(lambda: self.workspace("late")["link"] == "connected", "the agent at its new socket", 40)
        self.ended(late, late.print("laser", pdf(1)))
        self.reload(lambda text: text.replace(section.replace(str(self.host.channel("late")), str(elsewhere)), ""))
        wait_for(lambda: self.workspace("late") is None, "it to be none any more")
        # One that cannot be had, for which platend would not start: the others are, and it is said.
        section = section.replace(str(self.host.channel("late")), "/nonexistent/channel")
        lines = self.reload(lambda text: text + section)
        self.assertTrue([line for line in lines if "cannot listen at /nonexistent/channel: No such file" in line], lines)
        self.assertEqual((self.settings()["state"], self.settings()["text"]),
                         ("fault", "[workspace late]: cannot listen at /nonexistent/channel: No such file or directory"))
        self.assertIsNone(self.workspace("late"))
        self.reload(lambda text: text.replace(section, ""))
        self.assertEqual(self.settings()["state"], "ok")
        self.assertLessEqual(channels, self.channels())
        self.assertEqual(len(self.device.received), 2)
        self.assertEqual((late.stop(), self.guest.stop(), self.host.stop()), (0, 0, 0))

    def test_the_agent(self):
        pid, channels = self.guest.process.pid, self.channels()
        self.reload(whom=self.guest, says="they are the same")
        lines = self.reload(lambda text: text + "colour = red\n", self.guest, "settings are wrong")
        self.assertTrue([line for line in lines if f"{self.guest.config}:9: colour = red: expected a key" in line], lines)
        self.assertLessEqual(channels, self.channels())
        # Others, in the midst of a job: it is printed once.
        self.device.paused.clear()
        number = self.guest.print("laser", pdf(2))
        wait_for(lambda: [j for j in self.spooler.jobs() if j["job-state"] == 5], "the job to be printed")
        self.reload(lambda text: text.replace("colour = red", "needs-restarting = /nonexistent"), self.guest, "others are in force now")
        wait_for(lambda: self.workspace()["link"] == "connected" and not channels & self.channels(), "the agent to be connected anew", 40)
        self.device.paused.set()
        self.ended(self.guest, number)
        self.assertEqual(len(self.device.received), 1)
        # What reads well, and cannot be.
        self.reload(lambda text: text + "spooler-user = nosuchuser\n", self.guest, "those before are in force again")
        wait_for(lambda: self.workspace()["link"] == "connected", "the agent to be connected by the settings of before", 40)
        self.ended(self.guest, self.guest.print("laser", pdf(1)))
        self.assertEqual(len(self.device.received), 2)
        self.assertIsNone(self.guest.process.poll())
        self.assertEqual(self.guest.process.pid, pid)
        self.assertEqual(self.guest.stop(), 0)
        self.assertEqual(self.guest.children("platen-queues"), [])


if __name__ == "__main__":
    unittest.main()
