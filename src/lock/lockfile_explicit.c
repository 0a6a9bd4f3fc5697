/* SPDX-License-Identifier: MIT */
#include "lock/lockfile_explicit.h"

#include "base/buf.h"
#include "base/error.h"
#include "base/hex.h"
#include "base/map.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "codec/url.h"
#include "conda/environment_spec.h"
#include "conda/match_spec.h"
#include "conda/package_record.h"

#define PACKAGES_MAX 100000

/* Length of the variable's name at the start of s ("NAME" or "{NAME}"), its name in *ret_name. */
static size_t variable_length(envm_str s, envm_str *ret_name)
{
    size_t end = 0;

    if (s.len > 0 && s.ptr[0] == '{') {
        end = envm_str_find_char(s, '}');
        if (end == SIZE_MAX)
            return 0;
        *ret_name = envm_str_slice(s, 1, end);
        return envm_variable_name_is_valid(*ret_name) ? end + 1 : 0;
    }
    while (end < s.len && (envm_is_alnum(s.ptr[end]) || s.ptr[end] == '_'))
        end++;
    *ret_name = envm_str_n(s.ptr, end);
    return envm_variable_name_is_valid(*ret_name) ? end : 0;
}

envm_str envm_expand_variables(struct envm_arena *arena, envm_str text,
                               const struct envm_environ *environment)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_limit((size_t)1 << 20);
    const char *home = envm_environ_get(environment, "HOME");
    size_t at = 0;

    if (home && text.len > 0 && text.ptr[0] == '~' && (text.len == 1 || text.ptr[1] == '/')) {
        envm_buf_add_cstr(&out, home);
        at = 1;
    }
    while (at < text.len) {
        envm_str name = {0};
        size_t length =
            text.ptr[at] == '$' ? variable_length(envm_str_skip(text, at + 1), &name) : 0;
        const char *value = length ? envm_environ_get(environment, envm_cstr(arena, name)) : NULL;

        if (value) {
            envm_buf_add_cstr(&out, value);
            at += length + 1;
        } else {
            envm_buf_add_byte(&out, text.ptr[at++]);
        }
    }
    return envm_arena_str(arena, envm_buf_str(&out));
}

struct explicit_reader {
    struct envm_arena *arena;
    const char *file;
    envm_str directory;
    const struct envm_environ *environment;
    unsigned line;
    struct envm_map names;
    ENVM_VEC(const struct envm_package_record *) records;
};

static enum envm_code at_line(struct explicit_reader *r, enum envm_code code,
                              struct envm_error *err)
{
    (void)envm_error_where(err, code, "%s:%u", r->file, r->line);
    return envm_wrap(err, code, "%s:%u", r->file, r->line);
}

/* The scheme is what tells a URL from a path. */
static envm_str to_url(struct explicit_reader *r, envm_str text)
{
    if (envm_str_contains(text, ENVM_STR("://")))
        return text;
    text = envm_expand_variables(r->arena, text, r->environment);
    if (text.len > 0 && text.ptr[0] != '/') {
        if (envm_str_starts_with(text, ENVM_STR("./")))
            text = envm_str_skip(text, 2);
        text = envm_arena_printf(r->arena, "%.*s/%.*s", ENVM_STR_ARGS(r->directory),
                                 ENVM_STR_ARGS(text));
    }
    return envm_url_from_path(r->arena, text);
}

static enum envm_code read_digest(envm_str text, struct envm_package_record *record,
                                  struct envm_error *err)
{
    if (envm_str_starts_with(text, ENVM_STR("sha256:")))
        text = envm_str_skip(text, 7);
    else if (envm_str_starts_with(text, ENVM_STR("md5:")))
        text = envm_str_skip(text, 4);
    if (envm_sha256_parse(text, &record->sha256) || envm_md5_parse(text, &record->md5))
        return ENVM_OK;
    return envm_fail(err, ENVM_MALFORMED,
                     "the text after \"#\" is neither a sha256 (64 hexadecimal digits) nor an "
                     "md5 (32)");
}

