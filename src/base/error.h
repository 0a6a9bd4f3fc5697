/* SPDX-License-Identifier: MIT
 *
 * Making and wrapping errors; the contract is in <envm/error.h>.
 * All of these accept err == NULL (the caller wants only the code).
 */
#ifndef ENVM_BASE_ERROR_H
#define ENVM_BASE_ERROR_H

#include <envm/error.h>

#include "base/cleanup.h"

/* Fills *err and returns `code`, so that `return envm_fail(err, ENVM_MALFORMED, "…")` reads well.
 * The text is the innermost cause: no trailing full stop, no newline. */
enum envm_code envm_fail(struct envm_error *err, enum envm_code code, const char *format, ...)
    ENVM_PRINTF(3, 4);

/* As envm_fail with ": strerror(number)" appended; the code is chosen from the errno: EINTR gives
 * ENVM_INTERRUPTED, everything else ENVM_IO. */
enum envm_code envm_fail_errno(struct envm_error *err, int number, const char *format, ...)
    ENVM_PRINTF(3, 4);

/* Puts "CONTEXT: " before the text and returns the error's code. */
enum envm_code envm_wrap(struct envm_error *err, enum envm_code code, const char *format, ...)
    ENVM_PRINTF(3, 4);

/* Sets `where` or `hint` when none was set further in (the innermost knows best).
 * Return `code` unchanged, for chaining. */
enum envm_code envm_error_where(struct envm_error *err, enum envm_code code, const char *format,
                                ...) ENVM_PRINTF(3, 4);
enum envm_code envm_error_hint(struct envm_error *err, enum envm_code code, const char *format, ...)
    ENVM_PRINTF(3, 4);

/* Moves *from into *to (which must be zero) and zeroes *from; how a worker hands its error over. */
void envm_error_move(struct envm_error *to, struct envm_error *from);

ENVM_DEFINE_CLEANUP(envm_error, struct envm_error, envm_error_release)

#define ENVM_TRY(call)                                                                             \
    do {                                                                                           \
        enum envm_code envm_try_code_ = (call);                                                    \
        if (envm_try_code_ != ENVM_OK)                                                             \
            return envm_try_code_;                                                                 \
    } while (0)

#define ENVM_TRY_WRAP(call, err, ...)                                                              \
    do {                                                                                           \
        enum envm_code envm_try_code_ = (call);                                                    \
        if (envm_try_code_ != ENVM_OK)                                                             \
            return envm_wrap((err), envm_try_code_, __VA_ARGS__);                                  \
    } while (0)

#endif
