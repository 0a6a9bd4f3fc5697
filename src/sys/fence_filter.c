/* SPDX-License-Identifier: MIT */
#include "sys/fence_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/fs.h>
#include <linux/ioprio.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <linux/sockios.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__) && !defined(__ILP32__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__) && !defined(__AARCH64EB__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
#define ARCHITECTURE AUDIT_ARCH_PPC64LE
#elif defined(__riscv) && __riscv_xlen == 64
#define ARCHITECTURE AUDIT_ARCH_RISCV64
#else
#define ARCHITECTURE 0
#endif

/* From 424 on a call has the same number everywhere; headers may be older than the kernel. */
#define NR_PIDFD_SEND_SIGNAL 424
#define NR_IO_URING_SETUP 425
#define NR_OPEN_TREE 428
#define NR_MOVE_MOUNT 429
#define NR_FSOPEN 430
#define NR_FSCONFIG 431
#define NR_FSMOUNT 432
#define NR_FSPICK 433
#define NR_CLONE3 435
#define NR_OPENAT2 437
#define NR_PIDFD_GETFD 438
#define NR_MOUNT_SETATTR 442
#define NR_FCHMODAT2 452
#define NR_SETXATTRAT 463
#define NR_REMOVEXATTRAT 466
#define NR_FILE_SETATTR 469

/* x32 programs number their calls from here. */
#define X32_BIT 0x40000000U

#define NEW_NAMESPACES                                                                             \
    ((uint32_t)(CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER |      \
                CLONE_NEWPID | CLONE_NEWNET))
#define SETID_BITS ((uint32_t)(S_ISUID | S_ISGID))

enum when { ALWAYS, NETWORK, NO_NETWORK, BEFORE_ABI_3, BEFORE_ABI_6 };

/* The lower half of an argument, masked, is `value` or is not. A mask of zero ends the list. */
struct test {
    uint32_t mask;
    uint32_t value;
    uint8_t argument;
    bool differs;
};

#define MAX_TESTS 3

/* In place of an error: the supervisor is asked. */
#define ASK 0

/* The call fails with `error` when all tests hold. */
struct row {
    int number;
    uint16_t error;
    enum when when;
    struct test tests[MAX_TESTS];
};

#define ALL_BITS UINT32_MAX
#define IS(argument, mask, value)                                                                  \
    {                                                                                              \
        mask, value, argument, false                                                               \
    }
#define IS_NOT(argument, mask, value)                                                              \
    {                                                                                              \
        mask, value, argument, true                                                                \
    }

