/* SPDX-License-Identifier: MIT
 *
 * `cache`, `clean` and `verify --cache`.
 */
#include <envm/cache.h>

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "env/confine.h"
#include "env/holders.h"
#include "repo/repodata_verify.h"
#include "store/package_upkeep.h"
#include "sys/fs_tree.h"

#define CLEAN_TIMEOUT_MS 60000

envm_str envm_cache_path(struct envm_context *context, struct envm_memory *memory)
{
    return envm_arena_str(&memory->arena, context->cache);
}

/* To look at a cache, or to clean it, is no reason to make one. */
static bool has_cache(const struct envm_context *context)
{
    return envm_fs_user_kind(context->cache.ptr) != ENVM_FS_ABSENT;
}

/* --- what is there -------------------------------------------------------------------------- */

static int compare_packages(const void *a, const void *b)
{
    const struct envm_cache_package *left = a;
    const struct envm_cache_package *right = b;
    int order = envm_str_compare(left->package, right->package);

    return order ? order : memcmp(left->sha256.bytes, right->sha256.bytes, 32);
}

static struct envm_cache_package *packages_of(struct envm_arena *arena,
                                              struct envm_store_item_list list)
{
    struct envm_cache_package *packages =
        envm_arena_new_array(arena, struct envm_cache_package, list.count);

    for (size_t i = 0; i < list.count; i++)
        packages[i] = (struct envm_cache_package){.package = list.items[i].package,
                                                  .sha256 = list.items[i].sha256,
                                                  .bytes = list.items[i].bytes,
                                                  .linked = list.items[i].linked,
                                                  .used = list.items[i].used};
    if (list.count > 1)
        qsort(packages, list.count, sizeof(*packages), compare_packages);
    return packages;
}

struct index_walk {
    int dirfd; /* of "repodata" */
    bool remove;
    size_t count;
    uint64_t bytes;
};

/* Whoever reads an index has it mapped, and whoever finds none fetches it: nobody is disturbed. */
static enum envm_code visit_index(void *user, const struct envm_fs_entry *entry, bool *skip,
                                  struct envm_error *err)
{
    struct index_walk *walk = user;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_relpath path;

    (void)skip;
    if (entry->kind != ENVM_FS_FILE)
        return ENVM_OK;
    walk->count++;
    walk->bytes += (uint64_t)entry->stat->st_blocks * 512;
    if (!walk->remove)
        return ENVM_OK;
    ENVM_TRY(envm_relpath_parse(&arena, entry->path, &path, err));
    return envm_fs_unlink(walk->dirfd, path, err);
}

/* *ret_fd is -1 when there are none. */
static enum envm_code open_indexes(struct envm_context *context, int *ret_fd,
                                   struct envm_error *err)
{
    const struct envm_relpath folder = ENVM_RELPATH("repodata");
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    *ret_fd = -1;
    ENVM_TRY(envm_context_cache(context, true, err));
    ENVM_TRY(envm_fs_stat(context->cache_fd, folder, &kind, NULL, err));
    return kind == ENVM_FS_DIRECTORY ? envm_fs_open_dir(context->cache_fd, folder, ret_fd, err)
                                     : ENVM_OK;
}

static enum envm_code walk_indexes(struct envm_context *context, struct index_walk *walk,
                                   struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;

    ENVM_TRY(open_indexes(context, &fd, err));
    if (fd < 0)
        return ENVM_OK;
    walk->dirfd = fd;
    return envm_fs_walk(fd, visit_index, walk, err);
}

enum envm_code envm_cache_info(struct envm_context *context, struct envm_memory *memory,
                               struct envm_cache_report *ret_report, struct envm_error *err)
{
    struct envm_arena *arena = &memory->arena;
    struct envm_cache_report report = {.path = envm_arena_str(arena, context->cache)};
    struct envm_store_item_list list = {0};
    struct index_walk walk = {0};
    envm_str *layers;
    struct envm_store *store;

