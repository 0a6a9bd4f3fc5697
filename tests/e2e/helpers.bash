# SPDX-License-Identifier: MIT
# What every bats file needs: a world of its own, and small channels.

setup_world() {
    SOURCE=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    WORLD=$(mktemp -d "${TMPDIR:-/tmp}/envm-e2e.XXXXXX")
    mkdir -p "$WORLD/home" "$WORLD/tmp"
    export HOME="$WORLD/home" TMPDIR="$WORLD/tmp"
    export ENVM_ROOT="$WORLD/root" ENVM_CACHE="$WORLD/cache" ENVM_DURABILITY=none
    export LC_ALL=C.UTF-8
    unset XDG_CONFIG_HOME XDG_DATA_HOME XDG_CACHE_HOME CONDARC NETRC
    unset CONDA_PREFIX CONDA_SHLVL CONDA_DEFAULT_ENV CONDA_PROMPT_MODIFIER
    unset HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY http_proxy https_proxy all_proxy no_proxy
    # A machine that does not change from one computer to the next.
    export CONDA_OVERRIDE_GLIBC=2.36 CONDA_OVERRIDE_LINUX=6.1 CONDA_OVERRIDE_CUDA=
    ENVM=${ENVM_PROGRAM:?}
    PIDS=()
    cd "$WORLD" || return 1
}

teardown_world() {
    for pid in "${PIDS[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    cd / || return 1
    chmod -R u+rwx "$WORLD" 2>/dev/null || true
    rm -rf "$WORLD"
}

envm() {
    "$ENVM" "$@"
}

# A terminal of the test's own needs devpts, which a bare chroot does not have.
needs_terminal() {
    local why
    why=$(python3 -c 'import pty
try:
    pty.openpty()
except OSError as failure:
    print(failure)') || why="python3 has no pty"
    [ -z "$why" ] || {
        echo "# SKIPPED: no pseudo-terminal can be had here: $why" >&3
        skip "no pseudo-terminal can be had here: $why"
    }
}

# Separates what went to stdout from what went to stderr: $output and $errors.
run_envm() {
    status=0
    output=$("$ENVM" "$@" 2>"$WORLD/stderr" </dev/null) || status=$?
    errors=$(cat "$WORLD/stderr")
}

expect_status() {
    if [ "$status" -ne "$1" ]; then
        echo "expected exit $1, got $status"
        echo "stdout: $output"
        echo "stderr: $errors"
        return 1
    fi
}

expect_error() {
    case $errors in
    *"$1"*) ;;
    *)
        echo "not in stderr: $1"
        echo "stderr: $errors"
        return 1
        ;;
    esac
}

# json EXPRESSION: evaluates Python over $output as `d`.
json() {
    printf '%s' "$output" | python3 -c 'import json, sys
d = json.load(sys.stdin)
print(eval(sys.argv[1]))' "$1"
}

# make_channel DIR: reads a list of packages (mkchannel.py) from stdin.
make_channel() {
    cat >"$WORLD/channel.json"
    python3 -B "$SOURCE/tests/support/mkchannel.py" "$1" "$WORLD/channel.json" >"$WORLD/packages.txt"
}

# The channel that most tests use: a library in three versions, a program on top, a noarch python
# package with an entry point, and a python that is a shell script.
standard_channel() {
    make_channel "${1:-$WORLD/channel}" <<'JSON'
[
 {"name": "lib", "version": "1.0", "build": "0", "subdir": "linux-64",
  "files": {"lib/lib.txt": "one\n"}},
 {"name": "lib", "version": "2.0", "build": "0", "subdir": "linux-64",
  "files": {"lib/lib.txt": "two\n"}},
 {"name": "lib", "version": "2.1", "build": "0", "subdir": "linux-64", "format": "tar.bz2",
  "files": {"lib/lib.txt": "two and a bit\n", "lib/link": {"symlink": "lib.txt"}}},
 {"name": "app", "version": "1.0", "build": "h1_0", "subdir": "linux-64",
  "depends": ["lib >=2", "__glibc >=2.17"],
  "files": {"bin/app": {"text": "#!/bin/sh\necho \"app of @PREFIX@\" \"$@\"\n", "exec": true},
            "share/app.bin": {"binary": "head\u0000@PREFIX@/share/app\u0000tail"}}},
 {"name": "python", "version": "3.11.2", "build": "0_cpython", "subdir": "linux-64",
  "files": {"bin/python3.11": {"text": "#!/bin/sh\nPYTHONPATH=\"@PREFIX@/lib/python3.11/site-packages\" PYTHONDONTWRITEBYTECODE=1 exec python3 \"$@\"\n", "exec": true},
            "bin/python": {"symlink": "python3.11"},
            "lib/python3.11/site.txt": "x\n"}},
 {"name": "tool", "version": "0.1", "build": "pyh_0", "subdir": "noarch", "noarch": "python",
  "depends": ["python >=3.9"], "entry_points": ["tool = tool.main:run"],
  "files": {"site-packages/tool/__init__.py": "", "site-packages/tool/main.py": "def run():\n    print('tool runs')\n",
            "python-scripts/tool-script": {"text": "#!@PREFIX@/bin/python\nprint('script')\n", "exec": true}}}
]
JSON
}

