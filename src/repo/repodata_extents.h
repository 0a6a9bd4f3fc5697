/* SPDX-License-Identifier: MIT
 *
 * The index file in the making. Most of it is written in pieces, by several threads, while they
 * parse: so it is in memory neither as a whole nor twice, and at the end little is left to write.
 */
#ifndef ENVM_REPO_REPODATA_EXTENTS_H
#define ENVM_REPO_REPODATA_EXTENTS_H

#include <pthread.h>

#include "base/vec.h"
#include "repo/repodata_image.h"

struct envm_image_file {
    int fd;               /* the caller's */
    pthread_mutex_t lock; /* guards what follows */
    ENVM_VEC(struct envm_image_extent) extents;
    uint64_t end;
    bool overflowed;         /* more extents than references can name */
    enum envm_code code;     /* of the first write that failed */
    struct envm_error error; /* the same */
};

/* For an empty file. */
void envm_image_file_open(struct envm_image_file *file, int fd);
void envm_image_file_close(struct envm_image_file *file);
ENVM_DEFINE_CLEANUP(envm_image_file, struct envm_image_file, envm_image_file_close)

/* The number of a new extent, which is filled later, or never. Thread-safe, as the next. */
uint32_t envm_image_file_reserve(struct envm_image_file *file);
/* Writes an extent; may be called once for each. That it failed is known from the next function. */
void envm_image_file_fill(struct envm_image_file *file, uint32_t extent, envm_str bytes);

/* Writes at a place of the file that is nobody else's. */
enum envm_code envm_image_file_write(const struct envm_image_file *file, envm_str bytes,
                                     uint64_t offset, struct envm_error *err);

/* Once nothing is written any more: ENVM_IO when a write has failed, ENVM_MALFORMED when there is
 * too much for the format. */
enum envm_code envm_image_file_check(struct envm_image_file *file, struct envm_error *err);
/* Empties the file again. ENVM_IO. */
enum envm_code envm_image_file_restart(struct envm_image_file *file, struct envm_error *err);

#endif