    *ret_report = report;
    if (!has_cache(context))
        return ENVM_OK;
    ENVM_TRY(envm_context_store(context, &store, err));
    ENVM_TRY(envm_store_list(store, arena, &list, err));
    ENVM_TRY_WRAP(walk_indexes(context, &walk, err), err, "cache of indexes");
    report.packages = packages_of(arena, list);
    report.package_count = list.count;
    for (size_t i = 0; i < list.count; i++) {
        report.package_bytes += list.items[i].bytes;
        report.unused_bytes += list.items[i].linked ? 0 : list.items[i].freed;
    }
    report.indexes = walk.count;
    report.index_bytes = walk.bytes;
    layers = envm_arena_new_array(arena, envm_str, context->layer_count);
    for (size_t i = 0; i < context->layer_count; i++)
        layers[i] = envm_arena_str(arena, context->layers[i].path);
    report.layers = (struct envm_str_list){layers, context->layer_count};
    *ret_report = report;
    return ENVM_OK;
}

/* --- clean ---------------------------------------------------------------------------------- */

static enum envm_code clean_packages(struct envm_context *context, struct envm_arena *arena,
                                     const struct envm_clean_options *options,
                                     struct envm_clean_report *report, struct envm_error *err)
{
    const struct envm_store_clean request = {.packages = options->packages,
                                             .older_than_s = options->older_than_s,
                                             .temporary = options->temporary,
                                             .dry_run = options->dry_run,
                                             .timeout_ms = CLEAN_TIMEOUT_MS};
    struct envm_store_cleaned cleaned = {0};
    struct envm_store *store;

    ENVM_TRY(envm_context_store(context, &store, err));
    ENVM_TRY(envm_store_tidy(store, arena, &request, &cleaned, err));
    report->removed = packages_of(arena, cleaned.removed);
    report->removed_count = cleaned.removed.count;
    report->kept_in_use = cleaned.kept_linked;
    report->kept_young = cleaned.kept_young;
    report->temporary = cleaned.temporary;
    report->bytes += cleaned.bytes;
    return ENVM_OK;
}

enum envm_code envm_clean(struct envm_context *context, struct envm_memory *memory,
                          const struct envm_clean_options *options,
                          struct envm_clean_report *ret_report, struct envm_error *err)
{
    struct envm_clean_report report = {.path = envm_arena_str(&memory->arena, context->cache)};
    struct index_walk walk = {.remove = !options->dry_run};

    if (!options->packages && !options->indexes && !options->temporary) {
        (void)envm_fail(err, ENVM_USAGE, "clean what?");
        return envm_error_hint(err, ENVM_USAGE,
                               "--packages (that no environment uses), --indexes, --temporary, or "
                               "--all of them; with --dry-run to see what would go");
    }
    *ret_report = report;
    if (!has_cache(context))
        return ENVM_OK;
    envm_confine(context, &(struct envm_confine_plan){0});
    if (options->packages || options->temporary)
        ENVM_TRY(clean_packages(context, &memory->arena, options, &report, err));
    if (options->indexes) {
        ENVM_TRY_WRAP(walk_indexes(context, &walk, err), err, "cleaning the indexes");
        report.indexes = walk.count;
        report.bytes += walk.bytes;
    }
    *ret_report = report;
    return ENVM_OK;
}

/* --- verify --------------------------------------------------------------------------------- */

static struct envm_cache_damage describe(struct envm_arena *arena,
                                         const struct envm_store_damage *damage,
                                         const struct envm_holder_list *found)
{
    struct envm_cache_fault *faults =
        envm_arena_new_array(arena, struct envm_cache_fault, damage->fault_count);
    struct envm_cache_holder *holders =
        envm_arena_new_array(arena, struct envm_cache_holder, found->count);

    for (size_t i = 0; i < damage->fault_count; i++)
        faults[i] = (struct envm_cache_fault){damage->faults[i].path, damage->faults[i].what};
    for (size_t i = 0; i < found->count; i++)
        holders[i] = (struct envm_cache_holder){found->items[i].prefix, found->items[i].paths};
    return (struct envm_cache_damage){.package = damage->package,
                                      .sha256 = damage->sha256,
                                      .faults = faults,
                                      .fault_count = damage->fault_count,
                                      .holders = holders,
                                      .holder_count = found->count,
                                      .links_elsewhere = found->elsewhere};
}

