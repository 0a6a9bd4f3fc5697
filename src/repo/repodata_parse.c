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
#define MESSAGE_MAX 500
#define RECORD_SIZE_USUAL 520
#define DEPTH_OF_PACKAGES 2
#define REMOVED_MAX ((size_t)10 * 1000 * 1000)

struct parser {
    struct envm_json_reader r;
    const struct envm_repodata_source *source;
    struct envm_image_builder *builder;
    struct envm_arena *arena;  /* for what outlives a record */
    struct envm_arena scratch; /* of the last records */
    struct envm_repodata_part *part;
    struct envm_bad_records *bad; /* the part's: of the lead, or of the rest */
    bool cut;                     /* the part has ended between two elements */
};

void envm_repodata_part_release(struct envm_repodata_part *part)
{
    envm_vec_release(&part->removed);
}

static void skip_record(struct parser *parser, envm_str file_name, const char *fault)
{
    if (parser->bad->count++ > 0)
        return;
    parser->bad->file_name =
        envm_arena_str(parser->arena, envm_str_slice(file_name, 0, FAULT_NAME_MAX));
    parser->bad->place = parser->builder->keys.count - parser->part->span.from;
    parser->bad->fault = fault;
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
    ENVM_UNINITIALIZED struct envm_package_record record;
    ENVM_UNINITIALIZED struct envm_archive_name file;
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
    envm_image_builder_add(parser->builder, &record, file_name, &file, noarch);
}

/* Between two elements: true when the part ends here and the document does not. */
static bool at_cut(struct parser *parser, enum envm_part_end where)
{
    if (parser->part->last || !envm_json_is_at_end(&parser->r))
        return false;
    parser->part->end = where;
    parser->cut = true;
    return true;
}

/* The elements of the object that is open. */
static void read_packages(struct parser *parser, enum envm_part_end where)
{
    envm_str file_name;

    while (!at_cut(parser, where) && envm_json_next_key(&parser->r, &parser->scratch, &file_name)) {
        read_record(parser, file_name);
        if (parser->scratch.used > SCRATCH_MAX)
            envm_arena_release(&parser->scratch);
    }
}

/* Element by element, because a cut may be between two: there are objects by package that are not
 * about records (signatures). */
static void skip_value(struct parser *parser)
{
    if (envm_json_peek(&parser->r) != ENVM_JSON_OBJECT) {
        envm_json_skip(&parser->r, NULL);
        return;
    }
    envm_json_begin_object(&parser->r);
    while (!at_cut(parser, ENVM_PART_OTHER) && envm_json_skip_member(&parser->r))
        ;
}

/* A copy: the text of a part does not stay. */
static void read_text(struct parser *parser, envm_str *ret_text, bool *ret_present)
{
    envm_str text;

    if (envm_json_peek(&parser->r) != ENVM_JSON_STRING) {
        envm_json_skip(&parser->r, NULL);
        return;
    }
    if (!envm_json_string(&parser->r, parser->arena, &text))
        return;
    *ret_text = envm_arena_str(parser->arena, text);
    if (ret_present)
        *ret_present = true;
}

/* The first revision that is newer than what envm reads, with the channel's words about it. */
static void read_revision(struct parser *parser, envm_str revision)
{
    struct envm_repodata_part *part = parser->part;
    bool is_news = !envm_str_equal_c(revision, "v3") && part->newer_revision.len == 0;
    envm_str key;

    if (!is_news || envm_json_peek(&parser->r) != ENVM_JSON_OBJECT) {
        envm_json_skip(&parser->r, NULL);
        return;
    }
    part->newer_revision =
        envm_arena_str(parser->arena, envm_str_slice(revision, 0, FAULT_NAME_MAX));
    envm_json_begin_object(&parser->r);
    while (envm_json_next_key(&parser->r, parser->arena, &key)) {
        if (envm_str_equal_c(key, "message"))
            read_text(parser, &part->revision_message, NULL);
        else
            envm_json_skip(&parser->r, NULL);
    }
}

