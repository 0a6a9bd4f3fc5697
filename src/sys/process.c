/* SPDX-License-Identifier: MIT */
#include "sys/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/str.h"
#include "sys/clock.h"
#include "sys/process_wait.h"

#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"

/* --- finding the program -------------------------------------------------------------------- */

static envm_str search_path(const char *const *environment)
{
    for (; *environment; environment++) {
        if (strncmp(*environment, "PATH=", 5) == 0)
            return envm_str_from(*environment + 5);
    }
    return ENVM_STR(DEFAULT_PATH);
}

static int check_program(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return errno;
    return S_ISREG(status.st_mode) && access(path, X_OK) == 0 ? 0 : EACCES;
}

/* Path of the program, or the errno that execvp would end with. An empty element of PATH is the
 * current directory, as for every other program. */
static int find_program(struct envm_arena *arena, const char *name, const char *const *environment,
                        const char **ret_path)
{
    envm_str rest = search_path(environment);
    envm_str directory;
    int number = ENOENT;

    *ret_path = name;
    if (!name[0] || strchr(name, '/'))
        return check_program(name);
    while (envm_str_split_next(&rest, ':', &directory)) {
        const char *separator = directory.len > 0 ? "/" : "./";
        envm_str path =
            envm_arena_printf(arena, "%.*s%s%s", ENVM_STR_ARGS(directory), separator, name);
        int found = check_program(path.ptr);

        if (found == 0) {
            *ret_path = path.ptr;
            return 0;
        }
        if (found == EACCES)
            number = EACCES;
    }
    return number;
}

/* posix_spawn and execve take the arrays without const for the sake of old programs only. */
static char *const *as_argv(const char *const *array)
{
    return (char *const *)(uintptr_t)array;
}

static enum envm_code fail_program(struct envm_error *err, int number, const char *name)
{
    enum envm_code code = envm_fail_errno(err, number, "running '%s'", name);

    if (number == ENOENT && !strchr(name, '/'))
        envm_error_hint(err, code, "there is no program of this name in PATH");
    return code;
}

/* --- exec ----------------------------------------------------------------------------------- */

/* What nohup or a shell with a job in the background ignores for its children stays ignored. */
static bool is_for_the_user(int number)
{
    return number == SIGHUP || number == SIGINT || number == SIGQUIT;
}

static void reset_signals(void)
{
    sigset_t none;

    for (int number = 1; number < NSIG; number++) {
        struct sigaction action;

        if (sigaction(number, NULL, &action) != 0 || action.sa_handler == SIG_DFL)
            continue;
        if (action.sa_handler == SIG_IGN && is_for_the_user(number))
            continue;
        action = (struct sigaction){.sa_handler = SIG_DFL};
        sigaction(number, &action, NULL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

static const char *const *environment_or_own(const char *const *environment)
{
    return environment ? environment : (const char *const *)environ;
}

enum envm_code envm_process_exec(const char *const *argv, const char *const *environment,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    const char *path = NULL;
    int number;

    environment = environment_or_own(environment);
    number = find_program(&arena, argv[0], environment, &path);
    if (number == 0) {
        reset_signals();
        execve(path, as_argv(argv), as_argv(environment));
        number = errno;
    }
    return fail_program(err, number, argv[0]);
}

/* --- capture -------------------------------------------------------------------------------- */

/* stdin from /dev/null, both outputs to `output`, a process group of its own, fresh signals. */
static int spawn_with(posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes,
                      const char *path, const char *const *argv, const char *const *environment,
                      pid_t *ret_pid)
{
    sigset_t all;
    sigset_t none;

    sigfillset(&all);
    sigemptyset(&none);
    posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF |
                                             POSIX_SPAWN_SETSIGMASK);
    posix_spawnattr_setpgroup(attributes, 0);
    posix_spawnattr_setsigdefault(attributes, &all);
    posix_spawnattr_setsigmask(attributes, &none);
    return posix_spawn(ret_pid, path, files, attributes, as_argv(argv), as_argv(environment));
}

static int spawn(const char *path, const char *const *argv, const char *const *environment,
                 int directory_fd, int output_fd, pid_t *ret_pid)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int number;

    if (posix_spawn_file_actions_init(&files) != 0)
        return ENOMEM;
    if (posix_spawnattr_init(&attributes) != 0) {
        posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, output_fd, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, output_fd, STDERR_FILENO);
    if (directory_fd >= 0)
        posix_spawn_file_actions_addfchdir_np(&files, directory_fd);
    number = spawn_with(&files, &attributes, path, argv, environment, ret_pid);
    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&files);
    return number;
}

static enum envm_code end_of_capture(const struct envm_wait *wait, enum envm_wait_end end,
                                     const char *name, int wait_status, int *ret_status,
                                     struct envm_error *err)
{
    if (end == ENVM_WAIT_TIMEOUT)
        return envm_fail(err, ENVM_GAVE_UP, "running '%s': no end after %u ms", name,
                         wait->timeout_ms);
    if (end == ENVM_WAIT_TOO_LONG)
        return envm_fail(err, ENVM_MALFORMED, "running '%s': more than %zu bytes of output", name,
                         wait->answer->limit);
    if (end != ENVM_WAIT_ENDED)
        return envm_fail_errno(err, errno, "running '%s'", name);
    *ret_status = WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
    return ENVM_OK;
}

enum envm_code envm_process_capture(const char *const *argv, const char *const *environment,
                                    const char *directory, unsigned timeout_ms,
                                    struct envm_buf *output, int *ret_status,
                                    struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_fd) int directory_fd = -1;
    struct envm_wait wait = {.timeout_ms = timeout_ms, .answer = output, .fd = -1};
    int ends[2];
    int wait_status = 0;
    const char *path = NULL;
    enum envm_wait_end end;
    int number;

    environment = environment_or_own(environment);
    number = find_program(&arena, argv[0], environment, &path);
    if (number != 0)
        return fail_program(err, number, argv[0]);
    if (directory) {
        directory_fd = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (directory_fd < 0)
            return envm_fail_errno(err, errno, "running '%s' in '%s'", argv[0], directory);
    }
    if (pipe2(ends, O_CLOEXEC) != 0)
        return envm_fail_errno(err, errno, "running '%s'", argv[0]);
    number = spawn(path, argv, environment, directory_fd, ends[1], &wait.pid);
    close(ends[1]);
    wait.fd = ends[0];
    if (number != 0) {
        close(ends[0]);
        return fail_program(err, number, argv[0]);
    }
    end = envm_wait_for(&wait, &wait_status);
    return end_of_capture(&wait, end, argv[0], wait_status, ret_status, err);
}
