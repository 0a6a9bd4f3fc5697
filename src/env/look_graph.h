/* SPDX-License-Identifier: MIT
 *
 * Who needs whom: the packages of an environment, a lock or a solution as a graph, for `tree` and
 * `why`. Everything lives in the arena that it was made in and is free of credentials.
 */
#ifndef ENVM_ENV_LOOK_GRAPH_H
#define ENVM_ENV_LOOK_GRAPH_H

#include <envm/look.h>

#include "conda/package_source.h"
#include "env/context.h"

#define ENVM_LOOK_MISSING SIZE_MAX

struct envm_look_edge {
    size_t node; /* ENVM_LOOK_MISSING: nothing has the name */
    struct envm_str_list specs;
    bool unmet; /* the node is not what all of the specs ask for */
};

struct envm_look_edges {
    struct envm_look_edge *items; /* by node, the missing ones last */
    size_t count;
};

struct envm_look_node {
    const struct envm_package_record *record;
    bool is_virtual;
    struct envm_str_list requested;     /* readable form, sorted */
    struct envm_look_edges needs;       /* what it needs */
    struct envm_look_edges needed_by;   /* who needs it: the same edges from the other end */
    struct envm_look_edges constrained; /* who constrains it */
};

struct envm_look_graph {
    struct envm_look_node *nodes; /* by name; virtual packages among them */
    size_t count;
};

/* Packages that are linked into a graph. */
struct envm_look_packages {
    struct envm_record_list records;
    struct envm_record_list virtual_packages;
    const struct envm_str_list *requested; /* of each record; NULL: `specs` decide */
    struct envm_str_list specs;            /* that asked for packages */
    bool add_pip;                          /* python needs pip */
};

/* Makes the graph. A dependency under a condition counts when the packages and the system meet the
 * condition, but is not missed where it is not there; what an extra brings counts when somebody
 * asks for the extra. A dependency that cannot be parsed is passed over. */
void envm_look_graph_make(struct envm_arena *arena, const struct envm_look_packages *packages,
                          struct envm_look_graph *ret_graph);

/* Reads the subject and makes its graph. The view is filled also on ENVM_UNSATISFIABLE. */
enum envm_code envm_look_graph_load(struct envm_context *context, struct envm_arena *arena,
                                    const struct envm_look_subject *subject,
                                    struct envm_look_graph *ret_graph,
                                    struct envm_look_view *ret_view, struct envm_error *err);

/* Nodes from which everything is reached along `needs` (with `invert`: along `needed_by`), by name:
 * what was asked for (not with invert), what nothing leads to, and of a cycle that nothing leads to
 * one package. Virtual packages are roots only with `invert` and `virtual_packages`. */
struct envm_look_roots {
    size_t *items;
    size_t count;
};
void envm_look_graph_roots(struct envm_arena *arena, const struct envm_look_graph *graph,
                           bool invert, bool virtual_packages, struct envm_look_roots *ret_roots);

/* Appends the nodes that a name, pattern or MatchSpec means. ENVM_USAGE when it cannot be parsed;
 * ENVM_UNSATISFIABLE, with view->close_names filled, when there are none. */
enum envm_code envm_look_graph_find(struct envm_arena *arena, const struct envm_look_graph *graph,
                                    const char *text, struct envm_look_view *view,
                                    struct envm_look_roots *ret_nodes, struct envm_error *err);

#endif
