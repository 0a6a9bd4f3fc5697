# SPDX-License-Identifier: MIT
"""The peak memory of each command over size: names that a solve reaches, and files that are installed.

A figure is the largest single process of one run (see measure.Run). The commands run once; what they print is checked by
other tests. This comes last: it removes environments, and ext4 is slow for minutes after that.
"""

import os

import measure
import repodata_world

MIB = 1024


def by_names(bench, sizes):
    """Commands that ask a channel with 650,000 records, which has no packages to install."""
    channel, _ = bench.repodata(bench.sizes()[1])
    rows = []

    def has_solution(specs):
        try:
            bench.solve(channel, specs)
        except measure.Failed:
            return False
        return True
    for reached, specs in repodata_world.requests_by_reach(bench.core(), sizes, bench.specs(), has_solution):
        name = bench.path(f"memory-{reached}")
        with open(name + ".yaml", "w", encoding="utf-8") as file:
            file.write(f"name: memory\nchannels: ['{channel}', nodefaults]\ndependencies: [{', '.join(specs)}]\n")
        lock = bench.run("lock", "-f", name + ".yaml")
        rows.append({"names": reached, "create --dry-run": peak(bench.solve(channel, specs)), "lock": peak(lock),
                     "lock again": peak(bench.run("lock", "-f", name + ".yaml")),
                     "lock --update": peak(bench.run("lock", "--update", "-f", name + ".yaml")),
                     "lock --check": peak(bench.run("lock", "--check", "--offline", "-f", name + ".yaml")),
                     "search": peak(bench.run("search", "--override-channels", "-c", channel, specs[0])),
                     "search --needs": peak(bench.run("search", "--override-channels", "-c", channel, "--needs", specs[0]))})
    return rows


def by_files(bench, sizes):
    """One environment through its life. "half" has half of the packages; install and sync bring the others."""
    rows = []
    for count, files, size in sizes:
        folder, lock = bench.packages(count, files, size)
        cache = bench.fresh("cache-memory")
        whole, second, half = (bench.path(bench.fresh("memory")) for _ in range(3))
        channel = ["--override-channels", "-c", "file://" + folder]

        def run(*arguments, allow=(0,), cache=cache):
            return peak(bench.run(*arguments, cache=cache, allow=allow))
        row = {"files": files, "packages": count + 2}
        row["create, cache empty"] = run("create", "-p", whole, "-f", lock)
        row["create, cached"] = run("create", "-p", second, "-f", lock)
        row["create, nothing to do"] = run("create", "-p", second, "-f", lock)
        run("create", "-p", half, *channel, *(f"pkg{number}" for number in range(count // 2)))
        row["install"] = run("install", "-p", half, "all")
        row["update"] = run("update", "-p", half, "--all")
        row["remove"] = run("remove", "-p", half, "--yes", "all", f"pkg{count // 2 - 1}")
        row["sync"] = run("sync", "-p", half, "-f", lock)
        row["list"] = run("list", "-p", whole)
        row["verify"] = run("verify", "-p", whole)
        row["verify --cache"] = run("verify", "--cache")
        damage(half, count)
        row["repair"] = run("repair", "-p", half)
        row["search"] = run("search", *channel, "pkg*")
        row["lock --fetch"] = run("lock", "--fetch", "-f", bench.path(os.path.basename(folder) + ".yaml"), "-o", whole + ".lock")
        for prefix in (whole, second, half):
            run("env", "remove", "-p", prefix)
        row["clean"] = run("clean", "--all")
        rows.append(row)
    return rows


def damage(prefix, count):
    """One file is gone, of each package."""
    for number in range(count):
        for folder in (f"lib/pkg{number}", f"include/pkg{number}", f"share/pkg{number}", f"lib/python3.12/site-packages/pkg{number}"):
            found = [os.path.join(parent, name) for parent, _, names in os.walk(os.path.join(prefix, folder)) for name in sorted(names)[:1]]
            if found:
                os.unlink(found[0])
                break


def peak(run):
    return round(run.peak / MIB)
