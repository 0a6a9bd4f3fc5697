/* SPDX-License-Identifier: MIT */
#include "txn/script_steps.h"

#include "base/alloc.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/str.h"
#include "base/topo.h"
#include "codec/digest.h"
#include "conda/link_script.h"
#include "txn/script_consent.h"

#define RECORD_SIZE_MAX ((size_t)256 << 20)

/* --- which run ---------------------------------------------------------------------------- */

static const struct envm_link_item *find_item(const struct envm_package_job *job, envm_str path)
{
    for (size_t i = 0; i < job->plan.count; i++) {
        if (envm_str_equal(job->plan.items[i].target.path.s, path))
            return &job->plan.items[i];
    }
    return NULL;
}

static struct envm_sha256 digest_in_prefix(const struct envm_prefix_path *path)
{
    return path->sha256_in_prefix.known ? path->sha256_in_prefix : path->sha256;
}

static size_t count_scripts(struct envm_package_job *const *jobs, size_t count)
{
    size_t scripts = 0;

    for (size_t i = 0; i < count; i++)
        scripts += jobs[i] ? jobs[i]->scripts.count : 0;
    return scripts;
}

struct envm_script_steps envm_script_post_link_steps(struct envm_arena *arena,
                                                     struct envm_package_job *const *jobs,
                                                     size_t count)
{
    struct envm_script_steps steps = {
        .items = envm_arena_new_array(arena, struct envm_script_step, count_scripts(jobs, count))};

    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; jobs[i] && j < jobs[i]->scripts.count; j++) {
            struct envm_script_report *report = envm_arena_new(arena, struct envm_script_report);
            const struct envm_link_item *item;

            *report = jobs[i]->scripts.items[j];
            item = find_item(jobs[i], report->file);
            if (!report->ran || !item || item->lost ||
                envm_link_script_kind(report->package, report->file) != ENVM_SCRIPT_POST_LINK)
                continue;
            steps.items[steps.count++] =
                (struct envm_script_step){.record = jobs[i]->record,
                                          .report = report,
                                          .expected = digest_in_prefix(&item->target),
                                          .owner = i};
        }
    }
    return steps;
}

/* edges[i]: those that depend on i, so that they come first. */
static void dependents_first(struct envm_arena *arena,
                             const struct envm_prefix_record *const *leaving, size_t count,
                             size_t *order)
{
    struct envm_topo_edges *edges = envm_arena_new_array(arena, struct envm_topo_edges, count);

    for (size_t i = 0; i < count; i++) {
        size_t *dependents = envm_arena_new_array(arena, size_t, count);
        size_t used = 0;

        for (size_t k = 0; k < count; k++) {
            const struct envm_str_list *depends = &leaving[k]->record->depends;

            for (size_t d = 0; d < depends->count; d++) {
                envm_str rest = depends->items[d];
                envm_str name;

                if (envm_str_next_word(&rest, &name) &&
                    envm_str_equal(name, leaving[i]->record->name)) {
                    dependents[used++] = k;
                    break;
                }
            }
        }
        edges[i] = (struct envm_topo_edges){dependents, used};
    }
    envm_topo_sort(edges, count, order);
}

static struct envm_sha256 installed_digest(const struct envm_prefix_record *record, envm_str path)
{
    for (size_t i = 0; i < record->path_count; i++) {
        if (envm_str_equal(record->paths[i].path.s, path))
            return digest_in_prefix(&record->paths[i]);
    }
    return (struct envm_sha256){0};
}

static void add_skipped(struct envm_arena *arena, struct envm_script_reports *skipped,
                        const struct envm_script_report *report)
{
    struct envm_script_report *items =
        envm_arena_new_array(arena, struct envm_script_report, skipped->count + 1);

    for (size_t i = 0; i < skipped->count; i++)
        items[i] = skipped->items[i];
    items[skipped->count++] = *report;
    skipped->items = items;
}

