/* SPDX-License-Identifier: MIT */
#include "base/sink.h"

#include <stdarg.h>

#include "base/arena.h"

void envm_sink_log(const struct envm_sink *sink, enum envm_log_level level, const char *format, ...)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    va_list args;

    if (!sink || !sink->log)
        return;
    va_start(args, format);
    sink->log(sink->user, level, envm_arena_vprintf(&arena, format, args).ptr);
    va_end(args);
}

void envm_sink_progress(const struct envm_sink *sink, const struct envm_progress *event)
{
    if (sink && sink->progress)
        sink->progress(sink->user, event);
}

bool envm_sink_cancelled(const struct envm_sink *sink)
{
    return sink && sink->cancelled && sink->cancelled(sink->user);
}
