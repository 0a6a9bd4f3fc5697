/* SPDX-License-Identifier: MIT */
#include "prefix/noarch_python.h"

#include "base/error.h"
#include "base/str.h"
#include "base/utf8.h"
#include "conda/platform.h"

/* "3.11" of "3.11.4"; the parts become file names, so they are digits and nothing else. */
static bool short_version(struct envm_arena *arena, envm_str version, envm_str *ret_short)
{
    uint64_t major = 0;
    uint64_t minor = 0;
    envm_str rest = version;
    envm_str part;
    size_t digits = 0;

    if (!envm_str_split_next(&rest, '.', &part) || !envm_str_parse_u64(part, &major) ||
        !envm_str_split_next(&rest, '.', &part))
        return false;
    while (digits < part.len && envm_is_digit(part.ptr[digits])) /* 3.13rc1 */
        digits++;
    if (!envm_str_parse_u64(envm_str_slice(part, 0, digits), &minor) || major > 99 || minor > 999)
        return false;
    *ret_short = envm_arena_printf(arena, "%u.%u", (unsigned)major, (unsigned)minor);
    return true;
}

enum envm_code envm_python_from_record(struct envm_arena *arena,
                                       const struct envm_package_record *record, envm_str platform,
                                       struct envm_python *ret_python, struct envm_error *err)
{
    struct envm_python python = {.known = true, .bin = ENVM_STR("bin")};
    envm_str site_packages = record->python_site_packages_path;
    envm_str version = {0};

    if (!short_version(arena, record->version, &version)) {
        ENVM_CLEANUP(envm_buf) struct envm_buf shown = envm_buf_text();

        envm_buf_add_escaped(&shown, record->version, 64);
        return envm_fail(err, ENVM_MALFORMED,
                         "python has the version \"%s\", which has no major and minor number",
                         envm_buf_str(&shown).ptr);
    }
    python.interpreter = envm_arena_printf(arena, "bin/python%.*s", ENVM_STR_ARGS(version));
    if (envm_subdir_is_win(platform)) {
        python.bin = ENVM_STR("Scripts");
        python.interpreter = ENVM_STR("python.exe");
    }
    if (site_packages.len == 0)
        site_packages =
            envm_subdir_is_win(platform)
                ? ENVM_STR("Lib/site-packages")
                : envm_arena_printf(arena, "lib/python%.*s/site-packages", ENVM_STR_ARGS(version));
    ENVM_TRY_WRAP(envm_relpath_parse(arena, site_packages, &python.site_packages, err), err,
                  "python_site_packages_path of the python package");
    *ret_python = python;
    return ENVM_OK;
}

enum envm_code envm_noarch_python_path(struct envm_arena *arena, const struct envm_python *python,
                                       struct envm_relpath path, struct envm_relpath *ret_path,
                                       struct envm_error *err)
{
    static const envm_str site_packages = ENVM_STR_INIT("site-packages/");
    static const envm_str scripts = ENVM_STR_INIT("python-scripts/");

    if (envm_str_starts_with(path.s, site_packages))
        return envm_relpath_join(arena, python->site_packages,
                                 envm_str_skip(path.s, site_packages.len), ret_path, err);
    if (envm_str_starts_with(path.s, scripts))
        return envm_relpath_parse(
            arena,
            envm_arena_printf(arena, "%.*s/%.*s", ENVM_STR_ARGS(python->bin),
                              ENVM_STR_ARGS(envm_str_skip(path.s, scripts.len))),
            ret_path, err);
    /* The two folders themselves, where a package lists them. */
    if (envm_str_equal_c(path.s, "site-packages")) {
        *ret_path = python->site_packages;
        return ENVM_OK;
    }
    if (envm_str_equal_c(path.s, "python-scripts"))
        return envm_relpath_parse(arena, python->bin, ret_path, err);
    *ret_path = path;
    return ENVM_OK;
}
