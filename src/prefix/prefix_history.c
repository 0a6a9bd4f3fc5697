/* SPDX-License-Identifier: MIT */
#include "prefix/prefix_history.h"

#include <stdlib.h>
#include <time.h>

#include "base/str.h"
#include "codec/json_writer.h"
#include "codec/url.h"
#include "conda/package_record.h"

static void add_one_line(struct envm_buf *out, envm_str text)
{
    for (size_t i = 0; i < text.len; i++)
        envm_buf_add_byte(out, (unsigned char)text.ptr[i] < 0x20 ? ' ' : text.ptr[i]);
}

/* A Python literal: conda reads the line with ast.literal_eval. */
static void add_literal(struct envm_buf *out, envm_str text)
{
    envm_buf_add_byte(out, '\'');
    for (size_t i = 0; i < text.len; i++) {
        if (text.ptr[i] == '\'' || text.ptr[i] == '\\')
            envm_buf_add_byte(out, '\\');
        envm_buf_add_byte(out, (unsigned char)text.ptr[i] < 0x20 ? ' ' : text.ptr[i]);
    }
    envm_buf_add_byte(out, '\'');
}

static void add_packages(char sign, const struct envm_package_record *const *records, size_t count,
                         struct envm_arena *arena, struct envm_buf *out)
{
    const struct envm_package_record **sorted =
        envm_arena_new_array(arena, const struct envm_package_record *, count);

    if (count == 0)
        return;
    memcpy(sorted, records, count * sizeof(*sorted));
    qsort(sorted, count, sizeof(*sorted), envm_package_record_compare_name);
    for (size_t i = 0; i < count; i++) {
        envm_str stem = envm_package_record_stem(arena, sorted[i]);

        envm_buf_printf(out, "%c%.*s/%.*s::%.*s\n", sign, ENVM_STR_ARGS(sorted[i]->channel),
                        ENVM_STR_ARGS(sorted[i]->subdir), ENVM_STR_ARGS(stem));
    }
}

static void add_specs(const char *title, struct envm_str_list specs, struct envm_arena *arena,
                      struct envm_buf *out)
{
    if (specs.count == 0)
        return;
    envm_buf_printf(out, "# %s specs: [", title);
    for (size_t i = 0; i < specs.count; i++) {
        envm_buf_add_cstr(out, i ? ", " : "");
        add_literal(out, envm_url_redact(arena, specs.items[i]));
    }
    envm_buf_add_cstr(out, "]\n");
}

void envm_history_write(const struct envm_history_block *block, struct envm_buf *out)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    time_t when = (time_t)block->time;
    struct tm date = {0};
    char text[32] = "";

    gmtime_r(&when, &date);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &date);
    envm_buf_printf(out, "==> %s <==\n", text);
    if (block->command_line.len > 0) {
        envm_buf_add_cstr(out, "# cmd: ");
        add_one_line(out, envm_url_redact(&arena, block->command_line));
        envm_buf_add_byte(out, '\n');
    }
    envm_buf_add_cstr(out, "# envm version: " ENVM_VERSION "\n");
    add_packages('-', block->unlinked, block->unlinked_count, &arena, out);
    add_packages('+', block->linked, block->linked_count, &arena, out);
    add_specs("update", block->update_specs, &arena, out);
    add_specs("remove", block->remove_specs, &arena, out);
}

void envm_state_write(const struct envm_environment_variable *variables, size_t count,
                      struct envm_buf *out)
{
    struct envm_json_writer w;

    envm_json_writer_init(&w, out, 2);
    envm_json_open_object(&w);
    envm_json_key(&w, "env_vars");
    envm_json_open_object(&w);
    for (size_t i = 0; i < count; i++) {
        envm_json_key_str(&w, variables[i].name);
        envm_json_put_str(&w, variables[i].value);
    }
    envm_json_close_object(&w);
    envm_json_close_object(&w);
    envm_buf_add_byte(out, '\n');
}
