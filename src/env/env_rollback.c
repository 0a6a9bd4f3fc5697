/* SPDX-License-Identifier: MIT
 *
 * `env rollback`: an environment becomes what the lock of one of its states says.
 */
#include <envm/history.h>

#include <inttypes.h>

#include "base/error.h"
#include "base/hex.h"
#include "conda/package_record.h"
#include "env/confine.h"
#include "env/environments.h"
#include "env/modify_plan.h"
#include "env/resolve.h"
#include "env/revisions.h"
#include "env/settings.h"
#include "lock/lockfile_check.h"
#include "prefix/kept_lock.h"
#include "txn/transaction_change.h"

struct rollback {
    struct envm_context *context;
    struct envm_arena *arena;
    const struct envm_rollback_options *options;
    struct envm_modify_report *report;
    struct envm_change *change; /* NULL in a dry run: then nothing is locked */
    int fd;
    struct envm_prefix_record_list installed;
    struct envm_wishes wishes; /* what was asked for until now; empty when that cannot be read */
    uint64_t number;
    envm_str lock_text; /* of that state */
    struct envm_lockfile lock;
    const struct envm_lock_platform *platform;
    struct envm_wish_list requests; /* of that lock */
    struct envm_record_list after;  /* dependency order */
};

/* --- what is there and what was ----------------------------------------------------------- */

static enum envm_code open_environment(struct rollback *r, struct envm_error *err)
{
    struct envm_store *store;
    const struct envm_change_settings settings = {
        .lock_timeout_ms = ENVM_CHANGE_LOCK_TIMEOUT_MS,
        .allow_frozen = r->options->override_frozen,
        .durability = envm_durability_from(r->context->config.durability),
        .sink = &r->context->sink,
    };

    ENVM_TRY(
        envm_target_prefix(r->context, r->arena, &r->options->target, &r->report->prefix, err));
    r->report->name = envm_prefix_name(r->context, r->report->prefix);
    ENVM_TRY(envm_prefix_open(r->context, r->arena, r->report->prefix, &r->fd, err));
    envm_confine(r->context, &(struct envm_confine_plan){.use = ENVM_CONFINE_CHANGED,
                                                         .prefix = r->report->prefix,
                                                         .fetches = true,
                                                         .solves = true});
    if (r->options->dry_run)
        return envm_prefix_records_load(r->arena, r->fd, false, &r->installed, err);
    ENVM_TRY(envm_context_store(r->context, &store, err));
    ENVM_TRY(envm_change_open(r->arena, store, r->report->prefix, &settings, &r->change, err));
    r->installed = *envm_change_installed(r->change);
    return ENVM_OK;
}

/* Behind the lock: what was there while it was waited for may have been replaced. */
static int environment_fd(const struct rollback *r)
{
    return r->change ? envm_change_prefix_fd(r->change) : r->fd;
}

/* A lock of several platforms was made for this one among others. */
static enum envm_code find_platform(struct rollback *r, struct envm_error *err)
{
    envm_str wanted = envm_installed_platform(&r->installed);

    r->platform = envm_lockfile_platform(&r->lock, wanted);
    if (!r->platform && r->lock.platform_count == 1)
        r->platform = &r->lock.platforms[0];
    if (!r->platform)
        return envm_fail(err, ENVM_STALE_LOCK, "the lock of revision %" PRIu64 " is not for %.*s",
                         r->number, ENVM_STR_ARGS(wanted));
    r->report->platform = r->platform->platform;
    return ENVM_OK;
}

static enum envm_code read_state(struct rollback *r, struct envm_error *err)
{
    struct envm_revisions states = {0};
    envm_str path;

    ENVM_TRY(envm_revisions_read(r->arena, environment_fd(r), r->report->prefix, &states, err));
    ENVM_TRY(
        envm_revisions_choose(&states, r->report->prefix, r->options->revision, &r->number, err));
    path = envm_arena_printf(r->arena, "%s/%s", r->report->prefix.ptr,
                             envm_revision_path(r->arena, r->number).s.ptr);
    ENVM_TRY_WRAP(envm_revision_read(r->arena, environment_fd(r), r->number, &r->lock_text, err),
                  err, "reading the lock of revision %" PRIu64 " of '%s'", r->number,
                  r->report->prefix.ptr);
    ENVM_TRY(envm_lockfile_read(r->arena, r->lock_text, path.ptr, &r->lock, err));
    ENVM_TRY(find_platform(r, err));
    for (size_t i = 0; i < r->lock.request.specs.count; i++)
        ENVM_TRY(envm_wish_add(r->arena, &r->requests, r->lock.request.specs.items[i], err));
    r->after = envm_dependency_order(r->arena, r->platform->packages);
    return ENVM_OK;
}

