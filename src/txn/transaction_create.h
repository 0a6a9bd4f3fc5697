/* SPDX-License-Identifier: MIT
 *
 * Making an environment: fetch, extract and link in parallel into a folder beside the target,
 * records and history last, one barrier, one rename. A failure or a crash leaves no environment.
 */
#ifndef ENVM_TXN_TRANSACTION_CREATE_H
#define ENVM_TXN_TRANSACTION_CREATE_H

#include "base/sink.h"
#include "conda/environment_spec.h"
#include "prefix/package_contents.h"
#include "store/package_store.h"
#include "sys/fs_clone.h"

enum envm_durability {
    ENVM_DURABILITY_BATCH, /* one syncfs before the rename, fsync of the parent after it */
    ENVM_DURABILITY_NONE,
    ENVM_DURABILITY_FULL,
};

struct envm_create_package {
    const struct envm_package_record *record;
    struct envm_str_list
        requested_specs; /* specs of the request that named it; empty: a dependency */
};

struct envm_create_plan {
    envm_str prefix; /* absolute, cleaned */
    envm_str platform;
    const struct envm_create_package *packages; /* dependency order */
    size_t package_count;
    const struct envm_environment_variable *variables; /* written to conda-meta/state */
    size_t variable_count;
    envm_str lock_text; /* kept as conda-meta/envm.lock; may be empty when not known yet */
    struct envm_str_list update_specs; /* for conda-meta/history */
    envm_str command_line;             /* for conda-meta/history */
    bool replace; /* --force: an existing environment at prefix is moved away and removed after */
    bool verify;  /* read every byte back before the rename */
    enum envm_link_mode link_mode;
    enum envm_durability durability;
    unsigned threads; /* 0: CPUs */
    const struct envm_sink *sink;
};

struct envm_create_result {
    struct envm_sha256 tree;              /* digest of the tree */
    struct envm_package_record **records; /* as given, completed with sha256, md5 and size that were
                                             found on arrival; in the arena */
    size_t downloaded;                    /* packages that were not in the cache */
    struct envm_str_list skipped_scripts; /* "NAME: bin/.x-post-link.sh" */
};

/* Called when everything is in place but nothing is visible yet, with the digest: the lock that
 * the environment keeps can be completed (its text is returned in *ret_text) or the whole thing be
 * refused (tree digest differs from the lock: ENVM_INTEGRITY). */
typedef enum envm_code (*envm_create_finish)(void *user, const struct envm_create_result *result,
                                             envm_str *ret_lock_text, struct envm_error *err);

enum envm_code envm_transaction_create(struct envm_arena *arena, struct envm_store *store,
                                       const struct envm_create_plan *plan,
                                       envm_create_finish finish, void *user,
                                       struct envm_create_result *ret_result,
                                       struct envm_error *err);

#endif
