/* SPDX-License-Identifier: MIT
 *
 * `create`: from an input to an environment and its lock.
 */
#include <envm/environment.h>

#include "base/error.h"
#include "base/hex.h"
#include "conda/package_record.h"
#include "conda/platform.h"
#include "env/complete.h"
#include "env/confine.h"
#include "env/environments.h"
#include "env/input.h"
#include "env/lock_compose.h"
#include "env/lock_scripts.h"
#include "env/modify_plan.h"
#include "env/resolve.h"
#include "env/settings.h"
#include "prefix/prefix_record.h"
#include "sys/fs.h"
#include "txn/transaction_change.h"
#include "txn/transaction_create.h"
#include "txn/transaction_recover.h"

struct creation {
    struct envm_context *context;
    struct envm_arena *arena;
    const struct envm_create_options *options;
    struct envm_create_report *report;
    struct envm_input input;
    struct envm_script_consent scripts;
    struct envm_record_list packages; /* dependency order */
    struct envm_record_list virtual_packages;
    struct envm_sha256 locked_tree; /* from the lock that is installed; may be unknown */
    bool from_lock;                 /* packages are those of the lock, unchanged */
    struct envm_lock_provenance *provenance;
    size_t provenance_count;
    envm_str lock_text; /* what the environment keeps, and what is written beside the file */
};

struct variables {
    const struct envm_environment_variable *items; /* sorted by name */
    size_t count;
};

/* --- what to install ---------------------------------------------------------------------- */

static enum envm_code stale(struct creation *c, struct envm_str_list reasons,
                            struct envm_error *err)
{
    const char *path = c->input.lock_path.ptr;

    c->report->stale = reasons;
    (void)envm_fail(err, ENVM_STALE_LOCK, "%s does not satisfy %s: %.*s%s", path,
                    c->options->request.file, ENVM_STR_ARGS(reasons.items[0]),
                    reasons.count > 1 ? ", and more" : "");
    (void)envm_error_where(err, ENVM_STALE_LOCK, "%s", path);
    return envm_error_hint(err, ENVM_STALE_LOCK,
                           "make it current with `envm lock -f %s` and commit the result",
                           c->options->request.file);
}

static enum envm_code no_lock(struct creation *c, const char *option, struct envm_error *err)
{
    if (c->input.lock_path.len == 0)
        (void)envm_fail(err, ENVM_STALE_LOCK, "%s needs an environment file with a lock beside it",
                        option);
    else
        (void)envm_fail(err, ENVM_STALE_LOCK, "there is no lock at %s, which %s needs",
                        c->input.lock_path.ptr, option);
    return envm_error_hint(err, ENVM_STALE_LOCK, "make it with `envm lock -f %s`",
                           c->options->request.file ? c->options->request.file : "env.yaml");
}

static void take_lock(struct creation *c, const struct envm_lock_platform *platform)
{
    c->packages = envm_dependency_order(c->arena, platform->packages);
    c->locked_tree = platform->tree;
    c->from_lock = true;
    c->lock_text = c->input.lock_text;
    c->report->lock_state = ENVM_LOCK_REUSED;
    c->report->omitted_pip = c->input.lock.request.omitted_pip;
}

/* `--frozen` and a lock given as the file: only whether it fits this machine is asked. */
static enum envm_code use_lock_as_it_is(struct creation *c, struct envm_error *err)
{
    const struct envm_lock_platform *platform =
        envm_lockfile_platform(&c->input.lock, c->input.platform);
    struct envm_lock_question question = envm_input_question(&c->input, c->virtual_packages);
    struct envm_str_list reasons = {0};

    if (!platform) {
        (void)envm_fail(err, ENVM_STALE_LOCK, "%s holds no packages for %.*s",
                        c->input.lock_path.ptr, ENVM_STR_ARGS(c->input.platform));
        return envm_error_hint(err, ENVM_STALE_LOCK,
                               "add the platform with `envm lock --platform %.*s`",
                               ENVM_STR_ARGS(c->input.platform));
    }
    question.packages_only = true;
    question.spec_count = 0;
    /* Whoever listed packages one by one answers for what they need. */
    if (!c->input.lock.request.is_explicit)
        ENVM_TRY(envm_lockfile_check(c->arena, &c->input.lock, &question, &reasons, err));
    if (reasons.count > 0) {
        c->report->stale = reasons;
        (void)envm_fail(err, ENVM_STALE_LOCK, "%s cannot be installed here: %.*s",
                        c->input.lock_path.ptr, ENVM_STR_ARGS(reasons.items[0]));
        return envm_error_hint(err, ENVM_STALE_LOCK,
                               "lock again on this machine, or set CONDA_OVERRIDE_… if the "
                               "machine has what it seems to lack");
    }
    take_lock(c, platform);
    return ENVM_OK;
}

