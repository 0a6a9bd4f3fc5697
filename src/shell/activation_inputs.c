/* SPDX-License-Identifier: MIT
 *
 * Reads what a prefix brings to its activation. The files come from packages: everything in them
 * is checked before it can reach a shell.
 */
#include "shell/activation.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/map.h"
#include "base/str.h"
#include "base/utf8.h"
#include "base/vec.h"
#include "codec/json_reader.h"
#include "shell/activation_names.h"
#include "sys/fs.h"
#include "sys/fs_tree.h"

#define FILE_SIZE_MAX ((size_t)1 << 20)
#define FILES_MAX 4096
/* Linux gives no process a longer "NAME=value" (MAX_ARG_STRLEN): one such variable, and the shell
 * could start no program any more. */
#define VARIABLE_SIZE_MAX 131072

struct reader {
    struct envm_arena *arena;
    envm_str prefix;
    const struct envm_sink *sink;
    int root;
    uid_t owner;
    bool lenient;
    ENVM_VEC(struct envm_activation_variable) variables;
    struct envm_map index; /* name -> index in variables */
};

static void reader_release(struct reader *reader)
{
    envm_close_fd(&reader->root);
    envm_vec_release(&reader->variables);
    envm_map_release(&reader->index);
}
ENVM_DEFINE_CLEANUP(reader, struct reader, reader_release)

static const char *shown(struct reader *reader, envm_str text)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();

    envm_buf_add_escaped(&out, text, 256);
    return envm_cstr(reader->arena, envm_buf_str(&out));
}

/* An error that stops activation is a warning when an environment is being left. */
static enum envm_code settle(struct reader *reader, enum envm_code code, struct envm_error *err)
{
    if (code == ENVM_OK || !reader->lenient)
        return code;
    envm_sink_warn(reader->sink, "%s", err->text ? err->text : "unreadable activation data");
    envm_error_release(err);
    return ENVM_OK;
}

static const char *refusal(envm_str name, envm_str value, bool from_package)
{
    if (!envm_activation_name_is_valid(name))
        return "not a valid name of a variable";
    if (envm_activation_name_is_reserved(name))
        return "the name is reserved for the shell or for activation";
    if (from_package && envm_activation_name_is_dangerous(name))
        return "a package may not set it";
    if (value.len > 0 && memchr(value.ptr, 0, value.len))
        return "its value contains a NUL byte";
    if (name.len + value.len + 2 > VARIABLE_SIZE_MAX)
        return "its value is longer than a process can be given";
    return NULL;
}

static void add_variable(struct reader *reader, const char *file, envm_str name, envm_str value,
                         bool from_package)
{
    const char *reason = refusal(name, value, from_package);
    struct envm_activation_variable variable;
    uint64_t *place;
    bool is_new;

    if (reason && reader->lenient)
        return; /* it was said when the environment was entered */
    if (reason) {
        envm_sink_warn(reader->sink, "variable '%s' of %s is not set: %s", shown(reader, name),
                       file, reason);
        return;
    }
    variable.name = envm_arena_str(reader->arena, name);
    variable.unset = envm_str_equal_c(value, "***unset***");
    variable.value = variable.unset ? ENVM_STR("") : envm_arena_str(reader->arena, value);
    place = envm_map_get(&reader->index, variable.name, &is_new);
    if (!is_new) {
        reader->variables.items[*place] = variable;
        return;
    }
    *place = reader->variables.count;
    envm_vec_push(&reader->variables, variable);
}

/* One {"NAME": "value", …}. Numbers count as their text. */
static void read_variables(struct reader *reader, struct envm_json_reader *json, const char *file,
                           bool from_package)
{
    envm_str name;
    envm_str value;

    if (!envm_json_begin_object(json))
        return;
    while (envm_json_next_key(json, reader->arena, &name)) {
        bool ok = envm_json_peek(json) == ENVM_JSON_NUMBER
                      ? envm_json_number_text(json, &value)
                      : envm_json_string(json, reader->arena, &value);

        if (ok)
            add_variable(reader, file, name, value, from_package);
    }
}

static void read_state(struct reader *reader, struct envm_json_reader *json, const char *file)
{
    envm_str key;

    if (!envm_json_begin_object(json))
        return;
    while (envm_json_next_key(json, reader->arena, &key)) {
        if (envm_str_equal_c(key, "env_vars"))
            read_variables(reader, json, file, false);
        else
            envm_json_skip(json, NULL);
    }
}

