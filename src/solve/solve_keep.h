/* SPDX-License-Identifier: MIT
 *
 * Records that the caller already has: those that are preferred, installed or frozen. They are
 * recognised among what the channels offer, and what no channel offers can be added.
 */
#ifndef ENVM_SOLVE_SOLVE_KEEP_H
#define ENVM_SOLVE_SOLVE_KEEP_H

#include "solve/solve_space.h"

enum {
    ENVM_KEEP_PREFERRED = 1,
    ENVM_KEEP_INSTALLED = 2, /* frozen ones too */
};

/* Fills space->kept from the request. */
void envm_solve_keep_remember(struct envm_solve_space *space);
/* Bits of ENVM_KEEP_* for a record of a channel. */
unsigned envm_solve_keep_flags(struct envm_solve_space *space,
                               const struct envm_package_record *record);
/* Whether two records mean one package file: the digest decides where both have one, else where
 * the file comes from. */
bool envm_solve_is_same_file(const struct envm_package_record *a,
                             const struct envm_package_record *b);
/* The installed and frozen records of a name that are not in `known`; in the arena. */
struct envm_record_list envm_solve_keep_missing(struct envm_solve_space *space, envm_str name,
                                                const struct envm_solve_candidate *known,
                                                size_t known_count);
/* The names of all installed and frozen records, in the order of the request; in the arena. */
struct envm_str_list envm_solve_keep_names(struct envm_solve_space *space);

#endif
