#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# tree, why: who needs whom, in environments, locks and solutions.
load helpers

setup() {
    setup_world
    make_channel "$WORLD/channel" <<'JSON'
[
 {"name": "zlib", "version": "1.3", "build": "0", "subdir": "linux-64", "files": {"lib/z": "z"}},
 {"name": "ssl", "version": "3.1", "build": "0", "subdir": "linux-64", "depends": ["zlib >=1.2"], "files": {"lib/ssl": "s"}},
 {"name": "python", "version": "3.12.1", "build": "0", "subdir": "linux-64",
  "depends": ["ssl >=3,<4", "zlib", "__glibc >=2.17", "pip"], "files": {"bin/python": "p"}},
 {"name": "pip", "version": "24.0", "build": "0", "subdir": "noarch", "noarch": "generic",
  "depends": ["python >=3.8", "python <4"], "files": {"x/pip": "p"}},
 {"name": "web", "version": "2.0", "build": "0", "subdir": "noarch", "noarch": "generic",
  "depends": ["python", "ssl"], "constrains": ["zlib >=1", "absent <3"], "files": {"x/web": "w"}},
 {"name": "data", "version": "1.5", "build": "0", "subdir": "noarch", "noarch": "generic",
  "depends": ["python >=3.11"], "files": {"x/data": "d"}},
 {"name": "data", "version": "1.0", "build": "0", "subdir": "osx-arm64", "depends": [], "files": {"x/data": "d"}}
]
JSON
    FROM=(-c "$WORLD/channel" --override-channels)
}

teardown() { teardown_world; }

make_environment() {
    envm create -q -n e "${FROM[@]}" --platform linux-64 web 'data >=1'
}

