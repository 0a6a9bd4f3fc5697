/* SPDX-License-Identifier: MIT */
#include "solve/solver_collapse.h"

#include <stdlib.h>

#include "base/alloc.h"

#define CACHE_SIZE 8192u /* a power of two */
/* Comparing pairs is quadratic in the records of a name; beyond this many pairs it costs more than
 * libsolv saves. */
#define PAIRS_MAX 250000u

/* All that libsolv would know of a candidate, but for its rank: classes, sorted and distinct. */
struct terms {
    struct envm_id_list depends, conflicts;
    struct envm_id_list wanted;    /* dependency classes that it is in */
    struct envm_id_list unwelcome; /* conflict classes that it is in */
};

struct collapse {
    struct envm_solve_load *load;
    const struct envm_solve_candidate *candidates;
    struct envm_arena arena;
    struct terms *terms; /* by place in load->chosen */
    uint32_t *number;    /* by class, while the sets of a name are made */
    uint64_t *cache_key; /* subset questions: (inner << 32 | outer) + 1 */
    uint8_t *cache_answer;
};

/* --- terms ---------------------------------------------------------------------------------- */

/* Adds `class` to the list under construction of each member; lists come out ascending when
 * classes are walked in order. */
static void invert_classes(struct collapse *collapse, const uint8_t *is_used, bool conflicts)
{
    const struct envm_solve_load *load = collapse->load;
    uint32_t count = load->chosen.count;
    uint32_t *place = envm_arena_new_array(&collapse->arena, uint32_t,
                                           load->view->reach->candidate_count + (size_t)1);
    uint32_t *start = envm_arena_new_array(&collapse->arena, uint32_t, count + (size_t)1);
    uint32_t **fill = envm_arena_new_array(&collapse->arena, uint32_t *, count + (size_t)1);

    for (uint32_t i = 0; i < count; i++)
        place[load->chosen.items[i]] = i;
    for (uint32_t class = 0; class < load->class_count; class ++)
        for (uint32_t i = 0; is_used[class] && i < load->classes[class].count; i++)
            start[place[load->classes[class].items[i]]]++;
    for (uint32_t i = 0; i < count; i++) {
        fill[i] = envm_arena_new_array(&collapse->arena, uint32_t, start[i] + (size_t)1);
        struct envm_id_list list = {fill[i], start[i]};
        if (conflicts)
            collapse->terms[i].unwelcome = list;
        else
            collapse->terms[i].wanted = list;
    }
    for (uint32_t class = 0; class < load->class_count; class ++)
        for (uint32_t i = 0; is_used[class] && i < load->classes[class].count; i++)
            *fill[place[load->classes[class].items[i]]]++ = class;
}

static struct envm_id_list keep(struct collapse *collapse, const struct envm_id_vec *vec)
{
    return (struct envm_id_list){
        envm_arena_copy(&collapse->arena, vec->items, vec->count * sizeof(*vec->items)),
        (uint32_t)vec->count};
}

static void mark_used(uint8_t *is_used, const uint32_t *class_of_spec, uint32_t spec_count)
{
    for (uint32_t i = 0; i < spec_count; i++)
        if (class_of_spec[i] != ENVM_SOLVE_NONE)
            is_used[class_of_spec[i]] = 1;
}

static void fill_terms(struct collapse *collapse)
{
    const struct envm_solve_load *load = collapse->load;
    uint32_t spec_count = load->view->reach->spec_count;
    struct envm_id_vec classes = {0};
    uint8_t *depended =
        envm_arena_new_array(&collapse->arena, uint8_t, load->class_count + (size_t)1);
    uint8_t *conflicting =
        envm_arena_new_array(&collapse->arena, uint8_t, load->class_count + (size_t)1);

    collapse->terms = envm_arena_new_array(&collapse->arena, struct terms, load->chosen.count);
    for (uint32_t i = 0; i < load->chosen.count; i++) {
        envm_solve_load_depends(load, load->chosen.items[i], &classes);
        collapse->terms[i].depends = keep(collapse, &classes);
        envm_solve_load_conflicts(load, load->chosen.items[i], &classes);
        collapse->terms[i].conflicts = keep(collapse, &classes);
    }
    envm_vec_release(&classes);
    mark_used(depended, load->depend_class, spec_count);
    mark_used(conflicting, load->conflict_class, spec_count);
    invert_classes(collapse, depended, false);
    invert_classes(collapse, conflicting, true);
}

/* --- equal ---------------------------------------------------------------------------------- */

static void add_list(struct envm_id_vec *signature, struct envm_id_list list)
{
    envm_vec_push(signature, list.count);
    for (uint32_t i = 0; i < list.count; i++)
        envm_vec_push(signature, list.items[i]);
}

