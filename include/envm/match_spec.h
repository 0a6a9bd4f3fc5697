/* SPDX-License-Identifier: MIT
 *
 * MatchSpec (CEP 29): parse once, match many times in time linear in the input. A spec lives in
 * the arena (or context) it was made in; matching is pure and thread-safe.
 */
#ifndef ENVM_MATCH_SPEC_H
#define ENVM_MATCH_SPEC_H

#include <envm/error.h>
#include <envm/package_record.h>

#ifdef __cplusplus
extern "C" {
#endif

struct envm_match_spec; /* opaque */

/* True when the record satisfies every part of the spec. */
ENVM_API bool envm_match_spec_matches(const struct envm_match_spec *spec,
                                      const struct envm_package_record *record);

#ifdef __cplusplus
}
#endif
#endif
