/* SPDX-License-Identifier: MIT
 *
 * `*` matching without backtracking blow-up: linear in the text for each star.
 */
#ifndef ENVM_BASE_GLOB_H
#define ENVM_BASE_GLOB_H

#include <envm/api.h>

/* True when the whole text matches; `*` stands for any bytes, everything else for itself (ASCII
 * letters compare without case when ignore_case). */
bool envm_glob_match(envm_str pattern, envm_str text, bool ignore_case);

#endif
