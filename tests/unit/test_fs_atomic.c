/* SPDX-License-Identifier: MIT */
#include "../support/scratch.h"

#include <dirent.h>
#include <errno.h>

#include "base/str.h"
#include "sys/fs_atomic.h"

static struct envm_relpath rel(const char *path)
{
    return (struct envm_relpath){envm_str_from(path)};
}

static size_t entries(const struct scratch *dir)
{
    DIR *stream = opendir(dir->path);
    size_t count = 0;

    while (readdir(stream))
        count++;
    closedir(stream);
    return count - 2;
}

static void makes_and_replaces(void **state)
{
    struct scratch dir = scratch_make();
    struct stat before;
    struct stat after;

    (void)state;
    OK(envm_fs_write_atomic(dir.fd, rel("file"), ENVM_STR("one"), 0644, true, &err));
    assert_int_equal(fstatat(dir.fd, "file", &before, 0), 0);
    OK(envm_fs_write_atomic(dir.fd, rel("file"), ENVM_STR("two"), 0666, false, &err));
    assert_int_equal(fstatat(dir.fd, "file", &after, 0), 0);
    scratch_holds(&dir, "file", "two");
    assert_int_equal(after.st_mode & 07777, 0666);
    OK(envm_fs_mkdir(dir.fd, rel("sub"), 0755, &err));
    OK(envm_fs_write_atomic(dir.fd, rel("sub/file"), ENVM_STR(""), 0600, true, &err));
    scratch_holds(&dir, "sub/file", "");
    assert_int_equal(entries(&dir), 2);
    scratch_drop(&dir);
}

static void a_link_is_replaced_and_not_written_through(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    scratch_write(&dir, "target", "kept");
    assert_int_equal(symlinkat("target", dir.fd, "link"), 0);
    OK(envm_fs_write_atomic(dir.fd, rel("link"), ENVM_STR("new"), 0644, false, &err));
    scratch_holds(&dir, "target", "kept");
    scratch_holds(&dir, "link", "new");
    assert_int_equal(symlinkat(".", dir.fd, "dir-link"), 0);
    FAILS(ENVM_UNSAFE,
          envm_fs_write_atomic(dir.fd, rel("dir-link/x"), ENVM_STR("new"), 0644, false, &err));
    scratch_drop(&dir);
}

static void a_failure_leaves_nothing_behind(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    OK(envm_fs_mkdir(dir.fd, rel("dir"), 0755, &err));
    FAILS(ENVM_IO, envm_fs_write_atomic(dir.fd, rel("dir"), ENVM_STR("new"), 0644, true, &err));
    FAILS(ENVM_IO, envm_fs_write_atomic(dir.fd, rel("none/x"), ENVM_STR("new"), 0644, true, &err));
    FAILS(ENVM_IO, envm_fs_write_atomic(-1, rel("x"), ENVM_STR("new"), 0644, true, &err));
    assert_int_equal(entries(&dir), 1);
    scratch_drop(&dir);
}

/* What stands there of an earlier call that was killed is completed, not repeated. */
static void appends_once(void **state)
{
    struct scratch dir = scratch_make();
    static const struct {
        const char *before, *after;
    } rows[] = {
        {"old\n", "old\nnew line\n"},
        {"old\nnew", "old\nnew line\n"},
        {"old\nnew line\n", "old\nnew line\n"},
        {"old\nnew line\nmore\n", "old\nnew line\nmore\n"},
        {"old\nother\n", "old\nother\nnew line\n"},
        {"", "new line\n"},
    };
    struct stat status;

    (void)state;
    OK(envm_fs_append_once(dir.fd, rel("made"), 0, ENVM_STR("new line\n"), 0640, true, &err));
    scratch_holds(&dir, "made", "new line\n");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        scratch_write(&dir, "file", rows[i].before);
        for (int j = 0; j < 2; j++)
            OK(envm_fs_append_once(dir.fd, rel("file"), 4, ENVM_STR("new line\n"), 0644, false,
                                   &err));
        scratch_holds(&dir, "file", rows[i].after);
    }
    /* Torn by a loss of power: the length is there, the bytes are not. */
    for (size_t zeros = 1; zeros <= 9; zeros++) {
        char torn[13] = "old\nnew line\n";
        int fd = openat(dir.fd, "file", O_WRONLY | O_TRUNC);

        memset(torn + 4 + (9 - zeros) / 2, 0, zeros);
        assert_int_equal(write(fd, torn, sizeof(torn)), sizeof(torn));
        close(fd);
        OK(envm_fs_append_once(dir.fd, rel("file"), 4, ENVM_STR("new line\n"), 0644, false, &err));
        scratch_holds(&dir, "file", "old\nnew line\n");
    }
    scratch_write(&dir, "file", "old\n");
    assert_int_equal(linkat(dir.fd, "file", dir.fd, "twin", 0), 0);
    OK(envm_fs_append_once(dir.fd, rel("file"), 4, ENVM_STR("new line\n"), 0644, false, &err));
    scratch_holds(&dir, "file", "old\nnew line\n");
    scratch_holds(&dir, "twin", "old\n");
    assert_int_equal(fstatat(dir.fd, "file", &status, 0), 0);
    assert_int_equal(status.st_nlink, 1);
    OK(envm_fs_mkdir(dir.fd, rel("folder"), 0755, &err));
    FAILS(ENVM_IO, envm_fs_append_once(dir.fd, rel("folder"), 0, ENVM_STR("x"), 0644, false, &err));
    scratch_drop(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appends_once),
        cmocka_unit_test(makes_and_replaces),
        cmocka_unit_test(a_link_is_replaced_and_not_written_through),
        cmocka_unit_test(a_failure_leaves_nothing_behind),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
