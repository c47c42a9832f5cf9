# SPDX-License-Identifier: Apache-2.0
"""Installed, used and purged: the stock host is as it was, file by file, with its users, units, queues and domains."""
import unittest

import lab as vm
import test_host
from harness import wait_for

TIMEOUT = 700
LAB_ONLY = "host shows it for what is Platen's; this one looks at everything else, for the price of another host"

# Every file, with kind, mode and owner; without what dpkg, cupsd, libvirt and the system write down about anything. An
# empty /etc/apparmor.d/disable any package with a profile takes away (dh_apparmor); the next one makes it again.
SNAPSHOT = r"""cat > /usr/local/sbin/snapshot <<'EOF'
{ find / -xdev -printf '%p %y %m %u:%g %l\n' | grep -vE "$(printf '%s|' '^/(proc|sys|dev|run|tmp|srv|root)(/| )' \
'^/var/(cache|log|tmp|backups|spool/cups)(/| )' '^/var/lib/(dpkg|apt|systemd|libvirt|logrotate)(/| )' \
'^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-? ' '^/etc/cups/(subscriptions|printers)\.conf' '^/etc/apparmor\.d/(libvirt/libvirt-|disable d)' '^/etc/ld\.so\.cache ')^$"
sort /etc/passwd /etc/group
virsh dumpxml --inactive bare | grep -v '<metadata/>' | sort
systemctl list-unit-files --no-legend | sort
lpstat -v; } | sort
EOF
chmod 755 /usr/local/sbin/snapshot; snapshot >/root/before"""


class PurgeTest(test_host.HostVm):
    def test_the_host_is_as_it_was(self):
        host = self.host
        host.run("echo 'FileDevice Yes' >> /etc/cups/cups-files.conf; systemctl restart cups; touch /var/spool/cups/out;"
                 "lpadmin -p laser -E -v file:///var/spool/cups/out -P /root/vendor.ppd", timeout=120)
        wait_for(lambda: host.run("virsh list", check=False)[0] == 0, "the host's libvirtd", 90)
        host.run("virsh define /root/bare.xml")
        host.run("mv /etc/platen /root/settings")  # which it was given for its first start
        host.run(SNAPSHOT, timeout=120)
        host.run("mv /root/settings /etc/platen; cd /srv; dpkg -i platen-host_*.deb platen-tools_*.deb", timeout=400)
        vm.say("installed")
        host.run("platenctl attach bare --virtio; virsh start bare", timeout=120)
        wait_for(lambda: "bare" in host.run("platenctl workspaces"), "the workspace to be known", 60)
        wait_for(lambda: "laser" in host.run("platenctl printers"), "the printer to be known", 60)
        host.run("virsh destroy bare; platenctl detach bare; dpkg -P platen-host platen-tools", timeout=200)
        self.assertEqual(host.run("snapshot | diff /root/before -", check=False)[1], "")
        vm.say("purged: the host is as it was")


if __name__ == "__main__":
    unittest.main()
