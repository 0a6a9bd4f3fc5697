/* SPDX-License-Identifier: MIT */
#include "../support/scratch.h"

#include <errno.h>
#include <sys/wait.h>

#include "base/str.h"

static char *in(const struct scratch *dir, const char *name)
{
    static char paths[4][1024];
    static unsigned next;
    char *path = paths[next++ % 4];

    snprintf(path, sizeof(paths[0]), "%s/%s", dir->path, name);
    return path;
}

static void roots(void **state)
{
    struct scratch dir = scratch_make();
    int fd;

    (void)state;
    OK(envm_fs_open_root(dir.path, &fd, &err));
    assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    close(fd);
    FAILS(ENVM_IO, envm_fs_open_root(in(&dir, "none"), &fd, &err));
    OK(envm_fs_make_root(in(&dir, "a/b//c/"), 0700, &fd, &err));
    close(fd);
    assert_true(scratch_has(&dir, "a/b/c"));
    OK(envm_fs_make_root(in(&dir, "a/b"), 0700, &fd, &err));
    close(fd);
    scratch_write(&dir, "file", "");
    FAILS(ENVM_IO, envm_fs_make_root(in(&dir, "file"), 0700, &fd, &err));
    FAILS(ENVM_IO, envm_fs_make_root(in(&dir, "file/x"), 0700, &fd, &err));
    FAILS(ENVM_IO, envm_fs_make_root("", 0700, &fd, &err));
    assert_int_equal(symlinkat("nowhere/x", dir.fd, "dangling"), 0);
    FAILS(ENVM_IO, envm_fs_make_root(in(&dir, "dangling"), 0700, &fd, &err));
    assert_int_equal(symlinkat("a", dir.fd, "link"), 0);
    OK(envm_fs_make_root(in(&dir, "link/new"), 0700, &fd, &err));
    close(fd);
    assert_true(scratch_has(&dir, "a/new"));
    scratch_drop(&dir);
}

static void reading_files(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_buf buf = envm_buf_limit(10);
    int fd;

    (void)state;
    scratch_write(&dir, "ten", "0123456789");
    scratch_write(&dir, "eleven", "0123456789x");
    scratch_write(&dir, "empty", "");
    OK(envm_fs_read_user_file(in(&dir, "ten"), &buf, &err));
    assert_str(envm_buf_str(&buf), "0123456789");
    envm_buf_clear(&buf);
    FAILS_WITH(ENVM_MALFORMED, "10 bytes", envm_fs_read_user_file(in(&dir, "eleven"), &buf, &err));
    envm_buf_clear(&buf);
    OK(envm_fs_read_user_file(in(&dir, "empty"), &buf, &err));
    assert_int_equal(buf.len, 0);
    FAILS(ENVM_IO, envm_fs_read_user_file(in(&dir, "none"), &buf, &err));
    FAILS_WITH(ENVM_IO, "directory", envm_fs_open_user_file(dir.path, &fd, &err));
    envm_buf_release(&buf);
    scratch_drop(&dir);
}

static void standard_input(void **state)
{
    struct envm_buf buf = envm_buf_text();
    int kept = dup(STDIN_FILENO);
    int ends[2];

    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(write(ends[1], "piped", 5), 5);
    close(ends[1]);
    assert_int_equal(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    close(ends[0]);
    OK(envm_fs_read_user_file("-", &buf, &err));
    assert_str(envm_buf_str(&buf), "piped");
    envm_buf_release(&buf);
    dup2(kept, STDIN_FILENO);
    close(kept);
}

static void kinds(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    scratch_write(&dir, "file", "");
    assert_int_equal(symlinkat("file", dir.fd, "link"), 0);
    assert_int_equal(symlinkat("none", dir.fd, "dangling"), 0);
    assert_int_equal(envm_fs_user_kind(dir.path), ENVM_FS_DIRECTORY);
    assert_int_equal(envm_fs_user_kind(in(&dir, "file")), ENVM_FS_FILE);
    assert_int_equal(envm_fs_user_kind(in(&dir, "link")), ENVM_FS_FILE);
    assert_int_equal(envm_fs_user_kind(in(&dir, "dangling")), ENVM_FS_ABSENT);
    assert_int_equal(envm_fs_user_kind("/dev/null"), ENVM_FS_OTHER);
    scratch_drop(&dir);
}

static void absolute_paths(void **state)
{
    static const struct {
        const char *path;
        const char *expected;
    } rows[] = {
        {"/", "/"},
        {"//", "/"},
        {"/..", "/"},
        {"/../..//x", "/x"},
        {"/envm-none/./a//b/../c/", "/envm-none/a/c"},
        {"/envm-none/..", "/"},
        {"/envm-none", "/envm-none"},
    };
    struct envm_arena arena = {0};
    envm_str path;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
        OK(envm_fs_absolute(&arena, rows[i].path, &path, &err));
        assert_string_equal(path.ptr, rows[i].expected);
    }
    FAILS(ENVM_USAGE, envm_fs_absolute(&arena, "", &path, &err));
    envm_arena_release(&arena);
}

