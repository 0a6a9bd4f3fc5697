/* SPDX-License-Identifier: MIT
 *
 * The part of txn/transaction_change.h that opens an environment and tells what would change.
 */
#include <errno.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "codec/json_reader.h"
#include "conda/package_record.h"
#include "prefix/noarch_python.h"
#include "txn/change_state.h"
#include "txn/script_trial.h"
#include "txn/transaction_recover.h"

#define OPEN_TRIES 16
#define FROZEN_SIZE_MAX ((size_t)64 << 10)

/* --- opening ------------------------------------------------------------------------------ */

/* {"message": "…"}, as CEP 22 has it; "" when the file says nothing. */
static envm_str frozen_message(struct envm_arena *arena, int prefix_fd)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(FROZEN_SIZE_MAX);
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();
    struct envm_json_reader json;
    envm_str message = {0};
    envm_str key;

    if (envm_fs_read_at(prefix_fd, ENVM_RELPATH("conda-meta/frozen"), &text, NULL) != ENVM_OK)
        return message;
    envm_json_init(&json, envm_buf_str(&text));
    envm_json_begin_object(&json);
    while (envm_json_next_key(&json, arena, &key)) {
        if (envm_str_equal_c(key, "message") && envm_json_peek(&json) == ENVM_JSON_STRING)
            envm_json_string(&json, arena, &message);
        else
            envm_json_skip(&json, NULL);
    }
    envm_buf_add_escaped(&shown, message, 1000);
    return envm_arena_str(arena, envm_buf_str(&shown));
}

static enum envm_code check_frozen(struct envm_change *change, bool allowed, struct envm_error *err)
{
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    envm_str message;

    ENVM_TRY(envm_fs_stat(change->prefix_fd, ENVM_RELPATH("conda-meta/frozen"), &kind, NULL, err));
    if (kind == ENVM_FS_ABSENT || allowed)
        return ENVM_OK;
    message = frozen_message(change->arena, change->prefix_fd);
    (void)envm_fail(err, ENVM_UNSAFE, "the environment '%s' is frozen%s%.*s", change->prefix.ptr,
                    message.len > 0 ? ": " : "", ENVM_STR_ARGS(message));
    return envm_error_hint(err, ENVM_UNSAFE,
                           "whoever made it does not want it changed; --override-frozen does it "
                           "all the same");
}

static enum envm_code open_prefix(struct envm_change *change, envm_str prefix,
                                  struct envm_error *err)
{
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    envm_str real;

    change->prefix = envm_arena_str(change->arena, prefix);
    if (envm_fs_user_link(change->arena, change->prefix.ptr, &real) && real.len > 0)
        change->prefix = real;
    ENVM_TRY(envm_fs_open_root(change->prefix.ptr, &change->prefix_fd, err));
    ENVM_TRY(envm_fs_stat(change->prefix_fd, ENVM_RELPATH("conda-meta"), &kind, NULL, err));
    if (kind != ENVM_FS_DIRECTORY)
        return envm_fail(err, ENVM_USAGE, "'%s' is not an environment: it has no conda-meta folder",
                         change->prefix.ptr);
    return ENVM_OK;
}

static enum envm_code lock(struct envm_change *change, const struct envm_change_settings *settings,
                           struct envm_error *err)
{
    ENVM_TRY_WRAP(envm_prefix_lock_take(change->prefix_fd, settings->lock_timeout_ms,
                                        settings->sink, &change->lock, err),
                  err, "changing the environment '%s'", change->prefix.ptr);
    return ENVM_OK;
}

/* While the lock is waited for, what stood at the path may have gone: link scripts ran in it, or it
 * was replaced. Then the other one is opened. Or it is a tree on trial whose process was killed. */
