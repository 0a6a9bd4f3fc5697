/* SPDX-License-Identifier: MIT */
#include "prefix/kept_lock.h"

#include "base/error.h"
#include "base/hex.h"
#include "codec/digest.h"
#include "sys/fs.h"

#define LOCK_SIZE_MAX ((size_t)64 << 20)
#define SUM_SIZE_MAX ((size_t)4096)

void envm_kept_lock_sum(envm_str lock, struct envm_buf *out)
{
    struct envm_sha256 sum = envm_sha256_of(lock);

    if (lock.len > 0)
        envm_buf_printf(out, "%s  envm.lock\n", envm_sha256_hex(&sum).text);
}

static enum envm_code check_sum(int prefix_fd, envm_str lock, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf kept = envm_buf_limit(SUM_SIZE_MAX);
    ENVM_CLEANUP(envm_buf) struct envm_buf wanted = envm_buf_text();
    enum envm_fs_kind kind = ENVM_FS_ABSENT;
    enum envm_code code;

    ENVM_TRY(envm_fs_stat(prefix_fd, ENVM_KEPT_LOCK_SUM, &kind, NULL, err));
    if (kind == ENVM_FS_ABSENT)
        return ENVM_OK;
    envm_kept_lock_sum(lock, &wanted);
    code = envm_fs_read_at(prefix_fd, ENVM_KEPT_LOCK_SUM, &kept, err);
    if (code == ENVM_IO)
        return code;
    if (code != ENVM_OK && err)
        envm_error_release(err);
    if (code == ENVM_OK && envm_str_equal(envm_buf_str(&kept), envm_buf_str(&wanted)))
        return ENVM_OK;
    return envm_fail(err, ENVM_DAMAGED, "it does not match conda-meta/envm.lock.sha256");
}

enum envm_code envm_kept_lock_read(struct envm_arena *arena, int prefix_fd, envm_str *ret_text,
                                   bool *ret_exists, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(LOCK_SIZE_MAX);
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    *ret_exists = false;
    ENVM_TRY(envm_fs_stat(prefix_fd, ENVM_KEPT_LOCK, &kind, NULL, err));
    if (kind == ENVM_FS_ABSENT)
        return ENVM_OK;
    *ret_exists = true;
    ENVM_TRY(envm_fs_read_at(prefix_fd, ENVM_KEPT_LOCK, &text, err));
    ENVM_TRY(check_sum(prefix_fd, envm_buf_str(&text), err));
    *ret_text = envm_arena_str(arena, envm_buf_str(&text));
    return ENVM_OK;
}
