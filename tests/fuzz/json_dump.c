/* SPDX-License-Identifier: MIT
 *
 * Reads documents from standard input, each as "LENGTH\n" and that many bytes, and prints a line
 * for each: "-" when the reader refuses it, else its brackets, keys and values with a blank after
 * each; json_diff.py makes the same of Python's idea of the document.
 */
#include <stdio.h>
#include <stdlib.h>

#include "codec/json_reader.h"
#include "codec/json_writer.h"

static void put_string(struct envm_buf *out, envm_str text)
{
    struct envm_json_writer w;

    envm_json_writer_init(&w, out, 0);
    envm_json_put_str(&w, text);
    envm_buf_add_byte(out, ' ');
}

static void dump_scalar(struct envm_json_reader *r, struct envm_arena *arena, struct envm_buf *out)
{
    envm_str text;
    bool flag;

    switch (envm_json_peek(r)) {
    case ENVM_JSON_STRING:
        if (envm_json_string(r, arena, &text))
            put_string(out, text);
        break;
    case ENVM_JSON_NUMBER:
        if (envm_json_number_text(r, &text))
            envm_buf_printf(out, "%.*s ", ENVM_STR_ARGS(text));
        break;
    case ENVM_JSON_BOOL:
        if (envm_json_bool(r, &flag))
            envm_buf_add_cstr(out, flag ? "true " : "false ");
        break;
    case ENVM_JSON_NULL:
        if (envm_json_null(r))
            envm_buf_add_cstr(out, "null ");
        break;
    case ENVM_JSON_ERROR:
    case ENVM_JSON_ARRAY:
    case ENVM_JSON_OBJECT:
        break;
    }
}

static enum envm_code dump(envm_str text, struct envm_arena *arena, struct envm_buf *out)
{
    char closing[ENVM_JSON_DEPTH_MAX];
    size_t depth = 0;
    struct envm_json_reader r;
    envm_str key;

    envm_json_init(&r, text);
    do {
        enum envm_json_type type = envm_json_peek(&r);
        bool more = false;

        if (type == ENVM_JSON_OBJECT && envm_json_begin_object(&r)) {
            envm_buf_add_cstr(out, "{ ");
            closing[depth++] = '}';
        } else if (type == ENVM_JSON_ARRAY && envm_json_begin_array(&r)) {
            envm_buf_add_cstr(out, "[ ");
            closing[depth++] = ']';
        } else {
            dump_scalar(&r, arena, out);
        }
        while (depth > 0 && !more) {
            more = closing[depth - 1] == ']' ? envm_json_next_element(&r)
                                             : envm_json_next_key(&r, arena, &key);
            if (more && closing[depth - 1] == '}')
                put_string(out, key);
            if (!more)
                envm_buf_printf(out, "%c ", closing[--depth]);
        }
    } while (depth > 0);
    return envm_json_end(&r, NULL);
}

int main(void)
{
    size_t len;

    while (scanf("%zu", &len) == 1 && getchar() == '\n') {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
        char *text = malloc(len ? len : 1);

        if (!text || fread(text, 1, len, stdin) != len)
            return 1;
        puts(dump(envm_str_n(text, len), &arena, &out) == ENVM_OK ? envm_buf_str(&out).ptr : "-");
        free(text);
    }
    return 0;
}
