/* SPDX-License-Identifier: MIT */
#include "prefix/package_contents.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/hex.h"
#include "base/vec.h"
#include "prefix/paths_json.h"
#include "prefix/tree_digest.h"

static const char *type_name(enum envm_path_type type)
{
    switch (type) {
    case ENVM_PATH_SYMLINK:
        return "a symbolic link";
    case ENVM_PATH_DIRECTORY:
        return "a directory";
    case ENVM_PATH_FILE:
        break;
    }
    return "a file";
}

static enum envm_code mismatch(const struct envm_package_parts *parts, envm_str path,
                               const char *what, struct envm_error *err)
{
    return envm_error_hint(
        err,
        envm_fail(err, ENVM_INTEGRITY, "package %.*s: %.*s %s", ENVM_STR_ARGS(parts->package),
                  ENVM_STR_ARGS(path), what),
        "the package is not what its own list of files says; report it to the channel");
}

static int compare_seen(const void *key, const void *item)
{
    const struct envm_package_path *seen = item;

    return envm_str_compare(*(const envm_str *)key, seen->path.s);
}

static const struct envm_package_path *find_seen(const struct envm_package_parts *parts,
                                                 envm_str path)
{
    if (parts->seen_count == 0)
        return NULL;
    return bsearch(&path, parts->seen, parts->seen_count, sizeof(*parts->seen), compare_seen);
}

/* Where a relative link leads, lexically; only for links that stay inside. */
static envm_str link_destination(struct envm_arena *arena, const struct envm_package_path *link)
{
    envm_str joined = envm_arena_printf(arena, "%.*s/../%.*s", ENVM_STR_ARGS(link->path.s),
                                        ENVM_STR_ARGS(link->link_target));
    char *out = envm_arena_alloc(arena, joined.len + 1);
    size_t len = 0;
    envm_str part;

    while (envm_str_split_next(&joined, '/', &part)) {
        if (part.len == 0 || envm_str_equal_c(part, "."))
            continue;
        if (envm_str_equal_c(part, "..")) {
            size_t slash = envm_str_find_last_char(envm_str_n(out, len), '/');

            len = slash == SIZE_MAX ? 0 : slash;
            continue;
        }
        if (len > 0)
            out[len++] = '/';
        memcpy(out + len, part.ptr, part.len);
        len += part.len;
    }
    return envm_str_n(out, len);
}

static void note_link_digest(struct envm_arena *arena, const struct envm_package_parts *parts,
                             const struct envm_listed_path *listed,
                             const struct envm_package_path *link)
{
    const struct envm_package_path *target;

    if (!listed->sha256.known ||
        envm_link_classify(link->path, link->link_target) != ENVM_LINK_INSIDE)
        return;
    target = find_seen(parts, link_destination(arena, link));
    if (target && target->type == ENVM_PATH_FILE &&
        !envm_sha256_equal(&target->sha256, &listed->sha256))
        envm_sink_log(parts->sink, ENVM_LOG_DEBUG,
                      "package %.*s: the listed sha256 of link %.*s is not that of its target",
                      ENVM_STR_ARGS(parts->package), ENVM_STR_ARGS(link->path.s));
}

static enum envm_code join_one(struct envm_arena *arena, const struct envm_package_parts *parts,
                               const struct envm_listed_path *listed,
                               struct envm_package_path *ret_path, struct envm_error *err)
{
    const struct envm_package_path *seen = find_seen(parts, listed->path.s);

    if (!seen)
        return mismatch(parts, listed->path.s, "is listed but not in the archive", err);
    if (listed->has_type && listed->type != seen->type) {
        envm_str what = envm_arena_printf(arena, "is listed as %s but is %s",
                                          type_name(listed->type), type_name(seen->type));

        return mismatch(parts, listed->path.s, what.ptr, err);
    }
    *ret_path = *seen;
    ret_path->no_link = listed->no_link;
    ret_path->listed_sha256 = listed->sha256;
    ret_path->has_listed_size = listed->has_size;
    ret_path->listed_size = listed->size;
    if (seen->type == ENVM_PATH_SYMLINK)
        note_link_digest(arena, parts, listed, seen);
    if (seen->type != ENVM_PATH_FILE)
        return ENVM_OK;
    if (listed->has_size && listed->size != seen->size)
        return mismatch(parts, listed->path.s, "does not have the size that is listed", err);
    if (listed->sha256.known && !envm_sha256_equal(&listed->sha256, &seen->sha256))
        return mismatch(parts, listed->path.s, "does not have the sha256 that is listed", err);
    ret_path->file_mode = listed->file_mode;
    ret_path->placeholder = listed->placeholder;
    return ENVM_OK;
}

