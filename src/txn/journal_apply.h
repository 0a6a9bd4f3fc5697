/* SPDX-License-Identifier: MIT
 *
 * Carrying out a committed journal. Every operation looks first whether it has been done already,
 * so carrying a journal out again after a crash, however often, ends in the same state.
 */
#ifndef ENVM_TXN_JOURNAL_APPLY_H
#define ENVM_TXN_JOURNAL_APPLY_H

#include <envm/change.h>

#include "base/sink.h"
#include "txn/prefix_journal.h"

/* Describes what is at a path; with `hash` a file's bytes and a symlink's text too.
 * *ret_behind_link tells that a folder above it is a symbolic link: then nothing is seen. With NULL
 * in its place that is ENVM_UNSAFE. */
enum envm_code envm_journal_look(int prefix_fd, struct envm_relpath path, bool hash,
                                 struct envm_seen *ret_seen, bool *ret_behind_link,
                                 struct envm_error *err);

struct envm_journal_place {
    int prefix_fd;
    int staged_fd; /* the new files, below the paths that they will have */
    bool sync;     /* fsync what is appended */
    const struct envm_sink *sink;
};

/* Files of the user that are met get the name NAME.envm-saved (or .envm-saved.1 …) and are listed
 * in *ret_saved, in the arena. A failure leaves the journal to be carried out again. */
enum envm_code envm_journal_apply(struct envm_arena *arena, const struct envm_journal *journal,
                                  const struct envm_journal_place *place,
                                  struct envm_saved_files *ret_saved, struct envm_error *err);

#endif
