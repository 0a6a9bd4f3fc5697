/* SPDX-License-Identifier: MIT
 *
 * Digests in a lock, the same everywhere: plain, quoted only where YAML would read a number.
 */
#ifndef ENVM_LOCK_LOCKFILE_DIGEST_H
#define ENVM_LOCK_LOCKFILE_DIGEST_H

#include <envm/api.h>

#include "base/buf.h"

/* Appends "KEY: PREFIXHEX\n", `indent` blanks before it; nothing for the empty text or a digest
 * that is not known. */
void envm_lockfile_add_digest(struct envm_buf *out, unsigned indent, const char *key,
                              const char *prefix, const char *hex);
void envm_lockfile_add_sha256(struct envm_buf *out, unsigned indent, const char *key,
                              const char *prefix, const struct envm_sha256 *digest);

#endif