static enum envm_code solve(struct creation *c, struct envm_record_list preferred,
                            struct envm_error *err)
{
    struct envm_resolution resolution = {0};

    ENVM_TRY(envm_resolve(c->context, c->arena, &c->input,
                          &(struct envm_resolve_state){.preferred = preferred}, &resolution,
                          &c->report->explanation, err));
    c->packages = resolution.packages;
    c->provenance = resolution.provenance;
    c->provenance_count = resolution.provenance_count;
    c->report->omitted_pip = c->input.omitted_pip;
    return ENVM_OK;
}

static enum envm_code use_lock_or_solve(struct creation *c, struct envm_error *err)
{
    struct envm_lock_question question = envm_input_question(&c->input, c->virtual_packages);
    struct envm_lock_platform *platform =
        c->input.has_lock ? envm_lockfile_platform(&c->input.lock, c->input.platform) : NULL;
    struct envm_str_list reasons = {0};

    if (!c->input.has_lock)
        return c->options->locked ? no_lock(c, "--locked", err)
                                  : solve(c, (struct envm_record_list){0}, err);
    ENVM_TRY(envm_lockfile_check(c->arena, &c->input.lock, &question, &reasons, err));
    if (reasons.count == 0) {
        take_lock(c, platform);
        return ENVM_OK;
    }
    if (c->options->locked)
        return stale(c, reasons, err);
    c->report->stale = reasons;
    ENVM_TRY(solve(c, platform ? platform->packages : (struct envm_record_list){0}, err));
    if (!platform)
        return ENVM_OK;
    c->report->moved = envm_modify_plan_lines(
        c->arena, "",
        &(struct envm_modify_sets){
            .before = envm_name_order(c->arena, platform->packages),
            .after = envm_name_order(c->arena, c->packages),
            .requests = envm_wish_list_from(c->arena, c->input.specs, c->input.spec_count)});
    return ENVM_OK;
}

static enum envm_code use_explicit(struct creation *c, struct envm_error *err)
{
    c->packages = c->input.explicit_records;
    if (!c->options->sync && (c->options->locked || c->options->frozen))
        return no_lock(c, c->options->locked ? "--locked" : "--frozen", err);
    if (c->options->dry_run)
        return ENVM_OK;
    ENVM_TRY(
        envm_complete_records(c->context, c->arena, ENVM_COMPLETE_INDEX, &c->packages, NULL, err));
    for (size_t i = 0; i < c->packages.count; i++) {
        struct envm_package_record *record =
            envm_package_record_copy(c->arena, c->packages.items[i]);

        /* Neither the URL nor the package says: then whoever listed it means this platform. */
        if (record->subdir.len == 0)
            record->subdir = c->input.platform;
        c->packages.items[i] = record;
        if (!envm_str_equal_c(record->subdir, "noarch") &&
            !envm_str_equal(record->subdir, c->input.platform)) {
            (void)envm_fail(err, ENVM_UNSATISFIABLE, "%.*s is for %.*s, not for %.*s",
                            ENVM_STR_ARGS(record->file_name), ENVM_STR_ARGS(record->subdir),
                            ENVM_STR_ARGS(c->input.platform));
            return envm_error_hint(err, ENVM_UNSATISFIABLE,
                                   "pass --platform %.*s to make an environment for that platform",
                                   ENVM_STR_ARGS(record->subdir));
        }
    }
    c->packages = envm_dependency_order(c->arena, c->packages);
    return ENVM_OK;
}

static enum envm_code choose_packages(struct creation *c, struct envm_error *err)
{
    ENVM_TRY(
        envm_resolve_virtual(c->context, c->arena, c->input.platform, &c->virtual_packages, err));
    if (c->input.kind == ENVM_INPUT_EXPLICIT)
        return use_explicit(c, err);
    if (c->input.kind == ENVM_INPUT_LOCK)
        return use_lock_as_it_is(c, err);
    if (c->options->frozen)
        return c->input.has_lock ? use_lock_as_it_is(c, err)
                                 : no_lock(c, c->options->sync ? "sync" : "--frozen", err);
    return use_lock_or_solve(c, err);
}

