/* SPDX-License-Identifier: MIT
 *
 * The part of sys/fs.h that takes the paths people write: symbolic links are followed, as everyone
 * expects of a path on a command line.
 */
#include "sys/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/str.h"
#include "sys/fs_beneath.h"

#define LINKS_MAX 40

static int open_retry(const char *path, int flags, mode_t mode)
{
    int fd;

    do
        fd = open(path, flags | O_CLOEXEC, mode);
    while (fd < 0 && errno == EINTR);
    return fd;
}

enum envm_code envm_fs_open_root(const char *path, int *ret_fd, struct envm_error *err)
{
    int fd = open_retry(path, O_RDONLY | O_DIRECTORY, 0);

    if (fd < 0)
        return envm_fs_fail_user(err, errno, "opening directory", path);
    *ret_fd = fd;
    return ENVM_OK;
}

/* mkdir of every ancestor that is missing. Errors other than "exists" are left to the last mkdir:
 * an ancestor may be unwritable and still there. */
static int make_parents(const char *path, mode_t mode)
{
    ENVM_CLEANUP(envm_heap) char *copy = envm_strdup(path);

    for (char *at = copy + 1; *at; at++) {
        if (*at != '/' || at[1] == '/' || at[1] == '\0')
            continue;
        *at = '\0';
        mkdir(copy, mode);
        *at = '/';
    }
    if (mkdir(copy, mode) != 0 && errno != EEXIST)
        return -errno;
    return 0;
}

enum envm_code envm_fs_make_root(const char *path, mode_t mode, int *ret_fd, struct envm_error *err)
{
    int fd = open_retry(path, O_RDONLY | O_DIRECTORY, 0);

    if (fd < 0 && errno == ENOENT && path[0]) {
        int status = make_parents(path, mode);

        if (status < 0)
            return envm_fs_fail_user(err, -status, "making directory", path);
        fd = open_retry(path, O_RDONLY | O_DIRECTORY, 0);
    }
    if (fd < 0)
        return envm_fs_fail_user(err, errno, "opening directory", path);
    *ret_fd = fd;
    return ENVM_OK;
}

/* The folders above `path` and itself that are not there, the outermost first. */
static struct envm_str_list missing_folders(struct envm_arena *arena, const char *path)
{
    envm_str at = envm_str_from(path);
    size_t count = 0;
    envm_str *items = envm_arena_new_array(arena, envm_str, at.len + 1);

    while (at.len > 1 && at.len != SIZE_MAX && envm_fs_user_kind(at.ptr) == ENVM_FS_ABSENT) {
        size_t slash = envm_str_find_last_char(at, '/');

        items[count++] = at;
        at = slash == SIZE_MAX ? (envm_str){0} : envm_arena_str(arena, envm_str_n(at.ptr, slash));
    }
    for (size_t i = 0; i < count / 2; i++) {
        envm_str other = items[i];

        items[i] = items[count - 1 - i];
        items[count - 1 - i] = other;
    }
    return (struct envm_str_list){items, count};
}

static enum envm_code sync_above(struct envm_arena *arena, envm_str path, struct envm_error *err)
{
    size_t slash = envm_str_find_last_char(path, '/');
    ENVM_CLEANUP(envm_fd) int fd = -1;

    ENVM_TRY(envm_fs_open_root(slash == 0 ? "/" : envm_cstr(arena, envm_str_n(path.ptr, slash)),
                               &fd, err));
    return envm_fs_sync_fd(fd, path.ptr, err);
}

enum envm_code envm_fs_make_missing(struct envm_arena *arena, const char *path, mode_t mode,
                                    bool sync, struct envm_str_list *ret_made,
                                    struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    *ret_made = missing_folders(arena, path);
    if (ret_made->count == 0)
        return ENVM_OK;
    ENVM_TRY(envm_fs_make_root(path, mode, &fd, err));
    for (size_t i = 0; sync && i < ret_made->count; i++)
        ENVM_TRY(sync_above(arena, ret_made->items[i], err));
    return ENVM_OK;
}

void envm_fs_remove_empty(const char *path)
{
    (void)rmdir(path);
}

enum envm_code envm_fs_open_user_file(const char *path, int *ret_fd, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct stat status;

    if (strcmp(path, "-") == 0)
        fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    else
        fd = open_retry(path, O_RDONLY | O_NOCTTY, 0);
    if (fd < 0 || fstat(fd, &status) != 0)
        return envm_fs_fail_user(err, errno, "opening", path);
    if (S_ISDIR(status.st_mode))
        return envm_fs_fail_user(err, EISDIR, "opening", path);
    *ret_fd = ENVM_TAKE(fd, -1);
    return ENVM_OK;
}

