/* SPDX-License-Identifier: MIT
 *
 * Two pools of threads that bring packages from their channels into the hands of a transaction:
 * fetch, extract, then the work that is wanted for each.
 */
#ifndef ENVM_TXN_TRANSACTION_POOL_H
#define ENVM_TXN_TRANSACTION_POOL_H

#include <pthread.h>

#include "prefix/link_plan.h"
#include "sys/workers.h"
#include "txn/transaction_plan.h"

struct envm_package_pool; /* what all packages share */

/* One package on its way. */
struct envm_package_job {
    struct envm_package_pool *pool;
    const struct envm_transaction_package *package;
    size_t index; /* in the plan */
    struct envm_store_archive *archive;
    struct envm_store_entry entry; /* its descriptor may be closed in between */
    bool has_entry;
    bool has_slot;
    struct envm_arena arena;
    struct envm_link_plan plan;
    struct envm_package_record *record; /* completed with what was found on arrival */
    struct envm_sha256 digest;          /* of what it puts into the prefix */
    struct envm_script_reports scripts; /* that it ships; `ran`: is to be run, and was */
};

/* Packages between "fetched" and "done" hold descriptors: there are never more than this. */
#define ENVM_PACKAGES_IN_FLIGHT 64

struct envm_package_pool {
    const struct envm_transaction_plan *plan;
    struct envm_store *store;
    struct envm_python python; /* for link plans */
    envm_job work;             /* argument: the job, extracted; runs on many threads at once */
    void *user;                /* for `work` */
    struct envm_workers *cpu;
    pthread_mutex_t mutex; /* for what follows */
    pthread_cond_t freed;
    size_t total; /* jobs of this run, for progress */
    size_t in_flight;
    size_t extracted, linked;
    bool stopped;
};

/* Finds the python of the plan; the other members are the caller's to set. */
enum envm_code envm_package_pool_init(struct envm_package_pool *pool,
                                      const struct envm_transaction_plan *plan,
                                      struct envm_store *store, struct envm_arena *arena,
                                      struct envm_error *err);
void envm_package_pool_release(struct envm_package_pool *pool);

/* A job in its first state, for the package `index` of the plan. */
void envm_package_job_init(struct envm_package_job *job, struct envm_package_pool *pool,
                           size_t index);
void envm_package_job_release(struct envm_package_job *job);

/* Fetches and extracts every job's package, long downloads first, and runs pool->work on it. What
 * is near (envm_store_is_near) is fetched by the threads that extract, everything else by others.
 * The first failure ends everything and is returned, with the package's name in front. May be
 * called again for other jobs. */
enum envm_code envm_package_pool_run(struct envm_package_pool *pool,
                                     struct envm_package_job *const *jobs, size_t count,
                                     struct envm_error *err);

/* Tells the sink that the package is linked. Thread-safe. */
void envm_package_job_report_linked(struct envm_package_job *job);

/* ENVM_INTERRUPTED when the user wants to stop. */
enum envm_code envm_transaction_check_cancelled(const struct envm_transaction_plan *plan,
                                                struct envm_error *err);

#endif
