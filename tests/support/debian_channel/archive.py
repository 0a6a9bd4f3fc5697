# SPDX-License-Identifier: MIT
"""From a folder with a package's files to a .conda or .tar.bz2 and its record."""
import hashlib
import io
import json
import os
import subprocess
import tarfile
import zipfile
from pathlib import Path

# conda-build's habit: long, so that every real prefix fits into its place in a binary.
PLACEHOLDER = ("/opt/envm-demonstration-channel/build_env_placehold" + "_placehold" * 30)[:255]

# Every file has this time (2023-11-14), so that two runs make the same bytes.
EPOCH = 1_700_000_000


def as_json(value):
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def files_of(folder):
    """Relative paths of files and links, in order, directories left out."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*")
                  if path.is_symlink() or not path.is_dir())


def is_info(name):
    return name.startswith("info/")


def describe(folder, name):
    """One entry of paths.json. A link to a file is described by what it leads to, as conda does."""
    path = folder / name
    content = path.read_bytes() if path.is_file() else b""
    entry = {"_path": name, "path_type": "softlink" if path.is_symlink() else "hardlink",
             "sha256": hashlib.sha256(content).hexdigest(), "size_in_bytes": len(content)}
    if not path.is_symlink() and PLACEHOLDER.encode() in content:
        entry["file_mode"] = "binary" if b"\0" in content else "text"
        entry["prefix_placeholder"] = PLACEHOLDER
    return entry


def write_info(folder, record, about, entry_points):
    info = folder / "info"
    info.mkdir(exist_ok=True)
    paths = [describe(folder, name) for name in files_of(folder) if not is_info(name)]
    contents = {
        "index.json": as_json(record),
        "about.json": as_json(about),
        "paths.json": as_json({"paths": paths, "paths_version": 1}),
        "files": "".join(entry["_path"] + "\n" for entry in paths),
        "has_prefix": "".join(f'"{PLACEHOLDER}" "{entry["file_mode"]}" "{entry["_path"]}"\n'
                              for entry in paths if "file_mode" in entry),
    }
    if record.get("noarch") == "python":
        contents["link.json"] = as_json({"noarch": {"type": "python", "entry_points": entry_points},
                                         "package_metadata_version": 1})
    for name, text in contents.items():
        if text:
            (info / name).write_text(text, encoding="utf-8")


def tar(folder, names):
    def anonymous(entry):
        entry.uid = entry.gid = 0
        entry.uname = entry.gname = ""
        entry.mtime = EPOCH
        entry.mode = 0o755 if entry.mode & 0o100 else 0o644
        return entry

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as archive:
        for name in names:
            archive.add(folder / name, name, recursive=False, filter=anonymous)
    return buffer.getvalue()


def zstd(content, level=10):
    return subprocess.run(["zstd", "-q", "-c", f"-{level}"], input=content, stdout=subprocess.PIPE,
                          check=True).stdout


def compress_bz2(content):
    import bz2
    return bz2.compress(content, 9)


def pack(folder, target, stem, old_format):
    """Writes target/STEM.conda or .tar.bz2; returns its path."""
    names = files_of(folder)
    info = [name for name in names if is_info(name)]
    rest = [name for name in names if not is_info(name)]
    if old_format:
        path = target / f"{stem}.tar.bz2"
        path.write_bytes(compress_bz2(tar(folder, info + rest)))
        return path
    path = target / f"{stem}.conda"
    members = {"metadata.json": json.dumps({"conda_pkg_format_version": 2}).encode(),
               f"pkg-{stem}.tar.zst": zstd(tar(folder, rest)),
               f"info-{stem}.tar.zst": zstd(tar(folder, info))}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, (2023, 11, 14, 0, 0, 0)), content)
    return path


def finish(folder, channel, record, about, entry_points=(), old_format=False):
    """Makes the package of a folder; returns (file name, record for repodata)."""
    record = {"arch": None, "platform": None, "constrains": [], "license": "see info/licenses",
              "timestamp": EPOCH * 1000, **record}
    write_info(folder, record, about, list(entry_points))
    stem = "{name}-{version}-{build}".format(**record)
    path = pack(folder, channel / record["subdir"], stem, old_format)
    content = path.read_bytes()
    return path.name, {**record, "size": len(content), "md5": hashlib.md5(content).hexdigest(),
                       "sha256": hashlib.sha256(content).hexdigest()}


def write_repodata(channel, subdirs, packages):
    for subdir in subdirs:
        of_subdir = {name: record for name, record in packages.items() if record["subdir"] == subdir}
        repodata = {
            "info": {"subdir": subdir}, "repodata_version": 1, "removed": [],
            "packages": {n: r for n, r in of_subdir.items() if n.endswith(".tar.bz2")},
            "packages.conda": {n: r for n, r in of_subdir.items() if n.endswith(".conda")},
        }
        text = as_json(repodata).encode()
        (channel / subdir / "repodata.json").write_bytes(text)
        (channel / subdir / "repodata.json.zst").write_bytes(zstd(text))


def write_text(path, text, mode=0o644):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    os.chmod(path, mode)
