#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Channels: files, paths, servers, priorities, credentials, faults.
load helpers

setup() {
    setup_world
    standard_channel
}

teardown() { teardown_world; }

create_from() {
    local prefix=$1
    shift
    run_envm create -p "$prefix" --override-channels "$@"
}

@test "file URL, absolute path, relative path" {
    create_from one -c "file://$WORLD/channel" lib
    expect_status 0
    create_from two -c "$WORLD/channel" lib
    expect_status 0
    create_from three -c ./channel lib
    expect_status 0
    [ "$(envm verify -p one -q)" = "$(envm verify -p three -q)" ]
}

@test "python3 -m http.server: the second run makes only conditional requests" {
    serve "$WORLD/channel"
    create_from one -c "http://127.0.0.1:$PORT" app
    expect_status 0
    : >"$WORLD/requests.log"
    create_from two -c "http://127.0.0.1:$PORT" app
    expect_status 0
    cat "$WORLD/requests.log"
    [ "$(grep -c '" 304 ' "$WORLD/requests.log")" -ge 2 ]
    ! grep -q '" 200 ' "$WORLD/requests.log"
}

@test "nginx: the second run makes only conditional requests" {
    command -v nginx >/dev/null || skip "nginx is not installed"
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    mkdir -p nginx
    cat >nginx.conf <<NGINX
daemon off;
pid $WORLD/nginx/pid;
error_log $WORLD/nginx/error.log;
$([ "$(id -u)" -ne 0 ] || echo "user root;")
events {}
http {
    access_log $WORLD/nginx/access.log;
    client_body_temp_path $WORLD/nginx/b; proxy_temp_path $WORLD/nginx/p; fastcgi_temp_path $WORLD/nginx/f;
    uwsgi_temp_path $WORLD/nginx/u; scgi_temp_path $WORLD/nginx/s;
    server { listen 127.0.0.1:$port; root $WORLD/channel; }
}
NGINX
    nginx -c "$WORLD/nginx.conf" 3>&- &
    PIDS+=($!)
    wait_for "$WORLD/nginx/pid"
    create_from one -c "http://127.0.0.1:$port" app tool
    expect_status 0
    : >"$WORLD/nginx/access.log"
    create_from two -c "http://127.0.0.1:$port" app tool
    expect_status 0
    sleep 0.2
    cat "$WORLD/nginx/access.log"
    [ "$(grep -c '" 304 ' "$WORLD/nginx/access.log")" -ge 2 ]
    ! grep -q '" 200 ' "$WORLD/nginx/access.log"
}

@test "strict, flexible and disabled priority" {
    make_channel high <<'JSON'
[{"name": "lib", "version": "1.5", "build": "0", "subdir": "linux-64", "files": {"lib/lib.txt": "high\n"}}]
JSON
    create_from a -c ./high -c ./channel lib
    [ "$(cat a/lib/lib.txt)" = high ]
    create_from b -c ./high -c ./channel --channel-priority disabled lib
    [ "$(cat b/lib/lib.txt)" = "two and a bit" ]
    create_from c -c ./high -c ./channel app
    expect_status 3
    create_from d -c ./high -c ./channel --channel-priority flexible app
    expect_status 0
    [ "$(cat d/lib/lib.txt)" = "two and a bit" ]
    create_from e -c ./high -c ./channel "file://$WORLD/channel::lib"
    expect_status 0
    [ "$(cat e/lib/lib.txt)" = "two and a bit" ]
}

@test "-c comes before the file's channels, and those before the defaults" {
    printf 'channels: ["file://%s/channel"]\ndependencies: [lib]\n' "$WORLD" >env.yaml
    ENVM_CHANNELS="file://$WORLD/default" run_envm lock -f env.yaml --dry-run --offline
    make_channel default <<<'[]'
    make_channel first <<<'[{"name": "lib", "version": "0.1", "build": "0", "subdir": "linux-64", "files": {"x": "y"}}]'
    ENVM_CHANNELS="file://$WORLD/default" run_envm lock -f env.yaml -c "file://$WORLD/first"
    expect_status 0
    grep -A4 "channels:" env.lock | tr -d ' \n' | grep -q "channels:-file://$WORLD/first-file://$WORLD/channel-file://$WORLD/default"
}

@test "a missing noarch is an empty one, a missing channel an error that names it" {
    rm -rf channel/noarch
    create_from one -c ./channel lib
    expect_status 0
    create_from two -c ./nowhere lib
    [ "$status" -eq 4 ] || [ "$status" -eq 8 ]
    expect_error nowhere
}

@test "base_url leads to the packages" {
    mkdir -p moved && mv channel/linux-64/*.conda channel/linux-64/*.tar.bz2 moved/
    python3 - <<PY
import json, os
path = "channel/linux-64/repodata.json"
d = json.load(open(path)); d["info"] = {"subdir": "linux-64", "base_url": "../../moved/"}
d["repodata_version"] = 2
json.dump(d, open(path, "w"))
if os.path.exists(path + ".zst"): os.unlink(path + ".zst")
PY
    create_from one -c ./channel lib
    expect_status 0
    grep -q "moved" one/conda-meta/lib-2.1-0.json
}

@test "credentials: used, and nowhere in any output" {
    httpd "$WORLD/channel" '{"/linux-64/repodata.json.zst": [{"basic": "me:canary-secret", "file": "linux-64/repodata.json.zst", "etag": "x"}], "/linux-64/lib-2.1-0.tar.bz2": [{"basic": "me:canary-secret", "file": "linux-64/lib-2.1-0.tar.bz2"}]}'
    create_from one -c "http://me:canary-secret@${HTTP#http://}" lib -v
    expect_status 0
    ! grep -rq canary-secret one "$ENVM_CACHE" "$HOME"
    case "$output$errors" in *canary-secret*) return 1 ;; esac
    create_from two -c "http://me:wrong-secret@${HTTP#http://}" lib
    expect_status 4
    case "$output$errors" in *wrong-secret*) return 1 ;; esac
    printf 'machine 127.0.0.1 login me password canary-secret\n' >"$HOME/.netrc"
    chmod 600 "$HOME/.netrc"
    create_from three -c "$HTTP" lib
    expect_status 0
    ! grep -rq canary-secret three "$ENVM_CACHE"
}

@test "conda tokens: used, and nowhere in any output" {
    httpd "$WORLD/channel" '{"tokens": ["tk-canary-1"]}'
    printf 'channels: ["%s/t/tk-canary-1", nodefaults]\ndependencies: [lib]\n' "$HTTP" >env.yaml
    run_envm create -p one -f env.yaml --json
    expect_status 0
    ! grep -rq tk-canary-1 one env.lock "$ENVM_CACHE"
    case "$output$errors" in *tk-canary-1*) return 1 ;; esac
    [ "$(requests 'any("/t/tk-canary-1/" in q["target"] for q in r)')" = True ]
}

@test "retries: 500, 500, then an answer" {
    httpd "$WORLD/channel" '{"/linux-64/lib-2.1-0.tar.bz2": [{"status": 500}, {"status": 503, "headers": {"Retry-After": "0"}}, {"file": "linux-64/lib-2.1-0.tar.bz2"}]}'
    create_from one -c "$HTTP" lib
    expect_status 0
    [ "$(requests 'sum(q["path"].endswith("lib-2.1-0.tar.bz2") for q in r)')" = 3 ]
}

@test "a package that is gone, a login page instead of a package" {
    httpd "$WORLD/channel" '{"/linux-64/lib-2.1-0.tar.bz2": [{"status": 404}], "/linux-64/lib-2.0-0.conda": [{"body": "<html>log in</html>"}]}'
    create_from one -c "$HTTP" lib=2.1
    expect_status 4
    expect_error "lib-2.1-0.tar.bz2"
    [ ! -e one ]
    create_from two -c "$HTTP" lib=2.0
    expect_status 5
    [ ! -e two ]
}

@test "a custom authority by flag, variable and configuration; an unknown one is refused" {
    httpd "$WORLD/channel"
    ENVM_REMOTE_MAX_RETRIES=1 create_from one -c "$HTTPS" lib
    expect_status 4
    create_from two -c "$HTTPS" lib --ca-bundle "$WORLD/tls/ca.pem"
    expect_status 0
    SSL_CERT_FILE="$WORLD/tls/ca.pem" create_from three -c "$HTTPS" lib
    expect_status 0
    printf 'ssl_verify: %s/tls/ca.pem\n' "$WORLD" >"$HOME/.condarc"
    create_from four -c "$HTTPS" lib
    expect_status 0
    ENVM_REMOTE_MAX_RETRIES=1 create_from five -c "$WRONGHOST" lib
    expect_status 4
}

@test "a proxy is used, and NO_PROXY respected" {
    httpd "$WORLD/channel"
    http_proxy="$PROXY" create_from one -c "http://channel.example" lib
    expect_status 0
    [ "$(requests 'any(q["listener"] == "proxy" for q in r)')" = True ]
    : >"$WORLD/http.log"
    http_proxy="$PROXY" no_proxy=127.0.0.1 create_from two -c "$HTTP" lib
    expect_status 0
    [ "$(requests 'any(q["listener"] == "proxy" for q in r)')" = False ]
}

@test "offline: the cache is enough, and what is missing is said" {
    serve "$WORLD/channel"
    create_from one -c "http://127.0.0.1:$PORT" lib
    expect_status 0
    create_from two -c "http://127.0.0.1:$PORT" lib --offline
    expect_status 0
    create_from three -c "http://127.0.0.1:$PORT" app --offline
    expect_status 4
    expect_error "app-1.0-h1_0.conda"
    [ ! -e three ]
}

@test "a corrupt index is malformed, a bad record only skipped" {
    python3 - <<'PY'
import json, os
path = "channel/linux-64/repodata.json"
d = json.load(open(path))
d["packages.conda"]["evil-1-0.conda"] = {"name": "../evil", "version": "1", "build": "0", "build_number": 0}
json.dump(d, open(path, "w"))
if os.path.exists(path + ".zst"): os.unlink(path + ".zst")
PY
    create_from one -c ./channel lib
    expect_status 0
    expect_error "warning"
    head -c 300 channel/linux-64/repodata.json >cut && mv cut channel/linux-64/repodata.json
    create_from two -c ./channel lib
    expect_status 6
    expect_error "repodata.json"
}

@test "an @EXPLICIT list with credentials: used, and nowhere in any output" {
    httpd "$WORLD/channel" '{"/linux-64/lib-2.0-0.conda": [{"basic": "me:canary-secret", "file": "linux-64/lib-2.0-0.conda"}]}'
    printf '@EXPLICIT\nhttp://me:canary-secret@%s/linux-64/lib-2.0-0.conda\n' "${HTTP#http://}" >list.txt
    run_envm create -p one -f list.txt -v
    expect_status 0
    ! grep -rq canary-secret one "$ENVM_CACHE"
    case "$output$errors" in *canary-secret*) return 1 ;; esac
    run_envm create -p two "http://me:canary-secret@${HTTP#http://}/linux-64/lib-2.0-0.conda"
    expect_status 0
    ! grep -rq canary-secret two
}

@test "a channel below the home directory" {
    mv channel "$HOME/channel"
    create_from one -c '~/channel' lib
    expect_status 0
}

@test "no retries when none are wanted, and a hint where to look" {
    ENVM_REMOTE_MAX_RETRIES=0 run_envm create -n x --override-channels -c http://127.0.0.1:1/nobody app
    expect_status 4
    expect_error "(tried 1 time)"
    expect_error "hint: check the network"
    [[ $errors != *"trying again"* ]]
}

@test "a disk that is full when an index is written costs the index, not the answer" {
    local inject point hits=0
    inject=$(dirname "$(dirname "$ENVM")")/tests/sweep/inject_syscall
    [ -x "$inject" ] || skip "the injector was not built"
    printf 'channels: [file://%s/channel, nodefaults]\ndependencies: [app]\n' "$WORLD" >env.yaml
    envm lock -f env.yaml -o good.lock
    for point in $(seq 1 80); do
        rm -rf "$ENVM_CACHE" new.lock
        ASAN_OPTIONS=detect_leaks=0 "$inject" -e "$point=ENOSPC" -o count "$ENVM" lock -f env.yaml -o new.lock 2>stderr || skip "no tracing"
        grep -q '^fired pwrite64' count || continue
        hits=$((hits + 1))
        grep -q '^status exited 0' count
        grep -q 'cannot be cached: .*No space left' stderr
        cmp good.lock new.lock
    done
    [ "$hits" -ge 8 ] # for each of the two subdirs: an extent, four sections, the header
}
