/* SPDX-License-Identifier: MIT */
#include "solve/solve_request.h"

#include <stdlib.h>

#include "base/error.h"
#include "conda/package_record.h"
#include "solve/solve_condition.h"
#include "solve/solve_terms.h"

static int compare_requests(const void *a, const void *b)
{
    const struct envm_match_spec *x = *(const struct envm_match_spec *const *)a;
    const struct envm_match_spec *y = *(const struct envm_match_spec *const *)b;
    int order = envm_str_compare(envm_match_spec_exact_name(x), envm_match_spec_exact_name(y));

    return order ? order : envm_str_compare(envm_match_spec_text(x), envm_match_spec_text(y));
}

static const struct envm_match_spec **
sorted_specs(struct envm_arena *arena, const struct envm_match_spec *const *specs, size_t count)
{
    const struct envm_match_spec **sorted =
        envm_arena_new_array(arena, const struct envm_match_spec *, count + 1);

    for (size_t i = 0; i < count; i++)
        sorted[i] = specs[i];
    if (count > 1)
        qsort(sorted, count, sizeof(*sorted), compare_requests);
    return sorted;
}

static const struct envm_package_record **sorted_frozen(struct envm_solve_space *space)
{
    const struct envm_record_list *list = &space->request->frozen;
    const struct envm_package_record **sorted =
        envm_arena_new_array(space->arena, const struct envm_package_record *, list->count + 1);

    for (size_t i = 0; i < list->count; i++)
        sorted[i] = list->items[i];
    if (list->count > 1)
        qsort(sorted, list->count, sizeof(*sorted), envm_package_record_compare_name);
    return sorted;
}

static void put_distinct(struct envm_id_vec *ids, uint32_t id)
{
    if (ids->count == 0 || ids->items[ids->count - 1] != id)
        envm_vec_push(ids, id);
}

/* A pin under a condition is a request for nothing but its constraint. */
static enum envm_code put_pin(struct envm_solve_space *space, const struct envm_match_spec *pin,
                              struct envm_id_vec *ids, struct envm_error *err)
{
    uint32_t term = ENVM_SOLVE_NONE;

    if (!envm_match_spec_condition(pin) || envm_match_spec_exact_name(pin).len == 0) {
        put_distinct(ids, envm_solve_space_pin(space, pin));
        return ENVM_OK;
    }
    uint32_t spec = envm_solve_space_spec(space, envm_match_spec_text(pin), pin);
    ENVM_TRY(envm_solve_constraint_term(space, spec, &term, err));
    if (term == spec)
        put_distinct(ids, envm_solve_space_pin(space, pin));
    else if (term != ENVM_SOLVE_NONE)
        put_distinct(ids, term);
    return ENVM_OK;
}

static enum envm_code collect_requests(struct envm_solve_space *space, struct envm_id_vec *ids,
                                       struct envm_error *err)
{
    const struct envm_solve_request *request = space->request;
    const struct envm_match_spec **specs =
        sorted_specs(space->arena, request->specs, request->spec_count);
    const struct envm_match_spec **pins =
        sorted_specs(space->arena, request->pins, request->pin_count);
    const struct envm_package_record **frozen = sorted_frozen(space);
    uint32_t last = ENVM_SOLVE_NONE;

    for (size_t i = 0; i < request->spec_count; i++) {
        uint32_t spec = envm_solve_space_spec(space, envm_match_spec_text(specs[i]), specs[i]);
        if (spec != last)
            ENVM_TRY(envm_solve_terms(space, spec, ids, err));
        last = spec;
    }
    for (size_t i = 0; i < request->frozen.count; i++)
        put_distinct(ids, envm_solve_space_frozen(space, frozen[i]));
    for (size_t i = 0; i < request->pin_count; i++)
        ENVM_TRY(put_pin(space, pins[i], ids, err));
    return ENVM_OK;
}

/* Sorted before they get ids, as ids decide what explanations look like. */
enum envm_code envm_solve_requests(struct envm_solve_space *space,
                                   struct envm_id_list *ret_requests, struct envm_error *err)
{
    struct envm_id_vec ids = {0};
    enum envm_code code = collect_requests(space, &ids, err);

    *ret_requests = (struct envm_id_list){
        envm_arena_copy(space->arena, ids.items, ids.count * sizeof(*ids.items)),
        (uint32_t)ids.count};
    envm_vec_release(&ids);
    return code;
}

/* --- exclusion ------------------------------------------------------------------------------ */

static uint32_t spec_name(const struct envm_solve_space *space, uint32_t spec)
{
    return space->specs.items[spec].name;
}

