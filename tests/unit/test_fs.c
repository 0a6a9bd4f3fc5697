/* SPDX-License-Identifier: MIT */
#include "../support/scratch.h"

#include <errno.h>

#include "base/str.h"
#include "sys/fs_beneath.h"

/* in/      the root that the functions get
 * out/     what they must never reach; `secret` in it
 * in/link -> ../out, in/abs -> the absolute path of out, in/here -> dir, in/file-link -> file */
struct fixture {
    struct scratch dir;
    int root;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char absolute[600];

    f->dir = scratch_make();
    assert_int_equal(mkdirat(f->dir.fd, "in", 0755), 0);
    assert_int_equal(mkdirat(f->dir.fd, "out", 0755), 0);
    assert_int_equal(mkdirat(f->dir.fd, "in/dir", 0755), 0);
    scratch_write(&f->dir, "out/secret", "secret");
    scratch_write(&f->dir, "in/file", "content");
    scratch_write(&f->dir, "in/dir/file", "deeper");
    snprintf(absolute, sizeof(absolute), "%s/out", f->dir.path);
    assert_int_equal(symlinkat("../out", f->dir.fd, "in/link"), 0);
    assert_int_equal(symlinkat(absolute, f->dir.fd, "in/abs"), 0);
    assert_int_equal(symlinkat("dir", f->dir.fd, "in/here"), 0);
    assert_int_equal(symlinkat("file", f->dir.fd, "in/file-link"), 0);
    assert_int_equal(symlinkat("../../out/secret", f->dir.fd, "in/dir/secret-link"), 0);
    f->root = openat(f->dir.fd, "in", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->root >= 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;

    /* Whatever a test did, nothing outside was touched. */
    scratch_holds(&f->dir, "out/secret", "secret");
    assert_int_equal(unlinkat(f->dir.fd, "out/secret", 0), 0);
    assert_int_equal(unlinkat(f->dir.fd, "out", AT_REMOVEDIR), 0);
    close(f->root);
    scratch_drop(&f->dir);
    free(f);
    return 0;
}

/* A directory link in the middle of a path, in each of its forms. */
static const char *const through_links[] = {"link/secret", "abs/secret", "here/file",
                                            "dir/secret-link/x", NULL};

static struct envm_relpath rel(const char *path)
{
    return (struct envm_relpath){envm_str_from(path)};
}

static void every_call_refuses_a_link_on_the_way(void **state)
{
    struct fixture *f = *state;

    for (size_t i = 0; through_links[i]; i++) {
        struct envm_relpath path = rel(through_links[i]);
        struct envm_buf buf = envm_buf_text();
        struct envm_arena arena = {0};
        enum envm_fs_kind kind;
        envm_str target;
        bool existed;
        int fd;

        FAILS(ENVM_UNSAFE, envm_fs_open_dir(f->root, path, &fd, &err));
        FAILS(ENVM_UNSAFE, envm_fs_open_read(f->root, path, &fd, &err));
        FAILS(ENVM_UNSAFE, envm_fs_create(f->root, path, 0644, &fd, &err));
        FAILS(ENVM_UNSAFE, envm_fs_mkdir(f->root, path, 0755, &err));
        FAILS(ENVM_UNSAFE, envm_fs_make_dirs(f->root, path, 0755, &err));
        FAILS(ENVM_UNSAFE, envm_fs_symlink(f->root, path, "x", &err));
        FAILS(ENVM_UNSAFE, envm_fs_stat(f->root, path, &kind, NULL, &err));
        FAILS(ENVM_UNSAFE, envm_fs_read_link(f->root, path, &arena, &target, &err));
        FAILS(ENVM_UNSAFE, envm_fs_unlink(f->root, path, &err));
        FAILS(ENVM_UNSAFE, envm_fs_rename(f->root, path, f->root, rel("new"), &err));
        FAILS(ENVM_UNSAFE, envm_fs_rename(f->root, rel("file"), f->root, path, &err));
        FAILS(ENVM_UNSAFE, envm_fs_rename_new(f->root, path, f->root, rel("new"), &existed, &err));
        FAILS(ENVM_UNSAFE, envm_fs_rename_new(f->root, rel("file"), f->root, path, &existed, &err));
        FAILS(ENVM_UNSAFE, envm_fs_read_at(f->root, path, &buf, &err));
        FAILS(ENVM_UNSAFE, envm_fs_remove_tree(f->root, path, &err));
        envm_buf_release(&buf);
        envm_arena_release(&arena);
    }
    scratch_holds(&f->dir, "in/file", "content");
}

static void the_last_component_is_not_followed(void **state)
{
    struct fixture *f = *state;
    struct envm_arena arena = {0};
    enum envm_fs_kind kind;
    envm_str target;
    int fd;

    FAILS(ENVM_UNSAFE, envm_fs_open_dir(f->root, rel("link"), &fd, &err));
    FAILS(ENVM_UNSAFE, envm_fs_open_dir(f->root, rel("here"), &fd, &err));
    FAILS(ENVM_UNSAFE, envm_fs_open_read(f->root, rel("file-link"), &fd, &err));
    FAILS(ENVM_UNSAFE, envm_fs_open_read(f->root, rel("dir/secret-link"), &fd, &err));
    FAILS(ENVM_IO, envm_fs_create(f->root, rel("file-link"), 0644, &fd, &err));
    FAILS(ENVM_UNSAFE, envm_fs_make_dirs(f->root, rel("here"), 0755, &err));
    OK(envm_fs_stat(f->root, rel("link"), &kind, NULL, &err));
    assert_int_equal(kind, ENVM_FS_SYMLINK);
    OK(envm_fs_read_link(f->root, rel("dir/secret-link"), &arena, &target, &err));
    assert_str(target, "../../out/secret");
    OK(envm_fs_unlink(f->root, rel("dir/secret-link"), &err));
    OK(envm_fs_rename(f->root, rel("link"), f->root, rel("dir/moved"), &err));
    OK(envm_fs_stat(f->root, rel("dir/moved"), &kind, NULL, &err));
    assert_int_equal(kind, ENVM_FS_SYMLINK);
    envm_arena_release(&arena);
}

/* Paths that no envm_relpath can hold; the fences below have to hold all the same. */
static void dot_dot_is_refused(void **state)
{
    struct fixture *f = *state;
    int fd;

    FAILS(ENVM_UNSAFE, envm_fs_open_read(f->root, rel("../out/secret"), &fd, &err));
    FAILS(ENVM_UNSAFE, envm_fs_open_dir(f->root, rel(".."), &fd, &err));
    FAILS(ENVM_UNSAFE, envm_fs_open_dir(f->root, rel("dir/../../out"), &fd, &err));
    FAILS(ENVM_UNSAFE, envm_fs_open_read(f->root, rel("/etc/passwd"), &fd, &err));
}

static void reading_and_creating(void **state)
{
    struct fixture *f = *state;
    struct envm_buf buf = envm_buf_text();
    struct stat status;
    enum envm_fs_kind kind;
    int fd;

    OK(envm_fs_read_at(f->root, rel("dir/file"), &buf, &err));
    assert_str(envm_buf_str(&buf), "deeper");
    envm_buf_release(&buf);
    OK(envm_fs_create(f->root, rel("dir/new"), 0640, &fd, &err));
    OK(envm_fs_write_fd(fd, "new", ENVM_STR("bytes"), &err));
    OK(envm_fs_sync_fd(fd, "new", &err));
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fd);
    OK(envm_fs_stat(f->root, rel("dir/new"), &kind, &status, &err));
    assert_int_equal(kind, ENVM_FS_FILE);
    assert_int_equal(status.st_size, 5);
    assert_int_equal(status.st_mode & 0777, 0640);
    FAILS(ENVM_IO, envm_fs_create(f->root, rel("dir/new"), 0640, &fd, &err));
    FAILS_WITH(ENVM_IO, "'dir/none'", envm_fs_open_read(f->root, rel("dir/none"), &fd, &err));
    FAILS(ENVM_IO, envm_fs_open_dir(f->root, rel("file"), &fd, &err));
    FAILS(ENVM_UNSAFE, envm_fs_open_read(f->root, rel("dir"), &fd, &err));
    OK(envm_fs_open_dir(f->root, rel("dir"), &fd, &err));
    OK(envm_fs_stat(fd, rel("new"), &kind, NULL, &err));
    close(fd);
}

