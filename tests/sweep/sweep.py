#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Kills envm at its system calls, or lets them fail, one after the other, and checks what is left.

    sweep.py [OPTION...] ENVM INJECTOR

    --mode kill|error|double|interrupt
                               SIGKILL (default); an error returned; killed, and killed again in the
                               recovery; SIGINT
    --scenario NAME[,NAME]     default: all of the mode
    --seconds N                stop after about N seconds, with points spread evenly (default 50)
    --all                      every point: the whole campaign
    --errors A,B               error names (default: all ten)
    --jobs N                   worlds in parallel (default: the CPUs)
    --seed N                   which points, when not all

A point is the n-th system call that changes files, counted over the whole process tree, of one
command in a small world. After each: the environment is the old one, or the new one, or a committed
journal waits and `recover` makes it the new one; the cache shows no package that is not whole;
nothing outside was touched; the same command run again completes; nothing is left over. The last
line says how many points there were, how many fired, and how many violations were found.
"""

import argparse
import concurrent.futures
import errno
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import check_invariants as check  # noqa: E402
from mkchannel import Channel  # noqa: E402

ERRORS = ("ENOSPC", "EIO", "EACCES", "EDQUOT", "EMFILE", "EROFS", "EINTR", "EXDEV", "EMLINK", "ENOSYS")


def make_channel(root, newer):
    """Six packages, and newer versions of some: text and binary with placeholder, an entry point,
    links, an empty folder, a file that becomes a folder and the other way round."""
    channel = Channel(root)
    for version in ("1.0", "2.0") if newer else ("1.0",):
        files = {f"lib/lib/{i:02}.txt": f"{version} {i}" for i in range(8 if version == "1.0" else 6)}
        files.update({"lib/libx.so": {"binary": f"ELF@PREFIX@/lib\0{version}"},
                      "lib/libx.so.1": {"symlink": "libx.so"}, "etc/lib.conf": f"{version}\n"})
        files.update({"share/flip": "f", "share/flop/x": "x"} if version == "1.0" else
                     {"share/flip/x": "x", "share/flop": "f"})
        channel.add("lib", version, subdir="linux-64", files=files)
    channel.add("app", "1.0", subdir="linux-64", depends=["lib"], files={
        "bin/app": {"text": "#!@PREFIX@/bin/sh\n", "exec": True}, "share/app/empty": {"dir": True}})
    pythons = (("3.11.2", "python3.11"), ("3.12.1", "python3.12"))
    for version, python in pythons if newer else pythons[:1]:
        channel.add("python", version, subdir="linux-64", files={
            f"bin/{python}": {"text": "#!/bin/sh\n", "exec": True},
            "bin/python": {"symlink": python}, f"lib/{python}/os.py": "x\n"})
    channel.add("tool", "0.1", subdir="noarch", noarch="python", depends=["python"],
                entry_points=["tool = tool.main:run"],
                files={"site-packages/tool/__init__.py": "", "site-packages/tool/main.py": "x = 1\n"})
    channel.add("going", "1.0", subdir="linux-64", files={"share/going/a/b/c": "c", "share/twin": "t"})
    channel.add("coming", "1.0", subdir="linux-64", files={"share/coming/a": "a", "share/twin": "t"})
    channel.write()


class World:
    """One machine: channel, cache, environment, home, and a tree that nobody may touch."""

    def __init__(self, base, envm, injector):
        self.envm, self.injector = envm, injector
        self.base = tempfile.mkdtemp(prefix="envm-sweep.", dir=base)
        for name in ("home", "tmp", "outside", "keep"):
            os.mkdir(self.path(name))
        for name in ("a", "b"):
            with open(self.path("outside", name), "w", encoding="utf-8") as file:
                file.write(name)
        os.symlink("a", self.path("outside", "link"))
        self.environment = {
            "HOME": self.path("home"), "TMPDIR": self.path("tmp"), "PATH": os.environ["PATH"],
            "ENVM_ROOT": self.path("root"), "ENVM_CACHE": self.path("cache"), "LC_ALL": "C.UTF-8",
            "ENVM_DURABILITY": "batch", "CONDA_OVERRIDE_GLIBC": "2.36",
            "CONDA_OVERRIDE_LINUX": "6.1", "CONDA_OVERRIDE_CUDA": "",
            # The leak check cannot run under a tracer, and the code is that of a finding.
            "ASAN_OPTIONS": "detect_leaks=0:exitcode=99:abort_on_error=0"}
        self.prefix = self.path("env")
        make_channel(self.path("channel"), newer=False)
        self.lock("old", "lib", "app", "python", "tool", "going")
        make_channel(self.path("channel"), newer=True)
        self.lock("new", "lib=2.0", "app", "python=3.12", "tool", "coming")
        self.states = {}
        for name in ("old", "new"):
            self.must("create", "-p", self.prefix, "-f", self.path(name + ".lock"))
            self.keep(self.prefix, name)
            shutil.rmtree(self.prefix)
        self.keep(self.path("cache"), "cache")
        self.states.update(nothing=None, old=check.snapshot(self.path("keep", "old")),
                           fresh=check.snapshot(self.path("keep", "new")))
        self.outside = check.tree_of(self.path("outside"))

    def path(self, *parts):
        return os.path.join(self.base, *parts)

    def sync(self):
        return ("sync", "-p", self.prefix, "-f", self.path("new.lock"))

    def lock(self, name, *specs):
        file = self.path(name + ".yaml")
        with open(file, "w", encoding="utf-8") as out:
            out.write(f"channels: [file://{self.path('channel')}, nodefaults]\ndependencies:\n")
            out.writelines(f"  - {spec}\n" for spec in specs)
        self.must("lock", "-f", file, "--platform", "linux-64")

    def keep(self, tree, name):
        subprocess.run(["cp", "-a", tree, self.path("keep", name)], check=True)

    def restore(self, name, kept):
        shutil.rmtree(self.path(name), ignore_errors=True)
        if kept:
            subprocess.run(["cp", "-a", self.path("keep", kept), self.path(name)], check=True)

    def run(self, *words, inject=()):
        """Exit status (None: killed), stderr, and the injector's report."""
        report = self.path("report")
        command = [self.envm, *words]
        if inject:
            command = [self.injector, *inject, "-o", report, *command]
        done = subprocess.run(command, env=self.environment, cwd=self.path("tmp"), check=False,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, timeout=120)
        if not inject:
            return done.returncode, done.stderr, {}
        if done.returncode != 0:
            raise RuntimeError(f"injector: {done.returncode} {done.stderr}")
        seen = {"calls": {}}
        with open(report, encoding="utf-8") as file:
            for line in file:
                key, *rest = line.split()
                if key == "calls":
                    seen["calls"][rest[0]] = int(rest[1])
                else:
                    seen[key] = rest
        code = int(seen["status"][1]) if seen["status"][0] == "exited" else None
        return code, done.stderr, seen

    def must(self, *words):
        code, errors, _ = self.run(*words)
        if code != 0:
            raise RuntimeError(f"envm {' '.join(words)}: {code}\n{errors.decode(errors='replace')}")

    def drop(self):
        shutil.rmtree(self.base, ignore_errors=True)


