/* SPDX-License-Identifier: MIT
 *
 * Configured words as the lower floors know them.
 */
#ifndef ENVM_ENV_SETTINGS_H
#define ENVM_ENV_SETTINGS_H

#include <envm/environment.h>

#include "env/config.h"
#include "sys/environ.h"
#include "sys/fs_clone.h"
#include "txn/transaction_plan.h"

/* "hardlink", "reflink", "copy"; anything else is automatic. The configuration has checked it. */
enum envm_link_mode envm_link_mode_from(envm_str text);
/* "none", "full"; anything else is batch. */
enum envm_durability envm_durability_from(envm_str text);
/* "refuse" (also NULL and ""), "warn"; ENVM_USAGE for anything else. */
enum envm_code envm_clobber_policy_from(const char *text, enum envm_clobber_policy *ret_policy,
                                        struct envm_error *err);

/* What the configuration and the options of a command agree to. ENVM_USAGE. */
enum envm_code envm_script_consent_from(const struct envm_config *config, struct envm_arena *arena,
                                        const struct envm_script_options *options,
                                        struct envm_script_consent *ret_consent,
                                        struct envm_error *err);

/* The variables that name proxies and certificates, as "NAME=value": what a link script needs that
 * may use the network. In the arena. */
struct envm_str_list envm_script_network_variables(struct envm_arena *arena,
                                                   const struct envm_environ *environment);

#endif
