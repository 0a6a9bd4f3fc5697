/* SPDX-License-Identifier: MIT */
#include "txn/transaction_package.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/str.h"
#include "conda/package_record.h"
#include "prefix/environment_digest.h"
#include "prefix/link_file.h"

#define RECORD_SIZE_MAX ((size_t)256 << 20)

void envm_create_state_init(struct envm_create_state *state)
{
    pthread_mutex_init(&state->mutex, NULL);
    pthread_cond_init(&state->freed, NULL);
}

void envm_create_state_release(struct envm_create_state *state)
{
    envm_path_registry_release(&state->registry);
    pthread_cond_destroy(&state->freed);
    pthread_mutex_destroy(&state->mutex);
}

void envm_create_state_stop(struct envm_create_state *state)
{
    pthread_mutex_lock(&state->mutex);
    state->stopped = true;
    pthread_cond_broadcast(&state->freed);
    pthread_mutex_unlock(&state->mutex);
}

static bool is_stopped(struct envm_create_state *state)
{
    bool stopped;

    pthread_mutex_lock(&state->mutex);
    stopped = state->stopped;
    pthread_mutex_unlock(&state->mutex);
    return stopped;
}

/* False when the whole thing has been stopped meanwhile. */
static bool take_slot(struct envm_package_job *job)
{
    struct envm_create_state *state = job->state;

    pthread_mutex_lock(&state->mutex);
    while (!state->stopped && state->in_flight >= ENVM_PACKAGES_IN_FLIGHT)
        pthread_cond_wait(&state->freed, &state->mutex);
    job->has_slot = !state->stopped;
    state->in_flight += job->has_slot;
    pthread_mutex_unlock(&state->mutex);
    return job->has_slot;
}

static void give_slot(struct envm_package_job *job)
{
    struct envm_create_state *state = job->state;

    if (!job->has_slot)
        return;
    job->has_slot = false;
    pthread_mutex_lock(&state->mutex);
    state->in_flight--;
    pthread_cond_signal(&state->freed);
    pthread_mutex_unlock(&state->mutex);
}

static void report(struct envm_package_job *job, enum envm_progress_kind kind, size_t *counter)
{
    struct envm_create_state *state = job->state;
    struct envm_progress event = {
        .kind = kind, .name = job->package->record->name, .total = state->plan->package_count};

    pthread_mutex_lock(&state->mutex);
    event.done = ++*counter;
    pthread_mutex_unlock(&state->mutex);
    envm_sink_progress(state->plan->sink, &event);
}

static enum envm_code check_cancelled(const struct envm_create_state *state, struct envm_error *err)
{
    if (envm_sink_cancelled(state->plan->sink))
        return envm_fail(err, ENVM_INTERRUPTED, "interrupted; nothing was changed");
    return ENVM_OK;
}

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

/* Where the cache has the package, for people and other tools that read the record. */
static envm_str path_of_fd(struct envm_arena *arena, int fd)
{
    char name[64];
    char target[4096];
    ssize_t len;

    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    len = readlink(name, target, sizeof(target));
    if (len <= 0 || (size_t)len >= sizeof(target))
        return (envm_str){0};
    return envm_arena_str(arena, envm_str_n(target, (size_t)len));
}

/* …/pkgs/ab/abcd -> …/archives/ab/abcd */
static envm_str archive_path(struct envm_arena *arena, envm_str package)
{
    envm_str pkgs = ENVM_STR("/pkgs/");
    size_t tail = pkgs.len + 2 + 1 + 64;
    size_t at = package.len - tail;

    if (package.len < tail || !envm_str_starts_with(envm_str_skip(package, at), pkgs))
        return (envm_str){0};
    return envm_arena_printf(arena, "%.*s/archives/%.*s",
                             ENVM_STR_ARGS(envm_str_slice(package, 0, at)),
                             ENVM_STR_ARGS(envm_str_skip(package, at + pkgs.len)));
}

static enum envm_code write_record(struct envm_package_job *job, bool hardlinked,
                                   struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(RECORD_SIZE_MAX);
    ENVM_CLEANUP(envm_fd) int fd = -1;
    const struct envm_target *target = job->state->target;
    struct envm_prefix_record record = {.record = job->record,
                                        .path_count = job->plan.count,
                                        .requested_specs = job->package->requested_specs,
                                        .link_type = hardlinked ? 1 : 3};
    envm_str file =
        envm_arena_printf(&job->arena, "%.*s.json",
                          ENVM_STR_ARGS(envm_package_record_stem(&job->arena, job->record)));
    struct envm_relpath path;

    if (!envm_is_path_component(file))
        return envm_fail(err, ENVM_UNSAFE, "the package's name cannot be a file name");
    ENVM_TRY(envm_relpath_join(&job->arena, ENVM_RELPATH("conda-meta"), file, &path, err));
    record.paths = envm_arena_new_array(&job->arena, struct envm_prefix_path, job->plan.count);
    for (size_t i = 0; i < job->plan.count; i++)
        record.paths[i] = job->plan.items[i].target;
    job->digest = envm_installed_package_digest(record.paths, record.path_count);
    record.package_digest =
        envm_arena_printf(&job->arena, "sha256:%s", envm_sha256_hex(&job->digest).text);
    record.link_source = path_of_fd(&job->arena, job->entry.dirfd);
    record.archive_path = archive_path(&job->arena, record.link_source);

    envm_prefix_record_write(&record, &text);
    if (text.overflowed)
        return envm_fail(err, ENVM_MALFORMED, "the package has too many files");
    ENVM_TRY(envm_fs_create(target->staging_fd, path, target->plain_mode, &fd, err));
    return envm_fs_write_fd(fd, path.s.ptr, envm_buf_str(&text), err);
}

