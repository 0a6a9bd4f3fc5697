/* SPDX-License-Identifier: MIT */
#include "env/modify_plan.h"

#include "base/hex.h"
#include "base/vec.h"
#include "conda/version.h"

struct planner {
    struct envm_arena *arena;
    const struct envm_modify_sets *sets;
    struct envm_need_graph before, after;
    bool python_moves; /* its version up to the minor one, or its site-packages */
    ENVM_VEC(struct envm_modify_entry) entries;
};

/* A channel may line its dependencies up in columns. */
static envm_str in_words(struct envm_arena *arena, envm_str text)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf buf = envm_buf_text();

    envm_buf_add_words(&buf, text);
    return envm_arena_str(arena, envm_buf_str(&buf));
}

/* --- what does not go with a package ------------------------------------------------------ */

static const struct envm_match_spec *refusing_need(const struct envm_need_graph *graph, size_t from,
                                                   size_t to,
                                                   const struct envm_package_record *wanted)
{
    for (size_t i = 0; i < graph->need_counts[from]; i++)
        if (graph->needs[from][i].to == to &&
            !envm_match_spec_matches(graph->needs[from][i].spec, wanted))
            return graph->needs[from][i].spec;
    return NULL;
}

static const struct envm_match_spec *refusing_constraint(struct envm_arena *arena,
                                                         const struct envm_package_record *record,
                                                         const struct envm_package_record *wanted)
{
    const struct envm_match_spec *spec;

    for (size_t i = 0; i < record->constrains.count; i++)
        if (envm_match_spec_parse(arena, record->constrains.items[i], &spec, NULL) == ENVM_OK &&
            envm_str_equal(envm_match_spec_exact_name(spec), wanted->name) &&
            !envm_match_spec_matches(spec, wanted))
            return spec;
    return NULL;
}

static envm_str refused_by_package(struct envm_arena *arena, const struct envm_need_graph *graph,
                                   const struct envm_package_record *wanted)
{
    size_t place = envm_need_graph_find(graph, wanted->name);

    for (size_t i = 0; i < graph->records.count; i++) {
        const struct envm_package_record *record = graph->records.items[i];
        const struct envm_match_spec *spec = refusing_need(graph, i, place, wanted);
        const char *verb = "needs";

        if (i == place)
            continue;
        if (!spec) {
            spec = refusing_constraint(arena, record, wanted);
            verb = "goes only with";
        }
        if (spec)
            return envm_arena_printf(arena, "%.*s %.*s %s %.*s", ENVM_STR_ARGS(record->name),
                                     ENVM_STR_ARGS(record->version), verb,
                                     ENVM_STR_ARGS(in_words(arena, envm_match_spec_text(spec))));
    }
    return (envm_str){0};
}

static envm_str own_need(struct envm_arena *arena, const struct envm_need_graph *graph,
                         const struct envm_package_record *wanted,
                         const struct envm_str_list *specs, const char *verb)
{
    const struct envm_match_spec *spec;

    for (size_t i = 0; i < specs->count; i++) {
        if (envm_match_spec_parse(arena, specs->items[i], &spec, NULL) != ENVM_OK)
            continue;
        size_t place = envm_need_graph_find(graph, envm_match_spec_exact_name(spec));
        if (place != SIZE_MAX && !envm_match_spec_matches(spec, graph->records.items[place]))
            return envm_arena_printf(arena, "%.*s %.*s %.*s %s %.*s", ENVM_STR_ARGS(wanted->name),
                                     ENVM_STR_ARGS(wanted->version), ENVM_STR_ARGS(wanted->build),
                                     verb, ENVM_STR_ARGS(in_words(arena, specs->items[i])));
    }
    return (envm_str){0};
}

