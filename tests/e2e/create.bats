#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

setup() {
    setup_world
    standard_channel
    cat >env.yaml <<YAML
name: science
channels:
  - file://$WORLD/channel
  - nodefaults
dependencies:
  - app
  - tool
variables:
  MODE: "it's \$HOME"
YAML
}

teardown() { teardown_world; }

@test "create makes the environment, its lock and its records" {
    run_envm create -f env.yaml
    expect_status 0
    expect_error "lock written to env.lock"
    prefix=$ENVM_ROOT/envs/science
    [ "$("$prefix/bin/app" x)" = "app of $prefix x" ]
    [ -f "$prefix/conda-meta/history" ]
    [ -f "$prefix/conda-meta/app-1.0-h1_0.json" ]
    cmp env.lock "$prefix/conda-meta/envm.lock"
    grep -q "tree: sha256:" env.lock
    grep -qxF "$prefix" "$HOME/.conda/environments.txt"
    run_envm list -n science --json
    expect_status 0
    [ "$(json '[p["name"] for p in d["packages"]]')" = "['app', 'lib', 'python', 'tool']" ]
    [ "$(json 'd["success"]')" = True ]
}

@test "a second create finds that nothing is to be done" {
    envm create -f env.yaml
    before=$(stat -c %Y.%i "$ENVM_ROOT/envs/science/conda-meta/history" env.lock)
    run_envm create -f env.yaml
    expect_status 0
    expect_error "nothing to do"
    [ "$before" = "$(stat -c %Y.%i "$ENVM_ROOT/envs/science/conda-meta/history" env.lock)" ]
}

@test "an existing environment that differs is refused, and replaced with --force" {
    envm create -f env.yaml
    run_envm create -n science --override-channels -c "$WORLD/channel" lib=1.0
    expect_status 2
    expect_error "--force"
    expect_error "sync"
    run_envm create -n science --override-channels -c "$WORLD/channel" lib=1.0 --force
    expect_status 0
    [ "$(cat "$ENVM_ROOT/envs/science/lib/lib.txt")" = one ]
    [ ! -e "$ENVM_ROOT/envs/science/bin/app" ]
}

@test "a folder that is not an environment is never touched" {
    mkdir mine && echo precious >mine/file
    run_envm create -p mine --override-channels -c "$WORLD/channel" lib --force
    expect_status 2
    expect_error "is not an environment"
    [ "$(cat mine/file)" = precious ]
    mkdir empty
    run_envm create -p empty --override-channels -c "$WORLD/channel" lib
    expect_status 0
    [ -f empty/lib/lib.txt ]
}

@test "no name and no path is a usage error with an example" {
    run_envm create lib
    expect_status 2
    expect_error "envm create -n myenv"
}

@test "names that could escape are refused" {
    for name in ../x a/b .. base root 'a b' 'a;id' '$(id)' -rf ''; do
        run_envm create "--name=$name" --override-channels -c "$WORLD/channel" lib
        [ "$status" -eq 2 ] || { echo "name: $name, status $status"; return 1; }
    done
    [ ! -e "$ENVM_ROOT/envs" ] || [ -z "$(ls "$ENVM_ROOT/envs")" ]
}

@test "no solution: exit 3, the conflict in words, nothing left" {
    run_envm create -n x --override-channels -c "$WORLD/channel" app lib=1.0
    expect_status 3
    expect_error "app"
    expect_error "lib"
    [ ! -e "$ENVM_ROOT/envs/x" ]
    run_envm create -n x --override-channels -c "$WORLD/channel" nosuchpackage --json
    expect_status 3
    [ "$(json 'd["success"], d["error"]["kind"], d["error"]["exit"]')" = "(False, 'no-solution', 3)" ]
}

@test "a corrupt package: exit 5, no environment, nothing in the cache" {
    make_channel bad <<'JSON'
[{"name": "rotten", "version": "1", "build": "0", "subdir": "linux-64", "files": {"a": "b"}, "damage": "flip"},
 {"name": "good", "version": "1", "build": "0", "subdir": "linux-64", "files": {"g": "b"}}]
JSON
    run_envm create -n x --override-channels -c "$WORLD/bad" rotten good
    expect_status 5
    expect_error "rotten"
    [ ! -e "$ENVM_ROOT/envs/x" ]
    [ -z "$(find "$ENVM_ROOT" -name '.*.envm-*' 2>/dev/null)" ]
}

