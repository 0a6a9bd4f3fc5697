/* SPDX-License-Identifier: MIT */
#include "repo/repodata_build.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "base/error.h"
#include "repo/large_pages.h"
#include "sys/fs.h"

_Static_assert(ENVM_INTERN_MAX == ENVM_IMAGE_TEXT_MAX, "what is stored must be readable");

#define FIRST_STEMS 1024
#define RECORDS_MAX ((size_t)100 * 1000 * 1000)
#define WRITE_BATCH 512

/* Stems are told apart by a 64-bit hash with a random key: for a million stems the chance of one
 * confusion is one in thirty million. */
struct envm_image_stem {
    uint64_t hash;           /* 0: free */
    uint32_t conda, tar_bz2; /* index of the record + 1; 0: none */
};

void envm_image_builder_release(struct envm_image_builder *builder)
{
    envm_intern_release(&builder->texts);
    envm_intern_release(&builder->lists);
    envm_vec_release(&builder->records);
    envm_vec_release(&builder->names);
    envm_map_release(&builder->name_numbers);
    envm_arena_release(&builder->name_arena);
    envm_free(builder->stems);
    *builder = (struct envm_image_builder){0};
}

/* --- stems ---------------------------------------------------------------------------------- */

static uint64_t stem_hash(struct envm_image_builder *builder, envm_str stem)
{
    uint64_t hash;

    while (builder->seed == 0)
        if (getrandom(&builder->seed, sizeof(builder->seed), 0) != sizeof(builder->seed))
            builder->seed = (uint64_t)(uintptr_t)builder;
    hash = envm_str_hash(stem, builder->seed);
    return hash ? hash : 1;
}

static struct envm_image_stem *stem_place(const struct envm_image_builder *builder, uint64_t hash)
{
    size_t mask = builder->stem_capacity - 1;
    size_t at = (size_t)hash & mask;

    while (builder->stems[at].hash && builder->stems[at].hash != hash)
        at = (at + 1) & mask;
    return &builder->stems[at];
}

static void grow_stems(struct envm_image_builder *builder)
{
    struct envm_image_stem *old = builder->stems;
    size_t old_capacity = builder->stem_capacity;

    builder->stem_capacity = old_capacity ? old_capacity * 2 : FIRST_STEMS;
    builder->stems = envm_alloc_zero(builder->stem_capacity, sizeof(*builder->stems));
    envm_use_large_pages(builder->stems, builder->stem_capacity * sizeof(*builder->stems));
    for (size_t i = 0; i < old_capacity; i++)
        if (old[i].hash)
            *stem_place(builder, old[i].hash) = old[i];
    envm_free(old);
}

/* Where the record with this file name is registered, made when absent. */
static uint32_t *stem_slot(struct envm_image_builder *builder, const struct envm_archive_name *file)
{
    uint64_t hash = stem_hash(builder, file->stem);
    struct envm_image_stem *stem;

    if ((builder->stem_count + 1) * 4 > builder->stem_capacity * 3)
        grow_stems(builder);
    stem = stem_place(builder, hash);
    if (!stem->hash) {
        stem->hash = hash;
        builder->stem_count++;
    }
    return file->kind == ENVM_KIND_CONDA ? &stem->conda : &stem->tar_bz2;
}

void envm_image_builder_expect(struct envm_image_builder *builder, size_t records)
{
    if (records > RECORDS_MAX)
        return;
    while (builder->stem_capacity * 3 / 4 < records)
        grow_stems(builder);
    envm_vec_reserve(&builder->records, records);
    envm_use_large_pages(builder->records.items, records * sizeof(*builder->records.items));
    /* What real channels need: a new text every second record, a new list every third. */
    envm_intern_expect(&builder->texts, records / 2);
    envm_intern_expect(&builder->lists, records / 3);
}

/* --- records -------------------------------------------------------------------------------- */

static uint32_t name_number(struct envm_image_builder *builder, envm_str name)
{
    uint64_t *number;
    bool is_new;

    /* Repodata is sorted by file name as a rule. */
    if (builder->names.count > 0 &&
        envm_str_equal(envm_intern_get(&builder->texts, builder->names.items[builder->last_name]),
                       name))
        return builder->last_name;
    number = envm_map_find(&builder->name_numbers, name);
    if (!number) {
        number = envm_map_get(&builder->name_numbers, envm_arena_str(&builder->name_arena, name),
                              &is_new);
        *number = builder->names.count;
        envm_vec_push(&builder->names, envm_intern_add(&builder->texts, name));
    }
    builder->last_name = (uint32_t)*number;
    return builder->last_name;
}

