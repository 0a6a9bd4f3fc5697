/* SPDX-License-Identifier: MIT
 *
 * Putting files and records of an installed package back, from the cache or from where the record
 * says that the package comes from. Every file is made beside, below PREFIX/.envm, and renamed into
 * its place: a repair that is killed has put some files back, and the next one goes on. The caller
 * holds the prefix's lock.
 */
#ifndef ENVM_TXN_TRANSACTION_REPAIR_H
#define ENVM_TXN_TRANSACTION_REPAIR_H

#include "base/vec.h"
#include "prefix/link_plan.h"
#include "store/package_store.h"
#include "sys/fs_clone.h"

struct envm_repair {
    struct envm_arena *arena; /* for everything that is returned */
    struct envm_store *store; /* one that reads all of a cached package before it is used */
    int prefix_fd;
    envm_str prefix;   /* as it stands in files */
    envm_str platform; /* of the installed packages */
    struct envm_python python;
    enum envm_link_mode link_mode;
    const struct envm_sink *sink;
    /* filled by the calls */
    ENVM_VEC(envm_str) restored; /* paths */
    ENVM_VEC(envm_str) saved;    /* what stood in the way, or was edited, by its new name */
    ENVM_VEC(envm_str) unknown;  /* paths that the package does not have */
};
void envm_repair_release(struct envm_repair *repair);
ENVM_DEFINE_CLEANUP(envm_repair, struct envm_repair, envm_repair_release)

/* Removes what a killed repair has left. */
void envm_repair_sweep(const struct envm_repair *repair);

/* Makes `paths` (sorted) of the package what they were. What is there and is no file of the package
 * (a folder in place of a file, a link in place of a folder, a file of etc/ that was edited) is
 * kept as NAME.envm-saved. The record is written again when it says something else of the files
 * than is true now, as after the environment was moved. Errors of fetching and linking; ENVM_IO. */
enum envm_code envm_repair_paths(struct envm_repair *repair,
                                 const struct envm_prefix_record *record,
                                 struct envm_str_list paths, struct envm_error *err);

/* Writes conda-meta/NAME-VERSION-BUILD.json anew for a package that is there but has lost its
 * record; no other file is touched. Paths that `installed` (the other records) own with other
 * content are left out. With `only_if_there` nothing is done when most of its files are missing:
 * then the package was removed; *ret_written tells. */
enum envm_code envm_repair_record(struct envm_repair *repair,
                                  const struct envm_package_record *record,
                                  struct envm_str_list requested_specs,
                                  const struct envm_prefix_record_list *installed,
                                  bool only_if_there, bool *ret_written, struct envm_error *err);

#endif