static bool is_link_script(envm_str path)
{
    static const char *const endings[] = {"-pre-link.sh",    "-post-link.sh",   "-pre-unlink.sh",
                                          "-pre-link.bat",   "-post-link.bat",  "-pre-unlink.bat",
                                          "-post-unlink.sh", "-post-unlink.bat"};

    if (!envm_str_starts_with(path, ENVM_STR("bin/.")) &&
        !envm_str_starts_with(path, ENVM_STR("Scripts/.")))
        return false;
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++)
        if (envm_str_ends_with(path, envm_str_from(endings[i])))
            return true;
    return false;
}

/* conda-meta holds the records and .envm the journal: a package that writes there could forge
 * what is installed (D4). */
static enum envm_code check_reserved(const struct envm_package_parts *parts, struct envm_error *err)
{
    for (size_t i = 0; i < parts->seen_count; i++) {
        struct envm_relpath path = parts->seen[i].path;

        if (envm_relpath_is_below(path, ENVM_STR("conda-meta")) ||
            envm_relpath_is_below(path, ENVM_STR(".envm")))
            return envm_fail(err, ENVM_UNSAFE, "package %.*s ships %.*s, which is reserved",
                             ENVM_STR_ARGS(parts->package), ENVM_STR_ARGS(path.s));
    }
    return ENVM_OK;
}

static void warn_unlisted(const struct envm_package_parts *parts,
                          const struct envm_package_contents *contents)
{
    size_t unlisted = 0, next = 0;
    envm_str example = {0};

    for (size_t i = 0; i < parts->seen_count; i++) {
        const struct envm_package_path *seen = &parts->seen[i];

        while (next < contents->path_count &&
               envm_str_compare(contents->paths[next].path.s, seen->path.s) < 0)
            next++;
        bool listed = next < contents->path_count &&
                      envm_str_equal(contents->paths[next].path.s, seen->path.s);

        if (listed || seen->type == ENVM_PATH_DIRECTORY ||
            envm_relpath_is_below(seen->path, ENVM_STR("info")))
            continue;
        if (unlisted++ == 0)
            example = seen->path.s;
    }
    if (unlisted > 0)
        envm_sink_warn(parts->sink,
                       "package %.*s: %zu file%s not in its list of files, such as %.*s; left out",
                       ENVM_STR_ARGS(parts->package), unlisted, unlisted == 1 ? " is" : "s are",
                       ENVM_STR_ARGS(example));
}

static void collect_link_scripts(struct envm_arena *arena, struct envm_package_contents *contents)
{
    size_t count = 0;
    envm_str *scripts;

    for (size_t i = 0; i < contents->path_count; i++)
        count += is_link_script(contents->paths[i].path.s);
    scripts = envm_arena_new_array(arena, envm_str, count);
    contents->link_scripts = (struct envm_str_list){scripts, count};
    for (size_t i = 0; i < contents->path_count; i++)
        if (is_link_script(contents->paths[i].path.s))
            *scripts++ = contents->paths[i].path.s;
}

enum envm_code envm_package_contents_join(struct envm_arena *arena,
                                          const struct envm_package_parts *parts,
                                          struct envm_package_contents *ret_contents,
                                          struct envm_error *err)
{
    struct envm_package_contents contents = {
        .paths = envm_arena_new_array(arena, struct envm_package_path, parts->list->count)};

    ENVM_TRY(check_reserved(parts, err));
    for (size_t i = 0; i < parts->list->count; i++) {
        const struct envm_listed_path *listed = &parts->list->items[i];
        struct envm_package_path *path = &contents.paths[contents.path_count];

        if (envm_relpath_is_below(listed->path, ENVM_STR("info")))
            continue;
        ENVM_TRY(join_one(arena, parts, listed, path, err));
        contents.path_count++;
        contents.total_size += path->type == ENVM_PATH_FILE ? path->size : 0;
    }
    warn_unlisted(parts, &contents);
    collect_link_scripts(arena, &contents);
    envm_package_contents_digest(&contents);
    ret_contents->paths = contents.paths;
    ret_contents->path_count = contents.path_count;
    ret_contents->total_size = contents.total_size;
    ret_contents->link_scripts = contents.link_scripts;
    ret_contents->digest = contents.digest;
    return ENVM_OK;
}
