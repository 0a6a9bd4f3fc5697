/* SPDX-License-Identifier: MIT */
#include "../support/scratch.h"

#include <errno.h>
#include <sys/wait.h>

#include "sys/landlock.h"

static const struct envm_landlock_policy policies[] = {
    {0}, {.reading = true}, {.reading = true, .tcp = true, .scoped = true}};

static int newest(void)
{
    int abi = envm_landlock_abi();

    if (abi == 0) {
        print_message("this kernel has no Landlock: skipped\n");
        skip();
    }
    return abi;
}

/* What is asked of a kernel is what its version knows, so that this kernel takes it for any of
 * them.
 */
static void every_version_has_its_rules(void **state)
{
    struct scratch dir = scratch_make();
    int last = newest();

    (void)state;
    scratch_write(&dir, "file", "x");
    assert_int_equal(fchdir(dir.fd), 0);
    for (int abi = 1; abi <= last; abi++) {
        for (size_t i = 0; i < sizeof(policies) / sizeof(*policies); i++) {
            const struct envm_landlock_policy *policy = &policies[i];
            int ruleset = -1;

            OK(envm_landlock_make(abi, policy, &ruleset, &err));
            for (int access = ENVM_LANDLOCK_READ; access <= ENVM_LANDLOCK_REMOVE_FOLDERS;
                 access++) {
                OK(envm_landlock_allow(ruleset, abi, policy, ".", (enum envm_landlock_access)access,
                                       &err));
                OK(envm_landlock_allow(ruleset, abi, policy, "file",
                                       (enum envm_landlock_access)access, &err));
            }
            assert_int_equal(
                envm_landlock_allow(ruleset, abi, policy, "none", ENVM_LANDLOCK_READ, &err),
                ENVM_IO);
            assert_int_equal(err.cause, ENOENT);
            envm_error_release(&err);
            assert_true(fcntl(ruleset, F_GETFD) & FD_CLOEXEC);
            close(ruleset);
        }
    }
    assert_int_equal(chdir("/"), 0);
    scratch_drop(&dir);
}

static int try(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0644);

    if (fd < 0)
        return errno;
    close(fd);
    return 0;
}

/* In a child: 0, or the line that did not hold. */
static int confined(int abi, bool reading)
{
    const struct envm_landlock_policy policy = {.reading = reading};
    int ruleset = -1;

    if (envm_landlock_make(abi, &policy, &ruleset, &err) != ENVM_OK ||
        envm_landlock_allow(ruleset, abi, &policy, "in", ENVM_LANDLOCK_CHANGE, &err) != ENVM_OK ||
        envm_landlock_allow(ruleset, abi, &policy, "seen", ENVM_LANDLOCK_READ, &err) != ENVM_OK ||
        envm_landlock_enter(ruleset) != 0)
        return __LINE__;
    if (try("in/new", O_WRONLY | O_CREAT) != 0 || try("in/new", O_WRONLY | O_TRUNC) != 0)
        return __LINE__;
    if (try("seen/file", O_RDONLY) != 0 || try("seen/file", O_WRONLY) != EACCES)
        return __LINE__;
    if (try("file", O_RDONLY) != (reading ? EACCES : 0) || try("file", O_WRONLY) != EACCES)
        return __LINE__;
    /* Moving between folders is known from the second version on. */
    if ((rename("in/new", "in/sub/new") == 0) != (abi >= 2))
        return __LINE__;
    return abi >= 3 && try("seen/file", O_RDONLY | O_TRUNC) != EACCES ? __LINE__ : 0;
}

static void every_version_keeps_what_it_promises(void **state)
{
    int last = newest();

    (void)state;
    for (int abi = 1; abi <= last; abi++) {
        for (int reading = 0; reading < 2; reading++) {
            struct scratch dir = scratch_make();
            int status = -1;
            pid_t pid;

            scratch_write(&dir, "file", "x");
            assert_int_equal(mkdirat(dir.fd, "in", 0755), 0);
            assert_int_equal(mkdirat(dir.fd, "in/sub", 0755), 0);
            assert_int_equal(mkdirat(dir.fd, "seen", 0755), 0);
            scratch_write(&dir, "seen/file", "x");
            pid = fork();
            if (pid == 0)
                _exit(fchdir(dir.fd) == 0 ? confined(abi, reading != 0) : 1);
            assert_int_equal(waitpid(pid, &status, 0), pid);
            if (status != 0)
                fail_msg("version %d, reading %d: line %d", abi, reading, WEXITSTATUS(status));
            scratch_drop(&dir);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_has_its_rules),
        cmocka_unit_test(every_version_keeps_what_it_promises),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