enum envm_code envm_fs_read_user_file(const char *path, struct envm_buf *buf,
                                      struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    ENVM_TRY(envm_fs_open_user_file(path, &fd, err));
    return envm_fs_read_fd(fd, path, buf, err);
}

enum envm_fs_kind envm_fs_user_kind(const char *path)
{
    struct stat status;

    if (stat(path, &status) != 0)
        return ENVM_FS_ABSENT;
    if (S_ISREG(status.st_mode))
        return ENVM_FS_FILE;
    return S_ISDIR(status.st_mode) ? ENVM_FS_DIRECTORY : ENVM_FS_OTHER;
}

bool envm_fs_user_link(struct envm_arena *arena, const char *path, envm_str *ret_real)
{
    struct stat status;
    char *real;

    if (lstat(path, &status) != 0 || !S_ISLNK(status.st_mode))
        return false;
    real = realpath(path, NULL);
    *ret_real = envm_arena_str(arena, envm_str_from(real));
    free(real);
    return true;
}

/* --- absolute paths ------------------------------------------------------------------------- */

/* Appends the components of `path` to the absolute path in `buf` ("" is the root). */
static void add_components(struct envm_buf *buf, envm_str path)
{
    envm_str component;

    while (envm_str_split_next(&path, '/', &component)) {
        if (component.len == 0 || envm_str_equal_c(component, "."))
            continue;
        if (envm_str_equal_c(component, "..")) {
            size_t at = envm_str_find_last_char(envm_buf_str(buf), '/');

            buf->len = at == SIZE_MAX ? 0 : at;
            continue;
        }
        envm_buf_add_byte(buf, '/');
        envm_buf_add_str(buf, component);
    }
}

/* Resolves the longest existing ancestor of the clean absolute path; what does not exist yet stays
 * as it is written. The last component is never resolved. */
static envm_str resolve_parents(struct envm_arena *arena, envm_str clean)
{
    size_t at = envm_str_find_last_char(clean, '/');

    while (at != SIZE_MAX && at > 0) {
        envm_str head = envm_str_slice(clean, 0, at);
        char *real = realpath(envm_cstr(arena, head), NULL);

        if (real) {
            envm_str tail = envm_str_skip(clean, at);
            envm_str base = strcmp(real, "/") == 0 ? ENVM_STR("") : envm_str_from(real);
            envm_str whole = envm_arena_concat(arena, base, tail);

            free(real);
            return whole;
        }
        at = envm_str_find_last_char(head, '/');
    }
    return envm_arena_str(arena, clean);
}

enum envm_code envm_fs_absolute(struct envm_arena *arena, const char *path, envm_str *ret_path,
                                struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf clean = envm_buf_text();

    if (!path[0])
        return envm_fail(err, ENVM_USAGE, "a path must not be empty");
    if (path[0] != '/') {
        char *here = getcwd(NULL, 0);

        if (!here)
            return envm_fail_errno(err, errno, "looking up the current directory");
        add_components(&clean, envm_str_from(here));
        free(here);
    }
    add_components(&clean, envm_str_from(path));
    if (clean.len == 0)
        *ret_path = envm_arena_str(arena, ENVM_STR("/"));
    else
        *ret_path = resolve_parents(arena, envm_buf_str(&clean));
    return ENVM_OK;
}

/* --- replacing a user's file ---------------------------------------------------------------- */

/* Follows the links at the last component by hand, since the last one may dangle: the file that a
 * link announces is then made where the link says. */
enum envm_code envm_fs_user_target(struct envm_arena *arena, const char *path,
                                   const char **ret_path, struct envm_error *err)
{
    char target[4096];

    for (int i = 0; i < LINKS_MAX; i++) {
        ssize_t len = readlink(path, target, sizeof(target) - 1);
        size_t slash = envm_str_find_last_char(envm_str_from(path), '/');
        envm_str dir = envm_str_n(path, slash == SIZE_MAX ? 0 : slash + 1);

        if (len < 0 || len == (ssize_t)sizeof(target) - 1) {
            *ret_path = path;
            return ENVM_OK;
        }
        if (target[0] == '/')
            dir = ENVM_STR("");
        path = envm_arena_concat(arena, dir, envm_str_n(target, (size_t)len)).ptr;
    }
    return envm_fs_fail_user(err, ELOOP, "writing", path);
}

/* A device or a pipe (/dev/stdout) cannot be replaced, only written to. */
static enum envm_code write_in_place(const char *path, envm_str content, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = open_retry(path, O_WRONLY | O_NOCTTY, 0);

    if (fd < 0)
        return envm_fs_fail_user(err, errno, "opening", path);
    return envm_fs_write_fd(fd, path, content, err);
}