class Scenario:
    """A command in a prepared world, and the states that it may leave."""
    goal = "new"  # name of the state that success leads to

    def __init__(self, world):
        self.world = world
        if self.goal not in world.states:
            self.prepare()
            world.must(*self.command())
            world.states[self.goal] = self.state()

    def prepare(self):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def allowed(self):
        """Names of the states that a failure may leave."""
        return ("old", self.goal)

    def finish(self):
        """Makes it complete after a failure; violations."""
        return self.rerun(self.command())

    def rerun(self, words):
        code, errors, _ = self.world.run(*words)
        if code != 0:
            return [f"run again: exit status {code}: {errors.decode(errors='replace').strip()}"]
        return []

    def state(self):
        return check.snapshot(self.world.prefix)


class Sync(Scenario):
    """install, update, remove and relink in one change; the cache is warm."""
    cache = "cache"

    def prepare(self):
        self.world.restore("env", "old")
        self.world.restore("cache", self.cache)

    def command(self):
        return self.world.sync()


class Install(Sync):
    """Solves, adds two packages and moves one."""
    goal = "installed"

    def command(self):
        return ("install", "-p", self.world.prefix, "coming", "lib=2.0")


class RemovePackage(Sync):
    """Two packages go; no solver is needed."""
    goal = "removed"

    def command(self):
        return ("remove", "-p", self.world.prefix, "going", "tool")

    def finish(self):
        # What is removed cannot be removed again.
        if self.state() == self.world.states[self.goal]:
            return self.rerun(("recover", "-p", self.world.prefix))
        return super().finish()


class Update(Sync):
    """All packages to what the requests allow: python moves, the noarch package is linked anew."""
    goal = "updated"

    def command(self):
        return ("update", "-p", self.world.prefix, "--all")


class Rollback(Scenario):
    """Back to the state before a sync: the same as the sync, the other way round."""
    goal = "back"

    def prepare(self):
        if "moved" not in self.world.states:
            self.world.restore("env", "old")
            self.world.restore("cache", "cache")
            self.world.must(*self.world.sync())
            self.world.keep(self.world.prefix, "moved")
            self.world.states["moved"] = self.state()
        self.world.restore("env", "moved")
        self.world.restore("cache", "cache")

    def command(self):
        return ("env", "rollback", "-p", self.world.prefix, "0")

    def allowed(self):
        return ("moved", self.goal)


