/* SPDX-License-Identifier: MIT
 *
 * The words of CEP 44 (names of groups of optional dependencies) and CEP 45 (flags).
 */
#ifndef ENVM_CONDA_EXTRAS_H
#define ENVM_CONDA_EXTRAS_H

#include "base/str.h"

/* [a-z0-9_.+-]{1,64} */
bool envm_extra_name_is_valid(envm_str name);
/* [a-z0-9_]+(:[a-z0-9_]+)?, with a star among the characters when it is a `pattern`. */
bool envm_flag_is_valid(envm_str flag, bool pattern);

#endif
