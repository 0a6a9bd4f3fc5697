/* SPDX-License-Identifier: MIT */
#include "txn/transaction_target.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/str.h"
#include "base/utf8.h"
#include "prefix/prefix_guard.h"
#include "sys/fs_sweep.h"
#include "sys/fs_sync.h"
#include "sys/fs_temp.h"
#include "sys/fs_tree.h"
#include "txn/script_trial.h"
#include "txn/transaction_change.h"
#include "txn/transaction_recover.h"

#define PREFIX_MAX 1000
#define NAME_IN_STAGING_MAX 200

static envm_str parent_of(envm_str path)
{
    size_t slash = envm_str_find_last_char(path, '/');

    return slash == 0 ? ENVM_STR("/") : envm_str_slice(path, 0, slash);
}

static const char *prefix_fault(envm_str prefix)
{
    if (prefix.len == 0 || prefix.ptr[0] != '/')
        return "it is not absolute";
    if (prefix.len > PREFIX_MAX)
        return "it is longer than 1000 bytes";
    if (!envm_utf8_is_valid(prefix))
        return "it is not valid UTF-8";
    for (size_t i = 0; i < prefix.len; i++) {
        if ((unsigned char)prefix.ptr[i] < 0x20 || prefix.ptr[i] == 0x7f)
            return "it holds a control character";
        if (prefix.ptr[i] == ':')
            return "it holds \":\", which PATH cannot hold";
    }
    return NULL;
}

static enum envm_code check_prefix(envm_str prefix, struct envm_error *err)
{
    const char *home = getenv("HOME");
    const char *fault = prefix_fault(prefix);

    if (fault) {
        ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

        envm_buf_add_escaped(&shown, prefix, 256);
        return envm_fail(err, ENVM_USAGE, "'%s' cannot be the path of an environment: %s",
                         envm_buf_str(&shown).ptr, fault);
    }
    if (prefix.len == 1)
        return envm_fail(err, ENVM_UNSAFE, "'/' cannot be an environment");
    if (home && envm_str_equal_c(prefix, home))
        return envm_fail(err, ENVM_UNSAFE, "the home folder '%s' cannot be an environment", home);
    return ENVM_OK;
}

static enum envm_code count_entry(void *user, const struct envm_fs_entry *entry, bool *skip,
                                  struct envm_error *err)
{
    (void)entry;
    (void)err;
    (*(size_t *)user)++;
    *skip = true;
    return ENVM_OK;
}

/* The link would be replaced, not what it leads to. */
static enum envm_code refuse_link(const char *path, envm_str real, struct envm_error *err)
{
    enum envm_code code = envm_fail(
        err, ENVM_USAGE, "'%s' is a symbolic link, which cannot become an environment", path);

    if (real.len > 0)
        return envm_error_hint(err, code, "give the path that it leads to: %s", real.ptr);
    return envm_error_hint(err, code, "it leads nowhere: remove it, or choose another path");
}

/* Where no lock can be made (a folder of another user), nobody changes it either. */
static enum envm_code lock_replaced(struct envm_target *target, int fd,
                                    const struct envm_sink *sink, struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    enum envm_code code = envm_prefix_lock_take_at(
        target->prefix.ptr, fd, ENVM_CHANGE_LOCK_TIMEOUT_MS, sink, &target->lock, &failure);

    if (code != ENVM_LOCKED && code != ENVM_INTERRUPTED)
        return ENVM_OK;
    if (err)
        envm_error_move(err, &failure);
    return envm_wrap(err, code, "replacing the environment '%s'", target->prefix.ptr);
}

/* What stands at the target already. */
static enum envm_code look_at_target(struct envm_target *target, bool replace,
                                     const struct envm_sink *sink, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    const char *path = target->prefix.ptr;
    enum envm_fs_kind kind = envm_fs_user_kind(path);
    size_t entries = 0;
    envm_str real;

    if (envm_fs_user_link(target->arena, path, &real))
        return refuse_link(path, real, err);
    if (kind == ENVM_FS_ABSENT)
        return ENVM_OK;
    if (kind != ENVM_FS_DIRECTORY)
        return envm_fail(err, ENVM_USAGE, "'%s' exists and is not a folder", path);
    ENVM_TRY(envm_fs_open_root(path, &fd, err));
    ENVM_TRY(envm_fs_walk(fd, count_entry, &entries, err));
    target->was_empty = entries == 0;
    if (target->was_empty)
        return ENVM_OK;
    ENVM_TRY(envm_fs_stat(fd, ENVM_RELPATH("conda-meta/history"), &kind, NULL, err));
    if (kind != ENVM_FS_FILE) {
        (void)envm_fail(err, replace ? ENVM_UNSAFE : ENVM_USAGE,
                        "'%s' exists, is not empty and is not an environment", path);
        return envm_error_hint(err, replace ? ENVM_UNSAFE : ENVM_USAGE, "choose another path");
    }
    target->replaces = true;
    if (replace) {
        ENVM_TRY(envm_prefix_check_expendable(fd, path, getenv("HOME"), err));
        return lock_replaced(target, fd, sink, err);
    }
    (void)envm_fail(err, ENVM_USAGE, "the environment '%s' exists already", path);
    return envm_error_hint(err, ENVM_USAGE,
                           "change it with 'envm sync', or replace it with --force");
}

