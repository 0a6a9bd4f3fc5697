/* SPDX-License-Identifier: MIT */
#include "env/environments.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/relpath.h"
#include "base/sink.h"
#include "conda/environment_spec.h"
#include "conda/package_record.h"
#include "conda/platform.h"
#include "lock/lockfile_explicit.h"
#include "prefix/prefix_record.h"
#include "sys/fs.h"
#include "sys/fs_lock.h"
#include "sys/fs_sweep.h"
#include "sys/fs_tree.h"
#include "txn/script_consent.h"
#include "txn/script_trial.h"
#include "txn/transaction_change.h"
#include "txn/transaction_recover.h"

/* Younger temporary files may be somebody's who writes at this moment. */
#define TEMP_AGE_SECONDS 600
#define REGISTRY_SIZE_MAX ((size_t)4 << 20)
#define REGISTRY_LOCK_TIMEOUT_MS 10000

enum envm_code envm_target_prefix(struct envm_context *context, struct envm_arena *arena,
                                  const struct envm_target *target, envm_str *ret_prefix,
                                  struct envm_error *err)
{
    const char *active;

    if (target->name && target->prefix)
        return envm_fail(err, ENVM_USAGE, "give either a name (-n) or a path (-p), not both");
    if (target->name) {
        if (!envm_environment_name_is_valid(envm_str_from(target->name))) {
            (void)envm_fail(err, ENVM_USAGE, "\"%s\" cannot be the name of an environment",
                            target->name);
            return envm_error_hint(err, ENVM_USAGE,
                                   "use letters, digits, \"_\", \"-\" and \".\" (not base or "
                                   "root), or -p for a path");
        }
        *ret_prefix = envm_arena_printf(arena, "%s/envs/%s", context->root.ptr, target->name);
        return ENVM_OK;
    }
    active = envm_environ_get(context->environment, "CONDA_PREFIX");
    if (target->prefix)
        return envm_fs_absolute(
            arena,
            envm_expand_variables(arena, envm_str_from(target->prefix), context->environment).ptr,
            ret_prefix, err);
    if (active && active[0] == '/')
        return envm_fs_absolute(arena, active, ret_prefix, err);
    (void)envm_fail(err, ENVM_USAGE, "no environment was named and none is active");
    return envm_error_hint(err, ENVM_USAGE, "name one: -n NAME or -p PATH");
}

envm_str envm_prefix_name(struct envm_context *context, envm_str prefix)
{
    envm_str rest = prefix;

    if (!envm_str_starts_with(rest, context->root))
        return ENVM_STR("");
    rest = envm_str_skip(rest, context->root.len);
    if (!envm_str_starts_with(rest, ENVM_STR("/envs/")))
        return ENVM_STR("");
    rest = envm_str_skip(rest, strlen("/envs/"));
    return envm_str_find_char(rest, '/') == SIZE_MAX ? rest : ENVM_STR("");
}

static enum envm_code count_entry(void *user, const struct envm_fs_entry *entry, bool *skip,
                                  struct envm_error *err)
{
    (void)entry;
    *skip = true;
    *(bool *)user = true;
    return envm_fail(err, ENVM_INTERRUPTED, "seen enough");
}

enum envm_prefix_state envm_prefix_state(envm_str prefix)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    enum envm_fs_kind kind = envm_fs_user_kind(prefix.ptr);
    bool any = false;

    if (kind == ENVM_FS_ABSENT)
        return ENVM_PREFIX_ABSENT;
    if (kind != ENVM_FS_DIRECTORY || envm_fs_open_root(prefix.ptr, &fd, NULL) != ENVM_OK)
        return ENVM_PREFIX_FOREIGN;
    if (envm_fs_stat(fd, ENVM_RELPATH("conda-meta/history"), &kind, NULL, NULL) == ENVM_OK &&
        kind == ENVM_FS_FILE)
        return ENVM_PREFIX_ENVIRONMENT;
    (void)envm_fs_walk(fd, count_entry, &any, NULL);
    return any ? ENVM_PREFIX_FOREIGN : ENVM_PREFIX_EMPTY;
}

