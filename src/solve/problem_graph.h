/* SPDX-License-Identifier: MIT
 *
 * Why a set of requests has no solution, as a graph: a request leads to the packages that would
 * meet it, those to what they depend on, and every path ends in a reason. Nodes of one shape are
 * merged, so that forty builds that fail for one reason are one node.
 */
#ifndef ENVM_SOLVE_PROBLEM_GRAPH_H
#define ENVM_SOLVE_PROBLEM_GRAPH_H

#include "solve/solver_attempt.h"

enum envm_problem_kind {
    ENVM_PROBLEM_REQUEST,  /* one of the requests in conflict */
    ENVM_PROBLEM_PACKAGES, /* records of one name */
    ENVM_PROBLEM_DEPENDS,  /* what the packages above need */
    ENVM_PROBLEM_REASON,   /* the end of a path */
};

enum envm_problem_reason {
    ENVM_REASON_MISSING_NAME,    /* no channel has a package of the name */
    ENVM_REASON_MISSING_VERSION, /* the name exists, the version does not */
    ENVM_REASON_MISSING_BUILD,   /* the version exists, the build (or what else it asks) does not */
    ENVM_REASON_WRONG_CHANNEL,   /* the channel that it names lacks the name; others have it */
    ENVM_REASON_WRONG_PLATFORM,  /* only for other platforms, or not in the subdir that it names */
    ENVM_REASON_NO_OTHER,        /* a condition is met by all records of the name */
    ENVM_REASON_SYSTEM,          /* a virtual package: absent, or not good enough */
    ENVM_REASON_PRIORITY,        /* only in a channel that a higher one hides */
    ENVM_REASON_DATE,            /* newer than exclude_newer_ms */
    ENVM_REASON_REQUEST,         /* another request, a pin or a frozen record rules it out: spec */
    ENVM_REASON_BROKEN,          /* has a dependency that cannot be parsed: spec */
    ENVM_REASON_CONSTRAINS,      /* its own constraint cannot be met: spec */
    ENVM_REASON_EXCLUDED,        /* a package constrains it: other, spec */
    ENVM_REASON_SAME_NAME,       /* the other side needs another version of it */
    ENVM_REASON_NEEDED,          /* nothing that is needed goes with it: candidates, specs, path */
    ENVM_REASON_REPEATED,        /* a cycle, or too deep to show */
};

struct envm_problem_node {
    enum envm_problem_kind kind;
    enum envm_problem_reason reason; /* REASON */
    bool is_constraint;              /* DEPENDS: may be absent, but nothing else may be there */
    uint32_t name;                   /* what it is about; ENVM_SOLVE_NONE for patterns */
    uint32_t spec;                   /* REQUEST; REASON as above, or ENVM_SOLVE_NONE */
    uint32_t other;                  /* REASON: a candidate, or ENVM_SOLVE_NONE */
    struct envm_id_list candidates;  /* PACKAGES; REQUEST: what could still meet it */
    struct envm_id_list specs;       /* DEPENDS and REASON: the texts it was written in */
    struct envm_id_list path; /* NEEDED: names, from what needs the candidates to a request */
    struct envm_problem_node **children;
    size_t child_count;
    uint64_t shape;  /* equal for nodes that say the same about other versions */
    bool is_shown;   /* in the text of the report */
    bool is_written; /* in its JSON */
};

struct envm_problem_graph {
    struct envm_solve_space *space;
    struct envm_id_list requests;     /* those in conflict */
    struct envm_problem_node **roots; /* a REQUEST node for each */
};

/* From an attempt with ENVM_RUN_EXPLAIN that failed. Everything in the arena of the space. */
void envm_problem_graph_make(const struct envm_solve_attempt *attempt,
                             struct envm_problem_graph *ret_graph);

#endif
