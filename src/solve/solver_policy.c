/* SPDX-License-Identifier: MIT */
#include "solve/solver_policy.h"

#include <stdlib.h>

#include "base/alloc.h"

/* A group of one version and build number larger than this is no real variant set; its order is
 * then the plain one. */
#define GROUP_MAX 4096u
#define COLUMN_MAX 512u

/* The best that a spec lets in. */
struct best {
    const struct envm_version *version; /* NULL: nothing */
    bool is_lowest;                     /* the older version is the better one */
    bool tracks;                        /* everything that matches has track_features */
};

struct ranker {
    const struct envm_solve_view *view;
    const struct envm_solve_space *space;
    struct best *best; /* by spec */
    uint8_t *best_known;
    uint32_t *column;   /* by name: 1 + column in the group at hand, 0: none */
    uint8_t *is_lowest; /* by name: the older version is the better one */
    struct envm_map active_features;
    struct envm_arena arena;
};

/* --- the steps before the variant ----------------------------------------------------------- */

/* Records with the deprecated `features` come last unless a requested package turns the feature
 * on; then they come first. */
static int feature_cost(const struct ranker *ranker, const struct envm_package_record *record)
{
    envm_str rest = record->features, word;
    bool any = false;

    while (envm_str_next_word(&rest, &word)) {
        any = true;
        if (!envm_map_find(&ranker->active_features, word))
            return 1;
    }
    return any ? -1 : 0;
}

/* <0 when a is the better version. */
static int compare_versions(const struct envm_version *a, const struct envm_version *b,
                            bool is_lowest)
{
    return is_lowest ? envm_version_compare(a, b) : envm_version_compare(b, a);
}

static int compare_tier(const struct ranker *ranker, const struct envm_solve_candidate *a,
                        const struct envm_solve_candidate *b)
{
    size_t a_tracks = a->record->track_features.count, b_tracks = b->record->track_features.count;

    if (a->preferred != b->preferred)
        return a->preferred ? -1 : 1;
    if (a_tracks != b_tracks)
        return a_tracks < b_tracks ? -1 : 1;
    if (ranker->space->priority != ENVM_PRIORITY_DISABLED && a->channel != b->channel)
        return a->channel < b->channel ? -1 : 1;
    return compare_versions(a->version, b->version, ranker->is_lowest[a->name]);
}

static int compare_head(const struct ranker *ranker, const struct envm_solve_candidate *a,
                        const struct envm_solve_candidate *b)
{
    int order = compare_tier(ranker, a, b);

    if (order)
        return order;
    if (a->channel != b->channel)
        return a->channel < b->channel ? -1 : 1;
    if (a->record->build_number != b->record->build_number)
        return a->record->build_number > b->record->build_number ? -1 : 1;
    return feature_cost(ranker, a->record) - feature_cost(ranker, b->record);
}

/* Candidates of a name are stored in the plain order, so their ids break ties. */
static int compare_ids_by_head(const void *a, const void *b, void *user)
{
    const struct ranker *ranker = user;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int order = compare_head(ranker, &ranker->space->candidates.items[x],
                             &ranker->space->candidates.items[y]);

    return order ? order : (x < y ? -1 : x > y);
}

/* --- the variant ---------------------------------------------------------------------------- */

static struct best best_of_spec(struct ranker *ranker, uint32_t spec)
{
    if (ranker->best_known[spec])
        return ranker->best[spec];
    struct envm_id_list matches = ranker->space->specs.items[spec].matches;
    struct best best = {.tracks = true};
    for (uint32_t i = 0; i < matches.count; i++) {
        uint32_t id = matches.items[i];
        if (id >= ranker->view->reach->candidate_count || !ranker->view->is_live[id])
            continue;
        const struct envm_solve_candidate *c = &ranker->space->candidates.items[id];
        best.is_lowest = ranker->is_lowest[c->name];
        if (!best.version || compare_versions(c->version, best.version, best.is_lowest) < 0)
            best.version = c->version;
        best.tracks = best.tracks && c->record->track_features.count > 0;
    }
    ranker->best_known[spec] = 1;
    ranker->best[spec] = best;
    return best;
}

/* <0 when a is the better one; nothing is worse than anything. */
static int compare_best(const struct best *a, const struct best *b)
{
    if (!a->version || !b->version)
        return (a->version ? 0 : 1) - (b->version ? 0 : 1);
    if (a->tracks != b->tracks)
        return a->tracks ? 1 : -1;
    return compare_versions(a->version, b->version, a->is_lowest);
}

/* The table that is compared: one row per record of the group, one column per dependency name in
 * name order, each cell the best that the record's spec lets in. */
struct variants {
    uint32_t *names;
    uint32_t column_count;
    struct best *cells;
};

struct name_use {
    envm_str text;
    uint32_t name;
    uint32_t uses;
};

