/* SPDX-License-Identifier: MIT */
#include "store/package_manifest.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/vec.h"
#include "codec/digest.h"
#include "conda/package_record.h"

#define HEADER "envm package manifest 1"
#define PATH_FIELDS 16
#define CHECKSUM_LINE (7 + 64 + 1) /* "sha256\t", the digits, "\n" */

static const char type_letters[] = {
    [ENVM_PATH_FILE] = 'f', [ENVM_PATH_SYMLINK] = 'l', [ENVM_PATH_DIRECTORY] = 'd'};
static const char mode_letters[] = {
    [ENVM_MODE_NONE] = '-', [ENVM_MODE_TEXT] = 't', [ENVM_MODE_BINARY] = 'b'};
static const char *const noarch_names[] = {
    [ENVM_NOARCH_NO] = "no", [ENVM_NOARCH_GENERIC] = "generic", [ENVM_NOARCH_PYTHON] = "python"};

/* --- writing -------------------------------------------------------------------------------- */

static void add_digest(struct envm_buf *out, const struct envm_sha256 *digest)
{
    envm_buf_printf(out, "\t%s", digest->known ? envm_sha256_hex(digest).text : "-");
}

static void add_path(struct envm_buf *out, const struct envm_package_path *path, bool listed)
{
    envm_buf_printf(out, "path\t%c\t%c\t%c\t%llu", type_letters[path->type], listed ? 'L' : 'U',
                    path->executable ? 'x' : '-', (unsigned long long)path->size);
    add_digest(out, &path->sha256);
    envm_buf_printf(out, "\t%lld\t%u\t%llu\t%o\t%c", (long long)path->mtime_s, path->mtime_ns,
                    (unsigned long long)path->inode, path->mode, path->no_link ? 'n' : '-');
    add_digest(out, &path->listed_sha256);
    if (path->has_listed_size)
        envm_buf_printf(out, "\t%llu", (unsigned long long)path->listed_size);
    else
        envm_buf_add_cstr(out, "\t-");
    envm_buf_printf(out, "\t%c\t%.*s\t%.*s\t%.*s\n", mode_letters[path->file_mode],
                    ENVM_STR_ARGS(path->placeholder), ENVM_STR_ARGS(path->link_target),
                    ENVM_STR_ARGS(path->path.s));
}

static void add_list(struct envm_buf *out, const char *key, struct envm_str_list list)
{
    for (size_t i = 0; i < list.count; i++)
        envm_buf_printf(out, "%s\t%.*s\n", key, ENVM_STR_ARGS(list.items[i]));
}

static void add_index(struct envm_buf *out, const struct envm_package_record *index)
{
    struct envm_json_writer w;

    envm_buf_add_cstr(out, "index\t");
    envm_json_writer_init(&w, out, 0);
    envm_json_open_object(&w);
    envm_package_record_write_fields(&w, index);
    envm_json_close_object(&w);
    envm_buf_add_byte(out, '\n');
}

/* What would break the form of the manifest is left out. */
static bool is_one_field(envm_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 || text.ptr[i] == 0x7f)
            return false;
    return text.len > 0;
}

void envm_manifest_write(const struct envm_manifest *manifest, struct envm_buf *out)
{
    const struct envm_package_contents *contents = &manifest->contents;
    struct envm_sha256 checksum;

    envm_buf_clear(out);
    envm_buf_printf(out, HEADER "\narchive\t%s\t%s\t%llu\n",
                    envm_sha256_hex(&manifest->sha256).text,
                    manifest->md5.known ? envm_md5_hex(&manifest->md5).text : "-",
                    (unsigned long long)manifest->archive_size);
    envm_buf_printf(out, "digest\t%s\nnoarch\t%s\n", envm_sha256_hex(&contents->digest).text,
                    noarch_names[contents->noarch]);
    envm_buf_printf(out, "checked\t%lld\n", (long long)manifest->checked);
    if (is_one_field(manifest->boot))
        envm_buf_printf(out, "boot\t%.*s\n", ENVM_STR_ARGS(manifest->boot));
    if (is_one_field(manifest->url))
        envm_buf_printf(out, "url\t%.*s\n", ENVM_STR_ARGS(manifest->url));
    add_index(out, manifest->index);
    add_list(out, "entry-point", contents->entry_points);
    add_list(out, "link-script", contents->link_scripts);
    for (size_t i = 0; i < contents->path_count; i++)
        add_path(out, &contents->paths[i], true);
    for (size_t i = 0; i < manifest->other_count; i++)
        add_path(out, &manifest->others[i], false);
    checksum = envm_sha256_of(envm_buf_str(out));
    envm_buf_printf(out, "sha256\t%s\n", envm_sha256_hex(&checksum).text);
}

/* --- reading -------------------------------------------------------------------------------- */

struct reading {
    struct envm_arena *arena;
    struct envm_manifest *manifest;
    ENVM_VEC(struct envm_package_path) paths, others;
    ENVM_VEC(envm_str) entry_points, link_scripts;
};