/* The only channel a name may come from under strict priority; a request that names a channel
 * decides, else the highest channel that has the name. */
static uint32_t channel_for_name(const struct envm_solve_space *space, struct envm_id_list requests,
                                 uint32_t name)
{
    for (uint32_t i = 0; i < requests.count; i++) {
        const struct envm_solve_spec *spec = &space->specs.items[requests.items[i]];
        if (spec->name != name || !spec->spec || envm_match_spec_channel(spec->spec).len == 0)
            continue;
        uint32_t best = ENVM_SOLVE_NONE;
        for (uint32_t j = 0; j < spec->matches.count; j++) {
            uint32_t channel = space->candidates.items[spec->matches.items[j]].channel;
            best = channel < best ? channel : best;
        }
        if (best != ENVM_SOLVE_NONE)
            return best;
    }
    return space->names.items[name].first_channel;
}

/* Whether a request leaves a candidate be; one about other names does. */
static bool allows(const struct envm_solve_space *space, uint32_t request, uint32_t candidate)
{
    const struct envm_solve_spec *spec = &space->specs.items[request];
    const struct envm_solve_candidate *c = &space->candidates.items[candidate];

    if (spec->name == c->name)
        return envm_solve_space_matches(space, request, candidate);
    if (spec->name != ENVM_SOLVE_NONE || spec->role != ENVM_ROLE_PIN)
        return true;
    return !envm_match_spec_matches_name(spec->spec, c->record->name) ||
           envm_match_spec_matches_parsed(spec->spec, c->record, c->version);
}

enum envm_exclusion envm_solve_exclusion(const struct envm_solve_space *space,
                                         struct envm_id_list requests, uint32_t candidate,
                                         uint32_t *ret_request)
{
    const struct envm_solve_candidate *c = &space->candidates.items[candidate];

    if (space->names.items[c->name].is_virtual)
        return ENVM_EXCLUDED_NOT;
    if (space->priority == ENVM_PRIORITY_STRICT && !c->installed &&
        c->channel != channel_for_name(space, requests, c->name))
        return ENVM_EXCLUDED_PRIORITY;
    if (envm_solve_is_too_new(space, candidate))
        return ENVM_EXCLUDED_DATE;
    for (uint32_t i = 0; i < requests.count; i++) {
        if (allows(space, requests.items[i], candidate))
            continue;
        *ret_request = requests.items[i];
        return ENVM_EXCLUDED_REQUEST;
    }
    return c->expanded && c->broken ? ENVM_EXCLUDED_BROKEN : ENVM_EXCLUDED_NOT;
}

/* --- reaching ------------------------------------------------------------------------------- */

struct walk {
    struct envm_solve_space *space;
    struct envm_id_list requests;
    ENVM_VEC(uint8_t) is_reached;
    ENVM_VEC(uint8_t) use;
    ENVM_VEC(uint8_t) restricted; /* by name: exclusion has to be looked at */
    ENVM_VEC(uint32_t) queue;     /* specs; everything before `next` is done */
    ENVM_VEC(uint32_t) reached;
    size_t next;
    ENVM_VEC(uint32_t) waiting;   /* specs under conditions that nothing reached makes true yet */
    ENVM_VEC(uint8_t) is_waiting; /* by spec: bits of enum envm_spec_use, 0: not in the list */
};

static void walk_release(struct walk *walk)
{
    envm_vec_release(&walk->is_reached);
    envm_vec_release(&walk->use);
    envm_vec_release(&walk->restricted);
    envm_vec_release(&walk->queue);
    envm_vec_release(&walk->reached);
    envm_vec_release(&walk->waiting);
    envm_vec_release(&walk->is_waiting);
}
ENVM_DEFINE_CLEANUP(walk, struct walk, walk_release)

#define fit_zeroed(vec, wanted)                                                                    \
    do {                                                                                           \
        if ((vec)->count < (wanted)) {                                                             \
            envm_vec_reserve((vec), (wanted));                                                     \
            memset((vec)->items + (vec)->count, 0,                                                 \
                   ((wanted) - (vec)->count) * sizeof(*(vec)->items));                             \
            (vec)->count = (wanted);                                                               \
        }                                                                                          \
    } while (0)

static void fit(struct walk *walk)
{
    fit_zeroed(&walk->is_reached, walk->space->candidates.count);
    fit_zeroed(&walk->use, walk->space->specs.count);
    fit_zeroed(&walk->restricted, walk->space->names.count);
}

