/* SPDX-License-Identifier: MIT
 *
 * What one download is made of: hops (redirects), attempts (retries, resumption), and the verdict
 * on each answer. All of this runs on the caller's thread, which waits for the engine in between.
 */
#include "net/download.h"

#include "base/alloc.h"
#include "base/error.h"
#include "net/download_file.h"
#include "net/download_job.h"
#include "net/retry.h"
#include "sys/clock.h"

#define REDIRECTS_MAX 5
#define SIZE_LIMIT_DEFAULT ((uint64_t)8 << 30)
#define WAIT_SLICE_MS 100

static const char *optional_text(struct envm_arena *arena, envm_str text)
{
    return text.len > 0 ? envm_cstr(arena, text) : NULL;
}

static unsigned or_default(unsigned value, unsigned fallback)
{
    return value ? value : fallback;
}

enum envm_code envm_downloader_new(const struct envm_net_config *config,
                                   struct envm_downloader **ret_downloader, struct envm_error *err)
{
    struct envm_downloader *d = envm_alloc_zero(1, sizeof(*d));
    enum envm_code code = envm_auth_load(&d->arena, config, &d->auth, err);

    if (code != ENVM_OK) {
        envm_arena_release(&d->arena);
        envm_free(d);
        return code;
    }
    d->proxies = envm_proxy_load(&d->arena, config);
    d->options = (struct envm_http_options){
        .parallel = or_default(config->parallel, 8),
        .connect_timeout_ms = or_default(config->connect_timeout_ms, 15000),
        .low_speed_seconds = or_default(config->low_speed_seconds, 30),
        .trust = envm_trust_load(&d->arena, config),
        .client_cert = optional_text(&d->arena, config->client_cert),
        .client_key = optional_text(&d->arena, config->client_key),
        .insecure = config->insecure,
        .sink = config->sink,
    };
    d->retries = config->retries == ENVM_RETRIES_NONE ? 0 : or_default(config->retries, 5);
    d->retry_base_ms = or_default(config->retry_base_ms, 500);
    d->offline = config->offline;
    d->sink = config->sink;
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->idle, NULL);
    *ret_downloader = d;
    return ENVM_OK;
}

void envm_downloader_free(struct envm_downloader *downloader)
{
    struct envm_downloader *d = downloader;

    if (!d)
        return;
    pthread_mutex_lock(&d->lock);
    d->closing = true;
    if (d->engine)
        envm_http_engine_cancel(d->engine);
    while (d->callers > 0)
        pthread_cond_wait(&d->idle, &d->lock);
    pthread_mutex_unlock(&d->lock);
    if (d->engine)
        envm_http_engine_stop(d->engine);
    pthread_cond_destroy(&d->idle);
    pthread_mutex_destroy(&d->lock);
    envm_arena_release(&d->arena);
    envm_free(d);
}

static bool is_stopping(struct envm_downloader *d)
{
    bool closing;

    pthread_mutex_lock(&d->lock);
    closing = d->closing;
    pthread_mutex_unlock(&d->lock);
    return closing || envm_sink_cancelled(d->sink);
}

/* --- one exchange --------------------------------------------------------------------------- */

/* Says something once per downloader. */
static void warn_once(struct envm_download_job *job, bool *flag, const char *text, envm_str about)
{
    bool first;

    pthread_mutex_lock(&job->downloader->lock);
    first = !*flag;
    *flag = true;
    pthread_mutex_unlock(&job->downloader->lock);
    if (first)
        envm_sink_warn(job->downloader->sink, "%s %.*s", text, ENVM_STR_ARGS(about));
}

static void warn_about_transport(struct envm_download_job *job)
{
    struct envm_downloader *d = job->downloader;

    if (envm_str_equal_c(job->hop.scheme, "http")) {
        if (job->auth.described.len > 0 && !envm_is_loopback_host(job->hop.host))
            warn_once(job, &d->warned_plain, "credentials are sent in the clear, over http, to",
                      envm_url_origin(job->arena, &job->hop));
    } else if (d->options.insecure) {
        warn_once(job, &d->warned_insecure,
                  "certificates are not checked (ssl_verify: false), first of all for",
                  envm_url_origin(job->arena, &job->hop));
    }
}

static const char *header(struct envm_download_job *job, const char *name, envm_str value)
{
    return envm_arena_printf(job->arena, "%s: %.*s", name, ENVM_STR_ARGS(value)).ptr;
}

