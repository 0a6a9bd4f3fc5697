/* SPDX-License-Identifier: MIT
 *
 * Who needs a package: the question that `search --needs` puts to each record of a channel. Pure.
 */
#ifndef ENVM_ENV_SEARCH_NEEDS_H
#define ENVM_ENV_SEARCH_NEEDS_H

#include <envm/error.h>
#include <envm/package_record.h>

#include "conda/match_spec.h"

struct envm_search_needs {
    const struct envm_match_spec *spec;
    envm_str exact; /* the name, "" for a pattern */
};

/* A name or a pattern; in the arena. ENVM_USAGE when it is anything else. */
enum envm_code envm_search_needs_parse(struct envm_arena *arena, const char *text,
                                       struct envm_search_needs *ret_needs, struct envm_error *err);

/* The first dependency of the record on such a package, as written; "" when it has none. `scratch`
 * is for dependencies that have to be parsed. */
envm_str envm_search_needs_find(const struct envm_search_needs *needs,
                                const struct envm_package_record *record,
                                struct envm_arena *scratch);

#endif
