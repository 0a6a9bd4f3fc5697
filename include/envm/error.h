/* SPDX-License-Identifier: MIT
 *
 * The error contract. Every function that can fail returns enum envm_code and takes a
 * struct envm_error * as its last parameter. Success never touches the error; failure always
 * fills it. Callers add context by wrapping, outermost first, so that the final text reads as a
 * path of causes: "installing numpy: linking lib/x.so: Permission denied".
 *
 * A zeroed struct means "no error". Release it with envm_error_release(). An error belongs to
 * the thread that made it.
 */
#ifndef ENVM_ERROR_H
#define ENVM_ERROR_H

#include <envm/api.h>

#ifdef __cplusplus
extern "C" {
#endif

/* symbol, exit status of the program, stable name (the "kind" field of JSON output) */
#define ENVM_CODE_LIST(X)                                                                          \
    X(OK, 0, "ok")                                                                                 \
    X(INTERNAL, 1, "internal")                                                                     \
    X(USAGE, 2, "usage")                                                                           \
    X(UNSATISFIABLE, 3, "no-solution")                                                             \
    X(NETWORK, 4, "network")                                                                       \
    X(INTEGRITY, 5, "integrity")                                                                   \
    X(MALFORMED, 6, "malformed")                                                                   \
    X(UNSAFE, 7, "unsafe")                                                                         \
    X(IO, 8, "io")                                                                                 \
    X(LOCKED, 9, "locked")                                                                         \
    X(DAMAGED, 10, "damaged")                                                                      \
    X(CLOBBER, 11, "clobber")                                                                      \
    X(STALE_LOCK, 12, "stale-lock")                                                                \
    X(GAVE_UP, 13, "gave-up")                                                                      \
    X(INTERRUPTED, 130, "interrupted")

enum envm_code {
#define X(symbol, exit_status, name) ENVM_##symbol,
    ENVM_CODE_LIST(X)
#undef X
};

struct envm_error {
    enum envm_code code; /* class of failure; decides the exit status */
    int cause;           /* errno or library code that started it, 0 if none */
    char *text;          /* what failed and why, outermost context first */
    char *where;         /* file:line:column, URL without credentials, or package; or NULL */
    char *hint;          /* one sentence that says what to do, or NULL */
};

/* Frees the texts and zeroes the error; a zeroed error may be released again. */
ENVM_API void envm_error_release(struct envm_error *err);

/* Stable lower-case name of a code ("no-solution"); never NULL. */
ENVM_API const char *envm_code_name(enum envm_code code);

/* Exit status that the envm program gives for a code. */
ENVM_API int envm_code_exit_status(enum envm_code code);

#ifdef __cplusplus
}
#endif
#endif
