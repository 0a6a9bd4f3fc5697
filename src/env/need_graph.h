/* SPDX-License-Identifier: MIT
 *
 * Who needs whom in a set of packages: every dependency is parsed once, the rest is walking.
 */
#ifndef ENVM_ENV_NEED_GRAPH_H
#define ENVM_ENV_NEED_GRAPH_H

#include "base/map.h"
#include "conda/match_spec.h"
#include "conda/package_source.h"

struct envm_need {
    size_t to;                          /* index of the record that is needed */
    const struct envm_match_spec *spec; /* by which; it names the record, and need not match it */
};

struct envm_need_graph {
    struct envm_arena *arena;
    struct envm_record_list records;
    struct envm_map places; /* name -> index */
    struct envm_need **needs;
    size_t *need_counts;
};

/* Over records of different names, which have to outlive it. Dependencies that cannot be parsed,
 * or on nothing in the set, lead nowhere; those under a condition count when the set meets it, and
 * every extra counts as asked for. The graph lives in the arena but for its map, which
 * envm_need_graph_release frees. */
void envm_need_graph_init(struct envm_need_graph *graph, struct envm_arena *arena,
                          struct envm_record_list records);
void envm_need_graph_release(struct envm_need_graph *graph);
ENVM_DEFINE_CLEANUP(envm_need_graph, struct envm_need_graph, envm_need_graph_release)

/* Index of the record of a name, or SIZE_MAX. */
size_t envm_need_graph_find(const struct envm_need_graph *graph, envm_str name);
/* Marks everything that the marked records lead to. `marked` has a place for each record. */
void envm_need_graph_spread(const struct envm_need_graph *graph, bool *marked);
/* Marks everything that leads to a marked record. */
void envm_need_graph_spread_back(const struct envm_need_graph *graph, bool *marked);
/* Marks what a spec means by its name, a pattern included. Returns whether there was any. */
bool envm_need_graph_mark(const struct envm_need_graph *graph, const struct envm_match_spec *spec,
                          bool *marked);

#endif
