/* SPDX-License-Identifier: MIT */
#include "txn/python_cache.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/str.h"
#include "sys/fs.h"
#include "sys/fs_tree.h"

void envm_python_cache_release(struct envm_python_cache *cache)
{
    envm_map_release(&cache->modules);
    envm_map_release(&cache->folders);
    envm_vec_release(&cache->files);
}

bool envm_is_compiled_python(envm_str path)
{
    return envm_str_ends_with(path, ENVM_STR(".pyc")) || envm_str_ends_with(path, ENVM_STR(".pyo"));
}

void envm_python_cache_add(struct envm_python_cache *cache, envm_str path)
{
    size_t slash = envm_str_find_last_char(path, '/');
    envm_str above = envm_str_slice(path, 0, slash == SIZE_MAX ? 0 : slash + 1);
    envm_str leaf = envm_str_skip(path, above.len);
    envm_str folder;

    if (!envm_str_ends_with(leaf, ENVM_STR(".py")))
        return;
    leaf = envm_str_slice(leaf, 0, leaf.len - 3);
    folder = envm_arena_printf(cache->arena, "%.*s__pycache__", ENVM_STR_ARGS(above));
    envm_map_set(&cache->folders, folder, 1);
    envm_map_set(
        &cache->modules,
        envm_arena_printf(cache->arena, "%.*s/%.*s", ENVM_STR_ARGS(folder), ENVM_STR_ARGS(leaf)),
        1);
}

struct search {
    struct envm_python_cache *cache;
    envm_str folder;
};

/* "name" of "name.cpython-311.opt-1.pyc": what comes before the tag of the interpreter. */
static envm_str module_of(envm_str leaf)
{
    static const envm_str tags[] = {ENVM_STR_INIT(".cpython-"), ENVM_STR_INIT(".pypy"),
                                    ENVM_STR_INIT(".graalpy")};

    for (size_t i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
        size_t at = envm_str_find(leaf, tags[i]);

        if (at != SIZE_MAX)
            return envm_str_slice(leaf, 0, at);
    }
    return envm_str_slice(leaf, 0, envm_str_find_char(leaf, '.'));
}

static enum envm_code visit(void *user, const struct envm_fs_entry *entry, bool *skip,
                            struct envm_error *err)
{
    struct search *search = user;
    struct envm_python_cache *cache = search->cache;
    envm_str leaf = envm_str_from(entry->leaf);
    envm_str module;
    struct envm_relpath path;

    (void)err;
    *skip = true;
    if (entry->kind != ENVM_FS_FILE || !envm_is_compiled_python(leaf))
        return ENVM_OK;
    module = envm_arena_printf(cache->arena, "%.*s/%.*s", ENVM_STR_ARGS(search->folder),
                               ENVM_STR_ARGS(module_of(leaf)));
    if (envm_map_find(&cache->modules, module) &&
        envm_relpath_parse(cache->arena,
                           envm_arena_printf(cache->arena, "%.*s/%.*s",
                                             ENVM_STR_ARGS(search->folder), ENVM_STR_ARGS(leaf)),
                           &path, NULL) == ENVM_OK)
        envm_vec_push(&cache->files, path);
    return ENVM_OK;
}

enum envm_code envm_python_cache_find(struct envm_python_cache *cache, int prefix_fd,
                                      struct envm_error *err)
{
    size_t position = 0;
    uint64_t value;
    envm_str folder;

    while (envm_map_next(&cache->folders, &position, &folder, &value)) {
        ENVM_CLEANUP(envm_fd) int fd = -1;
        struct search search = {.cache = cache, .folder = folder};
        struct envm_relpath path;

        if (envm_relpath_parse(cache->arena, folder, &path, NULL) != ENVM_OK ||
            envm_fs_open_dir(prefix_fd, path, &fd, NULL) != ENVM_OK)
            continue;
        ENVM_TRY(envm_fs_walk(fd, visit, &search, err));
    }
    /* The map has no order; what is made from this list should have one. */
    if (cache->files.count > 1)
        qsort(cache->files.items, cache->files.count, sizeof(*cache->files.items),
              envm_str_compare_qsort);
    return ENVM_OK;
}
