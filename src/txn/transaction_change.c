/* SPDX-License-Identifier: MIT
 *
 * envm_change_apply: which packages are linked, which paths they get, and the order of everything.
 * What is written before the commit is in txn/change_stage.c.
 */
#include "txn/transaction_change.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/size_text.h"
#include "conda/package_record.h"
#include "txn/change_scripts.h"
#include "txn/change_stage.h"
#include "txn/change_state.h"
#include "txn/script_consent.h"
#include "txn/transaction_clobber.h"
#include "txn/transaction_recover.h"
#include "txn/transaction_survey.h"

struct changing {
    struct envm_change *change;
    const struct envm_transaction_plan *plan;
    struct envm_package_pool pool;
    bool has_pool;
    struct envm_path_registry registry;
    struct envm_package_job *jobs;             /* by index of the plan */
    struct envm_package_job **order;           /* the same; NULL: the package stays */
    const struct envm_prefix_record **kept;    /* by index of the plan; NULL: linked */
    bool *planned;                             /* the job has its link plan */
    const struct envm_prefix_record **leaving; /* installed records that go or are replaced */
    size_t leaving_count;
    struct envm_stage stage;
    struct envm_change_result result;
};

static void changing_release(struct changing *c)
{
    envm_stage_release(&c->stage);
    for (size_t i = 0; c->jobs && i < c->plan->package_count; i++)
        envm_package_job_release(&c->jobs[i]);
    envm_free(c->jobs);
    envm_free(c->order);
    envm_free(c->kept);
    envm_free(c->planned);
    envm_free(c->leaving);
    envm_path_registry_release(&c->registry);
    if (c->has_pool)
        envm_package_pool_release(&c->pool);
}
ENVM_DEFINE_CLEANUP(changing, struct changing, changing_release)

/* --- which packages are linked ------------------------------------------------------------ */

/* Runs on the pool: a package is there; what it would put where is worked out. The descriptors of
 * the first ones stay open for the linking that follows. */
static enum envm_code plan_package(void *argument, struct envm_error *err)
{
    struct envm_package_job *job = argument;
    struct changing *c = job->pool->user;

    ENVM_TRY(envm_package_job_plan(job, err));
    envm_stage_keep_open(&c->stage, job);
    return ENVM_OK;
}

static void link_anew(struct changing *c, size_t index)
{
    c->kept[index] = NULL;
    c->order[index] = &c->jobs[index];
}

static enum envm_code classify(struct changing *c, struct envm_error *err)
{
    const struct envm_transaction_plan *plan = c->plan;
    ENVM_CLEANUP(envm_heap)
    const struct envm_package_record **packages =
        envm_alloc_zero(plan->package_count + 1, sizeof(struct envm_package_record *));
    bool moves = false;

    for (size_t i = 0; i < plan->package_count; i++)
        packages[i] = plan->packages[i].record;
    ENVM_TRY(envm_change_moves_python(c->change->arena, c->change, packages, plan->package_count,
                                      plan->platform, &moves, err));
    for (size_t i = 0; i < plan->package_count; i++) {
        const struct envm_prefix_record *old = envm_change_find(c->change, packages[i]->name);

        envm_package_job_init(&c->jobs[i], &c->pool, i);
        if (old && envm_package_record_is_same(old->record, packages[i]) &&
            !(moves && old->record->noarch == ENVM_NOARCH_PYTHON) &&
            !envm_script_wants_relink(plan->scripts, old, packages[i]))
            c->kept[i] = old;
        else
            link_anew(c, i);
    }
    return ENVM_OK;
}

static enum envm_code prepare(struct changing *c, struct envm_error *err)
{
    size_t count = c->plan->package_count;

