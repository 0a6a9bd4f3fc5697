#!/bin/sh
# SPDX-License-Identifier: MIT
#
# The whole job on a fresh Debian 12 machine: builds envm, makes a channel out of Debian's own
# packages, creates the environment of env.example.yaml from it, uses it, rebuilds it from its lock
# at a second path and shows that both are the same.
#
# usage: sh docs/quickstart.sh [WORK_DIR]        (default: build/quickstart)
#
# Everything stays below WORK_DIR and build/; your own environments, cache and configuration are
# not touched. Run it again whenever you like.
set -eu

source=$(cd "$(dirname "$0")/.." && pwd)
cd "$source"
mkdir -p "${1:-build/quickstart}"
work=$(cd "${1:-build/quickstart}" && pwd)
started=$(date +%s)

say() {
    printf '\n[%3d s] %s\n' "$(($(date +%s) - started))" "$1"
}

# Shows a command as a person would type it, then runs it.
show() {
    printf '$ envm'
    for word in "$@"; do
        case $word in
        *[!A-Za-z0-9_./:=@%+,-]*) printf " '%s'" "$word" ;;
        *) printf ' %s' "$word" ;;
        esac
    done
    printf '\n'
    "$envm" "$@"
}

tree_of() {
    "$envm" verify -p "$1" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["tree"])'
}

say "1/7 installing what is missing for the build"
sh tests/support/install-deps build

say "2/7 building envm, and downloading Debian packages at the same time"
python3 -B tests/support/debian_channel --work "$work/debian" --out "$work/channel" --download-only \
    >"$work/download.log" 2>&1 &
download=$!
build() {
    cmake --preset release && cmake --build --preset release
}
build >"$work/build.log" 2>&1 || {
    tail -30 "$work/build.log"
    exit 1
}
wait "$download" || {
    cat "$work/download.log"
    exit 1
}
envm=$source/build/release/src/envm
"$envm" --version

say "3/7 making a conda channel of them"
python3 -B tests/support/debian_channel --work "$work/debian" --out "$work/channel"

# Nothing of the user's: a home, a root and a cache of our own.
export HOME="$work/home" XDG_CONFIG_HOME="$work/home/.config"
export ENVM_ROOT="$work/root" ENVM_CACHE="$work/cache"
unset CONDA_PREFIX CONDA_SHLVL CONDA_DEFAULT_ENV
rm -rf "${work:?}/home" "$ENVM_ROOT" "$ENVM_CACHE" "$work/first" "$work/second"
mkdir -p "$work/home"

# The example, with this channel instead of conda-forge, and one small package more: a compiled
# program that has its prefix built in.
channel=$(python3 -c 'import pathlib, sys; print(pathlib.Path(sys.argv[1]).as_uri())' "$work/channel")
sed -e "s|^  - conda-forge\$|  - \"$channel\"|" -e 's|^dependencies:$|&\n  - demo-prefix|' \
    env.example.yaml >"$work/env.yaml"
rm -f "$work/env.lock"

first=$work/first
second="$work/second/a path with spaces of 200 characters "
missing=$((200 - ${#second}))
[ "$missing" -gt 0 ] || missing=1
second=$second$(printf "%0${missing}d" 0 | tr 0 x)

say "4/7 creating the environment and its lock"
show create -p "$first" -f "$work/env.yaml" --override-channels

say "5/7 using it"
show run -p "$first" python -c 'import sys, numpy, requests, yaml
print("Python", sys.version.split()[0], "in", sys.prefix)
print("numpy", numpy.__version__, "says", numpy.linalg.solve([[2, 0], [0, 4]], [1, 1]))
print("requests", requests.__version__, "from", requests.__file__)'
# shellcheck disable=SC2016  # the shell in the environment expands it
show run -p "$first" sh -c 'echo "variable: $EXAMPLE_GREETING"'
show run -p "$first" demo-prefix
show list -p "$first"

say "6/7 rebuilding it from the lock, at a long path with a space"
show create -p "$second" -f "$work/env.lock"
show run -p "$second" python -c 'import sys; print("Python in", sys.prefix)'

say "7/7 comparing"
show verify -p "$first"
show verify -p "$second"
one=$(tree_of "$first")
two=$(tree_of "$second")
printf '\n%s  %s\n%s  %s\n' "$one" "$first" "$two" "$second"
if [ -z "$one" ] || [ "$one" != "$two" ]; then
    echo "quickstart: the two environments differ" >&2
    exit 1
fi
echo "Both environments have the same digest: the lock rebuilt the first one exactly."

say "done. What to try next:"
cat <<END
  export ENVM_ROOT='$ENVM_ROOT' ENVM_CACHE='$ENVM_CACHE' PATH="$source/build/release/src:\$PATH"
  eval "\$(envm hook bash)" && envm activate '$first' && python
  envm lock -f '$work/env.yaml' --check
  rm '$first/lib/libdemo.so.1.0'; envm verify -p '$first'
  envm create -f env.example.yaml          (the same from conda-forge, with a network)
END
