/* SPDX-License-Identifier: MIT
 *
 * The text that activation puts before the prompt. Shells expand prompts, each in its own way, so
 * the text is reduced to what none of them expands: letters, digits, blanks, well-formed UTF-8 and
 * ()[]{}<>._-+=:,/@#^~*| stay, everything else becomes "_".
 */
#ifndef ENVM_SHELL_ACTIVATION_PROMPT_H
#define ENVM_SHELL_ACTIVATION_PROMPT_H

#include "shell/activation.h"

enum envm_activation_step {
    ENVM_STEP_ACTIVATE,
    ENVM_STEP_STACK,
    ENVM_STEP_REACTIVATE,
    ENVM_STEP_DEACTIVATE,
};

/* The prompt modifier that holds after the step, for an environment of this prefix and name.
 * `format` knows {default_env}, {stacked_env}, {prefix} and {name}; empty: "({default_env}) ". */
envm_str envm_activation_prompt(struct envm_arena *arena, const struct envm_environ *env,
                                enum envm_activation_step step, envm_str prefix, envm_str name,
                                envm_str format);

/* PS1 without the old modifier (wherever it stands) and with the new one in front; both may be
 * empty. False when PS1 is to be left alone: unset, empty, or powerline's. */
bool envm_activation_ps1(struct envm_arena *arena, const struct envm_environ *env,
                         envm_str new_modifier, envm_str *ret_ps1);

#endif
