/* SPDX-License-Identifier: MIT
 *
 * One change of an environment by specs on its way through its stages; for the files modify_*.c and
 * env_modify.c only.
 */
#ifndef ENVM_ENV_MODIFICATION_H
#define ENVM_ENV_MODIFICATION_H

#include <envm/modify.h>

#include "env/resolve.h"
#include "env/wishes.h"
#include "txn/transaction_change.h"

struct envm_modification {
    struct envm_context *context;
    struct envm_arena *arena;
    const struct envm_modify_options *options;
    struct envm_modify_report *report;
    struct envm_change *change; /* NULL in a dry run: then nothing is locked */
    struct envm_prefix_record_list installed;
    struct envm_record_list before; /* by name */
    struct envm_wishes wishes;
    struct envm_wish_list requests; /* that hold afterwards */
    struct envm_wish_list asked;    /* in this call */
    struct envm_wish_list
        orphans; /* of requests: kept, though nothing says that they were asked for */
    struct envm_input input;
    struct envm_script_consent scripts;
    bool no_deps, only_deps; /* of the request: how much of the solution is taken */
    bool inherits_limit;     /* the date of exclude-newer is that of the environment */
    struct envm_resolution resolution;
    struct envm_record_list after; /* dependency order */
    envm_str lock_text;
};

/* What is asked for, merged with what was asked for before, and solved: fills requests, asked,
 * input, resolution and after. */
enum envm_code envm_modify_solve(struct envm_modification *m, struct envm_error *err);
/* The same for names that are to go, without a solver. */
enum envm_code envm_modify_choose_removals(struct envm_modification *m, struct envm_error *err);
/* Makes the environment what `after` says. */
enum envm_code envm_modify_apply(struct envm_modification *m, struct envm_error *err);

/* The word for a file that two packages own, or ENVM_USAGE. */
enum envm_code envm_modify_policy(const struct envm_modification *m,
                                  enum envm_clobber_policy *ret_policy, struct envm_error *err);
/* Reads specs, file, channels and options of the call, with what the environment was made with as
 * their defaults. */
enum envm_code envm_modify_read_input(struct envm_modification *m, struct envm_error *err);
/* Makes a request of every package that nothing leads to, in m->orphans: another tool made the
 * environment, or a file was lost; it must not vanish because something else is installed. */
enum envm_code envm_modify_keep_orphans(struct envm_modification *m, struct envm_error *err);
/* ENVM_USAGE: the spec names nothing that is there. */
enum envm_code envm_modify_not_installed(struct envm_modification *m,
                                         const struct envm_match_spec *spec,
                                         struct envm_error *err);
/* Puts the requests, and `more` (may be NULL) behind them, into the input. */
void envm_modify_take_requests(struct envm_modification *m, const struct envm_wish_list *more);
/* An update without names. */
bool envm_modify_updates_all(const struct envm_modification *m);

#endif
