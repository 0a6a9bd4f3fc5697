/* SPDX-License-Identifier: MIT */
#include "solve/solver_pool.h"

#include <stdio.h>
#include <stdlib.h>

#include <solv/pool.h>
#include <solv/problems.h>
#include <solv/repo.h>
#include <solv/solver.h>

#include "base/alloc.h"
#include "base/topo.h"

struct asker {
    const struct envm_solve_load *load;
    const struct envm_solve_space *space;
    Pool *pool;
    Solver *solver;
    Id dummy;          /* what the feeding job really installs */
    Id first_solvable; /* of load->chosen[0] */
    Id first_class;    /* string id of class 0; the ids of the classes follow each other */
    Id namespace_id;
    uint32_t *index; /* by candidate: place in load->chosen */
};

static Id solvable_of(const struct asker *asker, uint32_t candidate)
{
    return asker->first_solvable + (Id)asker->index[candidate];
}

static uint32_t candidate_of(const struct asker *asker, Id solvable)
{
    Id at = solvable - asker->first_solvable;

    if (at < 0 || (uint32_t)at >= asker->load->chosen.count)
        return ENVM_SOLVE_NONE;
    return asker->load->chosen.items[at];
}

/* libsolv asks who provides a namespace id. An empty queue would become offset 1, which means
 * "the system provides it": nothing must be 0. */
static Id answer_namespace(Pool *pool, void *data, Id name, Id evr)
{
    const struct asker *asker = data;
    Id class = evr - asker->first_class;

    if (name != asker->namespace_id || class < 0 || (uint32_t) class >= asker->load->class_count)
        return 0;
    struct envm_id_list list = asker->load->classes[class];
    if (list.count == 0)
        return 0;
    Queue queue;
    queue_init(&queue);
    for (uint32_t i = 0; i < list.count; i++)
        queue_push(&queue, solvable_of(asker, list.items[i]));
    Id offset = pool_queuetowhatprovides(pool, &queue);
    queue_free(&queue);
    return offset;
}

static Id class_dependency(const struct asker *asker, uint32_t class)
{
    return pool_rel2id(asker->pool, asker->namespace_id, asker->first_class + (Id) class,
                       REL_NAMESPACE, 1);
}

static void add_class_names(struct asker *asker)
{
    char text[32];

    asker->namespace_id = pool_str2id(asker->pool, "envm-match", 1);
    for (uint32_t i = 0; i < asker->load->class_count; i++) {
        snprintf(text, sizeof(text), "envm-class-%u", i);
        Id id = pool_str2id(asker->pool, text, 1);
        if (i == 0)
            asker->first_class = id;
    }
}

/* Names are given by number: nothing from outside is put before libsolv's own parsing. */
static Id name_id(const struct asker *asker, uint32_t name)
{
    char text[32];

    snprintf(text, sizeof(text), "envm-name-%u", name);
    return pool_str2id(asker->pool, text, 1);
}

static void fill_solvable(struct asker *asker, Repo *repo, uint32_t index,
                          struct envm_id_vec *classes)
{
    uint32_t candidate = asker->load->chosen.items[index];
    const struct envm_solve_candidate *c = &asker->space->candidates.items[candidate];
    Solvable *solvable = pool_id2solvable(asker->pool, asker->first_solvable + (Id)index);
    char rank[32];

    snprintf(rank, sizeof(rank), "%u", c->rank);
    solvable->name = name_id(asker, c->name);
    solvable->evr = pool_str2id(asker->pool, rank, 1);
    solvable->arch = ARCH_NOARCH;
    solvable->provides =
        repo_addid_dep(repo, solvable->provides,
                       pool_rel2id(asker->pool, solvable->name, solvable->evr, REL_EQ, 1), 0);
    envm_solve_load_depends(asker->load, candidate, classes);
    for (size_t i = 0; i < classes->count; i++)
    solvable->requires =
        repo_addid_dep(repo, solvable->requires, class_dependency(asker, classes->items[i]), 0);
    envm_solve_load_conflicts(asker->load, candidate, classes);
    for (size_t i = 0; i < classes->count; i++)
        solvable->conflicts = repo_addid_dep(repo, solvable->conflicts,
                                             class_dependency(asker, classes->items[i]), 0);
}

static void fill_pool(struct asker *asker)
{
    const struct envm_solve_load *load = asker->load;
    struct envm_id_vec classes = {0};

    pool_setdisttype(asker->pool, DISTTYPE_RPM);
    pool_setnamespacecallback(asker->pool, answer_namespace, asker);
    add_class_names(asker);
    Repo *repo = repo_create(asker->pool, "envm");
    asker->dummy = repo_add_solvable(repo);
    Solvable *dummy = pool_id2solvable(asker->pool, asker->dummy);
    dummy->name = pool_str2id(asker->pool, "envm-dummy", 1);
    dummy->evr = pool_str2id(asker->pool, "1", 1);
    dummy->arch = ARCH_NOARCH;
    if (load->chosen.count)
        asker->first_solvable = repo_add_solvable_block(repo, (int)load->chosen.count);
    for (uint32_t i = 0; i < load->chosen.count; i++)
        asker->index[load->chosen.items[i]] = i;
    for (uint32_t i = 0; i < load->chosen.count; i++)
        fill_solvable(asker, repo, i, &classes);
    envm_vec_release(&classes);
    pool_createwhatprovides(asker->pool);
}

