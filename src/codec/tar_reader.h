/* SPDX-License-Identifier: MIT
 *
 * Strict tar: ustar, old v7, GNU long names and PAX. It reads the plain stream itself rather than
 * through libarchive's tar format, because that one lets pass in silence what has to be refused:
 * unknown entry types, sizes that PAX and header disagree on, data after the end blocks. One
 * reader, one meaning; what two readers could take for two things is an error.
 *
 * Refused (reliability.md 1.3): ENVM_UNSAFE for names that are no relative path, devices, FIFOs,
 * sparse and other special entries, control characters in link texts; ENVM_MALFORMED for bad
 * checksums and numbers, contradicting names or sizes, unknown types, data where none belongs,
 * non-zero padding, anything but zeros after the end, a missing end.
 */
#ifndef ENVM_CODEC_TAR_READER_H
#define ENVM_CODEC_TAR_READER_H

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
    envm_str link_target;     /* symlink text as stored, or hardlink path (a valid relpath) */
    uint64_t size;
    bool executable; /* any x bit */
    int64_t mtime;   /* seconds, 0 to the year 9999 */
    uint32_t mtime_ns;
    uint64_t number; /* from 1, for messages */
};

/* The next run of the plain stream, valid until the next call; *ret_size 0 at its end. */
typedef enum envm_code (*envm_tar_source)(void *user, const uint8_t **ret_bytes, size_t *ret_size,
                                          struct envm_error *err);

struct envm_tar_reader {
    envm_tar_source source;
    void *user;
    const char *name;  /* of the archive, for messages */
    const uint8_t *at; /* what the source gave and was not used yet */
    size_t available;
    uint64_t body_left;
    unsigned padding_left;
    uint64_t number;
    bool ended;
};

/* `name` and `user` must outlive the reader. Not thread-safe. */
void envm_tar_init(struct envm_tar_reader *reader, envm_tar_source source, void *user,
                   const char *name);
/* The next entry in the arena, NULL at the end. What is left of the data before is skipped. */
enum envm_code envm_tar_next(struct envm_tar_reader *reader, struct envm_arena *arena,
                             struct envm_archive_entry **ret_entry, struct envm_error *err);
/* The next run of the current entry's data without copying, valid until the next call on the
 * reader; *ret_size 0 at its end. */
enum envm_code envm_tar_read(struct envm_tar_reader *reader, const void **ret_bytes,
                             size_t *ret_size, struct envm_error *err);

#endif
