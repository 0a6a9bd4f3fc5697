#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Installs every package file below a data folder, each alone through an @EXPLICIT file with its
sha256, and compares the outcome with a table of expected results.

    real_packages.py ENVM DATA_DIR TABLE [SUBSTRING]

Good packages install, verify and are removed; the others are refused with the exit code that the
table says and leave nothing behind. Packages for other systems are installed with --platform, and a
small python stands beside each, which noarch ones need. Exit 77 when the data is not there.
"""
import bz2
import collections
import hashlib
import io
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from mkchannel import Channel  # noqa: E402

EXIT = {"malformed": 6, "integrity": 5, "unsafe": 7, "clobber": 11, "no-solution": 3}


def read_table(path):
    rows = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, code, why = line.split("\t")
            rows[name] = (EXIT[code], why)
    return rows


def index_json(path):
    """info/index.json as other people's tools read it; None when they cannot."""
    try:
        if path.name.endswith(".tar.bz2"):
            stream = io.BytesIO(bz2.decompress(path.read_bytes()))
        else:
            with zipfile.ZipFile(path) as outer:
                member = next(n for n in outer.namelist() if "info-" in n and n.endswith(".tar.zst"))
                plain = subprocess.run(["zstd", "-dcq"], input=outer.read(member), check=True,
                                       stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
            stream = io.BytesIO(plain)
        with tarfile.open(fileobj=stream) as tar:
            for name in ("info/index.json", "./info/index.json"):
                try:
                    return json.load(tar.extractfile(name))
                except KeyError:
                    continue
    except Exception:  # whatever is wrong with it is envm's to say
        pass
    return None


class World:
    def __init__(self, envm, root):
        self.envm, self.root = envm, pathlib.Path(root)
        self.env = {"PATH": os.environ["PATH"], "HOME": str(self.root / "home"),
                    "ENVM_ROOT": str(self.root / "root"), "ENVM_CACHE": str(self.root / "cache"),
                    "ENVM_DURABILITY": "none", "LC_ALL": "C.UTF-8"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                self.env[name] = os.environ[name]
        (self.root / "home").mkdir()
        self.pythons = {}

    def run(self, *arguments):
        return subprocess.run([self.envm, *map(str, arguments)], env=self.env, capture_output=True,
                              text=True, errors="replace", cwd=self.root, stdin=subprocess.DEVNULL)

    def python(self, subdir):
        if subdir not in self.pythons:
            out = self.root / "pythons"
            channel = Channel(str(out), subdirs=("noarch", subdir))
            name = "python.exe" if subdir.startswith("win") else "bin/python3.6"
            channel.add("python", "3.6.1", "0", subdir=subdir,
                        files={name: {"text": "#!/bin/sh\n", "exec": True}})
            channel.write()
            found = next((out / subdir).glob("python-3.6.1-0.*"))
            self.pythons[subdir] = found
        return self.pythons[subdir]

    def left_behind(self):
        """Anything but the cache's own folders and the python's entry."""
        found = [p for p in self.root.iterdir() if p.name.startswith((".env", "env."))]
        found += list((self.root / "cache").glob("tmp/*")) if (self.root / "cache").exists() else []
        return found


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check(world, path, expected):
    index = index_json(path) or {}
    subdir = index.get("subdir") or "linux-64"
    platform = "linux-64" if subdir == "noarch" else subdir
    lines = ["@EXPLICIT", f"{path}#{sha256(path)}"]
    if index.get("name") != "python" and not path.name.startswith("python-"):
        python = world.python(platform)
        lines.append(f"{python}#{sha256(python)}")
    listing = world.root / "list.txt"
    listing.write_text("\n".join(lines) + "\n")
    prefix = world.root / "env"
    created = world.run("create", "-p", prefix, "-f", listing, "--platform", platform)
    problems = []
    if created.returncode != expected:
        problems.append(f"exit {created.returncode} instead of {expected}: {created.stderr.strip()}")
    if created.returncode == 0:
        verified = world.run("verify", "-p", prefix)
        if verified.returncode != 0:
            problems.append(f"verify: {verified.stdout.strip()} {verified.stderr.strip()}")
    elif prefix.exists():
        problems.append("an environment was left behind")
    if created.returncode != 0 and "error[" not in created.stderr:
        problems.append("no error message")
    problems += [f"left behind: {p}" for p in world.left_behind()]
    if prefix.exists():
        removed = world.run("env", "remove", "-p", prefix)
        if removed.returncode != 0:
            problems.append(f"remove: {removed.stderr.strip()}")
            shutil.rmtree(prefix, ignore_errors=True)
    return problems


def main():
    envm, data, table = sys.argv[1], pathlib.Path(sys.argv[2]).resolve(), pathlib.Path(sys.argv[3])
    only = sys.argv[4] if len(sys.argv) > 4 else ""
    if not data.is_dir():
        print(f"skipped: {data} is not there")
        return 77
    expected = read_table(table)
    packages = sorted(p for folder in ("channels", "packages") for p in (data / folder).rglob("*")
                      if p.name.endswith((".conda", ".tar.bz2")) and p.is_file())
    counts, failures = collections.Counter(), 0
    with tempfile.TemporaryDirectory(prefix="envm-real-") as root:
        world = World(envm, root)
        for path in packages:
            name = str(path.relative_to(data))
            if only not in name:
                continue
            code, _ = expected.get(name, (0, "good"))
            problems = check(world, path, code)
            counts[code] += not problems
            failures += bool(problems)
            for problem in problems:
                print(f"{name}: {problem}")
        subprocess.run(["chmod", "-R", "u+w", root], check=False)
    shown = ", ".join(f"{count} refused with {code}" if code else f"{count} installed and verified"
                      for code, count in sorted(counts.items()))
    print(f"{sum(counts.values()) + failures} packages: {shown}, {failures} not as expected")
    return 1 if failures or not counts else 0


sys.exit(main())
