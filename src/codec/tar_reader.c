/* SPDX-License-Identifier: MIT */
#include "codec/tar_reader.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/str.h"
#include "base/utf8.h"
#include "codec/tar_fields.h"

#define BLOCK ENVM_TAR_BLOCK
#define EXTENSION_MAX ((uint64_t)1 << 20)
#define SIZE_MAX_ACCEPTED ((uint64_t)1 << 60)
#define USTAR_SIZE_LIMIT ((uint64_t)1 << 33) /* eleven octal digits */

/* Offsets in a header block. */
enum {
    AT_NAME = 0,
    AT_MODE = 100,
    AT_SIZE = 124,
    AT_MTIME = 136,
    AT_TYPE = 156,
    AT_LINK = 157,
    AT_MAGIC = 257,
    AT_PREFIX = 345,
    AT_REST = 500,
};

/* What extension entries said about the next real one. */
struct extensions {
    envm_str gnu_path, gnu_link; /* 'L' and 'K' */
    envm_str pax_path, pax_link;
    bool has_pax, has_size, has_mtime;
    uint64_t size;
    int64_t mtime;
    uint32_t mtime_ns;
};

void envm_tar_init(struct envm_tar_reader *reader, envm_tar_source source, void *user,
                   const char *name)
{
    *reader = (struct envm_tar_reader){.source = source, .user = user, .name = name};
}

static enum envm_code refuse(const struct envm_tar_reader *reader, enum envm_code code,
                             envm_str path, const char *what, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    if (path.len > 0) {
        envm_buf_add_cstr(&shown, " \"");
        envm_buf_add_escaped(&shown, path, 256);
        envm_buf_add_cstr(&shown, "\"");
    }
    return envm_fail(err, code, "'%s', entry %llu%s: %s", reader->name,
                     (unsigned long long)reader->number, envm_buf_str(&shown).ptr, what);
}

static enum envm_code bad(const struct envm_tar_reader *reader, const char *what,
                          struct envm_error *err)
{
    return refuse(reader, ENVM_MALFORMED, (envm_str){0}, what, err);
}

/* Makes at least one byte available; *ret_end when the stream has none. */
static enum envm_code fill(struct envm_tar_reader *reader, bool *ret_end, struct envm_error *err)
{
    *ret_end = false;
    if (reader->available > 0)
        return ENVM_OK;
    ENVM_TRY(reader->source(reader->user, &reader->at, &reader->available, err));
    *ret_end = reader->available == 0;
    return ENVM_OK;
}

static void consume(struct envm_tar_reader *reader, size_t len)
{
    reader->at += len;
    reader->available -= len;
}

/* Copies exactly `len` bytes; *ret_got is less only at the end of the stream. */
static enum envm_code take(struct envm_tar_reader *reader, uint8_t *bytes, size_t len,
                           size_t *ret_got, struct envm_error *err)
{
    size_t got = 0;
    bool end = false;

    while (got < len) {
        ENVM_TRY(fill(reader, &end, err));
        if (end)
            break;
        size_t part = len - got < reader->available ? len - got : reader->available;

        memcpy(bytes + got, reader->at, part);
        consume(reader, part);
        got += part;
    }
    *ret_got = got;
    return ENVM_OK;
}

/* Eats what is left of the entry's data and the zeros that fill its last block. */
static enum envm_code skip_body(struct envm_tar_reader *reader, struct envm_error *err)
{
    bool end = false;

    while (reader->body_left > 0 || reader->padding_left > 0) {
        ENVM_TRY(fill(reader, &end, err));
        if (end)
            return bad(reader, "the archive is cut short", err);
        if (reader->body_left > 0) {
            size_t part = reader->body_left < reader->available ? (size_t)reader->body_left
                                                                : reader->available;

            consume(reader, part);
            reader->body_left -= part;
            continue;
        }
        size_t part =
            reader->padding_left < reader->available ? reader->padding_left : reader->available;

        if (!envm_tar_all_zero(reader->at, part))
            return bad(reader, "bytes hidden in the padding", err);
        consume(reader, part);
        reader->padding_left -= (unsigned)part;
    }
    return ENVM_OK;
}

