/* SPDX-License-Identifier: MIT
 *
 * What several commands print.
 */
#include <stdarg.h>
#include <stdio.h>

#include "base/arena.h"
#include "base/alloc.h"
#include "base/hex.h"
#include "base/size_text.h"
#include "base/str.h"
#include "base/utf8.h"
#include "cli/command.h"
#include "cli/progress_ui.h"
#include "sys/tty.h"

#define LINE_MAX_BYTES 4096
#define TEXT_MAX_BYTES ((size_t)1 << 20)

void envm_cli_format_size(uint64_t bytes, char buffer[16])
{
    snprintf(buffer, 16, "%s", envm_size_text(bytes).text);
}

/* Lines and dots that envm draws itself, for terminals that know ASCII only. Names and values that
 * come from outside stay what they are. */
static void put(FILE *stream, envm_str text)
{
    static const struct {
        envm_str drawn, plain;
    } rows[] = {
        {ENVM_STR_INIT("│"), ENVM_STR_INIT("|")},   {ENVM_STR_INIT("├"), ENVM_STR_INIT("|")},
        {ENVM_STR_INIT("└"), ENVM_STR_INIT("`")},   {ENVM_STR_INIT("─"), ENVM_STR_INIT("-")},
        {ENVM_STR_INIT("…"), ENVM_STR_INIT("...")}, {ENVM_STR_INIT("→"), ENVM_STR_INIT("->")},
    };
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();

    if (!envm_tty_wants_ascii()) {
        fputs(text.ptr, stream);
        return;
    }
    while (text.len > 0) {
        size_t row = 0;

        while (row < sizeof(rows) / sizeof(rows[0]) && !envm_str_starts_with(text, rows[row].drawn))
            row++;
        if (row < sizeof(rows) / sizeof(rows[0])) {
            envm_buf_add_str(&out, rows[row].plain);
            text = envm_str_skip(text, rows[row].drawn.len);
        } else {
            envm_buf_add_byte(&out, text.ptr[0]);
            text = envm_str_skip(text, 1);
        }
    }
    fputs(envm_buf_str(&out).ptr, stream);
}

void envm_cli_put(FILE *stream, envm_str text)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();
    envm_str line;
    bool first = true;

    while (envm_str_split_next(&text, '\n', &line)) {
        if (!first)
            envm_buf_add_byte(&out, '\n');
        first = false;
        envm_buf_add_escaped(&out, line, LINE_MAX_BYTES);
    }
    put(stream, envm_buf_str(&out));
}

static ENVM_PRINTF(2, 0) void print_line(FILE *stream, const char *format, va_list args)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};
    ENVM_CLEANUP(envm_buf) struct envm_buf out = envm_buf_text();

    envm_buf_add_escaped(&out, envm_arena_vprintf(&arena, format, args), TEXT_MAX_BYTES);
    envm_buf_add_byte(&out, '\n');
    put(stream, envm_buf_str(&out));
}

void envm_cli_line(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    print_line(stdout, format, args);
    va_end(args);
}

void envm_cli_start_output(struct cli *cli)
{
    if (cli->progress)
        envm_progress_ui_clear(cli->progress);
}

void envm_cli_note(struct cli *cli, const char *format, ...)
{
    va_list args;

    if (cli->common.quiet || cli->common.json)
        return;
    envm_cli_start_output(cli);
    va_start(args, format);
    print_line(stderr, format, args);
    va_end(args);
}

void envm_cli_note_list(struct cli *cli, const char *title, struct envm_str_list list)
{
    if (list.count == 0)
        return;
    envm_cli_note(cli, "%s", title);
    for (size_t i = 0; i < list.count; i++)
        envm_cli_note(cli, "  %.*s", ENVM_STR_ARGS(list.items[i]));
}

struct envm_sha256_text envm_cli_sha256_text(const struct envm_sha256 *digest)
{
    struct envm_sha256_text text;

    snprintf(text.text, sizeof(text.text), "sha256:%s", envm_sha256_hex(digest).text);
    return text;
}

void envm_cli_json_package_fields(struct envm_json_writer *w,
                                  const struct envm_package_record *record)
{
    struct envm_hex_text sha256 = envm_sha256_hex(&record->sha256);
    struct envm_hex_text md5 = envm_md5_hex(&record->md5);

    envm_json_field_str(w, "name", record->name);
    envm_json_field_str(w, "version", record->version);
    envm_json_field_str(w, "build", record->build);
    envm_json_field_u64(w, "build_number", record->build_number);
    envm_json_field_str(w, "channel", record->channel);
    envm_json_field_str(w, "subdir", record->subdir);
    envm_json_field_str(w, "url", record->url);
    envm_json_field_cstr(w, "sha256", record->sha256.known ? sha256.text : NULL);
    envm_json_field_cstr(w, "md5", record->md5.known ? md5.text : NULL);
    envm_json_key(w, "size");
    if (record->has_size)
        envm_json_put_u64(w, record->size);
    else
        envm_json_put_null(w);
}

void envm_cli_json_package(struct envm_json_writer *w, const struct envm_package_record *record)
{
    envm_json_open_object(w);
    envm_cli_json_package_fields(w, record);
    envm_json_close_object(w);
}

void envm_cli_json_package_or_null(struct envm_json_writer *w, const char *key,
                                   const struct envm_package_record *record)
{
    envm_json_key(w, key);
    if (record)
        envm_cli_json_package(w, record);
    else
        envm_json_put_null(w);
}

void envm_cli_json_packages(struct envm_json_writer *w, const char *key,
                            struct envm_record_view packages)
{
    envm_json_key(w, key);
    envm_json_open_array(w);
    for (size_t i = 0; i < packages.count; i++)
        envm_cli_json_package(w, packages.items[i]);
    envm_json_close_array(w);
}

int envm_cli_widest(int width, envm_str text)
{
    return text.len > (size_t)width ? (int)(text.len > 60 ? 60 : text.len) : width;
}

void envm_cli_print_packages(struct envm_record_view packages)
{
    int name = 4;
    int version = 7;
    int build = 5;

    for (size_t i = 0; i < packages.count; i++) {
        name = envm_cli_widest(name, packages.items[i]->name);
        version = envm_cli_widest(version, packages.items[i]->version);
        build = envm_cli_widest(build, packages.items[i]->build);
    }
    for (size_t i = 0; i < packages.count; i++) {
        const struct envm_package_record *record = packages.items[i];

        envm_cli_line("%-*.*s  %-*.*s  %-*.*s  %.*s", name, ENVM_STR_ARGS(record->name), version,
                      ENVM_STR_ARGS(record->version), build, ENVM_STR_ARGS(record->build),
                      ENVM_STR_ARGS(record->channel));
    }
}

void envm_cli_explain(struct cli *cli, enum envm_code code,
                      const struct envm_explanation *explanation, struct envm_error *err)
{
    if (code != ENVM_UNSATISFIABLE || explanation->text.len == 0)
        return;
    if (cli->common.json) {
        envm_json_key(&cli->json, "explanation");
        envm_json_put_raw(&cli->json, explanation->json);
    } else {
        envm_free(err->text);
        err->text = envm_strdup(explanation->text.ptr);
    }
}
