/* SPDX-License-Identifier: MIT
 *
 * What decides is the central directory, and every byte of the file has to be accounted for by it:
 * the members tile the file from offset 0 to the directory, the directory ends where the end
 * records begin, the end records end with the file. Two readers can then not see two archives.
 */
#include "codec/zip.h"

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/relpath.h"
#include "base/str.h"

#define LOCAL_SIZE 30
#define CENTRAL_SIZE 46
#define END_SIZE 22
#define LOCATOR_SIZE 20
#define END64_SIZE 56
#define DIRECTORY_MAX ((uint64_t)64 << 10)
#define CHUNK ((size_t)64 << 10)

#define LOCAL_MAGIC 0x04034b50U
#define CENTRAL_MAGIC 0x02014b50U
#define END_MAGIC 0x06054b50U
#define END64_MAGIC 0x06064b50U
#define LOCATOR_MAGIC 0x07064b50U
#define DESCRIPTOR_MAGIC 0x08074b50U

#define FLAG_DESCRIPTOR (1U << 3)
#define FLAG_UTF8 (1U << 11)
#define EXTRA_ZIP64 0x0001U
#define EXTRA_UNICODE_PATH 0x7075U
#define FULL32 0xffffffffU

struct file {
    int fd;
    uint64_t size;
    const char *name;
    struct envm_error *err;
};

struct entry {
    struct envm_zip_member member;
    uint64_t local_offset;
    uint64_t end; /* of the data */
    unsigned flags;
};

struct directory {
    uint64_t offset;
    uint64_t size;
    uint64_t count;
};

static unsigned get16(const uint8_t *at)
{
    return (unsigned)at[0] | (unsigned)at[1] << 8;
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get16(at) | (uint32_t)get16(at + 2) << 16;
}

static uint64_t get64(const uint8_t *at)
{
    return (uint64_t)get32(at) | (uint64_t)get32(at + 4) << 32;
}

static enum envm_code odd(const struct file *file, const char *what, uint64_t offset)
{
    return envm_fail(file->err, ENVM_MALFORMED,
                     "'%s' is not a valid .conda archive: %s (byte %llu)", file->name, what,
                     (unsigned long long)offset);
}

static enum envm_code read_exactly(const struct file *file, uint64_t offset, void *bytes,
                                   size_t len)
{
    size_t done = 0;

    if (offset > file->size || len > file->size - offset)
        return odd(file, "a record reaches past the end of the file", offset);
    while (done < len) {
        ssize_t got = pread(file->fd, (char *)bytes + done, len - done, (off_t)(offset + done));

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return envm_fail_errno(file->err, errno, "reading '%s'", file->name);
        if (got == 0)
            return odd(file, "the file became shorter while it was read", offset + done);
        done += (size_t)got;
    }
    return ENVM_OK;
}

/* Where the bytes [from, to) are not all zero the file hides something. */
static enum envm_code expect_zeros(const struct file *file, uint64_t from, uint64_t to)
{
    ENVM_CLEANUP(envm_heap) uint8_t *chunk = from < to ? envm_alloc(CHUNK) : NULL;

    while (from < to) {
        size_t len = to - from < CHUNK ? (size_t)(to - from) : CHUNK;

        ENVM_TRY(read_exactly(file, from, chunk, len));
        for (size_t i = 0; i < len; i++)
            if (chunk[i] != 0)
                return odd(file, "bytes that the directory does not name", from + i);
        from += len;
    }
    return ENVM_OK;
}

/* Finds zip64 values for the fields that hold the "look there" value. `fields` are taken in the
 * order of the format, plain size first; unused ones are NULL. Some writers fill the extra field
 * although nothing refers to it: harmless while it holds zeros or the same size, as a reader that
 * prefers it sees no other member. */
static enum envm_code read_zip64_values(const struct file *file, const uint8_t *extra, size_t len,
                                        uint64_t offset, uint64_t *const fields[3],
                                        const uint64_t *plain_size)
{
    for (size_t i = 0; i < 3; i++) {
        if (!fields[i])
            continue;
        if (len < 8)
            return odd(file, "zip64 extra field is too short", offset);
        *fields[i] = get64(extra);
        extra += 8;
        len -= 8;
    }
    for (; len >= 8; extra += 8, len -= 8)
        if (get64(extra) != 0 && get64(extra) != *plain_size)
            return odd(file, "zip64 extra field names another size", offset);
    for (; len > 0; extra++, len--)
        if (*extra != 0)
            return odd(file, "split archive", offset);
    return ENVM_OK;
}

