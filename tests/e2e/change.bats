#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Changes of an environment in place: what stays, what is kept, what is refused, what is completed.
load helpers

setup() {
    setup_world
    standard_channel
    INJECT=$(dirname "$(dirname "$ENVM")")/tests/sweep/inject_syscall
    printf 'channels: [file://%s/channel, nodefaults]\ndependencies: [app, lib=2.0]\n' "$WORLD" >old.yaml
    printf 'channels: [file://%s/channel, nodefaults]\ndependencies: [app, lib=2.1, tool]\n' "$WORLD" >new.yaml
    envm lock -f old.yaml
    envm lock -f new.yaml
    envm create -q -p env -f old.lock
}

teardown() { teardown_world; }

# Stops a sync behind its commit: the last renames and removals are denied one after the other until
# one is found that leaves a journal.
stop_a_sync() {
    [ -x "$INJECT" ] || skip "the injector was not built"
    cp -a env before
    "$INJECT" -k 0 -o count "$ENVM" sync -q -p env -f new.lock
    total=$(awk '/^total/ {print $2}' count)
    for point in $(seq $((total - 30)) -1 1); do
        rm -rf env
        cp -a before env
        ASAN_OPTIONS=detect_leaks=0 "$INJECT" -k "$point" -o count "$ENVM" sync -q -p env -f new.lock || return 1
        if compgen -G 'env/.envm/txn/*/journal.commit' >/dev/null; then
            return 0
        fi
    done
    return 1
}

@test "sync says what it changes, and keeps what is the user's" {
    echo mine >env/lib/mine.txt
    echo edited >env/lib/lib.txt
    run_envm sync -p env -f new.lock --json
    expect_status 0
    [ "$(json '[(s["name"], s["action"]) for s in d["steps"]]')" = "[('lib', 'change'), ('python', 'install'), ('tool', 'install')]" ]
    [ "$(json '[(s["path"], s["saved"]) for s in d["saved"]]')" = "[('lib/lib.txt', 'lib/lib.txt.envm-saved')]" ]
    [ "$(cat env/lib/mine.txt)" = mine ]
    [ "$(cat env/lib/lib.txt.envm-saved)" = edited ]
    [ "$(cat env/lib/lib.txt)" = "two and a bit" ]
    run_envm verify -p env --against new.lock
    expect_status 0
    run_envm sync -p env -f new.lock
    expect_status 0
    expect_error "nothing to do"
}

@test "a file of nobody in the way is refused, or kept on request" {
    mkdir -p env/lib/python3.11
    echo mine >env/lib/python3.11/site.txt
    run_envm sync -p env -f new.lock
    expect_status 11
    expect_error "'lib/python3.11/site.txt' is in the way"
    expect_error "--clobber"
    [ "$(cat env/lib/lib.txt)" = two ]
    run_envm sync -p env -f new.lock --clobber warn
    expect_status 0
    expect_error "lib/python3.11/site.txt.envm-saved"
    [ "$(cat env/lib/python3.11/site.txt.envm-saved)" = mine ]
    run_envm sync -p env -f new.lock --clobber sometimes
    expect_status 2
}

@test "a frozen environment is changed only on request" {
    echo '{"message": "made by the platform team"}' >env/conda-meta/frozen
    run_envm sync -p env -f new.lock
    expect_status 7
    expect_error "made by the platform team"
    [ "$(cat env/lib/lib.txt)" = two ]
    run_envm sync -p env -f new.lock --override-frozen
    expect_status 0
}

@test "recover completes what was interrupted, and readers say that it is to be done" {
    run_envm recover -p env
    expect_status 0
    expect_error "nothing to do"
    stop_a_sync
    run_envm list -p env
    expect_status 0
    expect_error "envm recover -p"
    run_envm recover -p env --dry-run --json
    expect_status 0
    [ "$(json 'd["completed"], d["dropped"]')" = "(1, 0)" ]
    run_envm recover -p env --json
    expect_status 0
    [ "$(json 'd["completed"], d["saved"]')" = "(1, [])" ]
    [ ! -e env/.envm/txn ]
    run_envm verify -p env --against new.lock
    expect_status 0
    run_envm recover -n missing
    expect_status 2
}

@test "the next change completes the one before" {
    stop_a_sync
    run_envm sync -p env -f old.lock
    expect_status 0
    expect_error "an interrupted change of '$WORLD/env' was completed"
    run_envm verify -p env --against old.lock
    expect_status 0
    [ "$(grep -c '^==>' env/conda-meta/history)" = 3 ]
}

