/* SPDX-License-Identifier: MIT */
#include "txn/change_stage.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/map.h"
#include "base/utf8.h"
#include "codec/digest.h"
#include "conda/package_record.h"
#include "prefix/kept_lock.h"
#include "prefix/kept_metadata.h"
#include "prefix/kept_revisions.h"
#include "prefix/prefix_history.h"
#include "sys/clock.h"
#include "sys/fs_temp.h"
#include "sys/fs_tree.h"
#include "sys/workers.h"
#include "txn/journal_apply.h"
#include "txn/transaction_recover.h"

#define META_SIZE_MAX ((size_t)256 << 20)

void envm_stage_init(struct envm_stage *stage, struct envm_change *change,
                     const struct envm_transaction_plan *plan)
{
    *stage = (struct envm_stage){
        .change = change, .plan = plan, .changes_fd = -1, .change_fd = -1, .new_fd = -1};
}

void envm_stage_release(struct envm_stage *stage)
{
    bool removed = false;

    if (stage->id.s.len > 0 && !stage->committed) {
        (void)envm_fs_remove_tree(stage->changes_fd, stage->id, NULL);
        (void)envm_fs_rmdir(stage->change->prefix_fd, ENVM_RELPATH(ENVM_PREFIX_CHANGES), &removed,
                            NULL);
    }
    envm_close_fd(&stage->changes_fd);
    envm_close_fd(&stage->change_fd);
    envm_close_fd(&stage->new_fd);
    envm_journal_release(&stage->journal);
}

void envm_stage_keep_open(struct envm_stage *stage, struct envm_package_job *job)
{
    if (atomic_fetch_add(&stage->open_entries, 1) >= ENVM_PACKAGES_IN_FLIGHT)
        envm_close_fd(&job->entry.dirfd);
}

/* The kernel knows the umask: a folder made with all bits shows what it leaves. */
static enum envm_code learn_modes(struct envm_stage *stage, struct envm_error *err)
{
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct stat status = {0};
    mode_t mode;

    ENVM_TRY(envm_fs_mkdir(stage->new_fd, ENVM_RELPATH("conda-meta"), 0777, err));
    ENVM_TRY(envm_fs_stat(stage->new_fd, ENVM_RELPATH("conda-meta"), &kind, &status, err));
    mode = (status.st_mode & 0777) | 0700;
    stage->place = (struct envm_link_place){.fd = stage->new_fd,
                                            .prefix = stage->change->prefix,
                                            .plain_mode = 0666 & mode,
                                            .exec_mode = 0777 & mode};
    return ENVM_OK;
}

enum envm_code envm_stage_open(struct envm_stage *stage, struct envm_error *err)
{
    int prefix_fd = stage->change->prefix_fd;
    struct envm_relpath changes = ENVM_RELPATH(ENVM_PREFIX_CHANGES);

    ENVM_TRY(envm_fs_make_dirs(prefix_fd, changes, 0777, err));
    ENVM_TRY(envm_fs_open_dir(prefix_fd, changes, &stage->changes_fd, err));
    ENVM_TRY(envm_fs_temp_dir(stage->changes_fd, "change-", stage->change->arena, &stage->id, err));
    ENVM_TRY(envm_fs_open_dir(stage->changes_fd, stage->id, &stage->change_fd, err));
    ENVM_TRY(envm_fs_mkdir(stage->change_fd, ENVM_RELPATH(ENVM_CHANGE_NEW), 0700, err));
    ENVM_TRY(
        envm_fs_open_dir(stage->change_fd, ENVM_RELPATH(ENVM_CHANGE_NEW), &stage->new_fd, err));
    return learn_modes(stage, err);
}

/* --- packages ----------------------------------------------------------------------------- */

struct staging {
    struct envm_stage *stage;
    struct envm_package_job *job;
};

static enum envm_code make_folders(struct staging *staging, struct envm_error *err)
{
    struct envm_package_job *job = staging->job;
    envm_str made = {0};

