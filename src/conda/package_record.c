/* SPDX-License-Identifier: MIT */
#include "conda/package_record.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/hex.h"
#include "codec/url.h"
#include "conda/archive_name.h"
#include "conda/platform.h"

static const struct envm_extra_group *copy_groups(struct envm_arena *arena,
                                                  const struct envm_package_record *record)
{
    struct envm_extra_group *copy;

    if (record->extra_depends_count == 0)
        return NULL;
    copy = envm_arena_new_array(arena, struct envm_extra_group, record->extra_depends_count);
    for (size_t i = 0; i < record->extra_depends_count; i++) {
        copy[i].name = envm_arena_str(arena, record->extra_depends[i].name);
        copy[i].depends = envm_arena_str_list(arena, record->extra_depends[i].depends);
    }
    return copy;
}

static const struct envm_link_script *copy_scripts(struct envm_arena *arena,
                                                   const struct envm_package_record *record)
{
    struct envm_link_script *copy = envm_arena_copy(
        arena, record->link_scripts, record->link_script_count * sizeof(struct envm_link_script));

    for (size_t i = 0; i < record->link_script_count; i++)
        copy[i].file = envm_arena_str(arena, copy[i].file);
    return copy;
}

struct envm_package_record *envm_package_record_copy(struct envm_arena *arena,
                                                     const struct envm_package_record *record)
{
    struct envm_package_record *copy = envm_arena_copy(arena, record, sizeof(*record));

    copy->name = envm_arena_str(arena, record->name);
    copy->version = envm_arena_str(arena, record->version);
    copy->build = envm_arena_str(arena, record->build);
    copy->subdir = envm_arena_str(arena, record->subdir);
    copy->channel = envm_arena_str(arena, record->channel);
    copy->file_name = envm_arena_str(arena, record->file_name);
    copy->url = envm_arena_str(arena, record->url);
    copy->depends = envm_arena_str_list(arena, record->depends);
    copy->constrains = envm_arena_str_list(arena, record->constrains);
    copy->track_features = envm_arena_str_list(arena, record->track_features);
    copy->features = envm_arena_str(arena, record->features);
    copy->license = envm_arena_str(arena, record->license);
    copy->license_family = envm_arena_str(arena, record->license_family);
    copy->python_site_packages_path = envm_arena_str(arena, record->python_site_packages_path);
    copy->flags = envm_arena_str_list(arena, record->flags);
    copy->extra_depends = copy_groups(arena, record);
    copy->link_scripts = copy_scripts(arena, record);
    return copy;
}

const struct envm_extra_group *envm_package_record_extra(const struct envm_package_record *record,
                                                         envm_str name)
{
    for (size_t i = 0; i < record->extra_depends_count; i++)
        if (envm_str_equal(record->extra_depends[i].name, name))
            return &record->extra_depends[i];
    return NULL;
}

static int compare_groups(const void *a, const void *b)
{
    return envm_str_compare(((const struct envm_extra_group *)a)->name,
                            ((const struct envm_extra_group *)b)->name);
}

bool envm_extra_groups_sort(struct envm_extra_group *groups, size_t count)
{
    if (count > 1)
        qsort(groups, count, sizeof(*groups), compare_groups);
    for (size_t i = 1; i < count; i++)
        if (envm_str_equal(groups[i - 1].name, groups[i].name))
            return false;
    return true;
}

static envm_str lower_copy(struct envm_arena *arena, envm_str text)
{
    char *copy = envm_cstr(arena, text);
    size_t i;

    for (i = 0; i < text.len; i++)
        copy[i] = envm_to_lower(copy[i]);
    return (envm_str){copy, text.len};
}

/* "#<md5>", "#<sha256>" or "#sha256:<sha256>", as in @EXPLICIT lists. */
static bool read_fragment(envm_str fragment, struct envm_package_record *record)
{
    envm_str prefix = ENVM_STR("sha256:");

    if (envm_str_starts_with(fragment, prefix))
        return envm_sha256_parse(envm_str_skip(fragment, prefix.len), &record->sha256);
    return envm_md5_parse(fragment, &record->md5) || envm_sha256_parse(fragment, &record->sha256);
}

static void split_location(struct envm_arena *arena, envm_str folder,
                           struct envm_package_record *record)
{
    size_t slash = envm_str_find_last_char(folder, '/');
    envm_str subdir = slash == SIZE_MAX ? folder : envm_str_skip(folder, slash + 1);

    if (slash != SIZE_MAX && envm_subdir_is_known(subdir)) {
        record->subdir = envm_arena_str(arena, subdir);
        record->channel = envm_arena_str(arena, envm_str_slice(folder, 0, slash));
    } else {
        record->channel = envm_arena_str(arena, folder);
    }
}

enum envm_code envm_package_record_from_url(struct envm_arena *arena, envm_str url,
                                            struct envm_package_record *ret_record,
                                            struct envm_error *err)
{
    struct envm_package_record record = {0};
    struct envm_archive_name name;
    struct envm_url parsed;
    size_t hash = envm_str_find_char(url, '#');
    size_t slash;
    envm_str fragment = {0};

    if (hash != SIZE_MAX) {
        fragment = envm_str_skip(url, hash + 1);
        url = envm_str_slice(url, 0, hash);
    }
    ENVM_TRY(envm_url_parse(arena, url, &parsed, err));
    if (hash != SIZE_MAX && !read_fragment(fragment, &record))
        return envm_fail(err, ENVM_MALFORMED,
                         "'%s' is followed by '#' but not by an MD5 or SHA-256", parsed.clean.ptr);
    slash = envm_str_find_last_char(parsed.clean, '/');
    record.file_name = envm_url_decode(arena, envm_str_skip(parsed.clean, slash + 1));
    if (!envm_archive_name_parse(record.file_name, &name))
        return envm_fail(err, ENVM_MALFORMED,
                         "'%s' does not end in NAME-VERSION-BUILD.conda or .tar.bz2",
                         parsed.clean.ptr);
    record.name = lower_copy(arena, name.name);
    record.version = envm_arena_str(arena, name.version);
    record.build = envm_arena_str(arena, name.build);
    record.url = parsed.clean;
    split_location(arena, envm_str_slice(parsed.clean, 0, slash), &record);
    *ret_record = record;
    return ENVM_OK;
}

envm_str envm_package_record_stem(struct envm_arena *arena,
                                  const struct envm_package_record *record)
{
    return envm_arena_printf(arena, "%.*s-%.*s-%.*s", ENVM_STR_ARGS(record->name),
                             ENVM_STR_ARGS(record->version), ENVM_STR_ARGS(record->build));
}

int envm_package_record_compare_name(const void *a, const void *b)
{
    const struct envm_package_record *x = *(const struct envm_package_record *const *)a;
    const struct envm_package_record *y = *(const struct envm_package_record *const *)b;
    int order = envm_str_compare(x->name, y->name);

    if (order == 0)
        order = envm_str_compare(x->version, y->version);
    if (order == 0)
        order = envm_str_compare(x->build, y->build);
    if (order == 0)
        order = envm_str_compare(x->subdir, y->subdir);
    return order != 0 ? order : envm_str_compare(x->url, y->url);
}

bool envm_package_record_is_same(const struct envm_package_record *a,
                                 const struct envm_package_record *b)
{
    return envm_str_equal(a->name, b->name) && envm_str_equal(a->version, b->version) &&
           envm_str_equal(a->build, b->build) && envm_str_equal(a->subdir, b->subdir) &&
           (!a->sha256.known || !b->sha256.known || envm_sha256_equal(&a->sha256, &b->sha256));
}
