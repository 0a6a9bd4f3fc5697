/* SPDX-License-Identifier: MIT
 *
 * What an unpacked info/ directory says about its package. For the other files of src/store only.
 */
#ifndef ENVM_STORE_PACKAGE_INFO_H
#define ENVM_STORE_PACKAGE_INFO_H

#include "prefix/paths_json.h"
#include "store/tree_writer.h"

struct envm_package_info {
    struct envm_package_record *index; /* info/index.json */
    struct envm_path_list list;
    bool has_list; /* paths.json or files was there */
    enum envm_noarch noarch;
    struct envm_str_list entry_points;
};

/* Reads index.json (which must be there), paths.json or the old lists, and link.json, as the writer
 * has unpacked them. Everything is copied into the writer's arena. info/repodata_record.json, which
 * some clients leave in packages, is not looked at. */
enum envm_code envm_package_info_read(const struct envm_tree_writer *writer,
                                      struct envm_package_info *ret_info, struct envm_error *err);

/* Name, version and build of index.json must be those of the record, as far as it names them:
 * ENVM_INTEGRITY (B10). */
enum envm_code envm_package_index_check(const struct envm_package_record *index,
                                        const struct envm_package_record *record,
                                        struct envm_error *err);

/* Sum of the listed sizes of all files; false when one of them has none. */
bool envm_package_info_announced_size(const struct envm_package_info *info, uint64_t *ret_size);

#endif
