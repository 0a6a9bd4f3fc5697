/* SPDX-License-Identifier: MIT
 *
 * Reading envm's own lock, strictly: whatever is not as envm writes it is refused with line and
 * column, before anything is installed (lockfile.md, promise 6; reliability.md section 1.6).
 */
#include <stdlib.h>

#include "lock/lockfile.h"

#include "base/error.h"
#include "base/hex.h"
#include "base/map.h"
#include "base/utf8.h"
#include "codec/url.h"
#include "codec/yaml_reader.h"
#include "conda/match_spec.h"
#include "conda/package_record.h"
#include "conda/platform.h"
#include "lock/lockfile_extras.h"
#include "lock/lockfile_key.h"

struct reader {
    struct envm_arena *arena;
    const char *file;
    struct envm_lockfile *lock;
    struct envm_map packages; /* key -> struct envm_package_record * */
    struct envm_map used;     /* key -> 1 */
    envm_str channel;         /* of the package before: it was good */
    struct envm_error *err;
};

static const char *shown(struct reader *r, envm_str text)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf escaped = envm_buf_text();

    envm_buf_add_escaped(&escaped, text, 200);
    return envm_cstr(r->arena, envm_buf_str(&escaped));
}

static ENVM_PRINTF(4, 5) enum envm_code
    bad(struct reader *r, enum envm_code code, const struct envm_yaml_node *node,
        const char *format, ...)
{
    va_list args;
    envm_str text;

    va_start(args, format);
    text = envm_arena_vprintf(r->arena, format, args);
    va_end(args);
    (void)envm_fail(r->err, code, "%s:%u:%u: %s", r->file, node->line, node->column, text.ptr);
    (void)envm_error_where(r->err, code, "%s:%u:%u", r->file, node->line, node->column);
    return envm_error_hint(r->err, code,
                           "locks are written by envm only: restore the file from version "
                           "control or make it again with `envm lock`");
}

static enum envm_code expect(struct reader *r, const struct envm_yaml_node *node,
                             enum envm_yaml_kind kind, const char *what)
{
    static const char *const names[] = {"a scalar", "a list", "a mapping"};

    if (node->kind == kind)
        return ENVM_OK;
    return bad(r, ENVM_MALFORMED, node, "%s has to be %s", what, names[kind]);
}

static enum envm_code required(struct reader *r, const struct envm_yaml_node *mapping,
                               const char *key, enum envm_yaml_kind kind,
                               const struct envm_yaml_node **ret_node)
{
    *ret_node = envm_yaml_get(mapping, key);
    if (!*ret_node)
        return bad(r, ENVM_MALFORMED, mapping, "\"%s\" is missing", key);
    return expect(r, *ret_node, kind, key);
}

/* A key that envm does not write means either damage or a newer envm: both must not pass. */
static enum envm_code only_keys(struct reader *r, const struct envm_yaml_node *mapping,
                                const char *const *allowed)
{
    for (size_t i = 0; i < mapping->count; i++) {
        const char *const *name = allowed;

        while (*name && !envm_str_equal_c(mapping->keys[i]->scalar, *name))
            name++;
        if (!*name)
            return bad(r, ENVM_MALFORMED, mapping->keys[i], "unknown key \"%s\"",
                       shown(r, mapping->keys[i]->scalar));
    }
    return ENVM_OK;
}

static enum envm_code read_list(struct reader *r, const struct envm_yaml_node *mapping,
                                const char *key, struct envm_str_list *ret_list)
{
    const struct envm_yaml_node *node = envm_yaml_get(mapping, key);
    envm_str *items;

    if (!node)
        return ENVM_OK;
    ENVM_TRY(expect(r, node, ENVM_YAML_SEQUENCE, key));
    items = envm_arena_new_array(r->arena, envm_str, node->count);
    for (size_t i = 0; i < node->count; i++) {
        ENVM_TRY(expect(r, node->items[i], ENVM_YAML_SCALAR, key));
        items[i] = node->items[i]->scalar;
    }
    *ret_list = (struct envm_str_list){items, node->count};
    return ENVM_OK;
}

