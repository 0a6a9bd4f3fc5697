#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Solve on real repodata and have every solution proved.

    test_real_channels.py SOLVE_REPODATA

The data stands beside the source tree (../shared/data/repodata); without it, or without the zstd
program, the test is skipped.
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "support"))
import check_solution  # noqa: E402  (the path has to be set first)

VIRTUAL = ["__glibc=2.36", "__linux=6.1", "__unix=0", "__archspec=1=x86_64_v3"]
HARVEST = [("conda-forge", "conda-forge-2026-harvest")]
OLD = [("conda-forge", "conda-forge-2016-08-06"), ("free", "pkgs-free-2016-09-03")]

# channels, priority, requests, and what must be in the solution: "NAME VERSION" or "NAME"
SOLVABLE = [
    (HARVEST, "strict", ["python"], ["python 3.14.6"]),
    (HARVEST, "strict", ["numpy"], ["numpy 2.4.6"]),
    (HARVEST, "strict", ["pytorch", "torchvision"], ["pytorch 2.10.0", "torchvision 0.26.0"]),
    # libsolv alone settles for pyarrow 17 here
    (HARVEST, "strict", ["xarray", "dask", "netcdf4"], ["pyarrow 23.0.0"]),
    (HARVEST, "strict", ["geopandas"], ["geopandas 1.1.2"]),
    (HARVEST, "strict", ["r-base", "r-ggplot2"], ["r-ggplot2 4.0.1"]),
    (HARVEST, "strict", ["jupyterlab", "ipywidgets", "scipy"], ["scipy 1.17.0"]),
    (HARVEST, "strict", ["scikit-image", "opencv"], ["scikit-image 0.21.0"]),
    (HARVEST, "strict", ["libblas   3.11.0   *mkl"], ["libblas 3.11.0", "mkl"]),
    (HARVEST, "strict", ["python 3.12.*", "pandas 2.1.*", "numpy 1.26.*", "scikit-learn"],
     ["pandas"]),
    (OLD, "strict", ["numpy", "scipy"], ["numpy 1.11.1", "blas 1.1"]),
    (OLD, "flexible", ["numpy", "scipy", "pandas", "matplotlib"], ["scipy 0.18.0"]),
    (OLD[1:], "strict", ["numpy", "scipy"], ["numpy 1.11.1", "mkl 11.3.3"]),
    (OLD[1:], "strict", ["numpy", "scipy", "nomkl"], ["numpy 1.11.1", "openblas"]),
]
# requests and what the first line of the explanation must name
UNSOLVABLE = [
    (["nunpy"], ['"nunpy"', 'did you mean "numpy"']),
    (["numpy 1.16.*"], ['"numpy 1.16.*"', "there are only numpy"]),
    (["python 3.14.*", "scipy", "numpy"], ['"python 3.14.*" and "scipy" are in conflict']),
]


# with conditions put on half of all dependencies that python makes hold, the answer is the same
CONDITIONAL = [["python", "numpy", "pandas", "matplotlib"], ["xarray", "dask", "netcdf4"]]


def put_conditions(work):
    """A copy of the harvest: every second dependency under a condition, and extras everywhere."""
    for subdir in ("linux-64", "noarch"):
        data = check_solution.read_json(work / HARVEST[0][1] / subdir / "repodata.json")
        for section in ("packages", "packages.conda"):
            for record in data.get(section, {}).values():
                for i in range(1, len(record["depends"]), 2):
                    name, *rest = record["depends"][i].split()
                    keys = [f'{key}="{value}"' for key, value in zip(("version", "build"), rest)]
                    keys.append('when="python>=3.8 and (__unix or libzlib)"')
                    record["depends"][i] = f"{name}[{','.join(keys)}]"
                record["extra_depends"] = {"test": ["pytest", 'hypothesis[when="python>=3.9"]']}
        place = work / "conditional" / subdir
        place.mkdir(parents=True)
        (place / "repodata.json").write_text(json.dumps(data))


def check_conditional(solver, work, specs):
    answers = [set(subprocess.run(command(solver, work, channels, "strict", specs), text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE).stdout.split("\n"))
               for channels in (HARVEST, [("conda-forge", "conditional")])]
    print(" ".join(specs), "| under conditions")
    if answers[0] == answers[1] and len(answers[0]) > 10:
        return 0
    print("  FAILED:", sorted(answers[0] ^ answers[1]))
    return 1


def unpack(data, work):
    """The channels with repodata.json for linux-64 and noarch."""
    for name in {directory for _, directory in HARVEST + OLD}:
        for subdir in ("linux-64", "noarch"):
            packed = data / name / subdir / "repodata.json.zst"
            if packed.is_file():
                (work / name / subdir).mkdir(parents=True)
                subprocess.run(["zstd", "-dqo", work / name / subdir / "repodata.json", packed],
                               check=True)


def command(program, work, channels, priority, specs):
    line = [program, "-p", priority]
    for virtual in VIRTUAL:
        line += ["-v", virtual]
    for name, directory in channels:
        files = sorted(str(f) for f in (work / directory).glob("*/repodata.json"))
        line += ["-c", f"{name}={','.join(files)}"]
    return line + specs


def main():
    data = pathlib.Path(os.environ.get("ENVM_SOURCE_DIR", HERE.parents[1])) / "../shared/data/repodata"
    if not data.is_dir() or not shutil.which("zstd"):
        print("SKIPPED: needs ../shared/data/repodata and the zstd program")
        return 77
    failures = 0
    with tempfile.TemporaryDirectory() as directory:
        work = pathlib.Path(directory)
        unpack(data, work)
        loaded = {}
        for channels, priority, specs, expected in SOLVABLE:
            answers = []
            for order in (specs, specs[::-1]):
                solution = work / "solution.json"
                done = subprocess.run(command(sys.argv[1], work, channels, priority, order)
                                      + ["-o", str(solution)], text=True,
                                      stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                answers.append(done.stdout)
            faults = []
            if done.returncode:
                faults.append(done.stdout + done.stderr)
            else:
                for name, where in channels:
                    loaded.setdefault(where, check_solution.load_channel(name, work / where))
                checker = check_solution.Checker(
                    [(name, loaded[where]) for name, where in channels],
                    [check_solution.parse_virtual(v) for v in VIRTUAL], priority)
                faults += checker.check(specs, json.loads(solution.read_text())["packages"])
                lines = ["\n" + answer for answer in answers]
                faults += [f"{want} is not in the solution" for want in expected
                           if f"\n{want} " not in lines[0]]
                if answers[0] != answers[1]:
                    faults.append("the order of the requests changes the solution")
            print(" ".join(specs), "|", done.stderr.strip().rsplit("\n", 1)[-1])
            for fault in faults:
                print("  FAILED:", fault)
            failures += bool(faults)
        put_conditions(work)
        for specs in CONDITIONAL:
            failures += check_conditional(sys.argv[1], work, specs)
        for specs, expected in UNSOLVABLE:
            done = subprocess.run(command(sys.argv[1], work, HARVEST, "strict", specs), text=True,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            first = done.stdout.split("\n", 1)[0]
            print(" ".join(specs), "|", first)
            if done.returncode != 3 or any(text not in first for text in expected):
                print("  FAILED: exit", done.returncode, done.stdout, done.stderr)
                failures += 1
    print(f"{len(SOLVABLE) + len(CONDITIONAL) + len(UNSOLVABLE)} requests, {failures} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