static int compare_name_use(const void *a, const void *b)
{
    return envm_str_compare(((const struct name_use *)a)->text, ((const struct name_use *)b)->text);
}

static uint32_t dependency_name(const struct ranker *ranker, uint32_t spec)
{
    uint32_t name = ranker->space->specs.items[spec].name;

    if (name == ENVM_SOLVE_NONE || ranker->space->names.items[name].is_virtual)
        return ENVM_SOLVE_NONE;
    return name;
}

/* Names that all records depend on: one that only some have says nothing about which is newer, and
 * comparing pair by pair what two of them share would be no order. */
static void choose_columns(struct ranker *ranker, const uint32_t *ids, uint32_t count,
                           struct variants *variants)
{
    ENVM_VEC(struct name_use) uses = {0};

    for (uint32_t i = 0; i < count; i++) {
        struct envm_id_list depends = ranker->space->candidates.items[ids[i]].depends;
        for (uint32_t j = 0; j < depends.count && uses.count < COLUMN_MAX; j++) {
            uint32_t name = dependency_name(ranker, depends.items[j]);
            if (name == ENVM_SOLVE_NONE)
                continue;
            if (ranker->column[name] == 0) {
                envm_vec_push(&uses,
                              ((struct name_use){ranker->space->names.items[name].name, name, 0}));
                ranker->column[name] = (uint32_t)uses.count;
            }
            uses.items[ranker->column[name] - 1].uses++;
        }
    }
    for (size_t i = 0; i < uses.count; i++)
        ranker->column[uses.items[i].name] = 0;
    if (uses.count > 1)
        qsort(uses.items, uses.count, sizeof(*uses.items), compare_name_use);
    variants->names = envm_arena_new_array(&ranker->arena, uint32_t, uses.count + 1);
    for (size_t i = 0; i < uses.count; i++)
        if (uses.items[i].uses >= count)
            variants->names[variants->column_count++] = uses.items[i].name;
    envm_vec_release(&uses);
}

/* Of several specs on one name the strictest counts. */
static void fill_row(struct ranker *ranker, const struct variants *variants, uint32_t row,
                     uint32_t candidate)
{
    struct envm_id_list depends = ranker->space->candidates.items[candidate].depends;
    struct best *cells = variants->cells + (size_t)row * variants->column_count;

    for (uint32_t i = 0; i < depends.count; i++) {
        uint32_t name = dependency_name(ranker, depends.items[i]);
        uint32_t column = name == ENVM_SOLVE_NONE ? 0 : ranker->column[name];
        if (column == 0)
            continue;
        struct best best = best_of_spec(ranker, depends.items[i]);
        if (!cells[column - 1].version || compare_best(&best, &cells[column - 1]) > 0)
            cells[column - 1] = best;
    }
}

struct variant_row {
    uint32_t id;
    const struct best *cells;
};

static int compare_rows(const void *a, const void *b, void *user)
{
    const struct variant_row *x = a, *y = b;
    uint32_t count = *(const uint32_t *)user;

    for (uint32_t i = 0; i < count; i++) {
        int order = compare_best(&x->cells[i], &y->cells[i]);
        if (order)
            return order;
    }
    return x->id < y->id ? -1 : x->id > y->id;
}

static void sort_variants(struct ranker *ranker, uint32_t *ids, uint32_t count)
{
    struct variants variants = {0};

    if (count < 2 || count > GROUP_MAX)
        return;
    choose_columns(ranker, ids, count, &variants);
    if (variants.column_count == 0)
        return;
    variants.cells =
        envm_arena_new_array(&ranker->arena, struct best, (size_t)count * variants.column_count);
    struct variant_row *rows = envm_arena_new_array(&ranker->arena, struct variant_row, count);
    for (uint32_t i = 0; i < variants.column_count; i++)
        ranker->column[variants.names[i]] = i + 1;
    for (uint32_t i = 0; i < count; i++) {
        fill_row(ranker, &variants, i, ids[i]);
        rows[i] = (struct variant_row){ids[i], variants.cells + (size_t)i * variants.column_count};
    }
    for (uint32_t i = 0; i < variants.column_count; i++)
        ranker->column[variants.names[i]] = 0;
    qsort_r(rows, count, sizeof(*rows), compare_rows, &variants.column_count);
    for (uint32_t i = 0; i < count; i++)
        ids[i] = rows[i].id;
}

/* --- ranking -------------------------------------------------------------------------------- */

static void set_ranks(struct ranker *ranker, const uint32_t *ids, uint32_t count)
{
    struct envm_solve_candidate *all = ranker->space->candidates.items;
    uint32_t tier = 1;

    for (uint32_t i = count; i-- > 0;) {
        if (i + 1 < count && compare_tier(ranker, &all[ids[i]], &all[ids[i + 1]]) != 0)
            tier++;
        all[ids[i]].rank = count - i;
        all[ids[i]].tier = tier;
    }
}