/* The machine may have become another one since. */
static enum envm_code check_machine(struct rollback *r, struct envm_error *err)
{
    struct envm_lock_question question = {.platform = r->platform->platform, .packages_only = true};
    struct envm_str_list reasons = {0};

    if (r->lock.request.is_explicit)
        return ENVM_OK;
    ENVM_TRY(envm_resolve_virtual(r->context, r->arena, r->platform->platform,
                                  &question.virtual_packages, err));
    ENVM_TRY(envm_lockfile_check(r->arena, &r->lock, &question, &reasons, err));
    if (reasons.count == 0)
        return ENVM_OK;
    (void)envm_fail(err, ENVM_STALE_LOCK, "revision %" PRIu64 " does not fit this machine: %.*s",
                    r->number, ENVM_STR_ARGS(reasons.items[0]));
    return envm_error_hint(err, ENVM_STALE_LOCK,
                           "set CONDA_OVERRIDE_… if the machine has what it seems to lack");
}

/* --- the plan ----------------------------------------------------------------------------- */

static bool has_variable(const struct rollback *r, const struct envm_environment_variable *variable)
{
    for (size_t i = 0; i < r->wishes.variable_count; i++)
        if (envm_str_equal(r->wishes.variables[i].name, variable->name))
            return envm_str_equal(r->wishes.variables[i].value, variable->value);
    return false;
}

/* Requests and terms are in the lock, variables may have been changed beside it. */
static bool is_present_state(struct rollback *r)
{
    bool same = r->wishes.variable_count == r->lock.variable_count, exists = false;
    envm_str kept = {0};

    if (envm_kept_lock_read(r->arena, environment_fd(r), &kept, &exists, NULL) != ENVM_OK ||
        !exists || !envm_str_equal(kept, r->lock_text))
        return false;
    for (size_t i = 0; i < r->lock.variable_count && same; i++)
        same = has_variable(r, &r->lock.variables[i]);
    return same;
}

/* What moves does so for no other reason than that it was so. */
static void say_why(struct rollback *r, struct envm_modify_entry *entries, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (!entries[i].to)
            entries[i].why = envm_arena_printf(r->arena, "not in revision %" PRIu64, r->number);
        else if (entries[i].from && entries[i].kind != ENVM_MODIFY_RELINKED)
            entries[i].why = envm_arena_printf(r->arena, "as in revision %" PRIu64, r->number);
    }
}

static void make_plan(struct rollback *r)
{
    struct envm_record_list after = envm_name_order(r->arena, r->after);
    const struct envm_modify_sets sets = {.before = envm_installed_records(r->arena, &r->installed),
                                          .after = after,
                                          .requests = r->requests};
    const struct envm_modify_entry *entries = NULL;
    struct envm_modify_entry *own;
    size_t count = 0;

    envm_modify_plan_make(r->arena, &sets, &entries, &count);
    own = envm_arena_copy(r->arena, entries, count * sizeof(*entries));
    say_why(r, own, count);
    r->report->entries = own;
    r->report->entry_count = count;
    r->report->packages = envm_report_view(r->arena, after);
    r->report->requests = r->lock.request.specs;
    r->report->tree = r->platform->tree;
    r->report->nothing_to_do = count == 0 && is_present_state(r);
    if (r->options->show_plan)
        r->options->show_plan(r->options->user, r->report);
}

/* --- carrying it out ---------------------------------------------------------------------- */

/* The lock is kept byte by byte. */
static enum envm_code finish(void *user, const struct envm_transaction_result *result,
                             envm_str *ret_lock_text, struct envm_error *err)
{
    struct rollback *r = user;

    *ret_lock_text = r->lock_text;
    /* Packages that another tool has installed and that stay have no digest. */
    if (!r->platform->tree.known || !result->tree.known ||
        envm_sha256_equal(&r->platform->tree, &result->tree))
        return ENVM_OK;
    return envm_fail(err, ENVM_INTEGRITY,
                     "the tree would have digest sha256:%s, but that of revision %" PRIu64
                     " was sha256:%s; nothing was changed",
                     envm_sha256_hex(&result->tree).text, r->number,
                     envm_sha256_hex(&r->platform->tree).text);
}

static struct envm_transaction_package *plan_packages(struct rollback *r)
{
    struct envm_transaction_package *packages =
        envm_arena_new_array(r->arena, struct envm_transaction_package, r->after.count);

