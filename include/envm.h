/* SPDX-License-Identifier: MIT
 *
 * Everything of libenvm.
 */
#ifndef ENVM_H
#define ENVM_H

#include <envm/activation.h>
#include <envm/api.h>
#include <envm/cache.h>
#include <envm/change.h>
#include <envm/context.h>
#include <envm/environment.h>
#include <envm/error.h>
#include <envm/history.h>
#include <envm/look.h>
#include <envm/match_spec.h>
#include <envm/modify.h>
#include <envm/package_record.h>
#include <envm/plumbing.h>
#include <envm/progress.h>
#include <envm/version.h>

#endif
