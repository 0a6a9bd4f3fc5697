/* SPDX-License-Identifier: MIT */
#include "store/package_find.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/error.h"
#include "base/hex.h"
#include "conda/package_record.h"
#include "store/package_extract.h"
#include "sys/clock.h"

#define DAY_SECONDS 86400

static void add_fault(struct envm_store_look *look, struct envm_arena *arena, envm_str what)
{
    struct envm_store_fault *fault = envm_arena_new(arena, struct envm_store_fault);

    *fault = (struct envm_store_fault){.what = what};
    look->check.faults = fault;
    look->check.fault_count = 1;
}

/* A disk that gives wrong bytes or none is damage. Anything else (no descriptors left, no rights)
 * is this process's trouble, and no reason to throw the entry away. */
static enum envm_code settle(enum envm_code code, struct envm_store_entry *entry,
                             struct envm_store_look *look, struct envm_error *fault,
                             struct envm_error *err)
{
    if (code == ENVM_IO && fault->cause != 0 && fault->cause != ENOENT && fault->cause != ENOTDIR &&
        fault->cause != EIO && fault->cause != ESTALE) {
        envm_error_move(err, fault);
        return code;
    }
    if (code != ENVM_OK)
        add_fault(look, &entry->arena, envm_arena_str(&entry->arena, envm_str_from(fault->text)));
    return ENVM_OK;
}

static enum envm_code read_manifest(const struct envm_store_view *view,
                                    const struct envm_store_place *place,
                                    const struct envm_sha256 *sha256,
                                    struct envm_store_entry *entry, struct envm_store_look *look,
                                    struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(ENVM_MANIFEST_MAX);
    ENVM_CLEANUP(envm_error) struct envm_error fault = {0};
    enum envm_code code = envm_fs_read_at(view->pkgs_fd, place->manifest, &text, &fault);

    if (code == ENVM_OK)
        code = envm_manifest_read(&entry->arena, envm_buf_str(&text), &look->manifest, &fault);
    if (code == ENVM_OK && !envm_sha256_equal(&look->manifest.sha256, sha256))
        code = envm_fail(&fault, ENVM_DAMAGED, "its manifest is that of another package");
    look->has_manifest = code == ENVM_OK;
    return settle(code, entry, look, &fault, err);
}

static enum envm_code open_tree(const struct envm_store_view *view,
                                const struct envm_store_place *place,
                                struct envm_store_entry *entry, struct envm_store_look *look,
                                struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error fault = {0};
    enum envm_code code = envm_fs_open_dir(view->pkgs_fd, place->tree, &entry->dirfd, &fault);

    return settle(code, entry, look, &fault, err);
}

/* Manifest and tree of an entry, unchecked. A manifest that is missing or cannot be read is damage.
 */
static enum envm_code load(const struct envm_store_view *view, const struct envm_store_place *place,
                           const struct envm_sha256 *sha256, struct envm_store_entry *entry,
                           struct envm_store_look *look, struct envm_error *err)
{
    enum envm_fs_kind tree = ENVM_FS_ABSENT, manifest = ENVM_FS_ABSENT;
    struct stat st;

    ENVM_TRY(envm_fs_stat(view->pkgs_fd, place->tree, &tree, NULL, err));
    look->found = tree != ENVM_FS_ABSENT;
    if (!look->found)
        return ENVM_OK;
    if (tree != ENVM_FS_DIRECTORY) {
        add_fault(look, &entry->arena, ENVM_STR("it is not a directory"));
        return ENVM_OK;
    }
    ENVM_TRY(open_tree(view, place, entry, look, err));
    ENVM_TRY(envm_fs_stat(view->pkgs_fd, place->manifest, &manifest, &st, err));
    look->unsynced = manifest == ENVM_FS_FILE && (st.st_mode & S_IWUSR) != 0;
    if (manifest == ENVM_FS_FILE)
        return read_manifest(view, place, sha256, entry, look, err);
    add_fault(look, &entry->arena, ENVM_STR("it has no manifest"));
    return ENVM_OK;
}

/* Written before the last start of the system, and perhaps not to its end. */
static bool is_doubtful(const struct envm_store_view *view, const struct envm_store_look *look)
{
    return look->unsynced && view->store->boot_id.len > 0 &&
           !envm_str_equal(look->manifest.boot, view->store->boot_id);
}

/* A clock that was set back makes no entry old. */
static bool is_due(const struct envm_store_view *view, const struct envm_store_look *look)
{
    const struct envm_manifest *manifest = &look->manifest;

    return view->read_all || is_doubtful(view, look) ||
           (view->layer.len == 0 &&
            envm_clock_now() - manifest->checked >= ENVM_STORE_RECHECK_SECONDS);
}

