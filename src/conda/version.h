/* SPDX-License-Identifier: MIT
 *
 * Version: parsed once, compared often (CEP 33). Digit runs of any length are compared as numbers.
 */
#ifndef ENVM_CONDA_VERSION_H
#define ENVM_CONDA_VERSION_H

#include <envm/version.h>

#include "base/arena.h"
#include "base/str.h"

struct envm_version; /* in the arena it was parsed into */

#define ENVM_VERSION_LENGTH_MAX 256

enum envm_code envm_version_parse(struct envm_arena *arena, envm_str text,
                                  const struct envm_version **ret_version, struct envm_error *err);
/* -1, 0, 1 */
int envm_version_compare(const struct envm_version *a, const struct envm_version *b);
/* What `=1.8` and `1.8.*` ask: version starts with prefix, segment by segment. */
bool envm_version_starts_with(const struct envm_version *version,
                              const struct envm_version *prefix);
/* The text it was parsed from. */
envm_str envm_version_text(const struct envm_version *version);

#endif
