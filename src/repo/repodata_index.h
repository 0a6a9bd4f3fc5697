/* SPDX-License-Identifier: MIT
 *
 * From an open repodata file to an index file that is nearly complete: read in blocks, parsed by
 * several threads. Neither the text nor the records are ever in memory as a whole.
 */
#ifndef ENVM_REPO_REPODATA_INDEX_H
#define ENVM_REPO_REPODATA_INDEX_H

#include "repo/repodata_parse.h"

struct envm_repodata_file {
    int fd;
    const char *name; /* for messages about reading */
    uint64_t size;    /* about; of what is to be read */
    bool is_zstd;
    size_t block_size; /* 0: as it is best */
};

struct envm_repodata_content {
    struct envm_image_builder builder;
    struct envm_image_layout layout;
    struct envm_repodata_summary summary;
    struct envm_sha256 sha256; /* of the plain text */
    uint64_t size;
};
void envm_repodata_content_release(struct envm_repodata_content *content);
ENVM_DEFINE_CLEANUP(envm_repodata_content, struct envm_repodata_content,
                    envm_repodata_content_release)

/* Reads the file from its start, into an index file that is open and empty, for envm_image_write to
 * complete. Errors as envm_repodata_parse, those of reading and writing, and ENVM_MALFORMED for bad
 * zstd data. */
enum envm_code envm_repodata_index(const struct envm_repodata_file *file,
                                   const struct envm_repodata_source *source,
                                   struct envm_arena *arena, struct envm_image_file *image,
                                   struct envm_repodata_content *ret_content,
                                   struct envm_error *err);

#endif
