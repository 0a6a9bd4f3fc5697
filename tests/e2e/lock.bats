#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

setup() {
    setup_world
    standard_channel
    cat >env.yaml <<YAML
channels: ["file://$WORLD/channel", nodefaults]
dependencies:
  - app
  - lib 2.0
YAML
}

teardown() { teardown_world; }

@test "lock writes without installing, create installs it as it is" {
    run_envm lock -f env.yaml
    expect_status 0
    [ ! -e "$ENVM_ROOT" ]
    ! grep -q "tree:" env.lock
    run_envm create -p env -f env.yaml --locked
    expect_status 0
    [ "$(cat env/lib/lib.txt)" = two ]
    grep -q "tree: sha256:" env.lock
}

@test "lock --fetch knows the digest that create will find" {
    envm lock -f env.yaml --fetch
    locked=$(grep -o 'tree: sha256:[0-9a-f]*' env.lock)
    envm create -p env -f env.lock
    [ "tree: $(envm verify -p env --quiet | sed 's/^tree //')" = "$locked" ]
}

@test "the same content gives the same bytes, and a second lock changes nothing" {
    envm lock -f env.yaml
    cp env.lock first
    touch -d yesterday env.lock
    before=$(stat -c %Y env.lock)
    run_envm lock -f env.yaml
    expect_status 0
    expect_error "unchanged"
    [ "$before" = "$(stat -c %Y env.lock)" ]
    rm env.lock
    sed -i 's/^  - app$/  - app  # a comment/' env.yaml
    envm lock -f env.yaml
    cmp first env.lock
}

@test "lock --check is offline and says what does not fit" {
    run_envm lock -f env.yaml --check
    expect_status 12
    envm lock -f env.yaml
    mv channel gone
    run_envm lock -f env.yaml --check
    expect_status 0
    sed -i 's/lib 2.0/lib 2.1/' env.yaml
    run_envm lock -f env.yaml --check
    expect_status 12
    expect_error "lib 2.1"
    run_envm lock -f env.yaml --check --json
    [ "$(json 'd["error"]["kind"], len(d["stale"])')" = "('stale-lock', 1)" ]
}

@test "locked and frozen" {
    run_envm create -p env -f env.yaml --locked
    expect_status 12
    run_envm create -p env -f env.yaml --frozen
    expect_status 12
    [ ! -e env ]
    envm lock -f env.yaml
    sed -i 's/lib 2.0/lib 2.1/' env.yaml
    run_envm create -p env -f env.yaml --locked
    expect_status 12
    [ ! -e env ]
    cp env.lock before
    run_envm create -p env -f env.yaml --frozen
    expect_status 0
    [ "$(cat env/lib/lib.txt)" = two ]
    cmp env.lock before
}

@test "a stale lock is solved again from the old one, and what moved is listed" {
    sed -i 's/lib 2.0/lib 1.0/; s/  - app/  - tool/' env.yaml
    envm create -p one -f env.yaml
    sed -i 's/lib 1.0/lib/' env.yaml
    # lib may now be 2.1, but nothing asks for it to move.
    run_envm create -p two -f env.yaml
    expect_status 0
    [ "$(cat two/lib/lib.txt)" = one ]
    echo "  - app" >>env.yaml
    run_envm create -p three -f env.yaml
    expect_status 0
    expect_error "lib 1.0 -> 2."
    expect_error "+ app 1.0"
}

@test "lock --update moves only what is named" {
    cat >env.yaml <<YAML
channels: ["file://$WORLD/channel", nodefaults]
dependencies: [lib, tool]
YAML
    sed 's/\[lib, tool\]/[lib 1.0, tool]/' env.yaml >old.yaml
    envm lock -f old.yaml -o env.lock
    run_envm lock -f env.yaml
    ! grep -q lib-2 env.lock
    run_envm lock -f env.yaml --update tool
    ! grep -q lib-2 env.lock
    run_envm lock -f env.yaml --update lib
    expect_status 0
    expect_error "lib 1.0 -> 2.1"
    grep -q lib-2.1 env.lock
    sed 's/\[lib,/[lib 1.*,/' env.yaml >held.yaml
    run_envm lock -f held.yaml -o held.lock
    run_envm lock -f held.yaml -o held.lock --update lib
    expect_error 'lib stays at 1.0: 2.1 is held back: the request "lib 1.*"'
    run_envm lock -f held.yaml -o held.lock --update --json
    [[ "$(json 'd["held_back"]')" == "['linux-64: lib stays at 1.0: "* ]]
    run_envm lock -f env.yaml --update nosuch
    expect_status 2
}

@test "a lock goes into a pipe" {
    printf 'channels: ["file://%s/channel", nodefaults]\ndependencies: [lib]\n' "$WORLD" >piped.yaml
    timeout 60 "$ENVM_PROGRAM" lock -f piped.yaml -o /dev/stdout 2>messages | cat >piped.lock
    run_envm lock -f piped.yaml -o plain.lock
    cmp piped.lock plain.lock
    envm lock -f piped.yaml -o /dev/stdout >redirected.lock
    cmp redirected.lock plain.lock
    run_envm lock -f piped.yaml --check -o <(cat piped.lock)
    expect_status 0
}

