/* SPDX-License-Identifier: MIT */
#include "txn/transaction_clobber.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/utf8.h"
#include "sys/fs.h"

void envm_path_registry_init(struct envm_path_registry *registry, int to_fd)
{
    *registry = (struct envm_path_registry){.to_fd = to_fd};
    pthread_mutex_init(&registry->mutex, NULL);
}

void envm_path_registry_release(struct envm_path_registry *registry)
{
    pthread_mutex_destroy(&registry->mutex);
    envm_map_release(&registry->claims);
    envm_map_release(&registry->agreed);
    envm_vec_release(&registry->conflicts);
    envm_vec_release(&registry->contested);
    envm_arena_release(&registry->arena);
}

static void add_conflict(struct envm_path_registry *registry, envm_str path,
                         const struct envm_path_claim *claim, size_t owner, const char *reason)
{
    envm_vec_push(&registry->conflicts,
                  ((struct envm_path_conflict){.path = envm_arena_str(&registry->arena, path),
                                               .first = claim->owner,
                                               .second = owner,
                                               .reason = reason}));
}

/* *ret_earlier is NULL when the path was free; then it is the claimer's now. */
static uint64_t *take(struct envm_path_registry *registry, envm_str path,
                      const struct envm_path_claim *claim, struct envm_path_claim **ret_earlier)
{
    bool is_new = false;
    uint64_t *value = envm_map_get(&registry->claims, path, &is_new);

    *ret_earlier = (struct envm_path_claim *)(uintptr_t)*value;
    if (is_new)
        *value = (uint64_t)(uintptr_t)envm_arena_copy(&registry->arena, claim, sizeof(*claim));
    return value;
}

static enum envm_code claim_directory(struct envm_path_registry *registry, envm_str path,
                                      const struct envm_path_claim *below, bool *ret_usable,
                                      struct envm_error *err)
{
    const struct envm_path_claim claim = {.owner = below->owner, .installed = below->installed};
    struct envm_path_claim *earlier = NULL;
    struct envm_relpath directory;

    *ret_usable = true;
    take(registry, path, &claim, &earlier);
    if (earlier && earlier->path && !(earlier->installed && claim.installed)) {
        add_conflict(registry, path, earlier, claim.owner,
                     "one has a folder where the other has none");
        *ret_usable = false;
    }
    if (earlier || registry->to_fd < 0)
        return ENVM_OK;
    ENVM_TRY(envm_relpath_parse(&registry->arena, path, &directory, err));
    return envm_fs_mkdir(registry->to_fd, directory, 0777, err);
}

/* Claims the directories above a path, outermost first. */
static enum envm_code claim_parents(struct envm_path_registry *registry,
                                    const struct envm_path_claim *claim, bool *ret_usable,
                                    struct envm_error *err)
{
    envm_str path = claim->path->path.s;

    *ret_usable = true;
    for (size_t i = 0; i < path.len && *ret_usable; i++) {
        if (path.ptr[i] == '/')
            ENVM_TRY(claim_directory(registry, envm_str_slice(path, 0, i), claim, ret_usable, err));
    }
    return ENVM_OK;
}

/* Puts a claim beside or in front of an earlier one that brings the same. */
static void share(struct envm_path_claim *earlier, struct envm_path_claim *claim, uint64_t *newest)
{
    /* What is there already need not be written. */
    if (claim->installed && !earlier->installed) {
        earlier->item->shared = true;
        claim->earlier = earlier;
        *newest = (uint64_t)(uintptr_t)claim;
        return;
    }
    claim->earlier = earlier->earlier;
    earlier->earlier = claim;
}

/* A file meets the one of an earlier claim. */
static void meet(struct envm_path_registry *registry, uint64_t *newest,
                 struct envm_path_claim *earlier, const struct envm_path_claim *claim)
{
    bool both_installed = earlier->installed && claim->installed;
    envm_str path = claim->path->path.s;
    struct envm_path_claim *added;

    if (!earlier->path) {
        if (!both_installed)
            add_conflict(registry, path, earlier, claim->owner,
                         "one has a folder where the other has none");
        return;
    }
    added = envm_arena_copy(&registry->arena, claim, sizeof(*claim));
    if (both_installed ||
        envm_prefix_path_is_same(earlier->path, claim->path, earlier->loose || claim->loose)) {
        share(earlier, added, newest);
    } else if (registry->policy == ENVM_CLOBBER_REFUSE && !envm_map_find(&registry->agreed, path)) {
        add_conflict(registry, path, earlier, claim->owner, "with different contents");
    } else {
        envm_vec_push(&registry->contested, path);
        added->earlier = earlier;
        *newest = (uint64_t)(uintptr_t)added;
    }
}

