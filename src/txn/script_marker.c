/* SPDX-License-Identifier: MIT */
#include "txn/script_marker.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/str.h"
#include "codec/digest.h"
#include "sys/clock.h"
#include "sys/fs_lock.h"
#include "sys/fs_temp.h"

#define MARKER_MAX ((size_t)4096)
#define NAME_IN_MARKER_MAX 180
#define POLL_MS 50

enum envm_code envm_marker_place(struct envm_arena *arena, envm_str prefix, int *ret_parent_fd,
                                 struct envm_relpath *ret_name, struct envm_relpath *ret_marker,
                                 struct envm_error *err)
{
    size_t slash = envm_str_find_last_char(prefix, '/');
    envm_str parent = slash == 0 ? ENVM_STR("/") : envm_str_slice(prefix, 0, slash);
    envm_str name;
    struct envm_sha256 digest;

    if (slash == SIZE_MAX)
        return envm_fail(err, ENVM_USAGE, "'%.*s' is not absolute", ENVM_STR_ARGS(prefix));
    name = envm_str_skip(prefix, slash + 1);
    ENVM_TRY(envm_relpath_parse(arena, name, ret_name, err));
    /* A long name, and what is put around it, would be too long for a file. */
    digest = envm_sha256_of(name);
    if (name.len > NAME_IN_MARKER_MAX)
        name = envm_arena_printf(arena, "%.32s", envm_sha256_hex(&digest).text);
    ENVM_TRY(envm_relpath_parse(
        arena, envm_arena_printf(arena, ".%.*s.envm-trial", ENVM_STR_ARGS(name)), ret_marker, err));
    return envm_fs_open_root(envm_cstr(arena, parent), ret_parent_fd, err);
}

const char *envm_marker_start(struct envm_arena *arena, struct envm_relpath marker, const char *end)
{
    return envm_arena_printf(arena, "%.*s%s", ENVM_STR_ARGS(marker.s), end).ptr;
}

enum envm_code envm_marker_check_owner(int parent_fd, struct envm_relpath marker, int fd,
                                       struct envm_error *err)
{
    struct stat parent;
    struct stat status;

    if (fstat(parent_fd, &parent) != 0 || fstat(fd, &status) != 0)
        return envm_fail_errno(err, errno, "looking at the marker of a trial");
    if (!(parent.st_mode & S_ISVTX) || status.st_uid == geteuid() || status.st_uid == 0 ||
        status.st_uid == parent.st_uid)
        return ENVM_OK;
    (void)envm_fail(err, ENVM_UNSAFE,
                    "the file '%s' beside the environment belongs to another user (%u)",
                    marker.s.ptr, (unsigned)status.st_uid);
    return envm_error_hint(err, ENVM_UNSAFE,
                           "it says that link scripts of the environment were interrupted; ask the "
                           "user, or have it removed");
}

enum envm_code envm_marker_write(int fd, struct envm_relpath tree, int tree_fd,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    const char *name = "the marker of a trial";
    struct statx status;

    /* What a killed trial wrote of which nothing else is left. */
    if (statx(tree_fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &status) != 0 ||
        ftruncate(fd, 0) != 0 || lseek(fd, 0, SEEK_SET) != 0)
        return envm_fail_errno(err, errno, "writing %s", name);
    envm_buf_printf(&text, "%.*s\n%" PRIu64, ENVM_STR_ARGS(tree.s), (uint64_t)status.stx_ino);
    if (status.stx_mask & STATX_BTIME)
        envm_buf_printf(&text, " %" PRIu64 " %" PRIu64, (uint64_t)status.stx_btime.tv_sec,
                        (uint64_t)status.stx_btime.tv_nsec);
    envm_buf_add_byte(&text, '\n');
    ENVM_TRY(envm_fs_write_fd(fd, name, envm_buf_str(&text), err));
    return envm_fs_sync_fd(fd, name, err);
}

enum envm_code envm_marker_clear(int fd, struct envm_error *err)
{
    if (ftruncate(fd, 0) != 0)
        return envm_fail_errno(err, errno, "clearing the marker of a trial");
    return envm_fs_sync_fd(fd, "the marker of a trial", err);
}