/* Walks the extra fields; *ret_zip64 points to the zip64 one, NULL when there is none. */
static enum envm_code scan_extra(const struct file *file, const uint8_t *extra, size_t len,
                                 uint64_t offset, const uint8_t **ret_zip64, size_t *ret_len)
{
    *ret_zip64 = NULL;
    *ret_len = 0;
    while (len > 0) {
        if (len < 4 || get16(extra + 2) > len - 4)
            return odd(file, "extra field is cut short", offset);
        if (get16(extra) == EXTRA_UNICODE_PATH)
            return odd(file, "a second name in an extra field", offset);
        if (get16(extra) == EXTRA_ZIP64) {
            if (*ret_zip64)
                return odd(file, "two zip64 extra fields", offset);
            *ret_zip64 = extra + 4;
            *ret_len = get16(extra + 2);
        }
        len -= 4 + (size_t)get16(extra + 2);
        extra += 4 + (size_t)get16(extra + 2);
    }
    return ENVM_OK;
}

/* A value of 0xffffffff with a zip64 field stands for the value there; without one for itself. */
static uint64_t *if_full(uint64_t *value, const uint8_t *zip64)
{
    return zip64 && *value == FULL32 ? value : NULL;
}

static enum envm_code check_name(const struct file *file, struct envm_arena *arena, envm_str name)
{
    envm_str bare =
        envm_str_ends_with(name, ENVM_STR("/")) ? envm_str_slice(name, 0, name.len - 1) : name;
    struct envm_relpath path;

    ENVM_TRY_WRAP(envm_relpath_parse(arena, bare, &path, file->err), file->err,
                  "member name in '%s'", file->name);
    return ENVM_OK;
}

static enum envm_code check_central(const struct file *file, const uint8_t *record, uint64_t offset)
{
    unsigned flags = get16(record + 8);

    if (flags & ~(FLAG_DESCRIPTOR | FLAG_UTF8))
        return odd(file, flags & 1U ? "encrypted member" : "unknown member flags", offset);
    if (get16(record + 10) != 0)
        return odd(file, "compressed member (only stored ones are allowed)", offset);
    if (get16(record + 32) != 0)
        return odd(file, "member comment", offset);
    if (get16(record + 34) != 0)
        return odd(file, "split archive", offset);
    return ENVM_OK;
}

/* One record of the central directory at `at` (`left` bytes); *ret_used is its length. */
static enum envm_code read_central(const struct file *file, struct envm_arena *arena,
                                   const uint8_t *at, size_t left, uint64_t offset,
                                   struct entry *ret_entry, size_t *ret_used)
{
    const uint8_t *zip64 = NULL;
    size_t zip64_len = 0;
    uint64_t plain, stored, local;

    if (left < CENTRAL_SIZE || get32(at) != CENTRAL_MAGIC)
        return odd(file, "bad record in the directory", offset);
    size_t name_len = get16(at + 28), extra_len = get16(at + 30);

    if (left - CENTRAL_SIZE < name_len + extra_len)
        return odd(file, "bad record in the directory", offset);
    ENVM_TRY(check_central(file, at, offset));
    ENVM_TRY(scan_extra(file, at + CENTRAL_SIZE + name_len, extra_len, offset, &zip64, &zip64_len));
    stored = get32(at + 20);
    plain = get32(at + 24);
    local = get32(at + 42);
    uint64_t *const fields[3] = {if_full(&plain, zip64), if_full(&stored, zip64),
                                 if_full(&local, zip64)};
    ENVM_TRY(read_zip64_values(file, zip64, zip64_len, offset, fields, &plain));
    if (plain != stored)
        return odd(file, "stored member with two sizes", offset);

    envm_str name = envm_arena_str(arena, envm_str_n((const char *)at + CENTRAL_SIZE, name_len));
    ENVM_TRY(check_name(file, arena, name));
    *ret_entry = (struct entry){.member = {.name = name, .size = plain, .crc32 = get32(at + 16)},
                                .local_offset = local,
                                .flags = get16(at + 8)};
    *ret_used = CENTRAL_SIZE + name_len + extra_len;
    return ENVM_OK;
}

/* With a data descriptor the local header may hold zeros; otherwise, and where it does not, it must
 * say what the directory says. */
