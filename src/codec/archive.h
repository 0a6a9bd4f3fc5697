/* SPDX-License-Identifier: MIT
 *
 * Reading conda package archives. libarchive decompresses (exactly the one filter that is asked
 * for), codec/tar_reader reads the plain stream. Writing to disk is the caller's, through src/sys.
 */
#ifndef ENVM_CODEC_ARCHIVE_H
#define ENVM_CODEC_ARCHIVE_H

#include <envm/error.h>

#include "codec/tar_reader.h"

enum envm_archive_filter {
    ENVM_FILTER_NONE,
    ENVM_FILTER_BZIP2,
    ENVM_FILTER_ZSTD,
};

struct envm_archive;

/* A tar stream inside fd at [offset, offset+size). The reader uses pread; fd stays the caller's.
 * `name` is for messages and copied. Use from one thread at a time. */
enum envm_code envm_archive_open(int fd, uint64_t offset, uint64_t size,
                                 enum envm_archive_filter filter, const char *name,
                                 struct envm_archive **ret_archive, struct envm_error *err);
void envm_archive_close(struct envm_archive *archive);
static inline void envm_archive_close_pointer(struct envm_archive **archive)
{
    envm_archive_close(*archive);
}
ENVM_DEFINE_CLEANUP(envm_archive, struct envm_archive *, envm_archive_close_pointer)

/* Most bytes that the plain stream may have; more is ENVM_UNSAFE. The default is 64 MiB plus 200
 * times the compressed size. `why` must outlive the archive ("paths.json announces less"). */
void envm_archive_set_budget(struct envm_archive *archive, uint64_t plain_bytes, const char *why);

/* The next entry, its texts in the arena; *ret_entry = NULL at the end, after which nothing may
 * follow but zero padding (C13). Refusals are those of codec/tar_reader.h, and ENVM_MALFORMED for
 * compressed data that is damaged, cut short or followed by something. Duplicates and
 * file/directory conflicts are the caller's to find. */
enum envm_code envm_archive_next(struct envm_archive *archive, struct envm_arena *arena,
                                 struct envm_archive_entry **ret_entry, struct envm_error *err);
/* The next run of the current entry's data (some 64 to 256 KiB), not copied: valid until the next
 * call on the archive. *ret_size is 0 at the end of the data. */
enum envm_code envm_archive_read(struct envm_archive *archive, const void **ret_bytes,
                                 size_t *ret_size, struct envm_error *err);

#endif
