/* SPDX-License-Identifier: MIT */
#include "conda/package_source.h"

#include <stdlib.h>

#include "base/str.h"

struct array_source {
    struct envm_package_source source;
    const struct envm_package_record **items; /* sorted by name, equal names in input order */
    size_t count;
    struct envm_str_list names;
};

struct numbered {
    const struct envm_package_record *record;
    size_t index;
};

static int compare_numbered(const void *a, const void *b)
{
    const struct numbered *x = a, *y = b;
    int order = envm_str_compare(x->record->name, y->record->name);

    if (order != 0)
        return order;
    return x->index < y->index ? -1 : x->index > y->index;
}

static size_t lower_bound(const struct array_source *source, envm_str name)
{
    size_t low = 0, high = source->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (envm_str_compare(source->items[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static enum envm_code records_of(void *self, envm_str name, struct envm_arena *arena,
                                 struct envm_record_list *ret_records, struct envm_error *err)
{
    const struct array_source *source = self;
    size_t first = lower_bound(source, name);
    size_t last = first;

    (void)arena;
    (void)err;
    while (last < source->count && envm_str_equal(source->items[last]->name, name))
        last++;
    *ret_records = (struct envm_record_list){source->items + first, last - first};
    return ENVM_OK;
}

static enum envm_code all_names(void *self, struct envm_arena *arena,
                                struct envm_str_list *ret_names, struct envm_error *err)
{
    const struct array_source *source = self;

    (void)arena;
    (void)err;
    *ret_names = source->names;
    return ENVM_OK;
}

struct envm_package_source *
envm_package_source_from_records(struct envm_arena *arena,
                                 const struct envm_package_record *const *records, size_t count)
{
    struct array_source *source = envm_arena_new(arena, struct array_source);
    struct numbered *order = envm_arena_new_array(arena, struct numbered, count);
    envm_str *names = envm_arena_new_array(arena, envm_str, count);
    size_t i, unique = 0;

    for (i = 0; i < count; i++)
        order[i] = (struct numbered){records[i], i};
    if (count > 1)
        qsort(order, count, sizeof(*order), compare_numbered);
    source->items = envm_arena_new_array(arena, const struct envm_package_record *, count);
    source->count = count;
    for (i = 0; i < count; i++) {
        source->items[i] = order[i].record;
        if (i == 0 || !envm_str_equal(order[i].record->name, order[i - 1].record->name))
            names[unique++] = order[i].record->name;
    }
    source->names = (struct envm_str_list){names, unique};
    source->source = (struct envm_package_source){source, records_of, all_names};
    return &source->source;
}
