/* SPDX-License-Identifier: MIT */
#include "conda/match_spec.h"

#include "base/error.h"
#include "base/utf8.h"
#include "codec/url.h"
#include "conda/archive_name.h"
#include "conda/match_spec_parts.h"
#include "conda/package_record.h"

struct parser {
    struct envm_arena *arena;
    struct envm_match_spec *spec;
    struct envm_error *err;
};

static enum envm_code refuse(struct parser *p, envm_str text, const char *reason)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    envm_buf_add_escaped(&shown, envm_url_redact(p->arena, text), 80);
    return envm_fail(p->err, ENVM_MALFORMED, "'%s': %s", envm_buf_str(&shown).ptr, reason);
}

static bool is_operator_char(char c)
{
    return c == '=' || c == '<' || c == '>' || c == '!' || c == '~';
}

/* Where a regular expression that starts at `at` ends (after its '$'); `at` when none starts. */
static size_t skip_regex(envm_str text, size_t at)
{
    size_t end = at;

    if (at >= text.len || text.ptr[at] != '^')
        return at;
    while (end < text.len && text.ptr[end] != '$')
        end++;
    return end < text.len ? end + 1 : at;
}

/* Finds the '[' of the keys: regular expressions have brackets of their own. */
static size_t find_bracket(envm_str text)
{
    size_t at = 0;

    while (at < text.len && text.ptr[at] != '[') {
        size_t end = skip_regex(text, at);
        at = end > at ? end : at + 1;
    }
    return at < text.len ? at : SIZE_MAX;
}

/* "# …" at the end; a '#' in brackets or quotes is no comment. */
static envm_str cut_comment(envm_str text)
{
    size_t at = 0;

    while (at < text.len && text.ptr[at] != '#') {
        size_t end = skip_regex(text, at);
        if (text.ptr[at] == '[') {
            end = envm_match_spec_skip_quoted(text, at);
            if (end == SIZE_MAX)
                return text;
        }
        at = end > at ? end : at + 1;
    }
    return envm_str_trim(envm_str_slice(text, 0, at));
}

/* conda's old "(optional, target=x)" at the end means nothing to us. */
static envm_str cut_legacy_parentheses(envm_str text)
{
    size_t open = envm_str_find_last_char(text, '(');
    envm_str inside;

    if (open == SIZE_MAX || text.ptr[text.len - 1] != ')')
        return text;
    inside = envm_str_slice(text, open + 1, text.len - 1);
    if (!envm_str_starts_with(inside, ENVM_STR("optional")) &&
        !envm_str_starts_with(inside, ENVM_STR("target=")))
        return text;
    return envm_str_trim(envm_str_slice(text, 0, open));
}

static bool has_package_suffix(envm_str text)
{
    return envm_str_ends_with(text, ENVM_STR(".conda")) ||
           envm_str_ends_with(text, ENVM_STR(".tar.bz2"));
}

static bool is_url(envm_str text)
{
    return envm_str_starts_with(text, ENVM_STR("https://")) ||
           envm_str_starts_with(text, ENVM_STR("http://")) ||
           envm_str_starts_with(text, ENVM_STR("file://"));
}

/* A URL or path of a package file, with or without "#hash". */
static bool is_package_location(envm_str text)
{
    size_t hash = envm_str_find_char(text, '#');
    envm_str file = hash == SIZE_MAX ? text : envm_str_slice(text, 0, hash);

    if (!has_package_suffix(file) || envm_str_find_char(text, ' ') != SIZE_MAX ||
        envm_str_find_char(text, '[') != SIZE_MAX || envm_str_contains(text, ENVM_STR("::")))
        return false;
    return is_url(file) || (hash == SIZE_MAX && !envm_str_contains(text, ENVM_STR("://")));
}

static void set_exact(struct envm_pattern *pattern, envm_str text)
{
    *pattern = (struct envm_pattern){.kind = ENVM_PATTERN_EXACT, .text = text};
}

static enum envm_code set_name(struct parser *p, envm_str text)
{
    char *name = envm_cstr(p->arena, text);
    size_t i;

    if (text.len == 0)
        return refuse(p, p->spec->text, "the package name is missing ('*' stands for any)");
    if (text.ptr[0] == '^') {
        ENVM_TRY(envm_pattern_parse(p->arena, text, &p->spec->name, p->err));
        return ENVM_OK;
    }
    for (i = 0; i < text.len; i++) {
        name[i] = envm_to_lower(name[i]);
        if (!envm_is_alnum(name[i]) && name[i] != '.' && name[i] != '_' && name[i] != '-' &&
            name[i] != '*')
            return refuse(p, text, "this is not a package name");
    }
    ENVM_TRY(envm_pattern_parse(p->arena, envm_str_n(name, text.len), &p->spec->name, p->err));
    if (p->spec->name.kind == ENVM_PATTERN_EXACT && !envm_package_name_is_valid(text))
        return refuse(p, text, "this is not a package name");
    return ENVM_OK;
}

static enum envm_code parse_package_url(struct parser *p, envm_str text)
{
    struct envm_package_record record;
    struct envm_match_spec *spec = p->spec;
    envm_str alias = ENVM_STR("https://conda.anaconda.org/");