envm_str envm_modify_obstacle(struct envm_arena *arena, const struct envm_need_graph *graph,
                              struct envm_wish_list requests,
                              const struct envm_package_record *wanted)
{
    for (size_t i = 0; i < requests.count; i++) {
        const struct envm_match_spec *spec = requests.items[i].spec;

        if (envm_match_spec_matches_name(spec, wanted->name) &&
            !envm_match_spec_matches(spec, wanted))
            return envm_arena_printf(arena, "the request \"%.*s\"",
                                     ENVM_STR_ARGS(requests.items[i].text));
    }
    envm_str why = refused_by_package(arena, graph, wanted);
    if (why.len == 0)
        why = own_need(arena, graph, wanted, &wanted->depends, "needs");
    if (why.len == 0)
        why = own_need(arena, graph, wanted, &wanted->constrains, "goes only with");
    return why;
}

/* --- reasons ------------------------------------------------------------------------------ */

static const struct envm_wish *wish_for(struct envm_wish_list list,
                                        const struct envm_package_record *record)
{
    for (size_t i = 0; i < list.count; i++)
        if (envm_match_spec_matches_name(list.items[i].spec, record->name))
            return &list.items[i];
    return NULL;
}

static envm_str asked_for(struct planner *p, const struct envm_wish *wish, envm_str name)
{
    if (envm_str_equal(wish->text, name))
        return ENVM_STR("asked for");
    return envm_arena_printf(p->arena, "asked for: \"%.*s\"", ENVM_STR_ARGS(wish->text));
}

/* The package nearest to what was asked for comes first in no order of ours: one that was asked for
 * itself is the best reason, then the first by name. */
static envm_str needed_by(struct planner *p, const struct envm_need_graph *graph,
                          const struct envm_package_record *record, const char *verb)
{
    size_t place = envm_need_graph_find(graph, record->name);
    size_t best = SIZE_MAX;

    for (size_t i = 0; i < graph->records.count; i++) {
        bool needs = false;

        for (size_t k = 0; k < graph->need_counts[i] && !needs; k++)
            needs = graph->needs[i][k].to == place;
        if (!needs)
            continue;
        if (best == SIZE_MAX)
            best = i;
        if (!wish_for(p->sets->requests, graph->records.items[i]))
            continue;
        best = i;
        break;
    }
    if (best == SIZE_MAX)
        return (envm_str){0};
    const struct envm_package_record *by = graph->records.items[best];
    return envm_arena_printf(p->arena, "%s %.*s %.*s", verb, ENVM_STR_ARGS(by->name),
                             ENVM_STR_ARGS(by->version));
}

static envm_str why_added(struct planner *p, const struct envm_package_record *to)
{
    const struct envm_wish *wish = wish_for(p->sets->requests, to);

    if (wish)
        return asked_for(p, wish, to->name);
    envm_str why = needed_by(p, &p->after, to, "needed by");
    return why.len > 0 ? why : ENVM_STR("needed");
}

/* A package that goes, too, and that this one needs. */
static envm_str needs_removed(struct planner *p, const struct envm_package_record *from)
{
    size_t place = envm_need_graph_find(&p->before, from->name);

    for (size_t i = 0; i < p->before.need_counts[place]; i++) {
        const struct envm_package_record *needed =
            p->before.records.items[p->before.needs[place][i].to];

        if (envm_need_graph_find(&p->after, needed->name) == SIZE_MAX)
            return envm_arena_printf(p->arena, "needs %.*s, which is removed",
                                     ENVM_STR_ARGS(needed->name));
    }
    return (envm_str){0};
}

static envm_str why_removed(struct planner *p, const struct envm_package_record *from)
{
    if (p->sets->removes && wish_for(p->sets->asked, from))
        return ENVM_STR("asked for");
    if (p->sets->removes) {
        bool *marked = envm_arena_new_array(p->arena, bool, p->before.records.count);
        for (size_t i = 0; i < p->sets->asked.count; i++)
            (void)envm_need_graph_mark(&p->before, p->sets->asked.items[i].spec, marked);
        envm_need_graph_spread_back(&p->before, marked);
        if (marked[envm_need_graph_find(&p->before, from->name)])
            return needs_removed(p, from);
        return ENVM_STR("nothing needs it any more");
    }
    envm_str why = envm_modify_obstacle(p->arena, &p->after, p->sets->requests, from);
    return why.len > 0 ? why : ENVM_STR("nothing needs it any more");
}

