/* SPDX-License-Identifier: MIT
 *
 * What the library tells its caller while it works: log lines and typed progress events.
 * The callbacks are called from one thread at a time, not necessarily the caller's, and must not
 * call back into the context.
 */
#ifndef ENVM_PROGRESS_H
#define ENVM_PROGRESS_H

#include <envm/api.h>

#ifdef __cplusplus
extern "C" {
#endif

enum envm_log_level {
    ENVM_LOG_ERROR,
    ENVM_LOG_WARNING,
    ENVM_LOG_INFO,
    ENVM_LOG_DEBUG,
};

enum envm_progress_kind {
    ENVM_PROGRESS_PHASE,    /* a new phase begins; name says which ("repodata", "solve", …) */
    ENVM_PROGRESS_TOTAL,    /* name = phase; total = units of work in it */
    ENVM_PROGRESS_DOWNLOAD, /* name = file; done and total in bytes (total 0: unknown) */
    ENVM_PROGRESS_DOWNLOADED,
    ENVM_PROGRESS_EXTRACTED, /* name = package; done, total = packages */
    ENVM_PROGRESS_LINKED,    /* name = package; done, total = packages */
};

struct envm_progress {
    enum envm_progress_kind kind;
    envm_str name;
    uint64_t done;
    uint64_t total;
};

struct envm_sink {
    void *user;
    void (*log)(void *user, enum envm_log_level level, const char *text);
    void (*progress)(void *user, const struct envm_progress *event);
    bool (*cancelled)(void *user); /* asked between steps; true stops with ENVM_INTERRUPTED */
};

#ifdef __cplusplus
}
#endif
#endif