@test "a damaged journal is named and left" {
    stop_a_sync
    journal=$(echo env/.envm/txn/*/journal.commit)
    sed -i '3s/new/nev/' "$journal"
    run_envm sync -p env -f new.lock
    expect_status 10
    expect_error "the journal is damaged: line 3"
    [ -e "$journal" ]
}

@test "whoever comes second waits, is told for whom, and gets there" {
    mkdir -p env/.envm
    python3 -c 'import fcntl, sys, time
lock = open("env/.envm/lock", "a+")
fcntl.flock(lock, fcntl.LOCK_EX)
print(flush=True)
time.sleep(4)' >held 3>&- &
    PIDS+=($!)
    wait_for held
    run_envm sync -p env -f new.lock
    expect_status 0
    expect_error "waiting for the lock"
    run_envm verify -p env --against new.lock
    expect_status 0
}

@test "eight changes at once: one after the other, the last one wins" {
    pids=()
    for i in 1 2 3 4 5 6 7 8; do
        lock=new.lock
        [ $((i % 2)) = 0 ] || lock=old.lock
        "$ENVM" sync -q -p env -f $lock >"out.$i" 2>&1 3>&- &
        pids+=($!)
    done
    for pid in "${pids[@]}"; do
        wait "$pid"
    done
    run_envm verify -p env
    expect_status 0
    cat env/conda-meta/history
    [ ! -e env/.envm/txn ]
}

@test "two packages want one path: refused with both names, decided on request, given back" {
    make_channel "$WORLD/rivals" <<'JSON'
[
 {"name": "first", "version": "1.0", "subdir": "linux-64", "files": {"bin/x": "of first\n", "share/first": "1"}},
 {"name": "second", "version": "1.0", "subdir": "linux-64", "depends": ["first"], "files": {"bin/x": "of second\n"}}
]
JSON
    from=(-c "file://$WORLD/rivals" --override-channels)
    run_envm create -p two "${from[@]}" second
    expect_status 11
    expect_error "'bin/x' comes from both first-1.0-0 and second-1.0-0"
    [ ! -e two ]
    run_envm create -p two "${from[@]}" --clobber warn first second
    expect_status 0
    [ "$(cat two/bin/x)" = "of second" ]
    run_envm verify -p two
    expect_status 0
    run_envm remove -p two second
    expect_status 0
    [ "$(cat two/bin/x)" = "of first" ]
    run_envm verify -p two
    expect_status 0
}

@test "an environment is made equal to an explicit list, too" {
    printf '@EXPLICIT\nfile://%s/channel/linux-64/lib-2.1-0.tar.bz2\n' "$WORLD" >list.txt
    run_envm install -p env -f list.txt
    expect_status 2
    expect_error "envm sync -f list.txt"
    run_envm sync -p env -f list.txt
    expect_status 0
    run_envm list -p env --json
    [ "$(json '[(p["name"], p["version"]) for p in d["packages"]]')" = "[('lib', '2.1')]" ]
    run_envm verify -p env
    expect_status 0
    # what was asked for before does not come back
    run_envm update -p env --dry-run --json
    expect_status 0
    [ "$(json 'd["requests"], d["nothing_to_do"]')" = "(['lib'], False)" ]
    [ "$(json 'len(d["changes"])')" = 0 ]
    printf 'dependencies: [lib]\n' >none.yaml
    run_envm sync -p env -f none.yaml
    expect_status 12
    expect_error "none.lock, which sync needs"
}

@test "recover removes what a killed repair has left in conda-meta" {
    : >env/conda-meta/.envm-abcdefghijklmnop.tmp
    mkdir -p env/conda-meta/envm/revisions
    : >env/conda-meta/envm/revisions/.envm-abcdefghijklmnop.tmp
    [ ! -e env/.envm/txn ]
    run_envm recover -p env --dry-run
    expect_status 0
    [ -e env/conda-meta/.envm-abcdefghijklmnop.tmp ]
    run_envm recover -p env
    expect_status 0
    [ ! -e env/conda-meta/.envm-abcdefghijklmnop.tmp ]
    [ ! -e env/conda-meta/envm/revisions/.envm-abcdefghijklmnop.tmp ]
}

@test "a damaged journal is named by all, and repair makes it again" {
    stop_a_sync
    journal=$(echo env/.envm/txn/*/journal.commit)
    sed -i '7s/./?/' "$journal"
    for command in "recover -p env" "install -p env lib" "sync -p env -f new.lock"; do
        run_envm $command
        expect_status 10
        expect_error "the journal is damaged: line 7"
        expect_error "envm repair"
    done
    run_envm verify -p env
    expect_status 10
    [[ $output == *"$journal"* || $output == *"journal.commit"* ]]
    run_envm repair -p env
    expect_status 0
    [[ $output == *"journal.commit"* ]]
    [ ! -e env/.envm/txn ]
    run_envm verify -p env --against new.lock
    expect_status 0
}
