#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
#
# hook, activate, deactivate and run, in the real shells. The environments are folders made by
# hand, so no channel is needed.

load helpers

setup() {
    setup_world
    export ENVM
    PATH=/usr/bin:/bin
    make_environment "$ENVM_ROOT/envs/one" ONE
    make_environment "$ENVM_ROOT/envs/two" TWO
}

teardown() {
    teardown_world
}

# make_environment PREFIX WORD: a program, scripts and variables that say WORD
make_environment() {
    mkdir -p "$1/bin" "$1/conda-meta" "$1/etc/conda/activate.d" "$1/etc/conda/deactivate.d" \
        "$1/etc/conda/env_vars.d"
    : >"$1/conda-meta/history"
    printf '#!/bin/sh\necho "%s $CONDA_PREFIX"\n' "$2" >"$1/bin/which-one"
    chmod +x "$1/bin/which-one"
    printf 'LOG="${LOG-}+%s"\n[ -n "$NOT_SET_ANYWHERE" ]\n' "$2" >"$1/etc/conda/activate.d/a.sh"
    printf 'LOG="${LOG-}-%s"\nfalse\n' "$2" >"$1/etc/conda/deactivate.d/a.sh"
    printf '{"OF_PACKAGE": "%s", "LD_PRELOAD": "/evil.so"}' "$2" >"$1/etc/conda/env_vars.d/p.json"
    printf '{"env_vars": {"MODE": "%s", "ONLY_%s": "it'"'"'s $(touch canary) `touch canary`"}}' \
        "$2" "$2" >"$1/conda-meta/state"
}

# each_shell SCRIPT: runs it in every shell that is there; $S is the shell's name for envm
each_shell() {
    script=$1
    for S in bash dash zsh; do
        command -v "$S" >/dev/null || continue
        export S
        case $S in
        zsh) run zsh -f -c "$script" ;;
        bash) run bash --norc -c "$script" ;;
        dash) run dash -c "$script" ;;
        esac
        echo "--- $S: status $status"
        echo "$output"
        "$2"
    done
    [ ! -e canary ]
}

expect_lines() {
    [ "$status" -eq 0 ]
    [ "$(echo "$output" | grep -v '^warning: ')" = "$EXPECTED" ]
}

@test "activate and deactivate in a strict shell leave nothing behind" {
    EXPECTED="before 0
ONE $ENVM_ROOT/envs/one
ONE|ONE|it's \$(touch canary) \`touch canary\`|1|one
+ONE
unset unset mine /usr/bin:/bin 0
+ONE-ONE"
    export MODE=mine
    each_shell '
        set -eu
        eval "$("$ENVM" hook "$S")"
        eval "$("$ENVM" hook "$S")"
        echo "before ${CONDA_SHLVL-0}"
        envm activate one
        which-one
        echo "$MODE|$OF_PACKAGE|$ONLY_ONE|$CONDA_SHLVL|$CONDA_DEFAULT_ENV"
        echo "$LOG"
        envm deactivate
        echo "${CONDA_PREFIX-unset} ${ONLY_ONE-unset} $MODE $PATH $CONDA_SHLVL"
        echo "$LOG"
        case $- in *e*u* | *u*e*) ;; *) echo "not strict any more" ;; esac
        [ -z "${LD_PRELOAD-}" ]
    ' expect_lines
}

@test "nested, stacked and repeated activation" {
    one=$ENVM_ROOT/envs/one two=$ENVM_ROOT/envs/two
    EXPECTED="2 $two $one /first:$two/bin:/last
TWO TWO
1 $one unset /first:$one/bin:/last
ONE
2 $two/bin:/first:$one/bin:/last
3 $two/bin:/first:$one/bin:/last
1 /first:$one/bin:/last ONE
+ONE-ONE+TWO-TWO+ONE+TWO-TWO+TWO-TWO+ONE-ONE+ONE
0 /first:/last"
    each_shell '
        eval "$("$ENVM" hook "$S")"
        envm activate one
        PATH="/first:$CONDA_PREFIX/bin:/last"
        envm activate two
        echo "$CONDA_SHLVL $CONDA_PREFIX $CONDA_PREFIX_1 $PATH"
        echo "$MODE $OF_PACKAGE"
        envm deactivate
        echo "$CONDA_SHLVL $CONDA_PREFIX ${CONDA_PREFIX_1-unset} $PATH"
        echo "$MODE"
        envm activate --stack two
        echo "$CONDA_SHLVL $PATH"
        envm activate two
        echo "$((CONDA_SHLVL + 1)) $PATH"
        envm deactivate
        envm activate one
        echo "$CONDA_SHLVL $PATH $MODE"
        echo "$LOG"
        envm deactivate
        envm deactivate
        echo "$CONDA_SHLVL $PATH"
    ' expect_lines
}

@test "a failed activation changes nothing and keeps its status" {
    EXPECTED="2 unset /usr/bin:/bin
2 still"
    each_shell '
        set -u
        eval "$("$ENVM" hook "$S")"
        envm activate no-such-environment 2>/dev/null || echo "$? ${CONDA_PREFIX-unset} $PATH"
        envm activate ./nowhere 2>/dev/null || echo "$? still"
    ' expect_lines
}

