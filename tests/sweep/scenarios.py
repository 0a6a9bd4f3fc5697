# SPDX-License-Identifier: MIT
"""Commands in the small world, the states that each may leave, and the judge of what is left."""

import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import check_invariants as check  # noqa: E402


class Scenario:
    """A command in a prepared world, and the states that it may leave."""
    goal = "new"  # name of the state that success leads to

    def __init__(self, world):
        self.world = world
        if self.goal not in world.states:
            self.prepare()
            world.must(*self.command())
            world.states[self.goal] = self.state()

    def prepare(self):
        raise NotImplementedError

    def command(self):
        raise NotImplementedError

    def allowed(self):
        """Names of the states that a failure may leave."""
        return ("old", self.goal)

    def finish(self):
        """Makes it complete after a failure; violations."""
        return self.rerun(self.command())

    def rerun(self, words):
        code, errors, _ = self.world.run(*words)
        if code != 0:
            return [f"run again: exit status {code}: {errors.decode(errors='replace').strip()}"]
        return []

    def state(self):
        return check.snapshot(self.world.prefix)

    def differences(self, found):
        """What is wrong with a state that a failure has left."""
        return differences_from(self.allowed(), self.world.states, found)


class Sync(Scenario):
    """install, update, remove and relink in one change; the cache is warm."""
    cache = "cache"

    def prepare(self):
        self.world.restore("env", "old")
        self.world.restore("cache", self.cache)

    def command(self):
        return self.world.sync()


class Install(Sync):
    """Solves, adds two packages and moves one."""
    goal = "installed"

    def command(self):
        return ("install", "-p", self.world.prefix, "coming", "lib=2.0")


class RemovePackage(Sync):
    """Two packages go; no solver is needed."""
    goal = "removed"

    def command(self):
        return ("remove", "-p", self.world.prefix, "going", "tool")

    def finish(self):
        # What is removed cannot be removed again.
        if self.state() == self.world.states[self.goal]:
            return self.rerun(("recover", "-p", self.world.prefix))
        return super().finish()


class Update(Sync):
    """All packages to what the requests allow: python moves, the noarch package is linked anew."""
    goal = "updated"

    def command(self):
        return ("update", "-p", self.world.prefix, "--all")


class Rollback(Scenario):
    """Back to the state before a sync: the same as the sync, the other way round."""
    goal = "back"

    def prepare(self):
        if "moved" not in self.world.states:
            self.world.restore("env", "old")
            self.world.restore("cache", "cache")
            self.world.must(*self.world.sync())
            self.world.keep(self.world.prefix, "moved")
            self.world.states["moved"] = self.state()
        self.world.restore("env", "moved")
        self.world.restore("cache", "cache")

    def command(self):
        return ("env", "rollback", "-p", self.world.prefix, "0")

    def allowed(self):
        return ("moved", self.goal)


class SyncCold(Sync):
    """The same with an empty cache: packages are fetched and extracted first."""
    cache = None


class Create(Scenario):
    """A new environment, with an empty cache."""

    def prepare(self):
        self.world.restore("env", None)
        self.world.restore("cache", None)

    def command(self):
        return ("create", "-p", self.world.prefix, "-f", self.world.path("new.lock"))

    goal = "fresh"

    def allowed(self):
        return ("nothing", "fresh")


class Recover(Scenario):
    """A change was killed behind its commit."""

    def prepare(self):
        kept = self.world.path("keep", "committed")
        if not os.path.exists(kept):
            self.make_committed()
        self.world.restore("env", "committed")
        self.world.restore("cache", "cache")

    def make_committed(self):
        """Killed right behind its commit: everything is still to be done."""
        before, behind = 0, count_calls(Sync(self.world), ())
        # The last calls clear up; a few steps back the journal is there.
        while not self.leaves_journal(behind):
            behind -= 5
        while behind - before > 1:
            middle = (before + behind) // 2
            if self.leaves_journal(middle):
                behind = middle
            else:
                before = middle
        while not self.leaves_journal(behind):
            behind += 1
        self.world.keep(self.world.prefix, "committed")

    def leaves_journal(self, point):
        Sync(self.world).prepare()
        self.world.run(*self.world.sync(), inject=("-k", str(point)))
        return check.is_pending(self.world.prefix)

    def command(self):
        return ("recover", "-p", self.world.prefix)

    def allowed(self):
        return ("new",)

    def finish(self):
        return self.rerun(self.command()) + self.rerun(self.world.sync())


