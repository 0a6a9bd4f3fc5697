/* SPDX-License-Identifier: MIT */
#include "sys/fence.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/str.h"
#include "sys/fence_child.h"
#include "sys/landlock.h"

#define POLL_SLICE_MS 50
#define READ_CHUNK ((size_t)64 * 1024)
#define PIPE_BYTES (1 << 20)

static const struct envm_landlock_policy policy = {.reading = true, .tcp = true, .scoped = true};
static const struct envm_landlock_policy policy_with_network = {.reading = true, .scoped = true};

const char *const *envm_fence_system_paths(void)
{
    static const char *const paths[] = {
        "/bin",
        "/sbin",
        "/lib",
        "/lib32",
        "/lib64",
        "/libx32",
        "/usr",
        "/nix/store",
        "/gnu/store",
        /* What others have there is guarded by Landlock itself. */
        "/proc",
        "/sys/devices/system/cpu",
        "/etc/alternatives",
        "/etc/debian_version",
        "/etc/fonts",
        "/etc/gai.conf",
        "/etc/group",
        "/etc/host.conf",
        "/etc/hosts",
        "/etc/ld.so.cache",
        "/etc/ld.so.conf",
        "/etc/ld.so.conf.d",
        "/etc/ld.so.preload",
        "/etc/locale.alias",
        "/etc/localtime",
        "/etc/mime.types",
        "/etc/nsswitch.conf",
        "/etc/os-release",
        "/etc/passwd",
        "/etc/pki/ca-trust/extracted",
        "/etc/pki/tls/certs",
        "/etc/pki/tls/openssl.cnf",
        "/etc/protocols",
        "/etc/resolv.conf",
        "/etc/services",
        "/etc/ssl/certs",
        "/etc/ssl/openssl.cnf",
        "/etc/terminfo",
        NULL,
    };

    return paths;
}

void envm_fence_result_release(struct envm_fence_result *result)
{
    envm_buf_release(&result->output);
    *result = (struct envm_fence_result){0};
}

/* --- before the fork ------------------------------------------------------------------------ */

static bool has_children_file(void)
{
    return access("/proc/thread-self/children", R_OK) == 0;
}

int envm_fence_abi(void)
{
    struct envm_fence_filter filter ENVM_UNINITIALIZED;
    const struct envm_fence_filter_kind kind = {.landlock_abi = envm_landlock_abi()};
    bool good =
        kind.landlock_abi > 0 && has_children_file() && envm_fence_filter_make(&kind, &filter);

    return good ? kind.landlock_abi : 0;
}

static enum envm_code fail_unsafe(struct envm_error *err, int number, const char *what)
{
    envm_fail(err, ENVM_UNSAFE, "foreign programs cannot be fenced in here: %s", what);
    if (err)
        err->cause = number;
    return ENVM_UNSAFE;
}

struct filters {
    struct envm_fence_filter asking;
    struct envm_fence_filter refusing;
};

static enum envm_code check_kernel(bool network, int *ret_abi, struct filters *filters,
                                   struct envm_error *err)
{
    struct envm_fence_filter_kind kind = {.network = network};

    errno = 0;
    *ret_abi = kind.landlock_abi = envm_landlock_abi();
    if (*ret_abi == 0) {
        fail_unsafe(err, errno, "the kernel has no Landlock, or it is switched off");
        return envm_error_hint(err, ENVM_UNSAFE,
                               "Linux 5.13 or later has it; 'landlock' must be in the kernel's "
                               "option lsm=");
    }
    if (!has_children_file())
        return fail_unsafe(err, 0,
                           "there is no /proc/thread-self/children (a mounted /proc and a kernel "
                           "with CONFIG_PROC_CHILDREN)");
    if (!envm_fence_filter_make(&kind, &filters->refusing))
        return fail_unsafe(err, 0, "no system call filter is known for this processor");
    kind.asks = true;
    (void)envm_fence_filter_make(&kind, &filters->asking);
    return ENVM_OK;
}