@test "two packages that own one path: exit 11, both named" {
    make_channel clash <<'JSON'
[{"name": "a", "version": "1", "build": "0", "subdir": "linux-64", "files": {"share/x": "1"}},
 {"name": "b", "version": "1", "build": "0", "subdir": "linux-64", "files": {"share/x": "2"}},
 {"name": "c", "version": "1", "build": "0", "subdir": "linux-64", "files": {"share/x": "1"}}]
JSON
    run_envm create -n x --override-channels -c "$WORLD/clash" a b
    expect_status 11
    expect_error "share/x"
    [ ! -e "$ENVM_ROOT/envs/x" ]
    run_envm create -n x --override-channels -c "$WORLD/clash" a c
    expect_status 0
    run_envm verify -n x
    expect_status 0
}

@test "the pip section is refused, and left out with --no-pip" {
    cat >pip.yaml <<YAML
name: withpip
channels: ["file://$WORLD/channel", nodefaults]
dependencies:
  - lib
  - pip:
      - requests==2.0
YAML
    run_envm create -f pip.yaml
    expect_status 6
    expect_error "pip.yaml:5"
    expect_error "--no-pip"
    run_envm create -f pip.yaml --no-pip
    expect_status 0
    grep -q "requests==2.0" pip.lock
    run_envm verify -n withpip --json
    expect_status 0
    [ "$(json 'd["omitted_pip"]')" = "['requests==2.0']" ]
}

@test "dry-run changes nothing" {
    run_envm create -f env.yaml --dry-run --json
    expect_status 0
    [ "$(json 'sorted(d["packages"][0]) == sorted(["name","version","build","build_number","channel","subdir","url","sha256","md5","size"])')" = True ]
    [ ! -e "$ENVM_ROOT" ]
    [ ! -e env.lock ]
}

@test "post-link scripts are not run, but named" {
    make_channel scripts <<'JSON'
[{"name": "s", "version": "1", "build": "0", "subdir": "linux-64", "files": {"a": "b"},
  "link_scripts": {"post-link": "#!/bin/sh\ntouch $PREFIX/ran\n"}}]
JSON
    run_envm create -p x --override-channels -c "$WORLD/scripts" s
    expect_status 0
    expect_error "bin/.s-post-link.sh"
    [ ! -e x/ran ]
}

@test "an @EXPLICIT list and a list of specs install" {
    url=file://$WORLD/channel/linux-64/lib-2.0-0.conda
    sha=$(sha256sum "$WORLD/channel/linux-64/lib-2.0-0.conda" | cut -d' ' -f1)
    printf '@EXPLICIT\n%s#%s\n' "$url" "$sha" >explicit.txt
    run_envm create -p one -f explicit.txt
    expect_status 0
    [ "$(cat one/lib/lib.txt)" = two ]
    printf '@EXPLICIT\n%s#%s\n' "$url" "${sha%?}0" >wrong.txt
    [ "${sha: -1}" != 0 ] || printf '@EXPLICIT\n%s#%s\n' "$url" "${sha%?}1" >wrong.txt
    run_envm create -p two -f wrong.txt
    expect_status 5
    [ ! -e two ]
    printf '# comment\napp\nlib >=2,<2.1   # why\n' >specs.txt
    run_envm create -p three -f specs.txt --override-channels -c "$WORLD/channel"
    expect_status 0
    [ "$(cat three/lib/lib.txt)" = two ]
}

@test "env list and env remove" {
    envm create -f env.yaml
    run_envm env list --json
    [ "$(json '[(e["name"], e["active"]) for e in d["environments"]]')" = "[('science', False)]" ]
    run_envm env remove -p "$WORLD/channel"
    expect_status 7
    [ -d "$WORLD/channel/linux-64" ]
    run_envm env remove -n science --dry-run
    expect_status 0
    [ -d "$ENVM_ROOT/envs/science" ]
    run_envm env remove -n science
    expect_status 0
    [ ! -e "$ENVM_ROOT/envs/science" ]
    [ -z "$(ls -A "$ENVM_ROOT/envs")" ]
    ! grep -q science "$HOME/.conda/environments.txt"
}

