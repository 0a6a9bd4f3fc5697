/* SPDX-License-Identifier: MIT
 *
 * The total order of the records of one name (conda-semantics.md section 10, rattler's order up to
 * the variant step, which needs the other names and is the solver's): fewest track_features,
 * version, build number, [variant], timestamp, build string, .conda before .tar.bz2, sha256, url.
 */
#ifndef ENVM_CONDA_PACKAGE_RANK_H
#define ENVM_CONDA_PACKAGE_RANK_H

#include "conda/package_record.h"
#include "conda/version.h"

struct envm_ranked_record {
    const struct envm_package_record *record;
    const struct envm_version *version;
};

/* <0 when a is the better (newer) one. */
int envm_package_rank_compare(const struct envm_ranked_record *a,
                              const struct envm_ranked_record *b);
/* The steps before the variant step, and those after it. */
int envm_package_rank_compare_head(const struct envm_ranked_record *a,
                                   const struct envm_ranked_record *b);
int envm_package_rank_compare_tail(const struct envm_ranked_record *a,
                                   const struct envm_ranked_record *b);

#endif