static void put_in_play(struct walk *walk, uint32_t spec, enum envm_spec_use use)
{
    fit(walk);
    if (!(walk->use.items[spec] & (ENVM_SPEC_DEPENDED | ENVM_SPEC_REQUESTED)) &&
        use != ENVM_SPEC_CONSTRAINS)
        envm_vec_push(&walk->queue, spec);
    walk->use.items[spec] = (uint8_t)(walk->use.items[spec] | use);
}

/* What stands under a condition waits until the condition can hold: often it never can. */
static void ask_for(struct walk *walk, uint32_t spec, enum envm_spec_use use)
{
    fit(walk);
    if (walk->space->specs.items[spec].when.count == 0 || walk->use.items[spec]) {
        put_in_play(walk, spec, use);
        return;
    }
    fit_zeroed(&walk->is_waiting, walk->space->specs.count);
    if (!walk->is_waiting.items[spec])
        envm_vec_push(&walk->waiting, spec);
    walk->is_waiting.items[spec] = (uint8_t)(walk->is_waiting.items[spec] | use);
}

static bool is_admissible(const struct walk *walk, uint32_t candidate)
{
    const struct envm_solve_space *space = walk->space;
    const struct envm_solve_candidate *c = &space->candidates.items[candidate];
    uint32_t request;

    if (!walk->restricted.items[c->name] && !space->has_pattern_pins)
        return !envm_solve_is_too_new(space, candidate) &&
               (c->installed || space->priority != ENVM_PRIORITY_STRICT ||
                c->channel == space->names.items[c->name].first_channel);
    return envm_solve_exclusion(space, walk->requests, candidate, &request) == ENVM_EXCLUDED_NOT;
}

static enum envm_code reach_candidate(struct walk *walk, uint32_t candidate, struct envm_error *err)
{
    if (walk->is_reached.items[candidate] || !is_admissible(walk, candidate))
        return ENVM_OK;
    ENVM_TRY(envm_solve_space_expand(walk->space, candidate, err));
    fit(walk);
    const struct envm_solve_candidate *c = &walk->space->candidates.items[candidate];
    if (c->broken)
        return ENVM_OK;
    walk->is_reached.items[candidate] = 1;
    envm_vec_push(&walk->reached, candidate);
    for (uint32_t i = 0; i < c->depends.count; i++)
        ask_for(walk, c->depends.items[i], ENVM_SPEC_DEPENDED);
    return ENVM_OK;
}

static enum envm_code reach_specs(struct walk *walk, struct envm_error *err)
{
    while (walk->next < walk->queue.count) {
        uint32_t spec = walk->queue.items[walk->next++];
        ENVM_TRY(envm_solve_space_match(walk->space, spec, err));
        fit(walk);
        struct envm_id_list matches = walk->space->specs.items[spec].matches;
        for (uint32_t i = 0; i < matches.count; i++)
            ENVM_TRY(reach_candidate(walk, matches.items[i], err));
    }
    return ENVM_OK;
}

static bool has_reached(void *user, uint32_t spec)
{
    const struct walk *walk = user;
    const struct envm_solve_spec *entry = &walk->space->specs.items[spec];

    for (uint32_t i = 0; entry->matched && i < entry->matches.count; i++)
        if (entry->matches.items[i] < walk->is_reached.count &&
            walk->is_reached.items[entry->matches.items[i]])
            return true;
    return false;
}

/* Which conditions can hold, given what has been reached. */
static enum envm_code judge(struct walk *walk, uint8_t *can_hold, struct envm_error *err)
{
    struct envm_solve_space *space = walk->space;

    for (size_t i = 0; i < space->conditions.count; i++) {
        uint32_t spec = space->conditions.items[i].spec;
        if (space->conditions.items[i].kind == ENVM_SOLVE_CONDITION_SPEC &&
            space->names.items[space->specs.items[spec].name].gathered)
            ENVM_TRY(envm_solve_space_match(space, spec, err));
    }
    fit(walk);
    envm_solve_conditions_judge(space, has_reached, walk, can_hold);
    return ENVM_OK;
}

/* Puts in play what waited for conditions that can hold now. */
static enum envm_code release_waiting(struct walk *walk, struct envm_error *err)
{
    ENVM_CLEANUP(envm_heap) uint8_t *can_hold = NULL;
    size_t kept = 0;

