/* SPDX-License-Identifier: MIT
 *
 * Remote: a conditional request, then parse and index. Local: a look at the file's stamp, then the
 * same. Offline: what is cached.
 */
#include "repo/repodata_fetch.h"

#include <unistd.h>

#include "base/error.h"
#include "codec/url.h"
#include "net/retry.h"
#include "repo/repodata_index.h"
#include "sys/clock.h"
#include "sys/fs.h"

#define COMPRESSED_MAX ((uint64_t)2 << 30)
#define ZST_AGAIN_SECONDS (7 * 24 * 60 * 60)
/* A file that was written so shortly before it was read may have been written again since, within
 * the same tick of the file system's clock. */
#define RACY_SECONDS 2

static const envm_str zst_name = ENVM_STR_INIT("repodata.json.zst");
static const envm_str json_name = ENVM_STR_INIT("repodata.json");

static envm_str file_url(struct envm_repodata_fetch *fetch, envm_str name)
{
    return envm_url_join(fetch->arena, fetch->url, name);
}

/* --- from bytes to index -------------------------------------------------------------------- */

/* The file's records into the target, and what is to be remembered of it. *ret_unwritable when it
 * failed because the target cannot be written. */
static enum envm_code index_into(struct envm_repodata_fetch *fetch,
                                 const struct envm_repodata_file *file,
                                 const struct envm_repodata_target *target,
                                 struct envm_repodata_state *state, bool *ret_unwritable,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_image_file) struct envm_image_file image;
    ENVM_CLEANUP(envm_repodata_content) struct envm_repodata_content content = {0};
    struct envm_repodata_source source = {
        .subdir = fetch->subdir, .url = file_url(fetch, state->file), .sink = fetch->sink};
    struct envm_image_origin origin = {.subdir = fetch->subdir, .source_sha256 = &content.sha256};
    enum envm_code code;

    envm_image_file_open(&image, target->fd);
    code = envm_repodata_index(file, &source, fetch->arena, &image, &content, err);
    *ret_unwritable = image.code != ENVM_OK;
    if (code != ENVM_OK)
        return envm_error_where(err, code, "%.*s", ENVM_STR_ARGS(source.url));
    state->sha256 = content.sha256;
    state->size = content.size;
    state->url = fetch->url;
    state->checked_at = envm_clock_now();
    origin.package_base = content.summary.package_base;
    origin.skipped = content.summary.skipped;
    code = envm_image_write(&content.builder, &content.layout, &origin, err);
    *ret_unwritable = code == ENVM_IO;
    return code;
}

static void warn_about_cache(const struct envm_repodata_fetch *fetch, const char *why)
{
    envm_sink_warn(fetch->sink, "the index of %.*s cannot be cached: %s", ENVM_STR_ARGS(fetch->url),
                   why);
}

/* Into the cache. *ret_done is false when it cannot be written: there is a warning then. */
static enum envm_code index_on_disk(struct envm_repodata_fetch *fetch,
                                    const struct envm_repodata_file *file,
                                    struct envm_repodata_target *target,
                                    struct envm_repodata_state *state, bool *ret_done,
                                    struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error trouble = {0};
    bool unwritable = true;
    enum envm_code code = envm_repodata_cache_begin(&fetch->cache, fetch->arena, target, &trouble);

    if (code == ENVM_OK)
        code = index_into(fetch, file, target, state, &unwritable, &trouble);
    if (code != ENVM_OK && !unwritable) {
        if (err)
            envm_error_move(err, &trouble);
        return code;
    }
    *ret_done = code == ENVM_OK;
    if (code == ENVM_OK)
        code = envm_repodata_cache_commit(&fetch->cache, target, state, &trouble);
    if (code != ENVM_OK)
        warn_about_cache(fetch, trouble.text);
    return ENVM_OK;
}

static enum envm_code index_in_memory(struct envm_repodata_fetch *fetch,
                                      const struct envm_repodata_file *file,
                                      struct envm_repodata_target *target,
                                      struct envm_repodata_state *state, struct envm_error *err)
{
    bool ignored;

    if (lseek(file->fd, 0, SEEK_SET) != 0)
        return envm_fail(err, ENVM_IO, "reading '%s' again: cannot seek", file->name);
    envm_repodata_target_end(&fetch->cache, target);
    ENVM_TRY(envm_repodata_target_in_memory(target, err));
    return index_into(fetch, file, target, state, &ignored, err);
}

static enum envm_code index_file(struct envm_repodata_fetch *fetch,
                                 const struct envm_repodata_file *file,
                                 struct envm_repodata_state *state, struct envm_error *err)
{
    struct envm_repodata_target target = ENVM_REPODATA_NO_TARGET;
    enum envm_code code = ENVM_OK;
    bool done = false;

