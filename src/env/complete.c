/* SPDX-License-Identifier: MIT */
#include "env/complete.h"

#include "base/error.h"
#include "base/str.h"
#include "conda/package_record.h"
#include "sys/workers.h"

/* Fetching waits for the network most of the time. */
#define FETCH_THREADS 8

struct job {
    struct envm_store *store;
    enum envm_complete wanted;
    struct envm_package_record *record; /* a copy of its own */
    struct envm_store_entry entry;
    bool skip;
};

static void take_index(struct job *job)
{
    const struct envm_package_record *index = job->entry.index;
    struct envm_package_record *record = job->record;

    if (!index)
        return;
    record->build_number = index->build_number;
    record->noarch = index->noarch;
    record->depends = index->depends;
    record->constrains = index->constrains;
    record->track_features = index->track_features;
    record->features = index->features;
    record->license = index->license;
    record->license_family = index->license_family;
    record->timestamp = index->timestamp;
    record->extra_depends = index->extra_depends;
    record->extra_depends_count = index->extra_depends_count;
    record->flags = index->flags;
    record->python_site_packages_path = index->python_site_packages_path;
    if (index->subdir.len > 0)
        record->subdir = index->subdir;
    else if (record->subdir.len == 0 && index->noarch != ENVM_NOARCH_NO)
        record->subdir = ENVM_STR("noarch");
}

static enum envm_code complete_one(void *argument, struct envm_error *err)
{
    struct job *job = argument;

    if (job->skip)
        return ENVM_OK;
    ENVM_TRY(envm_store_get(job->store, job->record, &job->entry, err));
    job->record->sha256 = job->entry.sha256;
    job->record->md5 = job->entry.md5;
    job->record->size = job->entry.archive_size;
    job->record->has_size = true;
    if (job->wanted == ENVM_COMPLETE_INDEX)
        take_index(job);
    return ENVM_OK;
}

/* The entry's arena goes away with it; what is kept moves to the caller's. */
static struct envm_package_contents *copy_contents(struct envm_arena *arena,
                                                   const struct envm_package_contents *from)
{
    struct envm_package_contents *to = envm_arena_new(arena, struct envm_package_contents);

    *to = *from;
    to->entry_points = envm_arena_str_list(arena, from->entry_points);
    to->link_scripts = envm_arena_str_list(arena, from->link_scripts);
    to->paths = envm_arena_copy(arena, from->paths, from->path_count * sizeof(*from->paths));
    for (size_t i = 0; i < to->path_count; i++) {
        to->paths[i].path.s = envm_arena_str(arena, from->paths[i].path.s);
        to->paths[i].placeholder = envm_arena_str(arena, from->paths[i].placeholder);
        to->paths[i].link_target = envm_arena_str(arena, from->paths[i].link_target);
    }
    return to;
}

static void collect(struct envm_arena *arena, struct job *jobs, struct envm_record_list *records,
                    struct envm_package_contents **contents)
{
    const struct envm_package_record **items =
        envm_arena_new_array(arena, const struct envm_package_record *, records->count);

    for (size_t i = 0; i < records->count; i++) {
        items[i] =
            jobs[i].skip ? records->items[i] : envm_package_record_copy(arena, jobs[i].record);
        if (contents)
            contents[i] = copy_contents(arena, jobs[i].entry.contents);
    }
    records->items = items;
}

enum envm_code envm_complete_records(struct envm_context *context, struct envm_arena *arena,
                                     enum envm_complete wanted, struct envm_record_list *records,
                                     struct envm_package_contents ***ret_contents,
                                     struct envm_error *err)
{
    struct job *jobs = envm_arena_new_array(arena, struct job, records->count);
    size_t missing = 0;
    enum envm_code code;

    for (size_t i = 0; i < records->count; i++) {
        jobs[i] =
            (struct job){.wanted = wanted,
                         .record = envm_package_record_copy(arena, records->items[i]),
                         .entry = {.dirfd = -1},
                         .skip = wanted == ENVM_COMPLETE_HASHES && records->items[i]->sha256.known};
        missing += !jobs[i].skip;
    }
    if (missing == 0) {
        if (ret_contents)
            *ret_contents = NULL;
        return ENVM_OK;
    }
    for (size_t i = 0; i < records->count; i++)
        ENVM_TRY(envm_context_store(context, &jobs[i].store, err));
    code = envm_workers_each(FETCH_THREADS, complete_one, jobs, sizeof(*jobs), records->count, err);
    if (code == ENVM_OK) {
        struct envm_package_contents **contents =
            ret_contents
                ? envm_arena_new_array(arena, struct envm_package_contents *, records->count)
                : NULL;

        collect(arena, jobs, records, contents);
        if (ret_contents)
            *ret_contents = contents;
    }
    for (size_t i = 0; i < records->count; i++)
        envm_store_entry_release(&jobs[i].entry);
    return code;
}