    ENVM_TRY(envm_match_spec_as_malformed(
        envm_package_record_from_url(p->arena, text, &record, p->err), p->err));
    set_exact(&spec->name, record.name);
    set_exact(&spec->build, record.build);
    if (envm_str_starts_with(record.channel, alias) && record.channel.len > alias.len)
        record.channel = envm_str_skip(record.channel, alias.len);
    if (record.channel.len > 0)
        ENVM_TRY(envm_match_spec_set_channel(p->arena, record.channel, spec, p->err));
    if (record.subdir.len > 0)
        set_exact(&spec->subdir, record.subdir);
    spec->url = record.url;
    spec->sha256 = record.sha256;
    spec->md5 = record.md5;
    return envm_match_spec_set_version(p->arena, record.version, spec, p->err);
}

static enum envm_code parse_package_path(struct parser *p, envm_str text)
{
    size_t slash = envm_str_find_last_char(text, '/');
    struct envm_archive_name name;
    envm_str file = slash == SIZE_MAX ? text : envm_str_skip(text, slash + 1);

    if (!envm_archive_name_parse(file, &name))
        return refuse(p, text, "the file is not named NAME-VERSION-BUILD.conda or .tar.bz2");
    ENVM_TRY(set_name(p, name.name));
    set_exact(&p->spec->build, envm_arena_str(p->arena, name.build));
    p->spec->url = envm_arena_str(p->arena, text);
    return envm_match_spec_set_version(p->arena, name.version, p->spec, p->err);
}

/* "mkl@" asks for whatever tracks the feature mkl. */
static bool parse_feature(struct parser *p, envm_str text)
{
    envm_str feature = envm_str_slice(text, 0, text.len - 1);
    envm_str *items;

    if (text.ptr[text.len - 1] != '@' || !envm_package_name_is_valid(feature))
        return false;
    items = envm_arena_new(p->arena, envm_str);
    items[0] = envm_arena_str(p->arena, feature);
    p->spec->name.text = ENVM_STR("*");
    p->spec->track_features = (struct envm_str_list){items, 1};
    return true;
}

/* What follows the name, taken apart. */
struct version_build {
    char *version; /* without white space */
    size_t version_len;
    envm_str build;
    bool build_after_equal; /* "1.8=b", not "1.8 b" */
};

/* Where the build string begins when white space at `at` ends the version, else SIZE_MAX: beside
 * operators and separators white space means nothing. */
static size_t build_after_space(envm_str text, size_t at)
{
    while (at < text.len && envm_is_space(text.ptr[at]))
        at++;
    if (at == text.len || is_operator_char(text.ptr[at]) || text.ptr[at] == ',' ||
        text.ptr[at] == '|' || text.ptr[at] == ')')
        return SIZE_MAX;
    return at;
}

static void split_version_build(struct parser *p, envm_str text, struct version_build *ret)
{
    bool operand = false; /* a version stands before this place */
    size_t at = 0;

    *ret = (struct version_build){.version = envm_cstr(p->arena, text)};
    while (at < text.len) {
        char c = text.ptr[at];
        size_t end = operand ? at : skip_regex(text, at);
        if (end > at) {
            memcpy(ret->version + ret->version_len, text.ptr + at, end - at);
            ret->version_len += end - at;
            at = end;
            operand = true;
            continue;
        }
        if (envm_is_space(c)) {
            size_t build = operand ? build_after_space(text, at) : SIZE_MAX;
            if (build != SIZE_MAX) {
                ret->build = envm_str_skip(text, build);
                break;
            }
            at++;
            continue;
        }
        if (c == '=' && operand && !(at + 1 < text.len && text.ptr[at + 1] == '=')) {
            ret->build = envm_str_trim(envm_str_skip(text, at + 1));
            ret->build_after_equal = true;
            break;
        }
        ret->version[ret->version_len++] = c;
        operand = !is_operator_char(c) && c != ',' && c != '|' && c != '(';
        at++;
    }
    ret->version[ret->version_len] = '\0';
}

static enum envm_code set_build(struct parser *p, const struct version_build *parts)
{
    size_t i;

    if (parts->build.len == 0) {
        if (parts->build_after_equal)
            return refuse(p, p->spec->text, "the build string after '=' is missing");
        return ENVM_OK;
    }
    for (i = 0; i < parts->build.len && parts->build.ptr[0] != '^'; i++) {
        char c = parts->build.ptr[i];
        if (!envm_is_alnum(c) && c != '.' && c != '_' && c != '+' && c != '*' && c != '-')
            return refuse(p, parts->build, "this is not a build string");
    }
    return envm_pattern_parse(p->arena, parts->build, &p->spec->build, p->err);
}

/* `text` starts with white space or an operator. */
static enum envm_code parse_version_build(struct parser *p, envm_str text)
{
    bool spaced = text.len > 0 && envm_is_space(text.ptr[0]);
    struct version_build parts;
    envm_str version;

