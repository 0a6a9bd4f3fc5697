/* SPDX-License-Identifier: MIT */
#include "txn/transaction_recover.h"

#include "base/error.h"
#include "prefix/kept_revisions.h"
#include "sys/fs.h"
#include "sys/fs_lock.h"
#include "sys/fs_sweep.h"
#include "sys/fs_tree.h"
#include "txn/script_trial.h"

enum envm_code envm_prefix_lock_take(int prefix_fd, unsigned timeout_ms,
                                     const struct envm_sink *sink, struct envm_fs_lock *ret_lock,
                                     struct envm_error *err)
{
    ENVM_TRY(envm_fs_make_dirs(prefix_fd, ENVM_RELPATH(".envm"), 0777, err));
    return envm_fs_lock_take(prefix_fd, ENVM_RELPATH(ENVM_PREFIX_LOCK), true, timeout_ms, sink,
                             ret_lock, err);
}

bool envm_prefix_is_at(const char *path, int prefix_fd)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct stat here;
    struct stat there;

    return envm_fs_open_root(path, &fd, NULL) == ENVM_OK && fstat(prefix_fd, &here) == 0 &&
           fstat(fd, &there) == 0 && here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

enum envm_code envm_prefix_lock_take_at(const char *path, int prefix_fd, unsigned timeout_ms,
                                        const struct envm_sink *sink, struct envm_fs_lock *ret_lock,
                                        struct envm_error *err)
{
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};

    ENVM_TRY(envm_prefix_lock_take(prefix_fd, timeout_ms, sink, &lock, err));
    if (!envm_prefix_is_at(path, prefix_fd)) {
        (void)envm_fail(err, ENVM_LOCKED, "'%s' was replaced by another process meanwhile", path);
        return envm_error_hint(err, ENVM_LOCKED, "run the command again");
    }
    *ret_lock = ENVM_TAKE(lock, (struct envm_fs_lock){.fd = -1});
    return ENVM_OK;
}

/* Everything below .envm/txn/ID. */
struct change_dirs {
    int changes_fd;
    int change_fd;
};

static void change_dirs_close(struct change_dirs *dirs)
{
    envm_close_fd(&dirs->changes_fd);
    envm_close_fd(&dirs->change_fd);
}
ENVM_DEFINE_CLEANUP(change_dirs, struct change_dirs, change_dirs_close)

static enum envm_code open_dirs(int prefix_fd, struct envm_relpath id, struct change_dirs *dirs,
                                struct envm_error *err)
{
    ENVM_TRY(
        envm_fs_open_dir(prefix_fd, ENVM_RELPATH(ENVM_PREFIX_CHANGES), &dirs->changes_fd, err));
    return envm_fs_open_dir(dirs->changes_fd, id, &dirs->change_fd, err);
}

static enum envm_code has(int dirfd, struct envm_relpath name, bool *ret_there,
                          struct envm_error *err)
{
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    ENVM_TRY(envm_fs_stat(dirfd, name, &kind, NULL, err));
    *ret_there = kind == ENVM_FS_FILE;
    return ENVM_OK;
}

/* --- finishing ---------------------------------------------------------------------------- */

/* The folder goes, and .envm/txn with it when it was the last one. */
static enum envm_code remove_change(int prefix_fd, int changes_fd, struct envm_relpath id,
                                    struct envm_error *err)
{
    bool removed = false;

    ENVM_TRY(envm_fs_remove_tree(changes_fd, id, err));
    return envm_fs_rmdir(prefix_fd, ENVM_RELPATH(ENVM_PREFIX_CHANGES), &removed, err);
}

