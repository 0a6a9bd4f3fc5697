/* SPDX-License-Identifier: MIT */
#include "conda/match_spec_parts.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "codec/url.h"
#include "conda/extras.h"
#include "conda/platform.h"

#define BRACKET_DEPTH_MAX 16

static enum envm_code refuse(struct envm_error *err, envm_str text, const char *reason)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    envm_buf_add_escaped(&shown, envm_url_redact(&arena, text), 80);
    return envm_fail(err, ENVM_MALFORMED, "'%s': %s", envm_buf_str(&shown).ptr, reason);
}

static bool is_quote(char c)
{
    return c == '\'' || c == '"';
}

static size_t skip_string(envm_str text, size_t at)
{
    char quote = text.ptr[at++];

    for (; at < text.len; at++) {
        if (text.ptr[at] == '\\' && at + 1 < text.len)
            at++;
        else if (text.ptr[at] == quote)
            return at + 1;
    }
    return SIZE_MAX;
}

size_t envm_match_spec_skip_quoted(envm_str text, size_t at)
{
    size_t depth = 0;

    if (is_quote(text.ptr[at]))
        return skip_string(text, at);
    while (at < text.len) {
        char c = text.ptr[at];
        if (is_quote(c)) {
            at = skip_string(text, at);
            if (at == SIZE_MAX)
                return SIZE_MAX;
            continue;
        }
        at++;
        if (c == '[' && ++depth > BRACKET_DEPTH_MAX)
            return SIZE_MAX;
        if (c == ']' && --depth == 0)
            return at;
    }
    return SIZE_MAX;
}

/* Takes the quotes off; a backslash hides a quote or a backslash and stands for itself elsewhere.
 */
static envm_str unquote(struct envm_arena *arena, envm_str text)
{
    char *out;
    size_t len = 0, i;

    if (text.len < 2 || !is_quote(text.ptr[0]))
        return envm_arena_str(arena, text);
    out = envm_cstr(arena, text);
    for (i = 1; i + 1 < text.len; i++) {
        char next = i + 2 < text.len ? text.ptr[i + 1] : 0;
        if (text.ptr[i] == '\\' && (next == '\\' || is_quote(next)))
            i++;
        out[len++] = text.ptr[i];
    }
    out[len] = '\0';
    return envm_str_n(out, len);
}

static bool is_list_separator(char c)
{
    return c == ',' || envm_is_space(c);
}

/* One item that starts at *at: a quoted string, or what has no quotes and brackets in it. */
static bool read_word(struct envm_arena *arena, envm_str text, size_t *at, envm_str *ret_word)
{
    size_t start = *at;

    if (is_quote(text.ptr[start])) {
        size_t end = skip_string(text, start);
        *at = end == SIZE_MAX ? start : end;
    } else {
        while (*at < text.len && !is_list_separator(text.ptr[*at]) && !is_quote(text.ptr[*at]) &&
               text.ptr[*at] != '[' && text.ptr[*at] != ']')
            ++*at;
    }
    *ret_word = unquote(arena, envm_str_slice(text, start, *at));
    return *at > start && (*at == text.len || is_list_separator(text.ptr[*at]));
}

/* Words between commas and white space, with or without square brackets around them. */
static enum envm_code split_words(struct envm_arena *arena, envm_str text,
                                  struct envm_str_list *ret_list, struct envm_error *err)
{
    ENVM_VEC(envm_str) words = {0};
    size_t at = 0;
    bool valid = true;

    if (text.len >= 2 && text.ptr[0] == '[' && text.ptr[text.len - 1] == ']')
        text = envm_str_slice(text, 1, text.len - 1);
    while (valid) {
        envm_str word;
        while (at < text.len && is_list_separator(text.ptr[at]))
            at++;
        if (at == text.len)
            break;
        valid = read_word(arena, text, &at, &word);
        envm_vec_push(&words, word);
    }
    *ret_list = (struct envm_str_list){0};
    if (valid && words.count > 0)
        *ret_list = (struct envm_str_list){
            envm_arena_copy(arena, words.items, words.count * sizeof(*words.items)), words.count};
    envm_vec_release(&words);
    if (!valid)
        return refuse(err, text, "a list has a quote or bracket in an odd place");
    return ENVM_OK;
}

static enum envm_code set_extras(struct envm_arena *arena, envm_str text,
                                 struct envm_match_spec *spec, struct envm_error *err)
{
    if (spec->inside_condition)
        return refuse(err, text, "a condition cannot ask for extras");
    ENVM_TRY(split_words(arena, text, &spec->extras, err));
    for (size_t i = 0; i < spec->extras.count; i++)
        if (!envm_extra_name_is_valid(spec->extras.items[i]))
            return refuse(err, spec->extras.items[i],
                          "an extra has 1 to 64 of the characters a-z, 0-9, _, ., + and -");
    return ENVM_OK;
}

