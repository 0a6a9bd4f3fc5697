/* SPDX-License-Identifier: MIT
 *
 * What must not be deleted although it looks like an environment.
 */
#ifndef ENVM_PREFIX_PREFIX_GUARD_H
#define ENVM_PREFIX_PREFIX_GUARD_H

#include <envm/error.h>

/* To be asked before the whole folder `prefix_fd` (of path `path`) is removed or replaced.
 * ENVM_UNSAFE when it is the home folder or one above it, however that is spelled, and when its
 * envs folder holds other environments, as that of conda's base does. `home` may be NULL. */
enum envm_code envm_prefix_check_expendable(int prefix_fd, const char *path, const char *home,
                                            struct envm_error *err);

#endif