static bool local_value_agrees(uint64_t local, uint64_t central, bool descriptor)
{
    return local == central || (descriptor && local == 0);
}

static enum envm_code compare_local(const struct file *file, struct entry *entry,
                                    const uint8_t *record, const uint8_t *tail)
{
    bool descriptor = entry->flags & FLAG_DESCRIPTOR;
    uint64_t offset = entry->local_offset;
    size_t name_len = get16(record + 26), extra_len = get16(record + 28);
    uint64_t stored = get32(record + 18), plain = get32(record + 22);
    const uint8_t *zip64 = NULL;
    size_t zip64_len = 0;

    if (!envm_str_equal(entry->member.name, envm_str_n((const char *)tail, name_len)))
        return odd(file, "local and central name differ", offset);
    ENVM_TRY(scan_extra(file, tail + name_len, extra_len, offset, &zip64, &zip64_len));
    uint64_t *const fields[3] = {if_full(&plain, zip64), if_full(&stored, zip64), NULL};
    ENVM_TRY(read_zip64_values(file, zip64, zip64_len, offset, fields, &plain));
    if (get16(record + 6) != entry->flags || get16(record + 8) != 0)
        return odd(file, "local and central flags or method differ", offset);
    if (!local_value_agrees(get32(record + 14), entry->member.crc32, descriptor))
        return odd(file, "local and central checksum differ", offset);
    if (!local_value_agrees(stored, entry->member.size, descriptor) ||
        !local_value_agrees(plain, entry->member.size, descriptor))
        return odd(file, "local and central size differ", offset);
    return ENVM_OK;
}

static enum envm_code read_local(const struct file *file, struct entry *entry, uint64_t limit)
{
    uint8_t record[LOCAL_SIZE];
    uint64_t tail_offset = entry->local_offset + LOCAL_SIZE;

    if (entry->local_offset > limit || limit - entry->local_offset < LOCAL_SIZE)
        return odd(file, "member outside the archive", entry->local_offset);
    ENVM_TRY(read_exactly(file, entry->local_offset, record, sizeof(record)));
    if (get32(record) != LOCAL_MAGIC)
        return odd(file, "no local header where the directory says", entry->local_offset);
    size_t tail_len = (size_t)get16(record + 26) + get16(record + 28);
    ENVM_CLEANUP(envm_heap) uint8_t *tail = envm_alloc(tail_len);

    ENVM_TRY(read_exactly(file, tail_offset, tail, tail_len));
    ENVM_TRY(compare_local(file, entry, record, tail));
    entry->member.offset = tail_offset + tail_len;
    if (entry->member.offset > limit || entry->member.size > limit - entry->member.offset)
        return odd(file, "member data reaches into what follows", entry->local_offset);
    entry->end = entry->member.offset + entry->member.size;
    return ENVM_OK;
}

/* The descriptor has an optional magic and 4- or 8-byte sizes; the one whose values agree counts.
 * Returns its length, 0 when none fits. */
static size_t descriptor_length(const struct envm_zip_member *member, const uint8_t *at,
                                size_t left)
{
    for (unsigned form = 0; form < 4; form++) {
        size_t magic = form < 2 ? 4 : 0;
        size_t width = form % 2 ? 8 : 4;
        size_t length = magic + 4 + 2 * width;

        if (left < length || (magic && get32(at) != DESCRIPTOR_MAGIC) ||
            get32(at + magic) != member->crc32)
            continue;
        const uint8_t *sizes = at + magic + 4;
        uint64_t stored = width == 8 ? get64(sizes) : get32(sizes);
        uint64_t plain = width == 8 ? get64(sizes + 8) : get32(sizes + 4);

        if (stored == member->size && plain == member->size)
            return length;
    }
    return 0;
}

/* Between the end of an entry's data and `next` there may be its descriptor, then zeros. */
static enum envm_code check_gap(const struct file *file, const struct entry *entry, uint64_t next)
{
    uint8_t bytes[24];
    size_t used = 0;

    if (entry->end > next)
        return odd(file, "members overlap", next);
    if (entry->flags & FLAG_DESCRIPTOR) {
        size_t len =
            next - entry->end < sizeof(bytes) ? (size_t)(next - entry->end) : sizeof(bytes);

        ENVM_TRY(read_exactly(file, entry->end, bytes, len));
        used = descriptor_length(&entry->member, bytes, len);
        if (used == 0)
            return odd(file, "data descriptor is missing or differs from the directory",
                       entry->end);
    }
    return expect_zeros(file, entry->end + used, next);
}