static enum envm_code read_file(struct reader *reader, int dirfd, struct envm_relpath path,
                                const char *file, bool from_package, struct envm_error *err)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf text = envm_buf_limit(FILE_SIZE_MAX);
    struct envm_json_reader json;

    ENVM_TRY_WRAP(envm_fs_read_at(dirfd, path, &text, err), err, "%s", file);
    envm_json_init(&json, envm_buf_str(&text));
    if (from_package)
        read_variables(reader, &json, file, true);
    else
        read_state(reader, &json, file);
    ENVM_TRY_WRAP(envm_json_end(&json, err), err, "%s", file);
    return ENVM_OK;
}

/* --- one folder of files ------------------------------------------------------------------- */

struct listing {
    struct reader *reader;
    const char *folder;
    envm_str extension;
    ENVM_VEC(envm_str) names;
};

static void listing_release(struct listing *listing)
{
    envm_vec_release(&listing->names);
}
ENVM_DEFINE_CLEANUP(listing, struct listing, listing_release)

static const char *file_refusal(const struct listing *listing, const struct envm_fs_entry *entry)
{
    if (entry->kind != ENVM_FS_FILE)
        return "not a regular file";
    if (!envm_is_path_component(envm_str_from(entry->leaf)))
        return "its name is not one that a package can bring";
    if (entry->stat->st_uid != listing->reader->owner && entry->stat->st_uid != 0)
        return "it belongs neither to the owner of the environment nor to root";
    if (listing->names.count >= FILES_MAX)
        return "there are too many files";
    return NULL;
}

static enum envm_code list_entry(void *user, const struct envm_fs_entry *entry, bool *skip,
                                 struct envm_error *err)
{
    struct listing *listing = user;
    envm_str leaf = envm_str_from(entry->leaf);
    const char *reason;

    (void)err;
    *skip = true;
    if (entry->kind == ENVM_FS_DIRECTORY || !envm_str_ends_with(leaf, listing->extension))
        return ENVM_OK;
    reason = file_refusal(listing, entry);
    if (reason && listing->reader->lenient)
        return ENVM_OK;
    if (reason)
        envm_sink_warn(listing->reader->sink, "%s/%s of the environment is ignored: %s",
                       listing->folder, shown(listing->reader, leaf), reason);
    else
        envm_vec_push(&listing->names, envm_arena_str(listing->reader->arena, leaf));
    return ENVM_OK;
}

/* Names in listing->names, sorted; *ret_fd is -1 when the folder is not there. */
static enum envm_code list_folder(struct listing *listing, struct envm_relpath folder, int *ret_fd,
                                  struct envm_error *err)
{
    struct reader *reader = listing->reader;
    enum envm_fs_kind kind;

    *ret_fd = -1;
    ENVM_TRY(envm_fs_stat(reader->root, folder, &kind, NULL, err));
    if (kind == ENVM_FS_ABSENT)
        return ENVM_OK;
    ENVM_TRY(envm_fs_open_dir(reader->root, folder, ret_fd, err));
    ENVM_TRY(envm_fs_walk(*ret_fd, list_entry, listing, err));
    if (listing->names.count > 1)
        qsort(listing->names.items, listing->names.count, sizeof(*listing->names.items),
              envm_str_compare_qsort);
    return ENVM_OK;
}

static enum envm_code read_scripts(struct reader *reader, struct envm_relpath folder,
                                   const char *extension, bool reversed,
                                   struct envm_str_list *ret_scripts, struct envm_error *err)
{
    ENVM_CLEANUP(listing)
    struct listing listing = {
        .reader = reader, .folder = folder.s.ptr, .extension = envm_str_from(extension)};
    ENVM_CLEANUP(envm_fd) int fd = -1;
    envm_str *paths;

    ENVM_TRY(list_folder(&listing, folder, &fd, err));
    paths = envm_arena_new_array(reader->arena, envm_str, listing.names.count);
    for (size_t i = 0; i < listing.names.count; i++) {
        size_t from = reversed ? listing.names.count - 1 - i : i;

        paths[i] = envm_arena_printf(reader->arena, "%.*s/%s/%.*s", ENVM_STR_ARGS(reader->prefix),
                                     folder.s.ptr, ENVM_STR_ARGS(listing.names.items[from]));
    }
    *ret_scripts = (struct envm_str_list){paths, listing.names.count};
    return ENVM_OK;
}

static enum envm_code read_package_variables(struct reader *reader, struct envm_error *err)
{
    struct envm_relpath folder = ENVM_RELPATH("etc/conda/env_vars.d");
    ENVM_CLEANUP(listing)
    struct listing listing = {
        .reader = reader, .folder = folder.s.ptr, .extension = ENVM_STR(".json")};
    ENVM_CLEANUP(envm_fd) int fd = -1;

