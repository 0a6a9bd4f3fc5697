/* SPDX-License-Identifier: MIT */
#include "sys/library.h"

#include <dlfcn.h>
#include <string.h>

#include "base/error.h"

static enum envm_code fail(const char *file, struct envm_error *err)
{
    const char *why = dlerror();

    envm_fail(err, ENVM_IO, "the library %s, which is needed here, cannot be loaded: %s", file,
              why ? why : "unknown reason");
    return envm_error_hint(err, ENVM_IO, "install it, or check LD_LIBRARY_PATH");
}

enum envm_code envm_library_load(const char *file, const char *const *names, size_t count,
                                 void *functions, struct envm_error *err)
{
    void *library = dlopen(file, RTLD_LAZY | RTLD_LOCAL);

    if (!library)
        return fail(file, err);
    for (size_t i = 0; i < count; i++) {
        void *function = dlsym(library, names[i]);

        if (!function)
            return fail(file, err);
        /* Copied as bytes: C has no conversion from a pointer to data, POSIX has. */
        memcpy((char *)functions + i * sizeof(function), &function, sizeof(function));
    }
    return ENVM_OK;
}
