# SPDX-License-Identifier: MIT
"""Debian packages: download, unpack, and lay out as a conda package is laid out."""
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from table import ARCHITECTURES, DROPPED, PYTHON, RELEASE

DROPPED_PATHS = re.compile("|".join(DROPPED))
FIELDS = ("Version", "Description", "Homepage")


class Unusable(Exception):
    """This machine cannot make the channel; the text says why."""


def run(*command, **options):
    """subprocess.run that shows the output of a program only when it fails."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False, **options)
    if done.returncode != 0:
        raise Unusable(f"{command[0]} ended with status {done.returncode}:\n{done.stdout.strip()}")
    return done.stdout


def check_machine():
    """Returns (multiarch folder, conda subdir, conda arch)."""
    needed = {"apt-get": "apt", "dpkg": "dpkg", "dpkg-deb": "dpkg", "gcc": "gcc", "zstd": "zstd"}
    missing = [f"{program} (package {package})" for program, package in needed.items()
               if not shutil.which(program)]
    if missing:
        raise Unusable(f"the channel is made of Debian {RELEASE} packages by Debian's tools; missing: "
                       + ", ".join(missing))
    release = Path("/etc/os-release").read_text(encoding="utf-8")
    if f"VERSION_CODENAME={RELEASE}" not in release.replace('"', ""):
        raise Unusable(f"the packages are those of Debian {RELEASE}, and this is another system")
    architecture = run("dpkg", "--print-architecture").strip()
    if architecture not in ARCHITECTURES:
        raise Unusable(f"no table for the architecture {architecture}, only for "
                       + ", ".join(ARCHITECTURES))
    return ARCHITECTURES[architecture]


def deb_name(path):
    return path.name.split("_")[0]


def download(names, folder):
    """Fetches what is not in the folder yet; as any user, with apt's own lists or private ones."""
    folder.mkdir(parents=True, exist_ok=True)
    have = {deb_name(path) for path in folder.glob("*.deb")}
    wanted = [name for name in names if name not in have]
    if not wanted:
        return
    fresh = folder / "new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir()
    try:
        run("apt-get", "-q", "download", *wanted, cwd=fresh)
    except Unusable:
        private = private_apt(folder / "apt")
        run("apt-get", "-q", *private, "update")
        run("apt-get", "-q", *private, "download", *wanted, cwd=fresh)
    for path in fresh.glob("*.deb"):
        path.rename(folder / path.name)
    shutil.rmtree(fresh)


def private_apt(folder):
    """Options that let apt keep its lists below a folder of ours: no root needed."""
    for name in ("state/lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return ["-o", f"Dir::State={folder.resolve()}/state", "-o", f"Dir::Cache={folder.resolve()}/cache",
            "-o", "Dir::State::status=/var/lib/dpkg/status"]


def unpack(names, debs, target):
    """Unpacks every package into target/NAME; returns {name: {"Version": …}}."""
    paths = {deb_name(path): path for path in sorted(debs.glob("*.deb"))}
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)

    def one(name):
        run("dpkg-deb", "-x", paths[name], target / name)
        control = run("dpkg-deb", "-f", paths[name], *FIELDS)
        return name, {field: value_of(control, field) for field in FIELDS}

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(pool.map(one, names))


def value_of(control, field):
    found = re.search(rf"^{field}: (.*)$", control, re.M)
    return found[1] if found else ""


def conda_version(version):
    """Debian's "1:1.24.2-1+deb12u1" gives ("1.24.2", 1, "1_deb12u1")."""
    upstream, _, revision = version.split(":", 1)[-1].partition("-")
    number = re.match(r"\d*", revision)[0]
    return (re.match(r"\d+(\.\d+)*[a-z]?", upstream)[0], int(number or 0),
            re.sub(r"[^A-Za-z0-9]+", "_", revision or "0").strip("_"))


class Layout:
    """Where files of Debian packages go in a conda package."""

    def __init__(self, multiarch, site_packages):
        self.moves = [(f"usr/lib/{multiarch}/blas/", "lib/"), (f"usr/lib/{multiarch}/lapack/", "lib/"),
                      (f"usr/lib/{multiarch}/", "lib/"), (f"lib/{multiarch}/", "lib/"),
                      ("usr/lib/python3/dist-packages/", site_packages + "/"),
                      (f"usr/lib/python{PYTHON}/dist-packages/", site_packages + "/"),
                      ("usr/", ""), ("lib/", "lib/")]

    def move(self, path):
        for start, replacement in self.moves:
            if path.startswith(start):
                return replacement + path[len(start):]
        return path

    def stage(self, unpacked, name, target):
        """Copies what is wanted of one unpacked package into the package being made."""
        base = unpacked / name
        for path in sorted(base.rglob("*")):
            relative = str(path.relative_to(base))
            if DROPPED_PATHS.search(relative) or path.is_dir() and not path.is_symlink():
                continue
            destination = target / self.move(relative)
            destination.parent.mkdir(parents=True, exist_ok=True)
            if path.is_symlink():
                self.copy_link(path, relative, destination)
            elif not os.path.lexists(destination):
                shutil.copy2(path, destination)
        licence = base / "usr/share/doc" / name / "copyright"
        if licence.is_file():
            (target / "info/licenses").mkdir(parents=True, exist_ok=True)
            shutil.copy2(licence, target / f"info/licenses/{name}.copyright")

    def copy_link(self, path, relative, destination):
        text = os.readlink(path)
        if text.startswith("/") or os.path.lexists(destination):
            return      # absolute links lead to Debian's alternatives, which a prefix does not have
        leads_to = self.move(os.path.normpath(os.path.join(os.path.dirname(relative), text)))
        os.symlink(os.path.relpath(leads_to, os.path.dirname(self.move(relative))), destination)