/* From the commit on: every failure leaves the journal, and the next one who comes goes on. */
static enum envm_code carry_out(struct envm_arena *arena, int prefix_fd,
                                const struct change_dirs *dirs, const struct envm_journal *journal,
                                enum envm_durability durability, const struct envm_sink *sink,
                                struct envm_saved_files *ret_saved, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int staged_fd = -1;
    enum envm_fs_kind staged = ENVM_FS_ABSENT;
    struct envm_journal_place place = {
        .prefix_fd = prefix_fd, .sync = durability != ENVM_DURABILITY_NONE, .sink = sink};

    ENVM_TRY(envm_fs_stat(dirs->change_fd, ENVM_RELPATH(ENVM_CHANGE_NEW), &staged, NULL, err));
    /* Removed only when all is done: a file system may remember that, but not the journal's end. */
    if (staged == ENVM_FS_DIRECTORY) {
        ENVM_TRY(envm_fs_open_dir(dirs->change_fd, ENVM_RELPATH(ENVM_CHANGE_NEW), &staged_fd, err));
        place.staged_fd = staged_fd;
        ENVM_TRY(envm_journal_apply(arena, journal, &place, ret_saved, err));
    }
    if (durability != ENVM_DURABILITY_NONE)
        ENVM_TRY(envm_fs_sync_all(prefix_fd, "the environment", err));
    return envm_fs_rename(dirs->change_fd, ENVM_RELPATH(ENVM_CHANGE_COMMITTED), dirs->change_fd,
                          ENVM_RELPATH(ENVM_CHANGE_DONE), err);
}

enum envm_code envm_change_finish(struct envm_arena *arena, int prefix_fd, struct envm_relpath id,
                                  const struct envm_journal *journal,
                                  enum envm_durability durability, const struct envm_sink *sink,
                                  struct envm_saved_files *ret_saved, struct envm_error *err)
{
    ENVM_CLEANUP(change_dirs) struct change_dirs dirs = {-1, -1};
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    enum envm_code code = open_dirs(prefix_fd, id, &dirs, err);

    if (code == ENVM_OK)
        code = carry_out(arena, prefix_fd, &dirs, journal, durability, sink, ret_saved, err);
    if (code != ENVM_OK) {
        (void)envm_wrap(err, code, "the change is committed, but not completed");
        return envm_error_hint(err, code,
                               "remove the cause; then `envm recover`, or the next command that "
                               "changes the environment, completes it");
    }
    /* What cannot be removed is found and removed by the next change. */
    if (remove_change(prefix_fd, dirs.changes_fd, id, &failure) != ENVM_OK)
        envm_sink_log(sink, ENVM_LOG_DEBUG, "what a change leaves stays for now: %s", failure.text);
    if (durability == ENVM_DURABILITY_FULL)
        ENVM_TRY(envm_fs_sync_all(prefix_fd, "the environment", err));
    return ENVM_OK;
}

/* --- recovery ----------------------------------------------------------------------------- */

struct recovery {
    struct envm_arena *arena;
    int prefix_fd;
    int changes_fd;
    const struct envm_recover_settings *settings;
    struct envm_recover_result *result;
    ENVM_VEC(struct envm_saved_file) saved;
};

static void recovery_release(struct recovery *recovery)
{
    envm_close_fd(&recovery->changes_fd);
    envm_vec_release(&recovery->saved);
}
ENVM_DEFINE_CLEANUP(recovery, struct recovery, recovery_release)

static enum envm_code read_journal(struct recovery *recovery, int change_fd,
                                   struct envm_journal *ret_journal, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(ENVM_JOURNAL_SIZE_MAX);
    enum envm_code code;

    ENVM_TRY(envm_fs_read_at(change_fd, ENVM_RELPATH(ENVM_CHANGE_COMMITTED), &text, err));
    code = envm_journal_read(recovery->arena, envm_buf_str(&text), ret_journal, err);
    if (code == ENVM_OK)
        return ENVM_OK;
    return envm_error_hint(err, code,
                           "an interrupted change cannot be completed: `envm repair` makes the "
                           "environment whole");
}

static enum envm_code complete(struct recovery *recovery, struct envm_relpath id, int change_fd,
                               struct envm_error *err)
{
    const struct envm_recover_settings *settings = recovery->settings;
    ENVM_CLEANUP(envm_journal) struct envm_journal journal = {0};
    struct envm_saved_files saved = {0};

    ENVM_TRY(read_journal(recovery, change_fd, &journal, err));
    recovery->result->completed++;
    recovery->result->tree = journal.new_tree;
    if (settings->dry_run)
        return ENVM_OK;
    ENVM_TRY(envm_change_finish(recovery->arena, recovery->prefix_fd, id, &journal,
                                settings->durability, settings->sink, &saved, err));
    for (size_t i = 0; i < saved.count; i++)
        envm_vec_push(&recovery->saved, saved.items[i]);
    return ENVM_OK;
}

