#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# repair: files and records of an environment are put back, and nothing else is touched.
load helpers

setup() {
    setup_world
    standard_channel
    run_envm create -n one -c "$WORLD/channel" --override-channels app tool python
    expect_status 0
    one=$ENVM_ROOT/envs/one
    tree=$(envm verify -q -p "$one")
    [ -n "$tree" ]
}

teardown() { teardown_world; }

# The environment is whole, and what it was.
expect_whole() {
    run_envm verify -q -p "${1:-$one}"
    expect_status 0
    [ "$output" = "$tree" ]
    [ -z "$(find "${1:-$one}/.envm" -mindepth 1 ! -name lock 2>/dev/null)" ]
}

@test "nothing is damaged" {
    run_envm repair -n one
    expect_status 0
    expect_error "every byte is as it was installed"
    [ -z "$output" ]
}

@test "missing and altered files come back from the cache" {
    rm "$one/bin/app" "$one/lib/lib.txt" "$one/lib/link" "$one/bin/tool"
    rm -r "$one/lib/python3.11"
    echo "#!/bin/false" >"$one/bin/tool-script"
    chmod -x "$one/bin/python3.11"
    printf 'broken' | dd of="$one/share/app.bin" conv=notrunc status=none
    rm -rf "$WORLD/channel"
    run_envm verify -n one
    expect_status 10
    expect_error "envm repair -p"
    run_envm repair -n one --dry-run
    expect_status 0
    [[ $output == *"damaged  bin/app (app-1.0-h1_0)"* ]]
    [ ! -e "$one/bin/app" ]
    run_envm repair -n one
    expect_status 0
    [[ $output == *"repaired bin/app (app-1.0-h1_0)"* ]]
    [[ $output == *"repaired bin/tool (tool-0.1-pyh_0)"* ]]
    expect_whole
    [ "$("$one/bin/app" x)" = "app of $one x" ]
}

@test "a cache that lacks the package, or has it damaged, is filled from the channel" {
    rm "$one/lib/lib.txt" "$one/bin/app"
    rm -rf "$ENVM_CACHE/pkgs"
    run_envm repair -n one --offline
    expect_status 0
    expect_whole
    # The file of the environment is a link to the cache's: both are damaged.
    run_envm create -n two -c "$WORLD/channel" --override-channels lib
    chmod u+w "$one/lib/lib.txt"
    printf 'x' | dd of="$one/lib/lib.txt" conv=notrunc status=none
    run_envm repair -n one
    expect_status 0
    expect_error "$ENVM_ROOT/envs/two holds 1 damaged file of lib-2.1-0"
    expect_whole
    run_envm verify -n two
    expect_status 10
    run_envm repair -n two
    expect_status 0
    run_envm verify -n two
    expect_status 0
}

@test "what cannot be had is named, the rest is put back" {
    rm "$one/lib/lib.txt" "$one/bin/app"
    rm -rf "$ENVM_CACHE/pkgs" "$WORLD"/channel/linux-64/lib-2.1*
    run_envm repair -n one --json
    expect_status 10
    [ "$(json '[x["path"] for x in d["repaired"]]')" = "['bin/app']" ]
    [ "$(json '[x["path"] for x in d["remaining"]]')" = "['lib/lib.txt']" ]
    [[ "$(json 'd["failures"]')" == *"lib-2.1-0: "*"there is no such file"* ]]
    [ "$(json 'd["error"]["exit"]')" = 10 ]
}

@test "the user's files stay, and what stands in the way is kept" {
    echo mine >"$one/lib/mine.txt"
    rm "$one/lib/lib.txt" && mkdir "$one/lib/lib.txt" && echo kept >"$one/lib/lib.txt/x"
    rm -r "$one/share" && ln -s "$WORLD/home" "$one/share"
    run_envm repair -n one
    expect_status 0
    [[ $output == *"kept     lib/lib.txt.envm-saved"* ]]
    expect_whole
    [ "$(cat "$one/lib/mine.txt")" = mine ]
    [ "$(cat "$one/lib/lib.txt.envm-saved/x")" = kept ]
    [ -L "$one/share.envm-saved" ]
    [ -z "$(find "$WORLD/home" -mindepth 1 -name '[!.]*' -path '*app.bin')" ]
}

@test "damaged and missing records are made anew" {
    : >"$one/conda-meta/app-1.0-h1_0.json"
    truncate -s 100 "$one/conda-meta/python-3.11.2-0_cpython.json"
    rm "$one/conda-meta/tool-0.1-pyh_0.json"
    run_envm verify -n one
    expect_status 10
    run_envm repair -n one
    expect_status 0
    [[ $output == *"repaired conda-meta/app-1.0-h1_0.json"* ]]
    [[ $output == *"repaired conda-meta/tool-0.1-pyh_0.json"* ]]
    expect_whole
    [ "$(python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["requested_specs"])' \
        "$one/conda-meta/app-1.0-h1_0.json")" = "['app']" ]
    # Without a lock the cache still knows what the package was.
    rm "$one/conda-meta/envm.lock"
    : >"$one/conda-meta/lib-2.1-0.json"
    run_envm repair -n one
    expect_status 0
    expect_whole
    : >"$one/conda-meta/lib-2.1-0.json"
    run_envm clean --packages
    rm -rf "$ENVM_CACHE/pkgs"
    run_envm repair -n one
    expect_status 10
    expect_error "conda-meta/lib-2.1-0.json"
}

@test "a package that another tool removed is not brought back" {
    rm "$one/conda-meta/tool-0.1-pyh_0.json" "$one/bin/tool" "$one/bin/tool-script"
    rm -r "$one/lib/python3.11/site-packages"
    run_envm repair -n one
    expect_status 10
    [ ! -e "$one/bin/tool" ]
    [[ $output == *"the lock holds tool 0.1, which is not installed"* ]]
}

