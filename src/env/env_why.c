/* SPDX-License-Identifier: MIT
 *
 * `why`: the shortest chains from what was asked for to a package.
 */
#include <stdlib.h>

#include "base/error.h"
#include "base/vec.h"
#include "env/look_graph.h"

#define FAR SIZE_MAX

struct question {
    struct envm_arena *arena; /* of the report */
    const struct envm_look_graph *graph;
    struct envm_look_roots roots; /* of the graph */
    size_t limit;
    size_t *distance; /* of each node from the package in question; FAR: it does not lead there */
    size_t *queue;    /* nodes by distance */
    size_t queued;
    uint64_t *chains; /* how many shortest ones begin at a node */
    ENVM_VEC(struct envm_why_chain) found;
};

static void question_release(struct question *q)
{
    envm_vec_release(&q->found);
}
ENVM_DEFINE_CLEANUP(question, struct question, question_release)

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

/* Breadth first, from the package in question to those who need it. */
static void measure(struct question *q, size_t target)
{
    for (size_t i = 0; i < q->graph->count; i++) {
        q->distance[i] = FAR;
        q->chains[i] = 0;
    }
    q->distance[target] = 0;
    q->chains[target] = 1;
    q->queue[0] = target;
    q->queued = 1;
    for (size_t i = 0; i < q->queued; i++) {
        size_t node = q->queue[i];
        const struct envm_look_edges *edges = &q->graph->nodes[node].needed_by;

        for (size_t k = 0; k < edges->count; k++) {
            size_t next = edges->items[k].node;

            if (q->distance[next] == FAR) {
                q->distance[next] = q->distance[node] + 1;
                q->queue[q->queued++] = next;
            }
            if (q->distance[next] == q->distance[node] + 1)
                q->chains[next] = add_saturated(q->chains[next], q->chains[node]);
        }
    }
}

static struct envm_why_link link_to(const struct question *q, const struct envm_look_edge *edge)
{
    return (struct envm_why_link){q->graph->nodes[edge->node].record, edge->specs, edge->unmet};
}

/* The next edge, from `*at` on, of a node that leads towards the target. */
static const struct envm_look_edge *next_step(const struct question *q, size_t node, size_t *at)
{
    const struct envm_look_edges *edges = &q->graph->nodes[node].needs;

    while (*at < edges->count) {
        const struct envm_look_edge *edge = &edges->items[(*at)++];

        if (edge->node < q->graph->count && q->distance[edge->node] != FAR &&
            q->distance[edge->node] + 1 == q->distance[node])
            return edge;
    }
    return NULL;
}

struct step {
    size_t node, next;
};

/* Every step leads one nearer, so that each way that is begun is a chain. */
static void add_chains(struct question *q, size_t root)
{
    size_t length = q->distance[root] + 1;
    ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0};
    struct step *steps = envm_arena_new_array(&scratch, struct step, length);
    struct envm_why_link *links = envm_arena_new_array(&scratch, struct envm_why_link, length);
    size_t depth = 1;

    steps[0] = (struct step){.node = root};
    links[0] = (struct envm_why_link){.package = q->graph->nodes[root].record,
                                      .specs = q->graph->nodes[root].requested};
    while (depth > 0 && q->found.count < q->limit) {
        struct step *top = &steps[depth - 1];
        const struct envm_look_edge *edge;

        if (depth == length) {
            envm_vec_push(&q->found,
                          ((struct envm_why_chain){
                              envm_arena_copy(q->arena, links, length * sizeof(*links)), length}));
            depth--;
            continue;
        }
        edge = next_step(q, top->node, &top->next);
        if (!edge) {
            depth--;
            continue;
        }
        links[depth] = link_to(q, edge);
        steps[depth++] = (struct step){.node = edge->node};
    }
}

static int compare_roots(const void *a, const void *b, void *user)
{
    const struct question *q = user;
    size_t x = *(const size_t *)a, y = *(const size_t *)b;

    if (q->distance[x] != q->distance[y])
        return q->distance[x] < q->distance[y] ? -1 : 1;
    return x < y ? -1 : x > y;
}

static struct envm_why_link *links_of(struct question *q, const struct envm_look_edges *edges)
{
    struct envm_why_link *links =
        envm_arena_new_array(q->arena, struct envm_why_link, edges->count);

    for (size_t i = 0; i < edges->count; i++)
        links[i] = link_to(q, &edges->items[i]);
    return links;
}

static struct envm_why_package answer(struct question *q, size_t target)
{
    const struct envm_look_node *node = &q->graph->nodes[target];
    struct envm_why_package package = {
        .package = node->record,
        .is_virtual = node->is_virtual,
        .requested = node->requested,
        .dependents = links_of(q, &node->needed_by),
        .dependent_count = node->needed_by.count,
        .constraints = links_of(q, &node->constrained),
        .constraint_count = node->constrained.count,
    };

    measure(q, target);
    q->found.count = 0;
    if (q->roots.count > 1)
        qsort_r(q->roots.items, q->roots.count, sizeof(*q->roots.items), compare_roots, q);
    for (size_t i = 0; i < q->roots.count; i++) {
        size_t root = q->roots.items[i];

        if (q->distance[root] == FAR)
            continue;
        package.chain_total = add_saturated(package.chain_total, q->chains[root]);
        add_chains(q, root);
    }
    package.chains =
        envm_arena_copy(q->arena, q->found.items, q->found.count * sizeof(*q->found.items));
    package.chain_count = q->found.count;
    return package;
}

static struct envm_why_package *answer_all(struct envm_arena *arena,
                                           const struct envm_look_graph *graph,
                                           const struct envm_look_roots *targets, size_t limit)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena scratch = {0};
    ENVM_CLEANUP(question)
    struct question q = {
        .arena = arena,
        .graph = graph,
        .limit = limit == 0 || limit > ENVM_WHY_CHAINS_MAX ? ENVM_WHY_CHAINS_MAX : limit,
        .distance = envm_arena_new_array(&scratch, size_t, graph->count),
        .queue = envm_arena_new_array(&scratch, size_t, graph->count),
        .chains = envm_arena_new_array(&scratch, uint64_t, graph->count),
    };
    struct envm_why_package *packages =
        envm_arena_new_array(arena, struct envm_why_package, targets->count);

    envm_look_graph_roots(&scratch, graph, false, false, &q.roots);
    for (size_t i = 0; i < targets->count; i++)
        packages[i] = answer(&q, targets->items[i]);
    return packages;
}

enum envm_code envm_why(struct envm_context *context, struct envm_memory *memory,
                        const struct envm_why_options *options, struct envm_why_report *ret_report,
                        struct envm_error *err)
{
    struct envm_arena *arena = &memory->arena;
    struct envm_why_report report = {0};
    struct envm_look_graph graph = {0};
    struct envm_look_roots targets = {0};
    enum envm_code code =
        envm_look_graph_load(context, arena, &options->subject, &graph, &report.view, err);

    if (code == ENVM_OK)
        code = envm_look_graph_find(arena, &graph, options->name, &report.view, &targets, err);
    if (code == ENVM_OK) {
        report.packages = answer_all(arena, &graph, &targets, options->limit);
        report.package_count = targets.count;
    }
    if (code == ENVM_OK || code == ENVM_UNSATISFIABLE)
        *ret_report = report;
    return code;
}
