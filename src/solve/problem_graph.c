/* SPDX-License-Identifier: MIT */
#include "solve/problem_graph.h"

#include <stdlib.h>

#include "base/alloc.h"
#include "solve/problem_missing.h"

#define DEPTH_MAX 24u
#define NODES_MAX 4000u

struct maker {
    const struct envm_solve_attempt *attempt;
    struct envm_solve_space *space;
    struct envm_arena *arena;
    struct envm_id_lists rules_from;  /* candidate -> rules of the answer */
    struct envm_problem_node ***done; /* by spec: children once made */
    size_t *done_count;
    uint8_t *on_path; /* by spec */
    uint32_t nodes;
    unsigned depth;
};

struct node_vec {
    struct envm_problem_node **items;
    size_t count, capacity;
};

/* --- shapes --------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t a, uint64_t b)
{
    a ^= b + UINT64_C(0x9e3779b97f4a7c15) + (a << 6) + (a >> 2);
    a *= UINT64_C(0xff51afd7ed558ccd);
    return a ^ (a >> 33);
}

static void set_shape(struct envm_problem_node *node)
{
    uint64_t shape = mix((uint64_t)node->kind + 1 + (node->is_constraint ? 16 : 0), node->name);

    if (node->kind == ENVM_PROBLEM_REASON)
        shape = mix(shape, node->reason);
    if (node->kind == ENVM_PROBLEM_REQUEST || node->reason == ENVM_REASON_REQUEST)
        shape = mix(shape, node->spec);
    for (size_t i = 0; i < node->child_count; i++)
        shape = mix(shape, node->children[i]->shape);
    node->shape = shape;
}

static int compare_shape(const void *a, const void *b)
{
    const struct envm_problem_node *x = *(struct envm_problem_node *const *)a;
    const struct envm_problem_node *y = *(struct envm_problem_node *const *)b;

    return x->shape < y->shape ? -1 : x->shape > y->shape;
}

static int compare_u32(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static struct envm_id_list join_ids(struct envm_arena *arena, struct envm_id_list a,
                                    struct envm_id_list b)
{
    uint32_t *ids = envm_arena_new_array(arena, uint32_t, (size_t)a.count + b.count + 1);
    uint32_t count = 0, kept = 0;

    for (uint32_t i = 0; i < a.count; i++)
        ids[count++] = a.items[i];
    for (uint32_t i = 0; i < b.count; i++)
        ids[count++] = b.items[i];
    if (count > 1)
        qsort(ids, count, sizeof(*ids), compare_u32);
    for (uint32_t i = 0; i < count; i++)
        if (kept == 0 || ids[kept - 1] != ids[i])
            ids[kept++] = ids[i];
    return (struct envm_id_list){ids, kept};
}

/* Both have one shape, so their children correspond one to one. Depth is bounded by DEPTH_MAX. */
static struct envm_problem_node *merge_nodes(struct maker *maker, struct envm_problem_node *a,
                                             struct envm_problem_node *b)
{
    if (a == b)
        return a;
    struct envm_problem_node *node = envm_arena_copy(maker->arena, a, sizeof(*a));
    node->candidates = join_ids(maker->arena, a->candidates, b->candidates);
    node->specs = join_ids(maker->arena, a->specs, b->specs);
    node->children =
        envm_arena_new_array(maker->arena, struct envm_problem_node *, a->child_count + 1);
    for (size_t i = 0; i < a->child_count; i++)
        node->children[i] = i < b->child_count ? merge_nodes(maker, a->children[i], b->children[i])
                                               : a->children[i];
    return node;
}

static struct envm_id_list list_of(struct maker *maker, struct envm_id_vec *vec)
{
    struct envm_id_list list = {
        envm_arena_copy(maker->arena, vec->items, vec->count * sizeof(*vec->items)),
        (uint32_t)vec->count};

    envm_vec_release(vec);
    return list;
}

/* The specs by which a candidate depends on a name or constrains it. */
static struct envm_id_list terms_about(struct maker *maker, uint32_t candidate, uint32_t name)
{
    const struct envm_solve_candidate *c = &maker->space->candidates.items[candidate];
    struct envm_id_vec found = {0};

