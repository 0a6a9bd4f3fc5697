/* SPDX-License-Identifier: MIT */
/* links: codec */
/* Skipping and walking agree; what was accepted is written, read and written to the same bytes. */
#include <stdlib.h>

#include "codec/json_reader.h"
#include "codec/json_writer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct copier {
    struct envm_arena arena;
    struct envm_json_reader reader;
    struct envm_json_writer writer;
    enum envm_json_type stack[ENVM_JSON_DEPTH_MAX];
    size_t depth;
};

static void copy_scalar(struct copier *c, enum envm_json_type type)
{
    envm_str text;
    bool flag;

    if (type == ENVM_JSON_STRING && envm_json_string(&c->reader, &c->arena, &text))
        envm_json_put_str(&c->writer, text);
    else if (type == ENVM_JSON_NUMBER && envm_json_number_text(&c->reader, &text))
        envm_json_put_raw(&c->writer, text);
    else if (type == ENVM_JSON_BOOL && envm_json_bool(&c->reader, &flag))
        envm_json_put_bool(&c->writer, flag);
    else if (type == ENVM_JSON_NULL && envm_json_null(&c->reader))
        envm_json_put_null(&c->writer);
}

static void copy_begin(struct copier *c, enum envm_json_type type)
{
    if (type == ENVM_JSON_OBJECT && envm_json_begin_object(&c->reader))
        envm_json_open_object(&c->writer);
    else if (type == ENVM_JSON_ARRAY && envm_json_begin_array(&c->reader))
        envm_json_open_array(&c->writer);
    else
        return;
    c->stack[c->depth++] = type;
}

/* To the next value, leaving the containers that end. */
static void copy_next(struct copier *c)
{
    envm_str key;

    while (c->depth > 0) {
        if (c->stack[c->depth - 1] == ENVM_JSON_OBJECT) {
            if (envm_json_next_key(&c->reader, &c->arena, &key)) {
                envm_json_key_str(&c->writer, key);
                return;
            }
            envm_json_close_object(&c->writer);
        } else {
            if (envm_json_next_element(&c->reader))
                return;
            envm_json_close_array(&c->writer);
        }
        c->depth--;
    }
}

static enum envm_code copy(envm_str text, struct envm_buf *out, unsigned indent)
{
    struct copier c = {0};
    enum envm_code code;

    envm_json_init(&c.reader, text);
    envm_json_writer_init(&c.writer, out, indent);
    do {
        enum envm_json_type type = envm_json_peek(&c.reader);

        if (type == ENVM_JSON_OBJECT || type == ENVM_JSON_ARRAY)
            copy_begin(&c, type);
        else
            copy_scalar(&c, type);
        copy_next(&c);
    } while (c.depth > 0);
    code = envm_json_end(&c.reader, NULL);
    envm_arena_release(&c.arena);
    return code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf once = envm_buf_text();
    ENVM_CLEANUP(envm_buf) struct envm_buf twice = envm_buf_text();
    struct envm_error err = {0};
    struct envm_json_reader r;
    envm_str raw = {0};
    bool skipped;

    envm_json_init(&r, envm_str_n((const char *)data, size));
    envm_json_skip(&r, &raw);
    skipped = envm_json_end(&r, &err) == ENVM_OK;
    if (!skipped && (!err.text || r.fault_offset > size))
        abort();
    envm_error_release(&err);
    if (copy(envm_str_n((const char *)data, size), &once, 0) != ENVM_OK) {
        /* Only a NUL in a string is skipped but not read. */
        if (skipped && !envm_str_contains(raw, ENVM_STR("\\u0000")))
            abort();
        return 0;
    }
    if (!skipped || copy(envm_buf_str(&once), &twice, 0) != ENVM_OK ||
        !envm_str_equal(envm_buf_str(&once), envm_buf_str(&twice)))
        abort();
    return 0;
}
