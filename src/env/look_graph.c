/* SPDX-License-Identifier: MIT */
#include "env/look_graph.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/map.h"
#include "base/topo.h"
#include "base/vec.h"
#include "codec/url.h"
#include "conda/active_depends.h"
#include "conda/match_spec.h"
#include "conda/version.h"
#include "env/close_names.h"

/* One dependency, before those on one name become an edge. */
struct need {
    size_t node;
    envm_str name; /* of what is missing */
    envm_str text;
    bool unmet;
};

struct maker {
    struct envm_arena *arena;
    struct envm_arena scratch;
    struct envm_look_graph graph;
    struct envm_map names;
    const struct envm_version **versions;
    ENVM_VEC(const struct envm_match_spec *) requests;
    ENVM_VEC(struct need) needs; /* of the node that is being looked at */
};

static void maker_release(struct maker *m)
{
    envm_arena_release(&m->scratch);
    envm_map_release(&m->names);
    envm_vec_release(&m->requests);
    envm_vec_release(&m->needs);
}
ENVM_DEFINE_CLEANUP(maker, struct maker, maker_release)

/* --- edges ---------------------------------------------------------------------------------- */

static int compare_needs(const void *a, const void *b)
{
    const struct need *x = a, *y = b;

    if (x->node != y->node)
        return x->node < y->node ? -1 : 1;
    return envm_str_compare(x->name, y->name);
}

/* Those on one name side by side, in the order in which they were written. */
static void sort_needs(struct maker *m)
{
    struct need *items = m->needs.items;

    for (size_t i = 1; i < m->needs.count; i++) {
        struct need need = items[i];
        size_t at = i;

        while (at > 0 && compare_needs(&items[at - 1], &need) > 0) {
            items[at] = items[at - 1];
            at--;
        }
        items[at] = need;
    }
}

static struct envm_look_edges take_edges(struct maker *m)
{
    struct envm_look_edge *edges =
        envm_arena_new_array(m->arena, struct envm_look_edge, m->needs.count);
    size_t count = 0;

    sort_needs(m);
    for (size_t i = 0, end; i < m->needs.count; i = end) {
        const struct need *first = &m->needs.items[i];
        struct envm_look_edge *edge = &edges[count++];
        envm_str *specs;

        for (end = i + 1; end < m->needs.count && compare_needs(first, &m->needs.items[end]) == 0;)
            end++;
        specs = envm_arena_new_array(m->arena, envm_str, end - i);
        edge->node = first->node;
        for (size_t k = i; k < end; k++) {
            edge->unmet |= m->needs.items[k].unmet;
            specs[k - i] = m->needs.items[k].text;
        }
        edge->specs = (struct envm_str_list){specs, end - i};
    }
    m->needs.count = 0;
    return (struct envm_look_edges){edges, count};
}

static void add_need(struct maker *m, size_t node, const struct envm_match_spec *spec,
                     envm_str text)
{
    bool met = envm_match_spec_matches_parsed(spec, m->graph.nodes[node].record, m->versions[node]);

    envm_vec_push(&m->needs, ((struct need){.node = node,
                                            .text = text,
                                            .unmet = !met && envm_match_spec_when(spec).len == 0}));
}

static void add_dependency(struct maker *m, size_t self, envm_str text, bool is_constraint)
{
    const struct envm_match_spec *spec;
    const uint64_t *found;
    envm_str name;

    if (envm_match_spec_parse(&m->scratch, text, &spec, NULL) != ENVM_OK)
        return;
    text = envm_url_redact(m->arena, text);
    name = envm_match_spec_exact_name(spec);
    found = name.len > 0 ? envm_map_find(&m->names, name) : NULL;
    if (found && *found != self)
        add_need(m, (size_t)*found, spec, text);
    for (size_t i = 0; name.len == 0 && i < m->graph.count; i++)
        if (i != self && envm_match_spec_matches_name(spec, m->graph.nodes[i].record->name))
            add_need(m, i, spec, text);
    if (name.len > 0 && !found && !is_constraint && envm_match_spec_when(spec).len == 0)
        envm_vec_push(&m->needs, ((struct need){ENVM_LOOK_MISSING, name, text, true}));
}

static struct envm_look_edges edges_of(struct maker *m, size_t self, struct envm_str_list specs,
                                       bool is_constraint)
{
    for (size_t i = 0; i < specs.count; i++)
        add_dependency(m, self, specs.items[i], is_constraint);
    return take_edges(m);
}

