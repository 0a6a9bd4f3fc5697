/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/hex.h"
#include "base/str.h"

#define SHA256 "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
#define MD5 "d41d8cd98f00b204e9800998ecf8427e"

static void there_and_back(void **state)
{
    uint8_t bytes[256];
    uint8_t back[256];
    char text[513];

    (void)state;
    for (int i = 0; i < 256; i++)
        bytes[i] = (uint8_t)i;
    envm_hex_encode(bytes, 256, text);
    assert_int_equal(strlen(text), 512);
    assert_memory_equal(text, "000102", 6);
    assert_true(envm_hex_decode(envm_str_n(text, 512), back, 256));
    assert_memory_equal(bytes, back, 256);
    assert_true(envm_hex_decode(ENVM_STR("aAfF"), back, 2));
    assert_int_equal(back[0], 0xaa);
    assert_int_equal(back[1], 0xff);
}

/* A damaged digest must never become "no digest" or another one. */
static void damaged_digests_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        " " SHA256,
        SHA256 " ",
        SHA256 "\n",
        "0x" SHA256,
        "sha256:" SHA256,
        "3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "0" SHA256,
        " 3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85/",
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85:",
        MD5,
    };
    struct envm_sha256 digest = {.known = false, .bytes = {42}};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_false(envm_sha256_parse(envm_str_from(bad[i]), &digest));
        assert_false(digest.known);
        assert_int_equal(digest.bytes[0], 42);
    }
    assert_false(envm_sha256_parse((envm_str){0}, &digest));
}

/* Every byte at every place, in a text with a part for each way of decoding: sixteen digits at
 * once, and the rest. */
static void every_byte_is_a_digit_or_refused(void **state)
{
    static const char zeros[] = "000000000000000000000000000000000000";

    (void)state;
    for (int c = 0; c < 256; c++) {
        const char *digits = "0123456789abcdefABCDEF";
        const char *found = c ? strchr(digits, c) : NULL;
        int value = found ? (int)(found - digits) : -1;

        for (size_t at = 0; at < 36; at++) {
            char text[37];
            uint8_t bytes[18];

            memcpy(text, zeros, sizeof(text));
            text[at] = (char)c;
            assert_int_equal(envm_hex_decode(envm_str_n(text, 36), bytes, 18), value >= 0);
            if (value >= 16)
                value -= 6;
            if (value >= 0)
                assert_int_equal(bytes[at / 2], at % 2 ? value : value << 4);
        }
    }
}

static void digests(void **state)
{
    struct envm_sha256 a = {0};
    struct envm_sha256 b = {0};
    struct envm_md5 md5 = {0};

    (void)state;
    assert_false(envm_sha256_equal(&a, &b));
    assert_string_equal(envm_sha256_hex(&a).text, "");
    assert_string_equal(envm_md5_hex(&md5).text, "");
    assert_true(envm_sha256_parse(ENVM_STR(SHA256), &a));
    assert_false(envm_sha256_equal(&a, &b));
    assert_true(envm_sha256_parse(
        ENVM_STR("E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855"), &b));
    assert_true(envm_sha256_equal(&a, &b));
    assert_string_equal(envm_sha256_hex(&b).text, SHA256);
    b.bytes[31] ^= 1;
    assert_false(envm_sha256_equal(&a, &b));
    assert_true(envm_md5_parse(ENVM_STR(MD5), &md5));
    assert_string_equal(envm_md5_hex(&md5).text, MD5);
    assert_false(envm_md5_parse(ENVM_STR(SHA256), &md5));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(damaged_digests_are_refused),
        cmocka_unit_test(every_byte_is_a_digit_or_refused),
        cmocka_unit_test(digests),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
