/* SPDX-License-Identifier: MIT
 *
 * Which smallest changes of the requests would solve. What is said here was solved.
 */
#ifndef ENVM_SOLVE_PROBLEM_RELAX_H
#define ENVM_SOLVE_PROBLEM_RELAX_H

#include "solve/problem_core.h"

#define ENVM_CHANGES_MAX 3u

enum envm_change_kind {
    ENVM_CHANGE_ANY_VERSION, /* leave the version of the request out */
    ENVM_CHANGE_DATE,        /* move exclude-newer; no request */
    ENVM_CHANGE_UNPIN,
    ENVM_CHANGE_THAW,      /* let a frozen record be another version */
    ENVM_CHANGE_PRIORITY,  /* flexible channel priority; no request */
    ENVM_CHANGE_LEAVE_OUT, /* the request, or the frozen record */
};

struct envm_problem_change {
    enum envm_change_kind kind;
    uint32_t request; /* ENVM_SOLVE_NONE: DATE, PRIORITY */
    envm_str gives;   /* "python 3.12.4": what would be chosen then; "" when nothing */
    uint64_t date_ms; /* DATE: the earliest limit that would do */
};

struct envm_problem_relaxation {
    struct envm_problem_change changes[ENVM_CHANGES_MAX];
    uint32_t count; /* all of them together */
};

/* Sets of changes, as small as possible: when one change solves, single changes; otherwise pairs,
 * then triples. A few of them, those that take least away first; none when nothing was found within
 * bounds. Single requests of `core` that fail each by itself are told by `alone`. */
enum envm_code envm_problem_relaxations(struct envm_solve_space *space,
                                        struct envm_id_list requests, struct envm_id_list core,
                                        bool alone, struct envm_problem_relaxation **ret_items,
                                        size_t *ret_count, struct envm_error *err);

#endif
