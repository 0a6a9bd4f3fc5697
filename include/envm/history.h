/* SPDX-License-Identifier: MIT
 *
 * The states that an environment was in, and going back to one of them.
 */
#ifndef ENVM_HISTORY_H
#define ENVM_HISTORY_H

#include <envm/modify.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What happened to one package; both sides are "version build". */
struct envm_revision_change {
    envm_str name;
    envm_str from; /* "": it came */
    envm_str to;   /* "": it went; equal to `from`: linked anew */
};

/* One state, which began with a block of conda-meta/history. */
struct envm_revision {
    uint64_t number;                            /* from 0, as conda counts them */
    envm_str time;                              /* "2026-11-27 04:35:35", UTC where envm wrote it */
    envm_str command_line;                      /* "" when the history does not say */
    const struct envm_revision_change *changes; /* by name */
    size_t change_count;
    size_t added, removed, changed;
    bool has_lock; /* its lock is kept: it can be gone back to */
};

struct envm_history_report {
    envm_str prefix;
    const struct envm_revision *items; /* newest first: the first one is the present state */
    size_t count;
};

/* Reads the history of an environment, whichever tool wrote it (default: the active environment).
 * ENVM_USAGE when no environment is there, ENVM_MALFORMED when the history is too long, ENVM_IO. */
ENVM_API ENVM_MUST_CHECK enum envm_code envm_history(struct envm_context *context,
                                                     struct envm_memory *memory,
                                                     const struct envm_target *target,
                                                     struct envm_history_report *ret_report,
                                                     struct envm_error *err);

struct envm_rollback_options {
    struct envm_target target; /* default: the active environment */
    const char *revision;      /* its number; NULL: the one before the present */
    bool dry_run;
    bool verify;              /* read every byte back at the end */
    bool override_frozen;     /* change an environment that is marked as frozen (CEP 22) */
    const char *on_clobber;   /* "refuse" (default), "warn": the later package's file wins */
    const char *command_line; /* for the history */
    struct envm_script_options scripts;
    /* Called with the finished plan before anything changes, also in a dry run; may be NULL. */
    void (*show_plan)(void *user, const struct envm_modify_report *report);
    void *user;
};

/* Makes an environment what the lock of one of its states says: packages, requests, variables. That
 * is a change like any other and becomes a state of its own, so it can be gone back from.
 * *ret_number is the state's. ENVM_USAGE when there is no such state or no lock of it, ENVM_DAMAGED
 * when its lock is not what it was; ENVM_STALE_LOCK when its packages do not fit this machine;
 * fetching and linking as envm_modify, after which it is as it was. ENVM_INTEGRITY when the tree
 * would not be the one that it was. */
ENVM_API ENVM_MUST_CHECK enum envm_code
envm_rollback(struct envm_context *context, struct envm_memory *memory,
              const struct envm_rollback_options *options, uint64_t *ret_number,
              struct envm_modify_report *ret_report, struct envm_error *err);

#ifdef __cplusplus
}
#endif
#endif
