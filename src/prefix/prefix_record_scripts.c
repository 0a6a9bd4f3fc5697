/* SPDX-License-Identifier: MIT */
#include "prefix/prefix_record_scripts.h"

#include "base/hex.h"
#include "base/vec.h"

/* By enum envm_path_type. */
static const char *const type_names[] = {"file", "link", "directory"};

static void write_output(struct envm_json_writer *w, const struct envm_script_output *output)
{
    envm_json_open_object(w);
    envm_json_field_str(w, "path", output->path.s);
    envm_json_field_cstr(w, "type", type_names[output->type]);
    if (output->removed)
        envm_json_field_bool(w, "removed", true);
    if (output->executable)
        envm_json_field_bool(w, "executable", true);
    if (output->sha256.known)
        envm_json_field_cstr(w, "sha256", envm_sha256_hex(&output->sha256).text);
    envm_json_close_object(w);
}

void envm_prefix_record_write_scripts(struct envm_json_writer *w,
                                      const struct envm_prefix_record *record)
{
    const struct envm_package_record *package = record->record;

    if (package->link_script_count > 0) {
        envm_json_key(w, "link_scripts");
        envm_json_open_array(w);
        for (size_t i = 0; i < package->link_script_count; i++) {
            const struct envm_link_script *script = &package->link_scripts[i];

            envm_json_open_object(w);
            envm_json_field_str(w, "file", script->file);
            envm_json_field_cstr(w, "sha256", envm_sha256_hex(&script->sha256).text);
            if (script->network)
                envm_json_field_bool(w, "network", true);
            envm_json_close_object(w);
        }
        envm_json_close_array(w);
    }
    if (record->output_count > 0) {
        envm_json_key(w, "script_outputs");
        envm_json_open_array(w);
        for (size_t i = 0; i < record->output_count; i++)
            write_output(w, &record->outputs[i]);
        envm_json_close_array(w);
    }
}

static void read_sha256(struct envm_json_reader *json, struct envm_arena *arena,
                        struct envm_sha256 *ret_digest)
{
    envm_str text = {0};

    if (envm_json_string(json, arena, &text) && !envm_sha256_parse(text, ret_digest))
        envm_json_fail(json, "a sha256 that is not one");
}

static struct envm_link_script read_script(struct envm_json_reader *json, struct envm_arena *arena)
{
    struct envm_link_script script = {0};
    envm_str key;

    envm_json_begin_object(json);
    while (envm_json_next_key(json, arena, &key)) {
        if (envm_str_equal_c(key, "file"))
            envm_json_string(json, arena, &script.file);
        else if (envm_str_equal_c(key, "sha256"))
            read_sha256(json, arena, &script.sha256);
        else if (envm_str_equal_c(key, "network"))
            envm_json_bool(json, &script.network);
        else
            envm_json_skip(json, NULL);
    }
    if (!script.sha256.known)
        envm_json_fail(json, "a link script without a sha256");
    return script;
}

void envm_prefix_record_read_scripts(struct envm_json_reader *json, struct envm_arena *arena,
                                     struct envm_package_record *package)
{
    ENVM_VEC(struct envm_link_script) scripts = {0};

    for (envm_json_begin_array(json); envm_json_next_element(json);) {
        struct envm_link_script script = read_script(json, arena);

        envm_vec_push(&scripts, script);
    }
    package->link_scripts =
        envm_arena_copy(arena, scripts.items, scripts.count * sizeof(*scripts.items));
    package->link_script_count = scripts.count;
    envm_vec_release(&scripts);
}

static void read_type(struct envm_json_reader *json, struct envm_arena *arena,
                      enum envm_path_type *ret_type)
{
    envm_str text = {0};
    size_t type = 0;

    if (!envm_json_string(json, arena, &text))
        return;
    while (type < sizeof(type_names) / sizeof(type_names[0]) &&
           !envm_str_equal_c(text, type_names[type]))
        type++;
    if (type == sizeof(type_names) / sizeof(type_names[0]))
        envm_json_fail(json, "an output of a script of unknown type");
    else
        *ret_type = (enum envm_path_type)type;
}

static struct envm_script_output read_output(struct envm_json_reader *json,
                                             struct envm_arena *arena)
{
    struct envm_script_output output = {0};
    envm_str key;
    envm_str path = {0};

    envm_json_begin_object(json);
    while (envm_json_next_key(json, arena, &key)) {
        if (envm_str_equal_c(key, "path"))
            envm_json_string(json, arena, &path);
        else if (envm_str_equal_c(key, "type"))
            read_type(json, arena, &output.type);
        else if (envm_str_equal_c(key, "removed"))
            envm_json_bool(json, &output.removed);
        else if (envm_str_equal_c(key, "executable"))
            envm_json_bool(json, &output.executable);
        else if (envm_str_equal_c(key, "sha256"))
            read_sha256(json, arena, &output.sha256);
        else
            envm_json_skip(json, NULL);
    }
    if (envm_relpath_parse(arena, path, &output.path, NULL) != ENVM_OK)
        envm_json_fail(json, "a path that does not stay in the prefix");
    return output;
}

void envm_prefix_record_read_outputs(struct envm_json_reader *json, struct envm_arena *arena,
                                     struct envm_prefix_record *record)
{
    ENVM_VEC(struct envm_script_output) outputs = {0};

    for (envm_json_begin_array(json); envm_json_next_element(json);) {
        struct envm_script_output output = read_output(json, arena);

        envm_vec_push(&outputs, output);
    }
    record->outputs = envm_arena_copy(arena, outputs.items, outputs.count * sizeof(*outputs.items));
    record->output_count = outputs.count;
    envm_vec_release(&outputs);
}
