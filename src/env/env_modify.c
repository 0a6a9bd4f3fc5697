/* SPDX-License-Identifier: MIT
 *
 * `install`, `update`, `remove`: an environment that exists is changed by specs.
 */
#include "env/modification.h"

#include "base/error.h"
#include "base/moment.h"
#include "env/confine.h"
#include "env/environments.h"
#include "env/held_back.h"
#include "env/modify_plan.h"
#include "env/settings.h"

/* --- what is there ------------------------------------------------------------------------ */

static enum envm_code open_environment(struct envm_modification *m, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_store *store;
    const struct envm_change_settings settings = {
        .lock_timeout_ms = ENVM_CHANGE_LOCK_TIMEOUT_MS,
        .allow_frozen = m->options->override_frozen,
        .durability = envm_durability_from(m->context->config.durability),
        .sink = &m->context->sink,
    };

    ENVM_TRY(
        envm_target_prefix(m->context, m->arena, &m->options->target, &m->report->prefix, err));
    m->report->name = envm_prefix_name(m->context, m->report->prefix);
    ENVM_TRY(envm_prefix_open(m->context, m->arena, m->report->prefix, &fd, err));
    envm_confine(m->context, &(struct envm_confine_plan){.use = ENVM_CONFINE_CHANGED,
                                                         .prefix = m->report->prefix,
                                                         .fetches = true,
                                                         .solves = true});
    if (m->options->dry_run) {
        ENVM_TRY(envm_prefix_records_load(m->arena, fd, true, &m->installed, err));
    } else {
        ENVM_TRY(envm_context_store(m->context, &store, err));
        ENVM_TRY(envm_change_open(m->arena, store, m->report->prefix, &settings, &m->change, err));
        m->installed = *envm_change_installed(m->change);
    }
    m->before = envm_installed_records(m->arena, &m->installed);
    /* Behind the lock: what was there while it was waited for may have been replaced. */
    ENVM_TRY(envm_wishes_read(m->arena, m->change ? envm_change_prefix_fd(m->change) : fd,
                              m->report->prefix, &m->installed, &m->wishes, err));
    m->report->platform = m->wishes.platform;
    m->requests = m->wishes.list;
    return ENVM_OK;
}

/* --- the plan ----------------------------------------------------------------------------- */

static bool is_request_equal(struct envm_modification *m)
{
    struct envm_str_list now = m->input.spec_texts;
    const struct envm_str_list *old = &m->wishes.lock.request.specs;

    if (!m->wishes.has_lock || now.count != old->count)
        return false;
    for (size_t i = 0; i < now.count; i++)
        if (!envm_str_equal(now.items[i], old->items[i]))
            return false;
    return true;
}

static bool has_variable(const struct envm_modification *m,
                         const struct envm_environment_variable *variable)
{
    for (size_t i = 0; i < m->wishes.variable_count; i++)
        if (envm_str_equal(m->wishes.variables[i].name, variable->name))
            return envm_str_equal(m->wishes.variables[i].value, variable->value);
    return false;
}

/* Those of the file; others that are set stay. */
static bool has_variables(const struct envm_modification *m)
{
    const struct envm_environment_spec *file = &m->input.environment;

    for (size_t i = 0; i < file->variable_count; i++)
        if (!has_variable(m, &file->variables[i]))
            return false;
    return true;
}

/* Or an update that does nothing would be a riddle. */
static void tell_limit(struct envm_modification *m)
{
    const struct envm_str_list *lines = &m->report->held_back;
    envm_str *items = envm_arena_new_array(m->arena, envm_str, lines->count + 1);
    ENVM_CLEANUP(envm_buf) struct envm_buf date = envm_buf_text();

    envm_moment_say(&date, m->input.terms.exclude_newer_ms);
    items[0] = envm_arena_printf(
        m->arena,
        "packages newer than %.*s are left out, as when the environment was made; "
        "--exclude-newer none takes them",
        ENVM_STR_ARGS(envm_buf_str(&date)));
    for (size_t i = 0; i < lines->count; i++)
        items[i + 1] = lines->items[i];
    m->report->held_back = (struct envm_str_list){items, lines->count + 1};
}

static enum envm_code find_held_back(struct envm_modification *m, struct envm_record_list after,
                                     struct envm_error *err)
{
    const struct envm_wish_list *list = envm_modify_updates_all(m) ? &m->requests : &m->asked;
    envm_str *names = envm_arena_new_array(m->arena, envm_str, list->count);
    size_t count = 0;

    if (m->options->mode != ENVM_MODIFY_UPDATE)
        return ENVM_OK;
    for (size_t i = 0; i < list->count; i++)
        if (list->items[i].name.len > 0)
            names[count++] = list->items[i].name;
    ENVM_TRY(envm_held_back(m->arena, &m->resolution, after, m->requests, m->asked,
                            (struct envm_str_list){names, count}, m->input.terms.exclude_newer_ms,
                            &m->report->held_back, err));
    if (m->inherits_limit)
        tell_limit(m);
    return ENVM_OK;
}

static enum envm_code make_plan(struct envm_modification *m, struct envm_error *err)
{
    struct envm_record_list after = envm_name_order(m->arena, m->after);
    struct envm_modify_sets sets = {
        .before = m->before,
        .after = after,
        .requests = m->requests,
        .asked = m->asked,
        .all = envm_modify_updates_all(m),
        .removes = m->options->mode == ENVM_MODIFY_REMOVE,
    };

    envm_modify_plan_make(m->arena, &sets, &m->report->entries, &m->report->entry_count);
    ENVM_TRY(find_held_back(m, after, err));
    m->report->packages = envm_report_view(m->arena, after);
    m->report->requests = m->input.spec_texts;
    m->report->nothing_to_do = m->report->entry_count == 0 && is_request_equal(m) &&
                               has_variables(m) &&
                               !envm_installed_owes_scripts(&m->installed, m->after, &m->scripts);
    if (m->options->show_plan)
        m->options->show_plan(m->options->user, m->report);
    return ENVM_OK;
}

static enum envm_code choose_packages(struct envm_modification *m, struct envm_error *err)
{
    enum envm_clobber_policy ignored;

    ENVM_TRY(envm_modify_policy(m, &ignored, err));
    ENVM_TRY(envm_script_consent_from(&m->context->config, m->arena, &m->options->scripts,
                                      &m->scripts, err));
    return m->options->mode == ENVM_MODIFY_REMOVE ? envm_modify_choose_removals(m, err)
                                                  : envm_modify_solve(m, err);
}

static enum envm_code modify(struct envm_modification *m, struct envm_error *err)
{
    ENVM_TRY(open_environment(m, err));
    ENVM_TRY(choose_packages(m, err));
    ENVM_TRY(make_plan(m, err));
    if (m->options->dry_run || m->report->nothing_to_do)
        return ENVM_OK;
    return envm_modify_apply(m, err);
}

enum envm_code envm_modify(struct envm_context *context, struct envm_memory *memory,
                           const struct envm_modify_options *options,
                           struct envm_modify_report *ret_report, struct envm_error *err)
{
    struct envm_modification m = {
        .context = context, .arena = &memory->arena, .options = options, .report = ret_report};

    *ret_report = (struct envm_modify_report){0};
    enum envm_code code = modify(&m, err);
    envm_change_release(m.change);
    return code;
}
