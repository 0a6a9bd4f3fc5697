/* SPDX-License-Identifier: MIT
 *
 * Base64 with the standard alphabet and padding (RFC 4648), for HTTP basic credentials and keys.
 */
#ifndef ENVM_CODEC_BASE64_H
#define ENVM_CODEC_BASE64_H

#include "base/arena.h"
#include "base/buf.h"

/* Appends the encoded text, no line breaks. */
void envm_base64_encode(struct envm_buf *out, envm_str bytes);
/* Strict: whole groups of four, padding only at the end and with zero bits below it, nothing else.
 * False leaves *ret_bytes untouched. */
bool envm_base64_decode(struct envm_arena *arena, envm_str text, envm_str *ret_bytes);

#endif