static enum envm_code allow_all(int ruleset, int abi, const struct envm_fence_job *job,
                                struct envm_error *err)
{
    static const char *const devices[] = {"/dev/null",   "/dev/zero",    "/dev/full",
                                          "/dev/random", "/dev/urandom", NULL};
    const struct {
        const char *const *paths;
        enum envm_landlock_access access;
        bool may_lack;
    } groups[] = {
        {job->readable, ENVM_LANDLOCK_READ, true},
        {job->writable, ENVM_LANDLOCK_CHANGE, false},
        {devices, ENVM_LANDLOCK_DEVICE, true},
    };
    const struct envm_landlock_policy *rules = job->network ? &policy_with_network : &policy;

    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++) {
        for (const char *const *path = groups[i].paths; path && *path; path++) {
            ENVM_CLEANUP(envm_error) struct envm_error local = {0};

            if (envm_landlock_allow(ruleset, abi, rules, *path, groups[i].access, &local) ==
                    ENVM_OK ||
                (groups[i].may_lack && (local.cause == ENOENT || local.cause == ENOTDIR)))
                continue;
            if (err)
                envm_error_move(err, &local);
            return ENVM_IO;
        }
    }
    return ENVM_OK;
}

/* They exist, since rules about them were made. */
static enum envm_code real_paths(struct envm_arena *arena, const char *const *paths,
                                 const char *const **ret_paths, struct envm_error *err)
{
    size_t count = 0;
    const char **real;

    while (paths && paths[count])
        count++;
    real = envm_arena_new_array(arena, const char *, count + 1);
    for (size_t i = 0; i < count; i++) {
        char *path = realpath(paths[i], NULL);

        if (!path)
            return envm_fail_errno(err, errno, "looking for '%s'", paths[i]);
        real[i] = envm_arena_str(arena, envm_str_from(path)).ptr;
        free(path);
    }
    real[count] = NULL;
    *ret_paths = real;
    return ENVM_OK;
}

/* Tasks that this user has now, in all its processes: the number of links of a folder tells how
 * many folders are in it. */
static rlim_t count_tasks(void)
{
    DIR *directory = opendir("/proc");
    const struct dirent *entry;
    rlim_t count = 0;

    while (directory && (entry = readdir(directory))) {
        char path[300];
        size_t len = strlen(entry->d_name);
        struct stat status;

        if (entry->d_name[0] < '1' || entry->d_name[0] > '9')
            continue;
        memcpy(path, entry->d_name, len);
        memcpy(path + len, "/task", sizeof("/task"));
        if (fstatat(dirfd(directory), path, &status, 0) == 0 && status.st_uid == getuid() &&
            status.st_nlink > 2)
            count += status.st_nlink - 2;
    }
    if (directory)
        closedir(directory);
    return count;
}

struct pipes {
    int output[2];
    int report[2];
    int control[2];
};

static void close_pipes(struct pipes *pipes)
{
    for (int i = 0; i < 2; i++) {
        envm_close_fd(&pipes->output[i]);
        envm_close_fd(&pipes->report[i]);
        envm_close_fd(&pipes->control[i]);
    }
}
ENVM_DEFINE_CLEANUP(pipes, struct pipes, close_pipes)

static bool open_pipes(struct pipes *pipes)
{
    if (pipe2(pipes->output, O_CLOEXEC) != 0 || pipe2(pipes->report, O_CLOEXEC) != 0 ||
        pipe2(pipes->control, O_CLOEXEC) != 0)
        return false;
    /* Only faster. */
    (void)fcntl(pipes->output[0], F_SETPIPE_SZ, PIPE_BYTES);
    return fcntl(pipes->output[0], F_SETFL, O_NONBLOCK) == 0;
}

/* With all signals blocked, so that no handler of this program runs in the supervisor. */
static pid_t fork_supervisor(const struct envm_fence_plan *plan)
{
    sigset_t all;
    sigset_t before;
    pid_t pid;
    int number;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        envm_fence_supervise(plan);
    number = errno;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    errno = number;
    return pid;
}

