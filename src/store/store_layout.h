/* SPDX-License-Identifier: MIT
 *
 * Directories of the cache: who may own it, where an entry lives, what is in progress. For the
 * other files of src/store only.
 */
#ifndef ENVM_STORE_STORE_LAYOUT_H
#define ENVM_STORE_STORE_LAYOUT_H

#include "store/package_store.h"
#include "sys/fs_lock.h"

struct envm_store {
    struct envm_store_config config;
    int pkgs_fd;
    int tmp_fd;
    int run_fd;                   /* tmp/run-<random>, this process's own */
    struct envm_relpath run;      /* its name in tmp */
    struct envm_fs_lock run_lock; /* held while the process lives */
    struct envm_arena arena;
};

/* Checks the owner, makes the directories, sweeps. `store` is zeroed but for config; on failure it
 * can be closed. */
enum envm_code envm_store_layout_open(struct envm_store *store, struct envm_error *err);
void envm_store_layout_close(struct envm_store *store);

/* Paths of an entry below pkgs_fd. */
struct envm_store_place {
    struct envm_relpath shard;    /* "ab" */
    struct envm_relpath tree;     /* "ab/<sha256>" */
    struct envm_relpath manifest; /* "ab/<sha256>.manifest" */
    struct envm_relpath lock;     /* "ab/lock" */
};
struct envm_store_place envm_store_place_of(struct envm_arena *arena,
                                            const struct envm_sha256 *sha256);

/* Held for the moments in which manifest and tree of a shard's entries are changed together.
 * Reading needs no lock: what looks wrong is looked at again under it. */
enum envm_code envm_store_lock(struct envm_store *store, const struct envm_store_place *place,
                               struct envm_fs_lock *ret_lock, struct envm_error *err);

/* Takes an entry away: renamed out of sight, then deleted. Absent is fine. Call with the lock. */
enum envm_code envm_store_discard(struct envm_store *store, const struct envm_store_place *place,
                                  struct envm_error *err);

#endif