envm_str envm_installed_platform(const struct envm_prefix_record_list *records)
{
    for (size_t i = 0; i < records->count; i++) {
        envm_str subdir = records->items[i]->record->subdir;

        if (subdir.len > 0 && !envm_str_equal_c(subdir, "noarch"))
            return subdir;
    }
    return envm_platform_host();
}

/* Whoever only reads goes on; what is read may be half of one state and half of another. */
static void warn_of_changes(struct envm_context *context, envm_str prefix, int fd)
{
    switch (envm_transaction_pending(fd)) {
    case ENVM_PENDING_NOTHING:
        return;
    case ENVM_PENDING_RUNNING:
        envm_sink_warn(&context->sink, "another process is changing %s at this moment", prefix.ptr);
        return;
    case ENVM_PENDING_INTERRUPTED:
        break;
    }
    envm_sink_warn(&context->sink,
                   "a change of %s was interrupted; `envm recover -p '%s'` completes or undoes it",
                   prefix.ptr, prefix.ptr);
}

bool envm_installed_owes_scripts(const struct envm_prefix_record_list *installed,
                                 struct envm_record_list packages,
                                 const struct envm_script_consent *consent)
{
    for (size_t i = 0; i < installed->count; i++)
        for (size_t k = 0; k < packages.count; k++)
            if (envm_package_record_is_same(installed->items[i]->record, packages.items[k]) &&
                envm_script_wants_relink(consent, installed->items[i], packages.items[k]))
                return true;
    return false;
}

bool envm_installed_is_same(const struct envm_prefix_record_list *installed,
                            struct envm_record_list wanted,
                            const struct envm_script_consent *consent)
{
    if (installed->count != wanted.count || installed->bad_files.count > 0)
        return false;
    for (size_t i = 0; i < wanted.count; i++) {
        const struct envm_package_record *record = installed->items[i]->record;

        if (!envm_package_record_is_same(record, wanted.items[i]) ||
            (!consent->refuse_all &&
             record->link_script_count < wanted.items[i]->link_script_count))
            return false;
    }
    return !envm_installed_owes_scripts(installed, wanted, consent);
}

enum envm_code envm_prefix_undo_trial(struct envm_context *context, struct envm_arena *arena,
                                      envm_str prefix, struct envm_error *err)
{
    return envm_trial_recover_now(arena, prefix, ENVM_CHANGE_LOCK_TIMEOUT_MS, &context->sink, err);
}

enum envm_code envm_prefix_open(struct envm_context *context, struct envm_arena *arena,
                                envm_str prefix, int *ret_fd, struct envm_error *err)
{
    (void)arena;
    switch (envm_prefix_state(prefix)) {
    case ENVM_PREFIX_ENVIRONMENT:
        ENVM_TRY(envm_fs_open_root(prefix.ptr, ret_fd, err));
        warn_of_changes(context, prefix, *ret_fd);
        return ENVM_OK;
    case ENVM_PREFIX_ABSENT:
        (void)envm_fail(err, ENVM_USAGE, "there is no environment at %s", prefix.ptr);
        break;
    case ENVM_PREFIX_EMPTY:
    case ENVM_PREFIX_FOREIGN:
        (void)envm_fail(err, ENVM_USAGE, "%s is not an environment (it has no conda-meta/history)",
                        prefix.ptr);
        break;
    }
    return envm_error_hint(err, ENVM_USAGE, "`envm env list` shows the environments");
}

enum envm_code envm_find_environment(struct envm_context *context, struct envm_memory *memory,
                                     const struct envm_target *target, envm_str *ret_prefix,
                                     struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    envm_str prefix = {0};

    ENVM_TRY(envm_target_prefix(context, &memory->arena, target, &prefix, err));
    ENVM_TRY(envm_prefix_open(context, &memory->arena, prefix, &fd, err));
    *ret_prefix = prefix;
    return ENVM_OK;
}

/* --- the shared list ---------------------------------------------------------------------- */

envm_str envm_registry_path(struct envm_context *context, struct envm_arena *arena)
{
    const char *home = envm_environ_get(context->environment, "HOME");

    return home && home[0] == '/' ? envm_arena_printf(arena, "%s/.conda/environments.txt", home)
                                  : (envm_str){0};
}

