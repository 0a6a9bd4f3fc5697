/* SPDX-License-Identifier: MIT
 *
 * Putting the paths of one package into a prefix.
 */
#ifndef ENVM_PREFIX_LINK_FILE_H
#define ENVM_PREFIX_LINK_FILE_H

#include "prefix/link_plan.h"
#include "sys/fs_clone.h"

struct envm_link_context {
    int from_fd;                   /* the extracted package */
    int to_fd;                     /* where the prefix is made; need not lie at `prefix` yet */
    envm_str prefix;               /* the final path, which is written into files */
    enum envm_link_mode link_mode; /* for files that may be linked */
    mode_t plain_mode, exec_mode;  /* of files that are written anew */
};

/* Makes every file and symlink of the plan; their directories must exist. Fills replaced,
 * sha256_in_prefix and size_in_prefix of each target (also of shared ones, which are not written).
 * *ret_hardlinked tells whether any file shares its inode with the cache. Texts go to the arena.
 * ENVM_IO with the path; what was made until then stays. */
enum envm_code envm_link_package(struct envm_arena *arena, const struct envm_link_context *context,
                                 struct envm_link_plan *plan, bool *ret_hardlinked,
                                 struct envm_error *err);

/* Bytes that linking has to write when nothing can be hardlinked (`all`), or at least. */
uint64_t envm_link_plan_bytes(const struct envm_link_plan *plan, bool all);

#endif
