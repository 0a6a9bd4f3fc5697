/* SPDX-License-Identifier: MIT
 *
 * Repodata from files and from tests/support/httpd.py: what is asked for, what is kept, and what
 * the sources give.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <limits.h>
#include <pthread.h>
#include <time.h>
#include <zstd.h>

#include "../support/httpd.h"
#include "base/error.h"
#include "base/hex.h"
#include "codec/digest.h"
#include "codec/url.h"
#include "conda/package_record.h"
#include "repo/repodata_gateway.h"
#include "repo/repodata_state.h"
#include "repo/repodata_verify.h"
#include "repo/repodata_image.h"

#define SHA "\"sha256\": \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""
#define RECORD(name, version, build, more)                                                         \
    "{\"name\": \"" name "\", \"version\": \"" version "\", \"build\": \"" build                   \
    "\", \"build_number\": 0" more "}"

static const char linux_json[] =
    "{\"info\": {\"subdir\": \"linux-64\"}, \"packages\": {"
    "\"zlib-1.2-0.tar.bz2\": " RECORD(
        "zlib", "1.2", "0",
        ", " SHA
        ", \"size\": 17") ","
                          "\"both-1-0.tar.bz2\": " RECORD(
                              "both", "1", "0",
                              ", \"size\": 1") ","
                                               "\"gone-1-0.tar.bz2\": " RECORD(
                                                   "gone", "1", "0",
                                                   "") "},"
                                                       "\"packages.conda\": {"
                                                       "\"both-1-0.conda\": " RECORD(
                                                           "both", "1", "0",
                                                           ", \"size\": 2") ","
                                                                            "\"zlib-1.3-h0_1."
                                                                            "conda\": " RECORD(
                                                                                "zlib", "1.3",
                                                                                "h0_1",
                                                                                ", \"depends\": "
                                                                                "[\"libgcc >=13\", "
                                                                                "\"__glibc\"], "
                                                                                "\"constrains\": "
                                                                                "[\"zlib-ng <0\"],"
                                                                                " \"license\": "
                                                                                "\"Zlib\", "
                                                                                "\"timestamp\": "
                                                                                "1700000000, "
                                                                                "\"subdir\": "
                                                                                "\"linux-64\","
                                                                                " \"track_"
                                                                                "features\": \"a "
                                                                                "b\", \"md5\": "
                                                                                "\"0123456789abcdef"
                                                                                "0123456789abcdef"
                                                                                "\"") "},"
                                                                                      "\"removed\":"
                                                                                      " [\"gone-1-"
                                                                                      "0.tar.bz2\"]"
                                                                                      ", "
                                                                                      "\"repodata_"
                                                                                      "version\": "
                                                                                      "1, "
                                                                                      "\"future\": "
                                                                                      "{\"x\": "
                                                                                      "[1]}}";

static const char noarch_json[] =
    "{\"info\": {\"subdir\": \"noarch\"}, \"packages.conda\": {"
    "\"pip-24-py_0.conda\": " RECORD("pip", "24", "py_0", ", \"noarch\": \"python\"") "}}";

/* --- fixture -------------------------------------------------------------------------------- */

struct fixture {
    struct httpd server; /* its directory holds the cache too */
    struct envm_arena arena;
    struct envm_error err;
    struct envm_downloader *downloader;
    struct envm_gateway *gateway;
    int cache_fd;
    bool offline, only_tar_bz2;
    pthread_mutex_t lock;
    char log[8192];
    struct envm_sink sink;
    struct envm_gateway_subdir subdirs[4];
};

static void take_log(void *user, enum envm_log_level level, const char *text)
{
    struct fixture *f = user;
    size_t len;

    pthread_mutex_lock(&f->lock);
    len = strlen(f->log);
    snprintf(f->log + len, sizeof(f->log) - len, "%d %s\n", (int)level, text);
    pthread_mutex_unlock(&f->lock);
}

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    pthread_mutex_init(&f->lock, NULL);
    f->sink = (struct envm_sink){.user = f, .log = take_log};
    httpd_prepare(&f->server);
    assert_int_equal(mkdir(httpd_path(&f->server, "cache"), 0700), 0);
    f->cache_fd = open(httpd_path(&f->server, "cache"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->cache_fd >= 0);
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;

    envm_gateway_free(f->gateway);
    envm_downloader_free(f->downloader);
    envm_arena_release(&f->arena);
    envm_error_release(&f->err);
    if (f->cache_fd >= 0)
        close(f->cache_fd);
    httpd_stop(&f->server);
    pthread_mutex_destroy(&f->lock);
    free(f);
    return 0;
}

/* A new gateway, as a new run of the program would have; loads linux-64 and noarch. */
static enum envm_code load_base(struct fixture *f, envm_str base)
{
    const struct envm_net_config net = {.retry_base_ms = 1,
                                        .retries = 1,
                                        .netrc_path = ENVM_STR("none"),
                                        .offline = f->offline,
                                        .sink = &f->sink};
    struct envm_gateway_config config = {.cache_fd = f->cache_fd,
                                         .offline = f->offline,
                                         .use_only_tar_bz2 = f->only_tar_bz2,
                                         .sink = &f->sink};
    const struct envm_channel channel = {.name = ENVM_STR("chan"), .base_url = base};
    const envm_str subdirs[] = {ENVM_STR_INIT("linux-64"), ENVM_STR_INIT("noarch")};