static enum envm_code open_locked(struct envm_change *change, envm_str prefix,
                                  const struct envm_change_settings *settings,
                                  struct envm_error *err)
{
    for (unsigned i = 0; i < OPEN_TRIES; i++) {
        ENVM_TRY(envm_trial_recover_now(change->arena, prefix, settings->lock_timeout_ms,
                                        settings->sink, err));
        ENVM_TRY(open_prefix(change, prefix, err));
        ENVM_TRY(check_frozen(change, settings->allow_frozen, err));
        ENVM_TRY(lock(change, settings, err));
        if (envm_prefix_is_at(change->prefix.ptr, change->prefix_fd) &&
            !envm_trial_is_marked(change->arena, change->prefix))
            return ENVM_OK;
        envm_fs_lock_drop(&change->lock);
        envm_close_fd(&change->prefix_fd);
    }
    return envm_fail(err, ENVM_LOCKED, "'%s' is replaced again and again by other processes",
                     change->prefix.ptr);
}

static enum envm_code recover(struct envm_change *change,
                              const struct envm_change_settings *settings, struct envm_error *err)
{
    const struct envm_recover_settings recovery = {.durability = settings->durability,
                                                   .sink = settings->sink};
    struct envm_recover_result result = {0};

    ENVM_TRY_WRAP(
        envm_transaction_recover_locked(change->arena, change->prefix_fd, &recovery, &result, err),
        err, "recovering the environment '%s'", change->prefix.ptr);
    if (result.completed > 0)
        envm_sink_warn(settings->sink, "an interrupted change of '%s' was completed",
                       change->prefix.ptr);
    for (size_t i = 0; i < result.saved.count; i++) {
        ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

        envm_buf_add_escaped(&shown, result.saved.items[i].saved, 512);
        envm_sink_warn(settings->sink, "a file that was changed meanwhile is kept as '%s'",
                       envm_buf_str(&shown).ptr);
    }
    return ENVM_OK;
}

/* Records of other tools do not have the text of links, which is needed to see whether two packages
 * bring the same. What cannot be read stays unknown. */
static void complete_links(struct envm_change *change, struct envm_prefix_record *record)
{
    for (size_t i = 0; i < record->path_count && !record->by_envm; i++) {
        struct envm_prefix_path *path = &record->paths[i];

        if (path->type == ENVM_PATH_SYMLINK)
            (void)envm_fs_read_link(change->prefix_fd, path->path, change->arena,
                                    &path->link_target, NULL);
    }
}

static enum envm_code load_records(struct envm_change *change, struct envm_error *err)
{
    struct envm_prefix_record_list *installed = &change->installed;
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();
    size_t bad;

    ENVM_TRY(envm_prefix_records_load(change->arena, change->prefix_fd, true, installed, err));
    for (size_t i = 0; i < installed->count; i++)
        complete_links(change, installed->items[i]);
    bad = installed->bad_files.count;
    if (bad == 0)
        return ENVM_OK;
    envm_buf_add_escaped(&shown, installed->bad_files.items[0], 256);
    (void)envm_fail(err, ENVM_DAMAGED,
                    "'%s/conda-meta/%s' cannot be used as the record of a package (%zu such "
                    "file%s)",
                    change->prefix.ptr, envm_buf_str(&shown).ptr, bad, bad == 1 ? "" : "s");
    return envm_error_hint(err, ENVM_DAMAGED, "`envm repair -p '%s'` makes records anew",
                           change->prefix.ptr);
}

enum envm_code envm_change_open(struct envm_arena *arena, struct envm_store *store, envm_str prefix,
                                const struct envm_change_settings *settings,
                                struct envm_change **ret_change, struct envm_error *err)
{
    ENVM_CLEANUP(envm_change)
    struct envm_change *change = envm_arena_new(arena, struct envm_change);

    *change =
        (struct envm_change){.arena = arena, .store = store, .prefix_fd = -1, .lock = {.fd = -1}};
    ENVM_TRY(open_locked(change, prefix, settings, err));
    ENVM_TRY(recover(change, settings, err));
    ENVM_TRY(load_records(change, err));
    *ret_change = ENVM_TAKE(change, NULL);
    return ENVM_OK;
}

