/* SPDX-License-Identifier: MIT */
#include "cli/script_rows.h"

#include "base/arena.h"
#include "base/hex.h"
#include "base/str.h"
#include "base/utf8.h"

struct envm_script_options envm_cli_script_options(const struct script_args *args)
{
    return (struct envm_script_options){
        .run = args->run.items, .run_count = args->run.count, .none = args->none};
}

static void json_script(struct envm_json_writer *w, const struct envm_script_report *script)
{
    envm_json_open_object(w);
    envm_json_field_str(w, "package", script->package);
    envm_json_field_str(w, "file", script->file);
    envm_json_field_cstr(w, "sha256", envm_sha256_hex(&script->sha256).text);
    envm_json_field_bool(w, "ran", script->ran);
    envm_json_field_bool(w, "network", script->network);
    envm_json_field_u64(w, "milliseconds", script->milliseconds);
    envm_json_field_str(w, "why", script->why);
    envm_json_close_object(w);
}

void envm_cli_json_scripts(struct envm_json_writer *w, const struct envm_script_reports *scripts)
{
    ENVM_CLEANUP(envm_arena) struct envm_arena arena = {0};

    envm_json_key(w, "scripts");
    envm_json_open_array(w);
    for (size_t i = 0; i < scripts->count; i++)
        json_script(w, &scripts->items[i]);
    envm_json_close_array(w);
    envm_json_key(w, "skipped_scripts");
    envm_json_open_array(w);
    for (size_t i = 0; i < scripts->count; i++) {
        const struct envm_script_report *script = &scripts->items[i];

        if (!script->ran)
            envm_json_put_str(w, envm_arena_printf(&arena, "%.*s: %.*s",
                                                   ENVM_STR_ARGS(script->package),
                                                   ENVM_STR_ARGS(script->file)));
    }
    envm_json_close_array(w);
    envm_json_field_str(w, "script_messages", scripts->messages);
}

static void note_script(struct cli *cli, const struct envm_script_report *script)
{
    ENVM_CLEANUP(envm_buf) struct envm_buf file = envm_buf_text();

    envm_buf_add_escaped(&file, script->file, 256);
    if (script->ran)
        envm_cli_note(cli, "  %.*s: %s (%.1f s%s)", ENVM_STR_ARGS(script->package),
                      envm_buf_str(&file).ptr, (double)script->milliseconds / 1000.0,
                      script->network ? ", with network" : "");
    else
        envm_cli_note(cli, "  %.*s: %s (%.*s; sha256 %s)", ENVM_STR_ARGS(script->package),
                      envm_buf_str(&file).ptr, ENVM_STR_ARGS(script->why),
                      envm_sha256_hex(&script->sha256).text);
}

static size_t note_those(struct cli *cli, const struct envm_script_reports *scripts, bool ran,
                         const char *title)
{
    size_t count = 0;

    for (size_t i = 0; i < scripts->count; i++) {
        if (scripts->items[i].ran != ran)
            continue;
        if (count++ == 0)
            envm_cli_note(cli, "%s", title);
        note_script(cli, &scripts->items[i]);
    }
    return count;
}

void envm_cli_note_scripts(struct cli *cli, const struct envm_script_reports *scripts)
{
    envm_str rest = scripts->messages;
    envm_str line;

    note_those(cli, scripts, true, "link scripts that were run:");
    if (note_those(cli, scripts, false, "link scripts that were not run:") > 0)
        envm_cli_note(cli, "  (--run-scripts NAME agrees to those of a package; see envm(1), "
                           "LINK SCRIPTS)");
    if (rest.len > 0)
        envm_cli_note(cli, "the scripts say:");
    while (rest.len > 0 && envm_str_split_next(&rest, '\n', &line))
        envm_cli_note(cli, "  %.*s", ENVM_STR_ARGS(line));
}
