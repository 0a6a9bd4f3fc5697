# SPDX-License-Identifier: MIT
"""Say version conditions so that rattler reads them as conda does.

Some conditions mean different things to conda and to rattler (`1.0.1.*` matches 1.0.1k in conda, and
not in rattler). One of them in the dependencies of an old python makes every request unsolvable
for rattler, which says nothing about solvers. So each condition of the channels is put to both
readings over the versions that its name has, and where they differ it is written as a list of
the versions that conda lets in. Which those are comes from check_solution.py, not from envm.
"""
import collections

from generate import check_solution


class Translator:
    def __init__(self, match, channels):
        """match(pairs) asks rattler; channels: contents of repodata files."""
        self.match = match
        self.versions = collections.defaultdict(set)
        for record in records(channels):
            self.versions[record["name"].lower()].add(record["version"])
        self.known = {}     # text of a spec -> what rattler gets instead
        self.differing = {}  # "name condition" -> what only one of them lets in
        self.learn({text for record in records(channels)
                    for key in ("depends", "constrains") for text in record.get(key, ())})

    def learn(self, texts):
        """Decides about specs that were not seen before."""
        specs = {}
        for text in sorted(texts - self.known.keys()):
            self.known[text] = text
            try:
                spec = check_solution.spec(text)
            except ValueError:
                continue
            if spec.version and not spec.fields and not spec.channel and self.versions[spec.name]:
                specs.setdefault((spec.name, spec.version), []).append((text, spec))
        pairs = [[condition, sorted(self.versions[name])] for name, condition in specs]
        for key, (_, versions), theirs in zip(specs, pairs, self.match(pairs) if pairs else ()):
            self.decide(key, versions, theirs, specs[key])

    def decide(self, key, versions, theirs, users):
        name, condition = key
        try:
            ours = [check_solution.match_condition(condition, v) for v in versions]
        except (ValueError, IndexError):
            return
        if ours == theirs:
            return
        matched = [v for v, yes in zip(versions, ours) if yes]
        self.differing[f"{name} {condition}"] = {
            "only conda": [v for v, a, b in zip(versions, ours, theirs or ours) if a and not b],
            "only rattler": [v for v, a, b in zip(versions, ours, theirs or ours) if b and not a],
            "rattler cannot read it": theirs is None}
        instead = "|".join("==" + v for v in matched) or "==0!0.nothing"
        for text, spec in users:
            self.known[text] = " ".join(filter(None, [name, instead, spec.build]))

    def rewrite(self, channels):
        for record in records(channels):
            for key in ("depends", "constrains"):
                if key in record:
                    record[key] = [self.known[text] for text in record[key]]

    def specs(self, texts):
        self.learn(set(texts))
        return [self.known[text] for text in texts]


def records(channels):
    for content in channels:
        for section in ("packages", "packages.conda"):
            yield from content.get(section, {}).values()