    ENVM_TRY(envm_package_pool_init(&c->pool, c->plan, c->change->store, c->change->arena, err));
    c->has_pool = true;
    c->pool.work = plan_package;
    c->pool.user = c;
    c->jobs = envm_alloc_zero(count + 1, sizeof(*c->jobs));
    c->order = envm_alloc_zero(count + 1, sizeof(struct envm_package_job *));
    c->kept = envm_alloc_zero(count + 1, sizeof(struct envm_prefix_record *));
    c->planned = envm_alloc_zero(count + 1, sizeof(bool));
    c->leaving =
        envm_alloc_zero(c->change->installed.count + 1, sizeof(struct envm_prefix_record *));
    for (size_t i = 0; i < count; i++)
        c->jobs[i].entry = ENVM_STORE_ENTRY_EMPTY;
    return classify(c, err);
}

/* Fetches and plans what has to be linked and is not planned yet. */
static enum envm_code fetch(struct changing *c, struct envm_error *err)
{
    size_t count = c->plan->package_count;
    struct envm_progress event = {.kind = ENVM_PROGRESS_TOTAL, .name = ENVM_STR("install")};
    ENVM_CLEANUP(envm_heap)
    struct envm_package_job **wanted =
        envm_alloc_zero(count + 1, sizeof(struct envm_package_job *));
    size_t wanted_count = 0;

    for (size_t i = 0; i < count; i++) {
        if (c->order[i] && !c->planned[i]) {
            c->planned[i] = true;
            wanted[wanted_count++] = c->order[i];
        }
    }
    c->pool.total += wanted_count;
    event.total = c->pool.total;
    envm_sink_progress(c->plan->sink, &event);
    return envm_package_pool_run(&c->pool, wanted, wanted_count, err);
}

/* --- who gets which path ------------------------------------------------------------------ */

/* Conflicts that the user agreed to once are not asked about again. */
static void note_agreed(struct changing *c)
{
    const struct envm_prefix_record_list *installed = &c->change->installed;

    for (size_t i = 0; i < installed->count; i++) {
        for (size_t j = 0; j < installed->items[i]->lost.count; j++)
            envm_map_set(&c->registry.agreed, installed->items[i]->lost.items[j], 1);
    }
}

static enum envm_code claim_paths(struct changing *c, struct envm_error *err)
{
    envm_path_registry_release(&c->registry);
    envm_path_registry_init(&c->registry, -1);
    c->registry.policy = c->plan->clobber;
    note_agreed(c);
    for (size_t i = 0; i < c->plan->package_count; i++) {
        if (c->kept[i])
            ENVM_TRY(envm_path_registry_claim_installed(&c->registry, i, c->kept[i], err));
        else
            ENVM_TRY(envm_path_registry_claim(&c->registry, i, &c->jobs[i].plan, err));
    }
    return ENVM_OK;
}

static enum envm_code fail_clobber(struct changing *c, struct envm_error *err)
{
    size_t count = c->plan->package_count;
    envm_str *stems = envm_arena_new_array(c->change->arena, envm_str, count);
    enum envm_code code;

    for (size_t i = 0; i < count; i++)
        stems[i] = envm_package_record_stem(c->change->arena, c->plan->packages[i].record);
    code = envm_path_registry_fail(&c->registry, stems, err);
    return envm_error_hint(err, code,
                           "one of the two packages has to go; with --clobber warn the one that is "
                           "linked last gets the file");
}

static void lose(void *user, size_t owner)
{
    struct changing *c = user;

    if (c->kept[owner])
        link_anew(c, owner);
}

/* A path that a package has lost to another comes back when nobody has it any more. Of several, the
 * last one in the plan gets it. */
static void give_back(struct changing *c)
{
    ENVM_CLEANUP(envm_map) struct envm_map given = {0};

    for (size_t i = c->plan->package_count; i > 0; i--) {
        const struct envm_prefix_record *kept = c->kept[i - 1];

        for (size_t j = 0; kept && j < kept->lost.count; j++) {
            envm_str path = kept->lost.items[j];

            if (envm_path_registry_find(&c->registry, path) || envm_map_find(&given, path))
                continue;
            envm_map_set(&given, path, 1);
            link_anew(c, i - 1);
        }
    }
}

