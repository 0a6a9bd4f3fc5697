/* SPDX-License-Identifier: MIT
 *
 * The pure parts of src/net: netrc, proxies, credentials, retry times, body ranges.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "net/auth.h"
#include "net/body.h"
#include "net/proxy.h"
#include "net/retry.h"
#include "net/trust.h"

#define S(text) ENVM_STR(text)

static void assert_text(envm_str actual, const char *expected)
{
    assert_int_equal(actual.len, strlen(expected));
    assert_memory_equal(actual.len ? actual.ptr : "", expected, actual.len);
}

static void test_netrc(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_netrc netrc =
        envm_netrc_parse(&arena, S("# machine no.example login a password b\n"
                                   "machine One.example\n  login joe\n\tpassword s3cret\n"
                                   "macdef init\nmachine in.macro login x password y\n\n"
                                   "machine two.example login \"a b\" password \"q\\\"z\"\n"
                                   "default login everybody password everywhere\n"
                                   "machine three.example account x login t password"));
    (void)state;
    assert_int_equal(netrc.count, 3);
    assert_text(envm_netrc_find(&netrc, S("one.EXAMPLE"))->login, "joe");
    assert_text(envm_netrc_find(&netrc, S("one.example"))->password, "s3cret");
    assert_text(envm_netrc_find(&netrc, S("two.example"))->login, "a b");
    assert_text(envm_netrc_find(&netrc, S("two.example"))->password, "q\"z");
    assert_text(envm_netrc_find(&netrc, S("three.example"))->login, "t");
    assert_text(envm_netrc_find(&netrc, S("three.example"))->password, "");
    assert_null(envm_netrc_find(&netrc, S("in.macro")));
    assert_null(envm_netrc_find(&netrc, S("no.example")));
    assert_null(envm_netrc_find(&netrc, S("unknown.example")));
    assert_int_equal(envm_netrc_parse(&arena, S("")).count, 0);
    assert_int_equal(envm_netrc_parse(&arena, S("machine")).count, 0);
    assert_int_equal(envm_netrc_parse(&arena, S("\"unclosed")).count, 0);
}

static struct envm_url url_of(struct envm_arena *arena, const char *text)
{
    struct envm_url url;

    assert_int_equal(envm_url_parse(arena, envm_str_from(text), &url, NULL), ENVM_OK);
    return url;
}

static void test_auth_binds_to_origin_and_path(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    const struct envm_credential credentials[] = {
        {.url_prefix = S("https://h.example"), .user = S("u"), .password = S("wide")},
        {.url_prefix = S("https://h.example/private/"), .token = S("narrow")},
        {.url_prefix = S("https://port.example:8443/x"), .bearer = S("b")},
    };
    const struct envm_net_config config = {
        .credentials = credentials, .credential_count = 3, .netrc_path = S("none")};
    static const struct {
        const char *url, *described;
    } rows[] = {
        {"https://h.example/a/b", "the credential for https://h.example/"},
        {"https://h.example:443/a", "the credential for https://h.example/"},
        {"https://h.example/private/c", "the credential for https://h.example/private/"},
        {"https://h.example/private", "the credential for https://h.example/private/"},
        {"https://h.example/privateer/c", "the credential for https://h.example/"},
        {"http://h.example/a", ""},
        {"https://h.example:8443/a", ""},
        {"https://sub.h.example/a", ""},
        {"https://h.example.evil/a", ""},
        {"https://port.example:8443/x/y", "the credential for https://port.example:8443/x"},
        {"https://port.example:8443/xy", ""},
        {"https://port.example/x", ""},
    };
    struct envm_auth auth;

    (void)state;
    assert_int_equal(envm_auth_load(&arena, &config, &auth, NULL), ENVM_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct envm_url url = url_of(&arena, rows[i].url);
        assert_text(envm_auth_choose(&auth, &arena, &url).described, rows[i].described);
    }
    assert_true(envm_auth_is_token(&auth, S("narrow")));
    assert_false(envm_auth_is_token(&auth, S("other")));
    assert_false(envm_auth_is_token(&auth, S("")));
}

static void test_request_url(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    struct envm_url url = url_of(&arena, "https://h.example:8443/chan/x.conda?sig=1");

    (void)state;
    assert_text(envm_auth_request_url(&arena, &url, S("")),
                "https://h.example:8443/chan/x.conda?sig=1");
    assert_text(envm_auth_request_url(&arena, &url, S("a/b c")),
                "https://h.example:8443/t/a%2Fb%20c/chan/x.conda?sig=1");
}

static void test_bad_credential_place(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    const struct envm_credential bad = {.url_prefix = S("ftp://u:hunter2@h"), .token = S("t0k")};
    const struct envm_net_config config = {.credentials = &bad, .credential_count = 1};
    struct envm_auth auth;

    (void)state;
    assert_int_equal(envm_auth_load(&arena, &config, &auth, &err), ENVM_USAGE);
    assert_null(strstr(err.text, "hunter2"));
}

static void test_netrc_file(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    char path[] = "/tmp/envm-netrc-XXXXXX";
    const char *environment[] = {NULL, "HOME=/nonexistent", NULL};
    int fd = mkstemp(path);
    struct envm_net_config config = {.environment = environment};
    struct envm_url url = url_of(&arena, "https://h.example/x");
    struct envm_auth_choice choice;
    struct envm_auth auth;
    char variable[64];

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "machine h.example login l password p\n", 37), 37);
    close(fd);
    snprintf(variable, sizeof(variable), "NETRC=%s", path);
    environment[0] = variable;
    assert_int_equal(envm_auth_load(&arena, &config, &auth, &err), ENVM_OK);
    choice = envm_auth_choose(&auth, &arena, &url);
    assert_true(choice.has_basic);
    assert_text(choice.password, "p");
    assert_text(choice.described, "the netrc entry for h.example");

    environment[0] = "NETRC=/nonexistent/netrc";
    assert_int_equal(envm_auth_load(&arena, &config, &auth, &err), ENVM_OK);
    assert_text(envm_auth_choose(&auth, &arena, &url).described, "");

    config.netrc_path = S("/nonexistent/netrc");
    assert_int_equal(envm_auth_load(&arena, &config, &auth, &err), ENVM_IO);
    unlink(path);
}

static void test_no_proxy(void **state)
{
    static const struct {
        const char *list, *host;
        uint16_t port;
        bool matches;
    } rows[] = {
        {"", "a.example", 80, false},
        {"*", "a.example", 80, true},
        {"a.example", "a.example", 80, true},
        {"A.Example", "a.example", 80, true},
        {"example", "a.example", 80, true},
        {".example", "a.example", 80, true},
        {"*.example", "a.example", 80, true},
        {".example", "example", 80, true},
        {"ample", "a.example", 80, false},
        {"b.example, a.example", "a.example", 80, true},
        {"b.example a.example", "a.example", 80, true},
        {"a.example:8080", "a.example", 8080, true},
        {"a.example:8080", "a.example", 80, false},
        {"127.0.0.1", "127.0.0.1", 80, true},
        {"127.0.0.1:81", "127.0.0.1", 80, false},
        {"10.0.0.0/8", "10.200.1.1", 80, true},
        {"10.0.0.0/8", "11.0.0.1", 80, false},
        {"10.0.0.0/33", "10.0.0.1", 80, false},
        {"10.0.0.0/x", "10.0.0.1", 80, false},
        {"10.0.0.0/8", "ten.example", 80, false},
        {"::1", "[::1]", 80, true},
        {"[::1]", "::1", 80, true},
        {"[::1]:81", "::1", 80, false},
        {"fd00::/8", "fd12::1", 80, true},
        {",,", "a", 80, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        bool matches = envm_no_proxy_matches(envm_str_from(rows[i].list),
                                             envm_str_from(rows[i].host), rows[i].port);
        if (matches != rows[i].matches)
            fail_msg("no_proxy '%s' for %s:%u", rows[i].list, rows[i].host, rows[i].port);
    }
}

static void test_proxy_order(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    const struct envm_proxy proxies[] = {
        {S("https"), S("http://for-https:1")},
        {S("https://one.example"), S("http://for-one:1")},
        {S("all://two.example"), S("http://for-two:1")},
    };
    const char *environment[] = {"HTTP_PROXY=http://upper:1", "ALL_PROXY=socks5://all:1",
                                 "NO_PROXY=skip.example", "https_proxy=http://unused:1", NULL};
    const char *cgi[] = {"HTTP_PROXY=http://upper:1", "REQUEST_METHOD=GET", NULL};
    const char *lower[] = {"HTTP_PROXY=http://upper:1", "http_proxy=http://lower:1", NULL};
    struct envm_net_config config = {
        .proxies = proxies, .proxy_count = 3, .environment = environment};
    struct envm_proxy_table table = envm_proxy_load(&arena, &config);
    struct envm_url url = url_of(&arena, "https://one.example/");

    (void)state;
    assert_text(envm_proxy_choose(&table, &url), "http://for-one:1");
    url = url_of(&arena, "https://two.example/");
    assert_text(envm_proxy_choose(&table, &url), "http://for-https:1");
    url = url_of(&arena, "http://two.example/");
    assert_text(envm_proxy_choose(&table, &url), "http://for-two:1");
    url = url_of(&arena, "http://three.example/");
    assert_text(envm_proxy_choose(&table, &url), "http://upper:1");
    url = url_of(&arena, "https://skip.example/");
    assert_text(envm_proxy_choose(&table, &url), "");

    config = (struct envm_net_config){.environment = cgi};
    table = envm_proxy_load(&arena, &config);
    url = url_of(&arena, "http://three.example/");
    assert_text(envm_proxy_choose(&table, &url), "");
    config.environment = lower;
    table = envm_proxy_load(&arena, &config);
    assert_text(envm_proxy_choose(&table, &url), "http://lower:1");
    config.environment = NULL;
    table = envm_proxy_load(&arena, &config);
    assert_text(envm_proxy_choose(&table, &url), "");
}

static void test_trust(void **state)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    const char *environment[] = {"REQUESTS_CA_BUNDLE=/nonexistent/r.pem", "CURL_CA_BUNDLE=/tmp",
                                 NULL};
    struct envm_net_config config = {.environment = environment, .ca_bundle = S("/tmp")};
    struct envm_trust trust = envm_trust_load(&arena, &config);

    (void)state;
    assert_string_equal(trust.ca_directory, "/tmp");
    assert_null(trust.ca_file);
    config.ca_bundle = (envm_str){0};
    trust = envm_trust_load(&arena, &config);
    assert_string_equal(trust.ca_file, "/nonexistent/r.pem");
    assert_string_equal(trust.source, "REQUESTS_CA_BUNDLE");
    config.environment = NULL;
    trust = envm_trust_load(&arena, &config);
    assert_null(trust.ca_file);
    assert_null(trust.ca_directory);
}

static void test_retry_after(void **state)
{
    const int64_t now = 784111777; /* Sun, 06 Nov 1994 08:49:37 GMT */
    static const struct {
        const char *field;
        bool valid;
        unsigned ms;
    } rows[] = {
        {"0", true, 0},
        {"5", true, 5000},
        {"60", true, 60000},
        {"61", true, 60000},
        {"1000000000", true, 60000},
        {"99999999999999999999999999", true, 60000},
        {"-1", false, 7},
        {"", false, 7},
        {"soon", false, 7},
        {"1.5", false, 7},
        {"Sun, 06 Nov 1994 08:49:47 GMT", true, 10000},
        {"Sun, 06 Nov 1994 08:49:30 GMT", true, 0},
        {"Sun, 06 Nov 2094 08:49:30 GMT", true, 60000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned ms = 7;
        if (envm_retry_after_ms(envm_str_from(rows[i].field), now, &ms) != rows[i].valid ||
            ms != rows[i].ms)
            fail_msg("Retry-After '%s' gives %u", rows[i].field, ms);
    }
}

