# SPDX-License-Identifier: Apache-2.0
"""A long run in parts, several at once: each part is a process with a network and mounts of its own, which ends
with its world, so that neither memory nor disk grows with the run. A part writes each point's result into the
file of results as a line of JSON; whoever runs the same again goes on behind what is there.
"""
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

BLOCK = 50  # points in one part
OWN_NETWORK = ("unshare", "--net", "--", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
SAY = 60  # seconds from one line about the progress to the next


class Results:
    """The lines of the file; `done` are the seeds that are in it."""

    def __init__(self, run, path, seeds):
        self.run, self.path, self.seeds, self.at, self.done = run, pathlib.Path(path), seeds, 0, set()
        self.path.touch()
        self.read()

    def read(self):
        with open(self.path, "rb") as f:
            f.seek(self.at)
            for line in f:
                if not line.endswith(b"\n"):
                    break  # it is being written
                self.at += len(line)
                result = json.loads(line)
                if result["seed"] in self.seeds and result["seed"] not in self.done:
                    self.done.add(result["seed"])
                    self.run.add(result)


def blocks(seeds, size):
    """Neighbours of at most `size`, as (first, how many)."""
    found = []
    for seed in seeds:
        if found and sum(found[-1]) == seed and found[-1][1] < size:
            found[-1] = (found[-1][0], found[-1][1] + 1)
        else:
            found.append((seed, 1))
    return found


def start(args, path, end, first, count):
    command = [*OWN_NETWORK, sys.executable, str(pathlib.Path(__file__).with_name("run")), "--seed", str(first),
               "--points", str(count), "--part", str(path), "--seconds", str(max(0, end - time.monotonic()))]
    return subprocess.Popen(command + (["--only", args.only] if args.only else []))


def run(total, args, end):
    """Runs what is not in the results yet, and adds everything to `total`."""
    with tempfile.TemporaryDirectory(prefix="platen-crash-") as folder:
        path = args.results or folder + "/results"
        seeds = range(args.seed, args.seed + args.points)
        results = Results(total, path, seeds)
        if results.done:
            print(f"{len(results.done)} points are in {path} already", flush=True)
        size = min(BLOCK, -(-args.points // args.jobs))
        waiting, parts = blocks([s for s in seeds if s not in results.done], size), []
        begun, before, said = time.monotonic(), len(results.done), time.monotonic()
        try:
            while (waiting and time.monotonic() < end) or parts:
                while waiting and len(parts) < args.jobs and time.monotonic() < end:
                    parts.append(start(args, path, end, *waiting.pop(0)))
                time.sleep(0.5)  # a point takes seconds
                parts = [p for p in parts if p.poll() is None]
                results.read()
                if time.monotonic() > said + SAY:
                    said = time.monotonic()
                    tell(total, len(results.done), len(seeds), (len(results.done) - before) / (said - begun))
        finally:
            for part in parts:
                part.send_signal(signal.SIGTERM)
            for part in parts:
                part.wait()
            results.read()
    missing = len(seeds) - len(results.done)
    if missing:
        print(f"VIOLATION: {missing} points were not reached")
        total.bad += 1


def tell(total, done, points, speed):
    left = f", {(points - done) / speed / 60:.0f} minutes to go" if speed else ""
    print(f"-- {done} of {points} points, {total.bad} with a violation, {speed * 60:.1f} a minute{left}", flush=True)
