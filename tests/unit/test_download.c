/* SPDX-License-Identifier: MIT
 *
 * The downloader against tests/support/httpd.py: what it asks for, what it makes of the answers,
 * and where credentials go.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>

#include "../support/httpd.h"
#include "base/error.h"
#include "codec/url.h"
#include "net/download.h"
#include "sys/clock.h"

#define CANARY "s3cr3t-canary"

/* --- fixture -------------------------------------------------------------------------------- */

struct fixture {
    struct httpd server;
    struct envm_downloader *downloader;
    struct envm_arena arena;
    struct envm_download_result result;
    struct envm_error err;
    char *body; /* what arrived */
    size_t body_len;
    pthread_mutex_t lock;
    char log[16384]; /* what the sink was told */
    atomic_bool cancel;
    struct envm_sink sink;
    char seen[65536]; /* by on_bytes */
    size_t seen_len;
    unsigned resets;
};

static char tls_directory[128];

static int make_tls_directory(void **state)
{
    (void)state;
    snprintf(tls_directory, sizeof(tls_directory), "/tmp/envm-tls-XXXXXX");
    return mkdtemp(tls_directory) ? 0 : -1;
}

static int remove_tls_directory(void **state)
{
    (void)state;
    return nftw(tls_directory, httpd_remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void take_log(void *user, enum envm_log_level level, const char *text)
{
    struct fixture *f = user;
    size_t len;

    pthread_mutex_lock(&f->lock);
    len = strlen(f->log);
    snprintf(f->log + len, sizeof(f->log) - len, "%d %s\n", (int)level, text);
    pthread_mutex_unlock(&f->lock);
}

static bool is_cancelled(void *user)
{
    return atomic_load(&((struct fixture *)user)->cancel);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    pthread_mutex_init(&f->lock, NULL);
    f->sink = (struct envm_sink){.user = f, .log = take_log, .cancelled = is_cancelled};
    httpd_prepare(&f->server);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    envm_downloader_free(f->downloader);
    envm_arena_release(&f->arena);
    envm_error_release(&f->err);
    httpd_stop(&f->server);
    pthread_mutex_destroy(&f->lock);
    free(f->body);
    free(f);
    return 0;
}

static void use_config(struct fixture *f, struct envm_net_config config)
{
    config.retry_base_ms = config.retry_base_ms ? config.retry_base_ms : 1;
    config.sink = &f->sink;
    if (config.netrc_path.len == 0)
        config.netrc_path = ENVM_STR("none");
    envm_downloader_free(f->downloader);
    f->downloader = NULL;
    assert_int_equal(envm_downloader_new(&config, &f->downloader, &f->err), ENVM_OK);
}

static void begin(struct fixture *f, const char *script)
{
    httpd_start(&f->server, script, NULL);
    use_config(f, (struct envm_net_config){0});
}

static envm_str url_at(struct fixture *f, const char *base, const char *path)
{
    return envm_arena_printf(&f->arena, "%s%s", base, path);
}

static void take_bytes(void *user, const void *bytes, size_t len)
{
    struct fixture *f = user;

    if (!bytes) {
        f->resets++;
        f->seen_len = 0;
        return;
    }
    assert_true(f->seen_len + len <= sizeof(f->seen));
    memcpy(f->seen + f->seen_len, bytes, len);
    f->seen_len += len;
}

/* Runs the request with a fresh file and keeps what the file holds then. */
static enum envm_code fetch(struct fixture *f, struct envm_download request)
{
    FILE *file = tmpfile();
    enum envm_code code;
    long len;

    assert_non_null(file);
    envm_error_release(&f->err);
    memset(&f->result, 0, sizeof(f->result));
    request.fd = fileno(file);
    code = envm_download(f->downloader, &f->arena, &request, &f->result, &f->err);
    fseek(file, 0, SEEK_END);
    len = ftell(file);
    rewind(file);
    free(f->body);
    f->body = calloc(1, (size_t)len + 1);
    f->body_len = fread(f->body, 1, (size_t)len, file);
    fclose(file);
    return code;
}

static enum envm_code fetch_path(struct fixture *f, const char *path)
{
    return fetch(f, (struct envm_download){.url = url_at(f, f->server.http, path)});
}

static void assert_body(struct fixture *f, const char *expected)
{
    assert_int_equal(f->body_len, strlen(expected));
    assert_memory_equal(f->body, expected, f->body_len);
}

static void assert_failed(struct fixture *f, enum envm_code code, enum envm_code expected,
                          const char *words)
{
    if (code != expected || !f->err.text || !strstr(f->err.text, words))
        fail_msg("code %d instead of %d, or no '%s' in '%s'", code, expected, words,
                 f->err.text ? f->err.text : "(none)");
}

/* No secret in anything that was said. */
static void assert_no_canary(struct fixture *f)
{
    assert_null(strstr(f->log, CANARY));
    if (f->err.text)
        assert_null(strstr(f->err.text, CANARY));
    if (f->err.where)
        assert_null(strstr(f->err.where, CANARY));
    if (f->err.hint)
        assert_null(strstr(f->err.hint, CANARY));
}

/* --- plain downloads ------------------------------------------------------------------------ */

static void test_plain(void **state)
{
    struct fixture *f = *state;

    httpd_put(&f->server, "linux-64/x.txt", "hello\n", 6);
    begin(f, "{}");
    assert_int_equal(fetch_path(f, "/linux-64/x.txt"), ENVM_OK);
    assert_body(f, "hello\n");
    assert_int_equal(f->result.bytes, 6);
    assert_true(f->result.etag.len > 2);
    assert_true(f->result.last_modified.len > 10);
    assert_false(f->result.not_modified);
    assert_true(envm_str_ends_with(f->result.final_url, ENVM_STR("/linux-64/x.txt")));
    assert_int_equal(httpd_count(&f->server, "accept-encoding", NULL), 0);
}

static void test_not_modified(void **state)
{
    struct fixture *f = *state;
    struct envm_download request = {0};

    httpd_put(&f->server, "x", "hello", 5);
    begin(f, "{}");
    assert_int_equal(fetch_path(f, "/x"), ENVM_OK);
    request.url = url_at(f, f->server.http, "/x");
    request.etag = f->result.etag;
    request.last_modified = f->result.last_modified;
    assert_int_equal(fetch(f, request), ENVM_OK);
    assert_true(f->result.not_modified);
    assert_int_equal(f->result.bytes, 0);
    assert_int_equal(f->body_len, 0);
    assert_int_equal(httpd_count(&f->server, "if-none-match", "\"status\": 304"), 1);
    assert_int_equal(httpd_count(&f->server, "if-modified-since", NULL), 1);
}

static void test_header_values_that_cannot_be_sent_are_left_out(void **state)
{
    struct fixture *f = *state;

    httpd_put(&f->server, "x", "hello", 5);
    begin(f, "{}");
    assert_int_equal(fetch(f, (struct envm_download){.url = url_at(f, f->server.http, "/x"),
                                                     .etag = ENVM_STR("\"a\"\r\nx-evil: 1")}),
                     ENVM_OK);
    assert_body(f, "hello");
    assert_int_equal(httpd_count(&f->server, "if-none-match", NULL), 0);
    assert_int_equal(httpd_count(&f->server, "x-evil", NULL), 0);
}

static void test_missing(void **state)
{
    struct fixture *f = *state;

    begin(f, "{\"/gone\": [{\"status\": 410}]}");
    assert_int_equal(fetch_path(f, "/nothing"), ENVM_OK);
    assert_true(f->result.not_found);
    assert_int_equal(f->body_len, 0);
    assert_int_equal(fetch_path(f, "/gone"), ENVM_OK);
    assert_true(f->result.not_found);
    assert_int_equal(httpd_count(&f->server, "GET", NULL), 2);
}

static void test_file_url(void **state)
{
    struct fixture *f = *state;
    struct envm_download request = {.on_bytes = take_bytes, .user = f};

    httpd_put(&f->server, "a b", "local", 5);
    use_config(f, (struct envm_net_config){.offline = true});
    request.url =
        envm_url_from_path(&f->arena, envm_str_from(httpd_path(&f->server, "served/a b")));
    assert_int_equal(fetch(f, request), ENVM_OK);
    assert_body(f, "local");
    assert_int_equal(f->seen_len, 5);
    assert_int_equal(f->result.bytes, 5);

    request.has_expected_size = true;
    request.expected_size = 4;
    assert_failed(f, fetch(f, request), ENVM_INTEGRITY, "longer than the 4 bytes");
    request.expected_size = 6;
    assert_failed(f, fetch(f, request), ENVM_INTEGRITY, "has 5 bytes");

    request.url = envm_arena_concat(&f->arena, request.url, ENVM_STR("c"));
    assert_int_equal(fetch(f, request), ENVM_OK);
    assert_true(f->result.not_found);
    request.url = envm_url_from_path(&f->arena, envm_str_from(httpd_path(&f->server, "served")));
    assert_int_equal(fetch(f, request), ENVM_IO);
}

static void test_offline(void **state)
{
    struct fixture *f = *state;

    httpd_start(&f->server, "{}", NULL);
    use_config(f, (struct envm_net_config){.offline = true});
    assert_failed(f, fetch_path(f, "/x"), ENVM_NETWORK, "offline");
    assert_int_equal(httpd_count(&f->server, NULL, NULL), 0);
}

static void test_bad_url(void **state)
{
    struct fixture *f = *state;

    use_config(f, (struct envm_net_config){0});
    assert_int_equal(fetch(f, (struct envm_download){.url = ENVM_STR("ftp://h/" CANARY)}),
                     ENVM_USAGE);
    assert_int_equal(fetch(f, (struct envm_download){.url = ENVM_STR("https://u:" CANARY "@h t/")}),
                     ENVM_USAGE);
    assert_null(strstr(f->err.text, CANARY));
}

/* --- retries -------------------------------------------------------------------------------- */

static void test_retries_until_it_works(void **state)
{
    struct fixture *f = *state;

    begin(f, "{\"/x\": [{\"status\": 500}, {\"status\": 503}, {\"status\": 502},"
             " {\"raw\": \"\"}, {\"raw\": \"garbage\\r\\n\\r\\n\"}, {\"body\": \"done\"}]}");
    assert_int_equal(fetch_path(f, "/x"), ENVM_OK);
    assert_body(f, "done");
    assert_int_equal(httpd_count(&f->server, NULL, NULL), 6);
    assert_non_null(strstr(f->log, "HTTP status 500; trying again"));
}

static void test_gives_up(void **state)
{
    struct fixture *f = *state;

    httpd_start(&f->server, "{\"/x\": [{\"status\": 500}], \"/y\": [{\"status\": 418}]}", NULL);
    use_config(f, (struct envm_net_config){.retries = 3});
    assert_failed(f, fetch_path(f, "/x"), ENVM_NETWORK, "HTTP status 500 (tried 4 times)");
    assert_int_equal(httpd_count(&f->server, "\"/x\"", NULL), 8 / 2);
    assert_failed(f, fetch_path(f, "/y"), ENVM_NETWORK, "HTTP status 418");
    assert_int_equal(httpd_count(&f->server, "\"/y\"", NULL), 1);
}

static void test_refused_connection(void **state)
{
    struct fixture *f = *state;

    use_config(f, (struct envm_net_config){.retries = 2});
    assert_failed(f, fetch(f, (struct envm_download){.url = ENVM_STR("http://127.0.0.1:1/x")}),
                  ENVM_NETWORK, "tried 3 times");
    assert_non_null(strstr(f->err.text, "downloading http://127.0.0.1:1/x"));
    assert_string_equal(f->err.where, "http://127.0.0.1:1/x");
}

static void test_retry_after(void **state)
{
    struct fixture *f = *state;
    uint64_t start;

    begin(f, "{\"/x\": [{\"status\": 429, \"headers\": {\"Retry-After\": \"1\"}},"
             " {\"body\": \"ok\"}]}");
    start = envm_clock_monotonic_ms();
    assert_int_equal(fetch_path(f, "/x"), ENVM_OK);
    assert_true(envm_clock_monotonic_ms() - start >= 990);
    assert_body(f, "ok");
}

static void test_stall_is_given_up(void **state)
{
    struct fixture *f = *state;
    uint64_t start;

    httpd_start(&f->server,
                "{\"/x\": [{\"body\": \"0123456789\", \"etag\": \"\\\"e\\\"\", \"stall\": 4},"
                " {\"body\": \"0123456789\", \"etag\": \"\\\"e\\\"\"}]}",
                NULL);
    /* Time enough for a server on a busy machine to send the first bytes, which the resumed request
     * goes on from; the stall itself would last ten minutes. */
    use_config(f, (struct envm_net_config){.low_speed_seconds = 3});
    start = envm_clock_monotonic_ms();
    assert_int_equal(fetch_path(f, "/x"), ENVM_OK);
    assert_body(f, "0123456789");
    assert_true(envm_clock_monotonic_ms() - start < 120000);
    assert_int_equal(httpd_count(&f->server, "bytes=4-", "\"status\": 206"), 1);
}

/* --- cut bodies and resumption -------------------------------------------------------------- */

#define TEN "0123456789"

static enum envm_code fetch_seen(struct fixture *f, const char *path)
{
    return fetch(f, (struct envm_download){.url = url_at(f, f->server.http, path),
                                           .on_bytes = take_bytes,
                                           .user = f,
                                           .has_expected_size = true,
                                           .expected_size = 10});
}

static void assert_ten(struct fixture *f)
{
    assert_body(f, TEN);
    assert_int_equal(f->seen_len, 10);
    assert_memory_equal(f->seen, TEN, 10);
    assert_int_equal(f->result.bytes, 10);
}

static void test_resumes(void **state)
{
    struct fixture *f = *state;

    begin(f, "{\"/x\": [{\"body\": \"" TEN "\", \"etag\": \"\\\"e\\\"\", \"cut\": 4},"
             "{\"body\": \"" TEN "\", \"etag\": \"\\\"e\\\"\", \"cut\": 3, \"reset\": true},"
             "{\"status\": 500},"
             "{\"body\": \"" TEN "\", \"etag\": \"\\\"e\\\"\"}]}");
    assert_int_equal(fetch_seen(f, "/x"), ENVM_OK);
    assert_ten(f);
    assert_int_equal(f->resets, 0);
    assert_true(httpd_count(&f->server, "\"range\": \"bytes=4-\"", "\"if-range\": \"\\\"e\\\"\"") >=
                1);
    assert_int_equal(httpd_count(&f->server, NULL, NULL), 4);
}

static void test_starts_over_without_etag(void **state)
{
    struct fixture *f = *state;

    begin(f, "{\"/x\": [{\"body\": \"abcdefghij\", \"cut\": 4}, {\"body\": \"" TEN "\"}],"
             " \"/w\": [{\"body\": \"abcdefghij\", \"cut\": 4, \"etag\": \"W/\\\"e\\\"\"},"
             " {\"body\": \"" TEN "\"}]}");
    assert_int_equal(fetch_seen(f, "/x"), ENVM_OK);
    assert_ten(f);
    assert_int_equal(f->resets, 1);
    f->seen_len = 0;
    assert_int_equal(fetch_seen(f, "/w"), ENVM_OK);
    assert_ten(f);
    assert_int_equal(httpd_count(&f->server, "\"range\"", NULL), 0);
}

static void test_changed_etag_starts_over(void **state)
{
    struct fixture *f = *state;

    begin(f, "{\"/x\": [{\"body\": \"abcdefghij\", \"etag\": \"\\\"old\\\"\", \"cut\": 4},"
             "{\"body\": \"" TEN "\", \"etag\": \"\\\"new\\\"\", \"cut\": 6},"
             "{\"body\": \"" TEN "\", \"etag\": \"\\\"new\\\"\"}]}");
    assert_int_equal(fetch_seen(f, "/x"), ENVM_OK);
    assert_ten(f);
    assert_int_equal(f->resets, 1);
    assert_true(envm_str_equal_c(f->result.etag, "\"new\""));
    assert_int_equal(httpd_count(&f->server, "bytes=6-", "\\\"new"), 1);
}

static void test_server_ignores_range(void **state)
{
    struct fixture *f = *state;

    begin(f, "{\"/x\": [{\"body\": \"" TEN "\", \"etag\": \"\\\"e\\\"\", \"cut\": 4},"
             "{\"body\": \"" TEN "\", \"etag\": \"\\\"e\\\"\", \"ranges\": false}]}");
    assert_int_equal(fetch_seen(f, "/x"), ENVM_OK);
    assert_ten(f);
    assert_int_equal(f->resets, 1);
}

static void test_wrong_range_starts_over(void **state)
{
    struct fixture *f = *state;

    begin(f, "{\"/x\": [{\"body\": \"" TEN "\", \"etag\": \"\\\"e\\\"\", \"cut\": 4},"
             "{\"body\": \"" TEN "\", \"etag\": \"\\\"e\\\"\", \"content_range\":"
             " \"bytes 2-9/10\"}, {\"body\": \"" TEN "\", \"etag\": \"\\\"e\\\"\"}]}");
    assert_int_equal(fetch_seen(f, "/x"), ENVM_OK);
    assert_ten(f);
    assert_int_equal(httpd_count(&f->server, NULL, NULL), 3);
    assert_int_equal(httpd_count(&f->server, "\"range\"", NULL), 1);
}

static void test_416_starts_over(void **state)
{
    struct fixture *f = *state;

    begin(f, "{\"/x\": [{\"body\": \"" TEN "\", \"etag\": \"\\\"e\\\"\", \"cut\": 4},"
             "{\"status\": 416}, {\"body\": \"" TEN "\", \"etag\": \"\\\"e\\\"\"}]}");
    assert_int_equal(fetch_seen(f, "/x"), ENVM_OK);
    assert_ten(f);
}

static void test_cut_at_every_byte(void **state)
{
    struct fixture *f = *state;
    char script[8192];
    size_t len = 0;

    len += (size_t)snprintf(script, sizeof(script), "{\"/none\": []");
    for (int i = 0; i < 10; i++)
        len += (size_t)snprintf(script + len, sizeof(script) - len,
                                ", \"/%d\": [{\"body\": \"" TEN "\", \"etag\": \"\\\"e\\\"\","
                                " \"cut\": %d, \"chunked\": %s}, {\"body\": \"" TEN "\","
                                " \"etag\": \"\\\"e\\\"\"}]",
                                i, i, i % 2 ? "true" : "false");
    snprintf(script + len, sizeof(script) - len, "}");
    begin(f, script);
    for (int i = 0; i < 10; i++) {
        char path[16];
        snprintf(path, sizeof(path), "/%d", i);
        f->seen_len = 0;
        assert_int_equal(fetch_seen(f, path), ENVM_OK);
        assert_ten(f);
    }
}

static void test_never_accepted_short(void **state)
{
    struct fixture *f = *state;

    httpd_start(&f->server,
                "{\"/cut\": [{\"body\": \"" TEN "\", \"cut\": 4}],"
                " \"/claims_more\": [{\"body\": \"" TEN "\", \"length\": 12}],"
                " \"/close\": [{\"body\": \"012345678\", \"length\": null}],"
                " \"/short\": [{\"body\": \"012345678\"}]}",
                NULL);
    use_config(f, (struct envm_net_config){.retries = 1});
    assert_failed(f, fetch_path(f, "/cut"), ENVM_NETWORK, "tried 2 times");
    assert_failed(f, fetch_path(f, "/claims_more"), ENVM_NETWORK, "tried 2 times");
    assert_failed(f, fetch_seen(f, "/close"), ENVM_NETWORK, "ended after 9 of 10 bytes");
    assert_failed(f, fetch_seen(f, "/short"), ENVM_INTEGRITY, "has 9 bytes");
}

static void test_too_long(void **state)
{
    struct fixture *f = *state;
    struct envm_download request = {.size_limit = 5};

    begin(f, "{\"/x\": [{\"body\": \"0123456789a\"}],"
             " \"/unknown\": [{\"repeat\": [\"0123456789\", 1000000], \"length\": null}],"
             " \"/redirect\": [{\"status\": 302, \"repeat\": [\"a\", 5000],"
             " \"headers\": {\"Location\": \"/fine\"}}], \"/fine\": [{\"body\": \"" TEN "\"}]}");
    assert_failed(f, fetch_seen(f, "/x"), ENVM_INTEGRITY, "longer than the 10 bytes");
    assert_failed(f, fetch_seen(f, "/unknown"), ENVM_INTEGRITY, "longer than the 10 bytes");
    assert_true(f->body_len <= 10);
    f->seen_len = 0;
    assert_int_equal(fetch_seen(f, "/redirect"), ENVM_OK);
    assert_body(f, TEN);
    request.url = url_at(f, f->server.http, "/fine");
    assert_failed(f, fetch(f, request), ENVM_MALFORMED, "limit of 5 bytes");
    assert_int_equal(httpd_count(&f->server, "\"/x\"", "GET"), 1);
}

static void test_bad_descriptor(void **state)
{
    struct fixture *f = *state;
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    struct envm_download request = {.fd = fd};

    httpd_put(&f->server, "x", "hello", 5);
    begin(f, "{}");
    request.url = url_at(f, f->server.http, "/x");
    assert_int_equal(envm_download(f->downloader, &f->arena, &request, &f->result, &f->err),
                     ENVM_IO);
    assert_int_equal(httpd_count(&f->server, NULL, NULL), 1);
    close(fd);
}

/* --- redirects and credentials -------------------------------------------------------------- */

static void test_redirects(void **state)
{
    struct fixture *f = *state;
    static const unsigned statuses[] = {301, 302, 303, 307, 308};

    httpd_put(&f->server, "end", "here", 4);
    begin(f, "{\"/301\": [{\"status\": 301, \"headers\": {\"Location\": \"/end\"}}],"
             "\"/302\": [{\"status\": 302, \"headers\": {\"Location\": \"{other}/end\"}}],"
             "\"/303\": [{\"status\": 303, \"headers\": {\"Location\": \"end\"}}],"
             "\"/307\": [{\"status\": 307, \"headers\": {\"Location\": \"/302\"}}],"
             "\"/308\": [{\"status\": 308, \"headers\": {\"Location\": \"end?sig=1\"}}],"
             "\"/loop\": [{\"status\": 302, \"headers\": {\"Location\": \"/loop\"}}],"
             "\"/nowhere\": [{\"status\": 302}]}");
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        char path[16];
        snprintf(path, sizeof(path), "/%u", statuses[i]);
        assert_int_equal(fetch_path(f, path), ENVM_OK);
        assert_body(f, "here");
    }
    assert_int_equal(httpd_count(&f->server, "/end?sig=1", NULL), 1);
    assert_failed(f, fetch_path(f, "/loop"), ENVM_NETWORK, "more than 5 redirects");
    assert_int_equal(httpd_count(&f->server, "\"path\": \"/loop\"", NULL), 6);
    assert_failed(f, fetch_path(f, "/nowhere"), ENVM_NETWORK, "leads nowhere");
}

static void test_refused_redirects(void **state)
{
    struct fixture *f = *state;
    struct envm_download request = {0};

    httpd_start(
        &f->server,
        "{\"/down\": [{\"status\": 302, \"headers\": {\"Location\": \"{http}/end\"}}],"
        "\"/file\": [{\"status\": 302, \"headers\": {\"Location\": \"file:///etc/passwd\"}}],"
        "\"/ftp\": [{\"status\": 302, \"headers\":"
        " {\"Location\": \"ftp://u:" CANARY "@h/x\"}}]}",
        tls_directory);
    use_config(f, (struct envm_net_config){
                      .ca_bundle = envm_arena_printf(&f->arena, "%s/ca.pem", tls_directory)});
    request.url = url_at(f, f->server.https, "/down");
    assert_failed(f, fetch(f, request), ENVM_UNSAFE, "refusing the redirect to http://");
    assert_failed(f, fetch_path(f, "/file"), ENVM_UNSAFE, "refusing the redirect");
    assert_failed(f, fetch_path(f, "/ftp"), ENVM_UNSAFE, "refusing the redirect");
    assert_no_canary(f);
    assert_int_equal(httpd_count(&f->server, NULL, NULL), 3);
}

static void use_credential(struct fixture *f, struct envm_credential credential)
{
    credential.url_prefix = envm_str_from(f->server.http);
    use_config(f, (struct envm_net_config){.credentials = &credential, .credential_count = 1});
}

static void test_basic_and_bearer(void **state)
{
    struct fixture *f = *state;

    httpd_start(&f->server,
                "{\"/basic\": [{\"basic\": \"joe:" CANARY "\", \"body\": \"in\"}],"
                "\"/bearer\": [{\"bearer\": \"" CANARY "\", \"body\": \"in\"}]}",
                NULL);
    use_credential(f,
                   (struct envm_credential){.user = ENVM_STR("joe"), .password = ENVM_STR(CANARY)});
    assert_int_equal(fetch_path(f, "/basic"), ENVM_OK);
    assert_body(f, "in");
    assert_failed(f, fetch_path(f, "/bearer"), ENVM_NETWORK,
                  "HTTP status 401, although the credential for http://127.0.0.1:");
    use_credential(f, (struct envm_credential){.bearer = ENVM_STR(CANARY)});
    assert_int_equal(fetch_path(f, "/bearer"), ENVM_OK);
    use_config(f, (struct envm_net_config){0});
    assert_failed(f, fetch_path(f, "/basic"), ENVM_NETWORK, "no credential is known for http://");
    assert_no_canary(f);
    assert_int_equal(httpd_count(&f->server, NULL, NULL), 4);
    assert_null(strstr(f->log, "in the clear")); /* loopback */
}

static void test_token(void **state)
{
    struct fixture *f = *state;

    httpd_put(&f->server, "chan/x", "in", 2);
    httpd_start(&f->server, "{\"tokens\": [\"" CANARY "\"], \"/chan/y\": [{\"status\": 403}]}",
                NULL);
    use_credential(f, (struct envm_credential){.token = ENVM_STR(CANARY)});
    assert_int_equal(fetch_path(f, "/chan/x"), ENVM_OK);
    assert_body(f, "in");
    assert_int_equal(httpd_count(&f->server, "/t/" CANARY "/chan/x", NULL), 1);
    assert_false(envm_str_contains(f->result.final_url, ENVM_STR(CANARY)));
    assert_failed(f, fetch_path(f, "/chan/y"), ENVM_NETWORK, "HTTP status 403, although");
    assert_no_canary(f);
    use_credential(f, (struct envm_credential){.token = ENVM_STR("wr0ng-" CANARY)});
    assert_failed(f, fetch_path(f, "/chan/x"), ENVM_NETWORK, "HTTP status 403");
    assert_no_canary(f);
}

/* Every kind of credential x every redirect status: nothing reaches the other origin, and what
 * leads back gets its own again. */
static void test_credentials_stay_home(void **state)
{
    struct fixture *f = *state;
    static const unsigned statuses[] = {301, 302, 303, 307, 308};
    const struct envm_credential kinds[] = {
        {.user = ENVM_STR_INIT("joe"), .password = ENVM_STR_INIT(CANARY)},
        {.bearer = ENVM_STR_INIT(CANARY)},
        {.token = ENVM_STR_INIT("t0ken-" CANARY)},
    };
    char script[8192] = "{\"tokens\": [\"t0ken-" CANARY "\"]";
    size_t len = strlen(script);

    httpd_put(&f->server, "end", "here", 4);
    for (size_t i = 0; i < 5; i++)
        len += (size_t)snprintf(
            script + len, sizeof(script) - len,
            ", \"/away%u\": [{\"status\": %u, \"headers\": {\"Location\": \"{other}/end\"}}]"
            ", \"/leak%u\": [{\"status\": %u, \"headers\":"
            " {\"Location\": \"{other}/t/t0ken-" CANARY "/end\"}}]"
            ", \"/back%u\": [{\"status\": %u, \"headers\": {\"Location\": \"{other}/again\"}}]",
            statuses[i], statuses[i], statuses[i], statuses[i], statuses[i], statuses[i]);
    snprintf(script + len, sizeof(script) - len,
             ", \"/again\": [{\"status\": 302, \"headers\": {\"Location\": \"{http}/end\"}}]}");
    httpd_start(&f->server, script, NULL);
    for (size_t kind = 0; kind < 3; kind++) {
        use_credential(f, kinds[kind]);
        for (size_t i = 0; i < 5; i++) {
            static const char *const names[] = {"away", "leak", "back"};
            for (size_t n = 0; n < 3; n++) {
                char path[16];
                snprintf(path, sizeof(path), "/%s%u", names[n], statuses[i]);
                assert_int_equal(fetch_path(f, path), ENVM_OK);
                assert_body(f, "here");
            }
        }
    }
    assert_int_equal(httpd_count(&f->server, "\"listener\": \"other\"", "authorization"), 0);
    /* A token path that a server makes up is its own affair, unless the token is one of ours: that
     * is the third kind's. */
    assert_int_equal(httpd_count(&f->server, "\"listener\": \"other\"", CANARY), 10);
    assert_int_equal(httpd_count(&f->server, "\"listener\": \"other\"", NULL), 45);
    /* Basic and bearer: the first request of each of 15 downloads, and the way back of 5. */
    assert_int_equal(httpd_count(&f->server, "\"listener\": \"http\"", "\"authorization\""), 40);
    assert_int_equal(httpd_count(&f->server, "\"listener\": \"http\"", "/t/t0ken-" CANARY), 20);
    assert_no_canary(f);
}

static void test_foreign_token_path_is_kept(void **state)
{
    struct fixture *f = *state;

    begin(f, "{\"/x\": [{\"status\": 302, \"headers\": {\"Location\": \"/t/public/y\"}}],"
             " \"/t/public/y\": [{\"body\": \"there\"}]}");
    assert_int_equal(fetch_path(f, "/x"), ENVM_OK);
    assert_body(f, "there");
}

static void test_netrc_is_used(void **state)
{
    struct fixture *f = *state;
    static const char netrc[] = "machine 127.0.0.1 login joe password " CANARY "\n";

    httpd_start(&f->server,
                "{\"/x\": [{\"basic\": \"joe:" CANARY "\", \"body\": \"in\"}],"
                " \"/no\": [{\"status\": 403}]}",
                NULL);
    httpd_write(httpd_path(&f->server, "netrc"), netrc, sizeof(netrc) - 1);
    use_config(
        f, (struct envm_net_config){.netrc_path = envm_str_from(httpd_path(&f->server, "netrc"))});
    assert_int_equal(fetch_path(f, "/x"), ENVM_OK);
    assert_body(f, "in");
    assert_failed(f, fetch_path(f, "/no"), ENVM_NETWORK, "the netrc entry for 127.0.0.1");
    assert_no_canary(f);
}

/* --- proxies -------------------------------------------------------------------------------- */

static void test_http_proxy(void **state)
{
    struct fixture *f = *state;
    char variable[256];
    const char *environment[] = {variable, "no_proxy=direct.example,127.0.0.1", NULL};
    const struct envm_credential credential = {.url_prefix = ENVM_STR("http://channel.example"),
                                               .user = ENVM_STR("joe"),
                                               .password = ENVM_STR(CANARY)};
    const struct envm_net_config config = {
        .environment = environment, .credentials = &credential, .credential_count = 1};

    httpd_put(&f->server, "x", "through", 7);
    httpd_start(&f->server, "{\"proxy_auth\": \"me:" CANARY "\"}", NULL);
    snprintf(variable, sizeof(variable), "http_proxy=http://me:" CANARY "@%s",
             f->server.proxy + strlen("http://"));
    use_config(f, config);
    assert_int_equal(fetch(f, (struct envm_download){.url = ENVM_STR("http://channel.example/x")}),
                     ENVM_OK);
    assert_body(f, "through");
    assert_int_equal(
        httpd_count(&f->server, "\"target\": \"http://channel.example/x\"", "proxy-authorization"),
        1);
    assert_non_null(strstr(f->log, "in the clear"));
    assert_int_equal(fetch_path(f, "/x"), ENVM_OK); /* by no_proxy */
    assert_int_equal(httpd_count(&f->server, "\"listener\": \"http\"", NULL), 1);

    snprintf(variable, sizeof(variable), "http_proxy=http://me:wr0ng-" CANARY "@%s",
             f->server.proxy + strlen("http://"));
    use_config(f, config);
    assert_failed(f, fetch(f, (struct envm_download){.url = ENVM_STR("http://channel.example/x")}),
                  ENVM_NETWORK, "the proxy wants a user name");
    assert_no_canary(f);
}

/* What libcurl cannot read it quotes, password and all. */
static void test_unreadable_proxies(void **state)
{
    static const char *const texts[] = {"me:" CANARY "@ho st:1", "http://me:" CANARY "#x@host:1",
                                        "me:" CANARY "@host:999999", "odd://me:" CANARY "@host:1",
                                        "http://me:" CANARY "@[::1"};
    struct fixture *f = *state;

    httpd_start(&f->server, "{}", NULL);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct envm_proxy proxy = {.scheme_or_host = ENVM_STR("all"),
                                   .url = envm_str_from(texts[i])};

        use_config(f, (struct envm_net_config){.proxies = &proxy, .proxy_count = 1, .retries = 1});
        assert_int_equal(fetch(f, (struct envm_download){.url = ENVM_STR("http://x.invalid/y")}),
                         ENVM_NETWORK);
        assert_no_canary(f);
    }
}