/* Makes the folders above the target and remembers how many were missing. */
static enum envm_code open_parent(struct envm_target *target, struct envm_error *err)
{
    envm_str parent = parent_of(target->prefix);
    size_t missing = 0;

    for (envm_str at = parent;
         at.len > 1 && envm_fs_user_kind(envm_cstr(target->arena, at)) == ENVM_FS_ABSENT;
         at = parent_of(at))
        missing++;
    ENVM_TRY(envm_fs_make_root(envm_cstr(target->arena, parent), 0777, &target->parent_fd, err));
    target->made_parents = missing;
    return envm_relpath_parse(target->arena,
                              envm_str_skip(target->prefix, parent.len == 1 ? 1 : parent.len + 1),
                              &target->name, err);
}

static envm_str staging_start(struct envm_target *target)
{
    if (target->name.s.len > NAME_IN_STAGING_MAX)
        return ENVM_STR(".envm-");
    return envm_arena_printf(target->arena, ".%.*s.envm-", ENVM_STR_ARGS(target->name.s));
}

/* The kernel knows the umask: a folder made with all bits shows what it leaves. */
static enum envm_code learn_modes(struct envm_target *target, struct envm_error *err)
{
    struct stat status = {0};
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    ENVM_TRY(envm_fs_mkdir(target->staging_fd, ENVM_RELPATH("conda-meta"), 0777, err));
    ENVM_TRY(envm_fs_stat(target->staging_fd, ENVM_RELPATH("conda-meta"), &kind, &status, err));
    target->directory_mode = (status.st_mode & 0777) | 0700;
    target->plain_mode = 0666 & target->directory_mode;
    target->exec_mode = 0777 & target->directory_mode;
    return ENVM_OK;
}

/* A sweep of another process may hold the lock of a folder that is this young: then it is gone in a
 * moment, and another one is made. */
static enum envm_code make_staging_once(struct envm_target *target, bool *ret_swept,
                                        struct envm_error *err)
{
    envm_str start = staging_start(target);

    ENVM_TRY(envm_fs_temp_dir(target->parent_fd, start.ptr, target->arena, &target->staging, err));
    ENVM_TRY(envm_fs_open_dir(target->parent_fd, target->staging, &target->staging_fd, err));
    /* Where there are no locks, nothing is swept either. */
    *ret_swept = flock(target->staging_fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    if (*ret_swept)
        envm_close_fd(&target->staging_fd);
    return ENVM_OK;
}

static enum envm_code make_staging(struct envm_target *target, struct envm_error *err)
{
    bool swept = true;

    if (target->name.s.len <= NAME_IN_STAGING_MAX)
        envm_fs_sweep_dirs(target->parent_fd, staging_start(target).ptr);
    envm_fs_sweep_dirs(target->parent_fd, ENVM_REMOVED_PREFIX);
    while (swept)
        ENVM_TRY(make_staging_once(target, &swept, err));
    return learn_modes(target, err);
}

enum envm_code envm_target_open(struct envm_arena *arena, envm_str prefix, bool replace,
                                const struct envm_sink *sink, struct envm_target *ret_target,
                                struct envm_error *err)
{
    ENVM_CLEANUP(envm_target) struct envm_target target = ENVM_TARGET_EMPTY;
    enum envm_code code;

    target.arena = arena;
    ENVM_TRY(check_prefix(prefix, err));
    target.prefix = envm_arena_str(arena, prefix);
    ENVM_TRY(envm_trial_recover_now(arena, target.prefix, ENVM_CHANGE_LOCK_TIMEOUT_MS, sink, err));
    ENVM_TRY(look_at_target(&target, replace, sink, err));
    ENVM_TRY_WRAP(open_parent(&target, err), err, "making the environment '%s'", target.prefix.ptr);
    code = make_staging(&target, err);
    if (code != ENVM_OK) {
        (void)envm_wrap(err, code, "making the environment '%s'", target.prefix.ptr);
        return envm_error_hint(err, code, "choose a path in a folder that you can write to");
    }
    *ret_target = ENVM_TAKE(target, ENVM_TARGET_EMPTY);
    return ENVM_OK;
}

static enum envm_code made_meanwhile(const struct envm_target *target, struct envm_error *err)
{
    enum envm_code code = envm_fail(err, ENVM_USAGE, "'%s' was made by another process meanwhile",
                                    target->prefix.ptr);

    return envm_error_hint(err, code,
                           "run the command again: it finds out whether that is what you want");
}

/* A folder of the lower layer of an overlay cannot be renamed: the old environment goes first, what
 * makes it one at the end. */
static enum envm_code replace_in_steps(struct envm_target *target, const struct envm_sink *sink,
                                       struct envm_error *err)
{
    bool existed = false;

