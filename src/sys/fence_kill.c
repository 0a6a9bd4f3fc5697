/* SPDX-License-Identifier: MIT
 *
 * Finding and ending the descendants of the supervisor. It is their subreaper: a process whose
 * parent ends becomes its child, so that who has no child has no descendant.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sys/clock.h"
#include "sys/fence_child.h"
#include "sys/fence_text.h"

#define MAX_FOUND 2048
/* After so long in which not one process has ended: what sleeps in the kernel cannot be killed. */
#define GIVE_UP_MS 10000

struct found {
    unsigned count;
    pid_t pids[MAX_FOUND];
};

static int open_children(pid_t pid)
{
    char path[64];
    char *end = envm_fence_put_text(path, "/proc/");

    end = envm_fence_put_number(end, pid);
    end = envm_fence_put_text(end, "/task/");
    end = envm_fence_put_number(end, pid);
    end = envm_fence_put_text(end, "/children");
    *end = '\0';
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* Adds the children that the first thread of a process has: numbers with a space behind each. Those
 * of other threads are found when they have lost their parent. */
static void add_children(struct found *found, pid_t parent, unsigned most)
{
    char text[2048];
    pid_t pid = 0;
    ssize_t len;
    int fd = open_children(parent);

    if (fd < 0)
        return;
    while ((len = read(fd, text, sizeof(text))) > 0) {
        for (ssize_t i = 0; i < len; i++) {
            if (text[i] >= '0' && text[i] <= '9') {
                pid = pid * 10 + (text[i] - '0');
                continue;
            }
            if (pid > 0 && found->count < most)
                found->pids[found->count++] = pid;
            pid = 0;
        }
    }
    close(fd);
}

static void find(struct found *found, unsigned most)
{
    found->count = 0;
    add_children(found, getpid(), most);
    for (unsigned i = 0; i < found->count && found->count < most; i++)
        add_children(found, found->pids[i], most);
}

unsigned envm_fence_count(unsigned most)
{
    struct found found ENVM_UNINITIALIZED;

    find(&found, most < MAX_FOUND ? most : MAX_FOUND);
    return found.count;
}

bool envm_fence_kill_all(pid_t program, int *ret_status, struct rusage *ret_usage)
{
    struct found found ENVM_UNINITIALIZED;
    struct sched_param first = {.sched_priority = 1};
    uint64_t deadline = envm_clock_monotonic_ms() + GIVE_UP_MS;

    /* Whoever forks as fast as it can must not get the processor before this. It takes a right that
     * root has; the processes of others are limited in number. */
    (void)sched_setscheduler(0, SCHED_FIFO, &first);
    for (;;) {
        struct rusage usage;
        int status;
        pid_t pid;

        find(&found, MAX_FOUND);
        for (unsigned i = 0; i < found.count; i++)
            kill(found.pids[i], SIGKILL);
        while ((pid = wait4(-1, &status, WNOHANG, &usage)) > 0) {
            deadline = envm_clock_monotonic_ms() + GIVE_UP_MS;
            if (pid == program) {
                *ret_status = status;
                *ret_usage = usage;
            }
        }
        if (pid < 0 && errno == ECHILD)
            return true;
        if (envm_clock_monotonic_ms() >= deadline)
            return false;
        envm_clock_sleep_ms(1);
    }
}
