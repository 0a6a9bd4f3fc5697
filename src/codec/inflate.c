/* SPDX-License-Identifier: MIT */
#include "codec/inflate.h"

#include <zstd.h>

#include "base/alloc.h"
#include "base/error.h"

#define WINDOW_LOG_MAX 27

struct envm_zstd {
    ZSTD_DCtx *context;
    bool complete;     /* the bytes so far end with the end of a frame */
    uint64_t consumed; /* of the input, for messages */
};

struct envm_zstd *envm_zstd_open(void)
{
    struct envm_zstd *stream = envm_alloc_zero(1, sizeof(*stream));

    stream->context = ZSTD_createDCtx();
    if (!stream->context)
        envm_alloc(SIZE_MAX); /* ends in the out-of-memory handler */
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

enum envm_code envm_zstd_feed(struct envm_zstd *stream, envm_str compressed, struct envm_buf *out,
                              struct envm_error *err)
{
    ZSTD_inBuffer in = {.src = compressed.ptr, .size = compressed.len};
    bool pending = false; /* output is waiting although all input was taken */

    while (in.pos < in.size || pending) {
        char spare;
        ZSTD_outBuffer room = next_room(out, &spare);
        size_t taken = in.pos;
        size_t left = ZSTD_decompressStream(stream->context, &room, &in);

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
