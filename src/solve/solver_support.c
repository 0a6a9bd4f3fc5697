/* SPDX-License-Identifier: MIT */
#include "solve/solver_support.h"

#include "base/alloc.h"

/* Beyond these sizes the work would be quadratic on a hostile channel. What is not drawn here
 * libsolv finds out. */
#define MEMBERS_MAX 4096u
#define TERMS_MAX 512u

struct envm_support {
    struct envm_solve_view *view;
    uint32_t name;
    struct envm_id_vec members; /* live candidates of the name */
    struct envm_id_vec targets; /* names that the first member says something about */
    uint32_t *touched;          /* by name: members that say something about it */
    uint32_t *depended;         /* by name: members that depend on it */
    uint32_t *last_touched; /* by name: 1 + the last member counted, and the same for depended */
    uint32_t *last_depended;
    ENVM_VEC(uint64_t) allowed; /* bits over the candidates of a target */
    ENVM_VEC(uint64_t) by_one;
};

static void *numbers(const struct envm_solve_reach *reach)
{
    return envm_alloc_zero((size_t)reach->name_count + 1, sizeof(uint32_t));
}

struct envm_support *envm_support_new(const struct envm_solve_reach *reach)
{
    struct envm_support *support = envm_alloc_zero(1, sizeof(*support));

    support->touched = numbers(reach);
    support->depended = numbers(reach);
    support->last_touched = numbers(reach);
    support->last_depended = numbers(reach);
    return support;
}

void envm_support_free(struct envm_support *support)
{
    if (!support)
        return;
    envm_free(support->touched);
    envm_free(support->depended);
    envm_free(support->last_touched);
    envm_free(support->last_depended);
    envm_vec_release(&support->members);
    envm_vec_release(&support->targets);
    envm_vec_release(&support->allowed);
    envm_vec_release(&support->by_one);
    envm_free(support);
}

/* The name that a term of a member is about, or ENVM_SOLVE_NONE when it does not matter here. */
static uint32_t term_name(const struct envm_support *support, uint32_t spec, bool is_depends)
{
    const struct envm_solve_reach *reach = support->view->reach;

    if (!is_depends && !(reach->use[spec] & ENVM_SPEC_CONSTRAINS))
        return ENVM_SOLVE_NONE;
    uint32_t name = reach->space->specs.items[spec].name;
    if (name == ENVM_SOLVE_NONE || name == support->name ||
        reach->space->names.items[name].is_virtual)
        return ENVM_SOLVE_NONE;
    return name;
}

static void count_terms(struct envm_support *support, struct envm_id_list specs, bool is_depends,
                        uint32_t member)
{
    for (uint32_t i = 0; i < specs.count; i++) {
        uint32_t name = term_name(support, specs.items[i], is_depends);
        if (name == ENVM_SOLVE_NONE)
            continue;
        if (member == 0 && support->last_touched[name] == 0)
            envm_vec_push(&support->targets, name);
        if (support->last_touched[name] != member + 1)
            support->touched[name]++;
        support->last_touched[name] = member + 1;
        if (is_depends && support->last_depended[name] != member + 1) {
            support->depended[name]++;
            support->last_depended[name] = member + 1;
        }
    }
}

static void forget_terms(struct envm_support *support, struct envm_id_list specs, bool is_depends)
{
    for (uint32_t i = 0; i < specs.count; i++) {
        uint32_t name = term_name(support, specs.items[i], is_depends);
        if (name != ENVM_SOLVE_NONE)
            support->touched[name] = support->depended[name] = support->last_touched[name] =
                support->last_depended[name] = 0;
    }
}

static void leave_matching(struct envm_support *support, struct envm_id_list specs, bool is_depends,
                           uint32_t target)
{
    for (uint32_t i = 0; i < specs.count; i++) {
        if (term_name(support, specs.items[i], is_depends) != target)
            continue;
        const uint64_t *bits = support->view->reach->space->specs.items[specs.items[i]].bits;
        for (size_t j = 0; j < support->by_one.count; j++)
            support->by_one.items[j] &= bits[j];
    }
}

/* Kills the candidates of the target that no member goes with. */
static void restrict_target(struct envm_support *support, uint32_t target)
{
    const struct envm_solve_space *space = support->view->reach->space;
    const struct envm_solve_name *entry = &space->names.items[target];
    size_t words = entry->count / 64 + 1;

    envm_vec_reserve(&support->allowed, words);
    envm_vec_reserve(&support->by_one, words);
    support->allowed.count = support->by_one.count = words;
    memset(support->allowed.items, 0, words * sizeof(uint64_t));
    for (size_t i = 0; i < support->members.count; i++) {
        const struct envm_solve_candidate *c = &space->candidates.items[support->members.items[i]];
        memset(support->by_one.items, 0xff, words * sizeof(uint64_t));
        leave_matching(support, c->depends, true, target);
        leave_matching(support, c->constrains, false, target);
        for (size_t j = 0; j < words; j++)
            support->allowed.items[j] |= support->by_one.items[j];
    }
    for (uint32_t i = 0; i < entry->count; i++)
        if (!(support->allowed.items[i / 64] >> (i % 64) & 1) &&
            entry->first + i < support->view->reach->candidate_count)
            envm_solve_view_kill(support->view, entry->first + i, ENVM_DEATH_NEEDED, support->name);
}

/* False when there are too many members or terms. */
static bool find_members(struct envm_support *support)
{
    const struct envm_solve_view *view = support->view;
    const struct envm_solve_space *space = view->reach->space;
    const struct envm_solve_name *entry = &space->names.items[support->name];

    support->members.count = support->targets.count = 0;
    for (uint32_t c = entry->first; c < entry->first + entry->count; c++) {
        if (c >= view->reach->candidate_count || !view->is_live[c])
            continue;
        if (space->candidates.items[c].depends.count > TERMS_MAX ||
            space->candidates.items[c].constrains.count > TERMS_MAX)
            return false;
        envm_vec_push(&support->members, c);
    }
    return support->members.count > 1 && support->members.count <= MEMBERS_MAX;
}

void envm_support_draw(struct envm_solve_view *view, uint32_t name)
{
    struct envm_support *support = view->support;
    const struct envm_solve_space *space = view->reach->space;

    support->view = view;
    support->name = name;
    if (!find_members(support))
        return;
    for (uint32_t i = 0; i < support->members.count; i++) {
        const struct envm_solve_candidate *c = &space->candidates.items[support->members.items[i]];
        count_terms(support, c->depends, true, i);
        count_terms(support, c->constrains, false, i);
    }
    for (size_t i = 0; i < support->targets.count; i++) {
        uint32_t target = support->targets.items[i];
        if (support->depended[target] == support->members.count)
            envm_solve_view_need(view, target, name);
        if (support->touched[target] == support->members.count)
            restrict_target(support, target);
    }
    for (size_t i = 0; i < support->members.count; i++) {
        const struct envm_solve_candidate *c = &space->candidates.items[support->members.items[i]];
        forget_terms(support, c->depends, true);
        forget_terms(support, c->constrains, false);
    }
}
