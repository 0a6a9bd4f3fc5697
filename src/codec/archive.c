/* SPDX-License-Identifier: MIT
 *
 * libarchive's raw format gives the decompressed stream. The filter is named, not guessed:
 * guessing would take nested compression, and with "all" filters it runs programs from $PATH.
 */
#include "codec/archive.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/str.h"
#include "codec/archive_library.h"

#define CHUNK ((size_t)256 << 10)
#define BUDGET_FLOOR ((uint64_t)64 << 20)
#define BUDGET_RATIO 200

struct envm_archive {
    struct archive *raw;
    struct envm_tar_reader tar;
    char *name;
    int fd;
    int read_errno;
    uint64_t offset; /* of the next compressed byte */
    uint64_t end;
    uint64_t start;
    uint64_t plain; /* bytes decompressed so far */
    uint64_t budget;
    const char *budget_why;
    bool at_end;
    uint8_t chunk[CHUNK];
};

static la_ssize_t give_compressed(struct archive *raw, void *user, const void **ret_bytes)
{
    struct envm_archive *archive = user;
    uint64_t left = archive->end - archive->offset;
    size_t wanted = left < CHUNK ? (size_t)left : CHUNK;
    ssize_t got = 0;

    (void)raw;
    *ret_bytes = archive->chunk;
    if (wanted == 0)
        return 0;
    do
        got = pread(archive->fd, archive->chunk, wanted, (off_t)archive->offset);
    while (got < 0 && errno == EINTR);
    if (got < 0) {
        archive->read_errno = errno;
        return -1;
    }
    archive->offset += (uint64_t)got;
    return got;
}

/* The library's error numbers do not tell: it has one for everything that zstd says. A window that
 * is too large ("requires too much memory") is the archive's fault. */
static bool is_short_of_memory(const char *why)
{
    static const char *const signs[] = {"can't allocate", "not enough memory", "out of memory",
                                        "no memory"};

    /* It always says what is wrong with data. */
    if (!why)
        return true;
    for (size_t i = 0; i < sizeof(signs) / sizeof(signs[0]); i++) {
        if (strcasestr(why, signs[i]))
            return true;
    }
    return false;
}

static enum envm_code damaged(struct envm_archive *archive, struct envm_error *err)
{
    const char *why = envm_archive_library()->error_string(archive->raw);

    if (archive->read_errno != 0)
        return envm_fail_errno(err, archive->read_errno, "reading '%s'", archive->name);
    if (is_short_of_memory(why))
        return envm_fail_errno(err, ENOMEM, "unpacking '%s'", archive->name);
    return envm_fail(err, ENVM_MALFORMED, "'%s': the compressed data is damaged: %s", archive->name,
                     why);
}

/* libarchive stops at the end of the compressed stream and is content; what follows is not ours. */
static enum envm_code check_all_used(struct envm_archive *archive, struct envm_error *err)
{
    uint64_t used = (uint64_t)envm_archive_library()->filter_bytes(archive->raw, -1);

    archive->at_end = true;
    if (used == archive->end - archive->start)
        return ENVM_OK;
    /* What fails while it looks at the first bytes is taken for an empty stream. */
    if (archive->read_errno != 0 || envm_archive_library()->error_string(archive->raw))
        return damaged(archive, err);
    return envm_fail(err, ENVM_MALFORMED, "'%s': data after the end of the compressed stream",
                     archive->name);
}

static enum envm_code give_plain(void *user, const uint8_t **ret_bytes, size_t *ret_size,
                                 struct envm_error *err)
{
    struct envm_archive *archive = user;
    const void *bytes = NULL;
    la_int64_t at = 0;
    int status;

    *ret_size = 0;
    if (archive->at_end)
        return ENVM_OK;
    do
        status = envm_archive_library()->read_data_block(archive->raw, &bytes, ret_size, &at);
    while (status == ARCHIVE_OK && *ret_size == 0);
    if (status == ARCHIVE_EOF) {
        *ret_size = 0;
        return check_all_used(archive, err);
    }
    if (status != ARCHIVE_OK)
        return damaged(archive, err);
    archive->plain += *ret_size;
    if (archive->plain > archive->budget)
        return envm_fail(err, ENVM_UNSAFE, "'%s' unpacks to more than %llu bytes: %s",
                         archive->name, (unsigned long long)archive->budget, archive->budget_why);
    *ret_bytes = bytes;
    return ENVM_OK;
}