static void test_https_through_proxy(void **state)
{
    struct fixture *f = *state;
    struct envm_proxy proxy = {.scheme_or_host = ENVM_STR("https")};
    struct envm_net_config config = {.proxies = &proxy, .proxy_count = 1};

    httpd_put(&f->server, "x", "tunnel", 6);
    httpd_start(&f->server, "{\"proxy_auth\": \"me:" CANARY "\"}", tls_directory);
    config.ca_bundle = envm_arena_printf(&f->arena, "%s/ca.pem", tls_directory);
    proxy.url =
        envm_arena_printf(&f->arena, "me:" CANARY "@%s", f->server.proxy + strlen("http://"));
    use_config(f, config);
    assert_int_equal(fetch(f, (struct envm_download){.url = ENVM_STR("https://secure.example/x")}),
                     ENVM_OK);
    assert_body(f, "tunnel");
    assert_int_equal(httpd_count(&f->server, "\"method\": \"CONNECT\"", "secure.example:443"), 1);
    assert_int_equal(httpd_count(&f->server, "\"listener\": \"https\"", "proxy-authorization"), 0);

    proxy.url = envm_str_from(f->server.proxy);
    use_config(f, config);
    assert_failed(f, fetch(f, (struct envm_download){.url = ENVM_STR("https://secure.example/x")}),
                  ENVM_NETWORK, "the proxy wants a user name");
    assert_no_canary(f);
}