/* One folder below .envm/txn. */
static enum envm_code recover_change(struct recovery *recovery, envm_str name,
                                     struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int change_fd = -1;
    struct envm_relpath id;
    bool committed = false;
    bool done = false;

    ENVM_TRY(envm_relpath_parse(recovery->arena, name, &id, err));
    ENVM_TRY(envm_fs_open_dir(recovery->changes_fd, id, &change_fd, err));
    ENVM_TRY(has(change_fd, ENVM_RELPATH(ENVM_CHANGE_COMMITTED), &committed, err));
    if (committed)
        return complete(recovery, id, change_fd, err);
    ENVM_TRY(has(change_fd, ENVM_RELPATH(ENVM_CHANGE_DONE), &done, err));
    recovery->result->dropped += !done;
    return recovery->settings->dry_run
               ? ENVM_OK
               : remove_change(recovery->prefix_fd, recovery->changes_fd, id, err);
}

struct names {
    struct envm_arena *arena;
    ENVM_VEC(envm_str) items;
};

static void names_release(struct names *names)
{
    envm_vec_release(&names->items);
}
ENVM_DEFINE_CLEANUP(names, struct names, names_release)

static enum envm_code collect_folder(void *user, const struct envm_fs_entry *entry, bool *skip,
                                     struct envm_error *err)
{
    struct names *names = user;

    (void)err;
    *skip = true;
    if (entry->kind == ENVM_FS_DIRECTORY)
        envm_vec_push(&names->items, envm_arena_str(names->arena, entry->path));
    return ENVM_OK;
}

/* What a repair leaves that was killed while it wrote a file of conda-meta. Whoever holds the lock
 * is alone. */
static void sweep_metadata(int prefix_fd)
{
    const struct envm_relpath folders[] = {ENVM_RELPATH("conda-meta"), ENVM_REVISIONS_PARENT,
                                           ENVM_REVISIONS};

    for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
        ENVM_CLEANUP(envm_fd) int fd = -1;

        if (envm_fs_open_dir(prefix_fd, folders[i], &fd, NULL) == ENVM_OK)
            envm_fs_sweep_files(fd, ".envm-", 0);
    }
}

static enum envm_code look_for_temporary(void *user, const struct envm_fs_entry *entry, bool *skip,
                                         struct envm_error *err)
{
    bool *found = user;

    (void)err;
    *skip = !envm_str_equal(entry->path, ENVM_STR("envm")) &&
            !envm_str_equal(entry->path, ENVM_STR("envm/revisions"));
    if (entry->kind == ENVM_FS_FILE &&
        envm_str_starts_with(envm_str_from(entry->leaf), ENVM_STR(".envm-")))
        *found = true;
    return ENVM_OK;
}

/* Nothing of the kind: then recovery need not take the lock, or wait for it. */
static bool has_temporary_metadata(int prefix_fd)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    bool found = false;

    if (envm_fs_open_dir(prefix_fd, ENVM_RELPATH("conda-meta"), &fd, NULL) == ENVM_OK)
        (void)envm_fs_walk(fd, look_for_temporary, &found, NULL);
    return found;
}

enum envm_code envm_transaction_recover_locked(struct envm_arena *arena, int prefix_fd,
                                               const struct envm_recover_settings *settings,
                                               struct envm_recover_result *ret_result,
                                               struct envm_error *err)
{
    struct envm_recover_result result = {0};
    ENVM_CLEANUP(recovery)
    struct recovery recovery = {.arena = arena,
                                .prefix_fd = prefix_fd,
                                .changes_fd = -1,
                                .settings = settings,
                                .result = &result};
    ENVM_CLEANUP(names) struct names names = {.arena = arena};
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    if (!settings->dry_run)
        sweep_metadata(prefix_fd);
    ENVM_TRY(envm_fs_stat(prefix_fd, ENVM_RELPATH(ENVM_PREFIX_CHANGES), &kind, NULL, err));
    if (kind == ENVM_FS_DIRECTORY) {
        ENVM_TRY(envm_fs_open_dir(prefix_fd, ENVM_RELPATH(ENVM_PREFIX_CHANGES),
                                  &recovery.changes_fd, err));
        ENVM_TRY(envm_fs_walk(recovery.changes_fd, collect_folder, &names, err));
        for (size_t i = 0; i < names.items.count; i++)
            ENVM_TRY(recover_change(&recovery, names.items.items[i], err));
        /* An empty one is left by a change that was killed very early or very late. */
        if (names.items.count == 0 && !settings->dry_run) {
            bool removed = false;

            ENVM_TRY(envm_fs_rmdir(prefix_fd, ENVM_RELPATH(ENVM_PREFIX_CHANGES), &removed, err));
        }
    }
    result.saved.count = recovery.saved.count;
    result.saved.items = envm_arena_copy(arena, recovery.saved.items,
                                         recovery.saved.count * sizeof(*recovery.saved.items));
    *ret_result = result;
    return ENVM_OK;
}

