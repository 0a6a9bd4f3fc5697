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

/* What is active in `env`. A CONDA_SHLVL that is no small decimal number, or one without a
 * CONDA_PREFIX, counts as "nothing active". The slices live as long as `env`. */
struct envm_activation_state {
    unsigned level;    /* CONDA_SHLVL */
    envm_str prefix;   /* CONDA_PREFIX; empty at level 0 */
    envm_str previous; /* CONDA_PREFIX_{level-1}: where deactivate goes; empty: to nothing */
};
struct envm_activation_state envm_activation_state_read(const struct envm_environ *env);

/* What the prefix brings; read by the caller (envm_activation_inputs_read). */
struct envm_activation_inputs {
    envm_str prefix; /* absolute */
    envm_str name;   /* CONDA_DEFAULT_ENV: basename below an envs folder, else the path */
    struct envm_str_list activate_scripts;   /* absolute paths, sorted */
    struct envm_str_list deactivate_scripts; /* absolute paths, reversed */
    const struct envm_activation_variable {
        envm_str name, value;
        bool unset;
    } * variables;
    size_t variable_count;
};
/* Reads etc/conda/{activate.d,deactivate.d,env_vars.d} and conda-meta/state of a prefix.
 * `extension` is the shell's (".sh"). Scripts are sorted by bytes; only regular files that belong
 * to the prefix's owner or to root count. Refused scripts and variables (reserved or invalid names,
 * values that no process can be given) are warned about. A prefix that does not exist brings
 * nothing. ENVM_MALFORMED when a file is not the JSON it should be. Everything is copied into the
 * arena. */
enum envm_code envm_activation_inputs_read(struct envm_arena *arena, envm_str prefix,
                                           const char *extension, const struct envm_sink *sink,
                                           struct envm_activation_inputs *ret_inputs,
                                           struct envm_error *err);

/* The same for an environment that is being left, which must never fail: what cannot be read is
 * warned about, what is refused is not named again, and the rest counts. */
void envm_activation_inputs_read_leaving(struct envm_arena *arena, envm_str prefix,
                                         const char *extension, const struct envm_sink *sink,
                                         struct envm_activation_inputs *ret_inputs);
/* CONDA_DEFAULT_ENV of a prefix: its last component below a folder "envs", else the path. */
envm_str envm_activation_name(envm_str prefix);

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
 * pass its inputs, or NULL when none is active. The active prefix again is a reactivation.
 * ENVM_USAGE when the prefix cannot stand in PATH (a colon, a control character, not absolute).
 * The ops live in the arena, and point into `env` and the inputs. Done as conda does, except that
 * names of variables keep their case, PS1 is left alone where it is unset or empty, and a saved
 * value (__CONDA_SHLVL_n_NAME) is unset once it is restored. */
enum envm_code envm_activate(struct envm_arena *arena, const struct envm_environ *env,
                             const struct envm_activation_inputs *target,
                             const struct envm_activation_inputs *old,
                             const struct envm_activation_options *options,
                             struct envm_shell_ops *ret_ops, struct envm_error *err);
/* `returning_to` is the environment of CONDA_PREFIX_{n-1}, or NULL. No ops when nothing is active.
 */
enum envm_code envm_deactivate(struct envm_arena *arena, const struct envm_environ *env,
                               const struct envm_activation_inputs *old,
                               const struct envm_activation_inputs *returning_to,
                               const struct envm_activation_options *options,
                               struct envm_shell_ops *ret_ops, struct envm_error *err);

/* Prints for `eval`: values quoted byte-exactly, variables really unset (which `set -u` allows),
 * and scripts sourced with -e and -u off, because packages' scripts are not written for them; both
 * are put back afterwards. The code contains no comment and ends with status 0. ENVM_UNSAFE for a
 * name that is no shell variable or a value with a NUL. */
enum envm_code envm_shell_print(enum envm_shell_kind shell, const struct envm_shell_ops *ops,
                                struct envm_buf *out, struct envm_error *err);
/* Appends s as one single-quoted word. */
void envm_shell_quote(struct envm_buf *out, envm_str s);
/* The function that a shell's rc file evals; `program` is the absolute path of envm. The function
 * takes `envm activate` and `envm deactivate` (run with --shell NAME) and hands everything else to
 * the program, also these two with --help, --json or --shell. */
enum envm_code envm_shell_hook(enum envm_shell_kind shell, envm_str program, struct envm_buf *out,
                               struct envm_error *err);
/* "bash", "zsh", "posix", "sh", "dash". */
bool envm_shell_from_name(envm_str name, enum envm_shell_kind *ret_shell);
/* "bash", "zsh", "posix". */
const char *envm_shell_name(enum envm_shell_kind shell);
/* The environment that `run` gives its child: target activated on `env`, scripts not run. */
enum envm_code envm_activation_apply(struct envm_environ *env, const struct envm_shell_ops *ops,
                                     struct envm_error *err);

#endif