/* --- the target --------------------------------------------------------------------------- */

static enum envm_code say_how_to_name(const struct creation *c, struct envm_error *err)
{
    const struct envm_request *request = &c->options->request;

    if (request->file || request->spec_count == 0)
        return envm_error_hint(err, ENVM_USAGE, "for example: envm create -n myenv -f %s",
                               request->file ? request->file : "env.yaml");
    return envm_error_hint(err, ENVM_USAGE, "for example: envm create -n myenv '%s'%s",
                           request->specs[0], request->spec_count > 1 ? " …" : "");
}

static enum envm_code find_target(struct creation *c, struct envm_error *err)
{
    struct envm_target target = c->options->target;
    const struct envm_environment_spec *environment = &c->input.environment;

    if (!target.name && !target.prefix && environment->name.len > 0)
        target.name = envm_cstr(c->arena, environment->name);
    else if (!target.name && !target.prefix && environment->prefix.len > 0)
        target.prefix = envm_cstr(c->arena, environment->prefix);
    if (!target.name && !target.prefix && !c->options->sync) {
        /* A plan needs no place. */
        if (c->options->dry_run)
            return ENVM_OK;
        (void)envm_fail(err, ENVM_USAGE, "the new environment has neither a name nor a path");
        return say_how_to_name(c, err);
    }
    ENVM_TRY(envm_target_prefix(c->context, c->arena, &target, &c->report->prefix, err));
    c->report->name = envm_prefix_name(c->context, c->report->prefix);
    return ENVM_OK;
}

static struct variables wanted_variables(const struct creation *c)
{
    return c->from_lock ? (struct variables){c->input.lock.variables, c->input.lock.variable_count}
                        : (struct variables){c->input.environment.variables,
                                             c->input.environment.variable_count};
}

/* Compared with the lock that the environment keeps. One that keeps none was made by another tool,
 * whose variables are its user's. */
static enum envm_code has_variables(struct creation *c, int fd, bool *ret_same,
                                    struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    const struct envm_relpath path = ENVM_RELPATH("conda-meta/envm.lock");
    struct variables wanted = wanted_variables(c);
    struct envm_lockfile kept = {0};
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    *ret_same = true;
    ENVM_TRY(envm_fs_stat(fd, path, &kind, NULL, err));
    if (kind == ENVM_FS_ABSENT)
        return ENVM_OK;
    ENVM_TRY(envm_fs_read_at(fd, path, &text, err));
    ENVM_TRY(envm_lockfile_read(
        c->arena, envm_arena_str(c->arena, envm_buf_str(&text)),
        envm_arena_printf(c->arena, "%s/%s", c->report->prefix.ptr, path.s.ptr).ptr, &kept, err));
    *ret_same = kept.variable_count == wanted.count;
    for (size_t i = 0; i < wanted.count && *ret_same; i++)
        *ret_same = envm_str_equal(kept.variables[i].name, wanted.items[i].name) &&
                    envm_str_equal(kept.variables[i].value, wanted.items[i].value);
    return ENVM_OK;
}

static enum envm_code is_being_changed(struct creation *c, struct envm_error *err)
{
    (void)envm_fail(err, ENVM_DAMAGED, "a change of the environment at %s is not completed",
                    c->report->prefix.ptr);
    return envm_error_hint(err, ENVM_DAMAGED, "complete it with `envm recover -p '%s'`",
                           c->report->prefix.ptr);
}

static enum envm_code compare_existing(struct creation *c, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_prefix_record_list installed = {0};
    bool same_variables = false;

    ENVM_TRY(envm_fs_open_root(c->report->prefix.ptr, &fd, err));
    if (c->options->sync && envm_transaction_has_remains(fd))
        return ENVM_OK; /* the change sees to them */
    if (envm_transaction_pending(fd) != ENVM_PENDING_NOTHING)
        return is_being_changed(c, err);
    ENVM_TRY(envm_prefix_records_load(c->arena, fd, c->scripts.count > 0, &installed, err));
    ENVM_TRY(has_variables(c, fd, &same_variables, err));
    c->report->already_there =
        same_variables &&
        envm_installed_is_same(&installed, envm_name_order(c->arena, c->packages), &c->scripts);
    return ENVM_OK;
}