/* --- jobs ----------------------------------------------------------------------------------- */

/* Dependencies among the names that are loaded, for the order of feeding. */
struct name_graph {
    struct envm_arena arena;
    uint32_t *position;       /* by name: 1 + place among the loaded names; 0: not loaded */
    ENVM_VEC(uint32_t) first; /* by place: index of its first candidate in load->chosen */
    struct envm_topo_edges *edges;
};

static void list_edges(const struct asker *asker, struct name_graph *graph, size_t place)
{
    const struct envm_id_list *chosen = &asker->load->chosen;
    size_t end = place + 1 < graph->first.count ? graph->first.items[place + 1] : chosen->count;
    ENVM_VEC(size_t) edges = {0};
    uint8_t *seen = envm_alloc_zero(graph->first.count, 1);

    for (size_t i = graph->first.items[place]; i < end; i++) {
        struct envm_id_list depends = asker->space->candidates.items[chosen->items[i]].depends;
        for (uint32_t j = 0; j < depends.count; j++) {
            uint32_t name = asker->space->specs.items[depends.items[j]].name;
            uint32_t at = name == ENVM_SOLVE_NONE ? 0 : graph->position[name];
            if (at == 0 || seen[at - 1])
                continue;
            seen[at - 1] = 1;
            envm_vec_push(&edges, at - 1);
        }
    }
    graph->edges[place] = (struct envm_topo_edges){
        envm_arena_copy(&graph->arena, edges.items, edges.count * sizeof(*edges.items)),
        edges.count};
    envm_free(seen);
    envm_vec_release(&edges);
}

/* libsolv closes over dependencies breadth first with a queue that it moves in memory, quadratic
 * in the number of candidates when it starts at the requests. One job that names everything, with
 * the leaves first, keeps its queue short; the dummy in it makes it say nothing. */
static void push_feeding_job(const struct asker *asker, Queue *jobs)
{
    const struct envm_id_list *chosen = &asker->load->chosen;
    struct name_graph graph = {0};
    Queue list;

    graph.position = envm_arena_new_array(&graph.arena, uint32_t,
                                          asker->load->view->reach->name_count + (size_t)1);
    for (uint32_t i = 0; i < chosen->count; i++) {
        uint32_t name = asker->space->candidates.items[chosen->items[i]].name;
        if (graph.position[name])
            continue;
        envm_vec_push(&graph.first, i);
        graph.position[name] = (uint32_t)graph.first.count;
    }
    graph.edges = envm_arena_new_array(&graph.arena, struct envm_topo_edges, graph.first.count);
    for (size_t i = 0; i < graph.first.count; i++)
        list_edges(asker, &graph, i);
    size_t *order = envm_arena_new_array(&graph.arena, size_t, graph.first.count);
    envm_topo_sort(graph.edges, graph.first.count, order);
    queue_init(&list);
    queue_push(&list, asker->dummy);
    for (size_t i = 0; i < graph.first.count; i++) {
        size_t place = order[i];
        size_t end = place + 1 < graph.first.count ? graph.first.items[place + 1] : chosen->count;
        for (size_t j = graph.first.items[place]; j < end; j++)
            queue_push(&list, asker->first_solvable + (Id)j);
    }
    queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_ONE_OF,
                pool_queuetowhatprovides(asker->pool, &list));
    queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE, asker->dummy);
    queue_free(&list);
    envm_vec_release(&graph.first);
    envm_arena_release(&graph.arena);
}

static void push_requests(const struct asker *asker, Queue *jobs)
{
    const struct envm_solve_reach *reach = asker->load->view->reach;

    for (uint32_t i = 0; i < reach->requests.count; i++) {
        uint32_t class = asker->load->depend_class[reach->requests.items[i]];
        if (class != ENVM_SOLVE_NONE)
            queue_push2(jobs, SOLVER_INSTALL | SOLVER_SOLVABLE_PROVIDES,
                        class_dependency(asker, class));
    }
}

/* --- answers -------------------------------------------------------------------------------- */

