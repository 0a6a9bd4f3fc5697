/* SPDX-License-Identifier: MIT
 *
 * Waiting for a child and its output at once, for the process files of src/sys.
 */
#ifndef ENVM_SYS_PROCESS_WAIT_H
#define ENVM_SYS_PROCESS_WAIT_H

#include <sys/types.h>

#include "base/buf.h"

struct envm_wait {
    pid_t pid;                     /* leads its own process group */
    int fd;                        /* read end of its output; closed by envm_wait_for */
    unsigned timeout_ms;           /* 0: none */
    struct envm_buf *answer;       /* NULL: output is thrown away */
    bool (*cancelled)(void *user); /* polled; may be NULL */
    void *user;
};

enum envm_wait_end {
    ENVM_WAIT_ENDED,     /* by itself; the output is complete */
    ENVM_WAIT_TIMEOUT,   /* killed, as in all other cases below */
    ENVM_WAIT_CANCELLED, /* */
    ENVM_WAIT_TOO_LONG,  /* more output than answer->limit */
    ENVM_WAIT_FAILED,    /* reading failed; errno tells why */
};

/* Returns when the child has ended and is reaped; whatever is left of its process group is killed
 * then. *ret_status is that of waitpid. */
enum envm_wait_end envm_wait_for(struct envm_wait *wait, int *ret_status);

#endif
