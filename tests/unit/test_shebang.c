/* SPDX-License-Identifier: MIT */
#include "prefix/shebang.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/str.h"

#define PLACEHOLDER "/opt/anaconda1anaconda2anaconda3"

static bool rewrite(struct envm_arena *arena, const char *line, const char *prefix, envm_str *ret)
{
    *ret = (envm_str){0};
    return envm_shebang_rewrite(arena, envm_str_from(line), ENVM_STR(PLACEHOLDER),
                                envm_str_from(prefix), ret);
}

/* A prefix that makes "#!PREFIX/bin/python3.11" exactly `length` bytes long. */
static const char *prefix_for(struct envm_arena *arena, size_t length)
{
    size_t tail = strlen("/bin/python3.11");
    char *prefix = envm_arena_alloc(arena, length + 1);

    memset(prefix, 'x', length - 2 - tail);
    prefix[0] = '/';
    return prefix;
}

static void test_lengths(void **state)
{
    static const struct {
        size_t length;
        bool rewritten;
    } rows[] = {{40, false}, {126, false}, {127, false}, {128, true}, {255, true}, {256, true}};
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *prefix = prefix_for(&arena, rows[i].length);
        envm_str text;

        assert_int_equal(rewrite(&arena, "#!" PLACEHOLDER "/bin/python3.11", prefix, &text),
                         rows[i].rewritten);
        if (rows[i].rewritten)
            assert_string_equal(
                text.ptr,
                envm_arena_printf(
                    &arena, "#!/bin/sh\n'''exec' \"%s/bin/python3.11\" \"$0\" \"$@\" #'''", prefix)
                    .ptr);
    }
}

static void test_forms(void **state)
{
    static const struct {
        const char *line, *prefix, *wanted; /* NULL: plain replacement */
    } rows[] = {
        {"#!" PLACEHOLDER "/bin/python", "/a b",
         "#!/bin/sh\n'''exec' \"/a b/bin/python\" \"$0\" \"$@\" #'''"},
        {"#!" PLACEHOLDER "/bin/python3 -Es", "/a b",
         "#!/bin/sh\n'''exec' \"/a b/bin/python3\" -Es \"$0\" \"$@\" #'''"},
        {"#! " PLACEHOLDER "/bin/python3.13t", "/a b",
         "#!/bin/sh\n'''exec' \"/a b/bin/python3.13t\" \"$0\" \"$@\" #'''"},
        {"#!" PLACEHOLDER "/bin/python\r", "/a b",
         "#!/bin/sh\n'''exec' \"/a b/bin/python\" \"$0\" \"$@\" #'''"},
        {"#!" PLACEHOLDER "/bin/python", "/a $b`c\"d\\",
         "#!/bin/sh\n'''exec' \"/a \\$b\\`c\\\"d\\\\/bin/python\" \"$0\" \"$@\" #'''"},
        {"#!" PLACEHOLDER "/bin/python -c ''' ", "/a b", "#!/usr/bin/env python -c '''"},
        {"#!" PLACEHOLDER "/bin/perl -w", "/a b", "#!/usr/bin/env perl -w"},
        {"#!" PLACEHOLDER "/bin/pythonic", "/a b", "#!/usr/bin/env pythonic"},
        {"#!" PLACEHOLDER "/bin/python3.", "/a b", "#!/usr/bin/env python3."},
        {"#!" PLACEHOLDER "/bin/Rscript", "/a\tb", "#!/usr/bin/env Rscript"},
        {"#!" PLACEHOLDER "/bin/python", "/ab", NULL},
        {"#!/usr/bin/env python", "/a b", NULL},
        {"#!/bin/sh " PLACEHOLDER "/x", "/a b", NULL},
        {"#!", "/a b", NULL},
        {"#!   ", "/a b", NULL},
        {"#!python", "/a b", NULL},
        {"#!" PLACEHOLDER "/\xff/python", "/a b", NULL},
    };
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        envm_str text;

        assert_int_equal(rewrite(&arena, rows[i].line, rows[i].prefix, &text),
                         rows[i].wanted != NULL);
        if (rows[i].wanted)
            assert_string_equal(text.ptr, rows[i].wanted);
    }
}

static void test_first_line(void **state)
{
    (void)state;
    assert_int_equal(envm_shebang_line(ENVM_STR("#!/bin/sh\nx")).len, 9);
    assert_int_equal(envm_shebang_line(ENVM_STR("#!/bin/sh")).len, 9);
    assert_int_equal(envm_shebang_line(ENVM_STR("x#!/bin/sh")).len, 0);
    assert_int_equal(envm_shebang_line(ENVM_STR("")).len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_forms),
        cmocka_unit_test(test_first_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