    envm_gateway_free(f->gateway);
    f->gateway = NULL;
    envm_downloader_free(f->downloader);
    f->downloader = NULL;
    envm_error_release(&f->err);
    f->log[0] = '\0';
    assert_int_equal(envm_downloader_new(&net, &f->downloader, &f->err), ENVM_OK);
    config.downloader = f->downloader;
    assert_int_equal(envm_gateway_new(&config, &f->gateway, &f->err), ENVM_OK);
    return envm_gateway_load(f->gateway, &channel, 1, subdirs, 2, f->subdirs, &f->err);
}

static enum envm_code load_http(struct fixture *f)
{
    return load_base(f, envm_arena_printf(&f->arena, "%s/chan", f->server.http));
}

static enum envm_code load_local(struct fixture *f)
{
    return load_base(
        f, envm_url_from_path(&f->arena, envm_str_from(httpd_path(&f->server, "served/chan"))));
}

static void put_json(struct fixture *f, const char *name, const char *json)
{
    httpd_put(&f->server, name, json, strlen(json));
}

static void put_zst(struct fixture *f, const char *name, const char *json)
{
    size_t room = ZSTD_compressBound(strlen(json));
    char *bytes = malloc(room);
    size_t len = ZSTD_compress(bytes, room, json, strlen(json), 3);

    assert_false(ZSTD_isError(len));
    httpd_put(&f->server, name, bytes, len);
    free(bytes);
}

static void put_channel(struct fixture *f)
{
    put_json(f, "chan/linux-64/repodata.json", linux_json);
    put_json(f, "chan/noarch/repodata.json", noarch_json);
}

static struct envm_record_list records(struct fixture *f, size_t subdir, const char *name)
{
    const struct envm_package_source *source = f->subdirs[subdir].source;
    struct envm_record_list list;

    assert_int_equal(source->records(source->self, envm_str_from(name), &f->arena, &list, &f->err),
                     ENVM_OK);
    return list;
}

static void assert_text(envm_str actual, const char *expected)
{
    if (!envm_str_equal_c(actual, expected))
        fail_msg("'%.*s' is not '%s'", ENVM_STR_ARGS(actual), expected);
}

static void assert_failed(struct fixture *f, enum envm_code code, enum envm_code expected,
                          const char *words)
{
    if (code != expected || !f->err.text || !strstr(f->err.text, words))
        fail_msg("code %d instead of %d, or no '%s' in '%s'", code, expected, words,
                 f->err.text ? f->err.text : "(none)");
}

/* --- what the sources give ------------------------------------------------------------------ */

static void assert_content(struct fixture *f, const char *base)
{
    struct envm_record_list list = records(f, 0, "zlib");
    struct envm_str_list names;
    const struct envm_package_record *r;
    char url[256];

    assert_int_equal(f->subdirs[0].record_count, 3);
    assert_int_equal(f->subdirs[0].skipped_records, 0);
    assert_int_equal(list.count, 2);
    r = list.items[1];
    assert_text(r->name, "zlib");
    assert_text(r->version, "1.3");
    assert_text(r->build, "h0_1");
    assert_text(r->file_name, "zlib-1.3-h0_1.conda");
    snprintf(url, sizeof(url), "%s/chan/linux-64/zlib-1.3-h0_1.conda", base);
    assert_text(r->url, url);
    assert_text(r->channel, "chan");
    assert_text(r->subdir, "linux-64");
    assert_int_equal(r->depends.count, 2);
    assert_text(r->depends.items[0], "libgcc >=13");
    assert_text(r->depends.items[1], "__glibc");
    assert_int_equal(r->constrains.count, 1);
    assert_int_equal(r->track_features.count, 2);
    assert_text(r->license, "Zlib");
    assert_int_equal(r->timestamp, UINT64_C(1700000000000));
    assert_true(r->md5.known);
    assert_int_equal(r->md5.bytes[1], 0x23);
    assert_false(r->sha256.known);
    assert_false(r->has_size);
    r = list.items[0];
    assert_true(r->sha256.known);
    assert_true(r->has_size);
    assert_int_equal(r->size, 17);
    assert_int_equal(r->depends.count, 0);

    list = records(f, 0, "both");
    assert_int_equal(list.count, 1);
    assert_text(list.items[0]->file_name, "both-1-0.conda");
    assert_int_equal(list.items[0]->size, 2);
    assert_int_equal(records(f, 0, "gone").count, 0);
    assert_int_equal(records(f, 0, "nothing").count, 0);
    assert_int_equal(records(f, 0, "").count, 0);
    assert_int_equal(records(f, 1, "pip").count, 1);
    assert_int_equal(records(f, 1, "pip").items[0]->noarch, ENVM_NOARCH_PYTHON);

    assert_int_equal(
        f->subdirs[0].source->names(f->subdirs[0].source->self, &f->arena, &names, &f->err),
        ENVM_OK);
    assert_int_equal(names.count, 2);
    assert_text(names.items[0], "both");
    assert_text(names.items[1], "zlib");
}

