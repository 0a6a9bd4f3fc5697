# SPDX-License-Identifier: MIT
"""What has to change in Debian's files so that they work in a prefix of their own."""
import configparser
import os
import re
import shutil
import stat
import sys
from pathlib import Path

from archive import PLACEHOLDER
from debian import run
from table import PYTHON

GLIBC_LIBRARIES = {"libc.so.6", "libm.so.6", "libpthread.so.0", "libdl.so.2", "librt.so.1",
                   "ld-linux-x86-64.so.2", "ld-linux-aarch64.so.1"}


def substitute(path, *pairs):
    """Replaces each text or pattern; one that is not there is an error, not a surprise later."""
    text = path.read_text(encoding="utf-8")
    for old, new in pairs:
        changed = text.replace(old, new) if isinstance(old, str) else old.sub(new, text)
        if changed == text:
            raise AssertionError(f"{path}: nothing matches {old!r}")
        text = changed
    path.write_text(text, encoding="utf-8")


def is_elf(path):
    if path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(4) == b"\x7fELF"


def fix_libraries(target, patchelf):
    """Programs and libraries find the prefix's own libraries through $ORIGIN."""
    for path in filter(is_elf, sorted(target.rglob("*"))):
        mode = stat.S_IMODE(path.stat().st_mode)
        path.chmod(0o755)
        if set(run(patchelf, "--print-needed", path).split()) - GLIBC_LIBRARIES:
            origin = "$ORIGIN/" + os.path.relpath(target / "lib", path.parent)
            run(patchelf, "--force-rpath", "--set-rpath", origin, path)
        path.chmod(mode)


def fix_shebangs(folder):
    for path in sorted(folder.glob("*")) if folder.is_dir() else []:
        if path.is_symlink():
            continue
        content = path.read_bytes()
        found = re.match(rb"#! ?(/usr)?/bin/(env )?(python[0-9.]*)", content)
        if found:
            path.write_bytes(b"#!%s/bin/%s" % (PLACEHOLDER.encode(), found[3]) + content[found.end():])


def fix_frozen_site(executable):
    """Debian's Python looks for dist-packages only, in the site module frozen into the program."""
    old, new = b"dist-packages\0", b"site-packages\0"
    content = executable.read_bytes()
    if content.count(old) != 1:
        raise AssertionError(f"{executable}: {content.count(old)} times {old!r}, once was expected")
    executable.write_bytes(content.replace(old, new))


def fix_sysconfig(library):
    """One install scheme, posix_prefix, instead of Debian's."""
    substitute(
        library / "sysconfig.py",
        (re.compile(r"    'deb_system': \{.*?\},\n    'posix_local': \{.*?\},\n(?=    'posix_home')", re.S),
         ""),
        ("('posix_prefix', 'posix_home', 'posix_local', 'deb_system')", "('posix_prefix', 'posix_home')"),
        (re.compile(r"    if sys\.base_prefix != sys\.prefix or hasattr\(sys, \"real_prefix\"\):\n"
                    r"        # virtual.*?prefix_scheme = 'posix_local'\n", re.S),
         "    prefix_scheme = 'posix_prefix'\n"))
    # Debian's setuptools needs this module, so it stays and says: always a virtual environment.
    substitute(
        library / "_distutils_system_mod.py",
        ('return sys.base_prefix != sys.prefix or hasattr(sys, "real_prefix")', "return True"),
        ("('posix_prefix', 'posix_local', 'deb_system')", "('posix_prefix',)"))
    substitute(library / "distutils/sysconfig.py",
               ("elif is_default_prefix and not is_virtual_environment():", "elif False:"))
    substitute(
        library / "distutils/command/install.py",
        ("or is_virtual_environment()):", "or True):"),
        (re.compile(r"# add the Debian install schemes.*?(?=# Copy from sysconfig)", re.S), ""))


