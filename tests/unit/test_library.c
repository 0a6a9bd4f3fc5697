/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include "sys/library.h"

struct functions {
    double (*floor)(double);
    double (*ceil)(double);
};

static void functions_are_found(void **state)
{
    static const char *const names[] = {"floor", "ceil"};
    struct functions math = {0};

    (void)state;
    OK(envm_library_load("libm.so.6", names, 2, &math, &err));
    assert_true(math.floor(1.5) < 1.25);
    assert_true(math.ceil(1.5) > 1.75);
}

static void what_is_missing_is_named(void **state)
{
    static const char *const names[] = {"floor", "no_such_function"};
    struct functions math = {0};

    (void)state;
    assert_int_equal(envm_library_load("libenvm-none.so.7", names, 2, &math, &err), ENVM_IO);
    assert_non_null(strstr(err.text, "libenvm-none.so.7"));
    assert_non_null(strstr(err.text, "cannot open shared object file"));
    assert_non_null(strstr(err.hint, "install it"));
    envm_error_release(&err);
    FAILS_WITH(ENVM_IO, "no_such_function", envm_library_load("libm.so.6", names, 2, &math, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(functions_are_found),
        cmocka_unit_test(what_is_missing_is_named),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
