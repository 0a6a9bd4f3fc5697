#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Small random channels, solved by envm and by trying every combination.

Half of the channels have conditions (over packages, absent ones and the system), extras and flags.

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
SPEC = re.compile(r"(\w+)(?: (>=|<|!=)?(\d))?")
SYSTEM = {"__v": (2, 0, [], [], None, {}, [])}
EXTRAS = ["t", "u"]
FLAGS = ["f", "g"]


def random_spec(names):
    name = random.choice(names)
    return random.choice([name, f"{name} >={random.randint(1, 3)}", f"{name} <{random.randint(2, 4)}",
                          f"{name} {random.randint(1, 3)}", f"{name} !={random.randint(1, 3)}"])


def random_condition(names, depth=2):
    """A spec, or ("and" or "or", left, right)."""
    if depth == 0 or random.random() < 0.6:
        return random_spec(names + ["zz", "__v", "__none"])
    return (random.choice(["and", "or"]), random_condition(names, depth - 1),
            random_condition(names, depth - 1))


def condition_text(condition):
    if isinstance(condition, str):
        spec = SPEC.fullmatch(condition)
        return condition if spec[3] is None else f"{spec[1]}[version='{spec[2] or ''}{spec[3]}']"
    operator, left, right = condition
    return f"({condition_text(left)}) {operator} ({condition_text(right)})"


class Need:
    """A dependency, constraint or request: what, and under which condition."""

    def __init__(self, names, rich, extras=True, system=False):
        self.spec = random_spec(names + ["__v"] if rich and system else names)
        self.name = SPEC.fullmatch(self.spec)[1]
        self.condition = random_condition(names) if rich and random.random() < 0.35 else None
        self.extras = random.sample(EXTRAS, random.choice([1, 1, 2])) \
            if rich and extras and random.random() < 0.2 and self.name != "__v" else []
        self.flags = random.sample(FLAGS, 1) \
            if rich and random.random() < 0.1 and self.name != "__v" else []

    def text(self):
        keys = []
        if self.condition:
            keys.append(f'when="{condition_text(self.condition)}"')
        if self.extras:
            keys.append(f"extras=[{','.join(self.extras)}]")
        if self.flags:
            keys.append(f"flags=[{','.join(self.flags)}]")
        return self.spec + (f"[{','.join(keys)}]" if keys else "")

    def meets(self, record):
        return matches(self.spec, record[0]) and all(flag in record[6] for flag in self.flags)


def matches(spec, version):
    _, operator, operand = SPEC.fullmatch(spec).groups()
    if operand is None:
        return True
    operand = int(operand)
    return {">=": version >= operand, "<": version < operand, "!=": version != operand,
            None: version == operand}[operator]


OLD, NEW, LIMIT = "2024-01-15", "2024-03-15", "2024-02-01"


def holds(condition, chosen):
    if condition is None:
        return True
    if isinstance(condition, str):
        name = SPEC.fullmatch(condition)[1]
        record = chosen.get(name) or SYSTEM.get(name)
        return record is not None and matches(condition, record[0])
    operator, left, right = condition
    return {"and": all, "or": any}[operator]([holds(left, chosen), holds(right, chosen)])


