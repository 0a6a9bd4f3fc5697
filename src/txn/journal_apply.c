/* SPDX-License-Identifier: MIT */
#include "txn/journal_apply.h"

#include <errno.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "codec/digest.h"
#include "sys/fs.h"
#include "sys/fs_atomic.h"
#include "sys/fs_clone.h"

#define SAVED_SUFFIX ".envm-saved"
#define SAVED_NAMES 1000
#define LEAF_MAX 255
#define APPENDED_MAX ((size_t)64 << 20)

struct apply {
    struct envm_arena *arena;
    const struct envm_journal_place *place;
    ENVM_VEC(struct envm_saved_file) saved;
};

static void apply_release(struct apply *apply)
{
    envm_vec_release(&apply->saved);
}
ENVM_DEFINE_CLEANUP(apply, struct apply, apply_release)

/* --- looking ------------------------------------------------------------------------------ */

static enum envm_code hash_file(int prefix_fd, struct envm_relpath path,
                                struct envm_sha256 *ret_sha256, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    ENVM_TRY(envm_fs_open_read(prefix_fd, path, &fd, err));
    return envm_sha256_of_fd(fd, path.s.ptr, ret_sha256, NULL, err);
}

static enum envm_code hash_link(int prefix_fd, struct envm_relpath path,
                                struct envm_sha256 *ret_sha256, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    envm_str text;

    ENVM_TRY(envm_fs_read_link(prefix_fd, path, &arena, &text, err));
    *ret_sha256 = envm_sha256_of(text);
    return ENVM_OK;
}

static enum envm_code look(int prefix_fd, struct envm_relpath path, bool hash,
                           struct envm_seen *ret_seen, struct envm_error *err)
{
    struct envm_seen seen = {0};
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct stat status = {0};

    ENVM_TRY(envm_fs_stat(prefix_fd, path, &kind, &status, err));
    seen.kind = kind == ENVM_FS_ABSENT      ? ENVM_SEEN_NOTHING
                : kind == ENVM_FS_FILE      ? ENVM_SEEN_FILE
                : kind == ENVM_FS_SYMLINK   ? ENVM_SEEN_SYMLINK
                : kind == ENVM_FS_DIRECTORY ? ENVM_SEEN_DIRECTORY
                                            : ENVM_SEEN_OTHER;
    if (kind != ENVM_FS_ABSENT) {
        seen.size = (uint64_t)status.st_size;
        seen.mtime_s = status.st_mtim.tv_sec;
        seen.mtime_ns = (uint32_t)status.st_mtim.tv_nsec;
        seen.inode = status.st_ino;
    }
    if (hash && kind == ENVM_FS_FILE)
        ENVM_TRY(hash_file(prefix_fd, path, &seen.sha256, err));
    if (hash && kind == ENVM_FS_SYMLINK)
        ENVM_TRY(hash_link(prefix_fd, path, &seen.sha256, err));
    *ret_seen = seen;
    return ENVM_OK;
}

/* The first folder above a path that is a symbolic link, looked for from the top. */
static enum envm_code is_behind_link(int prefix_fd, struct envm_relpath path, bool *ret_behind,
                                     struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    *ret_behind = false;
    for (size_t i = 0; i < path.s.len && !*ret_behind; i++) {
        struct envm_relpath above;
        enum envm_fs_kind kind = ENVM_FS_ABSENT;

        if (path.s.ptr[i] != '/')
            continue;
        ENVM_TRY(envm_relpath_parse(&arena, envm_str_slice(path.s, 0, i), &above, err));
        ENVM_TRY(envm_fs_stat(prefix_fd, above, &kind, NULL, err));
        *ret_behind = kind == ENVM_FS_SYMLINK;
    }
    return ENVM_OK;
}