enum envm_code envm_transaction_recover(struct envm_arena *arena, envm_str prefix,
                                        const struct envm_recover_settings *settings,
                                        struct envm_recover_result *ret_result,
                                        struct envm_error *err)
{
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};
    ENVM_CLEANUP(envm_fd) int prefix_fd = -1;
    const struct envm_trial_recovery trial = {.timeout_ms = settings->lock_timeout_ms,
                                              .dry_run = settings->dry_run,
                                              .sink = settings->sink};
    const char *path = envm_cstr(arena, prefix);
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    bool undone = false;

    *ret_result = (struct envm_recover_result){0};
    ENVM_TRY(envm_trial_recover(arena, prefix, &trial, &undone, err));
    ret_result->dropped = undone;
    /* It was to be made. */
    if (undone && envm_fs_user_kind(path) == ENVM_FS_ABSENT)
        return ENVM_OK;
    ENVM_TRY(envm_fs_open_root(path, &prefix_fd, err));
    ENVM_TRY(envm_fs_stat(prefix_fd, ENVM_RELPATH(ENVM_PREFIX_CHANGES), &kind, NULL, err));
    if (kind == ENVM_FS_ABSENT && !has_temporary_metadata(prefix_fd))
        return ENVM_OK;
    ENVM_TRY(envm_prefix_lock_take_at(path, prefix_fd, settings->lock_timeout_ms, settings->sink,
                                      &lock, err));
    ENVM_TRY(envm_transaction_recover_locked(arena, prefix_fd, settings, ret_result, err));
    /* The change that ran the scripts is counted once: its folder was dropped with it. */
    if (undone && ret_result->dropped == 0)
        ret_result->dropped = 1;
    return ENVM_OK;
}

/* --- the look of those who only read ------------------------------------------------------ */

struct search {
    bool committed;
};

static enum envm_code look_for_commit(void *user, const struct envm_fs_entry *entry, bool *skip,
                                      struct envm_error *err)
{
    struct search *search = user;

    (void)err;
    if (entry->kind == ENVM_FS_DIRECTORY)
        *skip = envm_str_equal_c(envm_str_from(entry->leaf), ENVM_CHANGE_NEW);
    else if (envm_str_equal_c(envm_str_from(entry->leaf), ENVM_CHANGE_COMMITTED))
        search->committed = true;
    return ENVM_OK;
}

enum envm_pending envm_transaction_pending(int prefix_fd)
{
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};
    ENVM_CLEANUP(envm_fd) int changes_fd = -1;
    struct search search = {0};
    enum envm_fs_kind sign = ENVM_FS_ABSENT;

    if (envm_fs_stat(prefix_fd, ENVM_RELPATH(ENVM_TRIAL_SIGN), &sign, NULL, NULL) == ENVM_OK &&
        sign != ENVM_FS_ABSENT)
        return envm_fs_lock_is_held(prefix_fd, ENVM_RELPATH(ENVM_PREFIX_LOCK))
                   ? ENVM_PENDING_RUNNING
                   : ENVM_PENDING_INTERRUPTED;
    if (envm_fs_open_dir(prefix_fd, ENVM_RELPATH(ENVM_PREFIX_CHANGES), &changes_fd, NULL) !=
        ENVM_OK)
        return ENVM_PENDING_NOTHING;
    (void)envm_fs_walk(changes_fd, look_for_commit, &search, NULL);
    if (!search.committed)
        return ENVM_PENDING_NOTHING;
    if (envm_fs_lock_is_held(prefix_fd, ENVM_RELPATH(ENVM_PREFIX_LOCK)))
        return ENVM_PENDING_RUNNING;
    return ENVM_PENDING_INTERRUPTED;
}

bool envm_transaction_has_remains(int prefix_fd)
{
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    return envm_fs_stat(prefix_fd, ENVM_RELPATH(ENVM_PREFIX_CHANGES), &kind, NULL, NULL) !=
               ENVM_OK ||
           kind != ENVM_FS_ABSENT;
}
