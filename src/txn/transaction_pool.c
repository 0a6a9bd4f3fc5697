/* SPDX-License-Identifier: MIT */
#include "txn/transaction_pool.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "conda/package_record.h"

#define FETCH_THREADS 8

static const struct envm_package_record *find_python(const struct envm_transaction_plan *plan)
{
    for (size_t i = 0; i < plan->package_count; i++) {
        if (envm_str_equal_c(plan->packages[i].record->name, "python"))
            return plan->packages[i].record;
    }
    return NULL;
}

enum envm_code envm_package_pool_init(struct envm_package_pool *pool,
                                      const struct envm_transaction_plan *plan,
                                      struct envm_store *store, struct envm_arena *arena,
                                      struct envm_error *err)
{
    const struct envm_package_record *python = find_python(plan);

    *pool = (struct envm_package_pool){.plan = plan, .store = store};
    pthread_mutex_init(&pool->mutex, NULL);
    pthread_cond_init(&pool->freed, NULL);
    return python ? envm_python_from_record(arena, python, plan->platform, &pool->python, err)
                  : ENVM_OK;
}

void envm_package_pool_release(struct envm_package_pool *pool)
{
    pthread_cond_destroy(&pool->freed);
    pthread_mutex_destroy(&pool->mutex);
}

void envm_package_job_init(struct envm_package_job *job, struct envm_package_pool *pool,
                           size_t index)
{
    *job = (struct envm_package_job){.pool = pool,
                                     .package = &pool->plan->packages[index],
                                     .index = index,
                                     .entry = ENVM_STORE_ENTRY_EMPTY};
}

void envm_package_job_release(struct envm_package_job *job)
{
    if (job->archive)
        envm_store_archive_free(job->archive);
    if (job->has_entry)
        envm_store_entry_release(&job->entry);
    envm_arena_release(&job->arena);
}

enum envm_code envm_transaction_check_cancelled(const struct envm_transaction_plan *plan,
                                                struct envm_error *err)
{
    if (envm_sink_cancelled(plan->sink))
        return envm_fail(err, ENVM_INTERRUPTED, "interrupted; nothing was changed");
    return ENVM_OK;
}

/* --- slots -------------------------------------------------------------------------------- */

/* A failure elsewhere: everybody comes to an end. */
static void stop(struct envm_package_pool *pool)
{
    pthread_mutex_lock(&pool->mutex);
    pool->stopped = true;
    pthread_cond_broadcast(&pool->freed);
    pthread_mutex_unlock(&pool->mutex);
}

static bool is_stopped(struct envm_package_pool *pool)
{
    bool stopped;

    pthread_mutex_lock(&pool->mutex);
    stopped = pool->stopped;
    pthread_mutex_unlock(&pool->mutex);
    return stopped;
}

/* False when the whole thing has been stopped meanwhile. */
static bool take_slot(struct envm_package_job *job)
{
    struct envm_package_pool *pool = job->pool;

    pthread_mutex_lock(&pool->mutex);
    while (!pool->stopped && pool->in_flight >= ENVM_PACKAGES_IN_FLIGHT)
        pthread_cond_wait(&pool->freed, &pool->mutex);
    job->has_slot = !pool->stopped;
    pool->in_flight += job->has_slot;
    pthread_mutex_unlock(&pool->mutex);
    return job->has_slot;
}

static void give_slot(struct envm_package_job *job)
{
    struct envm_package_pool *pool = job->pool;

    if (!job->has_slot)
        return;
    job->has_slot = false;
    pthread_mutex_lock(&pool->mutex);
    pool->in_flight--;
    pthread_cond_signal(&pool->freed);
    pthread_mutex_unlock(&pool->mutex);
}

static void report(struct envm_package_job *job, enum envm_progress_kind kind, size_t *counter)
{
    struct envm_package_pool *pool = job->pool;
    struct envm_progress event = {
        .kind = kind, .name = job->package->record->name, .total = pool->total};

    pthread_mutex_lock(&pool->mutex);
    event.done = ++*counter;
    pthread_mutex_unlock(&pool->mutex);
    envm_sink_progress(pool->plan->sink, &event);
}

void envm_package_job_report_linked(struct envm_package_job *job)
{
    report(job, ENVM_PROGRESS_LINKED, &job->pool->linked);
}

/* --- steps -------------------------------------------------------------------------------- */

/* What the record says (repodata may have patched it, so index.json has no say), and the hashes and
 * size that only the archive knew. */
static struct envm_package_record *complete_record(struct envm_package_job *job)
{
    struct envm_package_record *record =
        envm_package_record_copy(&job->arena, job->package->record);

    if (!record->sha256.known)
        record->sha256 = job->entry.sha256;
    if (!record->md5.known)
        record->md5 = job->entry.md5;
    if (!record->has_size && job->entry.archive_size > 0) {
        record->has_size = true;
        record->size = job->entry.archive_size;
    }
    return record;
}

