/* SPDX-License-Identifier: MIT
 *
 * Activation as a pure function: environment before + what the prefix says -> what has to change
 * (conda/activate.py is the authority, CEP 32); a dialect then prints it for a shell.
 */
#ifndef ENVM_SHELL_ACTIVATION_H
#define ENVM_SHELL_ACTIVATION_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/sink.h"
#include "sys/environ.h"

enum envm_shell_kind {
    ENVM_SHELL_POSIX, /* sh, dash */
    ENVM_SHELL_BASH,
    ENVM_SHELL_ZSH,
};

/* What the prefix brings; read by the caller (envm_activation_inputs). */
struct envm_activation_inputs {
    envm_str prefix;      /* absolute */
    envm_str name;        /* CONDA_DEFAULT_ENV: basename below an envs folder, else the path */
    struct envm_str_list activate_scripts;   /* absolute paths, sorted */
    struct envm_str_list deactivate_scripts; /* absolute paths, reversed */
    const struct envm_activation_variable {
        envm_str name, value;
        bool unset;
    } *variables;
    size_t variable_count;
};
/* Reads etc/conda/{activate.d,deactivate.d,env_vars.d} and conda-meta/state of a prefix. `extension`
 * is the shell's (".sh"). Refused variable names are warned about. */
enum envm_code envm_activation_inputs_read(struct envm_arena *arena, envm_str prefix,
                                           const char *extension, const struct envm_sink *sink,
                                           struct envm_activation_inputs *ret_inputs,
                                           struct envm_error *err);

enum envm_shell_op_kind {
    ENVM_OP_EXPORT,
    ENVM_OP_UNSET,
    ENVM_OP_SET, /* shell variable, not exported (PS1) */
    ENVM_OP_SOURCE,
};
struct envm_shell_op {
    enum envm_shell_op_kind kind;
    envm_str name, value; /* SOURCE: value is the script */
};
struct envm_shell_ops {
    struct envm_shell_op *items;
    size_t count;
};

struct envm_activation_options {
    bool stack;
    bool no_prompt;  /* leave PS1 alone */
    envm_str prompt; /* template, default "({default_env}) " */
};

/* `env` is the environment before. For `old` (the active environment, deactivated or replaced)
 * pass its inputs, or NULL when none is active. */
enum envm_code envm_activate(struct envm_arena *arena, const struct envm_environ *env,
                             const struct envm_activation_inputs *target,
                             const struct envm_activation_inputs *old,
                             const struct envm_activation_options *options,
                             struct envm_shell_ops *ret_ops, struct envm_error *err);
/* `returning_to` is the environment of CONDA_PREFIX_{n-1}, or NULL. */
enum envm_code envm_deactivate(struct envm_arena *arena, const struct envm_environ *env,
                               const struct envm_activation_inputs *old,
                               const struct envm_activation_inputs *returning_to,
                               const struct envm_activation_options *options,
                               struct envm_shell_ops *ret_ops, struct envm_error *err);

/* Prints for `eval`: values quoted byte-exactly. */
enum envm_code envm_shell_print(enum envm_shell_kind shell, const struct envm_shell_ops *ops,
                                struct envm_buf *out, struct envm_error *err);
/* The function that a shell's rc file evals; `program` is the absolute path of envm. */
enum envm_code envm_shell_hook(enum envm_shell_kind shell, envm_str program, struct envm_buf *out,
                               struct envm_error *err);
bool envm_shell_from_name(envm_str name, enum envm_shell_kind *ret_shell);
/* The environment that `run` gives its child: target activated on `env`, scripts not run. */
enum envm_code envm_activation_apply(struct envm_environ *env, const struct envm_shell_ops *ops,
                                     struct envm_error *err);

#endif
