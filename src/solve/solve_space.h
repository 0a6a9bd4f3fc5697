/* SPDX-License-Identifier: MIT
 *
 * What one call of the solver knows about the channels: names, records ("candidates") and distinct
 * spec texts, all as dense ids. It is filled on demand and is independent of which requests are
 * being tried, so explaining a failure (which solves again with other requests) costs no new
 * parsing. Belongs to one thread.
 */
#ifndef ENVM_SOLVE_SOLVE_SPACE_H
#define ENVM_SOLVE_SOLVE_SPACE_H

#include "base/map.h"
#include "base/vec.h"
#include "solve/solver.h"

#define ENVM_SOLVE_NONE UINT32_MAX

struct envm_id_list {
    const uint32_t *items;
    uint32_t count;
};

struct envm_id_vec {
    uint32_t *items;
    size_t count, capacity;
};

/* What a spec is as part of the list of requests. Pins and frozen records have specs of their own,
 * which are never a dependency's. */
enum envm_spec_role {
    ENVM_ROLE_REQUEST, /* or a dependency, or a constraint */
    ENVM_ROLE_PIN,     /* holds for its name, asks for nothing */
    ENVM_ROLE_FROZEN,  /* stands for one record, that has to stay */
    ENVM_ROLE_OTHERS,  /* the records of `name` that `inner` does not match */
    ENVM_ROLE_EITHER,  /* what `inner` (or ENVM_SOLVE_NONE) matches, and the candidates `also` */
};

struct envm_solve_spec {
    envm_str text;
    const struct envm_match_spec *spec; /* NULL: the text cannot be parsed; FROZEN */
    enum envm_spec_role role;
    const struct envm_package_record *record; /* FROZEN */
    uint32_t name;                            /* ENVM_SOLVE_NONE: a pattern over names */
    bool matched;                             /* the fields below are filled */
    struct envm_id_list matches;              /* candidates of any channel that match, ascending */
    bool elsewhere_known;
    struct envm_str_list elsewhere; /* as the request's callback says, once asked */
    uint64_t *bits;                 /* the same over the candidates of `name`; NULL: pattern */
    uint32_t inner;                 /* OTHERS and EITHER: a spec */
    struct envm_id_list also;
    struct envm_id_list when; /* EITHER: conditions; when one does not hold, it asks for nothing */
};

/* Conditions are made of specs whose answer depends on the solution; parts come before the whole
 * (solve_condition.h). */
enum envm_solve_condition_kind {
    ENVM_SOLVE_CONDITION_SPEC,  /* something that is there matches `spec` */
    ENVM_SOLVE_CONDITION_EXTRA, /* somebody asks for `extra`, by `spec` */
    ENVM_SOLVE_CONDITION_AND,
    ENVM_SOLVE_CONDITION_OR,
};

struct envm_solve_condition {
    enum envm_solve_condition_kind kind;
    uint32_t spec;
    envm_str extra;
    uint32_t left, right; /* AND, OR: conditions */
    uint32_t negation;    /* the candidate that can be chosen only when it does not hold */
};

struct envm_solve_candidate {
    const struct envm_package_record *record;
    const struct envm_version *version;
    uint32_t name;
    uint32_t channel; /* index in the request; channel_count: none of them */
    bool preferred;
    bool installed; /* or frozen: no channel priority, no date leaves it out */
    bool expanded;  /* depends and constrains are filled */
    bool broken;    /* expanded, and one of them cannot be parsed */
    uint32_t broken_spec;
    struct envm_id_list depends; /* spec ids, sorted, distinct */
    struct envm_id_list constrains;
    uint32_t rank; /* within its name, higher is better; set by envm_solve_rank */
    uint32_t tier; /* the same without what comes after the version */
};

struct envm_solve_name {
    envm_str name;
    bool gathered;
    bool is_virtual;
    bool is_auxiliary; /* no package: see solve_condition.h */
    uint32_t first; /* candidates [first, first + count), best first in the order of the channel */
    uint32_t count;
    uint32_t first_channel; /* the highest channel that has the name; ENVM_SOLVE_NONE: none */
};

