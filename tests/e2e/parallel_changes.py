#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many changes of one environment at once.

    parallel_changes.py ENVM [--processes N] [--changes N] [--killed PERCENT] [--seed S]

N processes install, update and remove in the same environment, each one change after the other; some
are killed when so asked. Afterwards: every change has succeeded or said why it had nothing to do; the
history has one block for each that changed something; the environment verifies; and it is what a
fresh one becomes by the same commands, one by one, in the order of the history: some serial order.

Besides, one change waits for another process that holds the lock: it says whom it waits for, and
goes on when the lock is free; another one gives up after a minute with exit 9.
"""

import argparse
import collections
import fcntl
import glob
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from mkchannel import Channel  # noqa: E402

NAMES = [f"p{i}" for i in range(8)]
# Done; the word names nothing that is there; no solution; the lock was not free for a minute.
FINE = (0, 2, 3, 4)


class Failure(Exception):
    """A promise that did not hold."""


def expect(condition, text):
    if not condition:
        raise Failure(text)


class World:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.prefix = os.path.join(folder, "env")
        channel = Channel(os.path.join(folder, "channel"))
        for i, name in enumerate(NAMES):
            for version in ("1.0", "2.0"):
                channel.add(name, version, subdir="linux-64",
                            depends=[f"p{i - 4}"] if i >= 4 else [], files={
                                f"share/{name}/{j}": f"{name} {version} {j}\n" for j in range(5)} | {
                                f"bin/{name}": {"text": "#!/bin/sh\necho @PREFIX@\n", "exec": True}})
        channel.write()
        self.environment = dict(os.environ, HOME=folder, ENVM_ROOT=os.path.join(folder, "root"),
                                ENVM_CACHE=os.path.join(folder, "cache"), ENVM_DURABILITY="none",
                                LC_ALL="C.UTF-8", CONDA_OVERRIDE_GLIBC="2.36", CONDA_OVERRIDE_CUDA="")
        for name in ("CONDA_PREFIX", "CONDARC", "XDG_CONFIG_HOME"):
            self.environment.pop(name, None)
        self.make(self.prefix)

    def make(self, prefix):
        self.must("create", "-q", "-p", prefix, "-c", os.path.join(self.folder, "channel"),
                  "--override-channels", "p0=1.0", "p1")

    def start(self, *words):
        return subprocess.Popen([self.program, *words], env=self.environment, cwd=self.folder,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT, start_new_session=True)

    def run(self, *words):
        process = self.start(*words)
        output = process.communicate(timeout=600)[0].decode(errors="replace")
        return process.returncode, output

    def must(self, *words):
        code, output = self.run(*words)
        expect(code == 0, f"{' '.join(words)}: exit {code}\n{output}")
        return output


def command(rng, prefix):
    kind = rng.choice(("install", "install", "install", "remove", "remove", "update", "update-all"))
    name = rng.choice(NAMES)
    if kind == "install":
        return ("install", "-p", prefix, rng.choice((name, f"{name}=1.0", f"{name}=2.0")))
    if kind == "remove":
        return ("remove", "-p", prefix, name)
    return ("update", "-p", prefix, *(("--all",) if kind == "update-all" else (name,)))


def change(world, rng, args, results, failures):
    """One process after the other."""
    for _ in range(args.changes):
        words = command(rng, world.prefix)
        process = world.start(*words)
        if rng.randrange(100) < args.killed:
            time.sleep(rng.random() / 4)
            os.killpg(process.pid, signal.SIGKILL)
        output = process.communicate(timeout=600)[0].decode(errors="replace")
        code = process.returncode
        results[code] += 1
        if code not in FINE and code != -signal.SIGKILL:
            failures.append(f"{' '.join(words)}: exit {code}\n{output}")


def commands_of(prefix):
    """The commands of the history, without the first."""
    with open(os.path.join(prefix, "conda-meta", "history"), encoding="utf-8") as file:
        text = file.read()
    found = re.findall(r"(?m)^# cmd: envm (.*)$", text)
    expect(len(found) == len(re.findall(r"(?m)^==> ", text)), "a block without a command")
    return [line.split() for line in found[1:]]


def state(world, prefix):
    """What has to be equal: every file's digest, and what was asked for."""
    code, output = world.run("verify", "-p", prefix, "--json")
    expect(code == 0, f"verify: exit {code}\n{output}")
    records = {}
    for path in glob.glob(os.path.join(prefix, "conda-meta", "*.json")):
        with open(path, encoding="utf-8") as file:
            records[os.path.basename(path)] = json.load(file).get("requested_specs")
    with open(os.path.join(prefix, "conda-meta", "envm.lock"), encoding="utf-8") as file:
        lock = file.read().split("\nprovenance:")[0]
    return json.loads(output[output.index("{"):])["tree"], records, lock


