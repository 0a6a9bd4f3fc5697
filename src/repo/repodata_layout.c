/* SPDX-License-Identifier: MIT
 *
 * The files of one name are looked at together, in a table of their size: that stays in the
 * processor's cache, while one table over all files of a channel misses it for every record.
 */
#include "repo/repodata_layout.h"

#include <stdlib.h>
#include <string.h>

/* name-version-build, with its .conda and its .tar.bz2 record. */
struct stem_slot {
    uint32_t version, build; /* texts */
    uint32_t files[2];       /* by kind: record + 1; 0: none */
};

struct removed_file {
    struct envm_image_stem stem;
    uint32_t name; /* number */
    enum envm_archive_kind kind;
};

struct laying {
    struct envm_image_builder *builder;
    const struct envm_image_span *spans;
    size_t span_count;
    struct envm_image_layout *layout;
    uint32_t *numbers; /* of names, from 1 on in order of appearance, by index of their text */
    ENVM_VEC(uint32_t) names; /* texts by number; 0 is none */
    uint32_t *first;   /* by name number: its first place in layout->order; one more at the end */
    uint32_t *grouped; /* records by name number */
    struct stem_slot *slots;
    size_t slot_capacity, slot_room;       /* in use for this name; allocated */
    ENVM_VEC(struct removed_file) removed; /* by name number */
    size_t next_removed;
};

void envm_image_layout_release(struct envm_image_layout *layout)
{
    envm_free(layout->names);
    envm_free(layout->order);
    *layout = (struct envm_image_layout){0};
}

static void release_laying(struct laying *laying)
{
    envm_free(laying->numbers);
    envm_vec_release(&laying->names);
    envm_free(laying->first);
    envm_free(laying->grouped);
    envm_free(laying->slots);
    envm_vec_release(&laying->removed);
}
ENVM_DEFINE_CLEANUP(laying, struct laying, release_laying)

/* --- grouping ------------------------------------------------------------------------------- */

static void number_name(struct laying *laying, uint32_t text)
{
    uint32_t *number = &laying->numbers[envm_intern_index(text)];

    if (*number)
        return;
    *number = (uint32_t)laying->names.count;
    envm_vec_push(&laying->names, text);
}

static void number_names(struct laying *laying)
{
    const struct envm_image_builder *builder = laying->builder;

    laying->numbers =
        envm_alloc_zero(envm_intern_index((uint32_t)builder->texts.len) + 1, sizeof(uint32_t));
    envm_vec_push(&laying->names, 0);
    for (size_t s = 0; s < laying->span_count; s++)
        for (size_t i = laying->spans[s].from; i < laying->spans[s].to; i++)
            number_name(laying, builder->keys.items[i].name);
    for (size_t i = 0; i < builder->irregular.count; i++)
        number_name(laying, builder->irregular.items[i].stem.name);
}

static uint32_t group_of(const struct laying *laying, uint32_t record, bool by_file)
{
    const struct envm_image_key *entry = &laying->builder->keys.items[record];
    uint32_t name = by_file && entry->flags & ENVM_IMAGE_IRREGULAR
                        ? envm_image_builder_stem(laying->builder, record).name
                        : entry->name;

    return laying->numbers[envm_intern_index(name)];
}

/* Counting sort by the name in the record, or in the name of its file; within a name the order of
 * the file stays. */
static void group(struct laying *laying, bool by_file)
{
    size_t names = laying->names.count;
    uint32_t *next = envm_alloc_zero(names + 1, sizeof(*next));
    uint32_t at = 0;

    for (size_t s = 0; s < laying->span_count; s++)
        for (size_t i = laying->spans[s].from; i < laying->spans[s].to; i++)
            next[group_of(laying, (uint32_t)i, by_file)]++;
    for (size_t n = 0; n <= names; n++) {
        uint32_t count = next[n];

        laying->first[n] = next[n] = at;
        at += count;
    }
    for (size_t s = 0; s < laying->span_count; s++)
        for (size_t i = laying->spans[s].from; i < laying->spans[s].to; i++)
            laying->grouped[next[group_of(laying, (uint32_t)i, by_file)]++] = (uint32_t)i;
    envm_free(next);
}

