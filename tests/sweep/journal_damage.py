#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Damages the journal of a committed change, and looks what the commands make of it.

    journal_damage.py [--points N] [--seed S] ENVM INJECTOR

A sync is killed at points between its commit and its end. In the journal that is left one bit is
flipped, or it is cut off, at a byte. `recover`, `install` and `verify` have to name it (exit 10) and
change nothing; `repair` has to make it again from what lies around it and to complete the change.
Every third point `repair` is killed, too, and run again. A journal that was not committed yet is of
no consequence.
"""

import argparse
import glob
import os
import random
import subprocess
import sys
import time

from scenarios import Sync, check, count_calls, judge
from world import World


def journal_of(world):
    return glob.glob(os.path.join(world.prefix, ".envm", "txn", "*", "journal*"))[0]


def stages(scenario, world):
    """Copies of the environment at every system call between the commit and its end."""
    found = []
    for point in range(count_calls(scenario, ()), 0, -1):
        scenario.prepare()
        world.run(*scenario.command(), inject=("-k", str(point)))
        pending = check.is_pending(world.prefix)
        if pending:
            found.append(f"stage-{point}")
            world.keep(world.prefix, found[-1])
        elif found:
            world.keep(world.prefix, "draft")
            return found
    return found


def damage(path, choice):
    """Flips a bit or cuts the file off; says what was done."""
    with open(path, "rb") as file:
        content = bytearray(file.read())
    at = choice.randrange(len(content))
    if choice.random() < 0.3:
        del content[at:]
        what = f"cut off at {at}"
    else:
        content[at] ^= 1 << choice.randrange(8)
        what = f"bit of byte {at}"
    with open(path, "wb") as file:
        file.write(content)
    return what


def is_named(world, command, expected=10):
    before = check.tree_of(world.prefix)
    code, errors, _ = world.run(*command)
    wrong = check.check_output(code, errors)
    if code != expected:
        wrong.append(f"{command[0]}: exit status {code}: {errors.decode(errors='replace')}")
    if b"journal" not in errors:
        wrong.append(f"{command[0]} does not name the journal: {errors.decode(errors='replace')}")
    if {k: v for k, v in check.tree_of(world.prefix).items() if not k.endswith(".envm/lock")} != {
            k: v for k, v in before.items() if not k.endswith(".envm/lock")}:
        wrong.append(f"{command[0]} has changed something")
    return wrong


def one(scenario, world, stage, choice, killed):
    world.restore("env", stage)
    world.restore("cache", "cache")
    path = journal_of(world)
    what = damage(path, choice)
    wrong = []
    for command in (("recover", "-p", world.prefix), ("install", "-p", world.prefix, "coming"),
                    ("remove", "-p", world.prefix, "tool")):
        wrong += is_named(world, command)
    code, errors, _ = world.run("verify", "-p", world.prefix)
    if code != 10:
        wrong.append(f"verify: exit status {code}: {errors.decode(errors='replace')}")
    if killed:
        world.run("repair", "-p", world.prefix, inject=("-k", str(choice.randint(1, 120))))
    code, errors, _ = world.run("repair", "-p", world.prefix)
    if code != 0:
        wrong.append(f"repair: exit status {code}: {errors.decode(errors='replace')}")
    return what, wrong + judge(scenario, world, True)


def one_draft(scenario, world, choice):
    world.restore("env", "draft")
    world.restore("cache", "cache")
    what = damage(journal_of(world), choice)
    code, errors, _ = world.run("recover", "-p", world.prefix)
    wrong = [] if code == 0 else [f"recover: {code} {errors.decode(errors='replace')}"]
    if scenario.state() != world.states["old"]:
        wrong.append("it is not the old state")
    return what, wrong + judge(scenario, world, False)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("envm", type=os.path.abspath)
    parser.add_argument("injector", type=os.path.abspath)
    parser.add_argument("--points", type=int, default=int(os.environ.get("ENVM_POINTS", "30")))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("ENVM_SEED", time.time())))
    args = parser.parse_args()
    print(f"ENVM_SEED={args.seed}", flush=True)
    if subprocess.run([args.injector, "-o", os.devnull, "true"], check=False).returncode == 77:
        print("journal_damage: SKIPPED: this machine does not allow tracing", flush=True)
        return 77
    choice = random.Random(args.seed)
    base = os.environ.get("TMPDIR") or ("/dev/shm" if os.path.isdir("/dev/shm") else "/tmp")
    world = World(base, args.envm, args.injector)
    bad = 0
    try:
        scenario = Sync(world)
        found = stages(scenario, world)
        for number in range(args.points):
            stage = choice.choice(found)
            what, wrong = one_draft(scenario, world, choice) if number % 10 == 9 else one(
                scenario, world, stage, choice, number % 3 == 2)
            bad += bool(wrong)
            for text in wrong[:5]:
                print(f"point {number} {stage} {what}: {text}", flush=True)
    finally:
        world.drop()
    print(f"journal damage: {args.points} points at {len(found)} stages of a change, {bad} violations")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
