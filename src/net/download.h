/* SPDX-License-Identifier: MIT
 *
 * Downloads over https, http and file through one engine: libcurl multi on one thread of its own.
 * Redirects are followed here, hop by hop (at most 5, never from https down to http, credentials
 * looked up afresh for each origin); retries with backoff and jitter, Retry-After honoured up to
 * 60 s; proxies, CA bundle and client certificates from the configuration and the usual variables.
 * Credentials never stand in a URL given to this module nor in any text that leaves it.
 */
#ifndef ENVM_NET_DOWNLOAD_H
#define ENVM_NET_DOWNLOAD_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/sink.h"

struct envm_downloader; /* owns the thread and the connections */

/* A credential bound to an origin ("https://host:443") or to a URL prefix below it. */
struct envm_credential {
    envm_str url_prefix;     /* clean URL; the longest prefix that matches wins */
    envm_str user, password; /* basic */
    envm_str token;          /* conda token: /t/TOKEN/ is put after the host when requesting */
    envm_str bearer;
};

/* For .retries: give up at the first failure. */
#define ENVM_RETRIES_NONE ((unsigned)-1)

struct envm_net_config {
    const struct envm_credential *credentials;
    size_t credential_count;
    envm_str netrc_path; /* "": ~/.netrc or $NETRC when readable; "none" disables */
    const struct envm_proxy {
        envm_str scheme_or_host; /* "https", "http", "all", "https://host" (conda's keys) */
        envm_str url;            /* may hold credentials; redacted wherever shown */
    } * proxies;
    size_t proxy_count;
    envm_str no_proxy;
    envm_str ca_bundle; /* file or directory; "": the system's */
    envm_str client_cert, client_key;
    bool insecure;                  /* ssl_verify: false; warned about once per run */
    unsigned parallel;              /* 0: 8 connections in flight */
    unsigned retries;               /* 0: 5; ENVM_RETRIES_NONE: none */
    unsigned retry_base_ms;         /* 0: 500; tests set 1 */
    unsigned connect_timeout_ms;    /* 0: 15000 */
    unsigned low_speed_seconds;     /* 0: 30 (below 1 KiB/s) */
    bool offline;                   /* every http(s) request fails with ENVM_NETWORK "offline" */
    const char *const *environment; /* for *_PROXY, SSL_CERT_FILE …; NULL: none */
    const struct envm_sink *sink;
};

enum envm_code envm_downloader_new(const struct envm_net_config *config,
                                   struct envm_downloader **ret_downloader, struct envm_error *err);
/* Cancels what is in flight. */
void envm_downloader_free(struct envm_downloader *downloader);

struct envm_download {
    envm_str url;  /* clean */
    envm_str etag; /* conditional request when not empty */
    envm_str last_modified;
    uint64_t size_limit; /* more bytes than this fail at once; 0: 8 GiB */
    bool has_expected_size;
    uint64_t expected_size; /* a longer body is ENVM_INTEGRITY at expected+1 */
    envm_str label;         /* for progress */
    int fd;                 /* where the body goes (written from offset 0); the caller's */
    /* Called on the engine's thread for each chunk, after it was written; may be NULL. Called with
     * len 0 and bytes NULL when a retry starts over: forget what came before. */
    void (*on_bytes)(void *user, const void *bytes, size_t len);
    void *user;
};

struct envm_download_result {
    bool not_modified; /* 304: nothing was written */
    bool not_found;    /* 404 or 410 (or a missing file): not an error of the call */
    envm_str etag, last_modified, cache_control; /* in the arena */
    envm_str final_url;                          /* after redirects, clean */
    uint64_t bytes;
};

/* Fetches and waits. Callable from many threads at once; each call waits for its own transfer
 * while the engine runs up to `parallel` of them. ENVM_NETWORK after retries (403 and 401 at once,
 * naming the credential's prefix that was used), ENVM_IO for the local file, ENVM_INTERRUPTED. */
enum envm_code envm_download(struct envm_downloader *downloader, struct envm_arena *arena,
                             const struct envm_download *request,
                             struct envm_download_result *ret_result, struct envm_error *err);

#endif
