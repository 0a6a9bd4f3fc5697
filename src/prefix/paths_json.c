/* SPDX-License-Identifier: MIT */
#include "prefix/paths_json.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/map.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "codec/json_reader.h"

#define OLD_PLACEHOLDER "/opt/anaconda1anaconda2anaconda3"
#define PLACEHOLDER_MIN 8
#define PLACEHOLDER_MAX 1024
#define ENTRY_POINTS_MAX 10000

struct listed {
    ENVM_VEC(struct envm_listed_path) v;
};

static void release_listed(struct listed *list)
{
    envm_vec_release(&list->v);
}
ENVM_DEFINE_CLEANUP(listed, struct listed, release_listed)

static enum envm_code fail_path(envm_str path, const char *what, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    envm_buf_add_escaped(&shown, path, 256);
    return envm_fail(err, ENVM_MALFORMED, "path \"%s\": %s", envm_buf_str(&shown).ptr, what);
}

static int compare_listed(const void *a, const void *b)
{
    const struct envm_listed_path *left = a, *right = b;

    return envm_str_compare(left->path.s, right->path.s);
}

static bool has_control(envm_str text)
{
    while (text.len > 0) {
        uint32_t code_point = 0;
        size_t length = envm_utf8_decode(text, &code_point);

        if (length == 0 || envm_utf8_is_control(code_point))
            return true;
        text = envm_str_skip(text, length);
    }
    return false;
}

/* Too short or relative text would be found by chance all over a file (C17). */
static const char *placeholder_fault(envm_str text)
{
    bool drive = text.len > 2 && envm_is_alpha(text.ptr[0]) && text.ptr[1] == ':';

    if (text.len < PLACEHOLDER_MIN)
        return "prefix placeholder shorter than 8 bytes";
    if (text.len > PLACEHOLDER_MAX)
        return "prefix placeholder longer than 1024 bytes";
    if (has_control(text))
        return "control character in the prefix placeholder";
    if (text.ptr[0] != '/' && !drive)
        return "prefix placeholder that is not an absolute path";
    return NULL;
}

static bool parse_file_mode(envm_str text, enum envm_file_mode *ret_mode)
{
    if (envm_str_equal_c(text, "text"))
        *ret_mode = ENVM_MODE_TEXT;
    else if (envm_str_equal_c(text, "binary"))
        *ret_mode = ENVM_MODE_BINARY;
    else
        return false;
    return true;
}

static bool parse_path_type(envm_str text, enum envm_path_type *ret_type)
{
    if (envm_str_equal_c(text, "hardlink"))
        *ret_type = ENVM_PATH_FILE;
    else if (envm_str_equal_c(text, "softlink"))
        *ret_type = ENVM_PATH_SYMLINK;
    else if (envm_str_equal_c(text, "directory"))
        *ret_type = ENVM_PATH_DIRECTORY;
    else
        return false;
    return true;
}

/* --- paths.json --------------------------------------------------------------------------- */

/* One object of "paths" as it stands there. */
struct raw_path {
    envm_str path, type, file_mode, placeholder, sha256;
    bool has_path, has_placeholder, has_sha256;
    bool no_link, has_size;
    uint64_t size;
};

/* A string, or null for "not there". */
static bool optional_string(struct envm_json_reader *r, struct envm_arena *arena,
                            envm_str *ret_text)
{
    if (envm_json_peek(r) == ENVM_JSON_NULL) {
        envm_json_null(r);
        return false;
    }
    return envm_json_string(r, arena, ret_text);
}

static void read_flag(struct envm_json_reader *r, bool *ret_value)
{
    if (envm_json_peek(r) == ENVM_JSON_NULL)
        envm_json_null(r);
    else
        envm_json_bool(r, ret_value);
}

static void read_raw_path(struct envm_json_reader *r, struct envm_arena *arena,
                          struct raw_path *raw)
{
    envm_str key;