static void test_process_environment_is_not_read(void **state)
{
    struct fixture *f = *state;

    httpd_put(&f->server, "x", "direct", 6);
    begin(f, "{}");
    setenv("http_proxy", "http://127.0.0.1:1", 1);
    setenv("all_proxy", "http://127.0.0.1:1", 1);
    assert_int_equal(fetch_path(f, "/x"), ENVM_OK);
    unsetenv("http_proxy");
    unsetenv("all_proxy");
    assert_body(f, "direct");
}

/* --- TLS ------------------------------------------------------------------------------------ */

static void test_tls(void **state)
{
    struct fixture *f = *state;
    char variable[256];
    const char *environment[] = {variable, NULL};
    struct envm_download right = {0}, wrong = {0};

    httpd_put(&f->server, "x", "secret", 6);
    httpd_start(&f->server, "{}", tls_directory);
    right.url = url_at(f, f->server.https, "/x");
    wrong.url = url_at(f, f->server.wronghost, "/x");

    use_config(f, (struct envm_net_config){0});
    assert_failed(f, fetch(f, right), ENVM_NETWORK, "certificate");
    assert_null(strstr(f->err.text, "tried"));
    assert_non_null(strstr(f->err.hint, "system's store"));

    snprintf(variable, sizeof(variable), "SSL_CERT_FILE=%s/ca.pem", tls_directory);
    use_config(f, (struct envm_net_config){.environment = environment});
    assert_int_equal(fetch(f, right), ENVM_OK);
    assert_body(f, "secret");
    assert_failed(f, fetch(f, wrong), ENVM_NETWORK, "127.0.0.1");
    assert_non_null(strstr(f->err.hint, "SSL_CERT_FILE"));

    snprintf(variable, sizeof(variable), "SSL_CERT_FILE=/nonexistent/ca.pem");
    use_config(f, (struct envm_net_config){.environment = environment});
    assert_failed(f, fetch(f, right), ENVM_NETWORK, "/nonexistent/ca.pem");

    use_config(f, (struct envm_net_config){.insecure = true});
    assert_int_equal(fetch(f, right), ENVM_OK);
    assert_int_equal(fetch(f, wrong), ENVM_OK);
    assert_non_null(strstr(f->log, "certificates are not checked"));
    assert_null(
        strstr(strstr(f->log, "certificates are not checked") + 1, "certificates are not checked"));
}

