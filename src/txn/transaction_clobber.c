/* SPDX-License-Identifier: MIT */
#include "txn/transaction_clobber.h"

#include "base/error.h"
#include "sys/fs.h"

struct claim {
    size_t owner;
    const struct envm_link_item *item; /* NULL: a directory */
};

void envm_path_registry_init(struct envm_path_registry *registry, int to_fd)
{
    *registry = (struct envm_path_registry){.to_fd = to_fd};
    pthread_mutex_init(&registry->mutex, NULL);
}

void envm_path_registry_release(struct envm_path_registry *registry)
{
    pthread_mutex_destroy(&registry->mutex);
    envm_map_release(&registry->claims);
    envm_vec_release(&registry->conflicts);
    envm_arena_release(&registry->arena);
}

static void add_conflict(struct envm_path_registry *registry, envm_str path,
                         const struct claim *claim, size_t owner, const char *reason)
{
    envm_vec_push(&registry->conflicts,
                  ((struct envm_path_conflict){.path = envm_arena_str(&registry->arena, path),
                                               .first = claim->owner,
                                               .second = owner,
                                               .reason = reason}));
}

/* *ret_claim is NULL when the path was free and is the owner's now. */
static void take(struct envm_path_registry *registry, envm_str path, size_t owner,
                 const struct envm_link_item *item, const struct claim **ret_claim)
{
    bool is_new = false;
    uint64_t *value = envm_map_get(&registry->claims, path, &is_new);
    struct claim *claim = NULL;

    *ret_claim = (const struct claim *)(uintptr_t)*value;
    if (!is_new)
        return;
    claim = envm_arena_new(&registry->arena, struct claim);
    *claim = (struct claim){owner, item};
    *value = (uint64_t)(uintptr_t)claim;
}

static enum envm_code claim_directory(struct envm_path_registry *registry, envm_str path,
                                      size_t owner, bool *ret_usable, struct envm_error *err)
{
    const struct claim *claim = NULL;
    struct envm_relpath directory;

    *ret_usable = true;
    take(registry, path, owner, NULL, &claim);
    if (claim && claim->item) {
        add_conflict(registry, path, claim, owner, "one has a folder where the other has none");
        *ret_usable = false;
    }
    if (claim || registry->to_fd < 0)
        return ENVM_OK;
    ENVM_TRY(envm_relpath_parse(&registry->arena, path, &directory, err));
    return envm_fs_mkdir(registry->to_fd, directory, 0777, err);
}

/* Claims the directories above a path, outermost first. */
static enum envm_code claim_parents(struct envm_path_registry *registry, envm_str path,
                                    size_t owner, bool *ret_usable, struct envm_error *err)
{
    *ret_usable = true;
    for (size_t i = 0; i < path.len && *ret_usable; i++) {
        if (path.ptr[i] == '/')
            ENVM_TRY(claim_directory(registry, envm_str_slice(path, 0, i), owner, ret_usable, err));
    }
    return ENVM_OK;
}

static enum envm_code claim_item(struct envm_path_registry *registry, size_t owner,
                                 struct envm_link_item *item, struct envm_error *err)
{
    envm_str path = item->target.path.s;
    const struct claim *claim = NULL;
    bool usable = true;

    if (item->target.type == ENVM_PATH_DIRECTORY) {
        ENVM_TRY(claim_directory(registry, path, owner, &usable, err));
        return ENVM_OK;
    }
    take(registry, path, owner, item, &claim);
    if (!claim)
        return ENVM_OK;
    item->shared = true;
    if (!claim->item)
        add_conflict(registry, path, claim, owner, "one has a folder where the other has none");
    else if (!envm_link_item_is_same(claim->item, item))
        add_conflict(registry, path, claim, owner, "with different contents");
    return ENVM_OK;
}

static enum envm_code claim_all(struct envm_path_registry *registry, size_t owner,
                                struct envm_link_plan *plan, struct envm_error *err)
{
    envm_str parent = {0};

    for (size_t i = 0; i < plan->count; i++) {
        struct envm_link_item *item = &plan->items[i];
        envm_str path = item->target.path.s;
        size_t slash = envm_str_find_last_char(path, '/');
        envm_str above = slash == SIZE_MAX ? (envm_str){0} : envm_str_slice(path, 0, slash);
        bool usable = true;

        /* Sorted paths: most have the parent of the one before. */
        if (above.len > 0 && !envm_str_equal(above, parent))
            ENVM_TRY(claim_parents(registry, path, owner, &usable, err));
        item->shared = !usable;
        if (!usable)
            continue;
        parent = above;
        ENVM_TRY(claim_item(registry, owner, item, err));
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
