/* SPDX-License-Identifier: MIT */
#include "env/wishes.h"

#include "base/error.h"
#include "conda/platform.h"
#include "prefix/prefix_history.h"
#include "sys/fs.h"

#define FILE_SIZE_MAX ((size_t)64 << 20)

struct wish_reader {
    struct envm_arena *arena;
    int fd;
    envm_str prefix;
    const struct envm_prefix_record_list *installed;
    struct envm_wishes *wishes;
};

/* --- lists of wishes ---------------------------------------------------------------------- */

enum envm_code envm_wish_add(struct envm_arena *arena, struct envm_wish_list *list, envm_str text,
                             struct envm_error *err)
{
    struct envm_wish wish = {.text = text};

    ENVM_TRY(envm_match_spec_parse(arena, text, &wish.spec, err));
    wish.name = envm_match_spec_exact_name(wish.spec);
    for (size_t i = 0; i < list->count; i++) {
        bool same = wish.name.len > 0 ? envm_str_equal(list->items[i].name, wish.name)
                                      : envm_str_equal(list->items[i].text, text);
        if (same) {
            list->items[i] = wish;
            return ENVM_OK;
        }
    }
    /* Lists are short, and the old array is the arena's. */
    struct envm_wish *items = envm_arena_new_array(arena, struct envm_wish, list->count + 1);
    if (list->count > 0)
        memcpy(items, list->items, list->count * sizeof(*items));
    items[list->count] = wish;
    *list = (struct envm_wish_list){items, list->count + 1};
    return ENVM_OK;
}

struct envm_wish_list envm_wish_list_from(struct envm_arena *arena,
                                          const struct envm_match_spec *const *specs, size_t count)
{
    struct envm_wish *items = envm_arena_new_array(arena, struct envm_wish, count);

    for (size_t i = 0; i < count; i++)
        items[i] = (struct envm_wish){envm_match_spec_text(specs[i]), specs[i],
                                      envm_match_spec_exact_name(specs[i])};
    return (struct envm_wish_list){items, count};
}

/* What another tool or an older version wrote is not this run's fault: it is passed over. */
static void add_if_understood(struct wish_reader *r, envm_str text)
{
    const struct envm_match_spec *spec;

    if (envm_match_spec_parse(r->arena, text, &spec, NULL) == ENVM_OK)
        (void)envm_wish_add(r->arena, &r->wishes->list, envm_match_spec_readable(r->arena, spec),
                            NULL);
}

static bool has_wish(const struct envm_wish_list *list, envm_str name)
{
    for (size_t i = 0; i < list->count; i++)
        if (envm_str_equal(list->items[i].name, name))
            return true;
    return false;
}

/* --- what nothing leads to ---------------------------------------------------------------- */

/* Needed by something that is not reached either. */
static bool is_below_another(const struct envm_need_graph *graph, const bool *reached, size_t index)
{
    for (size_t i = 0; i < graph->records.count; i++)
        for (size_t k = 0; k < graph->need_counts[i] && !reached[i]; k++)
            if (graph->needs[i][k].to == index)
                return true;
    return false;
}

struct envm_record_list envm_orphans(const struct envm_need_graph *graph,
                                     struct envm_wish_list requests)
{
    const struct envm_record_list *records = &graph->records;
    bool *reached = envm_arena_new_array(graph->arena, bool, records->count);
    struct envm_record_list orphans = {
        envm_arena_new_array(graph->arena, const struct envm_package_record *, records->count), 0};

    for (size_t i = 0; i < requests.count; i++)
        (void)envm_need_graph_mark(graph, requests.items[i].spec, reached);
    envm_need_graph_spread(graph, reached);
    bool *below = envm_arena_new_array(graph->arena, bool, records->count);
    for (size_t i = 0; i < records->count; i++)
        below[i] = is_below_another(graph, reached, i);
    /* First the tops; what is then still not reached needs each other in circles. */
    for (unsigned round = 0; round < 2; round++) {
        for (size_t i = 0; i < records->count; i++) {
            if (reached[i] || (round == 0 && below[i]))
                continue;
            orphans.items[orphans.count++] = records->items[i];
            if (round == 0)
                continue;
            reached[i] = true;
            envm_need_graph_spread(graph, reached);
        }
        for (size_t i = 0; i < orphans.count; i++)
            reached[envm_need_graph_find(graph, orphans.items[i]->name)] = true;
        envm_need_graph_spread(graph, reached);
    }
    return orphans;
}

/* --- reading ------------------------------------------------------------------------------ */

/* The text of a file of conda-meta; empty when it is not there. */
static enum envm_code read_meta(struct wish_reader *r, struct envm_relpath path, envm_str *ret_text,
                                struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(FILE_SIZE_MAX);
    enum envm_fs_kind kind = ENVM_FS_ABSENT;

    *ret_text = (envm_str){0};
    ENVM_TRY(envm_fs_stat(r->fd, path, &kind, NULL, err));
    if (kind == ENVM_FS_ABSENT)
        return ENVM_OK;
    ENVM_TRY(envm_fs_read_at(r->fd, path, &text, err));
    *ret_text = envm_arena_str(r->arena, envm_buf_str(&text));
    return ENVM_OK;
}

static enum envm_code read_lock(struct wish_reader *r, struct envm_error *err)
{
    envm_str text;
    envm_str where =
        envm_arena_printf(r->arena, "%.*s/conda-meta/envm.lock", ENVM_STR_ARGS(r->prefix));

