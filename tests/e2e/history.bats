#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# env history, env rollback.
load helpers

setup() {
    setup_world
    changing_channel
    C="--override-channels -c $WORLD/channel"
    E="$ENVM_ROOT/envs/e"
}

teardown() { teardown_world; }

# Everything in the environment but what tells of its past: paths, kinds, bits and bytes.
tree() {
    (cd "$E" && find . \( -path ./.envm -o -path ./conda-meta/envm -o -path ./conda-meta/history \) -prune -o \
        -printf '%y %m %p %l\n' | sort -k3 &&
        find . -type f ! -path './.envm/*' ! -path './conda-meta/envm/*' ! -path ./conda-meta/history \
            -print0 | sort -z | xargs -0 sha256sum)
}

plan() {
    json "'; '.join(' '.join(filter(None, [c['action'], c['name'], (c['from'] or {}).get('version'), (c['to'] or {}).get('version')])) for c in d['changes'])"
}

revisions() {
    json "'; '.join('%d %d %d %d' % (r['revision'], r['added'], r['removed'], r['changed']) for r in d['revisions'])"
}

@test "every change is a state, and each can be gone back to exactly" {
    envm create -n e $C app=1.0 base-lib=1.0
    tree >"$WORLD/tree0"
    envm install -n e 'app>=2' base-lib
    tree >"$WORLD/tree1"
    envm remove -n e app
    tree >"$WORLD/tree2"

    run_envm env history -n e --json
    expect_status 0
    [ "$(revisions)" = "2 0 2 0; 1 1 0 2; 0 2 0 0" ]
    [ "$(json 'd["revisions"][1]["command"]')" = "envm install -n e 'app>=2' base-lib" ]
    [ "$(json '[(c["name"], c["from"], c["to"]) for c in d["revisions"][1]["changes"]]')" = \
        "[('app', '1.0 0', '2.0 0'), ('base-lib', '1.0 0', '2.0 0'), ('extra', None, '1.0 0')]" ]
    [ "$(json '[(r["current"], r["has_lock"]) for r in d["revisions"]]')" = \
        "[(True, True), (False, True), (False, True)]" ]

    run_envm env rollback -n e --dry-run --json
    expect_status 0
    [ "$(plan)" = "install app 2.0; install extra 1.0" ]
    tree | cmp - "$WORLD/tree2"
    run_envm env rollback -n e
    expect_status 0
    case $output in *"install "*"app"*"2.0"*) ;; *) echo "$output"; false ;; esac
    expect_error "revision 1"
    tree | diff "$WORLD/tree1" -
    [ "$("$E/bin/app")" = "app 2 in $E" ]
    run_envm verify -n e
    expect_status 0

    # once more undoes it
    run_envm env rollback -n e --json
    expect_status 0
    [ "$(json 'd["revision"]')" = 2 ]
    [ "$(plan)" = "remove app 2.0; remove extra 1.0" ]
    tree | diff "$WORLD/tree2" -
    run_envm env rollback -n e 0 --json --verify
    expect_status 0
    [ "$(plan)" = "install app 1.0; downgrade base-lib 2.0 1.0" ]
    [ "$(json 'd["requests"]')" = "['app=1.0', 'base-lib=1.0']" ]
    [ "$(json '[c["why"] for c in d["changes"]][1]')" = "as in revision 0" ]
    tree | diff "$WORLD/tree0" -
    run_envm verify -n e
    expect_status 0
    run_envm env history -n e --json
    [ "$(json '[r["revision"] for r in d["revisions"]]')" = "[5, 4, 3, 2, 1, 0]" ]
    # what was asked for since is not asked for any more
    run_envm update -n e --dry-run --json
    [ "$(json 'd["requests"]')" = "['app=1.0', 'base-lib=1.0']" ]
    run_envm env rollback -n e 0
    expect_status 0
    expect_error "nothing to do"
}

