# SPDX-License-Identifier: Apache-2.0
"""AppArmor as the packages bring it: what it refuses is a line of doctor with what to do, and done, it is green, also where
libvirt's own refuses vsock; drivers of a Windows-type print server, by hand and kept ones go through all of the sandboxes.

The host is a VM with a Samba of its own: profiles want a kernel that has them.
"""
import json
import unittest

import lab as vm
from harness import VENDOR_PPD, wait_for
from test_host import HOST_PACKAGES, HostVm, confined

TIMEOUT = 600
LAB_ONLY = "a host as a VM with a Samba: minutes; host shows that what runs is confined"
PASSWORD = "Ge heim%1;"
SMB_CONF = """[global]
workgroup = TEST
server role = standalone server
disable netbios = yes
printing = bsd
printcap name = /dev/null
load printers = no
print command = /bin/true
lpq command = /bin/true
lprm command = /bin/true
[print$]
path = /var/lib/samba/printers
read only = no
write list = root
[laser]
path = /var/spool/samba
printable = yes
"""
SERVER = f"""[server 127.0.0.1]
credentials = /srv/print.secret
"""
DRIVER = r"""set -e
printf '%s\n%s\n' 'PASSWORD' 'PASSWORD' | smbpasswd -a -s root
printf 'username = root\npassword = %s\n' 'PASSWORD' >/root/login
systemctl restart smbd
mkdir -p /var/lib/samba/printers/x64 /var/spool/samba
chmod 1777 /var/spool/samba
cd /var/lib/samba/printers/x64
(printf MZ; head -c 4096 /dev/zero) >PSCRIPT5.DLL
sed 's/$/\r/' </root/vendor.ppd >LASER.PPD
echo fonts >PSCRIPT.NTF
# Its helpers start with the first question, which a slow machine gives up before they have.
rpc() { for try in $(seq 30); do rpcclient -d 0 -A /root/login 127.0.0.1 -c "$1" && return; sleep 1; done; return 1; }
rpc 'adddriver "Windows x64" "Laser 100 PS:PSCRIPT5.DLL:LASER.PPD:PSCRIPT5.DLL:NULL:NULL:RAW:PSCRIPT.NTF" 3'
rpc 'setdriver laser "Laser 100 PS"'
""".replace("PASSWORD", PASSWORD)


class ConfinedTest(HostVm):
    IMAGE = (HOST_PACKAGES + ",samba,samba-common-bin,smbclient", "confined")

    def more_files(self):
        own = self.lab.dir / "own.ppd"
        own.write_bytes(VENDOR_PPD.replace("{model}", "By Hand 7").encode("latin-1"))
        return {"etc/samba/smb.conf": SMB_CONF, "etc/platen/policy.d/server.conf": SERVER, "srv/own.ppd": own}

    def checks(self):
        code, out = self.host.run("platenctl --json doctor", check=False)
        found = json.loads(out)
        return code, found["checks"] if isinstance(found, dict) else found

    def refused(self):
        return [c for c in self.checks()[1] if c["link"] == "confinement"]

    def printers(self):
        return {line.split()[0]: line for line in self.host.run("platenctl printers").splitlines() if line.strip()}

    def test_a_denial_and_what_to_do_then_every_way_of_a_driver(self):
        host = self.host
        host.run(DRIVER, timeout=200)
        vm.say("the print server has its driver")
        host.run(f"umask 077; echo 'root:{PASSWORD}' >/srv/print.secret")
        host.run("modprobe vhost_vsock; cd /srv; dpkg -i platen-host_*.deb platen-tools_*.deb", timeout=400)
        host.run("lpadmin -p shared -E -v smb://127.0.0.1/laser; lpadmin -p byhand -E -v ipp://127.0.0.1:9/ipp/print", timeout=90)
        # The mistake: a file of the site's own, where the profile does not look.
        wait_for(self.refused, "doctor to tell of the denial", 60)
        line, = self.refused()
        self.assertEqual(line["state"], "fault")
        self.assertIn("AppArmor refused platend: open /srv/print.secret", line["text"])
        self.assertIn("/etc/apparmor.d/local/platen", line["fix"])
        self.assertNotEqual(self.checks()[0], 0)
        vm.say(f"doctor: {line['text']}")
        # What the line says.
        host.run("sleep 6; echo '/srv/print.secret r,' >/etc/apparmor.d/local/platen; systemctl reload apparmor; systemctl restart platend",
                 timeout=120)
        wait_for(lambda: "server" in self.printers().get("shared", ""), "the driver of the Windows-type server", 90)
        self.assertEqual(self.refused(), [])
        vm.say("a rule of the site's own: the driver of the Windows-type print server is there")
        # By hand, then by what platend itself starts for it.
        host.run("platenctl driver add /srv/own.ppd --printer byhand")
        wait_for(lambda: "By Hand 7" in host.run("platenctl driver show byhand"), "the driver added by hand", 30)
        host.run("platenctl driver refresh shared", timeout=90)
        host.run("platenctl driver remove --printer byhand")
        confined(self, host, "platen-spool", "platen-virt", but='name="/srv/print.secret"')
        self.vsock_refused()

    def later(self):
        return [c for c in self.checks()[1] if c["link"] == "vsock"]

    def vsock_refused(self):
        """libvirt's profile of a domain lets it have no vsock that comes while it runs, until an admin allows that."""
        host = self.host
        wait_for(lambda: host.run("virsh list", check=False)[0] == 0, "the host's libvirtd", 90)
        host.run("virsh define /root/bare.xml; virsh start bare", timeout=120)
        self.assertRegex(host.run("platenctl attach bare --vsock", timeout=120), "cannot do it live .*: shut the workspace down and start it")
        line, = self.later()
        self.assertEqual((line["workspace"], line["state"]), ("bare", "fault"))
        self.assertIn("AppArmor", line["text"])
        self.assertIn("`/dev/vhost-vsock rw,` was put into /etc/apparmor.d/local/abstractions/libvirt-qemu", line["fix"])
        vm.say(f"doctor: {line['text']}")
        # What the line says: its next start, and what is attached to one that was started after the rule. It has no system
        # that shuts down.
        host.run("echo '/dev/vhost-vsock rw,' >>/etc/apparmor.d/local/abstractions/libvirt-qemu; virsh destroy bare; virsh start bare", timeout=120)
        wait_for(lambda: self.later() == [], "doctor to be content with vsock", 30)
        self.assertIn("<vsock", host.run("virsh dumpxml bare"))
        host.run("virsh destroy bare; platenctl detach bare; virsh start bare", timeout=120)
        self.assertIn("in force now", host.run("platenctl attach bare --vsock", timeout=120))
        self.assertEqual(self.later(), [])
        host.run("virsh destroy bare; platenctl detach bare")
        vm.say("the next start has it, and with the admin's line a running domain gets it at once")


if __name__ == "__main__":
    unittest.main()
