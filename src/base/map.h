/* SPDX-License-Identifier: MIT
 *
 * A map from byte strings to 64-bit values (an index, a count, or a pointer through uintptr_t).
 * Open addressing, randomly seeded hash. Keys are slices that must outlive the map (put them in an
 * arena). Zeroed is a valid empty map.
 */
#ifndef ENVM_BASE_MAP_H
#define ENVM_BASE_MAP_H

#include <envm/api.h>

#include "base/cleanup.h"

struct envm_map_slot {
    envm_str key; /* ptr == NULL: free */
    uint64_t hash;
    uint64_t value;
};

struct envm_map {
    struct envm_map_slot *slots;
    size_t capacity; /* 0 or a power of two */
    size_t count;
    uint64_t seed;
};

void envm_map_release(struct envm_map *map);
ENVM_DEFINE_CLEANUP(envm_map, struct envm_map, envm_map_release)

/* The value's place, or NULL. Valid until the next insertion. */
uint64_t *envm_map_find(const struct envm_map *map, envm_str key);

/* The value's place, inserted as 0 when new; *ret_new (may be NULL) tells which. */
uint64_t *envm_map_get(struct envm_map *map, envm_str key, bool *ret_new);

/* Insert or overwrite. */
void envm_map_set(struct envm_map *map, envm_str key, uint64_t value);

/* Walks in unspecified order: start with *position = 0; false at the end. Results that are shown
 * or written must be sorted by the caller. */
bool envm_map_next(const struct envm_map *map, size_t *position, envm_str *ret_key,
                   uint64_t *ret_value);

#endif
