/* SPDX-License-Identifier: MIT
 *
 * The redo journal of a change: everything that has to be done to a prefix once all new files lie
 * ready beside their places. A text file, one operation a line, each line with its own checksum,
 * the whole with one at the end; see docs/internals/TRANSACTION.md. Pure, no I/O.
 */
#ifndef ENVM_TXN_PREFIX_JOURNAL_H
#define ENVM_TXN_PREFIX_JOURNAL_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/relpath.h"
#include "base/vec.h"

enum envm_journal_kind {
    ENVM_JOURNAL_REMOVE, /* a file or symlink goes */
    ENVM_JOURNAL_RMDIR,  /* a folder goes, if nothing is left in it */
    ENVM_JOURNAL_MKDIR,
    ENVM_JOURNAL_PUT,    /* the staged file of the same path takes its place */
    ENVM_JOURNAL_APPEND, /* the staged text is appended once, at `size` of the expectation */
};

/* What stood at a path when the journal was written. */
enum envm_seen_kind {
    ENVM_SEEN_NOTHING,
    ENVM_SEEN_FILE,
    ENVM_SEEN_SYMLINK,
    ENVM_SEEN_DIRECTORY,
    ENVM_SEEN_OTHER,
};

struct envm_seen {
    enum envm_seen_kind kind;
    uint64_t size;
    int64_t mtime_s;
    uint32_t mtime_ns;
    uint64_t inode;
    struct envm_sha256 sha256; /* of a file's bytes or a symlink's text; may be unknown */
};

struct envm_journal_op {
    enum envm_journal_kind kind;
    bool save;       /* what is seen there is the user's: it gets another name first */
    bool disposable; /* whatever file is there may go (compiled Python) */
    struct envm_seen seen;
    struct envm_relpath path;
};

struct envm_journal {
    struct envm_sha256 old_tree, new_tree; /* may be unknown */
    ENVM_VEC(struct envm_journal_op) ops;  /* in the order of execution */
};

void envm_journal_release(struct envm_journal *journal);
ENVM_DEFINE_CLEANUP(envm_journal, struct envm_journal, envm_journal_release)

/* A journal may have this many bytes. */
#define ENVM_JOURNAL_SIZE_MAX ((size_t)1 << 30)

void envm_journal_write(const struct envm_journal *journal, struct envm_buf *out);

/* ENVM_DAMAGED naming the line when a checksum or anything else is not right. Paths go to the
 * arena. */
enum envm_code envm_journal_read(struct envm_arena *arena, envm_str text,
                                 struct envm_journal *ret_journal, struct envm_error *err);

#endif
