/* SPDX-License-Identifier: MIT
 *
 * Digests as text. Parsing is strict: the exact number of digits, upper or lower case, nothing
 * else, so that a damaged digest can never become "no digest".
 */
#ifndef ENVM_BASE_HEX_H
#define ENVM_BASE_HEX_H

#include <envm/api.h>

/* Writes 2*len lower-case digits and a NUL. */
void envm_hex_encode(const uint8_t *bytes, size_t len, char *ret_text);

/* True when s is exactly 2*len hexadecimal digits. */
bool envm_hex_decode(envm_str s, uint8_t *ret_bytes, size_t len);

/* Sets ->known on success; on failure leaves *ret untouched. */
bool envm_sha256_parse(envm_str s, struct envm_sha256 *ret);
bool envm_md5_parse(envm_str s, struct envm_md5 *ret);

/* True only when both are known and equal. */
bool envm_sha256_equal(const struct envm_sha256 *a, const struct envm_sha256 *b);

/* 64 (32) digits and a NUL, by value so that it can stand in a printf call:
 * `printf("%s", envm_sha256_hex(&d).text)`; "" when the digest is not known. */
struct envm_hex_text {
    char text[65];
};
struct envm_hex_text envm_sha256_hex(const struct envm_sha256 *digest);
struct envm_hex_text envm_md5_hex(const struct envm_md5 *digest);

#endif
