/* SPDX-License-Identifier: MIT
 *
 * The string matching of MatchSpecs (CEP 29): `^…$` is a regular expression, `*` makes a glob,
 * everything else stands for itself. Without regard to ASCII case. Matching takes no memory and
 * linear time in the text.
 */
#ifndef ENVM_CONDA_PATTERN_H
#define ENVM_CONDA_PATTERN_H

#include <envm/error.h>

#include "base/arena.h"
#include "conda/regex_program.h"

enum envm_pattern_kind {
    ENVM_PATTERN_ANY, /* absent, or nothing but stars */
    ENVM_PATTERN_EXACT,
    ENVM_PATTERN_GLOB,
    ENVM_PATTERN_REGEX,
};

struct envm_pattern { /* zeroed: matches everything */
    enum envm_pattern_kind kind;
    envm_str text; /* as written, in the arena */
    const struct envm_regex *regex;
};

/* ENVM_MALFORMED when it starts like a regular expression and is none. */
enum envm_code envm_pattern_parse(struct envm_arena *arena, envm_str text,
                                  struct envm_pattern *ret_pattern, struct envm_error *err);
bool envm_pattern_matches(const struct envm_pattern *pattern, envm_str text);

#endif
