#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
load helpers

setup() { setup_world; }
teardown() { teardown_world; }

@test "version and help" {
    [ "$(envm --version)" = "envm 0.1.0" ]
    envm --help | grep -q "envm create -n science python=3.12 numpy"
    [ "$(envm)" = "$(envm --help)" ]
    [ "$(envm help tree)" = "$(envm tree --help)" ]
    [ -z "$(LC_ALL=C "$ENVM" tree --help | LC_ALL=C tr -d '\0-\177')" ]
    for command in $(envm --help | sed -n "s/^  \([a-z]\{1,12\}\)  .*/\1/p"); do
        envm "$command" --help | grep -q "^examples:"
    done
}

@test "unknown commands and options are usage errors, also as JSON" {
    run_envm frobnicate
    expect_status 2
    expect_error "frobnicate"
    run_envm create --frobnicate
    expect_status 2
    expect_error "--frobnicate"
    run_envm create -n
    expect_status 2
    run_envm create 'numpy >=2' scipy
    expect_status 2
    expect_error "for example: envm create -n myenv 'numpy >=2' …"
    run_envm list --json -n nosuch
    expect_status 2
    [ "$(json 'd["success"], d["error"]["kind"], d["error"]["exit"]')" = "(False, 'usage', 2)" ]
}

@test "--json prints exactly one object to stdout" {
    run_envm info --json
    expect_status 0
    [ "$(json 'd["success"], d["platform"]')" = "(True, '$(envm info | sed -n 's/^platform *//p')')" ]
    run_envm env list --json
    [ "$(json 'd["environments"]')" = "[]" ]
}

@test "a full disk behind stdout is an error" {
    run envm info >/dev/full
    run sh -c '"$1" info >/dev/full' sh "$ENVM"
    [ "$status" -eq 8 ]
}

@test "closed descriptors do no harm" {
    sh -c '"$1" info >&- 2>&- <&-' sh "$ENVM" || true
    sh -c '"$1" info <&-' sh "$ENVM" >/dev/null
}

@test "plumbing answers line by line" {
    [ "$(printf '1.9\t1.10\n1.0\t1.0.0\n2\t1!0\nx y\t1\n1\n' | envm plumbing compare-versions | tr '\n' ' ')" = "-1 0 -1 invalid invalid " ]
    [ "$(printf 'numpy>=2\tnumpy\t2.1\tpy_0\t0\nnumpy=1.7\tnumpy\t1.7.1\tpy_0\t0\nnumpy 1.7\tnumpy\t1.7.1\tpy_0\t0\n[\ta\t1\t0\t0\n' | envm plumbing match | tr '\n' ' ')" = "true true false invalid " ]
    envm plumbing parse-spec <<<'blas [optional' | grep -q '^invalid: '
    [ "$(envm plumbing parse-spec <<<'numpy 1.7*')" = "numpy=1.7" ]
}

@test "the manual has every option" {
    envm plumbing options | while IFS=$'\t' read -r command option argument; do
        grep -qF -- "$option" "$SOURCE/docs/man/envm.1.scd" || {
            echo "$command $option is not in envm.1.scd"
            exit 1
        }
    done
}

@test "configuration: files, variables and flags, with their sources" {
    mkdir -p "$HOME/.config/envm"
    printf 'channels: [bioconda]\nchannel_priority: flexible\n' >"$HOME/.config/envm/config.yaml"
    printf 'channels: [conda-forge]\nsome_conda_key: 1\nssl_verify: false\n' >"$HOME/.condarc"
    run_envm info --json
    expect_status 0
    [ "$(json 'd["channels"]')" = "['bioconda', 'conda-forge']" ]
    [ "$(json 'd["settings"]["channel_priority"]["source"].endswith("config.yaml")')" = True ]
    ENVM_CHANNELS="a b" run_envm info --json
    [ "$(json 'd["channels"]')" = "['a', 'b']" ]
    printf 'chanels: [bioconda]\n' >"$HOME/.config/envm/config.yaml"
    run_envm info
    expect_status 2
    expect_error "config.yaml:1:1"
    expect_error "chanels"
    run_envm info --no-config
    expect_status 0
}

