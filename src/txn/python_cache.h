/* SPDX-License-Identifier: MIT
 *
 * The compiled forms that Python keeps in __pycache__ of modules.
 */
#ifndef ENVM_TXN_PYTHON_CACHE_H
#define ENVM_TXN_PYTHON_CACHE_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/map.h"
#include "base/relpath.h"
#include "base/vec.h"

struct envm_python_cache {
    struct envm_arena *arena;
    struct envm_map modules; /* "lib/__pycache__/name" */
    struct envm_map folders; /* "lib/__pycache__" */
    ENVM_VEC(struct envm_relpath) files;
};

void envm_python_cache_release(struct envm_python_cache *cache);
ENVM_DEFINE_CLEANUP(envm_python_cache, struct envm_python_cache, envm_python_cache_release)

/* Takes note of a path when it is that of a module. */
void envm_python_cache_add(struct envm_python_cache *cache, envm_str path);

/* Fills cache->files with the files in __pycache__ folders that belong to the modules, for any
 * version of Python and any level of optimisation; sorted. Folders behind symlinks are left out. */
enum envm_code envm_python_cache_find(struct envm_python_cache *cache, int prefix_fd,
                                      struct envm_error *err);

/* A path that ends with .pyc or .pyo. */
bool envm_is_compiled_python(envm_str path);

#endif
