#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# What a channel, a package, a lock, a file name or a variable may hold must not reach the terminal,
# a path outside, or a folder that is somebody else's.
load helpers

setup() {
    setup_world
    mkdir outside
    echo precious >outside/file
    outside_before=$(look_outside)
}

teardown() {
    local outside_after
    outside_after=$(look_outside)
    teardown_world
    [ "$outside_before" = "$outside_after" ]
}

# Names, modes, link counts, times and contents of what nobody may touch.
look_outside() {
    find "$WORLD/outside" -printf '%P %m %n %T@\n' | sort
    cat "$WORLD/outside/file"
}

# No byte of the last run's outputs may control a terminal.
expect_no_controls() {
    if printf '%s\n%s' "$output" "$errors" | LC_ALL=C grep -aqP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]'; then
        printf '%s\n%s' "$output" "$errors" | cat -v
        return 1
    fi
}

# repodata SUBDIR: writes hostile/SUBDIR/repodata.json from the records on stdin, each merged over a
# plain one; "info" is not a record.
repodata() {
    mkdir -p "hostile/$1"
    python3 -c 'import json, sys
records = json.load(sys.stdin)
info = {"subdir": sys.argv[1], **records.pop("info", {})}
plain = {"version": "1.0", "build": "0", "build_number": 0, "subdir": sys.argv[1], "depends": [],
         "sha256": "a" * 64, "size": 10}
full = {file: {**plain, "name": file.split("-")[0], **record} for file, record in records.items()}
json.dump({"info": info, "packages": {}, "packages.conda": full, "repodata_version": 2},
          open(f"hostile/{sys.argv[1]}/repodata.json", "w"))' "$1"
}

solve() {
    run_envm create --dry-run -v -p env -c "${CHANNEL:-./hostile}" --override-channels "$@"
}

@test "text of a channel does not control the terminal" {
    repodata noarch <<<'{}'
    repodata linux-64 <<'JSON'
{"dep-1.0-0.conda": {"depends": ["x\u001b[31mred >=1"]},
 "bidi-1.0-0.conda": {"depends": ["missing \u202e>=1"]},
 "con-1.0-0.conda": {"constrains": ["zz\u009b2J"]},
 "lic-1.0-0.conda": {"license": "MIT\u001b[2J\nfoo", "license_family": "\u0007"},
 "esc\u001b[31m-1.0-0.conda": {},
 "good-1.0-0.conda": {}}
JSON
    for name in dep bidi con lic good; do
        for option in "" --json; do
            rm -rf "$ENVM_CACHE"
            solve $option $name
            [ "$status" -eq 0 ] || expect_status 3
            expect_no_controls
        done
    done
}

@test "names that could escape are no records" {
    repodata noarch <<<'{}'
    repodata linux-64 <<'JSON'
{"../../up-1.0-0.conda": {"name": "up"}, "/abs-1.0-0.conda": {"name": "abs"},
 "slash-1.0-0.conda": {"name": "a/../slash"}, "bld-1.0-0.conda": {"build": "x/../../y"},
 "ver-1.0-0.conda": {"version": "../1"}, "neg-1.0-0.conda": {"size": -1},
 "huge-1.0-0.conda": {"size": 18446744073709551616}, "blank-1.0-0.conda": {"sha256": " "},
 "sub-1.0-0.conda": {"subdir": "osx-64"}, "good-1.0-0.conda": {}}
JSON
    solve good
    expect_status 0
    expect_error "9 bad records left out"
    for name in up abs slash bld ver neg huge blank sub; do
        solve $name
        expect_status 3
    done
}

@test "a served channel leads neither to files nor to other hosts without TLS" {
    repodata noarch <<<'{}'
    serve "$WORLD"
    CHANNEL=http://127.0.0.1:$PORT/hostile
    for base in "file://$WORLD/outside" file:///etc http://127.0.0.2:1/x ftp://h/x \
        "https://me:canary@h.invalid/x" "https://h.invalid/t/canary/x" "https://h.invalid/x?k=canary"; do
        repodata linux-64 <<<"{\"good-1.0-0.conda\": {}, \"info\": {\"base_url\": \"$base\"}}"
        rm -rf "$ENVM_CACHE"
        solve good
        expect_status 7
        case "$output$errors" in *canary*) echo "$errors"; return 1 ;; esac
    done
    # The nearest that is fine.
    repodata linux-64 <<<'{"good-1.0-0.conda": {}, "info": {"base_url": "https://h.invalid/x"}}'
    rm -rf "$ENVM_CACHE"
    solve good
    expect_status 0
}

