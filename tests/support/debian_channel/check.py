#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Checks a channel on disk without envm: every archive against its record, every file against
paths.json, and that the stems and indexes agree.

usage: check.py CHANNEL
"""
import bz2
import hashlib
import io
import json
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path


def unzstd(content):
    return subprocess.run(["zstd", "-q", "-d", "-c"], input=content, stdout=subprocess.PIPE, check=True).stdout


def members(path):
    """{name: (entry, content)} of one package."""
    if path.name.endswith(".tar.bz2"):
        tars = [bz2.decompress(path.read_bytes())]
    else:
        with zipfile.ZipFile(path) as archive:
            tars = [unzstd(archive.read(name)) for name in archive.namelist() if name.endswith(".tar.zst")]
    found = {}
    for content in tars:
        with tarfile.open(fileobj=io.BytesIO(content)) as archive:
            for entry in archive:
                found[entry.name] = (entry, archive.extractfile(entry).read() if entry.isreg() else b"")
    return found


def check_paths(found):
    paths = json.loads(found["info/paths.json"][1])["paths"]
    listed = {entry["_path"] for entry in paths}
    present = {name for name in found if not name.startswith("info/")}
    yield from (f"{name}: not in both the archive and paths.json" for name in sorted(listed ^ present))
    for entry in paths:
        member, content = found.get(entry["_path"], (None, b""))
        if member is None or not member.isreg():
            continue
        if hashlib.sha256(content).hexdigest() != entry["sha256"] or len(content) != entry["size_in_bytes"]:
            yield f"{entry['_path']}: is not what paths.json says"
        placeholder = entry.get("prefix_placeholder")
        if placeholder and placeholder.encode() not in content:
            yield f"{entry['_path']}: no placeholder in it"
        if entry.get("file_mode") == "binary" and len(placeholder) != 255:
            yield f"{entry['_path']}: a binary placeholder of {len(placeholder)} bytes"


def check_package(path, record):
    content = path.read_bytes()
    if len(content) != record["size"] or hashlib.sha256(content).hexdigest() != record["sha256"]:
        yield "size or sha256 is not that of the record"
    found = members(path)
    index = json.loads(found["info/index.json"][1])
    yield from (f"{key} differs between index.json and the record" for key in index if index[key] != record.get(key))
    yield from check_paths(found)


def main(channel):
    problems, count = [], 0
    for index in sorted(channel.glob("*/repodata.json")):
        if unzstd((index.parent / "repodata.json.zst").read_bytes()) != index.read_bytes():
            problems.append(f"{index}.zst holds something else")
        repodata = json.loads(index.read_text(encoding="utf-8"))
        records = {**repodata["packages"], **repodata["packages.conda"]}
        for name, record in sorted(records.items()):
            problems += [f"{name}: {problem}" for problem in check_package(index.parent / name, record)]
        count += len(records)
    print("\n".join(problems) or f"{channel}: {count} packages, every file as paths.json says")
    return 1 if problems or not count else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
