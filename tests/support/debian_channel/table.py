# SPDX-License-Identifier: MIT
"""What the demonstration channel contains: one row per conda package.

Versions are Debian's, read from the packages; nothing here pins one, so security updates of Debian
need no change. Names are those of conda-forge, so that one environment file fits both.
"""
from typing import NamedTuple

RELEASE = "bookworm"
PYTHON = "3.11"

# Debian architecture: (multiarch folder, conda subdir, conda "arch" field)
ARCHITECTURES = {
    "amd64": ("x86_64-linux-gnu", "linux-64", "x86_64"),
    "arm64": ("aarch64-linux-gnu", "linux-aarch64", "aarch64"),
}

GLIBC = "__glibc >=2.36"
ANY_PYTHON = "python >=3.9"
THIS_PYTHON = ["python >=3.11,<3.12.0a0", "python_abi 3.11.* *_cp311", GLIBC]


class Row(NamedTuple):
    name: str
    debs: list      # the first one gives version and description
    depends: list
    kind: str       # library | data | python | extension (compiled module) | pure (noarch: python)


ROWS = [
    # The big ones first: they are made in parallel, and the last one decides how long it takes.
    Row("python", ["python3.11-minimal", "libpython3.11-minimal", "libpython3.11-stdlib", "python3.11",
                   "python3-distutils", "python3-lib2to3", "python3.11-venv", "python3-pip-whl",
                   "python3-setuptools-whl"],
        [GLIBC, "bzip2", "libexpat", "libffi", "liblzma", "libsqlite", "libuuid", "libxcrypt", "libzlib",
         "ncurses >=6.4,<7.0a0", "openssl >=3.0,<4.0a0", "readline >=8.2,<9.0a0", "tzdata"], "python"),
    Row("numpy", ["python3-numpy"], THIS_PYTHON + ["libblas", "liblapack"], "extension"),
    Row("pip", ["python3-pip"], [ANY_PYTHON, "setuptools", "wheel"], "pure"),
    Row("tzdata", ["tzdata"], [], "data"),
    Row("openssl", ["libssl3"], [GLIBC, "ca-certificates"], "library"),
    Row("liblapack", ["liblapack3"], [GLIBC, "libblas", "libgfortran5", "libgcc >=12"], "library"),
    Row("setuptools", ["python3-setuptools", "python3-pkg-resources"], [ANY_PYTHON], "pure"),
    Row("libgfortran5", ["libgfortran5", "libquadmath0"], [GLIBC, "libgcc >=12"], "library"),
    Row("libsqlite", ["libsqlite3-0"], [GLIBC], "library"),
    Row("pyyaml", ["python3-yaml"], THIS_PYTHON + ["libyaml"], "extension"),
    Row("ca-certificates", ["ca-certificates"], [], "data"),
    Row("libblas", ["libblas3"], [GLIBC], "library"),
    Row("ncurses", ["libtinfo6", "libncursesw6"], [GLIBC], "library"),
    Row("readline", ["libreadline8"], [GLIBC, "ncurses >=6.4,<7.0a0"], "library"),
    Row("bzip2", ["libbz2-1.0"], [GLIBC], "library"),
    Row("libexpat", ["libexpat1"], [GLIBC], "library"),
    Row("libffi", ["libffi8"], [GLIBC], "library"),
    Row("libgcc", ["libgcc-s1"], [GLIBC], "library"),
    Row("liblzma", ["liblzma5"], [GLIBC], "library"),
    Row("libuuid", ["libuuid1"], [GLIBC], "library"),
    Row("libxcrypt", ["libcrypt1"], [GLIBC], "library"),
    Row("libyaml", ["libyaml-0-2"], [GLIBC], "library"),
    Row("libzlib", ["zlib1g"], [GLIBC], "library"),
    Row("requests", ["python3-requests"],
        [ANY_PYTHON, "certifi >=2017.4.17", "chardet >=3.0.2,<6", "charset-normalizer >=2,<4",
         "idna >=2.5,<4", "urllib3 >=1.21.1,<1.27"], "pure"),
    Row("urllib3", ["python3-urllib3"], [ANY_PYTHON, "six"], "pure"),
    Row("chardet", ["python3-chardet"], [ANY_PYTHON], "pure"),
    Row("charset-normalizer", ["python3-charset-normalizer"], [ANY_PYTHON], "pure"),
    Row("certifi", ["python3-certifi"], [ANY_PYTHON], "pure"),
    Row("idna", ["python3-idna"], [ANY_PYTHON], "pure"),
    Row("six", ["python3-six"], [ANY_PYTHON], "pure"),
    Row("wheel", ["python3-wheel"], [ANY_PYTHON], "pure"),
]

# Packed in the old format, so that both formats occur in every environment.
TAR_BZ2 = {"six", "libuuid", "libyaml", "bzip2", "demo-activate"}

# Unpacked and run from the work folder, never installed.
TOOLS = ["patchelf"]

# Paths of Debian packages that do not go into a conda package.
DROPPED = [
    r"^etc/",
    r"^usr/lib/binfmt\.d/",
    r"^usr/share/(?!zoneinfo/(?!right/|posix/)|python-wheels/|ca-certificates/)",
    r"^usr/lib/python3\.11/(EXTERNALLY-MANAGED|sitecustomize\.py|test/)",
    r"^usr/lib/python3\.11/lib-dynload/(nis|_dbm|_test|_ctypes_test|xxlimited|_xxtestfuzz)",
    r"^usr/lib/python3\.11/.*lintian",
    r"^usr/lib/python3/dist-packages/numpy/(.*/)?tests/",
    r"^usr/bin/(dh_numpy3|f2py3?|idle.*)$",
    r"^usr/sbin/",
    r"-gdb\.py$",
]
