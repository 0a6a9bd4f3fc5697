/* SPDX-License-Identifier: MIT
 *
 * Files at dirfd level. Two kinds of path exist: a *user path* (const char *, what a person or the
 * configuration gave: an environment file, the cache root, a prefix), opened once; and everything
 * below such a root, which is (dirfd, struct envm_relpath) and is resolved with
 * openat2(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS), or by a component walk
 * with O_NOFOLLOW where the kernel has no openat2. All descriptors are O_CLOEXEC; EINTR and short
 * reads and writes are handled here. Thread-safe; errors are ENVM_IO with the path in the text,
 * ENVM_UNSAFE when a symlink or ".." stands in the way below a root.
 */
#ifndef ENVM_SYS_FS_H
#define ENVM_SYS_FS_H

#include <sys/stat.h>

#include <envm/error.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/relpath.h"

/* --- user paths --------------------------------------------------------------------------- */

/* Opens a directory for use as dirfd (O_DIRECTORY; symlinks in a user path are followed). */
enum envm_code envm_fs_open_root(const char *path, int *ret_fd, struct envm_error *err);
/* mkdir -p with `mode`, then opens it. */
enum envm_code envm_fs_make_root(const char *path, mode_t mode, int *ret_fd,
                                 struct envm_error *err);
/* The same without opening it. *ret_made are the folders that were missing, the outermost first;
 * with `sync` they are on disk. It is set on failure, too. */
enum envm_code envm_fs_make_missing(struct envm_arena *arena, const char *path, mode_t mode,
                                    bool sync, struct envm_str_list *ret_made,
                                    struct envm_error *err);
/* Removes a user's directory if it is empty; failing is nothing. */
void envm_fs_remove_empty(const char *path);
/* Opens a regular file for reading; "-" is stdin. */
enum envm_code envm_fs_open_user_file(const char *path, int *ret_fd, struct envm_error *err);
/* Reads a user's file whole; ENVM_MALFORMED when it is longer than buf->limit. */
enum envm_code envm_fs_read_user_file(const char *path, struct envm_buf *buf,
                                      struct envm_error *err);
/* Replaces a user's file atomically (temporary beside it, fsync, rename; keeps the mode of an
 * existing file, follows a symlink at the last component). */
enum envm_code envm_fs_write_user_file(const char *path, envm_str content, struct envm_error *err);
/* The path that envm_fs_write_user_file writes to: `path`, or where it leads as a symlink. The
 * folders above may be symlinks still. In the arena, or `path` itself. */
enum envm_code envm_fs_user_target(struct envm_arena *arena, const char *path,
                                   const char **ret_path, struct envm_error *err);
/* Appends a line (without its line break) to a user's file, which is made when absent. It is one
 * write in append mode, so that it does not harm what others append at the same time. */
enum envm_code envm_fs_append_user_line(const char *path, envm_str line, struct envm_error *err);
/* Absolute, lexically cleaned (no ".", "..", "//", trailing slash); symlinks of existing parents
 * are resolved. The result is NUL-terminated. */
enum envm_code envm_fs_absolute(struct envm_arena *arena, const char *path, envm_str *ret_path,
                                struct envm_error *err);
enum envm_fs_kind {
    ENVM_FS_ABSENT,
    ENVM_FS_FILE,
    ENVM_FS_DIRECTORY,
    ENVM_FS_SYMLINK,
    ENVM_FS_OTHER,
};
enum envm_fs_kind envm_fs_kind_of(mode_t mode);
/* Kind of what a user path leads to (symlinks followed; dangling = ABSENT). */
enum envm_fs_kind envm_fs_user_kind(const char *path);
/* Whether the last component of a user path is a symlink; then *ret_real is the path that it leads
 * to without any symlink, in the arena, "" when it is dangling. */
bool envm_fs_user_link(struct envm_arena *arena, const char *path, envm_str *ret_real);

/* --- below a root ------------------------------------------------------------------------- */

enum envm_code envm_fs_open_dir(int dirfd, struct envm_relpath path, int *ret_fd,
                                struct envm_error *err);
enum envm_code envm_fs_open_read(int dirfd, struct envm_relpath path, int *ret_fd,
                                 struct envm_error *err);