static void a_planted_fifo_does_not_hang(void **state)
{
    struct fixture *f = *state;
    int fd;

    assert_int_equal(mkfifoat(f->root, "fifo", 0644), 0);
    FAILS_WITH(ENVM_UNSAFE, "not a regular file",
               envm_fs_open_read(f->root, rel("fifo"), &fd, &err));
}

static void stat_tells_what_is_there(void **state)
{
    struct fixture *f = *state;
    enum envm_fs_kind kind = ENVM_FS_OTHER;

    OK(envm_fs_stat(f->root, rel("none"), &kind, NULL, &err));
    assert_int_equal(kind, ENVM_FS_ABSENT);
    OK(envm_fs_stat(f->root, rel("none/none"), &kind, NULL, &err));
    assert_int_equal(kind, ENVM_FS_ABSENT);
    OK(envm_fs_stat(f->root, rel("file/none"), &kind, NULL, &err));
    assert_int_equal(kind, ENVM_FS_ABSENT);
    OK(envm_fs_stat(f->root, rel("dir"), &kind, NULL, &err));
    assert_int_equal(kind, ENVM_FS_DIRECTORY);
    assert_int_equal(mkfifoat(f->root, "fifo", 0644), 0);
    OK(envm_fs_stat(f->root, rel("fifo"), &kind, NULL, &err));
    assert_int_equal(kind, ENVM_FS_OTHER);
}

