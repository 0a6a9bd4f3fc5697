/* SPDX-License-Identifier: MIT
 *
 * libyaml's own tree builder expands nothing but is quadratic on hostile input; its events are
 * not, as long as the nesting is stopped early.
 */
#include "codec/yaml_reader.h"

#include <yaml.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/map.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "codec/yaml_canonical.h"
#include "codec/yaml_text.h"

#define DEPTH_MAX 32
#define SIZE_LIMIT ((size_t)8 << 20)
#define EVENTS_MAX 2000000
#define CORE_TAG "tag:yaml.org,2002:"

ENVM_DEFINE_CLEANUP(yaml_parser, yaml_parser_t, yaml_parser_delete)
ENVM_DEFINE_CLEANUP(yaml_event, yaml_event_t, yaml_event_delete)

/* A container that is being read. */
struct frame {
    struct envm_yaml_node *node;
    struct envm_map seen;
    ENVM_VEC(struct envm_yaml_node *) keys;
    ENVM_VEC(struct envm_yaml_node *) items;
};

struct builder {
    struct envm_arena *arena;
    const char *file;
    struct envm_error *err;
    struct envm_yaml_node *root;
    struct frame frames[DEPTH_MAX];
    size_t depth;
    unsigned documents;
    ENVM_VEC(struct envm_yaml_span) scalars;
};

static void release_frame(struct frame *frame)
{
    envm_map_release(&frame->seen);
    envm_vec_release(&frame->keys);
    envm_vec_release(&frame->items);
    *frame = (struct frame){0};
}

static void release_builder(struct builder *b)
{
    while (b->depth > 0)
        release_frame(&b->frames[--b->depth]);
    envm_vec_release(&b->scalars);
}
ENVM_DEFINE_CLEANUP(builder, struct builder, release_builder)

static ENVM_PRINTF(4, 5) enum envm_code
    refuse(struct builder *b, size_t line, size_t column, const char *format, ...)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0};
    va_list args;

    va_start(args, format);
    envm_fail(b->err, ENVM_MALFORMED, "%s", envm_arena_vprintf(&scratch, format, args).ptr);
    va_end(args);
    return envm_error_where(b->err, ENVM_MALFORMED, "%s:%zu:%zu", b->file, line + 1, column + 1);
}

/* Text of the document for a message. */
static const char *shown(struct builder *b, envm_str text)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();

    envm_buf_add_escaped(&out, text, 64);
    return envm_arena_str(b->arena, envm_buf_str(&out)).ptr;
}

static struct envm_yaml_node *new_node(struct builder *b, const yaml_event_t *event,
                                       enum envm_yaml_kind kind)
{
    struct envm_yaml_node *node = envm_arena_new(b->arena, struct envm_yaml_node);

    node->kind = kind;
    node->line = (unsigned)event->start_mark.line + 1;
    node->column = (unsigned)event->start_mark.column + 1;
    return node;
}

static enum envm_code add_key(struct builder *b, struct frame *frame, struct envm_yaml_node *key)
{
    size_t line = key->line - 1;
    size_t column = key->column - 1;
    bool is_new;
    uint64_t *place;

    if (key->kind != ENVM_YAML_SCALAR)
        return refuse(b, line, column, "a list or mapping cannot be a key");
    if (key->plain && envm_str_equal_c(key->scalar, "<<"))
        return refuse(b, line, column, "merge keys (<<) are not allowed");
    place = envm_map_get(&frame->seen, key->scalar, &is_new);
    if (!is_new)
        return refuse(b, line, column, "the key '%s' was already given at line %u",
                      shown(b, key->scalar), (unsigned)*place);
    *place = key->line;
    envm_vec_push(&frame->keys, key);
    return ENVM_OK;
}

/* Puts the node where the document has it. */
static enum envm_code add_node(struct builder *b, struct envm_yaml_node *node)
{
    struct frame *frame;

    if (b->depth == 0) {
        b->root = node;
        return ENVM_OK;
    }
    frame = &b->frames[b->depth - 1];
    if (frame->node->kind == ENVM_YAML_MAPPING && frame->keys.count == frame->items.count)
        return add_key(b, frame, node);
    envm_vec_push(&frame->items, node);
    return ENVM_OK;
}

static enum envm_code check_tag(struct builder *b, const yaml_event_t *event,
                                const yaml_char_t *anchor, const yaml_char_t *tag,
                                const char *const *core)
{
    const char *text = (const char *)tag;

    if (anchor) {
        (void)refuse(b, event->start_mark.line, event->start_mark.column,
                     "anchors (&) are not allowed");
        return envm_error_hint(b->err, ENVM_MALFORMED,
                               "write the value out at each place where it is used");
    }
    if (!tag || strcmp(text, "!") == 0)
        return ENVM_OK;
    if (strncmp(text, CORE_TAG, strlen(CORE_TAG)) == 0)
        for (size_t i = 0; core[i]; i++)
            if (strcmp(text + strlen(CORE_TAG), core[i]) == 0)
                return ENVM_OK;
    return refuse(b, event->start_mark.line, event->start_mark.column,
                  "the tag '%s' is not allowed here", shown(b, envm_str_from(text)));
}

