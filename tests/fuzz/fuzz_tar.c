/* SPDX-License-Identifier: MIT */
/* links: codec */
/* The stream in one piece and in pieces of another size: the same verdict, the same entries, and
 * every name is a checked path. The first byte chooses the size of the pieces. */
#include <stdlib.h>

#include "base/error.h"
#include "codec/digest.h"
#include "codec/tar_reader.h"
#include "tar_mend.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct pieces {
    const uint8_t *at;
    size_t left;
    size_t piece;
};

static enum envm_code next_piece(void *user, const uint8_t **ret_bytes, size_t *ret_size,
                                 struct envm_error *err)
{
    struct pieces *pieces = user;

    (void)err;
    *ret_size = pieces->left < pieces->piece ? pieces->left : pieces->piece;
    *ret_bytes = pieces->at;
    pieces->at += *ret_size;
    pieces->left -= *ret_size;
    return ENVM_OK;
}

static enum envm_code drain(struct envm_tar_reader *reader, struct envm_hasher *hasher,
                            uint64_t wanted, struct envm_error *err)
{
    const void *bytes;
    size_t len = 0;
    uint64_t got = 0;

    for (;;) {
        ENVM_TRY(envm_tar_read(reader, &bytes, &len, err));
        if (len == 0)
            break;
        got += len;
        envm_hasher_update(hasher, bytes, len);
    }
    if (got != wanted)
        abort();
    return ENVM_OK;
}

static void check_entry(struct envm_arena *arena, const struct envm_archive_entry *entry)
{
    struct envm_relpath path;

    if (envm_relpath_parse(arena, entry->path.s, &path, NULL) != ENVM_OK)
        abort();
    if (entry->type == ENVM_ARCHIVE_HARDLINK &&
        envm_relpath_parse(arena, entry->link_target, &path, NULL) != ENVM_OK)
        abort();
    if (entry->type == ENVM_ARCHIVE_SYMLINK && entry->link_target.len == 0)
        abort();
    if (entry->mtime < 0)
        abort();
}

/* Reads everything; *ret_digest stands for all that was seen. */
static enum envm_code read_all(const uint8_t *data, size_t size, size_t piece,
                               struct envm_sha256 *ret_digest)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    ENVM_CLEANUP(envm_hasher) struct envm_hasher hasher;
    struct pieces pieces = {data, size, piece};
    struct envm_archive_entry *entry = NULL;
    struct envm_tar_reader reader;
    enum envm_code code;

    envm_hasher_init(&hasher, false);
    envm_tar_init(&reader, next_piece, &pieces, "input");
    for (;;) {
        code = envm_tar_next(&reader, &arena, &entry, &err);
        if (code != ENVM_OK || !entry)
            break;
        check_entry(&arena, entry);
        envm_hasher_update(&hasher, entry->path.s.ptr, entry->path.s.len);
        envm_hasher_update(&hasher, entry->link_target.ptr, entry->link_target.len);
        code = drain(&reader, &hasher, entry->size, &err);
        if (code != ENVM_OK)
            break;
    }
    if (code != ENVM_OK && code != ENVM_MALFORMED && code != ENVM_UNSAFE)
        abort();
    envm_hasher_final(&hasher, ret_digest, NULL);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct envm_sha256 whole, parts;
    uint8_t *bytes;

    if (size < 2)
        return 0;
    bytes = malloc(size - 1);
    if (!bytes)
        abort();
    memcpy(bytes, data + 1, size - 1);
    tar_mend(bytes, size - 1);
    enum envm_code code = read_all(bytes, size - 1, size, &whole);

    if (code != read_all(bytes, size - 1, 1 + (size_t)data[0] * 7, &parts))
        abort();
    if (code == ENVM_OK && memcmp(&whole, &parts, sizeof(whole)) != 0)
        abort();
    free(bytes);
    return 0;
}