enum envm_code envm_store_look_at(const struct envm_store_view *view,
                                  const struct envm_store_place *place,
                                  const struct envm_sha256 *sha256, struct envm_store_entry *entry,
                                  struct envm_store_look *ret_look, struct envm_error *err)
{
    struct envm_store_look look = {0};

    envm_store_entry_release(entry);
    ENVM_TRY(load(view, place, sha256, entry, &look, err));
    if (look.has_manifest && look.check.fault_count == 0) {
        const struct envm_check_request request = {.root_fd = entry->dirfd,
                                                   .manifest = &look.manifest,
                                                   .read_all = is_due(view, &look),
                                                   .read_only = view->read_only};

        ENVM_TRY(envm_package_check(&entry->arena, &request, &look.check, err));
    }
    if (look.check.complete && look.check.fault_count == 0) {
        /* What was read after a start of the system had come from the disk. */
        if (is_doubtful(view, &look))
            look.unsynced = false;
        look.manifest.checked = envm_clock_now();
        look.check.refreshed = true;
    }
    *ret_look = look;
    return ENVM_OK;
}

struct envm_store_damage envm_store_damage_of(struct envm_arena *arena,
                                              const struct envm_sha256 *sha256,
                                              const struct envm_store_look *look, envm_str layer)
{
    return (struct envm_store_damage){
        .sha256 = *sha256,
        .package = look->has_manifest
                       ? envm_package_record_stem(arena, look->manifest.index)
                       : envm_arena_str(arena, envm_str_from(envm_sha256_hex(sha256).text)),
        .layer = layer,
        .faults = look->check.faults,
        .fault_count = look->check.fault_count,
    };
}

/* --- the writable cache --------------------------------------------------------------------- */

/* Renewed fingerprints only save work: where they cannot be kept the work is done again. The time
 * of the file says when the package was used, and stays. */
static void save_manifest(struct envm_store *store, const struct envm_store_place *place,
                          const struct envm_store_look *look)
{
    ENVM_CLEANUP(envm_error) struct envm_error fault = {0};
    ENVM_CLEANUP(envm_fd) int fd = -1;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct stat old;

    if (envm_fs_stat(store->pkgs_fd, place->manifest, &kind, &old, NULL) != ENVM_OK ||
        kind != ENVM_FS_FILE)
        return;
    if (envm_package_save_manifest(store, place->manifest, &look->manifest,
                                   look->unsynced ? ENVM_MANIFEST_MODE : ENVM_MANIFEST_MODE_SYNCED,
                                   &fault) != ENVM_OK)
        envm_sink_log(store->config.sink, ENVM_LOG_DEBUG, "package cache: %s", fault.text);
    else if (envm_fs_open_read(store->pkgs_fd, place->manifest, &fd, NULL) == ENVM_OK)
        (void)futimens(fd, (struct timespec[]){old.st_mtim, old.st_mtim});
}

/* True when the tree still is the one that was looked at. */
static bool is_unchanged(const struct envm_store_view *view, const struct envm_store_place *place,
                         const struct envm_store_entry *entry)
{
    struct stat held, there;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    return fstat(entry->dirfd, &held) == 0 &&
           envm_fs_stat(view->pkgs_fd, place->tree, &kind, &there, NULL) == ENVM_OK &&
           kind == ENVM_FS_DIRECTORY && held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

void envm_store_keep_look(const struct envm_store_view *view, const struct envm_store_place *place,
                          const struct envm_store_entry *entry, const struct envm_store_look *look)
{
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};

    if (envm_store_lock(view->store, place, &lock, NULL) == ENVM_OK &&
        is_unchanged(view, place, entry))
        save_manifest(view->store, place, look);
}

static void tell(const struct envm_store *store, const struct envm_store_damage *damage)
{
    const struct envm_store_fault *first = &damage->faults[0];
    const char *done = damage->layer.len > 0 ? "is passed over" : "was removed";

    envm_sink_warn(store->config.sink, "a cached package is damaged and %s: %.*s%s%.*s: %.*s%s%.*s",
                   done, ENVM_STR_ARGS(damage->package), damage->layer.len ? " in " : "",
                   ENVM_STR_ARGS(damage->layer), ENVM_STR_ARGS(first->path),
                   first->path.len ? " " : "", ENVM_STR_ARGS(first->what));
    if (store->config.on_damage)
        store->config.on_damage(store->config.user, damage);
}

/* Without a manifest nothing says which of the files are bad: then all of them may be. */
static enum envm_code complete_damage(struct envm_store_entry *entry, struct envm_store_look *look,
                                      struct envm_error *err)
{
    if (look->has_manifest || entry->dirfd < 0)
        return ENVM_OK;
    return envm_package_check_extra(&entry->arena, entry->dirfd, NULL, &look->check, err);
}

