/* SPDX-License-Identifier: MIT
 *
 * From what scripts have changed in a tree on trial to operations of the journal.
 */
#ifndef ENVM_TXN_SCRIPT_OPERATIONS_H
#define ENVM_TXN_SCRIPT_OPERATIONS_H

#include "txn/prefix_journal.h"
#include "txn/script_session.h"

/* Makes the journal lead to the tree on trial (which is not in place any more) instead of the one
 * without scripts: new bytes are copied below `new_fd`, operations are added behind those that are
 * there, or taken out. ENVM_IO when a folder may not be written to. Paths live in the arena. */
enum envm_code envm_script_operations(struct envm_arena *arena,
                                      const struct envm_script_session *session, int prefix_fd,
                                      int new_fd, struct envm_journal *journal,
                                      struct envm_error *err);

#endif
