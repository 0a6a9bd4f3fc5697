/* SPDX-License-Identifier: MIT */
#include "txn/transaction_create.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "conda/package_record.h"
#include "prefix/environment_digest.h"
#include "prefix/prefix_history.h"
#include "prefix/prefix_verify.h"
#include "sys/clock.h"
#include "txn/transaction_package.h"

#define FETCH_THREADS 8

struct creation {
    struct envm_arena *arena;
    const struct envm_create_plan *plan;
    struct envm_target target;
    struct envm_create_state state;
    struct envm_package_job *jobs; /* in the order of the plan */
    struct envm_create_result result;
};

static void creation_release(struct creation *creation)
{
    for (size_t i = 0; creation->jobs && i < creation->plan->package_count; i++)
        envm_package_job_release(&creation->jobs[i]);
    envm_free(creation->jobs);
    envm_create_state_release(&creation->state);
    envm_target_release(&creation->target);
}
ENVM_DEFINE_CLEANUP(creation, struct creation, creation_release)

static const struct envm_package_record *find_python(const struct envm_create_plan *plan)
{
    for (size_t i = 0; i < plan->package_count; i++) {
        if (envm_str_equal_c(plan->packages[i].record->name, "python"))
            return plan->packages[i].record;
    }
    return NULL;
}

static enum envm_code learn_python(struct creation *creation, struct envm_error *err)
{
    const struct envm_package_record *record = find_python(creation->plan);

    return record ? envm_python_from_record(creation->arena, record, creation->plan->platform,
                                            &creation->state.python, err)
                  : ENVM_OK;
}

/* The archives' sizes are the least that has to fit. */
static enum envm_code check_space(struct creation *creation, struct envm_error *err)
{
    const struct envm_create_plan *plan = creation->plan;
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
    (void)envm_fail(
        err, ENVM_IO,
        "the packages need more than %.1f MB, %.1f MB are free on the file system of %.*s",
        (double)needed / 1e6, (double)available / 1e6, ENVM_STR_ARGS(plan->prefix));
    return envm_error_hint(err, ENVM_IO, "free some space, or choose another path");
}

static int compare_size(const void *a, const void *b)
{
    const struct envm_package_job *const *left = a;
    const struct envm_package_job *const *right = b;
    uint64_t left_size = (*left)->package->record->size;
    uint64_t right_size = (*right)->package->record->size;

    if (left_size != right_size)
        return left_size > right_size ? -1 : 1;
    return (*left)->index < (*right)->index ? -1 : 1;
}

/* Long downloads first, so that the last one to end is a short one. */
static void queue_jobs(struct creation *creation, struct envm_workers *fetchers)
{
    size_t count = creation->plan->package_count;
    ENVM_CLEANUP(envm_heap)
    struct envm_package_job **order = envm_alloc_zero(count + 1, sizeof(struct envm_package_job *));

    for (size_t i = 0; i < count; i++) {
        creation->jobs[i].state = &creation->state;
        creation->jobs[i].package = &creation->plan->packages[i];
        creation->jobs[i].index = i;
        order[i] = &creation->jobs[i];
    }
    qsort(order, count, sizeof(struct envm_package_job *), compare_size);
    for (size_t i = 0; i < count; i++)
        envm_workers_add(fetchers, 0, envm_package_job_fetch, order[i]);
}

static enum envm_code run_jobs(struct creation *creation, struct envm_error *err)
{
    struct envm_workers *fetchers = NULL;
    ENVM_CLEANUP(envm_error) struct envm_error second = {0};
    enum envm_code code;
    enum envm_code cpu_code;
    size_t count = creation->plan->package_count;

    ENVM_TRY(envm_workers_start(creation->plan->threads, &creation->state.cpu, err));
    code = envm_workers_start(count < FETCH_THREADS ? (unsigned)(count ? count : 1) : FETCH_THREADS,
                              &fetchers, err);
    if (code == ENVM_OK) {
        queue_jobs(creation, fetchers);
        code = envm_workers_finish(fetchers, err);
    }
    if (code != ENVM_OK) {
        envm_create_state_stop(&creation->state);
        (void)envm_workers_finish(creation->state.cpu, &second);
        return code;
    }
    cpu_code = envm_workers_finish(creation->state.cpu, err);
    return cpu_code;
}

