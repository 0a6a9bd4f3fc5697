#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# install, update, remove.
load helpers

setup() {
    setup_world
    changing_channel
    C="--override-channels -c $WORLD/channel"
}

teardown() { teardown_world; }

# The plan of a dry run, or of the real thing: "action name from to" lines.
plan() {
    json "'; '.join(' '.join(filter(None, [c['action'], c['name'], (c['from'] or {}).get('version'), (c['to'] or {}).get('version')])) for c in d['changes'])"
}

why() {
    json "[c['why'] for c in d['changes'] if c['name'] == '$1'][0]"
}

@test "install adds what was asked for and what it needs, and nothing else moves" {
    envm create -n e $C app=1.0 base-lib=1.0
    run_envm install -n e $C old-only --dry-run --json
    expect_status 0
    [ "$(plan)" = "install old-only 1.0" ]
    run_envm list -n e --json
    [ "$(json 'len(d["packages"])')" = 2 ]
    run_envm install -n e old-only
    expect_status 0
    case $output in *"install "*"old-only"*"asked for"*) ;; *) echo "$output"; false ;; esac
    [ "$(cat "$ENVM_ROOT/envs/e/lib/old.txt")" = o ]
    run_envm verify -n e
    expect_status 0
    grep -q "update specs: \['old-only'\]" "$ENVM_ROOT/envs/e/conda-meta/history"
    grep -q -- "- old-only" "$ENVM_ROOT/envs/e/conda-meta/envm.lock"
    run_envm install -n e old-only
    expect_status 0
    expect_error "nothing to do"
}

@test "a change says what moves because of what, and a request stays in force" {
    envm create -n e $C app=1.0 base-lib
    run_envm install -n e 'app>=2' --json
    expect_status 0
    [ "$(plan)" = "upgrade app 1.0 2.0; install extra 1.0" ]
    [ "$(why app)" = 'asked for: "app>=2"' ]
    [ "$(why extra)" = "needed by app 2.0" ]
    [ "$("$ENVM_ROOT/envs/e/bin/app")" = "app 2 in $ENVM_ROOT/envs/e" ]
    run_envm install -n e old-only
    expect_status 3
    expect_error '"app >=2"'
    expect_error "old-only"
    run_envm install -n e old-only app=1.0 --json
    expect_status 0
    [ "$(plan)" = "downgrade app 2.0 1.0; downgrade base-lib 2.0 1.0; remove extra 1.0; install old-only 1.0" ]
    [ "$(why base-lib)" = "old-only 1.0 needs base-lib <2" ]
    [ "$(why extra)" = "nothing needs it any more" ]
    [ ! -e "$ENVM_ROOT/envs/e/share/app2.txt" ]
    [ ! -e "$ENVM_ROOT/envs/e/lib/extra.txt" ]
    run_envm verify -n e
    expect_status 0
}

@test "what is installed can be frozen" {
    envm create -n e $C app=1.0 base-lib=1.0
    run_envm install -n e 'app>=2' --freeze-installed
    expect_status 3
    expect_error "app 1.0"
    run_envm install -n e extra --freeze-installed --json
    expect_status 0
    [ "$(plan)" = "install extra 1.0" ]
}

@test "update moves the named packages, and names what holds one back" {
    envm create -n e $C 'app<2' base-lib=1.0
    run_envm update -n e base-lib --json
    expect_status 0
    [ "$(plan)" = "" ]
    [ "$(json 'd["held_back"][0]')" = 'base-lib stays at 1.0: 2.0 is held back: the request "base-lib 1.0.*"' ]
    run_envm update -n e 'app=*' --json
    expect_status 0
    [ "$(plan)" = "" ]
    [ "$(json 'd["held_back"][0]')" = "app stays at 1.0: 2.0 is held back: app 2.0 0 needs base-lib >=2" ]
    run_envm update -n e app 'base-lib=2' --json
    expect_status 0
    [ "$(plan)" = "upgrade app 1.0 2.0; upgrade base-lib 1.0 2.0; install extra 1.0" ]
    run_envm update -n e nothing-there
    expect_status 2
    expect_error "envm install nothing-there"
}

