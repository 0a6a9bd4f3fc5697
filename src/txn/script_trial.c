/* SPDX-License-Identifier: MIT */
#include "txn/script_trial.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/str.h"
#include "codec/digest.h"
#include "sys/fs_sweep.h"
#include "sys/fs_temp.h"
#include "sys/fs_tree.h"
#include "txn/script_marker.h"
#include "txn/transaction_recover.h"

struct sweep {
    struct envm_arena *arena;
    int parent_fd;
    struct envm_relpath marker;
};

static enum envm_code sweep_empty(void *user, const struct envm_fs_entry *entry, bool *skip,
                                  struct envm_error *err)
{
    const struct sweep *sweep = user;
    struct envm_relpath path;
    bool removed = false;

    (void)err;
    *skip = true;
    if (entry->kind == ENVM_FS_DIRECTORY &&
        envm_fs_is_temp_name(entry->path, envm_marker_start(sweep->arena, sweep->marker, "-")) &&
        envm_relpath_parse(sweep->arena, entry->path, &path, NULL) == ENVM_OK)
        (void)envm_fs_rmdir(sweep->parent_fd, path, &removed, NULL);
    return ENVM_OK;
}

/* Folders that were made before the marker could name them are empty; HOME and TMPDIR of scripts
 * that are not there any more have no lock. By whoever has the marker. Best effort. */
static void sweep_remains(struct envm_arena *arena, int parent_fd, struct envm_relpath marker)
{
    struct sweep sweep = {arena, parent_fd, marker};

    (void)envm_fs_walk(parent_fd, sweep_empty, &sweep, NULL);
    envm_fs_sweep_dirs(parent_fd, envm_marker_start(arena, marker, ".home-"));
}

/* One that was killed in the moment since it was looked for is not to be forgotten. */
static enum envm_code check_marker(struct envm_trial *trial, struct envm_error *err)
{
    struct envm_marker found = {0};

    ENVM_TRY(
        envm_marker_read(trial->arena, trial->marker_fd, trial->name, trial->marker, &found, err));
    if (found.tree.s.len == 0)
        return ENVM_OK;
    envm_close_fd(&trial->marker_fd);
    (void)envm_fail(err, ENVM_LOCKED, "link scripts of '%s' were interrupted at this moment",
                    trial->prefix.ptr);
    return envm_error_hint(err, ENVM_LOCKED, "run the command again");
}

enum envm_code envm_trial_begin(struct envm_arena *arena, envm_str prefix,
                                struct envm_trial *ret_trial, struct envm_error *err)
{
    ENVM_CLEANUP(envm_trial) struct envm_trial trial = ENVM_TRIAL_EMPTY;
    enum envm_code code;

    trial.arena = arena;
    trial.prefix = envm_arena_str(arena, prefix);
    ENVM_TRY(
        envm_marker_place(arena, trial.prefix, &trial.parent_fd, &trial.name, &trial.marker, err));
    code = envm_fs_claim_file(trial.parent_fd, trial.marker, &trial.marker_fd, err);
    if (code == ENVM_OK && trial.marker_fd < 0)
        return envm_fail(err, ENVM_LOCKED, "link scripts of '%s' are being run by another process",
                         trial.prefix.ptr);
    if (code != ENVM_OK) {
        (void)envm_wrap(err, code, "running link scripts of '%s'", trial.prefix.ptr);
        return envm_error_hint(err, code,
                               "they need a folder beside the environment that you can write to; "
                               "--no-run-scripts goes on without them");
    }
    ENVM_TRY(envm_marker_check_owner(trial.parent_fd, trial.marker, trial.marker_fd, err));
    ENVM_TRY(check_marker(&trial, err));
    sweep_remains(arena, trial.parent_fd, trial.marker);
    *ret_trial = ENVM_TAKE(trial, ENVM_TRIAL_EMPTY);
    return ENVM_OK;
}

/* From here on the folder is found again, whatever happens. */
static enum envm_code announce(struct envm_trial *trial, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    ENVM_TRY(envm_fs_open_dir(trial->parent_fd, trial->tree, &trial->tree_fd, err));
    ENVM_TRY(envm_marker_write(trial->marker_fd, trial->tree, trial->tree_fd, err));
    ENVM_TRY(envm_fs_make_dirs(trial->tree_fd, ENVM_RELPATH(".envm"), 0777, err));
    return envm_fs_create(trial->tree_fd, ENVM_RELPATH(ENVM_TRIAL_SIGN), 0644, &fd, err);
}

enum envm_code envm_trial_make_tree(struct envm_trial *trial, struct envm_error *err)
{
    ENVM_TRY(envm_fs_temp_dir(trial->parent_fd, envm_marker_start(trial->arena, trial->marker, "-"),
                              trial->arena, &trial->tree, err));
    trial->owns_tree = true;
    return announce(trial, err);
}

enum envm_code envm_trial_use_tree(struct envm_trial *trial, struct envm_relpath tree,
                                   struct envm_error *err)
{
    trial->tree = tree;
    return announce(trial, err);
}

