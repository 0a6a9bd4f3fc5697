/* SPDX-License-Identifier: MIT
 *
 * Runs a piece of a test in a child for which one system call fails, so that the ways around it
 * can be tried on a machine where it works.
 */
#ifndef ENVM_TESTS_DENY_SYSCALL_H
#define ENVM_TESTS_DENY_SYSCALL_H

#include "check.h"

#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static __attribute__((unused)) bool deny_syscall(long number, int error)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ((unsigned)error & SECCOMP_RET_DATA)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(*filter), filter};

    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* The child runs work(argument), which returns whether all was well. */
static __attribute__((unused)) void without_syscall(long number, int error,
                                                    bool (*work)(void *argument), void *argument)
{
    int status = -1;
    pid_t pid = fork();

    if (pid == 0) {
        if (!deny_syscall(number, error))
            exit(77);
        exit(work(argument) ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("no seccomp filter possible here: skipped\n");
        skip();
    }
    assert_int_equal(status, 0);
}

#endif
