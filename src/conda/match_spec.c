/* SPDX-License-Identifier: MIT */
#include "conda/match_spec.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/glob.h"
#include "base/hex.h"
#include "conda/channel.h"
#include "conda/match_spec_parts.h"

static bool number_matches(const struct envm_number_match *wanted, uint64_t value)
{
    char text[24];
    int len;

    if (!wanted->present)
        return true;
    switch (wanted->relation) {
    case ENVM_NUMBER_EQUAL:
        return value == wanted->value;
    case ENVM_NUMBER_NOT_EQUAL:
        return value != wanted->value;
    case ENVM_NUMBER_LESS:
        return value < wanted->value;
    case ENVM_NUMBER_LESS_EQUAL:
        return value <= wanted->value;
    case ENVM_NUMBER_GREATER:
        return value > wanted->value;
    case ENVM_NUMBER_GREATER_EQUAL:
        return value >= wanted->value;
    case ENVM_NUMBER_TEXT:
        break;
    }
    len = snprintf(text, sizeof(text), "%" PRIu64, value);
    return envm_pattern_matches(&wanted->pattern, envm_str_n(text, (size_t)len));
}

static bool list_has(struct envm_str_list list, envm_str wanted)
{
    size_t i;

    for (i = 0; i < list.count; i++)
        if (envm_str_equal_nocase(list.items[i], wanted))
            return true;
    return false;
}

static bool list_has_all(struct envm_str_list list, struct envm_str_list wanted)
{
    size_t i;

    for (i = 0; i < wanted.count; i++)
        if (!list_has(list, wanted.items[i]))
            return false;
    return true;
}

/* Every wanted word stands in the text "a b,c". */
static bool words_have_all(envm_str text, struct envm_str_list wanted)
{
    size_t i, at, start;

    for (i = 0; i < wanted.count; i++) {
        bool found = false;
        for (at = start = 0; at <= text.len && !found; at++) {
            if (at < text.len && text.ptr[at] != ',' && !envm_is_space(text.ptr[at]))
                continue;
            found = envm_str_equal_nocase(envm_str_slice(text, start, at), wanted.items[i]);
            start = at + 1;
        }
        if (!found)
            return false;
    }
    return true;
}

/* One of the flags for every pattern. */
static bool flags_match(struct envm_str_list flags, struct envm_str_list patterns)
{
    for (size_t i = 0; i < patterns.count; i++) {
        size_t at = 0;
        while (at < flags.count && !envm_glob_match(patterns.items[i], flags.items[at], true))
            at++;
        if (at == flags.count)
            return false;
    }
    return true;
}

static bool channel_matches(const struct envm_pattern *wanted, envm_str channel)
{
    if (wanted->kind == ENVM_PATTERN_EXACT)
        return envm_channel_name_matches(wanted->text, channel);
    return envm_pattern_matches(wanted, channel);
}

static bool digests_match(const struct envm_match_spec *spec,
                          const struct envm_package_record *record)
{
    if (spec->sha256.known && !envm_sha256_equal(&spec->sha256, &record->sha256))
        return false;
    return !spec->md5.known || (record->md5.known && memcmp(spec->md5.bytes, record->md5.bytes,
                                                            sizeof(spec->md5.bytes)) == 0);
}

bool envm_match_spec_matches_without_version(const struct envm_match_spec *spec,
                                             const struct envm_package_record *record)
{
    return envm_pattern_matches(&spec->name, record->name) &&
           envm_pattern_matches(&spec->build, record->build) &&
           number_matches(&spec->build_number, record->build_number) &&
           channel_matches(&spec->channel, record->channel) &&
           envm_pattern_matches(&spec->subdir, record->subdir) && digests_match(spec, record) &&
           (spec->url.len == 0 || envm_str_equal(spec->url, record->url)) &&
           envm_pattern_matches(&spec->file_name, record->file_name) &&
           envm_pattern_matches(&spec->license, record->license) &&
           envm_pattern_matches(&spec->license_family, record->license_family) &&
           list_has_all(record->track_features, spec->track_features) &&
           words_have_all(record->features, spec->features) &&
           flags_match(record->flags, spec->flags);
}

bool envm_match_spec_matches_parsed(const struct envm_match_spec *spec,
                                    const struct envm_package_record *record,
                                    const struct envm_version *version)
{
    /* The name first: it decides nearly always. */
    return envm_pattern_matches(&spec->name, record->name) &&
           (!spec->version || (version && envm_version_spec_matches(spec->version, version))) &&
           envm_match_spec_matches_without_version(spec, record);
}

bool envm_match_spec_matches(const struct envm_match_spec *spec,
                             const struct envm_package_record *record)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    const struct envm_version *version = NULL;

    if (!envm_match_spec_matches_without_version(spec, record))
        return false;
    if (!spec->version)
        return true;
    return envm_version_parse(&arena, record->version, &version, NULL) == ENVM_OK &&
           envm_version_spec_matches(spec->version, version);
}

envm_str envm_match_spec_text(const struct envm_match_spec *spec)
{
    return spec->text;
}

bool envm_match_spec_matches_name(const struct envm_match_spec *spec, envm_str name)
{
    return envm_pattern_matches(&spec->name, name);
}

envm_str envm_match_spec_exact_name(const struct envm_match_spec *spec)
{
    return spec->name.kind == ENVM_PATTERN_EXACT ? spec->name.text : (envm_str){"", 0};
}

envm_str envm_match_spec_channel(const struct envm_match_spec *spec)
{
    return spec->channel.text;
}

envm_str envm_match_spec_subdir(const struct envm_match_spec *spec)
{
    return spec->subdir.text;
}

envm_str envm_match_spec_build(const struct envm_match_spec *spec)
{
    return spec->build.text;
}

envm_str envm_match_spec_url(const struct envm_match_spec *spec)
{
    return spec->url;
}

const struct envm_condition *envm_match_spec_condition(const struct envm_match_spec *spec)
{
    return spec->condition;
}

envm_str envm_match_spec_when(const struct envm_match_spec *spec)
{
    return spec->when;
}

struct envm_str_list envm_match_spec_extras(const struct envm_match_spec *spec)
{
    return spec->extras;
}

struct envm_str_list envm_match_spec_flags(const struct envm_match_spec *spec)
{
    return spec->flags;
}

bool envm_match_spec_has_version(const struct envm_match_spec *spec)
{
    return spec->version != NULL;
}

const struct envm_version_spec *envm_match_spec_version(const struct envm_match_spec *spec)
{
    return spec->version;
}
