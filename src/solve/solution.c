/* SPDX-License-Identifier: MIT */
#include "solve/solution.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/topo.h"
#include "solve/solve_condition.h"

struct walker {
    const struct envm_solve_reach *reach;
    const uint32_t *chosen_of_name;
    uint8_t *seen; /* by name */
    struct envm_id_vec *names;
    uint8_t *is_true;           /* by condition */
    struct envm_id_vec waiting; /* specs under conditions that do not hold so far */
};

static void visit(struct walker *walker, uint32_t name)
{
    if (walker->seen[name])
        return;
    walker->seen[name] = 1;
    envm_vec_push(walker->names, name);
}

/* The spec that one stands for, or ENVM_SOLVE_NONE when it asks for nothing. */
static uint32_t effective_spec(struct walker *walker, uint32_t spec)
{
    const struct envm_solve_space *space = walker->reach->space;
    const struct envm_solve_spec *entry = &space->specs.items[spec];

    if (entry->role != ENVM_ROLE_EITHER || entry->name != ENVM_SOLVE_NONE)
        return spec;
    if (envm_solve_conditions_hold(space, spec, walker->is_true))
        return entry->inner;
    envm_vec_push(&walker->waiting, spec);
    return ENVM_SOLVE_NONE;
}

/* The chosen packages that meet a spec: one by name, or several for a pattern. An extra that is
 * asked for is seen, and no package. */
static void visit_spec(struct walker *walker, uint32_t spec)
{
    const struct envm_solve_space *space = walker->reach->space;

    spec = effective_spec(walker, spec);
    if (spec == ENVM_SOLVE_NONE)
        return;
    uint32_t name = space->specs.items[spec].name;
    if (name != ENVM_SOLVE_NONE && space->names.items[name].is_auxiliary) {
        walker->seen[name] = 1;
        return;
    }
    if (name != ENVM_SOLVE_NONE) {
        if (walker->chosen_of_name[name] != ENVM_SOLVE_NONE)
            visit(walker, name);
        return;
    }
    struct envm_id_list matches = space->specs.items[spec].matches;
    for (uint32_t i = 0; i < matches.count; i++) {
        uint32_t c = matches.items[i];
        if (c < walker->reach->candidate_count &&
            walker->chosen_of_name[space->candidates.items[c].name] == c)
            visit(walker, space->candidates.items[c].name);
    }
}

/* --- conditions ----------------------------------------------------------------------------- */

static bool is_met(void *user, uint32_t spec)
{
    const struct walker *walker = user;
    const struct envm_solve_space *space = walker->reach->space;
    uint32_t name = space->specs.items[spec].name;

    if (name >= walker->reach->name_count || !walker->seen[name])
        return false;
    return space->names.items[name].is_auxiliary ||
           (space->specs.items[spec].matched &&
            envm_solve_space_matches(space, spec, walker->chosen_of_name[name]));
}

/* Visits what had waited and need not any more; false when there is none. */
static bool visit_waiting(struct walker *walker)
{
    const struct envm_solve_space *space = walker->reach->space;
    struct envm_id_vec before = walker->waiting;
    size_t left = before.count;

    envm_solve_conditions_judge(space, is_met, walker, walker->is_true);
    walker->waiting = (struct envm_id_vec){0};
    for (size_t i = 0; i < before.count; i++)
        visit_spec(walker, before.items[i]); /* puts it back, or not */
    envm_vec_release(&before);
    return walker->waiting.count < left;
}

/* Those under a condition come last. */
static void visit_requests(struct walker *walker)
{
    const struct envm_solve_reach *reach = walker->reach;

    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < reach->requests.count; i++) {
            uint32_t request = reach->requests.items[i];
            bool is_last = reach->space->specs.items[request].role == ENVM_ROLE_EITHER;
            if (is_last == (pass == 1) && !envm_solve_is_pin(reach->space, request))
                visit_spec(walker, request);
        }
    }
}

static void visit_depends(struct walker *walker, uint32_t name)
{
    uint32_t c = walker->chosen_of_name[name];
    struct envm_id_list depends = walker->reach->space->candidates.items[c].depends;

    for (uint32_t i = 0; i < depends.count; i++)
        visit_spec(walker, depends.items[i]);
}

/* Which conditions hold among the packages that are needed: the fewest that can be, so that nothing
 * is there only because of itself. */
static void find_conditions(struct walker *walker)
{
    const struct envm_solve_reach *reach = walker->reach;
    size_t next = 0;

    if (reach->space->conditions.count == 0)
        return;
    visit_requests(walker);
    do {
        while (next < walker->names->count)
            visit_depends(walker, walker->names->items[next++]);
    } while (visit_waiting(walker));
    walker->waiting.count = 0;
    walker->names->count = 0;
    memset(walker->seen, 0, reach->name_count);
}

/* --- the walk ------------------------------------------------------------------------------- */

