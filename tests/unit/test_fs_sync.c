/* SPDX-License-Identifier: MIT */
#include "../support/deny_syscall.h"
#include "../support/scratch.h"

#include <errno.h>

#include "sys/fs_sync.h"

static void a_tree_of_everything_is_synced(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    OK(envm_fs_make_dirs(dir.fd, ENVM_RELPATH("a/b/c"), 0755, &err));
    scratch_write(&dir, "a/one", "1");
    scratch_write(&dir, "a/b/two", "");
    scratch_write(&dir, "a/b/secret", "nobody may read this");
    assert_int_equal(fchmodat(dir.fd, "a/b/secret", 0, 0), 0);
    assert_int_equal(symlinkat("nowhere", dir.fd, "a/link"), 0);
    assert_int_equal(mkfifoat(dir.fd, "a/pipe", 0600), 0);
    OK(envm_fs_sync_tree(dir.fd, "the tree", &err));
    scratch_drop(&dir);
}

static bool sync_it(void *argument)
{
    const struct scratch *dir = argument;
    enum envm_code code = envm_fs_sync_tree(dir->fd, "the tree", &err);
    bool named = err.text && strstr(err.text, "the tree");

    envm_error_release(&err);
    return code == ENVM_IO && named;
}

static void a_failing_disk_is_an_error(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    scratch_write(&dir, "one", "1");
    without_syscall(__NR_fsync, EIO, sync_it, &dir);
    scratch_drop(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_tree_of_everything_is_synced),
        cmocka_unit_test(a_failing_disk_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
