/* SPDX-License-Identifier: MIT */
#include "txn/transaction_create.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/size_text.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "conda/package_record.h"
#include "prefix/kept_lock.h"
#include "prefix/kept_metadata.h"
#include "prefix/kept_revisions.h"
#include "prefix/prefix_history.h"
#include "prefix/prefix_verify.h"
#include "sys/clock.h"
#include "txn/create_scripts.h"
#include "txn/transaction_clobber.h"
#include "txn/transaction_package.h"
#include "txn/transaction_target.h"

struct creation {
    struct envm_arena *arena;
    const struct envm_create_target *place;
    const struct envm_transaction_plan *plan;
    struct envm_target target;
    struct envm_link_place link_place;
    struct envm_package_pool pool;
    struct envm_path_registry registry;
    struct envm_package_job *jobs; /* in the order of the plan */
    struct envm_package_job **order;
    struct envm_transaction_result result;
};

static void creation_release(struct creation *creation)
{
    for (size_t i = 0; creation->jobs && i < creation->plan->package_count; i++)
        envm_package_job_release(&creation->jobs[i]);
    envm_free(creation->jobs);
    envm_free(creation->order);
    envm_path_registry_release(&creation->registry);
    envm_package_pool_release(&creation->pool);
    envm_target_release(&creation->target);
}
ENVM_DEFINE_CLEANUP(creation, struct creation, creation_release)

/* The archives' sizes are the least that has to fit. */
static enum envm_code check_space(struct creation *creation, struct envm_error *err)
{
    const struct envm_transaction_plan *plan = creation->plan;
    uint64_t needed = 0;
    uint64_t available = 0;

    for (size_t i = 0; i < plan->package_count; i++) {
        const struct envm_package_record *record = plan->packages[i].record;

        if (record->has_size && needed < UINT64_MAX / 2 && record->size < UINT64_MAX / 2)
            needed += record->size;
    }
    ENVM_TRY(envm_fs_free_space(creation->target.staging_fd, &available, err));
    if (needed <= available)
        return ENVM_OK;
    (void)envm_fail(err, ENVM_IO,
                    "the packages need more than %s, %s are free on the file system of %.*s",
                    envm_size_text(needed).text, envm_size_text(available).text,
                    ENVM_STR_ARGS(creation->place->prefix));
    return envm_error_hint(err, ENVM_IO, "free some space, or choose another path");
}

/* Runs on the pool. */
static enum envm_code install_package(void *argument, struct envm_error *err)
{
    struct envm_package_job *job = argument;
    struct creation *creation = job->pool->user;

    ENVM_TRY(envm_package_job_plan(job, err));
    ENVM_TRY(envm_path_registry_claim(&creation->registry, job->index, &job->plan, err));
    ENVM_TRY(envm_package_job_link(job, &creation->link_place, err));
    envm_package_job_report_linked(job);
    return ENVM_OK;
}

/* With ENVM_CLOBBER_LAST all packages have to be known before the first is linked. */
static enum envm_code plan_package(void *argument, struct envm_error *err)
{
    struct envm_package_job *job = argument;

    ENVM_TRY(envm_package_job_plan(job, err));
    envm_close_fd(&job->entry.dirfd);
    return ENVM_OK;
}

static enum envm_code link_planned(void *argument, struct envm_error *err)
{
    struct envm_package_job *job = *(struct envm_package_job **)argument;
    struct creation *creation = job->pool->user;
    enum envm_code code = envm_transaction_check_cancelled(creation->plan, err);

    if (code == ENVM_OK)
        code = envm_package_job_open(job, err);
    if (code == ENVM_OK)
        code = envm_package_job_link(job, &creation->link_place, err);
    if (code != ENVM_OK)
        return code == ENVM_INTERRUPTED
                   ? code
                   : envm_wrap(err, code, "installing %.*s",
                               ENVM_STR_ARGS(envm_package_record_stem(&job->arena, job->record)));
    envm_package_job_report_linked(job);
    return ENVM_OK;
}

static enum envm_code link_in_order(struct creation *creation, struct envm_error *err)
{
    size_t count = creation->plan->package_count;

    for (size_t i = 0; i < count; i++)
        ENVM_TRY(envm_path_registry_claim(&creation->registry, i, &creation->jobs[i].plan, err));
    if (creation->registry.conflicts.count > 0)
        return ENVM_OK; /* a folder and a file: reported with the others */
    envm_path_registry_settle(&creation->registry, NULL, NULL);
    return envm_workers_each(creation->plan->threads, link_planned, creation->order,
                             sizeof(*creation->order), count, err);
}

static int compare_job_names(const void *a, const void *b)
{
    const struct envm_package_job *const *left = a;
    const struct envm_package_job *const *right = b;

    return envm_package_record_compare_name(&(*left)->record, &(*right)->record);
}

