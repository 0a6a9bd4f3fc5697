/* SPDX-License-Identifier: MIT */
#include "../support/scratch.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"

#define NOBODY 65534

static struct envm_relpath rel(const char *path)
{
    return (struct envm_relpath){envm_str_from(path)};
}

struct log {
    struct envm_buf text;
    const char *skip;
    const char *fail;
    size_t count;
};

static enum envm_code record(void *user, const struct envm_fs_entry *entry, bool *skip,
                             struct envm_error *failure)
{
    static const char letters[] = "-fdlo";
    struct log *log = user;
    struct stat status;

    assert_int_equal(entry->path.ptr[entry->path.len], '\0');
    assert_int_equal(fstatat(entry->parent_fd, entry->leaf, &status, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(status.st_ino, entry->stat->st_ino);
    envm_buf_printf(&log->text, "%c:%s ", letters[entry->kind], entry->path.ptr);
    log->count++;
    *skip = log->skip && strcmp(log->skip, entry->path.ptr) == 0;
    if (log->fail && strcmp(log->fail, entry->path.ptr) == 0)
        return envm_fail(failure, ENVM_DAMAGED, "stop at %s", entry->path.ptr);
    return ENVM_OK;
}

static struct scratch make_tree(void)
{
    struct scratch dir = scratch_make();

    OK(envm_fs_make_dirs(dir.fd, rel("b/x/y"), 0755, &err));
    OK(envm_fs_make_dirs(dir.fd, rel("b-c"), 0755, &err));
    OK(envm_fs_make_dirs(dir.fd, rel("B"), 0755, &err));
    scratch_write(&dir, "b/x/y/file", "");
    scratch_write(&dir, "a", "");
    scratch_write(&dir, "\xc3\xa9", "");
    assert_int_equal(symlinkat("b", dir.fd, "link"), 0);
    assert_int_equal(symlinkat("/", dir.fd, "b/root"), 0);
    assert_int_equal(mkfifoat(dir.fd, "b/fifo", 0600), 0);
    return dir;
}

static void walk_in_order(void **state)
{
    struct scratch dir = make_tree();
    struct log log = {.text = envm_buf_text()};

    (void)state;
    OK(envm_fs_walk(dir.fd, record, &log, &err));
    assert_str(envm_buf_str(&log.text),
               "d:B f:a d:b o:b/fifo l:b/root d:b/x d:b/x/y f:b/x/y/file d:b-c l:link f:\xc3\xa9 ");
    envm_buf_clear(&log.text);
    log.skip = "b/x";
    OK(envm_fs_walk(dir.fd, record, &log, &err));
    assert_str(envm_buf_str(&log.text),
               "d:B f:a d:b o:b/fifo l:b/root d:b/x d:b-c l:link f:\xc3\xa9 ");
    log.fail = "b/root";
    FAILS_WITH(ENVM_DAMAGED, "stop at b/root", envm_fs_walk(dir.fd, record, &log, &err));
    FAILS(ENVM_IO, envm_fs_walk(-1, record, &log, &err));
    envm_buf_release(&log.text);
    scratch_drop(&dir);
}

static void remove_what_is_there(void **state)
{
    struct scratch dir = make_tree();

    (void)state;
    OK(envm_fs_remove_tree(dir.fd, rel("none"), &err));
    OK(envm_fs_remove_tree(dir.fd, rel("none/none"), &err));
    OK(envm_fs_remove_tree(dir.fd, rel("a"), &err));
    OK(envm_fs_remove_tree(dir.fd, rel("link"), &err));
    OK(envm_fs_remove_tree(dir.fd, rel("B"), &err));
    OK(envm_fs_remove_tree(dir.fd, rel("b/x"), &err));
    assert_false(scratch_has(&dir, "a"));
    assert_false(scratch_has(&dir, "link"));
    assert_false(scratch_has(&dir, "b/x"));
    assert_true(scratch_has(&dir, "b/root"));
    OK(envm_fs_remove_tree(dir.fd, rel("b"), &err));
    assert_false(scratch_has(&dir, "b"));
    assert_true(scratch_has(&dir, "b-c"));
    scratch_drop(&dir);
}

/* Links in the tree lead to things that must survive. */
static void remove_follows_no_link(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    OK(envm_fs_make_dirs(dir.fd, rel("kept/sub"), 0755, &err));
    OK(envm_fs_make_dirs(dir.fd, rel("tree"), 0755, &err));
    scratch_write(&dir, "kept/sub/file", "kept");
    assert_int_equal(symlinkat("../kept", dir.fd, "tree/link"), 0);
    assert_int_equal(symlinkat("../kept/sub/file", dir.fd, "tree/file"), 0);
    OK(envm_fs_remove_tree(dir.fd, rel("tree"), &err));
    scratch_holds(&dir, "kept/sub/file", "kept");
    assert_false(scratch_has(&dir, "tree"));
    scratch_drop(&dir);
}

/* Runs in a child that is not root, for whom modes mean something; returns its exit status. */
static int as_nobody(void (*work)(int dirfd), const struct scratch *dir)
{
    int status = -1;
    pid_t pid;

    if (geteuid() == 0) {
        assert_int_equal(fchown(dir->fd, NOBODY, NOBODY), 0);
        assert_int_equal(fchmod(dir->fd, 0755), 0);
    }
    pid = fork();
    if (pid == 0) {
        if (geteuid() == 0 && (setgid(NOBODY) != 0 || setuid(NOBODY) != 0))
            _exit(99);
        work(dir->fd);
        _exit(98);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static void remove_closed_directories(int dirfd)
{
    static const mode_t modes[] = {0555, 0000, 0111, 0444, 0200};
    struct envm_error failure = {0};

    if (mkdirat(dirfd, "tree", 0755) != 0)
        _exit(10);
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        char path[64];
        int fd;

        snprintf(path, sizeof(path), "tree/%zu", i);
        mkdirat(dirfd, path, 0755);
        snprintf(path, sizeof(path), "tree/%zu/sub", i);
        mkdirat(dirfd, path, 0755);
        snprintf(path, sizeof(path), "tree/%zu/sub/file", i);
        fd = openat(dirfd, path, O_WRONLY | O_CREAT, 0400);
        if (fd < 0)
            _exit(11);
        close(fd);
        snprintf(path, sizeof(path), "tree/%zu/sub", i);
        if (fchmodat(dirfd, path, modes[i], 0) != 0)
            _exit(12);
        snprintf(path, sizeof(path), "tree/%zu", i);
        if (fchmodat(dirfd, path, modes[i], 0) != 0)
            _exit(12);
    }
    if (fchmodat(dirfd, "tree", 0555, 0) != 0)
        _exit(12);
    if (envm_fs_remove_tree(dirfd, rel("tree"), &failure) != ENVM_OK) {
        fprintf(stderr, "%s\n", failure.text);
        _exit(1);
    }
    _exit(faccessat(dirfd, "tree", F_OK, 0) == 0 ? 2 : 0);
}

static void directories_without_rights(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    assert_int_equal(as_nobody(remove_closed_directories, &dir), 0);
    scratch_drop(&dir);
}

static void remove_in_a_closed_parent(int dirfd)
{
    struct envm_error failure = {0};
    enum envm_code code;

    mkdirat(dirfd, "closed", 0755);
    mkdirat(dirfd, "closed/tree", 0755);
    if (fchmodat(dirfd, "closed", 0555, 0) != 0)
        _exit(12);
    code = envm_fs_remove_tree(dirfd, rel("closed/tree"), &failure);
    if (fchmodat(dirfd, "closed", 0755, 0) != 0)
        _exit(12);
    _exit(code == ENVM_IO && strstr(failure.text, "closed/tree") ? 0 : 1);
}

/* The directory around the tree is not ours to change. */
static void a_closed_parent_is_an_error(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    assert_int_equal(as_nobody(remove_in_a_closed_parent, &dir), 0);
    scratch_drop(&dir);
}

static void walk_an_unreadable_directory(int dirfd)
{
    struct envm_error failure = {0};
    struct log log = {.text = envm_buf_text()};
    enum envm_code code;

    mkdirat(dirfd, "closed", 0000);
    code = envm_fs_walk(dirfd, record, &log, &failure);
    _exit(code == ENVM_IO && strstr(failure.text, "closed") ? 0 : 1);
}

static void a_walk_names_what_it_cannot_read(void **state)
{
    struct scratch dir = scratch_make();

    (void)state;
    assert_int_equal(as_nobody(walk_an_unreadable_directory, &dir), 0);
    scratch_drop(&dir);
}

#define DEEP_LEVELS 600
#define DEEP_NAME "a-name-of-thirty-two-characters-"

/* 600 levels of 33 bytes are five times PATH_MAX, and more than the descriptors allowed below. */
static void trees_deeper_than_every_limit(void **state)
{
    struct scratch dir = scratch_make();
    struct log log = {.text = envm_buf_limit((size_t)64 << 20)};
    struct rlimit before;
    struct rlimit few;
    int at = dup(dir.fd);

    (void)state;
    for (int i = 0; i < DEEP_LEVELS; i++) {
        int next;

        assert_int_equal(mkdirat(at, DEEP_NAME, 0755), 0);
        assert_int_equal(mkdirat(at, "sibling", 0755), 0);
        next = openat(at, DEEP_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        assert_true(next >= 0);
        close(at);
        at = next;
    }
    close(at);
    getrlimit(RLIMIT_NOFILE, &before);
    few = before;
    few.rlim_cur = 64;
    setrlimit(RLIMIT_NOFILE, &few);
    OK(envm_fs_walk(dir.fd, record, &log, &err));
    assert_int_equal(log.count, 2 * DEEP_LEVELS);
    OK(envm_fs_remove_tree(dir.fd, rel(DEEP_NAME), &err));
    setrlimit(RLIMIT_NOFILE, &before);
    assert_false(scratch_has(&dir, DEEP_NAME));
    envm_buf_release(&log.text);
    scratch_drop(&dir);
}

struct mover {
    int root;
    bool moved;
};

/* Moves the top of the deep tree away while the walk is far below it. */
static enum envm_code move_away(void *user, const struct envm_fs_entry *entry, bool *skip,
                                struct envm_error *failure)
{
    struct mover *mover = user;

    (void)failure;
    *skip = false;
    if (!mover->moved && entry->path.len > 50 * sizeof(DEEP_NAME)) {
        assert_int_equal(mkdirat(mover->root, "elsewhere", 0755), 0);
        assert_int_equal(renameat(mover->root, DEEP_NAME "/" DEEP_NAME, mover->root, "elsewhere/x"),
                         0);
        mover->moved = true;
    }
    return ENVM_OK;
}

static void a_tree_that_moves_is_noticed(void **state)
{
    struct scratch dir = scratch_make();
    struct mover mover = {.root = dir.fd};
    int at = dup(dir.fd);

    (void)state;
    for (int i = 0; i < 60; i++) {
        int next;

        assert_int_equal(mkdirat(at, DEEP_NAME, 0755), 0);
        next = openat(at, DEEP_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        close(at);
        at = next;
    }
    close(at);
    FAILS(ENVM_IO, envm_fs_walk(dir.fd, move_away, &mover, &err));
    assert_true(mover.moved);
    scratch_drop(&dir);
}

static enum envm_code remove_next(void *user, const struct envm_fs_entry *entry, bool *skip,
                                  struct envm_error *failure)
{
    int *count = user;

    (void)failure;
    (*count)++;
    *skip = false;
    if (strcmp(entry->leaf, "a") == 0)
        assert_int_equal(unlinkat(entry->parent_fd, "b", 0), 0);
    return ENVM_OK;
}

static void what_vanishes_during_a_walk_is_left_out(void **state)
{
    struct scratch dir = scratch_make();
    int count = 0;

    (void)state;
    scratch_write(&dir, "a", "");
    scratch_write(&dir, "b", "");
    scratch_write(&dir, "c", "");
    OK(envm_fs_walk(dir.fd, remove_next, &count, &err));
    assert_int_equal(count, 2);
    scratch_drop(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(walk_in_order),
        cmocka_unit_test(remove_what_is_there),
        cmocka_unit_test(remove_follows_no_link),
        cmocka_unit_test(directories_without_rights),
        cmocka_unit_test(a_closed_parent_is_an_error),
        cmocka_unit_test(a_walk_names_what_it_cannot_read),
        cmocka_unit_test(trees_deeper_than_every_limit),
        cmocka_unit_test(a_tree_that_moves_is_noticed),
        cmocka_unit_test(what_vanishes_during_a_walk_is_left_out),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