static void test_local_channel(void **state)
{
    struct fixture *f = *state;
    struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    char base[300];
    struct envm_sha256 sum = envm_sha256_of(envm_str_from(linux_json));

    put_channel(f);
    utimensat(AT_FDCWD, httpd_path(&f->server, "served/chan/linux-64/repodata.json"), old, 0);
    snprintf(base, sizeof(base), "file://%s", httpd_path(&f->server, "served"));
    assert_int_equal(load_local(f), ENVM_OK);
    assert_content(f, base);
    assert_false(f->subdirs[0].from_cache);
    assert_true(envm_sha256_equal(&f->subdirs[0].sha256, &sum));
    assert_true(envm_str_ends_with(f->subdirs[0].source_url, ENVM_STR("linux-64/repodata.json")));

    assert_int_equal(load_local(f), ENVM_OK);
    assert_content(f, base);
    assert_true(f->subdirs[0].from_cache);
    assert_false(f->subdirs[1].from_cache); /* written just now: may still change unseen */

    put_json(f, "chan/linux-64/repodata.json", "{}");
    assert_int_equal(load_local(f), ENVM_OK);
    assert_int_equal(f->subdirs[0].record_count, 0);
}

static void test_only_tar_bz2(void **state)
{
    struct fixture *f = *state;
    struct envm_str_list names;

    put_channel(f);
    f->only_tar_bz2 = true;
    assert_int_equal(load_local(f), ENVM_OK);
    assert_int_equal(f->subdirs[0].record_count, 2);
    assert_int_equal(records(f, 0, "zlib").count, 1);
    assert_text(records(f, 0, "both").items[0]->file_name, "both-1-0.tar.bz2");
    assert_int_equal(records(f, 1, "pip").count, 0);
    assert_int_equal(
        f->subdirs[1].source->names(f->subdirs[1].source->self, &f->arena, &names, &f->err),
        ENVM_OK);
    assert_int_equal(names.count, 0);
}

/* --- requests ------------------------------------------------------------------------------- */

static void test_second_run_is_conditional(void **state)
{
    struct fixture *f = *state;

    put_zst(f, "chan/linux-64/repodata.json.zst", linux_json);
    put_json(f, "chan/linux-64/repodata.json", "this one is not looked at");
    put_json(f, "chan/noarch/repodata.json", noarch_json);
    httpd_start(&f->server, "{}", NULL);
    assert_int_equal(load_http(f), ENVM_OK);
    assert_content(f, f->server.http);
    assert_true(
        envm_str_ends_with(f->subdirs[0].source_url, ENVM_STR("linux-64/repodata.json.zst")));
    assert_true(f->subdirs[0].etag.len > 2);
    assert_int_equal(httpd_count(&f->server, NULL, NULL), 3); /* zst; zst (404), json */
    assert_int_equal(httpd_count(&f->server, "if-none-match", NULL), 0);

    assert_int_equal(load_http(f), ENVM_OK);
    assert_content(f, f->server.http);
    assert_true(f->subdirs[0].from_cache);
    assert_true(f->subdirs[1].from_cache);
    assert_int_equal(httpd_count(&f->server, NULL, NULL), 5);
    assert_int_equal(httpd_count(&f->server, "if-none-match", "\"status\": 304"), 2);

    f->offline = true;
    assert_int_equal(load_http(f), ENVM_OK);
    assert_content(f, f->server.http);
    assert_int_equal(httpd_count(&f->server, NULL, NULL), 5);
}

static void test_changed_file_is_fetched(void **state)
{
    struct fixture *f = *state;

    put_channel(f);
    httpd_start(&f->server, "{}", NULL);
    assert_int_equal(load_http(f), ENVM_OK);
    put_json(f, "chan/linux-64/repodata.json",
             "{\"packages\": {\"new-1-0.tar.bz2\": " RECORD("new", "1", "0", "") "}}");
    assert_int_equal(load_http(f), ENVM_OK);
    assert_false(f->subdirs[0].from_cache);
    assert_int_equal(records(f, 0, "new").count, 1);
    assert_int_equal(records(f, 0, "zlib").count, 0);
}

static void test_going_back_in_time_is_said(void **state)
{
    struct fixture *f = *state;

    httpd_start(&f->server,
                "{\"/chan/linux-64/repodata.json.zst\": [{\"status\": 404}],"
                " \"/chan/linux-64/repodata.json\": ["
                "{\"body\": \"{}\", \"headers\": {\"Last-Modified\": \"Sun, 06 Nov 2016 08:49:37 "
                "GMT\"}},"
                "{\"body\": \"{ }\", \"headers\": {\"Last-Modified\": \"Sat, 05 Nov 2016 08:49:37 "
                "GMT\"}}]}",
                NULL);
    assert_int_equal(load_http(f), ENVM_OK);
    assert_null(strstr(f->log, "gone back in time"));
    assert_int_equal(load_http(f), ENVM_OK);
    assert_non_null(strstr(f->log, "gone back in time"));
}

static void test_offline_without_cache(void **state)
{
    struct fixture *f = *state;

    put_channel(f);
    httpd_start(&f->server, "{}", NULL);
    f->offline = true;
    assert_failed(f, load_http(f), ENVM_NETWORK, "is not in the cache");
    assert_int_equal(httpd_count(&f->server, NULL, NULL), 0);
}

