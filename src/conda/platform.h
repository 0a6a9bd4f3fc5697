/* SPDX-License-Identifier: MIT
 *
 * Subdir: the platform part of a channel (CEP 26), "linux-64", "noarch".
 */
#ifndef ENVM_CONDA_PLATFORM_H
#define ENVM_CONDA_PLATFORM_H

#include <envm/error.h>

#include "base/str.h"

/* The subdir this program was built for; NUL-terminated. */
envm_str envm_platform_host(void);
/* "noarch" or ^[a-z0-9]+-[a-z0-9]+$ */
bool envm_subdir_is_valid(envm_str subdir);
/* One of conda's KNOWN_SUBDIRS. */
bool envm_subdir_is_known(envm_str subdir);
/* conda's KNOWN_SUBDIRS, sorted, "noarch" among them. */
struct envm_str_list envm_subdirs_known(void);
/* The parts, for selectors and virtual packages. */
bool envm_subdir_is_linux(envm_str subdir);
bool envm_subdir_is_osx(envm_str subdir);
bool envm_subdir_is_win(envm_str subdir);
bool envm_subdir_is_unix(envm_str subdir);
/* "64" of linux-64, "aarch64" of linux-aarch64. */
envm_str envm_subdir_arch(envm_str subdir);

#endif
