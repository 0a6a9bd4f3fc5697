/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "base/error.h"
#include "conda/package_rank.h"
#include "solve/solve_keep.h"

/* More records of the names that are reached than any channel has: ids stay far from overflow and
 * a hostile channel ends with an error instead of taking all memory. */
#define CANDIDATE_MAX 8000000u

/* Maps take no key without a pointer. */
static envm_str map_key(envm_str text)
{
    return text.ptr ? text : ENVM_STR("");
}

/* One parse per distinct text; NULL when it is not a version. */
static const struct envm_version *version_of(struct envm_solve_space *space, envm_str text)
{
    bool is_new = false;
    uint64_t *slot = envm_map_get(&space->versions, map_key(text), &is_new);

    if (is_new) {
        const struct envm_version *version = NULL;
        if (envm_version_parse(space->arena, text, &version, NULL) != ENVM_OK)
            version = NULL;
        *slot = (uintptr_t)version;
    }
    /* the slot holds what was a pointer to const */
    return (const struct envm_version *)(uintptr_t)*slot;
}

/* When the channel got the record, in milliseconds; 0: not known. */
static uint64_t date_of(const struct envm_package_record *record)
{
    return record->indexed_timestamp ? record->indexed_timestamp : record->timestamp;
}

uint64_t envm_solve_date(const struct envm_solve_space *space, uint32_t candidate)
{
    return date_of(space->candidates.items[candidate].record);
}

bool envm_solve_is_too_new(const struct envm_solve_space *space, uint32_t candidate)
{
    const struct envm_solve_candidate *c = &space->candidates.items[candidate];

    return space->cutoff_ms && !c->installed && !space->names.items[c->name].is_virtual &&
           date_of(c->record) > space->cutoff_ms;
}

static void note_undated(struct envm_solve_space *space, const struct envm_package_record *record)
{
    if (date_of(record) == 0 && space->undated++ == 0)
        space->first_undated =
            envm_arena_printf(space->arena, "%.*s-%.*s-%.*s", ENVM_STR_ARGS(record->name),
                              ENVM_STR_ARGS(record->version), ENVM_STR_ARGS(record->build));
}

static void add_candidate(struct envm_solve_space *space, uint32_t name, uint32_t channel,
                          const struct envm_package_record *record,
                          const struct envm_version *version)
{
    unsigned flags = envm_solve_keep_flags(space, record);
    bool installed = (flags & ENVM_KEEP_INSTALLED) != 0;

    if (space->cutoff_ms && !installed && !space->names.items[name].is_virtual)
        note_undated(space, record);
    envm_vec_push(&space->candidates, ((struct envm_solve_candidate){
                                          .record = record,
                                          .version = version,
                                          .name = name,
                                          .channel = channel,
                                          .preferred = (flags & ENVM_KEEP_PREFERRED) != 0,
                                          .installed = installed,
                                      }));
}

/* A package that was named by URL stands before the channel that it lies in, which may list it,
 * too: it is one candidate, and the channel does not hide itself. */
static bool is_listed_before(const struct envm_solve_space *space, uint32_t name, uint32_t channel,
                             const struct envm_package_record *record)
{
    const struct envm_solve_request *request = space->request;
    uint32_t first = space->names.items[name].first_channel;

    if (first == ENVM_SOLVE_NONE || first == channel || channel >= request->channel_count ||
        record->url.len == 0 ||
        !envm_str_equal(request->channels[first].name, request->channels[channel].name))
        return false;
    for (size_t i = space->candidates.count; i-- > 0;) {
        const struct envm_solve_candidate *other = &space->candidates.items[i];

        if (other->name != name)
            return false;
        if (envm_str_equal(other->record->url, record->url))
            return true;
    }
    return false;
}