    split_version_build(p, envm_str_trim(text), &parts);
    version = envm_str_n(parts.version, parts.version_len);
    if (envm_str_equal_c(version, "=") && parts.build.len == 0)
        return ENVM_OK; /* "numpy=" */
    /* In "pkg=1.8=b" the first '=' separates; in "pkg =1.8 b" it is an operator. */
    if (parts.build.len > 0 && (parts.build_after_equal || !spaced) && version.len > 1 &&
        version.ptr[0] == '=' && !is_operator_char(version.ptr[1]) &&
        envm_str_find_char(version, ',') == SIZE_MAX &&
        envm_str_find_char(version, '|') == SIZE_MAX)
        version = envm_str_skip(version, 1);
    if (version.len > 0)
        ENVM_TRY(envm_match_spec_set_version(p->arena, version, p->spec, p->err));
    return set_build(p, &parts);
}

/* Takes "channel/subdir:namespace:" off the front; the namespace means nothing. */
static enum envm_code take_channel(struct parser *p, envm_str *text)
{
    size_t last, before;
    envm_str head;

    if (text->len > 0 && text->ptr[0] == '^')
        return ENVM_OK;
    last = envm_str_find_last_char(*text, ':');
    if (last == SIZE_MAX)
        return ENVM_OK;
    head = envm_str_slice(*text, 0, last);
    *text = envm_str_trim(envm_str_skip(*text, last + 1));
    before = envm_str_find_last_char(head, ':');
    if (before == SIZE_MAX)
        return ENVM_OK;
    return envm_match_spec_set_channel(p->arena, envm_str_trim(envm_str_slice(head, 0, before)),
                                       p->spec, p->err);
}

static enum envm_code parse_positional(struct parser *p, envm_str text)
{
    size_t at;

    ENVM_TRY(take_channel(p, &text));
    at = skip_regex(text, 0);
    while (at < text.len && !envm_is_space(text.ptr[at]) && !is_operator_char(text.ptr[at]))
        at++;
    ENVM_TRY(set_name(p, envm_str_slice(text, 0, at)));
    return parse_version_build(p, envm_str_skip(text, at));
}

static enum envm_code parse_with_keys(struct parser *p, envm_str text)
{
    size_t open, end;

    text = cut_legacy_parentheses(cut_comment(text));
    if (text.len == 0)
        return refuse(p, text, "the spec is empty");
    if (parse_feature(p, text))
        return ENVM_OK;
    open = find_bracket(text);
    if (open == SIZE_MAX)
        return parse_positional(p, text);
    end = envm_match_spec_skip_quoted(text, open);
    if (end == SIZE_MAX)
        return refuse(p, envm_str_skip(text, open), "the bracket or a quote is not closed");
    if (end != text.len)
        return refuse(p, envm_str_skip(text, end), "nothing may follow the brackets of a spec");
    ENVM_TRY(parse_positional(p, envm_str_trim(envm_str_slice(text, 0, open))));
    return envm_match_spec_parse_keys(p->arena, envm_str_slice(text, open + 1, end - 1), p->spec,
                                      p->err);
}

static bool has_bad_byte(envm_str text)
{
    size_t i;

    for (i = 0; i < text.len; i++)
        if ((unsigned char)text.ptr[i] < 0x20 && !envm_is_space(text.ptr[i]))
            return true;
    return !envm_utf8_is_valid(text);
}

static enum envm_code parse_spec(struct envm_arena *arena, envm_str text, bool inside_condition,
                                 const struct envm_match_spec **ret_spec, struct envm_error *err)
{
    struct parser p = {arena, envm_arena_new(arena, struct envm_match_spec), err};
    envm_str trimmed = envm_str_trim(text);
    enum envm_code code;

    p.spec->inside_condition = inside_condition;
    if (trimmed.len > ENVM_MATCH_SPEC_LENGTH_MAX)
        return refuse(&p, envm_str_slice(trimmed, 0, 80), "the spec is too long");
    if (has_bad_byte(trimmed))
        return refuse(&p, trimmed, "the spec holds control characters or is not UTF-8");
    /* The text is shown and stored: no credentials. */
    p.spec->text = envm_str_find(trimmed, ENVM_STR("://")) == SIZE_MAX
                       ? envm_arena_str(arena, trimmed)
                       : envm_url_redact(arena, trimmed);
    if (is_package_location(trimmed))
        code = is_url(trimmed) ? parse_package_url(&p, trimmed) : parse_package_path(&p, trimmed);
    else
        code = parse_with_keys(&p, trimmed);
    if (code == ENVM_OK && inside_condition && p.spec->name.kind != ENVM_PATTERN_EXACT)
        code = refuse(&p, trimmed, "a condition needs the exact name of a package");
    if (code == ENVM_OK)
        *ret_spec = p.spec;
    return code;
}

enum envm_code envm_match_spec_parse(struct envm_arena *arena, envm_str text,
                                     const struct envm_match_spec **ret_spec,
                                     struct envm_error *err)
{
    return parse_spec(arena, text, false, ret_spec, err);
}

enum envm_code envm_match_spec_parse_inside(struct envm_arena *arena, envm_str text,
                                            const struct envm_match_spec **ret_spec,
                                            struct envm_error *err)
{
    return parse_spec(arena, text, true, ret_spec, err);
}