static void test_server_trouble(void **state)
{
    struct fixture *f = *state;

    put_channel(f);
    httpd_start(&f->server,
                "{\"/chan/linux-64/repodata.json\": [{\"body\": \"{}\"}, {\"status\": 500}]}",
                NULL);
    assert_int_equal(load_http(f), ENVM_OK);
    assert_failed(f, load_http(f), ENVM_NETWORK, "HTTP status 500");
    assert_non_null(strstr(f->err.hint, "--offline"));
    f->offline = true;
    assert_int_equal(load_http(f), ENVM_OK);
}

/* --- missing subdirs ------------------------------------------------------------------------ */

static void test_missing_noarch(void **state)
{
    struct fixture *f = *state;

    put_json(f, "chan/linux-64/repodata.json", linux_json);
    httpd_start(&f->server, "{}", NULL);
    for (int local = 0; local < 2; local++) {
        assert_int_equal(local ? load_local(f) : load_http(f), ENVM_OK);
        assert_int_equal(records(f, 0, "zlib").count, 2);
        assert_int_equal(records(f, 1, "zlib").count, 0);
        assert_text(f->subdirs[1].source_url, "");
        assert_non_null(strstr(f->log, "has no noarch subdir"));
    }
    f->offline = true;
    assert_int_equal(load_http(f), ENVM_OK);
    assert_int_equal(records(f, 0, "zlib").count, 2);
}

static void test_missing_platform(void **state)
{
    struct fixture *f = *state;

    put_json(f, "chan/noarch/repodata.json", noarch_json);
    assert_int_equal(load_local(f), ENVM_OK);
    assert_int_equal(f->subdirs[0].record_count, 0);
    assert_int_equal(records(f, 1, "pip").count, 1);
    assert_int_equal(f->log[0], '\0');
}

static void test_missing_channel(void **state)
{
    struct fixture *f = *state;

    httpd_start(&f->server, "{}", NULL);
    assert_failed(f, load_http(f), ENVM_NETWORK, "the channel 'chan' has no repodata");
    assert_failed(f, load_local(f), ENVM_IO, "the channel 'chan' has no repodata");
    assert_non_null(f->err.hint);
}

static void test_channel_restricted_to_platforms(void **state)
{
    struct fixture *f = *state;
    const envm_str only = ENVM_STR_INIT("linux-64");
    const envm_str subdirs[] = {ENVM_STR_INIT("linux-64"), ENVM_STR_INIT("noarch")};
    struct envm_channel channel = {.name = ENVM_STR("chan"), .platforms = {&only, 1}};

    put_channel(f);
    assert_int_equal(load_local(f), ENVM_OK);
    channel.base_url =
        envm_url_from_path(&f->arena, envm_str_from(httpd_path(&f->server, "served/chan")));
    assert_int_equal(envm_gateway_load(f->gateway, &channel, 1, subdirs, 2, f->subdirs, &f->err),
                     ENVM_OK);
    assert_int_equal(records(f, 0, "zlib").count, 2);
    assert_int_equal(records(f, 1, "pip").count, 0);
}

/* --- base_url ------------------------------------------------------------------------------- */

static void put_base_url(struct fixture *f, const char *base_url)
{
    char json[512];

    snprintf(json, sizeof(json),
             "{\"packages\": {\"a-1-0.tar.bz2\": " RECORD("a", "1", "0",
                                                          "") "},"
                                                              " \"info\": {\"base_url\": \"%s\"}}",
             base_url);
    put_json(f, "chan/linux-64/repodata.json", json);
}

static void test_base_url(void **state)
{
    struct fixture *f = *state;
    char same_host[128], relative[256];

    httpd_start(&f->server, "{}", NULL);
    snprintf(same_host, sizeof(same_host), "%s/elsewhere/", f->server.http);
    snprintf(relative, sizeof(relative), "%s/chan/pkgs/a-1-0.tar.bz2", f->server.http);

    put_base_url(f, "https://cdn.example/x/");
    assert_int_equal(load_http(f), ENVM_OK);
    assert_text(records(f, 0, "a").items[0]->url, "https://cdn.example/x/a-1-0.tar.bz2");
    assert_text(records(f, 0, "a").items[0]->file_name, "a-1-0.tar.bz2");

    put_base_url(f, "../pkgs");
    assert_int_equal(load_http(f), ENVM_OK);
    assert_text(records(f, 0, "a").items[0]->url, relative);

    put_base_url(f, same_host);
    assert_int_equal(load_http(f), ENVM_OK);
    assert_true(
        envm_str_ends_with(records(f, 0, "a").items[0]->url, ENVM_STR("/elsewhere/a-1-0.tar.bz2")));
}

static void test_refused_base_url(void **state)
{
    struct fixture *f = *state;
    static const char *const bad[] = {
        "http://cdn.example/x", "file:///etc",          "ftp://h/x",
        "https://u:s3cr3t@h/x", "https://h/t/s3cr3t/x", "https://h/x?s3cr3t",
    };

    httpd_start(&f->server, "{}", NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        put_base_url(f, bad[i]);
        if (load_http(f) != ENVM_UNSAFE)
            fail_msg("base_url %s was not refused", bad[i]);
        assert_null(strstr(f->err.text, "s3cr3t"));
    }
    put_base_url(f, "http://cdn.example/x");
    assert_int_equal(load_local(f), ENVM_UNSAFE);
}

