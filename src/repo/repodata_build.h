/* SPDX-License-Identifier: MIT
 *
 * Collects records and writes the index file of repodata_image.h.
 */
#ifndef ENVM_REPO_REPODATA_BUILD_H
#define ENVM_REPO_REPODATA_BUILD_H

#include "base/map.h"
#include "base/vec.h"
#include "conda/archive_name.h"
#include "repo/repodata_image.h"
#include "repo/repodata_intern.h"

struct envm_image_stem; /* name-version-build, with its .conda and its .tar.bz2 record */

struct envm_image_builder {
    struct envm_intern texts, lists;
    ENVM_VEC(struct envm_image_record) records;
    ENVM_VEC(uint32_t) names; /* text of each name, in order of appearance */
    struct envm_map name_numbers;
    struct envm_arena name_arena;
    uint32_t last_name;
    struct envm_image_record last; /* the one added before: builds of a package are much alike */
    struct envm_image_stem *stems; /* open addressing over the keyed hash of the stem */
    size_t stem_capacity, stem_count;
    uint64_t seed;
};

/* Zeroed is a valid empty builder. */
void envm_image_builder_release(struct envm_image_builder *builder);
ENVM_DEFINE_CLEANUP(envm_image_builder, struct envm_image_builder, envm_image_builder_release)

/* Makes room for about that many records; may be called once, on an empty builder. */
void envm_image_builder_expect(struct envm_image_builder *builder, size_t records);

/* Copies what it needs. False when a record with this file name is there already (nothing is
 * added). `file` is the parsed file_name; `subdir_is_noarch` goes into the record. */
bool envm_image_builder_add(struct envm_image_builder *builder,
                            const struct envm_package_record *record, envm_str file_name,
                            const struct envm_archive_name *file, bool subdir_is_noarch);
/* Takes a file out that the channel has removed; unknown names are fine. */
void envm_image_builder_remove(struct envm_image_builder *builder,
                               const struct envm_archive_name *file);

struct envm_image_origin {
    envm_str subdir, package_base;
    const struct envm_sha256 *source_sha256;
    uint64_t skipped;
};

/* Writes the whole file to fd (empty, at its start). ENVM_IO, or ENVM_MALFORMED when there is more
 * than the format can hold. The builder is used up. */
enum envm_code envm_image_builder_write(struct envm_image_builder *builder,
                                        const struct envm_image_origin *origin, int fd,
                                        struct envm_error *err);

#endif