static enum envm_code read_text(struct reader *r, const struct envm_yaml_node *mapping,
                                const char *key, envm_str *ret_text)
{
    const struct envm_yaml_node *node = envm_yaml_get(mapping, key);

    if (!node)
        return ENVM_OK;
    ENVM_TRY(expect(r, node, ENVM_YAML_SCALAR, key));
    *ret_text = node->scalar;
    return ENVM_OK;
}

static enum envm_code read_number(struct reader *r, const struct envm_yaml_node *mapping,
                                  const char *key, uint64_t *ret_value, bool *ret_present)
{
    const struct envm_yaml_node *node = envm_yaml_get(mapping, key);

    if (!node)
        return ENVM_OK;
    if (node->kind != ENVM_YAML_SCALAR || !envm_str_parse_u64(node->scalar, ret_value))
        return bad(r, ENVM_MALFORMED, node, "\"%s\" has to be a whole number", key);
    if (ret_present)
        *ret_present = true;
    return ENVM_OK;
}

static enum envm_code read_digests(struct reader *r, const struct envm_yaml_node *node,
                                   struct envm_package_record *record)
{
    const struct envm_yaml_node *sha256 = envm_yaml_get(node, "sha256");
    const struct envm_yaml_node *md5 = envm_yaml_get(node, "md5");

    if (!sha256)
        return bad(r, ENVM_UNSAFE, node, "%s has no sha256: it cannot be checked after a download",
                   shown(r, record->file_name));
    if (sha256->kind != ENVM_YAML_SCALAR || !envm_sha256_parse(sha256->scalar, &record->sha256))
        return bad(r, ENVM_MALFORMED, sha256, "sha256 is not 64 hexadecimal digits");
    if (md5 && (md5->kind != ENVM_YAML_SCALAR || !envm_md5_parse(md5->scalar, &record->md5)))
        return bad(r, ENVM_MALFORMED, md5, "md5 is not 32 hexadecimal digits");
    ENVM_TRY(read_number(r, node, "size", &record->size, &record->has_size));
    if (record->has_size && record->size == 0)
        return bad(r, ENVM_MALFORMED, node, "a package cannot have size 0");
    return ENVM_OK;
}

/* The scheme that the channel itself has: a name below the alias is https (or whatever the alias
 * is, which the caller of the lock decides). */
static envm_str scheme_of(envm_str url)
{
    size_t at = envm_str_find(url, ENVM_STR("://"));

    return at == SIZE_MAX ? (envm_str){0} : envm_str_n(url.ptr, at);
}

/* The name of a channel, or where repodata came from: text that is shown, and written again. */
static enum envm_code check_origin(struct reader *r, const struct envm_yaml_node *node,
                                   envm_str text)
{
    struct envm_url url;

    if (!envm_lockfile_text_is_plain(text))
        return bad(r, ENVM_MALFORMED, node, "\"%s\" holds control characters", shown(r, text));
    if (scheme_of(text).len == 0)
        return ENVM_OK;
    if (envm_url_parse(r->arena, text, &url, NULL) != ENVM_OK)
        return bad(r, ENVM_MALFORMED, node, "\"%s\" is not a usable URL",
                   shown(r, envm_url_redact_one(r->arena, text)));
    if (url.has_userinfo || url.token.len > 0 || url.query.len > 0)
        return bad(r, ENVM_UNSAFE, node, "\"%s\" holds credentials", shown(r, url.clean));
    return ENVM_OK;
}

