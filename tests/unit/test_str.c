/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/str.h"

#define S(text) ENVM_STR(text)

static const envm_str nothing;

static void comparing(void **state)
{
    envm_str list[] = {S("b"), S("ab"), S(""), S("a"), S("\xff"), S("B")};

    (void)state;
    assert_true(envm_str_equal(nothing, S("")));
    assert_true(envm_str_equal(S("a\0b"), S("a\0b")));
    assert_false(envm_str_equal(S("a\0b"), S("a\0c")));
    assert_false(envm_str_equal(S("a"), S("ab")));
    assert_true(envm_str_equal_c(S("abc"), "abc"));
    assert_true(envm_str_equal_c(nothing, NULL));
    assert_true(envm_str_equal_nocase(S("NumPy-1"), S("nUMpY-1")));
    assert_false(envm_str_equal_nocase(S("a"), S("b")));
    assert_false(envm_str_equal_nocase(S("a"), S("ab")));
    /* Only ASCII letters have a case: '[' and '{' differ by the same bit. */
    assert_false(envm_str_equal_nocase(S("["), S("{")));
    assert_true(envm_str_compare(S("a"), S("b")) < 0);
    assert_true(envm_str_compare(S("ab"), S("a")) > 0);
    assert_int_equal(envm_str_compare(nothing, S("")), 0);
    qsort(list, 6, sizeof(*list), envm_str_compare_qsort);
    assert_str(list[0], "");
    assert_str(list[1], "B");
    assert_str(list[2], "a");
    assert_str(list[3], "ab");
    assert_str(list[5], "\xff");
}

static void prefixes_and_suffixes(void **state)
{
    (void)state;
    assert_true(envm_str_starts_with(S("abc"), S("ab")));
    assert_true(envm_str_starts_with(S("abc"), nothing));
    assert_true(envm_str_starts_with(nothing, nothing));
    assert_false(envm_str_starts_with(S("ab"), S("abc")));
    assert_false(envm_str_starts_with(S("abc"), S("b")));
    assert_true(envm_str_ends_with(S("a.conda"), S(".conda")));
    assert_false(envm_str_ends_with(S("conda"), S(".conda")));
    assert_true(envm_str_ends_with(nothing, S("")));
}

static void slices(void **state)
{
    (void)state;
    assert_str(envm_str_slice(S("hello"), 1, 3), "el");
    assert_str(envm_str_slice(S("hello"), 3, 100), "lo");
    assert_str(envm_str_slice(S("hello"), 4, 2), "");
    assert_str(envm_str_slice(S("hello"), 100, 200), "");
    assert_str(envm_str_skip(S("hello"), 2), "llo");
    assert_str(envm_str_skip(S("hello"), 9), "");
    assert_int_equal(envm_str_slice(nothing, 0, 5).len, 0);
    assert_int_equal(envm_str_from(NULL).len, 0);
}

static void searching(void **state)
{
    (void)state;
    assert_int_equal(envm_str_find_char(S("a/b/c"), '/'), 1);
    assert_int_equal(envm_str_find_last_char(S("a/b/c"), '/'), 3);
    assert_true(envm_str_find_char(S("abc"), '/') == SIZE_MAX);
    assert_true(envm_str_find_last_char(nothing, '/') == SIZE_MAX);
    assert_int_equal(envm_str_find(S("one two"), S("two")), 4);
    assert_int_equal(envm_str_find(S("one"), S("")), 0);
    assert_true(envm_str_find(nothing, S("x")) == SIZE_MAX);
    assert_true(envm_str_contains(S("a\0b"), S("\0b")));
    assert_false(envm_str_contains(S("ab"), S("abc")));
}

static void trimming(void **state)
{
    (void)state;
    assert_str(envm_str_trim(S(" \t\r\n a b \n")), "a b");
    assert_str(envm_str_trim(S(" \n ")), "");
    assert_str(envm_str_trim(nothing), "");
    /* Other white space is none here. */
    assert_str(envm_str_trim(S("\v\f")), "\v\f");
}

