/* SPDX-License-Identifier: MIT
 *
 * The engine: single HTTP exchanges (no redirects, no retries) on libcurl's multi interface, run
 * by one thread. What to ask and what to make of an answer is net/download's business.
 */
#ifndef ENVM_NET_HTTP_H
#define ENVM_NET_HTTP_H

#include <pthread.h>

#include <envm/error.h>

#include "base/arena.h"
#include "base/sink.h"
#include "net/body.h"
#include "net/trust.h"

struct envm_http_engine;

struct envm_http_options {
    unsigned parallel, connect_timeout_ms, low_speed_seconds;
    struct envm_trust trust;
    const char *client_cert, *client_key; /* NULL: none */
    bool insecure;
    const struct envm_sink *sink; /* asked for cancellation; may be NULL */
};

enum envm_http_field {
    ENVM_HTTP_ETAG,
    ENVM_HTTP_LAST_MODIFIED,
    ENVM_HTTP_CACHE_CONTROL,
    ENVM_HTTP_LOCATION,
    ENVM_HTTP_RETRY_AFTER,
    ENVM_HTTP_CONTENT_RANGE,
    ENVM_HTTP_FIELD_COUNT,
};

struct envm_http_exchange {
    /* request; texts are NUL-terminated and live in `arena`'s owner */
    const char *url;             /* may hold secrets */
    const char *proxy;           /* "" for none */
    const char *user, *password; /* NULL: no basic authentication */
    const char *bearer;          /* NULL: none */
    const char *headers[4];      /* whole lines, NULL-terminated unless full */
    bool http1_only;
    struct envm_body *body;
    struct envm_arena *arena; /* for the answer's texts */

    /* answer */
    int transport;         /* CURLcode; what happened below HTTP */
    char message[256];     /* libcurl's words, "" when it had none; not yet redacted */
    unsigned status;       /* 0: none arrived */
    unsigned proxy_status; /* of CONNECT */
    bool has_length;
    uint64_t length; /* Content-Length */
    envm_str fields[ENVM_HTTP_FIELD_COUNT];
    bool cancelled;

    /* the engine's own */
    void *easy;         /* CURL */
    void *header_lines; /* struct curl_slist */
    bool head_is_over;
    bool finished;
    pthread_cond_t done;
    struct envm_http_exchange *next;
};

/* Sets libcurl up (once per process, which is safe from any thread) and starts the thread. The
 * options' texts must outlive the engine. */
enum envm_code envm_http_engine_start(const struct envm_http_options *options,
                                      struct envm_http_engine **ret_engine, struct envm_error *err);
/* Cancels what runs and ends the thread. No caller may be inside envm_http_perform. */
void envm_http_engine_stop(struct envm_http_engine *engine);
/* Makes every exchange, now and later, end as cancelled; callable from any thread. */
void envm_http_engine_cancel(struct envm_http_engine *engine);

/* Runs one exchange and waits for its end; the outcome is in the exchange. Thread-safe. */
void envm_http_perform(struct envm_http_engine *engine, struct envm_http_exchange *exchange);

/* Prepares and releases exchange->easy; http_exchange.c, for the engine only. */
bool envm_http_exchange_open(struct envm_http_exchange *exchange,
                             const struct envm_http_options *options);
void envm_http_exchange_close(struct envm_http_exchange *exchange);

#endif
