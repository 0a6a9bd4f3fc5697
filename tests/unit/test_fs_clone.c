/* SPDX-License-Identifier: MIT */
#include "../support/scratch.h"

#include <errno.h>

#include "base/buf.h"
#include "base/str.h"
#include "sys/fs_clone.h"

static struct envm_relpath rel(const char *path)
{
    return (struct envm_relpath){envm_str_from(path)};
}

static struct stat stat_of(const struct scratch *dir, const char *path)
{
    struct stat status;

    assert_int_equal(fstatat(dir->fd, path, &status, AT_SYMLINK_NOFOLLOW), 0);
    return status;
}

static struct scratch make_source(void)
{
    struct scratch dir = scratch_make();
    struct timespec times[2] = {{1000, 0}, {1234567890, 123456789}};

    mkdirat(dir.fd, "cache", 0755);
    mkdirat(dir.fd, "prefix", 0755);
    mkdirat(dir.fd, "prefix/bin", 0755);
    scratch_write(&dir, "cache/tool", "#!/bin/sh\n");
    assert_int_equal(utimensat(dir.fd, "cache/tool", times, 0), 0);
    assert_int_equal(fchmodat(dir.fd, "cache/tool", 0555, 0), 0);
    return dir;
}

static void a_hard_link_shares_the_inode(void **state)
{
    struct scratch dir = make_source();
    enum envm_link_mode used = ENVM_LINK_COPY;

    (void)state;
    OK(envm_fs_clone(dir.fd, rel("cache/tool"), dir.fd, rel("prefix/bin/tool"), 0755,
                     ENVM_LINK_HARD, &used, &err));
    assert_int_equal(used, ENVM_LINK_HARD);
    assert_int_equal(stat_of(&dir, "prefix/bin/tool").st_ino, stat_of(&dir, "cache/tool").st_ino);
    OK(envm_fs_clone(dir.fd, rel("cache/tool"), dir.fd, rel("tool"), 0755, ENVM_LINK_AUTO, NULL,
                     &err));
    assert_int_equal(stat_of(&dir, "cache/tool").st_nlink, 3);
    scratch_drop(&dir);
}

static void check_copy(const struct scratch *dir, enum envm_link_mode wanted, mode_t mode)
{
    enum envm_link_mode used = ENVM_LINK_HARD;
    struct stat made;

    OK(envm_fs_clone(dir->fd, rel("cache/tool"), dir->fd, rel("prefix/copy"), mode, wanted, &used,
                     &err));
    assert_true(used == ENVM_LINK_COPY ||
                (wanted == ENVM_LINK_REFLINK && used == ENVM_LINK_REFLINK));
    scratch_holds(dir, "prefix/copy", "#!/bin/sh\n");
    made = stat_of(dir, "prefix/copy");
    assert_int_not_equal(made.st_ino, stat_of(dir, "cache/tool").st_ino);
    assert_int_equal(made.st_mode & 07777, mode);
    assert_int_equal(made.st_mtim.tv_sec, 1234567890);
    assert_int_equal(made.st_mtim.tv_nsec, 123456789);
    assert_int_equal(unlinkat(dir->fd, "prefix/copy", 0), 0);
}

static void a_copy_has_its_own_inode_mode_and_the_time(void **state)
{
    struct scratch dir = make_source();

    (void)state;
    check_copy(&dir, ENVM_LINK_COPY, 0755);
    check_copy(&dir, ENVM_LINK_COPY, 0666);
    check_copy(&dir, ENVM_LINK_REFLINK, 0644);
    scratch_drop(&dir);
}

static void large_and_empty_files(void **state)
{
    struct scratch dir = scratch_make();
    struct envm_buf text = envm_buf_text();
    struct envm_buf copy = envm_buf_text();
    int fd;

    (void)state;
    for (unsigned i = 0; i < 400000; i++)
        envm_buf_printf(&text, "%u,", i);
    OK(envm_fs_create(dir.fd, rel("large"), 0644, &fd, &err));
    OK(envm_fs_write_fd(fd, "large", envm_buf_str(&text), &err));
    close(fd);
    OK(envm_fs_clone(dir.fd, rel("large"), dir.fd, rel("copy"), 0644, ENVM_LINK_COPY, NULL, &err));
    OK(envm_fs_read_at(dir.fd, rel("copy"), &copy, &err));
    assert_true(envm_str_equal(envm_buf_str(&text), envm_buf_str(&copy)));
    scratch_write(&dir, "empty", "");
    OK(envm_fs_clone(dir.fd, rel("empty"), dir.fd, rel("empty-copy"), 0644, ENVM_LINK_COPY, NULL,
                     &err));
    scratch_holds(&dir, "empty-copy", "");
    envm_buf_release(&text);
    envm_buf_release(&copy);
    scratch_drop(&dir);
}

