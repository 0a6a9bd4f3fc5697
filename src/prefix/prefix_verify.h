/* SPDX-License-Identifier: MIT
 *
 * Reading a prefix back: missing, altered and extra files, and the tree digest.
 */
#ifndef ENVM_PREFIX_PREFIX_VERIFY_H
#define ENVM_PREFIX_PREFIX_VERIFY_H

#include "prefix/prefix_record.h"

enum envm_finding_kind {
    ENVM_FINDING_MISSING, /* a listed path is not there */
    ENVM_FINDING_ALTERED, /* its type, bytes, link text or executable bit differ */
    ENVM_FINDING_EXTRA,   /* a file that nothing lists (outside conda-meta and __pycache__) */
    ENVM_FINDING_RECORD,  /* a conda-meta record that cannot be read */
};

struct envm_finding {
    enum envm_finding_kind kind;
    envm_str path;
    envm_str package; /* stem of the owner, "" when none */
    envm_str detail;  /* "sha256 differs", "is a directory", … */
};

struct envm_verify_result {
    struct envm_finding *findings; /* sorted by path */
    size_t finding_count;
    struct envm_sha256
        tree;              /* of what is there; equals the lock's when nothing is missing/altered */
    uint64_t files, bytes; /* that were read */
    size_t packages;
    struct envm_str_list left_out;     /* what the digest does not cover, as paths or "path/…" */
    struct envm_str_list script_files; /* paths that are as link scripts have left them: made,
                                          changed or removed. For the digest they are as packages
                                          brought them, or not there */
};

/* Hashes every byte (in parallel). Extra files are findings but no damage. */
enum envm_code envm_prefix_verify(struct envm_arena *arena, int prefix_fd, envm_str prefix,
                                  unsigned threads, struct envm_verify_result *ret_result,
                                  struct envm_error *err);

#endif
