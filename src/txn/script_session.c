/* SPDX-License-Identifier: MIT */
#include "txn/script_session.h"

#include <stdlib.h>

#include "base/error.h"
#include "sys/clock.h"
#include "txn/script_run.h"
#include "txn/transaction_pool.h"

#define MESSAGES_MAX ((size_t)64 << 10)
/* The clock of a file system moves in steps of a few milliseconds: what is written in the same step
 * as the look before it would have the same time. */
#define CLOCK_STEP_MS 20

void envm_script_session_init(struct envm_script_session *session, struct envm_arena *arena,
                              struct envm_trial *trial, const struct envm_transaction_plan *plan)
{
    *session = (struct envm_script_session){
        .arena = arena, .trial = trial, .plan = plan, .messages = envm_buf_limit(MESSAGES_MAX)};
}

void envm_script_session_release(struct envm_script_session *session)
{
    envm_tree_snapshot_release(&session->snapshot);
    envm_map_release(&session->by_path);
    envm_vec_release(&session->touched);
    envm_vec_release(&session->ran);
    envm_buf_release(&session->messages);
}

enum envm_code envm_script_session_look(struct envm_script_session *session, struct envm_error *err)
{
    struct envm_relpath messages = {ENVM_STR(ENVM_SCRIPT_MESSAGES)};

    /* A user's file of this name is safe in the old environment. */
    (void)envm_fs_unlink(session->trial->tree_fd, messages, NULL);
    envm_tree_snapshot_release(&session->snapshot);
    ENVM_TRY(envm_tree_snapshot_take(session->trial->tree_fd, &session->snapshot, err));
    envm_clock_sleep_ms(CLOCK_STEP_MS);
    return ENVM_OK;
}

static void note_touched(struct envm_script_session *session, const struct envm_delta_item *item,
                         size_t owner)
{
    bool is_new = false;
    uint64_t *index = envm_map_get(&session->by_path, item->path.s, &is_new);
    const struct envm_touched touched = {item->path, owner, item->kind, item->removed};

    if (is_new) {
        *index = session->touched.count;
        envm_vec_push(&session->touched, touched);
    } else {
        session->touched.items[*index] = touched;
    }
}

static enum envm_code look_again(struct envm_script_session *session, size_t owner,
                                 struct envm_error *err)
{
    struct envm_tree_snapshot before = session->snapshot;
    struct envm_delta delta = {0};
    enum envm_code code;

    session->snapshot = (struct envm_tree_snapshot){0};
    code = envm_script_session_look(session, err);
    if (code == ENVM_OK)
        code = envm_delta_between(session->arena, &before, &session->snapshot, &delta, err);
    envm_tree_snapshot_release(&before);
    for (size_t i = 0; i < delta.count; i++)
        note_touched(session, &delta.items[i], owner);
    return code;
}

static enum envm_code run_step(struct envm_script_session *session,
                               const struct envm_script_step *step, struct envm_error *err)
{
    const struct envm_script_place place = {.prefix = session->trial->prefix,
                                            .prefix_fd = session->trial->tree_fd,
                                            .home = envm_trial_scratch(session->trial),
                                            .timeout_s = session->plan->script_timeout_s,
                                            .network_variables = session->plan->network_variables,
                                            .sink = session->plan->sink};

    ENVM_TRY(envm_transaction_check_cancelled(session->plan, err));
    envm_sink_log(session->plan->sink, ENVM_LOG_INFO, "running %.*s of %.*s",
                  ENVM_STR_ARGS(step->report->file), ENVM_STR_ARGS(step->record->name));
    ENVM_TRY(envm_script_run(&place, step->record, &step->expected, step->report,
                             &session->messages, err));
    ENVM_TRY_WRAP(look_again(session, step->owner, err), err, "the script '%.*s' of %.*s",
                  ENVM_STR_ARGS(step->report->file), ENVM_STR_ARGS(step->record->name));
    envm_vec_push(&session->ran, *step->report);
    return ENVM_OK;
}

enum envm_code envm_script_session_run(struct envm_script_session *session,
                                       const struct envm_script_step *steps, size_t count,
                                       struct envm_error *err)
{
    for (size_t i = 0; i < count; i++)
        ENVM_TRY(run_step(session, &steps[i], err));
    return ENVM_OK;
}

void envm_script_session_report(const struct envm_script_session *session,
                                struct envm_script_reports *reports)
{
    size_t ran = session->ran.count;
    struct envm_script_report *items =
        envm_arena_new_array(session->arena, struct envm_script_report, ran + reports->count);

    for (size_t i = 0; i < ran; i++) {
        items[i] = session->ran.items[i];
        items[i].package = envm_arena_str(session->arena, items[i].package);
        items[i].file = envm_arena_str(session->arena, items[i].file);
    }
    for (size_t i = 0; i < reports->count; i++)
        items[ran + i] = reports->items[i];
    reports->items = items;
    reports->count += ran;
    reports->messages = envm_arena_str(session->arena, envm_buf_str(&session->messages));
}

/* --- outputs ------------------------------------------------------------------------------ */

static int compare_outputs(const void *a, const void *b)
{
    return envm_str_compare(((const struct envm_script_output *)a)->path.s,
                            ((const struct envm_script_output *)b)->path.s);
}

enum envm_code envm_script_session_outputs(const struct envm_script_session *session, size_t owner,
                                           envm_script_is_packaged is_as_packaged, void *user,
                                           const struct envm_script_output **ret_items,
                                           size_t *ret_count, struct envm_error *err)
{
    struct envm_script_output *outputs =
        envm_arena_new_array(session->arena, struct envm_script_output, session->touched.count);
    size_t count = 0;

    for (size_t i = 0; i < session->touched.count; i++) {
        const struct envm_touched *touched = &session->touched.items[i];
        struct envm_script_output output;

        if (touched->owner != owner)
            continue;
        ENVM_TRY(envm_script_output_look(session->trial->tree_fd, touched->path, &output, err));
        if (output.removed)
            output.type = touched->kind == ENVM_FS_DIRECTORY ? ENVM_PATH_DIRECTORY : ENVM_PATH_FILE;
        if (!is_as_packaged(user, &output))
            outputs[count++] = output;
    }
    if (count > 1)
        qsort(outputs, count, sizeof(*outputs), compare_outputs);
    *ret_items = outputs;
    *ret_count = count;
    return ENVM_OK;
}
