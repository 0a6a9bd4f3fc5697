/* SPDX-License-Identifier: MIT
 *
 * The key of a package in the lock: "CHANNEL/SUBDIR/FILE", for example
 * "conda-forge/linux-64/numpy-2.0.0-py312_0.conda". The plain file name would not do: two platforms
 * may have different files of one name, and so may two channels.
 */
#ifndef ENVM_LOCK_LOCKFILE_KEY_H
#define ENVM_LOCK_LOCKFILE_KEY_H

#include <envm/package_record.h>

#include "base/arena.h"
#include "base/str.h"
#include "conda/archive_name.h"

/* NUL-terminated, in the arena. */
envm_str envm_lockfile_package_key(struct envm_arena *arena,
                                   const struct envm_package_record *record);

struct envm_lockfile_key {
    envm_str channel, subdir, file_name;
    struct envm_archive_name name;
};

/* Takes a key apart (slices of it); false when any part breaks its grammar. */
bool envm_lockfile_key_parse(envm_str key, struct envm_lockfile_key *ret_key);

/* UTF-8 without control characters. */
bool envm_lockfile_text_is_plain(envm_str text);

#endif
