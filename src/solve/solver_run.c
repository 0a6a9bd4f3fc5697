/* SPDX-License-Identifier: MIT */
#include "solve/solver_run.h"

#include "base/alloc.h"
#include "base/error.h"
#include "solve/solver_polish.h"
#include "sys/fs.h"
#include "sys/process.h"

#define ANSWER_MAGIC 0x656e766du

/* How the answer travels: this, then the ids, then the rules. */
struct answer_head {
    uint32_t magic;
    uint32_t solved;
    uint32_t chosen_count;
    uint32_t rule_count;
    uint32_t candidates;
    uint32_t questions;
};

struct job {
    const struct envm_solve_view *view;
    enum envm_run_goal goal;
};

void envm_run_answer_release(struct envm_run_answer *answer)
{
    envm_vec_release(&answer->chosen);
    envm_vec_release(&answer->rules);
    *answer = (struct envm_run_answer){0};
}

static void work(const struct job *job, struct envm_run_answer *answer)
{
    answer->solved =
        envm_solver_ask(job->view, &answer->chosen,
                        job->goal == ENVM_RUN_EXPLAIN ? &answer->rules : NULL, &answer->candidates);
    if (answer->solved && job->goal == ENVM_RUN_BEST)
        envm_solver_polish(job->view, &answer->chosen, &answer->questions);
}

static void work_in_child(void *argument, int fd)
{
    struct envm_run_answer answer = {0};

    work(argument, &answer);
    struct answer_head head = {
        .magic = ANSWER_MAGIC,
        .solved = answer.solved,
        .chosen_count = (uint32_t)answer.chosen.count,
        .rule_count = (uint32_t)answer.rules.count,
        .candidates = answer.candidates,
        .questions = answer.questions,
    };
    /* a parent that is gone, or a cut answer, is noticed on the other side */
    if (envm_fs_write_fd(fd, "solver answer", envm_str_n((const char *)&head, sizeof(head)),
                         NULL) ||
        envm_fs_write_fd(fd, "solver answer",
                         envm_str_n((const char *)answer.chosen.items,
                                    answer.chosen.count * sizeof(*answer.chosen.items)),
                         NULL))
        return;
    (void)envm_fs_write_fd(fd, "solver answer",
                           envm_str_n((const char *)answer.rules.items,
                                      answer.rules.count * sizeof(*answer.rules.items)),
                           NULL);
}

static bool is_rule_valid(const struct envm_solve_rule *rule, const struct envm_solve_reach *reach)
{
    return rule->kind <= ENVM_RULE_EXCLUDED && rule->from < reach->candidate_count &&
           (rule->to == ENVM_SOLVE_NONE || rule->to < reach->candidate_count) &&
           (rule->spec == ENVM_SOLVE_NONE || rule->spec < reach->spec_count);
}

/* The child lives and has no bug: then the system did not let it write to its pipe. */
static enum envm_code fail_cut_off(struct envm_error *err)
{
    (void)envm_fail(err, ENVM_IO, "the solver's answer is cut off: it could not be written");
    return envm_error_hint(err, ENVM_IO, "try again");
}

static enum envm_code read_answer(envm_str bytes, const struct envm_solve_reach *reach,
                                  struct envm_run_answer *answer, struct envm_error *err)
{
    struct answer_head head;

    if (bytes.len < sizeof(head))
        return fail_cut_off(err);
    memcpy(&head, bytes.ptr, sizeof(head));
    bytes = envm_str_skip(bytes, sizeof(head));
    size_t chosen_size = head.chosen_count * sizeof(uint32_t);
    size_t rules_size = head.rule_count * sizeof(struct envm_solve_rule);
    if (head.magic != ANSWER_MAGIC || bytes.len != chosen_size + rules_size)
        return fail_cut_off(err);
    answer->solved = head.solved != 0;
    answer->candidates = head.candidates;
    answer->questions = head.questions;
    envm_vec_reserve(&answer->chosen, head.chosen_count + (size_t)1);
    memcpy(answer->chosen.items, bytes.ptr, chosen_size);
    answer->chosen.count = head.chosen_count;
    envm_vec_reserve(&answer->rules, head.rule_count + (size_t)1);
    memcpy(answer->rules.items, bytes.ptr + chosen_size, rules_size);
    answer->rules.count = head.rule_count;
    for (size_t i = 0; i < answer->chosen.count; i++)
        if (answer->chosen.items[i] >= reach->candidate_count)
            return envm_fail(err, ENVM_INTERNAL, "the solver's answer names an unknown record");
    for (size_t i = 0; i < answer->rules.count; i++)
        if (!is_rule_valid(&answer->rules.items[i], reach))
            return envm_fail(err, ENVM_INTERNAL, "the solver's answer names an unknown rule");
    return ENVM_OK;
}

static enum envm_code explain_end(enum envm_code code, enum envm_fork_end end,
                                  const struct envm_solve_space *space, struct envm_error *err)
{
    if (code != ENVM_GAVE_UP || (end != ENVM_FORK_TIMEOUT && end != ENVM_FORK_MEMORY))
        return code == ENVM_GAVE_UP ? envm_wrap(err, code, "solving") : code;
    if (err)
        envm_error_release(err);
    return end == ENVM_FORK_TIMEOUT ? envm_solve_no_time(space, err)
                                    : envm_solve_no_memory(space, err);
}

enum envm_code envm_solver_run(const struct envm_solve_view *view, enum envm_run_goal goal,
                               struct envm_run_answer *ret_answer, struct envm_error *err)
{
    const struct envm_solve_space *space = view->reach->space;
    const struct envm_solve_request *request = space->request;
    ENVM_CLEANUP(envm_buf) struct envm_buf bytes = envm_buf_limit((size_t)256 << 20);
    struct job job = {view, goal};
    struct envm_fork_limits limits = {
        .timeout_ms = envm_solve_space_time_left(space),
        .memory_bytes = space->memory_limit,
        .cancelled = request->sink ? request->sink->cancelled : NULL,
        .user = request->sink ? request->sink->user : NULL,
    };
    enum envm_fork_end end = ENVM_FORK_DIED;

    if (request->in_process) {
        work(&job, ret_answer);
        return ENVM_OK;
    }
    ENVM_TRY(envm_solve_space_check(space, err));
    enum envm_code code = envm_process_fork_work(work_in_child, &job, &limits, &bytes, &end, err);
    if (code != ENVM_OK)
        return explain_end(code, end, space, err);
    return read_answer(envm_buf_str(&bytes), view->reach, ret_answer, err);
}
