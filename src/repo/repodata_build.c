/* SPDX-License-Identifier: MIT */
#include "repo/repodata_build.h"

#include <stdlib.h>
#include <string.h>

#include "repo/large_pages.h"

_Static_assert(sizeof(struct envm_image_chunk) <= ((size_t)2 << 20), "a chunk is a large page");
_Static_assert(ENVM_INTERN_MAX == ENVM_IMAGE_LIST_MAX, "what is stored must be readable");

#define CHUNK_SIZE ((size_t)2 << 20) /* a large page */
#define RECORDS_MAX ((size_t)100 * 1000 * 1000)
void envm_image_builder_release(struct envm_image_builder *builder)
{
    envm_intern_release(&builder->texts);
    envm_intern_release(&builder->lists);
    for (size_t i = 0; i < builder->more_lists.count; i++)
        envm_intern_release(&builder->more_lists.items[i]);
    envm_vec_release(&builder->more_lists);
    for (size_t i = 0; i < builder->chunks.count; i++)
        envm_large_free(builder->chunks.items[i], CHUNK_SIZE);
    envm_vec_release(&builder->chunks);
    envm_vec_release(&builder->irregular);
    *builder = (struct envm_image_builder){0};
}

void envm_image_builder_expect(struct envm_image_builder *builder, size_t records)
{
    if (records > RECORDS_MAX)
        return;
    /* What real channels need: a new list of 200 bytes every second record. */
    envm_intern_expect(&builder->texts, records / 4, records * 8);
    envm_intern_expect(&builder->lists, records / 2, records * 100);
}

/* --- records -------------------------------------------------------------------------------- */

/* A text or a list that is looked for: what the record before has there, else what the table holds,
 * which takes until it is in the cache. */
struct sought {
    uint32_t reference; /* 0: not found yet */
    uint32_t hash;
    envm_str bytes;
};

static struct sought seek_text(struct envm_image_builder *builder, uint32_t near, envm_str s)
{
    struct sought sought = {.bytes = s};

    if (s.len > ENVM_IMAGE_TEXT_MAX)
        builder->texts.overflowed = true;
    if (envm_str_equal(envm_intern_get(&builder->texts, near), s))
        sought.reference = near;
    else
        sought.hash = envm_intern_hash(&builder->texts, s);
    return sought;
}

static uint32_t find_text(struct envm_image_builder *builder, const struct sought *sought)
{
    return sought->reference ? sought->reference
                             : envm_intern_add_hashed(&builder->texts, sought->bytes, sought->hash);
}

static uint32_t add_text(struct envm_image_builder *builder, uint32_t near, envm_str s)
{
    struct sought sought = seek_text(builder, near, s);

    return find_text(builder, &sought);
}

/* One at a time: it is written behind the lists that there are. */
static struct sought seek_list(struct envm_image_builder *builder, uint32_t near,
                               struct envm_str_list list)
{
    struct sought sought = {0};
    size_t len = 0;
    char *room, *at;

    for (size_t i = 0; i < list.count; i++) {
        builder->texts.overflowed |= list.items[i].len > ENVM_IMAGE_TEXT_MAX;
        len += list.items[i].len + 1;
    }
    if (len == 0 || !(room = at = envm_intern_begin(&builder->lists, len)))
        return sought;
    for (size_t i = 0; i < list.count; i++) {
        memcpy(at, list.items[i].ptr, list.items[i].len);
        at += list.items[i].len;
        *at++ = '\0';
    }
    sought.bytes = envm_str_n(room, len);
    if (envm_str_equal(envm_intern_get(&builder->lists, near), sought.bytes))
        sought.reference = near;
    else
        sought.hash = envm_intern_hash(&builder->lists, sought.bytes);
    return sought;
}

static uint32_t find_list(struct envm_image_builder *builder, const struct sought *sought)
{
    if (sought->reference || sought->bytes.len == 0)
        return sought->reference;
    return envm_intern_end(&builder->lists, sought->bytes.len, sought->hash);
}

static uint32_t add_list(struct envm_image_builder *builder, uint32_t near,
                         struct envm_str_list list)
{
    struct sought sought = seek_list(builder, near, list);

    return find_list(builder, &sought);
}

static void push_record(struct envm_image_builder *builder, const struct envm_image_record *record)
{
    size_t number = builder->record_end++;

    if (number == builder->chunks.count * ENVM_IMAGE_CHUNK)
        envm_vec_push(&builder->chunks, envm_large_alloc(CHUNK_SIZE));
    *envm_image_builder_body(builder, number) = record->body;
    *envm_image_builder_key(builder, number) = record->key;
    builder->last = *record;
}