/* How many of the chosen packages depend on each name. */
static uint32_t *count_dependents(struct walker *walker)
{
    const struct envm_solve_space *space = walker->reach->space;
    size_t count = walker->reach->name_count;
    uint32_t *dependents = envm_alloc_zero(count + 1, sizeof(*dependents));

    for (size_t name = 0; name < count; name++) {
        uint32_t c = walker->chosen_of_name[name];
        if (c >= walker->reach->candidate_count)
            continue;
        struct envm_id_list depends = space->candidates.items[c].depends;
        for (uint32_t i = 0; i < depends.count; i++) {
            uint32_t spec = effective_spec(walker, depends.items[i]);
            uint32_t target =
                spec == ENVM_SOLVE_NONE ? ENVM_SOLVE_NONE : space->specs.items[spec].name;
            if (target != ENVM_SOLVE_NONE && target < count)
                dependents[target]++;
        }
    }
    return dependents;
}

struct importance {
    const struct envm_solve_space *space;
    const uint32_t *dependents;
};

/* What more packages stand on comes first: it is what holds the others back. */
static int compare_importance(const void *a, const void *b, void *user)
{
    const struct importance *importance = user;
    uint32_t left = *(const uint32_t *)a;
    uint32_t right = *(const uint32_t *)b;

    if (importance->dependents[left] != importance->dependents[right])
        return importance->dependents[left] > importance->dependents[right] ? -1 : 1;
    return envm_str_compare(importance->space->names.items[left].name,
                            importance->space->names.items[right].name);
}

void envm_solution_walk(const struct envm_solve_reach *reach, const uint32_t *chosen_of_name,
                        struct envm_id_vec *ret_names, size_t *ret_roots)
{
    struct walker walker = {.reach = reach,
                            .chosen_of_name = chosen_of_name,
                            .seen = envm_alloc_zero((size_t)reach->name_count + 1, 1),
                            .names = ret_names};
    size_t from = 0;

    ret_names->count = 0;
    walker.is_true = envm_alloc_zero(reach->space->conditions.count + 1, 1);
    find_conditions(&walker);
    uint32_t *dependents = count_dependents(&walker);
    struct importance importance = {reach->space, dependents};
    visit_requests(&walker);
    *ret_roots = ret_names->count;
    while (from < ret_names->count) {
        size_t to = ret_names->count;
        for (; from < to; from++)
            visit_depends(&walker, ret_names->items[from]);
        if (ret_names->count - to > 1)
            qsort_r(ret_names->items + to, ret_names->count - to, sizeof(*ret_names->items),
                    compare_importance, &importance);
    }
    envm_free(dependents);
    envm_free(walker.seen);
    envm_free(walker.is_true);
    envm_vec_release(&walker.waiting);
}

/* --- dependency order ----------------------------------------------------------------------- */

static int compare_candidate_names(const void *a, const void *b, void *user)
{
    const struct envm_solve_space *space = user;

    return envm_str_compare(space->candidates.items[*(const uint32_t *)a].record->name,
                            space->candidates.items[*(const uint32_t *)b].record->name);
}

static struct envm_topo_edges edges_of(struct envm_arena *arena,
                                       const struct envm_solve_reach *reach, uint32_t candidate,
                                       const size_t *place_of_name)
{
    struct envm_id_list depends = reach->space->candidates.items[candidate].depends;
    size_t *items = envm_arena_new_array(arena, size_t, depends.count + (size_t)1);
    size_t count = 0;

    for (uint32_t i = 0; i < depends.count; i++) {
        const struct envm_solve_spec *spec = &reach->space->specs.items[depends.items[i]];
        if (spec->role == ENVM_ROLE_EITHER && spec->inner != ENVM_SOLVE_NONE)
            spec = &reach->space->specs.items[spec->inner];
        uint32_t name = spec->name;
        if (name != ENVM_SOLVE_NONE && place_of_name[name])
            items[count++] = place_of_name[name] - 1;
    }
    return (struct envm_topo_edges){items, count};
}

struct envm_record_list envm_solution_records(struct envm_arena *arena,
                                              const struct envm_solve_reach *reach,
                                              const uint32_t *chosen, size_t count)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0};
    const struct envm_solve_space *space = reach->space;
    uint32_t *sorted = envm_arena_copy(&scratch, chosen, count * sizeof(*chosen));
    size_t *place = envm_arena_new_array(&scratch, size_t, (size_t)reach->name_count + 1);
    size_t *order = envm_arena_new_array(&scratch, size_t, count);
    struct envm_topo_edges *edges = envm_arena_new_array(&scratch, struct envm_topo_edges, count);
    const struct envm_package_record **items =
        envm_arena_new_array(arena, const struct envm_package_record *, count);

    if (count > 1)
        qsort_r(sorted, count, sizeof(*sorted), compare_candidate_names, reach->space);
    for (size_t i = 0; i < count; i++)
        place[space->candidates.items[sorted[i]].name] = i + 1;
    for (size_t i = 0; i < count; i++)
        edges[i] = edges_of(&scratch, reach, sorted[i], place);
    envm_topo_sort(edges, count, order);
    for (size_t i = 0; i < count; i++)
        items[i] = space->candidates.items[sorted[order[i]]].record;
    return (struct envm_record_list){items, count};
}
