# SPDX-License-Identifier: Apache-2.0
"""How a document gets out of a remote session with X2Go and with Xpra, for `run` to measure beside Platen.

Each has a spooler of its own for the guest, set up as its documentation says, and prints to the same stopped printer
of the same host's spooler. What runs is theirs, from Debian's packages; what cannot run without a second machine is
left out, always in their favour, and told here and in `missing`:

  X2go    cups-x2go's PPD and backend (which makes a PDF of the PostScript with Ghostscript) are theirs; of its command
          for Ghostscript one operator is left out that 10.00 does not have any more, for with it no job is printed at
          all. Two programs
          of x2goserver-printing and x2goserver ask a database for the sessions of a user first, and are written in
          Perl; here short scripts answer at once, and move the files in the same steps. The client's folder, in
          earnest mounted over sshfs through SSH, is one of this machine. The client's part is `lp`, begun as soon as
          the file is there: x2goclient 4.1.2.2 looks for it every 2 s (spoolTimer->start(2000), onmainwindow.cpp),
          python-x2go 0.6.1.3 every 3 s (gevent.sleep(3), printqueue.py), so half of that is to be added on the mean.
  Xpra    server, client, the queue that they make, and the backend xpraforwarder are theirs, whole. Between server
          and client is a unix socket, in earnest SSH or TCP. A server on its client's own machine makes no queues
          unless it is told to (XPRA_ADD_LOCAL_PRINTERS). As Debian 12 has it, 3.1.3, the server looks for a printer's
          name among names that are still bytes, sends the job to nobody, and its spooler hears that all went well; that
          line is mended in a copy, to measure at all. Its file-size-limit is 100 MB as it comes.
"""
import os
import pathlib
import pwd
import re
import shutil
import socket
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "integration"), str(HERE.parent / "lab")]
from harness import Spooler, pdf, wait_for  # noqa: E402
from lab import bind, own_namespace, unbind  # noqa: E402

SESSION = "root-50-1700000000_stDXFCE_dp24"


