/* SPDX-License-Identifier: MIT */
#include "codec/archive_library.h"

#include <pthread.h>

#include "base/error.h"
#include "sys/library.h"

#if defined(ENVM_LINK_LIBRARIES)

static const struct envm_archive_library functions = {
#define FUNCTION(function) .function = archive_##function,
    ENVM_ARCHIVE_FUNCTIONS(FUNCTION)
#undef FUNCTION
};

enum envm_code envm_archive_library_load(struct envm_error *err)
{
    (void)err;
    return ENVM_OK;
}

#else

static const char *const names[] = {
#define NAME(function) "archive_" #function,
    ENVM_ARCHIVE_FUNCTIONS(NAME)
#undef NAME
};

/* Written once, under the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct envm_archive_library functions;
static bool is_loaded;

enum envm_code envm_archive_library_load(struct envm_error *err)
{
    enum envm_code code = ENVM_OK;

    pthread_mutex_lock(&lock);
    if (!is_loaded)
        code = envm_library_load("libarchive.so.13", names, sizeof(names) / sizeof(names[0]),
                                 &functions, err);
    is_loaded = code == ENVM_OK;
    pthread_mutex_unlock(&lock);
    return code;
}

#endif

const struct envm_archive_library *envm_archive_library(void)
{
    return &functions;
}