struct envm_solve_space {
    struct envm_arena *arena;
    const struct envm_solve_request *request;
    ENVM_VEC(struct envm_solve_name) names;
    ENVM_VEC(struct envm_solve_candidate) candidates;
    ENVM_VEC(struct envm_solve_spec) specs;
    struct envm_map name_ids;
    struct envm_map spec_ids;
    ENVM_VEC(struct envm_solve_condition) conditions;
    struct envm_map auxiliary_ids;         /* of what solve_condition.c has made */
    struct envm_map extra_ids;             /* names of extras */
    const struct envm_version *no_version; /* of auxiliary candidates */
    struct envm_map versions;
    struct envm_map kept;    /* see solve_keep.h */
    size_t left_out;         /* records that cannot be understood */
    envm_str first_left_out; /* which, and why */
    size_t undated;          /* records without timestamp, when there is a limit */
    envm_str first_undated;
    uint64_t cutoff_ms;                  /* as exclude_newer_ms; explaining moves it */
    enum envm_channel_priority priority; /* as the request's; explaining relaxes it */
    bool has_pattern_pins;
    bool pip_known, pip_exists;
    uint64_t deadline_ms; /* on the monotonic clock; UINT64_MAX: none */
    unsigned timeout_ms;
    size_t memory_start; /* of the arena, in bytes */
    uint64_t memory_limit;
};

void envm_solve_space_init(struct envm_solve_space *space, struct envm_arena *arena,
                           const struct envm_solve_request *request);
void envm_solve_space_release(struct envm_solve_space *space);
ENVM_DEFINE_CLEANUP(envm_solve_space, struct envm_solve_space, envm_solve_space_release)

/* The id of a name, made when new; its records are not asked for yet. */
uint32_t envm_solve_space_name(struct envm_solve_space *space, envm_str name);
/* The id of a spec text, parsed when new. `parsed` (may be NULL) spares the parsing. The text must
 * outlive the space. */
uint32_t envm_solve_space_spec(struct envm_solve_space *space, envm_str text,
                               const struct envm_match_spec *parsed);
/* The id of a pin, and of the spec that stands for a frozen record; made when new. */
uint32_t envm_solve_space_pin(struct envm_solve_space *space, const struct envm_match_spec *spec);
uint32_t envm_solve_space_frozen(struct envm_solve_space *space,
                                 const struct envm_package_record *record);
/* Asks the sources for all records of a name (solve_gather.c). */
enum envm_code envm_solve_space_gather(struct envm_solve_space *space, uint32_t name,
                                       struct envm_error *err);
/* Fills the matches of a spec; gathers its name. */
enum envm_code envm_solve_space_match(struct envm_solve_space *space, uint32_t spec,
                                      struct envm_error *err);
/* ENVM_GAVE_UP when the time or the memory of the request is used up, ENVM_INTERRUPTED when the
 * sink says so. The work before libsolv is polynomial, but a hostile channel can make it long. */
enum envm_code envm_solve_space_check(const struct envm_solve_space *space, struct envm_error *err);
/* Milliseconds left, at least 1; 0: no limit. */
unsigned envm_solve_space_time_left(const struct envm_solve_space *space);
/* Fail with ENVM_GAVE_UP, name the limit, and say what to do. */
enum envm_code envm_solve_no_time(const struct envm_solve_space *space, struct envm_error *err);
enum envm_code envm_solve_no_memory(const struct envm_solve_space *space, struct envm_error *err);
/* Notes that a record cannot be understood: "bad version" and the text. */
void envm_solve_space_leave_out(struct envm_solve_space *space,
                                const struct envm_package_record *record, const char *what,
                                envm_str text);
/* Reports records that were left out, in one warning, and those without a date, in another. */
void envm_solve_space_warn(struct envm_solve_space *space);

/* True when the (matched) spec matches the candidate. */
bool envm_solve_space_matches(const struct envm_solve_space *space, uint32_t spec,
                              uint32_t candidate);

static inline bool envm_solve_is_pin(const struct envm_solve_space *space, uint32_t spec)
{
    return space->specs.items[spec].role == ENVM_ROLE_PIN;
}

/* When the channel got the record, in milliseconds; 0: not known. */
uint64_t envm_solve_date(const struct envm_solve_space *space, uint32_t candidate);
/* Later than the cut-off; what is here already is never too new. */
bool envm_solve_is_too_new(const struct envm_solve_space *space, uint32_t candidate);

static inline bool envm_solve_is_virtual(const struct envm_solve_space *space, uint32_t candidate)
{
    return space->names.items[space->candidates.items[candidate].name].is_virtual;
}

static inline bool envm_solve_is_auxiliary(const struct envm_solve_space *space, uint32_t candidate)
{
    return space->names.items[space->candidates.items[candidate].name].is_auxiliary;
}

#endif
