/* SPDX-License-Identifier: MIT
 *
 * A text with one more line, a comment with the sha256 of all before it: for files of conda-meta
 * that nothing else protects. Pure.
 */
#ifndef ENVM_PREFIX_SEALED_TEXT_H
#define ENVM_PREFIX_SEALED_TEXT_H

#include "base/buf.h"
#include "base/str.h"

/* Appends the text and its seal. */
void envm_seal(envm_str text, struct envm_buf *out);

/* The text before the seal; false when it is not what the seal says, to the byte. The slice lives
 * as long as `sealed`. */
bool envm_unseal(envm_str sealed, envm_str *ret_text);

/* Of a file of which either the text or the seal has been damaged: whether the other part says that
 * its text was this one. */
bool envm_seal_means(envm_str sealed, envm_str text);

#endif