@test "the hook hands everything else to the program" {
    EXPECTED="same
0 help
2 usage"
    each_shell '
        eval "$("$ENVM" hook "$S")"
        [ "$(envm --version)" = "$("$ENVM" --version)" ] && echo same
        envm activate --help >help.txt; echo "$? help"; grep -q -- --stack help.txt
        envm no-such-command 2>/dev/null; echo "$? usage"
    ' expect_lines
}

@test "without a hook: one line in a CI script" {
    EXPECTED="ONE $ENVM_ROOT/envs/one
TWO $ENVM_ROOT/envs/two
gone 0"
    each_shell '
        set -eu
        eval "$("$ENVM" activate --shell "$S" one)"
        which-one
        eval "$("$ENVM" activate --shell "$S" two)"
        which-one
        eval "$("$ENVM" deactivate --shell "$S")"
        eval "$("$ENVM" deactivate --shell "$S")"
        echo "${CONDA_PREFIX-gone} $CONDA_SHLVL"
    ' expect_lines
}

fails_with_status_2() {
    [ "$status" -eq 2 ]
    [[ "$output" != *"went on"* ]]
}

@test "without a hook: a failed activation stops a strict script" {
    each_shell '
        set -e
        eval "$("$ENVM" activate --shell "$S" no-such-environment)"
        echo "went on"
    ' fails_with_status_2
}

@test "activate without hook and --shell says what to do" {
    run "$ENVM" activate one
    [ "$status" -eq 2 ]
    [[ "$output" == *'eval "$(envm hook '* ]]
    run "$ENVM" deactivate
    [ "$status" -eq 2 ]
    run "$ENVM" activate --shell fishes one
    [ "$status" -eq 2 ]
}

@test "the prompt gets the name and loses it" {
    EXPECTED='[(one) $ ]
[(two) $ ]
[(one) $ ]
[$ ]'
    each_shell '
        eval "$("$ENVM" hook "$S")"
        PS1="\$ "
        envm activate one; echo "[$PS1]"
        envm activate two; echo "[$PS1]"
        envm deactivate; echo "[$PS1]"
        envm deactivate; echo "[$PS1]"
    ' expect_lines
}

@test "a prefix with every kind of quoting in its path" {
    prefix="$PWD/a 'b' \"c\" \$(touch canary) \`touch canary\` \\ %F{red} ! é"
    make_environment "$prefix" ODD
    export prefix
    EXPECTED="ODD $prefix
+ODD
gone"
    each_shell '
        set -eu
        eval "$("$ENVM" hook "$S")"
        PS1="> "
        envm activate "$prefix"
        which-one
        printf "%s\n" "$LOG"
        case $PS1 in *[\$\`\\%\!]*) echo "unsafe prompt: $PS1" ;; esac
        envm deactivate
        echo "${CONDA_PREFIX-gone}"
    ' expect_lines
}

@test "prefixes that cannot stand in PATH are refused" {
    for name in 'a:b' $'a\nb'; do
        make_environment "$PWD/$name" BAD
        run "$ENVM" activate --shell bash "./$name"
        [ "$status" -eq 2 ]
        [[ "$output" == *"cannot stand in PATH"* ]]
    done
}

@test "run: environment, arguments, status, no shell in between" {
    run "$ENVM" run -n one which-one
    [ "$status" -eq 0 ]
    [ "$(echo "$output" | tail -1)" = "ONE $ENVM_ROOT/envs/one" ]
    run "$ENVM" run -n one sh -c 'exit 37'
    [ "$status" -eq 37 ]
    "$ENVM" run -p "$ENVM_ROOT/envs/one" printf '%s|' 'a b' "'" '"' '$(touch canary)' '' -- '--help' \
        >out 2>/dev/null
    [ "$(cat out)" = "a b|'|\"|\$(touch canary)||--|--help|" ]
    [ ! -e canary ]
    run "$ENVM" run -n one -- sh -c 'echo "$MODE ${LOG-no scripts}"'
    [ "$(echo "$output" | tail -1)" = "ONE no scripts" ]
    run "$ENVM" run -n one no-such-program
    [ "$status" -ne 0 ]
    run "$ENVM" run -n nowhere true
    [ "$status" -eq 2 ]
}

@test "run: stdin and signals pass through" {
    printf 'x\0y' | "$ENVM" run -n one cat >out 2>/dev/null
    [ "$(od -An -c out | tr -d ' ')" = 'x\0y' ]
    "$ENVM" run -n one sh -c 'trap "echo caught; exit 5" TERM; echo ready; while :; do sleep 0.05; done' \
        >out 2>/dev/null 3>&- &
    child=$!
    for _ in $(seq 100); do
        grep -q ready out && break
        sleep 0.05
    done
    kill -TERM "$child"
    status=0
    wait "$child" || status=$?
    [ "$status" -eq 5 ]
    grep -q caught out
    "$ENVM" run -n one sh -c 'kill -KILL $$' 2>/dev/null || status=$?
    [ "$status" -eq 137 ]
}

@test "garbage in the environment is ignored" {
    EXPECTED="1 $ENVM_ROOT/envs/one/bin:/usr/bin:/bin"
    for level in -3 abc 99999999999999999999 ''; do
        export CONDA_SHLVL=$level CONDA_PREFIX=/nonexistent
        each_shell '
            eval "$("$ENVM" deactivate --shell "$S")"
            eval "$("$ENVM" activate --shell "$S" one)"
            echo "$CONDA_SHLVL $PATH"
        ' expect_lines
    done
}