@test "packages that reach out of the prefix, or into its records, are refused" {
    make_channel channel <<'JSON'
[{"name": "meta", "version": "1", "build": "0", "subdir": "linux-64",
  "files": {"conda-meta/forged-1-0.json": "{}"}},
 {"name": "journal", "version": "1", "build": "0", "subdir": "linux-64", "files": {".envm/txn/x": "x"}},
 {"name": "python", "version": "3.11.2", "build": "0", "subdir": "linux-64", "files": {"bin/python3.11": "x"}},
 {"name": "up", "version": "1", "build": "0", "subdir": "noarch", "noarch": "python", "depends": ["python"],
  "entry_points": ["../../outside/evil = m:f"], "files": {"site-packages/a.py": ""}},
 {"name": "code", "version": "1", "build": "0", "subdir": "noarch", "noarch": "python", "depends": ["python"],
  "entry_points": ["x = os;import os:f"], "files": {"site-packages/b.py": ""}},
 {"name": "link", "version": "1", "build": "0", "subdir": "linux-64",
  "files": {"share/out": {"symlink": "../../outside"}}},
 {"name": "through", "version": "1", "build": "0", "subdir": "linux-64", "depends": ["link"],
  "files": {"share/out/file": "overwritten"}}]
JSON
    for case in meta:7 journal:7 up:7 code:7 through:11; do
        run_envm create -p "$WORLD/env" -c ./channel --override-channels "${case%:*}"
        echo "$case: $status $errors"
        [ "$status" -eq "${case#*:}" ]
        [ ! -e env ]
        [ -z "$(find . -maxdepth 1 -name '.env*')" ]
    done
    # A python whose record says that site-packages is elsewhere.
    make_channel channel <<'JSON'
[{"name": "python", "version": "3.11.2", "build": "0", "subdir": "linux-64", "files": {"bin/python3.11": "x"},
  "repodata": {"python_site_packages_path": "../../outside"}},
 {"name": "pure", "version": "1", "build": "0", "subdir": "noarch", "noarch": "python", "depends": ["python"],
  "files": {"site-packages/a.py": ""}}]
JSON
    run_envm create -p "$WORLD/env" -c ./channel --override-channels pure
    [ "$status" -eq 7 ] || expect_status 6
    [ ! -e env ]
}

@test "locks with foreign schemes, credentials or controls are refused" {
    standard_channel
    printf 'channels: [file://%s/channel, nodefaults]\ndependencies: [lib]\n' "$WORLD" >env.yaml
    envm lock -f env.yaml
    for edit in 's#url: file://.*/lib#url: http://127.0.0.1:1/lib#' \
        's#\(url: .*\)#\1?X-Amz-Signature=canary#' \
        's#file://[^ ]*channel#https://me:canary@h.invalid/channel#' \
        's#file://[^ ]*channel#https://h.invalid/t/canary/channel#' \
        's#^    channels:#    channels: ["x\\e[31m"]\n    x:#' \
        's#- file:///\(.*\)/linux-64#- "file:///\1\\nx/linux-64#; s#^  file:///\(.*\)/linux-64\(.*\):$#  "file:///\1\\nx/linux-64\2":#; s#\(- "file.*\)$#\1"#'; do
        sed "$edit" env.lock >edited.lock
        ! cmp -s env.lock edited.lock
        run_envm create -p "$WORLD/env" -f edited.lock
        echo "$edit: $status $errors"
        [ "$status" -eq 7 ] || [ "$status" -eq 6 ]
        expect_no_controls
        case "$output$errors" in *canary*) return 1 ;; esac
        [ ! -e env ]
    done
}

@test "names in a prefix and variables do not control the terminal" {
    standard_channel
    run_envm create -p env -c ./channel --override-channels lib
    touch env/$'extra\e[2J' env/$'line\naltered lib.txt'
    run_envm verify -v -p env
    expect_status 0
    expect_no_controls
    [ "$(printf '%s\n' "$output" | grep -c '^altered')" -eq 0 ]
    sed 's#"channel": ".*channel"#"channel": "x\\u001b[2J"#' env/conda-meta/lib-2.1-0.json >x
    cat x >env/conda-meta/lib-2.1-0.json
    run_envm list -p env
    expect_no_controls
    mkdir -p "$ENVM_ROOT/envs/"$'odd\e[2J/conda-meta'
    touch "$ENVM_ROOT/envs/"$'odd\e[2J/conda-meta/history'
    run_envm env list
    expect_status 0
    expect_no_controls
    CONDA_PREFIX=$'/a\e[2J' CONDA_SHLVL=-3 run_envm info
    expect_status 0
    expect_no_controls
    ENVM_CHANNELS=$'\e[31m' run_envm info
    expect_status 2
    expect_no_controls
}

