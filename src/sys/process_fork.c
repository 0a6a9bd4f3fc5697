/* SPDX-License-Identifier: MIT
 *
 * Work in a forked child with limits on time and memory.
 */
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "sys/fs.h"
#include "sys/process_wait.h"

/* The exit status of the out-of-memory handler of the program, see base/alloc.h. */
#define EXIT_NO_MEMORY 8

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) ||                         \
    __has_feature(memory_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

#ifdef ENVM_COVERAGE
/* _exit would lose what the child has counted. */
extern void __gcov_dump(void);
#define write_coverage() __gcov_dump()
#else
#define write_coverage() ((void)0)
#endif

/* Address space in use, or 0 when /proc does not tell. */
static uint64_t address_space(void)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(4096);
    envm_str rest;
    envm_str pages;
    uint64_t count;

    if (envm_fs_read_user_file("/proc/self/statm", &text, NULL) != ENVM_OK)
        return 0;
    rest = envm_buf_str(&text);
    if (!envm_str_next_word(&rest, &pages) || !envm_str_parse_u64(pages, &count))
        return 0;
    return count * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void lower_limit(__rlimit_resource_t resource, rlim_t wanted)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0)
        return;
    if (limit.rlim_max == RLIM_INFINITY || wanted < limit.rlim_max)
        limit.rlim_max = wanted;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(resource, &limit);
}

/* The sanitizers reserve terabytes of addresses, so that no limit would make sense. */
static void limit_memory(uint64_t growth)
{
    uint64_t now = address_space();

    lower_limit(RLIMIT_CORE, 0);
    if (growth > 0 && now > 0 && !HAS_SANITIZER)
        lower_limit(RLIMIT_AS, now + growth);
}

/* Keeps `fd` as descriptor 3 and nothing else but the three standard ones, which lead nowhere: the
 * child must not hold a lock, a socket or the terminal of its parent. */
static int only_this_fd(int fd)
{
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(null, STDOUT_FILENO) < 0 ||
        dup2(null, STDERR_FILENO) < 0)
        return -1;
    if (fd != 3 && dup2(fd, 3) < 0)
        return -1;
    if (syscall(SYS_close_range, 4U, ~0U, 0U) != 0) {
        for (int other = 4; other < 1024; other++)
            close(other);
    }
    return 3;
}

static _Noreturn void run_child(void (*work)(void *argument, int fd), void *argument, int fd,
                                uint64_t memory_bytes, pid_t parent)
{
    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* The parent may have died before that call. */
    if (getppid() != parent)
        _exit(1);
    signal(SIGINT, SIG_DFL);
    signal(SIGTERM, SIG_DFL);
    fd = only_this_fd(fd);
    if (fd < 0)
        _exit(1);
    limit_memory(memory_bytes);
    work(argument, fd);
    write_coverage();
    _exit(0);
}

static enum envm_fork_end classify(int status, bool memory_limited)
{
    bool out_of_memory = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_NO_MEMORY;

    if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
        return ENVM_FORK_ANSWERED;
    if (WIFSIGNALED(status)) {
        int number = WTERMSIG(status);

        /* A library that checks nothing crashes, one that does aborts, and the kernel's own
         * out-of-memory killer kills. */
        out_of_memory = number == SIGABRT || number == SIGSEGV || number == SIGKILL;
    }
    return memory_limited && out_of_memory ? ENVM_FORK_MEMORY : ENVM_FORK_DIED;
}

static enum envm_code fail_ended(enum envm_fork_end end, int status,
                                 const struct envm_fork_limits *limits, struct envm_error *err)
{
    if (end == ENVM_FORK_MEMORY)
        return envm_fail(err, ENVM_GAVE_UP, "memory limit of %llu MiB reached",
                         (unsigned long long)(limits->memory_bytes >> 20));
    if (WIFSIGNALED(status))
        return envm_fail(err, ENVM_GAVE_UP, "the worker process was ended by signal %d (%s)",
                         WTERMSIG(status), strsignal(WTERMSIG(status)));
    return envm_fail(err, ENVM_GAVE_UP, "the worker process ended with status %d",
                     WEXITSTATUS(status));
}

static enum envm_code wait_for_answer(struct envm_wait *wait, const struct envm_fork_limits *limits,
                                      enum envm_fork_end *ret_end, struct envm_error *err)
{
    int status = 0;

    *ret_end = ENVM_FORK_DIED;
    switch (envm_wait_for(wait, &status)) {
    case ENVM_WAIT_ENDED:
        *ret_end = classify(status, limits->memory_bytes > 0);
        return *ret_end == ENVM_FORK_ANSWERED ? ENVM_OK : fail_ended(*ret_end, status, limits, err);
    case ENVM_WAIT_TIMEOUT:
        *ret_end = ENVM_FORK_TIMEOUT;
        return envm_fail(err, ENVM_GAVE_UP, "time limit of %u ms reached", limits->timeout_ms);
    case ENVM_WAIT_CANCELLED:
        return envm_fail(err, ENVM_INTERRUPTED, "interrupted");
    case ENVM_WAIT_TOO_LONG:
        return envm_fail(err, ENVM_MALFORMED, "the worker process sent more than %zu bytes",
                         wait->answer->limit);
    case ENVM_WAIT_FAILED:
        break;
    }
    return envm_fail_errno(err, errno, "reading from the worker process");
}

enum envm_code envm_process_fork_work(void (*work)(void *argument, int fd), void *argument,
                                      const struct envm_fork_limits *limits,
                                      struct envm_buf *answer, enum envm_fork_end *ret_end,
                                      struct envm_error *err)
{
    struct envm_wait wait = {
        .timeout_ms = limits->timeout_ms,
        .answer = answer,
        .cancelled = limits->cancelled,
        .user = limits->user,
    };
    pid_t parent = getpid();
    int ends[2];

    *ret_end = ENVM_FORK_DIED;
    if (pipe2(ends, O_CLOEXEC) != 0)
        return envm_fail_errno(err, errno, "starting a worker process");
    wait.pid = fork();
    if (wait.pid == 0)
        run_child(work, argument, ends[1], limits->memory_bytes, parent);
    close(ends[1]);
    wait.fd = ends[0];
    if (wait.pid < 0) {
        int number = errno;

        close(ends[0]);
        return envm_fail_errno(err, number, "starting a worker process");
    }
    return wait_for_answer(&wait, limits, ret_end, err);
}
