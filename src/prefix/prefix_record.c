/* SPDX-License-Identifier: MIT */
#include "prefix/prefix_record.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/vec.h"
#include "codec/digest.h"
#include "codec/json_reader.h"
#include "conda/channel.h"
#include "conda/package_record.h"
#include "prefix/prefix_record_scripts.h"

#define CHECKSUM_DIGITS 64

struct path_list {
    ENVM_VEC(struct envm_prefix_path) paths;
};

static void path_list_release(struct path_list *list)
{
    envm_vec_release(&list->paths);
}

struct record_reader {
    struct envm_json_reader json;
    struct envm_arena *arena;
    struct envm_prefix_record *record;
    struct path_list listed; /* paths_data */
    struct path_list files;  /* the plain list, for records without paths_data */
    envm_str checksum;       /* as written; points into the text */
    bool paths;              /* read the lists at all */
};

static bool read_text(struct record_reader *reader, envm_str *ret_text)
{
    if (envm_json_peek(&reader->json) == ENVM_JSON_STRING)
        return envm_json_string(&reader->json, reader->arena, ret_text);
    envm_json_skip(&reader->json, NULL); /* null, and what nobody needs */
    return false;
}

static void read_sha256(struct record_reader *reader, struct envm_sha256 *ret_digest)
{
    envm_str text = {0};

    if (read_text(reader, &text) && !envm_sha256_parse(text, ret_digest))
        envm_json_fail(&reader->json, "a sha256 that is not one");
}

static void read_path_name(struct record_reader *reader, struct envm_relpath *ret_path)
{
    envm_str text = {0};

    if (envm_json_string(&reader->json, reader->arena, &text) &&
        envm_relpath_parse(reader->arena, text, ret_path, NULL) != ENVM_OK)
        envm_json_fail(&reader->json, "a path that does not stay in the prefix");
}

static void read_path_type(struct record_reader *reader, struct envm_prefix_path *path)
{
    envm_str text = {0};

    if (!read_text(reader, &text))
        return;
    path->type = envm_str_equal_c(text, "softlink")    ? ENVM_PATH_SYMLINK
                 : envm_str_equal_c(text, "directory") ? ENVM_PATH_DIRECTORY
                                                       : ENVM_PATH_FILE;
    /* pyc_file, unix_python_entry_point, windows_python_entry_point_script, … */
    path->generated = envm_str_contains(text, ENVM_STR("_"));
}

static int compare_replacements(const void *a, const void *b)
{
    const struct envm_replacement *left = a;
    const struct envm_replacement *right = b;

    return left->offset < right->offset ? -1 : left->offset > right->offset;
}

static void read_offset_list(struct record_reader *reader, enum envm_text_encoding encoding,
                             struct envm_replacements *replaced)
{
    ENVM_VEC(struct envm_replacement) items = {0};
    struct envm_replacement *joined = NULL;
    size_t count = 0;
    uint64_t offset = 0;

    for (envm_json_begin_array(&reader->json); envm_json_next_element(&reader->json);) {
        if (envm_json_u64(&reader->json, &offset))
            envm_vec_push(&items, ((struct envm_replacement){offset, encoding}));
    }
    count = replaced->count + items.count;
    joined = envm_arena_new_array(reader->arena, struct envm_replacement, count);
    if (replaced->count > 0)
        memcpy(joined, replaced->items, replaced->count * sizeof(*joined));
    if (items.count > 0)
        memcpy(joined + replaced->count, items.items, items.count * sizeof(*joined));
    if (count > 1)
        qsort(joined, count, sizeof(*joined), compare_replacements);
    replaced->items = joined;
    replaced->count = count;
    envm_vec_release(&items);
}

static void read_offsets(struct record_reader *reader, struct envm_replacements *replaced)
{
    envm_str key;

    envm_json_begin_object(&reader->json);
    while (envm_json_next_key(&reader->json, reader->arena, &key)) {
        int encoding = 0;

        while (encoding < ENVM_ENCODING_COUNT &&
               !envm_str_equal_c(key, envm_encoding_name((enum envm_text_encoding)encoding)))
            encoding++;
        if (encoding < ENVM_ENCODING_COUNT)
            read_offset_list(reader, (enum envm_text_encoding)encoding, replaced);
        else
            envm_json_fail(&reader->json, "an unknown encoding");
    }
}

