/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "prefix/entry_points.h"

#include "base/error.h"
#include "base/str.h"

static void test_good(void **state)
{
    static const struct {
        const char *text, *command, *module, *function;
    } rows[] = {
        {"pip = pip._internal.cli.main:main", "pip", "pip._internal.cli.main", "main"},
        {"a=b:c", "a", "b", "c"},
        {"  2to3-3.11 =  lib2to3.main : main.run  ", "2to3-3.11", "lib2to3.main", "main.run"},
        {"x@y+z.py = _m1:F_2.g", "x@y+z.py", "_m1", "F_2.g"},
        {"_x = m:f", "_x", "m", "f"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct envm_entry_point point;

        OK(envm_entry_point_parse(envm_str_from(rows[i].text), &point, &err));
        assert_str(point.command, rows[i].command);
        assert_str(point.module, rows[i].module);
        assert_str(point.function, rows[i].function);
    }
}

static void test_hostile(void **state)
{
    static const struct {
        enum envm_code code;
        const char *text;
    } rows[] = {
        {ENVM_MALFORMED, ""},
        {ENVM_MALFORMED, "x"},
        {ENVM_MALFORMED, "x = m"},
        {ENVM_MALFORMED, "m:f"},
        {ENVM_MALFORMED, "a:b=c"},
        {ENVM_UNSAFE, " = m:f"},
        {ENVM_UNSAFE, "x = :f"},
        {ENVM_UNSAFE, "x = m:"},
        {ENVM_UNSAFE, "../x = m:f"},
        {ENVM_UNSAFE, "a/b = m:f"},
        {ENVM_UNSAFE, "/etc/x = m:f"},
        {ENVM_UNSAFE, ". = m:f"},
        {ENVM_UNSAFE, ".hidden = m:f"},
        {ENVM_UNSAFE, "-rf = m:f"},
        {ENVM_UNSAFE, "a b = m:f"},
        {ENVM_UNSAFE, "a\\b = m:f"},
        {ENVM_UNSAFE, "a\nb = m:f"},
        {ENVM_UNSAFE, "a;id = m:f"},
        {ENVM_UNSAFE, "\xc3\xa9 = m:f"},
        {ENVM_UNSAFE, "x = m;import os:f"},
        {ENVM_UNSAFE, "x = m\nimport os:f"},
        {ENVM_UNSAFE, "x = m.:f"},
        {ENVM_UNSAFE, "x = .m:f"},
        {ENVM_UNSAFE, "x = m..n:f"},
        {ENVM_UNSAFE, "x = 1m:f"},
        {ENVM_UNSAFE, "x = import:f"},
        {ENVM_UNSAFE, "x = a.class:f"},
        {ENVM_UNSAFE, "x = m:f()"},
        {ENVM_UNSAFE, "x = m:f;g"},
        {ENVM_UNSAFE, "x = m:f [extra]"},
        {ENVM_UNSAFE, "x = m:'f'"},
        {ENVM_UNSAFE, "x = m:lambda"},
        {ENVM_UNSAFE, "x = m=n:f"},
    };
    char longer[200];

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct envm_entry_point point;

        FAILS(rows[i].code, envm_entry_point_parse(envm_str_from(rows[i].text), &point, &err));
    }
    for (size_t length = 128; length <= 129; length++) {
        struct envm_entry_point point;

        memset(longer, 'x', length);
        strcpy(longer + length, "=m:f");
        assert_int_equal(envm_entry_point_parse(envm_str_from(longer), &point, NULL),
                         length == 128 ? ENVM_OK : ENVM_UNSAFE);
    }
}

static void test_script(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_entry_point point;
    envm_str script;

    (void)state;
    OK(envm_entry_point_parse(ENVM_STR("x = a.b:C.run"), &point, &err));
    script = envm_entry_point_script(&arena, &point, ENVM_STR("bin/python3.11"));
    assert_true(envm_str_starts_with(
        script, ENVM_STR("#!" ENVM_GENERATED_PLACEHOLDER "/bin/python3.11\n")));
    assert_true(envm_str_contains(script, ENVM_STR("\nfrom a.b import C\n")));
    assert_true(envm_str_ends_with(script, ENVM_STR("    sys.exit(C.run())\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_script),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