/* --- many at once, and stopping ------------------------------------------------------------- */

#define MANY 50

struct one {
    struct fixture *f;
    unsigned number;
    enum envm_code code;
    char text[64];
};

static void *fetch_one(void *argument)
{
    struct one *one = argument;
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    FILE *file = tmpfile();
    struct envm_download_result result;
    struct envm_download request = {.fd = fileno(file)};

    request.url = envm_arena_printf(&arena, "%s/f%u", one->f->server.http, one->number);
    one->code = envm_download(one->f->downloader, &arena, &request, &result, &err);
    rewind(file);
    one->text[fread(one->text, 1, sizeof(one->text) - 1, file)] = '\0';
    fclose(file);
    return NULL;
}

static void test_many_at_once(void **state)
{
    struct fixture *f = *state;
    struct one ones[MANY];
    pthread_t threads[MANY];

    for (unsigned i = 0; i < MANY; i++) {
        char name[16], text[32];
        snprintf(name, sizeof(name), "f%u", i);
        snprintf(text, sizeof(text), "file number %u", i);
        httpd_put(&f->server, name, text, strlen(text));
    }
    begin(f, "{\"/f7\": [{\"status\": 500}, {\"body\": \"file number 7\"}]}");
    for (unsigned i = 0; i < MANY; i++) {
        ones[i] = (struct one){.f = f, .number = i};
        assert_int_equal(pthread_create(&threads[i], NULL, fetch_one, &ones[i]), 0);
    }
    for (unsigned i = 0; i < MANY; i++) {
        char text[32];
        pthread_join(threads[i], NULL);
        snprintf(text, sizeof(text), "file number %u", i);
        assert_int_equal(ones[i].code, ENVM_OK);
        assert_string_equal(ones[i].text, text);
    }
    assert_int_equal(httpd_count(&f->server, NULL, NULL), MANY + 1);
}