static enum envm_code check_url(struct reader *r, const struct envm_yaml_node *node,
                                const struct envm_lockfile_key *key, envm_str url_text)
{
    struct envm_error cause = {0};
    struct envm_url url;
    envm_str scheme = scheme_of(key->channel);
    size_t slash;

    if (envm_url_parse(r->arena, url_text, &url, &cause) != ENVM_OK) {
        const char *why = envm_cstr(r->arena, envm_str_from(cause.text));

        envm_error_release(&cause);
        return bad(r, ENVM_MALFORMED, node, "url: %s", why);
    }
    if (url.has_userinfo || url.token.len > 0 || url.query.len > 0)
        return bad(r, ENVM_UNSAFE, node, "the url holds credentials");
    slash = envm_str_find_last_char(url.path, '/');
    if (!envm_str_equal(envm_url_decode(r->arena, envm_str_skip(url.path, slash + 1)),
                        key->file_name))
        return bad(r, ENVM_MALFORMED, node, "the url does not end with the file name of its key");
    if (scheme.len > 0 && !envm_str_equal(scheme, url.scheme))
        return bad(r, ENVM_UNSAFE, node, "the url's scheme is %.*s, but its channel's is %.*s",
                   ENVM_STR_ARGS(url.scheme), ENVM_STR_ARGS(scheme));
    if (scheme.len == 0 && !envm_str_equal_c(url.scheme, "https"))
        return bad(r, ENVM_UNSAFE, node, "the url of a package from channel %s has to be https",
                   shown(r, key->channel));
    return ENVM_OK;
}

static enum envm_code read_noarch(struct reader *r, const struct envm_yaml_node *node,
                                  enum envm_noarch *ret_noarch)
{
    envm_str text = {0};

    ENVM_TRY(read_text(r, node, "noarch", &text));
    if (envm_str_equal_c(text, "python"))
        *ret_noarch = ENVM_NOARCH_PYTHON;
    else if (envm_str_equal_c(text, "generic"))
        *ret_noarch = ENVM_NOARCH_GENERIC;
    else if (text.len > 0)
        return bad(r, ENVM_MALFORMED, node, "noarch has to be python or generic");
    return ENVM_OK;
}

static enum envm_code read_package(struct reader *r, const struct envm_yaml_node *key_node,
                                   const struct envm_yaml_node *node)
{
    static const char *const allowed[] = {"url",
                                          "sha256",
                                          "md5",
                                          "size",
                                          "build-number",
                                          "noarch",
                                          "timestamp",
                                          "indexed-timestamp",
                                          "depends",
                                          "constrains",
                                          "extra-depends",
                                          "flags",
                                          "link-scripts",
                                          "track-features",
                                          "features",
                                          "license",
                                          "license-family",
                                          "python-site-packages-path",
                                          NULL};
    struct envm_package_record *record = envm_arena_new(r->arena, struct envm_package_record);
    const struct envm_yaml_node *url, *where;
    struct envm_lockfile_key key;
    const char *reason;

    ENVM_TRY(expect(r, node, ENVM_YAML_MAPPING, "a package"));
    if (!envm_lockfile_key_parse(key_node->scalar, &key))
        return bad(r, ENVM_MALFORMED, key_node, "\"%s\" is not CHANNEL/SUBDIR/FILE",
                   shown(r, envm_url_redact_one(r->arena, key_node->scalar)));
    if (!envm_str_equal(key.channel, r->channel))
        ENVM_TRY(check_origin(r, key_node, key.channel));
    r->channel = key.channel;
    ENVM_TRY(only_keys(r, node, allowed));
    *record = (struct envm_package_record){
        .name = key.name.name,
        .version = key.name.version,
        .build = key.name.build,
        .subdir = key.subdir,
        .channel = key.channel,
        .file_name = envm_arena_str(r->arena, key.file_name),
    };
    ENVM_TRY(required(r, node, "url", ENVM_YAML_SCALAR, &url));
    ENVM_TRY(check_url(r, url, &key, url->scalar));
    record->url = url->scalar;
    ENVM_TRY(read_digests(r, node, record));
    ENVM_TRY(read_noarch(r, node, &record->noarch));
    ENVM_TRY(read_number(r, node, "build-number", &record->build_number, NULL));
    ENVM_TRY(read_number(r, node, "timestamp", &record->timestamp, NULL));
    ENVM_TRY(read_number(r, node, "indexed-timestamp", &record->indexed_timestamp, NULL));
    ENVM_TRY(read_list(r, node, "depends", &record->depends));
    ENVM_TRY(read_list(r, node, "constrains", &record->constrains));
    reason = envm_lockfile_read_extras(r->arena, node, record, &where);
    if (reason)
        return bad(r, ENVM_MALFORMED, where, "%s", reason);
    ENVM_TRY(read_list(r, node, "track-features", &record->track_features));
    ENVM_TRY(read_text(r, node, "features", &record->features));
    ENVM_TRY(read_text(r, node, "license", &record->license));
    ENVM_TRY(read_text(r, node, "license-family", &record->license_family));
    ENVM_TRY(read_text(r, node, "python-site-packages-path", &record->python_site_packages_path));
    envm_map_set(&r->packages, key_node->scalar, (uint64_t)(uintptr_t)record);
    return ENVM_OK;
}

