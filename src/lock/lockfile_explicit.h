/* SPDX-License-Identifier: MIT
 *
 * @EXPLICIT lists (CEP 23) and plain lists of specs, one a line.
 */
#ifndef ENVM_LOCK_LOCKFILE_EXPLICIT_H
#define ENVM_LOCK_LOCKFILE_EXPLICIT_H

#include <envm/error.h>

#include "base/arena.h"
#include "conda/package_source.h"
#include "sys/environ.h"

/* Reads an @EXPLICIT list: a URL or path a line, "#" and an md5 (32 digits), sha256 (64 digits) or
 * "sha256:…" behind it; comments and blank lines. `~` and $VARIABLES in paths are expanded from
 * `environment`, relative paths are taken from `directory`. The records have name, version, build,
 * subdir, channel, url and the digest; what the archive says comes later. Two packages of one name
 * are ENVM_MALFORMED. Errors carry file:line. */
enum envm_code envm_explicit_read(struct envm_arena *arena, envm_str text, const char *file,
                                  envm_str directory, const struct envm_environ *environment,
                                  struct envm_record_list *ret_records, struct envm_error *err);

/* Reads specs, one a line; "#" begins a comment, blank lines are skipped. */
enum envm_code envm_spec_list_read(struct envm_arena *arena, envm_str text, const char *file,
                                   struct envm_str_list *ret_specs, struct envm_error *err);

/* Replaces a leading "~" and every $NAME and ${NAME}; an unset variable stays as written. */
envm_str envm_expand_variables(struct envm_arena *arena, envm_str text,
                               const struct envm_environ *environment);

#endif
