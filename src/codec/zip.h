/* SPDX-License-Identifier: MIT
 *
 * Strict reader for the outer ZIP of a .conda file (CEP 35; reliability.md C10): stored members
 * only, local and central headers agree, nothing hidden between or after what the central
 * directory names but zero padding. zip64 and data descriptors are accepted where they agree.
 */
#ifndef ENVM_CODEC_ZIP_H
#define ENVM_CODEC_ZIP_H

#include <envm/error.h>

#include "base/arena.h"

struct envm_zip_member {
    envm_str name;
    uint64_t offset; /* of the data in the file */
    uint64_t size;
    uint32_t crc32;
};

struct envm_zip {
    struct envm_zip_member *members;
    size_t count;
};

/* Reads the directory of fd (regular file of `file_size` bytes); ENVM_MALFORMED on anything odd. */
enum envm_code envm_zip_open(struct envm_arena *arena, int fd, uint64_t file_size, const char *name,
                             struct envm_zip *ret_zip, struct envm_error *err);

#endif