/* --- while it runs -------------------------------------------------------------------------- */

struct watch {
    const struct envm_fence_job *job;
    struct pipes *pipes;
    struct envm_fence_result result;
    struct envm_fence_report reports[2]; /* of the program that could not start, and after it */
    size_t report_bytes;
    bool cancelled;
};

/* The buffer holds up to twice what is kept, and a chunk, so that bytes move seldom. */
static void keep_tail(struct envm_buf *tail, size_t keep)
{
    if (tail->len <= keep)
        return;
    memmove(tail->ptr, tail->ptr + tail->len - keep, keep);
    tail->len = keep;
    tail->ptr[keep] = '\0';
}

/* False at the end, and when there is nothing now. */
static bool read_output(struct watch *watch)
{
    size_t keep = watch->job->keep_output;
    struct envm_buf *tail = &watch->result.output;
    char *to;
    ssize_t got;

    if (tail->len > keep && tail->len - keep >= keep + READ_CHUNK)
        keep_tail(tail, keep);
    to = envm_buf_reserve(tail, READ_CHUNK);
    if (!to)
        return false;
    got = read(watch->pipes->output[0], to, READ_CHUNK);
    if (got <= 0)
        return got < 0 && errno == EINTR;
    envm_buf_advance(tail, (size_t)got);
    watch->result.output_bytes += (uint64_t)got;
    return true;
}

/* False at the end: the supervisor is gone. */
static bool read_report(struct watch *watch)
{
    char *to = (char *)watch->reports + watch->report_bytes;
    size_t left = sizeof(watch->reports) - watch->report_bytes;
    char dropped[64];
    ssize_t got =
        read(watch->pipes->report[0], left > 0 ? to : dropped, left > 0 ? left : sizeof(dropped));

    if (got > 0 && left > 0)
        watch->report_bytes += (size_t)got;
    return got > 0 || (got < 0 && errno == EINTR);
}

static void ask_to_stop(struct watch *watch)
{
    /* A byte, since another child that was forked just now may hold the pipe open. */
    ssize_t ignored = write(watch->pipes->control[1], "", 1);

    (void)ignored;
    watch->cancelled = true;
}

static void follow(struct watch *watch)
{
    const struct envm_fence_job *job = watch->job;

    for (;;) {
        struct pollfd pollers[] = {{.fd = watch->pipes->output[0], .events = POLLIN},
                                   {.fd = watch->pipes->report[0], .events = POLLIN}};

        if (job->cancelled && !watch->cancelled && job->cancelled(job->user))
            ask_to_stop(watch);
        if (poll(pollers, 2, job->cancelled ? POLL_SLICE_MS : -1) < 0 && errno != EINTR)
            break;
        if (pollers[0].revents != 0 && !read_output(watch) && (pollers[0].revents & POLLIN) == 0)
            envm_close_fd(&watch->pipes->output[0]);
        if (pollers[1].revents != 0 && !read_report(watch))
            break;
    }
    while (watch->pipes->output[0] >= 0 && read_output(watch))
        ;
    keep_tail(&watch->result.output, job->keep_output);
}

static enum envm_code fail_to_start(const struct envm_fence_job *job,
                                    const struct envm_fence_report *report, struct envm_error *err)
{
    const char *name = job->argv[0];

    switch ((enum envm_fence_stage)report->stage) {
    case ENVM_FENCE_NO_LANDLOCK:
        return fail_unsafe(err, report->status, "Landlock refuses its ruleset");
    case ENVM_FENCE_NO_SECCOMP:
        return fail_unsafe(err, report->status,
                           "the kernel has no seccomp filters (CONFIG_SECCOMP_FILTER)");
    case ENVM_FENCE_NO_DIRECTORY:
        return envm_fail_errno(err, report->status, "running '%s' in '%s'", name, job->directory);
    case ENVM_FENCE_NO_LIMITS:
        return envm_fail_errno(err, report->status, "setting the limits of '%s'", name);
    case ENVM_FENCE_LEFT_OVER:
        return envm_fail(err, ENVM_GAVE_UP, "running '%s': processes of it cannot be ended", name);
    case ENVM_FENCE_ENDED:
    case ENVM_FENCE_STOPPED:
    case ENVM_FENCE_NO_SUPERVISOR:
    case ENVM_FENCE_NO_PROGRAM:
        break;
    }
    return envm_fail_errno(err, report->status, "running '%s'", name);
}

