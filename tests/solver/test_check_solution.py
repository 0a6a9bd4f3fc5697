#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The independent checker must find what is wrong with a wrong solution, and nothing in a right one."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
import check_solution  # noqa: E402  (the path has to be set first)

CHECKER = pathlib.Path(check_solution.__file__)


def record(name, version, build="0", depends=(), constrains=(), **more):
    return dict(name=name, version=version, build=build, build_number=0, depends=list(depends),
                constrains=list(constrains), **more)


RECORDS = {
    "first": [
        record("a", "1.0", depends=["b >=1,<2", "__glibc >=2.17"]),
        record("a", "2.0", depends=["b >=2"]),
        record("b", "1.5", constrains=["c <2"]),
        record("b", "2.0"),
    ],
    "second": [record("c", "1.0"), record("c", "2.0"), record("b", "1.6"), record("d", "1.0")],
}
GLIBC = [{"name": "__glibc", "version": "2.36", "build": "0"}]


def channel(name):
    found = {}
    for r in RECORDS[name]:
        file_name = f"{r['name']}-{r['version']}-{r['build']}.conda"
        found.setdefault(r["name"], []).append(dict(r, channel=name, subdir="linux-64",
                                                    fn=file_name, sha256="00"))
    return name, found


def package(name, version, where="first", **more):
    return dict(name=name, version=version, build="0", build_number=0, channel=where,
                subdir="linux-64", **more)


GOOD = [package("a", "1.0"), package("b", "1.5")]


