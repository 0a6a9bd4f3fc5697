#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""File systems without locks: flock fails, and what stands in for it is stale.

    no_locks.py ENVM INJECTOR

Every flock of a command fails with ENOLCK, EIO, EBADF, ENOSYS, EOPNOTSUPP or EINVAL, as on network file
systems. Then a file made by link(2) stands in: the commands complete as ever, two changes are
serialised, who waits says for whom. A stand-in whose holder is dead (killed, of another boot, or whose
number another process has got) is broken; that of a living process, and of another host, is waited
for and given up with exit 9. When link(2) fails, too, the command says so (exit 8) and has changed
nothing. No case may take longer than its time.
"""

import argparse
import errno
import os
import signal
import socket
import subprocess
import sys
import time

from scenarios import SCENARIOS, check, judge
from world import World

LIMIT = 60
ERRORS = ("ENOLCK", "EIO", "EBADF", "ENOSYS", "EOPNOTSUPP", "EINVAL")


def failing(*names):
    return sum((("-a", f"{name}={getattr(errno, error)}") for name, error in names), ())


def without_flock(world, name, error):
    scenario = SCENARIOS[name](world)
    scenario.prepare()
    code, errors, _ = world.run(*scenario.command(), inject=failing(("flock", error)))
    wrong = check.check_output(code, errors)
    if code != 0:
        wrong.append(f"exit status {code}: {errors.decode(errors='replace')}")
    elif scenario.state() != world.states[scenario.goal]:
        wrong.append("another state")
    wrong += [f"{path} is left" for path in stand_ins(world)]
    return wrong + judge(scenario, world, True)


def without_links(world, name):
    scenario = SCENARIOS[name](world)
    scenario.prepare()
    code, errors, _ = world.run(*scenario.command(), inject=failing(
        ("flock", "ENOLCK"), ("linkat", "EPERM"), ("link", "EPERM")))
    wrong = check.check_output(code, errors)
    if code != 8 or b"locking" not in errors:
        wrong.append(f"exit status {code}: {errors.decode(errors='replace')}")
    return wrong + judge(scenario, world, True)


def stand_ins(world):
    return [os.path.join(folder, name) for root in (world.prefix, world.path("cache"))
            for folder, _, files in os.walk(root) for name in files if name.endswith(".held")]


def identity(pid, host=None, boot=None, start=None):
    """What a holder writes about itself."""
    if boot is None:
        with open("/proc/sys/kernel/random/boot_id", encoding="utf-8") as file:
            boot = file.read().strip()
    if start is None:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            start = file.read().rpartition(")")[2].split()[19]
    return f"{pid} {host or socket.gethostname()} {boot} {start} envm\n"


def dead_pid():
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def held_by(world, text, wait):
    """Whether a change gets past a stand-in: (exit status, stderr, seconds)."""
    scenario = SCENARIOS["sync"](world)
    scenario.prepare()
    os.makedirs(os.path.join(world.prefix, ".envm"), exist_ok=True)
    with open(os.path.join(world.prefix, ".envm", "lock.held"), "w", encoding="utf-8") as file:
        file.write(text)
    began = time.monotonic()
    process = subprocess.Popen(
        [world.injector, *failing(("flock", "ENOLCK")), "-o", world.path("report"), world.envm,
         *scenario.command()], env=world.environment, cwd=world.path("tmp"),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    try:
        errors = process.communicate(timeout=wait)[1]
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGKILL)
        return None, process.communicate()[1], wait
    with open(world.path("report"), encoding="utf-8") as file:
        status = next(line.split() for line in file if line.startswith("status"))
    return int(status[2]), errors, time.monotonic() - began


def stale(world, what, text):
    code, errors, took = held_by(world, text, LIMIT)
    if code != 0 or took > LIMIT / 2:
        return [f"{what}: exit status {code} after {took:.0f} s: {errors.decode(errors='replace')}"]
    return [f"{what}: {path} is left" for path in stand_ins(world)] + judge(
        SCENARIOS["sync"](world), world, False)


def alive(world, what, text):
    code, errors, took = held_by(world, text, LIMIT + 30)
    held = os.path.join(world.prefix, ".envm", "lock.held")
    wrong = []
    if code != 9 or b"held by process" not in errors:
        wrong.append(f"{what}: exit status {code} after {took:.0f} s: {errors.decode(errors='replace')}")
    if not os.path.exists(held):
        wrong.append(f"{what}: the lock of a living process was broken")
    else:
        os.unlink(held)
    return wrong + judge(SCENARIOS["sync"](world), world, False)


def cases(world):
    for error in ERRORS:
        for name in ("create", "sync-cold", "install", "clean"):
            yield f"{name}, flock {error}", lambda n=name, e=error: without_flock(world, n, e)
    for name in ("create", "sync"):
        yield f"{name}, no flock and no link", lambda n=name: without_links(world, n)
    for what, text in (
            ("holder is dead", identity(dead_pid(), start=0)),
            ("holder is of another boot", identity(1, boot="another-boot", start=1)),
            ("number was given to another", identity(os.getpid(), start=1))):
        yield what, lambda w=what, t=text: stale(world, w, t)
    yield "holder lives", lambda: alive(world, "holder lives", identity(os.getpid()))
    yield "holder is on another host", lambda: alive(
        world, "holder is on another host", identity(1, host="elsewhere", start=1))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("envm", type=os.path.abspath)
    parser.add_argument("injector", type=os.path.abspath)
    args = parser.parse_args()
    if subprocess.run([args.injector, "-o", os.devnull, "true"], check=False).returncode == 77:
        print("no_locks: SKIPPED: this machine does not allow tracing", flush=True)
        return 77
    base = os.environ.get("TMPDIR") or ("/dev/shm" if os.path.isdir("/dev/shm") else "/tmp")
    world = World(base, args.envm, args.injector)
    done = bad = 0
    try:
        for what, run in cases(world):
            began = time.monotonic()
            wrong = run()
            if time.monotonic() - began > LIMIT + 45:
                wrong.append("it took too long")
            done, bad = done + 1, bad + bool(wrong)
            for text in wrong[:5]:
                print(f"{what}: {text}", flush=True)
    finally:
        world.drop()
    print(f"no locks: {done} cases, {bad} violations")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
