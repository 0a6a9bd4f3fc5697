/* SPDX-License-Identifier: MIT */
#include "env/modification.h"

#include <stdlib.h>

#include "base/error.h"
#include "env/lock_compose.h"
#include "env/modify_plan.h"
#include "env/settings.h"

/* --- carrying it out ---------------------------------------------------------------------- */

struct variables {
    const struct envm_environment_variable *items; /* sorted by name */
    size_t count;
};

/* Those of the file over those that were there. */
static struct variables merge_variables(struct envm_modification *m,
                                        const struct envm_environment_variable *old,
                                        size_t old_count)
{
    const struct envm_environment_spec *file = &m->input.environment;
    struct envm_environment_variable *items = envm_arena_new_array(
        m->arena, struct envm_environment_variable, old_count + file->variable_count);
    size_t count = 0;

    for (size_t i = 0; i < old_count; i++) {
        bool replaced = false;

        for (size_t k = 0; k < file->variable_count; k++)
            replaced |= envm_str_equal(file->variables[k].name, old[i].name);
        if (!replaced)
            items[count++] = old[i];
    }
    for (size_t k = 0; k < file->variable_count; k++)
        items[count++] = file->variables[k];
    if (count > 1)
        qsort(items, count, sizeof(*items), envm_environment_variable_compare);
    return (struct variables){items, count};
}

/* The lock that the environment keeps from now on: this platform's alone, as other platforms were
 * never asked for what was asked for now. */
static enum envm_code finish(void *user, const struct envm_transaction_result *result,
                             envm_str *ret_lock_text, struct envm_error *err)
{
    struct envm_modification *m = user;
    const struct envm_lockfile *old = &m->wishes.lock;
    struct variables variables =
        merge_variables(m, old->variables, m->wishes.has_lock ? old->variable_count : 0);
    struct envm_lock_block block = {
        .platform = m->input.platform,
        .packages = {envm_arena_new_array(m->arena, const struct envm_package_record *,
                                          m->after.count),
                     m->after.count},
        .virtual_packages = m->resolution.virtual_packages,
        .tree = result->tree,
        .provenance = m->resolution.provenance,
        .provenance_count = m->resolution.provenance_count,
    };

    for (size_t i = 0; i < m->after.count; i++)
        block.packages.items[i] = result->records[i];
    struct envm_lockfile lock = envm_lock_compose(m->arena, NULL, &m->input, &block);
    lock.variables = variables.items;
    lock.variable_count = variables.count;
    return envm_lock_text(m->arena, &lock, true, ret_lock_text, err);
}

static struct envm_transaction_package *plan_packages(struct envm_modification *m)
{
    struct envm_transaction_package *packages =
        envm_arena_new_array(m->arena, struct envm_transaction_package, m->after.count);

    for (size_t i = 0; i < m->after.count; i++)
        packages[i] = (struct envm_transaction_package){
            m->after.items[i], envm_wish_specs(m->arena, &m->requests, m->after.items[i])};
    return packages;
}

enum envm_code envm_modify_policy(const struct envm_modification *m,
                                  enum envm_clobber_policy *ret_policy, struct envm_error *err)
{
    return envm_clobber_policy_from(m->options->on_clobber, ret_policy, err);
}

static struct envm_str_list texts_of(struct envm_modification *m, const struct envm_wish_list *list)
{
    envm_str *items = envm_arena_new_array(m->arena, envm_str, list->count);

    for (size_t i = 0; i < list->count; i++)
        items[i] = list->items[i].text;
    return (struct envm_str_list){items, list->count};
}

enum envm_code envm_modify_apply(struct envm_modification *m, struct envm_error *err)
{
    const struct envm_config *config = &m->context->config;
    bool removes = m->options->mode == ENVM_MODIFY_REMOVE;
    struct variables variables = merge_variables(m, m->wishes.variables, m->wishes.variable_count);
    struct envm_change_result result = {0};
    struct envm_transaction_plan plan = {
        .platform = m->input.platform,
        .packages = plan_packages(m),
        .package_count = m->after.count,
        .variables = variables.items,
        .variable_count = variables.count,
        .keep_variables = m->input.environment.variable_count == 0,
        .update_specs = removes ? (struct envm_str_list){0} : texts_of(m, &m->asked),
        .remove_specs = removes ? texts_of(m, &m->asked) : (struct envm_str_list){0},
        .command_line = envm_str_from(m->options->command_line),
        .verify = m->options->verify,
        .link_mode = envm_link_mode_from(config->link_mode),
        .durability = envm_durability_from(config->durability),
        .scripts = &m->scripts,
        .script_timeout_s = (unsigned)config->link_script_timeout_secs,
        .network_variables = envm_script_network_variables(m->arena, m->context->environment),
        .threads = m->context->threads,
        .sink = &m->context->sink,
    };

    ENVM_TRY(envm_modify_policy(m, &plan.clobber, err));
    ENVM_TRY(envm_change_apply(m->change, &plan, finish, m, &result, err));
    m->report->tree = result.common.tree;
    m->report->downloaded = result.common.downloaded;
    m->report->scripts = result.common.scripts;
    m->report->kept_files = envm_modify_saved_lines(m->arena, &result.saved);
    for (size_t i = 0; i < m->after.count; i++)
        m->after.items[i] = result.common.records[i];
    m->report->packages = envm_report_view(m->arena, m->after);
    return ENVM_OK;
}
