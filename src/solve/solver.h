/* SPDX-License-Identifier: MIT
 *
 * The bridge to libsolv (solver.md): a request in, records out, or an explanation.
 */
#ifndef ENVM_SOLVE_SOLVER_H
#define ENVM_SOLVE_SOLVER_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/sink.h"
#include "conda/match_spec.h"
#include "conda/package_source.h"

enum envm_channel_priority {
    ENVM_PRIORITY_STRICT,   /* default: a name is taken from the first channel that has it */
    ENVM_PRIORITY_FLEXIBLE, /* channel rank before version */
    ENVM_PRIORITY_DISABLED, /* version first, channel order breaks ties */
};

/* Which version of a package is wanted where several would do. */
enum envm_resolution_mode {
    ENVM_RESOLVE_HIGHEST,       /* default: the newest */
    ENVM_RESOLVE_LOWEST_DIRECT, /* of requested names the oldest, of all others the newest */
    ENVM_RESOLVE_LOWEST,        /* the oldest of everything */
};

struct envm_solve_channel {
    envm_str name;                                    /* canonical */
    const struct envm_package_source *const *sources; /* its subdirs: platform, noarch */
    size_t source_count;
};

struct envm_solve_request {
    const struct envm_solve_channel *channels; /* highest priority first */
    size_t channel_count;
    enum envm_channel_priority priority;
    const struct envm_match_spec *const *specs; /* what was asked; order does not matter */
    size_t spec_count;
    struct envm_record_list virtual_packages;
    /* Hold for the package that they name when it is part of the solution, and ask for nothing. A
     * pattern holds for every name that it means. Pins on virtual packages say nothing. */
    const struct envm_match_spec *const *pins;
    size_t pin_count;
    /* Records to keep where possible (an old lock, an installed environment): preferred over newer
     * ones unless a spec forbids them, and over newer versions of what is requested but not among
     * them. Of those that no channel has, only the ones that are
     * `installed` too can be chosen. */
    struct envm_record_list preferred;
    /* Names whose newest versions matter more than that preferred records stay. */
    struct envm_str_list update_names;
    /* Records that are on this machine already: they can be chosen although no channel has them
     * (any more), and neither channel priority nor exclude_newer_ms leaves them out. Being here
     * does not make them preferred. */
    struct envm_record_list installed;
    /* Records that are part of the solution exactly as they are, whatever else is asked; usable as
     * `installed` ones are. */
    struct envm_record_list frozen;
    /* Records whose timestamp is later are left out, milliseconds since the epoch; 0: no limit.
     * Records without a timestamp are kept, and counted in one warning. */
    uint64_t exclude_newer_ms;
    enum envm_resolution_mode resolution;
    envm_str platform; /* for explanations */
    /* Asked only to explain; may be NULL. Other platforms that have a match for the spec; without
     * any and with by_name, those that have a package of its name. In the arena. */
    struct envm_str_list (*elsewhere)(void *user, struct envm_arena *arena,
                                      const struct envm_match_spec *spec, bool by_name);
    void *elsewhere_user;
    bool add_pip;          /* add `pip` to python's dependencies */
    unsigned timeout_ms;   /* 0: 60 s */
    uint64_t memory_bytes; /* 0: 2 GiB */
    bool in_process;       /* do not fork (tests, sanitizers); no limits then */
    const struct envm_sink *sink;
};

struct envm_solution {
    /* chosen records without virtual packages, in dependency order (dependencies first, ties by
     * name); the structs live in the arena of the call or in the sources */
    struct envm_record_list records;
    size_t candidates; /* records given to libsolv, for reports */
};

/* Why there is no solution. */
struct envm_problem {
    envm_str text; /* readable tree, several lines, no trailing newline */
    envm_str json; /* the same as one JSON object */
};

/* ENVM_UNSATISFIABLE fills *ret_problem (and the error's text with its first line); ENVM_GAVE_UP on
 * time or memory. */
enum envm_code envm_solve(struct envm_arena *arena, const struct envm_solve_request *request,
                          struct envm_solution *ret_solution, struct envm_problem *ret_problem,
                          struct envm_error *err);

#endif
