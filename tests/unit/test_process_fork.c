/* SPDX-License-Identifier: MIT */
#include "../support/check.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/str.h"
#include "sys/clock.h"
#include "sys/process.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif

static void say(int fd, const char *text)
{
    if (write(fd, text, strlen(text)) < 0)
        _exit(1);
}

static enum envm_code run(void (*work)(void *, int), void *argument, struct envm_fork_limits limits,
                          struct envm_buf *answer, enum envm_fork_end *end)
{
    return envm_process_fork_work(work, argument, &limits, answer, end, &err);
}

static void answer_text(void *argument, int fd)
{
    say(fd, argument);
}

static void an_answer_comes_back(void **state)
{
    struct envm_buf answer = envm_buf_text();
    struct envm_fork_limits limits = {.timeout_ms = 20000, .memory_bytes = (uint64_t)1 << 30};
    enum envm_fork_end end = ENVM_FORK_DIED;
    char text[] = "the answer";

    (void)state;
    OK(run(answer_text, text, limits, &answer, &end));
    assert_int_equal(end, ENVM_FORK_ANSWERED);
    assert_str(envm_buf_str(&answer), "the answer");
    envm_buf_release(&answer);
}

static void answer_much(void *argument, int fd)
{
    (void)argument;
    for (int i = 0; i < 20000; i++)
        say(fd, "0123456789");
}

static void a_long_answer_and_one_too_long(void **state)
{
    struct envm_buf answer = envm_buf_limit(200000);
    enum envm_fork_end end;

    (void)state;
    OK(run(answer_much, NULL, (struct envm_fork_limits){0}, &answer, &end));
    assert_int_equal(answer.len, 200000);
    envm_buf_release(&answer);
    answer = envm_buf_limit(199999);
    FAILS(ENVM_MALFORMED, run(answer_much, NULL, (struct envm_fork_limits){0}, &answer, &end));
    envm_buf_release(&answer);
}

static void sleep_long(void *argument, int fd)
{
    (void)argument;
    say(fd, "partial");
    sleep(60);
}

/* Leaves a grandchild behind that holds the pipe, and closes its own end. */
static void sleep_twice(void *argument, int fd)
{
    (void)argument;
    if (fork() == 0)
        sleep(60);
    close(fd);
    sleep(60);
}

static void time_runs_out(void **state)
{
    struct envm_buf answer = envm_buf_text();
    struct envm_fork_limits limits = {.timeout_ms = 200, .memory_bytes = (uint64_t)1 << 30};
    enum envm_fork_end end = ENVM_FORK_ANSWERED;
    uint64_t start = envm_clock_monotonic_ms();

    (void)state;
    FAILS_WITH(ENVM_GAVE_UP, "time", run(sleep_long, NULL, limits, &answer, &end));
    assert_int_equal(end, ENVM_FORK_TIMEOUT);
    FAILS_WITH(ENVM_GAVE_UP, "200 ms", run(sleep_twice, NULL, limits, &answer, &end));
    assert_int_equal(end, ENVM_FORK_TIMEOUT);
    assert_true(envm_clock_monotonic_ms() - start < 10000);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
    assert_int_equal(errno, ECHILD);
    envm_buf_release(&answer);
}

static void leave_a_child(void *argument, int fd)
{
    (void)argument;
    if (fork() == 0) {
        close(fd);
        sleep(60);
    }
    say(fd, "done");
}

static void children_left_behind_do_not_hold_us_up(void **state)
{
    struct envm_buf answer = envm_buf_text();
    struct envm_fork_limits limits = {.timeout_ms = 20000};
    enum envm_fork_end end;
    uint64_t start = envm_clock_monotonic_ms();

    (void)state;
    OK(run(leave_a_child, NULL, limits, &answer, &end));
    assert_true(envm_clock_monotonic_ms() - start < 10000);
    assert_str(envm_buf_str(&answer), "done");
    envm_buf_release(&answer);
}

static void exit_with(void *argument, int fd)
{
    (void)fd;
    _exit(*(int *)argument);
}

static void kill_self(void *argument, int fd)
{
    (void)fd;
    signal(*(int *)argument, SIG_DFL);
    raise(*(int *)argument);
}

