/* SPDX-License-Identifier: MIT */
#include "net/retry.h"

#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "net/curl_library.h"

#define DATE_LENGTH_MAX 64

bool envm_http_date_parse(envm_str text, int64_t *ret_seconds)
{
    char buffer[DATE_LENGTH_MAX];
    time_t seconds;

    if (envm_curl_load(NULL) != ENVM_OK)
        return false;
    if (text.len == 0 || text.len >= sizeof(buffer) || memchr(text.ptr, '\0', text.len))
        return false;
    memcpy(buffer, text.ptr, text.len);
    buffer[text.len] = '\0';
    seconds = envm_curl()->getdate(buffer, NULL);
    if (seconds == (time_t)-1)
        return false;
    *ret_seconds = (int64_t)seconds;
    return true;
}

static bool is_all_digits(envm_str text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!envm_is_digit(text.ptr[i]))
            return false;
    return text.len > 0;
}

bool envm_retry_after_ms(envm_str field, int64_t now, unsigned *ret_ms)
{
    const unsigned max_seconds = ENVM_RETRY_AFTER_MAX_MS / 1000;
    uint64_t seconds;
    int64_t date;

    if (is_all_digits(field)) {
        /* More digits than a number holds is as long as can be. */
        if (!envm_str_parse_u64(field, &seconds) || seconds > max_seconds)
            seconds = max_seconds;
        *ret_ms = (unsigned)seconds * 1000;
        return true;
    }
    if (field.len < 2 || !envm_is_alpha(field.ptr[0]) || !envm_http_date_parse(field, &date))
        return false;
    if (date <= now)
        *ret_ms = 0;
    else if (date - now > (int64_t)max_seconds)
        *ret_ms = ENVM_RETRY_AFTER_MAX_MS;
    else
        *ret_ms = (unsigned)(date - now) * 1000;
    return true;
}

unsigned envm_backoff_ms(unsigned base_ms, unsigned attempt)
{
    uint64_t wait = base_ms;
    uint16_t noise = 0x8000;

    for (unsigned i = 0; i < attempt && wait < ENVM_BACKOFF_MAX_MS; i++)
        wait *= 2;
    if (wait > ENVM_BACKOFF_MAX_MS)
        wait = ENVM_BACKOFF_MAX_MS;
    if (getrandom(&noise, sizeof(noise), GRND_NONBLOCK) != (ssize_t)sizeof(noise))
        noise = 0x8000;
    wait = wait * 3 / 4 + wait * noise / 0x10000 / 2;
    return wait > ENVM_BACKOFF_MAX_MS ? ENVM_BACKOFF_MAX_MS : (unsigned)wait;
}

bool envm_http_status_is_passing(unsigned status)
{
    switch (status) {
    case 408:
    case 425:
    case 429:
    case 500:
    case 502:
    case 503:
    case 504:
        return true;
    default:
        return status >= 520 && status <= 530;
    }
}

enum envm_transport_verdict envm_transport_judge(int curl_code)
{
    switch (curl_code) {
    case CURLE_OK:
        return ENVM_TRANSPORT_FINE;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_UNSUPPORTED_PROTOCOL: /* HTTP/0.9: an answer that is no HTTP at all */
        return ENVM_TRANSPORT_RETRY;
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
        return ENVM_TRANSPORT_HTTP1;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_INVALIDCERTSTATUS:
    case CURLE_SSL_PINNEDPUBKEYNOTMATCH:
        return ENVM_TRANSPORT_TRUST;
    default:
        return ENVM_TRANSPORT_FATAL;
    }
}