@test "odd variables: a working environment or a clear refusal" {
    standard_channel
    for setting in HOME= HOME="$WORLD/none/home" TMPDIR='/x;y' XDG_CACHE_HOME=relative \
        CONDA_SHLVL=99999999999999999999 "CONDA_PREFIX=$WORLD/gone" PATH=/usr/bin:/bin; do
        rm -rf env
        run env "$setting" "$ENVM" create -p "$WORLD/env" -c ./channel --override-channels lib
        [ "$status" -eq 0 ] || { echo "$setting: $output"; return 1; }
        run env "$setting" "$ENVM" run -p "$WORLD/env" /bin/true
        [ "$status" -eq 0 ] || { echo "$setting: $output"; return 1; }
    done
    long=$(python3 -c 'print("/none:" * 20000, end="")')
    run env PATH="$long/usr/bin:/bin" "$ENVM" run -p "$WORLD/env" true
    [ "$status" -eq 0 ]
    for cache in /dev/null /proc/none; do
        ENVM_CACHE=$cache run_envm create -p "$WORLD/other" -c ./channel --override-channels lib
        expect_status 8
    done
    mkdir -m 777 open
    ENVM_CACHE=$WORLD/open run_envm create -p "$WORLD/other" -c ./channel --override-channels lib
    expect_status 7
    [ ! -e other ]
}

@test "a proxy that cannot be read shows no password" {
    export ENVM_REMOTE_MAX_RETRIES=1
    for proxy in 'me:canary@ho st:1' 'http://me:canary#x@h:1' 'me:canary@h:999999'; do
        https_proxy=$proxy run_envm create -v -p env -c https://h.invalid/c --override-channels x
        expect_status 4
        case "$output$errors" in *canary*) echo "$errors"; return 1 ;; esac
        https_proxy=$proxy run_envm create --json -p env -c https://h.invalid/c --override-channels x
        case "$output$errors" in *canary*) echo "$output"; return 1 ;; esac
    done
}

@test "folders of the user beside the environment stay" {
    standard_channel
    mkdir -p envs/.e.envm-mine envs/.envm-removed-mine envs/.e.envm-abcdefgh234567ij
    echo mine >envs/.e.envm-mine/notes
    ln -s ../outside envs/.e.envm-ijklmnop234567ab
    run_envm create -p envs/e -c ./channel --override-channels lib
    expect_status 0
    [ "$(cat envs/.e.envm-mine/notes)" = mine ]
    [ -d envs/.envm-removed-mine ]
    [ -L envs/.e.envm-ijklmnop234567ab ]
    [ ! -e envs/.e.envm-abcdefgh234567ij ]
    mkdir -p envs/.envm-removed-abcdefgh234567ij/tree/lib
    run_envm env remove -p envs/e
    expect_status 0
    [ ! -e envs/.envm-removed-abcdefgh234567ij ]
    [ -d envs/.envm-removed-mine ]
}

@test "the home folder, a base with environments and foreign folders are not removed or replaced" {
    standard_channel
    mkdir -p home/conda-meta base/conda-meta base/envs/inner/conda-meta foreign
    touch home/conda-meta/history base/conda-meta/history base/envs/inner/conda-meta/history foreign/file
    ln -s home home-link
    for place in home home/ ./home/. base foreign outside; do
        for spelled in "$WORLD/home" "$WORLD/home/" "$WORLD/home-link"; do
            HOME=$spelled run_envm env remove -p "$place"
            expect_status 7
            HOME=$spelled run_envm create --force -p "$place" -c ./channel --override-channels lib
            [ "$status" -eq 7 ] || expect_status 2
        done
    done
    [ -f home/conda-meta/history ] && [ -f base/envs/inner/conda-meta/history ] && [ -f foreign/file ]
    [ -z "$(find . -maxdepth 1 -name '.*envm-*')" ]
    rm -r base/envs/inner
    run_envm env remove -p base
    expect_status 0
    [ ! -e base ]
}