@test "update without names moves everything" {
    envm create -n e $C app=1.0 base-lib=1.0
    envm install -n e 'app' 'base-lib'
    run_envm list -n e --json
    [ "$(json '[p["version"] for p in d["packages"]]')" = "['1.0', '1.0']" ]
    run_envm update -n e --json
    expect_status 0
    [ "$(plan)" = "upgrade app 1.0 2.0; upgrade base-lib 1.0 2.0; install extra 1.0" ]
    run_envm update -n e --all
    expect_status 0
    expect_error "nothing to do"
}

@test "a new python links pure packages again" {
    envm create -n e $C 'python=3.11' tool
    [ -f "$ENVM_ROOT/envs/e/lib/python3.11/site-packages/tool/main.py" ]
    run_envm install -n e 'python=3.12' --json
    expect_status 0
    [ "$(plan)" = "upgrade python 3.11.2 3.12.1; relink tool 0.1 0.1" ]
    [ -f "$ENVM_ROOT/envs/e/lib/python3.12/site-packages/tool/main.py" ]
    [ ! -e "$ENVM_ROOT/envs/e/lib/python3.11" ]
    [ "$("$ENVM_ROOT/envs/e/bin/tool")" = "tool runs" ]
    run_envm verify -n e
    expect_status 0
    # the environment is the one that would have been made at once
    envm create -n f $C 'python=3.12' tool
    [ "$(envm verify -n e --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["tree"])')" = \
      "$(envm verify -n f --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["tree"])')" ]
}

@test "remove takes what needs it along only when told so, and works without channels" {
    envm create -n e $C 'app=2.0' tool
    mv "$WORLD/channel" "$WORLD/gone"
    run_envm remove -n e base-lib
    expect_status 2
    expect_error "app"
    expect_error "--yes"
    run_envm remove -n e base-lib --dry-run --json
    expect_status 0
    [ "$(json 'd["needs_yes"]')" = "['app']" ]
    [[ "$(plan)" == *"remove app 2.0; remove base-lib 2.0"* ]]
    run_envm remove -n e app --json
    expect_status 0
    [ "$(plan)" = "remove app 2.0; remove base-lib 2.0; remove extra 1.0" ]
    [ "$(why base-lib)" = "nothing needs it any more" ]
    [ ! -e "$ENVM_ROOT/envs/e/bin/app" ]
    [ "$("$ENVM_ROOT/envs/e/bin/tool")" = "tool runs" ]
    run_envm verify -n e
    expect_status 0
    run_envm remove -n e python --yes --json
    expect_status 0
    [ "$(plan)" = "remove python 3.12.1; remove tool 0.1" ]
    [ "$(why tool)" = "needs python, which is removed" ]
    run_envm list -n e --json
    [ "$(json 'd["packages"]')" = "[]" ]
    run_envm remove -n e app
    expect_status 2
    expect_error "app is not installed"
}

@test "remove can keep what is not needed any more" {
    envm create -n e $C 'app=2.0'
    run_envm remove -n e app --no-prune --json
    expect_status 0
    [ "$(plan)" = "remove app 2.0" ]
    [ "$(json 'd["requests"]')" = "['base-lib', 'extra']" ]
    envm create -n f $C app
    run_envm remove -n f --all
    expect_status 0
    [ ! -e "$ENVM_ROOT/envs/f" ]
}

