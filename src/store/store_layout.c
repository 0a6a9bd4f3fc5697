/* SPDX-License-Identifier: MIT */
#include "store/store_layout.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hex.h"
#include "sys/clock.h"
#include "sys/fs_temp.h"
#include "sys/fs_tree.h"

#define DAY_SECONDS 86400
#define LOCK_TIMEOUT_MS 60000
#define GRACE_SECONDS 60 /* between making a run directory and locking it */

/* Whoever can write to the cache can put programs into every environment made from it. */
static enum envm_code check_owner(int cache_fd, struct envm_error *err)
{
    struct stat st;
    const char *fault = NULL;

    if (fstat(cache_fd, &st) != 0)
        return envm_fail_errno(err, errno, "looking at the package cache");
    if (st.st_uid != geteuid() && st.st_uid != 0)
        fault = "belongs to another user";
    else if (st.st_mode & S_IWOTH)
        fault = "can be written to by everyone";
    else if ((st.st_mode & S_IWGRP) && st.st_uid != 0)
        fault = "can be written to by its group";
    if (!fault)
        return ENVM_OK;
    return envm_error_hint(err, envm_fail(err, ENVM_UNSAFE, "the package cache %s", fault),
                           "use a cache directory of your own, and take write permission from "
                           "others (chmod go-w)");
}

/* --- sweep -------------------------------------------------------------------------------- */

struct sweep {
    struct envm_store *store;
    int64_t now;
    struct envm_arena *arena;
    struct envm_str_list dead; /* filled by the walk, removed after it */
};

static bool run_is_dead(struct sweep *sweep, struct envm_relpath name, int64_t age)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_fs_lock lock = {.fd = -1};

    if (age < GRACE_SECONDS || envm_fs_open_dir(sweep->store->tmp_fd, name, &fd, NULL) != ENVM_OK)
        return false;
    if (envm_fs_lock_take(fd, ENVM_RELPATH("lock"), true, 0, NULL, &lock, NULL) != ENVM_OK)
        return false;
    envm_fs_lock_drop(&lock);
    return true;
}

static enum envm_code sweep_visit(void *user, const struct envm_fs_entry *entry, bool *skip,
                                  struct envm_error *err)
{
    struct sweep *sweep = user;
    struct envm_relpath name;
    int64_t age = sweep->now - (int64_t)entry->stat->st_mtime;

    (void)err;
    *skip = true;
    if (envm_relpath_parse(sweep->arena, entry->path, &name, NULL) != ENVM_OK)
        return ENVM_OK;
    bool is_run =
        entry->kind == ENVM_FS_DIRECTORY && envm_str_starts_with(entry->path, ENVM_STR("run-"));

    if (is_run ? run_is_dead(sweep, name, age) : age > DAY_SECONDS) {
        envm_str *grown = envm_arena_new_array(sweep->arena, envm_str, sweep->dead.count + 1);

        for (size_t i = 0; i < sweep->dead.count; i++)
            grown[i] = sweep->dead.items[i];
        grown[sweep->dead.count] = name.s;
        sweep->dead = (struct envm_str_list){grown, sweep->dead.count + 1};
    }
    return ENVM_OK;
}

/* Leftovers cost disk space, nothing else: what cannot be removed stays. */
static void sweep_dead_runs(struct envm_store *store)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct sweep sweep = {.store = store, .now = envm_clock_now(), .arena = &arena};

    if (envm_fs_walk(store->tmp_fd, sweep_visit, &sweep, NULL) != ENVM_OK)
        return;
    for (size_t i = 0; i < sweep.dead.count; i++) {
        struct envm_relpath name;

        if (envm_relpath_parse(&arena, sweep.dead.items[i], &name, NULL) == ENVM_OK &&
            envm_fs_remove_tree(store->tmp_fd, name, NULL) != ENVM_OK)
            envm_sink_log(store->config.sink, ENVM_LOG_DEBUG,
                          "cannot remove %s from the cache's tmp", name.s.ptr);
    }
}

/* --- open and close ------------------------------------------------------------------------- */

