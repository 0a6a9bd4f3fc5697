/* SPDX-License-Identifier: MIT */
#include "store/store_layout.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hex.h"
#include "store/package_fetch.h"
#include "sys/clock.h"
#include "sys/fs_temp.h"
#include "sys/fs_tree.h"

#define DAY_SECONDS 86400
#define LOCK_TIMEOUT_MS 60000
#define ALONE_POLL_MS 100
#define GRACE_SECONDS 60 /* between making a run directory and locking it */

/* Whoever can write to the cache can put programs into every environment made from it. */
static enum envm_code check_owner(const struct envm_store *store, int cache_fd,
                                  struct envm_error *err)
{
    struct stat st;
    const char *fault = NULL;

    if (store->config.shared)
        return ENVM_OK;
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
                           "others (chmod go-w); or say that it is meant so with --shared-cache");
}

/* --- sweep -------------------------------------------------------------------------------- */

/* ENVM_LOCKED, with the holder in the text, while the process that made the run lives. */
static enum envm_code try_run_lock(int run_fd, struct envm_error *err)
{
    struct envm_fs_lock lock = {.fd = -1};

    ENVM_TRY(envm_fs_lock_take(run_fd, ENVM_RELPATH("lock"), true, 0, NULL, &lock, err));
    envm_fs_lock_drop(&lock);
    return ENVM_OK;
}

struct sweep {
    struct envm_store *store;
    int64_t now;
    struct envm_arena *arena;
    struct envm_str_list dead; /* filled by the walk, removed after it */
};

static bool run_is_dead(struct sweep *sweep, struct envm_relpath name, int64_t age)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    if (age < GRACE_SECONDS || envm_fs_open_dir(sweep->store->tmp_fd, name, &fd, NULL) != ENVM_OK)
        return false;
    return try_run_lock(fd, NULL) == ENVM_OK;
}

static bool is_fetch(const struct envm_fs_entry *entry)
{
    return entry->kind == ENVM_FS_FILE &&
           envm_str_starts_with(entry->path, ENVM_STR(ENVM_FETCH_PREFIX));
}

/* Removed while it is claimed: whoever opens it meanwhile sees that it has no name. */
static bool fetch_is_dead(const struct sweep *sweep, struct envm_relpath name)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    if (envm_fs_claim_file(sweep->store->tmp_fd, name, &fd, NULL) == ENVM_OK && fd >= 0)
        (void)envm_fs_unlink(sweep->store->tmp_fd, name, NULL);
    return false;
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

    if (is_run            ? run_is_dead(sweep, name, age)
        : is_fetch(entry) ? fetch_is_dead(sweep, name)
                          : age > DAY_SECONDS) {
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

/* A cache of a group: what one member makes the others have to be able to write to. */
static void share(const struct envm_store *store, int fd)
{
    struct stat st;

    if (store->share_mode == 0 || fstat(fd, &st) != 0 || st.st_uid != geteuid())
        return;
    mode_t bits = S_ISDIR(st.st_mode) ? store->share_mode : store->share_mode & 0666;

    /* Where it cannot be done the others are told when they try. */
    if ((st.st_mode & bits) != bits && fchmod(fd, (st.st_mode & 07777) | bits) != 0)
        envm_sink_log(store->config.sink, ENVM_LOG_DEBUG, "cannot share a part of the cache");
}

static enum envm_code make_and_open(struct envm_store *store, struct envm_relpath path, int *ret_fd,
                                    struct envm_error *err)
{
    ENVM_TRY(envm_fs_make_dirs(store->config.cache_fd, path, 0755, err));
    ENVM_TRY(envm_fs_open_dir(store->config.cache_fd, path, ret_fd, err));
    share(store, *ret_fd);
    return ENVM_OK;
}

static enum envm_code lock_cache(struct envm_store *store, bool exclusive, unsigned timeout_ms,
                                 struct envm_fs_lock *ret_lock, struct envm_error *err)
{
    ENVM_TRY_WRAP(envm_fs_lock_take(store->config.cache_fd, ENVM_RELPATH(".lock"), exclusive,
                                    timeout_ms, store->config.sink, ret_lock, err),
                  err, "package cache");
    share(store, ret_lock->fd);
    return ENVM_OK;
}

static enum envm_code begin_run(struct envm_store *store, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};

    ENVM_TRY(lock_cache(store, false, LOCK_TIMEOUT_MS, &lock, err));
    ENVM_TRY(envm_fs_temp_dir(store->tmp_fd, "run-", &store->arena, &store->run, err));
    ENVM_TRY(envm_fs_open_dir(store->tmp_fd, store->run, &store->run_fd, err));
    return envm_fs_lock_take(store->run_fd, ENVM_RELPATH("lock"), true, 0, NULL, &store->run_lock,
                             err);
}

