#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Completion scripts, in the shells themselves. A shell that is not installed is skipped.
load helpers

setup() {
    setup_world
    mkdir -p "$WORLD/bin" "$ENVM_ROOT/envs"
    ln -s "$ENVM" "$WORLD/bin/envm"
    PATH="$WORLD/bin:$PATH"
    printf 'dependencies: []\n' >empty.yaml
    envm create -q -n science -f empty.yaml
    envm create -q -n scratch -f empty.yaml
    mkdir "some folder"
    touch "my file.yaml"
}

teardown() { teardown_world; }

needs() { command -v "$1" >/dev/null || skip "$1 is not installed"; }

# press SHELL LINE...: what Tab makes of each.
press() {
    local shell=$1
    needs_terminal
    shift
    run python3 -B "$SOURCE/tests/support/press_tab.py" "$shell" "eval \"\$(envm completion $shell)\"" "$@"
    [ "$status" -eq 0 ] || {
        echo "$output"
        return 1
    }
}

# What both shells make of the same lines.
expect_lines() {
    local got
    got=$(sed 's/ *$//' <<<"$output")
    [ "$got" = "$1" ] || {
        echo "got:"
        echo "$got"
        return 1
    }
}

lines=('envm crea' 'envm completion fi' 'envm create --overr' 'envm create --channel-priority fl' 'envm run -n scie'
    'envm activate scr' 'envm verify --agai' 'envm create -n x -f my' 'envm help tre' 'envm cre --x' 'envm list --quie')
expected='envm create
envm completion fish
envm create --override-channels
envm create --channel-priority flexible
envm run -n science
envm activate scratch
envm verify --against
envm create -n x -f my\ file.yaml
envm help tree
envm cre --x
envm list --quiet'

@test "bash completes commands, options, values, environments and files" {
    press bash "${lines[@]}" 'envm create --channel-priority=di' 'envm create --name=scie' 'envm list --root some' \
        'envm search num' 'envm activate ./so'
    expect_lines "$expected
envm create --channel-priority=disabled
envm create --name=science
envm list --root some\\ folder/
envm search num
envm activate ./some\\ folder/"
}

@test "zsh completes commands, options, values, environments and files" {
    needs zsh
    press zsh "${lines[@]}" 'envm create --channel-priority=di' 'envm create --name=scie' 'envm list --root some'
    # zsh ends an option that takes a value with "=".
    expect_lines "${expected/--against/--against=}
envm create --channel-priority=disabled
envm create --name=science
envm list --root some\\ folder/"
}

@test "zsh finds the script in its folder of functions" {
    needs zsh
    needs_terminal
    mkdir functions
    envm completion zsh >functions/_envm
    run python3 -B "$SOURCE/tests/support/press_tab.py" zsh "fpath=($WORLD/functions \$fpath); compinit -u -D" 'envm crea' 'envm run -n scie'
    [ "$status" -eq 0 ]
    expect_lines "envm create
envm run -n science"
}

@test "fish completes commands, options, values, environments and files" {
    needs fish
    envm completion fish >envm.fish
    ask() { fish --no-config -c 'source envm.fish; complete -C "$argv"' -- "$1" | cut -f 1 | tr '\n' ' '; }
    [ "$(ask 'envm crea')" = "create " ]
    [ "$(ask 'envm completion fi')" = "fish " ]
    [ "$(ask 'envm create --overr')" = "--override-channels " ]
    [ "$(ask 'envm create --channel-priority fl')" = "flexible " ]
    [ "$(ask 'envm run -n sc')" = "science scratch " ]
    [ "$(ask 'envm activate scr')" = "scratch " ]
    [ "$(ask 'envm create -n x -f my')" = "my file.yaml " ]
    [ "$(ask 'envm list --quie')" = "--quiet " ]
    [ "$(ask 'envm help tre')" = "tree " ]
    [ "$(ask 'envm search my')" = "" ]
}

@test "the scripts are those of the tables, and nothing else is known" {
    for shell in bash zsh fish; do
        envm completion $shell >script
        envm plumbing options | while IFS=$'\t' read -r command option argument; do
            case $shell in
            fish) option="-l ${option#--}" ;;
            esac
            grep -qF -- "$option" script || {
                echo "$shell: $option of $command"
                exit 1
            }
        done
        grep -q "channel-priority" script
    done
    [ "$(envm plumbing environments | tr '\n' ' ')" = "science scratch " ]
    run_envm completion tcsh
    expect_status 2
    run_envm completion
    expect_status 2
    run_envm completion bash --json
    [ "$(json '"complete " in d["script"]')" = True ]
}
