/* SPDX-License-Identifier: MIT */
#include "repo/repodata_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RECORDS_MAX ((size_t)100 * 1000 * 1000)

void envm_image_builder_init(struct envm_image_builder *builder, struct envm_image_file *file)
{
    *builder = (struct envm_image_builder){.window.file = file};
}

void envm_image_builder_release(struct envm_image_builder *builder)
{
    envm_intern_release(&builder->texts);
    envm_window_release(&builder->window);
    envm_vec_release(&builder->keys);
    envm_vec_release(&builder->irregular);
    *builder = (struct envm_image_builder){0};
}

void envm_image_builder_expect(struct envm_image_builder *builder, size_t records)
{
    if (records > RECORDS_MAX)
        return;
    /* What real channels need is a new text for every fourth record. */
    envm_intern_expect(&builder->texts, records / 4, records * 8);
    envm_vec_reserve(&builder->keys, records);
}

/* --- texts and lists ------------------------------------------------------------------------ */

/* A text that is looked for: what the record before has there, else what the table holds, which
 * takes until it is in the cache. */
struct sought {
    uint32_t reference; /* 0: not found yet */
    uint32_t hash;
    envm_str text;
};

static struct sought seek_text(struct envm_image_builder *builder, uint32_t near, envm_str text)
{
    struct sought sought = {.text = text};

    if (text.len > ENVM_IMAGE_TEXT_MAX)
        builder->texts.overflowed = true;
    if (envm_str_equal(envm_intern_get(&builder->texts, near), text))
        sought.reference = near;
    else
        sought.hash = envm_intern_hash(&builder->texts, text);
    return sought;
}

static uint32_t find_text(struct envm_image_builder *builder, const struct sought *sought)
{
    return sought->reference ? sought->reference
                             : envm_intern_add_hashed(&builder->texts, sought->text, sought->hash);
}

static char *put_text(char *at, envm_str text)
{
    if (text.len > 0)
        memcpy(at, text.ptr, text.len);
    at[text.len] = '\0';
    return at + text.len + 1;
}

/* `near` is the list of the record before. */
static uint32_t add_list(struct envm_image_builder *builder, uint32_t near,
                         struct envm_str_list list)
{
    size_t len = 0;
    char *at;

    for (size_t i = 0; i < list.count; i++) {
        builder->texts.overflowed |= list.items[i].len > ENVM_IMAGE_TEXT_MAX;
        len += list.items[i].len + 1;
    }
    if (len == 0 || !(at = envm_window_begin_list(&builder->window, len)))
        return 0;
    for (size_t i = 0; i < list.count; i++)
        at = put_text(at, list.items[i]);
    return envm_window_end_list(&builder->window, len, near);
}

/* Texts that each begin with what they are about: counted first, then written. */
struct more_list {
    char *at; /* NULL: only count */
    size_t len;
    bool overflowed; /* a text is too long */
};

static void put_more(struct more_list *list, enum envm_image_more what, envm_str text)
{
    list->len += text.len + 2;
    list->overflowed |= text.len > ENVM_IMAGE_TEXT_MAX;
    if (!list->at)
        return;
    *list->at++ = (char)what;
    list->at = put_text(list->at, text);
}

static void put_more_if_any(struct more_list *list, enum envm_image_more what, envm_str text)
{
    if (text.len > 0)
        put_more(list, what, text);
}

/* What revision 3 brings (CEP 48). */
static void put_newer(struct more_list *list, const struct envm_package_record *record)
{
    char number[24];
    int len;

    if (record->indexed_timestamp > 0) {
        len =
            snprintf(number, sizeof(number), "%llu", (unsigned long long)record->indexed_timestamp);
        put_more(list, ENVM_IMAGE_MORE_INDEXED, envm_str_n(number, (size_t)len));
    }
    for (size_t i = 0; i < record->flags.count; i++)
        put_more(list, ENVM_IMAGE_MORE_FLAG, record->flags.items[i]);
    for (size_t i = 0; i < record->extra_depends_count; i++) {
        const struct envm_extra_group *group = &record->extra_depends[i];
        put_more(list, ENVM_IMAGE_MORE_GROUP, group->name);
        for (size_t k = 0; k < group->depends.count; k++)
            put_more(list, ENVM_IMAGE_MORE_DEPENDS, group->depends.items[k]);
    }
}