/* Another file system: hard link and reflink are impossible there. Skipped where none is mounted.
 */
static void between_file_systems(void **state)
{
    struct scratch dir = make_source();
    char path[] = "/dev/shm/envm-test-XXXXXX";
    enum envm_link_mode used = ENVM_LINK_AUTO;
    struct stat here;
    struct stat there;
    int other;

    (void)state;
    if (!mkdtemp(path) || stat(path, &there) != 0 || stat(dir.path, &here) != 0 ||
        here.st_dev == there.st_dev) {
        print_message("no second file system in /dev/shm: skipped\n");
        rmdir(path);
        scratch_drop(&dir);
        skip();
    }
    other = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    OK(envm_fs_clone(dir.fd, rel("cache/tool"), other, rel("tool"), 0755, ENVM_LINK_AUTO, &used,
                     &err));
    assert_int_equal(used, ENVM_LINK_COPY);
    OK(envm_fs_clone(dir.fd, rel("cache/tool"), other, rel("hard"), 0755, ENVM_LINK_HARD, &used,
                     &err));
    assert_int_equal(used, ENVM_LINK_COPY);
    unlinkat(other, "tool", 0);
    unlinkat(other, "hard", 0);
    close(other);
    rmdir(path);
    scratch_drop(&dir);
}

static void what_must_not_be_cloned(void **state)
{
    static const enum envm_link_mode modes[] = {ENVM_LINK_AUTO, ENVM_LINK_HARD, ENVM_LINK_REFLINK,
                                                ENVM_LINK_COPY};
    struct scratch dir = make_source();

    (void)state;
    assert_int_equal(symlinkat("tool", dir.fd, "cache/link"), 0);
    assert_int_equal(symlinkat("../cache", dir.fd, "prefix/dir-link"), 0);
    assert_int_equal(mkfifoat(dir.fd, "cache/fifo", 0600), 0);
    scratch_write(&dir, "prefix/there", "old");
    for (size_t i = 0; i < sizeof(modes) / sizeof(*modes); i++) {
        enum envm_link_mode m = modes[i];

        FAILS(ENVM_UNSAFE, envm_fs_clone(dir.fd, rel("cache/link"), dir.fd, rel("prefix/x"), 0644,
                                         m, NULL, &err));
        FAILS(ENVM_UNSAFE, envm_fs_clone(dir.fd, rel("cache/fifo"), dir.fd, rel("prefix/x"), 0644,
                                         m, NULL, &err));
        FAILS(ENVM_UNSAFE,
              envm_fs_clone(dir.fd, rel("cache"), dir.fd, rel("prefix/x"), 0644, m, NULL, &err));
        FAILS(ENVM_UNSAFE, envm_fs_clone(dir.fd, rel("cache/tool"), dir.fd,
                                         rel("prefix/dir-link/x"), 0644, m, NULL, &err));
        FAILS(ENVM_UNSAFE, envm_fs_clone(dir.fd, rel("prefix/dir-link/tool"), dir.fd,
                                         rel("prefix/x"), 0644, m, NULL, &err));
        FAILS(ENVM_IO, envm_fs_clone(dir.fd, rel("cache/none"), dir.fd, rel("prefix/x"), 0644, m,
                                     NULL, &err));
        FAILS(ENVM_IO, envm_fs_clone(dir.fd, rel("cache/tool"), dir.fd, rel("prefix/there"), 0644,
                                     m, NULL, &err));
        FAILS(ENVM_IO,
              envm_fs_clone(dir.fd, rel("cache/tool"), dir.fd, rel("none/x"), 0644, m, NULL, &err));
        assert_false(scratch_has(&dir, "prefix/x"));
    }
    scratch_holds(&dir, "prefix/there", "old");
    scratch_drop(&dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hard_link_shares_the_inode),
        cmocka_unit_test(a_copy_has_its_own_inode_mode_and_the_time),
        cmocka_unit_test(large_and_empty_files),
        cmocka_unit_test(between_file_systems),
        cmocka_unit_test(what_must_not_be_cloned),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