static const struct row rows[] = {
    /* Other processes, and what they have in memory. */
    {SYS_ptrace, EPERM, ALWAYS, {{0}}},
    {SYS_process_vm_readv, EPERM, ALWAYS, {{0}}},
    {SYS_process_vm_writev, EPERM, ALWAYS, {{0}}},
    {SYS_kcmp, EPERM, ALWAYS, {{0}}},
    {NR_PIDFD_GETFD, EPERM, ALWAYS, {{0}}},
    {SYS_prlimit64, EPERM, ALWAYS, {IS_NOT(0, ALL_BITS, 0)}},
    {SYS_setpriority, EPERM, ALWAYS, {IS_NOT(0, ALL_BITS, 0)}},
    {SYS_setpriority, EPERM, ALWAYS, {IS_NOT(1, ALL_BITS, 0)}},
    {SYS_sched_setscheduler, EPERM, ALWAYS, {IS_NOT(0, ALL_BITS, 0)}},
    {SYS_sched_setparam, EPERM, ALWAYS, {IS_NOT(0, ALL_BITS, 0)}},
    {SYS_sched_setattr, EPERM, ALWAYS, {IS_NOT(0, ALL_BITS, 0)}},
    {SYS_sched_setaffinity, EPERM, ALWAYS, {IS_NOT(0, ALL_BITS, 0)}},
    {SYS_migrate_pages, EPERM, ALWAYS, {IS_NOT(0, ALL_BITS, 0)}},
    {SYS_move_pages, EPERM, ALWAYS, {IS_NOT(0, ALL_BITS, 0)}},
    {SYS_ioprio_set, EPERM, ALWAYS, {IS_NOT(0, ALL_BITS, IOPRIO_WHO_PROCESS)}},
    {SYS_ioprio_set, EPERM, ALWAYS, {IS_NOT(1, ALL_BITS, 0)}},
    /* Shared memory, semaphores and queues of System V belong to all processes of a user. */
    {SYS_shmget, EPERM, ALWAYS, {{0}}},
    {SYS_shmat, EPERM, ALWAYS, {{0}}},
    {SYS_shmctl, EPERM, ALWAYS, {{0}}},
    {SYS_semget, EPERM, ALWAYS, {{0}}},
    {SYS_semctl, EPERM, ALWAYS, {{0}}},
    {SYS_semtimedop, EPERM, ALWAYS, {{0}}},
#ifdef SYS_semop
    {SYS_semop, EPERM, ALWAYS, {{0}}},
#endif
    {SYS_msgget, EPERM, ALWAYS, {{0}}},
    {SYS_msgctl, EPERM, ALWAYS, {{0}}},
    {SYS_msgsnd, EPERM, ALWAYS, {{0}}},
    {SYS_msgrcv, EPERM, ALWAYS, {{0}}},
    {SYS_mq_open, EPERM, ALWAYS, {{0}}},
    {SYS_mq_unlink, EPERM, ALWAYS, {{0}}},
    /* Mounts and namespaces. clone3 has its flags in memory, where a filter cannot look: libraries
     * fall back to clone. */
    {SYS_mount, EPERM, ALWAYS, {{0}}},
    {SYS_umount2, EPERM, ALWAYS, {{0}}},
    {SYS_pivot_root, EPERM, ALWAYS, {{0}}},
    {SYS_chroot, EPERM, ALWAYS, {{0}}},
    {SYS_swapon, EPERM, ALWAYS, {{0}}},
    {SYS_swapoff, EPERM, ALWAYS, {{0}}},
    {SYS_quotactl, EPERM, ALWAYS, {{0}}},
    {NR_OPEN_TREE, EPERM, ALWAYS, {{0}}},
    {NR_MOVE_MOUNT, EPERM, ALWAYS, {{0}}},
    {NR_FSOPEN, EPERM, ALWAYS, {{0}}},
    {NR_FSCONFIG, EPERM, ALWAYS, {{0}}},
    {NR_FSMOUNT, EPERM, ALWAYS, {{0}}},
    {NR_FSPICK, EPERM, ALWAYS, {{0}}},
    {NR_MOUNT_SETATTR, EPERM, ALWAYS, {{0}}},
    {SYS_unshare, EPERM, ALWAYS, {{0}}},
    {SYS_setns, EPERM, ALWAYS, {{0}}},
    {NR_CLONE3, ENOSYS, ALWAYS, {{0}}},
    {SYS_clone, EPERM, ALWAYS, {IS_NOT(0, NEW_NAMESPACES, 0)}},
    /* The kernel and the machine. */
    {SYS_bpf, EPERM, ALWAYS, {{0}}},
    {SYS_perf_event_open, EPERM, ALWAYS, {{0}}},
    {SYS_userfaultfd, EPERM, ALWAYS, {{0}}},
    {NR_IO_URING_SETUP, ENOSYS, ALWAYS, {{0}}}, /* it makes sockets without socket() */
    {SYS_add_key, EPERM, ALWAYS, {{0}}},
    {SYS_request_key, EPERM, ALWAYS, {{0}}},
    {SYS_keyctl, EPERM, ALWAYS, {{0}}},
    {SYS_kexec_load, EPERM, ALWAYS, {{0}}},
#ifdef SYS_kexec_file_load
    {SYS_kexec_file_load, EPERM, ALWAYS, {{0}}},
#endif
    {SYS_init_module, EPERM, ALWAYS, {{0}}},
    {SYS_finit_module, EPERM, ALWAYS, {{0}}},
    {SYS_delete_module, EPERM, ALWAYS, {{0}}},
    {SYS_reboot, EPERM, ALWAYS, {{0}}},
    {SYS_acct, EPERM, ALWAYS, {{0}}},
    {SYS_syslog, EPERM, ALWAYS, {{0}}},
    {SYS_vhangup, EPERM, ALWAYS, {{0}}},
    {SYS_sethostname, EPERM, ALWAYS, {{0}}},
    {SYS_setdomainname, EPERM, ALWAYS, {{0}}},
    {SYS_settimeofday, EPERM, ALWAYS, {{0}}},
    {SYS_clock_settime, EPERM, ALWAYS, {{0}}},
    {SYS_open_by_handle_at, EPERM, ALWAYS, {{0}}},
    {SYS_fanotify_init, EPERM, ALWAYS, {{0}}},
#ifdef SYS_iopl
    {SYS_iopl, EPERM, ALWAYS, {{0}}},
    {SYS_ioperm, EPERM, ALWAYS, {{0}}},
#endif
    /* Landlock does not look at attributes. Capabilities of a file are one. */
    {SYS_setxattr, ENOTSUP, ALWAYS, {{0}}},
    {SYS_lsetxattr, ENOTSUP, ALWAYS, {{0}}},
    {SYS_fsetxattr, ENOTSUP, ALWAYS, {{0}}},
    {SYS_removexattr, ENOTSUP, ALWAYS, {{0}}},
    {SYS_lremovexattr, ENOTSUP, ALWAYS, {{0}}},
    {SYS_fremovexattr, ENOTSUP, ALWAYS, {{0}}},
    {NR_SETXATTRAT, ENOTSUP, ALWAYS, {{0}}},
    {NR_REMOVEXATTRAT, ENOTSUP, ALWAYS, {{0}}},
    {NR_FILE_SETATTR, EPERM, ALWAYS, {{0}}},
    {SYS_fchmod, ASK, ALWAYS, {{0}}},
    {SYS_fchmodat, ASK, ALWAYS, {{0}}},
    {NR_FCHMODAT2, ENOSYS, ALWAYS, {{0}}},
    {SYS_fchown, ASK, ALWAYS, {{0}}},
    {SYS_fchownat, ASK, ALWAYS, {{0}}},
    {SYS_utimensat, ASK, ALWAYS, {{0}}},
#ifdef SYS_chmod
    {SYS_chmod, ASK, ALWAYS, {{0}}},
    {SYS_chown, ASK, ALWAYS, {{0}}},
    {SYS_lchown, ASK, ALWAYS, {{0}}},
    /* No C library of today uses them. */
    {SYS_utime, EPERM, ALWAYS, {{0}}},
    {SYS_utimes, EPERM, ALWAYS, {{0}}},
    {SYS_futimesat, EPERM, ALWAYS, {{0}}},
#endif
    {SYS_ioctl, EPERM, ALWAYS, {IS(1, ALL_BITS, FS_IOC_SETFLAGS)}},
    {SYS_ioctl, EPERM, ALWAYS, {IS(1, ALL_BITS, FS_IOC_FSSETXATTR)}},
    /* No device, no setuid and no setgid file, however it is made. */
    {SYS_mknodat, EPERM, ALWAYS, {IS(2, S_IFMT, S_IFCHR)}},
    {SYS_mknodat, EPERM, ALWAYS, {IS(2, S_IFMT, S_IFBLK)}},
    {SYS_mknodat, EPERM, ALWAYS, {IS_NOT(2, SETID_BITS, 0)}},
    {SYS_openat, EPERM, ALWAYS, {IS_NOT(3, SETID_BITS, 0), IS_NOT(2, O_CREAT, 0)}},
    {SYS_openat, EPERM, ALWAYS, {IS_NOT(3, SETID_BITS, 0), IS_NOT(2, __O_TMPFILE, 0)}},
    {NR_OPENAT2, ENOSYS, ALWAYS, {{0}}}, /* its mode is in memory */
#ifdef SYS_open
    {SYS_mknod, EPERM, ALWAYS, {IS(1, S_IFMT, S_IFCHR)}},
    {SYS_mknod, EPERM, ALWAYS, {IS(1, S_IFMT, S_IFBLK)}},
    {SYS_mknod, EPERM, ALWAYS, {IS_NOT(1, SETID_BITS, 0)}},
    {SYS_creat, EPERM, ALWAYS, {IS_NOT(1, SETID_BITS, 0)}},
    {SYS_open, EPERM, ALWAYS, {IS_NOT(2, SETID_BITS, 0), IS_NOT(1, O_CREAT, 0)}},
    {SYS_open, EPERM, ALWAYS, {IS_NOT(2, SETID_BITS, 0), IS_NOT(1, __O_TMPFILE, 0)}},
#endif
    /* Sockets. A socket with a name in the file system leads past Landlock to whatever serves it (a
     * container engine, the user's session), so these are refused with a network, too. */
    {SYS_socket, EPERM, NO_NETWORK, {{0}}},
    {SYS_socket,
     EPERM,
     NETWORK,
     {IS_NOT(0, ALL_BITS, AF_INET), IS_NOT(0, ALL_BITS, AF_INET6),
      IS_NOT(0, ALL_BITS, AF_NETLINK)}},
    {SYS_socketpair, EPERM, ALWAYS, {IS_NOT(0, ALL_BITS, AF_UNIX)}},
#ifdef SYS_socketcall
    {SYS_socketcall, EPERM, ALWAYS, {{0}}},
#endif
    /* Before Linux 6.2 Landlock lets a file be emptied that may only be read. */
    {SYS_truncate, EPERM, BEFORE_ABI_3, {{0}}},
    {SYS_openat, EPERM, BEFORE_ABI_3, {IS(2, O_TRUNC | O_ACCMODE, O_TRUNC)}},
#ifdef SYS_open
    {SYS_open, EPERM, BEFORE_ABI_3, {IS(1, O_TRUNC | O_ACCMODE, O_TRUNC)}},
#endif
    /* Before Linux 6.12 it lets all processes of the user be signalled. What is left then is the
     * own group, and what raise and abort need. */
    {SYS_kill, EPERM, BEFORE_ABI_6, {IS_NOT(0, ALL_BITS, 0)}},
    {SYS_tkill, EPERM, BEFORE_ABI_6, {{0}}},
    /* The owner of a descriptor gets signals, of any number. */
    {SYS_fcntl, EPERM, BEFORE_ABI_6, {IS(1, ALL_BITS, F_SETOWN)}},
    {SYS_fcntl, EPERM, BEFORE_ABI_6, {IS(1, ALL_BITS, F_SETOWN_EX)}},
    {SYS_ioctl, EPERM, BEFORE_ABI_6, {IS(1, ALL_BITS, FIOSETOWN)}},
    {SYS_ioctl, EPERM, BEFORE_ABI_6, {IS(1, ALL_BITS, SIOCSPGRP)}},
    {SYS_tgkill, EPERM, BEFORE_ABI_6, {IS(2, ALL_BITS, SIGKILL)}},
    {SYS_tgkill, EPERM, BEFORE_ABI_6, {IS(2, ALL_BITS, SIGSTOP)}},
    {SYS_rt_sigqueueinfo, EPERM, BEFORE_ABI_6, {{0}}},
    {SYS_rt_tgsigqueueinfo, EPERM, BEFORE_ABI_6, {{0}}},
    {NR_PIDFD_SEND_SIGNAL, EPERM, BEFORE_ABI_6, {{0}}},
};