static void count_edges(const struct envm_look_graph *graph, const struct envm_look_edges *from,
                        size_t *counts)
{
    for (size_t k = 0; k < from->count; k++)
        if (from->items[k].node < graph->count)
            counts[from->items[k].node]++;
}

/* The same edges from their other ends. */
static void turn_round(struct maker *m, const struct envm_look_edges *forward, bool constraints)
{
    size_t *counts = envm_arena_new_array(&m->scratch, size_t, m->graph.count);

    for (size_t i = 0; i < m->graph.count; i++)
        count_edges(&m->graph, &forward[i], counts);
    for (size_t i = 0; i < m->graph.count; i++) {
        struct envm_look_edges edges = {
            envm_arena_new_array(m->arena, struct envm_look_edge, counts[i]), 0};

        *(constraints ? &m->graph.nodes[i].constrained : &m->graph.nodes[i].needed_by) = edges;
    }
    for (size_t i = 0; i < m->graph.count; i++) {
        for (size_t k = 0; k < forward[i].count; k++) {
            struct envm_look_edge edge = forward[i].items[k];
            struct envm_look_edges *back;

            if (edge.node >= m->graph.count)
                continue;
            back = constraints ? &m->graph.nodes[edge.node].constrained
                               : &m->graph.nodes[edge.node].needed_by;
            edge.node = i;
            back->items[back->count++] = edge;
        }
    }
}

static struct envm_str_list with_pip(struct maker *m, const struct envm_package_record *record,
                                     struct envm_str_list depends, bool add_pip)
{
    envm_str *items;
    size_t count = depends.count;

    if (!add_pip || !envm_str_equal_c(record->name, "python") ||
        !envm_map_find(&m->names, ENVM_STR("pip")))
        return depends;
    items = envm_arena_new_array(&m->scratch, envm_str, count + 1);
    for (size_t i = 0; i < count; i++)
        items[i] = depends.items[i];
    items[count] = ENVM_STR("pip");
    return (struct envm_str_list){items, count + 1};
}

/* What was asked for, parsed; before the texts are made readable. */
static void note_requests(struct maker *m, struct envm_str_list texts)
{
    const struct envm_match_spec *spec;

    for (size_t i = 0; i < texts.count; i++)
        if (envm_match_spec_parse(&m->scratch, texts.items[i], &spec, NULL) == ENVM_OK)
            envm_vec_push(&m->requests, spec);
}

/* The dependencies of each node that hold in this set. */
static struct envm_str_list *active_depends(struct maker *m)
{
    const struct envm_package_record **records =
        envm_arena_new_array(&m->scratch, const struct envm_package_record *, m->graph.count);
    const struct envm_package_record **system =
        envm_arena_new_array(&m->scratch, const struct envm_package_record *, m->graph.count);
    struct envm_active_question question = {.records = {records, m->graph.count},
                                            .virtual_packages = {system, 0},
                                            .requests = m->requests.items,
                                            .request_count = m->requests.count,
                                            .requests_known = m->requests.count > 0};

    for (size_t i = 0; i < m->graph.count; i++) {
        records[i] = m->graph.nodes[i].record;
        if (m->graph.nodes[i].is_virtual)
            system[question.virtual_packages.count++] = records[i];
    }
    return envm_active_depends(&m->scratch, &question);
}

static void link_nodes(struct maker *m, bool add_pip)
{
    struct envm_str_list *depends = active_depends(m);
    struct envm_look_edges *needs =
        envm_arena_new_array(&m->scratch, struct envm_look_edges, m->graph.count);
    struct envm_look_edges *constrains =
        envm_arena_new_array(&m->scratch, struct envm_look_edges, m->graph.count);

    for (size_t i = 0; i < m->graph.count; i++) {
        const struct envm_package_record *record = m->graph.nodes[i].record;

        m->graph.nodes[i].needs = needs[i] =
            edges_of(m, i, with_pip(m, record, depends[i], add_pip), false);
        constrains[i] = edges_of(m, i, record->constrains, true);
    }
    turn_round(m, needs, false);
    turn_round(m, constrains, true);
}

/* --- nodes ---------------------------------------------------------------------------------- */

static int compare_nodes(const void *a, const void *b)
{
    const struct envm_look_node *x = a, *y = b;

    return envm_str_compare(x->record->name, y->record->name);
}

