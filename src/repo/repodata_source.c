/* SPDX-License-Identifier: MIT */
#include "repo/repodata_source.h"

#include <string.h>

#include "base/error.h"

static enum envm_code damaged(struct envm_image_source *source, struct envm_error *err)
{
    atomic_store(&source->damaged, true);
    envm_fail(err, ENVM_DAMAGED, "the cached index of %.*s is damaged", ENVM_STR_ARGS(source->url));
    return envm_error_hint(err, ENVM_DAMAGED, "run the command again: the index is then made anew");
}

static char *put(char *at, envm_str text)
{
    memcpy(at, text.ptr, text.len);
    return at + text.len;
}

/* The two texts that are not stored: file name and URL, in one piece. Put together by hand, since
 * printf was a tenth of a solve. */
static void fill_location(const struct envm_image_source *source, struct envm_arena *arena,
                          const struct envm_image_record *entry, envm_str file_name,
                          struct envm_package_record *record)
{
    envm_str extension =
        entry->key.flags & ENVM_IMAGE_TAR_BZ2 ? ENVM_STR(".tar.bz2") : ENVM_STR(".conda");
    envm_str parts[] = {source->package_base, ENVM_STR("/"), record->name,  ENVM_STR("-"),
                        record->version,      ENVM_STR("-"), record->build, extension};
    size_t count = sizeof(parts) / sizeof(parts[0]);
    size_t len = 0;
    char *url, *at;

    if (entry->key.flags & ENVM_IMAGE_IRREGULAR) {
        parts[2] = file_name;
        count = 3;
    }
    for (size_t i = 0; i < count; i++)
        len += parts[i].len;
    url = at = envm_arena_alloc(arena, len + 1);
    for (size_t i = 0; i < count; i++)
        at = put(at, parts[i]);
    record->url = envm_str_n(url, len);
    record->file_name = envm_str_skip(record->url, parts[0].len + 1);
}

/* Groups with their dependencies, which stand one after the other. */
static void fill_groups(struct envm_arena *arena, struct envm_str_list texts,
                        struct envm_package_record *record)
{
    struct envm_extra_group *groups =
        envm_arena_new_array(arena, struct envm_extra_group, texts.count);
    envm_str *depends = envm_arena_new_array(arena, envm_str, texts.count);
    size_t count = 0, used = 0;

    for (size_t i = 0; i < texts.count; i++) {
        envm_str text = envm_str_skip(texts.items[i], 1);
        if (texts.items[i].ptr[0] == ENVM_IMAGE_MORE_GROUP)
            groups[count++] = (struct envm_extra_group){text, {depends + used, 0}};
        if (texts.items[i].ptr[0] != ENVM_IMAGE_MORE_DEPENDS || count == 0)
            continue;
        depends[used++] = text;
        groups[count - 1].depends.count++;
    }
    record->extra_depends = groups;
    record->extra_depends_count = count;
}

/* What there may be more of than one: it needs an array. */
static bool fill_lists(const struct envm_image *image, struct envm_arena *arena, uint32_t reference,
                       struct envm_package_record *record)
{
    struct envm_str_list texts;
    envm_str *flags;
    size_t count = 0;

    if (!envm_image_list(image, reference, arena, &texts))
        return false;
    flags = envm_arena_new_array(arena, envm_str, texts.count);
    for (size_t i = 0; i < texts.count; i++)
        if (texts.items[i].len > 0 && texts.items[i].ptr[0] == ENVM_IMAGE_MORE_FLAG)
            flags[count++] = envm_str_skip(texts.items[i], 1);
    record->flags = (struct envm_str_list){flags, count};
    fill_groups(arena, texts, record);
    return true;
}

static bool fill_more(const struct envm_image *image, struct envm_arena *arena, uint32_t reference,
                      struct envm_package_record *record, envm_str *ret_file_name)
{
    bool has_lists = false;
    envm_str bytes, text;

    if (!envm_image_list_bytes(image, reference, &bytes))
        return false;
    while (envm_image_next_text(&bytes, &text)) {
        char what = text.len > 0 ? text.ptr[0] : '\0';

        text = envm_str_skip(text, 1);
        if (what == ENVM_IMAGE_MORE_LICENSE)
            record->license = text;
        else if (what == ENVM_IMAGE_MORE_FAMILY)
            record->license_family = text;
        else if (what == ENVM_IMAGE_MORE_FEATURES)
            record->features = text;
        else if (what == ENVM_IMAGE_MORE_FILE_NAME)
            *ret_file_name = text;
        else if (what == ENVM_IMAGE_MORE_SITE_PACKAGES)
            record->python_site_packages_path = text;
        else if (what != ENVM_IMAGE_MORE_INDEXED)
            has_lists = true;
        else if (!envm_str_parse_u64(text, &record->indexed_timestamp))
            return false;
    }
    return !has_lists || fill_lists(image, arena, reference, record);
}

static bool fill_texts(const struct envm_image *image, struct envm_arena *arena,
                       const struct envm_image_record *entry, struct envm_package_record *record,
                       envm_str *ret_file_name)
{
    return fill_more(image, arena, entry->body.more, record, ret_file_name) &&
           envm_image_text(image, entry->key.version, &record->version) &&
           envm_image_text(image, entry->key.build, &record->build) &&
           envm_image_list(image, entry->body.depends, arena, &record->depends) &&
           envm_image_list(image, entry->body.constrains, arena, &record->constrains) &&
           envm_image_list(image, entry->body.track_features, arena, &record->track_features);
}

