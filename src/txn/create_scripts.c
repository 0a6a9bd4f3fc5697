/* SPDX-License-Identifier: MIT */
#include "txn/create_scripts.h"

#include "base/error.h"
#include "sys/fs.h"
#include "sys/fs_clone.h"
#include "txn/script_steps.h"

/* The rename makes it one step: a kill leaves whole files. */
static enum envm_code detach_file(int fd, struct envm_relpath path, mode_t mode,
                                  struct envm_error *err)
{
    const struct envm_relpath copy = ENVM_RELPATH(".envm/copy");

    ENVM_TRY(envm_fs_clone(fd, path, fd, copy, mode, ENVM_LINK_REFLINK, NULL, err));
    return envm_fs_rename(fd, copy, fd, path, err);
}

/* A script could write through a hard link into the cache and into other environments: no fence
 * can tell one name of a file from another. */
static enum envm_code detach(const struct envm_create_scripts *scripts,
                             const struct envm_package_job *job, struct envm_error *err)
{
    const struct envm_link_place *place = scripts->place;

    for (size_t i = 0; i < job->plan.count; i++) {
        const struct envm_link_item *item = &job->plan.items[i];
        const struct envm_prefix_path *target = &item->target;
        enum envm_fs_kind kind = ENVM_FS_ABSENT;
        struct stat status = {0};

        if (item->shared || item->lost || target->type != ENVM_PATH_FILE)
            continue;
        ENVM_TRY(envm_fs_stat(place->fd, target->path, &kind, &status, err));
        if (kind == ENVM_FS_FILE && status.st_nlink > 1)
            ENVM_TRY(detach_file(place->fd, target->path,
                                 target->executable ? place->exec_mode : place->plain_mode, err));
    }
    return ENVM_OK;
}

static enum envm_code detach_all(const struct envm_create_scripts *scripts, struct envm_error *err)
{
    ENVM_TRY(envm_fs_make_dirs(scripts->place->fd, ENVM_RELPATH(".envm"), 0777, err));
    for (size_t i = 0; i < scripts->plan->package_count; i++) {
        ENVM_TRY(envm_transaction_check_cancelled(scripts->plan, err));
        ENVM_TRY(detach(scripts, scripts->jobs[i], err));
    }
    return ENVM_OK;
}

static enum envm_code run_in_place(struct envm_script_session *session,
                                   const struct envm_script_steps *steps, struct envm_error *err)
{
    ENVM_TRY(envm_trial_enter(session->trial, session->plan->sink, err));
    ENVM_TRY(envm_script_session_look(session, err));
    return envm_script_session_run(session, steps->items, steps->count, err);
}

enum envm_code envm_create_run_scripts(const struct envm_create_scripts *scripts,
                                       struct envm_script_reports *reports, struct envm_error *err)
{
    const struct envm_transaction_plan *plan = scripts->plan;
    struct envm_script_steps steps =
        envm_script_post_link_steps(scripts->arena, scripts->jobs, plan->package_count);
    ENVM_CLEANUP(envm_trial) struct envm_trial trial = ENVM_TRIAL_EMPTY;
    ENVM_CLEANUP(envm_script_session) struct envm_script_session session = {0};
    ENVM_CLEANUP(envm_map) struct envm_map paths = {0};

    if (steps.count == 0)
        return ENVM_OK;
    ENVM_TRY(detach_all(scripts, err));
    ENVM_TRY(envm_trial_begin(scripts->arena, scripts->target->prefix, &trial, err));
    ENVM_TRY(envm_trial_use_tree(&trial, scripts->target->staging, err));
    envm_script_session_init(&session, scripts->arena, &trial, plan);
    ENVM_TRY(run_in_place(&session, &steps, err));
    ENVM_TRY(envm_trial_leave(&trial, err));
    envm_script_index_paths(&paths, scripts->jobs, NULL, plan->package_count);
    ENVM_TRY(envm_script_record_outputs(&session, scripts->jobs, plan->package_count,
                                        scripts->place, envm_script_is_as_packaged, &paths, err));
    envm_script_session_report(&session, reports);
    return ENVM_OK;
}
