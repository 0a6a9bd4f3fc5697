/* SPDX-License-Identifier: MIT */
#include "lock/lockfile_extras.h"

#include <stdlib.h>

#include "base/hex.h"
#include "base/relpath.h"
#include "codec/yaml_writer.h"
#include "conda/extras.h"
#include "conda/link_script.h"
#include "conda/package_record.h"
#include "lock/lockfile_digest.h"

static bool read_texts(struct envm_arena *arena, const struct envm_yaml_node *node,
                       struct envm_str_list *ret_list)
{
    envm_str *items;

    if (node->kind != ENVM_YAML_SEQUENCE)
        return false;
    items = envm_arena_new_array(arena, envm_str, node->count);
    for (size_t i = 0; i < node->count; i++) {
        if (node->items[i]->kind != ENVM_YAML_SCALAR)
            return false;
        items[i] = node->items[i]->scalar;
    }
    *ret_list = (struct envm_str_list){items, node->count};
    return true;
}

static const char *read_groups(struct envm_arena *arena, const struct envm_yaml_node *node,
                               struct envm_package_record *record)
{
    struct envm_extra_group *groups;

    if (node->kind != ENVM_YAML_MAPPING)
        return "extra-depends has to be a mapping";
    groups = envm_arena_new_array(arena, struct envm_extra_group, node->count);
    for (size_t i = 0; i < node->count; i++) {
        groups[i].name = node->keys[i]->scalar;
        if (!envm_extra_name_is_valid(groups[i].name))
            return "extra-depends names a group that breaks the rules for such names";
        if (!read_texts(arena, node->items[i], &groups[i].depends))
            return "a group of extra-depends has to be a list of texts";
    }
    if (!envm_extra_groups_sort(groups, node->count))
        return "extra-depends names a group twice";
    record->extra_depends = groups;
    record->extra_depends_count = node->count;
    return NULL;
}

static const char *read_flags(struct envm_arena *arena, const struct envm_yaml_node *node,
                              struct envm_package_record *record)
{
    if (!read_texts(arena, node, &record->flags))
        return "flags has to be a list of texts";
    for (size_t i = 0; i < record->flags.count; i++)
        if (!envm_flag_is_valid(record->flags.items[i], false))
            return "flags holds something that is not a flag";
    return NULL;
}

static const char *read_script(const struct envm_yaml_node *node, struct envm_link_script *script)
{
    const struct envm_yaml_node *sha256 = envm_yaml_get(node, "sha256");
    const struct envm_yaml_node *network = envm_yaml_get(node, "network");

    if (node->kind != ENVM_YAML_MAPPING || !sha256 || node->count != 1 + (network != NULL))
        return "a link script has a sha256, perhaps network, and nothing else";
    if (sha256->kind != ENVM_YAML_SCALAR || !envm_sha256_parse(sha256->scalar, &script->sha256))
        return "the sha256 of a link script is not 64 hexadecimal digits";
    if (network && !(envm_yaml_bool(network, &script->network) && script->network))
        return "network of a link script has to be true, or left out";
    return NULL;
}

static int compare_scripts(const void *a, const void *b)
{
    return envm_str_compare(((const struct envm_link_script *)a)->file,
                            ((const struct envm_link_script *)b)->file);
}

static const char *read_scripts(struct envm_arena *arena, const struct envm_yaml_node *node,
                                struct envm_package_record *record)
{
    struct envm_link_script *scripts;

    if (node->kind != ENVM_YAML_MAPPING || node->count == 0)
        return "link-scripts has to map files to their sha256";
    scripts = envm_arena_new_array(arena, struct envm_link_script, node->count);
    for (size_t i = 0; i < node->count; i++) {
        const char *fault = read_script(node->items[i], &scripts[i]);

        if (fault)
            return fault;
        scripts[i].file = node->keys[i]->scalar;
        if (envm_link_script_kind(record->name, scripts[i].file) > ENVM_SCRIPT_PRE_UNLINK)
            return "link-scripts names a file that is no post-link or pre-unlink script of the "
                   "package";
    }
    qsort(scripts, node->count, sizeof(*scripts), compare_scripts);
    record->link_scripts = scripts;
    record->link_script_count = node->count;
    return NULL;
}

const char *envm_lockfile_read_extras(struct envm_arena *arena,
                                      const struct envm_yaml_node *package,
                                      struct envm_package_record *record,
                                      const struct envm_yaml_node **ret_where)
{
    const struct envm_yaml_node *groups = envm_yaml_get(package, "extra-depends");
    const struct envm_yaml_node *flags = envm_yaml_get(package, "flags");
    const struct envm_yaml_node *scripts = envm_yaml_get(package, "link-scripts");
    const char *reason = groups ? read_groups(arena, groups, record) : NULL;

    *ret_where = groups;
    if (!reason && flags) {
        *ret_where = flags;
        reason = read_flags(arena, flags, record);
    }
    if (reason || !scripts)
        return reason;
    *ret_where = scripts;
    return read_scripts(arena, scripts, record);
}

static void add_scripts(struct envm_buf *out, unsigned indent,
                        const struct envm_package_record *record)
{
    if (record->link_script_count == 0)
        return;
    envm_yaml_add_key(out, indent, ENVM_STR("link-scripts"));
    envm_buf_add_byte(out, '\n');
    for (size_t i = 0; i < record->link_script_count; i++) {
        const struct envm_link_script *script = &record->link_scripts[i];

        envm_yaml_add_key(out, indent + 2, script->file);
        envm_buf_add_byte(out, '\n');
        envm_lockfile_add_sha256(out, indent + 4, "sha256", "", &script->sha256);
        if (script->network) {
            envm_buf_add_repeat(out, ' ', indent + 4);
            envm_buf_add_cstr(out, "network: true\n");
        }
    }
}

void envm_lockfile_add_extras(struct envm_buf *out, unsigned indent,
                              const struct envm_package_record *record)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    if (record->extra_depends_count > 0) {
        envm_yaml_add_key(out, indent, ENVM_STR("extra-depends"));
        envm_buf_add_byte(out, '\n');
    }
    for (size_t i = 0; i < record->extra_depends_count; i++) {
        const struct envm_extra_group *group = &record->extra_depends[i];
        envm_yaml_add_list(out, indent + 2, envm_cstr(&arena, group->name), group->depends, true);
    }
    if (record->flags.count > 0)
        envm_yaml_add_list(out, indent, "flags", record->flags, true);
    add_scripts(out, indent, record);
}
