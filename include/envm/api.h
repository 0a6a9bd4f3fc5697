/* SPDX-License-Identifier: MIT
 *
 * What every public header needs: visibility, attributes and the one value type for text.
 */
#ifndef ENVM_API_H
#define ENVM_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(ENVM_BUILDING)
#define ENVM_API __attribute__((visibility("default")))
#else
#define ENVM_API
#endif

#define ENVM_MUST_CHECK __attribute__((warn_unused_result))
#define ENVM_PRINTF(format_index, first_arg)                                                       \
    __attribute__((format(printf, format_index, first_arg)))

#ifdef __cplusplus
extern "C" {
#endif

/* A slice of bytes. Not NUL-terminated unless the function that made it says so; never owns its
 * bytes. A zeroed slice is the empty string. */
typedef struct envm_str {
    const char *ptr;
    size_t len;
} envm_str;

/* An array of slices, owned by whatever owns its items (usually an arena). */
struct envm_str_list {
    const envm_str *items;
    size_t count;
};

/* A SHA-256 digest that knows whether it is there at all. "No digest" and "wrong digest" are
 * different things: code that compares must look at `known` first (see envm_sha256_equal). */
struct envm_sha256 {
    bool known;
    uint8_t bytes[32];
};

/* The same for MD5, which conda still publishes; it identifies, it never proves. */
struct envm_md5 {
    bool known;
    uint8_t bytes[16];
};

#ifdef __cplusplus
}
#endif
#endif
