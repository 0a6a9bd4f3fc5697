/* SPDX-License-Identifier: MIT */
#include "conda/match_spec.h"

#include <inttypes.h>

#include "base/buf.h"
#include "base/hex.h"
#include "conda/match_spec_parts.h"

struct printer {
    struct envm_buf *out;
    bool open;  /* the bracket is open */
    bool plain; /* without condition and extras */
};

static bool needs_quotes(envm_str value)
{
    size_t i;

    for (i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        if (!envm_is_alnum(c) && c != '_' && c != '.' && c != '*' && c != '+' && c != '-' &&
            c != '/' && c != ':')
            return true;
    }
    return value.len == 0;
}

static void add_quoted(struct envm_buf *out, envm_str value)
{
    size_t i;

    envm_buf_add_byte(out, '\'');
    for (i = 0; i < value.len; i++) {
        char c = value.ptr[i];
        char next = i + 1 < value.len ? value.ptr[i + 1] : '\'';
        if (c == '\'' || (c == '\\' && (next == '\\' || next == '\'' || next == '"')))
            envm_buf_add_byte(out, '\\');
        envm_buf_add_byte(out, c);
    }
    envm_buf_add_byte(out, '\'');
}

static void begin_key(struct printer *p, const char *key)
{
    envm_buf_add_byte(p->out, p->open ? ',' : '[');
    p->open = true;
    envm_buf_add_cstr(p->out, key);
    envm_buf_add_byte(p->out, '=');
}

static void add_key(struct printer *p, const char *key, envm_str value, bool always_quoted)
{
    begin_key(p, key);
    if (always_quoted || needs_quotes(value))
        add_quoted(p->out, value);
    else
        envm_buf_add_str(p->out, value);
}

static void add_lower(struct envm_buf *out, envm_str text)
{
    size_t i;

    for (i = 0; i < text.len; i++)
        envm_buf_add_byte(out, envm_to_lower(text.ptr[i]));
}

/* Lower case, but for regular expressions, where \D is not \d. */
static void add_pattern_key(struct printer *p, const char *key, const struct envm_pattern *pattern)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf lower = envm_buf_text();

    if (pattern->kind == ENVM_PATTERN_ANY)
        return;
    add_lower(&lower, pattern->text);
    add_key(p, key, pattern->kind == ENVM_PATTERN_REGEX ? pattern->text : envm_buf_str(&lower),
            false);
}

/* key=[a,'b c'] */
static void add_list_key(struct printer *p, const char *key, struct envm_str_list list)
{
    size_t i;

    if (list.count == 0)
        return;
    begin_key(p, key);
    envm_buf_add_byte(p->out, '[');
    for (i = 0; i < list.count; i++) {
        if (i > 0)
            envm_buf_add_byte(p->out, ',');
        if (needs_quotes(list.items[i]))
            add_quoted(p->out, list.items[i]);
        else
            envm_buf_add_str(p->out, list.items[i]);
    }
    envm_buf_add_byte(p->out, ']');
}

/* key=a or key='a b', which is how conda writes features; a list when a word is not simple. */
static void add_words_key(struct printer *p, const char *key, struct envm_str_list list)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    size_t i;

    for (i = 0; i < list.count; i++) {
        if (needs_quotes(list.items[i])) {
            add_list_key(p, key, list);
            return;
        }
        if (i > 0)
            envm_buf_add_byte(&text, ' ');
        envm_buf_add_str(&text, list.items[i]);
    }
    if (list.count > 0)
        add_key(p, key, envm_buf_str(&text), false);
}

static void add_channel(struct envm_buf *out, const struct envm_match_spec *spec)
{
    if (spec->channel.kind != ENVM_PATTERN_EXACT)
        return;
    envm_buf_add_str(out, spec->channel.text);
    if (spec->subdir.kind == ENVM_PATTERN_EXACT) {
        envm_buf_add_byte(out, '/');
        add_lower(out, spec->subdir.text);
    }
    envm_buf_add_cstr(out, "::");
}

static void add_name(struct envm_buf *out, const struct envm_match_spec *spec)
{
    if (spec->name.kind == ENVM_PATTERN_ANY)
        envm_buf_add_byte(out, '*');
    else
        envm_buf_add_str(out, spec->name.text);
}

/* The version where it can stand after the name; false when it belongs into the brackets. */
static bool add_version(struct envm_buf *out, const struct envm_match_spec *spec)
{
    enum envm_version_spec_shape shape = envm_version_spec_shape(spec->version);

    switch (shape) {
    case ENVM_VERSION_ANY:
        return true;
    case ENVM_VERSION_EXACT:
    case ENVM_VERSION_FUZZY:
        envm_buf_add_cstr(out, shape == ENVM_VERSION_EXACT ? "==" : "=");
        add_lower(out, envm_version_spec_literal(spec->version));
        return true;
    case ENVM_VERSION_NEGATED:
        if (spec->build.kind != ENVM_PATTERN_ANY)
            return false;
        envm_buf_add_str(out, envm_version_spec_text(spec->version));
        return true;
    case ENVM_VERSION_COMPOUND:
        break;
    }
    return false;
}

static void add_build_number(struct printer *p, const struct envm_number_match *number)
{
    if (number->present)
        add_key(p, "build_number", number->pattern.text, false);
}

