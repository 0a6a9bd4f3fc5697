/* SPDX-License-Identifier: MIT
 *
 * What a MatchSpec consists of; for the files match_spec*.c only.
 */
#ifndef ENVM_CONDA_MATCH_SPEC_PARTS_H
#define ENVM_CONDA_MATCH_SPEC_PARTS_H

#include "conda/match_spec.h"
#include "conda/pattern.h"
#include "conda/version_spec.h"

enum envm_number_relation {
    ENVM_NUMBER_TEXT, /* compared as text, see the pattern */
    ENVM_NUMBER_EQUAL,
    ENVM_NUMBER_NOT_EQUAL,
    ENVM_NUMBER_LESS,
    ENVM_NUMBER_LESS_EQUAL,
    ENVM_NUMBER_GREATER,
    ENVM_NUMBER_GREATER_EQUAL,
};

struct envm_number_match {
    bool present;
    enum envm_number_relation relation;
    uint64_t value;
    struct envm_pattern pattern;
};

struct envm_match_spec {
    envm_str text;
    struct envm_pattern name; /* ENVM_PATTERN_EXACT names are lower case */
    struct envm_pattern channel;
    struct envm_pattern subdir;
    const struct envm_version_spec *version; /* NULL: any */
    struct envm_pattern build;
    struct envm_number_match build_number;
    struct envm_str_list track_features;
    struct envm_str_list features;
    envm_str url;
    struct envm_pattern file_name;
    struct envm_md5 md5;
    struct envm_sha256 sha256;
    struct envm_pattern license;
    struct envm_pattern license_family;
    /* CEP 43 to 45 */
    envm_str when;
    const struct envm_condition *condition; /* what `when` says */
    struct envm_str_list extras;
    struct envm_str_list flags;
    bool inside_condition; /* itself part of a condition: may ask for neither `when` nor extras */
};

/* A spec that is part of a condition: as envm_match_spec_parse, but the name has to be exact, and
 * keys that mean nothing there are refused. */
enum envm_code envm_match_spec_parse_inside(struct envm_arena *arena, envm_str text,
                                            const struct envm_match_spec **ret_spec,
                                            struct envm_error *err);
/* Sets `when` and the condition. */
enum envm_code envm_match_spec_set_when(struct envm_arena *arena, envm_str text,
                                        struct envm_match_spec *spec, struct envm_error *err);

/* Fills the fields named between the brackets of a spec ("a=b, c='d'"), over what is there. */
enum envm_code envm_match_spec_parse_keys(struct envm_arena *arena, envm_str keys,
                                          struct envm_match_spec *spec, struct envm_error *err);
/* "channel" or "channel/subdir" into the two fields. */
enum envm_code envm_match_spec_set_channel(struct envm_arena *arena, envm_str text,
                                           struct envm_match_spec *spec, struct envm_error *err);
/* Leaves NULL when the specifier asks for nothing. */
enum envm_code envm_match_spec_set_version(struct envm_arena *arena, envm_str text,
                                           struct envm_match_spec *spec, struct envm_error *err);
/* A bad URL inside a spec makes a bad spec: ENVM_USAGE becomes ENVM_MALFORMED. */
enum envm_code envm_match_spec_as_malformed(enum envm_code code, struct envm_error *err);
/* Index after the value that starts at `at` (quoted, or in square brackets with what is nested in
 * them), or SIZE_MAX when it does not end. */
size_t envm_match_spec_skip_quoted(envm_str text, size_t at);

#endif
