/* SPDX-License-Identifier: MIT */
#include "../support/scratch.h"

#include <errno.h>
#include <sys/resource.h>

#include "base/str.h"
#include "sys/fs_beneath.h"

typedef int opener(int dirfd, const char *path, int flags, mode_t mode);

/* The kernel's way and the walk must agree on every row. */
static const struct row {
    const char *path;
    int flags;
    int expected; /* 0: opens */
} rows[] = {
    {"file", O_RDONLY, 0},
    {"dir", O_RDONLY | O_DIRECTORY, 0},
    {"dir", O_PATH | O_DIRECTORY, 0},
    {"dir/sub/file", O_RDONLY, 0},
    {"dir/sub", O_RDONLY | O_DIRECTORY, 0},
    {"dir/sub/new", O_WRONLY | O_CREAT | O_EXCL, 0},
    {"dir/sub/file", O_WRONLY | O_CREAT | O_EXCL, -EEXIST},
    {"none", O_RDONLY, -ENOENT},
    {"dir/none/x", O_RDONLY, -ENOENT},
    {"file/x", O_RDONLY, -ENOTDIR},
    {"dir/file/x", O_RDONLY, -ENOTDIR},
    {"file", O_RDONLY | O_DIRECTORY, -ENOTDIR},
    {"link", O_RDONLY, -ELOOP},
    {"link", O_RDONLY | O_DIRECTORY, -ELOOP},
    {"link", O_PATH | O_DIRECTORY, -ELOOP},
    {"link/file", O_RDONLY, -ELOOP},
    {"link/sub/file", O_RDONLY, -ELOOP},
    {"dir/up/file", O_RDONLY, -ELOOP},
    {"dir/up", O_RDONLY | O_DIRECTORY, -ELOOP},
    {"dir/up", O_PATH | O_DIRECTORY, -ELOOP},
    {"dir/up", O_RDONLY, -ELOOP},
    {"dir/up", O_WRONLY | O_CREAT | O_EXCL, -EEXIST},
    {"dir/self/x", O_RDONLY, -ELOOP},
    {"../x", O_RDONLY, -ELOOP},
    {"dir/../../x", O_RDONLY, -ELOOP},
};

static void check_rows(opener *open_beneath)
{
    struct scratch dir = scratch_make();
    int root;

    mkdirat(dir.fd, "root", 0755);
    mkdirat(dir.fd, "root/dir", 0755);
    mkdirat(dir.fd, "root/dir/sub", 0755);
    scratch_write(&dir, "x", "outside");
    scratch_write(&dir, "root/file", "1");
    scratch_write(&dir, "root/dir/file", "2");
    scratch_write(&dir, "root/dir/sub/file", "3");
    assert_int_equal(symlinkat("dir", dir.fd, "root/link"), 0);
    assert_int_equal(symlinkat("../..", dir.fd, "root/dir/up"), 0);
    assert_int_equal(symlinkat("self", dir.fd, "root/dir/self"), 0);
    root = openat(dir.fd, "root", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        int fd = open_beneath(root, rows[i].path, rows[i].flags, 0644);

        if (rows[i].expected == 0 ? fd < 0 : fd != rows[i].expected)
            fail_msg("%s with flags %#o: %d instead of %d", rows[i].path, (unsigned)rows[i].flags,
                     fd, rows[i].expected);
        if (fd >= 0) {
            assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
            close(fd);
        }
    }
    close(root);
    scratch_drop(&dir);
}

static void the_kernel_way(void **state)
{
    (void)state;
    check_rows(envm_beneath_open);
}

static void the_walk(void **state)
{
    (void)state;
    check_rows(envm_beneath_open_walk);
}

static void the_walk_refuses_odd_components(void **state)
{
    struct scratch dir = scratch_make();
    char path[400];

    (void)state;
    memset(path, 'x', sizeof(path));
    path[300] = '/';
    path[399] = '\0';
    assert_int_equal(envm_beneath_open_walk(dir.fd, path, O_RDONLY, 0), -ENAMETOOLONG);
    assert_int_equal(envm_beneath_open_walk(dir.fd, "//x", O_RDONLY, 0), -ENAMETOOLONG);
    scratch_drop(&dir);
}

