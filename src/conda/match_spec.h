/* SPDX-License-Identifier: MIT
 *
 * MatchSpec: the parsed form. Parsing is in match_spec_parse.c, printing in match_spec_format.c.
 */
#ifndef ENVM_CONDA_MATCH_SPEC_H
#define ENVM_CONDA_MATCH_SPEC_H

#include <envm/match_spec.h>

#include "base/arena.h"
#include "base/str.h"
#include "conda/version.h"

#define ENVM_MATCH_SPEC_LENGTH_MAX 4096

/* Parses `text`. ENVM_MALFORMED with a sentence that says what is wrong and where in the text; the
 * caller turns it into ENVM_USAGE for the command line. A bare URL or path to a package file is
 * accepted (CEP 29) and sets `url`. */
enum envm_code envm_match_spec_parse(struct envm_arena *arena, envm_str text,
                                     const struct envm_match_spec **ret_spec,
                                     struct envm_error *err);
/* Canonical form (CEP 29, Appendix A); parses back to an equal spec. */
envm_str envm_match_spec_format(struct envm_arena *arena, const struct envm_match_spec *spec);
/* For people: name, version and build apart by spaces, as channels write dependencies, where that
 * is all; else the canonical form. Parses back to an equal spec too. */
envm_str envm_match_spec_readable(struct envm_arena *arena, const struct envm_match_spec *spec);
/* The text it was parsed from. */
envm_str envm_match_spec_text(const struct envm_match_spec *spec);

/* The exact name, lower case, or "" when the name is a glob or regex (then matching is needed over
 * all names). */
envm_str envm_match_spec_exact_name(const struct envm_match_spec *spec);
/* What exact_name cannot answer for globs and regexes: does the spec mean this name? */
bool envm_match_spec_matches_name(const struct envm_match_spec *spec, envm_str name);
/* The channel, subdir, build and URL parts, "" when absent. */
envm_str envm_match_spec_channel(const struct envm_match_spec *spec);
envm_str envm_match_spec_subdir(const struct envm_match_spec *spec);
envm_str envm_match_spec_build(const struct envm_match_spec *spec);
envm_str envm_match_spec_url(const struct envm_match_spec *spec);
/* A condition (CEP 43) in postfix order: specs, and the operators that join the two results before
 * them. There is at least one step, and the steps are well-formed. */
enum envm_condition_op {
    ENVM_CONDITION_SPEC, /* true when something that is there matches */
    ENVM_CONDITION_AND,
    ENVM_CONDITION_OR,
};
struct envm_condition_step {
    enum envm_condition_op op;
    const struct envm_match_spec *spec; /* SPEC: has an exact name, no condition and no extras */
};
struct envm_condition {
    const struct envm_condition_step *steps;
    size_t count;
};
#define ENVM_CONDITION_STEPS_MAX 255

/* The condition under which the spec has to be met, no part of matching: NULL when it always has
 * to be. */
const struct envm_condition *envm_match_spec_condition(const struct envm_match_spec *spec);
/* The same as written, "" for none. */
envm_str envm_match_spec_when(const struct envm_match_spec *spec);
/* The groups of optional dependencies it asks for (CEP 44), no part of matching. */
struct envm_str_list envm_match_spec_extras(const struct envm_match_spec *spec);
/* Patterns of flags (CEP 45), part of matching: a record has to have one for each. */
struct envm_str_list envm_match_spec_flags(const struct envm_match_spec *spec);
/* In words, without condition and extras: "name version build" as written where that says it all,
 * else the canonical form. */
envm_str envm_match_spec_plain(struct envm_arena *arena, const struct envm_match_spec *spec);
/* NULL when every version will do. */
struct envm_version_spec;
const struct envm_version_spec *envm_match_spec_version(const struct envm_match_spec *spec);
bool envm_match_spec_has_version(const struct envm_match_spec *spec);
/* Matches everything but the version (for explanations: "name exists, version does not"). */
bool envm_match_spec_matches_without_version(const struct envm_match_spec *spec,
                                             const struct envm_package_record *record);
/* As envm_match_spec_matches with the record's version already parsed: the solver's hot path.
 * `version` may be NULL for a record whose version is none: specs that ask for one do not match. */
bool envm_match_spec_matches_parsed(const struct envm_match_spec *spec,
                                    const struct envm_package_record *record,
                                    const struct envm_version *version);

#endif
