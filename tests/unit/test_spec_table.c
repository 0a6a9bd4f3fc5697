/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "conda/spec_table.h"

static void a_text_is_parsed_once(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_spec_table *table = envm_spec_table_new(&arena, 0);
    const struct envm_match_spec *first, *again, *other;
    char text[] = "python >=3.9";

    (void)state;
    OK(envm_spec_table_parse(table, ENVM_STR("python >=3.9"), &first, &err));
    OK(envm_spec_table_parse(table, envm_str_from(text), &again, &err));
    OK(envm_spec_table_parse(table, ENVM_STR("python"), &other, &err));
    assert_ptr_equal(first, again);
    assert_ptr_not_equal(first, other);
    assert_str(envm_match_spec_exact_name(other), "python");
    assert_str(envm_match_spec_text(first), "python >=3.9");
}

static void what_is_no_spec_fails_each_time(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_spec_table *table = envm_spec_table_new(&arena, 3);
    const struct envm_match_spec *spec;

    (void)state;
    for (unsigned i = 0; i < 2; i++)
        FAILS_WITH(ENVM_MALFORMED, "bracket",
                   envm_spec_table_parse(table, ENVM_STR("a[b"), &spec, &err));
    FAILS(ENVM_MALFORMED, envm_spec_table_parse(table, (envm_str){0}, &spec, &err));
}

static void it_grows(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_spec_table *table = envm_spec_table_new(&arena, 5);
    const struct envm_match_spec *specs[1500], *again;

    (void)state;
    for (unsigned i = 0; i < 1500; i++)
        OK(envm_spec_table_parse(table, envm_arena_printf(&arena, "p%u", i), &specs[i], &err));
    for (unsigned i = 0; i < 1500; i++) {
        envm_str text = envm_arena_printf(&arena, "p%u", i);

        OK(envm_spec_table_parse(table, text, &again, &err));
        assert_ptr_equal(specs[i], again);
        assert_true(envm_str_equal(envm_match_spec_exact_name(again), text));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_is_parsed_once),
        cmocka_unit_test(what_is_no_spec_fails_each_time),
        cmocka_unit_test(it_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