static enum envm_code set_flags(struct envm_arena *arena, envm_str text,
                                struct envm_match_spec *spec, struct envm_error *err)
{
    ENVM_TRY(split_words(arena, text, &spec->flags, err));
    for (size_t i = 0; i < spec->flags.count; i++)
        if (!envm_flag_is_valid(spec->flags.items[i], true))
            return refuse(err, spec->flags.items[i],
                          "a flag has the characters a-z, 0-9, _ and *, as in 'cuda' or 'blas:*'");
    return ENVM_OK;
}

static const struct {
    envm_str sign;
    enum envm_number_relation relation;
} relations[] = {
    /* the longer ones first */
    {ENVM_STR_INIT("=="), ENVM_NUMBER_EQUAL},      {ENVM_STR_INIT("!="), ENVM_NUMBER_NOT_EQUAL},
    {ENVM_STR_INIT("<="), ENVM_NUMBER_LESS_EQUAL}, {ENVM_STR_INIT(">="), ENVM_NUMBER_GREATER_EQUAL},
    {ENVM_STR_INIT("="), ENVM_NUMBER_EQUAL},       {ENVM_STR_INIT("<"), ENVM_NUMBER_LESS},
    {ENVM_STR_INIT(">"), ENVM_NUMBER_GREATER},
};

static enum envm_code set_build_number(struct envm_arena *arena, envm_str text,
                                       struct envm_match_spec *spec, struct envm_error *err)
{
    struct envm_number_match number = {.present = true};
    size_t i;

    ENVM_TRY(envm_pattern_parse(arena, text, &number.pattern, err));
    number.present = number.pattern.kind != ENVM_PATTERN_ANY;
    if (number.pattern.kind == ENVM_PATTERN_EXACT) {
        envm_str digits = text;
        number.relation = ENVM_NUMBER_EQUAL;
        for (i = 0; i < sizeof(relations) / sizeof(relations[0]); i++) {
            if (!envm_str_starts_with(text, relations[i].sign))
                continue;
            number.relation = relations[i].relation;
            digits = envm_str_trim(envm_str_skip(text, relations[i].sign.len));
            break;
        }
        if (!envm_str_parse_u64(digits, &number.value))
            return refuse(err, text, "build_number takes a number, as in '3' or '>=3'");
    }
    spec->build_number = number;
    return ENVM_OK;
}

static bool is_plain_url(envm_str text)
{
    return envm_str_find(text, ENVM_STR("://")) != SIZE_MAX &&
           envm_str_find_char(text, '*') == SIZE_MAX && text.ptr[0] != '^';
}

enum envm_code envm_match_spec_as_malformed(enum envm_code code, struct envm_error *err)
{
    if (code != ENVM_USAGE)
        return code;
    if (err)
        err->code = ENVM_MALFORMED;
    return ENVM_MALFORMED;
}

static enum envm_code set_url(struct envm_arena *arena, envm_str text, struct envm_match_spec *spec,
                              struct envm_error *err)
{
    struct envm_url url;

    spec->url = text;
    if (envm_str_find(text, ENVM_STR("://")) == SIZE_MAX)
        return ENVM_OK;
    ENVM_TRY(envm_match_spec_as_malformed(envm_url_parse(arena, text, &url, err), err));
    spec->url = url.clean;
    return ENVM_OK;
}

static bool may_be_channel(envm_str text)
{
    size_t i;

    for (i = 0; i < text.len; i++) {
        char c = text.ptr[i];
        if ((unsigned char)c <= ' ' || is_quote(c) || c == '[' || c == ']' || c == '#')
            return false;
    }
    return text.len > 0 && text.ptr[text.len - 1] != ':';
}

enum envm_code envm_match_spec_set_channel(struct envm_arena *arena, envm_str text,
                                           struct envm_match_spec *spec, struct envm_error *err)
{
    size_t slash;

    while (text.len > 1 && text.ptr[text.len - 1] == '/')
        text = envm_str_slice(text, 0, text.len - 1);
    if (!may_be_channel(text))
        return refuse(err, text, "this is not a channel");
    if (is_plain_url(text)) {
        struct envm_url url;
        ENVM_TRY(envm_match_spec_as_malformed(envm_url_parse(arena, text, &url, err), err));
        text = url.clean; /* credentials are no part of a channel's name */
        while (text.len > 1 && text.ptr[text.len - 1] == '/')
            text = envm_str_slice(text, 0, text.len - 1);
        if (!may_be_channel(text))
            return refuse(err, text, "this is not a channel");
    }
    slash = envm_str_find_last_char(text, '/');
    if (slash != SIZE_MAX && slash > 0 && envm_subdir_is_known(envm_str_skip(text, slash + 1))) {
        ENVM_TRY(envm_pattern_parse(arena, envm_str_skip(text, slash + 1), &spec->subdir, err));
        text = envm_str_slice(text, 0, slash);
    }
    return envm_pattern_parse(arena, text, &spec->channel, err);
}