static enum envm_code add_records(struct envm_solve_space *space, uint32_t name, uint32_t channel,
                                  const struct envm_record_list *list, struct envm_error *err)
{
    if (list->count > CANDIDATE_MAX - space->candidates.count)
        return envm_fail(err, ENVM_GAVE_UP, "more than %u records to choose from", CANDIDATE_MAX);
    for (size_t i = 0; i < list->count; i++) {
        const struct envm_package_record *record = list->items[i];
        const struct envm_version *version = version_of(space, record->version);
        if (is_listed_before(space, name, channel, record))
            continue;
        if (!version) {
            envm_solve_space_leave_out(space, record, "bad version", record->version);
            continue;
        }
        add_candidate(space, name, channel, record, version);
    }
    return ENVM_OK;
}

static int compare_candidates(const void *a, const void *b)
{
    const struct envm_solve_candidate *x = a, *y = b;
    struct envm_ranked_record left = {x->record, x->version}, right = {y->record, y->version};
    int order = envm_package_rank_compare(&left, &right);

    if (order == 0)
        order = x->channel < y->channel ? -1 : x->channel > y->channel;
    return order ? order : envm_str_compare(x->record->subdir, y->record->subdir);
}

static enum envm_code add_virtual(struct envm_solve_space *space, uint32_t name,
                                  struct envm_error *err)
{
    const struct envm_record_list *all = &space->request->virtual_packages;

    for (size_t i = 0; i < all->count; i++) {
        struct envm_record_list one = {all->items + i, 1};
        if (envm_str_equal(all->items[i]->name, space->names.items[name].name))
            ENVM_TRY(add_records(space, name, 0, &one, err));
    }
    return ENVM_OK;
}

static enum envm_code add_channels(struct envm_solve_space *space, uint32_t name,
                                   struct envm_error *err)
{
    const struct envm_solve_request *request = space->request;

    for (size_t i = 0; i < request->channel_count; i++) {
        const struct envm_solve_channel *channel = &request->channels[i];
        for (size_t j = 0; j < channel->source_count; j++) {
            const struct envm_package_source *source = channel->sources[j];
            struct envm_record_list list = {0};
            ENVM_TRY(source->records(source->self, space->names.items[name].name, space->arena,
                                     &list, err));
            ENVM_TRY(add_records(space, name, (uint32_t)i, &list, err));
            if (list.count > 0 && space->names.items[name].first_channel == ENVM_SOLVE_NONE)
                space->names.items[name].first_channel = (uint32_t)i;
        }
    }
    return ENVM_OK;
}

/* What is here already and no channel has: candidates of the channel that they came from. */
static enum envm_code add_own(struct envm_solve_space *space, uint32_t name, size_t first,
                              struct envm_error *err)
{
    const struct envm_solve_request *request = space->request;
    struct envm_record_list own =
        envm_solve_keep_missing(space, space->names.items[name].name,
                                space->candidates.items + first, space->candidates.count - first);

    for (size_t i = 0; i < own.count; i++) {
        struct envm_record_list one = {own.items + i, 1};
        uint32_t channel = 0;
        while (channel < request->channel_count &&
               !envm_str_equal(request->channels[channel].name, own.items[i]->channel))
            channel++;
        ENVM_TRY(add_records(space, name, channel, &one, err));
    }
    return ENVM_OK;
}

enum envm_code envm_solve_space_gather(struct envm_solve_space *space, uint32_t name,
                                       struct envm_error *err)
{
    if (space->names.items[name].gathered)
        return ENVM_OK;
    size_t first = space->candidates.count;
    if (space->names.items[name].is_virtual) {
        ENVM_TRY(add_virtual(space, name, err));
    } else {
        ENVM_TRY(add_channels(space, name, err));
        ENVM_TRY(add_own(space, name, first, err));
    }
    struct envm_solve_name *entry = &space->names.items[name];
    entry->gathered = true;
    entry->first = (uint32_t)first;
    entry->count = (uint32_t)(space->candidates.count - first);
    if (entry->count > 1)
        qsort(space->candidates.items + first, entry->count, sizeof(*space->candidates.items),
              compare_candidates);
    return ENVM_OK;
}