/* Asked before any channel is read. */
static enum envm_code refuse_foreign(struct creation *c, struct envm_error *err)
{
    if (c->options->sync && envm_prefix_state(c->report->prefix) == ENVM_PREFIX_ABSENT) {
        (void)envm_fail(err, ENVM_USAGE, "there is no environment at %s", c->report->prefix.ptr);
        return envm_error_hint(err, ENVM_USAGE, "make it with `envm create`");
    }
    if (c->options->dry_run || envm_prefix_state(c->report->prefix) != ENVM_PREFIX_FOREIGN)
        return ENVM_OK;
    (void)envm_fail(err, ENVM_USAGE, "%s exists and is not an environment", c->report->prefix.ptr);
    return envm_error_hint(err, ENVM_USAGE, "choose another place, or move it away");
}

static enum envm_code check_target(struct creation *c, struct envm_error *err)
{
    const char *prefix = c->report->prefix.ptr;

    if (c->options->force || envm_prefix_state(c->report->prefix) != ENVM_PREFIX_ENVIRONMENT)
        return ENVM_OK;
    ENVM_TRY(compare_existing(c, err));
    if (c->report->already_there || c->options->sync)
        return ENVM_OK;
    (void)envm_fail(err, ENVM_USAGE, "an environment exists at %s and differs from what was asked",
                    prefix);
    return envm_error_hint(err, ENVM_USAGE,
                           "make it equal to a lock with `envm sync`, or replace it with "
                           "`envm create --force`");
}

/* --- installing --------------------------------------------------------------------------- */

static struct envm_str_list requested_specs(struct creation *c,
                                            const struct envm_package_record *record)
{
    envm_str *items = envm_arena_new_array(c->arena, envm_str, c->input.spec_count);
    size_t count = 0;

    for (size_t i = 0; i < c->input.spec_count; i++) {
        if (envm_str_equal(envm_match_spec_exact_name(c->input.specs[i]), record->name))
            items[count++] = envm_match_spec_format(c->arena, c->input.specs[i]);
    }
    return (struct envm_str_list){items, count};
}

/* A lock given as the file knows what was asked for by its own request. */
static enum envm_code take_specs_from_lock(struct creation *c, struct envm_error *err)
{
    const struct envm_str_list *texts = &c->input.lock.request.specs;
    const struct envm_match_spec **specs;

    if (c->input.kind != ENVM_INPUT_LOCK)
        return ENVM_OK;
    specs = envm_arena_new_array(c->arena, const struct envm_match_spec *, texts->count);
    for (size_t i = 0; i < texts->count; i++)
        ENVM_TRY(envm_match_spec_parse(c->arena, texts->items[i], &specs[i], err));
    c->input.specs = specs;
    c->input.spec_count = texts->count;
    c->input.spec_texts = *texts;
    return ENVM_OK;
}

static struct envm_lockfile compose(struct creation *c,
                                    const struct envm_transaction_result *result)
{
    struct envm_lock_block block = {
        .platform = c->input.platform,
        .packages = {envm_arena_new_array(c->arena, const struct envm_package_record *,
                                          c->packages.count),
                     c->packages.count},
        .virtual_packages = c->virtual_packages,
        .tree = result->tree,
        .provenance = c->provenance,
        .provenance_count = c->provenance_count,
    };

    for (size_t i = 0; i < c->packages.count; i++)
        block.packages.items[i] = result->records[i];
    return envm_lock_compose(c->arena, c->input.has_lock ? &c->input.lock : NULL, &c->input,
                             &block);
}

static enum envm_code tree_differs(struct creation *c, const struct envm_transaction_result *result,
                                   struct envm_error *err)
{
    (void)envm_fail(err, ENVM_INTEGRITY,
                    "the installed tree has digest sha256:%s, but the lock says sha256:%s",
                    envm_sha256_hex(&result->tree).text, envm_sha256_hex(&c->locked_tree).text);
    (void)envm_error_where(err, ENVM_INTEGRITY, "%s", c->input.lock_path.ptr);
    return envm_error_hint(err, ENVM_INTEGRITY,
                           "every archive was the locked one, so the lock's tree line was changed "
                           "or made by an envm that installs differently: lock again");
}

