/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include <errno.h>

#include "base/error.h"

static void making_and_wrapping(void **state)
{
    (void)state;
    assert_int_equal(envm_fail(&err, ENVM_MALFORMED, "bad %s", "thing"), ENVM_MALFORMED);
    assert_string_equal(err.text, "bad thing");
    assert_int_equal(envm_wrap(&err, ENVM_MALFORMED, "reading '%s'", "x"), ENVM_MALFORMED);
    assert_int_equal(envm_wrap(&err, ENVM_INTEGRITY, "installing"), ENVM_INTEGRITY);
    assert_string_equal(err.text, "installing: reading 'x': bad thing");
    assert_int_equal(err.code, ENVM_INTEGRITY);
    /* A new failure forgets the old one. */
    envm_error_hint(&err, ENVM_INTEGRITY, "old");
    envm_fail(&err, ENVM_IO, "new");
    assert_string_equal(err.text, "new");
    assert_null(err.hint);
    envm_error_release(&err);
    assert_int_equal(envm_wrap(&err, ENVM_IO, "context only"), ENVM_IO);
    assert_string_equal(err.text, "context only");
    envm_error_release(&err);
    envm_error_release(&err);
    envm_error_release(NULL);
}

static void from_errno(void **state)
{
    (void)state;
    assert_int_equal(envm_fail_errno(&err, ENOENT, "opening '%s'", "f"), ENVM_IO);
    assert_string_equal(err.text, "opening 'f': No such file or directory");
    assert_int_equal(err.cause, ENOENT);
    assert_int_equal(envm_fail_errno(&err, EINTR, "waiting"), ENVM_INTERRUPTED);
    envm_error_release(&err);
}

static void where_and_hint_are_set_once(void **state)
{
    (void)state;
    envm_fail(&err, ENVM_USAGE, "x");
    assert_int_equal(envm_error_where(&err, ENVM_USAGE, "file:%d", 1), ENVM_USAGE);
    envm_error_where(&err, ENVM_USAGE, "outer");
    assert_string_equal(err.where, "file:1");
    assert_int_equal(envm_error_hint(&err, ENVM_USAGE, "do %s", "this"), ENVM_USAGE);
    envm_error_hint(&err, ENVM_USAGE, "outer");
    assert_string_equal(err.hint, "do this");
    envm_error_release(&err);
}

static void nobody_has_to_listen(void **state)
{
    (void)state;
    assert_int_equal(envm_fail(NULL, ENVM_IO, "x"), ENVM_IO);
    assert_int_equal(envm_fail_errno(NULL, EINTR, "x"), ENVM_INTERRUPTED);
    assert_int_equal(envm_wrap(NULL, ENVM_IO, "x"), ENVM_IO);
    assert_int_equal(envm_error_where(NULL, ENVM_IO, "x"), ENVM_IO);
    assert_int_equal(envm_error_hint(NULL, ENVM_IO, "x"), ENVM_IO);
}

static void moving(void **state)
{
    struct envm_error from = {0};

    (void)state;
    envm_fail(&from, ENVM_LOCKED, "moved");
    envm_error_move(&err, &from);
    assert_null(from.text);
    assert_int_equal(from.code, ENVM_OK);
    assert_string_equal(err.text, "moved");
    envm_error_release(&err);
    envm_fail(&from, ENVM_LOCKED, "dropped");
    envm_error_move(NULL, &from);
    assert_null(from.text);
}

static enum envm_code fail_with(struct envm_error *failure, enum envm_code code)
{
    return code == ENVM_OK ? ENVM_OK : envm_fail(failure, code, "inner");
}

static enum envm_code try_it(struct envm_error *failure, enum envm_code first,
                             enum envm_code second)
{
    ENVM_TRY(fail_with(failure, first));
    ENVM_TRY_WRAP(fail_with(failure, second), failure, "outer %d", 2);
    return ENVM_OK;
}

static void trying(void **state)
{
    (void)state;
    OK(try_it(&err, ENVM_OK, ENVM_OK));
    FAILS_WITH(ENVM_CLOBBER, "inner", try_it(&err, ENVM_CLOBBER, ENVM_OK));
    FAILS_WITH(ENVM_STALE_LOCK, "outer 2: inner", try_it(&err, ENVM_OK, ENVM_STALE_LOCK));
}

/* The exit statuses are an interface: scripts depend on them. */
static void codes_have_names_and_statuses(void **state)
{
    static const struct {
        enum envm_code code;
        int status;
        const char *name;
    } rows[] = {
        {ENVM_OK, 0, "ok"},
        {ENVM_INTERNAL, 1, "internal"},
        {ENVM_USAGE, 2, "usage"},
        {ENVM_UNSATISFIABLE, 3, "no-solution"},
        {ENVM_NETWORK, 4, "network"},
        {ENVM_INTEGRITY, 5, "integrity"},
        {ENVM_MALFORMED, 6, "malformed"},
        {ENVM_UNSAFE, 7, "unsafe"},
        {ENVM_IO, 8, "io"},
        {ENVM_LOCKED, 9, "locked"},
        {ENVM_DAMAGED, 10, "damaged"},
        {ENVM_CLOBBER, 11, "clobber"},
        {ENVM_STALE_LOCK, 12, "stale-lock"},
        {ENVM_GAVE_UP, 13, "gave-up"},
        {ENVM_INTERRUPTED, 130, "interrupted"},
        {(enum envm_code)99, 1, "internal"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        assert_int_equal(envm_code_exit_status(rows[i].code), rows[i].status);
        assert_string_equal(envm_code_name(rows[i].code), rows[i].name);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(making_and_wrapping),
        cmocka_unit_test(from_errno),
        cmocka_unit_test(where_and_hint_are_set_once),
        cmocka_unit_test(nobody_has_to_listen),
        cmocka_unit_test(moving),
        cmocka_unit_test(trying),
        cmocka_unit_test(codes_have_names_and_statuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
