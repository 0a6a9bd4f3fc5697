/* SPDX-License-Identifier: MIT */
#include "txn/transaction_package.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"
#include "base/size_text.h"
#include "base/hex.h"
#include "base/str.h"
#include "base/vec.h"
#include "conda/package_record.h"
#include "prefix/environment_digest.h"
#include "prefix/link_file.h"
#include "txn/script_consent.h"

#define RECORD_SIZE_MAX ((size_t)256 << 20)

enum envm_code envm_package_job_plan(struct envm_package_job *job, struct envm_error *err)
{
    struct envm_link_request request = {.contents = job->entry.contents,
                                        .record = job->record,
                                        .python = &job->pool->python,
                                        .platform = job->pool->plan->platform};

    ENVM_TRY(envm_link_plan_make(&job->arena, &request, &job->plan, err));
    return envm_script_decide(&job->arena, job->pool->plan->scripts, job->entry.contents,
                              job->record, &job->scripts, err);
}

enum envm_code envm_package_job_open(struct envm_package_job *job, struct envm_error *err)
{
    ENVM_CLEANUP(envm_store_entry) struct envm_store_entry again = ENVM_STORE_ENTRY_EMPTY;

    if (job->entry.dirfd >= 0)
        return ENVM_OK;
    ENVM_TRY(envm_store_get(job->pool->store, job->record, &again, err));
    job->entry.dirfd = ENVM_TAKE(again.dirfd, -1);
    return ENVM_OK;
}

/* --- record ------------------------------------------------------------------------------- */

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

void envm_prefix_record_set_places(struct envm_arena *arena, int entry_fd,
                                   struct envm_prefix_record *record)
{
    record->link_source = path_of_fd(arena, entry_fd);
    record->archive_path = archive_path(arena, record->link_source);
}

/* What the package has in the prefix, and what it lost to others. */
static void take_paths(struct envm_arena *arena, const struct envm_link_plan *plan,
                       struct envm_prefix_record *record)
{
    envm_str *lost = envm_arena_new_array(arena, envm_str, plan->count);

    record->paths = envm_arena_new_array(arena, struct envm_prefix_path, plan->count);
    record->lost.items = lost;
    for (size_t i = 0; i < plan->count; i++) {
        if (plan->items[i].lost)
            lost[record->lost.count++] = plan->items[i].target.path.s;
        else
            record->paths[record->path_count++] = plan->items[i].target;
    }
}

static enum envm_code write_record(struct envm_package_job *job,
                                   const struct envm_link_place *place, bool hardlinked,
                                   struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(RECORD_SIZE_MAX);
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0}; /* the job's lives to the end */
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_prefix_record record = {.record = job->record,
                                        .requested_specs = job->package->requested_specs,
                                        .link_type = hardlinked ? 1 : 3};
    struct envm_relpath path;

    ENVM_TRY(envm_prefix_record_path(&arena, job->record, &path, err));
    take_paths(&arena, &job->plan, &record);
    job->digest = envm_installed_package_digest(record.paths, record.path_count);
    record.package_digest =
        envm_arena_printf(&arena, "sha256:%s", envm_sha256_hex(&job->digest).text);
    envm_prefix_record_set_places(&arena, job->entry.dirfd, &record);

    envm_prefix_record_write(&record, &text);
    if (text.overflowed)
        return envm_fail(err, ENVM_MALFORMED, "the package has too many files");
    ENVM_TRY(envm_fs_create(place->fd, path, place->plain_mode, &fd, err));
    return envm_fs_write_fd(fd, path.s.ptr, envm_buf_str(&text), err);
}

/* --- linking ------------------------------------------------------------------------------ */

static enum envm_code check_space(const struct envm_package_job *job,
                                  const struct envm_link_place *place, struct envm_error *err)
{
    uint64_t needed =
        envm_link_plan_bytes(&job->plan, job->pool->plan->link_mode == ENVM_LINK_COPY);
    uint64_t available = 0;

    ENVM_TRY(envm_fs_free_space(place->fd, &available, err));
    if (needed <= available)
        return ENVM_OK;
    (void)envm_fail(err, ENVM_IO, "needs %s, %s are free on the file system of %.*s",
                    envm_size_text(needed).text, envm_size_text(available).text,
                    ENVM_STR_ARGS(place->prefix));
    return envm_error_hint(err, ENVM_IO, "free some space, or choose another path");
}

