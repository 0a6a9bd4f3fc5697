#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Cache and environments on file systems that lack something, or behave in their own way.

    odd_filesystems.py [--scenario NAME[,NAME]] ENVM INJECTOR

overlay: channel, cache and environment lie in the lower layer of an overlay, as in an image of a
container; each command runs on top of it. The lower layer must not change.
no symlinks, no modes: as on vfat. A command that needs them says so (exit 8), and has changed nothing.
no hard links, no copies by reference, no flags of rename, no syncfs, no openat2: the commands complete
as ever.
vfat: the same on a real one in a file, where this machine can make and mount it.

Mounts want root; what cannot be done here is named and left out.
"""

import argparse
import errno
import os
import shutil
import subprocess
import sys
import tempfile

from scenarios import SCENARIOS, check, judge
from world import World

NAMES = ("sync", "install", "update", "remove", "rollback", "create", "recover", "env-remove", "replace",
         "clobber", "repair", "sync-cold", "clean")


class Overlay:
    """A fresh upper layer over the world, at its own path."""

    def __init__(self, world, layers):
        self.at, self.layers = world.base, layers

    def __enter__(self):
        for name in ("upper", "work"):
            shutil.rmtree(os.path.join(self.layers, name), ignore_errors=True)
            os.mkdir(os.path.join(self.layers, name))
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={self.at},upperdir={self.layers}/upper,workdir={self.layers}/work",
                        self.at], check=True, stderr=subprocess.PIPE)

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.at], check=True)


def on_overlay(world, name, layers):
    scenario = SCENARIOS[name](world)
    scenario.prepare()
    before = check.tree_of(world.base)
    with Overlay(world, layers):
        code, errors, _ = world.run(*scenario.command())
        wrong = check.check_output(code, errors)
        if code != 0:
            wrong.append(f"exit status {code}: {errors.decode(errors='replace')}")
        elif scenario.state() != world.states[scenario.goal]:
            wrong.append("another state: "
                         f"{check.differences(world.states[scenario.goal], scenario.state())}")
        # Times and numbers of files differ there; only what is outside matters, and that is looked at.
        world.outside, kept = check.tree_of(world.path("outside")), world.outside
        wrong += judge(scenario, world, True)
        world.outside = kept
    if check.tree_of(world.base) != before:
        wrong.append("the lower layer has changed")
    return wrong


def lacking(world, name, calls, may_fail, words):
    """The command with system calls that do not work here."""
    scenario = SCENARIOS[name](world)
    scenario.prepare()
    options = sum((("-a", f"{call}={getattr(errno, error)}") for call, error in calls), ())
    code, errors, _ = world.run(*scenario.command(), inject=options)
    wrong = check.check_output(code, errors)
    text = errors.decode(errors="replace")
    # What a repair could not put back it names, with the reason.
    if code not in ((0, 10 if name == "repair" and "cannot repair" in text else 8) if may_fail else (0,)):
        wrong.append(f"exit status {code}: {text}")
    if code == 8 and words not in text:
        wrong.append(f"it does not say that {words}: {text}")
    if code == 0 and scenario.state() != world.states[scenario.goal]:
        wrong.append("another state")
    return wrong + judge(scenario, world, True)


def vfat(world, base):
    """(reason to leave it out or "", violations): a create there is refused, and leaves nothing."""
    if not shutil.which("mkfs.vfat", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
        return "mkfs.vfat is not installed", []
    image, at = os.path.join(base, "vfat.image"), os.path.join(base, "vfat")
    os.mkdir(at)
    with open(image, "wb") as file:
        file.truncate(64 << 20)
    subprocess.run(["mkfs.vfat", image], check=True, stdout=subprocess.DEVNULL,
                   env=dict(os.environ, PATH=os.environ["PATH"] + ":/usr/sbin:/sbin"))
    done = subprocess.run(["mount", "-o", "loop", image, at], check=False, stderr=subprocess.PIPE)
    if done.returncode != 0:
        return done.stderr.decode(errors="replace").strip(), []
    try:
        code, errors, _ = world.run("create", "-p", os.path.join(at, "env"), "-f",
                                    world.path("new.lock"))
        wrong = check.check_output(code, errors)
        if code != 8 or b"symbolic links" not in errors:
            wrong.append(f"exit status {code}: {errors.decode(errors='replace')}")
        wrong += [f"{name} is left" for name in os.listdir(at)]
    finally:
        subprocess.run(["umount", "-l", at], check=True)
    return "", wrong


LACKS = (
    ("no symlinks", [("symlinkat", "EPERM"), ("symlink", "EPERM")], True, "symbolic links"),
    ("no modes", [("fchmod", "EPERM"), ("fchmodat", "EPERM")], True, "not permitted"),
    ("no hard links", [("linkat", "EPERM"), ("link", "EPERM")], False, ""),
    ("no hard links and no clones", [("linkat", "EPERM"), ("link", "EPERM"), ("ioctl", "EOPNOTSUPP"),
                                     ("copy_file_range", "EXDEV")], False, ""),
    ("no flags of rename", [("renameat2", "EINVAL")], False, ""),
    ("no syncfs", [("syncfs", "ENOSYS")], False, ""),
    ("no openat2", [("openat2", "ENOSYS")], False, ""),
)


def run_all(world, args, base):
    done = bad = 0
    cases = [(f"{what}, {name}", lambda n=name, c=calls, m=may, w=words: lacking(world, n, c, m, w))
             for what, calls, may, words in LACKS for name in args.scenarios]
    layers = os.path.join(base, "layers")
    os.mkdir(layers)
    why = can_overlay(world, layers)
    if why:
        print(f"odd_filesystems: overlay: SKIPPED: {why}", flush=True)
    else:
        cases += [(f"overlay, {name}", lambda n=name: on_overlay(world, n, layers))
                  for name in args.scenarios]
    for what, run in cases:
        wrong = run()
        done, bad = done + 1, bad + bool(wrong)
        for text in wrong[:5]:
            print(f"{what}: {text}", flush=True)
    why, wrong = vfat(world, base) if os.geteuid() == 0 else ("only root may mount", [])
    if why:
        print(f"odd_filesystems: vfat: SKIPPED: {why}", flush=True)
    for text in wrong:
        print(f"vfat: {text}", flush=True)
    return done + (not why), bad + bool(wrong)


def can_overlay(world, layers):
    if os.geteuid() != 0:
        return "only root may mount a file system"
    try:
        with Overlay(world, layers):
            return ""
    except (OSError, subprocess.CalledProcessError) as failure:
        return (getattr(failure, "stderr", None) or str(failure).encode()).decode().strip()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("envm", type=os.path.abspath)
    parser.add_argument("injector", type=os.path.abspath)
    parser.add_argument("--scenario", default=",".join(NAMES))
    args = parser.parse_args()
    args.scenarios = args.scenario.split(",")
    if subprocess.run([args.injector, "-o", os.devnull, "true"], check=False).returncode == 77:
        print("odd_filesystems: SKIPPED: this machine does not allow tracing", flush=True)
        return 77
    base = tempfile.mkdtemp(prefix="envm-odd.", dir=os.environ.get("TMPDIR") or (
        "/dev/shm" if os.path.isdir("/dev/shm") else "/tmp"))
    world = World(base, args.envm, args.injector)
    try:
        done, bad = run_all(world, args, base)
    finally:
        world.drop()
        shutil.rmtree(base, ignore_errors=True)
    print(f"odd file systems: {done} cases, {bad} violations")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
