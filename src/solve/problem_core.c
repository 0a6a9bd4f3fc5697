/* SPDX-License-Identifier: MIT */
#include "solve/problem_core.h"

#include "base/error.h"

/* Attempts cost milliseconds; a request of hundreds of packages gets a core that is not minimal. */
#define ATTEMPTS_MAX 96u
#define RELAXATIONS_TRIED_MAX 8u
#define RELAXATIONS_SHOWN_MAX 3u

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
        ENVM_TRY(envm_solve_reach(space, one, &reach, err));
        envm_solve_view_init(&view, &reach, false);
        if (view.failed)
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

/* --- relaxations ---------------------------------------------------------------------------- */

static envm_str chosen_text(const struct envm_solve_attempt *attempt, uint32_t name)
{
    const struct envm_solve_space *space = attempt->reach.space;

    for (size_t i = 0; i < attempt->answer.chosen.count; i++) {
        const struct envm_solve_candidate *c =
            &space->candidates.items[attempt->answer.chosen.items[i]];
        if (c->name == name)
            return envm_arena_printf(space->arena, "%.*s %.*s", ENVM_STR_ARGS(c->record->name),
                                     ENVM_STR_ARGS(c->record->version));
    }
    return (envm_str){0};
}

/* The requests with one replaced by its bare name, or left out when it is one already. */
static struct envm_id_list relaxed(struct envm_solve_space *space, struct envm_id_list requests,
                                   uint32_t request, bool *ret_dropped)
{
    const struct envm_solve_spec *spec = &space->specs.items[request];
    uint32_t *ids = envm_arena_new_array(space->arena, uint32_t, requests.count + (size_t)1);
    uint32_t count = 0;
    uint32_t bare = spec->name == ENVM_SOLVE_NONE || spec->role != ENVM_ROLE_REQUEST
                        ? request
                        : envm_solve_space_spec(space, space->names.items[spec->name].name, NULL);

    *ret_dropped = bare == request;
    for (uint32_t i = 0; i < requests.count; i++) {
        if (requests.items[i] != request)
            ids[count++] = requests.items[i];
        else if (!*ret_dropped)
            ids[count++] = bare;
    }
    return (struct envm_id_list){ids, count};
}

static enum envm_code try_relaxation(struct envm_solve_space *space, struct envm_id_list requests,
                                     uint32_t request, struct envm_problem_relaxation *item,
                                     bool *ret_solved, struct envm_error *err)
{
    ENVM_CLEANUP(envm_solve_attempt) struct envm_solve_attempt attempt = {0};
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    bool dropped = false;
    struct envm_id_list changed = relaxed(space, requests, request, &dropped);

    *ret_solved = false;
    if (changed.count == 0)
        return ENVM_OK;
    enum envm_code code = envm_solver_attempt(space, changed, ENVM_RUN_CHECK, &attempt, &failure);
    if (code != ENVM_OK && code != ENVM_GAVE_UP) {
        if (err)
            envm_error_move(err, &failure);
        return code;
    }
    if (code == ENVM_GAVE_UP || !attempt.answer.solved)
        return ENVM_OK;
    *ret_solved = true;
    *item = (struct envm_problem_relaxation){.request = request, .dropped = dropped};
    if (!dropped)
        item->gives = chosen_text(&attempt, space->specs.items[request].name);
    return ENVM_OK;
}

enum envm_code envm_problem_relaxations(struct envm_solve_space *space,
                                        struct envm_id_list requests, struct envm_id_list core,
                                        struct envm_problem_relaxation **ret_items,
                                        size_t *ret_count, struct envm_error *err)
{
    struct envm_problem_relaxation *items =
        envm_arena_new_array(space->arena, struct envm_problem_relaxation, RELAXATIONS_SHOWN_MAX);
    size_t count = 0;
    uint32_t tried = 0;

    /* losing a version limit is less than losing a package: those first */
    for (int drop = 0; drop < 2; drop++) {
        for (uint32_t i = 0; i < core.count && tried < RELAXATIONS_TRIED_MAX; i++) {
            bool solved = false, is_bare = false;
            (void)relaxed(space, requests, core.items[i], &is_bare);
            if (is_bare != (drop == 1) || count == RELAXATIONS_SHOWN_MAX)
                continue;
            tried++;
            ENVM_TRY(try_relaxation(space, requests, core.items[i], &items[count], &solved, err));
            count += solved;
        }
    }
    *ret_items = items;
    *ret_count = count;
    return ENVM_OK;
}
