/* SPDX-License-Identifier: MIT
 *
 * Conda versions and their order (CEP 33). Pure functions, safe from any thread.
 */
#ifndef ENVM_VERSION_H
#define ENVM_VERSION_H

#include <envm/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Compares two version strings by CEP 33. Writes -1, 0 or 1 to *ret_order. ENVM_MALFORMED when one
 * of them is not a version, with the offending text in the error. */
ENVM_API ENVM_MUST_CHECK enum envm_code
envm_version_compare_text(envm_str a, envm_str b, int *ret_order, struct envm_error *err);

#ifdef __cplusplus
}
#endif
#endif
