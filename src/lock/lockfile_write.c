/* SPDX-License-Identifier: MIT
 *
 * Writing the lock: one way to write each content, so that the same content gives the same bytes.
 */
#include <stdlib.h>

#include "lock/lockfile.h"

#include "base/hex.h"
#include "base/vec.h"
#include "codec/yaml_writer.h"
#include "lock/lockfile_digest.h"
#include "lock/lockfile_extras.h"
#include "lock/lockfile_key.h"

struct keyed_record {
    envm_str key;
    const struct envm_package_record *record;
};

static int compare_keys(const void *a, const void *b)
{
    const struct keyed_record *left = a;
    const struct keyed_record *right = b;
    int order = envm_str_compare(left->key, right->key);

    /* Of a package that several platforms have, the first one is written: one with consent to its
     * scripts, if there is any. */
    return order ? order
                 : (right->record->link_script_count > 0) - (left->record->link_script_count > 0);
}

static void add_list(struct envm_buf *out, unsigned indent, const char *key,
                     struct envm_str_list list)
{
    if (list.count > 0)
        envm_yaml_add_list(out, indent, key, list, true);
}

static void add_text(struct envm_buf *out, unsigned indent, const char *key, envm_str text)
{
    if (text.len > 0)
        envm_yaml_add_field(out, indent, key, text);
}

static void add_package(struct envm_buf *out, const struct keyed_record *keyed)
{
    const struct envm_package_record *record = keyed->record;

    envm_yaml_add_key(out, 2, keyed->key);
    envm_buf_add_byte(out, '\n');
    envm_yaml_add_field(out, 4, "url", record->url);
    envm_lockfile_add_sha256(out, 4, "sha256", "", &record->sha256);
    envm_lockfile_add_digest(out, 4, "md5", "", envm_md5_hex(&record->md5).text);
    if (record->has_size)
        envm_yaml_add_u64(out, 4, "size", record->size);
    envm_yaml_add_u64(out, 4, "build-number", record->build_number);
    if (record->noarch != ENVM_NOARCH_NO)
        envm_yaml_add_field(out, 4, "noarch",
                            record->noarch == ENVM_NOARCH_PYTHON ? ENVM_STR("python")
                                                                 : ENVM_STR("generic"));
    if (record->timestamp)
        envm_yaml_add_u64(out, 4, "timestamp", record->timestamp);
    if (record->indexed_timestamp)
        envm_yaml_add_u64(out, 4, "indexed-timestamp", record->indexed_timestamp);
    add_list(out, 4, "depends", record->depends);
    add_list(out, 4, "constrains", record->constrains);
    envm_lockfile_add_extras(out, 4, record);
    add_list(out, 4, "track-features", record->track_features);
    add_text(out, 4, "features", record->features);
    add_text(out, 4, "python-site-packages-path", record->python_site_packages_path);
    add_text(out, 4, "license", record->license);
    add_text(out, 4, "license-family", record->license_family);
}

static void add_request(struct envm_buf *out, const struct envm_lockfile *lock)
{
    envm_buf_add_cstr(out, "    request:\n");
    envm_yaml_add_list(out, 6, "specs", lock->request.specs, true);
    envm_buf_add_cstr(out, "      options:\n");
    envm_buf_printf(out, "        add-pip: %s\n", lock->request.add_pip ? "true" : "false");
    envm_yaml_add_field(out, 8, "channel-priority", lock->request.channel_priority);
    if (lock->request.is_explicit)
        envm_buf_add_cstr(out, "        explicit: true\n");
    envm_lock_terms_write(out, 8, &lock->request.terms);
    add_list(out, 6, "omitted-pip", lock->request.omitted_pip);
    if (lock->variable_count == 0)
        return;
    envm_buf_add_cstr(out, "    variables:\n");
    for (size_t i = 0; i < lock->variable_count; i++) {
        envm_yaml_add_key(out, 6, lock->variables[i].name);
        envm_buf_add_byte(out, ' ');
        envm_yaml_add_scalar(out, lock->variables[i].value);
        envm_buf_add_byte(out, '\n');
    }
}

