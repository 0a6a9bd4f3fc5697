#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# The options of a request: pins, dates, resolution, parts of a solution, channels of single specs.
load helpers

setup() {
    setup_world
    make_channel "$WORLD/channel" <<'JSON'
[
 {"name": "app", "version": "1.0", "build": "0", "subdir": "linux-64", "timestamp": 1704067200000,
  "depends": ["lib"], "files": {"share/app": "one\n"}},
 {"name": "app", "version": "2.0", "build": "0", "subdir": "linux-64", "timestamp": 1709251200000,
  "depends": ["lib", "core"], "files": {"share/app": "two\n"}},
 {"name": "lib", "version": "1.0", "build": "0", "subdir": "linux-64", "timestamp": 1704067200000,
  "files": {"share/lib": "one\n"}},
 {"name": "lib", "version": "2.0", "build": "0", "subdir": "linux-64", "timestamp": 1709251200000,
  "files": {"share/lib": "two\n"}},
 {"name": "core", "version": "1.0", "build": "0", "subdir": "noarch", "noarch": "generic",
  "timestamp": 1704067200000, "files": {"share/core": "one\n"}}
]
JSON
    cat >env.yaml <<YAML
channels: ["file://$WORLD/channel", nodefaults]
dependencies: [app]
YAML
}

teardown() { teardown_world; }

# chosen ARGS: "name version" of what create would install.
chosen() {
    run_envm create --dry-run --json "$@"
    json '" ".join(p["name"] + "=" + p["version"] for p in d["packages"])'
}

@test "--exclude-newer takes dates, times and durations" {
    [ "$(chosen -f env.yaml)" = "app=2.0 core=1.0 lib=2.0" ]
    [ "$(chosen -f env.yaml --exclude-newer 2024-01-31)" = "app=1.0 lib=1.0" ]
    [ "$(chosen -f env.yaml --exclude-newer 2024-03-01)" = "app=2.0 core=1.0 lib=2.0" ]
    [ "$(chosen -f env.yaml --exclude-newer 2024-02-29T23:59:59Z)" = "app=1.0 lib=1.0" ]
    [ "$(chosen -f env.yaml --exclude-newer 7d)" = "app=2.0 core=1.0 lib=2.0" ]
    [ "$(ENVM_EXCLUDE_NEWER=2024-01-31 chosen -f env.yaml)" = "app=1.0 lib=1.0" ]
    [ "$(ENVM_EXCLUDE_NEWER=2024-01-31 chosen -f env.yaml --exclude-newer none)" = "app=2.0 core=1.0 lib=2.0" ]
    run_envm create --dry-run -f env.yaml --exclude-newer yesterday
    expect_status 2
    expect_error "neither a date nor a duration"
    run_envm create --dry-run -f env.yaml 'app >=2' --exclude-newer 2024-01-31
    expect_status 3
    expect_error "published 2024-03-01, after the end of 2024-01-31 (exclude-newer)"
}

@test "the lock records the date and is checked against it" {
    envm lock -f env.yaml --exclude-newer 2024-01-31
    grep -q '        exclude-newer: "2024-02-01T00:00:00Z"' env.lock
    run_envm lock -f env.yaml --check --exclude-newer 2024-01-31
    expect_status 0
    run_envm lock -f env.yaml --check
    expect_status 12
    expect_error "exclude-newer is unset, but the lock was made with 2024-02-01T00:00:00Z"
    run_envm create -p env -f env.yaml --locked --exclude-newer 2024-01-31
    expect_status 0
    # a duration is satisfied by an earlier date
    run_envm lock -f env.yaml --check --exclude-newer 30d
    expect_status 0
    cp env.lock before
    run_envm lock -f env.yaml --exclude-newer 30d --update core
    [ "$status" -ne 0 ]
    run_envm lock -f env.yaml --exclude-newer 30d
    expect_status 0
    cmp before env.lock
}

@test "today's locks keep their bytes" {
    envm lock -f env.yaml
    ! grep -qE 'exclude-newer|resolution|pins|deps: true' env.lock
}

@test "--resolution takes the lowest versions" {
    [ "$(chosen -f env.yaml --resolution lowest-direct)" = "app=1.0 lib=2.0" ]
    [ "$(chosen -f env.yaml --resolution lowest)" = "app=1.0 lib=1.0" ]
    [ "$(ENVM_RESOLUTION=lowest chosen -f env.yaml)" = "app=1.0 lib=1.0" ]
    run_envm create --dry-run -f env.yaml --resolution low
    expect_status 2
    envm lock -f env.yaml --resolution lowest
    grep -q "        resolution: lowest" env.lock
    run_envm lock -f env.yaml --check
    expect_status 12
    expect_error "the resolution is highest, but the lock was made with lowest"
}