static void directories(void **state)
{
    struct fixture *f = *state;

    OK(envm_fs_mkdir(f->root, rel("dir/one"), 0755, &err));
    FAILS(ENVM_IO, envm_fs_mkdir(f->root, rel("dir/one"), 0755, &err));
    FAILS(ENVM_IO, envm_fs_mkdir(f->root, rel("none/one"), 0755, &err));
    OK(envm_fs_make_dirs(f->root, rel("dir/one"), 0755, &err));
    OK(envm_fs_make_dirs(f->root, rel("a/b/c/d/e"), 0755, &err));
    OK(envm_fs_make_dirs(f->root, rel("a/b/c/d/e"), 0755, &err));
    OK(envm_fs_make_dirs(f->root, rel("top"), 0755, &err));
    assert_true(scratch_has(&f->dir, "in/a/b/c/d/e"));
    FAILS(ENVM_IO, envm_fs_make_dirs(f->root, rel("file"), 0755, &err));
    FAILS(ENVM_IO, envm_fs_make_dirs(f->root, rel("file/x/y"), 0755, &err));
    FAILS(ENVM_UNSAFE, envm_fs_make_dirs(f->root, rel("link/x/y"), 0755, &err));
}

static void links_and_removal(void **state)
{
    struct fixture *f = *state;
    struct envm_arena arena = {0};
    envm_str target;
    char longest[4096];

    OK(envm_fs_symlink(f->root, rel("dir/new"), "../anything", &err));
    OK(envm_fs_read_link(f->root, rel("dir/new"), &arena, &target, &err));
    assert_str(target, "../anything");
    FAILS(ENVM_IO, envm_fs_symlink(f->root, rel("dir/new"), "x", &err));
    FAILS(ENVM_IO, envm_fs_read_link(f->root, rel("file"), &arena, &target, &err));
    memset(longest, 'x', sizeof(longest));
    longest[4095] = '\0';
    OK(envm_fs_symlink(f->root, rel("longest"), longest, &err));
    OK(envm_fs_read_link(f->root, rel("longest"), &arena, &target, &err));
    assert_int_equal(target.len, 4095);
    OK(envm_fs_unlink(f->root, rel("dir/new"), &err));
    FAILS(ENVM_IO, envm_fs_unlink(f->root, rel("dir/new"), &err));
    FAILS(ENVM_IO, envm_fs_unlink(f->root, rel("dir"), &err));
    envm_arena_release(&arena);
}

static void renames(void **state)
{
    struct fixture *f = *state;
    bool existed = false;

    OK(envm_fs_rename(f->root, rel("file"), f->root, rel("dir/file"), &err));
    scratch_holds(&f->dir, "in/dir/file", "content");
    FAILS(ENVM_IO, envm_fs_rename(f->root, rel("none"), f->root, rel("x"), &err));
    FAILS(ENVM_IO, envm_fs_rename(f->root, rel("dir/file"), f->root, rel("none/x"), &err));
    scratch_write(&f->dir, "in/other", "other");
    OK(envm_fs_rename_new(f->root, rel("other"), f->root, rel("dir/file"), &existed, &err));
    assert_true(existed);
    scratch_holds(&f->dir, "in/dir/file", "content");
    scratch_holds(&f->dir, "in/other", "other");
    OK(envm_fs_rename_new(f->root, rel("other"), f->root, rel("dir/other"), &existed, &err));
    assert_false(existed);
    scratch_holds(&f->dir, "in/dir/other", "other");
    OK(envm_fs_mkdir(f->root, rel("fresh"), 0755, &err));
    OK(envm_fs_rename_new(f->root, rel("fresh"), f->root, rel("dir"), &existed, &err));
    assert_true(existed);
    FAILS(ENVM_IO, envm_fs_rename_new(f->root, rel("none"), f->root, rel("x"), &existed, &err));
}

/* What is done where the kernel has no RENAME_NOREPLACE. */
static void rename_new_without_kernel_help(void **state)
{
    struct fixture *f = *state;
    struct envm_beneath_place ends[2] = {{f->root, -1, "file"}, {f->root, -1, "moved"}};

    assert_int_equal(envm_beneath_rename_new_slow(ends), 0);
    scratch_holds(&f->dir, "in/moved", "content");
    assert_false(scratch_has(&f->dir, "in/file"));
    scratch_write(&f->dir, "in/file", "again");
    assert_int_equal(envm_beneath_rename_new_slow(ends), -EEXIST);
    scratch_holds(&f->dir, "in/moved", "content");
    ends[0].leaf = "dir";
    assert_int_equal(envm_beneath_rename_new_slow(ends), -EEXIST);
    ends[1].leaf = "dir-moved";
    assert_int_equal(envm_beneath_rename_new_slow(ends), 0);
    assert_true(scratch_has(&f->dir, "in/dir-moved/file"));
    ends[0].leaf = "none";
    ends[1].leaf = "none-moved";
    assert_int_equal(envm_beneath_rename_new_slow(ends), -ENOENT);
}

#define with(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with(every_call_refuses_a_link_on_the_way),
        with(the_last_component_is_not_followed),
        with(dot_dot_is_refused),
        with(reading_and_creating),
        with(a_planted_fifo_does_not_hang),
        with(stat_tells_what_is_there),
        with(directories),
        with(links_and_removal),
        with(renames),
        with(rename_new_without_kernel_help),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