/* --- one name ------------------------------------------------------------------------------- */

static void clear_slots(struct laying *laying, size_t records)
{
    size_t capacity = 16;

    while (capacity < records * 2)
        capacity *= 2;
    if (capacity > laying->slot_room) {
        envm_free(laying->slots);
        laying->slots = envm_alloc_zero(capacity, sizeof(*laying->slots));
        laying->slot_room = capacity;
    }
    laying->slot_capacity = capacity;
    memset(laying->slots, 0, capacity * sizeof(*laying->slots));
}

/* The place of a file in the table of its name, made when absent. Version 0 is the empty text,
 * which no version is. */
static uint32_t *file_slot(struct laying *laying, struct envm_image_stem stem, bool is_tar)
{
    uint64_t mixed = ((uint64_t)stem.version << 32 | stem.build) * UINT64_C(0x9e3779b97f4a7c15);
    size_t mask = laying->slot_capacity - 1;
    size_t at = (size_t)(mixed >> 32) & mask;
    struct stem_slot *slot = &laying->slots[at];

    while (slot->version && (slot->version != stem.version || slot->build != stem.build)) {
        at = (at + 1) & mask;
        slot = &laying->slots[at];
    }
    slot->version = stem.version;
    slot->build = stem.build;
    return &slot->files[is_tar];
}

static size_t place_in_file(const struct laying *laying, uint32_t record)
{
    size_t before = 0;

    for (size_t s = 0; s < laying->span_count; s++) {
        if (record >= laying->spans[s].from && record < laying->spans[s].to)
            return before + record - laying->spans[s].from;
        before += laying->spans[s].to - laying->spans[s].from;
    }
    return before;
}

static void drop_duplicate(struct laying *laying, uint32_t record)
{
    struct envm_image_layout *layout = laying->layout;
    size_t place = place_in_file(laying, record);

    laying->builder->keys.items[record].flags |= ENVM_IMAGE_DROPPED;
    if (layout->duplicates++ == 0 || place < layout->first_place) {
        layout->first_place = place;
        layout->first_duplicate = record;
    }
}

/* The list is sorted by name, and names come in order. */
static void drop_removed(struct laying *laying, uint32_t name)
{
    for (; laying->next_removed < laying->removed.count; laying->next_removed++) {
        const struct removed_file *file = &laying->removed.items[laying->next_removed];
        uint32_t *slot;

        if (file->name > name)
            return;
        slot = file_slot(laying, file->stem, file->kind == ENVM_KIND_TAR_BZ2);
        if (*slot)
            laying->builder->keys.items[*slot - 1].flags |= ENVM_IMAGE_DROPPED;
        *slot = 0;
    }
}

/* A package must come from one and the same archive in every solve: the .conda file, where it is.
 */
static void mark_twins(struct laying *laying)
{
    for (size_t i = 0; i < laying->slot_capacity; i++) {
        const uint32_t *files = laying->slots[i].files;
        if (files[ENVM_KIND_CONDA] && files[ENVM_KIND_TAR_BZ2])
            laying->builder->keys.items[files[ENVM_KIND_TAR_BZ2] - 1].flags |= ENVM_IMAGE_HAS_TWIN;
    }
}

static size_t removed_of(const struct laying *laying, uint32_t name)
{
    size_t end = laying->next_removed;

    while (end < laying->removed.count && laying->removed.items[end].name == name)
        end++;
    return end - laying->next_removed;
}

static void settle_files(struct laying *laying, uint32_t name)
{
    uint32_t from = laying->first[name], to = laying->first[name + 1];

    clear_slots(laying, to - from + removed_of(laying, name));
    for (uint32_t i = from; i < to; i++) {
        uint32_t record = laying->grouped[i];
        bool is_tar = (laying->builder->keys.items[record].flags & ENVM_IMAGE_TAR_BZ2) != 0;
        uint32_t *slot =
            file_slot(laying, envm_image_builder_stem(laying->builder, record), is_tar);

        if (*slot)
            drop_duplicate(laying, record);
        else
            *slot = record + 1;
    }
    drop_removed(laying, name);
    mark_twins(laying);
}