void envm_change_release(struct envm_change *change)
{
    if (!change)
        return;
    envm_fs_lock_drop(&change->lock);
    envm_close_fd(&change->prefix_fd);
}

envm_str envm_change_prefix(const struct envm_change *change)
{
    return change->prefix;
}

int envm_change_prefix_fd(const struct envm_change *change)
{
    return change->prefix_fd;
}

const struct envm_prefix_record_list *envm_change_installed(const struct envm_change *change)
{
    return &change->installed;
}

/* --- steps -------------------------------------------------------------------------------- */

struct envm_prefix_record *envm_change_find(const struct envm_change *change, envm_str name)
{
    size_t low = 0;
    size_t high = change->installed.count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = envm_str_compare(change->installed.items[middle]->record->name, name);

        if (order == 0)
            return change->installed.items[middle];
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

static const struct envm_package_record *
find_package(const struct envm_package_record *const *packages, size_t count, envm_str name)
{
    for (size_t i = 0; i < count; i++) {
        if (envm_str_equal(packages[i]->name, name))
            return packages[i];
    }
    return NULL;
}

enum envm_code envm_change_moves_python(struct envm_arena *arena, const struct envm_change *change,
                                        const struct envm_package_record *const *packages,
                                        size_t count, envm_str platform, bool *ret_moves,
                                        struct envm_error *err)
{
    const struct envm_prefix_record *old = envm_change_find(change, ENVM_STR("python"));
    const struct envm_package_record *new = find_package(packages, count, ENVM_STR("python"));
    struct envm_python before = {0};
    struct envm_python after = {0};

    *ret_moves = false;
    if (!old || !new || envm_package_record_is_same(old->record, new))
        return ENVM_OK;
    ENVM_TRY(envm_python_from_record(arena, new, platform, &after, err));
    /* An installed python whose version makes no sense: linking anew is right in any case. */
    *ret_moves = envm_python_from_record(arena, old->record, platform, &before, NULL) != ENVM_OK ||
                 !envm_str_equal(before.site_packages.s, after.site_packages.s) ||
                 !envm_str_equal(before.interpreter, after.interpreter);
    return ENVM_OK;
}

static int compare_steps(const void *a, const void *b)
{
    return envm_str_compare(((const struct envm_change_step *)a)->name,
                            ((const struct envm_change_step *)b)->name);
}

void envm_change_sort_steps(struct envm_change_step *steps, size_t count)
{
    if (count > 1)
        qsort(steps, count, sizeof(*steps), compare_steps);
}

enum envm_code envm_change_preview(struct envm_arena *arena, const struct envm_change *change,
                                   const struct envm_package_record *const *packages, size_t count,
                                   envm_str platform, struct envm_change_steps *ret_steps,
                                   struct envm_error *err)
{
    const struct envm_prefix_record_list *installed = &change->installed;
    struct envm_change_step *steps =
        envm_arena_new_array(arena, struct envm_change_step, installed->count + count);
    size_t used = 0;
    bool moves = false;

    ENVM_TRY(envm_change_moves_python(arena, change, packages, count, platform, &moves, err));
    for (size_t i = 0; i < count; i++) {
        const struct envm_prefix_record *old = envm_change_find(change, packages[i]->name);
        bool relink = moves && old && old->record->noarch == ENVM_NOARCH_PYTHON;

        if (old && envm_package_record_is_same(old->record, packages[i]) && !relink)
            continue;
        steps[used++] = (struct envm_change_step){
            .name = packages[i]->name,
            .from = old ? old->record : NULL,
            .to = packages[i],
            .relink = relink && envm_package_record_is_same(old->record, packages[i])};
    }
    for (size_t i = 0; i < installed->count; i++) {
        const struct envm_package_record *old = installed->items[i]->record;

        if (!find_package(packages, count, old->name))
            steps[used++] = (struct envm_change_step){.name = old->name, .from = old};
    }
    envm_change_sort_steps(steps, used);
    *ret_steps = (struct envm_change_steps){steps, used};
    return ENVM_OK;
}
