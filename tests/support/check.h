/* SPDX-License-Identifier: MIT
 *
 * For unit tests: cmocka, an error to pass along, and a scratch directory. Include it first.
 *
 *     OK(envm_fs_mkdir(dir.fd, ENVM_RELPATH("a"), 0755, &err));
 *     FAILS(ENVM_UNSAFE, envm_fs_mkdir(dir.fd, ENVM_RELPATH("link/a"), 0755, &err));
 */
#ifndef ENVM_TESTS_CHECK_H
#define ENVM_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <envm/error.h>

/* Every test program is one file, so this is its one error; OK and FAILS leave it empty. */
static __attribute__((unused)) struct envm_error err;

#define OK(call)                                                                                   \
    do {                                                                                           \
        enum envm_code check_code_ = (call);                                                       \
        if (check_code_ != ENVM_OK)                                                                \
            fail_msg("%s: %s", #call, err.text ? err.text : envm_code_name(check_code_));          \
        assert_null(err.text);                                                                     \
    } while (0)

/* The code is the expected one and the error is filled in. */
#define FAILS(code_, call)                                                                         \
    do {                                                                                           \
        assert_string_equal(envm_code_name(call), envm_code_name(code_));                          \
        assert_int_equal(err.code, code_);                                                         \
        assert_non_null(err.text);                                                                 \
        envm_error_release(&err);                                                                  \
    } while (0)

/* The same, and the text of the error contains `part`. */
#define FAILS_WITH(code_, part, call)                                                              \
    do {                                                                                           \
        assert_string_equal(envm_code_name(call), envm_code_name(code_));                          \
        if (!err.text || !strstr(err.text, part))                                                  \
            fail_msg("\"%s\" does not say \"%s\"", err.text ? err.text : "", part);                \
        envm_error_release(&err);                                                                  \
    } while (0)

/* The bytes of a slice. */
#define assert_str(slice, text)                                                                    \
    do {                                                                                           \
        envm_str check_str_ = (slice);                                                             \
        assert_int_equal(check_str_.len, strlen(text));                                            \
        if (check_str_.len > 0)                                                                    \
            assert_memory_equal(check_str_.ptr, text, check_str_.len);                             \
    } while (0)

#endif