static bool applies(enum when when, int abi, bool network)
{
    switch (when) {
    case NETWORK:
        return network;
    case NO_NETWORK:
        return !network;
    case BEFORE_ABI_3:
        return abi < 3;
    case BEFORE_ABI_6:
        return abi < 6;
    case ALWAYS:
        break;
    }
    return true;
}

static void emit(struct envm_fence_filter *filter, struct sock_filter instruction)
{
    if (filter->count < ENVM_FENCE_FILTER_MAX)
        filter->code[filter->count++] = instruction;
}

#define EMIT(...) emit(filter, (struct sock_filter)__VA_ARGS__)

static void load(struct envm_fence_filter *filter, size_t offset)
{
    EMIT(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

static void answer(struct envm_fence_filter *filter, uint32_t action)
{
    EMIT(BPF_STMT(BPF_RET | BPF_K, action));
}

static uint32_t action_of(const struct row *row, bool asks)
{
    if (row->error == ASK)
        return asks ? SECCOMP_RET_USER_NOTIF : SECCOMP_RET_ERRNO | EPERM;
    return SECCOMP_RET_ERRNO | row->error;
}

static uint8_t count_tests(const struct row *row)
{
    uint8_t count = 0;

    while (count < MAX_TESTS && row->tests[count].mask != 0)
        count++;
    return count;
}

/* The number of the call is loaded before and after. */
static void emit_row(struct envm_fence_filter *filter, const struct row *row, bool asks)
{
    uint8_t tests = count_tests(row);
    /* Each test is three instructions; then come the answer and the number again. */
    uint8_t length = (uint8_t)(tests * 3 + 1 + (tests > 0));

    EMIT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)row->number, 0, length));
    for (uint8_t i = 0; i < tests; i++) {
        const struct test *test = &row->tests[i];
        uint8_t out = (uint8_t)((tests - i - 1) * 3 + 1);
        bool differs = test->differs;

        load(filter, offsetof(struct seccomp_data, args) + test->argument * sizeof(uint64_t));
        EMIT(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, test->mask));
        EMIT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, test->value, (uint8_t)(differs ? out : 0),
                      (uint8_t)(differs ? 0 : out)));
    }
    answer(filter, action_of(row, asks));
    if (tests > 0)
        load(filter, offsetof(struct seccomp_data, nr));
}

