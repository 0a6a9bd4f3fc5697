/* SPDX-License-Identifier: MIT
 *
 * Reading conda package archives. libarchive is used as a reader only, formats and filters enabled
 * one by one, a warning is an error. Writing to disk is the caller's, through src/sys.
 */
#ifndef ENVM_CODEC_ARCHIVE_H
#define ENVM_CODEC_ARCHIVE_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/relpath.h"

enum envm_archive_type {
    ENVM_ARCHIVE_FILE,
    ENVM_ARCHIVE_DIRECTORY,
    ENVM_ARCHIVE_SYMLINK,
    ENVM_ARCHIVE_HARDLINK, /* link_target is the path of an earlier regular entry */
};

struct envm_archive_entry {
    enum envm_archive_type type;
    struct envm_relpath path; /* "./" and a trailing "/" already removed; "." entries are skipped */
    envm_str link_target;     /* symlink text as stored, or hardlink path */
    uint64_t size;
    bool executable; /* any x bit */
    int64_t mtime;   /* seconds */
    uint32_t mtime_ns;
    uint64_t number; /* from 1, for messages */
};

enum envm_archive_filter {
    ENVM_FILTER_NONE,
    ENVM_FILTER_BZIP2,
    ENVM_FILTER_ZSTD,
};

struct envm_archive;

/* A tar stream inside fd at [offset, offset+size). The reader uses pread; fd stays the caller's.
 * `name` is for messages. */
enum envm_code envm_archive_open(int fd, uint64_t offset, uint64_t size, enum envm_archive_filter,
                                 const char *name, struct envm_archive **ret_archive,
                                 struct envm_error *err);
void envm_archive_close(struct envm_archive *archive);
static inline void envm_archive_close_pointer(struct envm_archive **archive)
{
    envm_archive_close(*archive);
}
ENVM_DEFINE_CLEANUP(envm_archive, struct envm_archive *, envm_archive_close_pointer)

/* The next entry, its texts in the arena; *ret_entry = NULL at the end, after which nothing may
 * follow but zero padding (C13). Refusals per reliability.md 1.3: ENVM_UNSAFE (C1, C4, C8, sparse)
 * or ENVM_MALFORMED, with entry number and escaped name. Duplicates and file/directory conflicts
 * are the caller's to find. */
enum envm_code envm_archive_next(struct envm_archive *archive, struct envm_arena *arena,
                                 struct envm_archive_entry **ret_entry, struct envm_error *err);
/* Data of the current entry: up to `size` bytes; *ret_read 0 at its end. */
enum envm_code envm_archive_read(struct envm_archive *archive, void *buffer, size_t size,
                                 size_t *ret_read, struct envm_error *err);

#endif