    for (size_t i = 0; i < r->after.count; i++)
        packages[i] = (struct envm_transaction_package){
            r->after.items[i], envm_wish_specs(r->arena, &r->requests, r->after.items[i])};
    return packages;
}

/* Names that were asked for since: for whoever reads the history, they are removed. */
static struct envm_str_list names_given_up(struct rollback *r)
{
    envm_str *names = envm_arena_new_array(r->arena, envm_str, r->wishes.list.count);
    size_t count = 0;

    for (size_t i = 0; i < r->wishes.list.count; i++) {
        envm_str name = r->wishes.list.items[i].name;
        bool stays = name.len == 0;

        for (size_t k = 0; k < r->requests.count && !stays; k++)
            stays = envm_str_equal(r->requests.items[k].name, name);
        if (!stays)
            names[count++] = name;
    }
    return (struct envm_str_list){names, count};
}

static enum envm_code apply(struct rollback *r, struct envm_error *err)
{
    const struct envm_config *config = &r->context->config;
    struct envm_change_result result = {0};
    enum envm_code code;
    struct envm_script_consent scripts = {0};
    struct envm_transaction_plan plan = {
        .platform = r->platform->platform,
        .packages = plan_packages(r),
        .package_count = r->after.count,
        .variables = r->lock.variables,
        .variable_count = r->lock.variable_count,
        .update_specs = r->lock.request.specs,
        .remove_specs = names_given_up(r),
        .command_line = envm_str_from(r->options->command_line),
        .verify = r->options->verify,
        .link_mode = envm_link_mode_from(config->link_mode),
        .durability = envm_durability_from(config->durability),
        .scripts = &scripts,
        .script_timeout_s = (unsigned)config->link_script_timeout_secs,
        .network_variables = envm_script_network_variables(r->arena, r->context->environment),
        .threads = r->context->threads,
        .sink = &r->context->sink,
    };

    ENVM_TRY(envm_clobber_policy_from(r->options->on_clobber, &plan.clobber, err));
    ENVM_TRY(envm_script_consent_from(config, r->arena, &r->options->scripts, &scripts, err));
    code = envm_change_apply(r->change, &plan, finish, r, &result, err);
    /* Packages are fetched before anything changes. */
    if (code != ENVM_OK)
        return envm_wrap(err, code, "going back to revision %" PRIu64 " of '%s'%s", r->number,
                         r->report->prefix.ptr,
                         code == ENVM_NETWORK ? " (nothing was changed)" : "");
    r->report->tree = result.common.tree;
    r->report->downloaded = result.common.downloaded;
    r->report->scripts = result.common.scripts;
    r->report->kept_files = envm_modify_saved_lines(r->arena, &result.saved);
    return ENVM_OK;
}

static enum envm_code roll_back(struct rollback *r, struct envm_error *err)
{
    enum envm_clobber_policy ignored;
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    enum envm_code code;

    ENVM_TRY(envm_clobber_policy_from(r->options->on_clobber, &ignored, err));
    ENVM_TRY(envm_context_learn_channels(r->context, r->arena, err));
    ENVM_TRY(open_environment(r, err));
    ENVM_TRY(read_state(r, err));
    ENVM_TRY(check_machine(r, err));
    /* Only for the history and for telling whether anything changes: an environment whose own lock
     * is damaged can be gone back from. One that only cannot be read now is waited for: the history
     * would miss what is given up. */
    code = envm_wishes_read(r->arena, environment_fd(r), r->report->prefix, &r->installed,
                            &r->wishes, &failure);
    if (code == ENVM_IO)
        return envm_fail(err, code, "%s", failure.text);
    if (code != ENVM_OK)
        r->wishes = (struct envm_wishes){0};
    make_plan(r);
    if (r->options->dry_run || r->report->nothing_to_do)
        return ENVM_OK;
    return apply(r, err);
}

enum envm_code envm_rollback(struct envm_context *context, struct envm_memory *memory,
                             const struct envm_rollback_options *options, uint64_t *ret_number,
                             struct envm_modify_report *ret_report, struct envm_error *err)
{
    struct rollback r = {.context = context,
                         .arena = &memory->arena,
                         .options = options,
                         .report = ret_report,
                         .fd = -1};

    *ret_report = (struct envm_modify_report){0};
    enum envm_code code = roll_back(&r, err);
    *ret_number = r.number;
    envm_change_release(r.change);
    envm_close_fd(&r.fd);
    return code;
}
