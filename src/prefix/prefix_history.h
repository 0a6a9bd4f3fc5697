/* SPDX-License-Identifier: MIT
 *
 * conda-meta/history and conda-meta/state (CEP 32), as conda writes them.
 */
#ifndef ENVM_PREFIX_PREFIX_HISTORY_H
#define ENVM_PREFIX_PREFIX_HISTORY_H

#include <envm/package_record.h>

#include "base/buf.h"
#include "conda/environment_spec.h"

struct envm_history_block {
    int64_t time;          /* seconds since the epoch; written in UTC */
    envm_str command_line; /* "" leaves the line out */
    const struct envm_package_record *const *linked;
    size_t linked_count;
    struct envm_str_list update_specs; /* none: no line */
};

/* Appends one action block. Secrets of URLs in the command line and in the specs are redacted and
 * line breaks become spaces; lines of packages are sorted by name. */
void envm_history_write(const struct envm_history_block *block, struct envm_buf *out);

/* {"env_vars": {…}} with the names as given. */
void envm_state_write(const struct envm_environment_variable *variables, size_t count,
                      struct envm_buf *out);

#endif