static void check_split(envm_str text, const char *expected)
{
    char seen[128] = "";
    envm_str part;

    while (envm_str_split_next(&text, ',', &part)) {
        size_t len = strlen(seen);

        snprintf(seen + len, sizeof(seen) - len, "[%.*s]", ENVM_STR_ARGS(part));
    }
    assert_string_equal(seen, expected);
    assert_null(text.ptr);
}

static void splitting(void **state)
{
    (void)state;
    check_split(S("a,,b"), "[a][][b]");
    check_split(S("a,"), "[a][]");
    check_split(S(","), "[][]");
    check_split(S("abc"), "[abc]");
    check_split(S(""), "[]");
    check_split(nothing, "");
}

static void words(void **state)
{
    envm_str rest = S("  one\ttwo \n three");
    envm_str word;

    (void)state;
    assert_true(envm_str_next_word(&rest, &word));
    assert_str(word, "one");
    assert_true(envm_str_next_word(&rest, &word));
    assert_str(word, "two");
    assert_true(envm_str_next_word(&rest, &word));
    assert_str(word, "three");
    assert_false(envm_str_next_word(&rest, &word));
    assert_false(envm_str_next_word(&rest, &word));
}

static void numbers(void **state)
{
    static const char *const bad[] = {"",
                                      "-1",
                                      "+1",
                                      " 1",
                                      "1 ",
                                      "0x1",
                                      "1.0",
                                      "18446744073709551616",
                                      "99999999999999999999",
                                      "\xd9\xa1"};
    uint64_t value = 7;

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(envm_str_parse_u64(envm_str_from(bad[i]), &value));
    assert_int_equal(value, 7);
    assert_true(envm_str_parse_u64(S("0"), &value));
    assert_int_equal(value, 0);
    assert_true(envm_str_parse_u64(S("007"), &value));
    assert_int_equal(value, 7);
    assert_true(envm_str_parse_u64(S("18446744073709551615"), &value));
    assert_true(value == UINT64_MAX);
}

static void hashes(void **state)
{
    char text[400];
    uint64_t seen[400];

    (void)state;
    memset(text, 'x', sizeof(text));
    /* Lengths around those of words and of blocks, and one text under two seeds. */
    for (size_t len = 0; len < 400; len++) {
        seen[len] = envm_str_hash(envm_str_n(text, len), 1);
        for (size_t i = 0; i < len; i++)
            assert_true(seen[i] != seen[len]);
        assert_true(seen[len] == envm_str_hash(envm_str_n(text, len), 1));
        assert_true(seen[len] != envm_str_hash(envm_str_n(text, len), 2));
    }
    assert_true(envm_str_hash(S("a"), 1) != envm_str_hash(S("a\0"), 1));
    /* Every byte counts. */
    for (size_t len = 1; len < 400; len += len < 20 ? 1 : 13)
        for (size_t i = 0; i < len; i++) {
            text[i] = 'y';
            assert_true(envm_str_hash(envm_str_n(text, len), 1) != seen[len]);
            text[i] = 'x';
        }
}

static void characters(void **state)
{
    (void)state;
    for (int c = 0; c < 256; c++) {
        bool digit = c >= '0' && c <= '9';
        bool upper = c >= 'A' && c <= 'Z';
        bool lower = c >= 'a' && c <= 'z';

        assert_int_equal(envm_is_digit((char)c), digit);
        assert_int_equal(envm_is_alpha((char)c), upper || lower);
        assert_int_equal(envm_is_alnum((char)c), digit || upper || lower);
        assert_int_equal(envm_is_space((char)c), c == ' ' || c == '\t' || c == '\n' || c == '\r');
        assert_int_equal((unsigned char)envm_to_lower((char)c), upper ? c + 32 : c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(comparing), cmocka_unit_test(prefixes_and_suffixes),
        cmocka_unit_test(slices),    cmocka_unit_test(searching),
        cmocka_unit_test(trimming),  cmocka_unit_test(splitting),
        cmocka_unit_test(words),     cmocka_unit_test(numbers),
        cmocka_unit_test(hashes),    cmocka_unit_test(characters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
