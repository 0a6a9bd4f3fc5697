/* SPDX-License-Identifier: MIT */
#include "repo/repodata_intern.h"

#include <string.h>
#include <sys/random.h>

#include "base/alloc.h"
#include "repo/large_pages.h"

#define FIRST_CAPACITY 1024

static void start(struct envm_intern *table)
{
    if (getrandom(&table->seed, sizeof(table->seed), GRND_NONBLOCK) != sizeof(table->seed))
        table->seed = (uint64_t)(uintptr_t)table;
    table->room = (size_t)1 << 16;
    table->bytes = envm_realloc(NULL, table->room, 1);
    memset(table->bytes, 0, sizeof(uint32_t)); /* the empty string, reference 0 */
    table->len = sizeof(uint32_t);
    table->capacity = FIRST_CAPACITY;
    table->slots = envm_alloc_zero(table->capacity, sizeof(*table->slots));
}

static void grow_slots(struct envm_intern *table)
{
    struct envm_intern_slot *old = table->slots;
    size_t old_capacity = table->capacity;
    size_t mask;

    table->capacity *= 2;
    mask = table->capacity - 1;
    table->slots = envm_alloc_zero(table->capacity, sizeof(*table->slots));
    envm_use_large_pages(table->slots, table->capacity * sizeof(*table->slots));
    for (size_t i = 0; i < old_capacity; i++) {
        size_t at = old[i].hash & mask;
        if (!old[i].reference)
            continue;
        while (table->slots[at].reference)
            at = (at + 1) & mask;
        table->slots[at] = old[i];
    }
    envm_free(old);
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
    if (at + needed > table->room) {
        while (at + needed > table->room)
            table->room *= 2;
        table->bytes = envm_realloc(table->bytes, table->room, 1);
    }
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

void envm_intern_expect(struct envm_intern *table, size_t strings)
{
    if (!table->bytes)
        start(table);
    while (table->capacity / 2 < strings && strings < UINT32_MAX / 16)
        grow_slots(table);
}

uint32_t envm_intern_add(struct envm_intern *table, envm_str s)
{
    uint32_t hash;
    size_t at;

    if (!table->bytes)
        start(table);
    if (s.len == 0)
        return 0;
    if (table->count * 2 >= table->capacity)
        grow_slots(table);
    hash = (uint32_t)(envm_str_hash(s, table->seed) >> 16);
    for (at = hash & (table->capacity - 1); table->slots[at].reference;
         at = (at + 1) & (table->capacity - 1))
        if (table->slots[at].hash == hash &&
            envm_str_equal(envm_intern_get(table, table->slots[at].reference), s))
            return table->slots[at].reference;
    table->slots[at] = (struct envm_intern_slot){store(table, s), hash};
    table->count += table->slots[at].reference != 0;
    return table->slots[at].reference;
}

void envm_intern_release(struct envm_intern *table)
{
    envm_free(table->bytes);
    envm_free(table->slots);
    *table = (struct envm_intern){0};
}