    if (fetch->cache.dirfd >= 0)
        code = index_on_disk(fetch, file, &target, state, &done, err);
    if (code == ENVM_OK && !done)
        code = index_in_memory(fetch, file, &target, state, err);
    if (code == ENVM_OK)
        code = envm_repodata_target_map(&target, &fetch->image, err);
    envm_repodata_target_end(&fetch->cache, &target);
    if (code != ENVM_OK)
        return code;
    fetch->state = *state;
    fetch->from_cache = false;
    return ENVM_OK;
}

/* Reads fd from its start. The content is read, not mapped: a channel may be rewritten under our
 * eyes, and a mapping of a file that shrinks ends in SIGBUS. */
static enum envm_code index_fd(struct envm_repodata_fetch *fetch, int fd, const char *name,
                               struct envm_repodata_state *state, struct envm_error *err)
{
    struct envm_repodata_file file = {
        .fd = fd, .name = name, .is_zstd = envm_str_equal(state->file, zst_name)};
    enum envm_code code;
    struct stat info;

    if (lseek(fd, 0, SEEK_SET) != 0 || fstat(fd, &info) != 0)
        return envm_fail(err, ENVM_IO, "reading '%s': its size cannot be read", name);
    file.size = (uint64_t)info.st_size;
    code = index_file(fetch, &file, state, err);
    return code == ENVM_OK
               ? code
               : envm_wrap(err, code, "reading %.*s", ENVM_STR_ARGS(file_url(fetch, state->file)));
}

/* --- local ---------------------------------------------------------------------------------- */

static bool is_unchanged(const struct envm_repodata_state *state, envm_str name,
                         const struct envm_file_stamp *stamp)
{
    return envm_str_equal(state->file, name) && envm_file_stamp_equal(&state->stamp, stamp) &&
           state->checked_at - stamp->mtime_ns / 1000000000 >= RACY_SECONDS;
}

/* Tries one file; *ret_found when it was there (and has been read, or need not be). */
static enum envm_code try_local(struct envm_repodata_fetch *fetch, envm_str directory,
                                envm_str name, bool have_cache, bool *ret_found,
                                struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_repodata_state state = {.file = name};
    const char *path =
        envm_arena_printf(fetch->arena, "%.*s/%.*s", ENVM_STR_ARGS(directory), ENVM_STR_ARGS(name))
            .ptr;
    struct stat info;

    if (envm_fs_user_kind(path) == ENVM_FS_ABSENT)
        return ENVM_OK;
    *ret_found = true;
    ENVM_TRY(envm_fs_open_user_file(path, &fd, err));
    if (fstat(fd, &info) != 0)
        return envm_fail(err, ENVM_IO, "reading '%s': its size and times cannot be read", path);
    state.stamp = envm_file_stamp_of(&info);
    if (have_cache && is_unchanged(&fetch->state, name, &state.stamp)) {
        fetch->from_cache = true;
        return ENVM_OK;
    }
    return index_fd(fetch, fd, path, &state, err);
}

static enum envm_code fetch_local(struct envm_repodata_fetch *fetch, bool have_cache,
                                  struct envm_error *err)
{
    bool found = false;
    envm_str path;

    ENVM_TRY(envm_url_to_path(fetch->arena, fetch->url, &path, err));
    ENVM_TRY(try_local(fetch, path, zst_name, have_cache, &found, err));
    if (!found)
        ENVM_TRY(try_local(fetch, path, json_name, have_cache, &found, err));
    fetch->missing = !found;
    return ENVM_OK;
}

/* --- remote --------------------------------------------------------------------------------- */

/* Metadata that goes back in time may be an attack that hides updates (reliability.md B9). */
static void watch_time(struct envm_repodata_fetch *fetch, const struct envm_repodata_state *old,
                       struct envm_repodata_state *state)
{
    int64_t modified = 0;

    state->newest = old->newest;
    if (!envm_http_date_parse(state->last_modified, &modified))
        return;
    if (old->newest > 0 && modified < old->newest)
        envm_sink_warn(fetch->sink,
                       "%.*s is older (%.*s) than what was there before: the server, or a cache in "
                       "between, has gone back in time",
                       ENVM_STR_ARGS(fetch->url), ENVM_STR_ARGS(state->last_modified));
    else
        state->newest = modified;
}

