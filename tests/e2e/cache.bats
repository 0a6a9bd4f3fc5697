#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Looking after the cache: cache, clean, verify --cache, layers, caches of others.
load helpers

setup() {
    setup_world
    standard_channel
}

teardown() { teardown_world; }

create() {
    run_envm create -n "$1" -c "$WORLD/channel" --override-channels "${@:2}"
    expect_status 0
}

# rot FILE: one byte changes, and nothing that stat tells.
rot() {
    python3 - "$1" <<'PYTHON'
import os, sys
path = sys.argv[1]
st = os.stat(path)
os.chmod(path, 0o644)
with open(path, "r+b") as f:
    first = f.read(1)
    f.seek(0)
    f.write(bytes([first[0] ^ 1]))
os.utime(path, ns=(st.st_atime_ns, st.st_mtime_ns))
os.chmod(path, st.st_mode & 0o7777)
PYTHON
}

@test "cache: what it holds and where" {
    create one app
    run_envm cache dir
    expect_status 0
    [ "$output" = "$ENVM_CACHE" ]
    run_envm cache
    expect_status 0
    [[ $output == *"packages   2, "* ]]
    run_envm cache list --json
    expect_status 0
    [ "$(json '[(p["package"], p["linked"]) for p in d["cached"]]')" = \
        "[('app-1.0-h1_0', False), ('lib-2.1-0', True)]" ]
    run_envm cache frobnicate
    expect_status 2
}

@test "clean: what no environment uses goes, the rest stays" {
    create one app
    create two python
    run_envm env remove -n two
    run_envm clean
    expect_status 2
    expect_error "--packages"
    run_envm clean --packages --dry-run --json
    expect_status 0
    [ "$(json '[p["package"] for p in d["removed"]]')" = "['app-1.0-h1_0', 'python-3.11.2-0_cpython']" ]
    [ "$(json 'd["kept_in_use"]')" = 1 ]
    run_envm cache --json
    [ "$(json 'd["package_count"]')" = 3 ]
    run_envm clean --packages --older-than 1h --json
    expect_status 0
    [ "$(json 'd["kept_young"]')" = 2 ]
    run_envm clean --packages --older-than soon
    expect_status 2
    run_envm clean --all --json
    expect_status 0
    [ "$(json 'len(d["removed"])')" = 2 ]
    [ "$(json 'd["indexes"] > 0 and d["bytes"] > 0')" = True ]
    run_envm cache --json
    [ "$(json '(d["package_count"], d["indexes"])')" = "(1, 0)" ]
    run_envm verify -n one
    expect_status 0
    create three app
}

@test "clean beside creates that never fail" {
    for i in 1 2 3 4; do
        (
            for j in 1 2 3; do
                "$ENVM" create -q -p "$WORLD/env$i-$j" -c "$WORLD/channel" --override-channels app tool \
                    2>"$WORLD/fail$i-$j" && rm -f "$WORLD/fail$i-$j"
            done
        ) 3>&- &
        PIDS+=($!)
    done
    cleaned=0
    while kill -0 "${PIDS[@]}" 2>/dev/null; do
        run_envm clean --all --quiet
        expect_status 0
        cleaned=$((cleaned + 1))
    done
    wait "${PIDS[@]}"
    PIDS=()
    if compgen -G "$WORLD/fail*"; then
        cat "$WORLD"/fail*
        return 1
    fi
    echo "$cleaned cleans"
    [ "$cleaned" -gt 0 ]
    for i in 1 2 3 4; do
        run_envm verify -p "$WORLD/env$i-3"
        expect_status 0
    done
    run_envm verify --cache
    expect_status 0
}

@test "verify --cache names what is damaged and who holds it" {
    create one app
    create two lib
    create three python
    run_envm verify --cache
    expect_status 0
    file=$ENVM_ROOT/envs/two/lib/lib.txt
    ln "$file" "$WORLD/elsewhere"
    rot "$file"
    run_envm verify --cache
    expect_status 10
    [[ $output == *"lib-2.1-0: lib/lib.txt has other content"* ]]
    [[ $output == *"held by  $ENVM_ROOT/envs/one (lib/lib.txt)"* ]]
    [[ $output == *"held by  $ENVM_ROOT/envs/two (lib/lib.txt)"* ]]
    [[ $output == *"1 more links"* ]]
    [[ $output != *three* ]]
    expect_error "repair --cache"
    run_envm verify --cache --json
    expect_status 10
    [ "$(json '[(x["package"], [h["prefix"] for h in x["environments"]], x["links_elsewhere"]) for x in d["damaged"]]')" = \
        "[('lib-2.1-0', ['$ENVM_ROOT/envs/one', '$ENVM_ROOT/envs/two'], 1)]" ]
    # Another cache, and both at once.
    run_envm verify --cache "$WORLD/another"
    expect_status 0
    [ ! -e "$WORLD/another" ]
    run_envm verify --cache -n one
    expect_status 2
}

