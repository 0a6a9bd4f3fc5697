#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Link scripts: who agrees to them, what they see, and that nothing of a failed one is left.

load helpers

setup() {
    setup_world
    make_channel channel <<'JSON'
[{"name": "plain", "version": "1.0", "build": "0", "subdir": "linux-64",
  "files": {"share/plain.txt": "plain", "share/edited.txt": "as packaged", "share/gone.txt": "bye"}},
 {"name": "demo", "version": "1.0", "build": "3_0", "build_number": 3, "subdir": "linux-64",
  "depends": ["plain"],
  "files": {"share/demo.txt": {"text": "@PREFIX@/share"}},
  "link_scripts": {
    "post-link": "#!/bin/sh\n# @PREFIX@\necho \"$PKG_NAME $PKG_VERSION $PKG_BUILDNUM\" >$PREFIX/share/made.txt\nmkdir -p $PREFIX/var/demo\nenv | sort >$PREFIX/var/demo/env\ncat $PREFIX/share/demo.txt >$PREFIX/var/demo/path\nprintf 'hello\\033[31m there\\n' >$PREFIX/.messages.txt\n",
    "pre-unlink": "#!/bin/sh\nls $PREFIX/share >$PREFIX/unlinked\necho bye >$PREFIX/.messages.txt\n",
    "pre-link": "#!/bin/sh\ntouch $PREFIX/pre-link-ran\n"}},
 {"name": "demo", "version": "2.0", "build": "0", "subdir": "linux-64",
  "depends": ["plain"],
  "files": {"share/demo.txt": {"text": "2 @PREFIX@/share"}},
  "link_scripts": {"post-link": "#!/bin/sh\necho two >$PREFIX/share/made.txt\ncat $PREFIX/unlinked >$PREFIX/share/seen\n"}},
 {"name": "editor", "version": "1.0", "build": "0", "subdir": "linux-64", "depends": ["demo", "plain"],
  "files": {"share/editor.txt": "e"},
  "link_scripts": {"post-link": "#!/bin/sh\ncat $PREFIX/share/made.txt >$PREFIX/share/order\necho more >>$PREFIX/share/edited.txt\nrm $PREFIX/share/gone.txt\n"}},
 {"name": "broken", "version": "1.0", "build": "0", "subdir": "linux-64", "depends": ["demo"],
  "files": {"share/broken.txt": "b"},
  "link_scripts": {"post-link": "#!/bin/sh\ntouch $PREFIX/share/half\nfor i in $(seq 30); do echo line $i; done\nprintf 'wrong\\033[31m\\n' >&2\nexit 3\n"}},
 {"name": "hostile", "version": "1.0", "build": "0", "subdir": "linux-64",
  "files": {"share/hostile.txt": "h"},
  "link_scripts": {"post-link": "#!/bin/sh\nout=$PREFIX/share/out\n(echo evil >$PREFIX/../outside) 2>/dev/null && echo outside >>$out\n(cat $PREFIX/../home/secret) 2>/dev/null && echo home >>$out\n(echo evil >>$PREFIX/../cache/evil) 2>/dev/null && echo cache >>$out\n(setsid sh -c 'sleep 60; touch $PREFIX/late' &) \nln $PREFIX/../home/secret $PREFIX/share/link 2>/dev/null && echo link >>$out\necho ok >>$out\n"}},
 {"name": "endless", "version": "1.0", "build": "0", "subdir": "linux-64", "files": {"a": "b"},
  "link_scripts": {"post-link": "#!/bin/sh\nwhile :; do :; done\n"}},
 {"name": "forger", "version": "1.0", "build": "0", "subdir": "linux-64", "files": {"a": "b"},
  "link_scripts": {"post-link": "#!/bin/sh\necho '{}' >$PREFIX/conda-meta/x-1-0.json\n"}},
 {"name": "linked", "version": "1.0", "build": "0", "subdir": "linux-64",
  "files": {"share/real.sh": "touch $PREFIX/share/ran", "bin/.linked-post-link.sh": {"symlink": "../share/real.sh"}}},
 {"name": "marker", "version": "1.0", "build": "0", "subdir": "linux-64", "depends": ["plain"],
  "link_scripts": {"post-link": "#!/bin/sh\nrm -rf $PREFIX/.envm\n"}, "files": {"a": "b"}}]
JSON
    printf 'channels: [%s, nodefaults]\ndependencies: [demo]\n' "file://$WORLD/channel" >env.yaml
    C=(--override-channels -c "$WORLD/channel")
}