static void rank_name(struct ranker *ranker, const struct envm_solve_name *name, uint32_t *ids)
{
    uint32_t count = 0;

    for (uint32_t c = name->first; c < name->first + name->count; c++)
        if (c < ranker->view->reach->candidate_count && ranker->view->is_live[c])
            ids[count++] = c;
    if (count > 1)
        qsort_r(ids, count, sizeof(*ids), compare_ids_by_head, ranker);
    for (uint32_t from = 0, to = 0; from < count; from = to) {
        const struct envm_solve_candidate *first = &ranker->space->candidates.items[ids[from]];
        for (to = from + 1; to < count; to++)
            if (compare_head(ranker, first, &ranker->space->candidates.items[ids[to]]) != 0)
                break;
        sort_variants(ranker, ids + from, to - from);
    }
    set_ranks(ranker, ids, count);
}

static void turn_on(struct ranker *ranker, envm_str feature)
{
    if (feature.len)
        envm_map_set(&ranker->active_features, feature, 1);
}

/* A feature that every record has that a request lets in is asked for, too. */
static void collect_common_features(struct ranker *ranker, struct envm_id_list matches)
{
    const struct envm_solve_reach *reach = ranker->view->reach;
    const struct envm_package_record *first = NULL;
    envm_str rest, word;
    bool all = true;

    for (uint32_t i = 0; i < matches.count && all; i++) {
        if (!reach->is_reached[matches.items[i]])
            continue;
        const struct envm_package_record *record =
            ranker->space->candidates.items[matches.items[i]].record;
        first = first ? first : record;
        all = envm_str_equal(record->features, first->features);
    }
    rest = first && all ? first->features : (envm_str){0};
    while (envm_str_next_word(&rest, &word))
        turn_on(ranker, word);
}

static void collect_features(struct ranker *ranker)
{
    const struct envm_solve_reach *reach = ranker->view->reach;

    for (uint32_t i = 0; i < reach->requests.count; i++) {
        struct envm_id_list matches = ranker->space->specs.items[reach->requests.items[i]].matches;
        if (envm_solve_is_pin(ranker->space, reach->requests.items[i]))
            continue;
        collect_common_features(ranker, matches);
        for (uint32_t j = 0; j < matches.count; j++) {
            const struct envm_package_record *record =
                ranker->space->candidates.items[matches.items[j]].record;
            if (!reach->is_reached[matches.items[j]])
                continue;
            for (size_t k = 0; k < record->track_features.count; k++)
                turn_on(ranker, record->track_features.items[k]);
        }
    }
}

static void choose_directions(struct ranker *ranker)
{
    const struct envm_solve_reach *reach = ranker->view->reach;
    enum envm_resolution_mode mode = ranker->space->request->resolution;

    ranker->is_lowest =
        envm_arena_new_array(&ranker->arena, uint8_t, (size_t)reach->name_count + 1);
    if (mode == ENVM_RESOLVE_LOWEST)
        memset(ranker->is_lowest, 1, reach->name_count);
    for (uint32_t i = 0; mode == ENVM_RESOLVE_LOWEST_DIRECT && i < reach->requests.count; i++) {
        const struct envm_solve_spec *spec = &ranker->space->specs.items[reach->requests.items[i]];
        bool is_asked = spec->role == ENVM_ROLE_REQUEST || spec->role == ENVM_ROLE_EITHER;
        for (uint32_t j = 0; is_asked && j < spec->matches.count; j++)
            ranker->is_lowest[ranker->space->candidates.items[spec->matches.items[j]].name] = 1;
    }
}

void envm_solve_rank(const struct envm_solve_view *view)
{
    const struct envm_solve_reach *reach = view->reach;
    uint32_t longest = 1;
    struct ranker ranker = {.view = view, .space = reach->space};

    ranker.best = envm_arena_new_array(&ranker.arena, struct best, (size_t)reach->spec_count + 1);
    ranker.best_known = envm_arena_new_array(&ranker.arena, uint8_t, (size_t)reach->spec_count + 1);
    ranker.column = envm_arena_new_array(&ranker.arena, uint32_t, (size_t)reach->name_count + 1);
    collect_features(&ranker);
    choose_directions(&ranker);
    for (uint32_t i = 0; i < reach->name_count; i++)
        if (reach->space->names.items[i].count > longest)
            longest = reach->space->names.items[i].count;
    uint32_t *ids = envm_arena_new_array(&ranker.arena, uint32_t, longest);
    for (uint32_t i = 0; i < reach->name_count; i++)
        if (view->name_live[i] && !reach->space->names.items[i].is_virtual)
            rank_name(&ranker, &reach->space->names.items[i], ids);
    envm_map_release(&ranker.active_features);
    envm_arena_release(&ranker.arena);
}
