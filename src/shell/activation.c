/* SPDX-License-Identifier: MIT */
#include "shell/activation.h"

#include <stdio.h>

#include "base/error.h"
#include "base/map.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "shell/activation_path.h"
#include "shell/activation_prompt.h"

#define LEVEL_MAX 999

/* What one step changes, in the groups that are emitted one after the other. */
struct change_set {
    struct envm_arena *arena;
    const struct envm_environ *env;
    struct envm_activation_state state;
    ENVM_VEC(struct envm_shell_op) path, unsets, sets, exports;
    struct envm_map exported; /* name -> index in exports */
};

static void change_set_release(struct change_set *changes)
{
    envm_vec_release(&changes->path);
    envm_vec_release(&changes->unsets);
    envm_vec_release(&changes->sets);
    envm_vec_release(&changes->exports);
    envm_map_release(&changes->exported);
}
ENVM_DEFINE_CLEANUP(change_set, struct change_set, change_set_release)

static envm_str numbered(struct envm_arena *arena, const char *stem, unsigned number)
{
    return envm_arena_printf(arena, "%s%u", stem, number);
}

static envm_str saved_name(struct envm_arena *arena, unsigned level, envm_str name)
{
    return envm_arena_printf(arena, "__CONDA_SHLVL_%u_%.*s", level, ENVM_STR_ARGS(name));
}

static const char *get(const struct change_set *changes, envm_str name)
{
    return envm_environ_get(changes->env, envm_cstr(changes->arena, name));
}

static void export_variable(struct change_set *changes, envm_str name, envm_str value)
{
    bool is_new;
    uint64_t *place = envm_map_get(&changes->exported, name, &is_new);
    struct envm_shell_op op = {ENVM_OP_EXPORT, name, value};

    if (!is_new) {
        changes->exports.items[*place].value = value;
        return;
    }
    *place = changes->exports.count;
    envm_vec_push(&changes->exports, op);
}

static void unset_variable(struct change_set *changes, envm_str name)
{
    struct envm_shell_op op = {ENVM_OP_UNSET, name, {0}};

    envm_vec_push(&changes->unsets, op);
}

static void set_prompt(struct change_set *changes, const struct envm_activation_options *options,
                       envm_str modifier)
{
    struct envm_shell_op op = {ENVM_OP_SET, ENVM_STR_INIT("PS1"), {0}};

    if (!options->no_prompt &&
        envm_activation_ps1(changes->arena, changes->env, modifier, &op.value))
        envm_vec_push(&changes->sets, op);
}

static envm_str prompt_modifier(const struct change_set *changes, enum envm_activation_step step,
                                const struct envm_activation_inputs *shown, envm_str name,
                                const struct envm_activation_options *options)
{
    if (options->no_prompt)
        return ENVM_STR("");
    return envm_activation_prompt(changes->arena, changes->env, step, shown->prefix, name,
                                  options->prompt);
}

/* The variables that say which environment is active. */
static void export_identity(struct change_set *changes, const struct envm_activation_inputs *inputs,
                            unsigned level, envm_str modifier)
{
    export_variable(changes, ENVM_STR("CONDA_PREFIX"), inputs->prefix);
    export_variable(changes, ENVM_STR("CONDA_SHLVL"), numbered(changes->arena, "", level));
    export_variable(changes, ENVM_STR("CONDA_DEFAULT_ENV"), inputs->name);
    export_variable(changes, ENVM_STR("CONDA_PROMPT_MODIFIER"), modifier);
}

static void add_scripts(struct envm_shell_ops *ops, const struct envm_str_list *scripts)
{
    for (size_t i = 0; scripts && i < scripts->count; i++)
        ops->items[ops->count++] = (struct envm_shell_op){ENVM_OP_SOURCE, {0}, scripts->items[i]};
}

static void add_ops(struct envm_shell_ops *ops, const struct envm_shell_op *items, size_t count)
{
    if (count > 0)
        memcpy(ops->items + ops->count, items, count * sizeof(*items));
    ops->count += count;
}

/* conda's order: PATH of a deactivation, old scripts, unsets, PS1, exports, new scripts. */
static struct envm_shell_ops assemble(const struct change_set *changes,
                                      const struct envm_str_list *deactivate_scripts,
                                      const struct envm_str_list *activate_scripts)
{
    size_t capacity = changes->path.count + changes->unsets.count + changes->sets.count +
                      changes->exports.count +
                      (deactivate_scripts ? deactivate_scripts->count : 0) +
                      (activate_scripts ? activate_scripts->count : 0);
    struct envm_shell_ops ops = {
        .items = envm_arena_new_array(changes->arena, struct envm_shell_op, capacity)};

    add_ops(&ops, changes->path.items, changes->path.count);
    add_scripts(&ops, deactivate_scripts);
    add_ops(&ops, changes->unsets.items, changes->unsets.count);
    add_ops(&ops, changes->sets.items, changes->sets.count);
    add_ops(&ops, changes->exports.items, changes->exports.count);
    add_scripts(&ops, activate_scripts);
    return ops;
}

