#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes small channels for tests: .conda and .tar.bz2 packages and repodata, always the same bytes.

    mkchannel.py OUT SPEC.json        one line per package on stdout: SUBDIR/FILE SHA256 MD5 SIZE
    from mkchannel import Channel     the same as a library (see Channel.add)

SPEC.json is a list of packages, or {"packages": [...], "subdirs": [...]}. A package:

    {"name": "demo", "version": "1.0", "build": "0", "build_number": 0,
     "subdir": "noarch", "noarch": "python", "format": "conda" | "tar.bz2" | "both",
     "depends": [], "constrains": [], "track_features": "", "license": "", "timestamp": 0,
     "entry_points": ["demo = demo.cli:main"],
     "link_scripts": {"post-link": "#!/bin/sh\\n"},
     "files": {"bin/demo": {"text": "#!@PREFIX@/bin/sh\\n", "exec": true},
               "lib/data": {"binary": "x@PREFIX@/share\\u0000y"},
               "lib/blob": {"hex": "00ff"},
               "lib/big": {"random": 1000000},
               "lib/real.so": {"source": "/usr/lib/x.so"},
               "lib/link": {"symlink": "blob"},
               "lib/twin": {"hardlink": "lib/blob"},
               "share/empty": {"dir": true},
               "share/plain": "text"},
     "paths_json": true,              false: files, has_prefix and no_link as before 2017
     "placeholder": "/opt/...",       what @PREFIX@ stands for in the package
     "index": {}, "paths": {"bin/demo": {}}, "repodata": {},   merged over what is computed
     "omit": ["sha256", "size"],      left out of the repodata record
     "damage": "truncate" | "flip" | "empty"}   of the archive, after its hashes were taken

