/* SPDX-License-Identifier: MIT
 *
 * Consent to link scripts as locks hold it.
 */
#ifndef ENVM_ENV_LOCK_SCRIPTS_H
#define ENVM_ENV_LOCK_SCRIPTS_H

#include "conda/link_script.h"
#include "lock/lockfile.h"

/* Consent in the old lock holds for the packages that are the very same; with consent->refuse_all
 * none is left. Records that change are copied. */
void envm_lock_keep_scripts(struct envm_arena *arena, const struct envm_script_consent *consent,
                            const struct envm_lock_platform *old, struct envm_record_list packages);

/* Scripts of installed packages (one for each package that the platform has) that the lock does not
 * list yet become part of it: then *ret_text is its text anew, else it stays. */
enum envm_code envm_lock_add_scripts(struct envm_arena *arena, struct envm_lockfile *lock,
                                     envm_str platform,
                                     struct envm_package_record *const *installed,
                                     envm_str *ret_text, struct envm_error *err);

#endif
