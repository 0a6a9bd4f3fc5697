/* SPDX-License-Identifier: MIT */
#include "sys/process_wait.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/clock.h"

#define POLL_SLICE_MS 50
#define READ_CHUNK ((size_t)64 * 1024)

/* How long poll may wait: until the deadline, in slices when somebody may cancel. 0: it is over. */
static int slice(const struct envm_wait *wait, uint64_t deadline)
{
    uint64_t now = envm_clock_monotonic_ms();
    uint64_t left = deadline > now ? deadline - now : 0;

    if (wait->timeout_ms == 0)
        return wait->cancelled ? POLL_SLICE_MS : -1;
    if (wait->cancelled && left > POLL_SLICE_MS)
        return POLL_SLICE_MS;
    return left > INT32_MAX ? INT32_MAX : (int)left;
}

enum step { STEP_MORE, STEP_END, STEP_TOO_LONG, STEP_FAILED };

static enum step read_step(struct envm_wait *wait)
{
    char dropped[4096];
    char *to = dropped;
    size_t size = sizeof(dropped);
    ssize_t got;

    if (wait->answer && wait->answer->len < wait->answer->limit) {
        size_t left = wait->answer->limit - wait->answer->len;

        size = left < READ_CHUNK ? left : READ_CHUNK;
        to = envm_buf_reserve(wait->answer, size);
        if (!to)
            return STEP_TOO_LONG;
    }
    got = read(wait->fd, to, size);
    if (got < 0)
        return errno == EINTR || errno == EAGAIN ? STEP_MORE : STEP_FAILED;
    if (got == 0)
        return STEP_END;
    if (wait->answer && to == dropped)
        return STEP_TOO_LONG;
    if (wait->answer)
        envm_buf_advance(wait->answer, (size_t)got);
    return STEP_MORE;
}

static enum envm_wait_end read_all(struct envm_wait *wait, uint64_t deadline)
{
    for (;;) {
        struct pollfd poller = {.fd = wait->fd, .events = POLLIN};
        int timeout;
        int ready;

        if (wait->cancelled && wait->cancelled(wait->user))
            return ENVM_WAIT_CANCELLED;
        timeout = slice(wait, deadline);
        ready = poll(&poller, 1, timeout);
        if (ready < 0 && errno != EINTR)
            return ENVM_WAIT_FAILED;
        if (ready > 0) {
            enum step step = read_step(wait);

            if (step == STEP_END)
                return ENVM_WAIT_ENDED;
            if (step != STEP_MORE)
                return step == STEP_FAILED ? ENVM_WAIT_FAILED : ENVM_WAIT_TOO_LONG;
        }
        if (wait->timeout_ms > 0 && envm_clock_monotonic_ms() >= deadline)
            return ENVM_WAIT_TIMEOUT;
    }
}

/* Looks without reaping, so that the number of the process stays taken until its group is killed.
 */
static bool has_ended(pid_t pid)
{
    siginfo_t info = {0};

    while (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0) {
        if (errno != EINTR)
            return true;
    }
    return info.si_pid == pid;
}

/* After the end of the output: mostly the child is gone the same moment, but it may have closed its
 * output and work on. */
static enum envm_wait_end wait_for_exit(struct envm_wait *wait, uint64_t deadline)
{
    unsigned pause = 1;

    while (!has_ended(wait->pid)) {
        if (wait->cancelled && wait->cancelled(wait->user))
            return ENVM_WAIT_CANCELLED;
        if (wait->timeout_ms > 0 && envm_clock_monotonic_ms() >= deadline)
            return ENVM_WAIT_TIMEOUT;
        envm_clock_sleep_ms(pause);
        pause = pause < 20 ? pause * 2 : pause;
    }
    return ENVM_WAIT_ENDED;
}

enum envm_wait_end envm_wait_for(struct envm_wait *wait, int *ret_status)
{
    uint64_t deadline = envm_clock_monotonic_ms() + wait->timeout_ms;
    enum envm_wait_end end = read_all(wait, deadline);
    int number = errno;

    envm_close_fd(&wait->fd);
    if (end == ENVM_WAIT_ENDED)
        end = wait_for_exit(wait, deadline);
    /* The group outlives its leader when the child has left children behind. */
    kill(-wait->pid, SIGKILL);
    if (end != ENVM_WAIT_ENDED)
        kill(wait->pid, SIGKILL);
    *ret_status = 0;
    while (waitpid(wait->pid, ret_status, 0) < 0 && errno == EINTR)
        ;
    errno = number;
    return end;
}
