/* SPDX-License-Identifier: MIT */
#include "txn/script_marker.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/str.h"
#include "codec/digest.h"
#include "sys/clock.h"
#include "sys/fs_lock.h"

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

enum envm_code envm_marker_write(int fd, struct envm_relpath tree, int tree_fd,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    const char *name = "the marker of a trial";
    struct stat status;

    /* What a killed trial wrote of which nothing else is left. */
    if (fstat(tree_fd, &status) != 0 || ftruncate(fd, 0) != 0)
        return envm_fail_errno(err, errno, "writing %s", name);
    envm_buf_printf(&text, "%.*s\n%" PRIu64 "\n", ENVM_STR_ARGS(tree.s), (uint64_t)status.st_ino);
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

enum envm_code envm_marker_read(struct envm_arena *arena, int fd, struct envm_marker *ret_marker,
                                struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(MARKER_MAX);
    struct envm_marker marker = {0};
    envm_str rest;
    envm_str name;
    envm_str line;

    ENVM_TRY(envm_fs_read_fd(fd, "the marker of a trial", &text, err));
    rest = envm_buf_str(&text);
    if (take_line(&rest, &name) && take_line(&rest, &line) &&
        envm_str_parse_u64(line, &marker.inode))
        ENVM_TRY(envm_relpath_parse(arena, name, &marker.tree, err));
    *ret_marker = marker;
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