/* The reference of s, which is likely to be what `near` names. */
static uint32_t add_text(struct envm_intern *table, uint32_t near, envm_str s)
{
    return envm_str_equal(envm_intern_get(table, near), s) ? near : envm_intern_add(table, s);
}

/* `near` is the list of the record before: most items stand at the same place there. */
static uint32_t add_list(struct envm_image_builder *builder, uint32_t near,
                         struct envm_str_list list)
{
    uint32_t small[64];
    uint32_t *items = list.count <= 64 ? small : envm_alloc(list.count * sizeof(*items));
    envm_str old = envm_intern_get(&builder->lists, near);
    uint32_t reference;

    for (size_t i = 0; i < list.count; i++) {
        uint32_t item = 0;
        if ((i + 1) * sizeof(item) <= old.len)
            memcpy(&item, old.ptr + i * sizeof(item), sizeof(item));
        items[i] = add_text(&builder->texts, item, list.items[i]);
    }
    reference = add_text(&builder->lists, near,
                         envm_str_n((const char *)items, list.count * sizeof(*items)));
    if (items != small)
        envm_free(items);
    return reference;
}

static uint32_t flags_of(const struct envm_package_record *record,
                         const struct envm_archive_name *file, bool subdir_is_noarch)
{
    uint32_t flags = 0;

    flags |= record->sha256.known ? ENVM_IMAGE_HAS_SHA256 : 0;
    flags |= record->md5.known ? ENVM_IMAGE_HAS_MD5 : 0;
    flags |= record->has_size ? ENVM_IMAGE_HAS_SIZE : 0;
    flags |= record->noarch == ENVM_NOARCH_GENERIC ? ENVM_IMAGE_NOARCH_GENERIC : 0;
    flags |= record->noarch == ENVM_NOARCH_PYTHON ? ENVM_IMAGE_NOARCH_PYTHON : 0;
    flags |= file->kind == ENVM_KIND_TAR_BZ2 ? ENVM_IMAGE_TAR_BZ2 : 0;
    flags |= subdir_is_noarch ? ENVM_IMAGE_SUBDIR_NOARCH : 0;
    return flags;
}

bool envm_image_builder_add(struct envm_image_builder *builder,
                            const struct envm_package_record *record, envm_str file_name,
                            const struct envm_archive_name *file, bool subdir_is_noarch)
{
    struct envm_intern *texts = &builder->texts;
    const struct envm_image_record *last = &builder->last;
    uint32_t *slot = stem_slot(builder, file);
    bool regular = envm_str_equal(file->name, record->name) &&
                   envm_str_equal(file->version, record->version) &&
                   envm_str_equal(file->build, record->build);
    struct envm_image_record entry = {
        .build_number = record->build_number,
        .size = record->size,
        .timestamp = record->timestamp,
        .flags = flags_of(record, file, subdir_is_noarch),
    };

    if (*slot || builder->records.count >= RECORDS_MAX)
        return false;
    entry.name = name_number(builder, record->name);
    entry.version = add_text(texts, last->version, record->version);
    entry.build = add_text(texts, last->build, record->build);
    entry.file_name = regular ? 0 : envm_intern_add(texts, file_name);
    entry.depends = add_list(builder, last->depends, record->depends);
    entry.constrains = add_list(builder, last->constrains, record->constrains);
    entry.track_features = add_list(builder, last->track_features, record->track_features);
    entry.features = add_text(texts, last->features, record->features);
    entry.license = add_text(texts, last->license, record->license);
    entry.license_family = add_text(texts, last->license_family, record->license_family);
    entry.site_packages = add_text(texts, last->site_packages, record->python_site_packages_path);
    memcpy(entry.sha256, record->sha256.bytes, sizeof(entry.sha256));
    memcpy(entry.md5, record->md5.bytes, sizeof(entry.md5));
    envm_vec_push(&builder->records, entry);
    builder->last = entry;
    *slot = (uint32_t)builder->records.count;
    return true;
}

