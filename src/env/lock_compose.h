/* SPDX-License-Identifier: MIT
 *
 * Putting a lock together: a new block for one platform, everything else kept.
 */
#ifndef ENVM_ENV_LOCK_COMPOSE_H
#define ENVM_ENV_LOCK_COMPOSE_H

#include "env/input.h"
#include "env/resolve.h"

struct envm_lock_block {
    envm_str platform;
    struct envm_record_list packages; /* any order */
    struct envm_record_list virtual_packages;
    struct envm_sha256 tree;
    struct envm_lock_provenance *provenance; /* of this platform's solve; may be empty */
    size_t provenance_count;
};

/* The lock that results when `block` replaces its platform in `old` (NULL: there was none). The
 * request, channels, options and variables are those of the input; the blocks of other platforms
 * survive. */
struct envm_lockfile envm_lock_compose(struct envm_arena *arena, const struct envm_lockfile *old,
                                       const struct envm_input *input,
                                       const struct envm_lock_block *block);

/* The bytes. ENVM_INTEGRITY when a package has no sha256 (it has to be fetched first). */
enum envm_code envm_lock_text(struct envm_arena *arena, const struct envm_lockfile *lock,
                              bool with_provenance, envm_str *ret_text, struct envm_error *err);

#endif
