/* SPDX-License-Identifier: MIT */
#include "solve/problem_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static unsigned distance(const char *a, const char *b, unsigned limit)
{
    return envm_edit_distance(envm_str_from(a), envm_str_from(b), limit);
}

static void counts_edits(void **state)
{
    (void)state;
    assert_int_equal(distance("numpy", "numpy", 3), 0);
    assert_int_equal(distance("nunpy", "numpy", 3), 1);
    assert_int_equal(distance("nupmy", "numpy", 3), 1); /* neighbours swapped */
    assert_int_equal(distance("numpyy", "numpy", 3), 1);
    assert_int_equal(distance("", "abc", 3), 3);
    assert_int_equal(distance("kitten", "sitting", 5), 3);
}

static void stops_at_the_limit(void **state)
{
    char longer[80];

    (void)state;
    memset(longer, 'a', sizeof(longer));
    assert_int_equal(distance("kitten", "sitting", 2), 3);
    assert_int_equal(distance("a", "abcdefgh", 2), 3);
    assert_int_equal(envm_edit_distance(envm_str_n(longer, 80), envm_str_n(longer, 80), 2), 3);
}

/* Asks for names close to `name` among those given, separated by spaces. */
static envm_str close_to(struct envm_arena *arena, const char *names, const char *name)
{
    struct envm_package_record records[16] = {0};
    const struct envm_package_record *list[16];
    envm_str rest = envm_str_from(names), word, text = ENVM_STR("");
    size_t count = 0;

    while (envm_str_next_word(&rest, &word)) {
        records[count].name = word;
        records[count].version = ENVM_STR("1");
        list[count] = &records[count];
        count++;
    }
    const struct envm_package_source *source = envm_package_source_from_records(arena, list, count);
    struct envm_solve_channel channel = {ENVM_STR("main"), &source, 1};
    struct envm_solve_request request = {.channels = &channel, .channel_count = 1};
    ENVM_CLEANUP(envm_solve_space) struct envm_solve_space space = {0};
    envm_solve_space_init(&space, arena, &request);
    struct envm_str_list found = envm_problem_close_names(&space, envm_str_from(name));
    for (size_t i = 0; i < found.count; i++)
        text = envm_arena_printf(arena, "%.*s%s%.*s", ENVM_STR_ARGS(text), i ? " " : "",
                                 ENVM_STR_ARGS(found.items[i]));
    return envm_arena_str(arena, text);
}

static void finds_close_names(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    (void)state;
    assert_string_equal(close_to(&arena, "numpy scipy pandas", "nunpy").ptr, "numpy");
    assert_string_equal(close_to(&arena, "numpy scipy", "tensorflow").ptr, "");
    assert_string_equal(close_to(&arena, "scikit-learn numpy", "scikit_learn").ptr, "scikit-learn");
    assert_string_equal(close_to(&arena, "pytorch numpy", "torch").ptr, "pytorch");
    assert_string_equal(close_to(&arena, "opencv numpy", "opencv-python").ptr, "opencv");
    /* nearest first, then by name, and no more than three */
    assert_string_equal(
        close_to(&arena, "matplotlab matplotlic matplotlia matplotl", "matplotlib").ptr,
        "matplotlab matplotlia matplotlic");
    /* one or two letters are close to everything */
    assert_string_equal(close_to(&arena, "b ab", "a").ptr, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_edits),
        cmocka_unit_test(stops_at_the_limit),
        cmocka_unit_test(finds_close_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