    *raw = (struct raw_path){0};
    envm_json_begin_object(r);
    while (envm_json_next_key(r, arena, &key)) {
        if (envm_str_equal_c(key, "_path"))
            raw->has_path = optional_string(r, arena, &raw->path);
        else if (envm_str_equal_c(key, "path_type"))
            optional_string(r, arena, &raw->type);
        else if (envm_str_equal_c(key, "file_mode"))
            optional_string(r, arena, &raw->file_mode);
        else if (envm_str_equal_c(key, "prefix_placeholder"))
            raw->has_placeholder = optional_string(r, arena, &raw->placeholder);
        else if (envm_str_equal_c(key, "sha256"))
            raw->has_sha256 = optional_string(r, arena, &raw->sha256);
        else if (envm_str_equal_c(key, "no_link"))
            read_flag(r, &raw->no_link);
        else if (envm_str_equal_c(key, "size_in_bytes") && envm_json_peek(r) != ENVM_JSON_NULL)
            raw->has_size = envm_json_u64(r, &raw->size);
        else
            envm_json_skip(r, NULL);
    }
}

static enum envm_code check_raw_path(struct envm_arena *arena, const struct raw_path *raw,
                                     struct envm_listed_path *ret_item, struct envm_error *err)
{
    const char *fault = raw->has_placeholder ? placeholder_fault(raw->placeholder) : NULL;
    struct envm_listed_path item = {
        .has_type = true, .no_link = raw->no_link, .has_size = raw->has_size, .size = raw->size};

    if (!raw->has_path)
        return envm_fail(err, ENVM_MALFORMED, "an entry without \"_path\"");
    ENVM_TRY(envm_relpath_parse(arena, raw->path, &item.path, err));
    if (!parse_path_type(raw->type, &item.type))
        return fail_path(raw->path, "missing or unknown \"path_type\"", err);
    if (raw->has_sha256 && !envm_sha256_parse(raw->sha256, &item.sha256))
        return fail_path(raw->path, "\"sha256\" is not a SHA-256", err);
    if (fault)
        return fail_path(raw->path, fault, err);
    /* conda-build used to list softlinks with the placeholder of their target: nothing to replace.
     */
    if (raw->has_placeholder && item.type == ENVM_PATH_FILE) {
        if (!parse_file_mode(raw->file_mode, &item.file_mode))
            return fail_path(raw->path, "missing or unknown \"file_mode\"", err);
        item.placeholder = envm_arena_str(arena, raw->placeholder);
    }
    *ret_item = item;
    return ENVM_OK;
}

static enum envm_code finish_list(struct envm_arena *arena, struct listed *list, bool unique,
                                  struct envm_path_list *ret_list, struct envm_error *err)
{
    size_t kept = 0;

    if (list->v.count > 1)
        qsort(list->v.items, list->v.count, sizeof(list->v.items[0]), compare_listed);
    for (size_t i = 0; i < list->v.count; i++) {
        if (kept == 0 || compare_listed(&list->v.items[kept - 1], &list->v.items[i]) != 0)
            list->v.items[kept++] = list->v.items[i];
        else if (unique)
            return fail_path(list->v.items[i].path.s, "listed twice", err);
    }
    ret_list->count = kept;
    ret_list->items = envm_arena_new_array(arena, struct envm_listed_path, kept);
    if (kept > 0)
        memcpy(ret_list->items, list->v.items, kept * sizeof(list->v.items[0]));
    return ENVM_OK;
}

static enum envm_code read_paths(struct envm_json_reader *r, struct envm_arena *arena,
                                 struct listed *list, struct envm_error *err)
{
    struct raw_path raw;
    struct envm_listed_path item;

    envm_json_begin_array(r);
    while (envm_json_next_element(r)) {
        read_raw_path(r, arena, &raw);
        if (r->fault)
            break;
        ENVM_TRY(check_raw_path(arena, &raw, &item, err));
        if (list->v.count >= ENVM_PATHS_MAX)
            return envm_fail(err, ENVM_MALFORMED, "more than %d paths", ENVM_PATHS_MAX);
        envm_vec_push(&list->v, item);
    }
    return ENVM_OK;
}

