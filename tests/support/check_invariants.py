#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What must hold after anything that goes wrong (the invariants I1 to I12 of the reliability plan).

    check_invariants.py cache DIR             every published package is what its manifest says
    check_invariants.py shared PREFIX CACHE   no file that is written to shares an inode with the cache
    check_invariants.py residue DIR...        nothing that was in progress is left
    check_invariants.py state A B             two environments at one path had the same state

As a library: snapshot(), check_cache(), check_shared(), check_residue(), is_pending(),
check_output(). Knows nothing of envm's code. A function returns a list of texts, empty when all is
well.
"""

import hashlib
import json
import os
import re
import stat
import sys

# What an exit status may be (docs: product exit codes): never 1 (internal), 134, 139 or a sanitizer's.
EXITS = {0, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 130, 143}


def _hash(path):
    with open(path, "rb") as file:
        return hashlib.sha256(file.read()).hexdigest()


def _plain_history(path):
    with open(path, encoding="utf-8") as file:
        return re.sub(r"(?m)^==> .* <==$", "==> DATE <==", file.read())


def _plain_history_copy(path):
    """The text, and whether its last line is right."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().splitlines(True)
    text = "".join(lines[:-1])
    digest = hashlib.sha256(text.encode()).hexdigest()
    return (re.sub(r"(?m)^==> .* <==$", "==> DATE <==", text),
            lines[-1:] == [f"# sha256 of the lines above: {digest}\n"])


def _plain_lock(path):
    """Which file of a channel was read depends on which could be read."""
    with open(path, encoding="utf-8") as file:
        return file.read().split("\nprovenance:")[0]


def _sum_matches(path):
    with open(path, encoding="utf-8") as file:
        return file.read().split() == [_hash(path[:-len(".sha256")]), "envm.lock"]


