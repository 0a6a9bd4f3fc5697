/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/glob.h"
#include "base/str.h"

static void rows_match(void **state)
{
    static const struct {
        const char *pattern;
        const char *text;
        bool expected;
    } rows[] = {
        {"", "", true},           {"", "a", false},         {"*", "", true},
        {"*", "anything", true},  {"**", "x", true},        {"a*", "a", true},
        {"a*", "ba", false},      {"*a", "ba", true},       {"*a", "ab", false},
        {"a*c", "abc", true},     {"a*c", "ac", true},      {"a*c", "abcd", false},
        {"*a*b*", "xaybz", true}, {"*a*b*", "xbya", false}, {"a*a", "a", false},
        {"*aab", "aaab", true},   {"*.*", "a.b.c", true},   {"py3*_0", "py310h5eee18b_0", true},
        {"?", "a", false},        {"[a]", "a", false},      {"a", "A", false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (envm_glob_match(envm_str_from(rows[i].pattern), envm_str_from(rows[i].text), false) !=
            rows[i].expected)
            fail_msg("%s against %s", rows[i].pattern, rows[i].text);
    }
    assert_true(envm_glob_match(ENVM_STR("PY*"), ENVM_STR("python"), true));
    assert_true(envm_glob_match((envm_str){0}, (envm_str){0}, false));
}

/* Exponential matchers need years for this. */
static void hostile_patterns_are_quick(void **state)
{
    char pattern[2001];
    char text[2001];

    (void)state;
    for (size_t i = 0; i < 2000; i++) {
        pattern[i] = i % 2 ? '*' : 'a';
        text[i] = 'a';
    }
    pattern[1999] = 'b';
    assert_false(envm_glob_match(envm_str_n(pattern, 2000), envm_str_n(text, 2000), false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_match),
        cmocka_unit_test(hostile_patterns_are_quick),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
