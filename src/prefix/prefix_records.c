/* SPDX-License-Identifier: MIT
 *
 * All records of a prefix; the contract is in prefix/prefix_record.h.
 */
#include "prefix/prefix_record.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/vec.h"
#include "conda/package_record.h"
#include "sys/fs_tree.h"

#define RECORD_SIZE_MAX ((size_t)256 << 20)

struct loader {
    struct envm_arena *arena;
    bool paths;
    ENVM_VEC(struct envm_prefix_record *) records;
    ENVM_VEC(envm_str) bad;
};

static void loader_release(struct loader *loader)
{
    envm_vec_release(&loader->records);
    envm_vec_release(&loader->bad);
}
ENVM_DEFINE_CLEANUP(loader, struct loader, loader_release)

static bool load_record(struct loader *loader, const struct envm_fs_entry *entry)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(RECORD_SIZE_MAX);
    struct envm_prefix_record *record = envm_arena_new(loader->arena, struct envm_prefix_record);
    envm_str leaf = envm_str_from(entry->leaf);
    struct envm_relpath path;
    envm_str stem;

    if (entry->kind != ENVM_FS_FILE ||
        envm_relpath_parse(loader->arena, leaf, &path, NULL) != ENVM_OK ||
        envm_fs_read_at(entry->parent_fd, path, &text, NULL) != ENVM_OK)
        return false;
    /* The record's slices point into the text, so the arena gets it. */
    if (envm_prefix_record_read_parts(loader->arena,
                                      envm_arena_str(loader->arena, envm_buf_str(&text)),
                                      loader->paths, record, NULL) != ENVM_OK)
        return false;
    stem = envm_package_record_stem(loader->arena, record->record);
    if (!envm_str_equal(stem, envm_str_slice(leaf, 0, leaf.len - 5)))
        return false;
    envm_vec_push(&loader->records, record);
    return true;
}

static enum envm_code visit(void *user, const struct envm_fs_entry *entry, bool *skip,
                            struct envm_error *err)
{
    struct loader *loader = user;

    (void)err;
    *skip = true;
    if (envm_str_ends_with(envm_str_from(entry->leaf), ENVM_STR(".json")) &&
        !load_record(loader, entry))
        envm_vec_push(&loader->bad, envm_arena_str(loader->arena, entry->path));
    return ENVM_OK;
}

static int compare_names(const void *a, const void *b)
{
    const struct envm_prefix_record *const *left = a;
    const struct envm_prefix_record *const *right = b;
    int order = envm_str_compare((*left)->record->name, (*right)->record->name);

    return order ? order : envm_str_compare((*left)->record->version, (*right)->record->version);
}

/* One record a package: a second one is as wrong as one that cannot be read. */
static void drop_doubles(struct loader *loader)
{
    size_t kept = 0;

    if (loader->records.count > 1)
        qsort(loader->records.items, loader->records.count, sizeof(*loader->records.items),
              compare_names);
    for (size_t i = 0; i < loader->records.count; i++) {
        struct envm_prefix_record *record = loader->records.items[i];

        if (kept > 0 &&
            envm_str_equal(loader->records.items[kept - 1]->record->name, record->record->name)) {
            envm_str stem = envm_package_record_stem(loader->arena, record->record);

            envm_vec_push(&loader->bad,
                          envm_arena_printf(loader->arena, "%.*s.json", ENVM_STR_ARGS(stem)));
        } else {
            loader->records.items[kept++] = record;
        }
    }
    loader->records.count = kept;
}

enum envm_code envm_prefix_records_load(struct envm_arena *arena, int prefix_fd, bool paths,
                                        struct envm_prefix_record_list *ret_list,
                                        struct envm_error *err)
{
    ENVM_CLEANUP(loader) struct loader loader = {.arena = arena, .paths = paths};
    ENVM_CLEANUP(envm_fd) int meta_fd = -1;
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    ENVM_TRY(envm_fs_stat(prefix_fd, ENVM_RELPATH("conda-meta"), &kind, NULL, err));
    if (kind != ENVM_FS_DIRECTORY)
        return envm_fail(err, ENVM_USAGE, "not an environment: it has no conda-meta folder");
    ENVM_TRY(envm_fs_open_dir(prefix_fd, ENVM_RELPATH("conda-meta"), &meta_fd, err));
    ENVM_TRY_WRAP(envm_fs_walk(meta_fd, visit, &loader, err), err, "reading conda-meta");
    drop_doubles(&loader);
    if (loader.bad.count > 1)
        qsort(loader.bad.items, loader.bad.count, sizeof(envm_str), envm_str_compare_qsort);

    ret_list->count = loader.records.count;
    ret_list->items = envm_arena_copy(arena, loader.records.items,
                                      loader.records.count * sizeof(*loader.records.items));
    ret_list->bad_files.count = loader.bad.count;
    ret_list->bad_files.items =
        envm_arena_copy(arena, loader.bad.items, loader.bad.count * sizeof(envm_str));
    return ENVM_OK;
}
