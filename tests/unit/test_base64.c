/* SPDX-License-Identifier: MIT */
#include "codec/base64.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

static const struct {
    envm_str bytes;
    const char *text;
} vectors[] = {
    {ENVM_STR_INIT(""), ""},
    {ENVM_STR_INIT("f"), "Zg=="},
    {ENVM_STR_INIT("fo"), "Zm8="},
    {ENVM_STR_INIT("foo"), "Zm9v"},
    {ENVM_STR_INIT("foob"), "Zm9vYg=="},
    {ENVM_STR_INIT("fooba"), "Zm9vYmE="},
    {ENVM_STR_INIT("foobar"), "Zm9vYmFy"},
    {ENVM_STR_INIT("\0\xff\xfb\xef\xbe"), "AP/7774="},
    {ENVM_STR_INIT("user:pass"), "dXNlcjpwYXNz"},
};

static void test_vectors(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(vectors) / sizeof(*vectors); i++) {
        ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
        envm_str back;

        envm_base64_encode(&out, vectors[i].bytes);
        assert_string_equal(envm_buf_str(&out).ptr, vectors[i].text);
        assert_true(envm_base64_decode(&arena, envm_buf_str(&out), &back));
        assert_true(envm_str_equal(back, vectors[i].bytes));
    }
}

static void test_refused(void **state)
{
    static const char *const texts[] = {"Z",    "Zg",    "Zg=",   "Zh==", "Zm9=",       "====",
                                        "Z===", "Zm9v=", "Zg==A", "Zm-v", "Zm9v\nZg==", "Zg==Zg=="};
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    envm_str bytes = ENVM_STR("same");

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        assert_false(envm_base64_decode(&arena, envm_str_from(texts[i]), &bytes));
    assert_false(envm_base64_decode(&arena, ENVM_STR("Zm\0v"), &bytes));
    assert_string_equal(bytes.ptr, "same");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
