/* SPDX-License-Identifier: MIT
 *
 * YAML through libyaml's events into a tree in an arena, with line numbers. One document; depth at
 * most 32, input at most 8 MiB, at most 2 million events; anchors, aliases, tags other than the
 * core ones, duplicate keys and a second document are refused with ENVM_MALFORMED and line:column.
 * A BOM at the start and CRLF are accepted. Every scalar is text: `3.10` stays "3.10"; `plain`
 * tells a plain scalar from a quoted one, for the few places that ask for null or booleans.
 */
#ifndef ENVM_CODEC_YAML_READER_H
#define ENVM_CODEC_YAML_READER_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/str.h"

enum envm_yaml_kind {
    ENVM_YAML_SCALAR,
    ENVM_YAML_SEQUENCE,
    ENVM_YAML_MAPPING,
};

struct envm_yaml_node {
    enum envm_yaml_kind kind;
    unsigned line;   /* from 1 */
    unsigned column; /* from 1 */
    bool plain;      /* scalar written without quotes */
    envm_str scalar; /* NUL-terminated */
    /* sequence: items; mapping: keys[i] -> items[i], in file order */
    struct envm_yaml_node **keys;
    struct envm_yaml_node **items;
    size_t count;
};

/* Everything that is returned lives in the arena. *ret_root is NULL for an empty document. The
 * error text has no file name; its `where` is "FILE:LINE:COLUMN" with `file` as given, columns in
 * characters. `comments` (may be NULL) receives the text after '#' for each line (index = line-1;
 * one more than the text has lines, so that every node's line is there), which selectors (CEP 24)
 * need and libyaml drops; '#' inside quotes, words and block scalars are not comments. */
enum envm_code envm_yaml_read(struct envm_arena *arena, envm_str text, const char *file,
                              struct envm_yaml_node **ret_root, struct envm_str_list *comments,
                              struct envm_error *err);

/* Value of a key of a mapping, or NULL (also when it is no mapping, or NULL itself). */
const struct envm_yaml_node *envm_yaml_get(const struct envm_yaml_node *mapping, const char *key);
/* Plain null (`~`, `null`, nothing), or no node at all. */
bool envm_yaml_is_null(const struct envm_yaml_node *node);
/* Plain true/false/yes/no/on/off (YAML 1.1, what conda reads); false when it is none of them. */
bool envm_yaml_bool(const struct envm_yaml_node *node, bool *ret_value);

#endif
