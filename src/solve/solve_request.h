/* SPDX-License-Identifier: MIT
 *
 * A set of requests put to a space: which candidates can be reached from them at all, record by
 * record, and the lists that pruning walks. Strict channel priority and the requests' own limits
 * ("python 3.9.*") act here, before anything is loaded.
 */
#ifndef ENVM_SOLVE_SOLVE_REQUEST_H
#define ENVM_SOLVE_SOLVE_REQUEST_H

#include "solve/solve_space.h"

/* Lists of ids by key, packed: items[start[key] .. start[key + 1]). */
struct envm_id_lists {
    uint32_t *start;
    uint32_t *items;
};

static inline struct envm_id_list envm_ids_of(const struct envm_id_lists *lists, uint32_t key)
{
    return (struct envm_id_list){lists->items + lists->start[key],
                                 lists->start[key + 1] - lists->start[key]};
}

enum envm_spec_use {
    ENVM_SPEC_DEPENDED = 1,
    ENVM_SPEC_CONSTRAINS = 2,
    ENVM_SPEC_REQUESTED = 4,
};

struct envm_solve_reach {
    struct envm_solve_space *space;
    struct envm_id_list requests; /* spec ids, in the order of their importance; pins last */
    /* counts of the space when this was made; everything beyond is not part of it */
    uint32_t candidate_count, spec_count, name_count;
    struct envm_id_list reached;        /* candidates, ascending; virtual packages among them */
    struct envm_id_list specs;          /* specs in play, ascending */
    uint8_t *is_reached;                /* by candidate */
    uint8_t *use;                       /* by spec: bits of enum envm_spec_use */
    struct envm_id_lists matched;       /* candidate -> specs in play that match it */
    struct envm_id_lists users;         /* spec -> reached candidates that depend on it */
    struct envm_id_lists constrainers;  /* spec -> reached candidates that constrain by it */
    struct envm_id_lists constrains_of; /* name -> constraining specs in play */
};

/* What was asked for, then the frozen records, then the pins; each sorted by name, then text,
 * without repetitions. Spec ids in the arena of the space. A request for extras, or under a
 * condition, is several specs or one of another kind (solve_terms.h). */
enum envm_code envm_solve_requests(struct envm_solve_space *space,
                                   struct envm_id_list *ret_requests, struct envm_error *err);

/* Fills *ret_reach, in the arena of the space. Errors come from the sources. */
enum envm_code envm_solve_reach(struct envm_solve_space *space, struct envm_id_list requests,
                                struct envm_solve_reach *ret_reach, struct envm_error *err);

enum envm_exclusion {
    ENVM_EXCLUDED_NOT,
    ENVM_EXCLUDED_BROKEN,   /* one of its dependencies cannot be parsed */
    ENVM_EXCLUDED_PRIORITY, /* a channel of higher priority has the name */
    ENVM_EXCLUDED_DATE,     /* newer than the request allows */
    ENVM_EXCLUDED_REQUEST,  /* *ret_request (which may be a pin or frozen) does not match it */
};
/* Why a candidate may not be used under these requests. The requests on its name must have been
 * matched, which they are for every name that was reached. */
enum envm_exclusion envm_solve_exclusion(const struct envm_solve_space *space,
                                         struct envm_id_list requests, uint32_t candidate,
                                         uint32_t *ret_request);

#endif
