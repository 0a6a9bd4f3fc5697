/* SPDX-License-Identifier: MIT
 *
 * UTF-8 checks, and making foreign text safe to show.
 */
#ifndef ENVM_BASE_UTF8_H
#define ENVM_BASE_UTF8_H

#include <envm/api.h>

#include "base/buf.h"

/* Decodes one code point of s (not empty). Returns its length in bytes, or 0 when the bytes are
 * not well-formed UTF-8 (overlong forms and surrogates included). */
size_t envm_utf8_decode(envm_str s, uint32_t *ret_code_point);

bool envm_utf8_is_valid(envm_str s);

/* C0 and C1 controls, DEL, and the bidirectional controls that reorder what a person sees. */
bool envm_utf8_is_control(uint32_t code_point);

/* Appends s for a terminal or a message: controls and invalid bytes become \xNN, and the text is
 * cut after `max` bytes of input with "…". */
void envm_buf_add_escaped(struct envm_buf *buf, envm_str s, size_t max);

/* Columns that the (valid) text takes on a terminal: code points, which is exact for what conda
 * names may hold. */
size_t envm_utf8_width(envm_str s);

#endif
