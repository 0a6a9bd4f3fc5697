/* SPDX-License-Identifier: MIT */
#include "repo/repodata_cache.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "base/error.h"
#include "base/hex.h"
#include "codec/digest.h"
#include "sys/fs.h"
#include "sys/fs_temp.h"

enum envm_code envm_repodata_cache_init(struct envm_repodata_cache *cache, int dirfd, envm_str url,
                                        envm_str boot_id, struct envm_arena *arena,
                                        struct envm_error *err)
{
    struct envm_sha256 key = envm_sha256_of(url);
    struct envm_hex_text hex = envm_sha256_hex(&key);

    cache->dirfd = dirfd;
    cache->boot_id = boot_id;
    ENVM_TRY(envm_relpath_parse(arena, envm_arena_printf(arena, "%s.index", hex.text),
                                &cache->index, err));
    return envm_relpath_parse(arena, envm_arena_printf(arena, "%s.json", hex.text), &cache->state,
                              err);
}

envm_str envm_repodata_boot_id(struct envm_arena *arena)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(128);

    if (envm_fs_read_user_file("/proc/sys/kernel/random/boot_id", &text, NULL) != ENVM_OK)
        return ENVM_STR("");
    return envm_arena_str(arena, envm_str_trim(envm_buf_str(&text)));
}

static bool map_index(const struct envm_repodata_cache *cache, struct envm_image *ret_image)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    envm_str bytes;

    if (envm_fs_open_read(cache->dirfd, cache->index, &fd, NULL) != ENVM_OK ||
        envm_fs_map(fd, "repodata index", &bytes, NULL) != ENVM_OK)
        return false;
    if (envm_image_open(ret_image, bytes))
        return true;
    envm_fs_unmap(bytes);
    return false;
}

static bool is_current(const struct envm_repodata_cache *cache,
                       const struct envm_repodata_state *state, const struct envm_image *image)
{
    return memcmp(image->header.source_sha256, state->sha256.bytes, sizeof(state->sha256.bytes)) ==
               0 &&
           (envm_str_equal(state->boot_id, cache->boot_id) || envm_image_data_is_intact(image));
}

bool envm_repodata_cache_open(const struct envm_repodata_cache *cache, struct envm_arena *arena,
                              envm_str url, struct envm_repodata_state *ret_state,
                              struct envm_image *ret_image)
{
    if (cache->dirfd < 0 || !envm_repodata_state_load(cache->dirfd, cache->state, arena, ret_state))
        return false;
    if (!envm_str_equal(ret_state->url, url)) {
        *ret_state = (struct envm_repodata_state){0};
        return false;
    }
    if (ret_state->missing || !ret_state->sha256.known || !map_index(cache, ret_image))
        return false;
    if (!is_current(cache, ret_state, ret_image)) {
        envm_fs_unmap(ret_image->bytes);
        return false;
    }
    if (!envm_str_equal(ret_state->boot_id, cache->boot_id)) {
        ret_state->boot_id = cache->boot_id;
        if (envm_repodata_state_save(cache->dirfd, cache->state, ret_state, NULL) != ENVM_OK)
            return true; /* it is checked again next time */
    }
    return true;
}

static enum envm_code memory_file(int *ret_fd, struct envm_error *err)
{
    *ret_fd = memfd_create("envm-repodata", MFD_CLOEXEC);
    return *ret_fd >= 0 ? ENVM_OK : envm_fail_errno(err, errno, "making a file in memory");
}

enum envm_code envm_repodata_cache_scratch(const struct envm_repodata_cache *cache,
                                           struct envm_arena *arena, int *ret_fd,
                                           struct envm_error *err)
{
    struct envm_relpath path;

    if (cache->dirfd < 0 || envm_fs_temp_file(cache->dirfd, ENVM_REPODATA_TEMP_PREFIX, arena, &path,
                                              ret_fd, NULL) != ENVM_OK)
        return memory_file(ret_fd, err);
    return envm_fs_unlink(cache->dirfd, path, err);
}

enum envm_code envm_repodata_target_map(const struct envm_repodata_target *target,
                                        struct envm_image *ret_image, struct envm_error *err)
{
    envm_str bytes;

    ENVM_TRY(envm_fs_map(target->fd, "repodata index", &bytes, err));
    if (envm_image_open(ret_image, bytes))
        return ENVM_OK;
    envm_fs_unmap(bytes);
    return envm_fail(err, ENVM_INTERNAL, "the repodata index just written cannot be read");
}

enum envm_code envm_repodata_cache_begin(const struct envm_repodata_cache *cache,
                                         struct envm_arena *arena,
                                         struct envm_repodata_target *ret_target,
                                         struct envm_error *err)
{
    struct envm_repodata_target target = {.fd = -1, .on_disk = true};

    ENVM_TRY(envm_fs_temp_file(cache->dirfd, ENVM_REPODATA_TEMP_PREFIX, arena, &target.temporary,
                               &target.fd, err));
    *ret_target = target;
    return ENVM_OK;
}

enum envm_code envm_repodata_target_in_memory(struct envm_repodata_target *ret_target,
                                              struct envm_error *err)
{
    struct envm_repodata_target target = {.fd = -1};

    ENVM_TRY(memory_file(&target.fd, err));
    *ret_target = target;
    return ENVM_OK;
}

enum envm_code envm_repodata_cache_commit(const struct envm_repodata_cache *cache,
                                          struct envm_repodata_target *target,
                                          struct envm_repodata_state *state, struct envm_error *err)
{
    state->boot_id = cache->boot_id;
    ENVM_TRY(envm_fs_rename(cache->dirfd, target->temporary, cache->dirfd, cache->index, err));
    target->on_disk = false;
    return envm_repodata_state_save(cache->dirfd, cache->state, state, err);
}

void envm_repodata_target_end(const struct envm_repodata_cache *cache,
                              struct envm_repodata_target *target)
{
    bool on_disk = target->on_disk;

    envm_close_fd(&target->fd);
    target->on_disk = false;
    if (on_disk && envm_fs_unlink(cache->dirfd, target->temporary, NULL) != ENVM_OK)
        return; /* it is swept away later */
}

void envm_repodata_cache_store_missing(const struct envm_repodata_cache *cache,
                                       const struct envm_repodata_state *state)
{
    if (cache->dirfd >= 0 &&
        envm_repodata_state_save(cache->dirfd, cache->state, state, NULL) != ENVM_OK)
        return; /* it is asked for again next time */
}

void envm_repodata_cache_drop(const struct envm_repodata_cache *cache)
{
    if (cache->dirfd < 0)
        return;
    if (envm_fs_unlink(cache->dirfd, cache->state, NULL) != ENVM_OK ||
        envm_fs_unlink(cache->dirfd, cache->index, NULL) != ENVM_OK)
        return; /* what cannot be removed fails its checks again */
}
