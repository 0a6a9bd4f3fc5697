# SPDX-License-Identifier: MIT
"""Small packages made here, for what Debian's do not show: a prefix compiled into a program and a
library, links, a script with a prefix, entry points, activation scripts and variables."""
import os

from archive import PLACEHOLDER, finish, write_text
from debian import run
from table import ANY_PYTHON, GLIBC, TAR_BZ2

LIBRARY = r"""
const char *demo_prefix(void)
{
    return PREFIX;
}

const char *demo_greeting_file(void)
{
    return PREFIX "/share/demo-prefix/greeting.txt";
}
"""

PROGRAM = r"""
#include <stdio.h>

const char *demo_prefix(void);
const char *demo_greeting_file(void);

int main(void)
{
    char line[200];
    FILE *file = fopen(demo_greeting_file(), "r");

    if (!file || !fgets(line, sizeof(line), file)) {
        perror(demo_greeting_file());
        return 1;
    }
    printf("prefix in the library: %s\nprefix in the program: %s\n%s", demo_prefix(),
           PREFIX, line);
    return fclose(file) != 0;
}
"""


def demo_prefix(folder, sources, version):
    write_text(folder / "share/demo-prefix/greeting.txt", f"hello from demo-prefix {version}\n")
    write_text(folder / "etc/demo-prefix.conf", f"data = {PLACEHOLDER}/share/demo-prefix\n")
    write_text(folder / "bin/demo-prefix-sh",
               f'#!{PLACEHOLDER}/bin/python\nimport sys\nprint("runs under", sys.prefix)\n', 0o755)
    os.symlink("demo-prefix", folder / "share/demo-current")
    os.symlink("demo-current/greeting.txt", folder / "share/demo-greeting")
    write_text(sources / "library.c", LIBRARY)
    write_text(sources / "program.c", PROGRAM)
    (folder / "lib").mkdir()
    compiler = ["gcc", "-O2", f'-DPREFIX="{PLACEHOLDER}"', "-Wl,--build-id=none"]
    run(*compiler, "-shared", "-fPIC", "library.c", "-Wl,-soname,libdemo.so.1",
        "-o", folder / "lib/libdemo.so.1.0", cwd=sources)
    os.symlink("libdemo.so.1.0", folder / "lib/libdemo.so.1")
    os.symlink("libdemo.so.1", folder / "lib/libdemo.so")
    run(*compiler, "program.c", "-L", folder / "lib", "-ldemo",
        "-Wl,--disable-new-dtags,-rpath,$ORIGIN/../lib", "-o", folder / "bin/demo-prefix", cwd=sources)


def demo_entry(folder):
    site_packages = folder / "site-packages"
    entry_point = "demo-entry = demo_entry.cli:main"
    write_text(site_packages / "demo_entry/__init__.py", '__version__ = "1.2"\n')
    write_text(site_packages / "demo_entry/cli.py", '"""Shows how it was started."""\nimport sys\n\n\n'
               'def main():\n    print("demo-entry", sys.argv[1:], sys.prefix)\n    return 0\n')
    dist_info = site_packages / "demo_entry-1.2.dist-info"
    write_text(dist_info / "METADATA", "Metadata-Version: 2.1\nName: demo-entry\nVersion: 1.2\n")
    write_text(dist_info / "INSTALLER", "conda\n")
    write_text(dist_info / "entry_points.txt", f"[console_scripts]\n{entry_point}\n")
    write_text(folder / "python-scripts/demo-entry-script",
               f'#!{PLACEHOLDER}/bin/python\nimport demo_entry\nprint(demo_entry.__version__)\n', 0o755)
    return [entry_point]


def demo_activate(folder):
    conda = folder / "etc/conda"
    write_text(conda / "activate.d/demo-activate.sh", 'export DEMO_ACTIVATED="$CONDA_PREFIX"\n')
    write_text(conda / "deactivate.d/demo-activate.sh", "unset DEMO_ACTIVATED\n")
    write_text(conda / "env_vars.d/demo-activate.json", '{"DEMO_VARIABLE": "it\'s $(not) `run`"}\n')


def make_all(stage, channel, subdir, arch):
    """Returns the list of (file name, record)."""
    made = []

    def add(folder, name, version, build, depends, where=subdir, entry_points=(), **more):
        folder.mkdir(parents=True, exist_ok=True)
        native = {"arch": arch, "platform": "linux"} if where == subdir else {}
        record = {"name": name, "version": version, "build": build, "build_number": 0,
                  "depends": depends, "subdir": where, "license": "CC0-1.0", **native, **more}
        made.append(finish(folder, channel, record, {"summary": "envm demonstration package"},
                           entry_points, old_format=name in TAR_BZ2 or version == "1.0"))

    for version in ("1.0", "2.0"):
        folder = stage / f"demo-prefix-{version}"
        demo_prefix(folder, stage / f"demo-sources-{version}", version)
        add(folder, "demo-prefix", version, "h0_0", [GLIBC, "python"])
    entry_points = demo_entry(stage / "demo-entry")
    add(stage / "demo-entry", "demo-entry", "1.2", "pyhd_0", [ANY_PYTHON], "noarch", entry_points,
        noarch="python")
    demo_activate(stage / "demo-activate")
    add(stage / "demo-activate", "demo-activate", "1.0", "0", [], "noarch", noarch="generic")
    add(stage / "python_abi", "python_abi", "3.11", "0_cp311", [], "noarch", noarch="generic")
    return made
