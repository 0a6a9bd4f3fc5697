/* SPDX-License-Identifier: MIT */
#include "repo/repodata_write.h"

#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "sys/fs.h"

/* Everything goes through one buffer of the size of a chunk, and is hashed on its way: to read it
 * back for that would make all of its pages part of this process. */
struct writer {
    int fd;
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

static enum envm_code put(struct writer *writer, envm_str bytes)
{
    ENVM_TRY(envm_fs_write_fd(writer->fd, "repodata index", bytes, writer->err));
    writer->at += bytes.len;
    return ENVM_OK;
}

static enum envm_code flush(struct writer *writer)
{
    envm_str chunk = envm_str_n(writer->chunk, writer->held);

    if (chunk.len == 0)
        return ENVM_OK;
    writer->hash = envm_image_hash_chunk(writer->hash, chunk);
    writer->held = 0;
    return put(writer, chunk);
}

/* Begins a section at the next multiple of 8. */
static enum envm_code open_section(struct writer *writer, enum envm_image_section which)
{
    static const char zeros[8];

    ENVM_TRY(put(writer, envm_str_n(zeros, (size_t)(-writer->at & 7))));
    writer->header.sections[which].offset = writer->at;
    return ENVM_OK;
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
    ENVM_TRY(open_section(writer, which));
    ENVM_TRY(add_bytes(writer, bytes, len));
    return close_section(writer, which);
}

static enum envm_code write_records(struct writer *writer, const struct envm_image_builder *builder,
                                    const struct envm_image_layout *layout)
{
    ENVM_TRY(open_section(writer, ENVM_IMAGE_RECORDS));
    for (size_t i = 0; i < layout->record_count; i++) {
        struct envm_image_record record = {*envm_image_builder_body(builder, layout->order[i]),
                                           *envm_image_builder_key(builder, layout->order[i])};

        ENVM_TRY(add_bytes(writer, &record, sizeof(record)));
    }
    return close_section(writer, ENVM_IMAGE_RECORDS);
}

static enum envm_code write_lists(struct writer *writer, const struct envm_image_builder *builder)
{
    ENVM_TRY(open_section(writer, ENVM_IMAGE_LISTS));
    ENVM_TRY(add_bytes(writer, builder->lists.bytes, builder->lists.len));
    for (size_t i = 0; i < builder->more_lists.count; i++)
        ENVM_TRY(add_bytes(writer, builder->more_lists.items[i].bytes,
                           builder->more_lists.items[i].len));
    return close_section(writer, ENVM_IMAGE_LISTS);
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
    if (lseek(writer->fd, 0, SEEK_SET) != 0)
        return envm_fail(writer->err, ENVM_IO, "writing the repodata index: cannot seek");
    return put(writer, envm_str_n((const char *)header, sizeof(*header)));
}

enum envm_code envm_image_write(struct envm_image_builder *builder,
                                const struct envm_image_layout *layout,
                                const struct envm_image_origin *origin, int fd,
                                struct envm_error *err)
{
    ENVM_CLEANUP(writer)
    struct writer writer = {.fd = fd, .err = err, .chunk = envm_alloc(ENVM_IMAGE_HASH_CHUNK)};
    struct envm_image_header *header = &writer.header;

    header->subdir = envm_intern_add(&builder->texts, origin->subdir);
    header->package_base = envm_intern_add(&builder->texts, origin->package_base);
    if (builder->texts.overflowed || builder->lists.overflowed || builder->overflowed)
        return envm_fail(err, ENVM_MALFORMED,
                         "a text is longer than 1 MiB, a list of texts than 16 MiB, all of them "
                         "than 4 GiB, or there are more than 100 million records");
    ENVM_TRY(put(&writer, envm_str_n((const char *)header, sizeof(*header))));
    ENVM_TRY(write_section(&writer, ENVM_IMAGE_NAMES, layout->names,
                           layout->name_count * sizeof(*layout->names)));
    ENVM_TRY(write_records(&writer, builder, layout));
    ENVM_TRY(write_section(&writer, ENVM_IMAGE_TEXTS, builder->texts.bytes, builder->texts.len));
    ENVM_TRY(write_lists(&writer, builder));
    return write_header(&writer, origin, layout);
}