static void absolute_paths_resolve_parents(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_arena arena = {0};
    char *real = realpath(dir.path, NULL);
    char expected[1200];
    envm_str path;

    (void)state;
    mkdirat(dir.fd, "real", 0755);
    assert_int_equal(symlinkat("real", dir.fd, "link"), 0);
    OK(envm_fs_absolute(&arena, in(&dir, "link/none/x"), &path, &err));
    snprintf(expected, sizeof(expected), "%s/real/none/x", real);
    assert_string_equal(path.ptr, expected);
    OK(envm_fs_absolute(&arena, in(&dir, "link"), &path, &err));
    snprintf(expected, sizeof(expected), "%s/link", real);
    assert_string_equal(path.ptr, expected);
    free(real);
    scratch_drop(&dir);
    envm_arena_release(&arena);
}

static void relative_paths_start_here(void **state)
{
    struct envm_arena arena = {0};
    char *here = realpath(".", NULL);
    char expected[5000];
    envm_str path;

    (void)state;
    OK(envm_fs_absolute(&arena, "./envm-none/a", &path, &err));
    snprintf(expected, sizeof(expected), "%s/envm-none/a", here);
    assert_string_equal(path.ptr, expected);
    free(here);
    envm_arena_release(&arena);
}

static mode_t mode_of(const struct scratch *dir, const char *name)
{
    struct stat status;

    assert_int_equal(fstatat(dir->fd, name, &status, AT_SYMLINK_NOFOLLOW), 0);
    return status.st_mode;
}

static void writing_files(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    OK(envm_fs_write_user_file(in(&dir, "new"), ENVM_STR("one"), &err));
    scratch_holds(&dir, "new", "one");
    assert_int_equal(fchmodat(dir.fd, "new", 0604, 0), 0);
    OK(envm_fs_write_user_file(in(&dir, "new"), ENVM_STR("two"), &err));
    scratch_holds(&dir, "new", "two");
    assert_int_equal(mode_of(&dir, "new") & 0777, 0604);
    FAILS(ENVM_IO, envm_fs_write_user_file(in(&dir, "none/new"), ENVM_STR("x"), &err));
    FAILS(ENVM_IO, envm_fs_write_user_file(dir.path, ENVM_STR("x"), &err));
    OK(envm_fs_write_user_file("/dev/null", ENVM_STR("x"), &err));
    assert_int_equal(envm_fs_user_kind("/dev/null"), ENVM_FS_OTHER);
    scratch_drop(&dir);
}

static void writing_through_links(void **state)
{
    struct scratch dir = scratch_make();
    char absolute[1024];

    (void)state;
    mkdirat(dir.fd, "sub", 0755);
    scratch_write(&dir, "sub/file", "old");
    snprintf(absolute, sizeof(absolute), "%s/sub/made", dir.path);
    assert_int_equal(symlinkat("sub/second", dir.fd, "first"), 0);
    assert_int_equal(symlinkat("file", dir.fd, "sub/second"), 0);
    assert_int_equal(symlinkat(absolute, dir.fd, "dangling"), 0);
    assert_int_equal(symlinkat("loop", dir.fd, "loop"), 0);
    OK(envm_fs_write_user_file(in(&dir, "first"), ENVM_STR("new"), &err));
    scratch_holds(&dir, "sub/file", "new");
    assert_true(S_ISLNK(mode_of(&dir, "first")));
    assert_true(S_ISLNK(mode_of(&dir, "sub/second")));
    OK(envm_fs_write_user_file(in(&dir, "dangling"), ENVM_STR("made"), &err));
    scratch_holds(&dir, "sub/made", "made");
    FAILS(ENVM_IO, envm_fs_write_user_file(in(&dir, "loop"), ENVM_STR("x"), &err));
    scratch_drop(&dir);
}

/* In a child, since the current directory belongs to the process. */
static void writing_in_the_current_directory(void **state)
{
    struct scratch dir = scratch_make();
    int status = -1;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        if (fchdir(dir.fd) != 0)
            _exit(2);
        _exit(envm_fs_write_user_file("here", ENVM_STR("text"), NULL) == ENVM_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    scratch_holds(&dir, "here", "text");
    scratch_drop(&dir);
}

static void appending_a_line(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    OK(envm_fs_append_user_line(in(&dir, "list"), ENVM_STR("one"), &err));
    OK(envm_fs_append_user_line(in(&dir, "list"), ENVM_STR("two"), &err));
    scratch_holds(&dir, "list", "one\ntwo\n");
    scratch_write(&dir, "open", "not ended");
    OK(envm_fs_append_user_line(in(&dir, "open"), ENVM_STR("next"), &err));
    scratch_holds(&dir, "open", "not ended\nnext\n");
    FAILS(ENVM_IO, envm_fs_append_user_line(in(&dir, "none/list"), ENVM_STR("x"), &err));
    scratch_drop(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(roots),
        cmocka_unit_test(reading_files),
        cmocka_unit_test(standard_input),
        cmocka_unit_test(kinds),
        cmocka_unit_test(absolute_paths),
        cmocka_unit_test(absolute_paths_resolve_parents),
        cmocka_unit_test(relative_paths_start_here),
        cmocka_unit_test(writing_files),
        cmocka_unit_test(writing_through_links),
        cmocka_unit_test(writing_in_the_current_directory),
        cmocka_unit_test(appending_a_line),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