static enum envm_code read_virtual_packages(struct reader *r, const struct envm_yaml_node *node,
                                            struct envm_record_list *ret_list)
{
    const struct envm_yaml_node *mapping = envm_yaml_get(node, "virtual-packages");
    const struct envm_package_record **items;

    if (!mapping)
        return ENVM_OK;
    ENVM_TRY(expect(r, mapping, ENVM_YAML_MAPPING, "virtual-packages"));
    items = envm_arena_new_array(r->arena, const struct envm_package_record *, mapping->count);
    for (size_t i = 0; i < mapping->count; i++) {
        struct envm_package_record *record = envm_arena_new(r->arena, struct envm_package_record);
        envm_str rest = mapping->items[i]->scalar;

        if (mapping->items[i]->kind != ENVM_YAML_SCALAR ||
            !envm_str_starts_with(mapping->keys[i]->scalar, ENVM_STR("__")) ||
            !envm_str_split_next(&rest, '=', &record->version) || !rest.ptr)
            return bad(r, ENVM_MALFORMED, mapping->keys[i],
                       "a virtual package is written __name: VERSION=BUILD");
        record->name = mapping->keys[i]->scalar;
        record->build = rest;
        items[i] = record;
    }
    *ret_list = (struct envm_record_list){items, mapping->count};
    return ENVM_OK;
}

static int compare_records(const void *a, const void *b)
{
    return envm_package_record_compare_name(a, b);
}

static enum envm_code check_record(struct reader *r, const struct envm_yaml_node *node,
                                   const struct envm_package_record *record, struct envm_map *names)
{
    const struct envm_lock_platform *platform = &r->lock->platforms[r->lock->platform_count];
    bool is_new;

    if (!envm_str_equal_c(record->subdir, "noarch") &&
        !envm_str_equal(record->subdir, platform->platform))
        return bad(r, ENVM_MALFORMED, node, "%s is for %.*s, but stands under %.*s",
                   shown(r, record->file_name), ENVM_STR_ARGS(record->subdir),
                   ENVM_STR_ARGS(platform->platform));
    *envm_map_get(names, record->name, &is_new) = 1;
    if (!is_new)
        return bad(r, ENVM_MALFORMED, node, "two packages are named %.*s",
                   ENVM_STR_ARGS(record->name));
    return ENVM_OK;
}

/* Every dependency has to be there by name; whether it matches is the check's business. */
static enum envm_code check_dependencies(struct reader *r, const struct envm_yaml_node *node,
                                         const struct envm_package_record *record,
                                         const struct envm_map *names)
{
    for (size_t i = 0; i < record->depends.count; i++) {
        const struct envm_match_spec *spec;
        struct envm_error cause = {0};
        envm_str name;

        if (envm_spec_table_parse(r->lock->specs, record->depends.items[i], &spec, &cause) !=
            ENVM_OK) {
            const char *why = envm_cstr(r->arena, envm_str_from(cause.text));

            envm_error_release(&cause);
            return bad(r, ENVM_MALFORMED, node, "%s depends on something unreadable: %s",
                       shown(r, record->file_name), why);
        }
        name = envm_match_spec_exact_name(spec);
        if (name.len > 0 && !envm_str_starts_with(name, ENVM_STR("__")) &&
            !envm_match_spec_condition(spec) && !envm_map_find(names, name))
            return bad(r, ENVM_MALFORMED, node, "%s needs \"%s\", which the lock does not hold",
                       shown(r, record->file_name), shown(r, record->depends.items[i]));
    }
    return ENVM_OK;
}

