/* SPDX-License-Identifier: MIT
 *
 * What was asked of an environment that exists: by the lock that it keeps, else by its records,
 * else by its history, whichever tool made it.
 */
#ifndef ENVM_ENV_WISHES_H
#define ENVM_ENV_WISHES_H

#include "conda/environment_spec.h"
#include "conda/match_spec.h"
#include "env/context.h"
#include "env/need_graph.h"
#include "lock/lockfile.h"
#include "prefix/prefix_record.h"

/* One thing that was asked for. */
struct envm_wish {
    envm_str text; /* as written */
    const struct envm_match_spec *spec;
    envm_str name; /* exact, or "" for a pattern */
};

struct envm_wish_list {
    struct envm_wish *items;
    size_t count;
};

struct envm_wishes {
    struct envm_wish_list list;  /* of packages that are installed */
    struct envm_str_list pinned; /* lines of conda-meta/pinned */
    bool are_guessed;            /* nothing says what was asked for: what no package needs */
    bool has_lock;
    struct envm_lockfile lock; /* that the environment keeps, when has_lock */
    envm_str platform;         /* of the installed packages */
    /* conda-meta/state as it is, which its user may have changed */
    const struct envm_environment_variable *variables;
    size_t variable_count;
};

/* Reads all of that below `fd`, the open environment at `prefix`. A lock, a history or a state that
 * cannot be read is an error that names it (ENVM_MALFORMED, ENVM_DAMAGED). What no installed
 * package meets any more was removed by another tool and is left out. When nothing says what was
 * asked for, every package that no other one needs was. All in the arena. */
enum envm_code envm_wishes_read(struct envm_arena *arena, int fd, envm_str prefix,
                                const struct envm_prefix_record_list *installed,
                                struct envm_wishes *ret_wishes, struct envm_error *err);

/* Parses `text`; a wish on the same name is replaced, an equal one is not repeated. */
enum envm_code envm_wish_add(struct envm_arena *arena, struct envm_wish_list *list, envm_str text,
                             struct envm_error *err);
/* A list of parsed specs. */
struct envm_wish_list envm_wish_list_from(struct envm_arena *arena,
                                          const struct envm_match_spec *const *specs, size_t count);
/* Those that name the package, in canonical form. */
struct envm_str_list envm_wish_specs(struct envm_arena *arena, const struct envm_wish_list *list,
                                     const struct envm_package_record *record);
/* The packages of the graph that no request leads to and that no other one of these needs: asking
 * for them keeps all the others, too. In the graph's arena. */
struct envm_record_list envm_orphans(const struct envm_need_graph *graph,
                                     struct envm_wish_list requests);
/* The records of installed packages, in their order (by name). */
struct envm_record_list envm_installed_records(struct envm_arena *arena,
                                               const struct envm_prefix_record_list *installed);

#endif
