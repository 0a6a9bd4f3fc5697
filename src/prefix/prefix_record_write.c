/* SPDX-License-Identifier: MIT */
#include "prefix/prefix_record.h"

#include "base/hex.h"
#include "base/utf8.h"
#include "base/error.h"
#include "codec/digest.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "conda/package_record.h"
#include "prefix/prefix_record_scripts.h"

static const char *path_type_name(const struct envm_prefix_path *path)
{
    if (path->generated)
        return "unix_python_entry_point";
    switch (path->type) {
    case ENVM_PATH_SYMLINK:
        return "softlink";
    case ENVM_PATH_DIRECTORY:
        return "directory";
    case ENVM_PATH_FILE:
        break;
    }
    return "hardlink";
}

static void write_sha256(struct envm_json_writer *w, const char *key,
                         const struct envm_sha256 *digest)
{
    if (digest->known)
        envm_json_field_cstr(w, key, envm_sha256_hex(digest).text);
}

static void write_offsets(struct envm_json_writer *w, const struct envm_replacements *replaced,
                          enum envm_text_encoding encoding)
{
    bool open = false;

    for (size_t i = 0; i < replaced->count; i++) {
        if (replaced->items[i].encoding != encoding)
            continue;
        if (!open) {
            envm_json_key(w, envm_encoding_name(encoding));
            envm_json_open_array(w);
            open = true;
        }
        envm_json_put_u64(w, replaced->items[i].offset);
    }
    if (open)
        envm_json_close_array(w);
}

/* What conda's format has no place for; see docs/internals/TREE-DIGEST.md. */
static void write_own_keys(struct envm_json_writer *w, const struct envm_prefix_path *path)
{
    const struct envm_replacements *replaced = &path->replaced;
    bool is_link = path->type == ENVM_PATH_SYMLINK;

    if (!path->executable && !is_link && replaced->count == 0 && replaced->shebang.len == 0)
        return;
    envm_json_key(w, "envm");
    envm_json_open_object(w);
    if (path->executable)
        envm_json_field_bool(w, "executable", true);
    if (is_link && envm_utf8_is_valid(path->link_target))
        envm_json_field_str(w, "link", path->link_target);
    if (replaced->shebang.len > 0)
        envm_json_field_str(w, "shebang", replaced->shebang);
    if (replaced->count > 0) {
        envm_json_key(w, "offsets");
        envm_json_open_object(w);
        for (int i = 0; i < ENVM_ENCODING_COUNT; i++)
            write_offsets(w, replaced, (enum envm_text_encoding)i);
        envm_json_close_object(w);
    }
    envm_json_close_object(w);
}

static void write_path(struct envm_json_writer *w, const struct envm_prefix_path *path)
{
    bool is_link = path->type == ENVM_PATH_SYMLINK;

    envm_json_open_object(w);
    envm_json_field_str(w, "_path", path->path.s);
    write_own_keys(w, path);
    if (path->file_mode != ENVM_MODE_NONE) {
        envm_json_field_cstr(w, "file_mode", path->file_mode == ENVM_MODE_TEXT ? "text" : "binary");
        envm_json_field_str(w, "prefix_placeholder", path->placeholder);
    }
    if (path->no_link)
        envm_json_field_bool(w, "no_link", true);
    envm_json_field_cstr(w, "path_type", path_type_name(path));
    if (path->type != ENVM_PATH_DIRECTORY) {
        write_sha256(w, "sha256", is_link ? &path->listed_sha256 : &path->sha256);
        write_sha256(w, "sha256_in_prefix",
                     is_link ? &path->listed_sha256 : &path->sha256_in_prefix);
    }
    if (is_link && path->has_listed_size)
        envm_json_field_u64(w, "size_in_bytes", path->listed_size);
    else if (path->type == ENVM_PATH_FILE)
        envm_json_field_u64(w, "size_in_bytes", path->size);
    envm_json_close_object(w);
}

/* CEP 32: the URL of the channel without the subdir. */
static envm_str channel_url(const struct envm_package_record *record)
{
    envm_str url = record->url;
    size_t tail = record->file_name.len + record->subdir.len + 2;

    if (url.len > tail && envm_str_ends_with(url, record->file_name) &&
        envm_str_ends_with(envm_str_slice(url, 0, url.len - record->file_name.len - 1),
                           record->subdir))
        return envm_str_slice(url, 0, url.len - tail);
    return record->channel;
}

static void write_paths(struct envm_json_writer *w, const struct envm_prefix_record *record)
{
    envm_json_key(w, "files");
    envm_json_open_array(w);
    for (size_t i = 0; i < record->path_count; i++)
        envm_json_put_str(w, record->paths[i].path.s);
    envm_json_close_array(w);

    envm_json_key(w, "paths_data");
    envm_json_open_object(w);
    envm_json_key(w, "paths");
    envm_json_open_array(w);
    for (size_t i = 0; i < record->path_count; i++)
        write_path(w, &record->paths[i]);
    envm_json_close_array(w);
    envm_json_field_u64(w, "paths_version", 1);
    envm_json_close_object(w);
}

#define CHECKSUM_DIGITS 64
static const char no_checksum[] =
    "0000000000000000000000000000000000000000000000000000000000000000";