enum envm_code envm_journal_look(int prefix_fd, struct envm_relpath path, bool hash,
                                 struct envm_seen *ret_seen, bool *ret_behind_link,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    enum envm_code code = look(prefix_fd, path, hash, ret_seen, &failure);
    bool behind_link = false;

    if (code == ENVM_UNSAFE && ret_behind_link)
        ENVM_TRY(is_behind_link(prefix_fd, path, &behind_link, err));
    if (ret_behind_link)
        *ret_behind_link = behind_link;
    if (behind_link) {
        *ret_seen = (struct envm_seen){0};
        return ENVM_OK;
    }
    if (code != ENVM_OK && err)
        envm_error_move(err, &failure);
    return code;
}

/* Whether what is there now is what was there when the journal was written. Times and inodes may
 * differ (a prefix that was copied or restored from a backup) when the bytes are the same. */
static enum envm_code is_as_seen(const struct apply *apply, const struct envm_journal_op *op,
                                 const struct envm_seen *now, bool *ret_same,
                                 struct envm_error *err)
{
    const struct envm_seen *then = &op->seen;
    struct envm_seen hashed = {0};

    *ret_same = false;
    if (now->kind != then->kind)
        return ENVM_OK;
    *ret_same = now->size == then->size && now->mtime_s == then->mtime_s &&
                now->mtime_ns == then->mtime_ns && now->inode == then->inode;
    if (*ret_same || !then->sha256.known)
        return ENVM_OK;
    ENVM_TRY(look(apply->place->prefix_fd, op->path, true, &hashed, err));
    *ret_same = envm_sha256_equal(&hashed.sha256, &then->sha256);
    return ENVM_OK;
}

/* --- saving ------------------------------------------------------------------------------- */

/* path + suffix; a name that would become too long is cut. */
static enum envm_code name_beside(struct apply *apply, struct envm_relpath path, envm_str suffix,
                                  struct envm_relpath *ret_name, struct envm_error *err)
{
    envm_str leaf = envm_relpath_leaf(path);
    envm_str above = envm_str_slice(path.s, 0, path.s.len - leaf.len);

    while (leaf.len + suffix.len > LEAF_MAX ||
           above.len + leaf.len + suffix.len > ENVM_RELPATH_MAX ||
           !envm_utf8_is_valid(leaf)) /* cut inside a character */
        leaf.len--;
    return envm_relpath_parse(apply->arena,
                              envm_arena_printf(apply->arena, "%.*s%.*s%.*s", ENVM_STR_ARGS(above),
                                                ENVM_STR_ARGS(leaf), ENVM_STR_ARGS(suffix)),
                              ret_name, err);
}

/* Gives what is at the path another name. */
static enum envm_code save(struct apply *apply, struct envm_relpath path, struct envm_error *err)
{
    int fd = apply->place->prefix_fd;

    for (unsigned i = 0; i < SAVED_NAMES; i++) {
        struct envm_relpath name;
        bool existed = false;
        envm_str suffix = i == 0 ? ENVM_STR(SAVED_SUFFIX)
                                 : envm_arena_printf(apply->arena, SAVED_SUFFIX ".%u", i);

        ENVM_TRY(name_beside(apply, path, suffix, &name, err));
        ENVM_TRY(envm_fs_rename_new(fd, path, fd, name, &existed, err));
        if (!existed) {
            envm_vec_push(&apply->saved,
                          ((struct envm_saved_file){envm_arena_str(apply->arena, path.s), name.s}));
            return ENVM_OK;
        }
    }
    return envm_fail(err, ENVM_IO, "keeping '%s': too many kept files of that name", path.s.ptr);
}

/* --- operations --------------------------------------------------------------------------- */

static enum envm_code apply_remove(struct apply *apply, const struct envm_journal_op *op,
                                   struct envm_error *err)
{
    int fd = apply->place->prefix_fd;
    struct envm_seen now;
    bool same = false;
    bool behind_link = false;