    for (size_t i = 0; i < job->plan.count; i++) {
        const struct envm_link_item *item = &job->plan.items[i];
        struct envm_relpath above;

        if (item->shared || item->lost || item->target.type == ENVM_PATH_DIRECTORY ||
            !envm_relpath_parent(&job->arena, item->target.path, &above) ||
            envm_str_equal(above.s, made))
            continue;
        ENVM_TRY(envm_fs_make_dirs(staging->stage->new_fd, above, 0700, err));
        made = above.s;
    }
    return ENVM_OK;
}

static enum envm_code read_back_item(struct staging *staging, const struct envm_link_item *item,
                                     struct envm_error *err)
{
    const struct envm_prefix_path *target = &item->target;
    struct envm_sha256 link_text = envm_sha256_of(target->link_target);
    const struct envm_sha256 *wanted =
        target->type == ENVM_PATH_SYMLINK ? &link_text : &target->sha256_in_prefix;
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();
    struct envm_seen seen;

    if (target->type == ENVM_PATH_DIRECTORY || item->shared || item->lost)
        return ENVM_OK;
    ENVM_TRY(envm_journal_look(staging->stage->new_fd, target->path, true, &seen, NULL, err));
    if (envm_sha256_equal(&seen.sha256, wanted))
        return ENVM_OK;
    envm_buf_add_escaped(&shown, target->path.s, 256);
    return envm_fail(err, ENVM_INTEGRITY, "reading back: '%s' sha256 differs",
                     envm_buf_str(&shown).ptr);
}

static enum envm_code stage_package(struct staging *staging, struct envm_error *err)
{
    struct envm_package_job *job = staging->job;

    ENVM_TRY(envm_transaction_check_cancelled(staging->stage->plan, err));
    ENVM_TRY(envm_package_job_open(job, err));
    ENVM_TRY(make_folders(staging, err));
    ENVM_TRY(envm_package_job_link(job, &staging->stage->place, err));
    for (size_t i = 0; staging->stage->plan->verify && i < job->plan.count; i++)
        ENVM_TRY(read_back_item(staging, &job->plan.items[i], err));
    envm_package_job_report_linked(job);
    return ENVM_OK;
}

static enum envm_code run_staging(void *argument, struct envm_error *err)
{
    struct staging *staging = argument;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    enum envm_code code = stage_package(staging, err);

    if (code == ENVM_OK || code == ENVM_INTERRUPTED)
        return code;
    return envm_wrap(err, code, "installing %.*s",
                     ENVM_STR_ARGS(envm_package_record_stem(&arena, staging->job->record)));
}

enum envm_code envm_stage_packages(struct envm_stage *stage, struct envm_package_job *const *jobs,
                                   size_t count, struct envm_error *err)
{
    ENVM_CLEANUP(envm_heap) struct staging *staging = envm_alloc_zero(count + 1, sizeof(*staging));
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        if (jobs[i])
            staging[used++] = (struct staging){stage, jobs[i]};
    }
    return envm_workers_each(stage->plan->threads, run_staging, staging, sizeof(*staging), used,
                             err);
}

/* --- conda-meta --------------------------------------------------------------------------- */

static enum envm_code add_op(struct envm_stage *stage, enum envm_journal_kind kind,
                             struct envm_relpath path, struct envm_error *err)
{
    struct envm_journal_op op = {.kind = kind, .path = path};

    ENVM_TRY(envm_journal_look(stage->change->prefix_fd, path, kind != ENVM_JOURNAL_APPEND,
                               &op.seen, NULL, err));
    if (kind == ENVM_JOURNAL_REMOVE && op.seen.kind == ENVM_SEEN_NOTHING)
        return ENVM_OK;
    envm_vec_push(&stage->journal.ops, op);
    return ENVM_OK;
}

static enum envm_code write_new(struct envm_stage *stage, struct envm_relpath path, envm_str text,
                                struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    ENVM_TRY(envm_fs_create(stage->new_fd, path, stage->place.plain_mode, &fd, err));
    return envm_fs_write_fd(fd, path.s.ptr, text, err);
}

