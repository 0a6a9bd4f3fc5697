/* SPDX-License-Identifier: MIT
 *
 * Typed growable arrays on the heap: `ENVM_VEC(int) numbers = {0}; envm_vec_push(&numbers, 3);`
 * Zeroed is empty. Release with envm_vec_release(&v). Pointers into items die at the next push.
 */
#ifndef ENVM_BASE_VEC_H
#define ENVM_BASE_VEC_H

#include <stddef.h>

#include "base/alloc.h"

#define ENVM_VEC(type)                                                                             \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count;                                                                              \
        size_t capacity;                                                                           \
    }

#define envm_vec_push(vec, value)                                                                  \
    do {                                                                                           \
        envm_vec_reserve((vec), (vec)->count + 1);                                                 \
        (vec)->items[(vec)->count++] = (value);                                                    \
    } while (0)

#define envm_vec_reserve(vec, wanted)                                                              \
    do {                                                                                           \
        size_t envm_vec_wanted_ = (wanted);                                                        \
        if (envm_vec_wanted_ > (vec)->capacity) {                                                  \
            size_t envm_vec_cap_ = (vec)->capacity ? (vec)->capacity * 2 : 8;                      \
            if (envm_vec_cap_ < envm_vec_wanted_)                                                  \
                envm_vec_cap_ = envm_vec_wanted_;                                                  \
            (vec)->items = envm_realloc((vec)->items, envm_vec_cap_, sizeof(*(vec)->items));       \
            (vec)->capacity = envm_vec_cap_;                                                       \
        }                                                                                          \
    } while (0)

#define envm_vec_release(vec)                                                                      \
    do {                                                                                           \
        envm_free((vec)->items);                                                                   \
        (vec)->items = NULL;                                                                       \
        (vec)->count = (vec)->capacity = 0;                                                        \
    } while (0)

#endif
