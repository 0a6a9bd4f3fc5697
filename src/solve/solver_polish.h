/* SPDX-License-Identifier: MIT
 *
 * libsolv is greedy about what was not asked for. Polishing walks a solution from the requests
 * outwards, asks for a better record of each package in turn, and keeps an answer in which nothing
 * nearer to the requests got worse. Versions come before builds, requests before the rest.
 */
#ifndef ENVM_SOLVE_SOLVER_POLISH_H
#define ENVM_SOLVE_SOLVER_POLISH_H

#include "solve/solver_pool.h"

/* Improves *chosen (candidates, ascending) in place. The number of questions to libsolv is bounded
 * by count and size, never by time, so that the answer is the same on every machine.
 * *ret_questions says how many were needed. */
void envm_solver_polish(const struct envm_solve_view *view, struct envm_id_vec *chosen,
                        uint32_t *ret_questions);

#endif