static enum envm_code on_scalar(struct builder *b, const yaml_event_t *event)
{
    static const char *const core[] = {"str", "int", "float", "bool", "null", NULL};
    envm_str value = envm_str_n((const char *)event->data.scalar.value, event->data.scalar.length);
    yaml_scalar_style_t style = event->data.scalar.style;
    const char *tag = (const char *)event->data.scalar.tag;
    struct envm_yaml_node *node = new_node(b, event, ENVM_YAML_SCALAR);
    struct envm_yaml_span span = {
        .begin = event->start_mark.index,
        .end = event->end_mark.index,
        .block = style == YAML_LITERAL_SCALAR_STYLE || style == YAML_FOLDED_SCALAR_STYLE,
    };

    ENVM_TRY(check_tag(b, event, event->data.scalar.anchor, event->data.scalar.tag, core));
    if (envm_str_find_char(value, '\0') != SIZE_MAX)
        return refuse(b, event->start_mark.line, event->start_mark.column,
                      "a NUL character in a string");
    node->plain = style == YAML_PLAIN_SCALAR_STYLE &&
                  !(tag && (strcmp(tag, "!") == 0 || strcmp(tag, CORE_TAG "str") == 0));
    node->scalar = envm_arena_str(b->arena, value);
    envm_vec_push(&b->scalars, span);
    return add_node(b, node);
}

static enum envm_code on_container(struct builder *b, const yaml_event_t *event)
{
    static const char *const sequence[] = {"seq", NULL};
    static const char *const mapping[] = {"map", NULL};
    struct envm_yaml_node *node;

    if (event->type == YAML_SEQUENCE_START_EVENT) {
        ENVM_TRY(check_tag(b, event, event->data.sequence_start.anchor,
                           event->data.sequence_start.tag, sequence));
        node = new_node(b, event, ENVM_YAML_SEQUENCE);
    } else {
        ENVM_TRY(check_tag(b, event, event->data.mapping_start.anchor,
                           event->data.mapping_start.tag, mapping));
        node = new_node(b, event, ENVM_YAML_MAPPING);
    }
    if (b->depth == DEPTH_MAX)
        return refuse(b, event->start_mark.line, event->start_mark.column,
                      "nested more than %d levels deep", DEPTH_MAX);
    ENVM_TRY(add_node(b, node));
    b->frames[b->depth++] = (struct frame){.node = node};
    return ENVM_OK;
}

static void on_container_end(struct builder *b)
{
    struct frame *frame = &b->frames[--b->depth];
    struct envm_yaml_node *node = frame->node;

    if (!node) /* libyaml pairs starts and ends; a static analyser cannot know */
        return;
    node->count = frame->items.count;
    node->items = envm_arena_copy(b->arena, frame->items.items,
                                  frame->items.count * sizeof(struct envm_yaml_node *));
    if (node->kind == ENVM_YAML_MAPPING)
        node->keys = envm_arena_copy(b->arena, frame->keys.items,
                                     frame->keys.count * sizeof(struct envm_yaml_node *));
    release_frame(frame);
}

static enum envm_code on_event(struct builder *b, const yaml_event_t *event)
{
    size_t line = event->start_mark.line;
    size_t column = event->start_mark.column;

    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (b->documents++ > 0)
            return refuse(b, line, column, "a second document; there has to be one only");
        return ENVM_OK;
    case YAML_ALIAS_EVENT:
        return refuse(b, line, column, "aliases (*) are not allowed");
    case YAML_SCALAR_EVENT:
        return on_scalar(b, event);
    case YAML_SEQUENCE_START_EVENT:
    case YAML_MAPPING_START_EVENT:
        return on_container(b, event);
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        on_container_end(b);
        return ENVM_OK;
    case YAML_NO_EVENT:
    case YAML_STREAM_START_EVENT:
    case YAML_STREAM_END_EVENT:
    case YAML_DOCUMENT_END_EVENT:
        break;
    }
    return ENVM_OK;
}

/* The character of the text at a mark, for a better message. */
static char char_at(envm_str text, const yaml_mark_t *mark)
{
    size_t line = 0;
    size_t at = 0;

    while (line < mark->line && at < text.len)
        line += text.ptr[at++] == '\n';
    return at + mark->column < text.len ? text.ptr[at + mark->column] : '\0';
}

/* libyaml's words, made into advice where users trip. */
static enum envm_code syntax_error(struct builder *b, const yaml_parser_t *parser, envm_str text)
{
    const yaml_mark_t *mark = &parser->problem_mark;
    const char *problem = parser->problem ? parser->problem : "malformed YAML";
    char c = char_at(text, mark);

