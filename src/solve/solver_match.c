/* SPDX-License-Identifier: MIT */
#include "solve/solver_match.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "solve/solver_collapse.h"

/* Every round that merges something makes more lists equal; what is left after a few rounds is
 * not worth another one. */
#define ROUNDS_MAX 2

/* --- what can be needed at all -------------------------------------------------------------- */

static void mark_spec(const struct envm_solve_view *view, uint32_t spec, uint8_t *spec_done,
                      uint8_t *used, struct envm_id_vec *queue)
{
    struct envm_id_list matches = view->reach->space->specs.items[spec].matches;

    if (spec_done[spec])
        return;
    spec_done[spec] = 1;
    for (uint32_t i = 0; i < matches.count; i++) {
        uint32_t c = matches.items[i];
        if (c >= view->reach->candidate_count || !view->is_live[c] || used[c] ||
            envm_solve_is_virtual(view->reach->space, c))
            continue;
        used[c] = 1;
        envm_vec_push(queue, c);
    }
}

/* Live candidates that some live chain of dependencies leads to from the requests. */
static struct envm_id_list find_used(struct envm_solve_load *load,
                                     const struct envm_solve_view *view)
{
    const struct envm_solve_reach *reach = view->reach;
    uint8_t *spec_done = envm_arena_new_array(&load->arena, uint8_t, (size_t)reach->spec_count + 1);
    uint8_t *used = envm_arena_new_array(&load->arena, uint8_t, (size_t)reach->candidate_count + 1);
    struct envm_id_vec queue = {0};
    uint32_t count = 0;

    for (uint32_t i = 0; i < reach->requests.count; i++)
        if (!envm_solve_is_pin(reach->space, reach->requests.items[i]))
            mark_spec(view, reach->requests.items[i], spec_done, used, &queue);
    for (size_t next = 0; next < queue.count; next++) {
        struct envm_id_list depends = reach->space->candidates.items[queue.items[next]].depends;
        for (uint32_t i = 0; i < depends.count; i++)
            mark_spec(view, depends.items[i], spec_done, used, &queue);
    }
    uint32_t *ids = envm_arena_new_array(&load->arena, uint32_t, queue.count + 1);
    for (uint32_t i = 0; i < reach->reached.count; i++)
        if (used[reach->reached.items[i]])
            ids[count++] = reach->reached.items[i];
    envm_vec_release(&queue);
    return (struct envm_id_list){ids, count};
}

/* --- classes -------------------------------------------------------------------------------- */

struct round {
    struct envm_solve_load *load;
    const struct envm_solve_space *space;
    struct envm_arena arena;
    struct envm_map lists; /* bytes of a list -> class */
    ENVM_VEC(struct envm_id_list) classes;
    uint32_t *name_first; /* by name: where its chosen candidates begin in load->chosen */
    uint32_t *name_count;
    uint32_t *spec_class; /* by spec in play: class of its matches */
};

static void round_release(struct round *round)
{
    envm_arena_release(&round->arena);
    envm_map_release(&round->lists);
    envm_vec_release(&round->classes);
}
ENVM_DEFINE_CLEANUP(round, struct round, round_release)

static envm_str bytes_of(const uint32_t *items, size_t count)
{
    /* byte strings as map keys; uint32_t has no padding */
    return count ? envm_str_n((const char *)items, count * sizeof(*items)) : ENVM_STR("");
}

static uint32_t class_of(struct round *round, const uint32_t *items, uint32_t count)
{
    bool is_new = false;
    uint64_t *slot = envm_map_get(&round->lists, bytes_of(items, count), &is_new);

    if (is_new) {
        *slot = round->classes.count;
        envm_vec_push(&round->classes, ((struct envm_id_list){items, count}));
    }
    return (uint32_t)*slot;
}

static void find_names(struct round *round)
{
    const struct envm_id_list *chosen = &round->load->chosen;

    for (uint32_t i = 0; i < chosen->count; i++) {
        uint32_t name = round->space->candidates.items[chosen->items[i]].name;
        if (round->name_count[name]++ == 0)
            round->name_first[name] = i;
    }
}

/* Lists of matching chosen candidates of every spec in play, then their classes. Candidates of one
 * name are neighbours, so the lists come out ascending. */