enum envm_code envm_paths_json_parse(struct envm_arena *arena, envm_str json,
                                     struct envm_path_list *ret_list, struct envm_error *err)
{
    ENVM_CLEANUP(listed) struct listed list = {0};
    struct envm_json_reader r;
    uint64_t version = 1;
    bool has_paths = false;
    envm_str key;

    envm_json_init(&r, json);
    envm_json_begin_object(&r);
    while (envm_json_next_key(&r, arena, &key)) {
        if (envm_str_equal_c(key, "paths_version")) {
            envm_json_u64(&r, &version);
        } else if (envm_str_equal_c(key, "paths")) {
            if (has_paths)
                envm_json_fail(&r, "\"paths\" is given twice");
            has_paths = true;
            ENVM_TRY(read_paths(&r, arena, &list, err));
        } else {
            envm_json_skip(&r, NULL);
        }
    }
    ENVM_TRY(envm_json_end(&r, err));
    if (version != 1)
        return envm_fail(err, ENVM_MALFORMED, "paths_version %llu is not known (only 1 is)",
                         (unsigned long long)version);
    if (!has_paths)
        return envm_fail(err, ENVM_MALFORMED, "\"paths\" is missing");
    return finish_list(arena, &list, true, ret_list, err);
}

/* --- the old lists ------------------------------------------------------------------------ */

static bool next_line(envm_str *rest, envm_str *ret_line)
{
    while (envm_str_split_next(rest, '\n', ret_line)) {
        *ret_line = envm_str_trim(*ret_line);
        if (ret_line->len > 0)
            return true;
    }
    return false;
}

static enum envm_code read_old_files(struct envm_arena *arena, envm_str files, struct listed *list,
                                     struct envm_error *err)
{
    envm_str line;

    while (next_line(&files, &line)) {
        struct envm_listed_path item = {0};

        ENVM_TRY_WRAP(envm_relpath_parse(arena, line, &item.path, err), err, "info/files");
        if (list->v.count >= ENVM_PATHS_MAX)
            return envm_fail(err, ENVM_MALFORMED, "info/files: more than %d paths", ENVM_PATHS_MAX);
        envm_vec_push(&list->v, item);
    }
    return ENVM_OK;
}

/* A word of a has_prefix line, without the quotes that a path with spaces stands in. */
static bool next_field(envm_str *rest, envm_str *ret_field)
{
    *rest = envm_str_trim(*rest);
    if (rest->len == 0)
        return false;
    char first = rest->ptr[0];

    if (first == '"' || first == '\'') {
        size_t close = envm_str_find_char(envm_str_skip(*rest, 1), first);

        if (close == SIZE_MAX)
            return false;
        *ret_field = envm_str_slice(*rest, 1, close + 1);
        *rest = envm_str_skip(*rest, close + 2);
        return true;
    }
    return envm_str_next_word(rest, ret_field);
}

/* A path alone, or three fields. Two, or more, mean a path with spaces and no quotes. */
static enum envm_code parse_prefix_line(envm_str line, envm_str *ret_path,
                                        envm_str *ret_placeholder, enum envm_file_mode *ret_mode,
                                        struct envm_error *err)
{
    envm_str fields[3], rest = line, extra;
    size_t count = 0;
    const char *fault;

    while (count < 3 && next_field(&rest, &fields[count]))
        count++;
    if (count == 1) {
        *ret_path = fields[0];
        *ret_placeholder = ENVM_STR(OLD_PLACEHOLDER);
        *ret_mode = ENVM_MODE_TEXT;
        return ENVM_OK;
    }
    if (count != 3 || next_field(&rest, &extra) || rest.len > 0)
        return fail_path(line, "bad line in info/has_prefix", err);
    fault = placeholder_fault(fields[0]);
    if (!fault && !parse_file_mode(fields[1], ret_mode))
        fault = "unknown mode in info/has_prefix";
    if (fault)
        return fail_path(fields[2], fault, err);
    *ret_path = fields[2];
    *ret_placeholder = fields[0];
    return ENVM_OK;
}

static struct envm_listed_path *find_listed(const struct envm_path_list *list, envm_str path)
{
    struct envm_listed_path key = {.path = {path}};

