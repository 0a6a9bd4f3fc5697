#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

setup() { setup_world; standard_channel; }
teardown() { teardown_world; }

search() {
    run_envm search "$@" -c "$WORLD/channel" --override-channels --platform "${PLATFORM:-linux-64}"
}

@test "search shows packages, newest first, and the versions that exist" {
    search lib
    expect_status 0
    [ "$(awk '{ print $1, $2, $3 }' <<<"$output")" = "lib 2.1 0
lib 2.0 0
lib 1.0 0" ]
    [[ $output == *"$WORLD/channel"*" kB"* || $output == *"$WORLD/channel"*" B"* ]]
    expect_error "versions of lib for linux-64: 2.1, 2.0, 1.0"
    search 'lib >=2' --limit 1
    expect_status 0
    [ "$(awk '{ print $2 }' <<<"$output")" = 2.1 ]
    expect_error "1 of 2 packages; --limit 0 shows all"
    search lib --quiet
    [ -z "$errors" ]
}

@test "search takes patterns: the newest of each name, or all of them" {
    search '*l*'
    expect_status 0
    [ "$(awk '{ print $1, $2 }' <<<"$output")" = "lib 2.1
tool 0.1" ]
    expect_error "the newest of each name"
    search '*l*' --limit 0
    [ "$(wc -l <<<"$output")" -eq 4 ]
}

@test "search --json has the packages with what they need" {
    search app --json
    expect_status 0
    [ "$(json 'd["outcome"], d["total"], d["platform"], d["success"]')" = "('found', 1, 'linux-64', True)" ]
    [ "$(json '[(p["name"], p["version"], p["subdir"], p["depends"], p["constrains"]) for p in d["packages"]]')" = "[('app', '1.0', 'linux-64', ['lib >=2', '__glibc >=2.17'], [])]" ]
    [ "$(json 'len(d["packages"][0]["sha256"]), d["packages"][0]["size"] > 0, "license" in d["packages"][0], "timestamp" in d["packages"][0]')" = "(64, True, True, True)" ]
    search 'lib <2' --json
    [ "$(json 'd["names"]')" = "[{'name': 'lib', 'count': 1, 'versions': ['2.1', '2.0', '1.0']}]" ]
}

@test "channels are shown in the order of their priority, newest first in each" {
    make_channel "$WORLD/second" <<<'[{"name": "lib", "version": "9", "build": "0", "subdir": "linux-64", "files": {"x": "x"}}]'
    search lib -c "$WORLD/second"
    expect_status 0
    [ "$(awk '{ print $2 }' <<<"$output" | tr '\n' ' ')" = "9 2.1 2.0 1.0 " ]
    run_envm search lib -c "$WORLD/channel" -c "$WORLD/second" --override-channels --platform linux-64
    [ "$(awk '{ print $2 }' <<<"$output" | tr '\n' ' ')" = "2.1 2.0 1.0 9 " ]
    expect_error "versions of lib for linux-64: 9, 2.1, 2.0, 1.0"
}

@test "search tells a missing name, a missing version, a missing build and another platform apart" {
    search lbi
    expect_status 3
    expect_error 'there is no package "lbi" for linux-64'
    expect_error "did you mean lib?"
    search 'lib >=3'
    expect_status 3
    expect_error "no version of lib for linux-64"
    expect_error "there are 2.1, 2.0, 1.0"
    search 'lib >=2 special_*'
    expect_status 3
    expect_error "no build of it"
    # The build exists, but with a version that is not asked for.
    make_channel "$WORLD/second" <<<'[{"name": "x", "version": "1", "build": "a_0", "subdir": "linux-64", "files": {"x": "x"}},
        {"name": "x", "version": "2", "build": "b_0", "subdir": "linux-64", "files": {"x": "x"}}]'
    run_envm search 'x >=2 a_*' -c "$WORLD/second" --override-channels --platform linux-64 --json
    expect_status 3
    [ "$(json 'd["outcome"]')" = no-build ]
    run_envm search 'x >=3 a_*' -c "$WORLD/second" --override-channels --platform linux-64 --json
    [ "$(json 'd["outcome"]')" = no-version ]
    run_envm search 'x[build_number=7]' -c "$WORLD/second" --override-channels --platform linux-64 --json
    [ "$(json 'd["outcome"]')" = no-build ]
    PLATFORM=osx-arm64 search app
    expect_status 3
    expect_error "but for other platforms: linux-64"
    expect_error "--platform linux-64"
    PLATFORM=osx-arm64 search tool
    expect_status 0
    search 'zz*' --json
    expect_status 3
    [ "$(json 'd["outcome"], d["packages"], d["success"], d["error"]["kind"]')" = "('no-name', [], False, 'no-solution')" ]
    PLATFORM=osx-64 search 'ap*' --json
    [ "$(json 'd["outcome"], d["platforms"]')" = "('other-platform', ['linux-64'])" ]
    search 'lib[subdir=osx-64]' --json
    expect_status 3
}

@test "search: a version that only another platform has" {
    make_channel "$WORLD/second" <<<'[{"name": "lib", "version": "9", "build": "0", "subdir": "osx-64", "files": {"x": "x"}},
        {"name": "lib", "version": "1", "build": "0", "subdir": "linux-64", "files": {"x": "x"}}]'
    run_envm search 'lib >=9' -c "$WORLD/second" --override-channels --platform linux-64
    expect_status 3
    expect_error "other platforms have it: osx-64"
    run_envm search 'lib[version=">=9", subdir=osx-64]' -c "$WORLD/second" --override-channels
    expect_status 0
}