bool envm_fence_filter_make(const struct envm_fence_filter_kind *kind,
                            struct envm_fence_filter *ret_filter)
{
    struct envm_fence_filter *filter = ret_filter;

    filter->count = 0;
    if (ARCHITECTURE == 0)
        return false;
    /* Programs for another instruction set number their calls in another way. */
    load(filter, offsetof(struct seccomp_data, arch));
    EMIT(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    answer(filter, SECCOMP_RET_ERRNO | ENOSYS);
    load(filter, offsetof(struct seccomp_data, nr));
    if (ARCHITECTURE == AUDIT_ARCH_X86_64) {
        EMIT(BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
        answer(filter, SECCOMP_RET_ERRNO | ENOSYS);
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        if (applies(rows[i].when, kind->landlock_abi, kind->network))
            emit_row(filter, &rows[i], kind->asks);
    }
    answer(filter, SECCOMP_RET_ALLOW);
    return filter->count < ENVM_FENCE_FILTER_MAX;
}

int envm_fence_filter_install(const struct envm_fence_filter *filter, int *ret_listener)
{
    /* The kernel takes the program without const, and only reads it. */
    struct sock_fprog program = {.len = filter->count,
                                 .filter = (struct sock_filter *)(uintptr_t)filter->code};
    unsigned flags = ret_listener ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0;
    long status = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);

    if (status < 0)
        return errno;
    if (ret_listener)
        *ret_listener = (int)status;
    return 0;
}