/* The file gets this text, or goes when there is none. */
static enum envm_code set_file(struct envm_stage *stage, struct envm_relpath path, envm_str text,
                               struct envm_error *err)
{
    struct envm_sha256 wanted = envm_sha256_of(text);
    struct envm_seen seen;

    if (text.len == 0)
        return add_op(stage, ENVM_JOURNAL_REMOVE, path, err);
    ENVM_TRY(envm_journal_look(stage->change->prefix_fd, path, true, &seen, NULL, err));
    if (seen.kind == ENVM_SEEN_FILE && envm_sha256_equal(&seen.sha256, &wanted))
        return ENVM_OK;
    ENVM_TRY(write_new(stage, path, text, err));
    return add_op(stage, ENVM_JOURNAL_PUT, path, err);
}

/* A package that stays, but is wanted for another reason. */
static enum envm_code set_specs(struct envm_stage *stage, const struct envm_prefix_record *kept,
                                struct envm_str_list specs, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(META_SIZE_MAX);
    ENVM_CLEANUP(envm_buf) struct envm_buf changed = envm_buf_limit(META_SIZE_MAX);
    struct envm_relpath path;

    if (envm_str_list_equal(kept->requested_specs, specs))
        return ENVM_OK;
    ENVM_TRY(envm_prefix_record_path(stage->change->arena, kept->record, &path, err));
    ENVM_TRY(envm_fs_read_at(stage->change->prefix_fd, path, &text, err));
    ENVM_TRY(envm_prefix_record_set_specs(envm_buf_str(&text), specs, &changed, err));
    return set_file(stage, path, envm_buf_str(&changed), err);
}

static enum envm_code set_records(struct envm_stage *stage, const struct envm_stage_meta *meta,
                                  struct envm_error *err)
{
    struct envm_arena *arena = stage->change->arena;
    ENVM_CLEANUP(envm_map) struct envm_map put = {0};

    for (size_t i = 0; i < stage->plan->package_count; i++) {
        struct envm_relpath path;

        if (meta->kept[i]) {
            ENVM_TRY(
                set_specs(stage, meta->kept[i], stage->plan->packages[i].requested_specs, err));
            continue;
        }
        ENVM_TRY(envm_prefix_record_path(arena, meta->jobs[i]->record, &path, err));
        envm_map_set(&put, path.s, 1);
    }
    for (size_t i = 0; i < meta->leaving_count; i++) {
        struct envm_relpath path;

        ENVM_TRY(envm_prefix_record_path(arena, meta->leaving[i]->record, &path, err));
        if (!envm_map_find(&put, path.s))
            ENVM_TRY(add_op(stage, ENVM_JOURNAL_REMOVE, path, err));
    }
    for (size_t i = 0; i < stage->plan->package_count; i++) {
        struct envm_relpath path;

        if (meta->kept[i])
            continue;
        ENVM_TRY(envm_prefix_record_path(arena, meta->jobs[i]->record, &path, err));
        ENVM_TRY(add_op(stage, ENVM_JOURNAL_PUT, path, err));
    }
    return ENVM_OK;
}

static enum envm_code set_variables(struct envm_stage *stage, struct envm_error *err)
{
    const struct envm_transaction_plan *plan = stage->plan;
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();

    if (plan->keep_variables)
        return ENVM_OK;
    if (plan->variable_count > 0)
        envm_state_write(plan->variables, plan->variable_count, &text);
    return set_file(stage, ENVM_STATE, envm_buf_str(&text), err);
}

/* The copy that tells whether a byte of the history has changed since. */
static enum envm_code copy_history(struct envm_stage *stage, envm_str block, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(META_SIZE_MAX);
    ENVM_CLEANUP(envm_buf) struct envm_buf sealed = envm_buf_limit(META_SIZE_MAX);
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    enum envm_code code = envm_history_as_kept(stage->change->prefix_fd, &text, &failure);

    if (code == ENVM_MALFORMED) /* too long: the older copy, if any, is still the beginning of it */
        return ENVM_OK;
    if (code != ENVM_OK) {
        envm_error_move(err, &failure);
        return code;
    }
    envm_buf_add_str(&text, block);
    envm_history_copy_text(envm_buf_str(&text), &sealed);
    return set_file(stage, ENVM_HISTORY_COPY, envm_buf_str(&sealed), err);
}