static enum envm_code fill_temp(int fd, const char *path, envm_str content, const struct stat *old,
                                struct envm_error *err)
{
    if (old) {
        /* Root that edits somebody's file leaves it theirs, where the file system lets it. */
        if (fchown(fd, old->st_uid, old->st_gid) != 0 && errno != EPERM && errno != EINVAL)
            return envm_fs_fail_user(err, errno, "setting the owner of", path);
        if (fchmod(fd, old->st_mode & 07777) != 0)
            return envm_fs_fail_user(err, errno, "setting the mode of", path);
    }
    ENVM_TRY(envm_fs_write_fd(fd, path, content, err));
    return envm_fs_sync_fd(fd, path, err);
}

/* Gives the unnamed file of `fd` a name. */
static int give_name(int fd, int dirfd, const char *name)
{
    char self[64];

    snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
    return linkat(AT_FDCWD, self, dirfd, name, AT_SYMLINK_FOLLOW);
}

/* A complete file named `temp`. It has no name while it is written, where the file system and /proc
 * allow that: then a process that is killed leaves nothing in the user's folder. */
static enum envm_code write_temp(int dirfd, const char *temp, const char *path, envm_str content,
                                 const struct stat *old, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = openat(dirfd, ".", O_WRONLY | O_TMPFILE | O_CLOEXEC, 0666);
    enum envm_code code;

    if (fd >= 0) {
        ENVM_TRY(fill_temp(fd, path, content, old, err));
        if (give_name(fd, dirfd, temp) == 0)
            return ENVM_OK;
        envm_close_fd(&fd);
    }
    fd = openat(dirfd, temp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0666);
    if (fd < 0)
        return envm_fs_fail_user(err, errno, "writing", path);
    code = fill_temp(fd, path, content, old, err);
    if (code != ENVM_OK)
        unlinkat(dirfd, temp, 0);
    return code;
}

static enum envm_code replace_in(int dirfd, const char *leaf, const char *path, envm_str content,
                                 const struct stat *old, struct envm_error *err)
{
    char random[ENVM_RANDOM_NAME_SIZE];
    char temp[32 + ENVM_RANDOM_NAME_SIZE];
    enum envm_code code = ENVM_OK;
    int status = envm_beneath_random_name(random);

    if (status < 0)
        return envm_fs_fail_user(err, -status, "writing", path);
    snprintf(temp, sizeof(temp), ".envm-%s.tmp", random);
    ENVM_TRY(write_temp(dirfd, temp, path, content, old, err));
    if (renameat(dirfd, temp, dirfd, leaf) != 0)
        code = envm_fs_fail_user(err, errno, "writing", path);
    if (code != ENVM_OK)
        unlinkat(dirfd, temp, 0);
    else if ((status = envm_beneath_sync_dir(dirfd)) < 0)
        code = envm_fs_fail_user(err, -status, "writing to disk", path);
    return code;
}

enum envm_code envm_fs_write_user_file(const char *path, envm_str content, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_fd) int dirfd = -1;
    struct stat old;
    bool exists;
    const char *real = NULL;
    size_t slash;

    /* Before links are followed: that of a pipe below /proc leads nowhere by its text. */
    exists = stat(path, &old) == 0;
    if (exists && S_ISDIR(old.st_mode))
        return envm_fs_fail_user(err, EISDIR, "writing", path);
    if (exists && !S_ISREG(old.st_mode))
        return write_in_place(path, content, err);
    ENVM_TRY(envm_fs_user_target(&arena, path, &real, err));
    slash = envm_str_find_last_char(envm_str_from(real), '/');
    if (slash == SIZE_MAX)
        ENVM_TRY(envm_fs_open_root(".", &dirfd, err));
    else
        ENVM_TRY(envm_fs_open_root(envm_cstr(&arena, envm_str_n(real, slash + 1)), &dirfd, err));
    return replace_in(dirfd, slash == SIZE_MAX ? real : real + slash + 1, path, content,
                      exists ? &old : NULL, err);
}

/* True when the file has text whose last line was not ended. */
static bool ends_within_line(int fd)
{
    char last = '\n';
    off_t end = lseek(fd, 0, SEEK_END);

    return end > 0 && pread(fd, &last, 1, end - 1) == 1 && last != '\n';
}

enum envm_code envm_fs_append_user_line(const char *path, envm_str line, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    ENVM_CLEANUP(envm_fd) int fd = open(path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC, 0666);

    if (fd < 0)
        return envm_fs_fail_user(err, errno, "opening", path);
    if (ends_within_line(fd))
        envm_buf_add_byte(&text, '\n');
    envm_buf_add_str(&text, line);
    envm_buf_add_byte(&text, '\n');
    return envm_fs_write_fd(fd, path, envm_buf_str(&text), err);
}