@PREFIX@ in "text" and "binary" becomes the placeholder and the file is listed with it; "no_link":
true may stand with every file. In "binary" text is latin-1, so that \\u00ff is one byte.
"""

import base64
import bz2
import hashlib
import io
import json
import os
import random
import subprocess
import sys
import tarfile
import zipfile

MTIME = 1577836800  # 2020-01-01
PLACEHOLDER = ("/opt/placehold" + "_placehold" * 30)[:255]
TOKEN = "@PREFIX@"


class Entry:
    """One path of a package: its kind, bytes or target, and what paths.json says of it."""

    def __init__(self, path, value, placeholder):
        if isinstance(value, str):
            value = {"text": value}
        elif isinstance(value, bytes):
            value = {"bytes": value}
        self.path = path
        self.kind = "file"
        self.data = b""
        self.target = None
        self.mode = None
        self.placeholder = placeholder
        self.executable = bool(value.get("exec"))
        self.no_link = bool(value.get("no_link"))
        if "symlink" in value:
            self.kind, self.target = "symlink", value["symlink"]
        elif "hardlink" in value:
            self.kind, self.target = "hardlink", value["hardlink"]
        elif value.get("dir"):
            self.kind = "dir"
        elif "text" in value:
            self.data = self._fill(value["text"].encode(), "text")
        elif "binary" in value:
            self.data = self._fill(value["binary"].encode("latin-1"), "binary")
        elif "hex" in value:
            self.data = bytes.fromhex(value["hex"])
        elif "base64" in value:
            self.data = base64.b64decode(value["base64"])
        elif "random" in value:
            self.data = random.Random(path).randbytes(value["random"])
        elif "source" in value:
            with open(value["source"], "rb") as file:
                self.data = file.read()
            self.executable = self.executable or os.access(value["source"], os.X_OK)
        else:
            self.data = value["bytes"]
        if "file_mode" in value:  # the data holds the placeholder already
            self.mode = value["file_mode"]

    def _fill(self, data, mode):
        if TOKEN.encode() in data:
            self.mode = mode
        return data.replace(TOKEN.encode(), self.placeholder.encode())

    def paths_entry(self, package):
        if self.kind == "dir":
            return {"_path": self.path, "path_type": "directory"}
        data = package.content_of(self)
        entry = {
            "_path": self.path,
            "path_type": "softlink" if self.kind == "symlink" else "hardlink",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_in_bytes": len(data),
        }
        if self.mode:
            entry["file_mode"] = self.mode
            entry["prefix_placeholder"] = self.placeholder
        if self.no_link:
            entry["no_link"] = True
        return entry


class Package:
    """See the module's text for the keywords; `files` may also map to bytes."""

    def __init__(self, name, version="1.0", build="0", **options):
        self.name, self.version, self.build = name, version, str(build)
        self.options = options
        self.noarch = options.get("noarch")
        self.subdir = options.get("subdir") or ("noarch" if self.noarch else "linux-64")
        self.placeholder = options.get("placeholder", PLACEHOLDER)
        files = dict(options.get("files", {}))
        for action, text in options.get("link_scripts", {}).items():
            files[f"bin/.{name}-{action}.sh"] = {"text": text, "exec": True}
        self.entries = [Entry(path, files[path], self.placeholder) for path in sorted(files)]
        self.by_path = {entry.path: entry for entry in self.entries}

    @property
    def stem(self):
        return f"{self.name}-{self.version}-{self.build}"

    def content_of(self, entry):
        """Bytes of a file, or of what a link leads to (b"" when that is not in the package)."""
        for _ in range(20):
            if entry is None or entry.kind in ("file", "dir"):
                break
            target = entry.target
            if entry.kind == "symlink":
                target = os.path.normpath(os.path.join(os.path.dirname(entry.path), target))
            entry = self.by_path.get(target)
        return entry.data if entry is not None else b""

    def index(self):
        options = self.options
        index = {
            "name": self.name,
            "version": self.version,
            "build": self.build,
            "build_number": options.get("build_number", 0),
            "depends": options.get("depends", []),
            "constrains": options.get("constrains", []),
            "subdir": self.subdir,
        }
        if self.noarch:
            index["noarch"] = self.noarch
        for key in ("license", "timestamp", "track_features", "python_site_packages_path"):
            if options.get(key):
                index[key] = options[key]
        index.update(options.get("index", {}))
        return index

    def info_files(self):
        options = self.options
        info = {"info/index.json": dump(self.index()), "info/about.json": dump({})}
        if self.noarch == "python" or options.get("entry_points"):
            info["info/link.json"] = dump(
                {
                    "noarch": {"type": "python", "entry_points": options.get("entry_points", [])},
                    "package_metadata_version": 1,
                }
            )
        info["info/files"] = "".join(
            entry.path + "\n" for entry in self.entries if entry.kind != "dir"
        ).encode()
        if options.get("paths_json", True):
            changes = options.get("paths", {})
            paths = [
                {**entry.paths_entry(self), **changes.get(entry.path, {})} for entry in self.entries
            ]
            info["info/paths.json"] = dump({"paths": paths, "paths_version": 1})
        else:
            info["info/has_prefix"] = "".join(
                f'"{entry.placeholder}" {entry.mode} "{entry.path}"\n'
                for entry in self.entries
                if entry.mode
            ).encode()
            info["info/no_link"] = "".join(
                entry.path + "\n" for entry in self.entries if entry.no_link
            ).encode()
        return info

    def tar(self, info, content):
        out = io.BytesIO()
        with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
            for path, data in sorted(info.items()):
                add_file(tar, path, data, False)
            # A hardlink needs its target to stand before it.
            for entry in sorted(content, key=lambda e: (e.kind == "hardlink", e.path)):
                if entry.kind == "file":
                    add_file(tar, entry.path, entry.data, entry.executable)
                    continue
                member = header(entry.path, 0o755)
                member.type = {
                    "symlink": tarfile.SYMTYPE,
                    "hardlink": tarfile.LNKTYPE,
                    "dir": tarfile.DIRTYPE,
                }[entry.kind]
                member.linkname = entry.target or ""
                tar.addfile(member)
        return out.getvalue()

    def archive(self, kind):
        if kind == "tar.bz2":
            return bz2.compress(self.tar(self.info_files(), self.entries))
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
            for name, data in (
                ("metadata.json", b'{"conda_pkg_format_version": 2}'),
                (f"pkg-{self.stem}.tar.zst", zstd(self.tar({}, self.entries))),
                (f"info-{self.stem}.tar.zst", zstd(self.tar(self.info_files(), []))),
            ):
                archive.writestr(zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0)), data)
        return out.getvalue()