static void begin_body(struct envm_tar_reader *reader, uint64_t size)
{
    reader->body_left = size;
    reader->padding_left = (unsigned)((BLOCK - size % BLOCK) % BLOCK);
}

/* After the first zero block nothing but zeros may come. */
static enum envm_code finish(struct envm_tar_reader *reader, struct envm_error *err)
{
    bool end = false;

    reader->ended = true;
    for (;;) {
        ENVM_TRY(fill(reader, &end, err));
        if (end)
            return ENVM_OK;
        if (!envm_tar_all_zero(reader->at, reader->available))
            return bad(reader, "data after the end of the archive", err);
        consume(reader, reader->available);
    }
}

/* --- extension entries -------------------------------------------------------------------- */

static enum envm_code read_extension(struct envm_tar_reader *reader, uint64_t size,
                                     struct envm_arena *arena, envm_str *ret_text,
                                     struct envm_error *err)
{
    size_t got = 0;

    if (size == 0 || size > EXTENSION_MAX)
        return bad(reader, "extension header of an unreasonable size", err);
    char *text = envm_arena_alloc(arena, (size_t)size + 1);

    ENVM_TRY(take(reader, (uint8_t *)text, (size_t)size, &got, err));
    if (got != size)
        return bad(reader, "the archive is cut short", err);
    begin_body(reader, size);
    reader->body_left = 0;
    *ret_text = envm_str_n(text, (size_t)size);
    return skip_body(reader, err);
}

static enum envm_code read_gnu_name(struct envm_tar_reader *reader, uint64_t size,
                                    struct envm_arena *arena, envm_str *name,
                                    struct envm_error *err)
{
    envm_str text;

    if (name->len > 0)
        return bad(reader, "two long names for one entry", err);
    ENVM_TRY(read_extension(reader, size, arena, &text, err));
    size_t end = envm_str_find_char(text, '\0');

    *name = envm_str_slice(text, 0, end);
    if (name->len == 0 ||
        !envm_tar_all_zero((const uint8_t *)text.ptr + name->len, text.len - name->len))
        return bad(reader, "bad long name", err);
    return ENVM_OK;
}

static enum envm_code set_once(struct envm_tar_reader *reader, envm_str *place, envm_str value,
                               struct envm_error *err)
{
    if (place->len > 0)
        return bad(reader, "PAX header gives a name twice", err);
    if (value.len == 0)
        return bad(reader, "PAX header with an empty name", err);
    *place = value;
    return ENVM_OK;
}

static enum envm_code apply_pax(struct envm_tar_reader *reader, struct extensions *ext,
                                envm_str key, envm_str value, struct envm_error *err)
{
    if (envm_str_equal_c(key, "path"))
        return set_once(reader, &ext->pax_path, value, err);
    if (envm_str_equal_c(key, "linkpath"))
        return set_once(reader, &ext->pax_link, value, err);
    if (envm_str_equal_c(key, "size")) {
        if (ext->has_size || !envm_str_parse_u64(value, &ext->size))
            return bad(reader, "bad size in a PAX header", err);
        ext->has_size = true;
    } else if (envm_str_equal_c(key, "mtime")) {
        if (!envm_tar_pax_time(value, &ext->mtime, &ext->mtime_ns))
            return bad(reader, "bad time in a PAX header", err);
        ext->has_mtime = true;
    } else if (envm_str_starts_with(key, ENVM_STR("GNU.sparse.")) ||
               envm_str_equal_c(key, "SCHILY.realsize")) {
        return refuse(reader, ENVM_UNSAFE, (envm_str){0}, "sparse file", err);
    } else if (envm_str_equal_c(key, "SCHILY.filetype")) {
        return bad(reader, "PAX header that changes the file type", err);
    }
    /* Owners, other times, attributes and comments are never applied. */
    return ENVM_OK;
}

static enum envm_code read_pax(struct envm_tar_reader *reader, uint64_t size, bool global,
                               struct envm_arena *arena, struct extensions *ext,
                               struct envm_error *err)
{
    struct extensions seen = {0};
    envm_str rest, key, value;