static void read_revisions(struct parser *parser)
{
    envm_str revision;

    if (envm_json_peek(&parser->r) != ENVM_JSON_OBJECT) {
        envm_json_skip(&parser->r, NULL);
        return;
    }
    envm_json_begin_object(&parser->r);
    while (envm_json_next_key(&parser->r, parser->arena, &revision))
        read_revision(parser, revision);
}

static void read_info(struct parser *parser)
{
    struct envm_repodata_part *part = parser->part;
    envm_str key;

    if (envm_json_peek(&parser->r) != ENVM_JSON_OBJECT) {
        envm_json_skip(&parser->r, NULL);
        return;
    }
    envm_json_begin_object(&parser->r);
    while (envm_json_next_key(&parser->r, parser->arena, &key)) {
        if (envm_str_equal_c(key, "subdir"))
            read_text(parser, &part->info_subdir, &part->has_info_subdir);
        else if (envm_str_equal_c(key, "base_url"))
            read_text(parser, &part->base_url, NULL);
        else if (envm_str_equal_c(key, "repodata_revisions"))
            read_revisions(parser);
        else
            envm_json_skip(&parser->r, NULL);
    }
}

/* Kept until the end: the list may stand before the packages that it takes away. */
static void read_removed(struct parser *parser)
{
    struct envm_repodata_part *part = parser->part;
    envm_str file_name;

    if (envm_json_peek(&parser->r) != ENVM_JSON_ARRAY) {
        envm_json_skip(&parser->r, NULL);
        return;
    }
    envm_json_begin_array(&parser->r);
    while (envm_json_next_element(&parser->r)) {
        if (envm_json_peek(&parser->r) != ENVM_JSON_STRING || part->removed.count >= REMOVED_MAX) {
            envm_json_skip(&parser->r, NULL);
            continue;
        }
        if (envm_json_string(&parser->r, parser->arena, &file_name))
            envm_vec_push(&part->removed, envm_arena_str(parser->arena, file_name));
    }
}

/* CEP 48: { EXTENSION: { STEM: record } }. Extensions that are no package format of conda belong to
 * other ecosystems. Nothing in it looks like a place to cut; should a file be cut here all the
 * same, the part is broken, and the file is read whole. */
static void read_v3(struct parser *parser)
{
    envm_str extension, stem;

    if (envm_json_peek(&parser->r) != ENVM_JSON_OBJECT) {
        envm_json_skip(&parser->r, NULL);
        return;
    }
    envm_json_begin_object(&parser->r);
    while (envm_json_next_key(&parser->r, parser->arena, &extension)) {
        if ((!envm_str_equal_c(extension, "conda") && !envm_str_equal_c(extension, "tar.bz2")) ||
            envm_json_peek(&parser->r) != ENVM_JSON_OBJECT) {
            envm_json_skip(&parser->r, NULL);
            continue;
        }
        envm_json_begin_object(&parser->r);
        while (envm_json_next_key(&parser->r, &parser->scratch, &stem)) {
            read_record(parser, envm_arena_printf(&parser->scratch, "%.*s.%.*s",
                                                  ENVM_STR_ARGS(stem), ENVM_STR_ARGS(extension)));
            if (parser->scratch.used > SCRATCH_MAX)
                envm_arena_release(&parser->scratch);
        }
    }
}

/* The elements of the document, up to its end or to a cut. */
static void read_document(struct parser *parser)
{
    envm_str key;

    while (!parser->cut && envm_json_next_key(&parser->r, parser->arena, &key)) {
        if (envm_str_equal_c(key, "packages") || envm_str_equal_c(key, "packages.conda")) {
            if (envm_json_begin_object(&parser->r))
                read_packages(parser, ENVM_PART_PACKAGES);
        } else if (envm_str_equal_c(key, "info")) {
            read_info(parser);
        } else if (envm_str_equal_c(key, "removed")) {
            read_removed(parser);
        } else if (envm_str_equal_c(key, "v3")) {
            read_v3(parser);
        } else {
            skip_value(parser);
        }
    }
}