/* Everything is in place, nothing is visible: the last chance to refuse. */
static enum envm_code finish(void *user, const struct envm_transaction_result *result,
                             envm_str *ret_lock_text, struct envm_error *err)
{
    struct creation *c = user;

    /* Packages that another tool has installed and that stay have no digest. */
    if (c->locked_tree.known && (result->tree.known || !c->options->sync) &&
        !envm_sha256_equal(&c->locked_tree, &result->tree))
        return tree_differs(c, result, err);
    if (!c->from_lock) {
        struct envm_lockfile lock = compose(c, result);

        ENVM_TRY(envm_lock_text(c->arena, &lock, true, &c->lock_text, err));
    } else if (!c->locked_tree.known && c->input.kind == ENVM_INPUT_SPECS && !c->options->frozen) {
        /* The lock came from `envm lock`, before any archive was seen: now the digest is known. */
        envm_lockfile_platform(&c->input.lock, c->input.platform)->tree = result->tree;
        ENVM_TRY(envm_lock_text(c->arena, &c->input.lock, true, &c->lock_text, err));
    }
    *ret_lock_text = c->lock_text;
    if (c->from_lock)
        ENVM_TRY(envm_lock_add_scripts(c->arena, &c->input.lock, c->input.platform, result->records,
                                       ret_lock_text, err));
    /* The one beside the file, unless it is to stay as it is. */
    if (c->input.kind == ENVM_INPUT_SPECS && !c->options->frozen && !c->options->locked)
        c->lock_text = *ret_lock_text;
    return ENVM_OK;
}

static struct envm_transaction_package *plan_packages(struct creation *c)
{
    struct envm_transaction_package *packages =
        envm_arena_new_array(c->arena, struct envm_transaction_package, c->packages.count);

    for (size_t i = 0; i < c->packages.count; i++)
        packages[i] = (struct envm_transaction_package){
            .record = c->packages.items[i],
            .requested_specs = requested_specs(c, c->packages.items[i]),
        };
    return packages;
}

/* An existing environment is changed in place. */
static enum envm_code change(struct creation *c, struct envm_store *store,
                             const struct envm_transaction_plan *plan,
                             struct envm_transaction_result *ret_result, struct envm_error *err)
{
    ENVM_CLEANUP(envm_change) struct envm_change *opened = NULL;
    const struct envm_change_settings settings = {.lock_timeout_ms = ENVM_CHANGE_LOCK_TIMEOUT_MS,
                                                  .allow_frozen = c->options->override_frozen,
                                                  .durability = plan->durability,
                                                  .sink = plan->sink};
    struct envm_change_result result = {0};

    ENVM_TRY(envm_change_open(c->arena, store, c->report->prefix, &settings, &opened, err));
    ENVM_TRY(envm_change_apply(opened, plan, finish, c, &result, err));
    c->report->steps = result.steps;
    c->report->saved = result.saved;
    c->report->already_there = result.unchanged;
    *ret_result = result.common;
    return ENVM_OK;
}

static enum envm_code install(struct creation *c, struct envm_error *err)
{
    const struct envm_config *config = &c->context->config;
    struct variables variables = wanted_variables(c);
    struct envm_transaction_result result = {0};
    struct envm_store *store;
    const struct envm_create_target place = {.prefix = c->report->prefix,
                                             .replace = c->options->force};
    struct envm_transaction_plan plan = {
        .platform = c->input.platform,
        .packages = plan_packages(c),
        .package_count = c->packages.count,
        .variables = variables.items,
        .variable_count = variables.count,
        .update_specs = c->input.spec_texts,
        .command_line = envm_str_from(c->options->command_line),
        .verify = c->options->verify,
        .link_mode = envm_link_mode_from(config->link_mode),
        .durability = envm_durability_from(config->durability),
        .scripts = &c->scripts,
        .script_timeout_s = (unsigned)config->link_script_timeout_secs,
        .network_variables = envm_script_network_variables(c->arena, c->context->environment),
        .threads = c->context->threads,
        .sink = &c->context->sink,
    };

    ENVM_TRY(envm_clobber_policy_from(c->options->on_clobber, &plan.clobber, err));
    ENVM_TRY(envm_context_store(c->context, &store, err));
    if (c->options->sync)
        ENVM_TRY(change(c, store, &plan, &result, err));
    else
        ENVM_TRY(envm_transaction_create(c->arena, store, &place, &plan, finish, c, &result, err));
    c->report->tree = result.tree;
    c->report->downloaded = result.downloaded;
    c->report->scripts = result.scripts;
    for (size_t i = 0; i < c->packages.count; i++)
        c->packages.items[i] = result.records[i];
    envm_registry_add(c->context, c->report->prefix);
    return ENVM_OK;
}

