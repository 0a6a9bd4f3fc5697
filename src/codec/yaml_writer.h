/* SPDX-License-Identifier: MIT
 *
 * The YAML subset of envm's own files: block mappings and sequences, flow sequences of scalars for
 * short lists, one way to write each scalar, LF, two spaces. Same content, same bytes.
 */
#ifndef ENVM_CODEC_YAML_WRITER_H
#define ENVM_CODEC_YAML_WRITER_H

#include "base/buf.h"
#include "base/str.h"

/* Appends a scalar: plain when every YAML 1.1 and 1.2 reader gives the same string back (not a
 * number, boolean, null, date; no indicator), double-quoted with escapes otherwise. Invalid UTF-8
 * becomes U+FFFD. */
void envm_yaml_add_scalar(struct envm_buf *out, envm_str text);
/* INDENT spaces + "key:", nothing after the colon. */
void envm_yaml_add_key(struct envm_buf *out, unsigned indent, envm_str key);
/* INDENT + key: scalar\n */
void envm_yaml_add_field(struct envm_buf *out, unsigned indent, const char *key, envm_str value);
void envm_yaml_add_u64(struct envm_buf *out, unsigned indent, const char *key, uint64_t value);
/* INDENT + key: [a, b]\n (or [] when empty); when `block`, one item a line as "- a", two spaces
 * further in. */
void envm_yaml_add_list(struct envm_buf *out, unsigned indent, const char *key,
                        struct envm_str_list list, bool block);

#endif
