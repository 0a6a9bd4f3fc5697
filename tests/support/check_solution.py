#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prove a solution, or say what is wrong with it.

This knows nothing of libsolv and shares no code with envm: it has its own version order, its own
MatchSpec and reads repodata itself. It shows that

  - there is one record of each name, and each is in the repodata of a channel that was given,
  - every request, every dependency and every constraint holds, virtual packages included, and so
    does what stands under a condition that is met, and what an extra brings that is asked for,
  - with strict priority no name comes from a channel below the first that has it,
  - nothing is there that no request leads to.

    check_solution.py --channel NAME=DIRECTORY... --virtual NAME=VERSION[=BUILD]...
                      --spec SPEC... [--priority strict|flexible|disabled] [--add-pip] SOLUTION.json
    check_solution.py --cases DIRECTORY

DIRECTORY holds SUBDIR/repodata.json or .json.zst (read with the zstd program). SOLUTION.json has
the `packages` array of envm's --json output. With --cases every sub-directory holds a case.json as
tests/solver/run_solver writes it. Exit 0: proved; 1: wrong; 2: cannot be checked.
"""
import argparse
import functools
import json
import pathlib
import re
import subprocess
import sys

# --- versions (CEP 33) ---------------------------------------------------------------------------

INFINITE = float("inf")


def _part(text):
    """One dotted part as a list of numbers and words; it always starts with a number."""
    pieces = []
    for piece in re.findall(r"[0-9]+|[^0-9]+", text):
        if piece.isdigit():
            pieces.append(int(piece))
        elif piece == "post":
            pieces.append(INFINITE)
        else:
            pieces.append(piece)
    if text and not text[0].isdigit():
        pieces.insert(0, 0)
    return pieces or [0]


def _parts(text):
    tail = ""
    if text.endswith("_"):
        text, tail = text[:-1], "_"
    parts = re.split(r"[._-]", text)
    parts[-1] += tail
    return [_part(p) for p in parts]


@functools.lru_cache(maxsize=None)
def parse_version(text):
    text = text.strip().lower()
    epoch, _, rest = text.rpartition("!")
    main, _, local = rest.partition("+")
    return (int(epoch or 0), _parts(main), _parts(local) if local else [])


def _piece_key(piece):
    """dev < other words < numbers < post"""
    if isinstance(piece, str):
        return (0, "") if piece == "dev" else (1, piece)
    return (2, piece)


def _compare_pieces(a, b):
    x, y = _piece_key(a), _piece_key(b)
    return (x > y) - (x < y)


def _compare_parts(a, b):
    for i in range(max(len(a), len(b))):
        x = a[i] if i < len(a) else [0]
        y = b[i] if i < len(b) else [0]
        for j in range(max(len(x), len(y))):
            order = _compare_pieces(x[j] if j < len(x) else 0, y[j] if j < len(y) else 0)
            if order:
                return order
    return 0


def compare_versions(a, b):
    x, y = parse_version(a), parse_version(b)
    if x[0] != y[0]:
        return -1 if x[0] < y[0] else 1
    return _compare_parts(x[1], y[1]) or _compare_parts(x[2], y[2])


def version_starts_with(version, prefix):
    x, y = parse_version(version), parse_version(prefix)
    if x[0] != y[0]:
        return False
    # a local part belongs to the prefix only when the prefix has one
    if y[2]:
        return _compare_parts(x[1], y[1]) == 0 and _list_starts_with(x[2], y[2])
    return _list_starts_with(x[1], y[1])


def _list_starts_with(parts, prefix):
    for i, want in enumerate(prefix):
        have = parts[i] if i < len(parts) else [0]
        last_part = i + 1 == len(prefix)
        for j in range(len(want) if last_part else max(len(want), len(have))):
            x = have[j] if j < len(have) else 0
            y = want[j] if j < len(want) else 0
            if last_part and j + 1 == len(want) and isinstance(x, str) and isinstance(y, str):
                if not x.startswith(y):
                    return False
            elif _compare_pieces(x, y):
                return False
    return True


# --- version conditions --------------------------------------------------------------------------

OPERATOR = re.compile(r"(==|!=|>=|<=|~=|=|<|>)?(.*)", re.S)


def match_atom(atom, version):
    if atom in ("", "*"):
        return True
    if atom.startswith("^"):
        return re.search(atom, version) is not None
    operator, operand = OPERATOR.fullmatch(atom).groups()
    operand = operand.strip()
    star = operand.endswith("*")
    bare = operand.rstrip("*").rstrip(".") if star else operand
    if "*" in bare:
        pattern = "".join(".*" if c == "*" else re.escape(c) for c in operand)
        matched = re.fullmatch(pattern, version, re.I) is not None
        return not matched if operator == "!=" else matched
    if operator in (None, "=", "=="):
        if operator == "=" or star:
            return bare == "" or version_starts_with(version, bare)
        return compare_versions(version, bare) == 0
    if operator == "!=":
        return not (version_starts_with(version, bare) if star
                    else compare_versions(version, bare) == 0)
    if operator == "~=":
        return (compare_versions(version, bare) >= 0
                and version_starts_with(version, re.split(r"[.](?=[^.]*$)", bare)[0]))
    order = compare_versions(version, bare)
    return {"<": order < 0, "<=": order <= 0, ">": order > 0, ">=": order >= 0}[operator]


def match_condition(text, version):
    """`,` binds tighter than `|`; parentheses group."""
    tokens = re.findall(r"[(),|]|\^[^$]*\$|[^(),|\s][^(),|]*", text)
    position = 0

    def alternatives():
        nonlocal position
        matched = everything()
        while position < len(tokens) and tokens[position] == "|":
            position += 1
            matched = everything() or matched
        return matched

    def everything():
        nonlocal position
        matched = one()
        while position < len(tokens) and tokens[position] == ",":
            position += 1
            matched = one() and matched
        return matched

    def one():
        nonlocal position
        if position >= len(tokens) or tokens[position] in ",|)":
            return True
        token = tokens[position]
        position += 1
        if token != "(":
            return match_atom(token.replace(" ", ""), version)
        matched = alternatives()
        position += 1
        return matched

    result = alternatives()
    if position < len(tokens):
        raise ValueError(f"version condition {text!r} cannot be read")
    return result


# --- MatchSpec (CEP 29) --------------------------------------------------------------------------


def match_text(pattern, value):
    pattern, value = str(pattern).lower(), str(value).lower()
    if pattern.startswith("^") and pattern.endswith("$"):
        return re.search(pattern, value) is not None
    if "*" in pattern:
        return re.fullmatch("".join(".*" if c == "*" else re.escape(c) for c in pattern),
                            value, re.S) is not None
    return pattern == value


def _unquoted(text):
    """What stands between a pair of quotes, where a backslash hides quotes and backslashes."""
    text = text.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        return re.sub(r"""\\(['"\\])""", r"\1", text[1:-1])
    return text


def _split(text, separators):
    """Splits outside quotes and brackets."""
    parts, depth, quote, start, position = [], 0, "", 0, 0
    while position < len(text):
        char = text[position]
        if quote:
            position += char == "\\"
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "[]":
            depth += 1 if char == "[" else -1
        elif depth == 0 and char in separators:
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [part for part in parts + [text[start:]] if part.strip()]


def _brackets(text):
    found = {}
    for pair in _split(text, ","):
        key, _, value = pair.partition("=")
        found[key.strip()] = value.strip()
    return found


def _words(value):
    value = value.strip()
    if value.startswith("[") and value.endswith("]"):
        value = value[1:-1]
    elif value[:1] in ("'", '"'):
        value = _unquoted(value)
    return [_unquoted(word) for word in _split(value, ", ")]


def _open_bracket(text):
    """Where the keys begin; a regular expression has brackets of its own."""
    position = 0
    while position < len(text) and text[position] != "[":
        regex = re.match(r"\^[^$]*\$", text[position:])
        position += regex.end() if regex else 1
    return position


def _version_and_build(text):
    """The positional part behind the name."""
    # white space around commas, bars and behind operators separates nothing
    text = re.sub(r"\s*([,|])\s*", r"\1", text.strip())
    text = re.sub(r"([<>=!~])\s+", r"\1", text)
    words = text.split()
    if not words:
        return None, None
    if len(words) > 2:
        raise ValueError(f"too many words in {text!r}")
    if len(words) == 2:
        return words[0], words[1]
    three = re.fullmatch(r"([=<>!~]{1,2})?([^=<>!~,|]+)=([^=<>!~,|]+)", words[0])
    if three:
        # name=version=build is exact unless the version says otherwise
        operator = three[1] if three[1] not in (None, "=", "==") else "=="
        return (three[2] if three[2].endswith("*") else operator + three[2]), three[3]
    return words[0], None


class Spec:
    def __init__(self, text):
        self.text = text
        text = text.split("#")[0].strip()
        self.channel = self.subdir = None
        self.fields = {}
        if text.endswith("]"):
            bracket = _open_bracket(text)
            self.fields = _brackets(text[bracket + 1:-1])
            text = text[:bracket]
        self.extras = _words(self.fields.pop("extras", ""))
        self.flags = _words(self.fields.pop("flags", ""))
        self.when = _unquoted(self.fields.pop("when", ""))
        self.fields = {key: _unquoted(value) for key, value in self.fields.items()}
        if "::" in text:
            place, text = text.rsplit("::", 1)
            place = place.split(":")[0] if "://" not in place else place
            self.channel, _, self.subdir = place.rpartition("/")
            if not self.channel or not re.fullmatch(r"noarch|[a-z0-9]+-[a-z0-9]+", self.subdir):
                self.channel, self.subdir = place, None
        name = re.match(r"\s*(\^[^$]*\$|[^\s=<>!~\[]+)", text)
        if not name:
            raise ValueError(f"no name in {self.text!r}")
        self.name = name[1].lower()
        self.version, self.build = _version_and_build(text[name.end():])
        self.version = self.fields.pop("version", self.version)
        self.build = self.fields.pop("build", self.build)
        self.channel = self.fields.pop("channel", self.channel)
        self.subdir = self.fields.pop("subdir", self.subdir)

    def is_pattern(self):
        return "*" in self.name or self.name.startswith("^")

    def matches(self, record):
        if not match_text(self.name, record["name"]):
            return False
        if self.version and not match_condition(self.version, record["version"]):
            return False
        if self.build and not match_text(self.build, record.get("build", "")):
            return False
        if self.channel and self.channel.rstrip("/") != record.get("channel"):
            return False
        if self.subdir and self.subdir != record.get("subdir"):
            return False
        flags = record.get("flags") or ()
        if not all(any(match_text(wanted, flag) for flag in flags) for wanted in self.flags):
            return False
        return all(self._matches_field(key, value, record) for key, value in self.fields.items())

    @staticmethod
    def _matches_field(key, value, record):
        if key == "build_number":
            operator, operand = OPERATOR.fullmatch(value).groups()
            have, want = int(record.get("build_number", 0)), int(operand)
            return {None: have == want, "=": have == want, "==": have == want, "!=": have != want,
                    "<": have < want, "<=": have <= want, ">": have > want,
                    ">=": have >= want}[operator]
        if key in ("md5", "sha256", "url", "fn", "license", "license_family"):
            return match_text(value, record.get(key) or "")
        return True


@functools.lru_cache(maxsize=None)
def spec(text):
    return Spec(text)


# --- conditions (CEP 43) -------------------------------------------------------------------------


def condition_holds(text, present):
    """`or` of `and` of specs and of conditions in parentheses; `present` maps names to records."""
    return any(all(_part_holds(part, present) for part in _split_at(one, "and"))
               for one in _split_at(text, "or"))


def _part_holds(text, present):
    text = text.strip()
    if text.startswith("(") and _closing(text) == len(text) - 1:
        return condition_holds(text[1:-1], present)
    want = spec(text)
    return want.name in present and want.matches(present[want.name])


def _closing(text):
    """The place of the parenthesis that closes the first one."""
    depth = 0
    for position, char in enumerate(_masked(text)):
        depth += (char == "(") - (char == ")")
        if depth == 0:
            return position
    raise ValueError(f"{text!r} is not closed")


def _masked(text):
    """The text with what is quoted or in brackets blotted out."""
    result, depth, quote = "", 0, ""
    for char in text:
        if quote:
            quote = "" if char == quote else quote
        elif char in "'\"":
            quote = char
        elif char in "[]":
            depth += 1 if char == "[" else -1
        elif depth == 0:
            result += char
            continue
        result += "x"
    return result


def _split_at(text, word):
    """Splits at the word where it is not inside parentheses."""
    masked, parts, depth, start = _masked(text), [], 0, 0
    for found in re.finditer(rf"[()]|(?<![^\s()]){word}(?![^\s()])", masked):
        if found[0] in "()":
            depth += 1 if found[0] == "(" else -1
        elif depth == 0:
            parts.append(text[start:found.start()])
            start = found.end()
    return parts + [text[start:]]


def holds(text, present):
    return not spec(text).when or condition_holds(spec(text).when, present)


# --- repodata ------------------------------------------------------------------------------------


def read_json(path):
    path = pathlib.Path(path)
    if path.suffix == ".zst":
        done = subprocess.run(["zstd", "-dqc", str(path)], check=True, stdout=subprocess.PIPE)
        return json.loads(done.stdout or b"{}")
    text = path.read_bytes()
    return json.loads(text) if text.strip() else {}


def load_channel(name, directory):
    """All records of a channel by name; a name that is only here counts for strict priority."""
    records = {}
    for sub in sorted(pathlib.Path(directory).iterdir()):
        files = [sub / "repodata.json", sub / "repodata.json.zst"]
        found = [f for f in files if f.is_file()]
        if not found:
            continue
        data = read_json(found[0])
        removed = set(data.get("removed", ()))
        sections = [data.get("packages.conda", {}), data.get("packages", {})]
        for extension in ("conda", "tar.bz2"):
            sections.append({f"{stem}.{extension}": record for stem, record in
                             data.get("v3", {}).get(extension, {}).items()})
        for section in sections:
            for file_name, record in section.items():
                if file_name in removed:
                    continue
                record = dict(record, channel=name, subdir=sub.name, fn=file_name)
                records.setdefault(record["name"].lower(), []).append(record)
    return records


# --- the proof -----------------------------------------------------------------------------------


def title(record):
    return f"{record['name']}-{record['version']}-{record.get('build', '')}"


def same_file(a, b):
    if a.get("sha256") and b.get("sha256"):
        return a["sha256"] == b["sha256"]
    return all(a.get(key) == b.get(key)
               for key in ("name", "version", "build", "subdir", "channel"))


class Checker:
    """`options` may have pins (texts), installed and frozen (records) and exclude_newer (ms)."""

    def __init__(self, channels, virtual, priority="strict", add_pip=False, options=None):
        options = options or {}
        self.channels = channels  # [(name, records by name)]
        self.virtual = virtual
        self.priority = priority
        self.add_pip = add_pip
        self.pins = options.get("pins", [])
        self.frozen = options.get("frozen", [])
        self.own = options.get("installed", []) + self.frozen
        self.exclude_newer = options.get("exclude_newer", 0)
        self.faults = []

    def fault(self, text):
        self.faults.append(text)

    def find(self, package):
        """The repodata record that a solution's package stands for."""
        for name, records in self.channels:
            if package.get("channel") not in (None, name):
                continue
            for record in records.get(package["name"].lower(), ()):
                same = all(record.get(key) == package.get(key)
                           for key in ("version", "build", "subdir")
                           if package.get(key) is not None)
                number = package.get("build_number")
                if not same or (number is not None and record.get("build_number", 0) != number):
                    continue
                digest = package.get("sha256")
                if digest and record.get("sha256") and digest != record["sha256"]:
                    continue
                file_name = (package.get("url") or "").rsplit("/", 1)[-1]
                if file_name and file_name != record["fn"]:
                    continue
                return record
        return next((record for record in self.own if same_file(record, package)), None)

    def is_own(self, record):
        return any(same_file(record, own) for own in self.own)

    def check(self, specs, packages):
        chosen = {}
        for package in packages:
            name = package["name"].lower()
            if name in chosen:
                self.fault(f"{name} is there twice")
            if name.startswith("__"):
                self.fault(f"{name} is a virtual package, not one to install")
                continue
            record = self.find(package)
            if record is None:
                self.fault(f"{title(package)} is not in the repodata")
            else:
                chosen[name] = record
        present = dict(chosen)
        present.update({v["name"]: v for v in self.virtual})
        extras = self.asked_extras(specs, chosen, present)
        for text in specs:
            if holds(text, present):
                self.check_request(spec(text), present)
        for record in chosen.values():
            self.check_record(record, present, extras)
        if self.priority == "strict":
            self.check_priority(specs, chosen)
        self.check_pins(chosen, present)
        self.check_frozen(chosen)
        self.check_dates(chosen)
        self.check_reachable(specs, chosen)
        return self.faults

    def check_pins(self, chosen, present):
        for text in self.pins:
            if not holds(text, present):
                continue
            for name, record in chosen.items():
                if match_text(spec(text).name, name) and not spec(text).matches(record):
                    self.fault(f"{title(record)} does not meet the pin {text!r}")

    def check_frozen(self, chosen):
        for record in self.frozen:
            found = chosen.get(record["name"].lower())
            if found is None:
                self.fault(f"the frozen {title(record)} is not there")
            elif not same_file(found, record):
                self.fault(f"{title(found)} is there instead of the frozen {title(record)}")

    def check_dates(self, chosen):
        for record in chosen.values():
            date = record.get("indexed_timestamp") or record.get("timestamp", 0)
            date = date if date > 253402300799 else date * 1000
            if self.exclude_newer and date > self.exclude_newer and not self.is_own(record):
                self.fault(f"{title(record)} is newer than is allowed")

    def check_request(self, want, present):
        if want.is_pattern():
            if not any(want.matches(record) for record in present.values()):
                self.fault(f"nothing meets the request {want.text!r}")
        elif want.name not in present:
            self.fault(f"the request {want.text!r} is not there")
        elif not want.matches(present[want.name]):
            self.fault(f"{title(present[want.name])} does not meet the request {want.text!r}")

    def asked_extras(self, specs, chosen, present):
        """{(name, extra)} that requests or dependencies of what is chosen ask for."""
        asked, count = set(), -1
        texts = list(specs)
        while len(asked) != count:
            count = len(asked)
            found = texts + [text for record in chosen.values()
                             for text in self.depends(record, asked)]
            asked |= {(spec(text).name, extra) for text in found if holds(text, present)
                      for extra in spec(text).extras}
        return asked

    @staticmethod
    def tracked(record):
        features = record.get("track_features") or []
        return features.split() if isinstance(features, str) else features

    def depends(self, record, extras=()):
        texts = list(record.get("depends", ()))
        for group, more in (record.get("extra_depends") or {}).items():
            if (record["name"].lower(), group) in extras:
                texts += more
        if self.add_pip and record["name"] == "python" and any("pip" in r for _, r in self.channels):
            texts.append("pip")
        for feature in (record.get("features") or "").split():
            if any(feature in self.tracked(r) for _, records in self.channels
                   for r in records.get(feature, ())):
                texts.append(feature)
        return texts

    def check_record(self, record, present, extras):
        for text in self.depends(record, extras):
            want = spec(text)
            if not holds(text, present):
                continue
            if want.name not in present:
                self.fault(f"{title(record)} needs {text!r}, which is not there")
            elif not want.matches(present[want.name]):
                self.fault(f"{title(record)} needs {text!r}, but {title(present[want.name])} is there")
        for text in record.get("constrains", ()):
            want = spec(text)
            if not holds(text, present):
                continue
            if want.name in present and not want.matches(present[want.name]):
                self.fault(f"{title(record)} constrains {text!r}, but "
                           f"{title(present[want.name])} is there")

    def check_priority(self, specs, chosen):
        free = {spec(text).name for text in list(specs) + self.pins if spec(text).channel}
        for name, record in chosen.items():
            if self.is_own(record):
                continue
            first = next(channel for channel, records in self.channels if name in records)
            if name not in free and record["channel"] != first:
                self.fault(f"{title(record)} comes from {record['channel']}, but {first} has the "
                           "name and a higher priority")

    def check_reachable(self, specs, chosen):
        """What is there only because of itself is not needed."""
        needed = {record["name"]: chosen[record["name"]] for record in self.frozen
                  if record["name"] in chosen}
        virtual = {v["name"]: v for v in self.virtual}
        count = -1
        extras = set()
        while len(needed) + len(extras) != count:
            count = len(needed) + len(extras)
            present = {**needed, **virtual}
            texts = list(specs) + [text for record in needed.values()
                                   for text in self.depends(record, extras)]
            for text in [text for text in texts if holds(text, present)]:
                needed.update({name: record for name, record in chosen.items()
                               if match_text(spec(text).name, name)})
                extras |= {(spec(text).name, extra) for extra in spec(text).extras}
        for name in sorted(set(chosen) - set(needed)):
            self.fault(f"nothing needs {title(chosen[name])}")


# --- program -------------------------------------------------------------------------------------


def parse_virtual(text):
    name, version, *build = text.split("=")
    return {"name": name, "version": version, "build": build[0] if build else "0"}


def check_case(directory):
    case = read_json(directory / "case.json")
    channels = [(name, load_channel(name, directory / name)) for name in case["channels"]]
    checker = Checker(channels, case["virtual"], case["priority"], case.get("add_pip", False), case)
    return checker.check(case["specs"], case["packages"])


def main():
    parser = argparse.ArgumentParser(description="Prove a solution.")
    parser.add_argument("--cases", type=pathlib.Path)
    parser.add_argument("--channel", action="append", default=[], metavar="NAME=DIRECTORY")
    parser.add_argument("--virtual", action="append", default=[], metavar="NAME=VERSION[=BUILD]")
    parser.add_argument("--spec", action="append", default=[])
    parser.add_argument("--priority", default="strict", choices=["strict", "flexible", "disabled"])
    parser.add_argument("--add-pip", action="store_true")
    parser.add_argument("solution", nargs="?", type=pathlib.Path)
    arguments = parser.parse_args()

    if arguments.cases:
        results = [(d.parent.name, check_case(d.parent))
                   for d in sorted(arguments.cases.glob("*/case.json"))]
    elif arguments.solution and arguments.channel:
        channels = [(n, load_channel(n, d)) for n, _, d in
                    (c.partition("=") for c in arguments.channel)]
        checker = Checker(channels, [parse_virtual(v) for v in arguments.virtual],
                          arguments.priority, arguments.add_pip)
        results = [(str(arguments.solution),
                    checker.check(arguments.spec, read_json(arguments.solution)["packages"]))]
    else:
        parser.error("give --cases, or --channel and a solution")
    wrong = 0
    for name, faults in results:
        wrong += bool(faults)
        for fault in faults:
            print(f"{name}: {fault}")
    print(f"{len(results)} solutions, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, ValueError, KeyError, subprocess.CalledProcessError) as error:
        print(f"cannot check: {error}", file=sys.stderr)
        sys.exit(2)
