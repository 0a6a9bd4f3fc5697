/* SPDX-License-Identifier: MIT
 *
 * From a checked archive to a published cache entry. For the other files of src/store only.
 */
#ifndef ENVM_STORE_PACKAGE_EXTRACT_H
#define ENVM_STORE_PACKAGE_EXTRACT_H

#include "store/package_fetch.h"
#include "store/package_manifest.h"

/* Unpacks, checks against record and lists, writes the manifest, publishes. When somebody else has
 * published the same package meanwhile, theirs is taken. On failure nothing is left. */
enum envm_code envm_package_extract(struct envm_store *store,
                                    const struct envm_package_record *record,
                                    const struct envm_store_archive *archive,
                                    struct envm_store_entry *ret_entry, struct envm_error *err);

/* The manifest of an entry, written atomically; ENVM_MANIFEST_MODE or …_SYNCED (then the file and
 * its directory are synced too). */
enum envm_code envm_package_save_manifest(struct envm_store *store, struct envm_relpath path,
                                          const struct envm_manifest *manifest, mode_t mode,
                                          struct envm_error *err);

/* Moves what a manifest says into an entry whose arena it lives in. */
void envm_package_fill_entry(struct envm_store_entry *entry, const struct envm_manifest *manifest);

#endif
