/* SPDX-License-Identifier: MIT */
#include "store/package_fetch.h"

#include <errno.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/hex.h"
#include "codec/digest.h"
#include "codec/url.h"
#include "sys/clock.h"
#include "sys/fs_lock.h"
#include "sys/fs_temp.h"

#define SNIFF 512
#define CLAIM_WAIT_MS 30000 /* for another process that fetches the same package */
#define CLAIM_POLL_MS 30

/* What the download's callback works on: the digests of the bytes so far. */
struct arriving {
    struct envm_hasher hasher;
    bool with_md5;
};

static void take_bytes(void *user, const void *bytes, size_t len)
{
    struct arriving *arriving = user;

    if (bytes) {
        envm_hasher_update(&arriving->hasher, bytes, len);
        return;
    }
    /* A retry starts over. */
    envm_hasher_release(&arriving->hasher);
    envm_hasher_init(&arriving->hasher, arriving->with_md5);
}

/* Servers and captive portals answer with a page where a package was asked for (C19). */
static bool looks_like_html(int fd)
{
    char head[SNIFF];
    ssize_t got = pread(fd, head, sizeof(head), 0);
    envm_str text = envm_str_trim(envm_str_n(head, got > 0 ? (size_t)got : 0));

    return envm_str_starts_with(text, ENVM_STR("<!")) ||
           envm_str_equal_nocase(envm_str_slice(text, 0, 5), ENVM_STR("<html")) ||
           envm_str_starts_with(text, ENVM_STR("<?xml"));
}

static enum envm_code with_hint(const struct envm_store_archive *archive, enum envm_code code,
                                struct envm_error *err)
{
    if (looks_like_html(archive->fd))
        return envm_error_hint(err, code,
                               "what arrived looks like a web page: a proxy, a login page or the "
                               "wrong URL answered instead of the channel");
    return envm_error_hint(err, code,
                           "the file on the server is not the one that the channel's index (or the "
                           "lock) names; refresh the index, or report it to the channel");
}

static enum envm_code compare_with_record(const struct envm_store_archive *archive,
                                          const struct envm_package_record *record,
                                          struct envm_error *err)
{
    enum envm_code code = ENVM_OK;

    if (record->has_size && record->size != archive->size)
        code = envm_fail(err, ENVM_INTEGRITY, "expected %llu bytes, got %llu",
                         (unsigned long long)record->size, (unsigned long long)archive->size);
    else if (record->sha256.known && !envm_sha256_equal(&record->sha256, &archive->sha256))
        code = envm_fail(err, ENVM_INTEGRITY, "expected sha256 %s, got %s",
                         envm_sha256_hex(&record->sha256).text,
                         envm_sha256_hex(&archive->sha256).text);
    else if (record->md5.known && memcmp(record->md5.bytes, archive->md5.bytes, 16) != 0)
        code = envm_fail(err, ENVM_INTEGRITY, "expected md5 %s, got %s",
                         envm_md5_hex(&record->md5).text, envm_md5_hex(&archive->md5).text);
    return code;
}

static enum envm_code check_policy(const struct envm_store *store,
                                   const struct envm_package_record *record, struct envm_error *err)
{
    if (record->sha256.known)
        return ENVM_OK;
    if (store->config.require_hashes)
        return envm_error_hint(
            err,
            envm_fail(err, ENVM_UNSAFE, "%.*s has no sha256", ENVM_STR_ARGS(record->file_name)),
            "packages without a sha256 are refused because hashes are required");
    envm_sink_warn(store->config.sink,
                   record->md5.known ? "%.*s: the channel gives only an md5, which proves little"
                                     : "%.*s: the channel gives no hash, nothing can be checked",
                   ENVM_STR_ARGS(record->file_name));
    return ENVM_OK;
}

/* Its name is gone at once: nothing is left when the process dies. */
static enum envm_code make_private(struct envm_store *store, struct envm_store_archive *archive,
                                   struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_relpath path;

    ENVM_TRY(envm_fs_temp_file(store->run_fd, "archive-", &arena, &path, &archive->fd, err));
    return envm_fs_unlink(store->run_fd, path, err);
}

static struct envm_relpath claim_path(struct envm_arena *arena, const struct envm_sha256 *sha256)
{
    /* Letters, a dash and digits: valid by construction. */
    return (struct envm_relpath){
        envm_arena_printf(arena, ENVM_FETCH_PREFIX "%s", envm_sha256_hex(sha256).text)};
}

static bool is_published(struct envm_store *store, const struct envm_sha256 *sha256)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_store_place place = envm_store_place_of(&arena, sha256);
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    return envm_fs_stat(store->pkgs_fd, place.tree, &kind, NULL, NULL) == ENVM_OK &&
           kind != ENVM_FS_ABSENT;
}

/* One of several processes that want the same package fetches it. That only saves work: a process
 * that takes too long is not waited for, and where files cannot be claimed everybody fetches. */
static enum envm_code make_archive(struct envm_store *store, const struct envm_sha256 *sha256,
                                   struct envm_store_archive *archive, bool *ret_published,
                                   struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_relpath path = claim_path(&arena, sha256);
    uint64_t start = envm_clock_monotonic_ms();

    if (!sha256->known)
        return make_private(store, archive, err);
    while (envm_clock_monotonic_ms() - start < CLAIM_WAIT_MS) {
        if (envm_fs_claim_file(store->tmp_fd, path, &archive->fd, NULL) != ENVM_OK)
            break;
        if (archive->fd >= 0)
            archive->claim = *sha256;
        *ret_published = is_published(store, sha256);
        if (*ret_published)
            return ENVM_OK;
        /* A killed process may have left a part. */
        if (archive->fd >= 0)
            return envm_fs_cut_fd(archive->fd, 0)
                       ? ENVM_OK
                       : envm_fail_errno(err, errno, "writing to the package cache");
        if (envm_sink_cancelled(store->config.sink))
            return envm_fail(err, ENVM_INTERRUPTED, "interrupted");
        envm_clock_sleep_ms(CLAIM_POLL_MS);
    }
    return make_private(store, archive, err);
}

