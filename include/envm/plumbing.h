/* SPDX-License-Identifier: MIT
 *
 * Line-oriented helpers for scripts and tests; the forms of input and output are stable.
 */
#ifndef ENVM_PLUMBING_H
#define ENVM_PLUMBING_H

#include <envm/context.h>

#ifdef __cplusplus
extern "C" {
#endif

/* "A<TAB>B" -> "-1", "0", "1" or "invalid" (CEP 33). */
ENVM_API envm_str envm_plumbing_compare_versions(struct envm_memory *memory, envm_str line);
/* "SPEC<TAB>NAME<TAB>VERSION<TAB>BUILD<TAB>BUILD_NUMBER" -> "true", "false" or "invalid" (CEP 29).
 */
ENVM_API envm_str envm_plumbing_match(struct envm_memory *memory, envm_str line);
/* "SPEC" -> canonical form, or "invalid: REASON". */
ENVM_API envm_str envm_plumbing_parse_spec(struct envm_memory *memory, envm_str line);

#ifdef __cplusplus
}
#endif
#endif
