#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Random changes of environments: install, update and remove in every mode, checked from outside.

    modify_random.py ENVM [SEED [EPISODES]]

Each episode makes a random channel and an environment, and changes it several times. After every
change it must hold that

  - the packages are a solution of the requests that the change reports (check_solution.py),
  - the dry run before it said the same, and every entry of the plan has a reason,
  - nothing moves that is frozen; and when it goes with everything frozen, nothing moves without, too,
  - an update of everything is what a new environment with the same requests would be,
  - an update of one name leaves everything alone when that name has nowhere to go,
  - a removal moves nothing that stays and leaves nothing that needs what went,
  - a failure leaves the environment as it was,
  - verify finds every byte, and an environment made from the kept lock has the same tree.
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

SUPPORT = pathlib.Path(__file__).resolve().parents[1] / "support"
sys.path.insert(0, str(SUPPORT))
import mkchannel  # noqa: E402

NAMES = ["a", "b", "c", "d", "e", "f", "g"]


class Failure(Exception):
    pass


def random_spec(rng, names):
    name = rng.choice(names)
    return rng.choice([name, name, f"{name} >={rng.randint(1, 3)}", f"{name} <{rng.randint(2, 4)}",
                       f"{name} {rng.randint(1, 3)}.*"])


def random_packages(rng):
    packages = []
    for index, name in enumerate(NAMES):
        later = NAMES[index + 1:]
        for version in range(1, rng.randint(2, 4)):
            noarch = name == "g"
            packages.append({
                "name": name, "version": f"{version}.0", "build": "0",
                "subdir": "noarch" if noarch else "linux-64",
                "depends": sorted({random_spec(rng, later) for _ in range(rng.choice([0, 1, 2]))}
                                  if later else set()),
                "constrains": [random_spec(rng, NAMES)] if rng.random() < 0.1 else [],
                "timestamp": 1_700_000_000_000 + version,
                "files": {f"lib/{name}.txt": f"{name} {version}\n",
                          f"lib/{name}-{version}.prefix": {"text": f"@PREFIX@ {name}\n"}},
            })
    return packages