/* HOME and TMPDIR. A lock on it tells sweeps that it is in use. */
static enum envm_code make_scratch(struct envm_trial *trial, struct envm_error *err)
{
    ENVM_TRY(envm_fs_temp_dir(trial->parent_fd,
                              envm_marker_start(trial->arena, trial->marker, ".home-"),
                              trial->arena, &trial->scratch, err));
    ENVM_TRY(envm_fs_open_dir(trial->parent_fd, trial->scratch, &trial->scratch_fd, err));
    (void)flock(trial->scratch_fd, LOCK_EX | LOCK_NB);
    ENVM_TRY(envm_fs_mkdir(trial->scratch_fd, ENVM_RELPATH("home"), 0700, err));
    return envm_fs_mkdir(trial->scratch_fd, ENVM_RELPATH("tmp"), 0700, err);
}

static envm_str parent_path(const struct envm_trial *trial)
{
    size_t slash = envm_str_find_last_char(trial->prefix, '/');

    return envm_str_slice(trial->prefix, 0, slash == SIZE_MAX ? 0 : slash);
}

envm_str envm_trial_scratch(const struct envm_trial *trial)
{
    return envm_arena_printf(trial->arena, "%.*s/%.*s", ENVM_STR_ARGS(parent_path(trial)),
                             ENVM_STR_ARGS(trial->scratch.s));
}

/* The tree and what stands at the path, or nothing, change places. Its own inverse. */
static enum envm_code swap(int parent_fd, struct envm_relpath tree, struct envm_relpath name,
                           struct envm_error *err)
{
    enum envm_fs_kind here = ENVM_FS_ABSENT;
    enum envm_fs_kind there = ENVM_FS_ABSENT;
    bool existed = false;

    ENVM_TRY(envm_fs_stat(parent_fd, tree, &here, NULL, err));
    ENVM_TRY(envm_fs_stat(parent_fd, name, &there, NULL, err));
    if (here != ENVM_FS_ABSENT && there != ENVM_FS_ABSENT) {
        if (renameat2(parent_fd, tree.s.ptr, parent_fd, name.s.ptr, RENAME_EXCHANGE) == 0)
            return ENVM_OK;
        return envm_fail_errno(err, errno, "exchanging '%s' and '%s'", tree.s.ptr, name.s.ptr);
    }
    if (here == ENVM_FS_ABSENT)
        ENVM_TRY(envm_fs_rename_new(parent_fd, name, parent_fd, tree, &existed, err));
    else
        ENVM_TRY(envm_fs_rename_new(parent_fd, tree, parent_fd, name, &existed, err));
    return existed ? envm_fail(err, ENVM_IO, "'%s' was made by another process meanwhile",
                               here == ENVM_FS_ABSENT ? tree.s.ptr : name.s.ptr)
                   : ENVM_OK;
}

static enum envm_code cannot_swap(const struct envm_trial *trial, enum envm_code code,
                                  struct envm_error *err)
{
    (void)envm_wrap(err, code, "putting the new environment at '%s' for its link scripts",
                    trial->prefix.ptr);
    return envm_error_hint(err, code,
                           "link scripts need a file system that can exchange two folders (not a "
                           "mount point, NFS, or a layer of an image); nothing was changed; "
                           "--no-run-scripts goes on without them");
}

enum envm_code envm_trial_enter(struct envm_trial *trial, const struct envm_sink *sink,
                                struct envm_error *err)
{
    enum envm_code code;

    ENVM_TRY(make_scratch(trial, err));
    ENVM_TRY(envm_prefix_lock_take(trial->tree_fd, 0, sink, &trial->lock, err));
    ENVM_TRY(envm_fs_sync_fd(trial->parent_fd, trial->prefix.ptr, err));
    code = swap(trial->parent_fd, trial->tree, trial->name, err);
    if (code != ENVM_OK)
        return cannot_swap(trial, code, err);
    trial->in_place = true;
    return ENVM_OK;
}

enum envm_code envm_trial_leave(struct envm_trial *trial, struct envm_error *err)
{
    enum envm_code code = swap(trial->parent_fd, trial->tree, trial->name, err);

    trial->stuck = code != ENVM_OK;
    if (trial->stuck) {
        (void)envm_wrap(err, code, "putting the old environment back at '%s'", trial->prefix.ptr);
        return envm_error_hint(err, code, "remove the cause, then run `envm recover -p '%s'`",
                               trial->prefix.ptr);
    }
    trial->in_place = false;
    ENVM_TRY(envm_fs_sync_fd(trial->parent_fd, trial->prefix.ptr, err));
    /* It will stand at the path for good: no marker may say then that it is on trial. */
    if (!trial->owns_tree)
        ENVM_TRY(envm_marker_clear(trial->marker_fd, err));
    return envm_fs_unlink(trial->tree_fd, ENVM_RELPATH(ENVM_TRIAL_SIGN), err);
}

/* What cannot be removed now the marker tells of: the next recovery does it. */
static bool clear_up(struct envm_trial *trial)
{
    bool cleared = !trial->in_place;

    if (trial->scratch.s.len > 0 &&
        envm_fs_remove_tree(trial->parent_fd, trial->scratch, NULL) != ENVM_OK)
        cleared = false;
    if (trial->owns_tree && !trial->in_place &&
        envm_fs_remove_tree(trial->parent_fd, trial->tree, NULL) != ENVM_OK)
        cleared = false;
    return cleared;
}

