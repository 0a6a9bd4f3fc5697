/* SPDX-License-Identifier: MIT */
#include "codec/yaml_reader.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "../support/rows.h"
#include "base/buf.h"
#include "base/error.h"

static void add_tree(struct envm_buf *out, const struct envm_yaml_node *node)
{
    if (!node) {
        envm_buf_add_byte(out, '-');
        return;
    }
    if (node->kind == ENVM_YAML_SCALAR) {
        envm_buf_add_cstr(out, node->plain ? "" : "\"");
        envm_buf_add_str(out, node->scalar);
        envm_buf_add_cstr(out, node->plain ? "" : "\"");
        return;
    }
    envm_buf_add_byte(out, node->kind == ENVM_YAML_MAPPING ? '{' : '[');
    for (size_t i = 0; i < node->count; i++) {
        envm_buf_add_cstr(out, i ? ", " : "");
        if (node->kind == ENVM_YAML_MAPPING) {
            add_tree(out, node->keys[i]);
            envm_buf_add_cstr(out, ": ");
        }
        add_tree(out, node->items[i]);
    }
    envm_buf_add_byte(out, node->kind == ENVM_YAML_MAPPING ? '}' : ']');
}

static void add_comments(struct envm_buf *out, struct envm_str_list comments)
{
    for (size_t i = 0; i < comments.count; i++)
        if (comments.items[i].len)
            envm_buf_printf(out, "%s%zu=%s", out->len ? "|" : "", i + 1, comments.items[i].ptr);
}

static bool complain(const struct row *row, const char *where, const char *text)
{
    print_error("row %u: %s: %s\n", row->line, where, text);
    return false;
}

static bool check_accepted(const struct row *row, bool with_comments)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf got = envm_buf_text();
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    struct envm_str_list comments = {0};
    struct envm_yaml_node *root = NULL;

    if (envm_yaml_read(&arena, row->field[1], "f", &root, &comments, &err) != ENVM_OK)
        return complain(row, err.where, err.text);
    if (with_comments)
        add_comments(&got, comments);
    else
        add_tree(&got, root);
    return envm_str_equal(envm_buf_str(&got), row->field[2]) ||
           complain(row, "got", envm_buf_str(&got).ptr);
}

static bool check_refused(const struct row *row)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    struct envm_yaml_node *root = NULL;
    envm_str where = envm_arena_printf(&arena, "dir/f.yaml:%s", row->field[2].ptr);

    if (envm_yaml_read(&arena, row->field[1], "dir/f.yaml", &root, NULL, &err) != ENVM_MALFORMED)
        return complain(row, "f", "is accepted");
    return (envm_str_equal_c(where, err.where) && strstr(err.text, row->field[3].ptr)) ||
           complain(row, err.where, err.text);
}

static void test_rows(void **state)
{
    struct rows rows = rows_open("yaml_cases.txt");
    struct row row;
    size_t count = 0;
    size_t wrong = 0;

    (void)state;
    for (; rows_next(&rows, &row); count++)
        wrong += !(envm_str_equal_c(row.field[0], "n")
                       ? check_refused(&row)
                       : check_accepted(&row, envm_str_equal_c(row.field[0], "c")));
    assert_int_equal(wrong, 0);
    assert_true(count >= 140);
    rows_close(&rows);
}

static double seconds_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static envm_str repeat(struct envm_arena *arena, const char *piece, size_t count)
{
    size_t len = strlen(piece);
    char *text = envm_arena_alloc(arena, len * count + 1);

    for (size_t i = 0; i < count; i++)
        memcpy(text + i * len, piece, len);
    return envm_str_n(text, len * count);
}

/* What takes other readers minutes is refused at once. */
static void test_bombs(void **state)
{
    static const char *const pieces[] = {
        "[", "{a: ", "- ",  "? ",     "!",    "!x ",    "&a ", "[a: ", "a:\n ",         "\"",
        "'", "a:",   "*a ", "%FOO\n", "- - ", "--- \n", "{? ", "[[{",  "%TAG ! tag:\n", "|\n"};

    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        envm_str text = repeat(&arena, pieces[i], 200000 / strlen(pieces[i]) | 1);
        struct envm_yaml_node *root = NULL;
        double before = seconds_now();

        if (envm_yaml_read(&arena, text, "bomb", &root, NULL, NULL) != ENVM_MALFORMED)
            fail_msg("'%s' repeated is accepted", pieces[i]);
        if (seconds_now() - before > 0.2)
            fail_msg("'%s' repeated takes %f s", pieces[i], seconds_now() - before);
    }
}