static int add_filter(struct archive *raw, enum envm_archive_filter filter)
{
    switch (filter) {
    case ENVM_FILTER_BZIP2:
        return envm_archive_library()->read_append_filter(raw, ARCHIVE_FILTER_BZIP2);
    case ENVM_FILTER_ZSTD:
        return envm_archive_library()->read_append_filter(raw, ARCHIVE_FILTER_ZSTD);
    case ENVM_FILTER_NONE:
        break;
    }
    return envm_archive_library()->read_append_filter(raw, ARCHIVE_FILTER_NONE);
}

static enum envm_code start(struct envm_archive *archive, enum envm_archive_filter filter,
                            struct envm_error *err)
{
    struct archive_entry *entry = NULL;
    int status;

    if (envm_archive_library()->read_support_format_raw(archive->raw) != ARCHIVE_OK ||
        envm_archive_library()->read_support_format_empty(archive->raw) != ARCHIVE_OK ||
        add_filter(archive->raw, filter) != ARCHIVE_OK) {
        const char *why = envm_archive_library()->error_string(archive->raw);

        if (is_short_of_memory(why))
            return envm_fail_errno(err, ENOMEM, "unpacking '%s'", archive->name);
        return envm_fail(err, ENVM_INTERNAL, "libarchive: %s", why);
    }
    if (envm_archive_library()->read_open(archive->raw, archive, NULL, give_compressed, NULL) !=
        ARCHIVE_OK)
        return damaged(archive, err);
    status = envm_archive_library()->read_next_header(archive->raw, &entry);
    if (status == ARCHIVE_EOF)
        return check_all_used(archive, err);
    return status == ARCHIVE_OK ? ENVM_OK : damaged(archive, err);
}

static enum envm_code open_raw(struct envm_archive *archive, enum envm_archive_filter filter,
                               struct envm_error *err)
{
    if (archive->raw)
        envm_archive_library()->read_free(archive->raw);
    archive->raw = envm_archive_library()->read_new();
    archive->offset = archive->start;
    archive->at_end = false;
    if (!archive->raw)
        return envm_fail(err, ENVM_IO, "libarchive: out of memory");
    return start(archive, filter, err);
}

/* Short of memory while it looks at the first bytes libarchive says, without a word of why, that
 * the stream is empty. What is really wrong is wrong the second time, too. */
static enum envm_code open_twice(struct envm_archive *archive, enum envm_archive_filter filter,
                                 struct envm_error *err)
{
    ENVM_CLEANUP(envm_error) struct envm_error failure = {0};
    enum envm_code code = open_raw(archive, filter, &failure);

    if (code == ENVM_MALFORMED && archive->at_end)
        return open_raw(archive, filter, err);
    if (code != ENVM_OK && err)
        envm_error_move(err, &failure);
    return code;
}

enum envm_code envm_archive_open(int fd, uint64_t offset, uint64_t size,
                                 enum envm_archive_filter filter, const char *name,
                                 struct envm_archive **ret_archive, struct envm_error *err)
{
    ENVM_CLEANUP(envm_archive) struct envm_archive *archive = NULL;

    ENVM_TRY(envm_archive_library_load(err));
    archive = envm_alloc_zero(1, sizeof(*archive));
    archive->fd = fd;
    archive->start = archive->offset = offset;
    archive->end = offset + size;
    archive->name = envm_strdup(name);
    envm_archive_set_budget(
        archive,
        BUDGET_FLOOR + BUDGET_RATIO * (size < UINT32_MAX * 1024ULL ? size : UINT32_MAX * 1024ULL),
        "200 times its compressed size");
    envm_tar_init(&archive->tar, give_plain, archive, archive->name);
    ENVM_TRY(open_twice(archive, filter, err));
    *ret_archive = ENVM_TAKE(archive, NULL);
    return ENVM_OK;
}

void envm_archive_close(struct envm_archive *archive)
{
    if (!archive)
        return;
    if (archive->raw)
        envm_archive_library()->read_free(archive->raw);
    envm_free(archive->name);
    envm_free(archive);
}

void envm_archive_set_budget(struct envm_archive *archive, uint64_t plain_bytes, const char *why)
{
    archive->budget = plain_bytes;
    archive->budget_why = why;
}

enum envm_code envm_archive_next(struct envm_archive *archive, struct envm_arena *arena,
                                 struct envm_archive_entry **ret_entry, struct envm_error *err)
{
    return envm_tar_next(&archive->tar, arena, ret_entry, err);
}

enum envm_code envm_archive_read(struct envm_archive *archive, const void **ret_bytes,
                                 size_t *ret_size, struct envm_error *err)
{
    return envm_tar_read(&archive->tar, ret_bytes, ret_size, err);
}