/* --- damage --------------------------------------------------------------------------------- */

static void test_bad_records_are_left_out(void **state)
{
    struct fixture *f = *state;

    put_json(
        f, "chan/linux-64/repodata.json",
        "{\"packages\": {"
        "\"good-1-0.tar.bz2\": " RECORD(
            "good", "1", "0",
            "") ","
                "\"good-1-0.tar.bz2\": " RECORD(
                    "good", "1", "0",
                    ", \"size\": 3") ","
                                     "\"../evil-1-0.tar.bz2\": " RECORD(
                                         "evil", "1", "0",
                                         "") ","
                                             "\"evil-1-0.zip\": " RECORD(
                                                 "evil", "1", "0",
                                                 "") ","
                                                     "\"evil-2-0.conda\": {\"name\": \"evil\"},"
                                                     "\"evil-3-0.conda\": " RECORD(
                                                         "evil", "3", "0",
                                                         ", \"depends\": \"x\"") ","
                                                                                 "\"evil-4-0."
                                                                                 "conda\": " RECORD(
                                                                                     "evil", "4",
                                                                                     "0",
                                                                                     ", "
                                                                                     "\"sha256\": "
                                                                                     "\" 00\"") ","
                                                                                                "\""
                                                                                                "ev"
                                                                                                "il"
                                                                                                "-5"
                                                                                                "-0"
                                                                                                ".c"
                                                                                                "on"
                                                                                                "da"
                                                                                                "\""
                                                                                                ":"
                                                                                                " " RECORD(
                                                                                                    "evil",
                                                                                                    "5",
                                                                                                    "0",
                                                                                                    ", \"subdir\": \"win-64\"") ","
                                                                                                                                "\"evil-6-0.conda\": 7,"
                                                                                                                                "\"fine-1-0.conda\": " RECORD(
                                                                                                                                    "fine",
                                                                                                                                    "1",
                                                                                                                                    "0",
                                                                                                                                    ", \"subdir\": \"noarch\"") "}}");
    assert_int_equal(load_local(f), ENVM_OK);
    assert_int_equal(f->subdirs[0].record_count, 2);
    assert_int_equal(f->subdirs[0].skipped_records, 8);
    assert_non_null(strstr(f->log, "8 bad records left out"));
    assert_non_null(strstr(f->log, "good-1-0.tar.bz2"));
    assert_int_equal(records(f, 0, "good").count, 1);
    assert_false(records(f, 0, "good").items[0]->has_size);
    assert_int_equal(records(f, 0, "evil").count, 0);
    assert_text(records(f, 0, "fine").items[0]->subdir, "noarch");
}

#define PLAIN "\"name\": \"v3\", \"build\": \"0\", \"build_number\": 0"

/* CEP 48: packages that older clients must not see. */
static void test_revision_3(void **state)
{
    struct fixture *f = *state;

    put_json(f, "chan/linux-64/repodata.json",
             "{\"info\": {\"repodata_revisions\": {\"v3\": {\"message\": \"known\"},"
             " \"v4\": {\"n_packages\": 3, \"message\": \"get\\u001b[31m envm 9\"}}},"
             " \"packages\": {}, \"v3\": {\"tar.bz2\": {\"v3-2-0\": {" PLAIN
             ", \"version\": \"2\"}, \"v3-1-0\": {" PLAIN ", \"version\": \"1\"}},"
             " \"whl\": {\"v3-9-0\": {}}, \"other\": 5,"
             " \"conda\": {\"v3-2-0\": {" PLAIN ", \"version\": \"2\","
             " \"depends\": [\"a[version=\\\"2\\\",when=__unix]\", \"b\"],"
             " \"extra_depends\": {\"t\": [\"x\", \"y[when=\\\"z>=1\\\"]\"], \"e\": []},"
             " \"flags\": [\"cuda\", \"blas:mkl\"], \"python_site_packages_path\": \"lib/p\","
             " \"indexed_timestamp\": 1773851561010}, \"v3-3-0\": {" PLAIN
             ", \"version\": \"3\", \"flags\": [\"NO\"]},"
             " \"v3-4-0\": {" PLAIN ", \"version\": \"4\"}}},"
             " \"removed\": [\"v3-4-0.conda\"]}");
    assert_int_equal(load_local(f), ENVM_OK);
    assert_int_equal(f->subdirs[0].record_count, 2);
    assert_int_equal(f->subdirs[0].skipped_records, 1);
    assert_non_null(strstr(f->log, "v3-3-0.conda"));
    assert_non_null(strstr(f->log, "cannot see (v4: get\\x1B[31m envm 9)"));
    struct envm_record_list list = records(f, 0, "v3");
    assert_int_equal(list.count, 2);
    const struct envm_package_record *old = list.items[0], *r = list.items[1];
    assert_text(old->file_name, "v3-1-0.tar.bz2");
    assert_int_equal(old->flags.count + old->extra_depends_count + old->indexed_timestamp, 0);
    assert_text(r->file_name, "v3-2-0.conda");
    assert_text(r->depends.items[0], "a[version=\"2\",when=__unix]");
    assert_text(r->python_site_packages_path, "lib/p");
    assert_int_equal(r->indexed_timestamp, UINT64_C(1773851561010));
    assert_int_equal(r->flags.count, 2);
    assert_text(r->flags.items[1], "blas:mkl");
    assert_int_equal(r->extra_depends_count, 2);
    assert_text(r->extra_depends[0].name, "e");
    assert_int_equal(r->extra_depends[0].depends.count, 0);
    assert_text(r->extra_depends[1].name, "t");
    assert_int_equal(r->extra_depends[1].depends.count, 2);
    assert_text(r->extra_depends[1].depends.items[1], "y[when=\"z>=1\"]");
}

