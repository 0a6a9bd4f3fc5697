/* SPDX-License-Identifier: MIT
 *
 * Which names of environment variables an environment may set.
 */
#ifndef ENVM_SHELL_ACTIVATION_NAMES_H
#define ENVM_SHELL_ACTIVATION_NAMES_H

#include <envm/api.h>

/* [A-Za-z_][A-Za-z0-9_]* */
bool envm_activation_name_is_valid(envm_str name);

/* Names nobody may set: PATH and what activation itself keeps, what a shell refuses or reacts to
 * (read-only and tied variables would end the activation half-way). */
bool envm_activation_name_is_reserved(envm_str name);

/* Names that change which code runs in every program: an environment file may set them, as its
 * user wrote it, a package may not. */
bool envm_activation_name_is_dangerous(envm_str name);

#endif
