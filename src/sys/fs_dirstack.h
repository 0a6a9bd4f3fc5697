/* SPDX-License-Identifier: MIT
 *
 * A stack of open directories for walks over whole trees, for the other files of src/sys. Trees may
 * be deeper than the limit of open files: only the deepest levels stay open, a level that was
 * closed is reached again through ".." and recognised by device and inode.
 */
#ifndef ENVM_SYS_FS_DIRSTACK_H
#define ENVM_SYS_FS_DIRSTACK_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/cleanup.h"

struct envm_dirstack_level {
    int fd; /* -1: closed for the time being */
    dev_t device;
    ino_t inode;
    char **names; /* without "." and "..", each its own block; taken names are NULL */
    size_t count;
    size_t next;     /* index of the next name to visit */
    size_t path_len; /* length of the path of this directory */
};

struct envm_dirstack {
    struct envm_dirstack_level *levels;
    size_t count;
    size_t capacity;
    struct envm_buf path; /* of the last entry that was visited */
};

void envm_dirstack_release(struct envm_dirstack *stack);
ENVM_DEFINE_CLEANUP(envm_dirstack, struct envm_dirstack, envm_dirstack_release)

/* Reads the directory behind `fd`, which the stack owns from now on (on failure too), and makes it
 * the top. Names are sorted by bytes. 0 or -errno. */
int envm_dirstack_push(struct envm_dirstack *stack, int fd);

/* Drops the top and makes the level below usable. -ESTALE when the tree was moved meanwhile. */
int envm_dirstack_pop(struct envm_dirstack *stack);

/* The level on top, or NULL when the stack is empty. */
struct envm_dirstack_level *envm_dirstack_top(struct envm_dirstack *stack);

/* Next name of the top, or NULL. stack->path then is the path of that entry. The name lives until
 * the top is popped. */
const char *envm_dirstack_next(struct envm_dirstack *stack);

#endif