static enum envm_code read_line(struct explicit_reader *r, envm_str line, struct envm_error *err)
{
    struct envm_package_record *record = envm_arena_new(r->arena, struct envm_package_record);
    size_t hash = envm_str_find_last_char(line, '#');
    envm_str location = hash == SIZE_MAX ? line : envm_str_trim(envm_str_n(line.ptr, hash));
    bool is_new;

    ENVM_TRY(envm_package_record_from_url(r->arena, to_url(r, location), record, err));
    if (hash != SIZE_MAX)
        ENVM_TRY(read_digest(envm_str_trim(envm_str_skip(line, hash + 1)), record, err));
    *envm_map_get(&r->names, record->name, &is_new) = 1;
    if (!is_new)
        return envm_fail(err, ENVM_MALFORMED, "package %.*s stands twice in the list",
                         ENVM_STR_ARGS(record->name));
    envm_vec_push(&r->records, record);
    return ENVM_OK;
}

static enum envm_code read_lines(struct explicit_reader *r, envm_str text, struct envm_error *err)
{
    envm_str rest = text;
    envm_str line;

    while (envm_str_split_next(&rest, '\n', &line)) {
        r->line++;
        line = envm_str_trim(line);
        if (line.len == 0 || line.ptr[0] == '#' || line.ptr[0] == '@')
            continue;
        if (r->records.count >= PACKAGES_MAX)
            return envm_fail(err, ENVM_MALFORMED, "%s: more than %d packages", r->file,
                             PACKAGES_MAX);
        enum envm_code code = read_line(r, line, err);

        if (code != ENVM_OK)
            return at_line(r, code == ENVM_USAGE ? ENVM_MALFORMED : code, err);
    }
    return ENVM_OK;
}

enum envm_code envm_explicit_read(struct envm_arena *arena, envm_str text, const char *file,
                                  envm_str directory, const struct envm_environ *environment,
                                  struct envm_record_list *ret_records, struct envm_error *err)
{
    struct explicit_reader r = {
        .arena = arena, .file = file, .directory = directory, .environment = environment};
    enum envm_code code = read_lines(&r, text.ptr ? text : ENVM_STR(""), err);

    if (code == ENVM_OK) {
        const struct envm_package_record **items =
            envm_arena_new_array(arena, const struct envm_package_record *, r.records.count);

        for (size_t i = 0; i < r.records.count; i++)
            items[i] = r.records.items[i];
        *ret_records = (struct envm_record_list){items, r.records.count};
    }
    envm_map_release(&r.names);
    envm_vec_release(&r.records);
    return code;
}

/* "#" begins a comment at the start of a line or after a space: build strings never hold it. */
static envm_str without_comment(envm_str line)
{
    for (size_t i = 0; i < line.len; i++) {
        if (line.ptr[i] == '#' && (i == 0 || envm_is_space(line.ptr[i - 1])))
            return envm_str_n(line.ptr, i);
    }
    return line;
}

enum envm_code envm_spec_list_read(struct envm_arena *arena, envm_str text, const char *file,
                                   struct envm_str_list *ret_specs, struct envm_error *err)
{
    ENVM_VEC(envm_str) specs = {0};
    envm_str rest = text.ptr ? text : ENVM_STR("");
    envm_str line;
    unsigned number = 0;
    enum envm_code code = ENVM_OK;

    while (code == ENVM_OK && envm_str_split_next(&rest, '\n', &line)) {
        const struct envm_match_spec *spec;

        number++;
        line = envm_str_trim(without_comment(line));
        if (line.len == 0)
            continue;
        code = envm_match_spec_parse(arena, line, &spec, err);
        if (code != ENVM_OK) {
            (void)envm_error_where(err, code, "%s:%u", file, number);
            code = envm_wrap(err, code, "%s:%u", file, number);
        }
        envm_vec_push(&specs, line);
    }
    if (code == ENVM_OK)
        *ret_specs = envm_arena_str_list(arena, (struct envm_str_list){specs.items, specs.count});
    envm_vec_release(&specs);
    return code;
}