static int compare_offsets(const void *a, const void *b)
{
    const struct entry *left = a, *right = b;

    return left->local_offset < right->local_offset   ? -1
           : left->local_offset > right->local_offset ? 1
                                                      : 0;
}

/* The members must tile the file from its first byte to the directory. */
static enum envm_code check_layout(const struct file *file, struct entry *entries, size_t count,
                                   uint64_t directory_offset)
{
    qsort(entries, count, sizeof(*entries), compare_offsets);
    if (count > 0 && entries[0].local_offset != 0)
        return odd(file, "bytes before the first member", 0);
    for (size_t i = 0; i < count; i++) {
        uint64_t next = i + 1 < count ? entries[i + 1].local_offset : directory_offset;

        ENVM_TRY(read_local(file, &entries[i], directory_offset));
        ENVM_TRY(check_gap(file, &entries[i], next));
        for (size_t j = 0; j < i; j++)
            if (envm_str_equal(entries[j].member.name, entries[i].member.name))
                return odd(file, "two members of one name", entries[i].local_offset);
    }
    return ENVM_OK;
}

static bool agrees(uint64_t small, uint64_t full_value, uint64_t large)
{
    return small == full_value || small == large;
}

/* The zip64 end record, when the locator before the end record says there is one. */
static enum envm_code read_end64(const struct file *file, const uint8_t *end, uint64_t end_offset,
                                 struct directory *directory, uint64_t *ret_directory_end)
{
    uint8_t locator[LOCATOR_SIZE], record[END64_SIZE];
    uint64_t offset;

    ENVM_TRY(read_exactly(file, end_offset - LOCATOR_SIZE, locator, sizeof(locator)));
    offset = get64(locator + 8);
    if (get32(locator + 4) != 0 || get32(locator + 16) > 1)
        return odd(file, "split archive", end_offset - LOCATOR_SIZE);
    if (end_offset < LOCATOR_SIZE + END64_SIZE || offset != end_offset - LOCATOR_SIZE - END64_SIZE)
        return odd(file, "zip64 locator points elsewhere", end_offset - LOCATOR_SIZE);
    ENVM_TRY(read_exactly(file, offset, record, sizeof(record)));
    if (get32(record) != END64_MAGIC || get64(record + 4) != END64_SIZE - 12)
        return odd(file, "bad zip64 end record", offset);
    *directory = (struct directory){
        .count = get64(record + 32), .size = get64(record + 40), .offset = get64(record + 48)};
    if (get32(record + 16) != 0 || get32(record + 20) != 0 ||
        get64(record + 24) != directory->count)
        return odd(file, "split archive", offset);
    if (!agrees(get16(end + 10), 0xffff, directory->count) ||
        !agrees(get32(end + 12), FULL32, directory->size) ||
        !agrees(get32(end + 16), FULL32, directory->offset))
        return odd(file, "the two end records differ", offset);
    *ret_directory_end = offset;
    return ENVM_OK;
}

static bool has_locator(const struct file *file, uint64_t end_offset)
{
    uint8_t magic[4];

    return end_offset >= LOCATOR_SIZE &&
           read_exactly(&(struct file){file->fd, file->size, file->name, NULL},
                        end_offset - LOCATOR_SIZE, magic, sizeof(magic)) == ENVM_OK &&
           get32(magic) == LOCATOR_MAGIC;
}

static enum envm_code read_end(const struct file *file, struct directory *ret_directory)
{
    uint8_t end[END_SIZE];
    uint64_t offset = file->size - END_SIZE;
    uint64_t directory_end = offset;

    if (file->size < END_SIZE)
        return odd(file, "too short for a ZIP archive", file->size);
    ENVM_TRY(read_exactly(file, offset, end, sizeof(end)));
    if (get32(end) != END_MAGIC || get16(end + 20) != 0)
        return odd(file, "it does not end in a ZIP end record without comment (cut short?)",
                   offset);
    *ret_directory = (struct directory){
        .count = get16(end + 10), .size = get32(end + 12), .offset = get32(end + 16)};
    if (get16(end + 4) != 0 || get16(end + 6) != 0 || get16(end + 8) != get16(end + 10))
        return odd(file, "split archive", offset);
    if (has_locator(file, offset))
        ENVM_TRY(read_end64(file, end, offset, ret_directory, &directory_end));
    if (ret_directory->count > ENVM_ZIP_MEMBERS_MAX || ret_directory->size > DIRECTORY_MAX)
        return odd(file, "too many members for a .conda archive", offset);
    if (ret_directory->offset > directory_end ||
        directory_end - ret_directory->offset != ret_directory->size)
        return odd(file, "the directory is not where the end record says", offset);
    return ENVM_OK;
}

