/* SPDX-License-Identifier: MIT */
#include "solve/solver_polish.h"

#include "base/alloc.h"
#include "solve/solution.h"

/* Questions that pruning cannot answer are few and small; these bounds only stop the pathological.
 */
#define QUESTIONS_MAX 300u
#define CANDIDATES_MAX 300000u

struct polish {
    const struct envm_solve_reach *reach;
    const struct envm_solve_space *space;
    struct envm_solve_view base; /* what may still be chosen; always holds the current solution */
    struct envm_id_vec *chosen;
    struct envm_id_vec answer;
    struct envm_id_vec names; /* the current solution, from the requests outwards */
    size_t root_count;
    uint32_t *chosen_of_name;
    uint8_t *is_done;    /* by name, in the pass at hand */
    uint8_t *is_updated; /* by name: see PASS_UPDATE */
    uint32_t questions, candidates;
};

static void read_solution(struct polish *polish)
{
    memset(polish->chosen_of_name, 0xff, polish->reach->name_count * sizeof(uint32_t));
    for (size_t i = 0; i < polish->chosen->count; i++) {
        uint32_t c = polish->chosen->items[i];
        polish->chosen_of_name[polish->space->candidates.items[c].name] = c;
    }
    envm_solution_walk(polish->reach, polish->chosen_of_name, &polish->names, &polish->root_count);
}

static uint32_t grade(const struct polish *polish, uint32_t candidate, bool by_tier)
{
    const struct envm_solve_candidate *c = &polish->space->candidates.items[candidate];

    return by_tier ? c->tier : c->rank;
}

/* Removes the live candidates of a name whose grade compares to `limit` as asked: -1 below, 0 not
 * above, 1 above. Returns how many stay. */
static uint32_t cut(const struct polish *polish, struct envm_solve_view *view, uint32_t name,
                    uint32_t limit, bool by_tier, int which)
{
    const struct envm_solve_name *entry = &polish->space->names.items[name];
    uint32_t kept = 0;

    for (uint32_t c = entry->first; c < entry->first + entry->count; c++) {
        if (c >= polish->reach->candidate_count || !view->is_live[c])
            continue;
        uint32_t at = grade(polish, c, by_tier);
        if (which < 0 ? at < limit : which == 0 ? at <= limit : at > limit)
            envm_solve_view_kill(view, c, ENVM_DEATH_OTHER, ENVM_SOLVE_NONE);
        else
            kept++;
    }
    return kept;
}

static bool any_better(const struct polish *polish, uint32_t name, uint32_t limit, bool by_tier)
{
    const struct envm_solve_name *entry = &polish->space->names.items[name];

    for (uint32_t c = entry->first; c < entry->first + entry->count; c++)
        if (c < polish->reach->candidate_count && polish->base.is_live[c] &&
            grade(polish, c, by_tier) > limit)
            return true;
    return false;
}

/* Is there an answer with `name` among what the trial leaves? */
static bool ask_for(struct polish *polish, struct envm_solve_view *trial, uint32_t name)
{
    uint32_t candidates = 0;

    envm_solve_view_settle(trial);
    envm_solve_view_need(trial, name, ENVM_SOLVE_NONE);
    if (!envm_solve_view_settle(trial))
        return false;
    polish->questions++;
    bool solved = envm_solver_ask(trial, &polish->answer, NULL, &candidates);
    polish->candidates += candidates;
    return solved;
}

static bool ask_better(struct polish *polish, uint32_t name, uint32_t limit, bool by_tier)
{
    ENVM_CLEANUP(envm_solve_view) struct envm_solve_view trial = {0};

    envm_solve_view_copy(&trial, &polish->base);
    cut(polish, &trial, name, limit, by_tier, 0);
    return ask_for(polish, &trial, name);
}

static bool has_name(const struct polish *polish, const struct envm_id_vec *answer, uint32_t name)
{
    for (size_t i = 0; i < answer->count; i++)
        if (polish->space->candidates.items[answer->items[i]].name == name)
            return true;
    return false;
}

static bool is_needed(const struct polish *polish, uint32_t name)
{
    for (size_t i = 0; i < polish->names.count; i++)
        if (polish->names.items[i] == name)
            return true;
    return false;
}

static void swap_answer(struct polish *polish)
{
    struct envm_id_vec old = *polish->chosen;

    *polish->chosen = polish->answer;
    polish->answer = old;
    read_solution(polish);
}

/* Takes the answer over. What is needed only under a condition may be better and not needed any
 * more: that is no gain, and the answer is left. */
static bool take_answer(struct polish *polish, uint32_t name)
{
    swap_answer(polish);
    if (polish->space->conditions.count == 0 || is_needed(polish, name))
        return true;
    swap_answer(polish);
    return false;
}

static bool within_bounds(const struct polish *polish)
{
    return polish->questions < QUESTIONS_MAX && polish->candidates < CANDIDATES_MAX;
}

static void improve(struct polish *polish, uint32_t name, bool by_tier)
{
    while (within_bounds(polish)) {
        uint32_t limit = grade(polish, polish->chosen_of_name[name], by_tier);
        if (!any_better(polish, name, limit, by_tier) ||
            !ask_better(polish, name, limit, by_tier) || !has_name(polish, &polish->answer, name) ||
            !take_answer(polish, name))
            break;
    }
    uint32_t limit = grade(polish, polish->chosen_of_name[name], by_tier);
    cut(polish, &polish->base, name, limit, by_tier, -1);
    cut(polish, &polish->base, name, limit, by_tier, 1);
    envm_solve_view_settle(&polish->base);
}