static void add_nodes(struct maker *m, const struct envm_look_packages *packages)
{
    size_t total = packages->records.count + packages->virtual_packages.count;
    struct envm_look_node *nodes = envm_arena_new_array(m->arena, struct envm_look_node, total);

    for (size_t i = 0; i < packages->records.count; i++) {
        nodes[i].record = packages->records.items[i];
        if (packages->requested)
            nodes[i].requested = packages->requested[i];
    }
    for (size_t i = 0; i < packages->virtual_packages.count; i++)
        nodes[packages->records.count + i] = (struct envm_look_node){
            .record = packages->virtual_packages.items[i], .is_virtual = true};
    if (total > 1)
        qsort(nodes, total, sizeof(*nodes), compare_nodes);
    m->graph = (struct envm_look_graph){nodes, total};
    m->versions = envm_arena_new_array(&m->scratch, const struct envm_version *, total);
    for (size_t i = 0; i < total; i++) {
        envm_map_set(&m->names, nodes[i].record->name, i);
        (void)envm_version_parse(&m->scratch, nodes[i].record->version, &m->versions[i], NULL);
    }
}

static envm_str readable(struct maker *m, envm_str text)
{
    const struct envm_match_spec *spec;

    if (envm_match_spec_parse(&m->scratch, text, &spec, NULL) == ENVM_OK)
        text = envm_match_spec_readable(m->arena, spec);
    return envm_url_redact(m->arena, text);
}

static void make_readable(struct maker *m)
{
    for (size_t i = 0; i < m->graph.count; i++) {
        struct envm_str_list *requested = &m->graph.nodes[i].requested;
        envm_str *texts = envm_arena_new_array(m->arena, envm_str, requested->count);

        for (size_t k = 0; k < requested->count; k++)
            texts[k] = readable(m, requested->items[k]);
        if (requested->count > 1)
            qsort(texts, requested->count, sizeof(*texts), envm_str_compare_qsort);
        requested->items = texts;
    }
}

static void request_node(struct maker *m, size_t node, envm_str text, size_t most)
{
    struct envm_str_list *requested = &m->graph.nodes[node].requested;
    envm_str *items = requested->count > 0 ? (envm_str *)(uintptr_t)requested->items
                                           : envm_arena_new_array(&m->scratch, envm_str, most);

    items[requested->count] = text;
    *requested = (struct envm_str_list){items, requested->count + 1};
}

/* Whatever a spec of the request fits, it asked for. */
static void request_nodes(struct maker *m, struct envm_str_list specs)
{
    for (size_t i = 0; i < specs.count; i++) {
        const struct envm_match_spec *spec;

        if (envm_match_spec_parse(&m->scratch, specs.items[i], &spec, NULL) != ENVM_OK)
            continue;
        for (size_t k = 0; k < m->graph.count; k++)
            if (envm_match_spec_matches_parsed(spec, m->graph.nodes[k].record, m->versions[k]))
                request_node(m, k, specs.items[i], specs.count);
    }
}

void envm_look_graph_make(struct envm_arena *arena, const struct envm_look_packages *packages,
                          struct envm_look_graph *ret_graph)
{
    ENVM_CLEANUP(maker) struct maker m = {.arena = arena};

    add_nodes(&m, packages);
    if (!packages->requested)
        request_nodes(&m, packages->specs);
    note_requests(&m, packages->specs);
    for (size_t i = 0; packages->requested && i < packages->records.count; i++)
        note_requests(&m, packages->requested[i]);
    make_readable(&m);
    link_nodes(&m, packages->add_pip);
    *ret_graph = m.graph;
}

/* --- roots ---------------------------------------------------------------------------------- */

static const struct envm_look_edges *edges_from(const struct envm_look_node *node, bool invert)
{
    return invert ? &node->needed_by : &node->needs;
}

static void reach(const struct envm_look_graph *graph, bool invert, size_t root, bool *reached,
                  size_t *stack)
{
    size_t depth = 0;

    if (reached[root])
        return;
    reached[root] = true;
    stack[depth++] = root;
    while (depth > 0) {
        const struct envm_look_edges *edges = edges_from(&graph->nodes[stack[--depth]], invert);

        for (size_t i = 0; i < edges->count; i++) {
            size_t next = edges->items[i].node;

            if (next < graph->count && !reached[next]) {
                reached[next] = true;
                stack[depth++] = next;
            }
        }
    }
}

/* Dependencies first: the last one that nothing has reached yet is one that nothing leads to, or
 * lies on a cycle that nothing leads to. */
static void sort_nodes(struct envm_arena *scratch, const struct envm_look_graph *graph, bool invert,
                       size_t *order)
{
    struct envm_topo_edges *edges =
        envm_arena_new_array(scratch, struct envm_topo_edges, graph->count);

    for (size_t i = 0; i < graph->count; i++) {
        const struct envm_look_edges *from = edges_from(&graph->nodes[i], invert);
        size_t *targets = envm_arena_new_array(scratch, size_t, from->count);

        for (size_t k = 0; k < from->count; k++)
            targets[k] = from->items[k].node;
        edges[i] = (struct envm_topo_edges){targets, from->count};
    }
    envm_topo_sort(edges, graph->count, order);
}

