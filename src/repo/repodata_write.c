/* SPDX-License-Identifier: MIT */
#include "repo/repodata_write.h"

#include <string.h>

#include "base/error.h"

/* Everything goes through one buffer of the size of a chunk, and is hashed on its way: to read it
 * back for that would make all of its pages part of this process. */
struct writer {
    const struct envm_image_file *file;
    uint64_t at;
    uint64_t hash;
    char *chunk; /* ENVM_IMAGE_HASH_CHUNK */
    size_t held;
    struct envm_image_header header;
    struct envm_error *err;
};

static void release_writer(struct writer *writer)
{
    envm_free(writer->chunk);
}
ENVM_DEFINE_CLEANUP(writer, struct writer, release_writer)

static enum envm_code flush(struct writer *writer)
{
    envm_str chunk = envm_str_n(writer->chunk, writer->held);

    if (chunk.len == 0)
        return ENVM_OK;
    ENVM_TRY(envm_image_file_write(writer->file, chunk, writer->at, writer->err));
    writer->hash = envm_image_hash_chunk(writer->hash, chunk);
    writer->at += chunk.len;
    writer->held = 0;
    return ENVM_OK;
}

/* Begins a section at the next multiple of 8. */
static void open_section(struct writer *writer, enum envm_image_section which)
{
    writer->at = (writer->at + 7) & ~(uint64_t)7;
    writer->header.sections[which].offset = writer->at;
}

static enum envm_code close_section(struct writer *writer, enum envm_image_section which)
{
    ENVM_TRY(flush(writer));
    writer->header.sections[which].size = writer->at - writer->header.sections[which].offset;
    return ENVM_OK;
}

static enum envm_code add_bytes(struct writer *writer, const void *bytes, size_t len)
{
    const char *from = bytes;

    while (len > 0) {
        size_t room = ENVM_IMAGE_HASH_CHUNK - writer->held;
        size_t part = len < room ? len : room;

        memcpy(writer->chunk + writer->held, from, part);
        writer->held += part;
        from += part;
        len -= part;
        if (writer->held == ENVM_IMAGE_HASH_CHUNK)
            ENVM_TRY(flush(writer));
    }
    return ENVM_OK;
}

static enum envm_code write_section(struct writer *writer, enum envm_image_section which,
                                    const void *bytes, size_t len)
{
    open_section(writer, which);
    ENVM_TRY(add_bytes(writer, bytes, len));
    return close_section(writer, which);
}

static enum envm_code write_records(struct writer *writer, const struct envm_image_builder *builder,
                                    const struct envm_image_layout *layout)
{
    open_section(writer, ENVM_IMAGE_RECORDS);
    for (size_t i = 0; i < layout->record_count; i++)
        ENVM_TRY(add_bytes(writer, &builder->keys.items[layout->order[i]],
                           sizeof(struct envm_image_key)));
    return close_section(writer, ENVM_IMAGE_RECORDS);
}

static enum envm_code write_header(struct writer *writer, const struct envm_image_origin *origin,
                                   const struct envm_image_layout *layout)
{
    struct envm_image_header *header = &writer->header;

    memcpy(header->magic, ENVM_IMAGE_MAGIC, sizeof(header->magic));
    header->version = ENVM_IMAGE_VERSION;
    header->byte_order = ENVM_IMAGE_BYTE_ORDER;
    header->file_size = writer->at;
    header->shown = layout->shown;
    header->skipped = origin->skipped;
    header->data_hash = writer->hash;
    memcpy(header->source_sha256, origin->source_sha256->bytes, sizeof(header->source_sha256));
    envm_image_seal(header);
    return envm_image_file_write(writer->file, envm_str_n((const char *)header, sizeof(*header)), 0,
                                 writer->err);
}

enum envm_code envm_image_write(struct envm_image_builder *builder,
                                const struct envm_image_layout *layout,
                                const struct envm_image_origin *origin, struct envm_error *err)
{
    struct envm_image_file *file = builder->window.file;
    ENVM_CLEANUP(writer)
    struct writer writer = {.file = file, .err = err, .chunk = envm_alloc(ENVM_IMAGE_HASH_CHUNK)};
    struct envm_image_header *header = &writer.header;

    envm_image_builder_flush(builder);
    header->subdir = envm_intern_add(&builder->texts, origin->subdir);
    header->package_base = envm_intern_add(&builder->texts, origin->package_base);
    if (builder->texts.overflowed || builder->window.overflowed || builder->overflowed)
        return envm_fail(err, ENVM_MALFORMED,
                         "a text is longer than 1 MiB, a list of texts than 16 MiB, all of them "
                         "than 4 GiB, or there are more than 100 million records");
    ENVM_TRY(envm_image_file_check(file, err));
    writer.at = file->end;
    ENVM_TRY(write_section(&writer, ENVM_IMAGE_NAMES, layout->names,
                           layout->name_count * sizeof(*layout->names)));
    ENVM_TRY(write_records(&writer, builder, layout));
    ENVM_TRY(write_section(&writer, ENVM_IMAGE_EXTENTS, file->extents.items,
                           file->extents.count * sizeof(*file->extents.items)));
    /* The last one, for it is never empty: the file ends where a section ends. */
    ENVM_TRY(write_section(&writer, ENVM_IMAGE_TEXTS, builder->texts.bytes, builder->texts.len));
    return write_header(&writer, origin, layout);
}
