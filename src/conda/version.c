/* SPDX-License-Identifier: MIT */
#include "conda/version.h"

#include "base/cleanup.h"
#include "base/error.h"
#include "base/utf8.h"

/* Each byte of the text starts at most one component, and a component that begins with a letter
 * brings one filler. */
#define COMPONENTS_MAX (2 * ENVM_VERSION_LENGTH_MAX + 4)
#define SEGMENTS_MAX (ENVM_VERSION_LENGTH_MAX + 4)

/* In the order of CEP 33: a string is below every number, "post" above. */
enum component_kind {
    COMPONENT_STRING,
    COMPONENT_NUMBER,
    COMPONENT_POST,
};

struct component {
    const char *ptr; /* number: digits without leading zeros, so that 0 is the empty text */
    uint16_t len;
    uint8_t kind;
};

struct segment {
    uint16_t first; /* index into the version's components */
    uint16_t count;
};

struct part {
    const struct segment *segments;
    size_t count;
};

struct envm_version {
    envm_str text;
    const struct component *components;
    struct part main; /* the epoch is its first segment */
    struct part local;
};

struct parser {
    envm_str text; /* trimmed, lower case, in the arena */
    struct component components[COMPONENTS_MAX];
    struct segment segments[SEGMENTS_MAX];
    size_t component_count, segment_count;
};

static const struct component zero = {"", 0, COMPONENT_NUMBER};

static enum envm_code refuse(struct envm_error *err, envm_str text, const char *reason)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

    envm_buf_add_escaped(&shown, text, 80);
    return envm_fail(err, ENVM_MALFORMED, "'%s' is not a version: %s", envm_buf_str(&shown).ptr,
                     reason);
}

static bool is_version_char(char c)
{
    return envm_is_digit(c) || (c >= 'a' && c <= 'z') || c == '.' || c == '_' || c == '+' ||
           c == '!' || c == '*';
}

/* Lower case; dashes become underscores when there is no underscore beside them. NULL or why not.
 */
static const char *normalise(struct envm_arena *arena, envm_str text, envm_str *ret_text)
{
    bool dashes = envm_str_find_char(text, '-') != SIZE_MAX;
    char *copy;
    size_t i;

    if (text.len == 0)
        return "it is empty";
    if (text.len > ENVM_VERSION_LENGTH_MAX)
        return "it is too long";
    if (dashes && envm_str_find_char(text, '_') != SIZE_MAX)
        return "'-' and '_' may not be mixed";
    copy = envm_cstr(arena, text);
    for (i = 0; i < text.len; i++) {
        char c = envm_to_lower(copy[i]);
        if (c == '-')
            c = '_';
        if (!is_version_char(c))
            return "only letters, digits and . _ - + ! may be used";
        copy[i] = c;
    }
    *ret_text = envm_str_n(copy, text.len);
    return NULL;
}

static void add_component(struct parser *parser, const char *ptr, size_t len,
                          enum component_kind kind)
{
    parser->components[parser->component_count++] =
        (struct component){ptr, (uint16_t)len, (uint8_t)kind};
}

static void add_number(struct parser *parser, envm_str digits)
{
    size_t skip = 0;

    while (skip < digits.len && digits.ptr[skip] == '0')
        skip++;
    add_component(parser, digits.ptr + skip, digits.len - skip, COMPONENT_NUMBER);
}

static void add_string(struct parser *parser, envm_str run)
{
    /* "DEV" in capitals sorts before every other string, as those are lower case. */
    if (envm_str_equal_c(run, "dev"))
        add_component(parser, "DEV", 3, COMPONENT_STRING);
    else if (envm_str_equal_c(run, "post"))
        add_component(parser, "", 0, COMPONENT_POST);
    else
        add_component(parser, run.ptr, run.len, COMPONENT_STRING);
}

enum run_class {
    RUN_DIGITS,
    RUN_STARS,
    RUN_OTHER,
};

static enum run_class class_of(char c)
{
    if (envm_is_digit(c))
        return RUN_DIGITS;
    return c == '*' ? RUN_STARS : RUN_OTHER;
}

