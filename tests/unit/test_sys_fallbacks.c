/* SPDX-License-Identifier: MIT
 *
 * Kernels, file systems and sandboxes that lack something.
 */
#include "../support/deny_syscall.h"
#include "../support/scratch.h"

#include <errno.h>

#include "base/str.h"
#include "sys/fs_clone.h"
#include "sys/fs_lock.h"

static struct envm_relpath rel(const char *path)
{
    return (struct envm_relpath){envm_str_from(path)};
}

static struct scratch make_tree(void)
{
    struct scratch dir = scratch_make();

    OK(envm_fs_make_dirs(dir.fd, rel("a/b"), 0755, &err));
    scratch_write(&dir, "a/b/file", "content");
    assert_int_equal(symlinkat("a", dir.fd, "link"), 0);
    return dir;
}

static bool open_both(void *argument)
{
    struct scratch *dir = argument;
    int fd = -1;
    bool fine = envm_fs_open_read(dir->fd, rel("a/b/file"), &fd, NULL) == ENVM_OK;

    close(fd);
    return fine && envm_fs_open_read(dir->fd, rel("link/b/file"), &fd, NULL) == ENVM_UNSAFE;
}

static void no_openat2(void **state)
{
    static const int errors[] = {ENOSYS, EPERM, E2BIG};

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        struct scratch dir = make_tree();

        without_syscall(SYS_openat2, errors[i], open_both, &dir);
        scratch_drop(&dir);
    }
}

static bool rename_both(void *argument)
{
    struct scratch *dir = argument;
    bool existed = true;
    bool fine = envm_fs_rename_new(dir->fd, rel("a/b/file"), dir->fd, rel("a/x"), &existed, NULL) ==
                ENVM_OK;

    fine = fine && !existed;
    fine = fine &&
           envm_fs_rename_new(dir->fd, rel("a/b"), dir->fd, rel("a/x"), &existed, NULL) == ENVM_OK;
    return fine && existed;
}

static void no_renameat2(void **state)
{
    static const int errors[] = {ENOSYS, EINVAL};

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        struct scratch dir = make_tree();

        without_syscall(SYS_renameat2, errors[i], rename_both, &dir);
        scratch_holds(&dir, "a/x", "content");
        scratch_drop(&dir);
    }
}

static bool clone_falls_back(void *argument)
{
    struct scratch *dir = argument;
    enum envm_link_mode used = ENVM_LINK_AUTO;

    return envm_fs_clone(dir->fd, rel("a/b/file"), dir->fd, rel("copy"), 0640, ENVM_LINK_AUTO,
                         &used, NULL) == ENVM_OK &&
           (used == ENVM_LINK_COPY || used == ENVM_LINK_REFLINK);
}

static void no_hard_links(void **state)
{
    static const int errors[] = {EXDEV, EMLINK, EPERM, EOPNOTSUPP, ENOSYS};

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        struct scratch dir = make_tree();

        without_syscall(SYS_linkat, errors[i], clone_falls_back, &dir);
        scratch_holds(&dir, "copy", "content");
        scratch_drop(&dir);
    }
}

static bool clone_fails(void *argument)
{
    struct scratch *dir = argument;
    struct envm_error failure = {0};
    enum envm_code code = envm_fs_clone(dir->fd, rel("a/b/file"), dir->fd, rel("copy"), 0640,
                                        ENVM_LINK_COPY, NULL, &failure);
    bool fine = code == ENVM_IO && failure.cause == EIO && !scratch_has(dir, "copy");

    envm_error_release(&failure);
    return fine;
}

static bool copy_by_hand(void *argument)
{
    struct scratch *dir = argument;

    return envm_fs_clone(dir->fd, rel("a/b/file"), dir->fd, rel("copy"), 0640, ENVM_LINK_COPY, NULL,
                         NULL) == ENVM_OK;
}

