/* SPDX-License-Identifier: MIT
 *
 * The digest of an installed tree (lockfile.md, reliability.md 4.8): independent of the prefix
 * path, of the machine and of time. docs/internals has the exact definition, with an example.
 */
#ifndef ENVM_PREFIX_TREE_DIGEST_H
#define ENVM_PREFIX_TREE_DIGEST_H

#include "prefix/package_contents.h"

/* Fills contents->digest from its paths (which must be sorted and have their digests). */
void envm_package_contents_digest(struct envm_package_contents *contents);

#endif