static void test_backoff(void **state)
{
    (void)state;
    for (unsigned attempt = 0; attempt < 64; attempt++) {
        double middle = attempt < 6 ? 500.0 * (1u << attempt) : 30000.0;
        unsigned ms = envm_backoff_ms(500, attempt);
        assert_true(ms <= ENVM_BACKOFF_MAX_MS);
        if (middle < 20000) {
            assert_true(ms >= middle * 0.74);
            assert_true(ms <= middle * 1.26);
        }
    }
    assert_true(envm_backoff_ms(500, 200) >= 20000);
    assert_true(envm_http_status_is_passing(503));
    assert_true(envm_http_status_is_passing(522));
    assert_false(envm_http_status_is_passing(501));
    assert_false(envm_http_status_is_passing(404));
}

static void test_content_range(void **state)
{
    uint64_t start = 0;

    (void)state;
    assert_true(envm_content_range_start(S("bytes 100-199/200"), &start));
    assert_int_equal(start, 100);
    assert_true(envm_content_range_start(S("bytes 7-8/*"), &start));
    assert_false(envm_content_range_start(S("bytes */200"), &start));
    assert_false(envm_content_range_start(S("bytes -5/200"), &start));
    assert_false(envm_content_range_start(S("octets 1-2/3"), &start));
    assert_false(envm_content_range_start(S(""), &start));
}

static void test_loopback(void **state)
{
    (void)state;
    assert_true(envm_is_loopback_host(S("localhost")));
    assert_true(envm_is_loopback_host(S("127.0.0.1")));
    assert_true(envm_is_loopback_host(S("[::1]")));
    assert_false(envm_is_loopback_host(S("127.0.0.1.evil.example")));
    assert_false(envm_is_loopback_host(S("127.evil.example1")));
    assert_false(envm_is_loopback_host(S("h.example")));
    assert_false(envm_is_loopback_host(S("")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_netrc),         cmocka_unit_test(test_auth_binds_to_origin_and_path),
        cmocka_unit_test(test_request_url),   cmocka_unit_test(test_bad_credential_place),
        cmocka_unit_test(test_netrc_file),    cmocka_unit_test(test_no_proxy),
        cmocka_unit_test(test_proxy_order),   cmocka_unit_test(test_trust),
        cmocka_unit_test(test_retry_after),   cmocka_unit_test(test_backoff),
        cmocka_unit_test(test_content_range), cmocka_unit_test(test_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
