# SPDX-License-Identifier: Apache-2.0
"""add-queues.py SOCKET PPD COUNT: adds queues as plain libcups would, one request each with the PPD, over one
connection, and prints the seconds that it took."""
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "integration"))
import guestside  # noqa: E402


def main():
    path, ppd, count = sys.argv[1], pathlib.Path(sys.argv[2]).read_bytes(), int(sys.argv[3])
    worker = guestside.Worker(path)
    begun = time.monotonic()
    for i in range(count):
        worker.put(f"many{i}", ppd)
    print(f"{time.monotonic() - begun:.3f}")
    worker.close()


main()
