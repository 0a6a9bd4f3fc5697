/* SPDX-License-Identifier: MIT
 *
 * The locks of the states that an environment was in: conda-meta/envm/revisions/N.lock, where N is
 * the number of the state's block in conda-meta/history, from 0, as conda numbers revisions. A file
 * is the lock with one more line, a comment with the sha256 of all before it.
 */
#ifndef ENVM_PREFIX_KEPT_REVISIONS_H
#define ENVM_PREFIX_KEPT_REVISIONS_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/relpath.h"

/* So many of the newest states keep their lock. */
#define ENVM_REVISIONS_MAX 50

/* Both folders, to be made in this order. */
#define ENVM_REVISIONS_PARENT ENVM_RELPATH("conda-meta/envm")
#define ENVM_REVISIONS ENVM_RELPATH("conda-meta/envm/revisions")

struct envm_revision_numbers {
    const uint64_t *items; /* ascending */
    size_t count;
};

/* The file of a revision, below the prefix; in the arena. */
struct envm_relpath envm_revision_path(struct envm_arena *arena, uint64_t number);

/* Whether a new revision drops this one: it is too old, or belongs to a history that is gone. */
bool envm_revision_is_dropped(uint64_t number, uint64_t newest);

/* Appends the text of a revision's file. */
void envm_revision_text(envm_str lock, struct envm_buf *out);

/* The revisions that have a file; none is no error. Files of other names are passed over. In the
 * arena. ENVM_IO. */
enum envm_code envm_revisions_list(struct envm_arena *arena, int prefix_fd,
                                   struct envm_revision_numbers *ret_numbers,
                                   struct envm_error *err);

/* The lock of a revision, in the arena, byte by byte as it was. ENVM_DAMAGED when the file is not
 * what its sum says, ENVM_IO also when it is not there. */
enum envm_code envm_revision_read(struct envm_arena *arena, int prefix_fd, uint64_t number,
                                  envm_str *ret_lock, struct envm_error *err);

/* How many blocks a history file has: the number of the next state. ENVM_MALFORMED when it is too
 * long to be read, ENVM_IO. */
enum envm_code envm_revision_next(int prefix_fd, uint64_t *ret_number, struct envm_error *err);

#endif
