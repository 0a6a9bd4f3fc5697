/* SPDX-License-Identifier: MIT
 *
 * What runs between fork and exec in a fence: the supervisor, and the program up to its execve. It
 * is entered from a process with threads, so it uses async-signal-safe calls only and allocates
 * nothing. For fence.c.
 */
#ifndef ENVM_SYS_FENCE_CHILD_H
#define ENVM_SYS_FENCE_CHILD_H

#include <sys/resource.h>
#include <sys/types.h>

#include "sys/fence.h"
#include "sys/fence_filter.h"

/* Made before the fork. */
struct envm_fence_plan {
    const struct envm_fence_job *job;
    const struct envm_fence_filter *asking_filter;
    const struct envm_fence_filter *filter; /* where that one cannot be */
    const char *const *roots;               /* the writable paths without symlinks, up to NULL */
    rlim_t user_processes;                  /* for RLIMIT_NPROC, 0: none */
    pid_t parent;
    int null_fd;
    int output_fd;  /* for writing */
    int report_fd;  /* for writing: one struct envm_fence_report */
    int control_fd; /* for reading: its end means stop */
    int directory_fd;
    int ruleset_fd;
};

enum envm_fence_stage {
    ENVM_FENCE_ENDED, /* `end` and `status` are those of the result */
    ENVM_FENCE_STOPPED,
    ENVM_FENCE_LEFT_OVER, /* processes that could not be killed */
    /* From here on: it was not started, `status` is an errno. */
    ENVM_FENCE_NO_SUPERVISOR,
    ENVM_FENCE_NO_DIRECTORY,
    ENVM_FENCE_NO_LIMITS,
    ENVM_FENCE_NO_LANDLOCK,
    ENVM_FENCE_NO_SECCOMP,
    ENVM_FENCE_NO_PROGRAM,
};

struct envm_fence_report {
    int stage;
    int end;
    int status;
};

/* The supervisor: starts the program, waits, kills what is left and reports. All signals are
 * blocked when it is called. */
_Noreturn void envm_fence_supervise(const struct envm_fence_plan *plan);

/* Becomes the program. All descriptors are where envm_fence_supervise has put them; the supervisor
 * waits at the other end of `channel` for the listener. */
_Noreturn void envm_fence_become(const struct envm_fence_plan *plan, pid_t supervisor, int channel);

/* Descriptors of the supervisor. */
enum {
    ENVM_FENCE_FD_REPORT = 3,
    ENVM_FENCE_FD_CONTROL,
    ENVM_FENCE_FD_DIRECTORY,
    ENVM_FENCE_FD_RULESET,
    ENVM_FENCE_FD_SIGNALS,
};

/* Closes all descriptors from `first` on. */
void envm_fence_close_from(unsigned first);

/* Writes the report; there is nobody to tell when that fails. */
void envm_fence_report(enum envm_fence_stage stage, int end, int status);

/* Kills all descendants until there are none, and reaps them. The end of `program`, when it is
 * among them, goes to *ret_status and *ret_usage. False when some could not be ended. */
bool envm_fence_kill_all(pid_t program, int *ret_status, struct rusage *ret_usage);

/* Number of descendants, up to `most`. */
unsigned envm_fence_count(unsigned most);

#endif
