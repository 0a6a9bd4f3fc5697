#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills envm at its system calls, or lets them or its allocations fail, one after the other, and
checks what is left.

    sweep.py [OPTION...] ENVM INJECTOR

    --mode kill|error|double|interrupt|alloc
                               SIGKILL (default); an error returned; killed, and killed again in the
                               recovery or in the same command run again; SIGINT; an allocation
                               fails, or all from one on
    --scenario NAME[,NAME]     default: all of the mode
    --seconds N                stop after about N seconds, with points spread evenly (default 50)
    --sample N                 N points, spread evenly
    --all                      every point: the whole campaign
    --errors A,B               error names (default: all ten)
    --once                     `alloc`: one allocation fails, never all from one on (the sanitizers'
                               own do not survive that)
    --preload LIBRARY          the library of tests/support/inject_alloc.c, for `alloc`
    --jobs N                   worlds in parallel (default: the CPUs)
    --seed N                   which points, when not all

INJECTOR is the program of tests/support/inject_syscall.c.

A point is the n-th system call that changes files (with `error`: or reads them; with `alloc`: the
n-th allocation), counted over the whole process tree, of one command in a small world. After each:
the environment is the old one, or the new one, or a committed journal waits and `recover` makes it
the new one; the cache shows no package that is not whole; nothing outside was touched; the same
command run again completes; nothing is left over. The last line says how many points there were,
how many fired, and how many violations were found.
"""

import argparse
import concurrent.futures
import errno
import os
import random
import subprocess
import sys
import threading
import time

from scenarios import SCENARIOS, check, count_calls, judge
from world import World

ERRORS = ("ENOSPC", "EIO", "EACCES", "EDQUOT", "EMFILE", "EROFS", "EINTR", "EXDEV", "EMLINK", "ENOSYS")
# Short of memory it says so, or the solver does; or it could do without that allocation.
ENDS_WITHOUT_MEMORY = (0, 8, 13)


def inject(scenario, world, point, args):
    """Runs the command with the fault: exit status, stderr, what fired or None, violations."""
    number, error, _ = point
    if args.mode == "alloc":
        code, errors, seen = world.run_short_of_memory(*scenario.command(),
                                                       plan=f"{number}{error or ''}")
        # The C library's loader has no way to say that it could not load a library: it ends the program.
        if code == 127 and errors.endswith(b"out of memory\n"):
            code = None
        wrong = [] if code is None or code in ENDS_WITHOUT_MEMORY else [f"exit status {code} at {seen['stack'][:12]}"]
        return code, errors, tuple(seen["stack"]) if seen["fired"] else None, wrong, False
    options = ("-e", f"{number}={getattr(errno, error)}") if error else ("-k", str(number))
    if args.reads:
        options = ("-r", *options)
    if args.mode == "interrupt":
        options = ("-s", "2", *options)
    code, errors, seen = world.run(*scenario.command(), inject=options)
    fired = tuple(seen["fired"]) if "fired" in seen else None
    wrong = []
    if args.mode == "interrupt":
        if check.is_pending(world.prefix):
            wrong.append("stopped behind its commit")
        if code not in (0, 130):
            wrong.append(f"exit status {code}")
        wrong += check.check_residue(world.prefix)
    elif fired and not error and seen["status"] != ["killed", "9"]:
        wrong.append(f"the signal fired, but the program ended with {seen['status']}")
    return code, errors, fired, wrong, is_of_script(seen, world)


def is_of_script(seen, world):
    """Did the call fail in a program that a link script runs, and not in envm?"""
    return " ".join(seen.get("program", [])) not in ("", os.path.realpath(world.envm))


def judge_script(scenario, world):
    """A shell that meets an error where it reads its script may take that for the end of it: then the
    script has done less than it should, and nobody can know. All else has to hold."""
    wrong = check.check_residue(world.prefix, world.path("home"), world.path("tmp"))
    code, errors, _ = world.run("verify", "-q", "-p", world.prefix)
    if code != 0:
        wrong.append(f"verify: {code} {errors.decode(errors='replace')}")
    if check.tree_of(world.path("outside")) != world.outside:
        wrong.append("something outside was touched")
    return wrong


def run_point(scenario, world, point, args):
    """(what fired or None, violations) of one point: (number, error or None, second kill)."""
    number, _, second = point
    scenario.prepare()
    code, errors, fired, wrong, of_script = inject(scenario, world, point, args)
    if of_script and args.mode == "error" and code == 0:
        return fired, wrong + judge_script(scenario, world)
    if code is not None:
        wrong += check.check_output(code, errors)
        success = world.states[scenario.goal]
        if code == 0 and not check.is_pending(world.prefix) and scenario.state() != success:
            wrong.append("it claims success: "
                         f"{check.differences(success, scenario.state())}")
    if second:
        # In the recovery of a change that was committed, else in the same command run again.
        words = (("recover", "-p", world.prefix), second % 60 + 1) if check.is_pending(
            world.prefix) else (scenario.command(), second)
        _, _, again = world.run(*words[0], inject=("-k", str(words[1])))
        if fired and "fired" in again:
            fired = (*fired, "then", *again["fired"])
    wrong += judge(scenario, world, number % 10 == 0)
    return fired, [f"{text} [{errors.decode(errors='replace').strip()[:300]}]" for text in wrong]


def points_of(total, args, choice):
    numbers = range(1, total + 1)
    if args.mode == "double":
        return [(number, None, choice.randint(1, total)) for number in numbers]
    kinds = {"error": args.errors, "alloc": (None,) if args.once else (None, "+")}.get(args.mode, (None,))
    return [(number, kind, 0) for number in numbers for kind in kinds]


LEAST_POINTS = 40


class Sweep:
    def __init__(self, args):
        self.args = args
        self.local = threading.local()
        self.worlds = []
        self.lock = threading.Lock()
        self.done = self.fired = self.twice = self.violations = 0
        self.distinct = set()
        self.seconds = None if args.all or args.sample else args.seconds
        self.deadline = None

    def is_over(self):
        """The clock starts when the worlds stand, and a slow machine runs some points, too."""
        if self.seconds is None:
            return False
        with self.lock:
            self.deadline = self.deadline or time.monotonic() + self.seconds
            return time.monotonic() > self.deadline and self.done >= LEAST_POINTS

    def scenario(self, name):
        """Every thread has a world of its own."""
        if not hasattr(self.local, "world"):
            self.local.world = World(self.args.base, self.args.envm, self.args.injector,
                                     self.args.preload)
            with self.lock:
                self.worlds.append(self.local.world)
        return SCENARIOS[name](self.local.world)

    def count(self, name):
        if self.args.mode == "alloc":
            scenario = self.scenario(name)
            scenario.prepare()
            return scenario.world.run_short_of_memory(*scenario.command(), plan="0")[2]["total"]
        return count_calls(self.scenario(name), ("-r",) if self.args.reads else ())

    def run(self, name, point):
        if self.is_over():
            return
        scenario = self.scenario(name)
        try:
            fired, wrong = run_point(scenario, scenario.world, point, self.args)
        except Exception as failure:  # one bad point must not hide the others
            fired, wrong = None, [f"{type(failure).__name__}: {failure}"]
        with self.lock:
            self.done += 1
            self.fired += fired is not None
            self.twice += "then" in (fired or ())
            if fired:
                self.distinct.add((name, *fired))
            self.violations += bool(wrong)
            for text in wrong[:5]:
                print(f"{name} point {point} {fired}: {text}", flush=True)

    def result(self, asked):
        what = "call stacks" if self.args.mode == "alloc" else "(system call, index)"
        twice = f"{self.twice} twice, " if self.args.mode == "double" else ""
        print(f"{self.args.mode}: {asked} points, {self.done} run, {self.fired} fired, {twice}"
              f"{len(self.distinct)} distinct {what}, {self.violations} violations")
        return 1 if self.violations or self.fired == 0 else 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("envm")
    parser.add_argument("injector")
    parser.add_argument("--mode", default="kill",
                        choices=("kill", "error", "double", "interrupt", "alloc"))
    parser.add_argument("--scenario")
    parser.add_argument("--seconds", type=float, default=50)
    parser.add_argument("--sample", type=int, default=0)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--errors", default=",".join(ERRORS))
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--preload", type=os.path.abspath)
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("ENVM_SEED", time.time())))
    args = parser.parse_args()
    args.envm, args.injector = os.path.abspath(args.envm), os.path.abspath(args.injector)
    args.errors = args.errors.split(",")
    args.reads = args.mode == "error"
    args.base = os.environ.get("TMPDIR") or ("/dev/shm" if os.path.isdir("/dev/shm") else "/tmp")
    names = list(SCENARIOS)
    if args.mode == "interrupt":
        names.remove("recover")  # has nothing to stop before
    args.scenarios = args.scenario.split(",") if args.scenario else names
    return args


def main():
    args = parse()
    print(f"ENVM_SEED={args.seed}", flush=True)
    choice = random.Random(args.seed)
    if args.mode != "alloc" and subprocess.run(
            [args.injector, "-o", os.devnull, "true"], check=False).returncode == 77:
        print("this machine does not allow tracing: skipped")
        return 77
    sweep = Sweep(args)
    try:
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            points = []
            for name in args.scenarios:
                total = pool.submit(sweep.count, name).result()
                print(f"{name}: {total} calls", flush=True)
                points += [(name, point) for point in points_of(total, args, choice)]
            if not args.all:
                choice.shuffle(points)
            if args.sample:
                del points[args.sample:]
            for future in [pool.submit(sweep.run, *point) for point in points]:
                future.result()
        return sweep.result(len(points))
    finally:
        for world in sweep.worlds:
            world.drop()


if __name__ == "__main__":
    sys.exit(main())
