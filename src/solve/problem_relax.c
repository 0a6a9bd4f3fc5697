/* SPDX-License-Identifier: MIT */
#include "solve/problem_relax.h"

#include <stdlib.h>

#include "base/error.h"

/* Every attempt is a solve. These bounds are counts, so that the answer is the same everywhere. */
#define ATTEMPTS_MAX 60u
#define CORES_MAX 8u
#define FOUND_MAX 6u
#define SHOWN_MAX 3u
#define DATES_TRIED_MAX 16u
#define DAY_MS UINT64_C(86400000)

/* How much of a request is in force. */
enum strength { OUT, BARE, FULL };

/* A conflict: these requests, each at least in force as much, have no solution. */
struct conflict {
    const uint32_t *places; /* in the list of requests */
    const uint8_t *strengths;
    uint32_t count;
    unsigned with; /* LIFT_* of what has to be in force, too */
};

/* What holds for all of the request and can be lifted. */
enum { LIFT_DATE = 1, LIFT_PRIORITY = 2 };

/* What is tried: the strength of every request, and what is lifted. */
struct trial {
    uint8_t *strengths; /* by place */
    unsigned lifted;    /* LIFT_* */
    uint32_t changed;
};

struct search {
    struct envm_solve_space *space;
    struct envm_id_list requests;
    uint32_t *bare; /* by place: the spec when BARE, or ENVM_SOLVE_NONE */
    ENVM_VEC(struct conflict) conflicts;
    ENVM_VEC(struct trial) tried;
    struct envm_problem_relaxation *found;
    size_t found_count;
    uint32_t attempts, cores;
    uint32_t limit; /* changes at once */
    uint64_t cutoff_ms;
    unsigned in_force; /* LIFT_* of what leaves something out */
};

static void search_release(struct search *search)
{
    search->space->cutoff_ms = search->cutoff_ms;
    search->space->priority = search->space->request->priority;
    envm_vec_release(&search->conflicts);
    envm_vec_release(&search->tried);
}
ENVM_DEFINE_CLEANUP(search, struct search, search_release)

static enum envm_spec_role role_of(const struct search *search, uint32_t place)
{
    return search->space->specs.items[search->requests.items[place]].role;
}

/* --- trials --------------------------------------------------------------------------------- */

static struct trial copy_trial(struct search *search, const struct trial *from)
{
    struct trial copy = *from;

    copy.strengths = envm_arena_copy(search->space->arena, from->strengths, search->requests.count);
    return copy;
}

static bool same_trial(const struct search *search, const struct trial *a, const struct trial *b)
{
    return a->lifted == b->lifted &&
           memcmp(a->strengths, b->strengths, search->requests.count) == 0;
}

static bool was_tried(struct search *search, const struct trial *trial)
{
    for (size_t i = 0; i < search->tried.count; i++)
        if (same_trial(search, &search->tried.items[i], trial))
            return true;
    envm_vec_push(&search->tried, *trial);
    return false;
}

static struct envm_id_list specs_of(struct search *search, const struct trial *trial)
{
    uint32_t *ids =
        envm_arena_new_array(search->space->arena, uint32_t, search->requests.count + (size_t)1);
    uint32_t count = 0;

    for (uint32_t i = 0; i < search->requests.count; i++) {
        if (trial->strengths[i] == FULL)
            ids[count++] = search->requests.items[i];
        else if (trial->strengths[i] == BARE)
            ids[count++] = search->bare[i];
    }
    return (struct envm_id_list){ids, count};
}

/* Asking for nothing solves everything, which is no advice. */
static bool asks_for_something(const struct search *search, const struct trial *trial)
{
    bool any = false;

    for (uint32_t i = 0; i < search->requests.count; i++) {
        if (role_of(search, i) == ENVM_ROLE_PIN || role_of(search, i) == ENVM_ROLE_FROZEN)
            continue;
        any = true;
        if (trial->strengths[i] != OUT)
            return true;
    }
    return !any;
}

/* The one that a request is weakened to next. */
static enum strength weaker(const struct search *search, uint32_t place, enum strength strength)
{
    return strength == FULL && search->bare[place] != ENVM_SOLVE_NONE ? BARE : OUT;
}

/* --- conflicts ------------------------------------------------------------------------------ */

static bool avoids(const struct conflict *conflict, const struct trial *trial)
{
    if (conflict->with & trial->lifted)
        return true;
    for (uint32_t i = 0; i < conflict->count; i++)
        if (trial->strengths[conflict->places[i]] < conflict->strengths[i])
            return true;
    return false;
}

