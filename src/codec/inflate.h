/* SPDX-License-Identifier: MIT
 *
 * Decompression of whole repodata files: zstd, with limits. Packages go through codec/archive.
 */
#ifndef ENVM_CODEC_INFLATE_H
#define ENVM_CODEC_INFLATE_H

#include <envm/error.h>

#include "base/buf.h"

/* Decompresses all frames of `compressed` into out (whose limit is the bomb limit). windowLog at
 * most 27, checksums verified, trailing bytes and truncation refused: ENVM_MALFORMED. */
enum envm_code envm_zstd_decompress(envm_str compressed, struct envm_buf *out,
                                    struct envm_error *err);

/* The same piece by piece, for data that is still arriving. One thread at a time. */
struct envm_zstd;
struct envm_zstd *envm_zstd_open(void) __attribute__((returns_nonnull));
void envm_zstd_close(struct envm_zstd *stream); /* NULL is fine */
static inline void envm_zstd_close_pointer(struct envm_zstd **stream)
{
    envm_zstd_close(*stream);
}
ENVM_DEFINE_CLEANUP(envm_zstd, struct envm_zstd *, envm_zstd_close_pointer)
/* Appends what the next bytes decompress to. */
enum envm_code envm_zstd_feed(struct envm_zstd *stream, envm_str compressed, struct envm_buf *out,
                              struct envm_error *err);
/* Checks that the bytes fed were whole frames, at least one. */
enum envm_code envm_zstd_finish(const struct envm_zstd *stream, struct envm_error *err);

#endif