    if (!global && ext->has_pax)
        return bad(reader, "two PAX headers for one entry", err);
    ENVM_TRY(read_extension(reader, size, arena, &rest, err));
    while (rest.len > 0) {
        if (!envm_tar_pax_record(&rest, &key, &value))
            return bad(reader, "bad record in a PAX header", err);
        ENVM_TRY(apply_pax(reader, global ? &seen : ext, key, value, err));
    }
    if (seen.pax_path.len > 0 || seen.pax_link.len > 0 || seen.has_size)
        return bad(reader, "global PAX header with a name or size", err);
    ext->has_pax |= !global;
    return ENVM_OK;
}

/* --- entries ------------------------------------------------------------------------------ */

static envm_str field_text(const uint8_t *field, size_t max)
{
    const uint8_t *end = memchr(field, 0, max);

    return envm_str_n((const char *)field, end ? (size_t)(end - field) : max);
}

/* Only POSIX headers have the prefix field; GNU's keep times there, and v7 nothing. */
static enum envm_code header_name(struct envm_tar_reader *reader, const uint8_t *header,
                                  struct envm_arena *arena, envm_str *ret_name,
                                  struct envm_error *err)
{
    envm_str name = field_text(header + AT_NAME, 100);
    const uint8_t *magic = header + AT_MAGIC;

    *ret_name = envm_arena_str(arena, name);
    if (memcmp(magic,
               "ustar\0"
               "00",
               8) == 0) {
        envm_str prefix = field_text(header + AT_PREFIX, 155);

        if (!envm_tar_all_zero(header + AT_REST, BLOCK - AT_REST))
            return bad(reader, "unknown data at the end of a header", err);
        if (prefix.len > 0)
            *ret_name =
                envm_arena_printf(arena, "%.*s/%.*s", ENVM_STR_ARGS(prefix), ENVM_STR_ARGS(name));
        return ENVM_OK;
    }
    if (memcmp(magic, "ustar  \0", 8) == 0)
        return ENVM_OK;
    if (!envm_tar_all_zero(header + AT_MAGIC, BLOCK - AT_MAGIC))
        return bad(reader, "unknown header format", err);
    return ENVM_OK;
}

/* A long name replaces the header's, which may be a cut version of it; two long ones must agree. */
static enum envm_code pick_name(struct envm_tar_reader *reader, envm_str gnu, envm_str pax,
                                envm_str *name, struct envm_error *err)
{
    if (gnu.len > 0 && pax.len > 0 && !envm_str_equal(gnu, pax))
        return bad(reader, "GNU and PAX headers give two names", err);
    if (gnu.len > 0)
        *name = gnu;
    else if (pax.len > 0)
        *name = pax;
    return ENVM_OK;
}

/* Drops leading "./" and, for a directory, one trailing "/". "." becomes empty. */
static envm_str clean_name(envm_str name, bool directory)
{
    while (envm_str_starts_with(name, ENVM_STR("./")))
        name = envm_str_skip(name, 2);
    if (directory && envm_str_ends_with(name, ENVM_STR("/")))
        name = envm_str_slice(name, 0, name.len - 1);
    return directory && envm_str_equal_c(name, ".") ? ENVM_STR("") : name;
}

static enum envm_code parse_type(struct envm_tar_reader *reader, uint8_t letter, envm_str name,
                                 enum envm_archive_type *ret_type, struct envm_error *err)
{
    switch (letter) {
    case '0':
    case '\0':
        *ret_type = ENVM_ARCHIVE_FILE;
        return ENVM_OK;
    case '1':
        *ret_type = ENVM_ARCHIVE_HARDLINK;
        return ENVM_OK;
    case '2':
        *ret_type = ENVM_ARCHIVE_SYMLINK;
        return ENVM_OK;
    case '5':
        *ret_type = ENVM_ARCHIVE_DIRECTORY;
        return ENVM_OK;
    case '3':
    case '4':
        return refuse(reader, ENVM_UNSAFE, name, "device file", err);
    case '6':
        return refuse(reader, ENVM_UNSAFE, name, "FIFO", err);
    case '7':
    case 'D':
    case 'M':
    case 'V':
        return refuse(reader, ENVM_UNSAFE, name, "special entry (no file, directory or link)", err);
    case 'S':
        return refuse(reader, ENVM_UNSAFE, name, "sparse file", err);
    default:
        return refuse(reader, ENVM_MALFORMED, name, "unknown entry type", err);
    }
}