static enum envm_code write_lock(struct creation *c, struct envm_error *err)
{
    if (c->input.lock_path.len == 0 || c->input.kind != ENVM_INPUT_SPECS) {
        c->report->lock_state = c->from_lock ? ENVM_LOCK_REUSED : ENVM_LOCK_NONE;
        return ENVM_OK;
    }
    c->report->lock_path = c->input.lock_path;
    if (c->input.has_lock && envm_str_equal(c->lock_text, c->input.lock_text)) {
        c->report->lock_state = c->from_lock ? ENVM_LOCK_REUSED : ENVM_LOCK_UNCHANGED;
        return ENVM_OK;
    }
    ENVM_TRY_WRAP(envm_fs_write_user_file(c->input.lock_path.ptr, c->lock_text, err), err,
                  "the environment was made, but its lock could not be written");
    c->report->lock_state = ENVM_LOCK_WRITTEN;
    return ENVM_OK;
}

/* The environment is what a fresh solve asks for, so only its lock can be missing: made from the
 * digest that the environment's own copy knows. */
static enum envm_code write_lock_of_existing(struct creation *c, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_lockfile kept = {0};
    struct envm_lock_platform *platform;
    struct envm_transaction_result result = {
        .records = envm_arena_new_array(c->arena, struct envm_package_record *, c->packages.count)};
    struct envm_lockfile lock;

    if (c->from_lock || c->input.lock_path.len == 0 || c->input.kind != ENVM_INPUT_SPECS)
        return ENVM_OK;
    ENVM_TRY(envm_fs_open_root(c->report->prefix.ptr, &fd, err));
    ENVM_TRY(
        envm_complete_records(c->context, c->arena, ENVM_COMPLETE_HASHES, &c->packages, NULL, err));
    if (envm_fs_read_at(fd, ENVM_RELPATH("conda-meta/envm.lock"), &text, NULL) == ENVM_OK &&
        envm_lockfile_read(c->arena, envm_arena_str(c->arena, envm_buf_str(&text)), "envm.lock",
                           &kept, NULL) == ENVM_OK) {
        platform = envm_lockfile_platform(&kept, c->input.platform);
        if (platform)
            result.tree = platform->tree;
    }
    for (size_t i = 0; i < c->packages.count; i++)
        result.records[i] = envm_package_record_copy(c->arena, c->packages.items[i]);
    lock = compose(c, &result);
    ENVM_TRY(envm_lock_text(c->arena, &lock, true, &c->lock_text, err));
    return write_lock(c, err);
}

static enum envm_code create(struct creation *c, struct envm_error *err)
{
    const struct envm_request *request = &c->options->request;
    enum envm_clobber_policy policy;

    ENVM_TRY(envm_clobber_policy_from(c->options->on_clobber, &policy, err));
    ENVM_TRY(envm_script_consent_from(&c->context->config, c->arena, &c->options->scripts,
                                      &c->scripts, err));
    if (c->options->locked && c->options->frozen)
        return envm_fail(err, ENVM_USAGE, "--locked and --frozen exclude each other");
    if (!request->file && request->spec_count == 0 && (c->options->locked || c->options->frozen)) {
        c->input.lock_path = (envm_str){0};
        return no_lock(c, c->options->locked ? "--locked" : "--frozen", err);
    }
    ENVM_TRY(envm_input_read(c->context, c->arena, request, request->platform, &c->input, err));
    c->report->platform = c->input.platform;
    ENVM_TRY(find_target(c, err));
    envm_confine_creation(c->context, c->options, &c->input, c->report->prefix);
    if (!c->options->dry_run)
        ENVM_TRY(envm_prefix_undo_trial(c->context, c->arena, c->report->prefix, err));
    ENVM_TRY(refuse_foreign(c, err));
    ENVM_TRY(choose_packages(c, err));
    ENVM_TRY(take_specs_from_lock(c, err));
    c->report->packages = envm_report_view(c->arena, c->packages);
    c->report->virtual_packages = envm_report_view(c->arena, c->virtual_packages);
    c->report->tree = c->locked_tree;
    if (c->options->dry_run)
        return ENVM_OK;
    ENVM_TRY(check_target(c, err));
    if (c->report->already_there)
        return write_lock_of_existing(c, err);
    ENVM_TRY(install(c, err));
    c->report->packages = envm_report_view(c->arena, c->packages);
    return write_lock(c, err);
}

enum envm_code envm_create(struct envm_context *context, struct envm_memory *memory,
                           const struct envm_create_options *options,
                           struct envm_create_report *ret_report, struct envm_error *err)
{
    struct creation c = {
        .context = context, .arena = &memory->arena, .options = options, .report = ret_report};

    *ret_report = (struct envm_create_report){0};
    return create(&c, err);
}
