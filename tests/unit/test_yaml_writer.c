/* SPDX-License-Identifier: MIT */
#include "codec/yaml_writer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "codec/yaml_reader.h"

/* Written without quotes. */
static const char *const plain[] = {
    "conda-forge",
    "numpy >=2",
    "python 3.12.*",
    "bzip2-1.0.8-hda65f42_8.conda",
    "a",
    "_x",
    "https://conda.anaconda.org/conda-forge/linux-64/x-1.0-0.conda",
    "2.28=0",
    "1=x86_64",
    "/opt/x",
    "libgcc >=14",
    "x*",
    "MIT",
    "GPL-3.0-or-later",
    "lib/python3.12/site-packages",
    "nope",
    "yesterday",
    "-v",
    "numpy=1.26.*=*_cpython",
    "deadbeef",
    "sha256:0f",
};

/* What some reader would take for something else, or not take at all. */
static const char *const quoted[] = {
    "",
    " ",
    "a ",
    " a",
    "a  b",
    "~",
    "null",
    "Null",
    "NULL",
    "true",
    "False",
    "yes",
    "NO",
    "on",
    "Off",
    "y",
    "N",
    "1",
    "-1",
    "+1",
    "1.5",
    ".5",
    "1e5",
    "1_000",
    "0x1f",
    "0o17",
    "0b1",
    "1:30",
    "3.10",
    "1.2.3",
    ".inf",
    "-.INF",
    ".nan",
    "2020-01-01",
    "2020-01-01T00:00:00Z",
    "2020-01-01 00:00:00",
    "- a",
    "-",
    "--- a",
    "---",
    "...",
    "? a",
    "?",
    ": a",
    ":",
    "a: b",
    "a:",
    "a #b",
    "#a",
    "&a",
    "*a",
    "!a",
    "|",
    ">",
    ">=1",
    "<2",
    "=",
    "<<",
    "@a",
    "`a",
    "%a",
    "'a'",
    "\"a\"",
    "[a]",
    "{a}",
    "a, b",
    "a,b",
    "a[b]",
    "a{b}",
    "a\tb",
    "a\nb",
    "a\\b",
    "é",
    "a\x01",
    "\x7f",
    "\xEF\xBB\xBF",
    "\xE2\x80\xA8",
    "\xE2\x80\xAE",
    "==",
    "1e",
    "..",
    "../x",
    "a:[",
    "12e34",
};

static void check(const char *text, bool expect_plain)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    const envm_str items[] = {envm_str_from(text), ENVM_STR_INIT("z"), envm_str_from(text)};
    struct envm_str_list list = {items, 3};
    struct envm_yaml_node *root = NULL;
    bool is_quoted;

    envm_yaml_add_scalar(&out, items[0]);
    is_quoted = envm_buf_str(&out).ptr[0] == '"';
    if (is_quoted == expect_plain)
        fail_msg("'%s' is written as %s", text, envm_buf_str(&out).ptr);
    envm_buf_clear(&out);
    envm_yaml_add_field(&out, 0, "field", items[0]);
    envm_yaml_add_list(&out, 0, "flow", list, false);
    envm_yaml_add_list(&out, 0, "block", list, true);
    envm_yaml_add_key(&out, 0, ENVM_STR("keys"));
    envm_buf_add_byte(&out, '\n');
    envm_yaml_add_field(&out, 2, text, ENVM_STR("v"));
    if (envm_yaml_read(&arena, envm_buf_str(&out), "f", &root, NULL, NULL) != ENVM_OK)
        fail_msg("'%s' does not come back:\n%s", text, envm_buf_str(&out).ptr);
    assert_string_equal(envm_yaml_get(root, "field")->scalar.ptr, text);
    for (size_t i = 0; i < 3; i += 2) {
        assert_string_equal(envm_yaml_get(root, "flow")->items[i]->scalar.ptr, text);
        assert_string_equal(envm_yaml_get(root, "block")->items[i]->scalar.ptr, text);
    }
    assert_string_equal(envm_yaml_get(root, "keys")->keys[0]->scalar.ptr, text);
}

static void test_scalars(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
        check(plain[i], true);
    for (size_t i = 0; i < sizeof(quoted) / sizeof(*quoted); i++)
        check(quoted[i], false);
}

/* Every two-character text comes back, whatever was decided about quotes. */
static void test_pairs(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    (void)state;
    for (int a = ' '; a < 0x7f; a++) {
        ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
        struct envm_yaml_node *root = NULL;
        char text[3] = {(char)a, 0, 0};

        for (int b = ' '; b < 0x7f; b++) {
            text[1] = (char)b;
            envm_buf_add_cstr(&out, b == ' ' ? "[" : ", ");
            envm_yaml_add_scalar(&out, envm_str_n(text, 2));
        }
        envm_buf_add_cstr(&out, "]\n");
        assert_int_equal(envm_yaml_read(&arena, envm_buf_str(&out), "f", &root, NULL, NULL),
                         ENVM_OK);
        assert_int_equal(root->count, 0x7f - ' ');
        for (size_t i = 0; i < root->count; i++) {
            text[1] = (char)(' ' + i);
            assert_string_equal(root->items[i]->scalar.ptr, text);
        }
    }
}

static void test_form(void **state)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    const envm_str items[] = {ENVM_STR_INIT("a >=1,<2"), ENVM_STR_INIT("b")};
    struct envm_str_list list = {items, 2};

    (void)state;
    envm_yaml_add_field(&out, 2, "url", ENVM_STR("https://h/x"));
    envm_yaml_add_u64(&out, 2, "size", 18446744073709551615U);
    envm_yaml_add_list(&out, 2, "flow", list, false);
    envm_yaml_add_list(&out, 2, "block", list, true);
    envm_yaml_add_list(&out, 2, "empty", (struct envm_str_list){0}, true);
    envm_yaml_add_field(&out, 2, "text", ENVM_STR("a\"\\\n\t\x01\xff\xE2\x80\xAE"));
    assert_string_equal(envm_buf_str(&out).ptr, "  url: https://h/x\n"
                                                "  size: 18446744073709551615\n"
                                                "  flow: [\"a >=1,<2\", b]\n"
                                                "  block:\n"
                                                "    - \"a >=1,<2\"\n"
                                                "    - b\n"
                                                "  empty: []\n"
                                                "  text: \"a\\\"\\\\\\n\\t\\x01\\uFFFD\\u202E\"\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),
        cmocka_unit_test(test_pairs),
        cmocka_unit_test(test_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
