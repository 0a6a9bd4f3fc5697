/* SPDX-License-Identifier: MIT */
#include "solve/problem_core.h"

#include "base/error.h"

/* Attempts cost milliseconds; a request of hundreds of packages gets a core that is not minimal. */
#define ATTEMPTS_MAX 96u

struct search {
    struct envm_solve_space *space;
    uint32_t attempts;
};

/* Giving up on one attempt only makes the core larger. */
static enum envm_code is_solvable(struct search *search, struct envm_id_list requests,
                                  bool *ret_solvable, struct envm_error *err)
{
    ENVM_CLEANUP(envm_solve_attempt) struct envm_solve_attempt attempt = {0};
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};

    *ret_solvable = true;
    if (search->attempts >= ATTEMPTS_MAX)
        return ENVM_OK;
    search->attempts++;
    enum envm_code code =
        envm_solver_attempt(search->space, requests, ENVM_RUN_CHECK, &attempt, &failure);
    if (code == ENVM_GAVE_UP)
        return ENVM_OK;
    if (code != ENVM_OK) {
        if (err)
            envm_error_move(err, &failure);
        return code;
    }
    *ret_solvable = attempt.answer.solved;
    return ENVM_OK;
}

/* An extra of a package that cannot be had by itself is not told apart. */
static bool is_extra_of(const struct envm_solve_space *space, uint32_t request, uint32_t package)
{
    const struct envm_solve_spec *spec = &space->specs.items[request];

    if (spec->name == ENVM_SOLVE_NONE || !space->names.items[spec->name].is_auxiliary)
        return false;
    uint32_t whole = space->candidates.items[spec->matches.items[0]].depends.items[0];
    return space->specs.items[whole].name == space->specs.items[package].name;
}

/* Requests that cannot be met even alone, as far as pruning sees it. */
static enum envm_code find_hopeless(struct envm_solve_space *space, struct envm_id_list requests,
                                    struct envm_id_list *ret_hopeless, struct envm_error *err)
{
    uint32_t *ids = envm_arena_new_array(space->arena, uint32_t, requests.count + (size_t)1);
    uint32_t count = 0;

    for (uint32_t i = 0; i < requests.count && i < ATTEMPTS_MAX; i++) {
        struct envm_solve_reach reach = {0};
        ENVM_CLEANUP(envm_solve_view) struct envm_solve_view view = {0};
        struct envm_id_list one = {requests.items + i, 1};
        ENVM_TRY(envm_solve_space_check(space, err));
        ENVM_TRY(envm_solve_reach(space, one, &reach, err));
        envm_solve_view_init(&view, &reach, false);
        if (view.gave_up)
            return envm_solve_space_check(space, err);
        if (view.failed && (count == 0 || !is_extra_of(space, one.items[0], ids[count - 1])))
            ids[count++] = requests.items[i];
    }
    *ret_hopeless = (struct envm_id_list){ids, count};
    return ENVM_OK;
}

/* Copies all but [from, to). */
static struct envm_id_list without(struct envm_arena *arena, struct envm_id_list list,
                                   uint32_t from, uint32_t to)
{
    uint32_t *ids = envm_arena_new_array(arena, uint32_t, list.count + (size_t)1);
    uint32_t count = 0;

    for (uint32_t i = 0; i < list.count; i++)
        if (i < from || i >= to)
            ids[count++] = list.items[i];
    return (struct envm_id_list){ids, count};
}

enum envm_code envm_problem_core(struct envm_solve_space *space, struct envm_id_list requests,
                                 struct envm_id_list *ret_core, bool *ret_alone,
                                 struct envm_error *err)
{
    struct search search = {.space = space};
    struct envm_id_list core = requests, hopeless;

    ENVM_TRY(find_hopeless(space, requests, &hopeless, err));
    *ret_alone = hopeless.count > 0;
    if (hopeless.count) {
        *ret_core = hopeless;
        return ENVM_OK;
    }
    /* large bites first, then single requests */
    for (uint32_t bite = (core.count + 1) / 2; bite > 0 && core.count > 1;
         bite = bite == 1 ? 0 : (bite + 1) / 2) {
        for (uint32_t from = 0; from < core.count && core.count > 1;) {
            uint32_t to = from + bite < core.count ? from + bite : core.count;
            struct envm_id_list fewer = without(space->arena, core, from, to);
            bool solvable = true;
            if (fewer.count)
                ENVM_TRY(is_solvable(&search, fewer, &solvable, err));
            if (solvable)
                from = to;
            else
                core = fewer;
        }
    }
    *ret_core = core;
    return ENVM_OK;
}
