# SPDX-License-Identifier: Apache-2.0
"""fakebus.py FOLDER: stands in for what cannot run beside a test, on the bus of DBUS_SESSION_BUS_ADDRESS.

org.freedesktop.Notifications writes each notification to FOLDER/notified and presses the next button of
FOLDER/press; org.freedesktop.login1 lists the inhibitors of FOLDER/inhibitors; org.freedesktop.systemd1
writes what it shall restart to FOLDER/restarted, and says that it cannot if there is FOLDER/refuse.
The real ones are in tests/lab/test_restart.py.
"""
import json
import pathlib
import sys

import dbus
import dbus.mainloop.glib
import dbus.service
from gi.repository import GLib

folder = pathlib.Path(sys.argv[1])


def note(name, what):
    with open(folder / name, "a") as file:
        file.write(json.dumps(what) + "\n")


class Notifications(dbus.service.Object):
    number = 0

    @dbus.service.method("org.freedesktop.Notifications", in_signature="susssasa{sv}i", out_signature="u")
    def Notify(self, app, replaces, icon, summary, body, actions, hints, timeout):
        self.number += 1
        note("notified", {"summary": str(summary), "body": str(body), "actions": [str(a) for a in actions]})
        press = folder / "press"
        keys = press.read_text().split() if press.exists() else []
        if keys:
            press.write_text(" ".join(keys[1:]))
            GLib.timeout_add(50, self.ActionInvoked, self.number, keys[0])
        return self.number

    @dbus.service.method("org.freedesktop.Notifications", in_signature="u")
    def CloseNotification(self, number):
        note("closed", int(number))

    @dbus.service.signal("org.freedesktop.Notifications", signature="us")
    def ActionInvoked(self, number, key):
        return False


class Login(dbus.service.Object):
    @dbus.service.method("org.freedesktop.login1.Manager", out_signature="a(ssssuu)")
    def ListInhibitors(self):
        path = folder / "inhibitors"
        return dbus.Array([(w, "a program", "a reason", m, dbus.UInt32(0), dbus.UInt32(1))
                           for w, m in (line.split() for line in (path.read_text().splitlines() if path.exists() else []))],
                          signature="(ssssuu)")


class Systemd(dbus.service.Object):
    @dbus.service.method("org.freedesktop.systemd1.Manager", in_signature="ss", out_signature="o")
    def RestartUnit(self, unit, mode):
        note("restarted", str(unit))
        if (folder / "refuse").exists():
            raise dbus.exceptions.DBusException("this unit is not there", name="org.freedesktop.systemd1.NoSuchUnit")
        return dbus.ObjectPath("/org/freedesktop/systemd1/job/1")


dbus.mainloop.glib.DBusGMainLoop(set_as_default=True)
bus = dbus.SessionBus()
names = [dbus.service.BusName(f"org.freedesktop.{name}", bus) for name in ("Notifications", "login1", "systemd1")]
objects = [Notifications(bus, "/org/freedesktop/Notifications"), Login(bus, "/org/freedesktop/login1"),
           Systemd(bus, "/org/freedesktop/systemd1")]
(folder / "up").write_text("")
GLib.MainLoop().run()
