#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The promise: one lock, two machines, two paths, the same tree.
load helpers

setup() {
    setup_world
    standard_channel
    printf 'channels: ["file://%s/channel", nodefaults]\ndependencies: [app, tool]\n' "$WORLD" >env.yaml
    envm create -p short -f env.yaml
    # 200 characters, with a space
    base="$WORLD/a space "
    long="$base$(printf 'x%.0s' $(seq $((200 - ${#base}))))"
    [ ${#long} -eq 200 ]
}

teardown() { teardown_world; }

tree() {
    "$ENVM" verify -p "$1" --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["tree"])'
}

@test "same digest at a long path with a space, and a comparison finds nothing" {
    mv env.lock kept.lock && rm -r short
    envm create -p short -f kept.lock
    ENVM_CACHE="$WORLD/cache2" envm create -p "$long" -f kept.lock
    [ "$(tree short)" = "$(tree "$long")" ]
    python3 -B "$SOURCE/tests/support/compare_prefixes.py" short "$long"
    [ "$("$long/bin/app")" = "app of $long" ]
    [ "$(envm run -p "$long" tool)" = "tool runs" ]
    [ "$("$long/bin/tool-script")" = "script" ]
}

@test "the comparison does find a difference" {
    envm create -p "$long" -f env.lock --link-mode copy
    chmod u+w "$long/lib/lib.txt"
    echo x >>"$long/lib/lib.txt"
    run python3 -B "$SOURCE/tests/support/compare_prefixes.py" short "$long"
    [ "$status" -eq 1 ]
}

@test "umask, locale, time zone, threads and link mode change nothing" {
    first=$(tree short)
    (
        umask 077
        export LC_ALL=C TZ=Pacific/Auckland ENVM_CACHE="$WORLD/cache3"
        envm create -p other -f env.yaml --threads 1 --durability full --verify
        envm create -p copied -f env.yaml --link-mode copy
    )
    [ "$(tree other)" = "$first" ]
    [ "$(tree copied)" = "$first" ]
    sed -i 's/ --threads 1 --durability full --verify$//' other/conda-meta/history
    rm short/conda-meta/envm/history other/conda-meta/envm/history # copies of what differed
    python3 -B "$SOURCE/tests/support/compare_prefixes.py" short other
}

@test "a prefix that is too long for a binary is refused before anything" {
    too_long="$WORLD/$(printf 'y%.0s' $(seq 130))/$(printf 'y%.0s' $(seq 130))"
    run_envm create -p "$too_long" -f env.lock
    [ "$status" -eq 7 ] || [ "$status" -eq 8 ]
    expect_error "share/app.bin"
    [ ! -e "$too_long" ]
}
