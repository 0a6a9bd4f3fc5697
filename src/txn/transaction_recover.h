/* SPDX-License-Identifier: MIT
 *
 * What interrupted changes have left: a committed journal is carried out to its end, everything
 * else goes away. docs/internals/TRANSACTION.md describes the protocol.
 */
#ifndef ENVM_TXN_TRANSACTION_RECOVER_H
#define ENVM_TXN_TRANSACTION_RECOVER_H

#include "sys/fs_lock.h"
#include "txn/journal_apply.h"
#include "txn/transaction_plan.h"

/* Names below a prefix. */
#define ENVM_PREFIX_LOCK ".envm/lock"
#define ENVM_PREFIX_CHANGES ".envm/txn"
/* Names below .envm/txn/ID. */
#define ENVM_CHANGE_NEW "new"
#define ENVM_CHANGE_DRAFT "journal"
#define ENVM_CHANGE_COMMITTED "journal.commit"
#define ENVM_CHANGE_DONE "journal.done"

/* Takes the lock that whoever changes, replaces or removes an environment holds; makes the folder
 * for it. ENVM_LOCKED naming the holder after the time; ENVM_IO. */
enum envm_code envm_prefix_lock_take(int prefix_fd, unsigned timeout_ms,
                                     const struct envm_sink *sink, struct envm_fs_lock *ret_lock,
                                     struct envm_error *err);

/* Whether this folder stands at the path: while its lock was waited for, another one may have taken
 * its place. */
bool envm_prefix_is_at(const char *path, int prefix_fd);
/* The same lock for commands that do not look again: ENVM_LOCKED also when the folder does not
 * stand at the path any more once its lock is had. */
enum envm_code envm_prefix_lock_take_at(const char *path, int prefix_fd, unsigned timeout_ms,
                                        const struct envm_sink *sink, struct envm_fs_lock *ret_lock,
                                        struct envm_error *err);

enum envm_pending {
    ENVM_PENDING_NOTHING,
    ENVM_PENDING_RUNNING,     /* another process is changing the environment at this moment */
    ENVM_PENDING_INTERRUPTED, /* a change was interrupted after its commit, or while its link
                                 scripts ran */
};

/* Cheap (one system call as a rule), for commands that only read: they warn, and go on. Needs no
 * right to write. */
enum envm_pending envm_transaction_pending(int prefix_fd);

/* Whether changes have left anything at all, harmless remains included. */
bool envm_transaction_has_remains(int prefix_fd);

struct envm_recover_settings {
    unsigned lock_timeout_ms;
    bool dry_run; /* only tell what would be done */
    enum envm_durability durability;
    const struct envm_sink *sink;
};

struct envm_recover_result {
    size_t completed; /* changes that were carried to their end */
    size_t dropped;   /* changes that had not been committed: their files were removed */
    struct envm_saved_files saved;
    struct envm_sha256 tree; /* digest that the last completed change led to; may be unknown */
};

/* Takes the prefix's lock and recovers. ENVM_LOCKED; ENVM_DAMAGED when a committed journal cannot
 * be read; ENVM_IO when the disk fails again: the journal stays, and the call can be repeated.
 * Nothing to do is success. */
enum envm_code envm_transaction_recover(struct envm_arena *arena, envm_str prefix,
                                        const struct envm_recover_settings *settings,
                                        struct envm_recover_result *ret_result,
                                        struct envm_error *err);

/* The same by the holder of the lock. */
enum envm_code envm_transaction_recover_locked(struct envm_arena *arena, int prefix_fd,
                                               const struct envm_recover_settings *settings,
                                               struct envm_recover_result *ret_result,
                                               struct envm_error *err);

/* Carries out one committed change, whose folder is `id` below .envm/txn, and removes the folder.
 */
enum envm_code envm_change_finish(struct envm_arena *arena, int prefix_fd, struct envm_relpath id,
                                  const struct envm_journal *journal,
                                  enum envm_durability durability, const struct envm_sink *sink,
                                  struct envm_saved_files *ret_saved, struct envm_error *err);

#endif
