/* SPDX-License-Identifier: MIT
 *
 * name-version-build.conda / .tar.bz2 (CEP 26, reliability.md B1): parsed from the right.
 */
#ifndef ENVM_CONDA_ARCHIVE_NAME_H
#define ENVM_CONDA_ARCHIVE_NAME_H

#include "base/str.h"

enum envm_archive_kind {
    ENVM_KIND_CONDA,
    ENVM_KIND_TAR_BZ2,
};

struct envm_archive_name {
    envm_str name, version, build; /* slices of the input */
    envm_str stem;                 /* without the extension */
    enum envm_archive_kind kind;
};

/* False for anything that breaks the grammar: no leading ".", no "/" or "\\", at most 211 bytes. */
bool envm_archive_name_parse(envm_str file_name, struct envm_archive_name *ret_name);
bool envm_package_name_is_valid(envm_str name);
bool envm_version_text_is_safe(envm_str version); /* characters only: usable in a file name */
bool envm_build_is_valid(envm_str build);

#endif