    if (parser->error == YAML_MEMORY_ERROR)
        envm_end_without_memory(0);
    if (strstr(problem, "cannot start any token") && c == '\t') {
        refuse(b, mark->line, mark->column, "a tab in the indentation");
        return envm_error_hint(b->err, ENVM_MALFORMED, "indent with spaces");
    }
    if (strstr(problem, "cannot start any token")) {
        refuse(b, mark->line, mark->column, "a value cannot begin with '%s'",
               shown(b, envm_str_n(&c, 1)));
        return envm_error_hint(b->err, ENVM_MALFORMED, "put the value in quotes");
    }
    if (strstr(problem, "mapping values are not allowed")) {
        refuse(b, mark->line, mark->column, "':' is not allowed here");
        return envm_error_hint(
            b->err, ENVM_MALFORMED,
            "check the indentation of this line and the one before, or put the value in quotes");
    }
    if (strstr(problem, "did not find expected key") ||
        strstr(problem, "did not find expected '-'")) {
        refuse(b, mark->line, mark->column,
               "this does not continue the block that begins at line %zu",
               parser->context_mark.line + 1);
        return envm_error_hint(b->err, ENVM_MALFORMED, "check the indentation of this line");
    }
    if (strstr(problem, "could not find expected ':'")) {
        refuse(b, parser->context_mark.line, parser->context_mark.column,
               "this is neither an item ('- item') nor a key with a value ('key: value')");
        return envm_error_hint(b->err, ENVM_MALFORMED,
                               "check the indentation of this line and the one before");
    }
    if (strstr(problem, "<document start>"))
        return refuse(b, mark->line, mark->column, "more text after the end of the document");
    if (parser->context)
        return refuse(b, mark->line, mark->column, "%s %s that begins at line %zu", problem,
                      parser->context, parser->context_mark.line + 1);
    return refuse(b, mark->line, mark->column, "%s", problem);
}

static enum envm_code read_events(struct builder *b, envm_str text)
{
    ENVM_CLEANUP(yaml_parser) yaml_parser_t parser;
    bool more = true;

    if (!yaml_parser_initialize(&parser))
        envm_end_without_memory(0);
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text.ptr, text.len);
    for (size_t events = 0; more; events++) {
        ENVM_CLEANUP(yaml_event) yaml_event_t event = {0};

        if (!yaml_parser_parse(&parser, &event))
            return syntax_error(b, &parser, text);
        if (events == EVENTS_MAX)
            return refuse(b, event.start_mark.line, event.start_mark.column,
                          "more than %d items in one file", EVENTS_MAX);
        ENVM_TRY(on_event(b, &event));
        more = event.type != YAML_STREAM_END_EVENT;
    }
    return ENVM_OK;
}

enum envm_code envm_yaml_read(struct envm_arena *arena, envm_str text, const char *file,
                              struct envm_yaml_node **ret_root, struct envm_str_list *comments,
                              struct envm_error *err)
{
    ENVM_CLEANUP(builder) struct builder b = {.arena = arena, .file = file, .err = err};

    if (text.len > SIZE_LIMIT)
        return refuse(&b, 0, 0, "the file is larger than 8 MiB");
    if (envm_str_starts_with(text, ENVM_STR("\xEF\xBB\xBF")))
        text = envm_str_skip(text, 3);
    text.ptr = text.ptr ? text.ptr : "";
    if (!comments && envm_yaml_read_canonical(arena, text, ret_root))
        return ENVM_OK;
    ENVM_TRY(envm_yaml_check_text(text, file, err));
    ENVM_TRY(read_events(&b, text));
    if (b.root && b.root->kind == ENVM_YAML_SCALAR && b.root->plain && b.root->scalar.len == 0)
        b.root = NULL;
    if (comments)
        *comments = envm_yaml_comments(arena, text, b.scalars.items, b.scalars.count);
    *ret_root = b.root;
    return ENVM_OK;
}

const struct envm_yaml_node *envm_yaml_get(const struct envm_yaml_node *mapping, const char *key)
{
    if (!mapping || mapping->kind != ENVM_YAML_MAPPING)
        return NULL;
    for (size_t i = 0; i < mapping->count; i++)
        if (envm_str_equal_c(mapping->keys[i]->scalar, key))
            return mapping->items[i];
    return NULL;
}

static bool is_one_of(envm_str text, const char *const *words)
{
    for (size_t i = 0; words[i]; i++)
        if (envm_str_equal_c(text, words[i]))
            return true;
    return false;
}

bool envm_yaml_is_null(const struct envm_yaml_node *node)
{
    static const char *const words[] = {"", "~", "null", "Null", "NULL", NULL};

    return !node ||
           (node->kind == ENVM_YAML_SCALAR && node->plain && is_one_of(node->scalar, words));
}

bool envm_yaml_bool(const struct envm_yaml_node *node, bool *ret_value)
{
    static const char *const yes[] = {"true", "True", "TRUE", "yes", "Yes",
                                      "YES",  "on",   "On",   "ON",  NULL};
    static const char *const no[] = {"false", "False", "FALSE", "no",  "No",
                                     "NO",    "off",   "Off",   "OFF", NULL};

    if (!node || node->kind != ENVM_YAML_SCALAR || !node->plain)
        return false;
    if (!is_one_of(node->scalar, yes) && !is_one_of(node->scalar, no))
        return false;
    *ret_value = is_one_of(node->scalar, yes);
    return true;
}