/* Which conflict was met first depended on the threads: look again in the order of names. */
static enum envm_code report_clobbers(struct creation *creation, struct envm_error *err)
{
    size_t count = creation->plan->package_count;
    ENVM_CLEANUP(envm_path_registry) struct envm_path_registry registry;
    ENVM_CLEANUP(envm_heap)
    struct envm_package_job **order = envm_alloc_zero(count + 1, sizeof(struct envm_package_job *));
    ENVM_CLEANUP(envm_heap) envm_str *stems = envm_alloc_zero(count + 1, sizeof(envm_str));

    envm_path_registry_init(&registry, -1);
    registry.policy = creation->plan->clobber;
    for (size_t i = 0; i < count; i++)
        order[i] = &creation->jobs[i];
    qsort(order, count, sizeof(struct envm_package_job *), compare_job_names);
    for (size_t i = 0; i < count; i++) {
        stems[i] = envm_package_record_stem(creation->arena, order[i]->record);
        ENVM_TRY(envm_path_registry_claim(&registry, i, &order[i]->plan, err));
    }
    if (registry.conflicts.count == 0)
        return envm_fail(err, ENVM_INTERNAL, "a conflict between packages was seen only once");
    return envm_path_registry_fail(&registry, stems, err);
}

static enum envm_code read_back(struct creation *creation, struct envm_error *err)
{
    struct envm_verify_result found = {0};

    ENVM_TRY(envm_prefix_verify(creation->arena, creation->target.staging_fd,
                                creation->place->prefix, creation->plan->threads, &found, err));
    if (found.finding_count > 0) {
        const struct envm_finding *finding = &found.findings[0];
        ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

        envm_buf_add_escaped(&shown, finding->path, 256);
        return envm_fail(err, ENVM_INTEGRITY, "reading back: '%s' %.*s", envm_buf_str(&shown).ptr,
                         ENVM_STR_ARGS(finding->detail));
    }
    if (!envm_sha256_equal(&found.tree, &creation->result.tree))
        return envm_fail(
            err, ENVM_INTEGRITY, "reading back: the tree digest is sha256:%s, not sha256:%s",
            envm_sha256_hex(&found.tree).text, envm_sha256_hex(&creation->result.tree).text);
    return ENVM_OK;
}

static enum envm_code write_meta(struct creation *creation, struct envm_relpath path, envm_str text,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    ENVM_TRY(
        envm_fs_create(creation->target.staging_fd, path, creation->target.plain_mode, &fd, err));
    return envm_fs_write_fd(fd, path.s.ptr, text, err);
}

/* The first state. */
static enum envm_code keep_revision(struct creation *creation, envm_str lock,
                                    struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();

    ENVM_TRY(envm_fs_make_dirs(creation->target.staging_fd, ENVM_REVISIONS,
                               creation->target.exec_mode, err));
    envm_revision_text(lock, &text);
    return write_meta(creation, envm_revision_path(creation->arena, 0), envm_buf_str(&text), err);
}

/* Both with a copy that tells whether a byte has changed since. */
static enum envm_code write_state(struct creation *creation, struct envm_error *err)
{
    const struct envm_transaction_plan *plan = creation->plan;
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf copy = envm_buf_text();
    enum envm_fs_kind kind;
    struct stat status;

    if (plan->variable_count == 0)
        return ENVM_OK;
    envm_state_write(plan->variables, plan->variable_count, &text);
    ENVM_TRY(write_meta(creation, ENVM_STATE, envm_buf_str(&text), err));
    ENVM_TRY(envm_fs_stat(creation->target.staging_fd, ENVM_STATE, &kind, &status, err));
    envm_state_copy_text(envm_buf_str(&text), &status, &copy);
    return write_meta(creation, ENVM_STATE_COPY, envm_buf_str(&copy), err);
}

static enum envm_code write_history(struct creation *creation, envm_str history,
                                    struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf copy = envm_buf_text();

    envm_history_copy_text(history, &copy);
    ENVM_TRY(write_meta(creation, ENVM_HISTORY_COPY, envm_buf_str(&copy), err));
    return write_meta(creation, ENVM_HISTORY, history, err);
}

/* The history comes last: its existence makes the folder an environment (CEP 32). */
static enum envm_code write_metadata(struct creation *creation, envm_str lock_text,
                                     struct envm_error *err)
{
    const struct envm_transaction_plan *plan = creation->plan;
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    struct envm_history_block block = {
        .time = envm_clock_now(),
        .command_line = plan->command_line,
        .linked = (const struct envm_package_record *const *)creation->result.records,
        .linked_count = plan->package_count,
        .update_specs = plan->update_specs};

