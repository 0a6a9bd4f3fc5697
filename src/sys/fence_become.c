/* SPDX-License-Identifier: MIT
 *
 * The last steps before the program of a fence: everything is given up here, in this order, because
 * each step takes away what the next ones would need least.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "sys/fence_attributes.h"
#include "sys/fence_child.h"
#include "sys/landlock.h"

#define LAST_CAPABILITY_KNOWN 63
#define FD_CHANNEL (ENVM_FENCE_FD_REPORT + 1)

static _Noreturn void fail(enum envm_fence_stage stage, int number)
{
    envm_fence_report(stage, 0, number);
    _exit(127);
}

/* As a job of root it keeps what lets it work on files of others in the folders that it may write,
 * and nothing else of root's power. Who is not root has nothing of that, so failures are fine. */
static void drop_capabilities(void)
{
    const uint32_t kept = 1U << CAP_CHOWN | 1U << CAP_DAC_OVERRIDE | 1U << CAP_FOWNER;
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};

    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    for (unsigned i = 0; i <= LAST_CAPABILITY_KNOWN; i++) {
        if (i >= 32 || !(kept >> i & 1))
            prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    }
    if (syscall(SYS_capget, &header, data) != 0)
        return;
    for (unsigned i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) {
        data[i].effective &= i == 0 ? kept : 0;
        data[i].permitted &= i == 0 ? kept : 0;
        data[i].inheritable = 0;
    }
    syscall(SYS_capset, &header, data);
}

/* Never more than this process has. */
static bool limit(__rlimit_resource_t resource, rlim_t soft, rlim_t hard)
{
    struct rlimit now;

    if (getrlimit(resource, &now) != 0)
        return false;
    if (now.rlim_max != RLIM_INFINITY && hard > now.rlim_max)
        hard = now.rlim_max;
    now = (struct rlimit){.rlim_cur = soft < hard ? soft : hard, .rlim_max = hard};
    return setrlimit(resource, &now) == 0;
}

static bool limit_if(__rlimit_resource_t resource, rlim_t wanted)
{
    return wanted == 0 || limit(resource, wanted, wanted);
}

static bool set_limits(const struct envm_fence_plan *plan)
{
    const struct envm_fence_limits *limits = &plan->job->limits;
    rlim_t cpu = limits->cpu_seconds;

    /* One byte means no core file, and no run of the program that collects them either, which zero
     * does not mean. */
    return limit(RLIMIT_CORE, 1, 1) && limit_if(RLIMIT_FSIZE, limits->file_bytes) &&
           /* SIGXCPU at the limit, SIGKILL a second later. */
           (cpu == 0 || limit(RLIMIT_CPU, cpu, cpu + 1)) &&
           limit_if(RLIMIT_NOFILE, limits->open_files) &&
           limit_if(RLIMIT_NPROC, plan->user_processes) &&
           limit_if(RLIMIT_AS, limits->address_bytes);
}

/* 0 or an errno. */
static int install_filter(const struct envm_fence_plan *plan, int channel)
{
    int listener;

    if (envm_fence_filter_install(plan->asking_filter, &listener) != 0)
        return envm_fence_filter_install(plan->filter, NULL);
    return envm_fence_send_listener(channel, listener) ? 0 : EIO;
}

void envm_fence_become(const struct envm_fence_plan *plan, pid_t supervisor, int channel)
{
    sigset_t none;
    int number;

    setsid();
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != supervisor)
        _exit(127);
    if (fchdir(ENVM_FENCE_FD_DIRECTORY) != 0)
        fail(ENVM_FENCE_NO_DIRECTORY, errno);
    umask(022);
    drop_capabilities();
    number = envm_landlock_enter(ENVM_FENCE_FD_RULESET);
    if (number != 0)
        fail(ENVM_FENCE_NO_LANDLOCK, number);
    if (dup3(channel, FD_CHANNEL, O_CLOEXEC) < 0)
        fail(ENVM_FENCE_NO_SECCOMP, errno);
    envm_fence_close_from(FD_CHANNEL + 1);
    if (!set_limits(plan))
        fail(ENVM_FENCE_NO_LIMITS, errno);
    number = install_filter(plan, FD_CHANNEL);
    if (number != 0)
        fail(ENVM_FENCE_NO_SECCOMP, number);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    /* Not by its name: a build that measures coverage would write files in front of it. */
    syscall(SYS_execve, plan->job->argv[0], plan->job->argv, plan->job->environment);
    fail(ENVM_FENCE_NO_PROGRAM, errno);
}