/* O_CREAT|O_EXCL|O_NOFOLLOW; the parent must exist. */
enum envm_code envm_fs_create(int dirfd, struct envm_relpath path, mode_t mode, int *ret_fd,
                              struct envm_error *err);
enum envm_code envm_fs_mkdir(int dirfd, struct envm_relpath path, mode_t mode,
                             struct envm_error *err);
/* mkdir -p below the root; existing directories are fine. */
enum envm_code envm_fs_make_dirs(int dirfd, struct envm_relpath path, mode_t mode,
                                 struct envm_error *err);
enum envm_code envm_fs_symlink(int dirfd, struct envm_relpath path, const char *target,
                               struct envm_error *err);
/* lstat. *ret_kind is ENVM_FS_ABSENT when nothing is there (not an error). `ret_stat` may be NULL.
 */
enum envm_code envm_fs_stat(int dirfd, struct envm_relpath path, enum envm_fs_kind *ret_kind,
                            struct stat *ret_stat, struct envm_error *err);
enum envm_code envm_fs_read_link(int dirfd, struct envm_relpath path, struct envm_arena *arena,
                                 envm_str *ret_target, struct envm_error *err);
enum envm_code envm_fs_unlink(int dirfd, struct envm_relpath path, struct envm_error *err);
/* Removes an empty directory. *ret_removed is false when it is not empty, not a directory or not
 * there, or in use as a mount point: nothing happened then, and that is not an error. */
enum envm_code envm_fs_rmdir(int dirfd, struct envm_relpath path, bool *ret_removed,
                             struct envm_error *err);
/* Whether entries of the directory may be made and removed by this process, as far as the kernel
 * tells before it is tried: ENVM_IO when not. */
enum envm_code envm_fs_check_writable(int dirfd, struct envm_relpath path, struct envm_error *err);
enum envm_code envm_fs_rename(int from_dirfd, struct envm_relpath from, int to_dirfd,
                              struct envm_relpath to, struct envm_error *err);
/* RENAME_NOREPLACE (link+unlink or check+rename where the kernel lacks it). *ret_existed tells that
 * the target was there and nothing happened; that is not an error. */
enum envm_code envm_fs_rename_new(int from_dirfd, struct envm_relpath from, int to_dirfd,
                                  struct envm_relpath to, bool *ret_existed,
                                  struct envm_error *err);
enum envm_code envm_fs_read_at(int dirfd, struct envm_relpath path, struct envm_buf *buf,
                               struct envm_error *err);

/* --- descriptors -------------------------------------------------------------------------- */

/* Reads to the end, or fails with ENVM_MALFORMED when buf->limit is passed. `name` is for messages.
 */
enum envm_code envm_fs_read_fd(int fd, const char *name, struct envm_buf *buf,
                               struct envm_error *err);
/* Appends up to `most` bytes, fewer only at the end of the file: *ret_end tells. */
enum envm_code envm_fs_read_part(int fd, const char *name, size_t most, struct envm_buf *buf,
                                 bool *ret_end, struct envm_error *err);
enum envm_code envm_fs_write_fd(int fd, const char *name, envm_str bytes, struct envm_error *err);
/* The same at a place of the file; threads may write to different places of one file. */
enum envm_code envm_fs_write_fd_at(int fd, const char *name, envm_str bytes, uint64_t offset,
                                   struct envm_error *err);
/* Cuts a regular file that is longer than `length`, and leaves any other alone. False with errno
 * set. Always this instead of ftruncate(fd, 0): what was once cut to nothing, be it empty, ext4
 * writes to the disk when it is closed (mount(8), auto_da_alloc), even a file without a name. */
bool envm_fs_cut_fd(int fd, uint64_t length);
enum envm_code envm_fs_sync_fd(int fd, const char *name, struct envm_error *err);
/* syncfs of the file system that fd is on. */
enum envm_code envm_fs_sync_all(int fd, const char *name, struct envm_error *err);
/* A read-only private mapping of a whole file; empty files give {"" , 0}. */
enum envm_code envm_fs_map(int fd, const char *name, envm_str *ret_bytes, struct envm_error *err);
void envm_fs_unmap(envm_str bytes);
/* Bytes free for this user on the file system of fd. */
enum envm_code envm_fs_free_space(int fd, uint64_t *ret_bytes, struct envm_error *err);

#endif
