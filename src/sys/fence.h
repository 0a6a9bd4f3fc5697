/* SPDX-License-Identifier: MIT
 *
 * Runs a foreign program that may be hostile: Landlock for files, TCP and signals, seccomp for the
 * rest, limits on time and size, and a supervisor process that lets nothing of it live on. See
 * docs/internals/FENCE.md.
 */
#ifndef ENVM_SYS_FENCE_H
#define ENVM_SYS_FENCE_H

#include <envm/error.h>

#include "base/buf.h"

/* Zero means none everywhere. */
struct envm_fence_limits {
    unsigned wall_ms;       /* for all of it */
    unsigned cpu_seconds;   /* for each process */
    uint64_t file_bytes;    /* size of each file that is written */
    uint64_t address_bytes; /* address space of each process */
    unsigned processes;     /* at one time, see FENCE.md for how exact that is */
    unsigned open_files;    /* in each process */
};

struct envm_fence_job {
    const char *const *argv;        /* argv[0] is a path: nothing is searched */
    const char *const *environment; /* all of it; nothing is inherited */
    const char *directory;          /* where it starts; required, and readable by the rules below */
    /* NULL-terminated user paths, files or folders with all below; symlinks are followed when the
     * fence is made. What may be written may be read and executed as well. A readable path that is
     * absent is left out. /dev/null, zero, full, random and urandom are always there. */
    const char *const *readable;
    const char *const *writable;
    bool network; /* IPv4 and IPv6; otherwise no socket at all */
    struct envm_fence_limits limits;
    size_t keep_output; /* how many bytes of the end of the output are wanted */
    /* Polled, may be NULL. */
    bool (*cancelled)(void *user);
    void *user;
};

enum envm_fence_end {
    ENVM_FENCE_EXITED,        /* `status` is the exit status */
    ENVM_FENCE_SIGNALLED,     /* `status` is the signal */
    ENVM_FENCE_WALL_LIMIT,    /* `status` is 0 */
    ENVM_FENCE_CPU_LIMIT,     /* as EXITED or SIGNALLED, since a shell passes on 128 + signal */
    ENVM_FENCE_FILE_LIMIT,    /* the same, for a file that became too long */
    ENVM_FENCE_PROCESS_LIMIT, /* `status` is 0 */
};

struct envm_fence_result {
    enum envm_fence_end end;
    int status;
    uint64_t output_bytes;  /* all that was written */
    struct envm_buf output; /* the end of stdout and stderr as they came: escape before showing */
};

/* Frees the output and zeroes the result. */
void envm_fence_result_release(struct envm_fence_result *result);
ENVM_DEFINE_CLEANUP(envm_fence_result, struct envm_fence_result, envm_fence_result_release)

/* Runs it and waits. *result (the caller releases it) is written on success only, and success means
 * that the program has started, whatever became of it. When the function returns, no process that
 * it started is left. stdin is /dev/null; umask 022; a session of its own.
 * ENVM_UNSAFE: this kernel or processor cannot fence (nothing was run; cause ENOSYS, EOPNOTSUPP or
 * 0). ENVM_IO: a path is not there, or the program could not be started (cause from execve).
 * ENVM_INTERRUPTED: cancelled. Thread-safe. */
enum envm_code envm_fence_run(const struct envm_fence_job *job, struct envm_fence_result *result,
                              struct envm_error *err);

/* Landlock's version when programs can be fenced here, otherwise 0. */
int envm_fence_abi(void);

/* What programs and shells of a usual system have to read, without anybody's own files: for
 * job->readable. NULL-terminated, static. */
const char *const *envm_fence_system_paths(void);

#endif
