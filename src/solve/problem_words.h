/* SPDX-License-Identifier: MIT
 *
 * The words of an explanation: how a node of the problem graph is called.
 */
#ifndef ENVM_SOLVE_PROBLEM_WORDS_H
#define ENVM_SOLVE_PROBLEM_WORDS_H

#include "base/buf.h"
#include "solve/problem_graph.h"

/* "numpy 1.0 to 1.4 (5 builds)" */
void envm_problem_say_packages(struct envm_buf *out, const struct envm_solve_space *space,
                               struct envm_id_list candidates);
/* How the node above is tied to the specs: "needs ", "allows only ", "takes ". */
const char *envm_problem_verb(const struct envm_solve_space *space, struct envm_id_list specs,
                              bool is_constraint);
/* "python 3.8.* or python 3.9.*", the first few */
void envm_problem_say_specs(struct envm_buf *out, const struct envm_solve_space *space,
                            struct envm_id_list specs);
/* `"a", "b" and the pin "c"` */
void envm_problem_say_requests(struct envm_buf *out, const struct envm_solve_space *space,
                               struct envm_id_list requests);
/* `the requests "a" and "b"`, or `the request "a" and the pin "b"`: what is in conflict. */
void envm_problem_say_parties(struct envm_buf *out, const struct envm_solve_space *space,
                              struct envm_id_list requests);
/* A REASON node; `about` is the node above it. */
void envm_problem_say_reason(struct envm_buf *out, struct envm_solve_space *space,
                             const struct envm_problem_node *node,
                             const struct envm_problem_node *about);
/* Stable name for JSON: "missing-version". */
const char *envm_problem_reason_name(enum envm_problem_reason reason);

#endif