    for (uint32_t i = 0; i < c->depends.count + c->constrains.count; i++) {
        uint32_t spec =
            i < c->depends.count ? c->depends.items[i] : c->constrains.items[i - c->depends.count];
        if (maker->space->specs.items[spec].name == name)
            envm_vec_push(&found, spec);
    }
    return list_of(maker, &found);
}

static void merge_equal(struct maker *maker, struct node_vec *nodes)
{
    size_t kept = 0;

    if (nodes->count > 1)
        qsort(nodes->items, nodes->count, sizeof(*nodes->items), compare_shape);
    for (size_t i = 0; i < nodes->count; i++) {
        if (kept && nodes->items[kept - 1]->shape == nodes->items[i]->shape)
            nodes->items[kept - 1] = merge_nodes(maker, nodes->items[kept - 1], nodes->items[i]);
        else
            nodes->items[kept++] = nodes->items[i];
    }
    nodes->count = kept;
}

/* --- nodes ---------------------------------------------------------------------------------- */

static struct envm_problem_node *new_node(struct maker *maker, enum envm_problem_kind kind)
{
    struct envm_problem_node *node = envm_arena_new(maker->arena, struct envm_problem_node);

    maker->nodes++;
    node->kind = kind;
    node->name = node->spec = node->other = ENVM_SOLVE_NONE;
    return node;
}

static void one_id(struct maker *maker, struct envm_id_list *list, uint32_t id)
{
    *list = (struct envm_id_list){envm_arena_copy(maker->arena, &id, sizeof(id)), 1};
}

static struct envm_problem_node *reason_node(struct maker *maker, enum envm_problem_reason reason,
                                             uint32_t spec, uint32_t other)
{
    struct envm_problem_node *node = new_node(maker, ENVM_PROBLEM_REASON);

    node->reason = reason;
    node->spec = spec;
    node->other = other;
    if (spec != ENVM_SOLVE_NONE)
        one_id(maker, &node->specs, spec);
    if (other != ENVM_SOLVE_NONE)
        node->name = maker->space->candidates.items[other].name;
    else if (spec != ENVM_SOLVE_NONE)
        node->name = maker->space->specs.items[spec].name;
    set_shape(node);
    return node;
}

static void take_children(struct maker *maker, struct envm_problem_node *node,
                          struct node_vec *children)
{
    merge_equal(maker, children);
    node->child_count = children->count;
    node->children =
        envm_arena_copy(maker->arena, children->items, children->count * sizeof(*children->items));
    envm_vec_release(children);
    set_shape(node);
}

/* --- what stands in the way of a candidate --------------------------------------------------- */

/* In `reason` of an edge that leads to a spec. */
enum { EDGE_DEPENDS, EDGE_CONSTRAINS };

struct edge {
    uint32_t depends; /* a spec, or ENVM_SOLVE_NONE: then the reason */
    uint32_t reason, spec, other;
};

struct edge_vec {
    struct edge *items;
    size_t count, capacity;
};

static int compare_edges(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct edge));
}

static void push_reason(struct edge_vec *edges, enum envm_problem_reason reason, uint32_t spec,
                        uint32_t other)
{
    envm_vec_push(edges, ((struct edge){ENVM_SOLVE_NONE, reason, spec, other}));
}

static void edges_of_rules(struct maker *maker, uint32_t candidate, struct edge_vec *edges)
{
    struct envm_id_list rules = envm_ids_of(&maker->rules_from, candidate);

    for (uint32_t i = 0; i < rules.count; i++) {
        const struct envm_solve_rule *rule = &maker->attempt->answer.rules.items[rules.items[i]];
        if (rule->kind == ENVM_RULE_DEPENDS)
            envm_vec_push(edges, ((struct edge){rule->spec, EDGE_DEPENDS, 0, 0}));
        else if (rule->kind == ENVM_RULE_CONSTRAINS)
            push_reason(edges, ENVM_REASON_CONSTRAINS, rule->spec, ENVM_SOLVE_NONE);
        else if (rule->kind == ENVM_RULE_EXCLUDED)
            push_reason(edges, ENVM_REASON_EXCLUDED, rule->spec, rule->to);
        else
            push_reason(edges, ENVM_REASON_SAME_NAME, ENVM_SOLVE_NONE, ENVM_SOLVE_NONE);
    }
}

