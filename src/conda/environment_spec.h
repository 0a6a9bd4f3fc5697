/* SPDX-License-Identifier: MIT
 *
 * The environment file (CEP 24): name, prefix, channels, dependencies, variables, platforms, with
 * comment selectors (`- numpy  # [linux]`) and `sel(linux): numpy` (conda-forge's and micromamba's
 * form). Every message has file, line and column; unknown top keys are warnings, unknown
 * subsections errors.
 */
#ifndef ENVM_CONDA_ENVIRONMENT_SPEC_H
#define ENVM_CONDA_ENVIRONMENT_SPEC_H

#include <envm/error.h>

#include "base/arena.h"
#include "base/sink.h"

struct envm_environment_variable {
    envm_str name, value;
};
/* For qsort: by name. */
int envm_environment_variable_compare(const void *a, const void *b);

struct envm_environment_spec {
    envm_str file;   /* as given, for messages */
    envm_str name;   /* "" when absent */
    envm_str prefix; /* "" when absent; ~ and variables not yet expanded */
    struct envm_str_list channels;
    bool nodefaults;            /* "nodefaults" stood in channels (and is not in the list) */
    struct envm_str_list specs; /* conda specs that apply to the platform, as written */
    unsigned *spec_lines;       /* line of each */
    struct envm_str_list pip;   /* requirement lines of the pip: section */
    unsigned pip_line;          /* 0: no pip section */
    const struct envm_environment_variable *variables; /* sorted by name */
    size_t variable_count;
    struct envm_str_list platforms; /* empty: not given */
};

/* `platform` decides the selectors. */
enum envm_code envm_environment_spec_parse(struct envm_arena *arena, envm_str text,
                                           const char *file, envm_str platform,
                                           const struct envm_sink *sink,
                                           struct envm_environment_spec *ret_spec,
                                           struct envm_error *err);
/* CEP 24's rule for an environment's name: not base/root, no "/", space, ":" or "#", and
 * reliability.md E1: [A-Za-z0-9_][A-Za-z0-9_.-]{0,63}. */
bool envm_environment_name_is_valid(envm_str name);
/* [A-Za-z_][A-Za-z0-9_]* */
bool envm_variable_name_is_valid(envm_str name);

#endif