static bool has_more(const struct envm_package_record *record)
{
    return record->python_site_packages_path.len > 0 || record->indexed_timestamp > 0 ||
           record->flags.count > 0 || record->extra_depends_count > 0;
}

struct more_list {
    struct envm_arena arena;
    ENVM_VEC(envm_str) texts;
};

static void push_more(struct more_list *list, enum envm_image_more what, envm_str text)
{
    envm_vec_push(&list->texts,
                  envm_arena_printf(&list->arena, "%c%.*s", (int)what, ENVM_STR_ARGS(text)));
}

static uint32_t add_more(struct envm_image_builder *builder, uint32_t near,
                         const struct envm_package_record *record)
{
    struct more_list list = {0};
    uint32_t reference;

    if (record->python_site_packages_path.len > 0)
        push_more(&list, ENVM_IMAGE_MORE_SITE_PACKAGES, record->python_site_packages_path);
    if (record->indexed_timestamp > 0)
        push_more(
            &list, ENVM_IMAGE_MORE_INDEXED,
            envm_arena_printf(&list.arena, "%llu", (unsigned long long)record->indexed_timestamp));
    for (size_t i = 0; i < record->flags.count; i++)
        push_more(&list, ENVM_IMAGE_MORE_FLAG, record->flags.items[i]);
    for (size_t i = 0; i < record->extra_depends_count; i++) {
        const struct envm_extra_group *group = &record->extra_depends[i];
        push_more(&list, ENVM_IMAGE_MORE_GROUP, group->name);
        for (size_t k = 0; k < group->depends.count; k++)
            push_more(&list, ENVM_IMAGE_MORE_DEPENDS, group->depends.items[k]);
    }
    reference = add_list(builder, near, (struct envm_str_list){list.texts.items, list.texts.count});
    envm_vec_release(&list.texts);
    envm_arena_release(&list.arena);
    return reference;
}

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
    struct envm_image_irregular entry = {.record = (uint32_t)builder->record_end};

    entry.stem.name = envm_intern_add(&builder->texts, file->name);
    entry.stem.version = envm_intern_add(&builder->texts, file->version);
    entry.stem.build = envm_intern_add(&builder->texts, file->build);
    envm_vec_push(&builder->irregular, entry);
}

void envm_image_builder_add(struct envm_image_builder *builder,
                            const struct envm_package_record *record, envm_str file_name,
                            const struct envm_archive_name *file, bool subdir_is_noarch)
{
    const struct envm_image_body *last = &builder->last.body;
    const struct envm_image_key *last_key = &builder->last.key;
    bool regular = envm_str_equal(file->name, record->name) &&
                   envm_str_equal(file->version, record->version) &&
                   envm_str_equal(file->build, record->build);
    struct envm_image_record entry = {
        .body = {.build_number = record->build_number,
                 .size = record->size,
                 .timestamp = record->timestamp},
        .key.flags =
            flags_of(record, file, subdir_is_noarch) | (regular ? 0 : ENVM_IMAGE_IRREGULAR),
    };
    struct envm_image_body *body = &entry.body;
    struct sought name, version, build, depends;

    if (builder->record_end >= RECORDS_MAX) {
        builder->overflowed = true;
        return;
    }
    if (!regular)
        add_irregular(builder, file);
    body->constrains = add_list(builder, last->constrains, record->constrains);
    body->track_features = add_list(builder, last->track_features, record->track_features);
    if (has_more(record))
        body->more = add_more(builder, last->more, record);
    depends = seek_list(builder, last->depends, record->depends);
    name = seek_text(builder, last_key->name, record->name);
    version = seek_text(builder, last_key->version, record->version);
    build = seek_text(builder, last_key->build, record->build);
    body->features = add_text(builder, last->features, record->features);
    body->license = add_text(builder, last->license, record->license);
    body->license_family = add_text(builder, last->license_family, record->license_family);
    memcpy(body->sha256, record->sha256.bytes, sizeof(body->sha256));
    memcpy(body->md5, record->md5.bytes, sizeof(body->md5));
    entry.key.name = find_text(builder, &name);
    entry.key.version = find_text(builder, &version);
    entry.key.build = find_text(builder, &build);
    body->file_name = regular ? 0 : envm_intern_add(&builder->texts, file_name);
    body->depends = find_list(builder, &depends);
    push_record(builder, &entry);
}

