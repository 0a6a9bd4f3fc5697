/* SPDX-License-Identifier: MIT */
#include "codec/inflate.h"

#include <zstd.h>

#include "base/alloc.h"
#include "base/error.h"

#define WINDOW_LOG_MAX 27
#define MAGIC_SIZE 4

struct envm_zstd {
    ZSTD_DCtx *context;
    bool complete;      /* the bytes so far end with the end of a frame */
    bool skippable;     /* the current frame holds no data */
    size_t magic_bytes; /* of the current frame, seen and found right */
    uint64_t consumed;  /* of the input, for messages */
};

struct envm_zstd *envm_zstd_open(void)
{
    struct envm_zstd *stream = envm_alloc_zero(1, sizeof(*stream));

    stream->context = ZSTD_createDCtx();
    if (!stream->context)
        envm_end_without_memory(0);
    ZSTD_DCtx_setParameter(stream->context, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
    return stream;
}

void envm_zstd_close(struct envm_zstd *stream)
{
    if (!stream)
        return;
    ZSTD_freeDCtx(stream->context);
    envm_free(stream);
}

/* Where zstd may write next. At the limit it gets one byte that must stay empty: the end of a frame
 * that fits exactly can still be read. */
static ZSTD_outBuffer next_room(struct envm_buf *out, char *spare)
{
    size_t left = out->limit - out->len;
    size_t size = ZSTD_DStreamOutSize() < left ? ZSTD_DStreamOutSize() : left;

    if (size == 0)
        return (ZSTD_outBuffer){.dst = spare, .size = 1};
    return (ZSTD_outBuffer){.dst = envm_buf_reserve(out, size), .size = size};
}

/* True when the byte continues the magic number of a frame. libzstd may know the formats of its
 * first years too; they are not wanted. */
static bool check_magic(struct envm_zstd *stream, unsigned char byte)
{
    static const unsigned char frame[MAGIC_SIZE] = {0x28, 0xb5, 0x2f, 0xfd};
    static const unsigned char skippable[MAGIC_SIZE] = {0x50, 0x2a, 0x4d, 0x18};

    if (stream->magic_bytes == 0) {
        stream->skippable = (byte & 0xf0) == skippable[0];
        byte = stream->skippable ? skippable[0] : byte;
    }
    return byte == (stream->skippable ? skippable : frame)[stream->magic_bytes++];
}

static enum envm_code refuse_magic(const struct envm_zstd *stream, struct envm_error *err)
{
    if (stream->consumed < MAGIC_SIZE)
        return envm_fail(err, ENVM_MALFORMED, "this is not zstd data");
    return envm_fail(err, ENVM_MALFORMED, "more bytes after the end of the zstd data, at byte %ju",
                     (uintmax_t)stream->consumed);
}

enum envm_code envm_zstd_feed(struct envm_zstd *stream, envm_str compressed, struct envm_buf *out,
                              struct envm_error *err)
{
    ZSTD_inBuffer in = {.src = compressed.ptr, .size = compressed.len};
    bool pending = false; /* output is waiting although all input was taken */

    while (in.pos < compressed.len || pending) {
        char spare;
        ZSTD_outBuffer room = next_room(out, &spare);
        size_t taken = in.pos;
        size_t left;

        /* The magic number goes in byte by byte, each looked at before. */
        in.size = compressed.len;
        if (stream->magic_bytes < MAGIC_SIZE) {
            if (!check_magic(stream, (unsigned char)compressed.ptr[in.pos]))
                return refuse_magic(stream, err);
            in.size = in.pos + 1;
        }
        left = ZSTD_decompressStream(stream->context, &room, &in);
        stream->consumed += in.pos - taken;
        if (ZSTD_isError(left))
            return envm_fail(err, ENVM_MALFORMED, "bad zstd data near byte %ju: %s",
                             (uintmax_t)stream->consumed, ZSTD_getErrorName(left));
        if (room.dst == &spare && room.pos > 0)
            return envm_fail(err, ENVM_MALFORMED,
                             "the zstd data decompresses to more than %zu bytes", out->limit);
        if (room.pos > 0)
            envm_buf_advance(out, room.pos);
        if (room.pos == 0 && in.pos == taken && in.pos < in.size)
            return envm_fail(err, ENVM_MALFORMED, "zstd makes no progress at byte %ju",
                             (uintmax_t)stream->consumed);
        stream->complete = left == 0;
        if (stream->complete)
            stream->magic_bytes = 0;
        pending = left != 0 && (room.pos == room.size || (room.pos > 0 && out->len == out->limit));
    }
    return ENVM_OK;
}

enum envm_code envm_zstd_finish(const struct envm_zstd *stream, struct envm_error *err)
{
    if (stream->complete)
        return ENVM_OK;
    return envm_fail(err, ENVM_MALFORMED, "the zstd data ends too early, after %ju bytes",
                     (uintmax_t)stream->consumed);
}

enum envm_code envm_zstd_decompress(envm_str compressed, struct envm_buf *out,
                                    struct envm_error *err)
{
    ENVM_CLEANUP(envm_zstd) struct envm_zstd *stream = envm_zstd_open();

    ENVM_TRY(envm_zstd_feed(stream, compressed, out, err));
    return envm_zstd_finish(stream, err);
}