static bool may_lack_dependencies(const struct envm_lock_request *request)
{
    return request->is_explicit || envm_lock_terms_is_partial(&request->terms);
}

static enum envm_code read_platform_packages(struct reader *r, const struct envm_yaml_node *list,
                                             struct envm_record_list *ret_list)
{
    const struct envm_package_record **items =
        envm_arena_new_array(r->arena, const struct envm_package_record *, list->count);
    ENVM_CLEANUP(envm_map) struct envm_map names = {0};

    for (size_t i = 0; i < list->count; i++) {
        const struct envm_yaml_node *node = list->items[i];
        const uint64_t *found;

        ENVM_TRY(expect(r, node, ENVM_YAML_SCALAR, "a package"));
        found = envm_map_find(&r->packages, node->scalar);
        if (!found)
            return bad(r, ENVM_MALFORMED, node, "there is no package \"%s\" in this lock",
                       shown(r, node->scalar));
        items[i] = (const struct envm_package_record *)(uintptr_t)*found;
        envm_map_set(&r->used, node->scalar, 1);
        ENVM_TRY(check_record(r, node, items[i], &names));
    }
    for (size_t i = 0; i < list->count && !may_lack_dependencies(&r->lock->request); i++)
        ENVM_TRY(check_dependencies(r, list->items[i], items[i], &names));
    if (list->count > 0)
        qsort(items, list->count, sizeof(*items), compare_records);
    *ret_list = (struct envm_record_list){items, list->count};
    return ENVM_OK;
}

static enum envm_code read_platform(struct reader *r, const struct envm_yaml_node *key,
                                    const struct envm_yaml_node *node)
{
    static const char *const allowed[] = {"virtual-packages", "tree", "packages", NULL};
    struct envm_lock_platform *platform = &r->lock->platforms[r->lock->platform_count];
    const struct envm_yaml_node *packages;
    envm_str tree = {0};

    if (!envm_subdir_is_valid(key->scalar) || envm_str_equal_c(key->scalar, "noarch"))
        return bad(r, ENVM_MALFORMED, key, "\"%s\" is not a platform", shown(r, key->scalar));
    ENVM_TRY(expect(r, node, ENVM_YAML_MAPPING, "a platform"));
    ENVM_TRY(only_keys(r, node, allowed));
    platform->platform = key->scalar;
    ENVM_TRY(read_virtual_packages(r, node, &platform->virtual_packages));
    ENVM_TRY(read_text(r, node, "tree", &tree));
    if (tree.len > 0 && (!envm_str_starts_with(tree, ENVM_STR("sha256:")) ||
                         !envm_sha256_parse(envm_str_skip(tree, 7), &platform->tree)))
        return bad(r, ENVM_MALFORMED, node, "tree has to be sha256: and 64 hexadecimal digits");
    ENVM_TRY(required(r, node, "packages", ENVM_YAML_SEQUENCE, &packages));
    ENVM_TRY(read_platform_packages(r, packages, &platform->packages));
    r->lock->platform_count++;
    return ENVM_OK;
}

static enum envm_code read_request(struct reader *r, const struct envm_yaml_node *node)
{
    static const char *const allowed[] = {"specs", "options", "omitted-pip", NULL};
    static const char *const allowed_options[] = {"add-pip",  "channel-priority", "exclude-newer",
                                                  "explicit", "no-deps",          "only-deps",
                                                  "pins",     "resolution",       NULL};
    const struct envm_yaml_node *specs, *where;
    const struct envm_yaml_node *options;
    envm_str is_explicit = {0};
    envm_str add_pip = {0};

