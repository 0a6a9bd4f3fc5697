/* SPDX-License-Identifier: MIT
 *
 * Where the files of noarch: python packages go (CEP 17, CEP 20).
 */
#ifndef ENVM_PREFIX_NOARCH_PYTHON_H
#define ENVM_PREFIX_NOARCH_PYTHON_H

#include <envm/error.h>
#include <envm/package_record.h>

#include "base/arena.h"
#include "base/relpath.h"

/* The python of an environment. */
struct envm_python {
    bool known;                        /* false: no python in the environment */
    struct envm_relpath site_packages; /* "lib/python3.11/site-packages" */
    envm_str bin;                      /* "bin"; "Scripts" on Windows */
    envm_str interpreter;              /* "bin/python3.11", NUL-terminated */
};

/* From the record of the package "python". ENVM_MALFORMED when its version has no major and minor
 * number, ENVM_UNSAFE when its python_site_packages_path is not a path inside the prefix. */
enum envm_code envm_python_from_record(struct envm_arena *arena,
                                       const struct envm_package_record *record, envm_str platform,
                                       struct envm_python *ret_python, struct envm_error *err);

/* site-packages/X -> the python's site-packages, python-scripts/X -> bin/X, all else unchanged. */
enum envm_code envm_noarch_python_path(struct envm_arena *arena, const struct envm_python *python,
                                       struct envm_relpath path, struct envm_relpath *ret_path,
                                       struct envm_error *err);

#endif
