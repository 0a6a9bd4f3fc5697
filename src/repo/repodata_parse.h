/* SPDX-License-Identifier: MIT
 *
 * repodata.json (CEP 36) into a builder. Tolerant record by record: a bad one is left out and
 * counted; strict about the file: it has to be JSON from the first byte to the last.
 */
#ifndef ENVM_REPO_REPODATA_PARSE_H
#define ENVM_REPO_REPODATA_PARSE_H

#include "base/sink.h"
#include "repo/repodata_build.h"

struct envm_repodata_source {
    envm_str subdir; /* "linux-64": what info.subdir has to be */
    envm_str url;    /* of the file that was read, clean; CEP 15's base_url is relative to it */
    const struct envm_sink *sink; /* the warning about bad records */
};

struct envm_repodata_summary {
    envm_str package_base; /* where the packages are, no trailing slash; in the arena */
    uint64_t skipped;      /* bad records and duplicates */
};

/* An empty text is an empty subdir. ENVM_MALFORMED with line, column and offset; ENVM_UNSAFE for a
 * base_url that envm refuses (reliability.md B4). */
enum envm_code envm_repodata_parse(envm_str json, const struct envm_repodata_source *source,
                                   struct envm_arena *arena, struct envm_image_builder *builder,
                                   struct envm_repodata_summary *ret_summary,
                                   struct envm_error *err);

#endif