static enum envm_code add_history(struct envm_stage *stage, const struct envm_stage_meta *meta,
                                  struct envm_error *err)
{
    const struct envm_transaction_plan *plan = stage->plan;
    struct envm_arena *arena = stage->change->arena;
    const struct envm_package_record **linked =
        envm_arena_new_array(arena, const struct envm_package_record *, plan->package_count);
    const struct envm_package_record **unlinked =
        envm_arena_new_array(arena, const struct envm_package_record *, meta->leaving_count);
    struct envm_history_block block = {.time = envm_clock_now(),
                                       .command_line = plan->command_line,
                                       .linked = linked,
                                       .unlinked = unlinked,
                                       .unlinked_count = meta->leaving_count,
                                       .update_specs = plan->update_specs,
                                       .remove_specs = plan->remove_specs};
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    struct envm_relpath path = ENVM_HISTORY;

    for (size_t i = 0; i < plan->package_count; i++) {
        if (meta->jobs[i])
            linked[block.linked_count++] = meta->jobs[i]->record;
    }
    for (size_t i = 0; i < meta->leaving_count; i++)
        unlinked[i] = meta->leaving[i]->record;
    envm_history_write(&block, &text);
    ENVM_TRY(copy_history(stage, envm_buf_str(&text), err));
    ENVM_TRY(write_new(stage, path, envm_buf_str(&text), err));
    return add_op(stage, ENVM_JOURNAL_APPEND, path, err);
}

/* The state has no room for a checksum. Whoever else writes it changes its time, so that is kept
 * with the copy. */
static enum envm_code copy_state(struct envm_stage *stage, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(META_SIZE_MAX);
    ENVM_CLEANUP(envm_buf) struct envm_buf copy = envm_buf_limit(META_SIZE_MAX);
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    struct stat status;
    int fd = stage->new_fd;

    if (stage->plan->keep_variables)
        return ENVM_OK;
    ENVM_TRY(envm_fs_stat(fd, ENVM_STATE, &kind, &status, err));
    if (kind != ENVM_FS_FILE && stage->plan->variable_count > 0) {
        fd = stage->change->prefix_fd; /* it is what it has to be already */
        ENVM_TRY(envm_fs_stat(fd, ENVM_STATE, &kind, &status, err));
    }
    if (kind == ENVM_FS_FILE) {
        ENVM_TRY(envm_fs_read_at(fd, ENVM_STATE, &text, err));
        envm_state_copy_text(envm_buf_str(&text), &status, &copy);
    }
    return set_file(stage, ENVM_STATE_COPY, envm_buf_str(&copy), err);
}

/* --- the lock as a revision --------------------------------------------------------------- */

static enum envm_code make_folder(struct envm_stage *stage, struct envm_relpath path,
                                  struct envm_error *err)
{
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    ENVM_TRY(envm_fs_make_dirs(stage->new_fd, path, 0700, err));
    ENVM_TRY(envm_fs_stat(stage->change->prefix_fd, path, &kind, NULL, err));
    return kind == ENVM_FS_DIRECTORY ? ENVM_OK : add_op(stage, ENVM_JOURNAL_MKDIR, path, err);
}

static enum envm_code drop_old_revisions(struct envm_stage *stage, uint64_t newest,
                                         struct envm_error *err)
{
    struct envm_arena *arena = stage->change->arena;
    struct envm_revision_numbers kept = {0};