class Solutions(unittest.TestCase):
    def faults(self, packages, specs=("a",), virtual=GLIBC, **options):
        checker = check_solution.Checker([channel("first"), channel("second")], virtual, **options)
        return checker.check(list(specs), packages)

    def assert_fault(self, text, *args, **options):
        faults = self.faults(*args, **options)
        self.assertTrue(any(text in f for f in faults), faults)

    def test_right(self):
        self.assertEqual(self.faults(GOOD), [])

    def test_missing_dependency(self):
        self.assert_fault("needs 'b >=1,<2', which is not there", GOOD[:1])

    def test_wrong_dependency(self):
        self.assert_fault("but b-2.0-0 is there", [GOOD[0], package("b", "2.0")])

    def test_system_too_old(self):
        old = [{"name": "__glibc", "version": "2.12", "build": "0"}]
        self.assert_fault("needs '__glibc >=2.17', but __glibc-2.12", GOOD, virtual=old)

    def test_system_without(self):
        self.assert_fault("needs '__glibc >=2.17', which is not there", GOOD, virtual=[])

    def test_constrains(self):
        packages = GOOD + [package("c", "2.0", "second")]
        self.assert_fault("constrains 'c <2', but c-2.0-0", packages, ["a", "c"])
        packages[2] = package("c", "1.0", "second")
        self.assertEqual(self.faults(packages, ["a", "c"]), [])

    def test_request_not_met(self):
        self.assert_fault("does not meet the request 'a >=2'", GOOD, ["a >=2"])
        self.assert_fault("the request 'd' is not there", GOOD, ["a", "d"])

    def test_twice(self):
        self.assert_fault("b is there twice", GOOD + [package("b", "2.0")])

    def test_not_in_repodata(self):
        self.assert_fault("a-1.1-0 is not in the repodata", [package("a", "1.1"), GOOD[1]])
        self.assert_fault("is not in the repodata", [dict(GOOD[0], build="1"), GOOD[1]])
        self.assert_fault("is not in the repodata", [dict(GOOD[0], sha256="11"), GOOD[1]])

    def test_priority(self):
        packages = [GOOD[0], package("b", "1.6", "second")]
        self.assert_fault("first has the name and a higher priority", packages)
        self.assertEqual(self.faults(packages, priority="flexible"), [])

    def test_unneeded(self):
        self.assert_fault("nothing needs d-1.0-0", GOOD + [package("d", "1.0", "second")])

    def test_conditions(self):
        needs_c = {"first": [record("a", "1.0", depends=["b", 'c >=2[when="b>=2 or (b<2 and d)"]']),
                             record("b", "1.5"), record("b", "2.0"), record("d", "1.0"),
                             record("c", "1.0"), record("c", "2.0")], "second": []}
        old, RECORDS["first"] = RECORDS["first"], needs_c["first"]
        self.addCleanup(RECORDS.__setitem__, "first", old)
        self.assertEqual(self.faults(GOOD), [])
        new = [GOOD[0], package("b", "2.0")]
        self.assert_fault("c >=2", new)
        self.assert_fault("but c-1.0-0 is there", new + [package("c", "1.0")])
        self.assertEqual(self.faults(new + [package("c", "2.0")]), [])
        self.assert_fault("nothing needs c-2.0-0", GOOD + [package("c", "2.0")])
        self.assert_fault("c >=2", GOOD + [package("d", "1.0")], ["a", "d"])
        self.assertEqual(self.faults(GOOD, ["a", "c[when=d]", "x[when=__win]"]), [])
        self.assert_fault("request", GOOD, ["a", "c[when=__glibc]"])

    def test_condition_texts(self):
        present = {name: record(name, "2.0", flags=["x:y"]) for name in "abc"}
        for text, expected in [
                ("a", True), ("z", False), ("a and z", False), ("a or z", True), ("z or a and b", True),
                ("(z or a) and z", False), ("(z or a) and (b)", True), ("a>=2", True), ("a<2", False),
                ("a[version='>=2,<3'] and b", True), ('z or a[flags=["x:*"]]', True),
                ("a (1|2)", True), ("a (1|3) or z", False), ("((a) and (b or z)) or z", True)]:
            self.assertEqual(check_solution.condition_holds(text, present), expected, text)

    def test_extras(self):
        extra = [record("a", "1.0", extra_depends={"t": ["b >=2"], "u": ["c[when=b]"]}),
                 record("b", "1.5"), record("b", "2.0"), record("c", "1.0"),
                 record("d", "1.0", depends=["a[extras=[t]]"])]
        old, RECORDS["first"] = RECORDS["first"], extra
        self.addCleanup(RECORDS.__setitem__, "first", old)
        a, b, c, d = (package(n, v) for n, v in
                      (("a", "1.0"), ("b", "2.0"), ("c", "1.0"), ("d", "1.0")))
        self.assertEqual(self.faults([a]), [])
        self.assertEqual(self.faults([a], ["a[extras=[nothing, u]]"]), [])
        self.assert_fault("nothing needs b-2.0-0", [a, b])
        self.assert_fault("needs 'b >=2', which is not there", [a], ["a[extras=t]"])
        self.assert_fault("but b-1.5-0 is there", [a, package("b", "1.5")], ["a[extras=[t]]"])
        self.assertEqual(self.faults([a, b], ["a[extras=['t']]"]), [])
        self.assert_fault("needs 'c[when=b]'", [a, b], ["a[extras=[t,u]]"])
        self.assertEqual(self.faults([a, b, c], ["a[extras=[t,u]]"]), [])
        self.assert_fault("needs 'b >=2'", [a, d], ["d"])
        self.assertEqual(self.faults([a, b, d], ["d"]), [])

    def test_flags(self):
        old, RECORDS["first"] = RECORDS["first"], [record("a", "1.0", flags=["cuda", "blas:mkl"])]
        self.addCleanup(RECORDS.__setitem__, "first", old)
        a = [package("a", "1.0")]
        self.assertEqual(self.faults(a, ["a[flags=cuda]", "a[flags=['blas:*', cuda]]"]), [])
        self.assert_fault("does not meet", a, ["a[flags=[cuda,rocm]]"])
        self.assert_fault("does not meet", a, ["a[flags=blas]"])

    def test_pins(self):
        self.assert_fault("b-1.5-0 does not meet the pin 'b <1'", GOOD,
                          options={"pins": ["c 7.*", "b <1"]})
        self.assert_fault("does not meet the pin 'b*[version=3]'", GOOD,
                          options={"pins": ["b*[version=3]"]})
        self.assertEqual(self.faults(GOOD, options={"pins": ["b 1.*", "nothing"]}), [])

    def test_frozen(self):
        frozen = dict(record("e", "1.0"), channel="first", subdir="linux-64")
        options = {"frozen": [frozen]}
        self.assert_fault("the frozen e-1.0-0 is not there", GOOD, options=options)
        kept = GOOD + [package("e", "1.0")]
        self.assertEqual(self.faults(kept, options=options), [])
        frozen = dict(record("b", "1.4"), channel="first", subdir="linux-64")
        self.assert_fault("b-1.5-0 is there instead of the frozen b-1.4-0", GOOD,
                          options={"frozen": [frozen]})

    def test_installed(self):
        own = dict(record("b", "1.6"), channel="third", subdir="linux-64")
        packages = [GOOD[0], package("b", "1.6", "third")]
        self.assert_fault("b-1.6-0 is not in the repodata", packages)
        self.assertEqual(self.faults(packages, options={"installed": [own]}), [])

    def test_dates(self):
        own = dict(record("b", "1.6"), channel="third", subdir="linux-64", timestamp=2000000000000)
        packages = [GOOD[0], package("b", "1.6", "third")]
        options = {"installed": [own], "exclude_newer": 1000000000000}
        self.assertEqual(self.faults(packages, options=options), [])
        check = check_solution.Checker([("third", {"b": [own]})], [], "strict", False,
                                       {"exclude_newer": 1000000000000})
        self.assertIn("b-1.6-0 is newer than is allowed",
                      check.check(["b"], [package("b", "1.6", "third")]))

    def test_virtual_package_installed(self):
        self.assert_fault("is a virtual package", GOOD + [package("__glibc", "2.36")])