/* Asks for one file, conditionally when `old` is about it. *ret_found when there is such a file. */
static enum envm_code try_remote(struct envm_repodata_fetch *fetch, envm_str name, bool have_cache,
                                 const struct envm_repodata_state *old,
                                 struct envm_repodata_state *state, bool *ret_found,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    bool conditional = have_cache && envm_str_equal(old->file, name);
    struct envm_download request = {
        .url = file_url(fetch, name),
        .etag = conditional ? old->etag : (envm_str){0},
        .last_modified = conditional ? old->last_modified : (envm_str){0},
        .size_limit = COMPRESSED_MAX,
        .label = envm_arena_printf(fetch->arena, "%.*s", ENVM_STR_ARGS(fetch->url)),
    };
    struct envm_download_result result;

    ENVM_TRY(envm_repodata_cache_scratch(&fetch->cache, fetch->arena, &fd, err));
    request.fd = fd;
    ENVM_TRY(envm_download(fetch->downloader, fetch->arena, &request, &result, err));
    *ret_found = !result.not_found;
    if (result.not_found)
        return ENVM_OK;
    if (result.not_modified && conditional) {
        fetch->from_cache = true;
        return ENVM_OK;
    }
    if (result.not_modified)
        return envm_fail(err, ENVM_NETWORK, "%.*s: HTTP status 304 to an unconditional request",
                         ENVM_STR_ARGS(request.url));
    state->file = name;
    state->etag = result.etag;
    state->last_modified = result.last_modified;
    state->cache_control = result.cache_control;
    watch_time(fetch, old, state);
    return index_fd(fetch, fd, request.url.ptr, state, err);
}

static bool zst_is_known_to_be_missing(const struct envm_repodata_state *old)
{
    int64_t age = envm_clock_now() - old->zst_missing_at;

    return old->zst_missing_at > 0 && age >= 0 && age < ZST_AGAIN_SECONDS;
}

static enum envm_code remember_missing(struct envm_repodata_fetch *fetch,
                                       struct envm_repodata_state *state)
{
    state->url = fetch->url;
    state->missing = true;
    state->file = (envm_str){0};
    envm_repodata_cache_store_missing(&fetch->cache, state);
    fetch->missing = true;
    return ENVM_OK;
}

static enum envm_code ask(struct envm_repodata_fetch *fetch, bool have_cache,
                          const struct envm_repodata_state *old, struct envm_error *err)
{
    struct envm_repodata_state state = {0};
    bool found = false;

    if (zst_is_known_to_be_missing(old)) {
        state.zst_missing_at = old->zst_missing_at;
    } else {
        ENVM_TRY(try_remote(fetch, zst_name, have_cache, old, &state, &found, err));
        if (!found)
            state.zst_missing_at = envm_clock_now();
    }
    if (!found)
        ENVM_TRY(try_remote(fetch, json_name, have_cache, old, &state, &found, err));
    return found ? ENVM_OK : remember_missing(fetch, &state);
}

static enum envm_code fetch_remote(struct envm_repodata_fetch *fetch, bool have_cache,
                                   struct envm_error *err)
{
    struct envm_repodata_state old = fetch->state;
    enum envm_code code = ask(fetch, have_cache, &old, err);

    if (code == ENVM_NETWORK && have_cache)
        return envm_error_hint(err, code, "the last index is still there: --offline uses it");
    return code;
}

static enum envm_code fetch_offline(struct envm_repodata_fetch *fetch, bool have_cache,
                                    struct envm_error *err)
{
    fetch->from_cache = true;
    if (have_cache)
        return ENVM_OK;
    fetch->missing = fetch->state.missing;
    if (fetch->missing)
        return ENVM_OK;
    envm_fail(err, ENVM_NETWORK, "offline, and %.*s is not in the cache",
              ENVM_STR_ARGS(fetch->url));
    return envm_error_hint(err, ENVM_NETWORK, "run the command once without --offline");
}

enum envm_code envm_repodata_fetch(struct envm_repodata_fetch *fetch, struct envm_error *err)
{
    bool have_cache = envm_repodata_cache_open(&fetch->cache, fetch->arena, fetch->url,
                                               &fetch->state, &fetch->image);
    envm_str cached = have_cache ? fetch->image.bytes : ENVM_STR("");
    enum envm_code code;

    if (envm_str_starts_with(fetch->url, ENVM_STR("file:")))
        code = fetch_local(fetch, have_cache, err);
    else if (fetch->offline)
        code = fetch_offline(fetch, have_cache, err);
    else
        code = fetch_remote(fetch, have_cache, err);
    if (code != ENVM_OK || !fetch->from_cache)
        envm_fs_unmap(cached);
    if (code != ENVM_OK)
        return envm_error_where(err, code, "%.*s", ENVM_STR_ARGS(fetch->url));
    return ENVM_OK;
}
