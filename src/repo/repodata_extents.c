/* SPDX-License-Identifier: MIT */
#include "repo/repodata_extents.h"

#include <errno.h>

#include "base/error.h"
#include "sys/fs.h"

/* What is written at once the kernel keeps in one piece, and maps as a whole when a reader touches
 * a byte of it: with a megabyte the second solve had 78 MiB in memory, with this 50. */
#define PIECE ((size_t)128 * 1024)

void envm_image_file_open(struct envm_image_file *file, int fd)
{
    *file = (struct envm_image_file){.fd = fd, .end = sizeof(struct envm_image_header)};
    pthread_mutex_init(&file->lock, NULL);
}

void envm_image_file_close(struct envm_image_file *file)
{
    envm_vec_release(&file->extents);
    envm_error_release(&file->error);
    pthread_mutex_destroy(&file->lock);
}

uint32_t envm_image_file_reserve(struct envm_image_file *file)
{
    const struct envm_image_extent empty = {0};
    uint32_t number;

    pthread_mutex_lock(&file->lock);
    number = (uint32_t)file->extents.count;
    if (number < ENVM_IMAGE_EXTENTS_MAX)
        envm_vec_push(&file->extents, empty);
    else
        file->overflowed = true;
    pthread_mutex_unlock(&file->lock);
    return number;
}

enum envm_code envm_image_file_write(const struct envm_image_file *file, envm_str bytes,
                                     uint64_t offset, struct envm_error *err)
{
    for (; bytes.len > 0; bytes = envm_str_skip(bytes, PIECE)) {
        ENVM_TRY(envm_fs_write_fd_at(file->fd, "repodata index", envm_str_slice(bytes, 0, PIECE),
                                     offset, err));
        offset += PIECE;
    }
    return ENVM_OK;
}

static uint64_t place(struct envm_image_file *file, uint32_t number, envm_str bytes, uint64_t hash)
{
    uint64_t offset;

    pthread_mutex_lock(&file->lock);
    offset = file->end;
    file->end += bytes.len;
    file->extents.items[number] = (struct envm_image_extent){offset, bytes.len, hash};
    pthread_mutex_unlock(&file->lock);
    return offset;
}

static void keep_error(struct envm_image_file *file, enum envm_code code, struct envm_error *err)
{
    pthread_mutex_lock(&file->lock);
    if (file->code == ENVM_OK) {
        file->code = code;
        envm_error_move(&file->error, err);
    }
    pthread_mutex_unlock(&file->lock);
}

void envm_image_file_fill(struct envm_image_file *file, uint32_t extent, envm_str bytes)
{
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    enum envm_code code;
    uint64_t offset;

    if (extent >= ENVM_IMAGE_EXTENTS_MAX || bytes.len == 0)
        return;
    offset = place(file, extent, bytes, envm_image_hash_extent(bytes));
    code = envm_image_file_write(file, bytes, offset, &err);
    if (code != ENVM_OK)
        keep_error(file, code, &err);
}

enum envm_code envm_image_file_check(struct envm_image_file *file, struct envm_error *err)
{
    enum envm_code code = file->code;

    if (code != ENVM_OK) {
        if (err)
            envm_error_move(err, &file->error);
        return code;
    }
    if (file->overflowed)
        return envm_fail(err, ENVM_MALFORMED, "there is more than 4 GiB to index");
    return ENVM_OK;
}

enum envm_code envm_image_file_restart(struct envm_image_file *file, struct envm_error *err)
{
    int fd = file->fd;

    if (!envm_fs_cut_fd(fd, 0))
        return envm_fail_errno(err, errno, "emptying the repodata index");
    envm_image_file_close(file);
    envm_image_file_open(file, fd);
    return ENVM_OK;
}
