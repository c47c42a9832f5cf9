# SPDX-License-Identifier: Apache-2.0
"""How long anything may take: on a quiet machine so long, on others more."""
import os


def patience():
    """How much longer than on a quiet machine: by who else wants its processors, and by valgrind."""
    slow = 4 if os.environ.get("PLATEN_VALGRIND") else 1
    return slow * min(6.0, max(1.0, 2 * os.getloadavg()[0] / (os.cpu_count() or 1)))