@test "a damaged lock comes back from the newest revision, and the other way round" {
    meta=$one/conda-meta
    cp -a "$meta" before
    for file in envm.lock envm.lock.sha256 envm/revisions/0.lock; do
        sed -i '1s/./?/' "$meta/$file"
        run_envm verify -n one
        expect_status 10
        [[ $output == *"conda-meta/$file"* ]]
        expect_error "envm repair -p"
        run_envm repair -n one
        expect_status 0
        [[ $output == *"repaired conda-meta/$file"* ]]
        cmp "$meta/$file" "before/$file"
        expect_whole
    done
}

@test "a damaged lock that nothing tells about is named, and records still know what was asked for" {
    meta=$one/conda-meta
    record=$(echo "$meta"/app-*.json)
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["requested_specs"])' "$record" >asked
    grep -q app asked
    rm -r "$meta/envm/revisions"
    sed -i '1s/./?/' "$meta/envm.lock"
    echo broken >"$record"
    run_envm repair -n one
    expect_status 10
    [[ $output == *"repaired conda-meta/app-1.0-h1_0.json"* ]]
    [[ $output == *"damaged  conda-meta/envm.lock"* ]]
    python3 -c 'import json, sys; print(json.load(open(sys.argv[1]))["requested_specs"])' "$record" | cmp - asked
}

@test "the lock of an older state that is damaged is put aside and named" {
    run_envm remove -n one tool
    expect_status 0
    tree=$(envm verify -q -n one)
    sed -i '1s/./?/' "$one/conda-meta/envm/revisions/0.lock"
    run_envm env rollback -n one 0
    expect_status 10
    run_envm verify -n one
    expect_status 10
    [[ $output == *"conda-meta/envm/revisions/0.lock"* ]]
    run_envm repair -n one
    expect_status 0
    expect_error "state 0 cannot be gone back to"
    [ -f "$one/conda-meta/envm/revisions/0.lock.envm-saved" ]
    expect_whole
}

@test "history and state come back from their copies, and the copies from them" {
    printf 'channels: [file://%s/channel, nodefaults]\ndependencies: [lib]\nvariables: {A: some, B: thing}\n' "$WORLD" >env.yaml
    run_envm create -n two -f env.yaml
    expect_status 0
    two=$ENVM_ROOT/envs/two
    tree=$(envm verify -q -n two)
    cp -a "$two/conda-meta" before
    for file in history state envm/history envm/state; do
        # The time stays: what flips a bit does not set it.
        touch -r "$two/conda-meta/$file" time
        sed -i '0,/[a-z]/s//?/' "$two/conda-meta/$file"
        touch -r time "$two/conda-meta/$file"
        run cmp -s "$two/conda-meta/$file" "before/$file"
        [ "$status" -ne 0 ]
        run_envm verify -n two
        expect_status 10
        [[ $output == *"conda-meta/$file"* ]]
        run_envm repair -n two --dry-run
        expect_status 0
        [[ $output == *"damaged  conda-meta/$file"* ]]
        run_envm repair -n two
        expect_status 0
        [[ $output == *"repaired conda-meta/$file"* ]]
        cmp "$two/conda-meta/$file" "before/$file" || [ $file = envm/state ]
        expect_whole "$two"
    done
    rm "$two/conda-meta/state"
    run_envm repair -n two
    expect_status 0
    cmp "$two/conda-meta/state" before/state
}

@test "what other tools do to history and state is no damage" {
    printf 'channels: [file://%s/channel, nodefaults]\ndependencies: [lib]\nvariables: {A: some}\n' "$WORLD" >env.yaml
    run_envm create -n two -f env.yaml
    expect_status 0
    two=$ENVM_ROOT/envs/two
    echo '{"env_vars": {"A": "other"}}' >"$two/conda-meta/state"
    printf '==> 2026-11-27 10:00:00 <==\n# cmd: conda install x\n' >>"$two/conda-meta/history"
    run_envm verify -n two
    expect_status 0
    run_envm install -n two app
    expect_status 0
    run_envm verify -n two
    expect_status 0
    sed -i 's/conda install x/conda instell x/' "$two/conda-meta/history"
    run_envm verify -n two
    expect_status 10
    run_envm repair -n two
    expect_status 0
    grep -q "conda install x" "$two/conda-meta/history"
    grep -q other "$two/conda-meta/state"
}

@test "an environment that was moved is put right for its new path" {
    mv "$one" "$WORLD/moved"
    run_envm repair -p "$WORLD/moved"
    expect_status 0
    expect_whole "$WORLD/moved"
    [ "$("$WORLD/moved/bin/app")" = "app of $WORLD/moved" ]
}

@test "a repair that is killed is completed by the next one" {
    for i in 1 2 3 4 5 6; do
        find "$one" -path "$one/conda-meta" -prune -o -type f -print | while read -r file; do
            rm -f "$file"
        done
        timeout -s KILL "0.0$i" "$ENVM" repair -q -n one >/dev/null 2>&1 || true
        run_envm repair -n one
        expect_status 0
        expect_whole
    done
}

@test "repair --cache takes damaged packages out" {
    chmod u+w "$one/lib/lib.txt"
    printf 'x' | dd of="$one/lib/lib.txt" conv=notrunc status=none
    run_envm repair --cache --dry-run
    expect_status 10
    run_envm repair --cache
    expect_status 0
    [[ $output == *"held by  $one (lib/lib.txt)"* ]]
    run_envm verify --cache
    expect_status 0
    run_envm repair -n one
    expect_status 0
    expect_whole
}
