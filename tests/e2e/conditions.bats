#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Repodata of revision 3 (CEP 48): conditions, extras and flags from the channel to the environment.
load helpers

setup() {
    setup_world
    make_channel "$WORLD/channel" <<'JSON'
{"packages": [
 {"name": "app", "revision": 3, "depends": ["lib", "plugin[when=\"lib[version='>=2']\"]", "win[when=__win]"],
  "index": {"extra_depends": {"test": ["checker[version=\">=2\"]"], "docs": ["writer[when=__unix]"]}},
  "files": {"share/app": "app\n"}},
 {"name": "lib", "version": "1.0", "files": {"share/lib": "1\n"}},
 {"name": "lib", "version": "2.0", "files": {"share/lib": "2\n"}},
 {"name": "plugin", "files": {"share/plugin": "x\n"}},
 {"name": "win", "files": {"share/win": "x\n"}},
 {"name": "checker", "version": "1.0", "files": {"share/checker": "1\n"}},
 {"name": "checker", "version": "2.0", "files": {"share/checker": "2\n"}},
 {"name": "writer", "files": {"share/writer": "x\n"}},
 {"name": "torch", "version": "1.0", "build": "gpu", "revision": 3, "index": {"flags": ["cuda", "blas:mkl"]},
  "files": {"share/torch": "gpu\n"}},
 {"name": "torch", "version": "2.0", "build": "cpu", "files": {"share/torch": "cpu\n"}}
]}
JSON
    CHANNEL=(--override-channels -c "file://$WORLD/channel")
}

teardown() { teardown_world; }

@test "a condition decides what is installed" {
    run_envm create -p new "${CHANNEL[@]}" app
    expect_status 0
    [ -f new/share/plugin ]
    [ ! -e new/share/win ]
    [ ! -e new/share/checker ]
    run_envm create -p old "${CHANNEL[@]}" app 'lib <2'
    expect_status 0
    [ ! -e old/share/plugin ]
    run_envm verify -p new
    expect_status 0
}

@test "extras come into the lock, stay there, and are checked" {
    cat >env.yaml <<YAML
channels: ["file://$WORLD/channel", nodefaults]
dependencies:
  - app[extras=[test, docs]]
  - lib <2
YAML
    run_envm lock -f env.yaml
    expect_status 0
    grep -q "extra-depends:" env.lock
    grep -q "checker-2.0-0.conda" env.lock
    grep -q "writer-1.0-0.conda" env.lock
    ! grep -q "plugin-1.0" <(sed -n '/platforms:/,/^packages:/p' env.lock)
    cp env.lock first
    run_envm lock -f env.yaml
    expect_status 0
    cmp first env.lock
    run_envm lock -f env.yaml --check
    expect_status 0
    run_envm create -p env -f env.yaml --locked
    expect_status 0
    [ "$(cat env/share/checker)" = 2 ]
    [ -f env/share/writer ]
    sed -i 's/, docs//' env.yaml
    run_envm lock -f env.yaml --check
    expect_status 12
    expect_error "writer"
}

@test "why and tree follow conditions and extras" {
    envm create -p env "${CHANNEL[@]}" 'app[extras=[test]]'
    run_envm why -p env checker
    expect_status 0
    [[ "$output" == *"app 1.0"* ]]
    run_envm why -p env plugin
    expect_status 0
    [[ "$output" == *"app 1.0"* ]]
}

@test "what an extra brought stays while it is asked for, and goes with it" {
    envm create -p env "${CHANNEL[@]}" 'app[extras=[test]]'
    envm install -p env "${CHANNEL[@]}" torch --yes
    [ "$(cat env/share/checker)" = 2 ]
    [ -f env/share/torch ]
    run_envm remove -p env app --yes
    expect_status 0
    [ ! -e env/share/checker ]
    [ ! -e env/share/plugin ]
    [ -f env/share/torch ]
}

@test "search shows extras and flags" {
    run_envm search "${CHANNEL[@]}" torch=1 --json
    expect_status 0
    [ "$(json '[(p["version"], p["flags"]) for p in d["packages"]]')" = "[('1.0', ['cuda', 'blas:mkl'])]" ]
    run_envm search "${CHANNEL[@]}" app --json
    [ "$(json 'sorted(d["packages"][0]["extra_depends"])')" = "['docs', 'test']" ]
}

@test "flags choose a variant" {
    envm create -p any "${CHANNEL[@]}" torch
    [ "$(cat any/share/torch)" = cpu ]
    envm create -p env "${CHANNEL[@]}" "torch[flags=[cuda, 'blas:*']]"
    [ "$(cat env/share/torch)" = gpu ]
    run_envm create -p none "${CHANNEL[@]}" 'torch[flags=[rocm]]'
    expect_status 3
    expect_error "flags"
}

@test "a condition in an explanation is said in words" {
    run_envm create -p env "${CHANNEL[@]}" app 'lib >=2' 'plugin >=9[when="lib>=2"]'
    expect_status 3
    expect_error 'plugin >=9 when lib>=2'
    run_envm create -p env "${CHANNEL[@]}" 'app[when="not lib"]'
    expect_status 2
    expect_error "no 'not' in conditions"
}
