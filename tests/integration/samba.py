# SPDX-License-Identifier: Apache-2.0
"""A private Samba print server with a [print$] share: it stands in for a Windows-type one."""
import os
import pathlib
import signal
import subprocess

from harness import free_port, wait_for
from patience import patience

USER, PASSWORD = "root", "Ge heim%1;"  # a user of the machine, with a password of Samba's own


def members(group):
    """The processes of a process group that have not ended."""
    found = []
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, its_group = stat.read_text().rsplit(")", 1)[1].split()[:3]
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(its_group) == group and state != "Z":
            found.append(int(stat.parent.name))
    return found


class PrintServer:
    """smbd on a loopback port. Printers are given by name; what they print comes to `printed`."""

    def __init__(self, lab, *printers, guests=False):
        self.lab, self.dir, self.port = lab, lab.dir / "samba", free_port()
        self.share, self.printed, var = self.dir / "print$", self.dir / "printed", self.dir / "var"
        for folder in (self.share / "x64", self.share / "WIN40", self.printed, self.dir / "spool", var):
            folder.mkdir(parents=True)
        folders = "".join(f"{name} = {var}\n" for name in ("private dir", "state directory", "lock directory",
                                                           "cache directory", "pid directory", "binddns dir"))
        self.config = self.dir / "smb.conf"
        self.config.write_text(f"""[global]
workgroup = TEST
netbios name = PRINTSRV
interfaces = lo
bind interfaces only = yes
smb ports = {self.port}
disable netbios = yes
passdb backend = tdbsam:{var}/passdb.tdb
{folders}ncalrpc dir = {var}/ncalrpc
usershare path =
log file = {var}/log.%m
load printers = no
printing = bsd
printcap name = /dev/null
print command = mv %s {self.printed}/
lpq command = /bin/true
lprm command = /bin/true
map to guest = {"bad user" if guests else "never"}

[print$]
path = {self.share}
read only = no
write list = {USER}
guest ok = {"yes" if guests else "no"}
""" + "".join(f"\n[{name}]\npath = {self.dir}/spool\nprintable = yes\n" for name in printers))
        subprocess.run(["smbpasswd", "-c", self.config, "-a", "-s", USER], input=f"{PASSWORD}\n{PASSWORD}\n", text=True,
                       check=True, capture_output=True)
        self.process = lab.start("smbd", ["smbd", "-s", self.config, "-F", "--debug-stdout"])
        lab.closers.append(self.stop)
        self.credentials = self.dir / "credentials"
        self.credentials.write_text(f"{USER}:{PASSWORD}\n")
        self.credentials.chmod(0o600)
        self.login = self.dir / "login"
        self.login.write_text(f"username = {USER}\npassword = {PASSWORD}\n")
        wait_for(lambda: self.rpc("srvinfo", check=False).returncode == 0, "smbd")

    def stop(self):
        """smbd leads a session of its own; its helpers lead another, which only their pid file names."""
        self.lab.stop(self.process)
        helper = self.dir / "var/samba-dcerpcd.pid"
        if not helper.exists() or not helper.read_text().strip():
            return
        group = int(helper.read_text())
        try:
            if b"samba-dcerpcd" not in pathlib.Path(f"/proc/{group}/cmdline").read_bytes():
                return
            os.killpg(group, signal.SIGTERM)
            wait_for(lambda: not members(group), "samba's helpers to end", 5)
        except AssertionError:
            os.killpg(group, signal.SIGKILL)
        except (FileNotFoundError, ProcessLookupError):
            pass

    def rpc(self, command, check=True):
        return subprocess.run(["rpcclient", "-s", "/dev/null", "-d", "0", "-p", str(self.port), "-A", self.login,
                               "127.0.0.1", "-c", command], check=check, text=True, capture_output=True, timeout=30 * patience())

    def add_driver(self, printer, name, files, data, system="Windows x64", folder="x64"):
        """Installs a driver whose files are {name: bytes}, `data` the one that Windows calls its data file."""
        library = next(n for n in files if n.endswith(".DLL"))
        for file, content in files.items():
            (self.share / folder / file).write_bytes(content)
        rest = ",".join(n for n in files if n not in (library, data)) or "NULL"
        self.rpc(f'adddriver "{system}" "{name}:{library}:{data}:{library}:NULL:NULL:RAW:{rest}" 3')
        self.rpc(f'setdriver {printer} "{name}"')
