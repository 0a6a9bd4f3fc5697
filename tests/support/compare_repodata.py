#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares a dump of envm's repodata index with a straight reading of the repodata itself.

    compare_repodata.py REPODATA DUMP SUBDIR

REPODATA is JSON or .zst (read with the zstd program), DUMP has one JSON record per line with
`file_name` added. Every record that conda's rules keep must be in the dump, with the same fields,
and nothing else. Exit 1 with the first differences.
"""

import json
import re
import subprocess
import sys

SECONDS_MAX = 253402300799
TEXTS = ("version", "build", "license", "license_family", "features", "python_site_packages_path")


def load(path):
    if path.endswith(".zst"):
        return json.loads(subprocess.run(["zstd", "-dc", path], check=True,
                                         stdout=subprocess.PIPE).stdout)
    with open(path, "rb") as source:
        return json.load(source)


def stem_of(file_name):
    for extension in (".conda", ".tar.bz2"):
        if file_name.endswith(extension):
            return file_name[:-len(extension)]
    return None


def expected(repodata):
    """The records that count, by file name."""
    removed = set(repodata.get("removed", []))
    records = {}
    for section in ("packages", "packages.conda"):
        for file_name, record in repodata.get(section, {}).items():
            if file_name not in removed:
                records[file_name] = record
    for extension in ("conda", "tar.bz2"):
        for stem, record in repodata.get("v3", {}).get(extension, {}).items():
            if f"{stem}.{extension}" not in removed:
                records.setdefault(f"{stem}.{extension}", record)
    twins = {stem_of(name) for name in records if name.endswith(".conda")}
    return {name: record for name, record in records.items()
            if not (name.endswith(".tar.bz2") and stem_of(name) in twins)}


def features(value):
    return value if isinstance(value, list) else [x for x in re.split(r"[\s,]+", value or "") if x]


def normal(record, subdir):
    """What must be equal on both sides."""
    timestamp = int(record.get("timestamp") or 0)
    result = {key: record.get(key) or "" for key in TEXTS if isinstance(record.get(key) or "", str)}
    result.update({
        "name": record["name"].lower(),
        "build_number": record.get("build_number", 0),
        "depends": record.get("depends") or [],
        "constrains": record.get("constrains") or [],
        "extra_depends": record.get("extra_depends") or {},
        "flags": record.get("flags") or [],
        "indexed_timestamp": record.get("indexed_timestamp") or 0,
        "track_features": features(record.get("track_features")),
        "sha256": (record.get("sha256") or "").lower(),
        "md5": (record.get("md5") or "").lower(),
        "size": record.get("size"),
        "subdir": record.get("subdir") or subdir,
        "timestamp": timestamp if timestamp > SECONDS_MAX else timestamp * 1000,
        "noarch": {True: "generic"}.get(record.get("noarch"), record.get("noarch")) or None,
    })
    return result


def main():
    repodata, dump, subdir = sys.argv[1:4]
    wanted = expected(load(repodata))
    faults = []
    seen = set()
    with open(dump, encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            file_name = record.pop("file_name")
            if file_name in seen or file_name not in wanted:
                faults.append("not expected: " + file_name)
                continue
            seen.add(file_name)
            theirs, ours = normal(wanted[file_name], subdir), normal(record, subdir)
            if theirs != ours:
                faults.append("%s:\n  %s\n  %s" % (file_name, theirs, ours))
    faults += ["missing: " + name for name in sorted(set(wanted) - seen)]
    for fault in faults[:10]:
        print(fault)
    print("%d records compared, %d differences" % (len(seen), len(faults)))
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
