/* SPDX-License-Identifier: MIT
 *
 * The second fence around what comes from channels and archives: the process gives up the right to
 * change files anywhere but where its call has to (docs/internals/FENCE.md). Only for a context
 * that was made with `confine`.
 */
#ifndef ENVM_ENV_CONFINE_H
#define ENVM_ENV_CONFINE_H

#include <envm/environment.h>

#include "env/context.h"
#include "env/input.h"

/* Landlock's version before which nothing can be linked from the cache: moving between folders is
 * refused to all then. */
#define ENVM_CONFINE_ABI_NEEDED 2

enum envm_confine_prefix {
    ENVM_CONFINE_NO_PREFIX, /* none is changed */
    ENVM_CONFINE_CHANGED,   /* something in it */
    ENVM_CONFINE_MADE,      /* it appears in the folder above and in the list of environments */
    ENVM_CONFINE_REMOVED,   /* it goes from both */
};

struct envm_confine_plan {
    enum envm_confine_prefix use;
    envm_str prefix;    /* absolute, NUL-terminated */
    envm_str lock_path; /* a file that will be written; "" for none; NUL-terminated */
    bool fetches;       /* packages or indexes: the cache is made if it is missing */
    bool solves;        /* what the machine offers will be asked for */
};

/* Called by each call that changes anything, as soon as it knows what, and before the first thread
 * is started. Only the first call of a context does something. What is missing above the places is
 * made, and goes with the context when it is empty then. Best effort: whatever is in the way (an
 * old kernel, a folder that cannot be made) is told at debug level, and is reported by the call
 * itself if it matters. */
void envm_confine(struct envm_context *context, const struct envm_confine_plan *plan);

/* The same for envm_create: `prefix` may be "" in a dry run. */
void envm_confine_creation(struct envm_context *context, const struct envm_create_options *options,
                           const struct envm_input *input, envm_str prefix);

/* Removes what envm_confine made and nobody used. */
void envm_confine_tidy(struct envm_context *context);

#endif
