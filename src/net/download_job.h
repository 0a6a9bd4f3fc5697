/* SPDX-License-Identifier: MIT
 *
 * What download.c (attempts and hops) and download_judge.c (what to make of an answer) share.
 */
#ifndef ENVM_NET_DOWNLOAD_JOB_H
#define ENVM_NET_DOWNLOAD_JOB_H

#include <pthread.h>

#include "net/auth.h"
#include "net/http.h"
#include "net/proxy.h"

struct envm_downloader {
    struct envm_arena arena; /* the configuration's copies; not written after envm_downloader_new */
    struct envm_auth auth;
    struct envm_proxy_table proxies;
    struct envm_http_options options;
    unsigned retries, retry_base_ms;
    bool offline;
    const struct envm_sink *sink;

    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t idle;
    struct envm_http_engine *engine; /* NULL until the first request that needs it */
    unsigned callers;                /* inside envm_download */
    bool closing;
    bool warned_plain, warned_insecure;
};

/* One call of envm_download. */
struct envm_download_job {
    struct envm_downloader *downloader;
    struct envm_http_engine *engine;
    struct envm_arena *arena;
    const struct envm_download *request;
    struct envm_download_result *result;
    struct envm_body body;
    struct envm_url url; /* as requested */
    struct envm_url hop; /* where the redirects have led so far */
    envm_str hop_raw;    /* overrides the URL made from `hop`; "" mostly */
    envm_str body_etag;  /* of the body that is half there; "" when it cannot be resumed */
    unsigned attempt;
    bool http1_only, spent_free_retry;
    struct envm_auth_choice auth; /* of the last exchange */
    struct envm_http_exchange exchange;
};

enum envm_download_verdict {
    ENVM_VERDICT_DONE,
    ENVM_VERDICT_REDIRECT,
    ENVM_VERDICT_RETRY,
    ENVM_VERDICT_RETRY_FREE, /* without counting: the server did nothing wrong yet */
    ENVM_VERDICT_FAILED,
};

/* The verdict on job->exchange, which has just ended. With ENVM_VERDICT_FAILED *ret_code and *err
 * are set. */
enum envm_download_verdict envm_download_judge(struct envm_download_job *job,
                                               enum envm_code *ret_code, struct envm_error *err);
/* Moves job->hop to where the redirect leads; ENVM_UNSAFE when it may not be followed. */
enum envm_code envm_download_follow(struct envm_download_job *job, struct envm_error *err);

/* "downloading URL: WHY" with the URL as where. */
enum envm_code envm_download_fail(struct envm_download_job *job, enum envm_code code,
                                  struct envm_error *err, envm_str why);
enum envm_code envm_download_fail_body(struct envm_download_job *job, struct envm_error *err);
enum envm_code envm_download_interrupted(const struct envm_download_job *job,
                                         struct envm_error *err);
/* What went wrong in the last exchange, in words, redacted. */
envm_str envm_download_reason(struct envm_download_job *job);
/* True for a field that may be sent back to the server: plain text of a sane length. */
bool envm_is_sendable(envm_str value);

#endif
