/* SPDX-License-Identifier: MIT */
#include "env/need_graph.h"

#include "base/vec.h"
#include "conda/active_depends.h"

static void list_needs(struct envm_need_graph *graph, size_t index,
                       const struct envm_str_list *depends)
{
    struct envm_need *needs = envm_arena_new_array(graph->arena, struct envm_need, depends->count);
    size_t count = 0;

    for (size_t i = 0; i < depends->count; i++) {
        const struct envm_match_spec *spec;

        if (envm_match_spec_parse(graph->arena, depends->items[i], &spec, NULL) != ENVM_OK)
            continue;
        size_t to = envm_need_graph_find(graph, envm_match_spec_exact_name(spec));
        if (to != SIZE_MAX && to != index)
            needs[count++] = (struct envm_need){to, spec};
    }
    graph->needs[index] = needs;
    graph->need_counts[index] = count;
}

void envm_need_graph_init(struct envm_need_graph *graph, struct envm_arena *arena,
                          struct envm_record_list records)
{
    *graph = (struct envm_need_graph){.arena = arena, .records = records};
    graph->needs = envm_arena_new_array(arena, struct envm_need *, records.count);
    graph->need_counts = envm_arena_new_array(arena, size_t, records.count);
    for (size_t i = 0; i < records.count; i++)
        envm_map_set(&graph->places, records.items[i]->name, i);
    const struct envm_active_question question = {.records = records};
    struct envm_str_list *depends = envm_active_depends(arena, &question);
    for (size_t i = 0; i < records.count; i++)
        list_needs(graph, i, &depends[i]);
}

void envm_need_graph_release(struct envm_need_graph *graph)
{
    envm_map_release(&graph->places);
}

size_t envm_need_graph_find(const struct envm_need_graph *graph, envm_str name)
{
    const uint64_t *place = name.len > 0 ? envm_map_find(&graph->places, name) : NULL;

    return place ? (size_t)*place : SIZE_MAX;
}

void envm_need_graph_spread(const struct envm_need_graph *graph, bool *marked)
{
    ENVM_VEC(size_t) queue = {0};

    for (size_t i = 0; i < graph->records.count; i++)
        if (marked[i])
            envm_vec_push(&queue, i);
    while (queue.count > 0) {
        size_t from = queue.items[--queue.count];

        for (size_t i = 0; i < graph->need_counts[from]; i++) {
            size_t to = graph->needs[from][i].to;

            if (marked[to])
                continue;
            marked[to] = true;
            envm_vec_push(&queue, to);
        }
    }
    envm_vec_release(&queue);
}

void envm_need_graph_spread_back(const struct envm_need_graph *graph, bool *marked)
{
    bool grew = true;

    /* Chains are short, so this ends after a few rounds. */
    while (grew) {
        grew = false;
        for (size_t i = 0; i < graph->records.count; i++) {
            for (size_t k = 0; k < graph->need_counts[i] && !marked[i]; k++) {
                if (!marked[graph->needs[i][k].to])
                    continue;
                marked[i] = grew = true;
            }
        }
    }
}

bool envm_need_graph_mark(const struct envm_need_graph *graph, const struct envm_match_spec *spec,
                          bool *marked)
{
    size_t exact = envm_need_graph_find(graph, envm_match_spec_exact_name(spec));
    bool any = exact != SIZE_MAX;

    if (any)
        marked[exact] = true;
    for (size_t i = 0; envm_match_spec_exact_name(spec).len == 0 && i < graph->records.count; i++) {
        if (!envm_match_spec_matches_name(spec, graph->records.items[i]->name))
            continue;
        marked[i] = any = true;
    }
    return any;
}