static void put_all(struct more_list *list, const struct envm_package_record *record,
                    envm_str file_name)
{
    put_more_if_any(list, ENVM_IMAGE_MORE_LICENSE, record->license);
    put_more_if_any(list, ENVM_IMAGE_MORE_FAMILY, record->license_family);
    put_more_if_any(list, ENVM_IMAGE_MORE_FEATURES, record->features);
    put_more_if_any(list, ENVM_IMAGE_MORE_FILE_NAME, file_name);
    put_more_if_any(list, ENVM_IMAGE_MORE_SITE_PACKAGES, record->python_site_packages_path);
    put_newer(list, record);
}

/* `file_name` is empty for a regular one. */
static uint32_t add_more(struct envm_image_builder *builder, uint32_t near,
                         const struct envm_package_record *record, envm_str file_name)
{
    struct more_list list = {0};
    size_t len;

    put_all(&list, record, file_name);
    builder->texts.overflowed |= list.overflowed;
    len = list.len;
    if (len == 0 || !(list.at = envm_window_begin_list(&builder->window, len)))
        return 0;
    put_all(&list, record, file_name);
    return envm_window_end_list(&builder->window, len, near);
}

/* --- records -------------------------------------------------------------------------------- */

static uint32_t flags_of(const struct envm_package_record *record,
                         const struct envm_archive_name *file, bool subdir_is_noarch)
{
    uint32_t flags = 0;

    flags |= record->sha256.known ? ENVM_IMAGE_HAS_SHA256 : 0;
    flags |= record->md5.known ? ENVM_IMAGE_HAS_MD5 : 0;
    flags |= record->has_size ? ENVM_IMAGE_HAS_SIZE : 0;
    flags |= record->noarch == ENVM_NOARCH_GENERIC ? ENVM_IMAGE_NOARCH_GENERIC : 0;
    flags |= record->noarch == ENVM_NOARCH_PYTHON ? ENVM_IMAGE_NOARCH_PYTHON : 0;
    flags |= file->kind == ENVM_KIND_TAR_BZ2 ? ENVM_IMAGE_TAR_BZ2 : 0;
    flags |= subdir_is_noarch ? ENVM_IMAGE_SUBDIR_NOARCH : 0;
    return flags;
}

/* Remembers the parts of a file name that the record does not tell. */
static void add_irregular(struct envm_image_builder *builder, const struct envm_archive_name *file)
{
    struct envm_image_irregular entry = {.record = (uint32_t)builder->keys.count};

    entry.stem.name = envm_intern_add(&builder->texts, file->name);
    entry.stem.version = envm_intern_add(&builder->texts, file->version);
    entry.stem.build = envm_intern_add(&builder->texts, file->build);
    envm_vec_push(&builder->irregular, entry);
}

void envm_image_builder_add(struct envm_image_builder *builder,
                            const struct envm_package_record *record, envm_str file_name,
                            const struct envm_archive_name *file, bool subdir_is_noarch)
{
    const struct envm_image_body *last = &builder->last;
    struct envm_image_key last_key = {0};
    bool regular = envm_str_equal(file->name, record->name) &&
                   envm_str_equal(file->version, record->version) &&
                   envm_str_equal(file->build, record->build);
    struct envm_image_body body = {
        .build_number = record->build_number, .size = record->size, .timestamp = record->timestamp};
    struct envm_image_key key = {.flags = flags_of(record, file, subdir_is_noarch) |
                                          (regular ? 0 : ENVM_IMAGE_IRREGULAR)};
    struct sought name, version, build;

    if (builder->keys.count >= RECORDS_MAX) {
        builder->overflowed = true;
        return;
    }
    if (builder->keys.count > 0)
        last_key = builder->keys.items[builder->keys.count - 1];
    if (!regular)
        add_irregular(builder, file);
    name = seek_text(builder, last_key.name, record->name);
    version = seek_text(builder, last_key.version, record->version);
    build = seek_text(builder, last_key.build, record->build);
    memcpy(body.sha256, record->sha256.bytes, sizeof(body.sha256));
    memcpy(body.md5, record->md5.bytes, sizeof(body.md5));
    body.depends = add_list(builder, last->depends, record->depends);
    body.constrains = add_list(builder, last->constrains, record->constrains);
    body.track_features = add_list(builder, last->track_features, record->track_features);
    body.more = add_more(builder, last->more, record, regular ? (envm_str){0} : file_name);
    key.name = find_text(builder, &name);
    key.version = find_text(builder, &version);
    key.build = find_text(builder, &build);
    key.body = envm_window_add_body(&builder->window, &body);
    envm_vec_push(&builder->keys, key);
    builder->last = body;
}

