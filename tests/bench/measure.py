#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs programs and tells what the system says of each run: wall, CPU time, peak memory.

The programs are started by a small process of its own (this file as a program): the system counts the memory of whoever
starts a program as that program's, until it is loaded.
"""

import dataclasses
import json
import os
import statistics
import subprocess
import sys
import time


@dataclasses.dataclass
class Run:
    """One finished run. `cpu` is user and system time with all children; `peak` is the largest single process in KiB,
    pages of mapped files included, never less than the 10 MiB of the starter."""

    wall: float
    cpu: float
    peak: int


class Failed(Exception):
    pass


class Starter:
    """`realtime`: programs run before all others of the machine, if the system allows it: for machines that are shared."""

    def __init__(self, realtime=False):
        self.process = subprocess.Popen([sys.executable, "-S", os.path.abspath(__file__)] + ["realtime"] * realtime,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def run(self, argv, env, log, allow=(0,)):
        self.process.stdin.write(json.dumps([argv, env, log]) + "\n")
        self.process.stdin.flush()
        code, *figures = json.loads(self.process.stdout.readline())
        if code not in allow:
            with open(log, encoding="utf-8", errors="replace") as output:
                raise Failed(f"{' '.join(argv)}: exit {code}: {output.read()[-2000:]}")
        return Run(*figures)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def _serve(realtime):
    if realtime:  # what it starts inherits it
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(10))
    for line in sys.stdin:
        argv, env, log = json.loads(line)
        with open(log, "wb") as output, open(os.devnull, "rb") as nothing:
            started = time.perf_counter()
            process = subprocess.Popen(argv, env=env, stdin=nothing, stdout=output, stderr=output)
            _, status, usage = os.wait4(process.pid, 0)
            wall = time.perf_counter() - started
            process.returncode = os.waitstatus_to_exitcode(status)
        print(json.dumps([process.returncode, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss]), flush=True)


def interleave(count, *works):
    """Runs each work `count` times, in turn, after one turn that is not counted; returns a list of runs for each. What
    they are compared by is the median of the ratios within a turn: so a machine that changes its speed does not count."""
    found = [[] for _ in works]
    for turn in range(count + 1):
        for runs, work in zip(found, works):
            result = work()
            if turn > 0:
                runs.append(result)
    return found


def median(runs, field="wall"):
    return statistics.median(getattr(run, field) for run in runs)


def ratio(runs, others, field="wall"):
    return statistics.median(getattr(a, field) / max(getattr(b, field), 1e-9) for a, b in zip(runs, others))


if __name__ == "__main__":
    _serve("realtime" in sys.argv[1:])