    if (walk->waiting.count == 0)
        return ENVM_OK;
    /* a chain of conditions comes here once for each link */
    ENVM_TRY(envm_solve_space_check(walk->space, err));
    can_hold = envm_alloc_zero(walk->space->conditions.count + 1, 1);
    ENVM_TRY(judge(walk, can_hold, err));
    for (size_t i = 0; i < walk->waiting.count; i++) {
        uint32_t spec = walk->waiting.items[i];
        if (!envm_solve_conditions_hold(walk->space, spec, can_hold)) {
            walk->waiting.items[kept++] = spec;
            continue;
        }
        uint8_t use = walk->is_waiting.items[spec];
        walk->is_waiting.items[spec] = 0;
        put_in_play(walk, spec, (enum envm_spec_use)use);
    }
    walk->waiting.count = kept;
    return ENVM_OK;
}

static enum envm_code reach_all(struct walk *walk, struct envm_error *err)
{
    do {
        ENVM_TRY(reach_specs(walk, err));
        ENVM_TRY(release_waiting(walk, err));
    } while (walk->next < walk->queue.count);
    return ENVM_OK;
}

/* Virtual packages are there whether something depends on them or not. */
static enum envm_code reach_virtual(struct walk *walk, struct envm_error *err)
{
    const struct envm_record_list *list = &walk->space->request->virtual_packages;

    for (size_t i = 0; i < list->count; i++) {
        uint32_t name = envm_solve_space_name(walk->space, list->items[i]->name);
        if (!walk->space->names.items[name].is_virtual)
            continue;
        ENVM_TRY(envm_solve_space_gather(walk->space, name, err));
        fit(walk);
        const struct envm_solve_name *entry = &walk->space->names.items[name];
        for (uint32_t c = entry->first; c < entry->first + entry->count; c++) {
            if (walk->is_reached.items[c])
                continue;
            walk->is_reached.items[c] = 1;
            envm_vec_push(&walk->reached, c);
        }
    }
    return ENVM_OK;
}

/* Constraints matter only on names of which something was reached. */
static enum envm_code match_constrains(struct walk *walk, struct envm_error *err)
{
    ENVM_VEC(uint8_t) present = {0};
    enum envm_code code = ENVM_OK;

    fit_zeroed(&present, walk->space->names.count);
    for (size_t i = 0; i < walk->reached.count; i++)
        present.items[walk->space->candidates.items[walk->reached.items[i]].name] = 1;
    for (size_t i = 0; code == ENVM_OK && i < walk->reached.count; i++) {
        struct envm_id_list list = walk->space->candidates.items[walk->reached.items[i]].constrains;
        for (uint32_t j = 0; code == ENVM_OK && j < list.count; j++) {
            uint32_t name = spec_name(walk->space, list.items[j]);
            if (name == ENVM_SOLVE_NONE || name >= present.count || !present.items[name])
                continue;
            code = envm_solve_space_match(walk->space, list.items[j], err);
            put_in_play(walk, list.items[j], ENVM_SPEC_CONSTRAINS);
        }
    }
    envm_vec_release(&present);
    return code;
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static struct envm_id_list sorted_copy(struct envm_arena *arena, const uint32_t *items,
                                       size_t count)
{
    uint32_t *copy = envm_arena_new_array(arena, uint32_t, count + 1);

    if (count) {
        memcpy(copy, items, count * sizeof(*copy));
        qsort(copy, count, sizeof(*copy), compare_ids);
    }
    return (struct envm_id_list){copy, (uint32_t)count};
}

/* --- the lists ------------------------------------------------------------------------------ */

/* Two passes over the same pairs: the first counts, the second fills. */
struct list_filler {
    struct envm_id_lists lists;
    uint32_t *fill; /* NULL in the counting pass */
};

static void filler_begin(struct list_filler *filler, struct envm_arena *arena, uint32_t keys)
{
    filler->lists.start = envm_arena_new_array(arena, uint32_t, (size_t)keys + 1);
    filler->fill = NULL;
}

static void filler_pair(struct list_filler *filler, uint32_t key, uint32_t value)
{
    if (!filler->fill)
        filler->lists.start[key + 1]++;
    else
        filler->lists.items[filler->fill[key]++] = value;
}

static void filler_turn(struct list_filler *filler, struct envm_arena *arena, uint32_t keys)
{
    for (uint32_t i = 0; i < keys; i++)
        filler->lists.start[i + 1] += filler->lists.start[i];
    filler->lists.items =
        envm_arena_new_array(arena, uint32_t, (size_t)filler->lists.start[keys] + 1);
    filler->fill =
        envm_arena_copy(arena, filler->lists.start, (keys + (size_t)1) * sizeof(uint32_t));
}

static void list_matched(struct envm_solve_reach *reach, struct list_filler *filler)
{
    for (uint32_t i = 0; i < reach->specs.count; i++) {
        uint32_t spec = reach->specs.items[i];
        struct envm_id_list matches = reach->space->specs.items[spec].matches;
        for (uint32_t j = 0; j < matches.count; j++)
            if (matches.items[j] < reach->candidate_count && reach->is_reached[matches.items[j]])
                filler_pair(filler, matches.items[j], spec);
    }
}

static void list_users(struct envm_solve_reach *reach, struct list_filler *filler)
{
    for (uint32_t i = 0; i < reach->reached.count; i++) {
        uint32_t c = reach->reached.items[i];
        struct envm_id_list depends = reach->space->candidates.items[c].depends;
        for (uint32_t j = 0; j < depends.count; j++)
            filler_pair(filler, depends.items[j], c);
    }
}

static void list_constrainers(struct envm_solve_reach *reach, struct list_filler *filler)
{
    for (uint32_t i = 0; i < reach->reached.count; i++) {
        uint32_t c = reach->reached.items[i];
        struct envm_id_list constrains = reach->space->candidates.items[c].constrains;
        for (uint32_t j = 0; j < constrains.count; j++)
            if (reach->use[constrains.items[j]] & ENVM_SPEC_CONSTRAINS)
                filler_pair(filler, constrains.items[j], c);
    }
}

static void list_constrains_of(struct envm_solve_reach *reach, struct list_filler *filler)
{
    for (uint32_t i = 0; i < reach->specs.count; i++) {
        uint32_t spec = reach->specs.items[i];
        if (reach->use[spec] & ENVM_SPEC_CONSTRAINS)
            filler_pair(filler, spec_name(reach->space, spec), spec);
    }
}

static struct envm_id_lists make_lists(struct envm_solve_reach *reach, uint32_t keys,
                                       void (*walk)(struct envm_solve_reach *,
                                                    struct list_filler *))
{
    struct list_filler filler;