/* Runs of digits, of stars and of other characters. */
static void add_segment(struct parser *parser, envm_str text)
{
    struct segment *segment = &parser->segments[parser->segment_count++];
    size_t start = 0, i;

    segment->first = (uint16_t)parser->component_count;
    if (class_of(text.ptr[0]) != RUN_DIGITS)
        parser->components[parser->component_count++] = zero;
    for (i = 1; i <= text.len; i++) {
        if (i < text.len && class_of(text.ptr[i]) == class_of(text.ptr[start]))
            continue;
        if (class_of(text.ptr[start]) == RUN_DIGITS)
            add_number(parser, envm_str_slice(text, start, i));
        else
            add_string(parser, envm_str_slice(text, start, i));
        start = i;
    }
    segment->count = (uint16_t)(parser->component_count - segment->first);
}

/* Segments between '.' and '_'; a trailing '_' belongs to the last one (openssl 1.0.1_). */
static const char *add_segments(struct parser *parser, envm_str text, bool keep_trailing)
{
    size_t end = text.len;
    size_t start = 0, i;

    if (keep_trailing && text.ptr[text.len - 1] == '_')
        end--;
    for (i = 0; i <= end; i++) {
        bool last = i == end;
        if (!last && text.ptr[i] != '.' && text.ptr[i] != '_')
            continue;
        if ((last ? text.len : i) == start)
            return "it has an empty part";
        add_segment(parser, envm_str_slice(text, start, last ? text.len : i));
        start = i + 1;
    }
    return NULL;
}

static const char *parse_epoch(struct parser *parser, envm_str *rest)
{
    size_t mark = envm_str_find_char(*rest, '!');
    envm_str epoch = ENVM_STR("0");
    size_t i;

    if (mark != SIZE_MAX) {
        epoch = envm_str_slice(*rest, 0, mark);
        *rest = envm_str_skip(*rest, mark + 1);
        if (envm_str_find_char(*rest, '!') != SIZE_MAX)
            return "it has two epochs";
    }
    if (epoch.len == 0)
        return "there is no number before '!'";
    for (i = 0; i < epoch.len; i++)
        if (!envm_is_digit(epoch.ptr[i]))
            return "the epoch before '!' is not a number";
    add_segment(parser, epoch);
    return NULL;
}

static const char *parse_parts(struct parser *parser, struct part *ret_main, struct part *ret_local)
{
    envm_str rest = parser->text, local = {0};
    const char *reason = parse_epoch(parser, &rest);
    size_t plus = envm_str_find_char(rest, '+');

    if (reason)
        return reason;
    if (plus != SIZE_MAX) {
        local = envm_str_skip(rest, plus + 1);
        rest = envm_str_slice(rest, 0, plus);
        if (local.len == 0)
            return "nothing follows '+'";
        if (envm_str_find_char(local, '+') != SIZE_MAX)
            return "it has two local parts";
    }
    if (rest.len == 0)
        return "it has no main part";
    reason = add_segments(parser, rest, true);
    if (reason)
        return reason;
    ret_main->count = parser->segment_count;
    if (local.len > 0)
        reason = add_segments(parser, local, false);
    ret_local->count = parser->segment_count - ret_main->count;
    return reason;
}

enum envm_code envm_version_parse(struct envm_arena *arena, envm_str text,
                                  const struct envm_version **ret_version, struct envm_error *err)
{
    ENVM_UNINITIALIZED struct parser parser; /* to zero its 20 KB was a quarter of a solve */
    struct envm_version *version;
    const struct segment *segments;
    struct part main_part = {0}, local = {0};
    const char *reason;

    parser.component_count = parser.segment_count = 0;
    reason = normalise(arena, envm_str_trim(text), &parser.text);
    if (!reason)
        reason = parse_parts(&parser, &main_part, &local);
    if (reason)
        return refuse(err, text, reason);
    version = envm_arena_new(arena, struct envm_version);
    version->text = envm_arena_str(arena, text);
    version->components = envm_arena_copy(arena, parser.components,
                                          parser.component_count * sizeof(*parser.components));
    segments =
        envm_arena_copy(arena, parser.segments, parser.segment_count * sizeof(*parser.segments));
    version->main = (struct part){segments, main_part.count};
    version->local = (struct part){segments + main_part.count, local.count};
    *ret_version = version;
    return ENVM_OK;
}

