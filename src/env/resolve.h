/* SPDX-License-Identifier: MIT
 *
 * From an input to packages: loading the channels and solving.
 */
#ifndef ENVM_ENV_RESOLVE_H
#define ENVM_ENV_RESOLVE_H

#include "env/input.h"
#include "solve/solver.h"

struct envm_resolution {
    struct envm_record_list packages; /* dependency order */
    struct envm_record_list virtual_packages;
    struct envm_lock_provenance *provenance;
    size_t provenance_count;
    struct envm_solve_channel *channels; /* that were loaded, highest priority first */
    size_t channel_count;
    bool is_strict; /* a name is taken from the first of them that has it */
};

/* Virtual packages of the input's platform. */
enum envm_code envm_resolve_virtual(struct envm_context *context, struct envm_arena *arena,
                                    envm_str platform, struct envm_record_list *ret_records,
                                    struct envm_error *err);

/* What there is already; zero: nothing. As in struct envm_solve_request. */
struct envm_resolve_state {
    struct envm_record_list preferred, installed, frozen;
    struct envm_str_list update_names;
    const struct envm_match_spec *const *pins; /* of the environment */
    size_t pin_count;
};

/* Solves. What is there is kept as `state` says. On ENVM_UNSATISFIABLE the explanation is filled.
 */
enum envm_code envm_resolve(struct envm_context *context, struct envm_arena *arena,
                            const struct envm_input *input, const struct envm_resolve_state *state,
                            struct envm_resolution *ret_resolution,
                            struct envm_explanation *ret_explanation, struct envm_error *err);

/* The same records, dependencies first, ties by name. */
struct envm_record_list envm_dependency_order(struct envm_arena *arena,
                                              struct envm_record_list records);
/* A copy sorted by name. */
struct envm_record_list envm_name_order(struct envm_arena *arena, struct envm_record_list records);

/* Deep copies sorted by name, for a report that outlives the channels' mapped indexes. */
struct envm_record_view envm_report_view(struct envm_arena *arena, struct envm_record_list records);

#endif
