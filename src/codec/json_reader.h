/* SPDX-License-Identifier: MIT
 *
 * A pull reader for JSON (RFC 8259): zero-copy, non-recursive, strict, depth-limited. The input
 * must stay in memory while slices of it are in use. Not thread-safe per reader.
 *
 *     envm_json_begin_object(&r);                       expects '{'
 *     while (envm_json_next_key(&r, arena, &key))       false at '}' or on an error
 *         if (envm_str_equal_c(key, "name")) envm_json_string(&r, arena, &name);
 *         else envm_json_skip(&r, NULL);
 *     ENVM_TRY(envm_json_end(&r, err));                 error state is sticky: checked once
 *
 * After an error every call does nothing and returns false, so loops end by themselves.
 */
#ifndef ENVM_CODEC_JSON_READER_H
#define ENVM_CODEC_JSON_READER_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/str.h"

#define ENVM_JSON_DEPTH_MAX 64

enum envm_json_type {
    ENVM_JSON_ERROR, /* the reader has failed, or nothing is left */
    ENVM_JSON_NULL,
    ENVM_JSON_BOOL,
    ENVM_JSON_NUMBER,
    ENVM_JSON_STRING,
    ENVM_JSON_ARRAY,
    ENVM_JSON_OBJECT,
};

struct envm_json_reader {
    const char *start;
    const char *at;
    const char *end;
    const char *fault;   /* NULL: fine; else a static text */
    size_t fault_offset; /* byte of the input */
    unsigned depth;
    uint64_t in_object; /* bit per level: 1 object, 0 array */
    bool first;         /* next element is the first of its container */
};

/* The text must be valid UTF-8 without a byte order mark (checked for strings as they are read;
 * skipped strings too). */
void envm_json_init(struct envm_json_reader *r, envm_str text);

/* For a text that was cut behind an element of an object (or is the rest of one): `text` goes on
 * with ',' or '}', `objects` levels (1 to ENVM_JSON_DEPTH_MAX) of objects deep. Whether that is so
 * is for the caller to know: it must be what another reader has found at the end of the part
 * before. */
void envm_json_init_inside(struct envm_json_reader *r, envm_str text, unsigned objects);
/* True when only white space is left behind an element: the text may have been cut there. */
bool envm_json_is_at_end(struct envm_json_reader *r);

/* Type of the next value, without consuming it. */
enum envm_json_type envm_json_peek_any(struct envm_json_reader *r);
static inline enum envm_json_type envm_json_peek(struct envm_json_reader *r)
{
    /* Nearly all values are strings right behind their colon. */
    if (!r->fault && r->depth > 0 && r->at < r->end && *r->at == '"')
        return ENVM_JSON_STRING;
    return envm_json_peek_any(r);
}

bool envm_json_begin_object(struct envm_json_reader *r);
/* Next key; false at '}' (consumed) or on an error. A key without escapes is a slice of the input;
 * with escapes it is decoded into the arena. arena == NULL: an escaped key is an error, for readers
 * whose keys are all known names. The caller must consume the value before asking again. */
bool envm_json_next_key(struct envm_json_reader *r, struct envm_arena *arena, envm_str *ret_key);
/* Skips a key and its value in an object; false at '}' (consumed) or on an error. */
bool envm_json_skip_member(struct envm_json_reader *r);
bool envm_json_begin_array(struct envm_json_reader *r);
/* True when another element follows (positioned on it); false at ']' (consumed). */
bool envm_json_next_element(struct envm_json_reader *r);

/* Each consumes one value of the type or sets the error "expected …". A string is a slice of the
 * input when it holds no escapes, else decoded into the arena (NULL: escapes are an error); one
 * that holds U+0000 is refused, so that no name is ever cut short. */
bool envm_json_string(struct envm_json_reader *r, struct envm_arena *arena, envm_str *ret_value);
bool envm_json_u64(struct envm_json_reader *r, uint64_t *ret_value);
bool envm_json_bool(struct envm_json_reader *r, bool *ret_value);
bool envm_json_null(struct envm_json_reader *r);
/* The number's text, checked against the grammar. */
bool envm_json_number_text(struct envm_json_reader *r, envm_str *ret_text);
/* Skips one value of any type (its grammar is checked, U+0000 allowed); *ret_raw (may be NULL) gets
 * its text, which a second reader can read. */
bool envm_json_skip(struct envm_json_reader *r, envm_str *ret_raw);

/* Sets the sticky error at the current place ("record has no name"). `fault` must be static. */
void envm_json_fail(struct envm_json_reader *r, const char *fault);
/* Checks that everything was consumed and no error happened. ENVM_MALFORMED otherwise, with the
 * text "WHAT at line L, column C (byte B)", columns in bytes from 1; `where` is left to the caller,
 * who knows the file's name. */
enum envm_code envm_json_end(struct envm_json_reader *r, struct envm_error *err);

#endif