@test "search asks other platforms of a remote channel only when they are cached" {
    serve "$WORLD/channel"
    run_envm search app -c "http://127.0.0.1:$PORT" --override-channels --platform osx-64
    expect_status 3
    expect_error 'there is no package "app" for osx-64'
    run_envm search app -c "http://127.0.0.1:$PORT" --override-channels --platform linux-64
    expect_status 0
    run_envm search app -c "http://127.0.0.1:$PORT" --override-channels --platform osx-64
    expect_status 3
    expect_error "but for other platforms: linux-64"
}

@test "search: a spec that names its channel is answered by that channel alone" {
    make_channel "$WORLD/second" <<<'[{"name": "lib", "version": "9", "build": "0", "subdir": "linux-64", "files": {"x": "x"}}]'
    run_envm search "file://$WORLD/second::lib" -c "$WORLD/channel" -c "$WORLD/second" --override-channels --platform linux-64 --json
    expect_status 0
    [ "$(json '[p["version"] for p in d["packages"]], d["channels"] == ["file://'"$WORLD"'/second"]')" = "(['9'], True)" ]
    # Also one that is not in the list; the others are not even asked.
    run_envm search "file://$WORLD/second::lib" -c "$WORLD/nosuch" --platform linux-64 --json
    expect_status 0
    [ "$(json '[p["version"] for p in d["packages"]], d["channels"] == ["file://'"$WORLD"'/second"]')" = "(['9'], True)" ]
    # The short form, by an alias.
    printf 'channel_alias: file://%s\n' "$WORLD" >"$HOME/.condarc"
    run_envm search second::lib --json --platform linux-64
    expect_status 0
    [ "$(json '[p["version"] for p in d["packages"]]')" = "['9']" ]
    run_envm search second/linux-64::lib --json
    expect_status 0
    run_envm search 'second::lib >=10' --json --platform linux-64
    expect_status 3
    [ "$(json 'd["outcome"], d["names"][0]["versions"]')" = "('no-version', ['9'])" ]
}

@test "search --needs: who depends on a package" {
    search --needs lib
    expect_status 0
    [ "$(sed 's/ file:[^ ]* / /; s/  */ /g' <<<"$output")" = "app 1.0 h1_0 lib >=2" ]
    search --needs 'pyth*' --json
    [ "$(json '[(p["name"], p["needs"]) for p in d["packages"]]')" = "[('tool', 'python >=3.9')]" ]
    search --needs __glibc 'a*'
    expect_status 0
    search --needs lib 't*' --json
    expect_status 3
    [ "$(json 'd["outcome"]')" = no-dependent ]
    search --needs lbi
    expect_status 3
    expect_error 'needs "lbi"'
    expect_error "did you mean lib?"
    search --needs tool
    expect_status 3
    ! [[ $errors == *"did you mean"* ]]
    search --needs 'lib >=2'
    expect_status 2
    expect_error "a name or a pattern"
}

@test "search: bad questions" {
    run_envm search
    expect_status 2
    run_envm search a b
    expect_status 2
    run_envm search 'lib >=' --offline
    expect_status 2
    run_envm search lib --limit x
    expect_status 2
    run_envm search lib --platform x --offline
    expect_status 2
    run_envm search https://example.org/linux-64/a-1-0.conda --offline
    expect_status 2
    run_envm search lib --override-channels
    expect_status 2
}

@test "on a terminal, progress is gone before results come" {
    command -v script >/dev/null || skip "no script(1)"
    needs_terminal
    for command in "search lib" "tree -s lib" "why lib -s lib" "create -p x lib --dry-run"; do
        screen=$(TERM=xterm LC_ALL=C.UTF-8 script -qec "\"$ENVM\" $command -c \"$WORLD/channel\" --override-channels" /dev/null |
            python3 -c 'import re, sys
for line in sys.stdin.buffer.read().decode().replace("\r\n", "\n").split("\n"):
    print(re.split("\r\x1b\\[K", line)[-1])')
        case $screen in *reading*lib* | *solving*lib*) echo "$command: $screen"; return 1 ;; esac
        case $screen in *lib*) ;; *) echo "$command: $screen"; return 1 ;; esac
    done
}
