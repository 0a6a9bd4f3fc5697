/* SPDX-License-Identifier: MIT
 *
 * The text form of a solver case, see docs/internals/SOLVER.md: channels with one record a line,
 * the requests, and the exact answer.
 */
#ifndef ENVM_TESTS_SOLVER_CASE_H
#define ENVM_TESTS_SOLVER_CASE_H

#include "base/vec.h"
#include "solve/solver.h"

struct case_record {
    size_t channel;
    struct envm_package_record record;
};

struct solver_case {
    envm_str title;
    ENVM_VEC(envm_str) channels;
    ENVM_VEC(struct case_record) records;
    ENVM_VEC(struct envm_package_record) virtuals;
    ENVM_VEC(struct envm_package_record) preferred;
    ENVM_VEC(struct envm_package_record) installed;
    ENVM_VEC(struct envm_package_record) frozen;
    ENVM_VEC(envm_str) update_names;
    ENVM_VEC(struct envm_package_record) elsewhere; /* of other platforms */
    ENVM_VEC(envm_str) specs;
    ENVM_VEC(envm_str) pins;
    enum envm_channel_priority priority;
    enum envm_resolution_mode resolution;
    uint64_t exclude_newer_ms;
    bool add_pip;
    unsigned timeout_ms;
    unsigned memory_mib;
    bool expects_problem;
    envm_str expected; /* the lines after "expect" or "problem", without the final newline */
};

/* Takes the next case of *rest. False at the end; a text in *ret_fault on a bad line. */
bool solver_case_next(struct envm_arena *arena, envm_str *rest, struct solver_case *ret_case,
                      const char **ret_fault);
void solver_case_release(struct solver_case *one);

/* Writes CHANNEL/SUBDIR/repodata.json for every channel below `directory`, and case.json with the
 * requests and the solution, for check_solution.py. False when something cannot be written. */
bool solver_case_dump(const struct solver_case *one, const struct envm_solution *solution,
                      const char *directory);

#endif
