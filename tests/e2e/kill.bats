#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# SIGKILL in the middle of a create, at random moments: the target is what it was or complete, the
# cache shows whole packages only, the same command run again completes and leaves nothing behind.
# ENVM_KILLS sets the number of kills (default 12), ENVM_SEED repeats a run.
load helpers

setup() {
    setup_world
    standard_channel
    seed=${ENVM_SEED:-$RANDOM}
    echo "ENVM_SEED=$seed"
    RANDOM=$seed
    mkdir project
    printf 'name: killed\nchannels: [file://%s/channel, nodefaults]\ndependencies: [app, tool]\n' \
        "$WORLD" >project/env.yaml
}

teardown() { teardown_world; }

# Milliseconds that the command takes.
measure() {
    local before after
    before=$(date +%s%N)
    "$@" >/dev/null 2>&1
    after=$(date +%s%N)
    echo $(((after - before) / 1000000))
}

# kill_after MILLISECONDS COMMAND...: ends the command the hard way, if it still runs.
kill_after() {
    python3 -c 'import subprocess, sys
try:
    subprocess.run(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, timeout=int(sys.argv[1]) / 1000)
except subprocess.TimeoutExpired:
    pass  # run() has sent SIGKILL' "$@"
}

# Every published package is what its manifest says, byte for byte, and its manifest is there.
check_cache() {
    python3 - "$ENVM_CACHE/pkgs" <<'PYTHON'
import hashlib, os, sys
root = sys.argv[1]
for shard in os.listdir(root) if os.path.isdir(root) else []:
    for name in os.listdir(os.path.join(root, shard)):
        tree = os.path.join(root, shard, name)
        if len(name) != 64:
            continue
        listed = set()
        for line in open(tree + ".manifest", encoding="utf-8", newline="\n"):
            fields = line.rstrip("\n").split("\t")
            if fields[0] != "path" or fields[1] == "d":
                continue
            listed.add(fields[16])
            path = os.path.join(tree, fields[16])
            if fields[1] == "f":
                digest = hashlib.sha256(open(path, "rb").read()).hexdigest()
                assert digest == fields[5], path
            else:
                assert os.readlink(path) == fields[15], path
        found = {os.path.relpath(os.path.join(folder, file), tree)
                 for folder, folders, files in os.walk(tree)
                 for file in files + [d for d in folders if os.path.islink(os.path.join(folder, d))]}
        assert found == listed, (tree, found ^ listed)
PYTHON
}

# Nothing that was in progress may stay; a young run folder of the cache may still be in use, so it
# is made old first.
make_old() {
    find "$ENVM_CACHE" \( -path '*/tmp/*' -o -name '.*' \) -exec touch -h -d '1 hour ago' {} + 2>/dev/null || true
    # A write inside changes a folder's time again: folders last.
    find "$ENVM_CACHE/tmp" -mindepth 1 -maxdepth 1 -exec touch -h -d '1 hour ago' {} + 2>/dev/null || true
}
check_no_residue() {
    find "$WORLD/root" "$WORLD/project" "$WORLD/home" "$WORLD/tmp" "$ENVM_CACHE" \
        \( -name '.*envm-*' -o -name '.new-*' -o -path "$ENVM_CACHE/tmp/*" \) >"$WORLD/residue"
    if [ -s "$WORLD/residue" ]; then
        cat "$WORLD/residue"
        return 1
    fi
}

# Digest of the finished environment, or nothing.
digest() {
    "$ENVM" verify -q -p "$1"
}

@test "a new environment: nothing or all of it" {
    prefix=$ENVM_ROOT/envs/killed
    time_ms=$(measure "$ENVM" create -f project/env.yaml)
    expected=$(digest "$prefix")
    [ -n "$expected" ]
    complete=0
    for i in $(seq "${ENVM_KILLS:-12}"); do
        rm -rf "$ENVM_ROOT" "$ENVM_CACHE" project/env.lock "$HOME/.conda"
        after=$((RANDOM % (time_ms + time_ms / 10) + 1))
        kill_after $after "$ENVM" create -f project/env.yaml
        echo "kill $i after $after of $time_ms ms: $(ls -A "$ENVM_ROOT/envs" 2>/dev/null)"
        # Where it is complete a rerun has nothing to do, and so nothing to tidy up, unless forced.
        again=()
        if [ -e "$prefix" ]; then
            [ "$(digest "$prefix")" = "$expected" ]
            complete=$((complete + 1))
            again=(--force)
        fi
        check_cache
        make_old
        run_envm create -f project/env.yaml "${again[@]}"
        expect_status 0
        [ "$(digest "$prefix")" = "$expected" ]
        check_cache
        check_no_residue
    done
    echo "$complete were complete"
}

@test "replacing an environment: the old one or the new one" {
    prefix=$ENVM_ROOT/envs/killed
    run_envm create -n killed -c "$WORLD/channel" --override-channels 'lib <2'
    old=$(digest "$prefix")
    time_ms=$(measure "$ENVM" create -f project/env.yaml --force)
    new=$(digest "$prefix")
    [ -n "$old" ] && [ -n "$new" ] && [ "$old" != "$new" ]
    for i in $(seq "${ENVM_KILLS:-12}"); do
        run_envm create -n killed -c "$WORLD/channel" --override-channels --force 'lib <2'
        expect_status 0
        [ $((i % 2)) = 0 ] || rm -rf "$ENVM_CACHE"
        rm -f project/env.lock
        after=$((RANDOM % (time_ms + time_ms / 10) + 1))
        kill_after $after "$ENVM" create -f project/env.yaml --force
        found=$(digest "$prefix")
        echo "kill $i after $after of $time_ms ms: $found"
        [ "$found" = "$old" ] || [ "$found" = "$new" ]
        check_cache
        make_old
        run_envm create -f project/env.yaml --force
        expect_status 0
        [ "$(digest "$prefix")" = "$new" ]
        check_no_residue
    done
}

@test "removing an environment: all of it or nothing" {
    prefix=$ENVM_ROOT/envs/killed
    run_envm create -f project/env.yaml
    expect_status 0
    whole=$(digest "$prefix")
    time_ms=$(measure "$ENVM" env remove -n killed)
    for i in $(seq "${ENVM_KILLS:-12}"); do
        run_envm create -f project/env.yaml
        expect_status 0
        after=$((RANDOM % (time_ms + time_ms / 10) + 1))
        kill_after $after "$ENVM" env remove -n killed
        echo "kill $i after $after of $time_ms ms: $(ls -A "$ENVM_ROOT/envs")"
        if [ -e "$prefix" ]; then
            [ "$(digest "$prefix")" = "$whole" ]
        fi
        run_envm create -f project/env.yaml
        expect_status 0
        run_envm env remove -n killed
        expect_status 0
        make_old
        check_no_residue
    done
}
