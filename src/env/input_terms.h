/* SPDX-License-Identifier: MIT
 *
 * The terms of a solve, from the request and the configuration.
 */
#ifndef ENVM_ENV_INPUT_TERMS_H
#define ENVM_ENV_INPUT_TERMS_H

#include "env/input.h"

/* Fills input->terms and input->pins, in the arena. ENVM_USAGE for what cannot be understood, and
 * says whether the option or the configuration has it. */
enum envm_code envm_input_terms(struct envm_context *context, struct envm_arena *arena,
                                const struct envm_request *request, struct envm_input *input,
                                struct envm_error *err);
/* ENVM_USAGE when the request sets a term although the input is a lock or an explicit list, in
 * which everything is decided. */
enum envm_code envm_input_refuse_terms(const struct envm_request *request,
                                       const struct envm_input *input, struct envm_error *err);
/* Of solved packages those that no_deps and only_deps leave; in the arena, same order. */
struct envm_record_list envm_input_keep(struct envm_arena *arena, const struct envm_input *input,
                                        struct envm_record_list packages);

#endif
