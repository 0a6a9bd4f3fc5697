/* SPDX-License-Identifier: MIT
 *
 * Writes the index file of repodata_image.h.
 */
#ifndef ENVM_REPO_REPODATA_WRITE_H
#define ENVM_REPO_REPODATA_WRITE_H

#include "repo/repodata_layout.h"

struct envm_image_origin {
    envm_str subdir, package_base;
    const struct envm_sha256 *source_sha256;
    uint64_t skipped;
};

/* Writes the whole file to fd (empty, at its start). ENVM_IO, or ENVM_MALFORMED when there is more
 * than the format can hold. Adds the two texts of the origin to the builder. */
enum envm_code envm_image_write(struct envm_image_builder *builder,
                                const struct envm_image_layout *layout,
                                const struct envm_image_origin *origin, int fd,
                                struct envm_error *err);

#endif
