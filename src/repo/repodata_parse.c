/* SPDX-License-Identifier: MIT */
#include "repo/repodata_parse.h"

#include "base/error.h"
#include "base/utf8.h"
#include "codec/json_reader.h"
#include "codec/url.h"
#include "conda/package_record.h"

/* An arena block: texts with escapes and lists of the records read so far are thrown away then. */
#define SCRATCH_MAX ((size_t)48 * 1024)
#define FILE_NAME_MAX 211 /* CEP 26, as in conda/archive_name */
#define FAULT_NAME_MAX 256
#define RECORD_SIZE_USUAL 520
#define REMOVED_MAX ((size_t)10 * 1000 * 1000)

struct parser {
    struct envm_json_reader r;
    const struct envm_repodata_source *source;
    struct envm_image_builder *builder;
    struct envm_arena *arena;  /* for what outlives a record */
    struct envm_arena scratch; /* of the last records */
    envm_str base_url;         /* as written */
    envm_str info_subdir;
    bool has_info_subdir;
    ENVM_VEC(envm_str) removed;
    uint64_t skipped;
    envm_str first_bad;
    const char *first_fault;
};

static void skip_record(struct parser *parser, envm_str file_name, const char *fault)
{
    if (parser->skipped++ > 0)
        return;
    parser->first_bad = envm_arena_str(parser->arena, envm_str_slice(file_name, 0, FAULT_NAME_MAX));
    parser->first_fault = fault;
}

/* The parts of a file name that is made of the record's own, which have been checked: that is how
 * nearly all of them are. */
static bool is_regular(const struct envm_package_record *record, envm_str file_name,
                       struct envm_archive_name *ret_file)
{
    const envm_str parts[] = {record->name, record->version, record->build};
    const envm_str extensions[] = {[ENVM_KIND_CONDA] = ENVM_STR_INIT(".conda"),
                                   [ENVM_KIND_TAR_BZ2] = ENVM_STR_INIT(".tar.bz2")};
    size_t at = 0;

    for (size_t i = 0; i < 3; i++) {
        if (i > 0 && (at >= file_name.len || file_name.ptr[at++] != '-'))
            return false;
        if (file_name.len - at < parts[i].len ||
            memcmp(file_name.ptr + at, parts[i].ptr, parts[i].len) != 0)
            return false;
        at += parts[i].len;
    }
    *ret_file = (struct envm_archive_name){.name = record->name,
                                           .version = record->version,
                                           .build = record->build,
                                           .stem = envm_str_slice(file_name, 0, at)};
    for (int kind = ENVM_KIND_CONDA; kind <= ENVM_KIND_TAR_BZ2; kind++)
        if (envm_str_equal(envm_str_skip(file_name, at), extensions[kind])) {
            ret_file->kind = (enum envm_archive_kind)kind;
            return file_name.len <= FILE_NAME_MAX;
        }
    return false;
}

/* Why the record cannot be used here, or NULL. */
static const char *check_record(struct parser *parser, const struct envm_package_record *record,
                                envm_str file_name, struct envm_archive_name *ret_file)
{
    if (!is_regular(record, file_name, ret_file) && !envm_archive_name_parse(file_name, ret_file))
        return "the file name is not NAME-VERSION-BUILD.conda or .tar.bz2";
    if (record->subdir.len > 0 && !envm_str_equal(record->subdir, parser->source->subdir) &&
        !envm_str_equal_c(record->subdir, "noarch"))
        return "the record is for another subdir";
    return NULL;
}

static void read_record(struct parser *parser, envm_str file_name)
{
    struct envm_package_record record;
    struct envm_archive_name file;
    const char *fault = NULL;
    bool noarch;

    envm_package_record_read(&parser->r, &parser->scratch, &record, &fault);
    if (parser->r.fault)
        return;
    if (!fault)
        fault = check_record(parser, &record, file_name, &file);
    if (fault) {
        skip_record(parser, file_name, fault);
        return;
    }
    noarch = envm_str_equal_c(record.subdir, "noarch") &&
             !envm_str_equal(record.subdir, parser->source->subdir);
    if (!envm_image_builder_add(parser->builder, &record, file_name, &file, noarch))
        skip_record(parser, file_name, "the file name is there twice");
}