    ENVM_TRY(only_keys(r, node, allowed));
    ENVM_TRY(required(r, node, "specs", ENVM_YAML_SEQUENCE, &specs));
    ENVM_TRY(read_list(r, node, "specs", &r->lock->request.specs));
    ENVM_TRY(read_list(r, node, "omitted-pip", &r->lock->request.omitted_pip));
    ENVM_TRY(required(r, node, "options", ENVM_YAML_MAPPING, &options));
    ENVM_TRY(only_keys(r, options, allowed_options));
    ENVM_TRY(read_text(r, options, "channel-priority", &r->lock->request.channel_priority));
    ENVM_TRY(read_text(r, options, "add-pip", &add_pip));
    ENVM_TRY(read_text(r, options, "explicit", &is_explicit));
    const char *fault = envm_lock_terms_read(r->arena, options, &r->lock->request.terms, &where);
    if (fault)
        return bad(r, ENVM_MALFORMED, where, "%s", fault);
    r->lock->request.add_pip = envm_str_equal_c(add_pip, "true");
    r->lock->request.is_explicit = envm_str_equal_c(is_explicit, "true");
    return ENVM_OK;
}

static enum envm_code read_variables(struct reader *r, const struct envm_yaml_node *environment)
{
    const struct envm_yaml_node *node = envm_yaml_get(environment, "variables");
    struct envm_environment_variable *variables;

    if (!node)
        return ENVM_OK;
    ENVM_TRY(expect(r, node, ENVM_YAML_MAPPING, "variables"));
    variables = envm_arena_new_array(r->arena, struct envm_environment_variable, node->count);
    for (size_t i = 0; i < node->count; i++) {
        ENVM_TRY(expect(r, node->items[i], ENVM_YAML_SCALAR, "a variable"));
        if (!envm_variable_name_is_valid(node->keys[i]->scalar))
            return bad(r, ENVM_MALFORMED, node->keys[i], "\"%s\" is not a name of a variable",
                       shown(r, node->keys[i]->scalar));
        variables[i].name = node->keys[i]->scalar;
        variables[i].value = node->items[i]->scalar;
    }
    r->lock->variables = variables;
    r->lock->variable_count = node->count;
    return ENVM_OK;
}

static enum envm_code read_environment(struct reader *r, const struct envm_yaml_node *node)
{
    static const char *const allowed[] = {"channels", "request", "variables", "platforms", NULL};
    const struct envm_yaml_node *channels;
    const struct envm_yaml_node *request;
    const struct envm_yaml_node *platforms;

    ENVM_TRY(only_keys(r, node, allowed));
    ENVM_TRY(required(r, node, "channels", ENVM_YAML_SEQUENCE, &channels));
    ENVM_TRY(read_list(r, node, "channels", &r->lock->channels));
    for (size_t i = 0; i < channels->count; i++)
        ENVM_TRY(check_origin(r, channels->items[i], channels->items[i]->scalar));
    ENVM_TRY(required(r, node, "request", ENVM_YAML_MAPPING, &request));
    ENVM_TRY(read_request(r, request));
    ENVM_TRY(read_variables(r, node));
    ENVM_TRY(required(r, node, "platforms", ENVM_YAML_MAPPING, &platforms));
    r->lock->platforms =
        envm_arena_new_array(r->arena, struct envm_lock_platform, platforms->count);
    for (size_t i = 0; i < platforms->count; i++)
        ENVM_TRY(read_platform(r, platforms->keys[i], platforms->items[i]));
    return ENVM_OK;
}

static enum envm_code read_provenance(struct reader *r, const struct envm_yaml_node *root)
{
    static const char *const allowed[] = {"sha256", "etag", "last-modified", NULL};
    const struct envm_yaml_node *node = envm_yaml_get(root, "provenance");