static enum envm_code fail_not_found(envm_str url, struct envm_error *err)
{
    if (envm_str_starts_with(url, ENVM_STR("file:")))
        return envm_error_hint(err, envm_fail(err, ENVM_IO, "there is no such file"),
                               "check the path; when a channel lists it, its index is newer or "
                               "older than its files");
    return envm_error_hint(err, envm_fail(err, ENVM_NETWORK, "the file is not on the server"),
                           "the channel's index is newer or older than its files; try again "
                           "later, or solve again");
}

/* Downloads one URL into the archive, which is emptied first. */
static enum envm_code download(struct envm_store *store, const struct envm_package_record *record,
                               envm_str url, struct envm_store_archive *archive,
                               struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct arriving arriving = {.with_md5 = record->md5.known || !record->sha256.known};
    struct envm_download request = {.url = url,
                                    .has_expected_size = record->has_size,
                                    .expected_size = record->size,
                                    .label = record->file_name,
                                    .fd = archive->fd,
                                    .on_bytes = take_bytes,
                                    .user = &arriving};
    struct envm_download_result result = {0};
    enum envm_code code;

    envm_hasher_init(&arriving.hasher, arriving.with_md5);
    code = envm_download(store->config.downloader, &arena, &request, &result, err);
    if (code == ENVM_OK && result.not_found)
        code = fail_not_found(url, err);
    if (code == ENVM_OK)
        envm_hasher_final(&arriving.hasher, &archive->sha256,
                          arriving.with_md5 ? &archive->md5 : NULL);
    envm_hasher_release(&arriving.hasher);
    archive->size = result.bytes;
    return code;
}

static bool rewind_archive(const struct envm_store_archive *archive)
{
    return envm_fs_cut_fd(archive->fd, 0) && lseek(archive->fd, 0, SEEK_SET) == 0;
}

/* Archives that other tools have downloaded. Only the sha256 says that a file is the right one, so
 * without one nothing is taken; what does not fit is left alone, it is not envm's. */
static bool take_from_folders(struct envm_store *store, const struct envm_package_record *record,
                              struct envm_store_archive *archive)
{
    const struct envm_str_list *folders = &store->config.archive_folders;

    if (!record->sha256.known || !envm_is_path_component(record->file_name))
        return false;
    for (size_t i = 0; i < folders->count; i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        envm_str path = envm_arena_printf(&arena, "%.*s/%.*s", ENVM_STR_ARGS(folders->items[i]),
                                          ENVM_STR_ARGS(record->file_name));

        if (envm_fs_user_kind(path.ptr) != ENVM_FS_FILE)
            continue;
        if (download(store, record, envm_url_from_path(&arena, path), archive, NULL) == ENVM_OK &&
            compare_with_record(archive, record, NULL) == ENVM_OK)
            return true;
        envm_sink_log(store->config.sink, ENVM_LOG_DEBUG, "%s is not the package that is wanted",
                      path.ptr);
        if (!rewind_archive(archive))
            return false;
    }
    return false;
}

static void free_archive(struct envm_store_archive **archive)
{
    envm_store_archive_free(*archive);
}
ENVM_DEFINE_CLEANUP(store_archive, struct envm_store_archive *, free_archive)

enum envm_code envm_package_fetch(struct envm_store *store,
                                  const struct envm_package_record *record,
                                  struct envm_store_archive **ret_archive, struct envm_error *err)
{
    ENVM_CLEANUP(store_archive)
    struct envm_store_archive *archive = envm_alloc_zero(1, sizeof(*archive));
    bool published = false;
    enum envm_code code;

    archive->fd = -1;
    archive->store = store;
    *ret_archive = NULL;
    ENVM_TRY(check_policy(store, record, err));
    ENVM_TRY(make_archive(store, &record->sha256, archive, &published, err));
    if (published)
        return ENVM_OK;
    if (take_from_folders(store, record, archive)) {
        *ret_archive = ENVM_TAKE(archive, NULL);
        return ENVM_OK;
    }
    code = download(store, record, record->url, archive, err);
    if (code == ENVM_OK)
        code = compare_with_record(archive, record, err);
    if (code == ENVM_INTEGRITY)
        code = with_hint(archive, code, err);
    if (code != ENVM_OK) {
        envm_error_where(err, code, "%.*s", ENVM_STR_ARGS(record->url));
        return envm_wrap(err, code, "fetching %.*s", ENVM_STR_ARGS(record->file_name));
    }
    *ret_archive = ENVM_TAKE(archive, NULL);
    return ENVM_OK;
}

void envm_store_archive_free(struct envm_store_archive *archive)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    if (!archive)
        return;
    /* While it is still claimed, so that it is no other one of this name. */
    if (archive->claim.known)
        (void)envm_fs_unlink(archive->store->tmp_fd, claim_path(&arena, &archive->claim), NULL);
    envm_close_fd(&archive->fd);
    envm_free(archive);
}
