/* SPDX-License-Identifier: MIT
 *
 * Who owns which path of the environment that is being made. Packages are linked in parallel; here
 * they meet. The same path with the same content is shared, anything else is a conflict.
 */
#ifndef ENVM_TXN_TRANSACTION_CLOBBER_H
#define ENVM_TXN_TRANSACTION_CLOBBER_H

#include <pthread.h>

#include "base/map.h"
#include "base/vec.h"
#include "prefix/link_plan.h"

struct envm_path_conflict {
    envm_str path;
    size_t first, second; /* owners */
    const char *reason;   /* static */
};

struct envm_path_registry {
    pthread_mutex_t mutex;
    int to_fd; /* where directories are made; -1: nowhere */
    struct envm_map claims;
    struct envm_arena arena;
    ENVM_VEC(struct envm_path_conflict) conflicts;
};

void envm_path_registry_init(struct envm_path_registry *registry, int to_fd);
void envm_path_registry_release(struct envm_path_registry *registry);
ENVM_DEFINE_CLEANUP(envm_path_registry, struct envm_path_registry, envm_path_registry_release)

/* Claims every path of a plan for `owner` and makes the directories that are missing, each once.
 * Items that another package brings too are marked `shared`; so are those in conflict, which are
 * kept in `conflicts`. The plan must outlive the registry. Thread-safe. */
enum envm_code envm_path_registry_claim(struct envm_path_registry *registry, size_t owner,
                                        struct envm_link_plan *plan, struct envm_error *err);

#endif
