/* SPDX-License-Identifier: MIT
 *
 * Virtual packages (CEP 30): what the machine offers, with CONDA_OVERRIDE_* from the environment,
 * or the defaults for another platform, and what the configuration says.
 */
#ifndef ENVM_HOST_VIRTUAL_PACKAGES_H
#define ENVM_HOST_VIRTUAL_PACKAGES_H

#include <envm/error.h>
#include <envm/package_record.h>

#include "base/arena.h"
#include "conda/package_source.h"
#include "sys/environ.h"

/* Records named __glibc, __linux, __unix, __archspec, __cuda … for `platform`, sorted by name. When
 * platform is the host's they are detected, otherwise taken from the defaults table (documented in
 * docs/). CONDA_OVERRIDE_CUDA and its kind replace what is found, and so does an entry of
 * `configured`
 * ("__cuda=12.4", with the same values) where the variable is not set; what is about another
 * platform is not looked at. ENVM_USAGE when an override is malformed. */
enum envm_code envm_virtual_packages(struct envm_arena *arena, envm_str platform,
                                     const struct envm_environ *environment,
                                     struct envm_str_list configured,
                                     struct envm_record_list *ret_records, struct envm_error *err);

#endif
