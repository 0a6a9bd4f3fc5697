# SPDX-License-Identifier: MIT
"""Channels of any size for solving: a core that can be solved, and padding around it.

The core is a given repodata as it is; the padding is made of real records too (of the core, or of a second, larger
repodata) whose names, and the names that they depend on, carry a suffix. So the closure of a request is the same in
every size of channel, and all that grows is what the request does not reach.
"""

import hashlib
import json
import os
import random
import subprocess

SUBDIRS = ("linux-64", "noarch")


def load_subdir(folder, subdir):
    """Records of FOLDER/SUBDIR/repodata.json[.zst] as [(section, file name, record)]."""
    path = os.path.join(folder, subdir, "repodata.json")
    if os.path.exists(path):
        with open(path, "rb") as file:
            text = file.read()
    elif os.path.exists(path + ".zst"):
        text = subprocess.run(["zstd", "-dcq", path + ".zst"], check=True, stdout=subprocess.PIPE).stdout
    else:
        return []
    document = json.loads(text)
    return [(section, name, record) for section in ("packages", "packages.conda")
            for name, record in document.get(section, {}).items()]


def made_up(names=1500, versions=8):
    """A repodata for machines without real records: layers of packages, each depending on lower ones."""
    chance = random.Random("envm bench")
    records = {subdir: [] for subdir in SUBDIRS}
    for number in range(names):
        subdir = SUBDIRS[number % 3 == 0]
        below = [f"pkg{chance.randrange(max(0, number - 400), number)}" for _ in range(min(number, chance.randrange(7)))]
        for version in range(versions):
            for build in range(3):
                name, text = f"pkg{number}", f"{1 + version // 4}.{version % 4}.0"
                digest = hashlib.sha256(f"{name} {text} {build}".encode()).hexdigest()
                record = {"build": f"h{digest[:7]}_{build}", "build_number": build,
                          "depends": [f"{other} >=1.{chance.randrange(4)},<3.0a0" for other in sorted(set(below))],
                          "license": "MIT", "license_family": "MIT", "md5": digest[:32], "name": name, "sha256": digest,
                          "size": 1000 + number, "subdir": subdir, "timestamp": 1700000000000 + number, "version": text}
                if subdir == "noarch":
                    record["noarch"] = "generic"
                records[subdir].append(("packages.conda", f"{name}-{text}-{record['build']}.conda", record))
    return records


def load_core(folder):
    return {subdir: load_subdir(folder, subdir) for subdir in SUBDIRS} if folder else made_up()


def _renamed_spec(spec, names, suffix):
    end = next((i for i, c in enumerate(spec) if c in " <>=!~["), len(spec))
    return spec[:end] + suffix + spec[end:] if spec[:end] in names else spec


def _renamed(record, names, suffix):
    copy = dict(record)
    copy["name"] = record["name"] + suffix
    for key in ("depends", "constrains"):
        if key in record:
            copy[key] = [_renamed_spec(spec, names, suffix) for spec in record[key]]
    for key in ("sha256", "md5"):
        if key in record:
            copy[key] = getattr(hashlib, key)((record[key] + suffix).encode()).hexdigest()
    return copy


def multiply(core, padding, count):
    """`count` records as {subdir: {section: {file name: JSON text}}}, the core among them."""
    names = {record["name"] for rows in padding.values() for _, _, record in rows}
    made = {subdir: {"packages": {}, "packages.conda": {}} for subdir in SUBDIRS}
    total = 0
    for subdir, rows in core.items():
        for section, file_name, record in rows:
            made[subdir][section][file_name] = json.dumps(record, sort_keys=True, separators=(",", ":"))
            total += 1
    copy = 0
    while total < count and names:
        copy += 1
        for subdir, rows in padding.items():
            for section, file_name, record in rows:
                if total >= count:
                    break
                suffix = f"-c{copy}"
                text = json.dumps(_renamed(record, names, suffix), sort_keys=True, separators=(",", ":"))
                made[subdir][section][record["name"] + suffix + file_name[len(record["name"]):]] = text
                total += 1
    return made


def write(made, folder, compress=False):
    """Writes the channel; returns the bytes of all repodata.json."""
    size = 0
    for subdir, sections in made.items():
        os.makedirs(os.path.join(folder, subdir), exist_ok=True)
        path = os.path.join(folder, subdir, "repodata.json")
        with open(path, "w", encoding="utf-8") as file:
            file.write('{"info":{"subdir":"%s"},' % subdir)
            for section, rows in sections.items():
                file.write('"%s":{' % section)
                file.write(",".join(f'"{name}":{text}' for name, text in sorted(rows.items())))
                file.write("},")
            file.write('"removed":[],"repodata_version":1}\n')
        size += os.path.getsize(path)
        if compress:
            subprocess.run(["zstd", "-q", "-f", "-T0", "-3", path], check=True)
    return size


def _spec_name(spec):
    return next(iter(spec.split()), "").split("=")[0].split("<")[0].split(">")[0].split("!")[0].split("~")[0].lower()


def requests_by_reach(core, targets, roots, accept=lambda specs: True):
    """For each number of names: [specs] whose dependencies, followed by name, reach about that many, and that `accept`
    takes (because they have a solution)."""
    needs = {}
    for rows in core.values():
        for _, _, record in rows:
            needs.setdefault(record["name"], set()).update(_spec_name(spec) for spec in record.get("depends", ()))
    candidates = [name for name in roots if name in needs] + sorted(needs, key=lambda name: (-len(needs[name]), name))
    found = []
    for target in targets:
        reached, specs = set(), []
        for name in candidates:
            more = _closure(needs, name) - reached
            if not more or len(reached | more) > target * 1.02 or not accept(specs + [name]):
                continue
            reached |= more
            specs.append(name)
            if len(reached) >= target * 0.97:
                break
        found.append((len(reached), specs))
    return found


def _closure(needs, name):
    reached, waiting = set(), [name]
    while waiting:
        at = waiting.pop()
        if at in reached or at not in needs:
            continue
        reached.add(at)
        waiting.extend(needs[at])
    return reached