static void add_headers(struct envm_download_job *job, struct envm_http_exchange *exchange)
{
    const struct envm_download *request = job->request;
    size_t n = 0;

    if (job->body.resume_at > 0) {
        exchange->headers[n++] = envm_arena_printf(job->arena, "Range: bytes=%llu-",
                                                   (unsigned long long)job->body.resume_at)
                                     .ptr;
        exchange->headers[n++] = header(job, "If-Range", job->body_etag);
        return;
    }
    if (envm_is_sendable(request->etag))
        exchange->headers[n++] = header(job, "If-None-Match", request->etag);
    if (envm_is_sendable(request->last_modified))
        exchange->headers[n++] = header(job, "If-Modified-Since", request->last_modified);
}

static void run_exchange(struct envm_download_job *job)
{
    struct envm_http_exchange *exchange = &job->exchange;
    bool can_resume = job->body.written > 0 && job->body_etag.len > 0;

    envm_body_prepare(&job->body, can_resume ? job->body.written : 0);
    job->auth = envm_auth_choose(&job->downloader->auth, job->arena, &job->hop);
    *exchange = (struct envm_http_exchange){
        .url =
            (job->hop_raw.len > 0 ? job->hop_raw
                                  : envm_auth_request_url(job->arena, &job->hop, job->auth.token))
                .ptr,
        .proxy = envm_proxy_choose(&job->downloader->proxies, &job->hop).ptr,
        .user = job->auth.has_basic ? job->auth.user.ptr : NULL,
        .password = job->auth.has_basic ? job->auth.password.ptr : NULL,
        .bearer = job->auth.bearer.len > 0 ? job->auth.bearer.ptr : NULL,
        .http1_only = job->http1_only,
        .body = &job->body,
        .arena = job->arena,
    };
    add_headers(job, exchange);
    warn_about_transport(job);
    envm_http_perform(job->engine, exchange);
}

/* --- attempts ------------------------------------------------------------------------------- */

static enum envm_download_verdict failed(enum envm_code code, enum envm_code *ret_code)
{
    *ret_code = code;
    return ENVM_VERDICT_FAILED;
}

/* The first request and what it is redirected to. */
static enum envm_download_verdict run_attempt(struct envm_download_job *job,
                                              enum envm_code *ret_code, struct envm_error *err)
{
    job->hop = job->url;
    job->hop_raw = (envm_str){0};
    for (unsigned hops = 0; hops <= REDIRECTS_MAX; hops++) {
        enum envm_download_verdict verdict;

        if (is_stopping(job->downloader))
            return failed(envm_download_interrupted(job, err), ret_code);
        run_exchange(job);
        verdict = envm_download_judge(job, ret_code, err);
        if (verdict != ENVM_VERDICT_REDIRECT)
            return verdict;
        *ret_code = envm_download_follow(job, err);
        if (*ret_code != ENVM_OK)
            return ENVM_VERDICT_FAILED;
    }
    return failed(
        envm_download_fail(job, ENVM_NETWORK, err,
                           envm_arena_printf(job->arena, "more than %d redirects", REDIRECTS_MAX)),
        ret_code);
}

/* False when the user wants to stop. */
static bool wait_for_retry(struct envm_download_job *job)
{
    struct envm_downloader *d = job->downloader;
    unsigned wait = envm_backoff_ms(d->retry_base_ms, job->attempt);
    envm_str why = envm_download_reason(job);
    uint64_t end;

    envm_retry_after_ms(job->exchange.fields[ENVM_HTTP_RETRY_AFTER], envm_clock_now(), &wait);
    envm_sink_log(d->sink, ENVM_LOG_INFO, "%.*s: %.*s; trying again in %u.%u s (%u of %u)",
                  ENVM_STR_ARGS(job->url.clean), ENVM_STR_ARGS(why), wait / 1000, wait % 1000 / 100,
                  job->attempt + 1, d->retries);
    end = envm_clock_monotonic_ms() + wait;
    for (;;) {
        uint64_t now = envm_clock_monotonic_ms();
        if (is_stopping(d))
            return false;
        if (now >= end)
            return true;
        envm_clock_sleep_ms(end - now < WAIT_SLICE_MS ? (unsigned)(end - now) : WAIT_SLICE_MS);
    }
}

static enum envm_code run_attempts(struct envm_download_job *job, struct envm_error *err)
{
    enum envm_code code = ENVM_OK;

