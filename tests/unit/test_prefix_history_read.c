/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "prefix/prefix_history.h"

static struct envm_arena arena;

/* The specs joined by " | ". */
static envm_str specs_of(const char *text)
{
    struct envm_str_list specs = envm_history_specs(&arena, envm_str_from(text));
    envm_str joined = ENVM_STR("");

    for (size_t i = 0; i < specs.count; i++)
        joined = envm_arena_printf(&arena, "%.*s%s%.*s", ENVM_STR_ARGS(joined), i ? " | " : "",
                                   ENVM_STR_ARGS(specs.items[i]));
    return joined;
}

static void test_the_last_request_of_each_name_holds(void **state)
{
    (void)state;
    assert_str(specs_of("==> 2024-01-01 00:00:00 <==\n"
                        "# cmd: conda create -n x numpy python=3.11\n"
                        "# conda version: 24.1.0\n"
                        "+conda-forge/linux-64::numpy-1.26.4-py311_0\n"
                        "# update specs: ['numpy', 'python=3.11']\n"
                        "==> 2024-02-01 00:00:00 <==\n"
                        "# update specs: [\"numpy[version='>=2']\", 'scipy']\n"),
               "numpy[version='>=2'] | python=3.11 | scipy");
}

static void test_what_was_removed_is_not_asked_for(void **state)
{
    (void)state;
    assert_str(specs_of("# create specs: ['a', 'b', 'c']\n"
                        "# remove specs: ['b']\n"
                        "# neutered specs: ['c=1']\n"),
               "a | c=1");
    assert_str(specs_of("# remove specs: ['b']\n# install specs: ['b >=2']\n"), "b >=2");
}

static void test_the_notation_before_lists(void **state)
{
    (void)state;
    assert_str(specs_of("# install specs: numpy >=1.8,<2,scipy,python 3.5*\n"),
               "numpy >=1.8,<2 | python 3.5* | scipy");
}

static void test_escapes_and_damage_are_survived(void **state)
{
    (void)state;
    assert_str(specs_of("# update specs: ['b[build=\\'h1*\\']', 'a']\n"), "a | b[build='h1*']");
    assert_str(specs_of("# update specs: ['a', 'unfinished"), "a | unfinished");
    assert_str(specs_of("# update specs: ['a', '[]bad', \n# update specs:\n#\n# specs: ['x']\n"),
               "a");
    assert_str(specs_of(""), "");
}

static void test_state_variables(void **state)
{
    const struct envm_environment_variable *items = NULL;
    size_t count = 9;

    (void)state;
    OK(envm_state_read(&arena,
                       ENVM_STR("{\"other\": [1], \"env_vars\": {\"A\": \"x\\n\", \"N\": 3}}"),
                       &items, &count, &err));
    assert_int_equal(count, 2);
    assert_str(items[0].name, "A");
    assert_str(items[0].value, "x\n");
    assert_str(items[1].value, "3");
    OK(envm_state_read(&arena, ENVM_STR(" \n"), &items, &count, &err));
    assert_int_equal(count, 0);
    FAILS(ENVM_MALFORMED, envm_state_read(&arena, ENVM_STR("{\"env_vars\""), &items, &count, &err));
}

static int release(void **state)
{
    (void)state;
    envm_arena_release(&arena);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_last_request_of_each_name_holds),
        cmocka_unit_test(test_what_was_removed_is_not_asked_for),
        cmocka_unit_test(test_the_notation_before_lists),
        cmocka_unit_test(test_escapes_and_damage_are_survived),
        cmocka_unit_test(test_state_variables),
    };

    return cmocka_run_group_tests(tests, NULL, release);
}
