/* SPDX-License-Identifier: MIT */
#include "sys/fence_child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/fence_attributes.h"

#ifdef ENVM_COVERAGE
/* _exit would lose what the child has counted. */
extern void __gcov_dump(void);
#define write_coverage() __gcov_dump()
#else
#define write_coverage() ((void)0)
#endif

/* How often processes are counted. */
#define COUNT_MS 100
/* Descriptors are parked from here on while they change places. */
#define PARKED 16

void envm_fence_report(enum envm_fence_stage stage, int end, int status)
{
    struct envm_fence_report report = {.stage = (int)stage, .end = end, .status = status};
    ssize_t ignored = write(ENVM_FENCE_FD_REPORT, &report, sizeof(report));

    (void)ignored;
}

void envm_fence_close_from(unsigned first)
{
    struct rlimit limit = {.rlim_cur = 1024};

    if (syscall(SYS_close_range, first, ~0U, 0U) == 0)
        return;
    getrlimit(RLIMIT_NOFILE, &limit);
    for (unsigned fd = first; fd < limit.rlim_cur && fd < (1U << 20); fd++)
        close((int)fd);
}

static _Noreturn void fail(int number)
{
    envm_fence_report(ENVM_FENCE_NO_SUPERVISOR, 0, number);
    _exit(127);
}

/* Puts the descriptors in their places and closes all others, which may hold locks, sockets or the
 * terminal of the parent. The report is the first to have its place, for what fails afterwards. */
static void place_descriptors(const struct envm_fence_plan *plan)
{
    const struct {
        int from;
        int to;
    } places[] = {
        {plan->report_fd, ENVM_FENCE_FD_REPORT},
        {plan->control_fd, ENVM_FENCE_FD_CONTROL},
        {plan->directory_fd, ENVM_FENCE_FD_DIRECTORY},
        {plan->ruleset_fd, ENVM_FENCE_FD_RULESET},
        {plan->null_fd, STDIN_FILENO},
        {plan->output_fd, STDOUT_FILENO},
        {plan->output_fd, STDERR_FILENO},
    };
    enum { COUNT = sizeof(places) / sizeof(*places) };
    int parked[COUNT];

    for (unsigned i = 0; i < COUNT; i++) {
        parked[i] = fcntl(places[i].from, F_DUPFD_CLOEXEC, PARKED);
        if (parked[i] < 0)
            _exit(127);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        int flags = places[i].to > STDERR_FILENO ? O_CLOEXEC : 0;
        bool moved =
            flags ? dup3(parked[i], places[i].to, flags) >= 0 : dup2(parked[i], places[i].to) >= 0;

        if (!moved)
            fail(errno);
    }
    envm_fence_close_from(ENVM_FENCE_FD_SIGNALS);
}

static void reset_signals(void)
{
    const struct sigaction plain = {.sa_handler = SIG_DFL};

    for (int number = 1; number < NSIG; number++)
        sigaction(number, &plain, NULL);
}

static void watch_signals(void)
{
    sigset_t all;
    int fd;

    sigfillset(&all);
    fd = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd < 0)
        fail(errno);
    if (fd == ENVM_FENCE_FD_SIGNALS)
        return;
    if (dup3(fd, ENVM_FENCE_FD_SIGNALS, O_CLOEXEC) < 0)
        fail(errno);
    close(fd);
}

/* True when a signal says that the parent is gone. */
static bool take_signals(void)
{
    struct signalfd_siginfo info;
    bool stop = false;

    while (read(ENVM_FENCE_FD_SIGNALS, &info, sizeof(info)) == sizeof(info))
        stop = stop || info.ssi_signo == SIGTERM;
    return stop;
}

enum watched { PROGRAM_ENDED, ASKED_TO_STOP, OUT_OF_TIME, TOO_MANY };

/* Reaps everything that has ended; true when the program is among it. */
static bool reap(pid_t program, int *ret_status, struct rusage *ret_usage)
{
    bool ended = false;
    struct rusage usage;
    int status;
    pid_t pid;

    while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
        if (pid != program)
            continue;
        *ret_status = status;
        *ret_usage = usage;
        ended = true;
    }
    return ended;
}

