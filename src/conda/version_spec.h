/* SPDX-License-Identifier: MIT
 *
 * Version specifiers (CEP 29, "Version matching"): `>=1.8,<2|1.7.*`. Compiled once, matched in time
 * linear in the specifier and the version; matching is pure and thread-safe.
 */
#ifndef ENVM_CONDA_VERSION_SPEC_H
#define ENVM_CONDA_VERSION_SPEC_H

#include <envm/error.h>

#include "base/arena.h"
#include "conda/version.h"

#define ENVM_VERSION_SPEC_LENGTH_MAX 4096

struct envm_version_spec; /* in the arena it was parsed into */

/* What the whole specifier is, for the canonical form of MatchSpecs. */
enum envm_version_spec_shape {
    ENVM_VERSION_ANY,      /* "" or "*" */
    ENVM_VERSION_EXACT,    /* "1.8", "==1.8" */
    ENVM_VERSION_FUZZY,    /* "=1.8", "1.8.*" */
    ENVM_VERSION_NEGATED,  /* one clause with "!=" or "~=" */
    ENVM_VERSION_COMPOUND, /* everything else */
};

/* ENVM_MALFORMED with the clause and the reason. */
enum envm_code envm_version_spec_parse(struct envm_arena *arena, envm_str text,
                                       const struct envm_version_spec **ret_spec,
                                       struct envm_error *err);
bool envm_version_spec_matches(const struct envm_version_spec *spec,
                               const struct envm_version *version);
enum envm_version_spec_shape envm_version_spec_shape(const struct envm_version_spec *spec);
/* The text without white space. */
envm_str envm_version_spec_text(const struct envm_version_spec *spec);
/* The version literal of an exact or fuzzy specifier, "" for the other shapes. */
envm_str envm_version_spec_literal(const struct envm_version_spec *spec);

#endif