    envm_sink_log(sink, ENVM_LOG_INFO,
                  "%s lies in the lower layer of an overlay and cannot be replaced in one step",
                  target->prefix.ptr);
    ENVM_TRY(envm_fs_remove_tree_but_last(target->parent_fd, target->name, "conda-meta", err));
    ENVM_TRY(envm_fs_rename_new(target->parent_fd, target->staging, target->parent_fd, target->name,
                                &existed, err));
    if (existed)
        return made_meanwhile(target, err);
    target->staging = (struct envm_relpath){0}; /* there is no old one any more */
    return ENVM_OK;
}

/* The environment that stands there and the new one change places in one step where the kernel
 * can, else in two. Afterwards `staging` is where the old one is. */
static enum envm_code exchange(struct envm_target *target, const struct envm_sink *sink,
                               struct envm_error *err)
{
    envm_str start = staging_start(target);
    struct envm_relpath old = {0};
    enum envm_code code;
    bool existed = false;

    if (renameat2(target->parent_fd, target->staging.s.ptr, target->parent_fd, target->name.s.ptr,
                  RENAME_EXCHANGE) == 0)
        return ENVM_OK;
    if (errno == EXDEV)
        return replace_in_steps(target, sink, err);
    if (errno != ENOSYS && errno != EINVAL && errno != EOPNOTSUPP)
        return envm_fail_errno(err, errno, "putting the environment in place of '%s'",
                               target->prefix.ptr);
    /* Not swept by a later run: until the second rename it is the only environment there is. */
    ENVM_TRY(envm_fs_temp_dir(target->parent_fd,
                              envm_arena_concat(target->arena, start, ENVM_STR("old-")).ptr,
                              target->arena, &old, err));
    ENVM_TRY(envm_fs_rename(target->parent_fd, target->name, target->parent_fd, old, err));
    code = envm_fs_rename_new(target->parent_fd, target->staging, target->parent_fd, target->name,
                              &existed, err);
    if (code == ENVM_OK && existed)
        code = made_meanwhile(target, err);
    if (code != ENVM_OK) {
        (void)envm_fs_rename(target->parent_fd, old, target->parent_fd, target->name, NULL);
        return code;
    }
    target->staging = old;
    return ENVM_OK;
}

static enum envm_code put_in_place(struct envm_target *target, const struct envm_sink *sink,
                                   struct envm_error *err)
{
    bool existed = false;

    if (target->replaces)
        return exchange(target, sink, err);
    if (target->was_empty && unlinkat(target->parent_fd, target->name.s.ptr, AT_REMOVEDIR) != 0 &&
        errno != ENOENT)
        return envm_fail_errno(err, errno, "replacing the empty folder '%s'", target->prefix.ptr);
    ENVM_TRY(envm_fs_rename_new(target->parent_fd, target->staging, target->parent_fd, target->name,
                                &existed, err));
    return existed ? made_meanwhile(target, err) : ENVM_OK;
}

enum envm_code envm_target_publish(struct envm_target *target, enum envm_durability durability,
                                   const struct envm_sink *sink, struct envm_error *err)
{
    if (fchmod(target->staging_fd, target->directory_mode) != 0)
        return envm_fail_errno(err, errno, "setting the mode of '%s'", target->prefix.ptr);
    if (durability == ENVM_DURABILITY_FULL)
        ENVM_TRY(envm_fs_sync_tree(target->staging_fd, target->prefix.ptr, err));
    else if (durability == ENVM_DURABILITY_BATCH)
        ENVM_TRY(envm_fs_sync_all(target->staging_fd, target->prefix.ptr, err));
    ENVM_TRY(put_in_place(target, sink, err));
    target->published = true;
    if (durability != ENVM_DURABILITY_NONE)
        ENVM_TRY(envm_fs_sync_fd(target->parent_fd, target->prefix.ptr, err));
    if (durability == ENVM_DURABILITY_FULL && target->made_parents > 0)
        ENVM_TRY(envm_fs_sync_all(target->parent_fd, target->prefix.ptr, err));
    if (target->replaces && target->staging.s.len > 0) {
        ENVM_CLEANUP(envm_error) struct envm_error failure = {0};

        if (envm_fs_remove_tree(target->parent_fd, target->staging, &failure) != ENVM_OK)
            envm_sink_warn(sink, "the replaced environment could not be removed: %s", failure.text);
    }
    return ENVM_OK;
}

void envm_target_release(struct envm_target *target)
{
    envm_str at = target->prefix;

    if (target->staging.s.len > 0 && !target->published)
        (void)envm_fs_remove_tree(target->parent_fd, target->staging, NULL);
    envm_fs_lock_drop(&target->lock);
    envm_close_fd(&target->staging_fd);
    envm_close_fd(&target->parent_fd);
    for (; !target->published && target->made_parents > 0; target->made_parents--) {
        at = parent_of(at);
        if (rmdir(envm_cstr(target->arena, at)) != 0)
            break;
    }
}