teardown() {
    teardown_world
}

# Where the kernel cannot fence, scripts are refused: that is tested, and the rest skipped.
needs_fence() {
    run_envm create -p "$WORLD/probe" "${C[@]}" demo=2.0 --run-scripts demo
    if [ "$status" = 7 ]; then
        expect_error "--no-run-scripts"
        skip "programs cannot be fenced here"
    fi
}

# Nothing of a trial is left beside the environment.
expect_no_trial() {
    ! ls -A "$WORLD" | grep -F .envm-
}

tree_of() {
    (cd "$1" && find . -path ./.envm -prune -o -type f -exec sha256sum {} + | sort -k2 && find . -path ./.envm -prune -o -type d -print | sort)
}

@test "without consent scripts are named with their sha256, and the way to it" {
    sed -i 's/demo/demo=1.0/' env.yaml
    run_envm create -p x -f env.yaml
    expect_status 0
    expect_error "bin/.demo-pre-link.sh (pre-link scripts are never run"
    expect_error "--run-scripts NAME"
    [ ! -e x/share/made.txt ]
    ! grep -q link-scripts env.lock
    run_envm create -p y -f env.yaml --run-scripts 'other,demo=12'
    expect_status 2
    expect_error "64 hexadecimal digits"
    run_envm create -p y -f env.yaml --run-scripts demo --no-run-scripts
    expect_status 2
}

@test "a flag agrees: the script sees CEP 34 and nothing of the user's, and its output is recorded" {
    needs_fence
    SECRET=value run_envm create -p x "${C[@]}" demo=1.0 --run-scripts other,demo --json
    expect_status 0
    [ "$(json '[s["file"] for s in d["scripts"] if s["ran"]]')" = "['bin/.demo-post-link.sh']" ]
    [ "$(json 'd["script_messages"].strip()')" = 'hello\x1B[31m there' ]
    [ "$(cat x/share/made.txt)" = "demo 1.0 3" ]
    [ "$(cat x/var/demo/path)" = "$WORLD/x/share" ]
    grep -q "^PREFIX=$WORLD/x\$" x/var/demo/env
    grep -q "^SOURCE_DIR=$WORLD/x\$" x/var/demo/env
    grep -q '^ROOT_PREFIX=$' x/var/demo/env
    grep -q "^PATH=$WORLD/x/bin:" x/var/demo/env
    ! grep -q "^HOME=$HOME\$" x/var/demo/env
    ! grep -q SECRET x/var/demo/env
    [ ! -e x/.messages.txt ]
    [ ! -e x/pre-link-ran ]
    grep -q link-scripts x/conda-meta/envm.lock
    run_envm verify -p x --json
    expect_status 0
    [ "$(json 'd["script_files"]')" = "['share/made.txt', 'var/demo/env', 'var/demo/path']" ]
    expect_no_trial
}

@test "the configuration agrees, and a digest names one script" {
    needs_fence
    mkdir -p "$HOME/.config/envm"
    printf 'link_scripts: ["*"]\n' >"$HOME/.config/envm/config.yaml"
    run_envm create -p x "${C[@]}" demo=1.0 --json
    expect_status 0
    sha=$(json '[s["sha256"] for s in d["scripts"] if s["ran"]][0]')
    printf 'link_scripts: [demo=%s]\n' "$sha" >"$HOME/.config/envm/config.yaml"
    run_envm create -p y "${C[@]}" demo=1.0 --json
    expect_status 0
    [ "$(json '[s["file"] for s in d["scripts"] if s["ran"]]')" = "['bin/.demo-post-link.sh']" ]
    [ "$(json 'd["skipped_scripts"]')" = "['demo: bin/.demo-pre-link.sh', 'demo: bin/.demo-pre-unlink.sh']" ]
    run_envm create -p z "${C[@]}" demo=1.0 --no-run-scripts
    expect_status 0
    [ ! -e z/share/made.txt ]
}