void envm_image_builder_remove(struct envm_image_builder *builder,
                               const struct envm_archive_name *file)
{
    uint32_t *slot = stem_slot(builder, file);

    if (*slot)
        builder->records.items[*slot - 1].flags |= ENVM_IMAGE_DROPPED;
    *slot = 0;
}

/* A package must come from one and the same archive in every solve: the .conda file, where it is.
 */
static void mark_twins(struct envm_image_builder *builder)
{
    for (size_t i = 0; i < builder->stem_capacity; i++)
        if (builder->stems[i].conda && builder->stems[i].tar_bz2)
            builder->records.items[builder->stems[i].tar_bz2 - 1].flags |= ENVM_IMAGE_HAS_TWIN;
}

/* --- writing -------------------------------------------------------------------------------- */

struct sorted_name {
    envm_str text;
    uint32_t number;
};

static int compare_names(const void *a, const void *b)
{
    return envm_str_compare(((const struct sorted_name *)a)->text,
                            ((const struct sorted_name *)b)->text);
}

/* Names in order, and for each record its place in the file. */
struct layout {
    struct envm_image_name *names;
    size_t name_count;
    uint32_t *order; /* records as they are written */
    size_t record_count;
    uint64_t shown;
};

static void release_layout(struct layout *layout)
{
    envm_free(layout->names);
    envm_free(layout->order);
}
ENVM_DEFINE_CLEANUP(layout, struct layout, release_layout)

static void count_records(const struct envm_image_builder *builder,
                          struct envm_image_name *by_number)
{
    for (size_t i = 0; i < builder->records.count; i++) {
        const struct envm_image_record *record = &builder->records.items[i];
        struct envm_image_name *name = &by_number[record->name];
        if (record->flags & ENVM_IMAGE_DROPPED)
            continue;
        name->count++;
        name->shown += (record->flags & ENVM_IMAGE_HAS_TWIN) == 0;
        name->tar_bz2 += (record->flags & ENVM_IMAGE_TAR_BZ2) != 0;
    }
}

/* Counting sort: the records of a name keep their order. */
static void place_records(const struct envm_image_builder *builder, struct layout *layout,
                          const struct envm_image_name *by_number)
{
    uint32_t *next = envm_alloc_zero(builder->names.count + 1, sizeof(*next));

    for (size_t i = 0; i < builder->names.count; i++)
        next[i] = by_number[i].first;
    for (size_t i = 0; i < builder->records.count; i++)
        if (!(builder->records.items[i].flags & ENVM_IMAGE_DROPPED))
            layout->order[next[builder->records.items[i].name]++] = (uint32_t)i;
    envm_free(next);
}

static void lay_out(const struct envm_image_builder *builder, struct layout *layout)
{
    size_t count = builder->names.count;
    struct sorted_name *sorted = envm_alloc_zero(count + 1, sizeof(*sorted));
    struct envm_image_name *by_number = envm_alloc_zero(count + 1, sizeof(*by_number));

    layout->names = envm_alloc_zero(count + 1, sizeof(*layout->names));
    layout->order = envm_alloc_zero(builder->records.count + 1, sizeof(*layout->order));
    for (size_t i = 0; i < count; i++)
        sorted[i] = (struct sorted_name){envm_intern_get(&builder->texts, builder->names.items[i]),
                                         (uint32_t)i};
    qsort(sorted, count, sizeof(*sorted), compare_names);
    count_records(builder, by_number);
    for (size_t i = 0; i < count; i++) {
        struct envm_image_name *name = &by_number[sorted[i].number];
        name->name = builder->names.items[sorted[i].number];
        name->first = (uint32_t)layout->record_count;
        layout->record_count += name->count;
        layout->shown += name->shown;
        if (name->count > 0)
            layout->names[layout->name_count++] = *name;
    }
    place_records(builder, layout, by_number);
    envm_free(sorted);
    envm_free(by_number);
}

struct writer {
    int fd;
    uint64_t at;
    struct envm_image_header header;
    struct envm_error *err;
};

/* Begins a section at the next multiple of 8. */
static enum envm_code open_section(struct writer *writer, enum envm_image_section which)
{
    static const char zeros[8];
    size_t padding = (size_t)(-writer->at & 7);

    ENVM_TRY(
        envm_fs_write_fd(writer->fd, "repodata index", envm_str_n(zeros, padding), writer->err));
    writer->at += padding;
    writer->header.sections[which].offset = writer->at;
    return ENVM_OK;
}

