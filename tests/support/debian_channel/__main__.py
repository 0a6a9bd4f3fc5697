# SPDX-License-Identifier: MIT
"""Makes a real conda channel out of Debian's own packages: Python with pip, numpy, requests and
their like, as .conda and .tar.bz2 files, so that envm can be tried and tested without a network
beyond Debian's mirror. Needs no root.

usage: python3 tests/support/debian_channel --work DIR --out CHANNEL [--download-only]

DIR keeps the downloaded packages for the next run; CHANNEL is made anew.
"""
import argparse
import os
import shutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import demo
import patches
from archive import finish, write_repodata
from debian import Layout, Unusable, check_machine, conda_version, download, run, unpack
from table import PYTHON, ROWS, TAR_BZ2, TOOLS


class Kitchen:
    """The folders and facts that making every package needs."""

    def __init__(self, work, channel, machine):
        self.debs, self.unpacked, self.stage = work / "debs", work / "unpacked", work / "stage"
        self.channel = channel
        self.multiarch, self.subdir, self.arch = machine
        self.control = {}

    def names(self):
        return sorted({deb for row in ROWS for deb in row.debs} | set(TOOLS))

    def clean(self):
        for folder in (self.stage, self.channel):
            shutil.rmtree(folder, ignore_errors=True)
        for subdir in (self.subdir, "noarch"):
            (self.channel / subdir).mkdir(parents=True)

    def make(self, row):
        """One package of the table; returns (file name, record)."""
        target = self.stage / row.name
        site_packages = "site-packages" if row.kind == "pure" else f"lib/python{PYTHON}/site-packages"
        layout = Layout(self.multiarch, site_packages)
        target.mkdir(parents=True)
        for deb in row.debs:
            layout.stage(self.unpacked, deb, target)
        entry_points = patches.apply_all(row, target, site_packages, self.unpacked, self.multiarch)
        return finish(target, self.channel, self.record(row), self.about(row), entry_points,
                      old_format=row.name in TAR_BZ2)

    def record(self, row):
        version, number, revision = conda_version(self.control[row.debs[0]]["Version"])
        build = {"python": f"{revision}_cpython", "extension": f"py311_{revision}",
                 "pure": f"pyhd_{revision}"}.get(row.kind, revision)
        record = {"name": row.name, "version": version, "build": build, "build_number": number,
                  "depends": row.depends}
        if row.kind in ("pure", "data"):
            return {**record, "subdir": "noarch", "noarch": "python" if row.kind == "pure" else "generic"}
        return {**record, "subdir": self.subdir, "arch": self.arch, "platform": "linux"}

    def about(self, row):
        origin = ", ".join(f"{deb} {self.control[deb]['Version']}" for deb in row.debs)
        return {"summary": self.control[row.debs[0]]["Description"],
                "home": self.control[row.debs[0]]["Homepage"],
                "description": f"repackaged from Debian: {origin}"}


def make_channel(kitchen):
    kitchen.clean()
    kitchen.control = unpack(kitchen.names(), kitchen.debs, kitchen.unpacked)
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        packages = [pool.submit(demo.make_all, kitchen.stage, kitchen.channel, kitchen.subdir, kitchen.arch)]
        rows = list(pool.map(kitchen.make, ROWS))
    rows += packages[0].result()
    write_repodata(kitchen.channel, (kitchen.subdir, "noarch"), dict(sorted(rows)))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--work", required=True, type=Path)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--download-only", action="store_true")
    options = parser.parse_args()
    start = time.monotonic()
    try:
        kitchen = Kitchen(options.work.resolve(), options.out.resolve(), check_machine())
        download(kitchen.names(), kitchen.debs)
        print(f"debian_channel: {len(kitchen.names())} Debian packages, {time.monotonic() - start:.0f} s")
        if options.download_only:
            return 0
        rows = make_channel(kitchen)
    except Unusable as reason:
        print(f"debian_channel: {reason}", file=sys.stderr)
        return 1
    size = sum(record["size"] for _, record in rows)
    print(f"debian_channel: {len(rows)} conda packages, {size / 1e6:.0f} MB, "
          f"{time.monotonic() - start:.0f} s: {kitchen.channel}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