static void merge_equal(struct collapse *collapse)
{
    struct envm_solve_load *load = collapse->load;
    ENVM_CLEANUP(envm_map) struct envm_map seen = {0};
    struct envm_id_vec signature = {0};

    for (uint32_t i = 0; i < load->chosen.count; i++) {
        uint32_t c = load->chosen.items[i];
        const struct terms *terms = &collapse->terms[i];
        signature.count = 0;
        envm_vec_push(&signature, collapse->candidates[c].name);
        add_list(&signature, terms->depends);
        add_list(&signature, terms->conflicts);
        add_list(&signature, terms->wanted);
        add_list(&signature, terms->unwelcome);
        size_t size = signature.count * sizeof(*signature.items);
        envm_str key = envm_str_n((const char *)signature.items, size);
        uint64_t *slot = envm_map_find(&seen, key);
        if (!slot) {
            key.ptr = envm_arena_copy(&collapse->arena, signature.items, size);
            envm_map_set(&seen, key, c);
        } else if (collapse->candidates[c].rank > collapse->candidates[*slot].rank) {
            load->stands_for[*slot] = c;
            *slot = c;
        } else {
            load->stands_for[c] = (uint32_t)*slot;
        }
    }
    envm_vec_release(&signature);
}

/* --- dominated ------------------------------------------------------------------------------ */

/* Both ascending. */
static bool is_subset(struct envm_id_list inner, struct envm_id_list outer)
{
    uint32_t at = 0;

    if (inner.count > outer.count)
        return false;
    if (inner.count && (inner.items[0] < outer.items[0] ||
                        inner.items[inner.count - 1] > outer.items[outer.count - 1]))
        return false;
    for (uint32_t i = 0; i < inner.count; i++) {
        while (at < outer.count && outer.items[at] < inner.items[i])
            at++;
        if (at == outer.count || outer.items[at] != inner.items[i])
            return false;
    }
    return true;
}

static bool is_class_subset(struct collapse *collapse, uint32_t inner, uint32_t outer)
{
    uint64_t key = ((uint64_t)inner << 32 | outer) + 1;
    size_t slot = (inner * 2654435761u ^ outer * 40503u) & (CACHE_SIZE - 1);

    if (inner == outer)
        return true;
    if (collapse->cache_key[slot] != key) {
        collapse->cache_key[slot] = key;
        collapse->cache_answer[slot] =
            is_subset(collapse->load->classes[inner], collapse->load->classes[outer]);
    }
    return collapse->cache_answer[slot];
}

/* Every dependency of the better one is met wherever those of the other are. */
static bool asks_no_more(struct collapse *collapse, const struct terms *better,
                         const struct terms *other)
{
    for (uint32_t i = 0; i < better->depends.count; i++) {
        bool implied = false;
        for (uint32_t j = 0; j < other->depends.count && !implied; j++)
            implied = is_class_subset(collapse, other->depends.items[j], better->depends.items[i]);
        if (!implied)
            return false;
    }
    return true;
}

static bool conflicts_no_more(struct collapse *collapse, const struct terms *better,
                              const struct terms *other)
{
    for (uint32_t i = 0; i < better->conflicts.count; i++) {
        bool covered = false;
        for (uint32_t j = 0; j < other->conflicts.count && !covered; j++)
            covered =
                is_class_subset(collapse, better->conflicts.items[i], other->conflicts.items[j]);
        if (!covered)
            return false;
    }
    return true;
}

/* Classes numbered within a name, so that lists of hundreds become a few words. */
struct class_set {
    uint64_t *bits;
};

static bool is_set_subset(const struct class_set *inner, const struct class_set *outer,
                          uint32_t words)
{
    for (uint32_t i = 0; i < words; i++)
        if (inner->bits[i] & ~outer->bits[i])
            return false;
    return true;
}

static void number_classes(struct collapse *collapse, struct envm_id_list list, uint32_t *count)
{
    for (uint32_t i = 0; i < list.count; i++)
        if (collapse->number[list.items[i]] == 0)
            collapse->number[list.items[i]] = ++*count;
}

static struct class_set make_set(struct collapse *collapse, struct envm_id_list list,
                                 uint32_t words)
{
    struct class_set set = {envm_arena_new_array(&collapse->arena, uint64_t, words)};

    for (uint32_t i = 0; i < list.count; i++) {
        uint32_t bit = collapse->number[list.items[i]] - 1;
        set.bits[bit / 64] |= UINT64_C(1) << (bit % 64);
    }
    return set;
}

/* The candidates of one name that are compared with each other, best first. */
struct rivals {
    uint32_t *places; /* in load->chosen */
    uint32_t count, words;
    struct class_set *wanted, *unwelcome; /* by place in this list */
};