static void read_part(struct parser *parser, envm_str json)
{
    struct envm_repodata_part *part = parser->part;

    if (part->first) {
        envm_json_init(&parser->r, json);
        envm_json_begin_object(&parser->r);
    } else {
        envm_json_init_inside(&parser->r, json, DEPTH_OF_PACKAGES);
        parser->bad = &part->lead_bad;
        read_packages(parser, ENVM_PART_LEAD);
    }
    part->lead_end = parser->builder->keys.count;
    parser->bad = &part->bad;
    read_document(parser);
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

static enum envm_code resolve_base(struct envm_arena *arena, envm_str url, envm_str base_url,
                                   envm_str *ret_base, struct envm_error *err)
{
    struct envm_url base, from;
    envm_str text;

    if (base_url.len == 0) {
        *ret_base = envm_str_slice(url, 0, envm_str_find_last_char(url, '/'));
        return ENVM_OK;
    }
    ENVM_TRY(envm_url_parse(arena, url, &from, err));
    if (envm_url_resolve(arena, url, base_url, &text, err) != ENVM_OK ||
        envm_url_parse(arena, text, &base, err) != ENVM_OK)
        return envm_wrap(err, ENVM_UNSAFE, "the channel's base_url");
    if (!is_allowed_base(&base, &from))
        return envm_fail(err, ENVM_UNSAFE,
                         "the channel says that its packages are at '%.*s': only https, or the "
                         "channel's own host, without credentials, is followed",
                         ENVM_STR_ARGS(envm_url_redact(arena, text)));
    while (envm_str_ends_with(base.clean, ENVM_STR("/")))
        base.clean.len--;
    *ret_base = base.clean;
    return ENVM_OK;
}

/* --- parts ---------------------------------------------------------------------------------- */

void envm_repodata_parse_part(envm_str json, const struct envm_repodata_source *source,
                              struct envm_arena *arena, struct envm_image_builder *builder,
                              struct envm_repodata_part *part)
{
    struct parser parser = {
        .source = source, .builder = builder, .arena = arena, .part = part, .bad = &part->bad};

    part->span.from = builder->keys.count;
    read_part(&parser, json);
    part->span.to = builder->keys.count;
    if (!parser.cut && part->last && envm_json_end(&parser.r, NULL) == ENVM_OK)
        part->end = ENVM_PART_DOCUMENT;
    envm_arena_release(&parser.scratch);
}

/* The quote that opens the string whose closing quote is at `close`, or SIZE_MAX. */
static size_t opening_quote(envm_str json, size_t close)
{
    for (size_t at = close; at-- > 0 && close - at <= FILE_NAME_MAX + 1;) {
        if (json.ptr[at] == '\\')
            break;
        if (json.ptr[at] == '"')
            return at;
    }
    return SIZE_MAX;
}

/* Whether a value that is an object follows the key that ends before `at`. */
static bool object_follows(envm_str json, size_t at)
{
    envm_str rest = envm_str_skip(json, at);

    while (rest.len > 0 && envm_is_space(rest.ptr[0]))
        rest = envm_str_skip(rest, 1);
    if (!envm_str_starts_with(rest, ENVM_STR(":")))
        return false;
    rest = envm_str_skip(rest, 1);
    while (rest.len > 0 && envm_is_space(rest.ptr[0]))
        rest = envm_str_skip(rest, 1);
    return envm_str_starts_with(rest, ENVM_STR("{"));
}

size_t envm_repodata_find_cut(envm_str json)
{
    for (size_t at = json.len; at-- > 0;) {
        envm_str before = envm_str_slice(json, 0, at);
        size_t open;

        if (json.ptr[at] != '"' || (!envm_str_ends_with(before, ENVM_STR(".conda")) &&
                                    !envm_str_ends_with(before, ENVM_STR(".tar.bz2"))))
            continue;
        if (!object_follows(json, at + 1) || (open = opening_quote(json, at)) == SIZE_MAX)
            continue;
        while (open > 0 && envm_is_space(json.ptr[open - 1]))
            open--;
        if (open > 1 && json.ptr[open - 1] == ',')
            return open - 1;
    }
    return SIZE_MAX;
}

bool envm_repodata_fit(struct envm_repodata_part *const *parts, size_t count)
{
    enum envm_part_end end = ENVM_PART_BROKEN;

    for (size_t i = 0; i < count; i++) {
        struct envm_repodata_part *part = parts[i];

        if (i > 0 && end != ENVM_PART_PACKAGES && end != ENVM_PART_OTHER)
            return false;
        if (i > 0 && end == ENVM_PART_OTHER) {
            part->bad.place -= part->lead_end - part->span.from;
            part->span.from = part->lead_end;
            part->lead_bad = (struct envm_bad_records){0};
        }
        if (part->end != ENVM_PART_LEAD)
            end = part->end;
    }
    return end == ENVM_PART_DOCUMENT;
}

/* --- the whole ------------------------------------------------------------------------------ */

/* The parts put together. */
struct whole {
    const struct envm_repodata_source *source;
    struct envm_arena *arena;
    struct envm_bad_records bad;
    size_t records; /* so far */
    envm_str base_url, info_subdir, newer_revision, revision_message;
    bool has_info_subdir;
    ENVM_VEC(envm_str) removed;
    ENVM_VEC(struct envm_image_span) spans;
};

static void release_whole(struct whole *whole)
{
    envm_vec_release(&whole->removed);
    envm_vec_release(&whole->spans);
}
ENVM_DEFINE_CLEANUP(whole, struct whole, release_whole)

static void add_bad(struct whole *whole, const struct envm_bad_records *bad)
{
    if (bad->count > 0 && whole->bad.count == 0) {
        whole->bad = *bad;
        whole->bad.place += whole->records;
        return;
    }
    whole->bad.count += bad->count;
}

static void add_part(struct whole *whole, const struct envm_repodata_part *part)
{
    add_bad(whole, &part->lead_bad);
    add_bad(whole, &part->bad);
    whole->records += part->span.to - part->span.from;
    envm_vec_push(&whole->spans, part->span);
    for (size_t i = 0; i < part->removed.count; i++)
        envm_vec_push(&whole->removed, part->removed.items[i]);
    if (part->base_url.ptr)
        whole->base_url = part->base_url;
    if (part->has_info_subdir)
        whole->info_subdir = part->info_subdir;
    if (part->newer_revision.len > 0) {
        whole->newer_revision = part->newer_revision;
        whole->revision_message = part->revision_message;
    }
    whole->has_info_subdir |= part->has_info_subdir;
}

static void add_duplicates(struct whole *whole, const struct envm_image_builder *builder,
                           const struct envm_image_layout *layout)
{
    if (layout->duplicates == 0)
        return;
    if (whole->bad.count == 0 || layout->first_place < whole->bad.place) {
        whole->bad.file_name =
            envm_image_builder_file_name(builder, layout->first_duplicate, whole->arena);
        whole->bad.fault = "the file name is there twice";
    }
    whole->bad.count += layout->duplicates;
}

static void warn_about_skipped(const struct whole *whole)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf name = envm_buf_text();

    if (whole->bad.count == 0)
        return;
    envm_buf_add_escaped(&name, whole->bad.file_name, FAULT_NAME_MAX);
    envm_sink_warn(whole->source->sink, "%.*s: %llu bad record%s left out, the first is '%s' (%s)",
                   ENVM_STR_ARGS(whole->source->url), (unsigned long long)whole->bad.count,
                   whole->bad.count == 1 ? "" : "s", envm_buf_str(&name).ptr, whole->bad.fault);
}

