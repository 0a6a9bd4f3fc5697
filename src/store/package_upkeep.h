/* SPDX-License-Identifier: MIT
 *
 * Looking after the package cache: what is in it, whether it is whole, and taking away what nobody
 * needs. Reports live in the arena. One thread at a time; other processes may be at work.
 */
#ifndef ENVM_STORE_PACKAGE_UPKEEP_H
#define ENVM_STORE_PACKAGE_UPKEEP_H

#include "store/package_store.h"

/* One package of the writable cache. */
struct envm_store_item {
    struct envm_sha256 sha256;
    envm_str package; /* name-version-build; the hash when the manifest cannot be read */
    uint64_t bytes;   /* of disk, each inode once */
    uint64_t freed;   /* of these, what goes when the package is removed */
    bool linked;      /* a file of it has a name elsewhere: some environment uses it */
    int64_t used;     /* when it was last used, to the day; seconds since the epoch */
};
struct envm_store_item_list {
    struct envm_store_item *items; /* by hash */
    size_t count;
};
enum envm_code envm_store_list(struct envm_store *store, struct envm_arena *arena,
                               struct envm_store_item_list *ret_list, struct envm_error *err);

struct envm_store_verification {
    struct envm_store_damage *damages; /* by hash */
    size_t damage_count;
    size_t packages;
    uint64_t files, bytes; /* that were read */
};
/* Reads every file of every package (in parallel; `threads` 0: CPUs) and compares with the
 * manifests; files that no manifest names are damage too. Changes nothing but the fingerprints and
 * the time of the check in the manifests of whole packages. */
enum envm_code envm_store_verify(struct envm_store *store, struct envm_arena *arena,
                                 unsigned threads, struct envm_store_verification *ret_result,
                                 struct envm_error *err);

/* The record of a cached package of that name-version-build, as far as the cache knows: what
 * info/index.json says, the hashes, and the URL that it came from. *ret_record is NULL when there
 * is none, or when several would do. In the arena. */
enum envm_code envm_store_record_of(struct envm_store *store, struct envm_arena *arena,
                                    envm_str stem, struct envm_package_record **ret_record,
                                    struct envm_error *err);

/* Takes a package out of the cache, whatever it is like: the next use fetches it anew. Absent is
 * fine. */
enum envm_code envm_store_remove(struct envm_store *store, const struct envm_sha256 *sha256,
                                 struct envm_error *err);

struct envm_store_clean {
    bool packages;        /* those that nothing links to … */
    int64_t older_than_s; /* … and that were not used for this long; 0: all */
    bool temporary;       /* what killed processes left */
    bool dry_run;
    unsigned timeout_ms; /* how long to wait until nobody else uses the cache */
};
struct envm_store_cleaned {
    struct envm_store_item_list removed; /* with dry_run: that would be */
    size_t kept_linked, kept_young;
    size_t temporary; /* files and folders */
    uint64_t bytes;   /* freed */
};
/* Removes by rename, while no other process has a package in hand (ENVM_LOCKED after the timeout),
 * and deletes afterwards, so others wait for moments only. What is in use is never touched. */
enum envm_code envm_store_tidy(struct envm_store *store, struct envm_arena *arena,
                               const struct envm_store_clean *request,
                               struct envm_store_cleaned *ret_result, struct envm_error *err);

#endif