def dump(value):
    return (json.dumps(value, indent=2, sort_keys=True) + "\n").encode()


def zstd(data):
    return subprocess.run(
        ["zstd", "-q", "-3", "-c", "--single-thread"], input=data, stdout=subprocess.PIPE, check=True
    ).stdout


def header(path, mode):
    member = tarfile.TarInfo(path)
    member.mode, member.mtime = mode, MTIME
    return member


def add_file(tar, path, data, executable):
    member = header(path, 0o755 if executable else 0o644)
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def damaged(data, how):
    if how == "truncate":
        return data[: len(data) // 2]
    if how == "flip":
        at = len(data) // 2
        return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
    return b"" if how == "empty" else data


class Channel:
    """A folder with subdirs, packages and repodata.

    channel = Channel("out")
    channel.add("demo", "1.0", files={"share/demo": "hello"}, depends=["python"])
    channel.write()
    """

    def __init__(self, root, subdirs=("noarch", "linux-64")):
        self.root = str(root)
        self.records = {subdir: {} for subdir in subdirs}
        self.new_records = {}  # of repodata revision 3 (CEP 48)
        self.built = []  # (subdir/file, sha256, md5, size)

    def add(self, name, version="1.0", build="0", **options):
        package = Package(name, version, build, **options)
        wanted = options.get("format", "conda")
        for kind in ("conda", "tar.bz2") if wanted == "both" else (wanted,):
            self._put(package, kind, options)
        return package

    def _put(self, package, kind, options):
        data = package.archive(kind)
        file_name = f"{package.stem}.{kind}"
        hashes = {
            "md5": hashlib.md5(data).hexdigest(),
            "sha256": hashlib.sha256(data).hexdigest(),
            "size": len(data),
        }
        folder = os.path.join(self.root, package.subdir)
        os.makedirs(folder, exist_ok=True)
        with open(os.path.join(folder, file_name), "wb") as file:
            file.write(damaged(data, options.get("damage")))
        record = {**package.index(), **hashes, **options.get("repodata", {})}
        for key in options.get("omit", ()):
            record.pop(key, None)
        place = self.new_records if options.get("revision") == 3 else self.records
        place.setdefault(package.subdir, {})[file_name] = record
        self.records.setdefault(package.subdir, {})
        self.built.append(
            (f"{package.subdir}/{file_name}", hashes["sha256"], hashes["md5"], hashes["size"])
        )

    def write(self):
        for subdir, records in self.records.items():
            folder = os.path.join(self.root, subdir)
            os.makedirs(folder, exist_ok=True)
            repodata = {
                "info": {"subdir": subdir},
                "packages": {k: v for k, v in records.items() if k.endswith(".tar.bz2")},
                "packages.conda": {k: v for k, v in records.items() if k.endswith(".conda")},
                "removed": [],
                "repodata_version": 1,
            }
            new = self.new_records.get(subdir)
            if new:
                repodata["info"]["repodata_revisions"] = {"v3": {"n_packages": len(new)}}
                repodata["v3"] = {
                    kind: {k[: -len(kind) - 1]: v for k, v in new.items() if k.endswith(kind)}
                    for kind in ("conda", "tar.bz2")
                }
            text = dump(repodata)
            with open(os.path.join(folder, "repodata.json"), "wb") as file:
                file.write(text)
            with open(os.path.join(folder, "repodata.json.zst"), "wb") as file:
                file.write(zstd(text))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with sys.stdin if sys.argv[2] == "-" else open(sys.argv[2], encoding="utf-8") as file:
        spec = json.load(file)
    if isinstance(spec, list):
        spec = {"packages": spec}
    channel = Channel(sys.argv[1], spec.get("subdirs", ("noarch", "linux-64")))
    for package in spec["packages"]:
        channel.add(**package)
    channel.write()
    for built in channel.built:
        print(*built)


if __name__ == "__main__":
    main()
