/* SPDX-License-Identifier: MIT */
#include "solve/solver.h"

#include "base/error.h"
#include "base/sink.h"
#include "solve/problem_core.h"
#include "solve/problem_report.h"
#include "solve/solution.h"
#include "solve/solver_attempt.h"

/* Explaining solves many times more; when that takes too long the plain fact has to do. */
static enum envm_code explain_plainly(struct envm_solve_space *space, struct envm_id_list requests,
                                      struct envm_problem *ret_problem, struct envm_error *err)
{
    struct envm_problem_graph graph = {.space = space, .requests = requests};
    struct envm_problem_report report = {.graph = &graph, .is_conflict = true};

    graph.roots =
        envm_arena_new_array(space->arena, struct envm_problem_node *, requests.count + (size_t)1);
    for (uint32_t i = 0; i < requests.count; i++) {
        graph.roots[i] = envm_arena_new(space->arena, struct envm_problem_node);
        *graph.roots[i] = (struct envm_problem_node){.kind = ENVM_PROBLEM_REQUEST,
                                                     .name = ENVM_SOLVE_NONE,
                                                     .spec = requests.items[i],
                                                     .other = ENVM_SOLVE_NONE};
    }
    ret_problem->text = envm_problem_text(&report);
    ret_problem->json = envm_problem_json(&report);
    return envm_fail(err, ENVM_UNSATISFIABLE, "%.*s",
                     ENVM_STR_ARGS(envm_problem_headline(&report)));
}

static bool is_hopeless(const struct envm_solve_attempt *attempt)
{
    return attempt->reach.requests.count == 1;
}

static enum envm_code explain(struct envm_solve_space *space, struct envm_id_list requests,
                              struct envm_problem *ret_problem, struct envm_error *err)
{
    ENVM_CLEANUP(envm_solve_attempt) struct envm_solve_attempt attempt = {0};
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    struct envm_id_list core = requests;
    struct envm_problem_relaxation *relaxations = NULL;
    struct envm_problem_graph graph = {0};
    struct envm_problem_report report = {.graph = &graph};
    bool alone = false;

    enum envm_code code = envm_problem_core(space, requests, &core, &alone, &failure);
    if (code == ENVM_OK)
        code = envm_solver_attempt(space, core, ENVM_RUN_EXPLAIN, &attempt, &failure);
    if (code == ENVM_GAVE_UP)
        return explain_plainly(space, core, ret_problem, err);
    if (code != ENVM_OK) {
        if (err)
            envm_error_move(err, &failure);
        return code;
    }
    if (attempt.answer.solved)
        return envm_fail(err, ENVM_INTERNAL, "the requests in conflict were solved when explained");
    report.is_conflict = !alone && !is_hopeless(&attempt);
    envm_problem_graph_make(&attempt, &graph);
    ENVM_TRY(envm_problem_relaxations(space, requests, core, alone, &relaxations,
                                      &report.relaxation_count, err));
    report.relaxations = relaxations;
    ret_problem->text = envm_problem_text(&report);
    ret_problem->json = envm_problem_json(&report);
    envm_fail(err, ENVM_UNSATISFIABLE, "%.*s", ENVM_STR_ARGS(envm_problem_headline(&report)));
    envm_str hint = envm_problem_hint(&report);
    return hint.len ? envm_error_hint(err, ENVM_UNSATISFIABLE, "%.*s", ENVM_STR_ARGS(hint))
                    : ENVM_UNSATISFIABLE;
}

enum envm_code envm_solve(struct envm_arena *arena, const struct envm_solve_request *request,
                          struct envm_solution *ret_solution, struct envm_problem *ret_problem,
                          struct envm_error *err)
{
    ENVM_CLEANUP(envm_solve_space) struct envm_solve_space space = {0};
    ENVM_CLEANUP(envm_solve_attempt) struct envm_solve_attempt attempt = {0};

    envm_solve_space_init(&space, arena, request);
    struct envm_id_list requests = {0};
    ENVM_TRY(envm_solve_requests(&space, &requests, err));
    ENVM_TRY(envm_solver_attempt(&space, requests, ENVM_RUN_BEST, &attempt, err));
    envm_solve_space_warn(&space);
    if (envm_sink_cancelled(request->sink))
        return envm_fail(err, ENVM_INTERRUPTED, "stopped while solving");
    if (!attempt.answer.solved)
        return explain(&space, requests, ret_problem, err);
    ret_solution->records = envm_solution_records(
        arena, &attempt.reach, attempt.answer.chosen.items, attempt.answer.chosen.count);
    ret_solution->candidates = attempt.answer.candidates;
    envm_sink_log(request->sink, ENVM_LOG_DEBUG,
                  "solved: %zu packages out of %u candidates, %u questions to polish",
                  ret_solution->records.count, attempt.answer.candidates, attempt.answer.questions);
    return ENVM_OK;
}