static bool stays(const struct changing *c, const struct envm_prefix_record *record)
{
    for (size_t i = 0; i < c->plan->package_count; i++) {
        if (c->kept[i] == record)
            return true;
    }
    return false;
}

/* A file of a package that stays, changed by a script of one that goes, becomes what it was. */
static void undo_outputs(struct changing *c)
{
    const struct envm_prefix_record_list *installed = &c->change->installed;

    for (size_t i = 0; i < installed->count; i++) {
        const struct envm_prefix_record *record = installed->items[i];

        if (record->output_count == 0 || stays(c, record))
            continue;
        for (size_t j = 0; j < record->output_count; j++) {
            const struct envm_path_claim *claim =
                envm_path_registry_find(&c->registry, record->outputs[j].path.s);

            if (claim && claim->path && claim->installed)
                link_anew(c, claim->owner);
        }
    }
}

static bool has_unplanned(const struct changing *c)
{
    for (size_t i = 0; i < c->plan->package_count; i++) {
        if (c->order[i] && !c->planned[i])
            return true;
    }
    return false;
}

/* Packages that stay, but lose a file or get one back, are linked anew; that can concern others. */
static enum envm_code choose_owners(struct changing *c, struct envm_error *err)
{
    do {
        ENVM_TRY(fetch(c, err));
        ENVM_TRY(claim_paths(c, err));
        if (c->registry.conflicts.count > 0)
            return fail_clobber(c, err);
        envm_path_registry_settle(&c->registry, lose, c);
        give_back(c);
        undo_outputs(c);
    } while (has_unplanned(c));
    return ENVM_OK;
}

/* --- operations --------------------------------------------------------------------------- */

static void collect_leaving(struct changing *c)
{
    const struct envm_prefix_record_list *installed = &c->change->installed;

    for (size_t i = 0; i < installed->count; i++) {
        if (!stays(c, installed->items[i]))
            c->leaving[c->leaving_count++] = installed->items[i];
    }
}

static enum envm_code check_space(struct changing *c, const struct envm_survey *survey,
                                  struct envm_error *err)
{
    uint64_t needed = envm_survey_bytes(survey, c->plan->link_mode == ENVM_LINK_COPY);
    uint64_t available = 0;
    enum envm_code code;

    ENVM_TRY(envm_fs_free_space(c->change->prefix_fd, &available, err));
    if (needed <= available)
        return ENVM_OK;
    code = envm_fail(
        err, ENVM_IO,
        "the change needs %s, %s are free on the file system of %s; nothing was changed",
        envm_size_text(needed).text, envm_size_text(available).text, c->change->prefix.ptr);
    return envm_error_hint(err, code, "free some space and try again");
}

static enum envm_code plan_operations(struct changing *c, struct envm_error *err)
{
    struct envm_survey survey = {.prefix_fd = c->change->prefix_fd,
                                 .registry = &c->registry,
                                 .jobs = c->order,
                                 .job_count = c->plan->package_count,
                                 .installed = &c->change->installed,
                                 .clobber = c->plan->clobber,
                                 .threads = c->plan->threads};

    collect_leaving(c);
    survey.leaving = c->leaving;
    survey.leaving_count = c->leaving_count;
    ENVM_TRY(envm_survey_operations(c->change->arena, &survey, &c->stage.journal, err));
    ENVM_TRY(envm_fs_check_writable(c->change->prefix_fd, ENVM_RELPATH("conda-meta"), err));
    return check_space(c, &survey, err);
}