@test "the lock agrees: a rebuild runs the same scripts without a flag and has the same digest" {
    needs_fence
    sed -i 's/demo/editor, demo=1.0/' env.yaml
    run_envm create -p x -f env.yaml --run-scripts demo --run-scripts editor --json
    expect_status 0
    tree=$(json 'd["tree"]')
    grep -q link-scripts env.lock
    run_envm lock -f env.yaml --check
    expect_status 0
    cp env.lock before.lock
    run_envm lock -f env.yaml
    expect_status 0
    cmp env.lock before.lock
    run_envm create -p elsewhere/y -f env.yaml --locked --json
    expect_status 0
    [ "$(json 'd["tree"]')" = "$tree" ]
    [ "$(json 'sum(s["ran"] for s in d["scripts"])')" = 2 ]
    [ "$(cat elsewhere/y/share/edited.txt)" = "as packagedmore" ]
    [ ! -e elsewhere/y/share/gone.txt ]
    run_envm verify -p elsewhere/y --against env.lock
    expect_status 0
    cmp env.lock before.lock
    run_envm create -p z -f env.yaml --locked --no-run-scripts --json
    expect_status 0
    [ "$(json 'd["tree"]')" = "$tree" ]
    [ "$(json 'sum(s["ran"] for s in d["scripts"])')" = 0 ]
    cmp env.lock before.lock
}

@test "a script that is a link is never run" {
    needs_fence
    run_envm create -p x "${C[@]}" linked --run-scripts linked
    expect_status 0
    expect_error "bin/.linked-post-link.sh (it is not a file"
    [ ! -e x/share/ran ]
}

@test "only a script that may use the network learns of the proxies" {
    needs_fence
    export https_proxy=http://proxy.invalid:3128
    envm create -p without "${C[@]}" demo=1.0 --run-scripts demo
    ! grep -q proxy without/var/demo/env
    envm create -p with "${C[@]}" demo=1.0 --run-scripts demo:network
    grep -qx 'https_proxy=http://proxy.invalid:3128' with/var/demo/env
}

@test "lock writes consent without installing, keeps it, and takes it out again" {
    run_envm lock -f env.yaml --run-scripts demo
    expect_status 2
    expect_error "--fetch"
    run_envm lock -f env.yaml --fetch --run-scripts demo:network
    expect_status 0
    grep -q 'network: true' env.lock
    cp env.lock before.lock
    run_envm lock -f env.yaml
    expect_status 0
    cmp env.lock before.lock
    run_envm lock -f env.yaml --no-run-scripts
    expect_status 0
    ! grep -q link-scripts env.lock
}

@test "a script that is not the one that the lock lists is refused before anything is there" {
    run_envm lock -f env.yaml --fetch --run-scripts demo
    expect_status 0
    python3 - <<'PY'
import re
text = open("env.lock").read()
text = re.sub(r"(post-link.sh:\n\s+sha256: )\S+", r"\g<1>" + "ab" * 32, text)
open("env.lock", "w").write(text)
PY
    run_envm create -p x -f env.yaml --locked
    expect_status 5
    expect_error "was agreed to"
    [ ! -e x ]
    run_envm create -p x -f env.yaml --locked --no-run-scripts
    expect_status 0
    expect_no_trial
}

@test "a failing script: exit 8, its output, and nothing is there; the one before it is undone, too" {
    needs_fence
    run_envm create -p x "${C[@]}" broken demo=1.0 --run-scripts demo,broken
    expect_status 8
    expect_error "the script 'bin/.broken-post-link.sh' of broken: it ended with status 3"
    expect_error "broken: line 12"
    expect_error 'broken: wrong\x1B[31m'
    [[ $errors != *"line 11"* ]]
    [ ! -e x ]
    expect_no_trial
}

@test "install: scripts run in the whole new environment; a failing one changes nothing" {
    needs_fence
    envm create -p x "${C[@]}" plain
    echo mine >x/mine.txt
    echo mine >x/.messages.txt
    tree_of x >before
    run_envm install -p x broken demo=1.0 --run-scripts demo,broken
    expect_status 8
    tree_of x | diff before -
    expect_no_trial
    run_envm install -p x editor demo=1.0 --run-scripts '*' --json
    expect_status 0
    [ "$(json '[s["package"] for s in d["scripts"] if s["ran"]]')" = "['demo', 'editor']" ]
    [ "$(cat x/share/order)" = "demo 1.0 3" ]
    [ "$(cat x/share/edited.txt)" = "as packagedmore" ]
    [ ! -e x/share/gone.txt ]
    [ "$(cat x/mine.txt)" = mine ]
    [ "$(cat x/.messages.txt)" = mine ]
    run_envm verify -p x
    expect_status 0
    expect_no_trial
}

