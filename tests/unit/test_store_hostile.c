/* SPDX-License-Identifier: MIT
 *
 * Hostile archives and their harmless twins, made by tests/support/mkhostile.py: each has the code
 * and the message that reliability.md 1.3 asks for, leaves nothing behind, and touches nothing
 * outside the cache.
 */
#include "../support/store_world.h"

#include "../support/rows.h"
#include "sys/fs_tree.h"
#include "sys/process.h"

static struct scratch cases; /* made once for all tests */

struct outside {
    size_t count;
    struct envm_sha256 digest;
};

static enum envm_code take(void *user, const struct envm_fs_entry *entry, bool *skip,
                           struct envm_error *ret_err)
{
    struct outside *seen = user;
    char line[4096];
    int len =
        snprintf(line, sizeof(line), "%s %o %lld %lld %lu", entry->path.ptr, entry->stat->st_mode,
                 (long long)entry->stat->st_size, (long long)entry->stat->st_mtim.tv_nsec,
                 (unsigned long)entry->stat->st_nlink);

    (void)ret_err;
    /* The cache may change. */
    *skip = strcmp(entry->path.ptr, "cache") == 0;
    if (*skip)
        return ENVM_OK;
    struct envm_sha256 one = envm_sha256_of(envm_str_n(line, (size_t)len));

    for (size_t i = 0; i < sizeof(one.bytes); i++)
        seen->digest.bytes[i] ^= one.bytes[i];
    seen->count++;
    return ENVM_OK;
}

static struct outside look_around(const struct store_world *world)
{
    struct outside seen = {0};

    OK(envm_fs_walk(world->dir.fd, take, &seen, &err));
    OK(envm_fs_walk(cases.fd, take, &seen, &err));
    return seen;
}

static int make_cases(void **state)
{
    char script[4096], out[1024];
    int status = -1;

    (void)state;
    cases = scratch_make();
    snprintf(out, sizeof(out), "%s/cases", cases.path);
    snprintf(script, sizeof(script), "%s/tests/support/mkhostile.py", getenv("ENVM_SOURCE_DIR"));
    const char *const argv[] = {"python3", script, out, NULL};

    OK(envm_process_capture(argv, NULL, NULL, 300000, NULL, &status, &err));
    assert_int_equal(status, 0);
    scratch_write(&cases, "sentinel", "untouched");
    return 0;
}

static int drop_cases(void **state)
{
    (void)state;
    scratch_drop(&cases);
    return 0;
}

/* 0 when the case went as the row says. */
static int run_case(struct store_world *world, const char *dir, const struct row *row)
{
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry entry = ENVM_STORE_ENTRY_EMPTY;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_package_record record = {0};
    char path[2048], message[256] = "";
    enum envm_code code;
    int wrong;

    snprintf(path, sizeof(path), "%s/%.*s", dir, ENVM_STR_ARGS(row->field[0]));
    if (row->count > 2)
        snprintf(message, sizeof(message), "%.*s", ENVM_STR_ARGS(row->field[2]));
    OK(store_world_record(&arena, path, &record));
    code = envm_store_get(world->store, &record, &entry, &err);
    wrong = !envm_str_equal_c(row->field[1], envm_code_name(code)) ||
            (code != ENVM_OK && !strstr(err.text, message));
    if (wrong)
        print_message("%.*s: %s, expected %.*s \"%s\": %s\n", ENVM_STR_ARGS(row->field[0]),
                      envm_code_name(code), ENVM_STR_ARGS(row->field[1]), message,
                      err.text ? err.text : "");
    /* Foreign bytes must not reach a terminal raw. */
    for (const char *at = err.text; at && *at; at++)
        assert_true((unsigned char)*at >= ' ' && *at != 0x7f);
    envm_error_release(&err);
    assert_nothing_left(world);
    return wrong;
}

static void run_all(mode_t mask)
{
    static struct store_world world;
    struct rows rows = {0};
    struct row row;
    struct outside before, after;
    char dir[1024], table[2048];
    size_t hostile = 0, twins = 0, wrong = 0;
    mode_t old;

    store_world_make(&world);
    snprintf(dir, sizeof(dir), "%s/cases", cases.path);
    scratch_write(&world.dir, "sentinel", "untouched");
    snprintf(table, sizeof(table), "%s/cases.tsv", dir);
    rows.rest = rows_load(&rows.arena, table);
    before = look_around(&world);
    old = umask(mask);
    while (rows_next(&rows, &row)) {
        bool twin = envm_str_equal_c(row.field[1], "ok");

        hostile += !twin;
        twins += twin;
        wrong += (size_t)run_case(&world, dir, &row);
    }
    umask(old);
    after = look_around(&world);
    print_message("umask %03o: %zu hostile archives, %zu harmless twins, %zu wrong\n", mask,
                  hostile, twins, wrong);
    assert_int_equal(wrong, 0);
    assert_true(hostile >= 60 && twins >= 30);
    assert_int_equal(before.count, after.count);
    assert_memory_equal(&before.digest, &after.digest, sizeof(before.digest));
    rows_close(&rows);
    store_world_drop(&world);
}

static void cases_give_what_the_table_says(void **state)
{
    (void)state;
    run_all(022);
}

static void the_umask_makes_no_difference(void **state)
{
    (void)state;
    run_all(0);
    run_all(0077);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cases_give_what_the_table_says),
        cmocka_unit_test(the_umask_makes_no_difference),
    };

    return cmocka_run_group_tests(tests, make_cases, drop_cases);
}
