/* SPDX-License-Identifier: MIT */
#include "base/map.h"

#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "base/str.h"

void envm_map_release(struct envm_map *map)
{
    envm_free(map->slots);
    *map = (struct envm_map){0};
}

static uint64_t random_seed(const struct envm_map *map)
{
    uint64_t seed = 0;

    /* Without a random source the address is still unknown to whoever wrote the input. */
    if (getrandom(&seed, sizeof(seed), GRND_NONBLOCK) != (ssize_t)sizeof(seed))
        seed = (uint64_t)(uintptr_t)map * UINT64_C(0x9e3779b97f4a7c15);
    return seed | 1;
}

static struct envm_map_slot *probe(const struct envm_map *map, envm_str key, uint64_t hash)
{
    size_t mask = map->capacity - 1;

    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        struct envm_map_slot *slot = &map->slots[i];

        if (!slot->key.ptr || (slot->hash == hash && envm_str_equal(slot->key, key)))
            return slot;
    }
}

static void grow(struct envm_map *map)
{
    struct envm_map old = *map;

    map->capacity = old.capacity ? old.capacity * 2 : 16;
    map->slots = envm_alloc_zero(map->capacity, sizeof(*map->slots));
    if (!map->seed)
        map->seed = random_seed(map);
    for (size_t i = 0; i < old.capacity; i++) {
        if (old.slots[i].key.ptr)
            *probe(map, old.slots[i].key, old.slots[i].hash) = old.slots[i];
    }
    envm_free(old.slots);
}

uint64_t *envm_map_find(const struct envm_map *map, envm_str key)
{
    struct envm_map_slot *slot;

    if (map->count == 0)
        return NULL;
    slot = probe(map, key, envm_str_hash(key, map->seed));
    return slot->key.ptr ? &slot->value : NULL;
}

uint64_t *envm_map_get(struct envm_map *map, envm_str key, bool *ret_new)
{
    struct envm_map_slot *slot;
    uint64_t hash;

    if ((map->count + 1) * 4 > map->capacity * 3)
        grow(map);
    hash = envm_str_hash(key, map->seed);
    slot = probe(map, key, hash);
    if (ret_new)
        *ret_new = !slot->key.ptr;
    if (!slot->key.ptr) {
        slot->key = key.ptr ? key : envm_str_n("", 0);
        slot->hash = hash;
        map->count++;
    }
    return &slot->value;
}

void envm_map_set(struct envm_map *map, envm_str key, uint64_t value)
{
    *envm_map_get(map, key, NULL) = value;
}

bool envm_map_next(const struct envm_map *map, size_t *position, envm_str *ret_key,
                   uint64_t *ret_value)
{
    while (*position < map->capacity) {
        const struct envm_map_slot *slot = &map->slots[(*position)++];

        if (!slot->key.ptr)
            continue;
        *ret_key = slot->key;
        if (ret_value)
            *ret_value = slot->value;
        return true;
    }
    return false;
}