@test "update runs pre-unlink of the old and post-link of the new; remove takes what scripts made" {
    needs_fence
    envm create -p x "${C[@]}" plain demo=1.0 --run-scripts demo
    envm install -p x "${C[@]}" editor demo=1.0 --run-scripts editor
    run_envm install -p x demo=2.0 --run-scripts demo --json
    expect_status 0
    [ "$(json '[s["file"] for s in d["scripts"] if s["ran"]]')" = "['bin/.demo-pre-unlink.sh', 'bin/.demo-post-link.sh']" ]
    [ "$(json 'd["script_messages"].strip()')" = bye ]
    [ "$(cat x/share/made.txt)" = two ]
    grep -q made.txt x/share/seen
    [ ! -e x/var ]
    run_envm verify -p x
    expect_status 0
    echo changed >>x/share/seen
    run_envm remove -p x editor demo
    expect_status 0
    [ ! -e x/share/made.txt ]
    [ ! -e x/share/order ]
    grep -q changed x/share/seen
    [ "$(cat x/share/edited.txt)" = "as packaged" ]
    [ "$(cat x/share/gone.txt)" = bye ]
    run_envm verify -p x
    expect_status 0
}

@test "pre-unlink runs at remove by the consent of the installation, unless refused" {
    needs_fence
    envm create -p x "${C[@]}" demo=1.0 --run-scripts demo
    cp -a x y
    run_envm remove -p x demo
    expect_status 0
    expect_error "bin/.demo-pre-unlink.sh ("
    [ -e x/unlinked ]
    envm create -p z "${C[@]}" demo=1.0 --run-scripts demo
    run_envm remove -p z demo --no-run-scripts
    expect_status 0
    expect_error "(--no-run-scripts; sha256"
    [ ! -e z/unlinked ]
    envm create -p w "${C[@]}" demo=1.0 --run-scripts demo
    echo true >>w/bin/.demo-pre-unlink.sh
    run_envm remove -p w demo
    expect_status 5
    expect_error "not what the package brought"
    [ -e w/share/demo.txt ]
}

@test "consent that comes later: the package is linked once more" {
    needs_fence
    envm create -p x "${C[@]}" demo=1.0
    [ ! -e x/share/made.txt ]
    sed -i 's/demo/demo=1.0/' env.yaml
    envm lock -f env.yaml --fetch --run-scripts demo
    run_envm sync -p x -f env.lock
    expect_status 0
    [ -e x/share/made.txt ]
    envm create -p y "${C[@]}" demo=1.0
    run_envm install -p y plain --run-scripts demo
    expect_status 0
    [ -e y/share/made.txt ]
    envm create -p w "${C[@]}" demo=1.0
    run_envm sync -p w -f env.lock --no-run-scripts
    expect_error "nothing to do"
    run_envm create -p w "${C[@]}" demo=1.0 --run-scripts demo
    expect_status 2
    envm create -p z "${C[@]}" demo=1.0
    run_envm install -p z demo=1.0 --run-scripts demo
    expect_status 0
    [ -e z/share/made.txt ]
    run_envm install -p z demo=1.0 --run-scripts demo
    expect_error "nothing to do"
}

@test "rollback runs what the lock of that state lists" {
    needs_fence
    envm create -p x "${C[@]}" demo=1.0 --run-scripts demo
    envm remove -p x demo
    [ ! -e x/share/made.txt ]
    run_envm env rollback -p x
    expect_status 0
    [ "$(cat x/share/made.txt)" = "demo 1.0 3" ]
    run_envm verify -p x
    expect_status 0
}

@test "a hostile script reaches neither the folder above, nor HOME, nor the cache, and leaves no process" {
    needs_fence
    echo secret >"$HOME/secret"
    run_envm create -p x "${C[@]}" hostile --run-scripts hostile
    expect_status 0
    [ "$(cat x/share/out)" = ok ]
    [ ! -e outside ]
    [ ! -e cache/evil ]
    [ ! -e x/share/link ]
    ! pgrep -f "touch $WORLD/x/late"
}

@test "an endless script is ended, and nothing is there" {
    needs_fence
    ENVM_LINK_SCRIPT_TIMEOUT_SECS=1 run_envm create -p x "${C[@]}" endless --run-scripts endless
    expect_status 8
    expect_error "endless-post-link.sh"
    [ ! -e x ]
}

