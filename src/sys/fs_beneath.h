/* SPDX-License-Identifier: MIT
 *
 * Resolution below a directory, for the other files of src/sys (nobody else includes this). The
 * functions here speak errno: they return 0 or a descriptor, or -errno. ELOOP always means "a
 * symbolic link, or something that leads out of the root, stands in the way".
 */
#ifndef ENVM_SYS_FS_BENEATH_H
#define ENVM_SYS_FS_BENEATH_H

#include <sys/types.h>

#include <envm/error.h>

#include "base/cleanup.h"
#include "base/relpath.h"

/* Opens dirfd/path without following any symbolic link, the last one included; O_CLOEXEC and
 * O_NOFOLLOW are added to the flags. `path` is the text of an envm_relpath. */
int envm_beneath_open(int dirfd, const char *path, int flags, mode_t mode);

/* The same by a walk from component to component, for kernels and sandboxes without openat2.
 * Separate so that it can be tested where openat2 works. */
int envm_beneath_open_walk(int dirfd, const char *path, int flags, mode_t mode);

/* Where the last component of a path lives. */
struct envm_beneath_place {
    int dirfd;        /* for *at calls with leaf */
    int owned;        /* descriptor to close, or -1 when dirfd is the caller's */
    const char *leaf; /* points into the path */
};

/* Opens the parent (O_PATH) of dirfd/path; costs nothing for a path of one component. */
int envm_beneath_place_open(int dirfd, struct envm_relpath path,
                            struct envm_beneath_place *ret_place);
void envm_beneath_place_close(struct envm_beneath_place *place);
ENVM_DEFINE_CLEANUP(envm_beneath_place, struct envm_beneath_place, envm_beneath_place_close)

/* Rename from ends[0] to ends[1] that never replaces (-EEXIST), for file systems without
 * RENAME_NOREPLACE; a directory is looked for first, so there a race remains. */
int envm_beneath_rename_new_slow(const struct envm_beneath_place *ends);

/* "DOING 'path': reason" from a positive errno; ELOOP becomes ENVM_UNSAFE. Bytes of the path that
 * could upset a terminal are escaped. Adds a hint where there is something to be done. */
enum envm_code envm_fs_fail_below(struct envm_error *err, int number, const char *doing,
                                  envm_str path);
/* The same for a user path, where a symbolic link is nothing bad. */
enum envm_code envm_fs_fail_user(struct envm_error *err, int number, const char *doing,
                                 const char *path);

/* fsync of a directory that is open in any way (O_PATH too). 0 or -errno. */
int envm_beneath_sync_dir(int dirfd);

/* Fills `ret_name` with 16 random characters [a-z2-7] and a NUL. 0 or -errno. */
#define ENVM_RANDOM_NAME_SIZE 17
int envm_beneath_random_name(char *ret_name);

#endif
