/* SPDX-License-Identifier: MIT
 *
 * The lists of files inside a package: info/paths.json (CEP 34), or what packages had before it:
 * info/files, info/has_prefix, info/no_link. And info/link.json. Pure parsing, no I/O; slices point
 * into the input where they can, else into the arena. Every name is a checked relative path:
 * ENVM_UNSAFE when it is not; everything else that is wrong is ENVM_MALFORMED.
 */
#ifndef ENVM_PREFIX_PATHS_JSON_H
#define ENVM_PREFIX_PATHS_JSON_H

#include "prefix/package_contents.h"

struct envm_listed_path {
    struct envm_relpath path;
    bool has_type; /* false for the old lists, which do not say */
    enum envm_path_type type;
    enum envm_file_mode file_mode;
    envm_str placeholder;
    bool no_link;
    struct envm_sha256 sha256; /* for a softlink: of its target */
    bool has_size;
    uint64_t size;
};

struct envm_path_list {
    struct envm_listed_path *items; /* sorted by path, no duplicates */
    size_t count;
};

/* Most paths that a package may list. */
#define ENVM_PATHS_MAX 1000000

/* info/paths.json. Two entries for one path are ENVM_MALFORMED. */
enum envm_code envm_paths_json_parse(struct envm_arena *arena, envm_str json,
                                     struct envm_path_list *ret_list, struct envm_error *err);

/* The three old files, each "" when absent. A has_prefix line is a path alone (placeholder
 * /opt/anaconda1anaconda2anaconda3, text) or PLACEHOLDER MODE PATH, each perhaps in quotes. */
enum envm_code envm_paths_old_parse(struct envm_arena *arena, envm_str files, envm_str has_prefix,
                                    envm_str no_link, struct envm_path_list *ret_list,
                                    struct envm_error *err);

/* info/link.json: the noarch type (left alone when the file does not say) and the entry points,
 * which must be free of control characters and are otherwise unvalidated. */
enum envm_code envm_link_json_parse(struct envm_arena *arena, envm_str json,
                                    enum envm_noarch *noarch,
                                    struct envm_str_list *ret_entry_points, struct envm_error *err);

#endif
