/* SPDX-License-Identifier: MIT
 *
 * Every record and every dependency of the real repodata files under ../shared/data/repodata.
 */
#include "conda_data.h"

#include <time.h>

#include "base/map.h"
#include "codec/inflate.h"
#include "conda/archive_name.h"
#include "conda/match_spec.h"
#include "conda/package_record.h"
#include "conda/platform.h"

static const char *const files[] = {
    "conda-forge-2016-08-06/linux-64",
    "conda-forge-2026-harvest/linux-64",
    "conda-forge-2026-harvest/noarch",
    "conda-forge-2026-harvest/linux-aarch64",
    "conda-forge-2026-harvest/osx-arm64",
    "conda-forge-2026-harvest/win-64",
    "pkgs-free-2016-09-03/linux-64",
    "pkgs-main-2021-07-01/noarch",
    "pytorch-rattler/linux-64",
    "scale-union/linux-64",
    "scale-union/noarch",
};

struct census {
    struct envm_arena arena; /* what has to stay for the whole file */
    struct envm_map specs, versions;
    size_t records, faults, bad_names, bad_specs, bad_versions;
};

static void count_specs(struct census *census, struct envm_str_list list)
{
    size_t i;

    for (i = 0; i < list.count; i++)
        envm_map_set(&census->specs, list.items[i], 1);
}

static void read_records(struct census *census, struct envm_json_reader *r)
{
    envm_str file_name;

    assert_true(envm_json_begin_object(r));
    while (envm_json_next_key(r, &census->arena, &file_name)) {
        struct envm_package_record record;
        struct envm_archive_name name;
        const char *fault;
        envm_package_record_read(r, &census->arena, &record, &fault);
        census->records++;
        if (fault) {
            census->faults++;
            print_message("  %.*s: %s\n", ENVM_STR_ARGS(file_name), fault);
            continue;
        }
        if (!envm_archive_name_parse(file_name, &name)) {
            census->bad_names++;
            print_message("  %.*s: bad file name\n", ENVM_STR_ARGS(file_name));
        }
        envm_map_set(&census->versions, record.version, 1);
        count_specs(census, record.depends);
        count_specs(census, record.constrains);
    }
}

static void check_specs(struct census *census)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    size_t position = 0;
    envm_str text;

    while (envm_map_next(&census->specs, &position, &text, NULL)) {
        const struct envm_match_spec *spec, *again;
        struct envm_error err = {0};
        envm_str form;
        if (envm_match_spec_parse(&arena, text, &spec, &err) != ENVM_OK) {
            census->bad_specs++;
            print_message("  spec '%.*s': %s\n", ENVM_STR_ARGS(text), err.text);
            envm_error_release(&err);
            continue;
        }
        form = envm_match_spec_format(&arena, spec);
        assert_int_equal(envm_match_spec_parse(&arena, form, &again, NULL), ENVM_OK);
        assert_true(envm_str_equal(envm_match_spec_format(&arena, again), form));
    }
}

static void check_versions(struct census *census)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    const struct envm_version *version;
    size_t position = 0;
    envm_str text;

    while (envm_map_next(&census->versions, &position, &text, NULL))
        if (envm_version_parse(&arena, text, &version, NULL) != ENVM_OK) {
            census->bad_versions++;
            print_message("  version '%.*s' cannot be parsed\n", ENVM_STR_ARGS(text));
        }
}

/* False when the file is not there. */
static bool read_file(const char *name, struct census *census)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf plain = envm_buf_limit((size_t)1 << 30);
    struct envm_json_reader r;
    envm_str compressed, key;
    envm_str path =
        envm_arena_printf(&census->arena, "../shared/data/repodata/%s/repodata.json.zst", name);
    clock_t start;

    if (!read_data(&census->arena, path.ptr, &compressed))
        return false;
    assert_int_equal(envm_zstd_decompress(compressed, &plain, NULL), ENVM_OK);
    start = clock();
    envm_json_init(&r, envm_buf_str(&plain));
    assert_true(envm_json_begin_object(&r));
    while (envm_json_next_key(&r, &census->arena, &key)) {
        if (envm_str_equal_c(key, "packages") || envm_str_equal_c(key, "packages.conda"))
            read_records(census, &r);
        else
            envm_json_skip(&r, NULL);
    }
    assert_int_equal(envm_json_end(&r, NULL), ENVM_OK);
    print_message("  read in %.2f s\n", (double)(clock() - start) / CLOCKS_PER_SEC);
    start = clock();
    check_specs(census);
    check_versions(census);
    print_message("  specs and versions in %.2f s\n", (double)(clock() - start) / CLOCKS_PER_SEC);
    return true;
}

static void test_every_record(void **state)
{
    size_t i, seen = 0, faults = 0, names = 0, specs = 0, versions = 0;

    (void)state;
    for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        struct census census = {0};
        if (read_file(files[i], &census)) {
            seen++;
            print_message("%s: %zu records (%zu skipped, %zu odd file names), %zu distinct specs "
                          "(%zu refused), %zu versions (%zu refused)\n",
                          files[i], census.records, census.faults, census.bad_names,
                          census.specs.count, census.bad_specs, census.versions.count,
                          census.bad_versions);
        }
        faults += census.faults;
        names += census.bad_names;
        specs += census.bad_specs;
        versions += census.bad_versions;
        envm_map_release(&census.specs);
        envm_map_release(&census.versions);
        envm_arena_release(&census.arena);
    }
    if (seen == 0) {
        print_message("SKIPPED: ../shared/data/repodata is not there\n");
        skip();
    }
    assert_int_equal(faults, 0);
    assert_int_equal(names, 0);
    assert_int_equal(specs, 0);
    assert_int_equal(versions, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_record),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
