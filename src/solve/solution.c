/* SPDX-License-Identifier: MIT */
#include "solve/solution.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/topo.h"

struct walker {
    const struct envm_solve_reach *reach;
    const uint32_t *chosen_of_name;
    uint8_t *seen; /* by name */
    struct envm_id_vec *names;
};

static void visit(struct walker *walker, uint32_t name)
{
    if (walker->seen[name])
        return;
    walker->seen[name] = 1;
    envm_vec_push(walker->names, name);
}

/* The chosen packages that meet a spec: one by name, or several for a pattern. */
static void visit_spec(struct walker *walker, uint32_t spec)
{
    const struct envm_solve_space *space = walker->reach->space;
    uint32_t name = space->specs.items[spec].name;

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

/* How many of the chosen packages depend on each name. */
static uint32_t *count_dependents(const struct walker *walker)
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
            uint32_t target = space->specs.items[depends.items[i]].name;
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
    uint32_t *dependents = count_dependents(&walker);
    struct importance importance = {reach->space, dependents};
    size_t from = 0;

    ret_names->count = 0;
    for (uint32_t i = 0; i < reach->requests.count; i++)
        if (!envm_solve_is_pin(reach->space, reach->requests.items[i]))
            visit_spec(&walker, reach->requests.items[i]);
    *ret_roots = ret_names->count;
    while (from < ret_names->count) {
        size_t to = ret_names->count;
        for (; from < to; from++) {
            uint32_t c = chosen_of_name[ret_names->items[from]];
            struct envm_id_list depends = reach->space->candidates.items[c].depends;
            for (uint32_t i = 0; i < depends.count; i++)
                visit_spec(&walker, depends.items[i]);
        }
        if (ret_names->count - to > 1)
            qsort_r(ret_names->items + to, ret_names->count - to, sizeof(*ret_names->items),
                    compare_importance, &importance);
    }
    envm_free(dependents);
    envm_free(walker.seen);
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
        uint32_t name = reach->space->specs.items[depends.items[i]].name;
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