static int compare_job_names(const void *a, const void *b)
{
    const struct envm_package_job *const *left = a;
    const struct envm_package_job *const *right = b;

    return envm_package_record_compare_name(&(*left)->record, &(*right)->record);
}

static int compare_conflicts(const void *a, const void *b)
{
    return envm_str_compare(((const struct envm_path_conflict *)a)->path,
                            ((const struct envm_path_conflict *)b)->path);
}

static enum envm_code fail_clobber(struct creation *creation,
                                   const struct envm_path_registry *registry,
                                   struct envm_package_job *const *order, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();
    const struct envm_path_conflict *conflict = &registry->conflicts.items[0];
    envm_str first = envm_package_record_stem(creation->arena, order[conflict->first]->record);
    envm_str second = envm_package_record_stem(creation->arena, order[conflict->second]->record);

    envm_buf_add_escaped(&shown, conflict->path, 256);
    (void)envm_fail(err, ENVM_CLOBBER, "'%s' comes from both %.*s and %.*s, %s (%zu such path%s)",
                    envm_buf_str(&shown).ptr, ENVM_STR_ARGS(first), ENVM_STR_ARGS(second),
                    conflict->reason, registry->conflicts.count,
                    registry->conflicts.count == 1 ? "" : "s");
    return envm_error_hint(err, ENVM_CLOBBER, "one of the two packages has to go");
}

/* Which conflict was met first depended on the threads: look again in the order of names. */
static enum envm_code report_clobbers(struct creation *creation, struct envm_error *err)
{
    size_t count = creation->plan->package_count;
    ENVM_CLEANUP(envm_path_registry) struct envm_path_registry registry;
    ENVM_CLEANUP(envm_heap)
    struct envm_package_job **order = envm_alloc_zero(count + 1, sizeof(struct envm_package_job *));

    envm_path_registry_init(&registry, -1);
    for (size_t i = 0; i < count; i++)
        order[i] = &creation->jobs[i];
    qsort(order, count, sizeof(struct envm_package_job *), compare_job_names);
    for (size_t i = 0; i < count; i++)
        ENVM_TRY(envm_path_registry_claim(&registry, i, &order[i]->plan, err));
    if (registry.conflicts.count == 0)
        return envm_fail(err, ENVM_INTERNAL, "a conflict between packages was seen only once");
    qsort(registry.conflicts.items, registry.conflicts.count, sizeof(struct envm_path_conflict),
          compare_conflicts);
    return fail_clobber(creation, &registry, order, err);
}

static void collect_scripts(struct creation *creation)
{
    ENVM_VEC(envm_str) scripts = {0};

    for (size_t i = 0; i < creation->plan->package_count; i++) {
        const struct envm_package_job *job = &creation->jobs[i];

        for (size_t j = 0; j < job->entry.contents->link_scripts.count; j++)
            envm_vec_push(
                &scripts,
                envm_arena_printf(creation->arena, "%.*s: %.*s", ENVM_STR_ARGS(job->record->name),
                                  ENVM_STR_ARGS(job->entry.contents->link_scripts.items[j])));
    }
    if (scripts.count > 1)
        qsort(scripts.items, scripts.count, sizeof(envm_str), envm_str_compare_qsort);
    creation->result.skipped_scripts.count = scripts.count;
    creation->result.skipped_scripts.items =
        envm_arena_copy(creation->arena, scripts.items, scripts.count * sizeof(envm_str));
    envm_vec_release(&scripts);
}

static void collect_result(struct creation *creation)
{
    size_t count = creation->plan->package_count;
    struct envm_create_result *result = &creation->result;
    struct envm_package_root *roots =
        envm_arena_new_array(creation->arena, struct envm_package_root, count);

    result->records = envm_arena_new_array(creation->arena, struct envm_package_record *, count);
    for (size_t i = 0; i < count; i++) {
        const struct envm_package_job *job = &creation->jobs[i];

        result->records[i] = envm_package_record_copy(creation->arena, job->record);
        result->downloaded += !job->entry.was_cached;
        roots[i].name = result->records[i]->name;
        roots[i].stem = envm_package_record_stem(creation->arena, job->record);
        roots[i].root = job->digest;
    }
    result->tree = envm_environment_digest(roots, count);
    collect_scripts(creation);
}