struct envm_activation_state envm_activation_state_read(const struct envm_environ *env)
{
    struct envm_activation_state state = {0};
    char name[40];
    uint64_t level;

    if (!envm_str_parse_u64(envm_str_trim(envm_str_from(envm_environ_get(env, "CONDA_SHLVL"))),
                            &level) ||
        level > LEVEL_MAX)
        return state;
    state.prefix = envm_str_from(envm_environ_get(env, "CONDA_PREFIX"));
    if (level == 0 || state.prefix.len == 0)
        return (struct envm_activation_state){0};
    state.level = (unsigned)level;
    if (level > 1) {
        snprintf(name, sizeof(name), "CONDA_PREFIX_%u", state.level - 1);
        state.previous = envm_str_from(envm_environ_get(env, name));
    }
    return state;
}

envm_str envm_activation_name(envm_str prefix)
{
    size_t slash = envm_str_find_last_char(prefix, '/');

    if (slash != SIZE_MAX && slash + 1 < prefix.len &&
        (envm_str_ends_with(envm_str_slice(prefix, 0, slash), ENVM_STR("/envs"))))
        return envm_str_skip(prefix, slash + 1);
    return prefix;
}

static enum envm_code check_prefix(envm_str prefix, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();
    bool has_control = false;

    for (size_t i = 0; i < prefix.len; i++)
        has_control |= (unsigned char)prefix.ptr[i] < 0x20 || prefix.ptr[i] == 0x7f;
    if (prefix.len > 0 && *prefix.ptr == '/' && !has_control &&
        !envm_str_contains(prefix, ENVM_STR(":")))
        return ENVM_OK;
    envm_buf_add_escaped(&shown, prefix, 256);
    envm_fail(err, ENVM_USAGE, "the prefix '%s' cannot stand in PATH", envm_buf_str(&shown).ptr);
    return envm_error_hint(err, ENVM_USAGE,
                           "use an absolute path without ':' and control characters");
}

/* The environment's own variables; with `save_level` the values they hide are kept for
 * deactivate. */
static void export_own(struct change_set *changes, const struct envm_activation_inputs *inputs,
                       bool save)
{
    for (size_t i = 0; i < inputs->variable_count; i++) {
        const struct envm_activation_variable *variable = &inputs->variables[i];
        const char *hidden;

        if (variable->unset)
            continue;
        hidden = save ? get(changes, variable->name) : NULL;
        if (hidden)
            export_variable(changes,
                            saved_name(changes->arena, changes->state.level, variable->name),
                            envm_str_from(hidden));
        export_variable(changes, variable->name, variable->value);
    }
}

static void reactivate(struct change_set *changes, const struct envm_activation_inputs *target,
                       const struct envm_activation_options *options,
                       struct envm_shell_ops *ret_ops)
{
    const char *active_name = envm_environ_get(changes->env, "CONDA_DEFAULT_ENV");
    envm_str modifier =
        prompt_modifier(changes, ENVM_STEP_REACTIVATE, target,
                        active_name ? envm_str_from(active_name) : target->name, options);

    export_variable(changes, ENVM_STR("PATH"),
                    envm_activation_path_replace(changes->arena,
                                                 envm_environ_get(changes->env, "PATH"),
                                                 target->prefix, target->prefix));
    export_variable(changes, ENVM_STR("CONDA_SHLVL"),
                    numbered(changes->arena, "", changes->state.level));
    export_variable(changes, ENVM_STR("CONDA_PROMPT_MODIFIER"), modifier);
    for (size_t i = 0; i < target->variable_count; i++)
        if (target->variables[i].unset)
            unset_variable(changes, target->variables[i].name);
    export_own(changes, target, false);
    set_prompt(changes, options, modifier);
    *ret_ops = assemble(changes, &target->deactivate_scripts, &target->activate_scripts);
}

enum envm_code envm_activate(struct envm_arena *arena, const struct envm_environ *env,
                             const struct envm_activation_inputs *target,
                             const struct envm_activation_inputs *old,
                             const struct envm_activation_options *options,
                             struct envm_shell_ops *ret_ops, struct envm_error *err)
{
    ENVM_CLEANUP(change_set)
    struct change_set changes = {
        .arena = arena, .env = env, .state = envm_activation_state_read(env)};
    const char *path = envm_environ_get(env, "PATH");
    unsigned level = changes.state.level;
    bool replaces = level > 0 && !options->stack;
    envm_str modifier;

    ENVM_TRY(check_prefix(target->prefix, err));
    if (level > 0 && envm_str_equal(changes.state.prefix, target->prefix)) {
        reactivate(&changes, target, options, ret_ops);
        return ENVM_OK;
    }
    modifier = prompt_modifier(&changes, options->stack ? ENVM_STEP_STACK : ENVM_STEP_ACTIVATE,
                               target, target->name, options);
    export_variable(
        &changes, ENVM_STR("PATH"),
        replaces ? envm_activation_path_replace(arena, path, changes.state.prefix, target->prefix)
                 : envm_activation_path_add(arena, path, target->prefix));
    export_identity(&changes, target, level + 1, modifier);
    export_own(&changes, target, true);
    if (level > 0)
        export_variable(&changes, numbered(arena, "CONDA_PREFIX_", level), changes.state.prefix);
    if (level > 0 && options->stack)
        export_variable(&changes, numbered(arena, "CONDA_STACKED_", level + 1), ENVM_STR("true"));
    set_prompt(&changes, options, modifier);
    *ret_ops = assemble(&changes, replaces && old ? &old->deactivate_scripts : NULL,
                        &target->activate_scripts);
    return ENVM_OK;
}

