/* SPDX-License-Identifier: MIT
 *
 * The first line of scripts. The kernel takes at most 127 bytes (255 on newer ones) and splits at
 * the first space, so a line that the prefix makes longer or puts a space into is rewritten.
 */
#ifndef ENVM_PREFIX_SHEBANG_H
#define ENVM_PREFIX_SHEBANG_H

#include "base/arena.h"

#define ENVM_SHEBANG_MAX 127 /* bytes of the line with its "#!", without the newline */

/* The first line of a file that starts with "#!", without its newline; "" for any other file. */
envm_str envm_shebang_line(envm_str bytes);

/* `line` is the first line in placeholder form, without newline. When the interpreter's path holds
 * the placeholder and the line with the prefix in its place is too long or has a space in that
 * path, gives what stands there instead: for python the two lines of a polyglot of sh and Python
 * ("#!/bin/sh", "'''exec' …"), else "#!/usr/bin/env NAME ARGUMENTS". False when plain replacement
 * does. Pure: the same input gives the same text, on which undoing rests. */
bool envm_shebang_rewrite(struct envm_arena *arena, envm_str line, envm_str placeholder,
                          envm_str prefix, envm_str *ret_text);

#endif