def _plain_record(path):
    """Whether files could be linked or had to be copied is no difference."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        record = json.loads(text)
        record.get("link", {}).pop("type", None)
        record.get("envm", {}).pop("checksum", None)  # is over that, too
        return json.dumps(record, sort_keys=True)
    except (ValueError, AttributeError):
        return text


def snapshot(prefix):
    """State of an environment: every path below it but what envm keeps in .envm; None: not there."""
    if not os.path.lexists(prefix):
        return None
    found = {}
    for folder, folders, files in os.walk(prefix):
        relative = os.path.relpath(folder, prefix)
        if relative == ".":
            folders[:] = [name for name in folders if name != ".envm"]
            relative = ""
        for name in folders + files:
            path = os.path.join(relative, name)
            full = os.path.join(folder, name)
            info = os.lstat(full)
            if stat.S_ISLNK(info.st_mode):
                found[path] = ("link", os.readlink(full))
            elif stat.S_ISDIR(info.st_mode):
                found[path] = ("folder",)
            elif path == "conda-meta/history":
                found[path] = ("history", _plain_history(full))
            elif path == "conda-meta/envm/history":
                found[path] = ("copy of the history", *_plain_history_copy(full))
            elif folder.endswith("conda-meta") and name.endswith(".json"):
                found[path] = ("record", _plain_record(full))
            elif path == "conda-meta/envm.lock" or re.fullmatch(
                    r"conda-meta/envm/revisions/\d+\.lock", path):
                found[path] = ("lock", _plain_lock(full))
            elif path == "conda-meta/envm.lock.sha256":
                found[path] = ("sum of the lock", _sum_matches(full))
            else:
                # Owners may write or not as the file is linked or copied; executable is what counts.
                found[path] = ("file", bool(info.st_mode & stat.S_IXUSR), _hash(full))
    return found


def differences(left, right, limit=5):
    """Some of what two snapshots differ in."""
    if left is None or right is None:
        return [] if left is right else ["one of them is not there"]
    paths = [path for path in sorted(set(left) | set(right)) if left.get(path) != right.get(path)]
    return [f"{path}: {left.get(path)} / {right.get(path)}" for path in paths[:limit]]


def is_pending(prefix):
    """A committed journal waits to be carried out."""
    changes = os.path.join(prefix, ".envm", "txn")
    return os.path.isdir(changes) and any(
        os.path.exists(os.path.join(changes, name, "journal.commit")) for name in os.listdir(changes))


def is_on_trial(prefix):
    """Link scripts ran in a tree that may stand in place of the environment."""
    folder, name = os.path.split(prefix)
    return os.path.exists(os.path.join(folder, f".{name}.envm-trial"))


def check_cache(cache):
    """I3: every published package re-hashes to its manifest, and has no file beyond it."""
    wrong = []
    root = os.path.join(cache, "pkgs")
    for shard in sorted(os.listdir(root)) if os.path.isdir(root) else []:
        for name in sorted(os.listdir(os.path.join(root, shard))):
            tree = os.path.join(root, shard, name)
            if re.fullmatch("[0-9a-f]{64}", name):
                wrong += _check_package(tree)
    return wrong


def _check_package(tree):
    listed, wrong = set(), []
    try:
        with open(tree + ".manifest", encoding="utf-8", newline="\n") as manifest:
            lines = manifest.read().split("\n")
    except OSError as failure:
        return [f"{tree}: {failure}"]
    for line in lines:
        fields = line.split("\t")
        if fields[0] != "path" or fields[1] == "d":
            continue
        path = os.path.join(tree, fields[16])
        listed.add(fields[16])
        try:
            if fields[1] == "f" and _hash(path) != fields[5]:
                wrong.append(f"{path}: not the bytes of the manifest")
            if fields[1] == "l" and os.readlink(path) != fields[15]:
                wrong.append(f"{path}: not the link of the manifest")
        except OSError as failure:
            wrong.append(str(failure))
    found = {os.path.relpath(os.path.join(folder, file), tree)
             for folder, folders, files in os.walk(tree)
             for file in files + [d for d in folders if os.path.islink(os.path.join(folder, d))]}
    return wrong + [f"{tree}/{path}: more or less than the manifest" for path in found ^ listed]


def _inodes(root):
    found = set()
    for folder, _, files in os.walk(root):
        for name in files:
            info = os.lstat(os.path.join(folder, name))
            if stat.S_ISREG(info.st_mode):
                found.add((info.st_dev, info.st_ino))
    return found


def check_shared(prefix, cache):
    """I11: files with a placeholder, records, and what is edited in place have their own inode."""
    cached, wrong, own = _inodes(os.path.join(cache, "pkgs")), [], set()
    meta = os.path.join(prefix, "conda-meta")
    for name in os.listdir(meta):
        own.add("conda-meta/" + name)
        if name.endswith(".json"):
            with open(os.path.join(meta, name), encoding="utf-8") as file:
                paths = json.load(file)["paths_data"]["paths"]
            own.update(p["_path"] for p in paths if p.get("prefix_placeholder") or p.get("no_link")
                       or p["_path"].startswith(("etc/", "var/")))
    for path in sorted(own):
        info = os.lstat(os.path.join(prefix, path))
        if stat.S_ISREG(info.st_mode) and (info.st_dev, info.st_ino) in cached:
            wrong.append(f"{path}: shares its inode with the cache")
    return wrong


RESIDUE = re.compile(r"^(\.envm-[a-z2-7]{16}\.tmp|\..*\.envm-.*|.*\.envm-new|journal(\.commit|\.done)?|"
                     r"change-[a-z2-7]{16}|\.new-.*|.*\.part)$")


def check_residue(*roots):
    """I6: nothing that was in progress is left. What is swept by its age (the cache's own tmp, the
    folder of conda's list of environments) is not looked at."""
    wrong = []
    for root in roots:
        for folder, folders, files in os.walk(root):
            if os.path.basename(folder) == ".conda":
                continue
            wrong += [os.path.join(folder, name) for name in folders + files if RESIDUE.match(name)]
            if os.path.basename(folder) == ".envm" and "txn" in folders:
                wrong.append(os.path.join(folder, "txn"))
    return wrong


def check_output(code, errors, secrets=()):
    """I7, I8: the exit status is one of the documented ones, the message is one, and is clean."""
    wrong = []
    if code not in EXITS:
        wrong.append(f"exit status {code}")
    if b"Sanitizer" in errors or b"runtime error" in errors:
        wrong.append("a sanitizer's report")
    if code not in (0, 130, 143) and b"envm: error[" not in errors and b"interrupted" not in errors:
        wrong.append(f"exit status {code} without a message")
    if any(byte < 32 and byte not in b"\n\t" for byte in errors):
        wrong.append("control bytes in stderr")
    return wrong + [f"{secret} in the output" for secret in secrets if secret.encode() in errors]


def tree_of(root):
    """I4: everything about a tree that nobody may touch."""
    found = {}
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            full = os.path.join(folder, name)
            info = os.lstat(full)
            found[full] = (info.st_mode, info.st_nlink, info.st_mtime_ns, info.st_ino, info.st_size,
                           _hash(full) if stat.S_ISREG(info.st_mode) else None)
    return found


def main():
    checks = {"cache": check_cache, "shared": check_shared, "residue": check_residue,
              "state": lambda a, b: differences(snapshot(a), snapshot(b), 100)}
    if len(sys.argv) < 3 or sys.argv[1] not in checks:
        sys.exit(__doc__)
    wrong = checks[sys.argv[1]](*sys.argv[2:])
    print("\n".join(wrong) or "all is well")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