struct envm_str_list envm_registry_read(struct envm_context *context, struct envm_arena *arena)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf buf = envm_buf_limit(REGISTRY_SIZE_MAX);
    envm_str path = envm_registry_path(context, arena);
    envm_str rest;
    envm_str line;
    envm_str *items;
    size_t count = 0;

    if (path.len == 0 || envm_fs_user_kind(path.ptr) != ENVM_FS_FILE ||
        envm_fs_read_user_file(path.ptr, &buf, NULL) != ENVM_OK)
        return (struct envm_str_list){0};
    rest = envm_arena_str(arena, envm_buf_str(&buf));
    items = envm_arena_new_array(arena, envm_str, rest.len / 2 + 2);
    while (envm_str_split_next(&rest, '\n', &line)) {
        line = envm_str_trim(line);
        if (line.len > 1 && line.ptr[0] == '/')
            items[count++] = envm_arena_str(arena, line);
    }
    return (struct envm_str_list){items, count};
}

/* Two envm at a time would lose a line that the other one writes. Other tools know no lock: a line
 * is appended in one piece, as conda does, and only a removal writes the file anew. */
static enum envm_code lock_registry(struct envm_context *context, struct envm_arena *arena,
                                    envm_str path, struct envm_fs_lock *ret_lock,
                                    struct envm_error *err)
{
    ENVM_CLEANUP(envm_fd) int fd = -1;
    const char *directory =
        envm_cstr(arena, envm_str_n(path.ptr, path.len - strlen("/environments.txt")));

    ENVM_TRY(envm_fs_make_root(directory, 0755, &fd, err));
    ENVM_TRY(envm_fs_lock_take(fd, ENVM_RELPATH(".environments.txt.lock"), true,
                               REGISTRY_LOCK_TIMEOUT_MS, &context->sink, ret_lock, err));
    envm_fs_sweep_files(fd, ".envm-", TEMP_AGE_SECONDS);
    return ENVM_OK;
}

static bool holds_line(struct envm_str_list list, envm_str prefix)
{
    for (size_t i = 0; i < list.count; i++)
        if (envm_str_equal(list.items[i], prefix))
            return true;
    return false;
}

/* Lines that are not understood are somebody's all the same. */
static enum envm_code remove_line(envm_str path, envm_str prefix, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf old = envm_buf_limit(REGISTRY_SIZE_MAX);
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_text();
    envm_str rest;
    envm_str line;

    ENVM_TRY(envm_fs_read_user_file(path.ptr, &old, err));
    rest = envm_buf_str(&old);
    while (envm_str_split_next(&rest, '\n', &line)) {
        if ((line.len == 0 && !rest.ptr) || envm_str_equal(envm_str_trim(line), prefix))
            continue;
        envm_buf_add_str(&text, line);
        envm_buf_add_byte(&text, '\n');
    }
    return envm_fs_write_user_file(path.ptr, envm_buf_str(&text), err);
}

static void change_registry(struct envm_context *context, envm_str prefix, bool listed)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    ENVM_CLEANUP(envm_fs_lock) struct envm_fs_lock lock = {.fd = -1};
    envm_str path = envm_registry_path(context, &arena);
    enum envm_code code;

    if (path.len == 0 || holds_line(envm_registry_read(context, &arena), prefix) == listed)
        return;
    code = lock_registry(context, &arena, path, &lock, &err);
    if (code == ENVM_OK && holds_line(envm_registry_read(context, &arena), prefix) != listed)
        code = listed ? envm_fs_append_user_line(path.ptr, prefix, &err)
                      : remove_line(path, prefix, &err);
    if (code != ENVM_OK)
        envm_sink_log(&context->sink, ENVM_LOG_DEBUG, "the list of environments: %s", err.text);
}

void envm_registry_add(struct envm_context *context, envm_str prefix)
{
    change_registry(context, prefix, true);
}

void envm_registry_remove(struct envm_context *context, envm_str prefix)
{
    change_registry(context, prefix, false);
}