static void add_other_keys(struct printer *p, const struct envm_match_spec *spec)
{
    add_build_number(p, &spec->build_number);
    add_words_key(p, "track_features", spec->track_features);
    add_words_key(p, "features", spec->features);
    /* A URL that the other parts spell out is not repeated. */
    if (spec->url.len > 0 &&
        (spec->channel.kind != ENVM_PATTERN_EXACT || spec->subdir.kind != ENVM_PATTERN_EXACT))
        add_key(p, "url", spec->url, false);
    if (spec->md5.known)
        add_key(p, "md5", envm_str_from(envm_md5_hex(&spec->md5).text), false);
    if (spec->sha256.known)
        add_key(p, "sha256", envm_str_from(envm_sha256_hex(&spec->sha256).text), false);
    add_pattern_key(p, "license", &spec->license);
    add_pattern_key(p, "license_family", &spec->license_family);
    add_pattern_key(p, "fn", &spec->file_name);
    add_list_key(p, "flags", spec->flags);
    if (p->plain)
        return;
    if (spec->when.len > 0)
        add_key(p, "when", spec->when, true);
    add_list_key(p, "extras", spec->extras);
}

/* A package may be called "a.conda", and a build "b.tar.bz2". */
static bool reads_as_file(envm_str form)
{
    return (envm_str_ends_with(form, ENVM_STR(".conda")) ||
            envm_str_ends_with(form, ENVM_STR(".tar.bz2"))) &&
           !envm_str_contains(form, ENVM_STR("::"));
}

static envm_str format(struct envm_arena *arena, const struct envm_match_spec *spec, bool plain)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    struct printer p = {&out, false, plain};
    bool exact = spec->version && envm_version_spec_shape(spec->version) == ENVM_VERSION_EXACT;
    bool version_done, build_done = false;

    add_channel(&out, spec);
    add_name(&out, spec);
    version_done = !spec->version || add_version(&out, spec);
    if (exact && spec->build.kind == ENVM_PATTERN_EXACT) {
        envm_buf_add_byte(&out, '=');
        add_lower(&out, spec->build.text);
        build_done = true;
    }
    if (spec->channel.kind != ENVM_PATTERN_EXACT) {
        if (spec->channel.kind != ENVM_PATTERN_ANY)
            add_key(&p, "channel", spec->channel.text, false);
        add_pattern_key(&p, "subdir", &spec->subdir);
    } else if (spec->subdir.kind != ENVM_PATTERN_EXACT) {
        add_pattern_key(&p, "subdir", &spec->subdir);
    }
    if (!version_done)
        add_key(&p, "version", envm_version_spec_text(spec->version), true);
    if (!build_done)
        add_pattern_key(&p, "build", &spec->build);
    add_other_keys(&p, spec);
    if (p.open)
        envm_buf_add_byte(&out, ']');
    else if (reads_as_file(envm_buf_str(&out)))
        envm_buf_add_cstr(&out, "[]");
    return envm_arena_str(arena, envm_buf_str(&out));
}

envm_str envm_match_spec_format(struct envm_arena *arena, const struct envm_match_spec *spec)
{
    return format(arena, spec, false);
}

/* Name, version and build are all that is asked for, conditions and extras apart. */
static bool is_plain(const struct envm_match_spec *spec)
{
    return spec->name.kind == ENVM_PATTERN_EXACT && spec->channel.kind == ENVM_PATTERN_ANY &&
           spec->subdir.kind == ENVM_PATTERN_ANY && spec->build.kind != ENVM_PATTERN_REGEX &&
           !spec->build_number.present && spec->track_features.count == 0 &&
           spec->features.count == 0 && spec->url.len == 0 &&
           spec->file_name.kind == ENVM_PATTERN_ANY && !spec->md5.known && !spec->sha256.known &&
           spec->license.kind == ENVM_PATTERN_ANY &&
           spec->license_family.kind == ENVM_PATTERN_ANY && spec->flags.count == 0;
}

static envm_str readable(struct envm_arena *arena, const struct envm_match_spec *spec)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    bool has_build = spec->build.kind != ENVM_PATTERN_ANY;

    envm_buf_add_str(&out, spec->name.text);
    if (!spec->version && !has_build)
        return envm_arena_str(arena, envm_buf_str(&out));
    envm_buf_add_byte(&out, ' ');
    switch (spec->version ? envm_version_spec_shape(spec->version) : ENVM_VERSION_ANY) {
    case ENVM_VERSION_ANY:
        envm_buf_add_byte(&out, '*');
        break;
    case ENVM_VERSION_EXACT:
        envm_buf_add_cstr(&out, has_build ? "" : "==");
        add_lower(&out, envm_version_spec_literal(spec->version));
        break;
    case ENVM_VERSION_FUZZY:
        add_lower(&out, envm_version_spec_literal(spec->version));
        envm_buf_add_cstr(&out, ".*");
        break;
    case ENVM_VERSION_NEGATED:
    case ENVM_VERSION_COMPOUND:
        envm_buf_add_str(&out, envm_version_spec_text(spec->version));
        break;
    }
    if (has_build) {
        envm_buf_add_byte(&out, ' ');
        add_lower(&out, spec->build.text);
    }
    return envm_arena_str(arena, envm_buf_str(&out));
}

envm_str envm_match_spec_readable(struct envm_arena *arena, const struct envm_match_spec *spec)
{
    if (!is_plain(spec) || reads_as_file(spec->name.text) || spec->when.len > 0 ||
        spec->extras.count > 0)
        return envm_match_spec_format(arena, spec);
    return readable(arena, spec);
}

envm_str envm_match_spec_plain(struct envm_arena *arena, const struct envm_match_spec *spec)
{
    if (spec->when.len == 0 && spec->extras.count == 0)
        return spec->text;
    return is_plain(spec) ? readable(arena, spec) : format(arena, spec, true);
}