static void read_own_path_keys(struct record_reader *reader, struct envm_prefix_path *path)
{
    envm_str key;

    envm_json_begin_object(&reader->json);
    while (envm_json_next_key(&reader->json, reader->arena, &key)) {
        if (envm_str_equal_c(key, "executable"))
            envm_json_bool(&reader->json, &path->executable);
        else if (envm_str_equal_c(key, "link"))
            envm_json_string(&reader->json, reader->arena, &path->link_target);
        else if (envm_str_equal_c(key, "shebang"))
            envm_json_string(&reader->json, reader->arena, &path->replaced.shebang);
        else if (envm_str_equal_c(key, "offsets"))
            read_offsets(reader, &path->replaced);
        else
            envm_json_skip(&reader->json, NULL);
    }
}

static void read_path_key(struct record_reader *reader, envm_str key, struct envm_prefix_path *path)
{
    struct envm_json_reader *json = &reader->json;
    envm_str text = {0};

    if (envm_str_equal_c(key, "_path")) {
        read_path_name(reader, &path->path);
    } else if (envm_str_equal_c(key, "path_type")) {
        read_path_type(reader, path);
    } else if (envm_str_equal_c(key, "prefix_placeholder")) {
        read_text(reader, &path->placeholder);
    } else if (envm_str_equal_c(key, "file_mode")) {
        read_text(reader, &text);
        path->file_mode = envm_str_equal_c(text, "binary") ? ENVM_MODE_BINARY : ENVM_MODE_TEXT;
    } else if (envm_str_equal_c(key, "no_link")) {
        envm_json_bool(json, &path->no_link);
    } else if (envm_str_equal_c(key, "sha256")) {
        read_sha256(reader, &path->sha256);
    } else if (envm_str_equal_c(key, "sha256_in_prefix")) {
        read_sha256(reader, &path->sha256_in_prefix);
    } else if (envm_str_equal_c(key, "size_in_bytes") && envm_json_peek(json) == ENVM_JSON_NUMBER) {
        envm_json_u64(json, &path->size);
        path->has_listed_size = true;
    } else if (envm_str_equal_c(key, "envm")) {
        read_own_path_keys(reader, path);
    } else {
        envm_json_skip(json, NULL);
    }
}

static void read_path(struct record_reader *reader)
{
    struct envm_prefix_path path = {0};
    envm_str key;

    envm_json_begin_object(&reader->json);
    while (envm_json_next_key(&reader->json, reader->arena, &key))
        read_path_key(reader, key, &path);
    if (path.path.s.len == 0)
        envm_json_fail(&reader->json, "an entry of paths_data without a path");
    if (path.placeholder.len == 0)
        path.file_mode = ENVM_MODE_NONE;
    else if (path.file_mode == ENVM_MODE_NONE)
        path.file_mode = ENVM_MODE_TEXT; /* CEP 34: the default */
    if (path.type == ENVM_PATH_SYMLINK) {
        path.listed_sha256 = path.sha256;
        path.listed_size = path.size;
        path.sha256 = path.sha256_in_prefix = (struct envm_sha256){0};
        path.size = 0;
    }
    envm_vec_push(&reader->listed.paths, path);
}

static void read_paths_data(struct record_reader *reader)
{
    envm_str key;

    if (!reader->paths || envm_json_peek(&reader->json) != ENVM_JSON_OBJECT) {
        envm_json_skip(&reader->json, NULL);
        return;
    }
    envm_json_begin_object(&reader->json);
    while (envm_json_next_key(&reader->json, reader->arena, &key)) {
        if (!envm_str_equal_c(key, "paths")) {
            envm_json_skip(&reader->json, NULL);
            continue;
        }
        for (envm_json_begin_array(&reader->json); envm_json_next_element(&reader->json);)
            read_path(reader);
    }
}

static void read_files(struct record_reader *reader)
{
    if (!reader->paths || envm_json_peek(&reader->json) != ENVM_JSON_ARRAY) {
        envm_json_skip(&reader->json, NULL);
        return;
    }
    for (envm_json_begin_array(&reader->json); envm_json_next_element(&reader->json);) {
        struct envm_prefix_path path = {0};

        read_path_name(reader, &path.path);
        envm_vec_push(&reader->files.paths, path);
    }
}

static void read_link(struct record_reader *reader)
{
    struct envm_prefix_record *record = reader->record;
    uint64_t type = 0;
    envm_str key;

    if (envm_json_peek(&reader->json) != ENVM_JSON_OBJECT) {
        envm_json_skip(&reader->json, NULL);
        return;
    }
    envm_json_begin_object(&reader->json);
    while (envm_json_next_key(&reader->json, reader->arena, &key)) {
        if (envm_str_equal_c(key, "source"))
            read_text(reader, &record->link_source);
        else if (envm_str_equal_c(key, "type") &&
                 envm_json_peek(&reader->json) == ENVM_JSON_NUMBER &&
                 envm_json_u64(&reader->json, &type))
            record->link_type = (int)(type & 7);
        else
            envm_json_skip(&reader->json, NULL);
    }
}