/* Nothing that was reached accepts it: what needs its name needs another. */
static void edges_of_unreached(struct maker *maker, uint32_t candidate, struct edge_vec *edges)
{
    uint32_t name = maker->space->candidates.items[candidate].name;

    if (maker->attempt->view.is_needed[name] &&
        maker->attempt->view.needed_by[name] != ENVM_SOLVE_NONE)
        push_reason(edges, ENVM_REASON_NEEDED, maker->attempt->view.needed_by[name],
                    ENVM_SOLVE_NONE);
}

/* Fills the edges of one candidate; none means that it has no part in the conflict. */
static void edges_of(struct maker *maker, uint32_t candidate, struct edge_vec *edges)
{
    const struct envm_solve_view *view = &maker->attempt->view;
    const struct envm_solve_reach *reach = view->reach;
    uint32_t request = ENVM_SOLVE_NONE;
    size_t kept = 0;

    edges->count = 0;
    enum envm_exclusion exclusion =
        envm_solve_exclusion(maker->space, reach->requests, candidate, &request);
    if (exclusion == ENVM_EXCLUDED_PRIORITY)
        push_reason(edges, ENVM_REASON_PRIORITY, ENVM_SOLVE_NONE, ENVM_SOLVE_NONE);
    else if (exclusion == ENVM_EXCLUDED_DATE)
        push_reason(edges, ENVM_REASON_DATE, ENVM_SOLVE_NONE, ENVM_SOLVE_NONE);
    else if (exclusion == ENVM_EXCLUDED_REQUEST)
        push_reason(edges, ENVM_REASON_REQUEST, request, ENVM_SOLVE_NONE);
    else if (exclusion == ENVM_EXCLUDED_BROKEN)
        push_reason(edges, ENVM_REASON_BROKEN,
                    maker->space->candidates.items[candidate].broken_spec, ENVM_SOLVE_NONE);
    else if (candidate >= reach->candidate_count)
        return;
    else if (!reach->is_reached[candidate])
        edges_of_unreached(maker, candidate, edges);
    else if (view->is_live[candidate])
        edges_of_rules(maker, candidate, edges);
    else if (view->why[candidate].death == ENVM_DEATH_DEPENDS)
        envm_vec_push(edges, ((struct edge){view->why[candidate].id, EDGE_DEPENDS, 0, 0}));
    else if (view->why[candidate].death == ENVM_DEATH_CONSTRAINS)
        envm_vec_push(edges, ((struct edge){view->why[candidate].id, EDGE_CONSTRAINS, 0, 0}));
    else if (view->why[candidate].death == ENVM_DEATH_NEEDED)
        push_reason(edges, ENVM_REASON_NEEDED, view->why[candidate].id, ENVM_SOLVE_NONE);
    if (edges->count > 1)
        qsort(edges->items, edges->count, sizeof(*edges->items), compare_edges);
    for (size_t i = 0; i < edges->count; i++)
        if (kept == 0 || compare_edges(&edges->items[kept - 1], &edges->items[i]) != 0)
            edges->items[kept++] = edges->items[i];
    edges->count = kept;
}

/* --- building ------------------------------------------------------------------------------- */

static void spec_children(struct maker *maker, uint32_t spec, struct node_vec *ret_children);

static struct envm_problem_node *depends_node(struct maker *maker, uint32_t spec,
                                              bool is_constraint)
{
    struct envm_problem_node *node = new_node(maker, ENVM_PROBLEM_DEPENDS);
    struct node_vec children = {0};

    node->name = maker->space->specs.items[spec].name;
    node->is_constraint = is_constraint;
    one_id(maker, &node->specs, spec);
    spec_children(maker, spec, &children);
    take_children(maker, node, &children);
    return node;
}

/* Which records of the needed name that killed a candidate could still be had at that time, and
 * what they say about the candidate's name. */
static void fill_needed(struct maker *maker, struct envm_problem_node *node, uint32_t needed,
                        uint32_t candidate)
{
    const struct envm_solve_view *view = &maker->attempt->view;
    const struct envm_solve_name *entry = &maker->space->names.items[needed];
    struct envm_id_list specs = {0};
    struct envm_id_vec found = {0}, path = {0};

    for (uint32_t c = entry->first; c < entry->first + entry->count; c++) {
        if (c >= view->reach->candidate_count || !view->reach->is_reached[c] ||
            (!view->is_live[c] && view->why[c].order < view->why[candidate].order))
            continue;
        struct envm_id_list own =
            terms_about(maker, c, maker->space->candidates.items[candidate].name);
        if (own.count)
            envm_vec_push(&found, c);
        specs = join_ids(maker->arena, specs, own);
    }
    for (uint32_t by = view->needed_by[needed]; by != ENVM_SOLVE_NONE && path.count < DEPTH_MAX;
         by = view->needed_by[by])
        envm_vec_push(&path, by);
    node->name = needed;
    node->specs = specs;
    node->candidates = list_of(maker, &found);
    node->path = list_of(maker, &path);
    set_shape(node);
}