/* --- two builders into one ------------------------------------------------------------------ */

/* What the numbers of one builder are in another: texts by index; lists move as a whole. */
struct translation {
    uint32_t *texts;
    uint32_t lists; /* to be added */
};

static void release_translation(struct translation *translation)
{
    envm_free(translation->texts);
}
ENVM_DEFINE_CLEANUP(translation, struct translation, release_translation)

static void translate_texts(struct envm_intern *to, const struct envm_intern *from,
                            uint32_t *ret_map)
{
    envm_str text;

    for (uint32_t at = 0; envm_intern_next(from, &at, &text);)
        ret_map[envm_intern_index(at)] = envm_intern_add(to, text);
}

static void translate_record(const struct translation *map, struct envm_image_key *key,
                             struct envm_image_body *body)
{
    uint32_t *texts[] = {&key->name,      &key->version,  &key->build,          &body->file_name,
                         &body->features, &body->license, &body->license_family};
    uint32_t *lists[] = {&body->depends, &body->constrains, &body->track_features, &body->more};

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        *texts[i] = map->texts[envm_intern_index(*texts[i])];
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        *lists[i] += *lists[i] ? map->lists : 0;
}

/* Nothing compares lists once they are made, so those of two threads stand one behind the other,
 * and some are there twice: to look up each again took a tenth of the time. Returns where they
 * begin. */
static uint32_t move_lists(struct envm_image_builder *builder, struct envm_image_builder *from)
{
    size_t before = builder->lists.len;

    for (size_t i = 0; i < builder->more_lists.count; i++)
        before += builder->more_lists.items[i].len;
    builder->lists.overflowed |= from->lists.overflowed || before + from->lists.len > UINT32_MAX;
    envm_vec_push(&builder->more_lists, from->lists);
    from->lists = (struct envm_intern){0};
    return (uint32_t)before;
}

static void move_records(struct envm_image_builder *builder, struct envm_image_builder *from,
                         size_t base, const struct translation *map)
{
    for (size_t i = 0; i < from->record_end; i++)
        translate_record(map, envm_image_builder_key(from, i), envm_image_builder_body(from, i));
    for (size_t i = 0; i < from->chunks.count; i++)
        envm_vec_push(&builder->chunks, from->chunks.items[i]);
    builder->record_end = base + from->record_end;
    envm_vec_release(&from->chunks);
    for (size_t i = 0; i < from->irregular.count; i++) {
        struct envm_image_irregular entry = from->irregular.items[i];

        entry.record += (uint32_t)base;
        entry.stem.name = map->texts[envm_intern_index(entry.stem.name)];
        entry.stem.version = map->texts[envm_intern_index(entry.stem.version)];
        entry.stem.build = map->texts[envm_intern_index(entry.stem.build)];
        envm_vec_push(&builder->irregular, entry);
    }
}

size_t envm_image_builder_absorb(struct envm_image_builder *builder,
                                 struct envm_image_builder *from)
{
    ENVM_CLEANUP(translation) struct translation map = {0};
    size_t base = builder->chunks.count * ENVM_IMAGE_CHUNK;

    map.texts = envm_alloc_zero(from->texts.len / 4 + 1, sizeof(uint32_t));
    translate_texts(&builder->texts, &from->texts, map.texts);
    map.lists = move_lists(builder, from);
    move_records(builder, from, base, &map);
    builder->overflowed |= from->overflowed || builder->record_end > RECORDS_MAX;
    builder->texts.overflowed |= from->texts.overflowed;
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
    const struct envm_image_key *key = envm_image_builder_key(builder, record);
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
    const struct envm_image_key *entry = envm_image_builder_key(builder, record);
    const struct envm_intern *texts = &builder->texts;

    if (entry->flags & ENVM_IMAGE_IRREGULAR)
        return envm_arena_str(
            arena, envm_intern_get(texts, envm_image_builder_body(builder, record)->file_name));
    return envm_arena_printf(arena, "%.*s-%.*s-%.*s%s",
                             ENVM_STR_ARGS(envm_intern_get(texts, entry->name)),
                             ENVM_STR_ARGS(envm_intern_get(texts, entry->version)),
                             ENVM_STR_ARGS(envm_intern_get(texts, entry->build)),
                             entry->flags & ENVM_IMAGE_TAR_BZ2 ? ".tar.bz2" : ".conda");
}
