/* SPDX-License-Identifier: MIT
 *
 * libcurl, loaded at its first use: with its 30 libraries it takes 4 ms, which most commands need
 * not.
 */
#ifndef ENVM_NET_CURL_LIBRARY_H
#define ENVM_NET_CURL_LIBRARY_H

#include <curl/curl.h>

#include <envm/error.h>

/* What envm calls, without the prefix. */
#define ENVM_CURL_FUNCTIONS(X)                                                                     \
    X(easy_cleanup)                                                                                \
    X(easy_getinfo)                                                                                \
    X(easy_init)                                                                                   \
    X(easy_setopt)                                                                                 \
    X(easy_strerror)                                                                               \
    X(getdate)                                                                                     \
    X(global_init)                                                                                 \
    X(multi_add_handle)                                                                            \
    X(multi_cleanup)                                                                               \
    X(multi_info_read)                                                                             \
    X(multi_init)                                                                                  \
    X(multi_perform)                                                                               \
    X(multi_poll)                                                                                  \
    X(multi_remove_handle)                                                                         \
    X(multi_strerror)                                                                              \
    X(multi_wakeup)                                                                                \
    X(slist_append)                                                                                \
    X(slist_free_all)

struct envm_curl {
#define ENVM_CURL_MEMBER(function) __typeof__(curl_##function) *function;
    ENVM_CURL_FUNCTIONS(ENVM_CURL_MEMBER)
#undef ENVM_CURL_MEMBER
};

/* Loads the library unless that has been done; thread-safe. ENVM_IO when it is not there. */
enum envm_code envm_curl_load(struct envm_error *err);
/* Its functions; envm_curl_load must have succeeded. */
const struct envm_curl *envm_curl(void);

#endif
