/* SPDX-License-Identifier: MIT
 *
 * What making an environment and changing one have in common: what is asked for and what comes out.
 */
#ifndef ENVM_TXN_TRANSACTION_PLAN_H
#define ENVM_TXN_TRANSACTION_PLAN_H

#include <envm/change.h>

#include "base/sink.h"
#include "conda/environment_spec.h"
#include "conda/link_script.h"
#include "prefix/package_contents.h"
#include "store/package_store.h"
#include "sys/fs_clone.h"

enum envm_durability {
    ENVM_DURABILITY_BATCH, /* one syncfs before anything becomes visible, one barrier after it */
    ENVM_DURABILITY_NONE,
    ENVM_DURABILITY_FULL,
};

/* Two packages bring different files for one path. */
enum envm_clobber_policy {
    ENVM_CLOBBER_REFUSE, /* ENVM_CLOBBER, before anything is changed */
    ENVM_CLOBBER_LAST, /* the file of the package that comes last in the plan is taken; the others'
                          records say that they lost it, so that it can come back */
};

struct envm_transaction_package {
    const struct envm_package_record *record;
    struct envm_str_list
        requested_specs; /* specs of the request that named it; empty: a dependency */
};

struct envm_transaction_plan {
    envm_str platform;
    const struct envm_transaction_package *packages; /* the whole environment, dependency order */
    size_t package_count;
    const struct envm_environment_variable *variables; /* written to conda-meta/state */
    size_t variable_count;
    bool keep_variables; /* changes only: conda-meta/state stays as it is */
    envm_str lock_text;  /* kept as conda-meta/envm.lock; may be empty when not known yet */
    struct envm_str_list update_specs; /* for conda-meta/history */
    struct envm_str_list remove_specs; /* the same */
    envm_str command_line;             /* the same */
    bool verify;                       /* read back every byte before anything becomes visible */
    enum envm_clobber_policy clobber;
    enum envm_link_mode link_mode;
    enum envm_durability durability;
    const struct envm_script_consent *scripts; /* who agreed to link scripts; NULL: the records
                                                  alone say */
    unsigned script_timeout_s;                 /* for each script; 0: none */
    struct envm_str_list network_variables;    /* "NAME=value", for scripts with network */
    unsigned threads;                          /* 0: CPUs */
    const struct envm_sink *sink;
};

struct envm_transaction_result {
    struct envm_sha256 tree;              /* digest of the tree; unknown when another tool has
                                             installed packages that stay */
    struct envm_package_record **records; /* as given, in the order of the plan, completed with
                                             sha256, md5 and size that were found on arrival; in the
                                             arena */
    size_t downloaded;                    /* packages that were not in the cache */
    struct envm_script_reports scripts;   /* of what was linked and unlinked */
};

/* Called when everything is in place but nothing is visible yet, with the digest: the lock that
 * the environment keeps can be completed (its text is returned in *ret_text) or the whole thing be
 * refused (tree digest differs from the lock: ENVM_INTEGRITY). */
typedef enum envm_code (*envm_transaction_finish)(void *user,
                                                  const struct envm_transaction_result *result,
                                                  envm_str *ret_lock_text, struct envm_error *err);

#endif
