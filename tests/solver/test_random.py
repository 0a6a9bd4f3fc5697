#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small random channels, solved by envm and by trying every combination.

    test_random.py RUN_SOLVER [SEED [CASES]]

Both must agree on whether there is a solution, and of the requested packages on the best versions
and then the best builds in the order of their names; the best versions are the oldest ones where the
case asks for the lowest. Pins, frozen records and excluded dates take part in some of the cases.
Every solution goes through the checker.
"""
import itertools
import pathlib
import random
import re
import subprocess
import sys
import tempfile

CHECKER = pathlib.Path(__file__).resolve().parents[1] / "support" / "check_solution.py"
SPEC = re.compile(r"(\w)(?: (>=|<|!=)?(\d))?")


def random_spec(names):
    name = random.choice(names)
    return random.choice([name, f"{name} >={random.randint(1, 3)}", f"{name} <{random.randint(2, 4)}",
                          f"{name} {random.randint(1, 3)}", f"{name} !={random.randint(1, 3)}"])


def matches(spec, version):
    _, operator, operand = SPEC.fullmatch(spec).groups()
    if operand is None:
        return True
    operand = int(operand)
    return {">=": version >= operand, "<": version < operand, "!=": version != operand,
            None: version == operand}[operator]


OLD, NEW, LIMIT = "2024-01-15", "2024-03-15", "2024-02-01"


class Case:
    def __init__(self):
        self.names = list("abcdefg")[:random.randint(3, 7)]
        self.records = {name: self.random_records(name) for name in self.names}
        count = random.choice([1, 2, 2, 3])
        self.requests = sorted({random_spec(self.names) for _ in range(count)})
        self.requested = sorted({request[0] for request in self.requests})
        self.resolution = random.choice(["highest", "highest", "lowest-direct", "lowest"])
        self.pins = [random_spec(self.names) for _ in range(random.choice([0, 0, 0, 1, 2]))]
        self.has_limit = random.random() < 0.25
        self.frozen = {}
        if random.random() < 0.25:
            name = random.choice(self.names)
            self.frozen[name] = random.choice(self.records[name])

    def random_records(self, name):
        others = [other for other in self.names if other != name]
        return [(version, build,
                 [random_spec(others) for _ in range(random.choice([0, 1, 1, 2, 3]))],
                 [random_spec(others) for _ in range(random.choice([0, 0, 0, 1, 2]))],
                 random.choice([OLD, OLD, NEW]))
                for version in range(1, random.randint(2, 4))
                for build in range(random.choice([1, 1, 2]))]

    @staticmethod
    def line(name, record):
        version, build, depends, constrains, date = record
        return (f"{name} {version} h_{build} number={build} date={date}"
                + (" :: " + "; ".join(depends) if depends else "")
                + (" !! " + "; ".join(constrains) if constrains else ""))

    def text(self, title):
        lines = [f"==== {title}", f"resolution {self.resolution}"]
        lines += [self.line(name, r) for name, records in self.records.items() for r in records]
        lines += [f"frozen {self.line(name, record)}" for name, record in self.frozen.items()]
        lines += [f"pin {pin}" for pin in self.pins]
        lines += [f"exclude-newer {LIMIT}"] if self.has_limit else []
        return "\n".join(lines + [f"install {r}" for r in self.requests] + ["expect", "-", ""])

    def is_allowed(self, name, record):
        if self.frozen.get(name) is record:
            return True
        return name not in self.frozen and not (self.has_limit and record[4] == NEW)

    def is_solution(self, chosen):
        if not all(chosen[r[0]] and matches(r, chosen[r[0]][0]) for r in self.requests):
            return False
        if not all(chosen[name] is record for name, record in self.frozen.items()):
            return False
        if not all(not chosen[p[0]] or matches(p, chosen[p[0]][0]) for p in self.pins):
            return False
        if not all(self.is_allowed(name, record) for name, record in chosen.items() if record):
            return False
        for record in filter(None, chosen.values()):
            if not all(chosen[d[0]] and matches(d, chosen[d[0]][0]) for d in record[2]):
                return False
            if not all(not chosen[c[0]] or matches(c, chosen[c[0]][0]) for c in record[3]):
                return False
        return True

    def score(self, chosen):
        sign = 1 if self.resolution == "highest" else -1
        return ([sign * chosen[name][0] for name in self.requested]
                + [chosen[name][1] for name in self.requested])

    def best(self):
        """The score of the best solution, or None."""
        found = None
        for combination in itertools.product(*([None] + self.records[n] for n in self.names)):
            chosen = dict(zip(self.names, combination))
            if self.is_solution(chosen):
                score = self.score(chosen)
                found = score if found is None or score > found else found
        return found


def read_answers(output):
    blocks = re.findall(r"^==== case(\d+) \((\w+)\)\n(.*?)(?=^==== |^FAILED|\Z)", output, re.M | re.S)
    return {(int(number), how): text.strip() for number, how, text in blocks}


def judge(case, answer, reverse):
    if answer != reverse:
        return "the order of the requests changes the answer"
    lines = [line.split() for line in answer.split("\n")]
    chosen = {line[0]: (int(line[1]), int(line[2][2:])) for line in lines
              if len(line) == 3 and line[2].startswith("h_")}
    is_solved = len(chosen) == len(lines)
    best = case.best()
    if is_solved != (best is not None):
        return f"expected {'a' if best else 'no'} solution"
    if is_solved and case.score(chosen) != best:
        return f"{case.score(chosen)} instead of {best} for {case.requested}"
    return None


def main():
    random.seed(int(sys.argv[2]) if len(sys.argv) > 2 else 1)
    cases = [Case() for _ in range(int(sys.argv[3]) if len(sys.argv) > 3 else 240)]
    failures = 0
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "random.test"
        path.write_text("\n".join(case.text(f"case{i}") for i, case in enumerate(cases)))
        # it reports every case as failed, since nothing is expected
        done = subprocess.run([sys.argv[1], "--show", "--json", directory, path], text=True,
                              stdout=subprocess.PIPE)
        answers = read_answers(done.stdout)
        for i, case in enumerate(cases):
            fault = judge(case, answers[i, "forked"], answers[i, "reversed"])
            if fault:
                failures += 1
                print(f"FAILED: {fault}\n{case.text(f'case{i}')}\n{answers[i, 'forked']}")
        proof = subprocess.run([sys.executable, CHECKER, "--cases", directory], text=True,
                               stdout=subprocess.PIPE)
        print(f"{len(cases)} cases, {failures} failures; checker: {proof.stdout.strip()}")
        return 1 if failures or proof.returncode else 0


if __name__ == "__main__":
    sys.exit(main())
