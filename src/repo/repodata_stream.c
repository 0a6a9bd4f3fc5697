/* SPDX-License-Identifier: MIT */
#include "repo/repodata_stream.h"

#include "base/error.h"
#include "repo/repodata_parse.h"
#include "sys/fs.h"

#define COMPRESSED_PART ((size_t)64 * 1024)

void envm_repodata_stream_open(struct envm_repodata_stream *stream, int fd, const char *name,
                               bool is_zstd, size_t block_size)
{
    *stream = (struct envm_repodata_stream){
        .fd = fd,
        .name = name,
        .zstd = is_zstd ? envm_zstd_open() : NULL,
        .compressed = envm_buf_limit(COMPRESSED_PART),
        .carry = envm_buf_limit(ENVM_REPODATA_PLAIN_MAX),
        .block_size = block_size,
    };
    envm_hasher_init(&stream->hasher, false);
}

void envm_repodata_stream_close(struct envm_repodata_stream *stream)
{
    envm_zstd_close(stream->zstd);
    envm_buf_release(&stream->compressed);
    envm_buf_release(&stream->carry);
    envm_hasher_release(&stream->hasher);
}

/* Appends something, unless the file has ended. */
static enum envm_code read_more(struct envm_repodata_stream *stream, struct envm_buf *block,
                                struct envm_error *err)
{
    if (!stream->zstd)
        return envm_fs_read_part(stream->fd, stream->name, stream->block_size, block,
                                 &stream->ended, err);
    envm_buf_clear(&stream->compressed);
    ENVM_TRY(envm_fs_read_part(stream->fd, stream->name, COMPRESSED_PART, &stream->compressed,
                               &stream->ended, err));
    ENVM_TRY(envm_zstd_feed(stream->zstd, envm_buf_str(&stream->compressed), block, err));
    return stream->ended ? envm_zstd_finish(stream->zstd, err) : ENVM_OK;
}

static enum envm_code take_in(struct envm_repodata_stream *stream, struct envm_buf *block,
                              struct envm_error *err)
{
    size_t before = block->len;

    ENVM_TRY(read_more(stream, block, err));
    envm_hasher_update(&stream->hasher, block->ptr + before, block->len - before);
    stream->size += block->len - before;
    if (stream->size > ENVM_REPODATA_PLAIN_MAX)
        return envm_fail(err, ENVM_MALFORMED, "the repodata is larger than %zu bytes",
                         ENVM_REPODATA_PLAIN_MAX);
    return ENVM_OK;
}

enum envm_code envm_repodata_stream_next(struct envm_repodata_stream *stream,
                                         struct envm_buf *block, struct envm_error *err)
{
    size_t wanted = stream->block_size;
    size_t cut = SIZE_MAX;

    envm_buf_clear(block);
    envm_buf_add_str(block, envm_buf_str(&stream->carry));
    envm_buf_clear(&stream->carry);
    while (!stream->ended && cut == SIZE_MAX) {
        while (!stream->ended && block->len < wanted)
            ENVM_TRY(take_in(stream, block, err));
        if (!stream->ended && !stream->whole)
            cut = envm_repodata_find_cut(envm_buf_str(block));
        wanted = block->len * 2;
    }
    if (stream->ended)
        return ENVM_OK;
    envm_buf_add_str(&stream->carry, envm_str_skip(envm_buf_str(block), cut));
    block->len = cut;
    return ENVM_OK;
}

struct envm_sha256 envm_repodata_stream_digest(struct envm_repodata_stream *stream)
{
    struct envm_sha256 digest;

    envm_hasher_final(&stream->hasher, &digest, NULL);
    return digest;
}