static void collect_steps(struct changing *c)
{
    struct envm_arena *arena = c->change->arena;
    struct envm_change_step *steps = envm_arena_new_array(
        arena, struct envm_change_step, c->plan->package_count + c->leaving_count);
    size_t count = 0;

    for (size_t i = 0; i < c->plan->package_count; i++) {
        const struct envm_package_record *to = c->result.common.records[i];
        const struct envm_prefix_record *old = envm_change_find(c->change, to->name);

        if (c->kept[i])
            continue;
        steps[count++] = (struct envm_change_step){
            .name = to->name,
            .from = old ? old->record : NULL,
            .to = to,
            .relink = old && envm_package_record_is_same(old->record, to)};
    }
    for (size_t i = 0; i < c->leaving_count; i++) {
        const struct envm_package_record *from = c->leaving[i]->record;
        bool replaced = false;

        for (size_t j = 0; j < c->plan->package_count && !replaced; j++)
            replaced = envm_str_equal(c->plan->packages[j].record->name, from->name);
        if (!replaced)
            steps[count++] = (struct envm_change_step){.name = from->name, .from = from};
    }
    envm_change_sort_steps(steps, count);
    c->result.steps = (struct envm_change_steps){steps, count};
}

/* --- the whole ---------------------------------------------------------------------------- */

static enum envm_code run_scripts(struct changing *c, struct envm_error *err)
{
    const struct envm_change_scripts scripts = {.change = c->change,
                                                .plan = c->plan,
                                                .stage = &c->stage,
                                                .jobs = c->order,
                                                .kept = c->kept,
                                                .leaving = c->leaving,
                                                .leaving_count = c->leaving_count};

    ENVM_TRY_WRAP(envm_change_run_scripts(&scripts, &c->result.common.scripts, err), err,
                  "changing the environment '%s'", c->change->prefix.ptr);
    return ENVM_OK;
}

/* Everything up to the commit. */
static enum envm_code stage(struct changing *c, envm_transaction_finish finish, void *user,
                            struct envm_error *err)
{
    struct envm_arena *arena = c->change->arena;
    const struct envm_transaction_plan *plan = c->plan;
    envm_str lock_text = plan->lock_text;
    struct envm_stage_meta meta = {.jobs = c->order,
                                   .kept = c->kept,
                                   .leaving = c->leaving,
                                   .leaving_count = c->leaving_count};

    ENVM_TRY(choose_owners(c, err));
    ENVM_TRY(plan_operations(c, err));
    meta.leaving_count = c->leaving_count;
    ENVM_TRY(envm_stage_open(&c->stage, err));
    ENVM_TRY(envm_stage_packages(&c->stage, c->order, plan->package_count, err));
    envm_transaction_collect(arena, plan, c->order, c->kept, &c->result.common);
    collect_steps(c);
    if (finish)
        ENVM_TRY(finish(user, &c->result.common, &lock_text, err));
    ENVM_TRY(run_scripts(c, err));
    meta.lock_text = lock_text;
    ENVM_TRY(envm_stage_metadata(&c->stage, &meta, &c->result.unchanged, err));
    c->stage.journal.old_tree = envm_transaction_installed_tree(arena, &c->change->installed);
    c->stage.journal.new_tree = c->result.common.tree;
    return ENVM_OK;
}

enum envm_code envm_change_apply(struct envm_change *change,
                                 const struct envm_transaction_plan *plan,
                                 envm_transaction_finish finish, void *user,
                                 struct envm_change_result *ret_result, struct envm_error *err)
{
    ENVM_CLEANUP(changing) struct changing c = {.change = change, .plan = plan};
    struct envm_progress event = {.kind = ENVM_PROGRESS_PHASE, .name = ENVM_STR("install")};

    envm_path_registry_init(&c.registry, -1);
    envm_stage_init(&c.stage, change, plan);
    envm_sink_progress(plan->sink, &event);
    ENVM_TRY(prepare(&c, err));
    ENVM_TRY(stage(&c, finish, user, err));
    if (!c.result.unchanged) {
        ENVM_TRY(envm_stage_commit(&c.stage, err));
        ENVM_TRY(envm_change_finish(change->arena, change->prefix_fd, c.stage.id, &c.stage.journal,
                                    plan->durability, plan->sink, &c.result.saved, err));
    }
    *ret_result = c.result;
    return ENVM_OK;
}