static void test_file_name_unlike_the_record(void **state)
{
    struct fixture *f = *state;

    put_json(f, "chan/linux-64/repodata.json",
             "{\"packages\": {\"Other-1-0.tar.bz2\": " RECORD(
                 "other", "1.0", "0", "") "},"
                                          "\"packages.conda\": {\"Other-1-0.conda\": " RECORD(
                                              "other", "1.0", "0", "") "}}");
    assert_int_equal(load_local(f), ENVM_OK);
    assert_int_equal(records(f, 0, "other").count, 1);
    assert_text(records(f, 0, "other").items[0]->file_name, "Other-1-0.conda");
    assert_text(records(f, 0, "other").items[0]->version, "1.0");
}

static void test_broken_files(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *json, *words;
    } rows[] = {
        {"[]", "repodata.json"},
        {"{\"packages\": []}", "repodata.json"},
        {"{\"packages\": {}} x", "repodata.json"},
        {"{\"info\": {\"subdir\": \"win-64\"}}", "it is for 'win-64', not for 'linux-64'"},
        {"<html>log in</html>", "repodata.json"},
        {"{\"packages\": {\"a-1-0.conda\": {\"name\": \"\xff\"}}}", "repodata.json"},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        put_json(f, "chan/linux-64/repodata.json", rows[i].json);
        assert_failed(f, load_local(f), ENVM_MALFORMED, rows[i].words);
        assert_non_null(f->err.where);
    }
    put_json(f, "chan/linux-64/repodata.json", "<html>log in</html>");
    assert_int_equal(load_local(f), ENVM_MALFORMED);
    assert_non_null(strstr(f->err.hint, "web page"));
    put_json(f, "chan/linux-64/repodata.json", "");
    assert_int_equal(load_local(f), ENVM_OK);
    assert_int_equal(f->subdirs[0].record_count, 0);
}

static void test_truncation_at_every_offset(void **state)
{
    struct fixture *f = *state;

    put_json(f, "chan/noarch/repodata.json", noarch_json);
    for (size_t len = 1; len < strlen(linux_json); len++) {
        httpd_put(&f->server, "chan/linux-64/repodata.json", linux_json, len);
        if (load_local(f) != ENVM_MALFORMED)
            fail_msg("cut at %zu", len);
    }
    put_zst(f, "chan/linux-64/repodata.json.zst", linux_json);
    {
        char *bytes;
        struct stat info;
        const char *path = httpd_path(&f->server, "served/chan/linux-64/repodata.json.zst");
        FILE *file = fopen(path, "rb");
        assert_int_equal(stat(path, &info), 0);
        bytes = malloc((size_t)info.st_size);
        assert_int_equal(fread(bytes, 1, (size_t)info.st_size, file), info.st_size);
        fclose(file);
        for (size_t len = 0; len < (size_t)info.st_size; len += 7) {
            httpd_put(&f->server, "chan/linux-64/repodata.json.zst", bytes, len);
            if (load_local(f) != ENVM_MALFORMED)
                fail_msg("compressed, cut at %zu", len);
        }
        free(bytes);
    }
}

/* The index file of the linux-64 subdir, in the cache. */
static char *index_path(struct fixture *f)
{
    struct envm_sha256 key = envm_sha256_of(f->subdirs[0].url);
    struct envm_hex_text hex = envm_sha256_hex(&key);
    char *path = malloc(512);

    snprintf(path, 512, "%s/cache/repodata/%s.index", f->server.directory, hex.text);
    return path;
}

static void test_damaged_header_is_made_anew(void **state)
{
    struct fixture *f = *state;
    char *path;

    put_channel(f);
    httpd_start(&f->server, "{}", NULL);
    assert_int_equal(load_http(f), ENVM_OK);
    path = index_path(f);
    for (long at = 0; at < (long)sizeof(struct envm_image_header); at += 16) {
        FILE *file = fopen(path, "r+b");
        assert_non_null(file);
        fseek(file, at, SEEK_SET);
        fputc(0xa5, file);
        fputc(0x5a, file);
        fclose(file);
        assert_int_equal(load_http(f), ENVM_OK);
        assert_content(f, f->server.http);
        assert_false(f->subdirs[0].from_cache);
        assert_int_equal(f->log[0], '\0');
    }
    assert_int_equal(truncate(path, 100), 0);
    assert_int_equal(load_http(f), ENVM_OK);
    assert_false(f->subdirs[0].from_cache);
    assert_int_equal(truncate(path, 0), 0);
    assert_int_equal(load_http(f), ENVM_OK);
    assert_false(f->subdirs[0].from_cache);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(load_http(f), ENVM_OK);
    assert_false(f->subdirs[0].from_cache);
    free(path);
}