@test "a damaged package that is met is fetched anew and its holders are named" {
    create one app
    file=$(find "$ENVM_CACHE/pkgs" -path '*/lib/lib.txt')
    rot "$file"
    touch "$file"
    create two lib
    expect_error "lib-2.1-0: lib/lib.txt has other content"
    expect_error "$ENVM_ROOT/envs/one holds 1 damaged file of lib-2.1-0"
    [ "$(cat "$ENVM_ROOT/envs/two/lib/lib.txt")" = "two and a bit" ]
    run_envm verify -n one
    expect_status 10
    run_envm verify --cache
    expect_status 0
}

@test "layers are read and never written" {
    create one app tool
    mv "$ENVM_CACHE" "$WORLD/layer"
    find "$WORLD/layer" -print0 | sort -z | xargs -0 stat -c '%n %i %Y %Z %a' >"$WORLD/before"
    export ENVM_CACHE_LAYERS="$WORLD/layer $WORLD/not-mounted"
    create two app tool
    expect_error "not-mounted"
    run_envm verify -n two
    expect_status 0
    find "$WORLD/layer" -print0 | sort -z | xargs -0 stat -c '%n %i %Y %Z %a' >"$WORLD/after"
    # A hard link changes the inode's time of change (%Z), nothing else.
    diff <(cut -d' ' -f1-3,5 "$WORLD/before") <(cut -d' ' -f1-3,5 "$WORLD/after")
    run_envm cache --json
    [ "$(json '(d["package_count"], d["layers"])')" = "(0, ['$WORLD/layer'])" ]
    run_envm clean --all
    expect_status 0
    run_envm create -n three -c "$WORLD/channel" --override-channels 'lib <2'
    expect_status 0
    run_envm cache --json
    [ "$(json 'd["package_count"]')" = 1 ]
}

@test "a cache that others may write to is refused, unless it is meant so" {
    mkdir "$ENVM_CACHE"
    chmod 0777 "$ENVM_CACHE"
    run_envm create -n one -c "$WORLD/channel" --override-channels app
    expect_status 7
    expect_error "--shared-cache"
    run_envm create -n one -c "$WORLD/channel" --override-channels app --shared-cache
    expect_status 0
    ENVM_SHARED_CACHE=1 run_envm verify --cache
    expect_status 0
}

@test "archives of conda's own cache save the download" {
    export ENVM_ARCHIVE_FOLDERS="$WORLD/conda-pkgs"
    mkdir "$WORLD/conda-pkgs"
    cp "$WORLD"/channel/linux-64/lib-2.1-0.tar.bz2 "$WORLD/conda-pkgs"
    rm "$WORLD"/channel/linux-64/lib-2.1-0.tar.bz2
    create one lib
    # Not that file: the sha256 decides.
    run_envm env remove -n one
    run_envm clean --packages
    echo "not a package" >"$WORLD/conda-pkgs/lib-2.1-0.tar.bz2"
    run_envm create -n one -c "$WORLD/channel" --override-channels lib
    expect_status 8
}

@test "the list of environments loses no line" {
    mkdir "$HOME/.conda"
    printf '# a note\nC:\\elsewhere\n/not/ended' >"$HOME/.conda/environments.txt"
    create first lib
    for i in 1 2 3 4 5 6 7 8; do
        ("$ENVM" create -q -p "$WORLD/env$i" -c "$WORLD/channel" --override-channels lib) 3>&- &
        PIDS+=($!)
    done
    wait "${PIDS[@]}"
    PIDS=()
    for i in 1 2 3 4; do
        ("$ENVM" env remove -q -p "$WORLD/env$i") 3>&- &
        PIDS+=($!)
    done
    create last lib
    wait "${PIDS[@]}"
    PIDS=()
    sort "$HOME/.conda/environments.txt" >"$WORLD/found"
    printf '%s\n' '# a note' 'C:\elsewhere' /not/ended "$ENVM_ROOT/envs/first" "$ENVM_ROOT/envs/last" \
        "$WORLD"/env{5,6,7,8} | sort | diff - "$WORLD/found"
}

@test "a clean that is killed leaves whole packages or none" {
    for i in 1 2 3 4 5 6; do
        create "env$i" app tool python
        run_envm env remove -n "env$i"
        timeout -s KILL "0.0$i" "$ENVM" clean -q --all >/dev/null 2>&1 || true
        run_envm verify --cache
        expect_status 0
    done
    run_envm clean --all
    expect_status 0
    [ -z "$(find "$ENVM_CACHE/tmp" -mindepth 1)" ]
    [ -z "$(find "$ENVM_CACHE/pkgs" -type f ! -name lock)" ]
}