static bool take_line(envm_str *rest, envm_str *ret_line)
{
    size_t end = envm_str_find_char(*rest, '\n');

    if (end == SIZE_MAX)
        return false;
    *ret_line = envm_str_slice(*rest, 0, end);
    *rest = envm_str_skip(*rest, end + 1);
    return true;
}

static bool read_identity(envm_str line, struct envm_marker *marker)
{
    envm_str word;

    if (!envm_str_next_word(&line, &word) || !envm_str_parse_u64(word, &marker->inode))
        return false;
    marker->has_birth =
        envm_str_next_word(&line, &word) && envm_str_parse_u64(word, &marker->birth_seconds) &&
        envm_str_next_word(&line, &word) && envm_str_parse_u64(word, &marker->birth_nanoseconds);
    return true;
}

/* Of a change, of making one, and of making one with a long name. Whatever else is named is not
 * removed, whoever wrote it there. */
static bool can_be_tree(struct envm_arena *arena, struct envm_relpath name,
                        struct envm_relpath marker, envm_str tree)
{
    envm_str staging = envm_arena_printf(arena, ".%.*s.envm-", ENVM_STR_ARGS(name.s));

    return envm_fs_is_temp_name(tree, envm_marker_start(arena, marker, "-")) ||
           envm_fs_is_temp_name(tree, staging.ptr) || envm_fs_is_temp_name(tree, ".envm-");
}

enum envm_code envm_marker_read(struct envm_arena *arena, int fd, struct envm_relpath name,
                                struct envm_relpath marker, struct envm_marker *ret_marker,
                                struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(MARKER_MAX);
    struct envm_marker found = {0};
    envm_str rest;
    envm_str tree;
    envm_str line;

    *ret_marker = found;
    ENVM_TRY(envm_fs_read_fd(fd, "the marker of a trial", &text, err));
    rest = envm_buf_str(&text);
    if (!take_line(&rest, &tree) || !take_line(&rest, &line) || !read_identity(line, &found))
        return ENVM_OK;
    if (!can_be_tree(arena, name, marker, tree)) {
        (void)envm_fail(err, ENVM_UNSAFE, "'%s' names no folder of a trial", marker.s.ptr);
        return envm_error_hint(err, ENVM_UNSAFE, "envm did not write it: remove it");
    }
    ENVM_TRY(envm_relpath_parse(arena, tree, &found.tree, err));
    *ret_marker = found;
    return ENVM_OK;
}

enum envm_code envm_marker_is_tree(const struct envm_marker *marker, int parent_fd,
                                   struct envm_relpath path, bool *ret_is_tree,
                                   struct envm_error *err)
{
    struct statx status;

    *ret_is_tree = false;
    if (statx(parent_fd, path.s.ptr, AT_SYMLINK_NOFOLLOW, STATX_TYPE | STATX_INO | STATX_BTIME,
              &status) != 0)
        return errno == ENOENT ? ENVM_OK
                               : envm_fail_errno(err, errno, "looking at '%s'", path.s.ptr);
    *ret_is_tree = S_ISDIR(status.stx_mode) && (uint64_t)status.stx_ino == marker->inode;
    if (marker->has_birth && (status.stx_mask & STATX_BTIME))
        *ret_is_tree = *ret_is_tree && (uint64_t)status.stx_btime.tv_sec == marker->birth_seconds &&
                       (uint64_t)status.stx_btime.tv_nsec == marker->birth_nanoseconds;
    return ENVM_OK;
}

enum envm_code envm_marker_claim(int parent_fd, struct envm_relpath marker, unsigned timeout_ms,
                                 const struct envm_sink *sink, int *ret_fd, struct envm_error *err)
{
    uint64_t start = envm_clock_monotonic_ms();

    for (;;) {
        ENVM_TRY(envm_fs_claim_file(parent_fd, marker, ret_fd, err));
        if (*ret_fd >= 0)
            return ENVM_OK;
        if (envm_sink_cancelled(sink))
            return envm_fail(err, ENVM_INTERRUPTED, "interrupted; nothing was changed");
        if (envm_clock_monotonic_ms() - start >= timeout_ms)
            break;
        envm_clock_sleep_ms(POLL_MS);
    }
    (void)envm_fail(err, ENVM_LOCKED, "another process is running link scripts of the environment");
    return envm_error_hint(err, ENVM_LOCKED, "wait for it to end, or end it, and try again");
}