static enum envm_code claim_path(struct envm_path_registry *registry,
                                 const struct envm_path_claim *claim, struct envm_error *err)
{
    envm_str path = claim->path->path.s;
    struct envm_path_claim *earlier = NULL;
    bool usable = true;
    uint64_t *newest;

    if (claim->path->type == ENVM_PATH_DIRECTORY)
        return claim_directory(registry, path, claim, &usable, err);
    newest = take(registry, path, claim, &earlier);
    if (!earlier)
        return ENVM_OK;
    if (claim->item)
        claim->item->shared = true;
    meet(registry, newest, earlier, claim);
    return ENVM_OK;
}

/* The paths come sorted: most have the parent of the one before, which is remembered in *parent. */
static enum envm_code claim_one(struct envm_path_registry *registry,
                                const struct envm_path_claim *claim, envm_str *parent,
                                struct envm_error *err)
{
    envm_str path = claim->path->path.s;
    size_t slash = envm_str_find_last_char(path, '/');
    envm_str above = slash == SIZE_MAX ? (envm_str){0} : envm_str_slice(path, 0, slash);
    bool usable = true;

    if (above.len > 0 && !envm_str_equal(above, *parent))
        ENVM_TRY(claim_parents(registry, claim, &usable, err));
    if (claim->item)
        claim->item->shared = !usable;
    if (!usable)
        return ENVM_OK;
    *parent = above;
    return claim_path(registry, claim, err);
}

static enum envm_code claim_all(struct envm_path_registry *registry, size_t owner,
                                struct envm_link_plan *plan, struct envm_error *err)
{
    envm_str parent = {0};

    for (size_t i = 0; i < plan->count; i++) {
        struct envm_path_claim claim = {
            .owner = owner, .item = &plan->items[i], .path = &plan->items[i].target};

        plan->items[i].lost = false;
        ENVM_TRY(claim_one(registry, &claim, &parent, err));
    }
    return ENVM_OK;
}

enum envm_code envm_path_registry_claim(struct envm_path_registry *registry, size_t owner,
                                        struct envm_link_plan *plan, struct envm_error *err)
{
    enum envm_code code;

    pthread_mutex_lock(&registry->mutex);
    code = claim_all(registry, owner, plan, err);
    pthread_mutex_unlock(&registry->mutex);
    return code;
}

enum envm_code envm_path_registry_claim_installed(struct envm_path_registry *registry, size_t owner,
                                                  const struct envm_prefix_record *record,
                                                  struct envm_error *err)
{
    envm_str parent = {0};

    for (size_t i = 0; i < record->path_count; i++) {
        struct envm_path_claim claim = {.owner = owner,
                                        .path = &record->paths[i],
                                        .installed = true,
                                        .loose = !record->by_envm};

        ENVM_TRY(claim_one(registry, &claim, &parent, err));
    }
    return ENVM_OK;
}

const struct envm_path_claim *envm_path_registry_find(const struct envm_path_registry *registry,
                                                      envm_str path)
{
    const uint64_t *value = envm_map_find(&registry->claims, path);

    return value ? (const struct envm_path_claim *)(uintptr_t)*value : NULL;
}

void envm_path_registry_settle(struct envm_path_registry *registry,
                               void (*visit)(void *user, size_t owner), void *user)
{
    for (size_t i = 0; i < registry->contested.count; i++) {
        const struct envm_path_claim *winner =
            envm_path_registry_find(registry, registry->contested.items[i]);

        /* What is contested was claimed. */
        if (!winner)
            continue;
        if (winner->item)
            winner->item->shared = winner->item->lost = false;
        for (const struct envm_path_claim *claim = winner->earlier; claim; claim = claim->earlier) {
            bool same =
                envm_prefix_path_is_same(winner->path, claim->path, winner->loose || claim->loose);

            if (claim->item) {
                claim->item->shared = same;
                claim->item->lost = !same;
            } else if (!same && visit) {
                visit(user, claim->owner);
            }
        }
    }
}

static int compare_conflicts(const void *a, const void *b)
{
    return envm_str_compare(((const struct envm_path_conflict *)a)->path,
                            ((const struct envm_path_conflict *)b)->path);
}

enum envm_code envm_path_registry_fail(struct envm_path_registry *registry, const envm_str *stems,
                                       struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();
    const struct envm_path_conflict *conflict;
    size_t count = registry->conflicts.count;

    qsort(registry->conflicts.items, count, sizeof(struct envm_path_conflict), compare_conflicts);
    conflict = &registry->conflicts.items[0];
    envm_buf_add_escaped(&shown, conflict->path, 256);
    (void)envm_fail(err, ENVM_CLOBBER, "'%s' comes from both %.*s and %.*s, %s (%zu such path%s)",
                    envm_buf_str(&shown).ptr, ENVM_STR_ARGS(stems[conflict->first]),
                    ENVM_STR_ARGS(stems[conflict->second]), conflict->reason, count,
                    count == 1 ? "" : "s");
    return envm_error_hint(err, ENVM_CLOBBER, "one of the two packages has to go");
}
