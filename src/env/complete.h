/* SPDX-License-Identifier: MIT
 *
 * Filling in what a record lacks from the package itself: @EXPLICIT lines know no dependencies, and
 * channels of 2016 no sha256.
 */
#ifndef ENVM_ENV_COMPLETE_H
#define ENVM_ENV_COMPLETE_H

#include "conda/package_source.h"
#include "env/context.h"

/* Fetches (in parallel) every package that `wanted` says, and gives records with sha256, md5 and
 * size; for bare URLs also what info/index.json says. The list keeps its order. With `trees` not
 * NULL every package is fetched and its contents are handed out, in the arena, for the digest. */
enum envm_complete {
    ENVM_COMPLETE_HASHES,  /* only records without a sha256 */
    ENVM_COMPLETE_INDEX,   /* all of them, with what index.json says */
    ENVM_COMPLETE_CONTENT, /* all of them; the records stay as they are, apart from hashes */
};
enum envm_code envm_complete_records(struct envm_context *context, struct envm_arena *arena,
                                     enum envm_complete wanted, struct envm_record_list *records,
                                     struct envm_package_contents ***ret_contents,
                                     struct envm_error *err);

#endif
