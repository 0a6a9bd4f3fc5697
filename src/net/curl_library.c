/* SPDX-License-Identifier: MIT */
#include "net/curl_library.h"

#include <pthread.h>

#include "base/error.h"
#include "sys/library.h"

#if defined(ENVM_LINK_LIBRARIES)

static const struct envm_curl functions = {
#define FUNCTION(function) .function = curl_##function,
    ENVM_CURL_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

enum envm_code envm_curl_load(struct envm_error *err)
{
    (void)err;
    return ENVM_OK;
}

#else

static const char *const names[] = {
#define NAME(function) "curl_" #function,
    ENVM_CURL_FUNCTIONS(NAME)
#undef NAME
};

/* Written once, under the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct envm_curl functions;
static bool is_loaded;

enum envm_code envm_curl_load(struct envm_error *err)
{
    enum envm_code code = ENVM_OK;

    pthread_mutex_lock(&lock);
    if (!is_loaded)
        code = envm_library_load("libcurl.so.4", names, sizeof(names) / sizeof(names[0]),
                                 &functions, err);
    is_loaded = code == ENVM_OK;
    pthread_mutex_unlock(&lock);
    return code;
}

#endif

const struct envm_curl *envm_curl(void)
{
    return &functions;
}