@test "environment files: every message has file, line and column" {
    printf 'name: x\ndependencies:\n  - python\n  - npm:\n    - left\n' >bad.yaml
    run_envm create -f bad.yaml --dry-run
    expect_status 6
    expect_error "bad.yaml:4:"
    printf 'name: x\nfoo: 1\ndependencies: []\n' >warn.yaml
    run_envm create -f warn.yaml --dry-run --offline --override-channels
    expect_error "warn.yaml:2:1"
    printf 'name: x\ndependencies:\n  - "numpy >=1 >"\n' >spec.yaml
    run_envm create -f spec.yaml --dry-run
    expect_status 6
    expect_error "spec.yaml:3"
    run_envm create -f missing.yaml
    expect_status 8
    expect_error "missing.yaml"
}

@test "environment files: a name that cannot be used is no obstacle where another is given" {
    printf 'name: my science\ndependencies: []\n' >env.yaml
    run_envm create -f env.yaml --offline
    expect_status 2
    expect_error "the name 'my science' is not used"
    expect_error "neither a name nor a path"
    run_envm create -n science -f env.yaml --offline
    expect_status 0
    printf 'name: x\nvariables: {A: b}\n' >env.yaml
    run_envm create -f env.yaml --offline
    expect_status 0
    [ "$(envm run -n x sh -c 'echo $A')" = b ]
    run_envm env create -n y -f env.yaml --offline
    expect_status 0
    [ -d "$ENVM_ROOT/envs/y/conda-meta" ]
    printf 'dependencies:\n  - a\n  b\n' >bad.yaml
    run_envm create -n x -f bad.yaml
    expect_status 6
    expect_error "bad.yaml:3:3: this is neither an item"
    expect_error "hint: check the indentation"
}

@test "foreign locks are recognised and refused with a way out" {
    printf 'version: 1\nmetadata:\n  platforms: [linux-64]\npackage:\n- name: x\n' >conda-lock.yml
    run_envm create -n x -f conda-lock.yml
    expect_status 6
    expect_error "conda-lock"
}

@test "JSON is asked for and had, even when nothing else can be understood" {
    for line in "creat --json" "--json list" "create --bogus --json" "create -n" "help nope --json"; do
        # shellcheck disable=SC2086
        run_envm $line --json
        expect_status 2
        [ "$(json 'd["success"], d["error"]["kind"], d["error"]["exit"]')" = "(False, 'usage', 2)" ]
    done
    run_envm run -n x --bogus program --json
    expect_status 2
    [ -z "$output" ]
    output=$(echo 'numpy >=2' | envm plumbing parse-spec --json)
    [ "$(json 'd["lines"], d["success"]')" = "([\"numpy[version='>=2']\"], True)" ]
}

@test "a slip of the finger is recognised" {
    run_envm craete -n x
    expect_status 2
    expect_error 'did you mean `envm create`?'
    run_envm create --overide-channels
    expect_error "did you mean --override-channels?"
    run_envm create --no-such-option
    expect_error "envm create --help"
    run_envm whoneeds x
    expect_status 2
    expect_error 'did you mean `envm why`?'
    run_envm env tree
    expect_status 2
    expect_error 'there is `envm tree`'
    run_envm help lits
    expect_status 2
    expect_error 'did you mean `envm list`?'
}

@test "a reader that goes away is no error to talk about" {
    { "$ENVM" plumbing options 2>"$WORLD/stderr" || echo $? >"$WORLD/code"; } | (exec <&-; sleep 1)
    [ "$(cat "$WORLD/code")" -eq 141 ]
    [ ! -s "$WORLD/stderr" ]
}

@test "a configuration that others may write is refused" {
    printf 'channels: [bioconda]\n' >"$HOME/.condarc"
    chmod 666 "$HOME/.condarc"
    run_envm info
    expect_status 2
    expect_error ".condarc: others may write"
    run_envm info --no-config
    expect_status 0
    chmod 664 "$HOME/.condarc"
    run_envm info
    expect_status 0
}

# Loading them takes longer than these commands run.
@test "what needs no network and no archive loads neither library" {
    nm -D "$(dirname "$ENVM")/libenvm.so" 2>/dev/null | grep -q " U curl_easy_init" && skip "libcurl is linked"
    for command in --version "hook bash" "env list" info; do
        # shellcheck disable=SC2086
        LD_DEBUG=files "$ENVM" $command >/dev/null 2>"$WORLD/libraries"
        grep -q "libcrypto" "$WORLD/libraries"
        ! grep -E "lib(curl|archive)" "$WORLD/libraries"
    done
}
