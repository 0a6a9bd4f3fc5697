/* SPDX-License-Identifier: MIT */
#include "conda/archive_name.h"

#define FILE_NAME_LENGTH_MAX 211
#define PART_LENGTH_MAX 64

static bool is_separator(char c)
{
    return c == '.' || c == '-' || c == '_';
}

/* CEP 26: after the first character, separators never come in pairs. */
static bool has_single_separators(envm_str tail)
{
    size_t i;

    for (i = 0; i < tail.len; i++) {
        if (envm_is_alnum(tail.ptr[i]))
            continue;
        if (!is_separator(tail.ptr[i]) || (i + 1 < tail.len && is_separator(tail.ptr[i + 1])))
            return false;
    }
    return true;
}

bool envm_package_name_is_valid(envm_str name)
{
    if (name.len == 0 || name.len > PART_LENGTH_MAX)
        return false;
    if (name.len > 2 && name.ptr[0] == '_' && name.ptr[1] == '_')
        return envm_is_alnum(name.ptr[2]) && has_single_separators(envm_str_skip(name, 3));
    if (!envm_is_alnum(name.ptr[0]) && name.ptr[0] != '_')
        return false;
    if (name.ptr[0] == '_' && name.len > 1 && name.ptr[1] == '_')
        return false;
    return has_single_separators(envm_str_skip(name, 1));
}

bool envm_version_text_is_safe(envm_str version)
{
    size_t i;

    if (version.len == 0 || version.len > PART_LENGTH_MAX || version.ptr[0] == '.')
        return false;
    for (i = 0; i < version.len; i++) {
        char c = version.ptr[i];
        if (!envm_is_alnum(c) && c != '.' && c != '_' && c != '+' && c != '!')
            return false;
    }
    return true;
}

bool envm_build_is_valid(envm_str build)
{
    size_t i;

    if (build.len == 0 || build.len > PART_LENGTH_MAX)
        return false;
    for (i = 0; i < build.len; i++) {
        char c = build.ptr[i];
        if (!envm_is_alnum(c) && c != '.' && c != '_' && c != '+')
            return false;
    }
    return true;
}

bool envm_archive_name_parse(envm_str file_name, struct envm_archive_name *ret_name)
{
    struct envm_archive_name name = {0};
    envm_str rest;
    size_t dash;

    if (file_name.len > FILE_NAME_LENGTH_MAX)
        return false;
    if (envm_str_ends_with(file_name, ENVM_STR(".conda"))) {
        name.kind = ENVM_KIND_CONDA;
        name.stem = envm_str_slice(file_name, 0, file_name.len - 6);
    } else if (envm_str_ends_with(file_name, ENVM_STR(".tar.bz2"))) {
        name.kind = ENVM_KIND_TAR_BZ2;
        name.stem = envm_str_slice(file_name, 0, file_name.len - 8);
    } else {
        return false;
    }
    dash = envm_str_find_last_char(name.stem, '-');
    if (dash == SIZE_MAX)
        return false;
    name.build = envm_str_skip(name.stem, dash + 1);
    rest = envm_str_slice(name.stem, 0, dash);
    dash = envm_str_find_last_char(rest, '-');
    if (dash == SIZE_MAX)
        return false;
    name.version = envm_str_skip(rest, dash + 1);
    name.name = envm_str_slice(rest, 0, dash);
    if (!envm_package_name_is_valid(name.name) || !envm_version_text_is_safe(name.version) ||
        !envm_build_is_valid(name.build))
        return false;
    *ret_name = name;
    return true;
}