static enum envm_code extract_and_work(struct envm_package_job *job, struct envm_error *err)
{
    struct envm_package_pool *pool = job->pool;

    ENVM_TRY(envm_transaction_check_cancelled(pool->plan, err));
    if (job->archive) {
        struct envm_store_archive *archive = ENVM_TAKE(job->archive, NULL);

        ENVM_TRY(envm_store_extract(pool->store, job->package->record, archive, &job->entry, err));
        job->has_entry = true;
    }
    report(job, ENVM_PROGRESS_EXTRACTED, &pool->extracted);
    job->record = complete_record(job);
    return pool->work(job, err);
}

static enum envm_code fail_job(struct envm_package_job *job, enum envm_code code, const char *doing,
                               struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    stop(job->pool);
    if (code == ENVM_INTERRUPTED)
        return code;
    return envm_wrap(err, code, "%s %.*s", doing,
                     ENVM_STR_ARGS(envm_package_record_stem(&arena, job->package->record)));
}

static enum envm_code run_work(void *argument, struct envm_error *err)
{
    struct envm_package_job *job = argument;
    enum envm_code code = ENVM_OK;

    if (!is_stopped(job->pool))
        code = extract_and_work(job, err);
    give_slot(job);
    return code == ENVM_OK ? ENVM_OK : fail_job(job, code, "installing", err);
}

/* What needs no network: the archive is read again while it is still in the processor's caches, and
 * the memory that it lay in serves for the next one. */
static enum envm_code run_near(void *argument, struct envm_error *err)
{
    struct envm_package_job *job = argument;
    enum envm_code code;

    if (is_stopped(job->pool))
        return ENVM_OK;
    code = envm_transaction_check_cancelled(job->pool->plan, err);
    if (code == ENVM_OK)
        code = envm_store_fetch(job->pool->store, job->package->record, &job->archive, &job->entry,
                                err);
    if (code != ENVM_OK)
        return fail_job(job, code, "fetching", err);
    job->has_entry = job->archive == NULL;
    return run_work(job, err);
}

static enum envm_code run_fetch(void *argument, struct envm_error *err)
{
    struct envm_package_job *job = argument;
    struct envm_package_pool *pool = job->pool;
    enum envm_code code;

    if (!take_slot(job))
        return ENVM_OK;
    code = envm_transaction_check_cancelled(pool->plan, err);
    if (code == ENVM_OK)
        code = envm_store_fetch(pool->store, job->package->record, &job->archive, &job->entry, err);
    if (code != ENVM_OK) {
        give_slot(job);
        return fail_job(job, code, "fetching", err);
    }
    job->has_entry = job->archive == NULL;
    envm_workers_add(pool->cpu, 0, run_work, job);
    return ENVM_OK;
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

/* Queues what is near, and leaves the others in `order`; returns how many. Long ones first, so that
 * the last one to end is a short one. */
static size_t queue_near(struct envm_package_pool *pool, struct envm_package_job **order,
                         size_t count)
{
    size_t far = 0;

    qsort(order, count, sizeof(struct envm_package_job *), compare_size);
    for (size_t i = 0; i < count; i++) {
        if (envm_store_is_near(pool->store, order[i]->package->record))
            envm_workers_add(pool->cpu, 0, run_near, order[i]);
        else
            order[far++] = order[i];
    }
    return far;
}

static enum envm_code fetch_far(struct envm_package_job **order, size_t count,
                                struct envm_error *err)
{
    struct envm_workers *fetchers = NULL;

    if (count == 0)
        return ENVM_OK;
    ENVM_TRY(envm_workers_start(count < FETCH_THREADS ? (unsigned)count : FETCH_THREADS, &fetchers,
                                err));
    for (size_t i = 0; i < count; i++)
        envm_workers_add(fetchers, 0, run_fetch, order[i]);
    return envm_workers_finish(fetchers, err);
}

enum envm_code envm_package_pool_run(struct envm_package_pool *pool,
                                     struct envm_package_job *const *jobs, size_t count,
                                     struct envm_error *err)
{
    ENVM_CLEANUP(envm_heap)
    struct envm_package_job **order = envm_alloc_zero(count + 1, sizeof(struct envm_package_job *));
    ENVM_CLEANUP(envm_error) struct envm_error second = {0};
    enum envm_code code;

    if (count == 0)
        return ENVM_OK;
    for (size_t i = 0; i < count; i++)
        order[i] = jobs[i];
    ENVM_TRY(envm_workers_start(pool->plan->threads, &pool->cpu, err));
    code = fetch_far(order, queue_near(pool, order, count), err);
    if (code != ENVM_OK) {
        stop(pool);
        (void)envm_workers_finish(pool->cpu, &second);
        return code;
    }
    return envm_workers_finish(pool->cpu, err);
}
