/* SPDX-License-Identifier: MIT
 *
 * PATH with a prefix's bin put in, replaced or taken out. Other entries are kept byte for byte. An
 * unset or empty PATH counts as "/usr/bin:/bin": an empty one would mean the current directory.
 */
#ifndef ENVM_SHELL_ACTIVATION_PATH_H
#define ENVM_SHELL_ACTIVATION_PATH_H

#include "base/arena.h"

/* <prefix>/bin in front. `path` may be NULL; the result lives in the arena. */
envm_str envm_activation_path_add(struct envm_arena *arena, const char *path, envm_str prefix);

/* The first <old_prefix>/bin becomes <new_prefix>/bin in its place (in front when it is not there),
 * or goes away when new_prefix is empty. */
envm_str envm_activation_path_replace(struct envm_arena *arena, const char *path,
                                      envm_str old_prefix, envm_str new_prefix);

#endif