static struct envm_problem_node *edge_node(struct maker *maker, const struct edge *edge,
                                           uint32_t candidate)
{
    if (edge->depends != ENVM_SOLVE_NONE)
        return depends_node(maker, edge->depends, edge->reason == EDGE_CONSTRAINS);
    if (edge->reason != ENVM_REASON_NEEDED)
        return reason_node(maker, (enum envm_problem_reason)edge->reason, edge->spec, edge->other);
    struct envm_problem_node *node =
        reason_node(maker, ENVM_REASON_NEEDED, ENVM_SOLVE_NONE, ENVM_SOLVE_NONE);
    fill_needed(maker, node, edge->spec, candidate);
    return node;
}

static struct envm_problem_node *packages_node(struct maker *maker, uint32_t candidate,
                                               const struct edge_vec *edges)
{
    struct envm_problem_node *node = new_node(maker, ENVM_PROBLEM_PACKAGES);
    struct node_vec children = {0};

    node->name = maker->space->candidates.items[candidate].name;
    one_id(maker, &node->candidates, candidate);
    for (size_t i = 0; i < edges->count; i++) {
        struct envm_problem_node *child = edge_node(maker, &edges->items[i], candidate);
        envm_vec_push(&children, child);
    }
    take_children(maker, node, &children);
    return node;
}

struct group {
    struct envm_problem_node *node;
    struct envm_id_vec candidates;
};

struct group_vec {
    struct group *items;
    size_t count, capacity;
};

/* The group of candidates with the same edges: there may be thousands of them in one. The name is
 * part of the key, as a pattern matches several. */
static struct group *find_group(struct maker *maker, struct group_vec *groups,
                                struct envm_map *index, uint32_t candidate, struct edge_vec *edges)
{
    push_reason(edges, ENVM_REASON_REPEATED, maker->space->candidates.items[candidate].name, 0);
    size_t size = edges->count * sizeof(*edges->items);
    envm_str key = envm_str_n((const char *)edges->items, size);
    uint64_t *slot = envm_map_find(index, key);
    edges->count--;
    if (slot)
        return &groups->items[*slot];
    key.ptr = envm_arena_copy(maker->arena, edges->items, size);
    envm_map_set(index, key, groups->count);
    envm_vec_push(groups, ((struct group){packages_node(maker, candidate, edges), {0}}));
    return &groups->items[groups->count - 1];
}

static void group_candidates(struct maker *maker, uint32_t spec, struct node_vec *nodes)
{
    struct envm_id_list matches = maker->space->specs.items[spec].matches;
    ENVM_CLEANUP(envm_map) struct envm_map index = {0};
    struct group_vec groups = {0};
    struct edge_vec edges = {0};

    for (uint32_t i = 0; i < matches.count; i++) {
        edges_of(maker, matches.items[i], &edges);
        if (edges.count == 0)
            continue;
        struct group *group = find_group(maker, &groups, &index, matches.items[i], &edges);
        envm_vec_push(&group->candidates, matches.items[i]);
    }
    for (size_t i = 0; i < groups.count; i++) {
        struct group *group = &groups.items[i];
        group->node->candidates =
            (struct envm_id_list){envm_arena_copy(maker->arena, group->candidates.items,
                                                  group->candidates.count * sizeof(uint32_t)),
                                  (uint32_t)group->candidates.count};
        envm_vec_push(nodes, group->node);
        envm_vec_release(&group->candidates);
    }
    envm_vec_release(&groups);
    envm_vec_release(&edges);
}