# The channel for tests that change an environment: two versions of an application and of its
# library, something that only goes with the older library, two pythons and a pure package.
changing_channel() {
    make_channel "$WORLD/channel" <<'JSON'
[
 {"name": "base-lib", "version": "1.0", "build": "0", "subdir": "linux-64", "files": {"lib/base.txt": "1\n"}},
 {"name": "base-lib", "version": "2.0", "build": "0", "subdir": "linux-64", "files": {"lib/base.txt": "2\n"}},
 {"name": "app", "version": "1.0", "build": "0", "subdir": "linux-64", "depends": ["base-lib >=1"],
  "files": {"bin/app": {"text": "#!/bin/sh\necho app 1 in @PREFIX@\n", "exec": true}}},
 {"name": "app", "version": "2.0", "build": "0", "subdir": "linux-64", "depends": ["base-lib >=2", "extra"],
  "files": {"bin/app": {"text": "#!/bin/sh\necho app 2 in @PREFIX@\n", "exec": true}, "share/app2.txt": "two\n"}},
 {"name": "extra", "version": "1.0", "build": "0", "subdir": "linux-64", "files": {"lib/extra.txt": "e\n"}},
 {"name": "old-only", "version": "1.0", "build": "0", "subdir": "linux-64", "depends": ["base-lib <2"],
  "files": {"lib/old.txt": "o\n"}},
 {"name": "python", "version": "3.11.2", "build": "0_cpython", "subdir": "linux-64",
  "files": {"bin/python3.11": {"text": "#!/bin/sh\nPYTHONPATH=\"@PREFIX@/lib/python3.11/site-packages\" exec python3 -B \"$@\"\n", "exec": true},
            "bin/python": {"symlink": "python3.11"}}},
 {"name": "python", "version": "3.12.1", "build": "0_cpython", "subdir": "linux-64",
  "files": {"bin/python3.12": {"text": "#!/bin/sh\nPYTHONPATH=\"@PREFIX@/lib/python3.12/site-packages\" exec python3 -B \"$@\"\n", "exec": true},
            "bin/python": {"symlink": "python3.12"}}},
 {"name": "tool", "version": "0.1", "build": "pyh_0", "subdir": "noarch", "noarch": "python",
  "depends": ["python >=3.9"], "entry_points": ["tool = tool.main:run"],
  "files": {"site-packages/tool/__init__.py": "", "site-packages/tool/main.py": "def run():\n    print('tool runs')\n"}}
]
JSON
}

# serve DIR: python3 -m http.server on a free port of loopback; sets PORT.
serve() {
    python3 -B -u -c 'import functools, http.server, sys
handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=sys.argv[1])
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
print(server.server_address[1], flush=True)
server.serve_forever()' "$1" >"$WORLD/port" 2>"$WORLD/requests.log" 3>&- &
    PIDS+=($!)
    wait_for "$WORLD/port"
    PORT=$(cat "$WORLD/port")
}

wait_for() {
    for _ in $(seq 200); do
        [ -s "$1" ] && return 0
        sleep 0.05
    done
    echo "nothing in $1"
    return 1
}

# httpd ROOT [SCRIPT_JSON]: the scripted server; sets HTTP, OTHER, HTTPS, WRONGHOST and PROXY, logs
# to $WORLD/http.log, keeps its certificates in $WORLD/tls.
httpd() {
    printf '%s' "${2:-{\}}" >"$WORLD/script.json"
    : >"$WORLD/http.log"
    mkfifo "$WORLD/httpd.stdin.$$" 2>/dev/null || true
    # The server ends with its standard input, which this sleep holds open.
    sleep 600 >"$WORLD/httpd.stdin.$$" 3>&- &
    PIDS+=($!)
    python3 -B -u "$SOURCE/tests/support/httpd.py" --root "$1" --script "$WORLD/script.json" \
        --log "$WORLD/http.log" --tls "$WORLD/tls" <"$WORLD/httpd.stdin.$$" >"$WORLD/httpd.out" 2>"$WORLD/httpd.err" 3>&- &
    PIDS+=($!)
    wait_for "$WORLD/httpd.out"
    eval "$(python3 -c 'import json, sys
for name, url in json.load(open(sys.argv[1])).items(): print(f"{name.upper()}={url}")' "$WORLD/httpd.out")"
}

# requests EXPRESSION: evaluates Python over the list of logged requests as `r`.
requests() {
    python3 -c 'import json, sys
r = [json.loads(line) for line in open(sys.argv[1])]
print(eval(sys.argv[2]))' "$WORLD/http.log" "$1"
}
