/* SPDX-License-Identifier: MIT
 *
 * The file beside an environment that says that a tree is on trial at its path: `.NAME.envm-trial`,
 * two lines: the folder that the tree has while it is not in place, and the tree's inode and time
 * of birth, where the file system has that (both are on one file system; its device may have
 * another number after a restart). The time is needed: the inode of a removed folder is soon that
 * of another one. For txn/script_trial.c.
 */
#ifndef ENVM_TXN_SCRIPT_MARKER_H
#define ENVM_TXN_SCRIPT_MARKER_H

#include "base/arena.h"
#include "base/sink.h"
#include "sys/fs.h"

struct envm_marker {
    struct envm_relpath tree; /* "": not written yet, the folder is empty */
    uint64_t inode;
    bool has_birth;
    uint64_t birth_seconds, birth_nanoseconds;
};

/* Opens the folder that holds an environment (absolute path), and gives the names in it. */
enum envm_code envm_marker_place(struct envm_arena *arena, envm_str prefix, int *ret_parent_fd,
                                 struct envm_relpath *ret_name, struct envm_relpath *ret_marker,
                                 struct envm_error *err);
/* The marker's name and `end`: how the names of temporary folders start. In the arena. */
const char *envm_marker_start(struct envm_arena *arena, struct envm_relpath marker,
                              const char *end);

/* ENVM_UNSAFE for a marker of somebody who may make files beside the environment, but not change it
 * (a folder such as /tmp): what it says would be carried out with the rights of the caller. */
enum envm_code envm_marker_check_owner(int parent_fd, struct envm_relpath marker, int fd,
                                       struct envm_error *err);

/* Writes it, and it is on the disk. */
enum envm_code envm_marker_write(int fd, struct envm_relpath tree, int tree_fd,
                                 struct envm_error *err);
/* It says nothing from now on, and that is on the disk. */
enum envm_code envm_marker_clear(int fd, struct envm_error *err);
/* The `marker` of the environment `name`. One that is not whole says nothing. ENVM_UNSAFE when what
 * it names cannot be a tree on trial. */
enum envm_code envm_marker_read(struct envm_arena *arena, int fd, struct envm_relpath name,
                                struct envm_relpath marker, struct envm_marker *ret_marker,
                                struct envm_error *err);
/* Whether the tree of the marker is what stands at `path` (one name). */
enum envm_code envm_marker_is_tree(const struct envm_marker *marker, int parent_fd,
                                   struct envm_relpath path, bool *ret_is_tree,
                                   struct envm_error *err);
/* Takes the marker's lock from a trial that is going on, or was. ENVM_LOCKED after the time. */
enum envm_code envm_marker_claim(int parent_fd, struct envm_relpath marker, unsigned timeout_ms,
                                 const struct envm_sink *sink, int *ret_fd, struct envm_error *err);

#endif
