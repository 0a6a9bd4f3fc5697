/* SPDX-License-Identifier: MIT
 *
 * A copy of the process environment that can be changed and handed to a child. Sorted by name.
 */
#ifndef ENVM_SYS_ENVIRON_H
#define ENVM_SYS_ENVIRON_H

#include <envm/error.h>

#include "base/arena.h"

struct envm_environ; /* lives in the arena */

/* From a NULL-terminated "NAME=value" array (pass `environ` of the program). */
struct envm_environ *envm_environ_from(struct envm_arena *arena, const char *const *environment);
/* NULL when unset; NUL-terminated. */
const char *envm_environ_get(const struct envm_environ *env, const char *name);
void envm_environ_set(struct envm_environ *env, envm_str name, envm_str value);
void envm_environ_unset(struct envm_environ *env, envm_str name);
/* NULL-terminated "NAME=value" array in the arena, sorted by name. */
const char *const *envm_environ_array(struct envm_environ *env);

#endif
