/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/arena.h"
#include "base/str.h"
#include "prefix/prefix_history.h"

static struct envm_arena arena;

/* "TIME|COMMAND|name from>to,…" of each block, one after the other with ";". */
static envm_str blocks_of(const char *text)
{
    struct envm_history_entries entries = envm_history_entries(&arena, envm_str_from(text));
    envm_str all = ENVM_STR("");

    assert_int_equal(entries.count, envm_history_count(envm_str_from(text)));
    for (size_t i = 0; i < entries.count; i++) {
        const struct envm_history_entry *entry = &entries.items[i];

        all = envm_arena_printf(&arena, "%.*s%s%.*s|%.*s|", ENVM_STR_ARGS(all), i ? ";" : "",
                                ENVM_STR_ARGS(entry->time), ENVM_STR_ARGS(entry->command_line));
        for (size_t k = 0; k < entry->move_count; k++)
            all = envm_arena_printf(&arena, "%.*s%s%.*s %.*s>%.*s", ENVM_STR_ARGS(all),
                                    k ? "," : "", ENVM_STR_ARGS(entry->moves[k].name),
                                    ENVM_STR_ARGS(entry->moves[k].from),
                                    ENVM_STR_ARGS(entry->moves[k].to));
    }
    return all;
}

static void test_blocks_tell_what_came_went_and_moved(void **state)
{
    (void)state;
    assert_str(blocks_of("==> 2024-01-01 00:00:00 <==\n"
                         "# cmd: conda create -n x numpy\n"
                         "# conda version: 24.1.0\n"
                         "+conda-forge/linux-64::numpy-1.26.4-py311_0\n"
                         "+conda-forge/linux-64::a-b-c-1-0\n"
                         "# update specs: ['numpy']\n"
                         "==> 2024-02-01 00:00:00 <==\n"
                         "-conda-forge/linux-64::numpy-1.26.4-py311_0\n"
                         "-conda-forge/linux-64::a-b-c-1-0\n"
                         "+conda-forge/linux-64::numpy-2.0-py311_1\n"
                         "==> 2024-03-01 00:00:00 <==\n"),
               "2024-01-01 00:00:00|conda create -n x numpy|a-b-c >1 0,numpy >1.26.4 py311_0;"
               "2024-02-01 00:00:00||a-b-c 1 0>,numpy 1.26.4 py311_0>2.0 py311_1;"
               "2024-03-01 00:00:00||");
}

static void test_a_package_that_is_linked_anew_has_two_equal_sides(void **state)
{
    (void)state;
    assert_str(blocks_of("==> t <==\n+c/noarch::p-1-0\n-c/noarch::p-1-0\n"), "t||p 1 0>1 0");
}

static void test_other_notations_and_damage_are_survived(void **state)
{
    (void)state;
    /* conda of 2012; carriage returns; what stands before the first block */
    assert_str(blocks_of("+lost-1-0\n==> t <==\r\n+numpy-1.7.1-py27_0.tar.bz2\r\n"
                         "zlib-1.2-0\n-\n+odd\n==> unfinished\n"),
               "t||numpy >1.7.1 py27_0,odd >?,zlib >1.2 0");
    assert_str(blocks_of(""), "");
    assert_str(blocks_of("no block"), "");
}

/* Other tools write command lines as they were. */
static void test_secrets_are_not_shown(void **state)
{
    (void)state;
    envm_str all =
        blocks_of("==> t <==\n# cmd: conda install -c https://me:S3CRET@host/t/S3CRET/c x\n"
                  "+https://me:S3CRET@host/c/linux-64::x-1-0\n"
                  "+https://me:S3CRET@host/c/linux-64/y-1-0.conda\n");

    assert_false(envm_str_contains(all, ENVM_STR("S3CRET")));
    assert_true(envm_str_contains(all, ENVM_STR("x >1 0")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_blocks_tell_what_came_went_and_moved),
        cmocka_unit_test(test_a_package_that_is_linked_anew_has_two_equal_sides),
        cmocka_unit_test(test_other_notations_and_damage_are_survived),
        cmocka_unit_test(test_secrets_are_not_shown),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);

    envm_arena_release(&arena);
    return failed;
}