static enum envm_code set_link(struct envm_tar_reader *reader, struct envm_arena *arena,
                               envm_str text, struct envm_archive_entry *entry,
                               struct envm_error *err)
{
    const char *fault = envm_tar_link_text_fault(text);
    struct envm_relpath target;

    if (fault)
        return refuse(reader, text.len == 0 ? ENVM_MALFORMED : ENVM_UNSAFE, entry->path.s, fault,
                      err);
    if (entry->type == ENVM_ARCHIVE_SYMLINK) {
        entry->link_target = envm_arena_str(arena, text);
        return ENVM_OK;
    }
    ENVM_TRY_WRAP(envm_relpath_parse(arena, clean_name(text, false), &target, err), err,
                  "'%s', hard link \"%s\"", reader->name, entry->path.s.ptr);
    entry->link_target = target.s;
    return ENVM_OK;
}

/* The size that counts. Where PAX gives one, the header must say the same, or zero when the value
 * does not fit there: two readers that disagree on it would see two archives. */
static enum envm_code pick_size(struct envm_tar_reader *reader, const struct extensions *ext,
                                uint64_t in_header, struct envm_archive_entry *entry,
                                struct envm_error *err)
{
    uint64_t size = ext->has_size ? ext->size : in_header;
    bool agrees = size == in_header || (in_header == 0 && size >= USTAR_SIZE_LIMIT);

    if (!agrees)
        return refuse(reader, ENVM_MALFORMED, entry->path.s, "PAX and header give two sizes", err);
    if (size > SIZE_MAX_ACCEPTED)
        return refuse(reader, ENVM_MALFORMED, entry->path.s, "unreasonable size", err);
    if (size > 0 && entry->type != ENVM_ARCHIVE_FILE)
        return refuse(reader, ENVM_MALFORMED, entry->path.s, "link or directory with data", err);
    entry->size = size;
    return ENVM_OK;
}

static void set_times_and_mode(const uint8_t *header, const struct extensions *ext, uint64_t mode,
                               struct envm_archive_entry *entry)
{
    uint64_t seconds = 0;

    entry->executable = (mode & 0111) != 0;
    if (ext->has_mtime) {
        entry->mtime = ext->mtime;
        entry->mtime_ns = ext->mtime_ns;
    } else if (envm_tar_number(header + AT_MTIME, 12, &seconds)) {
        entry->mtime = seconds > ENVM_TAR_TIME_MAX ? ENVM_TAR_TIME_MAX : (int64_t)seconds;
    }
}

/* A real entry. *ret_entry stays NULL for the root directory, which says nothing. */
static enum envm_code read_entry(struct envm_tar_reader *reader, const uint8_t *header,
                                 uint64_t header_size, const struct extensions *ext,
                                 struct envm_arena *arena, struct envm_archive_entry **ret_entry,
                                 struct envm_error *err)
{
    struct envm_archive_entry *entry = envm_arena_new(arena, struct envm_archive_entry);
    envm_str name, link = envm_arena_str(arena, field_text(header + AT_LINK, 100));
    uint64_t mode = 0;

    ENVM_TRY(header_name(reader, header, arena, &name, err));
    ENVM_TRY(pick_name(reader, ext->gnu_path, ext->pax_path, &name, err));
    ENVM_TRY(pick_name(reader, ext->gnu_link, ext->pax_link, &link, err));
    ENVM_TRY(parse_type(reader, header[AT_TYPE], name, &entry->type, err));
    if (!envm_tar_number(header + AT_MODE, 8, &mode))
        return refuse(reader, ENVM_MALFORMED, name, "bad mode", err);
    entry->number = reader->number;
    bool is_directory = entry->type == ENVM_ARCHIVE_DIRECTORY;
    envm_str clean = clean_name(name, is_directory);

