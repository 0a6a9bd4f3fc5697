/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "base/buf.h"
#include "base/relpath.h"

#define TEN "0123456789"
#define FIFTY TEN TEN TEN TEN TEN
#define TWO_HUNDRED_FIFTY FIFTY FIFTY FIFTY FIFTY FIFTY

static void good_paths(void **state)
{
    static const char *const good[] = {
        "a",    "a/b/c", ".hidden",     "..a", "a..", "...",      "a b",
        "a\\b", "C:\\x", "caf\xc3\xa9", "-x",  "~",   "a/.b/..c", TWO_HUNDRED_FIFTY "12345",
    };
    struct envm_arena arena = {0};
    struct envm_relpath path;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
        OK(envm_relpath_parse(&arena, envm_str_from(good[i]), &path, &err));
        assert_string_equal(path.s.ptr, good[i]);
        assert_ptr_not_equal(path.s.ptr, good[i]);
    }
    envm_arena_release(&arena);
}

static void bad_paths(void **state)
{
    static const char *const bad[] = {
        "",
        "/",
        "/a",
        "//",
        "a/",
        "a//b",
        "./a",
        "a/./b",
        ".",
        "..",
        "../a",
        "a/..",
        "a/../b",
        "a\n",
        "a\x1b[0m",
        "a\x7f",
        "\xc2\x80",
        "\xe2\x80\xae"
        "a",
        "\xff",
        "a/\xc3",
        "\xed\xa0\x80",
        TWO_HUNDRED_FIFTY "123456",
        "a/" TWO_HUNDRED_FIFTY "123456",
    };
    struct envm_arena arena = {0};
    struct envm_relpath path = ENVM_RELPATH("untouched");

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        if (envm_relpath_parse(&arena, envm_str_from(bad[i]), &path, &err) != ENVM_UNSAFE)
            fail_msg("\"%s\" was accepted", bad[i]);
        envm_error_release(&err);
    }
    FAILS_WITH(ENVM_UNSAFE, "\\x00", envm_relpath_parse(&arena, ENVM_STR("a\0b"), &path, &err));
    FAILS_WITH(ENVM_UNSAFE, "\\x1B", envm_relpath_parse(&arena, ENVM_STR("\x1b"), &path, &err));
    FAILS(ENVM_UNSAFE, envm_relpath_parse(&arena, (envm_str){0}, &path, &err));
    assert_string_equal(path.s.ptr, "untouched");
    envm_arena_release(&arena);
}

static void limits(void **state)
{
    struct envm_arena arena = {0};
    struct envm_buf text = envm_buf_text();
    struct envm_relpath path;

    (void)state;
    for (int i = 0; i < 64; i++)
        envm_buf_add_cstr(&text, i ? "/x" : "x");
    OK(envm_relpath_parse(&arena, envm_buf_str(&text), &path, &err));
    envm_buf_add_cstr(&text, "/x");
    FAILS(ENVM_UNSAFE, envm_relpath_parse(&arena, envm_buf_str(&text), &path, &err));
    envm_buf_clear(&text);
    for (int i = 0; i < 4; i++)
        envm_buf_add_cstr(&text, TWO_HUNDRED_FIFTY "/");
    envm_buf_add_cstr(&text, TEN TEN);
    assert_int_equal(text.len, 1024);
    OK(envm_relpath_parse(&arena, envm_buf_str(&text), &path, &err));
    envm_buf_add_byte(&text, 'x');
    FAILS(ENVM_UNSAFE, envm_relpath_parse(&arena, envm_buf_str(&text), &path, &err));
    envm_buf_release(&text);
    envm_arena_release(&arena);
}

static void joining_and_taking_apart(void **state)
{
    struct envm_arena arena = {0};
    struct envm_relpath path;
    struct envm_relpath parent;

    (void)state;
    OK(envm_relpath_join(&arena, ENVM_RELPATH("a/b"), ENVM_STR("c/d"), &path, &err));
    assert_string_equal(path.s.ptr, "a/b/c/d");
    assert_string_equal(envm_relpath_leaf(path).ptr, "d");
    assert_true(envm_relpath_parent(&arena, path, &parent));
    assert_string_equal(parent.s.ptr, "a/b/c");
    assert_false(envm_relpath_parent(&arena, ENVM_RELPATH("a"), &parent));
    assert_string_equal(envm_relpath_leaf(ENVM_RELPATH("a")).ptr, "a");
    FAILS(ENVM_UNSAFE, envm_relpath_join(&arena, ENVM_RELPATH("a"), ENVM_STR("../b"), &path, &err));
    FAILS(ENVM_UNSAFE, envm_relpath_join(&arena, ENVM_RELPATH("a"), ENVM_STR("/b"), &path, &err));
    FAILS(ENVM_UNSAFE, envm_relpath_join(&arena, ENVM_RELPATH("a"), ENVM_STR(""), &path, &err));
    assert_true(envm_relpath_is_below(ENVM_RELPATH("a/b"), ENVM_STR("a")));
    assert_true(envm_relpath_is_below(ENVM_RELPATH("a"), ENVM_STR("a")));
    assert_false(envm_relpath_is_below(ENVM_RELPATH("ab"), ENVM_STR("a")));
    assert_false(envm_relpath_is_below(ENVM_RELPATH("a"), ENVM_STR("a/b")));
    envm_arena_release(&arena);
}

static void components(void **state)
{
    (void)state;
    assert_true(envm_is_path_component(ENVM_STR("numpy-1.0")));
    assert_false(envm_is_path_component(ENVM_STR("a/b")));
    assert_false(envm_is_path_component(ENVM_STR("..")));
    assert_false(envm_is_path_component(ENVM_STR("")));
    assert_false(envm_is_path_component(ENVM_STR("a\0")));
}

static void where_links_lead(void **state)
{
    static const struct {
        const char *path;
        const char *target;
        enum envm_link_class expected;
    } rows[] = {
        {"a", "b", ENVM_LINK_INSIDE},
        {"a", "./b", ENVM_LINK_INSIDE},
        {"a", "..", ENVM_LINK_OUTSIDE},
        {"a", "../b", ENVM_LINK_OUTSIDE},
        {"a/b", "..", ENVM_LINK_INSIDE},
        {"a/b", "../c", ENVM_LINK_INSIDE},
        {"a/b", "../../c", ENVM_LINK_OUTSIDE},
        {"a/b", "c/../../d", ENVM_LINK_INSIDE},
        {"a/b", "c/../../../d", ENVM_LINK_OUTSIDE},
        {"a/b", "../../a/b", ENVM_LINK_OUTSIDE},
        {"a/b/c", "..//..//x", ENVM_LINK_INSIDE},
        {"a", "/", ENVM_LINK_ABSOLUTE},
        {"a", "/a", ENVM_LINK_ABSOLUTE},
        {"a", "", ENVM_LINK_INSIDE},
        {"a", "...", ENVM_LINK_INSIDE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct envm_relpath path = {envm_str_from(rows[i].path)};

        if (envm_link_classify(path, envm_str_from(rows[i].target)) != rows[i].expected)
            fail_msg("%s -> %s", rows[i].path, rows[i].target);
    }
    assert_int_equal(envm_link_classify(ENVM_RELPATH("a"), (envm_str){0}), ENVM_LINK_INSIDE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_paths), cmocka_unit_test(bad_paths),
        cmocka_unit_test(limits),     cmocka_unit_test(joining_and_taking_apart),
        cmocka_unit_test(components), cmocka_unit_test(where_links_lead),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
