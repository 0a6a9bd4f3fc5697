/* SPDX-License-Identifier: MIT */
#include "repo/repodata_image.h"

#include <string.h>

#include "codec/digest.h"

static envm_str section(const struct envm_image *image, enum envm_image_section which)
{
    return envm_str_n(image->bytes.ptr + image->header.sections[which].offset,
                      image->header.sections[which].size);
}

static struct envm_sha256 header_checksum(const struct envm_image_header *header)
{
    struct envm_image_header copy = *header;

    memset(copy.checksum, 0, sizeof(copy.checksum));
    return envm_sha256_of(envm_str_n((const char *)&copy, sizeof(copy)));
}

void envm_image_seal(struct envm_image_header *header)
{
    struct envm_sha256 sum = header_checksum(header);

    memcpy(header->checksum, sum.bytes, sizeof(header->checksum));
}

static bool sections_are_inside(const struct envm_image_header *header, uint64_t size)
{
    for (int i = 0; i < ENVM_IMAGE_SECTION_COUNT; i++)
        if (header->sections[i].offset > size ||
            header->sections[i].size > size - header->sections[i].offset)
            return false;
    return true;
}

bool envm_image_open(struct envm_image *image, envm_str bytes)
{
    struct envm_image_header *header = &image->header;
    struct envm_sha256 sum;
    envm_str text;

    if (bytes.len < sizeof(*header))
        return false;
    image->bytes = bytes;
    memcpy(header, bytes.ptr, sizeof(*header));
    if (memcmp(header->magic, ENVM_IMAGE_MAGIC, sizeof(header->magic)) != 0 ||
        header->version != ENVM_IMAGE_VERSION || header->byte_order != ENVM_IMAGE_BYTE_ORDER ||
        header->file_size != bytes.len)
        return false;
    sum = header_checksum(header);
    return memcmp(sum.bytes, header->checksum, sizeof(header->checksum)) == 0 &&
           sections_are_inside(header, bytes.len) &&
           envm_image_text(image, header->subdir, &text) &&
           envm_image_text(image, header->package_base, &text);
}

uint64_t envm_image_hash_chunk(uint64_t hash, envm_str chunk)
{
    return envm_str_hash(chunk, hash);
}

static uint64_t hash_section(uint64_t hash, envm_str bytes)
{
    for (; bytes.len > 0; bytes = envm_str_skip(bytes, ENVM_IMAGE_HASH_CHUNK))
        hash = envm_image_hash_chunk(hash, envm_str_slice(bytes, 0, ENVM_IMAGE_HASH_CHUNK));
    return hash;
}

uint64_t envm_image_hash_extent(envm_str bytes)
{
    return envm_str_hash(bytes, 0);
}

/* The bytes of an extent; false when there is none of that number. */
static bool extent_at(const struct envm_image *image, size_t number, envm_str *ret_bytes,
                      uint64_t *ret_hash)
{
    envm_str extents = section(image, ENVM_IMAGE_EXTENTS);
    struct envm_image_extent extent;

    if (number >= extents.len / sizeof(extent))
        return false;
    memcpy(&extent, extents.ptr + number * sizeof(extent), sizeof(extent));
    if (extent.offset > image->bytes.len || extent.size > image->bytes.len - extent.offset)
        return false;
    *ret_bytes = envm_str_n(image->bytes.ptr + extent.offset, extent.size);
    *ret_hash = extent.hash;
    return true;
}

bool envm_image_data_is_intact(const struct envm_image *image)
{
    size_t extents = section(image, ENVM_IMAGE_EXTENTS).len / sizeof(struct envm_image_extent);
    uint64_t hash = 0, extent_hash;
    envm_str bytes;

    for (int i = 0; i < ENVM_IMAGE_SECTION_COUNT; i++)
        hash = hash_section(hash, section(image, (enum envm_image_section)i));
    if (hash != image->header.data_hash)
        return false;
    for (size_t i = 0; i < extents; i++)
        if (!extent_at(image, i, &bytes, &extent_hash) ||
            envm_image_hash_extent(bytes) != extent_hash)
            return false;
    return true;
}

static bool is_clear(envm_str bytes, uint64_t from, uint64_t to)
{
    for (uint64_t i = from; i < to; i++)
        if (bytes.ptr[i] != 0)
            return false;
    return from <= to;
}