@test "several platforms in one lock, and create keeps the others" {
    make_channel multi <<'JSON'
[{"name": "x", "version": "1", "build": "0", "subdir": "linux-64", "files": {"x": "l"}},
 {"name": "x", "version": "1", "build": "0", "subdir": "osx-arm64", "files": {"x": "m"}},
 {"name": "n", "version": "1", "build": "0", "subdir": "noarch", "noarch": "generic", "files": {"n": "n"}}]
JSON
    printf 'channels: ["file://%s/multi", nodefaults]\nplatforms: [linux-64, osx-arm64]\ndependencies: [x, n]\n' "$WORLD" >multi.yaml
    run_envm lock -f multi.yaml
    expect_status 0
    [ "$(grep -c 'noarch/n-1-0.conda:$' multi.lock)" -eq 1 ]
    [ "$(grep -cE '^      (linux-64|osx-arm64):$' multi.lock)" -eq 2 ]
    envm create -p env -f multi.yaml
    grep -q '^      osx-arm64:$' multi.lock
    [ "$(cat env/x)" = l ]
    run_envm create -p mac -f multi.lock --platform osx-arm64
    expect_status 0
    [ "$(cat mac/x)" = m ]
    run_envm create -p win -f multi.lock --platform win-64
    expect_status 12
}

@test "an environment file is read once, from standard input too" {
    sed -i 's/^dep/platforms: [linux-64, osx-arm64]\nfancy: 1\ndep/; s/  - app/  - tool/; /lib 2.0/d' env.yaml
    errors=$(envm lock -f - -o piped.lock --platform linux-64 <env.yaml 2>&1 >/dev/null)
    [ "$(grep -c "unknown key 'fancy'" <<<"$errors")" -eq 1 ]
    envm lock -f env.yaml --platform linux-64
    cmp env.lock piped.lock
}

@test "an edited lock is refused, and nothing is installed" {
    envm create -p good -f env.yaml
    for edit in 's/^    sha256: ./    sha256: 0/' 's/tree: sha256:./tree: sha256:0/'; do
        sed "$edit" env.lock >edited.lock
        cmp -s env.lock edited.lock && continue
        run_envm create -p env -f edited.lock
        [ "$status" -eq 5 ] || { echo "$edit: $status $errors"; return 1; }
        [ ! -e env ]
    done
    sed '/^    sha256/d' env.lock >edited.lock
    run_envm create -p env -f edited.lock
    expect_status 7
    sed 's/^version: 1/version: 9/' env.lock >edited.lock
    run_envm create -p env -f edited.lock
    expect_status 6
    expect_error "newer envm"
    printf '<<<<<<< HEAD\n' | cat - env.lock >edited.lock
    run_envm create -p env -f edited.lock
    expect_status 6
    expect_error "merge conflict at line 1"
}

@test "a machine that lacks what the lock needs: exit 12 before any download" {
    envm lock -f env.yaml
    CONDA_OVERRIDE_GLIBC=2.5 run_envm create -p env -f env.lock
    expect_status 12
    expect_error "__glibc"
}

@test "verify --against finds drift from a lock" {
    envm create -p env -f env.yaml
    run_envm verify -p env --against env.lock
    expect_status 0
    sed 's/lib 2.0/lib 2.1/' env.yaml >other.yaml
    envm lock -f other.yaml
    run_envm verify -p env --against other.lock
    expect_status 10
    case $output in *"the lock holds 2.1"*) ;; *) echo "$output"; return 1 ;; esac
}

@test "verify finds what was changed, removed and added" {
    envm create -p env -f env.yaml
    chmod u+w env/bin/app && echo "# more" >>env/bin/app
    rm env/lib/lib.txt
    echo mine >env/extra
    run_envm verify -p env --json
    expect_status 10
    [ "$(json 'sorted((f["kind"], f["path"]) for f in d["findings"])')" = "[('altered', 'bin/app'), ('extra', 'extra'), ('missing', 'lib/lib.txt')]" ]
    [ "$(json 'd["damage"]')" = 2 ]
}

@test "sync makes an environment equal to a lock, or leaves it alone" {
    envm lock -f env.yaml
    run_envm sync -p env -f env.lock
    expect_status 2
    expect_error "envm create"
    envm create -p env --override-channels -c "$WORLD/channel" lib=1.0
    echo mine >env/mine
    run_envm sync -p env -f env.lock --dry-run
    expect_status 0
    [ "$(cat env/lib/lib.txt)" = one ]
    run_envm sync -p env -f env.yaml
    expect_status 0
    [ "$(cat env/lib/lib.txt)" = two ]
    [ "$(cat env/mine)" = mine ]
    before=$(stat -c %i env)
    CONDA_PREFIX="$WORLD/env" run_envm sync -f env.lock
    expect_status 0
    expect_error "nothing to do"
    [ "$before" = "$(stat -c %i env)" ]
    run_envm verify -p env --against env.lock
    expect_status 0
    run_envm sync -p env
    expect_status 2
}
