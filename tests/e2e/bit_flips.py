#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Flips one bit at a time in everything that envm keeps, and looks that it is found and put right.

    bit_flips.py ENVM [--flips N] [--seed S] [--injector INJECTOR] [--kind NAME]

Kinds, taken in turn: archives of the channel, files of cached packages, their manifests, indexes of
channels and what is remembered of them, files of an environment, its records, the lock that it
keeps, locks of its revisions, its history and its state with their copies, the journal of an
interrupted change (with the injector of tests/sweep), and the lock beside an environment file.
Modification times are put back, so that stat does not tell. Found: the command that reads the thing
fails with the exit status that it should have, and names it. Put right: `repair` brings back the
same bytes, and the environment has the digest that it had; for an archive and the lock of an older
revision, which nothing can be derived from, it is enough that they are named. The lock of a project
is text that people edit: a flip in it is refused, or the environment made from it is the same. The
default number of flips is for CI; a campaign takes 1000 or more.
"""

import argparse
import collections
import glob
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from mkchannel import Channel  # noqa: E402

PACKAGES = [
    {"name": "lib", "version": "2.1", "build": "0", "subdir": "linux-64", "format": "tar.bz2",
     "files": {"lib/lib.so": {"random": 5000}, "lib/link": {"symlink": "lib.so"},
               "lib/twin": {"hardlink": "lib/lib.so"}, "share/note": "a note\n"}},
    {"name": "app", "version": "1.0", "build": "h1_0", "subdir": "linux-64", "depends": ["lib >=2"],
     "files": {"bin/app": {"text": "#!/bin/sh\necho @PREFIX@\n", "exec": True},
               "share/app.bin": {"binary": "head\u0000@PREFIX@/share/app\u0000tail"},
               "etc/app.conf": "key: value\n"}},
    {"name": "python", "version": "3.11.2", "build": "0_cpython", "subdir": "linux-64",
     "files": {"bin/python3.11": {"text": "#!/bin/sh\n# @PREFIX@\n", "exec": True}}},
    {"name": "tool", "version": "0.1", "build": "pyh_0", "subdir": "noarch", "noarch": "python",
     "depends": ["python >=3.9"], "entry_points": ["tool = tool.main:run"],
     "files": {"site-packages/tool/main.py": "def run():\n    pass\n"}},
]


class Failure(Exception):
    """Something was not found, or not put right."""


class World:
    """A channel, a cache and an environment in a folder of their own."""

    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.channel = os.path.join(folder, "channel")
        self.cache = os.path.join(folder, "cache")
        self.prefix = os.path.join(folder, "env")
        self.environment = dict(os.environ, HOME=os.path.join(folder, "home"),
                                ENVM_ROOT=os.path.join(folder, "root"), ENVM_CACHE=self.cache,
                                ENVM_DURABILITY="none", CONDA_OVERRIDE_GLIBC="2.36",
                                CONDA_OVERRIDE_CUDA="", LC_ALL="C.UTF-8")
        for name in ("CONDA_PREFIX", "CONDARC", "XDG_CONFIG_HOME"):
            self.environment.pop(name, None)
        os.mkdir(os.path.join(folder, "home"))
        channel = Channel(self.channel)
        for package in PACKAGES:
            channel.add(**package)
        channel.write()
        self.file = os.path.join(folder, "env.yaml")
        with open(self.file, "w", encoding="utf-8") as out:
            out.write(f"channels: [file://{self.channel}, nodefaults]\ndependencies: [app, tool]\n"
                      "variables: {SOME: thing, OTHER: value}\n")
        self.run("create", "-p", self.prefix, "-f", self.file, expected=0)
        # Two more states: the locks of older ones are known nowhere else.
        self.run("remove", "-p", self.prefix, "tool", expected=0)
        self.run("sync", "-p", self.prefix, "-f", self.file, expected=0)
        self.tree = self.run("verify", "-p", self.prefix, expected=0)["tree"]
        self.pending = None

    def make_pending(self, injector):
        """An environment whose change was killed right behind its commit."""
        prefix, other = os.path.join(self.folder, "changing"), os.path.join(self.folder, "pending")
        self.run("create", "-p", prefix, "-f", self.file, expected=0)
        subprocess.run(["cp", "-a", prefix, other], check=True)
        report, words = os.path.join(self.folder, "report"), ["remove", "-q", "-p", prefix, "tool"]
        for point in range(1, 10000):
            shutil.rmtree(prefix)
            subprocess.run(["cp", "-a", other, prefix], check=True)
            subprocess.run([injector, "-k", str(point), "-o", report, self.program, *words], check=True,
                           env=dict(self.environment, ASAN_OPTIONS="detect_leaks=0"),
                           stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL)
            if self.journals(prefix):
                break
        shutil.rmtree(other)
        os.rename(prefix, other)
        self.pending = other
        self.changing = prefix

    @staticmethod
    def journals(prefix):
        return glob.glob(os.path.join(prefix, ".envm", "txn", "*", "journal.commit"))

    def run(self, *arguments, expected, cache=None):
        """The JSON of a command that has to exit with one of `expected`."""
        environment = dict(self.environment)
        if cache:
            environment["ENVM_CACHE"] = cache
        done = subprocess.run([self.program, *arguments, "--json"], stdin=subprocess.DEVNULL,
                              capture_output=True, env=environment, timeout=300, check=False)
        expected = expected if isinstance(expected, tuple) else (expected,)
        if done.returncode not in expected:
            raise Failure(f"{' '.join(arguments)}: exit {done.returncode}, not {expected}\n"
                          f"{done.stdout.decode()}{done.stderr.decode()}")
        return json.loads(done.stdout)

    def create(self, prefix, expected=0, cache=None):
        return self.run("create", "-p", prefix, "-c", self.channel, "--override-channels", "app",
                        "tool", expected=expected, cache=cache)

    def files(self, *folders, match=lambda path: True):
        found = []
        for folder in folders:
            for parent, _, names in os.walk(folder):
                for name in names:
                    path = os.path.join(parent, name)
                    if not os.path.islink(path) and os.path.getsize(path) > 0 and match(path):
                        found.append(path)
        return sorted(found)


def flip(path, byte, bit):
    """Changes one bit in place; mode and time stay as they were."""
    status = os.stat(path)
    os.chmod(path, 0o644)
    with open(path, "r+b") as file:
        file.seek(byte)
        value = file.read(1)[0]
        file.seek(byte)
        file.write(bytes([value ^ (1 << bit)]))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    os.chmod(path, status.st_mode & 0o7777)


def content(path):
    with open(path, "rb") as file:
        return file.read()


def essence(path, text):
    """What has to come back to the byte. How a record says that files were linked is not known."""
    if not path.endswith(".json"):
        return text
    record = json.loads(text)
    record["link"]["type"] = record["envm"]["checksum"] = None
    return record


def expect(condition, text):
    if not condition:
        raise Failure(text)


def check_archive(world, path, undo):
    """A create from an empty cache fails, nothing of it stays; there is nothing to repair from."""
    cache, prefix = os.path.join(world.folder, "empty"), os.path.join(world.folder, "other")
    world.create(prefix, expected=(5, 6, 7), cache=cache)
    expect(not os.path.exists(prefix), "there is an environment")
    name = os.path.basename(path).replace(".conda", "").replace(".tar.bz2", "")
    report = world.run("cache", "list", expected=0, cache=cache)
    expect(name not in [entry["package"] for entry in report["cached"]], "it is in the cache")
    world.run("verify", "--cache", expected=0, cache=cache)
    shutil.rmtree(cache)
    undo()
    return False


def check_cached(world, path, undo):
    """verify --cache names the package, repair --cache and repair put everything right."""
    held = os.stat(path).st_nlink > 1
    report = world.run("verify", "--cache", expected=10)
    expect(len(report["damaged"]) == 1, f"damaged: {report['damaged']}")
    relative = os.path.relpath(path, os.path.join(world.cache, "pkgs"))
    expect(report["damaged"][0]["sha256"] == relative.split("/")[1].split(".")[0], "another package")
    if held and not path.endswith(".manifest"):
        names = [fault["path"] for fault in report["damaged"][0]["faults"]]
        expect(any(relative.endswith(name) for name in names), f"{names}")
    world.run("repair", "--cache", expected=0)
    world.run("repair", "-p", world.prefix, expected=0)
    other = os.path.join(world.folder, "other")
    expect(world.create(other)["tree"] == world.tree, "another tree")
    world.run("verify", "--cache", expected=0)
    shutil.rmtree(other)
    return True


def check_file(world, path, undo):
    """verify names the file, repair brings it back."""
    relative = os.path.relpath(path, world.prefix)
    report = world.run("verify", "-p", world.prefix, expected=10)
    expect(relative in [finding["path"] for finding in report["findings"]], "it is not named")
    report = world.run("repair", "-p", world.prefix, expected=0)
    expect(relative in [item["path"] for item in report["repaired"]], "it was not repaired")
    expect(report["tree"] == world.tree, "another tree")
    for parent, _, names in os.walk(world.prefix):
        for name in names:
            if ".envm-saved" in name:
                os.remove(os.path.join(parent, name))
    world.run("verify", "--cache", expected=0)
    return True


def check_meta(world, path, undo):
    """verify names a file of conda-meta, repair brings it back from the others."""
    relative = os.path.relpath(path, world.prefix)
    report = world.run("verify", "-p", world.prefix, expected=10)
    # Of the lock and its sum the lock is named; which of them it was, repair knows.
    named = relative.removesuffix(".sha256")
    expect(named in [finding["path"] for finding in report["findings"]], "it is not named")
    report = world.run("repair", "-p", world.prefix, expected=0)
    expect(relative in [item["path"] for item in report["repaired"]], "it was not repaired")
    expect(report["tree"] == world.tree, "another tree")
    return True


def check_revision(world, path, undo):
    """The newest is the kept lock; of an older one nobody knows more."""
    relative = os.path.relpath(path, world.prefix)
    if path == world.files(os.path.join(world.prefix, "conda-meta", "envm", "revisions"))[-1]:
        return check_meta(world, path, undo)
    report = world.run("verify", "-p", world.prefix, expected=10)
    expect(relative in [finding["path"] for finding in report["findings"]], "it is not named")
    number = os.path.basename(path).split(".")[0]
    world.run("env", "rollback", "-p", world.prefix, number, expected=10)
    report = world.run("repair", "-p", world.prefix, expected=0)
    expect(any(relative in text for text in report["failures"]), "repair does not name it")
    os.rename(path + ".envm-saved", path)
    undo()
    return False


def check_index(world, path, undo):
    """verify --cache names it, repair --cache takes it out, and the next use makes it anew."""
    relative = os.path.relpath(path, world.cache)
    report = world.run("verify", "--cache", expected=10)
    expect(report["damaged_indexes"] == [relative], f"{report['damaged_indexes']}")
    # Whoever uses it either sees that, or reads nothing of what is wrong: never another result.
    world.run("search", "app", "-c", world.channel, "--override-channels", expected=(0, 10))
    world.run("repair", "--cache", expected=0)
    world.run("search", "app", "-c", world.channel, "--override-channels", expected=0)
    world.run("verify", "--cache", expected=0)
    expect(os.path.exists(path), "it was not made anew")
    return True


def check_journal(world, path, undo):
    """All name it and change nothing; repair makes it again, and completes the change."""
    prefix = world.changing
    for command in (("recover", "-p", prefix), ("remove", "-p", prefix, "app")):
        world.run(*command, expected=10)
    report = world.run("verify", "-p", prefix, expected=10)
    relative = os.path.relpath(path, prefix)
    expect(relative in [finding["path"] for finding in report["findings"]], "it is not named")
    report = world.run("repair", "-p", prefix, expected=0)
    expect(relative in [item["path"] for item in report["repaired"]], "it was not repaired")
    expect(not os.path.exists(os.path.join(prefix, ".envm", "txn")), "the journal is still there")
    expect(not glob.glob(os.path.join(prefix, "conda-meta", "tool-*.json")), "the change was not made")
    world.run("verify", "-p", prefix, expected=0)
    return True


def check_project_lock(world, path, undo):
    """A create from it is refused, or makes the same environment."""
    prefix = os.path.join(world.folder, "other")
    report = world.run("create", "-p", prefix, "-f", path, expected=(0, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13))
    if os.path.exists(prefix):
        expect(report["tree"] == world.tree, "another tree")
        shutil.rmtree(prefix)
    undo()
    return False


def kinds(world):
    """Name, the files to choose from, and the check."""
    pkgs = os.path.join(world.cache, "pkgs")
    meta = os.path.join(world.prefix, "conda-meta")
    return [
        ("archive", lambda: world.files(world.channel, match=lambda p: "repodata" not in p),
         check_archive),
        ("cached file", lambda: world.files(pkgs, match=lambda p: p.count("/") > pkgs.count("/") + 2),
         check_cached),
        ("manifest", lambda: world.files(pkgs, match=lambda p: p.endswith(".manifest")),
         check_cached),
        ("file", lambda: world.files(world.prefix, match=lambda p: not p.startswith(meta)
                                     and "/.envm/" not in p), check_file),
        ("record", lambda: world.files(meta, match=lambda p: p.endswith(".json")), check_file),
        ("kept lock", lambda: world.files(meta, match=lambda p: "envm.lock" in p), check_meta),
        ("revision", lambda: world.files(os.path.join(meta, "envm", "revisions")), check_revision),
        ("history", lambda: world.files(meta, match=lambda p: p.endswith("/history")), check_meta),
        ("state", lambda: world.files(meta, match=lambda p: p.endswith("/state")), check_meta),
        ("index", lambda: world.files(os.path.join(world.cache, "repodata"),
                                      match=lambda p: p.endswith(".index")), check_index),
        ("index state", lambda: world.files(os.path.join(world.cache, "repodata"),
                                            match=lambda p: p.endswith(".json")), check_index),
        ("project lock", lambda: [os.path.join(world.folder, "env.lock")], check_project_lock),
    ] + ([("journal", lambda: fresh_journal(world), check_journal)] if world.pending else [])


def fresh_journal(world):
    shutil.rmtree(world.changing, ignore_errors=True)
    subprocess.run(["cp", "-a", world.pending, world.changing], check=True)
    return world.journals(world.changing)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--flips", type=int, default=int(os.environ.get("ENVM_FLIPS", "150")))
    parser.add_argument("--seed", type=int,
                        default=int(os.environ.get("ENVM_SEED", random.randrange(10**9))))
    parser.add_argument("--injector", type=os.path.abspath)
    parser.add_argument("--kind", help="only this one")
    options = parser.parse_args()
    print(f"ENVM_SEED={options.seed}", flush=True)
    counts, repaired, byte_exact = collections.Counter(), collections.Counter(), 0
    exact = ("file", "record", "kept lock", "history", "state")
    with tempfile.TemporaryDirectory(prefix="envm-flips.") as folder:
        world = World(os.path.abspath(options.program), folder)
        if options.injector and subprocess.run([options.injector, "-o", os.devnull, "true"],
                                               check=False).returncode == 0:
            world.make_pending(options.injector)
        else:
            print("no journals: there is no injector, or this machine does not allow tracing")
        for number in range(options.flips):
            rng = random.Random(f"{options.seed}-{number}")
            chosen = [kind for kind in kinds(world) if options.kind in (None, kind[0])]
            name, candidates, check = chosen[number % len(chosen)]
            path = rng.choice(candidates())
            before = content(path)
            byte, bit = rng.randrange(len(before)), rng.randrange(8)
            flip(path, byte, bit)
            try:
                if check(world, path, lambda: flip(path, byte, bit)):
                    repaired[name] += 1
                    # The copy of the state has the time at which that was put back.
                    if name in exact and not path.endswith("/envm/state"):
                        expect(essence(path, content(path)) == essence(path, before),
                               "other bytes came back")
                        byte_exact += 1
                world.run("verify", "-p", world.prefix, expected=0)
            except Failure as failure:
                print(f"flip {number} ({name}): bit {bit} of byte {byte} of {path}\n{failure}\n"
                      f"again: {sys.argv[0]} {options.program} --seed {options.seed} "
                      f"--flips {number + 1}")
                return 1
            counts[name] += 1
    print(f"{'kind':14}{'flips':>7}{'found':>7}{'repaired':>10}{'named only':>12}")
    for name, count in counts.items():
        # Of a project's lock what is not refused makes no difference.
        print(f"{name:14}{count:7}{count:7}{repaired[name]:10}{count - repaired[name]:12}")
    print(f"{sum(counts.values())} flips: all found, {sum(repaired.values())} repaired "
          f"({byte_exact} of them to the byte), the others named")
    return 0


if __name__ == "__main__":
    sys.exit(main())
