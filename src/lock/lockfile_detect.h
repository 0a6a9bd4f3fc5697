/* SPDX-License-Identifier: MIT
 *
 * What a file given with -f is, decided from its content (product.md).
 */
#ifndef ENVM_LOCK_LOCKFILE_DETECT_H
#define ENVM_LOCK_LOCKFILE_DETECT_H

#include "base/str.h"

enum envm_file_format {
    ENVM_FORMAT_ENVIRONMENT, /* environment.yml (CEP 24) */
    ENVM_FORMAT_LOCK,        /* envm's own lock */
    ENVM_FORMAT_EXPLICIT,    /* @EXPLICIT list (CEP 23) */
    ENVM_FORMAT_SPEC_LIST,   /* one spec a line */
    ENVM_FORMAT_CONDA_LOCK,  /* conda-lock v1 */
    ENVM_FORMAT_PIXI_LOCK,
};

/* Looks at top-level keys and lines only; a file that fits nothing is an environment file when it
 * has a top-level "key:" line, else a spec list. */
enum envm_file_format envm_detect_format(envm_str text);

#endif