class Case:
    def __init__(self, rich):
        self.rich = rich
        self.names = list("abcdefg")[:random.randint(3, 6 if rich else 7)]
        self.records = {name: self.random_records(name) for name in self.names}
        count = random.choice([1, 2, 2, 3])
        needs = {need.text(): need for need in [Need(self.names, rich) for _ in range(count)]}
        self.requests = [needs[text] for text in sorted(needs)]
        self.requested = sorted({r.name for r in self.requests if not r.condition})
        self.resolution = random.choice(["highest", "highest", "lowest-direct", "lowest"])
        self.pins = [Need(self.names, rich, False) for _ in range(random.choice([0, 0, 0, 1, 2]))]
        self.has_limit = random.random() < 0.25
        self.frozen = {}
        if random.random() < 0.25:
            name = random.choice(self.names)
            self.frozen[name] = random.choice(self.records[name])

    def random_records(self, name):
        others = [other for other in self.names if other != name]
        return [(version, build,
                 [Need(others, self.rich, True, True) for _ in range(random.choice([0, 1, 1, 2, 3]))],
                 [Need(others, self.rich, False, True)
                  for _ in range(random.choice([0, 0, 0, 1, 2]))],
                 random.choice([OLD, OLD, NEW]),
                 {extra: [Need(others, self.rich, True, True) for _ in range(random.choice([0, 1, 2]))]
                  for extra in EXTRAS if self.rich and random.random() < 0.4},
                 [flag for flag in FLAGS if self.rich and random.random() < 0.5])
                for version in range(1, random.randint(2, 4))
                for build in range(random.choice([1, 1, 2]))]

    @staticmethod
    def line(name, record):
        version, build, depends, constrains, date, extras, flags = record
        return (f"{name} {version} h_{build} number={build} date={date}"
                + (" flags=" + ",".join(flags) if flags else "")
                + (" :: " + "; ".join(d.text() for d in depends) if depends else "")
                + (" !! " + "; ".join(c.text() for c in constrains) if constrains else "")
                + "".join(f" ++ {extra}: " + "; ".join(d.text() for d in needs)
                          for extra, needs in extras.items()))

    def text(self, title):
        lines = [f"==== {title}", f"resolution {self.resolution}"]
        lines += ["virtual __v 2 0"] if self.rich else []
        lines += [self.line(name, r) for name, records in self.records.items() for r in records]
        lines += [f"frozen {self.line(name, record)}" for name, record in self.frozen.items()]
        lines += [f"pin {pin.text()}" for pin in self.pins]
        lines += [f"exclude-newer {LIMIT}"] if self.has_limit else []
        lines += [f"install {r.text()}" for r in self.requests]
        return "\n".join(lines + ["expect", "-", ""])

    def active_needs(self, chosen):
        """Requests, dependencies and what asked-for extras bring, as far as conditions hold."""
        asked, count = set(), -1
        while len(asked) != count:
            count = len(asked)
            needs = list(self.requests)
            for name, record in chosen.items():
                if record:
                    needs += record[2]
                    for extra, more in record[5].items():
                        needs += more if (name, extra) in asked else []
            needs = [need for need in needs if holds(need.condition, chosen)]
            asked = {(need.name, extra) for need in needs for extra in need.extras}
        return needs

    def is_allowed(self, name, record):
        if self.frozen.get(name) is record:
            return True
        return name not in self.frozen and not (self.has_limit and record[4] == NEW)

    def limits(self, chosen):
        """Pins, and the constraints of what is chosen, as far as conditions hold."""
        found = self.pins + [c for record in filter(None, chosen.values()) for c in record[3]]
        return [need for need in found if holds(need.condition, chosen)]

    def is_solution(self, chosen):
        if not all(chosen[name] is record for name, record in self.frozen.items()):
            return False
        if not all(self.is_allowed(name, record) for name, record in chosen.items() if record):
            return False
        there = {**chosen, **SYSTEM}
        if not all(there[need.name] and need.meets(there[need.name])
                   for need in self.active_needs(chosen)):
            return False
        return all(not there[c.name] or c.meets(there[c.name]) for c in self.limits(chosen))

    def score(self, chosen):
        sign = 1 if self.resolution == "highest" else -1
        return ([sign * chosen[name][0] for name in self.requested]
                + [chosen[name][1] for name in self.requested])

    def best(self):
        """The score of the best solution, or None."""
        found = None
        for combination in itertools.product(*([None] + self.records[n] for n in self.names)):
            chosen = dict(zip(self.names, combination))
            if any(chosen[name] is None for name in self.requested):
                continue
            score = self.score(chosen)
            if (found is None or score > found) and self.is_solution(chosen):
                found = score
        return found


def read_answers(output):
    blocks = re.findall(r"^==== case(\d+) \((\w+)\)\n(.*?)(?=^==== |^FAILED|\Z)", output, re.M | re.S)
    return {(int(number), how): text.strip() for number, how, text in blocks}


def judge(case, answer, reverse):
    if answer != reverse:
        return "the order of the requests changes the answer"
    lines = [line.split() for line in answer.split("\n") if line]
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
    cases = [Case(i % 2 == 1) for i in range(int(sys.argv[3]) if len(sys.argv) > 3 else 300)]
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
