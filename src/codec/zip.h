/* SPDX-License-Identifier: MIT
 *
 * Strict reader for the outer ZIP of a .conda file (CEP 35; reliability.md C10): stored members
 * only, local and central headers agree, nothing hidden between or after what the central
 * directory names but zero padding. zip64 and data descriptors are accepted where they agree.
 * Reads with pread only: the descriptor's position does not move, and stays the caller's.
 */
#ifndef ENVM_CODEC_ZIP_H
#define ENVM_CODEC_ZIP_H

#include <envm/error.h>

#include "base/arena.h"

/* More members or a longer directory than this are refused: a .conda file has three members. */
#define ENVM_ZIP_MEMBERS_MAX 64

struct envm_zip_member {
    envm_str name;   /* valid UTF-8 without controls, relative; ends in "/" for a folder */
    uint64_t offset; /* of the data in the file */
    uint64_t size;
    uint32_t crc32;
};

struct envm_zip {
    struct envm_zip_member *members; /* in the order of the file */
    size_t count;
};

/* Reads the directory of fd (regular file of `file_size` bytes); names and members go into the
 * arena. ENVM_MALFORMED on anything odd, ENVM_UNSAFE on a name that is no relative path. */
enum envm_code envm_zip_open(struct envm_arena *arena, int fd, uint64_t file_size, const char *name,
                             struct envm_zip *ret_zip, struct envm_error *err);

/* Reads the member's data and compares its CRC-32: ENVM_MALFORMED when it differs. */
enum envm_code envm_zip_check(int fd, const struct envm_zip_member *member, const char *name,
                              struct envm_error *err);

#endif
