#!/usr/bin/env bats
# SPDX-License-Identifier: MIT
# Real, recent conda-forge records: each request is solved by the program and the solution proved by
# the independent checker. Skipped where the data is not there.
load helpers

HARVEST=../shared/data/repodata/conda-forge-2026-harvest

setup_file() {
    source=$(cd "$BATS_TEST_DIRNAME/../.." && pwd)
    [ -d "$source/$HARVEST" ] || return 0
    # Plain files for the checker, once.
    export PLAIN="$BATS_FILE_TMPDIR/harvest"
    for subdir in linux-64 noarch; do
        mkdir -p "$PLAIN/$subdir"
        zstd -dq "$source/$HARVEST/$subdir/repodata.json.zst" -o "$PLAIN/$subdir/repodata.json"
    done
}

setup() {
    setup_world
    [ -n "${PLAIN-}" ] || skip "no $HARVEST"
    export ENVM_CACHE="$BATS_FILE_TMPDIR/cache" CONDA_OVERRIDE_ARCHSPEC=x86_64_v3
}

teardown() { teardown_world; }

solve() {
    run_envm create --dry-run --json --override-channels -c "$PLAIN" "$@"
    expect_status 0
    printf '%s' "$output" >solution.json
    specs=()
    for spec in "$@"; do specs+=(--spec "$spec"); done
    python3 -B "$SOURCE/tests/support/check_solution.py" --channel "file://$PLAIN=$PLAIN" \
        --virtual __glibc=2.36 --virtual __linux=6.1 --virtual __unix=0 --virtual __archspec=1=x86_64_v3 \
        "${specs[@]}" solution.json
}

@test "python" { solve python; }
@test "numpy" { solve numpy; }
@test "pytorch torchvision" { solve pytorch torchvision; }
@test "xarray dask netcdf4" { solve xarray dask netcdf4; }
@test "geopandas" { solve geopandas; }
@test "r-base r-ggplot2" { solve r-base r-ggplot2; }
@test "jupyterlab ipywidgets scipy" { solve jupyterlab ipywidgets scipy; }
@test "scikit-image opencv" { solve scikit-image opencv; }

@test "the order of specs changes nothing" {
    run_envm create --dry-run --json --override-channels -c "$PLAIN" xarray dask netcdf4
    first=$(json '[(p["name"], p["build"], p["url"]) for p in d["packages"]]')
    run_envm create --dry-run --json --override-channels -c "$PLAIN" netcdf4 xarray dask
    [ "$first" = "$(json '[(p["name"], p["build"], p["url"]) for p in d["packages"]]')" ]
}