enum envm_code envm_zip_open(struct envm_arena *arena, int fd, uint64_t file_size, const char *name,
                             struct envm_zip *ret_zip, struct envm_error *err)
{
    const struct file file = {fd, file_size, name, err};
    struct directory directory = {0};
    struct entry entries[ENVM_ZIP_MEMBERS_MAX];
    size_t at = 0;

    ENVM_TRY(read_end(&file, &directory));
    ENVM_CLEANUP(envm_heap) uint8_t *bytes = envm_alloc((size_t)directory.size);

    ENVM_TRY(read_exactly(&file, directory.offset, bytes, (size_t)directory.size));
    for (size_t i = 0; i < directory.count; i++) {
        size_t used = 0;

        ENVM_TRY(read_central(&file, arena, bytes + at, (size_t)directory.size - at,
                              directory.offset + at, &entries[i], &used));
        at += used;
    }
    if (at != directory.size)
        return odd(&file, "the directory holds more than its members", directory.offset + at);
    if (directory.count == 0)
        return odd(&file, "no members", 0);
    ENVM_TRY(check_layout(&file, entries, (size_t)directory.count, directory.offset));

    ret_zip->count = (size_t)directory.count;
    ret_zip->members = envm_arena_new_array(arena, struct envm_zip_member, ret_zip->count);
    for (size_t i = 0; i < ret_zip->count; i++)
        ret_zip->members[i] = entries[i].member;
    return ENVM_OK;
}

/* Eight tables let the loop take eight bytes at a time ("slicing by 8"). */
struct crc_tables {
    uint32_t t[8][256];
};

static void make_crc_tables(struct crc_tables *tables)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t value = i;

        for (unsigned bit = 0; bit < 8; bit++)
            value = value & 1U ? 0xedb88320U ^ value >> 1 : value >> 1;
        tables->t[0][i] = value;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (unsigned k = 1; k < 8; k++)
            tables->t[k][i] = tables->t[k - 1][i] >> 8 ^ tables->t[0][tables->t[k - 1][i] & 0xffU];
}

static uint32_t crc_update(const struct crc_tables *tables, uint32_t crc, const uint8_t *at,
                           size_t len)
{
    const uint32_t(*t)[256] = tables->t;

    for (; len >= 8; at += 8, len -= 8) {
        uint32_t low = crc ^ get32(at), high = get32(at + 4);

        crc = t[7][low & 0xff] ^ t[6][low >> 8 & 0xff] ^ t[5][low >> 16 & 0xff] ^ t[4][low >> 24] ^
              t[3][high & 0xff] ^ t[2][high >> 8 & 0xff] ^ t[1][high >> 16 & 0xff] ^
              t[0][high >> 24];
    }
    for (; len > 0; at++, len--)
        crc = crc >> 8 ^ t[0][(crc ^ *at) & 0xff];
    return crc;
}

enum envm_code envm_zip_check(int fd, const struct envm_zip_member *member, const char *name,
                              struct envm_error *err)
{
    const struct file file = {fd, member->offset + member->size, name, err};
    ENVM_CLEANUP(envm_heap) struct crc_tables *tables = envm_alloc(sizeof(*tables));
    ENVM_CLEANUP(envm_heap) uint8_t *chunk = envm_alloc(CHUNK);
    uint32_t crc = FULL32;

    make_crc_tables(tables);
    for (uint64_t done = 0; done < member->size;) {
        size_t len = member->size - done < CHUNK ? (size_t)(member->size - done) : CHUNK;

        ENVM_TRY(read_exactly(&file, member->offset + done, chunk, len));
        crc = crc_update(tables, crc, chunk, len);
        done += len;
    }
    if ((crc ^ FULL32) != member->crc32)
        return odd(&file, "member data does not match its checksum", member->offset);
    return ENVM_OK;
}