static void warn_about_revision(const struct whole *whole)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();

    if (whole->newer_revision.len == 0)
        return;
    envm_buf_add_escaped(&text, whole->newer_revision, FAULT_NAME_MAX);
    if (whole->revision_message.len > 0) {
        envm_buf_add_cstr(&text, ": ");
        envm_buf_add_escaped(&text, whole->revision_message, MESSAGE_MAX);
    }
    envm_sink_warn(whole->source->sink,
                   "%.*s: the channel has packages that this version of envm cannot see (%s)",
                   ENVM_STR_ARGS(whole->source->url), envm_buf_str(&text).ptr);
}

static enum envm_code check_subdir(const struct whole *whole, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf found = envm_buf_text();

    if (!whole->has_info_subdir || envm_str_equal(whole->info_subdir, whole->source->subdir))
        return ENVM_OK;
    envm_buf_add_escaped(&found, whole->info_subdir, 64);
    return envm_fail(err, ENVM_MALFORMED, "the file says that it is for '%s', not for '%.*s'",
                     envm_buf_str(&found).ptr, ENVM_STR_ARGS(whole->source->subdir));
}

static enum envm_code join(struct whole *whole, struct envm_image_builder *builder,
                           struct envm_image_layout *ret_layout,
                           struct envm_repodata_summary *ret_summary, struct envm_error *err)
{
    struct envm_str_list removed = {whole->removed.items, whole->removed.count};