@test "packages of another tool are kept, and pins hold" {
    envm create -n e $C 'app<2' old-only extra
    # as another tool would have left it: no lock of ours, nothing that says what was asked for
    rm "$ENVM_ROOT/envs/e/conda-meta/envm.lock"
    python3 - "$ENVM_ROOT/envs/e/conda-meta" <<'PY'
import glob, json, sys
for name in glob.glob(sys.argv[1] + "/*.json"):
    record = json.load(open(name))
    for key in ("envm", "requested_spec", "requested_specs"):
        record.pop(key, None)
    record["channel"] += "/" + record["subdir"]
    for path in record["paths_data"]["paths"]:
        path.pop("envm", None)
    json.dump(record, open(name, "w"))
open(sys.argv[1] + "/history", "w").write("==> 2024-01-01 00:00:00 <==\n# update specs: ['old-only']\n")
PY
    run_envm why -n e base-lib
    expect_status 0
    case $output in *"old-only 1.0 [asked for]"*) ;; *) echo "$output"; false ;; esac
    run_envm list -n e --json
    [ "$(json 'sorted({p["channel"] for p in d["packages"]})')" = "['file://$WORLD/channel']" ]
    python3 - "$ENVM_ROOT/envs/e/conda-meta" <<'PY'
import sys
open(sys.argv[1] + "/history", "w").write("==> 2024-01-01 00:00:00 <==\n")
open(sys.argv[1] + "/pinned", "w").write("# ours\nbase-lib <2\n")
PY
    run_envm install -n e $C tool --json
    expect_status 0
    [ "$(plan)" = "install python 3.12.1; install tool 0.1" ]
    [ "$(json 'sorted(d["requests"])')" = "['app', 'extra', 'old-only', 'tool']" ]
    envm remove -n e old-only
    run_envm install -n e $C 'app>=2'
    expect_status 3
    expect_error "base-lib 2.0: does not match the pin \"base-lib <2\""
}