static void no_copy_file_range(void **state)
{
    static const int errors[] = {ENOSYS, EXDEV, EINVAL, EOPNOTSUPP};

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        struct scratch dir = make_tree();

        without_syscall(SYS_copy_file_range, errors[i], copy_by_hand, &dir);
        scratch_holds(&dir, "copy", "content");
        scratch_drop(&dir);
    }
}

static void a_failed_copy_leaves_nothing(void **state)
{
    struct scratch dir = make_tree();

    (void)state;
    without_syscall(SYS_copy_file_range, EIO, clone_fails, &dir);
    without_syscall(SYS_fchmod, EIO, clone_fails, &dir);
    scratch_drop(&dir);
}

static bool lock_twice(void *argument)
{
    struct scratch *dir = argument;
    struct envm_fs_lock first = {.fd = -1};
    struct envm_fs_lock second = {.fd = -1};
    struct envm_error failure = {0};
    bool fine = envm_fs_lock_take(dir->fd, rel("a/lock"), true, 0, NULL, &first, NULL) == ENVM_OK;

    fine = fine && scratch_has(dir, "a/lock.held");
    fine = fine && envm_fs_lock_take(dir->fd, rel("a/lock"), true, 100, NULL, &second, &failure) ==
                       ENVM_LOCKED;
    fine = fine && strstr(failure.text, "held by process");
    envm_error_release(&failure);
    envm_fs_lock_drop(&first);
    fine = fine && !scratch_has(dir, "a/lock.held");
    fine =
        fine && envm_fs_lock_take(dir->fd, rel("a/lock"), false, 0, NULL, &second, NULL) == ENVM_OK;
    envm_fs_lock_drop(&second);
    return fine && second.fd == -1;
}

static void no_flock(void **state)
{
    static const int errors[] = {ENOLCK, ENOSYS, EOPNOTSUPP, EIO, EBADF};

    (void)state;
    for (size_t i = 0; i < sizeof(errors) / sizeof(*errors); i++) {
        struct scratch dir = make_tree();

        without_syscall(SYS_flock, errors[i], lock_twice, &dir);
        scratch_drop(&dir);
    }
}

static bool lock_fails(void *argument)
{
    struct scratch *dir = argument;
    struct envm_fs_lock lock = {.fd = -1};

    return envm_fs_lock_take(dir->fd, rel("lock"), true, 0, NULL, &lock, NULL) == ENVM_IO;
}

static void a_lock_that_cannot_be_had_is_an_error(void **state)
{
    struct scratch dir = make_tree();

    (void)state;
    without_syscall(SYS_flock, ENOMEM, lock_fails, &dir);
    scratch_drop(&dir);
}

static bool write_fails(void *argument)
{
    struct scratch *dir = argument;
    char path[600];

    snprintf(path, sizeof(path), "%s/user", dir->path);
    return envm_fs_write_user_file(path, ENVM_STR("new"), NULL) == ENVM_IO;
}

static void a_failed_fsync_keeps_the_old_file(void **state)
{
    struct scratch dir = make_tree();

    (void)state;
    scratch_write(&dir, "user", "old");
    without_syscall(SYS_fsync, EIO, write_fails, &dir);
    scratch_holds(&dir, "user", "old");
    scratch_drop(&dir);
}

static bool random_fails(void *argument)
{
    struct scratch *dir = argument;

    return write_fails(dir) && !scratch_has(dir, "user");
}

static void no_random_numbers(void **state)
{
    struct scratch dir = make_tree();

    (void)state;
    without_syscall(SYS_getrandom, ENOSYS, random_fails, &dir);
    scratch_drop(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_openat2),
        cmocka_unit_test(no_renameat2),
        cmocka_unit_test(no_hard_links),
        cmocka_unit_test(no_copy_file_range),
        cmocka_unit_test(a_failed_copy_leaves_nothing),
        cmocka_unit_test(no_flock),
        cmocka_unit_test(a_lock_that_cannot_be_had_is_an_error),
        cmocka_unit_test(a_failed_fsync_keeps_the_old_file),
        cmocka_unit_test(no_random_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
