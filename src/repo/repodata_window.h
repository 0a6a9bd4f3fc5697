/* SPDX-License-Identifier: MIT
 *
 * Bodies of records and lists of texts on their way into the index file, what belongs together side
 * by side, so that a reader touches few pages. Equal lists are stored once when they are not far
 * from each other: they are looked for in what waits to be written, which fits the processor's
 * cache.
 */
#ifndef ENVM_REPO_REPODATA_WINDOW_H
#define ENVM_REPO_REPODATA_WINDOW_H

#include "repo/repodata_extents.h"

struct envm_window_slot {
    uint32_t offset; /* in the window; 0: free */
    uint32_t hash;
};

/* Zeroed and `file` set is valid and empty. Not thread-safe: one for each thread. */
struct envm_window {
    struct envm_image_file *file;
    char *bytes; /* ENVM_IMAGE_EXTENT bytes that become one extent, or NULL */
    size_t len;  /* in use; 0: the window has no number yet */
    uint32_t number;
    struct envm_window_slot *slots;
    size_t count;
    uint64_t seed;
    char *large;     /* a list of more than a window, while it is put together */
    bool overflowed; /* a list of more than ENVM_IMAGE_LIST_MAX: sticky, checked once */
};

void envm_window_release(struct envm_window *window);
/* Writes what waits; at the end. */
void envm_window_flush(struct envm_window *window);

/* Room for a list of that many bytes (more than 0), to be written by the caller: texts, each
 * followed by a NUL. NULL when it is too long (`overflowed` is set then). */
char *envm_window_begin_list(struct envm_window *window, size_t len);
/* The reference of the list just written; `near` is one that it is likely to be equal to, or 0. */
uint32_t envm_window_end_list(struct envm_window *window, size_t len, uint32_t near);

/* The reference of a body, which comes behind its lists. */
uint32_t envm_window_add_body(struct envm_window *window, const struct envm_image_body *body);

#endif