static void read_packages(struct parser *parser)
{
    envm_str file_name;

    if (!envm_json_begin_object(&parser->r))
        return;
    while (envm_json_next_key(&parser->r, &parser->scratch, &file_name)) {
        read_record(parser, file_name);
        if (parser->scratch.used > SCRATCH_MAX)
            envm_arena_release(&parser->scratch);
    }
}

static void read_text(struct parser *parser, envm_str *ret_text, bool *ret_present)
{
    if (envm_json_peek(&parser->r) != ENVM_JSON_STRING) {
        envm_json_skip(&parser->r, NULL);
        return;
    }
    if (envm_json_string(&parser->r, parser->arena, ret_text) && ret_present)
        *ret_present = true;
}

static void read_info(struct parser *parser)
{
    envm_str key;

    if (envm_json_peek(&parser->r) != ENVM_JSON_OBJECT) {
        envm_json_skip(&parser->r, NULL);
        return;
    }
    envm_json_begin_object(&parser->r);
    while (envm_json_next_key(&parser->r, parser->arena, &key)) {
        if (envm_str_equal_c(key, "subdir"))
            read_text(parser, &parser->info_subdir, &parser->has_info_subdir);
        else if (envm_str_equal_c(key, "base_url"))
            read_text(parser, &parser->base_url, NULL);
        else
            envm_json_skip(&parser->r, NULL);
    }
}

/* Kept until the end: the list may stand before the packages that it takes away. */
static void read_removed(struct parser *parser)
{
    envm_str file_name;

    if (envm_json_peek(&parser->r) != ENVM_JSON_ARRAY) {
        envm_json_skip(&parser->r, NULL);
        return;
    }
    envm_json_begin_array(&parser->r);
    while (envm_json_next_element(&parser->r)) {
        if (envm_json_peek(&parser->r) != ENVM_JSON_STRING ||
            parser->removed.count >= REMOVED_MAX) {
            envm_json_skip(&parser->r, NULL);
            continue;
        }
        if (envm_json_string(&parser->r, parser->arena, &file_name))
            envm_vec_push(&parser->removed, file_name);
    }
}

static void read_document(struct parser *parser)
{
    envm_str key;

    if (!envm_json_begin_object(&parser->r))
        return;
    while (envm_json_next_key(&parser->r, parser->arena, &key)) {
        if (envm_str_equal_c(key, "packages") || envm_str_equal_c(key, "packages.conda"))
            read_packages(parser);
        else if (envm_str_equal_c(key, "info"))
            read_info(parser);
        else if (envm_str_equal_c(key, "removed"))
            read_removed(parser);
        else
            envm_json_skip(&parser->r, NULL);
    }
}

static void apply_removed(struct parser *parser)
{
    struct envm_archive_name file;

    for (size_t i = 0; i < parser->removed.count; i++)
        if (envm_archive_name_parse(parser->removed.items[i], &file))
            envm_image_builder_remove(parser->builder, &file);
}

/* --- CEP 15 --------------------------------------------------------------------------------- */

static bool is_allowed_base(const struct envm_url *base, const struct envm_url *from)
{
    if (base->has_userinfo || base->token.len > 0 || base->query.len > 0)
        return false;
    if (envm_str_equal_c(base->scheme, "https"))
        return true;
    return envm_str_equal(base->scheme, from->scheme) && envm_str_equal(base->host, from->host) &&
           base->port == from->port;
}

static enum envm_code resolve_base(struct parser *parser, envm_str *ret_base,
                                   struct envm_error *err)
{
    envm_str url = parser->source->url;
    struct envm_url base, from;
    envm_str text;