bool envm_image_is_whole(const struct envm_image *image)
{
    envm_str extents = section(image, ENVM_IMAGE_EXTENTS);
    uint64_t end = sizeof(image->header);
    struct envm_image_extent extent;

    /* They follow each other, in whatever order. */
    for (; extents.len >= sizeof(extent); extents = envm_str_skip(extents, sizeof(extent))) {
        memcpy(&extent, extents.ptr, sizeof(extent));
        end += extent.size;
    }
    for (int i = 0; i < ENVM_IMAGE_SECTION_COUNT; i++) {
        if (!is_clear(image->bytes, end, image->header.sections[i].offset))
            return false;
        end = image->header.sections[i].offset + image->header.sections[i].size;
    }
    return is_clear(image->bytes, end, image->bytes.len) && envm_image_data_is_intact(image);
}

/* A length and as many bytes. */
static bool blob(envm_str from, size_t offset, size_t most, envm_str *ret_bytes)
{
    uint32_t len;

    if (from.len < sizeof(len) || offset > from.len - sizeof(len))
        return false;
    memcpy(&len, from.ptr + offset, sizeof(len));
    if (len > most || len > from.len - offset - sizeof(len))
        return false;
    *ret_bytes = envm_str_n(from.ptr + offset + sizeof(len), len);
    return true;
}

bool envm_image_text(const struct envm_image *image, uint32_t reference, envm_str *ret_text)
{
    if (reference == 0) {
        *ret_text = ENVM_STR("");
        return true;
    }
    return blob(section(image, ENVM_IMAGE_TEXTS), reference, ENVM_IMAGE_TEXT_MAX, ret_text);
}

bool envm_image_list_bytes(const struct envm_image *image, uint32_t reference, envm_str *ret_bytes)
{
    envm_str extent;
    uint64_t hash;

    if (reference == 0) {
        *ret_bytes = ENVM_STR("");
        return true;
    }
    return extent_at(image, envm_image_extent_of(reference), &extent, &hash) &&
           blob(extent, envm_image_offset_of(reference), ENVM_IMAGE_LIST_MAX, ret_bytes) &&
           ret_bytes->len > 0 && ret_bytes->ptr[ret_bytes->len - 1] == '\0';
}

bool envm_image_list(const struct envm_image *image, uint32_t reference, struct envm_arena *arena,
                     struct envm_str_list *ret_list)
{
    envm_str bytes, rest, text;
    envm_str *items = NULL;
    size_t count = 0;

    if (!envm_image_list_bytes(image, reference, &bytes))
        return false;
    for (rest = bytes; envm_image_next_text(&rest, &text);)
        count++;
    if (count > 0)
        items = envm_arena_new_array(arena, envm_str, count);
    for (size_t i = 0; i < count; i++)
        envm_image_next_text(&bytes, &items[i]);
    *ret_list = (struct envm_str_list){items, count};
    return true;
}

size_t envm_image_name_count(const struct envm_image *image)
{
    return section(image, ENVM_IMAGE_NAMES).len / sizeof(struct envm_image_name);
}

bool envm_image_name_at(const struct envm_image *image, size_t n, struct envm_image_name *ret_name,
                        envm_str *ret_text)
{
    envm_str names = section(image, ENVM_IMAGE_NAMES);

    if (n >= names.len / sizeof(*ret_name))
        return false;
    memcpy(ret_name, names.ptr + n * sizeof(*ret_name), sizeof(*ret_name));
    return envm_image_text(image, ret_name->name, ret_text);
}

bool envm_image_find(const struct envm_image *image, envm_str name,
                     struct envm_image_name *ret_name)
{
    size_t low = 0, high = envm_image_name_count(image);

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        envm_str text;
        int order;

        if (!envm_image_name_at(image, middle, ret_name, &text))
            return false;
        order = envm_str_compare(text, name);
        if (order == 0)
            return true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *ret_name = (struct envm_image_name){0};
    return true;
}

bool envm_image_record_at(const struct envm_image *image, uint64_t n,
                          struct envm_image_record *ret_record)
{
    envm_str records = section(image, ENVM_IMAGE_RECORDS);
    struct envm_image_key *key = &ret_record->key;
    size_t offset;
    envm_str bodies;
    uint64_t hash;

    if (n >= records.len / sizeof(*key))
        return false;
    memcpy(key, records.ptr + n * sizeof(*key), sizeof(*key));
    offset = envm_image_offset_of(key->body);
    if (!extent_at(image, envm_image_extent_of(key->body), &bodies, &hash) ||
        bodies.len < sizeof(ret_record->body) || offset > bodies.len - sizeof(ret_record->body))
        return false;
    memcpy(&ret_record->body, bodies.ptr + offset, sizeof(ret_record->body));
    return true;
}
