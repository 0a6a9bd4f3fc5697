/* SPDX-License-Identifier: MIT */
/* links: codec */
/* In one piece and in small pieces: the same verdict and the same bytes, never past the limit. */
#include <stdlib.h>

#include "base/str.h"
#include "codec/inflate.h"

#define LIMIT ((size_t)1 << 16)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static enum envm_code in_pieces(envm_str data, struct envm_buf *out)
{
    ENVM_CLEANUP(envm_zstd) struct envm_zstd *stream = envm_zstd_open();
    size_t piece = 1 + data.len / 100;

    for (size_t at = 0; at < data.len; at += piece) {
        enum envm_code code =
            envm_zstd_feed(stream, envm_str_slice(data, at, at + piece), out, NULL);

        if (code != ENVM_OK)
            return code;
    }
    return envm_zstd_finish(stream, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf whole = envm_buf_limit(LIMIT);
    ENVM_CLEANUP(envm_buf) struct envm_buf pieces = envm_buf_limit(LIMIT);
    envm_str text = envm_str_n((const char *)data, size);
    enum envm_code code = envm_zstd_decompress(text, &whole, NULL);

    if (code != in_pieces(text, &pieces) || (code != ENVM_OK && code != ENVM_MALFORMED))
        abort();
    if (code == ENVM_OK && !envm_str_equal(envm_buf_str(&whole), envm_buf_str(&pieces)))
        abort();
    if (whole.len > LIMIT || pieces.len > LIMIT)
        abort();
    return 0;
}