def fix_python(target, multiarch):
    library = target / f"lib/python{PYTHON}"
    fix_frozen_site(target / f"bin/python{PYTHON}")
    substitute(library / "site.py", ("dist-packages", "site-packages"))
    fix_sysconfig(library)
    # The values of the build (prefix, WHEEL_PKG_DIR, …) become the prefix's when it is installed.
    substitute(library / f"_sysconfigdata__{multiarch}.py",
               (f"/usr/lib/{multiarch}", PLACEHOLDER + "/lib"),
               (re.compile(r"(?<![\w.])/usr(?=[/'\" ])"), PLACEHOLDER))
    substitute(
        library / "ensurepip/__init__.py",
        (re.compile(r"def _ensurepip_is_disabled_in_debian_for_system\(\):.*?(?=\n__all__)", re.S), ""),
        (re.compile(r"^ *_ensurepip_is_disabled_in_debian_for_system\(\)\n", re.M), ""))
    (library / "site-packages").mkdir(exist_ok=True)
    (library / "site-packages/README.txt").write_text("Packages are installed here.\n", encoding="ascii")
    for link, leads_to in (("python", "python"), ("python3", "python"), ("pydoc", "pydoc"),
                           ("pydoc3", "pydoc")):
        os.symlink(leads_to + PYTHON, target / "bin" / link)


def fix_certifi(folder):
    """Debian's certifi leads to /etc/ssl; the bundle is in the package."""
    (folder / "core.py").write_text('''"""Where cacert.pem is."""
import os


def where() -> str:
    return os.path.join(os.path.dirname(__file__), "cacert.pem")


def contents() -> str:
    with open(where(), encoding="ascii") as file:
        return file.read()
''', encoding="ascii")


def certificates(unpacked):
    found = sorted((unpacked / "ca-certificates/usr/share/ca-certificates").rglob("*.crt"))
    return "".join(path.read_text(encoding="ascii") for path in found)


def fix_ca_certificates(target, unpacked):
    shutil.rmtree(target / "share")
    (target / "ssl").mkdir()
    (target / "ssl/cacert.pem").write_text(certificates(unpacked), encoding="ascii")
    os.symlink("cacert.pem", target / "ssl/cert.pem")


def fix_metadata(site_packages):
    """Says who installed it; returns the console entry points."""
    entry_points = []
    for folder in sorted(site_packages.glob("*-info")):
        if folder.suffix == ".dist-info":
            (folder / "INSTALLER").write_text("conda\n", encoding="ascii")
        if not (folder / "entry_points.txt").is_file():
            continue
        parser = configparser.ConfigParser(delimiters=("=",), interpolation=None)
        parser.optionxform = str
        parser.read(folder / "entry_points.txt", encoding="utf-8")
        if parser.has_section("console_scripts"):
            entry_points += [f"{name} = {value}" for name, value in parser.items("console_scripts")]
    return entry_points


def compile_modules(target):
    """Debian ships no .pyc, conda packages do. Hash-based ones do not depend on times."""
    run(sys.executable, "-I", "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash",
        f"lib/python{PYTHON}", cwd=target)
    for path in sorted(target.rglob("*.pyc")):
        # Its source is rewritten when it is installed: the compiled form would be a stale one.
        if PLACEHOLDER.encode() in path.read_bytes():
            path.unlink()


def apply_all(row, target, site_packages, unpacked, multiarch):
    """Everything for one package; returns its entry points."""
    entry_points = []
    if row.name == "python":
        fix_python(target, multiarch)
    if row.name == "certifi":
        fix_certifi(target / site_packages / "certifi")
    if row.name == "pip":
        fix_certifi(target / site_packages / "pip/_vendor/certifi")
    if row.name == "ca-certificates":
        fix_ca_certificates(target, unpacked)
    if row.kind in ("python", "extension", "pure"):
        fix_shebangs(target / "bin")
        entry_points = fix_metadata(target / site_packages)
    if row.kind == "pure":
        shutil.rmtree(target / "bin", ignore_errors=True)   # made again from the entry points
    if row.kind in ("library", "python", "extension"):
        fix_libraries(target, Path(unpacked) / "patchelf/usr/bin/patchelf")
    if row.kind in ("python", "extension"):
        compile_modules(target)
    return entry_points
