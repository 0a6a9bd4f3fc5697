#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compare envm's JSON reader with Python's json module on generated and damaged documents.

usage: json_diff.py JSON_DUMP CASES [COUNT [SEED]]
"""
import json
import random
import re
import subprocess
import sys

DEPTH_MAX = 64
STRINGS = ["", "a", "name", "é", "€", "😀", "\n", "\t", '"', "\\", "/", "\x7f", "\u2028", "x" * 40,
           "numpy >=1.21,<3", "0123456789abcde\\", "\ud83d\ude00"]
NUMBERS = ["0", "-0", "1", "-1", "1.5", "1e5", "1E+5", "0.0e-0", "123456789012345678901234567890",
           "-2.50", "1e999"]
PIECES = list('{}[]:,"\\ \n\t0123456789-+.eEtrufalsn/') + [
    "\\u", "\\ud800", "\\udc00", "\\u0000", "true", "null", "NaN", "\x00", "\x1f", "é", "\ufeff"]


class Refused(Exception):
    pass


def refuse_constant(text):
    raise Refused(text)


class Number(str):
    """The text of a number, told apart from a string."""


class Object(list):
    """Pairs of an object in their order, repeated keys too."""


# What envm_utf8_is_control() says of a character: written as an escape.
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")


def quote(text):
    if any("\ud800" <= c <= "\udfff" for c in text) or "\0" in text:
        raise Refused("a lone surrogate or a NUL")
    out = []
    names = {'"': '\\"', "\\": "\\\\", "\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
    for c in text:
        out.append(names.get(c) or (f"\\u{ord(c):04x}" if CONTROL.match(c) else c))
    return '"' + "".join(out) + '"'


def tokens(value, depth=0):
    if isinstance(value, list):
        if depth == DEPTH_MAX:
            raise Refused("too deep")
        yield "{" if isinstance(value, Object) else "["
        for item in value:
            if isinstance(value, Object):
                yield quote(item[0])
                item = item[1]
            yield from tokens(item, depth + 1)
        yield "}" if isinstance(value, Object) else "]"
    elif isinstance(value, Number):
        yield str(value)
    elif isinstance(value, str):
        yield quote(value)
    else:
        yield {None: "null", True: "true", False: "false"}[value]


def python_line(data):
    """What json_dump should print for the bytes."""
    try:
        text = data.decode("utf-8")
        value = json.loads(text, object_pairs_hook=Object, parse_int=Number, parse_float=Number,
                           parse_constant=refuse_constant)
        return "".join(token + " " for token in tokens(value))
    except (ValueError, Refused, RecursionError):
        return "-"


def make_value(rng, depth):
    kind = rng.randrange(8 if depth < 6 else 5)
    if kind < 2:
        text = "".join(rng.choice(STRINGS) for _ in range(rng.randrange(3)))
        return json.dumps(text, ensure_ascii=rng.random() < 0.5)
    if kind == 2:
        return rng.choice(NUMBERS)
    if kind in (3, 4):
        return rng.choice(["true", "false", "null"])
    space = rng.choice(["", " ", "\n  ", "\r\n\t"])
    count = rng.randrange(5)
    if kind == 5:
        return "[" + ("," + space).join(make_value(rng, depth + 1) for _ in range(count)) + space + "]"
    pairs = [json.dumps(rng.choice(STRINGS)) + space + ":" + space + make_value(rng, depth + 1)
             for _ in range(count)]
    return "{" + space + (space + ",").join(pairs) + "}"


def damage(rng, data):
    data = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(data) + 1)
        what = rng.randrange(4)
        if what == 0:
            del data[at:at + rng.randrange(1, 4)]
        elif what == 1:
            data[at:at] = rng.choice(PIECES).encode("utf-8", "surrogatepass")
        elif what == 2 and at < len(data):
            data[at] = rng.randrange(256)
        else:
            data = data[:at]
    return bytes(data)


def documents(cases, count, seed):
    rng = random.Random(seed)
    with open(cases, encoding="utf-8") as file:
        for line in file:
            fields = line.rstrip("\n").split("\t")
            if fields[0] in ("y", "n") and len(fields[1]) < 1000:
                yield fields[1].encode()
    for depth in (63, 64, 65, 66):
        yield b"[" * depth + b"]" * depth
        yield b'{"a":' * depth + b"1" + b"}" * depth
    for _ in range(count):
        data = make_value(rng, 0).encode("utf-8", "surrogatepass")
        yield data
        yield damage(rng, data)
        yield damage(rng, data)


def main():
    program, cases = sys.argv[1:3]
    count = int(sys.argv[3]) if len(sys.argv) > 3 else 4000
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    inputs = list(documents(cases, count, seed))
    stdin = b"".join(b"%d\n%s" % (len(data), data) for data in inputs)
    done = subprocess.run([program], input=stdin, stdout=subprocess.PIPE, check=True)
    lines = done.stdout.decode("utf-8").split("\n")[:-1]
    if len(lines) != len(inputs):
        sys.exit(f"{len(inputs)} documents in, {len(lines)} lines out")
    wrong = 0
    accepted = 0
    for data, line in zip(inputs, lines):
        expected = python_line(data)
        accepted += expected != "-"
        if line != expected:
            wrong += 1
            print(f"{data!r}\n  python: {expected}\n  envm:   {line}")
    print(f"{len(inputs)} documents, {accepted} accepted, {wrong} different")
    if wrong or accepted < len(inputs) // 4 or accepted > len(inputs) * 3 // 4:
        sys.exit(1)


main()