static void *cancel_soon(void *argument)
{
    envm_clock_sleep_ms(200);
    atomic_store(&((struct fixture *)argument)->cancel, true);
    return NULL;
}

static void test_cancellation(void **state)
{
    struct fixture *f = *state;
    uint64_t start;
    pthread_t thread;

    httpd_start(&f->server,
                "{\"/stall\": [{\"body\": \"abc\", \"stall\": 1}], \"/bad\": [{\"status\": 500}]}",
                NULL);
    use_config(f, (struct envm_net_config){.retry_base_ms = 20000});
    start =
        envm_clock_monotonic_ms(); /* not before the server has started, which may take seconds */
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, f), 0);
    assert_failed(f, fetch_path(f, "/stall"), ENVM_INTERRUPTED, "interrupted");
    pthread_join(thread, NULL);

    atomic_store(&f->cancel, false);
    assert_int_equal(pthread_create(&thread, NULL, cancel_soon, f), 0);
    assert_failed(f, fetch_path(f, "/bad"), ENVM_INTERRUPTED, "interrupted");
    pthread_join(thread, NULL);
    assert_true(envm_clock_monotonic_ms() - start < 14000); /* the backoff is 15 s at least */
}

/* Only once the request is on its way: before that the downloader must not go. */
static void *free_soon(void *argument)
{
    struct fixture *f = argument;

    while (httpd_count(&f->server, "/stall", NULL) == 0)
        envm_clock_sleep_ms(20);
    envm_downloader_free(f->downloader);
    return NULL;
}

