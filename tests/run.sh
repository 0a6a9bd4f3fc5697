#!/bin/sh
# SPDX-License-Identifier: MIT
#
# usage: sh tests/run.sh [--quick] [--coverage [FLOOR]]
#
# Installs what is missing (see tests/support/install-deps), builds with ASan and UBSan and warnings
# as errors, runs the tests that use threads under TSan, then all tests. The last lines are those of
# ctest. The exit status is 0 only when all of it passed.
#
#   --quick             no TSan build, no end-to-end tests
#   --coverage [FLOOR]  a build with coverage instead: the table of lines per folder; fails when
#                       the whole of src is below FLOOR per cent (default 80)
set -u

root=$(cd "$(dirname "$0")/.." && pwd) || exit 1
cd "$root" || exit 1
exec </dev/null
quick=no
coverage=no
floor=80
while [ $# -gt 0 ]; do
    case $1 in
    --quick) quick=yes ;;
    --coverage)
        coverage=yes
        case ${2-} in [0-9]*) floor=$2; shift ;; esac
        ;;
    *) echo "usage: sh tests/run.sh [--quick] [--coverage [FLOOR]]" >&2; exit 2 ;;
    esac
    shift
done

PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin
export PATH
cores=$(getconf _NPROCESSORS_ONLN 2>/dev/null || echo 2)
if command -v ccache >/dev/null 2>&1; then
    CMAKE_C_COMPILER_LAUNCHER=ccache
    export CMAKE_C_COMPILER_LAUNCHER
fi

say() {
    printf '\n== %s\n' "$*"
}

# build PRESET TARGET...
build() {
    preset=$1
    shift
    say "building: preset $preset"
    mkdir -p build
    cmake --preset "$preset" >"build/$preset.log" 2>&1 || { cat "build/$preset.log"; return 1; }
    cmake --build "build/$preset" -j "$cores" --target "$@"
}

# Sanitizers of older compilers may not start where the kernel spreads addresses too wide. Where it
# does, addresses are not randomised for the tests.
fixed_addresses=
bits=$(cat /proc/sys/vm/mmap_rnd_bits 2>/dev/null || echo 0)
if [ "$bits" -gt 28 ] && setarch "$(uname -m)" -R true 2>/dev/null; then
    fixed_addresses="setarch $(uname -m) -R"
fi

run_ctest() {
    # Two words or nothing.
    # shellcheck disable=SC2086
    $fixed_addresses ctest --output-on-failure -j2 --no-tests=error "$@"
}

tsan_works() {
    probe=$(mktemp -d) || return 1
    echo 'int main(void) { return 0; }' >"$probe/probe.c"
    # shellcheck disable=SC2086
    ${CC:-cc} -fsanitize=thread -o "$probe/probe" "$probe/probe.c" 2>/dev/null &&
        $fixed_addresses "$probe/probe" 2>/dev/null
    works=$?
    rm -rf "$probe"
    return $works
}

run_tsan() {
    if ! tsan_works; then
        say "SKIPPED: this compiler or kernel cannot run the thread sanitizer"
        return 0
    fi
    build tsan tests_with_threads || return 1
    say "tests with threads under TSan"
    run_ctest --test-dir build/tsan -L threads
}

if [ "$coverage" = yes ]; then
    sh tests/support/install-deps build test lint || exit 1
    build coverage all || exit 1
    find build/coverage -name '*.gcda' -delete
    run_ctest --test-dir build/coverage || exit 1
    exec python3 tests/support/coverage_table.py build/coverage "$floor"
fi

sh tests/support/install-deps build test || exit 1
status=0
build debug all || exit 1
if [ "$quick" = no ]; then
    run_tsan || status=1
fi
say "all tests"
if [ "$quick" = yes ]; then
    run_ctest --test-dir build/debug -LE e2e || status=1
else
    run_ctest --test-dir build/debug || status=1
fi
[ $status -eq 0 ] || echo "tests/run.sh: FAILED (see above)"
exit $status
