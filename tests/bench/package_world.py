# SPDX-License-Identifier: MIT
"""Package channels of any size: files that compress like real ones, some with the prefix in them."""

import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
from mkchannel import Channel  # noqa: E402

POOL = 16 << 20


class Filler:
    """Bytes: text of words, or skewed noise like machine code. zstd makes a third of them."""

    def __init__(self, seed):
        self.chance = random.Random(seed)
        letters = "etaoinshrdlucmfwypvbgk"
        words = ["".join(self.chance.choices(letters, k=self.chance.randrange(2, 11))).encode() for _ in range(3000)]
        weights = [1 / (rank + 1) for rank in range(len(words))]
        self.text = b" ".join(self.chance.choices(words, weights, k=POOL // 5))[:POOL]
        skew = bytes(min(int(self.chance.expovariate(0.04)), 255) for _ in range(256))
        self.code = self.chance.randbytes(POOL).translate(skew)

    def bytes(self, size, is_text):
        pool = self.text if is_text else self.code
        at = self.chance.randrange(max(1, len(pool) - size))
        found = pool[at:at + size]
        return found if len(found) == size else (pool * (size // len(pool) + 1))[:size]


def _sizes(chance, count, total):
    """Log-normal like those of real packages: most files are small, few are most of the bytes."""
    sizes = [chance.lognormvariate(0, 1.7) for _ in range(count)]
    scale = total / sum(sizes)
    return [max(1, int(size * scale)) for size in sizes]


def make(folder, packages, files, size):
    """Writes the channel; every package is needed by the last one, "all". Returns (packages, files, bytes)."""
    filler = Filler(f"{packages} {files} {size}")
    chance = filler.chance
    sizes = _sizes(chance, files, size)
    channel = Channel(folder)
    channel.add("python", "3.12.1", "0_cpython", files={
        "bin/python3.12": {"text": "#!/bin/sh\nexec python3 \"$@\"\n", "exec": True},
        "bin/python": {"symlink": "python3.12"}})
    made = 2
    for number in range(packages):
        mine = sizes[number * files // packages:(number + 1) * files // packages]
        is_python = number % 3 == 0
        content = {}
        parts = max(1, len(mine) // 30)  # ten files to a directory, as in real packages
        for index, length in enumerate(mine):
            is_text = chance.random() < 0.8 if length < 100000 else False
            data = filler.bytes(length, is_text)
            if is_python:
                path = f"site-packages/pkg{number}/part{index // 10}/module{index}.py"
            elif index % 40 == 0:
                path = f"bin/tool{number}-{index}"
            else:
                path = f"{('lib', 'include', 'share')[index % 3]}/pkg{number}/part{index % parts}/file{index}"
            value = {"bytes": data}
            if not is_python and index % 50 == 7:
                value = {"text": "prefix=@PREFIX@\n" + filler.bytes(min(length, 20000), True).decode()}
            elif not is_python and index == 3:
                value = {"binary": "\0" + filler.bytes(length, False).decode("latin-1") + "@PREFIX@/lib\0\0"}
            value["exec"] = path.startswith("bin/")
            content[path] = value
        made += len(content)
        options = {"files": content, "license": "MIT", "timestamp": 1700000000000}
        if is_python:
            options |= {"noarch": "python", "depends": ["python >=3.10"], "entry_points": [f"run{number} = pkg{number}.main:run"]}
        channel.add(f"pkg{number}", "1.0", "h0123456_0" if not is_python else "pyh0123456_0", **options)
    channel.add("all", "1.0", "0", depends=[f"pkg{number}" for number in range(packages)], files={"share/all": "x"})
    channel.write()
    return packages + 2, made + 1, sum(sizes)


def make_downloads(folder, packages, size):
    """Packages of one file of noise each, for downloads."""
    chance = random.Random("downloads")
    channel = Channel(folder)
    for number in range(packages):
        channel.add(f"blob{number}", "1.0", "0", files={"share/blob%d" % number: {"bytes": chance.randbytes(size)}})
    channel.add("blobs", "1.0", "0", depends=[f"blob{number}" for number in range(packages)], files={"share/blobs": "x"})
    channel.write()
