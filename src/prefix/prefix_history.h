/* SPDX-License-Identifier: MIT
 *
 * conda-meta/history and conda-meta/state (CEP 32), as conda writes them.
 */
#ifndef ENVM_PREFIX_PREFIX_HISTORY_H
#define ENVM_PREFIX_PREFIX_HISTORY_H

#include <envm/error.h>
#include <envm/package_record.h>

#include "base/arena.h"
#include "base/buf.h"
#include "conda/environment_spec.h"

struct envm_history_block {
    int64_t time;          /* seconds since the epoch; written in UTC */
    envm_str command_line; /* "" leaves the line out */
    const struct envm_package_record *const *linked;
    size_t linked_count;
    const struct envm_package_record *const *unlinked;
    size_t unlinked_count;
    struct envm_str_list update_specs; /* none: no line */
    struct envm_str_list remove_specs; /* none: no line */
};

/* Appends one action block: removed packages first. Secrets of URLs in the command line and in the
 * specs are redacted and line breaks become spaces; lines of packages are sorted by name. */
void envm_history_write(const struct envm_history_block *block, struct envm_buf *out);

/* What was asked for over the life of an environment, from the "# update specs: [...]" lines of its
 * history (and install, create, neutered, remove; both of conda's notations): the last spec of each
 * name, without the names that were removed later. Sorted by name, in the arena. Lines that cannot
 * be understood are passed over: the history is a diary, not a contract (CEP 32). */
struct envm_str_list envm_history_specs(struct envm_arena *arena, envm_str text);

/* A history longer than this is not read. */
#define ENVM_HISTORY_SIZE_MAX ((size_t)256 << 20)

/* What one block says of one package; both "version build" where the tool wrote them. */
struct envm_history_move {
    envm_str name;
    envm_str from; /* "": it came */
    envm_str to;   /* "": it went; equal to `from`: linked anew */
};

struct envm_history_entry {
    envm_str time;                         /* as written, UTC: "2026-11-27 04:35:35" */
    envm_str command_line;                 /* "" when it does not say */
    const struct envm_history_move *moves; /* by name */
    size_t move_count;
};

struct envm_history_entries {
    const struct envm_history_entry *items; /* oldest first: the index is the revision's number */
    size_t count;
};

/* How many blocks ("==> TIME <==") there are. */
size_t envm_history_count(envm_str text);
/* The blocks of a history, whichever tool wrote it. What stands before the first one, and lines
 * that are not understood, are passed over; secrets of URLs are redacted. In the arena. */
struct envm_history_entries envm_history_entries(struct envm_arena *arena, envm_str text);

/* {"env_vars": {…}} with the names as given. */
void envm_state_write(const struct envm_environment_variable *variables, size_t count,
                      struct envm_buf *out);

/* The variables of a state file, in its order; an empty text has none. ENVM_MALFORMED with the
 * place. In the arena. */
enum envm_code envm_state_read(struct envm_arena *arena, envm_str text,
                               const struct envm_environment_variable **ret_variables,
                               size_t *ret_count, struct envm_error *err);

#endif
