/* SPDX-License-Identifier: MIT
 *
 * Runs a program and stops it, or lets a system call fail, at a chosen point of its life.
 *
 *     inject_syscall [-k N [-s SIGNAL] | -e N=ERRNO] [-a NAME=ERRNO]… [-r] -o REPORT PROGRAM
 * [ARGUMENT…]
 *
 * Counts the system calls of the whole process tree that change files (with -r also those that only
 * read them). -k kills all processes with SIGKILL when the N-th of them is about to happen; -e lets
 * it fail with the error number instead; -s sends the first process another signal. Neither: only
 * counts. -a lets every call of a name fail. REPORT gets lines
 *
 *     total COUNT
 *     fired NAME INDEX            which call it was: the INDEX-th NAME (only if it happened)
 *     program PATH                which program made it
 *     status exited CODE | killed SIGNAL
 *     calls NAME COUNT            for each kind
 *
 * The exit status is 0 when the program was run, whatever became of it; 77 when this machine does
 * not allow tracing. The calls are picked out by a seccomp filter, so all others run at full speed.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/openat2.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

struct call {
    const char *name;
    long number;
    bool reads; /* changes nothing by itself */
    unsigned long count;
    int always; /* error of every call; 0: it may succeed */
};

#define CALL(name)                                                                                 \
    {                                                                                              \
#name, SYS_##name, false, 0, 0                                                             \
    }
#define READS(name)                                                                                \
    {                                                                                              \
#name, SYS_##name, true, 0, 0                                                              \
    }

