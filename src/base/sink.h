/* SPDX-License-Identifier: MIT
 *
 * Where the library's words go. Nothing below src/cli prints: it reports warnings and progress to
 * the sink of its context. A zeroed sink swallows everything. Functions may be called from worker
 * threads, one at a time: the context serialises them.
 */
#ifndef ENVM_BASE_SINK_H
#define ENVM_BASE_SINK_H

#include <envm/progress.h>

/* Formats and reports a message; foreign text must have been escaped by the caller. */
void envm_sink_log(const struct envm_sink *sink, enum envm_log_level level, const char *format, ...)
    ENVM_PRINTF(3, 4);
#define envm_sink_warn(sink, ...) envm_sink_log((sink), ENVM_LOG_WARNING, __VA_ARGS__)

void envm_sink_progress(const struct envm_sink *sink, const struct envm_progress *event);

/* True once the user asked to stop (SIGINT, SIGTERM); long work checks it between steps. */
bool envm_sink_cancelled(const struct envm_sink *sink);

#endif
