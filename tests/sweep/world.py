# SPDX-License-Identifier: MIT
"""The small world of the sweeps: a channel, a cache, an environment, and what nobody may touch."""

import os
import shutil
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import check_invariants as check  # noqa: E402
from mkchannel import Channel  # noqa: E402


def make_channel(root, newer):
    """Seven packages, and newer versions of some: text and binary with placeholder, an entry point,
    links, an empty folder, a file that becomes a folder and the other way round, contested files."""
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
    channel.add("rival", "1.0", subdir="linux-64", depends=["going"], files={
        "share/going/a/b/c": "another", "share/rival": "r", "bin/app": {"text": "rival", "exec": True}})
    # -e: a failing system call of a script is a failing script.
    for version in ("1.0", "2.0"):
        channel.add("scripted", version, subdir="linux-64", depends=["lib"], files={
            "share/scripted": version}, link_scripts={
            "post-link": "#!/bin/sh\nset -e\nmkdir -p $PREFIX/var/scripted\n"
                         f"echo {version} >$PREFIX/var/scripted/made\n"
                         "echo more >>$PREFIX/etc/lib.conf\nrm -f $PREFIX/lib/lib/03.txt\n",
            "pre-unlink": "#!/bin/sh\nset -e\nrm -f $PREFIX/var/scripted/made\n"
                          "echo left >$PREFIX/etc/left\n"})
    channel.write()


class World:
    """One machine: channel, cache, environment, home, and a tree that nobody may touch."""

    def __init__(self, base, envm, injector, preload=None, place=""):
        self.envm, self.injector, self.preload = envm, injector, preload
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
            "ASAN_OPTIONS": "detect_leaks=0:exitcode=99:abort_on_error=0:verify_asan_link_order=0"}
        self.prefix = self.path(place, "env")
        os.makedirs(os.path.dirname(self.prefix), exist_ok=True)
        make_channel(self.path("channel"), newer=False)
        self.lock("old", "lib", "app", "python", "tool", "going")
        make_channel(self.path("channel"), newer=True)
        self.lock("new", "lib=2.0", "app", "python=3.12", "tool", "coming")
        self.lock("clash", "lib=1.0", "app", "python=3.11", "tool", "going", "rival")
        self.lock("scripted", "lib=2.0", "scripted=1.0",
                  options=("--fetch", "--run-scripts", "scripted"))
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

    def lock(self, name, *specs, options=()):
        file = self.path(name + ".yaml")
        with open(file, "w", encoding="utf-8") as out:
            out.write(f"channels: [file://{self.path('channel')}, nodefaults]\ndependencies:\n")
            out.writelines(f"  - {spec}\n" for spec in specs)
        self.must("lock", "-f", file, "--platform", "linux-64", *options)

    def keep(self, tree, name):
        subprocess.run(["cp", "-a", tree, self.path("keep", name)], check=True)

    def restore(self, name, kept):
        path = self.prefix if name == "env" else self.path(name)
        shutil.rmtree(path, ignore_errors=True)
        # One bad point must not spoil the next ones.
        for beside in os.listdir(os.path.dirname(path)):
            if beside.startswith(f".{name}."):
                subprocess.run(["rm", "-rf", os.path.join(os.path.dirname(path), beside)], check=True)
        if kept:
            subprocess.run(["cp", "-a", self.path("keep", kept), path], check=True)

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

    def run_short_of_memory(self, *words, plan):
        """The same with an allocation that fails (`plan` of inject_alloc.c); the report has how many
        allocations there were, how many failed, and the calls that led to the first."""
        report = self.path("allocations")
        if os.path.exists(report):
            os.unlink(report)
        done = subprocess.run(
            [self.envm, *words], cwd=self.path("tmp"), check=False, timeout=120,
            env={**self.environment, "LD_PRELOAD": self.preload, "INJECT_ALLOC": f"{plan}:{report}"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with open(report, "rb") as file:
            total, fired, _ = struct.unpack("=3Q", file.read(24))
            text = file.read().split(b"\0")[0].decode("utf-8", "replace")
        # module(function+offset), without the address, which differs from run to run
        stack = [line.split("[")[0].rsplit("/", 1)[-1].strip() for line in text.splitlines()]
        return done.returncode, done.stderr, {"total": total, "fired": fired, "stack": stack[2:]}

    def must(self, *words):
        code, errors, _ = self.run(*words)
        if code != 0:
            raise RuntimeError(f"envm {' '.join(words)}: {code}\n{errors.decode(errors='replace')}")

    def drop(self):
        shutil.rmtree(self.base, ignore_errors=True)
