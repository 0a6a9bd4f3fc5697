/* SPDX-License-Identifier: MIT
 *
 * Copies of what envm writes in conda's own formats, which have no room for a checksum:
 * conda-meta/envm/history and conda-meta/envm/state, sealed. Verifying them, and the locks of
 * revisions, and putting right what can be derived from the others.
 */
#ifndef ENVM_PREFIX_KEPT_METADATA_H
#define ENVM_PREFIX_KEPT_METADATA_H

#include <envm/error.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/relpath.h"
#include "base/vec.h"
#include "prefix/prefix_verify.h"

#define ENVM_HISTORY ENVM_RELPATH("conda-meta/history")
#define ENVM_HISTORY_COPY ENVM_RELPATH("conda-meta/envm/history")
#define ENVM_STATE ENVM_RELPATH("conda-meta/state")
#define ENVM_STATE_COPY ENVM_RELPATH("conda-meta/envm/state")

/* The text of the copy of a history that is, or is about to be, this one. */
void envm_history_copy_text(envm_str history, struct envm_buf *out);

/* What the history was, as far as the copy knows, and is beyond that: what the copy of a longer one
 * begins with. Damage of the history does not come into it. ENVM_MALFORMED when it is too long for
 * a copy, ENVM_IO. */
enum envm_code envm_history_as_kept(int prefix_fd, struct envm_buf *ret_text,
                                    struct envm_error *err);

/* The text of the copy of a state file, which has this status: another tool that writes it changes
 * the time, a bit that flips does not. */
void envm_state_copy_text(envm_str state, const struct stat *status, struct envm_buf *out);

/* Findings (ENVM_FINDING_MISSING, ENVM_FINDING_ALTERED) about the history, the state, their copies
 * and the locks of revisions; not about the kept lock, which has other rules. In the arena. What is
 * not kept (environments of other tools) is not looked at. ENVM_IO. */
enum envm_code envm_metadata_verify(struct envm_arena *arena, int prefix_fd,
                                    struct envm_finding **ret_findings, size_t *ret_count,
                                    struct envm_error *err);

struct envm_metadata_repair {
    struct envm_arena *arena;
    int prefix_fd;
    /* filled by the call, in the arena */
    ENVM_VEC(envm_str) repaired; /* paths */
    ENVM_VEC(envm_str) saved;    /* what was put aside, by its new name */
    ENVM_VEC(envm_str) failures; /* "PATH: why" */
};
void envm_metadata_repair_release(struct envm_metadata_repair *repair);
ENVM_DEFINE_CLEANUP(envm_metadata_repair, struct envm_metadata_repair, envm_metadata_repair_release)

/* Puts right, each by one rename: the kept lock and its sum from the newest revision, the newest
 * revision from the kept lock, history and state from their copies, the copies from them. The lock
 * of an older revision is known nowhere else: a damaged one is renamed to N.lock.envm-saved and
 * named. By the holder of the prefix's lock. ENVM_IO. */
enum envm_code envm_metadata_mend(struct envm_metadata_repair *repair, struct envm_error *err);

#endif