    ENVM_TRY(read_meta(r, ENVM_RELPATH("conda-meta/envm.lock"), &text, err));
    if (text.len == 0)
        return ENVM_OK;
    enum envm_code code = envm_lockfile_read(r->arena, text, where.ptr, &r->wishes->lock, err);
    if (code != ENVM_OK)
        return envm_error_hint(err, code,
                               "the environment keeps this lock; put it back with `envm repair`, "
                               "or make the environment again with `envm create --force`");
    r->wishes->has_lock = true;
    for (size_t i = 0; i < r->wishes->lock.request.specs.count; i++)
        add_if_understood(r, r->wishes->lock.request.specs.items[i]);
    return ENVM_OK;
}

/* Specs in the records of what another tool installed since. */
static void read_records(struct wish_reader *r)
{
    for (size_t i = 0; i < r->installed->count; i++) {
        const struct envm_prefix_record *record = r->installed->items[i];

        if (has_wish(&r->wishes->list, record->record->name))
            continue;
        for (size_t k = 0; k < record->requested_specs.count; k++)
            if (!r->wishes->has_lock || !record->by_envm)
                add_if_understood(r, record->requested_specs.items[k]);
    }
}

static bool is_met(const struct wish_reader *r, const struct envm_wish *wish)
{
    for (size_t i = 0; i < r->installed->count; i++)
        if (envm_match_spec_matches_name(wish->spec, r->installed->items[i]->record->name))
            return true;
    return false;
}

static void drop_unmet(struct wish_reader *r)
{
    struct envm_wish_list *list = &r->wishes->list;
    size_t kept = 0;

    for (size_t i = 0; i < list->count; i++)
        if (is_met(r, &list->items[i]))
            list->items[kept++] = list->items[i];
    list->count = kept;
}

static void take_leaves(struct wish_reader *r)
{
    ENVM_CLEANUP(envm_need_graph) struct envm_need_graph graph = {0};

    envm_need_graph_init(&graph, r->arena, envm_installed_records(r->arena, r->installed));
    struct envm_record_list leaves = envm_orphans(&graph, (struct envm_wish_list){0});
    for (size_t i = 0; i < leaves.count; i++)
        add_if_understood(r, leaves.items[i]->name);
}

static void read_pinned(struct wish_reader *r, envm_str text)
{
    ENVM_VEC(envm_str) lines = {0};
    envm_str line;

    while (text.ptr && envm_str_split_next(&text, '\n', &line)) {
        size_t hash = envm_str_find_char(line, '#');

        if (hash != SIZE_MAX && (hash == 0 || envm_is_space(line.ptr[hash - 1])))
            line.len = hash;
        line = envm_str_trim(line);
        if (line.len > 0)
            envm_vec_push(&lines, line);
    }
    r->wishes->pinned =
        envm_arena_str_list(r->arena, (struct envm_str_list){lines.items, lines.count});
    envm_vec_release(&lines);
}

struct envm_record_list envm_installed_records(struct envm_arena *arena,
                                               const struct envm_prefix_record_list *installed)
{
    struct envm_record_list records = {
        envm_arena_new_array(arena, const struct envm_package_record *, installed->count),
        installed->count};

    for (size_t i = 0; i < records.count; i++)
        records.items[i] = installed->items[i]->record;
    return records;
}

static envm_str platform_of(const struct envm_prefix_record_list *installed)
{
    for (size_t i = 0; i < installed->count; i++)
        if (!envm_str_equal_c(installed->items[i]->record->subdir, "noarch"))
            return installed->items[i]->record->subdir;
    return envm_platform_host();
}

enum envm_code envm_wishes_read(struct envm_arena *arena, int fd, envm_str prefix,
                                const struct envm_prefix_record_list *installed,
                                struct envm_wishes *ret_wishes, struct envm_error *err)
{
    struct envm_wishes wishes = {.platform = platform_of(installed)};
    struct wish_reader r = {arena, fd, prefix, installed, &wishes};
    envm_str text;

    ENVM_TRY(read_lock(&r, err));
    read_records(&r);
    /* What was asked before an environment was made equal to a list holds no more. */
    if (wishes.list.count == 0 && !wishes.has_lock) {
        ENVM_TRY(read_meta(&r, ENVM_RELPATH("conda-meta/history"), &text, err));
        struct envm_str_list specs = envm_history_specs(arena, text);
        for (size_t i = 0; i < specs.count; i++)
            add_if_understood(&r, specs.items[i]);
    }
    drop_unmet(&r);
    wishes.are_guessed = wishes.list.count == 0;
    if (wishes.are_guessed)
        take_leaves(&r);
    ENVM_TRY(read_meta(&r, ENVM_RELPATH("conda-meta/pinned"), &text, err));
    read_pinned(&r, text);
    ENVM_TRY(read_meta(&r, ENVM_RELPATH("conda-meta/state"), &text, err));
    ENVM_TRY_WRAP(envm_state_read(arena, text, &wishes.variables, &wishes.variable_count, err), err,
                  "%.*s/conda-meta/state", ENVM_STR_ARGS(prefix));
    *ret_wishes = wishes;
    return ENVM_OK;
}

struct envm_str_list envm_wish_specs(struct envm_arena *arena, const struct envm_wish_list *list,
                                     const struct envm_package_record *record)
{
    envm_str *items = envm_arena_new_array(arena, envm_str, list->count);
    size_t count = 0;

    for (size_t i = 0; i < list->count; i++)
        if (envm_match_spec_matches_name(list->items[i].spec, record->name))
            items[count++] = envm_match_spec_format(arena, list->items[i].spec);
    return (struct envm_str_list){items, count};
}
