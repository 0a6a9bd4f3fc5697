#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares two environments that were built from one lock at different paths.

    compare_prefixes.py A B          exit 0: no difference but times; 1: differences, listed

Knows nothing of envm's code: it undoes, from the bytes and the offsets in conda-meta, what the
documentation says was done to them (docs/internals/TREE-DIGEST.md): the path of the environment in
text, in C strings (NUL padding) and in UTF-16/32 strings, and first lines that became too long. The
result must have the sha256 that the record gives for the package's own file, and be the same in A
and B. Records may differ in sha256_in_prefix and in the offsets alone, the history in its dates and
the environment's own path. Files in __pycache__ that no record lists are left out.
"""

import hashlib
import json
import os
import re
import stat
import sys

ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


class Altered(Exception):
    """The bytes are not what the record says they are."""


def is_python(name):
    return re.fullmatch(r"python([0-9]+(\.[0-9]+)?t?)?", name) is not None


def shebang_lines(original, placeholder, prefix):
    """What stands in place of a first line that the prefix made unusable."""
    match = re.match(r"#![ \t\r]*(/(?:\\ |[^ \t\r])*)(.*)", original, re.DOTALL)
    if not match:
        raise Altered("first line")
    path, arguments = match.group(1), match.group(2).rstrip(" \t\r")
    arguments = arguments.replace(placeholder, prefix)
    name = path.rsplit("/", 1)[1]
    if is_python(name) and "'" not in arguments:
        quoted = re.sub(r'(["\\$`])', r"\\\1", path.replace(placeholder, prefix))
        return f"#!/bin/sh\n'''exec' \"{quoted}\"{arguments} \"$0\" \"$@\" #'''"
    return f"#!/usr/bin/env {name}{arguments}"


def undo(data, entry, prefix):
    """The file as it is in the package."""
    own = entry.get("envm", {})
    placeholder = entry["prefix_placeholder"]
    offsets = sorted(
        (offset, encoding)
        for encoding, values in own.get("offsets", {}).items()
        for offset in values
    )
    out, at = b"", 0
    if "shebang" in own:
        lines = shebang_lines(own["shebang"], placeholder, prefix).encode()
        if not data.startswith(lines):
            raise Altered("first line")
        out, at = own["shebang"].encode(), len(lines)
    binary = entry.get("file_mode") == "binary"
    while offsets:
        first, encoding = offsets[0]
        if encoding not in ENCODINGS:
            raise Altered("encoding")
        new, old = prefix.encode(encoding), placeholder.encode(encoding)
        unit = len("x".encode(encoding))
        end = len(data)
        if binary:
            end = data.find(b"\0" * unit, first + len(new))
            end = len(data) if end < 0 else end
        count = 0
        while offsets and offsets[0][0] < end and offsets[0][1] == encoding:
            offset, _ = offsets.pop(0)
            if offset < at or data[offset : offset + len(new)] != new:
                raise Altered(f"offset {offset}")
            out += data[at:offset] + old
            at = offset + len(new)
            count += 1
            if not binary:
                break
        if count == 0:
            raise Altered(f"offset {first}")
        if binary:
            padding = count * (len(old) - len(new))
            if any(data[end : end + padding]) or end + padding > len(data):
                raise Altered(f"padding at {end}")
            out += data[at:end]
            at = end + padding
    return out + data[at:]


class Environment:
    def __init__(self, root):
        self.root = os.path.realpath(root)
        self.entries = {}
        self.problems = []
        self.meta = {}
        meta = os.path.join(self.root, "conda-meta")
        names = (os.path.relpath(os.path.join(folder, name), meta)
                 for folder, _, files in os.walk(meta) for name in files)
        for name in sorted(names):
            with open(os.path.join(meta, name), "rb") as file:
                data = file.read()
            if name.endswith(".json"):
                record = json.loads(data)
                for entry in record["paths_data"]["paths"]:
                    self.entries.setdefault(entry["_path"], entry)
                self.meta[name] = self.plain_record(record)
            elif name == "history":
                text = data.decode().replace(self.root, "@PREFIX@")
                text = re.sub(r"(?m)^==> .* <==$", "==> DATE <==", text)
                # The command that made it names the environment.
                target = r"( (?:-n|-p|--name|--prefix)[ =])('[^'\n]*'|\S+)"
                self.meta[name] = re.sub(target, r"\1@TARGET@", text)
            elif name in ("envm/history", "envm/state"):
                # A copy, perhaps behind the time of the original, and its sum: no more than that.
                with open(os.path.join(meta, os.path.basename(name)), "rb") as file:
                    original = file.read()
                seal = b"# sha256 of the lines above: "
                text, _, digest = data.rpartition(seal)
                self.meta[name] = (text.endswith(original),
                                   digest == hashlib.sha256(text).hexdigest().encode() + b"\n")
            else:
                self.meta[name] = data.replace(self.root.encode(), b"@PREFIX@")

    @staticmethod
    def plain_record(record):
        paths = []
        for entry in record["paths_data"]["paths"]:
            own = {k: v for k, v in entry.get("envm", {}).items() if k not in ("offsets", "shebang")}
            kept = {k: v for k, v in entry.items() if k not in ("sha256_in_prefix", "envm")}
            paths.append((kept, own))
        # Where the cache of the machine lies is no part of the environment.
        cached = {key: os.path.basename(record.get(key) or "")
                  for key in ("extracted_package_dir", "package_tarball_full_path")}
        link = {**record["link"], "source": os.path.basename(record["link"].get("source") or "")}
        # Over the whole text, with all that differs.
        envm = {k: v for k, v in record.get("envm", {}).items() if k != "checksum"}
        return {**record, **cached, "link": link, "envm": envm,
                "paths_data": {**record["paths_data"], "paths": paths}}

    def describe(self, path, entry, info):
        """Everything about one path that must be equal."""
        full = os.path.join(self.root, path)
        if stat.S_ISLNK(info.st_mode):
            return ("link", os.readlink(full))
        if stat.S_ISDIR(info.st_mode):
            return ("directory",)
        if not stat.S_ISREG(info.st_mode):
            return ("other",)
        with open(full, "rb") as file:
            data = file.read()
        if entry:
            installed = hashlib.sha256(data).hexdigest()
            if entry.get("sha256_in_prefix", installed) != installed:
                self.problems.append(f"{path}: sha256_in_prefix is not that of the file")
            if entry.get("prefix_placeholder"):
                try:
                    data = undo(data, entry, self.root)
                except Altered as why:
                    self.problems.append(f"{path}: cannot be undone ({why})")
        digest = hashlib.sha256(data).hexdigest()
        if entry and entry.get("sha256", digest) != digest:
            self.problems.append(f"{path}: is not the package's file")
        return ("file", bool(info.st_mode & stat.S_IXUSR), len(data), digest)

    def tree(self):
        found = {}
        for folder, folders, files in os.walk(self.root):
            relative = os.path.relpath(folder, self.root)
            if relative == ".":
                folders[:] = [name for name in folders if name not in ("conda-meta", ".envm")]
                relative = ""
            for name in folders + files:
                path = os.path.join(relative, name)
                entry = self.entries.get(path)
                if entry is None and "__pycache__" in path.split("/"):
                    continue
                found[path] = self.describe(path, entry, os.lstat(os.path.join(folder, name)))
        for path in self.entries:
            if path not in found:
                self.problems.append(f"{path}: is missing")
        return found


def differences(left, right):
    for key in sorted(set(left) | set(right)):
        if key not in left or key not in right:
            yield f"{key}: only in {'A' if key in left else 'B'}"
        elif left[key] != right[key]:
            yield f"{key}: A has {str(left[key])[:200]}, B has {str(right[key])[:200]}"


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    left, right = Environment(sys.argv[1]), Environment(sys.argv[2])
    left_tree, right_tree = left.tree(), right.tree()
    found = [f"A: {problem}" for problem in left.problems]
    found += [f"B: {problem}" for problem in right.problems]
    found += differences(left_tree, right_tree)
    found += [f"conda-meta/{line}" for line in differences(left.meta, right.meta)]
    for line in found:
        print(line)
    print(f"{len(left_tree)} paths, {len(left.entries)} of packages, {len(found)} differences")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
