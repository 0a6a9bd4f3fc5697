/* SPDX-License-Identifier: MIT
 *
 * The lock: model, reading, writing (lockfile.md). Same content, same bytes.
 */
#ifndef ENVM_LOCK_LOCKFILE_H
#define ENVM_LOCK_LOCKFILE_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/buf.h"
#include "conda/environment_spec.h"
#include "conda/package_source.h"
#include "conda/spec_table.h"
#include "lock/lockfile_terms.h"

struct envm_lock_platform {
    envm_str platform;
    struct envm_record_list virtual_packages; /* name, version, build */
    struct envm_sha256 tree;                  /* not known until the archives were seen */
    struct envm_record_list packages;         /* sorted by name */
};

struct envm_lock_request {
    struct envm_str_list specs; /* canonical form, sorted */
    envm_str channel_priority;  /* "strict", "flexible", "disabled" */
    bool add_pip;
    bool is_explicit; /* made from package URLs, without a solver: may lack dependencies */
    struct envm_str_list omitted_pip; /* pip requirements left out by --no-pip; empty otherwise */
    struct envm_lock_terms terms;
};

/* Where the repodata came from; never compared. */
struct envm_lock_provenance {
    envm_str url, etag, last_modified;
    struct envm_sha256 sha256;
};

struct envm_lockfile {
    struct envm_str_list channels; /* canonical names, highest priority first */
    struct envm_lock_request request;
    const struct envm_environment_variable *variables;
    size_t variable_count;
    struct envm_lock_platform *platforms; /* sorted by platform */
    size_t platform_count;
    struct envm_lock_provenance *provenance;
    size_t provenance_count;
    struct envm_spec_table *specs; /* those of its packages, for who asks next; NULL when the lock
                                      was not read */
};

enum envm_code envm_lockfile_read(struct envm_arena *arena, envm_str text, const char *file,
                                  struct envm_lockfile *ret_lock, struct envm_error *err);
void envm_lockfile_write(const struct envm_lockfile *lock, bool with_provenance,
                         struct envm_buf *out);
/* The block of a platform, or NULL. */
struct envm_lock_platform *envm_lockfile_platform(const struct envm_lockfile *lock,
                                                  envm_str platform);

#endif