void envm_trial_release(struct envm_trial *trial)
{
    if (trial->in_place && !trial->stuck)
        (void)envm_trial_leave(trial, NULL);
    envm_fs_lock_drop(&trial->lock);
    if (clear_up(trial) && trial->marker_fd >= 0)
        (void)envm_fs_unlink(trial->parent_fd, trial->marker, NULL);
    envm_close_fd(&trial->scratch_fd);
    envm_close_fd(&trial->tree_fd);
    envm_close_fd(&trial->marker_fd);
    envm_close_fd(&trial->parent_fd);
}

/* --- recovery ----------------------------------------------------------------------------- */

struct undoing {
    struct envm_arena *arena;
    int parent_fd;
    struct envm_relpath name, marker;
    struct envm_marker found;
};

static enum envm_code undo(const struct undoing *undoing, struct envm_error *err)
{
    bool in_place = false;
    bool is_beside = false;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    ENVM_TRY(
        envm_marker_is_tree(&undoing->found, undoing->parent_fd, undoing->name, &in_place, err));
    if (in_place) {
        ENVM_TRY(swap(undoing->parent_fd, undoing->found.tree, undoing->name, err));
        ENVM_TRY(envm_fs_sync_fd(undoing->parent_fd, undoing->name.s.ptr, err));
    }
    ENVM_TRY(envm_marker_is_tree(&undoing->found, undoing->parent_fd, undoing->found.tree,
                                 &is_beside, err));
    if (is_beside)
        return envm_fs_remove_tree(undoing->parent_fd, undoing->found.tree, err);
    ENVM_TRY(envm_fs_stat(undoing->parent_fd, undoing->found.tree, &kind, NULL, err));
    if (kind == ENVM_FS_ABSENT)
        return ENVM_OK;
    (void)envm_fail(err, ENVM_DAMAGED, "neither '%s' nor '%s' is the folder that was on trial",
                    undoing->name.s.ptr, undoing->found.tree.s.ptr);
    return envm_error_hint(err, ENVM_DAMAGED,
                           "one of them is the environment as it was: put that in place and remove "
                           "'%s'",
                           undoing->marker.s.ptr);
}

enum envm_code envm_trial_recover(struct envm_arena *arena, envm_str prefix,
                                  const struct envm_trial_recovery *settings, bool *ret_undone,
                                  struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int parent_fd = -1;
    ENVM_CLEANUP(envm_fd) int marker_fd = -1;
    struct undoing undoing = {.arena = arena};
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    envm_str real;

    *ret_undone = false;
    if (envm_fs_user_link(arena, envm_cstr(arena, prefix), &real) && real.len > 0)
        prefix = real;
    if (envm_marker_place(arena, prefix, &parent_fd, &undoing.name, &undoing.marker, NULL) !=
        ENVM_OK)
        return ENVM_OK; /* no folder for an environment: whoever opens it says so */
    undoing.parent_fd = parent_fd;
    ENVM_TRY(envm_fs_stat(parent_fd, undoing.marker, &kind, NULL, err));
    if (kind != ENVM_FS_FILE)
        return ENVM_OK;
    ENVM_TRY(envm_marker_claim(parent_fd, undoing.marker, settings->timeout_ms, settings->sink,
                               &marker_fd, err));
    ENVM_TRY(envm_marker_check_owner(parent_fd, undoing.marker, marker_fd, err));
    ENVM_TRY(envm_marker_read(arena, marker_fd, undoing.name, undoing.marker, &undoing.found, err));
    *ret_undone = true;
    if (settings->dry_run)
        return ENVM_OK;
    if (undoing.found.tree.s.len > 0)
        ENVM_TRY_WRAP(undo(&undoing, err), err, "undoing what link scripts have begun");
    sweep_remains(arena, parent_fd, undoing.marker);
    return envm_fs_unlink(parent_fd, undoing.marker, err);
}

bool envm_trial_is_marked(struct envm_arena *arena, envm_str prefix)
{
    ENVM_CLEANUP(envm_fd) int parent_fd = -1;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct envm_relpath name;
    struct envm_relpath marker;

    return envm_marker_place(arena, prefix, &parent_fd, &name, &marker, NULL) == ENVM_OK &&
           envm_fs_stat(parent_fd, marker, &kind, NULL, NULL) == ENVM_OK && kind == ENVM_FS_FILE;
}

enum envm_code envm_trial_recover_now(struct envm_arena *arena, envm_str prefix,
                                      unsigned timeout_ms, const struct envm_sink *sink,
                                      struct envm_error *err)
{
    const struct envm_trial_recovery settings = {.timeout_ms = timeout_ms, .sink = sink};
    bool undone = false;

    ENVM_TRY(envm_trial_recover(arena, prefix, &settings, &undone, err));
    if (undone)
        envm_sink_warn(sink, "what an unfinished run of link scripts at '%.*s' had left is undone",
                       ENVM_STR_ARGS(prefix));
    return ENVM_OK;
}
