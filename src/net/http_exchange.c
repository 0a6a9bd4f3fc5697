/* SPDX-License-Identifier: MIT
 *
 * One libcurl easy handle: its options and its callbacks.
 */
#include "net/http.h"

#include "net/curl_library.h"

#define FIELD_LENGTH_MAX 8192
/* Answers without a body to keep (redirects, errors) may carry a page; it is dropped. */
#define DROPPED_BODY_MAX ((curl_off_t)1 << 20)

static const envm_str field_names[ENVM_HTTP_FIELD_COUNT] = {
    [ENVM_HTTP_ETAG] = ENVM_STR_INIT("etag"),
    [ENVM_HTTP_LAST_MODIFIED] = ENVM_STR_INIT("last-modified"),
    [ENVM_HTTP_CACHE_CONTROL] = ENVM_STR_INIT("cache-control"),
    [ENVM_HTTP_LOCATION] = ENVM_STR_INIT("location"),
    [ENVM_HTTP_RETRY_AFTER] = ENVM_STR_INIT("retry-after"),
    [ENVM_HTTP_CONTENT_RANGE] = ENVM_STR_INIT("content-range"),
};

static bool keeps_body(unsigned status)
{
    return status == 200 || status == 206;
}

/* "HTTP/1.1 200 OK": a new head begins (an interim answer may have come before it). */
static bool take_status_line(struct envm_http_exchange *exchange, envm_str line)
{
    size_t space = envm_str_find_char(line, ' ');
    envm_str digits = envm_str_slice(line, space + 1, space + 4);
    uint64_t status;

    if (!envm_str_starts_with(line, ENVM_STR("HTTP/")))
        return false;
    if (space == SIZE_MAX || !envm_str_parse_u64(digits, &status))
        status = 0;
    exchange->status = (unsigned)status;
    exchange->has_length = false;
    memset(exchange->fields, 0, sizeof(exchange->fields));
    return true;
}

/* Fields are stored and sent back later, so only plain text is taken. */
static bool is_plain(envm_str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e)
            return false;
    return value.len <= FIELD_LENGTH_MAX;
}

static void take_field(struct envm_http_exchange *exchange, envm_str line)
{
    size_t colon = envm_str_find_char(line, ':');
    envm_str name = envm_str_trim(envm_str_slice(line, 0, colon));
    envm_str value = envm_str_trim(envm_str_skip(line, colon + 1));

    if (colon == SIZE_MAX || !is_plain(value))
        return;
    if (envm_str_equal_nocase(name, ENVM_STR("content-length")))
        exchange->has_length = envm_str_parse_u64(value, &exchange->length);
    for (int i = 0; i < ENVM_HTTP_FIELD_COUNT; i++)
        if (envm_str_equal_nocase(name, field_names[i]))
            exchange->fields[i] = envm_arena_str(exchange->arena, value);
}

static size_t on_header(char *bytes, size_t size, size_t count, void *user)
{
    struct envm_http_exchange *exchange = user;
    size_t len = size * count;
    envm_str line = envm_str_trim(envm_str_n(bytes, len));

    if (exchange->head_is_over || take_status_line(exchange, line))
        return len;
    if (line.len > 0) {
        take_field(exchange, line);
        return len;
    }
    if (exchange->status < 200)
        return len;
    exchange->head_is_over = true; /* what follows the body are trailers */
    if (keeps_body(exchange->status) &&
        !envm_body_begin(exchange->body, exchange->status,
                         exchange->fields[ENVM_HTTP_CONTENT_RANGE],
                         exchange->has_length ? exchange->length : UINT64_MAX))
        return 0;
    return len;
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user)
{
    struct envm_http_exchange *exchange = user;
    size_t len = size * count;

    if (!keeps_body(exchange->status))
        return len;
    return exchange->body->begun && envm_body_write(exchange->body, bytes, len) ? len : 0;
}

/* libcurl's setter is variadic: these give the values the types that it reads. */
static void set_long(CURL *easy, CURLoption option, long value)
{
    envm_curl()->easy_setopt(easy, option, value);
}

static void set_text(CURL *easy, CURLoption option, const char *value)
{
    envm_curl()->easy_setopt(easy, option, value);
}

