# SPDX-License-Identifier: Apache-2.0
"""The demo behind packaging/demo: a host, a print server, devices and a guest, and one page's way."""
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

TOP = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(TOP / "tests/lab"), str(TOP / "tests/integration")]
import lab as vm  # noqa: E402
from harness import BUILD, Host, Lab, Sink, Spooler, pdf, vendor_ppd, wait_for  # noqa: E402

BEGAN = float(os.environ.get("PLATEN_DEMO_BEGAN", time.time()))
ADDRESS = "192.0.2.1"  # TEST-NET-1 (RFC 5737), on the loopback of a network namespace of our own
OPTIONS = ["-n", "2", "-o", "sides=two-sided-long-edge", "-o", "number-up=2", "-o", "StapleLocation=UpperLeft"]


def step(text):
    print(f"[{time.time() - BEGAN:3.0f} s] {text}", flush=True)


def bus(lab):
    """A D-Bus and an avahi of our own: ippeveprinter(1) wants them."""
    socket_path = lab.dir / "dbus.sock"
    config = lab.dir / "dbus.conf"
    config.write_text(f"""<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={socket_path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
<allow send_type="signal"/><allow send_requested_reply="true" send_type="method_return"/>
<allow send_requested_reply="true" send_type="error"/><allow receive_type="method_call"/>
<allow receive_type="method_return"/><allow receive_type="error"/><allow receive_type="signal"/></policy></busconfig>""")
    lab.start("dbus", ["dbus-daemon", "--nofork", f"--config-file={config}"])
    os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = f"unix:path={socket_path}"
    wait_for(socket_path.exists, "the bus")
    vm.mount_over(lab.dir, "/run/avahi-daemon")
    lab.start("avahi", ["avahi-daemon", "--no-drop-root", "--no-chroot", "--no-rlimits"])
    wait_for(lambda: pathlib.Path("/run/avahi-daemon/socket").exists(), "avahi")


def driverless(lab):
    """An IPP Everywhere printer that keeps what it gets."""
    kept = lab.dir / "driverless"
    kept.mkdir()
    lab.start("ippeveprinter", ["ippeveprinter", "-p", "8631", "-k", "-d", kept, "-r", "off", "-M", "Acme",
                                "-m", "Driverless 7", "-l", "Hall", "Driverless 7"])

    def answers():
        with socket.socket() as s:
            return s.connect_ex((ADDRESS, 8631)) == 0
    wait_for(answers, "the driverless device")
    return f"ipp://{ADDRESS}:8631/ipp/print"


