/* SPDX-License-Identifier: MIT */
#include "solve/solver_prune.h"

#include "base/alloc.h"
#include "solve/solver_support.h"

static void fail(struct envm_solve_view *view, uint32_t request)
{
    if (!view->failed)
        view->failed_request = request;
    view->failed = true;
}

void envm_solve_view_kill(struct envm_solve_view *view, uint32_t candidate, enum envm_death death,
                          uint32_t id)
{
    if (!view->is_live[candidate])
        return;
    view->is_live[candidate] = 0;
    view->why[candidate] = (struct envm_solve_why){(uint32_t)death, id, ++view->deaths};
    envm_vec_push(&view->dead, candidate);
}

static void kill_list(struct envm_solve_view *view, struct envm_id_list list, enum envm_death death,
                      uint32_t id)
{
    for (uint32_t i = 0; i < list.count; i++)
        envm_solve_view_kill(view, list.items[i], death, id);
}

/* Nothing live matches the spec any more. */
static void spec_died(struct envm_solve_view *view, uint32_t spec)
{
    const struct envm_solve_reach *reach = view->reach;
    uint32_t name = reach->space->specs.items[spec].name;

    if (reach->use[spec] & ENVM_SPEC_DEPENDED)
        kill_list(view, envm_ids_of(&reach->users, spec), ENVM_DEATH_DEPENDS, spec);
    if (reach->use[spec] & ENVM_SPEC_REQUESTED)
        fail(view, spec);
    if ((reach->use[spec] & ENVM_SPEC_CONSTRAINS) && view->is_needed[name])
        kill_list(view, envm_ids_of(&reach->constrainers, spec), ENVM_DEATH_CONSTRAINS, spec);
}

static void name_changed(struct envm_solve_view *view, uint32_t name)
{
    if (view->name_live[name] == 0)
        fail(view, ENVM_SOLVE_NONE);
    if (view->name_live[name] == 1)
        envm_vec_push(&view->forced, name);
    if (view->name_live[name] > 1 && !view->is_changed[name]) {
        view->is_changed[name] = 1;
        envm_vec_push(&view->changed, name);
    }
}

void envm_solve_view_need(struct envm_solve_view *view, uint32_t name, uint32_t by)
{
    if (name == ENVM_SOLVE_NONE || view->is_needed[name])
        return;
    view->is_needed[name] = 1;
    view->needed_by[name] = by;
    name_changed(view, name);
    struct envm_id_list specs = envm_ids_of(&view->reach->constrains_of, name);
    for (uint32_t i = 0; i < specs.count; i++)
        if (view->spec_live[specs.items[i]] == 0)
            kill_list(view, envm_ids_of(&view->reach->constrainers, specs.items[i]),
                      ENVM_DEATH_CONSTRAINS, specs.items[i]);
}

static void finish_death(struct envm_solve_view *view, uint32_t candidate)
{
    const struct envm_solve_reach *reach = view->reach;
    uint32_t name = reach->space->candidates.items[candidate].name;
    struct envm_id_list specs = envm_ids_of(&reach->matched, candidate);

    view->name_live[name]--;
    for (uint32_t i = 0; i < specs.count; i++)
        if (--view->spec_live[specs.items[i]] == 0)
            spec_died(view, specs.items[i]);
    if (view->is_needed[name])
        name_changed(view, name);
}

/* Everything live of the spec's name that the spec does not match goes, because of `by`. */
static void keep_only(struct envm_solve_view *view, uint32_t spec, uint32_t by)
{
    const struct envm_solve_space *space = view->reach->space;
    uint32_t name = space->specs.items[spec].name;

    if (name == ENVM_SOLVE_NONE || view->spec_live[spec] == view->name_live[name])
        return;
    const struct envm_solve_name *entry = &space->names.items[name];
    for (uint32_t c = entry->first; c < entry->first + entry->count; c++)
        if (c < view->reach->candidate_count && view->is_live[c] &&
            !envm_solve_space_matches(space, spec, c))
            envm_solve_view_kill(view, c, ENVM_DEATH_NEEDED, by);
}

static uint32_t last_live(const struct envm_solve_view *view, uint32_t name)
{
    const struct envm_solve_name *entry = &view->reach->space->names.items[name];

    for (uint32_t c = entry->first; c < entry->first + entry->count; c++)
        if (c < view->reach->candidate_count && view->is_live[c])
            return c;
    return ENVM_SOLVE_NONE;
}

/* One candidate of a needed name is left: it is installed, so its own terms hold. */
static void force(struct envm_solve_view *view, uint32_t name)
{
    const struct envm_solve_reach *reach = view->reach;
    uint32_t only = last_live(view, name);

    if (view->is_forced[name] || only == ENVM_SOLVE_NONE)
        return;
    view->is_forced[name] = 1;
    const struct envm_solve_candidate *c = &reach->space->candidates.items[only];
    for (uint32_t i = 0; i < c->depends.count; i++) {
        envm_solve_view_need(view, reach->space->specs.items[c->depends.items[i]].name, name);
        keep_only(view, c->depends.items[i], name);
    }
    for (uint32_t i = 0; i < c->constrains.count; i++)
        if (reach->use[c->constrains.items[i]] & ENVM_SPEC_CONSTRAINS)
            keep_only(view, c->constrains.items[i], name);
    struct envm_id_list specs = envm_ids_of(&reach->constrains_of, name);
    for (uint32_t i = 0; i < specs.count; i++)
        if (!envm_solve_space_matches(reach->space, specs.items[i], only))
            kill_list(view, envm_ids_of(&reach->constrainers, specs.items[i]),
                      ENVM_DEATH_CONSTRAINS, specs.items[i]);
}

