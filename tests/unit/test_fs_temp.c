/* SPDX-License-Identifier: MIT */
#include "../support/scratch.h"

#include "base/str.h"
#include "sys/fs_temp.h"

static void directories(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_arena arena = {0};
    struct envm_relpath first;
    struct envm_relpath second;
    struct stat status;
    mode_t before = umask(0777);

    (void)state;
    OK(envm_fs_temp_dir(dir.fd, ".env-", &arena, &first, &err));
    umask(before);
    OK(envm_fs_temp_dir(dir.fd, ".env-", &arena, &second, &err));
    assert_true(envm_str_starts_with(first.s, ENVM_STR(".env-")));
    assert_int_equal(first.s.len, 5 + 16);
    assert_false(envm_str_equal(first.s, second.s));
    assert_int_equal(fstatat(dir.fd, first.s.ptr, &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(status.st_mode, S_IFDIR | 0700);
    OK(envm_fs_mkdir(dir.fd, ENVM_RELPATH("tmp"), 0755, &err));
    OK(envm_fs_temp_dir(dir.fd, "tmp/", &arena, &first, &err));
    assert_true(scratch_has(&dir, first.s.ptr));
    envm_arena_release(&arena);
    scratch_drop(&dir);
}

static void files(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_arena arena = {0};
    struct envm_relpath path;
    struct stat status;
    int fd;

    (void)state;
    OK(envm_fs_temp_file(dir.fd, "part-", &arena, &path, &fd, &err));
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_mode, S_IFREG | 0600);
    OK(envm_fs_write_fd(fd, path.s.ptr, ENVM_STR("bytes"), &err));
    close(fd);
    scratch_holds(&dir, path.s.ptr, "bytes");
    envm_arena_release(&arena);
    scratch_drop(&dir);
}

static void bad_places(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_arena arena = {0};
    struct envm_relpath path;
    int fd;

    (void)state;
    FAILS(ENVM_UNSAFE, envm_fs_temp_dir(dir.fd, "../", &arena, &path, &err));
    FAILS(ENVM_IO, envm_fs_temp_dir(dir.fd, "none/", &arena, &path, &err));
    FAILS(ENVM_UNSAFE, envm_fs_temp_file(dir.fd, "/", &arena, &path, &fd, &err));
    FAILS(ENVM_IO, envm_fs_temp_file(dir.fd, "none/", &arena, &path, &fd, &err));
    envm_arena_release(&arena);
    scratch_drop(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directories),
        cmocka_unit_test(files),
        cmocka_unit_test(bad_places),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