static envm_str why_moved(struct planner *p, const struct envm_package_record *from,
                          const struct envm_package_record *to, enum envm_modify_kind kind)
{
    const struct envm_wish *asked = wish_for(p->sets->asked, to);

    if (asked)
        return asked_for(p, asked, to->name);
    envm_str why = envm_modify_obstacle(p->arena, &p->after, p->sets->requests, from);
    if (why.len > 0)
        return why;
    if (p->sets->all && kind == ENVM_MODIFY_UPGRADED)
        return ENVM_STR("newer");
    if (kind == ENVM_MODIFY_UPGRADED)
        return ENVM_STR("newer, and goes with the rest");
    if (kind == ENVM_MODIFY_REBUILT && to->build_number > from->build_number)
        return p->sets->all ? ENVM_STR("newer build")
                            : ENVM_STR("newer build, and goes with the rest");
    if (!envm_str_equal(from->channel, to->channel))
        return envm_arena_printf(p->arena, "from %.*s", ENVM_STR_ARGS(to->channel));
    return ENVM_STR("goes with the rest");
}

/* --- comparing ---------------------------------------------------------------------------- */

static bool is_same_package(const struct envm_package_record *a,
                            const struct envm_package_record *b)
{
    if (!envm_str_equal(a->version, b->version) || !envm_str_equal(a->build, b->build) ||
        !envm_str_equal(a->subdir, b->subdir))
        return false;
    if (a->sha256.known && b->sha256.known)
        return envm_sha256_equal(&a->sha256, &b->sha256);
    return envm_str_equal(a->file_name, b->file_name) && envm_str_equal(a->channel, b->channel);
}

static enum envm_modify_kind kind_of(struct planner *p, const struct envm_package_record *from,
                                     const struct envm_package_record *to)
{
    const struct envm_version *a, *b;

    if (envm_version_parse(p->arena, from->version, &a, NULL) != ENVM_OK ||
        envm_version_parse(p->arena, to->version, &b, NULL) != ENVM_OK)
        return ENVM_MODIFY_REBUILT;
    int order = envm_version_compare(a, b);
    if (order == 0)
        return ENVM_MODIFY_REBUILT;
    return order < 0 ? ENVM_MODIFY_UPGRADED : ENVM_MODIFY_DOWNGRADED;
}

static void compare_pair(struct planner *p, const struct envm_package_record *from,
                         const struct envm_package_record *to)
{
    struct envm_modify_entry entry = {.from = from, .to = to};

    if (is_same_package(from, to)) {
        if (!p->python_moves || to->noarch != ENVM_NOARCH_PYTHON)
            return;
        entry.kind = ENVM_MODIFY_RELINKED;
        entry.why = ENVM_STR("python moves");
    } else {
        entry.kind = kind_of(p, from, to);
        entry.why = why_moved(p, from, to, entry.kind);
    }
    envm_vec_push(&p->entries, entry);
}

/* "3.11" of "3.11.9" */
static envm_str minor_of(envm_str version)
{
    size_t first = envm_str_find_char(version, '.');
    size_t second =
        first == SIZE_MAX ? SIZE_MAX : envm_str_find_char(envm_str_skip(version, first + 1), '.');

    return second == SIZE_MAX ? version : envm_str_slice(version, 0, first + 1 + second);
}

static bool python_moves(const struct planner *p)
{
    size_t a = envm_need_graph_find(&p->before, ENVM_STR("python"));
    size_t b = envm_need_graph_find(&p->after, ENVM_STR("python"));

    if (a == SIZE_MAX || b == SIZE_MAX)
        return false;
    const struct envm_package_record *from = p->before.records.items[a];
    const struct envm_package_record *to = p->after.records.items[b];
    return !envm_str_equal(minor_of(from->version), minor_of(to->version)) ||
           !envm_str_equal(from->python_site_packages_path, to->python_site_packages_path);
}