void envm_look_graph_roots(struct envm_arena *arena, const struct envm_look_graph *graph,
                           bool invert, bool virtual_packages, struct envm_look_roots *ret_roots)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0};
    bool *is_root = envm_arena_new_array(&scratch, bool, graph->count);
    bool *reached = envm_arena_new_array(&scratch, bool, graph->count);
    size_t *stack = envm_arena_new_array(&scratch, size_t, graph->count);
    size_t *order = envm_arena_new_array(&scratch, size_t, graph->count);

    *ret_roots = (struct envm_look_roots){envm_arena_new_array(arena, size_t, graph->count), 0};
    for (size_t i = 0; i < graph->count; i++) {
        is_root[i] = !invert && graph->nodes[i].requested.count > 0;
        if (is_root[i])
            reach(graph, invert, i, reached, stack);
    }
    sort_nodes(&scratch, graph, invert, order);
    for (size_t i = graph->count; i-- > 0;) {
        const struct envm_look_node *node = &graph->nodes[order[i]];

        if (reached[order[i]] || (node->is_virtual && !(invert && virtual_packages)))
            continue;
        is_root[order[i]] = true;
        reach(graph, invert, order[i], reached, stack);
    }
    for (size_t i = 0; i < graph->count; i++)
        if (is_root[i])
            ret_roots->items[ret_roots->count++] = i;
}

/* --- names ---------------------------------------------------------------------------------- */

static envm_str place_of(struct envm_arena *arena, const struct envm_look_view *view)
{
    return view->kind == ENVM_LOOK_SOLUTION
               ? ENVM_STR("the solution")
               : envm_arena_printf(arena, "%.*s", ENVM_STR_ARGS(view->subject));
}

static enum envm_code fail_to_find(struct envm_arena *arena, const struct envm_look_graph *graph,
                                   const struct envm_match_spec *spec, const char *text,
                                   struct envm_look_view *view, struct envm_error *err)
{
    envm_str name = envm_match_spec_exact_name(spec);
    const struct envm_package_record **records =
        envm_arena_new_array(arena, const struct envm_package_record *, graph->count);
    const struct envm_package_source *source;

    for (size_t i = 0; i < graph->count; i++) {
        records[i] = graph->nodes[i].record;
        if (name.len == 0 || !envm_str_equal(records[i]->name, name))
            continue;
        return envm_fail(err, ENVM_UNSATISFIABLE, "%.*s has %.*s %.*s, which is not \"%s\"",
                         ENVM_STR_ARGS(place_of(arena, view)), ENVM_STR_ARGS(name),
                         ENVM_STR_ARGS(records[i]->version), text);
    }
    source = envm_package_source_from_records(arena, records, graph->count);
    view->close_names = envm_close_names(arena, &source, 1, name);
    (void)envm_fail(err, ENVM_UNSATISFIABLE, "there is no package \"%s\" in %.*s", text,
                    ENVM_STR_ARGS(place_of(arena, view)));
    if (view->close_names.count > 0)
        return envm_error_hint(err, ENVM_UNSATISFIABLE, "did you mean %.*s?",
                               ENVM_STR_ARGS(envm_join_names(arena, view->close_names)));
    return ENVM_UNSATISFIABLE;
}

enum envm_code envm_look_graph_find(struct envm_arena *arena, const struct envm_look_graph *graph,
                                    const char *text, struct envm_look_view *view,
                                    struct envm_look_roots *ret_nodes, struct envm_error *err)
{
    const struct envm_match_spec *spec;
    enum envm_code code = envm_match_spec_parse(arena, envm_str_from(text), &spec, err);
    size_t *items;
    size_t count = ret_nodes->count;

    if (code != ENVM_OK)
        return envm_wrap(err, ENVM_USAGE, "spec \"%s\"", text);
    items = envm_arena_new_array(arena, size_t, count + graph->count);
    for (size_t i = 0; i < count; i++)
        items[i] = ret_nodes->items[i];
    for (size_t i = 0; i < graph->count; i++)
        if (envm_match_spec_matches(spec, graph->nodes[i].record))
            items[count++] = i;
    if (count == ret_nodes->count)
        return fail_to_find(arena, graph, spec, text, view, err);
    *ret_nodes = (struct envm_look_roots){items, count};
    return ENVM_OK;
}
