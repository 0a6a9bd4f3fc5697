/* SPDX-License-Identifier: MIT
 *
 * The thread that runs libcurl's multi handle. Callers put an exchange into the queue, wake the
 * thread and wait on the exchange's condition; only the thread touches the multi handle.
 */
#include "net/http.h"

#include <signal.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/error.h"
#include "net/curl_library.h"
#include "sys/clock.h"

#define POLL_MS 100 /* how soon a cancellation is seen */
#define IDLE_MS 60000

struct envm_http_engine {
    struct envm_http_options options;
    pthread_t thread;
    CURLM *multi;
    pthread_mutex_t lock; /* guards the queue, stop, and each exchange's `finished` */
    struct envm_http_exchange *queue_first, *queue_last;
    bool stop, cancel;
    /* the thread's own */
    struct envm_http_exchange *running;
    unsigned running_count;
    uint64_t cancel_asked_ms;
};

/* libcurl wants one initialisation per process before any other call. Nothing undoes it: other
 * users of libcurl may live in the same process. */
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;

static void init_curl(void)
{
    envm_curl()->global_init(CURL_GLOBAL_DEFAULT);
}

static void finish(struct envm_http_engine *engine, struct envm_http_exchange *exchange)
{
    pthread_mutex_lock(&engine->lock);
    exchange->finished = true;
    pthread_cond_signal(&exchange->done);
    pthread_mutex_unlock(&engine->lock);
}

static void cancel_queue(struct envm_http_exchange *queue, struct envm_http_engine *engine)
{
    while (queue) {
        struct envm_http_exchange *next = queue->next;
        queue->cancelled = true;
        finish(engine, queue);
        queue = next;
    }
}

/* Takes as many exchanges off the queue as may run. */
static struct envm_http_exchange *take_from_queue(struct envm_http_engine *engine, bool all)
{
    struct envm_http_exchange *taken = engine->queue_first;
    struct envm_http_exchange **end = &taken;
    unsigned room = engine->options.parallel - engine->running_count;

    while (*end && (all || room > 0)) {
        end = &(*end)->next;
        room--;
    }
    engine->queue_first = *end;
    if (!*end)
        engine->queue_last = NULL;
    *end = NULL;
    return taken;
}

static void start(struct envm_http_engine *engine, struct envm_http_exchange *exchange)
{
    CURLMcode code = envm_curl()->multi_add_handle(engine->multi, exchange->easy);

    if (code != CURLM_OK) {
        exchange->transport = CURLE_FAILED_INIT;
        snprintf(exchange->message, sizeof(exchange->message), "%s",
                 envm_curl()->multi_strerror(code));
        finish(engine, exchange);
        return;
    }
    exchange->next = engine->running;
    engine->running = exchange;
    engine->running_count++;
}

static void unlink_running(struct envm_http_engine *engine, struct envm_http_exchange *exchange)
{
    struct envm_http_exchange **at = &engine->running;

    while (*at != exchange)
        at = &(*at)->next;
    *at = exchange->next;
    exchange->next = NULL;
    engine->running_count--;
}

static void complete(struct envm_http_engine *engine, CURL *easy, CURLcode code)
{
    struct envm_http_exchange *exchange = NULL;
    long proxy_status = 0;

    envm_curl()->easy_getinfo(easy, CURLINFO_PRIVATE, (char **)&exchange);
    envm_curl()->easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &proxy_status);
    exchange->transport = (int)code;
    exchange->proxy_status = (unsigned)proxy_status;
    if (code != CURLE_OK && exchange->message[0] == '\0')
        snprintf(exchange->message, sizeof(exchange->message), "%s",
                 envm_curl()->easy_strerror(code));
    envm_curl()->multi_remove_handle(engine->multi, easy);
    unlink_running(engine, exchange);
    finish(engine, exchange);
}