static enum envm_code read_back(struct creation *creation, struct envm_error *err)
{
    struct envm_verify_result found = {0};

    ENVM_TRY(envm_prefix_verify(creation->arena, creation->target.staging_fd,
                                creation->plan->prefix, creation->plan->threads, &found, err));
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

/* The history comes last: its existence makes the folder an environment (CEP 32). */
static enum envm_code write_metadata(struct creation *creation, envm_str lock_text,
                                     struct envm_error *err)
{
    const struct envm_create_plan *plan = creation->plan;
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    struct envm_history_block block = {
        .time = envm_clock_now(),
        .command_line = plan->command_line,
        .linked = (const struct envm_package_record *const *)creation->result.records,
        .linked_count = plan->package_count,
        .update_specs = plan->update_specs};

    if (lock_text.len > 0)
        ENVM_TRY(write_meta(creation, ENVM_RELPATH("conda-meta/envm.lock"), lock_text, err));
    if (plan->variable_count > 0) {
        envm_state_write(plan->variables, plan->variable_count, &text);
        ENVM_TRY(write_meta(creation, ENVM_RELPATH("conda-meta/state"), envm_buf_str(&text), err));
        envm_buf_clear(&text);
    }
    envm_history_write(&block, &text);
    return write_meta(creation, ENVM_RELPATH("conda-meta/history"), envm_buf_str(&text), err);
}

static enum envm_code build(struct creation *creation, struct envm_error *err)
{
    struct envm_progress event = {.kind = ENVM_PROGRESS_PHASE, .name = ENVM_STR("install")};

    envm_sink_progress(creation->plan->sink, &event);
    event.kind = ENVM_PROGRESS_TOTAL;
    event.total = creation->plan->package_count;
    envm_sink_progress(creation->plan->sink, &event);
    ENVM_TRY(check_space(creation, err));
    ENVM_TRY(learn_python(creation, err));
    ENVM_TRY(run_jobs(creation, err));
    if (creation->state.registry.conflicts.count > 0)
        return report_clobbers(creation, err);
    collect_result(creation);
    if (creation->plan->verify)
        ENVM_TRY(read_back(creation, err));
    return ENVM_OK;
}

enum envm_code envm_transaction_create(struct envm_arena *arena, struct envm_store *store,
                                       const struct envm_create_plan *plan,
                                       envm_create_finish finish, void *user,
                                       struct envm_create_result *ret_result,
                                       struct envm_error *err)
{
    ENVM_CLEANUP(creation)
    struct creation creation = {.arena = arena,
                                .plan = plan,
                                .target = {.parent_fd = -1, .staging_fd = -1},
                                .state = {.plan = plan, .store = store}};
    envm_str lock_text = plan->lock_text;

    envm_create_state_init(&creation.state);
    envm_path_registry_init(&creation.state.registry, -1);
    creation.jobs = envm_alloc_zero(plan->package_count + 1, sizeof(*creation.jobs));
    for (size_t i = 0; i < plan->package_count; i++)
        creation.jobs[i].entry = ENVM_STORE_ENTRY_EMPTY;
    ENVM_TRY(envm_target_open(arena, plan->prefix, plan->replace, &creation.target, err));
    creation.state.target = &creation.target;
    creation.state.registry.to_fd = creation.target.staging_fd;
    ENVM_TRY(build(&creation, err));
    if (finish)
        ENVM_TRY(finish(user, &creation.result, &lock_text, err));
    ENVM_TRY(write_metadata(&creation, lock_text, err));
    if (plan->durability != ENVM_DURABILITY_NONE)
        ENVM_TRY(envm_store_sync(store, err));
    if (envm_sink_cancelled(plan->sink))
        return envm_fail(err, ENVM_INTERRUPTED, "interrupted; nothing was changed");
    ENVM_TRY(envm_target_publish(&creation.target, plan->durability, plan->sink, err));
    *ret_result = creation.result;
    return ENVM_OK;
}
