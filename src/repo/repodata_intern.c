/* SPDX-License-Identifier: MIT */
#include "repo/repodata_intern.h"

#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "repo/large_pages.h"

#define FIRST_CAPACITY 1024
#define ROOM_PER_SLOT 16 /* half of the slots are filled, texts have 25 bytes on average */

static void start(struct envm_intern *table, size_t capacity, size_t room)
{
    if (getrandom(&table->seed, sizeof(table->seed), GRND_NONBLOCK) != sizeof(table->seed))
        table->seed = (uint64_t)(uintptr_t)table;
    table->room = room;
    table->bytes = envm_large_alloc(table->room);
    table->len = sizeof(uint32_t); /* the empty string, reference 0 */
    table->capacity = capacity;
    table->slots = envm_large_alloc_filled(table->capacity * sizeof(*table->slots));
}

static void grow_slots(struct envm_intern *table)
{
    struct envm_intern_slot *old = table->slots;
    size_t old_capacity = table->capacity;
    size_t mask;

    table->capacity *= 2;
    mask = table->capacity - 1;
    table->slots = envm_large_alloc_filled(table->capacity * sizeof(*table->slots));
    for (size_t i = 0; i < old_capacity; i++) {
        size_t at = old[i].hash & mask;
        if (!old[i].reference)
            continue;
        while (table->slots[at].reference)
            at = (at + 1) & mask;
        table->slots[at] = old[i];
    }
    envm_large_free(old, old_capacity * sizeof(*old));
}

static void grow_bytes(struct envm_intern *table, size_t needed)
{
    size_t room = table->room;
    char *bytes;

    while (room < needed)
        room *= 2;
    bytes = envm_large_alloc(room);
    memcpy(bytes, table->bytes, table->len);
    envm_large_free(table->bytes, table->room);
    table->bytes = bytes;
    table->room = room;
}

static uint32_t store(struct envm_intern *table, envm_str s)
{
    size_t needed = sizeof(uint32_t) + s.len;
    uint32_t len = (uint32_t)s.len;
    size_t at = table->len;

    if (s.len > ENVM_INTERN_MAX || at + needed > UINT32_MAX) {
        table->overflowed = true;
        return 0;
    }
    if (at + needed > table->room)
        grow_bytes(table, at + needed);
    memcpy(table->bytes + at, &len, sizeof(len));
    memcpy(table->bytes + at + sizeof(len), s.ptr, s.len);
    table->len += needed;
    return (uint32_t)at;
}

envm_str envm_intern_get(const struct envm_intern *table, uint32_t reference)
{
    uint32_t len;

    if (!table->bytes)
        return (envm_str){0};
    memcpy(&len, table->bytes + reference, sizeof(len));
    return envm_str_n(table->bytes + reference + sizeof(len), len);
}

void envm_intern_expect(struct envm_intern *table, size_t strings, size_t bytes)
{
    size_t capacity = FIRST_CAPACITY;
    size_t room = FIRST_CAPACITY * ROOM_PER_SLOT;

    if (table->bytes || strings > UINT32_MAX / 16)
        return;
    while (capacity / 2 < strings)
        capacity *= 2;
    while (room < bytes && room < UINT32_MAX / 2)
        room *= 2;
    start(table, capacity, room);
}

static uint32_t hash_of(const struct envm_intern *table, envm_str s)
{
    return (uint32_t)(envm_str_hash(s, table->seed) >> 16);
}

/* Where s is, or would be. */
static struct envm_intern_slot *probe(const struct envm_intern *table, envm_str s, uint32_t hash)
{
    size_t mask = table->capacity - 1;
    size_t at = hash & mask;

    while (table->slots[at].reference &&
           (table->slots[at].hash != hash ||
            !envm_str_equal(envm_intern_get(table, table->slots[at].reference), s)))
        at = (at + 1) & mask;
    return &table->slots[at];
}

uint32_t envm_intern_hash(struct envm_intern *table, envm_str s)
{
    uint32_t hash;

    if (!table->bytes)
        start(table, FIRST_CAPACITY, FIRST_CAPACITY * ROOM_PER_SLOT);
    hash = hash_of(table, s);
    __builtin_prefetch(&table->slots[hash & (table->capacity - 1)]);
    return hash;
}

uint32_t envm_intern_add_hashed(struct envm_intern *table, envm_str s, uint32_t hash)
{
    struct envm_intern_slot *slot;

    if (s.len == 0)
        return 0;
    if (table->count * 2 >= table->capacity)
        grow_slots(table);
    slot = probe(table, s, hash);
    if (!slot->reference) {
        *slot = (struct envm_intern_slot){store(table, s), hash};
        table->count += slot->reference != 0;
    }
    return slot->reference;
}

uint32_t envm_intern_add(struct envm_intern *table, envm_str s)
{
    return envm_intern_add_hashed(table, s, envm_intern_hash(table, s));
}

uint32_t envm_intern_find(const struct envm_intern *table, envm_str s)
{
    return table->bytes && s.len > 0 ? probe(table, s, hash_of(table, s))->reference : 0;
}

bool envm_intern_next(const struct envm_intern *table, uint32_t *reference, envm_str *ret_text)
{
    size_t at = *reference + sizeof(uint32_t) + envm_intern_get(table, *reference).len;

    if (at >= table->len)
        return false;
    *reference = (uint32_t)at;
    *ret_text = envm_intern_get(table, *reference);
    return true;
}

void envm_intern_release(struct envm_intern *table)
{
    envm_large_free(table->bytes, table->room);
    envm_large_free(table->slots, table->capacity * sizeof(*table->slots));
    *table = (struct envm_intern){0};
}