/* Whatever bytes the data consist of: no crash, and in the end a good index again. */
static void test_damaged_data_cannot_crash(void **state)
{
    struct fixture *f = *state;
    static const unsigned char values[] = {0x00, 0x7f, 0xff};
    struct stat info;
    char *path;

    put_channel(f);
    httpd_start(&f->server, "{}", NULL);
    assert_int_equal(load_http(f), ENVM_OK);
    path = index_path(f);
    assert_int_equal(stat(path, &info), 0);
    for (long at = (long)sizeof(struct envm_image_header); at < info.st_size; at += 3) {
        static const char *const names[] = {"zlib", "both", "gone"};
        const struct envm_package_source *source;
        struct envm_record_list list;
        struct envm_str_list all;
        FILE *file = fopen(path, "r+b");

        fseek(file, at, SEEK_SET);
        fputc(values[at % 3], file);
        fputc(values[(at / 3) % 3], file);
        fclose(file);
        assert_int_equal(load_http(f), ENVM_OK);
        source = f->subdirs[0].source;
        for (size_t i = 0; i < 3; i++)
            if (source->records(source->self, envm_str_from(names[i]), &f->arena, &list, &f->err) !=
                ENVM_OK)
                assert_int_equal(f->err.code, ENVM_DAMAGED);
        if (source->names(source->self, &f->arena, &all, &f->err) != ENVM_OK)
            assert_int_equal(f->err.code, ENVM_DAMAGED);
        if (at % 5 == 0) {
            assert_int_equal(unlink(path), 0);
            assert_int_equal(load_http(f), ENVM_OK);
            assert_content(f, f->server.http);
        }
    }
    free(path);
}

