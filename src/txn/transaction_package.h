/* SPDX-License-Identifier: MIT
 *
 * One package on its way into an environment that is being made: fetched, extracted, linked,
 * recorded. The steps run on the pools of transaction_create.
 */
#ifndef ENVM_TXN_TRANSACTION_PACKAGE_H
#define ENVM_TXN_TRANSACTION_PACKAGE_H

#include "prefix/link_plan.h"
#include "sys/workers.h"
#include "txn/transaction_clobber.h"
#include "txn/transaction_create.h"
#include "txn/transaction_target.h"

struct envm_create_state; /* what all packages share */

struct envm_package_job {
    struct envm_create_state *state;
    const struct envm_create_package *package;
    size_t index; /* in the plan */
    struct envm_store_archive *archive;
    struct envm_store_entry entry;
    bool has_entry;
    bool has_slot;
    struct envm_arena arena;
    struct envm_link_plan plan;
    struct envm_package_record *record; /* completed with what was found on arrival */
    struct envm_sha256 digest;          /* of what it puts into the prefix */
};

/* Packages between "fetched" and "linked" hold descriptors: there are never more than this. */
#define ENVM_PACKAGES_IN_FLIGHT 64

struct envm_create_state {
    const struct envm_create_plan *plan;
    struct envm_store *store;
    struct envm_target *target;
    struct envm_python python;
    struct envm_path_registry registry;
    struct envm_workers *cpu;
    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t freed;
    size_t in_flight;
    size_t extracted, linked; /* for progress */
    bool stopped;
};

void envm_create_state_init(struct envm_create_state *state);
void envm_create_state_release(struct envm_create_state *state);
/* A failure elsewhere: everybody comes to an end. */
void envm_create_state_stop(struct envm_create_state *state);

/* Job of the fetching pool; queues envm_package_job_install on state->cpu. */
enum envm_code envm_package_job_fetch(void *job, struct envm_error *err);
enum envm_code envm_package_job_install(void *job, struct envm_error *err);
void envm_package_job_release(struct envm_package_job *job);

#endif