static enum envm_code conclude(struct watch *watch, struct envm_fence_result *result,
                               struct envm_error *err)
{
    const struct envm_fence_report *report = &watch->reports[0];

    if (watch->cancelled)
        return envm_fail(err, ENVM_INTERRUPTED, "interrupted");
    if (watch->report_bytes < sizeof(*report) || report->stage == ENVM_FENCE_STOPPED)
        return envm_fail(err, ENVM_GAVE_UP, "running '%s': its supervisor was killed",
                         watch->job->argv[0]);
    if (report->stage != ENVM_FENCE_ENDED)
        return fail_to_start(watch->job, report, err);
    *result = ENVM_TAKE(watch->result, (struct envm_fence_result){0});
    result->end = (enum envm_fence_end)report->end;
    result->status = report->status;
    return ENVM_OK;
}

static enum envm_code run(const struct envm_fence_plan *plan, struct pipes *pipes,
                          struct envm_fence_result *result, struct envm_error *err)
{
    const struct envm_fence_job *job = plan->job;
    struct watch watch = {.job = job, .pipes = pipes};
    enum envm_code code;
    pid_t pid = fork_supervisor(plan);

    if (pid < 0)
        return envm_fail_errno(err, errno, "running '%s'", job->argv[0]);
    envm_close_fd(&pipes->output[1]);
    envm_close_fd(&pipes->report[1]);
    envm_close_fd(&pipes->control[0]);
    watch.result.output = envm_buf_limit(2 * job->keep_output + 2 * READ_CHUNK);
    follow(&watch);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    code = conclude(&watch, result, err);
    envm_fence_result_release(&watch.result);
    return code;
}

enum envm_code envm_fence_run(const struct envm_fence_job *job, struct envm_fence_result *result,
                              struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int null_fd = -1;
    ENVM_CLEANUP(envm_fd) int directory_fd = -1;
    ENVM_CLEANUP(envm_fd) int ruleset_fd = -1;
    ENVM_CLEANUP(pipes) struct pipes pipes = {{-1, -1}, {-1, -1}, {-1, -1}};
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct filters filters ENVM_UNINITIALIZED;
    struct envm_fence_plan plan = {.job = job,
                                   .asking_filter = &filters.asking,
                                   .filter = &filters.refusing,
                                   .parent = getpid()};
    int abi = 0;

    ENVM_TRY(check_kernel(job->network, &abi, &filters, err));
    ENVM_TRY(
        envm_landlock_make(abi, job->network ? &policy_with_network : &policy, &ruleset_fd, err));
    ENVM_TRY_WRAP(allow_all(ruleset_fd, abi, job, err), err, "running '%s'", job->argv[0]);
    ENVM_TRY_WRAP(real_paths(&arena, job->writable, &plan.roots, err), err, "running '%s'",
                  job->argv[0]);
    directory_fd = open(job->directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory_fd < 0)
        return envm_fail_errno(err, errno, "running '%s' in '%s'", job->argv[0], job->directory);
    null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null_fd < 0 || !open_pipes(&pipes))
        return envm_fail_errno(err, errno, "running '%s'", job->argv[0]);
    if (job->limits.processes > 0 && getuid() != 0)
        plan.user_processes = count_tasks() + job->limits.processes;
    plan.null_fd = null_fd;
    plan.directory_fd = directory_fd;
    plan.ruleset_fd = ruleset_fd;
    plan.output_fd = pipes.output[1];
    plan.report_fd = pipes.report[1];
    plan.control_fd = pipes.control[0];
    return run(&plan, &pipes, result, err);
}
