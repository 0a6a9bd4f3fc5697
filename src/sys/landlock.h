/* SPDX-License-Identifier: MIT
 *
 * Landlock: a process gives up rights to files, TCP and signals for good, for itself and for what
 * it starts. Its own definitions of the kernel's interface, since headers are older than kernels.
 */
#ifndef ENVM_SYS_LANDLOCK_H
#define ENVM_SYS_LANDLOCK_H

#include <envm/error.h>

/* Version of Landlock that the running kernel has (1 with Linux 5.13, 7 with 6.15), 0 when it has
 * none or has it switched off. */
int envm_landlock_abi(void);

struct envm_landlock_policy {
    bool reading; /* reading and executing need a rule as well; otherwise only changing does */
    bool tcp;     /* TCP is refused, from ABI 4 on */
    bool scoped;  /* no signals and abstract sockets to processes outside, from ABI 6 on */
};

/* Makes a ruleset that allows nothing yet. Whatever the kernel knows of the policy is handled;
 * abi as from envm_landlock_abi, or smaller. ENVM_IO with cause ENOSYS or EOPNOTSUPP when there is
 * no Landlock. */
enum envm_code envm_landlock_make(int abi, const struct envm_landlock_policy *policy,
                                  int *ret_ruleset, struct envm_error *err);

enum envm_landlock_access {
    ENVM_LANDLOCK_READ,   /* read and execute */
    ENVM_LANDLOCK_CHANGE, /* all of it; where reading is ruled, no devices and no ioctl on them */
    ENVM_LANDLOCK_DEVICE, /* read and write what is there */
    ENVM_LANDLOCK_REMOVE_FOLDERS, /* empty ones */
};
/* Allows it for a file, or a directory and all below, wherever its symlinks lead. `abi` and
 * `policy` are those of envm_landlock_make. ENVM_IO with cause ENOENT when nothing is there. */
enum envm_code envm_landlock_allow(int ruleset, int abi, const struct envm_landlock_policy *policy,
                                   const char *path, enum envm_landlock_access access,
                                   struct envm_error *err);

/* Puts the calling thread, and what it starts from now on, under the ruleset, and sets
 * PR_SET_NO_NEW_PRIVS. 0 or an errno. Async-signal-safe. */
int envm_landlock_enter(int ruleset);

#endif