@test "the history is shown to people, too" {
    envm create -n e $C app=1.0
    envm install -n e $C python=3.11
    run_envm env history -n e
    expect_status 0
    case $output in
    *"  1  "*"1 added  (now)"*"envm install -n e"*"+ python 3.11.2 0_cpython"*"  0  "*"2 added"*"+ base-lib 2.0 0"*) ;;
    *) echo "$output"; false ;;
    esac
    run_envm env history -n e more
    expect_status 2
}

@test "a python that moves takes its packages along, there and back" {
    envm create -n e $C python=3.11 tool
    tree >"$WORLD/tree0"
    envm install -n e python=3.12
    [ ! -e "$E/lib/python3.11" ]
    run_envm env rollback -n e --json
    expect_status 0
    [ "$(plan)" = "downgrade python 3.12.1 3.11.2; relink tool 0.1 0.1" ]
    tree | diff "$WORLD/tree0" -
    run_envm verify -n e
    expect_status 0
}

@test "variables go back, too" {
    printf 'channels: [%s, nodefaults]\ndependencies: [extra]\nvariables: {COLOR: red}\n' "$WORLD/channel" >"$WORLD/one.yaml"
    printf 'channels: [%s, nodefaults]\ndependencies: [extra]\nvariables: {COLOR: blue, SIZE: "3"}\n' "$WORLD/channel" >"$WORLD/two.yaml"
    envm create -n e -f "$WORLD/one.yaml"
    envm update -n e -f "$WORLD/two.yaml"
    grep -q blue "$E/conda-meta/state"
    run_envm update -n e -f "$WORLD/two.yaml"
    expect_error "nothing to do"
    run_envm env rollback -n e
    expect_status 0
    grep -q red "$E/conda-meta/state"
    ! grep -q SIZE "$E/conda-meta/state"
    # of the same packages, but not of the same variables
    printf '{"env_vars": {"COLOR": "green"}}' >"$E/conda-meta/state"
    run_envm env rollback -n e 0
    expect_status 0
    grep -q red "$E/conda-meta/state"
}

@test "packages that cannot be had leave the environment as it is" {
    envm create -n e $C app=1.0 base-lib=1.0
    envm install -n e 'app>=2' base-lib
    tree >"$WORLD/tree1"
    envm clean --all --yes
    mv "$WORLD/channel" "$WORLD/elsewhere"
    run_envm env rollback -n e
    expect_status 8
    expect_error "going back to revision 0"
    expect_error "fetching "
    tree | diff "$WORLD/tree1" -
    run_envm verify -n e
    expect_status 0
    mv "$WORLD/elsewhere" "$WORLD/channel"
    run_envm env rollback -n e
    expect_status 0
    [ "$("$E/bin/app")" = "app 1 in $E" ]
}

@test "what other tools did is shown, and cannot be gone back to" {
    envm create -n e $C app=1.0
    cat >>"$E/conda-meta/history" <<'TEXT'
==> 2026-02-01 10:00:00 <==
# cmd: /opt/conda/bin/conda install -n e some-thing
# conda version: 24.1.0
-conda-forge/linux-64::libzlib-1.2.13-h5eee18b_0
+conda-forge/linux-64::libzlib-1.3.1-h4ab18f5_1
+conda-forge/noarch::some-thing-0.1-py_0
# update specs: ['some-thing']
TEXT
    envm install -n e $C extra
    run_envm env history -n e --json
    expect_status 0
    [ "$(json '[(r["revision"], r["has_lock"]) for r in d["revisions"]]')" = "[(2, True), (1, False), (0, True)]" ]
    [ "$(json '[(c["name"], c["from"], c["to"]) for c in d["revisions"][1]["changes"]]')" = \
        "[('libzlib', '1.2.13 h5eee18b_0', '1.3.1 h4ab18f5_1'), ('some-thing', None, '0.1 py_0')]" ]
    run_envm env history -n e
    case $output in *"2026-02-01 10:00:00  1 added, 1 changed  (no lock)"*) ;; *) echo "$output"; false ;; esac
    run_envm env rollback -n e
    expect_status 2
    expect_error "of revision 1"
    expect_error "0, 2"
    run_envm env rollback -n e 7
    expect_status 2
    expect_error "no revision 7"
    run_envm env rollback -n e last
    expect_status 2
    run_envm env rollback -n e 0 --json
    expect_status 0
    [ "$(plan)" = "remove extra 1.0" ]
}