    if (!node)
        return ENVM_OK;
    ENVM_TRY(expect(r, node, ENVM_YAML_MAPPING, "provenance"));
    r->lock->provenance = envm_arena_new_array(r->arena, struct envm_lock_provenance, node->count);
    for (size_t i = 0; i < node->count; i++) {
        struct envm_lock_provenance *source = &r->lock->provenance[i];
        envm_str sha256 = {0};

        ENVM_TRY(expect(r, node->items[i], ENVM_YAML_MAPPING, "provenance"));
        ENVM_TRY(only_keys(r, node->items[i], allowed));
        ENVM_TRY(check_origin(r, node->keys[i], node->keys[i]->scalar));
        source->url = node->keys[i]->scalar;
        ENVM_TRY(read_text(r, node->items[i], "sha256", &sha256));
        ENVM_TRY(read_text(r, node->items[i], "etag", &source->etag));
        ENVM_TRY(read_text(r, node->items[i], "last-modified", &source->last_modified));
        if (sha256.len > 0 && !envm_sha256_parse(sha256, &source->sha256))
            return bad(r, ENVM_MALFORMED, node->items[i], "sha256 is not 64 hexadecimal digits");
    }
    r->lock->provenance_count = node->count;
    return ENVM_OK;
}

static enum envm_code check_version(struct reader *r, const struct envm_yaml_node *root)
{
    const struct envm_yaml_node *version;
    uint64_t number = 0;

    ENVM_TRY(required(r, root, "version", ENVM_YAML_SCALAR, &version));
    if (!envm_str_parse_u64(version->scalar, &number) || number == 0)
        return bad(r, ENVM_MALFORMED, version, "version has to be 1");
    if (number == 1)
        return ENVM_OK;
    (void)bad(r, ENVM_MALFORMED, version, "this lock has format %llu, which a newer envm wrote",
              (unsigned long long)number);
    if (r->err) {
        /* The general hint would be wrong here. */
        struct envm_error plain = {.code = r->err->code};

        plain.text = r->err->text;
        plain.where = r->err->where;
        r->err->text = r->err->where = NULL;
        envm_error_release(r->err);
        *r->err = plain;
    }
    return envm_error_hint(r->err, ENVM_MALFORMED,
                           "install a newer envm, or lock again with this one");
}

static enum envm_code read_root(struct reader *r, const struct envm_yaml_node *root)
{
    static const char *const allowed[] = {"version", "environments", "packages", "provenance",
                                          NULL};
    static const char *const only_default[] = {"default", NULL};
    const struct envm_yaml_node *environments;
    const struct envm_yaml_node *environment;
    const struct envm_yaml_node *packages;

    ENVM_TRY(expect(r, root, ENVM_YAML_MAPPING, "a lock"));
    ENVM_TRY(check_version(r, root));
    ENVM_TRY(only_keys(r, root, allowed));
    ENVM_TRY(required(r, root, "packages", ENVM_YAML_MAPPING, &packages));
    r->lock->specs = envm_spec_table_new(r->arena, packages->count * 2);
    for (size_t i = 0; i < packages->count; i++)
        ENVM_TRY(read_package(r, packages->keys[i], packages->items[i]));
    ENVM_TRY(required(r, root, "environments", ENVM_YAML_MAPPING, &environments));
    ENVM_TRY(only_keys(r, environments, only_default));
    ENVM_TRY(required(r, environments, "default", ENVM_YAML_MAPPING, &environment));
    ENVM_TRY(read_environment(r, environment));
    for (size_t i = 0; i < packages->count; i++) {
        if (!envm_map_find(&r->used, packages->keys[i]->scalar))
            return bad(r, ENVM_MALFORMED, packages->keys[i], "no platform uses package \"%s\"",
                       shown(r, packages->keys[i]->scalar));
    }
    return read_provenance(r, root);
}

enum envm_code envm_lockfile_read(struct envm_arena *arena, envm_str text, const char *file,
                                  struct envm_lockfile *ret_lock, struct envm_error *err)
{
    struct envm_lockfile lock = {0};
    struct reader r = {.arena = arena, .file = file, .lock = &lock, .err = err};
    struct envm_yaml_node *root = NULL;
    enum envm_code code;

    ENVM_TRY_WRAP(envm_yaml_read(arena, text, file, &root, NULL, err), err, "reading the lock %s",
                  file);
    if (!root)
        return envm_fail(err, ENVM_MALFORMED, "%s: the lock is empty", file);
    code = read_root(&r, root);
    envm_map_release(&r.packages);
    envm_map_release(&r.used);
    if (code == ENVM_OK)
        *ret_lock = lock;
    return code;
}
