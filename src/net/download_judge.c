/* SPDX-License-Identifier: MIT
 *
 * What an answer means: done, another hop, another attempt, or an error with its words.
 */
#include "net/download_job.h"

#include <stdio.h>

#include "base/error.h"
#include "base/utf8.h"
#include "net/retry.h"

#define REASON_MAX 512

/* --- texts ---------------------------------------------------------------------------------- */

enum envm_code envm_download_interrupted(const struct envm_download_job *job,
                                         struct envm_error *err)
{
    return envm_fail(err, ENVM_INTERRUPTED, "downloading %.*s: interrupted",
                     ENVM_STR_ARGS(job->url.clean));
}

/* "downloading URL" or "downloading URL (redirected to URL)". */
static envm_str what(struct envm_download_job *job)
{
    if (envm_str_equal(job->url.clean, job->hop.clean))
        return envm_arena_printf(job->arena, "downloading %.*s", ENVM_STR_ARGS(job->url.clean));
    return envm_arena_printf(job->arena, "downloading %.*s (redirected to %.*s)",
                             ENVM_STR_ARGS(job->url.clean), ENVM_STR_ARGS(job->hop.clean));
}

/* libcurl quotes a proxy that it cannot read, password included, and such a text need not look like
 * a URL to the redaction. */
static envm_str without_proxy(struct envm_download_job *job, envm_str message)
{
    envm_str proxy = envm_str_from(job->exchange.proxy);
    size_t at = proxy.len > 0 ? envm_str_find(message, proxy) : SIZE_MAX;
    envm_str shown, rest;

    if (at == SIZE_MAX)
        return message;
    shown = envm_url_redact_one(job->arena, proxy);
    rest = envm_str_skip(message, at + proxy.len);
    return envm_arena_printf(job->arena, "%.*s%.*s%.*s", (int)at, message.ptr, ENVM_STR_ARGS(shown),
                             ENVM_STR_ARGS(rest));
}

/* libcurl's words may name the proxy or the URL: they pass the redaction like everything else. */
envm_str envm_download_reason(struct envm_download_job *job)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    const struct envm_http_exchange *exchange = &job->exchange;

    if (exchange->proxy_status >= 400)
        envm_buf_printf(&text, "the proxy answered with HTTP status %u", exchange->proxy_status);
    else if (exchange->message[0])
        envm_buf_add_escaped(
            &text,
            envm_url_redact(job->arena, without_proxy(job, envm_str_from(exchange->message))),
            REASON_MAX);
    else if (job->body.fault == ENVM_BODY_WRONG_RANGE)
        envm_buf_add_cstr(&text, "the server sent another range than the one asked for");
    else
        envm_buf_printf(&text, "HTTP status %u", exchange->status);
    return envm_arena_str(job->arena, envm_buf_str(&text));
}

enum envm_code envm_download_fail(struct envm_download_job *job, enum envm_code code,
                                  struct envm_error *err, envm_str why)
{
    envm_str context = what(job);

    envm_fail(err, code, "%.*s: %.*s", ENVM_STR_ARGS(context), ENVM_STR_ARGS(why));
    return envm_error_where(err, code, "%.*s", ENVM_STR_ARGS(job->url.clean));
}

static enum envm_code fail_denied(struct envm_download_job *job, struct envm_error *err)
{
    const struct envm_auth_choice *auth = &job->auth;
    envm_str why;

    if (job->exchange.status == 407) {
        envm_download_fail(job, ENVM_NETWORK, err,
                           ENVM_STR("the proxy wants a user name and a password"));
        return envm_error_hint(err, ENVM_NETWORK,
                               "put them into the proxy's URL: http://USER:PASSWORD@HOST:PORT");
    }
    why = auth->described.len > 0
              ? envm_arena_printf(job->arena, "HTTP status %u, although %.*s was sent",
                                  job->exchange.status, ENVM_STR_ARGS(auth->described))
              : envm_arena_printf(job->arena, "HTTP status %u, and no credential is known for %.*s",
                                  job->exchange.status,
                                  ENVM_STR_ARGS(envm_url_origin(job->arena, &job->hop)));
    envm_download_fail(job, ENVM_NETWORK, err, why);
    return envm_error_hint(err, ENVM_NETWORK, "check the name, the token or the password");
}

static enum envm_code fail_trust(struct envm_download_job *job, struct envm_error *err)
{
    const struct envm_trust *trust = &job->downloader->options.trust;
    const char *store = trust->ca_file ? trust->ca_file : trust->ca_directory;

