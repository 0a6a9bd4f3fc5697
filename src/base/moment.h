/* SPDX-License-Identifier: MIT
 *
 * Moments in time as people write them: dates, RFC 3339 times, and durations before now. All in
 * UTC, in milliseconds since the epoch, up to the year 9999. Pure and thread-safe.
 */
#ifndef ENVM_BASE_MOMENT_H
#define ENVM_BASE_MOMENT_H

#include "base/buf.h"

/* Reads
 *   2024-01-31                  the end of that day
 *   2024-01-31T12:00:00Z        RFC 3339, also with a space, a fraction, or an offset like +02:00
 *   7d, 2w, 12h, 30m, 1w 2d     that long before now_ms
 *   P7D, P2W, PT12H, P1DT12H    the same as ISO 8601 writes it
 * *ret_is_duration (may be NULL) tells whether it was one of the last two. False, with nothing
 * written, for anything else, for months and years, which have no fixed length, and for moments
 * outside of 1970 to 9999. */
bool envm_moment_parse(envm_str text, uint64_t now_ms, uint64_t *ret_ms, bool *ret_is_duration);
/* "2024-01-31T12:00:00Z", with milliseconds where there are some; parses back to the same. */
void envm_moment_write(struct envm_buf *out, uint64_t ms);
/* For people: "the end of 2024-01-31" at midnight, else "2024-01-31 12:00 UTC". */
void envm_moment_say(struct envm_buf *out, uint64_t ms);
/* Only the day: "2024-01-31". */
void envm_moment_say_day(struct envm_buf *out, uint64_t ms);

#endif