def replay(world, commands):
    other = os.path.join(world.folder, "serial")
    world.make(other)
    for words in commands:
        words = [other if word.strip("'") == world.prefix else word for word in words]
        code, output = world.run(*words)
        expect(code == 0, f"one by one: {' '.join(words)}: exit {code}\n{output}")
    return other


def run_changes(world, args):
    results, failures = collections.Counter(), []
    threads = [threading.Thread(target=change, args=(
        world, random.Random(f"{args.seed}-{i}"), args, results, failures))
        for i in range(args.processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    expect(not failures, "\n".join(failures[:3]))
    world.must("recover", "-q", "-p", world.prefix)
    expect(not os.path.exists(os.path.join(world.prefix, ".envm", "txn")), "something is left")
    commands = commands_of(world.prefix)
    other = replay(world, commands)
    left, right = state(world, world.prefix), state(world, other)
    expect(left == right, f"not what the same changes make one by one:\n{left}\n{right}")
    return results, len(commands)


# --- waiting ------------------------------------------------------------------------------------

def hold(path):
    """Holds the lock of a prefix as another program would."""
    file = open(path, "a+", encoding="utf-8")  # noqa: SIM115: held until it is closed
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def wait_for_lock(world, failures):
    """One change that is let in after three seconds, and one that gives up."""
    try:
        first, second = os.path.join(world.folder, "first"), os.path.join(world.folder, "second")
        for prefix in (first, second):
            world.make(prefix)
            world.must("install", "-q", "-p", prefix, "p2")
        locks = [hold(os.path.join(prefix, ".envm", "lock")) for prefix in (first, second)]
        began = time.monotonic()
        waiting = [world.start("install", "-p", prefix, "p3") for prefix in (first, second)]
        time.sleep(3)
        locks[0].close()
        output = waiting[0].communicate(timeout=600)[0].decode(errors="replace")
        expect(waiting[0].returncode == 0, f"let in: exit {waiting[0].returncode}\n{output}")
        expect("waiting for the lock '.envm/lock', held by process" in output, f"no word:\n{output}")
        output = waiting[1].communicate(timeout=600)[0].decode(errors="replace")
        took = time.monotonic() - began
        expect(waiting[1].returncode == 9, f"locked out: exit {waiting[1].returncode}\n{output}")
        expect("held by process" in output and "for more than 60.0 s" in output, output)
        expect(59 < took < 120, f"it took {took:.0f} s")
        locks[1].close()
        world.must("install", "-q", "-p", second, "p3")
    except Failure as failure:
        failures.append(f"waiting: {failure}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", type=os.path.abspath)
    parser.add_argument("--processes", type=int, default=8)
    parser.add_argument("--changes", type=int, default=int(os.environ.get("ENVM_CHANGES", "3")))
    parser.add_argument("--killed", type=int, default=0, help="percent")
    parser.add_argument("--seed", type=int,
                        default=int(os.environ.get("ENVM_SEED", random.randrange(10**9))))
    args = parser.parse_args()
    print(f"ENVM_SEED={args.seed}", flush=True)
    folder = tempfile.mkdtemp(prefix="envm-changes.")
    failures = []
    try:
        world = World(args.program, folder)
        waiter = threading.Thread(target=wait_for_lock, args=(world, failures))
        waiter.start()
        results, changes = run_changes(world, args)
        waiter.join()
        expect(not failures, "\n".join(failures))
    except Failure as failure:
        print(failure)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    shown = ", ".join(f"{count} {'killed' if code < 0 else f'exit {code}'}"
                      for code, count in sorted(results.items()))
    print(f"{args.processes} x {args.changes} changes: {shown}; {changes} blocks in the history, the "
          "same as one by one; waiting is said, and given up after a minute")
    return 0


if __name__ == "__main__":
    sys.exit(main())
