/* SPDX-License-Identifier: MIT
 *
 * `recover`: what interrupted changes have left.
 */
#include <envm/environment.h>

#include "base/error.h"
#include "env/confine.h"
#include "env/environments.h"
#include "env/settings.h"
#include "txn/script_trial.h"
#include "txn/transaction_change.h"
#include "txn/transaction_recover.h"

enum envm_code envm_recover(struct envm_context *context, struct envm_memory *memory,
                            const struct envm_target *target, bool dry_run,
                            struct envm_recover_report *ret_report, struct envm_error *err)
{
    const struct envm_recover_settings settings = {
        .lock_timeout_ms = ENVM_CHANGE_LOCK_TIMEOUT_MS,
        .dry_run = dry_run,
        .durability = envm_durability_from(context->config.durability),
        .sink = &context->sink};
    const struct envm_trial_recovery trial = {
        .timeout_ms = ENVM_CHANGE_LOCK_TIMEOUT_MS, .dry_run = dry_run, .sink = &context->sink};
    struct envm_recover_result result = {0};
    struct envm_recover_report report = {0};
    bool undone = false;

    ENVM_TRY(envm_target_prefix(context, &memory->arena, target, &report.prefix, err));
    /* One that was being made, when its link scripts were interrupted, is no environment yet. */
    ENVM_TRY_WRAP(envm_trial_recover(&memory->arena, report.prefix, &trial, &undone, err), err,
                  "recovering the environment '%s'", report.prefix.ptr);
    if (undone && envm_prefix_state(report.prefix) != ENVM_PREFIX_ENVIRONMENT) {
        report.dropped = 1;
        *ret_report = report;
        return ENVM_OK;
    }
    if (envm_prefix_state(report.prefix) != ENVM_PREFIX_ENVIRONMENT) {
        (void)envm_fail(err, ENVM_USAGE, "there is no environment at %s", report.prefix.ptr);
        return envm_error_hint(err, ENVM_USAGE, "`envm env list` shows the environments");
    }
    envm_confine(context,
                 &(struct envm_confine_plan){.use = ENVM_CONFINE_CHANGED, .prefix = report.prefix});
    ENVM_TRY_WRAP(envm_transaction_recover(&memory->arena, report.prefix, &settings, &result, err),
                  err, "recovering the environment '%s'", report.prefix.ptr);
    report.completed = result.completed;
    report.dropped = result.dropped > 0 ? result.dropped : undone;
    report.saved = result.saved;
    report.tree = result.tree;
    *ret_report = report;
    return ENVM_OK;
}