static void release_reading(struct reading *reading)
{
    envm_vec_release(&reading->paths);
    envm_vec_release(&reading->others);
    envm_vec_release(&reading->entry_points);
    envm_vec_release(&reading->link_scripts);
}
ENVM_DEFINE_CLEANUP(reading, struct reading, release_reading)

static bool letter_index(const char *letters, size_t count, envm_str text, unsigned *ret_index)
{
    for (size_t i = 0; i < count; i++)
        if (text.len == 1 && letters[i] == text.ptr[0]) {
            *ret_index = (unsigned)i;
            return true;
        }
    return false;
}

static bool flag(envm_str text, char set, bool *ret_value)
{
    *ret_value = text.len == 1 && text.ptr[0] == set;
    return *ret_value || envm_str_equal_c(text, "-") || (set == 'L' && envm_str_equal_c(text, "U"));
}

static bool optional_digest(envm_str text, struct envm_sha256 *ret_digest)
{
    return envm_str_equal_c(text, "-") || envm_sha256_parse(text, ret_digest);
}

static bool parse_u32(envm_str text, uint32_t *ret_value)
{
    uint64_t value = 0;

    if (!envm_str_parse_u64(text, &value) || value > UINT32_MAX)
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

static bool parse_octal(envm_str text, uint32_t *ret_value)
{
    uint32_t value = 0;

    if (text.len == 0 || text.len > 5)
        return false;
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] < '0' || text.ptr[i] > '7')
            return false;
        value = value * 8 + (uint32_t)(text.ptr[i] - '0');
    }
    *ret_value = value;
    return true;
}

/* Times before 1970 do not come from a package, but a user may set one. */
static bool parse_time(envm_str text, int64_t *ret_value)
{
    bool negative = envm_str_starts_with(text, ENVM_STR("-"));
    uint64_t value = 0;

    if (!envm_str_parse_u64(envm_str_skip(text, negative), &value) || value > INT64_MAX)
        return false;
    *ret_value = negative ? -(int64_t)value : (int64_t)value;
    return true;
}

static bool parse_path_fields(const envm_str *f, struct envm_package_path *path, bool *ret_listed)
{
    unsigned type = 0, mode = 0;
    bool ok = letter_index(type_letters, sizeof(type_letters), f[0], &type) &&
              letter_index(mode_letters, sizeof(mode_letters), f[12], &mode) &&
              flag(f[1], 'L', ret_listed) && flag(f[2], 'x', &path->executable) &&
              envm_str_parse_u64(f[3], &path->size) && optional_digest(f[4], &path->sha256) &&
              parse_time(f[5], &path->mtime_s) && parse_u32(f[6], &path->mtime_ns) &&
              envm_str_parse_u64(f[7], &path->inode) && parse_octal(f[8], &path->mode) &&
              flag(f[9], 'n', &path->no_link) && optional_digest(f[10], &path->listed_sha256);

    path->type = (enum envm_path_type)type;
    path->file_mode = (enum envm_file_mode)mode;
    path->has_listed_size = !envm_str_equal_c(f[11], "-");
    if (path->has_listed_size)
        ok = ok && envm_str_parse_u64(f[11], &path->listed_size);
    return ok && (path->type != ENVM_PATH_FILE || path->sha256.known) &&
           (path->type == ENVM_PATH_SYMLINK) == (f[14].len > 0);
}

static bool read_path(struct reading *reading, envm_str rest)
{
    struct envm_package_path path = {0};
    envm_str fields[PATH_FIELDS];
    bool listed = false;

    for (size_t i = 0; i < PATH_FIELDS; i++)
        if (!envm_str_split_next(&rest, '\t', &fields[i]))
            return false;
    if (rest.ptr || !parse_path_fields(fields, &path, &listed) ||
        envm_relpath_parse(reading->arena, fields[15], &path.path, NULL) != ENVM_OK)
        return false;
    path.placeholder = envm_arena_str(reading->arena, fields[13]);
    path.link_target = envm_arena_str(reading->arena, fields[14]);
    if (listed)
        envm_vec_push(&reading->paths, path);
    else
        envm_vec_push(&reading->others, path);
    if (listed && path.type == ENVM_PATH_FILE)
        reading->manifest->contents.total_size += path.size;
    return true;
}

static bool read_archive_line(struct envm_manifest *manifest, envm_str rest)
{
    envm_str sha256, md5, size;

    return envm_str_split_next(&rest, '\t', &sha256) && envm_str_split_next(&rest, '\t', &md5) &&
           envm_str_split_next(&rest, '\t', &size) && !rest.ptr &&
           envm_sha256_parse(sha256, &manifest->sha256) &&
           (envm_str_equal_c(md5, "-") || envm_md5_parse(md5, &manifest->md5)) &&
           envm_str_parse_u64(size, &manifest->archive_size);
}

static bool read_noarch(struct envm_manifest *manifest, envm_str text)
{
    for (unsigned i = 0; i < sizeof(noarch_names) / sizeof(noarch_names[0]); i++)
        if (envm_str_equal_c(text, noarch_names[i])) {
            manifest->contents.noarch = (enum envm_noarch)i;
            return true;
        }
    return false;
}

