/* SPDX-License-Identifier: MIT
 *
 * `activate`, `deactivate`, `hook` and `run`.
 */
#include <envm/activation.h>

#include <errno.h>

#include "base/error.h"
#include "env/environments.h"
#include "shell/activation.h"
#include "sys/process.h"

static enum envm_code find_shell(const char *name, enum envm_shell_kind *ret_shell,
                                 struct envm_error *err)
{
    if (name && envm_shell_from_name(envm_str_from(name), ret_shell))
        return ENVM_OK;
    (void)envm_fail(err, ENVM_USAGE, "\"%s\" is not a shell that envm knows", name ? name : "");
    return envm_error_hint(err, ENVM_USAGE, "the shells are bash, zsh, sh, dash and posix");
}

static enum envm_code read_inputs(struct envm_context *context, struct envm_arena *arena,
                                  envm_str prefix, struct envm_activation_inputs *ret_inputs,
                                  struct envm_error *err)
{
    ENVM_TRY_WRAP(
        envm_activation_inputs_read(arena, prefix, ".sh", &context->sink, ret_inputs, err), err,
        "reading what %.*s wants to be activated with", ENVM_STR_ARGS(prefix));
    return ENVM_OK;
}

/* The inputs of the environment in a variable, or false when it is unset or gone. */
static bool inputs_of_variable(struct envm_context *context, struct envm_arena *arena,
                               const char *variable, struct envm_activation_inputs *ret_inputs)
{
    const char *prefix = envm_environ_get(context->environment, variable);

    if (!prefix || prefix[0] != '/')
        return false;
    envm_activation_inputs_read_leaving(arena, envm_str_from(prefix), ".sh", &context->sink,
                                        ret_inputs);
    return true;
}

static enum envm_code print(struct envm_arena *arena, enum envm_shell_kind shell,
                            const struct envm_shell_ops *ops, envm_str *ret_code,
                            struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();

    ENVM_TRY(envm_shell_print(shell, ops, &out, err));
    *ret_code = envm_arena_str(arena, envm_buf_str(&out));
    return ENVM_OK;
}

enum envm_code envm_activate_code(struct envm_context *context, struct envm_memory *memory,
                                  const struct envm_activate_options *options, envm_str *ret_code,
                                  struct envm_error *err)
{
    struct envm_arena *arena = &memory->arena;
    const struct envm_activation_options how = {.stack = options->stack,
                                                .no_prompt = options->no_prompt};
    struct envm_activation_inputs target = {0};
    struct envm_activation_inputs old = {0};
    struct envm_shell_ops ops = {0};
    enum envm_shell_kind shell;
    envm_str prefix = {0};
    bool active;

    ENVM_TRY(find_shell(options->shell, &shell, err));
    ENVM_TRY(envm_find_environment(context, memory, &options->target, &prefix, err));
    ENVM_TRY(read_inputs(context, arena, prefix, &target, err));
    active = inputs_of_variable(context, arena, "CONDA_PREFIX", &old);
    ENVM_TRY(
        envm_activate(arena, context->environment, &target, active ? &old : NULL, &how, &ops, err));
    return print(arena, shell, &ops, ret_code, err);
}

enum envm_code envm_deactivate_code(struct envm_context *context, struct envm_memory *memory,
                                    const struct envm_activate_options *options, envm_str *ret_code,
                                    struct envm_error *err)
{
    struct envm_arena *arena = &memory->arena;
    const struct envm_activation_options how = {.no_prompt = options->no_prompt};
    struct envm_activation_inputs old = {0};
    struct envm_activation_inputs before = {0};
    struct envm_shell_ops ops = {0};
    const char *level = envm_environ_get(context->environment, "CONDA_SHLVL");
    enum envm_shell_kind shell;
    uint64_t number = 0;
    bool returning = false;

    ENVM_TRY(find_shell(options->shell, &shell, err));
    *ret_code = ENVM_STR("");
    if (!inputs_of_variable(context, arena, "CONDA_PREFIX", &old))
        return ENVM_OK;
    if (envm_str_parse_u64(envm_str_from(level), &number) && number > 1 && number < 1000)
        returning = inputs_of_variable(
            context, arena,
            envm_arena_printf(arena, "CONDA_PREFIX_%llu", (unsigned long long)(number - 1)).ptr,
            &before);
    ENVM_TRY(envm_deactivate(arena, context->environment, &old, returning ? &before : NULL, &how,
                             &ops, err));
    return print(arena, shell, &ops, ret_code, err);
}

enum envm_code envm_hook_code(struct envm_memory *memory, const char *shell, const char *program,
                              envm_str *ret_code, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    enum envm_shell_kind kind;

    ENVM_TRY(find_shell(shell, &kind, err));
    ENVM_TRY(envm_shell_hook(kind, envm_str_from(program), &out, err));
    *ret_code = envm_arena_str(&memory->arena, envm_buf_str(&out));
    return ENVM_OK;
}

enum envm_code envm_run(struct envm_context *context, const struct envm_target *target,
                        const char *const *argv, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    const struct envm_activation_options how = {.no_prompt = true};
    struct envm_activation_inputs inputs = {0};
    struct envm_activation_inputs old = {0};
    struct envm_shell_ops ops = {0};
    ENVM_CLEANUP(envm_fd) int fd = -1;
    envm_str prefix = {0};
    enum envm_code code;
    bool active;

    ENVM_TRY(envm_target_prefix(context, &arena, target, &prefix, err));
    ENVM_TRY(envm_prefix_open(context, &arena, prefix, &fd, err));
    ENVM_TRY(read_inputs(context, &arena, prefix, &inputs, err));
    active = inputs_of_variable(context, &arena, "CONDA_PREFIX", &old);
    ENVM_TRY(envm_activate(&arena, context->environment, &inputs, active ? &old : NULL, &how, &ops,
                           err));
    ENVM_TRY(envm_activation_apply(context->environment, &ops, err));
    code = envm_process_exec(argv, envm_environ_array(context->environment), err);
    if (err && (err->cause == ENOENT || err->cause == EACCES)) {
        err->code = ENVM_USAGE;
        return envm_error_hint(err, ENVM_USAGE, "`envm list` shows what the environment holds");
    }
    return code;
}