enum envm_code envm_match_spec_set_version(struct envm_arena *arena, envm_str text,
                                           struct envm_match_spec *spec, struct envm_error *err)
{
    const struct envm_version_spec *version;

    ENVM_TRY(envm_version_spec_parse(arena, text, &version, err));
    spec->version = envm_version_spec_shape(version) == ENVM_VERSION_ANY ? NULL : version;
    return ENVM_OK;
}

static enum envm_code set_md5(envm_str text, struct envm_match_spec *spec, struct envm_error *err)
{
    if (!envm_md5_parse(text, &spec->md5))
        return refuse(err, text, "an MD5 has 32 hexadecimal digits");
    return ENVM_OK;
}

static enum envm_code set_sha256(envm_str text, struct envm_match_spec *spec,
                                 struct envm_error *err)
{
    if (!envm_sha256_parse(text, &spec->sha256))
        return refuse(err, text, "a SHA-256 has 64 hexadecimal digits");
    return ENVM_OK;
}

enum key {
    KEY_BUILD,
    KEY_BUILD_NUMBER,
    KEY_CHANNEL,
    KEY_EXTRAS,
    KEY_FEATURES,
    KEY_FILE_NAME,
    KEY_FLAGS,
    KEY_IGNORED,
    KEY_LICENSE,
    KEY_LICENSE_FAMILY,
    KEY_MD5,
    KEY_SHA256,
    KEY_SUBDIR,
    KEY_TRACK_FEATURES,
    KEY_URL,
    KEY_VERSION,
    KEY_WHEN,
    KEY_UNKNOWN,
};

static const struct {
    envm_str name;
    enum key key;
} keys[] = {
    {ENVM_STR_INIT("build"), KEY_BUILD},
    {ENVM_STR_INIT("build_number"), KEY_BUILD_NUMBER},
    {ENVM_STR_INIT("channel"), KEY_CHANNEL},
    {ENVM_STR_INIT("extras"), KEY_EXTRAS},
    {ENVM_STR_INIT("features"), KEY_FEATURES},
    {ENVM_STR_INIT("flags"), KEY_FLAGS},
    {ENVM_STR_INIT("fn"), KEY_FILE_NAME},
    {ENVM_STR_INIT("license"), KEY_LICENSE},
    {ENVM_STR_INIT("license_family"), KEY_LICENSE_FAMILY},
    {ENVM_STR_INIT("md5"), KEY_MD5},
    {ENVM_STR_INIT("name"), KEY_IGNORED},
    {ENVM_STR_INIT("namespace"), KEY_IGNORED},
    {ENVM_STR_INIT("optional"), KEY_IGNORED},
    {ENVM_STR_INIT("sha256"), KEY_SHA256},
    {ENVM_STR_INIT("subdir"), KEY_SUBDIR},
    {ENVM_STR_INIT("target"), KEY_IGNORED},
    {ENVM_STR_INIT("track_features"), KEY_TRACK_FEATURES},
    {ENVM_STR_INIT("url"), KEY_URL},
    {ENVM_STR_INIT("version"), KEY_VERSION},
    {ENVM_STR_INIT("when"), KEY_WHEN},
};

static enum key find_key(envm_str name)
{
    size_t i;

    for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (envm_str_equal(name, keys[i].name))
            return keys[i].key;
    return KEY_UNKNOWN;
}

static enum envm_code set_key(struct envm_arena *arena, enum key key, envm_str value,
                              struct envm_match_spec *spec, struct envm_error *err)
{
    switch (key) {
    case KEY_BUILD:
        return envm_pattern_parse(arena, value, &spec->build, err);
    case KEY_BUILD_NUMBER:
        return set_build_number(arena, value, spec, err);
    case KEY_EXTRAS:
        return set_extras(arena, value, spec, err);
    case KEY_FEATURES:
        return split_words(arena, value, &spec->features, err);
    case KEY_FILE_NAME:
        return envm_pattern_parse(arena, value, &spec->file_name, err);
    case KEY_FLAGS:
        return set_flags(arena, value, spec, err);
    case KEY_LICENSE:
        return envm_pattern_parse(arena, value, &spec->license, err);
    case KEY_LICENSE_FAMILY:
        return envm_pattern_parse(arena, value, &spec->license_family, err);
    case KEY_MD5:
        return set_md5(value, spec, err);
    case KEY_SHA256:
        return set_sha256(value, spec, err);
    case KEY_TRACK_FEATURES:
        return split_words(arena, value, &spec->track_features, err);
    case KEY_URL:
        return set_url(arena, value, spec, err);
    case KEY_VERSION:
        return envm_match_spec_set_version(arena, value, spec, err);
    case KEY_WHEN:
        return envm_match_spec_set_when(arena, value, spec, err);
    case KEY_CHANNEL: /* these two are set at the end, see below */
    case KEY_SUBDIR:
    case KEY_IGNORED:
    case KEY_UNKNOWN:
        break;
    }
    return ENVM_OK;
}