    envm_download_fail(job, ENVM_NETWORK, err, envm_download_reason(job));
    if (store)
        return envm_error_hint(err, ENVM_NETWORK,
                               "certificates are checked against '%s', which %s names", store,
                               trust->source);
    return envm_error_hint(err, ENVM_NETWORK,
                           "certificates are checked against the system's store; set "
                           "SSL_CERT_FILE or ssl_verify to add your own authority");
}

static enum envm_code fail_too_long(struct envm_download_job *job, struct envm_error *err)
{
    if (job->request->has_expected_size)
        return envm_download_fail(
            job, ENVM_INTEGRITY, err,
            envm_arena_printf(job->arena,
                              "the file is longer than the %llu bytes that "
                              "the channel announces",
                              (unsigned long long)job->request->expected_size));
    return envm_download_fail(job, ENVM_MALFORMED, err,
                              envm_arena_printf(job->arena,
                                                "the file is longer than the limit of %llu bytes",
                                                (unsigned long long)job->body.limit));
}

enum envm_code envm_download_fail_body(struct envm_download_job *job, struct envm_error *err)
{
    if (job->body.fault == ENVM_BODY_TOO_LONG)
        return fail_too_long(job, err);
    return envm_fail_errno(err, job->body.write_errno, "writing what %.*s sends",
                           ENVM_STR_ARGS(job->url.clean));
}

/* What came from a server or a state file goes back only when it is plain text. */
bool envm_is_sendable(envm_str value)
{
    for (size_t i = 0; i < value.len; i++)
        if (value.ptr[i] < 0x20 || value.ptr[i] > 0x7e)
            return false;
    return value.len > 0 && value.len <= 1024;
}

/* --- redirects ------------------------------------------------------------------------------ */

static enum envm_code refuse_redirect(struct envm_download_job *job, envm_str target,
                                      struct envm_error *err)
{
    enum envm_code code =
        envm_download_fail(job, ENVM_UNSAFE, err,
                           envm_arena_printf(job->arena, "refusing the redirect to %.*s",
                                             ENVM_STR_ARGS(envm_url_redact(job->arena, target))));

    return envm_error_hint(err, code, "only https may follow https, and never a file");
}

/* Moves job->hop. The credential for the new place is looked up when it is requested, so nothing
 * is carried along; a name, password or token that stands in Location is not used either, unless
 * the "token" is none of ours and so is just part of the path. */
enum envm_code envm_download_follow(struct envm_download_job *job, struct envm_error *err)
{
    envm_str location = job->exchange.fields[ENVM_HTTP_LOCATION];
    struct envm_url target;
    envm_str text;

    if (location.len == 0)
        return envm_download_fail(job, ENVM_NETWORK, err,
                                  ENVM_STR("a redirect that leads nowhere"));
    if (envm_url_resolve(job->arena, envm_str_from(job->exchange.url), location, &text, err) !=
            ENVM_OK ||
        envm_url_parse(job->arena, text, &target, err) != ENVM_OK)
        return refuse_redirect(job, location, err);
    if (envm_str_equal_c(target.scheme, "file") ||
        (envm_str_equal_c(job->hop.scheme, "https") && !envm_str_equal_c(target.scheme, "https")))
        return refuse_redirect(job, text, err);
    job->hop_raw = (envm_str){0};
    if (target.token.len > 0 && !target.has_userinfo &&
        !envm_auth_is_token(&job->downloader->auth, target.token))
        job->hop_raw = envm_arena_str(job->arena, text);
    job->hop = target;
    return ENVM_OK;
}

/* --- verdicts ------------------------------------------------------------------------------- */

static envm_str strong_etag(envm_str etag)
{
    return envm_str_starts_with(etag, ENVM_STR("\"")) && envm_is_sendable(etag) ? etag
                                                                                : (envm_str){0};
}

static enum envm_download_verdict give_up(enum envm_code code, enum envm_code *ret_code)
{
    *ret_code = code;
    return ENVM_VERDICT_FAILED;
}

static enum envm_download_verdict judge_fault(struct envm_download_job *job,
                                              enum envm_code *ret_code, struct envm_error *err)
{
    if (job->body.fault != ENVM_BODY_WRONG_RANGE)
        return give_up(envm_download_fail_body(job, err), ret_code);
    job->body_etag = (envm_str){0};
    return ENVM_VERDICT_RETRY;
}