/* A layer that is not there (a share that is not mounted) only makes more to fetch. */
static enum envm_code open_layers(struct envm_store *store, struct envm_error *err)
{
    const struct envm_store_config *config = &store->config;

    store->layer_fds = envm_arena_new_array(&store->arena, int, config->layer_count);
    for (size_t i = 0; i < config->layer_count; i++)
        store->layer_fds[i] = -1;
    for (size_t i = 0; i < config->layer_count; i++) {
        ENVM_TRY_WRAP(check_owner(store, config->layers[i].cache_fd, err), err, "cache layer %.*s",
                      ENVM_STR_ARGS(config->layers[i].path));
        if (envm_fs_open_dir(config->layers[i].cache_fd, ENVM_RELPATH("pkgs"), &store->layer_fds[i],
                             NULL) != ENVM_OK)
            envm_sink_warn(config->sink, "the cache layer %.*s holds no packages",
                           ENVM_STR_ARGS(config->layers[i].path));
    }
    return ENVM_OK;
}

static envm_str boot_id(struct envm_arena *arena)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(128);

    if (envm_fs_read_user_file("/proc/sys/kernel/random/boot_id", &text, NULL) != ENVM_OK)
        return (envm_str){0};
    return envm_arena_str(arena, envm_str_trim(envm_buf_str(&text)));
}

enum envm_code envm_store_layout_open(struct envm_store *store, struct envm_error *err)
{
    struct stat st;

    store->pkgs_fd = store->tmp_fd = store->run_fd = store->run_lock.fd = -1;
    pthread_mutex_init(&store->mutex, NULL);
    store->boot_id = boot_id(&store->arena);
    ENVM_TRY(check_owner(store, store->config.cache_fd, err));
    if (store->config.shared && fstat(store->config.cache_fd, &st) == 0)
        store->share_mode = st.st_mode & (S_ISGID | S_IWGRP | S_IWOTH);
    ENVM_TRY(open_layers(store, err));
    ENVM_TRY_WRAP(make_and_open(store, ENVM_RELPATH("pkgs"), &store->pkgs_fd, err), err,
                  "package cache");
    ENVM_TRY_WRAP(make_and_open(store, ENVM_RELPATH("tmp"), &store->tmp_fd, err), err,
                  "package cache");
    ENVM_TRY(begin_run(store, err));
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
    for (size_t i = 0; store->layer_fds && i < store->config.layer_count; i++)
        envm_close_fd(&store->layer_fds[i]);
    envm_vec_release(&store->unsynced);
    pthread_mutex_destroy(&store->mutex);
    envm_arena_release(&store->arena);
}

void envm_store_note_unsynced(struct envm_store *store, const struct envm_sha256 *sha256)
{
    pthread_mutex_lock(&store->mutex);
    envm_vec_push(&store->unsynced, *sha256);
    pthread_mutex_unlock(&store->mutex);
}

/* --- alone ---------------------------------------------------------------------------------- */

struct others {
    struct envm_store *store;
    struct envm_arena *arena;
};

/* Stops at the first run of another process that lives. */
static enum envm_code visit_run(void *user, const struct envm_fs_entry *entry, bool *skip,
                                struct envm_error *err)
{
    const struct others *others = user;
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_relpath name;

    *skip = true;
    if (entry->kind != ENVM_FS_DIRECTORY || !envm_str_starts_with(entry->path, ENVM_STR("run-")) ||
        envm_str_equal(entry->path, others->store->run.s) ||
        envm_relpath_parse(others->arena, entry->path, &name, NULL) != ENVM_OK ||
        envm_fs_open_dir(others->store->tmp_fd, name, &fd, NULL) != ENVM_OK)
        return ENVM_OK;
    return try_run_lock(fd, err);
}

