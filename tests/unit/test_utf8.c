/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/str.h"
#include "base/utf8.h"

/* Encodes without looking at what is allowed. */
static size_t encode(uint32_t c, char *text)
{
    if (c < 0x80) {
        text[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        text[0] = (char)(0xc0 | c >> 6);
        text[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        text[0] = (char)(0xe0 | c >> 12);
        text[1] = (char)(0x80 | (c >> 6 & 0x3f));
        text[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    text[0] = (char)(0xf0 | c >> 18);
    text[1] = (char)(0x80 | (c >> 12 & 0x3f));
    text[2] = (char)(0x80 | (c >> 6 & 0x3f));
    text[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

static void every_code_point(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x120000; c++) {
        char text[4];
        size_t length = encode(c, text);
        uint32_t decoded = UINT32_MAX;
        bool allowed = c <= 0x10ffff && !(c >= 0xd800 && c <= 0xdfff);

        if (envm_utf8_decode(envm_str_n(text, length), &decoded) != (allowed ? length : 0))
            fail_msg("U+%04X", c);
        if (allowed && decoded != c)
            fail_msg("U+%04X was decoded as U+%04X", c, decoded);
        if (length > 1 && envm_utf8_decode(envm_str_n(text, length - 1), &decoded) != 0)
            fail_msg("U+%04X cut short", c);
    }
}

static void malformed(void **state)
{
    static const char *const bad[] = {
        "\x80",
        "\xbf",
        "\xc0\x80",
        "\xc1\xbf",
        "\xe0\x80\x80",
        "\xe0\x9f\xbf",
        "\xf0\x80\x80\x80",
        "\xf0\x8f\xbf\xbf",
        "\xed\xa0\x80",
        "\xed\xbf\xbf",
        "\xf4\x90\x80\x80",
        "\xf5\x80\x80\x80",
        "\xfe",
        "\xff",
        "\xc3(",
        "\xe2\x28\xa1",
        "\xe2\x82(",
        "ok\xc3",
        "\xf8\x88\x80\x80\x80",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
        assert_false(envm_utf8_is_valid(envm_str_from(bad[i])));
    assert_true(
        envm_utf8_is_valid(ENVM_STR("plain, \xc3\xa9, \xe2\x82\xac, \xf0\x9f\x90\x8d, \0")));
    assert_true(envm_utf8_is_valid((envm_str){0}));
}

static void controls(void **state)
{
    static const uint32_t yes[] = {0,      0x1b,   0x1f,   0x7f,   0x80,   0x9b,   0x9f,   0x61c,
                                   0x200e, 0x200f, 0x2028, 0x2029, 0x202a, 0x202e, 0x2066, 0x2069};
    static const uint32_t no[] = {' ',    '~',    0xa0,   0xe9,   0x200b,
                                  0x2027, 0x202f, 0x2065, 0x206a, 0x1f40d};

    (void)state;
    for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
        assert_true(envm_utf8_is_control(yes[i]));
    for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
        assert_false(envm_utf8_is_control(no[i]));
}

static void check_escaped(envm_str text, size_t max, const char *expected)
{
    struct envm_buf buf = envm_buf_text();

    envm_buf_add_escaped(&buf, text, max);
    assert_string_equal(envm_buf_str(&buf).ptr, expected);
    envm_buf_release(&buf);
}

static void escaping(void **state)
{
    (void)state;
    check_escaped(ENVM_STR("caf\xc3\xa9"), 100, "caf\xc3\xa9");
    check_escaped(ENVM_STR("a\x1b[31mb\n\0"), 100, "a\\x1B[31mb\\x0A\\x00");
    check_escaped(ENVM_STR("\xff\xc3("), 100, "\\xFF\\xC3(");
    check_escaped(ENVM_STR("a\xe2\x80\xae"
                           "b"),
                  100, "a\\xE2\\x80\\xAEb");
    check_escaped(ENVM_STR("\xc2\x9b"), 100, "\\xC2\\x9B");
    check_escaped(ENVM_STR("abcdef"), 3, "abc\xe2\x80\xa6");
    check_escaped(ENVM_STR("abc"), 3, "abc");
    check_escaped((envm_str){0}, 3, "");
}

static void widths(void **state)
{
    (void)state;
    assert_int_equal(envm_utf8_width(ENVM_STR("abc")), 3);
    assert_int_equal(envm_utf8_width(ENVM_STR("caf\xc3\xa9")), 4);
    assert_int_equal(envm_utf8_width((envm_str){0}), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point), cmocka_unit_test(malformed), cmocka_unit_test(controls),
        cmocka_unit_test(escaping),         cmocka_unit_test(widths),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
