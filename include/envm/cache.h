/* SPDX-License-Identifier: MIT
 *
 * Looking after the cache and after environments: what the cache holds, whether it is whole,
 * cleaning it, and putting damaged environments right. Reports are as in <envm/environment.h>.
 */
#ifndef ENVM_CACHE_H
#define ENVM_CACHE_H

#include <envm/environment.h>

#ifdef __cplusplus
extern "C" {
#endif

struct envm_cache_package {
    envm_str package; /* name-version-build */
    struct envm_sha256 sha256;
    uint64_t bytes;
    bool linked;  /* some environment uses a file of it */
    int64_t used; /* last use, to the day; seconds since the epoch */
};

struct envm_cache_report {
    envm_str path;
    const struct envm_cache_package *packages; /* by name */
    size_t package_count;
    uint64_t package_bytes; /* of disk */
    uint64_t unused_bytes;  /* what a clean of packages would free */
    size_t indexes;         /* files */
    uint64_t index_bytes;
    struct envm_str_list layers;
};
/* What the cache holds. */
ENVM_API ENVM_MUST_CHECK enum envm_code envm_cache_info(struct envm_context *context,
                                                        struct envm_memory *memory,
                                                        struct envm_cache_report *ret_report,
                                                        struct envm_error *err);
/* Where the cache is or would be. Nothing is made. */
ENVM_API envm_str envm_cache_path(struct envm_context *context, struct envm_memory *memory);

struct envm_clean_options {
    bool packages;        /* that no environment uses … */
    int64_t older_than_s; /* … and that were not used for this long; 0: all of them */
    bool indexes;         /* of channels */
    bool temporary;       /* what killed runs have left */
    bool dry_run;
};
struct envm_clean_report {
    envm_str path;
    const struct envm_cache_package *removed; /* with dry_run: that would be */
    size_t removed_count;
    size_t kept_in_use, kept_young;
    size_t indexes, temporary; /* files and folders */
    uint64_t bytes;            /* freed */
};
/* ENVM_LOCKED when other processes do not leave the cache alone for 60 s; they are not disturbed.
 */
ENVM_API ENVM_MUST_CHECK enum envm_code envm_clean(struct envm_context *context,
                                                   struct envm_memory *memory,
                                                   const struct envm_clean_options *options,
                                                   struct envm_clean_report *ret_report,
                                                   struct envm_error *err);

/* A file of a cached package that is not what it was. */
struct envm_cache_fault {
    envm_str path; /* in the package; "" when it is the package as a whole */
    envm_str what;
};
struct envm_cache_holder {
    envm_str prefix; /* of an environment that has damaged files of the package */
    struct envm_str_list paths;
};
struct envm_cache_damage {
    envm_str package; /* name-version-build, or the hash when that is not known */
    struct envm_sha256 sha256;
    const struct envm_cache_fault *faults;
    size_t fault_count;
    const struct envm_cache_holder *holders;
    size_t holder_count;
    uint64_t links_elsewhere; /* names of damaged files in environments that are not listed */
    bool removed;             /* taken out of the cache */
};
struct envm_cache_verify_report {
    envm_str path;
    const struct envm_cache_damage *damages;
    size_t damage_count;
    size_t packages;
    uint64_t files, bytes;
    struct envm_str_list damaged_indexes; /* files below the cache; of channels */
    size_t indexes;                       /* files that were read */
};
/* Reads every byte of the cache. With `remove` damaged packages and indexes are taken out of it
 * (the next use fetches them anew) and the result is ENVM_OK; without, ENVM_DAMAGED when there are
 * any, with the report filled. */
ENVM_API ENVM_MUST_CHECK enum envm_code
envm_cache_verify(struct envm_context *context, struct envm_memory *memory, bool remove,
                  struct envm_cache_verify_report *ret_report, struct envm_error *err);

struct envm_repair_item {
    envm_str path; /* in the environment */
    envm_str package;
};
struct envm_repair_report {
    envm_str prefix;
    const struct envm_repair_item *repaired; /* files and records; with dry_run: what is damaged */
    size_t repaired_count;
    struct envm_str_list saved;    /* what stood in the way, by its new path */
    struct envm_str_list failures; /* "PACKAGE: why": what could not be fetched or written */
    const struct envm_verify_finding *remaining; /* damage that is still there */
    size_t remaining_count;
    struct envm_sha256 tree;
};
/* Puts damaged and missing files of an environment back, from the cache or from where its packages
 * come from, and makes damaged records anew. Files that belong to no package are left alone; what
 * stands in the way of a file is kept under another name. Reads the environment again at the end:
 * ENVM_DAMAGED, with the report filled, when something could not be put right. ENVM_LOCKED when the
 * environment is being changed. */
ENVM_API ENVM_MUST_CHECK enum envm_code envm_repair(struct envm_context *context,
                                                    struct envm_memory *memory,
                                                    const struct envm_target *target, bool dry_run,
                                                    struct envm_repair_report *ret_report,
                                                    struct envm_error *err);

#ifdef __cplusplus
}
#endif
#endif
