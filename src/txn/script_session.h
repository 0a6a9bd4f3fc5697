/* SPDX-License-Identifier: MIT
 *
 * All link scripts of one transaction, run one after the other in a tree that is in place, and what
 * they have made of it.
 */
#ifndef ENVM_TXN_SCRIPT_SESSION_H
#define ENVM_TXN_SCRIPT_SESSION_H

#include "base/map.h"
#include "base/vec.h"
#include "prefix/script_output.h"
#include "txn/script_delta.h"
#include "txn/script_trial.h"
#include "txn/transaction_plan.h"

#define ENVM_SCRIPT_OWNER_NONE SIZE_MAX

struct envm_script_step {
    const struct envm_package_record *record;
    struct envm_script_report *report; /* its time is filled in */
    struct envm_sha256 expected;       /* of the script in the prefix */
    size_t owner; /* who gets what it makes: index in the plan; NONE: its package goes */
};

/* A path that scripts have touched, as it is at the end. */
struct envm_touched {
    struct envm_relpath path;
    size_t owner; /* of the script that touched it last */
    enum envm_fs_kind kind;
    bool removed;
};

struct envm_script_session {
    struct envm_arena *arena;
    struct envm_trial *trial; /* in place */
    const struct envm_transaction_plan *plan;
    struct envm_tree_snapshot snapshot; /* as the tree is now */
    struct envm_map by_path;            /* path -> index in touched */
    ENVM_VEC(struct envm_touched) touched;
    ENVM_VEC(struct envm_script_report) ran;
    struct envm_buf messages;
};

void envm_script_session_init(struct envm_script_session *session, struct envm_arena *arena,
                              struct envm_trial *trial, const struct envm_transaction_plan *plan);
void envm_script_session_release(struct envm_script_session *session);
ENVM_DEFINE_CLEANUP(envm_script_session, struct envm_script_session, envm_script_session_release)

/* Looks at the tree: what is there is no script's doing. */
enum envm_code envm_script_session_look(struct envm_script_session *session,
                                        struct envm_error *err);
/* Runs the steps in their order; the first failure ends it. */
enum envm_code envm_script_session_run(struct envm_script_session *session,
                                       const struct envm_script_step *steps, size_t count,
                                       struct envm_error *err);

/* Puts what was run in front of what was not, with the messages. */
void envm_script_session_report(const struct envm_script_session *session,
                                struct envm_script_reports *reports);

/* What the scripts of one package have left, for its record: files and links with their digests.
 * Paths for which `is_as_packaged` (file, bytes as its package brought them) says so are left out.
 * Sorted, in the arena of the session. */
typedef bool (*envm_script_is_packaged)(void *user, const struct envm_script_output *output);
enum envm_code envm_script_session_outputs(const struct envm_script_session *session, size_t owner,
                                           envm_script_is_packaged is_as_packaged, void *user,
                                           const struct envm_script_output **ret_items,
                                           size_t *ret_count, struct envm_error *err);

#endif
