/* SPDX-License-Identifier: MIT
 *
 * libarchive, loaded at its first use: with libxml2 and ICU it takes 2 ms, which most commands need
 * not.
 */
#ifndef ENVM_CODEC_ARCHIVE_LIBRARY_H
#define ENVM_CODEC_ARCHIVE_LIBRARY_H

#include <archive.h>
#include <archive_entry.h>

#include <envm/error.h>

/* What envm calls, without the prefix. */
#define ENVM_ARCHIVE_FUNCTIONS(X)                                                                  \
    X(error_string)                                                                                \
    X(filter_bytes)                                                                                \
    X(read_append_filter)                                                                          \
    X(read_data_block)                                                                             \
    X(read_free)                                                                                   \
    X(read_new)                                                                                    \
    X(read_next_header)                                                                            \
    X(read_open)                                                                                   \
    X(read_support_format_empty)                                                                   \
    X(read_support_format_raw)

struct envm_archive_library {
#define ENVM_ARCHIVE_MEMBER(function) __typeof__(archive_##function) *function;
    ENVM_ARCHIVE_FUNCTIONS(ENVM_ARCHIVE_MEMBER)
#undef ENVM_ARCHIVE_MEMBER
};

/* Loads the library unless that has been done; thread-safe. ENVM_IO when it is not there. */
enum envm_code envm_archive_library_load(struct envm_error *err);
/* Its functions; envm_archive_library_load must have succeeded. */
const struct envm_archive_library *envm_archive_library(void);

#endif