static void read_texts(struct record_reader *reader, struct envm_str_list *list)
{
    ENVM_VEC(envm_str) specs = {0};

    if (envm_json_peek(&reader->json) != ENVM_JSON_ARRAY) {
        envm_json_skip(&reader->json, NULL);
        return;
    }
    for (envm_json_begin_array(&reader->json); envm_json_next_element(&reader->json);) {
        envm_str spec = {0};

        if (read_text(reader, &spec))
            envm_vec_push(&specs, spec);
    }
    list->items = envm_arena_copy(reader->arena, specs.items, specs.count * sizeof(envm_str));
    list->count = specs.count;
    envm_vec_release(&specs);
}

/* conda before requested_specs: one spec, "None" for a dependency. */
static void read_old_spec(struct record_reader *reader, envm_str *ret_spec)
{
    envm_str spec = {0};

    if (read_text(reader, &spec) && spec.len > 0 && !envm_str_equal_c(spec, "None"))
        *ret_spec = spec;
}

static void read_own_keys(struct record_reader *reader, struct envm_package_record *package,
                          envm_str *ret_channel)
{
    envm_str key;

    reader->record->by_envm = true;
    envm_json_begin_object(&reader->json);
    while (envm_json_next_key(&reader->json, reader->arena, &key)) {
        if (envm_str_equal_c(key, "channel"))
            envm_json_string(&reader->json, reader->arena, ret_channel);
        else if (envm_str_equal_c(key, "digest"))
            envm_json_string(&reader->json, reader->arena, &reader->record->package_digest);
        else if (envm_str_equal_c(key, "checksum"))
            envm_json_string(&reader->json, reader->arena, &reader->checksum);
        else if (envm_str_equal_c(key, "lost") && reader->paths)
            read_texts(reader, &reader->record->lost);
        else if (envm_str_equal_c(key, "link_scripts"))
            envm_prefix_record_read_scripts(&reader->json, reader->arena, package);
        else if (envm_str_equal_c(key, "script_outputs") && reader->paths)
            envm_prefix_record_read_outputs(&reader->json, reader->arena, reader->record);
        else
            envm_json_skip(&reader->json, NULL);
    }
}

/* conda and mamba write ".../conda-forge/linux-64", which is the channel conda-forge. */
static envm_str foreign_channel(const struct envm_package_record *package)
{
    envm_str channel = package->channel;
    size_t tail = package->subdir.len + 1;

    if (package->subdir.len > 0 && channel.len > tail &&
        envm_str_ends_with(channel, package->subdir) && channel.ptr[channel.len - tail] == '/')
        channel = envm_str_slice(channel, 0, channel.len - tail);
    return envm_channel_short_name(channel);
}

static void read_keys(struct record_reader *reader, struct envm_package_record *package)
{
    struct envm_prefix_record *record = reader->record;
    envm_str old_spec = {0};
    envm_str own_channel = {0};
    envm_str key;

    envm_json_begin_object(&reader->json);
    while (envm_json_next_key(&reader->json, reader->arena, &key)) {
        if (envm_str_equal_c(key, "channel"))
            read_text(reader, &package->channel);
        else if (envm_str_equal_c(key, "fn"))
            read_text(reader, &package->file_name);
        else if (envm_str_equal_c(key, "url"))
            read_text(reader, &package->url);
        else if (envm_str_equal_c(key, "package_tarball_full_path"))
            read_text(reader, &record->archive_path);
        else if (envm_str_equal_c(key, "link"))
            read_link(reader);
        else if (envm_str_equal_c(key, "requested_specs"))
            read_texts(reader, &record->requested_specs);
        else if (envm_str_equal_c(key, "requested_spec"))
            read_old_spec(reader, &old_spec);
        else if (envm_str_equal_c(key, "files"))
            read_files(reader);
        else if (envm_str_equal_c(key, "paths_data"))
            read_paths_data(reader);
        else if (envm_str_equal_c(key, "envm"))
            read_own_keys(reader, package, &own_channel);
        else
            envm_json_skip(&reader->json, NULL);
    }
    package->channel = own_channel.len > 0 ? own_channel : foreign_channel(package);
    if (record->requested_specs.count == 0 && old_spec.len > 0) {
        record->requested_specs.items = envm_arena_copy(reader->arena, &old_spec, sizeof(old_spec));
        record->requested_specs.count = 1;
    }
}