static const struct conflict *known_conflict(const struct search *search, const struct trial *trial)
{
    for (size_t i = 0; i < search->conflicts.count; i++)
        if (!avoids(&search->conflicts.items[i], trial))
            return &search->conflicts.items[i];
    return NULL;
}

/* The place of a spec of the trial. Two requests may have become the same bare name. */
static uint32_t place_of(const struct search *search, const struct trial *trial, uint32_t spec)
{
    for (uint32_t i = 0; i < search->requests.count; i++)
        if (trial->strengths[i] == FULL && search->requests.items[i] == spec)
            return i;
    for (uint32_t i = 0; i < search->requests.count; i++)
        if (trial->strengths[i] == BARE && search->bare[i] == spec)
            return i;
    return 0;
}

static void add_conflict(struct search *search, const struct trial *trial,
                         struct envm_id_list specs)
{
    uint32_t *places =
        envm_arena_new_array(search->space->arena, uint32_t, specs.count + (size_t)1);
    uint8_t *strengths =
        envm_arena_new_array(search->space->arena, uint8_t, specs.count + (size_t)1);

    for (uint32_t i = 0; i < specs.count; i++) {
        places[i] = place_of(search, trial, specs.items[i]);
        strengths[i] = trial->strengths[places[i]];
    }
    envm_vec_push(&search->conflicts, ((struct conflict){places, strengths, specs.count,
                                                         search->in_force & ~trial->lifted}));
}

/* Requests that fail each by itself are as many conflicts. */
static void add_conflicts(struct search *search, const struct trial *trial,
                          struct envm_id_list core, bool alone)
{
    for (uint32_t i = 0; alone && i < core.count; i++)
        add_conflict(search, trial, (struct envm_id_list){core.items + i, 1});
    if (!alone)
        add_conflict(search, trial, core);
}

static void put_in_force(struct search *search, unsigned lifted)
{
    search->space->cutoff_ms = lifted & LIFT_DATE ? 0 : search->cutoff_ms;
    search->space->priority =
        lifted & LIFT_PRIORITY ? ENVM_PRIORITY_FLEXIBLE : search->space->request->priority;
}

/* --- solving -------------------------------------------------------------------------------- */

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

/* What would come from a channel that was hidden. */
static envm_str hidden_text(const struct envm_solve_attempt *attempt)
{
    const struct envm_solve_space *space = attempt->reach.space;
    const struct envm_solve_request *request = space->request;

    for (size_t i = 0; i < attempt->answer.chosen.count; i++) {
        const struct envm_solve_candidate *c =
            &space->candidates.items[attempt->answer.chosen.items[i]];
        if (c->channel != space->names.items[c->name].first_channel &&
            c->channel < request->channel_count)
            return envm_arena_printf(space->arena, "%.*s %.*s from %.*s",
                                     ENVM_STR_ARGS(c->record->name),
                                     ENVM_STR_ARGS(c->record->version),
                                     ENVM_STR_ARGS(request->channels[c->channel].name));
    }
    return (envm_str){0};
}

static struct envm_problem_change change_of(const struct search *search, uint32_t place,
                                            enum strength strength,
                                            const struct envm_solve_attempt *attempt)
{
    struct envm_problem_change change = {.request = search->requests.items[place]};
    enum envm_spec_role role = role_of(search, place);

    if (strength == BARE) {
        change.kind = role == ENVM_ROLE_FROZEN ? ENVM_CHANGE_THAW : ENVM_CHANGE_ANY_VERSION;
        change.gives = chosen_text(attempt, search->space->specs.items[change.request].name);
        return change;
    }
    change.kind = role == ENVM_ROLE_PIN ? ENVM_CHANGE_UNPIN : ENVM_CHANGE_LEAVE_OUT;
    return change;
}

static void record_solution(struct search *search, const struct trial *trial,
                            const struct envm_solve_attempt *attempt)
{
    struct envm_problem_relaxation *item = &search->found[search->found_count++];

    *item = (struct envm_problem_relaxation){0};
    for (uint32_t i = 0; i < search->requests.count && item->count < ENVM_CHANGES_MAX; i++)
        if (trial->strengths[i] != FULL)
            item->changes[item->count++] =
                change_of(search, i, (enum strength)trial->strengths[i], attempt);
    if ((trial->lifted & LIFT_DATE) && item->count < ENVM_CHANGES_MAX)
        item->changes[item->count++] =
            (struct envm_problem_change){.kind = ENVM_CHANGE_DATE, .request = ENVM_SOLVE_NONE};
    if ((trial->lifted & LIFT_PRIORITY) && item->count < ENVM_CHANGES_MAX)
        item->changes[item->count++] = (struct envm_problem_change){.kind = ENVM_CHANGE_PRIORITY,
                                                                    .request = ENVM_SOLVE_NONE,
                                                                    .gives = hidden_text(attempt)};
}

