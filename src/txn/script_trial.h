/* SPDX-License-Identifier: MIT
 *
 * A trial: a tree that holds the whole new environment stands at the environment's path while link
 * scripts run in it, and goes back before anything is committed. A file beside the environment says
 * so while it lasts, so that a trial that was killed is undone.
 * docs/internals/TRANSACTION.md describes the protocol.
 */
#ifndef ENVM_TXN_SCRIPT_TRIAL_H
#define ENVM_TXN_SCRIPT_TRIAL_H

#include "base/arena.h"
#include "base/sink.h"
#include "sys/fs_lock.h"

/* In a tree on trial, for those who only look. */
#define ENVM_TRIAL_SIGN ".envm/trial"

struct envm_trial {
    struct envm_arena *arena;
    envm_str prefix;
    int parent_fd;
    struct envm_relpath name;    /* of the environment in the parent */
    struct envm_relpath marker;  /* the file that says that a trial is going on */
    int marker_fd;               /* -1: none is going on */
    struct envm_relpath tree;    /* where the tree is while it is not in place */
    int tree_fd;                 /* -1: none yet */
    bool owns_tree;              /* it is removed at the end */
    struct envm_fs_lock lock;    /* in the tree, against those who come while it is in place */
    struct envm_relpath scratch; /* folder with HOME and TMPDIR of the scripts */
    int scratch_fd;
    bool in_place;
    bool stuck; /* it could not go back: everything is left for recovery */
};
#define ENVM_TRIAL_EMPTY                                                                           \
    ((struct envm_trial){                                                                          \
        .parent_fd = -1, .marker_fd = -1, .tree_fd = -1, .lock = {.fd = -1}, .scratch_fd = -1})

/* Starts a trial of the environment at `prefix` (absolute; need not be there). ENVM_LOCKED when one
 * is going on. */
enum envm_code envm_trial_begin(struct envm_arena *arena, envm_str prefix,
                                struct envm_trial *ret_trial, struct envm_error *err);
/* Makes an empty folder for the tree, which is removed at the end; trial->tree_fd. */
enum envm_code envm_trial_make_tree(struct envm_trial *trial, struct envm_error *err);
/* The tree is a folder of the parent that there is already, and stays. */
enum envm_code envm_trial_use_tree(struct envm_trial *trial, struct envm_relpath tree,
                                   struct envm_error *err);
/* Puts the tree in place: what stands there changes places with it. ENVM_IO with a hint where the
 * file system cannot do that. */
enum envm_code envm_trial_enter(struct envm_trial *trial, const struct envm_sink *sink,
                                struct envm_error *err);
/* Puts everything back where it was. On failure the trial is `stuck`. */
enum envm_code envm_trial_leave(struct envm_trial *trial, struct envm_error *err);
/* The folder of the scripts' HOME and TMPDIR, as a path. */
envm_str envm_trial_scratch(const struct envm_trial *trial);

/* Leaves if that has not been done, and takes everything away again. */
void envm_trial_release(struct envm_trial *trial);
ENVM_DEFINE_CLEANUP(envm_trial, struct envm_trial, envm_trial_release)

struct envm_trial_recovery {
    unsigned timeout_ms; /* how long one that is going on is waited for */
    bool dry_run;        /* only tell */
    const struct envm_sink *sink;
};
/* Undoes a trial that was killed: the environment is the old one again, or not there if it was to
 * be made. *ret_undone tells whether there was any. ENVM_LOCKED when one is going on for longer
 * than the time; ENVM_IO. Nothing to do is success, and costs one system call or two. */
enum envm_code envm_trial_recover(struct envm_arena *arena, envm_str prefix,
                                  const struct envm_trial_recovery *settings, bool *ret_undone,
                                  struct envm_error *err);
/* For whoever has the lock of what stands at `prefix` (the real path): whether that may be a tree
 * on trial, whose process was killed while the lock was waited for. */
bool envm_trial_is_marked(struct envm_arena *arena, envm_str prefix);
/* envm_trial_recover for commands that go on with something else: with a warning when there was
 * any. */
enum envm_code envm_trial_recover_now(struct envm_arena *arena, envm_str prefix,
                                      unsigned timeout_ms, const struct envm_sink *sink,
                                      struct envm_error *err);

#endif