    if (!is_directory && envm_str_ends_with(clean, ENVM_STR("/")))
        return refuse(reader, ENVM_MALFORMED, name, "a file named like a directory", err);
    if (is_directory && name.len > 0 && clean.len == 0)
        return pick_size(reader, ext, header_size, entry, err);
    ENVM_TRY_WRAP(envm_relpath_parse(arena, clean, &entry->path, err), err, "'%s', entry %llu",
                  reader->name, (unsigned long long)reader->number);
    ENVM_TRY(pick_size(reader, ext, header_size, entry, err));
    if (entry->type == ENVM_ARCHIVE_SYMLINK || entry->type == ENVM_ARCHIVE_HARDLINK)
        ENVM_TRY(set_link(reader, arena, link, entry, err));
    set_times_and_mode(header, ext, mode, entry);
    begin_body(reader, entry->size);
    *ret_entry = entry;
    return ENVM_OK;
}

/* A header block that holds something; *ret_size is its size field. */
static enum envm_code read_header(struct envm_tar_reader *reader, uint8_t *header, bool *ret_end,
                                  uint64_t *ret_size, struct envm_error *err)
{
    size_t got = 0;

    ENVM_TRY(take(reader, header, BLOCK, &got, err));
    if (got < BLOCK)
        return bad(reader, got == 0 ? "the archive has no end" : "the archive is cut short", err);
    *ret_end = envm_tar_all_zero(header, BLOCK);
    if (*ret_end)
        return ENVM_OK;
    reader->number++;
    if (!envm_tar_checksum_is_right(header))
        return bad(reader, "bad header checksum", err);
    if (!envm_tar_number(header + AT_SIZE, 12, ret_size))
        return bad(reader, "bad size", err);
    return ENVM_OK;
}

enum envm_code envm_tar_next(struct envm_tar_reader *reader, struct envm_arena *arena,
                             struct envm_archive_entry **ret_entry, struct envm_error *err)
{
    struct extensions ext = {0};
    bool pending = false; /* an extension waits for its entry */
    uint8_t header[BLOCK];

    *ret_entry = NULL;
    while (!reader->ended && !*ret_entry) {
        bool end = false;
        uint64_t size = 0;

        ENVM_TRY(skip_body(reader, err));
        ENVM_TRY(read_header(reader, header, &end, &size, err));
        if (end && pending)
            return bad(reader, "extension header without an entry", err);
        if (end)
            return finish(reader, err);
        switch (header[AT_TYPE]) {
        case 'x':
        case 'g':
            ENVM_TRY(read_pax(reader, size, header[AT_TYPE] == 'g', arena, &ext, err));
            pending |= header[AT_TYPE] == 'x';
            continue;
        case 'L':
        case 'K':
            ENVM_TRY(read_gnu_name(reader, size, arena,
                                   header[AT_TYPE] == 'L' ? &ext.gnu_path : &ext.gnu_link, err));
            pending = true;
            continue;
        default:
            ENVM_TRY(read_entry(reader, header, size, &ext, arena, ret_entry, err));
            ext = (struct extensions){0};
            pending = false;
        }
    }
    return ENVM_OK;
}

enum envm_code envm_tar_read(struct envm_tar_reader *reader, const void **ret_bytes,
                             size_t *ret_size, struct envm_error *err)
{
    bool end = false;

    *ret_bytes = "";
    *ret_size = 0;
    if (reader->body_left == 0)
        return ENVM_OK;
    ENVM_TRY(fill(reader, &end, err));
    if (end)
        return bad(reader, "the archive is cut short", err);
    *ret_bytes = reader->at;
    *ret_size =
        reader->body_left < reader->available ? (size_t)reader->body_left : reader->available;
    consume(reader, *ret_size);
    reader->body_left -= *ret_size;
    return ENVM_OK;
}