class Remove(Scenario):
    """An environment with all its files."""

    def prepare(self):
        self.world.restore("env", "old")
        self.world.restore("cache", "cache")

    def command(self):
        return ("env", "remove", "-p", self.world.prefix)

    goal = "nothing"

    def finish(self):
        if self.state() is None:
            # What is left of it is swept by the next that comes to this place.
            wrong = self.rerun(("create", "-p", self.world.prefix, "-f", self.world.path("old.lock")))
            return wrong + self.rerun(self.command())
        return self.rerun(self.command())


class Clean(Scenario):
    """The whole cache but what is linked. The environment has to be what it was."""

    def prepare(self):
        self.world.restore("env", "old")
        self.world.restore("cache", "cache")

    def command(self):
        return ("clean", "--all")

    goal = "old"


class Replace(Sync):
    """create --force: the environment and a new one change places."""
    goal = "replaced"

    def command(self):
        return ("create", "--force", "-p", self.world.prefix, "-f", self.world.path("new.lock"))


class Clobber(Sync):
    """A package comes that wants files of two others, which give them up."""
    goal = "clobbered"

    def command(self):
        return ("sync", "--clobber", "warn", "-p", self.world.prefix,
                "-f", self.world.path("clash.lock"))


class Repair(Sync):
    """Files are gone or altered, a record is broken. Each is put right by itself."""
    goal = "old"

    def prepare(self):
        super().prepare()
        for name in ("lib/lib/01.txt", "lib/libx.so.1", "share/going/a/b/c", "bin/tool"):
            os.unlink(os.path.join(self.world.prefix, name))
        for name in ("lib/lib/02.txt", "bin/app", "conda-meta/app-1.0-0.json"):
            with open(os.path.join(self.world.prefix, name), "r+b") as file:
                file.write(b"?")
        if "damaged" not in self.world.states:
            self.world.states["damaged"] = self.state()

    def state(self):
        """A file of etc/ that cannot be read for a moment is put back, and kept beside: the same bytes."""
        found = super().state()
        return {path: what for path, what in found.items()
                if not (path.endswith(".envm-saved") and what == found.get(path[:-len(".envm-saved")]))}

    def command(self):
        return ("repair", "-p", self.world.prefix)

    def differences(self, found):
        states = [self.world.states[name] for name in ("damaged", "old")]
        # What it wrote when it was killed is swept by the next that changes the environment.
        found = {path: what for path, what in found.items()
                 if not check.RESIDUE.match(os.path.basename(path))}
        mixed = {path for path in (*found, *states[0], *states[1])
                 if found.get(path) not in [state.get(path) for state in states]}
        return [f"neither damaged nor whole: {path}" for path in sorted(mixed)]


class Scripts(Sync):
    """A package with a post-link script comes: it makes, changes and removes files."""
    goal = "scripted"

    def command(self):
        return ("install", "-p", self.world.prefix, "scripted=1.0", "--run-scripts", "scripted")


class ScriptsUpdate(Scenario):
    """The pre-unlink script of the old version, and the post-link script of the new one."""
    goal = "scripted-2"

    def prepare(self):
        if "scripted-1" not in self.world.states:
            before = Scripts(self.world)
            before.prepare()
            self.world.must(*before.command())
            self.world.keep(self.world.prefix, "scripted-1")
            self.world.states["scripted-1"] = self.state()
        self.world.restore("env", "scripted-1")
        self.world.restore("cache", "cache")

    def command(self):
        return ("install", "-p", self.world.prefix, "scripted=2.0", "--run-scripts", "scripted")

    def allowed(self):
        return ("scripted-1", self.goal)