static void classify_specs(struct round *round)
{
    const struct envm_solve_reach *reach = round->load->view->reach;
    const struct envm_id_list *chosen = &round->load->chosen;
    uint32_t *count = envm_arena_new_array(&round->arena, uint32_t, (size_t)reach->spec_count + 1);
    uint32_t **list =
        envm_arena_new_array(&round->arena, uint32_t *, (size_t)reach->spec_count + 1);

    for (uint32_t i = 0; i < chosen->count; i++) {
        struct envm_id_list specs = envm_ids_of(&reach->matched, chosen->items[i]);
        for (uint32_t j = 0; j < specs.count; j++)
            count[specs.items[j]]++;
    }
    for (uint32_t i = 0; i < reach->specs.count; i++) {
        uint32_t spec = reach->specs.items[i];
        list[spec] = envm_arena_new_array(&round->arena, uint32_t, (size_t)count[spec] + 1);
        count[spec] = 0;
    }
    for (uint32_t i = 0; i < chosen->count; i++) {
        struct envm_id_list specs = envm_ids_of(&reach->matched, chosen->items[i]);
        for (uint32_t j = 0; j < specs.count; j++)
            list[specs.items[j]][count[specs.items[j]]++] = chosen->items[i];
    }
    for (uint32_t i = 0; i < reach->specs.count; i++) {
        uint32_t spec = reach->specs.items[i];
        round->spec_class[spec] = class_of(round, list[spec], count[spec]);
    }
}

static bool is_virtual_spec(const struct envm_solve_space *space, uint32_t spec)
{
    uint32_t name = space->specs.items[spec].name;

    return name != ENVM_SOLVE_NONE && space->names.items[name].is_virtual;
}

static void set_depend_class(struct round *round, uint32_t spec)
{
    /* one that stands under a condition that cannot hold asks for nothing */
    if (!is_virtual_spec(round->space, spec) && round->load->view->reach->use[spec])
        round->load->depend_class[spec] = round->spec_class[spec];
}

static void set_conflict_class(struct round *round, uint32_t spec)
{
    uint32_t name = round->space->specs.items[spec].name;
    const struct envm_solve_load *load = round->load;

    if (load->conflict_class[spec] != ENVM_SOLVE_NONE || name == ENVM_SOLVE_NONE ||
        !(load->view->reach->use[spec] & ENVM_SPEC_CONSTRAINS) || round->name_count[name] == 0)
        return;
    uint32_t *others = envm_arena_new_array(&round->arena, uint32_t, round->name_count[name]);
    uint32_t count = 0;
    for (uint32_t i = 0; i < round->name_count[name]; i++) {
        uint32_t c = load->chosen.items[round->name_first[name] + i];
        if (!envm_solve_space_matches(round->space, spec, c))
            others[count++] = c;
    }
    if (count)
        round->load->conflict_class[spec] = class_of(round, others, count);
}

static void classify(struct round *round)
{
    struct envm_solve_load *load = round->load;
    const struct envm_solve_reach *reach = load->view->reach;

    find_names(round);
    classify_specs(round);
    for (uint32_t i = 0; i < reach->spec_count; i++)
        load->depend_class[i] = load->conflict_class[i] = ENVM_SOLVE_NONE;
    for (uint32_t i = 0; i < reach->requests.count; i++)
        if (!envm_solve_is_pin(round->space, reach->requests.items[i]))
            set_depend_class(round, reach->requests.items[i]);
    for (uint32_t i = 0; i < load->chosen.count; i++) {
        const struct envm_solve_candidate *c =
            &round->space->candidates.items[load->chosen.items[i]];
        for (uint32_t j = 0; j < c->depends.count; j++)
            set_depend_class(round, c->depends.items[j]);
        for (uint32_t j = 0; j < c->constrains.count; j++)
            set_conflict_class(round, c->constrains.items[j]);
    }
    load->classes = round->classes.items;
    load->class_count = (uint32_t)round->classes.count;
}

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

/* Sorts items[from..] and drops repetitions. */
static void make_distinct(struct envm_id_vec *vec, size_t from)
{
    size_t kept = from;

    if (vec->count - from > 1)
        qsort(vec->items + from, vec->count - from, sizeof(*vec->items), compare_ids);
    for (size_t i = from; i < vec->count; i++)
        if (kept == from || vec->items[kept - 1] != vec->items[i])
            vec->items[kept++] = vec->items[i];
    vec->count = kept;
}

static void add_depends(const struct envm_solve_load *load, uint32_t candidate,
                        struct envm_id_vec *vec)
{
    const struct envm_solve_space *space = load->view->reach->space;
    struct envm_id_list depends = space->candidates.items[candidate].depends;
    size_t from = vec->count;