static struct call calls[] = {
    CALL(write),           CALL(pwrite64),  CALL(writev),     CALL(pwritev2),    CALL(ftruncate),
    CALL(truncate),        CALL(fallocate), CALL(linkat),     CALL(symlinkat),   CALL(unlinkat),
    CALL(mkdirat),         CALL(renameat2), CALL(fchmod),     CALL(fchmodat),    CALL(utimensat),
    CALL(copy_file_range), CALL(sendfile),  CALL(fsync),      CALL(fdatasync),   CALL(syncfs),
    CALL(ioctl),           CALL(mknodat),   CALL(fchown),     CALL(fchownat),    CALL(openat),
    CALL(openat2),
#ifdef SYS_rename
    CALL(rename),          CALL(link),      CALL(symlink),    CALL(unlink),      CALL(mkdir),
    CALL(rmdir),           CALL(chmod),     CALL(chown),      CALL(open),        CALL(creat),
#endif
#ifdef SYS_renameat
    CALL(renameat),
#endif
    READS(read),           READS(pread64),  READS(flock),     READS(fstat),      READS(getdents64),
    READS(mmap),           READS(statfs),   READS(fstatfs),   READS(readlinkat), READS(newfstatat),
    READS(faccessat),      READS(close),    READS(getrandom), READS(statx),
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* What is asked for, and what has been seen. */
static struct {
    unsigned long kill_at, fail_at;
    int error;
    int signal;
    pid_t leader;
    bool with_reads;
    bool under_way; /* the program itself runs, not its loader any more */
    unsigned long total;
    const struct call *fired;
    unsigned long fired_index;
    char fired_program[512];
    pid_t seen[4096]; /* threads and processes that live */
    size_t seen_count;
} run;

static void die(const char *what)
{
    fprintf(stderr, "inject_syscall: %s: %s\n", what, strerror(errno));
    exit(errno == EPERM || errno == ENOSYS || errno == EINVAL ? 77 : 2);
}

/* --- the traced program ------------------------------------------------------------------- */

static void install_filter(void)
{
    static struct sock_filter filter[2 * CALLS + 4];
    unsigned short used = 0;
    struct sock_fprog program = {.filter = filter};

    filter[used++] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (size_t i = 0; i < CALLS; i++) {
        if (calls[i].reads && !run.with_reads && !calls[i].always)
            continue;
        filter[used++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                      (unsigned)calls[i].number, 0, 1);
        filter[used++] = (struct sock_filter)BPF_STMT(
            BPF_RET | BPF_K,
            calls[i].always ? SECCOMP_RET_ERRNO | (unsigned)calls[i].always : SECCOMP_RET_TRACE);
    }
    filter[used++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    program.len = used;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        _exit(77);
}

static pid_t start(char **argv)
{
    pid_t pid = fork();

    if (pid < 0)
        die("fork");
    if (pid > 0)
        return pid;
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
        _exit(77);
    raise(SIGSTOP);
    install_filter();
    execvp(argv[0], argv);
    _exit(127);
}

/* --- registers ---------------------------------------------------------------------------- */

struct registers {
#if defined(__x86_64__)
    struct user_regs_struct all;
#else
    struct user_pt_regs all;
#endif
};

static bool get_registers(pid_t pid, struct registers *registers)
{
    struct iovec part = {&registers->all, sizeof(registers->all)};

    return ptrace(PTRACE_GETREGSET, pid, (void *)1 /* NT_PRSTATUS */, &part) == 0;
}

static long number_of(const struct registers *registers)
{
#if defined(__x86_64__)
    return (long)registers->all.orig_rax;
#else
    return (long)registers->all.regs[8];
#endif
}

static unsigned long argument_of(const struct registers *registers, int index)
{
#if defined(__x86_64__)
    const unsigned long values[] = {registers->all.rdi, registers->all.rsi, registers->all.rdx,
                                    registers->all.r10};

    return values[index];
#else
    return registers->all.regs[index];
#endif
}

/* The call does not happen and returns -error. */
static void let_fail(pid_t pid, struct registers *registers, int error)
{
    struct iovec part = {&registers->all, sizeof(registers->all)};
#if defined(__x86_64__)
    registers->all.orig_rax = ~0ULL;
    registers->all.rax = (unsigned long long)-(long long)error;
#else
    int none = -1;
    struct iovec number = {&none, sizeof(none)};

    ptrace(PTRACE_SETREGSET, pid, (void *)0x404 /* NT_ARM_SYSTEM_CALL */, &number);
    registers->all.regs[0] = (unsigned long long)-(long long)error;
#endif
    ptrace(PTRACE_SETREGSET, pid, (void *)1, &part);
}

/* --- counting ----------------------------------------------------------------------------- */

static bool opens_for_writing(unsigned long flags)
{
    return (flags & O_CREAT) || (flags & O_TRUNC) || (flags & O_TMPFILE) == O_TMPFILE;
}

/* Opening changes something only with certain flags, ioctl only for clones. */
static bool changes_files(pid_t pid, const struct call *call, const struct registers *registers)
{
    if (call->number == SYS_openat)
        return opens_for_writing(argument_of(registers, 2));
#ifdef SYS_open
    if (call->number == SYS_open)
        return opens_for_writing(argument_of(registers, 1));
#endif
    if (call->number == SYS_openat2) {
        errno = 0;
        return opens_for_writing(
            (unsigned long)ptrace(PTRACE_PEEKDATA, pid, argument_of(registers, 2), NULL));
    }
    if (call->number == SYS_ioctl)
        return argument_of(registers, 1) == 0x40049409; /* FICLONE */
    return !call->reads;
}

/* Memory is another matter: only mappings of files count. */
static bool is_of_files(const struct call *call, const struct registers *registers)
{
    return call->number != SYS_mmap || !(argument_of(registers, 3) & MAP_ANONYMOUS);
}

static struct call *find_call(long number)
{
    for (size_t i = 0; i < CALLS; i++) {
        if (calls[i].number == number)
            return &calls[i];
    }
    return NULL;
}

/* True when this is the call that was asked for. */
static bool count(pid_t pid, struct registers *registers, struct call **ret_call)
{
    struct call *call = get_registers(pid, registers) ? find_call(number_of(registers)) : NULL;
    bool changes = call && changes_files(pid, call, registers);

    if (!call || !is_of_files(call, registers))
        return false;
    /* The loader reads, too; the program is under way with its first openat2 or change. */
    if (changes || call->number == SYS_openat2)
        run.under_way = true;
    if (!changes && (!run.with_reads || !run.under_way || call->number == SYS_ioctl))
        return false;
    call->count++;
    run.total++;
    *ret_call = call;
    return run.total == run.kill_at || run.total == run.fail_at;
}

static void remember(pid_t pid)
{
    for (size_t i = 0; i < run.seen_count; i++) {
        if (run.seen[i] == pid)
            return;
    }
    if (run.seen_count < sizeof(run.seen) / sizeof(run.seen[0]))
        run.seen[run.seen_count++] = pid;
}

static void kill_all(void)
{
    for (size_t i = 0; i < run.seen_count; i++)
        syscall(SYS_tkill, run.seen[i], SIGKILL);
}

static void note_program(pid_t pid)
{
    char path[32];
    ssize_t len;

    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    len = readlink(path, run.fired_program, sizeof(run.fired_program) - 1);
    run.fired_program[len > 0 ? len : 0] = '\0';
}

static void at_call(pid_t pid)
{
    struct registers registers;
    struct call *call = NULL;

    if (!count(pid, &registers, &call) || run.fired)
        return;
    run.fired = call;
    run.fired_index = call->count;
    note_program(pid);
    if (run.kill_at && run.signal == SIGKILL)
        kill_all();
    else if (run.kill_at)
        kill(run.leader, run.signal);
    else
        let_fail(pid, &registers, run.error);
}

/* --- the life of the tree ----------------------------------------------------------------- */

#define OPTIONS                                                                                    \
    (PTRACE_O_TRACESECCOMP | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK |      \
     PTRACE_O_EXITKILL)

/* Signals of the program's own are passed on; those that tracing causes are not. */
static long signal_to_pass(int status)
{
    int number = WSTOPSIG(status);

    return number == SIGSTOP || number == SIGTRAP ? 0 : number;
}

static int follow(pid_t leader)
{
    int leader_status = 0;
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, __WALL)) > 0) {
        long pass = 0;

        if (WIFEXITED(status) || WIFSIGNALED(status)) {
            for (size_t i = 0; i < run.seen_count; i++) {
                if (run.seen[i] == pid)
                    run.seen[i] = run.seen[--run.seen_count];
            }
            if (pid == leader)
                leader_status = status;
            continue;
        }
        remember(pid);
        if (status >> 8 == (SIGTRAP | (PTRACE_EVENT_SECCOMP << 8)))
            at_call(pid);
        else if (status >> 16 == 0)
            pass = signal_to_pass(status);
        if (run.fired && run.kill_at && run.signal == SIGKILL)
            kill_all(); /* those that have just been made, too */
        ptrace(PTRACE_CONT, pid, NULL, (void *)pass);
    }
    return leader_status;
}

