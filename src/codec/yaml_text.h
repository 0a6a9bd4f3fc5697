/* SPDX-License-Identifier: MIT
 *
 * What is looked at in a YAML text before and beside libyaml: bytes that are refused, merge
 * conflicts, comments. Only codec/yaml_reader uses it.
 */
#ifndef ENVM_CODEC_YAML_TEXT_H
#define ENVM_CODEC_YAML_TEXT_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/str.h"

/* Characters [begin, end) of the text, counted in code points as libyaml does. */
struct envm_yaml_span {
    size_t begin;
    size_t end;
    bool block; /* a block scalar: its header line may end in a comment */
};

/* ENVM_MALFORMED with `where` for: UTF-16, invalid UTF-8, NUL and control characters, conflict
 * markers, %TAG directives. */
enum envm_code envm_yaml_check_text(envm_str text, const char *file, struct envm_error *err);

/* The comment of every line, and an empty one after them; `scalars` in ascending order. */
struct envm_str_list envm_yaml_comments(struct envm_arena *arena, envm_str text,
                                        const struct envm_yaml_span *scalars, size_t count);

#endif