/* Takes the variables of the environment that is left away again, and gives back what they hid. */
static void restore_hidden(struct change_set *changes, const struct envm_activation_inputs *old,
                           unsigned new_level)
{
    for (size_t i = 0; i < old->variable_count; i++) {
        envm_str saved = saved_name(changes->arena, new_level, old->variables[i].name);
        const char *hidden = get(changes, saved);

        unset_variable(changes, old->variables[i].name);
        if (!hidden)
            continue;
        unset_variable(changes, saved);
        export_variable(changes, old->variables[i].name, envm_str_from(hidden));
    }
}

static void leave_last(struct change_set *changes, const struct envm_activation_inputs *old)
{
    for (unsigned level = changes->state.level; level > 1; level--)
        unset_variable(changes, numbered(changes->arena, "CONDA_PREFIX_", level - 1));
    unset_variable(changes, ENVM_STR("CONDA_PREFIX"));
    unset_variable(changes, ENVM_STR("CONDA_DEFAULT_ENV"));
    unset_variable(changes, ENVM_STR("CONDA_PROMPT_MODIFIER"));
    export_variable(changes, ENVM_STR("CONDA_SHLVL"), ENVM_STR("0"));
    restore_hidden(changes, old, changes->state.level - 1);
}

static void step_back(struct change_set *changes, const struct envm_activation_inputs *old,
                      const struct envm_activation_inputs *returning_to, envm_str modifier)
{
    unsigned new_level = changes->state.level - 1;

    unset_variable(changes, numbered(changes->arena, "CONDA_PREFIX_", new_level));
    export_identity(changes, returning_to, new_level, modifier);
    export_own(changes, returning_to, false);
    restore_hidden(changes, old, new_level);
}

static void push_path(struct change_set *changes, envm_str value)
{
    struct envm_shell_op op = {ENVM_OP_EXPORT, ENVM_STR_INIT("PATH"), value};

    envm_vec_push(&changes->path, op);
}

enum envm_code envm_deactivate(struct envm_arena *arena, const struct envm_environ *env,
                               const struct envm_activation_inputs *old,
                               const struct envm_activation_inputs *returning_to,
                               const struct envm_activation_options *options,
                               struct envm_shell_ops *ret_ops, struct envm_error *err)
{
    ENVM_CLEANUP(change_set)
    struct change_set changes = {
        .arena = arena, .env = env, .state = envm_activation_state_read(env)};
    const char *path = envm_environ_get(env, "PATH");
    bool last = changes.state.level < 2 || !returning_to;
    envm_str stacked = numbered(arena, "CONDA_STACKED_", changes.state.level);
    bool was_stacked = get(&changes, stacked) != NULL;
    envm_str modifier = ENVM_STR("");

    *ret_ops = (struct envm_shell_ops){0};
    if (changes.state.level == 0 || !old)
        return ENVM_OK;
    if (!last) {
        ENVM_TRY(check_prefix(returning_to->prefix, err));
        modifier = prompt_modifier(&changes, ENVM_STEP_DEACTIVATE, returning_to, returning_to->name,
                                   options);
    }
    push_path(&changes, envm_activation_path_replace(arena, path, changes.state.prefix,
                                                     last || was_stacked ? (envm_str){0}
                                                                         : returning_to->prefix));
    if (was_stacked)
        unset_variable(&changes, stacked);
    if (last)
        leave_last(&changes, old);
    else
        step_back(&changes, old, returning_to, modifier);
    set_prompt(&changes, options, modifier);
    *ret_ops =
        assemble(&changes, &old->deactivate_scripts, last ? NULL : &returning_to->activate_scripts);
    return ENVM_OK;
}

enum envm_code envm_activation_apply(struct envm_environ *env, const struct envm_shell_ops *ops,
                                     struct envm_error *err)
{
    for (size_t i = 0; i < ops->count; i++) {
        const struct envm_shell_op *op = &ops->items[i];

        if (op->kind == ENVM_OP_EXPORT && op->value.len > 0 &&
            memchr(op->value.ptr, 0, op->value.len))
            return envm_fail(err, ENVM_UNSAFE, "the value of %.*s contains a NUL byte",
                             ENVM_STR_ARGS(op->name));
        if (op->kind == ENVM_OP_EXPORT)
            envm_environ_set(env, op->name, op->value);
        else if (op->kind == ENVM_OP_UNSET)
            envm_environ_unset(env, op->name);
    }
    return ENVM_OK;
}
