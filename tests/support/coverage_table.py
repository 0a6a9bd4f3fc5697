#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Lines of src/ that the tests have run, per folder; fails below a floor.

usage: coverage_table.py BUILD_DIR FLOOR [FOLDER=FLOOR...]
"""
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def covered_lines(build):
    """{folder: [lines, lines run]} and {file: [lines, lines run]}"""
    command = ["gcovr", "--root", str(ROOT), "--filter", str(ROOT / "src") + "/", "--json", "-",
               "--exclude-unreachable-branches", str(build)]
    report = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    folders, files = {}, {}
    for entry in report["files"]:
        lines = [line for line in entry["lines"] if not line.get("gcovr/noncode")]
        run = sum(1 for line in lines if line["count"] > 0)
        folder = entry["file"].split("/")[1]
        for table, key in ((folders, folder), (files, entry["file"])):
            total = table.setdefault(key, [0, 0])
            total[0] += len(lines)
            total[1] += run
    return folders, files


def percent(total):
    return 100.0 * total[1] / total[0] if total[0] else 100.0


def main():
    build, floor = pathlib.Path(sys.argv[1]), float(sys.argv[2])
    floors = dict(word.split("=") for word in sys.argv[3:])
    folders, files = covered_lines(build)
    print("least covered files:")
    for name in sorted(files, key=lambda name: percent(files[name]))[:10]:
        print(f"  {name:40} {percent(files[name]):6.1f} %")
    print(f"\n{'folder':10} {'lines':>7} {'run':>7} {'':>9}")
    for name, total in sorted(folders.items()):
        print(f"{name:10} {total[0]:7} {total[1]:7} {percent(total):7.1f} %")
    whole = [sum(total[i] for total in folders.values()) for i in (0, 1)]
    print(f"{'src':10} {whole[0]:7} {whole[1]:7} {percent(whole):7.1f} %")
    low = [f"src/{name} is below {floors[name]} %" for name in floors
           if percent(folders.get(name, [1, 0])) < float(floors[name])]
    if percent(whole) < floor:
        low.append(f"src is below {floor:g} %")
    print("\n".join(low) or f"src is at or above {floor:g} %")
    return 1 if low else 0


sys.exit(main())