class SyncCold(Sync):
    """The same with an empty cache: packages are fetched and extracted first."""
    cache = None


class Create(Scenario):
    """A new environment, with an empty cache."""

    def prepare(self):
        self.world.restore("env", None)
        self.world.restore("cache", None)

    def command(self):
        return ("create", "-p", self.world.prefix, "-f", self.world.path("new.lock"))

    goal = "fresh"

    def allowed(self):
        return ("nothing", "fresh")


class Recover(Scenario):
    """A change was killed behind its commit."""

    def prepare(self):
        kept = self.world.path("keep", "committed")
        if not os.path.exists(kept):
            self.make_committed()
        self.world.restore("env", "committed")
        self.world.restore("cache", "cache")

    def make_committed(self):
        """Killed right behind its commit: everything is still to be done."""
        before, behind = 0, count_calls(Sync(self.world), ())
        # The last calls clear up; a few steps back the journal is there.
        while not self.leaves_journal(behind):
            behind -= 5
        while behind - before > 1:
            middle = (before + behind) // 2
            if self.leaves_journal(middle):
                behind = middle
            else:
                before = middle
        while not self.leaves_journal(behind):
            behind += 1
        self.world.keep(self.world.prefix, "committed")

    def leaves_journal(self, point):
        Sync(self.world).prepare()
        self.world.run(*self.world.sync(), inject=("-k", str(point)))
        return check.is_pending(self.world.prefix)

    def command(self):
        return ("recover", "-p", self.world.prefix)

    def allowed(self):
        return ("new",)

    def finish(self):
        return self.rerun(self.command()) + self.rerun(self.world.sync())


class Remove(Scenario):
    """An environment with all its files."""

    def prepare(self):
        self.world.restore("env", "old")
        self.world.restore("cache", "cache")

    def command(self):
        return ("env", "remove", "-p", self.world.prefix)

    goal = "nothing"

    def finish(self):
        if self.state() is None:
            # What is left of it is swept by the next that comes to this place.
            wrong = self.rerun(("create", "-p", self.world.prefix, "-f", self.world.path("old.lock")))
            return wrong + self.rerun(self.command())
        return self.rerun(self.command())


class Clean(Scenario):
    """The whole cache but what is linked. The environment has to be what it was."""

    def prepare(self):
        self.world.restore("env", "old")
        self.world.restore("cache", "cache")

    def command(self):
        return ("clean", "--all")

    goal = "old"


SCENARIOS = {"sync": Sync, "sync-cold": SyncCold, "install": Install, "update": Update,
             "remove": RemovePackage, "rollback": Rollback, "create": Create, "recover": Recover,
             "env-remove": Remove, "clean": Clean}


def count_calls(scenario, options):
    scenario.prepare()
    code, errors, seen = scenario.world.run(*scenario.command(), inject=("-k", "0", *options))
    if code != 0:
        raise RuntimeError(f"without any fault: {code} {errors.decode(errors='replace')}")
    return int(seen["total"][0])


# --- judging --------------------------------------------------------------------------------

def judge_state(scenario, world):
    """I1: one of the allowed states, at once or after the recovery of a committed change."""
    allowed = scenario.allowed()
    states = world.states
    if check.is_pending(world.prefix):
        wrong = scenario.rerun(("recover", "-p", world.prefix))
        if wrong:
            return ["recover: " + text for text in wrong]
        allowed = (scenario.goal,)
        if check.is_pending(world.prefix):
            return ["recover has left the journal"]
    found = scenario.state()
    if any(found == states[name] for name in allowed):
        return []
    return [f"the state is neither of {allowed}; it differs from {name} in "
            f"{check.differences(states[name], found)}" for name in allowed]


def judge(scenario, world, sampled):
    wrong = judge_state(scenario, world)
    wrong += check.check_cache(world.path("cache"))
    wrong += scenario.finish()
    goal = world.states[scenario.goal]
    if scenario.state() != goal:
        wrong.append(f"run again: {check.differences(goal, scenario.state())}")
    wrong += check.check_residue(os.path.dirname(world.prefix) + "/env", world.path("home"),
                                 world.path("tmp"))
    wrong += [f"{name} is left beside the environment" for name in os.listdir(world.base)
              if name.startswith(".env.") or name.startswith(".envm")]
    if check.tree_of(world.path("outside")) != world.outside:
        wrong.append("something outside was touched")
    if goal is not None:
        wrong += check.check_shared(world.prefix, world.path("cache"))
        if sampled:
            code, errors, _ = world.run("verify", "-q", "-p", world.prefix)
            if code != 0:
                wrong.append(f"verify: {code} {errors.decode(errors='replace')}")
    return wrong


# --- one point ------------------------------------------------------------------------------

