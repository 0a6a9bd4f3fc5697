/* SPDX-License-Identifier: MIT
 *
 * Completes the index file of repodata_image.h.
 */
#ifndef ENVM_REPO_REPODATA_WRITE_H
#define ENVM_REPO_REPODATA_WRITE_H

#include "repo/repodata_layout.h"

struct envm_image_origin {
    envm_str subdir, package_base;
    const struct envm_sha256 *source_sha256;
    uint64_t skipped;
};

/* Writes all that the builder has not written to its file, which is whole then. ENVM_IO, of any
 * write to it, or ENVM_MALFORMED when there is more than the format can hold. Adds the two texts of
 * the origin to the builder. */
enum envm_code envm_image_write(struct envm_image_builder *builder,
                                const struct envm_image_layout *layout,
                                const struct envm_image_origin *origin, struct envm_error *err);

#endif