/* Something was not as expected. It may be somebody else at work, so it counts only when it is
 * still so under the lock. */
static enum envm_code look_again(struct envm_store_view view, const struct envm_store_place *place,
                                 const struct envm_sha256 *sha256, struct envm_store_entry *entry,
                                 struct envm_store_look *look, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};

    ENVM_TRY(envm_store_lock(view.store, place, &lock, err));
    if (look->check.fault_count == 0 && is_unchanged(&view, place, entry)) {
        save_manifest(view.store, place, look);
        return ENVM_OK;
    }
    view.read_all = true; /* whoever holds bad files has to be told of all of them */
    ENVM_TRY(envm_store_look_at(&view, place, sha256, entry, look, err));
    if (look->check.fault_count > 0) {
        ENVM_TRY(complete_damage(entry, look, err));
        look->found = false;
        return envm_store_discard(view.store, place, err);
    }
    if (look->found)
        save_manifest(view.store, place, look);
    return ENVM_OK;
}

/* `clean --older-than` goes by the time of the manifest: it says when the entry was last used, to
 * the day. */
static void note_use(struct envm_store *store, const struct envm_store_place *place)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct stat st;

    if (envm_fs_stat(store->pkgs_fd, place->manifest, &kind, &st, NULL) != ENVM_OK ||
        kind != ENVM_FS_FILE || envm_clock_now() - (int64_t)st.st_mtime < DAY_SECONDS ||
        envm_fs_open_read(store->pkgs_fd, place->manifest, &fd, NULL) != ENVM_OK)
        return;
    /* In a cache of others it may not be allowed. */
    (void)futimens(fd, NULL);
}

static enum envm_code find_own(struct envm_store *store, const struct envm_store_place *place,
                               const struct envm_sha256 *sha256, struct envm_store_entry *entry,
                               struct envm_store_look *look, struct envm_error *err)
{
    const struct envm_store_view view = {
        .store = store, .pkgs_fd = store->pkgs_fd, .read_all = store->config.verify_all};
    bool was_found;

    ENVM_TRY(envm_store_look_at(&view, place, sha256, entry, look, err));
    was_found = look->found;
    if (look->check.fault_count > 0 || look->check.refreshed)
        ENVM_TRY(look_again(view, place, sha256, entry, look, err));
    if (look->found) {
        note_use(store, place);
        if (look->unsynced)
            envm_store_note_unsynced(store, sha256);
    } else if (was_found && look->check.fault_count > 0) {
        struct envm_store_damage damage =
            envm_store_damage_of(&entry->arena, sha256, look, ENVM_STR(""));

        tell(store, &damage);
    }
    return ENVM_OK;
}

/* --- layers --------------------------------------------------------------------------------- */

/* Nothing can be mended or locked there; whoever looks after the layer may be replacing the entry
 * at this moment, so what is wrong with it counts for this time only. */
static enum envm_code find_in_layer(struct envm_store *store, size_t index,
                                    const struct envm_store_place *place,
                                    const struct envm_sha256 *sha256,
                                    struct envm_store_entry *entry, struct envm_store_look *look,
                                    struct envm_error *err)
{
    const struct envm_store_view view = {.store = store,
                                         .pkgs_fd = store->layer_fds[index],
                                         .layer = store->config.layers[index].path,
                                         .read_all = store->config.verify_all,
                                         .read_only = true};
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    struct envm_store_damage damage;

    if (envm_store_look_at(&view, place, sha256, entry, look, &failure) != ENVM_OK) {
        envm_sink_warn(store->config.sink, "cache layer %.*s: %s", ENVM_STR_ARGS(view.layer),
                       failure.text);
        look->found = false;
        return ENVM_OK;
    }
    if (look->check.fault_count == 0)
        return ENVM_OK;
    ENVM_TRY(complete_damage(entry, look, err));
    damage = envm_store_damage_of(&entry->arena, sha256, look, view.layer);
    tell(store, &damage);
    look->found = false;
    return ENVM_OK;
}

enum envm_code envm_store_find_entry(struct envm_store *store, const struct envm_store_place *place,
                                     const struct envm_sha256 *sha256,
                                     struct envm_store_entry *ret_entry, bool *ret_found,
                                     struct envm_error *err)
{
    struct envm_store_look look = {0};

    ENVM_TRY(find_own(store, place, sha256, ret_entry, &look, err));
    for (size_t i = 0; i < store->config.layer_count && !look.found; i++) {
        if (store->layer_fds[i] >= 0)
            ENVM_TRY(find_in_layer(store, i, place, sha256, ret_entry, &look, err));
    }
    *ret_found = look.found;
    if (look.found) {
        envm_package_fill_entry(ret_entry, &look.manifest);
        ret_entry->was_cached = true;
    }
    return ENVM_OK;
}