void envm_image_builder_flush(struct envm_image_builder *builder)
{
    envm_window_flush(&builder->window);
}

/* --- two builders into one ------------------------------------------------------------------ */

/* What the texts of one builder are in another, by index. */
static uint32_t *translate_texts(struct envm_intern *to, const struct envm_intern *from)
{
    uint32_t *map = envm_alloc_zero(from->len / 4 + 1, sizeof(uint32_t));
    envm_str text;

    for (uint32_t at = 0; envm_intern_next(from, &at, &text);)
        map[envm_intern_index(at)] = envm_intern_add(to, text);
    return map;
}

static void move_records(struct envm_image_builder *builder, const struct envm_image_builder *from,
                         const uint32_t *map)
{
    size_t base = builder->keys.count;

    envm_vec_reserve(&builder->keys, base + from->keys.count);
    for (size_t i = 0; i < from->keys.count; i++) {
        struct envm_image_key key = from->keys.items[i];

        key.name = map[envm_intern_index(key.name)];
        key.version = map[envm_intern_index(key.version)];
        key.build = map[envm_intern_index(key.build)];
        builder->keys.items[builder->keys.count++] = key;
    }
    for (size_t i = 0; i < from->irregular.count; i++) {
        struct envm_image_irregular entry = from->irregular.items[i];

        entry.record += (uint32_t)base;
        entry.stem.name = map[envm_intern_index(entry.stem.name)];
        entry.stem.version = map[envm_intern_index(entry.stem.version)];
        entry.stem.build = map[envm_intern_index(entry.stem.build)];
        envm_vec_push(&builder->irregular, entry);
    }
}

size_t envm_image_builder_absorb(struct envm_image_builder *builder,
                                 struct envm_image_builder *from)
{
    ENVM_CLEANUP(envm_heap) uint32_t *map = translate_texts(&builder->texts, &from->texts);
    size_t base = builder->keys.count;

    move_records(builder, from, map);
    builder->overflowed |= from->overflowed || builder->keys.count > RECORDS_MAX;
    builder->texts.overflowed |= from->texts.overflowed;
    builder->window.overflowed |= from->window.overflowed;
    envm_image_builder_release(from);
    return base;
}

/* --- files ---------------------------------------------------------------------------------- */

static int compare_irregular(const void *key, const void *item)
{
    uint32_t record = *(const uint32_t *)key;
    uint32_t other = ((const struct envm_image_irregular *)item)->record;

    return (record > other) - (record < other);
}

struct envm_image_stem envm_image_builder_stem(const struct envm_image_builder *builder,
                                               uint32_t record)
{
    const struct envm_image_key *key = &builder->keys.items[record];
    const struct envm_image_irregular *irregular = NULL;

    if (key->flags & ENVM_IMAGE_IRREGULAR)
        irregular = bsearch(&record, builder->irregular.items, builder->irregular.count,
                            sizeof(*irregular), compare_irregular);
    return irregular ? irregular->stem
                     : (struct envm_image_stem){key->name, key->version, key->build};
}

bool envm_image_builder_find_stem(const struct envm_image_builder *builder,
                                  const struct envm_archive_name *file,
                                  struct envm_image_stem *ret_stem)
{
    ret_stem->name = envm_intern_find(&builder->texts, file->name);
    ret_stem->version = envm_intern_find(&builder->texts, file->version);
    ret_stem->build = envm_intern_find(&builder->texts, file->build);
    return ret_stem->name && ret_stem->version && ret_stem->build;
}

envm_str envm_image_builder_file_name(const struct envm_image_builder *builder, uint32_t record,
                                      struct envm_arena *arena)
{
    struct envm_image_stem stem = envm_image_builder_stem(builder, record);
    const struct envm_intern *texts = &builder->texts;
    bool is_tar = (builder->keys.items[record].flags & ENVM_IMAGE_TAR_BZ2) != 0;

    return envm_arena_printf(
        arena, "%.*s-%.*s-%.*s%s", ENVM_STR_ARGS(envm_intern_get(texts, stem.name)),
        ENVM_STR_ARGS(envm_intern_get(texts, stem.version)),
        ENVM_STR_ARGS(envm_intern_get(texts, stem.build)), is_tar ? ".tar.bz2" : ".conda");
}
