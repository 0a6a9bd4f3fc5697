/* SPDX-License-Identifier: MIT
 *
 * repodata.json (CEP 36) into a builder. Tolerant record by record: a bad one is left out and
 * counted; strict about the file: it has to be JSON from the first byte to the last.
 *
 * A large file may be read in parts, by several threads, each into a builder of its own. A part
 * other than the first is read on the guess that it begins between two packages; envm_repodata_fit
 * tells afterwards whether the parts before really end there. When they do not, or when anything is
 * wrong with the file, it is read again whole: errors are always those of envm_repodata_parse.
 */
#ifndef ENVM_REPO_REPODATA_PARSE_H
#define ENVM_REPO_REPODATA_PARSE_H

#include "base/sink.h"
#include "repo/repodata_layout.h"

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
 * base_url that envm refuses (reliability.md B4). The builder must be empty. */
enum envm_code envm_repodata_parse(envm_str json, const struct envm_repodata_source *source,
                                   struct envm_arena *arena, struct envm_image_builder *builder,
                                   struct envm_image_layout *ret_layout,
                                   struct envm_repodata_summary *ret_summary,
                                   struct envm_error *err);

/* --- in parts ------------------------------------------------------------------------------- */

enum envm_part_end {
    ENVM_PART_BROKEN,   /* bad, or not cut between two packages */
    ENVM_PART_LEAD,     /* in the object that it began in */
    ENVM_PART_PACKAGES, /* in "packages" or "packages.conda" */
    ENVM_PART_OTHER,    /* in another object at that level */
    ENVM_PART_DOCUMENT, /* at the end of the document */
};

struct envm_bad_records {
    uint64_t count;
    size_t place; /* of the first one: so many records stood before it, counted from the part's */
    envm_str file_name;
    const char *fault;
};

struct envm_repodata_part {
    /* in */
    bool first, last;

    /* out; texts are in the arena of the parse */
    enum envm_part_end end;
    struct envm_image_span span; /* its records in the builder */
    size_t lead_end;             /* of these, the ones of the object that it began in */
    struct envm_bad_records lead_bad, bad;
    envm_str base_url, info_subdir; /* as written */
    bool has_info_subdir;
    envm_str
        newer_revision; /* of the repodata (CEP 48), of which envm reads nothing; "" for none */
    envm_str revision_message;
    ENVM_VEC(envm_str) removed;
};
void envm_repodata_part_release(struct envm_repodata_part *part);

/* Reads one part; what is wrong with it is told by part->end. */
void envm_repodata_parse_part(envm_str json, const struct envm_repodata_source *source,
                              struct envm_arena *arena, struct envm_image_builder *builder,
                              struct envm_repodata_part *part);

/* Where a text can be cut so that the rest begins between two packages: the comma before the last
 * package that begins in it; SIZE_MAX when there is none. A guess: the text is only looked at from
 * its end. */
size_t envm_repodata_find_cut(envm_str json);

/* Whether the parts, in order, are one document. Takes out of them what was read on a wrong guess
 * about the object that they begin in. */
bool envm_repodata_fit(struct envm_repodata_part *const *parts, size_t count);

/* Lays out what fitting parts hold, whose records are all in this builder. Errors as
 * envm_repodata_parse. */
enum envm_code envm_repodata_join(struct envm_repodata_part *const *parts, size_t count,
                                  const struct envm_repodata_source *source,
                                  struct envm_arena *arena, struct envm_image_builder *builder,
                                  struct envm_image_layout *ret_layout,
                                  struct envm_repodata_summary *ret_summary,
                                  struct envm_error *err);

#endif
