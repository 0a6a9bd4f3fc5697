/* SPDX-License-Identifier: MIT */
#include "codec/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../support/rows.h"
#include "base/error.h"

static void check_text(const struct row *row, const char *what, envm_str got, envm_str wanted)
{
    if (!envm_str_equal(got, wanted))
        fail_msg("row %u: %s is '%.*s', not '%.*s'", row->line, what, ENVM_STR_ARGS(got),
                 ENVM_STR_ARGS(wanted));
}

static void check_parse(struct envm_arena *arena, const struct row *row)
{
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    struct envm_url url;
    struct envm_url again;

    if (envm_url_parse(arena, row->field[1], &url, &err) != ENVM_OK)
        fail_msg("row %u: %s", row->line, err.text);
    check_text(row, "clean", url.clean, row->field[2]);
    check_text(row, "user", url.user, row->field[3]);
    check_text(row, "password", url.password, row->field[4]);
    check_text(row, "token", url.token, row->field[5]);
    check_text(row, "query", url.query, row->field[6]);
    assert_int_equal(url.clean.ptr[url.clean.len], '\0');
    assert_int_equal(url.path.ptr[0], '/');
    /* What is clean stays as it is. */
    assert_int_equal(envm_url_parse(arena, url.clean, &again, NULL), ENVM_OK);
    check_text(row, "clean parsed again", again.clean, url.clean);
    assert_false(again.has_userinfo);
    assert_int_equal(again.token.len + again.query.len, 0);
    check_text(row, "clean redacted", envm_url_redact(arena, url.clean), url.clean);
}

static void check_refuse(struct envm_arena *arena, const struct row *row)
{
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    struct envm_url url;

    if (envm_url_parse(arena, row->field[1], &url, &err) != ENVM_USAGE)
        fail_msg("row %u is accepted: %.*s", row->line, ENVM_STR_ARGS(row->field[1]));
    if (!strstr(err.text, row->field[2].ptr) || strstr(err.text, "CANARY"))
        fail_msg("row %u: %s", row->line, err.text);
}

static void check_redact(struct envm_arena *arena, const struct row *row)
{
    envm_str once = envm_url_redact(arena, row->field[1]);

    check_text(row, "redacted", once, row->field[2]);
    check_text(row, "redacted twice", envm_url_redact(arena, once), once);
}

static void check_resolve(struct envm_arena *arena, const struct row *row)
{
    envm_str url = ENVM_STR("-");

    if (envm_url_resolve(arena, row->field[1], row->field[2], &url, NULL) != ENVM_OK)
        url = ENVM_STR("-");
    check_text(row, "resolved", url, row->field[3]);
}

static void check_row(struct envm_arena *arena, const struct row *row)
{
    struct envm_url url;

    if (envm_str_equal_c(row->field[0], "parse")) {
        check_parse(arena, row);
    } else if (envm_str_equal_c(row->field[0], "refuse")) {
        check_refuse(arena, row);
    } else if (envm_str_equal_c(row->field[0], "redact")) {
        check_redact(arena, row);
    } else if (envm_str_equal_c(row->field[0], "resolve")) {
        check_resolve(arena, row);
    } else if (envm_str_equal_c(row->field[0], "join")) {
        check_text(row, "joined", envm_url_join(arena, row->field[1], row->field[2]),
                   row->field[3]);
    } else if (envm_str_equal_c(row->field[0], "origin")) {
        assert_int_equal(envm_url_parse(arena, row->field[1], &url, NULL), ENVM_OK);
        check_text(row, "origin", envm_url_origin(arena, &url), row->field[2]);
    } else {
        fail_msg("row %u: unknown kind", row->line);
    }
}

static void test_rows(void **state)
{
    struct rows rows = rows_open("url.txt");
    struct row row;
    size_t count = 0;

    (void)state;
    for (; rows_next(&rows, &row); count++)
        check_row(&rows.arena, &row);
    assert_true(count >= 200);
    rows_close(&rows);
}

static void test_paths(void **state)
{
    static const char *const paths[] = {"/", "/opt/a b", "/x/100%/#?&=é\\", "/t/token/x", "/a\nb"};
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    envm_str back;

    (void)state;
    for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
        envm_str url = envm_url_from_path(&arena, envm_str_from(paths[i]));

        assert_int_equal(envm_url_to_path(&arena, url, &back, NULL), ENVM_OK);
        assert_true(envm_str_equal_c(back, paths[i]));
    }
    assert_int_equal(envm_url_to_path(&arena, ENVM_STR("https://u:p@h/x"), &back, NULL),
                     ENVM_USAGE);
    assert_int_equal(envm_url_to_path(&arena, ENVM_STR("file:///a%00"), &back, NULL), ENVM_USAGE);
    assert_true(envm_str_equal_c(envm_url_decode(&arena, ENVM_STR("%41%zz%4%")), "A%zz%4%"));
}

/* A secret of every printable character, in every place where one may stand. */
static void test_canary(void **state)
{
    static const char *const frames[][2] = {
        {"https://user:", "@host/x"}, {"https://", "@host/x"},   {"http://", ":pw@host:80/x?y=1"},
        {"https://host/t/", "/ch"},   {"https://host/x?k=", ""}, {"see https://u:", "@h, then"},
    };
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    (void)state;
    for (size_t frame = 0; frame < sizeof(frames) / sizeof(*frames); frame++) {
        for (int c = '!'; c <= '~'; c++) {
            envm_str text = envm_arena_printf(&arena, "%sCAN%%%02XARY%s", frames[frame][0],
                                              (unsigned)c, frames[frame][1]);
            envm_str shown = envm_url_redact(&arena, text);

            if (strstr(shown.ptr, "CAN") || strstr(shown.ptr, "ARY"))
                fail_msg("%s shows %s", text.ptr, shown.ptr);
            assert_true(envm_str_equal(envm_url_redact(&arena, shown), shown));
        }
    }
}

/* Hostile text takes time in proportion to its length. */
static void test_linear(void **state)
{
    static const char *const pieces[] = {"://x:y/", "%25", "/t/", "//", "a:b//", "?a=", "https:/:"};
    enum { COPIES = 40000 };

    (void)state;
    for (size_t i = 0; i < sizeof(pieces) / sizeof(*pieces); i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        size_t len = strlen(pieces[i]);
        char *text = envm_arena_alloc(&arena, len * COPIES + 1);

        for (size_t k = 0; k < COPIES; k++)
            memcpy(text + k * len, pieces[i], len);
        assert_true(envm_url_redact(&arena, envm_str_n(text, len * COPIES)).len > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_canary),
        cmocka_unit_test(test_linear),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