    ENVM_TRY(envm_journal_look(fd, op->path, false, &now, &behind_link, err));
    /* Gone already, or behind a link that the user has put in place of a folder, or a folder, which
     * another operation has made here or the user. */
    if (now.kind == ENVM_SEEN_NOTHING || now.kind == ENVM_SEEN_DIRECTORY)
        return ENVM_OK;
    if (op->disposable && now.kind == ENVM_SEEN_FILE)
        return envm_fs_unlink(fd, op->path, err);
    ENVM_TRY(is_as_seen(apply, op, &now, &same, err));
    return same && !op->save ? envm_fs_unlink(fd, op->path, err) : save(apply, op->path, err);
}

static enum envm_code apply_rmdir(struct apply *apply, const struct envm_journal_op *op,
                                  struct envm_error *err)
{
    bool removed = false;
    bool behind_link = false;
    struct envm_seen now;

    ENVM_TRY(envm_journal_look(apply->place->prefix_fd, op->path, false, &now, &behind_link, err));
    if (now.kind != ENVM_SEEN_DIRECTORY)
        return ENVM_OK;
    return envm_fs_rmdir(apply->place->prefix_fd, op->path, &removed, err);
}

static enum envm_code apply_mkdir(struct apply *apply, const struct envm_journal_op *op,
                                  struct envm_error *err)
{
    int fd = apply->place->prefix_fd;
    struct envm_seen now;

    ENVM_TRY(look(fd, op->path, false, &now, err));
    if (now.kind == ENVM_SEEN_DIRECTORY)
        return ENVM_OK;
    if (now.kind != ENVM_SEEN_NOTHING)
        ENVM_TRY(save(apply, op->path, err));
    return envm_fs_make_dirs(fd, op->path, 0777, err);
}

/* Where a mount or an overlay makes renaming impossible: copy beside the place, then rename. */
static enum envm_code put_copy(struct apply *apply, struct envm_relpath path,
                               struct envm_error *err)
{
    const struct envm_journal_place *place = apply->place;
    struct envm_relpath beside;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct stat status = {0};
    envm_str text;

    ENVM_TRY(name_beside(apply, path, ENVM_STR(".envm-new"), &beside, err));
    ENVM_TRY(envm_fs_stat(place->prefix_fd, beside, &kind, NULL, err));
    if (kind == ENVM_FS_FILE || kind == ENVM_FS_SYMLINK)
        ENVM_TRY(envm_fs_unlink(place->prefix_fd, beside, err));
    ENVM_TRY(envm_fs_stat(place->staged_fd, path, &kind, &status, err));
    if (kind == ENVM_FS_SYMLINK) {
        ENVM_TRY(envm_fs_read_link(place->staged_fd, path, apply->arena, &text, err));
        ENVM_TRY(envm_fs_symlink(place->prefix_fd, beside, text.ptr, err));
    } else {
        ENVM_TRY(envm_fs_clone(place->staged_fd, path, place->prefix_fd, beside,
                               status.st_mode & 0777, ENVM_LINK_COPY, NULL, err));
    }
    ENVM_TRY(envm_fs_rename(place->prefix_fd, beside, place->prefix_fd, path, err));
    return envm_fs_unlink(place->staged_fd, path, err);
}

/* The very file that is to be put: copied there by a run that was killed, or made by the user. */
static enum envm_code is_as_staged(const struct apply *apply, struct envm_relpath path,
                                   bool *ret_same, struct envm_error *err)
{
    struct envm_seen now;
    struct envm_seen staged;

    ENVM_TRY(look(apply->place->prefix_fd, path, true, &now, err));
    ENVM_TRY(look(apply->place->staged_fd, path, true, &staged, err));
    *ret_same = now.kind == staged.kind && envm_sha256_equal(&now.sha256, &staged.sha256);
    return ENVM_OK;
}

/* Clears the place for a new file: what is the user's gets another name. */
static enum envm_code make_room(struct apply *apply, const struct envm_journal_op *op,
                                struct envm_error *err)
{
    int fd = apply->place->prefix_fd;
    struct envm_seen now;
    bool same = false;

