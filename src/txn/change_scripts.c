/* SPDX-License-Identifier: MIT */
#include "txn/change_scripts.h"

#include "base/error.h"
#include "sys/fs.h"
#include "sys/fs_copy_tree.h"
#include "sys/fs_tree.h"
#include "txn/journal_apply.h"
#include "txn/script_operations.h"
#include "txn/script_steps.h"

#define STAGED ".envm/staged"

static bool is_cancelled(void *user)
{
    return envm_sink_cancelled(user);
}

/* The environment as it is, and beside it what is staged. */
static enum envm_code fill_tree(const struct envm_change_scripts *s, int tree_fd,
                                struct envm_error *err)
{
    void *sink = (void *)(uintptr_t)s->plan->sink;
    ENVM_CLEANUP(envm_fd) int staged_fd = -1;

    ENVM_TRY(envm_fs_copy_tree(s->change->prefix_fd, tree_fd, ".envm", is_cancelled, sink, err));
    ENVM_TRY(envm_fs_mkdir(tree_fd, ENVM_RELPATH(STAGED), 0700, err));
    ENVM_TRY(envm_fs_open_dir(tree_fd, ENVM_RELPATH(STAGED), &staged_fd, err));
    return envm_fs_copy_tree(s->stage->new_fd, staged_fd, "", is_cancelled, sink, err);
}

/* What a pre-unlink script did to a file that goes or is replaced is lost: it is not the user's
 * doing, which would be kept. */
static enum envm_code clear_touched(const struct envm_change_scripts *s,
                                    const struct envm_script_session *session,
                                    struct envm_error *err)
{
    int fd = session->trial->tree_fd;

    for (size_t i = 0; i < s->stage->journal.ops.count; i++) {
        const struct envm_journal_op *op = &s->stage->journal.ops.items[i];
        enum envm_fs_kind kind = ENVM_FS_ABSENT;

        if ((op->kind != ENVM_JOURNAL_REMOVE && op->kind != ENVM_JOURNAL_PUT) || op->save ||
            !envm_map_find(&session->by_path, op->path.s))
            continue;
        ENVM_TRY(envm_fs_stat(fd, op->path, &kind, NULL, err));
        if (kind == ENVM_FS_FILE || kind == ENVM_FS_SYMLINK)
            ENVM_TRY(envm_fs_unlink(fd, op->path, err));
    }
    return ENVM_OK;
}

/* The very operations that the environment will see. */
static enum envm_code apply(const struct envm_change_scripts *s,
                            const struct envm_script_session *session, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_fd) int staged_fd = -1;
    int fd = session->trial->tree_fd;
    struct envm_journal_place place = {.prefix_fd = fd, .sink = s->plan->sink};
    struct envm_saved_files saved = {0};

    ENVM_TRY(clear_touched(s, session, err));
    ENVM_TRY(envm_fs_open_dir(fd, ENVM_RELPATH(STAGED), &staged_fd, err));
    place.staged_fd = staged_fd;
    ENVM_TRY(envm_journal_apply(&arena, &s->stage->journal, &place, &saved, err));
    return envm_fs_remove_tree(fd, ENVM_RELPATH(STAGED), err);
}

static enum envm_code run_in_place(const struct envm_change_scripts *s,
                                   struct envm_script_session *session,
                                   const struct envm_script_steps *before,
                                   const struct envm_script_steps *after, struct envm_error *err)
{
    ENVM_TRY(envm_trial_enter(session->trial, s->plan->sink, err));
    if (before->count > 0)
        ENVM_TRY(envm_script_session_look(session, err));
    ENVM_TRY(envm_script_session_run(session, before->items, before->count, err));
    ENVM_TRY(apply(s, session, err));
    if (after->count == 0)
        return ENVM_OK;
    ENVM_TRY(envm_script_session_look(session, err));
    return envm_script_session_run(session, after->items, after->count, err);
}

/* --- whose is what they left -------------------------------------------------------------- */

struct ownership {
    struct envm_map paths;   /* of packages */
    struct envm_map outputs; /* of scripts that ran before */
    int prefix_fd;
};

static void ownership_release(struct ownership *ownership)
{
    envm_map_release(&ownership->paths);
    envm_map_release(&ownership->outputs);
}
ENVM_DEFINE_CLEANUP(ownership, struct ownership, ownership_release)

/* A file of the user's that a script has changed stays the user's. */
static bool is_not_the_scripts(void *user, const struct envm_script_output *output)
{
    struct ownership *ownership = user;
    struct envm_script_output before = {0};

    if (envm_script_is_as_packaged(&ownership->paths, output))
        return true;
    return !envm_map_find(&ownership->paths, output->path.s) &&
           !envm_script_outputs_find(&ownership->outputs, output->path.s) &&
           envm_script_output_look(ownership->prefix_fd, output->path, &before, NULL) == ENVM_OK &&
           !before.removed;
}

static enum envm_code record_outputs(const struct envm_change_scripts *s,
                                     const struct envm_script_session *session,
                                     struct envm_error *err)
{
    const struct envm_prefix_record_list *installed = &s->change->installed;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(ownership) struct ownership ownership = {.prefix_fd = s->change->prefix_fd};

    envm_script_index_paths(&ownership.paths, s->jobs, s->kept, s->plan->package_count);
    envm_script_outputs_index(&arena, (const struct envm_prefix_record *const *)installed->items,
                              installed->count, &ownership.outputs);
    return envm_script_record_outputs(session, s->jobs, s->plan->package_count, &s->stage->place,
                                      is_not_the_scripts, &ownership, err);
}

enum envm_code envm_change_run_scripts(const struct envm_change_scripts *s,
                                       struct envm_script_reports *reports, struct envm_error *err)
{
    ENVM_CLEANUP(envm_trial) struct envm_trial trial = ENVM_TRIAL_EMPTY;
    ENVM_CLEANUP(envm_script_session) struct envm_script_session session = {0};
    struct envm_arena *arena = s->change->arena;
    struct envm_script_steps after =
        envm_script_post_link_steps(arena, s->jobs, s->plan->package_count);
    struct envm_script_steps before = {0};

    ENVM_TRY(envm_script_pre_unlink_steps(arena, s->plan->scripts, s->leaving, s->leaving_count,
                                          &before, reports, err));
    if (before.count == 0 && after.count == 0)
        return ENVM_OK;
    ENVM_TRY(envm_trial_begin(arena, s->change->prefix, &trial, err));
    ENVM_TRY(envm_trial_make_tree(&trial, err));
    ENVM_TRY_WRAP(fill_tree(s, trial.tree_fd, err), err,
                  "copying the environment for its link scripts");
    envm_script_session_init(&session, arena, &trial, s->plan);
    ENVM_TRY(run_in_place(s, &session, &before, &after, err));
    ENVM_TRY(envm_trial_leave(&trial, err));
    ENVM_TRY(record_outputs(s, &session, err));
    ENVM_TRY(envm_script_operations(arena, &session, s->change->prefix_fd, s->stage->new_fd,
                                    &s->stage->journal, err));
    envm_script_session_report(&session, reports);
    return ENVM_OK;
}