@test "--pin and pinned_packages hold without asking for the package" {
    [ "$(chosen -f env.yaml --pin 'lib 1.*' --pin nothing)" = "app=2.0 core=1.0 lib=1.0" ]
    mkdir -p "$HOME/.config/envm"
    printf 'pinned_packages: ["lib <2", "app 1.*"]\n' >"$HOME/.condarc"
    [ "$(chosen -f env.yaml)" = "app=1.0 lib=1.0" ]
    [ "$(ENVM_PINNED_PACKAGES='lib >=1,<2 & core 7.*' chosen -f env.yaml)" = "app=1.0 lib=1.0" ]
    rm "$HOME/.condarc"
    envm lock -f env.yaml --pin 'lib 1.*'
    grep -qF '          - lib=1' env.lock
    run_envm lock -f env.yaml --check
    expect_status 12
    expect_error "the pins are [], but the lock was made with [lib=1"
    run_envm create --dry-run -f env.yaml 'lib >=2' --pin 'lib 1.*'
    expect_status 3
    expect_error 'the request "lib >=2" and the pin "lib 1.*" are in conflict'
    run_envm create --dry-run -f env.yaml --pin '__glibc 2.17'
    expect_status 2
    expect_error "a virtual package cannot be pinned"
}

@test "--no-deps installs what was asked for, and such a lock is complete" {
    run_envm create -p env -f env.yaml --no-deps
    expect_status 0
    [ -e env/share/app ] && [ ! -e env/share/lib ]
    grep -q "        no-deps: true" env.lock
    run_envm verify -p env
    expect_status 0
    run_envm lock -f env.yaml --check --no-deps
    expect_status 0
    run_envm lock -f env.yaml --check
    expect_status 12
    run_envm create -p other -f env.yaml --locked --no-deps
    expect_status 0
    run_envm create -p third -f env.lock
    expect_status 0
    [ "$(envm verify -p env --quiet)" = "$(envm verify -p third --quiet)" ]
    sed -i 's/\[app\]/[app, core]/' env.yaml
    run_envm lock -f env.yaml --check --no-deps
    expect_status 12
    expect_error '"core" is not in the lock'
}

@test "--only-deps installs what it needs, and such a lock is complete" {
    run_envm create -p env -f env.yaml --only-deps
    expect_status 0
    [ ! -e env/share/app ] && [ -e env/share/lib ] && [ -e env/share/core ]
    grep -q "        only-deps: true" env.lock
    run_envm verify -p env
    expect_status 0
    run_envm lock -f env.yaml --check --only-deps
    expect_status 0
    run_envm create -p third -f env.lock
    expect_status 0
    # a requested package that another one needs is a dependency
    [ "$(chosen --only-deps app lib -c "$WORLD/channel" --override-channels)" = "core=1.0 lib=2.0" ]
    sed -i 's/\[app\]/["app >=2"]/' env.yaml
    run_envm lock -f env.yaml --check --only-deps
    expect_status 12
    expect_error 'was not made for "app >=2"'
    run_envm create --dry-run -f env.yaml --only-deps --no-deps
    expect_status 2
}

@test "a lock as the file leaves nothing for these options to do" {
    envm lock -f env.yaml
    for option in --no-deps --only-deps "--pin=lib" --exclude-newer=7d --resolution=lowest; do
        run_envm create --dry-run -f env.lock "$option"
        expect_status 2
        expect_error "already says exactly what to install"
    done
}