/* --- removed -------------------------------------------------------------------------------- */

static int compare_removed(const void *a, const void *b)
{
    uint32_t left = ((const struct removed_file *)a)->name;
    uint32_t right = ((const struct removed_file *)b)->name;

    return (left > right) - (left < right);
}

static void list_removed(struct laying *laying, struct envm_str_list removed)
{
    struct envm_archive_name file;
    struct removed_file entry;

    for (size_t i = 0; i < removed.count; i++) {
        if (!envm_archive_name_parse(removed.items[i], &file) ||
            !envm_image_builder_find_stem(laying->builder, &file, &entry.stem))
            continue;
        entry.kind = file.kind;
        entry.name = laying->numbers[envm_intern_index(entry.stem.name)];
        if (entry.name)
            envm_vec_push(&laying->removed, entry);
    }
    if (laying->removed.count > 0)
        qsort(laying->removed.items, laying->removed.count, sizeof(entry), compare_removed);
}

/* --- the whole ------------------------------------------------------------------------------ */

struct sorted_name {
    envm_str text;
    uint32_t number;
};

static int compare_names(const void *a, const void *b)
{
    return envm_str_compare(((const struct sorted_name *)a)->text,
                            ((const struct sorted_name *)b)->text);
}

static void place_name(struct laying *laying, uint32_t number)
{
    struct envm_image_layout *layout = laying->layout;
    struct envm_image_name name = {.name = laying->names.items[number],
                                   .first = (uint32_t)layout->record_count};

    for (uint32_t i = laying->first[number]; i < laying->first[number + 1]; i++) {
        uint32_t flags = laying->builder->keys.items[laying->grouped[i]].flags;
        if (flags & ENVM_IMAGE_DROPPED)
            continue;
        layout->order[layout->record_count++] = laying->grouped[i];
        name.count++;
        name.shown += (flags & ENVM_IMAGE_HAS_TWIN) == 0;
        name.tar_bz2 += (flags & ENVM_IMAGE_TAR_BZ2) != 0;
    }
    layout->shown += name.shown;
    if (name.count > 0)
        layout->names[layout->name_count++] = name;
}

static void place_names(struct laying *laying)
{
    const struct envm_image_builder *builder = laying->builder;
    size_t count = laying->names.count;
    struct sorted_name *sorted = envm_alloc_zero(count, sizeof(*sorted));

    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct sorted_name){envm_intern_get(&builder->texts, laying->names.items[i]),
                                         (uint32_t)i};
    qsort(sorted, count, sizeof(*sorted), compare_names);
    for (size_t i = 0; i < count; i++)
        place_name(laying, sorted[i].number);
    envm_free(sorted);
}

void envm_image_layout_make(struct envm_image_builder *builder, const struct envm_image_span *spans,
                            size_t span_count, struct envm_str_list removed,
                            struct envm_image_layout *ret_layout)
{
    ENVM_CLEANUP(laying)
    struct laying laying = {
        .builder = builder, .spans = spans, .span_count = span_count, .layout = ret_layout};
    size_t names;
    size_t count = 0;

    for (size_t i = 0; i < span_count; i++)
        count += spans[i].to - spans[i].from;
    number_names(&laying);
    names = laying.names.count;
    *ret_layout = (struct envm_image_layout){
        .names = envm_alloc_zero(names + 1, sizeof(*ret_layout->names)),
        .order = envm_alloc_zero(count + 1, sizeof(*ret_layout->order)),
    };
    laying.first = envm_alloc_zero(names + 1, sizeof(*laying.first));
    laying.grouped = envm_alloc_zero(count + 1, sizeof(*laying.grouped));
    list_removed(&laying, removed);
    group(&laying, true);
    for (uint32_t name = 0; name < names; name++)
        settle_files(&laying, name);
    if (builder->irregular.count > 0)
        group(&laying, false);
    place_names(&laying);
}