static struct envm_cache_damage *report_damage(struct envm_context *context,
                                               struct envm_arena *arena,
                                               const struct envm_store_verification *found,
                                               struct envm_cache_verify_report *report)
{
    struct envm_holder_list *holders =
        envm_arena_new_array(arena, struct envm_holder_list, found->damage_count);
    struct envm_cache_damage *damages =
        envm_arena_new_array(arena, struct envm_cache_damage, found->damage_count);

    envm_find_holders(context, arena, found->damages, found->damage_count, holders);
    for (size_t i = 0; i < found->damage_count; i++)
        damages[i] = describe(arena, &found->damages[i], &holders[i]);
    report->damages = damages;
    report->damage_count = found->damage_count;
    return damages;
}

static enum envm_code verify_indexes(struct envm_context *context, struct envm_arena *arena,
                                     bool remove, struct envm_cache_verify_report *report,
                                     struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_repodata_verification found = {0};
    envm_str *names;

    ENVM_TRY(open_indexes(context, &fd, err));
    if (fd < 0)
        return ENVM_OK;
    ENVM_TRY_WRAP(envm_repodata_verify(arena, fd, &found, err), err, "cache of indexes");
    names = envm_arena_new_array(arena, envm_str, found.damaged.count);
    for (size_t i = 0; i < found.damaged.count; i++) {
        struct envm_relpath path;

        names[i] = envm_arena_concat(arena, ENVM_STR("repodata/"), found.damaged.items[i]);
        ENVM_TRY(envm_relpath_parse(arena, found.damaged.items[i], &path, err));
        if (remove)
            ENVM_TRY(envm_fs_unlink(fd, path, err));
    }
    report->damaged_indexes = (struct envm_str_list){names, found.damaged.count};
    report->indexes = found.files;
    report->bytes += found.bytes;
    return ENVM_OK;
}

static enum envm_code fail_damaged(const struct envm_context *context,
                                   const struct envm_cache_verify_report *report,
                                   struct envm_error *err)
{
    size_t bad = report->damage_count;
    size_t bad_indexes = report->damaged_indexes.count;

    if (bad > 0)
        (void)envm_fail(err, ENVM_DAMAGED, "%s: %zu of %zu packages %s damaged", context->cache.ptr,
                        bad, report->packages, bad == 1 ? "is" : "are");
    else
        (void)envm_fail(err, ENVM_DAMAGED, "%s: %zu of %zu files of the indexes %s damaged",
                        context->cache.ptr, bad_indexes, report->indexes,
                        bad_indexes == 1 ? "is" : "are");
    (void)envm_error_where(err, ENVM_DAMAGED, "%s", context->cache.ptr);
    if (bad == 0)
        return envm_error_hint(err, ENVM_DAMAGED,
                               "`envm repair --cache` takes them out, to be fetched anew");
    return envm_error_hint(
        err, ENVM_DAMAGED,
        "`envm repair --cache` takes them out, to be fetched anew; then mend the "
        "environments that hold their files with `envm repair -p PREFIX`");
}

enum envm_code envm_cache_verify(struct envm_context *context, struct envm_memory *memory,
                                 bool remove, struct envm_cache_verify_report *ret_report,
                                 struct envm_error *err)
{
    struct envm_arena *arena = &memory->arena;
    struct envm_store_verification found = {0};
    struct envm_store *store;
    struct envm_cache_damage *damages = NULL;

    *ret_report = (struct envm_cache_verify_report){.path = envm_arena_str(arena, context->cache)};
    if (!has_cache(context))
        return ENVM_OK;
    envm_confine(context, &(struct envm_confine_plan){0});
    ENVM_TRY(envm_context_store(context, &store, err));
    ENVM_TRY(envm_store_verify(store, arena, context->threads, &found, err));
    ret_report->packages = found.packages;
    ret_report->files = found.files;
    ret_report->bytes = found.bytes;
    ENVM_TRY(verify_indexes(context, arena, remove, ret_report, err));
    if (found.damage_count > 0)
        damages = report_damage(context, arena, &found, ret_report);
    for (size_t i = 0; i < found.damage_count && remove; i++) {
        ENVM_TRY(envm_store_remove(store, &found.damages[i].sha256, err));
        damages[i].removed = true;
    }
    if (remove || found.damage_count + ret_report->damaged_indexes.count == 0)
        return ENVM_OK;
    return fail_damaged(context, ret_report, err);
}