static void test_free_cancels(void **state)
{
    struct fixture *f = *state;
    pthread_t thread;

    begin(f, "{\"/stall\": [{\"body\": \"abc\", \"stall\": 1}]}");
    assert_int_equal(pthread_create(&thread, NULL, free_soon, f), 0);
    assert_int_equal(fetch_path(f, "/stall"), ENVM_INTERRUPTED);
    pthread_join(thread, NULL);
    f->downloader = NULL;
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_plain),
        T(test_not_modified),
        T(test_header_values_that_cannot_be_sent_are_left_out),
        T(test_missing),
        T(test_file_url),
        T(test_offline),
        T(test_bad_url),
        T(test_retries_until_it_works),
        T(test_gives_up),
        T(test_refused_connection),
        T(test_retry_after),
        T(test_stall_is_given_up),
        T(test_resumes),
        T(test_starts_over_without_etag),
        T(test_changed_etag_starts_over),
        T(test_server_ignores_range),
        T(test_wrong_range_starts_over),
        T(test_416_starts_over),
        T(test_cut_at_every_byte),
        T(test_never_accepted_short),
        T(test_too_long),
        T(test_bad_descriptor),
        T(test_redirects),
        T(test_refused_redirects),
        T(test_basic_and_bearer),
        T(test_token),
        T(test_credentials_stay_home),
        T(test_foreign_token_path_is_kept),
        T(test_netrc_is_used),
        T(test_http_proxy),
        T(test_unreadable_proxies),
        T(test_https_through_proxy),
        T(test_process_environment_is_not_read),
        T(test_tls),
        T(test_many_at_once),
        T(test_cancellation),
        T(test_free_cancels),
    };
    return cmocka_run_group_tests(tests, make_tls_directory, remove_tls_directory);
}
