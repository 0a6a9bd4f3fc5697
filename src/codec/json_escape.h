/* SPDX-License-Identifier: MIT
 *
 * Escapes in JSON strings; only codec/json_reader uses it.
 */
#ifndef ENVM_CODEC_JSON_ESCAPE_H
#define ENVM_CODEC_JSON_ESCAPE_H

#include "base/arena.h"

/* The byte that a two-character escape with this letter stands for, or 0. */
char envm_json_simple_escape(char c);

/* Reads "\uXXXX" or a surrogate pair of them at `at`, which shows the backslash with at least the
 * "u" after it. Returns the bytes taken, 0 when it is not well-formed. */
size_t envm_json_unicode_escape(const char *at, const char *end, uint32_t *ret_code_point);

/* Decodes the text between the quotes, whose grammar has been checked. False when it holds
 * U+0000. */
bool envm_json_decode(struct envm_arena *arena, envm_str raw, envm_str *ret_value);

#endif
