/* SPDX-License-Identifier: MIT
 *
 * What an update could not bring to its newest version, and what holds it.
 */
#ifndef ENVM_ENV_HELD_BACK_H
#define ENVM_ENV_HELD_BACK_H

#include "env/modify_plan.h"
#include "env/resolve.h"

/* "python stays at 3.11.9: 3.13.1 is held back by the request \"python 3.11.*\"", for each of
 * `names` of which the channels of the resolution have something newer than `after` holds, and not
 * newer than the date of the request (milliseconds since the epoch, 0: none). What does not fit
 * `asked`, the specs of this very call, is no news. In the arena. */
enum envm_code envm_held_back(struct envm_arena *arena, const struct envm_resolution *resolution,
                              struct envm_record_list after, struct envm_wish_list requests,
                              struct envm_wish_list asked, struct envm_str_list names,
                              uint64_t limit_ms, struct envm_str_list *ret_lines,
                              struct envm_error *err);

#endif
