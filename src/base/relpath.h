/* SPDX-License-Identifier: MIT
 *
 * The one type for a path below a directory (a prefix, a cache entry, an archive). Values are made
 * only here, so whoever holds one knows: not empty, not absolute, no NUL or control or bidi
 * character, valid UTF-8, every component 1 to 255 bytes and not "." or "..", at most 1024 bytes
 * and 64 components. A backslash is an ordinary byte. src/sys takes nothing else.
 */
#ifndef ENVM_BASE_RELPATH_H
#define ENVM_BASE_RELPATH_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/str.h"

struct envm_relpath {
    envm_str s; /* NUL-terminated; read freely, never assemble one by hand */
};

#define ENVM_RELPATH_MAX 1024

/* For names that stand in the source: ENVM_RELPATH("conda-meta/history"). */
#define ENVM_RELPATH(literal) ((struct envm_relpath){ENVM_STR(literal)})

/* Copies into the arena. ENVM_UNSAFE with the escaped text when the bytes break a rule above.
 * A leading "./", doubled slashes and a trailing slash are refused too: the caller that has to
 * tolerate them (tar names) strips them first. */
enum envm_code envm_relpath_parse(struct envm_arena *arena, envm_str text,
                                  struct envm_relpath *ret_path, struct envm_error *err);

/* dir/name; ENVM_UNSAFE when the result breaks a rule. `name` may have several components. */
enum envm_code envm_relpath_join(struct envm_arena *arena, struct envm_relpath dir, envm_str name,
                                 struct envm_relpath *ret_path, struct envm_error *err);

/* True when the text is one valid component. */
bool envm_is_path_component(envm_str text);

/* Everything before the last slash; false for a path of one component. The result is copied into
 * the arena, as it has to be NUL-terminated. */
bool envm_relpath_parent(struct envm_arena *arena, struct envm_relpath path,
                         struct envm_relpath *ret_parent);
/* The last component (NUL-terminated, points into the path). */
envm_str envm_relpath_leaf(struct envm_relpath path);

/* True when path is `dir` or lies below it. */
bool envm_relpath_is_below(struct envm_relpath path, envm_str dir);

/* Where a symlink at `path` with this text leads, lexically. */
enum envm_link_class {
    ENVM_LINK_INSIDE,   /* stays below the root */
    ENVM_LINK_OUTSIDE,  /* leaves it through ".." */
    ENVM_LINK_ABSOLUTE, /* starts with "/" */
};
enum envm_link_class envm_link_classify(struct envm_relpath path, envm_str target);

#endif