static void add_platform(struct envm_buf *out, struct envm_arena *arena,
                         const struct envm_lock_platform *platform)
{
    envm_str *keys = envm_arena_new_array(arena, envm_str, platform->packages.count);

    envm_yaml_add_key(out, 6, platform->platform);
    envm_buf_add_byte(out, '\n');
    if (platform->virtual_packages.count > 0)
        envm_buf_add_cstr(out, "        virtual-packages:\n");
    for (size_t i = 0; i < platform->virtual_packages.count; i++) {
        const struct envm_package_record *record = platform->virtual_packages.items[i];

        envm_yaml_add_key(out, 10, record->name);
        envm_buf_add_byte(out, ' ');
        envm_yaml_add_scalar(out,
                             envm_arena_printf(arena, "%.*s=%.*s", ENVM_STR_ARGS(record->version),
                                               ENVM_STR_ARGS(record->build)));
        envm_buf_add_byte(out, '\n');
    }
    envm_lockfile_add_sha256(out, 8, "tree", "sha256:", &platform->tree);
    for (size_t i = 0; i < platform->packages.count; i++)
        keys[i] = envm_lockfile_package_key(arena, platform->packages.items[i]);
    if (platform->packages.count > 0)
        qsort(keys, platform->packages.count, sizeof(*keys), envm_str_compare_qsort);
    envm_yaml_add_list(out, 8, "packages", (struct envm_str_list){keys, platform->packages.count},
                       true);
}

static void add_packages(struct envm_buf *out, struct envm_arena *arena,
                         const struct envm_lockfile *lock)
{
    ENVM_VEC(struct keyed_record) all = {0};

    for (size_t i = 0; i < lock->platform_count; i++) {
        const struct envm_record_list *packages = &lock->platforms[i].packages;

        for (size_t k = 0; k < packages->count; k++) {
            struct keyed_record keyed = {envm_lockfile_package_key(arena, packages->items[k]),
                                         packages->items[k]};

            envm_vec_push(&all, keyed);
        }
    }
    if (all.count > 0)
        qsort(all.items, all.count, sizeof(*all.items), compare_keys);
    envm_buf_add_cstr(out, all.count ? "packages:\n" : "packages: {}\n");
    for (size_t i = 0; i < all.count; i++) {
        if (i == 0 || !envm_str_equal(all.items[i].key, all.items[i - 1].key))
            add_package(out, &all.items[i]);
    }
    envm_vec_release(&all);
}

static void add_provenance(struct envm_buf *out, const struct envm_lockfile *lock)
{
    if (lock->provenance_count == 0)
        return;
    envm_buf_add_cstr(out, "provenance:\n");
    for (size_t i = 0; i < lock->provenance_count; i++) {
        const struct envm_lock_provenance *source = &lock->provenance[i];

        envm_yaml_add_key(out, 2, source->url);
        envm_buf_add_byte(out, '\n');
        envm_lockfile_add_sha256(out, 4, "sha256", "", &source->sha256);
        add_text(out, 4, "etag", source->etag);
        add_text(out, 4, "last-modified", source->last_modified);
    }
}

void envm_lockfile_write(const struct envm_lockfile *lock, bool with_provenance,
                         struct envm_buf *out)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    envm_buf_add_cstr(out, "# Made by envm; change the environment file and run `envm lock`.\n"
                           "version: 1\n"
                           "environments:\n"
                           "  default:\n");
    envm_yaml_add_list(out, 4, "channels", lock->channels, true);
    add_request(out, lock);
    envm_buf_add_cstr(out, lock->platform_count ? "    platforms:\n" : "    platforms: {}\n");
    for (size_t i = 0; i < lock->platform_count; i++)
        add_platform(out, &arena, &lock->platforms[i]);
    add_packages(out, &arena, lock);
    if (with_provenance)
        add_provenance(out, lock);
}
