/* SPDX-License-Identifier: MIT
 *
 * Names and prefixes: $ROOT/envs/NAME, the active environment, the list that conda's tools share.
 */
#ifndef ENVM_ENV_ENVIRONMENTS_H
#define ENVM_ENV_ENVIRONMENTS_H

#include <envm/environment.h>

#include "conda/link_script.h"
#include "env/context.h"
#include "prefix/prefix_record.h"

/* Where the target is or would be, absolute. Neither name nor prefix: the active environment
 * ($CONDA_PREFIX), else ENVM_USAGE. Nothing is looked up on disk. */
enum envm_code envm_target_prefix(struct envm_context *context, struct envm_arena *arena,
                                  const struct envm_target *target, envm_str *ret_prefix,
                                  struct envm_error *err);

/* The name of a prefix, with which -n finds it: its last component when it lies directly below the
 * root's envs folder, else "". */
envm_str envm_prefix_name(struct envm_context *context, envm_str prefix);

enum envm_prefix_state {
    ENVM_PREFIX_ABSENT,
    ENVM_PREFIX_EMPTY,       /* an empty directory */
    ENVM_PREFIX_ENVIRONMENT, /* has conda-meta/history */
    ENVM_PREFIX_FOREIGN,     /* anything else */
};
enum envm_prefix_state envm_prefix_state(envm_str prefix);

/* The platform that the installed packages are for; this machine's when they do not say. */
envm_str envm_installed_platform(const struct envm_prefix_record_list *records);

/* Opens an existing environment for reading, or fails with ENVM_USAGE that says what is there
 * instead. Warns of a change that is going on or was interrupted. */
enum envm_code envm_prefix_open(struct envm_context *context, struct envm_arena *arena,
                                envm_str prefix, int *ret_fd, struct envm_error *err);

/* Whether a script of an installed package was agreed to only now, so that the package is linked
 * once more. The records have to be loaded with their paths. */
bool envm_installed_owes_scripts(const struct envm_prefix_record_list *installed,
                                 struct envm_record_list packages,
                                 const struct envm_script_consent *consent);
/* Whether these very packages (by name) are installed, and no others, with the consent to link
 * scripts that there is now (by name: only if their paths were loaded). */
bool envm_installed_is_same(const struct envm_prefix_record_list *installed,
                            struct envm_record_list wanted,
                            const struct envm_script_consent *consent);

/* What every command does first that is about to change, replace or remove what stands at a prefix:
 * link scripts that were killed there are undone. ENVM_LOCKED while others run; ENVM_IO. */
enum envm_code envm_prefix_undo_trial(struct envm_context *context, struct envm_arena *arena,
                                      envm_str prefix, struct envm_error *err);

/* ~/.conda/environments.txt, one prefix a line, which conda, mamba and others read and write.
 * Best effort: failures are reported at debug level only. */
/* Its path, "" without a home. */
envm_str envm_registry_path(struct envm_context *context, struct envm_arena *arena);
void envm_registry_add(struct envm_context *context, envm_str prefix);
void envm_registry_remove(struct envm_context *context, envm_str prefix);
struct envm_str_list envm_registry_read(struct envm_context *context, struct envm_arena *arena);

#endif