/* Recursive in the depth of the dependency chain, at most DEPTH_MAX. */
static void spec_children(struct maker *maker, uint32_t spec, struct node_vec *ret_children)
{
    if (maker->done[spec]) {
        for (size_t i = 0; i < maker->done_count[spec]; i++)
            envm_vec_push(ret_children, maker->done[spec][i]);
        return;
    }
    if (maker->on_path[spec] || maker->depth >= DEPTH_MAX || maker->nodes >= NODES_MAX) {
        envm_vec_push(ret_children,
                      reason_node(maker, ENVM_REASON_REPEATED, ENVM_SOLVE_NONE, ENVM_SOLVE_NONE));
        return;
    }
    maker->on_path[spec] = 1;
    maker->depth++;
    /* under a condition there is another way, which is told beside it */
    uint32_t wanted = maker->space->specs.items[spec].role == ENVM_ROLE_EITHER
                          ? maker->space->specs.items[spec].inner
                          : spec;
    if (wanted != ENVM_SOLVE_NONE && maker->space->specs.items[wanted].matches.count == 0)
        envm_vec_push(ret_children,
                      reason_node(maker, envm_problem_missing_reason(maker->space, wanted), wanted,
                                  ENVM_SOLVE_NONE));
    group_candidates(maker, spec, ret_children);
    merge_equal(maker, ret_children);
    maker->depth--;
    maker->on_path[spec] = 0;
    maker->done[spec] = envm_arena_copy(maker->arena, ret_children->items,
                                        ret_children->count * sizeof(*ret_children->items));
    maker->done_count[spec] = ret_children->count;
}

static void index_rules(struct maker *maker)
{
    const struct envm_rule_vec *rules = &maker->attempt->answer.rules;
    uint32_t keys = maker->attempt->reach.candidate_count;
    uint32_t *start = envm_arena_new_array(maker->arena, uint32_t, keys + (size_t)2);
    uint32_t *items = envm_arena_new_array(maker->arena, uint32_t, rules->count + 1);

    for (size_t i = 0; i < rules->count; i++)
        start[rules->items[i].from + 2]++;
    for (uint32_t i = 0; i < keys; i++)
        start[i + 2] += start[i + 1];
    /* filling moves start[key + 1] up to where the key's items end */
    for (size_t i = 0; i < rules->count; i++)
        items[start[rules->items[i].from + 1]++] = (uint32_t)i;
    maker->rules_from = (struct envm_id_lists){start, items};
}

/* What could still meet a request; virtual packages and patterns are left out. */
static struct envm_id_list live_matches(struct maker *maker, uint32_t spec)
{
    const struct envm_solve_spec *entry = &maker->space->specs.items[spec];
    uint32_t *ids = envm_arena_new_array(maker->arena, uint32_t, entry->matches.count + (size_t)1);
    uint32_t count = 0;

    for (uint32_t i = 0; i < entry->matches.count && entry->name != ENVM_SOLVE_NONE; i++)
        if (entry->matches.items[i] < maker->attempt->reach.candidate_count &&
            maker->attempt->view.is_live[entry->matches.items[i]])
            ids[count++] = entry->matches.items[i];
    return (struct envm_id_list){ids, count};
}

void envm_problem_graph_make(const struct envm_solve_attempt *attempt,
                             struct envm_problem_graph *ret_graph)
{
    struct envm_solve_space *space = attempt->reach.space;
    struct maker maker = {.attempt = attempt, .space = space, .arena = space->arena};
    struct envm_id_list requests = attempt->reach.requests;
    size_t spec_count = (size_t)attempt->reach.spec_count + 1;

    index_rules(&maker);
    maker.done = envm_arena_new_array(space->arena, struct envm_problem_node **, spec_count);
    maker.done_count = envm_arena_new_array(space->arena, size_t, spec_count);
    maker.on_path = envm_arena_new_array(space->arena, uint8_t, spec_count);
    ret_graph->space = space;
    ret_graph->requests = requests;
    ret_graph->roots =
        envm_arena_new_array(space->arena, struct envm_problem_node *, requests.count + (size_t)1);
    for (uint32_t i = 0; i < requests.count; i++) {
        struct envm_problem_node *node = new_node(&maker, ENVM_PROBLEM_REQUEST);
        struct node_vec children = {0};
        node->spec = requests.items[i];
        if (!envm_solve_is_pin(space, requests.items[i])) {
            node->candidates = live_matches(&maker, requests.items[i]);
            spec_children(&maker, requests.items[i], &children);
        }
        take_children(&maker, node, &children);
        ret_graph->roots[i] = node;
    }
}
