/* SPDX-License-Identifier: MIT
 *
 * A repodata file in blocks: read or decompressed piece by piece, hashed on the way, cut where a
 * package seems to begin.
 */
#ifndef ENVM_REPO_REPODATA_STREAM_H
#define ENVM_REPO_REPODATA_STREAM_H

#include "base/buf.h"
#include "codec/digest.h"
#include "codec/inflate.h"

#define ENVM_REPODATA_PLAIN_MAX ((size_t)8 << 30)

struct envm_repodata_stream {
    int fd;                 /* read from where it stands */
    const char *name;       /* for messages */
    struct envm_zstd *zstd; /* NULL: the file is plain */
    struct envm_buf compressed;
    struct envm_buf carry; /* what is behind the cut of the last block */
    struct envm_hasher hasher;
    size_t block_size;
    uint64_t size; /* so far, of the plain text */
    bool whole;    /* set it to have one block: never cut */
    bool ended;    /* the last block was the last */
};

/* `fd` and `name` stay the caller's. Blocks have about `block_size` bytes, more where there is no
 * place to cut. */
void envm_repodata_stream_open(struct envm_repodata_stream *stream, int fd, const char *name,
                               bool is_zstd, size_t block_size);
void envm_repodata_stream_close(struct envm_repodata_stream *stream);
ENVM_DEFINE_CLEANUP(envm_repodata_stream, struct envm_repodata_stream, envm_repodata_stream_close)

/* Replaces the content of *block (made with the limit ENVM_REPODATA_PLAIN_MAX) by the next one. */
enum envm_code envm_repodata_stream_next(struct envm_repodata_stream *stream,
                                         struct envm_buf *block, struct envm_error *err);
/* Once, when it has ended: digest of the plain text. */
struct envm_sha256 envm_repodata_stream_digest(struct envm_repodata_stream *stream);

#endif