enum envm_code envm_package_job_link(struct envm_package_job *job,
                                     const struct envm_link_place *place, struct envm_error *err)
{
    struct envm_link_context context = {.from_fd = job->entry.dirfd,
                                        .to_fd = place->fd,
                                        .prefix = place->prefix,
                                        .link_mode = job->pool->plan->link_mode,
                                        .plain_mode = place->plain_mode,
                                        .exec_mode = place->exec_mode};
    bool hardlinked = false;

    ENVM_TRY(check_space(job, place, err));
    ENVM_TRY(envm_link_package(&job->arena, &context, &job->plan, &hardlinked, err));
    ENVM_TRY(write_record(job, place, hardlinked, err));
    envm_close_fd(&job->entry.dirfd);
    return ENVM_OK;
}

/* --- result ------------------------------------------------------------------------------- */

static int compare_scripts(const void *a, const void *b)
{
    const struct envm_script_report *left = a;
    const struct envm_script_report *right = b;
    int order = envm_str_compare(left->package, right->package);

    return order ? order : envm_str_compare(left->file, right->file);
}

/* Those that are not run. */
static void collect_scripts(struct envm_arena *arena, struct envm_package_job *const *jobs,
                            size_t count, struct envm_transaction_result *result)
{
    ENVM_VEC(struct envm_script_report) scripts = {0};

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; jobs[i] && j < jobs[i]->scripts.count; j++) {
            struct envm_script_report report = jobs[i]->scripts.items[j];

            if (report.ran)
                continue;
            report.package = envm_arena_str(arena, report.package);
            report.file = envm_arena_str(arena, report.file);
            envm_vec_push(&scripts, report);
        }
    }
    if (scripts.count > 1)
        qsort(scripts.items, scripts.count, sizeof(*scripts.items), compare_scripts);
    result->scripts.count = scripts.count;
    result->scripts.items =
        envm_arena_copy(arena, scripts.items, scripts.count * sizeof(*scripts.items));
    envm_vec_release(&scripts);
}

/* The plan's record of a package that stays, with the hashes that its installation has found. */
static struct envm_package_record *record_of_kept(struct envm_arena *arena,
                                                  const struct envm_package_record *planned,
                                                  const struct envm_package_record *installed)
{
    struct envm_package_record *record = envm_package_record_copy(arena, planned);

    if (!record->sha256.known)
        record->sha256 = installed->sha256;
    if (!record->md5.known)
        record->md5 = installed->md5;
    if (!record->has_size) {
        record->has_size = installed->has_size;
        record->size = installed->size;
    }
    record->link_scripts = installed->link_scripts;
    record->link_script_count = installed->link_script_count;
    return record;
}

/* False when the record cannot tell: another tool wrote it. */
static bool root_of_kept(const struct envm_prefix_record *record, struct envm_sha256 *ret_root)
{
    static const envm_str algorithm = ENVM_STR_INIT("sha256:");

    if (!record->by_envm)
        return false;
    if (!envm_str_starts_with(record->package_digest, algorithm) ||
        !envm_sha256_parse(envm_str_skip(record->package_digest, algorithm.len), ret_root))
        *ret_root = envm_installed_package_digest(record->paths, record->path_count);
    return true;
}

void envm_transaction_collect(struct envm_arena *arena, const struct envm_transaction_plan *plan,
                              struct envm_package_job *const *jobs,
                              const struct envm_prefix_record *const *kept,
                              struct envm_transaction_result *ret_result)
{
    size_t count = plan->package_count;
    struct envm_package_root *roots = envm_arena_new_array(arena, struct envm_package_root, count);
    struct envm_transaction_result result = {0};
    bool known = true;

    result.records = envm_arena_new_array(arena, struct envm_package_record *, count);
    for (size_t i = 0; i < count; i++) {
        const struct envm_package_job *job = jobs[i];

        result.records[i] = job ? envm_package_record_copy(arena, job->record)
                                : record_of_kept(arena, plan->packages[i].record, kept[i]->record);
        result.downloaded += job && !job->entry.was_cached;
        roots[i].name = result.records[i]->name;
        roots[i].stem = envm_package_record_stem(arena, result.records[i]);
        if (job)
            roots[i].root = job->digest;
        else
            known = root_of_kept(kept[i], &roots[i].root) && known;
    }
    if (known)
        result.tree = envm_environment_digest(roots, count);
    collect_scripts(arena, jobs, count, &result);
    *ret_result = result;
}

struct envm_sha256 envm_transaction_installed_tree(struct envm_arena *arena,
                                                   const struct envm_prefix_record_list *installed)
{
    struct envm_package_root *roots =
        envm_arena_new_array(arena, struct envm_package_root, installed->count);

    for (size_t i = 0; i < installed->count; i++) {
        const struct envm_prefix_record *record = installed->items[i];

        roots[i].name = record->record->name;
        roots[i].stem = envm_package_record_stem(arena, record->record);
        if (!root_of_kept(record, &roots[i].root))
            return (struct envm_sha256){0};
    }
    return envm_environment_digest(roots, installed->count);
}