static int compare_paths(const void *a, const void *b)
{
    return envm_str_compare(((const struct envm_prefix_path *)a)->path.s,
                            ((const struct envm_prefix_path *)b)->path.s);
}

static void take_paths(struct record_reader *reader)
{
    struct path_list *list = reader->listed.paths.count > 0 ? &reader->listed : &reader->files;
    size_t count = list->paths.count;

    reader->record->path_count = count;
    reader->record->paths =
        envm_arena_copy(reader->arena, list->paths.items, count * sizeof(struct envm_prefix_path));
    if (count > 1)
        qsort(reader->record->paths, count, sizeof(struct envm_prefix_path), compare_paths);
}

/* …/pkgs/ab/ab…64: envm's cache. Who wrote such a record wrote envm's keys, too. */
static bool is_own_source(envm_str source)
{
    envm_str pkgs = ENVM_STR("/pkgs/");
    size_t tail = pkgs.len + 2 + 1 + CHECKSUM_DIGITS;
    struct envm_sha256 key = {0};

    return source.len > tail &&
           envm_str_starts_with(envm_str_skip(source, source.len - tail), pkgs) &&
           envm_sha256_parse(envm_str_skip(source, source.len - CHECKSUM_DIGITS), &key);
}

/* The digest is of the text with zeros in place of it. */
static bool has_right_checksum(const struct record_reader *reader, envm_str json)
{
    static const char zeros[CHECKSUM_DIGITS + 1] =
        "0000000000000000000000000000000000000000000000000000000000000000";
    uintptr_t at = (uintptr_t)reader->checksum.ptr - (uintptr_t)json.ptr;
    struct envm_sha256 actual;
    struct envm_hasher hasher;

    /* Another tool that wrote the record anew has left all of envm's keys out; one bit that
     * changes in the name of the key has not. */
    if (!reader->record->by_envm && !(is_own_source(reader->record->link_source) &&
                                      envm_str_find(json, ENVM_STR("\"checksum\"")) != SIZE_MAX))
        return true;
    if (reader->checksum.len != CHECKSUM_DIGITS || at > json.len || json.len - at < CHECKSUM_DIGITS)
        return false;
    envm_hasher_init(&hasher, false);
    envm_hasher_update(&hasher, json.ptr, at);
    envm_hasher_update(&hasher, zeros, CHECKSUM_DIGITS);
    envm_hasher_update(&hasher, json.ptr + at + CHECKSUM_DIGITS, json.len - at - CHECKSUM_DIGITS);
    envm_hasher_final(&hasher, &actual, NULL);
    /* As text: the digits may not have changed their case either. */
    return envm_str_equal_c(reader->checksum, envm_sha256_hex(&actual).text);
}

enum envm_code envm_prefix_record_read_parts(struct envm_arena *arena, envm_str json, bool paths,
                                             struct envm_prefix_record *ret_record,
                                             struct envm_error *err)
{
    struct envm_package_record *package = envm_arena_new(arena, struct envm_package_record);
    struct envm_prefix_record record = {.record = package};
    struct record_reader reader = {.arena = arena, .record = &record, .paths = paths};
    const char *fault = NULL;
    enum envm_code code;

    envm_json_init(&reader.json, json);
    envm_package_record_read(&reader.json, arena, package, &fault);
    if (fault)
        return envm_fail(err, ENVM_DAMAGED, "%s", fault);

    envm_json_init(&reader.json, json);
    read_keys(&reader, package);
    code = envm_json_end(&reader.json, err);
    if (code == ENVM_OK)
        take_paths(&reader);
    path_list_release(&reader.listed);
    path_list_release(&reader.files);
    if (code != ENVM_OK) {
        if (err)
            err->code = ENVM_DAMAGED;
        return ENVM_DAMAGED;
    }
    if (paths && !has_right_checksum(&reader, json))
        return envm_fail(err, ENVM_DAMAGED, "the record does not match its own checksum");
    *ret_record = record;
    return ENVM_OK;
}

enum envm_code envm_prefix_record_read(struct envm_arena *arena, envm_str json,
                                       struct envm_prefix_record *ret_record,
                                       struct envm_error *err)
{
    return envm_prefix_record_read_parts(arena, json, true, ret_record, err);
}
