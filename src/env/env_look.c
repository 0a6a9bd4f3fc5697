/* SPDX-License-Identifier: MIT
 *
 * Looking at environments and removing them: `list`, `env list`, `env remove`, `info`.
 */
#include <envm/environment.h>

#include <stdlib.h>

#include "base/error.h"
#include "base/vec.h"
#include "codec/url.h"
#include "conda/package_record.h"
#include "conda/platform.h"
#include "env/confine.h"
#include "env/environments.h"
#include "env/resolve.h"
#include "prefix/prefix_guard.h"
#include "prefix/prefix_record.h"
#include "sys/fence.h"
#include "sys/fs_sweep.h"
#include "sys/fs_tree.h"
#include "sys/landlock.h"
#include "txn/transaction_change.h"
#include "txn/transaction_recover.h"

enum envm_code envm_list(struct envm_context *context, struct envm_memory *memory,
                         const struct envm_target *target, struct envm_list_report *ret_report,
                         struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_arena *arena = &memory->arena;
    struct envm_prefix_record_list records = {0};
    const struct envm_package_record **items;
    envm_str prefix = {0};

    ENVM_TRY(envm_target_prefix(context, arena, target, &prefix, err));
    ENVM_TRY(envm_prefix_open(context, arena, prefix, &fd, err));
    ENVM_TRY(envm_prefix_records_load(arena, fd, false, &records, err));
    items = envm_arena_new_array(arena, const struct envm_package_record *, records.count);
    for (size_t i = 0; i < records.count; i++)
        items[i] = records.items[i]->record;
    *ret_report = (struct envm_list_report){
        .prefix = prefix,
        .packages = {items, records.count},
        .bad_records = records.bad_files,
    };
    return ENVM_OK;
}

/* --- env list ----------------------------------------------------------------------------- */

struct collection {
    struct envm_context *context;
    struct envm_arena *arena;
    envm_str base; /* root/envs */
    envm_str active;
    ENVM_VEC(struct envm_environment_entry) entries;
};

static void add_environment(struct collection *c, envm_str prefix)
{
    for (size_t i = 0; i < c->entries.count; i++) {
        if (envm_str_equal(c->entries.items[i].prefix, prefix))
            return;
    }
    if (envm_prefix_state(prefix) != ENVM_PREFIX_ENVIRONMENT)
        return;
    envm_vec_push(&c->entries, ((struct envm_environment_entry){
                                   .name = envm_prefix_name(c->context, prefix),
                                   .prefix = prefix,
                                   .active = envm_str_equal(prefix, c->active),
                               }));
}

static enum envm_code visit_environment(void *user, const struct envm_fs_entry *entry, bool *skip,
                                        struct envm_error *err)
{
    struct collection *c = user;

    (void)err;
    *skip = true;
    if (entry->kind == ENVM_FS_DIRECTORY && entry->leaf[0] != '.')
        add_environment(
            c, envm_arena_printf(c->arena, "%.*s/%s", ENVM_STR_ARGS(c->base), entry->leaf));
    return ENVM_OK;
}

static int compare_entries(const void *left, const void *right)
{
    const struct envm_environment_entry *a = left;
    const struct envm_environment_entry *b = right;

    if ((a->name.len > 0) != (b->name.len > 0))
        return a->name.len > 0 ? -1 : 1;
    if (!envm_str_equal(a->name, b->name))
        return envm_str_compare(a->name, b->name);
    return envm_str_compare(a->prefix, b->prefix);
}

enum envm_code envm_list_environments(struct envm_context *context, struct envm_memory *memory,
                                      struct envm_environment_list *ret_list,
                                      struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    struct envm_arena *arena = &memory->arena;
    struct collection c = {.context = context, .arena = arena};
    struct envm_str_list registered = envm_registry_read(context, arena);
    enum envm_code code = ENVM_OK;

    c.base = envm_arena_printf(arena, "%s/envs", context->root.ptr);
    c.active = envm_str_from(envm_environ_get(context->environment, "CONDA_PREFIX"));
    if (envm_fs_user_kind(c.base.ptr) == ENVM_FS_DIRECTORY &&
        envm_fs_open_root(c.base.ptr, &fd, NULL) == ENVM_OK)
        code = envm_fs_walk(fd, visit_environment, &c, err);
    for (size_t i = 0; code == ENVM_OK && i < registered.count; i++)
        add_environment(&c, registered.items[i]);
    if (c.entries.count > 0)
        qsort(c.entries.items, c.entries.count, sizeof(*c.entries.items), compare_entries);
    if (code == ENVM_OK) {
        ret_list->items =
            envm_arena_copy(arena, c.entries.items, c.entries.count * sizeof(*c.entries.items));
        ret_list->count = c.entries.count;
    }
    envm_vec_release(&c.entries);
    return code;
}

/* --- env remove --------------------------------------------------------------------------- */

static enum envm_code remove_tree(struct envm_arena *arena, envm_str prefix, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int parent_fd = -1;
    size_t slash = envm_str_find_last_char(prefix, '/');
    const char *parent = slash ? envm_cstr(arena, envm_str_n(prefix.ptr, slash)) : "/";
    struct envm_relpath name;

    ENVM_TRY(envm_relpath_parse(arena, envm_str_skip(prefix, slash + 1), &name, err));
    ENVM_TRY(envm_fs_open_root(parent, &parent_fd, err));
    envm_fs_sweep_dirs(parent_fd, ENVM_REMOVED_PREFIX);
    /* What makes it an environment goes last, so that the command can be run again. */
    return envm_fs_discard(parent_fd, name, ENVM_REMOVED_PREFIX, "conda-meta", err);
}

