/* SPDX-License-Identifier: MIT
 *
 * Two trees of YAML: are they the same in everything, places included?
 */
#ifndef ENVM_TESTS_YAML_SAME_H
#define ENVM_TESTS_YAML_SAME_H

#include "codec/yaml_reader.h"

/* The first node of `b` that differs from its like in `a`; NULL when none does. */
static inline const struct envm_yaml_node *first_difference(const struct envm_yaml_node *a,
                                                            const struct envm_yaml_node *b)
{
    bool is_mapping = a->kind == ENVM_YAML_MAPPING;
    const struct envm_yaml_node *found = NULL;

    if (a->kind != b->kind || a->line != b->line || a->column != b->column ||
        a->plain != b->plain || a->count != b->count || !envm_str_equal(a->scalar, b->scalar) ||
        (a->kind == ENVM_YAML_SCALAR &&
         (a->scalar.ptr[a->scalar.len] != '\0' || b->scalar.ptr[b->scalar.len] != '\0')) ||
        (a->keys != NULL) != is_mapping || (b->keys != NULL) != is_mapping)
        return b;
    for (size_t i = 0; !found && i < a->count; i++) {
        if (is_mapping)
            found = first_difference(a->keys[i], b->keys[i]);
        if (!found)
            found = first_difference(a->items[i], b->items[i]);
    }
    return found;
}

#endif
