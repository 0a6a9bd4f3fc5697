/* SPDX-License-Identifier: MIT
 *
 * What linking one package means: each path of the package, where it goes in the prefix, and the
 * files that are generated. No I/O.
 */
#ifndef ENVM_PREFIX_LINK_PLAN_H
#define ENVM_PREFIX_LINK_PLAN_H

#include "prefix/noarch_python.h"
#include "prefix/prefix_record.h"

struct envm_link_item {
    struct envm_prefix_path target;         /* replaced, *_in_prefix are filled by linking */
    const struct envm_package_path *source; /* NULL: generated */
    envm_str generated;                     /* its text with ENVM_GENERATED_PLACEHOLDER */
    bool copy;                              /* must never share an inode with the cache */
    bool shared; /* another package brings the same path and bytes: nothing is written */
    bool lost;   /* another package's file stands at the path: nothing is written or recorded */
};

struct envm_link_plan {
    struct envm_link_item *items; /* sorted by target path; each path once */
    size_t count;
};

struct envm_link_request {
    const struct envm_package_contents *contents;
    const struct envm_package_record *record;
    const struct envm_python *python; /* known == false: no python in the environment */
    envm_str platform;                /* of the environment */
};

/* ENVM_UNSATISFIABLE for noarch: python without python, ENVM_UNSAFE for reserved paths (conda-meta,
 * .envm) and bad entry points, ENVM_CLOBBER when two files of the package meet at one path. */
enum envm_code envm_link_plan_make(struct envm_arena *arena,
                                   const struct envm_link_request *request,
                                   struct envm_link_plan *ret_plan, struct envm_error *err);

/* Files that people or programs edit in place (etc/, var/, *.pth): an edit must not reach the
 * cache, and is not thrown away. */
bool envm_path_is_editable(struct envm_relpath path);

#endif
