/* SPDX-License-Identifier: MIT */
#include "net/download_file.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "codec/url.h"
#include "sys/fs.h"

#define CHUNK_SIZE ((size_t)256 * 1024)

static enum envm_code copy(int fd, const char *path, struct envm_body *body, struct envm_error *err)
{
    ENVM_CLEANUP(envm_heap) char *chunk = envm_alloc(CHUNK_SIZE);

    for (;;) {
        ssize_t n = read(fd, chunk, CHUNK_SIZE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return envm_fail_errno(err, errno, "reading '%s'", path);
        if (n == 0 || !envm_body_write(body, chunk, (size_t)n))
            return ENVM_OK;
        if (envm_sink_cancelled(body->sink))
            return envm_fail(err, ENVM_INTERRUPTED, "reading '%s': interrupted", path);
    }
}

enum envm_code envm_download_file(struct envm_arena *arena, envm_str url, struct envm_body *body,
                                  bool *ret_not_found, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    uint64_t length = UINT64_MAX;
    struct stat info;
    const char *name;
    envm_str path;

    ENVM_TRY(envm_url_to_path(arena, url, &path, err));
    name = envm_cstr(arena, path);
    *ret_not_found = envm_fs_user_kind(name) == ENVM_FS_ABSENT;
    if (*ret_not_found)
        return ENVM_OK;
    ENVM_TRY(envm_fs_open_user_file(name, &fd, err));
    if (fstat(fd, &info) == 0 && S_ISREG(info.st_mode))
        length = (uint64_t)info.st_size;
    envm_body_prepare(body, 0);
    if (!envm_body_begin(body, 200, (envm_str){0}, length))
        return ENVM_OK;
    return copy(fd, name, body, err);
}
