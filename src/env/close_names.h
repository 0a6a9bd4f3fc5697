/* SPDX-License-Identifier: MIT
 *
 * Names that somebody who typed another one may have meant.
 */
#ifndef ENVM_ENV_CLOSE_NAMES_H
#define ENVM_ENV_CLOSE_NAMES_H

#include "conda/package_source.h"

/* Up to three names of the sources that are close to `name`, nearest first; in the arena. */
struct envm_str_list envm_close_names(struct envm_arena *arena,
                                      const struct envm_package_source *const *sources,
                                      size_t count, envm_str name);

/* "a, b, c and 12 more", in the arena. */
envm_str envm_join_names(struct envm_arena *arena, struct envm_str_list list);

#endif