void envm_modify_plan_make(struct envm_arena *arena, const struct envm_modify_sets *sets,
                           const struct envm_modify_entry **ret_entries, size_t *ret_count)
{
    struct planner p = {.arena = arena, .sets = sets};
    const struct envm_record_list *a = &sets->before, *b = &sets->after;
    size_t i = 0, k = 0;

    envm_need_graph_init(&p.before, arena, *a);
    envm_need_graph_init(&p.after, arena, *b);
    p.python_moves = python_moves(&p);
    while (i < a->count || k < b->count) {
        int order = i == a->count   ? 1
                    : k == b->count ? -1
                                    : envm_str_compare(a->items[i]->name, b->items[k]->name);
        if (order < 0) {
            struct envm_modify_entry entry = {.kind = ENVM_MODIFY_REMOVED, .from = a->items[i]};
            entry.why = why_removed(&p, a->items[i++]);
            envm_vec_push(&p.entries, entry);
        } else if (order > 0) {
            struct envm_modify_entry entry = {.kind = ENVM_MODIFY_ADDED, .to = b->items[k]};
            entry.why = why_added(&p, b->items[k++]);
            envm_vec_push(&p.entries, entry);
        } else {
            compare_pair(&p, a->items[i++], b->items[k++]);
        }
    }
    *ret_entries =
        envm_arena_copy(arena, p.entries.items, p.entries.count * sizeof(*p.entries.items));
    *ret_count = p.entries.count;
    envm_vec_release(&p.entries);
    envm_need_graph_release(&p.before);
    envm_need_graph_release(&p.after);
}

/* --- as lines ----------------------------------------------------------------------------- */

/* A change of build only would read "1.0 -> 1.0". */
static envm_str side(struct envm_arena *arena, const struct envm_package_record *record,
                     const struct envm_package_record *other)
{
    if (!envm_str_equal(record->version, other->version))
        return record->version;
    if (!envm_str_equal(record->build, other->build))
        return envm_arena_printf(arena, "%.*s %.*s", ENVM_STR_ARGS(record->version),
                                 ENVM_STR_ARGS(record->build));
    return envm_arena_printf(arena, "%.*s %.*s %.*s/%.*s", ENVM_STR_ARGS(record->version),
                             ENVM_STR_ARGS(record->build), ENVM_STR_ARGS(record->channel),
                             ENVM_STR_ARGS(record->subdir));
}

static envm_str line_of(struct envm_arena *arena, const char *prefix,
                        const struct envm_modify_entry *entry)
{
    const struct envm_package_record *from = entry->from, *to = entry->to;

    if (!from || !to) {
        const struct envm_package_record *only = to ? to : from;
        return envm_arena_printf(arena, "%s%s %.*s %.*s: %.*s", prefix, to ? "+" : "-",
                                 ENVM_STR_ARGS(only->name), ENVM_STR_ARGS(only->version),
                                 ENVM_STR_ARGS(entry->why));
    }
    envm_str before = side(arena, from, to), after = side(arena, to, from);
    return envm_arena_printf(arena, "%s%.*s %.*s -> %.*s: %.*s", prefix, ENVM_STR_ARGS(to->name),
                             ENVM_STR_ARGS(before), ENVM_STR_ARGS(after),
                             ENVM_STR_ARGS(entry->why));
}

struct envm_str_list envm_modify_plan_lines(struct envm_arena *arena, const char *prefix,
                                            const struct envm_modify_sets *sets)
{
    const struct envm_modify_entry *entries = NULL;
    size_t count = 0, kept = 0;

    envm_modify_plan_make(arena, sets, &entries, &count);
    envm_str *lines = envm_arena_new_array(arena, envm_str, count);
    for (size_t i = 0; i < count; i++)
        if (entries[i].kind != ENVM_MODIFY_RELINKED)
            lines[kept++] = line_of(arena, prefix, &entries[i]);
    return (struct envm_str_list){lines, kept};
}

struct envm_str_list envm_modify_saved_lines(struct envm_arena *arena,
                                             const struct envm_saved_files *saved)
{
    envm_str *items = envm_arena_new_array(arena, envm_str, saved->count);

    for (size_t i = 0; i < saved->count; i++)
        items[i] = envm_arena_printf(arena, "%.*s, now %.*s", ENVM_STR_ARGS(saved->items[i].path),
                                     ENVM_STR_ARGS(saved->items[i].saved));
    return (struct envm_str_list){items, saved->count};
}