    for (;;) {
        enum envm_download_verdict verdict = run_attempt(job, &code, err);

        if (verdict == ENVM_VERDICT_DONE)
            return ENVM_OK;
        if (verdict == ENVM_VERDICT_FAILED)
            return code;
        if (verdict == ENVM_VERDICT_RETRY_FREE)
            continue;
        if (job->attempt >= job->downloader->retries)
            return envm_download_fail(job, ENVM_NETWORK, err,
                                      envm_arena_printf(job->arena, "%.*s (tried %u time%s)",
                                                        ENVM_STR_ARGS(envm_download_reason(job)),
                                                        job->attempt + 1, job->attempt ? "s" : ""));
        if (!wait_for_retry(job))
            return envm_download_interrupted(job, err);
        job->attempt++;
    }
}

static void fill_result(struct envm_download_job *job)
{
    const struct envm_http_exchange *exchange = &job->exchange;
    struct envm_download_result *result = job->result;

    result->etag = exchange->fields[ENVM_HTTP_ETAG];
    result->last_modified = exchange->fields[ENVM_HTTP_LAST_MODIFIED];
    result->cache_control = exchange->fields[ENVM_HTTP_CACHE_CONTROL];
    result->final_url = job->hop.clean;
}

static enum envm_code download_http(struct envm_download_job *job, struct envm_error *err)
{
    struct envm_downloader *d = job->downloader;
    enum envm_code code = ENVM_OK;

    if (d->offline) {
        envm_download_fail(job, ENVM_NETWORK, err,
                           ENVM_STR("offline: nothing is fetched from the network"));
        return envm_error_hint(err, ENVM_NETWORK, "run the command without --offline");
    }
    pthread_mutex_lock(&d->lock);
    if (!d->engine)
        code = envm_http_engine_start(&d->options, &d->engine, err);
    job->engine = d->engine;
    pthread_mutex_unlock(&d->lock);
    if (code != ENVM_OK)
        return code;
    ENVM_TRY(run_attempts(job, err));
    fill_result(job);
    return ENVM_OK;
}

static enum envm_code download_from_file(struct envm_download_job *job, struct envm_error *err)
{
    ENVM_TRY(
        envm_download_file(job->arena, job->url.clean, &job->body, &job->result->not_found, err));
    if (job->body.fault != ENVM_BODY_FINE)
        return envm_download_fail_body(job, err);
    job->result->final_url = job->url.clean;
    if (!job->result->not_found && job->request->has_expected_size &&
        job->body.written != job->request->expected_size)
        return envm_download_fail(
            job, ENVM_INTEGRITY, err,
            envm_arena_printf(job->arena, "the file has %llu bytes, but the channel announces %llu",
                              (unsigned long long)job->body.written,
                              (unsigned long long)job->request->expected_size));
    return ENVM_OK;
}

static bool enter(struct envm_downloader *d)
{
    bool open;

    pthread_mutex_lock(&d->lock);
    open = !d->closing;
    d->callers += open;
    pthread_mutex_unlock(&d->lock);
    return open;
}

static void leave(struct envm_downloader *d)
{
    pthread_mutex_lock(&d->lock);
    d->callers--;
    pthread_cond_broadcast(&d->idle);
    pthread_mutex_unlock(&d->lock);
}

static void report_end(const struct envm_download_job *job)
{
    if (job->request->label.len > 0 && job->body.begun)
        envm_sink_progress(job->downloader->sink,
                           &(struct envm_progress){.kind = ENVM_PROGRESS_DOWNLOADED,
                                                   .name = job->request->label,
                                                   .done = job->body.written,
                                                   .total = job->body.written});
}

enum envm_code envm_download(struct envm_downloader *downloader, struct envm_arena *arena,
                             const struct envm_download *request,
                             struct envm_download_result *ret_result, struct envm_error *err)
{
    struct envm_download_result result = {0};
    struct envm_download_job job = {
        .downloader = downloader, .arena = arena, .request = request, .result = &result};
    uint64_t limit = request->size_limit ? request->size_limit : SIZE_LIMIT_DEFAULT;
    enum envm_code code;

    ENVM_TRY(envm_url_parse(arena, request->url, &job.url, err));
    job.hop = job.url;
    job.body = (struct envm_body){
        .fd = request->fd,
        .limit = request->has_expected_size && request->expected_size < limit
                     ? request->expected_size
                     : limit,
        .on_bytes = request->on_bytes,
        .user = request->user,
        .label = request->label,
        .sink = downloader->sink,
    };
    if (!enter(downloader))
        return envm_download_interrupted(&job, err);
    code = envm_str_equal_c(job.url.scheme, "file") ? download_from_file(&job, err)
                                                    : download_http(&job, err);
    leave(downloader);
    if (code != ENVM_OK)
        return code;
    result.bytes = job.body.written;
    report_end(&job);
    *ret_result = result;
    return ENVM_OK;
}