    if (parser->base_url.len == 0) {
        *ret_base = envm_str_slice(url, 0, envm_str_find_last_char(url, '/'));
        return ENVM_OK;
    }
    ENVM_TRY(envm_url_parse(parser->arena, url, &from, err));
    if (envm_url_resolve(parser->arena, url, parser->base_url, &text, err) != ENVM_OK ||
        envm_url_parse(parser->arena, text, &base, err) != ENVM_OK)
        return envm_wrap(err, ENVM_UNSAFE, "the channel's base_url");
    if (!is_allowed_base(&base, &from))
        return envm_fail(err, ENVM_UNSAFE,
                         "the channel says that its packages are at '%.*s': only https, or the "
                         "channel's own host, without credentials, is followed",
                         ENVM_STR_ARGS(envm_url_redact(parser->arena, text)));
    while (envm_str_ends_with(base.clean, ENVM_STR("/")))
        base.clean.len--;
    *ret_base = base.clean;
    return ENVM_OK;
}

/* --- the whole ------------------------------------------------------------------------------ */

static void warn_about_skipped(const struct parser *parser)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf name = envm_buf_text();

    if (parser->skipped == 0)
        return;
    envm_buf_add_escaped(&name, parser->first_bad, FAULT_NAME_MAX);
    envm_sink_warn(parser->source->sink, "%.*s: %llu bad record%s left out, the first is '%s' (%s)",
                   ENVM_STR_ARGS(parser->source->url), (unsigned long long)parser->skipped,
                   parser->skipped == 1 ? "" : "s", envm_buf_str(&name).ptr, parser->first_fault);
}

static enum envm_code check_subdir(struct parser *parser, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf found = envm_buf_text();

    if (!parser->has_info_subdir || envm_str_equal(parser->info_subdir, parser->source->subdir))
        return ENVM_OK;
    envm_buf_add_escaped(&found, parser->info_subdir, 64);
    return envm_fail(err, ENVM_MALFORMED, "the file says that it is for '%s', not for '%.*s'",
                     envm_buf_str(&found).ptr, ENVM_STR_ARGS(parser->source->subdir));
}

static enum envm_code explain(envm_str json, enum envm_code code, struct envm_error *err)
{
    envm_str start = envm_str_trim(envm_str_slice(json, 0, 512));

    if (start.len > 0 && start.ptr[0] == '<')
        return envm_error_hint(err, code,
                               "the answer looks like a web page: is there a proxy or a "
                               "login page in between?");
    return code;
}

static enum envm_code parse(struct parser *parser, envm_str json,
                            struct envm_repodata_summary *ret_summary, struct envm_error *err)
{
    enum envm_code code;

    if (json.len > 0) {
        envm_image_builder_expect(parser->builder, json.len / RECORD_SIZE_USUAL);
        envm_json_init(&parser->r, json);
        read_document(parser);
        code = envm_json_end(&parser->r, err);
        if (code != ENVM_OK)
            return explain(json, code, err);
    }
    ENVM_TRY(check_subdir(parser, err));
    ENVM_TRY(resolve_base(parser, &ret_summary->package_base, err));
    apply_removed(parser);
    warn_about_skipped(parser);
    ret_summary->skipped = parser->skipped;
    return ENVM_OK;
}

enum envm_code envm_repodata_parse(envm_str json, const struct envm_repodata_source *source,
                                   struct envm_arena *arena, struct envm_image_builder *builder,
                                   struct envm_repodata_summary *ret_summary,
                                   struct envm_error *err)
{
    struct parser parser = {.source = source, .builder = builder, .arena = arena};
    enum envm_code code = parse(&parser, json, ret_summary, err);

    envm_vec_release(&parser.removed);
    envm_arena_release(&parser.scratch);
    if (code != ENVM_OK)
        envm_error_where(err, code, "%.*s", ENVM_STR_ARGS(source->url));
    return code;
}
