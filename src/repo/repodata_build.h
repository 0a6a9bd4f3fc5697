/* SPDX-License-Identifier: MIT
 *
 * Collects the records of one subdir. Several threads may each fill a builder of their own; the
 * builders are then put together, laid out (repodata_layout.h) and written (repodata_write.h).
 */
#ifndef ENVM_REPO_REPODATA_BUILD_H
#define ENVM_REPO_REPODATA_BUILD_H

#include "base/vec.h"
#include "conda/archive_name.h"
#include "repo/repodata_image.h"
#include "repo/repodata_intern.h"

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

#define ENVM_IMAGE_CHUNK 16384

/* The keys by themselves: to lay out 650,000 records took three times as long when each was a line
 * of the cache away from the next. */
struct envm_image_chunk {
    struct envm_image_body bodies[ENVM_IMAGE_CHUNK];
    struct envm_image_key keys[ENVM_IMAGE_CHUNK];
};

struct envm_image_builder {
    struct envm_intern texts;
    struct envm_intern lists; /* strings of texts, each followed by a NUL */
    ENVM_VEC(struct envm_intern)
    more_lists; /* of builders that were put to this one: behind them */
    /* Records are numbered over chunks of equal size; chunks of builders that were put together
     * are not full, so not every number is a record. */
    ENVM_VEC(struct envm_image_chunk *) chunks;
    size_t record_end;                               /* one more than the last number */
    ENVM_VEC(struct envm_image_irregular) irregular; /* by record */
    struct envm_image_record last; /* the one added before: builds of a package are much alike */
    bool overflowed;               /* more than 100 million records: sticky, checked once */
};

static inline struct envm_image_key *
envm_image_builder_key(const struct envm_image_builder *builder, size_t number)
{
    return &builder->chunks.items[number / ENVM_IMAGE_CHUNK]->keys[number % ENVM_IMAGE_CHUNK];
}

static inline struct envm_image_body *
envm_image_builder_body(const struct envm_image_builder *builder, size_t number)
{
    return &builder->chunks.items[number / ENVM_IMAGE_CHUNK]->bodies[number % ENVM_IMAGE_CHUNK];
}

/* Zeroed is a valid empty builder. */
void envm_image_builder_release(struct envm_image_builder *builder);
ENVM_DEFINE_CLEANUP(envm_image_builder, struct envm_image_builder, envm_image_builder_release)

/* Makes room for the texts of about that many records; may be called once, on an empty builder. */
void envm_image_builder_expect(struct envm_image_builder *builder, size_t records);

/* Copies what it needs. `file` is the parsed file_name; `subdir_is_noarch` goes into the record. */
void envm_image_builder_add(struct envm_image_builder *builder,
                            const struct envm_package_record *record, envm_str file_name,
                            const struct envm_archive_name *file, bool subdir_is_noarch);

/* Moves all records of `from` behind those of `builder`; `from` is empty then. Returns what is to
 * be added to the numbers that they had. */
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