    ENVM_TRY(envm_revisions_list(arena, stage->change->prefix_fd, &kept, err));
    for (size_t i = 0; i < kept.count; i++) {
        if (envm_revision_is_dropped(kept.items[i], newest))
            ENVM_TRY(
                add_op(stage, ENVM_JOURNAL_REMOVE, envm_revision_path(arena, kept.items[i]), err));
    }
    return ENVM_OK;
}

/* It has the number of the block that this change appends to the history. */
static enum envm_code keep_revision(struct envm_stage *stage, envm_str lock, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(META_SIZE_MAX);
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    uint64_t number = 0;
    enum envm_code code = envm_revision_next(stage->change->prefix_fd, &number, &failure);

    /* A history that is too long to be counted does not forbid the change. */
    if (code == ENVM_MALFORMED)
        return ENVM_OK;
    if (code != ENVM_OK) {
        envm_error_move(err, &failure);
        return code;
    }
    ENVM_TRY(drop_old_revisions(stage, number, err));
    if (lock.len > 0)
        envm_revision_text(lock, &text);
    if (lock.len > 0)
        ENVM_TRY(make_folder(stage, ENVM_REVISIONS, err));
    return set_file(stage, envm_revision_path(stage->change->arena, number), envm_buf_str(&text),
                    err);
}

enum envm_code envm_stage_metadata(struct envm_stage *stage, const struct envm_stage_meta *meta,
                                   bool *ret_unchanged, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf sum = envm_buf_text();

    envm_kept_lock_sum(meta->lock_text, &sum);
    ENVM_TRY(set_records(stage, meta, err));
    ENVM_TRY(set_file(stage, ENVM_KEPT_LOCK, meta->lock_text, err));
    ENVM_TRY(set_file(stage, ENVM_KEPT_LOCK_SUM, envm_buf_str(&sum), err));
    ENVM_TRY(set_variables(stage, err));
    *ret_unchanged = stage->journal.ops.count == 0;
    if (*ret_unchanged)
        return ENVM_OK;
    ENVM_TRY(make_folder(stage, ENVM_REVISIONS_PARENT, err));
    ENVM_TRY(copy_state(stage, err));
    ENVM_TRY(keep_revision(stage, meta->lock_text, err));
    return add_history(stage, meta, err);
}

/* --- commit ------------------------------------------------------------------------------- */

static enum envm_code write_draft(struct envm_stage *stage, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(ENVM_JOURNAL_SIZE_MAX);
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_relpath draft = ENVM_RELPATH(ENVM_CHANGE_DRAFT);

    envm_journal_write(&stage->journal, &text);
    if (text.overflowed)
        return envm_fail(err, ENVM_GAVE_UP, "the change has too many files for one journal");
    ENVM_TRY(envm_fs_create(stage->change_fd, draft, 0600, &fd, err));
    ENVM_TRY(envm_fs_write_fd(fd, draft.s.ptr, envm_buf_str(&text), err));
    if (stage->plan->durability != ENVM_DURABILITY_NONE)
        ENVM_TRY(envm_fs_sync_fd(fd, draft.s.ptr, err));
    return ENVM_OK;
}

enum envm_code envm_stage_commit(struct envm_stage *stage, struct envm_error *err)
{
    bool durable = stage->plan->durability != ENVM_DURABILITY_NONE;

    if (durable) {
        ENVM_TRY(envm_store_sync(stage->change->store, err));
        ENVM_TRY(envm_fs_sync_all(stage->change->prefix_fd, stage->change->prefix.ptr, err));
    }
    ENVM_TRY(write_draft(stage, err));
    ENVM_TRY(envm_transaction_check_cancelled(stage->plan, err));
    ENVM_TRY(envm_fs_rename(stage->change_fd, ENVM_RELPATH(ENVM_CHANGE_DRAFT), stage->change_fd,
                            ENVM_RELPATH(ENVM_CHANGE_COMMITTED), err));
    stage->committed = true;
    if (durable)
        ENVM_TRY_WRAP(envm_fs_sync_fd(stage->change_fd, ENVM_CHANGE_COMMITTED, err), err,
                      "the change is committed, but not completed");
    return ENVM_OK;
}
