/* SPDX-License-Identifier: MIT
 *
 * Who owns which path of an environment. Packages claim what they bring; here they meet. The same
 * path with the same content is shared, anything else is a conflict.
 */
#ifndef ENVM_TXN_TRANSACTION_CLOBBER_H
#define ENVM_TXN_TRANSACTION_CLOBBER_H

#include <pthread.h>

#include "base/map.h"
#include "base/vec.h"
#include "prefix/link_plan.h"
#include "txn/transaction_plan.h"

struct envm_path_conflict {
    envm_str path;
    size_t first, second; /* owners */
    const char *reason;   /* static */
};

struct envm_path_claim {
    size_t owner;
    const struct envm_prefix_path *path; /* NULL: a directory */
    struct envm_link_item *item;         /* NULL: a directory, or installed */
    bool installed;                      /* is there already and stays */
    bool loose;                          /* another tool's record: it does not know everything */
    struct envm_path_claim *earlier;     /* the claim of another package for the same path */
};

struct envm_path_registry {
    pthread_mutex_t mutex;
    int to_fd; /* where directories are made; -1: nowhere */
    enum envm_clobber_policy policy;
    struct envm_map claims; /* path -> the newest struct envm_path_claim */
    struct envm_map agreed; /* paths where a conflict was agreed to before */
    struct envm_arena arena;
    ENVM_VEC(struct envm_path_conflict) conflicts; /* that are refused */
    ENVM_VEC(envm_str) contested;                  /* paths where the last one wins */
};

void envm_path_registry_init(struct envm_path_registry *registry, int to_fd);
void envm_path_registry_release(struct envm_path_registry *registry);
ENVM_DEFINE_CLEANUP(envm_path_registry, struct envm_path_registry, envm_path_registry_release)

/* Claims every path of a plan for `owner` and makes the directories that are missing, each once.
 * Items that another package brings too are marked `shared`; so are those in conflict, which are
 * kept in `conflicts`. The plan must outlive the registry. Thread-safe. */
enum envm_code envm_path_registry_claim(struct envm_path_registry *registry, size_t owner,
                                        struct envm_link_plan *plan, struct envm_error *err);

/* The same for a package that is installed and stays. That two such packages have different files
 * for one path is their own affair. */
enum envm_code envm_path_registry_claim_installed(struct envm_path_registry *registry, size_t owner,
                                                  const struct envm_prefix_record *record,
                                                  struct envm_error *err);

/* The claim that holds for a path, or NULL. */
const struct envm_path_claim *envm_path_registry_find(const struct envm_path_registry *registry,
                                                      envm_str path);

/* After all claims, made in the order of the plan: for each contested path the items of those that
 * lost it are marked `lost`, or `shared` when they bring what the winner brings. `visit` (may be
 * NULL) is called for every installed package that lost a path. */
void envm_path_registry_settle(struct envm_path_registry *registry,
                               void (*visit)(void *user, size_t owner), void *user);

/* ENVM_CLOBBER naming the first conflict in the order of paths, both owners (by stems[owner]) and
 * how many there are. */
enum envm_code envm_path_registry_fail(struct envm_path_registry *registry, const envm_str *stems,
                                       struct envm_error *err);

#endif
