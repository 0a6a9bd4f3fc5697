#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What `cmake --install` leaves: the program, the library with its headers, the manual.
load helpers

setup() {
    setup_world
    cmake --install "${ENVM_BUILD_DIR:?}" --prefix "$WORLD/usr" >install.log
    export PKG_CONFIG_PATH=$(dirname "$(find "$WORLD/usr" -name envm.pc)")
    lib=$(dirname "$(find "$WORLD/usr" -name libenvm.so)")
}

teardown() { teardown_world; }

@test "the installed program runs, with its library beside it" {
    ldd "$WORLD/usr/bin/envm" | grep -q "libenvm.so.0 => $WORLD/usr"
    [ "$("$WORLD/usr/bin/envm" --version)" = "envm 0.1.0" ]
}

@test "a program builds and runs against libenvm by pkg-config" {
    cat >sample.c <<'C'
#include <envm.h>
#include <stdio.h>
#include <string.h>

int main(void)
{
    struct envm_error err = {0};
    int order = 0;
    const envm_str a = {"1.9", 3}, b = {"1.10", 4};

    if (envm_version_compare_text(a, b, &order, &err) != ENVM_OK || order != -1)
        return 1;
    printf("%s\n", envm_version_string());
    return 0;
}
C
    # The library was built with the sanitizers that the tests run under.
    # shellcheck disable=SC2046
    cc -std=c11 -Wall -Wextra -Wpedantic -Werror sample.c -o sample $(sanitizer_flags) \
        $(pkg-config --define-variable=prefix="$WORLD/usr" --cflags --libs envm)
    [ "$(LD_LIBRARY_PATH="$lib" ./sample)" = "0.1.0" ]
    c++ -std=c++17 -Wall -Werror -x c++ -fsyntax-only $(pkg-config --define-variable=prefix="$WORLD/usr" --cflags envm) - <<<'#include <envm.h>' ||
        ! command -v c++
}

@test "the library shows nothing but its interface" {
    nm -D --defined-only "$lib/libenvm.so" | awk '$2 ~ /[TDBR]/ { print $3 }' |
        grep -vE '^(envm_|_|mangle_path$)' >other || true
    [ ! -s other ]
    # Private functions of the floors below are hidden.
    ! nm -D --defined-only "$lib/libenvm.so" | grep -qE ' envm_(arena|buf|fs|json)_'
}

@test "the manual is installed where scdoc is" {
    command -v scdoc >/dev/null || skip "no scdoc"
    [ -f "$WORLD/usr/share/man/man1/envm.1" ]
}

sanitizer_flags() {
    sanitizers=$(sed -n 's/^ENVM_SANITIZE:[A-Z]*=//p' "$ENVM_BUILD_DIR/CMakeCache.txt")
    [ -z "$sanitizers" ] || printf -- '-fsanitize=%s' "$sanitizers"
}
