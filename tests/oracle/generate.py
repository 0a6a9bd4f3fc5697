#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make requests for the differential test of the solver.

    generate.py [--seed N] [--data DIRECTORY] [--output FILE]

Three kinds, the same for the same seed and data:

  file     what an environment file asks for, as far as the channel has the names
  random   1 to 4 names, most of them out of environment files, with random version conditions
  broken   contradictions: two conditions on one name, a dependency that is forbidden, a version
           beyond the newest; sometimes with harmless names around them

Writes one JSON object a line: id, kind, channels (folders of the data's repodata/) and specs.
"""
import argparse
import functools
import json
import pathlib
import random
import re
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import check_solution  # noqa: E402  (the path has to be set first)

DEFAULT_SEED = 20260806
DEFAULT_DATA = HERE.parents[2] / "shared" / "data"
HARVEST = "conda-forge-2026-harvest"
OLD = "conda-forge-2016-08-06"
FREE = "pkgs-free-2016-09-03"
PYTORCH = "pytorch-rattler"
# name, channels, requests of the kinds random and broken, whether environment files are asked for
GROUPS = [
    ("harvest", [HARVEST], 150, 70, True),
    ("old", [OLD, FREE], 50, 30, False),
    ("free", [FREE], 20, 10, True),
    ("pytorch-harvest", [PYTORCH, HARVEST], 30, 20, False),
    ("pytorch", [PYTORCH], 10, 10, False),
]
SUBDIRS = ("linux-64", "noarch")
ORDER = functools.cmp_to_key(check_solution.compare_versions)
PLAIN_VERSION = re.compile(r"[0-9]+(\.[0-9a-z]+)*")


def conda_specs(path):
    """The conda specs of an environment file: the items of `dependencies:` that are plain text."""
    specs, inside, indent = [], False, None
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        line = re.sub(r"(^|\s)#.*", "", line).rstrip()
        if not line:
            continue
        item = re.fullmatch(r"(\s*)-\s+(.*)", line)
        if not item:
            inside = re.match(r"dependencies\s*:\s*$", line) is not None or (
                inside and line[0].isspace())
            continue
        if indent is None and inside:
            indent = len(item[1])
        text = item[2].strip().strip("'\"").strip()
        if inside and len(item[1]) == indent and re.match(r"[A-Za-z0-9_.-]+(?!.*:)", text):
            specs.append(text)
    return specs


def name_of(text):
    return re.match(r"[A-Za-z0-9_.-]+", text)[0].lower()


def load(data, channels):
    """Records by name; of each name only those of the first channel that has it."""
    names = {}
    for channel in channels:
        directory = data / "repodata" / channel
        found = {}
        for subdir in SUBDIRS:
            file = directory / subdir / "repodata.json.zst"
            if not file.is_file():
                continue
            content = check_solution.read_json(file)
            for section in ("packages", "packages.conda"):
                for record in content.get(section, {}).values():
                    found.setdefault(record["name"].lower(), []).append(record)
        for name, records in found.items():
            names.setdefault(name, records)
    return names


class Maker:
    def __init__(self, seed, names, wanted):
        self.random = random.Random(seed)
        self.names = names
        self.all = sorted(names)
        self.wanted = sorted(set(wanted) & set(names)) or self.all

    def pick(self):
        pool = self.wanted if self.random.random() < 0.7 else self.all
        return self.random.choice(pool)

    def versions(self, name):
        """Ascending; only plain ones, which every MatchSpec parser reads."""
        found = {r["version"] for r in self.names[name] if PLAIN_VERSION.fullmatch(r["version"])}
        return sorted(sorted(found), key=ORDER)

    def bound(self, name):
        versions = self.versions(name)
        if not versions or self.random.random() < 0.35:
            return name
        low, high = sorted(self.random.choices(range(len(versions)), k=2))
        low, high = versions[low], versions[high]
        parts = low.split(".")
        return self.random.choice([
            f"{name} >={low}", f"{name} <={high}", f"{name} >={low},<={high}", f"{name} =={low}",
            f"{name} !={high}", f"{name} {'.'.join(parts[:2])}.*", f"{name}={parts[0]}",
            f"{name} ~={low}" if len(parts) > 1 else f"{name} >={low}",
            f"{name} <{low}|>={high}"])

    def combination(self):
        names = {self.pick() for _ in range(self.random.choice([1, 2, 2, 3, 3, 4]))}
        return [self.bound(name) for name in sorted(names)]

    def harmless(self, but):
        return sorted({self.pick() for _ in range(self.random.choice([0, 0, 1, 2]))} - set(but))

    def two_conditions(self):
        while True:
            name = self.pick()
            versions = self.versions(name)
            if len(versions) < 2:
                continue
            low, high = sorted(self.random.sample(range(len(versions)), 2))
            low, high = versions[low], versions[high]
            return self.random.choice([[f"{name} >={high}", f"{name} <{high}"],
                                       [f"{name} =={low}", f"{name} >{low}"],
                                       [f"{name} =={low}", f"{name} =={high}"],
                                       [f"{name} <={low}", f"{name} >={high}"]]), [name]

    def lower_bound(self, name, version, dependency):
        """What every build of this version asks of a dependency at least; None when one does not."""
        bounds = []
        for record in self.names[name]:
            if record["version"] != version:
                continue
            found = [m[1] for text in record.get("depends", ())
                     for m in [re.fullmatch(re.escape(dependency) + r"\s+>=([0-9][0-9a-z.]*)(,[^|]*)?",
                                            text)] if m]
            if not found:
                return None
            bounds.append(max(found, key=ORDER))
        return min(bounds, key=ORDER)

    def forbidden_dependency(self):
        while True:
            name = self.pick()
            record = self.random.choice(self.names[name])
            texts = [t for t in record.get("depends", ()) if ">=" in t and not t.startswith("__")]
            if not texts or not PLAIN_VERSION.fullmatch(record["version"]):
                continue
            dependency = name_of(self.random.choice(texts))
            bound = self.lower_bound(name, record["version"], dependency)
            if bound is None or dependency not in self.names:
                continue
            return [f"{name} =={record['version']}", f"{dependency} <{bound}"], [name, dependency]

    def beyond_newest(self):
        while True:
            name = self.pick()
            versions = self.versions(name)
            if versions and len(versions) == len({r["version"] for r in self.names[name]}):
                return [f"{name} >{versions[-1]}"], [name]

    def contradiction(self):
        way = self.random.choices([self.forbidden_dependency, self.two_conditions,
                                   self.beyond_newest], [5, 3, 2])[0]
        specs, but = way()
        return specs + self.harmless(but)


def requests(data, seed):
    files = {path.name: conda_specs(path) for path in sorted((data / "envs").iterdir())}
    wanted = {name_of(text) for specs in files.values() for text in specs}
    for group, channels, count, broken, with_files in GROUPS:
        names = load(data, channels)
        maker = Maker(f"{seed}/{group}", names, wanted)
        number, seen = 0, set()

        def emit(kind, specs, title=None, group=group, channels=channels):
            nonlocal number
            number += 1
            return {"id": f"{group}/{number:03}", "kind": kind, "channels": channels,
                    "specs": specs, **({"file": title} if title else {})}

        for title, specs in files.items() if with_files else ():
            usable = [text for text in specs if name_of(text) in names]
            if usable and tuple(usable) not in seen:
                seen.add(tuple(usable))
                yield emit("file", usable, title)
        for _ in range(count):
            yield emit("random", maker.combination())
        for _ in range(broken):
            yield emit("broken", maker.contradiction())


def main():
    parser = argparse.ArgumentParser(description="Make requests for the oracle.")
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED)
    parser.add_argument("--data", type=pathlib.Path, default=DEFAULT_DATA)
    parser.add_argument("--output", type=pathlib.Path)
    arguments = parser.parse_args()
    made = list(requests(arguments.data, arguments.seed))
    text = "".join(json.dumps(request) + "\n" for request in made)
    if arguments.output:
        arguments.output.write_text(text)
    else:
        sys.stdout.write(text)
    kinds = {kind: sum(r["kind"] == kind for r in made) for kind in ("file", "random", "broken")}
    print(f"seed {arguments.seed}: {len(made)} requests, {kinds}", file=sys.stderr)


if __name__ == "__main__":
    main()
