/* SPDX-License-Identifier: MIT
 *
 * Changing an existing environment in one transaction. Everything is fetched, verified, planned and
 * staged inside the prefix before anything changes; then a journal is written whose rename is the
 * commit; then the journal is carried out, which can be done again after a crash.
 * docs/internals/TRANSACTION.md describes the protocol.
 */
#ifndef ENVM_TXN_TRANSACTION_CHANGE_H
#define ENVM_TXN_TRANSACTION_CHANGE_H

#include "prefix/prefix_record.h"
#include "txn/journal_apply.h"
#include "txn/transaction_plan.h"

/* How long a change waits for another one of the same environment. */
#define ENVM_CHANGE_LOCK_TIMEOUT_MS 60000u

struct envm_change_settings {
    unsigned lock_timeout_ms;        /* 0: do not wait */
    bool allow_frozen;               /* change it although conda-meta/frozen forbids it (CEP 22) */
    enum envm_durability durability; /* of a recovery that opening makes necessary */
    const struct envm_sink *sink;
};

struct envm_change; /* an environment opened for a change, its lock held; in the arena */

/* Opens an environment (absolute path), takes its lock, completes or drops what interrupted changes
 * have left (with a warning that names what was kept of the user's), and reads all records. A lock
 * that is held is named after 2 s. ENVM_USAGE when no environment is there, ENVM_LOCKED after the
 * time, ENVM_UNSAFE when it is frozen, ENVM_DAMAGED with a hint when a record cannot be read,
 * ENVM_IO. The arena must outlive the change, and the change is one thread's at a time. */
enum envm_code envm_change_open(struct envm_arena *arena, struct envm_store *store, envm_str prefix,
                                const struct envm_change_settings *settings,
                                struct envm_change **ret_change, struct envm_error *err);

/* Gives the lock back. NULL is fine. */
void envm_change_release(struct envm_change *change);
static inline void envm_change_release_pointer(struct envm_change **change)
{
    envm_change_release(*change);
}
/* ENVM_CLEANUP(envm_change) struct envm_change *change = NULL; */
ENVM_DEFINE_CLEANUP(envm_change, struct envm_change *, envm_change_release_pointer)

/* The path as it stands in files: symlinks of the given one resolved. NUL-terminated. */
envm_str envm_change_prefix(const struct envm_change *change);
/* For reading what the environment keeps (conda-meta/envm.lock, state, pinned). */
int envm_change_prefix_fd(const struct envm_change *change);
/* Sorted by name, with paths. */
const struct envm_prefix_record_list *envm_change_installed(const struct envm_change *change);

/* The steps to a new set of packages (the whole environment), for the plan that is shown before.
 * Pure. ENVM_MALFORMED when the version of python cannot be understood. What only shows when the
 * packages are there (files that packages lost to each other) is in the result of the change. */
enum envm_code envm_change_preview(struct envm_arena *arena, const struct envm_change *change,
                                   const struct envm_package_record *const *packages, size_t count,
                                   envm_str platform, struct envm_change_steps *ret_steps,
                                   struct envm_error *err);

struct envm_change_result {
    struct envm_transaction_result common; /* downloaded and scripts: of what was linked */
    struct envm_change_steps steps;        /* what was done */
    struct envm_saved_files saved;         /* files of the user that got another name */
    bool unchanged;                        /* there was nothing to do: nothing was written */
};

/* Makes the environment consist of the packages of the plan. Before the commit every failure, and
 * cancelling, leaves it as it was: ENVM_CLOBBER (two packages, or a package and a file that belongs
 * to none, want one path), ENVM_IO (space, rights), what fetching and linking can say, and what
 * `finish` says. After the commit cancelling is not looked at any more; a failure says that the
 * change is committed and to be completed by recovery. Packages that stay are not touched, except
 * for their record when requested_specs changed. Once per change; steps and records are in the
 * arena of the change. */
enum envm_code envm_change_apply(struct envm_change *change,
                                 const struct envm_transaction_plan *plan,
                                 envm_transaction_finish finish, void *user,
                                 struct envm_change_result *ret_result, struct envm_error *err);

#endif