class Demo:
    def __init__(self, lab):
        self.lab = lab
        lab.say = step
        vm.say = step
        step("the guest's image")
        self.image = vm.Image()  # its packages come over the network, so before that is left behind
        vm.own_namespace(net=True)
        subprocess.run(["ip", "address", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)

    def spoolers(self):
        lab = self.lab
        step("a print server with two vendor-style printers")
        self.devices = [Sink(lab), Sink(lab)]
        self.server = Spooler(lab, "server")
        for name, model, device in zip(("office-laser", "finisher"), ("Laser 100", "Finisher 9"), self.devices):
            self.server.add_queue(name, device.uri, vendor_ppd(lab.dir / f"{name}.ppd", model))
        step("a driverless device")
        bus(lab)
        uri = driverless(lab)
        step("the host's spooler, its printers, and a local one")
        self.spooler = Spooler(lab, "host", notifier=True, env={"PLATEN_RUNDIR": lab.dir / "platend-run"})
        for name, place in (("office-laser", "2nd floor"), ("finisher", "Copy room")):
            self.spooler.add_queue(name, f"ipp://127.0.0.1:{self.server.port}/printers/{name}", None, "-L", place)
        self.spooler.run("lpadmin", "-p", "hall", "-E", "-v", uri, "-m", "everywhere", "-L", "Hall")
        self.spooler.add_queue("my-usb", "usb://Acme/Home%20Jet?serial=1", vendor_ppd(lab.dir / "usb.ppd", "Home Jet"))
        self.spooler.run("lpadmin", "-d", "finisher")

    def guest(self):
        lab = self.lab
        step("a libvirtd of our own")
        self.libvirt = vm.Libvirt(lab)
        step("platend, and a guest that is put together and started")
        self.host = Host(lab, self.spooler, workspaces=(), libvirt=self.libvirt.uri).start()
        self.workspace = vm.Workspace(lab, self.libvirt, self.image, name="accounting")
        self.workspace.start()
        self.workspace.wait_up()
        step("the guest is up")
        wait_for(lambda: all(q in self.workspace.run("lpstat -e") for q in ("office-laser", "finisher", "hall")),
                 "the printers in the guest", 60)
        step("the printers are there")
        print(self.workspace.run("lpstat -l -e; lpstat -d"))

    def ctl(self, *words):
        return subprocess.run([BUILD / "platenctl", "--socket", self.host.control, *words], text=True,
                              capture_output=True).stdout

    def print(self, out):
        document = pdf(6, "Platen demo,")
        self.workspace.put("/tmp/report.pdf", document)
        command = "lp -d finisher " + " ".join(OPTIONS) + " -t 'Quarterly report' /tmp/report.pdf"
        step(f"in the guest: {command}")
        number = self.workspace.run(command).split("request id is ")[1].split()[0]
        wait_for(lambda: number in self.workspace.run("lpstat -W completed -o"), f"{number} to be completed", 90)
        step(f"the guest's spooler says that {number} is printed")
        wait_for(lambda: self.devices[1].received, "the document at the device", 60)
        delivered = out / "delivered.pdf"
        delivered.write_bytes(self.devices[1].received[0])
        subprocess.run(["pdftoppm", "-png", "-r", "60", "-f", "1", "-l", "1", "-singlefile", delivered, out / "first-page"],
                       check=True, capture_output=True)
        return delivered

    def show(self, out, delivered):
        print("\nWhat is offered, and why one is not:\n" + self.ctl("printers", "accounting"))
        print(self.ctl("explain", "my-usb", "accounting"))
        print("The job:\n" + self.ctl("jobs", "--all"))
        job = self.spooler.jobs()[-1]
        print("On the host's spooler:")
        for name in ("job-id", "job-name", "job-originating-user-name", "platen-guest-user", "copies", "number-up", "sides",
                     "StapleLocation", "document-format", "platen-job-uuid"):
            print(f"  {name:28} {job.get(name)}")
        print(f"\nDelivered:   {delivered} ({delivered.stat().st_size} bytes)\nFirst page:  {out / 'first-page.png'}")


def main():
    keep = "--keep" in sys.argv[1:]
    if keep:
        os.environ["PLATEN_KEEP"] = "1"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    lab = Lab()
    out = pathlib.Path(tempfile.mkdtemp(prefix="platen-demo-"))
    try:
        demo = Demo(lab)
        demo.spoolers()
        demo.guest()
        demo.show(out, demo.print(out))
        step("done")
        if keep:
            me = f"nsenter -t {os.getpid()} -m -n"
            print(f"\nLeft running until Ctrl-C. To look in:\n  host:   {me} env CUPS_SERVER={demo.spooler.socket} lpstat -t"
                  f"\n          {me} {BUILD}/platenctl --socket {demo.host.control} status"
                  f"\n  libvirt: {me} virsh -c {demo.libvirt.uri} list\n  logs:   {lab.dir}/*.log", flush=True)
            signal.pause()
    except KeyboardInterrupt:
        step("interrupted" if not keep else "closing")
        return 130
    except AssertionError as error:
        print(f"demo: {error}\n{lab.logs()[-6000:]}", file=sys.stderr)
        return 1
    finally:
        os.environ.pop("PLATEN_KEEP", None)
        lab.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