static void test_billion_laughs(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    struct envm_yaml_node *root = NULL;

    (void)state;
    assert_int_equal(envm_yaml_read(&arena,
                                    ENVM_STR("a: &a [l, l, l]\nb: &b [*a, *a, *a]\n"
                                             "c: &c [*b, *b, *b]\n"),
                                    "bomb", &root, NULL, &err),
                     ENVM_MALFORMED);
    assert_string_equal(err.where, "bomb:1:4");
}

static void test_sizes(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    struct envm_yaml_node *root = NULL;
    size_t limit = (size_t)8 << 20;

    (void)state;
    assert_int_equal(envm_yaml_read(&arena, repeat(&arena, "#", limit), "f", &root, NULL, NULL),
                     ENVM_OK);
    assert_int_equal(envm_yaml_read(&arena, repeat(&arena, "#", limit + 1), "f", &root, NULL, &err),
                     ENVM_MALFORMED);
    assert_non_null(strstr(err.text, "8 MiB"));
    assert_int_equal(envm_yaml_read(&arena, repeat(&arena, "-\n", 2100000), "f", &root, NULL, &err),
                     ENVM_MALFORMED);
    assert_non_null(strstr(err.text, "items in one file"));
}

static void test_places_and_lookup(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_yaml_node *root = NULL;
    const struct envm_yaml_node *node;
    struct envm_str_list comments;
    bool value = false;

    (void)state;
    assert_int_equal(envm_yaml_read(&arena,
                                    ENVM_STR("a: yes\r\nb:\n  - é: Off # c\n    n: ~\nq: \"yes\"\n"
                                             "e:\ns: x\n"),
                                    "f", &root, &comments, NULL),
                     ENVM_OK);
    assert_int_equal(comments.count, 9);
    assert_true(envm_yaml_bool(envm_yaml_get(root, "a"), &value) && value);
    node = envm_yaml_get(root, "b")->items[0];
    assert_int_equal(node->line, 3);
    assert_int_equal(node->column, 5);
    assert_int_equal(envm_yaml_get(node, "é")->column, 8);
    assert_true(envm_yaml_bool(envm_yaml_get(node, "é"), &value) && !value);
    assert_true(envm_yaml_is_null(envm_yaml_get(node, "n")));
    assert_true(envm_yaml_is_null(envm_yaml_get(root, "e")));
    assert_true(envm_yaml_is_null(envm_yaml_get(root, "absent")));
    assert_false(envm_yaml_is_null(envm_yaml_get(root, "q")));
    assert_false(envm_yaml_is_null(root));
    assert_false(envm_yaml_bool(envm_yaml_get(root, "q"), &value));
    assert_false(envm_yaml_bool(envm_yaml_get(root, "s"), &value));
    assert_false(envm_yaml_bool(NULL, &value));
    assert_null(envm_yaml_get(envm_yaml_get(root, "a"), "x"));
    assert_null(envm_yaml_get(NULL, "x"));
}

/* A file that is cut anywhere is read or refused, never worse. */
static void test_truncation(void **state)
{
    static const char text[] =
        "name: \"a\\u00e9\" # c\nlist: [x, {y: 'z'}]\nblock: |\n  # é\n  t\n";

    (void)state;
    for (size_t len = 0; len < sizeof(text); len++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        ENVM_CLEANUP(envm_error) struct envm_error err = {0};
        struct envm_yaml_node *root = NULL;
        struct envm_str_list comments;
        char *copy = malloc(len ? len : 1);
        enum envm_code code;

        memcpy(copy, text, len);
        code = envm_yaml_read(&arena, envm_str_n(copy, len), "f", &root, &comments, &err);
        assert_true(code == ENVM_OK || (code == ENVM_MALFORMED && err.where && err.text));
        free(copy);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),           cmocka_unit_test(test_bombs),
        cmocka_unit_test(test_billion_laughs), cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_truncation),     cmocka_unit_test(test_places_and_lookup),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
