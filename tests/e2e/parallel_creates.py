#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Many creates at once on one cold cache, some of them killed.

    parallel_creates.py ENVM [--creates N] [--rounds R] [--killed PERCENT] [--seed S]

Every round begins with an empty cache and starts N creates of overlapping sets of packages from a
server on loopback. In every second round some are killed (SIGKILL) at random moments, and `clean`
runs beside. Afterwards: whoever was not killed has succeeded; what a killed one left is an
environment that is whole, or none; equal requests gave equal trees; `verify --cache` is content;
nothing is left in tmp/ once it was tidied; the killed creates, run again, succeed.
"""

import argparse
import collections
import functools
import http.server
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
from mkchannel import Channel  # noqa: E402

PACKAGES = 8


class Failure(Exception):
    """A promise that did not hold."""


def expect(condition, text):
    if not condition:
        raise Failure(text)


class Server:
    """Serves a folder and counts the requests for each file."""

    def __init__(self, folder):
        self.requests = requests = collections.Counter()

        class Handler(http.server.SimpleHTTPRequestHandler):
            def do_GET(self):  # noqa: N802
                requests[os.path.basename(self.path)] += 1
                super().do_GET()

            def log_message(self, *_):
                pass

        class Quiet(http.server.ThreadingHTTPServer):
            request_queue_size = 256

            def handle_error(self, *_):
                pass  # a killed client

        self.server = Quiet(("127.0.0.1", 0), functools.partial(Handler, directory=folder))
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


class World:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder
        self.cache = os.path.join(folder, "cache")
        channel = Channel(os.path.join(folder, "channel"))
        for i in range(PACKAGES):
            channel.add(f"p{i}", subdir="noarch", depends=["p0"] if i else [], files={
                f"share/p{i}/f{j}": {"random": 20000} for j in range(30)} | {
                f"bin/p{i}": {"text": "#!/bin/sh\necho @PREFIX@\n", "exec": True}})
        channel.write()
        self.server = Server(os.path.join(folder, "channel"))
        self.environment = dict(os.environ, HOME=folder, ENVM_ROOT=os.path.join(folder, "root"),
                                ENVM_CACHE=self.cache, ENVM_DURABILITY="none", LC_ALL="C.UTF-8",
                                NO_PROXY="127.0.0.1", no_proxy="127.0.0.1")
        for name in ("CONDA_PREFIX", "CONDARC", "XDG_CONFIG_HOME"):
            self.environment.pop(name, None)

    def start(self, *arguments):
        return subprocess.Popen([self.program, *arguments, "--json"], env=self.environment,
                                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.STDOUT)

    def finish(self, process, what):
        output = process.communicate(timeout=600)[0].decode()
        expect(process.returncode == 0, f"{what}: exit {process.returncode}\n{output}")
        return json.loads(output[output.index("{"):])

    def run(self, *arguments):
        return self.finish(self.start(*arguments), " ".join(arguments))

    def create(self, prefix, names):
        return self.start("create", "-p", prefix, "-c", self.server.url, "--override-channels",
                          *names)


def kill_some(creates, percent, duration, rng):
    """Returns the places of those that were hit before their end."""
    chosen = rng.sample(range(len(creates)), -(-len(creates) * percent // 100))
    moments = sorted((rng.random() * duration * 0.6, i) for i in chosen)
    begin = time.monotonic()
    killed = set()
    for moment, i in moments:
        time.sleep(max(0, begin + moment - time.monotonic()))
        if creates[i].poll() is None:
            creates[i].send_signal(signal.SIGKILL)
            killed.add(i)
    return killed


def round_trip(world, number, options, duration, rng):
    """One round; returns how many were killed and how long it took."""
    shutil.rmtree(world.cache, ignore_errors=True)
    folder = os.path.join(world.folder, f"round{number}")
    os.mkdir(folder)
    world.server.requests.clear()
    requests = [[f"p{i}" for i in sorted(rng.sample(range(PACKAGES), rng.randrange(2, PACKAGES)))]
                for _ in range(max(2, options.creates // 2))]
    wanted = [requests[i % len(requests)] for i in range(options.creates)]
    begin = time.monotonic()
    creates = [world.create(os.path.join(folder, f"e{i}"), names) for i, names in enumerate(wanted)]
    killed = set()
    with_kills = number % 2 == 1
    if with_kills:
        cleaner = world.start("clean", "--all")
        killed = kill_some(creates, options.killed, duration, rng)
    trees = {}
    for i, process in enumerate(creates):
        if i in killed:
            process.communicate()
            continue
        report = world.finish(process, f"create {i} of round {number}")
        tree = trees.setdefault(tuple(wanted[i]), report["tree"])
        expect(tree == report["tree"], "equal requests gave different trees")
    took = time.monotonic() - begin
    if with_kills:
        world.finish(cleaner, "clean")
    else:
        for name, count in world.server.requests.items():
            expect(count <= 2 or not name.endswith(".conda"), f"{name} was fetched {count} times")
    world.run("verify", "--cache")
    for i in killed:
        prefix = os.path.join(folder, f"e{i}")
        again = ["--force"] if os.path.exists(prefix) else []
        if again:
            world.run("verify", "-p", prefix)
        world.finish(world.create(prefix, wanted[i] + again), f"create {i} again")
    for i in range(options.creates):
        prefix = os.path.join(folder, f"e{i}")
        tree = world.run("verify", "-p", prefix)["tree"]
        expect(trees.setdefault(tuple(wanted[i]), tree) == tree, "another tree")
    world.run("clean", "--temporary")
    world.run("verify", "--cache")
    left = [name for name in os.listdir(folder) if not name.startswith("e")]
    left += os.listdir(os.path.join(world.cache, "tmp"))
    expect(not left, f"left behind: {left}")
    shutil.rmtree(folder)
    fetched = sum(n for name, n in world.server.requests.items() if name.endswith(".conda"))
    return len(killed), took, fetched


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program")
    parser.add_argument("--creates", type=int, default=int(os.environ.get("ENVM_CREATES", "8")))
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ENVM_ROUNDS", "3")))
    parser.add_argument("--killed", type=int, default=30, help="percent")
    parser.add_argument("--seed", type=int,
                        default=int(os.environ.get("ENVM_SEED", random.randrange(10**9))))
    options = parser.parse_args()
    print(f"ENVM_SEED={options.seed}", flush=True)
    rng = random.Random(options.seed)
    killed, duration = 0, 1.0
    with tempfile.TemporaryDirectory(prefix="envm-parallel.") as folder:
        world = World(os.path.abspath(options.program), folder)
        for number in range(options.rounds):
            try:
                hit, took, fetched = round_trip(world, number, options, duration, rng)
            except Failure as failure:
                print(f"round {number}: {failure}")
                return 1
            killed += hit
            if number % 2 == 0:
                duration = took
            print(f"round {number}: {options.creates} creates in {took:.1f} s, {hit} killed, "
                  f"{fetched} packages fetched", flush=True)
    print(f"{options.rounds} rounds of {options.creates} creates, {killed} killed: all equal, "
          "nothing left, the cache is whole")
    return 0


if __name__ == "__main__":
    sys.exit(main())