    filler_begin(&filler, reach->space->arena, keys);
    walk(reach, &filler);
    filler_turn(&filler, reach->space->arena, keys);
    walk(reach, &filler);
    return filler.lists;
}

static void finish(struct walk *walk, struct envm_solve_reach *reach)
{
    struct envm_arena *arena = walk->space->arena;
    ENVM_VEC(uint32_t) in_play = {0};

    fit(walk);
    *reach = (struct envm_solve_reach){
        .space = walk->space,
        .requests = walk->requests,
        .candidate_count = (uint32_t)walk->space->candidates.count,
        .spec_count = (uint32_t)walk->space->specs.count,
        .name_count = (uint32_t)walk->space->names.count,
        .reached = sorted_copy(arena, walk->reached.items, walk->reached.count),
        .is_reached = envm_arena_copy(arena, walk->is_reached.items, walk->is_reached.count),
        .use = envm_arena_copy(arena, walk->use.items, walk->use.count),
    };
    for (uint32_t i = 0; i < reach->spec_count; i++)
        if (reach->use[i])
            envm_vec_push(&in_play, i);
    reach->specs = sorted_copy(arena, in_play.items, in_play.count);
    envm_vec_release(&in_play);
    reach->matched = make_lists(reach, reach->candidate_count, list_matched);
    reach->users = make_lists(reach, reach->spec_count, list_users);
    reach->constrainers = make_lists(reach, reach->spec_count, list_constrainers);
    reach->constrains_of = make_lists(reach, reach->name_count, list_constrains_of);
}

enum envm_code envm_solve_reach(struct envm_solve_space *space, struct envm_id_list requests,
                                struct envm_solve_reach *ret_reach, struct envm_error *err)
{
    ENVM_CLEANUP(walk) struct walk walk = {.space = space, .requests = requests};

    ENVM_TRY(reach_virtual(&walk, err));
    for (uint32_t i = 0; i < requests.count; i++) {
        ENVM_TRY(envm_solve_space_match(space, requests.items[i], err));
        fit(&walk);
        if (spec_name(space, requests.items[i]) != ENVM_SOLVE_NONE)
            walk.restricted.items[spec_name(space, requests.items[i])] = 1;
    }
    for (uint32_t i = 0; i < requests.count; i++)
        if (!envm_solve_is_pin(space, requests.items[i]))
            ask_for(&walk, requests.items[i], ENVM_SPEC_REQUESTED);
    ENVM_TRY(reach_all(&walk, err));
    ENVM_TRY(match_constrains(&walk, err));
    finish(&walk, ret_reach);
    return ENVM_OK;
}
