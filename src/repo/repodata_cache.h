/* SPDX-License-Identifier: MIT
 *
 * The cache files of one subdir: SHA256(url).index and SHA256(url).json below "repodata". Written
 * beside and renamed, the index first; the state names the content that the index must be of, so a
 * reader that meets a new one beside an old one sees no cache, never a wrong one.
 */
#ifndef ENVM_REPO_REPODATA_CACHE_H
#define ENVM_REPO_REPODATA_CACHE_H

#include "base/sink.h"
#include "repo/repodata_state.h"
#include "repo/repodata_write.h"

/* Files in the making. One that has not been written to for this many seconds belongs to a process
 * that was killed; should that one only be slow, it goes on without a cache. */
#define ENVM_REPODATA_TEMP_PREFIX ".new-"
#define ENVM_REPODATA_TEMP_AGE 600

struct envm_repodata_cache {
    int dirfd; /* of "repodata"; -1: there is no cache */
    struct envm_relpath index, state;
    envm_str boot_id; /* "" when the system does not tell */
};

/* Names the files; does not touch them. `boot_id` as from envm_repodata_boot_id. */
enum envm_code envm_repodata_cache_init(struct envm_repodata_cache *cache, int dirfd, envm_str url,
                                        envm_str boot_id, struct envm_arena *arena,
                                        struct envm_error *err);
envm_str envm_repodata_boot_id(struct envm_arena *arena);

/* Maps the index when it is whole and of what the state names. The mapping is the caller's. After a
 * reboot all of it is read and checked once: an unsynced file may have holes after a power cut. */
bool envm_repodata_cache_open(const struct envm_repodata_cache *cache, struct envm_arena *arena,
                              envm_str url, struct envm_repodata_state *ret_state,
                              struct envm_image *ret_image);

/* An index file in the making. */
struct envm_repodata_target {
    int fd;
    bool on_disk; /* below the next name, to be removed */
    struct envm_relpath temporary;
};
#define ENVM_REPODATA_NO_TARGET ((struct envm_repodata_target){.fd = -1})

/* A new one in the cache. ENVM_IO. */
enum envm_code envm_repodata_cache_begin(const struct envm_repodata_cache *cache,
                                         struct envm_arena *arena,
                                         struct envm_repodata_target *ret_target,
                                         struct envm_error *err);
/* A new one in memory. ENVM_IO. */
enum envm_code envm_repodata_target_in_memory(struct envm_repodata_target *ret_target,
                                              struct envm_error *err);
/* Makes a complete one (that is on disk) the index of the cache, with the state beside it, whose
 * boot_id is set. ENVM_IO. */
enum envm_code envm_repodata_cache_commit(const struct envm_repodata_cache *cache,
                                          struct envm_repodata_target *target,
                                          struct envm_repodata_state *state,
                                          struct envm_error *err);
/* Maps a complete one. */
enum envm_code envm_repodata_target_map(const struct envm_repodata_target *target,
                                        struct envm_image *ret_image, struct envm_error *err);
/* Closes it, and removes it when it was not made the index. */
void envm_repodata_target_end(const struct envm_repodata_cache *cache,
                              struct envm_repodata_target *target);
/* Keeps a state without an index (a missing subdir); failing to is no error. */
void envm_repodata_cache_store_missing(const struct envm_repodata_cache *cache,
                                       const struct envm_repodata_state *state);
/* An unnamed file to download into: in the cache, else in memory. */
enum envm_code envm_repodata_cache_scratch(const struct envm_repodata_cache *cache,
                                           struct envm_arena *arena, int *ret_fd,
                                           struct envm_error *err);
/* Removes both files. */
void envm_repodata_cache_drop(const struct envm_repodata_cache *cache);

#endif
