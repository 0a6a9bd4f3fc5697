/* SPDX-License-Identifier: MIT */
#include "../support/deny_syscall.h"
#include "../support/scratch.h"

#include <errno.h>
#include <sys/file.h>

#include "base/str.h"
#include "sys/fs_sweep.h"
#include "sys/fs_temp.h"

static void names(void **state)
{
    (void)state;
    assert_true(envm_fs_is_temp_name(ENVM_STR(".x-abcdefghijklmnop"), ".x-"));
    assert_true(envm_fs_is_temp_name(ENVM_STR(".x-a234567zabcdefgh"), ".x-"));
    assert_false(envm_fs_is_temp_name(ENVM_STR(".x-"), ".x-"));
    assert_false(envm_fs_is_temp_name(ENVM_STR(".x-mine"), ".x-"));
    assert_false(envm_fs_is_temp_name(ENVM_STR(".x-abcdefghijklmno"), ".x-"));
    assert_false(envm_fs_is_temp_name(ENVM_STR(".x-abcdefghijklmnopq"), ".x-"));
    assert_false(envm_fs_is_temp_name(ENVM_STR(".x-abcdefghijklmno1"), ".x-"));
    assert_false(envm_fs_is_temp_name(ENVM_STR(".x-abcdefghijklmnoP"), ".x-"));
    assert_false(envm_fs_is_temp_name(ENVM_STR(".y-abcdefghijklmnop"), ".x-"));
}

static void discard(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    OK(envm_fs_make_dirs(dir.fd, ENVM_RELPATH("tree/deep"), 0755, &err));
    scratch_write(&dir, "tree/deep/file", "x");
    OK(envm_fs_discard(dir.fd, ENVM_RELPATH("tree"), ".gone-", NULL, &err));
    assert_false(scratch_has(&dir, "tree"));
    /* What is not there cannot be moved, and nothing stays. */
    FAILS(ENVM_IO, envm_fs_discard(dir.fd, ENVM_RELPATH("tree"), ".gone-", NULL, &err));
    envm_fs_sweep_dirs(dir.fd, "none-");
    scratch_drop(&dir);
}

static bool discard_in_place(void *argument)
{
    struct scratch *dir = argument;

    return envm_fs_discard(dir->fd, ENVM_RELPATH("tree"), ".gone-", "b", NULL) == ENVM_OK;
}

/* In the lower layer of an overlay. */
static void discard_what_cannot_be_renamed(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    OK(envm_fs_make_dirs(dir.fd, ENVM_RELPATH("tree/b/deep"), 0755, &err));
    scratch_write(&dir, "tree/a", "x");
    scratch_write(&dir, "tree/b/deep/file", "x");
    scratch_write(&dir, "tree/c", "x");
    without_syscall(SYS_renameat, EXDEV, discard_in_place, &dir);
    assert_false(scratch_has(&dir, "tree"));
    scratch_drop(&dir);
}

static bool fail_to_remove(void *argument)
{
    struct scratch *dir = argument;

    return envm_fs_remove_tree_but_last(dir->fd, ENVM_RELPATH("tree"), "a", NULL) != ENVM_OK;
}

static void the_last_one_stays_when_another_cannot_go(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    OK(envm_fs_make_dirs(dir.fd, ENVM_RELPATH("tree/b"), 0755, &err));
    scratch_write(&dir, "tree/a", "x");
    without_syscall(SYS_unlinkat, EBUSY, fail_to_remove, &dir);
    assert_true(scratch_has(&dir, "tree/a"));
    scratch_drop(&dir);
}

/* Only names that envm makes, and only those that nobody holds. */
static void sweep_dirs(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_arena arena = {0};
    struct envm_relpath dead, held;
    int fd;

    (void)state;
    OK(envm_fs_temp_dir(dir.fd, ".e.envm-", &arena, &dead, &err));
    OK(envm_fs_temp_dir(dir.fd, ".e.envm-", &arena, &held, &err));
    OK(envm_fs_mkdir(dir.fd, ENVM_RELPATH(".e.envm-mine"), 0755, &err));
    scratch_write(&dir, ".e.envm-mine/notes", "mine");
    assert_int_equal(symlinkat(".e.envm-mine", dir.fd, ".e.envm-abcdefghijklmnop"), 0);
    OK(envm_fs_open_dir(dir.fd, held, &fd, &err));
    assert_int_equal(flock(fd, LOCK_EX), 0);
    envm_fs_sweep_dirs(dir.fd, ".e.envm-");
    assert_false(scratch_has(&dir, dead.s.ptr));
    assert_true(scratch_has(&dir, held.s.ptr));
    assert_true(scratch_has(&dir, ".e.envm-abcdefghijklmnop"));
    scratch_holds(&dir, ".e.envm-mine/notes", "mine");
    close(fd);
    envm_fs_sweep_dirs(dir.fd, ".e.envm-");
    assert_false(scratch_has(&dir, held.s.ptr));
    envm_arena_release(&arena);
    scratch_drop(&dir);
}

static void sweep_files(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    scratch_write(&dir, ".new-abcdefghijklmnop", "half");
    scratch_write(&dir, ".envm-abcdefghijklmnop.tmp", "half");
    scratch_write(&dir, ".new-mine", "mine");
    scratch_write(&dir, ".envm-mine.tmp", "mine");
    envm_fs_sweep_files(dir.fd, ".new-", 600);
    assert_true(scratch_has(&dir, ".new-abcdefghijklmnop"));
    assert_true(scratch_has(&dir, ".envm-abcdefghijklmnop.tmp"));
    envm_fs_sweep_files(dir.fd, ".new-", 0);
    assert_false(scratch_has(&dir, ".new-abcdefghijklmnop"));
    assert_false(scratch_has(&dir, ".envm-abcdefghijklmnop.tmp"));
    scratch_holds(&dir, ".new-mine", "mine");
    scratch_holds(&dir, ".envm-mine.tmp", "mine");
    scratch_drop(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(discard),
        cmocka_unit_test(discard_what_cannot_be_renamed),
        cmocka_unit_test(the_last_one_stays_when_another_cannot_go),
        cmocka_unit_test(sweep_dirs),
        cmocka_unit_test(sweep_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
