#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lets the disk of the cache, of the environment, or of both be full at every size.

    disk_full.py [--step KIB] [--sizes N] [--seed S] ENVM

A file system in memory of size S stands for the cache, for the environment's folder, or for both, with
S from next to nothing to what the command needs, in steps. Whatever S is: the environment is the old
one or the new one, at once or after `recover` when there is space again; what fails says so with exit
8, names what is full and what to do; `clean` works on the full disk; the cache shows whole packages
only; and with more space the same command completes. Messages before the first change tell how much is needed
and how much is free.

It wants root (for mounts); without it says so and exits with 77.
"""

import argparse
import os
import random
import re
import subprocess
import sys
import time

from scenarios import SCENARIOS, check, judge
from world import World

NAMES = ("create", "sync-cold", "install", "replace")
# The store keeps so much free for others, so that is what it takes to succeed.
RESERVE = 17 << 10


class Small:
    """A file system of a size, in place of a folder of the world."""

    def __init__(self, path, kib):
        self.path, self.kib = path, kib

    def __enter__(self):
        kept = self.path + ".kept"
        os.makedirs(self.path, exist_ok=True)
        os.rename(self.path, kept)
        os.mkdir(self.path)
        self.mount(1 << 20)
        subprocess.run(["cp", "-a", kept + "/.", self.path], check=True)
        subprocess.run(["rm", "-rf", kept], check=True)
        used = os.statvfs(self.path)
        self.resize((used.f_blocks - used.f_bfree) * used.f_frsize // 1024 + self.kib)
        return self

    def mount(self, kib):
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={kib}k,mode=0755", "envm-small", self.path],
                       check=True)

    def resize(self, kib):
        subprocess.run(["mount", "-o", f"remount,size={max(kib, 4)}k", self.path], check=True)

    def __exit__(self, *_):
        kept = self.path + ".kept"
        os.mkdir(kept)
        subprocess.run(["cp", "-a", self.path + "/.", kept], check=True)
        subprocess.run(["umount", "-l", self.path], check=True)
        os.rmdir(self.path)
        os.rename(kept, self.path)


def check_failure(code, errors):
    """What a person is told."""
    wrong = check.check_output(code, errors)
    text = errors.decode(errors="replace")
    if code != 8:
        return wrong + [f"exit status {code}: {text}"]
    if not re.search(r"[Nn]o space left|are free on the file system", text):
        wrong.append(f"it does not say that the disk is full: {text}")
    if "unpacks to" in text and not re.search(r"unpacks to \S+ \w+ and \S+ MB have to stay free", text):
        wrong.append(f"it does not tell the reserve: {text}")
    return wrong


def run_one(world, scenario, placement, kib):
    """(whether it was too small, violations)"""
    scenario.prepare()
    places = {"cache": ("cache",), "prefix": ("place",), "both": ("cache", "place")}[placement]
    wrong, code, errors = [], 0, b""
    mounts = [Small(world.path(name), kib) for name in places]
    try:
        for mount in mounts:
            mount.__enter__()
        code, errors, _ = world.run(*scenario.command())
        if code != 0:
            wrong += check_failure(code, errors)
            if placement != "prefix":
                cleaned, text, _ = world.run("clean", "--temporary")
                if cleaned != 0:
                    wrong.append(f"clean on a full disk: {cleaned} {text.decode(errors='replace')}")
    finally:
        for mount in reversed(mounts):
            mount.__exit__()
    wrong += judge(scenario, world, True)
    return code != 0, [f"{text} [{errors.decode(errors='replace').strip()[:300]}]" for text in wrong]


def points_of(args, choice):
    """Sizes from nothing to beyond what is needed: fine ones at first, and around the reserve."""
    sizes = [*range(0, 256, 8), *range(256, 1024, args.step),
             *range(RESERVE - 1024, RESERVE + 1024, args.step)]
    points = [(name, placement, kib) for name in args.scenarios
              for placement in ("cache", "prefix", "both") for kib in sizes]
    choice.shuffle(points)
    return points[:args.sizes] if args.sizes else points


def can_mount(base):
    probe = os.path.join(base, f"envm-probe.{os.getpid()}")
    os.mkdir(probe)
    done = subprocess.run(["mount", "-t", "tmpfs", "envm-small", probe], check=False,
                          stderr=subprocess.PIPE)
    if done.returncode == 0:
        subprocess.run(["umount", probe], check=True)
    os.rmdir(probe)
    return done.stderr.decode(errors="replace").strip() if done.returncode else ""


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("envm", type=os.path.abspath)
    parser.add_argument("--step", type=int, default=64)
    parser.add_argument("--sizes", type=int, default=0, help="so many points, chosen at random")
    parser.add_argument("--scenario", default=",".join(NAMES))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("ENVM_SEED", time.time())))
    args = parser.parse_args()
    args.scenarios = args.scenario.split(",")
    print(f"ENVM_SEED={args.seed}", flush=True)
    base = os.environ.get("TMPDIR") or ("/dev/shm" if os.path.isdir("/dev/shm") else "/tmp")
    why = "only root may mount a file system" if os.geteuid() != 0 else can_mount(base)
    if why:
        print(f"disk_full: SKIPPED: {why}", flush=True)
        return 77
    world = World(base, args.envm, None, place="place")
    done = small = bad = 0
    try:
        for name, placement, kib in points_of(args, random.Random(args.seed)):
            failed, wrong = run_one(world, SCENARIOS[name](world), placement, kib)
            done, small, bad = done + 1, small + failed, bad + bool(wrong)
            for text in wrong[:5]:
                print(f"{name}, {placement} with {kib} KiB: {text}", flush=True)
    finally:
        world.drop()
    print(f"disk full: {done} sizes, {small} too small, {bad} violations")
    return 1 if bad or not small else 0


if __name__ == "__main__":
    sys.exit(main())