static enum envm_code add_bytes(struct writer *writer, enum envm_image_section which,
                                const void *bytes, size_t len)
{
    ENVM_TRY(envm_fs_write_fd(writer->fd, "repodata index", envm_str_n(bytes, len), writer->err));
    writer->at += len;
    writer->header.sections[which].size += len;
    return ENVM_OK;
}

static enum envm_code write_section(struct writer *writer, enum envm_image_section which,
                                    const void *bytes, size_t len)
{
    ENVM_TRY(open_section(writer, which));
    return len > 0 ? add_bytes(writer, which, bytes, len) : ENVM_OK;
}

static enum envm_code write_records(struct writer *writer, const struct envm_image_builder *builder,
                                    const struct layout *layout)
{
    size_t size = sizeof(struct envm_image_record);
    ENVM_CLEANUP(envm_heap)
    struct envm_image_record *batch = envm_alloc_zero(WRITE_BATCH, size);
    size_t held = 0;

    ENVM_TRY(open_section(writer, ENVM_IMAGE_RECORDS));
    for (size_t i = 0; i < layout->record_count; i++) {
        batch[held++] = builder->records.items[layout->order[i]];
        if (held < WRITE_BATCH && i + 1 < layout->record_count)
            continue;
        ENVM_TRY(add_bytes(writer, ENVM_IMAGE_RECORDS, batch, held * size));
        held = 0;
    }
    return ENVM_OK;
}

static enum envm_code write_header(struct writer *writer, const struct envm_image_origin *origin,
                                   const struct layout *layout)
{
    struct envm_image_header *header = &writer->header;
    struct envm_image image = {.header = *header};
    uint64_t hash = 0;

    ENVM_TRY(envm_fs_map(writer->fd, "repodata index", &image.bytes, writer->err));
    for (int i = 0; i < ENVM_IMAGE_SECTION_COUNT; i++)
        hash =
            envm_image_hash_section(hash, envm_str_n(image.bytes.ptr + header->sections[i].offset,
                                                     header->sections[i].size));
    envm_fs_unmap(image.bytes);
    memcpy(header->magic, ENVM_IMAGE_MAGIC, sizeof(header->magic));
    header->version = ENVM_IMAGE_VERSION;
    header->byte_order = ENVM_IMAGE_BYTE_ORDER;
    header->file_size = writer->at;
    header->shown = layout->shown;
    header->skipped = origin->skipped;
    header->data_hash = hash;
    memcpy(header->source_sha256, origin->source_sha256->bytes, sizeof(header->source_sha256));
    envm_image_seal(header);
    if (lseek(writer->fd, 0, SEEK_SET) != 0)
        return envm_fail(writer->err, ENVM_IO, "writing the repodata index: cannot seek");
    return envm_fs_write_fd(writer->fd, "repodata index",
                            envm_str_n((const char *)header, sizeof(*header)), writer->err);
}

enum envm_code envm_image_builder_write(struct envm_image_builder *builder,
                                        const struct envm_image_origin *origin, int fd,
                                        struct envm_error *err)
{
    ENVM_CLEANUP(layout) struct layout layout = {0};
    struct writer writer = {.fd = fd, .at = sizeof(writer.header), .err = err};
    struct envm_image_header *header = &writer.header;

    mark_twins(builder);
    header->subdir = envm_intern_add(&builder->texts, origin->subdir);
    header->package_base = envm_intern_add(&builder->texts, origin->package_base);
    if (builder->texts.overflowed || builder->lists.overflowed)
        return envm_fail(err, ENVM_MALFORMED,
                         "a text is longer than 1 MiB, or all of them than 4 GiB");
    lay_out(builder, &layout);
    ENVM_TRY(envm_fs_write_fd(fd, "repodata index",
                              envm_str_n((const char *)header, sizeof(*header)), err));
    ENVM_TRY(write_section(&writer, ENVM_IMAGE_NAMES, layout.names,
                           layout.name_count * sizeof(*layout.names)));
    ENVM_TRY(write_records(&writer, builder, &layout));
    ENVM_TRY(write_section(&writer, ENVM_IMAGE_TEXTS, builder->texts.bytes, builder->texts.len));
    ENVM_TRY(write_section(&writer, ENVM_IMAGE_LISTS, builder->lists.bytes, builder->lists.len));
    return write_header(&writer, origin, &layout);
}
