/* SPDX-License-Identifier: MIT
 *
 * Which records of a builder go into the index file, and in which order: duplicates and removed
 * files out, twins marked, grouped by name, the names sorted.
 */
#ifndef ENVM_REPO_REPODATA_LAYOUT_H
#define ENVM_REPO_REPODATA_LAYOUT_H

#include "repo/repodata_build.h"

struct envm_image_layout {
    struct envm_image_name *names; /* sorted bytewise */
    size_t name_count;
    uint32_t *order; /* records of the builder as they are written */
    size_t record_count;
    uint64_t shown; /* without twins */

    uint64_t duplicates;      /* records that were left out: their file name was there before */
    uint32_t first_duplicate; /* record */
    size_t first_place;       /* how many records of the spans stand before it */
};

void envm_image_layout_release(struct envm_image_layout *layout);
ENVM_DEFINE_CLEANUP(envm_image_layout, struct envm_image_layout, envm_image_layout_release)

/* `spans` are the records in the order of the file; what is in none of them is left out. `removed`
 * are names of files that are no longer there; unknown ones are fine. Of records with one file name
 * the first stays. Marks flags of the builder's records. */
void envm_image_layout_make(struct envm_image_builder *builder, const struct envm_image_span *spans,
                            size_t span_count, struct envm_str_list removed,
                            struct envm_image_layout *ret_layout);

#endif
