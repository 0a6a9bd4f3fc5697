/* SPDX-License-Identifier: MIT
 *
 * Child processes, without a shell.
 */
#ifndef ENVM_SYS_PROCESS_H
#define ENVM_SYS_PROCESS_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/buf.h"

/* Runs argv with the given environment (NULL: inherited) in `directory` (NULL: here), stdin from
 * /dev/null, stdout+stderr collected into `output` (may be NULL: discarded). Kills the process
 * group after timeout_ms (0: none) -> ENVM_GAVE_UP. *ret_status: exit status, or 128+signal. */
enum envm_code envm_process_capture(const char *const *argv, const char *const *environment,
                                    const char *directory, unsigned timeout_ms,
                                    struct envm_buf *output, int *ret_status,
                                    struct envm_error *err);

/* Replaces the process with argv[0], searched in the PATH of `environment` when it has no slash.
 * Signal dispositions and mask are the defaults of a fresh process; only a SIGHUP, SIGINT or
 * SIGQUIT that is ignored stays so, as nohup and jobs in the background expect. On failure:
 * ENVM_IO with cause ENOENT or EACCES. */
enum envm_code envm_process_exec(const char *const *argv, const char *const *environment,
                                 struct envm_error *err);

/* fork; the child runs `work` (which writes its answer to fd) and exits; the parent reads the
 * answer into `answer`. Limits: wall-clock timeout and address space growth in bytes over what the
 * child starts with (0: none). Past a limit, or when the child dies: ENVM_GAVE_UP whose text says
 * "time" or "memory" and the limit; *ret_reason tells them apart. The child leads a session of its
 * own, is killed when its parent dies, has only /dev/null and `fd` open and never runs atexit
 * handlers. Under a sanitizer the memory limit is not set. Cancelled by `cancelled(user)` (polled,
 * may be NULL) -> ENVM_INTERRUPTED. */
enum envm_fork_end {
    ENVM_FORK_ANSWERED,
    ENVM_FORK_TIMEOUT,
    ENVM_FORK_MEMORY,
    ENVM_FORK_DIED,
};
struct envm_fork_limits {
    unsigned timeout_ms;
    uint64_t memory_bytes;
    bool (*cancelled)(void *user);
    void *user;
};
enum envm_code envm_process_fork_work(void (*work)(void *argument, int fd), void *argument,
                                      const struct envm_fork_limits *limits,
                                      struct envm_buf *answer, enum envm_fork_end *ret_end,
                                      struct envm_error *err);

#endif
