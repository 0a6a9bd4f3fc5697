/* SPDX-License-Identifier: MIT */
#include "conda_data.h"

#include "conda/version.h"

/* CEP 33's own list, in order; "=" before a version: equal to the one above it. */
static const char *const ordered[] = {
    "0.4",       "=0.4.0",    "0.4.1.rc",      "=0.4.1.RC", "0.4.1+local", "0.4.1+0.local",
    "0.4.1",     "=0.4.1+0",  "0.4.1+1.local", "0.5a1",     "0.5b3",       "0.5C1",
    "0.5",       "0.9.6",     "0.960923",      "1.0",       "1.1dev1",     "1.1a1",
    "1.1.0dev1", "=1.1.dev1", "1.1.a1",        "1.1.0rc1",  "1.1.0.0",     "=1.1.0",
    "=1.1",      "1.1.post1", "=1.1.0post1",   "1.1post1",  "1996.07.12",  "1!0.4.1",
    "1!3.1.1.6", "2!0.4.1",
};

static const struct envm_version *parse(struct envm_arena *arena, const char *text)
{
    const struct envm_version *version = NULL;
    struct envm_error err = {0};

    if (envm_version_parse(arena, envm_str_from(text), &version, &err) != ENVM_OK)
        fail_msg("%s", err.text);
    return version;
}

static void test_cep_order(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    const struct envm_version *versions[sizeof(ordered) / sizeof(ordered[0])];
    size_t rank[sizeof(ordered) / sizeof(ordered[0])];
    size_t count = sizeof(ordered) / sizeof(ordered[0]), i, j;

    (void)state;
    for (i = 0; i < count; i++) {
        bool same = ordered[i][0] == '=';
        versions[i] = parse(&arena, ordered[i] + same);
        rank[i] = i == 0 ? 0 : same ? rank[i - 1] : i;
    }
    for (i = 0; i < count; i++)
        for (j = 0; j < count; j++)
            assert_int_equal(envm_version_compare(versions[i], versions[j]),
                             rank[i] < rank[j] ? -1 : rank[i] > rank[j]);
}

static void test_numbers_of_any_length(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    (void)state;
    assert_int_equal(
        envm_version_compare(parse(&arena, "20240101120000"), parse(&arena, "20231231235959")), 1);
    assert_int_equal(envm_version_compare(parse(&arena, "1.99999999999999999999999999999998"),
                                          parse(&arena, "1.99999999999999999999999999999999")),
                     -1);
    assert_int_equal(envm_version_compare(parse(&arena, "1.100000000000000000000"),
                                          parse(&arena, "1.99999999999999999999")),
                     1);
    assert_int_equal(envm_version_compare(parse(&arena, "1.007"), parse(&arena, "1.7.0")), 0);
    assert_int_equal(
        envm_version_compare(parse(&arena, "00000000000000000000000"), parse(&arena, "0")), 0);
}

static void test_starts_with(void **state)
{
    static const struct {
        const char *version, *prefix;
        bool expected;
    } rows[] = {
        {"1.8.1", "1.8", true},        {"1.8", "1.8", true},
        {"1.8", "1.8.0", true},        {"1.80", "1.8", false},
        {"1.8a1", "1.8", true},        {"2013ab", "2013a", true},
        {"1.2.3+4.5", "1.2.3", true},  {"1.2.3+4.5", "1.2.3+4", true},
        {"1.2.3+5", "1.2.3+4", false}, {"1!1.8", "1.8", false},
        {"1!1.8", "1!1", true},        {"1.8.post1", "1.8.post", true},
        {"1.8", "1.8.1", false},       {"1.8.dev1", "1.8.dev", true},
    };
    size_t i;

    (void)state;
    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        if (envm_version_starts_with(parse(&arena, rows[i].version),
                                     parse(&arena, rows[i].prefix)) != rows[i].expected)
            fail_msg("%s starts with %s?", rows[i].version, rows[i].prefix);
    }
}

static void test_text_and_limits(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    const struct envm_version *version;
    struct envm_error err = {0};
    char text[ENVM_VERSION_LENGTH_MAX + 2];
    int order;

    (void)state;
    assert_string_equal(envm_version_text(parse(&arena, "1.8-RC")).ptr, "1.8-RC");
    memset(text, '1', sizeof(text));
    assert_int_equal(
        envm_version_parse(&arena, envm_str_n(text, ENVM_VERSION_LENGTH_MAX), &version, NULL),
        ENVM_OK);
    assert_int_equal(
        envm_version_parse(&arena, envm_str_n(text, ENVM_VERSION_LENGTH_MAX + 1), &version, &err),
        ENVM_MALFORMED);
    envm_error_release(&err);
    memset(text, 'a', sizeof(text));
    for (size_t i = 1; i < ENVM_VERSION_LENGTH_MAX; i += 2)
        text[i] = '.';
    text[ENVM_VERSION_LENGTH_MAX - 1] = 'a';
    assert_int_equal(
        envm_version_parse(&arena, envm_str_n(text, ENVM_VERSION_LENGTH_MAX), &version, NULL),
        ENVM_OK);
    assert_int_equal(envm_version_parse(&arena, envm_str_n("1\0", 2), &version, &err),
                     ENVM_MALFORMED);
    assert_non_null(strstr(err.text, "\\x00"));
    envm_error_release(&err);
    assert_int_equal(envm_version_parse(&arena, ENVM_STR("\xD9\xA1"), &version, NULL),
                     ENVM_MALFORMED);
    assert_int_equal(envm_version_compare_text(ENVM_STR("1"), ENVM_STR("?"), &order, &err),
                     ENVM_MALFORMED);
    assert_non_null(strstr(err.text, "'?'"));
    envm_error_release(&err);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cep_order),
        cmocka_unit_test(test_numbers_of_any_length),
        cmocka_unit_test(test_starts_with),
        cmocka_unit_test(test_text_and_limits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