static enum watched watch(const struct envm_fence_plan *plan, pid_t program, int listener,
                          int *ret_status, struct rusage *ret_usage)
{
    const struct envm_fence_limits *limits = &plan->job->limits;
    uint64_t deadline = envm_clock_monotonic_ms() + limits->wall_ms;
    uint64_t next_count = 0;

    for (;;) {
        struct pollfd pollers[] = {{.fd = ENVM_FENCE_FD_SIGNALS, .events = POLLIN},
                                   {.fd = ENVM_FENCE_FD_CONTROL, .events = POLLIN},
                                   {.fd = listener, .events = POLLIN}};
        uint64_t now = envm_clock_monotonic_ms();
        uint64_t left = deadline > now ? deadline - now : 0;

        if (reap(program, ret_status, ret_usage))
            return PROGRAM_ENDED;
        if (limits->wall_ms > 0 && left == 0)
            return OUT_OF_TIME;
        if (limits->processes > 0 && now >= next_count) {
            if (envm_fence_count(limits->processes + 1) > limits->processes)
                return TOO_MANY;
            next_count = now + COUNT_MS;
        }
        if (limits->wall_ms == 0 || left > COUNT_MS)
            left = COUNT_MS;
        if (poll(pollers, 3, (int)left) < 0)
            continue;
        if (take_signals() || pollers[1].revents != 0)
            return ASKED_TO_STOP;
        if (pollers[2].revents & POLLIN)
            envm_fence_answer(listener, plan->roots);
        else if (pollers[2].revents != 0)
            listener = -1; /* nobody is left who could ask */
    }
}

static uint64_t seconds_of(const struct rusage *usage)
{
    return (uint64_t)usage->ru_utime.tv_sec + (uint64_t)usage->ru_stime.tv_sec +
           (uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1000000;
}

static void report_end(const struct envm_fence_plan *plan, int status, const struct rusage *usage)
{
    unsigned cpu = plan->job->limits.cpu_seconds;
    int number = WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status);
    /* A shell whose command was killed ends with 128 and the signal. */
    int signal_number = WIFSIGNALED(status) ? number : number - 128;
    enum envm_fence_end end = WIFSIGNALED(status) ? ENVM_FENCE_SIGNALLED : ENVM_FENCE_EXITED;

    if (signal_number == SIGXCPU ||
        (signal_number == SIGKILL && cpu > 0 && seconds_of(usage) >= cpu))
        end = ENVM_FENCE_CPU_LIMIT;
    if (signal_number == SIGXFSZ)
        end = ENVM_FENCE_FILE_LIMIT;
    envm_fence_report(ENVM_FENCE_ENDED, (int)end, number);
}

static void report(const struct envm_fence_plan *plan, enum watched watched, int status,
                   const struct rusage *usage)
{
    switch (watched) {
    case PROGRAM_ENDED:
        report_end(plan, status, usage);
        break;
    case ASKED_TO_STOP:
        envm_fence_report(ENVM_FENCE_STOPPED, 0, 0);
        break;
    case OUT_OF_TIME:
        envm_fence_report(ENVM_FENCE_ENDED, ENVM_FENCE_WALL_LIMIT, 0);
        break;
    case TOO_MANY:
        envm_fence_report(ENVM_FENCE_ENDED, ENVM_FENCE_PROCESS_LIMIT, 0);
        break;
    }
}

/* Starts the program; the listener's descriptor is left to its end. */
static pid_t start(const struct envm_fence_plan *plan, int *ret_listener)
{
    pid_t self = getpid();
    int ends[2];
    long program;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0)
        fail(errno);
    /* fork would run the handlers of libraries and take locks of the allocator. */
    program = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    if (program == 0)
        envm_fence_become(plan, self, ends[1]);
    if (program < 0)
        fail(errno);
    close(ends[1]);
    *ret_listener = envm_fence_receive_listener(ends[0]);
    close(ends[0]);
    return (pid_t)program;
}

void envm_fence_supervise(const struct envm_fence_plan *plan)
{
    struct rusage usage = {0};
    enum watched watched;
    int listener = -1;
    int status = 0;
    pid_t program;

    setsid();
    /* Not SIGKILL, which would leave the descendants to themselves. */
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != plan->parent)
        _exit(127);
    reset_signals();
    place_descriptors(plan);
    watch_signals();
    if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0)
        fail(errno);
    program = start(plan, &listener);
    /* The output ends when the last process of the program is gone. */
    dup2(STDIN_FILENO, STDOUT_FILENO);
    dup2(STDIN_FILENO, STDERR_FILENO);
    close(ENVM_FENCE_FD_DIRECTORY);
    close(ENVM_FENCE_FD_RULESET);
    watched = watch(plan, program, listener, &status, &usage);
    if (envm_fence_kill_all(program, &status, &usage))
        report(plan, watched, status, &usage);
    else
        envm_fence_report(ENVM_FENCE_LEFT_OVER, 0, 0);
    write_coverage();
    _exit(0);
}
