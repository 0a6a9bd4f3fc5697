/* SPDX-License-Identifier: MIT
 *
 * A package source (conda/package_source.h) over an index file.
 */
#ifndef ENVM_REPO_REPODATA_SOURCE_H
#define ENVM_REPO_REPODATA_SOURCE_H

#include <stdatomic.h>

#include "conda/package_source.h"
#include "repo/repodata_image.h"

struct envm_image_source {
    struct envm_package_source source;
    struct envm_image image;
    envm_str subdir, package_base; /* in the image */
    envm_str channel;              /* canonical name; outlives the source */
    envm_str url;                  /* for messages */
    bool only_tar_bz2;
    atomic_bool damaged; /* something led out of the file: it has to be made anew */
};

/* Fills *source, whose image is open, and makes source->source usable. Thread-safe from then on.
 * ENVM_DAMAGED. */
enum envm_code envm_image_source_init(struct envm_image_source *source, struct envm_error *err);
/* How many records it serves. */
uint64_t envm_image_source_count(const struct envm_image_source *source);

#endif