@test "run gives the environment, the arguments and the exit status" {
    envm create -f env.yaml
    [ "$(envm run -n science app 'a b' "c'd")" = "app of $ENVM_ROOT/envs/science a b c'd" ]
    run envm run -n science -- sh -c 'exit 7'
    [ "$status" -eq 7 ]
    [ "$(envm run -n science sh -c 'echo "$MODE"')" = "it's \$HOME" ]
    [ "$(envm run -n science sh -c 'echo "$CONDA_PREFIX"')" = "$ENVM_ROOT/envs/science" ]
    [ "$(envm run -n science tool)" = "tool runs" ]
    [ "$(envm run -n science tool-script)" = "script" ]
    run envm run -n science sh -c 'kill -TERM $$'
    [ "$status" -eq 143 ]
    run_envm run -n science no-such-program
    expect_status 2
    expect_error "no-such-program"
}

@test "an existing environment whose variables differ is refused, and replaced with --force" {
    printf 'channels: [%s/channel, nodefaults]\ndependencies: [app]\nvariables: {A: one}\n' "$WORLD" >env.yaml
    envm create -q -p env -f env.yaml
    sed -i 's/one/two/' env.yaml
    run_envm create -p env -f env.yaml
    expect_status 2
    expect_error "differs from what was asked"
    [ "$(envm run -p env sh -c 'echo $A')" = one ]
    envm create -q -p env -f env.yaml --force
    [ "$(envm run -p env sh -c 'echo $A')" = two ]
    run_envm create -p env -f env.yaml
    expect_status 0
    expect_error "nothing to do"
}

@test "a symbolic link never becomes an environment, and its target is named" {
    mkdir real
    ln -s real link
    ln -s nowhere dangling
    envm create -q -p made -c "$WORLD/channel" --override-channels app
    ln -s made alias
    for path in link dangling alias; do
        run_envm create -p "$path" --force -c "$WORLD/channel" --override-channels app
        expect_status 2
        expect_error "symbolic link"
    done
    expect_error "$WORLD/made"
    [ -L link ] && [ -L dangling ] && [ -L alias ]
    envm verify -q -p alias
    run_envm env remove -p alias
    expect_status 2
    expect_error "$WORLD/made"
    [ -L alias ]
    [ "$(find . -maxdepth 1 -name '.*envm-*')" = "" ]
}

@test "an environment of nothing needs no channel; an empty file is an error" {
    envm create -q -p empty -c "$WORLD/nowhere"
    [ "$(envm list -q -p empty)" = "" ]
    : >empty.lock
    run_envm create -p other -f empty.lock
    expect_status 6
    expect_error "empty.lock is empty"
    [ ! -e other ]
}

@test "what cannot be written is named with its path" {
    run_envm create -p /proc/envm-test -c "$WORLD/channel" --override-channels app
    expect_status 8
    expect_error "/proc/envm-test"
    expect_error "hint:"
    mkdir ro
    : >ro/pkgs
    ENVM_CACHE="$WORLD/ro" run_envm create -p env -c "$WORLD/channel" --override-channels app
    expect_status 8
    expect_error "$WORLD/ro"
}

@test "only an environment in the root is shown by a name" {
    run_envm create -p "$WORLD/envs/there" -c "$WORLD/channel" --override-channels app
    expect_status 0
    expect_error "$WORLD/envs/there"
    run_envm create -n here -c "$WORLD/channel" --override-channels app
    expect_error "envm activate here"
}

@test "verify says how to mend a damaged environment, and the command does it" {
    envm create -q -p env -c "$WORLD/channel" --override-channels app
    rm env/bin/app
    run_envm verify -p env
    expect_status 10
    hint=$(printf '%s\n' "$errors" | sed -n 's/^hint: mend it: envm //p')
    eval "envm $hint"
    envm verify -q -p env
}

@test "a terminal that goes away stops a create like Ctrl-C" {
    python3 -B -u -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(); print(s.getsockname()[1], flush=True)
import time; time.sleep(60)' >"$WORLD/port" 3>&- &
    PIDS+=($!)
    wait_for "$WORLD/port"
    "$ENVM" create -p gone --override-channels -c "http://127.0.0.1:$(cat "$WORLD/port")" app 2>stderr 3>&- &
    pid=$!
    sleep 0.7
    kill -HUP "$pid"
    status=0
    wait "$pid" || status=$?
    [ "$status" -eq 130 ]
    grep -q '^envm: interrupted$' stderr
    [ ! -e gone ]
}

@test "a package given by URL or path takes part in a solve" {
    mkdir -p "$WORLD/elsewhere"
    cp "$WORLD"/channel/linux-64/lib-2.0-0.* "$WORLD/elsewhere/"
    file=$(ls "$WORLD"/elsewhere/lib-2.0-0.*)
    run_envm create -n mixed --override-channels -c "$WORLD/channel" app "$file" --json
    expect_status 0
    [ "$(json '[(p["name"], p["version"]) for p in d["packages"]]')" = "[('app', '1.0'), ('lib', '2.0')]" ]
    [ "$(json '[p["url"] for p in d["packages"]][1]')" = "file://$file" ]
    run_envm verify -n mixed
    expect_status 0
    run_envm create -n other --override-channels -c "$WORLD/channel" 'lib >=2.1' "file://$file"
    expect_status 3
    expect_error "lib >=2.1"
}
