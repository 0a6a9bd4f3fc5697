/* SPDX-License-Identifier: MIT
 *
 * Which link scripts of the packages of a transaction are run.
 */
#ifndef ENVM_TXN_SCRIPT_CONSENT_H
#define ENVM_TXN_SCRIPT_CONSENT_H

#include <envm/change.h>

#include "conda/link_script.h"
#include "prefix/prefix_record.h"

/* Decides about every script that a package ships: `ran` in the reports says that it may be run.
 * record->link_scripts becomes what may be run. ENVM_INTEGRITY when what the record lists from a
 * lock is not in the package, or has another sha256 there. Everything in the arena. */
enum envm_code envm_script_decide(struct envm_arena *arena,
                                  const struct envm_script_consent *consent,
                                  const struct envm_package_contents *contents,
                                  struct envm_package_record *record,
                                  struct envm_script_reports *ret_reports, struct envm_error *err);

/* The same for the pre-unlink scripts of an installed package. */
enum envm_code envm_script_decide_leaving(struct envm_arena *arena,
                                          const struct envm_script_consent *consent,
                                          const struct envm_prefix_record *installed,
                                          struct envm_script_reports *ret_reports,
                                          struct envm_error *err);

/* Whether somebody has agreed to a post-link script since the package was installed: by its name,
 * or by the lock that `wanted` comes from. Then it is linked anew. */
bool envm_script_wants_relink(const struct envm_script_consent *consent,
                              const struct envm_prefix_record *installed,
                              const struct envm_package_record *wanted);

#endif
