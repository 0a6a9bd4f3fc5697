/* SPDX-License-Identifier: MIT
 *
 * Which other platforms have what this one lacks, as far as local channels and the cache tell.
 */
#ifndef ENVM_ENV_ELSEWHERE_H
#define ENVM_ENV_ELSEWHERE_H

#include "conda/match_spec.h"
#include "conda/package_source.h"
#include "env/context.h"

struct envm_elsewhere {
    struct envm_str_list matching; /* platforms with a record that the spec matches */
    struct envm_str_list named;    /* platforms with a package of its name */
};

/* Looks at all known platforms but `platform` and noarch, without the network; sorted as they are
 * known. A channel that cannot be read is passed over. Fails only when interrupted (or when the
 * context cannot work at all). */
enum envm_code envm_look_elsewhere(struct envm_context *context, struct envm_arena *arena,
                                   const struct envm_channel *channels, size_t channel_count,
                                   envm_str platform, const struct envm_match_spec *spec,
                                   struct envm_elsewhere *ret_elsewhere, struct envm_error *err);
/* The names of the sources that the spec means, sorted; in the arena. */
enum envm_code envm_names_meant(struct envm_arena *arena,
                                const struct envm_package_source *const *sources, size_t count,
                                const struct envm_match_spec *spec, struct envm_str_list *ret_names,
                                struct envm_error *err);

#endif
