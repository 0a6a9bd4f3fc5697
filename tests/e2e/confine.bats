# SPDX-License-Identifier: MIT
# envm gives up the right to change files outside its folders. What that means is in
# tests/unit/test_confine.c; here: that commands do it, and that what they do works all the same.
load helpers

setup() {
    setup_world
    changing_channel
    run_envm info --json
    [ "$(json 'd["fences"]["envm"]')" = True ] || skip "this kernel has no Landlock of use"
}
teardown() { teardown_world; }

# confined FOLDER... -- COMMAND...: the command is confined to the cache and these.
confined() {
    local expected="$ENVM_CACHE"
    while [ "$1" != -- ]; do
        expected="$expected, $1"
        shift
    done
    shift
    run_envm "$@" --verbose
    expect_status 0
    expect_error "files are changed below these folders only: $expected"$'\n'
}

@test "every command that changes something is confined" {
    local c=(-c "$WORLD/channel" --override-channels)
    printf 'name: one\nchannels: [./channel]\ndependencies: [app=1]\n' >env.yaml
    envs=$ENVM_ROOT/envs
    confined "$envs" "$HOME/.conda" . -- create -f env.yaml --override-channels
    confined "$envs" "$HOME/.conda" -- create -f env.lock -n two
    confined "$envs" "$HOME/.conda" -- create -f env.lock -n two --force
    confined "$envs" "$envs/one" -- install -n one tool "${c[@]}"
    confined "$envs" "$envs/one" -- update -n one --all "${c[@]}"
    confined "$envs" "$envs/one" -- remove -n one tool
    confined "$envs" "$envs/one" -- env rollback -n one
    confined "$envs" "$envs/one" -- sync -n one -f env.lock
    rm "$envs/one/lib/base.txt"
    confined "$envs" "$envs/one" -- repair -n one
    confined "$envs" "$envs/one" -- recover -n one
    confined "$envs" "$HOME/.conda" -- env remove -n two
    confined . -- lock -f env.yaml --update --override-channels
    confined -- search app "${c[@]}"
    confined -- create -n three app "${c[@]}" --dry-run
    confined -- verify --cache
    confined -- clean --all
    run_envm verify -n one
    expect_status 0
}

@test "programs of the user are not confined" {
    run_envm create -q -n one app -c "$WORLD/channel" --override-channels
    expect_status 0
    envm run -n one touch "$WORLD/touched"
    [ -f "$WORLD/touched" ]
    run_envm run -n one grep NoNewPrivs /proc/self/status
    [ "${output##*[$'\t']}" = 0 ]
}

@test "links, modes and places: what worked before works in a fence" {
    mkdir real other
    ln -s real link
    run_envm create -q -p link/env app=1 -c ./channel --override-channels
    expect_status 0
    [ "$(stat -c %h real/env/lib/base.txt)" = 2 ]
    ln -s real/env direct
    run_envm install -q -p direct app=2 -c ./channel --override-channels
    expect_status 0
    real/env/bin/app | grep -q "app 2"
    ln -s "$ENVM_CACHE" linked-cache
    run_envm create -q -p a/b/c/env extra -c ./channel --override-channels --cache linked-cache
    expect_status 0
    [ "$(stat -c %h a/b/c/env/lib/extra.txt)" = 3 ]
    ENVM_CACHE_LAYERS=$ENVM_CACHE run_envm create -q -p layered extra -c ./channel --override-channels --cache other/cache
    expect_status 0
    [ "$(stat -c %h layered/lib/extra.txt)" = 4 ]
    ln -s other/place.lock lock
    run_envm lock -q extra -c ./channel --override-channels -o lock
    expect_status 0
    [ -s other/place.lock ]
    HOME= run_envm create -q -p homeless extra -c ./channel --override-channels
    expect_status 0
}

@test "a failing command leaves no folder behind" {
    rm -rf "$ENVM_ROOT" "$ENVM_CACHE"
    run_envm create -n new no-such-package -c "$WORLD/channel" --override-channels
    expect_status 3
    [ ! -e "$ENVM_ROOT" ]
    [ -z "$(ls -A "$HOME")" ]
}

@test "it can be switched off" {
    run_envm create -n one app -c "$WORLD/channel" --override-channels --verbose
    expect_status 0
    expect_error "below these folders only"
    ENVM_CONFINE=false run_envm update -n one --all --verbose
    [[ "$errors" != *"below these folders only"* ]]
    ENVM_CONFINE=false run_envm info
    [[ "$output" == *"fences              around link scripts"* ]]
}