static int open_repodata(struct fixture *f)
{
    int fd = openat(f->cache_fd, "repodata", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    assert_true(fd >= 0);
    return fd;
}

/* The state of a subdir as another boot of the system has left it. */
static void set_other_boot(struct fixture *f, const char *index)
{
    envm_str leaf = envm_str_from(strrchr(index, '/') + 1);
    ENVM_CLEANUP(envm_fd) int fd = open_repodata(f);
    struct envm_repodata_state state;
    struct envm_relpath path;

    assert_int_equal(
        envm_relpath_parse(&f->arena,
                           envm_arena_printf(&f->arena, "%.*s.json", (int)(leaf.len - 6), leaf.ptr),
                           &path, NULL),
        ENVM_OK);
    assert_true(envm_repodata_state_load(fd, path, &f->arena, &state));
    state.boot_id = ENVM_STR("another boot");
    assert_int_equal(envm_repodata_state_save(fd, path, &state, NULL), ENVM_OK);
}

static void test_after_a_reboot_all_is_checked(void **state)
{
    struct fixture *f = *state;
    char *path;
    FILE *file;

    put_channel(f);
    httpd_start(&f->server, "{}", NULL);
    assert_int_equal(load_http(f), ENVM_OK);
    path = index_path(f);
    set_other_boot(f, path);
    assert_int_equal(load_http(f), ENVM_OK);
    assert_true(f->subdirs[0].from_cache);

    set_other_boot(f, path);
    file = fopen(path, "r+b");
    fseek(file, -3, SEEK_END);
    fputc(0x11, file);
    fclose(file);
    assert_int_equal(load_http(f), ENVM_OK);
    assert_false(f->subdirs[0].from_cache);
    assert_content(f, f->server.http);
    free(path);
}

static void flip(const char *path, long at)
{
    FILE *file = fopen(path, "r+b");
    int byte;

    assert_non_null(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    byte = fgetc(file);
    assert_int_equal(fseek(file, at, SEEK_SET), 0);
    fputc(byte ^ 0x20, file);
    assert_int_equal(fclose(file), 0);
}

static void test_verify_finds_every_byte(void **state)
{
    struct fixture *f = *state;
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_repodata_verification found = {0};
    char *path;

    put_channel(f);
    httpd_start(&f->server, "{}", NULL);
    assert_int_equal(load_http(f), ENVM_OK);
    fd = open_repodata(f);
    assert_int_equal(envm_repodata_verify(&f->arena, fd, &found, NULL), ENVM_OK);
    assert_int_equal(found.damaged.count, 0);
    assert_true(found.files >= 2);
    path = index_path(f);
    for (int kind = 0; kind < 2; kind++) {
        struct stat info;

        assert_int_equal(stat(path, &info), 0);
        for (long at = 0; at < info.st_size; at++) {
            flip(path, at);
            assert_int_equal(envm_repodata_verify(&f->arena, fd, &found, NULL), ENVM_OK);
            assert_int_equal(found.damaged.count, 1);
            assert_true(envm_str_ends_with(envm_str_from(path), found.damaged.items[0]));
            flip(path, at);
        }
        strcpy(strrchr(path, '.'), ".json");
    }
    free(path);
}

static void test_without_a_cache(void **state)
{
    struct fixture *f = *state;

    put_zst(f, "chan/linux-64/repodata.json.zst", linux_json);
    put_json(f, "chan/noarch/repodata.json", noarch_json);
    httpd_start(&f->server, "{}", NULL);
    close(f->cache_fd);
    f->cache_fd = -1;
    assert_int_equal(load_http(f), ENVM_OK);
    assert_content(f, f->server.http);
    assert_int_equal(load_local(f), ENVM_OK);
    assert_int_equal(f->log[0], '\0');

    f->cache_fd = open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(load_http(f), ENVM_OK);
    assert_content(f, f->server.http);
    assert_non_null(strstr(f->log, "repodata cannot be cached"));
}

/* The folder vanishes while the program runs: the same as a full disk, for what follows. */
static void test_cache_that_cannot_be_written(void **state)
{
    struct fixture *f = *state;
    const envm_str subdirs[] = {ENVM_STR_INIT("linux-64"), ENVM_STR_INIT("noarch")};
    struct envm_channel channel = {.name = ENVM_STR("chan")};

    put_channel(f);
    httpd_start(&f->server, "{}", NULL);
    assert_int_equal(load_http(f), ENVM_OK);
    assert_int_equal(
        nftw(httpd_path(&f->server, "cache/repodata"), httpd_remove_one, 16, FTW_DEPTH | FTW_PHYS),
        0);
    channel.base_url = envm_arena_printf(&f->arena, "%s/chan", f->server.http);
    assert_int_equal(envm_gateway_load(f->gateway, &channel, 1, subdirs, 2, f->subdirs, &f->err),
                     ENVM_OK);
    assert_content(f, f->server.http);
    assert_false(f->subdirs[0].from_cache);
    assert_non_null(strstr(f->log, "cannot be cached"));
}

/* --- against Python's reading of real data -------------------------------------------------- */

static void dump_source(struct fixture *f, size_t subdir, const char *path)
{
    const struct envm_package_source *source = f->subdirs[subdir].source;
    FILE *file = fopen(path, "w");
    struct envm_str_list names;

    assert_non_null(file);
    assert_int_equal(source->names(source->self, &f->arena, &names, &f->err), ENVM_OK);
    for (size_t i = 0; i < names.count; i++) {
        ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
        struct envm_record_list list;

        assert_int_equal(source->records(source->self, names.items[i], &arena, &list, &f->err),
                         ENVM_OK);
        assert_true(list.count > 0);
        for (size_t n = 0; n < list.count; n++) {
            ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
            struct envm_json_writer w;

            envm_json_writer_init(&w, &text, 0);
            envm_json_open_object(&w);
            envm_json_field_str(&w, "file_name", list.items[n]->file_name);
            envm_package_record_write_fields(&w, list.items[n]);
            envm_json_close_object(&w);
            fprintf(file, "%s\n", envm_buf_str(&text).ptr);
        }
    }
    assert_int_equal(fclose(file), 0);
}

static void compare(struct fixture *f, const char *set, const char *subdir, size_t index)
{
    const char *source = getenv("ENVM_SOURCE_DIR") ? getenv("ENVM_SOURCE_DIR") : ".";
    char command[2048];

    dump_source(f, index, httpd_path(&f->server, "dump"));
    snprintf(command, sizeof(command),
             "python3 '%s/tests/support/compare_repodata.py' '%s/../shared/data/repodata/%s/%s/"
             "repodata.json.zst' '%s' %s",
             source, source, set, subdir, httpd_path(&f->server, "dump"), subdir);
    if (system(command) != 0)
        fail_msg("%s/%s differs", set, subdir);
}

static void test_equals_pythons_reading(void **state)
{
    struct fixture *f = *state;
    static const char *const sets[] = {"conda-forge-2026-harvest", "conda-forge-2016-08-06",
                                       "pkgs-free-2016-09-03", "pytorch-rattler"};
    const char *source = getenv("ENVM_SOURCE_DIR") ? getenv("ENVM_SOURCE_DIR") : ".";
    char path[1024];

    snprintf(path, sizeof(path), "%s/../shared/data/repodata", source);
    if (access(path, R_OK) != 0) {
        print_message("SKIPPED: no real repodata beside the source\n");
        skip();
    }
    for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
        char real[PATH_MAX];

        snprintf(path, sizeof(path), "%s/../shared/data/repodata/%s", source, sets[i]);
        assert_non_null(realpath(path, real));
        assert_int_equal(load_base(f, envm_url_from_path(&f->arena, envm_str_from(real))), ENVM_OK);
        compare(f, sets[i], "linux-64", 0);
        if (i == 0)
            compare(f, sets[i], "noarch", 1);
    }
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_local_channel),
        T(test_only_tar_bz2),
        T(test_second_run_is_conditional),
        T(test_changed_file_is_fetched),
        T(test_going_back_in_time_is_said),
        T(test_offline_without_cache),
        T(test_server_trouble),
        T(test_missing_noarch),
        T(test_missing_platform),
        T(test_missing_channel),
        T(test_channel_restricted_to_platforms),
        T(test_base_url),
        T(test_refused_base_url),
        T(test_bad_records_are_left_out),
        T(test_revision_3),
        T(test_file_name_unlike_the_record),
        T(test_broken_files),
        T(test_truncation_at_every_offset),
        T(test_damaged_header_is_made_anew),
        T(test_damaged_data_cannot_crash),
        T(test_after_a_reboot_all_is_checked),
        T(test_verify_finds_every_byte),
        T(test_without_a_cache),
        T(test_cache_that_cannot_be_written),
        T(test_equals_pythons_reading),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