static bool read_index(struct reading *reading, envm_str json)
{
    struct envm_package_record record = {0};
    struct envm_json_reader r;
    const char *fault = NULL;

    envm_json_init(&r, json);
    envm_package_record_read(&r, reading->arena, &record, &fault);
    if (fault || envm_json_end(&r, NULL) != ENVM_OK || reading->manifest->index)
        return false;
    reading->manifest->index = envm_package_record_copy(reading->arena, &record);
    return true;
}

static bool read_line(struct reading *reading, envm_str line)
{
    struct envm_manifest *manifest = reading->manifest;
    envm_str key, rest = line;

    if (!envm_str_split_next(&rest, '\t', &key) || !rest.ptr)
        return false;
    if (envm_str_equal_c(key, "path"))
        return read_path(reading, rest);
    if (envm_str_equal_c(key, "entry-point"))
        envm_vec_push(&reading->entry_points, envm_arena_str(reading->arena, rest));
    else if (envm_str_equal_c(key, "link-script"))
        envm_vec_push(&reading->link_scripts, envm_arena_str(reading->arena, rest));
    else if (envm_str_equal_c(key, "archive"))
        return read_archive_line(manifest, rest);
    else if (envm_str_equal_c(key, "checked"))
        return parse_time(rest, &manifest->checked);
    else if (envm_str_equal_c(key, "boot"))
        manifest->boot = envm_arena_str(reading->arena, rest);
    else if (envm_str_equal_c(key, "url"))
        manifest->url = envm_arena_str(reading->arena, rest);
    else if (envm_str_equal_c(key, "digest"))
        return envm_sha256_parse(rest, &manifest->contents.digest);
    else if (envm_str_equal_c(key, "noarch"))
        return read_noarch(manifest, rest);
    else if (envm_str_equal_c(key, "index"))
        return read_index(reading, rest);
    else
        return false;
    return true;
}

/* Cuts the checksum line off; false when it does not hold. */
static bool check_sum(envm_str text, envm_str *ret_body)
{
    struct envm_sha256 claimed = {0}, actual;
    envm_str line;

    if (text.len < CHECKSUM_LINE)
        return false;
    *ret_body = envm_str_slice(text, 0, text.len - CHECKSUM_LINE);
    line = envm_str_skip(text, ret_body->len);
    actual = envm_sha256_of(*ret_body);
    return envm_str_starts_with(line, ENVM_STR("sha256\t")) && line.ptr[line.len - 1] == '\n' &&
           envm_sha256_parse(envm_str_slice(line, 7, line.len - 1), &claimed) &&
           envm_sha256_equal(&claimed, &actual);
}

#define MOVE_TO_ARENA(arena, vec, type)                                                            \
    ((vec).count ? envm_arena_copy((arena), (vec).items, (vec).count * sizeof(type)) : NULL)

static void finish_reading(struct reading *reading)
{
    struct envm_package_contents *contents = &reading->manifest->contents;

    contents->paths = MOVE_TO_ARENA(reading->arena, reading->paths, struct envm_package_path);
    contents->path_count = reading->paths.count;
    contents->entry_points =
        (struct envm_str_list){MOVE_TO_ARENA(reading->arena, reading->entry_points, envm_str),
                               reading->entry_points.count};
    contents->link_scripts =
        (struct envm_str_list){MOVE_TO_ARENA(reading->arena, reading->link_scripts, envm_str),
                               reading->link_scripts.count};
    reading->manifest->others =
        MOVE_TO_ARENA(reading->arena, reading->others, struct envm_package_path);
    reading->manifest->other_count = reading->others.count;
}

enum envm_code envm_manifest_read(struct envm_arena *arena, envm_str text,
                                  struct envm_manifest *ret_manifest, struct envm_error *err)
{
    struct envm_manifest manifest = {0};
    ENVM_CLEANUP(reading) struct reading reading = {.arena = arena, .manifest = &manifest};
    envm_str body = {0}, line;
    size_t number = 1;

    if (!check_sum(text, &body))
        return envm_fail(err, ENVM_DAMAGED, "the manifest does not match its own checksum");
    if (!envm_str_split_next(&body, '\n', &line) || !envm_str_equal_c(line, HEADER))
        return envm_fail(err, ENVM_DAMAGED, "not a manifest that this version can read");
    while (envm_str_split_next(&body, '\n', &line)) {
        number++;
        if (line.len == 0 && (!body.ptr || body.len == 0))
            break;
        if (!read_line(&reading, line))
            return envm_fail(err, ENVM_DAMAGED, "manifest, line %zu: cannot be read", number);
    }
    if (!manifest.sha256.known || !manifest.contents.digest.known || !manifest.index)
        return envm_fail(err, ENVM_DAMAGED, "the manifest is incomplete");
    finish_reading(&reading);
    *ret_manifest = manifest;
    return ENVM_OK;
}
