/* SPDX-License-Identifier: MIT
 *
 * Selectors of environment files: "linux and not aarch64", evaluated for a platform (CEP 24).
 */
#ifndef ENVM_CONDA_SELECTOR_H
#define ENVM_CONDA_SELECTOR_H

#include <envm/error.h>

#include "base/str.h"

/* The words that may stand in a selector, for messages. */
#define ENVM_SELECTOR_WORDS                                                                        \
    "unix, linux, osx, win, x86, x86_64, x64, linux32, linux64, osx64, win32, win64, arm64, "      \
    "aarch64, armv6l, armv7l, ppc64, ppc64le, riscv64, s390x, platform names such as linux-64, "   \
    "and, or, not and parentheses"

/* True when every word of the text (there is at least one) may stand in a selector; what is between
 * brackets in an ordinary comment fails this. */
bool envm_selector_has_known_words(envm_str text);
/* ENVM_MALFORMED with the reason when a word is unknown or the expression is none. */
enum envm_code envm_selector_evaluate(envm_str text, envm_str platform, bool *ret_value,
                                      struct envm_error *err);

#endif
