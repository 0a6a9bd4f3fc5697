/* SPDX-License-Identifier: MIT
 *
 * Prefix replacement and its exact undoing. A package is built with a placeholder where the path of
 * the environment has to stand. Text files get every occurrence replaced and grow or shrink; in
 * binary files each C string keeps its place: what follows the placeholder moves up and the string
 * is filled with NUL bytes to its old length. UTF-16 and UTF-32 strings (both byte orders) are
 * treated in the same way, with their own NUL. First lines of scripts: prefix/shebang.h.
 *
 * Nothing is copied to find out what to do: a plan is a list of edits over bytes that stay where
 * they are (a mapping), applied into any output. What was replaced is remembered as offsets into
 * the result, so that the placeholder form, and its digest, can be had again from the bytes on disk
 * alone. Pure and thread-safe but for the output callback.
 */
#ifndef ENVM_PREFIX_PREFIX_REPLACE_H
#define ENVM_PREFIX_PREFIX_REPLACE_H

#include "prefix/package_contents.h"

enum envm_text_encoding {
    ENVM_UTF_8,
    ENVM_UTF_16_LE,
    ENVM_UTF_16_BE,
    ENVM_UTF_32_LE,
    ENVM_UTF_32_BE,
    ENVM_ENCODING_COUNT,
};

/* "utf-8", "utf-16-le", …: the names in conda-meta records. Static. */
const char *envm_encoding_name(enum envm_text_encoding encoding);

struct envm_replacement {
    uint64_t offset; /* of the prefix in the installed bytes */
    enum envm_text_encoding encoding;
};

/* What was done to one file. Zeroed: nothing. */
struct envm_replacements {
    const struct envm_replacement *items; /* sorted by offset */
    size_t count;
    envm_str shebang; /* the first line as in the package, when it was rewritten; else "" */
};

/* Drop `cut` bytes of the input at `at`, write `put`, then `zeros` NUL bytes. */
struct envm_edit {
    size_t at;
    size_t cut;
    envm_str put;
    size_t zeros;
};

struct envm_edits {
    const struct envm_edit *items; /* in order, not overlapping */
    size_t count;
};

struct envm_replace_request {
    envm_str bytes; /* the whole file */
    enum envm_file_mode mode;
    envm_str placeholder;
    envm_str prefix;
};

/* Edits that turn the package's file into the installed one. ENVM_IO when a binary holds the
 * placeholder and the prefix is longer than it: the text has both lengths, the caller adds the
 * file's name. ENVM_MALFORMED for an empty placeholder. Results live in the arena and point into
 * request->bytes. */
enum envm_code envm_replace_plan(struct envm_arena *arena,
                                 const struct envm_replace_request *request,
                                 struct envm_edits *ret_edits, struct envm_replacements *ret_done,
                                 struct envm_error *err);

/* The other direction: request->bytes is the installed file. False when the bytes are not what
 * `done` says they are (no prefix at an offset, padding that is not NUL, another first line):
 * the file was altered. */
bool envm_replace_undo(struct envm_arena *arena, const struct envm_replace_request *request,
                       const struct envm_replacements *done, struct envm_edits *ret_edits);

/* Length of the result. */
uint64_t envm_edits_size(envm_str bytes, const struct envm_edits *edits);

/* Hands the result to `out` piece by piece. */
typedef enum envm_code (*envm_bytes_out)(void *user, envm_str bytes, struct envm_error *err);
enum envm_code envm_edits_apply(envm_str bytes, const struct envm_edits *edits, envm_bytes_out out,
                                void *user, struct envm_error *err);

/* SHA-256 of the result, without making it. */
struct envm_sha256 envm_edits_sha256(envm_str bytes, const struct envm_edits *edits);

#endif