static enum envm_code check_space(const struct envm_package_job *job, struct envm_error *err)
{
    const struct envm_create_plan *plan = job->state->plan;
    uint64_t needed = envm_link_plan_bytes(&job->plan, plan->link_mode == ENVM_LINK_COPY);
    uint64_t available = 0;

    ENVM_TRY(envm_fs_free_space(job->state->target->staging_fd, &available, err));
    if (needed <= available)
        return ENVM_OK;
    return envm_fail(err, ENVM_IO, "needs %.1f MB, %.1f MB are free on the file system of %.*s",
                     (double)needed / 1e6, (double)available / 1e6, ENVM_STR_ARGS(plan->prefix));
}

static enum envm_code link_package(struct envm_package_job *job, struct envm_error *err)
{
    struct envm_create_state *state = job->state;
    struct envm_link_request request = {.contents = job->entry.contents,
                                        .record = job->record,
                                        .python = &state->python,
                                        .platform = state->plan->platform};
    struct envm_link_context context = {.from_fd = job->entry.dirfd,
                                        .to_fd = state->target->staging_fd,
                                        .prefix = state->plan->prefix,
                                        .link_mode = state->plan->link_mode,
                                        .plain_mode = state->target->plain_mode,
                                        .exec_mode = state->target->exec_mode};
    bool hardlinked = false;

    ENVM_TRY(envm_link_plan_make(&job->arena, &request, &job->plan, err));
    ENVM_TRY(check_space(job, err));
    ENVM_TRY(envm_path_registry_claim(&state->registry, job->index, &job->plan, err));
    ENVM_TRY(envm_link_package(&job->arena, &context, &job->plan, &hardlinked, err));
    return write_record(job, hardlinked, err);
}

static enum envm_code install(struct envm_package_job *job, struct envm_error *err)
{
    struct envm_create_state *state = job->state;

    ENVM_TRY(check_cancelled(state, err));
    if (job->archive) {
        struct envm_store_archive *archive = ENVM_TAKE(job->archive, NULL);

        ENVM_TRY(envm_store_extract(state->store, job->package->record, archive, &job->entry, err));
        job->has_entry = true;
    }
    report(job, ENVM_PROGRESS_EXTRACTED, &state->extracted);
    job->record = complete_record(job);
    ENVM_TRY(link_package(job, err));
    envm_close_fd(&job->entry.dirfd);
    report(job, ENVM_PROGRESS_LINKED, &state->linked);
    return ENVM_OK;
}

static enum envm_code fail_job(struct envm_package_job *job, enum envm_code code, const char *doing,
                               struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    envm_create_state_stop(job->state);
    if (code == ENVM_INTERRUPTED)
        return code;
    return envm_wrap(err, code, "%s %.*s", doing,
                     ENVM_STR_ARGS(envm_package_record_stem(&arena, job->package->record)));
}

enum envm_code envm_package_job_install(void *argument, struct envm_error *err)
{
    struct envm_package_job *job = argument;
    enum envm_code code = ENVM_OK;

    if (!is_stopped(job->state))
        code = install(job, err);
    give_slot(job);
    return code == ENVM_OK ? ENVM_OK : fail_job(job, code, "installing", err);
}

enum envm_code envm_package_job_fetch(void *argument, struct envm_error *err)
{
    struct envm_package_job *job = argument;
    enum envm_code code;

    if (!take_slot(job))
        return ENVM_OK;
    code = check_cancelled(job->state, err);
    if (code == ENVM_OK)
        code = envm_store_fetch(job->state->store, job->package->record, &job->archive, &job->entry,
                                err);
    if (code != ENVM_OK) {
        give_slot(job);
        return fail_job(job, code, "fetching", err);
    }
    job->has_entry = job->archive == NULL;
    envm_workers_add(job->state->cpu, 0, envm_package_job_install, job);
    return ENVM_OK;
}

void envm_package_job_release(struct envm_package_job *job)
{
    if (job->archive)
        envm_store_archive_free(job->archive);
    if (job->has_entry)
        envm_store_entry_release(&job->entry);
    envm_arena_release(&job->arena);
}