    ENVM_TRY(envm_fs_make_dirs(creation->target.staging_fd, ENVM_REVISIONS_PARENT,
                               creation->target.exec_mode, err));
    if (lock_text.len > 0) {
        ENVM_TRY(write_meta(creation, ENVM_KEPT_LOCK, lock_text, err));
        envm_kept_lock_sum(lock_text, &text);
        ENVM_TRY(write_meta(creation, ENVM_KEPT_LOCK_SUM, envm_buf_str(&text), err));
        envm_buf_clear(&text);
        ENVM_TRY(keep_revision(creation, lock_text, err));
    }
    ENVM_TRY(write_state(creation, err));
    envm_history_write(&block, &text);
    return write_history(creation, envm_buf_str(&text), err);
}

static enum envm_code build(struct creation *creation, struct envm_error *err)
{
    const struct envm_transaction_plan *plan = creation->plan;
    struct envm_progress event = {.kind = ENVM_PROGRESS_PHASE, .name = ENVM_STR("install")};

    envm_sink_progress(plan->sink, &event);
    event.kind = ENVM_PROGRESS_TOTAL;
    event.total = plan->package_count;
    envm_sink_progress(plan->sink, &event);
    ENVM_TRY(check_space(creation, err));
    ENVM_TRY(envm_package_pool_run(&creation->pool, creation->order, plan->package_count, err));
    if (plan->clobber == ENVM_CLOBBER_LAST)
        ENVM_TRY(link_in_order(creation, err));
    if (creation->registry.conflicts.count > 0)
        return report_clobbers(creation, err);
    envm_transaction_collect(creation->arena, plan, creation->order, NULL, &creation->result);
    return plan->verify ? read_back(creation, err) : ENVM_OK;
}

static enum envm_code prepare(struct creation *creation, struct envm_store *store,
                              struct envm_error *err)
{
    size_t count = creation->plan->package_count;

    envm_path_registry_init(&creation->registry, -1);
    ENVM_TRY(envm_package_pool_init(&creation->pool, creation->plan, store, creation->arena, err));
    creation->pool.work =
        creation->plan->clobber == ENVM_CLOBBER_LAST ? plan_package : install_package;
    creation->registry.policy = creation->plan->clobber;
    creation->pool.user = creation;
    creation->pool.total = count;
    creation->order = envm_alloc_zero(count + 1, sizeof(struct envm_package_job *));
    creation->jobs = envm_alloc_zero(count + 1, sizeof(*creation->jobs));
    for (size_t i = 0; i < count; i++) {
        envm_package_job_init(&creation->jobs[i], &creation->pool, i);
        creation->order[i] = &creation->jobs[i];
    }
    ENVM_TRY(envm_target_open(creation->arena, creation->place->prefix, creation->place->replace,
                              creation->plan->sink, &creation->target, err));
    creation->registry.to_fd = creation->target.staging_fd;
    creation->link_place = (struct envm_link_place){.fd = creation->target.staging_fd,
                                                    .prefix = creation->place->prefix,
                                                    .plain_mode = creation->target.plain_mode,
                                                    .exec_mode = creation->target.exec_mode};
    return ENVM_OK;
}

static enum envm_code run_scripts(struct creation *creation, struct envm_error *err)
{
    const struct envm_create_scripts scripts = {.arena = creation->arena,
                                                .plan = creation->plan,
                                                .target = &creation->target,
                                                .place = &creation->link_place,
                                                .jobs = creation->order};

    ENVM_TRY_WRAP(envm_create_run_scripts(&scripts, &creation->result.scripts, err), err,
                  "making the environment '%s'", creation->target.prefix.ptr);
    return ENVM_OK;
}

enum envm_code envm_transaction_create(struct envm_arena *arena, struct envm_store *store,
                                       const struct envm_create_target *place,
                                       const struct envm_transaction_plan *plan,
                                       envm_transaction_finish finish, void *user,
                                       struct envm_transaction_result *ret_result,
                                       struct envm_error *err)
{
    ENVM_CLEANUP(creation)
    struct creation creation = {
        .arena = arena, .place = place, .plan = plan, .target = ENVM_TARGET_EMPTY};
    envm_str lock_text = plan->lock_text;

    ENVM_TRY(prepare(&creation, store, err));
    ENVM_TRY(build(&creation, err));
    if (finish)
        ENVM_TRY(finish(user, &creation.result, &lock_text, err));
    ENVM_TRY(run_scripts(&creation, err));
    ENVM_TRY(write_metadata(&creation, lock_text, err));
    if (plan->durability != ENVM_DURABILITY_NONE)
        ENVM_TRY(envm_store_sync(store, err));
    ENVM_TRY(envm_transaction_check_cancelled(plan, err));
    ENVM_TRY(envm_target_publish(&creation.target, plan->durability, plan->sink, err));
    *ret_result = creation.result;
    return ENVM_OK;
}