@test "tree of an environment: requests, what they need, what is shown once" {
    make_environment
    run_envm tree -n e
    expect_status 0
    [ "$output" = "data 1.5 [asked for: >=1]
└─ python 3.12.1 [>=3.11]
   ├─ pip 24.0
   │  └─ python 3.12.1 [>=3.8 and <4] (*)
   ├─ ssl 3.1 [>=3,<4]
   │  └─ zlib 1.3 [>=1.2]
   └─ zlib 1.3
web 2.0 [asked for]
├─ python 3.12.1 (*)
└─ ssl 3.1 (*)" ]
    expect_error "(*)"
    CONDA_PREFIX=$ENVM_ROOT/envs/e run_envm tree -q
    [ "${output%%$'\n'*}" = "data 1.5 [asked for: >=1]" ]
    [ -z "$errors" ]
}

@test "tree: depth, names, patterns, virtual packages, inverted" {
    make_environment
    run_envm tree -n e --depth 1
    [ "$output" = "data 1.5 [asked for: >=1]
└─ python 3.12.1 [>=3.11] …
web 2.0 [asked for]
├─ python 3.12.1 …
└─ ssl 3.1 …" ]
    run_envm tree -n e --depth 0
    [ "$output" = "data 1.5 [asked for: >=1] …
web 2.0 [asked for] …" ]
    run_envm tree -n e ssl 'pi*' --depth 2
    [ "$output" = "ssl 3.1
└─ zlib 1.3 [>=1.2]
pip 24.0
└─ python 3.12.1 [>=3.8 and <4]
   ├─ pip 24.0 (*)
   ├─ ssl 3.1 [>=3,<4] (*)
   └─ zlib 1.3" ]
    run_envm tree -n e --virtual python --depth 1
    [[ $output == *"├─ __glibc 2.36 [>=2.17]"* ]]
    run_envm tree -n e --invert zlib
    [ "$output" = "zlib 1.3
├─ python 3.12.1
│  ├─ data 1.5 [>=3.11]
│  ├─ pip 24.0 [>=3.8 and <4]
│  │  └─ python 3.12.1 (*)
│  └─ web 2.0
└─ ssl 3.1 [>=1.2]
   ├─ python 3.12.1 [>=3,<4] (*)
   └─ web 2.0" ]
    run_envm tree -n e --invert --depth 0
    [ "$output" = "zlib 1.3 …" ]
}

@test "tree without UTF-8 is drawn in ASCII, and so is an explanation" {
    make_environment
    LC_ALL=C run_envm tree -n e web --depth 1
    [ "$output" = 'web 2.0 [asked for]
|- python 3.12.1 ...
`- ssl 3.1 ...' ]
    LC_ALL=C run_envm why -n e ssl
    [[ $output == *"web 2.0 [asked for] -> ssl"* ]]
    LC_ALL=C run_envm create -n f "${FROM[@]}" --platform linux-64 'data >=2' 'web >=7'
    expect_status 3
    [ -z "$(LC_ALL=C tr -d '\0-\177' <<<"$errors")" ]
    [[ $errors == *'|- '* && $errors == *'`- '* ]]
}

@test "tree of a solution and of a file" {
    run_envm tree data "${FROM[@]}" --platform linux-64 --depth 1
    expect_status 0
    [ "$output" = "data 1.5 [asked for]
└─ python 3.12.1 [>=3.11] …" ]
    printf 'channels: [%s, nodefaults]\ndependencies: [data, {pip: [thing]}]\n' "$WORLD/channel" >env.yaml
    run_envm tree -f env.yaml --platform linux-64 ssl
    expect_status 0
    [ "$output" = "ssl 3.1
└─ zlib 1.3 [>=1.2]" ]
    expect_error "the pip: section (1)"
    [ ! -e env.lock ]
    run_envm tree "${FROM[@]}" --platform linux-64 'data >=2'
    expect_status 3
    expect_error '"data >=2" cannot be installed'
    run_envm tree "${FROM[@]}" --platform linux-64 'data >=2' --json
    expect_status 3
    [ "$(json 'd["success"], d["rows"], "explanation" in d')" = "(False, [], True)" ]
}

@test "tree of a lock: the platform is this machine's, or the only one, or must be said" {
    printf 'channels: [%s, nodefaults]\ndependencies: [data]\nplatforms: [osx-arm64]\n' "$WORLD/channel" >env.yaml
    envm lock -q -f env.yaml
    run_envm tree -f env.lock
    expect_status 0
    [ "$output" = "data 1.0 [asked for]" ]
    envm lock -q -f env.yaml --platform linux-64 --platform osx-arm64
    run_envm tree -f env.lock --platform linux-64 --json
    expect_status 0
    [ "$(json 'd["kind"], d["platform"], d["package_count"], d["subject"]')" = "('lock', 'linux-64', 5, 'env.lock')" ]
    [ "$(json '[(r["depth"], r["package"]["name"], r["specs"], r["repeated"]) for r in d["rows"]][:4]')" = "[(0, 'data', ['data'], False), (1, 'python', ['python >=3.11'], False), (2, 'pip', ['pip'], False), (3, 'python', ['python >=3.8', 'python <4'], True)]" ]
    run_envm tree -f env.lock --platform win-64
    expect_status 12
    expect_error "linux-64, osx-arm64"
    # A lock beside the file that satisfies it is looked at; no channel is needed.
    mv channel moved
    run_envm why -f env.yaml --platform linux-64 zlib
    expect_status 0
}

@test "why: chains, who needs it directly, who constrains it" {
    make_environment
    run_envm why -n e zlib
    expect_status 0
    [ "$output" = "zlib 1.3 0
  is needed through
    data 1.5 [asked for: >=1] → python 3.12.1 → zlib
    web 2.0 [asked for] → python 3.12.1 → zlib
    web 2.0 [asked for] → ssl 3.1 → zlib
  is needed directly by
    python 3.12.1  zlib
    ssl 3.1        zlib >=1.2
  is constrained by
    web 2.0  zlib >=1" ]
    run_envm why -n e zlib --limit 1
    [[ $output == *"… and 2 more of the shortest (--limit 0 shows all)"* ]]
    run_envm why -n e web
    [ "$output" = "web 2.0 0
  was asked for: web" ]
    run_envm why -n e __glibc
    [[ $output == "__glibc 2.36 0 (of the system)
  is needed through
    data 1.5 [asked for: >=1] → python 3.12.1 → __glibc"* ]]
    run_envm why -n e 'p*' --json
    [ "$(json '[p["name"] for p in d["packages"]], d["packages"][1]["chain_total"]')" = "(['pip', 'python'], 2)" ]
    [ "$(json '[[(l["name"], l["specs"]) for l in c] for c in d["packages"][0]["chains"]][0]')" = "[('data', ['data >=1']), ('python', ['python >=3.11']), ('pip', ['pip'])]" ]
    [ "$(json 'd["packages"][0]["needed_by"], d["packages"][0]["constrained_by"]')" = "([{'name': 'python', 'version': '3.12.1', 'build': '0', 'specs': ['pip'], 'unmet': False}], [])" ]
}

@test "why and tree: a name that is not there exits 3 with close names" {
    make_environment
    for command in why tree; do
        run_envm $command -n e pyhton
        expect_status 3
        expect_error 'there is no package "pyhton"'
        expect_error "did you mean python?"
        run_envm $command -n e 'python >=4'
        expect_status 3
        expect_error "python 3.12.1, which is not"
        run_envm $command -n e 'zz*' --json
        expect_status 3
        [ "$(json 'd["error"]["kind"], d["close_names"]')" = "('no-solution', [])" ]
        run_envm $command -n e 'python >='
        expect_status 2
    done
}

@test "what is missing or does not fit is marked" {
    envm create -q -n e "${FROM[@]}" --platform linux-64 ssl
    python3 - "$ENVM_ROOT/envs/e/conda-meta/ssl-3.1-0.json" <<'PYTHON'
import json, sys
record = json.load(open(sys.argv[1]))
record["depends"] = ["zlib >=2", "gone >=1", "__cuda >=12", "zlib[when='python >=3']", "lost[when='python >=3']"]
json.dump(record, open(sys.argv[1], "w"))
PYTHON
    run_envm tree -n e ssl
    expect_status 0
    [ "$output" = "ssl 3.1 [asked for]
├─ zlib 1.3 [>=2] (not met)
└─ gone >=1 (missing)" ]
    run_envm tree -n e ssl --virtual
    [[ $output == *"__cuda >=12 (missing)"* ]]
}

@test "why and tree: bad questions" {
    make_environment
    run_envm why
    expect_status 2
    run_envm why a b -n e
    expect_status 2
    run_envm why zlib
    expect_status 2
    run_envm why zlib -c x
    expect_status 2
    expect_error "-s SPEC -c CHANNEL"
    run_envm tree -n e -c x
    expect_status 2
    run_envm tree -n e -f env.yaml
    expect_status 2
    run_envm tree -n e --depth x
    expect_status 2
    run_envm tree -n nosuch
    expect_status 2
    printf '@EXPLICIT\nhttps://example.org/c/linux-64/a-1-0.conda\n' >list.txt
    run_envm tree -f list.txt
    expect_status 2
    expect_error "does not say who needs whom"
}
