#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Makes hostile package archives and their harmless twins, always the same bytes.

    mkhostile.py OUT      writes OUT/<name>-1-0.conda or .tar.bz2, and OUT/cases.tsv with
                          FILE <tab> EXPECTED <tab> PART OF THE MESSAGE

EXPECTED is the name of an error code of envm ("ok" for the twins). The rows C1 to C16 are those of
reliability.md. Archives are built byte by byte where the point is to break the format.
"""

import bz2
import hashlib
import json
import os
import struct
import subprocess
import sys
import zlib

MTIME = 1577836800
PLACEHOLDER = "/opt/placeholder_placeholder_placeholder"


# --- tar -------------------------------------------------------------------------------------


def octal(value, width):
    return b"%0*o\0" % (width - 1, value)


def header(name, size=0, kind=b"0", link=b"", mode=0o644, magic=b"ustar\x0000", prefix=b"",
           size_field=None, checksum=None, mtime=None, tail=b"", owner=b"root"):
    block = name[:100].ljust(100, b"\0") + octal(mode, 8) + octal(0, 8) + octal(0, 8)
    block += size_field or octal(size, 12)
    block += (mtime if mtime is not None else octal(MTIME, 12)) + b" " * 8 + kind
    block += link[:100].ljust(100, b"\0") + magic + owner.ljust(32, b"\0") * 2
    block += (octal(0, 8) * 2 if owner else b"\0" * 16) + prefix.ljust(155, b"\0") + tail.ljust(12, b"\0")
    value = sum(block) if checksum is None else checksum
    return block[:148] + b"%06o\0 " % value + block[156:]


def padded(data):
    return data + b"\0" * (-len(data) % 512)


def entry(name, data=b"", **fields):
    name = name.encode() if isinstance(name, str) else name
    fields.setdefault("size", len(data))
    return header(name, **fields) + padded(data)


def link(name, target, kind=b"2", **fields):
    return entry(name, kind=kind, link=target.encode() if isinstance(target, str) else target,
                 **fields)


def directory(name, **fields):
    return entry(name, kind=b"5", mode=fields.pop("mode", 0o755), **fields)


def pax_record(key, value):
    value = value.encode() if isinstance(value, str) else value
    body = b" " + key.encode() + b"=" + value + b"\n"
    length = len(body) + 1
    while len(str(length)) + len(body) != length:
        length = len(str(length)) + len(body)
    return str(length).encode() + body


def pax(records, kind=b"x"):
    data = records if isinstance(records, bytes) else b"".join(
        pax_record(key, value) for key, value in records)
    return entry("PaxHeaders/x", data, kind=kind)


def long_name(name, kind=b"L"):
    name = name.encode() if isinstance(name, str) else name
    return entry("././@LongLink", name + b"\0", kind=kind, magic=b"ustar  \0")


END = b"\0" * 1024


# --- packages --------------------------------------------------------------------------------


def listed(path, data=b"", **more):
    return {"_path": path, "path_type": "hardlink", "sha256": hashlib.sha256(data).hexdigest(),
            "size_in_bytes": len(data), **more}


def info_entries(name, paths, index=None, paths_json=None, extra=b""):
    """info/index.json and info/paths.json as tar entries; None leaves one out."""
    index = {"name": name, "version": "1", "build": "0", "build_number": 0, "depends": [],
             "subdir": "noarch", **(index or {})}
    out = entry("info/index.json", json.dumps(index).encode())
    if paths_json is None:
        paths_json = json.dumps({"paths_version": 1, "paths": paths}).encode()
    if paths_json:
        out += entry("info/paths.json", paths_json)
    return out + extra


def zstd(data):
    return subprocess.run(["zstd", "-q", "-c", "-3"], input=data, stdout=subprocess.PIPE,
                          check=True).stdout


def zip_member(name, data, **odd):
    """A dict of what the two headers will say; `odd` overrides single fields."""
    name = name.encode() if isinstance(name, str) else name
    member = {"name": name, "data": data, "crc": zlib.crc32(data), "size": len(data),
              "plain": len(data), "method": 0, "flags": 0, "extra": b"", "comment": b"", "disk": 0,
              "local_extra": b"", "after": b"", "before": b"", "offset": None}
    for field in ("name", "crc", "size", "plain", "method", "flags"):
        member["local_" + field] = odd.get("local_" + field, odd.get(field, member[field]))
    member.update(odd)
    return member


def zip_file(members, prefix=b"", comment=b"", gap=b"", suffix=b"", end=None, count=None,
             zip64=False, directory_size=None, before_end=b""):
    out = prefix
    central = b""
    for m in members:
        out += m["before"]
        offset = len(out) if m["offset"] is None else m["offset"]
        out += struct.pack("<IHHHHHIIIHH", 0x04034B50, 20, m["local_flags"], m["local_method"], 0,
                           33, m["local_crc"], m["local_size"], m["local_plain"],
                           len(m["local_name"]), len(m["local_extra"]))
        out += m["local_name"] + m["local_extra"] + m["data"] + m["after"]
        central += struct.pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, m["flags"], m["method"],
                               0, 33, m["crc"], m["size"], m["plain"], len(m["name"]),
                               len(m["extra"]), len(m["comment"]), m["disk"], 0, 0, offset)
        central += m["name"] + m["extra"] + m["comment"]
    out += gap
    start = len(out)
    number = len(members) if count is None else count
    size = len(central) if directory_size is None else directory_size
    out += central + before_end
    if zip64:
        at = len(out)
        out += struct.pack("<IQHHIIQQQQ", 0x06064B50, 44, 45, 45, 0, 0, number, number, size,
                           start + (zip64 if zip64 is not True else 0))
        out += struct.pack("<IIQI", 0x07064B50, 0, at, 1)
        number, size, start = 0xFFFF, 0xFFFFFFFF, 0xFFFFFFFF
    out += end or struct.pack("<IHHHHIIH", 0x06054B50, 0, 0, number, number, size, start,
                              len(comment))
    return out + comment + suffix


METADATA = b'{"conda_pkg_format_version": 2}'


class Maker:
    def __init__(self, out):
        self.out = out
        self.rows = []

    def add(self, name, suffix, data, expected, message=""):
        assert not any(row[0] == name for row in self.rows), name
        with open(os.path.join(self.out, f"{name}-1-0{suffix}"), "wb") as file:
            file.write(data)
        self.rows.append((name, f"{name}-1-0{suffix}", expected, message))

    def tar(self, name, body, expected, message="", paths=(), end=END, raw=None, **info):
        """A .tar.bz2 whose tar is info, then `body`."""
        data = info_entries(name, list(paths), **info) + body + end
        self.add(name, ".tar.bz2", raw(data) if raw else bz2.compress(data), expected, message)

    def conda(self, name, expected, message="", body=b"", paths=(), pkg=None, info_body=b"",
              change=None, info_zst=None, end=END, **layout):
        """A .conda; `change` maps the list of members, `layout` goes to zip_file."""
        info = info_entries(name, list(paths), extra=info_body) + END
        members = [zip_member("metadata.json", METADATA),
                   zip_member(f"info-{name}-1-0.tar.zst", info_zst or zstd(info)),
                   zip_member(f"pkg-{name}-1-0.tar.zst", pkg if pkg is not None
                              else zstd(body + end))]
        if change:
            members = change(members) or members
        self.add(name, ".conda", zip_file(members, **layout), expected, message)


def odd(index, **fields):
    """A change of one member: both headers unless the field begins with local_."""
    def change(members):
        member = members[index]
        name = fields.pop("name", member["name"])
        members[index] = zip_member(name, member["data"], **fields)
    return change


# --- the cases -------------------------------------------------------------------------------

A = entry("lib/a", b"a\n")
LISTED_A = [listed("lib/a", b"a\n")]


def names(make):
    """C1, C8: names."""
    for label, name in [("parent", "../x"), ("parent-inside", "lib/../../x"),
                        ("dots-at-end", "lib/.."), ("absolute", "/tmp/envm-x"),
                        ("double-slash", "lib//x"), ("dot-component", "lib/./x"),
                        ("double-slash-first", "//x"), ("only-dot", "."), ("newline", "lib/a\nb"),
                        ("escape", "lib/\x1b[31m"), ("bidi", "lib/a\u202eb"), ("del", "lib/\x7f"),
                        ("c1-control", "lib/\u0085")]:
        make.tar("name-" + label, entry(name, b"x"), "unsafe", "unsafe path")
    make.tar("name-invalid-utf8", entry(b"lib/\xff\xfe", b"x"), "unsafe", "UTF-8")
    make.tar("name-overlong-utf8", entry(b"lib/\xc0\xae\xc0\xae/x", b"x"), "unsafe", "UTF-8")
    make.tar("name-empty", entry("", b"x"), "unsafe", "empty")
    make.tar("name-long-component", long_name("lib/" + "c" * 256) + entry("lib/c", b"x"), "unsafe",
             "255")
    make.tar("name-long-path", long_name("/".join(["d" * 100] * 11)) + entry("d", b"x"), "unsafe",
             "1024")
    make.tar("name-deep", long_name("/".join("a" * 70)) + entry("d", b"x"), "unsafe", "64")
    make.tar("name-pax-parent", pax([("path", "../x")]) + entry("lib/x", b"x"), "unsafe", "unsafe")
    make.tar("name-pax-nul", pax([("path", b"lib/a\0b")]) + entry("lib/x", b"x"), "unsafe",
             "control")
    make.tar("name-gnu-parent", long_name("../x") + entry("lib/x", b"x"), "unsafe", "unsafe")
    make.tar("name-prefix-parent", entry("x", b"x", prefix=b".."), "unsafe", "unsafe")
    make.tar("name-prefix-absolute", entry("x", b"x", prefix=b"/tmp"), "unsafe", "absolute")
    make.tar("name-pax-global", pax([("path", "lib/x")], b"g") + A, "malformed", "global")
    make.tar("name-gnu-and-pax", long_name("lib/x") + pax([("path", "lib/y")]) +
             entry("lib/z", b"x"), "malformed", "two names")
    make.tar("name-pax-twice", pax([("path", "lib/x"), ("path", "lib/y")]) + entry("lib/z", b"x"),
             "malformed", "twice")
    make.tar("name-gnu-twice", long_name("lib/x") + long_name("lib/y") + entry("z", b"x"),
             "malformed", "two long names")
    make.tar("name-pax-empty", pax([("path", "")]) + entry("lib/z", b"x"), "malformed", "empty name")
    make.tar("name-file-slash", entry("lib/x/", b"x"), "malformed", "like a directory")
    # twins
    make.tar("good-dot-slash", entry("./lib/a", b"a\n"), "ok", paths=LISTED_A)
    make.tar("good-root-entry", directory("./", mode=0) + A, "ok", paths=LISTED_A)
    make.tar("good-backslash", entry("lib/a\\b", b"x"), "ok", paths=[listed("lib/a\\b", b"x")])
    make.tar("good-long-component", long_name("lib/" + "c" * 255) + entry("lib/c", b"x"), "ok",
             paths=[listed("lib/" + "c" * 255, b"x")])
    make.tar("good-pax-name", pax([("path", "lib/\u00e9")]) + entry("lib/e", b"x"), "ok",
             paths=[listed("lib/\u00e9", b"x")])
    make.tar("good-gnu-and-pax", long_name("lib/x") + pax([("path", "lib/x")]) + entry("z", b"x"),
             "ok", paths=[listed("lib/x", b"x")])
    make.tar("good-prefix", entry("a", b"a\n", prefix=b"lib"), "ok", paths=LISTED_A)
    make.tar("good-v7", entry("lib/a", b"a\n", magic=b"\0" * 8, owner=b""), "ok",
             paths=LISTED_A)
    make.tar("good-pax-comment", pax([("comment", "made by hand")], b"g") + A, "ok",
             paths=LISTED_A)


def links(make):
    """C2, C3: links."""
    make.tar("link-write-through", link("lib", "/tmp") + entry("lib/x", b"x"), "unsafe",
             "through a symbolic link")
    make.tar("link-write-through-relative", link("lib", "..") + entry("lib/x", b"x"), "unsafe",
             "through a symbolic link")
    make.tar("link-chain", link("a", "b") + link("b", "..") + entry("a/x", b"x"), "unsafe",
             "through a symbolic link")
    make.tar("link-then-dir", link("lib", "/tmp") + directory("lib/") + entry("lib/x", b"x"),
             "malformed", "twice")
    make.tar("link-after-dir", entry("lib/x", b"x") + link("lib", "/tmp"), "malformed", "twice")
    make.tar("link-over-file", entry("lib/x", b"x") + link("lib/x", "/tmp"), "malformed", "twice")
    make.tar("link-file-over", link("lib/x", "/tmp/envm-x") + entry("lib/x", b"x"), "malformed",
             "twice")
    make.tar("link-empty", link("lib/x", ""), "malformed", "without a target")
    make.tar("link-control", link("lib/x", "a\x1bb"), "unsafe", "control character")
    make.tar("link-invalid-utf8", link("lib/x", b"a\xff"), "unsafe", "UTF-8")
    make.tar("link-long", pax([("linkpath", "a" * 4096)]) + link("lib/x", "a"), "unsafe", "4095")
    make.tar("link-with-data", link("lib/x", "a", size=512) + b"x" * 512, "malformed", "with data")
    make.tar("link-gnu-and-pax", long_name("a", b"K") + pax([("linkpath", "b")]) +
             link("lib/x", "a"), "malformed", "two names")
    hard = b"1"
    make.tar("hard-parent", A + link("lib/x", "../x", hard), "unsafe", "unsafe path")
    make.tar("hard-absolute", A + link("lib/x", "/etc/passwd", hard), "unsafe", "unsafe path")
    make.tar("hard-later", link("lib/x", "lib/a", hard) + A, "malformed", "before it")
    make.tar("hard-missing", link("lib/x", "lib/none", hard), "malformed", "before it")
    make.tar("hard-self", link("lib/x", "lib/x", hard), "malformed", "before it")
    make.tar("hard-to-link", link("lib/s", "/etc/passwd") + link("lib/x", "lib/s", hard), "unsafe",
             "not a file")
    make.tar("hard-to-dir", directory("lib/d") + link("lib/x", "lib/d", hard), "unsafe",
             "not a file")
    make.tar("hard-with-data", A + link("lib/x", "lib/a", hard, size=2) + padded(b"b\n"),
             "malformed", "with data")
    make.tar("hard-empty", A + link("lib/x", "", hard), "malformed", "without a target")
    soft = {"path_type": "softlink"}
    make.tar("good-link", A + link("lib/l", "a"), "ok",
             paths=LISTED_A + [listed("lib/l", b"a\n", **soft)])
    make.tar("good-link-outside", A + link("lib/l", "../../../etc/passwd"), "ok",
             paths=LISTED_A + [listed("lib/l", b"", **soft)])
    make.tar("good-link-dangling-stale-hash", A + link("lib/l", "a"), "ok",
             paths=LISTED_A + [listed("lib/l", b"stale", **soft)])
    make.tar("good-hard", A + link("lib/x", "lib/a", hard), "ok",
             paths=LISTED_A + [listed("lib/x", b"a\n")])
    make.tar("good-hard-dot", A + link("lib/x", "./lib/a", hard), "ok",
             paths=LISTED_A + [listed("lib/x", b"a\n")])


def types(make):
    """C4, C5: types and modes."""
    for label, kind, code in [("char", b"3", "unsafe"), ("block", b"4", "unsafe"),
                              ("fifo", b"6", "unsafe"), ("contiguous", b"7", "unsafe"),
                              ("dumpdir", b"D", "unsafe"), ("multivolume", b"M", "unsafe"),
                              ("volume", b"V", "unsafe"), ("sparse", b"S", "unsafe"),
                              ("unknown", b"Z", "malformed"), ("solaris", b"X", "malformed"),
                              ("high", b"\xff", "malformed")]:
        make.tar("type-" + label, entry("lib/x", kind=kind), code)
    make.tar("type-pax-sparse", pax([("GNU.sparse.major", "1"), ("GNU.sparse.realsize", "1")]) +
             entry("lib/x", b"x"), "unsafe", "sparse")
    make.tar("type-pax-filetype", pax([("SCHILY.filetype", "lnk")]) + entry("lib/x", b"x"),
             "malformed", "file type")
    make.tar("type-dir-with-data", directory("lib", size=3) + padded(b"abc"), "malformed",
             "with data")
    make.tar("good-setuid", entry("lib/a", b"a\n", mode=0o6777), "ok", paths=LISTED_A)
    make.tar("good-mode-000", directory("lib/", mode=0) + entry("lib/a", b"a\n", mode=0), "ok",
             paths=LISTED_A)
    make.tar("good-nul-type", entry("lib/a", b"a\n", kind=b"\0"), "ok", paths=LISTED_A)
    make.tar("good-xattr", pax([("SCHILY.xattr.user.x", "y")]) + A, "ok", paths=LISTED_A)


def duplicates(make):
    """C6, C7: duplicates and conflicts."""
    make.tar("twice", A + A, "malformed", "twice")
    make.tar("twice-dot", A + entry("./lib/a", b"a\n"), "malformed", "twice")
    make.tar("twice-index", entry("info/index.json", b"{}"), "malformed", "twice")
    make.tar("twice-hard", A + link("lib/a", "lib/a", b"1"), "malformed", "twice")
    make.tar("file-then-below", entry("lib", b"x") + entry("lib/x", b"x"), "malformed",
             "below a file")
    make.tar("below-then-file", entry("lib/x", b"x") + entry("lib", b"x"), "malformed", "twice")
    make.tar("file-then-dir", entry("lib", b"x") + directory("lib"), "malformed", "twice")
    make.tar("good-dir-twice", directory("lib/") + directory("lib") + A, "ok", paths=LISTED_A)
    make.tar("good-dir-after", A + directory("lib/"), "ok", paths=LISTED_A)
    make.tar("good-case", A + entry("lib/A", b"A\n"), "ok",
             paths=LISTED_A + [listed("lib/A", b"A\n")])


def bombs(make):
    """C9: bombs."""
    zeros = b"\0" * (80 << 20)
    make.conda("bomb-unannounced", "unsafe", "announces less", paths=LISTED_A,
               body=A + entry("lib/zeros", zeros))
    make.conda("bomb-info", "unsafe", "200 times", paths=LISTED_A, body=A,
               info_body=entry("info/zeros", zeros))
    make.tar("bomb-bz2", entry("lib/zeros", zeros), "unsafe", "200 times")
    make.tar("bomb-announced-huge", entry("lib/x", size_field=octal(8 ** 11 - 1, 12)), "malformed",
             "cut short")
    make.tar("bomb-base256", entry("lib/x", size_field=b"\x80" + b"\xff" * 11), "malformed",
             "bad size")
    make.tar("bomb-paths-size", A, "integrity", "size",
             paths=[{**listed("lib/a", b"a\n"), "size_in_bytes": 2 ** 63}])
    make.conda("bomb-nested-zstd", "malformed", "", body=A, paths=LISTED_A,
               pkg=zstd(zstd(A + END)))
    big = b"\0" * (4 << 20)
    make.conda("good-compressible", "ok", body=entry("lib/zeros", big),
               paths=[listed("lib/zeros", big)])


def streams(make):
    """C12, C13: the tar and its stream."""
    make.tar("tar-bad-checksum", header(b"lib/x", checksum=1), "malformed", "checksum")
    make.tar("tar-bad-octal", entry("lib/x", size_field=b"0000000009z\0"), "malformed", "bad size")
    make.tar("tar-negative-size", entry("lib/x", size_field=b"\xff" * 12), "malformed", "bad size")
    make.tar("tar-pax-size", pax([("size", "3")]) + entry("lib/x", b"abcdef"), "malformed",
             "two sizes")
    make.tar("tar-pax-size-zero", pax([("size", "1024")]) + entry("lib/x", b"") + END, "malformed",
             "two sizes")
    make.tar("tar-pax-bad-size", pax([("size", "-1")]) + A, "malformed", "bad size")
    make.tar("tar-pax-bad-record", pax(b"99 path=x\n") + A, "malformed", "bad record")
    make.tar("tar-pax-no-newline", pax(b"8 path=x") + A, "malformed", "bad record")
    make.tar("tar-pax-sign", pax(b"+8 path=x\n") + A, "malformed", "bad record")
    make.tar("tar-pax-twice", pax([("comment", "a")]) + pax([("comment", "b")]) + A, "malformed",
             "two PAX")
    make.tar("tar-pax-at-end", A + pax([("path", "lib/x")]), "malformed", "without an entry")
    make.tar("tar-pax-bad-time", pax([("mtime", "soon")]) + A, "malformed", "time")
    make.tar("tar-pax-huge", pax([("comment", "x" * (2 << 20))]) + A, "malformed", "unreasonable")
    make.tar("tar-no-end", A, "malformed", "no end", end=b"", paths=LISTED_A)
    make.tar("tar-cut-data", header(b"lib/x", size=5000) + b"x" * 100, "malformed", "cut short",
             end=b"")
    make.tar("tar-cut-header", A, "malformed", "cut short", end=b"\0" * 100)
    make.tar("tar-second-archive", A, "malformed", "after the end", paths=LISTED_A,
             end=END + entry("lib/hidden", b"x") + END)
    make.tar("tar-one-zero-block", A, "malformed", "after the end", paths=LISTED_A,
             end=b"\0" * 512 + entry("lib/hidden", b"x") + END)
    make.tar("tar-garbage-after", A, "malformed", "after the end", paths=LISTED_A,
             end=END + b"\0" * 4096 + b"x")
    make.tar("tar-dirty-padding", header(b"lib/a", size=2) + b"a\n" + b"\0" * 500 + b"hidden!!!!",
             "malformed", "padding", paths=LISTED_A)
    make.tar("tar-unknown-magic", entry("lib/x", b"x", magic=b"tsar\x0000 "), "malformed",
             "header format")
    make.tar("tar-dirty-tail", entry("lib/x", b"x", tail=b"tar"), "malformed", "end of a header")
    make.tar("bz2-garbage-after", A, "malformed", "", paths=LISTED_A,
             raw=lambda data: bz2.compress(data) + b"garbage")
    make.tar("bz2-zeros-after", A, "malformed", "after the end of the compressed", paths=LISTED_A,
             raw=lambda data: bz2.compress(data) + b"\0" * 100)
    make.tar("bz2-cut", A, "malformed", "", paths=LISTED_A, raw=lambda data: bz2.compress(data)[:-9])
    make.tar("bz2-flipped", A, "malformed", "",
             raw=lambda data: flip(bz2.compress(data), 60))
    make.tar("bz2-nested", A, "malformed", "", raw=lambda data: bz2.compress(bz2.compress(data)))
    make.tar("bz2-second-archive", A, "malformed", "after the end", paths=LISTED_A,
             raw=lambda data: bz2.compress(data) + bz2.compress(data))
    make.conda("zst-garbage-after", "malformed", "", paths=LISTED_A, pkg=zstd(A + END) + b"garbage")
    make.conda("zst-cut", "malformed", "", paths=LISTED_A, pkg=zstd(A + END)[:-5])
    make.conda("zst-empty", "malformed", "no end", paths=(), pkg=b"")
    make.conda("zst-not-zstd", "malformed", "", paths=LISTED_A, pkg=bz2.compress(A + END))
    make.conda("zst-plain-tar", "malformed", "", paths=LISTED_A, pkg=A + END)
    make.tar("good-many-zeros", A, "ok", paths=LISTED_A, end=b"\0" * 20480)
    make.tar("good-one-zero-block", A, "ok", paths=LISTED_A, end=b"\0" * 512)
    make.tar("good-pax-size", pax([("size", "2")]) + A, "ok", paths=LISTED_A)
    make.tar("good-base256-time", entry("lib/a", b"a\n", mtime=b"\x80" + b"\0" * 6 + b"\x01\0\0\0\0"),
             "ok", paths=LISTED_A)
    make.tar("good-negative-time", pax([("mtime", "-12.5")]) + A, "ok", paths=LISTED_A)
    make.tar("good-two-streams", A, "ok", paths=LISTED_A,
             raw=lambda data: bz2.compress(data[:700]) + bz2.compress(data[700:]))
    make.conda("good-two-frames", "ok", paths=LISTED_A, pkg=zstd(A) + zstd(END))


def flip(data, at):
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1:]


def zips(make):
    """C10: the outer ZIP."""
    good = {"paths": LISTED_A, "body": A}
    refuse = lambda name, message="", **more: make.conda("zip-" + name, "malformed", message,
                                                          **good, **more)
    refuse("local-name", "name differ", change=odd(2, local_name=b"pkg-other-1-0.tar.zst"))
    refuse("local-size", "size differ", change=odd(2, local_size=5, local_plain=5))
    refuse("local-crc", "checksum differ", change=odd(2, local_crc=1))
    refuse("local-method", "method differ", change=odd(2, local_method=8))
    refuse("local-flags", "flags", change=odd(2, local_flags=8))
    refuse("bad-crc", "checksum", change=odd(2, crc=1))
    refuse("deflate", "compressed", change=odd(0, method=8))
    refuse("encrypted", "encrypted", change=odd(2, flags=1))
    refuse("strange-flags", "flags", change=odd(2, flags=0x2000))
    refuse("two-sizes", "two sizes", change=odd(2, plain=7))
    refuse("past-end", "reaches into", change=odd(2, size=1 << 20, plain=1 << 20))
    refuse("member-comment", "comment", change=odd(2, comment=b"hello"))
    refuse("other-disk", "split", change=odd(2, disk=3))
    refuse("unicode-name", "second name", change=odd(2, extra=b"\x75\x70\x01\0x"))
    refuse("cut-extra", "extra field", change=odd(2, extra=b"\x55\x54\xff\0x"))
    refuse("zip64-two", "two zip64", change=odd(2, extra=(b"\1\0\x08\0" + b"\0" * 8) * 2))
    refuse("zip64-short", "too short", change=odd(2, plain=0xFFFFFFFF, extra=b"\1\0\4\0\0\0\0\0"))
    refuse("zip64-other-size", "another size",
           change=odd(2, extra=b"\1\0\x08\0" + struct.pack("<Q", 7)))
    refuse("overlap", "", change=odd(2, offset=0))
    refuse("offset-elsewhere", "", change=odd(2, offset=3))
    refuse("offset-past-end", "past the end", change=odd(2, offset=1 << 30))
    refuse("gap", "does not name", change=odd(1, after=b"hidden"))
    refuse("hidden-member", "does not name", change=odd(1, after=zip_file(
        [zip_member("pkg-zip-hidden-member-1-0.tar.zst", zstd(END))])))
    refuse("gap-before-directory", "does not name", gap=b"hidden")
    refuse("prefix", "not a .conda", prefix=b"MZ")
    refuse("zero-prefix", "not a .conda", prefix=b"\0" * 16)
    refuse("prefix-zip", "before the first", prefix=zip_file([zip_member("x", b"y")])[:-22])
    refuse("suffix", "end record", suffix=b"x")
    refuse("suffix-zeros", "end record", suffix=b"\0" * 64)
    refuse("comment", "end record", comment=b"hello")
    refuse("count-low", "more than its members", count=2)
    refuse("count-high", "bad record", count=4)
    refuse("directory-size", "directory is not", directory_size=10)
    refuse("two-ends", "directory is not", before_end=struct.pack(
        "<IHHHHIIH", 0x06054B50, 0, 0, 0, 0, 0, 0, 0))
    refuse("no-members", "no members", change=lambda members: members.clear(),
           prefix=b"PK\3\4" + b"\0" * 30)
    refuse("end-cut", "", end=b"PK\5\6" + b"\0" * 10)
    refuse("zip64-elsewhere", "directory is not", zip64=5)
    refuse("descriptor-missing", "descriptor", change=odd(1, flags=8))
    refuse("descriptor-lies", "descriptor",
           change=odd(1, flags=8, after=b"PK\7\x08" + b"\1" * 12))
    make.conda("zip-name-parent", "unsafe", "unsafe path", **good,
               change=odd(0, name=b"../metadata.json"))
    make.conda("zip-name-absolute", "unsafe", "unsafe path", **good,
               change=odd(0, name=b"/metadata.json"))
    refuse("duplicate", "two members", change=lambda m: m + [m[1]])
    refuse("extra-member", "does not belong", change=lambda m: m + [zip_member("evil.sh", b"x")])
    refuse("two-info", "two members of one kind",
           change=lambda m: m + [zip_member("info-x-1-0.tar.zst", zstd(END))])
    refuse("no-info", "info archive is missing", change=lambda m: [m[0], m[2]])
    refuse("no-pkg", "pkg archive is missing", change=lambda m: m[:2])
    refuse("other-stem", "different names",
           change=odd(2, name=b"pkg-other-1-0.tar.zst"))
    refuse("two-folders", "several folders", change=lambda m: [m[0]] + [
        zip_member(b"f/" + x["name"], x["data"]) for x in m[1:]])
    refuse("metadata-version", "format version",
           change=lambda m: [zip_member("metadata.json", b'{"conda_pkg_format_version": 3}')] + m[1:])
    refuse("metadata-garbage", "metadata.json",
           change=lambda m: [zip_member("metadata.json", b"{")] + m[1:])
    accept = lambda name, **more: make.conda("good-zip-" + name, "ok", **good, **more)
    accept("plain")
    accept("no-metadata", change=lambda m: m[1:])
    accept("empty-metadata", change=lambda m: [zip_member("metadata.json", b"")] + m[1:])
    accept("folder", change=lambda m: [zip_member("some/where/", b"")] + [
        zip_member(b"some/where/" + x["name"], x["data"]) for x in m])
    accept("order", change=lambda m: [m[2], m[1], m[0]])
    accept("zero-gap", change=odd(1, after=b"\0" * 100))
    accept("zip64-end", zip64=True)
    accept("zip64-sizes", change=zip64_sizes)
    accept("descriptor", change=lambda m: [with_descriptor(x, True, "<II") for x in m])
    accept("descriptor-bare", change=lambda m: [with_descriptor(x, False, "<II") for x in m])
    accept("descriptor-64", change=lambda m: [with_descriptor(x, True, "<QQ") for x in m])
    accept("timestamps", change=odd(1, extra=b"UT\5\0\3\0\0\0\0"))


def zip64_sizes(members):
    extra = lambda size: b"\1\0\x10\0" + struct.pack("<QQ", size, size)
    return [zip_member(m["name"], m["data"], size=0xFFFFFFFF, plain=0xFFFFFFFF,
                       extra=extra(len(m["data"])), local_extra=extra(len(m["data"])))
            for m in members]


def with_descriptor(member, magic, form):
    size = len(member["data"])
    after = (b"PK\7\x08" if magic else b"") + struct.pack("<I", member["crc"])
    return zip_member(member["name"], member["data"], flags=8, local_crc=0, local_size=0,
                      local_plain=0, after=after + struct.pack(form, size, size))


def formats(make):
    """C11: suffix and magic."""
    tar = bz2.compress(info_entries("wrong-suffix-conda", LISTED_A) + A + END)
    make.add("wrong-suffix-conda", ".conda", tar, "malformed", "named .conda")
    make.add("wrong-suffix-tar", ".tar.bz2", zip_file([zip_member("metadata.json", METADATA)]),
             "malformed", "named .tar.bz2")
    make.add("empty-file", ".conda", b"", "malformed", "empty")
    make.add("empty-file-tar", ".tar.bz2", b"", "malformed", "empty")
    make.add("html-page", ".conda", b"<!DOCTYPE html><html>login</html>", "malformed",
             "not a .conda")
    make.add("three-bytes", ".tar.bz2", b"BZh", "malformed", "")


def contents(make):
    """C14, C15, C16, D4: what the package says of itself."""
    make.conda("info-outside", "malformed", "outside info/", paths=LISTED_A, body=A,
               info_body=entry("lib/x", b"x"))
    make.conda("pkg-has-info", "malformed", "in info/", paths=LISTED_A,
               body=A + entry("info/x", b"x"))
    make.conda("pkg-has-info-dir", "malformed", "in info/", paths=LISTED_A,
               body=directory("info/") + A)
    make.conda("no-index", "malformed", "index.json is missing", body=A, info_zst=zstd(
        entry("info/paths.json", json.dumps({"paths": LISTED_A}).encode()) + END))
    make.tar("no-lists", A, "malformed", "neither info/paths.json", paths_json=b"")
    make.tar("paths-garbage", A, "malformed", "info/paths.json", paths_json=b'{"paths": [')
    make.tar("paths-version", A, "malformed", "paths_version", paths_json=b'{"paths_version": 2, "paths": []}')
    make.tar("paths-missing", A, "malformed", '"paths" is missing', paths_json=b"{}")
    make.tar("paths-dup", A, "malformed", "listed twice", paths=LISTED_A * 2)
    make.tar("paths-parent", A, "unsafe", "unsafe path", paths=[listed("../x")])
    make.tar("paths-absolute", A, "unsafe", "unsafe path", paths=[listed("/etc/x")])
    make.tar("paths-nul", A, "malformed", "NUL", paths=[listed("lib/a\0b")])
    make.tar("paths-type", A, "malformed", "path_type",
             paths=[{**LISTED_A[0], "path_type": "device"}])
    make.tar("paths-no-type", A, "malformed", "path_type", paths=[{"_path": "lib/a"}])
    make.tar("paths-bad-sha", A, "malformed", "SHA-256", paths=[{**LISTED_A[0], "sha256": " " * 64}])
    make.tar("paths-short-sha", A, "malformed", "SHA-256", paths=[{**LISTED_A[0], "sha256": "ab"}])
    make.tar("paths-negative-size", A, "malformed", "", paths=[{**LISTED_A[0], "size_in_bytes": -1}])
    make.tar("missing-file", A, "integrity", "not in the archive",
             paths=LISTED_A + [listed("lib/none")])
    make.tar("wrong-sha", A, "integrity", "sha256", paths=[listed("lib/a", b"b\n")])
    make.tar("wrong-size", A, "integrity", "size", paths=[{**LISTED_A[0], "size_in_bytes": 3}])
    make.tar("wrong-type-link", A, "integrity", "is a file",
             paths=[{**LISTED_A[0], "path_type": "softlink"}])
    make.tar("wrong-type-file", link("lib/a", "b"), "integrity", "is a symbolic link",
             paths=LISTED_A)
    make.tar("wrong-type-dir", directory("lib/a"), "integrity", "is a directory", paths=LISTED_A)
    make.tar("path-through-link", entry("real/a", b"a\n") + link("lib", "real"), "integrity",
             "not in the archive",
             paths=[listed("real/a", b"a\n")] + LISTED_A + [listed("lib", path_type="softlink")])
    make.tar("conda-meta", A + entry("conda-meta/x.json", b"{}"), "unsafe", "reserved",
             paths=LISTED_A)
    make.tar("dot-envm", A + entry(".envm/journal", b"{}"), "unsafe", "reserved", paths=LISTED_A)
    for label, value in [("empty", ""), ("short", "/x"), ("relative", "placeholder"),
                         ("long", "/" + "x" * 1024), ("control", "/opt/abc\n/def")]:
        make.tar("placeholder-" + label, A, "malformed", "placeholder",
                 paths=[{**LISTED_A[0], "prefix_placeholder": value, "file_mode": "text"}])
    make.tar("placeholder-mode", A, "malformed", "file_mode",
             paths=[{**LISTED_A[0], "prefix_placeholder": PLACEHOLDER, "file_mode": "magic"}])
    make.tar("index-name", A, "integrity", "its name is", paths=LISTED_A, index={"name": "other"})
    make.tar("index-version", A, "integrity", "its version is", paths=LISTED_A,
             index={"version": "2"})
    make.tar("index-build", A, "integrity", "its build is", paths=LISTED_A, index={"build": "1"})
    make.tar("index-bad", A, "malformed", "info/index.json", paths=LISTED_A,
             index={"name": "../../x"})
    make.tar("link-json-type", A, "malformed", "info/link.json", paths=LISTED_A,
             extra=entry("info/link.json", b'{"noarch": {"type": "magic"}}'))
    make.tar("link-json-control", A, "malformed", "info/link.json", paths=LISTED_A,
             extra=entry("info/link.json",
                         b'{"noarch": {"type": "python", "entry_points": ["a\\u001b=b:c"]}}'))
    make.tar("index-is-link", A, "malformed", "twice", paths=LISTED_A,
             extra=link("info/index.json", "/etc/passwd"))
    make.tar("paths-is-link", A, "malformed", "not a file", paths_json=b"",
             extra=link("info/paths.json", "/etc/passwd"))
    make.tar("old-prefix-unlisted", A, "malformed", "has_prefix", paths_json=b"",
             extra=entry("info/files", b"lib/a\n") + entry("info/has_prefix", b"lib/none\n"))
    make.tar("old-files-parent", A, "unsafe", "info/files", paths_json=b"",
             extra=entry("info/files", b"../x\n"))
    make.tar("old-files-missing", A, "integrity", "not in the archive", paths_json=b"",
             extra=entry("info/files", b"lib/none\n"))
    make.tar("good-unlisted", A + entry("lib/extra", b"x"), "ok", paths=LISTED_A)
    make.tar("good-record-ignored", A, "ok", paths=LISTED_A,
             extra=entry("info/repodata_record.json", b"not json"))
    make.tar("good-upper-name", A, "ok", paths=LISTED_A, index={"name": "Good-Upper-Name"})
    make.tar("good-old", A + link("lib/l", "a"), "ok", paths_json=b"",
             extra=entry("info/files", b"lib/a\nlib/l\n\nlib/a\n") +
             entry("info/has_prefix", b'"/opt/some where/else" text "lib/a"\n') +
             entry("info/no_link", b"lib/a\n"))
    make.tar("good-old-one-column", A, "ok", paths_json=b"",
             extra=entry("info/files", b"lib/a\r\n") + entry("info/has_prefix", b"lib/a\n"))
    make.tar("good-empty", b"", "ok", paths_json=b"")
    make.tar("good-empty-dir", directory("share/empty"), "ok",
             paths=[{"_path": "share/empty", "path_type": "directory"}])
    make.tar("good-windows-placeholder", A, "ok",
             paths=[{**LISTED_A[0], "prefix_placeholder": "C:\\bld\\h_env", "file_mode": "text"}])
    make.tar("good-link-json", A, "ok", paths=LISTED_A,
             extra=entry("info/link.json",
                         b'{"noarch": {"type": "python", "entry_points": ["a = b:c"]}}'))
    make.conda("good-conda", "ok", paths=LISTED_A, body=A)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    make = Maker(sys.argv[1])
    os.makedirs(make.out, exist_ok=True)
    for group in (names, links, types, duplicates, bombs, streams, zips, formats, contents):
        group(make)
    with open(os.path.join(make.out, "cases.tsv"), "w", encoding="utf-8") as table:
        for _, file, expected, message in make.rows:
            table.write(f"{file}\t{expected}\t{message}\n")


if __name__ == "__main__":
    main()