static void the_walk_leaks_nothing(void **state)
{
    struct scratch dir = scratch_make();
    int first;
    int last;

    (void)state;
    OK(envm_fs_make_dirs(dir.fd, ENVM_RELPATH("a/b/c/d"), 0755, &err));
    first = dup(0);
    close(first);
    for (int i = 0; i < 20; i++) {
        close(envm_beneath_open_walk(dir.fd, "a/b/c/d", O_RDONLY | O_DIRECTORY, 0));
        assert_int_equal(envm_beneath_open_walk(dir.fd, "a/b/x/d", O_RDONLY, 0), -ENOENT);
    }
    last = dup(0);
    close(last);
    assert_int_equal(first, last);
    scratch_drop(&dir);
}

static void places(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_beneath_place place;

    (void)state;
    mkdirat(dir.fd, "a", 0755);
    assert_int_equal(envm_beneath_place_open(dir.fd, ENVM_RELPATH("leaf"), &place), 0);
    assert_int_equal(place.dirfd, dir.fd);
    assert_int_equal(place.owned, -1);
    assert_string_equal(place.leaf, "leaf");
    envm_beneath_place_close(&place);
    assert_int_equal(envm_beneath_place_open(dir.fd, ENVM_RELPATH("a/leaf"), &place), 0);
    assert_int_not_equal(place.dirfd, dir.fd);
    assert_string_equal(place.leaf, "leaf");
    assert_int_equal(envm_beneath_sync_dir(place.dirfd), 0);
    envm_beneath_place_close(&place);
    assert_int_equal(place.owned, -1);
    assert_int_equal(envm_beneath_place_open(dir.fd, (struct envm_relpath){{"", 0}}, &place),
                     -EINVAL);
    assert_int_equal(envm_beneath_place_open(dir.fd, ENVM_RELPATH("b/leaf"), &place), -ENOENT);
    assert_int_equal(envm_beneath_sync_dir(-1), -EBADF);
    scratch_drop(&dir);
}

static void random_names(void **state)
{
    char a[ENVM_RANDOM_NAME_SIZE];
    char b[ENVM_RANDOM_NAME_SIZE];

    (void)state;
    assert_int_equal(envm_beneath_random_name(a), 0);
    assert_int_equal(envm_beneath_random_name(b), 0);
    assert_int_equal(strlen(a), ENVM_RANDOM_NAME_SIZE - 1);
    assert_int_equal(strspn(a, "abcdefghijklmnopqrstuvwxyz234567"), ENVM_RANDOM_NAME_SIZE - 1);
    assert_string_not_equal(a, b);
}

static void messages_are_escaped_and_helpful(void **state)
{
    (void)state;
    FAILS_WITH(ENVM_IO, "opening 'a\\x1Bb': ",
               envm_fs_fail_below(&err, ENOENT, "opening",
                                  ENVM_STR("a\x1b"
                                           "b")));
    FAILS_WITH(ENVM_UNSAFE, "\\x1B", envm_fs_fail_below(&err, ELOOP, "opening", ENVM_STR("\x1b")));
    envm_fs_fail_below(&err, ENOSPC, "writing", ENVM_STR("x"));
    assert_non_null(strstr(err.hint, "space"));
    envm_error_release(&err);
    envm_fs_fail_user(&err, EMFILE, "opening", "x");
    assert_non_null(strstr(err.hint, "ulimit"));
    assert_int_equal(err.cause, EMFILE);
    envm_error_release(&err);
    envm_fs_fail_user(&err, ELOOP, "opening", "x");
    assert_int_equal(err.code, ENVM_IO);
    envm_error_release(&err);
    assert_int_equal(envm_fs_fail_below(NULL, ELOOP, "opening", ENVM_STR("x")), ENVM_UNSAFE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_kernel_way),
        cmocka_unit_test(the_walk),
        cmocka_unit_test(the_walk_refuses_odd_components),
        cmocka_unit_test(the_walk_leaks_nothing),
        cmocka_unit_test(places),
        cmocka_unit_test(random_names),
        cmocka_unit_test(messages_are_escaped_and_helpful),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