static bool collect(struct envm_http_engine *engine)
{
    bool any = false;
    CURLMsg *message;
    int left;

    while ((message = envm_curl()->multi_info_read(engine->multi, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        complete(engine, message->easy_handle, message->data.result);
        any = true;
    }
    return any;
}

static void cancel_running(struct envm_http_engine *engine)
{
    while (engine->running) {
        struct envm_http_exchange *exchange = engine->running;
        envm_curl()->multi_remove_handle(engine->multi, exchange->easy);
        unlink_running(engine, exchange);
        exchange->cancelled = true;
        finish(engine, exchange);
    }
}

/* The sink may be slow to ask: not more often than the poll interval. */
static bool user_cancelled(struct envm_http_engine *engine)
{
    uint64_t now = envm_clock_monotonic_ms();

    if (engine->running_count == 0 || now - engine->cancel_asked_ms < POLL_MS)
        return false;
    engine->cancel_asked_ms = now;
    return envm_sink_cancelled(engine->options.sink);
}

static void *engine_main(void *argument)
{
    struct envm_http_engine *engine = argument;
    bool stop = false;

    while (!stop) {
        struct envm_http_exchange *taken;
        bool cancel;
        int running;

        pthread_mutex_lock(&engine->lock);
        stop = engine->stop;
        cancel = engine->stop || engine->cancel;
        taken = take_from_queue(engine, cancel);
        pthread_mutex_unlock(&engine->lock);

        if (cancel || user_cancelled(engine)) {
            cancel_queue(taken, engine);
            cancel_running(engine);
            taken = NULL;
        }
        while (taken) {
            struct envm_http_exchange *next = taken->next;
            start(engine, taken);
            taken = next;
        }
        envm_curl()->multi_perform(engine->multi, &running);
        if (!collect(engine) && !stop)
            envm_curl()->multi_poll(engine->multi, NULL, 0,
                                    engine->running_count ? POLL_MS : IDLE_MS, NULL);
    }
    /* Here, where SIGPIPE is blocked: closing a TLS connection may write to a dead socket. */
    envm_curl()->multi_cleanup(engine->multi);
    return NULL;
}

static int start_thread(struct envm_http_engine *engine)
{
    sigset_t all, before;
    int error;

    /* Signals are for the program's own threads. */
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    error = pthread_create(&engine->thread, NULL, engine_main, engine);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

enum envm_code envm_http_engine_start(const struct envm_http_options *options,
                                      struct envm_http_engine **ret_engine, struct envm_error *err)
{
    struct envm_http_engine *engine;
    int error;

    ENVM_TRY(envm_curl_load(err));
    pthread_once(&curl_once, init_curl);
    engine = envm_alloc_zero(1, sizeof(*engine));
    engine->options = *options;
    engine->multi = envm_curl()->multi_init();
    if (!engine->multi) {
        envm_free(engine);
        return envm_fail(err, ENVM_INTERNAL, "libcurl could not be set up");
    }
    pthread_mutex_init(&engine->lock, NULL);
    error = start_thread(engine);
    if (error) {
        pthread_mutex_destroy(&engine->lock);
        envm_curl()->multi_cleanup(engine->multi);
        envm_free(engine);
        return envm_fail_errno(err, error, "starting the download thread");
    }
    *ret_engine = engine;
    return ENVM_OK;
}

static void tell(struct envm_http_engine *engine, bool stop)
{
    pthread_mutex_lock(&engine->lock);
    engine->cancel = true;
    engine->stop |= stop;
    envm_curl()->multi_wakeup(
        engine->multi); /* under the lock: a stopping thread frees the handle */
    pthread_mutex_unlock(&engine->lock);
}

void envm_http_engine_cancel(struct envm_http_engine *engine)
{
    tell(engine, false);
}

void envm_http_engine_stop(struct envm_http_engine *engine)
{
    tell(engine, true);
    pthread_join(engine->thread, NULL);
    pthread_mutex_destroy(&engine->lock);
    envm_free(engine);
}

static void enqueue_and_wait(struct envm_http_engine *engine, struct envm_http_exchange *exchange)
{
    pthread_mutex_lock(&engine->lock);
    if (engine->queue_last)
        engine->queue_last->next = exchange;
    else
        engine->queue_first = exchange;
    engine->queue_last = exchange;
    envm_curl()->multi_wakeup(engine->multi);
    while (!exchange->finished)
        pthread_cond_wait(&exchange->done, &engine->lock);
    pthread_mutex_unlock(&engine->lock);
}

void envm_http_perform(struct envm_http_engine *engine, struct envm_http_exchange *exchange)
{
    exchange->finished = false;
    exchange->next = NULL;
    pthread_cond_init(&exchange->done, NULL);
    if (envm_http_exchange_open(exchange, &engine->options))
        enqueue_and_wait(engine, exchange);
    else
        exchange->transport = CURLE_OUT_OF_MEMORY;
    envm_http_exchange_close(exchange);
    pthread_cond_destroy(&exchange->done);
}