static int compare_bytes(const struct component *a, const struct component *b)
{
    size_t common = a->len < b->len ? a->len : b->len;
    int order = common > 0 ? memcmp(a->ptr, b->ptr, common) : 0;

    if (order != 0)
        return order < 0 ? -1 : 1;
    return a->len < b->len ? -1 : a->len > b->len;
}

static int compare_components(const struct component *a, const struct component *b)
{
    if (a->kind != b->kind)
        return a->kind < b->kind ? -1 : 1;
    /* Numbers have no leading zeros: the longer one is the larger one. */
    if (a->kind == COMPONENT_NUMBER && a->len != b->len)
        return a->len < b->len ? -1 : 1;
    return compare_bytes(a, b);
}

static size_t component_count(const struct part *part, size_t segment)
{
    return segment < part->count ? part->segments[segment].count : 0;
}

/* What is missing counts as 0. */
static const struct component *component_at(const struct envm_version *version,
                                            const struct part *part, size_t segment, size_t index)
{
    if (index >= component_count(part, segment))
        return &zero;
    return &version->components[part->segments[segment].first + index];
}

static int compare_segment(const struct envm_version *a, const struct part *a_part,
                           const struct envm_version *b, const struct part *b_part, size_t segment,
                           size_t limit)
{
    size_t a_count = component_count(a_part, segment);
    size_t b_count = component_count(b_part, segment);
    size_t count = a_count > b_count ? a_count : b_count;
    size_t i;

    for (i = 0; i < count && i < limit; i++) {
        int order = compare_components(component_at(a, a_part, segment, i),
                                       component_at(b, b_part, segment, i));
        if (order != 0)
            return order;
    }
    return 0;
}

/* The first `limit` segments. */
static int compare_parts(const struct envm_version *a, const struct part *a_part,
                         const struct envm_version *b, const struct part *b_part, size_t limit)
{
    size_t count = a_part->count > b_part->count ? a_part->count : b_part->count;
    size_t i;

    for (i = 0; i < count && i < limit; i++) {
        int order = compare_segment(a, a_part, b, b_part, i, SIZE_MAX);
        if (order != 0)
            return order;
    }
    return 0;
}

int envm_version_compare(const struct envm_version *a, const struct envm_version *b)
{
    int order = compare_parts(a, &a->main, b, &b->main, SIZE_MAX);

    return order != 0 ? order : compare_parts(a, &a->local, b, &b->local, SIZE_MAX);
}

bool envm_version_starts_with(const struct envm_version *version, const struct envm_version *prefix)
{
    const struct part *part = &version->main, *wanted = &prefix->main;
    const struct component *component, *last;
    size_t segment, index;

    if (prefix->local.count > 0) {
        if (compare_parts(version, part, prefix, wanted, SIZE_MAX) != 0)
            return false;
        part = &version->local;
        wanted = &prefix->local;
    }
    segment = wanted->count - 1;
    index = wanted->segments[segment].count - 1u;
    if (compare_parts(version, part, prefix, wanted, segment) != 0 ||
        compare_segment(version, part, prefix, wanted, segment, index) != 0)
        return false;
    component = component_at(version, part, segment, index);
    last = component_at(prefix, wanted, segment, index);
    /* A string is matched by its beginning: 2013a* takes 2013ab. */
    if (last->kind == COMPONENT_STRING)
        return component->kind == COMPONENT_STRING && component->len >= last->len &&
               memcmp(component->ptr, last->ptr, last->len) == 0;
    return compare_components(component, last) == 0;
}

envm_str envm_version_text(const struct envm_version *version)
{
    return version->text;
}

enum envm_code envm_version_compare_text(envm_str a, envm_str b, int *ret_order,
                                         struct envm_error *err)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    const struct envm_version *left, *right;

    ENVM_TRY(envm_version_parse(&arena, a, &left, err));
    ENVM_TRY(envm_version_parse(&arena, b, &right, err));
    *ret_order = envm_version_compare(left, right);
    return ENVM_OK;
}
