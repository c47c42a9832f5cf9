# SPDX-License-Identifier: Apache-2.0
"""The README's first minutes, typed as they stand there: a stock host, a stock guest, the packages, the first page."""
import re
import time
import unittest

from lab import SOURCE, say, wait_for
from stock import StockTest

TIMEOUT = 500
LAB_ONLY = "a host and a workspace of its own, two minutes; host and units type nearly the same"
SUDO = "#!/bin/sh\nexec \"$@\"\n"  # whoever types is root here


def recipe():
    """(where, command) in the README's order, from "The first page" on. Where is what the paragraph before it begins with."""
    text = (SOURCE / "README.md").read_text().split("\n## Install\n")[1].split("\n## ")[0].split("**The first page.**")[1]
    where, found = None, []
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("    "):
            found += [(where, re.sub(r"\s+#.*", "", line.strip())) for line in paragraph.splitlines()]
        else:
            sentence = re.split(r"(?<=\.) ", " ".join(paragraph.split()))[-1]  # the one that leads to the commands
            where = "host" if sentence.startswith("On the host") else "guest" if sentence.startswith("In the workspace") else None
    return found


class ReadmeTest(StockTest):
    def test_the_first_page(self):
        commands = recipe()
        self.assertTrue(commands and len(commands) <= 5, commands)
        self.assertEqual({where for where, _ in commands}, {"host", "guest"})
        # What it takes for granted: a printer, a domain, the packages where one types.
        self.add_printer()
        guest_deb, = self.debs.glob("platen-guest_*.deb")
        guest = self.boot_guest({f"root/{guest_deb.name}": guest_deb, "usr/bin/sudo": SUDO})
        guest.run("chmod 755 /usr/bin/sudo")
        sudo = self.host.root / "usr/bin/sudo"
        sudo.write_text(SUDO)
        sudo.chmod(0o755)
        for deb in self.debs.glob("platen-*_*.deb"):
            (self.host.root / "root" / deb.name).write_bytes(deb.read_bytes())
        begin = time.monotonic()
        for where, command in commands:
            say(f"{where}: {command}")
            if re.search(r"(^|\| )lp ", command):
                # A person's own pace: the printer is there a second or two later.
                wait_for(lambda: "laser" in guest.run("lpstat -e", check=False)[1], "the printer in the workspace", 30)
            run = self.host.out if where == "host" else guest.run
            out = run(f"cd /root; {command}", timeout=180)
        say(f"all of them took {time.monotonic() - begin:.0f} s")
        self.assertIn("no faults", out)  # doctor was the last
        wait_for(lambda: self.device.received, "the page at the device", 60)
        wait_for(lambda: guest.run("lpstat -o").strip() == "", "the job to end in the workspace", 60)
        self.assertEqual(len(self.device.received), 1)


if __name__ == "__main__":
    unittest.main()