static void set_trust(CURL *easy, const struct envm_http_options *options)
{
    const struct envm_trust *trust = &options->trust;
    long verify = options->insecure ? 0 : 1;

    set_long(easy, CURLOPT_SSL_VERIFYPEER, verify);
    set_long(easy, CURLOPT_SSL_VERIFYHOST, verify * 2);
    set_long(easy, CURLOPT_PROXY_SSL_VERIFYPEER, verify);
    set_long(easy, CURLOPT_PROXY_SSL_VERIFYHOST, verify * 2);
    set_long(easy, CURLOPT_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    set_long(easy, CURLOPT_PROXY_SSLVERSION, CURL_SSLVERSION_TLSv1_2);
    if (trust->ca_file || trust->ca_directory) {
        set_text(easy, CURLOPT_CAINFO, trust->ca_file);
        set_text(easy, CURLOPT_CAPATH, trust->ca_directory);
        set_text(easy, CURLOPT_PROXY_CAINFO, trust->ca_file);
        set_text(easy, CURLOPT_PROXY_CAPATH, trust->ca_directory);
    }
    if (options->client_cert)
        set_text(easy, CURLOPT_SSLCERT, options->client_cert);
    if (options->client_key)
        set_text(easy, CURLOPT_SSLKEY, options->client_key);
}

static void set_limits(CURL *easy, const struct envm_http_exchange *exchange,
                       const struct envm_http_options *options)
{
    uint64_t limit = exchange->body->limit;

    /* The exact limit is checked once the status is known (see on_header): a redirect's page may
     * well be longer than the file it leads to. */
    envm_curl()->easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE,
                             (curl_off_t)(limit < INT64_MAX / 2 ? limit : INT64_MAX / 2) +
                                 DROPPED_BODY_MAX);
    set_long(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)options->connect_timeout_ms);
    set_long(easy, CURLOPT_LOW_SPEED_LIMIT, 1024);
    set_long(easy, CURLOPT_LOW_SPEED_TIME, (long)options->low_speed_seconds);
    set_long(easy, CURLOPT_BUFFERSIZE, 128 * 1024);
}

static void set_authentication(CURL *easy, const struct envm_http_exchange *exchange)
{
    set_long(easy, CURLOPT_NETRC, CURL_NETRC_IGNORED);
    set_long(easy, CURLOPT_UNRESTRICTED_AUTH, 0);
    if (exchange->bearer) {
        envm_curl()->easy_setopt(easy, CURLOPT_HTTPAUTH, (unsigned long)CURLAUTH_BEARER);
        set_text(easy, CURLOPT_XOAUTH2_BEARER, exchange->bearer);
    } else if (exchange->user) {
        envm_curl()->easy_setopt(easy, CURLOPT_HTTPAUTH, (unsigned long)CURLAUTH_BASIC);
        set_text(easy, CURLOPT_USERNAME, exchange->user);
        set_text(easy, CURLOPT_PASSWORD, exchange->password);
    }
}

static bool set_headers(CURL *easy, struct envm_http_exchange *exchange)
{
    struct curl_slist *lines = NULL;
    size_t max = sizeof(exchange->headers) / sizeof(exchange->headers[0]);

    for (size_t i = 0; i < max && exchange->headers[i]; i++) {
        struct curl_slist *longer = envm_curl()->slist_append(lines, exchange->headers[i]);
        if (!longer) {
            envm_curl()->slist_free_all(lines);
            return false;
        }
        lines = longer;
    }
    exchange->header_lines = lines;
    envm_curl()->easy_setopt(easy, CURLOPT_HTTPHEADER, lines);
    return true;
}

bool envm_http_exchange_open(struct envm_http_exchange *exchange,
                             const struct envm_http_options *options)
{
    CURL *easy = envm_curl()->easy_init();
    bool https = strncmp(exchange->url, "https:", 6) == 0;

    if (!easy)
        return false;
    exchange->easy = easy;
    set_text(easy, CURLOPT_PROTOCOLS_STR, https ? "https" : "http");
    set_text(easy, CURLOPT_URL, exchange->url);
    set_text(easy, CURLOPT_PROXY, exchange->proxy);
    set_text(easy, CURLOPT_NOPROXY, "");
    set_text(easy, CURLOPT_USERAGENT, "envm/" ENVM_VERSION);
    set_text(easy, CURLOPT_ACCEPT_ENCODING, NULL);
    set_long(easy, CURLOPT_FOLLOWLOCATION, 0);
    set_long(easy, CURLOPT_AUTOREFERER, 0);
    set_long(easy, CURLOPT_NOSIGNAL, 1);
    set_long(easy, CURLOPT_NOPROGRESS, 1);
    set_long(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1);
    set_long(easy, CURLOPT_TCP_KEEPALIVE, 1);
    set_long(easy, CURLOPT_HTTP09_ALLOWED, 0);
    set_long(easy, CURLOPT_PIPEWAIT, 1);
    set_long(easy, CURLOPT_HTTP_VERSION,
             exchange->http1_only ? CURL_HTTP_VERSION_1_1 : CURL_HTTP_VERSION_2TLS);
    envm_curl()->easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    envm_curl()->easy_setopt(easy, CURLOPT_HEADERDATA, (void *)exchange);
    envm_curl()->easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body);
    envm_curl()->easy_setopt(easy, CURLOPT_WRITEDATA, (void *)exchange);
    envm_curl()->easy_setopt(easy, CURLOPT_PRIVATE, (void *)exchange);
    envm_curl()->easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->message);
    set_trust(easy, options);
    set_limits(easy, exchange, options);
    set_authentication(easy, exchange);
    return set_headers(easy, exchange);
}

void envm_http_exchange_close(struct envm_http_exchange *exchange)
{
    envm_curl()->easy_cleanup(exchange->easy);
    envm_curl()->slist_free_all(exchange->header_lines);
    exchange->easy = NULL;
    exchange->header_lines = NULL;
}
