/* SPDX-License-Identifier: MIT
 *
 * Virtual packages (CEP 30): what the machine offers, with CONDA_OVERRIDE_* from the environment,
 * or the defaults for another platform.
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
 * docs/). ENVM_USAGE when an override is malformed. */
enum envm_code envm_virtual_packages(struct envm_arena *arena, envm_str platform,
                                     const struct envm_environ *environment,
                                     struct envm_record_list *ret_records, struct envm_error *err);

#endif
