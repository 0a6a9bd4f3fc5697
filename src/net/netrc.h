/* SPDX-License-Identifier: MIT
 *
 * netrc files: machine, login and password. Pure; the caller reads the file.
 */
#ifndef ENVM_NET_NETRC_H
#define ENVM_NET_NETRC_H

#include "base/arena.h"
#include "base/str.h"

struct envm_netrc_entry {
    envm_str machine; /* as written; compare without case */
    envm_str login, password;
};

struct envm_netrc {
    struct envm_netrc_entry *entries; /* in the arena */
    size_t count;
};

/* Reads what it understands and ignores the rest: there is no standard to be strict about. A
 * `default` entry is ignored, as it would hand a password to every host there is; `macdef` bodies
 * and comments are skipped; double-quoted words may hold spaces and backslash escapes. */
struct envm_netrc envm_netrc_parse(struct envm_arena *arena, envm_str text);

/* The first entry of the host, or NULL. */
const struct envm_netrc_entry *envm_netrc_find(const struct envm_netrc *netrc, envm_str host);

#endif