struct key_reader {
    envm_str text;
    size_t at;
};

static void skip_separators(struct key_reader *r)
{
    while (r->at < r->text.len && (r->text.ptr[r->at] == ',' || envm_is_space(r->text.ptr[r->at])))
        r->at++;
}

static envm_str read_key_name(struct key_reader *r)
{
    size_t start = r->at;

    while (r->at < r->text.len && (envm_is_alnum(r->text.ptr[r->at]) || r->text.ptr[r->at] == '_'))
        r->at++;
    return envm_str_slice(r->text, start, r->at);
}

/* The value with its quotes, or empty text when there is none. */
static envm_str read_value(struct key_reader *r)
{
    size_t start = r->at, end;
    char first = r->at < r->text.len ? r->text.ptr[r->at] : 0;

    if (is_quote(first) || first == '[') {
        end = envm_match_spec_skip_quoted(r->text, r->at);
        r->at = end == SIZE_MAX ? start : end;
        return envm_str_slice(r->text, start, r->at);
    }
    while (r->at < r->text.len && r->text.ptr[r->at] != ',' && !is_quote(r->text.ptr[r->at]) &&
           !envm_is_space(r->text.ptr[r->at]))
        r->at++;
    return envm_str_slice(r->text, start, r->at);
}

static bool at_separator(const struct key_reader *r)
{
    return r->at == r->text.len || r->text.ptr[r->at] == ',' || envm_is_space(r->text.ptr[r->at]);
}

static enum envm_code unknown_key(struct envm_error *err, envm_str name)
{
    enum envm_code code = refuse(err, name, "unknown key in the brackets of a spec");

    return envm_error_hint(err, code,
                           "the keys are version, build, build_number, channel, subdir, url, fn, "
                           "md5, sha256, license, license_family, track_features, features, when, "
                           "extras and flags");
}

/* The key and its unquoted value; an empty value with ENVM_OK belongs to the bare word "optional".
 */
static enum envm_code read_pair(struct envm_arena *arena, struct key_reader *r, enum key *ret_key,
                                envm_str *ret_value, struct envm_error *err)
{
    envm_str name = read_key_name(r);

    *ret_value = (envm_str){"", 0};
    if (name.len == 0)
        return refuse(err, envm_str_skip(r->text, r->at), "a key is expected here");
    *ret_key = find_key(name);
    if (*ret_key == KEY_UNKNOWN)
        return unknown_key(err, name);
    if (at_separator(r) && envm_str_equal_c(name, "optional"))
        return ENVM_OK;
    if (r->at >= r->text.len || r->text.ptr[r->at] != '=')
        return refuse(err, name, "'=' and a value have to follow the key");
    r->at++;
    *ret_value = unquote(arena, read_value(r));
    if (ret_value->len == 0 || !at_separator(r))
        return refuse(err, name, "the value of the key is empty, or its quote is not closed");
    return ENVM_OK;
}

enum envm_code envm_match_spec_parse_keys(struct envm_arena *arena, envm_str text,
                                          struct envm_match_spec *spec, struct envm_error *err)
{
    struct key_reader r = {.text = text};
    envm_str channel = {0}, subdir = {0};
    uint32_t seen = 0;

    skip_separators(&r);
    while (r.at < r.text.len) {
        envm_str value;
        enum key key = KEY_UNKNOWN;
        ENVM_TRY(read_pair(arena, &r, &key, &value, err));
        if (key != KEY_IGNORED && (seen & UINT32_C(1) << key))
            return refuse(err, text, "a key stands twice in the brackets");
        seen |= UINT32_C(1) << key;
        if (key == KEY_CHANNEL)
            channel = value;
        else if (key == KEY_SUBDIR)
            subdir = value;
        else
            ENVM_TRY(set_key(arena, key, value, spec, err));
        skip_separators(&r);
    }
    /* A subdir of its own wins over one at the end of the channel, in whatever order they stand. */
    if (channel.len > 0)
        ENVM_TRY(envm_match_spec_set_channel(arena, channel, spec, err));
    if (subdir.len > 0)
        ENVM_TRY(envm_pattern_parse(arena, subdir, &spec->subdir, err));
    return ENVM_OK;
}