static void make_sets(struct collapse *collapse, struct rivals *rivals)
{
    uint32_t classes = 0;

    for (uint32_t i = 0; i < rivals->count; i++) {
        number_classes(collapse, collapse->terms[rivals->places[i]].wanted, &classes);
        number_classes(collapse, collapse->terms[rivals->places[i]].unwelcome, &classes);
    }
    rivals->words = classes / 64 + 1;
    rivals->wanted = envm_arena_new_array(&collapse->arena, struct class_set, rivals->count);
    rivals->unwelcome = envm_arena_new_array(&collapse->arena, struct class_set, rivals->count);
    for (uint32_t i = 0; i < rivals->count; i++) {
        const struct terms *terms = &collapse->terms[rivals->places[i]];
        rivals->wanted[i] = make_set(collapse, terms->wanted, rivals->words);
        rivals->unwelcome[i] = make_set(collapse, terms->unwelcome, rivals->words);
    }
    memset(collapse->number, 0, collapse->load->class_count * sizeof(*collapse->number));
}

static bool dominates(struct collapse *collapse, const struct rivals *rivals, uint32_t better,
                      uint32_t other)
{
    const struct terms *x = &collapse->terms[rivals->places[better]];
    const struct terms *y = &collapse->terms[rivals->places[other]];

    return is_set_subset(&rivals->wanted[other], &rivals->wanted[better], rivals->words) &&
           is_set_subset(&rivals->unwelcome[better], &rivals->unwelcome[other], rivals->words) &&
           conflicts_no_more(collapse, x, y) && asks_no_more(collapse, x, y);
}

static int compare_by_rank(const void *a, const void *b, void *user)
{
    const struct collapse *collapse = user;
    const uint32_t *chosen = collapse->load->chosen.items;
    uint32_t x = collapse->candidates[chosen[*(const uint32_t *)a]].rank;
    uint32_t y = collapse->candidates[chosen[*(const uint32_t *)b]].rank;

    return x > y ? -1 : x < y;
}

/* The candidates of one name stand at [from, to) of load->chosen. */
static void drop_dominated(struct collapse *collapse, uint32_t from, uint32_t to, uint32_t *places)
{
    struct envm_solve_load *load = collapse->load;
    struct rivals rivals = {.places = places};
    uint32_t *kept = places + (to - from);
    uint32_t kept_count = 0;

    for (uint32_t i = from; i < to; i++)
        if (load->stands_for[load->chosen.items[i]] == load->chosen.items[i])
            places[rivals.count++] = i;
    if (rivals.count < 2 || (uint64_t)rivals.count * rivals.count > PAIRS_MAX)
        return;
    qsort_r(places, rivals.count, sizeof(*places), compare_by_rank, collapse);
    make_sets(collapse, &rivals);
    for (uint32_t i = 0; i < rivals.count; i++) {
        uint32_t by = 0;
        while (by < kept_count && !dominates(collapse, &rivals, kept[by], i))
            by++;
        if (by < kept_count)
            load->stands_for[load->chosen.items[places[i]]] = load->chosen.items[places[kept[by]]];
        else
            kept[kept_count++] = i;
    }
}

static void drop_all_dominated(struct collapse *collapse)
{
    const struct envm_id_list *chosen = &collapse->load->chosen;
    uint32_t *places =
        envm_arena_new_array(&collapse->arena, uint32_t, 2 * (size_t)chosen->count + 1);

    collapse->number =
        envm_arena_new_array(&collapse->arena, uint32_t, collapse->load->class_count + (size_t)1);
    collapse->cache_key = envm_arena_new_array(&collapse->arena, uint64_t, CACHE_SIZE);
    collapse->cache_answer = envm_arena_new_array(&collapse->arena, uint8_t, CACHE_SIZE);
    for (uint32_t from = 0, to = 0; from < chosen->count; from = to) {
        uint32_t name = collapse->candidates[chosen->items[from]].name;
        while (to < chosen->count && collapse->candidates[chosen->items[to]].name == name)
            to++;
        drop_dominated(collapse, from, to, places);
    }
}

bool envm_solve_collapse(struct envm_solve_load *load, bool dominate)
{
    struct collapse collapse = {.load = load,
                                .candidates = load->view->reach->space->candidates.items};
    uint32_t *ids = envm_arena_new_array(&load->arena, uint32_t, load->chosen.count + (size_t)1);
    uint32_t kept = 0;

    fill_terms(&collapse);
    merge_equal(&collapse);
    if (dominate)
        drop_all_dominated(&collapse);
    for (uint32_t i = 0; i < load->chosen.count; i++)
        if (load->stands_for[load->chosen.items[i]] == load->chosen.items[i])
            ids[kept++] = load->chosen.items[i];
    bool fewer = kept < load->chosen.count;
    load->chosen = (struct envm_id_list){ids, kept};
    envm_arena_release(&collapse.arena);
    return fewer;
}
