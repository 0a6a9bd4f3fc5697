/* SPDX-License-Identifier: MIT
 *
 * The small formats inside tar headers: numbers, checksums, times, PAX records, link texts. Pure.
 * For codec/tar_reader only.
 */
#ifndef ENVM_CODEC_TAR_FIELDS_H
#define ENVM_CODEC_TAR_FIELDS_H

#include <envm/api.h>

#define ENVM_TAR_BLOCK 512
#define ENVM_TAR_TIME_MAX 253402300799LL /* the last second of the year 9999 */

bool envm_tar_all_zero(const uint8_t *bytes, size_t len);

/* Octal digits after optional spaces, ended by space, NUL or the field's end; or GNU's base 256,
 * not negative. An empty field is 0. */
bool envm_tar_number(const uint8_t *field, size_t len, uint64_t *ret_value);

/* Of a whole header block. */
bool envm_tar_checksum_is_right(const uint8_t *header);

/* "1700000000.123456789", perhaps negative. Times outside the range are clamped: a wrong clock is
 * no reason to refuse a package. */
bool envm_tar_pax_time(envm_str text, int64_t *ret_seconds, uint32_t *ret_ns);

/* Takes one "LENGTH KEY=VALUE\n" off *rest; false when there is none. */
bool envm_tar_pax_record(envm_str *rest, envm_str *ret_key, envm_str *ret_value);

/* What is wrong with the text of a link (static), or NULL. */
const char *envm_tar_link_text_fault(envm_str text);

#endif
