/* SPDX-License-Identifier: MIT
 *
 * `tree`: the packages as a tree of what needs what.
 */
#include "base/error.h"
#include "base/vec.h"
#include "env/look_graph.h"

struct frame {
    const struct envm_look_edges *edges;
    size_t next, end; /* end: behind the last one that is shown */
};

struct walk {
    const struct envm_tree_options *options;
    const struct envm_look_graph *graph;
    size_t *shown_at; /* one more than the depth at which what is below a node was shown; 0: not */
    ENVM_VEC(struct frame) stack; /* one for each level */
    ENVM_VEC(struct envm_tree_row) rows;
};

static void walk_release(struct walk *w)
{
    envm_vec_release(&w->stack);
    envm_vec_release(&w->rows);
}
ENVM_DEFINE_CLEANUP(walk, struct walk, walk_release)

static bool is_shown(const struct walk *w, const struct envm_look_edge *edge)
{
    if (w->options->virtual_packages)
        return true;
    if (edge->node == ENVM_LOOK_MISSING)
        return !envm_str_starts_with(edge->specs.items[0], ENVM_STR("__"));
    return !w->graph->nodes[edge->node].is_virtual;
}

static struct frame frame_of(const struct walk *w, size_t node)
{
    const struct envm_look_node *from = &w->graph->nodes[node];
    struct frame frame = {.edges = w->options->invert ? &from->needed_by : &from->needs};

    for (size_t i = 0; i < frame.edges->count; i++)
        if (is_shown(w, &frame.edges->items[i]))
            frame.end = i + 1;
    return frame;
}

/* What is below a node is shown once; again only where a limit of the depth lets more of it be
 * seen. Every step down is deeper than the last time, so a cycle ends. */
static void add_row(struct walk *w, size_t node, struct envm_tree_row row)
{
    struct frame frame = node < w->graph->count ? frame_of(w, node) : (struct frame){0};
    size_t *shown_at = node < w->graph->count ? &w->shown_at[node] : NULL;
    bool expand = false;

    if (frame.end > 0) {
        row.repeated = *shown_at > 0 && (!w->options->has_depth || *shown_at <= row.depth + 1);
        row.cut = !row.repeated && w->options->has_depth && row.depth >= w->options->depth;
        expand = !row.cut && !row.repeated;
    }
    envm_vec_push(&w->rows, row);
    if (!expand)
        return;
    *shown_at = row.depth + 1;
    envm_vec_push(&w->stack, frame);
}

static void add_child(struct walk *w, const struct envm_look_edge *edge, bool last)
{
    struct envm_tree_row row = {
        .depth = w->stack.count, .specs = edge->specs, .unmet = edge->unmet, .last = last};

    if (edge->node < w->graph->count) {
        row.package = w->graph->nodes[edge->node].record;
        row.is_virtual = w->graph->nodes[edge->node].is_virtual;
    }
    add_row(w, edge->node, row);
}

static void add_root(struct walk *w, size_t node, bool last)
{
    const struct envm_look_node *root = &w->graph->nodes[node];

    add_row(w, node,
            (struct envm_tree_row){.package = root->record,
                                   .is_virtual = root->is_virtual,
                                   .specs = root->requested,
                                   .last = last});
    while (w->stack.count > 0) {
        struct frame *top = &w->stack.items[w->stack.count - 1];
        const struct envm_look_edge *edge;

        if (top->next == top->end) {
            w->stack.count--;
            continue;
        }
        edge = &top->edges->items[top->next++];
        if (is_shown(w, edge))
            add_child(w, edge, top->next == top->end);
    }
}

static enum envm_code find_roots(struct envm_arena *arena, const struct envm_tree_options *options,
                                 const struct envm_look_graph *graph, struct envm_look_view *view,
                                 struct envm_look_roots *ret_roots, struct envm_error *err)
{
    if (options->name_count == 0) {
        envm_look_graph_roots(arena, graph, options->invert, options->virtual_packages, ret_roots);
        return ENVM_OK;
    }
    for (size_t i = 0; i < options->name_count; i++)
        ENVM_TRY(envm_look_graph_find(arena, graph, options->names[i], view, ret_roots, err));
    return ENVM_OK;
}

enum envm_code envm_tree(struct envm_context *context, struct envm_memory *memory,
                         const struct envm_tree_options *options,
                         struct envm_tree_report *ret_report, struct envm_error *err)
{
    struct envm_arena *arena = &memory->arena;
    struct envm_tree_report report = {0};
    struct envm_look_graph graph = {0};
    struct envm_look_roots roots = {0};
    ENVM_CLEANUP(walk) struct walk w = {.options = options, .graph = &graph};
    enum envm_code code =
        envm_look_graph_load(context, arena, &options->subject, &graph, &report.view, err);

    if (code == ENVM_OK)
        code = find_roots(arena, options, &graph, &report.view, &roots, err);
    if (code != ENVM_OK) {
        if (code == ENVM_UNSATISFIABLE)
            *ret_report = report;
        return code;
    }
    w.shown_at = envm_arena_new_array(arena, size_t, graph.count);
    for (size_t i = 0; i < roots.count; i++)
        add_root(&w, roots.items[i], i + 1 == roots.count);
    report.rows = envm_arena_copy(arena, w.rows.items, w.rows.count * sizeof(*w.rows.items));
    report.row_count = w.rows.count;
    *ret_report = report;
    return ENVM_OK;
}
