/* SPDX-License-Identifier: MIT
 *
 * A reader of the YAML that envm itself writes (yaml_writer.h, locks), five times as fast as
 * libyaml. It knows little and guesses nothing: block mappings and lists indented by two, values on
 * the line of their key, plain and double-quoted scalars, flow lists on one line, printable ASCII,
 * comments before everything else. At the first byte of anything else it declines, and libyaml
 * reads the text from the beginning. Only yaml_reader.c calls it; tests/fuzz/fuzz_yaml_canonical.c
 * compares the two.
 */
#ifndef ENVM_CODEC_YAML_CANONICAL_H
#define ENVM_CODEC_YAML_CANONICAL_H

#include "codec/yaml_reader.h"

/* True: *ret_root is what libyaml's events would have given, places included. False: nothing is
 * known about the text, not even that it is wrong. All memory is the arena's, also that of a text
 * that was declined. */
bool envm_yaml_read_canonical(struct envm_arena *arena, envm_str text,
                              struct envm_yaml_node **ret_root);

#endif