@test "what is hardlinked with the cache and other environments is not what a script edits" {
    needs_fence
    envm create -p other "${C[@]}" plain
    envm create -p x "${C[@]}" editor demo=1.0 --run-scripts '*'
    [ "$(cat x/share/edited.txt)" = "as packagedmore" ]
    [ "$(cat other/share/edited.txt)" = "as packaged" ]
    run_envm verify --cache
    expect_status 0
    envm create -p y "${C[@]}" plain
    envm install -p y "${C[@]}" editor demo=1.0 --run-scripts '*'
    [ "$(cat other/share/edited.txt)" = "as packaged" ]
    run_envm verify --cache
    expect_status 0
}

@test "records and envm's own folder are not for scripts" {
    needs_fence
    run_envm create -p x "${C[@]}" forger --run-scripts forger
    expect_status 7
    expect_error "conda-meta/x-1-0.json"
    [ ! -e x ]
    envm create -p y "${C[@]}" plain
    run_envm install -p y marker --run-scripts marker
    expect_status 7
    expect_error ".envm"
    run_envm verify -p y
    expect_status 0
    expect_no_trial
}

@test "create --force: the old environment is there until the scripts are through" {
    needs_fence
    envm create -p x "${C[@]}" plain
    tree_of x >before
    run_envm create -p x "${C[@]}" broken demo=1.0 --run-scripts '*' --force
    expect_status 8
    tree_of x | diff before -
    run_envm create -p x "${C[@]}" demo=1.0 --run-scripts '*' --force
    expect_status 0
    [ -e x/share/made.txt ]
    expect_no_trial
}

@test "a killed trial is undone by recover, and by the next command" {
    needs_fence
    envm create -p x "${C[@]}" plain
    tree_of x >before
    kill_in_trial() {
        "$ENVM" "$@" >/dev/null 2>&1 &
        pid=$!
        for _ in $(seq 500); do
            [ ! -e x/.envm/trial ] || break
            sleep 0.02
        done
        [ -e x/.envm/trial ]
        kill -9 "$pid"
        wait "$pid" || true
    }
    kill_in_trial install -p x endless "${C[@]}" --run-scripts endless
    run_envm list -p x
    expect_status 0
    expect_error "envm recover"
    run_envm recover -p x --dry-run
    expect_status 0
    [ -e x/.envm/trial ]
    run_envm recover -p x
    expect_status 0
    tree_of x | diff before -
    expect_no_trial
    kill_in_trial install -p x endless "${C[@]}" --run-scripts endless
    run_envm install -p x demo=1.0 --run-scripts demo
    expect_status 0
    expect_error "an unfinished run of link scripts"
    [ -e x/share/made.txt ]
    expect_no_trial
    rm -rf x
    kill_in_trial create -p x endless "${C[@]}" --run-scripts endless
    run_envm create -p x "${C[@]}" plain
    expect_status 0
    tree_of x | grep -v history | diff <(grep -v history before) -
    expect_no_trial
}

# Kills envm while the scripts of x run in it.
kill_in_trial_of_x() {
    "$ENVM" "$@" >/dev/null 2>&1 &
    local pid=$!
    for _ in $(seq 500); do
        [ ! -e x/.envm/trial ] || break
        sleep 0.02
    done
    [ -e x/.envm/trial ]
    kill -9 "$pid"
    wait "$pid" || true
}

@test "recovery does not take a new folder that has the old inode for the tree on trial" {
    needs_fence
    kill_in_trial_of_x create -p x endless "${C[@]}" --run-scripts endless
    [ "$(tail -n 1 .x.envm-trial | wc -w)" = 3 ] ||
        skip "this file system does not know when a folder was made"
    rm -rf x
    mkdir x
    # The new folder often has the inode by chance; here always.
    { head -n 1 .x.envm-trial && echo "$(stat -c %i x) $(tail -n 1 .x.envm-trial | cut -d' ' -f2-)"; } >new
    cat new >.x.envm-trial
    echo mine >x/mine
    run_envm create -p x plain "${C[@]}"
    expect_status 2
    [ "$(cat x/mine)" = mine ]
    [ ! -e .x.envm-trial ]
}

@test "a marker that names another folder removes nothing" {
    needs_fence
    envm create -p x plain "${C[@]}"
    mkdir precious
    echo mine >precious/mine
    printf 'precious\n%s\n' "$(stat -c %i precious)" >.x.envm-trial
    run_envm install -p x demo=1.0
    expect_status 7
    expect_error "names no folder of a trial"
    [ "$(cat precious/mine)" = mine ]
}
