/* SPDX-License-Identifier: MIT */
#include "repo/repodata_verify.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/str.h"
#include "base/vec.h"
#include "codec/digest.h"
#include "repo/repodata_image.h"
#include "repo/repodata_state.h"
#include "sys/fs_tree.h"

#define KEY_DIGITS 64

struct verification {
    struct envm_arena *arena;
    int dirfd;
    struct envm_repodata_verification *result;
    ENVM_VEC(envm_str) damaged;
};

static void verification_release(struct verification *v)
{
    envm_vec_release(&v->damaged);
}
ENVM_DEFINE_CLEANUP(verification, struct verification, verification_release)

static enum envm_code check_index(const struct verification *v, struct envm_relpath path,
                                  bool *ret_whole, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_image image;
    envm_str bytes = {0};

    ENVM_TRY(envm_fs_open_read(v->dirfd, path, &fd, err));
    ENVM_TRY(envm_fs_map(fd, path.s.ptr, &bytes, err));
    *ret_whole = envm_image_open(&image, bytes) && envm_image_is_whole(&image);
    v->result->bytes += bytes.len;
    envm_fs_unmap(bytes);
    return ENVM_OK;
}

/* Its name is the hash of the URL in it. */
static bool is_state_whole(const struct verification *v, struct envm_relpath path)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_repodata_state state;
    struct envm_sha256 key;

    if (!envm_repodata_state_load(v->dirfd, path, &arena, &state))
        return false;
    key = envm_sha256_of(state.url);
    return envm_str_equal_c(envm_str_slice(path.s, 0, KEY_DIGITS), envm_sha256_hex(&key).text);
}

static bool is_gone(int dirfd, struct envm_relpath path)
{
    enum envm_fs_kind kind = ENVM_FS_FILE;

    return envm_fs_stat(dirfd, path, &kind, NULL, NULL) == ENVM_OK && kind == ENVM_FS_ABSENT;
}

static enum envm_code visit(void *user, const struct envm_fs_entry *entry, bool *skip,
                            struct envm_error *err)
{
    struct verification *v = user;
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    envm_str end = envm_str_skip(entry->path, KEY_DIGITS);
    bool is_index = envm_str_equal_c(end, ".index");
    enum envm_code code = ENVM_OK;
    struct envm_relpath path;
    bool whole = true;

    *skip = true;
    if (entry->kind != ENVM_FS_FILE || (!is_index && !envm_str_equal_c(end, ".json")))
        return ENVM_OK; /* in the making */
    ENVM_TRY(envm_relpath_parse(v->arena, entry->path, &path, err));
    if (is_index)
        code = check_index(v, path, &whole, &failure);
    else
        whole = is_state_whole(v, path);
    if ((code != ENVM_OK || !whole) && is_gone(v->dirfd, path))
        return ENVM_OK;
    if (code != ENVM_OK) {
        if (err)
            envm_error_move(err, &failure);
        return code;
    }
    v->result->files++;
    v->result->bytes += is_index ? 0 : (uint64_t)entry->stat->st_size;
    if (!whole)
        envm_vec_push(&v->damaged, path.s);
    return ENVM_OK;
}

enum envm_code envm_repodata_verify(struct envm_arena *arena, int dirfd,
                                    struct envm_repodata_verification *ret_result,
                                    struct envm_error *err)
{
    struct envm_repodata_verification result = {0};
    ENVM_CLEANUP(verification)
    struct verification v = {.arena = arena, .dirfd = dirfd, .result = &result};

    ENVM_TRY(envm_fs_walk(dirfd, visit, &v, err));
    result.damaged.count = v.damaged.count;
    result.damaged.items =
        envm_arena_copy(arena, v.damaged.items, v.damaged.count * sizeof(envm_str));
    *ret_result = result;
    return ENVM_OK;
}