    for (uint32_t i = 0; i < depends.count; i++) {
        uint32_t class = load->depend_class[depends.items[i]];
        /* what a record meets by itself asks for nothing */
        if (class != ENVM_SOLVE_NONE &&
            !envm_solve_space_matches(space, depends.items[i], candidate))
            envm_vec_push(vec, class);
    }
    make_distinct(vec, from);
}

static void add_conflicts(const struct envm_solve_load *load, uint32_t candidate,
                          struct envm_id_vec *vec)
{
    const struct envm_solve_space *space = load->view->reach->space;
    struct envm_id_list constrains = space->candidates.items[candidate].constrains;
    size_t from = vec->count;

    for (uint32_t i = 0; i < constrains.count; i++) {
        uint32_t spec = constrains.items[i];
        if (spec < load->view->reach->spec_count && load->conflict_class[spec] != ENVM_SOLVE_NONE &&
            space->specs.items[spec].name != space->candidates.items[candidate].name)
            envm_vec_push(vec, load->conflict_class[spec]);
    }
    make_distinct(vec, from);
}

void envm_solve_load_depends(const struct envm_solve_load *load, uint32_t candidate,
                             struct envm_id_vec *ret_classes)
{
    ret_classes->count = 0;
    add_depends(load, candidate, ret_classes);
}

void envm_solve_load_conflicts(const struct envm_solve_load *load, uint32_t candidate,
                               struct envm_id_vec *ret_classes)
{
    ret_classes->count = 0;
    add_conflicts(load, candidate, ret_classes);
}

/* --- rounds --------------------------------------------------------------------------------- */

static void resolve_stand_ins(struct envm_solve_load *load, struct envm_id_list all)
{
    for (uint32_t i = 0; i < all.count; i++) {
        uint32_t c = all.items[i];
        while (load->stands_for[c] != c)
            c = load->stands_for[c];
        load->stands_for[all.items[i]] = c;
    }
}

static void keep_classes(struct envm_solve_load *load)
{
    struct envm_id_list *classes =
        envm_arena_new_array(&load->arena, struct envm_id_list, (size_t)load->class_count + 1);

    for (uint32_t i = 0; i < load->class_count; i++) {
        struct envm_id_list from = load->classes[i];
        classes[i] = (struct envm_id_list){
            envm_arena_copy(&load->arena, from.items, from.count * sizeof(*from.items)),
            from.count};
    }
    load->classes = classes;
}

/* One round: classes for what is chosen now, and then fewer chosen ones. */
static bool run_round(struct envm_solve_load *load, bool merge, bool dominate)
{
    const struct envm_solve_reach *reach = load->view->reach;
    ENVM_CLEANUP(round) struct round round = {.load = load, .space = reach->space};

    round.name_first = envm_arena_new_array(&round.arena, uint32_t, (size_t)reach->name_count + 1);
    round.name_count = envm_arena_new_array(&round.arena, uint32_t, (size_t)reach->name_count + 1);
    round.spec_class = envm_arena_new_array(&round.arena, uint32_t, (size_t)reach->spec_count + 1);
    classify(&round);
    if (merge && envm_solve_collapse(load, dominate))
        return true;
    keep_classes(load);
    return false;
}

void envm_solve_load_init(struct envm_solve_load *load, const struct envm_solve_view *view,
                          bool dominate)
{
    const struct envm_solve_reach *reach = view->reach;
    unsigned rounds = 0;

    *load = (struct envm_solve_load){.view = view};
    struct envm_id_list all = find_used(load, view);
    load->chosen = all;
    load->stands_for =
        envm_arena_new_array(&load->arena, uint32_t, (size_t)reach->candidate_count + 1);
    load->depend_class =
        envm_arena_new_array(&load->arena, uint32_t, (size_t)reach->spec_count + 1);
    load->conflict_class =
        envm_arena_new_array(&load->arena, uint32_t, (size_t)reach->spec_count + 1);
    memset(load->stands_for, 0xff, reach->candidate_count * sizeof(uint32_t));
    for (uint32_t i = 0; i < all.count; i++)
        load->stands_for[all.items[i]] = all.items[i];
    while (run_round(load, rounds < ROUNDS_MAX, dominate))
        rounds++;
    resolve_stand_ins(load, all);
}

void envm_solve_load_release(struct envm_solve_load *load)
{
    envm_arena_release(&load->arena);
    *load = (struct envm_solve_load){0};
}