    ENVM_TRY(look(fd, op->path, false, &now, err));
    if (now.kind == ENVM_SEEN_NOTHING)
        return ENVM_OK;
    if (now.kind == ENVM_SEEN_DIRECTORY) {
        /* A package's folder was emptied before; what is left in it is the user's. */
        ENVM_TRY(envm_fs_rmdir(fd, op->path, &same, err));
        return same ? ENVM_OK : save(apply, op->path, err);
    }
    if (!op->save)
        ENVM_TRY(is_as_seen(apply, op, &now, &same, err));
    if (!same)
        ENVM_TRY(is_as_staged(apply, op->path, &same, err));
    return same ? ENVM_OK : save(apply, op->path, err);
}

static enum envm_code apply_put(struct apply *apply, const struct envm_journal_op *op,
                                struct envm_error *err)
{
    const struct envm_journal_place *place = apply->place;
    enum envm_fs_kind staged = ENVM_FS_ABSENT;
    enum envm_code code;

    ENVM_TRY(envm_fs_stat(place->staged_fd, op->path, &staged, NULL, err));
    if (staged == ENVM_FS_ABSENT) /* done */
        return ENVM_OK;
    ENVM_TRY(make_room(apply, op, err));
    code = envm_fs_rename(place->staged_fd, op->path, place->prefix_fd, op->path, err);
    if (code == ENVM_IO && err && err->cause == EXDEV) {
        envm_error_release(err);
        code = put_copy(apply, op->path, err);
    }
    return code;
}

static enum envm_code apply_append(struct apply *apply, const struct envm_journal_op *op,
                                   struct envm_error *err)
{
    const struct envm_journal_place *place = apply->place;
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(APPENDED_MAX);
    enum envm_fs_kind staged = ENVM_FS_ABSENT;
    struct stat status = {0};

    ENVM_TRY(envm_fs_stat(place->staged_fd, op->path, &staged, &status, err));
    if (staged == ENVM_FS_ABSENT) /* done */
        return ENVM_OK;
    ENVM_TRY(envm_fs_read_at(place->staged_fd, op->path, &text, err));
    ENVM_TRY(envm_fs_append_once(place->prefix_fd, op->path, op->seen.size, envm_buf_str(&text),
                                 status.st_mode & 0777, place->sync, err));
    return envm_fs_unlink(place->staged_fd, op->path, err);
}

static enum envm_code apply_op(struct apply *apply, const struct envm_journal_op *op,
                               struct envm_error *err)
{
    switch (op->kind) {
    case ENVM_JOURNAL_REMOVE:
        return apply_remove(apply, op, err);
    case ENVM_JOURNAL_RMDIR:
        return apply_rmdir(apply, op, err);
    case ENVM_JOURNAL_MKDIR:
        return apply_mkdir(apply, op, err);
    case ENVM_JOURNAL_PUT:
        return apply_put(apply, op, err);
    case ENVM_JOURNAL_APPEND:
        break;
    }
    return apply_append(apply, op, err);
}

enum envm_code envm_journal_apply(struct envm_arena *arena, const struct envm_journal *journal,
                                  const struct envm_journal_place *place,
                                  struct envm_saved_files *ret_saved, struct envm_error *err)
{
    ENVM_CLEANUP(apply) struct apply apply = {.arena = arena, .place = place};
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};

    for (size_t i = 0; i < journal->ops.count; i++) {
        /* An error of its own: its cause decides what is done, whether the caller wants one or not.
         */
        enum envm_code code = apply_op(&apply, &journal->ops.items[i], &failure);

        if (code != ENVM_OK) {
            if (err)
                envm_error_move(err, &failure);
            return code;
        }
    }
    ret_saved->count = apply.saved.count;
    ret_saved->items =
        envm_arena_copy(arena, apply.saved.items, apply.saved.count * sizeof(*apply.saved.items));
    return ENVM_OK;
}
