/* SPDX-License-Identifier: MIT */
#include "env/held_back.h"

#include "base/error.h"
#include "base/vec.h"
#include "conda/package_rank.h"
#include "conda/version.h"

struct holder {
    struct envm_arena *arena;
    const struct envm_resolution *resolution;
    struct envm_need_graph graph; /* of what is installed afterwards */
    struct envm_wish_list requests, asked;
    uint64_t limit_ms; /* 0: none */
    ENVM_VEC(envm_str) lines;
};

static bool fits_asked(const struct holder *h, const struct envm_package_record *record)
{
    for (size_t i = 0; i < h->asked.count; i++) {
        const struct envm_match_spec *spec = h->asked.items[i].spec;

        if (envm_match_spec_matches_name(spec, record->name) &&
            !envm_match_spec_matches(spec, record))
            return false;
    }
    return true;
}

static void consider(struct holder *h, const struct envm_package_record *record,
                     struct envm_ranked_record *best)
{
    struct envm_ranked_record next = {.record = record};

    if ((h->limit_ms && record->timestamp > h->limit_ms) || !fits_asked(h, record) ||
        envm_version_parse(h->arena, record->version, &next.version, NULL) != ENVM_OK)
        return;
    if (!best->record || envm_package_rank_compare(&next, best) < 0)
        *best = next;
}

/* The best of the first channel that has the name, or with another priority than strict of all. */
static enum envm_code find_best(struct holder *h, envm_str name, struct envm_ranked_record *best,
                                struct envm_error *err)
{
    for (size_t i = 0; i < h->resolution->channel_count; i++) {
        const struct envm_solve_channel *channel = &h->resolution->channels[i];

        for (size_t k = 0; k < channel->source_count; k++) {
            struct envm_record_list records = {0};

            ENVM_TRY(channel->sources[k]->records(channel->sources[k]->self, name, h->arena,
                                                  &records, err));
            for (size_t r = 0; r < records.count; r++)
                consider(h, records.items[r], best);
        }
        if (best->record && h->resolution->is_strict)
            break;
    }
    return ENVM_OK;
}

static enum envm_code consider_name(struct holder *h, envm_str name, struct envm_error *err)
{
    size_t place = envm_need_graph_find(&h->graph, name);
    struct envm_ranked_record best = {0}, now = {0};

    if (place == SIZE_MAX)
        return ENVM_OK;
    now.record = h->graph.records.items[place];
    if (envm_version_parse(h->arena, now.record->version, &now.version, NULL) != ENVM_OK)
        return ENVM_OK;
    ENVM_TRY(find_best(h, name, &best, err));
    if (!best.record || envm_version_compare(best.version, now.version) <= 0)
        return ENVM_OK;
    envm_str why = envm_modify_obstacle(h->arena, &h->graph, h->requests, best.record);
    envm_str line = envm_arena_printf(
        h->arena, "%.*s stays at %.*s: %.*s %s%.*s", ENVM_STR_ARGS(name),
        ENVM_STR_ARGS(now.record->version), ENVM_STR_ARGS(best.record->version),
        why.len > 0 ? "is held back: " : "does not go with the rest", ENVM_STR_ARGS(why));
    envm_vec_push(&h->lines, line);
    return ENVM_OK;
}

enum envm_code envm_held_back(struct envm_arena *arena, const struct envm_resolution *resolution,
                              struct envm_record_list after, struct envm_wish_list requests,
                              struct envm_wish_list asked, struct envm_str_list names,
                              uint64_t limit_ms, struct envm_str_list *ret_lines,
                              struct envm_error *err)
{
    struct holder h = {.arena = arena,
                       .resolution = resolution,
                       .requests = requests,
                       .asked = asked,
                       .limit_ms = limit_ms};
    enum envm_code code = ENVM_OK;

    envm_need_graph_init(&h.graph, arena, after);
    for (size_t i = 0; i < names.count && code == ENVM_OK; i++)
        code = consider_name(&h, names.items[i], err);
    *ret_lines = envm_arena_str_list(arena, (struct envm_str_list){h.lines.items, h.lines.count});
    envm_need_graph_release(&h.graph);
    envm_vec_release(&h.lines);
    return code;
}
