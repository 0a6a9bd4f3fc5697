/* SPDX-License-Identifier: MIT
 *
 * Which environments hold a file of the package cache: hard links have one inode. Every environment
 * of the root and of the shared list (~/.conda/environments.txt) is searched; the records say
 * nothing that the file system does not know better, so they are not asked.
 */
#ifndef ENVM_ENV_HOLDERS_H
#define ENVM_ENV_HOLDERS_H

#include "env/context.h"

/* An environment and the files in it that are links to damaged ones. */
struct envm_holder {
    envm_str prefix;
    struct envm_str_list paths; /* in the prefix */
};

struct envm_holder_list {
    const struct envm_holder *items; /* in the order of `env list` */
    size_t count;
    uint64_t elsewhere; /* links to damaged files that no known environment has */
};

/* For several damaged packages at once: holders[i] belongs to damages[i]. An environment that
 * cannot be read is left out. */
void envm_find_holders(struct envm_context *context, struct envm_arena *arena,
                       const struct envm_store_damage *damages, size_t count,
                       struct envm_holder_list *ret_holders);

/* For envm_store_config.on_damage, with the context as user: warns, naming the environments. */
void envm_tell_holders(void *context, const struct envm_store_damage *damage);

#endif
