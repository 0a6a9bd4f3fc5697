# SPDX-License-Identifier: MIT
"""The measurements P1 to P11, and the tables over size. Each case prepares what it needs in the scratch folder."""

import json
import os
import shutil
import subprocess
import sys
import time

import measure
import memory
import package_world
import repodata_world

SPECS = ["python", "numpy", "pandas", "scikit-learn", "matplotlib", "jupyterlab"]
MADE_UP_SPECS = ["pkg1400", "pkg1300", "pkg1200"]
HERE = os.path.dirname(os.path.abspath(__file__))

# What peers are run with when they are installed; {x} is filled in, words are split before that.
PEERS = {
    "micromamba": {
        "P1": "micromamba create -y --dry-run -n bench --override-channels -c {channel} {specs}",
        "P2": "micromamba create -y --dry-run -n bench --override-channels -c {channel} {specs}",
        "P3": "micromamba create -y -p {prefix} --file {explicit}",
        "P4": "micromamba create -y -p {prefix} --file {explicit}",
        "P9": "micromamba --version",
    },
    "pixi": {"P9": "pixi --version"},
}


class Bench:
    def __init__(self, options, scratch, starter):
        self.starter = starter
        self.envm = os.path.abspath(options.envm)
        self.data = options.data
        self.quick = options.quick
        self.count = options.count or (1 if options.quick else 5)
        self.peers = options.peers
        self.scratch = scratch
        self.log = os.path.join(scratch, "log")
        self.results = []
        self.made = 0
        self.tables = {}
        self.world = {}
        self.env = {name: value for name, value in os.environ.items()
                    if not name.startswith(("CONDA_", "MAMBA_", "ENVM_")) and not name.lower().endswith("_proxy")}
        self.env |= {"HOME": self.path("home"), "ENVM_ROOT": self.path("root"), "ENVM_DURABILITY": "none",
                     "CONDA_OVERRIDE_GLIBC": "2.36", "CONDA_OVERRIDE_LINUX": "6.1", "CONDA_OVERRIDE_ARCHSPEC": "x86_64_v3",
                     "MAMBA_ROOT_PREFIX": self.path("peer"), "LC_ALL": "C.UTF-8"}
        os.makedirs(self.path("home"))

    def path(self, *parts):
        return os.path.join(self.scratch, *parts)

    def run(self, *arguments, cache="cache", allow=(0,), **env):
        return self.starter.run([self.envm, *arguments], self.env | {"ENVM_CACHE": self.path(cache)} | env, self.log, allow)

    def other(self, *argv, allow=(0,)):
        return self.starter.run(list(argv), self.env, self.log, allow)

    def fresh(self, name):
        """A new name at each call. Nothing is removed before the end: for minutes ext4 avoids the inodes of files that
        were deleted, and looks for others at length whenever a file is made."""
        self.made += 1
        return f"{name}-{self.made}"

    def once(self, name, make):
        """What `make` returns, made at the first use."""
        if name not in self.world:
            print(f"  (making {name})", file=sys.stderr)
            self.world[name] = make()
        return self.world[name]

    def report(self, case, what, runs, limit, limit_name, unit="s", figure=None, against=None, allowed=1.0, note=""):
        """`against`: runs that the limit is a multiple of, taken in turn; then the ratio is that of each turn."""
        figure = measure.median(runs) if figure is None else figure
        ratio = measure.ratio(runs, against) / allowed if against else figure / limit
        result = {"id": case, "what": what, "figure": figure, "unit": unit, "limit": limit, "limit_is": limit_name, "ratio": ratio,
                  "cpu_s": measure.median(runs, "cpu"), "peak_mib": max(run.peak for run in runs) / 1024, "note": note,
                  "wall_s": [run.wall for run in runs]}
        self.results.append(result)
        print(line(result), flush=True)

    def peer(self, case, new_root=False, **fill):
        for name, commands in self.peers.items():
            if case not in commands:
                continue
            runs = []
            for turn in range(self.count):
                if new_root or turn == 0:
                    self.env["MAMBA_ROOT_PREFIX"] = self.path(self.fresh("peer"))
                words = fill | {"prefix": self.path(self.fresh("made"))}
                argv = [part for word in commands[case].split() for part in (fill["specs"] if word == "{specs}" else [word.format(**words)])]
                runs.append(self.other(*argv))
            print(f"     {name:43} {show(measure.median(runs), 's'):>10}  {measure.median(runs, 'cpu'):7.2f} s CPU "
                  f"{max(run.peak for run in runs) / 1024:7.0f} MiB", flush=True)
            self.results.append({"id": case, "what": name, "figure": measure.median(runs), "unit": "s", "cpu_s": measure.median(runs, "cpu"),
                                 "peak_mib": max(run.peak for run in runs) / 1024})

    # --- worlds --------------------------------------------------------------------------------

    def core(self):
        folder = self.data and os.path.join(self.data, "repodata", "conda-forge-2026-harvest")
        return repodata_world.load_core(folder if folder and os.path.isdir(folder) else None)

    def repodata(self, count):
        def make():
            core = self.once("core", self.core)
            union = self.data and os.path.join(self.data, "repodata", "scale-union")
            padding = self.once("padding", lambda: repodata_world.load_core(union) if union and os.path.isdir(union) else core)
            name = f"repodata-{count}"
            size = repodata_world.write(repodata_world.multiply(core, padding, count), self.path(name))
            return "file://" + self.path(name), size
        return self.once(f"repodata-{count}", make)

    def specs(self):
        names = {record["name"] for rows in self.once("core", self.core).values() for _, _, record in rows}
        return SPECS if set(SPECS) <= names else MADE_UP_SPECS

    def sizes(self):
        return (5000, 20000) if self.quick else (65000, 650000)

    def packages(self, count=None, files=None, size=None):
        count, files, size = count or (12 if self.quick else 110), files or (300 if self.quick else 10400), size or (
            2 << 20 if self.quick else 180 << 20)
        name = f"packages-{count}-{files}"

        def make():
            package_world.make(self.path(name), count, files, size)
            with open(self.path(name + ".yaml"), "w", encoding="utf-8") as file:
                file.write(f"name: bench\nchannels: ['file://{self.path(name)}', nodefaults]\ndependencies: [all]\n")
            self.run("lock", "-f", self.path(name + ".yaml"), "-o", self.path(name + ".lock"))
            return self.path(name), self.path(name + ".lock")
        return self.once(name, make)

    def environment(self):
        """An environment of the packages, kept; and the cache filled."""
        def make():
            _, lock = self.packages()
            self.run("create", "-p", self.path("kept"), "-f", lock)
            return self.path("kept")
        return self.once("kept", make)

    def explicit(self, lock):
        """The lock's packages as a list for other programs."""
        path = lock + ".txt"
        with open(lock, encoding="utf-8") as file:
            urls = [row.split("url:", 1)[1].strip().strip("'\"") for row in file if "url: " in row and ("conda" in row or "tar.bz2" in row)]
        with open(path, "w", encoding="utf-8") as file:
            file.write("@EXPLICIT\n" + "\n".join(url for url in urls if url.endswith((".conda", ".bz2"))) + "\n")
        return path

    # --- cases ---------------------------------------------------------------------------------

    def solve(self, channel, specs=None, cache="cache"):
        return self.run("create", "--dry-run", "--json", "--override-channels", "-c", channel, *(specs or self.specs()), cache=cache)

    def P1(self):
        channel, size = self.repodata(self.sizes()[1])
        runs = []
        for _ in range(self.count):
            cache = self.fresh("cache-p1")
            runs.append(self.solve(channel, cache=cache))
            # A few files, so no harm to ext4; but a virtual machine pays dearly for memory that it uses for the first time.
            shutil.rmtree(self.path(cache))
        self.report("P1", f"first solve, {self.sizes()[1]} records, {size >> 20} MB", runs, 0.8, "0.8 s, 450 MiB")
        self.peer("P1", new_root=True, channel=channel, specs=self.specs())

    def P2(self):
        channel, _ = self.repodata(self.sizes()[1])
        self.solve(channel)
        time.sleep(0 if self.quick else 2.1)  # younger files are read again: they may still change
        self.solve(channel)
        (runs,) = measure.interleave(self.count, lambda: self.solve(channel))
        self.report("P2", "the same again, index on disk", runs, 0.05, "0.05 s, 60 MiB")
        self.peer("P2", channel=channel, specs=self.specs())

    def P3(self):
        _, lock = self.packages()
        kept = self.environment()

        def create(durability):
            return self.run("create", "-p", self.path(self.fresh("made")), "-f", lock, ENVM_DURABILITY=durability)

        def copy():
            return self.other("cp", "-al", kept, self.path(self.fresh("copied")))
        runs, copies, synced = measure.interleave(self.count, lambda: create("none"), copy, lambda: create("batch"))
        self.report("P3", "create from a lock, packages cached", runs, measure.median(copies), "1.0 x cp -al", against=copies,
                    note="durability none")
        self.report("P3", "the same with durability batch", synced, measure.median(runs), "the same with none", against=runs)
        self.peer("P3", explicit=self.explicit(lock))

    def unpack_baseline(self, channel):
        """The packages' inner tar files, for zstd and tar."""
        def make():
            import zipfile
            os.makedirs(self.path("inner"))
            for folder, _, names in os.walk(channel):
                for name in names:
                    if not name.endswith(".conda"):
                        continue
                    with zipfile.ZipFile(os.path.join(folder, name)) as archive:
                        for member in archive.namelist():
                            if member.endswith(".tar.zst"):
                                archive.extract(member, self.path("inner"))
            return self.path("inner")
        return self.once("inner", make)

    def P4(self):
        channel, lock = self.packages()
        inner = self.unpack_baseline(channel)

        def create():
            return self.run("create", "-p", self.path(self.fresh("made")), "-f", lock, cache=self.fresh("cache-p4"))

        def unpack():
            return self.other("sh", "-c", 'cd "$1" && ls | xargs -P "$(nproc)" -I{} sh -c '
                              '\'mkdir -p "$2/$1" && zstd -dcq "$1" | tar -x -C "$2/$1"\' sh {} "$2"', "sh", inner, self.path(self.fresh("unpacked")))
        runs, others = measure.interleave(self.count, create, unpack)
        self.report("P4", "the same, cache empty, file:// channel", runs, measure.median(others) * 0.7, "0.7 x zstd -d | tar -x",
                    against=others, allowed=0.7)
        self.peer("P4", new_root=True, explicit=self.explicit(lock))

    def P5(self):
        _, lock = self.packages()
        kept = self.environment()
        (runs,) = measure.interleave(self.count, lambda: self.run("create", "-p", kept, "-f", lock))
        self.report("P5", "create, environment equals the lock", runs, 0.03, "30 ms", unit="ms")

    def P6(self):
        channel, _ = self.repodata(self.sizes()[0])
        reached = repodata_world.requests_by_reach(self.core(), (40 if self.quick else 500,), self.specs())
        with open(self.path("check.yaml"), "w", encoding="utf-8") as file:
            file.write(f"name: check\nchannels: ['{channel}', nodefaults]\ndependencies: [{', '.join(reached[0][1])}]\n")
        self.run("lock", "-f", self.path("check.yaml"))
        with open(self.path("check.lock"), encoding="utf-8") as file:
            count = file.read().count("url: ")
        (runs,) = measure.interleave(self.count, lambda: self.run("lock", "--check", "--offline", "-f", self.path("check.yaml")))
        self.report("P6", f"lock --check offline, {count} packages", runs, 0.02, "20 ms", unit="ms")

    def P7(self):
        kept = self.environment()
        for name, arguments in (("hook", ["hook", "bash"]), ("activate", ["activate", "--shell", "bash", kept]), ("run true", ["run", "-p", kept, "true"])):
            runs, bare = measure.interleave(self.count * 5, lambda: self.run(*arguments), lambda: self.other("true"))
            self.report("P7", f"{name}, more than true alone", runs, 0.005, "5 ms", unit="ms", figure=measure.median(runs) - measure.median(bare),
                        note=f"{(measure.median(runs, 'cpu') - measure.median(bare, 'cpu')) * 1000:.1f} ms CPU")

    def P8(self):
        kept = self.environment()
        runs, others = measure.interleave(self.count, lambda: self.run("verify", "-p", kept), lambda: self.other(
            "sh", "-c", 'find "$1" -type f -print0 | xargs -0 -n 200 -P "$(nproc)" sha256sum', "sh", kept))
        self.report("P8", "verify, every byte hashed", runs, measure.median(others) * 1.2, "1.2 x sha256sum", against=others, allowed=1.2)

    def P9(self):
        (runs,) = measure.interleave(self.count * 5, lambda: self.run("--version"))
        self.report("P9", "--version", runs, 0.003, "3 ms", unit="ms", note=f"{measure.median(runs, 'cpu') * 1000:.1f} ms CPU")
        self.peer("P9")

    def P10(self):
        small, large = (self.repodata(size)[0] for size in self.sizes())
        for channel in (small, large):
            self.solve(channel)
        time.sleep(0 if self.quick else 2.1)
        for channel in (small, large):
            self.solve(channel)
        large_runs, small_runs = measure.interleave(self.count * 2, lambda: self.solve(large), lambda: self.solve(small))
        self.report("P10", f"P2 over {self.sizes()[0]} and {self.sizes()[1]} records", large_runs, measure.median(small_runs) * 1.2,
                    "1.2 x the small one", against=small_runs, allowed=1.2)

    def P11(self):
        count, size = (4, 1 << 16) if self.quick else (40, 1 << 20)
        self.once("downloads", lambda: package_world.make_downloads(self.path("downloads"), count, size))
        server = subprocess.Popen([sys.executable, os.path.join(HERE, "slow_server.py"), self.path("downloads"), "0.05"], stdout=subprocess.PIPE,
                                  text=True)
        try:
            url = f"http://127.0.0.1:{server.stdout.readline().strip()}"
            self.run("create", "-p", self.path("blobs"), "--override-channels", "-c", url, "blobs")
            with open(self.path("blobs", "conda-meta", "envm.lock"), encoding="utf-8") as file:
                text = file.read()
            with open(self.path("blobs.lock"), "w", encoding="utf-8") as file:
                file.write(text)
            urls = sorted({word for word in text.split() if word.startswith(url) and word.endswith(".conda")})

            def create():
                return self.run("create", "-p", self.path(self.fresh("blobs")), "-f", self.path("blobs.lock"), cache=self.fresh("cache-p11"))

            def curl():
                folder = self.path(self.fresh("fetched"))
                os.makedirs(folder)
                outputs = [word for address in urls for word in ("-o", os.path.join(folder, os.path.basename(address)), address)]
                return self.other("curl", "-sS", "-Z", "--parallel-max", "8", *outputs)
            runs, others = measure.interleave(self.count, create, curl)
            self.report("P11", f"{count} downloads of {size >> 10} KiB, 50 ms latency", runs, measure.median(others) * 1.2, "1.2 x curl -Z",
                        against=others, allowed=1.2, note="extracted and linked too")
        finally:
            server.terminate()
            server.wait()

    # --- tables --------------------------------------------------------------------------------

    def table_solve(self):
        channel, _ = self.repodata(self.sizes()[1])
        rows = []

        def has_solution(specs):
            try:
                self.solve(channel, specs)
            except measure.Failed:
                return False
            return True
        for reached, specs in repodata_world.requests_by_reach(self.core(), (10, 35) if self.quick else (35, 137, 400, 700), self.specs(),
                                                               has_solution):
            (runs,) = measure.interleave(self.count, lambda specs=specs: self.solve(channel, specs))
            rows.append({"names": reached, "requested": len(specs), "wall_s": measure.median(runs), "cpu_s": measure.median(runs, "cpu"),
                         "peak_mib": max(run.peak for run in runs) / 1024})
        self.tables["solve over names reached"] = rows

    def table_install(self):
        rows = []
        for count, files, size in ((5, 100, 1 << 20), (10, 400, 4 << 20)) if self.quick else (
                (11, 1000, 18 << 20), (110, 10400, 180 << 20), (300, 100000, 400 << 20)):
            _, lock = self.packages(count, files, size)
            cold, warm = [], []
            for _ in range(min(self.count, 3)):
                cache = self.fresh("cache-table")
                cold.append(self.run("create", "-p", self.path(self.fresh("made")), "-f", lock, cache=cache))
                warm.append(self.run("create", "-p", self.path(self.fresh("made")), "-f", lock, cache=cache))
            rows.append({"files": files, "packages": count + 2, "mb": size >> 20, "cold_s": measure.median(cold), "warm_s": measure.median(warm),
                         "warm_cpu_s": measure.median(warm, "cpu"), "peak_mib": max(run.peak for run in cold + warm) / 1024})
        self.tables["install over files"] = rows


    # As many names and files as in the tables above.

    def table_memory(self):
        self.tables["peak MiB of commands over names reached"] = memory.by_names(self, (10, 35) if self.quick else (35, 137, 400, 700))
        self.tables["peak MiB of commands over files"] = memory.by_files(self, ((5, 100, 1 << 20), (10, 400, 4 << 20)) if self.quick else (
            (11, 1000, 18 << 20), (110, 10400, 180 << 20), (300, 100000, 400 << 20)))


def show(value, unit):
    return f"{value * 1000:.1f} ms" if unit == "ms" or value < 0.1 else f"{value:.2f} s"


def line(result):
    return (f"{result['id']:4} {result['what']:43} {show(result['figure'], result['unit']):>10}  limit {result['limit_is']:24} "
            f"{show(result['limit'], result['unit']):>9}  ratio {result['ratio']:5.2f}  {result['cpu_s']:7.3f} s CPU {result['peak_mib']:6.0f} MiB"
            f"{'  ' + result['note'] if result['note'] else ''}")


CASES = [f"P{number}" for number in range(1, 12)]
TABLES = {"solve": Bench.table_solve, "install": Bench.table_install, "memory": Bench.table_memory}


def write_json(bench, path, meta):
    with open(path, "w", encoding="utf-8") as file:
        json.dump({**meta, "results": bench.results, "tables": bench.tables}, file, indent=1)
        file.write("\n")


def find_peers():
    return {name: commands for name, commands in PEERS.items() if shutil.which(name)}
