/* SPDX-License-Identifier: MIT */
#include "codec/yaml_canonical.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "../support/rows.h"
#include "../support/yaml_same.h"
#include "base/buf.h"
#include "codec/yaml_writer.h"

/* Whoever asks for comments gets libyaml. */
static enum envm_code read_slowly(struct envm_arena *arena, envm_str text,
                                  struct envm_yaml_node **ret_root)
{
    struct envm_str_list comments = {0};

    return envm_yaml_read(arena, text, "f", ret_root, &comments, NULL);
}

/* Declined, or the same as libyaml has it. */
static bool is_right(envm_str text, bool *ret_accepted)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_yaml_node *quick = NULL;
    struct envm_yaml_node *root = NULL;

    *ret_accepted = envm_yaml_read_canonical(&arena, text, &quick);
    return !*ret_accepted ||
           (read_slowly(&arena, text, &root) == ENVM_OK && root && !first_difference(root, quick));
}

static void what_it_accepts_is_what_libyaml_reads(void **state)
{
    static const char *const texts[] = {
        "a: 1\n",
        "# one\n# two\na: 1\n",
        "a: b c\n",
        "a: b - c = d|e (f) !g *h ~i ^j$ ;k @l %m\n",
        "a: -b\n",
        "a: .b\n",
        "a: http://b/c:d\n",
        "a:b: c\n",
        "a: \"\"\n",
        "a: \"b: c # d\"\n",
        "a: \" \\\" \\\\ \"\n",
        "\"a b\": c\n",
        "\"a\\\"b\":\n  c: d\n",
        "a: []\n",
        "a: [b]\n",
        "a: [b, \"c, d\", -e, f g]\n",
        "a: {}\n",
        "a:\n  b: c\n",
        "a:\n  - b\n  - \"c\"\n",
        "a:\n  - b\nc: d\n",
        "a:\n  b:\n    c:\n      - d\n  e: f\ng: h\n",
        "b: 1\na: 2\nc: 3\n",
        "a: null\nb: true\nc: 1.10\nd: 2020-01-01\n",
        "a: \"b\tc\"\n", /* declined, see below, but right */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        bool accepted = false;

        if (!is_right(envm_str_from(texts[i]), &accepted))
            fail_msg("read otherwise: %s", texts[i]);
        if (!accepted && !strchr(texts[i], '\t'))
            fail_msg("declined: %s", texts[i]);
    }
}

static void it_declines_what_it_does_not_know(void **state)
{
    static const char *const texts[] = {
        "",
        "\n",
        "# x\n",
        "a",
        "a: 1",
        "a:\n",
        "a: \n",
        "a: 1 \n",
        "a : 1\n",
        "a: 1 # b\n",
        "a: 1\n# b\n",
        "a: 1\n\nb: 2\n",
        "a: 1\r\n",
        "a: \xC3\xA9\n",
        "a: 'b'\n",
        "a: |\n  b\n",
        "a: >\n  b\n",
        "a: b\n  c\n",
        "a: \"b\n  c\"\n",
        "a: \"\\n\"\n",
        "a: \"b\" c\n",
        "a: &b c\n",
        "a: *b\n",
        "a: !!str b\n",
        "a: b: c\n",
        "a: b#c\n",
        "a: b, c\n",
        "a: {b: c}\n",
        "a: [b\n",
        "a: [b,c]\n",
        "a: [b, ]\n",
        "a: [[b]]\n",
        "a: [b: c]\n",
        "a: [b:c]\n",
        "a:\n- b\n",
        "a:\n   - b\n",
        "a:\n  - b: c\n",
        "a:\n  - - b\n",
        "a:\n  - [b]\n",
        "a:\n  -\n",
        "a:\n  b\n",
        "a:\n    b: c\n",
        "a:\n  b: c\n d: e\n",
        "a: b\n  c: d\n",
        " a: b\n",
        "- a\n",
        "a\n",
        "\"a\"\n",
        "a: 1\na: 2\n",
        "b: 1\na: 2\nb: 3\n",
        "? a\n",
        "---\na: 1\n",
        "a: 1\n---\n",
        "a: 1\n...\n",
        "%YAML 1.1\n---\na: 1\n",
        "<<: a\n",
        "<<<<<<< x\n",
        "a: -\n",
        "a: - b\n",
        "a: --b\n",
        "a: =b\n",
        "a: @b\n",
        "a: %b\n",
        "a: `b\n",
        "a: \x7f\n",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        struct envm_yaml_node *root = NULL;

        if (envm_yaml_read_canonical(&arena, envm_str_from(texts[i]), &root))
            fail_msg("accepted: %s", texts[i]);
        assert_null(root);
    }
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    assert_false(envm_yaml_read_canonical(&arena, ENVM_STR("a: b\0c\n"), NULL));
}