static enum envm_download_verdict judge_transport(struct envm_download_job *job,
                                                  enum envm_code *ret_code, struct envm_error *err)
{
    unsigned proxy_status = job->exchange.proxy_status;

    if (proxy_status == 407) {
        job->exchange.status = 407;
        return give_up(fail_denied(job, err), ret_code);
    }
    if (proxy_status >= 400 && !envm_http_status_is_passing(proxy_status))
        return give_up(envm_download_fail(job, ENVM_NETWORK, err, envm_download_reason(job)),
                       ret_code);
    switch (envm_transport_judge(job->exchange.transport)) {
    case ENVM_TRANSPORT_HTTP1:
        job->http1_only = true;
        if (job->spent_free_retry)
            return ENVM_VERDICT_RETRY;
        job->spent_free_retry = true;
        return ENVM_VERDICT_RETRY_FREE;
    case ENVM_TRANSPORT_TRUST:
        return give_up(fail_trust(job, err), ret_code);
    case ENVM_TRANSPORT_FATAL:
        return give_up(envm_download_fail(job, ENVM_NETWORK, err, envm_download_reason(job)),
                       ret_code);
    case ENVM_TRANSPORT_FINE:
    case ENVM_TRANSPORT_RETRY:
        break;
    }
    return ENVM_VERDICT_RETRY;
}

/* The whole body is there, as far as HTTP can tell. */
static enum envm_download_verdict judge_body(struct envm_download_job *job,
                                             enum envm_code *ret_code, struct envm_error *err)
{
    const struct envm_download *request = job->request;
    uint64_t written = job->body.written;

    if (!job->body.begun) {
        snprintf(job->exchange.message, sizeof(job->exchange.message), "an answer without a head");
        return ENVM_VERDICT_RETRY;
    }
    if (!request->has_expected_size || written == request->expected_size)
        return ENVM_VERDICT_DONE;
    if (!job->exchange.has_length) {
        /* The end was the end of the connection, which may well have been cut. */
        snprintf(job->exchange.message, sizeof(job->exchange.message),
                 "the connection ended after %llu of %llu bytes", (unsigned long long)written,
                 (unsigned long long)request->expected_size);
        return ENVM_VERDICT_RETRY;
    }
    return give_up(
        envm_download_fail(job, ENVM_INTEGRITY, err,
                           envm_arena_printf(job->arena,
                                             "the file has %llu bytes, but the channel "
                                             "announces %llu",
                                             (unsigned long long)written,
                                             (unsigned long long)request->expected_size)),
        ret_code);
}

static enum envm_download_verdict judge_status(struct envm_download_job *job,
                                               enum envm_code *ret_code, struct envm_error *err)
{
    unsigned status = job->exchange.status;

    switch (status) {
    case 200:
    case 206:
        return judge_body(job, ret_code, err);
    case 304:
        job->result->not_modified = true;
        return ENVM_VERDICT_DONE;
    case 404:
    case 410:
        job->result->not_found = true;
        return ENVM_VERDICT_DONE;
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        return ENVM_VERDICT_REDIRECT;
    case 401:
    case 403:
    case 407:
        return give_up(fail_denied(job, err), ret_code);
    case 416:
        /* What is there does not fit what the server has now. */
        job->body_etag = (envm_str){0};
        return job->body.resume_at > 0
                   ? ENVM_VERDICT_RETRY
                   : give_up(envm_download_fail(job, ENVM_NETWORK, err, envm_download_reason(job)),
                             ret_code);
    default:
        if (envm_http_status_is_passing(status))
            return ENVM_VERDICT_RETRY;
        return give_up(envm_download_fail(job, ENVM_NETWORK, err, envm_download_reason(job)),
                       ret_code);
    }
}

enum envm_download_verdict envm_download_judge(struct envm_download_job *job,
                                               enum envm_code *ret_code, struct envm_error *err)
{
    const struct envm_http_exchange *exchange = &job->exchange;

    if (exchange->cancelled)
        return give_up(envm_download_interrupted(job, err), ret_code);
    if (job->body.begun)
        job->body_etag = exchange->status == 200 || exchange->fields[ENVM_HTTP_ETAG].len > 0
                             ? strong_etag(exchange->fields[ENVM_HTTP_ETAG])
                             : job->body_etag;
    if (job->body.fault != ENVM_BODY_FINE)
        return judge_fault(job, ret_code, err);
    if (exchange->transport != 0)
        return judge_transport(job, ret_code, err);
    return judge_status(job, ret_code, err);
}