bool envm_solve_view_settle(struct envm_solve_view *view)
{
    while (view->dead.count || view->forced.count || view->changed.count) {
        if (view->dead.count) {
            finish_death(view, view->dead.items[--view->dead.count]);
        } else if (view->forced.count) {
            force(view, view->forced.items[--view->forced.count]);
        } else {
            uint32_t name = view->changed.items[--view->changed.count];
            view->is_changed[name] = 0;
            /* the only step whose cost a hostile channel can make large */
            if (envm_solve_space_check(view->reach->space, NULL) != ENVM_OK) {
                view->gave_up = view->failed = true;
                return false;
            }
            envm_support_draw(view, name);
        }
        if (view->failed && !view->keep_going)
            return false;
    }
    return !view->failed;
}

/* A record whose constraint on its own name leaves itself out can never be installed. */
static void kill_self_constrained(struct envm_solve_view *view, uint32_t candidate)
{
    const struct envm_solve_space *space = view->reach->space;
    const struct envm_solve_candidate *c = &space->candidates.items[candidate];

    for (uint32_t i = 0; i < c->constrains.count; i++)
        if (space->specs.items[c->constrains.items[i]].name == c->name &&
            (view->reach->use[c->constrains.items[i]] & ENVM_SPEC_CONSTRAINS) &&
            !envm_solve_space_matches(space, c->constrains.items[i], candidate))
            envm_solve_view_kill(view, candidate, ENVM_DEATH_CONSTRAINS, c->constrains.items[i]);
}

static void *zeroed(uint32_t count, size_t size)
{
    return envm_alloc_zero((size_t)count + 1, size);
}

void envm_solve_view_init(struct envm_solve_view *view, const struct envm_solve_reach *reach,
                          bool keep_going)
{
    const struct envm_solve_space *space = reach->space;

    *view = (struct envm_solve_view){
        .reach = reach,
        .keep_going = keep_going,
        .failed_request = ENVM_SOLVE_NONE,
        .is_live = zeroed(reach->candidate_count, sizeof(uint8_t)),
        .spec_live = zeroed(reach->spec_count, sizeof(uint32_t)),
        .name_live = zeroed(reach->name_count, sizeof(uint32_t)),
        .is_needed = zeroed(reach->name_count, sizeof(uint8_t)),
        .is_forced = zeroed(reach->name_count, sizeof(uint8_t)),
        .needed_by = zeroed(reach->name_count, sizeof(uint32_t)),
        .is_changed = zeroed(reach->name_count, sizeof(uint8_t)),
        .support = envm_support_new(reach),
        .why = zeroed(reach->candidate_count, sizeof(struct envm_solve_why)),
    };
    for (uint32_t i = 0; i < reach->reached.count; i++) {
        uint32_t c = reach->reached.items[i];
        struct envm_id_list specs = envm_ids_of(&reach->matched, c);
        view->is_live[c] = 1;
        view->name_live[space->candidates.items[c].name]++;
        for (uint32_t j = 0; j < specs.count; j++)
            view->spec_live[specs.items[j]]++;
    }
    for (uint32_t i = 0; i < reach->reached.count; i++)
        kill_self_constrained(view, reach->reached.items[i]);
    for (uint32_t i = 0; i < reach->specs.count; i++)
        if (view->spec_live[reach->specs.items[i]] == 0)
            spec_died(view, reach->specs.items[i]);
    for (uint32_t i = 0; i < reach->reached.count; i++)
        if (envm_solve_is_virtual(space, reach->reached.items[i]))
            envm_solve_view_need(view, space->candidates.items[reach->reached.items[i]].name,
                                 ENVM_SOLVE_NONE);
    for (uint32_t i = 0; i < reach->requests.count; i++)
        if (!envm_solve_is_pin(space, reach->requests.items[i]))
            envm_solve_view_need(view, space->specs.items[reach->requests.items[i]].name,
                                 ENVM_SOLVE_NONE);
    envm_solve_view_settle(view);
}

static void *copied(const void *from, uint32_t count, size_t size)
{
    return memcpy(envm_alloc(((size_t)count + 1) * size), from, (size_t)count * size);
}

void envm_solve_view_copy(struct envm_solve_view *to, const struct envm_solve_view *from)
{
    const struct envm_solve_reach *reach = from->reach;

    *to = (struct envm_solve_view){
        .reach = reach,
        .keep_going = from->keep_going,
        .deaths = from->deaths,
        .failed = from->failed,
        .failed_request = from->failed_request,
        .is_live = copied(from->is_live, reach->candidate_count, sizeof(uint8_t)),
        .spec_live = copied(from->spec_live, reach->spec_count, sizeof(uint32_t)),
        .name_live = copied(from->name_live, reach->name_count, sizeof(uint32_t)),
        .is_needed = copied(from->is_needed, reach->name_count, sizeof(uint8_t)),
        .is_forced = copied(from->is_forced, reach->name_count, sizeof(uint8_t)),
        .needed_by = copied(from->needed_by, reach->name_count, sizeof(uint32_t)),
        .is_changed = zeroed(reach->name_count, sizeof(uint8_t)),
        .support = envm_support_new(reach),
        .why = copied(from->why, reach->candidate_count, sizeof(struct envm_solve_why)),
    };
}

void envm_solve_view_release(struct envm_solve_view *view)
{
    envm_free(view->is_live);
    envm_free(view->spec_live);
    envm_free(view->name_live);
    envm_free(view->is_needed);
    envm_free(view->is_forced);
    envm_free(view->needed_by);
    envm_free(view->is_changed);
    envm_support_free(view->support);
    envm_free(view->why);
    envm_vec_release(&view->dead);
    envm_vec_release(&view->forced);
    envm_vec_release(&view->changed);
    *view = (struct envm_solve_view){0};
}
