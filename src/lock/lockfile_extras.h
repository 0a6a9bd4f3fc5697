/* SPDX-License-Identifier: MIT
 *
 * The parts of a locked package that few packages have: what came with repodata v3 (flags and
 * groups of optional dependencies), and the link scripts that may be run.
 */
#ifndef ENVM_LOCK_LOCKFILE_EXTRAS_H
#define ENVM_LOCK_LOCKFILE_EXTRAS_H

#include <envm/package_record.h>

#include "base/buf.h"
#include "codec/yaml_reader.h"

/* Fills flags, extra_depends and link_scripts from the mapping of a package, in the arena. NULL, or
 * what is wrong (static text), and then *ret_where is the node it is about. */
const char *envm_lockfile_read_extras(struct envm_arena *arena,
                                      const struct envm_yaml_node *package,
                                      struct envm_package_record *record,
                                      const struct envm_yaml_node **ret_where);
/* Appends the same; nothing for a record that has none. */
void envm_lockfile_add_extras(struct envm_buf *out, unsigned indent,
                              const struct envm_package_record *record);

#endif