def run_point(scenario, world, point, args):
    """(fired call or None, violations) of one point: (number, error name or None, second kill)."""
    number, error, second = point
    scenario.prepare()
    inject = ("-e", f"{number}={getattr(errno, error)}") if error else ("-k", str(number))
    if args.reads:
        inject = ("-r", *inject)
    if args.mode == "interrupt":
        inject = ("-s", "2", *inject)
    code, errors, seen = world.run(*scenario.command(), inject=inject)
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
    if code is not None:
        wrong += check.check_output(code, errors)
        success = world.states[scenario.goal]
        if code == 0 and not check.is_pending(world.prefix) and scenario.state() != success:
            wrong.append("it claims success: "
                         f"{check.differences(success, scenario.state())}")
    if second and check.is_pending(world.prefix):
        _, _, again = world.run("recover", "-p", world.prefix, inject=("-k", str(second)))
        if "fired" in again:
            fired = (*fired, "then", *again["fired"])
    wrong += judge(scenario, world, number % 10 == 0)
    return fired, [f"{text} [{errors.decode(errors='replace').strip()[:300]}]" for text in wrong]


def points_of(name, total, args, choice):
    if args.mode in ("kill", "interrupt"):
        return [(number, None, 0) for number in range(1, total + 1)]
    if args.mode == "double":
        return [(number, None, choice.randint(1, 60)) for number in range(1, total + 1)]
    return [(number, error, 0) for number in range(1, total + 1) for error in args.errors]


class Sweep:
    def __init__(self, args):
        self.args = args
        self.local = threading.local()
        self.worlds = []
        self.lock = threading.Lock()
        self.done = self.fired = self.violations = 0
        self.distinct = set()
        self.deadline = None if args.all else time.monotonic() + args.seconds

    def scenario(self, name):
        """Every thread has a world of its own."""
        if not hasattr(self.local, "world"):
            self.local.world = World(self.args.base, self.args.envm, self.args.injector)
            with self.lock:
                self.worlds.append(self.local.world)
        return SCENARIOS[name](self.local.world)

    def count(self, name):
        return count_calls(self.scenario(name), ("-r",) if self.args.reads else ())

    def run(self, name, point):
        if self.deadline and time.monotonic() > self.deadline:
            return
        scenario = self.scenario(name)
        try:
            fired, wrong = run_point(scenario, scenario.world, point, self.args)
        except Exception as failure:  # one bad point must not hide the others
            fired, wrong = None, [f"{type(failure).__name__}: {failure}"]
        with self.lock:
            self.done += 1
            self.fired += fired is not None
            if fired:
                self.distinct.add((name, *fired))
            self.violations += bool(wrong)
            for text in wrong[:5]:
                print(f"{name} point {point} {fired}: {text}", flush=True)

    def result(self, asked):
        print(f"{self.args.mode}: {asked} points, {self.done} run, {self.fired} fired, "
              f"{len(self.distinct)} distinct (system call, index), {self.violations} violations")
        return 1 if self.violations or self.fired == 0 else 0


def parse():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("envm")
    parser.add_argument("injector")
    parser.add_argument("--mode", choices=("kill", "error", "double", "interrupt"), default="kill")
    parser.add_argument("--scenario")
    parser.add_argument("--seconds", type=float, default=50)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--errors", default=",".join(ERRORS))
    parser.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--seed", type=int, default=int(os.environ.get("ENVM_SEED", time.time())))
    args = parser.parse_args()
    args.envm, args.injector = os.path.abspath(args.envm), os.path.abspath(args.injector)
    args.errors = args.errors.split(",")
    args.reads = args.mode == "error"
    args.base = os.environ.get("TMPDIR") or ("/dev/shm" if os.path.isdir("/dev/shm") else "/tmp")
    names = ["sync", "install"] if args.mode == "double" else list(SCENARIOS)
    if args.mode == "interrupt":
        names.remove("recover")  # has nothing to stop before
    args.scenarios = args.scenario.split(",") if args.scenario else names
    return args


def main():
    args = parse()
    print(f"ENVM_SEED={args.seed}", flush=True)
    choice = random.Random(args.seed)
    if subprocess.run([args.injector, "-o", os.devnull, "true"], check=False).returncode == 77:
        print("this machine does not allow tracing: skipped")
        return 77
    sweep = Sweep(args)
    try:
        with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
            points = []
            for name in args.scenarios:
                total = pool.submit(sweep.count, name).result()
                print(f"{name}: {total} system calls", flush=True)
                points += [(name, point) for point in points_of(name, total, args, choice)]
            if not args.all:
                choice.shuffle(points)
            for future in [pool.submit(sweep.run, *point) for point in points]:
                future.result()
        return sweep.result(len(points))
    finally:
        for world in sweep.worlds:
            world.drop()


if __name__ == "__main__":
    sys.exit(main())