@test "a spec may name its channel, also one that is not in the list" {
    make_channel "$WORLD/other" <<'JSON'
[
 {"name": "lib", "version": "3.0", "build": "0", "subdir": "linux-64", "files": {"share/lib": "three\n"}},
 {"name": "lib", "version": "3.5", "build": "0", "subdir": "noarch", "noarch": "generic", "files": {"share/lib": "x\n"}}
]
JSON
    [ "$(chosen -f env.yaml lib)" = "app=2.0 core=1.0 lib=2.0" ]
    [ "$(chosen -f env.yaml "file://$WORLD/other::lib")" = "app=2.0 core=1.0 lib=3.5" ]
    [ "$(chosen -f env.yaml "file://$WORLD/other/linux-64::lib")" = "app=2.0 core=1.0 lib=3.0" ]
    [ "$(chosen -f env.yaml "file://$WORLD/other/::lib <3.2")" = "app=2.0 core=1.0 lib=3.0" ]
    # by name below the alias
    export ENVM_CHANNEL_ALIAS="file://$WORLD"
    [ "$(chosen --override-channels -c channel app other::lib)" = "app=2.0 core=1.0 lib=3.5" ]
    [ "$(chosen --override-channels -c channel app other/linux-64::lib)" = "app=2.0 core=1.0 lib=3.0" ]
    # only the package itself comes from there
    [ "$(chosen --override-channels -c channel channel::lib)" = "lib=2.0" ]
    run_envm create --dry-run --override-channels -c channel other::core
    expect_status 3
    expect_error "core"
}

@test "another platform has virtual packages of its own" {
    make_channel "$WORLD/mac" <<'JSON'
[
 {"name": "gui", "version": "2.0", "build": "0", "subdir": "osx-arm64", "depends": ["__osx >=13"], "files": {"a": "a"}},
 {"name": "gui", "version": "1.0", "build": "0", "subdir": "osx-arm64", "depends": ["__osx >=11"], "files": {"a": "a"}},
 {"name": "gui", "version": "9.0", "build": "0", "subdir": "linux-64", "depends": ["__glibc >=2.17"], "files": {"a": "a"}}
]
JSON
    mac="--override-channels -c $WORLD/mac --platform osx-arm64"
    # shellcheck disable=SC2086
    [ "$(chosen $mac gui)" = "gui=1.0" ]
    # shellcheck disable=SC2086
    [ "$(CONDA_OVERRIDE_OSX=14.1 chosen $mac gui)" = "gui=2.0" ]
    # shellcheck disable=SC2086
    [ "$(ENVM_VIRTUAL_PACKAGES='__osx=13.2 __glibc=2.12' chosen $mac gui)" = "gui=2.0" ]
    # shellcheck disable=SC2086
    [ "$(CONDA_OVERRIDE_GLIBC=2.12 chosen $mac gui)" = "gui=1.0" ]
    # shellcheck disable=SC2086
    ENVM_VIRTUAL_PACKAGES=osx=13 run_envm create --dry-run $mac gui
    expect_status 2
    expect_error "virtual_packages"
}

@test "what only another platform has is told apart from what nobody has" {
    make_channel "$WORLD/both" <<'JSON'
[
 {"name": "gui", "version": "2.0", "build": "0", "subdir": "osx-arm64", "files": {"a": "a"}},
 {"name": "lib", "version": "1.0", "build": "0", "subdir": "linux-64", "files": {"a": "a"}},
 {"name": "lib", "version": "2.0", "build": "0", "subdir": "win-64", "files": {"a": "a"}}
]
JSON
    run_envm create --dry-run --platform linux-64 --override-channels -c "$WORLD/both" gui
    expect_status 3
    expect_error 'for linux-64, only for osx-arm64'
    run_envm create --dry-run --platform linux-64 --override-channels -c "$WORLD/both" 'lib >=2'
    expect_status 3
    expect_error 'there is only lib 1.0; win-64 has it'
    run_envm create --dry-run --platform linux-64 --override-channels -c "$WORLD/both" 'lib >=3'
    expect_status 3
    expect_error 'there is only lib 1.0'
    [[ $errors != *"has it"* ]]
    run_envm create --dry-run --platform linux-64 --override-channels -c "$WORLD/both" gux
    expect_status 3
    [[ $errors != *"only for"* ]]
    run_envm create --json --dry-run --platform linux-64 --override-channels -c "$WORLD/both" gui lib
    expect_status 3
    [ "$(json 'd["explanation"]["tree"][0]["children"][0]["reason"]')" = wrong-platform ]
    [ "$(json 'd["explanation"]["suggestions"][0]["text"]')" = 'leave out "gui"' ]
}

@test "a request that is too hard ends with 13" {
    python3 - >"$WORLD/hard.json" <<'PYTHON'
import json
n = 13
packages = [{"name": f"hole{h}", "version": str(p), "build": "0", "subdir": "noarch", "noarch": "generic", "files": {"a": "a"}}
            for h in range(n - 1) for p in range(n)]
packages += [{"name": f"pigeon{p}", "version": str(h), "build": "0", "subdir": "noarch", "noarch": "generic",
              "depends": [f"hole{h} {p}"], "files": {"a": "a"}} for p in range(n) for h in range(n - 1)]
print(json.dumps(packages))
PYTHON
    make_channel "$WORLD/hard" <"$WORLD/hard.json"
    pigeons=$(seq -f 'pigeon%g' 0 12)
    export ENVM_SOLVER_TIMEOUT_SECS=1
    # shellcheck disable=SC2086
    run_envm create --dry-run --override-channels -c "$WORLD/hard" $pigeons
    expect_status 13
    expect_error "solving took longer than the limit of 1 s"
    expect_error "ask for narrower versions"
}

@test "a package that turns a feature on stays in the lock" {
    make_channel "$WORLD/old" <<'JSON'
[
 {"name": "numpy", "version": "1.11", "build": "py35_0", "subdir": "linux-64", "files": {"a": "a"}},
 {"name": "numpy", "version": "1.11", "build": "py35_nomkl_0", "subdir": "linux-64", "repodata": {"features": "nomkl"},
  "index": {"features": "nomkl"}, "files": {"a": "b"}},
 {"name": "nomkl", "version": "1.0", "build": "0", "subdir": "linux-64", "track_features": "nomkl", "files": {"c": "c"}}
]
JSON
    printf 'channels: ["file://%s/old", nodefaults]\ndependencies: ["numpy=1.11=py35_nomkl_0"]\n' "$WORLD" >old.yaml
    [ "$(chosen -f old.yaml)" = "nomkl=1.0 numpy=1.11" ]
    envm lock -f old.yaml
    run_envm lock -f old.yaml --check
    expect_status 0
    run_envm create -p env -f old.yaml --locked
    expect_status 0
    [ -e env/c ]
}