static void report(const char *path, int status)
{
    FILE *file = fopen(path, "w");

    if (!file)
        die(path);
    fprintf(file, "total %lu\n", run.total);
    if (run.fired)
        fprintf(file, "fired %s %lu\nprogram %s\n", run.fired->name, run.fired_index,
                run.fired_program);
    if (WIFSIGNALED(status))
        fprintf(file, "status killed %d\n", WTERMSIG(status));
    else
        fprintf(file, "status exited %d\n", WEXITSTATUS(status));
    for (size_t i = 0; i < CALLS; i++) {
        if (calls[i].count > 0)
            fprintf(file, "calls %s %lu\n", calls[i].name, calls[i].count);
    }
    if (fclose(file) != 0)
        die(path);
}

static void parse_failure(const char *text)
{
    char *end = NULL;

    run.fail_at = strtoul(text, &end, 10);
    run.error = *end == '=' ? atoi(end + 1) : 0;
    if (run.error <= 0) {
        fprintf(stderr, "inject_syscall: -e wants N=ERRNO\n");
        exit(2);
    }
}

static void parse_always(const char *text)
{
    const char *sign = strchr(text, '=');

    for (size_t i = 0; sign && i < CALLS; i++) {
        if (strlen(calls[i].name) == (size_t)(sign - text) &&
            strncmp(calls[i].name, text, (size_t)(sign - text)) == 0) {
            calls[i].always = atoi(sign + 1);
            return;
        }
    }
    fprintf(stderr, "inject_syscall: -a wants NAME=ERRNO\n");
    exit(2);
}

int main(int argc, char **argv)
{
    const char *path = NULL;
    int option;
    int status = 0;
    pid_t leader;

    while ((option = getopt(argc, argv, "+k:e:a:s:ro:")) != -1) {
        if (option == 'k')
            run.kill_at = strtoul(optarg, NULL, 10);
        else if (option == 'e')
            parse_failure(optarg);
        else if (option == 'a')
            parse_always(optarg);
        else if (option == 's')
            run.signal = atoi(optarg);
        else if (option == 'r')
            run.with_reads = true;
        else if (option == 'o')
            path = optarg;
        else
            return 2;
    }
    if (!path || optind >= argc)
        return 2;
    if (!run.signal)
        run.signal = SIGKILL;
    leader = run.leader = start(argv + optind);
    if (waitpid(leader, &status, 0) != leader || !WIFSTOPPED(status))
        die("starting");
    if (ptrace(PTRACE_SETOPTIONS, leader, NULL, (void *)(long)OPTIONS) != 0)
        die("tracing");
    ptrace(PTRACE_CONT, leader, NULL, NULL);
    status = follow(leader);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
        return 77;
    report(path, status);
    return 0;
}