    ENVM_TRY(check_subdir(whole, err));
    ENVM_TRY(resolve_base(whole->arena, whole->source->url, whole->base_url,
                          &ret_summary->package_base, err));
    envm_image_layout_make(builder, whole->spans.items, whole->spans.count, removed, ret_layout);
    add_duplicates(whole, builder, ret_layout);
    warn_about_skipped(whole);
    warn_about_revision(whole);
    ret_summary->skipped = whole->bad.count;
    return ENVM_OK;
}

enum envm_code envm_repodata_join(struct envm_repodata_part *const *parts, size_t count,
                                  const struct envm_repodata_source *source,
                                  struct envm_arena *arena, struct envm_image_builder *builder,
                                  struct envm_image_layout *ret_layout,
                                  struct envm_repodata_summary *ret_summary, struct envm_error *err)
{
    ENVM_CLEANUP(whole) struct whole whole = {.source = source, .arena = arena};
    enum envm_code code;

    for (size_t i = 0; i < count; i++)
        add_part(&whole, parts[i]);
    code = join(&whole, builder, ret_layout, ret_summary, err);
    return code == ENVM_OK ? code : envm_error_where(err, code, "%.*s", ENVM_STR_ARGS(source->url));
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

static enum envm_code read_whole(struct parser *parser, envm_str json, struct envm_error *err)
{
    enum envm_code code;

    parser->bad = &parser->part->bad;
    envm_image_builder_expect(parser->builder, json.len / RECORD_SIZE_USUAL);
    read_part(parser, json);
    parser->part->span.to = parser->builder->keys.count;
    code = envm_json_end(&parser->r, err);
    if (code == ENVM_OK)
        return code;
    return envm_error_where(err, explain(json, code, err), "%.*s",
                            ENVM_STR_ARGS(parser->source->url));
}

enum envm_code envm_repodata_parse(envm_str json, const struct envm_repodata_source *source,
                                   struct envm_arena *arena, struct envm_image_builder *builder,
                                   struct envm_image_layout *ret_layout,
                                   struct envm_repodata_summary *ret_summary,
                                   struct envm_error *err)
{
    struct envm_repodata_part part = {.first = true, .last = true};
    struct envm_repodata_part *const parts[] = {&part};
    struct parser parser = {.source = source, .builder = builder, .arena = arena, .part = &part};
    enum envm_code code = json.len > 0 ? read_whole(&parser, json, err) : ENVM_OK;

    if (code == ENVM_OK)
        code = envm_repodata_join(parts, 1, source, arena, builder, ret_layout, ret_summary, err);
    envm_repodata_part_release(&part);
    envm_arena_release(&parser.scratch);
    return code;
}