class ScriptsCreate(Create):
    """A new environment whose lock lists scripts."""
    goal = "scripted-fresh"

    def command(self):
        return ("create", "-p", self.world.prefix, "-f", self.world.path("scripted.lock"))

    def allowed(self):
        return ("nothing", self.goal)


SCENARIOS = {"scripts": Scripts, "scripts-update": ScriptsUpdate, "scripts-create": ScriptsCreate,
             "sync": Sync, "sync-cold": SyncCold, "install": Install, "update": Update,
             "remove": RemovePackage, "rollback": Rollback, "create": Create, "recover": Recover,
             "env-remove": Remove, "clean": Clean, "replace": Replace, "clobber": Clobber, "repair": Repair}


def count_calls(scenario, options):
    scenario.prepare()
    code, errors, seen = scenario.world.run(*scenario.command(), inject=("-k", "0", *options))
    if code != 0:
        raise RuntimeError(f"without any fault: {code} {errors.decode(errors='replace')}")
    return int(seen["total"][0])


# --- judging --------------------------------------------------------------------------------

def differences_from(allowed, states, found):
    if any(found == states[name] for name in allowed):
        return []
    return [f"the state is neither of {allowed}; it differs from {name} in "
            f"{check.differences(states[name], found)}" for name in allowed]


def judge_state(scenario, world):
    """I1: one of the allowed states, at once or after the recovery of a committed change."""
    if check.is_on_trial(world.prefix):
        in_place = os.path.lexists(os.path.join(world.prefix, ".envm", "trial"))
        wrong = scenario.rerun(("recover", "-p", world.prefix))
        if wrong:
            return ["recover of a trial: " + text for text in wrong]
        # In place, it is before the commit: the old state, whatever the scripts did. Else something
        # of it could not be removed at once.
        allowed = scenario.allowed()[:1] if in_place else scenario.allowed()
        return differences_from(allowed, world.states, scenario.state())
    if not check.is_pending(world.prefix):
        return scenario.differences(scenario.state())
    wrong = scenario.rerun(("recover", "-p", world.prefix))
    if wrong:
        return ["recover: " + text for text in wrong]
    if check.is_pending(world.prefix):
        return ["recover has left the journal"]
    return differences_from((scenario.goal,), world.states, scenario.state())


def judge(scenario, world, sampled, after_power_loss=False):
    """What must hold after any fault. Packages that the cache had published, but not synced, may be
    torn by a loss of power; then whoever uses them has to see it, and replace them."""
    wrong = judge_state(scenario, world)
    if not after_power_loss:
        wrong += check.check_cache(world.path("cache"))
    wrong += scenario.finish()
    if after_power_loss:
        wrong += check.check_cache(world.path("cache"))
    goal = world.states[scenario.goal]
    if scenario.state() != goal:
        wrong.append(f"run again: {check.differences(goal, scenario.state())}")
    wrong += check.check_residue(os.path.dirname(world.prefix) + "/env", world.path("home"),
                                 world.path("tmp"))
    wrong += [f"{name} is left beside the environment" for name in os.listdir(os.path.dirname(world.prefix))
              if name.startswith(".env.") or name.startswith(".envm")]
    if check.tree_of(world.path("outside")) != world.outside:
        wrong.append("something outside was touched")
    if goal is not None:
        wrong += check.check_shared(world.prefix, world.path("cache"))
        if sampled:
            code, errors, _ = world.run("verify", "-q", "-p", world.prefix)
            if code != 0:
                wrong.append(f"verify: {code} {errors.decode(errors='replace')}")
    return wrong
