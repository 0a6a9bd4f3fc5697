/* SPDX-License-Identifier: MIT */
#include "conda/spec_table.h"

#include <sys/random.h>

#include "base/error.h"

struct slot {
    envm_str text; /* ptr NULL: free */
    uint64_t hash;
    const struct envm_match_spec *spec;
};

struct envm_spec_table {
    struct envm_arena *arena;
    uint64_t seed;
    struct slot *slots;
    size_t capacity; /* a power of two */
    size_t count;
};

static struct slot *probe(const struct envm_spec_table *table, envm_str text, uint64_t hash)
{
    size_t mask = table->capacity - 1;

    for (size_t i = (size_t)hash & mask;; i = (i + 1) & mask) {
        struct slot *slot = &table->slots[i];

        if (!slot->text.ptr || (slot->hash == hash && envm_str_equal(slot->text, text)))
            return slot;
    }
}

/* The old slots stay in the arena: together they are as large as the new ones. */
static void grow(struct envm_spec_table *table, size_t capacity)
{
    struct envm_spec_table old = *table;

    table->capacity = capacity;
    table->slots = envm_arena_new_array(table->arena, struct slot, capacity);
    for (size_t i = 0; i < old.capacity; i++)
        if (old.slots[i].text.ptr)
            *probe(table, old.slots[i].text, old.slots[i].hash) = old.slots[i];
}

struct envm_spec_table *envm_spec_table_new(struct envm_arena *arena, size_t expected)
{
    struct envm_spec_table *table = envm_arena_new(arena, struct envm_spec_table);
    size_t capacity = 16;

    while (capacity / 2 < expected && capacity < 4096)
        capacity *= 2;
    table->arena = arena;
    /* as in base/map.c: texts come from outside */
    if (getrandom(&table->seed, sizeof(table->seed), GRND_NONBLOCK) != sizeof(table->seed))
        table->seed = (uint64_t)(uintptr_t)table * UINT64_C(0x9e3779b97f4a7c15);
    grow(table, capacity);
    return table;
}

enum envm_code envm_spec_table_parse(struct envm_spec_table *table, envm_str text,
                                     const struct envm_match_spec **ret_spec,
                                     struct envm_error *err)
{
    uint64_t hash = envm_str_hash(text, table->seed);
    struct slot *slot = probe(table, text, hash);

    if (slot->text.ptr) {
        *ret_spec = slot->spec;
        return ENVM_OK;
    }
    ENVM_TRY(envm_match_spec_parse(table->arena, text, ret_spec, err));
    *slot = (struct slot){text.ptr ? text : ENVM_STR(""), hash, *ret_spec};
    if (++table->count * 4 > table->capacity * 3)
        grow(table, table->capacity * 2);
    return ENVM_OK;
}