@test "an environment file adds its requests, and --prune makes it all there is" {
    envm create -n e $C 'app=1.0' extra
    cat >more.yaml <<YAML
channels: [file://$WORLD/channel, nodefaults]
dependencies: [tool]
variables: {MODE: fast}
YAML
    run_envm install -n e -f more.yaml --json
    expect_status 0
    [ "$(plan)" = "install python 3.12.1; install tool 0.1" ]
    grep -q '"MODE": "fast"' "$ENVM_ROOT/envs/e/conda-meta/state"
    run_envm update -n e -f more.yaml --prune --json
    expect_status 0
    [ "$(plan)" = "remove app 1.0; remove base-lib 2.0; remove extra 1.0" ]
}

@test "a package file is installed by its path" {
    envm create -n e $C extra
    cp "$WORLD"/channel/linux-64/app-1.0-0.* .
    run_envm install -n e "./$(basename app-1.0-0.*)" --json
    expect_status 0
    [ "$(plan)" = "install app 1.0; install base-lib 2.0" ]
    run_envm verify -n e
    expect_status 0
}

@test "files that the user changed are kept and named" {
    envm create -n e $C 'app=2.0'
    chmod u+w "$ENVM_ROOT/envs/e/lib/extra.txt"
    rm "$ENVM_ROOT/envs/e/lib/extra.txt"
    echo mine >"$ENVM_ROOT/envs/e/lib/extra.txt"
    echo own >"$ENVM_ROOT/envs/e/lib/notes.txt"
    run_envm remove -n e app
    expect_status 0
    expect_error "extra.txt"
    [ "$(cat "$ENVM_ROOT"/envs/e/lib/extra.txt*saved*)" = mine ]
    [ "$(cat "$ENVM_ROOT/envs/e/lib/notes.txt")" = own ]
}

@test "usage that makes no sense is refused with advice" {
    run_envm install -n none app
    expect_status 2
    envm create -n e $C extra
    run_envm install -n e
    expect_status 2
    expect_error "envm install 'numpy>=2'"
    run_envm remove -n e
    expect_status 2
    run_envm update -n e --prune
    expect_status 2
    run_envm update -n e extra --all
    expect_status 2
    run_envm install -n e extra --clobber maybe
    expect_status 2
    printf '@EXPLICIT\nfile://%s/channel/linux-64/extra-1.0-0.conda\n' "$WORLD" >list.txt
    run_envm install -n e -f list.txt
    expect_status 2
    expect_error "envm sync -f list.txt"
}

@test "dependencies can be left out, or be all that is installed" {
    envm create -n e $C extra
    run_envm install -n e app=1.0 --no-deps --json
    expect_status 0
    [ "$(plan)" = "install app 1.0" ]
    run_envm verify -n e
    expect_status 0
    # what was left out comes with the next change that does not leave it out
    run_envm install -n e tool --json
    expect_status 0
    [ "$(plan)" = "install base-lib 2.0; install python 3.12.1; install tool 0.1" ]
    envm create -n f $C extra
    run_envm install -n f app=1.0 --only-deps --json
    expect_status 0
    [ "$(plan)" = "install base-lib 2.0" ]
    [ "$(json 'd["requests"]')" = "['base-lib', 'extra']" ]
    run_envm install -n f app --no-deps --only-deps
    expect_status 2
}

@test "what an environment was made with stays in force" {
    envm create -n e $C app --pin 'base-lib <2' --exclude-newer 2030-01-01
    run_envm update -n e --json
    expect_status 0
    [ "$(plan)" = "" ]
    [[ "$(json 'd["held_back"][0]')" == *"the end of 2030-01-01"*"--exclude-newer none"* ]]
    run_envm install -n e extra
    expect_status 0
    grep -q "base-lib" "$ENVM_ROOT/envs/e/conda-meta/envm.lock"
    grep -q "exclude-newer: .*2030-01-0[12]" "$ENVM_ROOT/envs/e/conda-meta/envm.lock"
    run_envm update -n e --pin 'base-lib >=1' --exclude-newer none --json
    expect_status 0
    [ "$(plan)" = "upgrade app 1.0 2.0; upgrade base-lib 1.0 2.0" ]
    ! grep -q exclude-newer "$ENVM_ROOT/envs/e/conda-meta/envm.lock"
}

@test "a spec may name the folder of its channel" {
    make_channel "$WORLD/other" <<'JSON'
[{"name": "base-lib", "version": "9.0", "build": "0", "subdir": "linux-64", "files": {"lib/base.txt": "9\n"}}]
JSON
    run_envm create -n e $C "$WORLD/channel::app=1.0" --json
    expect_status 0
    cd "$WORLD"
    for spec in "$WORLD/other::base-lib" "./other::base-lib" "other/../other/linux-64::base-lib"; do
        case $spec in other/*) spec=./$spec ;; esac
        run_envm install -n e "$spec" --dry-run --json
        expect_status 0
        [ "$(plan)" = "upgrade base-lib 2.0 9.0" ]
    done
    run_envm install -n e "./channel::extra"
    expect_status 0
    run_envm search "$WORLD/other::base-lib" $C --json
    expect_status 0
    [ "$(json 'len(d["packages"])')" = 1 ]
}

@test "a package file that its channel lists, too, is one package" {
    envm create -n e $C app=2.0
    run_envm install -n e "$WORLD/channel/linux-64/old-only-1.0-0.conda"
    expect_status 3
    case $errors in *"hides"*) echo "$errors"; false ;; esac
    expect_error "old-only 1.0 goes only with base-lib <2"
    run_envm install -n e "$WORLD/channel/linux-64/nothing-1.0-0.conda"
    expect_status 8
    expect_error "there is no such file"
    case $errors in *server*) echo "$errors"; false ;; esac
}

@test "a dry run that would change nothing says so, and what was just asked for holds nothing back" {
    envm create -n e $C app base-lib
    run_envm install -n e 'app<9' --dry-run
    expect_status 0
    expect_error "no package would change"
    run_envm update -n e 'base-lib<2' 'app<2'
    expect_status 0
    case $errors in *"held back"*) echo "$errors"; false ;; esac
    run_envm update -n e base-lib
    expect_status 0
    expect_error 'base-lib stays at 1.0: 2.0 is held back: the request "base-lib <2"'
}
