/* SPDX-License-Identifier: MIT
 *
 * What the packages of a set need of each other, given that they are all there: dependencies whose
 * condition holds (CEP 43), and what the extras bring that somebody asks for (CEP 44).
 */
#ifndef ENVM_CONDA_ACTIVE_DEPENDS_H
#define ENVM_CONDA_ACTIVE_DEPENDS_H

#include "conda/match_spec.h"
#include "conda/package_source.h"

struct envm_active_question {
    struct envm_record_list records; /* of different names */
    /* Of the system. Without any, conditions on virtual packages are taken to hold. */
    struct envm_record_list virtual_packages;
    /* What was asked for. When it is not known, every extra counts as asked for. */
    const struct envm_match_spec *const *requests;
    size_t request_count;
    bool requests_known;
};

/* One list for each record, in the arena, its texts those of the records. Records without
 * conditions and extras get their own list. What cannot be parsed is kept. */
struct envm_str_list *envm_active_depends(struct envm_arena *arena,
                                          const struct envm_active_question *question);

#endif