static void the_rows_of_the_other_reader_are_read_as_there(void **state)
{
    struct rows rows = rows_open("yaml_cases.txt");
    struct row row;
    size_t accepted = 0;

    (void)state;
    while (rows_next(&rows, &row)) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        envm_str line = envm_arena_concat(&arena, row.field[1], ENVM_STR("\n"));
        bool is_accepted = false;

        if (!is_right(row.field[1], &is_accepted) || !is_right(line, &is_accepted))
            fail_msg("row %u is read otherwise", row.line);
        accepted += is_accepted;
    }
    assert_true(accepted >= 10);
    rows_close(&rows);
}

static void nesting_and_keys_have_limits(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf deep = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf keys = envm_buf_text();
    struct envm_yaml_node *root = NULL;

    (void)state;
    for (unsigned i = 0; i < 17; i++) {
        bool accepted = false;

        envm_buf_add_repeat(&deep, ' ', (size_t)2 * i);
        envm_buf_add_cstr(&deep, "a:\n");
        ENVM_CLEANUP(envm_buf) struct envm_buf whole = envm_buf_text();
        envm_buf_add_str(&whole, envm_buf_str(&deep));
        envm_buf_add_repeat(&whole, ' ', (size_t)2 * i + 2);
        envm_buf_add_cstr(&whole, "a: 1\n");
        assert_true(is_right(envm_buf_str(&whole), &accepted));
        assert_int_equal(accepted, i < 15);
    }
    for (unsigned i = 0; i < 100; i++)
        envm_buf_printf(&keys, "k%02u: 1\n", 99 - i);
    assert_false(envm_yaml_read_canonical(&arena, envm_buf_str(&keys), &root));
    envm_buf_clear(&keys);
    for (unsigned i = 0; i < 100; i++)
        envm_buf_printf(&keys, "k%02u: 1\n", i);
    assert_true(envm_yaml_read_canonical(&arena, envm_buf_str(&keys), &root));
    envm_buf_clear(&keys);
    envm_buf_add_repeat(&keys, 'k', 1001);
    envm_buf_add_cstr(&keys, ": 1\n");
    assert_false(envm_yaml_read_canonical(&arena, envm_buf_str(&keys), &root));
}

static bool written_is_accepted(envm_str scalar, bool in_flow)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    bool is_accepted = false;

    envm_yaml_add_field(&out, 0, "k", scalar);
    envm_yaml_add_list(&out, 0, "l", (struct envm_str_list){&scalar, 1}, !in_flow);
    if (!is_right(envm_buf_str(&out), &is_accepted))
        fail_msg("read otherwise: %s", envm_buf_str(&out).ptr);
    return is_accepted;
}

/* Every text of two of the characters that matter, alone and behind an "a". */
static void what_envm_writes_of_plain_characters_is_accepted(void **state)
{
    static const char set[] = "a1 -.:=<\"\\'#,[]{}&*!|>%@`~?_/";
    size_t count = sizeof(set) - 1;
    size_t in_flow = 0;

    (void)state;
    for (size_t i = 0; i < count * count; i++) {
        char text[3] = {'a', set[i % count], set[i / count]};
        envm_str two = envm_str_n(text + 1, 2);
        envm_str three = envm_str_n(text, 3);

        if (!written_is_accepted(two, false) || !written_is_accepted(three, false))
            fail_msg("declined: %.3s", text);
        in_flow += written_is_accepted(three, true);
    }
    assert_true(in_flow > count * count / 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_it_accepts_is_what_libyaml_reads),
        cmocka_unit_test(it_declines_what_it_does_not_know),
        cmocka_unit_test(the_rows_of_the_other_reader_are_read_as_there),
        cmocka_unit_test(nesting_and_keys_have_limits),
        cmocka_unit_test(what_envm_writes_of_plain_characters_is_accepted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
