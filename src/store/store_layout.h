/* SPDX-License-Identifier: MIT
 *
 * Directories of the cache: who may own it, where an entry lives, what is in progress. For the
 * other files of src/store only.
 *
 * Who uses the cache has a directory tmp/run-<random> with a lock that it holds as long as it
 * lives. It is made while `.lock` is held (shared), for that moment only. Whoever wants to take
 * packages away takes `.lock` exclusively and looks at the runs: when none but its own is alive,
 * nobody has a package in hand, and nobody can begin to.
 */
#ifndef ENVM_STORE_STORE_LAYOUT_H
#define ENVM_STORE_STORE_LAYOUT_H

#include <pthread.h>

#include "base/vec.h"
#include "store/package_store.h"
#include "sys/fs_lock.h"

/* A tree that was published and not synced may have lost bytes in a power cut that stat does not
 * tell. So the manifest names the boot of the system that wrote it, and is writable (0644) until a
 * sync is known to have followed; a package with a writable manifest of another boot is read as a
 * whole before it is used. */
#define ENVM_MANIFEST_MODE 0644
#define ENVM_MANIFEST_MODE_SYNCED 0444

struct envm_store {
    struct envm_store_config config;
    int pkgs_fd;
    int *layer_fds;    /* pkgs of each layer; -1: it has none */
    mode_t share_mode; /* bits that directories and locks get beyond the usual ones */
    int tmp_fd;
    int run_fd;                   /* tmp/run-<random>, this process's own */
    struct envm_relpath run;      /* its name in tmp */
    struct envm_fs_lock run_lock; /* held while the process lives */
    envm_str boot_id;             /* "": the system does not tell */
    struct envm_arena arena;
    pthread_mutex_t mutex;                 /* for what follows */
    ENVM_VEC(struct envm_sha256) unsynced; /* packages in use that the next sync is for */
};

/* Takes note that a package waits for a sync. Thread-safe. */
void envm_store_note_unsynced(struct envm_store *store, const struct envm_sha256 *sha256);

/* Checks the owner, makes the directories, sweeps. `store` is zeroed but for config; on failure it
 * can be closed. */
enum envm_code envm_store_layout_open(struct envm_store *store, struct envm_error *err);
void envm_store_layout_close(struct envm_store *store);

/* Until it is dropped no other process has a package of the cache in hand. ENVM_LOCKED, naming one
 * that does, after `timeout_ms`. Whoever opens the cache meanwhile waits, so it must be short. */
enum envm_code envm_store_lock_alone(struct envm_store *store, unsigned timeout_ms,
                                     struct envm_fs_lock *ret_lock, struct envm_error *err);

/* Makes the directory of a shard. */
enum envm_code envm_store_make_shard(struct envm_store *store, struct envm_relpath shard,
                                     struct envm_error *err);

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
/* Only the first half: *ret_trash in the run directory (of length 0 when there was no tree) is
 * deleted by the caller, or when the store is closed. */
enum envm_code envm_store_hide(struct envm_store *store, const struct envm_store_place *place,
                               struct envm_arena *arena, struct envm_relpath *ret_trash,
                               struct envm_error *err);

#endif
