# SPDX-License-Identifier: Apache-2.0
"""What became of a document: the comparison of what was submitted with what the devices hold.

A device keeps each job's bytes in a file TITLE.HOST-JOB.PID: the host's job and the process that cupsd
started for it. So it can be told whether one job of the host's spooler was printed by two runs that
cupsd itself began, after it had been released once. That is what any cupsd does with a job that it was
printing when it was stopped (job.c: cupsdStopAllJobs() makes such jobs pending again), with Platen or
without, and nobody but cupsd could prevent it.
"""
import re

PENDING, HELD, PROCESSING, STOPPED, CANCELED, ABORTED, COMPLETED = range(3, 10)
VERDICTS = ("once", "asked", "lost", "doubled", "half", "respooled", "unfinished", "refused", "forgotten")
VIOLATIONS = ("lost", "doubled", "half", "unfinished")


def judge(data, copies, state):
    """The verdict on a document: `copies` is what the devices have of it, `state` that of the guest's job,
    None if the guest's spooler does not know it."""
    if any(c != data for c in copies):
        return "half"
    if len(copies) > 1:
        return "doubled"
    if state == HELD:
        return "asked"
    if state is not None and state < CANCELED:
        return "unfinished"
    return "once" if copies else "lost"


def runs_of_the_spooler(names, log):
    """Lines of the host's cupsd that show that it ran one job of its own once for each of these files, and that
    it was made and released once and restarted by nobody; an empty list if they do not. `log` begins with the
    point: numbers of jobs are given out again."""
    parts = [name.split(".")[1:] for name in names]
    if any(len(p) != 2 for p in parts) or len({job for job, _ in parts}) != 1 or len({pid for _, pid in parts}) != len(parts):
        return []
    job = parts[0][0]
    lines = [line for line in log.splitlines() if f"[Job {job}] " in line]
    started = [line for line in lines for _, pid in parts
               if re.search(rf"\] Started backend \S+ \(PID {pid}\)", line)]
    made = [line for line in lines if re.search(r"\] Queued on ", line)]
    released = [line for line in lines if re.search(r"\] (Released|Restarted) by ", line)]
    if (len(started) != len(parts) or len(made) > 1 or len(released) > 1
            or any("Restarted" in line for line in released)):
        return []
    return sorted(started + released)


def typed_anew(names, log):
    """Lines of the host's cupsd that show of each of these files that it printed the job after it had guessed the type of its
    document: one that is not in its cache, as after a loss of power, has lost the type that it came with. Else an empty list."""
    shown = []
    for job, pid in (name.split(".")[1:] for name in names):
        lines = [line for line in log.splitlines() if f"[Job {job}] " in line]
        guessed = [n for n, line in enumerate(lines) if "Auto-typing document file" in line]
        started = [n for n, line in enumerate(lines) if re.search(rf"\] Started backend \S+ \(PID {pid}\)", line)]
        if not guessed or not started or started[0] < guessed[0]:
            return []
        shown += [lines[guessed[0]], lines[started[0]]]
    return shown


def typed_anew_in_the_guest(number, log):
    """The same of the guest's cupsd: it handed this job over as what it took its document for, not as what it was told."""
    lines = [line for line in log.splitlines() if f"[Job {number}] " in line]
    guessed = [n for n, line in enumerate(lines) if "Auto-typing document file" in line]
    started = [n for n, line in enumerate(lines) if "] Started backend " in line and guessed and n > guessed[0]]
    types = [line for line in lines if re.search(r'envp\[\d+\]="CONTENT_TYPE=', line)]
    if not started or not types or "application/vnd.cups-raw" in types[-1]:
        return []
    return [lines[guessed[0]], types[-1], lines[started[-1]]]


def story(names, log):
    """What the host's cupsd says of the jobs that these files are of, its options left out."""
    jobs = {name.split(".")[1] for name in names}
    return [line[:200] for line in log.splitlines() if any(f"[Job {job}] " in line for job in jobs) and " argv[" not in line
            and " envp[" not in line]


def closing_line(tally):
    return (f"submitted {tally['submitted']}, printed exactly once {tally['once']}, lost {tally['lost']}, "
            f"doubled {tally['doubled']}, half {tally['half']}, asked {tally['asked']}")