@test "an environment without an earlier state, and one of another tool" {
    envm create -n e $C extra
    run_envm env rollback -n e
    expect_status 2
    expect_error "no earlier state"
    rm -r "$E/conda-meta/envm" "$E"/conda-meta/envm.lock*
    run_envm env rollback -n e 0
    expect_status 2
    expect_error "no lock is kept"
    run_envm env history -n nowhere
    expect_status 2
}

@test "a file that two packages own goes back to the one that had it" {
    make_channel "$WORLD/channel" <<'JSON'
[
 {"name": "left", "version": "1.0", "build": "0", "subdir": "linux-64", "files": {"share/both.txt": "left\n"}},
 {"name": "right", "version": "1.0", "build": "0", "subdir": "linux-64", "files": {"share/both.txt": "right\n"}}
]
JSON
    envm create -n e $C left
    envm install -n e right --clobber warn
    tree >"$WORLD/tree1"
    envm remove -n e right left
    run_envm env rollback -n e
    expect_status 11
    expect_error "going back to revision 1"
    run_envm env rollback -n e --clobber warn
    expect_status 0
    tree | diff "$WORLD/tree1" -
    run_envm env rollback -n e 0
    expect_status 0
    [ "$(cat "$E/share/both.txt")" = left ]
    run_envm verify -n e
    expect_status 0
}

@test "a file of the user that is in the way is kept" {
    envm create -n e $C app=1.0 base-lib=1.0
    envm install -n e base-lib=2.0
    echo mine >"$E/lib/base.txt"
    run_envm env rollback -n e
    expect_status 0
    expect_error "base.txt.envm-saved"
    [ "$(cat "$E/lib/base.txt" "$E/lib/base.txt.envm-saved")" = "$(printf '1\nmine')" ]
}

@test "a frozen environment is not gone back from, and dry runs need no right to write" {
    envm create -n e $C app=1.0 base-lib=1.0
    envm install -n e base-lib=2.0
    echo '{}' >"$E/conda-meta/frozen"
    run_envm env rollback -n e
    expect_status 7
    run_envm env rollback -n e --override-frozen --offline
    expect_status 0
    run_envm env rollback -n e --dry-run --json
    expect_status 0
    [ "$(plan)" = "upgrade base-lib 1.0 2.0" ]
    [ "$(json 'd["revision"]')" = 1 ]
}

@test "a lock that was altered is not gone back to" {
    envm create -n e $C app=1.0 base-lib=1.0
    envm install -n e extra
    sed -i 's/base-lib/base-lab/' "$E/conda-meta/envm/revisions/0.lock"
    run_envm env rollback -n e
    expect_status 10
    expect_error "revisions/0.lock"
    [ -e "$E/lib/extra.txt" ]
}

@test "an environment whose own lock is damaged can be gone back from" {
    envm create -n e $C app=1.0 base-lib=1.0
    envm install -n e extra
    echo "no lock" >"$E/conda-meta/envm.lock"
    run_envm env rollback -n e
    expect_status 0
    run_envm verify -n e
    expect_status 0
}

@test "the oldest locks go, and those of a history that is gone" {
    envm create -n e $C extra
    for ((i = 0; i < 60; i++)); do
        printf '==> 2026-01-01 00:00:00 <==\n' >>"$E/conda-meta/history"
    done
    envm install -n e base-lib
    [ "$(ls "$E/conda-meta/envm/revisions")" = 61.lock ]
    sed -i '61,$d' "$E/conda-meta/history"
    count=$(grep -c '^==>' "$E/conda-meta/history")
    envm remove -n e base-lib
    [ "$(ls "$E/conda-meta/envm/revisions")" = "$count.lock" ]
}

@test "a state can be made anew from its file" {
    envm create -n e $C app=1.0 base-lib=1.0
    envm install -n e extra
    run_envm create -n f -f "$E/conda-meta/envm/revisions/0.lock"
    expect_status 0
    [ ! -e "$ENVM_ROOT/envs/f/lib/extra.txt" ]
}