class Matching(unittest.TestCase):
    def test_versions(self):
        ordered = ["1.0dev1", "1.0a1", "1.0rc1", "1.0", "1.0.post1", "1.0.1_", "1.0.1a", "1.0.1",
                   "1.1", "1.10", "1!0.1"]
        for low, high in zip(ordered, ordered[1:]):
            self.assertEqual(check_solution.compare_versions(low, high), -1, (low, high))
        self.assertEqual(check_solution.compare_versions("1.0", "1.0.0"), 0)

    def test_specs(self):
        rows = [
            ("a", "1", True), ("a 1.8", "1.8.1", False), ("a=1.8", "1.8.1", True),
            ("a=1.8", "1.80", False), ("a 1.8.*", "1.8", True), ("a >=1,<2|3.*", "3.1", True),
            ("a ~=1.4.2", "1.5", False), ("a !=1.1.*", "1.1.3", False), ("a==1.0=*_2", "1.0", False),
            ("a >=1.0, <2.0a0", "1.5", True), ("a[version='>=2',build=x]", "2.0", True),
        ]
        for text, version, expected in rows:
            found = check_solution.spec(text).matches(record("a", version, "x"))
            self.assertEqual(found, expected, text)


class Program(unittest.TestCase):
    def test_exit_status(self):
        with tempfile.TemporaryDirectory() as directory:
            root = pathlib.Path(directory)
            (root / "c" / "noarch").mkdir(parents=True)
            (root / "c" / "noarch" / "repodata.json").write_text(
                json.dumps({"packages": {"a-1.0-0.tar.bz2": record("a", "1.0")}}))
            solution = root / "solution.json"
            for packages, expected in (([package("a", "1.0", "c") | {"subdir": "noarch"}], 0), ([], 1)):
                solution.write_text(json.dumps({"packages": packages}))
                done = subprocess.run([sys.executable, CHECKER, "--channel", f"c={root / 'c'}",
                                       "--spec", "a", solution], stdout=subprocess.PIPE)
                self.assertEqual(done.returncode, expected, done.stdout)


if __name__ == "__main__":
    unittest.main()