/* *ret_solved is false, too, when the attempt was given up. */
static enum envm_code attempt_specs(struct search *search, struct envm_id_list specs,
                                    struct envm_solve_attempt *attempt, bool *ret_solved,
                                    bool *ret_gave_up, struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};

    search->attempts++;
    enum envm_code code =
        envm_solver_attempt(search->space, specs, ENVM_RUN_CHECK, attempt, &failure);
    *ret_gave_up = code == ENVM_GAVE_UP;
    *ret_solved = code == ENVM_OK && attempt->answer.solved;
    if (code == ENVM_OK || code == ENVM_GAVE_UP)
        return ENVM_OK;
    if (err)
        envm_error_move(err, &failure);
    return code;
}

/* The requests that have lost their version, as what could be left out next; NULL: none. */
static const struct conflict *of_bare(struct search *search, const struct trial *trial)
{
    struct conflict *conflict = envm_arena_new(search->space->arena, struct conflict);
    uint32_t *places =
        envm_arena_new_array(search->space->arena, uint32_t, search->requests.count + (size_t)1);
    uint32_t count = 0;

    for (uint32_t i = 0; i < search->requests.count; i++)
        if (trial->strengths[i] == BARE)
            places[count++] = i;
    *conflict = (struct conflict){.places = places, .count = count};
    return count ? conflict : NULL;
}

/* Tries; a failure adds the conflict that it shows. */
static enum envm_code test_trial(struct search *search, const struct trial *trial,
                                 const struct conflict **ret_conflict, struct envm_error *err)
{
    ENVM_CLEANUP(envm_solve_attempt) struct envm_solve_attempt attempt = {0};
    struct envm_id_list specs = specs_of(search, trial), core = {0};
    bool solved = false, gave_up = false, alone = false;

    *ret_conflict = NULL;
    if (search->attempts >= ATTEMPTS_MAX || !asks_for_something(search, trial))
        return ENVM_OK;
    put_in_force(search, trial->lifted);
    ENVM_TRY(attempt_specs(search, specs, &attempt, &solved, &gave_up, err));
    if (solved)
        record_solution(search, trial, &attempt);
    if (solved || gave_up)
        return ENVM_OK;
    /* no further change is allowed, but one may go further */
    if (trial->changed >= search->limit || search->cores >= CORES_MAX) {
        *ret_conflict = of_bare(search, trial);
        return ENVM_OK;
    }
    search->cores++;
    ENVM_TRY(envm_problem_core(search->space, specs, &core, &alone, err));
    add_conflicts(search, trial, core, alone);
    *ret_conflict = known_conflict(search, trial);
    return ENVM_OK;
}

/* --- searching ------------------------------------------------------------------------------ */

static enum envm_code explore(struct search *search, const struct trial *trial,
                              struct envm_error *err);

static enum envm_code explore_weaker(struct search *search, const struct trial *trial,
                                     uint32_t place, enum strength strength, struct envm_error *err)
{
    struct trial next = copy_trial(search, trial);

    next.changed += trial->strengths[place] == FULL;
    next.strengths[place] = (uint8_t)strength;
    return explore(search, &next, err);
}

#define COST_MAX 6

/* What takes least away first: a version, the limit on dates, a pin, what is frozen, the priority
 * of channels, a request. */
static unsigned cost_of(const struct search *search, uint32_t place, enum strength to)
{
    enum envm_spec_role role = role_of(search, place);

    if (role == ENVM_ROLE_PIN)
        return 2;
    if (role == ENVM_ROLE_FROZEN)
        return to == BARE ? 3 : 5;
    return to == BARE ? 0 : COST_MAX;
}

/* Depth is bounded: every step weakens one of at most ENVM_CHANGES_MAX requests, twice at most. */
static enum envm_code explore(struct search *search, const struct trial *trial,
                              struct envm_error *err)
{
    const struct conflict *conflict;

