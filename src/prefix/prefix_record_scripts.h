/* SPDX-License-Identifier: MIT
 *
 * What conda-meta/NAME-VERSION-BUILD.json says of a package's link scripts, below envm's own key:
 * which of them may be run (link_scripts), and what those that were run have left (script_outputs).
 * For prefix_record*.c.
 */
#ifndef ENVM_PREFIX_PREFIX_RECORD_SCRIPTS_H
#define ENVM_PREFIX_PREFIX_RECORD_SCRIPTS_H

#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "prefix/prefix_record.h"

/* Writes the keys that are not empty. */
void envm_prefix_record_write_scripts(struct envm_json_writer *w,
                                      const struct envm_prefix_record *record);
/* Read the value of one key each, into the arena; what is not as envm writes it fails the reader.
 */
void envm_prefix_record_read_scripts(struct envm_json_reader *json, struct envm_arena *arena,
                                     struct envm_package_record *package);
void envm_prefix_record_read_outputs(struct envm_json_reader *json, struct envm_arena *arena,
                                     struct envm_prefix_record *record);

#endif
