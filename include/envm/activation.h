/* SPDX-License-Identifier: MIT
 *
 * Using an environment: code for shells, and running a program without one.
 */
#ifndef ENVM_ACTIVATION_H
#define ENVM_ACTIVATION_H

#include <envm/environment.h>

#ifdef __cplusplus
extern "C" {
#endif

struct envm_activate_options {
    const char *shell; /* "bash", "zsh", "sh", "dash", "posix" */
    struct envm_target target;
    bool stack;
    bool no_prompt;
};
/* Code that a shell evals; values are quoted byte-exactly. */
ENVM_API ENVM_MUST_CHECK enum envm_code
envm_activate_code(struct envm_context *context, struct envm_memory *memory,
                   const struct envm_activate_options *options, envm_str *ret_code,
                   struct envm_error *err);
/* The same for leaving the active environment; no code when none is active. */
ENVM_API ENVM_MUST_CHECK enum envm_code
envm_deactivate_code(struct envm_context *context, struct envm_memory *memory,
                     const struct envm_activate_options *options, envm_str *ret_code,
                     struct envm_error *err);
/* The function that an rc file evals. `program` is the absolute path of the envm program. */
ENVM_API ENVM_MUST_CHECK enum envm_code envm_hook_code(struct envm_memory *memory,
                                                       const char *shell, const char *program,
                                                       envm_str *ret_code, struct envm_error *err);

/* Replaces the process with `argv` in the environment of the target (PATH, CONDA_*, variables; the
 * scripts of activate.d need a shell and are not run). Returns only on failure: ENVM_USAGE with
 * cause ENOENT or EACCES when the program cannot be found or run. */
ENVM_API ENVM_MUST_CHECK enum envm_code envm_run(struct envm_context *context,
                                                 const struct envm_target *target,
                                                 const char *const *argv, struct envm_error *err);

#ifdef __cplusplus
}
#endif
#endif