class Episode:
    def __init__(self, envm, directory, seed):
        self.envm, self.directory, self.rng = envm, directory, random.Random(seed)
        self.channel = directory / "channel"
        self.steps = []
        self.environment = {
            "PATH": os.environ["PATH"], "HOME": str(directory / "home"),
            "ENVM_ROOT": str(directory / "root"), "ENVM_CACHE": str(directory / "cache"),
            "ENVM_DURABILITY": "none", "LC_ALL": "C.UTF-8", "CONDA_OVERRIDE_GLIBC": "2.36",
            **{key: value for key, value in os.environ.items() if key.endswith("_OPTIONS")},
        }
        (directory / "home").mkdir()
        channel = mkchannel.Channel(self.channel)
        for package in random_packages(self.rng):
            channel.add(**package)
        channel.write()

    def run(self, *words, expect=(0,)):
        done = subprocess.run([self.envm, *words, "--json"], env=self.environment, text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
        self.steps.append(f"{' '.join(words)} -> {done.returncode}")
        if done.returncode not in expect:
            raise Failure(f"exit {done.returncode}: {done.stdout} {done.stderr}")
        return done.returncode, json.loads(done.stdout)

    def fresh(self, requests):
        return self.run("create", "--dry-run", "--override-channels", "-c", str(self.channel),
                        *requests, expect=(0, 3))

    def prove(self, report):
        solution = self.directory / "solution.json"
        solution.write_text(json.dumps(report))
        command = [sys.executable, "-B", str(SUPPORT / "check_solution.py"),
                   "--channel", f"file://{self.channel}={self.channel}", "--virtual", "__glibc=2.36=0"]
        for request in report["requests"]:
            command += ["--spec", request]
        done = subprocess.run([*command, str(solution)], text=True, capture_output=True, check=False)
        if done.returncode != 0:
            raise Failure(f"not proved: {done.stdout} {done.stderr}")


def versions(report):
    return {package["name"]: package["version"] for package in report["packages"]}


def require(condition, text):
    if not condition:
        raise Failure(text)


def check_plan(before, dry, report):
    require(dry["changes"] == report["changes"], "the dry run promised something else")
    after = dict(before)
    for change in report["changes"]:
        require(change["why"], f"no reason for {change['name']}")
        require((change["from"] or {}).get("version") == before.get(change["name"]), "from is wrong")
        if change["to"]:
            after[change["name"]] = change["to"]["version"]
        else:
            del after[change["name"]]
    require(after == versions(report), "the plan does not lead to the result")


def check_install(episode, before, words, report):
    if "--freeze-installed" in words:
        require(before.items() <= versions(report).items(), "something frozen moved")


def check_update(episode, before, words, report, names):
    if not names:
        status, fresh = episode.fresh(report["requests"])
        require(status == 0 and versions(fresh) == versions(report),
                f"an update of everything is not the best: {versions(fresh)}")
    elif not any(change["name"] in names for change in report["changes"]):
        require(not report["changes"], "others moved although the named ones did not")


def check_remove(before, report, names):
    after = versions(report)
    require(not set(names) & set(after), "what was to be removed is there")
    require(after.items() <= before.items(), "something moved")


def change(episode, before):
    rng = episode.rng
    kind = rng.choice(["install", "install", "freeze", "update", "update-all", "remove"])
    if kind in ("install", "freeze"):
        specs = [random_spec(rng, NAMES) for _ in range(rng.choice([1, 1, 2]))]
        words = ["install", "-n", "e", *specs] + (["--freeze-installed"] if kind == "freeze" else [])
        frozen = episode.run(*words[:3], *specs, "--freeze-installed", "--dry-run", expect=(0, 3))
        status, dry = episode.run(*words, "--dry-run", expect=(0, 3))
        if frozen[0] == 0:
            require(status == 0 and before.items() <= versions(dry).items(),
                    "something moves although it goes without")
    elif kind == "remove" and before:
        specs = [rng.choice(sorted(before))]
        words = ["remove", "-n", "e", *specs, "--yes"]
        status, dry = episode.run(*words, "--dry-run")
    else:
        specs = [] if kind == "update-all" or not before else [rng.choice(sorted(before))]
        words = ["update", "-n", "e", *specs]
        status, dry = episode.run(*words, "--dry-run", expect=(0, 3))
    done, report = episode.run(*words, expect=(status,))
    if done == 3:
        require(report["explanation"]["message"], "no explanation")
        require(versions(episode.run("list", "-n", "e")[1]) == before, "a failure changed something")
        return before
    check_plan(before, dry, report)
    episode.prove(report)
    if words[0] == "install":
        check_install(episode, before, words, report)
    elif words[0] == "update":
        check_update(episode, before, words, report, specs)
    else:
        check_remove(before, report, specs)
    return versions(report)


def play(episode):
    status = 3
    while status == 3:
        first = [random_spec(episode.rng, NAMES) for _ in range(2)]
        status, report = episode.run("create", "-n", "e", "--override-channels", "-c",
                                     str(episode.channel), *first, expect=(0, 3))
    before = versions(report)
    for _ in range(5):
        before = change(episode, before)
        require(versions(episode.run("list", "-n", "e")[1]) == before, "list says something else")
    _, verified = episode.run("verify", "-n", "e")
    lock = f"{episode.environment['ENVM_ROOT']}/envs/e/conda-meta/envm.lock"
    _, again = episode.run("create", "-n", "again", "-f", lock)
    require(again["tree"] == verified["tree"], "the kept lock makes another tree")


def main():
    envm = os.path.abspath(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1_000_000)
    episodes = int(sys.argv[3]) if len(sys.argv) > 3 else 8
    print(f"seed {seed}, {episodes} episodes")
    runs = 0
    for number in range(episodes):
        with tempfile.TemporaryDirectory(prefix="envm-modify.") as directory:
            episode = Episode(envm, pathlib.Path(directory), seed + number)
            try:
                play(episode)
            except Failure as failure:
                print("\n".join(episode.steps))
                sys.exit(f"episode {seed + number}: {failure}")
            finally:
                subprocess.run(["chmod", "-R", "u+w", directory], check=False)
            runs += len(episode.steps)
    print(f"{runs} runs of envm, all as they should be")


if __name__ == "__main__":
    main()
