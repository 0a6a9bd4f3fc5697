/* SPDX-License-Identifier: MIT */
#include "lock/lockfile_detect.h"

struct seen {
    bool explicit_mark, version, environments, packages, package, metadata, dependencies;
    bool any_key;
};

/* "key:" at the start of a line, key of letters, digits, "_" and "-". */
static envm_str top_key(envm_str line)
{
    size_t len = 0;

    while (len < line.len &&
           (envm_is_alnum(line.ptr[len]) || line.ptr[len] == '_' || line.ptr[len] == '-'))
        len++;
    if (len == 0 || len >= line.len || line.ptr[len] != ':' ||
        (len + 1 < line.len && !envm_is_space(line.ptr[len + 1])))
        return (envm_str){0};
    return envm_str_n(line.ptr, len);
}

static void look(struct seen *seen, envm_str line)
{
    envm_str key;

    /* Most lines of a lock are indented, and all that they could be is that mark. */
    if (envm_str_contains(line, ENVM_STR("@EXPLICIT")) &&
        envm_str_equal_c(envm_str_trim(line), "@EXPLICIT"))
        seen->explicit_mark = true;
    key = top_key(line);
    if (key.len == 0)
        return;
    seen->any_key = true;
    seen->version |= envm_str_equal_c(key, "version");
    seen->environments |= envm_str_equal_c(key, "environments");
    seen->packages |= envm_str_equal_c(key, "packages");
    seen->package |= envm_str_equal_c(key, "package");
    seen->metadata |= envm_str_equal_c(key, "metadata");
    seen->dependencies |= envm_str_equal_c(key, "dependencies");
}

/* pixi.lock has version, environments and packages too, but its packages are a list. */
static bool packages_are_a_list(envm_str text)
{
    size_t at = envm_str_find(text, ENVM_STR("\npackages:"));
    envm_str rest = at == SIZE_MAX ? (envm_str){0} : envm_str_skip(text, at + 10);
    envm_str line;

    while (envm_str_split_next(&rest, '\n', &line)) {
        line = envm_str_trim(line);
        if (line.len > 0 && line.ptr[0] != '#')
            return line.ptr[0] == '-';
    }
    return false;
}

enum envm_file_format envm_detect_format(envm_str text)
{
    struct seen seen = {0};
    envm_str rest = text.ptr ? text : ENVM_STR("");
    envm_str line;

    if (envm_str_starts_with(rest, ENVM_STR("\xef\xbb\xbf")))
        rest = envm_str_skip(rest, 3);
    while (envm_str_split_next(&rest, '\n', &line))
        look(&seen, line);
    if (seen.explicit_mark)
        return ENVM_FORMAT_EXPLICIT;
    if (seen.version && seen.environments && seen.packages && !seen.dependencies)
        return packages_are_a_list(text) ? ENVM_FORMAT_PIXI_LOCK : ENVM_FORMAT_LOCK;
    if (seen.version && seen.metadata && seen.package)
        return ENVM_FORMAT_CONDA_LOCK;
    return seen.any_key ? ENVM_FORMAT_ENVIRONMENT : ENVM_FORMAT_SPEC_LIST;
}
