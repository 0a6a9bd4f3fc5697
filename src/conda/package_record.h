/* SPDX-License-Identifier: MIT
 *
 * Reading and writing PackageRecord as JSON (repodata, index.json, conda-meta), and copying.
 */
#ifndef ENVM_CONDA_PACKAGE_RECORD_H
#define ENVM_CONDA_PACKAGE_RECORD_H

#include <envm/package_record.h>

#include "base/arena.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"

/* Reads one record object at the reader's position. Unknown keys are ignored, known keys of a
 * wrong type make the record bad: *ret_fault (static text) is set, the object is consumed, and the
 * reader goes on (reliability.md A8). Timestamps in seconds become milliseconds. channel,
 * file_name, url and (when absent) subdir are left for the caller. Slices point into the input
 * where they can, else into the arena. */
void envm_package_record_read(struct envm_json_reader *r, struct envm_arena *arena,
                              struct envm_package_record *ret_record, const char **ret_fault);
/* The repodata fields as members of the object that is open in `w` (no open/close). */
void envm_package_record_write_fields(struct envm_json_writer *w,
                                      const struct envm_package_record *record);
/* The group of that name, or NULL. */
const struct envm_extra_group *envm_package_record_extra(const struct envm_package_record *record,
                                                         envm_str name);
/* Sorts groups by name, in place. False when a name occurs twice. */
bool envm_extra_groups_sort(struct envm_extra_group *groups, size_t count);
/* Deep copy into the arena. */
struct envm_package_record *envm_package_record_copy(struct envm_arena *arena,
                                                     const struct envm_package_record *record);
/* Fills name, version, build (from the file name), url and file_name from a package URL; for
 * @EXPLICIT lines and URL specs. */
enum envm_code envm_package_record_from_url(struct envm_arena *arena, envm_str url,
                                            struct envm_package_record *ret_record,
                                            struct envm_error *err);
/* "numpy-1.26.4-py311h64a7726_0" */
envm_str envm_package_record_stem(struct envm_arena *arena,
                                  const struct envm_package_record *record);
/* Whether they are one package: name, version, build, subdir, and sha256 as far as both know it. */
bool envm_package_record_is_same(const struct envm_package_record *a,
                                 const struct envm_package_record *b);
/* qsort order over struct envm_package_record *: name, then version text, build, subdir, url. */
int envm_package_record_compare_name(const void *a, const void *b);

#endif
