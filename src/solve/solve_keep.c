/* SPDX-License-Identifier: MIT */
#include "solve/solve_keep.h"

#include "base/hex.h"

/* Keys of space->kept. A record is found by its digest, or by where its file comes from; the second
 * key says whether it has a digest, since then it decides alone wherever the other has one too. */
static envm_str digest_key(struct envm_arena *arena, const struct envm_package_record *record)
{
    return envm_arena_printf(arena, "sha256 %s", envm_sha256_hex(&record->sha256).text);
}

static envm_str place_key(struct envm_arena *arena, const struct envm_package_record *record,
                          bool has_digest)
{
    return envm_arena_printf(arena, "%c\n%.*s\n%.*s\n%.*s\n%.*s\n%.*s", has_digest ? 'd' : 'n',
                             ENVM_STR_ARGS(record->channel), ENVM_STR_ARGS(record->subdir),
                             ENVM_STR_ARGS(record->name), ENVM_STR_ARGS(record->version),
                             ENVM_STR_ARGS(record->build));
}

/* The name alone tells quickly that most records are not meant. */
static envm_str name_key(envm_str name)
{
    return name.ptr ? name : ENVM_STR("");
}

static void add_flags(struct envm_solve_space *space, envm_str key, unsigned flags)
{
    bool is_new = false;
    uint64_t *slot = envm_map_get(&space->kept, key, &is_new);

    *slot = (is_new ? 0 : *slot) | flags;
}

static void remember(struct envm_solve_space *space, const struct envm_record_list *list,
                     unsigned flags)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct envm_package_record *record = list->items[i];
        if (record->sha256.known)
            add_flags(space, digest_key(space->arena, record), flags);
        add_flags(space, place_key(space->arena, record, record->sha256.known), flags);
        add_flags(space, name_key(record->name), 0);
    }
}

void envm_solve_keep_remember(struct envm_solve_space *space)
{
    remember(space, &space->request->preferred, ENVM_KEEP_PREFERRED);
    remember(space, &space->request->installed, ENVM_KEEP_INSTALLED);
    remember(space, &space->request->frozen, ENVM_KEEP_INSTALLED);
}

static unsigned flags_of(const struct envm_solve_space *space, envm_str key)
{
    const uint64_t *slot = envm_map_find(&space->kept, key);

    return slot ? (unsigned)*slot : 0;
}

unsigned envm_solve_keep_flags(struct envm_solve_space *space,
                               const struct envm_package_record *record)
{
    if (space->kept.count == 0 || !envm_map_find(&space->kept, name_key(record->name)))
        return 0;
    unsigned flags = flags_of(space, place_key(space->arena, record, false));
    if (record->sha256.known)
        return flags | flags_of(space, digest_key(space->arena, record));
    return flags | flags_of(space, place_key(space->arena, record, true));
}

bool envm_solve_is_same_file(const struct envm_package_record *a,
                             const struct envm_package_record *b)
{
    if (a->sha256.known && b->sha256.known)
        return memcmp(a->sha256.bytes, b->sha256.bytes, sizeof(a->sha256.bytes)) == 0;
    return envm_str_equal(a->name, b->name) && envm_str_equal(a->version, b->version) &&
           envm_str_equal(a->build, b->build) && envm_str_equal(a->subdir, b->subdir) &&
           envm_str_equal(a->channel, b->channel);
}

static bool is_known(const struct envm_package_record *record,
                     const struct envm_solve_candidate *known, size_t known_count,
                     const struct envm_package_record *const *added, size_t added_count)
{
    for (size_t i = 0; i < known_count; i++)
        if (envm_solve_is_same_file(record, known[i].record))
            return true;
    for (size_t i = 0; i < added_count; i++)
        if (envm_solve_is_same_file(record, added[i]))
            return true;
    return false;
}

struct envm_record_list envm_solve_keep_missing(struct envm_solve_space *space, envm_str name,
                                                const struct envm_solve_candidate *known,
                                                size_t known_count)
{
    const struct envm_record_list *lists[] = {&space->request->installed, &space->request->frozen};
    const struct envm_package_record **items = NULL;
    size_t count = 0;

    for (size_t i = 0; i < 2; i++) {
        for (size_t j = 0; j < lists[i]->count; j++) {
            const struct envm_package_record *record = lists[i]->items[j];
            if (!envm_str_equal(record->name, name) ||
                is_known(record, known, known_count, items, count))
                continue;
            if (!items)
                items = envm_arena_new_array(space->arena, const struct envm_package_record *,
                                             lists[0]->count + lists[1]->count);
            items[count++] = record;
        }
    }
    return (struct envm_record_list){items, count};
}

struct envm_str_list envm_solve_keep_names(struct envm_solve_space *space)
{
    const struct envm_record_list *lists[] = {&space->request->installed, &space->request->frozen};
    envm_str *names =
        envm_arena_new_array(space->arena, envm_str, lists[0]->count + lists[1]->count);
    size_t count = 0;

    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < lists[i]->count; j++)
            names[count++] = lists[i]->items[j]->name;
    return (struct envm_str_list){names, count};
}