def picture(path, size):
    """A PDF of one page with a picture of so many bytes on it, which cannot be made smaller."""
    width = 3000
    height = max(1, size // (3 * width))
    block, page = os.urandom(3 * width), b"q 595 0 0 842 0 0 cm /I Do Q"
    objects = [b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Count 1 /Kids [3 0 R] >>",
               b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /XObject << /I 5 0 R >> >> >>",
               b"<< /Length %d >>\nstream\n%s\nendstream" % (len(page), page)]
    with open(path, "wb") as file:
        file.write(b"%PDF-1.4\n")
        offsets = []
        for number, body in enumerate(objects, 1):
            offsets.append(file.tell())
            file.write(b"%d 0 obj\n%s\nendobj\n" % (number, body))
        offsets.append(file.tell())
        file.write(b"5 0 obj\n<< /Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceRGB "
                   b"/BitsPerComponent 8 /Length %d >>\nstream\n" % (width, height, 3 * width * height))
        for row in range(height):
            turn = row * 7 % len(block)
            file.write(block[turn:] + block[:turn])
        file.write(b"\nendstream\nendobj\n")
        table = file.tell()
        file.write(b"xref\n0 6\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % at for at in offsets))
        file.write(b"trailer << /Size 6 /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % table)
    return path


class Other:
    """A path from a guest's spooler to the host's printer `shown`."""

    def __init__(self, lab, host):
        self.lab, self.host = lab, host
        self.dir = lab.dir / self.name
        self.dir.mkdir(mode=0o755)
        self.session_log = lab.dir / f"{self.name}-server.log"
        self.session_log.touch()

    @classmethod
    def is_here(cls):
        return all(path.exists() for path in cls.NEEDS)

    def go_on(self):
        """What the other side does when the document has come to it and nobody else does it."""


class X2go(Other):
    name, queue = "x2go", "x2go"
    NEEDS = (pathlib.Path("/usr/lib/cups/backend/cups-x2go"), pathlib.Path("/usr/share/ppd/cups-x2go/CUPS-X2GO.ppd"))
    missing = ("without the session's database, sshfs and SSH, and without the client's wait, on the mean 1 s with x2goclient, "
               "1.5 s with python-x2go")
    # user, session, file, title's file: what x2goprint does once it knows that the session's folder is mounted.
    PRINT = r"""#!/bin/sh -e
spool={dir}/spool tmp={dir}/session client={dir}/client
title=$(cat "$spool/$4")
rm "$spool/$4"
su "$1" -c "x2golistmounts $2" | grep -q "$client"
mv "$spool/$3" "$tmp/"
chown "$1" "$tmp/$3"
su "$1" -c "mv $tmp/$3 $client"
printf '%s\n%s' "$3" "$title" >"$tmp/$3.notready"
su "$1" -c "mv $tmp/$3.notready $client"
su "$1" -c "mv $client/$3.notready $client/$3.ready"
"""

    def __init__(self, lab, host):
        super().__init__(lab, host)
        for folder in ("spool", "session", "client", "bin"):
            (self.dir / folder).mkdir()
        own_namespace()  # what is put over the machine's is in the sight of this process and its children only
        self.lab.closers.append(unbind)
        bind(self.passwd(), "/etc/passwd")
        bind(self.config(), "/etc/cups/cups-x2go.conf")
        self.program("x2goprint", self.PRINT.replace("{dir}", str(self.dir)))
        self.program("x2golistsessions", f"#!/bin/sh\necho '1|{SESSION}|50|{socket.gethostname()}|R|then|cookie|127.0.0.1|1|2|now|root|3|4'\n")
        self.program("x2golistmounts", f"#!/bin/sh\necho '127.0.0.1|{self.dir}/client'\n")
        self.guest = Spooler(lab, "x2go-guest", env={"PATH": f"{self.dir}/bin:/usr/sbin:/usr/bin:/sbin:/bin"})
        self.guest.install(self.NEEDS[0], "backend/cups-x2go")
        (self.guest.dir / "bin/backend/cups-x2go").chmod(0o700)  # as root, which its package has it be
        self.guest.add_queue(self.queue, "cups-x2go:/", self.NEEDS[1])

    def passwd(self):
        """The backend looks for a user x2goprint. It gets one, with a folder of ours."""
        text = pathlib.Path("/etc/passwd").read_text()
        own = self.dir / "passwd"
        own.write_text("".join(line for line in text.splitlines(True) if not line.startswith("x2goprint:")) +
                       f"x2goprint:x:61990:65534::{self.dir}/spool:/bin/sh\n")
        return own

    def config(self):
        """The backend's own command for Ghostscript, without what that does not know any more."""
        command = re.search(r'(?m)^my \$ps2pdf = "(.*)";$', self.NEEDS[0].read_text())[1].replace('\\"', '"')
        own = self.dir / "conf"
        own.write_text(f"ps2pdf={command.replace(' -c .setpdfwrite', '')}\n")
        return own

    def program(self, name, text):
        path = self.dir / "bin" / name
        path.write_text(text)
        path.chmod(0o755)

    def go_on(self):
        for ready in (self.dir / "client").glob("*.ready"):
            name, title = ready.read_text().split("\n", 1)
            ready.unlink()
            self.lab.start("x2go-client", ["lp", "-d", "shown", "-t", title, self.dir / "client" / name],
                           env=dict(os.environ, CUPS_SERVER=str(self.host.socket)))


class Xpra(Other):
    name, queue = "xpra", "shown"
    NEEDS = tuple(map(pathlib.Path, ("/usr/bin/xpra", "/usr/lib/cups/backend/xpraforwarder", "/usr/bin/Xvfb", "/usr/bin/xauth",
                                     "/usr/share/doc/python3-cups")))
    missing = "with a unix socket in the place of SSH or TCP"
    BARE = ("--daemon=no", "--mdns=no", "--speaker=off", "--microphone=off", "--webcam=no", "--notifications=no", "--clipboard=no",
            "--system-tray=no", "--bell=no", "--opengl=no", "--pulseaudio=no", "--printing=yes")
    SERVER = ("--systemd-run=no", "--html=off", "--dbus-launch=no", "--dbus-control=no", "--dbus-proxy=no", "--start-new-commands=no")

    def __init__(self, lab, host):
        super().__init__(lab, host)
        self.guest = Spooler(lab, "xpra-guest")
        self.guest.install("/usr/lib/cups/backend/xpraforwarder", "backend/xpraforwarder")
        (self.guest.dir / "bin/backend/xpraforwarder").chmod(0o700)  # as root: its server's socket is the user's
        (self.dir / "run").mkdir(mode=0o700)
        free = (n for n in range(150, 400) if not any(map(os.path.exists, (f"/tmp/.X11-unix/X{n}", f"/tmp/.X{n}-lock"))))
        self.displays = [f":{next(free)}" for _ in range(2)]
        self.socket = self.dir / "run/socket"
        self.mend()
        screen = "Xvfb +extension Composite -screen 0 800x600x24+32 -nolisten tcp -noreset"
        lab.start("xpra-server", ["xpra", "start", self.displays[0], f"--bind={self.socket}", f"--socket-dir={self.dir}/run",
                                  f"--xvfb={screen} -auth $XAUTHORITY", *self.BARE, *self.SERVER], env=self.env(self.guest))
        lab.start("xpra-screen", [*screen.split()[:1], self.displays[1], *screen.split()[1:]])
        wait_for(self.socket.exists, "xpra's server", 60)
        lab.start("xpra-client", ["xpra", "attach", f"socket:{self.socket}", *self.BARE],
                  env=self.env(self.host, DISPLAY=self.displays[1], XPRA_SKIP_STOPPED_PRINTERS="0"))
        wait_for(lambda: self.queue in self.guest.queues(), "xpra to make its queues", 60)

    def mend(self):
        """A copy of its Python, of links but for the file in which the names of printers come from the client."""
        source = pathlib.Path("/usr/lib/python3/dist-packages/xpra")
        shutil.copytree(source, self.dir / "python/xpra", copy_function=os.symlink)
        place, line = "server/source/fileprint_mixin.py", "        #remove the printers no longer defined\n"
        text = (source / place).read_text()
        if line not in text:
            return  # another version
        (self.dir / "python/xpra" / place).unlink()
        (self.dir / "python/xpra" / place).write_text(
            text.replace(line, "        printers = dict((printer_name(k), v) for k, v in printers.items())\n" + line))

    def env(self, spooler, **more):
        return dict(os.environ, PYTHONPATH=str(self.dir / "python"), CUPS_SERVER=str(spooler.socket), HOME=str(self.dir), USER="root", XDG_RUNTIME_DIR=str(self.dir / "run"),
                    XPRA_ADD_LOCAL_PRINTERS="1", XPRA_PRINTER_PREFIX="", TMPDIR=str(self.dir), **more)


class Ear:
    """What is written to a log from now on; of what it has heard before it knows the last words only."""

    def __init__(self, path):
        self.file, self.text = open(path, errors="replace"), ""
        self.file.seek(0, os.SEEK_END)

    def hears(self, pattern):
        self.text = self.text[-400:] + self.file.read()
        return re.search(pattern, self.text)


def once(bench, other, document):
    """Seconds from lp to the document in the host's spooler; None when this path does not take it."""
    host, guest, session = (Ear(path) for path in (bench.spooler.dir / "log/access", other.guest.dir / "log/error", other.session_log))
    begun = time.monotonic()
    other.guest.run("lp", "-d", other.queue, document)
    took, why, end = None, None, begun + 600
    while not took and not why and time.monotonic() < end:
        if host.hears("POST /printers/shown .* Send-Document successful-ok"):
            took = time.monotonic() - begun
            break
        why = guest.hears(r"\[Job \d+\] .* (stopped with status|crashed on signal) .*") or session.hears(".*(too large|sent to 0 clients).*")
        if end == begun + 600 and guest.hears(r"\[Job \d+\] Job completed"):
            end = time.monotonic() + 90  # in which it comes, if it does
        other.go_on()
        time.sleep(0.0005)
    if not took:
        print(f"  {other.name} did not take {document.name}, {document.stat().st_size / 1e6:.1f} MB: {why[0] if why else 'it did not come'}")
    other.guest.run("cancel", "-a", "-x", check=False)
    other.guest.run("cupsenable", other.queue, check=False)
    bench.clear()
    return took


def measure(bench, kind):
    """A page of 20 KB, and one with a picture of 100 MB (--quick: 10), by this path and by ours in turns."""
    if not kind.is_here():
        print(f"  {kind.name} is left out, for its packages are not here: tests/install-packages bench")
        return
    other = kind(bench.lab, bench.spooler)
    page, size = bench.lab.dir / "page.pdf", (10 if bench.quick else 100) << 20
    page.write_bytes(pdf(1, pad=19300))
    large = picture(bench.lab.dir / "picture.pdf", size)
    for name, document, times in (("a page of 20 KB", page, 3 if bench.quick else 10),
                                  (f"a picture of {size >> 20} MB", large, 1 if bench.quick else 3)):
        ours, theirs = [], []
        for number in range(times + 1):
            took = once(bench, other, document)
            if took is None:
                break
            own = bench.once("shown", document, step=0.001)[0]
            bench.clear()
            if number:  # the first warms what is cold
                theirs.append(took)
                ours.append(own)
        if theirs:
            bench.row(f"{name}, against {kind.name}", ours, theirs, "s", "-")
    print(f"  {kind.name}: {kind.missing}")