static int compare_ids(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

static void read_chosen(const struct asker *asker, struct envm_id_vec *chosen)
{
    Queue decisions;

    queue_init(&decisions);
    solver_get_decisionqueue(asker->solver, &decisions);
    for (int i = 0; i < decisions.count; i++) {
        uint32_t c = decisions.elements[i] > 0 ? candidate_of(asker, decisions.elements[i])
                                               : ENVM_SOLVE_NONE;
        if (c != ENVM_SOLVE_NONE)
            envm_vec_push(chosen, c);
    }
    queue_free(&decisions);
    if (chosen->count > 1)
        qsort(chosen->items, chosen->count, sizeof(*chosen->items), compare_ids);
}

/* The specs by which `candidate` depends on (constrains) a class. */
static void expand_specs(const struct asker *asker, enum envm_rule_kind kind, uint32_t candidate,
                         uint32_t to, uint32_t class, struct envm_rule_vec *rules)
{
    const struct envm_solve_load *load = asker->load;
    const struct envm_solve_candidate *c = &asker->space->candidates.items[candidate];
    struct envm_id_list specs = kind == ENVM_RULE_DEPENDS ? c->depends : c->constrains;
    const uint32_t *classes = kind == ENVM_RULE_DEPENDS ? load->depend_class : load->conflict_class;

    for (uint32_t i = 0; i < specs.count; i++)
        if (specs.items[i] < load->view->reach->spec_count && classes[specs.items[i]] == class)
            envm_vec_push(rules, ((struct envm_solve_rule){kind, candidate, to, specs.items[i]}));
}

/* libsolv speaks of representatives and classes; the explanation is about every candidate that
 * they stand for and about the specs as written. */
static void expand_rule(const struct asker *asker, enum envm_rule_kind kind, uint32_t from,
                        uint32_t to, uint32_t class, struct envm_rule_vec *rules)
{
    const struct envm_solve_load *load = asker->load;
    const struct envm_solve_reach *reach = load->view->reach;

    for (uint32_t i = 0; i < reach->reached.count; i++) {
        uint32_t member = reach->reached.items[i];
        if (load->stands_for[member] != from)
            continue;
        if (kind == ENVM_RULE_SAME_NAME || kind == ENVM_RULE_EXCLUDED)
            envm_vec_push(rules, ((struct envm_solve_rule){kind, member, to, class}));
        else
            expand_specs(asker, kind, member, to, class, rules);
    }
}

static uint32_t class_of_dependency(const struct asker *asker, Id dependency)
{
    /* relations have the top bit set */
    if (dependency >= 0)
        return ENVM_SOLVE_NONE;
    const Reldep *relation = asker->pool->rels + ((uint32_t)dependency & 0x7fffffffu);
    return (uint32_t)(relation->evr - asker->first_class);
}

static void read_rule(const struct asker *asker, Id rule, struct envm_rule_vec *rules)
{
    Id from = 0, to = 0, dependency = 0;
    SolverRuleinfo kind = solver_ruleinfo(asker->solver, rule, &from, &to, &dependency);
    uint32_t source = from ? candidate_of(asker, from) : ENVM_SOLVE_NONE;
    uint32_t target = to ? candidate_of(asker, to) : ENVM_SOLVE_NONE;

    if (source == ENVM_SOLVE_NONE)
        return;
    if (kind == SOLVER_RULE_PKG_REQUIRES || kind == SOLVER_RULE_PKG_NOTHING_PROVIDES_DEP) {
        expand_rule(asker, ENVM_RULE_DEPENDS, source, ENVM_SOLVE_NONE,
                    class_of_dependency(asker, dependency), rules);
    } else if (kind == SOLVER_RULE_PKG_CONFLICTS && target != ENVM_SOLVE_NONE) {
        size_t before = rules->count;
        expand_rule(asker, ENVM_RULE_CONSTRAINS, source, target,
                    class_of_dependency(asker, dependency), rules);
        if (rules->count > before)
            expand_rule(asker, ENVM_RULE_EXCLUDED, target, source, rules->items[before].spec,
                        rules);
    } else if (kind == SOLVER_RULE_PKG_SAME_NAME && target != ENVM_SOLVE_NONE) {
        expand_rule(asker, ENVM_RULE_SAME_NAME, source, target, ENVM_SOLVE_NONE, rules);
        expand_rule(asker, ENVM_RULE_SAME_NAME, target, source, ENVM_SOLVE_NONE, rules);
    }
}

static void read_problem(const struct asker *asker, struct envm_rule_vec *rules)
{
    Queue found;

    queue_init(&found);
    solver_findallproblemrules(asker->solver, 1, &found);
    for (int i = 0; i < found.count; i++)
        read_rule(asker, found.elements[i], rules);
    queue_free(&found);
}

bool envm_solver_ask(const struct envm_solve_view *view, struct envm_id_vec *ret_chosen,
                     struct envm_rule_vec *ret_rules, uint32_t *ret_candidates)
{
    ENVM_CLEANUP(envm_solve_load) struct envm_solve_load load = {0};
    Queue jobs;

    ret_chosen->count = 0;
    if (ret_rules)
        ret_rules->count = 0;
    envm_solve_load_init(&load, view, ret_rules == NULL);
    struct asker asker = {.load = &load, .space = view->reach->space, .pool = pool_create()};
    asker.index =
        envm_arena_new_array(&load.arena, uint32_t, (size_t)view->reach->candidate_count + 1);
    fill_pool(&asker);
    queue_init(&jobs);
    push_feeding_job(&asker, &jobs);
    push_requests(&asker, &jobs);
    asker.solver = solver_create(asker.pool);
    bool solved = solver_solve(asker.solver, &jobs) == 0;
    if (solved)
        read_chosen(&asker, ret_chosen);
    else if (ret_rules)
        read_problem(&asker, ret_rules);
    if (ret_candidates)
        *ret_candidates = load.chosen.count;
    solver_free(asker.solver);
    queue_free(&jobs);
    pool_free(asker.pool);
    return solved;
}