static enum envm_code make_and_open(int dirfd, struct envm_relpath path, int *ret_fd,
                                    struct envm_error *err)
{
    ENVM_TRY(envm_fs_make_dirs(dirfd, path, 0755, err));
    return envm_fs_open_dir(dirfd, path, ret_fd, err);
}

enum envm_code envm_store_layout_open(struct envm_store *store, struct envm_error *err)
{
    store->pkgs_fd = store->tmp_fd = store->run_fd = store->run_lock.fd = -1;
    ENVM_TRY(check_owner(store->config.cache_fd, err));
    ENVM_TRY_WRAP(make_and_open(store->config.cache_fd, ENVM_RELPATH("pkgs"), &store->pkgs_fd, err),
                  err, "package cache");
    ENVM_TRY_WRAP(make_and_open(store->config.cache_fd, ENVM_RELPATH("tmp"), &store->tmp_fd, err),
                  err, "package cache");
    ENVM_TRY(envm_fs_temp_dir(store->tmp_fd, "run-", &store->arena, &store->run, err));
    ENVM_TRY(envm_fs_open_dir(store->tmp_fd, store->run, &store->run_fd, err));
    ENVM_TRY(envm_fs_lock_take(store->run_fd, ENVM_RELPATH("lock"), true, 0, NULL, &store->run_lock,
                               err));
    sweep_dead_runs(store);
    return ENVM_OK;
}

void envm_store_layout_close(struct envm_store *store)
{
    /* Removed before the lock is dropped, so that nobody else sweeps it at the same time. */
    if (store->run_fd >= 0 && envm_fs_remove_tree(store->tmp_fd, store->run, NULL) != ENVM_OK)
        envm_sink_log(store->config.sink, ENVM_LOG_DEBUG, "cannot remove %s from the cache's tmp",
                      store->run.s.ptr);
    envm_fs_lock_drop(&store->run_lock);
    envm_close_fd(&store->run_fd);
    envm_close_fd(&store->tmp_fd);
    envm_close_fd(&store->pkgs_fd);
    envm_arena_release(&store->arena);
}

/* --- entries -------------------------------------------------------------------------------- */

struct envm_store_place envm_store_place_of(struct envm_arena *arena,
                                            const struct envm_sha256 *sha256)
{
    struct envm_hex_text hex = envm_sha256_hex(sha256);
    envm_str tree = envm_arena_printf(arena, "%.2s/%s", hex.text, hex.text);

    /* Hexadecimal digits and one slash: valid by construction. */
    return (struct envm_store_place){
        .shard = {envm_arena_str(arena, envm_str_n(hex.text, 2))},
        .tree = {tree},
        .manifest = {envm_arena_concat(arena, tree, ENVM_STR(".manifest"))},
        .lock = {envm_arena_printf(arena, "%.2s/lock", hex.text)},
    };
}

enum envm_code envm_store_lock(struct envm_store *store, const struct envm_store_place *place,
                               struct envm_fs_lock *ret_lock, struct envm_error *err)
{
    return envm_fs_lock_take(store->pkgs_fd, place->lock, true, LOCK_TIMEOUT_MS, store->config.sink,
                             ret_lock, err);
}

static enum envm_code unlink_if_there(int dirfd, struct envm_relpath path, struct envm_error *err)
{
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    ENVM_TRY(envm_fs_stat(dirfd, path, &kind, NULL, err));
    return kind == ENVM_FS_ABSENT ? ENVM_OK : envm_fs_unlink(dirfd, path, err);
}

enum envm_code envm_store_discard(struct envm_store *store, const struct envm_store_place *place,
                                  struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_relpath trash;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    ENVM_TRY(envm_fs_stat(store->pkgs_fd, place->tree, &kind, NULL, err));
    if (kind != ENVM_FS_ABSENT) {
        /* A directory may be renamed onto an empty one: that is how it gets an unused name. */
        ENVM_TRY(envm_fs_temp_dir(store->run_fd, "trash-", &arena, &trash, err));
        ENVM_TRY(envm_fs_rename(store->pkgs_fd, place->tree, store->run_fd, trash, err));
        ENVM_TRY(envm_fs_remove_tree(store->run_fd, trash, err));
    }
    return unlink_if_there(store->pkgs_fd, place->manifest, err);
}
