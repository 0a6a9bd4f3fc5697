/* SPDX-License-Identifier: MIT */
#include "env/lock_tree.h"

#include "base/error.h"
#include "conda/package_record.h"
#include "env/complete.h"
#include "prefix/environment_digest.h"
#include "prefix/link_plan.h"
#include "txn/script_consent.h"

static bool all_cached(struct envm_context *context, struct envm_record_list packages)
{
    struct envm_store *store;

    if (envm_context_store(context, &store, NULL) != ENVM_OK)
        return false;
    for (size_t i = 0; i < packages.count; i++) {
        ENVM_CLEANUP(envm_store_entry) struct envm_store_entry entry = {.dirfd = -1};
        bool found = false;

        if (!packages.items[i]->sha256.known ||
            envm_store_find(store, &packages.items[i]->sha256, &entry, &found, NULL) != ENVM_OK ||
            !found)
            return false;
    }
    return true;
}

static enum envm_code package_root(struct envm_arena *arena,
                                   const struct envm_link_request *request,
                                   struct envm_package_root *ret_root, struct envm_error *err)
{
    struct envm_link_plan plan = {0};
    struct envm_prefix_path *paths;

    ENVM_TRY_WRAP(envm_link_plan_make(arena, request, &plan, err), err, "%.*s",
                  ENVM_STR_ARGS(request->record->name));
    paths = envm_arena_new_array(arena, struct envm_prefix_path, plan.count);
    for (size_t i = 0; i < plan.count; i++)
        paths[i] = plan.items[i].target;
    *ret_root = (struct envm_package_root){
        .name = request->record->name,
        .stem = envm_package_record_stem(arena, request->record),
        .root = envm_installed_package_digest(paths, plan.count),
    };
    return ENVM_OK;
}

static enum envm_code agree(struct envm_arena *arena, const struct envm_script_consent *consent,
                            const struct envm_package_contents *contents,
                            const struct envm_package_record **record, struct envm_error *err)
{
    struct envm_package_record *copy = envm_package_record_copy(arena, *record);
    struct envm_script_reports reports = {0};

    ENVM_TRY(envm_script_decide(arena, consent, contents, copy, &reports, err));
    *record = copy;
    return ENVM_OK;
}

enum envm_code envm_lock_tree(struct envm_context *context, struct envm_arena *arena,
                              const struct envm_lock_tree_request *tree_request,
                              struct envm_record_list *packages, struct envm_sha256 *ret_tree,
                              struct envm_error *err)
{
    envm_str platform = tree_request->platform;
    struct envm_package_contents **contents = NULL;
    struct envm_package_root *roots =
        envm_arena_new_array(arena, struct envm_package_root, packages->count);
    struct envm_python python = {0};

    if (!tree_request->fetch && !all_cached(context, *packages))
        return ENVM_OK;
    ENVM_TRY(
        envm_complete_records(context, arena, ENVM_COMPLETE_CONTENT, packages, &contents, err));
    for (size_t i = 0; i < packages->count; i++) {
        if (envm_str_equal_c(packages->items[i]->name, "python"))
            ENVM_TRY(envm_python_from_record(arena, packages->items[i], platform, &python, err));
    }
    for (size_t i = 0; i < packages->count; i++) {
        const struct envm_link_request request = {.contents = contents[i],
                                                  .record = packages->items[i],
                                                  .python = &python,
                                                  .platform = platform};

        ENVM_TRY(package_root(arena, &request, &roots[i], err));
        if (contents[i]->link_scripts.count > 0)
            ENVM_TRY(agree(arena, tree_request->scripts, contents[i], &packages->items[i], err));
    }
    *ret_tree = envm_environment_digest(roots, packages->count);
    return ENVM_OK;
}
