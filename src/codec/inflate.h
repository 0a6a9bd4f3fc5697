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

#endif