enum envm_code envm_store_lock_alone(struct envm_store *store, unsigned timeout_ms,
                                     struct envm_fs_lock *ret_lock, struct envm_error *err)
{
    uint64_t start = envm_clock_monotonic_ms();

    for (;;) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
        struct others others = {.store = store, .arena = &arena};
        struct envm_fs_lock lock = {.fd = -1};
        enum envm_code code;

        ENVM_TRY(lock_cache(store, true, timeout_ms, &lock, err));
        code = envm_fs_walk(store->tmp_fd, visit_run, &others, &failure);
        if (code == ENVM_OK) {
            *ret_lock = lock;
            return ENVM_OK;
        }
        /* Not held while waiting: nobody has to wait for somebody who waits. */
        envm_fs_lock_drop(&lock);
        if (code != ENVM_LOCKED || envm_clock_monotonic_ms() - start >= timeout_ms) {
            envm_error_move(err, &failure);
            return envm_wrap(err, code, "the package cache is in use");
        }
        if (envm_sink_cancelled(store->config.sink))
            return envm_fail(err, ENVM_INTERRUPTED, "waiting for the package cache: interrupted");
        envm_clock_sleep_ms(ALONE_POLL_MS);
    }
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

enum envm_code envm_store_make_shard(struct envm_store *store, struct envm_relpath shard,
                                     struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    ENVM_TRY(envm_fs_make_dirs(store->pkgs_fd, shard, 0755, err));
    if (store->share_mode != 0 && envm_fs_open_dir(store->pkgs_fd, shard, &fd, NULL) == ENVM_OK)
        share(store, fd);
    return ENVM_OK;
}

enum envm_code envm_store_lock(struct envm_store *store, const struct envm_store_place *place,
                               struct envm_fs_lock *ret_lock, struct envm_error *err)
{
    ENVM_TRY(envm_fs_lock_take(store->pkgs_fd, place->lock, true, LOCK_TIMEOUT_MS,
                               store->config.sink, ret_lock, err));
    share(store, ret_lock->fd);
    return ENVM_OK;
}

static enum envm_code unlink_if_there(int dirfd, struct envm_relpath path, struct envm_error *err)
{
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    ENVM_TRY(envm_fs_stat(dirfd, path, &kind, NULL, err));
    return kind == ENVM_FS_ABSENT ? ENVM_OK : envm_fs_unlink(dirfd, path, err);
}

/* A folder of the lower layer of an overlay cannot be renamed. Without its manifest the package is
 * none any more. */
static enum envm_code remove_in_place(struct envm_store *store,
                                      const struct envm_store_place *place, struct envm_error *err)
{
    ENVM_TRY(unlink_if_there(store->pkgs_fd, place->manifest, err));
    return envm_fs_remove_tree(store->pkgs_fd, place->tree, err);
}

enum envm_code envm_store_hide(struct envm_store *store, const struct envm_store_place *place,
                               struct envm_arena *arena, struct envm_relpath *ret_trash,
                               struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    enum envm_code code;

    *ret_trash = (struct envm_relpath){0};
    ENVM_TRY(envm_fs_stat(store->pkgs_fd, place->tree, &kind, NULL, err));
    if (kind != ENVM_FS_ABSENT) {
        struct envm_relpath trash, tree;

        ENVM_TRY(envm_fs_temp_dir(store->run_fd, "trash-", arena, &trash, err));
        ENVM_TRY(envm_relpath_join(arena, trash, ENVM_STR("tree"), &tree, err));
        code = envm_fs_rename(store->pkgs_fd, place->tree, store->run_fd, tree, &failure);
        if (code == ENVM_IO && failure.cause == EXDEV)
            return remove_in_place(store, place, err);
        if (code != ENVM_OK) {
            if (err)
                envm_error_move(err, &failure);
            return code;
        }
        *ret_trash = trash;
    }
    return unlink_if_there(store->pkgs_fd, place->manifest, err);
}

enum envm_code envm_store_discard(struct envm_store *store, const struct envm_store_place *place,
                                  struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_relpath trash;

    ENVM_TRY(envm_store_hide(store, place, &arena, &trash, err));
    return trash.s.len > 0 ? envm_fs_remove_tree(store->run_fd, trash, err) : ENVM_OK;
}
