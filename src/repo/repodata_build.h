/* SPDX-License-Identifier: MIT
 *
 * Collects the records of one subdir. Several threads may each fill a builder of their own; the
 * builders are then put together, laid out (repodata_layout.h) and written (repodata_write.h). Of a
 * record only the key stays in memory: the rest goes into the index file as it comes.
 */
#ifndef ENVM_REPO_REPODATA_BUILD_H
#define ENVM_REPO_REPODATA_BUILD_H

#include "base/vec.h"
#include "conda/archive_name.h"
#include "repo/repodata_extents.h"
#include "repo/repodata_intern.h"
#include "repo/repodata_window.h"

/* What the name of a package file says, as texts of a builder. Equal texts have equal references,
 * so equal stems are equal here. */
struct envm_image_stem {
    uint32_t name, version, build;
};

/* A record whose file name is not made of its name, version and build. */
struct envm_image_irregular {
    uint32_t record;
    struct envm_image_stem stem;
};

/* Records [from, to) of a builder. */
struct envm_image_span {
    size_t from, to;
};

struct envm_image_builder {
    struct envm_intern texts;
    struct envm_window window; /* of the file that the rest of each record is written to */
    ENVM_VEC(struct envm_image_key) keys;            /* the records */
    ENVM_VEC(struct envm_image_irregular) irregular; /* by record */
    struct envm_image_body last; /* the one added before: builds of a package are much alike */
    bool overflowed;             /* more than 100 million records: sticky, checked once */
};

/* The file, which is open, stays the caller's. */
void envm_image_builder_init(struct envm_image_builder *builder, struct envm_image_file *file);
void envm_image_builder_release(struct envm_image_builder *builder);
ENVM_DEFINE_CLEANUP(envm_image_builder, struct envm_image_builder, envm_image_builder_release)

/* Makes room for the texts of about that many records; may be called once, on an empty builder. */
void envm_image_builder_expect(struct envm_image_builder *builder, size_t records);

/* Copies what it needs. `file` is the parsed file_name; `subdir_is_noarch` goes into the record. */
void envm_image_builder_add(struct envm_image_builder *builder,
                            const struct envm_package_record *record, envm_str file_name,
                            const struct envm_archive_name *file, bool subdir_is_noarch);
/* Writes what waits; once, behind the last record. */
void envm_image_builder_flush(struct envm_image_builder *builder);

/* Moves all records of `from`, which is flushed, behind those of `builder`, which writes to the
 * same file; `from` is empty then. Returns what is to be added to the numbers that they had. */
size_t envm_image_builder_absorb(struct envm_image_builder *builder,
                                 struct envm_image_builder *from);

/* The stem of a record's file. */
struct envm_image_stem envm_image_builder_stem(const struct envm_image_builder *builder,
                                               uint32_t record);
/* False when no record can be in a file of that name. */
bool envm_image_builder_find_stem(const struct envm_image_builder *builder,
                                  const struct envm_archive_name *file,
                                  struct envm_image_stem *ret_stem);
/* The name of a record's file, made in the arena. */
envm_str envm_image_builder_file_name(const struct envm_image_builder *builder, uint32_t record,
                                      struct envm_arena *arena);

#endif