    if (list->count == 0)
        return NULL;
    return bsearch(&key, list->items, list->count, sizeof(key), compare_listed);
}

static enum envm_code apply_has_prefix(struct envm_arena *arena, envm_str has_prefix,
                                       struct envm_path_list *list, struct envm_error *err)
{
    envm_str line, path, placeholder;
    enum envm_file_mode mode = ENVM_MODE_NONE;

    while (next_line(&has_prefix, &line)) {
        ENVM_TRY(parse_prefix_line(line, &path, &placeholder, &mode, err));
        struct envm_listed_path *item = find_listed(list, path);

        if (!item)
            return fail_path(path, "in info/has_prefix but not in info/files", err);
        item->file_mode = mode;
        item->placeholder = envm_arena_str(arena, placeholder);
    }
    return ENVM_OK;
}

enum envm_code envm_paths_old_parse(struct envm_arena *arena, envm_str files, envm_str has_prefix,
                                    envm_str no_link, struct envm_path_list *ret_list,
                                    struct envm_error *err)
{
    ENVM_CLEANUP(listed) struct listed list = {0};
    envm_str line;

    ENVM_TRY(read_old_files(arena, files, &list, err));
    ENVM_TRY(finish_list(arena, &list, false, ret_list, err));
    ENVM_TRY(apply_has_prefix(arena, has_prefix, ret_list, err));
    while (next_line(&no_link, &line)) {
        struct envm_listed_path *item = find_listed(ret_list, line);

        if (item)
            item->no_link = true;
    }
    return ENVM_OK;
}

/* --- link.json ---------------------------------------------------------------------------- */

static void read_entry_points(struct envm_json_reader *r, struct envm_arena *arena,
                              struct envm_str_list *ret_list)
{
    ENVM_VEC(envm_str) points = {0};
    envm_str text;

    if (envm_json_peek(r) == ENVM_JSON_NULL) {
        envm_json_null(r);
        return;
    }
    envm_json_begin_array(r);
    while (envm_json_next_element(r) && envm_json_string(r, arena, &text)) {
        if (has_control(text))
            envm_json_fail(r, "control character in an entry point");
        if (points.count >= ENTRY_POINTS_MAX)
            envm_json_fail(r, "too many entry points");
        envm_vec_push(&points, envm_arena_str(arena, text));
    }
    *ret_list = (struct envm_str_list){points.items, points.count};
    *ret_list = envm_arena_str_list(arena, *ret_list);
    envm_vec_release(&points);
}

static void read_noarch(struct envm_json_reader *r, struct envm_arena *arena,
                        enum envm_noarch *noarch, struct envm_str_list *ret_entry_points)
{
    envm_str key, type;

    if (envm_json_peek(r) == ENVM_JSON_NULL) {
        envm_json_null(r);
        return;
    }
    envm_json_begin_object(r);
    while (envm_json_next_key(r, arena, &key)) {
        if (envm_str_equal_c(key, "entry_points")) {
            read_entry_points(r, arena, ret_entry_points);
        } else if (envm_str_equal_c(key, "type") && envm_json_string(r, arena, &type)) {
            if (envm_str_equal_c(type, "python"))
                *noarch = ENVM_NOARCH_PYTHON;
            else if (envm_str_equal_c(type, "generic"))
                *noarch = ENVM_NOARCH_GENERIC;
            else
                envm_json_fail(r, "unknown noarch type");
        } else {
            envm_json_skip(r, NULL);
        }
    }
}

enum envm_code envm_link_json_parse(struct envm_arena *arena, envm_str json,
                                    enum envm_noarch *noarch,
                                    struct envm_str_list *ret_entry_points, struct envm_error *err)
{
    struct envm_json_reader r;
    envm_str key;

    *ret_entry_points = (struct envm_str_list){0};
    envm_json_init(&r, json);
    envm_json_begin_object(&r);
    while (envm_json_next_key(&r, arena, &key)) {
        if (envm_str_equal_c(key, "noarch"))
            read_noarch(&r, arena, noarch, ret_entry_points);
        else
            envm_json_skip(&r, NULL);
    }
    return envm_json_end(&r, err);
}
