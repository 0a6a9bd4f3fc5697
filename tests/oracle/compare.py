#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare envm's solutions with rattler's on the same channels.

    compare.py ENVM --work DIRECTORY [--data DIRECTORY] [--seed N] [--report FILE]
               [--group NAME] [--kind NAME] [--id ID]... [--limit N] [--spec SPEC]... [--show]
               [--shrink N] [--as-is]

Every request is put to `envm create --dry-run`, a second time with its specs in reverse, and to
rattler. Solutions of envm are proved by check_solution.py, and so are those of rattler, so that a
disagreement tells who is wrong. Where both solve, the sets are compared, and the difference is
given one cause (see `cause`). rattler comes from npm into DIRECTORY; without Node 20, npm or the
package the test is skipped with exit 77.

Exit 1: they disagree on solvability, a solution of envm is not proved, envm failed, or the order of
specs made a difference. Other differences are reported.
"""
import argparse
import collections
import json
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import threading
import time

import generate
from generate import ORDER, SUBDIRS, check_solution
from translate import Translator

VIRTUAL = ["__glibc=2.36", "__linux=6.1", "__unix=0", "__archspec=1=x86_64_v3"]
OVERRIDES = {"CONDA_OVERRIDE_GLIBC": "2.36", "CONDA_OVERRIDE_LINUX": "6.1",
             "CONDA_OVERRIDE_ARCHSPEC": "x86_64_v3", "CONDA_OVERRIDE_CUDA": ""}
ENVM_LIMIT = 120    # seconds; envm gives up by itself after 60
ORACLE_LIMIT = 120
SHRINK_ATTEMPTS = 40
HERE = pathlib.Path(__file__).resolve().parent

# Causes, worst first; those of FAILURES fail the test.
FAILURES = ["envm: failed", "envm: not proved", "envm: order of specs matters",
            "solvability: only rattler solves", "solvability: only envm solves"]
WORSE = ["requested older", "requested: one newer, one older", "more behind",
         "more behind, by packages only envm has"]
BETTER = ["requested newer", "fewer behind"]


class Skip(Exception):
    pass


# --- the two programs ----------------------------------------------------------------------------


def prepare_node(work):
    """The package in WORK/node_modules, installed when it is not there."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if not node:
        raise Skip("node was not found")
    version = subprocess.run([node, "--version"], text=True, stdout=subprocess.PIPE).stdout
    if int(re.match(r"v(\d+)", version)[1]) < 20:
        raise Skip(f"node is {version.strip()}, and 20 is needed")
    wanted = json.loads((HERE / "package.json").read_text())["dependencies"]
    (name, number), = wanted.items()
    installed = work / "node_modules" / name / "package.json"
    if not installed.is_file() or json.loads(installed.read_text())["version"] != number:
        if not npm:
            raise Skip("npm was not found")
        shutil.copy(HERE / "package.json", work)
        done = subprocess.run([npm, "install", "--ignore-scripts", "--no-audit", "--no-fund",
                               "--no-package-lock"], cwd=work, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        if done.returncode or not installed.is_file():
            raise Skip(f"{name} {number} could not be installed:\n{done.stdout}")
    return node


def lay_out(data, work):
    """Channels as envm gets them, below plain/, and as rattler gets them, below served/: with the
    virtual packages as records of noarch, since simpleSolve knows none. Gives the latter."""
    served = {}
    for channel in sorted({c for _, channels, *_ in generate.GROUPS for c in channels}):
        for subdir in SUBDIRS:
            packed = data / "repodata" / channel / subdir / "repodata.json.zst"
            content = check_solution.read_json(packed) if packed.is_file() else {}
            if content:
                write_json(work / "plain" / channel / subdir / "repodata.json", content)
            content["info"] = {"subdir": subdir}
            content.setdefault("packages", {})
            for record in content["packages"].values():
                record.setdefault("subdir", subdir)
            if subdir == "noarch":
                content["packages"].update(virtual_records())
            served[work / "served" / channel / subdir / "repodata.json"] = content
    for path, content in served.items():
        write_json(path, content)
    return served


def virtual_records():
    records = {}
    for text in VIRTUAL:
        virtual = check_solution.parse_virtual(text)
        records["{name}-{version}-{build}.tar.bz2".format(**virtual)] = dict(
            virtual, build_number=0, depends=[], subdir="noarch", md5="0" * 32, sha256="0" * 64,
            size=1)
    return records


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


class Oracle:
    """rattler in a process of its own, which is started again when it hangs or dies."""

    def __init__(self, node, work):
        self.command = [node, HERE / "oracle.mjs", work, work / "served"]
        self.process = None

    def start(self):
        self.process = subprocess.Popen(self.command, text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.lines = queue.Queue()
        threading.Thread(target=self.read, args=(self.process.stdout, self.lines),
                         daemon=True).start()

    @staticmethod
    def read(stream, lines):
        for line in stream:
            lines.put(line)
        lines.put(None)

    def ask(self, request):
        if not self.process or self.process.poll() is not None:
            self.start()
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()

    def match(self, pairs):
        self.ask({"match": pairs})
        line = self.lines.get(timeout=ORACLE_LIMIT)
        return json.loads(line)["match"]

    def answer(self):
        try:
            line = self.lines.get(timeout=ORACLE_LIMIT)
        except queue.Empty:
            self.stop()
            return {"kind": "timeout", "ms": ORACLE_LIMIT * 1000, "error": "timeout"}
        if line is None:
            self.stop()
            return {"kind": "failed", "ms": 0, "error": "the process ended"}
        answer = json.loads(line)
        answer.setdefault("kind", "solved")
        if answer["kind"] == "failed":  # a panic leaves the module unusable
            self.stop()
        return answer

    def stop(self):
        if self.process:
            self.process.kill()
            self.process.wait()
            self.process = None


class Envm:
    def __init__(self, program, work):
        self.program, self.work = program, work
        home = work / "home"
        home.mkdir(parents=True, exist_ok=True)
        keep = {k: v for k, v in os.environ.items()
                if not k.upper().endswith("_PROXY") and not k.startswith(("CONDA", "ENVM_", "XDG_"))}
        self.environment = dict(keep, HOME=str(home), ENVM_CACHE=str(work / "cache"),
                                ENVM_ROOT=str(work / "root"), LC_ALL="C.UTF-8", **OVERRIDES)

    def url(self, channel):
        return f"file://{self.work / 'plain' / channel}"

    def solve(self, channels, specs):
        command = [self.program, "create", "--dry-run", "--json", "-v", "--no-config",
                   "--override-channels", "-p", self.work / "never-made"]
        for channel in channels:
            command += ["-c", self.url(channel)]
        started = time.monotonic()
        try:
            done = subprocess.run(command + ["--"] + specs, env=self.environment, text=True,
                                  timeout=ENVM_LIMIT, stdin=subprocess.DEVNULL,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        except subprocess.TimeoutExpired:
            return {"kind": "timeout", "ms": ENVM_LIMIT * 1000, "error": "timeout"}
        answer = {"ms": round((time.monotonic() - started) * 1000),
                  "kind": {0: "solved", 3: "unsolvable", 13: "timeout"}.get(done.returncode, "failed")}
        size = re.search(r"out of (\d+) candidates(?:, (\d+) questions)?", done.stderr)
        if size:
            answer["candidates"], answer["questions"] = int(size[1]), int(size[2] or 0)
        if answer["kind"] == "solved":
            answer["packages"] = json.loads(done.stdout)["packages"]
        else:
            answer["error"] = f"exit {done.returncode}: {error_of(done)}"
        return answer


def error_of(done):
    try:
        return json.loads(done.stdout)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return (done.stderr or done.stdout).strip()[-500:]


# --- comparing -----------------------------------------------------------------------------------


def identity(package):
    return (package["name"], package["version"], package["build"], package["subdir"])


def title(package):
    return f"{package['name']} {package['version']} {package['build']}" if package else "-"


class World:
    """The channels of a request, for proofs and for what is newest."""

    def __init__(self, data, channels, envm):
        self.names = generate.load(data, channels)
        self.newest = {}
        self.checker_channels = [(envm.url(c), check_solution.load_channel(
            envm.url(c), data / "repodata" / c)) for c in channels]
        self.virtual = [check_solution.parse_virtual(v) for v in VIRTUAL]

    def faults(self, specs, packages, rename=None):
        checker = check_solution.Checker(self.checker_channels, self.virtual)
        if rename:  # rattler's channels are elsewhere, and the best of .conda and .tar.bz2 may differ
            keep = ("name", "version", "build", "build_number", "subdir")
            packages = [{key: p[key] for key in keep} for p in packages]
        try:
            return checker.check(specs, packages)
        except (ValueError, AttributeError, TypeError) as error:
            return [f"the checker cannot read this: {error}"]

    def record(self, package):
        return next(r for r in self.names[package["name"].lower()]
                    if r["version"] == package["version"] and r["build"] == package["build"])

    def is_tracked(self, package):
        return bool(self.record(package).get("track_features"))

    def is_behind(self, package):
        name = package["name"].lower()
        if name not in self.newest:
            self.newest[name] = max((r["version"] for r in self.names[name]), key=ORDER)
        return check_solution.compare_versions(package["version"], self.newest[name]) < 0


def compare_sets(world, specs, envm, oracle):
    """A cause, or None for the same set, and what differs."""
    ours, theirs = ({p["name"]: p for p in answer["packages"]} for answer in (envm, oracle))
    if {identity(p) for p in ours.values()} == {identity(p) for p in theirs.values()}:
        return None, {}
    order = {name: check_solution.compare_versions(ours[name]["version"], theirs[name]["version"])
             for name in ours.keys() & theirs.keys()}
    requested = {check_solution.spec(text).name for text in specs} & order.keys()
    detail = {
        "requested_older": sorted(n for n in requested if order[n] < 0),
        "requested_newer": sorted(n for n in requested if order[n] > 0),
        "older": sorted(n for n in order if order[n] < 0),
        "newer": sorted(n for n in order if order[n] > 0),
        "tracked": [sum(map(world.is_tracked, side.values())) for side in (ours, theirs)],
        "behind": [sum(map(world.is_behind, side.values())) for side in (ours, theirs)],
        "behind_shared": [sum(world.is_behind(side[n]) for n in order) for side in (ours, theirs)],
        "only_envm": sorted(ours.keys() - theirs.keys()),
        "only_rattler": sorted(theirs.keys() - ours.keys()),
        "differing": [[title(ours.get(n)), title(theirs.get(n))]
                      for n in sorted(ours.keys() | theirs.keys())
                      if n not in ours or n not in theirs or identity(ours[n]) != identity(theirs[n])],
    }
    return cause(world, detail, ours, theirs, requested), detail


def cause(world, detail, ours, theirs, requested):
    if detail["requested_older"]:
        return ("requested: one newer, one older" if detail["requested_newer"]
                else "requested older")
    if detail["requested_newer"]:
        return "requested newer"
    if detail["tracked"][0] < detail["tracked"][1]:
        return "fewer track_features"
    our_behind, their_behind = detail["behind"]
    if our_behind > their_behind:
        more = detail["behind_shared"][0] > detail["behind_shared"][1]
        return "more behind" if more else "more behind, by packages only envm has"
    if our_behind < their_behind:
        return "fewer behind"
    if detail["only_envm"] or detail["only_rattler"]:
        return "as many behind, other names"
    if detail["older"] or detail["newer"]:
        if not detail["older"]:
            return "as many behind, all newer"
        return "as many behind, some newer, some older" if detail["newer"] \
            else "as many behind, some older"
    return build_cause(world, ours, theirs, requested)


def build_cause(world, ours, theirs, requested):
    """Same names and versions: which step of the order the builds differ in."""
    names = [n for n in ours if identity(ours[n]) != identity(theirs[n])]
    names = [n for n in names if n in requested] or names
    numbers = {(ours[n]["build_number"] > theirs[n]["build_number"])
               - (ours[n]["build_number"] < theirs[n]["build_number"]) for n in names}
    timed = all(world.record(side[n]).get("timestamp") for n in names for side in (ours, theirs))
    return "builds: " + {frozenset([0]): "same number, other variant" if timed
                         else "same number, timestamps missing",
                         frozenset([1]): "number higher", frozenset([0, 1]): "number higher",
                         frozenset([-1]): "number lower", frozenset([0, -1]): "number lower",
                         }.get(frozenset(numbers), "number mixed")


def judge(world, request, envm, reverse, oracle):
    """(cause, detail) of one request."""
    specs = request["specs"]
    if envm["kind"] == "failed":
        if oracle["kind"] == "parse":
            return "neither: cannot be parsed", {"envm": envm["error"], "rattler": oracle["error"]}
        return "envm: failed", {"envm": envm["error"]}
    if envm["kind"] == "timeout":
        return "envm: timeout", {}
    if envm["kind"] == "solved":
        faults = world.faults(specs, envm["packages"])
        if faults:
            return "envm: not proved", {"faults": faults}
    if reverse["kind"] != envm["kind"] or (envm["kind"] == "solved" and {
            identity(p) for p in envm["packages"]} != {identity(p) for p in reverse["packages"]}):
        return "envm: order of specs matters", {"kinds": [envm["kind"], reverse["kind"]]}
    if oracle["kind"] in ("parse", "failed", "timeout"):
        return f"rattler: {oracle['kind']}", {"rattler": oracle["error"][:300]}
    if envm["kind"] != oracle["kind"]:
        if envm["kind"] == "solved":
            return "solvability: only envm solves", {"rattler": oracle["error"][:2000]}
        faults = world.faults(specs, oracle["packages"], rename=True)
        return ("rattler: its solution is wrong" if faults
                else "solvability: only rattler solves"), {
                    "faults": faults, "envm": envm["error"],
                    "rattler": [title(p) for p in oracle["packages"]]}
    if envm["kind"] == "unsolvable":
        return "same: unsolvable", {}
    found, detail = compare_sets(world, specs, envm, oracle)
    if found is None:
        return "same: set", {}
    faults = world.faults(specs, oracle["packages"], rename=True)
    if faults:
        return "rattler: its solution is wrong", dict(detail, faults=faults)
    return found, detail


class Comparison:
    def __init__(self, program, node, work, data, as_is):
        served = lay_out(data, work)
        self.envm, self.oracle = Envm(program, work), Oracle(node, work)
        self.data, self.worlds, self.translator = data, {}, None
        if not as_is:
            self.translator = Translator(self.oracle.match, served.values())
            self.translator.rewrite(served.values())
            self.oracle.stop()
            for path, content in served.items():
                write_json(path, content)

    def world(self, channels):
        key = tuple(channels)
        if key not in self.worlds:
            self.worlds[key] = World(self.data, channels, self.envm)
        return self.worlds[key]

    def run(self, request):
        channels, specs = request["channels"], request["specs"]
        theirs = self.translator.specs(specs) if self.translator else specs
        self.oracle.ask({"id": request["id"], "specs": theirs, "channels": channels,
                         "platforms": list(SUBDIRS)})  # solves while envm does
        envm = self.envm.solve(channels, specs)
        reverse = self.envm.solve(channels, specs[::-1]) if len(specs) > 1 else envm
        oracle = self.oracle.answer()
        found, detail = judge(self.world(channels), request, envm, reverse, oracle)
        if found in WORSE + BETTER and len(specs) > 1 and self.same_in_reverse(channels, theirs, envm):
            found = "same: set, for rattler with its specs in reverse"
        return {"request": request, "cause": found, "detail": detail,
                "ms": [envm["ms"], oracle["ms"]], "kinds": [envm["kind"], oracle["kind"]],
                "candidates": envm.get("candidates"), "questions": envm.get("questions"),
                "packages": len(envm.get("packages", ())), "envm": envm.get("packages"),
                "rattler": oracle.get("packages")}

    def same_in_reverse(self, channels, theirs, envm):
        """rattler weighs requests by their order, envm does not."""
        self.oracle.ask({"id": "reverse", "specs": theirs[::-1], "channels": channels,
                         "platforms": list(SUBDIRS)})
        answer = self.oracle.answer()
        return answer["kind"] == "solved" and (
            {identity(p) for p in answer["packages"]} == {identity(p) for p in envm["packages"]})

    def shrink(self, result):
        """The same cause with fewer and simpler specs."""
        attempts, best, changed = 0, result, True
        while changed:
            changed = False
            for specs in simpler(best["request"]["specs"]):
                attempts += 1
                if attempts > SHRINK_ATTEMPTS:
                    return best
                tried = self.run(dict(best["request"], specs=specs))
                if tried["cause"] == result["cause"]:
                    best, changed = tried, True
                    break
        return best


def simpler(specs):
    for i in range(len(specs)):
        if len(specs) > 1:
            yield specs[:i] + specs[i + 1:]
    for i, text in enumerate(specs):
        name = generate.name_of(text)
        if name != text:
            yield specs[:i] + [name] + specs[i + 1:]


# --- the report ----------------------------------------------------------------------------------


def table(results, seconds, seed):
    counts = collections.Counter(r["cause"] for r in results)
    kinds = collections.Counter(r["kinds"][1] for r in results)
    agreed = sum(r["kinds"][0] == r["kinds"][1] and r["kinds"][0] in ("solved", "unsolvable")
                 for r in results)
    yield f"seed {seed}: {len(results)} requests in {seconds:.0f} s; rattler: " + ", ".join(
        f"{n} {kind}" for kind, n in kinds.most_common())
    yield f"agree on solvability: {agreed}"
    yield "behind the newest, in all that both solve: envm {}, rattler {}".format(
        *(sum(r["behind"][side] for r in results if r.get("behind")) for side in (0, 1)))
    for name, count in counts.most_common():
        yield f"  {count:5} {name}"
    yield "slowest of envm: ms, candidates, questions, packages"
    for r in sorted(results, key=lambda r: -r["ms"][0])[:10]:
        specs = " ".join(r["request"]["specs"])
        yield (f"  {r['ms'][0]:6} {r['candidates'] or '-':>6} {r['questions'] or 0:>4} "
               f"{r['packages']:>4}  {r['request']['id']} {r['kinds'][0]}: {specs[:90]}")
    for side, name in ((0, "envm"), (1, "rattler")):
        times = sorted(r["ms"][side] for r in results)
        yield f"median {name}: {times[len(times) // 2]} ms, sum {sum(times) / 1000:.1f} s"


def show(result):
    detail = result["detail"]
    yield f"{result['request']['id']} {result['cause']}: {result['request']['specs']}"
    for key, value in detail.items():
        if key == "differing":
            for ours, theirs in value[:30]:
                yield f"    envm {ours}   rattler {theirs}"
        elif value:
            yield f"  {key}: {value if isinstance(value, str) else json.dumps(value)[:1500]}"


def chosen(arguments):
    made = list(generate.requests(arguments.data, arguments.seed))
    if arguments.spec:
        group = next(g for g in generate.GROUPS if g[0] == (arguments.group or "harvest"))
        return [{"id": f"{group[0]}/given", "kind": "given", "channels": group[1],
                 "specs": arguments.spec}]
    made = [r for r in made if (not arguments.id or r["id"] in arguments.id)
            and (not arguments.group or r["id"].split("/")[0] == arguments.group)
            and (not arguments.kind or r["kind"] == arguments.kind)]
    return made[:arguments.limit]


def compare(arguments):
    work = arguments.work.resolve()
    work.mkdir(parents=True, exist_ok=True)
    if not (arguments.data / "repodata").is_dir() or not shutil.which("zstd"):
        raise Skip(f"{arguments.data}/repodata or the zstd program is not there")
    node = prepare_node(work)
    started, results, shrunk = time.monotonic(), [], collections.Counter()
    comparison = Comparison(arguments.program.resolve(), node, work, arguments.data,
                            arguments.as_is)
    for request in chosen(arguments):
        result = comparison.run(request)
        results.append(result)
        if result["kinds"] == ["solved", "solved"]:
            world = comparison.world(request["channels"])
            result["behind"] = [sum(map(world.is_behind, result[k])) for k in ("envm", "rattler")]
        found = result["cause"]
        if found in FAILURES + WORSE and shrunk[found] < arguments.shrink:
            shrunk[found] += 1
            result["smallest"] = comparison.shrink(result)
            print("\n".join(show(result["smallest"])), flush=True)
        elif found in FAILURES + WORSE or arguments.show:
            print("\n".join(show(result)), flush=True)
    comparison.oracle.stop()
    differing = comparison.translator.differing if comparison.translator else {}
    return results, differing, time.monotonic() - started


def main():
    parser = argparse.ArgumentParser(description="Compare envm's solutions with rattler's.")
    parser.add_argument("program", type=pathlib.Path)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--data", type=pathlib.Path, default=generate.DEFAULT_DATA)
    parser.add_argument("--seed", type=int, default=generate.DEFAULT_SEED)
    parser.add_argument("--report", type=pathlib.Path)
    parser.add_argument("--group", choices=[g[0] for g in generate.GROUPS])
    parser.add_argument("--kind", choices=["file", "random", "broken"])
    parser.add_argument("--id", action="append", default=[])
    parser.add_argument("--spec", action="append", default=[])
    parser.add_argument("--limit", type=int)
    parser.add_argument("--shrink", type=int, default=0, metavar="N",
                        help="make the first N findings of each cause smaller")
    parser.add_argument("--as-is", action="store_true",
                        help="let rattler read every condition in its own way (see translate.py)")
    parser.add_argument("--show", action="store_true", help="show every request, not only findings")
    arguments = parser.parse_args()
    try:
        results, differing, seconds = compare(arguments)
    except Skip as reason:
        print(f"SKIPPED: {reason}")
        return 77
    print("\n".join(table(results, seconds, arguments.seed)))
    print(f"conditions that rattler reads otherwise, said to it differently: {len(differing)}")
    for condition, sides in sorted(differing.items()):
        print(f"  {condition}: " + ", ".join(
            f"{side} {' '.join(found[:6])}" for side, found in sides.items() if isinstance(found, list)
            and found))
    if arguments.report:
        write_json(arguments.report, {"seed": arguments.seed, "seconds": round(seconds),
                                      "read_otherwise": differing, "results": results})
    return 1 if not results or any(r["cause"] in FAILURES for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
