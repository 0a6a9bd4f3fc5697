/* SPDX-License-Identifier: MIT
 *
 * Regular expressions for MatchSpecs: literals, `.`, classes, groups, `|`, `*`, `+`, `?`, `^`, `$`
 * and \d \w \s \D \W \S. Matching simulates the automaton, so its time is at most the product of
 * the two lengths: no input blows up (reliability.md A18). Bytes, not characters; no locale.
 */
#ifndef ENVM_CONDA_REGEX_PROGRAM_H
#define ENVM_CONDA_REGEX_PROGRAM_H

#include <envm/error.h>

#include "base/arena.h"

struct envm_regex; /* in the arena it was compiled into; matching is thread-safe */

/* ENVM_MALFORMED with a sentence that says what is wrong. */
enum envm_code envm_regex_compile(struct envm_arena *arena, envm_str text, bool ignore_case,
                                  const struct envm_regex **ret_regex, struct envm_error *err);
/* True when some part of the text matches (use ^ and $ to match all of it). */
bool envm_regex_search(const struct envm_regex *regex, envm_str text);

#endif
