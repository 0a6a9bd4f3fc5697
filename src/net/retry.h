/* SPDX-License-Identifier: MIT
 *
 * When and after how long a failed exchange is tried again. Pure but for the jitter.
 */
#ifndef ENVM_NET_RETRY_H
#define ENVM_NET_RETRY_H

#include "base/str.h"

#define ENVM_RETRY_AFTER_MAX_MS 60000u
#define ENVM_BACKOFF_MAX_MS 30000u

/* An HTTP date ("Sun, 06 Nov 1994 08:49:37 GMT") as seconds since the epoch; false when it is none.
 */
bool envm_http_date_parse(envm_str text, int64_t *ret_seconds);

/* Milliseconds that a Retry-After field asks for, at most ENVM_RETRY_AFTER_MAX_MS; false when the
 * field is absent or nonsense. `now` in seconds since the epoch. */
bool envm_retry_after_ms(envm_str field, int64_t now, unsigned *ret_ms);

/* base * 2^attempt (attempt from 0), at most ENVM_BACKOFF_MAX_MS, plus or minus a quarter. */
unsigned envm_backoff_ms(unsigned base_ms, unsigned attempt);

/* True for the statuses that may go away: 408, 425, 429, 500, 502, 503, 504, 520 to 530. */
bool envm_http_status_is_passing(unsigned status);

/* What a failure below HTTP (a CURLcode) means. */
enum envm_transport_verdict {
    ENVM_TRANSPORT_FINE,
    ENVM_TRANSPORT_RETRY, /* the network's fault: may go away */
    ENVM_TRANSPORT_HTTP1, /* an HTTP/2 fault: try again with HTTP/1.1 */
    ENVM_TRANSPORT_TRUST, /* certificates: trying again does not help */
    ENVM_TRANSPORT_FATAL,
};
enum envm_transport_verdict envm_transport_judge(int curl_code);

#endif
