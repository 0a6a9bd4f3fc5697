/* SPDX-License-Identifier: MIT
 *
 * A directory of its own for a test, removed at the end. For tests of src/sys and the floors above.
 */
#ifndef ENVM_TESTS_SCRATCH_H
#define ENVM_TESTS_SCRATCH_H

#include "check.h"

#include "sys/fs.h"
#include "sys/fs_tree.h"

struct scratch {
    char path[512];
    int fd;
};

static __attribute__((unused)) struct scratch scratch_make(void)
{
    const char *base = getenv("TMPDIR");
    struct scratch dir = {.fd = -1};

    snprintf(dir.path, sizeof(dir.path), "%s/envm-test-XXXXXX", base && base[0] ? base : "/tmp");
    assert_non_null(mkdtemp(dir.path));
    dir.fd = open(dir.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(dir.fd >= 0);
    return dir;
}

static __attribute__((unused)) void scratch_drop(struct scratch *dir)
{
    char *slash = strrchr(dir->path, '/');
    int parent;

    close(dir->fd);
    *slash = '\0';
    parent = open(dir->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    OK(envm_fs_remove_tree(parent, (struct envm_relpath){{slash + 1, strlen(slash + 1)}}, &err));
    close(parent);
}

/* A file with content below the scratch directory; its parent exists. */
static __attribute__((unused)) void scratch_write(const struct scratch *dir, const char *path,
                                                  const char *content)
{
    int fd = openat(dir->fd, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

    assert_true(fd >= 0);
    assert_int_equal(write(fd, content, strlen(content)), strlen(content));
    close(fd);
}

/* The file holds exactly this. */
static __attribute__((unused)) void scratch_holds(const struct scratch *dir, const char *path,
                                                  const char *content)
{
    char text[4096];
    int fd = openat(dir->fd, path, O_RDONLY | O_CLOEXEC);
    ssize_t len;

    if (fd < 0)
        fail_msg("%s is not there", path);
    len = read(fd, text, sizeof(text) - 1);
    close(fd);
    assert_true(len >= 0);
    text[len] = '\0';
    assert_string_equal(text, content);
}

static __attribute__((unused)) bool scratch_has(const struct scratch *dir, const char *path)
{
    struct stat status;

    return fstatat(dir->fd, path, &status, AT_SYMLINK_NOFOLLOW) == 0;
}

#endif
