/* SPDX-License-Identifier: MIT
 *
 * Every package below ../shared/data goes through the store, each with its own sha256, as an
 * @EXPLICIT line would bring it. tests/data/real_packages.tsv decides what has to come out.
 */
#include "../support/store_world.h"

#include <ftw.h>

#include "../support/rows.h"
#include "base/map.h"
#include "base/vec.h"

static struct {
    ENVM_VEC(char *) paths;
} found;

static int collect(const char *path, const struct stat *st, int flag, struct FTW *where)
{
    envm_str name = envm_str_from(path);

    (void)st;
    (void)where;
    if (flag == FTW_F && (envm_str_ends_with(name, ENVM_STR(".conda")) ||
                          envm_str_ends_with(name, ENVM_STR(".tar.bz2"))))
        envm_vec_push(&found.paths, envm_strdup(path));
    return 0;
}

static enum envm_code put_through(struct store_world *world, const char *path, char *said,
                                  size_t said_size)
{
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry entry = ENVM_STORE_ENTRY_EMPTY;
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry again = ENVM_STORE_ENTRY_EMPTY;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_package_record record = {0};
    enum envm_code code = store_world_record(&arena, path, &record);

    if (code == ENVM_OK)
        code = envm_store_get(world->store, &record, &entry, &err);
    snprintf(said, said_size, "%s", err.text ? err.text : "");
    envm_error_release(&err);
    if (code != ENVM_OK)
        return code;
    /* A second time it comes from the cache, unchanged. */
    OK(envm_store_get(world->store, &record, &again, &err));
    assert_true(again.was_cached);
    assert_int_equal(again.contents->path_count, entry.contents->path_count);
    assert_memory_equal(&again.contents->digest, &entry.contents->digest,
                        sizeof(entry.contents->digest));
    return code;
}

static void load_table(struct rows *rows, struct envm_map *expected)
{
    struct row row;

    while (rows_next(rows, &row)) {
        uint64_t code = 0;

        assert_true(row.count >= 3);
        for (uint64_t c = 0; c <= ENVM_GAVE_UP; c++)
            if (envm_str_equal_c(row.field[1], envm_code_name((enum envm_code)c)))
                code = c;
        assert_true(code != 0);
        envm_map_set(expected, row.field[0], code);
    }
}

static void real_packages_give_what_the_table_says(void **state)
{
    static struct store_world world;
    struct rows rows = rows_open("real_packages.tsv");
    struct envm_map expected = {0};
    char root[4096], said[1024];
    size_t counts[ENVM_GAVE_UP + 1] = {0}, wrong = 0;

    (void)state;
    snprintf(root, sizeof(root), "%s/../shared/data", getenv("ENVM_SOURCE_DIR"));
    if (access(root, R_OK) != 0) {
        print_message("SKIPPED: ../shared/data is not there\n");
        rows_close(&rows);
        skip();
    }
    load_table(&rows, &expected);
    store_world_make(&world);
    nftw(root, collect, 32, FTW_PHYS);
    for (size_t i = 0; i < found.paths.count; i++) {
        const char *path = found.paths.items[i];
        uint64_t *row = envm_map_find(&expected, envm_str_from(path + strlen(root) + 1));
        enum envm_code wanted = row ? (enum envm_code) * row : ENVM_OK;
        enum envm_code code = put_through(&world, path, said, sizeof(said));

        counts[code]++;
        if (code != wanted) {
            wrong++;
            print_message("%s: %s instead of %s: %s\n", path, envm_code_name(code),
                          envm_code_name(wanted), said);
        }
        envm_free(found.paths.items[i]);
    }
    print_message("%zu packages: %zu good, %zu integrity, %zu malformed, %zu unsafe\n",
                  found.paths.count, counts[ENVM_OK], counts[ENVM_INTEGRITY],
                  counts[ENVM_MALFORMED], counts[ENVM_UNSAFE]);
    assert_nothing_left(&world);
    assert_int_equal(wrong, 0);
    assert_true(counts[ENVM_OK] > 0);
    envm_vec_release(&found.paths);
    envm_map_release(&expected);
    rows_close(&rows);
    store_world_drop(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_packages_give_what_the_table_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
