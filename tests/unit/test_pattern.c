/* SPDX-License-Identifier: MIT */
#include "conda_data.h"

#include <time.h>

#include "conda/pattern.h"
#include "conda/version_spec.h"

static void test_matches(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool expected;
    } rows[] = {
        {"", "x", true},
        {"*", "", true},
        {"**", "x", true},
        {"abc", "ABC", true},
        {"abc", "abcd", false},
        {"py3*_2", "PY310h_2", true},
        {"py3*_2", "py310h_3", false},
        {"*a*b*", "xaxbx", true},
        {"^abc$", "ABC", true},
        {"^abc$", "xabc", false},
        {"^a|b$", "xb", true},
        {"^a|b$", "ax", true},
        {"^a|b$", "xax", false},
        {"^(a|b)+c?$", "abab", true},
        {"^(a|b)+c?$", "ababcc", false},
        {"^(?:ab)*$", "ababab", true},
        {"^(?:ab)*$", "aba", false},
        {"^[a-c]+[^a-c]$", "abcd", true},
        {"^[a-c]+[^a-c]$", "abc", false},
        {"^[]a]+$", "]a", true},
        {"^[^]a]+$", "]a", false},
        {"^[A-Z]+$", "abc", true},
        {"^[a-]+$", "a-a", true},
        {"^\\d+\\.\\d+$", "12.34", true},
        {"^\\d+\\.\\d+$", "12x34", false},
        {"^\\D\\w\\s\\S\\W$", "a_ b-", true},
        {"^[\\d.]+$", "1.2", true},
        {"^.*$", "", true},
        {"^$", "", true},
        {"^$", "a", false},
        {"^()$", "", true},
        {"^(|a)b$", "b", true},
        {"^(|a)b$", "ab", true},
        {"^(a*)*b$", "aaab", true},
        {"^(a*)+$", "", true},
        {"^(a?)*$", "aa", true},
        {"^a+?b$", "aab", true},
        {"^a.c$",
         "a\xC3"
         "c",
         true},
        {"^\\$\\^\\[$", "$^[", true},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        struct envm_pattern pattern;
        assert_int_equal(envm_pattern_parse(&arena, envm_str_from(rows[i].pattern), &pattern, NULL),
                         ENVM_OK);
        if (envm_pattern_matches(&pattern, envm_str_from(rows[i].text)) != rows[i].expected)
            fail_msg("'%s' on '%s'", rows[i].pattern, rows[i].text);
    }
}

static void test_refusals(void **state)
{
    static const char *const bad[] = {
        "^a",    "a$",    "^(a$",    "^a)$",    "^[a$",   "^a\\$x^",
        "^(+)$", "^(?)$", "^a|+$",   "^(*a)$",  "^a{2}$", "^(?=a)$",
        "^\\1$", "^\\b$", "^[b-a]$", "^[\\q]$", "^a|*b$", "^[a-\\d]$",
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        struct envm_pattern pattern;
        struct envm_error err = {0};
        if (envm_pattern_parse(&arena, envm_str_from(bad[i]), &pattern, &err) != ENVM_MALFORMED)
            fail_msg("accepted: %s", bad[i]);
        assert_non_null(err.text);
        envm_error_release(&err);
    }
}

/* reliability.md A18: inputs that make backtracking matchers hang. */
static void test_no_blow_up(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    static char text[100001];
    struct envm_pattern pattern;
    clock_t start = clock();

    (void)state;
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = 'b';
    assert_int_equal(envm_pattern_parse(&arena, ENVM_STR("^(a+)+$"), &pattern, NULL), ENVM_OK);
    assert_false(envm_pattern_matches(&pattern, envm_str_n(text, sizeof(text))));
    assert_true(envm_pattern_matches(&pattern, envm_str_n(text, sizeof(text) - 1)));
    assert_int_equal(envm_pattern_parse(&arena, ENVM_STR("^(a|aa)*(a|a)*c$"), &pattern, NULL),
                     ENVM_OK);
    assert_false(envm_pattern_matches(&pattern, envm_str_n(text, sizeof(text))));
    assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 5.0);
}

static void test_size_limit(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    char text[2002];
    struct envm_pattern pattern;
    const char *const units[] = {"a", "()", "[a]", "a|", "(a)*", "\\d"};
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t len = 1, unit = strlen(units[i]);
        text[0] = '^';
        while (len + unit < sizeof(text)) {
            memcpy(text + len, units[i], unit);
            len += unit;
        }
        text[len++] = '$';
        assert_int_equal(envm_pattern_parse(&arena, envm_str_n(text, len), &pattern, NULL),
                         ENVM_MALFORMED);
    }
    memset(text, '(', sizeof(text));
    text[0] = '^';
    text[100] = '$';
    assert_int_equal(envm_pattern_parse(&arena, envm_str_n(text, 101), &pattern, NULL),
                     ENVM_MALFORMED);
}

static bool spec_matches(struct envm_arena *arena, const char *text, const char *version_text)
{
    const struct envm_version_spec *spec;
    const struct envm_version *version;

    assert_int_equal(envm_version_spec_parse(arena, envm_str_from(text), &spec, NULL), ENVM_OK);
    assert_int_equal(envm_version_parse(arena, envm_str_from(version_text), &version, NULL),
                     ENVM_OK);
    return envm_version_spec_matches(spec, version);
}

static void test_precedence(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    (void)state;
    assert_true(spec_matches(&arena, "1|2,3", "1"));
    assert_false(spec_matches(&arena, "1|2,3", "3"));
    assert_false(spec_matches(&arena, "(1|2),3", "1"));
    assert_true(spec_matches(&arena, "2,(1|2)", "2"));
    assert_true(spec_matches(&arena, ">=1,<2|>=3,<4|5", "3.5"));
    assert_false(spec_matches(&arena, ">=1,<2|>=3,<4|5", "2.5"));
    assert_true(spec_matches(&arena, "((((1))))|2", "1"));
    assert_true(spec_matches(&arena, "^(1|2),x$|3", "3"));
}

static void test_long_specs(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    char text[ENVM_VERSION_SPEC_LENGTH_MAX + 2];
    const struct envm_version_spec *spec;
    const struct envm_version *version;
    size_t i;

    (void)state;
    for (i = 0; i + 1 < ENVM_VERSION_SPEC_LENGTH_MAX; i += 2) {
        text[i] = '1';
        text[i + 1] = i % 4 ? ',' : '|';
    }
    assert_int_equal(envm_version_spec_parse(
                         &arena, envm_str_n(text, ENVM_VERSION_SPEC_LENGTH_MAX - 1), &spec, NULL),
                     ENVM_OK);
    assert_int_equal(envm_version_parse(&arena, ENVM_STR("1.0"), &version, NULL), ENVM_OK);
    assert_true(envm_version_spec_matches(spec, version));
    assert_int_equal(envm_version_spec_parse(
                         &arena, envm_str_n(text, ENVM_VERSION_SPEC_LENGTH_MAX + 1), &spec, NULL),
                     ENVM_MALFORMED);
    memset(text, '(', sizeof(text));
    assert_int_equal(envm_version_spec_parse(&arena, envm_str_n(text, 4000), &spec, NULL),
                     ENVM_MALFORMED);
    memset(text, ',', sizeof(text));
    assert_int_equal(envm_version_spec_parse(&arena, envm_str_n(text, 4000), &spec, NULL),
                     ENVM_MALFORMED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_matches),    cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_no_blow_up), cmocka_unit_test(test_size_limit),
        cmocka_unit_test(test_precedence), cmocka_unit_test(test_long_specs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