static bool fill(const struct envm_image_source *source, struct envm_arena *arena, envm_str name,
                 const struct envm_image_record *entry, struct envm_package_record *record)
{
    uint32_t flags = entry->key.flags;
    envm_str file_name = ENVM_STR("");

    record->name = name;
    if (!fill_texts(&source->image, arena, entry, record, &file_name))
        return false;
    record->build_number = entry->body.build_number;
    record->size = entry->body.size;
    record->timestamp = entry->body.timestamp;
    record->has_size = (flags & ENVM_IMAGE_HAS_SIZE) != 0;
    record->sha256.known = (flags & ENVM_IMAGE_HAS_SHA256) != 0;
    record->md5.known = (flags & ENVM_IMAGE_HAS_MD5) != 0;
    memcpy(record->sha256.bytes, entry->body.sha256, sizeof(entry->body.sha256));
    memcpy(record->md5.bytes, entry->body.md5, sizeof(entry->body.md5));
    if (flags & ENVM_IMAGE_NOARCH_PYTHON)
        record->noarch = ENVM_NOARCH_PYTHON;
    else if (flags & ENVM_IMAGE_NOARCH_GENERIC)
        record->noarch = ENVM_NOARCH_GENERIC;
    record->subdir = flags & ENVM_IMAGE_SUBDIR_NOARCH ? ENVM_STR("noarch") : source->subdir;
    record->channel = source->channel;
    fill_location(source, arena, entry, file_name, record);
    return true;
}

static bool is_served(const struct envm_image_source *source, uint32_t flags)
{
    return (flags & (source->only_tar_bz2 ? ENVM_IMAGE_TAR_BZ2 : ENVM_IMAGE_HAS_TWIN)) ==
           (source->only_tar_bz2 ? (uint32_t)ENVM_IMAGE_TAR_BZ2 : 0);
}

static uint32_t served_count(const struct envm_image_source *source,
                             const struct envm_image_name *name)
{
    return source->only_tar_bz2 ? name->tar_bz2 : name->shown;
}

static enum envm_code records_of(void *self, envm_str name, struct envm_arena *arena,
                                 struct envm_record_list *ret_records, struct envm_error *err)
{
    struct envm_image_source *source = self;
    const struct envm_package_record **items;
    struct envm_package_record *records;
    struct envm_image_name found;
    struct envm_image_record entry;
    size_t count, n = 0;
    envm_str text;

    if (!envm_image_find(&source->image, name, &found) ||
        !envm_image_text(&source->image, found.name, &text))
        return damaged(source, err);
    count = served_count(source, &found);
    if (count > found.count ||
        (count > 0 &&
         !envm_image_record_at(&source->image, (uint64_t)found.first + found.count - 1, &entry)))
        return damaged(source, err);
    records = envm_arena_new_array(arena, struct envm_package_record, count);
    items = envm_arena_new_array(arena, const struct envm_package_record *, count);
    for (uint32_t i = 0; i < found.count && n < count; i++) {
        if (!envm_image_record_at(&source->image, (uint64_t)found.first + i, &entry))
            return damaged(source, err);
        if (!is_served(source, entry.key.flags))
            continue;
        if (!fill(source, arena, text, &entry, &records[n]))
            return damaged(source, err);
        items[n] = &records[n];
        n++;
    }
    *ret_records = (struct envm_record_list){items, n};
    return ENVM_OK;
}

static enum envm_code all_names(void *self, struct envm_arena *arena,
                                struct envm_str_list *ret_names, struct envm_error *err)
{
    struct envm_image_source *source = self;
    size_t count = envm_image_name_count(&source->image), n = 0;
    envm_str *items = envm_arena_new_array(arena, envm_str, count);

    for (size_t i = 0; i < count; i++) {
        struct envm_image_name name;
        envm_str text;
        if (!envm_image_name_at(&source->image, i, &name, &text))
            return damaged(source, err);
        if (served_count(source, &name) > 0)
            items[n++] = text;
    }
    *ret_names = (struct envm_str_list){items, n};
    return ENVM_OK;
}

enum envm_code envm_image_source_init(struct envm_image_source *source, struct envm_error *err)
{
    const struct envm_image_header *header = &source->image.header;

    source->source = (struct envm_package_source){source, records_of, all_names};
    if (!envm_image_text(&source->image, header->subdir, &source->subdir) ||
        !envm_image_text(&source->image, header->package_base, &source->package_base))
        return damaged(source, err);
    return ENVM_OK;
}

uint64_t envm_image_source_count(const struct envm_image_source *source)
{
    size_t names = envm_image_name_count(&source->image);
    uint64_t count = 0;
    envm_str text;

    if (!source->only_tar_bz2)
        return source->image.header.shown;
    for (size_t i = 0; i < names; i++) {
        struct envm_image_name name;
        if (envm_image_name_at(&source->image, i, &name, &text))
            count += name.tar_bz2;
    }
    return count;
}