/* Nobody else may be changing it. */
static enum envm_code lock_and_remove(struct envm_context *context, struct envm_arena *arena,
                                      envm_str prefix, int fd, struct envm_error *err)
{
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};

    ENVM_TRY(envm_prefix_lock_take_at(prefix.ptr, fd, ENVM_CHANGE_LOCK_TIMEOUT_MS, &context->sink,
                                      &lock, err));
    return remove_tree(arena, prefix, err);
}

enum envm_code envm_remove_environment(struct envm_context *context, struct envm_memory *memory,
                                       const struct envm_target *target, bool dry_run,
                                       envm_str *ret_prefix, struct envm_error *err)
{
    struct envm_arena *arena = &memory->arena;
    const char *home = envm_environ_get(context->environment, "HOME");
    ENVM_CLEANUP(envm_fd) int fd = -1;
    envm_str prefix = {0};
    envm_str real;

    if (!target->name && !target->prefix) {
        (void)envm_fail(err, ENVM_USAGE, "which environment is to be removed?");
        return envm_error_hint(err, ENVM_USAGE, "name it: envm env remove -n NAME (or -p PATH)");
    }
    ENVM_TRY(envm_target_prefix(context, arena, target, &prefix, err));
    if (!dry_run)
        ENVM_TRY(envm_prefix_undo_trial(context, arena, prefix, err));
    switch (envm_prefix_state(prefix)) {
    case ENVM_PREFIX_ABSENT:
        return envm_fail(err, ENVM_USAGE, "there is no environment at %s", prefix.ptr);
    case ENVM_PREFIX_EMPTY:
    case ENVM_PREFIX_FOREIGN:
        return envm_fail(
            err, ENVM_UNSAFE,
            "%s is not an environment (it has no conda-meta/history): it is left alone",
            prefix.ptr);
    case ENVM_PREFIX_ENVIRONMENT:
        break;
    }
    if (envm_fs_user_link(arena, prefix.ptr, &real))
        return envm_fail(err, ENVM_USAGE,
                         "%s is a symbolic link to %s: remove that by its own path", prefix.ptr,
                         real.ptr);
    ENVM_TRY(envm_fs_open_root(prefix.ptr, &fd, err));
    ENVM_TRY(envm_prefix_check_expendable(fd, prefix.ptr, home, err));
    *ret_prefix = prefix;
    if (dry_run)
        return ENVM_OK;
    envm_confine(context,
                 &(struct envm_confine_plan){.use = ENVM_CONFINE_REMOVED, .prefix = prefix});
    ENVM_TRY_WRAP(lock_and_remove(context, arena, prefix, fd, err), err, "removing %s", prefix.ptr);
    envm_registry_remove(context, prefix);
    return ENVM_OK;
}

/* --- info --------------------------------------------------------------------------------- */

static enum envm_code describe_channels(struct envm_context *context, struct envm_arena *arena,
                                        struct envm_info_report *report, struct envm_error *err)
{
    struct envm_channel_vec channels = {0};
    enum envm_code code = ENVM_OK;
    envm_str here = {0};
    envm_str *names;
    envm_str *urls;

    ENVM_TRY(envm_fs_absolute(arena, ".", &here, err));
    for (size_t i = 0; code == ENVM_OK && i < context->config.channels.count; i++)
        code = envm_context_add_channel(context, arena, context->config.channels.items[i], here,
                                        &channels, err);
    names = envm_arena_new_array(arena, envm_str, channels.count);
    urls = envm_arena_new_array(arena, envm_str, channels.count);
    for (size_t i = 0; i < channels.count; i++) {
        names[i] = channels.items[i].name;
        urls[i] = channels.items[i].base_url;
    }
    report->channels = (struct envm_str_list){names, channels.count};
    report->channel_urls = (struct envm_str_list){urls, channels.count};
    envm_vec_release(&channels);
    return code;
}

static void describe_settings(struct envm_context *context, struct envm_arena *arena,
                              struct envm_info_report *report)
{
    size_t count = envm_config_key_count();
    struct envm_info_setting *settings =
        envm_arena_new_array(arena, struct envm_info_setting, count);

    for (size_t i = 0; i < count; i++)
        settings[i] = (struct envm_info_setting){
            .name = envm_str_from(envm_config_key_name(i)),
            .value = envm_url_redact(arena, envm_config_value(arena, &context->config, i)),
            .source = envm_arena_str(arena, context->config.sources[i]),
        };
    report->settings = settings;
    report->setting_count = count;
}

enum envm_code envm_info(struct envm_context *context, struct envm_memory *memory,
                         struct envm_info_report *ret_report, struct envm_error *err)
{
    struct envm_arena *arena = &memory->arena;
    struct envm_record_list virtual_packages = {0};
    struct envm_info_report report = {
        .version = ENVM_STR(ENVM_VERSION),
        .platform = envm_platform_host(),
        .root = envm_arena_str(arena, context->root),
        .cache = envm_arena_str(arena, context->cache),
        .config_files = envm_arena_str_list(arena, context->config.files),
        .landlock_abi = envm_landlock_abi(),
        .fences_programs = envm_fence_abi() > 0,
    };

    report.confines_itself =
        context->config.confine && report.landlock_abi >= ENVM_CONFINE_ABI_NEEDED;

    report.active_prefix = envm_arena_str(
        arena, envm_str_from(envm_environ_get(context->environment, "CONDA_PREFIX")));
    ENVM_TRY(envm_resolve_virtual(context, arena, report.platform, &virtual_packages, err));
    report.virtual_packages =
        (struct envm_record_view){virtual_packages.items, virtual_packages.count};
    ENVM_TRY(describe_channels(context, arena, &report, err));
    describe_settings(context, arena, &report);
    *ret_report = report;
    return ENVM_OK;
}