static void the_way_a_child_ends_is_told(void **state)
{
    static const struct {
        void (*work)(void *, int);
        int argument;
        uint64_t memory_bytes;
        enum envm_fork_end expected;
        const char *text;
    } rows[] = {
        {exit_with, 8, (uint64_t)1 << 30, ENVM_FORK_MEMORY, "memory limit of 1024 MiB"},
        {exit_with, 8, 0, ENVM_FORK_DIED, "status 8"},
        {exit_with, 1, (uint64_t)1 << 30, ENVM_FORK_DIED, "status 1"},
        {kill_self, SIGABRT, (uint64_t)1 << 30, ENVM_FORK_MEMORY, "memory"},
        {kill_self, SIGSEGV, (uint64_t)1 << 30, ENVM_FORK_MEMORY, "memory"},
        {kill_self, SIGKILL, (uint64_t)1 << 30, ENVM_FORK_MEMORY, "memory"},
        {kill_self, SIGSEGV, 0, ENVM_FORK_DIED, "signal 11"},
        {kill_self, SIGTERM, (uint64_t)1 << 30, ENVM_FORK_DIED, "signal 15"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        struct envm_buf answer = envm_buf_text();
        struct envm_fork_limits limits = {.timeout_ms = 20000,
                                          .memory_bytes = rows[i].memory_bytes};
        enum envm_fork_end end = ENVM_FORK_ANSWERED;
        int argument = rows[i].argument;

        FAILS_WITH(ENVM_GAVE_UP, rows[i].text, run(rows[i].work, &argument, limits, &answer, &end));
        assert_int_equal(end, rows[i].expected);
        envm_buf_release(&answer);
    }
}

/* What the out-of-memory handler of the program does. */
static void eat_memory(void *argument, int fd)
{
    (void)argument;
    (void)fd;
    for (int i = 0; i < 4096; i++) {
        void *piece =
            mmap(NULL, (size_t)1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (piece == MAP_FAILED)
            _exit(8);
    }
}

static void memory_runs_out(void **state)
{
    struct envm_buf answer = envm_buf_text();
    struct envm_fork_limits limits = {.timeout_ms = 20000, .memory_bytes = (uint64_t)64 << 20};
    enum envm_fork_end end = ENVM_FORK_ANSWERED;

    (void)state;
#ifdef HAS_SANITIZER
    OK(run(eat_memory, NULL, limits, &answer, &end));
#else
    FAILS_WITH(ENVM_GAVE_UP, "64 MiB", run(eat_memory, NULL, limits, &answer, &end));
    assert_int_equal(end, ENVM_FORK_MEMORY);
#endif
    envm_buf_release(&answer);
}

/* Session, core limit, descriptors and streams as the header promises. */
static void look_around(void *argument, int fd)
{
    struct rlimit core;
    char byte;
    int parent_fd = *(int *)argument;

    if (getsid(0) != getpid())
        say(fd, "session ");
    if (getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0)
        say(fd, "core ");
    if (fcntl(parent_fd, F_GETFD) >= 0)
        say(fd, "descriptor ");
    if (read(STDIN_FILENO, &byte, 1) != 0)
        say(fd, "stdin ");
    fprintf(stderr, "this goes nowhere\n");
    say(fd, "ok");
}

static void the_child_is_kept_apart(void **state)
{
    struct envm_buf answer = envm_buf_text();
    struct envm_fork_limits limits = {.timeout_ms = 20000};
    enum envm_fork_end end;
    int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 100);

    (void)state;
    OK(run(look_around, &fd, limits, &answer, &end));
    assert_str(envm_buf_str(&answer), "ok");
    close(fd);
    envm_buf_release(&answer);
}

static bool after_some_polls(void *user)
{
    return ++*(int *)user > 3;
}

static void cancelled_from_outside(void **state)
{
    struct envm_buf answer = envm_buf_text();
    int polls = 0;
    struct envm_fork_limits limits = {
        .timeout_ms = 60000, .cancelled = after_some_polls, .user = &polls};
    enum envm_fork_end end;
    uint64_t start = envm_clock_monotonic_ms();

    (void)state;
    FAILS(ENVM_INTERRUPTED, run(sleep_long, NULL, limits, &answer, &end));
    polls = 0;
    limits.timeout_ms = 0;
    FAILS(ENVM_INTERRUPTED, run(sleep_twice, NULL, limits, &answer, &end));
    assert_true(envm_clock_monotonic_ms() - start < 10000);
    envm_buf_release(&answer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_answer_comes_back),
        cmocka_unit_test(a_long_answer_and_one_too_long),
        cmocka_unit_test(time_runs_out),
        cmocka_unit_test(children_left_behind_do_not_hold_us_up),
        cmocka_unit_test(the_way_a_child_ends_is_told),
        cmocka_unit_test(memory_runs_out),
        cmocka_unit_test(the_child_is_kept_apart),
        cmocka_unit_test(cancelled_from_outside),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
