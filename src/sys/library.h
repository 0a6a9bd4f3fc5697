/* SPDX-License-Identifier: MIT
 *
 * Shared libraries that are loaded when they are first used. libcurl and what it needs takes longer
 * to load than most commands take to run.
 */
#ifndef ENVM_SYS_LIBRARY_H
#define ENVM_SYS_LIBRARY_H

#include <stddef.h>

#include <envm/error.h>

/* Loads `file` ("libx.so.1", found as the system finds libraries, below libenvm's own run path
 * first) and looks up `count` functions: names[i] goes to functions[i], which is an array, or a
 * structure that holds nothing else than pointers to functions. The library stays until the process
 * ends. ENVM_IO with what the system says and what to do. */
enum envm_code envm_library_load(const char *file, const char *const *names, size_t count,
                                 void *functions, struct envm_error *err);

#endif