    if (trial->changed > search->limit || search->found_count >= FOUND_MAX ||
        was_tried(search, trial))
        return ENVM_OK;
    conflict = known_conflict(search, trial);
    if (!conflict)
        ENVM_TRY(test_trial(search, trial, &conflict, err));
    if (!conflict)
        return ENVM_OK;
    struct conflict at_hand = *conflict; /* the vector grows below */
    for (unsigned cost = 0; cost <= COST_MAX; cost++) {
        for (uint32_t i = 0; i < at_hand.count; i++) {
            uint32_t place = at_hand.places[i];
            enum strength to = weaker(search, place, (enum strength)trial->strengths[place]);
            if (cost_of(search, place, to) == cost)
                ENVM_TRY(explore_weaker(search, trial, place, to, err));
        }
        unsigned lift = cost == 1 ? LIFT_DATE : cost == 4 ? LIFT_PRIORITY : 0;
        if (at_hand.with & ~trial->lifted & lift) {
            struct trial next = copy_trial(search, trial);
            next.lifted |= lift;
            next.changed++;
            ENVM_TRY(explore(search, &next, err));
        }
    }
    return ENVM_OK;
}

/* --- dates ---------------------------------------------------------------------------------- */

static int compare_dates(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

/* The ends of the days on which something was published that is too new, ascending. */
static uint64_t *later_days(struct search *search, size_t *ret_count)
{
    const struct envm_solve_space *space = search->space;
    uint64_t *days = envm_arena_new_array(space->arena, uint64_t, space->candidates.count + 1);
    size_t count = 0, kept = 0;

    for (uint32_t i = 0; i < space->candidates.count; i++)
        if (envm_solve_is_too_new(space, i))
            days[count++] = (envm_solve_date(space, i) / DAY_MS + 1) * DAY_MS;
    if (count > 1)
        qsort(days, count, sizeof(*days), compare_dates);
    for (size_t i = 0; i < count; i++)
        if (kept == 0 || days[kept - 1] != days[i])
            days[kept++] = days[i];
    *ret_count = kept;
    return days;
}

/* The earliest limit with which the other changes solve: more packages never solve less. */
static enum envm_code find_date(struct search *search, struct envm_problem_relaxation *item,
                                const struct trial *trial, struct envm_error *err)
{
    size_t count = 0, low = 0, high;
    struct envm_id_list specs = specs_of(search, trial);

    put_in_force(search, trial->lifted & ~(unsigned)LIFT_DATE);
    uint64_t *days = later_days(search, &count);
    high = count ? count - 1 : 0;
    for (unsigned tries = 0; low < high && tries < DATES_TRIED_MAX; tries++) {
        ENVM_CLEANUP(envm_solve_attempt) struct envm_solve_attempt attempt = {0};
        size_t middle = low + (high - low) / 2;
        bool solved = false, gave_up = false;
        search->space->cutoff_ms = days[middle];
        ENVM_TRY(attempt_specs(search, specs, &attempt, &solved, &gave_up, err));
        if (solved)
            high = middle;
        else
            low = middle + 1;
    }
    search->space->cutoff_ms = search->cutoff_ms;
    for (uint32_t i = 0; count && i < item->count; i++)
        if (item->changes[i].kind == ENVM_CHANGE_DATE)
            item->changes[i].date_ms = days[high];
    return ENVM_OK;
}

static unsigned find_in_force(const struct envm_solve_space *space)
{
    unsigned in_force = 0;

    for (uint32_t i = 0; i < space->candidates.count; i++) {
        const struct envm_solve_candidate *c = &space->candidates.items[i];
        if (envm_solve_is_too_new(space, i))
            in_force |= LIFT_DATE;
        if (space->priority == ENVM_PRIORITY_STRICT && !c->installed &&
            !envm_solve_is_virtual(space, i) &&
            c->channel != space->names.items[c->name].first_channel)
            in_force |= LIFT_PRIORITY;
    }
    return in_force;
}

static struct trial trial_of(struct search *search, const struct envm_problem_relaxation *item)
{
    struct trial trial = {.strengths = envm_arena_new_array(search->space->arena, uint8_t,
                                                            search->requests.count + (size_t)1)};

    memset(trial.strengths, FULL, search->requests.count);
    for (uint32_t i = 0; i < item->count; i++)
        trial.lifted |= item->changes[i].kind == ENVM_CHANGE_DATE       ? LIFT_DATE
                        : item->changes[i].kind == ENVM_CHANGE_PRIORITY ? LIFT_PRIORITY
                                                                        : 0U;
    for (uint32_t i = 0; i < item->count; i++)
        for (uint32_t k = 0; k < search->requests.count; k++)
            if (search->requests.items[k] == item->changes[i].request)
                trial.strengths[k] = item->changes[i].kind == ENVM_CHANGE_ANY_VERSION ||
                                             item->changes[i].kind == ENVM_CHANGE_THAW
                                         ? BARE
                                         : OUT;
    return trial;
}

/* --- all of it ------------------------------------------------------------------------------ */

static void find_bare(struct search *search)
{
    struct envm_solve_space *space = search->space;

    search->bare = envm_arena_new_array(space->arena, uint32_t, search->requests.count + (size_t)1);
    for (uint32_t i = 0; i < search->requests.count; i++) {
        const struct envm_solve_spec *spec = &space->specs.items[search->requests.items[i]];
        enum envm_spec_role role = spec->role;
        search->bare[i] = ENVM_SOLVE_NONE;
        if ((role != ENVM_ROLE_REQUEST && role != ENVM_ROLE_FROZEN) ||
            spec->name == ENVM_SOLVE_NONE)
            continue;
        uint32_t bare = envm_solve_space_spec(space, space->names.items[spec->name].name, NULL);
        if (bare != search->requests.items[i])
            search->bare[i] = bare;
    }
}

static int compare_changes(const void *a, const void *b)
{
    const struct envm_problem_change *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->request < y->request ? -1 : x->request > y->request;
}

/* What takes least away first; kinds are numbered in that order. */
static int compare_relaxations(const void *a, const void *b)
{
    const struct envm_problem_relaxation *x = a, *y = b;

    for (uint32_t i = x->count; i-- > 0;)
        if (x->changes[i].kind != y->changes[i].kind)
            return x->changes[i].kind < y->changes[i].kind ? -1 : 1;
    for (uint32_t i = 0; i < x->count; i++)
        if (x->changes[i].request != y->changes[i].request)
            return x->changes[i].request < y->changes[i].request ? -1 : 1;
    return 0;
}

/* All have the same number of changes. */
static void sort_found(struct search *search)
{
    for (size_t i = 0; i < search->found_count; i++)
        qsort(search->found[i].changes, search->found[i].count, sizeof(*search->found[i].changes),
              compare_changes);
    if (search->found_count > 1)
        qsort(search->found, search->found_count, sizeof(*search->found), compare_relaxations);
    if (search->found_count > SHOWN_MAX)
        search->found_count = SHOWN_MAX;
}

static enum envm_code run(struct search *search, struct envm_id_list core, bool alone,
                          struct envm_error *err)
{
    struct trial first = {.strengths = envm_arena_new_array(search->space->arena, uint8_t,
                                                            search->requests.count + (size_t)1)};

    memset(first.strengths, FULL, search->requests.count);
    add_conflicts(search, &first, core, alone);
    for (search->limit = 1; search->limit <= ENVM_CHANGES_MAX && search->found_count == 0;
         search->limit++) {
        search->tried.count = 0;
        ENVM_TRY(explore(search, &first, err));
    }
    sort_found(search);
    for (size_t i = 0; i < search->found_count; i++) {
        struct envm_problem_relaxation *item = &search->found[i];
        struct trial trial = trial_of(search, item);
        for (uint32_t k = 0; k < item->count; k++)
            if (item->changes[k].kind == ENVM_CHANGE_DATE)
                ENVM_TRY(find_date(search, item, &trial, err));
    }
    return ENVM_OK;
}

enum envm_code envm_problem_relaxations(struct envm_solve_space *space,
                                        struct envm_id_list requests, struct envm_id_list core,
                                        bool alone, struct envm_problem_relaxation **ret_items,
                                        size_t *ret_count, struct envm_error *err)
{
    ENVM_CLEANUP(search)
    struct search search = {.space = space,
                            .requests = requests,
                            .cutoff_ms = space->cutoff_ms,
                            .in_force = find_in_force(space)};
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};

    search.found = envm_arena_new_array(space->arena, struct envm_problem_relaxation, FOUND_MAX);
    find_bare(&search);
    enum envm_code code = run(&search, core, alone, &failure);
    /* no time is left for advice; what was found stands */
    if (code != ENVM_OK && code != ENVM_GAVE_UP) {
        if (err)
            envm_error_move(err, &failure);
        return code;
    }
    *ret_items = search.found;
    *ret_count = search.found_count;
    return ENVM_OK;
}