/* --- staying ------------------------------------------------------------------------------ */

/* Leaves of a name what is to stay, or returns false because there is nothing of it. */
static bool cut_to_preferred(const struct polish *polish, struct envm_solve_view *view,
                             uint32_t name)
{
    const struct envm_solve_name *entry = &polish->space->names.items[name];
    bool any = false;

    for (uint32_t c = entry->first; c < entry->first + entry->count; c++)
        any |= c < polish->reach->candidate_count && view->is_live[c] &&
               polish->space->candidates.items[c].preferred;
    for (uint32_t c = entry->first; any && c < entry->first + entry->count; c++)
        if (c < polish->reach->candidate_count && view->is_live[c] &&
            !polish->space->candidates.items[c].preferred)
            envm_solve_view_kill(view, c, ENVM_DEATH_OTHER, ENVM_SOLVE_NONE);
    return any;
}

static bool ask_to_stay(struct polish *polish, uint32_t name)
{
    ENVM_CLEANUP(envm_solve_view) struct envm_solve_view trial = {0};

    envm_solve_view_copy(&trial, &polish->base);
    if (!cut_to_preferred(polish, &trial, name))
        return false;
    return ask_for(polish, &trial, name) && has_name(polish, &polish->answer, name);
}

static void keep(struct polish *polish, uint32_t name)
{
    uint32_t chosen = polish->chosen_of_name[name];

    if (!polish->space->candidates.items[chosen].preferred) {
        if (!ask_to_stay(polish, name) || !take_answer(polish, name))
            return;
    }
    (void)cut_to_preferred(polish, &polish->base, name);
    envm_solve_view_settle(&polish->base);
}

/* --- passes ------------------------------------------------------------------------------- */

enum pass {
    PASS_UPDATE, /* names that are to become newer whatever else has to move */
    PASS_KEEP,   /* names of which something is to stay */
    PASS_ROOTS,  /* requested names */
    PASS_OTHERS,
};

static bool is_in_pass(const struct polish *polish, size_t place, enum pass pass)
{
    switch (pass) {
    case PASS_UPDATE:
        return polish->is_updated[polish->names.items[place]];
    case PASS_KEEP:
        return true;
    case PASS_ROOTS:
        return place < polish->root_count;
    case PASS_OTHERS:
        return place >= polish->root_count;
    }
    return false;
}

static void run_pass(struct polish *polish, enum pass pass, bool by_tier)
{
    memset(polish->is_done, 0, polish->reach->name_count);
    for (size_t i = 0; i < polish->names.count && within_bounds(polish);) {
        uint32_t name = polish->names.items[i];
        if (polish->is_done[name] || !is_in_pass(polish, i, pass)) {
            i++;
            continue;
        }
        polish->is_done[name] = 1;
        if (pass == PASS_KEEP)
            keep(polish, name);
        else
            improve(polish, name, by_tier);
        i = 0; /* the walk may have changed */
    }
}

static void mark_updated(struct polish *polish)
{
    const struct envm_solve_request *request = polish->space->request;

    for (size_t i = 0; i < request->update_names.count; i++) {
        const uint64_t *name =
            envm_map_find(&polish->space->name_ids, request->update_names.items[i]);
        if (name && *name < polish->reach->name_count)
            polish->is_updated[*name] = 1;
    }
}

static void run_passes(struct polish *polish)
{
    if (polish->space->request->update_names.count > 0)
        run_pass(polish, PASS_UPDATE, true);
    if (polish->space->request->preferred.count > 0)
        run_pass(polish, PASS_KEEP, true);
    run_pass(polish, PASS_ROOTS, true);
    run_pass(polish, PASS_ROOTS, false);
    run_pass(polish, PASS_OTHERS, true);
    run_pass(polish, PASS_OTHERS, false);
}

void envm_solver_polish(const struct envm_solve_view *view, struct envm_id_vec *chosen,
                        uint32_t *ret_questions)
{
    struct polish polish = {.reach = view->reach, .space = view->reach->space, .chosen = chosen};
    size_t kept = 0;

    polish.chosen_of_name = envm_alloc_zero((size_t)view->reach->name_count + 1, sizeof(uint32_t));
    polish.is_done = envm_alloc_zero((size_t)view->reach->name_count + 1, 1);
    polish.is_updated = envm_alloc_zero((size_t)view->reach->name_count + 1, 1);
    envm_solve_view_copy(&polish.base, view);
    read_solution(&polish);
    mark_updated(&polish);
    run_passes(&polish);
    /* what nothing leads to any more is not part of the answer */
    memset(polish.is_done, 0, view->reach->name_count);
    for (size_t i = 0; i < polish.names.count; i++)
        polish.is_done[polish.names.items[i]] = 1;
    for (size_t i = 0; i < chosen->count; i++)
        if (polish.is_done[polish.space->candidates.items[chosen->items[i]].name])
            chosen->items[kept++] = chosen->items[i];
    chosen->count = kept;
    *ret_questions = polish.questions;
    envm_free(polish.chosen_of_name);
    envm_free(polish.is_done);
    envm_free(polish.is_updated);
    envm_vec_release(&polish.answer);
    envm_vec_release(&polish.names);
    envm_solve_view_release(&polish.base);
}
