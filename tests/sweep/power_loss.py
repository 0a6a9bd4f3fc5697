#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Takes the power away while envm works, and checks what is left after the machine is up again.

    power_loss.py [OPTION...] ENVM INJECTOR

    --crashes N                for each file system (default 3; the campaign: 80)
    --file-systems A,B         ext4-ordered, ext4-writeback, xfs (default: those that can be made here)
    --scenario NAME[,NAME]     default: sync,sync-cold,install,create,replace,recover
    --durability MODE          batch (default) or full
    --seed N                   which points

The world of sweep.py stands on a file system in a file. All processes of the command are killed at
the n-th system call that changes files; at once the file system is shut down by its ioctl, so what
was not written is lost: with the log as it was on disk, or (every third time) with a last commit of
the log, but without the data. Then it is mounted again, and what must hold after any fault is
checked. What was whole before the command began had been synced.

It wants root, loop devices and mkfs; without them it says so and exits with 77.
"""

import argparse
import fcntl
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import time

from scenarios import SCENARIOS, check, count_calls, judge
from world import World

# _IOR('X', 125, uint32_t), for ext4 and XFS alike; the log is not written, or is.
SHUTDOWN = 2 << 30 | 4 << 16 | ord("X") << 8 | 125
WITHOUT_LOG, WITH_LOG = 2, 1

FILE_SYSTEMS = {
    "ext4-ordered": (["mkfs.ext4", "-q", "-F"], "data=ordered", ["e2fsck", "-fn"]),
    "ext4-writeback": (["mkfs.ext4", "-q", "-F"], "data=writeback,noauto_da_alloc", ["e2fsck", "-fn"]),
    "xfs": (["mkfs.xfs", "-q", "-f"], "", ["xfs_repair", "-n"])}


class Impossible(Exception):
    """This machine does not allow it."""


def tool(words):
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    found = shutil.which(words[0], path=path)
    if not found:
        raise Impossible(f"{words[0]} is not installed")
    return [found, *words[1:]]


class Disk:
    """A file system in a file."""

    def __init__(self, base, name):
        make, self.options, self.fsck = FILE_SYSTEMS[name]
        self.image, self.at = os.path.join(base, name + ".image"), os.path.join(base, name)
        self.mounted = False
        os.mkdir(self.at)
        with open(self.image, "wb") as file:
            file.truncate(512 << 20)
        self.must(tool([*make, self.image]))
        self.mount()

    @staticmethod
    def must(words):
        done = subprocess.run(words, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode != 0:
            raise Impossible(f"{' '.join(words)}: {done.stdout.decode(errors='replace').strip()}")

    def mount(self):
        self.must(tool(["mount", "-o", ",".join(filter(None, ("loop", self.options))), self.image,
                        self.at]))
        self.mounted = True

    def sync(self):
        self.must(tool(["sync", "-f", self.at]))

    def unmount(self):
        for _ in range(50):
            if subprocess.run(tool(["umount", self.at]), check=False,
                              stderr=subprocess.DEVNULL).returncode == 0:
                self.mounted = False
                return
            time.sleep(0.1)  # what was killed goes away in its own time
        raise RuntimeError(f"{self.at} cannot be unmounted")

    def lose_power(self, how):
        fd = os.open(self.at, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.ioctl(fd, SHUTDOWN, struct.pack("I", how))
        except OSError as failure:
            raise Impossible(f"no shutdown of {self.at}: {failure}") from failure
        finally:
            os.close(fd)
        self.unmount()
        self.mount()  # replays the log

    def check(self):
        """Violations of the file system itself."""
        self.unmount()
        done = subprocess.run(tool([*self.fsck, self.image]), check=False, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        self.mount()
        return [] if done.returncode == 0 else [done.stdout.decode(errors="replace")[-300:]]

    def drop(self):
        if self.mounted:
            self.unmount()
        os.unlink(self.image)


def crash(disk, scenario, world, point, how):
    """(what fired or None, violations) of one loss of power."""
    scenario.prepare()
    disk.sync()
    _, _, seen = world.run(*scenario.command(), inject=("-k", str(point)))
    fired = tuple(seen["fired"]) if "fired" in seen else None
    disk.lose_power(how)
    return fired, judge(scenario, world, True, after_power_loss=True)


def crash_all(disk, name, args, choice):
    done, fired_count, bad = 0, 0, 0
    world = World(disk.at, args.envm, args.injector)
    world.environment["ENVM_DURABILITY"] = args.durability
    scenarios = {scenario: SCENARIOS[scenario](world) for scenario in args.scenarios}
    totals = {scenario: count_calls(scenarios[scenario], ()) for scenario in scenarios}
    points = []
    while len(points) < args.crashes:
        points += [(scenario, choice.randint(1, totals[scenario])) for scenario in args.scenarios]
    for number, (scenario, point) in enumerate(points[:args.crashes]):
        how = WITH_LOG if number % 3 == 2 else WITHOUT_LOG
        fired, wrong = crash(disk, scenarios[scenario], world, point, how)
        done += 1
        fired_count += fired is not None
        bad += bool(wrong)
        for text in wrong[:5]:
            print(f"{name} {scenario} point {point} {fired} log {how == WITH_LOG}: {text}", flush=True)
    for text in disk.check():
        bad += 1
        print(f"{name}: fsck: {text}", flush=True)
    print(f"{name}: {done} losses of power, {fired_count} at their call, {bad} violations", flush=True)
    return done, bad


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("envm", type=os.path.abspath)
    parser.add_argument("injector", type=os.path.abspath)
    parser.add_argument("--crashes", type=int, default=3)
    parser.add_argument("--file-systems", default=",".join(FILE_SYSTEMS))
    parser.add_argument("--scenario", default="sync,sync-cold,install,create,replace,recover")
    parser.add_argument("--durability", choices=("batch", "full"), default="batch")
    parser.add_argument("--seed", type=int, default=int(os.environ.get("ENVM_SEED", time.time())))
    args = parser.parse_args()
    args.scenarios = args.scenario.split(",")
    return args


def main():
    args = parse()
    print(f"ENVM_SEED={args.seed}", flush=True)
    if os.geteuid() != 0:
        print("power_loss: SKIPPED: only root may mount a file system", flush=True)
        return 77
    if subprocess.run([args.injector, "-o", os.devnull, "true"], check=False).returncode == 77:
        print("power_loss: SKIPPED: this machine does not allow tracing", flush=True)
        return 77
    done = bad = 0
    base = tempfile.mkdtemp(prefix="envm-power.", dir=os.environ.get("TMPDIR", "/tmp"))
    try:
        for name in args.file_systems.split(","):
            disk = None
            try:
                disk = Disk(base, name)
                crashes = crash_all(disk, name, args, random.Random(args.seed))
                done, bad = done + crashes[0], bad + crashes[1]
            except Impossible as failure:
                print(f"power_loss: {name}: SKIPPED: {failure}", flush=True)
            finally:
                if disk:
                    disk.drop()
    finally:
        shutil.rmtree(base, ignore_errors=True)
    print(f"power loss: {done} crashes, {bad} violations")
    return 1 if bad else 0 if done else 77


if __name__ == "__main__":
    sys.exit(main())