    ENVM_TRY(list_folder(&listing, folder, &fd, err));
    for (size_t i = 0; i < listing.names.count; i++) {
        envm_str name = listing.names.items[i];
        const char *file =
            envm_arena_printf(reader->arena, "%s/%.*s", folder.s.ptr, ENVM_STR_ARGS(name)).ptr;
        struct envm_relpath path;

        ENVM_TRY(envm_relpath_parse(reader->arena, name, &path, err));
        ENVM_TRY(settle(reader, read_file(reader, fd, path, file, true, err), err));
    }
    return ENVM_OK;
}

static enum envm_code read_state_variables(struct reader *reader, struct envm_error *err)
{
    struct envm_relpath path = ENVM_RELPATH("conda-meta/state");
    enum envm_fs_kind kind;

    ENVM_TRY(envm_fs_stat(reader->root, path, &kind, NULL, err));
    if (kind == ENVM_FS_ABSENT)
        return ENVM_OK;
    return read_file(reader, reader->root, path, path.s.ptr, false, err);
}

static enum envm_code read_all(struct reader *reader, const char *extension,
                               struct envm_activation_inputs *inputs, struct envm_error *err)
{
    struct stat root_stat;

    ENVM_TRY(settle(reader,
                    envm_fs_open_root(envm_cstr(reader->arena, reader->prefix), &reader->root, err),
                    err));
    if (reader->root < 0)
        return ENVM_OK;
    if (fstat(reader->root, &root_stat) != 0)
        return envm_fail_errno(err, errno, "stat of the environment");
    reader->owner = root_stat.st_uid;
    ENVM_TRY(settle(reader,
                    read_scripts(reader, ENVM_RELPATH("etc/conda/activate.d"), extension, false,
                                 &inputs->activate_scripts, err),
                    err));
    ENVM_TRY(settle(reader,
                    read_scripts(reader, ENVM_RELPATH("etc/conda/deactivate.d"), extension, true,
                                 &inputs->deactivate_scripts, err),
                    err));
    ENVM_TRY(settle(reader, read_package_variables(reader, err), err));
    return settle(reader, read_state_variables(reader, err), err);
}

static enum envm_code read_inputs(struct reader *reader, const char *extension,
                                  struct envm_activation_inputs *ret_inputs, struct envm_error *err)
{
    struct envm_activation_inputs inputs = {
        .prefix = envm_arena_str(reader->arena, reader->prefix),
    };

    reader->prefix = inputs.prefix;
    inputs.name = envm_activation_name(inputs.prefix);
    if (envm_fs_user_kind(inputs.prefix.ptr) != ENVM_FS_ABSENT)
        ENVM_TRY_WRAP(read_all(reader, extension, &inputs, err), err, "activation data of '%s'",
                      shown(reader, inputs.prefix));
    if (reader->variables.count > 0)
        inputs.variables =
            envm_arena_copy(reader->arena, reader->variables.items,
                            reader->variables.count * sizeof(*reader->variables.items));
    inputs.variable_count = reader->variables.count;
    *ret_inputs = inputs;
    return ENVM_OK;
}

enum envm_code envm_activation_inputs_read(struct envm_arena *arena, envm_str prefix,
                                           const char *extension, const struct envm_sink *sink,
                                           struct envm_activation_inputs *ret_inputs,
                                           struct envm_error *err)
{
    ENVM_CLEANUP(reader)
    struct reader reader = {.arena = arena, .prefix = prefix, .sink = sink, .root = -1};

    return read_inputs(&reader, extension, ret_inputs, err);
}

void envm_activation_inputs_read_leaving(struct envm_arena *arena, envm_str prefix,
                                         const char *extension, const struct envm_sink *sink,
                                         struct envm_activation_inputs *ret_inputs)
{
    ENVM_CLEANUP(envm_error) struct envm_error err = {0};
    ENVM_CLEANUP(reader)
    struct reader reader = {
        .arena = arena, .prefix = prefix, .sink = sink, .root = -1, .lenient = true};

    *ret_inputs = (struct envm_activation_inputs){.prefix = envm_arena_str(arena, prefix)};
    ret_inputs->name = envm_activation_name(ret_inputs->prefix);
    if (read_inputs(&reader, extension, ret_inputs, &err) != ENVM_OK)
        envm_sink_warn(sink, "%s", err.text);
}