/* Puts the digest of the text over the zeros at `at`. */
static void seal(struct envm_buf *out, size_t at)
{
    struct envm_sha256 sum;

    if (out->overflowed)
        return;
    sum = envm_sha256_of(envm_buf_str(out));
    memcpy(out->ptr + at, envm_sha256_hex(&sum).text, CHECKSUM_DIGITS);
}

/* The same for a text that has another checksum already, somewhere in the last `len` bytes. */
static size_t clear_checksum(struct envm_buf *out, size_t len)
{
    envm_str key = ENVM_STR("\"checksum\": \"");
    envm_str value = envm_str_skip(envm_buf_str(out), out->len - len);
    size_t at = envm_str_find(value, key);

    if (out->overflowed || at == SIZE_MAX || value.len - at < key.len + CHECKSUM_DIGITS)
        return 0;
    at += out->len - len + key.len;
    memcpy(out->ptr + at, no_checksum, CHECKSUM_DIGITS);
    return at;
}

void envm_prefix_record_write(const struct envm_prefix_record *record, struct envm_buf *out)
{
    struct envm_json_writer writer;
    struct envm_json_writer *w = &writer;
    size_t checksum_end;

    envm_json_writer_init(w, out, 2);
    envm_json_open_object(w);
    envm_json_field_str(w, "channel", channel_url(record->record));
    envm_package_record_write_fields(w, record->record);
    envm_json_key(w, "envm");
    envm_json_open_object(w);
    envm_json_field_str(w, "channel", record->record->channel);
    envm_json_field_str(w, "digest", record->package_digest);
    if (record->lost.count > 0)
        envm_json_field_list(w, "lost", record->lost);
    envm_prefix_record_write_scripts(w, record);
    envm_json_field_cstr(w, "checksum", no_checksum);
    checksum_end = out->len;
    envm_json_close_object(w);
    envm_json_field_str(w, "extracted_package_dir", record->link_source);
    envm_json_field_str(w, "fn", record->record->file_name);
    envm_json_key(w, "link");
    envm_json_open_object(w);
    envm_json_field_str(w, "source", record->link_source);
    envm_json_field_u64(w, "type", (uint64_t)record->link_type);
    envm_json_close_object(w);
    envm_json_field_str(w, "package_tarball_full_path", record->archive_path);
    if (record->requested_specs.count > 0)
        envm_json_field_str(w, "requested_spec", record->requested_specs.items[0]);
    envm_json_field_list(w, "requested_specs", record->requested_specs);
    envm_json_field_str(w, "url", record->record->url);
    write_paths(w, record);
    envm_json_close_object(w);
    envm_buf_add_byte(out, '\n');
    seal(out, checksum_end - 1 - CHECKSUM_DIGITS);
}

enum envm_code envm_prefix_record_path(struct envm_arena *arena,
                                       const struct envm_package_record *record,
                                       struct envm_relpath *ret_path, struct envm_error *err)
{
    envm_str file = envm_arena_printf(arena, "%.*s.json",
                                      ENVM_STR_ARGS(envm_package_record_stem(arena, record)));

    if (!envm_is_path_component(file))
        return envm_fail(err, ENVM_UNSAFE, "the package's name cannot be a file name");
    return envm_relpath_join(arena, ENVM_RELPATH("conda-meta"), file, ret_path, err);
}

enum envm_code envm_prefix_record_set_specs(envm_str json, struct envm_str_list specs,
                                            struct envm_buf *out, struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_json_reader reader;
    struct envm_json_writer writer;
    envm_str key;
    envm_str value;
    size_t checksum = 0;

    envm_json_init(&reader, json);
    envm_json_writer_init(&writer, out, 2);
    envm_json_open_object(&writer);
    envm_json_begin_object(&reader);
    while (envm_json_next_key(&reader, &arena, &key)) {
        if (!envm_json_skip(&reader, &value) || envm_str_equal_c(key, "requested_spec") ||
            envm_str_equal_c(key, "requested_specs"))
            continue;
        envm_json_key_str(&writer, key);
        envm_json_put_raw(&writer, value);
        if (envm_str_equal_c(key, "envm"))
            checksum = clear_checksum(out, value.len);
    }
    if (envm_json_end(&reader, err) != ENVM_OK) {
        if (err)
            err->code = ENVM_DAMAGED;
        return ENVM_DAMAGED;
    }
    if (specs.count > 0)
        envm_json_field_str(&writer, "requested_spec", specs.items[0]);
    envm_json_field_list(&writer, "requested_specs", specs);
    envm_json_close_object(&writer);
    envm_buf_add_byte(out, '\n');
    if (checksum > 0)
        seal(out, checksum);
    return ENVM_OK;
}

static bool is_same_digest(const struct envm_sha256 *a, const struct envm_sha256 *b, bool loose)
{
    return envm_sha256_equal(a, b) || (loose && (!a->known || !b->known));
}

bool envm_prefix_path_is_same(const struct envm_prefix_path *a, const struct envm_prefix_path *b,
                              bool loose)
{
    if (a->type != b->type)
        return false;
    if (a->type == ENVM_PATH_DIRECTORY)
        return true;
    if (a->type == ENVM_PATH_SYMLINK)
        return envm_str_equal(a->link_target, b->link_target) ||
               (loose && (a->link_target.len == 0 || b->link_target.len == 0));
    return (loose || a->executable == b->executable) && a->file_mode == b->file_mode &&
           envm_str_equal(a->placeholder, b->placeholder) &&
           is_same_digest(&a->sha256, &b->sha256, loose);
}
