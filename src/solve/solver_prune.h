/* SPDX-License-Identifier: MIT
 *
 * Which reached candidates can still be part of a solution. Removing one may leave a dependency
 * without candidates, which removes whoever has it, and so on to a fixpoint. With `propagate`,
 * what follows from packages that must be there is drawn too (unit propagation over names), which
 * decides most polishing attempts without asking libsolv.
 */
#ifndef ENVM_SOLVE_SOLVER_PRUNE_H
#define ENVM_SOLVE_SOLVER_PRUNE_H

#include "solve/solve_request.h"

enum envm_death {
    ENVM_DEATH_NONE,
    ENVM_DEATH_DEPENDS,    /* id = the spec that nothing satisfies any more */
    ENVM_DEATH_CONSTRAINS, /* id = its own constraint that a needed name cannot meet */
    ENVM_DEATH_NEEDED,     /* id = a needed name whose live records all rule it out */
    ENVM_DEATH_OTHER,
};

struct envm_solve_why {
    uint32_t death; /* enum envm_death */
    uint32_t id;
    uint32_t order; /* 1 for the first to die */
};

struct envm_support;

struct envm_solve_view {
    const struct envm_solve_reach *reach;
    bool keep_going;         /* past a failure, so that every reason is there */
    bool failed;             /* no solution is left */
    bool gave_up;            /* the limits of the space were passed; failed too */
    uint32_t failed_request; /* a request without candidates, or ENVM_SOLVE_NONE */
    uint8_t *is_live;        /* by candidate */
    uint32_t *spec_live;     /* by spec: live candidates that match it */
    uint32_t *name_live;     /* by name */
    uint8_t *is_needed;      /* by name: part of every solution */
    uint8_t *is_forced;      /* by name: needed, one candidate left, consequences drawn */
    uint32_t *needed_by;     /* by name: the needed name that depends on it, or ENVM_SOLVE_NONE */
    struct envm_solve_why *why; /* by candidate */
    uint32_t deaths;
    ENVM_VEC(uint32_t) dead; /* work not done yet */
    ENVM_VEC(uint32_t) forced;
    ENVM_VEC(uint32_t) changed;   /* needed names that lost a candidate */
    uint8_t *is_changed;          /* by name */
    struct envm_support *support; /* scratch of solver_support.c */
};

/* Starts with everything reached alive and prunes. Release with envm_solve_view_release. When the
 * time is over it stops at once, with gave_up; envm_solve_space_check then says why. */
void envm_solve_view_init(struct envm_solve_view *view, const struct envm_solve_reach *reach,
                          bool keep_going);
/* A copy that can be changed; only between calls, when no work is left. */
void envm_solve_view_copy(struct envm_solve_view *to, const struct envm_solve_view *from);
void envm_solve_view_release(struct envm_solve_view *view);
ENVM_DEFINE_CLEANUP(envm_solve_view, struct envm_solve_view, envm_solve_view_release)

/* Removes a candidate; call envm_solve_view_settle after a batch. */
void envm_solve_view_kill(struct envm_solve_view *view, uint32_t candidate, enum envm_death death,
                          uint32_t id);
/* The name must be part of the solution, because `by` (a needed name, or ENVM_SOLVE_NONE) says so.
 */
void envm_solve_view_need(struct envm_solve_view *view, uint32_t name, uint32_t by);
/* Draws all consequences. False when no solution is left. */
bool envm_solve_view_settle(struct envm_solve_view *view);

#endif