enum envm_code envm_script_pre_unlink_steps(struct envm_arena *arena,
                                            const struct envm_script_consent *consent,
                                            const struct envm_prefix_record *const *leaving,
                                            size_t count, struct envm_script_steps *ret_steps,
                                            struct envm_script_reports *skipped,
                                            struct envm_error *err)
{
    ENVM_CLEANUP(envm_heap) size_t *order = envm_alloc_zero(count + 1, sizeof(*order));
    ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0};
    /* A package has one file of that name at most. */
    struct envm_script_steps steps = {
        .items = envm_arena_new_array(arena, struct envm_script_step, count)};

    dependents_first(&scratch, leaving, count, order);
    for (size_t i = 0; i < count; i++) {
        const struct envm_prefix_record *record = leaving[order[i]];
        struct envm_script_reports reports = {0};
        struct envm_script_report *report = envm_arena_new(arena, struct envm_script_report);

        ENVM_TRY(envm_script_decide_leaving(arena, consent, record, &reports, err));
        if (reports.count == 0)
            continue;
        *report = reports.items[0];
        if (!report->ran)
            add_skipped(arena, skipped, report);
        else
            steps.items[steps.count++] =
                (struct envm_script_step){.record = record->record,
                                          .report = report,
                                          .expected = installed_digest(record, report->file),
                                          .owner = ENVM_SCRIPT_OWNER_NONE};
    }
    *ret_steps = steps;
    return ENVM_OK;
}

/* --- what they left ----------------------------------------------------------------------- */

static void index_path(struct envm_map *paths, const struct envm_prefix_path *path)
{
    envm_map_set(paths, path->path.s, (uint64_t)(uintptr_t)path);
}

void envm_script_index_paths(struct envm_map *paths, struct envm_package_job *const *jobs,
                             const struct envm_prefix_record *const *kept, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; jobs[i] && j < jobs[i]->plan.count; j++) {
            if (!jobs[i]->plan.items[j].lost)
                index_path(paths, &jobs[i]->plan.items[j].target);
        }
        for (size_t j = 0; kept && kept[i] && j < kept[i]->path_count; j++)
            index_path(paths, &kept[i]->paths[j]);
    }
}

bool envm_script_is_as_packaged(void *user, const struct envm_script_output *output)
{
    const uint64_t *value = envm_map_find(user, output->path.s);
    const struct envm_prefix_path *path =
        value ? (const struct envm_prefix_path *)(uintptr_t)*value : NULL;
    struct envm_sha256 wanted;

    if (!path)
        return output->removed;
    if (output->removed || path->type != output->type)
        return false;
    if (path->type == ENVM_PATH_DIRECTORY)
        return true;
    wanted = path->type == ENVM_PATH_SYMLINK ? envm_sha256_of(path->link_target)
                                             : digest_in_prefix(path);
    return envm_sha256_equal(&wanted, &output->sha256) && path->executable == output->executable;
}

static enum envm_code write_record(struct envm_arena *arena, struct envm_package_job *job,
                                   const struct envm_link_place *place,
                                   const struct envm_script_output *outputs, size_t count,
                                   struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf old = envm_buf_limit(RECORD_SIZE_MAX);
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(RECORD_SIZE_MAX);
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_prefix_record record = {0};
    struct envm_relpath path;

    ENVM_TRY(envm_prefix_record_path(arena, job->record, &path, err));
    ENVM_TRY(envm_fs_read_at(place->fd, path, &old, err));
    ENVM_TRY(envm_prefix_record_read(arena, envm_buf_str(&old), &record, err));
    record.outputs = outputs;
    record.output_count = count;
    envm_prefix_record_write(&record, &text);
    if (text.overflowed)
        return envm_fail(err, ENVM_MALFORMED, "the scripts of %.*s left too many files",
                         ENVM_STR_ARGS(job->record->name));
    ENVM_TRY(envm_fs_unlink(place->fd, path, err));
    ENVM_TRY(envm_fs_create(place->fd, path, place->plain_mode, &fd, err));
    return envm_fs_write_fd(fd, path.s.ptr, envm_buf_str(&text), err);
}

enum envm_code envm_script_record_outputs(const struct envm_script_session *session,
                                          struct envm_package_job *const *jobs, size_t count,
                                          const struct envm_link_place *place,
                                          envm_script_is_packaged is_not_the_scripts, void *user,
                                          struct envm_error *err)
{
    for (size_t i = 0; i < count; i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        const struct envm_script_output *outputs = NULL;
        size_t used = 0;

        if (!jobs[i])
            continue;
        ENVM_TRY(envm_script_session_outputs(session, i, is_not_the_scripts, user, &outputs, &used,
                                             err));
        if (used > 0)
            ENVM_TRY(write_record(&arena, jobs[i], place, outputs, used, err));
    }
    return ENVM_OK;
}
