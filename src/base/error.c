/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"

void envm_error_release(struct envm_error *err)
{
    if (!err)
        return;
    envm_free(err->text);
    envm_free(err->where);
    envm_free(err->hint);
    *err = (struct envm_error){0};
}

const char *envm_code_name(enum envm_code code)
{
    switch (code) {
#define X(symbol, exit_status, name)                                                               \
    case ENVM_##symbol:                                                                            \
        return name;
        ENVM_CODE_LIST(X)
#undef X
    }
    return "internal";
}

int envm_code_exit_status(enum envm_code code)
{
    switch (code) {
#define X(symbol, exit_status, name)                                                               \
    case ENVM_##symbol:                                                                            \
        return exit_status;
        ENVM_CODE_LIST(X)
#undef X
    }
    return 1;
}

static ENVM_PRINTF(1, 0) char *format_text(const char *format, va_list args)
{
    char *text = NULL;

    if (vasprintf(&text, format, args) < 0)
        return envm_strdup("out of memory while formatting a message");
    return text;
}

static char *join(const char *left, const char *right)
{
    char *text = envm_alloc(strlen(left) + strlen(right) + 3);

    stpcpy(stpcpy(stpcpy(text, left), ": "), right);
    return text;
}

enum envm_code envm_fail(struct envm_error *err, enum envm_code code, const char *format, ...)
{
    va_list args;

    if (!err)
        return code;
    envm_error_release(err);
    va_start(args, format);
    err->text = format_text(format, args);
    va_end(args);
    err->code = code;
    return code;
}

enum envm_code envm_fail_errno(struct envm_error *err, int number, const char *format, ...)
{
    enum envm_code code = number == EINTR ? ENVM_INTERRUPTED : ENVM_IO;
    char buffer[128];
    char *context;
    va_list args;

    if (!err)
        return code;
    envm_error_release(err);
    va_start(args, format);
    context = format_text(format, args);
    va_end(args);
    err->text = join(context, strerror_r(number, buffer, sizeof(buffer)));
    envm_free(context);
    err->code = code;
    err->cause = number;
    return code;
}

enum envm_code envm_wrap(struct envm_error *err, enum envm_code code, const char *format, ...)
{
    char *context;
    char *text;
    va_list args;

    if (!err)
        return code;
    va_start(args, format);
    context = format_text(format, args);
    va_end(args);
    text = err->text ? join(context, err->text) : envm_strdup(context);
    envm_free(err->text);
    envm_free(context);
    err->text = text;
    err->code = code;
    return code;
}

enum envm_code envm_error_where(struct envm_error *err, enum envm_code code, const char *format,
                                ...)
{
    va_list args;

    if (!err || err->where)
        return code;
    va_start(args, format);
    err->where = format_text(format, args);
    va_end(args);
    return code;
}

enum envm_code envm_error_hint(struct envm_error *err, enum envm_code code, const char *format, ...)
{
    va_list args;

    if (!err || err->hint)
        return code;
    va_start(args, format);
    err->hint = format_text(format, args);
    va_end(args);
    return code;
}

void envm_error_move(struct envm_error *to, struct envm_error *from)
{
    if (to)
        *to = *from;
    else
        envm_error_release(from);
    *from = (struct envm_error){0};
}
